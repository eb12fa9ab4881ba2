//! What a device usually moves at such a time of the day, and whether what it moves now is unusual.
//!
//! In: the mean rate of each span of five minutes, one direction. Out: how unusual it is, and what is usual then.
//!
//! Not the misses of the forecasts: those follow what comes within seconds, so that an hour of something unusual is one
//! miss, and the tail of some thousand misses holds less than a day, so that a backup each night would be news each
//! night. Here a miss is the distance, in log space, from what is usual at this hour of working days or of weekends;
//! some thousand of these are two or three weeks.

use crate::anomaly::{Anomaly, AnomalyState};
use crate::features;
use vocab::BitRate;

/// Hours of the day, on working days and on weekends.
const HOURS: usize = 48;

/// The unit of log space: five minutes at less than this hardly matter to anybody.
const UNIT_BPS: f64 = 200_000.0;

/// Spans of an hour that count as much as the hours around it; and the memory, some five weeks of working days.
const PRIOR_SPANS: f32 = 12.0;
const REMEMBERED_SPANS: f32 = 300.0;

/// A miss counts in units of the usual spread at its hour, and at least of this: a factor of e.
const LEAST_SPREAD: f32 = 1.0;

/// Nothing is called unusual before a whole week was seen: the first weekend is none.
const LEAST_SPANS: u32 = 7 * 24 * 12;

/// What was said of a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HabitScore {
    /// What to call it.
    pub state: AnomalyState,
    /// What is rarely exceeded at such a time: five spans in a hundred, or fewer.
    pub usual: BitRate,
}

/// The habits of one device in one direction; about 1.5 kB.
#[derive(Clone, Debug)]
pub struct Habit {
    /// By hour: the usual log-rate, how far off it usually is, and how many spans that rests on.
    hours: [Hour; HOURS],
    all: Hour,
    /// Spans so far, as many as can be counted.
    seen: u32,
    anomaly: Anomaly,
}

#[derive(Clone, Copy, Debug, Default)]
struct Hour {
    mean: f32,
    spread: f32,
    spans: f32,
}

impl Hour {
    fn learn(&mut self, log_rate: f32) {
        self.spans = (self.spans + 1.0).min(REMEMBERED_SPANS);
        let step = 1.0 / self.spans;
        self.spread += step * ((log_rate - self.mean).abs() - self.spread);
        self.mean += step * (log_rate - self.mean);
    }
}

impl Habit {
    /// A span, in seconds.
    pub const SPAN_S: u64 = 300;

    /// `risk` is the part of spans that may be called unusual where nothing is wrong.
    pub fn new(risk: f64) -> Habit {
        Habit { hours: [Hour::default(); HOURS], all: Hour::default(), seen: 0, anomaly: Anomaly::new(risk) }
    }

    /// Scores the span of this mean rate at a local hour of the week (0 is Monday from midnight to one), then learns it.
    pub fn observe(&mut self, rate: BitRate, hour_of_week: usize) -> HabitScore {
        let log_rate = ((1.0 + rate.as_bps() as f64 / UNIT_BPS).ln() as f32).min(features::MOST_LOG);
        let hour = hour_of_week % 24 + if hour_of_week % 168 >= 5 * 24 { 24 } else { 0 };
        let (mean, spread) = self.usual_at(hour);
        let scale = (2.0 * spread).max(LEAST_SPREAD);
        let score = self.anomaly.observe(f64::from(log_rate - mean) / f64::from(scale), 1.0);
        self.seen = self.seen.saturating_add(1);
        let state = if self.is_known() { score.state } else { AnomalyState::Learning };
        let usual = mean + self.anomaly.level() as f32 * scale;
        // What is unusual is no habit; if it stays, the anomaly's own tail learns it and it becomes one.
        if state != AnomalyState::Unusual {
            self.hours[hour].learn(log_rate);
            self.all.learn(log_rate);
        }
        let bps = (f64::from(usual.clamp(0.0, features::MOST_LOG)).exp() - 1.0) * UNIT_BPS;
        HabitScore { state, usual: BitRate::from_bps(bps as u64) }
    }

    /// Whether enough was seen to call anything unusual.
    pub fn is_known(&self) -> bool {
        self.seen > LEAST_SPANS && self.anomaly.threshold().is_some()
    }

    /// The usual log-rate at `hour` and its spread, from that hour, its neighbours and all hours.
    fn usual_at(&self, hour: usize) -> (f32, f32) {
        let (day, of_day) = (hour / 24 * 24, hour % 24);
        let around = [(of_day + 23) % 24, of_day, (of_day + 1) % 24].map(|hour| self.hours[day + hour]);
        let blend = |own: f32, spans: f32, other: f32| other + spans / (spans + PRIOR_SPANS) * (own - other);
        let spans: f32 = around.iter().map(|hour| hour.spans).sum();
        let near = |part: fn(&Hour) -> f32| {
            let sum: f32 = around.iter().map(|hour| part(hour) * hour.spans).sum();
            blend(sum / spans.max(1.0), spans, part(&self.all))
        };
        let own = self.hours[hour];
        let mean = blend(own.mean, own.spans, near(|hour| hour.mean));
        (mean, blend(own.spread, own.spans, near(|hour| hour.spread)))
    }
}
