//! Single games with a recognisable opening; their engines and makers have files of their own.

use super::fields::{begins, begins_with, fills, le16, le32, near};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Gaming;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(&first) = bytes.first() else { return Finding::No };
    if minecraft(bytes) {
        return found("Minecraft", Gaming, "a Minecraft handshake");
    }
    if tencent(bytes) {
        return likely("Tencent Games", Gaming, 88, "a message to a Tencent game server");
    }
    match first {
        // Terraria: a length, kind 1, its name and version with their length.
        _ if bytes.get(4..12) == Some(b"Terraria") && fills(le16(bytes, 0), 0, bytes) && bytes[2] == 1 => {
            return found("Terraria", Gaming, "a Terraria greeting");
        }
        // Final Fantasy XIV: the same sixteen bytes before every message.
        0x52 if bytes.starts_with(&[0x52, 0x52, 0xa0, 0x41, 0xff, 0x5d, 0x46, 0xe2, 0x7f, 0x2a, 0x64, 0x4d]) => {
            return found("Final Fantasy XIV", Gaming, "a message of Final Fantasy");
        }
        // RetroArch plays over the network (its source, netplay.h), BZFlag (its protocol.txt).
        b'R' if bytes.starts_with(b"RANP") && bytes.len() >= 16 => {
            return found("RetroArch", Gaming, "a RetroArch greeting");
        }
        b'B' if bytes.starts_with(b"BZFLAG\r\n\r\n") || bytes.starts_with(b"BZFS0") => {
            return found("BZFlag", Gaming, "a BZFlag greeting");
        }
        // KingsIsle: a mark, the length of the rest.
        0x0d if bytes.starts_with(&[0x0d, 0xf0]) && fills(le16(bytes, 2), 4, bytes) => {
            return found("Wizard101", Gaming, "a message of a game of KingsIsle's");
        }
        // Path of Exile: fixed bytes around the name of the one who plays.
        0 if (26..50).contains(&bytes.len())
            && be16(bytes, 1) == Some(0x0300)
            && bytes[6..9] == [0, 2, 0]
            && bytes.ends_with(&[0, 0, 0, 0, 0x40, 0, 0, 1]) =>
        {
            return found("Path of Exile", Gaming, "a Path of Exile greeting");
        }
        b'V' if bytes.starts_with(b"VELOREN") => return found("Veloren", Gaming, "a Veloren greeting"),
        // Dofus: the server greets with two letters, then a key; the second edition with its version.
        b'H' if bytes == b"HG\0" || bytes.starts_with(b"HC") && bytes.len() == 35 && bytes[34] == 0 => {
            return likely("Dofus", Gaming, 88, "a Dofus greeting");
        }
        0 if bytes.starts_with(&[0, 5, 8, 0]) && be16(bytes, 4) == Some(5) && matches!(bytes.len(), 11 | 13 | 49) => {
            return found("Dofus", Gaming, "a Dofus greeting");
        }
        // MapleStory: a length of 13 or 14, a version, its subversion, two keys, a region of 1 to 9.
        0x0d..=0x10
            if fills(le16(bytes, 0), 2, bytes)
                && matches!(be16(bytes, 4), Some(0x0100 | 0x0000))
                && bytes.get(6).is_some_and(u8::is_ascii_digit)
                && matches!(bytes.last(), Some(1..=9)) =>
        {
            return likely("MapleStory", Gaming, 88, "a MapleStory greeting");
        }
        // Guild Wars (the sizes and marks of its three greetings).
        1 if bytes.len() == 21 && be16(bytes, 0) == Some(0x0100) && be32(bytes, 5) == Some(0xf100_1000) => {
            return found("Guild Wars", Gaming, "a Guild Wars greeting");
        }
        _ if bytes.len() == 16 && bytes[1..3] == [4, 0x0c] && be16(bytes, 4) == Some(0xa672) && bytes[8] == 1 => {
            return found("Guild Wars", Gaming, "a Guild Wars greeting");
        }
        _ if bytes.len() == 64 && bytes[1..3] == [5, 0x0c] && bytes.get(50..54) == Some(b"@2&P") => {
            return found("Guild Wars", Gaming, "a Guild Wars greeting");
        }
        // World of Kung Fu: a greeting of 16 bytes, three of them free.
        0x0c if bytes.len() == 16
            && be32(bytes, 0) == Some(0x0c00_0000)
            && be32(bytes, 4) == Some(0xd200_0c00)
            && bytes[9] == 0x16 =>
        {
            return found("World of Kung Fu", Gaming, "a World of Kung Fu greeting");
        }
        // Fiesta's server greets with 7 and 8; what answers has one of three forms.
        3..=5
            if matches!(view.heard, [4, 7, 8, _, 0 | 1])
                && matches!(bytes, [3, 5, 0x0c, 1] | [4, 3, 0x0c, 1, 0] | [5, 0x0e, 8, 0x0b, _, _]) =>
        {
            return found("Fiesta", Gaming, "the answer to a Fiesta greeting");
        }
        _ => {}
    }
    // Florensia: a length of all, a kind; its ends greet each other so.
    if florensia(bytes) && florensia(view.heard) {
        return found("Florensia", Gaming, "both ends greet as in Florensia");
    }
    // The Elder Scrolls Online: a length, and its world's name in the first message.
    // Or, where the name is another, its ticket: 128 bytes that zlib left as they are, behind both sizes.
    let packed = [0, 0, 0, 0x80, 0, 0, 0, 0x8b, 0x78, 0x9c, 1, 0x80, 0, 0x7f, 0xff];
    if be32(bytes, 0).is_some_and(|length| fills(Some(length), 4, bytes) && length > 500)
        && (near(bytes, b"eso.live") || near(bytes, &packed))
    {
        return found("TES Online", Gaming, "a login to The Elder Scrolls Online");
    }
    by_stream_port(view)
}

fn florensia(bytes: &[u8]) -> bool {
    fills(le16(bytes, 0), 0, bytes)
        && matches!(
            bytes,
            [5, 0, 0x65, _, 0xff]
                | [12, 0, 3, 1, ..]
                | [8, 0, 3, 2, 0xff, 0xff, 0xff, 0xff]
                | [24, 0, 2, 2, .., 0xff, 0xff, 0xff, 0xff]
                | [9..=255, 0, 2, 1, 0xff, 0xff, 0xff, 0xff, ..]
        )
}

/// Where the port is half of the evidence.
fn by_stream_port(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // Supercell: a kind of five digits, a length of three bytes, a version.
    let supercell = || {
        let length = u32::from(*bytes.get(2)?) << 16 | u32::from(be16(bytes, 3)?);
        let kind = be16(bytes, 0)?;
        ((10_100..=30_000).contains(&kind) && length as usize + 7 <= bytes.len()).then_some(())
    };
    if view.port(9339) && supercell().is_some() {
        return found("Supercell", Gaming, "a message to a game of Supercell's");
    }
    // EVE Online: a length, then a packed value of its own kind.
    if view.port(26_000) && le32(bytes, 0).is_some_and(|n| fills(Some(n), 4, bytes)) && bytes.get(4) == Some(&0x7e) {
        return found("EVE Online", Gaming, "a message to EVE Online");
    }
    if view.port(43_594) && matches!(bytes.first(), Some(14..=16)) {
        return likely("RuneScape", Gaming, 85, "a RuneScape greeting");
    }
    if view.port(3979) && le16(bytes, 0).is_some_and(|n| fills(Some(n), 0, bytes)) {
        return found("OpenTTD", Gaming, "an OpenTTD message");
    }
    if view.port(2106) && le16(bytes, 0).is_some_and(|n| fills(Some(n), 0, bytes)) {
        return likely("Lineage 2", Gaming, 85, "a login to Lineage 2");
    }
    // Free Fire: its setup has one size; its name stands in what follows.
    if bytes.len() == 10 && bytes[0] == 0xa0 && bytes.ends_with(b"vj73p") {
        return found("Free Fire", Gaming, "a message to Free Fire");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(&first) = bytes.first() else { return Finding::No };
    match first {
        // Genshin Impact opens, answers and ends KCP with numbers of its own.
        0 if bytes.len() == 20
            && matches!(be32(bytes, 0), Some(0xff | 0x145 | 0x194))
            && matches!(be32(bytes, 16), Some(0xffff_ffff | 0x1451_4545 | 0x1941_9494)) =>
        {
            return found("Genshin Impact", Gaming, "the opening of a game of miHoYo's");
        }
        // Armagetron: a login, an exchange of clocks: kinds and sizes of words that fit.
        0 if be16(bytes, 0) == Some(11)
            && be16(bytes, 2) == Some(0)
            && be16(bytes, 4).is_some_and(|words| words > 0 && usize::from(words) * 2 + 8 == bytes.len())
            && be16(bytes, 6) == Some(8)
            && bytes.ends_with(&[0, 0]) =>
        {
            return found("Armagetron", Gaming, "an Armagetron login");
        }
        0 if bytes.len() == 16
            && be16(bytes, 0) == Some(28)
            && be32(bytes, 4) == Some(0x0004_0000)
            && be16(bytes, 8) == Some(0x0500) =>
        {
            return found("Armagetron", Gaming, "an Armagetron message");
        }
        0xc7 if bytes.starts_with(&[0xc7, 0xd9, 0x19, 0x99, 2, 0]) && bytes.len() == 25 => {
            return found("CrossFire", Gaming, "a CrossFire message");
        }
        // Second Life: a flag, a number, then "use circuit code" (its wiki, "Protocol").
        _ if bytes.get(5..10) == Some(&[0, 0xff, 0xff, 0, 3]) && first & 0x40 != 0 => {
            return found("Second Life", Gaming, "the opening of Second Life");
        }
        // War Thunder and kin report in words.
        b'e' | b'a' if bytes.len() > 100 && begins_with(bytes, &[b"embeddedupdater.", b"app.start", b"app.stage"]) => {
            return found("Gaijin", Gaming, "a report of a game of Gaijin's");
        }
        b'V' if bytes.starts_with(b"VELOREN") => return found("Veloren", Gaming, "a Veloren greeting"),
        // San Andreas for many: a question names the server's address, port and what is asked.
        b'S' if bytes.starts_with(b"SAMP")
            && matches!(bytes.get(10), Some(b'i' | b'r' | b'c' | b'd' | b'p' | b'x' | b'o')) =>
        {
            return found("SA-MP", Gaming, "a query to a game server of San Andreas");
        }
        // EverQuest, PlanetSide and kin: a request, a size of sums, a number, the usual buffer (Daybreak's library).
        0 if bytes.len() >= 14
            && be16(bytes, 0) == Some(1)
            && be32(bytes, 2).is_some_and(|size| (1..=4).contains(&size))
            && be32(bytes, 10) == Some(512) =>
        {
            return found("EverQuest", Gaming, "the opening of a game of Daybreak's");
        }
        // League of Legends for telephones: a probe of 22 bytes, or its greeting and the answer.
        1 if bytes.len() == 22 && be32(bytes, 0) == Some(0x0102_c841) && bytes.ends_with(b"A0B1") => {
            return found("Wild Rift", Gaming, "a probe of Wild Rift");
        }
        0x10 if bytes.len() == 359
            && be32(bytes, 0) == Some(0x1000_0000)
            && be32(view.heard, 0) == Some(0x0400_0000) =>
        {
            return found("Wild Rift", Gaming, "the answer to a greeting of Wild Rift");
        }
        // Naraka: the same four bytes before every message.
        7 if bytes.len() > 30 && be32(bytes, 0) == Some(0x0708_080c) => {
            return likely("Naraka", Gaming, 86, "a message of Naraka: Bladepoint");
        }
        // Battlefield: the marks of its early engine, and its name behind five bytes.
        0x11 if bytes.len() > 10
            && be32(bytes, 0) == Some(0x1120_0001)
            && be16(bytes, 4) == Some(0)
            && matches!(be32(bytes, 6), Some(0x50b9_1011 | 0x30b9_1011 | 0xa098_0011)) =>
        {
            return found("Battlefield", Gaming, "a message of Battlefield");
        }
        _ if bytes.len() == 18 && bytes.ends_with(b"battlefield2\0") => {
            return found("Battlefield", Gaming, "a Battlefield greeting");
        }
        b'H' if bytes.starts_with(b"HELLO0.8") && bytes.len() <= 12 => {
            return found("Kaillera", Gaming, "a Kaillera greeting");
        }
        _ => {}
    }
    // miHoYo's KCP has a second number before the command: 28 bytes, then the length (compare KCP's 24).
    if bytes.len() >= 28
        && matches!(bytes[8], 81..=84)
        && le32(bytes, 24).is_some_and(|length| begins(Some(length), 0, 1_400) && length as usize + 28 <= bytes.len())
        && (le32(bytes, 24).is_some_and(|n| fills(Some(n), 28, bytes)) || bytes.get(..9) == bytes.get(28..37))
        && bytes[9] < 64
        && bytes[..4] != [0; 4]
        && bytes[4..8] != [0; 4]
    {
        return likely("Genshin Impact", Gaming, 82, "a game of miHoYo's: KCP with two numbers");
    }
    by_datagram_port(view)
}

fn by_datagram_port(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // Activision's library answers 0x0d02 with 0x0c02, and 0x28 with 0x29 (Call of Duty, on Xbox Live's port, too).
    if let &[kind, second, ..] = bytes
        && bytes.len() >= 18
    {
        let paired = match (kind, second) {
            (0x0c, 2) => view.heard.starts_with(&[0x0d, 2]),
            (0x0d, 2) => view.heard.starts_with(&[0x0c, 2]),
            (0x29, _) => view.heard.first() == Some(&0x28) && view.heard.get(1..5) == bytes.get(5..9),
            (0x46 | 0x47, 0) => matches!(view.heard, [0x46 | 0x47, 0, ..]),
            _ => false,
        };
        if paired || view.port(3074) && matches!((kind, second), (0x0c | 0x0d, 2) | (0x28 | 0x29, _)) {
            return found("Activision", Gaming, "a message of Call of Duty");
        }
    }
    if view.port(7500) && bytes.len() == 12 && bytes.ends_with(b"ping") {
        return found("Call of Duty Mobile", Gaming, "a ping of Call of Duty");
    }
    if (10_011..=10_015).any(|port| view.port(port))
        && matches!(bytes.get(2), Some(0xa0 | 0xa5 | 0xa7))
        && bytes.len() >= 8
    {
        return likely("Free Fire", Gaming, 85, "a message of Free Fire");
    }
    if view.port(3979) && le16(bytes, 0).is_some_and(|n| fills(Some(n), 0, bytes)) {
        return found("OpenTTD", Gaming, "an OpenTTD message");
    }
    if view.port(34_197) && bytes.len() >= 3 {
        return likely("Factorio", Gaming, ONLY_PORT, "the port of Factorio");
    }
    if view.any_port(&[6672, 61_455, 61_456, 61_457, 61_458]) && bytes.len() >= 8 {
        return likely("Rockstar Games", Gaming, ONLY_PORT, "a port of Rockstar's games");
    }
    if view.any_port(&[4950, 4955]) && bytes.len() >= 4 && view.number >= 2 {
        return likely("Warframe", Gaming, ONLY_PORT, "a port of Warframe");
    }
    if view.port(3659) && bytes.len() >= 4 {
        return likely("Electronic Arts", Gaming, ONLY_PORT, "the port of games of Electronic Arts");
    }
    // Unreal's older games, and many that kept their ports.
    if view.any_port(&[7777, 7778]) && bytes.len() >= 4 && view.number >= 4 && !view.heard.is_empty() {
        return likely("Unreal Engine", Gaming, ONLY_PORT, "the port of games on Unreal");
    }
    Finding::No
}

/// Tencent's games: the first bytes of three of their forms, and a compressed message behind its length.
fn tencent(bytes: &[u8]) -> bool {
    match bytes {
        [0x33, 0x66, 0, 0x0b, 0, _, ..] => bytes.len() > 24,
        // TGCP with a magic: 0x4215f787, a kind of four digits, lengths of head and body that fit.
        [0x42, 0x15, 0xf7, 0x87, ..] => be16(bytes, 4).is_some_and(|kind| (1_000..=1_099).contains(&kind)),
        [0x43, 0x66, 0xaa, 0, ..] => be32(bytes, 12).is_some_and(|mark| mark >> 8 == 0x10_e686),
        [0xaa, 0, 0, 0, ..] => be32(bytes, 10).is_some_and(|mark| mark >> 8 == 0x10_e686),
        // zlib at its lowest level, nothing before it but the length of all.
        [0, 0, _, _, 0x78, 1, ..] => {
            bytes.len() > 50 && be32(bytes, 0).is_some_and(|length| fills(Some(length), 4, bytes))
        }
        _ => false,
    }
}

/// Minecraft's handshake (wiki.vg, "Protocol"): a length, packet 0, a version, a name, a port, the state that
/// comes next; or the ping of its older editions.
fn minecraft(bytes: &[u8]) -> bool {
    if bytes.starts_with(&[0xfe, 1, 0xfa, 0, 0x0b]) {
        return true;
    }
    let handshake = || {
        let (length, at) = varint(bytes, 0)?;
        let end = at + usize::try_from(length).ok()?;
        if bytes.get(at) != Some(&0) || end > bytes.len() || !(7..=300).contains(&length) {
            return None;
        }
        let (_, at) = varint(bytes, at + 1)?;
        let (name, at) = varint(bytes, at)?;
        let name = bytes.get(at..at + usize::try_from(name).ok()?)?;
        let at = at + name.len();
        // A name, perhaps with what a proxy or a loader adds behind a zero.
        let readable = name.first().is_some_and(u8::is_ascii_graphic)
            && name.iter().all(|&byte| byte == 0 || (0x20..0x7f).contains(&byte));
        (readable && at + 3 == end && matches!(bytes.get(at + 2), Some(1..=3))).then_some(())
    };
    handshake().is_some()
}

/// A number in groups of seven bits, the lowest first, of at most five bytes; and where it ends.
fn varint(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let mut value = 0;
    for place in 0..5 {
        let byte = *bytes.get(at + place)?;
        value |= u32::from(byte & 0x7f).wrapping_shl(7 * place as u32);
        if byte & 0x80 == 0 {
            return Some((value, at + place + 1));
        }
    }
    None
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
    fn games_are_known_by_their_openings() {
        specimen::check(
            inspect,
            &[
                (Stream, 25_565, "10 00 ff 05 09 'localhost' 63 dd 01", "Minecraft gaming"),
                (Stream, 9_000, "10 00 ff 05 09 'localhost' 63 dd 02 01 00", "Minecraft gaming"),
                (Stream, 9_000, "10 00 ff 05 09 'localhost' 63 dd 07", ""),
                (Stream, 9_000, "fe 01 fa 00 0b 00 4d 00 43", "Minecraft gaming"),
                (Stream, 7777, "0f 00 01 0b 'Terraria279'", "Terraria gaming"),
                (Stream, 6112, "00 03 00 aa*3 00 02 00 'Traveller' 00*8 00*4 40 00 00 01", "Path of Exile gaming"),
                (Stream, 65_010, "33 66 00 0b 00 0b 10 01 00*68", "Tencent Games gaming"),
                (Stream, 31_003, "42 15 f7 87 03 e9 00 00 01 c0 aa*448", "Tencent Games gaming"),
                (Stream, 9_000, "00 00 00 40 78 01 aa*62", "Tencent Games gaming"),
                (Stream, 9_000, "00 00 00 41 78 01 aa*62", ""),
                (Stream, 14_004, "'VELOREN' 00 00 00 01", "Veloren gaming"),
                (Stream, 5555, "'HG' 00", "Dofus gaming"),
                (Stream, 55_006, "52 52 a0 41 ff 5d 46 e2 7f 2a 64 4d 7b 99 c4 75 00*24", "Final Fantasy XIV gaming"),
                (Stream, 55_435, "'RANP' 00*20", "RetroArch gaming"),
                (Stream, 5154, "'BZFLAG' 0d 0a 0d 0a", "BZFlag gaming"),
                (Stream, 12_000, "0d f0 03 00 01 02 03", "Wizard101 gaming"),
                (Datagram, 7777, "'SAMP' c0 00 02 01 61 1e 'i'", "SA-MP gaming"),
                (Datagram, 9_000, "00 01 00 00 00 02 aa*4 00 00 02 00", "EverQuest gaming"),
                (Datagram, 27_888, "'HELLO0.83' 00", "Kaillera gaming"),
                (Stream, 8484, "0e 00 53 00 01 00 '1' aa*8 08", "MapleStory gaming"),
                (Stream, 9339, "27 74 00 00 04 00 00 01 02 03 04", "Supercell gaming"),
                (Stream, 26_000, "05 00 00 00 7e 00 00 00 00", "EVE Online gaming"),
                (Datagram, 22_101, "00 00 00 ff 00*8 49 96 02 d2 ff*4", "Genshin Impact gaming"),
                (
                    Datagram,
                    22_101,
                    "01 00 00 00 02 00 00 00 51 00 00 01 aa*12 08 00 00 00 bb*8",
                    "Genshin Impact gaming",
                ),
                (Datagram, 22_101, "01 00 00 00 02 00 00 00 51 00 00 01 aa*12 09 00 00 00 bb*8", ""),
                (Datagram, 4534, "00 0b 00 00 00 02 00 08 aa bb 00 00", "Armagetron gaming"),
                (Datagram, 13_000, "40 00 00 00 01 00 ff ff 00 03 aa*36", "Second Life gaming"),
                (Datagram, 3074, "0d 02 aa*27", "Activision gaming"),
                (Datagram, 9_000, "0d 02 aa*27", ""),
                (Datagram, 7500, "aa*8 'ping'", "Call of Duty Mobile gaming"),
                (Datagram, 9_000, "01 02 c8 41 55*14 'A0B1'", "Wild Rift gaming"),
                (Datagram, 9_000, "07 08 08 0c 55*40", "Naraka gaming"),
                (Datagram, 9_000, "fe fd 02 11 22 'battlefield2' 00", "Battlefield gaming"),
                (Datagram, 9_000, "11 20 00 01 00 00 50 b9 10 11 00", "Battlefield gaming"),
                (Stream, 9_000, "0c 00 00 00 d2 00 0c 00 11 16 00 00 22 33 00 00", "World of Kung Fu gaming"),
            ],
        );
        let ticket = |packed: &str| format!("00 00 02 54 00 01 00 01 00*100 {packed} 07*477");
        let tes = |packed: &str, expected| specimen::check(inspect, &[(Stream, 24_120, &ticket(packed), expected)]);
        tes("00 00 00 80 00 00 00 8b 78 9c 01 80 00 7f ff", "TES Online gaming");
        tes("00 00 00 80 00 00 00 8b 78 9c 01 80 00 7f fe", "");
        dialogue::check(
            inspect,
            Stream,
            &[
                (9_000, "04 07 08 33 00", "03 05 0c 01", "Fiesta gaming"),
                (9_000, "04 07 09 33 00", "03 05 0c 01", ""),
                (9_000, "05 00 65 01 ff", "0c 00 03 01 00*8", "Florensia gaming"),
                (9_000, "05 00 65 01 fe", "0c 00 03 01 00*8", ""),
            ],
        );
        dialogue::check(
            inspect,
            Datagram,
            &[
                (33_441, "0d 02 aa*27", "0c 02 aa*27", "Activision gaming"),
                (
                    33_441,
                    "28 37 30 3e 48 00*4 28 00*3 5a 10 00 c6 00",
                    "29 28 00*3 37 30 3e 48 00*18",
                    "Activision gaming",
                ),
            ],
        );
    }
}
