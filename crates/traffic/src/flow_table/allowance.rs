//! How many flows are begun to be read per window: reading a flood of new ones would cost many times what counting
//! them does.
//!
//! What goes in: a flow whose first payload is at hand. What comes out: whether it is read now. What is not read now
//! is classed by its ports, its addresses and what DNS told, and may be read with its next packet. Those in which a
//! device of ours speaks have an allowance of their own, and every address has its part: nobody uses up another's.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use vocab::Address;

/// Addresses share a part with one of so many.
const PARTS: usize = 256;
/// Flows read per part and window (1 s) of those in which a device of ours speaks, or in which none takes part: more
/// than a scanner or a program that shares files begins.
const OWN: u16 = 1_024;
/// All of them together.
const ALL_OWN: u16 = 16_384;
/// The same of what only others sent to a device of ours: several times what scans of a household bring.
const FOREIGN: u16 = 16;
const ALL_FOREIGN: u16 = 2_048;

/// Who speaks in a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    /// A device of ours with this address, or somebody who speaks to none.
    Own(Address),
    /// Only others so far; this one last.
    Foreign(Address),
}

/// What is left for one kind of speakers.
struct Left {
    all: u16,
    parts: [u16; PARTS],
}

/// What is left of the window's allowance.
pub(super) struct Allowance {
    own: Left,
    foreign: Left,
    hasher: RandomState,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance { own: Left::own(), foreign: Left::foreign(), hasher: RandomState::default() }
    }
}

impl Left {
    fn own() -> Left {
        Left { all: ALL_OWN, parts: [OWN; PARTS] }
    }

    fn foreign() -> Left {
        Left { all: ALL_FOREIGN, parts: [FOREIGN; PARTS] }
    }
}

impl Allowance {
    /// A window begins.
    pub(super) fn renew(&mut self) {
        (self.own, self.foreign) = (Left::own(), Left::foreign());
    }

    /// Whether one more flow may be read; it counts if so.
    pub(super) fn take(&mut self, speaker: Speaker) -> bool {
        let (left, address) = match speaker {
            Speaker::Own(address) => (&mut self.own, address),
            Speaker::Foreign(address) => (&mut self.foreign, address),
        };
        // Which addresses share a part is nobody's to choose.
        let part = &mut left.parts[self.hasher.hash_one(address) as usize % PARTS];
        let allowed = *part > 0 && left.all > 0;
        if allowed {
            *part -= 1;
            left.all -= 1;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_takes_nothing_from_those_who_speak_with_us() {
        let mut allowance = Allowance::default();
        let address = |number: u32| Address::from_v4(number.to_be_bytes());
        let taken = (0..1_000_000).filter(|&number| allowance.take(Speaker::Foreign(address(number)))).count();
        assert_eq!(taken, usize::from(ALL_FOREIGN));
        let device = Speaker::Own(address(7));
        assert_eq!((0..9_999).filter(|_| allowance.take(device)).count(), usize::from(OWN));
        allowance.renew();
        assert!(allowance.take(device) && allowance.take(Speaker::Foreign(address(7))));
    }
}
