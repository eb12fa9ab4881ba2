//! How well flows fare, as the programs have measured it.

use crate::Slot;
use crate::maps::{BUCKETS, RawQuality};
use std::time::Duration;
use vocab::{Directed, Quality, RoundTrips, Sides, TrafficClass};

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

const _: () = assert!(BUCKETS == RoundTrips::BUCKETS);

/// What all CPUs have seen.
pub(crate) fn sum(values: &[RawQuality]) -> Quality {
    let mut sum = Quality::default();
    for raw in values {
        // A probe towards the device, a download, comes back from its side.
        let [lan, wan] = raw.round_trips.map(RoundTrips::from_buckets);
        let directed = |[download, upload]: [u64; 2]| Directed { download, upload };
        sum +=
            &Quality { round_trips: Sides { lan, wan }, segments: directed(raw.segments), again: directed(raw.again) };
    }
    sum
}

/// A time in ticks of the probes' clock (`TICK_SHIFT` in bpf/quality.h); 0 is none.
pub(crate) fn ticks(ticks: u32) -> Option<Duration> {
    (ticks > 0).then(|| Duration::from_nanos(u64::from(ticks) << 10))
}
