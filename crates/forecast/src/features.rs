//! What a model is told of a series: one vector a second, the same for training and for serving.
//!
//! In: the usage of each second, and what else is known ([`Context`]). Out: [`INPUTS`] numbers, most of them
//! log-levels, none of them NaN. Windows are counted in seconds that passed, also those that nobody saw: they stand
//! as the average of the last ten seconds. What is not known is 0, and a network that never saw it gives it no weight.

use crate::said::AllLevels;
use crate::{Kind, curve};
use vocab::{Horizon, TrafficClass, Usage};

/// Below this rate a series is as good as silent: 1 kB/s. The unit of levels, as in the evaluation on the shared
/// corpora.
const QUIET_BPS: f64 = 8_000.0;

/// No level is larger than this in log-level space: 10 Pbit/s. It keeps what is poisoned finite.
pub(crate) const MOST_LOG: f32 = 28.0;

/// The level of a rate in bit/s, in units of 1 kB/s.
pub(crate) fn level(bps: f64) -> f32 {
    (bps.max(0.0) / QUIET_BPS) as f32
}

/// The rate in bit/s at a level; never negative.
pub(crate) fn bps_at(level: f32) -> f64 {
    f64::from(level.max(0.0)) * QUIET_BPS
}

/// Levels in the space in which errors are alike: linear while quiet, logarithmic above.
#[inline(always)]
pub(crate) fn log(level: f32) -> f32 {
    curve::ln(1.0 + level.max(0.0)).min(MOST_LOG)
}

/// Back from [`log`].
#[inline(always)]
pub(crate) fn unlog(log_level: f32) -> f32 {
    (curve::exp(log_level.min(MOST_LOG)) - 1.0).max(0.0)
}

/// The same of all quantiles at once.
pub(crate) fn unlog_all(logs: &AllLevels) -> AllLevels {
    const COUNT: usize = 3 * Horizon::COUNT;
    let powers = curve::exp_all::<COUNT>(std::array::from_fn(|at| logs[at / 3][at % 3].min(MOST_LOG)));
    std::array::from_fn(|horizon| std::array::from_fn(|quantile| (powers[3 * horizon + quantile] - 1.0).max(0.0)))
}

/// How many levels errors are told apart by in a pool.
pub(crate) const LEVELS: usize = 12;

/// Which of [`LEVELS`]: quiet, then steps of a factor of 2.5 up to 100 Mbit/s and more.
pub(crate) fn level_index(log_level: f32) -> usize {
    if log_level < 0.1 { 0 } else { 1 + ((log_level / 0.9) as usize).min(LEVELS - 2) }
}

/// How many seconds a series is remembered.
pub(crate) const SPAN: usize = 300;

/// The newest seconds, one input each.
const LAGS: usize = 16;

/// Before them, means of this many seconds, one input each.
const COARSE: usize = 5;
const COARSE_LAGS: usize = 12;

/// Means over the newest seconds.
const MEANS: [usize; 8] = [2, 5, 10, 15, 30, 60, 120, 300];

/// How many spans of 15 s before the newest one.
const EARLIER: usize = 3;

const MAXIMA: [usize; 5] = [5, 15, 60, 120, 300];

/// Spread in log-level, and the share of seconds that were not quiet.
const SPREADS: [usize; 3] = [15, 60, 300];

/// Weights of the newest second in averages: memories of 3 s to 5 min.
const ALPHAS: [f32; 4] = [0.3, 0.1, 0.02, 0.003];

/// Seconds are summed up by so many: means and maxima of more are of whole blocks.
const BLOCK: usize = 15;
const BLOCKS: usize = SPAN / BLOCK;

/// Ages are told up to here, in seconds.
const OLDEST: f32 = 600.0;

const KINDS: usize = TrafficClass::COUNT + 2;

/// Spreads and shares: what stands among levels and ages and is neither.
const SHARES: std::ops::Range<usize> = {
    let begins = LAGS + COARSE_LAGS + MEANS.len() + EARLIER + MAXIMA.len();
    begins..begins + 2 * SPREADS.len()
};

/// Where levels begin that do not stand first: averages, then what is known of bursts.
const AVERAGES: usize = SHARES.end + 2;

/// The busiest and the quietest 15 s, after the ages of bursts and of the series.
const EXTREMES: usize = AVERAGES + ALPHAS.len() + 6;

/// Whether an input is the log-level of a rate, and not the one that others are told relative to.
pub(crate) const fn is_level(input: usize) -> bool {
    let first = input < SHARES.start && input != BASE;
    first || input >= AVERAGES && input < AVERAGES + ALPHAS.len() || input >= EXTREMES && input < EXTREMES + 2
}

/// What is known beyond the series itself.
const EXTRAS: usize = 6;

/// How many inputs a network has.
pub(crate) const INPUTS: usize = LAGS
    + COARSE_LAGS
    + MEANS.len()
    + EARLIER
    + MAXIMA.len()
    + 2 * SPREADS.len()
    + 2
    + ALPHAS.len()
    + 5
    + 1
    + 2
    + KINDS
    + EXTRAS;

/// Where the log-level of the last 15 s stands: outputs are told relative to it.
pub(crate) const BASE: usize = LAGS + COARSE_LAGS + 3;

/// Where the kind of the series begins: [`KINDS`] inputs, which training leaves out now and then, so that a series
/// of a class that was never seen is served, too.
pub(crate) const KIND: std::ops::Range<usize> = INPUTS - EXTRAS - KINDS..INPUTS - EXTRAS;

/// Where what else is known begins ([`Context`]), which training leaves out now and then, too.
pub(crate) const CONTEXT: std::ops::Range<usize> = INPUTS - EXTRAS + 1..INPUTS;

/// What is known of a second beyond the rate. What is not known costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Context {
    /// Flows that moved something.
    pub flows: Option<u32>,
    /// The mean size of packets, in bytes.
    pub packet_bytes: Option<u32>,
    /// Seconds since local midnight, and whether it is Saturday or Sunday.
    pub clock: Option<(u32, bool)>,
    /// What type of device it is, by a number of the caller's below [`Context::DEVICE_TYPES`]; of larger ones nothing is
    /// kept. No network is told: series that begin are served by what was learnt of devices of their type.
    pub device_type: Option<u8>,
}

impl Context {
    /// How many types of device are told apart.
    pub const DEVICE_TYPES: u8 = 16;
}

/// The last five minutes of one series, second by second, and slower averages.
#[derive(Clone, Debug)]
pub(crate) struct Recent {
    /// Levels, in a ring; `next` is where the next second goes.
    levels: [f32; SPAN],
    next: usize,
    spreads: [Spread; SPREADS.len()],
    /// Seconds since it began.
    age: u32,
    /// Averages and the sum of their weights so far.
    averages: [(f32, f32); ALPHAS.len()],
    idle_s: f32,
    active_s: f32,
    burst: Burst,
    /// One bit a second, the newest lowest: held back.
    held_back: u64,
    context: Context,
}

/// Bursts: seconds well above the usual.
#[derive(Clone, Copy, Debug, Default)]
struct Burst {
    running: bool,
    /// Seconds since the last one began, and between the beginnings of the last two; 0 while there was none.
    since_s: f32,
    interval_s: f32,
    usual_interval_s: f32,
    /// Volume of the last one and of the one before, in units of level times second.
    volume: f32,
    volume_before: f32,
}

impl Recent {
    pub fn new() -> Recent {
        Recent {
            levels: [0.0; SPAN],
            next: 0,
            spreads: [Spread::default(); SPREADS.len()],
            age: 0,
            averages: [(0.0, 0.0); ALPHAS.len()],
            idle_s: SPAN as f32,
            active_s: 0.0,
            burst: Burst { since_s: SPAN as f32, interval_s: SPAN as f32, ..Burst::default() },
            held_back: 0,
            context: Context::default(),
        }
    }

    /// Takes the second that just ended, `elapsed_s` after the one before (1 without a gap).
    pub fn push(&mut self, usage: Usage, elapsed_s: u64, context: Context) {
        for _ in 1..elapsed_s.min(SPAN as u64) {
            let usual = self.average(1);
            self.push_level(usual, false);
        }
        let level = level(usage.rate().as_bps() as f64);
        // What was held back wanted at least what it had, and no less than before for having waited.
        match usage {
            Usage::Free(_) => self.push_level(level, false),
            Usage::Backlogged(_) => self.push_level(level.max(self.average(1)), true),
        }
        self.context = context;
    }

    fn push_level(&mut self, level: f32, held_back: bool) {
        let log_level = log(level);
        for (spread, seconds) in self.spreads.iter_mut().zip(SPREADS) {
            let left = self.levels[(self.next + SPAN - seconds) % SPAN];
            spread.push(log_level, (self.age as usize >= seconds).then(|| log(left)));
        }
        self.levels[self.next] = level;
        self.next = (self.next + 1) % SPAN;
        self.age = self.age.saturating_add(1);
        self.held_back = self.held_back << 1 | u64::from(held_back);
        for ((average, weight), alpha) in self.averages.iter_mut().zip(ALPHAS) {
            *average += alpha * (level - *average);
            *weight += alpha * (1.0 - *weight);
        }
        if level >= 1.0 {
            (self.active_s, self.idle_s) = (self.active_s + 1.0, 0.0);
        } else {
            (self.active_s, self.idle_s) = (0.0, self.idle_s + 1.0);
        }
        let usual = self.average(2).max(2.0 * self.average(3)) / 2.0;
        self.burst.push(level, usual.max(2.0));
    }

    /// The average with the weight `ALPHAS[which]`, corrected for its beginning.
    fn average(&self, which: usize) -> f32 {
        let (average, weight) = self.averages[which];
        if weight > 0.0 { average / weight } else { 0.0 }
    }

    /// Nothing at all moved as far as is remembered.
    pub fn is_silent(&self) -> bool {
        self.idle_s >= SPAN as f32 && self.average(0) < 1e-3
    }

    /// What a network is told now of a series of this kind.
    pub fn inputs(&self, kind: Kind) -> [f32; INPUTS] {
        let known = (self.age as usize).clamp(1, SPAN);
        // Oldest first; what was before it began is zero.
        let mut levels = [0.0f32; SPAN];
        let (newer, older) = self.levels.split_at(self.next);
        levels[..older.len()].copy_from_slice(older);
        levels[older.len()..].copy_from_slice(newer);
        let window = |from: usize, to: usize| &levels[SPAN - to..SPAN - from];
        let mut blocks = [Block::default(); BLOCKS];
        for (block, levels) in blocks.iter_mut().zip(levels.rchunks_exact(BLOCK)) {
            *block = Block::of(levels);
        }
        // The newest second, the two newest, and so on: the first whole blocks of them.
        let whole = |seconds: usize| &blocks[..seconds / BLOCK];
        let sum_of = |seconds: usize| whole(seconds).iter().map(|block| block.sum).sum::<f32>();
        let overall = sum_of(SPAN) / known as f32;
        // Before it began, a series is taken to have been as it was since.
        let mean = |sum: f32, from: usize, to: usize| {
            if from >= known { overall } else { sum / (to.min(known) - from) as f32 }
        };
        let mean_of = |from: usize, to: usize| mean(window(from, to).iter().sum(), from, to);

        let mut inputs = [0.0f32; INPUTS];
        let mut at = 0;
        let mut put = |value: f32| {
            inputs[at] = value;
            at += 1;
        };
        for lag in 0..LAGS {
            put(if lag < known { levels[SPAN - 1 - lag] } else { overall });
        }
        for lag in 0..COARSE_LAGS {
            let from = LAGS + lag * COARSE;
            put(mean_of(from, from + COARSE));
        }
        for seconds in MEANS {
            put(if seconds < BLOCK { mean_of(0, seconds) } else { mean(sum_of(seconds), 0, seconds) });
        }
        for (span, block) in blocks.iter().enumerate().skip(1).take(EARLIER) {
            put(mean(block.sum, span * BLOCK, (span + 1) * BLOCK));
        }
        for seconds in MAXIMA {
            let newest = if seconds < BLOCK { window(0, seconds) } else { &[] };
            put(whole(seconds).iter().map(|block| block.largest).chain(newest.iter().copied()).fold(0.0, f32::max));
        }
        for spread in &self.spreads {
            put(spread.deviation());
        }
        for seconds in SPREADS {
            let active: f32 = whole(seconds).iter().map(|block| block.active).sum();
            put(active / seconds.min(known) as f32);
        }
        put(self.idle_s.min(SPAN as f32));
        put(self.active_s.min(SPAN as f32));
        for which in 0..ALPHAS.len() {
            put(self.average(which));
        }
        let burst = &self.burst;
        for value in [
            burst.since_s.min(SPAN as f32),
            burst.interval_s.min(SPAN as f32),
            burst.volume,
            burst.volume_before,
            burst.usual_interval_s,
        ] {
            put(value);
        }
        put((self.age as f32 - 1.0).min(OLDEST));
        let (mut busiest, mut quietest) = (0.0f32, f32::MAX);
        for block in whole(known.max(BLOCK)) {
            let mean = block.sum / known.min(BLOCK) as f32;
            (busiest, quietest) = (busiest.max(mean), quietest.min(mean));
        }
        put(busiest);
        put(quietest);
        for class in TrafficClass::ALL {
            put(f32::from(u8::from(kind.class() == Some(class))));
        }
        put(f32::from(u8::from(kind == Kind::Device)));
        put(f32::from(u8::from(kind.is_of_all())));
        put((self.held_back & 0x7fff).count_ones() as f32 / 15.0);
        put(self.context.flows.map_or(0.0, |flows| log(flows as f32)));
        put(self.context.packet_bytes.map_or(0.0, |bytes| (bytes as f32 / 1_500.0).min(4.0)));
        let (hour, weekend) = self.context.clock.unwrap_or((0, false));
        let angle = hour as f32 / 86_400.0 * std::f32::consts::TAU;
        let (sin, cos) = self.context.clock.map_or((0.0, 0.0), |_| angle.sin_cos());
        put(sin);
        put(cos);
        put(f32::from(u8::from(weekend)));
        // All at once: most of what is told is a level, and the rest stands in one piece.
        inputs[..SHARES.start].iter_mut().for_each(|level| *level = log(*level));
        inputs[SHARES.end..KIND.start].iter_mut().for_each(|level| *level = log(*level));
        inputs
    }
}

/// Fifteen seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    sum: f32,
    largest: f32,
    /// Seconds that were not quiet.
    active: f32,
}

impl Block {
    /// Four sums side by side, and what is left over.
    fn of(levels: &[f32]) -> Block {
        let mut side_by_side = [Block::default(); 4];
        let (fours, rest) = levels.as_chunks::<4>();
        for four in fours.iter().map(|four| &four[..]).chain([rest]) {
            for (block, &level) in side_by_side.iter_mut().zip(four) {
                block.sum += level;
                block.largest = block.largest.max(level);
                block.active += f32::from(u8::from(level >= 1.0));
            }
        }
        let [a, b, c, d] = side_by_side;
        Block {
            sum: (a.sum + b.sum) + (c.sum + d.sum),
            largest: a.largest.max(b.largest).max(c.largest.max(d.largest)),
            active: a.active + b.active + c.active + d.active,
        }
    }
}

/// The standard deviation of the log-level over the newest seconds, kept up as they come and go.
#[derive(Clone, Copy, Debug, Default)]
struct Spread {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Spread {
    /// Takes the newest second; `left` is the one that leaves for it.
    fn push(&mut self, log_level: f32, left: Option<f32>) {
        let log_level = f64::from(log_level);
        self.sum += log_level;
        self.squares += log_level * log_level;
        match left.map(f64::from) {
            Some(left) => (self.sum, self.squares) = (self.sum - left, self.squares - left * left),
            None => self.count += 1.0,
        }
    }

    fn deviation(self) -> f32 {
        let count = self.count.max(1.0);
        let mean = self.sum / count;
        // What rounding leaves of a constant is no spread.
        let variance = self.squares / count - mean * mean;
        if variance > 1e-9 { variance.sqrt() as f32 } else { 0.0 }
    }
}

impl Burst {
    fn push(&mut self, level: f32, threshold: f32) {
        self.since_s = (self.since_s + 1.0).min(2.0 * SPAN as f32);
        if level <= threshold {
            self.running = false;
            return;
        }
        if !self.running {
            self.running = true;
            self.interval_s = self.since_s.min(SPAN as f32);
            self.usual_interval_s = if self.usual_interval_s == 0.0 {
                self.interval_s
            } else {
                self.usual_interval_s + 0.3 * (self.interval_s - self.usual_interval_s)
            };
            self.since_s = 0.0;
            self.volume_before = std::mem::take(&mut self.volume);
        }
        self.volume += level;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vocab::BitRate;

    #[test]
    fn there_and_back_and_no_nonsense() {
        for bps in [0.0, 1.0, 8_000.0, 1e6, 1e12] {
            let back = bps_at(unlog(log(level(bps))));
            assert!((back - bps).abs() <= bps * 1e-4 + 1e-2, "{bps}: {back}");
            assert!(level_index(log(level(bps))) < LEVELS);
        }
        assert_eq!(log(-5.0), 0.0);
        assert_eq!(unlog(-3.0), 0.0);
        assert!(unlog(f32::MAX).is_finite());
    }

    #[test]
    fn a_constant_is_its_level_everywhere() {
        let mut recent = Recent::new();
        for _ in 0..400 {
            recent.push(Usage::Free(BitRate::from_bps(8_000_000)), 1, Context::default());
        }
        let inputs = recent.inputs(Kind::Link);
        for (at, &input) in inputs[..BASE + 9].iter().enumerate() {
            assert!((input - log(1_000.0)).abs() < 1e-3, "{at}: {input}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_inputs_are_finite(
            seconds in proptest::collection::vec((0u64..=u64::MAX, 1u64..400, any::<bool>()), 1..600),
        ) {
            let mut recent = Recent::new();
            for (bps, elapsed, held_back) in seconds {
                let rate = BitRate::from_bps(bps);
                let usage = if held_back { Usage::Backlogged(rate) } else { Usage::Free(rate) };
                recent.push(usage, elapsed, Context { flows: Some(u32::MAX), packet_bytes: Some(u32::MAX), clock: Some((86_399, true)), device_type: Some(u8::MAX) });
                prop_assert!(recent.inputs(Kind::Aggregate(TrafficClass::Web)).iter().all(|input| input.is_finite()));
            }
        }
    }
}
