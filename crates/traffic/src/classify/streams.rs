//! Video and music outside HTTP: RTSP, RTMP, MPEG-TS, SRT, RIST, MMS, Icecast, Spotify, Cast, AirPlay, Sonos,
//! and the peer to peer television of China and Europe.

use super::{Announced, Finding, Found, Layer, Names, Next, Signature, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Interactive, Streaming};
use vocab::{Address, Endpoint, IpProtocol};

/// Methods of RFC 2326 and RFC 7826 with the blank behind them.
const RTSP_METHODS: [&[u8]; 11] = [
    b"OPTIONS ",
    b"DESCRIBE ",
    b"SETUP ",
    b"PLAY ",
    b"PAUSE ",
    b"ANNOUNCE ",
    b"RECORD ",
    b"GET_PARAMETER ",
    b"SET_PARAMETER ",
    b"TEARDOWN ",
    b"FLUSH ",
];
/// The first part of a handshake of RTMP: a version and 1536 bytes (Adobe's RTMP specification, 5.2).
const RTMP_FIRST: usize = 1_537;
/// A packet of a transport stream (ISO/IEC 13818-1, 2.4.3.2).
const TRANSPORT_PACKET: usize = 188;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    if is_rtsp(view.bytes) {
        return rtsp(view);
    }
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn is_rtsp(bytes: &[u8]) -> bool {
    let line = &bytes[..bytes.len().min(200)];
    let method = bytes.first().is_some_and(u8::is_ascii_uppercase)
        && RTSP_METHODS.iter().any(|method| bytes.starts_with(method));
    bytes.starts_with(b"RTSP/1.") || bytes.starts_with(b"RTSP/2.") || {
        method && (memchr::memmem::find(line, b" RTSP/").is_some() || memchr::memmem::find(line, b" rtsp://").is_some())
    }
}

fn rtsp(view: &View<'_>) -> Finding {
    let mut announces = Vec::new();
    announce(view, &mut |announced| announces.push(announced));
    match found("RTSP", Streaming, "an RTSP message") {
        Finding::Found(found) => Finding::Found(Found { next: Next::Listen, announces, ..found }),
        other => other,
    }
}

/// Announces the ports of media that a request for transport, or its answer, names (RFC 2326, 12.39).
pub(crate) fn announce(view: &View<'_>, announce: &mut dyn FnMut(Announced)) {
    const SIGNATURE: Signature = Signature {
        application: "RTSP",
        class: Streaming,
        names: Names::Adorn,
        confidence: 96,
        why: "the media that an RTSP flow asked for",
    };
    let bytes = &view.bytes[..view.bytes.len().min(2_048)];
    if !bytes.starts_with(b"SETUP ") && !bytes.starts_with(b"RTSP/") {
        return;
    }
    let asks = bytes.starts_with(b"SETUP ");
    let (here, there) = (view.source, view.destination);
    let (viewer, server) = if asks { (here, there) } else { (there, here) };
    let mut tell = |word: &[u8], address: Address| {
        let Some(at) = memchr::memmem::find(bytes, word) else { return };
        let mut ports = bytes[at + word.len()..].split(|byte| !byte.is_ascii_digit()).take(2);
        while let Some(digits) = ports.next().filter(|digits| !digits.is_empty()) {
            let port =
                digits.iter().try_fold(0_u16, |port, digit| port.checked_mul(10)?.checked_add(u16::from(digit - b'0')));
            if let Some(port) = port.filter(|&port| port >= 1_024) {
                let end = Endpoint { address, port };
                announce(Announced { end, protocol: IpProtocol::UDP, signature: SIGNATURE });
            }
        }
    };
    tell(b"client_port=", viewer);
    tell(b"server_port=", server);
    // AirPlay's sound has two more ports of whoever writes them (RAOP).
    tell(b"control_port=", here);
    tell(b"timing_port=", here);
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let begins = |text: &[u8]| bytes.starts_with(text);
    let Some(&first) = bytes.first() else { return Finding::No };
    match first {
        // RTMP: a version (3, or 6 and 8 where encrypted), then a time and zeros or a version of four numbers.
        3 | 6 | 8 if rtmp_version(bytes) => {
            if bytes.len() >= RTMP_FIRST || view.port(1_935) {
                return found("RTMP", Streaming, "an RTMP handshake");
            }
            // The rest of it comes in the next segment.
            if bytes.len() >= 1_000 {
                return Finding::More;
            }
        }
        // A chunk in the middle: stream 2 or 3 with a small message of a known type (the same, 5.3 and 5.4).
        2 if view.port(1_935) && matches!(bytes.get(7), Some(1..=6)) && be32(bytes, 8) == Some(0) => {
            return found("RTMP", Streaming, "a control message of RTMP");
        }
        // RTP inside RTSP (RFC 2326, 10.12): "$", a channel, a length, then RTP or RTCP.
        b'$' if matches!(bytes, [_, 0..=7, _, _, 0x80..=0x9f, kind, ..] if matches!(kind & 0x7f, 0..=34 | 72..=76 | 96..=127)) =>
        {
            let again = usize::from(be16(bytes, 2).unwrap_or(0)) + 4;
            let sure = bytes.get(again) == Some(&b'$') || view.any_port(&[554, 8_554]);
            // A picture takes more than one segment, and such segments are full.
            if !sure && bytes.len() < again.min(500) {
                return Finding::No;
            }
            return likely("RTSP", Streaming, if sure { 92 } else { 72 }, "media inside RTSP");
        }
        // Spotify's access point: 0x0004, a length, the first field of its hello.
        0 if begins(&[0, 4, 0, 0]) && bytes.get(6) == Some(&0x52) => {
            return found("Spotify", Streaming, "a greeting to Spotify");
        }
        0x47 if is_transport_stream(bytes) => return likely("MPEG-TS", Streaming, 90, "an MPEG transport stream"),
        _ => {}
    }
    if begins(b"ICY 200 OK") || begins(b"ICY 4") || begins(b"OK2\r\nicy-") {
        return found("Icecast", Streaming, "internet radio");
    }
    if begins(b"SOURCE ") && memchr::memmem::find(&bytes[..bytes.len().min(200)], b"HTTP/1.").is_some() {
        return found("Icecast", Streaming, "internet radio");
    }
    // MMS over TCP: its command header with the mark 0xb00bface and "MMS " ([MS-MMSP], 2.2.3).
    if bytes.get(4..8) == Some(&[0xce, 0xfa, 0x0b, 0xb0]) && bytes.get(12..16) == Some(b"MMS ") {
        return found("MMS", Streaming, "a command of Microsoft's media server protocol");
    }
    // AirPlay and RAOP speak RTSP; their pairing is a POST of its own.
    if begins(b"POST /fp-setup RTSP") || begins(b"POST /pair-") || begins(b"POST /auth-setup RTSP") {
        return found("AirPlay", Streaming, "AirPlay's pairing");
    }
    if begins(b"<policy-file-request/>\0") {
        return likely("Flash", Streaming, 75, "a Flash player asks whether it may connect");
    }
    Finding::No
}

/// Whether zeros or a version of four small numbers stand behind the time; a TPKT (RFC 1006) begins alike.
fn rtmp_version(bytes: &[u8]) -> bool {
    let packet = bytes.starts_with(&[3, 0]) && be16(bytes, 2).is_some_and(|length| usize::from(length) == bytes.len());
    !packet && matches!(bytes.get(5..9), Some([0, 0, 0, 0] | [1..=32, 0..=15, _, _]))
}

fn is_transport_stream(bytes: &[u8]) -> bool {
    bytes.len() >= 3 * TRANSPORT_PACKET && bytes.chunks(TRANSPORT_PACKET).all(|packet| packet.first() == Some(&0x47))
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(&first) = bytes.first() else { return Finding::No };
    match first {
        // Packets of 188 bytes, each with its sync byte and no error mark.
        0x47 if bytes.len().is_multiple_of(TRANSPORT_PACKET)
            && bytes.chunks(TRANSPORT_PACKET).all(|packet| matches!(packet, [0x47, 0..=0x7f, ..])) =>
        {
            return found("MPEG-TS", Streaming, "an MPEG transport stream");
        }
        b'S' if bytes.starts_with(b"SpotUdp") => {
            return found("Spotify", Streaming, "Spotify looks for others on the local network");
        }
        // SRT: a handshake of version 4 or 5 to socket 0 (draft-sharabayko-srt, 3.2.1).
        0x80 if bytes.len() >= 64 && be32(bytes, 0) == Some(0x8000_0000) && matches!(be32(bytes, 16), Some(4 | 5)) => {
            return found("SRT", Streaming, "an SRT handshake");
        }
        // SRT in the middle: full acknowledgement, its reply, keep-alive, loss report (the same, 3.2): control
        // types 1 to 6 with nothing reserved set and a destination socket.
        0x80 if matches!(be32(bytes, 0), Some(0x8002_0000))
            && matches!(bytes.len(), 44 | 28)
            && be32(bytes, 4) != Some(0) =>
        {
            return likely("SRT", Streaming, 80, "an acknowledgement of SRT");
        }
        // SAP announces multicast television (RFC 2974): version 1, then "application/sdp".
        0x20..=0x3f
            if view.port(9_875)
                && memchr::memmem::find(&bytes[..bytes.len().min(64)], b"application/sdp").is_some() =>
        {
            return found("Session Announcement", Streaming, "an announcement of multicast media");
        }
        // PPStream: a length in little endian that fits, a kind of message; its name in it, or its port.
        _ if matches!(bytes.get(2), Some(0x43 | 0x44 | 0x55)) && ppstream_length(bytes, 0) && view.port(17_788) => {
            return found("PPStream", Streaming, "a message between viewers of PPStream");
        }
        // iQIYI, which grew out of it, has two bytes before.
        _ if matches!(bytes.get(4), Some(0x43 | 0x44 | 0x55)) && ppstream_length(bytes, 2) && bytes.len() >= 64 => {
            let name = memchr::memmem::find(&bytes[..bytes.len().min(200)], b"PPStream").is_some();
            return likely("iQIYI", Streaming, if name { 95 } else { 66 }, "a message between viewers of iQIYI");
        }
        _ => {}
    }
    // Kontiki's deliveries: a message whole, and the ends of two others.
    let kontiki = match bytes.len() {
        4 => be32(bytes, 0) == Some(0x0201_0100),
        20 => first == 2 && be32(bytes, 16) == Some(0x0204_0100),
        16 => first == 2 && be32(bytes, 12) == Some(0x0000_04e4),
        _ => false,
    };
    if kontiki {
        return likely("Kontiki", Streaming, 84, "a message between viewers of Kontiki");
    }
    // RIST's main profile (VSF TR-06-2, 5): GRE in UDP with a sequence, its own two protocols.
    if first & 0xcf == 0
        && matches!(be16(bytes, 2), Some(0x88b5 | 0x88b6))
        && bytes.get(1).is_some_and(|second| second & 0x87 == 0)
        && bytes.len() >= 12
    {
        return likely("RIST", Streaming, if view.port(1_968) { 88 } else { 74 }, "media in the form of RIST");
    }
    if sopcast(bytes) {
        return likely("SopCast", Streaming, 75, "a message between viewers of SopCast");
    }
    // PPLive: its mark, a kind, and the four bytes that follow in each message.
    if bytes.starts_with(&[0xe9, 0x03]) && bytes.get(4..8) == Some(&[0x98, 0xab, 0x01, 0x02]) {
        return found("PPLive", Streaming, "a message between viewers of PPLive");
    }
    if view.port(6_969) && be16(bytes, 0) == Some(0) && bytes.len() == 8 {
        return likely("Sonos", Streaming, 60, "a message between loudspeakers");
    }
    // Loudspeakers keep their music together over these ports of the local network (Sonos support, firewall).
    if view.destination_port == 7_080
        && is_local(view.destination)
        && (bytes.len() < 200 || (1_000..1_100).contains(&bytes.len()))
        || view.port(12_301) && bytes.len() == 48 && is_local(view.destination)
    {
        return likely("Sonos", Streaming, 70, "loudspeakers that play together");
    }
    // Jellyfin and Emby answer a question in words.
    if bytes == b"Who is JellyfinServer?" || bytes == b"who is EmbyServer?" || bytes == b"Who is EmbyServer?" {
        return found("Jellyfin", Streaming, "a player looks for its media server");
    }
    // Kodi's event server ([Kodi wiki] EventServer).
    if bytes.starts_with(b"XBMC\x02\x00") {
        return found("Kodi", Interactive, "a remote control of a media player");
    }
    Finding::No
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    be16(bytes, at).map(u16::swap_bytes)
}

/// The address is of a private network (RFC 1918).
fn is_local(address: Address) -> bool {
    matches!(address.ip(), std::net::IpAddr::V4(v4) if v4.is_private())
}

fn ppstream_length(bytes: &[u8], at: usize) -> bool {
    let stated = le16(bytes, at).map_or(usize::MAX, usize::from);
    [0, 4, 6].into_iter().any(|header| stated.checked_add(header) == Some(bytes.len()))
}

/// SopCast's control messages: a kind, 0xff, a length of all behind the first eight bytes.
fn sopcast(bytes: &[u8]) -> bool {
    let Some(&[first, _, third, _, _, _, _, _, kind, mark, high, low]) = bytes.first_chunk() else { return false };
    let fits = usize::from(u16::from_be_bytes([high, low])) + 8 == bytes.len();
    fits && mark == 0xff
        && bytes.get(12..14) == Some(&[0, 0])
        && matches!((first, third, kind), (0xff, 1, 2 | 0x0c) | (0, 1 | 2, 1 | 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Sender, specimen};
    use Layer::{Datagram, Stream};

    #[test]
    fn chance_is_nothing() {
        crate::classify::dialogue::check_chance(inspect);
    }

    #[test]
    fn streams_are_told_apart() {
        specimen::check(
            inspect,
            &[
                (Stream, 554, "'DESCRIBE rtsp://media.example.com/twister RTSP/1.0' 0d 0a", "RTSP streaming"),
                (Stream, 40_001, "'RTSP/1.0 200 OK' 0d 0a", "RTSP streaming"),
                (Stream, 80, "'OPTIONS / HTTP/1.1' 0d 0a", ""),
                (Stream, 40_001, "24 00 00 08 80 60 00 01 00*4 24 00 00 08", "RTSP streaming"),
                (Stream, 1_935, "03 00 00 12 34 00*4 05*100", "RTMP streaming"),
                (Stream, 6_002, "03 00 00 12 34 00*4 05*1528", "RTMP streaming"),
                (Stream, 6_002, "03 00 00 12 34 00*4 05*100", ""),
                (Stream, 102, "03 00 00 16 11 e0 00 00 00 01 00 c0 01 0a c1 02 01 00 c2 02 01 02", ""),
                (Stream, 4_070, "00 04 00 00 00 ae 52 0a", "Spotify streaming"),
                (Stream, 8_000, "'ICY 200 OK' 0d 0a", "Icecast streaming"),
                (Stream, 1_755, "01 00 00 00 ce fa 0b b0 a0 00 00 00 'MMS '", "MMS streaming"),
                (Stream, 40_001, "47 40 00 10 00*184 47 00*187 47 00*187", "MPEG-TS streaming"),
                (Datagram, 1_234, "47 40 00 10 00*184", "MPEG-TS streaming"),
                (Datagram, 1_234, "47 40 00 10 00*183", ""),
                (Datagram, 57_621, "'SpotUdp0' 01*20", "Spotify streaming"),
                (Datagram, 9_000, "80 00 00 00 00*12 00 00 00 05 00*44", "SRT streaming"),
                (
                    Datagram,
                    9_875,
                    "20 00 12 34 c0 00 02 01 'application/sdp' 00 'v=0'",
                    "Session Announcement streaming",
                ),
                (Datagram, 3_912, "ff ff 01 00*5 02 ff 00 2c 00 00 00*38", "SopCast streaming"),
                (Datagram, 17_788, "10 00 43 00*13", "PPStream streaming"),
                (Datagram, 16_600, "1c 40 60 00 44 74 71 00*40 'PPStream' 00*41", "iQIYI streaming"),
                (Datagram, 4_000, "e9 03 41 01 98 ab 01 02 00*8", "PPLive streaming"),
                (Datagram, 7_359, "'Who is JellyfinServer?'", "Jellyfin streaming"),
                (Datagram, 1_000, "02 01 01 00", "Kontiki streaming"),
                (Datagram, 1_000, "02 01 01 01", ""),
                (Datagram, 1_968, "10 08 88 b6 00 00 00 01 00 01 00 02 80 21", "RIST streaming"),
                (Datagram, 1_968, "10 08 08 00 00 00 00 01 45 00 00 02 80 21", ""),
            ],
        );
    }

    #[test]
    fn transports_announce_media() {
        let check = |message: &str, expected: &[&str]| {
            let view = View {
                layer: Layer::Stream,
                bytes: message.as_bytes(),
                sender: Sender::Initiator,
                source: Address::from_v4([192, 0, 2, 9]),
                destination: Address::from_v4([198, 51, 100, 7]),
                source_port: 50_000,
                destination_port: 554,
                number: 0,
                heard: &[],
            };
            let mut told = Vec::new();
            announce(&view, &mut |announced| {
                told.push(format!("{} {}", announced.end.address.ip(), announced.end.port));
            });
            assert_eq!(told, expected);
        };
        check(
            "SETUP rtsp://example.com/a RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast;client_port=4588-4589\r\n\r\n",
            &["192.0.2.9 4588", "192.0.2.9 4589"],
        );
        check(
            "RTSP/1.0 200 OK\r\nTransport: RTP/AVP;unicast;client_port=4588-4589;server_port=6256-6257\r\n\r\n",
            &["198.51.100.7 4588", "198.51.100.7 4589", "192.0.2.9 6256", "192.0.2.9 6257"],
        );
        check(
            "SETUP rtsp://example.com/a RTSP/1.0\r\nTransport: RTP/AVP/UDP;control_port=6001;timing_port=6002\r\n\r\n",
            &["192.0.2.9 6001", "192.0.2.9 6002"],
        );
        check("PLAY rtsp://example.com/a RTSP/1.0\r\nSession: 4\r\n\r\n", &[]);
    }
}
