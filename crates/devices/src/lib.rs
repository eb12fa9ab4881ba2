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
