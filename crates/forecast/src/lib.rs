//! Samples in, demand out.
//!
//! What goes in: for each [`Series`], once per closed window of 1 s, the rate it had and whether it was held
//! back ([`vocab::Usage`]). What comes out: its demand over five horizons as quantiles
//! ([`vocab::Forecast`]), and, when a horizon has passed, how right they were. What it never does: IO, reading a
//! clock, guessing across a gap.
//!
//! A [`Family`] of models stands beside each other for every series: some say one number, of which past errors make
//! quantiles; the networks say quantiles. Each speaks as loud as it was right lately (`mix.rs`), and what they say
//! together is corrected until it is passed as often as it says (`calibrate.rs`). Rates are layer 2 bit/s; floats live
//! in this crate only and never leave it.

mod anomaly;
mod backtest;
mod calibrate;
mod chance;
mod curve;
mod family;
mod features;
mod forecaster;
mod ground;
mod grow;
mod habit;
mod history;
mod judged;
mod kin;
mod lessons;
mod mix;
mod models;
mod network;
mod outlook;
mod recorded;
mod recurrent;
mod residuals;
mod said;
mod school;
mod score;
mod series;
mod state;
mod steps;
mod train;
mod trees;
mod unroll;

pub use anomaly::{Anomaly, AnomalyScore, AnomalyState};
pub use backtest::{Backtest, Foreseen};
pub use family::{Family, Member, WeightsError};
pub use features::Context;
pub use forecaster::{Forecaster, Settings};
pub use grow::{Grown, Growth};
pub use habit::{Habit, HabitScore};
pub use judged::{FIRST_ORIGIN, Measures, ORIGIN_EVERY, Tally, in_bytes};
pub use lessons::{Beside, Lesson, Sampling};
pub use mix::Standing;
pub use models::{Autoregression, Ewma, Last, Model, Seasonal};
pub use network::{Malformed, Network};
pub use outlook::{OutlookScore, OutlookScores, backtest_outlook, outlook};
pub use recorded::{Recorded, RecordedError};
pub use recurrent::Recurrent;
pub use school::{Curriculum, Learnt, Part, School};
pub use score::{Scored, pinball};
pub use series::{Kind, Series};
pub use steps::Progress;
pub use train::Course;
pub use trees::{MalformedTrees, Trees};
pub use unroll::Unrolling;
