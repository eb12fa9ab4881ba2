//! What is read of a frame, and which frames come up.

use crate::kernel::*;
use datapath::{Head, Hook, Setting, SteeringMode};
use proptest::prelude::*;
use vocab::{ByteCount, DeviceId, FlowKey, IpProtocol, MacAddress, TrafficClass};

#[test]
fn frames_come_up_whole_until_the_verdict_is_settled() {
    let Some(mut kernel) = Kernel::new("sample") else { return };
    for _ in 0..5 {
        kernel.upload(&up(video(), 1_400));
    }
    assert_eq!(kernel.came_up(), [1_454; 3], "three of a flow at most");
    let call = ends(IpProtocol::UDP, ("192.168.1.20", 40_000), ("203.0.113.9", 3_478));
    kernel.upload(&up(call, 20));
    kernel.flows.set_verdicts(&[(call.key(), TrafficClass::Call, true)]).unwrap();
    kernel.upload(&up(call, 20));
    assert_eq!(kernel.came_up(), [62], "settled after the first");
    kernel.upload(&up(video(), 3_000));
    assert_eq!(kernel.came_up(), [] as [usize; 0]);
    let jumbo = ends(IpProtocol::TCP, ("192.168.1.20", 50_001), ("203.0.113.9", 443));
    kernel.upload(&up(jumbo, 3_000));
    assert_eq!(kernel.came_up(), [1_600], "the front of what is larger");
}

#[test]
fn what_tells_names_and_devices_always_comes_up() {
    let Some(mut kernel) = Kernel::new("notable") else { return };
    for port in [53, 67, 68, 546, 547, 1_900, 5_353, 5_355] {
        let query = ends(IpProtocol::UDP, ("192.168.1.20", 40_000), ("203.0.113.9", port));
        kernel.flows.set_verdicts(&[(query.key(), TrafficClass::Interactive, true)]).unwrap();
        for _ in 0..6 {
            kernel.upload(&up(query, 30));
        }
        assert_eq!(kernel.came_up(), [72; 6], "port {port}");
    }
    let arp = [ethernet(PHONE, MacAddress([0xff; 6]), &[], 0x0806), vec![0; 28]].concat();
    kernel.upload(&arp);
    let discovery = ends(IpProtocol::ICMPV6, ("fe80::1", 0), ("ff02::1", 0));
    let mut solicitation = vec![135, 0, 0, 0];
    solicitation.resize(24, 0);
    let frame = [ethernet(PHONE, GATEWAY, &[], 0x86dd), packet_v6(discovery, 0, 58, &solicitation)].concat();
    kernel.upload(&frame);
    assert_eq!(kernel.came_up(), [42, 78]);
    assert_eq!(kernel.datapath.stats().unwrap().not_ip, 1);
}

#[test]
fn tags_fragments_and_extension_headers_are_seen_through() {
    let Some(mut kernel) = Kernel::new("layers") else { return };
    let mut check = |name: &str, frame: Vec<u8>, key: FlowKey| {
        kernel.upload(&frame);
        let flow = kernel.flows().into_iter().find(|flow| flow.key == key);
        let flow = flow.unwrap_or_else(|| panic!("{name}: no such flow"));
        let all = flow.from_low.bytes + flow.from_high.bytes;
        assert_eq!(all, ByteCount(frame.len() as u64), "{name}");
    };
    let flow = |port| ends(IpProtocol::UDP, ("192.168.1.20", port), ("203.0.113.9", 443));
    let flow_v6 = |port| ends(IpProtocol::UDP, ("fd00::20", port), ("2001:db8::9", 443));
    let tagged =
        |tags: &[[u8; 4]], ends: Ends| [ethernet(PHONE, GATEWAY, tags, ethertype(ends)), packet(ends, 0, 20)].concat();
    check("VLAN", tagged(&[[0x81, 0, 0, 7]], flow(1)), flow(1).key());
    check("QinQ", tagged(&[[0x88, 0xa8, 0, 7], [0x81, 0, 0, 8]], flow(2)), flow(2).key());
    check("old QinQ", tagged(&[[0x91, 0, 0, 7], [0x81, 0, 0, 8]], flow_v6(2)), flow_v6(2).key());
    let pppoe = |protocol: u16, ends: Ends| {
        let inside = packet(ends, 0, 20);
        let mut frame = ethernet(PHONE, GATEWAY, &[], 0x8864);
        frame.extend([0x11, 0, 0, 1]);
        frame.extend(((inside.len() + 2) as u16).to_be_bytes());
        frame.extend(protocol.to_be_bytes());
        [frame, inside].concat()
    };
    check("PPPoE", pppoe(0x0021, flow(3)), flow(3).key());
    check("PPPoE IPv6", pppoe(0x0057, flow_v6(3)), flow_v6(3).key());
    let v6 = |next: u8, above: Vec<u8>, ends: Ends| {
        [ethernet(PHONE, GATEWAY, &[], 0x86dd), packet_v6(ends, 0, next, &above)].concat()
    };
    let hop_by_hop = [vec![60, 0, 1, 4, 0, 0, 0, 0], vec![17, 1], vec![0; 14], transport(flow_v6(4), 20)].concat();
    check("extension headers", v6(0, hop_by_hop, flow_v6(4)), flow_v6(4).key());
    let authentication = [vec![17, 4], vec![0; 22], transport(flow_v6(5), 20)].concat();
    check("authentication header", v6(51, authentication, flow_v6(5)), flow_v6(5).key());
    let first = [vec![17, 0, 0, 1, 0, 0, 0, 9], transport(flow_v6(6), 20)].concat();
    check("first fragment", v6(44, first, flow_v6(6)), flow_v6(6).key());
    let later = [vec![17, 0, 0, 8, 0, 0, 0, 10], vec![0x55; 20]].concat();
    let no_ports = ends(IpProtocol::UDP, ("fd00::20", 0), ("2001:db8::9", 0));
    check("later fragment of nothing seen", v6(44, later, flow_v6(6)), no_ports.key());
    let mut fragment = [ethernet(PHONE, GATEWAY, &[], 0x0800), packet(flow(7), 0, 20)].concat();
    fragment[20..22].copy_from_slice(&[0, 185]);
    check(
        "later IPv4 fragment of nothing seen",
        fragment,
        ends(IpProtocol::UDP, ("192.168.1.20", 0), ("203.0.113.9", 0)).key(),
    );
    let mut options = packet(flow(8), 0, 20);
    options[0] = 0x46;
    options.splice(20..20, [1, 1, 1, 0]);
    check("IPv4 options", [ethernet(PHONE, GATEWAY, &[], 0x0800), options].concat(), flow(8).key());
    let ping = ends(IpProtocol::ICMP, ("192.168.1.20", 0), ("203.0.113.9", 0));
    let mut echo = packet(ping, 0, 20);
    echo[20] = 8;
    check("ICMP", [ethernet(PHONE, GATEWAY, &[], 0x0800), echo].concat(), ping.key());
}

#[test]
fn nonsense_passes_untouched_and_is_counted() {
    let Some(mut kernel) = Kernel::new("malformed") else { return };
    kernel.steering.set_steering(SteeringMode::On).unwrap();
    kernel.steering.set_dscp(Some([63; TrafficClass::COUNT])).unwrap();
    let good = up(video(), 100);
    let mut version = good.clone();
    version[14] = 0x55;
    let mut header = good.clone();
    header[14] = 0x44;
    let mut total = good.clone();
    total[16..18].copy_from_slice(&[0, 19]);
    let mut offset = good.clone();
    offset[46] = 0x40;
    let long: Vec<u8> = [
        ethernet(PHONE, GATEWAY, &[], 0x86dd),
        packet_v6(ends(IpProtocol::TCP, ("fd00::1", 1), ("fd00::2", 2)), 0, 0, &[0; 8 * 20]),
    ]
    .concat();
    // A trial takes no IP packet that is too short for its header, but it does not look behind a tag.
    let tagged = [ethernet(PHONE, GATEWAY, &[[0x81, 0, 0, 7]], 0x0800), packet(video(), 0, 100)].concat();
    let tagged_v6 = ethernet(PHONE, GATEWAY, &[[0x81, 0, 0, 7]], 0x86dd);
    let cases = [
        &tagged[..18],
        &tagged[..20],
        &tagged[..37],
        &tagged[..41],
        &tagged[..50],
        &tagged_v6,
        &good[..40],
        &version,
        &header,
        &total,
        &offset,
        &long,
    ];
    for (number, frame) in cases.iter().enumerate() {
        let out = kernel.upload(frame);
        assert_eq!((&out.frame[..], out.mark, out.priority), (&frame[..], 0, 0), "case {number}");
        assert_eq!(kernel.datapath.stats().unwrap().malformed, number as u64 + 1, "case {number}");
    }
    assert_eq!(kernel.counters(), []);
    assert_eq!(kernel.datapath.stats().unwrap().upload.packets, cases.len() as u64);
}

#[test]
fn any_bytes_are_survived() {
    let Some(mut kernel) = Kernel::new("fuzz") else { return };
    kernel.steering.set_steering(SteeringMode::On).unwrap();
    kernel.steering.set_dscp(Some([63; TrafficClass::COUNT])).unwrap();
    let kernel = std::cell::RefCell::new(&mut kernel);
    let types = prop_oneof![Just(0x0800_u16), Just(0x86dd), Just(0x8100), Just(0x8864), any::<u16>()];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(2_000));
    runner
        .run(&(types, proptest::collection::vec(any::<u8>(), 0..200)), |(kind, bytes)| {
            // Behind a tag a trial takes any length.
            let frame = [ethernet(PHONE, GATEWAY, &[[0x81, 0, 0, 7]], kind), bytes].concat();
            let mut kernel = kernel.borrow_mut();
            for (hook, head) in Hook::ALL.into_iter().flat_map(|hook| Head::ALL.map(|head| (hook, head))) {
                let setting = Setting { head, ..Setting::default() };
                prop_assert_eq!(kernel.run(hook, &frame, setting).frame.len(), frame.len());
            }
            Ok(())
        })
        .unwrap();
}

/// The parts of a datagram as they follow each other: the first has the ports, the last ends it.
fn parts(ends: Ends, id: u8) -> Vec<Vec<u8>> {
    let datagram = transport(ends, 40);
    let pieces: Vec<&[u8]> = datagram.chunks(16).collect();
    let last = pieces.len() - 1;
    let part = |(number, piece): (usize, &&[u8])| {
        let (offset, more) = (number as u8 * 2, number < last);
        if ends.from.address.ip().is_ipv6() {
            let header = [ends.protocol.0, 0, 0, offset << 3 | u8::from(more), 0, 0, 0, id];
            return packet_v6(ends, 0, 44, &[&header[..], piece].concat());
        }
        let mut ip = packet(ends, 0, 0)[..20].to_vec();
        ip[2..4].copy_from_slice(&(20 + piece.len() as u16).to_be_bytes());
        ip[4..8].copy_from_slice(&[0, id, if more { 0x20 } else { 0 }, offset]);
        [ip, piece.to_vec()].concat()
    };
    let ethernet = ethernet(PHONE, GATEWAY, &[], ethertype(ends));
    pieces.iter().enumerate().map(part).map(|ip| [ethernet.clone(), ip].concat()).collect()
}

#[test]
fn the_parts_of_a_datagram_follow_their_first() {
    let Some(mut kernel) = Kernel::new("parts") else { return };
    kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    let game = ends(IpProtocol::UDP, ("192.168.1.20", 27_000), ("203.0.113.9", 27_015));
    let game_v6 = ends(IpProtocol::UDP, ("fd00::20", 27_000), ("2001:db8::9", 27_015));
    for ends in [game, game_v6] {
        kernel.flows.set_verdicts(&[(ends.key(), TrafficClass::Gaming, false)]).unwrap();
        let parts = parts(ends, 7);
        assert_eq!(parts.len(), 3);
        parts.iter().for_each(|part| drop(kernel.upload(part)));
        let flow = kernel.flows().into_iter().find(|flow| flow.key == ends.key()).unwrap();
        let all: usize = parts.iter().map(Vec::len).sum();
        let sent = flow.from_low.bytes + flow.from_high.bytes;
        assert_eq!((flow.class, sent), (TrafficClass::Gaming, ByteCount(all as u64)));
        assert_eq!(kernel.came_up(), [parts[0].len()], "what follows the first tells nothing by itself");
    }
    assert_eq!(kernel.flows().len(), 2);
    // A part whose first was never seen belongs to a flow without ports.
    kernel.upload(&parts(game, 8)[1]);
    let portless = ends(IpProtocol::UDP, ("192.168.1.20", 0), ("203.0.113.9", 0));
    assert!(kernel.flows().iter().any(|flow| flow.key == portless.key()));
    // Nor do parts of another's datagram with the same number follow.
    let other = ends(IpProtocol::UDP, ("192.168.1.21", 27_000), ("203.0.113.9", 27_015));
    kernel.upload(&parts(other, 7)[1]);
    assert!(!kernel.flows().iter().any(|flow| flow.key == other.key()));
}
