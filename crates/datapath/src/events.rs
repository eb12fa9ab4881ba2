//! The frames the kernel sends up.

use crate::maps::{EVENT_LOCAL, EVENT_RAW, EVENT_TAGGED, RawEvent};
use crate::{DatapathError, Slot, sys};
use aya::maps::{MapData, RingBuf};
use std::os::fd::AsFd;
use std::time::Duration;
use vocab::{Direction, LinkType, TrafficClass};

/// One frame that the kernel sent up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// When it passed, by CLOCK_MONOTONIC, in nanoseconds.
    pub at_ns: u64,
    /// The kernel's number of its interface.
    pub interface: u32,
    /// Which way.
    pub direction: Direction,
    /// Bytes on the wire, layer 2, of all its packets.
    pub wire_len: u32,
    /// How many packets it was on the wire.
    pub packets: u32,
    /// The device's slot, if it had one when the frame passed.
    pub slot: Option<Slot>,
    /// The class it was counted in.
    pub class: TrafficClass,
    /// Whether it never crosses the link: between the gateway and its devices, or among these.
    pub local: bool,
    /// How it begins.
    pub link_type: LinkType,
    /// Its VLAN, where the kernel took the tag off.
    pub vlan: Option<u16>,
    /// The frame, 1,600 bytes at most.
    pub bytes: &'a [u8],
}

/// The ring of frames: has one reader.
pub struct Events {
    ring: RingBuf<MapData>,
    /// Records that make no sense: never, unless another program writes the ring.
    malformed: u64,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("malformed", &self.malformed).finish_non_exhaustive()
    }
}

impl Events {
    pub(crate) fn new(ring: RingBuf<MapData>) -> Events {
        Events { ring, malformed: 0 }
    }

    /// Hands over the frames that wait, `at_most` of them; waits for `timeout` at most if there are none. How many.
    ///
    /// # Errors
    /// The ring cannot be waited for.
    pub fn poll(
        &mut self,
        timeout: Duration,
        at_most: usize,
        mut sink: impl FnMut(Event<'_>),
    ) -> Result<usize, DatapathError> {
        let mut taken = self.take(at_most, &mut sink);
        if taken == 0 && !timeout.is_zero() {
            sys::wait_readable(self.ring.as_fd(), timeout)
                .map_err(|source| DatapathError::Call { call: "poll", source })?;
            taken = self.take(at_most, &mut sink);
        }
        Ok(taken)
    }

    fn take(&mut self, at_most: usize, sink: &mut impl FnMut(Event<'_>)) -> usize {
        let mut taken = 0;
        while taken < at_most {
            let Some(record) = self.ring.next() else { break };
            taken += 1;
            match read(&record) {
                Some(event) => sink(event),
                None => self.malformed += 1,
            }
        }
        taken
    }

    /// Records that made no sense.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }
}

fn read(record: &[u8]) -> Option<Event<'_>> {
    let (raw, frame) = sys::read_plain::<RawEvent>(record)?;
    Some(Event {
        at_ns: raw.at_ns,
        interface: raw.ifindex,
        direction: match raw.direction {
            0 => Direction::Download,
            1 => Direction::Upload,
            _ => return None,
        },
        wire_len: raw.wire_length,
        packets: raw.packets,
        slot: Slot::new(raw.slot),
        class: TrafficClass::from_index(usize::from(raw.class))?,
        local: raw.flags & EVENT_LOCAL != 0,
        link_type: if raw.flags & EVENT_RAW != 0 { LinkType::RawIp } else { LinkType::Ethernet },
        vlan: (raw.flags & EVENT_TAGGED != 0).then_some(raw.vlan_tci & 0xfff),
        bytes: frame.get(..raw.captured as usize)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_record_is_read_or_refused(record in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(event) = read(&record) {
                prop_assert!(event.bytes.len() + 32 <= record.len());
            }
        }
    }
}
