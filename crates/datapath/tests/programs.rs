//! What the programs do with single frames, in this machine's kernel. Needs root.

use datapath::{
    Adopted, ClassCount, ClassMap, Counted, DOWNLOAD_MAJOR, Datapath, DatapathError, DatapathSettings, Events, FlowMap,
    FlowReading, Hook, Leaf, MARK, Setting, Slot, Steering, SteeringMode, UPLOAD_MAJOR,
};
use proptest::prelude::*;
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use vocab::{Address, ByteCount, DeviceId, Direction, Endpoint, FlowKey, IpProtocol, MacAddress, Side, TrafficClass};

const PHONE: MacAddress = MacAddress([0xa4, 0x5e, 0x60, 0, 0, 1]);
const GATEWAY: MacAddress = MacAddress([0x02, 0, 0, 0, 0, 0xfe]);

/// Programs with maps of their own, taken away at the end.
struct Kernel {
    datapath: Datapath,
    classes: ClassMap,
    flows: FlowMap,
    steering: Steering,
    events: Events,
    pin_dir: PathBuf,
}

impl Kernel {
    /// `None` without the right to load programs.
    fn new(name: &str) -> Option<Kernel> {
        let pin_dir = PathBuf::from(format!("/sys/fs/bpf/datapath_{name}_{}", std::process::id()));
        let settings =
            DatapathSettings { pin_dir: pin_dir.clone(), max_flows: 4_096, ring_bytes: 1 << 20, sample_limit: 3 };
        let mut datapath = match Datapath::load_or_adopt(&settings) {
            Ok(datapath) => datapath,
            Err(DatapathError::Permission { .. } | DatapathError::NoBpf) => {
                // Past the capture of the test harness: a skipped test must be seen.
                let said = b"SKIPPED: loading eBPF programs needs root and a kernel with bpf(2)\n";
                std::io::stderr().write_all(said).unwrap();
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(datapath.adopted(), Adopted::Nothing);
        Some(Kernel {
            classes: datapath.classes().unwrap(),
            flows: datapath.flows(),
            steering: datapath.steering(),
            events: datapath.take_events().unwrap(),
            datapath,
            pin_dir,
        })
    }

    fn run(&mut self, hook: Hook, frame: &[u8], setting: Setting) -> datapath::Trial {
        let trial = self.datapath.trial(hook, frame, setting, 1).unwrap();
        assert_eq!(trial.verdict, -1, "the next program and the queue decide, never we");
        trial
    }

    fn upload(&mut self, frame: &[u8]) -> datapath::Trial {
        self.run(Hook::LanIngress, frame, Setting::default())
    }

    fn download(&mut self, frame: &[u8]) -> datapath::Trial {
        self.run(Hook::LanEgress, frame, Setting { ingress_interface: 1, ..Setting::default() })
    }

    fn counters(&self) -> Vec<ClassCount> {
        let mut counts = Vec::new();
        self.classes.read_counters(|count| counts.push(count)).unwrap();
        counts
    }

    fn flows(&self) -> Vec<FlowReading> {
        let mut flows = Vec::new();
        self.flows.read_flows(|flow| flows.push(flow)).unwrap();
        flows
    }

    /// Lengths of the frames that came up.
    fn came_up(&mut self) -> Vec<usize> {
        let mut lengths = Vec::new();
        self.events.poll(Duration::ZERO, usize::MAX, |event| lengths.push(event.bytes.len())).unwrap();
        lengths
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        Datapath::clear(&self.pin_dir).unwrap();
        std::fs::remove_dir(&self.pin_dir).unwrap();
    }
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    from: Endpoint,
    to: Endpoint,
    protocol: IpProtocol,
}

fn end(ip: &str, port: u16) -> Endpoint {
    Endpoint { address: ip.parse::<IpAddr>().unwrap().into(), port }
}

fn ends(protocol: IpProtocol, from: (&str, u16), to: (&str, u16)) -> Ends {
    Ends { from: end(from.0, from.1), to: end(to.0, to.1), protocol }
}

impl Ends {
    fn key(self) -> FlowKey {
        FlowKey::new(self.protocol, self.from, self.to).0
    }

    fn back(self) -> Ends {
        Ends { from: self.to, to: self.from, protocol: self.protocol }
    }
}

fn transport(ends: Ends, payload: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(ends.from.port.to_be_bytes());
    bytes.extend(ends.to.port.to_be_bytes());
    match ends.protocol {
        IpProtocol::TCP => bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]),
        _ => {
            bytes.extend(((8 + payload) as u16).to_be_bytes());
            bytes.extend([0, 0]);
        }
    }
    bytes.resize(bytes.len() + payload, 0x78);
    bytes
}

/// The Internet checksum (RFC 1071) of `bytes`; 0 over a header that holds a right one.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn ethernet(source: MacAddress, destination: MacAddress, tags: &[[u8; 4]], protocol: u16) -> Vec<u8> {
    let mut frame = [destination.0, source.0].concat();
    tags.iter().for_each(|tag| frame.extend(tag));
    frame.extend(protocol.to_be_bytes());
    frame
}

/// An IP packet with this DS field.
fn packet(ends: Ends, traffic_class: u8, payload: usize) -> Vec<u8> {
    let above = transport(ends, payload);
    let (IpAddr::V4(from), IpAddr::V4(to)) = (ends.from.address.ip(), ends.to.address.ip()) else {
        return packet_v6(ends, traffic_class, ends.protocol.0, &above);
    };
    let mut ip = vec![0x45, traffic_class];
    ip.extend(((20 + above.len()) as u16).to_be_bytes());
    ip.extend([0, 1, 0x40, 0, 64, ends.protocol.0, 0, 0]);
    ip.extend(from.octets());
    ip.extend(to.octets());
    let sum = checksum(&ip).to_be_bytes();
    ip[10..12].copy_from_slice(&sum);
    ip.extend(above);
    ip
}

fn packet_v6(ends: Ends, traffic_class: u8, next_header: u8, above: &[u8]) -> Vec<u8> {
    let mut ip = vec![0x60 | traffic_class >> 4, traffic_class << 4, 0, 0];
    ip.extend((above.len() as u16).to_be_bytes());
    ip.extend([next_header, 64]);
    ip.extend(ends.from.address.0);
    ip.extend(ends.to.address.0);
    ip.extend(above);
    ip
}

fn ethertype(ends: Ends) -> u16 {
    if ends.from.address.ip().is_ipv4() { 0x0800 } else { 0x86dd }
}

/// A frame from the phone through the gateway.
fn up(ends: Ends, payload: usize) -> Vec<u8> {
    [ethernet(PHONE, GATEWAY, &[], ethertype(ends)), packet(ends, 0, payload)].concat()
}

/// A frame from the gateway to the phone.
fn down(ends: Ends, payload: usize) -> Vec<u8> {
    [ethernet(GATEWAY, PHONE, &[], ethertype(ends)), packet(ends, 0, payload)].concat()
}

fn video() -> Ends {
    ends(IpProtocol::TCP, ("192.168.1.20", 50_000), ("203.0.113.9", 443))
}

fn counted(bytes: u64, packets: u64) -> Counted {
    Counted { bytes: ByteCount(bytes), packets }
}

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
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(500));
    let kernel = std::cell::RefCell::new(&mut kernel);
    runner
        .run(&(pairs, protocol), |((from, to), protocol)| {
            let mut kernel = kernel.borrow_mut();
            let ends = Ends { from, to, protocol };
            let (key, side) = FlowKey::new(protocol, from, to);
            let before = kernel.flows().iter().find(|flow| flow.key == key).copied();
            kernel.upload(&up(ends, 10));
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
fn a_flow_that_made_room_for_others_regains_its_class() {
    let Some(mut kernel) = Kernel::new("evicted") else { return };
    kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    kernel.upload(&up(video(), 100));
    kernel.flows.set_verdicts(&[(video().key(), TrafficClass::Call, true)]).unwrap();
    for port in 0..20_000 {
        kernel.upload(&up(ends(IpProtocol::TCP, ("192.168.1.20", port), ("198.51.100.1", 80)), 0));
    }
    assert!(!kernel.flows().iter().any(|flow| flow.key == video().key()), "the table holds 4,096");
    kernel.upload(&up(video(), 100));
    let flow = kernel.flows().into_iter().find(|flow| flow.key == video().key()).unwrap();
    assert_eq!((flow.class, flow.settled), (TrafficClass::Call, true));
}

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
fn packets_are_steered_into_the_leaf_that_is_there() {
    let Some(mut kernel) = Kernel::new("steer") else { return };
    let slot = kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    assert_eq!(kernel.steering.slot_of(DeviceId::Mac(PHONE)).unwrap(), Some(slot));
    kernel.flows.set_verdicts(&[(video().key(), TrafficClass::Streaming, true)]).unwrap();
    let towards = |major: u16, minor: u16| u32::from(major) << 16 | u32::from(minor);
    assert_eq!(kernel.download(&down(video().back(), 9)).priority, 0, "off: nothing is touched");
    assert_eq!(kernel.upload(&up(video(), 9)).mark, 0);

    kernel.steering.set_steering(SteeringMode::On).unwrap();
    let frame = down(video().back(), 9);
    assert_eq!(kernel.download(&frame).priority, towards(DOWNLOAD_MAJOR, datapath::DEFAULT_MINOR));
    kernel.steering.set_leaf(slot, TrafficClass::Unclassified, Direction::Download, Leaf::Present).unwrap();
    let unclassified = slot.class_minor(TrafficClass::Unclassified);
    assert_eq!(kernel.download(&frame).priority, towards(DOWNLOAD_MAJOR, unclassified));
    kernel.steering.set_leaf(slot, TrafficClass::Streaming, Direction::Download, Leaf::Present).unwrap();
    let streaming = slot.class_minor(TrafficClass::Streaming);
    assert_eq!(kernel.download(&frame).priority, towards(DOWNLOAD_MAJOR, streaming));
    assert_eq!(
        kernel.upload(&up(video(), 9)).mark,
        MARK | u32::from(datapath::DEFAULT_MINOR),
        "uploads have a tree of their own"
    );

    kernel.steering.set_leaf(slot, TrafficClass::Streaming, Direction::Upload, Leaf::Present).unwrap();
    let marked = kernel.upload(&up(video(), 9));
    assert_eq!((marked.mark, marked.priority), (MARK | u32::from(streaming), 0));
    let out = kernel.run(Hook::WanEgress, &up(video(), 9), Setting { mark: marked.mark, ..Setting::default() });
    assert_eq!((out.mark, out.priority), (0, towards(UPLOAD_MAJOR, streaming)));

    let theirs = Setting { mark: 0x42, priority: 7, ..Setting::default() };
    assert_eq!(kernel.run(Hook::LanIngress, &up(video(), 9), theirs).mark, 0x42, "a mark of others is theirs");
    let out = kernel.run(Hook::WanEgress, &up(video(), 9), theirs);
    assert_eq!((out.mark, out.priority), (0x42, 7));

    kernel.steering.set_steering(SteeringMode::Off).unwrap();
    assert_eq!(kernel.download(&frame).priority, 0);
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
fn marks_keep_ecn_and_the_checksum_right() {
    let Some(mut kernel) = Kernel::new("mark") else { return };
    kernel.steering.set_dscp(Some(TrafficClass::ALL.map(TrafficClass::dscp))).unwrap();
    let video_v6 = ends(IpProtocol::TCP, ("fd00::20", 50_000), ("2001:db8::9", 443));
    for (class, flow) in TrafficClass::ALL.into_iter().flat_map(|class| [(class, video()), (class, video_v6)]) {
        kernel.flows.set_verdicts(&[(flow.key(), class, true)]).unwrap();
        for before in [0, 3, 0xb9, 0xfe] {
            let frame = [ethernet(PHONE, GATEWAY, &[], ethertype(flow)), packet(flow, before, 100)].concat();
            let after = kernel.upload(&frame).frame;
            let is = match flow.from.address.ip() {
                IpAddr::V4(_) => {
                    assert_eq!(checksum(&after[14..34]), 0, "{class} {before:#x}");
                    after[15]
                }
                IpAddr::V6(_) => after[14] << 4 | after[15] >> 4,
            };
            assert_eq!(is, class.dscp() << 2 | before & 3, "{class} {before:#x}");
            assert_eq!(after.len(), frame.len());
            assert_eq!(after[36..], frame[36..], "nothing else is touched");
        }
    }
    kernel.steering.set_dscp(None).unwrap();
    let frame = [ethernet(PHONE, GATEWAY, &[], 0x0800), packet(video(), 0xb9, 100)].concat();
    assert_eq!(kernel.upload(&frame).frame, frame);
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
    let later = [vec![17, 0, 0, 8, 0, 0, 0, 9], vec![0x55; 20]].concat();
    let no_ports = ends(IpProtocol::UDP, ("fd00::20", 0), ("2001:db8::9", 0));
    check("later fragment", v6(44, later, flow_v6(6)), no_ports.key());
    let mut fragment = [ethernet(PHONE, GATEWAY, &[], 0x0800), packet(flow(7), 0, 20)].concat();
    fragment[20..22].copy_from_slice(&[0, 185]);
    check("later IPv4 fragment", fragment, ends(IpProtocol::UDP, ("192.168.1.20", 0), ("203.0.113.9", 0)).key());
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
            for hook in [Hook::LanIngress, Hook::LanEgress, Hook::WanEgress, Hook::HostEgress, Hook::HostIngress] {
                prop_assert_eq!(kernel.run(hook, &frame, Setting::default()).frame.len(), frame.len());
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn devices_get_their_slot_with_the_next_packet() {
    let Some(mut kernel) = Kernel::new("slots") else { return };
    kernel.upload(&up(video(), 100));
    assert_eq!(kernel.datapath.stats().unwrap().unknown, counted(154, 1));
    let behind_router = DeviceId::Ip("192.168.1.20".parse().unwrap());
    let by_address = kernel.classes.assign(behind_router).unwrap();
    kernel.upload(&up(video(), 100));
    assert_eq!(kernel.flows()[0].slot, Some(by_address));
    let by_mac = kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    assert_eq!(kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap(), by_mac, "once given, kept");
    kernel.upload(&up(video(), 100));
    assert_eq!(kernel.flows()[0].slot, Some(by_mac), "a MAC address comes before an IP address");
    let slots: Vec<_> = kernel.counters().into_iter().map(|count| (count.slot, count.total)).collect();
    assert_eq!(slots, [None, Some(by_address), Some(by_mac)].map(|slot| (slot, counted(154, 1))));

    kernel.steering.set_leaf(by_mac, TrafficClass::Voice, Direction::Download, Leaf::Present).unwrap();
    kernel.classes.release(DeviceId::Mac(PHONE)).unwrap();
    assert_eq!(kernel.steering.leaf(by_mac, TrafficClass::Voice, Direction::Download).unwrap(), Leaf::Absent);
    kernel.upload(&up(video(), 100));
    assert_eq!(kernel.flows()[0].slot, Some(by_address));
    let laptop = DeviceId::Mac(MacAddress([0xa4, 0x5e, 0x60, 0, 0, 2]));
    assert_eq!(kernel.classes.assign(laptop).unwrap(), by_mac, "the first free one");
    assert!(!kernel.counters().iter().any(|count| count.slot == Some(by_mac)), "counts are not inherited");
}

#[test]
fn a_restart_adopts_devices_counters_and_steering() {
    let Some(mut kernel) = Kernel::new("adopt") else { return };
    let slot = kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    kernel.steering.set_steering(SteeringMode::On).unwrap();
    kernel.steering.set_leaf(slot, TrafficClass::Web, Direction::Download, Leaf::Present).unwrap();
    kernel.flows.set_verdicts(&[(video().key(), TrafficClass::Web, true)]).unwrap();
    kernel.upload(&up(video(), 100));
    let settings =
        DatapathSettings { pin_dir: kernel.pin_dir.clone(), max_flows: 4_096, ring_bytes: 1 << 20, sample_limit: 3 };
    let mut next = Datapath::load_or_adopt(&settings).unwrap();
    assert_eq!(next.adopted(), Adopted::Maps);
    let classes = next.classes().unwrap();
    assert_eq!(classes.devices(), [(DeviceId::Mac(PHONE), slot)]);
    assert_eq!(next.steering().steering(), SteeringMode::On);
    let setting = Setting { ingress_interface: 1, ..Setting::default() };
    let out = next.trial(Hook::LanEgress, &down(video().back(), 100), setting, 1).unwrap();
    assert_eq!(out.priority, u32::from(DOWNLOAD_MAJOR) << 16 | u32::from(slot.class_minor(TrafficClass::Web)));
    let mut totals = Vec::new();
    classes.read_counters(|count| totals.push((count.direction, count.total))).unwrap();
    assert_eq!(totals, [(Direction::Download, counted(154, 1)), (Direction::Upload, counted(154, 1))]);

    let larger = DatapathSettings { max_flows: 8_192, ..settings };
    let next = Datapath::load_or_adopt(&larger).unwrap();
    assert_eq!(next.adopted(), Adopted::Replaced, "maps of another size cannot be adopted");
    assert_eq!(next.classes().unwrap().devices(), []);
}

#[test]
fn all_slots_can_be_given() {
    let Some(mut kernel) = Kernel::new("full") else { return };
    for number in 0..u32::from(Slot::MAX.number()) {
        let [_, _, a, b] = number.to_be_bytes();
        kernel.classes.assign(DeviceId::Mac(MacAddress([2, 0, 0, 0, a, b]))).unwrap();
    }
    let refused = kernel.classes.assign(DeviceId::Mac(PHONE));
    assert!(matches!(refused, Err(DatapathError::NoSlot(4_094))), "{refused:?}");
}
