//! All series, their models and what these usually miss by.

use crate::Series;
use crate::features::{self, LEVELS};
use crate::history::{Arrival, History, Outcome, SECONDS};
use crate::models::{Ewma, Last, Model};
use crate::residuals::{Edges, Errors, Pool, quantiles};
use crate::score::{HitRate, Scored, pinball};
use std::collections::BTreeMap;
use vocab::{BitRate, Forecast, Horizon, Maturity, Quantiles, Score, Timestamp, Usage};

/// How a [`Forecaster`] is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many series are kept (each takes less than 4 kB); the longest idle makes room.
    pub max_series: usize,
    /// After this many windows a series is mature.
    pub mature_after: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { max_series: 20_000, mature_after: 30 }
    }
}

/// Scores that nobody took are dropped beyond this many, the oldest first.
const MAX_SCORES: usize = 100_000;

/// The probabilities of [`Quantiles`].
const PROBABILITIES: [f64; 3] = [0.5, 0.9, 0.99];

/// What a pool counts beside a series' own errors, in errors: five minutes of them. On the shared corpora the
/// quantile loss of the mean of the next 15 s was 0.84 with 30, 0.74 with 200 and 0.70 with 1,000, where fewer series
/// keep their own coverage.
const PRIOR: f64 = 300.0;

/// Beyond the next second, the last value speaks only where it lost less than this part of what the average lost:
/// the average knows better which seconds will be busy (what is reserved in vain on the shared corpora when 5 % is
/// short: 910 % of the demand where the smaller loss decides alone, 620 % so, 583 % with the average alone).
const CLEARLY_LESS: f32 = 0.75;

/// No quantile is more than this many times what a series ever did (lately).
const SANE: f64 = 4.0;

/// How much of the largest rate is remembered per second: half of it after ten minutes.
const PEAK_DECAY: f64 = 0.998_845;

/// How much of the loss of a model is remembered per score: about the last hundred.
const LOSS_DECAY: f32 = 0.99;

/// The weight of the newest second in the usual log-level, by which errors are told apart: minutes.
const USUAL_ALPHA: f64 = 0.01;

/// Forecasts of the demand of many series.
///
/// Deterministic: the same observations at the same times give the same forecasts. State is bounded per series
/// and in all.
#[derive(Clone, Debug)]
pub struct Forecaster {
    settings: Settings,
    series: BTreeMap<Series, State>,
    pools: Vec<Pools>,
    edges: Edges,
    scores: Vec<Scored>,
    hits: HitRate,
}

/// One series.
#[derive(Clone, Debug)]
struct State {
    history: History,
    last: Track<Last>,
    ewma: Track<Ewma>,
    windows: u32,
    /// The largest rate lately, bit/s.
    peak: f64,
    /// The usual log-level.
    usual: f64,
    /// What was said and is not yet judged: one per horizon at a time.
    said: [Option<Said>; Horizon::COUNT],
    at: Timestamp,
}

/// A forecast that waits for its time.
#[derive(Clone, Copy, Debug)]
struct Said {
    origin: u64,
    at: Timestamp,
    quantiles: Quantiles,
    model: &'static str,
    maturity: Maturity,
}

/// A model of one series, what it said in the last minute, and what it misses by.
#[derive(Clone, Debug)]
struct Track<M> {
    model: M,
    levels: [f32; SECONDS],
    /// By horizon; below and above the usual log-level.
    errors: [[Errors; 2]; Horizon::COUNT],
    /// Decayed quantile loss in log-level space, at the next second and at the mean of the next 15.
    loss: Losses,
}

/// Where a model is judged: the nearest second, and what guarantees are made of.
#[derive(Clone, Copy, Debug, Default)]
struct Losses {
    next: f32,
    mean: f32,
}

impl Losses {
    /// Whether it is so much less than `other` that its model shall speak for `horizon`.
    fn is_less(self, other: Losses, horizon: Horizon) -> bool {
        match horizon {
            Horizon::After1s => self.next < other.next,
            Horizon::After5s | Horizon::After15s | Horizon::After60s | Horizon::Mean15s => {
                self.mean < other.mean * CLEARLY_LESS
            }
        }
    }

    fn judged_at(&mut self, horizon: Horizon) -> Option<&mut f32> {
        match horizon {
            Horizon::After1s => Some(&mut self.next),
            Horizon::Mean15s => Some(&mut self.mean),
            Horizon::After5s | Horizon::After15s | Horizon::After60s => None,
        }
    }
}

/// One window as a model is told of it.
#[derive(Clone, Copy)]
struct Seen<'a> {
    usage: Usage,
    elapsed_s: u64,
    /// When it ended, in seconds since 1970.
    second: u64,
    history: &'a History,
    /// The usual log-level before it.
    usual: f64,
}

/// The pooled errors of one model over many series, by horizon and level.
#[derive(Clone, Debug)]
struct ModelPools([[Pool; LEVELS]; Horizon::COUNT]);

#[derive(Clone, Debug)]
struct Pools {
    last: Box<ModelPools>,
    ewma: Box<ModelPools>,
}

impl ModelPools {
    fn new() -> Box<ModelPools> {
        Box::new(ModelPools(std::array::from_fn(|_| std::array::from_fn(|_| Pool::new()))))
    }
}

impl<M: Model + Default> Track<M> {
    fn new() -> Track<M> {
        Track {
            model: M::default(),
            levels: [f32::NAN; SECONDS],
            errors: std::array::from_fn(|_| std::array::from_fn(|_| Errors::new())),
            loss: Losses::default(),
        }
    }

    /// Takes the second that just ended: first what it says of what was said before, then as input.
    fn observe(&mut self, seen: Seen<'_>, pools: &mut ModelPools, edges: &Edges) {
        let Seen { usage, elapsed_s, second, history, usual } = seen;
        for horizon in Horizon::ALL {
            let Some(origin) = second.checked_sub(horizon.seconds()) else { continue };
            let said = f64::from(self.levels[(origin % SECONDS as u64) as usize]);
            let Some(outcome) = history.outcome(origin, horizon).filter(|_| said.is_finite()) else { continue };
            let log_said = features::log_level(said);
            let (error, exact) = match outcome {
                Outcome::Exact(came) => (features::log_level(came) - log_said, true),
                Outcome::AtLeast(came) => (features::log_level(came) - log_said, false),
            };
            // What was held back proves only that more was wanted.
            if !exact && error <= 0.0 {
                continue;
            }
            let own = &mut self.errors[horizon.index()][usize::from(log_said > usual)];
            let pool = &mut pools.0[horizon.index()][features::level_index(log_said)];
            if let Some(lost) = self.loss.judged_at(horizon) {
                let [_, high, _] = quantiles(own, pool, PRIOR, edges, PROBABILITIES);
                let loss = pinball(log_said + error, log_said + high, PROBABILITIES[1]);
                *lost = *lost * LOSS_DECAY + loss as f32;
            }
            own.learn(error);
            pool.learn(error);
        }
        for missing in 1..elapsed_s.min(SECONDS as u64) {
            self.levels[((second - missing) % SECONDS as u64) as usize] = f32::NAN;
        }
        self.model.observe(usage, elapsed_s);
        // Both models say one level for all horizons; a model that does not will keep one per horizon here.
        self.levels[(second % SECONDS as u64) as usize] = self.model.level(Horizon::Mean15s) as f32;
    }

    /// Time jumped: what was said before cannot be judged.
    fn forget_said(&mut self) {
        self.levels = [f32::NAN; SECONDS];
    }

    fn quantiles(&self, horizon: Horizon, usual: f64, pools: &ModelPools, edges: &Edges, most: f64) -> Quantiles {
        let log_level = features::log_level(self.model.level(horizon));
        let own = &self.errors[horizon.index()][usize::from(log_level > usual)];
        let pool = &pools.0[horizon.index()][features::level_index(log_level)];
        let [p50, p90, p99] = quantiles(own, pool, PRIOR, edges, PROBABILITIES)
            .map(|error| BitRate::from_bps(features::rate_at(log_level + error).min(most) as u64));
        Quantiles::new(p50, p90, p99)
    }
}

impl State {
    fn new() -> State {
        State {
            history: History::new(),
            last: Track::new(),
            ewma: Track::new(),
            windows: 0,
            peak: 0.0,
            usual: 0.0,
            said: [None; Horizon::COUNT],
            at: Timestamp::default(),
        }
    }
}

impl Forecaster {
    /// Knows nothing yet.
    pub fn new(settings: Settings) -> Forecaster {
        let pools = (0..Series::POOLS).map(|_| Pools { last: ModelPools::new(), ewma: ModelPools::new() }).collect();
        Forecaster {
            settings,
            series: BTreeMap::new(),
            pools,
            edges: Edges::new(),
            scores: Vec::new(),
            hits: HitRate::new(),
        }
    }

    /// Takes what `series` did in the window of 1 s that ended at `at`.
    ///
    /// Once per window and series, in any order of series. A window that is not reported is unknown, not zero:
    /// for an idle series report `Usage::Free(BitRate::ZERO)`. A second report of the same second and one that
    /// comes late are passed over. After a gap of a minute or more, or when time goes back by as much,
    /// what was learnt stays and what was said before is not judged.
    pub fn observe(&mut self, series: Series, usage: Usage, at: Timestamp) {
        if !self.series.contains_key(&series) {
            self.make_room();
        }
        let state = self.series.entry(series).or_insert_with(State::new);
        let second = at.as_unix_secs();
        let elapsed_s = match state.history.report(second, usage) {
            Arrival::After(elapsed_s) => elapsed_s,
            Arrival::Jumped => {
                state.last.forget_said();
                state.ewma.forget_said();
                state.said = [None; Horizon::COUNT];
                1
            }
            Arrival::Late => return,
        };
        state.at = at;
        state.windows = state.windows.saturating_add(1);
        let State { history, last, ewma, usual, .. } = state;
        let pools = &mut self.pools[series.pool()];
        let seen = Seen { usage, elapsed_s, second, history, usual: *usual };
        last.observe(seen, &mut pools.last, &self.edges);
        ewma.observe(seen, &mut pools.ewma, &self.edges);
        let level = features::log_level(ewma.model.level(Horizon::Mean15s));
        *usual += USUAL_ALPHA.max(1.0 / f64::from(state.windows)) * (level - *usual);
        let decay = PEAK_DECAY.powi(elapsed_s.min(60) as i32);
        state.peak = (state.peak * decay).max(usage.rate().as_bps() as f64);
        self.judge(series, second, at);
    }

    /// Scores what was said of `series` and has come by now.
    fn judge(&mut self, series: Series, second: u64, now: Timestamp) {
        let Some(state) = self.series.get_mut(&series) else { return };
        for horizon in Horizon::ALL {
            let pending = &mut state.said[horizon.index()];
            let Some(said) = pending.filter(|said| said.origin + horizon.seconds() <= second) else { continue };
            *pending = None;
            // Unknown is no score, and what was held back is no demand to compare with.
            let Some(outcome @ Outcome::Exact(_)) = state.history.outcome(said.origin, horizon) else { continue };
            let score = Score { said: said.quantiles, came: outcome.rate(), horizon, said_at: said.at };
            let scored = Scored { series, model: said.model, score };
            let trivial = score.came == BitRate::ZERO && score.said == Quantiles::ZERO;
            if horizon == Horizon::Mean15s && said.maturity == Maturity::Mature && !trivial {
                self.hits.count(scored.is_hit(), now);
            }
            if self.scores.len() >= MAX_SCORES {
                self.scores.drain(..MAX_SCORES / 10);
            }
            self.scores.push(scored);
        }
    }

    /// The demand of `series` over the horizons, as of `now` (at or after its last window).
    ///
    /// Of a series that was never observed, or not for a minute, nothing is foreseen beyond what it last did, and
    /// that is marked as learning. Its `model` is the one that speaks for the mean of the next 15 s; for the next
    /// second another may (its scores say which). For each horizon one forecast at a time is kept to be scored.
    pub fn forecast(&mut self, series: Series, now: Timestamp) -> Forecast {
        let Some(state) = self.series.get_mut(&series) else {
            return Forecast {
                at: now,
                quantiles: [Quantiles::ZERO; Horizon::COUNT],
                model: Ewma::NAME,
                maturity: Maturity::Learning,
            };
        };
        let stale = now.since(state.at).as_secs() >= SECONDS as u64;
        let maturity =
            if stale || state.windows < self.settings.mature_after { Maturity::Learning } else { Maturity::Mature };
        let pools = &self.pools[series.pool()];
        let most = state.peak * SANE;
        let (usual, edges) = (state.usual, &self.edges);
        let said = Horizon::ALL.map(|horizon| {
            if state.last.loss.is_less(state.ewma.loss, horizon) {
                (Last::NAME, state.last.quantiles(horizon, usual, &pools.last, edges, most))
            } else {
                (Ewma::NAME, state.ewma.quantiles(horizon, usual, &pools.ewma, edges, most))
            }
        });
        let (model, _) = said[Horizon::Mean15s.index()];
        let quantiles = said.map(|(_, quantiles)| quantiles);
        if let Some(origin) = state.history.last().filter(|_| !stale) {
            for horizon in Horizon::ALL {
                let (model, quantiles) = said[horizon.index()];
                state.said[horizon.index()].get_or_insert(Said { origin, at: now, quantiles, model, maturity });
            }
        }
        Forecast { at: now, quantiles, model, maturity }
    }

    /// The scores since the last call, oldest first. Nobody need call it: the oldest are dropped in the end.
    pub fn take_scores(&mut self) -> Vec<Scored> {
        std::mem::take(&mut self.scores)
    }

    /// Of the mature forecasts of the mean of the next 15 s that came due in the last hour, the share that was
    /// not exceeded at P90, in thousandths; 900 is perfect. `None` while there are too few. Silence foreseen and
    /// come does not count.
    pub fn hit_permille(&self) -> Option<u16> {
        self.hits.permille()
    }

    /// How many series are kept.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Forgets `series`, as when its device was deleted.
    pub fn forget(&mut self, series: Series) {
        self.series.remove(&series);
    }

    fn make_room(&mut self) {
        while self.series.len() >= self.settings.max_series.max(1) {
            let idle = self.series.iter().min_by_key(|(_, state)| state.at).map(|(&series, _)| series);
            let Some(idle) = idle else { return };
            self.series.remove(&idle);
        }
    }
}

/// What is promised of the memory per series.
const _: () = assert!(size_of::<State>() <= 4_096);
