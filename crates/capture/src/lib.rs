//! Where packets come from: eBPF, AF_PACKET, capture files.
//!
//! What goes in: interfaces, files, the data path's maps. What comes out: [`Observation`]s with their time,
//! and exact counts of what was lost. Never: a look inside a packet beyond the length of its headers.

mod error;
mod source;

pub use error::CaptureError;
pub use source::*;
