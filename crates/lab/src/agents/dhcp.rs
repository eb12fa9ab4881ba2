//! A DHCP client (RFC 2131): DISCOVER, OFFER, REQUEST, ACK by broadcast, once.

use super::noise::Noise;
use crate::agent::{Event, tell};
use anyhow::{Context, Result, bail};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

/// Asks for a lease on `interface` under `name`, and tells it.
pub(super) fn lease(interface: &str, name: &str) -> Result<()> {
    let mac = hardware_address(interface)?;
    let socket = broadcast_socket(interface)?;
    let transaction = Noise::new().next() as u32;

    let offer = ask(&socket, &message(transaction, mac, name, DISCOVER, None), transaction, OFFER)?;
    let wanted = Some((offer.address, offer.server));
    let lease = ask(&socket, &message(transaction, mac, name, REQUEST, wanted), transaction, ACK)?;
    tell(&Event::Leased {
        address: format!("{}/{}", lease.address, lease.mask.to_bits().count_ones()),
        router: lease.router.to_string(),
    });
    Ok(())
}

/// A socket that may broadcast before the interface has an address.
fn broadcast_socket(interface: &str) -> Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(interface.as_bytes())).with_context(|| format!("cannot bind to {interface}"))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 68)).into()).context("cannot bind to port 68")?;
    socket.set_read_timeout(Some(Duration::from_millis(400)))?;
    Ok(socket.into())
}

/// The interface's own address, from the counters' folder that follows the namespace of the reader.
fn hardware_address(interface: &str) -> Result<[u8; 6]> {
    // /sys/class/net shows the namespace in which /sys was mounted, not ours; `ip` asks the kernel by netlink.
    let text = crate::shell::run("ip", &["-o", "link", "show", "dev", interface])?;
    let mac = text
        .split_whitespace()
        .skip_while(|word| *word != "link/ether")
        .nth(1)
        .and_then(|mac| mac.parse::<vocab::MacAddress>().ok())
        .with_context(|| format!("{interface} has no Ethernet address"))?;
    Ok(mac.0)
}

/// A request of `kind`, with the broadcast flag set: nobody can reach us by address yet.
fn message(transaction: u32, mac: [u8; 6], name: &str, kind: u8, wanted: Option<(Ipv4Addr, Ipv4Addr)>) -> Vec<u8> {
    let mut bytes = vec![0; 236];
    bytes[..4].copy_from_slice(&[1, 1, 6, 0]);
    bytes[4..8].copy_from_slice(&transaction.to_be_bytes());
    bytes[10] = 0x80;
    bytes[28..34].copy_from_slice(&mac);
    bytes.extend([99, 130, 83, 99]);
    bytes.extend([53, 1, kind]);
    bytes.extend([61, 7, 1]);
    bytes.extend(mac);
    if let Some((address, server)) = wanted {
        bytes.extend([50, 4]);
        bytes.extend(address.octets());
        bytes.extend([54, 4]);
        bytes.extend(server.octets());
    }
    bytes.extend([12, name.len() as u8]);
    bytes.extend(name.as_bytes());
    // What systemd-networkd asks for: mask, router, name servers, domain, NTP servers.
    bytes.extend([55, 5, 1, 3, 6, 15, 42]);
    bytes.push(255);
    bytes
}

struct Lease {
    address: Ipv4Addr,
    mask: Ipv4Addr,
    router: Ipv4Addr,
    server: Ipv4Addr,
}

/// Sends `request` until an answer of kind `wanted` to this transaction comes.
fn ask(socket: &UdpSocket, request: &[u8], transaction: u32, wanted: u8) -> Result<Lease> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut buffer = [0; 1500];
    while Instant::now() < deadline {
        socket.send_to(request, (Ipv4Addr::BROADCAST, 67)).context("cannot send a DHCP request")?;
        while let Ok(length) = socket.recv(&mut buffer) {
            match answer(&buffer[..length], transaction) {
                Some((kind, lease)) if kind == wanted => return Ok(lease),
                _ => {}
            }
        }
    }
    bail!("no DHCP server answered within 10 s")
}

/// Reads an answer to `transaction`: its kind and what it grants.
fn answer(bytes: &[u8], transaction: u32) -> Option<(u8, Lease)> {
    if bytes.first()? != &2 || bytes.get(4..8)? != transaction.to_be_bytes() {
        return None;
    }
    let ipv4 = |bytes: &[u8]| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(..4)?).ok()?));
    let mut kind = None;
    let mut lease = Lease {
        address: ipv4(bytes.get(16..20)?)?,
        mask: Ipv4Addr::new(255, 255, 255, 0),
        router: Ipv4Addr::UNSPECIFIED,
        server: Ipv4Addr::UNSPECIFIED,
    };
    let mut options = bytes.get(240..)?;
    while let [code, rest @ ..] = options {
        match code {
            255 => break,
            0 => options = rest,
            _ => {
                let length = usize::from(*rest.first()?);
                let value = rest.get(1..1 + length)?;
                match code {
                    53 => kind = value.first().copied(),
                    1 => lease.mask = ipv4(value)?,
                    3 => lease.router = ipv4(value)?,
                    54 => lease.server = ipv4(value)?,
                    _ => {}
                }
                options = rest.get(1 + length..)?;
            }
        }
    }
    Some((kind?, lease))
}
