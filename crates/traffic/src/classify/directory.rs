//! Who is who and who may what: LDAP, Kerberos, RADIUS, TACACS+, Diameter, DCE/RPC, NetBIOS, and the small
//! question-and-answer services of the early Internet.

use super::fields::{be24, begins, ber, fills, is_text, le16, near};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Interactive, Update};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    if view.bytes.is_empty() {
        return Finding::No;
    }
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes {
        [0x30, ..] if ldap(bytes) => {
            let confidence = if view.any_port(&[389, 3268]) { 95 } else { 82 };
            return likely("LDAP", Interactive, confidence, "an LDAP message");
        }
        // A length, then the message (RFC 4120, 7.2.2).
        [0, ..] if bytes.len() > 8 && kerberos(&bytes[4..]) => {
            return found("Kerberos", Interactive, "a Kerberos message");
        }
        [0xc0 | 0xc1, 1..=3, _, 0..=7, ..] if tacacs(bytes) => {
            let confidence = if view.port(49) { 95 } else { 80 };
            return likely("TACACS+", Interactive, confidence, "a TACACS+ message");
        }
        // Connection-oriented DCE/RPC (C706, 12.6.3.1): version 5.0 or 5.1, a type, the data representation.
        [5, 0 | 1, 0..=19, _, 0 | 0x10, 0, 0, 0, ..] if begins(dcerpc_length(bytes), 16, 65_535) => {
            return found("DCE/RPC", Interactive, "a DCE/RPC message");
        }
        [1, ..] if diameter(bytes) => {
            let confidence = if view.port(3868) { 95 } else { 85 };
            return likely("Diameter", Interactive, confidence, "a Diameter message");
        }
        // NetBIOS session service (RFC 1002, 4.3.2): a request with two encoded names, and what answers it.
        [0x81, 0, 0, 0x44, 0x20, ..] if bytes.len() >= 70 => {
            return found("NetBIOS", Interactive, "a request for a NetBIOS session");
        }
        [0x82, 0, 0, 0] | [0x83, 0, 0, 1, 0x80..=0x8f] if view.port(139) => {
            return found("NetBIOS", Interactive, "an answer to a NetBIOS session request");
        }
        _ => {}
    }
    view.at_ports(|port| match port {
        88 | 464 if bytes.len() > 5 => likely("Kerberos", Interactive, ONLY_PORT, "a message on the port of Kerberos"),
        389 | 3268 if bytes[0] == 0x30 => likely("LDAP", Interactive, 80, "a message on the port of LDAP"),
        2083 if radius(bytes) => found("RADIUS", Interactive, "a RADIUS message"),
        3868 if bytes[0] == 1 => likely("Diameter", Interactive, ONLY_PORT, "a message on the port of Diameter"),
        43 | 4343 if is_text(line(bytes)) => likely("Whois", Interactive, 85, "a question about a name or network"),
        79 if is_text(line(bytes)) => likely("Finger", Interactive, 80, "a question about a user"),
        113 if ident(bytes) => likely("Ident", Interactive, 85, "a question whose a flow is"),
        // "1 blank tab-separated line" (RFC 1436): the selector alone.
        70 if is_text(line(bytes)) => likely("Gopher", Interactive, 80, "a Gopher selector"),
        2628 if bytes.starts_with(b"220 ") || bytes.starts_with(b"DEFINE ") || bytes.starts_with(b"CLIENT ") => {
            found("DICT", Interactive, "a question to a dictionary")
        }
        // Initialize request and response of Z39.50 are context tags 20 and 21 (ISO 23950, annex 1).
        210 if matches!(bytes[0], 0xb4 | 0xb5) => found("Z39.50", Interactive, "a question to a library"),
        7 => likely("Echo", Interactive, ONLY_PORT, "a message on the port of Echo"),
        13 if bytes.len() < 100 && is_text(bytes) => likely("Daytime", Interactive, 80, "the time as text"),
        17 if bytes.len() <= 512 && is_text(bytes) => likely("QOTD", Interactive, 75, "the quote of the day"),
        19 if near(bytes, b"0123456789:;<=>?@ABCDEF") => found("Chargen", Interactive, "the rotating test text"),
        37 if bytes.len() == 4 => likely("Time", Interactive, 85, "the time as a number"),
        _ => Finding::No,
    })
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes {
        [0x30, ..] if ldap(bytes) => {
            let confidence = if view.port(389) { 95 } else { 82 };
            return likely("LDAP", Interactive, confidence, "an LDAP message");
        }
        [0x60..=0x7e, ..] if kerberos(bytes) => return found("Kerberos", Interactive, "a Kerberos message"),
        [4, 0..=19, ..] if fills(dcerpc_datagram_length(bytes), 80, bytes) => {
            return if profinet(bytes) {
                found("PROFINET", Update, "a PROFINET call")
            } else {
                found("DCE/RPC", Interactive, "a DCE/RPC datagram")
            };
        }
        [1..=5 | 11..=13 | 40..=45 | 255, ..] if radius(bytes) => {
            let confidence = if view.any_port(&[1812, 1813, 1645, 1646, 3799]) { 95 } else { 80 };
            return likely("RADIUS", Interactive, confidence, "a RADIUS message");
        }
        _ => {}
    }
    view.at_ports(|port| match port {
        137 if netbios_name(bytes) => found("NetBIOS", Interactive, "a question about a NetBIOS name"),
        // Datagram service (RFC 1002, 4.4): a type, then flags whose upper half is reserved.
        138 if matches!(bytes, [0x10..=0x16, 0..=0x0f, ..]) => found("NetBIOS", Interactive, "a NetBIOS datagram"),
        // Set and change password (RFC 3244): a length that fits, a version.
        464 if fills(be16(bytes, 0), 0, bytes) && matches!(be16(bytes, 2), Some(1 | 0xff80)) => {
            found("Kerberos", Interactive, "a change of a Kerberos password")
        }
        1812 | 1813 | 1645 | 1646 | 3799 if fills(be16(bytes, 2), 0, bytes) => {
            found("RADIUS", Interactive, "a RADIUS message")
        }
        7 => likely("Echo", Interactive, ONLY_PORT, "a message on the port of Echo"),
        13 if bytes.len() < 100 && is_text(bytes) => likely("Daytime", Interactive, 80, "the time as text"),
        17 if bytes.len() <= 512 && is_text(bytes) => likely("QOTD", Interactive, 75, "the quote of the day"),
        19 => likely("Chargen", Interactive, ONLY_PORT, "a message on the port of Chargen"),
        37 if bytes.len() == 4 => likely("Time", Interactive, 85, "the time as a number"),
        _ => Finding::No,
    })
}

/// A sequence with a message id and an operation (RFC 4511, 4.1.1).
pub(crate) fn ldap(bytes: &[u8]) -> bool {
    let Some(message) = ber(bytes).filter(|message| message.tag == 0x30) else { return false };
    let Some(id) = ber(message.content).filter(|id| id.tag == 2 && (1..=4).contains(&id.length)) else { return false };
    let Some(operation) = ber(id.rest(message.content)) else { return false };
    // The operation fills the message, but for controls.
    operation.length < message.length
        && match operation.tag {
            // A bind request begins with version 2 or 3; a search with a base, a result with a code.
            0x60 => operation.content.starts_with(&[2, 1, 2]) || operation.content.starts_with(&[2, 1, 3]),
            0x42 => operation.length == 0,
            0x61 | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | 0x78 => operation.content.starts_with(&[0x0a, 1]),
            0x63 | 0x64 | 0x66 | 0x68 | 0x6c | 0x6e => operation.content.first() == Some(&4),
            0x77 => matches!(operation.content.first(), Some(0x80)),
            0x4a | 0x50 => true,
            _ => false,
        }
}

/// An application tag, a sequence, then version 5 (RFC 4120, 5.4).
fn kerberos(bytes: &[u8]) -> bool {
    let Some(message) = ber(bytes) else { return false };
    if !matches!(message.tag, 0x6a..=0x6f | 0x74..=0x76 | 0x7e) {
        return false;
    }
    let Some(body) = ber(message.content).filter(|body| body.tag == 0x30) else { return false };
    matches!(body.content, [0xa0 | 0xa1, 3, 2, 1, 5, ..])
}

/// RFC 8907, 4.1: version 12.0 or 12.1, a type, a length that fits in sight.
fn tacacs(bytes: &[u8]) -> bool {
    let length = be32(bytes, 8);
    fills(length, 12, bytes) || (bytes.len() == 12 && begins(length, 4, 4_096))
}

/// RFC 6733, 3: version 1, a length in words, no reserved flags, a command that is in use.
fn diameter(bytes: &[u8]) -> bool {
    let (Some(length), Some(command)) = (be24(bytes, 1), be24(bytes, 5)) else { return false };
    length.is_multiple_of(4)
        && (20..1 << 20).contains(&length)
        && bytes.get(4).is_some_and(|flags| flags & 0x0f == 0)
        && matches!(command, 257..=299 | 300..=330 | 8_388_600..=8_388_740)
}

/// RFC 2865, 3: a length that fits, attributes that fill it.
fn radius(bytes: &[u8]) -> bool {
    if !fills(be16(bytes, 2), 0, bytes) || bytes.len() < 20 {
        return false;
    }
    let mut at = 20;
    for _ in 0..128 {
        match bytes.get(at + 1) {
            None => break,
            Some(&length) if length >= 2 => at += usize::from(length),
            Some(_) => return false,
        }
    }
    at == bytes.len()
}

fn dcerpc_length(bytes: &[u8]) -> Option<u16> {
    if *bytes.get(4)? == 0 { be16(bytes, 8) } else { le16(bytes, 8) }
}

/// The length of a connectionless DCE/RPC body (C706, 12.5.2): data representation at 4, length at 74.
fn dcerpc_datagram_length(bytes: &[u8]) -> Option<u16> {
    match bytes.get(4..8)? {
        [0, 0..=3, 0, _] => be16(bytes, 74),
        [0x10, 0..=3, 0, _] => le16(bytes, 74),
        _ => None,
    }
}

/// PROFINET's object or interface identifiers, `DEA0000x-6C97-11D1-8271-…` (IEC 61158-6-10), in either order.
fn profinet(bytes: &[u8]) -> bool {
    [8, 24].into_iter().filter_map(|at| bytes.get(at..at + 10)).any(|id| {
        matches!(
            id,
            [0xde, 0xa0, 0, _, 0x6c, 0x97, 0x11, 0xd1, 0x82, 0x71]
                | [_, 0, 0xa0, 0xde, 0x97, 0x6c, 0xd1, 0x11, 0x82, 0x71]
        )
    })
}

/// A question or answer with a name in the encoding of RFC 1001, 14.1: 32 letters from A to P.
fn netbios_name(bytes: &[u8]) -> bool {
    be16(bytes, 4).is_some_and(|questions| questions <= 1)
        && bytes.get(12) == Some(&32)
        && bytes.get(13..45).is_some_and(|name| name.iter().all(|letter| (b'A'..=b'P').contains(letter)))
}

/// "port , port" in digits (RFC 1413, 3).
fn ident(bytes: &[u8]) -> bool {
    bytes.contains(&b',') && bytes.first().is_some_and(u8::is_ascii_digit) && is_text(bytes)
}

/// The first line, at most 200 bytes of it.
fn line(bytes: &[u8]) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(200)];
    bytes.split(|&byte| byte == b'\n').next().unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn directories_are_known() {
        check(
            inspect,
            &[
                (Stream, 389, "30 0c 02 01 01 60 07 02 01 03 04 00 80 00", "LDAP interactive"),
                (Stream, 10_389, "30 0c 02 01 01 61 07 0a 01 00 04 00 04 00", "LDAP interactive"),
                (Stream, 10_389, "30 05 02 01 03 42 00", "LDAP interactive"),
                (
                    Datagram,
                    389,
                    "30 84 00 00 00 2d 02 01 07 63 84 00 00 00 24 04 00 0a 01 00 00*29",
                    "LDAP interactive",
                ),
                (Stream, 10_389, "30 0c 02 01 01 04 06 'public' 00", ""),
                (Datagram, 88, "6a 81 50 30 81 4d a1 03 02 01 05 a2 03 02 01 0a 00*67", "Kerberos interactive"),
                (Stream, 1088, "00 00 00 53 6c 81 50 30 81 4d a1 03 02 01 05 00*72", "Kerberos interactive"),
                (Datagram, 464, "00 08 ff 80 00 02 6e 00", "Kerberos interactive"),
                (Stream, 49, "c0 01 01 00 12 34 56 78 00 00 00 04 01 02 03 04", "TACACS+ interactive"),
                (Stream, 4949, "c1 02 01 00 12 34 56 78 00 00 00 04 01 02 03 04", "TACACS+ interactive"),
                (Stream, 135, "05 00 0b 03 10 00 00 00 48 00 00 00 01 00 00 00 00*56", "DCE/RPC interactive"),
                (Stream, 49_664, "05 00 00 03 00 00 00 00 00 48 00 00 00 00 00 01 00*56", "DCE/RPC interactive"),
                (Stream, 3868, "01 00 00 14 80 00 01 01 00 00 00 00 00*8", "Diameter interactive"),
                (Datagram, 1812, "01 2a 00 1a 11*16 01 06 'user'", "RADIUS interactive"),
                (Datagram, 11_812, "02 2a 00 1a 11*16 01 06 'user'", "RADIUS interactive"),
                (Datagram, 11_812, "02 2a 00 1b 11*16 01 06 'user' 00", ""),
                (
                    Datagram,
                    137,
                    "12 34 01 10 00 01 00*6 20 'CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' 00 00 21 00 01",
                    "NetBIOS interactive",
                ),
                (Datagram, 138, "11 0a 12 34 c0 a8 01 14 00 8a 00 bb 00 00 20 00*20", "NetBIOS interactive"),
                (Stream, 139, "81 00 00 44 20 41*32 00 20 41*32 00", "NetBIOS interactive"),
                (
                    Datagram,
                    49_162,
                    "04 00 20 00 10 00 00 00 00 00 a0 de 97 6c d1 11 82 71 00*6 01 00 a0 de 97 6c d1 11 82 71 00*40 04 00 00*4 00*4",
                    "PROFINET update",
                ),
                (Datagram, 1025, "04 02 08 00 10 00 00 00 00*66 04 00 00*4 00*4", "DCE/RPC interactive"),
                (Stream, 43, "'example.org' 0d 0a", "Whois interactive"),
                (Stream, 79, "'root' 0d 0a", "Finger interactive"),
                (Stream, 113, "'6193, 23' 0d 0a", "Ident interactive"),
                (Stream, 70, "'/docs' 0d 0a", "Gopher interactive"),
                (Stream, 2628, "'DEFINE * packet' 0d 0a", "DICT interactive"),
                (Stream, 210, "b4 52 83 02 05 e0", "Z39.50 interactive"),
                (Datagram, 13, "'Saturday, November 21, 2026 15:00:00-UTC' 0d 0a", "Daytime interactive"),
                (Stream, 19, "'!#$%&()*+,-./0123456789:;<=>?@ABCDEFGHIJ' 0d 0a", "Chargen interactive"),
            ],
        );
    }
}
