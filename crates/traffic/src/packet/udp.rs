//! The UDP header.

use super::be16;

type Ports = (u16, u16);

/// Ports and payload, cut to the length that the header states where that is shorter.
// Else what it found goes through memory in other pieces than it is fetched in, which stalls the core.
#[inline(always)]
pub(super) fn open(bytes: &[u8]) -> Option<(Ports, &[u8])> {
    let ports = (be16(bytes, 0)?, be16(bytes, 2)?);
    let length = usize::from(be16(bytes, 4).unwrap_or(0));
    let end = if length < 8 { bytes.len() } else { length.min(bytes.len()) };
    Some((ports, bytes.get(8..end).unwrap_or(&[])))
}
