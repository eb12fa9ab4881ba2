//! What was recorded, divided by nobody, by the policy in force and by another: for `equalnet replay` and for the API.

use crate::config::Config;
use crate::own_history;
use anyhow::Result;
use api::{WhatIfAsked, WhatIfRefused};
use forecast::{Family, Forecaster, Settings};
use sim::{Had, Recording, Replayed};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Reader, StoreError};
use tokio::sync::watch;
use vocab::{BitRate, DeviceId, Directed, Direction, LinkId, Mode, Policy, Usage};

/// The longest part of the history that the API replays.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Seconds of aggregates that it replays at most: some 40 MB, an hour of fifty busy devices.
const MOST_ASKED: usize = 600_000;

/// What it may take of a core.
const PATIENCE: Duration = Duration::from_secs(30);

/// One way of dividing.
pub struct Way {
    /// What it is called.
    pub name: String,
    /// What everybody is owed.
    pub policy: Policy,
    /// What everybody would have had.
    pub had: Replayed,
}

/// Three ways, nothing replayed yet; `name` is what the `other` policy is called.
pub fn ways(in_force: &Policy, name: &str, other: &Policy) -> [Way; 3] {
    let way = |name: &str, mode, policy: &Policy| Way {
        name: name.to_owned(),
        policy: Policy { mode, ..policy.clone() },
        had: Replayed::default(),
    };
    [
        way("nobody divides", Mode::Observe, in_force),
        way("in force", Mode::Control, in_force),
        way(name, Mode::Control, other),
    ]
}

/// One that has seen nothing yet.
pub fn forecaster(family: &Arc<Family>) -> Forecaster {
    let mut forecaster = Forecaster::new(Settings::default());
    forecaster.set_family(Arc::clone(family));
    forecaster
}

/// What is replayed of a history.
#[derive(Default)]
pub struct Remembered {
    /// The last part of it.
    pub recording: Recording,
    /// There was more, before it.
    pub is_cut: bool,
}

/// Read at once at first, and at most: between two readings it may be enough. Ten minutes of thousands of devices are
/// read in a second or two.
const FIRST_READ: Duration = Duration::from_secs(60);
const LONGEST_READ: Duration = Duration::from_secs(600);

/// The last part of the history, of at most so many seconds of aggregates: newest first, until it is full or `go_on` says no.
/// The newest minute is there whole, whatever its size.
pub fn remembered(
    reader: &Reader,
    since: Duration,
    most: usize,
    go_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Remembered, StoreError> {
    let mut remembered = Remembered::default();
    let Some(until) = reader.seconds_until()? else { return Ok(remembered) };
    let (mut end, mut length, mut is_full) = (until, FIRST_READ, false);
    let from = until - since;
    while end > from {
        if go_on().is_break() {
            remembered.is_cut = true;
            break;
        }
        let begin = from.max(end - length);
        let (held, mut found) = (remembered.recording.held(), Vec::new());
        // What has no place is not kept for long, either: one more says that there was too much.
        let places = if held == 0 { usize::MAX } else { most.saturating_sub(held) };
        reader.seconds(begin, end, &mut |second| {
            for direction in Direction::ALL {
                let usage = second.usage[direction];
                // One link is replayed: the first.
                if second.link == LinkId(0) && usage != Usage::Free(BitRate::ZERO) && found.len() <= places {
                    found.push((second.start, second.aggregate, direction, usage));
                }
            }
        })?;
        if found.len() > places {
            if length == FIRST_READ {
                remembered.is_cut = true;
                break;
            }
            // Some minutes of it may have their place.
            (length, is_full) = (FIRST_READ, true);
            continue;
        }
        for (start, aggregate, direction, usage) in found {
            remembered.recording.add(start, aggregate, direction, usage);
        }
        end = begin;
        if !is_full {
            length = LONGEST_READ.min(length * 2);
        }
    }
    Ok(remembered)
}

/// What devices are called: as the history knows them, and as the policies say.
pub fn names(reader: Option<&Reader>, policies: [&Policy; 2]) -> Result<BTreeMap<DeviceId, String>, StoreError> {
    let known = reader.map(Reader::devices).transpose()?.unwrap_or_default();
    let known = known.into_iter().filter(|record| !record.name.is_empty());
    let mut names: BTreeMap<DeviceId, String> = known.map(|record| (record.device, record.name)).collect();
    for (&device, of_device) in policies.into_iter().flat_map(|policy| &policy.devices) {
        names.extend(of_device.name.clone().map(|name| (device, name)));
    }
    Ok(names)
}

/// All of it, for machines.
pub fn told(
    recording: &Recording,
    is_cut: bool,
    capacity: Directed<BitRate>,
    names: &BTreeMap<DeviceId, String>,
    ways: &[Way],
) -> wire::WhatIf {
    let way = |way: &Way| wire::WhatIfWay {
        policy: way.name.clone(),
        plans: way.had.plans,
        devices: way
            .had
            .devices
            .iter()
            .map(|(device, had)| wire::WhatIfDevice {
                device: device.to_string(),
                name: names.get(device).cloned().unwrap_or_else(|| device.to_string()),
                download: one(&had.download),
                upload: one(&had.upload),
            })
            .collect(),
        classes: way
            .had
            .classes
            .iter()
            .map(|(class, had)| wire::WhatIfClass {
                class: class.name().to_owned(),
                download: one(&had.download),
                upload: one(&had.upload),
            })
            .collect(),
    };
    wire::WhatIf {
        seconds: recording.length().as_secs(),
        is_cut,
        capacity: wire::WhatIfCapacity {
            download_bps: capacity.download.as_bps(),
            upload_bps: capacity.upload.as_bps(),
        },
        ways: ways.iter().map(way).collect(),
    }
}

fn one(had: &Had) -> wire::WhatIfHad {
    wire::WhatIfHad {
        seconds: had.seconds,
        moved_bytes: had.moved.0,
        mean_bps: had.mean.as_bps(),
        share_permille: had.share_permille,
        short_seconds: had.short_s,
        guarantee_missed_seconds: had.missed_s,
        delay_mean_ms: had.delay_mean.as_secs_f64() * 1e3,
        delay_p95_ms: had.delay_p95.as_secs_f64() * 1e3,
    }
}

/// Who answers the API.
pub struct Answerer {
    /// The history's file.
    pub history: PathBuf,
    /// What the first link carries.
    pub capacity: Directed<BitRate>,
    /// The weights in force.
    pub families: watch::Receiver<Arc<Family>>,
}

impl Answerer {
    /// Replays; takes a core for up to [`PATIENCE`].
    ///
    /// # Errors
    /// The question makes no sense, the policy could not hold, there is no such history, or it takes too long.
    pub fn answer(&self, asked: &WhatIfAsked) -> Result<wire::WhatIf, WhatIfRefused> {
        let began = Instant::now();
        let since = own_history::parse_since(&asked.since).ok().filter(|since| *since <= LONGEST);
        let since = since
            .ok_or_else(|| WhatIfRefused::Unreadable("`since`: a time from 1min to 24h, such as 1h.".to_owned()))?;
        let other = other(asked)?;
        let capacity = Directed::from_fn(|direction| asked.capacity[direction].unwrap_or(self.capacity[direction]));
        allocate::check_policy(&other, capacity).map_err(|refused| WhatIfRefused::CannotHold(refused.to_string()))?;
        let failed = |error: StoreError| WhatIfRefused::Failed(format!("The history cannot be read: {error}"));
        let reader = Reader::open(&self.history).map_err(failed)?;
        let in_time = &mut || match began.elapsed() < PATIENCE {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        };
        let Remembered { recording, is_cut } = remembered(&reader, since, MOST_ASKED, in_time).map_err(failed)?;
        if began.elapsed() >= PATIENCE {
            return Err(WhatIfRefused::TooLong);
        }
        if recording.held() == 0 {
            return Err(WhatIfRefused::NothingRecorded);
        }
        let names = names(Some(&reader), [&asked.in_force, &other]).map_err(failed)?;
        drop(reader);
        let family = self.families.borrow().clone();
        let mut ways = ways(&asked.in_force, "other", &other);
        for way in &mut ways {
            way.had = sim::replay(&recording, &way.policy, capacity, forecaster(&family), in_time);
        }
        if began.elapsed() >= PATIENCE {
            return Err(WhatIfRefused::TooLong);
        }
        Ok(told(&recording, is_cut, capacity, &names, &ways))
    }
}

/// The other policy.
fn other(asked: &WhatIfAsked) -> Result<Policy, WhatIfRefused> {
    let mut other = match &asked.text {
        Some(text) => {
            let read = Config::parse(text, Path::new("`policy`"));
            read.map_err(|error| WhatIfRefused::Unreadable(error.to_string()))?.policy
        }
        None => Policy::clone(&asked.in_force),
    };
    for (device, patch) in &asked.devices {
        other = patch.apply(&other, *device).0;
    }
    Ok(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{Retention, Store, StoreSettings};
    use vocab::{
        Aggregate, ByteCount, DevicePatch, Guarantee, MacAddress, Priority, Record, Sample, Timestamp, TrafficClass,
    };

    fn device(number: u8) -> DeviceId {
        DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]))
    }

    /// Who answers from ten minutes in which device 1 downloads all it can of 20 Mbit/s, and device 2 watches a film of
    /// 5 Mbit/s.
    fn answerer(folder: &Path) -> (Answerer, watch::Sender<Arc<Family>>) {
        let history = folder.join("history.db");
        let settings = StoreSettings {
            path: history.clone(),
            retention: Retention::default(),
            max_bytes: 1_000_000_000,
            flow_log: None,
        };
        let writer = Store::open(settings).unwrap().into_writer().unwrap();
        let (sender, receiver) = store::channel(4_096, 4_096);
        let mut samples = Vec::new();
        for second in 0..600 {
            let start = Timestamp::from_unix_secs(1_750_000_020 + second);
            let moved = [(1, TrafficClass::Download, 18), (2, TrafficClass::Streaming, 5)];
            samples.extend(moved.map(|(number, class, mbps)| Sample {
                link: LinkId(0),
                aggregate: Aggregate { device: device(number), class },
                start,
                window: Duration::from_secs(1),
                bytes: Directed { download: ByteCount(mbps * 125_000), upload: ByteCount::ZERO },
                packets: Directed::default(),
                flows: 1,
            }));
        }
        for chunk in samples.chunks(100) {
            sender.record(Record::Samples(chunk.to_vec())).unwrap();
        }
        drop(sender);
        writer.run(receiver, |event| panic!("{event:?}"));
        let (family_in, families) = watch::channel(Arc::new(Family::shipped()));
        let capacity = Directed { download: BitRate::from_mbps(20), upload: BitRate::from_mbps(5) };
        (Answerer { history, capacity, families }, family_in)
    }

    fn asked(since: &str, text: Option<&str>, devices: Vec<(DeviceId, DevicePatch)>) -> WhatIfAsked {
        WhatIfAsked {
            since: since.to_owned(),
            in_force: Arc::default(),
            text: text.map(str::to_owned),
            devices,
            capacity: Directed::default(),
        }
    }

    #[test]
    fn the_other_policy_shows_in_its_own_column() {
        let folder = tempfile::tempdir().unwrap();
        let (answerer, _family) = answerer(folder.path());
        let first = DevicePatch { priority: Priority::new(1), ..DevicePatch::default() };
        let film = |answer: &wire::WhatIf| -> Vec<u64> {
            let of = |way: &wire::WhatIfWay| way.devices.iter().find(|of| of.device == device(2).to_string()).cloned();
            answer.ways.iter().map(|way| of(way).expect("it is there").download.mean_bps / 100_000).collect()
        };
        // A download at the first priority leaves a film of the third what is over: nothing but what it is owed.
        let answer = answerer.answer(&asked("5min", None, vec![(device(1), first)])).unwrap();
        let names: Vec<&str> = answer.ways.iter().map(|way| way.policy.as_str()).collect();
        assert_eq!(names, ["nobody divides", "in force", "other"]);
        assert!((295..=300).contains(&answer.seconds) && !answer.is_cut, "{answer:?}");
        let [nobody, in_force, other] = film(&answer)[..] else { unreachable!("three ways") };
        assert!(nobody >= 40 && in_force >= 49 && other < in_force, "{nobody} {in_force} {other}");
        // The same as a configuration has it, with a guarantee.
        let text = "[policy]\nminimum = \"0 %\"\n[[device]]\nid = \"02:00:00:00:00:01\"\npriority = 1\n";
        let owed = DevicePatch {
            guarantee: Some(Directed::from_fn(|_| Guarantee::Absolute(BitRate::from_mbps(4)))),
            ..DevicePatch::default()
        };
        let with = answerer.answer(&asked("5min", Some(text), vec![(device(2), owed)])).unwrap();
        let without = answerer.answer(&asked("5min", Some(text), Vec::new())).unwrap();
        assert!(film(&with)[2] > film(&without)[2], "{:?} {:?}", film(&with), film(&without));
    }

    #[test]
    fn too_much_is_cut_to_the_newest_minutes() {
        let folder = tempfile::tempdir().unwrap();
        let (answerer, _family) = answerer(folder.path());
        let reader = Reader::open(&answerer.history).unwrap();
        let minutes = |since: u64, most, reads: usize| {
            let mut left = 0..reads;
            let go_on = &mut || left.next().map_or(ControlFlow::Break(()), |_| ControlFlow::Continue(()));
            let found = remembered(&reader, Duration::from_secs(60 * since), most, go_on).unwrap();
            assert_eq!(found.recording.held(), found.recording.length().as_secs() as usize * 2, "it has no gap");
            (found.recording.length().as_secs() / 60, found.is_cut)
        };
        // Two devices in each of some 600 seconds: 120 to a minute, read as 1, 2, 4 and 8 of them.
        let (all, always) = (minutes(60, usize::MAX, 99).0, 99);
        assert!((9..=11).contains(&all), "{all}");
        for (since, most, reads, expected) in [
            (60, 120 * 20, always, (all, false)),
            (5, 120 * 5, always, (5, false)),
            (5, 120 * 5 - 1, always, (4, true)),
            (60, 120 * 6, always, (6, true)),
            (60, 120 * 3, always, (3, true)),
            (60, 1, always, (1, true)),
            (60, usize::MAX, 2, (3, true)),
            (60, usize::MAX, 0, (0, true)),
        ] {
            assert_eq!(minutes(since, most, reads), expected, "{since} {most} {reads}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_is_replayed() {
        let folder = tempfile::tempdir().unwrap();
        let (answerer, _family) = answerer(folder.path());
        let check = |question: WhatIfAsked, says: &str| {
            let refused = answerer.answer(&question).expect_err(says);
            assert!(format!("{refused:?} {refused}").contains(says), "{refused:?}");
        };
        for since in ["", "soon", "1s", "2d", "-1h"] {
            check(asked(since, None, Vec::new()), "`since`");
        }
        check(asked("1h", Some("[policy]\nlevels = 7"), Vec::new()), "5 or 10");
        check(asked("1h", Some("[["), Vec::new()), "Unreadable");
        let much = Some(Directed::from_fn(|_| Guarantee::Absolute(BitRate::from_mbps(900))));
        let patch = DevicePatch { guarantee: much, ..DevicePatch::default() };
        check(asked("1h", None, vec![(device(1), patch)]), "CannotHold");
        let elsewhere = Answerer { history: folder.path().join("none"), ..answerer };
        let refused = elsewhere.answer(&asked("1h", None, Vec::new())).expect_err("there is none");
        assert!(matches!(refused, WhatIfRefused::Failed(_)), "{refused:?}");
    }
}
