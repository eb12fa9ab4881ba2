//! Files to many at once, and files faster than TCP: UFTP, FLUTE (RFC 6726), UDT, Aspera.

use super::fields::near;
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Download;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let (&[first, second, ..], Layer::Datagram) = (bytes, view.layer) else { return Finding::No };
    // UFTP (its protocol specification): port 1044, a version from 3 to 5 in two digits, a known function.
    if view.port(1044) && bytes.len() >= 16 && matches!(first, 0x30..=0x51) && matches!(second, 1..=22) {
        return likely("UFTP", Download, 88, "a UFTP message");
    }
    if first >> 4 == 1 && flute(bytes) {
        return found("FLUTE", Download, "a list of files that are sent to many");
    }
    // UDT 4: a handshake of version 4 that asks for a stream (draft-gg-udt, 4.1).
    if be32(bytes, 0) == Some(0x8000_0000)
        && be32(bytes, 16) == Some(4)
        && be32(bytes, 20) == Some(1)
        && bytes.len() >= 64
    {
        return found("UDT", Download, "a UDT handshake");
    }
    if view.port(33_001) && bytes.len() >= 16 {
        return likely("Aspera", Download, ONLY_PORT, "the port of Aspera's transfers");
    }
    Finding::No
}

/// LCT version 1 (RFC 5651, 5.1) with FLUTE's table of files: a header extension 192 of version 1 or 2.
fn flute(bytes: &[u8]) -> bool {
    let (Some(flags), Some(&words)) = (be16(bytes, 0), bytes.get(2)) else { return false };
    let control = usize::from(flags >> 10 & 3) + 1;
    let half = usize::from(flags >> 4 & 1) * 2;
    let session = usize::from(flags >> 7 & 1) * 4 + half;
    let object = usize::from(flags >> 5 & 3) * 4 + half;
    let (mut at, end) = (4 + control * 4 + session + object, usize::from(words) * 4);
    if end > bytes.len() || at > end {
        return false;
    }
    // An extension of 128 or more is one word, any other states its words.
    for _ in 0..8 {
        match (bytes.get(at), bytes.get(at + 1)) {
            _ if at >= end => return false,
            (Some(192), Some(&version)) => return matches!(version >> 4, 1 | 2) && near(&bytes[end..], b"<?xml"),
            (Some(128..), _) => at += 4,
            (Some(_), Some(&length)) if length > 0 => at += usize::from(length) * 4,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::specimen::check;
    use super::*;
    use Layer::Datagram;

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn bulk_transfers_are_known() {
        check(
            inspect,
            &[
                (Datagram, 1044, "50 01 00 00 0a*24", "UFTP download"),
                (Datagram, 1044, "50 17 00 00 0a*24", ""),
                (Datagram, 9_000, "10 90 05 00 00*4 00 01 00 00 c0 10 00 01 40 04 00 00 00*4 '<?xml version='", ""),
                (
                    Datagram,
                    9_000,
                    "10 a0 05 00 00*4 00 00 00 01 00 00 00 00 c0 10 00 01 '<?xml version='",
                    "FLUTE download",
                ),
                (Datagram, 9_000, "80 00*15 00*3 04 00*3 01 aa*40", "UDT download"),
                (Datagram, 33_001, "aa*60", "Aspera download"),
            ],
        );
    }
}
