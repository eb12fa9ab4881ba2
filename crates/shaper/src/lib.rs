//! Makes the kernel's queue tree match a plan, over netlink.
//!
//! In goes a [`Plan`](vocab::Plan); what comes out is a tree of HTB classes in the kernel that means it, and
//! the readings of their queues. A change touches only what differs, in an order that keeps every cap and
//! loses no packet. It never decides a rate: what the kernel is told follows from docs/law.md alone.

#![forbid(unsafe_code)]

mod abilities;
mod diff;
mod error;
mod fit;
mod kernel;
mod leaf;
mod netlink;
mod shaper;
mod state;
mod steer;
mod tc;
mod tree;
mod turns;
mod watcher;

pub use abilities::{Abilities, abilities};
pub use diff::{Op, diff};
pub use error::ShaperError;
pub use leaf::{LeafKind, LeafQdisc, Patience};
pub use shaper::{Applied, Disturbance, Shaper, ShaperSettings, clear, download_interface};
pub use steer::{Fixed, Steer};
pub use tree::{Charge, Class, QueueTree};
