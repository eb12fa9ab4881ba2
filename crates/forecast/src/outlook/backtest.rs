//! How good the outlook would have been: at each hour of a history, with nothing but what came before it.

use super::season::Fit;
use super::spread::LEVELS;
use super::{AHEAD, Series};
use vocab::{HourVolume, HourlyVolumes, LocalTime};

/// A week of hours: what the longest baseline looks back.
const WEEK: usize = 7 * 24;
/// How far back a baseline looks for what it usually misses by.
const BASELINE_MEMORY: usize = 4 * WEEK;
/// Fewer misses than this make no quantile: then the baseline's P90 is its value.
const LEAST_MISSES: usize = 24;

/// How far off, relative to the mean volume that came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OutlookScore {
    /// Pinball loss of P50: half the mean absolute error.
    pub p50: f64,
    /// Pinball loss of P90.
    pub p90: f64,
    /// The part of what came that was at most P90; 0.9 is right.
    pub below_p90: f64,
    /// How many forecasts were compared.
    pub count: usize,
}

/// One forecaster's scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutlookScores {
    /// Who forecasts.
    pub name: &'static str,
    /// The next hour.
    pub hour: OutlookScore,
    /// Each of the next 24 hours.
    pub hours: OutlookScore,
    /// Their sum.
    pub day: OutlookScore,
}

/// Scores of the outlook and of three baselines (the last hour, the same hour yesterday, the same hour last week;
/// their P90 is their value and what they missed by at 90 % of the last four weeks' hours) over `volumes`, both ways
/// together, from `warm_up` hours on, asked each `stride` hours. Hours while it is learning are not counted, for
/// nobody.
pub fn backtest_outlook(
    volumes: &HourlyVolumes,
    local: &LocalTime,
    warm_up: usize,
    stride: usize,
) -> [OutlookScores; 4] {
    let bytes = |hour: &HourVolume| hour.bytes.download + hour.bytes.upload;
    let all: Vec<Option<f64>> =
        volumes.hours.iter().map(|hour| hour.as_ref().map(|hour| bytes(hour).0 as f64)).collect();
    let mut tallies = ["this model", "last hour", "same hour yesterday", "same hour last week"]
        .map(|name| (name, [Tally::default(); 3]));
    for origin in (warm_up.max(1)..all.len().saturating_sub(AHEAD)).step_by(stride.max(1)) {
        let from = volumes.first + super::HOUR * origin as u32;
        let series = Series::new(volumes, local, from, |hour| bytes(hour));
        let Some(fit) = Fit::new(&series.volumes, &series.slots[..series.volumes.len()]) else { continue };
        let slots = &series.slots[series.volumes.len()..];
        let came = &all[origin..origin + AHEAD];
        let sum: Option<f64> = came.iter().copied().sum();
        for (number, (_, [hour, hours, day])) in tallies.iter_mut().enumerate() {
            let baseline = number.checked_sub(1).map(|which| Baseline { which, past: &all[..origin] });
            for (ahead, came) in (1..).zip(came) {
                let Some(came) = *came else { continue };
                let said = match &baseline {
                    None => {
                        let [_, p50, p90] = fit.hour(slots[ahead as usize - 1], ahead);
                        [p50, p90]
                    }
                    Some(baseline) => baseline.hour(ahead as usize),
                };
                hours.add(said, came);
                if ahead == 1 {
                    hour.add(said, came);
                }
            }
            if let Some(sum) = sum {
                day.add(
                    match &baseline {
                        None => {
                            let [_, p50, p90] = fit.day(slots);
                            [p50, p90]
                        }
                        Some(baseline) => baseline.day(),
                    },
                    sum,
                );
            }
        }
    }
    tallies.map(|(name, [hour, hours, day])| OutlookScores {
        name,
        hour: hour.score(),
        hours: hours.score(),
        day: day.score(),
    })
}

#[derive(Clone, Copy, Default)]
struct Tally {
    losses: [f64; 2],
    below: usize,
    count: usize,
    came: f64,
}

impl Tally {
    fn add(&mut self, said: [f64; 2], came: f64) {
        for ((loss, said), level) in self.losses.iter_mut().zip(said).zip(&LEVELS[1..]) {
            let miss = came - said;
            *loss += (level * miss).max((level - 1.0) * miss);
        }
        // Volumes are whole bytes, the model's are not.
        self.below += usize::from(came <= said[1] + 0.5);
        self.count += 1;
        self.came += came;
    }

    fn score(&self) -> OutlookScore {
        let scale = if self.came > 0.0 { 1.0 / self.came } else { 0.0 };
        OutlookScore {
            p50: self.losses[0] * scale,
            p90: self.losses[1] * scale,
            below_p90: self.below as f64 / self.count.max(1) as f64,
            count: self.count,
        }
    }
}

struct Baseline<'a> {
    /// 0 the last hour, 1 yesterday, 2 last week.
    which: usize,
    past: &'a [Option<f64>],
}

impl Baseline<'_> {
    /// How far back it looks for an hour that is `ahead` of what is known.
    fn back(&self, ahead: usize) -> usize {
        [ahead, 24, WEEK][self.which]
    }

    /// P50 and P90 of the hour `ahead`.
    fn hour(&self, ahead: usize) -> [f64; 2] {
        let back = self.back(ahead);
        self.with_misses(back, self.hour_at(self.past.len() + ahead - 1, back), |at| self.past[at])
    }

    fn day(&self) -> [f64; 2] {
        let back = [24, 24, WEEK][self.which];
        let day = |begin: usize| self.past.get(begin..begin + AHEAD)?.iter().copied().sum::<Option<f64>>();
        let begin = (self.past.len() + 24).saturating_sub(back + 24);
        let value = match self.which {
            0 => self.hour_at(self.past.len(), 1) * AHEAD as f64,
            _ => day(begin).unwrap_or(0.0),
        };
        let mut misses: Vec<f64> = (self.past.len().saturating_sub(BASELINE_MEMORY).max(back)
            ..self.past.len().saturating_sub(AHEAD))
            .filter_map(|at| match self.which {
                0 => Some(day(at)? - self.past[at - 1]? * AHEAD as f64),
                _ => Some(day(at)? - day(at - back)?),
            })
            .collect();
        [value, (value + p90(&mut misses)).max(value)]
    }

    /// The hour `back` before `at`, or the last known before that.
    fn hour_at(&self, at: usize, back: usize) -> f64 {
        let end = (at + 1).saturating_sub(back).min(self.past.len());
        self.past[..end].iter().rev().flatten().next().copied().unwrap_or(0.0)
    }

    fn with_misses(&self, back: usize, value: f64, came: impl Fn(usize) -> Option<f64>) -> [f64; 2] {
        let since = self.past.len().saturating_sub(BASELINE_MEMORY).max(back);
        let mut misses: Vec<f64> =
            (since..self.past.len()).filter_map(|at| Some(came(at)? - self.past[at - back]?)).collect();
        [value, (value + p90(&mut misses)).max(value)]
    }
}

fn p90(misses: &mut [f64]) -> f64 {
    if misses.len() < LEAST_MISSES {
        return 0.0;
    }
    let place = misses.len() * 9 / 10;
    *misses.select_nth_unstable_by(place, f64::total_cmp).1
}
