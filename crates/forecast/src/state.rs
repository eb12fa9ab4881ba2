//! One series: its past, its models, and what they say now.

use crate::Kind;
use crate::calibrate::Calibration;
use crate::family::{Family, Member};
use crate::features::{self, Context, INPUTS, Recent};
use crate::history::{Arrival, History, Outcome};
use crate::kin::{AllKin, Likeness, TOLD_EVERY};
use crate::mix::{Mix, Presumed, Standing};
use crate::models::{Autoregression, Ewma, Last, Model, Seasonal};
use crate::recurrent::{self, UNITS};
use crate::residuals::{Edges, Errors, quantiles};
use crate::said::{AllLevels, Said};
use crate::train::PROBABILITIES;
use std::sync::Arc;
use vocab::{BitRate, Horizon, Usage};

/// No quantile is more than this many times what a series ever did (lately), or than [`LEAST_MOST`].
const SANE: f32 = 4.0;

/// A series that did next to nothing may still be foreseen to do this much: 160 kbit/s.
const LEAST_MOST: f32 = 20.0;

/// How much of the largest rate is remembered per second: half of it after ten minutes.
const PEAK_DECAY: f32 = 0.998_845;

/// What a pool counts beside a series' own errors, in errors: five minutes of them.
const PRIOR: f32 = 300.0;

/// What a program outside said stands for so many seconds.
const SUGGESTED_S: u64 = 5;

/// Weights of the newest second in what the series usually has: some minutes.
const USUAL_ALPHA: f32 = 0.002;

/// The weight of the newest second in the usual log-level, by which errors are told apart: minutes.
const USUAL_LOG_ALPHA: f32 = 0.01;

/// No series usually has less than this, in levels: what losses are divided by.
const LEAST_USUAL: f32 = 0.05;

/// What all series share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub family: Arc<Family>,
    kin: AllKin,
    edges: Edges,
}

impl Shared {
    pub fn new(family: Arc<Family>) -> Shared {
        Shared { family, kin: AllKin::new(), edges: Edges::new() }
    }
}

/// The models that say one number.
#[derive(Clone, Debug, Default)]
struct Points {
    last: Last,
    ewma: Ewma,
    seasonal: Seasonal,
    autoregression: Autoregression,
    outside: Option<(f32, u64)>,
}

/// What a point model said in the last minute and what it misses by.
#[derive(Clone, Debug)]
struct Record {
    /// Log-levels.
    said: Said<1>,
    /// By horizon; below and above the usual log-level.
    errors: [[Errors; 2]; Horizon::COUNT],
    /// By horizon: their quantiles, as they were lately.
    misses: [Misses; Horizon::COUNT],
}

/// What a point model misses by, as a log-level: quantiles of errors, which move slowly.
#[derive(Clone, Copy, Debug)]
struct Misses {
    quantiles: [f32; 3],
    /// Which errors they are of: where the model's word stands among levels, and on which side of the usual.
    of: Option<(u8, bool)>,
    age_s: u8,
}

/// Quantiles of errors are taken anew after so many seconds, or when the model's word has moved.
const MISSES_STAND_S: u8 = 4;

/// One series.
#[derive(Clone, Debug)]
pub(crate) struct State {
    history: History,
    recent: Recent,
    points: Points,
    /// What the recurrent network keeps.
    kept: recurrent::Kept,
    records: [Record; Member::POINTS.len()],
    /// The usual log-level, by which errors are told apart.
    usual_log: f32,
    said: [Said<3>; Member::COUNT],
    speaks: [bool; Member::COUNT],
    together: Said<3>,
    mix: Mix,
    /// Which series are its kin, and what they make presumed of it.
    like: Likeness,
    presumed: Presumed,
    calibration: Calibration,
    windows: u32,
    /// The largest level lately, and the usual one with the sum of its weights.
    peak: f32,
    usual: (f32, f32),
    now: AllLevels,
    loudest: Member,
}

/// What is promised of the memory per series.
const _: () = assert!(size_of::<State>() <= 12_000);

impl State {
    /// One that begins: served by its kin as they stand now.
    pub fn new(like: Likeness, shared: &Shared) -> State {
        let record = || Record {
            said: Said::nothing(),
            errors: std::array::from_fn(|_| std::array::from_fn(|_| Errors::new())),
            misses: [Misses { quantiles: [0.0; 3], of: None, age_s: 0 }; Horizon::COUNT],
        };
        State {
            history: History::new(),
            recent: Recent::new(),
            points: Points::default(),
            kept: [0.0; UNITS],
            records: std::array::from_fn(|_| record()),
            said: std::array::from_fn(|_| Said::nothing()),
            speaks: [false; Member::COUNT],
            together: Said::nothing(),
            mix: Mix::new(),
            like,
            presumed: shared.kin.presumed(like),
            calibration: Calibration::default(),
            windows: 0,
            peak: 0.0,
            usual: (0.0, 0.0),
            usual_log: 0.0,
            now: AllLevels::default(),
            loudest: Member::Ewma,
        }
    }

    /// Windows observed.
    pub fn windows(&self) -> u32 {
        self.windows
    }

    /// The second of the latest window.
    pub fn last_second(&self) -> Option<u64> {
        self.history.last()
    }

    /// What is foreseen, as levels, and the member that speaks loudest for it.
    pub fn foreseen(&self) -> (AllLevels, Member) {
        (self.now, self.loudest)
    }

    /// What it last did, as if that were known to go on.
    pub fn repeated(&self) -> AllLevels {
        [[features::level(self.points.last.level()); 3]; Horizon::COUNT]
    }

    /// What came, unless it is unknown or was held back.
    pub fn exactly_came(&self, origin: u64, horizon: Horizon) -> Option<BitRate> {
        match self.history.outcome(origin, horizon)? {
            outcome @ Outcome::Exact(_) => Some(outcome.rate()),
            Outcome::AtLeast(_) => None,
        }
    }

    /// How members stand.
    pub fn standings(&self, family: &Family) -> Vec<Standing> {
        let mut said = [None; Member::COUNT];
        for member in Member::all().filter(|&member| family.has(member) && self.speaks[member.index()]) {
            let second = self.history.last();
            said[member.index()] = second.and_then(|second| self.said[member.index()].at(second, Horizon::Mean15s));
        }
        self.mix.standings(&said, &self.presumed)
    }

    /// Takes what a program outside foresees.
    pub fn suggest(&mut self, rate: BitRate, second: u64) {
        self.points.outside = Some((features::level(rate.as_bps() as f64), second));
    }

    /// Takes the window that ended at `second`: learns from what was said before, then says anew. `None` if the
    /// window was passed over.
    pub fn observe(
        &mut self,
        kind: Kind,
        usage: Usage,
        context: Context,
        second: u64,
        shared: &mut Shared,
    ) -> Option<Arrival> {
        let arrival = self.history.report(second, usage);
        let elapsed_s = match arrival {
            Arrival::After(elapsed_s) => elapsed_s,
            Arrival::Jumped => {
                self.forget_said();
                1
            }
            Arrival::Late => return None,
        };
        self.windows = self.windows.saturating_add(1);
        // What a device is may be known only after it has begun.
        self.like = Likeness::new(kind, &context);
        self.learn(second, shared);
        if self.windows.is_multiple_of(TOLD_EVERY) && !self.recent.is_silent() {
            shared.kin.learn_standing(self.like, &self.mix);
        }
        for missing in (1..elapsed_s.min(60)).rev() {
            self.say(second - missing, None);
        }
        self.points.last.observe(usage, elapsed_s, second);
        self.points.ewma.observe(usage, elapsed_s, second);
        self.points.seasonal.observe(usage, elapsed_s, second);
        self.points.autoregression.observe(usage, elapsed_s);
        self.recent.push(usage, elapsed_s, context);
        let level = features::level(usage.rate().as_bps() as f64);
        self.peak = (self.peak * PEAK_DECAY.powi(elapsed_s.min(60) as i32)).max(level);
        let (usual, weight) = &mut self.usual;
        *usual += USUAL_ALPHA * (level - *usual);
        *weight += USUAL_ALPHA * (1.0 - *weight);
        let ewma = features::log(features::level(self.points.ewma.level()));
        self.usual_log += USUAL_LOG_ALPHA.max(1.0 / self.windows as f32) * (ewma - self.usual_log);
        self.speak(kind, second, shared);
        Some(arrival)
    }

    fn usual(&self) -> f32 {
        let (usual, weight) = self.usual;
        if weight > 0.0 { (usual / weight).max(LEAST_USUAL) } else { LEAST_USUAL }
    }

    fn forget_said(&mut self) {
        self.said = std::array::from_fn(|_| Said::nothing());
        self.together = Said::nothing();
        self.records.iter_mut().for_each(|record| record.said = Said::nothing());
        self.points.outside = None;
        self.kept = [0.0; UNITS];
    }

    /// What came by `second` is compared with what was said of it.
    fn learn(&mut self, second: u64, shared: &mut Shared) {
        let usual = self.usual();
        for horizon in Horizon::ALL {
            let Some(origin) = second.checked_sub(horizon.seconds()) else { continue };
            let (came, at_least) = match self.history.outcome(origin, horizon) {
                Some(Outcome::Exact(bps)) => (features::level(bps), false),
                Some(Outcome::AtLeast(bps)) => (features::level(bps), true),
                None => continue,
            };
            for member in Member::all() {
                if let Some(said) = self.said[member.index()].at(origin, horizon) {
                    self.mix.learn(member, horizon, said, came, at_least, usual);
                }
            }
            let log_came = features::log(came);
            for (place, record) in self.records.iter_mut().enumerate() {
                let Some([log_said]) = record.said.at(origin, horizon) else { continue };
                let error = f64::from(log_came - log_said);
                if at_least && error <= 0.0 {
                    continue;
                }
                record.errors[horizon.index()][usize::from(log_said > self.usual_log)].learn(error);
                let level = features::level_index(log_said);
                shared.kin.learn_error(self.like, place, horizon.index(), level, error);
            }
            let Some(said) = self.together.at(origin, horizon) else { continue };
            self.calibration.learn(horizon, said, came, at_least);
            let is_news = horizon == Horizon::Mean15s && !at_least;
            if is_news && self.mix.watch(log_came - features::log(said[0])) {
                self.calibration = Calibration::default();
            }
        }
    }

    /// Every member says what it foresees; together they say what counts.
    fn speak(&mut self, kind: Kind, second: u64, shared: &Shared) {
        if self.recent.is_silent() && self.now == AllLevels::default() {
            // Silence for minutes, foreseen as silence: no model has anything else to say.
            self.say(second, Some(&AllLevels::default()));
            self.kept = [0.0; UNITS];
            return;
        }
        let inputs = self.recent.inputs(kind);
        if let Some(recurrent) = shared.family.recurrent() {
            recurrent.take(&inputs, &mut self.kept);
        }
        let most = self.most();
        let mut all = [AllLevels::default(); Member::COUNT];
        for member in Member::all() {
            let place = member.index();
            let point = self.point(member, second);
            if let Some(record) = self.records.get_mut(place) {
                record.said.say(second, point.map(|logs| logs.map(|log_level| [log_level])).as_ref());
            }
            let levels = match point {
                Some(logs) => {
                    self.look_at_misses(place, logs, shared);
                    Some(self.of_point(place, logs))
                }
                None => self.of_weights(member, &inputs, shared),
            };
            self.speaks[place] = levels.is_some();
            self.said[place].say(second, levels.as_ref());
            all[place] = levels.unwrap_or_default();
        }
        let usual = self.usual();
        for horizon in Horizon::ALL {
            let mut levels = [0.0f32; 3];
            for (quantile, level) in levels.iter_mut().enumerate() {
                let weights = self.mix.weights(horizon, quantile, &self.speaks, &self.presumed);
                if horizon == Horizon::Mean15s && quantile == 1 {
                    self.loudest = loudest(&weights);
                }
                let said = all.iter().map(|levels| levels[horizon.index()][quantile]);
                *level = weights.iter().zip(said).map(|(weight, level)| weight * level).sum();
            }
            let corrected = self.calibration.correct(horizon, levels, usual);
            self.now[horizon.index()] = corrected.map(|level| if level.is_finite() { level.min(most) } else { most });
        }
        let now = self.now;
        self.together.say(second, Some(&now));
    }

    /// Nothing but `levels` is said at `second`, by anybody who speaks.
    fn say(&mut self, second: u64, levels: Option<&AllLevels>) {
        for (said, speaks) in self.said.iter_mut().zip(self.speaks) {
            said.say(second, levels.filter(|_| speaks));
        }
        self.together.say(second, levels);
        for record in &mut self.records {
            record.said.say(second, levels.map(|_| &[[0.0]; Horizon::COUNT]));
        }
    }

    /// The log-levels a point model says, if it says any.
    fn point(&self, member: Member, second: u64) -> Option<[f32; Horizon::COUNT]> {
        let points = &self.points;
        let level = match member {
            Member::Last => features::level(points.last.level()),
            Member::Ewma => features::level(points.ewma.level()),
            Member::Seasonal => features::level(points.seasonal.level()),
            Member::Outside => points.outside.filter(|&(_, at)| second.abs_diff(at) < SUGGESTED_S)?.0,
            Member::Autoregression => return Some(points.autoregression.levels()?.map(features::log)),
            Member::Network(_) | Member::Trees | Member::Recurrent => return None,
        };
        Some([features::log(level); Horizon::COUNT])
    }

    /// Takes anew what a point model misses by, where that is due.
    fn look_at_misses(&mut self, place: usize, logs: [f32; Horizon::COUNT], shared: &Shared) {
        let record = &mut self.records[place];
        for (horizon, log_level) in logs.into_iter().enumerate() {
            let is_above = log_level > self.usual_log;
            let level = features::level_index(log_level);
            let (misses, of) = (&mut record.misses[horizon], Some((level as u8, is_above)));
            misses.age_s += 1;
            if misses.of == of && misses.age_s < MISSES_STAND_S {
                continue;
            }
            let pool = shared.kin.pool(self.like, place, horizon, level);
            let errors = &record.errors[horizon][usize::from(is_above)];
            let quantiles = quantiles(errors, pool, PRIOR, &shared.edges, PROBABILITIES);
            *misses = Misses { quantiles, of, age_s: 0 };
        }
    }

    /// Quantiles around log-levels, by what their model usually misses by.
    fn of_point(&self, place: usize, logs: [f32; Horizon::COUNT]) -> AllLevels {
        let most = self.most();
        let misses = &self.records[place].misses;
        std::array::from_fn(|horizon| {
            misses[horizon].quantiles.map(|error| features::unlog(logs[horizon] + error).min(most))
        })
    }

    /// No quantile is larger.
    fn most(&self) -> f32 {
        (self.peak * SANE).max(LEAST_MOST)
    }

    /// What a member that has learnt weights says, told `inputs`; `None` for others, and where the family has none.
    fn of_weights(&self, member: Member, inputs: &[f32; INPUTS], shared: &Shared) -> Option<AllLevels> {
        let logs = match member {
            Member::Network(number) => shared.family.networks().get(usize::from(number))?.foresee(inputs),
            Member::Trees => shared.family.trees()?.foresee(inputs),
            Member::Recurrent => shared.family.recurrent()?.foresee(inputs, &self.kept),
            Member::Last | Member::Ewma | Member::Seasonal | Member::Autoregression | Member::Outside => return None,
        };
        let most = self.most();
        Some(logs.map(|logs| logs.map(|log_level| features::unlog(log_level).min(most))))
    }

    /// What one member alone says now.
    pub fn alone(&self, kind: Kind, member: Member, shared: &Shared) -> Option<AllLevels> {
        match self.point(member, self.history.last()?) {
            Some(logs) => Some(self.of_point(member.index(), logs)),
            None => self.of_weights(member, &self.recent.inputs(kind), shared),
        }
    }
}

fn loudest(weights: &[f32; Member::COUNT]) -> Member {
    let mut loudest = Member::Ewma;
    for member in Member::all() {
        if weights[member.index()] > weights[loudest.index()] {
            loudest = member;
        }
    }
    loudest
}
