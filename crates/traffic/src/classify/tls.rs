//! TLS (RFC 8446, RFC 5246): server name, application protocol, and the certificate where the name is absent.

use super::{Finding, Found, Layer, NameSource, Names, Next, Sender, Signature, View};
use crate::packet::be16;
use vocab::TrafficClass;

/// A record carries at most this (RFC 8446, 5.2).
const MOST_RECORD: usize = (1 << 14) + 2048;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;

pub(super) const TLS: Signature = Signature {
    application: "TLS",
    class: TrafficClass::Web,
    names: Names::Refine,
    confidence: 80,
    why: "a TLS handshake without a known server name",
};

/// What a ClientHello says in the clear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello<'a> {
    /// Extension server_name (RFC 6066), valid as a name.
    pub(crate) server_name: Option<&'a str>,
    /// The first protocol of extension ALPN (RFC 7301).
    pub(crate) alpn: Option<&'a [u8]>,
}

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer != Layer::Stream {
        return Finding::No;
    }
    let Some(&[kind, major, minor, high, low]) = bytes.first_chunk() else {
        let begins = matches!(bytes, [HANDSHAKE] | [HANDSHAKE, 3, ..]);
        return if begins { Finding::More } else { Finding::No };
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if major == 0x80 && bytes.len() > 2 {
        return Finding::No;
    }
    if major != 3 || minor > 4 || length == 0 || length > MOST_RECORD {
        return ssl2(view);
    }
    match kind {
        HANDSHAKE => handshake(view),
        // Change of cipher, alert, data: the flow began before we looked. The next record must fit too.
        20 | 21 | 23 => {
            let next = bytes.get(5 + length..);
            let fits = match next {
                Some([kind, 3, minor, ..]) => (20..=23).contains(kind) && *minor <= 4,
                Some([_, _, ..]) => false,
                _ => true,
            };
            let sized = match kind {
                20 => length == 1,
                21 => length == 2 || (20..64).contains(&length),
                _ => true,
            };
            if fits && sized { joined(view) } else { Finding::No }
        }
        _ => Finding::No,
    }
}

/// SSL 2 compatible hello: two bytes of length with the high bit, type 1, version 3.x (RFC 5246, E.2).
fn ssl2(view: &View<'_>) -> Finding {
    match view.bytes {
        [high, _, 1, 3, 0..=3, ..] if high & 0x80 != 0 && view.sender == Sender::Initiator => {
            conclude(view, Hello::default(), Next::Watch)
        }
        _ => Finding::No,
    }
}

fn joined(view: &View<'_>) -> Finding {
    let signature = Signature { confidence: 60, why: "TLS records of a flow that began before we looked", ..TLS };
    Finding::Found(Found { signature: by_port(signature, view), name: None, next: Next::Watch, announces: Vec::new() })
}

fn handshake(view: &View<'_>) -> Finding {
    // Records are a layer below messages: join their bodies. One record is the rule, and costs no copy.
    let bytes = view.bytes;
    let length = usize::from(be16(bytes, 3).unwrap_or(0));
    let first = &bytes[5..bytes.len().min(5 + length)];
    let mut joined = Vec::new();
    let message: &[u8] = if bytes.len() <= 5 + length {
        first
    } else {
        let mut rest = bytes;
        while let Some(&[HANDSHAKE, 3, _, high, low]) = rest.first_chunk() {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let end = rest.len().min(5 + length);
            joined.extend_from_slice(&rest[5..end]);
            rest = &rest[end..];
        }
        &joined
    };
    let Some(&[kind, high, middle, low]) = message.first_chunk() else { return Finding::More };
    let stated = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    match kind {
        CLIENT_HELLO => {
            let body = &message[4..];
            let hello = hello(&body[..body.len().min(stated)]);
            match hello {
                Some(hello) if hello.server_name.is_some() => conclude(view, hello, Next::Settle),
                _ if body.len() < stated => Finding::More,
                Some(hello) => conclude(view, hello, Next::Watch),
                None => Finding::No,
            }
        }
        SERVER_HELLO => {
            let name = certificate_name(message).map(|name| (name.into_boxed_str(), NameSource::TlsCertificate));
            let whole = bytes.len() >= 5 + length && name.is_none() && message.len() < 4 + stated;
            if name.is_none() && !whole && wants_certificate(message) {
                return Finding::More;
            }
            let next = if name.is_some() { Next::Settle } else { Next::Watch };
            Finding::Found(Found { signature: by_port(TLS, view), name, next, announces: Vec::new() })
        }
        // A handshake record that is encrypted (Finished after resumption): joined in the middle.
        _ => self::joined(view),
    }
}

fn conclude(view: &View<'_>, hello: Hello<'_>, next: Next) -> Finding {
    let mut signature = by_port(TLS, view);
    if let Some(by_alpn) = hello.alpn.and_then(by_alpn) {
        signature = by_alpn;
    }
    let name = hello.server_name.map(|name| (lowercase(name), NameSource::TlsHello));
    Finding::Found(Found { signature, name, next, announces: Vec::new() })
}

/// Protocols that ALPN names beyond HTTP (IANA "TLS ALPN Protocol IDs").
pub(crate) fn by_alpn(alpn: &[u8]) -> Option<Signature> {
    let adorned =
        |application, class, why| Some(Signature { application, class, names: Names::Adorn, confidence: 96, why });
    match alpn {
        b"dot" | b"doq" => adorned("DNS over TLS", TrafficClass::Interactive, "its hello asks for DNS over TLS"),
        b"mqtt" | b"x-amzn-mqtt-ca" => adorned("MQTT", TrafficClass::Update, "its hello asks for MQTT"),
        b"imap" => adorned("IMAPS", TrafficClass::Work, "its hello asks for IMAP"),
        b"pop3" => adorned("POP3S", TrafficClass::Work, "its hello asks for POP3"),
        b"xmpp-client" | b"xmpp-server" => adorned("XMPP", TrafficClass::Interactive, "its hello asks for XMPP"),
        b"stun.turn" | b"stun.nat-discovery" | b"webrtc" | b"c-webrtc" => {
            adorned("TURN", TrafficClass::Call, "its hello asks for a media relay")
        }
        b"sip/2" => adorned("SIP", TrafficClass::Voice, "its hello asks for SIP"),
        b"ftp" => adorned("FTPS", TrafficClass::Download, "its hello asks for FTP"),
        b"ntske/1" => adorned("NTS", TrafficClass::Interactive, "its hello asks for secured time"),
        b"smb" => adorned("SMB", TrafficClass::Download, "its hello asks for SMB over QUIC"),
        b"apns-pack-v1" | b"apns-security-v2" | b"apns-security-v3" => {
            adorned("Apple push", TrafficClass::Interactive, "its hello asks for Apple's push service")
        }
        _ => None,
    }
}

/// TLS on a port that says what is inside it.
fn by_port(signature: Signature, view: &View<'_>) -> Signature {
    super::ports::inside_tls(view.responder_port())
        .or_else(|| super::ports::inside_tls(view.source_port.min(view.destination_port)))
        .map_or(signature, |inside| Signature { confidence: signature.confidence + 5, ..inside })
}

/// The parts of a ClientHello body (RFC 8446, 4.1.2) as far as they are here.
pub(crate) fn hello(body: &[u8]) -> Option<Hello<'_>> {
    let mut at = 2 + 32;
    if body.first() != Some(&3) && body.first() != Some(&0xfe) {
        return None;
    }
    at += 1 + usize::from(*body.get(at)?);
    at += 2 + usize::from(be16(body, at)?);
    at += 1 + usize::from(*body.get(at)?);
    Some(extensions(body.get(at + 2..).unwrap_or(&[])))
}

/// The extensions that matter to us, as far as they are here.
pub(crate) fn extensions(mut rest: &[u8]) -> Hello<'_> {
    let mut hello = Hello::default();
    while let (Some(kind), Some(length)) = (be16(rest, 0), be16(rest, 2)) {
        let Some(body) = rest.get(4..4 + usize::from(length)) else { break };
        match kind {
            0 => hello.server_name = server_name(body),
            16 => hello.alpn = body.get(2).and_then(|&length| body.get(3..3 + usize::from(length))),
            _ => {}
        }
        rest = &rest[4 + body.len()..];
    }
    hello
}

fn server_name(body: &[u8]) -> Option<&str> {
    // A list with one entry of type host_name (0).
    let length = usize::from(be16(body, 3)?);
    if body.get(2) != Some(&0) {
        return None;
    }
    valid_name(body.get(5..5 + length)?)
}

/// A name that could stand in DNS: what else is sent in its place is not shown to anybody.
pub(crate) fn valid_name(bytes: &[u8]) -> Option<&str> {
    let fits = (1..=253).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'*'));
    if fits { std::str::from_utf8(bytes).ok() } else { None }
}

pub(crate) fn lowercase(name: &str) -> Box<str> {
    name.trim_end_matches('.').to_ascii_lowercase().into_boxed_str()
}

/// Whether the answer is of a version that shows its certificate: no supported_versions extension (43).
fn wants_certificate(message: &[u8]) -> bool {
    if message.len() > 12_000 {
        return false;
    }
    let Some(&session) = message.get(4 + 34) else { return true };
    let mut rest = message.get(4 + 34 + 1 + usize::from(session) + 5..).unwrap_or(&[]);
    while let (Some(kind), Some(length)) = (be16(rest, 0), be16(rest, 2)) {
        if kind == 43 {
            return false;
        }
        rest = rest.get(4 + usize::from(length)..).unwrap_or(&[]);
    }
    true
}

/// The first DNS name of the first certificate: subjectAltName, else the subject's common name.
fn certificate_name(mut message: &[u8]) -> Option<String> {
    for _ in 0..4 {
        let &[kind, high, middle, low] = message.first_chunk()?;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let body = message.get(4..(4 + length).min(message.len()))?;
        if kind == CERTIFICATE {
            return dns_name(body);
        }
        message = message.get(4 + length..)?;
    }
    None
}

/// Looks for the object identifiers instead of walking ASN.1: the name is evidence, not authentication.
pub(crate) fn dns_name(certificate: &[u8]) -> Option<String> {
    // id-ce-subjectAltName (2.5.29.17): the first dNSName [2] close behind it.
    let alternative = memchr::memmem::find(certificate, &[0x55, 0x1d, 0x11]).and_then(|at| {
        let names = certificate.get(at + 3..(at + 40).min(certificate.len()))?;
        let tag = names.iter().position(|&byte| byte == 0x82)?;
        let start = at + 3 + tag + 2;
        let length = usize::from(*certificate.get(start - 1)?);
        valid_name(certificate.get(start..start + length)?)
    });
    // id-at-commonName (2.5.4.3): the last one before the key is the subject's.
    let common = || {
        let at = memchr::memmem::find_iter(certificate, &[0x55, 0x04, 0x03]).nth(1)?;
        let length = usize::from(*certificate.get(at + 4)?);
        valid_name(certificate.get(at + 5..at + 5 + length)?)
    };
    let name = alternative.or_else(common)?;
    let name = name.strip_prefix("*.").unwrap_or(name);
    name.contains('.').then(|| name.to_ascii_lowercase())
}
