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

pub use flow_table::{Counts, FlowCounters, FlowId, FlowLimits, FlowTable, Observed, Settlement};
pub use locality::{Locality, Network};
pub use meter::Meter;
pub use packet::{Fragment, Malformed, Packet, TcpFlags, TcpSegment, Transport};

/// Entry points of the parsers of outside bytes, for fuzzing: each must return for any input.
pub mod parsers {
    pub use crate::classify::parsers::{dns, quic, stun_rtp, tls};
}
