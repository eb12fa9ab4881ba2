//! Many devices in one process: each a flow that takes its part of the link, short flows that come and go, and some
//! calls. Datagrams all, sent by the clock, so that what is measured is who watches them.

use crate::agent::{Event, Stage, tell};
use crate::agents::noise::Noise;
use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Where the servers answer: long flows on the one, short ones on the other, calls on the third.
const PORTS: [u16; 3] = [8_801, 443, 40_000];
const LONG: u16 = PORTS[0];
const SHORT: u16 = PORTS[1];
const CALLS: u16 = PORTS[2];
/// What a datagram of a long flow carries.
const DATAGRAM: usize = 1_372;
/// Headers of UDP, IPv4 and Ethernet.
const HEADERS: usize = 42;
/// What answers each datagram of a short flow.
const ANSWERS: usize = 4;
/// A device begins a short flow so often,
const SHORT_EVERY: Duration = Duration::from_secs(2);
/// and tells the sender of its long flow so often that it is there.
const HEARD_EVERY: Duration = Duration::from_secs(1);
/// One device in ten is in a call, this many at most.
const MOST_CALLS: u32 = 50;
/// G.711 in RTP (RFC 3551, 4.5.14), a packet each 20 ms.
const VOICE: usize = 172;
const VOICE_EVERY: Duration = Duration::from_millis(20);
const TICK: Duration = Duration::from_millis(5);

/// The address of device `number`: in 10.64.0.0/10, from 10.64.1.0 on.
pub(crate) fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a40_0100 + number)
}

fn calls(devices: u32) -> u32 {
    devices.div_ceil(10).min(MOST_CALLS)
}

/// A socket that sends from `from`, which need not be an address of this machine (`IP_TRANSPARENT`, ip(7)).
fn from(from: Ipv4Addr, port: u16) -> Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_ip_transparent_v4(true)?;
    socket.bind(&SocketAddr::from((from, port)).into())?;
    Ok(socket.into())
}

/// Who is due: each of `count` once in `period`, spread over it.
struct Turn {
    count: u32,
    period: Duration,
    done: u64,
}

impl Turn {
    fn each(count: u32, period: Duration) -> Turn {
        Turn { count, period, done: 0 }
    }

    /// Those due by `elapsed`; after a pause not all at once.
    fn due(&mut self, elapsed: Duration) -> impl Iterator<Item = u32> + use<> {
        let due = (elapsed.as_nanos() * u128::from(self.count) / self.period.as_nanos()) as u64;
        let first = self.done.max(due.saturating_sub(u64::from(self.count)));
        self.done = due;
        let count = u64::from(self.count.max(1));
        (first..due).map(move |turn| (turn % count) as u32)
    }
}

/// A voice packet: RTP (RFC 3550, 5.1) of G.711, its bytes noise.
fn voice(number: u32, sequence: u32, noise: &mut Noise) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend((sequence as u16).to_be_bytes());
    packet.extend(sequence.wrapping_mul(160).to_be_bytes());
    packet.extend((0x5eed_0000 | number).to_be_bytes());
    packet.extend(noise.bytes(VOICE - 12));
    packet
}

/// The devices' side.
pub(super) fn live(stage: &Stage, devices: u32, server: Ipv4Addr) -> Result<()> {
    let mut noise = Noise::new();
    let to = |port| SocketAddr::from((server, port));
    let long = |number| from(address(number), LONG);
    let calling = (0..calls(devices)).map(|number| from(address(number), CALLS)).collect::<Result<Vec<_>>>()?;
    let (mut heard, mut short) = (Turn::each(devices, HEARD_EVERY), Turn::each(devices, SHORT_EVERY));
    let mut voices = Turn::each(calls(devices), VOICE_EVERY);
    let (begun, mut sequence) = (Instant::now(), 0);
    tell(&Event::Ready);
    while !stage.is_over() {
        let elapsed = begun.elapsed();
        for number in heard.due(elapsed) {
            long(number)?.send_to(&[0; 16], to(LONG)).context("nothing can be sent to the servers")?;
        }
        for number in short.due(elapsed) {
            // Port 0: another each time, so another flow.
            let _ = from(address(number), 0)?.send_to(&noise.bytes(120), to(SHORT));
        }
        for number in voices.due(elapsed) {
            sequence += 1;
            let _ = calling[number as usize].send_to(&voice(number, sequence, &mut noise), to(CALLS));
        }
        std::thread::sleep(TICK);
    }
    Ok(())
}

/// The servers' side: `rate` bit/s of long flows to all devices together, layer 2.
pub(super) fn serve(stage: &Stage, devices: u32, rate: u64) -> Result<()> {
    let sockets = PORTS.map(|port| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)));
    let [long, short, calling] = sockets;
    let (long, short, calling) = (long?, short?, calling?);
    std::thread::spawn(move || {
        let mut asked = [0; 2_048];
        let answer = Noise::new().bytes(1_000);
        while let Ok((_, from)) = short.recv_from(&mut asked) {
            for _ in 0..ANSWERS {
                let _ = short.send_to(&answer, from);
            }
        }
    });
    let mut noise = Noise::new();
    let datagram = noise.bytes(DATAGRAM);
    let one = Duration::from_nanos((DATAGRAM + HEADERS) as u64 * 8 * 1_000_000_000 * u64::from(devices) / rate.max(1));
    let mut sends = Turn::each(devices, one);
    let mut voices = Turn::each(calls(devices), VOICE_EVERY);
    let (begun, mut sequence) = (Instant::now(), 0);
    tell(&Event::Ready);
    while !stage.is_over() {
        let elapsed = begun.elapsed();
        for number in sends.due(elapsed) {
            let _ = long.send_to(&datagram, (IpAddr::from(address(number)), LONG));
        }
        for number in voices.due(elapsed) {
            sequence += 1;
            let _ = calling.send_to(&voice(number, sequence, &mut noise), (IpAddr::from(address(number)), CALLS));
        }
        std::thread::sleep(TICK);
    }
    Ok(())
}
