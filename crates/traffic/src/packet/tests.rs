use super::*;
use proptest::prelude::*;

const LINK_TYPES: [LinkType; 8] = [
    LinkType::Ethernet,
    LinkType::RawIp,
    LinkType::LinuxCooked,
    LinkType::LinuxCooked2,
    LinkType::Loopback,
    LinkType::Ppp,
    LinkType::PppEther,
    LinkType::CiscoHdlc,
];

/// UDP 192.168.1.20:50000 -> 9.9.9.9:53 with the payload "hi", as IPv4.
fn ipv4_udp() -> Vec<u8> {
    let mut bytes = vec![0x45, 0xb8, 0, 30, 0, 1, 0, 0, 64, 17, 0, 0, 192, 168, 1, 20, 9, 9, 9, 9];
    bytes.extend_from_slice(&[0xc3, 0x50, 0, 53, 0, 10, 0, 0, b'h', b'i']);
    bytes
}

/// TCP [fd00::1]:50000 -> [2001:db8::2]:443, SYN, behind a hop-by-hop header, as IPv6.
fn ipv6_tcp() -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0, 0, 28, 0, 64];
    bytes.extend_from_slice(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend_from_slice(&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    bytes.extend_from_slice(&[6, 0, 1, 4, 0, 0, 0, 0]);
    bytes.extend_from_slice(&[0xc3, 0x50, 1, 0xbb, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
    bytes
}

fn after(header: &[u8], rest: Vec<u8>) -> Vec<u8> {
    [header, &rest].concat()
}

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 0xa4, 0x5e, 0x60, 0, 0, 1];

fn check(frame: &[u8], link_type: LinkType, expected: &str) {
    let wire_len = frame.len() as u32;
    let text = match Packet::parse(frame, link_type, wire_len) {
        Ok(packet) => {
            let vlan = packet.vlan.map_or(String::new(), |vlan| format!(" vlan {vlan}"));
            format!(
                "{} {} > {}{vlan} {} B, payload {}",
                packet.protocol,
                packet.source,
                packet.destination,
                packet.wire_len,
                packet.payload.len()
            )
        }
        Err(malformed) => malformed.to_string(),
    };
    assert_eq!(text, expected);
}

#[test]
fn every_link_header_leads_to_the_packet() {
    let (ip, udp) = (ipv4_udp(), "udp 192.168.1.20:50000 > 9.9.9.9:53");
    let ethernet = |rest: &[u8]| after(&MACS, after(rest, ipv4_udp()));
    check(&ip, LinkType::RawIp, &format!("{udp} 44 B, payload 2"));
    check(&ethernet(&[8, 0]), LinkType::Ethernet, &format!("{udp} 44 B, payload 2"));
    check(&ethernet(&[0x81, 0, 0x20, 7, 8, 0]), LinkType::Ethernet, &format!("{udp} vlan 7 48 B, payload 2"));
    check(
        &ethernet(&[0x88, 0xa8, 0, 9, 0x81, 0, 0, 7, 8, 0]),
        LinkType::Ethernet,
        &format!("{udp} vlan 9 52 B, payload 2"),
    );
    check(
        &ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 32, 0, 0x21]),
        LinkType::Ethernet,
        &format!("{udp} 52 B, payload 2"),
    );
    check(&ethernet(&[0x88, 0x47, 0, 0, 0x11, 64]), LinkType::Ethernet, &format!("{udp} 48 B, payload 2"));
    let cooked = [0, 0, 0, 1, 0, 6, 0xa4, 0x5e, 0x60, 0, 0, 1, 0, 0, 8, 0];
    check(&after(&cooked, ipv4_udp()), LinkType::LinuxCooked, &format!("{udp} 44 B, payload 2"));
    let cooked2 = [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 0xa4, 0x5e, 0x60, 0, 0, 1, 0, 0];
    check(&after(&cooked2, ipv4_udp()), LinkType::LinuxCooked2, &format!("{udp} 44 B, payload 2"));
    check(&after(&[2, 0, 0, 0], ipv4_udp()), LinkType::Loopback, &format!("{udp} 44 B, payload 2"));
    check(&after(&[0xff, 3, 0, 0x21], ipv4_udp()), LinkType::Ppp, &format!("{udp} 44 B, payload 2"));
    check(&after(&[0x21], ipv4_udp()), LinkType::Ppp, &format!("{udp} 44 B, payload 2"));
    check(&after(&[0x11, 0, 0, 1, 0, 32, 0, 0x21], ipv4_udp()), LinkType::PppEther, &format!("{udp} 44 B, payload 2"));
    check(&after(&[0x0f, 0, 8, 0], ipv4_udp()), LinkType::CiscoHdlc, &format!("{udp} 44 B, payload 2"));
    check(&after(&MACS, vec![8, 6, 0, 1]), LinkType::Ethernet, "ethertype 0x0806 is not IP");
}

#[test]
fn padding_is_no_payload_and_extension_headers_are_skipped() {
    let padded = after(&MACS, after(&[8, 0], [ipv4_udp(), vec![0; 16]].concat()));
    check(&padded, LinkType::Ethernet, "udp 192.168.1.20:50000 > 9.9.9.9:53 60 B, payload 2");
    check(&ipv6_tcp(), LinkType::RawIp, "tcp [fd00::1]:50000 > [2001:db8::2]:443 82 B, payload 0");
    let frame = ipv6_tcp();
    let packet = Packet::parse(&frame, LinkType::RawIp, 68).unwrap();
    let Transport::Tcp(segment) = packet.transport else { panic!("it is TCP") };
    assert!(segment.flags.syn() && !segment.flags.ack());
    assert_eq!(segment.seq, 7);
    let marked = ipv4_udp();
    assert_eq!(Packet::parse(&marked, LinkType::RawIp, 30).unwrap().dscp, 46);
}

#[test]
fn tunnels_in_the_clear_give_the_inner_packet() {
    let outer = |protocol: u8, inner: Vec<u8>| {
        let length = (20 + inner.len()) as u16;
        let mut bytes = vec![0x45, 0, (length >> 8) as u8, length as u8, 0, 1, 0, 0, 64, protocol, 0, 0];
        bytes.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
        after(&bytes, inner)
    };
    let inner = "udp 192.168.1.20:50000 > 9.9.9.9:53";
    check(&outer(4, ipv4_udp()), LinkType::RawIp, &format!("{inner} 64 B, payload 2"));
    check(&outer(41, ipv6_tcp()), LinkType::RawIp, "tcp [fd00::1]:50000 > [2001:db8::2]:443 102 B, payload 0");
    check(&outer(47, after(&[0, 0, 8, 0], ipv4_udp())), LinkType::RawIp, &format!("{inner} 68 B, payload 2"));
    check(&outer(47, vec![0, 0, 0x12, 0x34, 1]), LinkType::RawIp, "gre 10.0.0.1:0 > 10.0.0.2:0 39 B, payload 5");
    let end = |last| Endpoint { address: vocab::Address::from_v4([10, 0, 0, last]), port: 0 };
    let tunnel = FlowKey::new(IpProtocol(4), end(1), end(2)).0;
    assert_eq!(Packet::outer_key(&outer(4, ipv4_udp()), LinkType::RawIp), Some(tunnel));
    let plain = ipv4_udp();
    let key = Packet::parse(&plain, LinkType::RawIp, 30).unwrap().key().0;
    assert_eq!(Packet::outer_key(&plain, LinkType::RawIp), Some(key));
    assert_eq!(Packet::outer_key(&plain[..10], LinkType::RawIp), None);
}

#[test]
fn later_fragments_have_no_ports() {
    let mut bytes = ipv4_udp();
    bytes[6] = 0;
    bytes[7] = 100;
    check(&bytes, LinkType::RawIp, "udp 192.168.1.20:0 > 9.9.9.9:0 44 B, payload 10");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn no_bytes_can_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), link in 0usize..8) {
        let _ = Packet::parse(&bytes, LINK_TYPES[link], bytes.len() as u32);
    }

    #[test]
    fn no_change_of_a_real_packet_can_panic(
        cut in 0usize..120,
        changes in proptest::collection::vec((0usize..120, any::<u8>()), 0..6),
        six in any::<bool>(),
        link in 0usize..8,
    ) {
        let ip = if six { ipv6_tcp() } else { ipv4_udp() };
        let ethertype = if six { [0x86, 0xdd] } else { [8, 0] };
        let mut frame = if link == 0 { after(&MACS, after(&ethertype, ip)) } else { ip };
        for (place, byte) in changes {
            if let Some(target) = frame.get_mut(place) {
                *target = byte;
            }
        }
        frame.truncate(cut);
        prop_assert_eq!(
            Packet::parse(&frame, LINK_TYPES[link], 1500),
            Packet::parse_any(&frame, LINK_TYPES[link], 1500),
            "read in one go or step by step",
        );
        if let Ok(packet) = Packet::parse(&frame, LINK_TYPES[link], 1500) {
            prop_assert!(packet.payload.len() <= frame.len());
        }
    }
}
