//! How local clocks stand against UTC: people live by the hour of their own week.

use crate::Timestamp;

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// The offset of local clocks from UTC over time. The default is UTC itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalTime {
    /// Before the first change, seconds east of UTC.
    first: i32,
    /// From when on which offset is in force, in the order of time.
    changes: Vec<(Timestamp, i32)>,
}

impl LocalTime {
    /// The same offset for ever, in seconds east of UTC.
    pub const fn fixed(offset_s: i32) -> LocalTime {
        LocalTime { first: offset_s, changes: Vec::new() }
    }

    /// `first` up to the first of `changes`, then each from its instant on (summer time and back).
    pub fn with_changes(first: i32, mut changes: Vec<(Timestamp, i32)>) -> LocalTime {
        changes.sort();
        LocalTime { first, changes }
    }

    /// Seconds east of UTC at `at`.
    pub fn offset_at(&self, at: Timestamp) -> i32 {
        let passed = self.changes.partition_point(|(since, _)| *since <= at);
        passed.checked_sub(1).map_or(self.first, |last| self.changes[last].1)
    }

    /// The local hour of the week at `at`: 0 is Monday from midnight to one.
    pub fn hour_of_week(&self, at: Timestamp) -> usize {
        let local = self.local_seconds(at);
        // 1970-01-01 was a Thursday, three days after a Monday.
        (local.div_euclid(HOUR_S) + 3 * 24).rem_euclid(7 * 24) as usize
    }

    /// Seconds since local midnight at `at`.
    pub fn second_of_day(&self, at: Timestamp) -> u32 {
        self.local_seconds(at).rem_euclid(DAY_S) as u32
    }

    /// Whether `at` is on a local Saturday or Sunday.
    pub fn is_weekend(&self, at: Timestamp) -> bool {
        self.hour_of_week(at) >= 5 * 24
    }

    /// The days around `at` that a volume of `period` counts: from when, and until when.
    pub fn period_around(&self, at: Timestamp, period: Monthly) -> (Timestamp, Timestamp) {
        let today = self.local_seconds(at).div_euclid(DAY_S);
        let (year, month, day) = civil(today);
        let this = period.begins_in(year, month);
        let (year, month) = if day >= this { (year, month) } else { month_after(year, month, -1) };
        let (next_year, next_month) = month_after(year, month, 1);
        let begin = |year, month| self.midnight(days_of(year, month, period.begins_in(year, month)));
        (begin(year, month), begin(next_year, next_month))
    }

    fn local_seconds(&self, at: Timestamp) -> i64 {
        at.as_unix_secs() as i64 + i64::from(self.offset_at(at))
    }

    /// When a local day begins, UTC.
    fn midnight(&self, day: i64) -> Timestamp {
        let instant = |offset: i32| Timestamp::from_unix_secs((day * DAY_S - i64::from(offset)).max(0) as u64);
        // The offset in force then is not the one we assume where clocks change that day: ask once more.
        let guess = instant(self.offset_at(instant(0)));
        instant(self.offset_at(guess))
    }
}

/// The day of a month, 1 to 31, on which a volume is counted from zero again. In a shorter month its last day counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monthly(u8);

impl Monthly {
    /// `None` outside 1 to 31.
    pub const fn on(day: u8) -> Option<Monthly> {
        if day >= 1 && day <= 31 { Some(Monthly(day)) } else { None }
    }

    /// 1 to 31.
    pub const fn day(self) -> u8 {
        self.0
    }

    fn begins_in(self, year: i64, month: i64) -> i64 {
        let (next_year, next_month) = month_after(year, month, 1);
        i64::from(self.0).min(days_of(next_year, next_month, 1) - days_of(year, month, 1))
    }
}

fn month_after(year: i64, month: i64, months: i64) -> (i64, i64) {
    let count = year * 12 + (month - 1) + months;
    (count.div_euclid(12), count.rem_euclid(12) + 1)
}

/// Year, month and day of so many days since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", civil_from_days).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970-01-01 (the same source, days_from_civil).
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC.
    const SUMMER: u64 = 1_774_746_000;
    const WINTER: u64 = 1_792_890_000;

    fn berlin() -> LocalTime {
        let changes = [(WINTER, 3_600), (SUMMER, 7_200)];
        LocalTime::with_changes(3_600, changes.map(|(at, offset)| (Timestamp::from_unix_secs(at), offset)).to_vec())
    }

    #[test]
    fn a_week_is_counted_by_local_clocks() {
        for (at, hour) in [
            (SUMMER - 1, 6 * 24 + 1),
            // The hour from two to three is not there on this Sunday.
            (SUMMER, 6 * 24 + 3),
            (WINTER - 1, 6 * 24 + 2),
            // And is there twice on that one.
            (WINTER, 6 * 24 + 2),
            (WINTER + 3_600, 6 * 24 + 3),
            // Monday, midnight in Berlin.
            (WINTER + 22 * 3_600, 0),
        ] {
            let at = Timestamp::from_unix_secs(at);
            assert_eq!(berlin().hour_of_week(at), hour, "{at:?}");
            assert_eq!(berlin().second_of_day(at) as usize / 3_600, hour % 24, "{at:?}");
            assert_eq!(berlin().is_weekend(at), hour >= 120, "{at:?}");
        }
        assert_eq!(LocalTime::default().hour_of_week(Timestamp::from_unix_secs(0)), 3 * 24);
        assert_eq!(LocalTime::fixed(-3_600).hour_of_week(Timestamp::from_unix_secs(0)), 3 * 24 - 1);
    }

    #[test]
    fn periods_begin_at_local_midnight_of_their_day() {
        let check = |local: &LocalTime, at: u64, day: u8, from: u64, to: u64| {
            let found = local.period_around(Timestamp::from_unix_secs(at), Monthly::on(day).unwrap());
            assert_eq!((found.0.as_unix_secs(), found.1.as_unix_secs()), (from, to), "{at} on day {day}");
        };
        let utc = LocalTime::default();
        // 2026-01-31 12:00, 2026-02-28 00:00, 2026-03-31 00:00.
        check(&utc, 1_769_860_800, 31, 1_769_817_600, 1_772_236_800);
        check(&utc, 1_772_236_800, 31, 1_772_236_800, 1_774_915_200);
        check(&utc, 1_772_236_799, 31, 1_769_817_600, 1_772_236_800);
        // March in Berlin: from winter time into summer time.
        check(&berlin(), SUMMER, 1, 1_772_319_600, 1_774_994_400);
        // The day of the change itself.
        check(&berlin(), SUMMER + 7_200, 29, 1_774_738_800, 1_777_413_600);
        assert_eq!((Monthly::on(0), Monthly::on(32)), (None, None));
    }

    #[test]
    fn dates_and_days_are_the_same_both_ways() {
        for day in (-800_000..800_000).step_by(37) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days_of(year, month, of_month), day);
            assert!((1..=12).contains(&month) && (1..=31).contains(&of_month));
        }
        assert_eq!((civil(0), civil(20_512)), ((1970, 1, 1), (2026, 2, 28)));
    }
}
