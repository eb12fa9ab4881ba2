//! The rhythm of a week, and what is usual now.
//!
//! On the scale `ln(1 + bytes / unit)`, where the unit is a small part of the usual volume, so that a zero is a number
//! like others and a day of ten times the volume a step of the same size at night and in the evening. The level of an
//! hour of the week is a mean of that hour's values, newer ones more (half after four weeks), drawn towards that of
//! the hour on working days or weekends, that towards the hour of the day, and that towards the overall level: the
//! more, the fewer values it has and the less such hours differ among themselves. Values far off what their hour
//! usually has are moved to its edge first, so one spike or holiday is one vote, not a new level.
//!
//! Two corrections follow what is now: the *slow* one (how far the last days are off, with the memory that would have
//! served best) and the *quick* one (how far the last hour is off that, carried on as far as one hour usually tells
//! about the next). What is then missed, an hour and a day ahead, makes the bands, on the log scale, and nothing is
//! foreseen beyond twice the largest hour seen.

use super::spread::{LEVELS, Miss, Spread};
use vocab::Season;

pub const WEEK: usize = 7 * 24;
/// The unit, as a part of the mean hour.
const UNIT: f64 = 0.05;
/// Hours after which a value counts half: four weeks.
const HALF_LIFE: f64 = 28.0 * 24.0;
/// A level counts the one above it as so many of its own values: the scatter inside the groups over that among them
/// (the shrinkage of Efron and Morris 1975), within these.
const DRAWN: [f64; 2] = [0.25, 8.0];
/// Values are moved to so many spreads off the level above.
const EDGE: f64 = 3.0;
/// The least spread: values that differ by a fifth are alike.
const LEAST_SPREAD: f64 = 0.2;
/// The slow correction forgets with one of these many hours, and begins as if a quarter of them had been as usual.
const SLOW_HOURS: [f64; 3] = [12.0, 48.0, 192.0];
/// One hour tells the slow correction at least this much, a factor of 4.5: a quiet series may change its level.
const SLOW_EDGE: f64 = 1.5;
/// What one hour tells about the next is at most this, and is believed half after so many pairs of hours.
const MOST_CARRIED: f64 = 0.9;
const CARRY_PRIOR: f64 = 48.0;
/// Above the largest hour seen, nothing is foreseen beyond this multiple of it.
const BOUND: f64 = 2.0;
/// A day that was recorded for fewer hours is not compared.
const LEAST_OF_DAY: usize = 18;
/// From so many whole days on, the sums of days speak for themselves.
const LEAST_DAYS: usize = 3 * 24;

/// An hour is known when it was seen so often.
const SEEN: usize = 3;
/// And a rhythm when so many of its hours are known, of ten: a router may be switched off at night.
const KNOWN_OF_TEN: usize = 6;

/// Saturday and Sunday.
pub const fn is_free_day(slot: usize) -> bool {
    slot >= 5 * 24
}

/// What is known of a series.
#[derive(Debug)]
pub struct Fit {
    season: Season,
    unit: f64,
    /// The most an hour is ever foreseen to move, bytes.
    bound: f64,
    /// The level of each hour of the week, and of each hour of the day.
    levels: [f64; WEEK],
    of_day: [f64; 24],
    slow: f64,
    /// How far the last recorded hour was off, and how many hours it lies before the first that is foreseen, less one.
    quick: f64,
    gap: i32,
    carry: f64,
    near: Spread,
    far: Spread,
    /// How far the roots of sums of 24 hours were off those of the sums of the levels: in the order of time, `None` where too little was recorded.
    days: Vec<Option<f64>>,
    of_days: Spread,
}

impl Fit {
    /// Of volumes in bytes and their hours of the week; `None` while too little was seen.
    pub fn new(volumes: &[Option<f64>], slots: &[usize]) -> Option<Fit> {
        let season = enough(volumes, slots);
        if season == Season::Learning {
            return None;
        }
        let known: Vec<f64> = volumes.iter().flatten().copied().collect();
        let largest = known.iter().copied().fold(0.0, f64::max);
        let unit = (UNIT * trimmed_mean(known)).max(1.0);
        let age = |index: usize| (volumes.len() - 1 - index) as f64;
        let values: Vec<Value> = (0..volumes.len())
            .filter_map(|at| {
                let value = (volumes[at]? / unit).ln_1p();
                Some(Value { at, slot: slots[at], value, weight: 0.5_f64.powf(age(at) / HALF_LIFE) })
            })
            .collect();
        let (levels, of_day, own) = levels(&values, season);

        // What each value is off its level, as if it had not been part of it.
        let mut off: Vec<Option<f64>> = vec![None; volumes.len()];
        let mut inflated = 0.0;
        for value in &values {
            let part = (value.weight * own[value.slot]).min(0.5);
            inflated += 1.0 / (1.0 - part);
            off[value.at] = Some((value.value - levels[value.slot]) / (1.0 - part));
        }
        let inflated = inflated / values.len() as f64;
        let edge = EDGE * spread_of(off.iter().flatten().copied());

        let slow = SLOW_HOURS
            .map(|hours| slow(&off, hours, edge.max(SLOW_EDGE)))
            .into_iter()
            .min_by(|a, b| missed(&off, a).total_cmp(&missed(&off, b)))?;
        let quick: Vec<Option<f64>> =
            off.iter().zip(&slow).map(|(off, slow)| Some((off.as_ref()? - slow).clamp(-edge, edge))).collect();
        let carry = carried(&quick);
        let miss = |at: usize, by: f64| Miss { by, slot: slots[at], weight: 0.5_f64.powf(age(at) / HALF_LIFE) };
        let mut near = Vec::new();
        let mut far = Vec::new();
        for at in 0..off.len() {
            let Some(off) = off[at] else { continue };
            far.push(miss(at, off - slow[at.saturating_sub(super::AHEAD)]));
            if let Some(before) = at.checked_sub(1).and_then(|before| quick[before]) {
                near.push(miss(at, off - slow[at] - carry * before));
            }
        }
        let last = quick.iter().rposition(Option::is_some)?;
        let mut fit = Fit {
            season,
            unit,
            bound: BOUND * largest,
            levels,
            of_day,
            slow: slow[off.len()],
            quick: quick[last].unwrap_or(0.0),
            gap: i32::try_from(quick.len() - 1 - last).unwrap_or(i32::MAX),
            carry,
            near: Spread::new(near),
            far: Spread::new(far),
            days: Vec::new(),
            of_days: Spread::new(Vec::new()),
        };
        fit.days = fit.compare_days(volumes, slots, &slow, inflated);
        let of_days = (0..).zip(&fit.days).filter_map(|(at, by)| Some(miss(at, (*by)?)));
        fit.of_days = Spread::new(of_days.collect());
        Some(fit)
    }

    pub fn season(&self) -> Season {
        self.season
    }

    /// The usual volume of an hour of the week (of the day, where only those are told apart).
    pub fn usual(&self, slot: usize) -> f64 {
        let level = if self.season == Season::HoursOfWeek { self.levels[slot] } else { self.of_day[slot % 24] };
        self.volume(level)
    }

    /// [`LEVELS`] of the volume of the hour `ahead` (1 is the next), in bytes.
    pub fn hour(&self, slot: usize, ahead: i32) -> [f64; 3] {
        // How much of the quick correction is left: the nearer, the more do the misses of one hour ahead apply.
        let near = self.carry.powi(self.gap.saturating_add(ahead - 1));
        let (one, day) = (self.near.around(slot), self.far.around(slot));
        let level = self.expected(slot, ahead);
        let mut quantiles = [0.0; LEVELS.len()];
        for (index, quantile) in quantiles.iter_mut().enumerate() {
            *quantile = self.volume(level + near * one[index] + (1.0 - near) * day[index]);
        }
        quantiles
    }

    /// [`LEVELS`] of the sum of 24 hours whose slots are given, in bytes.
    pub fn day(&self, slots: &[usize]) -> [f64; 3] {
        if self.days.iter().flatten().count() < LEAST_DAYS {
            let hours = (1..).zip(slots).map(|(ahead, slot)| self.hour(*slot, ahead));
            return hours.fold([0.0; 3], |sum, hour| [sum[0] + hour[0], sum[1] + hour[1], sum[2] + hour[2]]);
        }
        let sum: f64 = (1..).zip(slots).map(|(ahead, slot)| self.volume(self.expected(*slot, ahead))).sum();
        self.of_days.overall().map(|by| self.sum_off(sum, by, slots.len()))
    }

    /// What a sum of hours is when it is `by` off. Sums are compared by their square roots: a device that is idle on
    /// one day and not on the next makes ratios without end, and plain differences grow with the level.
    pub fn sum_off(&self, sum: f64, by: f64, hours: usize) -> f64 {
        // What a whole day is off, a part of one is off by its part.
        let part = (hours as f64 / super::AHEAD as f64).sqrt();
        (sum.sqrt() + by * part).max(0.0).powi(2).min(self.bound * hours as f64)
    }

    /// The level of an hour of the week with what the last days say; `fading` of it is left.
    pub fn level_now(&self, slot: usize, fading: f64) -> f64 {
        self.volume(self.levels[slot] + self.slow * fading)
    }

    /// How far the sums of 24 hours were off, by the hour in which they began.
    pub fn days_off(&self) -> &[Option<f64>] {
        &self.days
    }

    fn expected(&self, slot: usize, ahead: i32) -> f64 {
        self.levels[slot] + self.slow + self.carry.powi(self.gap.saturating_add(ahead)) * self.quick
    }

    /// Bytes of a value on the log scale.
    fn volume(&self, value: f64) -> f64 {
        (self.unit * value.min(40.0).exp_m1()).clamp(0.0, self.bound)
    }

    fn compare_days(&self, volumes: &[Option<f64>], slots: &[usize], slow: &[f64], inflated: f64) -> Vec<Option<f64>> {
        let whole = (volumes.len() + 1).saturating_sub(super::AHEAD);
        let mut days: Vec<Option<f64>> = (0..whole)
            .map(|at| {
                let (mut came, mut said, mut hours) = (0.0, 0.0, 0);
                for hour in at..at + super::AHEAD {
                    if let Some(volume) = volumes[hour] {
                        came += volume;
                        said += self.volume(self.levels[slots[hour]] + slow[at]);
                        hours += 1;
                    }
                }
                let by = came.sqrt() - said.sqrt();
                (hours >= LEAST_OF_DAY).then_some(by)
            })
            .collect();
        // The days were part of what they are compared with: unseen ones scatter wider, around the same middle.
        let middle = median(days.iter().flatten().copied().collect());
        for by in days.iter_mut().flatten() {
            *by = middle + (*by - middle) * inflated;
        }
        days
    }
}

/// What rhythm the history is long enough for.
fn enough(volumes: &[Option<f64>], slots: &[usize]) -> Season {
    let (mut of_week, mut of_day) = ([0; WEEK], [0; 24]);
    for (_, slot) in volumes.iter().zip(slots).filter(|(volume, _)| volume.is_some()) {
        of_week[*slot] += 1;
        of_day[*slot % 24] += 1;
    }
    let known = |seen: &[usize]| seen.iter().filter(|times| **times >= SEEN).count() * 10 >= seen.len() * KNOWN_OF_TEN;
    if known(&of_week) {
        Season::HoursOfWeek
    } else if known(&of_day) {
        Season::HoursOfDay
    } else {
        Season::Learning
    }
}

struct Value {
    at: usize,
    slot: usize,
    value: f64,
    weight: f64,
}

/// Levels by hour of the week and of the day, and how much of its level a value of weight 1 makes, by hour of the
/// week.
fn levels(values: &[Value], season: Season) -> ([f64; WEEK], [f64; 24], [f64; WEEK]) {
    let overall = median(values.iter().map(|value| value.value).collect());
    let days = Level::drawn(values, |_| overall, |slot| slot % 24);
    let mut of_day = [0.0; 24];
    of_day.copy_from_slice(&days.at[..24]);
    if season != Season::HoursOfWeek {
        // Where weeks are few, only what all days have in common is trusted.
        return (
            std::array::from_fn(|slot| days.at[slot % 24]),
            of_day,
            std::array::from_fn(|slot| days.own[slot % 24]),
        );
    }
    let kind = |slot: usize| slot % 24 + if is_free_day(slot) { 24 } else { 0 };
    let kinds = Level::drawn(values, |slot| days.at[slot % 24], kind);
    let hours = Level::drawn(values, |slot| kinds.at[kind(slot)], |slot| slot);
    let own = std::array::from_fn(|slot| hours.own[slot] + hours.above[slot] * kinds.own[kind(slot)]);
    (hours.at, of_day, own)
}

/// The levels of groups of hours of the week.
struct Level {
    at: [f64; WEEK],
    /// How much of it one of its values of weight 1 makes, and how much the level above.
    own: [f64; WEEK],
    above: [f64; WEEK],
}

impl Level {
    /// The mean of the values of each group, drawn to the level above it.
    fn drawn(values: &[Value], above: impl Fn(usize) -> f64, group: impl Fn(usize) -> usize) -> Level {
        let mut groups: Vec<Vec<(f64, f64)>> = vec![Vec::new(); WEEK];
        for value in values {
            groups[group(value.slot)].push((value.value - above(value.slot), value.weight));
        }
        let middles: Vec<f64> = groups.iter().map(|off| middle(off)).collect();
        let edge = EDGE
            * spread_of(
                groups.iter().zip(&middles).flat_map(|(off, middle)| off.iter().map(move |off| off.0 - middle)),
            );
        // Inside the groups and among them.
        let (mut inside, mut inside_of, mut among, mut among_of) = (0.0, 0.0, 0.0, 0.0);
        let mut means = [(0.0, 0.0); WEEK];
        for ((off, middle), mean) in groups.iter().zip(&middles).zip(&mut means) {
            let off = off.iter().map(|(off, weight)| (off.clamp(middle - edge, middle + edge), *weight));
            let weight: f64 = off.clone().map(|(_, weight)| weight).sum();
            if weight <= f64::MIN_POSITIVE {
                continue;
            }
            *mean = (off.clone().map(|(off, weight)| off * weight).sum::<f64>() / weight, weight);
            let count = off.clone().count();
            if count > 1 {
                inside += off.map(|(off, _)| (off - mean.0).powi(2)).sum::<f64>();
                inside_of += (count - 1) as f64;
            }
            among += mean.0.powi(2);
            among_of += 1.0;
        }
        let inside = inside / f64::max(inside_of, 1.0);
        let weight = values.iter().map(|value| value.weight).sum::<f64>() / f64::max(among_of, 1.0);
        let among = among / f64::max(among_of, 1.0) - inside / weight.max(f64::MIN_POSITIVE);
        let drawn = if among > 0.0 { (inside / among).clamp(DRAWN[0], DRAWN[1]) } else { DRAWN[1] };
        // A group without values stands where the one above it does.
        let mut level = Level { at: [0.0; WEEK], own: [0.0; WEEK], above: [0.0; WEEK] };
        for slot in 0..WEEK {
            level.at[group(slot)] = above(slot);
        }
        for (at, (mean, weight)) in means.into_iter().enumerate() {
            level.at[at] += mean * weight / (weight + drawn);
            level.own[at] = 1.0 / (weight + drawn);
            level.above[at] = drawn / (weight + drawn);
        }
        level
    }
}

/// The middle of a group; that of the level above it where it has too few values to have one.
fn middle(off: &[(f64, f64)]) -> f64 {
    if off.len() < SEEN { 0.0 } else { median(off.iter().map(|(off, _)| *off).collect()) }
}

/// The slow correction as it stood before each hour, and as it stands now.
fn slow(off: &[Option<f64>], hours: f64, edge: f64) -> Vec<f64> {
    let forget = (-1.0 / hours).exp();
    let (mut sum, mut count) = (0.0, 0.0);
    let mut slow = vec![0.0];
    for off in off {
        (sum, count) = (sum * forget, count * forget);
        if let Some(off) = off {
            (sum, count) = (sum + off.clamp(-edge, edge), count + 1.0);
        }
        slow.push(sum / (count + hours / 4.0));
    }
    slow
}

/// How far off a slow correction was a day ahead.
fn missed(off: &[Option<f64>], slow: &[f64]) -> f64 {
    off.iter().skip(super::AHEAD).zip(slow).filter_map(|(off, slow)| Some((off.as_ref()? - slow).abs())).sum()
}

/// What the deviation of one hour tells about that of the next.
fn carried(quick: &[Option<f64>]) -> f64 {
    let (mut both, mut squares, mut pairs) = (0.0, 0.0, 0.0);
    for pair in quick.windows(2) {
        if let [Some(before), Some(after)] = pair {
            both += before * after;
            squares += before * before;
            pairs += 1.0;
        }
    }
    if squares <= f64::MIN_POSITIVE {
        return 0.0;
    }
    (both / squares * pairs / (pairs + CARRY_PRIOR)).clamp(0.0, MOST_CARRIED)
}

/// A spread that neither a few wild values nor many equal ones decide.
fn spread_of(off: impl Iterator<Item = f64>) -> f64 {
    let sizes: Vec<f64> = off.map(f64::abs).collect();
    let mean_square = sizes.iter().map(|size| size * size).sum::<f64>() / sizes.len().max(1) as f64;
    // 1.4826: a median of sizes is so much less than a standard deviation, on normal values.
    (1.4826 * median(sizes)).max(0.6 * mean_square.sqrt()).max(LEAST_SPREAD)
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The mean without the largest hundredth.
fn trimmed_mean(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let kept = values.len() - values.len() / 100;
    values[..kept].iter().sum::<f64>() / kept.max(1) as f64
}
