//! Weeks of a household in spans of five minutes: what twenty devices move by habit, and two that are there now and
//! then, with all that chance does to it.
//!
//! Rates and hours are what such devices plausibly do, not what somebody measured.

use crate::traffic_source::Chance;
use vocab::{BitRate, Directed};

/// A span, in seconds, and how many there are in an hour and a day.
pub const SPAN_S: u64 = 300;
const HOUR: u64 = 12;
const DAY: u64 = 24 * HOUR;

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resident {
    /// Carried around: pages all day, films in the evening, photographs sent home once a day.
    Phone,
    /// Calls and work by day, downloads now and then.
    Laptop,
    /// Films in the evening, by day at weekends.
    Television,
    /// Games in the afternoon, large updates on some days.
    Console,
    /// A backup each night, the long one on Sundays; reached from outside now and then.
    Archive,
    /// A picture all day, more where something moves.
    Camera,
    /// Next to nothing, a new version once a month.
    Thing,
    /// A phone that is here for an hour or four each two or three weeks, at any hour by day, and elsewhere otherwise.
    Visitor,
}

/// Twenty devices of a household, and two visitors.
pub const HOUSEHOLD: [(Resident, usize); 8] = [
    (Resident::Phone, 4),
    (Resident::Laptop, 3),
    (Resident::Television, 2),
    (Resident::Console, 1),
    (Resident::Archive, 1),
    (Resident::Camera, 2),
    (Resident::Thing, 7),
    (Resident::Visitor, 2),
];

/// One device and what it is at.
#[derive(Clone, Debug)]
pub struct Life {
    resident: Resident,
    chance: Chance,
    /// What it is at, and for how many spans more.
    at: Option<(Directed<u64>, u64)>,
    /// What this day has in store: the span at which something begins, once.
    today: u64,
    /// Until which span a visitor is here.
    here_until: u64,
}

impl Life {
    /// One of them; the same seed lives the same weeks.
    pub fn new(resident: Resident, seed: u64) -> Life {
        Life { resident, chance: Chance::new(seed), at: None, today: 0, here_until: 0 }
    }

    /// All of a household.
    pub fn household(seed: u64) -> Vec<Life> {
        let residents = HOUSEHOLD.into_iter().flat_map(|(resident, count)| std::iter::repeat_n(resident, count));
        residents.zip(1..).map(|(resident, number)| Life::new(resident, seed.wrapping_mul(1_000) + number)).collect()
    }

    /// What it moves in the `span`-th span since a Monday midnight, the next at each call.
    pub fn span(&mut self, span: u64) -> Directed<BitRate> {
        let (hour, weekday) = (span % DAY / HOUR, span / DAY % 7);
        let free = weekday >= 5;
        if span.is_multiple_of(DAY) {
            self.today = self.chance.between(0, DAY - 1);
        }
        if self.resident == Resident::Visitor {
            let may_come = span % DAY == self.today && (9 * HOUR..22 * HOUR).contains(&self.today);
            if may_come && self.chance.between(0, 9) == 0 {
                self.here_until = span + self.chance.between(HOUR, 4 * HOUR);
            }
            if span >= self.here_until {
                self.at = None;
                return Directed::default();
            }
        }
        if let Some((rate, left)) = &mut self.at {
            let rate = *rate;
            *left -= 1;
            if *left == 0 {
                self.at = None;
            }
            return self.off(rate);
        }
        let begun = self.begins(span % DAY, hour, weekday, free);
        if let Some((down, up, from, to)) = begun {
            let length = self.chance.between(from, to);
            let rate = Directed { download: self.near(down), upload: self.near(up) };
            self.at = (length > 1).then_some((rate, length - 1));
            return self.off(rate);
        }
        let idle = self.idle(hour);
        self.off(idle)
    }

    /// What begins now: kbit/s down and up, and how many spans it takes.
    fn begins(&mut self, of_day: u64, hour: u64, weekday: u64, free: bool) -> Option<(u64, u64, u64, u64)> {
        let away = !free && (9..17).contains(&hour);
        let evening = (19..23).contains(&hour);
        let (chance, today) = (&mut self.chance, self.today);
        let mut is = |permille: u64| chance.between(0, 999) < permille;
        match self.resident {
            Resident::Phone if of_day == today => Some((200, 6_000, 1, 4)),
            Resident::Phone if away || !(7..24).contains(&hour) => None,
            Resident::Phone => match (is(if evening { 60 } else { 20 }), is(250)) {
                (true, _) => Some((4_500, 120, 3, 20)),
                (_, true) => Some((900, 80, 1, 3)),
                _ => None,
            },
            Resident::Visitor => match (is(40), is(300)) {
                (true, _) => Some((4_500, 120, 3, 12)),
                (_, true) => Some((900, 80, 1, 3)),
                _ => None,
            },
            Resident::Laptop if away && is(30) => Some((2_200, 1_500, 6, 12)),
            Resident::Laptop if away => Some((600, 250, 1, 3)),
            Resident::Laptop if (18..24).contains(&hour) || free && hour >= 10 => match (is(4), is(25), is(200)) {
                (true, ..) => Some((45_000, 700, 1, 8)),
                (_, true, _) => Some((5_500, 150, 8, 24)),
                (_, _, true) => Some((900, 80, 1, 4)),
                _ => None,
            },
            Resident::Television if evening && is(80) => Some((9_000, 150, 10, 30)),
            Resident::Television if free && (13..18).contains(&hour) && is(30) => Some((9_000, 150, 10, 30)),
            Resident::Console if of_day == today && is(150) => Some((70_000, 900, 2, 14)),
            Resident::Console if (if free { 11..23 } else { 16..21 }).contains(&hour) && is(60) => {
                Some((160, 60, 6, 24))
            }
            Resident::Archive if of_day == 2 * HOUR && weekday == 6 => Some((300, 17_000, 24, 34)),
            Resident::Archive if of_day == 2 * HOUR => Some((200, 16_000, 4, 7)),
            Resident::Archive if (8..23).contains(&hour) && is(2) => Some((3_000, 8_000, 1, 6)),
            Resident::Camera if is(if (7..23).contains(&hour) { 60 } else { 8 }) => Some((40, 2_500, 1, 2)),
            Resident::Thing if of_day == today && is(33) => Some((4_000, 100, 1, 1)),
            Resident::Television
            | Resident::Laptop
            | Resident::Console
            | Resident::Archive
            | Resident::Camera
            | Resident::Thing => None,
        }
    }

    /// What it moves while it is at nothing, kbit/s.
    fn idle(&self, hour: u64) -> Directed<u64> {
        let (download, upload) = match self.resident {
            Resident::Phone if (7..24).contains(&hour) => (20, 8),
            Resident::Visitor => (20, 8),
            Resident::Phone | Resident::Television | Resident::Console => (4, 3),
            Resident::Laptop => (10, 5),
            Resident::Archive => (15, 10),
            Resident::Camera => (25, 900),
            Resident::Thing => (2, 2),
        };
        Directed { download, upload }
    }

    /// Half to twice of it.
    fn near(&mut self, kbps: u64) -> u64 {
        kbps * self.chance.between(500, 1_000) / 1_000 * self.chance.between(1_000, 2_000) / 1_000
    }

    /// A quarter more or less.
    fn off(&mut self, kbps: Directed<u64>) -> Directed<BitRate> {
        kbps.map(|kbps| BitRate::from_bps(kbps * self.chance.between(750, 1_250)))
    }
}
