//! Which program goes where: purely from the topologies.

use aya::programs::TcAttachType;
use std::collections::BTreeSet;
use vocab::{InterfaceName, Topology};

/// Where a program hooks into an interface, and what it is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Frames from the devices: uploads.
    LanIngress,
    /// Frames to the devices of the only LAN: downloads.
    LanEgress,
    /// Frames to the devices of one LAN of several: downloads that wait on an IFB.
    SharedEgress,
    /// Towards the bottleneck: uploads go into their class.
    WanEgress,
    /// One interface: downloads.
    HostIngress,
    /// One interface: uploads.
    HostEgress,
}

/// How the packets of an interface begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Head {
    /// With a header of Ethernet.
    #[default]
    Ethernet,
    /// With the header of IP: PPP, WireGuard, tun.
    RawIp,
}

impl Head {
    /// Both.
    pub const ALL: [Head; 2] = [Head::Ethernet, Head::RawIp];
}

// Hardware types, linux/if_arp.h.
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_PPP: u16 = 512;
const ARPHRD_RAWIP: u16 = 519;
const ARPHRD_TUNNEL: u16 = 768;
const ARPHRD_TUNNEL6: u16 = 769;
const ARPHRD_LOOPBACK: u16 = 772;
const ARPHRD_SIT: u16 = 776;
const ARPHRD_IPGRE: u16 = 778;
const ARPHRD_IP6GRE: u16 = 823;
const ARPHRD_NONE: u16 = 0xfffe;

impl Head {
    /// Of an interface of this hardware type; `None` where we cannot read its frames.
    pub(crate) const fn of_hardware(hardware: u16) -> Option<Head> {
        match hardware {
            ARPHRD_ETHER | ARPHRD_LOOPBACK => Some(Head::Ethernet),
            ARPHRD_PPP | ARPHRD_RAWIP | ARPHRD_TUNNEL | ARPHRD_TUNNEL6 | ARPHRD_SIT | ARPHRD_NONE => Some(Head::RawIp),
            // A tunnel with one other end; of one with many, frames begin with the outer header where they leave.
            ARPHRD_IPGRE | ARPHRD_IP6GRE => Some(Head::RawIp),
            _ => None,
        }
    }
}

/// What a program must be able to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// The mark that another program left, whatever the frame is.
    Nothing,
    /// Packets, from their first byte on.
    Packets,
}

impl Hook {
    /// All.
    pub const ALL: [Hook; 6] =
        [Hook::LanIngress, Hook::LanEgress, Hook::SharedEgress, Hook::WanEgress, Hook::HostIngress, Hook::HostEgress];

    /// The name of its program on an interface whose packets begin with `head`.
    pub const fn program(self, head: Head) -> &'static str {
        match (self, head) {
            (Hook::LanIngress, Head::Ethernet) => "lan_ingress",
            (Hook::LanIngress, Head::RawIp) => "lan_ingress_raw",
            (Hook::LanEgress, Head::Ethernet) => "lan_egress",
            (Hook::LanEgress, Head::RawIp) => "lan_egress_raw",
            (Hook::SharedEgress, Head::Ethernet) => "shared_egress",
            (Hook::SharedEgress, Head::RawIp) => "shared_egress_raw",
            // It reads no packet.
            (Hook::WanEgress, Head::Ethernet | Head::RawIp) => "wan_egress",
            (Hook::HostIngress, Head::Ethernet) => "host_ingress",
            (Hook::HostIngress, Head::RawIp) => "host_ingress_raw",
            (Hook::HostEgress, Head::Ethernet) => "host_egress",
            (Hook::HostEgress, Head::RawIp) => "host_egress_raw",
        }
    }

    /// What its program must be able to read.
    pub(crate) const fn reads(self) -> Reads {
        match self {
            Hook::WanEgress => Reads::Nothing,
            Hook::LanIngress | Hook::LanEgress | Hook::SharedEgress | Hook::HostIngress | Hook::HostEgress => {
                Reads::Packets
            }
        }
    }

    /// On which side of an interface it is.
    pub(crate) const fn side(self) -> TcAttachType {
        match self {
            Hook::LanIngress | Hook::HostIngress => TcAttachType::Ingress,
            Hook::LanEgress | Hook::SharedEgress | Hook::WanEgress | Hook::HostEgress => TcAttachType::Egress,
        }
    }
}

/// `TC_H_CLSACT` with a side: the parent of its filters (linux/pkt_sched.h).
pub(crate) fn parent(side: TcAttachType) -> u32 {
    if side == TcAttachType::Ingress { 0xffff_fff2 } else { 0xffff_fff3 }
}

/// All programs that are attached somewhere: on which side, and their names.
pub(crate) fn programs() -> impl Iterator<Item = (TcAttachType, &'static str)> {
    let all: BTreeSet<(bool, &'static str)> = Hook::ALL
        .into_iter()
        .flat_map(|hook| Head::ALL.map(|head| (hook.side() == TcAttachType::Ingress, hook.program(head))))
        .collect();
    let side = |is_ingress| if is_ingress { TcAttachType::Ingress } else { TcAttachType::Egress };
    all.into_iter().map(move |(is_ingress, program)| (side(is_ingress), program))
}

/// Where `links` want which hook.
pub(crate) fn wanted(links: &[Topology]) -> BTreeSet<(Hook, InterfaceName)> {
    let mut wanted = BTreeSet::new();
    for link in links {
        match link {
            Topology::Router { lan, wan } => {
                wanted.insert((Hook::LanIngress, lan.clone()));
                wanted.insert((Hook::LanEgress, lan.clone()));
                wanted.insert((Hook::WanEgress, wan.clone()));
            }
            Topology::Shared { lans, wan } => {
                for lan in lans {
                    wanted.insert((Hook::LanIngress, lan.clone()));
                    wanted.insert((Hook::SharedEgress, lan.clone()));
                }
                wanted.insert((Hook::WanEgress, wan.clone()));
            }
            Topology::Host { interface } => {
                wanted.insert((Hook::HostIngress, interface.clone()));
                wanted.insert((Hook::HostEgress, interface.clone()));
            }
        }
    }
    wanted
}

/// Of VLANs `lans` and `wans` that ride on other `lans`, directly or on VLANs that are none of them: the one below, the
/// number of the VLAN there. There, their frames are not to be counted a second time, or as frames of devices. `below`
/// says on what an interface rides.
pub(crate) fn counted_above(
    lans: &BTreeSet<InterfaceName>,
    wans: &BTreeSet<InterfaceName>,
    below: impl Fn(&InterfaceName) -> Option<(InterfaceName, u16)>,
) -> BTreeSet<(InterfaceName, u16)> {
    let mut counted = BTreeSet::new();
    for lan in lans.union(wans) {
        // Ends even where the answers go in circles, as no kernel's do.
        let (mut at, mut depth) = (lan.clone(), 0);
        while let Some((lower, vlan)) = below(&at).filter(|_| depth < 8) {
            if lower != *lan && lans.contains(&lower) {
                counted.insert((lower, vlan));
                break;
            }
            (at, depth) = (lower, depth + 1);
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> InterfaceName {
        InterfaceName::new(text).unwrap()
    }

    #[test]
    fn each_topology_has_its_hooks() {
        let check = |topology: Topology, expected: &[(Hook, &str)]| {
            let is: Vec<(Hook, String)> =
                wanted(&[topology]).into_iter().map(|(hook, at)| (hook, at.to_string())).collect();
            let is: Vec<(Hook, &str)> = is.iter().map(|(hook, at)| (*hook, at.as_str())).collect();
            assert_eq!(is, expected);
        };
        check(
            Topology::Router { lan: name("lan"), wan: name("wan") },
            &[(Hook::LanIngress, "lan"), (Hook::LanEgress, "lan"), (Hook::WanEgress, "wan")],
        );
        check(
            Topology::Shared { lans: vec![name("a"), name("b")], wan: name("wan") },
            &[
                (Hook::LanIngress, "a"),
                (Hook::LanIngress, "b"),
                (Hook::SharedEgress, "a"),
                (Hook::SharedEgress, "b"),
                (Hook::WanEgress, "wan"),
            ],
        );
        check(Topology::Host { interface: name("eth") }, &[(Hook::HostIngress, "eth"), (Hook::HostEgress, "eth")]);
    }

    #[test]
    fn frames_of_a_vlan_are_counted_once() {
        let below = |at: &InterfaceName| match at.as_str() {
            "eth0.20" => Some((name("eth0"), 20)),
            "eth0.20.30" => Some((name("eth0.20"), 30)),
            "a" => Some((name("b"), 1)),
            "b" => Some((name("a"), 2)),
            _ => None,
        };
        for (lans, wan, expected) in [
            (&["eth0", "eth0.20"][..], "wan", &[("eth0", 20)][..]),
            (&["eth0.20", "eth1"], "wan", &[]),
            (&["eth0", "eth0.20.30"], "wan", &[("eth0", 20)]),
            (&["eth0", "eth0.20", "eth0.20.30"], "wan", &[("eth0", 20), ("eth0.20", 30)]),
            (&["a"], "wan", &[]),
            (&["eth0"], "eth0.20", &[("eth0", 20)]),
            (&["eth0"], "eth0.20.30", &[("eth0", 20)]),
            (&["eth0.20"], "eth0", &[]),
        ] {
            let lans = lans.iter().map(|lan| name(lan)).collect();
            let expected: BTreeSet<_> = expected.iter().map(|(lan, vlan)| (name(lan), *vlan)).collect();
            assert_eq!(counted_above(&lans, &BTreeSet::from([name(wan)]), below), expected);
        }
    }
}
