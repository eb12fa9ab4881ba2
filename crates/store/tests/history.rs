//! The history from outside: what is written comes back, in the words it went in.

use std::net::IpAddr;
use std::time::Duration;
use store::{
    FlowFilter, Grouping, HistoryQuery, LatestIds, Message, Reader, Resolution, SeriesKey, Store, StoreError,
    StoreSettings, Writer,
};
use vocab::{
    Actor, Address, Aggregate, Alert, AlertKind, Because, BitRate, ByteCount, Decision, DecisionKind, DeviceId,
    DeviceRecord, Directed, Direction, Endpoint, FlowKey, FlowSummary, Forecast, ForecastRecord, HeldBack, Horizon,
    IpProtocol, LinkId, MacAddress, Maturity, Mode, Part, PlanId, Priority, Quantiles, Record, Sample, Score,
    ScoreRecord, Severity, Subject, Tier, Timestamp, TrafficClass, Usage, Verdict,
};

/// A writer and a reader on a fresh history.
struct Bench {
    writer: Writer,
    reader: Reader,
    _folder: tempfile::TempDir,
}

fn fresh() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreSettings::at(folder.path().join("sub/history.db"))).unwrap();
    let reader = store.reader().unwrap();
    Bench { writer: store.into_writer().unwrap(), reader, _folder: folder }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_secs(seconds)
}

fn device(last: u8) -> DeviceId {
    DeviceId::Mac(MacAddress([0xa4, 0x5e, 0x60, 0, 0, last]))
}

fn aggregate(last: u8, class: TrafficClass) -> Aggregate {
    Aggregate { device: device(last), class }
}

fn quantiles(base: u64) -> Quantiles {
    Quantiles::new(BitRate::from_kbps(base), BitRate::from_kbps(base * 2), BitRate::from_kbps(base * 3))
}

fn sample(second: u64, last: u8, class: TrafficClass, bytes: u64) -> Sample {
    Sample {
        link: LinkId(0),
        aggregate: aggregate(last, class),
        start: at(second),
        window: Duration::from_secs(1),
        bytes: Directed { download: ByteCount(bytes), upload: ByteCount(bytes / 10) },
        packets: Directed { download: bytes / 1_000, upload: 1 },
        flows: 2,
    }
}

#[track_caller]
fn write(writer: &mut Writer, record: Record) {
    writer.write(Message::Record(record)).unwrap();
}

fn decisions() -> Vec<Decision> {
    let all_because = vec![
        Because::DemandOverCapacity { demand: BitRate::from_mbps(30), capacity: BitRate::from_mbps(20) },
        Because::Protect { class: TrafficClass::Voice, need: quantiles(100) },
        Because::OwnCeiling { ceiling: BitRate::MAX },
        Because::EarlierTier { own: Tier::LAST, exhausted: Tier::PROTECTED },
        Because::FairShare { tier: Tier::new(3).unwrap(), level: BitRate::from_bps(1) },
        Because::ForecastMoved { need: quantiles(7) },
        Because::DemandFell,
        Because::Asked,
    ];
    let priority = |level| Priority::new(level).unwrap();
    let kinds = [
        (DecisionKind::Held, Subject::Device(device(1)), Actor::Automatic),
        (DecisionKind::Released, Subject::Aggregate(aggregate(1, TrafficClass::Web)), Actor::Automatic),
        (DecisionKind::Reserved, Subject::Class(TrafficClass::Call), Actor::Automatic),
        (DecisionKind::EarlyYield, Subject::Link(LinkId(2)), Actor::Automatic),
        (
            DecisionKind::PriorityChanged { from: priority(3), to: priority(1) },
            Subject::Device(DeviceId::Ip("fd00::5".parse().unwrap())),
            Actor::Person("anna".into()),
        ),
        (DecisionKind::PolicyChanged, Subject::Service, Actor::Configuration),
        (
            DecisionKind::ModeChanged { from: Mode::Observe, to: Mode::Control },
            Subject::Service,
            Actor::Person(String::new()),
        ),
        (DecisionKind::CapacityChanged, Subject::Link(LinkId(0)), Actor::Configuration),
    ];
    let decision = |(index, (kind, subject, by)): (usize, (DecisionKind, Subject, Actor))| Decision {
        id: index as u64 + 1,
        at: at(100 + index as u64),
        kind,
        subject,
        direction: [None, Some(Direction::Download), Some(Direction::Upload)][index % 3],
        from: BitRate::from_mbps(9),
        to: BitRate::MAX,
        because: if index == 0 { all_because.clone() } else { Vec::new() },
        parts: vec![(Part::Guarantee, BitRate::from_mbps(2)), (Part::Share, BitRate::from_mbps(3))],
        by,
    };
    kinds.into_iter().enumerate().map(decision).collect()
}

fn alerts() -> Vec<Alert> {
    let kinds = [
        (AlertKind::PlanFailed { reason: "EINVAL".into() }, Severity::Critical),
        (AlertKind::RecordingStopped { reason: "disk".into() }, Severity::Warning),
        (AlertKind::CaptureLoss { packets: 12 }, Severity::Warning),
        (AlertKind::NewDevice, Severity::Info),
        (AlertKind::GuaranteeMissed { owed: BitRate::from_mbps(5), got: BitRate::from_mbps(4) }, Severity::Critical),
        (AlertKind::FlowTableFull, Severity::Warning),
    ];
    let alert = |(index, (kind, severity)): (usize, (AlertKind, Severity))| Alert {
        id: index as u64 + 1,
        at: at(200 + index as u64),
        severity,
        kind,
        subject: Subject::Service,
        count: index as u32,
        ended: (index % 2 == 0).then(|| at(300)),
    };
    kinds.into_iter().enumerate().map(alert).collect()
}

fn flow(port: u16, last: u8, ended: u64) -> FlowSummary {
    let end = |ip: &str, port| Endpoint { address: Address::from(ip.parse::<IpAddr>().unwrap()), port };
    let (key, initiator) = FlowKey::new(IpProtocol::UDP, end("fd00::20", port), end("2001:db8::9", 443));
    let class = TrafficClass::Streaming;
    FlowSummary {
        key,
        initiator,
        device: (last > 0).then(|| device(last)),
        verdict: Verdict {
            class,
            application: "QUIC".into(),
            server_name: format!("cdn_{last}.example"),
            confidence: 0.75,
            evidence: "server name".into(),
            ja4: if last == 2 { "q13d0312h3_55b375c5d22e_06cda9e17597".into() } else { String::new() },
            given_after: vocab::GivenAfter::default(),
        },
        bytes: Directed { download: ByteCount(9_000), upload: ByteCount(70) },
        packets: Directed { download: 7, upload: 1 },
        first_seen: at(1),
        last_seen: at(ended),
    }
}

#[test]
fn decisions_and_alerts_come_back_as_they_were() {
    let Bench { mut writer, reader, _folder } = fresh();
    for decision in decisions() {
        write(&mut writer, Record::Decision(decision));
    }
    for alert in alerts() {
        write(&mut writer, Record::Alert(alert));
    }
    write(&mut writer, Record::PlanApplied { plan: PlanId(41), at: at(5), changes: 3 });
    assert_eq!(reader.decisions(at(0), 100).unwrap(), decisions());
    assert_eq!(reader.decisions(at(0), 2).unwrap(), decisions()[6..]);
    assert_eq!(reader.decisions(at(105), 100).unwrap(), decisions()[5..]);
    assert_eq!(reader.alerts(at(0), 100).unwrap(), alerts());
    assert_eq!(reader.latest_ids().unwrap(), LatestIds { plan: 41, decision: 8, alert: 6 });

    let (rate, usual) = (BitRate::from_mbps(40), BitRate::from_mbps(2));
    let kind = AlertKind::Unusual { direction: Direction::Upload, rate, usual, minute: 190 };
    let disturbed = AlertKind::QueuesDisturbed { what: "lan: the queues are gone".to_owned() };
    // Kinds that yesterday's histories do not know.
    let newer: Vec<Alert> = (7..)
        .zip([kind, disturbed, AlertKind::CapacityBlind { why: vocab::Blindness::NoReaction }])
        .map(|(id, kind)| Alert { id, kind, ..alerts()[5].clone() })
        .collect();
    newer.iter().for_each(|alert| write(&mut writer, Record::Alert(alert.clone())));
    assert_eq!(reader.alerts(at(0), 100).unwrap()[6..], newer);

    let again = Alert { count: 9, ended: Some(at(400)), ..alerts()[1].clone() };
    write(&mut writer, Record::Alert(again.clone()));
    assert_eq!(reader.alerts(at(0), 100).unwrap()[1], again);
}

#[test]
fn devices_flows_and_settings_come_back() {
    let Bench { mut writer, reader, _folder } = fresh();
    let record = |name: &str, first, last| DeviceRecord {
        device: device(1),
        name: name.into(),
        vendor: "Apple, Inc.".into(),
        addresses: vec!["fd00::20".parse().unwrap(), "192.168.1.20".parse().unwrap()],
        first_seen: at(first),
        last_seen: at(last),
    };
    write(&mut writer, Record::Samples(vec![sample(1, 1, TrafficClass::Web, 1)])); // known by its traffic before its name
    write(&mut writer, Record::Device(record("iPhone", 50, 60)));
    write(&mut writer, Record::Device(record("Anna", 55, 70)));
    assert_eq!(reader.devices().unwrap(), [record("Anna", 50, 70)]);

    let flows = [flow(1, 1, 10), flow(2, 2, 20), flow(3, 0, 30)];
    flows.iter().for_each(|flow| write(&mut writer, Record::Flow(flow.clone())));
    let found = |filter: FlowFilter, limit| reader.flows(&filter, limit).unwrap();
    assert_eq!(found(FlowFilter::default(), 9), flows);
    assert_eq!(found(FlowFilter::default(), 2), flows[1..]);
    assert_eq!(found(FlowFilter { device: Some(device(2)), ..FlowFilter::default() }, 9), flows[1..2]);
    assert_eq!(found(FlowFilter { device: Some(device(9)), ..FlowFilter::default() }, 9), []);
    assert_eq!(found(FlowFilter { class: Some(TrafficClass::Web), ..FlowFilter::default() }, 9), []);
    assert_eq!(found(FlowFilter { text: Some("CDN_1".into()), ..FlowFilter::default() }, 9), flows[..1]);
    assert_eq!(found(FlowFilter { text: Some("cdn%1".into()), ..FlowFilter::default() }, 9), []);
    assert_eq!(found(FlowFilter { address: Some("2001:db8::9".parse().unwrap()), ..FlowFilter::default() }, 9), flows);
    assert_eq!(
        found(FlowFilter { since: Some(at(20)), before: Some(at(30)), ..FlowFilter::default() }, 9),
        flows[1..2]
    );

    let mut set = |value: Option<&str>, seconds| {
        let (key, value) = ("policy".to_owned(), value.map(str::to_owned));
        let by = Actor::Person("anna".into());
        writer.write(Message::Setting { key, value, by, at: at(seconds), done: None }).unwrap();
        reader.setting("policy").unwrap().map(|setting| setting.value)
    };
    assert_eq!(set(Some("{}"), 1).as_deref(), Some("{}"));
    assert_eq!(set(Some("{\"a\":1}"), 2).as_deref(), Some("{\"a\":1}"));
    assert_eq!(set(None, 3), None);
    let audit: Vec<_> =
        reader.setting_changes(at(0), 9).unwrap().into_iter().map(|change| (change.old, change.new)).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(audit, [(None, text("{}")), (text("{}"), text("{\"a\":1}")), (text("{\"a\":1}"), None)]);
}

#[test]
fn forecasts_and_scores_come_back() {
    let Bench { mut writer, reader, _folder } = fresh();
    let mut all = [Quantiles::ZERO; Horizon::COUNT];
    all.iter_mut().enumerate().for_each(|(index, quantile)| *quantile = quantiles(index as u64 + 1));
    let forecast = Forecast { at: at(9), quantiles: all, model: "ewma", maturity: Maturity::Mature };
    let aggregate = aggregate(1, TrafficClass::Call);
    write(&mut writer, Record::Forecasts(vec![ForecastRecord { aggregate, direction: Direction::Upload, forecast }]));
    let stored = &reader.forecasts(at(0), 9).unwrap()[0];
    assert_eq!((stored.aggregate, stored.direction, stored.at), (aggregate, Direction::Upload, at(9)));
    assert_eq!((stored.model.as_str(), stored.quantiles), ("ewma", all));

    let score = Score { said: quantiles(4), came: BitRate::from_kbps(5), horizon: Horizon::Mean15s, said_at: at(9) };
    write(
        &mut writer,
        Record::Scores(vec![ScoreRecord { aggregate, direction: Direction::Download, model: "ewma", score }]),
    );
    assert_eq!(reader.scores(at(0), 9).unwrap()[0].score, score);
}

/// Two devices for three minutes, one of them moving every second.
fn three_minutes(writer: &mut Writer) {
    for second in 600..780 {
        let mut samples = vec![sample(second, 1, TrafficClass::Web, 1_000)];
        if second % 10 == 0 {
            samples.push(sample(second, 2, TrafficClass::Backup, 50_000));
        }
        write(writer, Record::Samples(samples));
    }
}

fn query(from: u64, to: u64) -> HistoryQuery {
    HistoryQuery::total(at(from), at(to))
}

fn kbps(kbps: &[u64]) -> Vec<Option<BitRate>> {
    kbps.iter().map(|rate| Some(BitRate::from_kbps(*rate))).collect()
}

#[test]
fn history_spans_closed_and_open_minutes() {
    let Bench { mut writer, reader, _folder } = fresh();
    three_minutes(&mut writer);
    let seconds = reader.history(&query(600, 780)).unwrap();
    assert_eq!((seconds.resolution, seconds.step, seconds.points), (Resolution::Second, Duration::from_secs(1), 180));
    let total = &seconds.series[&SeriesKey::Total].download;
    assert_eq!(total.mean[..2], kbps(&[408, 8]));
    assert_eq!(total.mean[170..172], kbps(&[408, 8]));

    // The same as minutes, of which the last is still open.
    let minutes = HistoryQuery { resolution: Some(Resolution::Minute), grouping: Grouping::Classes, ..query(600, 780) };
    let minutes = reader.history(&minutes).unwrap();
    assert_eq!(minutes.series[&SeriesKey::Class(TrafficClass::Web)].download.mean, kbps(&[8, 8, 8]));
    assert_eq!(minutes.series[&SeriesKey::Class(TrafficClass::Backup)].upload.mean, kbps(&[4, 4, 4]));

    let devices =
        HistoryQuery { grouping: Grouping::Devices { most: 1 }, resolution: Some(Resolution::Hour), ..query(600, 780) };
    let devices = reader.history(&devices).unwrap();
    assert_eq!(devices.series.keys().copied().collect::<Vec<_>>(), [SeriesKey::Device(device(2)), SeriesKey::Rest]);
    // Three minutes of an hour that is not over yet: 13 minutes of it have passed.
    assert_eq!(devices.series[&SeriesKey::Rest].download.mean, [Some(BitRate::from_bps(180 * 8_000 / 780))]);
}

#[test]
fn the_first_hour_is_shown_in_seconds() {
    let Bench { mut writer, reader, _folder } = fresh();
    three_minutes(&mut writer);
    // The hour and the minute that the first seconds belong to began earlier; nothing finer is missing for that.
    let hour = reader.history(&HistoryQuery { points: 13, ..query(0, 780) }).unwrap();
    assert_eq!((hour.resolution, hour.step, hour.t0), (Resolution::Second, Duration::from_secs(60), at(0)));
    let mut expected = vec![None; 10];
    expected.extend(kbps(&[48, 48, 48]));
    assert_eq!(hour.series[&SeriesKey::Total].download.mean, expected);
}

#[test]
fn points_are_joined_and_gaps_are_gaps() {
    let Bench { mut writer, reader, _folder } = fresh();
    three_minutes(&mut writer);
    let joined = reader.history(&HistoryQuery { points: 18, ..query(600, 780) }).unwrap();
    let total = &joined.series[&SeriesKey::Total].download;
    assert_eq!((joined.step, joined.points), (Duration::from_secs(10), 18));
    assert_eq!((total.mean[0], total.min[0], total.max[0]), (kbps(&[48])[0], kbps(&[8])[0], kbps(&[408])[0]));

    let beyond = reader.history(&query(600, 840)).unwrap();
    let total = &beyond.series[&SeriesKey::Total].download;
    assert_eq!((total.mean.len(), total.mean[179].is_some(), total.mean[180]), (240, true, None));
    // Asked for years: from the first record on, never more than the most points.
    let years = reader.history(&query(0, 100 * 365 * 86_400)).unwrap();
    assert!(years.points <= Reader::MAX_POINTS && years.t0 <= at(600), "{} {:?}", years.points, years.t0);
    assert_eq!(reader.history(&query(780, 600)).unwrap().points, 0);
    // An idle second is zero, not a gap.
    let only = HistoryQuery { device: Some(device(2)), ..query(600, 620) };
    assert_eq!(reader.history(&only).unwrap().series[&SeriesKey::Total].download.mean[..3], kbps(&[400, 0, 0]));
    let nobody = HistoryQuery { device: Some(device(9)), ..query(600, 620) };
    assert_eq!(reader.history(&nobody).unwrap().series[&SeriesKey::Total].download.mean[..2], kbps(&[0, 0]));
}

#[test]
fn the_busiest_devices_are_found() {
    let Bench { mut writer, reader, _folder } = fresh();
    three_minutes(&mut writer);
    let top = reader.top_devices(at(600), at(780), 10).unwrap();
    assert_eq!(top.iter().map(|volume| volume.device).collect::<Vec<_>>(), [device(2), device(1)]);
    assert_eq!(top[0].bytes.download, ByteCount(18 * 50_000));
    assert_eq!(reader.top_devices(at(600), at(780), 1).unwrap().len(), 1);
}

#[test]
fn a_new_start_goes_on_where_the_last_ended() {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings::at(folder.path().join("history.db"));
    let mut writer = Store::open(settings.clone()).unwrap().into_writer().unwrap();
    three_minutes(&mut writer);
    drop(writer);
    let store = Store::open(settings).unwrap();
    let reader = store.reader().unwrap();
    let mut writer = store.into_writer().unwrap();
    write(&mut writer, Record::Samples(vec![sample(900, 1, TrafficClass::Web, 1_000)]));
    let total = reader.history(&HistoryQuery { resolution: Some(Resolution::Minute), ..query(600, 780) }).unwrap();
    assert_eq!(total.series[&SeriesKey::Total].download.mean, kbps(&[48, 48, 48]));
}

#[test]
fn foreign_and_damaged_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = Store::open(StoreSettings::at(&path)).unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name} was touched");
        error
    };
    assert!(matches!(
        check("text", &b"not a database, but long enough to look like one ".repeat(40)),
        StoreError::Damaged { .. }
    ));
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x); PRAGMA application_id = 7").unwrap();
    let bytes = std::fs::read(&other).unwrap();
    assert!(matches!(check("foreign", &bytes), StoreError::Foreign { application_id: 7, .. }));
}

#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let _store = Store::open(StoreSettings::at(&path)).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(folder.path().join("history.db-wal")).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Histories that each version wrote, committed. With `EQUALNET_GOLDEN=1` a new version writes its own beside the old
/// ones.
#[test]
fn yesterdays_history_opens_today() {
    check_history_of("v1.db", flow(1, 1, 700));
    check_history_of("v2.db", flow(1, 2, 700));
}

fn check_history_of(version: &str, flow: FlowSummary) {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    if std::env::var_os("EQUALNET_GOLDEN").is_some() && !golden.exists() {
        let mut writer = Store::open(StoreSettings::at(&path)).unwrap().into_writer().unwrap();
        three_minutes(&mut writer);
        decisions().into_iter().for_each(|decision| write(&mut writer, Record::Decision(decision)));
        alerts().into_iter().for_each(|alert| write(&mut writer, Record::Alert(alert)));
        write(&mut writer, Record::Flow(flow.clone()));
        let (_sender, receiver) = store::channel(1, 1);
        drop(_sender);
        writer.run(receiver, |event| panic!("{event:?}"));
        std::fs::copy(&path, &golden).unwrap();
    }
    std::fs::copy(&golden, &path).unwrap();
    let store = Store::open(StoreSettings::at(&path)).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.decisions(at(0), 100).unwrap(), decisions());
    assert_eq!(reader.alerts(at(0), 100).unwrap(), alerts());
    assert_eq!(reader.flows(&FlowFilter::default(), 9).unwrap(), [flow]);
    let total = reader.history(&query(600, 780)).unwrap();
    assert_eq!(total.series[&SeriesKey::Total].download.mean[..2], kbps(&[408, 8]));
    let mut writer = store.into_writer().unwrap();
    write(&mut writer, Record::Samples(vec![sample(900, 1, TrafficClass::Web, 1_000)]));
}

/// The hours of a link or a device: megabytes down, or `-` for a gap, and minutes where not the whole was recorded.
#[track_caller]
fn check_hours(reader: &Reader, link: Option<u16>, of: Option<u8>, expected: &str) {
    let hours = reader.hours(at(0), at(100 * 3_600), link.map(LinkId), of.map(device)).unwrap();
    let text: Vec<String> = hours
        .hours
        .iter()
        .map(|hour| match hour {
            None => "-".to_owned(),
            Some(hour) if hour.recorded == Duration::from_secs(3_600) => {
                (hour.bytes.download.0 / 1_000_000).to_string()
            }
            Some(hour) => format!("{}/{}", hour.bytes.download.0 / 1_000_000, hour.recorded.as_secs() / 60),
        })
        .collect();
    assert_eq!(format!("{} {}", hours.first.as_unix_secs() / 3_600, text.join(" ")), expected);
}

#[test]
fn hours_tell_zeros_from_gaps_and_parts_from_wholes() {
    let Bench { mut writer, reader, _folder } = fresh();
    // From 10:30 on; a gap from 13 to 15; then until 16:20. The second device begins at 11:05 and is idle from 12 on.
    for minute in (10 * 60 + 30..13 * 60).chain(15 * 60..16 * 60 + 20) {
        let mut samples = vec![sample(minute * 60, 1, TrafficClass::Web, 1_000_000)];
        if (11 * 60 + 5..12 * 60).contains(&minute) {
            samples.push(sample(minute * 60, 2, TrafficClass::Backup, 2_000_000));
        }
        write(&mut writer, Record::Samples(samples));
    }
    check_hours(&reader, None, None, "10 30/30 170 60 - - 60 20/20");
    check_hours(&reader, Some(0), Some(1), "10 30/30 60 60 - - 60 20/20");
    check_hours(&reader, Some(0), Some(2), "11 110 0 - - 0 0/20");
    check_hours(&reader, Some(7), None, "0 ");
    check_hours(&reader, None, Some(9), "0 ");
}

/// Seconds of web traffic of one device: when, bytes down, whether it was held back.
fn seconds(reader: &Reader, from: u64, to: u64) -> Vec<(u64, u64, bool)> {
    let mut all = Vec::new();
    let mut take = |second: store::Second| {
        assert_eq!((second.link, second.aggregate), (LinkId(0), aggregate(1, TrafficClass::Web)));
        let usage = second.usage.download;
        let is_held_back = matches!(usage, Usage::Backlogged(_));
        assert!(matches!(second.usage.upload, Usage::Free(_)));
        all.push((second.start.as_unix_secs(), usage.rate().as_bps() / 8, is_held_back));
    };
    reader.seconds(at(from), at(to), &mut take).unwrap();
    all
}

#[test]
fn seconds_say_what_moved_and_who_was_held_back() {
    let Bench { mut writer, reader, _folder } = fresh();
    assert_eq!((seconds(&reader, 0, 10_000), reader.seconds_until().unwrap()), (vec![], None));
    let (link, aggregate) = (LinkId(0), aggregate(1, TrafficClass::Web));
    let held_back = |second| HeldBack { link, aggregate, direction: Direction::Download, start: at(second) };
    for second in [3_590, 3_591, 3_600, 3_700] {
        write(&mut writer, Record::Samples(vec![sample(second, 1, TrafficClass::Web, second)]));
    }
    // Later than what moved then, and in a second in which nothing could move.
    write(&mut writer, Record::HeldBack(vec![held_back(3_591), held_back(3_595)]));
    write(&mut writer, Record::Samples(vec![sample(3_900, 1, TrafficClass::Web, 1)]));
    let (free, held) = (false, true);
    let all =
        [(3_590, 3_590, free), (3_591, 3_591, held), (3_595, 0, held), (3_600, 3_600, free), (3_700, 3_700, free)];
    assert_eq!(seconds(&reader, 0, 10_000), all);
    assert_eq!(seconds(&reader, 3_591, 3_600), all[1..3], "from, and not until");
    assert_eq!(reader.seconds_until().unwrap(), Some(at(3_720)));
    // What was held back before it closed, after a crash.
    write(&mut writer, Record::HeldBack(vec![held_back(3_901)]));
    drop(writer);
    let path = _folder.path().join("sub/history.db");
    let mut writer = Store::open(StoreSettings::at(path)).unwrap().into_writer().unwrap();
    write(&mut writer, Record::Samples(vec![sample(4_900, 1, TrafficClass::Web, 1)]));
    assert_eq!(seconds(&reader, 3_900, 3_999), [(3_900, 1, free), (3_901, 0, held)]);
}

#[test]
fn seconds_are_bounded_in_days() {
    let Bench { mut writer, reader, _folder } = fresh();
    for hour in 0..100 {
        write(&mut writer, Record::Samples(vec![sample(hour * 3_600, 1, TrafficClass::Web, 1)]));
    }
    let kept = seconds(&reader, 0, 1_000_000);
    assert_eq!((kept.first().unwrap().0, kept.last().unwrap().0), (51 * 3_600, 98 * 3_600), "two days by default");
}

#[test]
fn spans_say_what_devices_moved_while_all_of_them_was_recorded() {
    let mut bench = fresh();
    // Recorded from the middle of one span to the middle of the third; a device in each minute, another now and then.
    for minute in 2..13 {
        let second = 6_000 + minute * 60 + 7;
        let mut samples = vec![sample(second, 1, TrafficClass::Web, 100), sample(second, 1, TrafficClass::Voice, 50)];
        if minute == 6 || minute == 8 {
            samples.push(sample(second, 2, TrafficClass::Web, 1_000));
        }
        write(&mut bench.writer, Record::Samples(samples));
    }
    // Minutes are closed by what comes after them.
    write(&mut bench.writer, Record::Samples(vec![sample(12_000, 1, TrafficClass::Web, 1)]));
    let spans = |from, to, most| {
        let spans = bench.reader.spans(at(from), at(to), Duration::from_secs(300), most).unwrap();
        let download = |moved: &Directed<ByteCount>| moved.download.0;
        spans
            .into_iter()
            .map(|span| (span.begins, span.moved.iter().map(|(of, moved)| (*of, download(moved))).collect::<Vec<_>>()))
            .collect::<Vec<_>>()
    };
    let whole = vec![(at(6_300), vec![(device(1), 750), (device(2), 2_000)])];
    assert_eq!(spans(0, 9_000, 1_000), whole);
    assert_eq!(spans(6_300, 6_600, 1_000), whole);
    for (from, to, most) in [(0, 6_599, 1_000), (6_600, 9_000, 1_000), (0, 9_000, 5), (9_000, 0, 1_000)] {
        assert_eq!(spans(from, to, most), []);
    }
}
