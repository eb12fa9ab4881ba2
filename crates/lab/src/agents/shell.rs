//! Keystrokes in a remote shell: the banners and first packets of SSH (RFC 4253), then small packets both ways.

use super::noise::Noise;
use super::resolve::{Family, resolve};
use super::tls::open;
use crate::agent::{Event, RttSample, Stage, now_ms, tell, trouble};
use crate::world::SHELL;
use anyhow::Result;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use vocab::TrafficClass;

/// A keystroke as OpenSSH sends it with AES-GCM: length, padded packet, tag.
const KEYSTROKE: usize = 36;

/// Types until it is over.
pub(super) fn type_in(stage: &Stage) -> Result<()> {
    while !stage.is_over() {
        if let Err(error) = log_in(stage) {
            trouble("shell", &format_args!("{error:#}"));
            stage.sleep(Duration::from_secs(1));
        }
    }
    Ok(())
}

fn log_in(stage: &Stage) -> Result<()> {
    let mut noise = Noise::new();
    let mut stream = open(resolve(SHELL, Family::V4)?, 22, TrafficClass::Interactive)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    greet(&mut stream, &mut reader, "SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.5", &mut noise)?;
    tell(&Event::Ready);
    let mut echo = [0; KEYSTROKE];
    while !stage.is_over() {
        let (sent, at_ms) = (Instant::now(), now_ms());
        stream.write_all(&noise.bytes(KEYSTROKE))?;
        reader.read_exact(&mut echo)?;
        let rtt_us = Some(sent.elapsed().as_micros() as u32);
        tell(&Event::Rtt { samples: vec![RttSample { at_ms, rtt_us }] });
        stage.sleep(noise.time(90, 260));
    }
    Ok(())
}

/// The other side: greets and echoes.
pub(super) fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut noise = Noise::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    greet(&mut stream, &mut reader, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", &mut noise)?;
    let mut keystroke = [0; KEYSTROKE];
    loop {
        reader.read_exact(&mut keystroke)?;
        noise.fill(&mut keystroke);
        stream.write_all(&keystroke)?;
    }
}

/// Exchanges banners and the offers of algorithms.
fn greet(stream: &mut TcpStream, reader: &mut impl BufRead, banner: &str, noise: &mut Noise) -> io::Result<()> {
    stream.write_all(format!("{banner}\r\n").as_bytes())?;
    let mut line = String::new();
    reader.take(255).read_line(&mut line)?;
    if !line.starts_with("SSH-2.0-") {
        return Err(io::Error::other("the other side does not speak SSH"));
    }
    stream.write_all(&offer(noise))?;
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = u64::from(u32::from_be_bytes(length)).min(35_000);
    io::copy(&mut reader.take(length), &mut io::sink())?;
    Ok(())
}

/// SSH_MSG_KEXINIT (RFC 4253, 7.1).
fn offer(noise: &mut Noise) -> Vec<u8> {
    let lists = [
        "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,diffie-hellman-group16-sha512",
        "ssh-ed25519,rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256",
        "chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
        "chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
        "umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com",
        "umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com",
        "none,zlib@openssh.com",
        "none,zlib@openssh.com",
        "",
        "",
    ];
    let mut payload = vec![20];
    payload.extend(noise.bytes(16));
    for list in lists {
        payload.extend((list.len() as u32).to_be_bytes());
        payload.extend(list.as_bytes());
    }
    payload.extend([0; 5]);
    // Padding to a multiple of 8, at least 4 bytes (RFC 4253, 6).
    let padding = 4 + (8 - (payload.len() + 5 + 4) % 8) % 8;
    let mut packet = ((payload.len() + 1 + padding) as u32).to_be_bytes().to_vec();
    packet.push(padding as u8);
    packet.extend(payload);
    packet.extend(noise.bytes(padding));
    packet
}
