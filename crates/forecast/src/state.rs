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
use crate::residuals::{Bin, Edges, Errors, quantiles};
use crate::said::{AllLevels, Said, Words};
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

/// What is foreseen counts as silence after minutes of it where no quantile is more, in levels: 8 kbit/s. What networks
/// say of silence is noise around zero.
const AS_GOOD_AS_SILENT: f32 = 1.0;

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

/// What a point model misses by.
#[derive(Clone, Debug)]
struct Record {
    /// By horizon; below and above the usual log-level.
    errors: [[Errors; 2]; Horizon::COUNT],
    /// By horizon, below and above: their quantiles, as they were lately.
    misses: [[Misses; 2]; Horizon::COUNT],
}

/// What a point model misses by, as a log-level: quantiles of errors, which move slowly.
#[derive(Clone, Copy, Debug)]
struct Misses {
    quantiles: [f32; 3],
    /// Which errors they are of: where the model's word stands among levels.
    of: Option<u8>,
    /// How often they were looked up since.
    age: u8,
}

/// Quantiles of errors are taken anew after so many seconds of use, or when the model's word has moved.
const MISSES_STAND: u8 = 4;

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
    said: Said,
    speaks: [bool; Member::COUNT],
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
            errors: std::array::from_fn(|_| std::array::from_fn(|_| Errors::new())),
            misses: [[Misses { quantiles: [0.0; 3], of: None, age: 0 }; 2]; Horizon::COUNT],
        };
        State {
            history: History::new(),
            recent: Recent::new(),
            points: Points::default(),
            kept: [0.0; UNITS],
            records: std::array::from_fn(|_| record()),
            said: Said::nothing(),
            speaks: [false; Member::COUNT],
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
        let words = self.history.last().and_then(|second| self.said.at(second, Horizon::Mean15s));
        let members = words.unwrap_or(Words::NONE).members;
        let said = Member::ALL.map(|member| {
            let levels = members[member.index()];
            (family.has(member) && levels.iter().all(|level| level.is_finite())).then_some(levels)
        });
        self.mix.standings(&said, &self.presumed)
    }

    /// Takes what a program outside foresees.
    pub fn suggest(&mut self, rate: BitRate, second: u64) {
        self.points.outside = Some((features::level(rate.as_bps() as f64), second));
    }

    /// Takes the window that ended at `second`: learns from what was said before, and tells what there is to tell the
    /// models. `None` if the window was passed over. Then [`State::speak`] says anew.
    pub fn observe(
        &mut self,
        kind: Kind,
        usage: Usage,
        context: Context,
        second: u64,
        shared: &mut Shared,
    ) -> Option<(Arrival, Told)> {
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
            self.said.say(second - missing, |_| Words::NONE);
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
        Some((arrival, self.tell(kind, second, shared)))
    }

    fn usual(&self) -> f32 {
        let (usual, weight) = self.usual;
        if weight > 0.0 { (usual / weight).max(LEAST_USUAL) } else { LEAST_USUAL }
    }

    fn forget_said(&mut self) {
        self.said = Said::nothing();
        self.points.outside = None;
        self.kept = [0.0; UNITS];
    }

    /// What came by `second` is compared with what was said of it.
    fn learn(&mut self, second: u64, shared: &mut Shared) {
        let usual = self.usual();
        for horizon in Horizon::ALL {
            let Some(origin) = second.checked_sub(horizon.seconds()) else { continue };
            let Some(words) = self.said.at(origin, horizon) else { continue };
            let (came, at_least) = match self.history.outcome(origin, horizon) {
                Some(Outcome::Exact(bps)) => (features::level(bps), false),
                Some(Outcome::AtLeast(bps)) => (features::level(bps), true),
                None => continue,
            };
            self.mix.learn(horizon, &words.members, came, at_least, usual);
            let log_came = features::log(came);
            for (place, (record, log_said)) in self.records.iter_mut().zip(words.points).enumerate() {
                let error = log_came - log_said;
                if !error.is_finite() || at_least && error <= 0.0 {
                    continue;
                }
                let bin = Bin::of(error);
                record.errors[horizon.index()][usize::from(log_said > self.usual_log)].learn(bin);
                let level = features::level_index(log_said);
                shared.kin.learn_error(self.like, place, horizon.index(), level, bin);
            }
            if !words.together.iter().all(|level| level.is_finite()) {
                continue;
            }
            self.calibration.learn(horizon, words.together, came, at_least);
            let is_news = horizon == Horizon::Mean15s && !at_least;
            if is_news && self.mix.watch(log_came - features::log(words.together[0])) {
                self.calibration = Calibration::default();
            }
        }
    }

    /// What there is to tell models that have learnt weights, and what the others say.
    fn tell(&mut self, kind: Kind, second: u64, shared: &Shared) -> Told {
        let mut told = Told {
            inputs: [0.0; INPUTS],
            is_silence: false,
            said: [AllLevels::default(); Member::COUNT],
            speaks: [false; Member::COUNT],
            points: [[f32::NAN; Horizon::COUNT]; Member::POINTS.len()],
        };
        if self.recent.is_silent() && self.now.as_flattened().iter().all(|level| *level < AS_GOOD_AS_SILENT) {
            // Silence for minutes, foreseen as silence: no model has anything else to say.
            self.now = AllLevels::default();
            told.points = [[0.0; Horizon::COUNT]; Member::POINTS.len()];
            (told.is_silence, told.speaks) = (true, self.speaks);
            self.kept = [0.0; UNITS];
            self.keep(second, &told);
            return told;
        }
        for member in Member::POINTS {
            let Some(logs) = self.point(member, second) else { continue };
            told.points[member.index()] = logs;
            told.says(member, self.of_point(member.index(), logs, shared));
        }
        told.inputs = self.recent.inputs(kind);
        told
    }

    /// Every member has said what it foresees of the window that was told of; together they say what counts.
    pub fn speak(&mut self, told: &mut Told, shared: &Shared) {
        let Some(second) = self.history.last() else { return };
        if let Some(recurrent) = shared.family.recurrent() {
            recurrent.take(&told.inputs, &mut self.kept);
            told.says(Member::Recurrent, recurrent.foresee(&told.inputs, &self.kept));
        }
        self.speaks = told.speaks;
        let most = self.most();
        told.said.as_flattened_mut().as_flattened_mut().iter_mut().for_each(|level| *level = level.min(most));
        let (usual, weights) = (self.usual(), self.mix.weights(&self.speaks, &self.presumed));
        let levels = weights.together(&told.said);
        self.loudest = weights.loudest();
        for horizon in Horizon::ALL {
            let corrected = self.calibration.correct(horizon, levels[horizon.index()], usual);
            self.now[horizon.index()] = corrected.map(|level| if level.is_finite() { level.min(most) } else { most });
        }
        self.keep(second, told);
    }

    /// Keeps what is said, to be compared with what comes.
    fn keep(&mut self, second: u64, told: &Told) {
        self.said.say(second, |horizon| {
            let at = horizon.index();
            let of_member = |place: usize| if told.speaks[place] { told.said[place][at] } else { [f32::NAN; 3] };
            Words {
                members: std::array::from_fn(of_member),
                together: self.now[at],
                points: told.points.map(|logs| logs[at]),
            }
        });
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

    /// Quantiles around log-levels, by what their model usually misses by; that is taken anew where it is due.
    fn of_point(&mut self, place: usize, logs: [f32; Horizon::COUNT], shared: &Shared) -> AllLevels {
        let record = &mut self.records[place];
        let mut levels = AllLevels::default();
        for (horizon, log_level) in logs.into_iter().enumerate() {
            let side = usize::from(log_level > self.usual_log);
            let level = features::level_index(log_level);
            let (misses, of) = (&mut record.misses[horizon][side], Some(level as u8));
            misses.age = misses.age.saturating_add(1);
            if misses.of != of || misses.age >= MISSES_STAND {
                let pool = shared.kin.pool(self.like, place, horizon, level);
                let errors = &record.errors[horizon][side];
                let quantiles = quantiles(errors, pool, PRIOR, &shared.edges, PROBABILITIES);
                *misses = Misses { quantiles, of, age: 0 };
            }
            levels[horizon] = misses.quantiles.map(|error| log_level + error);
        }
        features::unlog_all(&levels)
    }

    /// No quantile is larger.
    fn most(&self) -> f32 {
        (self.peak * SANE).max(LEAST_MOST)
    }
}

/// One window of one series, as models are told of it, and what they say.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// What those are told that have learnt weights.
    pub inputs: [f32; INPUTS],
    /// There is nothing but silence, and nobody need be asked.
    pub is_silence: bool,
    said: [AllLevels; Member::COUNT],
    speaks: [bool; Member::COUNT],
    /// The log-levels of those that say one number; no number where they say none.
    points: [[f32; Horizon::COUNT]; Member::POINTS.len()],
}

impl Told {
    /// Takes what a member says.
    pub fn says(&mut self, member: Member, levels: AllLevels) {
        self.said[member.index()] = levels;
        self.speaks[member.index()] = true;
    }

    /// What each member said.
    pub fn said(&self) -> [Option<AllLevels>; Member::COUNT] {
        std::array::from_fn(|place| self.speaks[place].then_some(self.said[place]))
    }
}
