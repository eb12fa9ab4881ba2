//! Telephony that is neither SIP nor media: H.323, MGCP, Megaco, IAX, Skinny, UNISTIM, NOE.

use super::{Announced, Finding, Found, Layer, Next, View, found, likely, sdp};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Voice;

/// Verbs of RFC 3435, 3.2.1.
const MGCP_VERBS: [&[u8]; 9] =
    [b"EPCF ", b"CRCX ", b"MDCX ", b"DLCX ", b"RQNT ", b"NTFY ", b"AUEP ", b"AUCX ", b"RSIP "];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match text(view) {
        Finding::No => {}
        found => return found,
    }
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

/// MGCP (RFC 3435) and Megaco in text (RFC 3525, annex B), over UDP or TCP.
fn text(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let line = &bytes[..bytes.len().min(100)];
    let megaco = match bytes.first() {
        Some(b'M') => line.starts_with(b"MEGACO/") && line.get(7).is_some_and(u8::is_ascii_digit),
        Some(b'!') => matches!(line, [_, b'/', b'1'..=b'9', b' ' | b'\r' | b'\n' | b'[', ..]),
        _ => false,
    };
    if megaco {
        return with_media(view, found("Megaco", Voice, "a media gateway message (Megaco)"));
    }
    let verb = MGCP_VERBS.iter().any(|verb| line.starts_with(verb));
    if verb && memchr::memmem::find(line, b" MGCP ").is_some() {
        return with_media(view, found("MGCP", Voice, "a media gateway message (MGCP)"));
    }
    let answers = matches!(line, [b'0'..=b'8', b'0'..=b'9', b'0'..=b'9', b' ', b'0'..=b'9', ..]);
    if answers && view.any_port(&[2_427, 2_727]) {
        return with_media(view, found("MGCP", Voice, "a media gateway's answer (MGCP)"));
    }
    Finding::No
}

/// Descriptions of media may stand in this message and those behind it.
fn with_media(view: &View<'_>, finding: Finding) -> Finding {
    let Finding::Found(found) = finding else { return finding };
    let mut announces: Vec<Announced> = Vec::new();
    sdp::announce(view, &mut |announced| announces.push(announced));
    Finding::Found(Found { next: Next::Listen, announces, ..found })
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes.first() {
        // TPKT (RFC 1006): version 3, nothing, a length.
        Some(3) if bytes.get(1) == Some(&0) => h323(view),
        Some(_) => skinny(view),
        None => Finding::No,
    }
}

fn h323(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(length) = be16(bytes, 2).map(usize::from).filter(|&length| length > 6) else { return Finding::No };
    // The header alone came first.
    if bytes.len() < 12 && length > bytes.len() {
        return Finding::More;
    }
    // H.225.0: Q.931's protocol discriminator, a call reference of two bytes, a message type (ITU-T Q.931, 4).
    if matches!(bytes.get(4..9), Some([8, 2, _, _, 0x01..=0x7d])) && length > 8 {
        let sure = if view.port(1_720) { 95 } else { 85 };
        return likely("H.323", Voice, sure, "H.323 call signalling");
    }
    // H.245 on a port that call signalling named: a capability set with the protocol's object identifier
    // (ITU-T H.245, 0.0.8.245), or a request to find out who leads.
    let capability = matches!(bytes.get(4..6), Some([0x02, 0x70])) && bytes.get(7..12) == Some(&[6, 0, 8, 0x81, 0x75]);
    let master = matches!(bytes.get(4..7), Some([0x01, 0x00, _])) && length <= 12;
    if capability || (view.port(1_720) && master) {
        return found("H.323", Voice, "H.245 call negotiation");
    }
    if matches!(bytes.get(4..6), Some([0x02, 0x70])) {
        return likely("H.323", Voice, 85, "H.245 call negotiation");
    }
    Finding::No
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    be32(bytes, at).map(u32::swap_bytes)
}

/// Cisco's Skinny: a length, a header version, a message id, all in little endian.
fn skinny(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let (Some(length), Some(version), Some(kind)) = (le32(bytes, 0), le32(bytes, 4), le32(bytes, 8)) else {
        return Finding::No;
    };
    let fits = (4..=4_096).contains(&length) && matches!(version, 0 | 0x0a | 0x0b | 0x11..=0x16) && kind <= 0x8200;
    if !fits {
        return Finding::No;
    }
    // A telephone registers by its name (SEP and its hardware address); elsewhere only its port tells.
    let registers = kind == 1 && matches!(bytes.get(12..15), Some(b"SEP" | b"ATA" | b"VGC"));
    if registers {
        return found("Skinny", Voice, "a telephone registers with Skinny");
    }
    if view.any_port(&[2_000, 2_443]) && kind < 0x200 {
        return likely("Skinny", Voice, 90, "a Skinny message to a telephone");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match iax(view) {
        Finding::No => {}
        found => return found,
    }
    // H.225.0's registration: with its object identifier, else on its ports.
    if view.any_port(&[1_718, 1_719]) && bytes.len() > 4 {
        let named = bytes.get(4..9) == Some(&[6, 0, 8, 0x91, 0x4a]);
        return likely("H.323", Voice, if named { 95 } else { 85 }, "H.323 registration");
    }
    // Megaco in ASN.1 (RFC 3525, annex A): a sequence whose first element is tagged 0 or 1.
    if view.port(2_945) && matches!(bytes, [0x30, ..]) {
        return likely("Megaco", Voice, 85, "a media gateway message (Megaco)");
    }
    // UNISTIM: a number, or ones for everybody, and whether it acknowledges, repeats or carries.
    if bytes.len() >= 12 && bytes.starts_with(&[0xff, 0xff, 0xff, 0xff, 2, 0xff, 0xff, 0xff, 0xff]) {
        return found("UNISTIM", Voice, "a telephone looks for its server (UNISTIM)");
    }
    if view.port(5_000) && be16(bytes, 0) == Some(0) && matches!(bytes.get(4), Some(0..=2)) && bytes.len() <= 200 {
        return likely("UNISTIM", Voice, 66, "a message in the form of UNISTIM on its port");
    }
    // Alcatel's telephones ("New Office Environment"): a message of its own length, a number.
    if matches!((bytes.len(), bytes), (5 | 12, [7, 0, 1..=255, 0, ..])) {
        return likely("NOE", Voice, 72, "a message to a telephone (NOE)");
    }
    if view.any_port(&[32_512, 32_640]) && matches!(bytes, [0..=9, ..]) {
        return likely("NOE", Voice, 82, "a message to a telephone (NOE)");
    }
    Finding::No
}

/// IAX2 (RFC 5456, 8.1): full frames with a type, mini frames of sound.
fn iax(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let (Some(from), Some(to)) = (be16(bytes, 0), be16(bytes, 2)) else { return Finding::No };
    let full = from & 0x8000 != 0 && bytes.len() >= 12;
    // NEW opens a call: nobody is called yet, nothing was sent, and the version is 2 in its first element.
    if full && to == 0 && bytes.get(8..12) == Some(&[0, 0, 6, 1]) && bytes.get(12..16) == Some(&[0x0b, 2, 0, 2]) {
        return found("IAX", Voice, "an IAX2 call begins");
    }
    if view.port(4_569) {
        let known = full && matches!(bytes.get(10), Some(1..=12));
        let mini = from & 0x8000 == 0 && bytes.len() > 4;
        if known || mini {
            return likely("IAX", Voice, if known { 95 } else { 85 }, "an IAX2 frame");
        }
    }
    Finding::No
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen;
    use Layer::{Datagram, Stream};

    #[test]
    fn signalling_is_found() {
        specimen::check(
            inspect,
            &[
                (Datagram, 2_427, "'RQNT 1201 aaln/1@rgw-2567.example.net MGCP 1.0' 0d 0a", "MGCP voice"),
                (Datagram, 2_727, "'200 1201 OK' 0d 0a", "MGCP voice"),
                (Datagram, 40_001, "'200 1201 OK' 0d 0a", ""),
                (Datagram, 2_944, "'MEGACO/1 [124.124.124.222] Transaction = 9998 {'", "Megaco voice"),
                (Datagram, 2_944, "'!/1 [123.123.123.4]:55555 P=10003{'", "Megaco voice"),
                (Stream, 2_944, "'!/1 [123.123.123.4]:55555 P=10003{'", "Megaco voice"),
                (Stream, 1_720, "03 00 00 40 08 02 00 01 05 04 03 88 93 a5", "H.323 voice"),
                (Stream, 40_001, "03 00 00 40 02 70 01 06 00 08 81 75 00 05", "H.323 voice"),
                (Stream, 102, "03 00 00 16 11 e0 00 00 00 01 00 c0 01 0a", ""),
                (Stream, 3_389, "03 00 00 13 0e e0 00 00 00 00 00 01 00 08", ""),
                (Stream, 2_000, "04 00 00 00 00 00 00 00 00 00 00 00", "Skinny voice"),
                (Stream, 40_001, "50 00 00 00 11 00 00 00 01 00 00 00 'SEP001122334455'", "Skinny voice"),
                (Stream, 40_001, "04 00 00 00 00 00 00 00 00 00 00 00", ""),
                (Datagram, 1_719, "0e 80 00 0a 06 00 08 91 4a 00 04", "H.323 voice"),
                (Datagram, 4_569, "80 01 00 00 00 00 00 05 00 00 06 01 0b 02 00 02", "IAX voice"),
                (Datagram, 40_001, "80 01 00 00 00 00 00 05 00 00 06 01 0b 02 00 02", "IAX voice"),
                (Datagram, 4_569, "00 01 12 34 07*33", "IAX voice"),
                (Datagram, 40_001, "00 01 12 34 07*33", ""),
                (Datagram, 5_000, "ff ff ff ff 02 ff ff ff ff 9e 03 08", "UNISTIM voice"),
                (Datagram, 32_512, "07 00 01 00 00", "NOE voice"),
            ],
        );
    }
}
