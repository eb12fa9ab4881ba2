//! OpenVPN over UDP and TCP (its manual, "Network protocol"): an opcode and a key number share the first byte.

use super::{Finding, Layer, View, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Work;

const PORT: u16 = 1194;

/// Opcodes (OpenVPN, ssl_pkt.h): resets of the client and of the server, and the two kinds of data.
mod opcode {
    pub(super) const CLIENT_RESET: [u8; 3] = [1, 7, 10];
    pub(super) const SERVER_RESET: [u8; 2] = [2, 8];
    pub(super) const DATA: [u8; 2] = [6, 9];
    pub(super) const DATA_WITH_PEER: u8 = 9;
    pub(super) const ALL: std::ops::RangeInclusive<u8> = 1..=11;
}

/// Sizes of a digest, none first: MD5, SHA-1, SHA-256, SHA-512 (`--tls-auth`).
const DIGESTS: [usize; 5] = [0, 16, 20, 32, 64];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let (bytes, heard) = match view.layer {
        Layer::Datagram => (view.bytes, view.heard),
        // Over TCP each message follows its length.
        Layer::Stream => {
            let Some(length) = be16(view.bytes, 0).map(usize::from) else { return Finding::No };
            let whole = view.bytes.get(2..2 + length);
            // On its port a message may go on in the next segment.
            let message = whole.or_else(|| view.bytes.get(2..).filter(|_| view.port(PORT) && length < 4_096));
            let Some(message) = message else { return Finding::No };
            (message, view.heard.get(2..).unwrap_or(&[]))
        }
    };
    let Some(&first) = bytes.first() else { return Finding::No };
    let opcode = first >> 3;
    if !opcode::ALL.contains(&opcode) {
        return Finding::No;
    }
    let reset = opcode::CLIENT_RESET.contains(&opcode) || opcode::SERVER_RESET.contains(&opcode);
    if reset && first & 7 == 0 {
        if let Some(kind) = is_reset(bytes) {
            return likely("OpenVPN", Work, 93, kind);
        }
        let answers = opcode::SERVER_RESET.contains(&opcode)
            && matches!(heard.first(), Some(0x08 | 0x38 | 0x50))
            && bytes.len() >= 14;
        if answers && heard.get(1..9).is_some_and(|id| near(bytes, id)) {
            return likely("OpenVPN", Work, 95, "an OpenVPN server repeats the other's session number");
        }
        if view.port(PORT) && bytes.len() >= 14 {
            return likely("OpenVPN", Work, 92, "an OpenVPN reset on its port");
        }
        return Finding::No;
    }
    // Data that names its peer: the same name both ways, and small counters.
    let small = |bytes: &[u8]| be32(bytes, 4).is_some_and(|counter| counter < 1 << 22);
    let same_peer = opcode == opcode::DATA_WITH_PEER
        && bytes.get(..4) == heard.get(..4)
        && bytes.len() > 20
        && small(bytes)
        && small(heard);
    if same_peer {
        return likely("OpenVPN", Work, 85, "OpenVPN data of one peer, both ways");
    }
    if view.port(PORT) && (opcode::DATA.contains(&opcode) || opcode <= 5) && bytes.len() >= 14 {
        return likely("OpenVPN", Work, 88, "an OpenVPN message on its port");
    }
    Finding::No
}

/// Which protection a reset has, if it is one from its first byte to its last.
fn is_reset(bytes: &[u8]) -> Option<&'static str> {
    // A moment in seconds that is not far from now: replay protection sends it with the packet's number 1.
    let stamped = |at: usize| {
        be32(bytes, at) == Some(1) && be32(bytes, at + 4).is_some_and(|time| (0x4000_0000..0x9000_0000).contains(&time))
    };
    // Nothing acknowledged, message 0: how every client's reset ends unless it is encrypted.
    let open_end = bytes.ends_with(&[0; 5]);
    if open_end
        && bytes.len() == 14
        && bytes.get(1..9).is_some_and(|id| id.iter().filter(|&&byte| byte != 0).count() >= 6)
    {
        return Some("an OpenVPN reset");
    }
    if open_end && DIGESTS[1..].iter().any(|&digest| bytes.len() == 22 + digest && stamped(9 + digest)) {
        return Some("an OpenVPN reset with a digest");
    }
    // Encrypted: number, moment, digest of 32 bytes; a key may follow (`--tls-crypt`, `--tls-crypt-v2`).
    if bytes.len() >= 54 && stamped(9) {
        return Some("an encrypted OpenVPN reset");
    }
    None
}

fn near(bytes: &[u8], session: &[u8]) -> bool {
    session != [0; 8] && memchr::memmem::find(&bytes[..bytes.len().min(120)], session).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::{dialogue, specimen};
    use super::*;
    use Layer::{Datagram, Stream};

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn resets_are_known_on_any_port() {
        specimen::check(
            inspect,
            &[
                (Datagram, 4_000, "38 11 22 33 44 55 66 77 88 00*5", "OpenVPN work"),
                (Datagram, 4_000, "38 11*8 aa*20 00 00 00 01 65 00 00 00 00*5", "OpenVPN work"),
                (Datagram, 4_000, "38 11*8 00 00 00 01 65 00 00 00 aa*37", "OpenVPN work"),
                (Datagram, 4_000, "50 11*8 00 00 00 01 65 00 00 00 aa*300", "OpenVPN work"),
                (Datagram, 4_000, "38 11*8 aa*33", ""),
                (Datagram, 1194, "38 11*8 aa*33", "OpenVPN work"),
                (Stream, 443, "00 0e 38 11 22 33 44 55 66 77 88 00*5", "OpenVPN work"),
                (Stream, 443, "00 0f 38 11 22 33 44 55 66 77 88 00*5", ""),
                (Datagram, 1194, "30 aa*90", "OpenVPN work"),
                (Datagram, 4_000, "30 aa*90", ""),
            ],
        );
    }

    #[test]
    fn answers_fit_their_question() {
        dialogue::check(
            inspect,
            Datagram,
            &[
                (
                    443,
                    "38 01 02 03 04 05 06 07 08 aa*33",
                    "40 99*8 aa*28 01 00*4 01 02 03 04 05 06 07 08 00*4",
                    "OpenVPN work",
                ),
                (443, "48 00 00 05 00 00 00 09 aa*24", "48 00 00 05 00 00 00 11 aa*60", "OpenVPN work"),
                (443, "48 00 00 05 00 00 00 09 aa*24", "48 00 00 06 00 00 00 11 aa*60", ""),
                (443, "aa*32", "40 99*8 aa*28 01 00*4 01 02 03 04 05 06 07 08 00*4", ""),
            ],
        );
    }
}
