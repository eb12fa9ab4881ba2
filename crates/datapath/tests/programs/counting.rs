//! What is counted, for whom, and which way.

use crate::kernel::*;
use datapath::{ClassCount, Counted, DOWNLOAD_MAJOR, FlowReading, Hook, Setting, Slot, SteeringMode};
use proptest::prelude::*;
use vocab::{Address, DeviceId, Direction, Endpoint, FlowKey, IpProtocol, MacAddress, Side, TrafficClass};

#[test]
fn both_directions_of_a_flow_are_counted_once_each() {
    let Some(mut kernel) = Kernel::new("count") else { return };
    let slot = kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    kernel.upload(&up(video(), 100));
    kernel.download(&down(video().back(), 1_400));
    kernel.download(&down(video().back(), 1_400));
    let total = |direction, total| ClassCount { slot: Some(slot), class: TrafficClass::Unclassified, direction, total };
    assert_eq!(
        kernel.counters(),
        [total(Direction::Download, counted(2 * 1_454, 2)), total(Direction::Upload, counted(154, 1))]
    );
    let flows = kernel.flows();
    assert_eq!(flows.len(), 1);
    let flow = flows[0];
    assert_eq!((flow.key, flow.slot, flow.local), (video().key(), Some(slot), false));
    // 192.168.1.20 is the low end of the two.
    assert_eq!((flow.from_low, flow.from_high), (counted(154, 1), counted(2 * 1_454, 2)));
    let stats = kernel.datapath.stats().unwrap();
    assert_eq!((stats.upload, stats.download), (counted(154, 1), counted(2 * 1_454, 2)));
    assert_eq!((stats.flows, stats.malformed, stats.unknown), (1, 0, Counted::default()));
}

fn any_end() -> impl Strategy<Value = Endpoint> {
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(Address::from_v4),
        any::<[u8; 4]>().prop_map(|octets| Address::from_v4([octets[0] & 1, 0, 0, octets[3] & 1])),
    ];
    (address, any::<u16>()).prop_map(|(address, port)| Endpoint { address, port })
}

fn any_end_v6() -> impl Strategy<Value = Endpoint> {
    let few = any::<[u8; 16]>().prop_map(|mut bytes| {
        for byte in &mut bytes[1..15] {
            *byte = 0;
        }
        Address(bytes)
    });
    // Not mapped IPv4: its text form would make an IPv4 packet of it.
    let address =
        prop_oneof![any::<[u8; 16]>().prop_map(Address), few].prop_filter("IPv6", |address| address.ip().is_ipv6());
    (address, any::<u16>()).prop_map(|(address, port)| Endpoint { address, port })
}

#[test]
fn the_kernel_orders_the_ends_of_a_flow_as_we_do() {
    let Some(mut kernel) = Kernel::new("order") else { return };
    let pairs = prop_oneof![(any_end(), any_end()), (any_end_v6(), any_end_v6())];
    let protocol = prop_oneof![Just(IpProtocol::TCP), Just(IpProtocol::UDP)];
    // A plain frame is read in place, one with a tag step by step: both say the same.
    let tags = prop_oneof![Just(vec![]), Just(vec![[0x81, 0, 0, 7]])];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(500));
    let kernel = std::cell::RefCell::new(&mut kernel);
    runner
        .run(&(pairs, protocol, tags), |((from, to), protocol, tags)| {
            let mut kernel = kernel.borrow_mut();
            let ends = Ends { from, to, protocol };
            let (key, side) = FlowKey::new(protocol, from, to);
            let before = kernel.flows().iter().find(|flow| flow.key == key).copied();
            let frame = [ethernet(PHONE, GATEWAY, &tags, ethertype(ends)), packet(ends, 0, 10)].concat();
            kernel.upload(&frame);
            let flow = kernel.flows().iter().find(|flow| flow.key == key).copied().expect("the flow is in the table");
            let packets = |flow: FlowReading| match side {
                Side::Low => flow.from_low.packets,
                Side::High => flow.from_high.packets,
            };
            prop_assert_eq!(packets(flow), before.map_or(0, packets) + 1);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_verdict_moves_its_flow_with_the_next_packet_and_loses_no_count() {
    let Some(mut kernel) = Kernel::new("verdict") else { return };
    let slot = kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    kernel.upload(&up(video(), 100));
    kernel.flows.set_verdicts(&[(video().key(), TrafficClass::Streaming, false)]).unwrap();
    kernel.upload(&up(video(), 100));
    kernel.flows.set_verdicts(&[(video().key(), TrafficClass::Download, true)]).unwrap();
    kernel.upload(&up(video(), 100));
    let counts: Vec<_> = kernel.counters().into_iter().map(|count| (count.slot, count.class, count.total)).collect();
    assert_eq!(
        counts,
        [
            (Some(slot), TrafficClass::Streaming, counted(154, 1)),
            (Some(slot), TrafficClass::Download, counted(154, 1)),
            (Some(slot), TrafficClass::Unclassified, counted(154, 1)),
        ]
    );
    let flow = kernel.flows()[0];
    assert_eq!((flow.from_low, flow.class, flow.settled), (counted(3 * 154, 3), TrafficClass::Download, true));
}

#[test]
fn what_the_gateway_sends_itself_is_no_traffic_of_the_link() {
    let Some(mut kernel) = Kernel::new("local") else { return };
    kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    kernel.steering.set_steering(SteeringMode::On).unwrap();
    let answer = down(ends(IpProtocol::UDP, ("192.168.1.1", 8_053), ("192.168.1.20", 40_000)), 9);
    let out = kernel.run(Hook::LanEgress, &answer, Setting::default());
    assert_eq!(out.priority, u32::from(DOWNLOAD_MAJOR) << 16 | u32::from(datapath::LOCAL_MINOR));
    // To the loopback's own address (the interface of a trial), which is ours: it ends here.
    let mut query = up(ends(IpProtocol::UDP, ("192.168.1.20", 40_001), ("127.0.0.1", 8_053)), 9);
    query[..6].fill(0);
    assert_eq!(kernel.upload(&query).mark, 0);
    assert_eq!(kernel.counters(), []);
    assert_eq!(kernel.datapath.stats().unwrap().local, counted(2 * 51, 2));
    assert!(kernel.flows().iter().all(|flow| flow.local));
}

#[test]
fn merged_segments_count_as_on_the_wire() {
    let Some(mut kernel) = Kernel::new("gso") else { return };
    kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    let merged = Setting { segments: 3, segment_bytes: 1_000, ..Setting::default() };
    kernel.run(Hook::LanIngress, &up(video(), 3_000), merged);
    let sent = Setting { ingress_interface: 1, wire_length: 3 * 54 + 3_000, ..merged };
    kernel.run(Hook::LanEgress, &down(video().back(), 3_000), sent);
    let totals: Vec<_> = kernel.counters().into_iter().map(|count| count.total).collect();
    assert_eq!(totals, [counted(3 * 54 + 3_000, 3); 2]);
}

#[test]
fn merged_segments_that_nobody_has_counted_count_too() {
    let Some(mut kernel) = Kernel::new("dodgy") else { return };
    kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    // A guest's card states the size of its segments, not their number.
    let merged = Setting { segments: 0, segment_bytes: 1_000, ..Setting::default() };
    let udp = ends(IpProtocol::UDP, ("192.168.1.20", 50_000), ("203.0.113.9", 443));
    for (flow, headers, payload, packets) in [(video(), 54, 2_500, 3), (udp, 42, 1_000, 1), (udp.back(), 42, 2_001, 3)]
    {
        let before = kernel.datapath.stats().unwrap().upload;
        kernel.run(Hook::LanIngress, &up(flow, payload), merged);
        let after = kernel.datapath.stats().unwrap().upload;
        let moved = (after.bytes.0 - before.bytes.0, after.packets - before.packets);
        assert_eq!(moved, (packets * headers + payload as u64, packets), "{flow:?} {payload}");
    }
}

#[test]
fn counters_of_all_devices_are_read_in_one_go() {
    let Some(mut kernel) = Kernel::new("batch") else { return };
    // So many rows that they come in many batches: the last slot is in the last.
    let device = |number: u16| MacAddress([2, 0, 0, 0, (number >> 8) as u8, number as u8]);
    let slots: Vec<Slot> =
        (1..=Slot::MAX.number()).map(|number| kernel.classes.assign(DeviceId::Mac(device(number))).unwrap()).collect();
    let some: [u16; 9] = [1, 2, 127, 128, 129, 2_047, 2_048, 4_093, 4_094];
    for number in some {
        let mut frame = down(video().back(), usize::from(number % 1_000));
        frame[..6].copy_from_slice(&device(number).0);
        // Each device has an address of its own, else it were one flow.
        frame[32..34].copy_from_slice(&number.to_be_bytes());
        kernel.download(&frame);
    }
    let counts: Vec<_> = kernel.counters().into_iter().map(|count| (count.slot, count.total)).collect();
    let expected =
        some.map(|number| (Some(slots[usize::from(number) - 1]), counted(54 + u64::from(number % 1_000), 1)));
    assert_eq!(counts, expected);
}
