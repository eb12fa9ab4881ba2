//! Engines and libraries that many games share: ENet, Photon, Unreal, Hazel, netcode, LiteNetLib, Unity, CryEngine,
//! GameSpy, BattlEye, DirectPlay.

use super::fields::{begins_with, le32};
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Gaming;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view.bytes),
        Layer::Datagram => datagram(view),
    }
}

fn stream(bytes: &[u8]) -> Finding {
    // Photon over TCP: a mark, the length of all, a channel, then a message of one of its eight kinds.
    if bytes.first() == Some(&0xfb)
        && be32(bytes, 1).is_some_and(|length| length as usize == bytes.len())
        && matches!(bytes.get(7..9), Some([0xf3 | 0xf4, 0..=7]))
    {
        return found("Photon", Gaming, "a message to a game server on Photon");
    }
    if directplay(bytes) {
        return found("DirectPlay", Gaming, "a message of DirectPlay's games");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(&first) = bytes.first() else { return Finding::No };
    if is_photon(bytes) {
        return found("Photon", Gaming, "a message to a game server on Photon");
    }
    if let Some(finding) = enet(bytes, view.heard) {
        return finding;
    }
    if let Some(finding) = unreal(view) {
        return finding;
    }
    match first {
        // netcode (its STANDARD.md): type 0, then the version in letters.
        0 if bytes.get(1..9) == Some(b"NETCODE ") => {
            return found("Yojimbo", Gaming, "the opening of a game on netcode");
        }
        // GameSpy: questions in words, later with a mark (its SDK's documentation); Minecraft answers them, too.
        b'\\'
            if begins_with(
                bytes,
                &[
                    b"\\status\\",
                    b"\\info\\",
                    b"\\basic\\",
                    b"\\rules\\",
                    b"\\players\\",
                    b"\\heartbeat\\",
                    b"\\gamename\\",
                    b"\\echo\\",
                    b"\\secure\\",
                    b"\\hostname\\",
                ],
            ) =>
        {
            return found("GameSpy", Gaming, "a query to a game server of GameSpy's kind");
        }
        0xfe if matches!(bytes, [_, 0xfd, 0 | 9, ..]) && (bytes.len() == 7 || matches!(bytes.len(), 10..=15)) => {
            return found("GameSpy", Gaming, "a query to a game server of GameSpy's kind");
        }
        // GameSpy's way through NATs.
        0xfd if bytes.starts_with(&[0xfd, 0xfc, 0x1e, 0x66, 0x6a, 0xb2]) => {
            return found("GameSpy", Gaming, "players look for a direct way");
        }
        b'E' if bytes.starts_with(b"EYE1") => return found("All-Seeing Eye", Gaming, "an answer about a game server"),
        // BattlEye (its RCon protocol): two letters, a sum, ones, a kind.
        b'B' if matches!(bytes, [_, b'E', _, _, _, _, 0xff, 0..=2, ..]) => {
            return found("BattlEye", Gaming, "a message about cheating in a game");
        }
        // Hazel: a greeting with number 1 and version 0, then the version of Among Us and a name.
        8 if matches!(bytes, [_, 0, 1, 0, _, _, _, _, 1..=255, b' '..=255, ..])
            && le32(bytes, 4).is_some_and(is_among_us) =>
        {
            return found("Among Us", Gaming, "the opening of Among Us");
        }
        // LiteNetLib: a request, its version, a time, then the size and family of an address (its source,
        // NetPacket.cs).
        _ if first & 0x1f == 5
            && le32(bytes, 1).is_some_and(|version| (9..=16).contains(&version))
            && [13, 17].iter().any(|&at| matches!(bytes.get(at..at + 2), Some([16, 2] | [28, 23 | 10]))) =>
        {
            return found("LiteNetLib", Gaming, "the opening of a game on LiteNetLib");
        }
        _ => {}
    }
    // CryNetwork: its length, and four of its fixed fields.
    if bytes.len() == usize::from(first) + 10
        && bytes.get(3..5) == Some(&[0x08, 0xed])
        && bytes.get(16) == Some(&1)
        && bytes.get(20) == Some(&7)
    {
        return found("CryNetwork", Gaming, "a message of a game on CryEngine");
    }
    if directplay(bytes) {
        return found("DirectPlay", Gaming, "a message of DirectPlay's games");
    }
    // Luanti (Minetest): its own number before ENet's kin.
    if be32(bytes, 0) == Some(0x4f45_7403) && bytes.len() >= 8 {
        return found("Luanti", Gaming, "a message of a game on Luanti");
    }
    Finding::No
}

/// Years, months, days and revisions in one number, as Among Us counts its versions.
const fn is_among_us(version: u32) -> bool {
    let (year, rest) = (version / 25_000, version % 25_000);
    year >= 2018 && year <= 2040 && rest / 1_800 >= 1 && rest / 1_800 <= 12
}

/// Photon (its documentation names the ports, its clients' sources the form): a peer, flags, a count of
/// commands, two times; commands state their length to the last byte.
fn is_photon(bytes: &[u8]) -> bool {
    // Its pings repeat one letter.
    if bytes.len() >= 13 && bytes[..12] == [0x7d; 12] {
        return true;
    }
    let (Some(&flags), Some(&count @ 1..=64)) = (bytes.get(2), bytes.get(3)) else { return false };
    if flags > 1 && flags != 0xcc {
        return false;
    }
    // A sum may stand behind the times.
    let mut at = if flags == 0xcc { 16 } else { 12 };
    for _ in 0..count {
        let (Some(1..=16), Some(length)) = (bytes.get(at), be32(bytes, at + 4)) else { return false };
        let length = length as usize;
        if length < 12 || bytes.get(at + 2).is_none_or(|&flags| flags > 3) {
            return false;
        }
        at = at.saturating_add(length);
        if at > bytes.len() {
            return false;
        }
    }
    at == bytes.len()
}

/// ENet (its source, protocol.h): a peer, a time, perhaps a sum, then commands; a flow begins with 1 and is
/// answered by 3, both on channel 255.
fn enet(bytes: &[u8], heard: &[u8]) -> Option<Finding> {
    let game = |why| Some(found("ENet", Gaming, why));
    let opens = |at: usize, length: usize| {
        matches!(bytes.get(at..at + 4), Some([0x82 | 0x83, 0xff, 0, 1])) && bytes.len() == at + length
    };
    // The time is sent whenever an answer is wanted; a connection asks with 48 bytes, an answer has 44.
    if be16(bytes, 0).is_some_and(|peer| peer & 0x8fff >= 0x8000)
        && [4, 8].into_iter().any(|at| opens(at, 48) || opens(at, 44))
    {
        return game("the opening of a game on ENet");
    }
    // Midway: commands to the last byte. Both ends so leave little to chance.
    if enet_commands(bytes) {
        let both = matches!(heard, [0x80..=0x9f, _, ..]) || matches!(heard, [0..=0x0f, _, ..]);
        let both =
            both && heard.len() >= 8 && [2, 4].iter().any(|&at| heard.get(at).is_some_and(|&kind| is_command(kind)));
        return Some(likely("ENet", Gaming, if both { 82 } else { 66 }, "messages of a game on ENet"));
    }
    // A ping, alone: no payload, its number small.
    if bytes.len() == 8 && matches!(bytes, [0x80..=0x8f, _, _, _, 0x85, 0xff, ..]) {
        return Some(likely("ENet", Gaming, 78, "a ping of a game on ENet"));
    }
    None
}

/// Unreal's handshake without state: zeros where a cookie will stand, and an answer that only turns one bit; Riot's
/// games put a word of their own before.
fn unreal(view: &View<'_>) -> Option<Finding> {
    let (bytes, heard) = (view.bytes, view.heard);
    // Riot's measurement of the way to its servers.
    if bytes.len() > 16 && bytes.ends_with(b"\xaa\xaa\xaa\xaa\xbb\xbb\xbb\xbb") {
        return Some(likely("Riot Games", Gaming, 90, "a ping to a server of Riot's"));
    }
    let empty = |bytes: &[u8], from: usize| {
        bytes.get(from..from + 18).is_some_and(|cookie| cookie.iter().all(|&byte| byte == 0))
    };
    // Asked: two words, step 1, no cookie. Answered: the second word, step 1.
    let (asked, answered) = (heard.get(4..9), bytes.get(..5));
    if empty(heard, 13) && asked.is_some() && asked == answered && heard.get(8) == Some(&1) && be32(heard, 0) != Some(0)
    {
        return Some(likely("Riot Games", Gaming, 88, "a handshake of Riot's games"));
    }
    if bytes.get(8) == Some(&1)
        && bytes.get(9..36).is_some_and(|rest| rest.iter().all(|&byte| byte == 0))
        && (45..=64).contains(&bytes.len())
        && !bytes.ends_with(&[0; 8])
        && be32(bytes, 0) != Some(0)
        && be32(bytes, 4) != Some(0)
    {
        return Some(likely("Riot Games", Gaming, 80, "a handshake of Riot's games"));
    }
    let (word, answer) = (be32(heard, 0)?, be32(bytes, 0)?);
    if word & 8 == 0 && word | 8 == answer && empty(heard, 10) && word != 0 && bytes.len() > 20 {
        return Some(likely("Epic Games", Gaming, 90, "a handshake of a game on Unreal"));
    }
    None
}

/// A kind of 1 to 12; bit 7 asks for an answer, bit 6 leaves the order.
const fn is_command(kind: u8) -> bool {
    matches!(kind & 0x0f, 1..=12) && kind & 0x30 == 0
}

/// A peer and perhaps a time, then commands of a kind, a channel and a number, with the sizes of their kinds and the
/// lengths they state, at least one with data.
fn enet_commands(bytes: &[u8]) -> bool {
    // The time is there where the highest bit says so; no compression, few peers.
    let (Some(peer), true) = (be16(bytes, 0), (12..=1_400).contains(&bytes.len())) else { return false };
    if peer & 0x4fff >= 0x0100 {
        return false;
    }
    let mut at = if peer & 0x8000 != 0 { 4 } else { 2 };
    let mut data = false;
    for _ in 0..32 {
        let Some(&[kind, channel, ..]) = bytes.get(at..at + 4) else { return false };
        if !is_command(kind) || (channel > 31 && channel != 0xff) {
            return false;
        }
        let stated = |behind: usize| be16(bytes, at + behind).map(usize::from).filter(|&length| length > 0);
        let size = match kind & 0x0f {
            1 | 4 => Some(8),
            5 => Some(4),
            6 => stated(4).map(|length| length + 6),
            7 | 9 => stated(6).map(|length| length + 8),
            8 | 12 => stated(6).map(|length| length + 24),
            10 => Some(12),
            11 => Some(16),
            _ => None,
        };
        let Some(size) = size else { return false };
        data |= matches!(kind & 0x0f, 6..=9 | 12);
        at += size;
        if at >= bytes.len() {
            return at == bytes.len() && data;
        }
    }
    false
}

/// DirectPlay (MC-DPL4CS, 2.2.1): its own mark at 20, behind size and an address.
fn directplay(bytes: &[u8]) -> bool {
    bytes.get(20..24) == Some(b"play") && le32(bytes, 0).is_some_and(|word| matches!(word >> 20, 0xfab | 0xcab | 0xbab))
}

#[cfg(test)]
mod tests {
    use super::super::{dialogue, specimen};
    use super::*;
    use Layer::{Datagram, Stream};

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn openings_are_known() {
        specimen::check(
            inspect,
            &[
                (
                    Datagram,
                    5055,
                    "ff ff 00 01 00 00 12 34 aa*4 02 ff 01 04 00 00 00 2c 00 00 00 01 00*32",
                    "Photon gaming",
                ),
                (Datagram, 9_000, "ff ff 00 01 00 00 12 34 aa*4 02 ff 01 04 00 00 00 2d 00 00 00 01 00*32", ""),
                (Datagram, 9_000, "7d*12 01", "Photon gaming"),
                (Stream, 4530, "fb 00 00 00 0b 00 01 f3 02 01 02", "Photon gaming"),
                (Datagram, 20_011, "8f ff 12 34 82 ff 00 01 aa*44", "ENet gaming"),
                (Datagram, 20_011, "8f ff 12 34 82 ff 00 01 aa*45", ""),
                (Datagram, 20_011, "80 01 12 34 85 ff 00 07", "ENet gaming"),
                (Datagram, 9_000, "00 'NETCODE 1.02' 00 aa*40", "Yojimbo gaming"),
                (Datagram, 7787, "5c 'status' 5c", "GameSpy gaming"),
                (Datagram, 9_000, "fe fd 09 01 02 03 04", "GameSpy gaming"),
                (Datagram, 27_901, "fd fc 1e 66 6a b2 03 00", "GameSpy gaming"),
                (Datagram, 9_000, "'BE' aa*4 ff 00 'password'", "BattlEye gaming"),
                (Datagram, 22_023, "08 00 01 00 80 d9 02 03 04 'name'", "Among Us gaming"),
                (Datagram, 22_023, "08 00 01 00 80 d9 ff 03 04 'name'", ""),
                (Datagram, 9_000, "05 0d 00 00 00 aa*8 bb*4 10 02 23 28", "LiteNetLib gaming"),
                (Datagram, 8181, "aa*28 aa*4 bb*4", "Riot Games gaming"),
                (Datagram, 7000, "11 22 33 44 55 66 77 88 01 00*27 99*17", "Riot Games gaming"),
                (Datagram, 30_000, "4f 45 74 03 00 00 00 01", "Luanti gaming"),
                (Stream, 2300, "34 00 b0 fa 02 00 08 fc 00*12 'play' 02 00", "DirectPlay gaming"),
            ],
        );
        dialogue::check(
            inspect,
            Datagram,
            &[
                (15_000, "17 00 00 01 55*6 00*24", "17 00 00 09 aa*30", "Epic Games gaming"),
                (15_000, "17 00 00 01 55*6 00*24", "17 00 00 01 aa*30", ""),
                (7_000, "a4 9f 9c 31 11 22 33 44 01 00*27", "11 22 33 44 01 00*3 aa*25", "Riot Games gaming"),
                (7_000, "a4 9f 9c 31 11 22 33 44 01 00*27", "11 22 33 45 01 00*3 aa*25", ""),
                (
                    7_000,
                    "80 01 12 34 86 00 00 07 00 04 aa*4",
                    "80 00 12 39 01 ff 00 01 00 07 12 34 86 00 00 09 00 03 bb*3",
                    "ENet gaming",
                ),
                (7_000, "80 01 12 34 86 00 00 07 00 04 aa*4", "80 00 12 39 86 00 00 09 00 04 bb*3", ""),
            ],
        );
    }
}
