//! Steam: its servers (CM), its relays (the published headers of GameNetworkingSockets), discovery and streaming
//! at home.

use super::fields::{le16, le32};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use vocab::TrafficClass::Gaming;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Stream {
        // A length, then the name of the transport.
        let known = bytes.get(4..8) == Some(b"VT01") && le32(bytes, 0).is_some_and(|length| length < 1 << 24);
        return if known { found("Steam", Gaming, "a message to Steam") } else { Finding::No };
    }
    let Some(&first) = bytes.first() else { return Finding::No };
    match first {
        b'V' if bytes.starts_with(b"VS01") => return found("Steam", Gaming, "a message to Steam"),
        // Discovery of devices to stream to (port 27036).
        0xff if bytes.starts_with(b"\xff\xff\xff\xff\x21\x4c\x5f\xa0") => {
            return found("Steam", Gaming, "Steam looks for others on the local network");
        }
        // The list of game servers: a region, an address, a filter (Valve developer wiki, "Master server query").
        b'1' if bytes.len() > 10 && bytes.last() == Some(&0) && view.port(27_011) => {
            return found("Steam", Gaming, "a question for game servers");
        }
        // A flow between two ends begins with a padded message: 512 bytes at least, its length, zeros behind.
        0x20 | 0x22
            if bytes.len() >= 512
                && le16(bytes, 1).is_some_and(|length| usize::from(length) + 19 < bytes.len() && length > 0)
                && bytes.ends_with(&[0; 16]) =>
        {
            return found("Steam Datagram Relay", Gaming, "a padded request to a game of Steam's");
        }
        _ => {}
    }
    if bytes.get(2..8) == Some(b"sdping") || bytes.get(3..9) == Some(b"sdping") {
        return found("Steam Datagram Relay", Gaming, "a ping to a relay of Steam's");
    }
    let relay = (27_015..=27_068).contains(&view.responder_port());
    if relay && matches!(first, 0x01..=0x2f) && bytes.len() >= 512 && bytes.ends_with(&[0; 8]) {
        return likely("Steam Datagram Relay", Gaming, 80, "a padded message to a relay of Steam's");
    }
    if view.any_port(&[27_031, 27_036]) && bytes.len() >= 12 {
        return likely("Steam", Gaming, ONLY_PORT, "the port of Steam's remote play");
    }
    Finding::No
}

/// What nobody else knew on the ports of Steam's games (Steam support, "Required ports").
pub(crate) fn by_port(view: &View<'_>) -> Finding {
    let port = view.responder_port();
    if view.layer == Layer::Datagram && (27_000..=27_100).contains(&port) && view.bytes.len() >= 8 && view.number >= 2 {
        return likely("Steam", Gaming, ONLY_PORT, "a port of Steam's games");
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
    fn messages_are_known() {
        check(
            inspect,
            &[
                (Stream, 27_017, "18 00 00 00 'VT01' aa*24", "Steam gaming"),
                (Datagram, 27_017, "'VS01' 00*32", "Steam gaming"),
                (Datagram, 27_036, "ff*4 21 4c 5f a0 0d 00 00 00 aa*13", "Steam gaming"),
                (Datagram, 9_000, "20 12 00 aa*18 00*491", "Steam Datagram Relay gaming"),
                (Datagram, 9_000, "20 12 00 aa*18 00*480", ""),
                (Datagram, 27_020, "01 00 'sdping' aa*40", "Steam Datagram Relay gaming"),
            ],
        );
    }
}
