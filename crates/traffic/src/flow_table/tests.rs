use super::*;
use crate::TcpFlags;
use crate::packet::TcpSegment;
use proptest::prelude::*;
use std::net::IpAddr;
use vocab::{Endpoint, IpProtocol, MacAddress};

const PHONE: MacAddress = MacAddress([0xa4, 0x5e, 0x60, 0, 0, 1]);
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const FIN: u8 = 0x01;

fn end(text: &str) -> Endpoint {
    let (address, port) = text.rsplit_once(':').unwrap();
    Endpoint { address: address.parse::<IpAddr>().unwrap().into(), port: port.parse().unwrap() }
}

fn packet<'a>(source: Endpoint, destination: Endpoint, transport: Transport, payload: &'a [u8]) -> Packet<'a> {
    let local = |end: Endpoint| Locality::default().is_local(end.address);
    Packet {
        source,
        destination,
        protocol: if matches!(transport, Transport::Udp) { IpProtocol::UDP } else { IpProtocol::TCP },
        transport,
        source_mac: local(source).then_some(PHONE),
        destination_mac: local(destination).then_some(PHONE),
        vlan: None,
        dscp: 0,
        ttl: 64,
        wire_len: 54 + payload.len() as u32,
        fragment: Fragment::Whole,
        payload,
        cut: 0,
    }
}

fn tcp(flags: u8, seq: u32) -> Transport {
    Transport::Tcp(TcpSegment { flags: TcpFlags(flags), seq, ack: 0 })
}

fn table() -> FlowTable {
    FlowTable::new(FlowLimits::default(), Locality::default())
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + millis)
}

/// A ClientHello record for `name`, `padding` bytes long before its server name.
fn client_hello(name: &str, padding: usize) -> Vec<u8> {
    let name = name.as_bytes();
    let mut extensions = vec![0, 21];
    extensions.extend_from_slice(&(padding as u16).to_be_bytes());
    extensions.resize(extensions.len() + padding, 0);
    extensions.extend_from_slice(&[0, 0]);
    extensions.extend_from_slice(&(name.len() as u16 + 5).to_be_bytes());
    extensions.extend_from_slice(&(name.len() as u16 + 3).to_be_bytes());
    extensions.push(0);
    extensions.extend_from_slice(&(name.len() as u16).to_be_bytes());
    extensions.extend_from_slice(name);
    let mut body = vec![3, 3];
    body.resize(34, 7);
    body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0]);
    body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    body.extend_from_slice(&extensions);
    let mut record = vec![22, 3, 1];
    record.extend_from_slice(&(body.len() as u16 + 4).to_be_bytes());
    record.push(1);
    record.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    record.extend_from_slice(&body);
    record
}

/// Says who wrote `payloads` (`>` the device, `<` the server) to a fresh UDP flow, and gives the verdict.
fn check_udp(server: &str, payloads: &[(char, Vec<u8>)], class: TrafficClass) {
    let (phone, server) = (end("192.168.1.20:50000"), end(server));
    let mut table = table();
    let mut last = None;
    for (step, (way, payload)) in payloads.iter().enumerate() {
        let (source, destination) = if *way == '>' { (phone, server) } else { (server, phone) };
        let packet = packet(source, destination, Transport::Udp, payload);
        last = Some(table.observe(&packet, None, at(step as u64 * 20)));
    }
    let observed = last.unwrap();
    assert_eq!(observed.class, class, "{:?}", table.get(observed.flow));
}

fn check_tcp(server: &str, payloads: &[(char, Vec<u8>)], expected: TrafficClass, application: &str) {
    let (phone, server) = (end("192.168.1.20:50000"), end(server));
    let mut table = table();
    table.observe(&packet(phone, server, tcp(SYN, 0), &[]), None, at(0));
    let mut observed = table.observe(&packet(server, phone, tcp(SYN | ACK, 0), &[]), None, at(1));
    let mut next = [1_u32; 2];
    for (step, (way, payload)) in payloads.iter().enumerate() {
        let from_phone = *way == '>';
        let (source, destination) = if from_phone { (phone, server) } else { (server, phone) };
        let seq = &mut next[usize::from(from_phone)];
        observed = table.observe(&packet(source, destination, tcp(ACK, *seq), payload), None, at(2 + step as u64));
        *seq += payload.len() as u32;
    }
    let summary = table.get(observed.flow).unwrap();
    assert_eq!((summary.verdict.class, summary.verdict.application.as_str()), (expected, application), "{summary:?}");
}

#[test]
fn the_families_of_a_household_are_known_within_ten_packets() {
    use TrafficClass::{Backup, Download, Interactive, Streaming, Update, Web};
    let hello = |name: &str| vec![('>', client_hello(name, 10))];
    check_tcp("203.0.113.9:443", &hello("rr4---sn-h0jeln7l.googlevideo.com"), Streaming, "YouTube");
    check_tcp("203.0.113.9:443", &hello("ipv4-c001-fra.oca.nflxvideo.net"), Streaming, "Netflix");
    check_tcp("203.0.113.9:443", &hello("releases.ubuntu.com"), Download, "Ubuntu images");
    check_tcp("203.0.113.9:443", &hello("f001.backblazeb2.com"), Backup, "Backblaze");
    check_tcp("203.0.113.9:443", &hello("www.example.org"), Web, "TLS");
    let update = b"GET /ubuntu/pool/x.deb HTTP/1.1\r\nHost: archive.ubuntu.com\r\nUser-Agent: x\r\n\r\n".to_vec();
    check_tcp("203.0.113.9:80", &[('>', update)], Update, "Ubuntu update");
    check_tcp("203.0.113.9:22", &[('<', b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())], Interactive, "SSH");
}

fn rtp(kind: u8, sequence: u16, clock: u32, payload: usize) -> Vec<u8> {
    let mut bytes = vec![0x80, kind];
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&clock.to_be_bytes());
    bytes.extend_from_slice(&0x1234_5678_u32.to_be_bytes());
    bytes.resize(12 + payload, 0x5a);
    bytes
}

#[test]
fn calls_are_told_apart() {
    for kind in [0, 8, 111] {
        let both: Vec<(char, Vec<u8>)> = (0..10)
            .map(|n| (if n % 2 == 0 { '>' } else { '<' }, rtp(kind, n / 2, u32::from(n / 2) * 160, 160)))
            .collect();
        check_udp("203.0.113.9:40000", &both, TrafficClass::Voice);
    }
    let mut binding = vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42];
    binding.resize(20, 9);
    binding.extend_from_slice(&[0, 0x24, 0, 4, 1, 2, 3, 4]);
    let mut call = vec![('>', binding.clone()), ('<', binding)];
    call.extend((0..4).map(|n| ('>', rtp(96, n, 3_000, 1_188))));
    check_udp("203.0.113.9:40000", &call, TrafficClass::Call);
}

#[test]
fn a_hello_in_pieces_out_of_order_and_repeated_is_read() {
    let hello = client_hello("www.netflix.com", 3_000);
    let pieces: Vec<(usize, &[u8])> = hello.chunks(700).enumerate().map(|(n, piece)| (n * 700, piece)).collect();
    let (phone, server) = (end("192.168.1.20:50000"), end("203.0.113.9:443"));
    for order in [[4, 2, 0, 0, 3, 1], [0, 1, 2, 3, 4, 4], [1, 1, 4, 3, 2, 0]] {
        let mut table = table();
        table.observe(&packet(phone, server, tcp(SYN, 4_294_967_000), &[]), None, at(0));
        let mut observed = None;
        for place in order {
            let (offset, piece) = pieces[place];
            let seq = 4_294_967_001_u32.wrapping_add(offset as u32);
            observed = Some(table.observe(&packet(phone, server, tcp(ACK, seq), piece), None, at(1)));
        }
        let observed = observed.unwrap();
        assert_eq!((observed.class, observed.settlement), (TrafficClass::Streaming, Settlement::Settled));
        let verdict = table.get(observed.flow).unwrap().verdict;
        assert_eq!(verdict.evidence, "server name www.netflix.com in the TLS hello");
        assert_eq!(table.counters().reassembly_bytes, 0, "working memory is given back");
    }
}

#[test]
fn a_name_from_dns_serves_where_the_flow_hides_its_own() {
    let (phone, server) = (end("192.168.1.20:50000"), end("203.0.113.9:443"));
    for (asked, class, name) in [(true, TrafficClass::Streaming, "www.netflix.com"), (false, TrafficClass::Web, "")] {
        let mut table = table();
        resolve(&mut table, "www.netflix.com", asked);
        let observed = table.observe(&packet(phone, server, tcp(SYN, 0), &[]), None, at(9));
        let verdict = table.get(observed.flow).unwrap().verdict;
        assert_eq!((verdict.class, verdict.server_name.as_str()), (class, name), "asked: {asked}");
    }
}

/// The phone learns where `name` stands; or somebody says so without having been asked.
fn resolve(table: &mut FlowTable, name: &str, asked: bool) {
    let (phone, resolver) = (end("192.168.1.20:41000"), end("192.168.1.1:53"));
    let answer = answer(name);
    if asked {
        let mut question = answer.clone();
        question.truncate(answer.len() - 16);
        question[2..8].copy_from_slice(&[1, 0, 0, 1, 0, 0]);
        table.observe(&packet(phone, resolver, Transport::Udp, &question), None, at(0));
    }
    table.observe(&packet(resolver, phone, Transport::Udp, &answer), None, at(0));
}

/// What DNS answers a device: `name` (of three labels) stands at 203.0.113.9.
fn answer(name: &str) -> Vec<u8> {
    let mut answer = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    for label in name.split('.') {
        answer.push(label.len() as u8);
        answer.extend_from_slice(label.as_bytes());
    }
    answer.extend_from_slice(b"\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xcb\0\x71\x09");
    answer
}

/// A hello that carries an encrypted one (RFC 9849) beside `name`.
fn encrypted_hello(name: &str) -> Vec<u8> {
    let mut record = client_hello(name, 80);
    let place = record.windows(2).position(|bytes| bytes == [0, 21]).unwrap();
    record[place..place + 2].copy_from_slice(&[0xfe, 0x0d]);
    record
}

#[test]
fn the_name_around_an_encrypted_hello_gives_way_to_what_the_device_asked_for() {
    for (told, outer, name, class) in [
        (Some("www.netflix.com"), "cloudflare-ech.com", "www.netflix.com", TrafficClass::Streaming),
        (Some("www.netflix.com"), "public.provider.example", "www.netflix.com", TrafficClass::Streaming),
        (Some("www.example.net"), "www.netflix.com", "www.example.net", TrafficClass::Web),
        (Some("api.netflix.com"), "www.netflix.com", "www.netflix.com", TrafficClass::Streaming),
        (None, "www.netflix.com", "www.netflix.com", TrafficClass::Streaming),
        (None, "cloudflare-ech.com", "cloudflare-ech.com", TrafficClass::Web),
    ] {
        let (phone, server) = (end("192.168.1.20:50000"), end("203.0.113.9:443"));
        let mut table = table();
        if let Some(told) = told {
            resolve(&mut table, told, true);
        }
        let observed = table.observe(&packet(phone, server, tcp(ACK, 1), &encrypted_hello(outer)), None, at(9));
        let verdict = table.get(observed.flow).unwrap().verdict;
        assert_eq!((verdict.server_name.as_str(), verdict.class), (name, class), "{told:?} {outer}");
    }
}

#[test]
fn a_flow_names_the_address_for_those_that_come_after_it() {
    let (first, later) = (end("192.168.1.20:50000"), end("192.168.1.20:50001"));
    let server = end("203.0.113.9:443");
    let mut table = table();
    table.observe(&packet(first, server, tcp(ACK, 1), &client_hello("www.netflix.com", 10)), None, at(0));
    let observed = table.observe(&packet(later, server, tcp(ACK, 1), &[0x17, 3, 3, 0, 30, 1, 2, 3]), None, at(9));
    let verdict = table.get(observed.flow).unwrap().verdict;
    assert_eq!((verdict.class, verdict.server_name.as_str()), (TrafficClass::Streaming, "www.netflix.com"));
    assert!(verdict.ja4.is_empty());
}

#[test]
fn hellos_leave_their_fingerprint_also_behind_an_upgrade() {
    let (phone, server) = (end("192.168.1.20:50001"), end("203.0.113.9:25"));
    let hello = client_hello("mx.example.org", 2_000);
    let mut table = table();
    let mut ja4 = Vec::new();
    let steps: [(bool, &[u8]); 8] = [
        (false, b"220 mx.example.org ESMTP\r\n"),
        (true, b"EHLO phone\r\n"),
        (false, b"250-mx.example.org\r\n250 STARTTLS\r\n"),
        (true, b"STARTTLS\r\n"),
        (false, b"220 go on\r\n"),
        (true, &hello[..1_400]),
        (true, &hello[1_400..]),
        (true, b"more"),
    ];
    let mut next = [1_u32; 2];
    for (step, &(from_phone, payload)) in steps.iter().enumerate() {
        let (source, destination) = if from_phone { (phone, server) } else { (server, phone) };
        let seq = &mut next[usize::from(from_phone)];
        let packet = packet(source, destination, tcp(ACK, *seq), payload);
        let observed = table.observe(&packet, None, at(step as u64));
        *seq += payload.len() as u32;
        let verdict = table.get(observed.flow).unwrap().verdict;
        assert_eq!(verdict.class, TrafficClass::Work, "step {step}");
        ja4.push((verdict.ja4, verdict.server_name, verdict.application));
    }
    let (ja4, name, application) = ja4.pop().unwrap();
    assert_eq!((name.as_str(), application.as_str()), ("mx.example.org", "SMTPS"));
    assert!(ja4.starts_with("t12d010200_"), "{ja4}");
    assert_eq!(table.counters().reassembly_bytes, 0, "working memory is given back");
}

#[test]
fn a_web_flow_that_moves_too_much_becomes_a_download_by_the_kernels_counters_alone() {
    let (phone, server) = (end("192.168.1.20:50000"), end("203.0.113.9:443"));
    let mut table = table();
    table.observe(&packet(phone, server, tcp(SYN, 0), &[]), None, at(0));
    let hello = client_hello("www.example.org", 0);
    let seen = table.observe(&packet(phone, server, tcp(ACK, 1), &hello), None, at(1));
    assert!(seen.settled_now && seen.class == TrafficClass::Web);
    let many = Counts { bytes: ByteCount(13_000_000), packets: 9_000 };
    let (low, high) = if seen.key.low() == server { (many, Counts::default()) } else { (Counts::default(), many) };
    let grown = table.observe_counts(&seen.key, low, high, None, at(900));
    assert_eq!((grown.class, grown.class_changed), (TrafficClass::Download, true));
    assert_eq!(grown.owner, Some((DeviceId::Mac(PHONE), Direction::Download)));
    let summary = table.get(grown.flow).unwrap();
    assert_eq!(summary.packets, Directed { download: 9_000, upload: 2 });
    assert!(summary.verdict.evidence.contains("12 MB"), "{}", summary.verdict.evidence);
}

#[test]
fn counters_may_come_before_the_first_packet() {
    let (phone, server) = (end("192.168.1.20:50000"), end("203.0.113.9:443"));
    let hello = client_hello("rr4---sn-h0jeln7l.googlevideo.com", 10);
    let packets = [packet(server, phone, tcp(SYN | ACK, 0), &[]), packet(phone, server, tcp(ACK, 1), &hello)];
    let (mut counted_first, mut seen_first) = (table(), table());
    let (low, high) = (Counts { bytes: ByteCount(74), packets: 1 }, Counts::default());
    let opened = counted_first.observe_counts(&packets[0].key().0, low, high, None, at(0));
    assert!(opened.opened && opened.owner.is_none());
    for (step, packet) in packets.iter().enumerate() {
        let time = at(1 + step as u64);
        let counted = counted_first.observe_counted(packet, Counts::default(), None, time);
        let seen = seen_first.observe(packet, None, time);
        assert_eq!((counted.class, counted.owner, counted.settlement), (seen.class, seen.owner, seen.settlement));
    }
    let (counted, seen) = (counted_first.drain().remove(0), seen_first.drain().remove(0));
    assert_eq!((counted.verdict.class, counted.device), (TrafficClass::Streaming, Some(DeviceId::Mac(PHONE))));
    assert_eq!((counted.verdict, counted.initiator), (seen.verdict, seen.initiator));
}

#[test]
fn the_packet_that_settles_a_class_changes_it() {
    let (phone, server) = (end("192.168.1.20:50000"), end("203.0.113.9:443"));
    let hello = client_hello("rr4---sn-h0jeln7l.googlevideo.com", 10);
    let mut table = table();
    let steps = [(SYN, 0, &[][..]), (ACK, 1, &hello[..]), (ACK, 2, &[0][..])];
    let seen = steps.map(|(flags, seq, payload)| {
        let observed = table.observe(&packet(phone, server, tcp(flags, seq), payload), None, at(u64::from(seq)));
        (observed.class, observed.class_changed, observed.settled_now)
    });
    let (web, streaming) = (TrafficClass::Web, TrafficClass::Streaming);
    assert_eq!(seen, [(web, true, false), (streaming, true, true), (streaming, false, false)]);
}

#[test]
fn flows_end_by_fin_by_idling_and_begin_anew() {
    let (phone, server) = (end("192.168.1.20:50000"), end("203.0.113.9:443"));
    let mut table = table();
    let first = table.observe(&packet(phone, server, tcp(SYN, 0), &[]), None, at(0));
    table.observe(&packet(server, phone, tcp(FIN | ACK, 1), &[]), None, at(10));
    table.observe(&packet(phone, server, tcp(FIN | ACK, 1), &[]), None, at(20));
    assert!(table.expire(at(5_000)).is_empty(), "it lingers");
    let second = table.observe(&packet(phone, server, tcp(SYN, 77), &[]), None, at(6_000));
    assert!(second.opened && second.flow != first.flow);
    let ended = table.expire(at(6_000));
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].packets, Directed { download: 1, upload: 2 });
    assert_eq!(table.expire(at(120_000)).len(), 1, "nobody answered the second");
    assert_eq!((table.counters().open, table.counters().ended), (0, 2));
}

/// A flow whose hello was read, then these segments (from the phone, flags, number, the number it answers): how many
/// flows that were by the end.
fn check_reopened(segments: &[(bool, u8, u32, u32)], flows: u64) {
    let (phone, server) = (end("192.168.1.20:50000"), end("203.0.113.9:443"));
    let mut table = table();
    let hello = client_hello("www.example.org", 10);
    let behind = 101 + hello.len() as u32;
    let opening: [(bool, u8, u32, u32, &[u8]); 4] = [
        (true, SYN, 100, 0, &[]),
        (false, SYN | ACK, 500, 101, &[]),
        (true, ACK, 101, 501, &hello),
        (false, ACK, 501, behind, &[]),
    ];
    let later = segments.iter().map(|&(from_phone, flags, seq, ack)| (from_phone, flags, seq, ack, &[][..]));
    for (step, (from_phone, flags, seq, ack, payload)) in opening.into_iter().chain(later).enumerate() {
        let (source, destination) = if from_phone { (phone, server) } else { (server, phone) };
        let segment = TcpSegment { flags: TcpFlags(flags), seq, ack };
        table.observe(&packet(source, destination, Transport::Tcp(segment), payload), None, at(step as u64));
    }
    assert_eq!(table.counters().opened, flows, "{segments:?}");
}

#[test]
fn old_ports_are_a_new_flow_once_the_other_side_takes_it_up() {
    let (again, taken_up) = ((true, SYN, 900_000, 0), (false, SYN | ACK, 7_000, 900_001));
    check_reopened(&[], 1);
    check_reopened(&[again], 1);
    check_reopened(&[again, taken_up], 2);
    check_reopened(&[taken_up], 1);
    check_reopened(&[again, (false, SYN | ACK, 7_000, 5), (false, ACK, 501, 101)], 1);
    check_reopened(&[(true, SYN, 100, 0), (false, SYN | ACK, 500, 101)], 1);
    let reset = (false, 0x04, 501, 0);
    check_reopened(&[reset, (true, SYN, 100, 0)], 1);
    check_reopened(&[reset, again, taken_up], 2);
    check_reopened(&[reset, taken_up], 2);
}

#[test]
fn the_first_packet_of_a_window_is_marked() {
    let (phone, server) = (end("192.168.1.20:50000"), end("203.0.113.9:443"));
    let mut table = table();
    let marks: Vec<bool> = [0, 400, 999, 1_000, 1_500, 3_000]
        .map(|millis| table.observe(&packet(phone, server, tcp(ACK, 1), &[]), None, at(millis)).first_in_window)
        .to_vec();
    assert_eq!(marks, [true, false, false, true, false, true]);
}

#[test]
fn a_full_table_keeps_what_people_wait_for() {
    let limits = FlowLimits { flows: 64, ..FlowLimits::default() };
    let mut table = FlowTable::new(limits, Locality::default());
    let (phone, server) = (end("192.168.1.20:50000"), end("203.0.113.9:22"));
    table.observe(&packet(phone, server, tcp(SYN, 0), &[]), None, at(0));
    let ssh = table.observe(&packet(server, phone, tcp(ACK, 1), b"SSH-2.0-x\r\n"), None, at(1));
    for n in 0..5_000_u32 {
        let scanner = Endpoint { address: vocab::Address::from_v4(n.to_be_bytes()), port: 1_024 + n as u16 };
        table.observe(&packet(scanner, phone, tcp(SYN, n), &[]), None, at(2 + u64::from(n)));
    }
    assert!(table.get(ssh.flow).is_some(), "a flood never evicts an answered flow of a protected class");
    let counters = table.counters();
    assert_eq!((counters.open, counters.evicted, counters.evicted_protected), (64, 4_937, 0));
}

#[test]
fn established_flows_of_protected_classes_are_never_evicted() {
    let limits = FlowLimits { flows: 8, ..FlowLimits::default() };
    let mut table = FlowTable::new(limits, Locality::default());
    let server = end("203.0.113.9:22");
    // Three quarters of the table may be spared.
    let established: Vec<FlowId> = (0..6_u16)
        .map(|n| {
            let phone = Endpoint { port: 50_000 + n, ..end("192.168.1.20:0") };
            let mut flow = None;
            for seq in 0..4 {
                table.observe(&packet(phone, server, tcp(ACK, seq), &[]), None, at(u64::from(seq)));
                let greeting: &[u8] = if seq == 0 { b"SSH-2.0-x\r\n" } else { &[] };
                let answer = packet(server, phone, tcp(ACK, 1 + seq), greeting);
                flow = Some(table.observe(&answer, None, at(u64::from(seq))).flow);
            }
            flow.expect("four rounds were seen")
        })
        .collect();
    for n in 0..1_000_u32 {
        let scanner = Endpoint { address: vocab::Address::from_v4(n.to_be_bytes()), port: 1_024 };
        table.observe(&packet(scanner, server, tcp(SYN, n), &[]), None, at(10 + u64::from(n)));
    }
    assert!(established.iter().all(|&flow| table.get(flow).is_some()));
    let counters = table.counters();
    assert_eq!((counters.open, counters.evicted_protected), (8, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever comes: the table never holds more than it may, every flow opened ends in exactly one summary
    /// or is open, and no byte is lost between packets and summaries.
    #[test]
    fn nothing_is_lost_and_nothing_grows(
        steps in proptest::collection::vec(
            (0u8..24, 0u8..4, 0u8..32, proptest::collection::vec(any::<u8>(), 0..80), 0u64..20_000, any::<bool>()),
            1..200,
        ),
    ) {
        let limits = FlowLimits { flows: 8, reassembly_bytes: 300, ..FlowLimits::default() };
        let mut table = FlowTable::new(limits, Locality::default());
        let (mut now, mut sent, mut summed, mut summaries) = (0, 0, 0, 0);
        for (flow, flags, seq, payload, later, udp) in steps {
            now += later;
            let (phone, server) = (end(&format!("192.168.1.20:{}", 50_000 + u16::from(flow / 2))), end("203.0.113.9:443"));
            let (source, destination) = if flow % 2 == 0 { (phone, server) } else { (server, phone) };
            let flags = [SYN, ACK, FIN | ACK, 0x04][usize::from(flags)];
            let transport = if udp { Transport::Udp } else { tcp(flags, u32::from(seq)) };
            let packet = packet(source, destination, transport, &payload);
            sent += u64::from(packet.wire_len);
            table.observe(&packet, None, at(now));
            let counters = table.counters();
            prop_assert!(counters.open <= 8);
            prop_assert!(counters.reassembly_bytes <= 4_000, "{}", counters.reassembly_bytes);
            for flow in table.expire(at(now)) {
                summed += flow.bytes.download.0 + flow.bytes.upload.0;
                summaries += 1;
            }
        }
        for flow in table.drain() {
            summed += flow.bytes.download.0 + flow.bytes.upload.0;
            summaries += 1;
        }
        prop_assert_eq!(summed, sent);
        prop_assert_eq!(summaries, table.counters().opened);
        prop_assert_eq!((table.counters().open, table.counters().reassembly_bytes), (0, 0));
    }
}

#[test]
fn a_resolver_over_tcp_teaches_as_long_as_it_answers() {
    let (phone, resolver) = (end("192.168.1.20:41000"), end("192.168.1.1:53"));
    let behind_length = |message: &[u8]| [&(message.len() as u16).to_be_bytes()[..], message].concat();
    let mut table = table();
    // Long settled, and all within one window: only that it teaches sets the last answer apart.
    let names =
        ["a.example.net", "b.example.net", "c.example.net", "d.example.net", "e.example.net", "www.netflix.com"];
    for (n, name) in names.into_iter().enumerate() {
        let answer = answer(name);
        let mut question = answer[..answer.len() - 16].to_vec();
        question[2..8].copy_from_slice(&[1, 0, 0, 1, 0, 0]);
        let seq = 1 + 100 * n as u32;
        table.observe(&packet(phone, resolver, tcp(ACK, seq), &behind_length(&question)), None, at(n as u64));
        table.observe(&packet(resolver, phone, tcp(ACK, seq), &behind_length(&answer)), None, at(n as u64));
        assert_eq!(table.name_of(DeviceId::Mac(PHONE), end("203.0.113.9:0").address), Some(name));
    }
}

#[test]
fn the_pace_of_a_call_is_part_of_its_reason() {
    let (phone, peer) = (end("192.168.1.20:40000"), end("203.0.113.9:40002"));
    let mut table = table();
    let mut flow = None;
    for n in 0..50_u16 {
        for (ends, source) in [((phone, peer), 1_u8), ((peer, phone), 2)] {
            let mut rtp = vec![0x80, 0];
            rtp.extend_from_slice(&n.to_be_bytes());
            rtp.extend_from_slice(&(u32::from(n) * 160).to_be_bytes());
            rtp.extend_from_slice(&[source; 4]);
            rtp.resize(172, 0x55);
            let seen = packet(ends.0, ends.1, Transport::Udp, &rtp);
            flow = Some(table.observe(&seen, None, at(20 * u64::from(n))).flow);
        }
    }
    let verdict = table.get(flow.unwrap()).unwrap().verdict;
    assert_eq!(verdict.class, TrafficClass::Voice);
    assert!(verdict.evidence.ends_with("packets/s of 172 bytes both ways"), "{}", verdict.evidence);
}

#[test]
fn a_worker_can_take_its_table_along() {
    fn is_send<T: Send>() {}
    is_send::<FlowTable>();
    is_send::<crate::Meter>();
    assert!(size_of::<Flow>() <= 512, "{} bytes per flow", size_of::<Flow>());
}

#[test]
fn a_clock_that_is_set_forward_ends_no_flow() {
    let (phone, server) = (end("192.168.1.20:50000"), end("203.0.113.9:443"));
    let mut table = table();
    let hello = client_hello("www.example.org", 10);
    table.observe(&packet(phone, server, tcp(SYN, 0), &[]), None, at(0));
    table.observe(&packet(server, phone, tcp(SYN | ACK, 0), &[]), None, at(1));
    let before = table.observe(&packet(phone, server, tcp(ACK, 1), &hello), None, at(2));
    let hours = Duration::from_secs(5 * 3_600);
    table.leap(hours);
    assert_eq!(table.expire(at(1_000) + hours).len(), 0);
    let after = table.observe(&packet(server, phone, tcp(ACK, 1), &[1; 100]), None, at(1_020) + hours);
    assert_eq!((after.flow, after.class), (before.flow, before.class));
    let summary = table.get(after.flow).unwrap();
    assert_eq!(summary.last_seen.since(summary.first_seen), Duration::from_millis(1_020));
    // And from there time passes as always.
    assert_eq!(table.expire(at(1_020) + hours + FlowLimits::default().idle_stream).len(), 1);
}
