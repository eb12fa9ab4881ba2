//! Sightings in, who is who out.
//!
//! What goes in: [`Sighting`]s, parsed here from the bytes of ARP, neighbour discovery, DHCP, mDNS, LLMNR,
//! NetBIOS and SSDP, or made from the kernel's neighbour table, a lease file or a packet's source. What comes
//! out: a bounded [`Registry`] of [`Identity`]s: which addresses are one device, what it is called, who made
//! it and what kind of thing it is. It decides nothing about traffic, and believes nothing it was told for
//! anything but display: every byte of a sighting was chosen by a device.

mod identity;
mod oui;
mod recognise;
mod rules;
mod sighting;
mod text;

pub use identity::{Change, ChangeKind, Identity, NameSource, Registry, RegistrySettings};
pub use oui::{short_vendor, vendor};
pub use recognise::{Kind, Recognition, recognise};
pub use sighting::{Clue, Sighting, Witness};

/// Entry point of the parsers of sightings, for fuzzing: it must return for any input.
pub mod parsers {
    use crate::{Sighting, recognise};
    use vocab::{MacAddress, Timestamp};

    /// One message of a device and what is told from it; the first byte chooses the protocol: ARP, neighbour
    /// discovery, DHCP, mDNS, LLMNR, NetBIOS, SSDP. Returns how many clues it gave.
    pub fn sighting(bytes: &[u8]) -> Option<usize> {
        let (&choice, message) = bytes.split_first()?;
        let (mac, ip, at) = (MacAddress([2, 0, 0, 0, 0, 1]), [192, 168, 0, 9].into(), Timestamp::from_unix_secs(1));
        let udp = |from, to| Sighting::from_udp(mac, ip, from, to, message, at);
        let sighting = match choice % 7 {
            0 => Sighting::from_arp(message, at),
            1 => Sighting::from_icmpv6(mac, ip, message, at),
            2 => udp(68, 67),
            3 => udp(5353, 5353),
            4 => udp(40_000, 5355),
            5 => udp(137, 137),
            _ => udp(1900, 40_000),
        }?;
        assert!(sighting.clues.len() <= Sighting::MAX_CLUES, "a sighting is bounded");
        let _ = recognise("", &sighting.clues);
        Some(sighting.clues.len())
    }
}
