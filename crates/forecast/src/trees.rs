//! Gradient-boosted quantile trees: from the inputs of a second to all quantiles of all horizons.
//!
//! Every horizon has a forest. Its trees are symmetric: all nodes of one depth ask the same question, so that a tree
//! is six questions and a table of 64 answers, read without a branch and malformed in few ways. What is asked are bins
//! of inputs; where an input is a level it is taken relative to the mean of the last 15 s, for a tree cannot subtract.
//! The answers add up to steps from there, in log-level space.

use crate::features::{BASE, INPUTS, MOST_LOG, is_level, unlog_all};
use crate::said::AllLevels;
use vocab::Horizon;

/// Questions to a tree.
pub(crate) const DEPTH: usize = 6;

/// Answers of a tree.
pub(crate) const LEAVES: usize = 1 << DEPTH;

/// Bins that an input may fall into.
pub(crate) const BINS: usize = 64;

/// Edges between them.
pub(crate) const EDGES: usize = BINS - 1;

/// No forest has more trees.
pub(crate) const MOST_TREES: usize = 1_000;

/// No edge is larger, nor what a forest begins with: levels end at [`MOST_LOG`], ages and shares below.
const LARGEST: f32 = 1e3;

/// Answers are counted in this much of log-level space: small, so that trees stay in the processor's caches.
pub(crate) const UNIT: f32 = 1.0 / 4096.0;

/// A question: is this input in a bin above that one?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub input: u8,
    pub bin: u8,
}

/// The trees of one horizon.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Forest {
    /// What every sum begins with.
    pub(crate) begins: [f32; 3],
    pub(crate) splits: Vec<[Split; DEPTH]>,
    /// What each leaf of each tree adds to each quantile, in [`UNIT`]s.
    pub(crate) leaves: Vec<[[i16; 3]; LEAVES]>,
}

/// Trained trees.
#[derive(Clone, Debug, PartialEq)]
pub struct Trees {
    /// Between the bins of each input, never decreasing.
    pub(crate) edges: Vec<[f32; EDGES]>,
    /// One for each horizon.
    pub(crate) forests: Vec<Forest>,
}

/// Trees that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedTrees {
    /// Something is missing or too much.
    #[error(
        "trees need {EDGES} edges for each of {INPUTS} inputs, and a forest of at most {MOST_TREES} for each horizon"
    )]
    Shape,
    /// A question about an input or a bin that there is not.
    #[error("a tree asks after an input or a bin that there is not")]
    Split,
    /// Some number is none, is beyond all reason, or edges are not in order.
    #[error("an edge or a beginning of the trees is not a number between -1000 and 1000, or edges are not in order")]
    Number,
}

/// The inputs of one second as trees see them.
pub(crate) type Told = [u8; INPUTS];

/// An input as it is binned.
pub(crate) fn seen(inputs: &[f32], at: usize) -> f32 {
    if is_level(at) { inputs[at] - inputs[BASE] } else { inputs[at] }
}

/// Which bin a value falls into.
pub(crate) fn bin(edges: &[f32; EDGES], value: f32) -> u8 {
    let (mut low, mut step) = (0usize, BINS / 2);
    while step > 0 {
        // 63 edges: every step stays inside.
        low += if edges[low + step - 1] < value { step } else { 0 };
        step /= 2;
    }
    low as u8
}

/// Which leaf the answers of one tree lead to.
pub(crate) fn leaf(splits: &[Split; DEPTH], told: &[u8]) -> usize {
    let mut leaf = 0;
    for (depth, split) in splits.iter().enumerate() {
        leaf |= usize::from(told[usize::from(split.input)] > split.bin) << depth;
    }
    leaf
}

/// Adds an answer; a thousand of them do not overflow.
pub(crate) fn add(sum: &mut [i32; 3], answer: &[i16; 3]) {
    for (sum, answer) in sum.iter_mut().zip(answer) {
        *sum += i32::from(*answer);
    }
}

impl Trees {
    /// Trees of these parts, if they fit together.
    pub(crate) fn new(edges: Vec<[f32; EDGES]>, forests: Vec<Forest>) -> Result<Trees, MalformedTrees> {
        if edges.len() != INPUTS || forests.len() != Horizon::COUNT {
            return Err(MalformedTrees::Shape);
        }
        let sane = |number: &f32| number.abs() <= LARGEST;
        for forest in &forests {
            if forest.splits.len() > MOST_TREES || forest.splits.len() != forest.leaves.len() {
                return Err(MalformedTrees::Shape);
            }
            let is_askable = |split: &Split| usize::from(split.input) < INPUTS && usize::from(split.bin) < BINS;
            if !forest.splits.iter().flatten().all(is_askable) {
                return Err(MalformedTrees::Split);
            }
            if !forest.begins.iter().all(sane) {
                return Err(MalformedTrees::Number);
            }
        }
        let ordered = |edges: &[f32; EDGES]| edges.iter().all(sane) && edges.is_sorted();
        if edges.iter().all(ordered) { Ok(Trees { edges, forests }) } else { Err(MalformedTrees::Number) }
    }

    /// How many trees there are.
    pub fn len(&self) -> usize {
        self.forests.iter().map(|forest| forest.splits.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they are told.
    pub(crate) fn told(edges: &[[f32; EDGES]], inputs: &[f32]) -> Told {
        let mut told = [0u8; INPUTS];
        for (at, (told, edges)) in told.iter_mut().zip(edges).enumerate() {
            *told = bin(edges, seen(inputs, at));
        }
        told
    }

    /// What they foresee of some series, each told what stands at its place, as levels; finite and never crossing,
    /// whatever that is.
    pub(crate) fn foresee<const N: usize>(&self, inputs: [&[f32; INPUTS]; N]) -> [AllLevels; N] {
        // The same input of every series stands together: a question is put to all of them at once.
        let mut told = [[0u8; N]; INPUTS];
        for (at, (told, edges)) in told.iter_mut().zip(&self.edges).enumerate() {
            *told = inputs.map(|inputs| bin(edges, seen(inputs, at)));
        }
        let mut logs = inputs.map(|inputs| [[inputs[BASE]; 3]; Horizon::COUNT]);
        for (horizon, forest) in self.forests.iter().take(Horizon::COUNT).enumerate() {
            for (logs, units) in logs.iter_mut().zip(forest.units_of_some(&told)) {
                let [base, sum] = [logs[horizon], forest.meant_by(units)];
                let median = (base[0] + sum[0]).clamp(0.0, MOST_LOG);
                let high = (base[1] + sum[1]).clamp(median, MOST_LOG);
                logs[horizon] = [median, high, (base[2] + sum[2]).clamp(high, MOST_LOG)];
            }
        }
        logs.map(|logs| unlog_all(&logs))
    }
}

impl Forest {
    /// What all trees add up to.
    #[cfg(test)]
    pub(crate) fn sum(&self, told: &Told) -> [f32; 3] {
        self.meant_by(self.units(told))
    }

    /// What all answers add up to, in [`UNIT`]s.
    #[cfg(test)]
    pub(crate) fn units(&self, told: &Told) -> [i32; 3] {
        self.units_of_some(&told.map(|bin| [bin]))[0]
    }

    /// What all answers add up to for some series at once, whose bins stand side by side; in [`UNIT`]s.
    fn units_of_some<const N: usize>(&self, told: &[[u8; N]; INPUTS]) -> [[i32; 3]; N] {
        let mut sums = [[0i32; 3]; N];
        for (splits, leaves) in self.splits.iter().zip(&self.leaves) {
            let mut reached = [0u8; N];
            for (depth, split) in splits.iter().enumerate() {
                for (leaf, &told) in reached.iter_mut().zip(&told[usize::from(split.input)]) {
                    *leaf |= u8::from(told > split.bin) << depth;
                }
            }
            for (sum, leaf) in sums.iter_mut().zip(reached) {
                add(sum, &leaves[usize::from(leaf) % LEAVES]);
            }
        }
        sums
    }

    /// What a sum of answers means.
    pub(crate) fn meant_by(&self, sum: [i32; 3]) -> [f32; 3] {
        std::array::from_fn(|quantile| self.begins[quantile] + sum[quantile] as f32 * UNIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edges() -> Vec<[f32; EDGES]> {
        vec![std::array::from_fn(|at| at as f32 - 30.0); INPUTS]
    }

    fn forest(input: u8, bin: u8, answer: i16) -> Forest {
        let leaves = [[0, answer, answer]; LEAVES];
        Forest { begins: [0.0; 3], splits: vec![[Split { input, bin }; DEPTH]], leaves: vec![leaves] }
    }

    #[test]
    fn a_bin_is_how_many_edges_are_below() {
        let edges = std::array::from_fn(|at| (at / 2) as f32);
        for value in [-1.0, 0.0, 0.5, 1.0, 7.2, 30.9, 31.0, 31.5, 1e9] {
            let below = edges.iter().filter(|&&edge| edge < value).count();
            assert_eq!(usize::from(bin(&edges, value)), below, "{value}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let forests = |forest: Forest| vec![forest; Horizon::COUNT];
        let sound = forest(0, 0, 1);
        let of = |edges, forests| Trees::new(edges, forests).err();
        assert_eq!(of(edges(), forests(sound.clone())), None);
        let short = Forest { leaves: Vec::new(), ..sound.clone() };
        let many = Forest {
            splits: vec![sound.splits[0]; MOST_TREES + 1],
            leaves: vec![sound.leaves[0]; MOST_TREES + 1],
            ..sound.clone()
        };
        let mut unordered = edges();
        unordered[3][5] = 40.0;
        let mut none = edges();
        none[0][0] = f32::NAN;
        let begins = |begins| forests(Forest { begins, ..sound.clone() });
        for (edges, forests, why) in [
            (Vec::new(), forests(sound.clone()), MalformedTrees::Shape),
            (edges(), vec![sound.clone()], MalformedTrees::Shape),
            (edges(), forests(short), MalformedTrees::Shape),
            (edges(), forests(many), MalformedTrees::Shape),
            (edges(), forests(forest(INPUTS as u8, 0, 1)), MalformedTrees::Split),
            (edges(), forests(forest(0, BINS as u8, 1)), MalformedTrees::Split),
            (unordered, forests(sound.clone()), MalformedTrees::Number),
            (none, forests(sound.clone()), MalformedTrees::Number),
            (edges(), begins([0.0, f32::NAN, 0.0]), MalformedTrees::Number),
            (edges(), begins([f32::INFINITY, 0.0, 0.0]), MalformedTrees::Number),
        ] {
            assert_eq!(of(edges, forests), Some(why));
        }
    }

    proptest! {
        #[test]
        fn whatever_trees_say_is_finite_and_in_order(
            splits in proptest::collection::vec((0..INPUTS as u8, 0..BINS as u8), DEPTH),
            answers in proptest::collection::vec(any::<i16>(), 3 * LEAVES),
            begins in proptest::array::uniform3(-LARGEST..LARGEST),
            count in 0..=MOST_TREES,
            inputs in proptest::collection::vec(any::<f32>().prop_filter("a number", |it| it.is_finite()), INPUTS),
        ) {
            let splits: [Split; DEPTH] = std::array::from_fn(|at| Split { input: splits[at].0, bin: splits[at].1 });
            let leaves: [[i16; 3]; LEAVES] =
                std::array::from_fn(|leaf| std::array::from_fn(|quantile| answers[leaf * 3 + quantile]));
            let forest = Forest { begins, splits: vec![splits; count], leaves: vec![leaves; count] };
            let trees = Trees::new(edges(), vec![forest; Horizon::COUNT]).expect("it is sound");
            let mut told = [0.0; INPUTS];
            told.copy_from_slice(&inputs);
            let [alone] = trees.foresee([&told]);
            prop_assert_eq!(trees.foresee([&[0.5; INPUTS], &told])[1], alone);
            for [p50, p90, p99] in alone {
                prop_assert!(0.0 <= p50 && p50 <= p90 && p90 <= p99 && p99.ln() <= MOST_LOG, "{p50} {p90} {p99}");
            }
        }
    }
}
