//! What consoles say of their own: Xbox Live and SmartGlass, PlayStation's remote play, Nintendo's libraries.

use super::fields::begins_with;
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Gaming;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Stream {
        return if view.port(9_295) && begins_with(bytes, &[b"GET /sie/", b"GET /sce/"]) {
            found("PlayStation", Gaming, "PlayStation's remote play")
        } else {
            Finding::No
        };
    }
    let Some(&first) = bytes.first() else { return Finding::No };
    match first {
        // Nintendo's library between players (Pia; its documentation by Kinnay).
        0x32 if be32(bytes, 0) == Some(0x32ab_9864) => {
            return found("Nintendo", Gaming, "a Nintendo peer-to-peer message");
        }
        // Its library to servers (PRUDP version 1: magic, version; version 0: the ports of both ends).
        0xea if matches!(bytes, [_, 0xd0, 1, ..]) && bytes.len() >= 30 => {
            return found("Nintendo", Gaming, "a message to a Nintendo server");
        }
        0xa1 | 0xaf if matches!(bytes, [0xa1, 0xaf, ..] | [0xaf, 0xa1, ..]) && bytes.len() >= 11 => {
            return likely("Nintendo", Gaming, 85, "a message to a Nintendo server");
        }
        // Its measurement of NATs: four numbers, the first the kind.
        0 if bytes.len() == 16
            && view.any_port(&[10_025, 10_125, 33_334, 50_920])
            && be32(bytes, 0).is_some_and(|kind| matches!(kind, 1..=5 | 101..=103)) =>
        {
            return found("Nintendo", Gaming, "a Nintendo console measures its NAT");
        }
        // Xbox Live between players: four zeros, a kind, a letter, three zeros.
        0 if bytes.len() > 12
            && be32(bytes, 0) == Some(0)
            && bytes[5] == b'X'
            && bytes[7..10] == [0; 3]
            && matches!(
                (bytes[4], bytes[6]),
                (0x0c, 0x76) | (0x02, 0x18) | (0x0b, 0x80) | (0x03, 0x40) | (0x06, 0x4e)
            ) =>
        {
            return found("Xbox Live", Gaming, "a message between Xbox players");
        }
        // SmartGlass (OpenXbox's documentation): a kind, the length of what can be read, a version.
        0xcc | 0xdd if view.port(5050) && bytes.get(1).is_some_and(|&kind| kind <= 2) => {
            return found("Xbox Live", Gaming, "an Xbox looks for its remote control");
        }
        // PlayStation's remote play looks for consoles in HTTP's form (ports 987 and 9302).
        b'S' | b'W' | b'L' | b'H'
            if view.any_port(&[987, 9_302])
                && begins_with(
                    bytes,
                    &[b"SRCH * HTTP/", b"SRCH3 * HTTP/", b"WAKEUP * HTTP/", b"LAUNCH * HTTP/", b"HTTP/1.1 6"],
                ) =>
        {
            return found("PlayStation", Gaming, "a PlayStation is looked for");
        }
        _ => {}
    }
    // Ports alone: nothing in the packet is looked at, and nobody may have answered.
    let port = view.responder_port();
    if matches!(port, 9_296 | 9_297 | 9_303 | 9_304) && bytes.len() >= 4 {
        return likely("PlayStation", Gaming, ONLY_PORT, "the ports of PlayStation's remote play");
    }
    // Voice and matches on consoles (Sony's support pages name the port).
    if port == 3658 && bytes.len() >= 8 {
        return likely("PlayStation", Gaming, ONLY_PORT, "the port of PlayStation's network");
    }
    if port == 3074 && bytes.len() >= 8 {
        return likely("Xbox Live", Gaming, ONLY_PORT, "a datagram on the port of Xbox Live");
    }
    Finding::No
}

/// Whether this is how games that run elsewhere come to whoever plays them.
pub(crate) fn comes_as_pictures(application: &str) -> bool {
    matches!(
        application,
        "GeForce NOW"
            | "Xbox cloud gaming"
            | "Amazon Luna"
            | "Stadia"
            | "Shadow"
            | "Parsec"
            | "Moonlight"
            | "Moonlight-stream"
            | "ALVR"
            | "PlayStation"
            | "PlayStation remote play"
            | "Steam"
            | "Steam Datagram Relay"
            | "Steam remote and VR streaming"
    )
}

/// Games that run elsewhere and come as pictures: NVIDIA's ports (also Moonlight's and Sunshine's), Parsec's.
pub(crate) fn streamed(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let (Some(&first), Layer::Datagram) = (bytes.first(), view.layer) else { return Finding::No };
    // Where it answers: a program of the device may get such a port by chance.
    let nvidia = matches!(view.responder_port(), 47_998..=48_000 | 48_002 | 48_010 | 49_003..=49_006);
    // Media in RTP's form, the first packet of each way, or ENet's for the controls.
    let media = first & 0xc0 == 0x80 && bytes.len() >= 12;
    let sure = if media || bytes.starts_with(b"PING") { 80 } else { ONLY_PORT };
    if nvidia && (sure > ONLY_PORT || be16(bytes, 0).is_some_and(|peer| peer & 0x8000 != 0)) {
        return likely("GeForce NOW", Gaming, sure, "a game that comes as pictures, on NVIDIA's ports");
    }
    Finding::No
}

#[cfg(test)]
mod tests {
    use super::super::specimen::check;
    use super::*;
    use Layer::{Datagram, Stream};

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn consoles_are_known() {
        check(
            inspect,
            &[
                (Datagram, 9_000, "32 ab 98 64 02 aa*40", "Nintendo gaming"),
                (Datagram, 60_000, "ea d0 01 1f 00*30", "Nintendo gaming"),
                (Datagram, 60_000, "af a1 20 00*10", "Nintendo gaming"),
                (Datagram, 10_025, "00 00 00 65 00*12", "Nintendo gaming"),
                (Datagram, 9_000, "00*4 0c 58 76 00*3 aa*8", "Xbox Live gaming"),
                (Datagram, 9_000, "00*4 0c 58 77 00*3 aa*8", ""),
                (Datagram, 5050, "dd 00 00 0a 00*12", "Xbox Live gaming"),
                (Datagram, 987, "'SRCH * HTTP/1.1' 0a", "PlayStation gaming"),
                (Stream, 9295, "'GET /sie/ps5/rp/sess/init HTTP/1.1' 0d 0a", "PlayStation gaming"),
                (Datagram, 3074, "aa*24", "Xbox Live gaming"),
            ],
        );
        check(
            streamed,
            &[
                (Datagram, 49_005, "90 60 00 01 aa*60", "GeForce NOW gaming"),
                (Datagram, 47_998, "'PING'", "GeForce NOW gaming"),
                (Datagram, 49_010, "90 60 00 01 aa*60", ""),
            ],
        );
    }
}
