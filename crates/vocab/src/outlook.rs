//! What the coming hours and days will bring, for people. No guarantee is ever made of it.

use crate::{ByteCount, Directed, Monthly, Timestamp};
use std::time::Duration;

/// What was moved hour by hour, layer 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourlyVolumes {
    /// When the first hour began, a full hour of UTC.
    pub first: Timestamp,
    /// One hour after the other; `None` where nothing was recorded.
    pub hours: Vec<Option<HourVolume>>,
}

/// What was moved in one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HourVolume {
    /// Both ways.
    pub bytes: Directed<ByteCount>,
    /// How much of the hour was recorded: less than all of it at the edges of a history.
    pub recorded: Duration,
}

/// A volume that is foreseen: never decreasing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VolumeBand {
    low: ByteCount,
    likely: ByteCount,
    high: ByteCount,
}

impl VolumeBand {
    /// Nothing is foreseen.
    pub const ZERO: VolumeBand = VolumeBand { low: ByteCount::ZERO, likely: ByteCount::ZERO, high: ByteCount::ZERO };

    /// Around `likely`: what crosses it is moved to it.
    pub fn new(low: ByteCount, likely: ByteCount, high: ByteCount) -> VolumeBand {
        VolumeBand { low: low.min(likely), likely, high: high.max(likely) }
    }

    /// P10: nine times in ten it is more.
    pub const fn low(self) -> ByteCount {
        self.low
    }

    /// P50: as likely more as less.
    pub const fn likely(self) -> ByteCount {
        self.likely
    }

    /// P90: nine times in ten it is less.
    pub const fn high(self) -> ByteCount {
        self.high
    }
}

/// How much of the rhythm of a week is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Season {
    /// Too few days were seen to say anything.
    #[default]
    Learning,
    /// What each hour of the day is like.
    HoursOfDay,
    /// What each hour of the week is like.
    HoursOfWeek,
}

impl Season {
    /// How many hours it tells apart.
    pub const fn slots(self) -> usize {
        match self {
            Season::Learning => 0,
            Season::HoursOfDay => 24,
            Season::HoursOfWeek => 7 * 24,
        }
    }
}

/// When it is busy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// What is told apart.
    pub season: Season,
    /// The usual volume of each hour, as many as the season tells apart: the hour of the local day, or of the week
    /// from Monday, midnight.
    pub usual: Vec<ByteCount>,
    /// The busiest stretches, the busiest first; none where no hour stands out.
    pub busiest: Vec<BusyStretch>,
}

/// Hours that are busier than the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusyStretch {
    /// The place of the first in [`Busy::usual`].
    pub from: usize,
    /// How many follow one another, the first included; past the last of the season comes the first.
    pub hours: usize,
    /// The usual volume of an hour among them.
    pub usual: ByteCount,
}

/// What is foreseen for one way through a link, or for both together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WayOutlook {
    /// What it rests on.
    pub season: Season,
    /// The next 24 hours, from [`Outlook::from`] on; empty while learning.
    pub hours: Vec<VolumeBand>,
    /// All these hours together: quantiles do not add up, so this is foreseen for itself.
    pub day: VolumeBand,
    /// When it is busy.
    pub busy: Busy,
}

/// A volume per month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How much, both ways together.
    pub volume: ByteCount,
    /// When it is counted from zero again.
    pub resets: Monthly,
}

/// How a quota will fare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaOutlook {
    /// Which.
    pub quota: Quota,
    /// When this period began.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// What was counted of it.
    pub used: ByteCount,
    /// How much of the period so far was not recorded and could not be counted.
    pub missing: Duration,
    /// What will have been used when the period ends; `None` while learning.
    pub at_end: Option<VolumeBand>,
    /// When it runs out.
    pub runs_out: RunsOut,
}

/// When a quota runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsOut {
    /// Too few days were seen to say.
    Learning,
    /// It is used up.
    Already,
    /// Nine times in ten it lasts beyond the period.
    NotInThisPeriod,
    /// It may. One time in ten before `earliest`; as often before `likely` as later; nine times in ten before
    /// `latest`. What lies beyond the period is `None`.
    Expected {
        /// P10.
        earliest: Timestamp,
        /// P50.
        likely: Option<Timestamp>,
        /// P90.
        latest: Option<Timestamp>,
    },
}

/// What the coming hours and days will bring to a link or a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// When it was made.
    pub at: Timestamp,
    /// When the first hour that is foreseen begins: the full hour after `at`.
    pub from: Timestamp,
    /// How many hours were recorded of what it rests on.
    pub recorded_hours: usize,
    /// Each way.
    pub ways: Directed<WayOutlook>,
    /// Both together.
    pub both: WayOutlook,
    /// The quota that was asked about.
    pub quota: Option<QuotaOutlook>,
}
