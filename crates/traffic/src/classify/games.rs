//! Games with a recognisable opening; others are known by their names or by how they move.

use super::{Finding, Layer, View, found, likely};
use crate::packet::be32;
use vocab::TrafficClass::Gaming;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Stream {
        if bytes.starts_with(&[0x33, 0x66, 0, 0x0b]) {
            return likely("Tencent Games", Gaming, 85, "a message to a Tencent game server");
        }
        // Minecraft: a handshake packet that names the server, then the next state.
        let named = bytes.len() > 6 && usize::from(bytes[0]) < bytes.len() && bytes[1] == 0 && view.port(25_565);
        return if named { likely("Minecraft", Gaming, 90, "a Minecraft handshake") } else { Finding::No };
    }
    // Valve's A2S queries and connectionless packets (Valve developer wiki, "Server queries").
    if be32(bytes, 0) == Some(u32::MAX) && bytes.len() >= 5 {
        let known = matches!(
            bytes[4],
            b'T' | b'I' | b'A' | b'U' | b'V' | b'D' | b'E' | b'W' | b'i' | b'j' | b'q' | b'm' | b'k' | b'z'
        );
        if known && (bytes[5..].starts_with(b"Source Engine") || bytes.len() <= 1_400) {
            return likely("Source engine", Gaming, 85, "a query to a game server of Valve's kind");
        }
        if [&b"getstatus"[..], b"getinfo", b"getservers", b"statusResponse", b"infoResponse"]
            .iter()
            .any(|word| bytes[4..].starts_with(word))
        {
            return found("Quake engine", Gaming, "a query to a game server of Quake's kind");
        }
    }
    // Photon (its documentation names the ports): an ENet-like header, a count of commands, a known command.
    if view.any_port(&[5055, 5056, 5058]) && bytes.len() >= 13 {
        return likely("Photon", Gaming, 88, "a message to a game server on Photon");
    }
    // Steam's discovery on the local network, and the pings of its relays.
    if bytes.starts_with(b"\xff\xff\xff\xff\x21\x4c\x5f\xa0") || bytes.get(2..8) == Some(b"sdping") {
        return found("Steam", Gaming, "a Steam message");
    }
    // Nintendo's peer-to-peer library (Pia): its magic.
    if be32(bytes, 0) == Some(0x32ab_9864) {
        return found("Nintendo", Gaming, "a Nintendo peer-to-peer message");
    }
    // Riot's measurement of the way to its servers.
    if bytes.len() == 36 && bytes.ends_with(b"\xaa\xaa\xaa\xaa\xbb\xbb\xbb\xbb") {
        return likely("Riot Games", Gaming, 85, "a ping to a Riot server");
    }
    if bytes.starts_with(b"VS01") {
        return found("Steam", Gaming, "a Steam message");
    }
    // Steam datagram relay: challenge requests begin with their type and are padded (its published headers).
    if (27_000..=27_100).any(|port| view.destination_port == port || view.source_port == port)
        && matches!(bytes.first(), Some(0x20..=0x2f))
        && bytes.len() >= 512
    {
        return likely("Steam datagram relay", Gaming, 75, "a padded message to a Steam relay");
    }
    // RakNet (Minecraft Bedrock, many others): offline messages carry a fixed magic.
    if memchr::memmem::find(
        &bytes[..bytes.len().min(64)],
        b"\x00\xff\xff\x00\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78",
    )
    .is_some()
    {
        return found("RakNet", Gaming, "the opening of a game on RakNet");
    }
    // Xbox Live: Teredo-like on its own port.
    if view.port(3074) && bytes.len() >= 20 {
        return likely("Xbox Live", Gaming, 70, "a datagram on the port of Xbox Live");
    }
    Finding::No
}
