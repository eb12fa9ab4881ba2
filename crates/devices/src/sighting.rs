//! What was seen of a device: bytes in, a [`Sighting`] out.
//!
//! One file per protocol. Every parser is bounded, takes hostile bytes, and gives `None` (or a sighting with
//! fewer clues) rather than an error: a device that speaks nonsense is still there.

mod arp;
mod dhcp;
mod dns;
mod nd;
mod ssdp;

use crate::identity::NameSource;
use crate::text;
use std::net::IpAddr;
use vocab::{MacAddress, Timestamp};

/// Where a sighting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Witness {
    /// An ARP packet.
    Arp,
    /// IPv6 neighbour discovery.
    NeighborDiscovery,
    /// DHCP for IPv4.
    Dhcp,
    /// Multicast DNS.
    Mdns,
    /// Link-local multicast name resolution.
    Llmnr,
    /// The NetBIOS name service.
    Netbios,
    /// Discovery of UPnP.
    Ssdp,
    /// The kernel's neighbour table.
    NeighborTable,
    /// A lease file.
    Lease,
    /// A packet that it sent.
    Packet,
}

/// Something a device said about itself; text is bounded and printable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clue {
    /// What it calls itself.
    Name(NameSource, String),
    /// DHCP option 60, as `android-dhcp-14` or `MSFT 5.0`.
    VendorClass(String),
    /// DHCP option 55: which options it asked for, in its order (at most 64).
    RequestedOptions(Vec<u8>),
    /// A service it offers: `_ipp._tcp`.
    Service(String),
    /// Its model: `iPad8,9`, `Chromecast`, `HP LaserJet 400`.
    Model(String),
    /// What its UPnP stack is called: `Linux/3.14 UPnP/1.0 IpBridge/1.56.0`.
    Server(String),
    /// A UPnP device or service type: `MediaRenderer`.
    UpnpType(String),
    /// It offers to forward for others (router advertisement).
    Router,
}

/// One sighting of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When.
    pub at: Timestamp,
    /// How.
    pub witness: Witness,
    /// The station, where one was seen.
    pub mac: Option<MacAddress>,
    /// The address it has, where one was seen: never a group, never unspecified.
    pub address: Option<IpAddr>,
    /// What it said about itself, at most [`Sighting::MAX_CLUES`].
    pub clues: Vec<Clue>,
}

impl Sighting {
    /// The most clues one sighting carries.
    pub const MAX_CLUES: usize = 32;

    /// From an ARP packet (what follows the Ethernet header): its sender has the address it says.
    pub fn from_arp(payload: &[u8], at: Timestamp) -> Option<Sighting> {
        arp::parse(payload, at)
    }

    /// From an ICMPv6 message (from its type on) that `source_mac` sent as `source_ip`: solicitations and
    /// advertisements of neighbours and routers (RFC 4861). The caller has checked that the hop limit was
    /// 255, so that it comes from this segment.
    pub fn from_icmpv6(source_mac: MacAddress, source_ip: IpAddr, message: &[u8], at: Timestamp) -> Option<Sighting> {
        nd::parse(source_mac, source_ip, message, at)
    }

    /// From the payload of a UDP datagram on the local side: DHCP, mDNS, LLMNR, NetBIOS names and SSDP are
    /// known by their ports; `None` for all others and for what does not speak of its sender.
    pub fn from_udp(
        source_mac: MacAddress,
        source_ip: IpAddr,
        source_port: u16,
        destination_port: u16,
        payload: &[u8],
        at: Timestamp,
    ) -> Option<Sighting> {
        match (source_port, destination_port) {
            (67 | 68, 67 | 68) => dhcp::parse(payload, at),
            (5353, 5353) => dns::parse_mdns(source_mac, source_ip, payload, at),
            (5355, _) => dns::parse_llmnr(source_mac, source_ip, payload, at),
            (137, 137) => dns::parse_netbios(source_mac, source_ip, payload, at),
            (1900, _) | (_, 1900) => ssdp::parse(source_mac, source_ip, payload, at),
            _ => None,
        }
    }

    /// From the kernel's neighbour table. Only entries that were confirmed (`REACHABLE`) or written by hand
    /// (`PERMANENT`) are presence: `STALE` and `FAILED` ones may be long gone.
    pub fn from_neighbor(mac: MacAddress, ip: IpAddr, at: Timestamp) -> Option<Sighting> {
        Sighting::of_station(Witness::NeighborTable, mac, Some(ip), at)
    }

    /// From a packet that `mac` sent as the local address `ip` (layer 2 and 3 source). The caller leaves out
    /// addresses that are not on the local side: what comes through the uplink's router is not its own.
    pub fn from_packet(mac: MacAddress, ip: IpAddr, at: Timestamp) -> Option<Sighting> {
        Sighting::of_station(Witness::Packet, mac, Some(ip), at)
    }

    /// From a packet of the local address `ip` whose station is unknown (captures without Ethernet headers).
    pub fn from_address(ip: IpAddr, at: Timestamp) -> Option<Sighting> {
        let address = usable(ip)?;
        Some(Sighting { at, witness: Witness::Packet, mac: None, address: Some(address), clues: Vec::new() })
    }

    /// From a line of a lease file; `host_name` is what the device called itself, `*` for nothing (dnsmasq).
    pub fn from_lease(mac: MacAddress, ip: IpAddr, host_name: &str, at: Timestamp) -> Option<Sighting> {
        let mut sighting = Sighting::of_station(Witness::Lease, mac, Some(ip), at)?;
        if host_name != "*" {
            sighting.add_name(NameSource::Dhcp, host_name.as_bytes());
        }
        Some(sighting)
    }

    /// A sighting of a single station, without clues; `None` for groups and nobody.
    fn of_station(witness: Witness, mac: MacAddress, ip: Option<IpAddr>, at: Timestamp) -> Option<Sighting> {
        let address = ip.and_then(usable);
        mac.is_unicast().then_some(Sighting { at, witness, mac: Some(mac), address, clues: Vec::new() })
    }

    fn add(&mut self, clue: Clue) {
        if self.clues.len() < Sighting::MAX_CLUES && !self.clues.contains(&clue) {
            self.clues.push(clue);
        }
    }

    fn add_name(&mut self, source: NameSource, raw: &[u8]) {
        // Names that say nothing: they would make all devices of a maker the same.
        const EMPTY: [&str; 6] = ["localhost", "unknown", "android", "linux", "none", "null"];
        if let Some(name) = text::clean(raw)
            && !EMPTY.iter().any(|empty| name.eq_ignore_ascii_case(empty))
        {
            self.add(Clue::Name(source, name));
        }
    }

    fn add_text(&mut self, clue: impl FnOnce(String) -> Clue, raw: &[u8]) {
        if let Some(text) = text::clean(raw) {
            self.add(clue(text));
        }
    }
}

/// `ip` if one device can have it: no group, not unspecified, not loopback, not the broadcast address.
fn usable(ip: IpAddr) -> Option<IpAddr> {
    let ip = ip.to_canonical();
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    let usable = !ip.is_unspecified() && !ip.is_multicast() && !ip.is_loopback() && !broadcast;
    usable.then_some(ip)
}

/// The `N` bytes of `bytes` from `at` on, if they are there.
fn take<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AT: Timestamp = Timestamp::from_unix_secs(1_000);

    #[test]
    fn groups_and_nobody_are_no_devices() {
        let phone = MacAddress([0xa4, 0x5e, 0x60, 0, 0, 1]);
        let ip: IpAddr = "192.168.1.20".parse().unwrap();
        assert!(Sighting::from_packet(MacAddress([0xff; 6]), ip, AT).is_none());
        assert!(Sighting::from_packet(MacAddress([0; 6]), ip, AT).is_none());
        for nowhere in ["0.0.0.0", "224.0.0.251", "255.255.255.255", "127.0.0.1", "::", "ff02::1", "::1"] {
            let sighting = Sighting::from_packet(phone, nowhere.parse().unwrap(), AT).unwrap();
            assert_eq!(sighting.address, None, "{nowhere}");
        }
        let lease = Sighting::from_lease(phone, ip, "*", AT).unwrap();
        assert_eq!(lease.clues, []);
    }

    proptest! {
        #[test]
        fn no_bytes_break_a_parser(
            payload in proptest::collection::vec(any::<u8>(), 0..700),
            port in prop_oneof![Just(67u16), Just(5353), Just(5355), Just(137), Just(1900)],
            mac: [u8; 6],
            ip: [u8; 16],
        ) {
            let (mac, ip) = (MacAddress(mac), IpAddr::from(ip));
            let sightings = [
                Sighting::from_udp(mac, ip, port, port, &payload, AT),
                Sighting::from_arp(&payload, AT),
                Sighting::from_icmpv6(mac, ip, &payload, AT),
            ];
            for sighting in sightings.into_iter().flatten() {
                prop_assert!(sighting.clues.len() <= Sighting::MAX_CLUES);
                prop_assert!(sighting.mac.is_some_and(MacAddress::is_unicast));
                for clue in sighting.clues {
                    let shown = format!("{clue:?}");
                    prop_assert!(shown.len() < 1_024, "{}", shown);
                }
            }
        }

        /// Like the one above, from messages that are nearly right.
        #[test]
        fn no_flipped_bits_break_a_parser(
            which in 0usize..6, flips in proptest::collection::vec((0usize..400, any::<u8>()), 0..12), cut in 0usize..500,
        ) {
            let (port, mut payload) = samples().swap_remove(which);
            for (at, value) in flips {
                let length = payload.len();
                payload[at % length] = value;
            }
            payload.truncate(cut);
            let ip = "192.168.1.20".parse().unwrap();
            let _ = Sighting::from_udp(MacAddress([2, 0, 0, 0, 0, 1]), ip, port, port, &payload, AT);
        }
    }

    fn samples() -> Vec<(u16, Vec<u8>)> {
        vec![
            (67, dhcp::tests::request()),
            (5353, dns::tests::chromecast()),
            (5353, dns::tests::printer()),
            (5355, dns::tests::llmnr()),
            (137, dns::tests::netbios()),
            (1900, ssdp::tests::hue().to_vec()),
        ]
    }
}
