//! BitTorrent: the handshake (BEP 3), the distributed table (BEP 5), uTP (BEP 29), trackers over UDP (BEP 15).

use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Download;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let handshake = b"\x13BitTorrent protocol";
    if bytes.starts_with(handshake) || memchr::memmem::find(&bytes[..bytes.len().min(60)], handshake).is_some() {
        return found("BitTorrent", Download, "a BitTorrent handshake");
    }
    if view.layer == Layer::Stream {
        return if bytes.starts_with(b"GNUTELLA") || bytes.starts_with(b"GIV ") {
            found("Gnutella", Download, "a Gnutella handshake")
        } else if bytes.first() == Some(&0xe3) && edonkey_stream(bytes) {
            likely("eDonkey", Download, 88, "an eDonkey message")
        } else if bytes.starts_with(b"$Lock ") || bytes.starts_with(b"$MyNick ") {
            found("Direct Connect", Download, "a Direct Connect greeting")
        } else {
            Finding::No
        };
    }
    if [&b"d1:ad2:id20:"[..], b"d1:rd2:id20:", b"d1:eli", b"d2:ip", b"d1:q", b"d1:r"]
        .iter()
        .any(|s| bytes.starts_with(s))
        && bytes.ends_with(b"e")
    {
        return found("BitTorrent", Download, "a message of BitTorrent's distributed table");
    }
    // "connect" of a UDP tracker: a fixed protocol id, action 0.
    if be32(bytes, 0) == Some(0x417) && be32(bytes, 4) == Some(0x2710_1980) && be32(bytes, 8) == Some(0) {
        return found("BitTorrent", Download, "a question to a BitTorrent tracker");
    }
    // Local peer discovery (BEP 14).
    if bytes.starts_with(b"BT-SEARCH * HTTP/1.1") {
        return found("BitTorrent", Download, "a BitTorrent search on the local network");
    }
    // uTP: version 1, type 0 to 4, a known extension; a SYN carries no data and sequence 1.
    if bytes.len() == 20 || (bytes.len() > 20 && bytes[1] <= 3) {
        let syn = bytes.len() >= 20
            && bytes[0] == 0x41
            && bytes[1] <= 3
            && be16(bytes, 18) == Some(0)
            && be32(bytes, 8) == Some(0);
        if syn && !view.any_port(&[3478, 5060, 500, 4500]) {
            return likely("BitTorrent", Download, 85, "the opening of a uTP flow");
        }
    }
    Finding::No
}

/// An eDonkey frame: a length that fits, then a known opcode (eMule, opcodes.h: HELLO, HELLOANSWER).
fn edonkey_stream(bytes: &[u8]) -> bool {
    let length = bytes.get(1..5).map(|field| u32::from_le_bytes([field[0], field[1], field[2], field[3]]));
    length.is_some_and(|length| (2..4_096).contains(&length)) && matches!(bytes.get(5), Some(0x01 | 0x4c))
}
