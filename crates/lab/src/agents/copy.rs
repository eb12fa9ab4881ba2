//! A file that one device of the house gives to another: bytes over TCP, at a rate that a disk might have.

use super::noise::Noise;
use crate::agent::{Event, Stage, now_ms, tell, tell_flow, trouble};
use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use vocab::{BitRate, TrafficClass};

/// Where copies are given (no service of IANA's list).
pub(crate) const PORT: u16 = 4_450;

/// Gives to whoever comes.
pub(super) fn give(stage: &Stage, rate: BitRate) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).context("cannot give copies")?;
    listener.set_nonblocking(true)?;
    tell(&Event::Ready);
    while !stage.is_over() {
        match listener.accept() {
            Ok((taker, _)) => {
                let stage = stage.clone();
                std::thread::spawn(move || pour(&stage, taker, rate));
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => stage.sleep(Duration::from_millis(50)),
            Err(error) => trouble("copies", &error),
        }
    }
    Ok(())
}

fn pour(stage: &Stage, mut taker: TcpStream, rate: BitRate) {
    const EVERY: Duration = Duration::from_millis(10);
    let piece = Noise::new().bytes(rate.over(EVERY).0 as usize);
    let mut next = Instant::now();
    // Ends with the taker.
    while !stage.is_over() && taker.set_nonblocking(false).and_then(|()| taker.write_all(&piece)).is_ok() {
        // After a pause of this busy machine it goes on, it does not catch up in a burst.
        next = (next + EVERY).max(Instant::now() - 10 * EVERY);
        stage.sleep_until(next);
    }
}

/// Takes what `from` gives, and tells each second how much.
pub(super) fn take(stage: &Stage, from: Ipv4Addr) -> Result<()> {
    let mut giver = TcpStream::connect(SocketAddr::from((from, PORT))).context("cannot take a copy")?;
    giver.set_read_timeout(Some(Duration::from_millis(200)))?;
    tell_flow("tcp", giver.local_addr()?, giver.peer_addr()?, TrafficClass::Download);
    let (mut buffer, mut moved, mut last) = (vec![0; 64 << 10], 0, Instant::now());
    while !stage.is_over() {
        match giver.read(&mut buffer) {
            Ok(0) => break,
            Ok(bytes) => moved += bytes as u64,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error).context("a copy broke off"),
        }
        if last.elapsed() >= Duration::from_secs(1) {
            let over_us = last.elapsed().as_micros() as u64;
            tell(&Event::Moved { at_ms: now_ms(), over_us, download: moved, upload: 0 });
            (moved, last) = (0, Instant::now());
        }
    }
    Ok(())
}
