//! What the coming hours and days will bring: `GET /outlook?link=…|device=…`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is foreseen for a link or a device, from what it moved hour by hour. No guarantee is made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outlook {
    /// What people call the link or device.
    pub name: String,
    /// When it was made.
    pub at_ms: u64,
    /// When the first hour that is foreseen begins: the full hour after `at_ms`.
    pub from_ms: u64,
    /// How far local clocks, where EqualNet runs, are ahead of UTC then, in seconds: what `busy` counts its hours by.
    pub utc_offset_s: i32,
    /// How many recorded hours it rests on.
    pub recorded_hours: u32,
    /// Towards the devices.
    pub download: WayOutlook,
    /// From the devices.
    pub upload: WayOutlook,
    /// Both together, foreseen for themselves: quantiles do not add up.
    pub both: WayOutlook,
    /// The quota that is configured or was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaOutlook>,
}

/// What is foreseen for one way, or both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WayOutlook {
    /// What it rests on: `learning` (too few days to say anything), `hours_of_day` or `hours_of_week`.
    pub season: String,
    /// The next 24 hours, from `from_ms` on; empty while learning.
    pub hours: Vec<VolumeBand>,
    /// All of them together; absent while learning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<VolumeBand>,
    /// When it is busy.
    pub busy: Busy,
}

/// A volume foreseen, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VolumeBand {
    /// Nine times in ten it is more.
    pub p10: u64,
    /// As likely more as less.
    pub p50: u64,
    /// Nine times in ten it is less.
    pub p90: u64,
}

/// When it is busy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Busy {
    /// What an hour usually moves, in bytes: none while learning, 24 hours of the day, or 168 of the week from Monday,
    /// midnight, by local clocks.
    pub usual: Vec<u64>,
    /// The busiest stretches, the busiest first; none where no hour stands out.
    pub busiest: Vec<BusyStretch>,
}

/// Hours that are busier than the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BusyStretch {
    /// The place of the first in `usual`.
    #[schema(maximum = 167)]
    pub from: u16,
    /// How many follow one another; past the last comes the first again.
    #[schema(maximum = 168)]
    pub hours: u16,
    /// What an hour among them usually moves, in bytes.
    pub usual: u64,
}

/// How a quota will fare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuotaOutlook {
    /// How much there is in a period, in bytes, both ways together.
    pub volume: u64,
    /// The day of the month on which it is counted from zero again; in a shorter month its last day.
    #[schema(minimum = 1, maximum = 31)]
    pub resets: u8,
    /// When this period began.
    pub from_ms: u64,
    /// When it ends.
    pub to_ms: u64,
    /// What was counted so far, in bytes.
    pub used: u64,
    /// How much of the period so far was not recorded, and could not be counted, in seconds.
    pub missing_s: u64,
    /// What will have been used when the period ends; absent while learning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_end: Option<VolumeBand>,
    /// `learning`, `already` (it is used up), `not_in_this_period`, or `expected`: then the times say when.
    pub runs_out: String,
    /// One time in ten it runs out before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest_ms: Option<u64>,
    /// As likely before this as after; absent where that lies beyond the period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likely_ms: Option<u64>,
    /// Nine times in ten it runs out before this; absent where that lies beyond the period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_ms: Option<u64>,
}
