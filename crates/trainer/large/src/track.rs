//! A recorded series as a recurrent network is told it: one second after another, and what came of each.

use burn::tensor::Tensor;
use forecast::{Kind, Lesson};
use vocab::{Horizon, TrafficClass, Usage};

/// What a network is told each second: the log-levels of this second, of the mean of the last 15 s and of a slow
/// average, whether it was seen, and the kind of the series. The rest it has to keep by itself: that is what it is for.
pub const INPUTS: usize = 4 + TrafficClass::COUNT + 2;

/// Where the log-level of the last 15 s stands: what is foreseen is said relative to it.
pub const BASE: usize = 1;

/// Below this rate a series is as good as silent: 1 kB/s, the unit of levels in `forecast`.
const QUIET_BPS: f64 = 8_000.0;

/// No log-level is larger: 10 Pbit/s, as in `forecast`.
pub const MOST_LOG: f32 = 28.0;

/// Seconds in the mean that what is foreseen is relative to.
const RECENT: usize = 15;

/// What the newest second counts in the slow average: a memory of five minutes, longer than a passage.
const SLOW: f32 = 0.003;

/// What the newest second counts in the average that stands for seconds that nobody saw.
const USUAL: f32 = 0.1;

/// Log-levels of 0 to 12 become -1 to 2.
const MIDDLE: f32 = 4.0;
const WIDTH: f32 = 4.0;

/// Quieter series are taken to be this loud where losses are divided by the mean, in levels, as in `forecast`.
const LEAST_MEAN: f32 = 0.3;

/// One series, in levels, so that it can be told at any scale.
pub struct Track {
    kind: Kind,
    levels: Vec<f32>,
    seen: Vec<bool>,
    recent: Vec<f32>,
    slow: Vec<f32>,
    mean: f32,
}

/// A level in the space in which errors are alike, and back.
pub fn log(level: f32) -> f32 {
    (1.0 + level.max(0.0)).ln().min(MOST_LOG)
}

/// See [`log`].
pub fn unlog(log_level: f32) -> f32 {
    (log_level.min(MOST_LOG).exp() - 1.0).max(0.0)
}

/// The rate in bit/s at a log-level.
pub fn bps(log_level: f32) -> f64 {
    f64::from(unlog(log_level)) * QUIET_BPS
}

/// Back from a told log-level: what it was before it was shifted and scaled.
pub fn base(told: Tensor<2>) -> Tensor<2> {
    told * WIDTH + MIDDLE
}

impl Track {
    /// `None` where no second was seen.
    pub fn new(lesson: &Lesson) -> Option<Track> {
        let level = |usage: &Usage| (usage.rate().as_bps() as f64 / QUIET_BPS) as f32;
        let seen: Vec<bool> = lesson.seconds.iter().map(Option::is_some).collect();
        let known = seen.iter().filter(|seen| **seen).count();
        let sum: f64 = lesson.seconds.iter().flatten().map(|usage| f64::from(level(usage))).sum();
        if known == 0 {
            return None;
        }
        let (mut usual, mut usual_weight) = (0.0f32, 0.0f32);
        let (mut slow, mut slow_weight) = (0.0f32, 0.0f32);
        let (mut levels, mut slows) = (Vec::new(), Vec::new());
        for usage in &lesson.seconds {
            let level = usage.as_ref().map_or(usual / usual_weight.max(USUAL), level);
            usual += USUAL * (level - usual);
            usual_weight += USUAL * (1.0 - usual_weight);
            slow += SLOW * (level - slow);
            slow_weight += SLOW * (1.0 - slow_weight);
            levels.push(level);
            slows.push(slow / slow_weight);
        }
        let recent = (0..levels.len()).map(|at| {
            let last = &levels[(at + 1).saturating_sub(RECENT)..=at];
            last.iter().sum::<f32>() / last.len() as f32
        });
        let recent = recent.collect();
        Some(Track { kind: lesson.kind, seen, recent, slow: slows, mean: (sum / known as f64) as f32, levels })
    }

    /// How many seconds it has.
    pub fn len(&self) -> usize {
        self.levels.len()
    }

    /// What is told after the second `at`, at this scale.
    pub fn tell(&self, at: usize, scale: f32, anonymous: bool) -> [f32; INPUTS] {
        let told = |level: f32| (log(level * scale) - MIDDLE) / WIDTH;
        let mut inputs = [0.0; INPUTS];
        inputs[0] = told(self.levels[at]);
        inputs[BASE] = told(self.recent[at]);
        inputs[2] = told(self.slow[at]);
        inputs[3] = f32::from(u8::from(self.seen[at]));
        if !anonymous {
            let sort = match self.kind {
                Kind::Aggregate(class) => class.index(),
                Kind::Class(class) => {
                    inputs[INPUTS - 1] = 1.0;
                    class.index()
                }
                Kind::Device => TrafficClass::COUNT,
                Kind::Link => TrafficClass::COUNT + 1,
            };
            inputs[4 + sort.min(TrafficClass::COUNT + 1)] = 1.0;
        }
        inputs
    }

    /// What came after the second `at`, in log-level space; NaN where nobody saw it.
    pub fn came(&self, at: usize, scale: f32) -> [f32; Horizon::COUNT] {
        Horizon::ALL.map(|horizon| {
            let last = at + horizon.seconds() as usize;
            let first = if horizon == Horizon::Mean15s { at + 1 } else { last };
            if last >= self.len() || !self.seen[first..=last].iter().all(|seen| *seen) {
                return f32::NAN;
            }
            let levels = &self.levels[first..=last];
            log(levels.iter().sum::<f32>() / levels.len() as f32 * scale)
        })
    }

    /// One over its mean level at this scale: what a loss is divided by.
    pub fn loss_scale(&self, scale: f32) -> f32 {
        1.0 / (self.mean * scale).max(LEAST_MEAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::BitRate;

    fn track(kbytes: &[Option<u64>]) -> Track {
        let seconds = kbytes.iter().map(|one| one.map(|kbytes| Usage::Free(BitRate::from_bps(kbytes * 8_000))));
        let kind = Kind::Aggregate(TrafficClass::Web);
        Track::new(&Lesson::new(kind, 0, seconds.collect())).expect("something was seen")
    }

    #[test]
    fn what_came_is_found_and_what_nobody_saw_is_not() {
        let mut kbytes: Vec<_> = (0..100).map(Some).collect();
        kbytes[25] = None;
        let track = track(&kbytes);
        let levels = |at: usize| track.came(at, 1.0).map(|log| unlog(log).round());
        assert_eq!(levels(30), [31.0, 35.0, 45.0, 90.0, 38.0]);
        let known = |at: usize| track.came(at, 1.0).map(f32::is_nan);
        assert_eq!(known(24), [true, false, false, false, true]);
        assert_eq!(known(20), [false, true, false, false, true]);
        assert_eq!(known(50), [false, false, false, true, false]);
    }

    #[test]
    fn it_is_told_at_any_scale_and_nothing_of_later() {
        let (one, other) = (track(&[Some(4); 60]), track(&[[Some(4); 30], [Some(900); 30]].concat()));
        for at in 0..30 {
            assert_eq!(one.tell(at, 1.0, false), other.tell(at, 1.0, false));
        }
        assert!((one.tell(20, 3.0, false)[BASE] * WIDTH + MIDDLE - log(12.0)).abs() < 1e-4);
        assert_eq!(one.tell(9, 1.0, false).iter().filter(|input| **input != 0.0).count(), 5);
    }
}
