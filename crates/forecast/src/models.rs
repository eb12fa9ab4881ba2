//! Models: from what was seen to one number.

mod ewma;
mod last;

pub use ewma::Ewma;
pub use last::Last;

use vocab::{Horizon, Usage};

/// What says one number about the future of one series. It sees each window once, in order.
pub trait Model {
    /// Its word in forecasts and scores.
    const NAME: &'static str;

    /// Takes what the series did in a window that ended `elapsed_s` seconds after the one before (1 without a
    /// gap). Usage that was held back may raise what it says and never lowers it.
    fn observe(&mut self, usage: Usage, elapsed_s: u64);

    /// Its guess at `horizon`, bit/s, finite and never negative.
    fn level(&self, horizon: Horizon) -> f64;
}
