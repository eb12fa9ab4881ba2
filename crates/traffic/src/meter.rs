//! What each aggregate moved in the window that is open.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::time::Duration;
use vocab::{Aggregate, ByteCount, Directed, Direction, LinkId, Sample, Timestamp};

/// What one aggregate moved since the window opened.
#[derive(Clone, Copy, Default)]
struct Tally {
    bytes: Directed<ByteCount>,
    packets: Directed<u64>,
    flows: u32,
}

/// Counters per aggregate for one link; one worker owns it, so there is no lock.
///
/// An aggregate costs one allocation the first time it is seen and none after, as long as it moves something
/// in one of the windows that follow: entries that were idle for a whole window are dropped.
pub struct Meter {
    link: LinkId,
    tallies: HashMap<Aggregate, Tally, RandomState>,
}

impl Meter {
    /// An empty meter for `link`.
    pub fn new(link: LinkId) -> Meter {
        Meter { link, tallies: HashMap::with_hasher(RandomState::default()) }
    }

    /// Adds one or more packets of `bytes` in total, layer 2, to `aggregate`.
    pub fn observe(&mut self, aggregate: Aggregate, direction: Direction, bytes: ByteCount, packets: u64) {
        let tally = self.tallies.entry(aggregate).or_default();
        tally.bytes[direction] += bytes;
        tally.packets[direction] += packets;
    }

    /// Adds counters that the kernel kept, in both directions at once.
    pub fn observe_counts(&mut self, aggregate: Aggregate, bytes: Directed<ByteCount>, packets: Directed<u64>) {
        for direction in Direction::ALL {
            self.observe(aggregate, direction, bytes[direction], packets[direction]);
        }
    }

    /// Counts one flow that moved something in this window; call it once per flow and window
    /// ([`Observed::first_in_window`](crate::Observed::first_in_window)).
    pub fn observe_flow(&mut self, aggregate: Aggregate) {
        self.tallies.entry(aggregate).or_default().flows += 1;
    }

    /// The samples of the window that began at `start` and was `window` long, in the order of their
    /// aggregates, and an empty meter for the next. Idle aggregates give none.
    pub fn close_window(&mut self, start: Timestamp, window: Duration) -> Vec<Sample> {
        let link = self.link;
        let moved = |tally: &Tally| tally.packets.download + tally.packets.upload > 0;
        self.tallies.retain(|_, tally| moved(tally));
        let mut samples: Vec<Sample> = self
            .tallies
            .iter_mut()
            .map(|(&aggregate, tally)| {
                let Tally { bytes, packets, flows } = std::mem::take(tally);
                Sample { link, aggregate, start, window, bytes, packets, flows }
            })
            .collect();
        // The table's order is random; what leaves must be the same for the same input.
        samples.sort_unstable_by_key(|sample| sample.aggregate);
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{BitRate, DeviceId, TrafficClass};

    #[test]
    fn a_window_holds_what_was_moved_in_it() {
        let aggregate = |last, class| Aggregate { device: DeviceId::Ip([10, 0, 0, last].into()), class };
        let mut meter = Meter::new(LinkId(3));
        let (voice, web) = (aggregate(2, TrafficClass::Voice), aggregate(1, TrafficClass::Web));
        meter.observe_flow(voice);
        for _ in 0..50 {
            meter.observe(voice, Direction::Upload, ByteCount(214), 1);
        }
        meter.observe_counts(
            web,
            Directed { download: ByteCount(1_000_000), upload: ByteCount(0) },
            Directed { download: 700, upload: 0 },
        );
        let second = Duration::from_secs(1);
        let samples = meter.close_window(Timestamp::from_unix_secs(7), second);
        assert_eq!(samples.iter().map(|sample| sample.aggregate).collect::<Vec<_>>(), [web, voice]);
        assert_eq!(samples[0].rate().download, BitRate::from_mbps(8));
        assert_eq!((samples[1].bytes.upload, samples[1].packets.upload, samples[1].flows), (ByteCount(10_700), 50, 1));
        assert_eq!(samples[1].link, LinkId(3));
        assert!(meter.close_window(Timestamp::from_unix_secs(8), second).is_empty());
    }
}
