//! Many models, one forecast: each speaks as loud as it was right lately.
//!
//! Per horizon and quantile a model's weight falls exponentially with what it lost more than the best, in quantile
//! loss over about the last hundred seconds (exponential weights with discount). A model that lost more than EWMA
//! over the last quarter of an hour is set aside. When errors rise for good, all that was learnt is forgotten.

use crate::said::{AllLevels, Levels, kept_every, rates};
use crate::score::pinball;
use crate::train::PROBABILITIES;
use crate::{Member, curve};
use vocab::{Horizon, Quantiles};

/// How much of a loss is remembered a second.
const DISCOUNT: f32 = 0.99;

/// How fast weight falls with loss: by e^-6 for losing twice as much as the best.
const ETA: f32 = 6.0;

/// Who speaks less loud than e to minus this is not heard.
const INAUDIBLE: f32 = 10.0;

/// After so many scored seconds a model's own record counts as much as the presumption about it.
const PRESUMED_S: f32 = 30.0;

/// Before anything is known of a series, networks that have seen many others are presumed better by this exponent.
const PRESUMPTION: f32 = 4.0;

/// Kin are told of no shorter record, in seconds that still count, and of nobody who lost more than so many times the best.
const LEAST_TOLD_S: f32 = 10.0;
const MOST_WORSE: f32 = 3.0;

/// Autoregression counts as having lost this many times what it did: what follows no rhythm it foresees by accident, and
/// then badly. Where there is one it is twice as good as others.
const DOUBTED: f32 = 1.2;

/// Trees count as so many networks, which are many and much alike; for the next second, which networks foresee worst
/// and trees best, as so many. Found on series kept apart.
const TREES_COUNT: f32 = 4.0;
const TREES_COUNT_NEXT: f32 = 16.0;

/// The memory by which models are set aside: a quarter of an hour.
const LONG: f32 = 1.0 - 1.0 / 900.0;

/// Nobody is set aside on less than this many seconds that still count: some six minutes.
const ENOUGH_S: f32 = 300.0;

/// Page-Hinkley's test on the error of the median in log-level space, each at most [`MOST_ERROR`]: errors that stay
/// larger than usual by more than [`TOLERATED`] sum up to [`ALARM`] after some minutes.
const TOLERATED: f32 = 0.25;
const MOST_ERROR: f32 = 3.0;
const ALARM: f32 = 60.0;

/// A number for each quantile of each horizon, side by side, and one to spare: what is done to sixteen is done to
/// several at once.
type Lanes = [f32; LANES];
const LANES: usize = 16;
const USED: usize = 3 * Horizon::COUNT;

/// The same number for each quantile of a horizon.
fn of_each(by_horizon: [f32; Horizon::COUNT]) -> Lanes {
    std::array::from_fn(|lane| if lane < USED { by_horizon[lane / 3] } else { 0.0 })
}

/// P90 of the mean of the next 15 s, of which guarantees are made.
const GUARANTEES: usize = 3 * Horizon::Mean15s.index() + 1;

/// How loud each member speaks, by horizon and quantile.
#[derive(Clone, Debug)]
pub(crate) struct Weights([Lanes; Member::COUNT]);

/// What all members lost lately on one series.
#[derive(Clone, Debug)]
pub(crate) struct Mix {
    /// Discounted sums by member, horizon and quantile, and of the seconds they are over, by member and horizon.
    losses: [Lanes; Member::COUNT],
    seconds: [[f32; Horizon::COUNT]; Member::COUNT],
    /// The same at the mean of the next 15 s over the last quarter of an hour.
    long: [(f32, f32); Member::COUNT],
    drift: Drift,
}

#[derive(Clone, Copy, Debug, Default)]
struct Drift {
    mean: f32,
    seconds: f32,
    above: f32,
}

/// How one member stands in one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Which member.
    pub member: Member,
    /// How loud it speaks for the P90 of the mean of the next 15 s; all together are 1.
    pub weight: f32,
    /// What it says alone of the mean of the next 15 s.
    pub alone: Quantiles,
    /// What it lost there in the last quarter of an hour, over what EWMA lost; below 1 is better. `None` while
    /// either has no record.
    pub against_ewma: Option<f32>,
    /// Whether it is set aside.
    pub is_set_aside: bool,
}

/// By what exponent each member is presumed worse than the best before it has a record of its own, in steps of
/// [`PRESUMED_STEP`]: there is one for every series, and neighbours differ little.
#[derive(Clone, Debug)]
pub(crate) struct Presumed([[u8; USED]; Member::COUNT]);

/// The largest exponent, for who lost [`MOST_WORSE`] more than the best, is the last step.
const PRESUMED_STEP: f32 = ETA * MOST_WORSE / 255.0;

impl Presumed {
    /// What is presumed where nothing is known, moved for each member by the trust in its kin (from 0 to 1) of the way
    /// to how much worse these were.
    pub fn new(kin: impl Fn(Member) -> (f32, [[f32; 3]; Horizon::COUNT])) -> Presumed {
        let mut all = [[0; USED]; Member::COUNT];
        for member in Member::ALL {
            let general = match member {
                Member::Network(_) | Member::Trees | Member::Recurrent => 0.0,
                Member::Ewma => PRESUMPTION,
                Member::Last | Member::Seasonal | Member::Autoregression | Member::Outside => 1.5 * PRESUMPTION,
            };
            let (trust, worse) = kin(member);
            for (presumed, worse) in all[member.index()].iter_mut().zip(worse.as_flattened()) {
                *presumed = ((general + trust * (ETA * worse - general)) / PRESUMED_STEP).round() as u8;
            }
        }
        Presumed(all)
    }

    /// What is presumed of `member`.
    fn of(&self, member: Member) -> Lanes {
        let steps = &self.0[member.index()];
        std::array::from_fn(|lane| if lane < USED { f32::from(steps[lane]) * PRESUMED_STEP } else { 0.0 })
    }

    /// The same at P90 of the mean of the next 15 s.
    #[cfg(test)]
    pub fn of_guarantees(&self, member: Member) -> f32 {
        self.of(member)[GUARANTEES]
    }
}

impl Mix {
    pub fn new() -> Mix {
        Mix {
            losses: [[0.0; LANES]; Member::COUNT],
            seconds: [[0.0; Horizon::COUNT]; Member::COUNT],
            long: [(0.0, 0.0); Member::COUNT],
            drift: Drift::default(),
        }
    }

    /// Takes what each member said for `horizon` and what came, as levels; `scale` is what the series usually has. Who
    /// said nothing said no number. What was held back proves only that more was wanted.
    pub fn learn(&mut self, horizon: Horizon, said: &[Levels; Member::COUNT], came: f32, at_least: bool, scale: f32) {
        let at = horizon.index();
        // What is compared stands for the seconds since the last that was.
        let every = kept_every(horizon);
        let (elapsed, kept) = (every as f32, DISCOUNT.powi(every as i32));
        let (part, kept_long) = (elapsed / scale, LONG.powi(every as i32));
        for (place, said) in said.iter().enumerate() {
            if !said.iter().all(|level| level.is_finite()) {
                continue;
            }
            let mut sum = 0.0;
            for (quantile, probability) in PROBABILITIES.into_iter().enumerate() {
                if at_least && came <= said[quantile] {
                    continue;
                }
                let lost = part * pinball(came, said[quantile], probability);
                let losses = &mut self.losses[place][3 * at + quantile];
                *losses = *losses * kept + lost;
                sum += lost;
            }
            let seconds = &mut self.seconds[place][at];
            *seconds = *seconds * kept + elapsed;
            if horizon == Horizon::Mean15s {
                let (lost, seconds) = &mut self.long[place];
                *lost = *lost * kept_long + sum;
                *seconds = *seconds * kept_long + elapsed;
            }
        }
    }

    /// Takes the error of the median of what was said together, in log-level space; whether it forgot everything.
    pub fn watch(&mut self, error: f32) -> bool {
        let error = error.abs().min(MOST_ERROR);
        let drift = &mut self.drift;
        let elapsed = kept_every(Horizon::Mean15s) as f32;
        drift.seconds = (drift.seconds + elapsed).min(1.0 / (1.0 - LONG));
        drift.mean += (error - drift.mean) * elapsed / drift.seconds;
        if drift.seconds < ENOUGH_S {
            return false;
        }
        drift.above = (drift.above + elapsed * (error - drift.mean - TOLERATED)).max(0.0);
        if drift.above < ALARM {
            return false;
        }
        let long = self.long;
        *self = Mix { long, ..Mix::new() };
        true
    }

    fn is_set_aside(&self, member: Member) -> bool {
        self.against_ewma(member).is_some_and(|ratio| ratio > 1.0)
            && self.long[member.index()].1 >= ENOUGH_S
            && member != Member::Ewma
    }

    fn against_ewma(&self, member: Member) -> Option<f32> {
        let mean = |member: Member| {
            let (lost, seconds) = self.long[member.index()];
            (seconds >= 1.0).then_some(lost / seconds)
        };
        let (own, ewma) = (mean(member)?, mean(Member::Ewma)?);
        Some(if own == ewma { 1.0 } else { own / ewma.max(f32::MIN_POSITIVE) })
    }

    /// What a member lost in a second on average; no number at horizons of which it has no record.
    fn means(&self, member: Member) -> Lanes {
        let (losses, seconds) = (&self.losses[member.index()], of_each(self.seconds[member.index()]));
        std::array::from_fn(|lane| losses[lane] / seconds[lane])
    }

    /// How much more than the best each member lost, as a part of what the best lost; `None` without half a minute of
    /// record at every horizon.
    pub fn worse(&self) -> [Option<[[f32; 3]; Horizon::COUNT]>; Member::COUNT] {
        let told: [Option<Lanes>; Member::COUNT] = std::array::from_fn(|place| {
            let is_told = self.seconds[place].iter().all(|&seconds| seconds >= LEAST_TOLD_S);
            is_told.then(|| self.means(Member::ALL[place]))
        });
        let best = told.iter().flatten().fold([f32::MAX; LANES], |best, means| least(&best, means));
        told.map(|means| {
            means.map(|means| {
                let worse = worse(&means, &best);
                std::array::from_fn(|at| std::array::from_fn(|quantile| worse[3 * at + quantile].min(MOST_WORSE)))
            })
        })
    }

    /// How loud each member speaks; `speaks` says who says anything now. All zero where nobody does.
    pub fn weights(&self, speaks: &[bool; Member::COUNT], presumed: &Presumed) -> Weights {
        let speaking = || Member::ALL.into_iter().filter(|member| speaks[member.index()]);
        let mut weights = [[0.0; LANES]; Member::COUNT];
        let mut best = [f32::MAX; LANES];
        for member in speaking() {
            let doubt = doubt(member);
            weights[member.index()] = self.means(member).map(|mean| doubt * mean);
            best = least(&best, &weights[member.index()]);
        }
        let mut total = [0.0; LANES];
        for member in speaking() {
            let weights = &mut weights[member.index()];
            if self.is_set_aside(member) {
                *weights = [0.0; LANES];
                continue;
            }
            let trust = of_each(self.seconds[member.index()].map(|seconds| seconds / (seconds + PRESUMED_S)));
            let (worse, presumed, voice) = (worse(weights, &best), presumed.of(member), of_each(voice(member)));
            let exponents: Lanes = std::array::from_fn(|lane| {
                let worse = if trust[lane] > 0.0 { worse[lane] } else { 0.0 };
                ETA * trust[lane] * worse + (1.0 - trust[lane]) * presumed[lane]
            });
            let loud = curve::exp_all(exponents.map(|exponent| -exponent));
            *weights =
                std::array::from_fn(|lane| if exponents[lane] > INAUDIBLE { 0.0 } else { voice[lane] * loud[lane] });
            total = std::array::from_fn(|lane| total[lane] + weights[lane]);
        }
        let parts = total.map(|total| if total > 0.0 { 1.0 / total } else { 0.0 });
        for member in speaking() {
            for (weight, part) in weights[member.index()].iter_mut().zip(parts) {
                *weight *= part;
            }
        }
        if speaks[Member::Ewma.index()] {
            for (weight, total) in weights[Member::Ewma.index()].iter_mut().zip(total) {
                *weight = if total > 0.0 { *weight } else { 1.0 };
            }
        }
        Weights(weights)
    }

    /// How all members stand that speak now: those that say something of the mean of the next 15 s.
    pub fn standings(&self, said: &[Option<Levels>; Member::COUNT], presumed: &Presumed) -> Vec<Standing> {
        let weights = self.weights(&said.map(|said| said.is_some()), presumed);
        let standing = |member: Member| {
            Some(Standing {
                member,
                weight: weights.0[member.index()][GUARANTEES],
                alone: rates(said[member.index()]?),
                against_ewma: self.against_ewma(member),
                is_set_aside: self.is_set_aside(member),
            })
        };
        Member::ALL.into_iter().filter_map(standing).collect()
    }
}

impl Weights {
    /// What all say together.
    pub fn together(&self, said: &[AllLevels; Member::COUNT]) -> AllLevels {
        let mut sums = [0.0; LANES];
        for (weights, said) in self.0.iter().zip(said) {
            let mut levels = [0.0; LANES];
            levels[..USED].copy_from_slice(said.as_flattened());
            sums = std::array::from_fn(|lane| sums[lane] + weights[lane] * levels[lane]);
        }
        std::array::from_fn(|at| std::array::from_fn(|quantile| sums[3 * at + quantile]))
    }

    /// Who speaks loudest for what guarantees are made of.
    pub fn loudest(&self) -> Member {
        let weight = |member: Member| self.0[member.index()][GUARANTEES];
        Member::ALL.into_iter().fold(
            Member::Ewma,
            |loudest, member| {
                if weight(member) > weight(loudest) { member } else { loudest }
            },
        )
    }
}

fn least(some: &Lanes, others: &Lanes) -> Lanes {
    std::array::from_fn(|lane| if others[lane] < some[lane] { others[lane] } else { some[lane] })
}

fn worse(means: &Lanes, best: &Lanes) -> Lanes {
    std::array::from_fn(|lane| (means[lane] - best[lane]) / best[lane].max(f32::MIN_POSITIVE))
}

/// How many times what it lost a member counts as having lost.
fn doubt(member: Member) -> f32 {
    match member {
        Member::Autoregression => DOUBTED,
        Member::Last
        | Member::Ewma
        | Member::Seasonal
        | Member::Outside
        | Member::Network(_)
        | Member::Trees
        | Member::Recurrent => 1.0,
    }
}

/// How loud a member speaks among equals, by horizon.
fn voice(member: Member) -> [f32; Horizon::COUNT] {
    if member != Member::Trees {
        return [1.0; Horizon::COUNT];
    }
    Horizon::ALL.map(|horizon| match horizon {
        Horizon::After1s => TREES_COUNT_NEXT,
        Horizon::After5s | Horizon::After15s | Horizon::After60s | Horizon::Mean15s => TREES_COUNT,
    })
}
