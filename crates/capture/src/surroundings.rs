//! What stands around the interfaces: of what kind each is, what it is a part of, which way leads out, who queues
//! where, which station is behind which port. Looked at once, by who proposes a configuration; nothing is touched.

use crate::neighbors::{NetworkInterface, dump, failed, interfaces, mac};
use crate::{CaptureError, Neighbor, NeighborTable};
use netlink_packet_route::link::{InfoData, InfoKind, InfoVlan, LinkAttribute, LinkInfo, LinkLayerType, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::BTreeMap;
use std::net::IpAddr;
use vocab::MacAddress;

/// The table of routes that counts where no rule says otherwise (`RT_TABLE_MAIN` in linux/rtnetlink.h).
const TABLE_MAIN: u32 = 254;

/// Everything that was found. Interfaces are meant by the kernel's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// All interfaces.
    pub interfaces: Vec<NetworkInterface>,
    /// How each stands to others.
    pub places: BTreeMap<u32, Place>,
    /// Routes to everywhere.
    pub ways_out: Vec<WayOut>,
    /// Queues that somebody put at the root of an interface, by its number.
    pub queues: BTreeMap<u32, RootQueue>,
    /// Who answers on which interface.
    pub neighbors: Vec<Neighbor>,
    /// Which station a bridge has learnt behind which of its ports.
    pub learnt: Vec<(MacAddress, u32)>,
}

/// How an interface stands to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// What made it, in the kernel's word (`bridge`, `vlan`, `wireguard`, `veth`); empty for hardware.
    pub kind: String,
    /// It speaks PPP (`ARPHRD_PPP`).
    pub is_ppp: bool,
    /// The bridge or bond it is a part of.
    pub part_of: Option<u32>,
    /// What it rides on: the interface under a VLAN or macvlan, where that is in this namespace.
    pub rides_on: Option<u32>,
    /// Its number among the VLANs of what it rides on.
    pub vlan: Option<u16>,
}

/// A route to everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayOut {
    /// For IPv6.
    pub is_v6: bool,
    /// Through which interface.
    pub interface: u32,
    /// To which station; none on a point-to-point link.
    pub gateway: Option<IpAddr>,
    /// The lowest is taken.
    pub metric: u32,
    /// It is one of two halves (`0.0.0.0/1`), which is how tunnels go before any default.
    pub is_half: bool,
    /// It stands in the table that counts where no rule says otherwise.
    pub is_main: bool,
}

/// A qdisc that is not the kernel's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootQueue {
    /// Its kind.
    pub kind: String,
    /// The major number of its handle.
    pub major: u16,
}

/// Looks around in this network namespace.
///
/// # Errors
/// The kernel does not say.
pub fn surroundings() -> Result<Surroundings, CaptureError> {
    let mut found =
        Surroundings { interfaces: interfaces()?, neighbors: NeighborTable::open()?.all()?, ..Surroundings::default() };
    dump(RouteNetlinkMessage::GetLink(LinkMessage::default()), |message| {
        if let RouteNetlinkMessage::NewLink(message) = message {
            found.places.insert(message.header.index, place(&message));
        }
    })
    .map_err(failed("RTM_GETLINK"))?;
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut request = RouteMessage::default();
        request.header.address_family = family;
        dump(RouteNetlinkMessage::GetRoute(request), |message| {
            if let RouteNetlinkMessage::NewRoute(message) = message {
                found.ways_out.extend(ways_out(&message));
            }
        })
        .map_err(failed("RTM_GETROUTE"))?;
    }
    dump(RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default()), |message| {
        if let RouteNetlinkMessage::NewQueueDiscipline(message) = message {
            found.queues.extend(root_queue(&message));
        }
    })
    .map_err(failed("RTM_GETQDISC"))?;
    let mut request = NeighbourMessage::default();
    request.header.family = AddressFamily::Bridge;
    // A kernel without bridges has learnt nothing.
    let _ = dump(RouteNetlinkMessage::GetNeighbour(request), |message| {
        if let RouteNetlinkMessage::NewNeighbour(message) = message {
            found.learnt.extend(learnt(&message));
        }
    });
    Ok(found)
}

fn place(message: &LinkMessage) -> Place {
    let mut place = Place { is_ppp: message.header.link_layer_type == LinkLayerType::Ppp, ..Place::default() };
    let mut is_elsewhere = false;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::Controller(index) => place.part_of = Some(*index),
            LinkAttribute::Link(index) => place.rides_on = Some(*index),
            LinkAttribute::LinkNetNsId(_) => is_elsewhere = true,
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(kind) => place.kind = kind.to_string(),
                        LinkInfo::Data(InfoData::Vlan(options)) => {
                            place.vlan = options.iter().find_map(|option| match option {
                                InfoVlan::Id(id) => Some(*id),
                                _ => None,
                            });
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    // Of a veth it is the other end of the wire; what has a namespace with it is not in ours.
    if is_elsewhere || place.kind == InfoKind::Veth.to_string() {
        place.rides_on = None;
    }
    place
}

fn ways_out(message: &RouteMessage) -> Vec<WayOut> {
    let header = &message.header;
    if header.kind != RouteType::Unicast || header.destination_prefix_length > 1 {
        return Vec::new();
    }
    let mut way = WayOut {
        is_v6: header.address_family == AddressFamily::Inet6,
        interface: 0,
        gateway: None,
        metric: 0,
        is_half: header.destination_prefix_length == 1,
        is_main: u32::from(header.table) == TABLE_MAIN,
    };
    let mut hops = Vec::new();
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(index) => way.interface = *index,
            RouteAttribute::Gateway(address) => way.gateway = ip(address),
            RouteAttribute::Priority(metric) => way.metric = *metric,
            RouteAttribute::Table(table) => way.is_main = *table == TABLE_MAIN,
            RouteAttribute::MultiPath(several) => hops.extend(several.iter().map(|hop| {
                let gateway = hop.attributes.iter().find_map(|attribute| match attribute {
                    RouteAttribute::Gateway(address) => ip(address),
                    _ => None,
                });
                (hop.interface_index, gateway)
            })),
            _ => {}
        }
    }
    if hops.is_empty() {
        hops.push((way.interface, way.gateway));
    }
    let each = hops.into_iter().filter(|(interface, _)| *interface != 0);
    each.map(|(interface, gateway)| WayOut { interface, gateway, ..way.clone() }).collect()
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some(IpAddr::V4(*ip)),
        RouteAddress::Inet6(ip) => Some(IpAddr::V6(*ip)),
        RouteAddress::Mpls(_) | RouteAddress::Other(_) => None,
        _ => None,
    }
}

/// What the kernel put there itself has no handle.
fn root_queue(message: &TcMessage) -> Option<(u32, RootQueue)> {
    let header = &message.header;
    let kind = message.attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Kind(kind) => Some(kind.clone()),
        _ => None,
    })?;
    let is_root = header.parent == TcHandle::ROOT && header.handle != TcHandle::UNSPEC;
    is_root.then_some((header.index as u32, RootQueue { kind, major: header.handle.major }))
}

/// Stations that passed by; a bridge's own do not count.
fn learnt(message: &NeighbourMessage) -> Option<(MacAddress, u32)> {
    let station = message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(bytes) => mac(bytes),
        _ => None,
    })?;
    (message.header.state != NeighbourState::Permanent).then_some((station, message.header.ifindex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_has_its_place() {
        let found = surroundings().unwrap();
        for interface in &found.interfaces {
            assert!(found.places.contains_key(&interface.index), "{interface:?}");
        }
        let loopback = found.interfaces.iter().find(|interface| interface.loopback).expect("every namespace has one");
        assert_eq!(found.places[&loopback.index], Place::default());
    }

    #[test]
    fn only_routes_to_everywhere_lead_out() {
        let check = |prefix: u8, kind: RouteType, attributes: Vec<RouteAttribute>, expected: &[(u32, bool, bool)]| {
            let mut message = RouteMessage::default();
            message.header.destination_prefix_length = prefix;
            message.header.kind = kind;
            message.header.table = TABLE_MAIN as u8;
            message.attributes = attributes;
            let ways: Vec<(u32, bool, bool)> =
                ways_out(&message).iter().map(|way| (way.interface, way.is_half, way.is_main)).collect();
            assert_eq!(ways, expected);
        };
        check(0, RouteType::Unicast, vec![RouteAttribute::Oif(2)], &[(2, false, true)]);
        check(1, RouteType::Unicast, vec![RouteAttribute::Oif(2)], &[(2, true, true)]);
        check(8, RouteType::Unicast, vec![RouteAttribute::Oif(2)], &[]);
        check(0, RouteType::BlackHole, vec![RouteAttribute::Oif(2)], &[]);
        check(0, RouteType::Unicast, vec![], &[]);
        let elsewhere = vec![RouteAttribute::Oif(2), RouteAttribute::Table(51_820)];
        check(0, RouteType::Unicast, elsewhere, &[(2, false, false)]);
    }
}
