//! The control loop as one value: inputs and the time go in, outputs come out.
//!
//! It holds every decision of the control plane and performs none: no IO, no clock, no thread. Feed it with
//! [`Engine::handle_input`], call [`Engine::handle_timeout`] when [`Engine::poll_timeout`] says so, and drain
//! [`Engine::poll_output`]. The same inputs at the same times give the same outputs, so a day replays in
//! seconds.

mod alerts;
mod autorate;
mod demand;
mod engine;
mod fares;
mod grades;
mod holds;
mod input;
mod journal;
mod line;
mod output;
mod paths;
mod planning;
mod seconds;
mod settings;
mod standing;
mod summary;
mod unusual;

pub use engine::{Engine, Preview};
pub use input::Input;
pub use output::Output;
pub use settings::Settings;
pub use standing::standing_plan;
