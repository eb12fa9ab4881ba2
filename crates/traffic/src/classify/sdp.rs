//! Session descriptions (SDP, RFC 8866) inside SIP, MGCP and Megaco: they announce where media will flow.

use super::{Announced, Names, Signature, View};
use std::net::IpAddr;
use vocab::{Address, Endpoint, IpProtocol, TrafficClass};

/// A message that describes a call fits well into this.
const MOST: usize = 4_096;
const MOST_LINES: usize = 200;
/// Media lines of one description followed.
const MOST_MEDIA: usize = 8;

/// Announces the media that the descriptions in a payload name.
pub(crate) fn announce(view: &View<'_>, announce: &mut dyn FnMut(Announced)) {
    let bytes = &view.bytes[..view.bytes.len().min(MOST)];
    let text = bytes.first().is_some_and(|first| matches!(first, b'!' | b'0'..=b'9' | b'A'..=b'Z'));
    if !text || bytes.len() < 80 {
        return;
    }
    // By the rarer byte, because to prepare a search takes longer than most messages are long.
    if !memchr::memchr_iter(b'=', bytes).any(|at| bytes[..at].ends_with(b"m")) {
        return;
    }
    let mut address = view.source;
    let mut waiting: [Option<(u16, Signature)>; MOST_MEDIA] = [None; MOST_MEDIA];
    let mut used = 0;
    for line in bytes.split(|&byte| byte == b'\n').take(MOST_LINES) {
        let line = line.trim_ascii();
        if let Some(text) = line.strip_prefix(b"c=IN IP") {
            // The one of a media line stands behind it and replaces the one of the whole.
            if let Some(named) = text.get(1..).and_then(parse_address) {
                address = named;
            }
        } else if let Some((port, signature)) = line.strip_prefix(b"m=").and_then(media) {
            tell(&mut waiting, address, announce);
            if let Some(place) = waiting.get_mut(used) {
                *place = Some((port, signature));
                used += 1;
            }
        }
    }
    tell(&mut waiting, address, announce);
}

/// Announces media at `address` with the reports one port further (RFC 3550, 11).
fn tell(waiting: &mut [Option<(u16, Signature)>], address: Address, announce: &mut dyn FnMut(Announced)) {
    // `0.0.0.0` puts a call on hold (RFC 3264, 8.4).
    if matches!(address.ip(), IpAddr::V4(v4) if v4.is_unspecified()) {
        return;
    }
    for (port, signature) in waiting.iter_mut().filter_map(Option::take) {
        for port in [port, port.saturating_add(1)] {
            let end = Endpoint { address, port };
            announce(Announced { end, protocol: IpProtocol::UDP, signature });
        }
    }
}

fn parse_address(text: &[u8]) -> Option<Address> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    // A group has its time to live behind it.
    let text = text.split(['/', ' ']).next()?;
    Some(Address::from(text.parse::<IpAddr>().ok()?))
}

/// `audio 49170 RTP/AVP 0`: the port and what will flow there.
fn media(text: &[u8]) -> Option<(u16, Signature)> {
    let mut words = text.split(|&byte| byte == b' ');
    let (kind, port) = (words.next()?, words.next()?);
    let (application, class, why) = match kind {
        b"audio" => ("RTP", TrafficClass::Voice, "a call's signalling named it as sound"),
        b"image" => ("T.38", TrafficClass::Voice, "a call's signalling named it as fax"),
        b"video" => ("RTP", TrafficClass::Call, "a call's signalling named it as video"),
        b"application" => ("RTP", TrafficClass::Call, "a call's signalling named it"),
        _ => return None,
    };
    let port: u16 = std::str::from_utf8(port).ok()?.split('/').next()?.parse().ok()?;
    // 9 stands for a port that ICE finds (RFC 8839, 4.1).
    let signature = Signature { application, class, names: Names::Adorn, confidence: 90, why };
    (port >= 1_024).then_some((port, signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Layer, Sender};

    fn check(message: &str, expected: &[&str]) {
        let view = View {
            layer: Layer::Datagram,
            bytes: message.as_bytes(),
            sender: Sender::Initiator,
            source: Address::from_v4([192, 0, 2, 9]),
            destination: Address::default(),
            source_port: 5_060,
            destination_port: 5_060,
            number: 0,
            heard: &[],
        };
        let mut told = Vec::new();
        announce(&view, &mut |announced| {
            told.push(format!("{} {} {}", announced.end.address.ip(), announced.end.port, announced.signature.class));
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn descriptions_announce_media() {
        let head =
            "INVITE sip:bob@biloxi.example.com SIP/2.0\r\nVia: SIP/2.0/UDP pc33.example.com\r\nCSeq: 1 INVITE\r\n\r\n";
        let whole = "v=0\r\no=alice 1 1 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n";
        check(
            &format!("{head}{whole}m=audio 49170 RTP/AVP 0 8\r\na=sendrecv\r\nm=video 51372 RTP/AVP 31\r\n"),
            &["203.0.113.1 49170 voice", "203.0.113.1 49171 voice", "203.0.113.1 51372 call", "203.0.113.1 51373 call"],
        );
        // each media line with an address of its own; a port of 0 refuses (RFC 3264, 6)
        check(
            &format!("{head}{whole}m=image 6000 udptl t38\r\nc=IN IP4 203.0.113.7\r\nm=video 0 RTP/AVP 31\r\n"),
            &["203.0.113.7 6000 voice", "203.0.113.7 6001 voice"],
        );
        check(&format!("{head}v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 49170 RTP/AVP 0\r\n"), &[]);
        check(head, &[]);
    }
}
