//! Quake's packets outside a game, and what Valve made of them (Valve developer wiki, "Server queries"; id
//! Software's published sources): four bytes of ones, then a letter or a word.

use super::fields::{begins_with, le32};
use super::{Finding, Layer, View, found, likely};
use crate::packet::be16;
use vocab::TrafficClass::Gaming;

const ONES: [u8; 4] = [0xff; 4];
/// Part of an answer that was split (the same page, "Protocol").
const SPLIT: [u8; 4] = [0xfe, 0xff, 0xff, 0xff];

/// Words of Valve's older engine, then those of Quake and its descendants.
const GOLD_SOURCE: &[&[u8]] = &[
    b"getchallenge steam",
    b"getchallenge valve",
    b"challenge rcon",
    b"rcon ",
    b"infostring",
    b"details\0",
    b"players\0",
    b"rules\0",
    b"connect 4",
];
const QUAKE: &[&[u8]] = &[
    b"getstatus",
    b"getinfo",
    b"getservers",
    b"statusResponse",
    b"infoResponse",
    b"getchallenge",
    b"challengeResponse",
    b"connect ",
    b"connectResponse",
    b"disconnect",
    b"heartbeat ",
    b"print\n",
    b"rcon",
    b"getIpAuthorize",
    b"getKeyAuthorize",
    b"ipAuthorize",
    b"keyAuthorize",
    b"status\n",
    b"status ",
    b"info ",
    b"ping\n",
    b"loc ",
    b"getmotd",
    b"getserversExt",
    b"extResponse",
    b"client_connect",
];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Stream {
        return Finding::No;
    }
    if let Some(rest) = bytes.strip_prefix(&ONES) {
        return outside(view, rest);
    }
    let valve = (27_000..=27_100).any(|port| view.port(port));
    if bytes.starts_with(&SPLIT) && bytes.len() > 12 {
        return if valve || view.heard.starts_with(&ONES) {
            found("Source Engine", Gaming, "a long answer of a game server of Valve's kind")
        } else {
            Finding::No
        };
    }
    // Doom 3 and Quake 4 have two bytes of ones.
    if let [0xff, 0xff, rest @ ..] = bytes
        && begins_with(
            rest,
            &[b"getInfo\0", b"infoResponse\0", b"challenge\0", b"challengeResponse\0", b"connect\0", b"srvAuth\0"],
        )
    {
        return found("Doom 3", Gaming, "a query to a game server of Doom's kind");
    }
    // The first Quake: control, its own length, a kind (its source, net_dgrm.c).
    if matches!(bytes, [0x80, 0, _, _, 1..=5 | 0x81..=0x85, ..])
        && be16(bytes, 2).is_some_and(|n| usize::from(n) == bytes.len())
    {
        let named = bytes.get(5..11) == Some(b"QUAKE\0") || view.port(26_000);
        return if named { found("Quake", Gaming, "a query to a game server of Quake's kind") } else { Finding::No };
    }
    if valve && in_game(bytes, view.heard) {
        return likely("Source Engine", Gaming, 85, "both ends number and acknowledge as in Valve's games");
    }
    Finding::No
}

/// Valve's packets in a game: a number and the last number of the other end, both little-endian and small.
fn in_game(bytes: &[u8], heard: &[u8]) -> bool {
    let numbers = |bytes| Some((le32(bytes, 0)? & 0x3fff_ffff, le32(bytes, 4)? & 0x3fff_ffff));
    let (Some((mine, seen)), Some((other, other_seen))) = (numbers(bytes), numbers(heard)) else { return false };
    let follows = |seen: u32, sent: u32| seen.abs_diff(sent) < 4_096;
    bytes.len() >= 10
        && mine > 0
        && mine < 1 << 24
        && other < 1 << 24
        && follows(seen, other)
        && follows(other_seen, mine)
}

fn outside(view: &View<'_>, rest: &[u8]) -> Finding {
    let bytes = view.bytes;
    // Teeworlds has ten bytes of ones, then four letters (its source, network.h and masterserver).
    if let Some(letters) = rest.strip_prefix(&[0xff; 6])
        && begins_with(
            letters,
            &[b"gie3", b"inf3", b"info", b"iext", b"ginf", b"lis2", b"req2", b"cou2", b"siz2", b"hea2"],
        )
    {
        return found("Teeworlds", Gaming, "a query to a Teeworlds server");
    }
    let Some(&letter) = rest.first() else { return Finding::No };
    let source = |why| found("Source Engine", Gaming, why);
    let known = match letter {
        // Questions have known sizes, with or without a challenge.
        b'T' => rest.starts_with(b"TSource Engine Query\0"),
        b'U' | b'V' => bytes.len() == 9,
        b'W' | b'i' => bytes.len() == 5 || bytes.len() == 9,
        b'q' => bytes.len() >= 9 && bytes.len() <= 32,
        // Answers: a challenge, about the server, its players, its rules, its pulse.
        b'A' => bytes.len() == 9 || bytes.len() >= 17 && bytes.len() <= 64,
        b'I' | b'm' => bytes.len() >= 20 && bytes.contains(&0),
        b'D' => bytes.len() >= 6,
        b'E' => bytes.len() >= 7 && be16(rest, 1).is_some(),
        b'j' => bytes.len() <= 24,
        // A game's beginning (the published source of its 2013 SDK, protocol.h).
        b'k' | b'B' | b'9' => bytes.len() <= 1_400 && bytes.len() >= 9,
        _ => false,
    };
    if known {
        return source("a query to a game server of Valve's kind");
    }
    if begins_with(rest, GOLD_SOURCE) {
        return source("a query to a game server of Valve's older kind");
    }
    if begins_with(rest, QUAKE) {
        return found("Quake", Gaming, "a query to a game server of Quake's kind");
    }
    // The list of servers: its answer begins with "f\n".
    if rest.starts_with(b"f\n") && bytes.len().is_multiple_of(6) {
        return found("Steam", Gaming, "a list of game servers");
    }
    Finding::No
}

#[cfg(test)]
mod tests {
    use super::super::{dialogue, specimen};
    use super::*;
    use Layer::Datagram;

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn queries_are_known() {
        specimen::check(
            inspect,
            &[
                (Datagram, 27_015, "ff*4 'TSource Engine Query' 00", "Source Engine gaming"),
                (Datagram, 9_000, "ff*4 55 01 02 03 04", "Source Engine gaming"),
                (Datagram, 9_000, "ff*4 55 01 02 03", ""),
                (Datagram, 9_000, "ff*4 49 11 'name' 00 'map' 00 'dir' 00 aa*20", "Source Engine gaming"),
                (Datagram, 27_015, "ff*4 'getchallenge steam' 0a", "Source Engine gaming"),
                (Datagram, 27_960, "ff*4 'getstatus' 0a", "Quake gaming"),
                (Datagram, 9_000, "ff*4 'getservers 68 empty full'", "Quake gaming"),
                (Datagram, 27_666, "ff ff 'getInfo' 00 01 02 03 04", "Doom 3 gaming"),
                (Datagram, 26_000, "80 00 00 0c 01 'QUAKE' 00 03", "Quake gaming"),
                (Datagram, 8303, "ff*10 'gie3' 07", "Teeworlds gaming"),
                (Datagram, 9_000, "ff*4 00 01 02 03", ""),
            ],
        );
        dialogue::check(
            inspect,
            Datagram,
            &[
                (27_015, "09 00*3 05 00*3 aa*20", "06 00*3 09 00*3 aa*20", "Source Engine gaming"),
                (27_015, "09 00*3 05 00*3 aa*20", "06 00*3 09 00 99 00 aa*20", ""),
                (27_015, "ff*4 56 01 02 03 04", "fe ff*3 01 00*7 aa*40", "Source Engine gaming"),
            ],
        );
    }
}
