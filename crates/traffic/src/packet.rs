//! One frame as a [`Packet`]: addresses, ports, length, marks and the payload, borrowed from the frame.
//!
//! What goes in: the captured bytes (perhaps cut short), how the frame begins, its length on the wire. What
//! comes out: the innermost IP packet that can be read without a key, or why there is none. Nothing is
//! copied, and no input can panic: every read is checked, every loop is bounded.

mod ethernet;
mod ip;
mod tcp;
mod udp;

pub use tcp::{TcpFlags, TcpSegment};

use vocab::{Endpoint, FlowKey, IpProtocol, LinkType, MacAddress, Side};

/// The Ethernet header that every layer 2 length of ours includes (IEEE 802.3, 14 bytes).
const ETHERNET_HEADER: u32 = 14;

/// Why a frame gives no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends inside a header.
    #[error("the frame ends inside its {0} header")]
    Truncated(&'static str),
    /// It carries something else than IP (ARP, LLDP, spanning tree…): no error of the sender.
    #[error("ethertype {0:#06x} is not IP")]
    NotIp(u16),
    /// A version or length field contradicts the protocol.
    #[error("the {0} header contradicts itself")]
    Inconsistent(&'static str),
    /// More tags, labels or extension headers than any real packet has.
    #[error("too many headers")]
    TooDeep,
}

/// Which part of an IP packet a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// All of it.
    Whole,
    /// The first part, with the ports.
    First,
    /// A later part: no ports, its payload is the middle of something.
    Later,
}

/// What the protocol above IP says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP, with what is needed to follow the stream.
    Tcp(TcpSegment),
    /// UDP.
    Udp,
    /// Another protocol, or a part without a header.
    Other,
}

/// One IP packet of a frame, borrowed from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packet<'a> {
    /// Who sent it; port 0 where the protocol has none.
    pub source: Endpoint,
    /// Whom it is for.
    pub destination: Endpoint,
    /// The protocol above IP.
    pub protocol: IpProtocol,
    /// What that protocol says.
    pub transport: Transport,
    /// The sender on the segment, where the frame names one.
    pub source_mac: Option<MacAddress>,
    /// The receiver on the segment, where the frame names one.
    pub destination_mac: Option<MacAddress>,
    /// The outermost VLAN tag (IEEE 802.1Q).
    pub vlan: Option<u16>,
    /// The mark in the IP header (RFC 2474), 0 to 63.
    pub dscp: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Length on the wire in bytes, layer 2.
    pub wire_len: u32,
    /// Whether it is all of an IP packet.
    pub fragment: Fragment,
    /// What the transport carries, cut to the length that IP states: padding is no payload.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// The packet in a frame that begins as `link_type` says and had `wire_len` bytes on the wire, counted
    /// from the same place as `bytes`.
    ///
    /// Tunnels in the clear (IP in IP, 6in4, 4in6, GRE, GTP-U) give the inner packet, with the outer length.
    ///
    /// # Errors
    /// [`Malformed`] where no IP header can be read.
    pub fn parse(bytes: &'a [u8], link_type: LinkType, wire_len: u32) -> Result<Packet<'a>, Malformed> {
        let frame = ethernet::open(bytes, link_type)?;
        let mut packet = ip::parse(frame.network, frame.payload, ip::MOST_TUNNELS)?;
        packet.source_mac = frame.source_mac;
        packet.destination_mac = frame.destination_mac;
        packet.vlan = frame.vlan;
        packet.wire_len = match link_type {
            LinkType::Ethernet => wire_len,
            LinkType::RawIp
            | LinkType::LinuxCooked
            | LinkType::LinuxCooked2
            | LinkType::Loopback
            | LinkType::Ppp
            | LinkType::PppEther
            | LinkType::CiscoHdlc => {
                let header = u32::try_from(bytes.len() - frame.payload.len()).unwrap_or(0);
                wire_len.saturating_sub(header).saturating_add(ETHERNET_HEADER)
            }
        };
        Ok(packet)
    }

    /// The flow of the outermost IP packet in a frame, by which those count that open no tunnel; `None` where
    /// no IP header can be read. It is [`Packet::key`] of the same frame but for tunnels in the clear.
    pub fn outer_key(bytes: &[u8], link_type: LinkType) -> Option<FlowKey> {
        let frame = ethernet::open(bytes, link_type).ok()?;
        let packet = ip::parse(frame.network, frame.payload, 0).ok()?;
        Some(packet.key().0)
    }

    /// Its flow, and which end of it sent this packet.
    pub fn key(&self) -> (FlowKey, Side) {
        FlowKey::new(self.protocol, self.source, self.destination)
    }
}

/// The two bytes at `at`, in network order.
#[inline]
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// The four bytes at `at`, in network order.
#[inline]
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests;
