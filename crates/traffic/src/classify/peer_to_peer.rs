//! File sharing between peers other than BitTorrent and eDonkey: Gnutella, Direct Connect, Soulseek, Kazaa and
//! kin, Freenet's descendants, and libp2p.

use super::fields::{begins_with, fills, le32, near};
use super::{Finding, Layer, View, found, likely};
use crate::packet::be16;
use vocab::TrafficClass::{Backup, Download, Update};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => words(view).unwrap_or_else(|| soulseek(view)),
        Layer::Datagram => datagram(view),
    }
}

/// Greetings in words, and fixed first bytes.
fn words(view: &View<'_>) -> Option<Finding> {
    let bytes = view.bytes;
    let of = |application, why| Some(found(application, Download, why));
    match *bytes.first()? {
        b'G' if begins_with(bytes, &[b"GNUTELLA CONNECT/", b"GNUTELLA/0.", b"GNUTELLA PEER "]) => {
            of("Gnutella", "a Gnutella handshake")
        }
        // "GIV index:guid/name": whoever asked is called back (Gnutella 0.4, "firewalled servents").
        b'G' if bytes.starts_with(b"GIV ") && near(bytes, b":") => of("Gnutella", "a Gnutella upload"),
        // Kazaa: "GIVE " and a number; a download by hash (giFT's notes on FastTrack).
        b'G' if bytes.starts_with(b"GIVE ") && bytes.get(5).is_some_and(u8::is_ascii_digit) => {
            of("FastTrack", "a Kazaa upload")
        }
        b'G' if bytes.starts_with(b"GET /.hash=") => of("FastTrack", "a Kazaa download"),
        b'G' if begins_with(bytes, &[b"GET sha1:", b"GET /uri-res/N2R?urn:sha1:"]) => {
            of("Gnutella", "a Gnutella download")
        }
        // Direct Connect: NMDC's commands end with a bar, ADC's with a line (their specifications).
        b'$' if begins_with(
            bytes,
            &[
                b"$Lock ",
                b"$MyNick ",
                b"$Key ",
                b"$ValidateNick ",
                b"$HubName ",
                b"$Supports ",
                b"$MyINFO ",
                b"$ADCGET ",
                b"$ADCSND ",
                b"$HubINFO ",
                b"$To: ",
                b"$Hello ",
            ],
        ) =>
        {
            of("Direct Connect", "a Direct Connect greeting")
        }
        b'H' | b'C' | b'I' | b'B' if matches!(bytes, [_, b'S', b'U', b'P', b' ', b'A', b'D', ..]) => {
            of("Direct Connect", "a Direct Connect greeting")
        }
        b'a' if bytes.starts_with(b"ajprot\r\n") => of("AppleJuice", "an AppleJuice greeting"),
        b'L' if bytes.starts_with(b"LARS REGENSBURGER'S FILE SHARING PROTOCOL") => {
            of("StealthNet", "a StealthNet greeting")
        }
        0x0e if bytes.starts_with(b"\x0ePando protocol") => of("Pando", "a Pando handshake"),
        // Windows shares its updates in the form of BitTorrent ("Delivery Optimization", port 7680).
        0x0e if bytes.starts_with(b"\x0eSwarm protocol") => {
            Some(found("Windows Update", Update, "a device shares updates with another"))
        }
        // libp2p agrees on a protocol (multiformats, multistream-select): chains and shared files do so.
        0x13 if bytes.starts_with(b"\x13/multistream/1.0.0\n") => {
            Some(if view.any_port(&[30_333, 30_334, 9_000, 13_000]) {
                found("libp2p", Backup, "libp2p between crypto-currency nodes")
            } else {
                found("libp2p", Download, "a libp2p greeting")
            })
        }
        // Thunder: a version from 0x30, three zeros, a length that fits.
        0x30..=0x3f
            if bytes.get(1..4) == Some(&[0; 3]) && le32(bytes, 4).is_some_and(|rest| fills(Some(rest), 8, bytes)) =>
        {
            Some(likely("Thunder", Download, 80, "a Thunder message"))
        }
        _ => None,
    }
}

/// Soulseek (its protocol as nicotine+ documents it): lengths and codes of four bytes, little-endian; strings
/// follow their length.
fn soulseek(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if bytes.len() < 12 || !le32(bytes, 0).is_some_and(|length| length as usize + 4 <= bytes.len() && length >= 8) {
        return Finding::No;
    }
    let string = |at: usize| {
        let length = usize::try_from(le32(bytes, at)?).ok().filter(|&length| length < 256)?;
        let text = bytes.get(at + 4..at + 4 + length)?;
        text.iter().all(|&byte| byte >= 0x20).then_some((length, at + 4 + length))
    };
    // A login: name, password, a version of three digits, a digest of both in hex.
    let login = || {
        let (name, at) = string(8)?;
        let (_, at) = string(at)?;
        let version = le32(bytes, at)?;
        let (digest, _) = string(at + 4)?;
        (name > 0 && (100..1_000).contains(&version) && digest == 32).then_some(())
    };
    if le32(bytes, 4) == Some(1) && login().is_some() {
        return found("Soulseek", Download, "a Soulseek login");
    }
    // A greeting between peers: code 1, a name, one letter, a token that ends it.
    let greeting = || {
        let (name, at) = string(5)?;
        let (letter, end) = string(at)?;
        let known = matches!(bytes.get(at + 4), Some(b'P' | b'F' | b'D'));
        (name > 0 && letter == 1 && known && fills(le32(bytes, 0), 4, bytes) && end + 4 == bytes.len()).then_some(())
    };
    if bytes.get(4) == Some(&1) && greeting().is_some() {
        return found("Soulseek", Download, "a greeting between peers of Soulseek");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(&first) = bytes.first() else { return Finding::No };
    // Gnutella: an identifier marked as modern, a kind, lives and hops, the length of the rest (0.6, 2.2.1).
    if bytes.len() >= 23
        && bytes[8] == 0xff
        && matches!(bytes[15], 0 | 1)
        && matches!(bytes[16], 0x00 | 0x01 | 0x02 | 0x30 | 0x31 | 0x32 | 0x40 | 0x80 | 0x81)
        && bytes[17] <= 10
        && le32(bytes, 19).is_some_and(|rest| fills(Some(rest), 23, bytes))
    {
        return found("Gnutella", Download, "a Gnutella message");
    }
    // Gnutella 2: its name, flags, a number, which part of how many (its specification, "UDP transceiver").
    if bytes.starts_with(b"GND") && bytes.len() >= 8 && bytes[3] & !3 == 0 && bytes[6] <= bytes[7].max(1) {
        return found("Gnutella", Download, "a Gnutella 2 packet");
    }
    // Direct Connect answers searches so.
    if first == b'$' && begins_with(bytes, &[b"$SR ", b"$Ping "]) || begins_with(bytes, &[b"URES ", b"UPSR "]) {
        return found("Direct Connect", Download, "an answer to a Direct Connect search");
    }
    // Thunder: four bytes of version, then little.
    if matches!(first, 0x30..=0x3f)
        && bytes.get(1..4) == Some(&[0; 3])
        && view.heard.get(1..4) == Some(&[0; 3])
        && view.heard.first() == Some(&first)
        && bytes.len() > 8
    {
        return likely("Thunder", Download, 70, "a Thunder message");
    }
    // Kazaa's ping: a kind, a few bytes, its network's name.
    if first == 0x27 && bytes.len() >= 12 && bytes.ends_with(b"KaZaA\0") {
        return found("FastTrack", Download, "a Kazaa ping");
    }
    // Manolito: "MpP" in its own letters on its port.
    if view.port(41_170) && be16(bytes, 0) == Some(0x3d4a) {
        return found("Manolito", Download, "a Manolito message");
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
    fn greetings_are_known() {
        check(
            inspect,
            &[
                (Stream, 6346, "'GNUTELLA CONNECT/0.6' 0d 0a", "Gnutella download"),
                (Stream, 9_000, "'GIVE 1234567' 0d 0a", "FastTrack download"),
                (Stream, 411, "'$Lock EXTENDEDPROTOCOL' 7c", "Direct Connect download"),
                (Stream, 9_000, "'HSUP ADBASE ADTIGR' 0a", "Direct Connect download"),
                (Stream, 9_000, "'LARS REGENSBURGER' 27 'S FILE SHARING PROTOCOL'", "StealthNet download"),
                (Stream, 7680, "0e 'Swarm protocol' 00*8 aa*40", "Windows Update update"),
                (Stream, 4001, "13 '/multistream/1.0.0' 0a", "libp2p download"),
                (Stream, 30_333, "13 '/multistream/1.0.0' 0a", "libp2p backup"),
                (
                    Stream,
                    2242,
                    "3c 00*3 01 00*3 02 00*3 'me' 02 00*3 'pw' a0 00*3 20 00*3 '0123456789abcdef0123456789abcdef' 01 00*3 00*4",
                    "Soulseek download",
                ),
                (Stream, 2234, "10 00*3 01 02 00*3 'me' 01 00*3 'P' 11 22 33 44", "Soulseek download"),
                (Stream, 2234, "10 00*3 01 02 00*3 'me' 01 00*3 'Q' 11 22 33 44", ""),
                (Stream, 9_000, "32 00*3 04 00*3 aa*4", "Thunder download"),
                (Datagram, 6346, "aa*8 ff aa*6 00 00 01 00 00*4", "Gnutella download"),
                (Datagram, 6346, "aa*8 ff aa*6 00 00 01 00 01 00*3", ""),
                (Datagram, 6346, "'GND' 02 00 07 01 01 'PI'", "Gnutella download"),
                (Datagram, 412, "'$SR me file.txt'", "Direct Connect download"),
            ],
        );
    }
}
