//! When a quota runs out.
//!
//! Many possible futures: each takes the days to come as their usual hours make them, off by what past days were off,
//! in runs of a week as they followed one another (a moving block bootstrap: Künsch 1989), so that a busy week stays
//! one; and each has a level of its own, off by as much as weeks differed from the weeks before them: what changes for
//! good does not show in single days. The futures are drawn from a fixed beginning: the same history gives the same dates.

use super::season::{Fit, WEEK};
use super::{HOUR, Series, bytes};
use crate::chance::Chance;
use std::time::Duration;
use vocab::{ByteCount, HourlyVolumes, LocalTime, Quota, QuotaOutlook, RunsOut, Timestamp, VolumeBand};

const FUTURES: usize = 200;
/// Days that are taken as they followed one another.
const RUN: usize = 7;
/// What the last days say of the level counts half after so many days ahead.
const FADES: f64 = 56.0;
/// Two weeks differ by what both are off: this part of it is one week's.
const OF_TWO: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// Where few weeks are known, changes like these are as likely as those seen; none is larger than the last.
const USUAL_CHANGES: [f64; 3] = [-0.25, 0.0, 0.25];
const LARGEST_CHANGE: f64 = 1.5;
/// A week of which fewer hours were recorded is not compared.
const LEAST_OF_WEEK: usize = 120;
/// Fewer days than this say nothing.
const LEAST_DAYS: usize = 3;
/// A period has at most so many hours.
const LONGEST: usize = 32 * 24;

pub fn outlook(
    quota: Quota,
    volumes: &HourlyVolumes,
    series: &Series,
    fit: Option<&Fit>,
    local: &LocalTime,
    now: Timestamp,
) -> QuotaOutlook {
    let (from, to) = local.period_around(now, quota.resets);
    let (used, missing) = used(volumes, from, now);
    let known = fit.filter(|fit| fit.days_off().iter().flatten().count() > (LEAST_DAYS - 1) * 24);
    let mut outlook = QuotaOutlook { quota, from, to, used, missing, at_end: None, runs_out: RunsOut::Learning };
    if let Some(fit) = known {
        let left = quota.volume.0.saturating_sub(used.0) as f64;
        let futures = Futures::new(fit, series, left, now, to);
        outlook.at_end = Some(futures.at_end(used));
        outlook.runs_out = futures.runs_out();
    }
    if used >= quota.volume {
        outlook.runs_out = RunsOut::Already;
    }
    outlook
}

/// What was counted in the hours of this period, and how much of it was not recorded.
fn used(volumes: &HourlyVolumes, from: Timestamp, now: Timestamp) -> (ByteCount, Duration) {
    let mut used = ByteCount::ZERO;
    let mut recorded = Duration::ZERO;
    for (index, hour) in (0..).zip(&volumes.hours) {
        let begin = volumes.first + HOUR * index;
        // An hour that the period begins in counts for it: where clocks are off by half an hour, a little too much.
        if let Some(hour) = hour.filter(|_| begin + HOUR > from && begin < now) {
            used += hour.bytes.download + hour.bytes.upload;
            recorded += hour.recorded.min(HOUR);
        }
    }
    (used, now.since(from).saturating_sub(recorded))
}

struct Futures {
    /// What each moves until the period ends, bytes, the least first.
    ends: Vec<f64>,
    /// When each has moved what is left, the earliest first; those that do not are not there.
    out: Vec<Timestamp>,
}

impl Futures {
    fn new(fit: &Fit, series: &Series, left: f64, now: Timestamp, to: Timestamp) -> Futures {
        // The hour that runs counts for what is left of it.
        let begun = series.from.since(now).as_secs_f64() / HOUR.as_secs_f64();
        let hours = (to.since(series.from).as_secs().div_ceil(HOUR.as_secs()) as usize).min(LONGEST);
        let fading = |hour: usize| 0.5_f64.powf(hour as f64 / 24.0 / FADES);
        let first = series.slots.get(series.volumes.len().wrapping_sub(1)).copied();
        let usual: Vec<f64> = std::iter::once(first.map_or(0.0, |slot| fit.level_now(slot, 1.0) * begun))
            .chain((0..hours).map(|hour| fit.level_now(series.slot_ahead(hour), fading(hour))))
            .collect();
        // The last day reaches past the end of the period: only its part counts.
        let mut chance = Chance::new(1);
        let changes = changes(&series.volumes);
        let mut futures = Futures { ends: Vec::with_capacity(FUTURES), out: Vec::new() };
        for _ in 0..FUTURES {
            let mut moved = 0.0;
            let mut out = None;
            let mut run = Run::default();
            let level = (OF_TWO * changes[chance.below(changes.len() as u64) as usize]).exp();
            for (day, usual) in usual.chunks(24).enumerate() {
                let by = run.next(fit.days_off(), &mut chance);
                let sum: f64 = usual.iter().sum();
                let grown = fit.sum_off(sum * level, by, usual.len());
                for (hour, usual) in usual.iter().enumerate() {
                    // An hour has its part of the day, and an even one where the whole day is usually idle.
                    let part = if sum > 0.0 { usual / sum } else { 1.0 / 24.0 };
                    moved += grown * part;
                    if moved >= left && out.is_none() {
                        out = Some((now + HOUR * (day * 24 + hour) as u32).min(to));
                    }
                }
            }
            futures.ends.push(moved);
            futures.out.extend(out);
        }
        futures.ends.sort_by(f64::total_cmp);
        futures.out.sort();
        futures
    }

    fn at_end(&self, used: ByteCount) -> VolumeBand {
        let at = |level: usize| self.ends.get(FUTURES * level / 100).map_or(used, |more| used + bytes(*more));
        VolumeBand::new(at(10), at(50), at(90))
    }

    fn runs_out(&self) -> RunsOut {
        let at = |level: usize| self.out.get(FUTURES * level / 100).copied();
        match at(10) {
            None => RunsOut::NotInThisPeriod,
            Some(earliest) => RunsOut::Expected { earliest, likely: at(50), latest: at(90) },
        }
    }
}

/// How weeks differed from those before them, on the log scale, asked each day.
fn changes(volumes: &[Option<f64>]) -> Vec<f64> {
    let mean = |end: usize| {
        let hours = &volumes[end - WEEK..end];
        let recorded = hours.iter().flatten().count();
        (recorded >= LEAST_OF_WEEK).then(|| hours.iter().flatten().sum::<f64>() / recorded as f64)
    };
    let change = |end: usize| Some(((mean(end)? + 1.0) / (mean(end - WEEK)? + 1.0)).ln());
    let seen = (2 * WEEK..=volumes.len()).rev().step_by(24).filter_map(change);
    let seen = seen.map(|change| change.clamp(-LARGEST_CHANGE, LARGEST_CHANGE));
    seen.chain(USUAL_CHANGES).collect()
}

/// How far the days of one future are off.
#[derive(Default)]
struct Run {
    at: usize,
    left: usize,
}

impl Run {
    fn next(&mut self, days: &[Option<f64>], chance: &mut Chance) -> f64 {
        // Days that cannot be compared are passed over; the caller knows that some can.
        for _ in 0..1_000 {
            if self.left == 0 || self.at >= days.len() {
                *self = Run { at: chance.below(days.len() as u64) as usize, left: RUN };
            }
            let by = days.get(self.at).copied().flatten();
            self.at += 24;
            self.left -= 1;
            match by {
                Some(by) => return by,
                None => self.left = 0,
            }
        }
        0.0
    }
}
