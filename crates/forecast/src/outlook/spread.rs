//! How far off a forecast usually is: quantiles of what it missed by, at hours like the one that is asked about.

use super::season::is_free_day;

/// The quantiles that are told: P10, P50, P90.
pub const LEVELS: [f64; 3] = [0.1, 0.5, 0.9];

/// How alike two hours of the day are that lie so many hours apart.
const ALIKE: [f64; 3] = [1.0, 0.6, 0.25];
/// And a working day and a weekend.
const ALIKE_DAYS: f64 = 0.4;
/// Misses at all hours together count as so many at hours like the one asked about: with few data they speak.
const POOLED: f64 = 12.0;

/// One miss.
#[derive(Clone, Copy, Debug)]
pub struct Miss {
    /// On the log scale.
    pub by: f64,
    /// The hour of the week.
    pub slot: usize,
    /// How much it counts: less the older it is.
    pub weight: f64,
}

/// Many misses, in the order of their size.
#[derive(Debug)]
pub struct Spread {
    misses: Vec<Miss>,
    weight: f64,
}

impl Spread {
    pub fn new(mut misses: Vec<Miss>) -> Spread {
        misses.sort_by(|a, b| a.by.total_cmp(&b.by));
        let weight = misses.iter().map(|miss| miss.weight).sum();
        Spread { misses, weight }
    }

    /// The [`LEVELS`] of all misses.
    pub fn overall(&self) -> [f64; 3] {
        self.quantiles(|_| 1.0)
    }

    /// The [`LEVELS`] of misses at hours like `slot`.
    pub fn around(&self, slot: usize) -> [f64; 3] {
        let pooled = if self.weight > 0.0 { POOLED / self.weight } else { 1.0 };
        let day = is_free_day(slot);
        let alike = |of: usize| {
            let apart = (of % 24).abs_diff(slot % 24);
            let hours = ALIKE.get(apart.min(24 - apart)).copied().unwrap_or(0.0);
            if is_free_day(of) == day { hours } else { hours * ALIKE_DAYS }
        };
        self.quantiles(|of| alike(of) + pooled)
    }

    fn quantiles(&self, likeness: impl Fn(usize) -> f64) -> [f64; 3] {
        let weight = |miss: &Miss| miss.weight * likeness(miss.slot);
        let total: f64 = self.misses.iter().map(weight).sum();
        let mut found = [0.0; 3];
        let (mut passed, mut level) = (0.0, 0);
        for miss in &self.misses {
            passed += weight(miss);
            while level < LEVELS.len() && passed >= LEVELS[level] * total {
                found[level] = miss.by;
                level += 1;
            }
        }
        // Rounding may leave the last level just out of reach.
        if let Some(last) = self.misses.last() {
            found[level..].fill(last.by);
        }
        found
    }
}
