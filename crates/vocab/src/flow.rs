//! Who talks to whom.

use std::cmp::Ordering;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The number of a protocol above IP (IANA "Assigned Internet Protocol Numbers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpProtocol(pub u8);

impl IpProtocol {
    /// ICMP for IPv4.
    pub const ICMP: IpProtocol = IpProtocol(1);
    /// TCP.
    pub const TCP: IpProtocol = IpProtocol(6);
    /// UDP.
    pub const UDP: IpProtocol = IpProtocol(17);
    /// ICMP for IPv6.
    pub const ICMPV6: IpProtocol = IpProtocol(58);
}

impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            1 => "icmp",
            2 => "igmp",
            6 => "tcp",
            17 => "udp",
            47 => "gre",
            50 => "esp",
            51 => "ah",
            58 => "icmpv6",
            89 => "ospf",
            103 => "pim",
            112 => "vrrp",
            113 => "pgm",
            132 => "sctp",
            number => return write!(f, "{number}"),
        };
        f.write_str(name)
    }
}

/// An IP address as sixteen bytes, IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2): one shape for keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address(pub [u8; 16]);

// As one number: the derived order compares byte by byte through a call, once per packet.
impl Ord for Address {
    fn cmp(&self, other: &Address) -> Ordering {
        u128::from_be_bytes(self.0).cmp(&u128::from_be_bytes(other.0))
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Address) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Address {
    /// From four bytes of an IPv4 header.
    pub const fn from_v4(octets: [u8; 4]) -> Address {
        // As one number: what is put together byte by byte is fetched in larger pieces, which stalls.
        Address((0xffff << 32 | u32::from_be_bytes(octets) as u128).to_be_bytes())
    }

    /// As the standard library's type; mapped addresses become IPv4.
    pub fn ip(self) -> IpAddr {
        match self.0 {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            octets => IpAddr::V6(Ipv6Addr::from(octets)),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Address {
        match ip {
            IpAddr::V4(v4) => Address::from_v4(v4.octets()),
            IpAddr::V6(v6) => Address(v6.octets()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

/// One end of a flow; port 0 where the protocol has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Its address.
    pub address: Address,
    /// Its port.
    pub port: u16,
}

// As numbers, as addresses are.
impl Ord for Endpoint {
    fn cmp(&self, other: &Endpoint) -> Ordering {
        let number = |end: &Endpoint| (u128::from_be_bytes(end.address.0), end.port);
        number(self).cmp(&number(other))
    }
}

impl PartialOrd for Endpoint {
    fn partial_cmp(&self, other: &Endpoint) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address.ip() {
            IpAddr::V4(v4) => write!(f, "{v4}:{}", self.port),
            IpAddr::V6(v6) => write!(f, "[{v6}]:{}", self.port),
        }
    }
}

/// Protocol, addresses and ports, ordered so that both directions are the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    low: Endpoint,
    high: Endpoint,
    protocol: IpProtocol,
}

/// Which end of its flow's key sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// [`FlowKey::low`].
    Low,
    /// [`FlowKey::high`].
    High,
}

impl FlowKey {
    /// The key of a packet from `source` to `destination`, and which end `source` is.
    pub fn new(protocol: IpProtocol, source: Endpoint, destination: Endpoint) -> (FlowKey, Side) {
        if source <= destination {
            (FlowKey { low: source, high: destination, protocol }, Side::Low)
        } else {
            (FlowKey { low: destination, high: source, protocol }, Side::High)
        }
    }

    /// The smaller end: by address, then by port.
    pub const fn low(&self) -> Endpoint {
        self.low
    }

    /// The larger end.
    pub const fn high(&self) -> Endpoint {
        self.high
    }

    /// The end on `side`.
    pub const fn end(&self, side: Side) -> Endpoint {
        match side {
            Side::Low => self.low,
            Side::High => self.high,
        }
    }

    /// The protocol above IP.
    pub const fn protocol(&self) -> IpProtocol {
        self.protocol
    }
}

impl Side {
    /// The other end.
    pub const fn opposite(self) -> Side {
        match self {
            Side::Low => Side::High,
            Side::High => Side::Low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_the_same_key() {
        let laptop = Endpoint { address: "192.168.1.20".parse::<IpAddr>().unwrap().into(), port: 50_000 };
        let server = Endpoint { address: "9.9.9.9".parse::<IpAddr>().unwrap().into(), port: 443 };
        let (there, from_laptop) = FlowKey::new(IpProtocol::TCP, laptop, server);
        let (back, from_server) = FlowKey::new(IpProtocol::TCP, server, laptop);
        assert_eq!(there, back);
        assert_eq!(from_laptop, from_server.opposite());
        assert_eq!(there.end(from_laptop), laptop);
    }
}
