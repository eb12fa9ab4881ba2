//! eDonkey and its table Kad (eMule's source, opcodes.h): a protocol byte, over TCP a length, an opcode.

use super::fields::{begins, le16, le32};
use super::{Finding, Layer, View, likely};
use vocab::TrafficClass::Download;

/// The protocol of eDonkey, of eMule's extensions, and their compressed form.
const PLAIN: u8 = 0xe3;
const EXTENDED: u8 = 0xc5;
const PACKED: u8 = 0xd4;
const KAD: u8 = 0xe4;
const KAD_PACKED: u8 = 0xe5;

/// Where servers and peers listen unless told otherwise (eMule's documentation, "Ports").
const PORTS: &[u16] = &[4661, 4662, 4665, 4669, 4672];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let &[protocol @ (PLAIN | EXTENDED | PACKED), _, _, _, _, opcode, ..] = bytes else { return Finding::No };
    let length = le32(bytes, 1);
    if !begins(length, 1, 2 << 20) {
        return Finding::No;
    }
    // The greetings of eDonkey name a hash of 16 bytes; a server's login does so without its size.
    let greets = protocol == PLAIN
        && matches!((opcode, bytes.get(6)), (0x01, Some(16)) | (0x4c, Some(_)) | (0x01, Some(_)))
        && begins(length, 20, 4_096);
    // Or all that came are whole messages of the family.
    let whole = length.is_some_and(|length| bytes.len() == length as usize + 5);
    let known = matches!(
        (protocol, opcode),
        (PLAIN, 0x01..=0x1d | 0x32..=0x43 | 0x46..=0x61) | (EXTENDED, 0x01 | 0x02 | 0x40..=0xa8) | (PACKED, 0x01..=0xa8)
    );
    let port = PORTS.iter().any(|&port| view.port(port));
    if greets || known && whole {
        likely("eDonkey", Download, 90, "an eDonkey message")
    } else if known && port {
        likely("eDonkey", Download, 80, "an eDonkey message on its port")
    } else {
        Finding::No
    }
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let &[protocol, opcode, ..] = bytes else { return Finding::No };
    if !matches!(protocol, PLAIN | EXTENDED | KAD | KAD_PACKED) {
        return Finding::No;
    }
    let length = bytes.len();
    // How many ends follow `before` bytes, 25 bytes each, as the number in `stated` says.
    let ends = |before: usize, stated: usize| length == before + stated * 25;
    let fits = match (protocol, opcode) {
        // Kad: a search asks for 2, 4, 11 or 32 ends and names two places of 16 bytes.
        (KAD, 0x21) => length == 35 && matches!(bytes[2], 0x02 | 0x04 | 0x0b | 0x20),
        (KAD, 0x29) => length >= 19 && ends(19, usize::from(bytes[18])),
        (KAD, 0x09) => le16(bytes, 21).is_some_and(|count| count > 0 && ends(23, usize::from(count))),
        // Greetings: a place, a port, a version from 1 to 15, a number of tags.
        (KAD, 0x11 | 0x19 | 0x22) => matches!(bytes.get(20..22), Some([1..=15, 0..=5])) && (22..=200).contains(&length),
        // Searches for words, sources and notes; an answer to a publication.
        (KAD, 0x33) => length == 20,
        (KAD, 0x34) => length == 28,
        (KAD, 0x35) => length == 26,
        (KAD, 0x4b) => matches!(length, 19 | 20),
        // Packed: the first bytes of a zlib stream follow.
        (KAD_PACKED, 0x01..=0x62) => matches!(bytes.get(2..4), Some([0x78, 0x01 | 0x5e | 0x9c | 0xda])),
        _ => false,
    };
    if fits {
        return likely("eDonkey", Download, 90, "a message of eDonkey's table");
    }
    // The rest are too short, or too free in their form, to be believed on any port.
    let known = match protocol {
        KAD => matches!(opcode, 0x01 | 0x3b | 0x43..=0x45 | 0x50..=0x53 | 0x60..=0x62),
        PLAIN => matches!(opcode, 0x96..=0x9b | 0xa0..=0xa5),
        _ => matches!(opcode, 0x90..=0x93),
    };
    if known && PORTS.iter().any(|&port| view.port(port)) {
        return likely("eDonkey", Download, 85, "an eDonkey message on its port");
    }
    Finding::No
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
    fn messages_are_known() {
        check(
            inspect,
            &[
                (Stream, 4662, "e3 4a 00 00 00 01 10 aa*72", "eDonkey download"),
                (Stream, 9_000, "e3 7f 00 00 00 4c aa*126", "eDonkey download"),
                (Stream, 9_000, "c5 11 00 00 00 60 aa*16", "eDonkey download"),
                (Stream, 9_000, "c5 12 00 00 00 60 aa*16", ""),
                (Stream, 9_000, "e3 ff ff ff 00 01 10 aa*72", ""),
                (Datagram, 4672, "e4 21 0b aa*32", "eDonkey download"),
                (Datagram, 9_000, "e4 21 0c aa*32", ""),
                (Datagram, 9_000, "e4 29 aa*16 01 bb*25", "eDonkey download"),
                (Datagram, 9_000, "e4 29 aa*16 02 bb*25", ""),
                (Datagram, 9_000, "e4 11 aa*16 36 12 08 00", "eDonkey download"),
                (Datagram, 9_000, "e4 60", ""),
                (Datagram, 4672, "e4 60", "eDonkey download"),
                (Datagram, 4665, "e3 96 01 02 03 04", "eDonkey download"),
                (Datagram, 9_000, "e5 29 78 9c aa*40", "eDonkey download"),
            ],
        );
    }
}
