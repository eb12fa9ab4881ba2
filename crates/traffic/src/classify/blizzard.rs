//! Blizzard's games: World of Warcraft, StarCraft, Warcraft 3, Heroes of the Storm, Hearthstone, Battle.net.

use super::fields::{begins, fills, le16, le32};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Gaming;

/// Where its services listen (Blizzard support, "Firewall configuration").
const PORTS: &[u16] = &[1119, 1120, 3724, 6112, 6113, 6114];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(&first) = bytes.first() else { return Finding::No };
    let greeting = b"WORLD OF WARCRAFT CONNECTION";
    if bytes.starts_with(greeting) || bytes.get(2..).is_some_and(|rest| rest.starts_with(greeting)) {
        return found("World of Warcraft", Gaming, "a World of Warcraft greeting");
    }
    // Its login: a challenge, a length that fits, the game's letters.
    if first == 0 && fills(le16(bytes, 2), 4, bytes) && matches!(bytes.get(4..8), Some(b"WoW\0")) {
        return found("World of Warcraft", Gaming, "a login to World of Warcraft");
    }
    // Battle.net's older form: one byte that chooses, then messages that begin with ones and state their length; the
    // first asks who one is (bnetdocs.org, SID_AUTH_INFO and its predecessors).
    let whole = first == 0xff && fills(le16(bytes, 2), 0, bytes);
    let chosen = matches!(bytes, [1, 0xff, 0x05 | 0x06 | 0x1e | 0x50, ..]) && fills(le16(bytes, 3), 1, bytes);
    if whole || chosen {
        return likely("Battle.net", Gaming, 88, "a Battle.net message");
    }
    // Warcraft 3 between players: 0xf7, a kind, a length that fits.
    if first == 0xf7 && (fills(le16(bytes, 2), 0, bytes) || view.port(6112)) {
        return likely("Warcraft 3", Gaming, 88, "a Warcraft 3 message");
    }
    if view.any_port(PORTS) {
        // StarCraft 2 and Heroes log in with a message of their own (0x4X 00 00 0a 66 …).
        if matches!(bytes, [0x40..=0x4f, 0, 0, 0x0a, 0x66, ..]) {
            return found("StarCraft", Gaming, "a login to StarCraft");
        }
        // Hearthstone: a kind, a length that fits.
        if begins(le32(bytes, 0), 0, 0xffff) && fills(le32(bytes, 4), 8, bytes) {
            return found("Hearthstone", Gaming, "a Hearthstone message");
        }
        return likely("Battle.net", Gaming, ONLY_PORT, "a port of Blizzard's games");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if bytes.first() == Some(&0xf7) && fills(le16(bytes, 2), 0, bytes) && bytes.len() >= 4 {
        return likely("Warcraft 3", Gaming, 90, "a Warcraft 3 message");
    }
    // Warcraft Rumble opens with a number that repeats itself backwards at its end.
    if bytes.starts_with(&[0xff, 0xff, 0xff, 0xff, 0xa3, 0x1f, 0xb6, 0x1e]) {
        return found("Blizzard", Gaming, "the opening of a game of Blizzard's");
    }
    if !view.any_port(PORTS) {
        return Finding::No;
    }
    // Heroes of the Storm: a fixed field behind 14 bytes.
    if (20..=122).contains(&bytes.len()) && be16(bytes, 14) == Some(0x4000) {
        let begins = bytes[..14] == [0; 14] || matches!(be16(bytes, 2), Some(0x0300 | 0x3400));
        if begins {
            return found("Heroes of the Storm", Gaming, "a message of Heroes of the Storm");
        }
    }
    // StarCraft 2 plays on this port; the older StarCraft on 6112 begins with its own number.
    if view.port(1119) && bytes.len() >= 20 {
        return likely("StarCraft", Gaming, ONLY_PORT, "the port of StarCraft");
    }
    if view.port(6112) && be32(bytes, 0).is_some() {
        return likely("Battle.net", Gaming, ONLY_PORT, "a port of Blizzard's games");
    }
    likely("Battle.net", Gaming, ONLY_PORT, "a port of Blizzard's games")
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
    fn games_are_known() {
        check(
            inspect,
            &[
                (
                    Stream,
                    8085,
                    "00 30 'WORLD OF WARCRAFT CONNECTION - SERVER TO CLIENT' 00",
                    "World of Warcraft gaming",
                ),
                (Stream, 9_000, "00 08 06 00 'WoW' 00 03 03", "World of Warcraft gaming"),
                (Stream, 9_000, "ff 25 08 00 11 22 33 44", "Battle.net gaming"),
                (Stream, 9_000, "01 ff 50 3a 00 00*54", "Battle.net gaming"),
                (Stream, 9_000, "f7 1e 08 00 01 02 03 04", "Warcraft 3 gaming"),
                (Stream, 9_000, "f7 1e 09 00 01 02 03 04", ""),
                (Stream, 1119, "4a 00 00 0a 66 02 0a ed 2d 66", "StarCraft gaming"),
                (Stream, 3724, "a8 00 00 00 04 00 00 00 01 02 03 04", "Hearthstone gaming"),
                (Datagram, 6112, "f7 2f 10 00 'PX3W' 1e 00 00 00 00*4", "Warcraft 3 gaming"),
                (Datagram, 3724, "e6 5d 34 00 aa*10 40 00 aa*8", "Heroes of the Storm gaming"),
                (Datagram, 9_000, "e6 5d 34 00 aa*10 40 00 aa*8", ""),
                (Datagram, 1119, "aa*20", "StarCraft gaming"),
            ],
        );
    }
}
