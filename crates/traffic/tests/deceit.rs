//! What somebody tells who wants to be served first: each of these was believed once.
#![allow(missing_docs)]

use std::time::Duration;
use traffic::{Counts, FlowLimits, FlowTable, Fragment, Locality, Packet, TcpFlags, TcpSegment, Transport};
use vocab::{ByteCount, DeviceId, Endpoint, FlowKey, IpProtocol, Timestamp, TrafficClass};

/// A table and the time in it.
struct Stage {
    table: FlowTable,
    now: Timestamp,
}

fn end(text: &str) -> Endpoint {
    let socket: std::net::SocketAddr = text.parse().unwrap();
    Endpoint { address: socket.ip().into(), port: socket.port() }
}

impl Stage {
    fn new(flows: usize) -> Stage {
        let limits = FlowLimits { flows, ..FlowLimits::default() };
        Stage { table: FlowTable::new(limits, Locality::default()), now: Timestamp::from_unix_secs(1_700_000_000) }
    }

    fn send(&mut self, from: &str, to: &str, transport: Transport, payload: &[u8]) -> FlowKey {
        self.now = self.now + Duration::from_millis(10);
        let packet = Packet {
            source: end(from),
            destination: end(to),
            protocol: if matches!(transport, Transport::Udp) { IpProtocol::UDP } else { IpProtocol::TCP },
            transport,
            source_mac: None,
            destination_mac: None,
            vlan: None,
            dscp: 0,
            ttl: 64,
            wire_len: 66 + payload.len() as u32,
            fragment: Fragment::Whole,
            payload,
            cut: 0,
        };
        self.table.observe(&packet, None, self.now).key
    }

    fn udp(&mut self, from: &str, to: &str, payload: &[u8]) -> FlowKey {
        self.send(from, to, Transport::Udp, payload)
    }

    fn tcp(&mut self, from: &str, to: &str, seq: u32, payload: &[u8]) -> FlowKey {
        self.send(from, to, Transport::Tcp(TcpSegment { flags: TcpFlags(0x18), seq, ack: 1 }), payload)
    }

    /// `mbit_s` to whoever is not `from`, a little back, for `seconds`; what the flow is for then.
    fn bulk(&mut self, key: &FlowKey, from: &str, mbit_s: u64, seconds: u64) -> TrafficClass {
        let much = Counts { bytes: ByteCount(mbit_s * 125_000), packets: mbit_s * 90 };
        let little = Counts { bytes: ByteCount(mbit_s * 1_250), packets: mbit_s };
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            let (low, high) = if key.low() == end(from) { (much, little) } else { (little, much) };
            self.table.observe_counts(key, low, high, None, self.now);
        }
        self.class(key)
    }

    fn class(&self, key: &FlowKey) -> TrafficClass {
        self.table.get_by_key(key).expect("the flow is open").verdict.class
    }

    /// A call of G.711 (RFC 3551), both ways.
    fn call(&mut self, one: &str, other: &str) -> FlowKey {
        let mut key = None;
        for n in 0..8_u8 {
            for (from, to, source) in [(one, other, 1), (other, one, 2)] {
                let mut rtp = vec![0x80, 0, 0, n, 0, 0, n, 0, source, source, source, source];
                rtp.resize(172, 0x55);
                key = Some(self.udp(from, to, &rtp));
            }
        }
        key.expect("packets were sent")
    }
}

const PHONE: &str = "192.168.1.20:40000";
const PEER: &str = "203.0.113.9:40002";

#[test]
fn what_begins_as_a_call_and_moves_as_a_transfer_is_one() {
    for (mbit_s, from, class) in [
        (0, PEER, TrafficClass::Voice),
        (2, PEER, TrafficClass::Call),
        (20, PEER, TrafficClass::Download),
        (20, PHONE, TrafficClass::Backup),
    ] {
        let mut stage = Stage::new(100);
        let key = stage.call(PHONE, PEER);
        assert_eq!(stage.class(&key), TrafficClass::Voice);
        assert_eq!(stage.bulk(&key, from, mbit_s, 30), class, "{mbit_s} Mbit/s from {from}");
    }
}

#[test]
fn what_begins_as_a_game_and_moves_as_a_transfer_is_one() {
    let warcraft = [0xf7, 0x2f, 8, 0, 1, 0, 0, 0];
    let pictures = [0x90, 0x60, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];
    for (server, opening, mbit_s, from, class) in [
        ("203.0.113.9:6112", &warcraft[..], 1, "203.0.113.9:6112", TrafficClass::Gaming),
        ("203.0.113.9:6112", &warcraft, 10, "203.0.113.9:6112", TrafficClass::Download),
        ("203.0.113.9:6112", &warcraft, 10, PHONE, TrafficClass::Backup),
        ("203.0.113.9:49005", &pictures, 45, "203.0.113.9:49005", TrafficClass::Gaming),
        ("203.0.113.9:49005", &pictures, 300, "203.0.113.9:49005", TrafficClass::Download),
        ("203.0.113.9:47998", &[7; 40], 45, "203.0.113.9:47998", TrafficClass::Download),
    ] {
        let mut stage = Stage::new(100);
        let mut key = stage.udp(PHONE, server, opening);
        for _ in 0..4 {
            key = stage.udp(server, PHONE, opening);
        }
        assert_eq!(stage.class(&key), TrafficClass::Gaming, "{server}");
        assert_eq!(stage.bulk(&key, from, mbit_s, 30), class, "{mbit_s} Mbit/s from {from}");
    }
}

#[test]
fn a_game_that_fetched_its_map_is_a_game_again() {
    let (server, message) = ("203.0.113.9:6112", [0xf7, 0x2f, 8, 0, 1, 0, 0, 0]);
    let mut stage = Stage::new(100);
    for _ in 0..30 {
        stage.udp(PHONE, server, &message);
    }
    let key = stage.udp(server, PHONE, &message);
    assert_eq!(stage.bulk(&key, server, 20, 10), TrafficClass::Download);
    for _ in 0..70 {
        stage.now = stage.now + Duration::from_secs(1);
        let few = Counts { bytes: ByteCount(8_000), packets: 60 };
        stage.table.observe_counts(&key, few, few, None, stage.now);
    }
    assert_eq!(stage.class(&key), TrafficClass::Gaming);
}

#[test]
fn a_terminal_that_was_quiet_all_day_and_copies_now_is_a_transfer() {
    let mut stage = Stage::new(100);
    let key = stage.tcp("203.0.113.9:22", "192.168.1.20:50000", 1, b"SSH-2.0-OpenSSH_9.6\r\n");
    stage.tcp("192.168.1.20:50000", "203.0.113.9:22", 1, b"SSH-2.0-OpenSSH_9.6\r\n");
    for _ in 0..8 * 60 {
        stage.now = stage.now + Duration::from_secs(60);
        let few = Counts { bytes: ByteCount(200), packets: 2 };
        stage.table.observe_counts(&key, few, few, None, stage.now);
    }
    assert_eq!(stage.class(&key), TrafficClass::Interactive);
    assert_eq!(stage.bulk(&key, "203.0.113.9:22", 100, 20), TrafficClass::Download);
}

#[test]
fn nobody_announces_for_others() {
    for (device, class) in [("192.168.1.66", TrafficClass::Download), ("192.168.1.30", TrafficClass::Web)] {
        let mut stage = Stage::new(100);
        stage.tcp("198.51.100.66:21", "192.168.1.66:40000", 1, b"220 FTP server ready\r\n");
        stage.tcp("192.168.1.66:40000", "198.51.100.66:21", 1, b"PASV\r\n");
        stage.tcp("198.51.100.66:21", "192.168.1.66:40000", 23, b"227 Entering Passive Mode (203,0,113,5,1,187).\r\n");
        let key = stage.tcp(&format!("{device}:50001"), "203.0.113.5:443", 1, &[0x17, 3, 3, 0, 40]);
        assert_eq!(stage.class(&key), class, "{device}");
    }
}

#[test]
fn only_who_answers_says_where_its_data_comes_from() {
    let (device, server) = ("192.168.1.66:40000", "198.51.100.66:21");
    for (from, to, class) in [(server, device, TrafficClass::Download), (device, server, TrafficClass::Web)] {
        let mut stage = Stage::new(100);
        stage.tcp(server, device, 1, b"220 FTP server ready\r\n");
        stage.tcp(device, server, 1, b"USER anonymous\r\n");
        let seq = if from == server { 23 } else { 17 };
        stage.tcp(from, to, seq, b"227 Entering Passive Mode (203,0,113,5,1,187).\r\n");
        let key = stage.tcp("192.168.1.66:50001", "203.0.113.5:443", 1, &[0x17, 3, 3, 0, 40]);
        assert_eq!(stage.class(&key), class, "said by {from}");
    }
    // Nor is its answer a flow of FTP where nobody commanded.
    let mut stage = Stage::new(100);
    let key = stage.tcp("192.168.1.66:40000", "198.51.100.66:8080", 1, b"227 Entering Passive Mode (1,2,3,4,5,6)\r\n");
    assert_ne!(stage.class(&key), TrafficClass::Interactive);
}

#[test]
fn who_does_not_know_the_numbers_ends_nothing() {
    let (laptop, server) = ("192.168.1.20:50000", "203.0.113.9:22");
    let (syn, ack, fin, rst) = (0x02, 0x10, 0x11, 0x04);
    for (flags, numbers, ended) in [
        (rst, [1_000_000_000, 2_000_000_000], 0),
        (rst, [7_001, 0], 1),
        (fin, [1_000_000_000, 2_000_000_000], 0),
        (fin, [7_001, 9_022], 1),
    ] {
        let mut stage = Stage::new(100);
        let mut tcp = |from, to, flags, seq, ack, payload: &[u8]| {
            stage.send(from, to, Transport::Tcp(TcpSegment { flags: TcpFlags(flags), seq, ack }), payload);
            stage.table.counters().ended
        };
        tcp(laptop, server, syn, 7_000, 0, b"");
        tcp(server, laptop, syn | ack, 9_000, 7_001, b"");
        tcp(server, laptop, ack, 9_001, 7_001, b"SSH-2.0-OpenSSH_9.6\r\n");
        tcp(laptop, server, flags, numbers[0], 9_022, b"");
        let end = tcp(server, laptop, flags, numbers[1], 7_001, b"");
        assert_eq!(end, ended, "{flags:#x} {numbers:?}");
    }
}

#[test]
fn a_stranger_names_nothing() {
    let mut stage = Stage::new(100);
    let mut answer = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    answer.extend_from_slice(b"\x04zoom\x02us\0\0\x01\0\x01\0\0\x0e\x10\0\x04\xcb\0\x71\x4d");
    let device = |text: &str| DeviceId::Ip(end(text).address.ip());
    let server = end("203.0.113.77:1").address;
    stage.udp("198.51.100.99:5353", "192.168.1.30:33333", &answer);
    stage.udp("192.168.1.30:33333", "198.51.100.99:53", b"\0\x01\0\0!\x12\xa4B12 random bits");
    stage.udp("198.51.100.99:53", "192.168.1.30:33333", &answer);
    assert_eq!(stage.table.name_of(device("192.168.1.30:1"), server), None);
    stage.udp("192.168.1.9:5353", "224.0.0.251:5353", &answer);
    assert_eq!(stage.table.name_of(device("224.0.0.251:1"), server), Some("zoom.us"), "mDNS of the link is heard");
}

#[test]
fn one_device_cannot_fill_the_table_with_calls() {
    let mut stage = Stage::new(40);
    for port in 0..40_u16 {
        stage.call(&format!("192.168.1.66:{}", 10_000 + port), PEER);
    }
    let page = stage.tcp("192.168.1.30:50001", "203.0.113.5:443", 1, &[0x17, 3, 3, 0, 40]);
    stage.tcp("203.0.113.5:443", "192.168.1.30:50001", 1, &[0x17, 3, 3, 0, 40]);
    for port in 0..5_u16 {
        stage.tcp(&format!("192.168.1.40:{}", 20_000 + port), "203.0.113.6:80", 1, b"");
    }
    assert!(stage.table.get_by_key(&page).is_some());
}
