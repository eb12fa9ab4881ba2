//! What an engine knows beside the policy, for as long as it runs.

use vocab::{LocalTime, Timestamp};

/// What an engine knows beside the policy, for as long as it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How the clocks stand by which people here live.
    pub local_time: LocalTime,
    /// Of so many spans of five minutes one may be called unusual where nothing is wrong; `None` watches nobody.
    pub unusual_one_in: Option<u32>,
}

impl Settings {
    /// One in 100,000: less than one a week of the 80,000 that twenty devices have, both ways.
    pub const UNUSUAL_ONE_IN: u32 = 100_000;

    /// Seconds since local midnight, and whether it is a weekend.
    pub(crate) fn clock(&self, now: Timestamp) -> (u32, bool) {
        (self.local_time.second_of_day(now), self.local_time.is_weekend(now))
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { local_time: LocalTime::default(), unusual_one_in: Some(Settings::UNUSUAL_ONE_IN) }
    }
}
