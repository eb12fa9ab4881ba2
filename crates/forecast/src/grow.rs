//! Growing forests from rows.
//!
//! Gradient boosting on the quantile loss, as networks learn it (`train.rs`): in log-level space, a row's errors
//! counted by the level foreseen over the mean of its series (here by the root of it: few loud rows must not choose
//! all questions). Each tree is grown on some of the rows and some of the inputs, question by question, on histograms
//! of bins, by what one of the three quantiles misses, in turn; its leaves answer for all three, with the weighted
//! quantile of what their rows still miss by. Those trees are kept with which series kept apart are foreseen best.

use crate::chance::Chance;
use crate::features::{self, INPUTS};
use crate::ground::Ground;
use crate::score::pinball;
use crate::steps::Progress;
use crate::train::{LEAST_WEIGHT, MOST_WEIGHT, PROBABILITIES};
use crate::trees::{BINS, DEPTH, EDGES, Forest, LEAVES, MOST_TREES, Split, Trees, UNIT, add, leaf};
use std::ops::ControlFlow;
use std::sync::Arc;
use vocab::Horizon;

/// How forests grow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Trees of a horizon, at most.
    pub trees: usize,
    /// Rows that trees are grown on at most, drawn by chance and by their weight.
    pub rows: usize,
    /// Of these, how many a tree sees.
    pub rows_of_tree: usize,
    /// The share of the inputs that a tree may ask after.
    pub inputs_of_tree: f32,
    /// How much of what a leaf finds is added.
    pub step_width: f32,
    /// How many average rows' worth of doubt stands against every leaf.
    pub doubt: f32,
    /// How often the kind of the series is left out.
    pub anonymous: f32,
    /// Which random numbers.
    pub seed: u64,
}

impl Default for Growth {
    fn default() -> Growth {
        Growth {
            trees: 400,
            rows: 400_000,
            rows_of_tree: 100_000,
            inputs_of_tree: 0.6,
            step_width: 0.1,
            doubt: 30.0,
            anonymous: 0.2,
            seed: 1,
        }
    }
}

/// Trees between two checks on what is kept apart.
const CHECKED_EVERY: usize = 10;

/// After so many checks without a better one a forest is done.
const PATIENCE: usize = 8;

/// Bins of what is missed by, in log-level space, and the largest that are told apart.
const MISSES: usize = 512;
const MOST_MISSED: f32 = 6.0;

/// Weights are counted in whole numbers up to this, so that sums of a million rows are exact in 32 bits.
const MOST_COUNTED: f32 = 4_000.0;

impl Ground {
    /// Grows the forest of one horizon; `report` may end it early, with what was grown by then.
    pub fn grow(&self, horizon: Horizon, report: &mut dyn FnMut(Progress) -> ControlFlow<()>) -> Grown {
        let at = horizon.index();
        let mut chance = Chance::new(self.growth.seed ^ (at as u64 + 1) << 40);
        let mut growing = Growing::new(self, at);
        let begins = growing.begins;
        let mut forest = Forest { begins, splits: Vec::new(), leaves: Vec::new() };
        let mut checked = vec![[0i32; 3]; self.check.told.len()];
        let (mut best, mut best_trees, mut since_best) = (f64::MAX, 0, 0);
        let trees = self.growth.trees.min(MOST_TREES);
        while forest.splits.len() < trees {
            let quantile = forest.splits.len() % 3;
            let (splits, leaves) = growing.tree(quantile, &mut chance);
            for (sum, told) in checked.iter_mut().zip(&self.check.told) {
                add(sum, &leaves[leaf(&splits, told)]);
            }
            forest.splits.push(splits);
            forest.leaves.push(leaves);
            let count = forest.splits.len();
            if !count.is_multiple_of(CHECKED_EVERY) && count != trees {
                continue;
            }
            let loss = (!checked.is_empty()).then(|| self.check.lost(at, &forest, &checked));
            if loss.is_none_or(|loss| loss < best) {
                (best, best_trees, since_best) = (loss.unwrap_or(best), count, 0);
            } else {
                since_best += 1;
            }
            let learning_loss = std::mem::take(&mut growing.lost) / CHECKED_EVERY as f64;
            let so_far = Progress { step: count, steps: trees, learning_loss, checked_loss: loss };
            if report(so_far).is_break() || since_best >= PATIENCE {
                break;
            }
        }
        forest.splits.truncate(best_trees);
        forest.leaves.truncate(best_trees);
        Grown { horizon, edges: self.edges.clone(), forest }
    }
}

/// The forest of one horizon that has grown.
#[derive(Clone, Debug, PartialEq)]
pub struct Grown {
    horizon: Horizon,
    edges: Arc<[[f32; EDGES]]>,
    forest: Forest,
}

impl Trees {
    /// Trees of forests that grew on the same ground, one for each horizon in any order; `None` where one is missing.
    pub(crate) fn of(grown: &[Grown]) -> Option<Trees> {
        let of = |horizon| grown.iter().find(|grown| grown.horizon == horizon);
        let forests: Option<Vec<Forest>> =
            Horizon::ALL.into_iter().map(|horizon| of(horizon).map(|grown| grown.forest.clone())).collect();
        Trees::new(grown.first()?.edges.to_vec(), forests?).ok()
    }
}

/// A forest that grows.
struct Growing<'a> {
    ground: &'a Ground,
    horizon: usize,
    begins: [f32; 3],
    /// What is foreseen of each row so far.
    sums: Vec<[i32; 3]>,
    /// Of the tree that grows now: its rows, leaf by leaf, and the weight of each, twice where what came is above.
    rows: Vec<u32>,
    weights: Vec<u64>,
    aside: (Vec<u32>, Vec<u64>),
    histograms: Vec<u64>,
    /// By the trees since the last report, before each.
    lost: f64,
}

/// A weight, and again in the upper half where what came is above.
fn packed(weight: u32, above: bool) -> u64 {
    u64::from(weight) | (u64::from(weight) * u64::from(above)) << 32
}

impl<'a> Growing<'a> {
    fn new(ground: &'a Ground, horizon: usize) -> Growing<'a> {
        let count = ground.learn.told.len();
        let mut growing = Growing {
            ground,
            horizon,
            begins: [0.0; 3],
            sums: vec![[0; 3]; count],
            rows: Vec::new(),
            weights: Vec::new(),
            aside: Default::default(),
            histograms: Vec::new(),
            lost: 0.0,
        };
        growing.rows = (0..count as u32).collect();
        growing.begins = std::array::from_fn(|quantile| growing.answer(quantile, 0..count));
        growing
    }

    /// The weight of a row for a quantile, and what it is missed by; `None` where nothing is known.
    fn missed(&self, row: usize, quantile: usize) -> Option<(f32, f32)> {
        let plot = &self.ground.learn;
        let said = self.begins[quantile] + self.sums[row][quantile] as f32 * UNIT;
        let missed = plot.came[row][self.horizon] - said;
        if missed.is_nan() || missed < 0.0 && plot.at_least[row] & 1 << self.horizon != 0 {
            return None;
        }
        let loudness = (plot.loud[row] + said).min(features::MOST_LOG).exp();
        let loudness = loudness.clamp(LEAST_WEIGHT, MOST_WEIGHT);
        Some((loudness.sqrt(), missed))
    }

    /// The weighted quantile of what some rows are missed by, drawn towards zero by doubt.
    fn answer(&self, quantile: usize, range: std::ops::Range<usize>) -> f32 {
        let mut bins = [0.0f32; MISSES];
        let mut total = 0.0f32;
        let wide = 2.0 * MOST_MISSED / MISSES as f32;
        let count = range.len() as f32;
        for &row in &self.rows[range] {
            let Some((weight, missed)) = self.missed(row as usize, quantile) else { continue };
            let bin = ((missed + MOST_MISSED) / wide).clamp(0.0, MISSES as f32 - 1.0) as usize;
            bins[bin] += weight;
            total += weight;
        }
        if total <= 0.0 {
            return 0.0;
        }
        let wanted = PROBABILITIES[quantile] * total;
        let mut below = 0.0;
        for (bin, &weight) in bins.iter().enumerate() {
            if below + weight >= wanted && weight > 0.0 {
                let inside = ((wanted - below) / weight).clamp(0.0, 1.0);
                return ((bin as f32 + inside) * wide - MOST_MISSED) * count / (count + self.ground.growth.doubt);
            }
            below += weight;
        }
        0.0
    }

    /// Grows one tree: its questions by what `quantile` misses, its answers for all quantiles.
    fn tree(&mut self, quantile: usize, chance: &mut Chance) -> ([Split; DEPTH], [[i16; 3]; LEAVES]) {
        let growth = &self.ground.growth;
        let count = self.ground.learn.told.len();
        let share = growth.rows_of_tree as f32 / count as f32;
        let largest = MOST_COUNTED / MOST_WEIGHT.sqrt();
        self.rows.clear();
        self.weights.clear();
        let mut lost = 0.0;
        for row in 0..count {
            if share < 1.0 && chance.uniform() >= share {
                continue;
            }
            let Some((weight, missed)) = self.missed(row, quantile) else { continue };
            lost += f64::from(weight * pinball(missed, 0.0, PROBABILITIES[quantile]));
            self.rows.push(row as u32);
            self.weights.push(packed((weight * largest).max(1.0) as u32, missed > 0.0));
        }
        self.lost += lost / self.rows.len().max(1) as f64;
        let mut inputs: Vec<usize> = (0..INPUTS).filter(|_| chance.uniform() < growth.inputs_of_tree).collect();
        if inputs.is_empty() {
            inputs.push(chance.below(INPUTS as u64) as usize);
        }
        let mut splits = [Split::default(); DEPTH];
        let mut bounds = vec![0, self.rows.len()];
        let mut histograms = std::mem::take(&mut self.histograms);
        histograms.clear();
        histograms.resize(inputs.len() * BINS, 0);
        self.count(&inputs, 0..self.rows.len(), &mut histograms);
        for (depth, split) in splits.iter_mut().enumerate() {
            *split = best(&inputs, &histograms, quantile, self.weights_mean() * f64::from(growth.doubt));
            bounds = self.part(*split, &bounds);
            if depth + 1 < DEPTH {
                histograms = self.deeper(&inputs, &histograms, &bounds);
            }
        }
        self.histograms = histograms;
        // Rows were parted by the first question first; a leaf's number has the first question's bit lowest.
        let mut leaves = [[0i16; 3]; LEAVES];
        for (place, leaf) in leaves.iter_mut().enumerate() {
            let segment = (place as u32).reverse_bits() >> (32 - DEPTH);
            let range = bounds[segment as usize]..bounds[segment as usize + 1];
            for (of, answer) in leaf.iter_mut().enumerate() {
                *answer = (growth.step_width * self.answer(of, range.clone()) / UNIT).round() as i16;
            }
        }
        for (sum, told) in self.sums.iter_mut().zip(&self.ground.learn.told) {
            add(sum, &leaves[leaf(&splits, told)]);
        }
        (splits, leaves)
    }

    fn weights_mean(&self) -> f64 {
        let sum: u64 = self.weights.iter().map(|&weight| weight & 0xffff_ffff).sum();
        sum as f64 / self.weights.len().max(1) as f64
    }

    /// Adds rows to a histogram.
    fn count(&self, inputs: &[usize], range: std::ops::Range<usize>, histogram: &mut [u64]) {
        for (&row, &weight) in self.rows[range.clone()].iter().zip(&self.weights[range]) {
            let told = &self.ground.learn.told[row as usize];
            for (bins, &input) in histogram.chunks_exact_mut(BINS).zip(inputs) {
                bins[usize::from(told[input]) % BINS] += weight;
            }
        }
    }

    /// Parts every segment of rows by the answer; the new bounds.
    fn part(&mut self, split: Split, bounds: &[usize]) -> Vec<usize> {
        let mut parted = Vec::with_capacity(2 * bounds.len());
        let (rows, weights) = (&mut self.rows, &mut self.weights);
        let (rows_aside, weights_aside) = &mut self.aside;
        for pair in bounds.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            rows_aside.clear();
            weights_aside.clear();
            let mut at = from;
            for from in from..to {
                let (row, weight) = (rows[from], weights[from]);
                if self.ground.learn.told[row as usize][usize::from(split.input)] > split.bin {
                    rows_aside.push(row);
                    weights_aside.push(weight);
                } else {
                    (rows[at], weights[at]) = (row, weight);
                    at += 1;
                }
            }
            rows[at..to].copy_from_slice(rows_aside);
            weights[at..to].copy_from_slice(weights_aside);
            parted.extend([from, at]);
        }
        parted.push(self.rows.len());
        parted
    }

    /// Histograms one question deeper: the smaller part is counted, the larger is what remains.
    fn deeper(&self, inputs: &[usize], above: &[u64], bounds: &[usize]) -> Vec<u64> {
        let wide = inputs.len() * BINS;
        let mut below = vec![0u64; 2 * above.len()];
        for (segment, (both, above)) in below.chunks_exact_mut(2 * wide).zip(above.chunks_exact(wide)).enumerate() {
            let [from, middle, to] = [bounds[2 * segment], bounds[2 * segment + 1], bounds[2 * segment + 2]];
            let (low, high) = both.split_at_mut(wide);
            let (range, smaller, larger) =
                if middle - from <= to - middle { (from..middle, low, high) } else { (middle..to, high, low) };
            self.count(inputs, range, smaller);
            for ((larger, smaller), above) in larger.iter_mut().zip(smaller).zip(above) {
                *larger = above - *smaller;
            }
        }
        below
    }
}

/// The question that parts all segments best.
fn best(inputs: &[usize], histograms: &[u64], quantile: usize, doubt: f64) -> Split {
    let wide = inputs.len() * BINS;
    let mut gains = vec![0.0f32; wide];
    let below = 1.0 - PROBABILITIES[quantile];
    let doubt = doubt as f32;
    for segment in histograms.chunks_exact(wide) {
        let total: u64 = segment[..BINS].iter().sum();
        if total == 0 {
            continue;
        }
        for (gains, bins) in gains.chunks_exact_mut(BINS).zip(segment.chunks_exact(BINS)) {
            let mut low = 0u64;
            for (gain, bin) in gains.iter_mut().zip(bins) {
                low += bin;
                *gain += force(low, below, doubt) + force(total - low, below, doubt);
            }
        }
    }
    let (mut split, mut most) = (Split { input: inputs[0] as u8, bin: BINS as u8 - 1 }, f32::MIN);
    for (gains, &input) in gains.chunks_exact(BINS).zip(inputs) {
        for (bin, &gain) in gains.iter().enumerate() {
            if gain > most {
                (split, most) = (Split { input: input as u8, bin: bin as u8 }, gain);
            }
        }
    }
    split
}

/// How much one part wins by an answer of its own.
fn force(packed: u64, below: f32, doubt: f32) -> f32 {
    let (above, all) = ((packed >> 32) as f32, (packed & 0xffff_ffff) as f32);
    let slope = above - below * all;
    slope * slope / (all + doubt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lessons::Rows;
    use crate::{Kind, Lesson, Sampling};
    use vocab::{BitRate, TrafficClass, Usage};

    /// Five minutes each: noise of a factor of up to four around a level that the length of its period foretells.
    fn rows(lessons: u64) -> Rows {
        let mut chance = Chance::new(9);
        let mut lesson = |of: u64| {
            let mut rate = |second: u64| {
                let level = if second % 40 < 20 { 4_000_000.0 } else { 200_000.0 };
                BitRate::from_bps((level * f64::from(chance.between(-0.7, 0.7).exp())) as u64 + of)
            };
            let seconds = (0..300).map(|second| Some(Usage::Free(rate(second)))).collect();
            Lesson::new(Kind::Aggregate(TrafficClass::Streaming), 0, seconds)
        };
        let lessons: Vec<Lesson> = (0..lessons).map(&mut lesson).collect();
        Rows::draw(&lessons, &Sampling { copies: 1, stride: 1, ..Sampling::default() })
    }

    fn small() -> Growth {
        Growth { trees: 60, rows: 5_000, rows_of_tree: 2_500, ..Growth::default() }
    }

    fn grow(ground: &Ground, horizon: Horizon) -> Grown {
        ground.grow(horizon, &mut |_| ControlFlow::Continue(()))
    }

    #[test]
    fn what_was_learnt_is_passed_as_often_as_it_says() {
        let rows = rows(30);
        let ground = Ground::new(&rows, &small()).expect("there are rows");
        let forest = grow(&ground, Horizon::After1s).forest;
        let said: Vec<[f32; 3]> = ground.learn.told.iter().map(|told| forest.sum(told)).collect();
        for (quantile, probability) in PROBABILITIES.into_iter().enumerate() {
            let held = said.iter().zip(&ground.learn.came).filter(|(said, came)| came[0] <= said[quantile]).count();
            let share = held as f32 / said.len() as f32;
            assert!((share - probability).abs() < 0.06, "{probability}: {share}");
        }
        let begun = Forest { splits: Vec::new(), leaves: Vec::new(), ..forest.clone() };
        let lost = |forest: &Forest| {
            let sums: Vec<[i32; 3]> = ground.check.told.iter().map(|told| forest.units(told)).collect();
            ground.check.lost(0, forest, &sums)
        };
        assert!(lost(&forest) < 0.7 * lost(&begun), "{} of {}", lost(&forest), lost(&begun));
    }

    #[test]
    fn the_same_seed_grows_the_same_trees() {
        let rows = rows(5);
        let ground = |seed| Ground::new(&rows, &Growth { seed, trees: 10, ..small() }).expect("there are rows");
        let (one, same, other) = (ground(1), ground(1), ground(2));
        assert_eq!(grow(&one, Horizon::Mean15s), grow(&same, Horizon::Mean15s));
        assert_ne!(grow(&one, Horizon::Mean15s).forest, grow(&other, Horizon::Mean15s).forest);
        let all: Vec<Grown> = Horizon::ALL.into_iter().rev().map(|horizon| grow(&one, horizon)).collect();
        assert_eq!(Trees::of(&all).map(|trees| trees.len()), Some(50));
        assert_eq!(Trees::of(&all[1..]), None, "a horizon is missing");
    }

    #[test]
    fn what_is_only_a_lower_bound_draws_nothing_down() {
        let lessons: Vec<Lesson> = (0..4)
            .map(|_| {
                let usage = |second: u64| match second % 2 {
                    0 => Usage::Free(BitRate::from_bps(8_000_000)),
                    _ => Usage::Backlogged(BitRate::from_bps(80_000)),
                };
                let seconds = (0..300).map(|second| Some(usage(second))).collect();
                Lesson::new(Kind::Link, 0, seconds)
            })
            .collect();
        let rows = Rows::draw(&lessons, &Sampling { copies: 0, stride: 1, ..Sampling::default() });
        let ground = Ground::new(&rows, &small()).expect("there are rows");
        let forest = grow(&ground, Horizon::After1s).forest;
        let lowest = ground.learn.told.iter().zip(&ground.learn.base);
        let lowest = lowest.map(|(told, base)| base + forest.sum(told)[0]).fold(f32::MAX, f32::min);
        assert!(lowest > features::log(900.0), "{lowest}: 8 Mbit/s is a level of 1,000");
    }

    #[test]
    fn whoever_watches_may_end_it() {
        let rows = rows(5);
        let ground = Ground::new(&rows, &small()).expect("there are rows");
        let mut seen = 0;
        let grown = ground.grow(Horizon::After5s, &mut |progress| {
            seen = progress.step;
            ControlFlow::Break(())
        });
        assert_eq!((seen, grown.forest.splits.len()), (CHECKED_EVERY, CHECKED_EVERY));
        assert!(Ground::new(&Rows::default(), &small()).is_none());
    }
}
