//! What the shaper asks of whoever puts packets into classes.

use datapath::{DatapathError, Leaf, Slot, Steering, SteeringMode};
use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use vocab::{DeviceId, Direction, TrafficClass};

/// Puts packets into classes: the eBPF programs, or the senders themselves.
pub trait Steer {
    /// Where the device stands; `None` while it has no slot.
    ///
    /// # Errors
    /// The map cannot be read.
    fn slot_of(&self, device: DeviceId) -> Result<Option<Slot>, DatapathError>;

    /// Says whether the device's leaf for `class` is in the queue tree of `direction`: after it was made, and
    /// before it is taken away.
    ///
    /// # Errors
    /// The map cannot be written.
    fn set_leaf(
        &mut self,
        slot: Slot,
        class: TrafficClass,
        direction: Direction,
        leaf: Leaf,
    ) -> Result<(), DatapathError>;

    /// Downloads wait on `ifb` (the kernel's number), which has its queue tree now, or no more.
    ///
    /// # Errors
    /// The map cannot be written.
    fn set_queue(&mut self, ifb: u32, queue: Leaf) -> Result<(), DatapathError>;

    /// The eBPF program that tells which packets are to be sent to an IFB; `None` where nothing tells.
    fn condition(&self) -> Option<BorrowedFd<'_>>;

    /// The queue trees of both directions are in force: packets may be put into them.
    ///
    /// # Errors
    /// The map cannot be written.
    fn start(&mut self) -> Result<(), DatapathError>;
}

impl Steer for Steering {
    fn slot_of(&self, device: DeviceId) -> Result<Option<Slot>, DatapathError> {
        Steering::slot_of(self, device)
    }

    fn set_leaf(
        &mut self,
        slot: Slot,
        class: TrafficClass,
        direction: Direction,
        leaf: Leaf,
    ) -> Result<(), DatapathError> {
        Steering::set_leaf(self, slot, class, direction, leaf)
    }

    fn set_queue(&mut self, ifb: u32, queue: Leaf) -> Result<(), DatapathError> {
        Steering::set_queue(self, ifb, queue)
    }

    fn condition(&self) -> Option<BorrowedFd<'_>> {
        Some(Steering::condition(self))
    }

    fn start(&mut self) -> Result<(), DatapathError> {
        match self.steering() {
            SteeringMode::On => Ok(()),
            SteeringMode::Off => self.set_steering(SteeringMode::On),
        }
    }
}

/// Slots from a table, for packets that carry their class already: processes of this machine that set
/// `SO_PRIORITY`, or a firewall rule (`meta priority set e001:11`). Used where the kernel refuses eBPF.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// Where each device stands.
    pub slots: BTreeMap<DeviceId, Slot>,
}

impl Steer for Fixed {
    fn slot_of(&self, device: DeviceId) -> Result<Option<Slot>, DatapathError> {
        Ok(self.slots.get(&device).copied())
    }

    fn set_leaf(&mut self, _: Slot, _: TrafficClass, _: Direction, _: Leaf) -> Result<(), DatapathError> {
        Ok(())
    }

    fn set_queue(&mut self, _: u32, _: Leaf) -> Result<(), DatapathError> {
        Ok(())
    }

    fn condition(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn start(&mut self) -> Result<(), DatapathError> {
        Ok(())
    }
}
