//! Who waits in its queue is kept in history as held back, second by second.

mod one_link;

use engine::{Input, Output};
use one_link::{START, engine};
use std::time::Duration;
use vocab::{
    Aggregate, ByteCount, DeviceId, Directed, Direction, HeldBack, LinkId, MacAddress, Mode, QueueReading, Record,
    Sample, TrafficClass,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn who_waits_is_recorded_with_the_second_in_which_it_waited() {
    let mut engine = engine(Mode::Control);
    let aggregate = Aggregate { device: DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, 1])), class: TrafficClass::Download };
    let (link, direction) = (LinkId(0), Direction::Download);
    let mut held_back: Vec<HeldBack> = Vec::new();
    for second in 0..8 {
        let now = START + SECOND * second;
        let bytes = Directed { download: ByteCount(1_000_000), upload: ByteCount(1_000) };
        let (packets, window) = (Directed::default(), SECOND);
        engine.handle_input(
            Input::Samples(vec![Sample { link, aggregate, start: now, window, bytes, packets, flows: 1 }]),
            now + SECOND / 2,
        );
        // It waits in the seconds 2 and 3.
        let backlog = ByteCount(if (2..4).contains(&second) { 90_000 } else { 0 });
        let (at, sent) = (now + SECOND / 2, ByteCount(u64::from(second) * 1_000_000));
        let reading = QueueReading { link, aggregate, direction, at, backlog, sent, sent_packets: 0, drops: 0 };
        engine.handle_input(Input::Queues(vec![reading]), at);
        engine.handle_timeout(now + SECOND + SECOND / 10);
        while let Some(output) = engine.poll_output() {
            if let Output::Record(Record::HeldBack(some)) = output {
                held_back.extend(some);
            }
        }
    }
    // Two readings without a backlog do not yet say that it has all it wants.
    let expected = (2..6).map(|second| HeldBack { link, aggregate, direction, start: START + SECOND * second });
    assert_eq!(held_back, expected.collect::<Vec<_>>());
}
