//! Small protocols of networks that belong to no larger family here: KCP and DNSCrypt.

use super::fields::le32;
use super::{Finding, Layer, View, found, likely};
use vocab::TrafficClass::Interactive;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Stream {
        return Finding::No;
    }
    // DNSCrypt: a resolver's magic in its answers; its queries fill 512 bytes at least.
    if bytes.starts_with(b"r6fnvWj8") {
        return found("DNSCrypt", Interactive, "an encrypted DNS answer");
    }
    // KCP: a reliable stream over UDP; commands 81 to 84, a length that fits.
    if bytes.len() >= 24 && matches!(bytes[4], 81..=84) {
        let stated = le32(bytes, 20).unwrap_or(0) as usize;
        if stated + 24 == bytes.len() || (bytes[4] != 81 && stated == 0 && bytes.len().is_multiple_of(24)) {
            return likely("KCP", Interactive, 80, "a KCP segment");
        }
    }
    Finding::No
}
