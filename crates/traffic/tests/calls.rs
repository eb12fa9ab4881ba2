//! Calls as they come: signalling, the ways that are tried, then media, over one or several flows.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, missing_docs)]

use std::net::SocketAddr;
use std::time::Duration;
use traffic::{FlowLimits, FlowTable, Fragment, Locality, Packet, TcpFlags, TcpSegment, Transport};
use vocab::{Endpoint, IpProtocol, Timestamp, TrafficClass};

const PHONE: &str = "192.168.1.20:50000";
const RELAY: &str = "203.0.113.9:3478";
const PEER: &str = "198.51.100.7:41000";

fn end(text: &str) -> Endpoint {
    let address: SocketAddr = text.parse().unwrap();
    Endpoint { address: address.ip().into(), port: address.port() }
}

/// One packet: from, to, what.
type Step = (&'static str, &'static str, Vec<u8>);

/// What the last packet's flow is for, and its application, after all steps at 20 ms each.
fn conclusion(steps: &[Step], transport: Transport) -> (TrafficClass, String) {
    let mut table = FlowTable::new(FlowLimits::default(), Locality::default());
    let mut last = None;
    for (step, (source, destination, payload)) in steps.iter().enumerate() {
        // The media of a flow over TCP is told by its address alone.
        let udp = matches!(transport, Transport::Udp) || step + 1 == steps.len();
        let packet = Packet {
            source: end(source),
            destination: end(destination),
            protocol: if udp { IpProtocol::UDP } else { IpProtocol::TCP },
            transport: if udp { Transport::Udp } else { transport },
            source_mac: None,
            destination_mac: None,
            vlan: None,
            dscp: 0,
            ttl: 64,
            wire_len: 42 + payload.len() as u32,
            fragment: Fragment::Whole,
            payload,
            cut: 0,
        };
        last = Some(table.observe(&packet, None, Timestamp::default() + Duration::from_millis(step as u64 * 20)));
    }
    let key = last.unwrap().key;
    let summary = table.drain().into_iter().find(|flow| flow.key == key).unwrap();
    (summary.verdict.class, summary.verdict.application)
}

fn check(steps: Vec<Step>, class: TrafficClass, application: &str) {
    assert_eq!(conclusion(&steps, Transport::Udp), (class, application.to_owned()));
}

/// A message of STUN with one attribute (RFC 8489, 5).
fn stun(kind: u16, attribute: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend_from_slice(&(4 + value.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
    bytes.extend_from_slice(&[7; 12]);
    bytes.extend_from_slice(&attribute.to_be_bytes());
    bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
    bytes.extend_from_slice(value);
    bytes
}

fn rtp(kind: u8, source: u32, sequence: u16, clock: u32, payload: usize) -> Vec<u8> {
    let mut bytes = vec![0x80, kind];
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&clock.to_be_bytes());
    bytes.extend_from_slice(&source.to_be_bytes());
    bytes.resize(12 + payload, 0x5a);
    bytes
}

fn sound(n: u16) -> Vec<u8> {
    rtp(111, 1, n, u32::from(n) * 960, 90)
}

fn video(n: u16) -> Vec<u8> {
    rtp(96, 2, n, u32::from(n / 3) * 3_000, 1_100)
}

fn opaque(n: u8) -> Vec<u8> {
    vec![0xd7 ^ n, 0x11, n.wrapping_mul(91), 0x42, 0x99]
}

/// Ways tried for long before media flows, as behind two NATs.
fn tried(count: u16) -> Vec<Step> {
    let ask = stun(0x0001, 0x0024, &[1, 2, 3, 4]);
    (0..count).map(|n| if n % 2 == 0 { (PHONE, PEER, ask.clone()) } else { (PEER, PHONE, ask.clone()) }).collect()
}

#[test]
fn media_after_long_signalling_is_still_heard() {
    let with = |count: u16, make: fn(u16) -> Vec<u8>| {
        let mut steps = tried(count);
        steps.extend((0..12).map(|n| (PHONE, PEER, make(n))));
        steps
    };
    check(tried(8), TrafficClass::Call, "STUN");
    check(with(24, sound), TrafficClass::Voice, "RTP");
    check(with(24, video), TrafficClass::Call, "RTP");
    // Video that joins sound makes it a call.
    let mut joined = with(8, sound);
    joined.extend((0..8).map(|n| (PEER, PHONE, video(n))));
    check(joined, TrafficClass::Call, "RTP");
}

#[test]
fn a_service_is_known_by_its_own_attributes_and_its_media_by_itself() {
    let messenger = (PHONE, RELAY, stun(0x0003, 0x4000, &[0; 8]));
    check(vec![messenger.clone()], TrafficClass::Call, "WhatsApp");
    let with = |make: fn(u16) -> Vec<u8>| {
        let mut steps = vec![messenger.clone()];
        steps.extend((0..8).map(|n| (RELAY, PHONE, make(n))));
        steps.push(messenger.clone());
        steps
    };
    check(with(sound), TrafficClass::Voice, "WhatsApp");
    check(with(video), TrafficClass::Call, "WhatsApp");
    // A meeting stays one while only one speaks.
    let mut meeting = vec![(PHONE, RELAY, stun(0x0003, 0x8095, &[0; 4]))];
    meeting.extend((0..8).map(|n| (RELAY, PHONE, sound(n))));
    check(meeting, TrafficClass::Call, "Microsoft Teams");
}

#[test]
fn other_flows_of_a_call_are_known_from_their_first_packet() {
    // The same socket elsewhere.
    let relay = (PHONE, RELAY, stun(0x0003, 0x8095, &[0; 4]));
    check(vec![relay, (PHONE, PEER, opaque(1))], TrafficClass::Call, "Microsoft Teams");
    // The peer for whom a relay is asked to open: 198.51.100.7:41000, hidden by the cookie.
    let hidden = [0, 1, 0xa0 ^ 0x21, 0x28 ^ 0x12, 198 ^ 0x21, 51 ^ 0x12, 100 ^ 0xa4, 7 ^ 0x42];
    let permission = (PHONE, RELAY, stun(0x0008, 0x0012, &hidden));
    check(vec![permission, ("192.168.1.20:50001", PEER, opaque(2))], TrafficClass::Call, "STUN");
    // The media of a telephone call.
    let invitation =
        b"INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.20:5060\r\nCSeq: 1 INVITE\r\n\r\n\
        v=0\r\no=- 1 1 IN IP4 192.168.1.20\r\nc=IN IP4 192.168.1.20\r\nt=0 0\r\nm=audio 50000 RTP/AVP 0\r\n";
    let invited = ("192.168.1.20:5060", "203.0.113.9:5060", invitation.to_vec());
    check(vec![invited, (PEER, PHONE, opaque(3))], TrafficClass::Voice, "RTP");
    // The media of a film.
    let setup = b"SETUP rtsp://example.com/film RTSP/1.0\r\nTransport: RTP/AVP;unicast;client_port=50000-50001\r\n\r\n";
    let asked = ("192.168.1.20:40000", "203.0.113.9:554", setup.to_vec());
    let segment = Transport::Tcp(TcpSegment { seq: 1, ack: 1, flags: TcpFlags(0x18) });
    let steps = [asked, ("203.0.113.9:6970", PHONE, opaque(4))];
    assert_eq!(conclusion(&steps, segment), (TrafficClass::Streaming, "RTSP".to_owned()));
}

/// A question of DNS and its answer: `name` is at 203.0.113.9.
fn asked(name: &str) -> [Step; 2] {
    let mut bytes = vec![0, 1, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(&[0, 0, 1, 0, 1]);
    let question = bytes.clone();
    bytes[2..4].copy_from_slice(&[0x81, 0x80]);
    bytes[7] = 1;
    bytes.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 9]);
    const RESOLVER: &str = "192.168.1.1:53";
    [(PHONE, RESOLVER, question), (RESOLVER, PHONE, bytes)]
}

/// A record of DTLS 1.2.
fn record(epoch: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1];
    bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
    [&bytes[..], body].concat()
}

/// A hello of DTLS that offers keys for media (RFC 5764, 4.1.1).
fn keys() -> Vec<u8> {
    let mut hello = vec![0xfe, 0xfd];
    hello.resize(34, 5);
    hello.extend_from_slice(b"\0\0\0\x02\xc0\x2b\x01\0\0\x09\0\x0e\0\x05\0\x02\0\x01\0");
    let length = hello.len() as u8;
    record(0, 22, &[&[1, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length][..], &hello].concat())
}

#[test]
fn the_name_of_who_sends_media_says_what_for() {
    let ask = stun(0x0001, 0x0024, &[1, 2, 3, 4]);
    let named = |name: &str, make: fn(u16) -> Vec<u8>| {
        let mut steps = Vec::from(asked(name));
        steps.extend([(PHONE, RELAY, ask.clone()), (PHONE, RELAY, keys())]);
        steps.extend((0..8).map(|n| (RELAY, PHONE, make(n))));
        steps
    };
    check(named("np-1.geforcenow.com", video), TrafficClass::Gaming, "GeForce NOW");
    check(named("np-1.geforcenow.com", sound), TrafficClass::Gaming, "GeForce NOW");
    check(named("media.example.com", video), TrafficClass::Call, "RTP");
}

#[test]
fn full_records_without_media_are_a_transfer() {
    let ask = stun(0x0001, 0x0024, &[1, 2, 3, 4]);
    let with = |size: usize, count: usize| {
        let mut steps = vec![(PHONE, PEER, ask.clone()), (PHONE, PEER, keys())];
        steps.extend((0..count).map(|_| (PEER, PHONE, record(1, 23, &vec![7; size]))));
        steps
    };
    check(with(1_150, 20), TrafficClass::Download, "WebRTC data channel");
    check(with(1_150, 5), TrafficClass::Call, "STUN");
    check(with(200, 20), TrafficClass::Call, "STUN");
    // Media in the same flow is a call, whatever is sent beside it.
    let mut both = with(1_150, 12);
    both.extend((0..8).map(|n| (PEER, PHONE, video(n))));
    check(both, TrafficClass::Call, "RTP");
}

#[test]
fn telephones_name_the_ends_of_their_sound() {
    let segment = Transport::Tcp(TcpSegment { seq: 1, ack: 1, flags: TcpFlags(0x18) });
    let check = |port: &'static str, opening: Vec<u8>, named: Vec<u8>| {
        let steps =
            [(PHONE, port, opening), (PHONE, port, named), ("192.168.1.20:20000", "198.51.100.99:5020", opaque(5))];
        assert_eq!(conclusion(&steps, segment), (TrafficClass::Voice, "RTP".to_owned()));
    };
    let skinny =
        |kind: u8, body: &[u8]| [&[body.len() as u8 + 4, 0, 0, 0, 0, 0, 0, 0, kind, 0, 0, 0][..], body].concat();
    let start = skinny(0x8a, &[1, 0, 0, 0, 1, 0, 0, 0, 198, 51, 100, 99, 0x9c, 0x13, 0, 0]);
    check("203.0.113.9:2000", skinny(1, b"SEP001122334455\0"), start);
    // Q.931's set-up, then an end of media in a message of H.245 inside it: 192.168.1.20:20000.
    let setup = b"\x03\0\0\x0e\x08\x02\0\x01\x05\x04\x03\x88\x93\xa5".to_vec();
    let opened = b"\x03\0\0\x12\x08\x02\0\x01\x07\0\xc0\xa8\x01\x14\x4e\x20\0\0".to_vec();
    check("203.0.113.9:1720", setup, opened);
}

#[test]
fn what_is_no_call_is_not_taken_for_one() {
    check(vec![(PHONE, RELAY, stun(0x0001, 0x8022, b"test"))], TrafficClass::Interactive, "STUN");
    let short: Vec<Step> = (0..40)
        .map(|n: u8| {
            (
                PHONE,
                "203.0.113.9:443",
                [&[0x40 | (n & 0x3f), 1, 2, 3, 4, 5, 6, 7, 8][..], &[n.wrapping_mul(77); 60]].concat(),
            )
        })
        .collect();
    let (class, _) = conclusion(&short, Transport::Udp);
    assert!(!matches!(class, TrafficClass::Voice | TrafficClass::Call), "{class:?}");
}
