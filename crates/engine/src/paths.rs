//! How much longer round trips take than they did: what queues add.
//!
//! In: round trips by where they went (far networks, or devices), once a second, and whether the link is calm. Out: what
//! each has more than usual, and what the link adds to all of them. One server that is slow, one path that changed, is not
//! the link: it must be seen in several far networks, or last.

use std::collections::BTreeMap;
use std::time::Duration;
use vocab::Timestamp;

/// Places remembered at most: the far networks that a household talks to in minutes are tens.
const KEPT: usize = 512;

/// A place that was not heard of for so long is forgotten: its path may be another.
const FORGET_AFTER: Duration = Duration::from_secs(900);

/// What was heard of for so long has been heard in some quiet moment, though the link was never seen calm.
const HEARD_ENOUGH: Duration = Duration::from_secs(30);

/// What is longer is told as this: no round trip, but a bound for what is made of it.
const LONGEST: Duration = Duration::from_secs(60);

/// An addition below this, by several others, says that a newcomer is measured without a queue.
const LOW: Duration = Duration::from_millis(5);

/// What the link adds to round trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delay {
    /// More than usual.
    pub added: Duration,
    /// By so many far networks.
    pub networks: usize,
}

/// The usual round trips to places.
#[derive(Clone, Debug)]
pub(crate) struct Paths<To> {
    known: BTreeMap<To, Path>,
    /// What calm round trips differ by from the least: their noise.
    noise: Duration,
}

impl<To> Default for Paths<To> {
    fn default() -> Self {
        Paths { known: BTreeMap::new(), noise: Duration::ZERO }
    }
}

#[derive(Clone, Copy, Debug)]
struct Path {
    usual: Duration,
    first: Timestamp,
    last: Timestamp,
    /// Heard while the link added nothing.
    is_proven: bool,
}

/// Whether the link is nearly empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Calm,
    Busy,
}

impl<To: Copy + Ord> Paths<To> {
    /// Takes in the round trips of one second; `None` where they tell nothing of the link.
    pub fn observe(
        &mut self,
        samples: impl IntoIterator<Item = (To, Duration)>,
        mood: Mood,
        now: Timestamp,
    ) -> Option<Delay> {
        self.known.retain(|_, path| now.since(path.last) < FORGET_AFTER);
        let shortest = shortest_of(samples);
        let delay = self.delay(&shortest, now);
        let is_low = mood == Mood::Calm || delay.is_some_and(|delay| delay.networks > 1 && delay.added < LOW);
        for (to, round_trip) in shortest {
            self.learn(to, round_trip, mood, is_low, now);
        }
        delay
    }

    /// What calm round trips differ by from the usual ones.
    pub fn noise(&self) -> Duration {
        self.noise
    }

    /// All paths are longer by `added`: the link itself is another.
    pub fn shift(&mut self, added: Duration) {
        for path in self.known.values_mut() {
            path.usual = path.usual.saturating_add(added);
        }
    }

    /// What a round trip is longer by than usual; `None` to a place of which little is known.
    pub fn added(&self, to: To, round_trip: Duration, now: Timestamp) -> Option<Duration> {
        let path = self.known.get(&to)?;
        let is_heard = path.is_proven || now.since(path.first) >= HEARD_ENOUGH;
        is_heard.then(|| round_trip.min(LONGEST).saturating_sub(path.usual))
    }

    /// What the link adds by these round trips, of which nothing is to be learnt.
    pub fn estimate(&self, samples: impl IntoIterator<Item = (To, Duration)>, now: Timestamp) -> Option<Delay> {
        self.delay(&shortest_of(samples), now)
    }

    fn delay(&self, shortest: &BTreeMap<To, Duration>, now: Timestamp) -> Option<Delay> {
        let mut added: Vec<Duration> =
            shortest.iter().filter_map(|(&to, &round_trip)| self.added(to, round_trip, now)).collect();
        added.sort();
        // What the link adds, it adds to all: of two the less, of more the middle.
        let middle = added.len().checked_sub(1)? / 2;
        Some(Delay { added: added[middle], networks: added.len() })
    }

    fn learn(&mut self, to: To, round_trip: Duration, mood: Mood, is_low: bool, now: Timestamp) {
        if self.known.len() >= KEPT && !self.known.contains_key(&to) {
            let oldest = self.known.iter().min_by_key(|(_, path)| path.last).map(|(to, _)| *to);
            oldest.and_then(|to| self.known.remove(&to));
        }
        let new = Path { usual: round_trip, first: now, last: now, is_proven: is_low };
        let path = self.known.entry(to).or_insert(new);
        path.is_proven |= is_low;
        path.last = now;
        let above = round_trip.saturating_sub(path.usual);
        path.usual = path.usual.min(round_trip);
        if mood == Mood::Calm {
            // Nothing waits in the link: what is longer now, is the path. A quarter of it a second, for one sample may
            // be an answer that was late.
            path.usual = path.usual.saturating_add(above / 4);
            self.noise = (self.noise * 15).saturating_add(above) / 16;
        }
    }
}

/// The shortest of a second: a far end that answered late is not the link.
fn shortest_of<To: Ord>(samples: impl IntoIterator<Item = (To, Duration)>) -> BTreeMap<To, Duration> {
    let mut shortest = BTreeMap::new();
    for (to, round_trip) in samples.into_iter().map(|(to, round_trip)| (to, round_trip.min(LONGEST))) {
        shortest.entry(to).and_modify(|least: &mut Duration| *least = round_trip.min(*least)).or_insert(round_trip);
    }
    shortest
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mood::{Busy, Calm};
    use vocab::FarNetwork;

    /// Round trips in ms of far networks 1, 2, 3…, 0 for none, in seconds that follow each other; what the link is said
    /// to add, in ms, and by how many.
    type Case<'a> = (&'a [(&'a [u64], Mood)], Option<(u64, usize)>);

    fn check(what: &str, (seconds, expected): Case<'_>) {
        let mut paths = Paths::default();
        let mut told = None;
        for (second, (round_trips, mood)) in seconds.iter().enumerate() {
            let samples = round_trips.iter().enumerate().filter(|(_, ms)| **ms > 0).map(|(network, ms)| {
                let far = FarNetwork::of(std::net::IpAddr::from([10, 0, network as u8, 1]));
                (far, Duration::from_millis(*ms))
            });
            told = paths.observe(samples, *mood, Timestamp::from_unix_secs(1_000 + second as u64));
        }
        let told = told.map(|delay| (delay.added.as_millis() as u64, delay.networks));
        assert_eq!(told, expected, "{what}");
    }

    #[test]
    fn what_the_link_adds_it_adds_to_all() {
        let calm: (&[u64], Mood) = (&[20, 40, 60], Calm);
        check("nothing seen", (&[], None));
        check("nobody is known yet", (&[calm], None));
        check("no round trip at all", (&[calm, (&[u64::MAX; 3], Busy)], Some((59_960, 3))));
        check("as usual", (&[calm, calm], Some((0, 3))));
        check("all are slower", (&[calm, (&[70, 90, 120], Busy)], Some((50, 3))));
        check("one server is slow", (&[calm, (&[20, 440, 60], Busy)], Some((0, 3))));
        check("of two the less", (&[calm, (&[30, 440, 0], Busy)], Some((10, 2))));
        check("one alone", (&[calm, (&[0, 440, 0], Busy)], Some((400, 1))));
        check("of four the lower middle", (&[(&[9, 9, 9, 9], Calm), (&[9, 10, 60, 70], Busy)], Some((1, 4))));
        check("newcomers do not count", (&[calm, (&[70, 0, 0, 500, 500, 500], Busy)], Some((50, 1))));
        let started_full: (&[u64], Mood) = (&[500, 520], Busy);
        check("never calm: not yet", (&[started_full; 20], None));
        check("never calm: after half a minute", (&[started_full; 40], Some((0, 2))));
        let drained: (&[u64], Mood) = (&[50, 70], Busy);
        let full: (&[u64], Mood) = (&[80, 100], Busy);
        check(
            "shorter ones are learnt at any time",
            (&[[started_full; 40].as_slice(), &[drained, full]].concat(), Some((30, 2))),
        );
        let longer: (&[u64], Mood) = (&[80, 100, 120], Calm);
        check(
            "a path that is longer when calm",
            (&[[calm; 2].as_slice(), &[longer; 20], &[(longer.0, Busy)]].concat(), Some((0, 3))),
        );
        check(
            "far networks are proven by others",
            (&[calm, (&[20, 40, 60, 150], Busy), (&[90, 110, 130, 220], Busy)], Some((70, 4))),
        );
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let mut paths = Paths::default();
        let far = |n: u32| FarNetwork::of(std::net::IpAddr::from((0x0a00_0000 + n * 256).to_be_bytes()));
        for n in 0..2_000 {
            paths.observe([(far(n), LOW)], Calm, Timestamp::from_unix_secs(1_000 + u64::from(n) / 100));
        }
        assert_eq!(paths.known.len(), KEPT);
        assert!(paths.known.contains_key(&far(1_999)));
        paths.observe([], Calm, Timestamp::from_unix_secs(9_000));
        assert_eq!(paths.known.len(), 0);
    }
}
