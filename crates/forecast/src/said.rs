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

/// Every how many seconds what is said of a horizon is kept, to be compared with what comes: neighbours differ little,
/// and are wrong together.
pub(crate) const fn kept_every(horizon: Horizon) -> u64 {
    match horizon {
        Horizon::After1s | Horizon::Mean15s => 1,
        Horizon::After5s => 2,
        Horizon::After15s => 3,
        Horizon::After60s => 5,
    }
}

/// How many are kept of a horizon: as many as can wait to be compared.
const fn kept(horizon: Horizon) -> usize {
    horizon.seconds().div_ceil(kept_every(horizon)) as usize
}

/// Where those of each horizon begin, and how many there are in all.
const BEGINS: [usize; Horizon::COUNT + 1] = {
    let mut begins = [0; Horizon::COUNT + 1];
    let mut at = 0;
    while at < Horizon::COUNT {
        begins[at + 1] = begins[at] + kept(Horizon::ALL[at]);
        at += 1;
    }
    begins
};
const SLOTS: usize = BEGINS[Horizon::COUNT];

/// What one model said in the last minute, `N` levels for each horizon, in rings that reach
/// back as far as each is long. Kept at half the precision of `f32` (one part in 256), for there are many.
#[derive(Clone, Debug)]
pub(crate) struct Said<const N: usize>([[u16; N]; SLOTS]);

/// No number: nothing was said.
const NOTHING: u16 = 0x7fc0;

impl<const N: usize> Said<N> {
    pub fn nothing() -> Said<N> {
        Said([[NOTHING; N]; SLOTS])
    }

    /// Where what was said at `origin` stands, if it is kept.
    fn slot(origin: u64, horizon: Horizon) -> Option<usize> {
        let every = kept_every(horizon);
        let place = || (origin / every % kept(horizon) as u64) as usize;
        origin.is_multiple_of(every).then(|| BEGINS[horizon.index()] + place())
    }

    /// What was said at `origin`, which must be as long ago as the horizon is.
    pub fn at(&self, origin: u64, horizon: Horizon) -> Option<[f32; N]> {
        let levels = self.0[Self::slot(origin, horizon)?].map(|half| f32::from_bits(u32::from(half) << 16));
        levels.iter().all(|level| level.is_finite()).then_some(levels)
    }

    /// Takes what is said at `origin`; `None` where nothing is.
    pub fn say(&mut self, origin: u64, levels: Option<&[[f32; N]; Horizon::COUNT]>) {
        for horizon in Horizon::ALL {
            let Some(slot) = Self::slot(origin, horizon) else { continue };
            self.0[slot] = match levels {
                Some(levels) => levels[horizon.index()].map(half),
                None => [NOTHING; N],
            };
        }
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
        let mut said = Said::<3>::nothing();
        for origin in 1_000..1_100u64 {
            for horizon in Horizon::ALL {
                let then = origin - horizon.seconds();
                let level = (then as f32) * 3.0;
                if !then.is_multiple_of(kept_every(horizon)) {
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
