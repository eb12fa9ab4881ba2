//! SIP (RFC 3261), MSRP (RFC 4975) and BFCP (RFC 8855): how telephones and conferences call each other.

use super::{Announced, Finding, Found, Layer, Next, View, found, likely, sdp};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Call, Voice};

/// Methods of IANA's "SIP Methods".
const METHODS: [&[u8]; 14] = [
    b"INVITE ",
    b"REGISTER ",
    b"OPTIONS ",
    b"ACK ",
    b"BYE ",
    b"CANCEL ",
    b"SUBSCRIBE ",
    b"NOTIFY ",
    b"MESSAGE ",
    b"INFO ",
    b"PUBLISH ",
    b"REFER ",
    b"PRACK ",
    b"UPDATE ",
];
/// What the address of a request begins with (RFC 3261, 25.1; RFC 3966).
const ADDRESSES: [&[u8]; 5] = [b"sip:", b"sips:", b"tel:", b"SIP:", b"SIPS:"];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    // Keep-alives may stand before a message in a stream (RFC 5626, 3.5.1).
    let bytes = match view.layer {
        Layer::Stream => view.bytes.trim_ascii_start(),
        Layer::Datagram => view.bytes,
    };
    if bytes.first().is_some_and(u8::is_ascii_uppercase) {
        if is_sip(bytes) {
            return call(view);
        }
        if bytes.starts_with(b"MSRP ") && bytes.len() > 12 {
            return found("MSRP", Voice, "a message inside a call (MSRP)");
        }
    }
    if is_bfcp(view.bytes, view.layer) || answers_bfcp(view) {
        return likely("BFCP", Call, 85, "floor control of a conference");
    }
    keep_alive(view)
}

/// Whether the first line is one of a request or an answer.
fn is_sip(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"SIP/2.0 ") {
        return bytes.get(8..11).is_some_and(|code| code.iter().all(u8::is_ascii_digit));
    }
    METHODS.iter().find_map(|method| bytes.strip_prefix(*method)).is_some_and(|rest| {
        let begins = ADDRESSES.iter().any(|address| rest.starts_with(address));
        begins || memchr::memmem::find(&rest[..rest.len().min(200)], b" SIP/2.0\r\n").is_some()
    })
}

fn call(view: &View<'_>) -> Finding {
    let mut announces: Vec<Announced> = Vec::new();
    sdp::announce(view, &mut |announced| announces.push(announced));
    match found("SIP", Voice, "a SIP message: telephone signalling") {
        Finding::Found(found) => Finding::Found(Found { next: Next::Listen, announces, ..found }),
        other => other,
    }
}

/// What holds a NAT open on SIP's own port (RFC 5626, 4.4.1; zeros and short words are what telephones send).
fn keep_alive(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let blank = bytes.len() <= 4 && bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0));
    let word = matches!(bytes, b"jaK\0" | b"hello" | b"png" | b"ping" | b"PING");
    if view.any_port(&[5_060, 5_061]) && !bytes.is_empty() && (blank || word) {
        return likely("SIP", Voice, 78, "a keep-alive on the port of SIP");
    }
    Finding::No
}

/// Two messages of one conference, transaction and user, whatever length they state: some count it wrong.
fn answers_bfcp(view: &View<'_>) -> bool {
    let begins = |bytes: &[u8]| matches!(bytes, [0x20 | 0x40, 1..=18, 0, _, ..]) && be32(bytes, 4) != Some(0);
    let said = view.bytes.get(4..12);
    begins(view.bytes) && begins(view.heard) && said.is_some() && view.heard.get(4..12) == said
}

/// Version 1 or 2, a primitive of 1 to 18, a length in words that fits, a conference (RFC 8855, 5.1).
fn is_bfcp(bytes: &[u8], layer: Layer) -> bool {
    let Some(&[first, primitive, ..]) = bytes.first_chunk::<12>() else { return false };
    let length = 12 + usize::from(be16(bytes, 2).unwrap_or(u16::MAX)) * 4;
    // Reserved bits are zero; attributes have a length of two at least and end with the message. A stream has
    // version 1, and may go on with the next message.
    let fits = match layer {
        Layer::Datagram => matches!(first, 0x20 | 0x40) && length == bytes.len(),
        Layer::Stream => {
            first == 0x20 && (length == bytes.len() || matches!(bytes.get(length..), Some([0x20, 1..=18, ..])))
        }
    };
    if !fits || !(1..=18).contains(&primitive) {
        return false;
    }
    let mut rest = bytes.get(12..length).unwrap_or(&[]);
    let mut attributes = 0;
    while let (Some(&kind), Some(&length)) = (rest.first(), rest.get(1)) {
        if length < 2 || kind >> 1 == 0 || kind >> 1 > 20 || attributes > 32 {
            return false;
        }
        rest = rest.get(usize::from(length).next_multiple_of(4)..).unwrap_or(&[]);
        attributes += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{dialogue, specimen};
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
                (Datagram, 5_060, "'INVITE sip:bob@biloxi.example.com SIP/2.0' 0d 0a", "SIP voice"),
                (Datagram, 40_001, "'OPTIONS sips:bob@biloxi.example.com SIP/2.0' 0d 0a", "SIP voice"),
                (Stream, 5_060, "'REGISTER sip:example.com SIP/2.0' 0d 0a", "SIP voice"),
                (Stream, 5_060, "0d 0a 0d 0a 'SIP/2.0 180 Ringing' 0d 0a", "SIP voice"),
                (Datagram, 5_060, "'UPDATE tel:+1-201-555-0123 SIP/2.0' 0d 0a", "SIP voice"),
                (Datagram, 5_060, "0d 0a 0d 0a", "SIP voice"),
                (Datagram, 5_060, "00*4", "SIP voice"),
                (Datagram, 40_001, "0d 0a 0d 0a", ""),
                (Stream, 8_080, "'OPTIONS / HTTP/1.1' 0d 0a", ""),
                (Stream, 554, "'OPTIONS rtsp://example.com/ RTSP/1.0' 0d 0a", ""),
                (Stream, 80, "'MESSAGE of the day'", ""),
                (Stream, 2_855, "'MSRP d93kswow SEND' 0d 0a", "MSRP voice"),
                // FloorRequest with a floor (RFC 8855, 5.3.1)
                (Datagram, 40_001, "20 01 00 01 00 00 00 01 00 02 00 03 04 04 00 01", "BFCP call"),
                (Datagram, 40_001, "20 01 00 02 00 00 00 01 00 02 00 03 04 04 00 01", ""),
                // Hello (5.3.11) in a stream, alone and before its next message
                (Stream, 5_070, "20 0b 00 00 00 00 00 01 00 02 00 03", "BFCP call"),
                (Stream, 40_001, "20 0b 00 00 00 00 00 01 00 02 00 03 20 01 00 01 00*12", "BFCP call"),
                (Stream, 40_001, "20 0b 00 00 00 00 00 01 00 02 00 03 07*4", ""),
            ],
        );
        let asked = "20 03 00 01 00 00 00 01 00 02 00 03";
        dialogue::check(
            inspect,
            Stream,
            &[
                (5_070, asked, "20 04 00 01 00 00 00 01 00 02 00 03", "BFCP call"),
                (5_070, asked, "20 04 00 01 00 00 00 01 00 03 00 03", ""),
            ],
        );
    }
}
