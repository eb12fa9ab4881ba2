//! One frame as a [`Packet`]: addresses, ports, length, marks and the payload, borrowed from the frame.
//!
//! What goes in: the captured bytes (perhaps cut short), how the frame begins, its length on the wire. What
//! comes out: the innermost IP packet that can be read without a key, or why there is none. Nothing is
//! copied, and no input can panic: every read is checked, every loop is bounded.

mod ethernet;
mod ip;
mod tcp;
mod udp;
mod wireless;
mod wrapped;

pub use tcp::{TcpFlags, TcpSegment};

use vocab::{Address, Endpoint, FlowKey, IpProtocol, LinkType, MacAddress, Side};

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
    /// The first part, with the ports; the others bear the same `id`.
    First {
        /// The identification of the IP packet.
        id: u32,
    },
    /// A later part: no ports, its payload is the middle of something.
    Later {
        /// The identification of the IP packet.
        id: u32,
    },
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
    /// Bytes of it that were on the wire and that the capture did not keep.
    pub cut: u32,
}

impl<'a> Packet<'a> {
    /// The packet in a frame that begins as `link_type` says and had `wire_len` bytes on the wire, counted
    /// from the same place as `bytes`.
    ///
    /// Tunnels in the clear (IP in IP, 6in4, 4in6, GRE, EtherIP, MPLS in IP, GTP-U, TZSP, CAPWAP's data) give the inner packet, with the outer length.
    ///
    /// # Errors
    /// [`Malformed`] where no IP header can be read.
    pub fn parse(bytes: &'a [u8], link_type: LinkType, wire_len: u32) -> Result<Packet<'a>, Malformed> {
        match plain(bytes, link_type, wire_len) {
            Some(packet) => Ok(packet),
            None => Packet::parse_any(bytes, link_type, wire_len),
        }
    }

    /// The same for every frame, step by step.
    fn parse_any(bytes: &'a [u8], link_type: LinkType, wire_len: u32) -> Result<Packet<'a>, Malformed> {
        let frame = ethernet::open(bytes, link_type)?;
        let mut packet = ip::parse(frame.network, frame.payload, ip::MOST_TUNNELS)?;
        packet.source_mac = frame.source_mac;
        packet.destination_mac = frame.destination_mac;
        packet.vlan = frame.vlan;
        packet.cut = packet.cut.min(not_kept(bytes, wire_len));
        let before = match frame.ethernet_at {
            Some(at) => at,
            None => bytes.len() - frame.payload.len(),
        };
        let length = wire_len.saturating_sub(u32::try_from(before).unwrap_or(0));
        packet.wire_len = match frame.ethernet_at {
            Some(_) => length,
            None => length.saturating_add(ETHERNET_HEADER),
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

/// What nearly every frame is, read in one go, four times as fast: Ethernet, IP without options or extension
/// headers, whole, TCP or UDP with nothing inside it that is a tunnel. `None` for all else, which
/// [`Packet::parse_any`] reads; where both read a frame, they agree.
#[inline(always)]
fn plain(bytes: &[u8], link_type: LinkType, wire_len: u32) -> Option<Packet<'_>> {
    if link_type != LinkType::Ethernet {
        return None;
    }
    let (ethernet, rest) = bytes.split_first_chunk::<14>()?;
    let (source, destination, protocol, traffic_class, ttl, length, body) = match [ethernet[12], ethernet[13]] {
        [0x08, 0x00] => {
            let fixed = rest.first_chunk::<20>()?;
            let total = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
            // Neither part of a packet nor more follows of it; "do not fragment" may be set.
            if fixed[0] != 0x45 || u16::from_be_bytes([fixed[6], fixed[7]]) & 0x3fff != 0 || total < 20 {
                return None;
            }
            let source = Address::from_v4([fixed[12], fixed[13], fixed[14], fixed[15]]);
            let destination = Address::from_v4([fixed[16], fixed[17], fixed[18], fixed[19]]);
            (source, destination, fixed[9], fixed[1], fixed[8], total, rest.get(20..total.min(rest.len()))?)
        }
        [0x86, 0xdd] => {
            let fixed = rest.first_chunk::<40>()?;
            let length = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
            if fixed[0] >> 4 != 6 || length == 0 {
                return None;
            }
            let address = |at: usize| Some(Address(*fixed.get(at..)?.first_chunk()?));
            let traffic_class = fixed[0] << 4 | fixed[1] >> 4;
            let length = 40 + length;
            let body = rest.get(40..length.min(rest.len()))?;
            (address(8)?, address(24)?, fixed[6], traffic_class, fixed[7], length, body)
        }
        _ => return None,
    };
    let ((source_port, destination_port), transport, payload) = match IpProtocol(protocol) {
        IpProtocol::TCP => {
            let (ports, segment, payload) = tcp::open(body)?;
            (ports, Transport::Tcp(segment), payload)
        }
        IpProtocol::UDP => {
            let (ports, payload) = udp::open(body)?;
            if ip::may_be_tunnel(ports.0) || ip::may_be_tunnel(ports.1) {
                return None;
            }
            (ports, Transport::Udp, payload)
        }
        _ => return None,
    };
    let mac = |at: usize| Some(MacAddress(*ethernet.get(at..)?.first_chunk()?));
    Some(Packet {
        source: Endpoint { address: source, port: source_port },
        destination: Endpoint { address: destination, port: destination_port },
        protocol: IpProtocol(protocol),
        transport,
        source_mac: mac(6),
        destination_mac: mac(0),
        vlan: None,
        dscp: traffic_class >> 2,
        ttl,
        wire_len,
        fragment: Fragment::Whole,
        payload,
        cut: (length.saturating_sub(rest.len()) as u32).min(not_kept(bytes, wire_len)),
    })
}

/// How much of a frame the capture did not keep; what headers say of it may be a lie.
#[inline]
fn not_kept(bytes: &[u8], wire_len: u32) -> u32 {
    wire_len.saturating_sub(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
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
