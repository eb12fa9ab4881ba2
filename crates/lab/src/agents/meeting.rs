//! A video meeting as browsers do it: STUN (RFC 8489), then sound and picture as RTP on the same ports.

use super::book::{Book, note_arrivals};
use super::noise::Noise;
use super::resolve::{Family, resolve};
use super::rtp::{Marker, Stream, Ticks, number};
use crate::agent::{Event, Stage, tell, tell_flow};
use crate::world::MEETING;
use anyhow::{Result, bail};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use vocab::TrafficClass;

/// The port of Jitsi's video bridge.
pub(super) const PORT: u16 = 10_000;
/// The magic cookie of STUN.
pub(super) const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// 30 pictures a second in packets of up to 1,100 bytes: about 1.5 Mbit/s with the sound.
const FRAME_PERIOD: Duration = Duration::from_micros(33_333);
const PACKETS_PER_FRAME: u64 = 5;
const PACKET: u64 = 1_100;

/// Meets until it is over.
pub(super) fn meet(stage: &Stage) -> Result<()> {
    let mut noise = Noise::new();
    let server = SocketAddr::new(resolve(MEETING, Family::V4)?, PORT);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_millis(300)))?;
    tell_flow("udp", socket.local_addr()?, server, TrafficClass::Call);
    bind(&socket, &mut noise)?;
    tell(&Event::Ready);

    let arrived = note_arrivals(socket.try_clone()?);
    let mut book = Book::new();
    // Opus at 48 kHz in packets of 20 ms; a picture clock of 90 kHz (RFC 7587, RFC 7741).
    let mut sound = Stream::new(111, 960, &mut noise);
    let mut picture = Stream::new(96, 3_000, &mut noise);
    let (mut next_sound, mut next_frame, mut next_check) = (Instant::now(), Instant::now(), Instant::now());
    while !stage.is_over() {
        let now = Instant::now();
        if now >= next_sound {
            next_sound += Duration::from_millis(20);
            let length = noise.between(70, 130) as usize;
            send(&socket, &mut book, &sound.next(Marker::Clear, &noise.bytes(length), Ticks::Advance));
        }
        if now >= next_frame {
            next_frame += FRAME_PERIOD;
            for index in 1..=PACKETS_PER_FRAME {
                let is_last = index == PACKETS_PER_FRAME;
                let length = if is_last { noise.between(300, PACKET) } else { PACKET };
                let (marker, ticks) =
                    if is_last { (Marker::Set, Ticks::Advance) } else { (Marker::Clear, Ticks::Stay) };
                send(&socket, &mut book, &picture.next(marker, &noise.bytes(length as usize), ticks));
            }
        }
        // Consent to go on (RFC 7675).
        if now >= next_check {
            next_check += Duration::from_secs(5);
            let _ = socket.send(&binding_request(&mut noise));
        }
        stage.sleep_until(next_sound.min(next_frame));
        book.look(&arrived);
    }
    book.close(&arrived);
    Ok(())
}

fn send(socket: &UdpSocket, book: &mut Book, packet: &[u8]) {
    book.sent(number(packet), Instant::now());
    // What the kernel refuses is lost like what a queue drops; the book will tell.
    let _ = socket.send(packet);
}

/// Asks the bridge who we are, until it answers.
fn bind(socket: &UdpSocket, noise: &mut Noise) -> Result<()> {
    let mut buffer = [0; 1500];
    for _ in 0..10 {
        socket.send(&binding_request(noise))?;
        if let Ok(length) = socket.recv(&mut buffer)
            && buffer[..length].starts_with(&[1, 1])
        {
            return Ok(());
        }
    }
    bail!("the video bridge does not answer STUN")
}

/// A binding request with a user name and a priority, as ICE sends it (RFC 8445).
fn binding_request(noise: &mut Noise) -> Vec<u8> {
    let mut attributes = vec![0, 6, 0, 9];
    attributes.extend(b"bXq4:k7Lm\0\0\0");
    attributes.extend([0, 0x24, 0, 4, 0x6e, 0, 0x1e, 0xff]);
    let mut packet = vec![0, 1];
    packet.extend((attributes.len() as u16).to_be_bytes());
    packet.extend(COOKIE);
    packet.extend(noise.bytes(12));
    packet.extend(attributes);
    packet
}

/// The answer to a binding request: the address it came from (XOR-MAPPED-ADDRESS).
pub(super) fn binding_answer(request: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let SocketAddr::V4(from) = from else { return None };
    let transaction = request.get(8..20).filter(|_| request.starts_with(&[0, 1]))?;
    let mut packet = vec![1, 1, 0, 12];
    packet.extend(COOKIE);
    packet.extend(transaction);
    packet.extend([0, 0x20, 0, 8, 0, 1]);
    packet.extend((from.port() ^ 0x2112).to_be_bytes());
    packet.extend(from.ip().octets().iter().zip(COOKIE).map(|(byte, key)| byte ^ key));
    Some(packet)
}
