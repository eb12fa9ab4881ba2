//! STUN (RFC 8489, RFC 3489), ICE (RFC 8445) and TURN (RFC 8656, [MS-TURN]): how calls find their way, whose
//! call it is where a message tells, and which ends belong to it.

use super::fields::near;
use super::{Announced, Finding, Found, Layer, Names, Next, Sender, Signature, View};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{self, Call, Gaming, Interactive, Voice, Work};
use vocab::{Address, Endpoint, IpProtocol};

/// Fixed since RFC 5389.
const MAGIC_COOKIE: u32 = 0x2112_a442;
/// The same of TURN's drafts, in an attribute ([MS-TURN], 2.2.2.1).
const OLD_RELAY_COOKIE: u32 = 0x72c6_4bc6;
/// The ports of STUN and TURN servers: IANA's, Microsoft's to 3481, Google's.
const PORTS: std::ops::RangeInclusive<u16> = 3_478..=3_481;
const GOOGLE_PORTS: std::ops::RangeInclusive<u16> = 19_302..=19_309;
/// More attributes than any message has.
const MOST_ATTRIBUTES: usize = 64;

/// A call whose media alone tells sound from video: people call each other with it either way. Until then it is
/// taken for what most of that messenger's calls are.
const MESSENGER: u8 = 86;
/// Meetings are calls whatever they carry.
const MEETING: u8 = 93;

/// Whose message it is, by a word in its REALM, SOFTWARE or origin.
#[rustfmt::skip]
const WORDS: &[(&[u8], &str, TrafficClass, u8)] = &[
    (b"whispersystems", "Signal", Call, MESSENGER),
    (b"signal.org", "Signal", Call, MESSENGER),
    (b"telegram", "Telegram", Call, MESSENGER),
    (b"whatsapp", "WhatsApp", Call, MESSENGER),
    (b"facebook", "Messenger", Call, MESSENGER),
    (b"instagram", "Instagram", Call, MESSENGER),
    (b"messenger", "Messenger", Call, MESSENGER),
    (b"viber", "Viber", Voice, MESSENGER),
    (b"kakao", "KakaoTalk", Voice, MESSENGER),
    (b"line-apps", "LINE", Voice, MESSENGER),
    (b"linecorp", "LINE", Voice, MESSENGER),
    (b"imo.im", "imo", Voice, MESSENGER),
    (b"tango.me", "Tango", Call, MESSENGER),
    (b"threema", "Threema", Call, MESSENGER),
    (b"wire.com", "Wire", Call, MESSENGER),
    (b"snapchat", "Snapchat", Call, MESSENGER),
    (b"matrix.org", "Matrix", Call, MESSENGER),
    (b"google.com", "Google Meet", Call, MEETING),
    (b"facetime", "FaceTime", Call, MEETING),
    (b"icloud", "FaceTime", Call, MEETING),
    (b"microsoft", "Microsoft Teams", Call, MEETING),
    (b"skype", "Skype", Call, MEETING),
    (b"lync", "Skype", Call, MEETING),
    (b"discord", "Discord", Call, MEETING),
    (b"zoom", "Zoom", Call, MEETING),
    (b"webex", "Webex", Call, MEETING),
    (b"wbx2", "Webex", Call, MEETING),
    (b"slack", "Slack", Call, MEETING),
    (b"jitsi", "Jitsi", Call, MEETING),
    (b"ice4j", "Jitsi", Call, MEETING),
    (b"8x8", "8x8", Call, MEETING),
    (b"bigbluebutton", "BigBlueButton", Call, MEETING),
    (b"gotomeeting", "GoTo Meeting", Call, MEETING),
    (b"logmein", "GoTo Meeting", Call, MEETING),
    (b"ringcentral", "RingCentral", Call, MEETING),
    (b"bluejeans", "BlueJeans", Call, MEETING),
    (b"whereby", "Whereby", Call, MEETING),
    (b"chime", "Amazon Chime", Call, MEETING),
    (b"kinesisvideo", "Amazon Kinesis Video", Call, MEETING),
    (b"livekit", "LiveKit", Call, MEETING),
    (b"daily.co", "Daily", Call, MEETING),
    (b"agora", "Agora", Call, MEETING),
    (b"twilio", "Twilio", Call, MEETING),
    (b"tokbox", "Vonage", Call, MEETING),
    (b"vonage", "Vonage", Call, MEETING),
    (b"vidyo", "Vidyo", Call, MEETING),
    (b"pexip", "Pexip", Call, MEETING),
    (b"starleaf", "StarLeaf", Call, MEETING),
    (b"cloudflare", "Cloudflare Calls", Call, MEETING),
    (b"tailnode", "Tailscale", Work, MEETING),
    (b"dingtalk", "DingTalk", Call, MEETING),
    (b"tuya", "Tuya", Call, MEETING),
    (b"steam", "Steam", Gaming, MEETING),
    (b"valve", "Steam", Gaming, MEETING),
    (b"nvidia", "GeForce NOW", Gaming, MEETING),
    (b"playstation", "PlayStation", Gaming, MEETING),
    (b"roblox", "Roblox", Gaming, MEETING),
    (b"parsec", "Parsec", Gaming, MEETING),
];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let Some(bytes) = message(view) else { return Finding::No };
    let Some(kind) = be16(bytes, 0) else { return Finding::No };
    let length = usize::from(be16(bytes, 2).unwrap_or(u16::MAX));
    let on_port = |port: u16| PORTS.contains(&port) || GOOGLE_PORTS.contains(&port) || port == 5_349;
    let known_port = on_port(view.source_port) || on_port(view.destination_port);
    // Channel data of TURN: a channel number, then a length (RFC 8656, 12.4). What is inside may tell more.
    if (0x4000..0x5000).contains(&kind) && known_port && view.layer == Layer::Datagram {
        let exact = length + 4 == bytes.len() || (length + 4).next_multiple_of(4) == bytes.len();
        let relayed = signature("STUN", Call, 80, "media through a relay");
        return if exact && length > 0 { conclude(relayed, Next::Listen, Vec::new()) } else { Finding::No };
    }
    let modern = be32(bytes, 4) == Some(MAGIC_COOKIE);
    let fits = length + 20 == bytes.len() || (view.layer == Layer::Stream && length + 20 <= bytes.len());
    // Before the cookie there were few messages: binding, shared secret, and the drafts of TURN.
    let old_kind = matches!(kind, 0x0001..=0x0009 | 0x0101..=0x0109 | 0x0111..=0x0119);
    if kind & 0xc000 != 0 || !length.is_multiple_of(4) || !fits || !(modern || old_kind) {
        return Finding::No;
    }
    let Some(body) = bytes.get(20..20 + length) else { return Finding::No };
    let told = read(body, bytes, modern);
    if !modern && !(told.exact && (known_port || told.old_relay || kind == 0x0001 || kind == 0x0101)) {
        return Finding::No;
    }
    // A message of the old form elsewhere: only its first words say what it is.
    if !modern && !known_port && told.attributes == 0 && kind != 0x0001 {
        return Finding::No;
    }
    let relay_kind = matches!(kind & 0x3eef, 0x0003 | 0x0004 | 0x0006..=0x000c);
    let whose = match told.whose {
        // The methods of WhatsApp's relays (0x0800 and above) are nobody else's (IANA "STUN Methods").
        None if modern && (0x0800..=0x080f).contains(&(kind & 0x3eef)) => {
            Some(signature("WhatsApp", Call, MESSENGER, "WhatsApp's own messages to its relays"))
        }
        None if !modern && told.zoom && known_port => Some(signature("Zoom", Call, MEETING, "Zoom's own form of STUN")),
        whose => whose,
    };
    let found = if let Some(whose) = whose.or_else(|| meeting_place(view)) {
        whose
    } else if told.old_relay {
        signature("STUN", Call, 82, "a relay for media is asked for in the form of Microsoft's calls")
    } else if told.ice {
        signature("STUN", Call, 80, "two ends look for a direct way (ICE), as calls do")
    } else if modern && (relay_kind || told.relay) {
        signature("STUN", Call, 80, "a relay for media is asked for (TURN)")
    } else if modern || known_port {
        signature("STUN", Interactive, 78, "an end asks for its own address (STUN)")
    } else {
        signature("STUN", Interactive, 66, "an end asks for its own address in STUN's first form")
    };
    let mut announces = Vec::new();
    if matches!(found.class, Voice | Call | Gaming) {
        announces = told.peers;
        let own = own_end(view);
        // Whatever else this socket talks to belongs to the same call.
        if view.number < 4 && view.layer == Layer::Datagram && own.port >= 1_024 && !on_port(own.port) {
            announces.push(announced(own, found));
        }
        announces.iter_mut().for_each(|peer| *peer = announced(peer.end, found));
    }
    conclude(found, Next::Listen, announces)
}

/// Addresses that their owners set aside for the media of meetings (Google Workspace Admin, "Prepare your
/// network for Meet meetings"; Microsoft 365 URLs and IP address ranges, id 11).
fn meeting_place(view: &View<'_>) -> Option<Signature> {
    let why = "an end of STUN stands where meetings have their media";
    [view.source, view.destination].into_iter().find_map(|address| match address.0 {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, _] => match (a, b, c) {
            (74, 125, 250) | (142, 250, 82) => Some(signature("Google Meet", Call, 82, why)),
            (52, 112..=115 | 122 | 123, _) => Some(signature("Microsoft Teams", Call, 82, why)),
            _ => None,
        },
        [0x20, 0x01, 0x48, 0x60, 0x48, 0x64, 0, 5 | 6, ..] => Some(signature("Google Meet", Call, 82, why)),
        _ => None,
    })
}

/// The message in the view, out of the framing that TCP needs.
fn message<'a>(view: &View<'a>) -> Option<&'a [u8]> {
    let bytes = view.bytes;
    match view.layer {
        Layer::Datagram => (bytes.len() >= 8 && bytes[0] < 0x50).then_some(bytes),
        Layer::Stream if be32(bytes, 4) == Some(MAGIC_COOKIE) => Some(bytes),
        // Behind its length where ICE runs over TCP (RFC 4571).
        Layer::Stream if be32(bytes, 6) == Some(MAGIC_COOKIE) => bytes.get(2..),
        // Behind Microsoft's type and length ([MS-TURN], 2.1).
        Layer::Stream if matches!(bytes.first(), Some(2 | 3)) && bytes.get(1) == Some(&0) => {
            let inner = bytes.get(4..)?;
            (be32(inner, 4) == Some(MAGIC_COOKIE) || be32(inner, 24) == Some(OLD_RELAY_COOKIE)).then_some(inner)
        }
        Layer::Stream => None,
    }
}

/// What the attributes of a message tell.
#[derive(Default)]
struct Told {
    ice: bool,
    relay: bool,
    old_relay: bool,
    zoom: bool,
    whose: Option<Signature>,
    peers: Vec<Announced>,
    attributes: usize,
    /// They end where the message ends.
    exact: bool,
}

fn read(body: &[u8], message: &[u8], modern: bool) -> Told {
    let mut told = Told::default();
    let mut rest = body;
    while let (Some(kind), Some(length)) = (be16(rest, 0), be16(rest, 2)) {
        let length = usize::from(length);
        let Some(value) = rest.get(4..4 + length) else { return told };
        let first = told.attributes == 0;
        // Zoom's own, in the old format (Michel et al., IMC 2022, section 4).
        told.zoom |= matches!(kind, 0x0101 | 0x0103);
        // MESSAGE-INTEGRITY (the ends share a secret), PRIORITY, USE-CANDIDATE, ICE-CONTROLLED, ICE-CONTROLLING
        told.ice |= matches!(kind, 0x0008 | 0x0024 | 0x0025 | 0x8029 | 0x802a);
        // XOR-RELAYED-ADDRESS, REQUESTED-TRANSPORT, DATA, CHANNEL-NUMBER, XOR-PEER-ADDRESS
        told.relay |= matches!(kind, 0x0016 | 0x0019 | 0x0013 | 0x000c | 0x0012);
        told.old_relay |= first && kind == 0x000f && be32(value, 0) == Some(OLD_RELAY_COOKIE);
        let whose = match kind {
            // REALM, SOFTWARE, the names of the old form, ALTERNATE-DOMAIN, ORIGIN
            0x0014 | 0x8022 | 0x8003 | 0x802f => by_word(value),
            // Microsoft's ([MS-TURN], 2.2.2; [MS-ICE2], 2.2.3; [MS-TURNBWM], 2.2), and Skype's beside them
            0x8008 | 0x8050 | 0x8054..=0x8056 | 0x8070 | 0x8090 | 0x8095 | 0x8036 | 0x24df | 0x3802 => {
                Some(signature("Microsoft Teams", Call, MEETING, "attributes of Microsoft's calls"))
            }
            // Meta's relays
            0x4000..=0x4007 if modern => Some(signature("WhatsApp", Call, MESSENGER, "attributes of WhatsApp's calls")),
            0xff03 => Some(signature("Google Meet", Call, MEETING, "an attribute of Google's meetings")),
            0x0012 if modern && told.peers.len() < 8 => {
                told.peers.extend(peer(value, message).map(|end| announced(end, PEER)));
                None
            }
            _ => None,
        };
        told.whose = told.whose.or(whose);
        rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or(&[]);
        told.attributes += 1;
        if told.attributes > MOST_ATTRIBUTES {
            return told;
        }
    }
    told.exact = rest.is_empty();
    told
}

const PEER: Signature = signature("STUN", Call, 79, "a call's signalling named this end");

fn by_word(text: &[u8]) -> Option<Signature> {
    let mut lower = [0; 128];
    let lower = &mut lower[..text.len().min(128)];
    lower.copy_from_slice(&text[..lower.len()]);
    lower.make_ascii_lowercase();
    let &(_, application, class, confidence) = WORDS.iter().find(|(word, ..)| near(lower, word))?;
    Some(signature(application, class, confidence, "the service that its messages name"))
}

/// An address in the form that hides it from meddling relays (RFC 8489, 14.2).
fn peer(value: &[u8], message: &[u8]) -> Option<Endpoint> {
    let port = be16(value, 2)? ^ 0x2112;
    let address = match value.get(1)? {
        1 => Address::from_v4((be32(value, 4)? ^ MAGIC_COOKIE).to_be_bytes()),
        2 => {
            let hidden = u128::from_be_bytes(value.get(4..20)?.try_into().ok()?);
            let mask = u128::from_be_bytes(message.get(4..20)?.try_into().ok()?);
            Address((hidden ^ mask).to_be_bytes())
        }
        _ => return None,
    };
    (port != 0).then_some(Endpoint { address, port })
}

fn own_end(view: &View<'_>) -> Endpoint {
    match view.sender {
        Sender::Initiator => Endpoint { address: view.source, port: view.source_port },
        Sender::Responder => Endpoint { address: view.destination, port: view.destination_port },
    }
}

/// Less sure than what the announced flow says itself.
fn announced(end: Endpoint, found: Signature) -> Announced {
    let signature = Signature { confidence: 79, why: PEER.why, ..found };
    Announced { end, protocol: IpProtocol::UDP, signature }
}

const fn signature(application: &'static str, class: TrafficClass, confidence: u8, why: &'static str) -> Signature {
    Signature { application, class, names: Names::Refine, confidence, why }
}

fn conclude(signature: Signature, next: Next, announces: Vec<Announced>) -> Finding {
    Finding::Found(Found { signature, name: None, next, announces })
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
    fn messages_are_told_apart() {
        specimen::check(
            inspect,
            &[
                // A binding request, alone and with ICE's priority (RFC 8445, 7.1.1).
                (Datagram, 3_478, "00 01 00 00 21 12 a4 42 07*12", "STUN interactive"),
                (Datagram, 40_001, "00 01 00 00 21 12 a4 42 07*12", "STUN interactive"),
                (Datagram, 40_001, "00 01 00 08 21 12 a4 42 07*12 00 24 00 04 01 02 03 04", "STUN call"),
                // Its length must fit.
                (Datagram, 3_478, "00 01 00 04 21 12 a4 42 07*12", ""),
                // Without the cookie (RFC 3489).
                (Datagram, 3_478, "00 01 00 00 07*16", "STUN interactive"),
                (Datagram, 40_001, "00 01 00 08 07*16 00 03 00 04 00*4", "STUN interactive"),
                (Datagram, 40_001, "02 01 00 00 07*16", ""),
                // A relay is asked for.
                (Datagram, 3_478, "00 03 00 08 21 12 a4 42 07*12 00 19 00 04 11 00*3", "STUN call"),
                (Datagram, 443, "00 03 00 08 07*16 00 0f 00 04 72 c6 4b c6", "STUN call"),
                (Datagram, 3_478, "40 01 00 04 80 60 00 01", "STUN call"),
                // Whose call it is.
                (Datagram, 3_478, "01 13 00 10 21 12 a4 42 07*12 00 14 00 0a 'signal.org' 00*2", "Signal call"),
                (Datagram, 3_478, "00 01 00 08 21 12 a4 42 07*12 80 54 00 04 31 00*3", "Microsoft Teams call"),
                (Datagram, 3_478, "00 03 00 08 21 12 a4 42 07*12 40 00 00 04 00*4", "WhatsApp call"),
                (Datagram, 3_478, "08 00 00 00 21 12 a4 42 07*12", "WhatsApp call"),
                (Datagram, 3_478, "00 01 00 08 07*16 01 03 00 04 00*4", "Zoom call"),
                (Datagram, 27_015, "00 01 00 0c 21 12 a4 42 07*12 80 22 00 05 'steam' 00*3", "Steam gaming"),
                // In a stream, bare, behind a length, behind Microsoft's header.
                (Stream, 3_478, "00 01 00 00 21 12 a4 42 07*12", "STUN interactive"),
                (Stream, 443, "00 14 00 01 00 00 21 12 a4 42 07*12", "STUN interactive"),
                (Stream, 443, "02 00 00 1c 00 03 00 08 07*16 00 0f 00 04 72 c6 4b c6", "STUN call"),
            ],
        );
    }

    #[test]
    fn the_peers_of_a_relay_are_announced() {
        // CREATE-PERMISSION for 192.0.2.1:32853, hidden as in RFC 5769, 2.2.
        let message = specimen::bytes(
            "00 08 00 0c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 00 12 00 08 00 01 a1 47 e1 12 a6 43",
        );
        let own = Address::from_v4([192, 168, 1, 20]);
        let view = View {
            layer: Datagram,
            bytes: &message,
            sender: Sender::Initiator,
            source: own,
            destination: Address::default(),
            source_port: 50_123,
            destination_port: 3_478,
            number: 0,
            heard: &[],
        };
        let Finding::Found(found) = inspect(&view) else { panic!("a message of TURN") };
        let ends: Vec<Endpoint> = found.announces.iter().map(|announced| announced.end).collect();
        let peer = Endpoint { address: Address::from_v4([192, 0, 2, 1]), port: 32_853 };
        assert_eq!(ends, [peer, Endpoint { address: own, port: 50_123 }]);
    }
}
