//! What was said and has not come yet, for every horizon.

use crate::features;
use vocab::{BitRate, Horizon, Quantiles};

/// Levels, never decreasing: the quantiles of one horizon.
pub(crate) type Levels = [f32; 3];

/// Quantiles of all horizons, as levels.
pub(crate) type AllLevels = [Levels; Horizon::COUNT];

/// The same as rates.
pub(crate) fn rates(levels: Levels) -> Quantiles {
    let [p50, p90, p99] = levels.map(|level| BitRate::from_bps(features::bps_at(level) as u64));
    Quantiles::new(p50, p90, p99)
}

/// Every how many seconds what is said of the longest horizon is kept: neighbours differ little.
const LONGEST_EVERY: u64 = 4;

const SLOTS: usize = 1 + 5 + 15 + 15 + (Horizon::After60s.seconds() / LONGEST_EVERY) as usize;

/// What one model said in the last minute: for each horizon as many seconds as it is long, in a ring. Kept at half
/// the precision of `f32` (one part in 256), for there are many.
#[derive(Clone, Debug)]
pub(crate) struct Said([[u16; 3]; SLOTS]);

/// No number: nothing was said.
const NOTHING: u16 = 0x7fc0;

impl Said {
    pub fn nothing() -> Said {
        Said([[NOTHING; 3]; SLOTS])
    }

    /// Where what was said at `origin` stands, if it is kept.
    fn slot(origin: u64, horizon: Horizon) -> Option<usize> {
        let (begin, place) = match horizon {
            Horizon::After1s => (0, 0),
            Horizon::After5s => (1, origin % 5),
            Horizon::After15s => (6, origin % 15),
            Horizon::Mean15s => (21, origin % 15),
            Horizon::After60s if origin.is_multiple_of(LONGEST_EVERY) => {
                (36, origin % horizon.seconds() / LONGEST_EVERY)
            }
            Horizon::After60s => return None,
        };
        Some(begin + place as usize)
    }

    /// What was said at `origin`, which must be as long ago as the horizon is.
    pub fn at(&self, origin: u64, horizon: Horizon) -> Option<Levels> {
        let levels = self.0[Self::slot(origin, horizon)?].map(|half| f32::from_bits(u32::from(half) << 16));
        levels.iter().all(|level| level.is_finite()).then_some(levels)
    }

    /// Takes what is said at `origin`; `None` where nothing is.
    pub fn say(&mut self, origin: u64, levels: Option<&AllLevels>) {
        for horizon in Horizon::ALL {
            let Some(slot) = Self::slot(origin, horizon) else { continue };
            self.0[slot] = match levels {
                Some(levels) => levels[horizon.index()].map(half),
                None => [NOTHING; 3],
            };
        }
    }
}

/// One number for each of the last 61 seconds, at half the precision of `f32`; nothing where none was said.
#[derive(Clone, Debug)]
pub(crate) struct Minute([u16; 61]);

impl Minute {
    pub fn nothing() -> Minute {
        Minute([NOTHING; 61])
    }

    pub fn at(&self, second: u64) -> Option<f32> {
        let value = f32::from_bits(u32::from(self.0[(second % 61) as usize]) << 16);
        value.is_finite().then_some(value)
    }

    pub fn put(&mut self, second: u64, value: Option<f32>) {
        self.0[(second % 61) as usize] = value.map_or(NOTHING, half);
    }
}

/// The upper half of a number's bits, rounded.
fn half(level: f32) -> u16 {
    if level.is_finite() { (level.to_bits().saturating_add(0x8000) >> 16) as u16 } else { NOTHING }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_horizon_finds_what_was_said_for_it() {
        let mut said = Said::nothing();
        for origin in 1_000..1_100u64 {
            for horizon in Horizon::ALL {
                let then = origin - horizon.seconds();
                let level = (then as f32) * 3.0;
                if horizon == Horizon::After60s && then % LONGEST_EVERY != 0 {
                    assert_eq!(said.at(then, horizon), None);
                } else if then >= 1_000 {
                    let found = said.at(then, horizon).expect("it was said")[2];
                    assert!((found - level).abs() <= level / 250.0, "{} {found} {level}", horizon.name());
                } else {
                    assert_eq!(said.at(then, horizon), None);
                }
            }
            said.say(origin, Some(&[[0.0, 1.0, origin as f32 * 3.0]; Horizon::COUNT]));
        }
        said.say(1_100, None);
        assert_eq!(said.at(1_100, Horizon::After1s), None);
        said.say(1_101, Some(&[[f32::MAX; 3]; Horizon::COUNT]));
        assert_eq!(said.at(1_101, Horizon::After1s), None, "beyond all numbers");
    }
}
