//! Samples in, demand out.
//!
//! What goes in: for each [`Series`], once per closed window of 1 s, the rate it had and whether it was held
//! back ([`vocab::Usage`]). What comes out: its demand over five horizons as quantiles
//! ([`vocab::Forecast`]), and, when a horizon has passed, how right they were. What it never does: IO, reading a
//! clock, guessing across a gap.
//!
//! A [`Model`] says one number per horizon; what it usually misses by, learnt per series with delayed feedback and
//! pooled over all series for the beginning, makes quantiles of it. Of two models, the one that lost less lately
//! speaks for a series. Rates are layer 2 bit/s; floats live in this crate only and never leave it.

mod anomaly;
mod features;
mod forecaster;
mod history;
mod models;
mod outlook;
mod residuals;
mod score;
mod series;

pub use anomaly::{Anomaly, AnomalyScore, AnomalyState};
pub use forecaster::{Forecaster, Settings};
pub use models::{Ewma, Last, Model};
pub use outlook::{OutlookScore, OutlookScores, backtest_outlook, outlook};
pub use score::{Scored, pinball};
pub use series::Series;
