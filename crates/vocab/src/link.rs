//! What is divided.

use crate::{BitRate, Directed, Framing, Sought};
use std::fmt;

/// The name of a network interface as the kernel knows it: 1 to 15 bytes, no slash, no blank.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(String);

/// Text that cannot name an interface.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be the name of a network interface (1 to 15 characters, no blank, no slash)")]
pub struct InvalidInterfaceName(pub String);

impl InterfaceName {
    /// Checks `name` as the kernel does (`dev_valid_name` in net/core/dev.c).
    pub fn new(name: &str) -> Result<Self, InvalidInterfaceName> {
        let bad = name.is_empty()
            || name.len() > 15
            || name == "."
            || name == ".."
            || name.bytes().any(|byte| byte == b'/' || byte == b':' || byte == 0 || byte.is_ascii_whitespace());
        if bad { Err(InvalidInterfaceName(name.to_owned())) } else { Ok(InterfaceName(name.to_owned())) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which link, by its place in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u16);

/// How the shaped interfaces stand to the traffic (docs/decisions/0026).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// A router or a bridge with one LAN: downloads leave through `lan` and wait there, uploads through `wan`.
    Router {
        /// Towards the devices.
        lan: InterfaceName,
        /// Towards the bottleneck.
        wan: InterfaceName,
    },
    /// A router or a bridge with several LANs: downloads leave through any of `lans` and wait together on an IFB, so
    /// that one capacity rules; uploads leave through `wan` and wait there.
    Shared {
        /// Towards the devices; two at least.
        lans: Vec<InterfaceName>,
        /// Towards the bottleneck.
        wan: InterfaceName,
    },
    /// One interface; downloads are shaped on an IFB behind its ingress.
    Host {
        /// The only interface.
        interface: InterfaceName,
    },
}

/// Where the downloads of a link wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownloadQueue<'a> {
    /// Where they leave for the devices.
    AtLan(&'a InterfaceName),
    /// On an IFB, to which all that is received by the interface is sent.
    OnIfbAfterIngress(&'a InterfaceName),
    /// On an IFB, to which all that would leave by these is sent, and from where it leaves by them.
    OnIfbBeforeEgress(&'a [InterfaceName]),
}

impl Topology {
    /// With these interfaces towards the devices: two or more share a queue, one has it itself.
    pub fn routed(first: InterfaceName, others: Vec<InterfaceName>, wan: InterfaceName) -> Topology {
        if others.is_empty() {
            Topology::Router { lan: first, wan }
        } else {
            Topology::Shared { lans: [vec![first], others].concat(), wan }
        }
    }

    /// The interfaces behind which the devices are, if other interfaces lead to the bottleneck.
    pub fn lans(&self) -> &[InterfaceName] {
        match self {
            Topology::Router { lan, .. } => std::slice::from_ref(lan),
            Topology::Shared { lans, .. } => lans,
            Topology::Host { .. } => &[],
        }
    }

    /// The interface through which uploads leave: there they wait.
    pub fn upload_interface(&self) -> &InterfaceName {
        match self {
            Topology::Router { wan, .. } | Topology::Shared { wan, .. } => wan,
            Topology::Host { interface } => interface,
        }
    }

    /// All its interfaces, those towards the devices first.
    pub fn interfaces(&self) -> impl Iterator<Item = &InterfaceName> {
        self.lans().iter().chain([self.upload_interface()])
    }

    /// Where its downloads wait.
    pub fn download_queue(&self) -> DownloadQueue<'_> {
        match self {
            Topology::Router { lan, .. } => DownloadQueue::AtLan(lan),
            Topology::Shared { lans, .. } => DownloadQueue::OnIfbBeforeEgress(lans),
            Topology::Host { interface } => DownloadQueue::OnIfbAfterIngress(interface),
        }
    }
}

/// A shaped interface pair, with its capacity per direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its place in the configuration.
    pub id: LinkId,
    /// What people call it.
    pub name: String,
    /// Its interfaces.
    pub topology: Topology,
    /// The line rate, layer 2, as the operator or the modem states it.
    pub line_rate: Directed<BitRate>,
    /// What is kept free so that the queue stays with us, in thousandths of the line rate.
    pub margin_permille: u16,
    /// What it adds to each packet. Where that is known, `line_rate` counts it too, as modems do.
    pub framing: Framing,
    /// Where the line rate is not known: within which bounds the capacity is looked for, and what was found.
    pub sought: Directed<Option<Sought>>,
}

impl Link {
    /// The rate we divide: what was found, or what is stated.
    pub fn capacity(&self) -> Directed<BitRate> {
        let stated = self.stated_capacity();
        Directed::from_fn(|direction| {
            self.sought[direction].and_then(|sought| sought.found).unwrap_or(stated[direction])
        })
    }

    /// By the line rate as it is stated: what the line carries of frames, less the margin.
    pub fn stated_capacity(&self) -> Directed<BitRate> {
        let kept = 1_000 - u64::from(self.margin_permille.min(1_000));
        self.line_rate.map(|rate| self.framing.carried(rate).mul_ratio(kept, 1_000))
    }
}

/// How a frame of a link or a capture file begins (names after the pcap link-layer header types).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// Ethernet II, with any number of VLAN tags (DLT 1).
    Ethernet,
    /// The IP packet itself (DLT 12, 14, 101, 228, 229).
    RawIp,
    /// Linux cooked capture (DLT 113).
    LinuxCooked,
    /// Linux cooked capture version 2 (DLT 276).
    LinuxCooked2,
    /// BSD loopback: a protocol family of four bytes in either order (DLT 0 and 108).
    Loopback,
    /// PPP, with or without HDLC framing (DLT 9, 50).
    Ppp,
    /// PPPoE without its Ethernet header (DLT 51).
    PppEther,
    /// Cisco HDLC (DLT 104).
    CiscoHdlc,
    /// IEEE 802.11 (DLT 105).
    Wifi,
    /// IEEE 802.11 behind a Prism header of fixed length (DLT 119).
    WifiPrism,
    /// IEEE 802.11 behind a radiotap header (DLT 127).
    WifiRadiotap,
    /// IEEE 802.11 behind an AVS header (DLT 163).
    WifiAvs,
    /// Per-packet information, which names the link type of what follows (DLT 192).
    PerPacketInformation,
    /// Apple's packet tap, which names the link type of what follows (DLT 258).
    PacketTap,
    /// Endace's extensible records (DLT 197).
    ExtensibleRecord,
    /// What Linux' NFLOG hands out (DLT 239).
    NetfilterLog,
    /// Ethernet behind the four bytes of a netANALYZER (DLT 240).
    NetAnalyzer,
    /// IEEE 802.5 (DLT 6).
    TokenRing,
    /// Fiber distributed data interface (DLT 10).
    Fddi,
    /// SLIP behind the 16 bytes of its link header (DLT 8).
    Slip,
    /// Frame relay (DLT 107).
    FrameRelay,
    /// ATM with LLC, RFC 2684 (DLT 11 and 100).
    AtmLlc,
    /// ATM behind the four bytes of SunATM (DLT 123).
    SunAtm,
    /// IP over Fibre Channel (DLT 122).
    FibreChannel,
    /// IP over IEEE 1394 as Apple does it (DLT 138).
    FireWire,
    /// OpenBSD's inside of IPsec (DLT 109).
    OpenBsdEnc,
    /// OpenBSD's log of the packet filter (DLT 117).
    OpenBsdPflog,
    /// PPP behind a byte that tells the direction (DLT 204).
    PppDirected,
    /// IP over InfiniBand behind two hardware addresses (DLT 242).
    Infiniband,
    /// IP behind the 24 bytes of Solaris' ipnet (DLT 226).
    SolarisIpNet,
    /// Ethernet with the tag of a Marvell switch behind its addresses (DLT 284).
    MarvellTag,
    /// The same tag behind an ethertype of its own (DLT 285).
    MarvellEtherTag,
    /// Ethernet with the tag of a Broadcom switch behind its addresses (DLT 281).
    BroadcomTag,
    /// Ethernet behind the tag of a Broadcom switch (DLT 282).
    BroadcomTagFirst,
}

impl LinkType {
    /// All of them; new ones are added at the end.
    pub const ALL: [LinkType; 34] = [
        LinkType::Ethernet,
        LinkType::RawIp,
        LinkType::LinuxCooked,
        LinkType::LinuxCooked2,
        LinkType::Loopback,
        LinkType::Ppp,
        LinkType::PppEther,
        LinkType::CiscoHdlc,
        LinkType::Wifi,
        LinkType::WifiPrism,
        LinkType::WifiRadiotap,
        LinkType::WifiAvs,
        LinkType::PerPacketInformation,
        LinkType::PacketTap,
        LinkType::ExtensibleRecord,
        LinkType::NetfilterLog,
        LinkType::NetAnalyzer,
        LinkType::TokenRing,
        LinkType::Fddi,
        LinkType::Slip,
        LinkType::FrameRelay,
        LinkType::AtmLlc,
        LinkType::SunAtm,
        LinkType::FibreChannel,
        LinkType::FireWire,
        LinkType::OpenBsdEnc,
        LinkType::OpenBsdPflog,
        LinkType::PppDirected,
        LinkType::Infiniband,
        LinkType::SolarisIpNet,
        LinkType::MarvellTag,
        LinkType::MarvellEtherTag,
        LinkType::BroadcomTag,
        LinkType::BroadcomTagFirst,
    ];

    /// What a number of the tcpdump list ("Link-layer header types") stands for; `None` where we do not read it.
    pub const fn from_number(number: u16) -> Option<LinkType> {
        Some(match number {
            1 => LinkType::Ethernet,
            12 | 14 | 101 | 228 | 229 => LinkType::RawIp,
            113 => LinkType::LinuxCooked,
            276 => LinkType::LinuxCooked2,
            0 | 108 => LinkType::Loopback,
            9 | 50 => LinkType::Ppp,
            51 => LinkType::PppEther,
            104 => LinkType::CiscoHdlc,
            105 => LinkType::Wifi,
            119 => LinkType::WifiPrism,
            127 => LinkType::WifiRadiotap,
            163 => LinkType::WifiAvs,
            192 => LinkType::PerPacketInformation,
            258 => LinkType::PacketTap,
            197 => LinkType::ExtensibleRecord,
            239 => LinkType::NetfilterLog,
            240 => LinkType::NetAnalyzer,
            6 => LinkType::TokenRing,
            10 => LinkType::Fddi,
            8 => LinkType::Slip,
            107 => LinkType::FrameRelay,
            11 | 100 => LinkType::AtmLlc,
            123 => LinkType::SunAtm,
            122 => LinkType::FibreChannel,
            138 => LinkType::FireWire,
            109 => LinkType::OpenBsdEnc,
            117 => LinkType::OpenBsdPflog,
            204 => LinkType::PppDirected,
            242 => LinkType::Infiniband,
            226 => LinkType::SolarisIpNet,
            284 => LinkType::MarvellTag,
            285 => LinkType::MarvellEtherTag,
            281 => LinkType::BroadcomTag,
            282 => LinkType::BroadcomTagFirst,
            _ => return None,
        })
    }

    /// The number by which libpcap on Linux knows it; where several stand for it, the plainest.
    pub const fn number(self) -> u16 {
        match self {
            LinkType::Ethernet => 1,
            LinkType::RawIp => 12,
            LinkType::LinuxCooked => 113,
            LinkType::LinuxCooked2 => 276,
            LinkType::Loopback => 0,
            LinkType::Ppp => 9,
            LinkType::PppEther => 51,
            LinkType::CiscoHdlc => 104,
            LinkType::Wifi => 105,
            LinkType::WifiPrism => 119,
            LinkType::WifiRadiotap => 127,
            LinkType::WifiAvs => 163,
            LinkType::PerPacketInformation => 192,
            LinkType::PacketTap => 258,
            LinkType::ExtensibleRecord => 197,
            LinkType::NetfilterLog => 239,
            LinkType::NetAnalyzer => 240,
            LinkType::TokenRing => 6,
            LinkType::Fddi => 10,
            LinkType::Slip => 8,
            LinkType::FrameRelay => 107,
            LinkType::AtmLlc => 11,
            LinkType::SunAtm => 123,
            LinkType::FibreChannel => 122,
            LinkType::FireWire => 138,
            LinkType::OpenBsdEnc => 109,
            LinkType::OpenBsdPflog => 117,
            LinkType::PppDirected => 204,
            LinkType::Infiniband => 242,
            LinkType::SolarisIpNet => 226,
            LinkType::MarvellTag => 284,
            LinkType::MarvellEtherTag => 285,
            LinkType::BroadcomTag => 281,
            LinkType::BroadcomTagFirst => 282,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_are_what_the_kernel_takes() {
        for good in ["eth0", "br-lan", "wlan0.100", "a"] {
            assert!(InterfaceName::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "sixteen-letters0", "eth0:1"] {
            assert!(InterfaceName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn several_lans_share_a_queue_and_one_has_it_itself() {
        let name = |text: &str| InterfaceName::new(text).unwrap();
        let one = Topology::routed(name("br-lan"), vec![], name("eth0"));
        assert_eq!(one, Topology::Router { lan: name("br-lan"), wan: name("eth0") });
        assert_eq!(one.download_queue(), DownloadQueue::AtLan(&name("br-lan")));
        let two = Topology::routed(name("br-lan"), vec![name("lan.20")], name("eth0"));
        let lans = [name("br-lan"), name("lan.20")];
        assert_eq!(two.download_queue(), DownloadQueue::OnIfbBeforeEgress(&lans));
        let host = Topology::Host { interface: name("eth0") };
        for (topology, interfaces) in
            [(one, &["br-lan", "eth0"][..]), (two, &["br-lan", "lan.20", "eth0"]), (host, &["eth0"])]
        {
            let named: Vec<&str> = topology.interfaces().map(InterfaceName::as_str).collect();
            assert_eq!(named, interfaces);
        }
    }

    #[test]
    fn each_link_type_stands_for_its_number() {
        for link_type in LinkType::ALL {
            assert_eq!(LinkType::from_number(link_type.number()), Some(link_type));
        }
        assert_eq!(LinkType::from_number(9_999), None);
    }
}
