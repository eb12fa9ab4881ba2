//! Who is the local device of a packet, and which way the packet goes as seen from it.

use crate::Packet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use vocab::{Address, DeviceId, Direction, MacAddress};

/// A range of addresses: all that share the first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: u128,
    mask: u128,
}

impl Network {
    /// The addresses that share the first `prefix_len` bits with `address`; a length beyond the address
    /// means the address alone.
    pub fn new(address: IpAddr, prefix_len: u8) -> Network {
        let bits = match address {
            IpAddr::V4(_) => 96 + u32::from(prefix_len.min(32)),
            IpAddr::V6(_) => u32::from(prefix_len.min(128)),
        };
        let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        Network { first: u128::from_be_bytes(Address::from(address).0) & mask, mask }
    }

    /// Whether `address` lies in it.
    pub fn contains(&self, address: Address) -> bool {
        u128::from_be_bytes(address.0) & self.mask == self.first
    }
}

/// Which addresses are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locality {
    networks: Vec<Network>,
    own: Vec<MacAddress>,
}

impl Default for Locality {
    /// The ranges that no one routes on the internet: RFC 1918, RFC 6598 (carrier NAT), RFC 3927 and RFC 4291
    /// (link-local), RFC 4193.
    fn default() -> Locality {
        let v4 = |a, b, prefix_len| Network::new(Ipv4Addr::new(a, b, 0, 0).into(), prefix_len);
        let v6 = |first, prefix_len| Network::new(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0).into(), prefix_len);
        Locality::new(vec![
            v4(10, 0, 8),
            v4(172, 16, 12),
            v4(192, 168, 16),
            v4(100, 64, 10),
            v4(169, 254, 16),
            v6(0xfc00, 7),
            v6(0xfe80, 10),
        ])
    }
}

impl Locality {
    /// Addresses in any of `networks` are local.
    pub fn new(networks: Vec<Network>) -> Locality {
        Locality { networks, own: Vec::new() }
    }

    /// The same, where `stations` are the gateway's own interfaces: never a device, so what they send or
    /// receive on the segment belongs to the other station or to an address behind a router.
    pub fn with_own_stations(mut self, stations: Vec<MacAddress>) -> Locality {
        self.own = stations;
        self
    }

    /// Whether `address` is one of ours.
    pub fn is_local(&self, address: Address) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// The local device of a packet and its direction as seen from that device.
    ///
    /// `hint` is the direction where the source of the packet knows it (from the interface it was seen on).
    /// Without it the local address tells; between two local ends the sender is taken, so ask with the first
    /// packet of a flow. `None` where neither end is a local station: multicast, broadcast, transit.
    pub fn owner(&self, packet: &Packet<'_>, hint: Option<Direction>) -> Option<(DeviceId, Direction)> {
        let direction = hint.or_else(|| self.direction(packet))?;
        let (end, station) = match direction {
            Direction::Upload => (packet.source, packet.source_mac),
            Direction::Download => (packet.destination, packet.destination_mac),
        };
        let unicast = is_unicast(end.address);
        // A station with a local address is the device; one with a foreign address is a router on the way.
        let station = station
            .filter(|mac| mac.is_unicast() && !self.own.contains(mac))
            .filter(|_| hint.is_some() || self.is_local(end.address));
        match station {
            Some(mac) => Some((DeviceId::Mac(mac), direction)),
            None if unicast => Some((DeviceId::Ip(end.address.ip()), direction)),
            None => None,
        }
    }

    fn direction(&self, packet: &Packet<'_>) -> Option<Direction> {
        let local = |address| is_unicast(address) && self.is_local(address);
        // What the gateway itself sends is no device's upload.
        let is_sent_by_us = packet.source_mac.is_some_and(|mac| self.own.contains(&mac));
        if local(packet.source.address) && !is_sent_by_us {
            Some(Direction::Upload)
        } else if local(packet.destination.address) {
            Some(Direction::Download)
        } else {
            None
        }
    }
}

/// Names one station: no group, no broadcast, not nobody.
fn is_unicast(address: Address) -> bool {
    // As numbers, for the first packet of every flow: groups are 224.0.0.0/4 (RFC 5771) and ff00::/8 (RFC 4291, 2.7).
    let number = u128::from_be_bytes(address.0);
    match number >> 32 {
        0xffff => {
            let v4 = number as u32;
            v4 >> 28 != 0xe && v4 != u32::MAX && v4 != 0
        }
        _ => number >> 120 != 0xff && number != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Endpoint, IpProtocol};

    const PHONE: MacAddress = MacAddress([0xa4, 0x5e, 0x60, 0, 0, 1]);
    const GATEWAY: MacAddress = MacAddress([0x02, 0, 0, 0, 0, 0xfe]);

    fn check(source: &str, destination: &str, hint: Option<Direction>, expected: Option<(DeviceId, Direction)>) {
        let end = |text: &str| Endpoint { address: text.parse::<IpAddr>().unwrap().into(), port: 1 };
        let phone_sends = source.starts_with("192.168.1.") || source.starts_with("fd");
        let (source_mac, destination_mac) = if phone_sends { (PHONE, GATEWAY) } else { (GATEWAY, PHONE) };
        let packet = Packet {
            source: end(source),
            destination: end(destination),
            protocol: IpProtocol::UDP,
            transport: crate::Transport::Udp,
            source_mac: Some(source_mac),
            destination_mac: Some(destination_mac),
            vlan: None,
            dscp: 0,
            ttl: 64,
            wire_len: 60,
            fragment: crate::Fragment::Whole,
            payload: &[],
            cut: 0,
        };
        let locality = Locality::default().with_own_stations(vec![GATEWAY]);
        assert_eq!(locality.owner(&packet, hint), expected, "{source} -> {destination}");
    }

    #[test]
    fn the_private_end_is_the_device() {
        let phone = DeviceId::Mac(PHONE);
        check("192.168.1.20", "9.9.9.9", None, Some((phone, Direction::Upload)));
        check("9.9.9.9", "192.168.1.20", None, Some((phone, Direction::Download)));
        check("fd00::20", "2620:fe::fe", None, Some((phone, Direction::Upload)));
        check("192.168.1.20", "192.168.1.21", None, Some((phone, Direction::Upload)));
        // The gateway answers (its name server), or speaks to all.
        check("10.9.9.1", "192.168.1.20", None, Some((phone, Direction::Download)));
        check("10.9.9.1", "239.255.255.250", None, None);
        check("9.9.9.9", "8.8.8.8", None, None);
        check("9.9.9.9", "224.0.0.251", None, None);
    }

    #[test]
    fn groups_and_nobody_are_no_station() {
        for (text, expected) in [
            ("223.255.255.255", true),
            ("224.0.0.1", false),
            ("239.255.255.255", false),
            ("240.0.0.1", true),
            ("255.255.255.254", true),
            ("255.255.255.255", false),
            ("0.0.0.0", false),
            ("0.0.0.1", true),
            ("::", false),
            ("::1", true),
            ("::fffe:ffff:ffff", true),
            ("ff02::1", false),
            ("feff::1", true),
        ] {
            assert_eq!(is_unicast(text.parse::<IpAddr>().unwrap().into()), expected, "{text}");
        }
    }

    #[test]
    fn the_hint_is_believed() {
        check("9.9.9.9", "192.168.1.20", Some(Direction::Download), Some((DeviceId::Mac(PHONE), Direction::Download)));
        check(
            "10.0.0.1",
            "8.8.8.8",
            Some(Direction::Upload),
            Some((DeviceId::Ip("10.0.0.1".parse().unwrap()), Direction::Upload)),
        );
    }

    #[test]
    fn networks_hold_their_addresses_only() {
        let network = Network::new("192.168.4.0".parse().unwrap(), 22);
        for (text, inside) in [("192.168.7.255", true), ("192.168.8.0", false), ("::ffff:c0a8:401", true)] {
            assert_eq!(network.contains(text.parse::<IpAddr>().unwrap().into()), inside, "{text}");
        }
        assert!(Network::new("::".parse().unwrap(), 0).contains(Address::from_v4([1, 2, 3, 4])));
    }
}
