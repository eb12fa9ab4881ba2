//! The layout of `bpf/maps.h` as Rust sees it, and the words on either side of it.

use std::mem::{offset_of, size_of};
use vocab::{Address, DeviceId, Direction, Endpoint, FlowKey, IpProtocol, Side, TrafficClass};

/// `LAYOUT`: maps of another layout are not adopted.
pub(crate) const LAYOUT: u32 = 6;
/// `PROTECTED`: flows that keep their class whatever comes.
pub(crate) const PROTECTED: usize = 16_384;
/// `BUCKETS`: of round-trip times.
pub(crate) const BUCKETS: usize = 64;
/// `CLASSES`: columns of the counters.
pub(crate) const CLASSES: usize = 16;
/// `STEERING`.
pub(crate) const STEERING: u32 = 1;
/// `MARKING`.
pub(crate) const MARKING: u32 = 2;
/// `FLOW_SETTLED`.
pub(crate) const FLOW_SETTLED: u8 = 1;
/// `SIDE_LAN`.
pub(crate) const SIDE_LAN: u32 = 1;
/// `SIDE_QUEUE`.
pub(crate) const SIDE_QUEUE: u32 = 2;
/// `EVENT_LOCAL`.
pub(crate) const EVENT_LOCAL: u8 = 1;
/// `EVENT_TAGGED`.
pub(crate) const EVENT_TAGGED: u8 = 2;
/// `EVENT_RAW`.
pub(crate) const EVENT_RAW: u8 = 4;
/// `FLOW_LOCAL`.
pub(crate) const FLOW_LOCAL: u8 = 2;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub(crate) struct RawFlowKey {
    pub low: [u8; 16],
    pub high: [u8; 16],
    pub low_port: u16,
    pub high_port: u16,
    pub protocol: u8,
    pub zero: [u8; 3],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RawProbe {
    pub value: u32,
    pub at: u32,
    pub next: u32,
    pub heard: u32,
    pub round_trip: u32,
    pub state: u8,
    pub period: u8,
    pub strikes: u8,
    pub zero: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RawFlowValue {
    pub low_bytes: u64,
    pub low_packets: u64,
    pub high_bytes: u64,
    pub high_packets: u64,
    pub first_ns: u64,
    pub last_ns: u64,
    pub verdict_epoch: u32,
    pub generation: u32,
    pub sampled: u16,
    pub classed_after: u16,
    pub slot: u16,
    pub class: u8,
    pub flags: u8,
    pub probes: [RawProbe; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RawVerdict {
    pub class: u8,
    pub settled: u8,
    pub zero: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RawMac {
    pub mac: [u8; 6],
    pub zero: [u8; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RawAddress {
    pub address: [u8; 16],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RawCounter {
    pub bytes: u64,
    pub packets: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RawQuality {
    pub round_trips: [[u32; BUCKETS]; 2],
    pub segments: [u64; 2],
    pub again: [u64; 2],
}

impl Default for RawQuality {
    fn default() -> RawQuality {
        RawQuality { round_trips: [[0; BUCKETS]; 2], segments: [0; 2], again: [0; 2] }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RawConfig {
    pub layout: u32,
    pub generation: u32,
    pub verdict_epoch: u32,
    pub flags: u32,
    pub sample_limit: u32,
    pub download_major: u16,
    pub upload_major: u16,
    pub dscp: [u8; CLASSES],
    pub windows: u32,
    pub zero: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RawStats {
    pub packets: [u64; 2],
    pub bytes: [u64; 2],
    pub local_packets: u64,
    pub local_bytes: u64,
    pub unknown_packets: u64,
    pub unknown_bytes: u64,
    pub not_ip: u64,
    pub malformed: u64,
    pub frames: u64,
    pub ring_full: u64,
    pub flows: u64,
    pub flows_refused: u64,
    pub steered: u64,
    pub steered_default: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RawEvent {
    pub at_ns: u64,
    pub ifindex: u32,
    pub wire_length: u32,
    pub captured: u32,
    pub packets: u32,
    pub slot: u16,
    pub vlan_tci: u16,
    pub direction: u8,
    pub flags: u8,
    pub class: u8,
    pub zero: u8,
}

macro_rules! layout {
    ($type:ty: $size:literal { $($field:ident @ $offset:literal),* $(,)? }) => {
        const _: () = assert!(size_of::<$type>() == $size);
        $(const _: () = assert!(offset_of!($type, $field) == $offset);)*
    };
}

layout!(RawFlowKey: 40 { low @ 0, high @ 16, low_port @ 32, high_port @ 34, protocol @ 36, zero @ 37 });
layout!(RawProbe: 24 {
    value @ 0, at @ 4, next @ 8, heard @ 12, round_trip @ 16, state @ 20, period @ 21, strikes @ 22, zero @ 23,
});
layout!(RawQuality: 544 { round_trips @ 0, segments @ 512, again @ 528 });
layout!(RawFlowValue: 112 {
    low_bytes @ 0, low_packets @ 8, high_bytes @ 16, high_packets @ 24, first_ns @ 32, last_ns @ 40,
    verdict_epoch @ 48, generation @ 52, sampled @ 56, classed_after @ 58, slot @ 60, class @ 62, flags @ 63, probes @ 64,
});
layout!(RawVerdict: 4 { class @ 0, settled @ 1, zero @ 2 });
layout!(RawMac: 8 { mac @ 0, zero @ 6 });
layout!(RawAddress: 16 { address @ 0 });
layout!(RawCounter: 16 { bytes @ 0, packets @ 8 });
layout!(RawConfig: 48 {
    layout @ 0, generation @ 4, verdict_epoch @ 8, flags @ 12, sample_limit @ 16, download_major @ 20,
    upload_major @ 22, dscp @ 24, windows @ 40, zero @ 44,
});
layout!(RawStats: 128 {
    packets @ 0, bytes @ 16, local_packets @ 32, local_bytes @ 40, unknown_packets @ 48, unknown_bytes @ 56,
    not_ip @ 64, malformed @ 72, frames @ 80, ring_full @ 88, flows @ 96, flows_refused @ 104, steered @ 112,
    steered_default @ 120,
});
layout!(RawEvent: 32 {
    at_ns @ 0, ifindex @ 8, wire_length @ 12, captured @ 16, packets @ 20, slot @ 24, vlan_tci @ 26,
    direction @ 28, flags @ 29, class @ 30, zero @ 31,
});

impl From<FlowKey> for RawFlowKey {
    fn from(key: FlowKey) -> RawFlowKey {
        RawFlowKey {
            low: key.low().address.0,
            high: key.high().address.0,
            low_port: key.low().port,
            high_port: key.high().port,
            protocol: key.protocol().0,
            zero: [0; 3],
        }
    }
}

impl RawFlowKey {
    /// The key in our words; `None` if it is not ordered, which the program never writes.
    pub(crate) fn key(&self) -> Option<FlowKey> {
        let low = Endpoint { address: Address(self.low), port: self.low_port };
        let high = Endpoint { address: Address(self.high), port: self.high_port };
        let (key, side) = FlowKey::new(IpProtocol(self.protocol), low, high);
        (side == Side::Low).then_some(key)
    }
}

/// The number of a direction in the maps.
pub(crate) const fn direction_index(direction: Direction) -> usize {
    match direction {
        Direction::Download => 0,
        Direction::Upload => 1,
    }
}

/// The row of a (slot, class, direction) in `counters`.
pub(crate) const fn counter_index(slot: u16, class: TrafficClass, direction: Direction) -> u32 {
    ((slot as u32 * CLASSES as u32) + class.index() as u32) * 2 + direction_index(direction) as u32
}

/// The row of a (slot, class) in `qualities`.
pub(crate) const fn quality_index(slot: u16, class: TrafficClass) -> u32 {
    slot as u32 * CLASSES as u32 + class.index() as u32
}

/// The row of a VLAN on an interface in `vlans`.
pub(crate) const fn vlan_index(interface: u32, vlan: u16) -> u64 {
    (interface as u64) << 32 | vlan as u64
}

/// The row of a leaf in `steer`.
pub(crate) const fn steer_index(minor: u16, direction: Direction) -> u32 {
    direction_index(direction) as u32 * 65_536 + minor as u32
}

/// How a device is looked up.
pub(crate) enum DeviceKey {
    Mac(RawMac),
    Address(RawAddress),
}

impl From<DeviceId> for DeviceKey {
    fn from(device: DeviceId) -> DeviceKey {
        match device {
            DeviceId::Mac(mac) => DeviceKey::Mac(RawMac { mac: mac.0, zero: [0; 2] }),
            DeviceId::Ip(ip) => DeviceKey::Address(RawAddress { address: Address::from(ip).0 }),
        }
    }
}
