//! WireGuard (its paper, section 5.4): four messages of known form; and Cloudflare's variant of it.

use super::fields::{le16, le32};
use super::{Finding, Layer, View, found, likely};
use vocab::TrafficClass::Work;

/// Where Cloudflare's WARP listens (Cloudflare's documentation, "WARP with firewall").
const WARP: &[u16] = &[2408, 500, 1701, 4500];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let (&[kind @ 1..=4, a, b, c, ..], Layer::Datagram) = (bytes, view.layer) else { return Finding::No };
    let length = bytes.len();
    let handshake = matches!((kind, length), (1, 148) | (2, 92) | (3, 64));
    if [a, b, c] == [0; 3] {
        if handshake {
            return found("WireGuard", Work, "a WireGuard handshake");
        }
        // Data: a receiver, a counter that never comes near 2^40, whole blocks of 16 bytes (5.4.6).
        if kind == 4 && length >= 32 && length.is_multiple_of(16) && le32(bytes, 12).is_some_and(|high| high < 256) {
            return likely("WireGuard", Work, 94, "WireGuard data: its type, its counter, whole blocks");
        }
        return Finding::No;
    }
    // WARP marks the reserved bytes with its own.
    let data = kind == 4 && length >= 32 && le32(bytes, 12) == Some(0) && le16(bytes, 10) == Some(0);
    if view.any_port(WARP) && (handshake || data) {
        return likely("Cloudflare WARP", Work, 88, "a WireGuard message with marks of Cloudflare's");
    }
    Finding::No
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
    fn messages_are_known_by_their_form_alone() {
        check(
            inspect,
            &[
                (Datagram, 51_820, "01 00*3 aa*144", "WireGuard work"),
                (Datagram, 40_000, "02 00*3 aa*88", "WireGuard work"),
                (Datagram, 40_000, "03 00*3 aa*60", "WireGuard work"),
                (Datagram, 40_000, "04 00*3 aa*4 07 01 00*6 aa*80", "WireGuard work"),
                (Datagram, 40_000, "04 00*3 aa*4 07 01 00*6 aa*81", ""),
                (Datagram, 40_000, "04 00*3 aa*4 aa*8 aa*80", ""),
                (Datagram, 40_000, "01 00*3 aa*145", ""),
                (Datagram, 2408, "01 5a 33 07 aa*144", "Cloudflare WARP work"),
                (Datagram, 40_000, "01 5a 33 07 aa*144", ""),
            ],
        );
    }
}
