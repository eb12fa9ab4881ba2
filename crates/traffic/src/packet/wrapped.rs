//! Headers that a capture puts before a frame, and what they say follows.

use super::{Malformed, be16, wireless};
use vocab::LinkType;

/// Headers in headers that we follow.
const MOST: usize = 4;

/// The frame behind such headers, and how it begins. Of a radio frame whose header is padded only the body is
/// given, which begins with LLC as ATM's does.
pub(super) fn unwrap(mut bytes: &[u8], mut link_type: LinkType) -> Result<(&[u8], LinkType), Malformed> {
    for _ in 0..MOST {
        (bytes, link_type) = match link_type {
            LinkType::PerPacketInformation => {
                // Version, flags, length, link type, all little-endian (CACE, PPI 1.0.10, 3.1).
                let truncated = Malformed::Truncated("PPI");
                let length = le16(bytes, 2).ok_or(truncated)?;
                let inner = le32(bytes, 4).ok_or(truncated)?;
                (behind(bytes, length.max(8), truncated)?, known(inner)?)
            }
            LinkType::PacketTap => {
                // Length, type of the next header, link type, in the order of the machine: Apple's are little-endian.
                let truncated = Malformed::Truncated("pktap");
                let length = le32(bytes, 0).ok_or(truncated)? as usize;
                let inner = le32(bytes, 8).ok_or(truncated)?;
                (behind(bytes, length.max(12), truncated)?, known(inner)?)
            }
            LinkType::WifiRadiotap => return radiotap(bytes),
            LinkType::WifiPrism => (behind(bytes, 144, Malformed::Truncated("Prism"))?, LinkType::Wifi),
            LinkType::WifiAvs => {
                // A magic and version, then the length, in network order.
                let truncated = Malformed::Truncated("AVS");
                let length = usize::from(be16(bytes, 6).ok_or(truncated)?);
                (behind(bytes, length.max(8), truncated)?, LinkType::Wifi)
            }
            LinkType::ExtensibleRecord => extensible(bytes)?,
            LinkType::NetfilterLog => (netfilter(bytes)?, LinkType::RawIp),
            LinkType::NetAnalyzer => (behind(bytes, 4, Malformed::Truncated("netANALYZER"))?, LinkType::Ethernet),
            LinkType::BroadcomTagFirst => (behind(bytes, 4, Malformed::Truncated("tag"))?, LinkType::Ethernet),
            LinkType::PppDirected => (behind(bytes, 1, Malformed::Truncated("PPP"))?, LinkType::Ppp),
            _ => return Ok((bytes, link_type)),
        };
    }
    Err(Malformed::TooDeep)
}

fn known(number: u32) -> Result<LinkType, Malformed> {
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    LinkType::from_number(number).ok_or(Malformed::NotIp(number))
}

/// A length, words of what is present, fields in a fixed order with natural alignment (radiotap.org): of these,
/// the flags tell of padding.
fn radiotap(bytes: &[u8]) -> Result<(&[u8], LinkType), Malformed> {
    let truncated = Malformed::Truncated("radiotap");
    let length = le16(bytes, 2).ok_or(truncated)?;
    let present = le32(bytes, 4).ok_or(truncated)?;
    let mut at = 8;
    let mut word = present;
    for _ in 0..16 {
        if word >> 31 == 0 {
            break;
        }
        word = le32(bytes, at).ok_or(truncated)?;
        at += 4;
    }
    // Bit 0 is a clock of eight bytes, bit 1 the flags.
    if present & 1 == 1 {
        at = at.next_multiple_of(8) + 8;
    }
    let padded = present & 2 != 0 && bytes.get(at).is_some_and(|flags| flags & 0x20 != 0);
    let frame = behind(bytes, length.max(8), truncated)?;
    if padded {
        return Ok((wireless::open(frame, wireless::Framing::Padded)?.payload, LinkType::AtmLlc));
    }
    Ok((frame, LinkType::Wifi))
}

/// A time, a type, flags, lengths; further headers while the type's first bit says so (Endace, ERF types).
fn extensible(bytes: &[u8]) -> Result<(&[u8], LinkType), Malformed> {
    let truncated = Malformed::Truncated("ERF");
    let mut kind = *bytes.get(8).ok_or(truncated)?;
    let record = kind & 0x7f;
    let mut at = 16;
    for _ in 0..8 {
        if kind & 0x80 == 0 {
            break;
        }
        kind = *bytes.get(at).ok_or(truncated)?;
        at += 8;
    }
    match record {
        1 => Ok((behind(bytes, at, truncated)?, LinkType::CiscoHdlc)),
        // Ethernet has an offset and a pad before it.
        2 | 11 | 16 | 20 => Ok((behind(bytes, at + 2, truncated)?, LinkType::Ethernet)),
        22 | 23 => Ok((behind(bytes, at, truncated)?, LinkType::RawIp)),
        other => Err(Malformed::NotIp(u16::from(other))),
    }
}

/// A family, version 0, a group, then fields of a length and a type (`NFULA_*` of linux/nfnetlink_log.h), in the
/// order of the machine: the payload is type 9.
fn netfilter(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let truncated = Malformed::Truncated("NFLOG");
    let mut rest = bytes.get(4..).ok_or(truncated)?;
    for _ in 0..64 {
        let length = le16(rest, 0).ok_or(truncated)?;
        let kind = le16(rest, 2).ok_or(truncated)? & 0x7fff;
        if length < 4 {
            return Err(Malformed::Inconsistent("NFLOG"));
        }
        if kind == 9 {
            return rest.get(4..length.min(rest.len())).ok_or(truncated);
        }
        rest = rest.get(length.next_multiple_of(4)..).ok_or(truncated)?;
    }
    Err(Malformed::TooDeep)
}

fn behind(bytes: &[u8], length: usize, truncated: Malformed) -> Result<&[u8], Malformed> {
    bytes.get(length..).ok_or(truncated)
}

fn le16(bytes: &[u8], at: usize) -> Option<usize> {
    be16(bytes, at).map(|word| usize::from(word.swap_bytes()))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    super::be32(bytes, at).map(u32::swap_bytes)
}
