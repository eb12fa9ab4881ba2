//! IPsec: key exchange (RFC 2408, RFC 7296), its data inside UDP and TCP (RFC 3948, RFC 8229), Cisco's older way.

use super::{Finding, Layer, View, found, likely};
use crate::packet::be32;
use vocab::TrafficClass::Work;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Stream {
        return if bytes.starts_with(b"IKETCP") { found("IPsec", Work, "IPsec inside TCP") } else { Finding::No };
    }
    let port = view.any_port(&[500, 4500, 848]);
    // On the port that shares with data, a marker of four zeros stands before key exchange.
    let exchange = bytes.strip_prefix(&[0; 4]).filter(|rest| is_exchange(rest, port)).is_some();
    if exchange || is_exchange(bytes, port) {
        return found("IPsec", Work, "an IKE message");
    }
    if view.port(4500) {
        // Data begins with an index that is none of the reserved ones; one byte of ones keeps the way open.
        if bytes == [0xff] || be32(bytes, 0).is_some_and(|index| index > 255) && bytes.len() >= 20 {
            return likely("IPsec", Work, 88, "IPsec inside UDP");
        }
    }
    if view.port(10_000) && bytes.starts_with(&[0xfe, 0x57, 0x7e, 0x2b]) {
        return found("Cisco VPN", Work, "IPsec in Cisco's own frame");
    }
    Finding::No
}

/// Two cookies (the second is empty at first), a payload, version 1.0 or 2.0, an exchange of that version, and
/// the length of all.
fn is_exchange(bytes: &[u8], port: bool) -> bool {
    let (Some(&payload), Some(&version), Some(&exchange)) = (bytes.get(16), bytes.get(17), bytes.get(18)) else {
        return false;
    };
    let known = match version {
        0x10 => payload <= 20 || payload >= 128,
        0x20 => payload == 0 || (33..=54).contains(&payload),
        _ => return false,
    } && match version {
        0x10 => matches!(exchange, 1..=6 | 32..=34),
        _ => matches!(exchange, 34..=47),
    };
    let whole = be32(bytes, 24).is_some_and(|length| length as usize == bytes.len());
    let initiated = bytes[..8] != [0; 8];
    initiated && (whole && known || port && (known || whole) && bytes.len() >= 28)
}

#[cfg(test)]
mod tests {
    use super::super::specimen::check;
    use super::*;
    use Layer::{Datagram, Stream};

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn key_exchange_is_known_on_any_port() {
        check(
            inspect,
            &[
                (Datagram, 500, "11*8 00*8 01 10 02 00 00*4 00 00 00 20 00*4", "IPsec work"),
                (Datagram, 4500, "00*4 11*8 00*8 21 20 22 08 00*4 00 00 00 20 00*4", "IPsec work"),
                (Datagram, 7_000, "11*8 00*8 21 20 22 08 00*4 00 00 00 20 00*4", "IPsec work"),
                (Datagram, 7_000, "11*8 00*8 21 20 22 08 00*4 00 00 00 21 00*4", ""),
                (Datagram, 7_000, "11*8 00*8 21 30 22 08 00*4 00 00 00 20 00*4", ""),
                (Datagram, 4500, "ff", "IPsec work"),
                (Datagram, 4500, "c0 01 02 03 00 00 00 01 aa*40", "IPsec work"),
                (Datagram, 10_000, "fe 57 7e 2b aa*40", "Cisco VPN work"),
                (Stream, 4500, "'IKETCP' 00 20", "IPsec work"),
            ],
        );
    }
}
