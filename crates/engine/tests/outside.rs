//! Another predictor in shadow: judged beside the model in force, and of no effect.

use engine::{Engine, Input, Output};
use forecast::{Forecaster, Settings};
use std::sync::Arc;
use std::time::Duration;
use vocab::{
    Aggregate, BitRate, ByteCount, DeviceId, Directed, Direction, InterfaceName, Link, LinkId, MacAddress, Mode,
    OutsideCounts, OutsideSnapshot, Policy, Sample, Snapshot, Timestamp, Topology, TrafficClass,
};

const START: Timestamp = Timestamp::from_unix_secs(1_750_000_000);
const SECOND: Duration = Duration::from_secs(1);
const CLASS: TrafficClass = TrafficClass::Streaming;

fn engine() -> Engine {
    let name = |name| InterfaceName::new(name).unwrap();
    let rate = BitRate::from_mbps(100);
    let link = Link {
        id: LinkId(0),
        name: "internet".to_owned(),
        topology: Topology::Router { lan: name("lan"), wan: name("wan") },
        line_rate: Directed { download: rate, upload: rate },
        margin_permille: 50,
    };
    let policy = Policy { mode: Mode::Suggest, ..Policy::default() };
    Engine::new(policy, vec![link], Forecaster::new(Settings::default()), START)
}

/// Every second of `mbps`, a device streams at that rate; before each, `say` may tell what another predictor says.
/// Gives the last snapshot.
fn pass(mbps: impl IntoIterator<Item = u64>, say: impl Fn(Timestamp) -> Option<Input>) -> Arc<Snapshot> {
    let mut engine = engine();
    let (mut now, mut shown) = (START, Arc::default());
    for rate in mbps {
        if let Some(input) = say(now) {
            engine.handle_input(input, now + Duration::from_millis(300));
        }
        let aggregate = Aggregate { device: DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, 1])), class: CLASS };
        let bytes = Directed { download: ByteCount(rate * 125_000), upload: ByteCount::ZERO };
        let packets = Directed { download: 1, upload: 0 };
        let sample = Sample { link: LinkId(0), aggregate, start: now, window: SECOND, bytes, packets, flows: 1 };
        engine.handle_input(Input::Samples(vec![sample]), now + Duration::from_millis(500));
        now = now + SECOND;
        engine.handle_timeout(now + Duration::from_millis(100));
        while let Some(output) = engine.poll_output() {
            if let Output::Publish(snapshot) = output {
                shown = snapshot;
            }
        }
    }
    shown
}

fn says(mbps: u64, at: Timestamp) -> Input {
    Input::Outside { class: CLASS, direction: Direction::Download, rate: BitRate::from_mbps(mbps), at }
}

/// What the score is after a predictor said `said` at every second of `mbps`: its miss in Mbit/s and the count.
fn check(mbps: &[u64], said: u64, missed: u64, scores: u32) {
    let shown = pass(mbps.iter().copied(), |now| Some(says(said, now)));
    let score = shown.outside.as_ref().expect("it was heard").scores[0];
    assert_eq!((score.class, score.direction, score.said), (CLASS, Direction::Download, BitRate::from_mbps(said)));
    assert_eq!((score.missed, score.scores), (BitRate::from_mbps(missed), scores));
}

#[test]
fn an_answer_is_judged_by_the_mean_of_its_15_seconds() {
    check(&[8; 14], 8, 0, 0);
    check(&[8; 15], 8, 0, 1);
    check(&[8; 46], 20, 12, 3);
    check(&[[30].as_slice(), &[0; 14]].concat(), 2, 0, 1);
    // 2 missed, then 6.
    check(&[[8; 15], [4; 15]].concat(), 10, 4, 2);
}

#[test]
fn the_model_in_force_is_judged_by_the_same() {
    let shown = pass([8; 200], |now| Some(says(20, now)));
    let score = shown.outside.as_ref().unwrap().scores[0];
    assert!(score.ours_missed < BitRate::from_mbps(3), "{} of a steady 8 Mbit/s", score.ours_missed);
    assert_eq!(score.missed, BitRate::from_mbps(12));
}

#[test]
fn what_it_says_moves_nothing() {
    let bursts = || (0..120).map(|second| if second % 20 < 5 { 40 } else { 1 });
    let silent = pass(bursts(), |_| None);
    let heard = pass(bursts(), |now| Some(says(u64::MAX / 1_000_000, now)));
    assert!(silent.outside.is_none() && heard.outside.is_some());
    assert_eq!(*silent, Snapshot { outside: None, ..(*heard).clone() });
}

#[test]
fn what_comes_late_or_of_another_time_is_passed_over() {
    let shown = pass([8; 20], |now| Some(says(8, now - Duration::from_secs(4))));
    assert_eq!(shown.outside, None);
    let shown = pass([8; 20], |now| Some(says(8, now + SECOND)));
    assert_eq!(shown.outside, None);
}

#[test]
fn how_asking_goes_is_shown() {
    let counts = OutsideCounts { asked: 9, failed: 2, fault: Some("it did not answer in 200 ms".to_owned()) };
    let shown = pass([8; 3], |_| Some(Input::OutsideCounts(counts.clone())));
    assert_eq!(shown.outside, Some(OutsideSnapshot { counts, scores: Vec::new() }));
}
