//! What the shaper tells the kernel: which leaves exist, and that packets are to be put into them.

use crate::load::Maps;
use crate::maps::{self, DeviceKey, MARKING, SIDE_QUEUE, STEERING};
use crate::{DatapathError, Slot};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use vocab::{DeviceId, Direction, TrafficClass};

/// Whether a leaf is in the queue tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// It is: packets of its class go there.
    Present,
    /// It is not: they go to the device's unclassified leaf, else to the default leaf.
    Absent,
}

/// Whether packets are put into classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SteeringMode {
    /// Priorities and marks are set: a queue tree is in force.
    On,
    /// No packet is touched.
    Off,
}

/// The shaper's handle on the data path: cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Steering {
    pub(crate) maps: Arc<Maps>,
}

impl Steering {
    /// The device's slot, if it was given one.
    pub fn slot_of(&self, device: DeviceId) -> Result<Option<Slot>, DatapathError> {
        let raw = match DeviceKey::from(device) {
            DeviceKey::Mac(key) => self.maps.devices_by_mac.get(&key),
            DeviceKey::Address(key) => self.maps.devices_by_address.get(&key),
        }
        .map_err(|source| DatapathError::Map { map: "devices", source })?;
        Ok(raw.and_then(|number| Slot::new(number as u16)))
    }

    /// Says whether the device's leaf for `class` is in the queue tree of `direction`.
    ///
    /// Say so after the leaf was made and before it is taken away: no packet then names a leaf that is not there.
    pub fn set_leaf(
        &self,
        slot: Slot,
        class: TrafficClass,
        direction: Direction,
        leaf: Leaf,
    ) -> Result<(), DatapathError> {
        let present = match leaf {
            Leaf::Present => 1_u32,
            Leaf::Absent => 0,
        };
        self.maps
            .steer
            .set(&maps::steer_index(slot.class_minor(class), direction), &present)
            .map_err(|source| DatapathError::Map { map: "steer", source })
    }

    /// Whether the device's leaf for `class` is said to be in the queue tree of `direction`.
    pub fn leaf(&self, slot: Slot, class: TrafficClass, direction: Direction) -> Result<Leaf, DatapathError> {
        let present = self
            .maps
            .steer
            .get(&maps::steer_index(slot.class_minor(class), direction))
            .map_err(|source| DatapathError::Map { map: "steer", source })?;
        Ok(if present == Some(1) { Leaf::Present } else { Leaf::Absent })
    }

    /// Starts or stops putting packets into classes.
    pub fn set_steering(&self, mode: SteeringMode) -> Result<(), DatapathError> {
        self.maps.change_config(|config| {
            config.download_major = crate::DOWNLOAD_MAJOR;
            config.upload_major = crate::UPLOAD_MAJOR;
            match mode {
                SteeringMode::On => config.flags |= STEERING,
                SteeringMode::Off => config.flags &= !STEERING,
            }
        })
    }

    /// Whether packets are put into classes now.
    pub fn steering(&self) -> SteeringMode {
        if self.maps.config().flags & STEERING != 0 { SteeringMode::On } else { SteeringMode::Off }
    }

    /// Says that downloads wait on this IFB, or no more: what comes from it has waited. The kernel's number
    /// ([`crate::sys::interface_index`]).
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn set_queue(&self, ifb: u32, queue: Leaf) -> Result<(), DatapathError> {
        match queue {
            Leaf::Present => self.maps.sides.set(&ifb, &SIDE_QUEUE),
            Leaf::Absent => self.maps.sides.remove(&ifb).map(drop),
        }
        .map_err(|source| DatapathError::Map { map: "sides", source })
    }

    /// The program (`to_queues`) that is the condition of a filter whose action sends downloads to an IFB: holds for
    /// those that have a class, while steering is on.
    pub fn condition(&self) -> BorrowedFd<'_> {
        self.maps.to_queues.as_fd()
    }

    /// Writes each class's mark (RFC 4594, RFC 8622) into the DS field of IPv4 and IPv6, ECN kept; `None` leaves
    /// the field as it came.
    ///
    /// One mark for each of [`TrafficClass::ALL`], below 64.
    pub fn set_dscp(&self, marks: Option<[u8; TrafficClass::COUNT]>) -> Result<(), DatapathError> {
        self.maps.change_config(|config| match marks {
            Some(marks) => {
                for (to, mark) in config.dscp.iter_mut().zip(marks) {
                    *to = mark & 63;
                }
                config.flags |= MARKING;
            }
            None => config.flags &= !MARKING,
        })
    }
}
