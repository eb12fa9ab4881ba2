//! The usual rate at this hour of the week.

use super::Model;
use vocab::Usage;

const HOURS: usize = 7 * 24;

/// How many seconds of an hour of the week count as enough to believe it alone: a quarter of one hour.
const ENOUGH_S: f32 = 900.0;

/// No hour remembers more seconds than this: about four weeks, so that habits may change.
const REMEMBERED_S: f32 = 4.0 * 3_600.0;

/// The mean rate in each hour of the week (UTC), with that of the hour of the day for the beginning, and of all hours
/// before that.
#[derive(Clone, Debug)]
pub struct Seasonal {
    /// Kilobytes a second, and the seconds they are the mean of, up to [`REMEMBERED_S`].
    means: [f32; HOURS],
    /// In units of a minute, to stay small.
    minutes: [u8; HOURS],
    /// Seconds of the running hour not yet counted in `minutes`.
    running_s: f32,
    hour: usize,
    /// What all days have at this hour, with the seconds that rests on, and what all hours have: of the last minute.
    of_day: (f32, f32),
    of_all: f32,
}

impl Default for Seasonal {
    fn default() -> Seasonal {
        Seasonal { means: [0.0; HOURS], minutes: [0; HOURS], running_s: 0.0, hour: 0, of_day: (0.0, 0.0), of_all: 0.0 }
    }
}

impl Seasonal {
    fn seconds(&self, hour: usize) -> f32 {
        f32::from(self.minutes[hour]) * 60.0 + if hour == self.hour { self.running_s } else { 0.0 }
    }

    /// The mean over `hours`, and the seconds it rests on.
    fn mean(&self, hours: impl Iterator<Item = usize>) -> (f32, f32) {
        let (mut sum, mut seconds) = (0.0, 0.0);
        for hour in hours {
            sum += self.means[hour] * self.seconds(hour);
            seconds += self.seconds(hour);
        }
        (if seconds > 0.0 { sum / seconds } else { 0.0 }, seconds)
    }
}

impl Model for Seasonal {
    fn observe(&mut self, usage: Usage, _elapsed_s: u64, second: u64) {
        // 1 January 1970 was a Thursday: which hour is called the first does not matter.
        let hour = (second / 3_600 % HOURS as u64) as usize;
        let mut is_stale = self.minutes[hour] == 0;
        if hour != self.hour {
            (self.hour, self.running_s, is_stale) = (hour, 0.0, true);
        }
        let level = crate::features::level(usage.rate().as_bps() as f64);
        let mean = self.means[hour];
        if matches!(usage, Usage::Free(_)) || level >= mean {
            let seconds = (self.seconds(hour) + 1.0).min(REMEMBERED_S);
            self.means[hour] += (level - mean) / seconds;
            self.running_s += 1.0;
            if self.running_s >= 60.0 {
                self.running_s -= 60.0;
                self.minutes[hour] = self.minutes[hour].saturating_add(1).min((REMEMBERED_S / 60.0) as u8);
                is_stale = true;
            }
        }
        if is_stale {
            self.of_day = self.mean((hour % 24..HOURS).step_by(24));
            (self.of_all, _) = self.mean(0..HOURS);
        }
    }

    fn level(&self) -> f64 {
        let (of_week, seconds) = self.mean(std::iter::once(self.hour));
        let (of_day, day_seconds) = self.of_day;
        let blend = |own: f32, seconds: f32, other: f32| {
            let trust = seconds / (seconds + ENOUGH_S);
            other + trust * (own - other)
        };
        crate::features::bps_at(blend(of_week, seconds, blend(of_day, day_seconds, self.of_all)))
    }
}
