//! From the first byte of a frame to the first byte of IP: link headers, tags, labels, PPP.

use super::{Malformed, be16, wireless, wrapped};
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
    /// How many bytes stand before an Ethernet header; `None` where the frame has none.
    pub(super) ethernet_at: Option<usize>,
}

// Ethertypes (IEEE registry).
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
const PPPOE: u16 = 0x8864;
const MPLS: [u16; 2] = [0x8847, 0x8848];
/// IEEE 802.1ah: a service tag, then an Ethernet header of the customer.
const BACKBONE: u16 = 0x88e7;
/// IEC 62439-3, high-availability seamless redundancy: path and size, a sequence, an ethertype.
const SEAMLESS: u16 = 0x892f;
/// IEEE 802.1BR and Cisco's VN-tag, Cisco's meta data: four to six bytes, then an ethertype.
const EXTENDED: [(u16, usize); 3] = [(0x893f, 6), (0x8926, 4), (0x8909, 6)];
/// B.A.T.M.A.N. advanced; its unicast packets carry an Ethernet frame (linux/batadv_packet.h).
const BATMAN: u16 = 0x4305;
/// TRILL (RFC 6325, 3): six bytes and options, then an Ethernet frame.
const TRILL: u16 = 0x22f3;
/// Security of links (IEEE 802.1AE): where it only signs, the frame goes on behind its tag.
const MACSEC: u16 = 0x88e5;
/// Service chains (RFC 8300, 2).
const SERVICE: u16 = 0x894f;
/// Arista's time stamps: a kind, a version that says how long the stamp is, an ethertype.
const STAMPED: u16 = 0xd28b;
/// Tags, labels and shims together; QinQ with PPPoE and four labels is 7.
const MOST_SHIMS: usize = 12;
/// `ARPHRD_ETHER` of linux/if_arp.h.
const ARPHRD_ETHER: u16 = 1;

pub(super) fn open(bytes: &[u8], link_type: LinkType) -> Result<Frame<'_>, Malformed> {
    let (inner, link_type) = wrapped::unwrap(bytes, link_type)?;
    let mut frame = Frame {
        network: Network::ByVersion,
        payload: inner,
        source_mac: None,
        destination_mac: None,
        vlan: None,
        ethernet_at: None,
    };
    let bytes_before = bytes.len() - inner.len();
    let bytes = inner;
    let behind = |length: usize, name: &'static str| bytes.get(length..).ok_or(Malformed::Truncated(name));
    match link_type {
        LinkType::RawIp => Ok(frame),
        LinkType::Loopback => {
            frame.payload = behind(4, "loopback")?;
            Ok(frame)
        }
        LinkType::Ethernet => {
            frame.ethernet_at = Some(bytes_before);
            let ethertype = frame.enter_ethernet(0)?;
            through_shims(frame, ethertype)
        }
        LinkType::LinuxCooked => {
            let truncated = Malformed::Truncated("cooked");
            if be16(bytes, 2) == Some(ARPHRD_ETHER) && be16(bytes, 4) == Some(6) {
                frame.source_mac = mac(bytes, 6);
            }
            let ethertype = be16(bytes, 14).ok_or(truncated)?;
            frame.payload = behind(16, "cooked")?;
            through_shims(frame, ethertype)
        }
        LinkType::LinuxCooked2 => {
            let truncated = Malformed::Truncated("cooked");
            if be16(bytes, 8) == Some(ARPHRD_ETHER) && bytes.get(11) == Some(&6) {
                frame.source_mac = mac(bytes, 12);
            }
            let ethertype = be16(bytes, 0).ok_or(truncated)?;
            frame.payload = behind(20, "cooked")?;
            through_shims(frame, ethertype)
        }
        LinkType::CiscoHdlc => {
            let ethertype = be16(bytes, 2).ok_or(Malformed::Truncated("HDLC"))?;
            frame.payload = behind(4, "HDLC")?;
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
            (frame.network, frame.payload) = ppp(behind(6, "PPPoE")?)?;
            Ok(frame)
        }
        LinkType::Wifi => {
            let body = wireless::open(bytes, wireless::Framing::Plain)?;
            frame.payload = body.payload;
            frame.source_mac = body.source;
            frame.destination_mac = body.destination;
            through_shims(frame, LLC)
        }
        LinkType::TokenRing => {
            // Access and frame control, two addresses, a route where the sender's first bit says so (IEEE 802.5).
            let route = match bytes.get(8) {
                Some(first) if first & 0x80 != 0 => usize::from(bytes.get(14).map_or(0, |control| control & 0x1f)),
                _ => 0,
            };
            frame.destination_mac = mac(bytes, 2);
            frame.source_mac = mac(bytes, 8);
            frame.payload = behind(14 + route, "token ring")?;
            through_shims(frame, LLC)
        }
        LinkType::Fddi => {
            frame.destination_mac = mac(bytes, 1);
            frame.source_mac = mac(bytes, 7);
            frame.payload = behind(13, "FDDI")?;
            through_shims(frame, LLC)
        }
        LinkType::Slip => {
            frame.payload = behind(16, "SLIP")?;
            Ok(frame)
        }
        LinkType::FrameRelay => frame_relay(frame),
        LinkType::AtmLlc => through_shims(frame, LLC),
        // Flags, path, channel; the low four flags say what follows: 2 is LLC, 1 is an Ethernet emulated.
        LinkType::SunAtm => match bytes.first().map(|flags| flags & 0x0f) {
            Some(2) => {
                frame.payload = behind(4, "ATM")?;
                through_shims(frame, LLC)
            }
            Some(1) => {
                let ethertype = frame.enter_ethernet(6)?;
                through_shims(frame, ethertype)
            }
            _ => Err(Malformed::NotIp(0)),
        },
        // Two network addresses of eight bytes (RFC 2625, 3).
        LinkType::FibreChannel => {
            frame.payload = behind(16, "Fibre Channel")?;
            through_shims(frame, LLC)
        }
        LinkType::FireWire => {
            let ethertype = be16(bytes, 16).ok_or(Malformed::Truncated("FireWire"))?;
            frame.payload = behind(18, "FireWire")?;
            through_shims(frame, ethertype)
        }
        // A family, an index, flags.
        LinkType::OpenBsdEnc => {
            frame.payload = behind(12, "enc")?;
            Ok(frame)
        }
        // Its length first, without the padding to four bytes.
        LinkType::OpenBsdPflog => {
            let length = usize::from(*bytes.first().ok_or(Malformed::Truncated("pflog"))?);
            frame.payload = behind(length.next_multiple_of(4), "pflog")?;
            Ok(frame)
        }
        LinkType::Infiniband => {
            let ethertype = be16(bytes, 40).ok_or(Malformed::Truncated("InfiniBand"))?;
            frame.payload = behind(44, "InfiniBand")?;
            through_shims(frame, ethertype)
        }
        LinkType::SolarisIpNet => {
            frame.payload = behind(24, "ipnet")?;
            Ok(frame)
        }
        LinkType::MarvellTag | LinkType::BroadcomTag => behind_switch_tag(frame, bytes_before, 4),
        LinkType::MarvellEtherTag => behind_switch_tag(frame, bytes_before, 8),
        LinkType::WifiPrism
        | LinkType::WifiRadiotap
        | LinkType::WifiAvs
        | LinkType::PerPacketInformation
        | LinkType::PacketTap
        | LinkType::ExtensibleRecord
        | LinkType::NetfilterLog
        | LinkType::NetAnalyzer
        | LinkType::BroadcomTagFirst
        | LinkType::PppDirected => Err(Malformed::TooDeep),
    }
}

/// As the length field of IEEE 802.3 does, it says that LLC follows.
const LLC: u16 = 0;

impl Frame<'_> {
    /// Steps into an Ethernet frame that begins `at` bytes into the payload; gives its ethertype.
    fn enter_ethernet(&mut self, at: usize) -> Result<u16, Malformed> {
        let truncated = Malformed::Truncated("Ethernet");
        let bytes = self.payload.get(at..).ok_or(truncated)?;
        self.destination_mac = mac(bytes, 0);
        self.source_mac = mac(bytes, 6);
        let ethertype = be16(bytes, 12).ok_or(truncated)?;
        self.payload = bytes.get(14..).ok_or(truncated)?;
        Ok(ethertype)
    }
}

/// Ethernet with `length` bytes for the switch between its addresses and its ethertype (Linux, net/dsa).
fn behind_switch_tag(mut frame: Frame<'_>, ethernet_at: usize, length: usize) -> Result<Frame<'_>, Malformed> {
    let truncated = Malformed::Truncated("Ethernet");
    frame.ethernet_at = Some(ethernet_at);
    let bytes = frame.payload;
    frame.enter_ethernet(0)?;
    let ethertype = be16(bytes, 12 + length).ok_or(truncated)?;
    frame.payload = bytes.get(14 + length..).ok_or(truncated)?;
    through_shims(frame, ethertype)
}

/// Frame relay: an address of two to four bytes, then a network layer id (RFC 2427, 3) or, as Cisco does it,
/// an ethertype.
fn frame_relay(mut frame: Frame<'_>) -> Result<Frame<'_>, Malformed> {
    let truncated = Malformed::Truncated("frame relay");
    let bytes = frame.payload;
    let end = bytes.iter().take(4).position(|byte| byte & 1 == 1).ok_or(truncated)? + 1;
    let rest = bytes.get(end..).ok_or(truncated)?;
    // A pad byte may stand before the id.
    let (id, behind) = match rest {
        [0x03, 0, id, ..] => (*id, 3),
        [0x03, id, ..] => (*id, 2),
        _ => {
            let ethertype = be16(rest, 0).ok_or(truncated)?;
            frame.payload = rest.get(2..).ok_or(truncated)?;
            return through_shims(frame, ethertype);
        }
    };
    frame.payload = rest.get(behind..).ok_or(truncated)?;
    match id {
        0xcc => through_shims(frame, IPV4),
        0x8e => through_shims(frame, IPV6),
        // SNAP: an organisation, a type; 0080c2 with 0007 and 0001 are Ethernet frames.
        0x80 => {
            let (organisation, kind) = (frame.payload.get(..3), be16(frame.payload, 3));
            frame.payload = frame.payload.get(5..).ok_or(truncated)?;
            match (organisation, kind) {
                (Some([0, 0, 0]), Some(ethertype)) => through_shims(frame, ethertype),
                (Some([0, 0x80, 0xc2]), Some(1 | 7)) => {
                    let ethertype = frame.enter_ethernet(0)?;
                    through_shims(frame, ethertype)
                }
                _ => Err(Malformed::NotIp(0x80)),
            }
        }
        other => Err(Malformed::NotIp(u16::from(other))),
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
                    match frame.payload.first().map(|first| first >> 4) {
                        // A pseudowire: a control word that begins with zeros (RFC 4385, 3), then a frame.
                        Some(0) => ethertype = frame.enter_ethernet(4)?,
                        _ => {
                            frame.network = Network::ByVersion;
                            return Ok(frame);
                        }
                    }
                }
            }
            BACKBONE => ethertype = frame.enter_ethernet(4)?,
            SEAMLESS => {
                ethertype = be16(bytes, 4).ok_or(Malformed::Truncated("HSR"))?;
                frame.payload = bytes.get(6..).ok_or(Malformed::Truncated("HSR"))?;
            }
            MACSEC => {
                let truncated = Malformed::Truncated("MACsec");
                let control = *bytes.first().ok_or(truncated)?;
                // Version 0, neither encrypted nor changed; an identifier of the sender where its bit says so.
                if control & 0x8c != 0 {
                    return Err(Malformed::NotIp(MACSEC));
                }
                let length = if control & 0x20 != 0 { 14 } else { 6 };
                ethertype = be16(bytes, length).ok_or(truncated)?;
                frame.payload = bytes.get(length + 2..).ok_or(truncated)?;
            }
            SERVICE => {
                let truncated = Malformed::Truncated("NSH");
                let words = bytes.get(1).ok_or(truncated)? & 0x3f;
                let next = *bytes.get(3).ok_or(truncated)?;
                frame.payload = bytes.get(usize::from(words) * 4..).ok_or(truncated)?;
                ethertype = match next {
                    1 => IPV4,
                    2 => IPV6,
                    3 => frame.enter_ethernet(0)?,
                    5 => MPLS[0],
                    _ => return Err(Malformed::NotIp(SERVICE)),
                };
            }
            STAMPED => {
                let truncated = Malformed::Truncated("time stamp");
                let length = match (be16(bytes, 0), be16(bytes, 2)) {
                    (Some(1), Some(0x0010 | 0x0110)) => 12,
                    (Some(1), Some(0x0020 | 0x0120)) => 10,
                    _ => return Err(Malformed::NotIp(STAMPED)),
                };
                ethertype = be16(bytes, length).ok_or(truncated)?;
                frame.payload = bytes.get(length + 2..).ok_or(truncated)?;
            }
            BATMAN if bytes.first() == Some(&0x40) => ethertype = frame.enter_ethernet(10)?,
            TRILL => {
                let options = be16(bytes, 0).map_or(0, |word| usize::from(word >> 6 & 0x1f) * 4);
                ethertype = frame.enter_ethernet(6 + options)?;
            }
            // IEEE 802.3: a length, then LLC; SNAP (RFC 1042) leads back to an ethertype, DSAP 6 is IP itself.
            length if length <= 1500 => match bytes {
                [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, rest @ ..] => {
                    ethertype = u16::from_be_bytes([*high, *low]);
                    frame.payload = rest;
                }
                // Bridged Ethernet with or without its checksum (RFC 2684, 5.2).
                [0xaa, 0xaa, 0x03, 0, 0x80, 0xc2, 0, 1 | 7, 0, 0, ..] => ethertype = frame.enter_ethernet(10)?,
                [0x06, 0x06, 0x03, rest @ ..] => {
                    ethertype = IPV4;
                    frame.payload = rest;
                }
                [0xaa, 0xaa, 0x03, 0, 0, 0, ..] => return Err(Malformed::Truncated("SNAP")),
                _ => return Err(Malformed::NotIp(length)),
            },
            other if EXTENDED.iter().any(|(known, _)| *known == other) => {
                let length = EXTENDED.iter().find(|(known, _)| *known == other).map_or(4, |(_, length)| *length);
                ethertype = be16(bytes, length).ok_or(Malformed::Truncated("tag"))?;
                frame.payload = bytes.get(length + 2..).ok_or(Malformed::Truncated("tag"))?;
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
        // Labels for one or for many (RFC 3032, 4.3), to the last; a frame behind them would lead here again.
        0x0281 | 0x0283 => {
            let labels = rest.chunks_exact(4).take(MOST_SHIMS).position(|label| label[2] & 1 == 1);
            let labels = labels.ok_or(Malformed::Truncated("MPLS"))? + 1;
            Ok((Network::ByVersion, &rest[labels * 4..]))
        }
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

/// What MPLS labels carry (RFC 4023, 3).
pub(super) fn labelled(bytes: &[u8]) -> Result<(Network, &[u8]), Malformed> {
    let frame = Frame {
        network: Network::ByVersion,
        payload: bytes,
        source_mac: None,
        destination_mac: None,
        vlan: None,
        ethernet_at: None,
    };
    through_shims(frame, MPLS[0]).map(|frame| (frame.network, frame.payload))
}

pub(super) fn mac(bytes: &[u8], at: usize) -> Option<MacAddress> {
    Some(MacAddress(bytes.get(at..at + 6)?.try_into().ok()?))
}
