//! TFTP (RFC 1350, RFC 2347): a request to one port; the answer comes from another.

use super::{Announced, Finding, Found, Layer, Names, Next, Signature, View, likely};
use crate::packet::be16;
use vocab::TrafficClass::Download;
use vocab::{Endpoint, IpProtocol};

const PORT: u16 = 69;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let (Some(kind @ 1..=6), Layer::Datagram) = (be16(bytes, 0), view.layer) else { return Finding::No };
    if matches!(kind, 1 | 2) {
        if !is_request(&bytes[2..]) {
            return Finding::No;
        }
        let signature = Signature {
            application: "TFTP",
            class: Download,
            names: Names::Adorn,
            confidence: 95,
            why: "a TFTP request",
        };
        // The server answers from a port of its own, to the one that asked (RFC 1350, 4).
        let end = Endpoint { address: view.source, port: view.source_port };
        let announced = Announced {
            end,
            protocol: IpProtocol::UDP,
            signature: Signature { why: "a file that a TFTP request had asked for", ..signature },
        };
        return Finding::Found(Found { signature, name: None, next: Next::Settle, announces: vec![announced] });
    }
    let (block, asked) = (be16(bytes, 2), be16(view.heard, 2));
    let follows = match (kind, be16(view.heard, 0)) {
        // Data for an acknowledgement, an acknowledgement for data: the numbers stay close.
        (3, Some(4)) | (4, Some(3)) => block
            .zip(asked)
            .is_some_and(|(block, asked)| block.wrapping_sub(asked) <= 24 || asked.wrapping_sub(block) <= 24),
        _ => false,
    };
    if follows && (kind == 3 && bytes.len() <= 1_472 || kind == 4 && bytes.len() == 4) {
        return likely("TFTP", Download, 88, "numbered blocks and their acknowledgements, as in TFTP");
    }
    let fits = match kind {
        3 => bytes.len() >= 4,
        4 => bytes.len() == 4,
        5 => bytes.last() == Some(&0) && block.is_some_and(|code| code <= 8),
        _ => bytes.last() == Some(&0),
    };
    if fits && view.port(PORT) {
        return likely("TFTP", Download, 92, "a TFTP message");
    }
    Finding::No
}

/// A name and one of three modes, each ended by a zero; options may follow.
fn is_request(text: &[u8]) -> bool {
    let mut strings = text.split(|&byte| byte == 0);
    let (Some(name), Some(mode)) = (strings.next(), strings.next()) else { return false };
    let modes: [&[u8]; 3] = [b"octet", b"netascii", b"mail"];
    !name.is_empty()
        && name.iter().all(|&byte| byte >= 0x20)
        && modes.iter().any(|known| mode.eq_ignore_ascii_case(known))
        && text.last() == Some(&0)
}

#[cfg(test)]
mod tests {
    use super::super::{dialogue, specimen};
    use super::*;
    use Layer::Datagram;

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn requests_and_blocks_are_known() {
        specimen::check(
            inspect,
            &[
                (Datagram, 69, "00 01 'pxelinux.0' 00 'octet' 00", "TFTP download"),
                (Datagram, 9_000, "00 02 'x' 00 'NETASCII' 00 'blksize' 00 '1428' 00", "TFTP download"),
                (Datagram, 9_000, "00 01 'pxelinux.0' 00 'octal' 00", ""),
                (Datagram, 69, "00 04 00 07", "TFTP download"),
                (Datagram, 9_000, "00 04 00 07", ""),
            ],
        );
        dialogue::check(
            inspect,
            Datagram,
            &[
                (9_000, "00 03 00 07 aa*28", "00 04 00 07", "TFTP download"),
                (9_000, "00 04 00 06", "00 03 00 07 aa*512", "TFTP download"),
                (9_000, "00 03 00 07 aa*28", "00 04 01 07", ""),
            ],
        );
        let found = dialogue::answered(inspect, Datagram, 50_000, "", "00 01 'a' 00 'octet' 00").unwrap();
        assert_eq!(found.announces[0].end.port, 50_000);
    }
}
