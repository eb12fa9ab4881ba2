//! Chat and push: XMPP, IRC, Telegram, WhatsApp, KakaoTalk, WeChat, QQ, OSCAR, MSN, Yahoo, Paltalk and kin; and
//! Viber's own flows, which signal its calls.

use super::fields::near;
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Interactive, Voice};

/// Commands that begin a flow of IRC (RFC 2812, 3.1; IRCv3 capability negotiation).
const IRC_BEGINNINGS: [&[u8]; 9] =
    [b"NICK ", b"USER ", b"CAP LS", b"PASS ", b"NOTICE AUTH", b"NOTICE * ", b":", b"SERVER ", b"ERROR :"];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let Some(&first) = view.bytes.first() else { return Finding::No };
    if view.layer == Layer::Datagram {
        return datagram(view, first);
    }
    let of_text = match first {
        b'<' => xmpp(view),
        b'A'..=b'Z' | b':' => words(view),
        _ => Finding::No,
    };
    match of_text {
        Finding::No => stream(view, first),
        found => found,
    }
}

fn datagram(view: &View<'_>, first: u8) -> Finding {
    let bytes = view.bytes;
    // QQ's OICQ: 0x02, a version, a command; ends with 0x03.
    if first == 2 && bytes.last() == Some(&3) && bytes.len() >= 12 && view.any_port(&[8_000, 4_000, 4_001, 8_001]) {
        return likely("QQ", Interactive, 85, "a QQ message");
    }
    // Tox's own network (its specification, "Packet kinds") on its port: a kind, a key of 32 bytes, a nonce.
    if matches!(first, 0..=4 | 0x18 | 0x1a | 0x1b) && view.port(33_445) && bytes.len() >= 73 {
        return likely("Tox", Interactive, 75, "a message of Tox's network on its port");
    }
    Finding::No
}

fn xmpp(view: &View<'_>) -> Finding {
    let line = &view.bytes[..view.bytes.len().min(200)];
    let opens = line.starts_with(b"<stream:stream")
        || (line.starts_with(b"<?xml") && (near(line, b"jabber:") || near(line, b"<stream:stream")));
    let stanza = view.any_port(&[5_222, 5_269])
        && [&b"<iq "[..], b"<presence", b"<message ", b"<stream:", b"<starttls", b"<auth "]
            .iter()
            .any(|word| line.starts_with(word));
    if opens || stanza {
        return found("XMPP", Interactive, "an XMPP message");
    }
    Finding::No
}

fn words(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let begins = |text: &[u8]| bytes.starts_with(text);
    let line = &bytes[..bytes.len().min(120)];
    if IRC_BEGINNINGS.iter().any(|word| begins(word)) && irc_port(view) {
        return found("IRC", Interactive, "an IRC message");
    }
    let user = begins(b"USER ") && memchr::memmem::find(line, b" :").is_some();
    let welcome = begins(b":") && memchr::memmem::find(line, b" NOTICE ").is_some();
    if begins(b"NICK ") || begins(b"CAP LS 302") || begins(b"CAP LS\r\n") || user || welcome {
        return likely("IRC", Interactive, 85, "an IRC greeting");
    }
    // MSN and Yahoo, as their servers' successors still speak them.
    if (begins(b"VER ") && memchr::memmem::find(line, b" MSNP").is_some())
        || begins(b"CVR ") && memchr::memmem::find(line, b" MSMSGS ").is_some()
    {
        return found("MSN Messenger", Interactive, "a greeting of MSN Messenger");
    }
    if begins(b"YMSG") && bytes.len() >= 20 {
        return found("Yahoo Messenger", Interactive, "a message of Yahoo Messenger");
    }
    // WhatsApp: the header of its Noise handshake, "WA" and a version; "ED" routes it at the edge.
    if matches!(bytes, [b'W', b'A', 0..=9, 0..=9, 0, ..])
        || matches!(bytes, [b'W', b'A', 0..=9, 0..=9])
        || begins(b"ED\0\x01")
    {
        return found("WhatsApp", Interactive, "a WhatsApp handshake");
    }
    if begins(b"WA")
        && matches!(bytes.get(2..4), Some([0..=9, 0..=9]))
        && view.any_port(&[443, 5_222, 5_223, 5_228, 80])
    {
        return found("WhatsApp", Interactive, "a WhatsApp handshake");
    }
    if begins(b"RHP\0") {
        return likely("Viber", Voice, 85, "a message to Viber");
    }
    Finding::No
}

fn irc_port(view: &View<'_>) -> bool {
    let irc = |port: u16| (6_660..=6_670).contains(&port) || port == 194 || port == 7_000;
    irc(view.source_port) || irc(view.destination_port)
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    be32(bytes, at).map(u32::swap_bytes)
}

fn stream(view: &View<'_>, first: u8) -> Finding {
    let bytes = view.bytes;
    let length = bytes.len();
    let fits16 = be16(bytes, 0).is_some_and(|stated| usize::from(stated) == length);
    match first {
        // MTProto's transports (Telegram, "Transports"): padded intermediate, intermediate, abridged.
        0xdd | 0xee if matches!(be32(bytes, 0), Some(0xeeee_eeee | 0xdddd_dddd)) => {
            return likely("Telegram", Interactive, 88, "a Telegram transport header");
        }
        0xef if view.any_port(&[443, 80, 25, 5_222]) && length > 40 => {
            let words = match bytes.get(1) {
                Some(&0x7f) => bytes.get(2..5).map_or(0, |size| usize::from(size[0]) | usize::from(size[1]) << 8),
                Some(&size) => usize::from(size),
                None => 0,
            };
            // The first message has no authorisation yet: eight zeros, or the key it has (MTProto, "Messages").
            let fits = words > 0 && words * 4 < length;
            return likely("Telegram", Interactive, if fits { 85 } else { 70 }, "a Telegram transport header");
        }
        // OSCAR: a mark, a channel, a number, a length; what signs on first says version 1.
        0x2a if matches!(bytes.get(1), Some(1..=5)) && length >= 10 => {
            let stated = be16(bytes, 4).map_or(0, usize::from);
            if (bytes[1] == 1 && be32(bytes, 6) == Some(1)) || (view.port(5_190) && stated + 6 <= length) {
                return found("OSCAR", Interactive, "a message of AIM or ICQ (OSCAR)");
            }
        }
        // WeChat's own TLS: records as in TLS, with version 0xf1.
        0x15..=0x19 if matches!(bytes.get(1..3), Some([0xf1, 3..=5])) => {
            return found("WeChat", Interactive, "a record of WeChat's own TLS");
        }
        // WeChat's long link: a length, a header of 16 bytes, version 1.
        0 if be32(bytes, 4) == Some(0x0010_0001)
            && be32(bytes, 0).is_some_and(|stated| (16..0x10_0000).contains(&stated)) =>
        {
            return likely("WeChat", Interactive, 88, "a message to WeChat");
        }
        // KakaoTalk's LOCO: the size of a key of 256 bytes, how it and the rest are locked.
        0 if length >= 12
            && le32(bytes, 0) == Some(256)
            && matches!(le32(bytes, 4), Some(12..=16))
            && matches!(le32(bytes, 8), Some(1..=3)) =>
        {
            return found("KakaoTalk", Interactive, "a LOCO handshake");
        }
        // DingTalk's own framing, whose header is the same in each greeting but for its second byte.
        0x10 if bytes.get(2..8) == Some(&[0x87, 0x80, 0x01, 0x00, 0x01, 0x00]) && length > 90 => {
            return found("DingTalk", Interactive, "a greeting of DingTalk");
        }
        // Bitmessage: its mark, a command (its protocol specification).
        0xe9 if be32(bytes, 0) == Some(0xe9be_b4d9) => {
            return found("Bitmessage", Interactive, "a Bitmessage message");
        }
        // Gadu-Gadu: the server's welcome of four bytes, in little endian.
        1 if view.any_port(&[8_074, 443]) && le32(bytes, 0) == Some(1) && le32(bytes, 4) == Some(4) && length == 12 => {
            return found("Gadu-Gadu", Interactive, "a welcome of Gadu-Gadu");
        }
        _ => {}
    }
    // KakaoTalk's LOCO in the open: a number, a state, a method of letters filled up with zeros.
    if length >= 22 && le32(bytes, 18).is_some_and(|body| usize::try_from(body).is_ok_and(|body| body + 22 == length)) {
        let method = &bytes[6..17];
        let letters = method.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        if letters >= 3 && method[letters..].iter().all(|&byte| byte == 0) {
            return found("KakaoTalk", Interactive, "a LOCO message");
        }
    }
    // Viber: a length of all in little endian, then one of its two marks.
    if length >= 11 && be16(bytes, 0).map(u16::swap_bytes).is_some_and(|stated| usize::from(stated) == length) {
        let marked = (be16(bytes, 6) == Some(0xfcff) && bytes.get(9) == Some(&0x80))
            || (be16(bytes, 4) == Some(0x0380) && bytes.get(10) == Some(&0x0a));
        if marked {
            return found("Viber", Voice, "a message to Viber");
        }
    }
    // QQ over TCP: a length, 0x02, a version, a command of those that are in use, … 0x03.
    if fits16 && bytes.get(2) == Some(&2) && bytes.last() == Some(&3) && length >= 12 {
        let known = matches!(bytes.get(3..7), Some([0x09..=0x39, _, 0 | 8, _]));
        let sure = if view.any_port(&[80, 443, 8_000, 8_080, 14_000]) { 85 } else { 72 };
        if known {
            return likely("QQ", Interactive, sure, "a QQ message");
        }
    }
    // Paltalk: two of its messages by their fixed words.
    let paltalk = match length {
        20 => be32(bytes, 8) == Some(0x0002_0001) && be32(bytes, 16) == Some(0x5afd_ffff),
        22 => be32(bytes, 2) == Some(0x24c2_e80b) && be32(bytes, 17) == Some(0x5b73_2b00),
        _ => false,
    };
    if paltalk {
        return found("Paltalk", Interactive, "a message to Paltalk");
    }
    // Viber support, "Ports".
    if view.any_port(&[4_244, 5_242, 5_243, 7_985]) && length > 8 {
        return likely("Viber", Voice, ONLY_PORT, "a message on the port of Viber");
    }
    if view.port(5_222) && first == 0 && length >= 6 {
        return likely("Messenger", Interactive, ONLY_PORT, "a message on the port of chat services");
    }
    Finding::No
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen;
    use Layer::{Datagram, Stream};

    #[test]
    fn chance_is_nothing() {
        crate::classify::dialogue::check_chance(inspect);
    }

    #[test]
    fn greetings_are_told_apart() {
        specimen::check(
            inspect,
            &[
                (Stream, 5_222, "'<stream:stream to=\"example.com\">'", "XMPP interactive"),
                (
                    Stream,
                    40_001,
                    "'<?xml version=\"1.0\"?><stream:stream xmlns=\"jabber:client\">'",
                    "XMPP interactive",
                ),
                (Stream, 80, "'<?xml version=\"1.0\"?><html>'", ""),
                (Stream, 6_667, "'PASS secret' 0d 0a", "IRC interactive"),
                (Stream, 40_001, "'NICK wiz' 0d 0a", "IRC interactive"),
                (Stream, 40_001, "'USER guest 0 * :Ronnie Reagan' 0d 0a", "IRC interactive"),
                (Stream, 1_863, "'VER 1 MSNP8 CVR0' 0d 0a", "MSN Messenger interactive"),
                (Stream, 5_050, "'YMSG' 00*16", "Yahoo Messenger interactive"),
                (Stream, 443, "'WA' 06 03 00 00 2c", "WhatsApp interactive"),
                (Stream, 443, "ee ee ee ee 28 00 00 00", "Telegram interactive"),
                (Stream, 443, "ef 0a 00*60", "Telegram interactive"),
                (Stream, 40_001, "2a 01 12 34 00 04 00 00 00 01", "OSCAR interactive"),
                (Stream, 443, "16 f1 04 00 ee", "WeChat interactive"),
                (Stream, 8_080, "00 00 00 10 00 10 00 01 00 00 00 06 ff ff ff ff", "WeChat interactive"),
                (Stream, 995, "00 01 00 00 0c 00 00 00 02 00 00 00 07*40", "KakaoTalk interactive"),
                (Stream, 5_223, "01 00 00 00 00 00 'LOGINLIST' 00 00 00 02 00 00 00 07 07", "KakaoTalk interactive"),
                (Stream, 40_001, "0c 00 01 00 05 00 fc ff 01 80 00 00", "Viber voice"),
                (Stream, 14_000, "00 0c 02 31 03 00 dd 00 00 00 00 03", "QQ interactive"),
                (Stream, 14_000, "00 0c 02 31 03 77 dd 00 00 00 00 03", ""),
                (Stream, 40_001, "00*8 00 02 00 01 00*4 5a fd ff ff", "Paltalk interactive"),
                (Stream, 5_243, "07*20", "Viber voice"),
                (Datagram, 8_000, "02 31 03 00 dd 00 00 00 00 00 00 03", "QQ interactive"),
                (Stream, 8_074, "01 00 00 00 04 00 00 00 11 22 33 44", "Gadu-Gadu interactive"),
                (Stream, 8_444, "e9 be b4 d9 'version' 00*5", "Bitmessage interactive"),
                (Stream, 40_001, "'Hello'", ""),
            ],
        );
    }
}
