//! Where a device stands in the kernel: a small number that counters, queues and marks share.
//!
//! A queue tree has 16 bits to name a class (`TC_H_MIN` in linux/pkt_sched.h). Twelve of them are the
//! device's slot, four say which leaf: 0 is the device's own inner class, `class index + 1` a leaf.

use vocab::{Direction, TrafficClass};

/// The major number of the root qdisc that shapes downloads.
pub const DOWNLOAD_MAJOR: u16 = 0xe001;
/// The major number of the root qdisc that shapes uploads.
pub const UPLOAD_MAJOR: u16 = 0xe002;
/// The minor number of the root class: the capacity of the link.
pub const ROOT_MINOR: u16 = 0x0001;
/// The minor number of the leaf for traffic of devices that have no slot (yet).
pub const DEFAULT_MINOR: u16 = 0x0002;
/// The minor number of the leaf for what the gateway itself sends to the local side; it is not part of the link.
pub const LOCAL_MINOR: u16 = 0x0003;
/// Set in `skb->mark` of a frame that is to be steered when it leaves; the low 16 bits are the minor number.
pub const MARK: u32 = 0xe000_0000;

/// The major number of the root qdisc that shapes `direction`.
pub const fn major(direction: Direction) -> u16 {
    match direction {
        Direction::Download => DOWNLOAD_MAJOR,
        Direction::Upload => UPLOAD_MAJOR,
    }
}

/// A device's place in the counters and in the queue tree; 0 is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The first.
    pub const MIN: Slot = Slot(1);
    /// The last: so many devices can be told apart at one time.
    pub const MAX: Slot = Slot(4094);

    /// The slot of this number, 1 to 4094.
    pub const fn new(number: u16) -> Option<Slot> {
        if number >= Self::MIN.0 && number <= Self::MAX.0 { Some(Slot(number)) } else { None }
    }

    /// Its number, 1 to 4094.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The minor number of the device's inner class.
    pub const fn device_minor(self) -> u16 {
        self.0 << 4
    }

    /// The minor number of the device's leaf for `class`.
    pub const fn class_minor(self, class: TrafficClass) -> u16 {
        self.device_minor() | (class.index() as u16 + 1)
    }

    /// Whose class has this minor number: the slot, and the class if it is a leaf.
    ///
    /// `None` for the reserved numbers and for leaves of no class.
    pub fn from_minor(minor: u16) -> Option<(Slot, Option<TrafficClass>)> {
        let slot = Slot::new(minor >> 4)?;
        match minor & 0xf {
            0 => Some((slot, None)),
            leaf => TrafficClass::from_index(usize::from(leaf) - 1).map(|class| (slot, Some(class))),
        }
    }
}

// Four bits must hold a leaf for every class, and no slot may collide with the reserved minors.
const _: () = assert!(TrafficClass::COUNT < 16);
const _: () = assert!(Slot::MIN.device_minor() > LOCAL_MINOR);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_minor_names_one_slot_and_one_class() {
        for number in [1, 2, 255, 4094] {
            let slot = Slot::new(number).unwrap();
            assert_eq!(Slot::from_minor(slot.device_minor()), Some((slot, None)));
            for class in TrafficClass::ALL {
                assert_eq!(Slot::from_minor(slot.class_minor(class)), Some((slot, Some(class))));
            }
        }
        for reserved in [0, ROOT_MINOR, DEFAULT_MINOR, LOCAL_MINOR, 0x001f, 0xfff0, 0xffff] {
            assert_eq!(Slot::from_minor(reserved), None, "{reserved:#x}");
        }
        assert_eq!(Slot::new(0), None);
        assert_eq!(Slot::new(4095), None);
    }
}
