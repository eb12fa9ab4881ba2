//! IPv6 neighbour discovery (RFC 4861, RFC 4862): who has which IPv6 address.

use super::{Clue, Sighting, Witness, take};
use std::net::{IpAddr, Ipv6Addr};
use vocab::{MacAddress, Timestamp};

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;
/// The option of an advertisement that names the target's station.
const TARGET_LINK_LAYER_ADDRESS: u8 = 2;

pub(super) fn parse(source_mac: MacAddress, source: IpAddr, message: &[u8], at: Timestamp) -> Option<Sighting> {
    let sighting = |mac, ip| Sighting::of_station(Witness::NeighborDiscovery, mac, Some(ip), at);
    let target = || take::<16>(message, 8).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
    match *message.first()? {
        ROUTER_SOLICITATION => sighting(source_mac, source),
        ROUTER_ADVERTISEMENT => {
            let mut router = sighting(source_mac, source)?;
            router.add(Clue::Router);
            Some(router)
        }
        // Without a source it asks whether an address is free that it is about to take (RFC 4862, 5.4).
        NEIGHBOR_SOLICITATION if source.is_unspecified() => sighting(source_mac, target()?),
        NEIGHBOR_SOLICITATION => sighting(source_mac, source),
        // A proxy may answer for another station, which the option names.
        NEIGHBOR_ADVERTISEMENT => sighting(link_layer_option(message.get(24..)?).unwrap_or(source_mac), target()?),
        _ => None,
    }
}

/// The station in the options of an advertisement.
fn link_layer_option(mut options: &[u8]) -> Option<MacAddress> {
    loop {
        let length = usize::from(*options.get(1)?) * 8;
        if length == 0 {
            return None; // RFC 4861, 4.6: such a packet is to be discarded
        }
        if options[0] == TARGET_LINK_LAYER_ADDRESS {
            return take(options, 2).map(MacAddress);
        }
        options = options.get(length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAPTOP: [u8; 6] = [0x3c, 0x22, 0xfb, 0, 0, 2];

    fn message(kind: u8, target: &str, options: &[u8]) -> Vec<u8> {
        let target: Ipv6Addr = target.parse().unwrap();
        [&[kind, 0, 0, 0, 0, 0, 0, 0], &target.octets()[..], options].concat()
    }

    #[track_caller]
    fn check(source: &str, message: &[u8], seen: Option<([u8; 6], &str)>) {
        let sighting =
            Sighting::from_icmpv6(MacAddress(LAPTOP), source.parse().unwrap(), message, Timestamp::default());
        let seen = seen.map(|(mac, ip)| (Some(MacAddress(mac)), Some(ip.parse().unwrap())));
        assert_eq!(sighting.map(|s| (s.mac, s.address)), seen);
    }

    #[test]
    fn addresses_are_seen_when_they_are_taken_asked_for_and_told() {
        let other = [0x3c, 0x22, 0xfb, 0, 0, 3];
        let option = [&[2, 1], &other[..]].concat();
        check("::", &message(135, "fd00::20", &[]), Some((LAPTOP, "fd00::20")));
        check("fe80::2", &message(135, "fd00::1", &[]), Some((LAPTOP, "fe80::2")));
        check("fe80::2", &message(136, "fd00::20", &[]), Some((LAPTOP, "fd00::20")));
        check("fe80::2", &message(136, "fd00::20", &option), Some((other, "fd00::20")));
        check("fe80::2", &message(136, "fd00::20", &[9, 0, 1]), Some((LAPTOP, "fd00::20")));
        check("fe80::2", &[133, 0, 0, 0], Some((LAPTOP, "fe80::2")));
        check("fe80::2", &[128, 0, 0, 0], None); // an echo request
        check("::", &message(135, "fd00::20", &[])[..20], None);
    }

    #[test]
    fn routers_say_so() {
        let router =
            Sighting::from_icmpv6(MacAddress(LAPTOP), "fe80::1".parse().unwrap(), &[134], Timestamp::default());
        assert_eq!(router.unwrap().clues, [Clue::Router]);
    }
}
