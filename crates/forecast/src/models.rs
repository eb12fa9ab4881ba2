//! Models that say one number, and the family that all models are members of.

mod autoregression;
mod ewma;
mod last;
mod seasonal;

pub use autoregression::Autoregression;
pub use ewma::Ewma;
pub use last::Last;
pub use seasonal::Seasonal;

use vocab::Usage;

/// What says one number about the next minute of one series: its usual level. It sees each window once, in order.
pub trait Model {
    /// Takes what the series did in a window that ended at `second` (since 1970), `elapsed_s` after the one before
    /// (1 without a gap). Usage that was held back may raise what it says and never lowers it.
    fn observe(&mut self, usage: Usage, elapsed_s: u64, second: u64);

    /// Its guess, bit/s, finite and never negative.
    fn level(&self) -> f64;
}
