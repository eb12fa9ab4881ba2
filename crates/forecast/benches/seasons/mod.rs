//! Months of hours as households and offices make them, the same each time.

use std::time::Duration;
use vocab::{ByteCount, Directed, HourVolume, HourlyVolumes, Timestamp};

/// 2026-01-05, a Monday, midnight UTC.
pub const START: Timestamp = Timestamp::from_unix_secs(1_767_571_200);
pub const WEEK: usize = 7 * 24;
const GB: f64 = 1e9;

/// A repeatable source of numbers (splitmix64: Steele, Lea, Flood 2014).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// From 0 to 1.
    pub fn even(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal, by twelve even ones.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.even()).sum::<f64>() - 6.0
    }
}

/// What a family moves in hour `hour` of the week `week`.
type Family = fn(&mut Chance, &mut f64, usize, usize) -> f64;

/// Names and what they do.
pub const FAMILIES: [(&str, Family); 9] = [
    ("household link", |chance, state, week, hour| {
        follow(chance, state, 0.6, 0.3);
        evening(hour) * (1.0 + 0.02 * week as f64) * state.exp() * 6.0 * GB
    }),
    ("the same, with spikes", |chance, state, week, hour| {
        follow(chance, state, 0.6, 0.3);
        let spike = if chance.even() < 0.004 { 25.0 } else { 1.0 };
        evening(hour) * (1.0 + 0.02 * week as f64) * state.exp() * spike * 6.0 * GB
    }),
    ("television", |chance, state, _, hour| {
        // Whether it is on tonight is drawn at six.
        if hour % 24 == 18 {
            *state = f64::from(chance.even() < if hour >= 5 * 24 { 0.85 } else { 0.6 });
        }
        let on = *state > 0.5 && (19..23).contains(&(hour % 24));
        if on { (1.8 + 0.6 * chance.normal()).max(0.2) * GB } else { 0.003 * GB * chance.even() }
    }),
    ("office", |chance, state, _, hour| {
        follow(chance, state, 0.7, 0.25);
        let works = hour < 5 * 24 && (8..18).contains(&(hour % 24));
        (if works { 4.0 } else { 0.15 }) * state.exp() * GB
    }),
    ("office, holidays", |chance, state, week, hour| {
        follow(chance, state, 0.7, 0.25);
        let holiday = matches!((week, hour / 24), (3, 4) | (5, 0) | (6, _));
        let works = hour < 5 * 24 && (8..18).contains(&(hour % 24)) && !holiday;
        (if works { 4.0 } else { 0.15 }) * state.exp() * GB
    }),
    ("backup at night", |chance, _, _, hour| {
        let size = if hour / 24 == 6 { 60.0 } else { 5.0 };
        let runs = hour % 24 == 2;
        (if runs { size * (1.0 + 0.1 * chance.normal()) } else { 0.01 * chance.even() }).max(0.0) * GB
    }),
    ("sensor", |chance, _, _, _| (2e6 * (1.0 + 0.05 * chance.normal())).max(0.0)),
    ("wandering", |chance, state, _, hour| {
        follow(chance, state, 0.99, 0.15);
        state.exp() * (1.0 + 0.3 * evening(hour)) * GB
    }),
    ("wild", |chance, _, _, _| (1.5 * chance.normal()).exp() * 0.3 * GB),
];

/// A household's day, 0.05 to 1.
fn evening(hour: usize) -> f64 {
    let of_day = (hour % 24) as f64;
    let bump = |at: f64, width: f64| (-((of_day - at) / width).powi(2)).exp();
    let by_day = if hour >= 5 * 24 { 0.45 * bump(14.0, 4.0) } else { 0.12 * bump(13.0, 4.0) };
    0.05 + bump(20.5, 2.2) + by_day
}

fn follow(chance: &mut Chance, state: &mut f64, keep: f64, step: f64) {
    *state = keep * *state + step * chance.normal();
}

/// `weeks` of one family; each hour of the local week as UTC. One hour in a hundred begins a gap of up to four.
pub fn months(family: Family, weeks: usize, seed: u64) -> HourlyVolumes {
    let mut chance = Chance::new(seed);
    let mut state = 0.0;
    let mut gap = 0;
    let hours = (0..weeks * WEEK)
        .map(|at| {
            let bytes = family(&mut chance, &mut state, at / WEEK, at % WEEK);
            if gap == 0 && chance.even() < 0.01 {
                gap = 1 + (chance.even() * 4.0) as usize;
            }
            gap = gap.saturating_sub(1);
            (gap == 0).then(|| whole(bytes as u64))
        })
        .collect();
    HourlyVolumes { first: START, hours }
}

/// An hour that was recorded whole, all of it downloaded.
pub fn whole(bytes: u64) -> HourVolume {
    let bytes = Directed { download: ByteCount(bytes), upload: ByteCount::ZERO };
    HourVolume { bytes, recorded: Duration::from_secs(3_600) }
}
