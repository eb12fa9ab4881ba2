//! BitTorrent: the handshake (BEP 3), the distributed table (BEP 5), local discovery (BEP 14), trackers over UDP
//! (BEP 15), uTP (BEP 29), and the messages between peers that we join midway.

use super::fields::begins_with;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Download;

const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";
/// Peers ask for pieces of this size (BEP 3, "request").
const BLOCK: u32 = 0x4000;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if bytes.starts_with(HANDSHAKE) {
        return found("BitTorrent", Download, "a BitTorrent handshake");
    }
    // Between peers: a length, a kind (BEP 3, "peer messages"; BEP 6, BEP 10).
    let (Some(length), Some(&kind)) = (be32(bytes, 0), bytes.get(4)) else { return Finding::No };
    let whole = length as usize + 4;
    match (kind, length) {
        // A request or a cancel: a piece, an offset in it of whole blocks, the size of a block.
        (6 | 8, 13) if be32(bytes, 13) == Some(BLOCK) && be32(bytes, 9).is_some_and(|at| at.is_multiple_of(BLOCK)) => {
            likely("BitTorrent", Download, 93, "a request for a piece")
        }
        // A piece of the size that all ask for.
        (7, 0x4009) if be32(bytes, 9).is_some_and(|at| at.is_multiple_of(BLOCK)) => {
            likely("BitTorrent", Download, 93, "a piece of a torrent")
        }
        // A list of extensions: a dictionary (BEP 10).
        (20, 3..=0x4000)
            if bytes.get(5) == Some(&0) && bytes.get(6) == Some(&b'd') && bytes.get(7..9).is_some_and(is_key) =>
        {
            likely("BitTorrent", Download, 92, "a list of BitTorrent's extensions")
        }
        // News of a piece, one or several.
        (4, 5)
            if bytes.len().is_multiple_of(9)
                && bytes.chunks(9).all(|message| message.starts_with(&[0, 0, 0, 5, 4])) =>
        {
            likely("BitTorrent", Download, if bytes.len() > whole { 88 } else { 70 }, "news of pieces of a torrent")
        }
        // Who wants what from whom: messages of one byte, with others behind.
        (0..=3, 1) => match messages(bytes) {
            // One alone could be anybody's.
            0 | 1 => Finding::No,
            _ => likely("BitTorrent", Download, 88, "messages between peers of a torrent"),
        },
        _ => Finding::No,
    }
}

/// How many messages between peers these bytes are, from the first to the last of them; 0 where they are not.
fn messages(bytes: &[u8]) -> u32 {
    let (mut at, mut count) = (0, 0);
    while let (Some(length), Some(&kind)) = (be32(bytes, at), bytes.get(at + 4)) {
        let fits = match kind {
            0..=3 => length == 1,
            4 => length == 5,
            5 => (2..0x1_0000).contains(&length),
            6 | 8 => length == 13,
            7 => (10..=0x4009).contains(&length),
            20 => (3..=0x4000).contains(&length),
            _ => false,
        };
        if !fits || count == 16 {
            return if count == 16 { count } else { 0 };
        }
        count += 1;
        at += length as usize + 4;
    }
    // A bitfield or a piece may go on in the next segment.
    if at >= bytes.len() || count > 1 { count } else { 0 }
}

/// "1:" or "12": how a key of a dictionary begins.
fn is_key(bytes: &[u8]) -> bool {
    matches!(bytes, [b'1'..=b'9', b':' | b'0'..=b'9'])
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(&first) = bytes.first() else { return Finding::No };
    match first {
        b'd' if is_table_message(bytes) => {
            return found("BitTorrent", Download, "a message of BitTorrent's distributed table");
        }
        b'B' if bytes.starts_with(b"BT-SEARCH * HTTP/1.1") => {
            return found("BitTorrent", Download, "a BitTorrent search on the local network");
        }
        // "connect" to a tracker: a fixed number, action 0.
        0 if be32(bytes, 0) == Some(0x417) && be32(bytes, 4) == Some(0x2710_1980) && be32(bytes, 8) == Some(0) => {
            return found("BitTorrent", Download, "a question to a BitTorrent tracker");
        }
        // Its answer repeats the number of the question.
        0 if be32(bytes, 0) == Some(0)
            && bytes.len() == 16
            && view.heard.starts_with(&[0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80])
            && be32(bytes, 4) == be32(view.heard, 12) =>
        {
            return found("BitTorrent", Download, "the answer of a BitTorrent tracker");
        }
        _ => {}
    }
    // The handshake inside uTP, whose header has 20 bytes and perhaps an extension.
    if [20, 26, 30].iter().any(|&at| bytes.get(at..).is_some_and(|rest| rest.starts_with(HANDSHAKE))) {
        return found("BitTorrent", Download, "a BitTorrent handshake");
    }
    utp(view)
}

/// A dictionary from its first byte to its last: a query, a response or an error, with the keys in order.
fn is_table_message(bytes: &[u8]) -> bool {
    begins_with(bytes, &[b"d1:ad", b"d1:rd", b"d1:el", b"d1:q", b"d1:t", b"d2:ip", b"d2:ro", b"d4:wants", b"d1:v4:"])
        && bytes.last() == Some(&b'e')
}

/// The fields of a uTP header that can be checked (BEP 29, "header format").
struct Utp {
    kind: u8,
    flow: u16,
    window: u32,
    sequence: u16,
    acknowledged: u16,
}

fn utp_header(bytes: &[u8]) -> Option<Utp> {
    let &[first, extension, ..] = bytes else { return None };
    // Version 1; data, end, state, reset, begin; a selective acknowledgement or two older extensions.
    if first & 0x0f != 1 || first >> 4 > 4 || extension > 3 {
        return None;
    }
    // It is never the first microsecond of the clock.
    if be32(bytes, 4)? == 0 {
        return None;
    }
    let (sequence, acknowledged) = (be16(bytes, 16)?, be16(bytes, 18)?);
    Some(Utp { kind: first >> 4, flow: be16(bytes, 2)?, window: be32(bytes, 12)?, sequence, acknowledged })
}

fn utp(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(header) = utp_header(bytes) else { return Finding::No };
    const BEGIN: u8 = 4;
    let difference = be32(bytes, 8);
    if header.kind == BEGIN
        && header.acknowledged == 0
        && difference == Some(0)
        && header.sequence == 1
        && bytes.len() <= 40
        && !view.any_port(&[3478, 5060, 500, 4500])
    {
        return likely("BitTorrent", Download, 88, "the opening of a uTP flow");
    }
    // The two ends use numbers that differ by one (a beginning has its own), and acknowledge each other.
    let Some(other) = utp_header(view.heard) else { return Finding::No };
    let apart = header.flow.wrapping_sub(other.flow);
    let related = matches!(apart, 1 | 0xffff) || apart == 0 && (other.kind == BEGIN || header.kind == BEGIN);
    let close = |a: u16, b: u16| a.wrapping_sub(b) < 0x400 || b.wrapping_sub(a) < 0x400;
    if related
        && close(header.acknowledged, other.sequence)
        && (close(header.sequence, other.acknowledged) || other.kind == BEGIN)
        && header.window < 1 << 26
        && other.window < 1 << 26
    {
        return likely("BitTorrent", Download, 88, "uTP: both ends count and acknowledge as BEP 29 says");
    }
    Finding::No
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
    fn torrents_are_known() {
        specimen::check(
            inspect,
            &[
                (Stream, 6881, "13 'BitTorrent protocol' 00*8 aa*40", "BitTorrent download"),
                (Stream, 9_000, "00 00 00 0d 06 00 00 00 07 00 00 40 00 00 00 40 00", "BitTorrent download"),
                (Stream, 9_000, "00 00 00 0d 06 00 00 00 07 00 00 40 01 00 00 40 00", ""),
                (Stream, 9_000, "00 00 40 09 07 00 00 00 07 00 01 00 00 aa*100", "BitTorrent download"),
                (Stream, 9_000, "00 00 00 60 14 00 'd1:ei0e1:md' aa*60", "BitTorrent download"),
                (Stream, 9_000, "00 00 00 05 04 00 00 00 09", "BitTorrent download"),
                (Stream, 9_000, "00 00 00 01 02 00 00 00 01 01", "BitTorrent download"),
                (Stream, 9_000, "00 00 00 01 02 00 00 00 02 01", ""),
                (Stream, 9_000, "00 00 00 05 07 00 00 00 09", ""),
                (Datagram, 9_000, "'d1:ad2:id20:' aa*20 'e1:q4:ping1:t2:aa1:y1:qe'", "BitTorrent download"),
                (Datagram, 9_000, "'d1:ad2:id20:' aa*20 'e1:q4:ping1:t2:aa1:y1:q'", ""),
                (Datagram, 6771, "'BT-SEARCH * HTTP/1.1' 0d 0a", "BitTorrent download"),
                (Datagram, 1337, "00 00 04 17 27 10 19 80 00*4 01 02 03 04", "BitTorrent download"),
                (Datagram, 9_000, "41 00 12 34 00 11 22 33 00*4 00 0f 00 00 00 01 00 00", "BitTorrent download"),
                (Datagram, 9_000, "41 00 12 34 00 11 22 33 00*4 00 0f 00 00 00 02 00 00", ""),
            ],
        );
        dialogue::check(
            inspect,
            Datagram,
            &[
                (1337, "00 00 04 17 27 10 19 80 00*4 01 02 03 04", "00*4 01 02 03 04 aa*8", "BitTorrent download"),
                (1337, "00 00 04 17 27 10 19 80 00*4 01 02 03 04", "00*4 01 02 03 05 aa*8", ""),
                (
                    9_000,
                    "01 00 12 35 00 11 22 33 00 00 01 00 00 0f 00 00 10 00 20 00 aa*12",
                    "21 00 12 34 00 11 22 33 00 00 01 00 00 0f 00 00 20 01 10 00",
                    "BitTorrent download",
                ),
                (
                    9_000,
                    "01 00 12 35 00 11 22 33 00 00 01 00 00 0f 00 00 10 00 20 00 aa*12",
                    "21 00 12 44 00 11 22 33 00 00 01 00 00 0f 00 00 20 01 10 00",
                    "",
                ),
            ],
        );
    }
}
