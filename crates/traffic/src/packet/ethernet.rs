//! From the first byte of a frame to the first byte of IP: link headers, tags, labels, PPP.

use super::{Malformed, be16};
use vocab::{LinkType, MacAddress};

/// Which IP the link header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    V4,
    V6,
    /// The link header does not say: the first four bits do.
    ByVersion,
}

/// A frame without its link header.
pub(super) struct Frame<'a> {
    pub(super) network: Network,
    pub(super) payload: &'a [u8],
    pub(super) source_mac: Option<MacAddress>,
    pub(super) destination_mac: Option<MacAddress>,
    pub(super) vlan: Option<u16>,
}

// Ethertypes (IEEE registry).
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
const PPPOE: u16 = 0x8864;
const MPLS: [u16; 2] = [0x8847, 0x8848];
/// Tags, labels and shims together; QinQ with PPPoE and four labels is 7.
const MOST_SHIMS: usize = 12;
/// `ARPHRD_ETHER` of linux/if_arp.h.
const ARPHRD_ETHER: u16 = 1;

pub(super) fn open(bytes: &[u8], link_type: LinkType) -> Result<Frame<'_>, Malformed> {
    let mut frame =
        Frame { network: Network::ByVersion, payload: bytes, source_mac: None, destination_mac: None, vlan: None };
    match link_type {
        LinkType::RawIp => Ok(frame),
        LinkType::Loopback => {
            frame.payload = bytes.get(4..).ok_or(Malformed::Truncated("loopback"))?;
            Ok(frame)
        }
        LinkType::Ethernet => {
            let truncated = Malformed::Truncated("Ethernet");
            frame.destination_mac = mac(bytes, 0);
            frame.source_mac = mac(bytes, 6);
            let ethertype = be16(bytes, 12).ok_or(truncated)?;
            frame.payload = bytes.get(14..).ok_or(truncated)?;
            through_shims(frame, ethertype)
        }
        LinkType::LinuxCooked => {
            let truncated = Malformed::Truncated("cooked");
            if be16(bytes, 2) == Some(ARPHRD_ETHER) && be16(bytes, 4) == Some(6) {
                frame.source_mac = mac(bytes, 6);
            }
            let ethertype = be16(bytes, 14).ok_or(truncated)?;
            frame.payload = bytes.get(16..).ok_or(truncated)?;
            through_shims(frame, ethertype)
        }
        LinkType::LinuxCooked2 => {
            let truncated = Malformed::Truncated("cooked");
            if be16(bytes, 8) == Some(ARPHRD_ETHER) && bytes.get(11) == Some(&6) {
                frame.source_mac = mac(bytes, 12);
            }
            let ethertype = be16(bytes, 0).ok_or(truncated)?;
            frame.payload = bytes.get(20..).ok_or(truncated)?;
            through_shims(frame, ethertype)
        }
        LinkType::CiscoHdlc => {
            let truncated = Malformed::Truncated("HDLC");
            let ethertype = be16(bytes, 2).ok_or(truncated)?;
            frame.payload = bytes.get(4..).ok_or(truncated)?;
            through_shims(frame, ethertype)
        }
        // Serial lines that speak Cisco HDLC are recorded as PPP too: unicast or broadcast, then zero.
        LinkType::Ppp if matches!(bytes, [0x0f | 0x8f, 0, ..]) => open(bytes, LinkType::CiscoHdlc),
        LinkType::Ppp => {
            // HDLC-like framing (RFC 1662) begins with "all stations, unnumbered information".
            let inner = bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes);
            (frame.network, frame.payload) = ppp(inner)?;
            Ok(frame)
        }
        LinkType::PppEther => {
            let inner = bytes.get(6..).ok_or(Malformed::Truncated("PPPoE"))?;
            (frame.network, frame.payload) = ppp(inner)?;
            Ok(frame)
        }
    }
}

/// Follows VLAN tags, MPLS labels, PPPoE and SNAP until IP.
fn through_shims(mut frame: Frame<'_>, mut ethertype: u16) -> Result<Frame<'_>, Malformed> {
    for _ in 0..MOST_SHIMS {
        let bytes = frame.payload;
        match ethertype {
            IPV4 => {
                frame.network = Network::V4;
                return Ok(frame);
            }
            IPV6 => {
                frame.network = Network::V6;
                return Ok(frame);
            }
            PPPOE => {
                let inner = bytes.get(6..).ok_or(Malformed::Truncated("PPPoE"))?;
                (frame.network, frame.payload) = ppp(inner)?;
                return Ok(frame);
            }
            tag if VLAN.contains(&tag) => {
                let truncated = Malformed::Truncated("VLAN");
                let control = be16(bytes, 0).ok_or(truncated)?;
                frame.vlan = frame.vlan.or(Some(control & 0x0fff));
                ethertype = be16(bytes, 2).ok_or(truncated)?;
                frame.payload = bytes.get(4..).ok_or(truncated)?;
            }
            label if MPLS.contains(&label) => {
                let bottom = bytes.get(2).ok_or(Malformed::Truncated("MPLS"))? & 1 == 1;
                frame.payload = bytes.get(4..).ok_or(Malformed::Truncated("MPLS"))?;
                if bottom {
                    frame.network = Network::ByVersion;
                    return Ok(frame);
                }
            }
            // IEEE 802.3: a length, then LLC; SNAP (RFC 1042) leads back to an ethertype.
            length if length <= 1500 => {
                if bytes.get(..6) != Some(&[0xaa, 0xaa, 0x03, 0, 0, 0]) {
                    return Err(Malformed::NotIp(length));
                }
                ethertype = be16(bytes, 6).ok_or(Malformed::Truncated("SNAP"))?;
                frame.payload = bytes.get(8..).ok_or(Malformed::Truncated("SNAP"))?;
            }
            other => return Err(Malformed::NotIp(other)),
        }
    }
    Err(Malformed::TooDeep)
}

/// IP behind a PPP protocol field, compressed to one byte or not (RFC 1661, 2).
pub(super) fn ppp(bytes: &[u8]) -> Result<(Network, &[u8]), Malformed> {
    let first = *bytes.first().ok_or(Malformed::Truncated("PPP"))?;
    let (protocol, length) =
        if first & 1 == 1 { (u16::from(first), 1) } else { (be16(bytes, 0).ok_or(Malformed::Truncated("PPP"))?, 2) };
    let rest = bytes.get(length..).ok_or(Malformed::Truncated("PPP"))?;
    match protocol {
        0x0021 => Ok((Network::V4, rest)),
        0x0057 => Ok((Network::V6, rest)),
        other => Err(Malformed::NotIp(other)),
    }
}

/// What GRE and transparent bridging carry under an ethertype, where it is IP or a whole Ethernet frame.
pub(super) fn by_ethertype(bytes: &[u8], ethertype: u16) -> Result<(Network, &[u8]), Malformed> {
    match ethertype {
        // "Transparent Ethernet bridging" (RFC 7637, 3.2): a frame of its own.
        0x6558 => open(bytes, LinkType::Ethernet).map(|frame| (frame.network, frame.payload)),
        // PPP in enhanced GRE (RFC 2637, 4.1).
        0x880b => ppp(bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes)),
        IPV4 => Ok((Network::V4, bytes)),
        IPV6 => Ok((Network::V6, bytes)),
        other => Err(Malformed::NotIp(other)),
    }
}

fn mac(bytes: &[u8], at: usize) -> Option<MacAddress> {
    Some(MacAddress(bytes.get(at..at + 6)?.try_into().ok()?))
}
