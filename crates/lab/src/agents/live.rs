//! The servers that answer packet by packet. They are a process of their own, ahead of those that make load:
//! what measures delay must not wait for the processor.

use super::noise::Noise;
use super::play::{GAME_PORT, GAME_QUERY, TIME_PORT, VPN_PORT, vpn_data};
use super::{meeting, rtp, shell, tls};
use crate::agent::{Event, Stage, now_ms, tell};
use crate::world::{GAME, MEETING, NAMELESS, PHONE, SHELL, TIME, VPN, service_named};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Where packets come back as they are.
pub(super) const MASKED_PORT: u16 = 47_112;

/// Serves until it is over.
pub(super) fn serve(stage: &Stage) -> Result<()> {
    answer_on(MEETING, meeting::PORT, |packet, from| match packet {
        _ if rtp::is_rtp(packet) => {
            let mut packet = packet.to_vec();
            rtp::answer(&mut packet);
            Some(packet)
        }
        _ => meeting::binding_answer(packet, from),
    })?;
    answer_on(NAMELESS, MASKED_PORT, |packet, _| Some(packet.to_vec()))?;
    let mut noise = Noise::new();
    answer_on(GAME, GAME_PORT, move |packet, _| Some(game_answer(packet, &mut noise)))?;
    let mut noise = Noise::new();
    let mut counter = 0;
    answer_on(VPN, VPN_PORT, move |packet, _| vpn_answer(packet, &mut counter, &mut noise))?;
    answer_on(TIME, TIME_PORT, |packet, _| time_answer(packet))?;
    answer_calls()?;

    let listener = tls::listen((address_of(SHELL)?, 22).into())?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || shell::serve(stream));
        }
    });
    tell(&Event::Ready);
    while !stage.is_over() {
        stage.sleep(Duration::from_secs(1));
    }
    Ok(())
}

fn address_of(name: &str) -> Result<IpAddr> {
    Ok(service_named(name).with_context(|| format!("{name} is not in this world"))?.ipv4.into())
}

/// Answers each packet to `name` by what `answer` makes of it. Bound to the one address: an answer from
/// another would be a stranger's.
fn answer_on(
    name: &str,
    port: u16,
    answer: impl FnMut(&[u8], SocketAddr) -> Option<Vec<u8>> + Send + 'static,
) -> Result<()> {
    let socket = UdpSocket::bind((address_of(name)?, port)).with_context(|| format!("cannot bind {name}:{port}"))?;
    std::thread::spawn(move || answer_all(&socket, answer));
    Ok(())
}

fn answer_all(socket: &UdpSocket, mut answer: impl FnMut(&[u8], SocketAddr) -> Option<Vec<u8>>) {
    let mut buffer = [0; 2048];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(packet) = answer(&buffer[..length], from) {
            let _ = socket.send_to(&packet, from);
        }
    }
}

/// Takes phone calls: each gets a port of its own, on which its sound comes back.
fn answer_calls() -> Result<()> {
    let address = address_of(PHONE)?;
    let mut noise = Noise::new();
    let mut media_ports: BTreeMap<SocketAddr, u16> = BTreeMap::new();
    answer_on(PHONE, 5060, move |packet, from| {
        let request = String::from_utf8_lossy(packet);
        let is_bye = request.starts_with("BYE ");
        if !is_bye && !request.starts_with("INVITE ") {
            return None;
        }
        let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
        for line in request
            .lines()
            .filter(|line| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|field| line.starts_with(field)))
        {
            answer.push_str(line);
            answer.push_str("\r\n");
        }
        if is_bye {
            media_ports.remove(&from);
            answer.push_str("Content-Length: 0\r\n\r\n");
            return Some(answer.into_bytes());
        }
        let port = match media_ports.get(&from) {
            Some(port) => *port,
            None => {
                let port = open_media(address, &mut noise)?;
                media_ports.insert(from, port);
                port
            }
        };
        let description = format!(
            "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
        );
        answer.push_str(&format!(
            "Contact: <sip:{address}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{description}",
            description.len()
        ));
        Some(answer.into_bytes())
    })
}

/// Opens an even port for sound and sends back what comes to it.
fn open_media(address: IpAddr, noise: &mut Noise) -> Option<u16> {
    for _ in 0..20 {
        let port = noise.between(8_192, 16_383) as u16 * 2;
        let Ok(socket) = UdpSocket::bind((address, port)) else { continue };
        std::thread::spawn(move || {
            answer_all(&socket, |packet, _| {
                rtp::is_rtp(packet).then(|| {
                    let mut packet = packet.to_vec();
                    rtp::answer(&mut packet);
                    packet
                })
            });
        });
        return Some(port);
    }
    None
}

fn game_answer(packet: &[u8], noise: &mut Noise) -> Vec<u8> {
    if packet == GAME_QUERY {
        let mut answer = b"\xff\xff\xff\xffI\x11Lab house\0de_dust2\0cstrike\0Counter-Strike: Source\0".to_vec();
        answer.extend([240, 0, 4, 16, 0, b'd', b'l', 0, 1]);
        answer.extend(b"6630498\0");
        answer
    } else if packet.starts_with(b"\xff\xff\xff\xffq") {
        let mut answer = b"\xff\xff\xff\xffA".to_vec();
        answer.extend(noise.bytes(12));
        answer
    } else {
        let mut answer = packet.get(..8).unwrap_or_default().to_vec();
        let length = noise.between(120, 380) as usize;
        answer.extend(noise.bytes(length));
        answer
    }
}

fn vpn_answer(packet: &[u8], counter: &mut u64, noise: &mut Noise) -> Option<Vec<u8>> {
    match *packet.first()? {
        // Handshake response, 92 bytes.
        1 => {
            let mut answer = vec![2, 0, 0, 0];
            answer.extend(noise.bytes(88));
            Some(answer)
        }
        4 => {
            *counter += 1;
            let receiver: [u8; 4] = packet.get(4..8)?.try_into().ok()?;
            let blocks = noise.between(30, 80) as usize;
            Some(vpn_data(receiver, *counter, blocks, noise))
        }
        _ => None,
    }
}

fn time_answer(packet: &[u8]) -> Option<Vec<u8>> {
    let mut answer = packet.get(..48)?.to_vec();
    answer[0] = 0b00_100_100;
    answer[1] = 2;
    let asked: [u8; 8] = answer[40..48].try_into().ok()?;
    answer[24..32].copy_from_slice(&asked);
    let seconds = (now_ms() / 1_000 + 2_208_988_800) as u32;
    for at in [16, 32, 40] {
        answer[at..at + 4].copy_from_slice(&seconds.to_be_bytes());
    }
    Some(answer)
}
