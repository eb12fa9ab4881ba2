//! Which devices move what they never move at such a time: from volumes of five minutes to what people are told.
//!
//! One span says little and hangs together with the next, so that it takes a run of them to tell anybody, and some
//! calm before it is over; after that the device is left alone for a while.
//!
//! Absence is no habit: a visitor's habit would be nothing at all, which any use breaks. So only spans in which a
//! device is here are learnt, and only these count until its habits are known.

use crate::settings::Settings;
use forecast::{AnomalyState, Habit};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;
use vocab::{AlertKind, BitRate, ByteCount, DeviceId, Directed, Direction, Habits, Timestamp};

const SPAN: Duration = Duration::from_secs(Habit::SPAN_S);

/// Spans in a row that are unusual before anybody is told.
const RUN: u8 = 2;

/// Spans in a row that are not, before it is over.
const CALM: u8 = 3;

/// Spans after that in which nobody is told of this device again: an hour.
const COOL_DOWN: u8 = 12;

/// A device that moves nothing for so many spans is away from then on. With an hour, at least one in thirteen of the
/// spans that are learnt moved something: more than the twentieth above the level that `forecast::Anomaly` follows, so
/// that the level is never that of silence.
const AWAY: u32 = 12;

/// Devices watched at most, some 3 kB each; for who comes later another makes room.
const WATCHED: usize = 1_024;

/// A device that is away for longer than four weeks makes room as if nothing were known of it.
const FORGOTTEN: u32 = 28 * 24 * 12;

/// All devices.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    devices: BTreeMap<DeviceId, Watched>,
    /// The end of the last span; `None` before the first began.
    since: Option<Timestamp>,
    /// Only the end of the running span is seen: it began before anybody watched.
    is_partial: bool,
    /// Nobody can make room before this span ends: none of them is silent.
    is_crowded: bool,
}

/// One device.
#[derive(Debug)]
struct Watched {
    moved: Directed<ByteCount>,
    habits: Directed<Habit>,
    /// Spans in a row in which it moved nothing.
    silent: u32,
    /// Unusual spans in a row; while it is told, calm ones; after that, those it is still left alone.
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// So many unusual spans in a row.
    Usual(u8),
    /// It was told, and so many spans in a row were calm since.
    Told(u8),
    /// It was told and is over; nobody is told of another for so many spans.
    LeftAlone(u8),
}

/// What became of a device.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It does what it never does.
    Unusual(AlertKind),
    /// It was told and still does.
    GoesOn(AlertKind),
    /// It does no more.
    Over,
}

impl Watch {
    /// Learns the habits of spans that earlier runs recorded, the oldest first, each with when it began. Nobody is told
    /// of them. Spans that are missing are not learnt, as those in which a loop stood still.
    pub fn remember(&mut self, spans: Vec<(Timestamp, BTreeMap<DeviceId, Directed<ByteCount>>)>, settings: &Settings) {
        for (begins, moved) in spans {
            (self.since, self.is_partial) = (Some(begins), false);
            for (device, bytes) in moved {
                self.moved(device, bytes, settings);
            }
            self.close(begins + SPAN, settings);
        }
        self.since = None;
        self.devices.values_mut().for_each(|watched| watched.standing = Standing::Usual(0));
    }

    /// Takes what a device moved in a window.
    pub fn moved(&mut self, device: DeviceId, bytes: Directed<ByteCount>, settings: &Settings) {
        let Some(one_in) = settings.unusual_one_in else { return };
        if let Some(known) = self.devices.get_mut(&device) {
            known.moved += bytes;
        } else if bytes != Directed::default() && self.has_room() {
            let habit = || Habit::new(1.0 / f64::from(one_in.max(1)));
            let habits = Directed { download: habit(), upload: habit() };
            self.devices.insert(device, Watched { moved: bytes, habits, silent: 0, standing: Standing::Usual(0) });
        }
    }

    /// Whether one more can be watched: where there are too many, of those that are silent the one silent longest
    /// is forgotten. Whose habits are known goes last, or made-up addresses would drive all others out.
    fn has_room(&mut self) -> bool {
        if self.devices.len() < WATCHED {
            return true;
        }
        if self.is_crowded {
            return false;
        }
        let may_go = self.devices.iter().filter(|(_, watched)| watched.may_go());
        let stays = |watched: &Watched| watched.is_known() && watched.silent < FORGOTTEN;
        let first = may_go.min_by_key(|(_, watched)| (stays(watched), Reverse(watched.silent)));
        let Some(device) = first.map(|(device, _)| *device) else {
            self.is_crowded = true;
            return false;
        };
        self.devices.remove(&device);
        true
    }

    /// Closes the span if it ends by `now`, and says of whom there is news.
    pub fn close(&mut self, now: Timestamp, settings: &Settings) -> Vec<(DeviceId, Verdict)> {
        let end = now.floor(SPAN);
        let Some(since) = self.since else {
            (self.since, self.is_partial) = (Some(end), end < now);
            self.devices.values_mut().for_each(|watched| watched.moved = Directed::default());
            return Vec::new();
        };
        if end <= since {
            return Vec::new();
        }
        self.since = Some(end);
        self.is_crowded = false;
        let time = end.since(since);
        // A loop that stood still for long knows nothing of the spans in it.
        let is_whole = !std::mem::take(&mut self.is_partial) && time <= SPAN * 2;
        let at = settings.local_time.hour_of_week(since);
        let minute = (settings.local_time.second_of_day(since) / 60) as u16;
        let mut news = Vec::new();
        for (&device, watched) in &mut self.devices {
            let moved = std::mem::take(&mut watched.moved);
            if !is_whole {
                continue;
            }
            watched.silent = if moved == Directed::default() { watched.silent.saturating_add(1) } else { 0 };
            let rates = moved.map(|bytes| bytes.per(time));
            news.extend(watched.span(rates, at, minute).map(|verdict| (device, verdict)));
        }
        news
    }

    /// How well a device's habits are known.
    pub fn habits(&self, device: DeviceId) -> Habits {
        match self.devices.get(&device) {
            None => Habits::Unwatched,
            Some(Watched { standing: Standing::Told(_), .. }) => Habits::Broken,
            Some(watched) if watched.is_known() => Habits::Kept,
            Some(_) => Habits::Learning,
        }
    }
}

impl Watched {
    fn is_known(&self) -> bool {
        Direction::ALL.iter().all(|direction| self.habits[*direction].is_known())
    }

    /// Whether it may make room: it moved nothing in this span and the one before, and no alert of it is open.
    fn may_go(&self) -> bool {
        self.silent > 0 && self.moved == Directed::default() && !matches!(self.standing, Standing::Told(_))
    }

    fn span(&mut self, rates: Directed<BitRate>, hour_of_week: usize, minute: u16) -> Option<Verdict> {
        let unusual = if self.silent > AWAY { None } else { self.observe(rates, hour_of_week, minute) };
        let (standing, verdict) = match (self.standing, unusual) {
            (Standing::Usual(run), Some(kind)) if run + 1 >= RUN => (Standing::Told(0), Some(Verdict::Unusual(kind))),
            (Standing::Usual(run), Some(_)) => (Standing::Usual(run + 1), None),
            (Standing::Usual(_), None) => (Standing::Usual(0), None),
            (Standing::Told(_), Some(kind)) => (Standing::Told(0), Some(Verdict::GoesOn(kind))),
            (Standing::Told(calm), None) if calm + 1 >= CALM => (Standing::LeftAlone(COOL_DOWN), Some(Verdict::Over)),
            (Standing::Told(calm), None) => (Standing::Told(calm + 1), None),
            (Standing::LeftAlone(0), _) => (Standing::Usual(0), None),
            (Standing::LeftAlone(spans), _) => (Standing::LeftAlone(spans - 1), None),
        };
        self.standing = standing;
        verdict
    }

    /// Learns a span in which it is here, and says what is unusual of it.
    fn observe(&mut self, rates: Directed<BitRate>, hour_of_week: usize, minute: u16) -> Option<AlertKind> {
        let scores = Directed::from_fn(|direction| self.habits[direction].observe(rates[direction], hour_of_week));
        let unusual = Direction::ALL.into_iter().filter(|direction| scores[*direction].state == AnomalyState::Unusual);
        // The way that moves most is the one to tell of.
        unusual.max_by_key(|direction| rates[*direction]).map(|direction| AlertKind::Unusual {
            direction,
            rate: rates[direction],
            usual: scores[direction].usual.min(rates[direction]),
            minute,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::MacAddress;

    const DEVICE: DeviceId = device(1);

    const fn device(number: u32) -> DeviceId {
        let [a, b, c, d] = number.to_be_bytes();
        DeviceId::Mac(MacAddress([2, 0, a, b, c, d]))
    }

    /// What is said of a device that uploads some kbit/s for `days`, then each of `mbps` for a span.
    fn said(settings: &Settings, days: u64, mbps: &[u64]) -> (Habits, Vec<Option<Verdict>>) {
        let mut watch = Watch::default();
        let mut at = Timestamp::from_unix_secs(1_767_571_200);
        let mut span = |rate: BitRate| {
            watch.moved(DEVICE, Directed { download: ByteCount::ZERO, upload: rate.over(SPAN) }, settings);
            at = at + SPAN;
            let news = watch.close(at, settings).pop();
            (watch.habits(DEVICE), news.map(|(_, verdict)| verdict))
        };
        span(BitRate::ZERO);
        for number in 0..days * 288 {
            span(BitRate::from_kbps(10 + number * 7_919 % 90));
        }
        let news = mbps.iter().map(|&mbps| span(BitRate::from_mbps(mbps))).collect::<Vec<_>>();
        (
            news.last().map_or_else(Habits::default, |(habits, _)| *habits),
            news.into_iter().map(|(_, news)| news).collect(),
        )
    }

    /// As letters: a verdict of something unusual, one that it goes on, one that it is over, none.
    fn letters(news: &[Option<Verdict>]) -> String {
        let letter = |news: &Option<Verdict>| match news {
            Some(Verdict::Unusual(_)) => 'u',
            Some(Verdict::GoesOn(_)) => 'g',
            Some(Verdict::Over) => 'o',
            None => '.',
        };
        news.iter().map(letter).collect()
    }

    #[test]
    fn it_takes_a_run_to_be_told_and_calm_to_be_over() {
        let settings = Settings::default();
        let (habits, news) = said(&settings, 14, &[0, 20, 0, 20, 20, 20, 0, 20, 0, 0, 0, 0, 20, 20, 20, 0]);
        assert_eq!(letters(&news), "....ug.g..o.....");
        assert_eq!(habits, Habits::Kept, "left alone for an hour");
        let Some(Some(Verdict::Unusual(AlertKind::Unusual { direction, rate, usual, minute }))) = news.get(4) else {
            panic!("{news:?}");
        };
        assert_eq!((*direction, *rate), (Direction::Upload, BitRate::from_mbps(20)));
        assert!(*usual < BitRate::from_kbps(500), "{usual}");
        // Midnight, after as many days and spans as there were.
        assert_eq!(*minute, 5 * 5);
    }

    #[test]
    fn a_new_device_is_learnt_first_and_nobody_is_watched_who_shall_not_be() {
        let (habits, news) = said(&Settings::default(), 5, &[20, 20, 20, 20]);
        assert_eq!((habits, letters(&news).as_str()), (Habits::Learning, "...."));
        let never = Settings { unusual_one_in: None, ..Settings::default() };
        let (habits, news) = said(&never, 14, &[20, 20, 20, 20]);
        assert_eq!((habits, letters(&news).as_str()), (Habits::Unwatched, "...."));
    }

    /// A watch and its time, told span by span what each device moves.
    struct World {
        watch: Watch,
        at: Timestamp,
    }

    impl World {
        fn new() -> World {
            World { watch: Watch::default(), at: Timestamp::from_unix_secs(1_767_571_200) }
        }

        fn span(&mut self, moved: impl IntoIterator<Item = (DeviceId, BitRate)>) -> Vec<(DeviceId, Verdict)> {
            for (device, rate) in moved {
                let bytes = Directed { download: rate.over(SPAN), upload: ByteCount::ZERO };
                self.watch.moved(device, bytes, &Settings::default());
            }
            self.at = self.at + SPAN;
            self.watch.close(self.at, &Settings::default())
        }
    }

    /// A watch that was told what an earlier one saw knows what that knew, and goes on from there.
    #[test]
    fn what_was_recorded_is_remembered_after_a_restart() {
        let (mut before, mut recorded) = (World::new(), Vec::new());
        let [regular, visitor] = [1, 2].map(device);
        before.span([]);
        for span in 0..14 * 288_u64 {
            let mut moved = BTreeMap::from([(regular, BitRate::from_kbps(10 + span * 7_919 % 90))]);
            if span % 288 < 12 {
                moved.insert(visitor, BitRate::from_mbps(2));
            }
            let begins = before.at;
            before.span(moved.clone());
            let bytes = |rate: BitRate| Directed { download: rate.over(SPAN), upload: ByteCount::ZERO };
            recorded.push((begins, moved.into_iter().map(|(device, rate)| (device, bytes(rate))).collect()));
        }
        let mut after = World { watch: Watch::default(), at: before.at };
        after.watch.remember(recorded, &Settings::default());
        // A span of which it sees only the end is none.
        for moved in [BitRate::from_mbps(1_000), BitRate::from_mbps(2_000)] {
            let bytes = Directed { download: moved.over(SPAN), upload: ByteCount::ZERO };
            after.watch.moved(regular, bytes, &Settings::default());
            after.at = after.at + SPAN / 2;
            assert_eq!(after.watch.close(after.at, &Settings::default()), []);
        }
        before.span([(regular, BitRate::from_kbps(50))]);
        let mut told = Vec::new();
        for world in [&mut before, &mut after] {
            assert_eq!(world.watch.habits(regular), Habits::Kept);
            assert_eq!(world.watch.habits(visitor), Habits::Learning);
            told.push([0, 20, 20].map(|mbps| world.span([(regular, BitRate::from_mbps(mbps))])));
        }
        let kind = |news: &[Vec<(DeviceId, Verdict)>]| match news.last().map(Vec::as_slice) {
            Some([(of, Verdict::Unusual(AlertKind::Unusual { rate, minute, .. }))]) => Some((*of, *rate, *minute)),
            _ => None,
        };
        assert_eq!(kind(&told[0]), Some((regular, BitRate::from_mbps(20), 20)));
        assert_eq!(kind(&told[1]), kind(&told[0]));
        assert_eq!(told.iter().flat_map(|told| &told[..2]).flatten().count(), 0);
    }

    #[test]
    fn a_visitor_may_come_back_at_any_hour() {
        let mut world = World::new();
        world.span([]);
        let mut news = Vec::new();
        let mut kept = 0;
        // Each day another hour, or two, or no visit at all; a phone's few Mbit/s.
        for span in 0..120 * 288_u64 {
            let (day, hour) = (span / 288, span % 288 / 12);
            let is_here = day % 3 != 2 && (day * 7 % 24..day * 7 % 24 + 1 + day % 2).contains(&hour);
            let rate = BitRate::from_kbps(20 + span * 7_919 % 97 * (span * 31 % 40));
            news.extend(world.span(is_here.then_some((DEVICE, rate))));
            kept += u32::from(world.watch.habits(DEVICE) == Habits::Kept);
        }
        assert_eq!(news, []);
        assert!(kept > 0, "so many visits are a habit");
        // A month without it is none.
        let mut world = World::new();
        world.span([]);
        for span in 0..30 * 288 {
            world.span((span < 12).then_some((DEVICE, BitRate::from_mbps(1))));
        }
        assert_eq!(world.watch.habits(DEVICE), Habits::Learning);
    }

    #[test]
    fn made_up_addresses_drive_nobody_out_that_is_known_and_newcomers_are_watched() {
        let mut world = World::new();
        let idle = BitRate::from_kbps(50);
        let [regular, newcomer, latest] = [1, 2, 3].map(device);
        world.span([]);
        for _ in 0..14 * 288 {
            world.span([(regular, idle)]);
        }
        // For hours the known device is away while thousands of others are seen once.
        for span in 0..48 {
            let made_up = (0..400).map(|number| (device(1_000 + span * 400 + number), idle));
            world.span(made_up);
            assert!(world.watch.devices.len() <= WATCHED);
        }
        assert_eq!(world.watch.habits(regular), Habits::Kept);
        world.span([(newcomer, idle)]);
        assert_eq!(world.watch.habits(newcomer), Habits::Learning);
        // As many as are watched, all here at once: there is no room until they are silent.
        let crowd = || (0..WATCHED as u32).map(|number| (device(100_000 + number), idle));
        for _ in 0..2 {
            world.span(crowd());
        }
        world.span(crowd().chain([(latest, idle)]));
        assert_eq!(world.watch.habits(latest), Habits::Unwatched);
        world.span([(latest, idle)]);
        assert_eq!(world.watch.habits(latest), Habits::Unwatched);
        world.span([(latest, idle)]);
        assert_eq!(world.watch.habits(latest), Habits::Learning);
    }
}
