//! How well flows fare: round-trip times on either side of us, and segments sent again, by what passes anyway.

use crate::Directed;
use std::ops::AddAssign;
use std::time::Duration;

/// Something on either side of us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides<T> {
    /// Between us and the device: its cable or its Wi-Fi, and our queue towards it.
    pub lan: T,
    /// Between us and the other end: the link, and all that lies behind it.
    pub wan: T,
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

    /// The same in few figures.
    pub fn fare(&self) -> Fare {
        let segments = self.segments.download + self.segments.upload;
        let again = (self.again.download + self.again.upload).saturating_mul(1_000);
        let trips = self.round_trips;
        Fare {
            round_trip: Sides { lan: trips.lan.percentile(50), wan: trips.wan.percentile(50) },
            again_permille: again.checked_div(segments).map(|permille| permille.min(1_000) as u16),
            graded: None,
        }
    }
}

impl AddAssign<&Quality> for Quality {
    fn add_assign(&mut self, other: &Quality) {
        self.round_trips.lan.add(&other.round_trips.lan);
        self.round_trips.wan.add(&other.round_trips.wan);
        self.segments.download += other.segments.download;
        self.segments.upload += other.segments.upload;
        self.again.download += other.again.download;
        self.again.upload += other.again.upload;
    }
}

/// How the flows of a device or of a class fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fare {
    /// The median round trip on either side; `None` where none was seen.
    pub round_trip: Sides<Option<Duration>>,
    /// Segments sent again or out of order, in thousandths of those looked at; `None` where none was.
    pub again_permille: Option<u16>,
    /// What queues add while the link is busy; `None` while too little of that was seen.
    pub graded: Option<Graded>,
}

/// How good it is that queues add so much to round trips: the scale of dslreports.com ("Bufferbloat Grades", FAQ 17930),
/// which others use too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Below 5 ms.
    APlus,
    /// Below 30 ms.
    A,
    /// Below 60 ms.
    B,
    /// Below 200 ms.
    C,
    /// Below 400 ms.
    D,
    /// All else.
    F,
}

impl Grade {
    /// The grade of what is added on average while the link is full.
    pub fn of(added: Duration) -> Grade {
        match added.as_millis() {
            0..5 => Grade::APlus,
            5..30 => Grade::A,
            30..60 => Grade::B,
            60..200 => Grade::C,
            200..400 => Grade::D,
            _ => Grade::F,
        }
    }

    /// `A+`, `A`, `B`, `C`, `D` or `F`.
    pub const fn name(self) -> &'static str {
        match self {
            Grade::APlus => "A+",
            Grade::A => "A",
            Grade::B => "B",
            Grade::C => "C",
            Grade::D => "D",
            Grade::F => "F",
        }
    }
}

/// What queues added to round trips in the busy seconds of the last minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graded {
    /// On average.
    pub added: Duration,
    /// In so many seconds.
    pub seconds: u32,
}

impl Graded {
    /// As a grade.
    pub fn grade(&self) -> Grade {
        Grade::of(self.added)
    }
}

/// How often which round-trip time was seen: four buckets to an octave, from 131 us to 2 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrips {
    buckets: [u32; Self::BUCKETS],
}

impl Default for RoundTrips {
    fn default() -> Self {
        RoundTrips { buckets: [0; Self::BUCKETS] }
    }
}

impl RoundTrips {
    /// How many there are.
    pub const BUCKETS: usize = 64;

    /// Those of another count, in the same buckets.
    pub fn from_buckets(buckets: [u32; Self::BUCKETS]) -> RoundTrips {
        RoundTrips { buckets }
    }

    fn add(&mut self, other: &RoundTrips) {
        for (to, from) in self.buckets.iter_mut().zip(&other.buckets) {
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

/// Nanoseconds of the unit of the buckets, as the data path counts (`TICK_SHIFT` in bpf/quality.h).
const TICK_NS: u64 = 1_024;

/// The middle of a bucket.
fn middle(bucket: usize) -> Duration {
    let lower = |bucket: usize| match bucket.checked_sub(1) {
        None => 0,
        Some(above) => (4 + above as u64 % 4) << (5 + above / 4),
    };
    Duration::from_nanos((lower(bucket) + lower(bucket + 1)) / 2 * TICK_NS)
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
    fn a_fare_is_the_middle_of_what_was_seen() {
        assert_eq!(Quality::default().fare(), Fare::default());
        let mut quality = Quality::default();
        let seen_on = |lan: &[(usize, u32)], wan: &[(usize, u32)]| Quality {
            round_trips: Sides { lan: seen(lan), wan: seen(wan) },
            segments: Directed { download: 30, upload: 10 },
            again: Directed { download: 1, upload: 0 },
        };
        quality += &seen_on(&[(0, 5)], &[(2, 1)]);
        quality += &seen_on(&[], &[(5, 2)]);
        let fare = quality.fare();
        let micros = |time: Option<Duration>| time.map(|time| time.as_micros());
        assert_eq!((micros(fare.round_trip.lan), micros(fare.round_trip.wan)), (Some(65), Some(294)));
        assert_eq!(fare.again_permille, Some(25));
    }

    #[test]
    fn grades_are_those_of_their_source() {
        for (ms, name) in [
            (0, "A+"),
            (4, "A+"),
            (5, "A"),
            (29, "A"),
            (30, "B"),
            (60, "C"),
            (199, "C"),
            (200, "D"),
            (400, "F"),
            (9_999, "F"),
        ] {
            assert_eq!(Grade::of(Duration::from_millis(ms)).name(), name, "{ms}");
        }
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
