//! What `equalnet setup` found, as plain values: what it decides, it decides from these alone.

use capture::InterfaceState;
use std::fmt;
use std::net::IpAddr;
use vocab::InterfaceName;

/// Everything that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// All interfaces, without the loopback and without ours.
    pub interfaces: Vec<Found>,
    /// Routes to everywhere, the one that is taken first.
    pub ways_out: Vec<Way>,
    /// Packets of others are passed on (IPv4 or IPv6).
    pub forwards: Forwarding,
    /// What the kernel can do; absent where it could not be tried.
    pub kernel: Option<Kernel>,
    /// Rights that this process lacks, each with what it is for.
    pub missing: Vec<String>,
}

/// Whether packets of others are passed on between interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    On,
    Off,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub name: InterfaceName,
    pub kind: Kind,
    pub state: InterfaceState,
    /// The bridge or bond it is a part of.
    pub part_of: Option<InterfaceName>,
    /// What it rides on.
    pub rides_on: Option<InterfaceName>,
    /// Its own, with the length of the prefix; link-local ones are left out.
    pub addresses: Vec<(IpAddr, u8)>,
    pub speed_mbps: Option<u32>,
    /// Stations that answered here lately.
    pub devices: usize,
    /// The station that leads out was seen behind it.
    pub leads_out: bool,
    /// What somebody put at its root.
    pub shaped_by: Option<Shaped>,
}

/// What somebody put at the root of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shaped {
    pub kind: String,
    pub by: Whose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Ours,
    SomebodyElses,
}

/// What an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ethernet,
    Wifi,
    /// A modem that speaks IP (`wwan`).
    Mobile,
    Bridge,
    Bond,
    Vlan(Option<u16>),
    /// PPP over Ethernet.
    Pppoe,
    /// Any other PPP.
    Ppp,
    WireGuard,
    /// Any other tunnel.
    Tunnel,
    /// One end of a wire to a container or namespace.
    Veth,
    /// No wire at all: dummy, ifb, vrf and the like.
    Virtual,
}

impl Kind {
    /// From the kernel's word for what made it (`IFLA_INFO_KIND`), and what else is known.
    pub fn of(word: &str, vlan: Option<u16>, is_ppp: bool, is_pppoe: bool, is_wifi: bool) -> Kind {
        match word {
            _ if is_ppp && is_pppoe => Kind::Pppoe,
            _ if is_ppp || word == "ppp" => Kind::Ppp,
            _ if is_wifi => Kind::Wifi,
            "" | "dsa" => Kind::Ethernet,
            "bridge" => Kind::Bridge,
            "bond" | "team" => Kind::Bond,
            "vlan" => Kind::Vlan(vlan),
            "wireguard" => Kind::WireGuard,
            "wwan" | "rmnet" => Kind::Mobile,
            // A macvlan is an Ethernet interface of its own.
            "veth" | "macvlan" | "ipvlan" | "netkit" => Kind::Veth,
            "dummy" | "ifb" | "vrf" | "nlmon" | "can" | "vcan" => Kind::Virtual,
            _ => Kind::Tunnel,
        }
    }

    fn is_hardware(self) -> bool {
        matches!(self, Kind::Ethernet | Kind::Wifi | Kind::Mobile)
    }

    /// It can carry a network of devices, or lead to the internet, without another interface's help.
    fn is_wire(self) -> bool {
        match self {
            Kind::Ethernet | Kind::Wifi | Kind::Mobile | Kind::Bond | Kind::Vlan(_) | Kind::Pppoe | Kind::Ppp => true,
            Kind::Bridge | Kind::WireGuard | Kind::Tunnel | Kind::Veth | Kind::Virtual => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Ethernet => f.write_str("Ethernet"),
            Kind::Wifi => f.write_str("Wi-Fi"),
            Kind::Mobile => f.write_str("mobile network"),
            Kind::Bridge => f.write_str("bridge"),
            Kind::Bond => f.write_str("bond"),
            Kind::Vlan(Some(id)) => write!(f, "VLAN {id}"),
            Kind::Vlan(None) => f.write_str("VLAN"),
            Kind::Pppoe => f.write_str("PPPoE"),
            Kind::Ppp => f.write_str("PPP"),
            Kind::WireGuard => f.write_str("WireGuard"),
            Kind::Tunnel => f.write_str("tunnel"),
            Kind::Veth => f.write_str("virtual Ethernet"),
            Kind::Virtual => f.write_str("virtual"),
        }
    }
}

/// A route to everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub interface: InterfaceName,
    pub gateway: Option<IpAddr>,
    pub metric: u32,
    pub is_v6: bool,
    /// It is asked only where a rule says so.
    pub only_by_rule: bool,
}

/// What the kernel can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub htb: bool,
    pub ifb: bool,
    /// The qdisc in leaves.
    pub leaf: &'static str,
    /// Why it takes no eBPF, where it does not.
    pub no_bpf: Option<String>,
}

impl Findings {
    /// The interface of that name.
    pub fn find(&self, name: &InterfaceName) -> Option<&Found> {
        self.interfaces.iter().find(|found| found.name == *name)
    }

    /// The parts of a bridge or bond.
    pub fn parts<'a>(&'a self, whole: &'a InterfaceName) -> impl Iterator<Item = &'a Found> {
        self.interfaces.iter().filter(move |found| found.part_of.as_ref() == Some(whole))
    }

    /// Whether there is a wire in it: a bridge of virtual machines alone is a network of this machine. Where nothing has
    /// one, in a container, virtual Ethernet is what stands for it.
    pub fn has_wire(&self, found: &Found) -> bool {
        match found.kind {
            Kind::Bridge => self.parts(&found.name).any(|part| self.has_wire(part)),
            Kind::Veth => !self.interfaces.iter().any(|other| other.kind.is_hardware()),
            kind => kind.is_wire(),
        }
    }

    /// Whether `upper` is carried by `lower`: as a VLAN, a tunnel, a bridge over a port.
    pub fn rides_on(&self, upper: &Found, lower: &InterfaceName) -> bool {
        let mut open: Vec<&InterfaceName> = vec![&upper.name];
        let mut seen: Vec<&InterfaceName> = Vec::new();
        while let Some(name) = open.pop() {
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
            open.extend(self.find(name).and_then(|found| found.rides_on.as_ref()));
            open.extend(self.parts(name).map(|part| &part.name));
        }
        upper.name != *lower && seen.contains(&lower)
    }
}
