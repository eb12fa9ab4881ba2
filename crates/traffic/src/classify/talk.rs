//! Voice of games and messengers: TeamSpeak, Mumble, Ventrilo, Discord, imo, Viber, Telegram, and what else
//! carries a call in a form of its own.

use super::ports::ONLY_PORT;
use super::{Finding, Found, Layer, NameSource, Names, Next, Signature, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Call, Voice};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // TeamSpeak 3's query, and TeamSpeak 2's.
    if bytes.starts_with(b"TS3\n\r") || bytes.starts_with(b"[TS]\r\n") {
        return found("TeamSpeak", Voice, "a greeting of a TeamSpeak server");
    }
    if matches!(bytes, [0xf4, 0xbe, 1..=4, 0, ..]) && bytes.len() >= 20 {
        return found("TeamSpeak", Voice, "a TeamSpeak 2 message");
    }
    // Mumble without TLS (its protocol buffers' framing): kind 0, a length, the field of the version.
    if view.port(64_738) && be16(bytes, 0) == Some(0) && matches!(be32(bytes, 2), Some(4..=256)) {
        return likely("Mumble", Voice, 88, "a Mumble version message");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let (bytes, Some(&first)) = (view.bytes, view.bytes.first()) else { return Finding::No };
    match (bytes.len(), first) {
        (8, 0x13) if be32(bytes, 0) == Some(0x1337_cafe) => {
            return found("Discord", Call, "Discord's keep-alive");
        }
        // A request and an answer of address discovery, and the form before (Discord's developer
        // documentation, "IP Discovery").
        (74, 0) if matches!(be32(bytes, 0), Some(0x0001_0046 | 0x0002_0046)) => {
            return found("Discord", Call, "Discord's address discovery");
        }
        (70, _) if be32(bytes, 0) != Some(0) && bytes[4..].iter().all(|&byte| byte == 0) => {
            return likely("Discord", Call, 85, "Discord's address discovery");
        }
        (10, 9) if imo_probe(bytes) => return found("imo", Voice, "a probe of an imo call"),
        (11, 0) if imo_probe(&bytes[1..]) => return found("imo", Voice, "a probe of an imo call"),
        (1_000.., 0x80..=0x8f) if imo_filler(bytes) => {
            return found("imo", Voice, "imo measures the way of a call");
        }
        // LINE's messages before a call: a mark, a kind, the length of the rest.
        (8 | 16 | 110, 0xb6)
            if matches!(bytes[1], 0x07 | 0x09 | 0x18)
                && be16(bytes, 2).is_some_and(|rest| usize::from(rest) + 4 == bytes.len()) =>
        {
            return likely("LINE", Voice, 88, "a message before a LINE call");
        }
        // Agora's network asks for a service by its name, behind a kind and the name's own.
        (20.., _) if bytes[6] == 0x21 && be32(bytes, 12) == Some(0x0453_4e49) => {
            if let Some(name) = agora_name(bytes) {
                return Finding::Found(Found { name: Some(name), ..agora() });
            }
        }
        // VHUA's only known message, whole.
        (9.., 5) if bytes.starts_with(&[0x05, 0x14, 0x3a, 0x05, 0x08, 0xf8, 0xa1, 0xb1, 0x03]) => {
            return found("VHUA", Voice, "a VHUA message");
        }
        // Microsoft's multiplexed media: a mark, a length that fits, eight bytes of the session.
        (16.., 0xff) if bytes.get(1) == Some(&0x10) => {
            let length = usize::from(be16(bytes, 2).unwrap_or(0));
            if length + 4 == bytes.len() || length + 12 == bytes.len() {
                return likely("Microsoft Teams", Call, 90, "media of Microsoft's calls through a relay");
            }
        }
        _ => {}
    }
    match telegram(view) {
        Finding::No => {}
        found => return found,
    }
    match teamspeak(view) {
        Finding::No => {}
        found => return found,
    }
    match mumble(view) {
        Finding::No => {}
        found => return found,
    }
    viber(view)
}

/// Behind a length and a zero.
fn agora_name(bytes: &[u8]) -> Option<(Box<str>, NameSource)> {
    let length = usize::from(be16(bytes, 16)?);
    let name = bytes.get(19..19 + length).filter(|_| bytes[18] == 0)?;
    let text = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let name = std::str::from_utf8(name).ok().filter(|_| text && length > 3)?;
    Some((name.to_ascii_lowercase().into_boxed_str(), NameSource::TlsHello))
}

fn agora() -> Found {
    let why = "a greeting to Agora's network for calls";
    Found {
        signature: Signature { application: "SD-RTN", class: Call, names: Names::Adorn, confidence: 93, why },
        name: None,
        next: Next::Settle,
        announces: Vec::new(),
    }
}

/// A length of 9, a question or an answer, a time in little endian whose high half is still zero.
fn imo_probe(bytes: &[u8]) -> bool {
    matches!(bytes, [9, 2 | 3, _, _, _, _, 0, 0, 0, 0])
}

/// A length in two bytes of seven bits that fits, a kind, zeros.
fn imo_filler(bytes: &[u8]) -> bool {
    let length = usize::from(bytes[0] & 0x7f) << 7 | usize::from(bytes[1]);
    bytes[1] & 0x80 == 0 && length + 2 == bytes.len() && matches!(bytes.get(2..9), Some([0x1a, 0, 0, 0, 0, 0, 0]))
}

/// Telegram's reflectors: the tag of the call, 16 bytes that both ends share, then 12 bytes of ones in their
/// own messages (Telegram's libtgvoip, published source).
fn telegram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let random = || bytes.get(..16).is_some_and(|tag| tag.iter().filter(|&&byte| matches!(byte, 0 | 0xff)).count() < 4);
    if bytes.get(16..28).is_some_and(|marks| marks.iter().all(|&byte| byte == 0xff)) && random() {
        return found("Telegram", Call, "a message to a reflector of Telegram calls");
    }
    let reflector = |port: u16| (500..=600).contains(&port) || port == 1_400;
    if (reflector(view.source_port) || reflector(view.destination_port))
        && view.heard.len() >= 28
        && bytes.get(..16) == view.heard.get(..16)
        && random()
    {
        return likely("Telegram", Call, 85, "both ends use the tag of a Telegram call");
    }
    Finding::No
}

fn teamspeak(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // Until keys are agreed, this stands where the authentication will.
    if bytes.starts_with(b"TS3INIT1") {
        return found("TeamSpeak", Voice, "a TeamSpeak handshake");
    }
    if view.port(9_987) && bytes.len() >= 13 {
        return likely("TeamSpeak", Voice, ONLY_PORT, "a message on the port of TeamSpeak");
    }
    // TeamSpeak 2: a class of messages, its kind.
    let class = matches!(bytes, [0xf0..=0xf4, 0xbe, 0..=0x0f, _, ..]);
    if class && (bytes.len() >= 16 || view.port(8_767)) {
        return likely("TeamSpeak", Voice, if view.port(8_767) { 92 } else { 80 }, "a TeamSpeak 2 message");
    }
    // Servers report themselves to TeamSpeak's list: both ends count the same exchange.
    if view.port(2_010)
        && matches!(bytes, [1, _, _, 1 | 2, ..])
        && matches!(bytes.len(), 4 | 5 | 8 | 16)
        && (view.heard.is_empty() || view.heard.first() == Some(&1))
    {
        return likely("TeamSpeak", Voice, 80, "a TeamSpeak server reports to the list of servers");
    }
    Finding::No
}

/// Mumble's ping: zeros and a mark of 8 bytes; the answer repeats the mark behind its version (Mumble's
/// protocol documentation, "UDP ping").
fn mumble(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let answers = bytes.len() == 24 && matches!(be32(bytes, 0), Some(0x0001_0200..=0x0002_0000));
    let repeats = view.heard.len() == 12 && be32(view.heard, 0) == Some(0) && bytes.get(4..12) == view.heard.get(4..12);
    if answers && repeats {
        return found("Mumble", Voice, "an answer to Mumble's ping");
    }
    if view.port(64_738) && !bytes.is_empty() {
        let ping = bytes.len() == 12 && be32(bytes, 0) == Some(0) || answers;
        return likely("Mumble", Voice, if ping { 92 } else { ONLY_PORT }, "a message on the port of Mumble");
    }
    Finding::No
}

/// Viber: two bytes of its own, then a kind in little endian with a length of its own.
fn viber(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let sized = |bytes: &[u8], length: usize| {
        matches!(
            (length, bytes.get(2..6)),
            (12, Some([3, 0, ..]))
                | (20, Some([9, 0, ..]))
                | (34, Some([0x19 | 0x1b, 0, ..]))
                | (_, Some([1, 0, 5, 0]))
        )
    };
    let own_form = sized(bytes, bytes.len());
    // Its own ports (Viber support, "Ports").
    if view.any_port(&[5_242, 5_243, 7_985, 7_987, 9_785, 4_244]) && (own_form || bytes.get(3) == Some(&0)) {
        return likely("Viber", Voice, if own_form { 95 } else { 82 }, "a message of a Viber call");
    }
    if !own_form {
        return Finding::No;
    }
    let both = view.heard.len() >= 12 && sized(view.heard, view.heard.len());
    likely("Viber", Voice, if both { 85 } else { 62 }, "a message in the form of Viber's calls")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Sender, calls, rtp, sip, specimen, stun, zoom};
    use Layer::{Datagram, Stream};
    use proptest::prelude::*;

    #[test]
    fn chance_is_nothing() {
        crate::classify::dialogue::check_chance(inspect);
    }

    #[test]
    fn voices_are_found() {
        specimen::check(
            inspect,
            &[
                (Datagram, 50_004, "13 37 ca fe 00 00 00 01", "Discord call"),
                (Datagram, 50_004, "00 01 00 46 00 01 02 03 00*66", "Discord call"),
                (Datagram, 50_004, "00 01 02 03 00*66", "Discord call"),
                (Datagram, 40_001, "09 02 11 22 33 00 00 00 00 00", "imo voice"),
                (Datagram, 40_001, "00 09 03 11 22 33 00 00 00 00 00", "imo voice"),
                (Datagram, 40_001, "09 02 11 22 33 00 00 00 00 01", ""),
                (Datagram, 9_987, "'TS3INIT1' 00 65 00 00 88 0d d0 57 66 00*13", "TeamSpeak voice"),
                (Datagram, 40_001, "f4 be 03 00 00*20", "TeamSpeak voice"),
                (Datagram, 2_010, "01 80 84 01", "TeamSpeak voice"),
                (Stream, 10_011, "'TS3' 0a 0d 'Welcome'", "TeamSpeak voice"),
                (Datagram, 64_738, "00*4 01 02 03 04 05 06 07 08", "Mumble voice"),
                (Datagram, 521, "11*16 ff*12 fe ff ff ff 00*8", "Telegram call"),
                (Datagram, 521, "00*16 ff*12 fe ff ff ff 00*8", ""),
                (Datagram, 3_478, "ff 10 00 10 01*16", "Microsoft Teams call"),
                (Datagram, 7_985, "11 22 03 00 01*8", "Viber voice"),
                (Datagram, 40_001, "11 22 01 00 05 00 01*20", "Viber voice"),
                (Datagram, 40_001, "11 22 33 44 55 66", ""),
                (Datagram, 10_123, "b6 07 00 04 01 02 03 04", "LINE voice"),
                (Datagram, 10_123, "b6 07 00 05 01 02 03 04", ""),
                (Datagram, 8_443, "01*6 21 01*5 04 'SNI' 00 0a 00 'vocs.agora' 00*9", "SD-RTN call"),
                (Datagram, 8_443, "01*6 21 01*5 04 'SNI' 00 0a 00 'vocs' 01*6", ""),
            ],
        );
    }

    #[test]
    fn an_answer_repeats_what_was_asked() {
        let ping = specimen::bytes("00*4 01 02 03 04 05 06 07 08");
        let answer = specimen::bytes("00 01 05 00 01 02 03 04 05 06 07 08 00 00 00 02 00 00 00 64 00 01 1f 40");
        let view = View {
            layer: Datagram,
            bytes: &answer,
            sender: Sender::Responder,
            source: vocab::Address::default(),
            destination: vocab::Address::default(),
            source_port: 40_001,
            destination_port: 50_000,
            number: 1,
            heard: &ping,
        };
        assert!(matches!(inspect(&view), Finding::Found(_)));
        assert!(matches!(inspect(&View { heard: &ping[..8], ..view }), Finding::No));
    }

    proptest! {
        #[test]
        fn random_datagrams_are_nobody_s_call(bytes in prop::collection::vec(any::<u8>(), 0..200), heard in any::<[u8; 32]>()) {
            let view = View {
                layer: Datagram,
                bytes: &bytes,
                sender: Sender::Initiator,
                source: vocab::Address::default(),
                destination: vocab::Address::default(),
                source_port: 50_000,
                destination_port: 40_001,
                number: 1,
                heard: &heard,
            };
            for inspect in [inspect, calls::inspect, sip::inspect, stun::inspect, zoom::inspect] {
                let Finding::Found(found) = inspect(&view) else { continue };
                prop_assert!(found.signature.confidence < 70, "{:?}", found.signature);
            }
            prop_assert!(!rtp::is_rtcp(&bytes));
        }
    }
}
