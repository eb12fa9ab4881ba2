//! IPv4 with options, IPv6 with extension headers, fragments, and tunnels in the clear.

use super::ethernet::{Network, by_ethertype, labelled};
use super::{Fragment, Malformed, Packet, Transport, be16, be32, tcp, udp, wireless};
use vocab::{Address, Endpoint, IpProtocol};

/// Tunnels inside tunnels that we follow; the next one is a packet of its tunnel's protocol.
pub(super) const MOST_TUNNELS: usize = 4;
/// Extension headers that we follow (RFC 8200 orders seven).
const MOST_EXTENSIONS: usize = 10;

const HOP_BY_HOP: u8 = 0;
const IP_IN_IP: u8 = 4;
const TCP: u8 = 6;
const UDP: u8 = 17;
const SIX_IN_FOUR: u8 = 41;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const GRE: u8 = 47;
const DESTINATION_OPTIONS: u8 = 60;
const ETHERIP: u8 = 97;
const MOBILITY: u8 = 135;
const MPLS_IN_IP: u8 = 137;
const HIP: u8 = 139;
const SHIM6: u8 = 140;
const ETHERNET: u8 = 143;

/// What stands between the link header and the transport.
struct Header<'a> {
    source: Address,
    destination: Address,
    protocol: u8,
    dscp: u8,
    ttl: u8,
    fragment: Fragment,
    body: &'a [u8],
    /// What the length in the header counts beyond the bytes at hand.
    cut: usize,
}

/// The IP packet inside at most `most_tunnels` in `bytes`; link fields are left for the caller.
pub(super) fn parse(mut network: Network, mut bytes: &[u8], most_tunnels: usize) -> Result<Packet<'_>, Malformed> {
    let mut header = header(network, bytes)?;
    for _ in 0..most_tunnels {
        let inner = match header.protocol {
            _ if header.fragment != Fragment::Whole => break,
            IP_IN_IP => Ok((Network::V4, header.body)),
            SIX_IN_FOUR => Ok((Network::V6, header.body)),
            GRE => gre(header.body),
            // A version of four bits and zeros (RFC 3378, 3), then a frame.
            ETHERIP => by_ethertype(header.body.get(2..).unwrap_or(&[]), BRIDGED),
            ETHERNET => by_ethertype(header.body, BRIDGED),
            MPLS_IN_IP => labelled(header.body),
            UDP => match datagram_tunnel(header.body) {
                Some(inner) => inner,
                None => break,
            },
            _ => break,
        };
        // A tunnel that cannot be read is still a flow: that of the tunnel itself.
        let Ok(inner) = inner else { break };
        (network, bytes) = inner;
        match self::header(network, bytes) {
            Ok(found) => header = found,
            Err(_) => break,
        }
    }
    Ok(packet(&header))
}

fn packet<'a>(header: &Header<'a>) -> Packet<'a> {
    let mut packet = Packet {
        source: Endpoint { address: header.source, port: 0 },
        destination: Endpoint { address: header.destination, port: 0 },
        protocol: IpProtocol(header.protocol),
        transport: Transport::Other,
        source_mac: None,
        destination_mac: None,
        vlan: None,
        dscp: header.dscp,
        ttl: header.ttl,
        wire_len: 0,
        fragment: header.fragment,
        payload: header.body,
        cut: u32::try_from(header.cut).unwrap_or(u32::MAX),
    };
    if matches!(header.fragment, Fragment::Later { .. }) {
        return packet;
    }
    let ports = match header.protocol {
        TCP => tcp::open(header.body).map(|(ports, segment, payload)| (ports, Transport::Tcp(segment), payload)),
        UDP => udp::open(header.body).map(|(ports, payload)| (ports, Transport::Udp, payload)),
        _ => None,
    };
    if let Some(((source, destination), transport, payload)) = ports {
        packet.source.port = source;
        packet.destination.port = destination;
        packet.transport = transport;
        packet.payload = payload;
    }
    packet
}

fn header(network: Network, bytes: &[u8]) -> Result<Header<'_>, Malformed> {
    let version = bytes.first().ok_or(Malformed::Truncated("IP"))? >> 4;
    match (network, version) {
        (Network::V4 | Network::ByVersion, 4) => ipv4(bytes),
        (Network::V6 | Network::ByVersion, 6) => ipv6(bytes),
        _ => Err(Malformed::Inconsistent("IP")),
    }
}

fn ipv4(bytes: &[u8]) -> Result<Header<'_>, Malformed> {
    let fixed: &[u8; 20] = bytes.first_chunk().ok_or(Malformed::Truncated("IPv4"))?;
    let header_len = usize::from(fixed[0] & 0x0f) * 4;
    if header_len < 20 {
        return Err(Malformed::Inconsistent("IPv4"));
    }
    let total = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    // A sender that segments in hardware leaves the length zero: then the frame says it.
    let total = if total == 0 { bytes.len() } else { total };
    if total < header_len {
        return Err(Malformed::Inconsistent("IPv4"));
    }
    let body = bytes.get(header_len..total.min(bytes.len())).ok_or(Malformed::Truncated("IPv4"))?;
    let word = u16::from_be_bytes([fixed[6], fixed[7]]);
    let id = u32::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    let fragment = match (word & 0x1fff, word & 0x2000 != 0) {
        (0, false) => Fragment::Whole,
        (0, true) => Fragment::First { id },
        _ => Fragment::Later { id },
    };
    Ok(Header {
        source: Address::from_v4([fixed[12], fixed[13], fixed[14], fixed[15]]),
        destination: Address::from_v4([fixed[16], fixed[17], fixed[18], fixed[19]]),
        protocol: fixed[9],
        dscp: fixed[1] >> 2,
        ttl: fixed[8],
        fragment,
        body,
        cut: total.saturating_sub(bytes.len()),
    })
}

fn ipv6(bytes: &[u8]) -> Result<Header<'_>, Malformed> {
    let fixed: &[u8; 40] = bytes.first_chunk().ok_or(Malformed::Truncated("IPv6"))?;
    let length = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    // Zero: a jumbogram (RFC 2675) or segmentation in hardware; then the frame says it.
    let end = if length == 0 { bytes.len() } else { (40 + length).min(bytes.len()) };
    let mut body = &bytes[40..end];
    let mut protocol = fixed[6];
    let mut fragment = Fragment::Whole;
    let mut depth = 0;
    while matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6) {
        depth += 1;
        if depth > MOST_EXTENSIONS {
            return Err(Malformed::TooDeep);
        }
        // Captures are cut short: without the whole extension header this is a packet of that protocol.
        let (Some(&next), Some(&units)) = (body.first(), body.get(1)) else { break };
        let length = if protocol == FRAGMENT { 8 } else { (usize::from(units) + 1) * 8 };
        if protocol == FRAGMENT {
            let Some(word) = be16(body, 2) else { break };
            let id = be32(body, 4).unwrap_or(0);
            fragment = match (word >> 3, word & 1 == 1) {
                (0, false) => Fragment::Whole,
                (0, true) => Fragment::First { id },
                _ => Fragment::Later { id },
            };
        }
        let Some(rest) = body.get(length..) else { break };
        body = rest;
        protocol = next;
        if matches!(fragment, Fragment::Later { .. }) {
            break;
        }
    }
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&fixed[at..at + 16]);
        Address(octets)
    };
    Ok(Header {
        source: address(8),
        destination: address(24),
        protocol,
        dscp: ((fixed[0] & 0x0f) << 2) | (fixed[1] >> 6),
        ttl: fixed[7],
        fragment,
        body,
        cut: if length == 0 { 0 } else { (40 + length).saturating_sub(bytes.len()) },
    })
}

/// GTP-U (3GPP TS 29.281, 4.4.2.3).
const GTP_PORT: u16 = 2152;
/// CAPWAP's data (RFC 5415, 3.1).
const CAPWAP_PORT: u16 = 5247;
/// What access points mirror to a sniffer.
const TZSP_PORT: u16 = 37_008;
/// The ethertype under which a frame of its own is carried (RFC 7637, 3.2).
const BRIDGED: u16 = 0x6558;

/// Whether a datagram of this port must be looked into for a tunnel in the clear.
#[inline]
pub(super) fn may_be_tunnel(port: u16) -> bool {
    matches!(port, GTP_PORT | CAPWAP_PORT | TZSP_PORT)
}

/// What a datagram carries that is a tunnel in the clear; tunnels that are a flow of their own to those who run
/// them (VXLAN, GENEVE, Teredo, L2TP) stay closed.
fn datagram_tunnel(datagram: &[u8]) -> Option<Result<(Network, &[u8]), Malformed>> {
    let (source, destination) = (be16(datagram, 0)?, be16(datagram, 2)?);
    if source == CAPWAP_PORT {
        return capwap(datagram.get(8..)?);
    }
    if source == TZSP_PORT || destination == TZSP_PORT {
        return tzsp(datagram.get(8..)?);
    }
    gtp(datagram).map(|inner| Ok((Network::ByVersion, inner)))
}

/// What a controller sends to the devices of an access point (RFC 5415, 4.3), whole and in the clear: IEEE 802.3
/// or, where its flag says so, IEEE 802.11, whose control bytes some vendors swap. The way up stays the tunnel's.
fn capwap(bytes: &[u8]) -> Option<Result<(Network, &[u8]), Malformed>> {
    let &[0, second, third, fourth, ..] = bytes else { return None };
    // Parts of a frame, and keep-alives.
    if fourth & 0x88 != 0 {
        return None;
    }
    let frame = bytes.get(usize::from(second >> 3) * 4..)?;
    if third & 1 == 0 {
        return Some(by_ethertype(frame, BRIDGED));
    }
    let body =
        wireless::open(frame, wireless::Framing::Plain).or_else(|_| wireless::open(frame, wireless::Framing::Swapped));
    Some(body.and_then(|body| match body.payload {
        [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, rest @ ..] => by_ethertype(rest, u16::from_be_bytes([*high, *low])),
        _ => Err(Malformed::NotIp(0)),
    }))
}

/// A frame of Ethernet (TaZmen sniffer protocol): version 1, a received packet, tags to their end.
fn tzsp(bytes: &[u8]) -> Option<Result<(Network, &[u8]), Malformed>> {
    let [1, 0, 0, 1, ..] = bytes else { return None };
    let mut at = 4;
    for _ in 0..32 {
        match *bytes.get(at)? {
            0 => at += 1,
            1 => return Some(by_ethertype(bytes.get(at + 1..)?, BRIDGED)),
            _ => at += 2 + usize::from(*bytes.get(at + 1)?),
        }
    }
    None
}

/// What a mobile network's tunnel carries: GTP-U (3GPP TS 29.281, 5.1) on its port, message type G-PDU.
fn gtp(datagram: &[u8]) -> Option<&[u8]> {
    const G_PDU: u8 = 255;
    if be16(datagram, 0) != Some(GTP_PORT) && be16(datagram, 2) != Some(GTP_PORT) {
        return None;
    }
    let bytes = datagram.get(8..)?;
    let flags = *bytes.first()?;
    if flags & 0xf0 != 0x30 || bytes.get(1) != Some(&G_PDU) {
        return None;
    }
    let mut at = if flags & 0x07 == 0 { 8 } else { 12 };
    // Extension headers: a length in words first, the next type last.
    let mut next = if flags & 0x04 == 0 { 0 } else { *bytes.get(11)? };
    for _ in 0..MOST_EXTENSIONS {
        if next == 0 {
            return bytes.get(at..);
        }
        at += usize::from(*bytes.get(at)?).max(1) * 4;
        next = *bytes.get(at - 1)?;
    }
    None
}

/// What GRE carries (RFC 2784, RFC 2890, and the enhanced form of RFC 2637).
fn gre(bytes: &[u8]) -> Result<(Network, &[u8]), Malformed> {
    let truncated = Malformed::Truncated("GRE");
    let flags = be16(bytes, 0).ok_or(truncated)?;
    let ethertype = be16(bytes, 2).ok_or(truncated)?;
    let mut length = 4;
    let (checksum, routing, key, sequence, ack) =
        (flags & 0x8000 != 0, flags & 0x4000 != 0, flags & 0x2000 != 0, flags & 0x1000 != 0, flags & 0x0080 != 0);
    if routing {
        return Err(Malformed::Inconsistent("GRE"));
    }
    length += 4 * (usize::from(checksum) + usize::from(key) + usize::from(sequence));
    match flags & 0x7 {
        0 => {}
        1 => length += 4 * usize::from(ack),
        _ => return Err(Malformed::Inconsistent("GRE")),
    }
    by_ethertype(bytes.get(length..).ok_or(truncated)?, ethertype)
}
