//! Quantiles that are passed as often as they say, whatever the models think.
//!
//! Adaptive conformal inference (Gibbs and Candès 2021) in level space: each quantile of each horizon has an offset
//! that rises when what came was above and sinks when it was below, in the proportion that keeps the quantile's
//! probability in the long run. Offsets are counted in widths, a part of what is foreseen itself, and bounded: an
//! offset in log-level space explodes.

use crate::said::Levels;
use crate::train::PROBABILITIES;
use vocab::Horizon;

/// How far an offset moves for one exceedance, in widths. On the shared corpora 0.02 loses more in every family, and
/// 0.004 keeps fewer series within five points of 90 %.
const STEP: f32 = 0.006;

/// Bounds of an offset, in widths.
const LEAST: f32 = -0.6;
const MOST: f32 = 1.5;

/// A width: this part of what is foreseen, and at least this part of what the series usually has.
const OF_FORESEEN: f32 = 0.5;
const OF_USUAL: f32 = 0.02;

/// And at most so many times the way from P50 to P90 (with a little of what is usual, where there is no way): what was
/// said is judged seconds later, so that on a smooth series wider steps swing around what comes.
const OF_SPREAD: f32 = 2.0;
const LEAST_OF_USUAL: f32 = 0.002;

/// The offsets of one series.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calibration([[f32; 3]; Horizon::COUNT]);

impl Calibration {
    /// Takes what was said for `horizon`, corrected, and what came, as levels.
    pub fn learn(&mut self, horizon: Horizon, said: Levels, came: f32, at_least: bool) {
        for (quantile, probability) in PROBABILITIES.into_iter().enumerate() {
            let above = came > said[quantile];
            // What was held back proves only that more was wanted.
            if at_least && !above {
                continue;
            }
            // The highest quantile is passed so seldom that full steps would carry it far each time.
            let step = if quantile == 2 { 0.6 * STEP } else { STEP };
            let offset = &mut self.0[horizon.index()][quantile];
            *offset = (*offset + step * (f32::from(u8::from(above)) - (1.0 - probability))).clamp(LEAST, MOST);
        }
    }

    /// What is said, corrected; `usual` is what the series usually has.
    pub fn correct(&self, horizon: Horizon, said: Levels, usual: f32) -> Levels {
        let mut least = 0.0f32;
        let mut corrected = said;
        let most = OF_SPREAD * (said[1] - said[0]).max(0.0) + LEAST_OF_USUAL * usual;
        for (level, offset) in corrected.iter_mut().zip(self.0[horizon.index()]) {
            let width = (OF_FORESEEN * *level).max(OF_USUAL * usual).min(most);
            least = (*level + offset * width).max(least);
            *level = least;
        }
        corrected
    }
}
