//! Calls that are neither RTP nor STUN alone: H.323, MGCP, Megaco, IAX, Skinny, Zoom, TeamSpeak, Mumble, BFCP.

use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Call, Voice};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // H.225 in TPKT (RFC 1006): version 3, then Q.931's protocol discriminator 8.
    if bytes.starts_with(&[3, 0]) && bytes.get(4) == Some(&8) && view.any_port(&[1720]) {
        return found("H.323", Voice, "H.323 call signalling");
    }
    // H.245 negotiates on a port of its own: a capability set in TPKT.
    if bytes.starts_with(&[3, 0]) && bytes.get(4..6) == Some(&[2, 0x70]) {
        return likely("H.323", Voice, 88, "H.245 call negotiation");
    }
    if view.port(2000) && matches!(be32(bytes, 4), Some(0 | 0x1000_0000)) && bytes.len() >= 12 {
        return likely("Skinny", Voice, 88, "a Skinny message to a telephone");
    }
    if view.port(64738) && be16(bytes, 0) == Some(0) && matches!(be32(bytes, 2), Some(4..64)) {
        return likely("Mumble", Voice, 88, "a Mumble version message");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let text = &bytes[..bytes.len().min(48)];
    if text.starts_with(b"MEGACO/") || text.starts_with(b"!/") {
        return found("Megaco", Voice, "a media gateway message");
    }
    if memchr::memmem::find(text, b" MGCP 1.0").is_some() || (view.any_port(&[2427, 2727]) && text.starts_with(b"200 "))
    {
        return found("MGCP", Voice, "a media gateway message");
    }
    if view.port(4569) && bytes.len() >= 12 && bytes[0] & 0x80 != 0 && matches!(bytes[10], 1..=6) {
        return found("IAX", Voice, "an IAX2 frame (RFC 5456)");
    }
    if view.port(1719) && bytes.len() > 4 {
        return likely("H.323", Voice, 85, "H.323 registration");
    }
    // TeamSpeak 3 (its published handshake) and 2.
    if bytes.starts_with(b"TS3INIT1") || (view.port(9987) && bytes.len() >= 13) {
        return found("TeamSpeak", Voice, "a TeamSpeak packet");
    }
    if matches!(be32(bytes, 0), Some(0xf4be_0300 | 0xf0be_0000 | 0xf1be_0000 | 0xf2be_0000 | 0xf3be_0000))
        && bytes.len() >= 8
    {
        return likely("TeamSpeak", Voice, 85, "a TeamSpeak 2 packet");
    }
    // Mumble's ping: type 0, ten or twelve bytes (its documentation, "Establishing a connection").
    if view.port(64738) && matches!(bytes.len(), 12 | 24) && be32(bytes, 0).is_some() {
        return likely("Mumble", Voice, 85, "a Mumble ping");
    }
    // Zoom's media: 8801 to 8810 on the server; a type byte of its encapsulation (Michel et al., IMC 2022).
    if (8801..=8810).any(|port| view.port(port)) && !bytes.is_empty() {
        return likely("Zoom", Call, 90, "Zoom's own framing on its media ports");
    }
    // What two participants of Zoom say to find each other.
    if bytes.starts_with(&[0x1f, 2, 1]) && bytes.len() > 40 {
        return likely("Zoom", Call, 85, "Zoom's own signalling between participants");
    }
    // Between two participants Zoom frames RTP in the same way, on any port.
    if bytes.len() > 48 && bytes[0] == 5 && zoom_media(bytes) {
        return likely("Zoom", Call, 80, "Zoom's own framing of media");
    }
    // BFCP (RFC 8855): version 1 or 2, primitives 1 to 18, a length in words that fits.
    if bytes.len() >= 12 && matches!(bytes[0] >> 5, 1 | 2) && (1..=18).contains(&bytes[1]) {
        let words = usize::from(be16(bytes, 2).unwrap_or(0));
        if 12 + words * 4 == bytes.len() && bytes[0] & 0x0f == 0 {
            return likely("BFCP", Call, 85, "floor control of a conference");
        }
    }
    // Discord's keep-alive of its voice servers.
    if bytes.len() == 8 && be32(bytes, 0) == Some(0x1337_cafe) {
        return found("Discord", Call, "Discord's keep-alive");
    }
    // Discord's voice ports answer an address discovery of 74 bytes (its developer documentation).
    if bytes.len() == 74 && (be32(bytes, 0) == Some(0x0001_0046) || be32(bytes, 0) == Some(0x0002_0046)) {
        return found("Discord", Call, "Discord's address discovery");
    }
    Finding::No
}

/// Type 5, then at 8 or 24 the media type and RTP behind it (Michel et al., IMC 2022, section 4).
fn zoom_media(bytes: &[u8]) -> bool {
    matches!(bytes.get(8), Some(13 | 15 | 16 | 30 | 33..=35))
        && [24, 27, 32].iter().any(|&at| bytes.get(at).is_some_and(|&byte| byte & 0xc0 == 0x80))
}
