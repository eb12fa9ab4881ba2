//! What the kernel knows of interfaces and neighbours, over netlink (rtnetlink(7)): never from /sys, which
//! may belong to another network namespace.

use crate::CaptureError;
use datapath::sys;
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use vocab::{ByteCount, InterfaceName, MacAddress};

/// The multicast group that tells of neighbours (`RTNLGRP_NEIGH` in linux/rtnetlink.h).
const GROUP_NEIGHBOURS: u32 = 3;
/// A datagram of a dump is 32 kB at most (`NLMSG_GOODSIZE` and `min_dump_alloc` in net/netlink/af_netlink.c).
const DATAGRAM: usize = 64 << 10;

/// How sure the kernel is of a neighbour (`NUD_*` in linux/neighbour.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NeighborState {
    /// It answered lately, or was set by hand.
    Reachable,
    /// It was there, and has not been asked since.
    Stale,
    /// It is being asked.
    Probing,
    /// It does not answer, or has gone from the table.
    Gone,
}

/// An address on a segment, and which station has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// The kernel's number of the interface.
    pub interface: u32,
    /// Its address.
    pub address: IpAddr,
    /// Its station, where one is known.
    pub mac: Option<MacAddress>,
    /// How sure the kernel is.
    pub state: NeighborState,
}

/// The kernel's neighbour table: what it holds, and what changes.
#[derive(Debug)]
pub struct NeighborTable {
    changes: Socket,
    buffer: Vec<u8>,
}

/// An address of an interface, with the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// How many bits name the network.
    pub prefix: u8,
}

/// Whether an interface carries frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterfaceState {
    /// Set up and with a carrier.
    Up,
    /// Set up, but nothing is at the other end.
    NoCarrier,
    /// Not set up.
    Down,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInterface {
    /// The kernel's number.
    pub index: u32,
    /// Its name.
    pub name: InterfaceName,
    /// Its station address, where it has one of six bytes.
    pub mac: Option<MacAddress>,
    /// Its addresses.
    pub addresses: Vec<InterfaceAddress>,
    /// Whether it carries frames.
    pub state: InterfaceState,
    /// Bytes of the largest IP packet.
    pub mtu: u32,
    /// What its line does, in Mbit/s, where it states that.
    pub speed_mbps: Option<u32>,
    /// Bytes received since it was made, as its driver counts.
    pub received: ByteCount,
    /// Bytes sent since it was made, as its driver counts.
    pub sent: ByteCount,
    /// It is the loopback.
    pub loopback: bool,
}

pub(crate) fn failed(call: &'static str) -> impl Fn(io::Error) -> CaptureError {
    move |source| CaptureError::Call { call, source }
}

fn open() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    Ok(socket)
}

/// Reads one datagram into `buffer` without growing it without bound.
fn receive(socket: &Socket, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    buffer.reserve(DATAGRAM);
    socket.recv(buffer, 0).map(drop)
}

/// Hands every message of a datagram to `sink`; whether it held the end of a dump.
fn messages(datagram: &[u8], sink: &mut impl FnMut(RouteNetlinkMessage)) -> io::Result<bool> {
    let mut rest = datagram;
    while rest.len() >= 16 {
        let Some(length) = rest.first_chunk().map(|length| u32::from_ne_bytes(*length) as usize) else { break };
        let Some(bytes) = rest.get(..length).filter(|bytes| bytes.len() >= 16) else { break };
        // A message of a kind or with an attribute that the crate does not know is left out, not fatal.
        match NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).map(|message| message.payload) {
            Ok(NetlinkPayload::Done(_)) => return Ok(true),
            Ok(NetlinkPayload::Error(error)) if error.code.is_some() => return Err(error.to_io()),
            Ok(NetlinkPayload::InnerMessage(message)) => sink(message),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "a netlink message is not understood"),
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

pub(crate) fn dump(request: RouteNetlinkMessage, mut sink: impl FnMut(RouteNetlinkMessage)) -> io::Result<()> {
    let socket = open()?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.sequence_number = 1;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(request));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
    let mut buffer = Vec::new();
    loop {
        receive(&socket, &mut buffer)?;
        if messages(&buffer, &mut sink)? {
            return Ok(());
        }
    }
}

pub(crate) fn mac(bytes: &[u8]) -> Option<MacAddress> {
    bytes.try_into().ok().map(MacAddress)
}

fn neighbor(message: &NeighbourMessage, gone: bool) -> Option<Neighbor> {
    let mut address = None;
    let mut station = None;
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => address = Some(IpAddr::V4(*ip)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => address = Some(IpAddr::V6(*ip)),
            NeighbourAttribute::LinkLayerAddress(bytes) => station = mac(bytes),
            _ => {}
        }
    }
    let state = match message.header.state {
        _ if gone => NeighborState::Gone,
        NeighbourState::Reachable | NeighbourState::Permanent => NeighborState::Reachable,
        NeighbourState::Stale => NeighborState::Stale,
        NeighbourState::Delay | NeighbourState::Probe | NeighbourState::Incomplete => NeighborState::Probing,
        // Groups and point-to-point links: no neighbour was asked.
        NeighbourState::Noarp | NeighbourState::None => return None,
        _ => NeighborState::Gone,
    };
    let address = address.filter(|ip| !ip.is_multicast())?;
    Some(Neighbor { interface: message.header.ifindex, address, mac: station, state })
}

impl NeighborTable {
    /// Listens for changes from now on.
    ///
    /// # Errors
    /// The kernel has no rtnetlink.
    pub fn open() -> Result<NeighborTable, CaptureError> {
        let changes = open().map_err(failed("netlink"))?;
        changes.add_membership(GROUP_NEIGHBOURS).map_err(failed("NETLINK_ADD_MEMBERSHIP"))?;
        changes.set_non_blocking(true).map_err(failed("O_NONBLOCK"))?;
        Ok(NeighborTable { changes, buffer: Vec::new() })
    }

    /// All neighbours of all interfaces, as they are now.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn all(&self) -> Result<Vec<Neighbor>, CaptureError> {
        let mut neighbors = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut request = NeighbourMessage::default();
            request.header.family = family;
            dump(RouteNetlinkMessage::GetNeighbour(request), |message| {
                if let RouteNetlinkMessage::NewNeighbour(message) = message {
                    neighbors.extend(neighbor(&message, false));
                }
            })
            .map_err(failed("RTM_GETNEIGH"))?;
        }
        Ok(neighbors)
    }

    /// Hands over what has changed; waits for `timeout` at most if nothing has.
    ///
    /// # Errors
    /// The socket fails. `Call` with `ENOBUFS` means that changes were lost: read [`NeighborTable::all`] again.
    pub fn changes(&mut self, timeout: Duration, sink: &mut dyn FnMut(Neighbor)) -> Result<(), CaptureError> {
        if !wait(&self.changes, timeout).map_err(failed("poll"))? {
            return Ok(());
        }
        loop {
            match receive(&self.changes, &mut self.buffer) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(failed("reading neighbours")(error)),
            }
            messages(&self.buffer, &mut |message| match message {
                RouteNetlinkMessage::NewNeighbour(message) => {
                    neighbor(&message, false).into_iter().for_each(&mut *sink);
                }
                RouteNetlinkMessage::DelNeighbour(message) => {
                    neighbor(&message, true).into_iter().for_each(&mut *sink);
                }
                _ => {}
            })
            .map_err(failed("reading neighbours"))?;
        }
    }
}

fn wait(socket: &Socket, timeout: Duration) -> io::Result<bool> {
    sys::wait_readable(crate::sys::borrow(socket), timeout)
}

/// All interfaces of this network namespace, in the order of their numbers.
///
/// # Errors
/// The kernel does not say.
pub fn interfaces() -> Result<Vec<NetworkInterface>, CaptureError> {
    let mut interfaces = BTreeMap::new();
    dump(RouteNetlinkMessage::GetLink(LinkMessage::default()), |message| {
        if let RouteNetlinkMessage::NewLink(message) = message
            && let Some(interface) = interface(&message)
        {
            interfaces.insert(interface.index, interface);
        }
    })
    .map_err(failed("RTM_GETLINK"))?;
    dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()), |message| {
        if let RouteNetlinkMessage::NewAddress(message) = message
            && let Some(interface) = interfaces.get_mut(&message.header.index)
        {
            // On a point-to-point link `Address` is the other end, `Local` is ours.
            let find = |local: bool| {
                message.attributes.iter().find_map(|attribute| match attribute {
                    AddressAttribute::Local(ip) if local => Some(*ip),
                    AddressAttribute::Address(ip) if !local => Some(*ip),
                    _ => None,
                })
            };
            if let Some(address) = find(true).or_else(|| find(false)) {
                interface.addresses.push(InterfaceAddress { address, prefix: message.header.prefix_len });
            }
        }
    })
    .map_err(failed("RTM_GETADDR"))?;
    let mut interfaces: Vec<NetworkInterface> = interfaces.into_values().collect();
    for interface in &mut interfaces {
        // An interface may go while we ask; a driver may not answer. Neither states a speed.
        interface.speed_mbps = sys::link_speed_mbps(&interface.name).unwrap_or(None);
    }
    Ok(interfaces)
}

fn interface(message: &LinkMessage) -> Option<NetworkInterface> {
    let flags = message.header.flags;
    let mut interface = NetworkInterface {
        index: message.header.index,
        name: InterfaceName::new("?").ok()?,
        mac: None,
        addresses: Vec::new(),
        state: if !flags.contains(LinkFlags::Up) {
            InterfaceState::Down
        } else if flags.contains(LinkFlags::LowerUp) {
            InterfaceState::Up
        } else {
            InterfaceState::NoCarrier
        },
        mtu: 0,
        speed_mbps: None,
        received: ByteCount::ZERO,
        sent: ByteCount::ZERO,
        loopback: flags.contains(LinkFlags::Loopback),
    };
    let mut named = false;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => {
                interface.name = InterfaceName::new(name).ok()?;
                named = true;
            }
            LinkAttribute::Address(bytes) => interface.mac = mac(bytes).filter(|mac| mac.is_unicast()),
            LinkAttribute::Mtu(mtu) => interface.mtu = *mtu,
            LinkAttribute::Stats64(stats) => {
                interface.received = ByteCount(stats.rx_bytes);
                interface.sent = ByteCount(stats.tx_bytes);
            }
            _ => {}
        }
    }
    named.then_some(interface)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_loopback_is_listed() {
        let interfaces = interfaces().unwrap();
        let loopback = interfaces.iter().find(|interface| interface.loopback).expect("every namespace has one");
        assert_eq!(loopback.name.as_str(), "lo");
        assert_eq!(loopback.mac, None);
        if loopback.state == InterfaceState::Up {
            let own = InterfaceAddress { address: "127.0.0.1".parse().unwrap(), prefix: 8 };
            assert!(loopback.addresses.contains(&own), "{loopback:?}");
        }
    }

    proptest! {
        #[test]
        fn any_datagram_is_survived(datagram in proptest::collection::vec(any::<u8>(), 0..200), kind in 16_u16..32) {
            let mut datagram = datagram;
            if datagram.len() >= 16 {
                let length = datagram.len() as u32;
                datagram[..4].copy_from_slice(&length.to_ne_bytes());
                datagram[4..6].copy_from_slice(&kind.to_ne_bytes());
            }
            let _ = messages(&datagram, &mut |message| {
                if let RouteNetlinkMessage::NewNeighbour(message) = message {
                    neighbor(&message, false);
                }
            });
        }
    }
}
