//! RakNet (its source, and wiki.vg's "RakNet protocol"): Minecraft Bedrock, Roblox and many others.

use super::fields::near;
use super::{Finding, Layer, View, found, likely};
use crate::packet::be16;
use vocab::TrafficClass::Gaming;

/// In every message outside a game.
const MAGIC: &[u8] = b"\x00\xff\xff\x00\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78";
/// Where it stands: a request or an answer; a ping, behind its time; a pong, behind time and identity.
const PLACES: [usize; 3] = [1, 9, 17];
/// Roblox puts more before it.
const ROBLOX: usize = 32;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let (Some(&first), Layer::Datagram) = (bytes.first(), view.layer) else { return Finding::No };
    let has_magic = |at: usize| bytes.get(at..).is_some_and(|rest| rest.starts_with(MAGIC));
    if has_magic(ROBLOX) {
        return found("Roblox", Gaming, "the opening of a game on Roblox");
    }
    if PLACES.into_iter().any(has_magic) {
        let minecraft = view.any_port(&[19_132, 19_133]) || near(bytes, b"MCPE;") || near(bytes, b"MCEE;");
        return match minecraft {
            true => found("Minecraft", Gaming, "the opening of a game of Minecraft"),
            false => found("RakNet", Gaming, "the opening of a game on RakNet"),
        };
    }
    // Acknowledgements that we join midway: a count of records, each alone or a range, to the last byte.
    if matches!(first, 0xc0 | 0xa0) && is_acknowledgement(bytes) {
        return likely("RakNet", Gaming, 90, "acknowledgements of a game on RakNet");
    }
    // Its messages in a game: a number, then frames to the last byte. Both ends so leave little to chance.
    if matches!(first, 0x80..=0x8f) && is_frame_set(bytes) {
        let both = matches!(view.heard.first(), Some(0x80..=0x8f | 0xa0 | 0xc0)) || view.any_port(&[19_132, 19_133]);
        return likely("RakNet", Gaming, if both { 88 } else { 72 }, "messages of a game on RakNet");
    }
    Finding::No
}

/// A number of three bytes, then frames: how reliable it is, its length in bits, the numbers that go with that, where
/// it stands in a split message (RakNet's source, ReliabilityLayer.cpp).
fn is_frame_set(bytes: &[u8]) -> bool {
    let mut at = 4;
    for _ in 0..64 {
        let (Some(&flags), Some(bits)) = (bytes.get(at), be16(bytes, at + 1)) else { return false };
        if flags & 0x0f != 0 || bits == 0 || !bits.is_multiple_of(8) {
            return false;
        }
        let numbers = match flags >> 5 {
            // Unreliable, sequenced; reliable, in order, sequenced; with receipts as without.
            0 | 5 => 0,
            1 => 7,
            2 | 6 => 3,
            4 => 10,
            _ => 7,
        };
        let split = if flags & 0x10 != 0 { 10 } else { 0 };
        at += 3 + numbers + split + usize::from(bits / 8);
        if at >= bytes.len() {
            return at == bytes.len();
        }
    }
    false
}

fn is_acknowledgement(bytes: &[u8]) -> bool {
    let Some(count @ 1..=512) = be16(bytes, 1) else { return false };
    let mut at = 3;
    for _ in 0..count {
        at += match bytes.get(at) {
            Some(0) => 7,
            Some(1) => 4,
            _ => return false,
        };
    }
    at == bytes.len()
}

#[cfg(test)]
mod tests {
    use super::super::specimen::check;
    use super::*;
    use Layer::Datagram;

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn openings_and_acknowledgements_are_known() {
        let magic = "00 ff ff 00 fe*4 fd*4 12 34 56 78";
        let row = |port, before: &str, behind: &str| (port, format!("{before} {magic} {behind}"));
        for ((port, message), expected) in [
            (row(9_000, "05", "0b 00*400"), "RakNet gaming"),
            (row(9_000, "01 00*8", "00*8"), "RakNet gaming"),
            (row(9_000, "1c 00*8 aa*8", "00 04 'MCPE;Server'"), "Minecraft gaming"),
            (row(19_132, "05", "0b 00*400"), "Minecraft gaming"),
            (row(9_000, "7b aa*31", "00*1200"), "Roblox gaming"),
            (row(9_000, "7b aa*30", "00*1200"), ""),
        ] {
            check(inspect, &[(Datagram, port, &message, expected)]);
        }
        check(
            inspect,
            &[
                (Datagram, 9_000, "c0 00 01 01 07 00 00", "RakNet gaming"),
                (Datagram, 9_000, "c0 00 02 01 07 00 00 00 09 00 00 0c 00 00", "RakNet gaming"),
                (Datagram, 9_000, "c0 00 02 01 07 00 00", ""),
                (Datagram, 19_132, "84 01 00 00 00 00 08 15", "RakNet gaming"),
                // a reliable message in order, and one in parts
                (
                    Datagram,
                    9_000,
                    "84 01 00 00 60 00 10 01 00 00 02 00 00 00 fe aa 50 00 08 01 00 00 00*10 bb",
                    "RakNet gaming",
                ),
                (Datagram, 9_000, "84 01 00 00 60 00 18 01 00 00 02 00 00 00 fe aa", ""),
            ],
        );
    }
}
