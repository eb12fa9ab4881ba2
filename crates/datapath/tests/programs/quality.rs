//! Round-trip times and segments sent again, by what passes.

use crate::kernel::*;
use datapath::{DatapathSettings, Looking};
use std::time::{Duration, Instant};
use vocab::{DeviceId, Directed, IpProtocol, MacAddress, Quality, TrafficClass};

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

fn looking(name: &str) -> Option<Kernel> {
    let settings = DatapathSettings { max_flows: 4_096, looking: Looking::Always, ..Default::default() };
    let mut kernel = Kernel::sized(name, settings)?;
    kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    Some(kernel)
}

/// One packet, from the phone or to it.
enum Sent {
    Up(Tcp),
    Down(Tcp),
}
use Sent::{Down, Up};

#[derive(Clone, Copy)]
struct Tcp {
    flags: u8,
    seq: u32,
    ack: u32,
    /// The packet's own timestamp, and the one it echoes.
    stamps: Option<(u32, u32)>,
    length: usize,
}

fn tcp(flags: u8, seq: u32, ack: u32, length: usize) -> Tcp {
    Tcp { flags, seq, ack, stamps: None, length }
}

fn stamped(seq: u32, ack: u32, stamps: (u32, u32), length: usize) -> Tcp {
    Tcp { stamps: Some(stamps), ..tcp(ACK, seq, ack, length) }
}

impl Tcp {
    fn frame(self, source: MacAddress, destination: MacAddress, ends: Ends) -> Vec<u8> {
        let mut ip = packet(ends, 0, 0);
        let start = ip.len() - 20;
        ip[start + 4..start + 8].copy_from_slice(&self.seq.to_be_bytes());
        ip[start + 8..start + 12].copy_from_slice(&self.ack.to_be_bytes());
        ip[start + 13] = self.flags;
        if let Some((own, echo)) = self.stamps {
            ip[start + 12] = 0x80;
            ip.extend([1, 1, 8, 10]);
            ip.extend(own.to_be_bytes());
            ip.extend(echo.to_be_bytes());
        }
        ip.resize(ip.len() + self.length, 0x78);
        let length = ip.len() as u16;
        match ends.from.address.ip() {
            std::net::IpAddr::V4(_) => ip[2..4].copy_from_slice(&length.to_be_bytes()),
            std::net::IpAddr::V6(_) => ip[4..6].copy_from_slice(&(length - 40).to_be_bytes()),
        }
        let mut frame = [ethernet(source, destination, &[], ethertype(ends)), ip].concat();
        // Ethernet pads what is short.
        frame.resize(frame.len().max(60), 0);
        frame
    }
}

impl Kernel {
    fn pass(&mut self, flow: Ends, sent: &[Sent]) {
        for sent in sent {
            match sent {
                Up(tcp) => drop(self.upload(&tcp.frame(PHONE, GATEWAY, flow))),
                Down(tcp) => drop(self.download(&tcp.frame(GATEWAY, PHONE, flow.back()))),
            }
        }
    }

    fn quality(&self, of: TrafficClass) -> Quality {
        let mut found = Quality::default();
        self.classes
            .read_qualities(|reading| {
                if reading.class == of && reading.slot.is_some() {
                    found = reading.quality;
                }
            })
            .unwrap();
        found
    }
}

/// Round trips on the LAN and on the WAN side; segments, and those sent again, down and up.
type Seen = ((u64, u64), Directed<u64>, Directed<u64>);

/// What `sent` gives, as a new flow of each family.
fn check(kernel: &mut Kernel, name: &str, sent: &[Sent], trips: (u64, u64), segments: (u64, u64), again: (u64, u64)) {
    let directed = |(download, upload)| Directed { download, upload };
    let expected: Seen = (trips, directed(segments), directed(again));
    for (phone, server) in [("192.168.1.20", "203.0.113.9"), ("fd00::20", "2001:db8::9")] {
        let mut found: Vec<Seen> = Vec::new();
        // On a busy machine we may pause between two packets, and the programs take it for silence.
        while found.len() < 5 && found.last() != Some(&expected) {
            let port = 10_000 + kernel.datapath.stats().unwrap().flows as u16;
            let flow = ends(IpProtocol::TCP, (phone, port), (server, 443));
            // Of what opens a flow only a SYN is a probe.
            if !matches!(sent[0], Up(Tcp { flags: SYN, .. })) {
                kernel.pass(flow, &[Up(tcp(ACK, 0, 0, 0))]);
            }
            let before = kernel.quality(TrafficClass::Unclassified);
            kernel.pass(flow, sent);
            let quality = kernel.quality(TrafficClass::Unclassified).since(&before);
            let trips = (quality.round_trips.lan.count(), quality.round_trips.wan.count());
            found.push((trips, quality.segments, quality.again));
        }
        assert_eq!(found.last(), Some(&expected), "{name}");
    }
}

#[test]
fn round_trips_and_what_is_sent_again_are_seen() {
    let Some(mut kernel) = looking("tcp") else { return };
    let hello = || [Up(tcp(SYN, 99, 0, 0)), Down(tcp(SYN | ACK, 499, 100, 0)), Up(tcp(ACK, 100, 500, 0))];
    check(&mut kernel, "a handshake", &hello(), (1, 1), (0, 0), (0, 0));
    let question = [Up(tcp(ACK, 100, 500, 50)), Down(tcp(ACK, 500, 150, 0))];
    check(&mut kernel, "data and its acknowledgement", &question, (0, 1), (0, 1), (0, 0));
    let unanswered = [Up(tcp(ACK, 100, 500, 50)), Down(tcp(ACK, 500, 149, 0)), Down(tcp(ACK, 500, 150, 0))];
    check(&mut kernel, "an acknowledgement of something older", &unanswered, (0, 1), (0, 1), (0, 0));
    let answer = [Down(tcp(ACK, 500, 100, 1_000)), Down(tcp(ACK, 1_500, 100, 1_000)), Up(tcp(ACK, 100, 2_500, 0))];
    check(&mut kernel, "one probe at a time", &answer, (1, 0), (2, 0), (0, 0));
    let around = [Up(tcp(ACK, u32::MAX - 9, 500, 50)), Down(tcp(ACK, 500, 40, 0))];
    check(&mut kernel, "numbers that begin again", &around, (0, 1), (0, 1), (0, 0));
    let again = [Up(tcp(ACK, 100, 500, 50)), Up(tcp(ACK, 100, 500, 50)), Down(tcp(ACK, 500, 150, 0))];
    check(&mut kernel, "sent again: which is answered is not known", &again, (0, 0), (0, 2), (0, 1));
    let alive = [Up(tcp(ACK, 100, 500, 50)), Down(tcp(ACK, 500, 150, 0)), Up(tcp(ACK, 149, 500, 1))];
    check(&mut kernel, "a keepalive is not sent again", &alive, (0, 1), (0, 2), (0, 0));
    let late = [Down(tcp(ACK, 500, 1, 10)), Down(tcp(ACK, 520, 1, 10)), Down(tcp(ACK, 510, 1, 10))];
    check(&mut kernel, "out of order", &late, (0, 0), (3, 0), (1, 0));
    let bare = [Up(tcp(ACK, 100, 500, 0)), Down(tcp(ACK, 500, 100, 0))];
    check(&mut kernel, "what need not be answered", &bare, (0, 0), (0, 0), (0, 0));

    // A download: the phone only acknowledges, and what it lets go comes with its timestamp.
    let lets_go = |talking: bool| {
        let mut sent = vec![Up(stamped(9, 500, (10, 1), 0)), Up(stamped(9, 500, (11, 1), 0))];
        if talking {
            sent.push(Down(stamped(500, 9, (2, 10), 700)));
        }
        sent.push(Down(stamped(1_200, 9, (2, 11), 700)));
        sent
    };
    check(&mut kernel, "an echo while the server talks", &lets_go(true), (0, 1), (2, 0), (0, 0));
    check(&mut kernel, "an echo after silence", &lets_go(false), (0, 0), (1, 0), (0, 0));
    let newer = [
        Up(stamped(9, 500, (10, 1), 0)),
        Up(stamped(9, 500, (11, 1), 0)),
        Down(stamped(500, 9, (2, 10), 700)),
        Down(stamped(1_200, 9, (2, 12), 700)),
    ];
    check(&mut kernel, "an echo of something newer", &newer, (0, 0), (2, 0), (0, 0));
    let same =
        [Up(stamped(9, 500, (10, 1), 0)), Down(stamped(500, 9, (2, 10), 700)), Down(stamped(1_200, 9, (2, 10), 9))];
    check(&mut kernel, "a timestamp that may have been sent before", &same, (0, 0), (2, 0), (0, 0));
}

#[test]
fn what_is_measured_is_the_time_between_the_two() {
    let Some(mut kernel) = looking("time") else { return };
    kernel.flows.set_verdicts(&[(video().key(), TrafficClass::Streaming, true)]).unwrap();
    kernel.pass(video(), &[Up(tcp(ACK, 100, 500, 0))]);
    let before = Instant::now();
    kernel.pass(video(), &[Up(tcp(ACK, 100, 500, 50))]);
    let sent = Instant::now();
    while sent.elapsed() < Duration::from_millis(3) {
        std::hint::spin_loop();
    }
    let least = sent.elapsed();
    kernel.pass(video(), &[Down(tcp(ACK, 500, 150, 0))]);
    let most = before.elapsed();
    let trip = kernel.flows()[0].round_trip;
    let measured = trip.wan.expect("it was answered");
    // A tick is lost at either end.
    let tick = Duration::from_nanos(2_048);
    assert!(measured + tick >= least && measured <= most + tick, "{least:?} <= {measured:?} <= {most:?}");
    assert_eq!(trip.lan, None);
    let typical = kernel.quality(TrafficClass::Streaming).round_trips.wan.percentile(50).unwrap();
    assert!(typical.abs_diff(measured) * 7 <= measured, "{typical:?} for {measured:?}");
}

#[test]
fn what_was_measured_goes_with_its_device() {
    let Some(mut kernel) = looking("goes") else { return };
    let exchange = [Up(tcp(ACK, 100, 500, 0)), Up(tcp(ACK, 100, 500, 50)), Down(tcp(ACK, 500, 150, 0))];
    kernel.pass(video(), &exchange);
    assert_eq!(kernel.quality(TrafficClass::Unclassified).round_trips.wan.count(), 1);
    kernel.classes.release(DeviceId::Mac(PHONE)).unwrap();
    kernel.classes.assign(DeviceId::Mac(GATEWAY)).unwrap();
    assert_eq!(kernel.quality(TrafficClass::Unclassified), Quality::default(), "not another's");
}

/// A short header of QUIC with this spin bit.
fn quic(source: MacAddress, destination: MacAddress, ends: Ends, spin: u8) -> Vec<u8> {
    let mut frame = [ethernet(source, destination, &[], 0x0800), packet(ends, 0, 30)].concat();
    frame[42] = 0x40 | spin << 5;
    frame
}

#[test]
fn the_spin_bit_tells_both_sides() {
    let Some(mut kernel) = looking("spin") else { return };
    let flow = ends(IpProtocol::UDP, ("192.168.1.20", 50_000), ("203.0.113.9", 443));
    let spin = |kernel: &mut Kernel, packets: &[(char, u8)]| {
        for (way, spin) in packets {
            match way {
                'u' => drop(kernel.upload(&quic(PHONE, GATEWAY, flow, *spin))),
                _ => drop(kernel.download(&quic(GATEWAY, PHONE, flow.back(), *spin))),
            }
        }
        let trips = kernel.quality(TrafficClass::Unclassified).round_trips;
        (trips.lan.count(), trips.wan.count())
    };
    // The phone turns round what it receives, the server reflects it; both talk all the while.
    let turn = [('u', 1), ('u', 1), ('d', 0), ('d', 1), ('u', 1), ('d', 1), ('u', 0), ('u', 0), ('d', 1), ('d', 0)];
    assert_eq!(spin(&mut kernel, &[('u', 0), ('u', 0), ('d', 0)]), (0, 0), "no edge yet");
    assert_eq!(spin(&mut kernel, &turn), (1, 2));
    assert_eq!(spin(&mut kernel, &[('u', 0), ('u', 1)]), (2, 2));
    // An edge after silence may have waited for something to say.
    assert_eq!(spin(&mut kernel, &[('d', 1)]), (2, 2));
    // Who rolls dice gives edges that nobody answers, and is left alone then.
    for _ in 0..10 {
        spin(&mut kernel, &[('u', 0), ('u', 1)]);
    }
    let before = spin(&mut kernel, &[]);
    assert_eq!(spin(&mut kernel, &turn), before);
}
