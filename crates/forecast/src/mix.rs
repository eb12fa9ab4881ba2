//! Many models, one forecast: each speaks as loud as it was right lately.
//!
//! Per horizon and quantile a model's weight falls exponentially with what it lost more than the best, in quantile
//! loss over about the last hundred seconds (exponential weights with discount). A model that lost more than EWMA
//! over the last quarter of an hour is set aside. When errors rise for good, all that was learnt is forgotten.

use crate::Member;
use crate::said::{Levels, kept_every, rates};
use crate::score::pinball;
use crate::train::PROBABILITIES;
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

/// What all members lost lately on one series.
#[derive(Clone, Debug)]
pub(crate) struct Mix {
    /// Discounted sums by member, horizon and quantile, and of the seconds they are over, by member and horizon.
    losses: [[[f32; 3]; Horizon::COUNT]; Member::COUNT],
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
pub(crate) struct Presumed([[[u8; 3]; Horizon::COUNT]; Member::COUNT]);

/// The largest exponent, for who lost [`MOST_WORSE`] more than the best, is the last step.
const PRESUMED_STEP: f32 = ETA * MOST_WORSE / 255.0;

impl Presumed {
    /// What is presumed where nothing is known, moved for each member by the trust in its kin (from 0 to 1) of the way
    /// to how much worse these were.
    pub fn new(kin: impl Fn(Member) -> (f32, [[f32; 3]; Horizon::COUNT])) -> Presumed {
        let mut all = [[[0; 3]; Horizon::COUNT]; Member::COUNT];
        for member in Member::all() {
            let general = match member {
                Member::Network(_) | Member::Trees | Member::Recurrent => 0.0,
                Member::Ewma => PRESUMPTION,
                Member::Last | Member::Seasonal | Member::Autoregression | Member::Outside => 1.5 * PRESUMPTION,
            };
            let (trust, worse) = kin(member);
            for (presumed, worse) in all[member.index()].as_flattened_mut().iter_mut().zip(worse.as_flattened()) {
                *presumed = ((general + trust * (ETA * worse - general)) / PRESUMED_STEP).round() as u8;
            }
        }
        Presumed(all)
    }

    /// What is presumed of `member`.
    pub fn of(&self, member: Member, horizon: Horizon, quantile: usize) -> f32 {
        f32::from(self.0[member.index()][horizon.index()][quantile]) * PRESUMED_STEP
    }
}

impl Mix {
    pub fn new() -> Mix {
        Mix {
            losses: [[[0.0; 3]; Horizon::COUNT]; Member::COUNT],
            seconds: [[0.0; Horizon::COUNT]; Member::COUNT],
            long: [(0.0, 0.0); Member::COUNT],
            drift: Drift::default(),
        }
    }

    /// Takes what `member` said for `horizon` and what came, as levels; `scale` is what the series usually has. What
    /// was held back proves only that more was wanted.
    pub fn learn(&mut self, member: Member, horizon: Horizon, said: Levels, came: f32, at_least: bool, scale: f32) {
        let (at, place) = (horizon.index(), member.index());
        // What is compared stands for the seconds since the last that was.
        let every = kept_every(horizon);
        let (elapsed, kept) = (every as f32, DISCOUNT.powi(every as i32));
        let mut sum = 0.0;
        for (quantile, probability) in PROBABILITIES.into_iter().enumerate() {
            if at_least && came <= said[quantile] {
                continue;
            }
            let lost = elapsed * pinball(came, said[quantile], probability) / scale;
            self.losses[place][at][quantile] = self.losses[place][at][quantile] * kept + lost;
            sum += lost;
        }
        let seconds = &mut self.seconds[place][at];
        *seconds = *seconds * kept + elapsed;
        if horizon == Horizon::Mean15s {
            let kept = LONG.powi(every as i32);
            let (lost, seconds) = &mut self.long[place];
            *lost = *lost * kept + sum;
            *seconds = *seconds * kept + elapsed;
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

    /// How much more than the best `member` lost, as a part of what the best lost; `None` without half a minute of
    /// record at every horizon.
    pub fn worse(&self, member: Member) -> Option<[[f32; 3]; Horizon::COUNT]> {
        let mut worse = [[0.0; 3]; Horizon::COUNT];
        for at in 0..Horizon::COUNT {
            let mean = |member: usize, quantile: usize| {
                let seconds = self.seconds[member][at];
                (seconds >= LEAST_TOLD_S).then(|| self.losses[member][at][quantile] / seconds)
            };
            for (quantile, worse) in worse[at].iter_mut().enumerate() {
                let own = mean(member.index(), quantile)?;
                let best = (0..Member::COUNT).filter_map(|member| mean(member, quantile)).fold(f32::MAX, f32::min);
                *worse = ((own - best) / best.max(f32::MIN_POSITIVE)).min(MOST_WORSE);
            }
        }
        Some(worse)
    }

    /// How loud each member speaks; `speaks` says who says anything now. All zero where nobody does.
    pub fn weights(
        &self,
        horizon: Horizon,
        quantile: usize,
        speaks: &[bool; Member::COUNT],
        presumed: &Presumed,
    ) -> [f32; Member::COUNT] {
        let at = horizon.index();
        let mean = |member: usize| {
            let seconds = self.seconds[member][at];
            let doubt = if member == Member::Autoregression.index() { DOUBTED } else { 1.0 };
            (seconds > 0.0).then(|| doubt * self.losses[member][at][quantile] / seconds)
        };
        let best = (0..Member::COUNT).filter(|&member| speaks[member]).filter_map(mean).fold(f32::MAX, f32::min);
        let mut weights = [0.0f32; Member::COUNT];
        let mut total = 0.0;
        for member in Member::all() {
            let place = member.index();
            if !speaks[place] || self.is_set_aside(member) {
                continue;
            }
            let seconds = self.seconds[place][at];
            let trust = seconds / (seconds + PRESUMED_S);
            let worse = mean(place).map_or(0.0, |mean| (mean - best) / best.max(f32::MIN_POSITIVE));
            let presumed = presumed.of(member, horizon, quantile);
            let exponent = ETA * trust * worse + (1.0 - trust) * presumed;
            if exponent > INAUDIBLE {
                continue;
            }
            weights[place] = voice(member, horizon) * (-exponent).exp();
            total += weights[place];
        }
        if total > 0.0 {
            weights.iter_mut().for_each(|weight| *weight /= total);
        } else if speaks[Member::Ewma.index()] {
            weights[Member::Ewma.index()] = 1.0;
        }
        weights
    }

    /// How all members stand that speak now: those that say something of the mean of the next 15 s.
    pub fn standings(&self, said: &[Option<Levels>; Member::COUNT], presumed: &Presumed) -> Vec<Standing> {
        let weights = self.weights(Horizon::Mean15s, 1, &said.map(|said| said.is_some()), presumed);
        let standing = |member: Member| {
            Some(Standing {
                member,
                weight: weights[member.index()],
                alone: rates(said[member.index()]?),
                against_ewma: self.against_ewma(member),
                is_set_aside: self.is_set_aside(member),
            })
        };
        Member::all().filter_map(standing).collect()
    }
}

/// How loud a member speaks among equals.
fn voice(member: Member, horizon: Horizon) -> f32 {
    if member != Member::Trees {
        return 1.0;
    }
    match horizon {
        Horizon::After1s => TREES_COUNT_NEXT,
        Horizon::After5s | Horizon::After15s | Horizon::After60s | Horizon::Mean15s => TREES_COUNT,
    }
}
