//! A device that does what it never does: told once, while it lasts, and over after some calm.

mod one_link;

use devices::Sighting;
use engine::{Engine, Input, Output};
use one_link::{START, engine};
use std::time::Duration;
use vocab::{
    Aggregate, Alert, AlertKind, BitRate, DeviceId, Directed, Direction, Habits, LinkId, MacAddress, Mode, Record,
    Sample, Severity, Subject, Timestamp, TrafficClass,
};

const SPAN: Duration = Duration::from_secs(300);
const MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);

/// What the engine said of alerts about unusual rates, and how it last showed the habits of the device.
#[derive(Debug, Default)]
struct Said {
    recorded: Vec<Alert>,
    notified: Vec<Alert>,
    habits: Habits,
}

/// One device, span by span.
struct World {
    engine: Engine,
    now: Timestamp,
}

impl World {
    fn new() -> World {
        let mut engine = engine(Mode::Observe);
        let seen = Sighting::from_packet(MAC, [10, 0, 0, 1].into(), START).expect("a local address");
        engine.handle_input(Input::DeviceSeen(seen), START);
        World { engine, now: START }
    }

    /// The device uploads at each rate for a span; nothing is a span in which it is away.
    fn uploads(&mut self, rates: impl IntoIterator<Item = Option<BitRate>>) -> Said {
        let mut said = Said::default();
        for upload in rates {
            let aggregate = Aggregate { device: DeviceId::Mac(MAC), class: TrafficClass::Unclassified };
            let bytes =
                Directed { download: BitRate::ZERO, upload: upload.unwrap_or_default() }.map(|rate| rate.over(SPAN));
            let packets = bytes.map(|bytes| bytes.0 / 1_000);
            let sample = Sample { link: LinkId(0), aggregate, start: self.now, window: SPAN, bytes, packets, flows: 1 };
            self.now = self.now + SPAN;
            let now = self.now + Duration::from_millis(100);
            self.engine.handle_input(Input::Samples(upload.map(|_| sample).into_iter().collect()), now);
            self.engine.handle_timeout(now);
            while let Some(output) = self.engine.poll_output() {
                let is_unusual = |alert: &Alert| matches!(alert.kind, AlertKind::Unusual { .. });
                match output {
                    Output::Record(Record::Alert(alert)) if is_unusual(&alert) => said.recorded.push(alert),
                    Output::Notify(alert) if is_unusual(&alert) => said.notified.push(alert),
                    Output::Publish(snapshot) => {
                        said.habits =
                            snapshot.devices.iter().find(|device| device.device == DeviceId::Mac(MAC)).unwrap().habits;
                    }
                    _ => {}
                }
            }
        }
        said
    }
}

fn mbps(rates: &[u64]) -> Vec<Option<BitRate>> {
    rates.iter().map(|&mbps| Some(BitRate::from_mbps(mbps))).collect()
}

/// Two weeks of some kbit/s.
fn habit() -> impl Iterator<Item = Option<BitRate>> {
    (0..14 * 288).map(|span| Some(BitRate::from_kbps(10 + span * 7_919 % 90)))
}

#[test]
fn it_is_told_once_and_ends_with_the_most_it_moved() {
    let mut world = World::new();
    let said = world.uploads(habit());
    assert_eq!((said.recorded.len(), said.habits), (0, Habits::Kept));
    let said = world.uploads(mbps(&[20, 20, 45, 30]));
    assert_eq!((said.recorded.len(), said.habits), (1, Habits::Broken), "{said:?}");
    let [told] = &said.notified[..] else { panic!("{said:?}") };
    assert_eq!(told, &said.recorded[0]);
    assert_eq!((told.severity, told.subject), (Severity::Warning, Subject::Device(DeviceId::Mac(MAC))));
    let said = world.uploads(mbps(&[0, 0, 0]));
    let [ended] = &said.recorded[..] else { panic!("{said:?}") };
    assert_eq!((ended.id, ended.at, ended.count, ended.ended.is_some()), (told.id, told.at, 3, true));
    let AlertKind::Unusual { direction, rate, usual, .. } = ended.kind else { panic!("{ended:?}") };
    assert_eq!(direction, Direction::Upload);
    assert!(rate > BitRate::from_mbps(40) && usual < BitRate::from_mbps(1), "{rate} {usual}");
    assert!(said.notified.is_empty());
    assert_eq!(said.habits, Habits::Kept);
}

#[test]
fn who_leaves_in_the_midst_of_it_ends_it_and_the_time_away_is_no_habit() {
    let mut world = World::new();
    world.uploads(habit());
    assert_eq!(world.uploads(mbps(&[20, 20])).notified.len(), 1);
    let said = world.uploads([None; 4]);
    assert!(said.recorded.iter().any(|alert| alert.ended.is_some()), "{said:?}");
    // Three weeks away, then what it always did.
    assert_eq!(world.uploads([None; 21 * 288]).recorded, []);
    assert_eq!(world.uploads(habit().take(2 * 288)).recorded, []);
}
