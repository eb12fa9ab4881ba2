//! Demand and policy in, plan out.
//!
//! What goes in: the capacity of one direction of a link, and what every device and aggregate claims of it
//! (demand foreseen, guarantee, ceiling, weight, tier). What comes out: floor, rate, ceiling, headroom and
//! the reason for each. What it never does: IO, reading a clock, keeping state of its own. The law it
//! follows is `docs/law.md`; each rule of it is named where it is applied.
//!
//! Three layers, each on top of the one before:
//! - [`divide`]: a tree of claims of any depth, one algorithm for every node of it;
//! - [`allocate()`]: the tree that a household is (link, devices, aggregates by class), and its answer in the
//!   words of [`vocab::Division`];
//! - [`FloorGate`] and [`is_worth_applying`]: what of it is told to the kernel now, and what can wait.
//!
//! Arithmetic is in whole bit/s (layer 2) and rounds down. Where `n` claims share a level, up to `n - 1`
//! bit/s stay undistributed at that node: equal claims get equal rates to the bit, and no later tier ever
//! profits from the remainder.

mod allocate;
mod divide;
mod guarantees;
mod hysteresis;
mod water_fill;

pub use allocate::{AggregateClaim, DeviceClaim, allocate};
pub use divide::{Claim, ClaimKind, Divided, Portion, Settings, Yielding, divide};
pub use guarantees::{check_change, check_policy, owed, resolve_guarantee};
pub use hysteresis::{
    CALM, DEADBAND_MIN, DEADBAND_PERMILLE, DWELL, FloorGate, NOISE_PERMILLE, TURNS_PERMILLE, is_worth_applying,
};
