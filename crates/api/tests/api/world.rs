//! A running API, and a caller.

use api::{
    Account, ApiSettings, ApiState, DeviceEffect, Effect, Refused, Request, Standing, WhatIfAsked, WhatIfRefused, bind,
    hash_password, run,
};
use crossbeam_channel::Receiver;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use tokio::sync::{oneshot, watch};
use vocab::*;

pub const PASSWORD: &str = "correct horse battery staple";
/// When the snapshot was taken, seconds since 1970.
pub const NOW: u64 = 1_800_000_000;

/// Hashing takes long: once for all tests.
static HASH: LazyLock<String> = LazyLock::new(|| hash_password(PASSWORD).unwrap());

/// How the control loop of a world behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ControlLoop {
    /// It answers.
    Answers,
    /// It takes requests and forgets them.
    Forgets,
    /// It takes none.
    Stuck,
}

pub struct World {
    pub address: SocketAddr,
    pub socket: std::path::PathBuf,
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    seconds: Arc<AtomicU64>,
    shutdown: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
    stuck: Option<crossbeam_channel::Receiver<Request>>,
    /// Lets a replay of a day go on.
    pub replays: crossbeam_channel::Sender<()>,
    _folder: tempfile::TempDir,
}

impl World {
    pub fn new() -> World {
        World::with(ControlLoop::Answers)
    }

    pub fn with(control_loop: ControlLoop) -> World {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("api.sock");
        let history = folder.path().join("history.db");
        record(&history);
        let listeners = bind(ApiSettings {
            addresses: vec!["127.0.0.1:0".parse().unwrap()],
            unix_socket: Some(socket.clone()),
            allowed_hosts: vec!["equalnet.lan".to_owned()],
            ..ApiSettings::default()
        })
        .unwrap();
        let address = listeners.addresses()[0];
        let (snapshots, snapshot) = watch::channel(Arc::new(snapshot()));
        let (policy_sender, policy) = watch::channel(Arc::new(policy()));
        let (requests, asked) = crossbeam_channel::bounded(1);
        let (replays, replayed) = crossbeam_channel::unbounded();
        let seconds = Arc::new(AtomicU64::new(NOW));
        let clock = seconds.clone();
        let state = ApiState {
            snapshots: snapshot,
            policy,
            requests,
            history: Some(history),
            interfaces: Arc::new(|| {
                Ok(vec![wire::Interface { name: "eth0".to_owned(), up: true, ..wire::Interface::default() }])
            }),
            foresee: Arc::new(foresee),
            what_if: Arc::new(move |asked| what_if(asked, &replayed)),
            accounts: vec![Account { user: "admin".to_owned(), password_hash: HASH.clone() }],
            clock: Arc::new(move || Timestamp::from_unix_secs(clock.load(Ordering::SeqCst))),
            local_time: LocalTime::fixed(3_600),
            quotas: [(LinkId(0), Quota { volume: ByteCount(500_000_000_000), resets: Monthly::on(15).unwrap() })]
                .into(),
            outlook,
            version: "1.2.3".to_owned(),
        };
        let mut threads = Vec::new();
        let mut stuck = None;
        match control_loop {
            ControlLoop::Answers => threads.push(std::thread::spawn(move || {
                let policy = policy_sender;
                while let Ok(request) = asked.recv() {
                    answer(request, &policy);
                }
            })),
            ControlLoop::Forgets => threads.push(std::thread::spawn(move || {
                while let Ok(request) = asked.recv() {
                    drop(request);
                }
            })),
            ControlLoop::Stuck => stuck = Some(asked),
        }
        let (shutdown, stop) = oneshot::channel();
        threads.push(std::thread::spawn(move || run(listeners, state, stop, || ()).unwrap()));
        World {
            address,
            socket,
            snapshots,
            seconds,
            shutdown: Some(shutdown),
            threads,
            stuck,
            replays,
            _folder: folder,
        }
    }

    /// The clock moves on.
    pub fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// A request over TCP.
    pub fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        exchange(TcpStream::connect(self.address).unwrap(), line, &self.with_host(headers), body)
    }

    /// A request over the Unix socket.
    pub fn ask_locally(&self, line: &str, body: &str) -> Answer {
        exchange(UnixStream::connect(&self.socket).unwrap(), line, &[("Host".to_owned(), "localhost".to_owned())], body)
    }

    fn with_host(&self, headers: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if !headers.iter().any(|(name, _)| *name == "Host") {
            all.push(("Host".to_owned(), self.address.to_string()));
        }
        all
    }

    pub fn log_in(&self) -> Login {
        let answer = self.ask("POST /api/v1/session", &[], &format!(r#"{{"password": "{PASSWORD}"}}"#));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        Login { cookie, csrf: answer.json()["csrf"].as_str().unwrap().to_owned() }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        drop(self.stuck.take());
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        assert!(!self.socket.exists(), "the socket is removed at the end");
    }
}

pub struct Login {
    pub cookie: String,
    pub csrf: String,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// It is a problem of this kind; gives its title.
    pub fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.body);
        let problem: wire::Problem = serde_json::from_str(&self.body).unwrap();
        assert_eq!((problem.status, problem.code.as_str()), (status, code));
        problem.title
    }
}

fn exchange(mut stream: impl Read + Write, line: &str, headers: &[(String, String)], body: &str) -> Answer {
    let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        if !headers.iter().any(|(name, _)| name == "Content-Type") {
            request.push_str("Content-Type: application/json\r\n");
        }
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body);
    // The server may answer and hang up before it has read a body that is too large.
    let _ = stream.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {line}: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

/// Two minutes of a history: the NAS moves 8 Mbit/s down each second; two older decisions and an alert.
fn record(path: &std::path::Path) {
    let mut writer = store::Store::open(store::StoreSettings::at(path)).unwrap().into_writer().unwrap();
    let mut write = |record| writer.write(store::Message::Record(record)).unwrap();
    for second in 0..120 {
        write(Record::Samples(vec![Sample {
            link: LinkId(0),
            aggregate: Aggregate { device: nas(), class: TrafficClass::Backup },
            start: Timestamp::from_unix_secs(NOW - 120 + second),
            window: std::time::Duration::from_secs(1),
            bytes: Directed { download: ByteCount(1_000_000), upload: ByteCount(0) },
            packets: Directed { download: 1_000, upload: 0 },
            flows: 1,
        }]));
    }
    let earlier = Timestamp::from_unix_secs(NOW - 100);
    write(Record::Decision(Decision { id: 0, at: earlier, ..held(0) }));
    write(Record::Decision(Decision { to: BitRate::ZERO, ..held(1) }));
    write(Record::Alert(Alert {
        id: 0,
        at: earlier,
        severity: Severity::Critical,
        kind: AlertKind::PlanFailed { reason: "no buffer space".to_owned() },
        subject: Subject::Link(LinkId(0)),
        count: 2,
        ended: Some(earlier),
    }));
}

/// Foresees that each hour is as all hours were together; a quota lasts, or is expected to end in an hour.
fn outlook(volumes: &HourlyVolumes, quota: Option<Quota>, local: &LocalTime, now: Timestamp) -> Outlook {
    let sum = volumes.hours.iter().flatten().map(|hour| hour.bytes.download).sum();
    let band = VolumeBand::new(ByteCount(1), sum, ByteCount(sum.0 * 2));
    let way = WayOutlook {
        season: Season::HoursOfDay,
        hours: vec![band; 24],
        day: band,
        busy: Busy {
            season: Season::HoursOfDay,
            usual: vec![sum; 24],
            busiest: vec![BusyStretch { from: 20, hours: 2, usual: sum }],
        },
    };
    let fares = |quota: Quota| {
        let (from, to) = local.period_around(now, quota.resets);
        let later = now + std::time::Duration::from_secs(3_600);
        let runs_out = if quota.volume > sum {
            RunsOut::NotInThisPeriod
        } else {
            RunsOut::Expected { earliest: now, likely: Some(later), latest: None }
        };
        let missing = std::time::Duration::from_secs(60);
        QuotaOutlook { quota, from, to, used: sum, missing, at_end: Some(band), runs_out }
    };
    Outlook {
        at: now,
        from: now,
        recorded_hours: volumes.hours.iter().flatten().count(),
        ways: Directed { download: way.clone(), upload: WayOutlook::default() },
        both: way,
        quota: quota.map(fares),
    }
}

/// The least a control loop does: keeps the policy, refuses what cannot hold, and tells the effect.
fn answer(request: Request, policy: &watch::Sender<Arc<Policy>>) {
    match request {
        Request::SetMode { mode: Mode::Control, by: _, reply } => {
            let _ = reply.send(Err(Refused::Other("the kernel has no HTB".to_owned())));
        }
        Request::SetMode { mode, by: _, reply } => {
            policy.send_modify(|policy| Arc::make_mut(policy).mode = mode);
            let _ = reply.send(Ok(()));
        }
        Request::ChangeDevice { device, patch, by, reply } => {
            assert!(by == "admin" || by == "root");
            let before = policy.borrow().share_of(device);
            let effect = effect(device, &patch, Standing::Applied).map(|effect| {
                let undo = vocab::DevicePatch {
                    name: patch.name.map(|_| None),
                    priority: patch.priority.map(|_| before.priority),
                    weight: patch.weight.map(|_| before.weight),
                    guarantee: patch.guarantee.map(|_| before.guarantee),
                    ceiling: patch.ceiling.map(|_| before.ceiling),
                };
                Effect { undo: Some(undo), ..effect }
            });
            let _ = reply.send(effect);
        }
        Request::PreviewDevice { device, patch, reply } => {
            let _ = reply.send(effect(device, &patch, Standing::Previewed));
        }
        Request::AddRule { rule, by: _, reply } => {
            let _ = reply.send(Ok(add_rule(*rule, policy)));
        }
        Request::ReplaceRule { rule, by: _, reply } => {
            let known = policy.borrow().rules.iter().any(|kept| kept.id() == rule.id());
            let _ = reply.send(if known { Ok(*rule) } else { Err(Refused::UnknownRule(rule.id())) });
        }
        Request::RemoveRule { rule, by: _, reply } => {
            let kept: Arc<[Rule]> = policy.borrow().rules.iter().filter(|kept| kept.id() != rule).cloned().collect();
            let known = kept.len() < policy.borrow().rules.len();
            policy.send_modify(|policy| Arc::make_mut(policy).rules = kept);
            let _ = reply.send(if known { Ok(()) } else { Err(Refused::UnknownRule(rule)) });
        }
        Request::Reclassify { flow, class, scope, by: _, reply } => {
            let device = flow.device.filter(|_| scope == RuleScope::Device);
            let name = flow.verdict.server_name.parse().ok();
            let conditions = Conditions { name, device, ..Conditions::default() };
            let rule = Rule::new(RuleId::ByHand(0), conditions, class, String::new(), String::new()).unwrap();
            let _ = reply.send(Ok(add_rule(rule, policy)));
        }
    }
}

fn add_rule(rule: Rule, policy: &watch::Sender<Arc<Policy>>) -> Rule {
    let before = policy.borrow().rules.clone();
    let rule = rule.numbered(RuleId::ByHand(before.len() as u32 + 1));
    let rules = std::iter::once(rule.clone()).chain(before.iter().cloned()).collect();
    policy.send_modify(|policy| Arc::make_mut(policy).rules = rules);
    rule
}

fn effect(device: DeviceId, patch: &vocab::DevicePatch, standing: Standing) -> Result<Effect, Refused> {
    if let Some(priority) = patch.priority
        && priority.level() > 5
    {
        return Err(Refused::Policy(PolicyRefused::PriorityOutOfRange { priority: priority.level(), last: 5 }));
    }
    let rates = |down, up| Directed { download: BitRate::from_mbps(down), upload: BitRate::from_mbps(up) };
    Ok(Effect {
        standing,
        devices: vec![
            DeviceEffect { device: laptop(), before: rates(10, 5), after: rates(9, 5) },
            DeviceEffect { device: nas(), before: rates(5, 5), after: rates(5, 5) },
            DeviceEffect { device, before: rates(10, 5), after: rates(46, 5) },
        ],
        undo: None,
    })
}

pub fn laptop() -> DeviceId {
    "a4:5e:60:00:00:01".parse().unwrap()
}

pub fn nas() -> DeviceId {
    "a4:5e:60:00:00:02".parse().unwrap()
}

fn policy() -> Policy {
    let guarantee = Directed { download: Guarantee::Permille(100), upload: Guarantee::None };
    Policy { default_share: Share { guarantee, ..Share::default() }, ..Policy::default() }
}

fn mbps(download: u64, upload: u64) -> Directed<BitRate> {
    Directed { download: BitRate::from_mbps(download), upload: BitRate::from_mbps(upload) }
}

fn forecast(p50: u64) -> Forecast {
    let quantiles = Quantiles::new(BitRate::from_mbps(p50), BitRate::from_mbps(p50 + 2), BitRate::from_mbps(p50 + 5));
    Forecast {
        at: Timestamp::from_unix_secs(NOW),
        quantiles: [quantiles; Horizon::COUNT],
        model: "ewma",
        maturity: Maturity::Mature,
    }
}

/// One way, whose name says what was asked; where nobody waits for so long a time, when it is told to.
fn what_if(asked: &WhatIfAsked, go_on: &Receiver<()>) -> Result<wire::WhatIf, WhatIfRefused> {
    match asked.since.as_str() {
        "1min" => return Err(WhatIfRefused::NothingRecorded),
        "2min" => return Err(WhatIfRefused::CannotHold("too much is promised".to_owned())),
        "3min" => return Err(WhatIfRefused::TooLong),
        "soon" => return Err(WhatIfRefused::Unreadable("`since`: a time".to_owned())),
        "24h" => go_on.recv().unwrap(),
        _ => {}
    }
    let devices =
        asked.devices.iter().map(|(device, patch)| format!("{device} {:?}", patch.priority.map(Priority::level)));
    let policy = format!(
        "{} {:?} {:?} {:?}",
        asked.since,
        devices.collect::<Vec<_>>(),
        asked.text,
        asked.capacity.download.map(BitRate::as_bps)
    );
    Ok(wire::WhatIf { ways: vec![wire::WhatIfWay { policy, ..wire::WhatIfWay::default() }], ..wire::WhatIf::default() })
}

/// The last known second, its double and its fourfold; by a model that is named after what it was told.
fn foresee(class: TrafficClass, seconds: &[Option<Usage>], at: Timestamp) -> Forecast {
    let last = seconds.iter().rev().flatten().next();
    let rate = last.map_or(BitRate::ZERO, |usage| usage.rate());
    let held_back = matches!(last, Some(Usage::Backlogged(_)));
    Forecast {
        at,
        quantiles: [Quantiles::new(rate, rate.mul_ratio(2, 1), rate.mul_ratio(4, 1)); Horizon::COUNT],
        model: if held_back { "held" } else { class.name() },
        maturity: if seconds.len() < 3 { Maturity::Learning } else { Maturity::Mature },
    }
}

/// The average speaks, and another predictor loses to it.
fn standings() -> Vec<ModelStanding> {
    let standing = |model, weight_permille, lost| ModelStanding {
        model,
        weight_permille,
        alone: forecast(8).at(Horizon::Mean15s),
        against_ewma_permille: lost,
        is_set_aside: lost > Some(1_000),
    };
    vec![standing("outside", 0, Some(1_310)), standing("network-1", 250, None), standing("ewma", 750, Some(1_000))]
}

pub fn device(id: DeviceId, name: &str) -> DeviceSnapshot {
    DeviceSnapshot {
        device: id,
        name: name.to_owned(),
        vendor: String::new(),
        kind: String::new(),
        addresses: Vec::new(),
        first_seen: Timestamp::from_unix_secs(NOW - 86_400),
        last_seen: Timestamp::from_unix_secs(NOW - 3_600),
        share: Share::default(),
        classes: [Directed::default(); TrafficClass::COUNT],
        forecast: Directed::default(),
        models: Directed::default(),
        allocation: Directed::default(),
        hold: Directed::default(),
        volume_today: Directed::default(),
        habits: vocab::Habits::Learning,
        fare: vocab::Fare::default(),
        class_fares: Vec::new(),
        flows: 0,
    }
}

/// A link of 100/20 that is 94 % full: a laptop in a call, and a backup that waits for it.
pub fn snapshot() -> Snapshot {
    let mut anna = device(laptop(), "Anna's laptop");
    anna.vendor = "Apple".to_owned();
    anna.addresses = vec!["192.168.1.20".parse().unwrap()];
    anna.last_seen = Timestamp::from_unix_secs(NOW);
    anna.share.priority = Priority::new(1).unwrap();
    anna.share.guarantee.download = Guarantee::Absolute(BitRate::from_mbps(4));
    anna.classes[TrafficClass::Call.index()] = mbps(4, 3);
    anna.forecast.download = Some(forecast(4));
    anna.models.download = standings();
    anna.allocation = mbps(40, 10);
    let millis = |lan, wan| vocab::Sides {
        lan: Some(std::time::Duration::from_micros(lan)),
        wan: Some(std::time::Duration::from_micros(wan)),
    };
    let graded = |ms| vocab::Graded { added: std::time::Duration::from_millis(ms), seconds: 34 };
    anna.fare = vocab::Fare { round_trip: millis(1_234, 21_500), again_permille: Some(3), graded: Some(graded(12)) };
    anna.class_fares =
        vec![(TrafficClass::Call, vocab::Fare { round_trip: millis(1_000, 20_000), ..vocab::Fare::default() })];
    let mut backup = device(nas(), "NAS");
    backup.last_seen = Timestamp::from_unix_secs(NOW);
    backup.share.ceiling.upload = BitRate::from_mbps(15);
    backup.classes[TrafficClass::Backup.index()] = mbps(90, 1);
    backup.allocation = mbps(90, 10);
    let tier = Tier::new(3).unwrap();
    backup.hold.download = Some(Hold {
        demand: BitRate::from_mbps(120),
        rate: BitRate::from_mbps(90),
        bound: Bound::Share { tier, level: BitRate::from_mbps(90) },
    });
    let printer = device("a4:5e:60:00:00:03".parse().unwrap(), "printer");
    let allocation = Allocation {
        class: TrafficClass::Backup,
        tier,
        demand: BitRate::from_mbps(120),
        rate: BitRate::from_mbps(90),
        floor: BitRate::from_mbps(10),
        guaranteed: BitRate::from_mbps(10),
        ceiling: BitRate::from_mbps(100),
        bound: Bound::Share { tier, level: BitRate::from_mbps(90) },
    };
    let division = Division {
        capacity: BitRate::from_mbps(100),
        exhausted: Some(tier),
        early_yielding: true,
        devices: vec![DeviceAllocation {
            device: nas(),
            demand: BitRate::from_mbps(120),
            rate: BitRate::from_mbps(90),
            floor: BitRate::from_mbps(10),
            guaranteed: BitRate::from_mbps(10),
            guarantee: BitRate::from_mbps(10),
            ceiling: BitRate::from_mbps(100),
            headroom: BitRate::ZERO,
            aggregates: vec![allocation],
        }],
    };
    let plan = Plan {
        id: PlanId(7),
        link: LinkId(0),
        at: Timestamp::from_unix_secs(NOW),
        directions: Directed { download: division, upload: Division::default() },
    };
    let classes = TrafficClass::ALL.map(|class| ClassSnapshot {
        class,
        usage: match class {
            TrafficClass::Call => mbps(4, 3),
            TrafficClass::Backup => mbps(90, 1),
            _ => Directed::default(),
        },
        forecast: match class {
            TrafficClass::Streaming => Directed { download: Some(forecast(8)), upload: None },
            _ => Directed::default(),
        },
        models: match class {
            TrafficClass::Streaming => Directed { download: standings(), upload: Vec::new() },
            _ => Directed::default(),
        },
        reserved: Directed::default(),
        queue: Directed::default(),
        flows: 0,
        graded: None,
    });
    let range = RateRange::new(BitRate::from_mbps(20), BitRate::from_mbps(200)).unwrap();
    let finding = Finding { search: Search::Standing, confidence: Confidence::High, range };
    let link = LinkSnapshot {
        link: Link {
            id: LinkId(0),
            name: "Internet".to_owned(),
            topology: Topology::Router {
                lan: InterfaceName::new("lan0").unwrap(),
                wan: InterfaceName::new("wan0").unwrap(),
            },
            line_rate: mbps(100, 20),
            margin_permille: 0,
            framing: vocab::Framing::default(),
            sought: vocab::Directed::default(),
        },
        usage: mbps(94, 4),
        forecast: Directed::default(),
        models: Directed::default(),
        classes: classes.to_vec(),
        plan: Some(Arc::new(plan)),
        plans_applied: 7,
        shaping: Shaping::On { leaf: "fq_codel" },
        findings: Directed { download: Some(finding), upload: None },
        added: Some(std::time::Duration::from_micros(3_250)),
        graded: Some(graded(4)),
    };
    let (key, initiator) = FlowKey::new(
        IpProtocol::TCP,
        Endpoint { address: "192.168.1.20".parse::<std::net::IpAddr>().unwrap().into(), port: 50_000 },
        Endpoint { address: "198.51.100.7".parse::<std::net::IpAddr>().unwrap().into(), port: 443 },
    );
    let flow = FlowSummary {
        key,
        initiator,
        device: Some(laptop()),
        verdict: Verdict {
            class: TrafficClass::Call,
            application: "Zoom".to_owned(),
            server_name: "us04web.zoom.us".to_owned(),
            confidence: 0.5,
            evidence: "the server's name".to_owned(),
            ja4: String::new(),
            given_after: vocab::GivenAfter::default(),
        },
        bytes: Directed { download: ByteCount(1_000), upload: ByteCount(500) },
        packets: Directed { download: 10, upload: 5 },
        first_seen: Timestamp::from_unix_secs(NOW - 60),
        last_seen: Timestamp::from_unix_secs(NOW),
    };
    Snapshot {
        sequence: 1,
        at: Timestamp::from_unix_secs(NOW),
        started: Timestamp::from_unix_secs(NOW - 7_200),
        mode: Mode::Control,
        source: SourceKind::Ebpf,
        capture: CaptureCounts { packets: 5, bytes: ByteCount(700), ..CaptureCounts::default() },
        links: vec![link],
        devices: vec![anna, backup, printer],
        flows: Arc::from([flow]),
        decisions: Arc::from([held(1)]),
        alerts: Arc::from([Alert {
            id: 1,
            at: Timestamp::from_unix_secs(NOW - 10),
            severity: Severity::Info,
            kind: AlertKind::NewDevice,
            subject: Subject::Device(nas()),
            count: 1,
            ended: None,
        }]),
        rule_hits: Arc::from([(
            RuleId::ByHand(1),
            RuleHits { flows: 3, bytes: ByteCount(700), last: Some(Timestamp::from_unix_secs(NOW)) },
        )]),
        outside: Some(OutsideCounts { asked: 40, failed: 2, fault: None }),
        hit_permille: Some(910),
        weights: vocab::WeightsInForce::Own { since: Timestamp::from_unix_secs(NOW - 86_400) },
    }
}

pub fn held(id: u64) -> Decision {
    Decision {
        id,
        at: Timestamp::from_unix_secs(NOW),
        kind: DecisionKind::Held,
        subject: Subject::Aggregate(Aggregate { device: nas(), class: TrafficClass::Backup }),
        direction: Some(Direction::Download),
        from: BitRate::from_mbps(120),
        to: BitRate::from_mbps(90),
        because: vec![
            Because::DemandOverCapacity { demand: BitRate::from_mbps(131), capacity: BitRate::from_mbps(100) },
            Because::Protect { class: TrafficClass::Call, need: forecast(4).at(Horizon::Mean15s) },
        ],
        parts: vec![(Part::Guarantee, BitRate::from_mbps(10)), (Part::Share, BitRate::from_mbps(80))],
        by: Actor::Automatic,
    }
}
