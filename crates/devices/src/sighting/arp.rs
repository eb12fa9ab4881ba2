//! ARP (RFC 826, RFC 5227): who has which IPv4 address.

use super::{Sighting, Witness, take};
use std::net::{IpAddr, Ipv4Addr};
use vocab::{MacAddress, Timestamp};

/// Hardware type 1 (Ethernet), protocol type IPv4, lengths 6 and 4.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

pub(super) fn parse(payload: &[u8], at: Timestamp) -> Option<Sighting> {
    if take::<6>(payload, 0)? != ETHERNET_IPV4 || !matches!(take::<2>(payload, 6)?, [0, 1 | 2]) {
        return None;
    }
    let mac = MacAddress(take(payload, 8)?);
    // A probe (RFC 5227) says 0.0.0.0: the station is there and has no address yet.
    let ip = IpAddr::V4(Ipv4Addr::from(take::<4>(payload, 14)?));
    Sighting::of_station(Witness::Arp, mac, Some(ip), at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(operation: u8, mac: [u8; 6], ip: [u8; 4]) -> Vec<u8> {
        [&ETHERNET_IPV4[..], &[0, operation], &mac, &ip, &[0; 6], &[192, 168, 1, 1]].concat()
    }

    #[track_caller]
    fn check(packet: &[u8], seen: Option<Option<&str>>) {
        let address = Sighting::from_arp(packet, Timestamp::default()).map(|sighting| sighting.address);
        assert_eq!(address, seen.map(|ip| ip.map(|ip| ip.parse().unwrap())));
    }

    #[test]
    fn the_sender_of_an_arp_packet_has_its_address() {
        let phone = [0xa4, 0x5e, 0x60, 0, 0, 1];
        check(&packet(1, phone, [192, 168, 1, 20]), Some(Some("192.168.1.20")));
        check(&packet(2, phone, [192, 168, 1, 20]), Some(Some("192.168.1.20")));
        check(&packet(1, phone, [0; 4]), Some(None)); // a probe
        check(&packet(3, phone, [192, 168, 1, 20]), None); // RARP
        check(&packet(1, [0xff; 6], [192, 168, 1, 20]), None);
        check(&packet(1, phone, [192, 168, 1, 20])[..17], None);
        check(&[], None);
    }
}
