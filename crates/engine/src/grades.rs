//! What queues add to round trips while a link is busy, of it, its devices and their classes.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::time::Duration;
use vocab::{Aggregate, DeviceId, Graded, Timestamp, TrafficClass};

/// What is told is of this time at least, and of twice as much at most.
const LATELY: Duration = Duration::from_secs(600);

/// Fewer busy seconds than this are not enough traffic to grade.
const ENOUGH: u32 = 10;

/// Whose round trips: of the link beyond us, or of an aggregate, our queues included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whose {
    Link,
    Aggregate(Aggregate),
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    added: Duration,
    seconds: u32,
}

impl Tally {
    fn graded(self) -> Option<Graded> {
        (self.seconds >= ENOUGH).then(|| Graded { added: self.added / self.seconds, seconds: self.seconds })
    }
}

/// What was added in busy seconds lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grades {
    since: Timestamp,
    now: BTreeMap<Whose, Tally>,
    before: BTreeMap<Whose, Tally>,
}

impl Grades {
    /// A busy second added so much.
    pub fn add(&mut self, whose: Whose, added: Duration) {
        let tally = self.now.entry(whose).or_default();
        tally.added = tally.added.saturating_add(added);
        tally.seconds = tally.seconds.saturating_add(1);
    }

    /// What is old goes.
    pub fn turn(&mut self, now: Timestamp) {
        let passed = now.since(self.since);
        if passed >= LATELY || now < self.since {
            self.before = std::mem::take(&mut self.now);
            if passed >= 2 * LATELY {
                self.before.clear();
            }
            self.since = now;
        }
    }

    /// Of the link.
    pub fn link(&self) -> Option<Graded> {
        self.sum(Whose::Link..=Whose::Link, |_| true)
    }

    /// Of all flows of a class.
    pub fn class(&self, class: TrafficClass) -> Option<Graded> {
        self.sum(.., |whose| matches!(whose, Whose::Aggregate(of) if of.class == class))
    }

    /// Of all flows of a device.
    pub fn device(&self, device: DeviceId) -> Option<Graded> {
        let of = |class| Whose::Aggregate(Aggregate { device, class });
        let [first, .., last] = TrafficClass::ALL;
        self.sum(of(first)..=of(last), |_| true)
    }

    /// Of one class of a device.
    pub fn aggregate(&self, aggregate: Aggregate) -> Option<Graded> {
        let whose = Whose::Aggregate(aggregate);
        self.sum(whose..=whose, |_| true)
    }

    fn sum(&self, within: impl RangeBounds<Whose> + Clone, is_of: impl Fn(Whose) -> bool) -> Option<Graded> {
        let tallies = self.before.range(within.clone()).chain(self.now.range(within));
        let tallies = tallies.filter(|(whose, _)| is_of(**whose));
        let sum = tallies.fold(Tally::default(), |sum, (_, tally)| Tally {
            added: sum.added.saturating_add(tally.added),
            seconds: sum.seconds.saturating_add(tally.seconds),
        });
        sum.graded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::MacAddress;

    #[test]
    fn what_is_told_is_the_mean_of_busy_seconds_lately() {
        let device = |n| DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, n]));
        let of = |n, class| Whose::Aggregate(Aggregate { device: device(n), class });
        let (web, call) = (TrafficClass::Web, TrafficClass::Call);
        let mut grades = Grades::default();
        let at = Timestamp::from_unix_secs;
        grades.turn(at(1_000));
        let busy = |whose, ms: u64, times: u32, grades: &mut Grades| {
            (0..times).for_each(|_| grades.add(whose, Duration::from_millis(ms)));
        };
        busy(of(1, web), 100, 9, &mut grades);
        let ms = |graded: Option<Graded>| graded.map(|graded| (graded.added.as_millis(), graded.seconds));
        assert_eq!(ms(grades.device(device(1))), None, "not enough");
        busy(of(1, call), 1, 9, &mut grades);
        busy(of(2, call), 7, 9, &mut grades);
        busy(Whose::Link, 50, 10, &mut grades);
        assert_eq!(ms(grades.device(device(1))), Some((50, 18)));
        assert_eq!(ms(grades.class(call)), Some((4, 18)));
        assert_eq!(ms(grades.aggregate(Aggregate { device: device(2), class: call })), None);
        assert_eq!(ms(grades.link()), Some((50, 10)));
        grades.turn(at(1_601));
        assert_eq!(ms(grades.link()), Some((50, 10)), "of ten minutes at least");
        grades.turn(at(2_202));
        assert_eq!(ms(grades.link()), None);
    }
}
