//! What is known of the line behind a link: what it adds to round trips, and what it carries.

use crate::autorate::{Autorate, LOADED_PERMILLE, Second};
use crate::demand::LinkActivity;
use crate::grades::{Grades, Whose};
use crate::paths::{Delay, Mood, Paths};
use std::collections::BTreeMap;
use std::time::Duration;
use vocab::{
    Aggregate, BitRate, Blindness, ByteCount, DeviceId, Directed, Direction, FarNetwork, Finding, Link, PathSample,
    Quality, Search, Timestamp,
};

/// Samples of one second at most: a household has tens.
const SAMPLES: usize = 4_096;

/// A link with so much on it is busy, in thousandths of its capacity: then what it adds is graded.
const GRADED_PERMILLE: u64 = 700;

/// A capacity that was found is told of as a decision when it has moved by so much, in thousandths.
const TOLD_PERMILLE: u64 = 200;

/// What was added is told of for so long.
const FRESH: Duration = Duration::from_secs(10);

/// What was seen in a second, beside its samples.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub activity: &'a LinkActivity,
    /// How flows fared in this second.
    pub qualities: &'a [(Aggregate, Quality)],
    /// Whether the queues are to be ours: elsewhere no capacity is looked for.
    pub is_controlled: bool,
    /// Whether they are: a plan that failed, a line that is dialled anew, stop the search for as long, and no more.
    pub is_shaped: bool,
    pub now: Timestamp,
}

/// What a person should hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Another capacity was found.
    Found { direction: Direction, from: BitRate, to: BitRate },
    /// The search is blind.
    Blind(Blindness),
    /// It is not, or no more.
    Sees,
}

/// The line behind a link.
#[derive(Debug, Default)]
pub(crate) struct Line {
    far: Paths<FarNetwork>,
    near: Paths<DeviceId>,
    autorate: Option<Autorate>,
    pub grades: Grades,
    samples: Vec<PathSample>,
    added: Option<(Timestamp, Delay)>,
    was_calm: bool,
    /// The capacity that was told of last.
    told: Directed<BitRate>,
}

impl Line {
    /// Round trips of the open second.
    pub fn sample(&mut self, samples: Vec<PathSample>) {
        let room = SAMPLES.saturating_sub(self.samples.len());
        self.samples.extend(samples.into_iter().take(room));
    }

    /// How the search stands.
    pub fn findings(&self, now: Timestamp) -> Directed<Option<Finding>> {
        self.autorate.as_ref().map_or_else(Directed::default, |autorate| autorate.findings(now))
    }

    /// What the link added in the last second that told.
    pub fn added(&self, now: Timestamp) -> Option<Duration> {
        self.added.filter(|(at, _)| now.since(*at) < FRESH).map(|(_, delay)| delay.added)
    }

    /// Another link, or other bounds: the search begins anew.
    pub fn forget(&mut self, link: &mut Link) {
        self.autorate = None;
        for direction in Direction::ALL {
            if let Some(sought) = &mut link.sought[direction] {
                sought.found = None;
            }
        }
    }

    /// Closes a second, and lets `link` divide what was found.
    pub fn close(&mut self, link: &mut Link, seen: Seen<'_>) -> Vec<News> {
        let now = seen.now;
        let moved = Directed::from_fn(|direction| seen.activity.total(direction));
        let capacity = link.capacity();
        let load =
            |permille: u64, direction: Direction| moved[direction] >= capacity[direction].mul_ratio(permille, 1_000);
        let is_calm = !Direction::ALL.into_iter().any(|direction| load(LOADED_PERMILLE, direction));
        let mood = if is_calm && self.was_calm { Mood::Calm } else { Mood::Busy };
        self.was_calm = is_calm;
        let samples = std::mem::take(&mut self.samples);
        let delay = self.delay(&samples, seen.activity, mood, now);
        if let Some(delay) = delay {
            self.added = Some((now, delay));
        }
        let near: BTreeMap<Aggregate, Duration> = seen
            .qualities
            .iter()
            .filter_map(|(aggregate, quality)| Some((*aggregate, quality.round_trips.lan.percentile(50)?)))
            .collect();
        self.near.observe(near.iter().map(|(aggregate, time)| (aggregate.device, *time)), mood, now);
        self.grades.turn(now);
        if Direction::ALL.into_iter().any(|direction| load(GRADED_PERMILLE, direction)) {
            self.grade(&samples, &near, delay, now);
        }
        self.search(link, seen, moved, delay)
    }

    /// What the link adds beyond us.
    fn delay(&mut self, samples: &[PathSample], activity: &LinkActivity, mood: Mood, now: Timestamp) -> Option<Delay> {
        let waits = |sample: &PathSample| sample.aggregate.map_or(Some(Duration::ZERO), |of| own_wait(activity, of));
        let (free, held): (Vec<_>, Vec<_>) = samples
            .iter()
            .filter_map(|sample| Some((sample.far, sample.round_trip, waits(sample)?)))
            .partition(|(_, _, wait)| wait.is_zero());
        let delay = self.far.observe(free.into_iter().map(|(far, round_trip, _)| (far, round_trip)), mood, now);
        // What waited in our own queue for uploads tells less: that wait is read once a second.
        let rest = held.into_iter().map(|(far, round_trip, wait)| (far, round_trip.saturating_sub(wait)));
        delay.or_else(|| self.far.estimate(rest, now))
    }

    /// A busy second.
    fn grade(
        &mut self,
        samples: &[PathSample],
        near: &BTreeMap<Aggregate, Duration>,
        delay: Option<Delay>,
        now: Timestamp,
    ) {
        if let Some(delay) = delay {
            self.grades.add(Whose::Link, delay.added);
        }
        // What an aggregate feels: our queue for uploads and the line beyond us, our queue for downloads and its Wi-Fi.
        let mut felt: BTreeMap<Aggregate, Duration> = BTreeMap::new();
        for sample in samples {
            let Some(aggregate) = sample.aggregate else { continue };
            if let Some(added) = self.far.added(sample.far, sample.round_trip, now) {
                felt.entry(aggregate).and_modify(|least| *least = added.min(*least)).or_insert(added);
            }
        }
        for (&aggregate, &time) in near {
            if let Some(added) = self.near.added(aggregate.device, time, now) {
                *felt.entry(aggregate).or_default() += added;
            }
        }
        for (aggregate, added) in felt {
            self.grades.add(Whose::Aggregate(aggregate), added);
        }
    }

    fn search(&mut self, link: &mut Link, seen: Seen<'_>, moved: Directed<BitRate>, delay: Option<Delay>) -> Vec<News> {
        if !seen.is_controlled {
            if self.autorate.is_some() {
                self.forget(link);
                return vec![News::Sees];
            }
            return Vec::new();
        }
        if !seen.is_shaped {
            return Vec::new();
        }
        let stated = link.stated_capacity();
        let framing = link.framing;
        if self.autorate.is_none() {
            let carried = |rate| framing.carried(rate);
            let ranges = link.sought.map(|sought| sought.and_then(|sought| sought.range.map(carried)));
            self.autorate = Autorate::new(ranges, stated, seen.now);
            self.told = stated;
        }
        let Some(autorate) = &mut self.autorate else { return Vec::new() };
        let blind_before = blindness(&autorate.findings(seen.now));
        let waits = |direction: Direction| {
            seen.activity.aggregates().any(|(_, _, activity)| activity.hunger[direction].is_waiting())
        };
        let found = autorate.observe(&Second {
            now: seen.now,
            moved,
            waits: Directed::from_fn(waits),
            delay,
            noise: self.far.noise(),
            again_permille: again(seen.qualities),
        });
        if let Some(longer) = found.shift {
            self.far.shift(longer);
        }
        let blind = blindness(&autorate.findings(seen.now));
        let mut news = Vec::new();
        for direction in Direction::ALL {
            let (Some(sought), Some(to)) = (&mut link.sought[direction], found.capacity[direction]) else { continue };
            sought.found = Some(to);
            let from = self.told[direction];
            if to.as_bps().abs_diff(from.as_bps()) >= from.mul_ratio(TOLD_PERMILLE, 1_000).as_bps() {
                self.told[direction] = to;
                news.push(News::Found { direction, from, to });
            }
        }
        match (blind_before, blind) {
            (before, Some(why)) if before != Some(why) => news.push(News::Blind(why)),
            (Some(_), None) => news.push(News::Sees),
            (_, Some(_)) | (None, None) => {}
        }
        news
    }
}

/// How long what an aggregate sends waits in our own queue; `None` where that is not known.
fn own_wait(activity: &LinkActivity, aggregate: Aggregate) -> Option<Duration> {
    let of = |aggregate: Aggregate| activity.devices.get(&aggregate.device)?.classes.get(&aggregate.class);
    let Some(activity) = of(aggregate) else { return Some(Duration::ZERO) };
    let backlog = activity.queue.upload.backlog;
    if backlog == ByteCount::ZERO {
        return Some(Duration::ZERO);
    }
    let nanos = u128::from(backlog.0) * 8 * 1_000_000_000;
    let wait = nanos.checked_div(u128::from(activity.usage.upload.as_bps()))?;
    Some(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX)))
}

/// Segments sent again by all flows, in thousandths of those looked at.
fn again(qualities: &[(Aggregate, Quality)]) -> Option<u16> {
    let mut all = Quality::default();
    for (_, quality) in qualities {
        all += quality;
    }
    all.fare().again_permille
}

fn blindness(findings: &Directed<Option<Finding>>) -> Option<Blindness> {
    Direction::ALL.into_iter().find_map(|direction| match findings[direction]?.search {
        Search::Blind(why) => Some(why),
        Search::Waiting | Search::Rising | Search::Standing | Search::Draining | Search::Resting => None,
    })
}
