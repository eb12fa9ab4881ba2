//! What is divided.

use crate::{BitRate, Directed};
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

/// How the shaped interfaces stand to the traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// A router: downloads leave through `lan`, uploads through `wan`.
    Router {
        /// Towards the devices.
        lan: InterfaceName,
        /// Towards the bottleneck.
        wan: InterfaceName,
    },
    /// One interface; downloads are shaped on an IFB behind its ingress.
    Host {
        /// The only interface.
        interface: InterfaceName,
    },
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
}

impl Link {
    /// The rate we divide: the line rate less the margin.
    pub fn capacity(&self) -> Directed<BitRate> {
        let kept = 1_000 - u64::from(self.margin_permille.min(1_000));
        self.line_rate.map(|rate| rate.mul_ratio(kept, 1_000))
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
}
