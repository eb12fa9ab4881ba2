//! DTLS (RFC 6347, RFC 9147, RFC 9146 for connection ids): the handshake of media keys, of VPNs and of small devices.

use super::ja4::{Carrier, Ja4};
use super::tls::ClientHello;
use super::{Finding, Found, Layer, NameSource, Names, Next, Signature, View, alpn, certificate};
use crate::packet::be16;
use vocab::TrafficClass::{self, Call, Download, Interactive, Update};

const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const CERTIFICATE: u8 = 11;
const APPLICATION: u8 = 23;
/// More than a hello, or the first certificate of a chain, in fragments: kept bytes per flow.
const MOST_MESSAGE: usize = 4_096;
const MOST_FRAGMENTS: usize = 16;

const DTLS: Signature = Signature {
    application: "DTLS",
    class: Interactive,
    names: Names::Refine,
    confidence: 78,
    why: "a DTLS handshake",
};

/// Nothing but keys: whether a call, a game or a transfer follows, the way there (ICE) and the media tell.
const KEYS: Signature = Signature { why: "a DTLS handshake that agrees on keys for media", ..DTLS };

/// A record of application data that fills its datagram: SCTP's packets have 1,200 bytes at most in browsers
/// (RFC 8831, 5); what is said beside a call is short.
const LARGE: usize = 900;
/// More large records than a handshake of data channels and a picture in a chat need.
const TRANSFER: u8 = 10;
/// Surer than the way to the other end (ICE); less than media that shows itself in the same flow.
const TRANSFERS: Signature = Signature {
    application: "WebRTC data channel",
    class: Download,
    confidence: 90,
    why: "no media, but full records of data behind keys for media",
    ..DTLS
};

/// A handshake message of one flow, put together from its fragments.
#[derive(Default)]
pub(crate) struct Assembly {
    /// Type and number of the message.
    message: (u8, u16),
    bytes: Vec<u8>,
    have: Vec<(u32, u32)>,
    /// The hello agreed on keys for media.
    media: bool,
    /// Large records of application data so far.
    large: u8,
}

impl Assembly {
    /// Takes in the next datagram of a flow, from either side; keeps at most `room` bytes more.
    pub(crate) fn inspect(&mut self, view: &View<'_>, room: usize, ja4: &mut Option<Ja4>) -> Finding {
        if view.layer != Layer::Datagram || !begins(view.bytes) {
            return Finding::No;
        }
        let sealed = Signature { confidence: 66, why: "DTLS records of a flow that began before we looked", ..DTLS };
        let mut conclusion = Found { signature: sealed, name: None, next: Next::Watch, announces: Vec::new() };
        let mut rest = view.bytes;
        for place in 0..16 {
            let Some(record) = record(rest) else {
                if place == 0 {
                    return Finding::No;
                }
                break;
            };
            rest = &rest[RECORD_HEADER + record.body.len()..];
            let sealed_record = record.epoch > 0 || record.kind != HANDSHAKE;
            if sealed_record {
                let large = record.kind == APPLICATION && record.body.len() >= LARGE;
                self.large = self.large.saturating_add(u8::from(large));
                continue;
            }
            let Some(fragment) = fragment(record.body) else {
                if place == 0 {
                    return Finding::No;
                }
                break;
            };
            if conclusion.signature.why == sealed.why {
                conclusion.signature = DTLS;
            }
            self.read(&fragment, room, ja4, &mut conclusion);
        }
        if self.media {
            // What the keys are for comes behind the handshake.
            conclusion.next = Next::Listen;
            if self.large >= TRANSFER {
                conclusion.signature = TRANSFERS;
            }
        }
        let plain = conclusion.signature.class == Interactive && !self.media;
        if conclusion.signature.names == Names::Refine && plain {
            conclusion.signature = by_port(view, conclusion.signature);
        }
        Finding::Found(conclusion)
    }

    /// What a fragment adds to the conclusion.
    fn read(&mut self, fragment: &Fragment<'_>, room: usize, ja4: &mut Option<Ja4>, conclusion: &mut Found) {
        if !matches!(fragment.kind, CLIENT_HELLO | CERTIFICATE) {
            return;
        }
        let body = if fragment.body.len() == fragment.length {
            fragment.body
        } else {
            self.keep(fragment, room);
            self.prefix()
        };
        match fragment.kind {
            CLIENT_HELLO => {
                let Some(hello) = ClientHello::parse(body, fragment.length, Carrier::Dtls) else { return };
                if hello.whole {
                    *ja4 = Some(Ja4::of(&hello, Carrier::Dtls));
                }
                let read = hello.read();
                if let Some(name) = read.name(NameSource::TlsHello) {
                    conclusion.name = Some(name);
                }
                if let Some(signature) = alpn::purpose(read.protocols) {
                    conclusion.signature = signature;
                } else if read.srtp {
                    conclusion.signature = KEYS;
                }
                // A cookie may be asked for: the next hello says the same.
                let (keeps, media) = (!hello.whole, read.srtp);
                self.media |= media;
                if !keeps {
                    self.forget();
                }
            }
            _ => {
                let holder = certificate::of_list(body);
                if let Some(signature) = holder.as_deref().and_then(certificate::purpose) {
                    conclusion.signature = signature;
                }
                conclusion.name = holder
                    .filter(|name| name.contains('.'))
                    .map(|name| (name.into_boxed_str(), NameSource::TlsCertificate));
                if conclusion.name.is_some() {
                    self.forget();
                }
            }
        }
    }

    fn keep(&mut self, fragment: &Fragment<'_>, room: usize) {
        if self.message != (fragment.kind, fragment.number) {
            self.forget();
            self.message = (fragment.kind, fragment.number);
        }
        let end = (fragment.offset + fragment.body.len()).min(MOST_MESSAGE);
        let Some(length) = end.checked_sub(fragment.offset).filter(|&length| length > 0) else { return };
        if self.have.len() >= MOST_FRAGMENTS || end.saturating_sub(self.bytes.len()) > room {
            return;
        }
        if self.bytes.len() < end {
            self.bytes.reserve_exact(end - self.bytes.len());
            self.bytes.resize(end, 0);
        }
        self.bytes[fragment.offset..end].copy_from_slice(&fragment.body[..length]);
        self.have.push((fragment.offset as u32, end as u32));
        self.have.sort_unstable();
    }

    /// The message from its first byte, without a gap.
    fn prefix(&self) -> &[u8] {
        let end = self.have.iter().fold(0, |end, &(from, to)| if from <= end { end.max(to) } else { end });
        &self.bytes[..end as usize]
    }

    fn forget(&mut self) {
        *self = Assembly { media: self.media, large: self.large, ..Assembly::default() };
    }

    /// Bytes kept for this flow.
    pub(crate) fn size(&self) -> usize {
        self.bytes.capacity() + self.have.capacity() * 8
    }
}

/// Whether a datagram begins as a record does: a type (RFC 9147, 4.1: 20 to 26), and versions 1.0, 1.2, 1.3 or
/// OpenSSL's old 0x0100.
fn begins(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=26, 0xfe, 0xfc | 0xfd | 0xff, ..] | [20..=23, 1, 0, ..])
}

struct Record<'a> {
    kind: u8,
    epoch: u16,
    body: &'a [u8],
}

fn record(bytes: &[u8]) -> Option<Record<'_>> {
    if !begins(bytes) {
        return None;
    }
    let kind = bytes[0];
    // With a connection id the length stands behind it, and how long that is only the ends know (RFC 9146, 4).
    if kind == 25 {
        let body = bytes.get(RECORD_HEADER..).filter(|body| body.len() >= 16)?;
        return (be16(bytes, 3)? > 0).then_some(Record { kind, epoch: 1, body });
    }
    let (epoch, length) = (be16(bytes, 3)?, usize::from(be16(bytes, 11)?));
    let body = bytes.get(RECORD_HEADER..RECORD_HEADER + length)?;
    let fits = match kind {
        20 => length == 1 || epoch > 0,
        21 => length == 2 || (10..=80).contains(&length),
        22 => length >= MESSAGE_HEADER,
        23 => epoch > 0 && length >= 9,
        _ => length > 0,
    };
    // Epochs count rehandshakes: real ones are few. Sequence numbers have 48 bits, of which no flow uses 40.
    (fits && epoch <= 64 && bytes[5] == 0).then_some(Record { kind, epoch, body })
}

struct Fragment<'a> {
    kind: u8,
    /// Of the whole message.
    length: usize,
    number: u16,
    offset: usize,
    body: &'a [u8],
}

fn fragment(body: &[u8]) -> Option<Fragment<'_>> {
    let be24 = |at: usize| Some(usize::from(*body.get(at)?) << 16 | usize::from(be16(body, at + 1)?));
    let (length, number, offset, size) = (be24(1)?, be16(body, 4)?, be24(6)?, be24(9)?);
    let part = body.get(MESSAGE_HEADER..MESSAGE_HEADER + size)?;
    let known = matches!(body[0], 0..=4 | 8 | 11..=16 | 20..=24);
    (known && offset + size <= length && length <= 1 << 17).then_some(Fragment {
        kind: body[0],
        length,
        number,
        offset,
        body: part,
    })
}

/// DTLS on the port of a protocol that is spoken inside it (IANA, and the documented defaults of the programs named).
fn by_port(view: &View<'_>, otherwise: Signature) -> Signature {
    let inside = |port: u16| {
        let (application, class, names): (_, TrafficClass, _) = match port {
            5684 => ("CoAP", Update, Names::Adorn),
            853 => ("DNS over DTLS", Interactive, Names::Adorn),
            2083 => ("RADIUS", Interactive, Names::Adorn),
            3389 | 3391 => ("RDP", Interactive, Names::Adorn),
            3478 | 5349 => ("TURN", Call, Names::Refine),
            5061 => ("SIP", TrafficClass::Voice, Names::Adorn),
            5246 | 5247 => ("CAPWAP", Interactive, Names::Adorn),
            6514 => ("Syslog", Interactive, Names::Adorn),
            10_161 | 10_162 => ("SNMP", Interactive, Names::Adorn),
            _ => return None,
        };
        Some(Signature { application, class, names, confidence: 85, why: "DTLS on the port of this service" })
    };
    inside(view.responder_port()).or_else(|| inside(view.source_port.min(view.destination_port))).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(epoch: u8, kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1];
        bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
        [&bytes[..], body].concat()
    }

    fn fragments(message: u8, body: &[u8], cuts: &[(usize, usize)]) -> Vec<Vec<u8>> {
        let three = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
        let piece = |&(from, to): &(usize, usize)| {
            let header = [&[message][..], &three(body.len()), &[0, 0], &three(from), &three(to - from)].concat();
            datagram(0, HANDSHAKE, &[&header, &body[from..to]].concat())
        };
        cuts.iter().map(piece).collect()
    }

    /// A ClientHello body with a cookie of 4 bytes and these extensions.
    fn hello(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.resize(34, 5);
        body.extend_from_slice(b"\0\x04cook\0\x02\xc0\x2b\x01\0");
        body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
        [&body[..], extensions].concat()
    }

    const NAME: &[u8] = b"\0\0\0\x0f\0\x0d\0\0\x0aa.b.exampl";
    const SRTP: &[u8] = b"\0\x0e\0\x05\0\x02\0\x01\0";

    fn check(port: u16, datagrams: &[Vec<u8>], expected: Option<(&str, TrafficClass, &str)>) {
        let (mut assembly, mut ja4, mut last, mut name) = (Assembly::default(), None, None, String::new());
        for bytes in datagrams {
            let view = super::super::specimen::view(Layer::Datagram, bytes, port);
            if let Finding::Found(found) = assembly.inspect(&view, usize::MAX, &mut ja4) {
                last = Some(found.signature);
                name = found.name.map_or(name, |(text, _)| text.into());
            }
        }
        assert!(assembly.size() <= MOST_MESSAGE + MOST_FRAGMENTS * 16);
        assert_eq!(last.map(|signature| (signature.application, signature.class, name.as_str())), expected);
    }

    #[test]
    fn hellos_are_read_in_pieces_and_in_any_order() {
        let plain = hello(NAME);
        let end = plain.len();
        let dtls = Some(("DTLS", Interactive, "a.b.exampl"));
        check(4_000, &fragments(1, &plain, &[(0, end)]), dtls);
        check(4_000, &fragments(1, &plain, &[(30, end), (0, 30)]), dtls);
        check(4_000, &fragments(1, &plain, &[(0, 40), (20, end), (0, 5)]), dtls);
        check(4_000, &fragments(1, &plain, &[(0, 30)]), Some(("DTLS", Interactive, "")));
        let media = hello(&[NAME, SRTP].concat());
        check(4_000, &fragments(1, &media, &[(0, media.len())]), Some(("DTLS", Interactive, "a.b.exampl")));
        let whole = fragments(1, &media, &[(0, media.len())]);
        let data = |size: usize, count: usize| [whole.clone(), vec![datagram(1, 23, &vec![7; size]); count]].concat();
        check(4_000, &data(1_100, 20), Some(("WebRTC data channel", Download, "a.b.exampl")));
        check(4_000, &data(1_100, 9), Some(("DTLS", Interactive, "a.b.exampl")));
        check(4_000, &data(300, 20), Some(("DTLS", Interactive, "a.b.exampl")));
        check(5_684, &fragments(1, &hello(&[]), &[(0, hello(&[]).len())]), Some(("CoAP", Update, "")));
    }

    #[test]
    fn records_midway_are_known_and_noise_is_not() {
        check(4_000, &[datagram(1, 23, &[7; 40])], Some(("DTLS", Interactive, "")));
        check(4_000, &[datagram(0, 23, &[7; 40])], None);
        check(4_000, &[datagram(1, 23, &[7; 3])], None);
        check(4_000, &[datagram(0, 22, &[77; 40])], None);
        check(4_000, &[datagram(1, 23, &[7; 40])[..30].to_vec()], None);
        check(4_000, &[b"\x16\xfe".to_vec(), Vec::new()], None);
    }

    #[test]
    fn the_fingerprint_is_that_of_a_datagram() {
        let body = hello(&[NAME, SRTP].concat());
        let hello = ClientHello::parse(&body, body.len(), Carrier::Dtls).unwrap();
        assert!(Ja4::of(&hello, Carrier::Dtls).to_string().starts_with("dd2d010200_"));
    }
}
