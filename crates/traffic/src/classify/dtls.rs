//! DTLS (RFC 6347, RFC 9147): the handshake of media keys and of small devices.

use super::tls::{hello, lowercase};
use super::{Finding, Found, Layer, NameSource, Names, Next, Signature, View};
use crate::packet::be16;
use vocab::TrafficClass;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer != Layer::Datagram {
        return Finding::No;
    }
    let Some(&[kind @ 20..=25, major, minor]) = bytes.first_chunk() else { return Finding::No };
    // 1.0, 1.2, 1.3 and OpenSSL's old 0x0100.
    if !matches!((major, minor), (0xfe, 0xff | 0xfd | 0xfc) | (1, 0)) {
        return Finding::No;
    }
    let length = usize::from(be16(bytes, 11).unwrap_or(0));
    if length == 0 || bytes.len() < 13 + length.min(1) {
        return Finding::No;
    }
    let mut signature = Signature {
        application: "DTLS",
        class: TrafficClass::Interactive,
        names: Names::Refine,
        confidence: 78,
        why: "a DTLS handshake",
    };
    let mut name = None;
    if kind == 22 && bytes.get(13) == Some(&1) {
        // message header of 12 bytes, then version, random, session, cookie, suites, compression
        if let Some(hello) = bytes.get(25..).and_then(without_cookie) {
            name = hello.server_name.map(|name| (lowercase(&name), NameSource::TlsHello));
            // use_srtp (RFC 5764) means media; the ALPN of WebRTC too (RFC 8833).
            if hello.srtp || matches!(hello.alpn, Some(b"webrtc" | b"c-webrtc")) {
                signature = Signature {
                    class: TrafficClass::Call,
                    confidence: 85,
                    why: "a DTLS handshake that agrees on keys for media",
                    ..signature
                };
            }
        }
    }
    Finding::Found(Found { signature, name, next: Next::Watch, announces: Vec::new() })
}

struct DatagramHello {
    server_name: Option<String>,
    alpn: Option<&'static [u8]>,
    srtp: bool,
}

/// A ClientHello without the cookie that only DTLS has, so that the TLS parser reads it.
fn without_cookie(body: &[u8]) -> Option<DatagramHello> {
    let session = usize::from(*body.get(34)?);
    let cookie_at = 35 + session;
    let cookie = usize::from(*body.get(cookie_at)?);
    let mut joined = body.get(..cookie_at)?.to_vec();
    joined.extend_from_slice(body.get(cookie_at + 1 + cookie..)?);
    let parsed = hello(&joined)?;
    let suites = usize::from(be16(&joined, cookie_at)?);
    let compressions = usize::from(*joined.get(cookie_at + 2 + suites)?);
    let mut rest = joined.get(cookie_at + 2 + suites + 1 + compressions + 2..).unwrap_or(&[]);
    let mut srtp = false;
    while let (Some(kind), Some(length)) = (be16(rest, 0), be16(rest, 2)) {
        srtp |= kind == 14;
        rest = rest.get(4 + usize::from(length)..).unwrap_or(&[]);
    }
    let alpn: Option<&'static [u8]> = match parsed.alpn {
        Some(b"webrtc") => Some(b"webrtc"),
        Some(b"c-webrtc") => Some(b"c-webrtc"),
        _ => None,
    };
    Some(DatagramHello { server_name: parsed.server_name.map(str::to_owned), alpn, srtp })
}
