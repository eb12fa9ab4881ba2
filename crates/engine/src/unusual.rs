//! Which devices move what they never move at such a time: from volumes of five minutes to what people are told.
//!
//! One span says little and hangs together with the next, so that it takes a run of them to tell anybody, and some
//! calm before it is over; after that the device is left alone for a while.

use crate::settings::Settings;
use forecast::{AnomalyState, Habit};
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

/// Devices whose habits are known at most, some 3 kB each; who comes later is not watched.
const WATCHED: usize = 1_024;

/// All devices.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    devices: BTreeMap<DeviceId, Watched>,
    /// The end of the last span; `None` before the first began.
    since: Option<Timestamp>,
}

/// One device.
#[derive(Debug)]
struct Watched {
    moved: Directed<ByteCount>,
    habits: Directed<Habit>,
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
    /// Takes what a device moved in a window.
    pub fn moved(&mut self, device: DeviceId, bytes: Directed<ByteCount>, settings: &Settings) {
        let Some(one_in) = settings.unusual_one_in else { return };
        if let Some(known) = self.devices.get_mut(&device) {
            known.moved += bytes;
        } else if self.devices.len() < WATCHED && bytes != Directed::default() {
            let habit = || Habit::new(1.0 / f64::from(one_in.max(1)));
            let habits = Directed { download: habit(), upload: habit() };
            self.devices.insert(device, Watched { moved: bytes, habits, standing: Standing::Usual(0) });
        }
    }

    /// Closes the span if it ends by `now`, and says of whom there is news.
    pub fn close(&mut self, now: Timestamp, settings: &Settings) -> Vec<(DeviceId, Verdict)> {
        let end = now.floor(SPAN);
        let since = *self.since.get_or_insert(end);
        if end <= since {
            return Vec::new();
        }
        self.since = Some(end);
        let time = end.since(since);
        let at = settings.local_time.hour_of_week(since);
        let minute = (settings.local_time.second_of_day(since) / 60) as u16;
        let mut news = Vec::new();
        for (&device, watched) in &mut self.devices {
            let moved = std::mem::take(&mut watched.moved);
            // A loop that stood still for long knows nothing of the spans in it.
            if time > SPAN * 2 {
                continue;
            }
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
            Some(watched) if Direction::ALL.iter().all(|direction| watched.habits[*direction].is_known()) => {
                Habits::Kept
            }
            Some(_) => Habits::Learning,
        }
    }
}

impl Watched {
    fn span(&mut self, rates: Directed<BitRate>, hour_of_week: usize, minute: u16) -> Option<Verdict> {
        let scores = Directed::from_fn(|direction| self.habits[direction].observe(rates[direction], hour_of_week));
        let unusual = Direction::ALL.into_iter().filter(|direction| scores[*direction].state == AnomalyState::Unusual);
        // The way that moves most is the one to tell of.
        let unusual = unusual.max_by_key(|direction| rates[*direction]).map(|direction| AlertKind::Unusual {
            direction,
            rate: rates[direction],
            usual: scores[direction].usual.min(rates[direction]),
            minute,
        });
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::MacAddress;

    const DEVICE: DeviceId = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, 1]));

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
}
