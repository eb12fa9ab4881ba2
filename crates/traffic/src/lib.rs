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
mod rules;

pub use flow_table::{Counts, FlowCounters, FlowId, FlowLimits, FlowTable, Observed, Revised, Settlement};
pub use locality::{Locality, Network};
pub use meter::Meter;
pub use packet::{Fragment, Malformed, Packet, TcpFlags, TcpSegment, Transport};
pub use rules::conditions_like;

/// How a flow moves, and what that says: for the workshop that trains and judges it.
pub mod behavior {
    pub use crate::classify::behavior::{
        Behavior, CLASSES, FEATURES, FEWEST, HIDDEN, Model, Moved, Opinion, PACKETS, Parameters, Rhythm, Seen, WEIGHTS,
        features, gap_code, gap_micros, outgrown,
    };
}

/// Entry points of the parsers of outside bytes, for fuzzing: each must return for any input.
pub mod parsers {
    pub use crate::classify::parsers::{dns, dtls, http, quic, stun_rtp, tls};

    use crate::{FlowLimits, FlowTable, Locality, Packet};
    use vocab::{LinkType, Timestamp};

    /// Frames of one link, separated by `0xff 0xfe 0xfd`, through parser and flow table; the first byte
    /// chooses the link type. Returns how many flows they made.
    pub fn packets(bytes: &[u8]) -> u64 {
        const LINKS: [LinkType; 8] = [
            LinkType::Ethernet,
            LinkType::RawIp,
            LinkType::LinuxCooked,
            LinkType::LinuxCooked2,
            LinkType::Loopback,
            LinkType::Ppp,
            LinkType::PppEther,
            LinkType::CiscoHdlc,
        ];
        let Some((&choice, mut rest)) = bytes.split_first() else { return 0 };
        let link_type = LINKS[usize::from(choice) % LINKS.len()];
        let limits = FlowLimits { flows: 16, reassembly_bytes: 4_096, names: 16, ..FlowLimits::default() };
        let mut table = FlowTable::new(limits, Locality::default());
        for step in 0.. {
            let end = memchr::memmem::find(rest, &[0xff, 0xfe, 0xfd]);
            let frame = &rest[..end.unwrap_or(rest.len())];
            let at = Timestamp::from_unix_millis(step * 20);
            if let Ok(packet) = Packet::parse(frame, link_type, frame.len() as u32) {
                table.observe(&packet, None, at);
            }
            table.expire(at);
            match end {
                Some(end) => rest = &rest[end + 3..],
                None => break,
            }
        }
        table.drain();
        table.counters().opened
    }
}
