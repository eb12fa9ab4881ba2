//! From recorded series to the rows a network learns from.

use crate::features::{self, CONTEXT, Context, INPUTS, KIND, Recent};
use crate::history::{Arrival, History, Outcome};
use crate::{Kind, chance::Chance};
use std::ops::Range;
use vocab::{BitRate, Horizon, Usage};

/// One recorded series.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// Its sort.
    pub kind: Kind,
    /// Whose it is, as far as series are kin: the kin of few series count as much as the kin of many, nearly.
    pub family: u32,
    /// What it did, second by second; `None` where nobody saw.
    pub seconds: Vec<Option<Usage>>,
    /// In which second of the local week it began, counted from midnight to Monday; `None` where that is not known.
    pub begins: Option<u32>,
    /// What else is known of each second; empty where nothing is.
    pub beside: Vec<Beside>,
}

/// What is known of a second beside the rate, as [`Context`] has it, packed: there are many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Flows that moved something.
    pub flows: u16,
    /// The mean size of packets, in bytes; 0 where there were none.
    pub packet_bytes: u16,
}

const DAY_S: u64 = 86_400;

impl Lesson {
    /// A series of which nothing is known but what it did.
    pub fn new(kind: Kind, family: u32, seconds: Vec<Option<Usage>>) -> Lesson {
        Lesson { kind, family, seconds, begins: None, beside: Vec::new() }
    }

    /// What is known of one of its seconds beside the rate.
    pub(crate) fn context(&self, second: usize) -> Context {
        let beside = self.beside.get(second);
        let of_week = self.begins.map(|begins| (u64::from(begins) + second as u64) % (7 * DAY_S));
        Context {
            flows: beside.map(|beside| beside.flows.into()),
            packet_bytes: beside.map(|beside| beside.packet_bytes.into()).filter(|&bytes| bytes > 0),
            clock: of_week.map(|second| ((second % DAY_S) as u32, second / DAY_S >= 5)),
            device_type: None,
        }
    }

    /// Some of its seconds.
    pub(crate) fn part(&self, range: Range<usize>) -> Lesson {
        Lesson {
            kind: self.kind,
            family: self.family,
            begins: self.begins.map(|begins| ((u64::from(begins) + range.start as u64) % (7 * DAY_S)) as u32),
            beside: self.beside.get(range.clone()).unwrap_or_default().to_vec(),
            seconds: self.seconds[range].to_vec(),
        }
    }
}

/// How rows are drawn from lessons.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Each lesson is also taken this many times at another scale: what a network learns must hold on slow and fast
    /// links.
    pub copies: usize,
    /// The largest and smallest scale of a copy is e to this power, and one over it.
    pub scale: f32,
    /// How many of these copies, of 1, are another lesson in addition: totals of what was never seen together.
    pub joined: f32,
    /// Every how many seconds of a lesson make a row.
    pub stride: usize,
    /// No more rows than this: the stride grows.
    pub most_rows: usize,
    /// Which random numbers.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling { copies: 5, scale: 2.0, joined: 0.1, stride: 4, most_rows: 2_500_000, seed: 1 }
    }
}

/// Rows to learn from, and some to check by: series of which nothing is learnt.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub(crate) learn: Table,
    pub(crate) check: Table,
}

/// Rows of one table, side by side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// [`INPUTS`] of each row.
    pub inputs: Vec<f32>,
    /// What came, in log-level space; NaN where it is not known.
    pub came: Vec<[f32; Horizon::COUNT]>,
    /// One bit a horizon: it was at least that.
    pub at_least: Vec<u8>,
    /// One over the mean level of the series: what a loss is divided by.
    pub scale: Vec<f32>,
    /// The sum of the rows' weights up to each, from 0 to 1: rows are drawn by it.
    pub drawn_by: Vec<f32>,
    /// Of some rows more is known than rates.
    pub has_context: bool,
}

/// Weights of rows are evened out by this power: a family of a few short series shall count, but not be learnt by heart.
const EVENNESS: f64 = 0.5;

/// Of so many lessons one is kept to check by.
pub(crate) const CHECKED: u64 = 10;

/// None is kept apart of a family of fewer.
const ENOUGH_KIN: usize = 20;

/// Quieter series are taken to be this loud where losses are divided by the mean, in levels.
const LEAST_MEAN: f32 = 0.3;

/// Seconds before the first row of a lesson.
const BEGINS: usize = 2;

impl Rows {
    /// Draws rows from `lessons`. Lessons of a minute or less give none.
    pub fn draw(lessons: &[Lesson], sampling: &Sampling) -> Rows {
        let wanted: usize = lessons.iter().map(|lesson| lesson.seconds.len()).sum::<usize>() * (sampling.copies + 1);
        let stride = sampling.stride.max(1).max(wanted.div_ceil(sampling.most_rows.max(1)));
        let mut kin = std::collections::BTreeMap::<u32, usize>::new();
        for lesson in lessons {
            *kin.entry(lesson.family).or_default() += 1;
        }
        let mut chance = Chance::new(sampling.seed);
        let mut rows = Rows::default();
        for (number, lesson) in lessons.iter().enumerate() {
            let weight = 1.0 / (lesson.seconds.len().max(1) as f64 * kin[&lesson.family] as f64);
            // Series whose neighbours in the list are alike are spread over both tables.
            let checks = Chance::new(number as u64 ^ sampling.seed << 32).below(CHECKED) == 0
                && kin[&lesson.family] >= ENOUGH_KIN;
            let table = if checks { &mut rows.check } else { &mut rows.learn };
            for copy in 0..=sampling.copies {
                let weight = weight.powf(EVENNESS);
                if copy == 0 {
                    table.add(lesson, 1.0, stride, weight);
                    continue;
                }
                let scale = (chance.between(-1.0, 1.0) * sampling.scale).exp();
                if !checks && chance.uniform() < sampling.joined {
                    let other = &lessons[chance.below(lessons.len() as u64) as usize];
                    table.add(&joined(lesson, other, &mut chance), scale, stride, weight);
                } else {
                    table.add(lesson, scale, stride, weight);
                }
            }
        }
        rows.learn.normalise();
        rows.check.normalise();
        rows
    }

    /// How many rows there are to learn from.
    pub fn len(&self) -> usize {
        self.learn.came.len()
    }

    /// Whether there is nothing to learn from.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A lesson with another one, from any second on and at any scale near its own, on top.
fn joined(lesson: &Lesson, other: &Lesson, chance: &mut Chance) -> Lesson {
    let from = chance.below(other.seconds.len().max(1) as u64) as usize;
    let scale = f64::from(chance.between(-1.0, 1.0).exp());
    let others = other.seconds.iter().cycle().skip(from);
    let seconds = lesson.seconds.iter().zip(others).map(|(&own, &other)| {
        let other = other.map_or(0.0, |usage| usage.rate().as_bps() as f64 * scale);
        own.map(|own| own.plus(Usage::Free(BitRate::from_bps(other as u64))))
    });
    let kind = match (lesson.kind == other.kind, chance.below(2)) {
        (true, _) => lesson.kind,
        (false, 0) => Kind::Device,
        (false, _) => Kind::Link,
    };
    // How many flows both have is not known: they may be the same.
    Lesson { begins: lesson.begins, ..Lesson::new(kind, lesson.family, seconds.collect()) }
}

impl Table {
    pub(crate) fn add(&mut self, lesson: &Lesson, scale: f32, stride: usize, weight: f64) {
        let scaled = |usage: Usage| {
            let rate = |rate: BitRate| BitRate::from_bps((rate.as_bps() as f64 * f64::from(scale)) as u64);
            match usage {
                Usage::Free(bps) => Usage::Free(rate(bps)),
                Usage::Backlogged(bps) => Usage::Backlogged(rate(bps)),
            }
        };
        let (mut sum, mut known) = (0.0f64, 0usize);
        for usage in lesson.seconds.iter().flatten() {
            sum += f64::from(features::level(scaled(*usage).rate().as_bps() as f64));
            known += 1;
        }
        if known == 0 {
            return;
        }
        let mean = ((sum / known as f64) as f32).max(LEAST_MEAN);
        let (mut recent, mut history) = (Recent::new(), History::new());
        // Rows wait here until the longest horizon has passed.
        let mut waiting = std::collections::VecDeque::<(u64, [f32; INPUTS])>::new();
        let longest = Horizon::After60s.seconds();
        for (second, usage) in lesson.seconds.iter().enumerate() {
            let Some(usage) = *usage else { continue };
            let (usage, context) = (scaled(usage), lesson.context(second));
            self.has_context |= context != Context::default();
            let second = second as u64 + 1;
            match history.report(second, usage) {
                Arrival::After(elapsed_s) => recent.push(usage, elapsed_s, context),
                Arrival::Jumped => {
                    waiting.clear();
                    recent = Recent::new();
                    recent.push(usage, 1, context);
                }
                Arrival::Late => continue,
            }
            while waiting.front().is_some_and(|&(origin, _)| origin + longest <= second) {
                let Some((origin, inputs)) = waiting.pop_front() else { break };
                self.put(origin, &inputs, &history, mean, weight);
            }
            if second as usize > BEGINS && (second as usize).is_multiple_of(stride) {
                waiting.push_back((second, recent.inputs(lesson.kind)));
            }
        }
    }

    fn put(&mut self, origin: u64, inputs: &[f32; INPUTS], history: &History, mean: f32, weight: f64) {
        let (mut came, mut at_least) = ([f32::NAN; Horizon::COUNT], 0u8);
        for horizon in Horizon::ALL {
            let (bps, held_back) = match history.outcome(origin, horizon) {
                Some(Outcome::Exact(bps)) => (bps, false),
                Some(Outcome::AtLeast(bps)) => (bps, true),
                None => continue,
            };
            came[horizon.index()] = features::log(features::level(bps));
            at_least |= u8::from(held_back) << horizon.index();
        }
        if came.iter().all(|came| came.is_nan()) {
            return;
        }
        self.inputs.extend_from_slice(inputs);
        self.came.push(came);
        self.at_least.push(at_least);
        self.scale.push(1.0 / mean);
        self.drawn_by.push(weight as f32);
    }

    fn normalise(&mut self) {
        let total: f64 = self.drawn_by.iter().map(|&weight| f64::from(weight)).sum();
        let mut sum = 0.0f64;
        for weight in &mut self.drawn_by {
            sum += f64::from(*weight) / total;
            *weight = sum as f32;
        }
    }

    /// A row by chance, `uniform` from 0 to 1.
    pub fn row_at(&self, uniform: f32) -> usize {
        self.drawn_by.partition_point(|&below| below < uniform).min(self.came.len().saturating_sub(1))
    }

    /// Leaves out of a row's inputs what is not always known: whose kin it is, and what is known beside rates, each as
    /// often as `anonymous` says. Of tables that know nothing beside rates no chance is asked for that.
    pub fn leave_out(&self, inputs: &mut [f32], anonymous: f32, chance: &mut Chance) {
        if chance.uniform() < anonymous {
            inputs[KIND].fill(0.0);
        }
        if self.has_context && chance.uniform() < anonymous {
            inputs[CONTEXT].fill(0.0);
        }
    }

    /// Of each input the mean and the deviation.
    pub fn spreads(&self) -> Vec<(f32, f32)> {
        let (mut sums, mut squares) = (vec![0.0f64; INPUTS], vec![0.0f64; INPUTS]);
        for row in self.inputs.chunks_exact(INPUTS) {
            for ((sum, square), &value) in sums.iter_mut().zip(&mut squares).zip(row) {
                *sum += f64::from(value);
                *square += f64::from(value) * f64::from(value);
            }
        }
        let count = self.came.len() as f64;
        let spread = |(sum, square): (f64, f64)| {
            let mean = sum / count;
            (mean as f32, (square / count - mean * mean).max(0.0).sqrt() as f32)
        };
        sums.into_iter().zip(squares).map(spread).collect()
    }

    /// The inputs of a row.
    pub fn inputs_of(&self, row: usize) -> &[f32] {
        &self.inputs[row * INPUTS..(row + 1) * INPUTS]
    }
}
