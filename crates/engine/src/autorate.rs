//! What a link carries, where nobody knows: found by when its delay rises.
//!
//! In, once a second: what moved, who waited in our queues, what the link added to round trips. Out: what is divided.
//! The rules, in this order:
//!
//! 1. *The delay rose:* divide a bit less than what really moved, in the directions that are full. Where the delay does
//!    not fall then, less again, where the queue may still be; and where it can be nowhere, it was not the load: what was
//!    taken is given back, and the longer round trips are the usual ones from now on. Three times that, and the search
//!    is blind: the stated rate holds for ten minutes.
//! 2. *The delay fell:* go back to just below where it had risen, and stay. It is tried again whether there is more after
//!    a while, which doubles each time the delay rises at the same place, so that a steady link has a steady capacity.
//! 3. *Busy, and no delay:* a step up each second, where it was not tried before.
//! 4. *Hardly anything moves* for a minute, or less than half of what is less than usual: in small steps back to that.
//!
//! A device that waits at its own ceiling is no load, and a cut that took nothing away was not felt, whatever the delay
//! did meanwhile.

use crate::paths::Delay;
use std::time::Duration;
use vocab::{BitRate, Blindness, Confidence, Directed, Direction, Finding, RateRange, Search, Timestamp};

/// An addition above this, and above the noise, is a queue: half of what is still graded A ([`vocab::Grade`]).
const HIGH: Duration = Duration::from_millis(15);

/// Noise counts for so much at most: a link that wavers more than this when calm hides any queue.
const MOST_NOISE: Duration = Duration::from_millis(40);

/// A direction is busy with so much of what is divided, in thousandths.
const BUSY_PERMILLE: u64 = 900;

/// Less than this fills no queue, though the link carry a tenth of what it did: what makes the delay then, is not the load.
pub(crate) const LOADED_PERMILLE: u64 = 100;

/// A direction with so much on it is full, in thousandths: suspected first, and busy where somebody waits in its queues.
/// With less, who waits does so at a ceiling of their own.
const SUSPECT_PERMILLE: u64 = 700;

/// Below this nothing is learnt about the link, and what is known grows old.
const RESTING_PERMILLE: u64 = 300;

/// Where less is divided than usual, below this it comes back: nothing fills it, so nobody finds out in another way.
const HALF_PERMILLE: u64 = 500;

/// What is divided while the link's queue empties, of what moved, in thousandths: a queue of 100 ms is gone in a second.
const DRAIN_PERMILLE: u64 = 900;

/// A queue this long or longer is emptied as fast as may be: of what moved, less is divided by one in a thousand for each
/// of its milliseconds.
const MOST_DRAINED: Duration = Duration::from_millis(400);

/// One second takes away this much at most, in thousandths of what was divided: the second may have been a bad one.
const LEAST_LEFT_PERMILLE: u64 = 400;

/// Where it stands after the delay has fallen, in thousandths of what moved when it rose.
const STAND_PERMILLE: u64 = 970;

/// A step up. Less than the margin between standing and rising would never find out; much more would be felt.
const STEP_PERMILLE: u64 = 1_040;

/// How far beyond where the delay rose it is tried whether there is more, in thousandths.
const BEYOND_PERMILLE: u64 = 1_030;

/// Within this part of where the delay rose, in thousandths, steps wait.
const NEAR_PERMILLE: u64 = 930;

/// How long it stays below where the delay rose before it tries again, at first and at last.
const FIRST_HOLD: Duration = Duration::from_secs(10);
const LONGEST_HOLD: Duration = Duration::from_secs(600);

/// What was cut is given so long to be felt: a few round trips, and the second in which they are read.
const FELT_WITHIN: Duration = Duration::from_secs(2);

/// A fall of the delay by this part of it, in thousandths, is a reaction: its queue empties.
const FALLING_PERMILLE: u32 = 850;

/// Where a cut was not felt, so much of it is tried next, in thousandths: how much is too much is not seen.
const NOT_FELT_PERMILLE: u64 = 700;

/// Uploads are seen before the queue: only so small a part of what was divided, in thousandths, shows that it is not
/// there.
const UPLOAD_LEFT_PERMILLE: u64 = 250;

/// Downloads are seen behind it: where so much of what is divided comes through after so many cuts, in thousandths, it is
/// not there.
const DOWNLOAD_CUTS: u8 = 3;
const CARRIED_PERMILLE: u64 = 920;

/// Who was given more so lately is the first to be asked for it back; who was full so lately, is full.
const LATELY: Duration = Duration::from_secs(6);

/// A delay that moved neither way for so long without a measurement is judged no more.
const LOST_SIGHT: Duration = Duration::from_secs(8);

/// Trials without a reaction that make blind, if they all came within [`BLIND_FOR`].
const STRIKES: usize = 3;

/// How long the search rests when it is blind.
const BLIND_FOR: Duration = Duration::from_secs(600);

/// Seconds of a busy link without a round trip that make blind, and with one that make see again.
const UNSEEN: u32 = 30;
const SEEN: u32 = 10;

/// Seconds of a busy link that loses segments and adds no delay that make blind, and what is called losing: more than a
/// sender of our own would cause that probes for more (RFC 9438 loses one in some thousands at these rates).
const DROPPING: u32 = 60;
const DROPPING_PERMILLE: u16 = 20;

/// Idle for so long, it begins to forget; then an eighth of what is left in each step, down to what is not worth one.
const REST_AFTER: u32 = 60;
const REST_EVERY: u32 = 10;
const WORTH_PERMILLE: u64 = 30;

/// That the delay reacts was seen within this time, or it is not believed.
const BELIEVED_FOR: Duration = Duration::from_secs(3_600);

/// What happened in a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Second {
    pub now: Timestamp,
    /// What moved.
    pub moved: Directed<BitRate>,
    /// Whether somebody waited in our queues.
    pub waits: Directed<bool>,
    /// What the link added.
    pub delay: Option<Delay>,
    /// What calm round trips differ by.
    pub noise: Duration,
    /// Segments sent again, in thousandths, where any were looked at.
    pub again_permille: Option<u16>,
}

/// What the caller is to do beside taking what was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// What is to be divided; `None` where the capacity is stated.
    pub capacity: Directed<Option<BitRate>>,
    /// All paths are longer by this: the delay was not the load.
    pub shift: Option<Duration>,
}

/// The search of one link.
#[derive(Clone, Debug)]
pub(crate) struct Autorate {
    ways: Directed<Option<Way>>,
    last: Option<Timestamp>,
    trial: Option<Trial>,
    /// Seconds in a row in which the delay was high.
    high: u32,
    /// Busy seconds in a row without a round trip, and seconds in a row with one.
    unseen: u32,
    seen: u32,
    strikes: Vec<Timestamp>,
    last_delay: Option<(Timestamp, Delay)>,
    /// The most far networks that told of the delay at once, lately.
    networks: (Timestamp, usize),
}

/// One direction.
#[derive(Clone, Copy, Debug)]
struct Way {
    range: RateRange,
    stated: BitRate,
    now: BitRate,
    search: Search,
    /// Where the delay rose last.
    wall: Option<BitRate>,
    hold: Duration,
    changed: Timestamp,
    /// When it was last given more.
    risen: Timestamp,
    /// When it was last full, half full, and when it was last given back what had been cut while it was not.
    full: Timestamp,
    half: Timestamp,
    doubted: Timestamp,
    /// Seconds in a row: busy, resting, dropping.
    busy: u32,
    resting: u32,
    dropping: u32,
    blind_until: Timestamp,
    reacted: Option<Timestamp>,
    moved_before: BitRate,
}

/// Less is divided, to see whether the delay falls.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// What was divided before.
    before: Directed<Option<BitRate>>,
    /// What moved at the last cut; zero in a direction that was not cut.
    carried: Directed<BitRate>,
    /// The delay at the last cut, and when that was.
    added: Duration,
    cut_at: Timestamp,
    cuts: Directed<u8>,
    /// After so many cuts a fall may still be chance: none where it was full when the delay rose, or that rose twice.
    doubtful: Directed<u8>,
    /// Where the cut took something away.
    bound: Directed<bool>,
}

impl Way {
    fn new(range: RateRange, stated: BitRate, now: Timestamp) -> Way {
        Way {
            range,
            stated: range.clamp(stated),
            now: range.clamp(stated),
            search: Search::Waiting,
            wall: None,
            hold: FIRST_HOLD,
            changed: now,
            risen: Timestamp::default(),
            full: Timestamp::default(),
            half: Timestamp::default(),
            doubted: Timestamp::default(),
            busy: 0,
            resting: 0,
            dropping: 0,
            blind_until: Timestamp::default(),
            reacted: None,
            moved_before: BitRate::ZERO,
        }
    }

    fn is_blind(&self) -> bool {
        matches!(self.search, Search::Blind(_))
    }

    fn set(&mut self, rate: BitRate, search: Search, now: Timestamp) {
        let rate = self.range.clamp(rate);
        if rate != self.now {
            self.changed = now;
        }
        (self.now, self.search) = (rate, search);
    }

    fn stand(&mut self, now: Timestamp) {
        if self.search == Search::Draining {
            self.set(self.now, Search::Standing, now);
        }
    }

    fn load_permille(&self, moved: BitRate) -> u64 {
        permille(moved, self.now)
    }

    fn go_blind(&mut self, why: Blindness, now: Timestamp) {
        self.set(self.stated, Search::Blind(why), now);
        self.blind_until = now + BLIND_FOR;
        (self.wall, self.hold, self.reacted) = (None, FIRST_HOLD, None);
        (self.busy, self.resting, self.dropping) = (0, 0, 0);
    }
}

impl Autorate {
    /// Looks within `ranges`, from what is stated on; both are capacities. `None` where there is nothing to look for.
    pub fn new(ranges: Directed<Option<RateRange>>, stated: Directed<BitRate>, now: Timestamp) -> Option<Autorate> {
        let ways =
            Directed::from_fn(|direction| ranges[direction].map(|range| Way::new(range, stated[direction], now)));
        Direction::ALL.iter().any(|direction| ways[*direction].is_some()).then(|| Autorate {
            ways,
            last: None,
            trial: None,
            high: 0,
            unseen: 0,
            seen: 0,
            strikes: Vec::new(),
            last_delay: None,
            networks: (now, 0),
        })
    }

    /// How it stands.
    pub fn findings(&self, now: Timestamp) -> Directed<Option<Finding>> {
        Directed::from_fn(|direction| {
            let way = self.ways[direction].as_ref()?;
            Some(Finding { search: way.search, confidence: self.confidence(way, now), range: way.range })
        })
    }

    fn confidence(&self, way: &Way, now: Timestamp) -> Confidence {
        let networks = if now.since(self.networks.0) < BELIEVED_FOR { self.networks.1 } else { 0 };
        let reacted = way.reacted.is_some_and(|at| now.since(at) < BELIEVED_FOR);
        match (way.is_blind(), reacted, networks) {
            (true, _, _) => Confidence::None,
            (false, false, _) | (false, true, 0 | 1) => Confidence::Low,
            (false, true, 2) => Confidence::Fair,
            (false, true, _) => Confidence::High,
        }
    }

    /// Takes in a second.
    pub fn observe(&mut self, second: &Second) -> Found {
        let gap = self.last.map(|last| second.now.since(last));
        let went_back = self.last.is_some_and(|last| second.now < last);
        self.last = Some(second.now);
        // A stall, or a clock that jumped: what moved and what was cut when is not known.
        let is_second = gap.is_none_or(|gap| (Duration::from_millis(500)..=Duration::from_secs(3)).contains(&gap));
        if !is_second || went_back {
            self.start_over(second.now);
            return self.found(None);
        }
        self.look(second);
        let high = self.is_high(second);
        self.high = if high { self.high + 1 } else { 0 };
        let mut shift = None;
        let is_trying = self.trial.is_some();
        if is_trying {
            shift = self.judge(second, high);
        } else if self.high >= self.patience(second) {
            self.begin_trial(second);
        }
        if !is_trying && self.trial.is_none() {
            for direction in Direction::ALL {
                self.rise_or_rest(direction, second);
            }
        }
        self.look_away(second);
        for direction in Direction::ALL {
            if let Some(way) = &mut self.ways[direction] {
                way.moved_before = second.moved[direction];
            }
        }
        self.found(shift)
    }

    fn found(&self, shift: Option<Duration>) -> Found {
        Found { capacity: Directed::from_fn(|direction| self.ways[direction].as_ref().map(|way| way.now)), shift }
    }

    fn start_over(&mut self, now: Timestamp) {
        if let Some(trial) = self.trial {
            self.give_back(&trial, now);
        }
        (self.high, self.unseen, self.seen, self.last_delay) = (0, 0, 0, None);
        for direction in Direction::ALL {
            if let Some(way) = &mut self.ways[direction] {
                (way.busy, way.resting, way.dropping, way.changed) = (0, 0, 0, now);
                // A clock that went back would hold it blind for who knows how long.
                way.blind_until = way.blind_until.min(now + BLIND_FOR);
            }
        }
    }

    /// Counts what this second was.
    fn look(&mut self, second: &Second) {
        let mut any_busy = false;
        for direction in Direction::ALL {
            let Some(way) = &mut self.ways[direction] else { continue };
            let load = way.load_permille(second.moved[direction]);
            let waits = second.waits[direction];
            let busy = load >= if waits { SUSPECT_PERMILLE } else { BUSY_PERMILLE };
            if load >= SUSPECT_PERMILLE {
                way.full = second.now;
            }
            if load > HALF_PERMILLE {
                way.half = second.now;
            }
            any_busy |= busy;
            way.busy = if busy { way.busy.saturating_add(1) } else { 0 };
            let rests = load < RESTING_PERMILLE || load <= HALF_PERMILLE && way.now < way.stated;
            way.resting = if rests { way.resting.saturating_add(1) } else { 0 };
            let again = second.again_permille.is_some_and(|again| again >= DROPPING_PERMILLE);
            let is_low = second.delay.is_some_and(|delay| delay.added <= HIGH / 2);
            // Where our own queues are full, it is they who drop.
            way.dropping = match load >= BUSY_PERMILLE - 100 && !waits && again && is_low {
                true => way.dropping.saturating_add(1),
                // One second with less loss ends nothing.
                false => way.dropping.saturating_sub(2),
            };
        }
        match second.delay {
            Some(delay) => {
                self.last_delay = Some((second.now, delay));
                self.seen = self.seen.saturating_add(1);
                self.unseen = 0;
                if delay.networks >= self.networks.1 || second.now.since(self.networks.0) > Duration::from_secs(60) {
                    self.networks = (second.now, delay.networks);
                }
            }
            None => {
                self.seen = 0;
                self.unseen = if any_busy { self.unseen.saturating_add(1) } else { self.unseen };
            }
        }
    }

    fn threshold(second: &Second) -> Duration {
        HIGH + (second.noise * 2).min(MOST_NOISE)
    }

    fn is_high(&self, second: &Second) -> bool {
        second.delay.is_some_and(|delay| delay.added > Self::threshold(second))
    }

    /// How many seconds in a row it must be high: one far network may be slow itself.
    fn patience(&self, second: &Second) -> u32 {
        match second.delay {
            Some(delay) if delay.networks > 1 && delay.added > 4 * Self::threshold(second) => 1,
            Some(delay) if delay.networks > 1 => 2,
            _ => 4,
        }
    }

    fn load(&self, direction: Direction, second: &Second) -> u64 {
        let Some(way) = self.ways[direction].as_ref().filter(|way| !way.is_blind()) else { return 0 };
        let load = way.load_permille(second.moved[direction].max(way.moved_before));
        if second.waits[direction] && load >= SUSPECT_PERMILLE { load.max(1_000) } else { load }
    }

    fn begin_trial(&mut self, second: &Second) {
        let Some(delay) = second.delay else { return };
        let loads = Directed::from_fn(|direction| self.load(direction, second));
        let fullest = loads.download.max(loads.upload);
        if fullest < LOADED_PERMILLE {
            return;
        }
        // All that are full; where none is, the fullest: the line may carry a part of what it did.
        let full = loads.map(|load| load >= SUSPECT_PERMILLE.min(fullest));
        // Of two the one that was given more lately.
        let lately = Directed::from_fn(|direction| {
            self.ways[direction].as_ref().is_some_and(|way| full[direction] && second.now.since(way.risen) < LATELY)
        });
        let suspects = if lately.download != lately.upload { lately } else { full };
        let before = self.ways.as_ref().map(|way| way.as_ref().map(|way| way.now));
        let lately = |at| second.now.since(at) < LATELY;
        let doubtful = self.ways.as_ref().map(|way| match way {
            Some(way) if lately(way.full) || lately(way.doubted) => 0,
            Some(way) if lately(way.half) => 1,
            _ => u8::MAX,
        });
        self.trial = Some(Trial {
            before,
            carried: Directed::default(),
            added: delay.added,
            cut_at: second.now,
            cuts: Directed::default(),
            doubtful,
            bound: Directed::default(),
        });
        self.cut(suspects, delay, second);
    }

    /// Divides a bit less than what really moves.
    fn cut(&mut self, suspects: Directed<bool>, delay: Delay, second: &Second) {
        let Some(trial) = &mut self.trial else { return };
        for direction in Direction::ALL.into_iter().filter(|direction| suspects[*direction]) {
            let Some(way) = self.ways[direction].as_mut().filter(|way| !way.is_blind()) else { continue };
            let moved = second.moved[direction].max(way.moved_before).min(way.now);
            let carried = match direction {
                // Behind the link's queue it is seen what the link carries.
                Direction::Download => moved,
                // Before it, what is put into it: its queue grows by what is too much. One that stays full does not tell.
                Direction::Upload if trial.cuts.upload > 0 && delay.added <= trial.added + HIGH => {
                    moved.mul_ratio(NOT_FELT_PERMILLE, 1_000)
                }
                Direction::Upload => {
                    let before = if trial.cuts.upload == 0 { Duration::ZERO } else { trial.added };
                    let grown = delay.added.saturating_sub(before).min(Duration::from_secs(1)).as_millis() as u64;
                    moved.mul_ratio(1_000, 1_000 + grown / u64::from(self.high.max(1)))
                }
            };
            let least = way.now.mul_ratio(LEAST_LEFT_PERMILLE, 1_000);
            let most = way.now.mul_ratio(950, 1_000);
            trial.carried[direction] = carried.max(least);
            trial.cuts[direction] = trial.cuts[direction].saturating_add(1);
            // The line is full while its queue empties, however little is added: a long queue may go fast.
            let drain = DRAIN_PERMILLE - delay.added.min(MOST_DRAINED).as_millis() as u64;
            way.set(carried.mul_ratio(drain, 1_000).clamp(least, most), Search::Draining, second.now);
        }
        (trial.added, trial.cut_at) = (delay.added, second.now);
    }

    /// Whether the delay fell; what all paths are longer by if it was not the load.
    fn judge(&mut self, second: &Second, high: bool) -> Option<Duration> {
        if let Some(trial) = &mut self.trial {
            for direction in Direction::ALL {
                let load = self.ways[direction].as_ref().map_or(0, |way| way.load_permille(second.moved[direction]));
                trial.bound[direction] |= load >= SUSPECT_PERMILLE;
            }
        }
        let trial = self.trial?;
        let waited = second.now.since(trial.cut_at);
        let Some(delay) = second.delay else {
            if waited >= LOST_SIGHT {
                // Nobody says whether it fell: what was taken stays taken, and is found again by steps.
                self.trial = None;
                for way in [&mut self.ways.download, &mut self.ways.upload].into_iter().flatten() {
                    way.stand(second.now);
                }
            }
            return None;
        };
        if !high {
            self.end_trial(&trial, second.now);
            return None;
        }
        let is_growing = delay.added > trial.added + HIGH;
        if waited < FELT_WITHIN && !is_growing {
            return None;
        }
        if delay.added <= trial.added * FALLING_PERMILLE / 1_000 {
            let trial = self.trial.as_mut()?;
            (trial.added, trial.cut_at) = (delay.added, second.now);
            return None;
        }
        let suspects = Directed::from_fn(|direction| self.is_suspect_still(direction, &trial, second));
        if suspects.download || suspects.upload {
            self.cut(suspects, delay, second);
            return None;
        }
        if self.carries_less_than_least(&trial, second) {
            // The bounds forbid what would empty its queue: not a reason to fill it more, nor the usual round trip.
            self.trial = None;
            if let Some(way) = &mut self.ways.download {
                way.stand(second.now);
            }
            return None;
        }
        self.fail_trial(&trial, delay, second.now)
    }

    /// Whether the queue may be in this direction, though what was cut was not felt.
    fn is_suspect_still(&self, direction: Direction, trial: &Trial, second: &Second) -> bool {
        let Some(way) = self.ways[direction].as_ref().filter(|way| !way.is_blind()) else { return false };
        let load = self.load(direction, second);
        let Some(before) = trial.before[direction].filter(|_| way.now > way.range.min() && load >= LOADED_PERMILLE)
        else {
            return false;
        };
        match direction {
            // Where all that is divided comes through, it did not wait.
            Direction::Download => {
                trial.cuts.download < DOWNLOAD_CUTS || permille(second.moved.download, way.now) < CARRIED_PERMILLE
            }
            Direction::Upload => way.now > before.mul_ratio(UPLOAD_LEFT_PERMILLE, 1_000),
        }
    }

    /// Whether the line carries not even the least that may be divided: with that, less comes through.
    fn carries_less_than_least(&self, trial: &Trial, second: &Second) -> bool {
        let load = self.load(Direction::Download, second);
        let (Some(way), Some(before)) = (&self.ways.download, trial.before.download) else { return false };
        let is_least = way.now == way.range.min() && trial.carried.download > BitRate::ZERO;
        let was_full = trial.doubtful.download == 0 || before == way.now;
        is_least && was_full && (LOADED_PERMILLE..CARRIED_PERMILLE).contains(&load)
    }

    /// It fell: back to just below where it rose.
    fn end_trial(&mut self, trial: &Trial, now: Timestamp) {
        self.trial = None;
        for direction in Direction::ALL {
            let (Some(way), Some(before)) = (&mut self.ways[direction], trial.before[direction]) else { continue };
            let carried = trial.carried[direction];
            if carried == BitRate::ZERO {
                continue;
            }
            if !trial.bound[direction] || trial.cuts[direction] <= trial.doubtful[direction] {
                // Nothing was taken away, or little was there: it fell by itself. If not, it rises again at once.
                way.set(before, Search::Standing, now);
                way.doubted = if trial.bound[direction] { now } else { way.doubted };
                continue;
            }
            self.strikes.clear();
            let both = trial.carried.download > BitRate::ZERO && trial.carried.upload > BitRate::ZERO;
            if both && direction == Direction::Upload && trial.cuts.upload == 1 {
                // What of both it was, the download shows; was it the upload, then the delay rises again at once.
                way.set(before, Search::Standing, now);
                way.risen = now;
                continue;
            }
            // Where it stood below and the delay rose, the link is another: only who asks for more is asked to wait longer.
            let same_place = way.wall.is_some_and(|wall| before > wall && near(wall, carried));
            way.hold = if same_place { (way.hold * 2).min(LONGEST_HOLD) } else { FIRST_HOLD };
            way.wall = Some(carried);
            way.reacted = Some(now);
            way.set(carried.mul_ratio(STAND_PERMILLE, 1_000), Search::Standing, now);
        }
    }

    /// It did not fall: it is not the load.
    fn fail_trial(&mut self, trial: &Trial, delay: Delay, now: Timestamp) -> Option<Duration> {
        self.give_back(trial, now);
        self.high = 0;
        self.strikes.retain(|strike| now.since(*strike) < BLIND_FOR);
        self.strikes.push(now);
        if self.strikes.len() >= STRIKES {
            self.strikes.clear();
            self.go_blind(Blindness::NoReaction, now);
        }
        Some(delay.added)
    }

    /// Ends a trial as if it had not been.
    fn give_back(&mut self, trial: &Trial, now: Timestamp) {
        self.trial = None;
        for direction in Direction::ALL {
            if let (Some(way), Some(before)) = (&mut self.ways[direction], trial.before[direction])
                && trial.carried[direction] > BitRate::ZERO
            {
                way.set(before, Search::Standing, now);
            }
        }
    }

    fn go_blind(&mut self, why: Blindness, now: Timestamp) {
        self.trial = None;
        for direction in Direction::ALL {
            if let Some(way) = &mut self.ways[direction] {
                way.go_blind(why, now);
            }
        }
    }

    fn rise_or_rest(&mut self, direction: Direction, second: &Second) {
        let threshold = Self::threshold(second);
        let is_low = self
            .last_delay
            .is_some_and(|(at, delay)| second.now.since(at) <= FELT_WITHIN && delay.added <= threshold / 2);
        let Some(way) = self.ways[direction].as_mut().filter(|way| !way.is_blind()) else { return };
        if way.resting >= REST_AFTER {
            way.wall = None;
            way.hold = FIRST_HOLD;
            let gap = way.stated.as_bps().abs_diff(way.now.as_bps());
            let step = BitRate::from_bps(gap / 8);
            let is_worth = gap > way.stated.mul_ratio(WORTH_PERMILLE, 1_000).as_bps();
            if is_worth && way.resting.is_multiple_of(REST_EVERY) {
                let to = if way.stated > way.now { way.now + step } else { way.now.saturating_sub(step) };
                way.set(to, Search::Resting, second.now);
            } else if !is_worth && way.search == Search::Resting {
                way.search = Search::Standing;
            }
            return;
        }
        if !is_low || way.busy < 2 || way.now >= way.range.max() {
            if way.search == Search::Rising {
                way.search = Search::Standing;
            }
            return;
        }
        if let Some(wall) = way.wall {
            let rested = second.now.since(way.changed);
            if way.now > wall {
                // Beyond it, and for long enough to have been felt: the wall is gone.
                if rested < 2 * FELT_WITHIN {
                    return;
                }
                way.wall = None;
                way.hold = FIRST_HOLD;
            } else if way.now >= wall.mul_ratio(NEAR_PERMILLE, 1_000) && rested < way.hold {
                return;
            }
        }
        let step = way.now.mul_ratio(STEP_PERMILLE, 1_000);
        // From where it stands to beyond where the delay rose, in one.
        let beyond = way.wall.map(|wall| wall.mul_ratio(BEYOND_PERMILLE, 1_000)).filter(|beyond| near(*beyond, step));
        way.set(beyond.unwrap_or(step).max(step), Search::Rising, second.now);
        way.risen = second.now;
    }

    /// Begins and ends blindness.
    fn look_away(&mut self, second: &Second) {
        let now = second.now;
        if self.unseen >= UNSEEN {
            self.unseen = 0;
            self.go_blind(Blindness::NothingMeasured, now);
        }
        let seen = self.seen >= SEEN;
        for direction in Direction::ALL {
            let Some(way) = &mut self.ways[direction] else { continue };
            if way.dropping >= DROPPING {
                way.go_blind(Blindness::DropsInstead, now);
            }
            let sees_again = match way.search {
                Search::Blind(Blindness::NothingMeasured) => seen,
                Search::Blind(Blindness::NoReaction | Blindness::DropsInstead) => now >= way.blind_until,
                Search::Waiting | Search::Rising | Search::Standing | Search::Draining | Search::Resting => false,
            };
            if sees_again {
                way.search = Search::Waiting;
            }
        }
    }
}

fn permille(part: BitRate, whole: BitRate) -> u64 {
    let permille = u128::from(part.as_bps()) * 1_000 / u128::from(whole.as_bps().max(1));
    u64::try_from(permille).unwrap_or(u64::MAX)
}

/// Whether the delay rose at the same place again.
fn near(one: BitRate, other: BitRate) -> bool {
    (900..=1_100).contains(&permille(one, other))
}

#[cfg(test)]
mod tests;
