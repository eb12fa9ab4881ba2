//! The TCP header.

use super::{be16, be32};

/// Control bits of a segment (RFC 9293, 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// The sender has no more to say.
    pub const fn fin(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// The sender states its first sequence number.
    pub const fn syn(self) -> bool {
        self.0 & 0x02 != 0
    }

    /// The sender gives up.
    pub const fn rst(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// One of these three: a side opens or closes with it.
    pub(crate) const fn turns(self) -> bool {
        self.0 & 0x07 != 0
    }

    /// The acknowledgement number counts.
    pub const fn ack(self) -> bool {
        self.0 & 0x10 != 0
    }
}

/// Where a segment stands in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpSegment {
    /// Control bits.
    pub flags: TcpFlags,
    /// Sequence number of the first byte of the payload (of SYN, if set).
    pub seq: u32,
    /// The next byte the sender expects.
    pub ack: u32,
}

type Ports = (u16, u16);

/// Ports, place and payload; a header cut short after the ports gives what could be read.
// Else what it found goes through memory in other pieces than it is fetched in, which stalls the core.
#[inline(always)]
pub(super) fn open(bytes: &[u8]) -> Option<(Ports, TcpSegment, &[u8])> {
    let ports = (be16(bytes, 0)?, be16(bytes, 2)?);
    let Some(fixed) = bytes.first_chunk::<20>() else { return Some((ports, TcpSegment::default(), &[])) };
    let segment =
        TcpSegment { flags: TcpFlags(fixed[13]), seq: be32(fixed, 4).unwrap_or(0), ack: be32(fixed, 8).unwrap_or(0) };
    // A header length below 20 contradicts itself: then nothing after it can be trusted.
    let header_len = usize::from(fixed[12] >> 4) * 4;
    let payload = if header_len < 20 { &[] } else { bytes.get(header_len..).unwrap_or(&[]) };
    Some((ports, segment, payload))
}
