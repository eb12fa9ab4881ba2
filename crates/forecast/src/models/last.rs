//! The last value: what was, will be.

use super::Model;
use vocab::Usage;

/// The last value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Last {
    bps: f64,
}

impl Model for Last {
    fn observe(&mut self, usage: Usage, _elapsed_s: u64, _second: u64) {
        let rate = usage.rate().as_bps() as f64;
        self.bps = match usage {
            Usage::Free(_) => rate,
            Usage::Backlogged(_) => rate.max(self.bps),
        };
    }

    fn level(&self) -> f64 {
        self.bps
    }
}
