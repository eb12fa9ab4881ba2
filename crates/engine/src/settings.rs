//! What an engine knows beside the policy, for as long as it runs.

use vocab::{LocalTime, Timestamp};

/// What an engine knows beside the policy, for as long as it runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// How the clocks stand by which people here live.
    pub local_time: LocalTime,
}

impl Settings {
    /// Seconds since local midnight, and whether it is a weekend.
    pub(crate) fn clock(&self, now: Timestamp) -> (u32, bool) {
        (self.local_time.second_of_day(now), self.local_time.is_weekend(now))
    }
}
