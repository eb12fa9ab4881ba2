//! What is tried beside every peer, in the order of what EqualNet promises.

mod change;
mod fair;
mod flap;
mod law;
mod load;

use super::Trial;
use super::peer::Peer;
use crate::scenarios::Outcome;
use anyhow::Result;
use serde::Serialize;
use std::fmt;

/// Something to try.
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub shows: &'static str,
    /// Beside whom.
    pub peers: &'static [Peer],
    /// What EqualNet promises of it.
    pub goals: &'static [Goal],
    pub(super) run: fn(&Trial) -> Result<Outcome>,
}

/// A figure and what it is to be.
pub struct Goal {
    /// Which figure.
    pub figure: &'static str,
    /// What it is to be.
    pub bound: Bound,
}

/// What a figure is to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bound {
            Bound::AtMost(most) => write!(f, "≤ {most}"),
            Bound::AtLeast(least) => write!(f, "≥ {least}"),
        }
    }
}

const fn at_most(figure: &'static str, most: f64) -> Goal {
    Goal { figure, bound: Bound::AtMost(most) }
}

const fn at_least(figure: &'static str, least: f64) -> Goal {
    Goal { figure, bound: Bound::AtLeast(least) }
}

/// The devices that compete.
const FIRST: &str = "annas-laptop";
const SECOND: &str = "study-pc";
/// The device that calls.
const PHONE: &str = "desk-phone";

/// TCP finds its rate, and a daemon its verdicts.
const WARM_UP: f64 = 6.0;

/// All scenarios.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "rrul",
        shows: "four flows down and four up on one device: what they add to the round trips of a ping beside them and \
                of a call on another device",
        peers: &Peer::ALL,
        // 25 ms with a bfifo leaf, which has no say in what waits before a packet of its own queue.
        goals: &[at_most("ping_added_p99_ms", 5.0), at_most("voice_added_p99_ms", 5.0)],
        run: load::rrul,
    },
    Scenario {
        name: "voice",
        shows: "a call beside 20 bulk flows of two other devices: what it sounds like (ITU-T G.107)",
        peers: &Peer::ALL,
        goals: &[at_least("mos", 4.3)],
        run: load::voice,
    },
    Scenario {
        name: "guarantee",
        shows: "4 Mbit/s guaranteed to a device of priority 5, while five devices of priority 1 each want the whole \
                link: every window of 1 s, and each device's rate over 10 s against what the law allots (4 and 5 × 3.2)",
        peers: &Peer::ALL,
        goals: &[
            at_least("windows_kept_percent", 98.0),
            at_most("allocation_error_percent", 1.0),
            at_most("highest_10_s_percent_of_capacity", 100.5),
        ],
        run: law::guarantee,
    },
    Scenario {
        name: "inversion",
        shows: "priority 1 with four flows against priority 5 with twenty flows in five classes and a guarantee of \
                1 Mbit/s: seconds in which the second has what the first wants",
        peers: &Peer::ALL,
        goals: &[at_most("seconds_of_inversion", 0.0)],
        run: law::inversion,
    },
    Scenario {
        name: "inversion-bbr",
        shows: "the same, and the twenty flows are sent by BBR, which does not mind losses: they fill the modem's \
                queue, before any gateway has a say",
        peers: &Peer::ALL,
        goals: &[at_most("seconds_of_inversion", 0.0)],
        run: law::inversion_by_bbr,
    },
    Scenario {
        name: "fair-flows",
        shows: "equal priority, two devices with two flows each: Jain's index over the four flows",
        peers: &Peer::ALL,
        goals: &[at_least("jain_flows", 0.99), at_least("jain_devices", 0.99)],
        run: fair::flows,
    },
    Scenario {
        name: "fair-16",
        shows: "equal priority, one flow against sixteen: Jain's index over the two devices",
        peers: &Peer::ALL,
        goals: &[at_least("jain_devices", 0.98)],
        run: fair::sixteen,
    },
    Scenario {
        name: "fair-classes",
        shows: "equal priority, four flows in one class against ten in five: Jain's index over the two devices",
        peers: &Peer::ALL,
        goals: &[at_least("jain_devices", 0.98)],
        run: fair::classes,
    },
    Scenario {
        name: "cubic-bbr",
        shows: "equal priority, two flows each, cubic against BBR",
        peers: &Peer::ALL,
        goals: &[at_least("jain_devices", 0.98)],
        run: fair::congestion,
    },
    Scenario {
        name: "near-far",
        shows: "equal priority, two flows each, 10 ms against 100 ms from the servers",
        peers: &Peer::ALL,
        goals: &[at_least("jain_devices", 0.98)],
        run: fair::distance,
    },
    Scenario {
        name: "step",
        shows: "a second device begins to want its half while the first has all, and stops again",
        peers: &Peer::ALL,
        goals: &[at_most("share_reached_after_s", 2.0), at_most("overshoot_percent", 5.0)],
        run: law::step,
    },
    Scenario {
        name: "quiet",
        shows: "constant demand of two devices and a call: changes of classes in the kernel after the first 10 s",
        peers: &Peer::OURS,
        goals: &[at_most("class_changes_per_minute", 0.0)],
        run: change::quiet,
    },
    Scenario {
        name: "storm",
        shows: "600 random changes of the policy in 60 s under load: numbered packets of a call and a meeting that \
                never come back, beside as many seconds before as a quarter of it",
        peers: &[Peer::Htb, Peer::Cake, Peer::Sqm, Peer::Equalnet, Peer::EqualnetCake, Peer::EqualnetBfifo],
        goals: &[at_most("lost_in_storm", 0.0)],
        run: change::storm,
    },
    Scenario {
        name: "flap",
        shows: "the WAN interface goes down for 2 s under load and comes up again",
        peers: &Peer::ALL,
        goals: &[at_most("filled_again_after_s", 2.0), at_most("voice_added_p99_ms", 5.0)],
        run: flap::flap,
    },
];
