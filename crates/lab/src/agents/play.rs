//! Small packets of known shape over UDP: a game (Source engine), a VPN (WireGuard), the time (NTP).

use super::noise::Noise;
use super::resolve::{Family, resolve};
use crate::agent::{Event, Stage, now_ms, tell, tell_flow};
use crate::world::{GAME, TIME, VPN};
use anyhow::{Result, bail};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use vocab::TrafficClass;

/// Where Source engine games listen.
pub(super) const GAME_PORT: u16 = 27_015;
/// Where WireGuard listens.
pub(super) const VPN_PORT: u16 = 51_820;
/// Where NTP listens.
pub(super) const TIME_PORT: u16 = 123;

/// A2S_INFO, the query every server browser sends.
pub(super) const GAME_QUERY: &[u8] = b"\xff\xff\xff\xffTSource Engine Query\0";

fn open(name: &str, port: u16, class: TrafficClass) -> Result<UdpSocket> {
    let server = SocketAddr::new(resolve(name, Family::V4)?, port);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_millis(1_000)))?;
    tell_flow("udp", socket.local_addr()?, server, class);
    Ok(socket)
}

/// Sends `question` until something comes back.
fn ask(socket: &UdpSocket, question: &[u8]) -> Result<Vec<u8>> {
    let mut buffer = [0; 1500];
    for _ in 0..5 {
        socket.send(question)?;
        if let Ok(length) = socket.recv(&mut buffer) {
            return Ok(buffer[..length].to_vec());
        }
    }
    bail!("{} does not answer", socket.peer_addr()?)
}

/// Takes what comes so that the socket's buffer never fills; ends with the process.
fn listen(socket: &UdpSocket) -> Result<()> {
    let listener = socket.try_clone()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        loop {
            let _ = listener.recv(&mut buffer);
        }
    });
    Ok(())
}

/// Plays: a query, then 30 packets a second each way.
pub(super) fn play(stage: &Stage) -> Result<()> {
    let mut noise = Noise::new();
    let socket = open(GAME, GAME_PORT, TrafficClass::Gaming)?;
    ask(&socket, GAME_QUERY)?;
    ask(&socket, b"\xff\xff\xff\xffqconnect0x0000000000\0")?;
    listen(&socket)?;
    tell(&Event::Ready);
    let mut next = Instant::now();
    for sequence in 1u32.. {
        if stage.is_over() {
            break;
        }
        let mut packet = sequence.to_le_bytes().to_vec();
        packet.extend(sequence.saturating_sub(2).to_le_bytes());
        let length = noise.between(40, 110) as usize;
        packet.extend(noise.bytes(length));
        let _ = socket.send(&packet);
        next += Duration::from_micros(33_333);
        stage.sleep_until(next);
    }
    Ok(())
}

/// Works over a VPN: a handshake, then data both ways, mostly down.
pub(super) fn vpn(stage: &Stage) -> Result<()> {
    let mut noise = Noise::new();
    let socket = open(VPN, VPN_PORT, TrafficClass::Work)?;
    // Handshake initiation, 148 bytes (WireGuard paper, 5.4.2).
    let mut initiation = vec![1, 0, 0, 0];
    initiation.extend(noise.bytes(144));
    let answer = ask(&socket, &initiation)?;
    let receiver = answer.get(4..8).map_or([0; 4], |index| [index[0], index[1], index[2], index[3]]);
    listen(&socket)?;
    tell(&Event::Ready);
    let mut next = Instant::now();
    for counter in 0u64.. {
        if stage.is_over() {
            break;
        }
        let blocks = noise.between(4, 20) as usize;
        let _ = socket.send(&vpn_data(receiver, counter, blocks, &mut noise));
        next += noise.time(20, 60);
        stage.sleep_until(next);
    }
    Ok(())
}

/// A transport packet: `blocks` of 16 bytes and a tag (WireGuard paper, 5.4.6).
pub(super) fn vpn_data(receiver: [u8; 4], counter: u64, blocks: usize, noise: &mut Noise) -> Vec<u8> {
    let mut packet = vec![4, 0, 0, 0];
    packet.extend(receiver);
    packet.extend(counter.to_le_bytes());
    packet.extend(noise.bytes(16 * blocks + 16));
    packet
}

/// Asks for the time every 4 s (RFC 5905).
pub(super) fn clock(stage: &Stage) -> Result<()> {
    let socket = open(TIME, TIME_PORT, TrafficClass::Interactive)?;
    let mut is_first = true;
    while !stage.is_over() {
        let mut request = [0; 48];
        request[0] = 0b00_100_011;
        // Seconds since 1900: 70 years with 17 leap days before 1970.
        let seconds = (now_ms() / 1_000 + 2_208_988_800) as u32;
        request[40..44].copy_from_slice(&seconds.to_be_bytes());
        ask(&socket, &request)?;
        if is_first {
            is_first = false;
            tell(&Event::Ready);
        }
        stage.sleep(Duration::from_secs(4));
    }
    Ok(())
}
