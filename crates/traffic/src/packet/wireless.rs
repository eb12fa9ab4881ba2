//! IEEE 802.11 data frames in the clear, to the first byte of LLC.

use super::ethernet::mac;
use super::{Malformed, be16};
use vocab::MacAddress;

/// How the frame was written down.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Plain,
    /// Its header is filled up to a multiple of four bytes, as radiotap's flag 0x20 says.
    Padded,
    /// The two bytes of its frame control have changed places.
    Swapped,
}

pub(super) struct Body<'a> {
    pub(super) payload: &'a [u8],
    pub(super) source: Option<MacAddress>,
    pub(super) destination: Option<MacAddress>,
}

/// The body of a data frame (IEEE 802.11-2020, 9.3.2); beacons, acknowledgements and what is encrypted carry no
/// IP that we can read.
pub(super) fn open(bytes: &[u8], framing: Framing) -> Result<Body<'_>, Malformed> {
    let truncated = Malformed::Truncated("802.11");
    let (&first, &second) = match framing {
        Framing::Plain | Framing::Padded => bytes.first().zip(bytes.get(1)),
        Framing::Swapped => bytes.get(1).zip(bytes.first()),
    }
    .ok_or(truncated)?;
    let (kind, subtype) = (first >> 2 & 3, first >> 4);
    let protected = second & 0x40 != 0;
    // Subtypes with bit 2 set are null functions.
    if kind != 2 || subtype & 4 != 0 || protected {
        return Err(Malformed::NotIp(u16::from(first)));
    }
    let (to_system, from_system) = (second & 1 != 0, second & 2 != 0);
    let (mut destination, mut source, mut length) = match (to_system, from_system) {
        (false, false) => (mac(bytes, 4), mac(bytes, 10), 24),
        (true, false) => (mac(bytes, 16), mac(bytes, 10), 24),
        (false, true) => (mac(bytes, 4), mac(bytes, 16), 24),
        (true, true) => (mac(bytes, 16), mac(bytes, 24), 30),
    };
    let mut aggregate = false;
    if subtype & 8 != 0 {
        // Quality of service; bit 7 says that several frames follow, each with a header of its own.
        aggregate = be16(bytes, length).ok_or(truncated)? & 0x8000 != 0;
        length += 2;
        if second & 0x80 != 0 {
            length += 4;
        }
    }
    if framing == Framing::Padded {
        length = length.next_multiple_of(4);
    }
    let mut payload = bytes.get(length..).ok_or(truncated)?;
    if aggregate {
        (destination, source) = (mac(payload, 0), mac(payload, 6));
        payload = payload.get(14..).ok_or(truncated)?;
    }
    Ok(Body { payload, source, destination })
}
