//! The time zone of this machine, as the changes of its offset that matter.

use jiff::tz::{Offset, TimeZone};
use vocab::{LocalTime, Timestamp};

/// How far back history is looked at, and how long a daemon may run before a change is missed: a year and ten.
const BACK_S: i64 = 366 * 86_400;
const AHEAD_S: i64 = 10 * 366 * 86_400;

/// How the clocks of this machine stand and stood around `now`: UTC where no zone is set.
pub fn local_time(now: Timestamp) -> LocalTime {
    local_time_in(&TimeZone::system(), now)
}

fn local_time_in(zone: &TimeZone, now: Timestamp) -> LocalTime {
    let instant = |seconds: i64| jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    let now = i64::try_from(now.as_unix_secs()).unwrap_or(i64::MAX / 2);
    let (from, to) = (instant(now.saturating_sub(BACK_S)), instant(now.saturating_add(AHEAD_S)));
    let seconds = |offset: Offset| offset.seconds();
    let changes = zone.following(from).take_while(|change| change.timestamp() < to).filter_map(|change| {
        let at = u64::try_from(change.timestamp().as_second()).ok()?;
        Some((Timestamp::from_unix_secs(at), seconds(change.offset())))
    });
    LocalTime::with_changes(seconds(zone.to_offset(from)), changes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_a_zone_are_found_back_and_ahead() {
        // The rule of Berlin, without a database (POSIX.1-2017, 8.3).
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let local = local_time_in(&berlin, Timestamp::from_unix_secs(1_780_000_000));
        for (at, hours) in [
            (1_767_000_000, 1),
            (1_774_745_999, 1),
            (1_774_746_000, 2),
            (1_792_889_999, 2),
            (1_792_890_000, 1),
            // A summer nine years later.
            (2_066_000_000, 2),
        ] {
            assert_eq!(local.offset_at(Timestamp::from_unix_secs(at)), hours * 3_600, "{at}");
        }
        let utc = local_time_in(&TimeZone::UTC, Timestamp::from_unix_secs(1_780_000_000));
        assert_eq!(utc, LocalTime::fixed(0));
    }
}
