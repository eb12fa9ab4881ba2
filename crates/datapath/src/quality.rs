//! How well flows fare: round-trip times on either side of us, and segments sent again, by what passes anyway.

use crate::Slot;
use crate::maps::{BUCKETS, RawQuality};
use std::time::Duration;
use vocab::{Directed, TrafficClass};

/// Something on either side of us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides<T> {
    /// Between us and the device: its cable or its Wi-Fi, and our queue towards it.
    pub lan: T,
    /// Between us and the other end: the link, and all that lies behind it.
    pub wan: T,
}

/// What was measured of a device's flows of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QualityReading {
    /// Whose; `None` for devices that had no slot.
    pub slot: Option<Slot>,
    /// In which class the flows were.
    pub class: TrafficClass,
    /// Since the maps were made or the slot was given.
    pub quality: Quality,
}

/// Round trips and segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// Round trips on either side.
    pub round_trips: Sides<RoundTrips>,
    /// TCP segments with data that were looked at: a sixteenth of all.
    pub segments: Directed<u64>,
    /// Of those, sent again or out of order.
    pub again: Directed<u64>,
}

impl Quality {
    pub(crate) fn sum(values: &[RawQuality]) -> Quality {
        let mut quality = Quality::default();
        for raw in values {
            // A probe towards the device, a download, comes back from its side.
            quality.round_trips.lan.add(&raw.round_trips[0]);
            quality.round_trips.wan.add(&raw.round_trips[1]);
            quality.segments.download = quality.segments.download.wrapping_add(raw.segments[0]);
            quality.segments.upload = quality.segments.upload.wrapping_add(raw.segments[1]);
            quality.again.download = quality.again.download.wrapping_add(raw.again[0]);
            quality.again.upload = quality.again.upload.wrapping_add(raw.again[1]);
        }
        quality
    }

    /// What was added since `before`, an earlier reading of the same.
    pub fn since(&self, before: &Quality) -> Quality {
        let directed = |now: Directed<u64>, before: Directed<u64>| Directed {
            download: now.download.saturating_sub(before.download),
            upload: now.upload.saturating_sub(before.upload),
        };
        Quality {
            round_trips: Sides {
                lan: self.round_trips.lan.since(&before.round_trips.lan),
                wan: self.round_trips.wan.since(&before.round_trips.wan),
            },
            segments: directed(self.segments, before.segments),
            again: directed(self.again, before.again),
        }
    }
}

/// How often which round-trip time was seen: four buckets to an octave, from 131 us to 2 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrips {
    buckets: [u32; BUCKETS],
}

impl Default for RoundTrips {
    fn default() -> Self {
        RoundTrips { buckets: [0; BUCKETS] }
    }
}

impl RoundTrips {
    fn add(&mut self, buckets: &[u32; BUCKETS]) {
        for (to, from) in self.buckets.iter_mut().zip(buckets) {
            *to = to.wrapping_add(*from);
        }
    }

    fn since(&self, before: &RoundTrips) -> RoundTrips {
        let mut since = *self;
        for (now, before) in since.buckets.iter_mut().zip(before.buckets) {
            // A bucket wraps after weeks; a difference does not.
            *now = now.wrapping_sub(before);
        }
        since
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|count| u64::from(*count)).sum()
    }

    /// The time that `percent` of them did not exceed, to an eighth of it; `None` where there were none.
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let count = self.count();
        let wanted = (count * u64::from(percent.min(100))).div_ceil(100).max(1);
        let mut passed = 0;
        for (bucket, of_bucket) in self.buckets.iter().enumerate() {
            passed += u64::from(*of_bucket);
            if passed >= wanted {
                return Some(middle(bucket));
            }
        }
        None
    }
}

/// Nanoseconds of a tick of the probes' clock.
const TICK_NS: u64 = 1_024;

/// The middle of a bucket.
fn middle(bucket: usize) -> Duration {
    let lower = |bucket: usize| match bucket.checked_sub(1) {
        None => 0,
        Some(above) => (4 + above as u64 % 4) << (5 + above / 4),
    };
    Duration::from_nanos((lower(bucket) + lower(bucket + 1)) / 2 * TICK_NS)
}

/// A time in ticks; 0 is none.
pub(crate) fn ticks(ticks: u32) -> Option<Duration> {
    (ticks > 0).then(|| Duration::from_nanos(u64::from(ticks) * TICK_NS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(buckets: &[(usize, u32)]) -> RoundTrips {
        let mut round_trips = RoundTrips::default();
        for (bucket, count) in buckets {
            round_trips.buckets[*bucket] = *count;
        }
        round_trips
    }

    #[test]
    fn percentiles_are_read_from_buckets() {
        let micros = |round_trips: &RoundTrips, percent| round_trips.percentile(percent).map(|time| time.as_micros());
        assert_eq!(micros(&RoundTrips::default(), 50), None);
        // Below 131 us; from 131 us; from 164 us; to 2.1 s.
        for (bucket, expected) in [(0, 65), (1, 147), (2, 180), (5, 294), (56, 2_013_265)] {
            assert_eq!(micros(&seen(&[(bucket, 1)]), 50), Some(expected), "{bucket}");
        }
        let mixed = seen(&[(1, 90), (2, 9), (5, 1)]);
        for (percent, expected) in [(0, 147), (1, 147), (90, 147), (91, 180), (99, 180), (100, 294)] {
            assert_eq!(micros(&mixed, percent), Some(expected), "{percent}");
        }
        assert_eq!(mixed.since(&seen(&[(1, 90), (2, 8)])), seen(&[(2, 1), (5, 1)]));
    }
}
