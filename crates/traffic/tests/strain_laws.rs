//! What a flow is for does not depend on how a network divided, doubled, delayed or numbered its packets.
#![allow(missing_docs, clippy::disallowed_types)]

use proptest::prelude::*;
use strains::{STRAINS, Seen, elsewhere};
use traffic::{FlowLimits, FlowTable, Fragment, Locality, Packet, TcpFlags, TcpSegment, Transport};
use vocab::{Address, Endpoint, IpProtocol, Timestamp};

#[allow(dead_code)]
mod strains;

/// Those of [`CONVERSATIONS`], from the beginning, whose first message tells.
const TELLING: usize = 8;

/// A port, what each end says (`>` the device), and what it is, however it is divided. No port is its protocol's own,
/// except where the protocol has nothing else.
type Conversation = (u16, &'static [(char, &'static [u8])], &'static str);

const CONVERSATIONS: &[Conversation] = &[
    (8181, &[('>', b"GET /a/b.css HTTP/1.1\r\nHost: www.example.org\r\nAccept: */*\r\n\r\n")], "HTTP web"),
    (2022, &[('<', b"SSH-2.0-OpenSSH_9.6\r\n"), ('>', b"SSH-2.0-dropbear_2022.83\r\n")], "SSH interactive"),
    (2525, &[('<', b"220 mx.example.org ESMTP Postfix\r\n"), ('>', b"EHLO a.example.org\r\n")], "SMTP work"),
    (2883, &[('>', b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04thin")], "MQTT update"),
    (
        7011,
        &[('>', b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0aaaaaaaaaaaaaaaaaaaa-XX0000-aaaaaaaaaaaa")],
        "BitTorrent download",
    ),
    (53, &[('>', b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03org\0\0\x01\0\x01")], "DNS interactive"),
    (6380, &[('>', b"*2\r\n$3\r\nGET\r\n$5\r\nthing\r\n"), ('<', b"$-1\r\n")], "Redis interactive"),
    // HTTP/2 whose first message was missed.
    (9443, &[('<', b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64")], "HTTP/2 web"),
    // A request to connect that says little, then a job (RFC 1006; S7comm).
    (
        1102,
        &[
            ('>', b"\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\x01\x0a"),
            ('<', b"\x03\0\0\x16\x11\xd0\0\x01\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\x01\x0a"),
            ('>', b"\x03\0\0\x19\x02\xf0\x80\x32\x01\0\0\x04\0\0\x08\0\0\xf0\0\0\x01\0\x01\x01\xe0"),
        ],
        "S7comm update",
    ),
];

fn end(octets: [u8; 4], port: u16) -> Endpoint {
    Endpoint { address: Address::from_v4(octets), port }
}

fn recorded(&(port, messages, _): &Conversation) -> Vec<Seen> {
    let ends = [end([192, 168, 1, 20], 50_123), end([203, 0, 113, 9], port)];
    let mut next = [1_000_u32, 9_000];
    let mut seen = Vec::new();
    let mut say = |side: usize, flags: u8, payload: &[u8]| {
        let at = Timestamp::from_unix_millis(1_700_000_000_000 + 20 * seen.len() as u64);
        let packet = Packet {
            source: ends[side],
            destination: ends[1 - side],
            protocol: IpProtocol::TCP,
            transport: Transport::Tcp(TcpSegment { flags: TcpFlags(flags), seq: next[side], ack: next[1 - side] }),
            source_mac: None,
            destination_mac: None,
            vlan: None,
            dscp: 0,
            ttl: 64,
            wire_len: 54 + payload.len() as u32,
            fragment: Fragment::Whole,
            payload,
            cut: 0,
        };
        seen.push(Seen::new(&packet, at));
        next[side] += payload.len() as u32 + u32::from(flags & 2 != 0);
    };
    say(0, 0x02, &[]);
    say(1, 0x12, &[]);
    for (way, payload) in messages {
        say(usize::from(*way == '<'), 0x18, payload);
    }
    seen
}

fn verdict(seen: &[Seen]) -> String {
    let mut table = FlowTable::new(FlowLimits::default(), Locality::default());
    for packet in seen {
        table.observe(&packet.packet(), None, packet.at);
    }
    let flows = table.drain();
    assert_eq!(flows.len(), 1, "one conversation is one flow");
    format!("{} {}", flows[0].verdict.application, flows[0].verdict.class)
}

#[test]
fn strains_change_no_verdict() {
    for conversation in CONVERSATIONS {
        assert_eq!(verdict(&recorded(conversation)), conversation.2);
        // What takes away, or leaves nothing to see of, is no law.
        for (name, strain) in STRAINS
            .iter()
            .filter(|(name, _)| !["without", "only", "kept", "segments of 7"].iter().any(|kind| name.starts_with(kind)))
        {
            assert_eq!(verdict(&strain(recorded(conversation))), conversation.2, "{name}");
        }
    }
}

#[test]
fn addresses_are_no_signature() {
    for conversation in CONVERSATIONS {
        let mut seen = recorded(conversation);
        for packet in &mut seen {
            packet.packet.source.address = elsewhere(packet.packet.source.address);
            packet.packet.destination.address = elsewhere(packet.packet.destination.address);
        }
        assert_ne!(seen[0].packet.source.address, Address::from_v4([192, 168, 1, 20]));
        assert_eq!(verdict(&seen), conversation.2);
    }
}

proptest! {
    #[test]
    fn wherever_segments_end_the_verdict_is_the_same(
        choice in 0..TELLING,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..5),
    ) {
        let conversation = &CONVERSATIONS[choice];
        let mut seen = recorded(conversation);
        for (which, place) in cuts {
            let which = which.index(seen.len());
            let length = seen[which].payload.len();
            if length >= 2 {
                let halves = seen[which].halves(1 + place.index(length - 1));
                seen.splice(which..=which, halves);
            }
        }
        prop_assert_eq!(verdict(&seen), conversation.2);
    }
}
