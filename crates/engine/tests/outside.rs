//! Another predictor: weighed like one of our own models.

mod one_link;

use engine::{Input, Output};
use one_link::{START, engine};
use std::sync::Arc;
use std::time::Duration;
use vocab::{
    Aggregate, BitRate, ByteCount, DeviceId, Directed, Direction, LinkId, MacAddress, Mode, ModelStanding,
    OutsideCounts, Sample, Snapshot, Timestamp, TrafficClass,
};

const SECOND: Duration = Duration::from_secs(1);
const CLASS: TrafficClass = TrafficClass::Streaming;

/// Every second of `mbps`, a device streams at that rate; before each, `say` may tell what another predictor says.
/// Gives the last snapshot.
fn pass(mbps: impl IntoIterator<Item = u64>, say: impl Fn(Timestamp) -> Option<Input>) -> Arc<Snapshot> {
    let (mut engine, mac) = (engine(Mode::Suggest), MacAddress([2, 0, 0, 0, 0, 1]));
    let seen = devices::Sighting::from_packet(mac, [10, 0, 0, 1].into(), START).expect("a local address");
    engine.handle_input(Input::DeviceSeen(seen), START);
    let (mut now, mut shown) = (START, Arc::default());
    for rate in mbps {
        if let Some(input) = say(now) {
            engine.handle_input(input, now + Duration::from_millis(300));
        }
        let aggregate = Aggregate { device: DeviceId::Mac(mac), class: CLASS };
        let bytes = Directed { download: ByteCount(rate * 125_000), upload: ByteCount::ZERO };
        let packets = Directed { download: 1, upload: 0 };
        let sample = Sample { link: LinkId(0), aggregate, start: now, window: SECOND, bytes, packets, flows: 1 };
        if rate > 0 {
            engine.handle_input(Input::Samples(vec![sample]), now + Duration::from_millis(500));
        }
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

/// How the model `outside` stands for the class, if it speaks.
fn standing(shown: &Snapshot) -> Option<ModelStanding> {
    let classes = &shown.links[0].classes;
    let of_class = classes.iter().find(|known| known.class == CLASS).expect("every class is shown");
    of_class.models.download.iter().find(|standing| standing.model == "outside").copied()
}

/// Films in pieces: half a minute of 40 Mbit/s, half a minute of 1.
fn rate_of(second: u64) -> u64 {
    if (second / 30).is_multiple_of(2) { 40 } else { 1 }
}

#[test]
fn who_knows_what_comes_speaks_louder_than_who_does_not() {
    let after = |foresee: fn(u64) -> u64| {
        let say = |now: Timestamp| Some(says(foresee(now.since(START).as_secs()), now));
        standing(&pass((0..1_200).map(rate_of), say)).expect("it was heard")
    };
    // What is said after a second has ended has a part in what is said after the next.
    let knowing = after(|second| (second + 1..second + 16).map(rate_of).sum::<u64>() / 15);
    let guessing = after(|second| second * 7_919 % 41);
    assert!(knowing.against_ewma_permille < Some(100), "{knowing:?}");
    assert!(guessing.against_ewma_permille > Some(500), "{guessing:?}");
    assert!(knowing.weight_permille > 900 && guessing.weight_permille < 100, "{knowing:?} {guessing:?}");
}

#[test]
fn what_comes_late_or_of_another_time_is_passed_over() {
    for of in [|now: Timestamp| now - Duration::from_secs(4), |now: Timestamp| now + SECOND] {
        assert_eq!(standing(&pass([8; 40], |now| Some(says(8, of(now))))), None);
    }
    assert!(standing(&pass([8; 40], |now| Some(says(8, now)))).is_some());
}

#[test]
fn how_models_stand_is_shown_of_the_link_of_classes_and_of_devices_that_are_awake() {
    let names = |models: &[ModelStanding]| models.iter().map(|standing| standing.model).collect::<Vec<_>>();
    let check = |silent_s: usize, is_of_device: bool| {
        let shown = pass((0..90).map(rate_of).chain(std::iter::repeat_n(0, silent_s)), |_| None);
        let of_link = names(&shown.links[0].models.download);
        assert!(of_link.contains(&"ewma") && of_link.contains(&"network-1"), "{of_link:?}");
        let of_device = names(&shown.devices[0].models.download);
        assert_eq!(of_device, if is_of_device { of_link } else { Vec::new() });
    };
    check(0, true);
    check(50, true);
    check(70, false);
}

#[test]
fn how_asking_goes_is_shown() {
    let counts = OutsideCounts { asked: 9, failed: 2, fault: Some("it did not answer in 200 ms".to_owned()) };
    let shown = pass([8; 3], |_| Some(Input::OutsideCounts(counts.clone())));
    assert_eq!(shown.outside, Some(counts));
}
