//! Nodes of crypto-currencies: Bitcoin and kin, Ethereum, Monero, Nano, Cardano, EOS, ZUG; and miners (Stratum).

use super::fields::{begins, fills, le32};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Backup;

const WHY: &str = "a message between crypto-currency nodes";

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if let Some(finding) = bitcoin(bytes) {
        return finding;
    }
    match bytes.first() {
        // Levin, between nodes of CryptoNote (Monero's source, levin_base.h).
        Some(1) if bytes.starts_with(b"\x01\x21\x01\x01\x01\x01\x01\x01") => found("Monero", Backup, WHY),
        // JSON: text is searched only where it looks like some.
        Some(b'{') if !matches!(bytes.get(1), Some(b'"' | b' ' | b'\r' | b'\n' | b'\t')) => Finding::No,
        Some(b'{') => json(bytes),
        // Nano (its node's source, message header): R, the network's letter, three versions, a kind.
        Some(b'R') => match bytes {
            &[_, b'A' | b'B' | b'C' | b'X', most, using @ 15..=40, least, kind, ..]
                if (least..=most).contains(&using) && most <= 40 && kind <= 0x10 =>
            {
                found("Nano", Backup, WHY)
            }
            _ => Finding::No,
        },
        _ => binary(view),
    }
}

fn binary(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // Ethereum's handshake (devp2p, rlpx.md): a length that fits, then a key in its uncompressed form.
    let port = (30_300..=30_310).contains(&view.responder_port());
    if let (Some(length @ 180..=700), Some(4)) = (be16(bytes, 0), bytes.get(2))
        && fills(Some(length), 2, bytes)
    {
        // Both ends begin so; alone, without its port, it may be any other's key.
        let answers = view.heard.get(2) == Some(&4) && be16(view.heard, 0).is_some_and(|n| (180..=700).contains(&n));
        let confidence = match (port, answers) {
            (true, _) => 95,
            (false, true) => 88,
            (false, false) => 60,
        };
        return likely("Ethereum", Backup, confidence, "a handshake between Ethereum's nodes");
    }
    // Before EIP-8 it had no length: 307 bytes, the same key at 2 of what it hides; answers have 210.
    if port && matches!(bytes.len(), 210 | 307) && bytes.first() == Some(&4) {
        return likely("Ethereum", Backup, 92, "a handshake between Ethereum's nodes");
    }
    // Cardano's multiplexer (its network specification, 3.1): a time, protocol 0, a length; then the versions proposed.
    if be16(bytes, 4) == Some(0)
        && be16(bytes, 6).is_some_and(|length| fills(Some(length), 8, bytes))
        && matches!(bytes.get(8..11), Some([0x82, 0, 0xa0..=0xbf]))
    {
        return found("Cardano", Backup, WHY);
    }
    // EOSIO: a length, message 0 (a handshake) on its port.
    if view.port(9876) && le32(bytes, 0).is_some_and(|length| fills(Some(length), 4, bytes)) && bytes.get(4) == Some(&0)
    {
        return likely("EOS", Backup, 85, WHY);
    }
    Finding::No
}

/// Magics of main and test networks (the chain parameters of each one's source).
fn coin(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0xf9be_b4d9 | 0x0b11_0907 | 0xfabf_b5da | 0x0a03_cf40 | 0x1c16_3f28 => "Bitcoin",
        0xfbc0_b6db | 0xfdd2_c8f1 => "Litecoin",
        0xc0c0_c0c0 | 0xfcc1_b7dc => "Dogecoin",
        0xbf0c_6bbd | 0xcee2_caff => "Dash",
        0x24e9_2764 | 0xfa1a_f9bf => "Zcash",
        0xe3e1_f3e8 | 0xf4e5_f3f4 => "Bitcoin Cash",
        0xf9be_b4fe => "Namecoin",
        0xfac3_b6da => "DigiByte",
        _ => return None,
    })
}

/// A network's magic, a command in letters with zeros behind, a length, a sum (Bitcoin's developer reference,
/// "message headers").
fn bitcoin(bytes: &[u8]) -> Option<Finding> {
    let command = bytes.get(4..16)?;
    if command[11] != 0 || !command[0].is_ascii_lowercase() {
        return None;
    }
    let letters = command.iter().take_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()).count();
    if letters < 2 || command[letters..].iter().any(|&byte| byte != 0) || !begins(le32(bytes, 16), 0, 32 << 20) {
        return None;
    }
    match coin(be32(bytes, 0)?) {
        Some(name) => Some(found(name, Backup, WHY)),
        // Any other coin of the kind opens with its version, whose size is known.
        None if command.starts_with(b"version\0") && begins(le32(bytes, 16), 80, 400) => {
            Some(likely("Bitcoin", Backup, 92, WHY))
        }
        None if command.starts_with(b"verack\0") && le32(bytes, 16) == Some(0) => {
            Some(likely("Bitcoin", Backup, 92, WHY))
        }
        None => None,
    }
}

/// Stratum and its kin, and wallets: JSON with the words of one of them (Stratum's documentation; EIP-1571; xmrig's
/// STRATUM.md; the Electrum protocol's methods).
fn json(bytes: &[u8]) -> Finding {
    let beginning = &bytes[..bytes.len().min(200)];
    let (mut signs_in, mut asks) = (false, false);
    // In one pass: what is quoted begins with one of the words.
    for at in memchr::memchr_iter(b'"', beginning) {
        let quoted = &beginning[at + 1..];
        let is = |words: &[&[u8]]| words.iter().any(|word| quoted.starts_with(word));
        match quoted.first() {
            Some(b'm') if is(&[b"mining."]) => return mining(),
            Some(b'e') if is(&[b"eth_submit", b"eth_getWork\"", b"eth_login\""]) => return mining(),
            Some(b'w' | b'j' | b'k') if is(&[b"worker\"", b"job_id\"", b"keepalived\""]) => return mining(),
            Some(b'b' | b'c') if is(&[b"blob\"", b"client.get_version\""]) => return mining(),
            Some(b's' | b'b') if is(&[b"server.version\"", b"blockchain."]) => {
                return found("Electrum", Backup, "a wallet asks a crypto-currency server");
            }
            Some(b'l') if is(&[b"login\""]) => signs_in = true,
            Some(b'm' | b'a') if is(&[b"method\"", b"agent\""]) => asks = true,
            _ => {}
        }
    }
    if signs_in && asks { mining() } else { Finding::No }
}

fn mining() -> Finding {
    found("Mining", Backup, "a message to a mining pool")
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // ZUG: its length, two of its letters, version 1.0.
    if bytes.get(2..5) == Some(b"UG\x10") && be16(bytes, 0).is_some_and(|length| usize::from(length) == bytes.len()) {
        return found("ZUG", Backup, "a message of a consensus of nodes");
    }
    let port = (30_300..=30_310).any(|port| view.port(port));
    if is_discovery(bytes) {
        let confidence = if port { 95 } else { 86 };
        return likely("Ethereum", Backup, confidence, "Ethereum's nodes look for others");
    }
    // Version 5 of that hides all but its size (devp2p, discv5-wire.md: 63 to 1280 bytes).
    if (view.port(30_303) || view.source_port == view.destination_port && view.port(9_000))
        && (63..=1_280).contains(&bytes.len())
    {
        return likely("Ethereum", Backup, ONLY_PORT, "the port on which Ethereum's nodes look for others");
    }
    Finding::No
}

/// A hash, a signature whose last byte is 0 or 1, a kind, a list that fits (devp2p, discv4.md).
fn is_discovery(bytes: &[u8]) -> bool {
    let (Some(0 | 1), Some(1..=6), Some(&list)) = (bytes.get(96), bytes.get(97), bytes.get(98)) else { return false };
    let (header, length) = match list {
        0xc0..=0xf7 => (1, usize::from(list - 0xc0)),
        0xf8 => (2, usize::from(bytes.get(99).copied().unwrap_or(0))),
        0xf9 => (3, usize::from(be16(bytes, 99).unwrap_or(0))),
        _ => return false,
    };
    98 + header + length == bytes.len()
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
    fn nodes_and_miners_are_known() {
        check(
            inspect,
            &[
                (Stream, 8333, "f9 be b4 d9 'version' 00*5 66 00 00 00 aa*4 aa*102", "Bitcoin backup"),
                (Stream, 9333, "fb c0 b6 db 'inv' 00*9 25 00 00 00 aa*40", "Litecoin backup"),
                (Stream, 9_000, "11 22 33 44 'version' 00*5 66 00 00 00 aa*4 aa*102", "Bitcoin backup"),
                (Stream, 9_000, "11 22 33 44 'versio' 00 01 00*4 66 00 00 00 aa*4 aa*102", ""),
                (Stream, 18_080, "01 21 01 01 01 01 01 01 e2 00*7", "Monero backup"),
                (Stream, 3333, "'{' 22 'id' 22 ':1,' 22 'method' 22 ':' 22 'mining.subscribe' 22 '}'", "Mining backup"),
                (
                    Stream,
                    3333,
                    "'{' 22 'method' 22 ':' 22 'login' 22 ',' 22 'params' 22 ':{' 22 'agent' 22 ':' 22 'x' 22 '}}'",
                    "Mining backup",
                ),
                (Stream, 3333, "'{' 22 'method' 22 ':' 22 'eth_call' 22 '}'", ""),
                (Stream, 50_001, "'{' 22 'method' 22 ':' 22 'server.version' 22 '}'", "Electrum backup"),
                (Stream, 7075, "52 43 14 13 12 0a 00 00", "Nano backup"),
                (Stream, 7075, "52 43 12 13 12 0a 00 00", ""),
                (Stream, 30_303, "01 00 04 aa*255", "Ethereum backup"),
                (Stream, 30_303, "01 00 04 aa*254", ""),
                (Stream, 3001, "12 34 56 78 00 00 00 05 82 00 a1 0a 02", "Cardano backup"),
                (Datagram, 30_303, "aa*96 00 01 c3 01 02 03", "Ethereum backup"),
                (Datagram, 9_001, "aa*96 01 02 c3 01 02 03", "Ethereum backup"),
                (Datagram, 9_001, "aa*96 01 02 c4 01 02 03", ""),
                (Datagram, 19_000, "00 09 'UG' 10 aa*4", "ZUG backup"),
                (Datagram, 19_000, "00 0a 'UG' 10 aa*4", ""),
            ],
        );
    }
}
