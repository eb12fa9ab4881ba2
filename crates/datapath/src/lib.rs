//! The eBPF programs, their maps, and the code that loads them.
//!
//! What goes in: which interfaces, which devices have which slot, verdicts, which leaves the queue tree has.
//! What comes out: exact counters per (device, class, direction), flows, and the first frames of each flow.
//! Never: a decision about traffic. The programs in `bpf/equalnet.bpf.c` count and steer every packet by themselves
//! and go on doing so when nobody is there; `bpf/maps.h` is the layout they share with us.

mod error;
mod events;
mod hooks;
mod load;
mod maps;
mod protected;
mod quality;
mod readings;
mod refusal;
mod slot;
mod steering;
pub mod sys;
mod trial;

pub use error::DatapathError;
pub use events::{Event, Events};
pub use hooks::{Head, Hook};
pub use load::{Adopted, Datapath, DatapathSettings, Looking};
pub use protected::ProtectedFlows;
pub use quality::QualityReading;
pub use readings::{ClassCount, ClassMap, Counted, FlowMap, FlowReading, Stats};
pub use slot::*;
pub use steering::{Leaf, Steering, SteeringMode};
pub use trial::{Setting, Trial};
