//! Telephony that is neither SIP nor media: H.323, MGCP, Megaco, IAX, Skinny, UNISTIM, NOE, ZRTP; and which ends
//! of media H.323 and Skinny name.

use super::fields::begins_with;
use super::ports::ONLY_PORT;
use super::{Announced, Finding, Found, Layer, Names, Next, Signature, View, found, likely, sdp};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Voice;
use vocab::{Address, Endpoint, IpProtocol};

/// Verbs of RFC 3435, 3.2.1.
const MGCP_VERBS: &[&[u8]] =
    &[b"EPCF ", b"CRCX ", b"MDCX ", b"DLCX ", b"RQNT ", b"NTFY ", b"AUEP ", b"AUCX ", b"RSIP "];

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
    let verb = begins_with(line, MGCP_VERBS);
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
    announce(view, &mut |announced| announces.push(announced));
    Finding::Found(Found { next: Next::Listen, announces, ..found })
}

/// More ends than a message of H.323 offers, with sound and video in some codecs each.
const MOST_ENDS: usize = 16;

/// Announces the ends that H.323 and Skinny name for media and for H.245.
pub(crate) fn announce(view: &View<'_>, announce: &mut dyn FnMut(Announced)) {
    let bytes = &view.bytes[..view.bytes.len().min(1_500)];
    if view.layer == Layer::Stream || view.any_port(&[1_718, 1_719, 1_720, 2_000, 2_443]) || bytes.starts_with(&[3, 0])
    {
        match bytes.first() {
            Some(3) if bytes.get(1) == Some(&0) => named_in_h323(view, bytes, announce),
            Some(_) => named_in_skinny(bytes, announce),
            None => {}
        }
    }
}

/// Addresses of either end with a port behind them: transport addresses are 6 bytes in a row in the packed
/// encoding of both H.225.0 and H.245 (ITU-T X.691, 17.5 and 10.5: octet strings and numbers of fixed size).
fn named_in_h323(view: &View<'_>, bytes: &[u8], announce: &mut dyn FnMut(Announced)) {
    let mut left = MOST_ENDS;
    for address in [view.source, view.destination] {
        let [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, v4 @ ..] = address.0 else { continue };
        for at in memchr::memmem::find_iter(bytes, &v4) {
            let Some(port) = be16(bytes, at + 4).filter(|&port| port >= 1_024) else { continue };
            let Some(less) = left.checked_sub(1) else { return };
            left = less;
            let end = Endpoint { address, port };
            announce(Announced { end, protocol: IpProtocol::UDP, signature: named("RTP") });
            announce(Announced { end, protocol: IpProtocol::TCP, signature: named("H.323") });
        }
    }
}

const fn named(application: &'static str) -> Signature {
    let why = "a call's signalling named this end";
    Signature { application, class: Voice, names: Names::Adorn, confidence: 88, why }
}

/// Skinny's OpenReceiveChannelAck and StartMediaTransmission, which name where sound is taken; from version 17 on
/// with a kind and 16 bytes of address (Wireshark's description of the protocol, skinny.xml).
fn named_in_skinny(bytes: &[u8], announce: &mut dyn FnMut(Announced)) {
    let mut rest = bytes;
    for _ in 0..16 {
        let (Some(length), Some(version), Some(kind)) = (le32(rest, 0), le32(rest, 4), le32(rest, 8)) else { return };
        if !is_skinny(length, version, kind) {
            return;
        }
        let place = match kind {
            0x22 => Some(16),
            0x8a => Some(20),
            _ => None,
        };
        let end = place.and_then(|at| {
            let (address_at, port_at) = if version >= 17 { (at + 4, at + 20) } else { (at, at + 4) };
            // The kind is 0 for version 4 of the Internet's protocol.
            (version < 17 || le32(rest, at) == Some(0)).then_some(())?;
            let port = u16::try_from(le32(rest, port_at)?).ok().filter(|&port| port >= 1_024)?;
            Some(Endpoint { address: Address::from_v4(be32(rest, address_at)?.to_be_bytes()), port })
        });
        if let Some(end) = end {
            announce(Announced { end, protocol: IpProtocol::UDP, signature: named("RTP") });
        }
        rest = usize::try_from(length).ok().and_then(|length| rest.get(length + 8..)).unwrap_or(&[]);
    }
}

fn is_skinny(length: u32, version: u32, kind: u32) -> bool {
    (4..=4_096).contains(&length) && matches!(version, 0 | 0x0a | 0x0b | 0x11..=0x16) && kind <= 0x8200
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes.first() {
        // TPKT (RFC 1006): version 3, nothing, a length.
        Some(3) if bytes.get(1) == Some(&0) => with_media(view, h323(view)),
        Some(_) => with_media(view, skinny(view)),
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
    if !is_skinny(length, version, kind) {
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
    // ZRTP agrees on keys where the media will flow: its mark and that of its message (RFC 6189, 5).
    if matches!(bytes, [0x10..=0x1f, 0, ..]) && be32(bytes, 4) == Some(0x5a52_5450) && be16(bytes, 12) == Some(0x505a) {
        return keys("ends of a call agree on keys (ZRTP)");
    }
    // H.225.0's registration: with its object identifier, else on its ports.
    if view.any_port(&[1_718, 1_719]) && bytes.len() > 4 {
        let named = bytes.get(4..9) == Some(&[6, 0, 8, 0x91, 0x4a]);
        return likely("H.323", Voice, if named { 95 } else { ONLY_PORT }, "H.323 registration");
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
        return likely("NOE", Voice, ONLY_PORT, "a message to a telephone (NOE)");
    }
    Finding::No
}

/// Media follows in the same flow, and video may be in it.
fn keys(why: &'static str) -> Finding {
    match likely("ZRTP", Voice, 87, why) {
        Finding::Found(found) => Finding::Found(Found { next: Next::Listen, ..found }),
        other => other,
    }
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
            return likely("IAX", Voice, if known { 95 } else { ONLY_PORT }, "an IAX2 frame");
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
    fn chance_is_nothing() {
        crate::classify::dialogue::check_chance(inspect);
    }

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
                (Datagram, 40_001, "10 00 12 34 'ZRTP' 00 00 00 01 50 5a 00 1d 'Hello   '", "ZRTP voice"),
                (Datagram, 40_001, "10 00 12 34 'ZRTQ' 00 00 00 01 50 5a 00 1d 'Hello   '", ""),
            ],
        );
    }

    #[test]
    fn the_ends_of_media_are_announced() {
        let check = |notation: &str, expected: &[&str]| {
            let message = specimen::bytes(notation);
            let view = View {
                layer: Stream,
                bytes: &message,
                sender: crate::classify::Sender::Initiator,
                source: Address::from_v4([192, 0, 2, 9]),
                destination: Address::from_v4([198, 51, 100, 7]),
                source_port: 50_000,
                destination_port: 2_000,
                number: 0,
                heard: &[],
            };
            let mut told = Vec::new();
            announce(&view, &mut |announced| {
                let Announced { end, protocol, .. } = announced;
                told.push(format!("{} {} {}", protocol.0, end.address.ip(), end.port));
            });
            assert_eq!(told, expected);
        };
        // a transport address of the sender inside a message of H.245, twice offered ports below 1024
        let h245 = "03 00 00 30 03 00 00 0d 00 05 00 0b c0 00 02 09 13 9c c0 00 02 09 00 50 c0 00 02 63 13 9c";
        check(h245, &["17 192.0.2.9 5020", "6 192.0.2.9 5020"]);
        // StartMediaTransmission behind a keep-alive, and OpenReceiveChannelAck of a later version
        let old =
            "04 00 00 00 00 00 00 00 00 00 00 00 14 00 00 00 00 00 00 00 8a 00 00 00 01*8 c6 33 64 63 9c 13 00 00";
        check(old, &["17 198.51.100.99 5020"]);
        let new = "24 00 00 00 11 00 00 00 22 00 00 00 00*4 00*4 c0 00 02 09 00*12 9c 13 00 00 01*4";
        check(new, &["17 192.0.2.9 5020"]);
        check("14 00 00 00 00 00 00 00 8b 00 00 00 01*8 c6 33 64 63 9c 13 00 00", &[]);
    }
}
