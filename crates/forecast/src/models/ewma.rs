//! The exponentially weighted moving average.

use super::Model;
use vocab::Usage;

/// The weight of the newest second: a memory of about ten, the better of 0.1 and 0.3 for the mean of the next 15 s.
const ALPHA: f64 = 0.1;

/// The exponentially weighted moving average of the rate, corrected for its beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ewma {
    weighted_bps: f64,
    /// The sum of all weights so far: 1 in the end.
    weight: f64,
}

impl Model for Ewma {
    fn observe(&mut self, usage: Usage, elapsed_s: u64, _second: u64) {
        let rate = usage.rate().as_bps() as f64;
        let level = self.level();
        let rate = match usage {
            Usage::Free(_) => rate,
            Usage::Backlogged(_) => rate.max(level),
        };
        // After a gap the newest second stands for those that nobody saw, too.
        let kept = (1.0 - ALPHA).powi(elapsed_s.clamp(1, 60) as i32);
        self.weighted_bps = kept * self.weighted_bps + (1.0 - kept) * rate;
        self.weight = kept * self.weight + (1.0 - kept);
    }

    fn level(&self) -> f64 {
        if self.weight > 0.0 { self.weighted_bps / self.weight } else { 0.0 }
    }
}
