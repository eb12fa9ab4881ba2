//! A capacity that nobody knows: within which bounds it is looked for, by what, and how sure what was found is.

use crate::{Aggregate, BitRate};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The bounds within which the rate of a line is looked for, layer 2, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateRange {
    min: BitRate,
    max: BitRate,
}

impl RateRange {
    /// `None` where there is nothing between them, or no rate at all.
    pub fn new(min: BitRate, max: BitRate) -> Option<RateRange> {
        (BitRate::ZERO < min && min < max).then_some(RateRange { min, max })
    }

    /// The least.
    pub fn min(&self) -> BitRate {
        self.min
    }

    /// The most.
    pub fn max(&self) -> BitRate {
        self.max
    }

    /// What of these bounds is nearest to `rate`.
    pub fn clamp(&self, rate: BitRate) -> BitRate {
        rate.clamp(self.min, self.max)
    }

    /// Both bounds, changed alike; `None` where nothing is left between them.
    pub fn map(&self, change: impl Fn(BitRate) -> BitRate) -> Option<RateRange> {
        RateRange::new(change(self.min), change(self.max))
    }
}

/// A capacity that is looked for: its bounds, and what it is taken to be now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sought {
    /// Its bounds, as rates of the line like [`crate::Link::line_rate`].
    pub range: RateRange,
    /// What is divided now, no margin to be taken off; `None` before the first look: then it is as if it were stated.
    pub found: Option<BitRate>,
}

/// A network of the internet in which servers are about equally far: 256 addresses of IPv4, a /48 of IPv6 (what one
/// site has, RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FarNetwork(IpAddr);

impl FarNetwork {
    /// The network of `address`.
    pub fn of(address: IpAddr) -> FarNetwork {
        FarNetwork(match address {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
            }
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
            }
        })
    }
}

/// The shortest round trip of a second between us and a far network, by the flows of one aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathSample {
    /// Whose flows; `None` of what we sent ourselves to be answered.
    pub aggregate: Option<Aggregate>,
    /// Where they went.
    pub far: FarNetwork,
    /// From us to the other end and back; our queue for uploads is a part of it.
    pub round_trip: Duration,
}

/// What the search for a capacity is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// No load has been seen yet under which the delay could have risen.
    Waiting,
    /// The link is busy and the delay stays low: it may carry more.
    Rising,
    /// It stands just below where the delay rose, or where the flows want no more.
    Standing,
    /// The delay rose: less is divided until it has fallen.
    Draining,
    /// Hardly anything moves: what was found is of another hour, and goes back to what is usual.
    Resting,
    /// The delay does not tell how full the link is: the stated rate is divided, and looked for no more for a while.
    Blind(Blindness),
}

impl Search {
    /// `waiting`, `rising`, `standing`, `draining`, `resting` or `blind`.
    pub const fn name(self) -> &'static str {
        match self {
            Search::Waiting => "waiting",
            Search::Rising => "rising",
            Search::Standing => "standing",
            Search::Draining => "draining",
            Search::Resting => "resting",
            Search::Blind(_) => "blind",
        }
    }
}

/// Why the delay does not tell how full a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blindness {
    /// The link was busy, and too few round trips were seen.
    NothingMeasured,
    /// The delay was high, and stayed high with less on the link.
    NoReaction,
    /// Segments were lost on a busy link whose delay stayed low: the line drops where others queue.
    DropsInstead,
}

impl Blindness {
    /// All of them.
    pub const ALL: [Blindness; 3] = [Blindness::NothingMeasured, Blindness::NoReaction, Blindness::DropsInstead];

    /// `nothing_measured`, `no_reaction` or `drops_instead`.
    pub const fn name(self) -> &'static str {
        match self {
            Blindness::NothingMeasured => "nothing_measured",
            Blindness::NoReaction => "no_reaction",
            Blindness::DropsInstead => "drops_instead",
        }
    }
}

/// How much is to be believed of a capacity that was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Nothing: it is what was stated.
    #[default]
    None,
    /// The delay never reacted to load yet, or one far network alone tells of it.
    Low,
    /// The delay rose and fell with the load, by what two far networks say.
    Fair,
    /// The same, by three or more.
    High,
}

impl Confidence {
    /// `none`, `low`, `fair` or `high`.
    pub const fn name(self) -> &'static str {
        match self {
            Confidence::None => "none",
            Confidence::Low => "low",
            Confidence::Fair => "fair",
            Confidence::High => "high",
        }
    }
}

/// How the search for a link's capacity stands in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What the search is at.
    pub search: Search,
    /// How much is to be believed of it.
    pub confidence: Confidence,
    /// The bounds, as capacities.
    pub range: RateRange,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_something_between_its_bounds() {
        let mbps = BitRate::from_mbps;
        for (min, max, expected) in [(0, 5, false), (5, 5, false), (6, 5, false), (5, 6, true)] {
            assert_eq!(RateRange::new(mbps(min), mbps(max)).is_some(), expected, "{min} {max}");
        }
        let range = RateRange::new(mbps(5), mbps(80)).expect("it is valid");
        for (rate, nearest) in [(1, 5), (5, 5), (30, 30), (90, 80)] {
            assert_eq!(range.clamp(mbps(rate)), mbps(nearest));
        }
    }

    #[test]
    fn neighbours_are_of_one_far_network() {
        for (one, other, same) in [
            ("203.0.113.7", "203.0.113.200", true),
            ("203.0.113.7", "203.0.114.7", false),
            ("2001:db8:1:2::3", "2001:db8:1:ffff::1", true),
            ("2001:db8:1::1", "2001:db8:2::1", false),
        ] {
            let far = |text: &str| FarNetwork::of(text.parse().expect("a constant address is valid"));
            assert_eq!(far(one) == far(other), same, "{one} {other}");
        }
    }
}
