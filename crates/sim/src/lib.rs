//! A simulated network around a real engine.
//!
//! In: a [`Scenario`], what each device does and when, and what happens to link and policy meanwhile. Out: a
//! [`Report`], who got what. The engine is the one the daemon runs; only traffic, link and clock are
//! simulated, so that a day takes seconds and comes out the same each time.

mod beginnings;
mod by_chance;
mod closed_loop;
mod line;
mod link;
mod moving;
mod network;
mod offered;
mod replay;
mod residents;
mod scenario;
mod traffic_source;
mod watch;

pub use beginnings::Beginning;
pub use moving::{Known, Moved, Moving, moving};
pub use network::{Report, Row, run, run_with};
pub use offered::offered;
pub use replay::{Had, Recording, Replayed, replay};
pub use residents::{HOUSEHOLD, Life, Resident, SPAN_S};
pub use scenario::{Event, Scenario, ScenarioError, SimulatedDevice, Task};
pub use traffic_source::Chance;
pub use watch::{Told, watch};
