//! Packets in, samples out.
//!
//! What goes in: frames as bytes with the time they were seen, and counters that a kernel kept. What comes
//! out: which flow a packet belongs to and what that flow is for ([`FlowTable`]), and what each aggregate
//! moved in a window ([`Meter`]). It never reads a clock, a file or a socket, and no outside byte can make
//! it panic or grow without bound.

mod classify;
mod flow_table;
mod locality;
mod meter;
mod packet;
pub mod parsers;
mod rules;

pub use flow_table::{Counts, FlowCounters, FlowId, FlowLimits, FlowTable, Observed, Revised, Settlement};
pub use locality::{Locality, Network};
pub use meter::Meter;
pub use packet::{Fragment, Malformed, Packet, TcpFlags, TcpSegment, Transport};
pub use rules::conditions_like;

/// How a flow moves, and what that says: for the workshop that trains and judges it.
pub mod behavior {
    pub use crate::classify::behavior::{
        Behavior, CLASSES, FEATURES, FEWEST, HIDDEN, Model, Moved, Opinion, PACKETS, Parameters, Played, Rhythm, Seen,
        WEIGHTS, features, gap_code, gap_micros, outgrown,
    };
}
