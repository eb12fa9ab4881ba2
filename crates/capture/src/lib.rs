//! Where packets come from: eBPF, AF_PACKET, capture files.
//!
//! What goes in: interfaces, files, the data path's maps. What comes out: [`Observation`]s with their time,
//! and exact counts of what was lost. Never: a look inside a packet beyond the length of its headers.

mod af_packet;
mod ebpf;
mod error;
mod filter;
mod neighbors;
mod pcap;
mod source;
mod surroundings;
mod sys;

pub use af_packet::{AfPacketSettings, AfPacketSource, Listening, Tap};
pub use ebpf::EbpfSource;
pub use error::CaptureError;
pub use filter::Filter;
pub use neighbors::{
    InterfaceAddress, InterfaceState, Neighbor, NeighborState, NeighborTable, NetworkInterface, interfaces,
};
pub use pcap::{FileSource, FileWarning, Progress};
pub use source::*;
pub use surroundings::{Place, RootQueue, Surroundings, WayOut, surroundings};
#[cfg(feature = "inject")]
pub use sys::injector::Injector;
