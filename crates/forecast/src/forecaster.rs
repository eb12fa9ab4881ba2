//! All series: what their models say, together.

use crate::family::{Family, Member};
use crate::features::Context;
use crate::kin::Likeness;
use crate::said::rates;
use crate::score::{HitRate, Scored};
use crate::state::{Shared, State, Told};
use crate::{Series, Standing};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use vocab::{BitRate, Forecast, Horizon, Maturity, Quantiles, Score, Timestamp, Usage};

/// How a [`Forecaster`] is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many series are kept (each takes less than 12 kB). The longest idle make room, after a minute without a window;
    /// where nobody was so, of a newcomer nothing is foreseen.
    pub max_series: usize,
    /// After this many windows a series is mature.
    pub mature_after: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { max_series: 12_000, mature_after: 30 }
    }
}

/// Series that are told before any is foreseen, and how many of them a network foresees at once.
const SIDE_BY_SIDE: usize = 16;
const TOGETHER: usize = 8;

/// A series without a window for so long makes room; where none was, it is looked for again after a while.
const IDLE_AFTER: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Scores that nobody took are dropped beyond this many, the oldest first.
const MAX_SCORES: usize = 100_000;

/// Forecasts of the demand of many series.
///
/// Deterministic: the same observations at the same times give the same forecasts. State is bounded per series
/// and in all.
#[derive(Clone, Debug)]
pub struct Forecaster {
    settings: Settings,
    heard: Heard,
    series: BTreeMap<Series, Kept>,
    shared: Shared,
    verdicts: Verdicts,
    /// When no series was found that could make room.
    looked_for_room: Option<Timestamp>,
}

/// How right forecasts were.
#[derive(Clone, Debug)]
struct Verdicts {
    scores: Vec<Scored>,
    hits: HitRate,
}

/// Who is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// The family, together.
    Family,
    /// Nobody: what was, will be.
    Nobody,
}

/// One series.
#[derive(Clone, Debug)]
struct Kept {
    state: Box<State>,
    /// What was said and is not yet judged: one per horizon at a time.
    pending: [Option<Pending>; Horizon::COUNT],
    at: Timestamp,
}

/// A forecast that waits for its time.
#[derive(Clone, Copy, Debug)]
struct Pending {
    origin: u64,
    at: Timestamp,
    quantiles: Quantiles,
    model: &'static str,
    maturity: Maturity,
}

impl Forecaster {
    /// Knows nothing of any series yet; with the weights that ship.
    pub fn new(settings: Settings) -> Forecaster {
        Forecaster::with_family(settings, Arc::new(Family::shipped()))
    }

    /// The same, with other weights.
    pub fn with_family(settings: Settings, family: Arc<Family>) -> Forecaster {
        Forecaster {
            settings,
            heard: Heard::Family,
            series: BTreeMap::new(),
            shared: Shared::new(family),
            verdicts: Verdicts { scores: Vec::new(), hits: HitRate::new() },
            looked_for_room: None,
        }
    }

    /// Goes on with other weights. What is known of each series stays, as does how right each member was: what comes
    /// in a member's place is presumed to be its better self, until it loses. One that foresees nothing goes on so.
    pub fn set_family(&mut self, family: Arc<Family>) {
        match self.heard {
            Heard::Family => self.shared.family = family,
            Heard::Nobody => {}
        }
    }

    /// Foresees nothing: the last value is every quantile of every horizon. What a loop that only reacts does, to
    /// compare with.
    pub fn reacting(settings: Settings) -> Forecaster {
        Forecaster { heard: Heard::Nobody, ..Forecaster::with_family(settings, Arc::default()) }
    }

    /// Takes what `series` did in the window of 1 s that ended at `at`.
    ///
    /// Once per window and series, in any order of series. A window that is not reported is unknown, not zero:
    /// for an idle series report `Usage::Free(BitRate::ZERO)`. A second report of the same second and one that
    /// comes late are passed over. After a gap of a minute or more, or when time goes back by as much,
    /// what was learnt stays and what was said before is not judged.
    pub fn observe(&mut self, series: Series, usage: Usage, at: Timestamp) {
        self.observe_with(series, usage, Context::default(), at);
    }

    /// The same, with what else is known of that second.
    pub fn observe_with(&mut self, series: Series, usage: Usage, context: Context, at: Timestamp) {
        self.observe_all([(series, usage, context)], at);
    }

    /// The same of many series: much faster than one by one.
    pub fn observe_all(&mut self, all: impl IntoIterator<Item = (Series, Usage, Context)>, at: Timestamp) {
        let mut waiting = Vec::with_capacity(SIDE_BY_SIDE);
        for (series, usage, context) in all {
            let told = self.hear(series, usage, context, at).filter(|told| !told.is_silence);
            waiting.extend(told.map(|told| (series, told)));
            if waiting.len() == SIDE_BY_SIDE {
                self.speak(&mut waiting);
                waiting.clear();
            }
        }
        self.speak(&mut waiting);
    }

    /// The same of one, and what each member says of it alone, as it stands in the shadow of what is said together;
    /// `None` where it says nothing, or the window was passed over.
    pub fn observe_aloud(
        &mut self,
        series: Series,
        usage: Usage,
        context: Context,
        at: Timestamp,
    ) -> [Option<[Quantiles; Horizon::COUNT]>; Member::COUNT] {
        let Some(told) = self.hear(series, usage, context, at) else { return [None; Member::COUNT] };
        let mut waiting = [(series, told)];
        if !waiting[0].1.is_silence {
            self.speak(&mut waiting);
        }
        let [(_, told)] = waiting;
        told.said().map(|said| said.map(|levels| levels.map(rates)))
    }

    /// Learns from what `series` did in a window, and tells what there is to tell its models.
    fn hear(&mut self, series: Series, usage: Usage, context: Context, at: Timestamp) -> Option<Told> {
        if self.series.len() >= self.settings.max_series && !self.series.contains_key(&series) && !self.make_room(at) {
            return None;
        }
        let shared = &self.shared;
        let new = || {
            let like = Likeness::new(series.kind(), &context);
            Kept { state: Box::new(State::new(like, shared)), pending: [None; Horizon::COUNT], at }
        };
        let kept = self.series.entry(series).or_insert_with(new);
        let second = at.as_unix_secs();
        let (arrival, told) = kept.state.observe(series.kind(), usage, context, second, &mut self.shared)?;
        kept.at = at;
        if arrival.has_jumped() {
            kept.pending = [None; Horizon::COUNT];
        }
        self.verdicts.judge(series, kept, second, at);
        Some(told)
    }

    /// Lets the models say what they foresee of what they were told.
    fn speak(&mut self, waiting: &mut [(Series, Told)]) {
        let family = &self.shared.family;
        let (some, rest) = waiting.as_chunks_mut::<TOGETHER>();
        some.iter_mut().for_each(|some| foresee(family, some));
        rest.iter_mut().for_each(|one| foresee(family, std::array::from_mut(one)));
        for (series, told) in waiting {
            if let Some(kept) = self.series.get_mut(series) {
                kept.state.speak(told, &self.shared);
            }
        }
    }

    /// Takes what a program outside foresees for `series`: a level in bit/s for the next 15 s. It stands for a few
    /// seconds and is weighed like any other member's word.
    pub fn suggest(&mut self, series: Series, rate: BitRate, at: Timestamp) {
        if let Some(kept) = self.series.get_mut(&series) {
            kept.state.suggest(rate, at.as_unix_secs());
        }
    }

    /// The demand of `series` over the horizons, as of `now` (at or after its last window).
    ///
    /// Of a series that was never observed, or not for a minute, nothing is foreseen beyond what it last did, and
    /// that is marked as learning. Its `model` is the member that speaks loudest for the mean of the next 15 s. For
    /// each horizon one forecast at a time is kept to be scored.
    pub fn forecast(&mut self, series: Series, now: Timestamp) -> Forecast {
        let Some(kept) = self.series.get_mut(&series) else {
            return Forecast {
                at: now,
                quantiles: [Quantiles::ZERO; Horizon::COUNT],
                model: Member::Ewma.name(),
                maturity: Maturity::Learning,
            };
        };
        let is_stale = now.since(kept.at).as_secs() >= Horizon::After60s.seconds();
        let is_young = kept.state.windows() < self.settings.mature_after;
        let maturity = if is_stale || is_young { Maturity::Learning } else { Maturity::Mature };
        let (levels, model) = match self.heard {
            Heard::Family => kept.state.foreseen(),
            Heard::Nobody => (kept.state.repeated(), Member::Last),
        };
        let quantiles = levels.map(rates);
        let model = model.name();
        if let Some(origin) = kept.state.last_second().filter(|_| !is_stale) {
            for horizon in Horizon::ALL {
                let said = Pending { origin, at: now, quantiles: quantiles[horizon.index()], model, maturity };
                kept.pending[horizon.index()].get_or_insert(said);
            }
        }
        Forecast { at: now, quantiles, model, maturity }
    }

    /// How each member stands for `series`: weight, word, record against EWMA, whether it is set aside. Empty for a
    /// series that was never observed.
    pub fn standings(&self, series: Series) -> Vec<Standing> {
        self.series.get(&series).map_or_else(Vec::new, |kept| kept.state.standings(&self.shared.family))
    }

    /// The scores since the last call, oldest first. Nobody need call it: the oldest are dropped in the end.
    pub fn take_scores(&mut self) -> Vec<Scored> {
        std::mem::take(&mut self.verdicts.scores)
    }

    /// Of the mature forecasts of the mean of the next 15 s that came due in the last hour, the share that was
    /// not exceeded at P90, in thousandths; 900 is perfect. `None` while there are too few. Silence foreseen and
    /// come does not count.
    pub fn hit_permille(&self) -> Option<u16> {
        self.verdicts.hits.permille()
    }

    /// How many series are kept.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Forgets `series`, as when its device was deleted.
    pub fn forget(&mut self, series: Series) {
        self.series.remove(&series);
    }

    /// Forgets the series that were idle for longest, some at once: whether there is room now. Those of the last minute
    /// stay, so that where more are active than are kept, each second does not learn anew what it forgets.
    fn make_room(&mut self, now: Timestamp) -> bool {
        if self.looked_for_room.is_some_and(|looked| now >= looked && now.since(looked) < LOOK_EVERY) {
            return false;
        }
        let age = |kept: &Kept| now.since(kept.at);
        let idle = self.series.iter().filter(|(_, kept)| age(kept) >= IDLE_AFTER);
        let mut idle: Vec<_> = idle.map(|(&series, kept)| (Reverse(age(kept)), series)).collect();
        if idle.is_empty() {
            self.looked_for_room = Some(now);
            return false;
        }
        idle.sort_unstable();
        idle.truncate((self.settings.max_series / 16).max(1));
        for (_, series) in idle {
            self.series.remove(&series);
        }
        true
    }
}

/// Lets those that have learnt weights say what they foresee of some series.
fn foresee<const N: usize>(family: &Family, some: &mut [(Series, Told); N]) {
    let inputs = some.each_ref().map(|(_, told)| &told.inputs);
    let networks = (0..).zip(family.networks()).map(|(nth, network)| (Member::Network(nth), network.foresee(inputs)));
    let trees = family.trees().map(|trees| (Member::Trees, trees.foresee(inputs)));
    for (member, said) in networks.chain(trees).collect::<Vec<_>>() {
        some.iter_mut().zip(said).for_each(|((_, told), levels)| told.says(member, levels));
    }
}

impl Verdicts {
    /// Scores what was said of `series` and has come by now.
    fn judge(&mut self, series: Series, kept: &mut Kept, second: u64, now: Timestamp) {
        for horizon in Horizon::ALL {
            let pending = &mut kept.pending[horizon.index()];
            let Some(said) = pending.filter(|said| said.origin + horizon.seconds() <= second) else { continue };
            *pending = None;
            // Unknown is no score, and what was held back is no demand to compare with.
            let Some(came) = kept.state.exactly_came(said.origin, horizon) else { continue };
            let score = Score { said: said.quantiles, came, horizon, said_at: said.at };
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
}
