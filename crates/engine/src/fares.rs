//! How flows fared lately, by device and class.

use std::collections::BTreeMap;
use std::time::Duration;
use vocab::{Aggregate, DeviceId, Fare, Quality, Timestamp, TrafficClass};

/// What is told is of this time at least, and of twice as much at most: long enough for a median, short enough to show
/// what somebody complains about.
const LATELY: Duration = Duration::from_secs(15);

/// What was measured lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fares {
    since: Timestamp,
    now: BTreeMap<Aggregate, Quality>,
    before: BTreeMap<Aggregate, Quality>,
}

impl Fares {
    pub fn observe(&mut self, qualities: &[(Aggregate, Quality)], now: Timestamp) {
        self.turn(now);
        for (aggregate, quality) in qualities {
            *self.now.entry(*aggregate).or_default() += quality;
        }
    }

    /// What is old goes.
    pub fn turn(&mut self, now: Timestamp) {
        let passed = now.since(self.since);
        if passed >= LATELY {
            self.before = std::mem::take(&mut self.now);
            if passed >= 2 * LATELY {
                self.before.clear();
            }
            self.since = now;
        }
    }

    /// How a device fares, and each class of it that was measured, in class order.
    pub fn of(&self, device: DeviceId) -> (Fare, Vec<(TrafficClass, Fare)>) {
        let mut whole = Quality::default();
        let mut classes = Vec::new();
        for class in TrafficClass::ALL {
            let mut quality = Quality::default();
            let aggregate = Aggregate { device, class };
            for part in [&self.before, &self.now].into_iter().filter_map(|of| of.get(&aggregate)) {
                quality += part;
            }
            if quality != Quality::default() {
                whole += &quality;
                classes.push((class, quality.fare()));
            }
        }
        (whole.fare(), classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Directed, MacAddress};

    #[test]
    fn what_is_told_is_what_was_measured_lately() {
        let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, 1]));
        let of = |class| Aggregate { device, class };
        let segments = |all, again| Quality {
            segments: Directed { download: all, upload: 0 },
            again: Directed { download: again, upload: 0 },
            ..Quality::default()
        };
        let mut fares = Fares::default();
        let mut after = |secs: u64, measured: &[(Aggregate, Quality)]| {
            fares.observe(measured, Timestamp::from_unix_secs(1_000 + secs));
            let (whole, classes) = fares.of(device);
            let permille: Vec<_> = classes.iter().map(|(class, fare)| (*class, fare.again_permille)).collect();
            (whole.again_permille, permille)
        };
        let (web, call) = (TrafficClass::Web, TrafficClass::Call);
        assert_eq!(after(0, &[]), (None, vec![]));
        assert_eq!(after(1, &[(of(web), segments(100, 10))]), (Some(100), vec![(web, Some(100))]));
        assert_eq!(after(14, &[(of(call), segments(100, 0))]), (Some(50), vec![(call, Some(0)), (web, Some(100))]));
        assert_eq!(after(16, &[(of(web), segments(100, 0))]), (Some(33), vec![(call, Some(0)), (web, Some(50))]));
        assert_eq!(after(31, &[]), (Some(0), vec![(web, Some(0))]));
        assert_eq!(after(70, &[]), (None, vec![]));
    }
}
