//! Floods of new flows, each made to cost as much memory as it can, beside two calls that were there before.

use crate::counted;
use std::time::Duration;
use traffic::{FlowLimits, FlowTable, Locality, Packet};
use vocab::{Endpoint, FlowKey, FlowSummary, IpProtocol, LinkType, Timestamp, TrafficClass};

/// What each flow of a flood sends; its addresses and ports are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A SYN alone.
    Syn,
    /// A SYN and half a TLS hello, so that the rest is waited for.
    HalfHello,
    /// The first of two QUIC Initials.
    HalfInitial,
    /// A datagram of bytes that mean nothing.
    Datagram,
    /// An answer of DNS with a name and an address that nobody asked for.
    DnsAnswer,
    /// All of them in turn.
    Mixed,
}

impl Kind {
    pub const ALL: [Kind; 6] =
        [Kind::Syn, Kind::HalfHello, Kind::HalfInitial, Kind::Datagram, Kind::DnsAnswer, Kind::Mixed];
}

/// What became of a flood.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub packets: u64,
    pub opened: u64,
    /// Bytes allocated at any moment, at most, beyond those before the table was made.
    pub peak: u64,
    pub evicted: u64,
    /// Before the flood and after it: the call that goes on, and the one that is silent.
    pub before: [Option<TrafficClass>; 2],
    pub after: [Option<TrafficClass>; 2],
}

/// New flows per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// What a link of 100 Mbit/s brings in SYNs.
    Fast,
    /// So few that each is read.
    Slow,
}

impl Pace {
    const fn per_second(self) -> u64 {
        match self {
            Pace::Fast => 100_000,
            Pace::Slow => 1_000,
        }
    }
}

/// Calls, then `flows` new flows, through a table of `limits`.
pub fn flood(kind: Kind, pace: Pace, flows: u64, limits: FlowLimits) -> Outcome {
    let per_second = pace.per_second();
    let templates = Templates::new();
    counted::start();
    let mut table = FlowTable::new(limits, Locality::default());
    let mut now = Timestamp::from_unix_secs(1_700_000_000);
    let step = Duration::from_nanos(1_000_000_000 / per_second);
    for packet in 0..200_u16 {
        now = now + Duration::from_millis(10);
        observe(&mut table, &call(packet, packet % 4 / 2), now);
    }
    let classes = |table: &FlowTable| {
        [0, 1].map(|which| table.get_by_key(&call_key(which)).map(|flow: FlowSummary| flow.verdict.class))
    };
    let before = classes(&table);
    let (mut packets, mut spoken) = (0, 200);
    for number in 0..flows {
        now = now + step;
        if number % (per_second / 50) == 0 {
            observe(&mut table, &call(spoken, 0), now);
            spoken += 1;
        }
        if number % per_second == 0 {
            drop(table.expire(now));
        }
        let what = if kind == Kind::Mixed { Kind::ALL[number as usize % 5] } else { kind };
        for template in templates.of(what) {
            // The frame lies on the stack: the flood itself must not allocate.
            let mut frame = [0; 1_600];
            frame[..template.len()].copy_from_slice(template);
            spoof(&mut frame[..template.len()], number, what);
            observe(&mut table, &frame[..template.len()], now);
            packets += 1;
        }
    }
    let counters = table.counters();
    Outcome {
        packets,
        opened: counters.opened,
        peak: counted::peak(),
        evicted: counters.evicted,
        before,
        after: classes(&table),
    }
}

fn observe(table: &mut FlowTable, frame: &[u8], at: Timestamp) {
    let packet = Packet::parse(frame, LinkType::Ethernet, frame.len() as u32).expect("a flood is made of packets");
    table.observe(&packet, None, at);
}

struct Templates {
    syn: Vec<u8>,
    half_hello: Vec<u8>,
    initial: Vec<u8>,
    datagram: Vec<u8>,
    answer: Vec<u8>,
}

const SOURCE: [u8; 4] = [198, 51, 100, 1];
const DEVICE: [u8; 4] = [10, 0, 0, 1];

impl Templates {
    fn new() -> Templates {
        let hello: &[u8] = include_bytes!("../../../../fuzz/corpus/tls/one-record");
        let initials: &[u8] = include_bytes!("../../../../fuzz/corpus/quic/two-initials");
        let end = memchr::memmem::find(initials, &[0xff, 0xfe, 0xfd]).expect("the seed holds two datagrams");
        let mut answer = vec![0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        // As long a name as there can be: four labels of 61 (RFC 1035, 2.3.4), each flow's own.
        (0..4).for_each(|_| answer.extend([61].into_iter().chain([b'a'; 61])));
        answer.extend([0, 0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 203, 0, 113, 7]);
        Templates {
            syn: tcp(2, 0, &[]),
            half_hello: tcp(0x18, 1, &hello[..hello.len() / 2]),
            initial: udp(SOURCE, DEVICE, 40_000, 443, &initials[..end]),
            datagram: udp(SOURCE, DEVICE, 40_000, 40_001, &[0xa5; 400]),
            answer: udp(SOURCE, DEVICE, 53, 40_001, &answer),
        }
    }

    fn of(&self, kind: Kind) -> Vec<&[u8]> {
        match kind {
            Kind::Syn => vec![&self.syn],
            Kind::HalfHello => vec![&self.syn, &self.half_hello],
            Kind::HalfInitial => vec![&self.initial],
            Kind::Datagram => vec![&self.datagram],
            Kind::DnsAnswer => vec![&self.answer],
            Kind::Mixed => unreachable!("a mixed flood asks for each in turn"),
        }
    }
}

/// Another sender, another device and, in an answer of DNS, another name and address.
fn spoof(frame: &mut [u8], number: u64, kind: Kind) {
    let [.., a, b, c, d] = number.to_be_bytes();
    frame[26..30].copy_from_slice(&[64 + a, b, c, d]);
    frame[31..34].copy_from_slice(&[b, d, c]);
    if kind == Kind::DnsAnswer {
        let digits = number.to_be_bytes().map(|byte| b'a' + byte % 26);
        frame[56..64].copy_from_slice(&digits);
        let end = frame.len();
        frame[end - 4..].copy_from_slice(&[64 + a, b, c, d]);
    } else {
        frame[34..36].copy_from_slice(&[0x80 | d, c]);
    }
}

/// Sound of call `which`, each way in turn (RFC 3550, 5.1; payload type 0, 160 bytes).
fn call(packet: u16, which: u16) -> Vec<u8> {
    let from_device = packet.is_multiple_of(2);
    let mut rtp = vec![0x80, 0];
    rtp.extend((packet / 2).to_be_bytes());
    rtp.extend((u32::from(packet / 2) * 160).to_be_bytes());
    rtp.extend([1, 2, which as u8, u8::from(from_device)]);
    rtp.resize(172, 0xd5);
    let (device, peer) = call_ends(which);
    let (source, destination) = if from_device { (device, peer) } else { (peer, device) };
    udp(source.0, destination.0, source.1, destination.1, &rtp)
}

fn call_ends(which: u16) -> (([u8; 4], u16), ([u8; 4], u16)) {
    (([192, 168, 1, 20], 16_400 + 2 * which), ([203, 0, 113, 9], 18_000))
}

fn call_key(which: u16) -> FlowKey {
    let end = |(address, port): ([u8; 4], u16)| Endpoint { address: vocab::Address::from_v4(address), port };
    let (device, peer) = call_ends(which);
    FlowKey::new(IpProtocol::UDP, end(device), end(peer)).0
}

fn ip(source: [u8; 4], destination: [u8; 4], protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    frame.extend((20 + body.len() as u16).to_be_bytes());
    frame.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
    frame.extend(source);
    frame.extend(destination);
    frame.extend(body);
    frame
}

fn udp(source: [u8; 4], destination: [u8; 4], from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = [from, to, 8 + payload.len() as u16, 0].into_iter().flat_map(u16::to_be_bytes).collect();
    body.extend(payload);
    ip(source, destination, 17, &body)
}

fn tcp(flags: u8, seq: u32, payload: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = [40_000, 443].into_iter().flat_map(u16::to_be_bytes).collect();
    body.extend(seq.to_be_bytes());
    body.extend([0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0]);
    body.extend(payload);
    ip(SOURCE, DEVICE, 6, &body)
}
