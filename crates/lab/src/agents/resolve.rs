//! Names by DNS (RFC 1035), asked of the gateway before each use, as devices do.

use super::noise::Noise;
use crate::agent::tell_flow;
use anyhow::{Context, Result, bail};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use vocab::TrafficClass;

/// Which kind of address is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// A record A.
    V4,
    /// A record AAAA.
    V6,
}

/// The address of `name`, asked of the gateway over IPv4.
pub(super) fn resolve(name: &str, family: Family) -> Result<IpAddr> {
    let server = SocketAddr::new(gateway()?.into(), 53);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_millis(1_500)))?;
    tell_flow("udp", socket.local_addr()?, server, TrafficClass::Interactive);
    let id = Noise::new().next() as u16;
    let question = question(id, name, family);
    let mut buffer = [0; 1500];
    for _ in 0..3 {
        socket.send(&question)?;
        if let Ok(length) = socket.recv(&mut buffer) {
            return answer(&buffer[..length], id, question.len(), family)
                .with_context(|| format!("the gateway knows no address of {name}"));
        }
    }
    bail!("the gateway does not answer DNS")
}

/// The gateway: the default route of this namespace.
fn gateway() -> Result<Ipv4Addr> {
    let routes = std::fs::read_to_string("/proc/net/route").context("cannot read the routes")?;
    for line in routes.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [_, "00000000", router, ..] = fields[..] {
            return Ok(Ipv4Addr::from(u32::from_str_radix(router, 16)?.to_le_bytes()));
        }
    }
    bail!("there is no default route")
}

fn question(id: u16, name: &str, family: Family) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    let kind = match family {
        Family::V4 => 1,
        Family::V6 => 28,
    };
    bytes.extend([0, 0, kind, 0, 1]);
    bytes
}

/// The first address in the answers, which follow the question of `question_length` bytes (header included).
fn answer(bytes: &[u8], id: u16, question_length: usize, family: Family) -> Option<IpAddr> {
    if bytes.get(..2)? != id.to_be_bytes() {
        return None;
    }
    let mut rest = bytes.get(question_length..)?;
    loop {
        // A name is a pointer here (RFC 1035, 4.1.4), or labels up to an empty one.
        let name = match rest.first()? {
            0xc0..=0xff => 2,
            _ => rest.iter().position(|byte| *byte == 0)? + 1,
        };
        let kind = u16::from_be_bytes(rest.get(name..name + 2)?.try_into().ok()?);
        let length = usize::from(u16::from_be_bytes(rest.get(name + 8..name + 10)?.try_into().ok()?));
        let value = rest.get(name + 10..name + 10 + length)?;
        match (kind, family) {
            (1, Family::V4) => return Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into()),
            (28, Family::V6) => return Some(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).into()),
            _ => rest = rest.get(name + 10 + length..)?,
        }
    }
}
