//! Private networks of one product each: tinc, Tailscale, ZeroTier, Nebula, SoftEther, n2n, Hamachi and kin, and
//! the detours that players buy for a shorter way.

use super::fields::{begins_with, near};
use super::ports::ONLY_PORT;
use super::{Announced, Finding, Found, Layer, Names, Next, Signature, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Work;
use vocab::{Endpoint, IpProtocol};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes.first() {
        Some(b'0') if is_tinc(bytes) => tinc(view),
        Some(b'V') if bytes.starts_with(b"VTUN server ver") => found("VTun", Work, "a VTun greeting"),
        // Ultrasurf: the first bytes of its own handshake.
        Some(0xcc) if bytes.starts_with(&[0xcc, 0x1c, 0x30, 0x41, 0x5b, 0xa4, 0x38, 0x66]) => {
            found("Ultrasurf", Work, "an UltraSurf handshake")
        }
        Some(b'U') if begins_with(bytes, &[b"UN v2\r\n", b"UN AF_IN"]) => {
            found("Mudfish", Work, "Mudfish looks for a way")
        }
        // Hamachi's service (LogMeIn's documentation names the port).
        Some(_) if view.port(12_975) => likely("Hamachi", Work, ONLY_PORT, "the port of Hamachi"),
        // SoftEther's first request, where TLS is ended before us.
        Some(b'P') if bytes.starts_with(b"POST /vpnsvc/") => found("SoftEther", Work, "a SoftEther request"),
        _ => Finding::No,
    }
}

/// The id message of tinc's meta protocol: "0 NAME 17", with a minor version since 1.1 (tinc manual, "The
/// meta-protocol").
fn is_tinc(bytes: &[u8]) -> bool {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or(&[]);
    let mut words = line.split(|&byte| byte == b' ');
    let (zero, name, version, rest) = (words.next(), words.next(), words.next(), words.next());
    zero == Some(b"0")
        && name.is_some_and(|name| !name.is_empty() && name.len() <= 64)
        && version.is_some_and(|version| version == b"17" || version.starts_with(b"17."))
        && rest.is_none()
        && line.len() < bytes.len()
}

/// Its packets travel over UDP between the same ports that its two daemons listen on.
fn tinc(view: &View<'_>) -> Finding {
    let signature =
        Signature { application: "tinc", class: Work, names: Names::Adorn, confidence: 95, why: "a tinc greeting" };
    let announced =
        [(view.source, view.source_port), (view.destination, view.destination_port)].map(|(address, port)| Announced {
            end: Endpoint { address, port },
            protocol: IpProtocol::UDP,
            signature: Signature { confidence: 85, why: "a tinc daemon had greeted from this port", ..signature },
        });
    Finding::Found(Found { signature, name: None, next: Next::Settle, announces: announced.to_vec() })
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let length = bytes.len();
    let Some(&first) = bytes.first() else { return Finding::No };
    // Tailscale's discovery: "TS" and a speech balloon (its source, disco.go).
    if bytes.starts_with(b"TS\xf0\x9f\x92\xac") {
        return found("Tailscale", Work, "a Tailscale discovery message");
    }
    // Nebula (its source, header.go): version 1 and a type, a reserved zero; handshakes count from one.
    if first >> 4 == 1 && first & 0x0f <= 6 && be16(bytes, 2) == Some(0) && be32(bytes, 8) == Some(0) && length >= 16 {
        let handshake = first == 0x10 && matches!(be32(bytes, 12), Some(1 | 2)) && length >= 60;
        if handshake && (be32(bytes, 4) == Some(0) || be32(bytes, 12) == Some(2)) {
            return likely("Nebula", Work, 90, "a Nebula handshake");
        }
        if view.port(4242) {
            return likely("Nebula", Work, 88, "a Nebula message");
        }
    }
    // SoftEther asks for its own address with one letter, and is told in words (its source, Cedar/NatT).
    if bytes.starts_with(b"IP=") && near(bytes, b",PORT=") {
        return found("SoftEther", Work, "SoftEther asks for its own address");
    }
    // Its requests are lists of named values: a count, then the first name with its length plus one.
    if be32(bytes, 0).is_some_and(|count| (1..64).contains(&count))
        && be32(bytes, 4).is_some_and(|name| (3..32).contains(&name))
        && [&b"host_name"[..], b"opcode", b"tran_id", b"svc_name"].iter().any(|name| bytes[8..].starts_with(name))
    {
        return found("SoftEther", Work, "a SoftEther request");
    }
    // LagoFast: a mark, then the length of the rest.
    if bytes.starts_with(&[0, 0x6e, 0x5d, 3]) && be16(bytes, 4).is_some_and(|rest| usize::from(rest) + 6 == length) {
        return found("LagoFast", Work, "a detour for games");
    }
    if view.destination_port == 9999
        && matches!(length, 4 | 8)
        && be32(bytes, 0) != Some(0)
        && bytes[4..].ends_with(tail(length))
    {
        return likely("GearUP Booster", Work, 70, "a detour for games");
    }
    if (10_000..=10_010).contains(&view.responder_port()) && bytes == b"P" {
        return likely("Mudfish", Work, 75, "a detour for games");
    }
    if is_zerotier_hello(bytes) {
        return found("ZeroTier", Work, "a ZeroTier hello");
    }
    // ZeroTier: a packet's number, two addresses of five bytes, flags (its documentation, "packet format").
    if view.port(9993) && length >= 28 {
        return likely("ZeroTier", Work, 85, "a ZeroTier packet");
    }
    if view.port(655) {
        return likely("tinc", Work, 80, "a tinc packet");
    }
    // n2n: version 2 or 3, a life, flags with one of its types (its source, n2n_wire.h).
    if view.any_port(&[7654, 7777])
        && matches!(first, 2 | 3)
        && be16(bytes, 2).is_some_and(|flags| (1..=11).contains(&(flags & 0x1f)))
        && length >= 20
    {
        return likely("n2n", Work, 82, "an n2n packet");
    }
    // Palo Alto's GlobalProtect carries IPsec's data on a port of its own, Check Point, too.
    let indexed = be32(bytes, 0).is_some_and(|index| index > 255) && length >= 28;
    if indexed && view.port(4501) {
        return likely("GlobalProtect", Work, 80, "the port of GlobalProtect");
    }
    if indexed && view.port(2746) {
        return likely("Check Point VPN", Work, 78, "the port of Check Point's VPN");
    }
    if view.port(17_771) {
        return likely("Hamachi", Work, ONLY_PORT, "the port of Hamachi");
    }
    Finding::No
}

/// ZeroTier's hello, the one message that it sends in the clear (its source, Packet.hpp): no cipher, verb 1, a
/// version of the protocol and of the program, a moment in milliseconds between 2004 and 2106.
fn is_zerotier_hello(bytes: &[u8]) -> bool {
    bytes.get(18).is_some_and(|flags| flags & 0x38 == 0)
        && matches!(bytes.get(27..31), Some([verb, 4..=20, 1 | 2, 0..=30]) if verb & 0x1f == 1)
        && bytes.get(33..36) == Some(&[0, 0, 1])
}

/// The desktop's greeting has a number of 32 bits in 8 bytes.
fn tail(length: usize) -> &'static [u8] {
    if length == 8 { &[0, 0, 0] } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{bytes, check};
    use super::*;
    use Layer::{Datagram, Stream};

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn products_are_known_by_their_greetings() {
        check(
            inspect,
            &[
                (Stream, 655, "'0 berlin 17' 0a", "tinc work"),
                (Stream, 9_000, "'0 berlin 17.7' 0a '1 94 64 0 0 AB'", "tinc work"),
                (Stream, 9_000, "'0 berlin 171' 0a", ""),
                (Stream, 9_000, "'0 17 apples 17' 0a", ""),
                (Stream, 5_000, "'VTUN server ver 3.X 05/05/2023' 0a", "VTun work"),
                (Stream, 443, "cc 1c 30 41 5b a4 38 66 aa*8", "Ultrasurf work"),
                (Stream, 443, "'UN v2' 0d 0a", "Mudfish work"),
                (Datagram, 41_641, "'TS' f0 9f 92 ac aa*90", "Tailscale work"),
                (Datagram, 6_000, "10 00*7 00*7 01 aa*90", "Nebula work"),
                (Datagram, 4242, "11 00*3 12 34 56 78 00*7 09 aa*40", "Nebula work"),
                (Datagram, 6_000, "11 00*3 12 34 56 78 00*7 09 aa*40", ""),
                (Datagram, 5004, "'IP=192.0.2.1,PORT=4711'", "SoftEther work"),
                (Datagram, 5004, "00 00 00 04 00 00 00 0a 'host_name' 00 00 00 02 aa*80", "SoftEther work"),
                (Datagram, 6_000, "00 6e 5d 03 00 04 aa*4", "LagoFast work"),
                (Datagram, 9993, "aa*40", "ZeroTier work"),
                (Datagram, 35_000, "aa*18 00 bb*8 01 0b 01 0c 00 02 00 00 01 8b cc*60", "ZeroTier work"),
                (Datagram, 35_000, "aa*18 08 bb*8 01 0b 01 0c 00 02 00 00 01 8b cc*60", ""),
                (Datagram, 4501, "c0 01 02 03 aa*40", "GlobalProtect work"),
            ],
        );
    }

    #[test]
    fn tinc_announces_its_packets() {
        let message = bytes("'0 berlin 17' 0a");
        let view = super::super::specimen::view(Stream, &message, 6_550);
        let Finding::Found(found) = inspect(&view) else { panic!("tinc is known") };
        assert!(found.announces.iter().any(|announced| {
            announced.end == Endpoint { address: view.destination, port: 6_550 }
                && announced.protocol == IpProtocol::UDP
        }));
    }
}
