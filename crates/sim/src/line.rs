//! The line behind a link: what it carries now, and the queue in which waits what is too much for it.

use crate::traffic_source::Chance;
use std::net::IpAddr;
use std::time::Duration;
use vocab::{BitRate, Directed, Direction, FarNetwork};

/// Servers stand in so many far networks.
const FAR: u64 = 6;

/// A line of both directions, as a fluid with one queue each.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// What it carries in this second.
    pub carries: Directed<BitRate>,
    /// What all round trips have more than usual, whatever waits: another way to the satellite.
    pub longer: Duration,
    /// The longest wait in its queues.
    pub buffer: Duration,
    queued: Directed<u64>,
    chance: Chance,
}

impl Line {
    pub fn new(carries: Directed<BitRate>, buffer: Duration, seed: u64) -> Line {
        let (longer, queued) = (Duration::ZERO, Directed::default());
        Line { carries, longer, buffer, queued, chance: Chance::new(seed) }
    }

    /// What comes out of it in a second in which `sent` goes in.
    pub fn pass(&mut self, direction: Direction, sent: BitRate) -> BitRate {
        let carries = self.carries[direction].as_bps();
        let there = sent.as_bps().saturating_add(self.queued[direction]);
        let carried = there.min(carries);
        let room = (u128::from(carries) * self.buffer.as_millis() / 1_000) as u64;
        // What has no room is lost, and sent again by who wants it.
        self.queued[direction] = (there - carried).min(room);
        BitRate::from_bps(carried)
    }

    /// How long what goes in now waits.
    pub fn wait(&self, direction: Direction) -> Duration {
        let nanos = u128::from(self.queued[direction]) * 1_000_000_000;
        Duration::from_nanos(nanos.checked_div(u128::from(self.carries[direction].as_bps())).unwrap_or(0) as u64)
    }

    /// The shortest round trip of a second to the servers of the `nth` aggregate.
    pub fn round_trip(&mut self, nth: usize) -> (FarNetwork, Duration) {
        let network = nth as u64 % FAR;
        let far = FarNetwork::of(IpAddr::from([203, 0, network as u8, 1]));
        // 12 to 112 ms away, and up to 4 ms of noise: what is left of it in the least of several.
        let usual = Duration::from_millis(12 + 20 * network) + Duration::from_micros(self.chance.between(0, 4_000));
        (far, usual + self.longer + self.wait(Direction::Download) + self.wait(Direction::Upload))
    }
}
