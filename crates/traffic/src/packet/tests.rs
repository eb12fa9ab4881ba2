use super::*;
use proptest::prelude::*;

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
fn radio_frames_lead_to_the_packet() {
    let udp = "udp 192.168.1.20:50000 > 9.9.9.9:53 44 B, payload 2";
    let snap = after(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], ipv4_udp());
    let addresses = [2_u8; 18];
    let data = |control: [u8; 2], rest: &[u8]| [&control[..], &[0, 0], &addresses, &[0, 0], rest, &snap].concat();
    check(&data([0x08, 0x01], &[]), LinkType::Wifi, udp);
    check(&data([0x88, 0x02], &[0, 0]), LinkType::Wifi, udp);
    check(&data([0x88, 0x82], &[0, 0, 1, 2, 3, 4]), LinkType::Wifi, udp);
    check(&data([0x08, 0x03], &[2; 6]), LinkType::Wifi, udp);
    check(&data([0x88, 0x02], &[0x80, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 38]), LinkType::Wifi, udp);
    check(&data([0x08, 0x41], &[]), LinkType::Wifi, "ethertype 0x0008 is not IP");
    check(&data([0x80, 0x00], &[]), LinkType::Wifi, "ethertype 0x0080 is not IP");
    // Radiotap: a clock and flags, which say that the header of 26 bytes is padded to 28.
    let radiotap = [0, 0, 17, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20];
    check(&after(&radiotap, data([0x88, 0x01], &[0, 0, 0xee, 0xee])), LinkType::WifiRadiotap, udp);
    check(&after(&[0, 0, 8, 0, 0, 0, 0, 0], data([0x08, 0x01], &[])), LinkType::WifiRadiotap, udp);
    check(&after(&[0; 144], data([0x08, 0x01], &[])), LinkType::WifiPrism, udp);
    // Per-packet information around Ethernet and around IP.
    let ethernet = after(&MACS, after(&[8, 0], ipv4_udp()));
    check(&after(&[0, 0, 8, 0, 1, 0, 0, 0], ethernet.clone()), LinkType::PerPacketInformation, udp);
    check(&after(&[0, 0, 12, 0, 12, 0, 0, 0, 9, 9, 9, 9], ipv4_udp()), LinkType::PerPacketInformation, udp);
    check(
        &after(&[0, 0, 8, 0, 192, 0, 0, 0], ipv4_udp()),
        LinkType::PerPacketInformation,
        "the frame ends inside its PPI header",
    );
    check(&after(&[0; 4], ethernet.clone()), LinkType::NetAnalyzer, udp);
    check(&after(&[0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 0, 64, 0, 0, 0, 44, 0, 0], ethernet), LinkType::ExtensibleRecord, udp);
}

#[test]
fn wide_area_links_lead_to_the_packet() {
    let udp = "udp 192.168.1.20:50000 > 9.9.9.9:53 44 B, payload 2";
    let snap = after(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], ipv4_udp());
    check(&after(&[0x18, 0x41, 3, 0xcc], ipv4_udp()), LinkType::FrameRelay, udp);
    check(&after(&[0x18, 0x41, 8, 0], ipv4_udp()), LinkType::FrameRelay, udp);
    check(&after(&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0], ipv4_udp()), LinkType::FrameRelay, udp);
    check(&snap, LinkType::AtmLlc, udp);
    check(&after(&[2, 0, 0, 42], snap.clone()), LinkType::SunAtm, udp);
    check(&after(&[0x54, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], snap.clone()), LinkType::Fddi, udp);
    check(
        &after(&[0x10, 0x40, 2, 0, 0, 0, 0, 1, 0x82, 0, 0, 0, 0, 2, 2, 0x30], snap.clone()),
        LinkType::TokenRing,
        udp,
    );
    check(&after(&[0; 16], snap.clone()), LinkType::FibreChannel, udp);
    check(&after(&[0; 16], after(&[8, 0], ipv4_udp())), LinkType::FireWire, udp);
    check(&after(&[0; 12], ipv4_udp()), LinkType::OpenBsdEnc, udp);
    check(&after(&[3, 0, 0, 0], ipv4_udp()), LinkType::OpenBsdPflog, udp);
    check(&after(&[0, 0xff, 3, 0, 0x21], ipv4_udp()), LinkType::PppDirected, udp);
    check(&after(&[0; 16], ipv4_udp()), LinkType::Slip, udp);
    let log = after(&[2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 1, 0, 34, 0, 9, 0], ipv4_udp());
    check(&log, LinkType::NetfilterLog, udp);
}

#[test]
fn machine_rooms_lead_to_the_packet() {
    let udp = |length: usize| format!("udp 192.168.1.20:50000 > 9.9.9.9:53 {length} B, payload 2");
    let tagged = |tag: &[u8]| after(&MACS, after(tag, ipv4_udp()));
    check(&after(&[0; 40], after(&[8, 0, 0, 0], ipv4_udp())), LinkType::Infiniband, &udp(44));
    check(&after(&[1, 2], after(&[0; 22], ipv4_udp())), LinkType::SolarisIpNet, &udp(44));
    check(&tagged(&[0x40, 8, 0, 0, 8, 0]), LinkType::MarvellTag, &udp(48));
    check(&tagged(&[0xda, 0xda, 0, 0, 0x40, 8, 0, 0, 8, 0]), LinkType::MarvellEtherTag, &udp(52));
    check(&tagged(&[0x20, 0, 0, 1, 8, 0]), LinkType::BroadcomTag, &udp(48));
    check(&after(&[0x20, 0, 0, 1], tagged(&[8, 0])), LinkType::BroadcomTagFirst, &udp(44));
    check(&MACS, LinkType::MarvellTag, "the frame ends inside its Ethernet header");
    // Signed links with and without who signs, and encrypted ones; a service chain; time stamps; labels in PPP.
    let ethernet = |tag: &[u8], length| check(&tagged(tag), LinkType::Ethernet, &udp(length));
    ethernet(&[0x88, 0xe5, 0x00, 0, 0, 0, 0, 7, 8, 0], 52);
    ethernet(&[0x88, 0xe5, 0x20, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 1, 0, 1, 8, 0], 60);
    check(&tagged(&[0x88, 0xe5, 0x0c, 0, 0, 0, 0, 7, 8, 0]), LinkType::Ethernet, "ethertype 0x88e5 is not IP");
    ethernet(&[0x89, 0x4f, 0x0f, 0xc6, 1, 1, 0, 0, 1, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 68);
    ethernet(&[0xd2, 0x8b, 0, 1, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 2, 8, 0], 58);
    ethernet(&[0xd2, 0x8b, 0, 1, 0, 0x20, 0, 1, 0, 0, 0, 2, 8, 0], 56);
    check(&after(&[0xff, 3, 2, 0x81, 0, 1, 1, 64], ipv4_udp()), LinkType::Ppp, &udp(44));
}

#[test]
fn frames_in_frames_are_opened() {
    let udp = |length: usize| format!("udp 192.168.1.20:50000 > 9.9.9.9:53 {length} B, payload 2");
    let ethernet = |rest: &[u8]| after(&MACS, after(rest, ipv4_udp()));
    let inner = [&MACS[..], &[8, 0]].concat();
    // A pseudowire, a backbone's service, redundancy, meta data, IP in LLC.
    check(&ethernet(&[&[0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0], &inner[..]].concat()), LinkType::Ethernet, &udp(66));
    check(&ethernet(&[&[0x88, 0xe7, 0, 0, 0, 1], &inner[..]].concat()), LinkType::Ethernet, &udp(62));
    check(&ethernet(&[0x89, 0x2f, 0, 40, 0, 1, 8, 0]), LinkType::Ethernet, &udp(50));
    check(&ethernet(&[0x89, 0x09, 1, 1, 0, 1, 0, 7, 8, 0]), LinkType::Ethernet, &udp(52));
    check(&ethernet(&[0, 33, 6, 6, 3]), LinkType::Ethernet, &udp(47));
    check(
        &ethernet(&[&[0x43, 5, 0x40, 15, 50, 1, 2, 0, 0, 0, 0, 2], &inner[..]].concat()),
        LinkType::Ethernet,
        &udp(68),
    );
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
    let frame = after(&MACS, after(&[8, 0], ipv4_udp()));
    check(&outer(97, after(&[0x30, 0], frame.clone())), LinkType::RawIp, &format!("{inner} 80 B, payload 2"));
    check(&outer(137, after(&[0, 1, 1, 64], ipv4_udp())), LinkType::RawIp, &format!("{inner} 68 B, payload 2"));
    // A mirror (TZSP) and the way down from a controller (CAPWAP), in IEEE 802.3 and, swapped, 802.11.
    let mirror = [&[0xc3, 0x50, 0x90, 0x90, 0, 0, 0, 0, 1, 0, 0, 1, 10, 1, 200, 0, 1][..], &frame].concat();
    check(&outer(17, mirror), LinkType::RawIp, &format!("{inner} 95 B, payload 2"));
    let down = [&[0x14, 0x7f, 0xc3, 0x50, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0][..], &frame].concat();
    check(&outer(17, down.clone()), LinkType::RawIp, &format!("{inner} 94 B, payload 2"));
    let mut up = down;
    (up[0], up[1], up[2], up[3]) = (0xc3, 0x50, 0x14, 0x7f);
    check(&outer(17, up), LinkType::RawIp, "udp 10.0.0.1:50000 > 10.0.0.2:5247 94 B, payload 52");
    let radio = [
        &[0x14, 0x7f, 0xc3, 0x50, 0, 0, 0, 0, 0, 0x10, 1, 0, 0, 0, 0, 0, 2, 8][..],
        &[0; 22],
        &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0],
        &ipv4_udp(),
    ]
    .concat();
    check(&outer(17, radio), LinkType::RawIp, &format!("{inner} 112 B, payload 2"));
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
fn what_a_capture_cut_is_told_apart_from_lies() {
    let plain = after(&MACS, after(&[8, 0], ipv4_udp()));
    let stepwise = after(&[0, 0xff, 3, 0, 0x21], ipv4_udp());
    //    left out, told as left out        missing of the payload
    for (left_out, told, expected) in [(0, 0, 0), (1, 1, 1), (2, 2, 2), (1, 0, 0), (2, 1, 1), (0, 16, 0)] {
        for (frame, link_type) in [(&plain, LinkType::Ethernet), (&stepwise, LinkType::PppDirected)] {
            let kept = &frame[..frame.len() - left_out];
            let packet = Packet::parse(kept, link_type, (kept.len() + told) as u32).unwrap();
            assert_eq!((packet.payload.len(), packet.cut), (2 - left_out, expected));
        }
    }
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
    fn no_bytes_can_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), link in 0usize..LinkType::ALL.len()) {
        let _ = Packet::parse(&bytes, LinkType::ALL[link], bytes.len() as u32);
    }

    #[test]
    fn no_change_of_a_real_packet_can_panic(
        cut in 0usize..120,
        changes in proptest::collection::vec((0usize..120, any::<u8>()), 0..6),
        six in any::<bool>(),
        link in 0usize..LinkType::ALL.len(),
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
            Packet::parse(&frame, LinkType::ALL[link], 1500),
            Packet::parse_any(&frame, LinkType::ALL[link], 1500),
            "read in one go or step by step",
        );
        if let Ok(packet) = Packet::parse(&frame, LinkType::ALL[link], 1500) {
            prop_assert!(packet.payload.len() <= frame.len());
        }
    }
}
