//! What was said and has not come yet, for every horizon.

use crate::{Member, features};
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

/// What is said of one horizon at one second: levels, no number where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Words {
    pub members: [Levels; Member::COUNT],
    pub together: Levels,
    /// The log-levels of those that say one number.
    pub points: [f32; Member::POINTS.len()],
}

impl Words {
    pub const NONE: Words = Words {
        members: [[f32::NAN; 3]; Member::COUNT],
        together: [f32::NAN; 3],
        points: [f32::NAN; Member::POINTS.len()],
    };

    fn all_mut(&mut self) -> [&mut [f32]; 3] {
        [self.members.as_flattened_mut(), &mut self.together, &mut self.points]
    }
}

/// What was said in the last minute: for each horizon a ring that reaches back as far as it is long. Kept at half the
/// precision of `f32` (one part in 256), for there is much.
#[derive(Clone, Debug)]
pub(crate) struct Said([Kept; SLOTS]);

/// [`Words`] at half the precision; what belongs to a second stands together, for it is compared together.
#[derive(Clone, Copy, Debug)]
struct Kept {
    members: [[u16; 3]; Member::COUNT],
    together: [u16; 3],
    points: [u16; Member::POINTS.len()],
}

impl Kept {
    fn all(&self) -> [&[u16]; 3] {
        [self.members.as_flattened(), &self.together, &self.points]
    }

    fn all_mut(&mut self) -> [&mut [u16]; 3] {
        [self.members.as_flattened_mut(), &mut self.together, &mut self.points]
    }
}

/// No number: nothing was said.
const NOTHING: u16 = 0x7fc0;

impl Said {
    pub fn nothing() -> Said {
        let none = Kept {
            members: [[NOTHING; 3]; Member::COUNT],
            together: [NOTHING; 3],
            points: [NOTHING; Member::POINTS.len()],
        };
        Said([none; SLOTS])
    }

    /// Where what was said at `origin` stands, if it is kept.
    fn slot(origin: u64, horizon: Horizon) -> Option<usize> {
        let every = kept_every(horizon);
        let place = || (origin / every % kept(horizon) as u64) as usize;
        origin.is_multiple_of(every).then(|| BEGINS[horizon.index()] + place())
    }

    /// What was said at `origin`, which must be as long ago as the horizon is; `None` where that is not kept.
    pub fn at(&self, origin: u64, horizon: Horizon) -> Option<Words> {
        let kept = &self.0[Self::slot(origin, horizon)?];
        let mut words = Words::NONE;
        for (word, half) in words.all_mut().into_iter().zip(kept.all()) {
            word.iter_mut().zip(half).for_each(|(word, half)| *word = whole(*half));
        }
        Some(words)
    }

    /// Takes what is said at `origin` of each horizon.
    pub fn say(&mut self, origin: u64, words: impl Fn(Horizon) -> Words) {
        for horizon in Horizon::ALL {
            let Some(slot) = Self::slot(origin, horizon) else { continue };
            let mut words = words(horizon);
            for (half, word) in self.0[slot].all_mut().into_iter().zip(words.all_mut()) {
                half.iter_mut().zip(word).for_each(|(half, word)| *half = self::half(*word));
            }
        }
    }
}

/// The upper half of a number's bits, rounded.
fn half(level: f32) -> u16 {
    if level.is_finite() { (level.to_bits().saturating_add(0x8000) >> 16) as u16 } else { NOTHING }
}

fn whole(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_horizon_finds_what_was_said_for_it() {
        let mut said = Said::nothing();
        let word = |said: &Said, origin, horizon| said.at(origin, horizon).map(|words| words.members[3][2]);
        for origin in 1_000..1_100u64 {
            for horizon in Horizon::ALL {
                let then = origin - horizon.seconds();
                let level = (then as f32) * 3.0;
                let found = word(&said, then, horizon);
                if !then.is_multiple_of(kept_every(horizon)) {
                    assert_eq!(found, None);
                } else if then >= 1_000 {
                    let found = found.expect("it was kept");
                    assert!((found - level).abs() <= level / 250.0, "{} {found} {level}", horizon.name());
                } else {
                    assert!(found.is_some_and(f32::is_nan));
                }
            }
            let members = [[0.0, 1.0, origin as f32 * 3.0]; Member::COUNT];
            said.say(origin, |_| Words { members, ..Words::NONE });
        }
        said.say(1_100, |_| Words::NONE);
        assert!(word(&said, 1_100, Horizon::After1s).is_some_and(f32::is_nan));
        said.say(1_101, |_| Words { members: [[f32::MAX; 3]; Member::COUNT], ..Words::NONE });
        assert!(word(&said, 1_101, Horizon::After1s).is_some_and(|word| !word.is_finite()), "beyond all numbers");
    }
}
