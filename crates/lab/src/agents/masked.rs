//! What hides what it is: no name asked for, none said, nothing in its packets to read. Only how it moves tells.

use super::live::MASKED_PORT;
use super::noise::Noise;
use crate::agent::{Event, Stage, tell, tell_flow};
use crate::world::{NAMELESS, service_named};
use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use vocab::TrafficClass;

/// Opus in packets of 20 ms: 50 a second.
const PERIOD: Duration = Duration::from_millis(20);
/// Opus at about 32 kbit/s with a header and an authentication tag, all encrypted.
const SIZES: (u64, u64) = (90, 130);

/// Talks until it is over, over a flow whose every byte is noise.
pub(super) fn talk(stage: &Stage) -> Result<()> {
    let mut noise = Noise::new();
    let service = service_named(NAMELESS).with_context(|| format!("{NAMELESS} is not in this world"))?;
    let server = SocketAddr::new(service.ipv4.into(), MASKED_PORT);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(server)?;
    tell_flow("udp", socket.local_addr()?, server, TrafficClass::Voice);
    let listener = socket.try_clone()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 2_048];
        while listener.recv(&mut buffer).is_ok() {}
    });
    tell(&Event::Ready);
    let mut next = Instant::now();
    while !stage.is_over() {
        let length = noise.between(SIZES.0, SIZES.1) as usize;
        let _ = socket.send(&noise.bytes(length));
        next += PERIOD;
        stage.sleep_until(next);
    }
    Ok(())
}
