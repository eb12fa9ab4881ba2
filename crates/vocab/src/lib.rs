//! The vocabulary of EqualNet as types.
//!
//! What goes in: values from the edge, checked once. What comes out: values that are valid because they
//! exist. No IO, no clock, no behaviour beyond arithmetic and validity. The words themselves are defined
//! in ARCHITECTURE.md.
//!
//! Layer: every rate and byte count in EqualNet is layer 2, the IP packet with its Ethernet header and
//! without preamble and checksum, because that is what HTB charges and what the kernel's counters say.
//! So a plan and its measurement compare without conversion.

mod capacity;
mod class;
mod demand;
mod device;
mod flow;
mod framing;
mod link;
mod local_time;
mod outlook;
mod outside;
mod plan;
mod policy;
mod quality;
mod record;
mod rule;
mod sample;
mod snapshot;
mod units;

pub use capacity::*;
pub use class::*;
pub use demand::*;
pub use device::*;
pub use flow::*;
pub use framing::*;
pub use link::*;
pub use local_time::*;
pub use outlook::*;
pub use outside::*;
pub use plan::*;
pub use policy::*;
pub use quality::*;
pub use record::*;
pub use rule::*;
pub use sample::*;
pub use snapshot::*;
pub use units::*;
