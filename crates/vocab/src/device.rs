//! Things on the local side.

use crate::TrafficClass;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// Names one station: neither a group, nor nobody.
    pub const fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && !matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// Chosen by the device instead of its maker (randomised by phones, made up by virtual machines).
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Text that is no device id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a MAC address (a4:5e:60:00:00:01) nor an IP address")]
pub struct InvalidDeviceId(pub String);

impl FromStr for MacAddress {
    type Err = InvalidDeviceId;
    fn from_str(text: &str) -> Result<Self, InvalidDeviceId> {
        let invalid = || InvalidDeviceId(text.to_owned());
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2 && !part.starts_with('+')).ok_or_else(invalid)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| invalid())?;
        }
        if parts.next().is_some() { Err(invalid()) } else { Ok(MacAddress(bytes)) }
    }
}

/// Who a device is: its MAC address, or its IP address where it stands behind a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceId {
    /// A station on our own segment.
    Mac(MacAddress),
    /// A station behind a router.
    Ip(IpAddr),
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceId::Mac(mac) => mac.fmt(f),
            DeviceId::Ip(ip) => ip.fmt(f),
        }
    }
}

impl FromStr for DeviceId {
    type Err = InvalidDeviceId;
    fn from_str(text: &str) -> Result<Self, InvalidDeviceId> {
        match text.parse() {
            Ok(ip) => Ok(DeviceId::Ip(ip)),
            Err(_) => text.parse().map(DeviceId::Mac),
        }
    }
}

/// All traffic of one device in one class (RFC 2475): the unit we measure, forecast and allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aggregate {
    /// Whose.
    pub device: DeviceId,
    /// What for.
    pub class: TrafficClass,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_ids_survive_their_text() {
        for text in ["a4:5e:60:00:00:01", "192.168.1.20", "fd00::20"] {
            assert_eq!(text.parse::<DeviceId>().unwrap().to_string(), text);
        }
        for text in ["", "a4:5e:60:00:00", "a4:5e:60:00:00:01:02", "a4:5e:60:00:00:0g", "+4:5e:60:00:00:01"] {
            assert!(text.parse::<DeviceId>().is_err(), "{text}");
        }
    }
}
