//! What is kept of a flow.

use super::allowance::Speaker;
use super::order::{Fate, Links};
use super::probe::Probe;
use super::sequence::Sequence;
use super::{Counts, ESTABLISHED, GRAIN, Settlement, ruled, side_index};
use crate::classify::{
    self, Evidence, Weighed,
    behavior::{self, Moved, Rhythm},
    dns,
    memory::Asker,
};
use crate::{Packet, Transport};
use std::time::Duration;
use vocab::{Address, DeviceId, Direction, Dscp, FlowKey, GivenAfter, Side, Timestamp, TrafficClass};

/// One flow. What every packet touches comes first: a flow that goes on costs two lines of the cache, which are fetched
/// together, one more while its verdict is open.
#[repr(C, align(128))]
pub(super) struct Flow {
    pub(super) key: FlowKey,
    /// No flow stands here (any more).
    pub(super) vacant: bool,
    pub(super) initiator: Side,
    pub(super) fate: Fate,
    pub(super) fins: u8,
    /// Which ends were seen to send, by bits.
    pub(super) spoke: u8,
    /// One of its packets was seen; else all that is known are counters.
    pub(super) heard: bool,
    /// What is known of it changed since its verdict was weighed.
    pub(super) doubts: bool,
    pub(super) settlement: Settlement,
    /// What it is for: `weighed` says why.
    pub(super) class: TrafficClass,
    pub(super) generation: u32,
    pub(super) last_seen: Timestamp,
    pub(super) bytes: [u64; 2],
    pub(super) packets: [u64; 2],
    /// When it was last put behind its queue.
    pub(super) queued: Timestamp,
    /// The local device and which end it is.
    pub(super) owner: Option<(DeviceId, Side)>,
    /// The mark that its device set last while the verdict was open; without a device, its initiator.
    pub(super) dscp: Option<Dscp>,
    /// How far its sides have come, of TCP.
    pub(super) sequence: Sequence,
    /// Present while the verdict is open and a payload was seen.
    pub(super) probe: Option<Box<Probe>>,
    /// What was seen of it while its verdict was open.
    pub(super) seen: GivenAfter,
    pub(super) links: Links,
    pub(super) first_seen: Timestamp,
    /// Windows in which it moved something, together, in milliseconds.
    pub(super) active_ms: u32,
    /// How fast it moved lately.
    pub(super) pace: Pace,
    /// How it moved while its verdict was open, where that is telling.
    pub(super) rhythm: Option<Rhythm>,
    /// When its present class was first given.
    pub(super) given_after: GivenAfter,
    /// What the rules were asked last; `None` before.
    pub(super) asked: Option<ruled::Asked>,
    pub(super) evidence: Evidence,
    pub(super) weighed: Weighed,
}

/// What a table knows of itself when a packet comes.
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) window_began: Timestamp,
    /// Whether one more flow may become protected.
    pub(super) protects_more: bool,
    pub(super) has_rules: bool,
}

/// How many steps of volume so many bytes are: a verdict is looked at again each time a flow has moved 4 MiB more, a
/// third of what no page moves.
pub(super) const fn steps(bytes: u64) -> u64 {
    bytes >> STEP_BITS
}

const STEP_BITS: u32 = 22;
const _: () = assert!(behavior::OUTGROWS < 1 << STEP_BITS, "before the first step there is no pace");
/// What moved a minute ago says nothing of now.
const PACE_LASTS_TENTHS: u32 = 600;

/// How fast a flow moved between two of its steps of volume.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// When it was taken, in tenths of a second since the flow began.
    at_tenths: u32,
    /// The step it was taken at.
    steps: u32,
    /// Of the busier end.
    kbit_s: u32,
}

impl Flow {
    pub(super) fn new(key: FlowKey, initiator: Side, generation: u32, now: Timestamp) -> Flow {
        Flow {
            key,
            vacant: false,
            initiator,
            fate: Fate::Unanswered,
            fins: 0,
            spoke: 0,
            heard: false,
            doubts: true,
            settlement: Settlement::Open,
            class: TrafficClass::Unclassified,
            generation,
            last_seen: now,
            bytes: [0; 2],
            packets: [0; 2],
            queued: now,
            owner: None,
            dscp: None,
            sequence: Sequence::default(),
            probe: None,
            seen: GivenAfter::default(),
            links: Links::ALONE,
            first_seen: now,
            active_ms: 0,
            pace: Pace::default(),
            rhythm: None,
            given_after: GivenAfter::default(),
            asked: None,
            evidence: Evidence::default(),
            weighed: Weighed::UNKNOWN,
        }
    }

    /// Leaves its place, and gives back what it holds.
    pub(super) fn leave(&mut self) {
        self.vacant = true;
        self.probe = None;
        self.evidence.name = None;
    }

    /// Counts a packet that can change nothing of it but the counters, the way of most packets, and says whether it was
    /// one. It opens and closes nothing, carries nothing that an open verdict wants, and leaves the flow in its queue.
    #[inline]
    pub(super) fn pass(&mut self, packet: &Packet<'_>, side: Side, counts: Counts, moment: &Moment) -> bool {
        let turns = matches!(packet.transport, Transport::Tcp(segment) if segment.flags.turns());
        if turns || dns::is_port(packet.source.port) {
            return false;
        }
        let is_open = self.settlement == Settlement::Open;
        let at = side_index(side);
        let bytes = self.bytes[at].saturating_add(counts.bytes.0);
        let mut packets = self.packets;
        packets[at] = packets[at].saturating_add(counts.packets);
        let as_before = !(is_open && (!packet.payload.is_empty() || moment.has_rules))
            && self.heard
            && !self.doubts
            && self.last_seen >= moment.window_began
            && self.packets != [0; 2]
            && steps(bytes) == steps(self.bytes[at])
            && moment.now.as_unix_nanos() - self.queued.as_unix_nanos() < GRAIN.as_nanos() as u64
            && self.deserves(packets, moment.protects_more) == self.fate
            && !(moment.has_rules && self.evidence.rule.is_some());
        if !as_before {
            return false;
        }
        // Of what goes on for long, counts will do.
        let is_young = is_open || self.packets.iter().any(|&packets| packets < ESTABLISHED);
        if is_young && let Transport::Tcp(segment) = packet.transport {
            self.sequence.observe(at, segment, packet.payload.len(), self.bytes);
        }
        self.bytes[at] = bytes;
        self.packets = packets;
        self.last_seen = moment.now;
        if is_open {
            self.see(packet, side);
        }
        true
    }

    /// Takes in that a packet was seen while its verdict is open.
    pub(super) fn see(&mut self, packet: &Packet<'_>, side: Side) {
        self.spoke |= 1 << side_index(side);
        self.seen.packets += 1;
        self.seen.bytes.0 += u64::from(packet.wire_len);
        // Marks count as what the device says; what comes from elsewhere was marked by somebody else.
        let is_own = side == self.owner.map_or(self.initiator, |(_, local)| local);
        // What answers for the program (a handshake, an acknowledgement) often goes out unmarked.
        if is_own && (self.dscp.is_none() || packet.dscp != 0) {
            self.dscp = Dscp::new(packet.dscp);
        }
    }

    /// Who speaks in it, where `source` sent last.
    pub(super) fn speaker(&self, source: Address) -> Speaker {
        match self.owner {
            Some((_, local)) if self.spoke >> side_index(local) & 1 == 0 => Speaker::Foreign(source),
            Some((_, local)) => Speaker::Own(self.key.end(local).address),
            None => Speaker::Own(source),
        }
    }

    /// The fate of a flow like this whose ends sent so many packets; `room` is for one more of the protected.
    #[inline]
    pub(super) fn deserves(&self, packets: [u64; 2], room: bool) -> Fate {
        let least = packets[0].min(packets[1]);
        match self.fate {
            Fate::Ended => Fate::Ended,
            Fate::Unanswered | Fate::Answered | Fate::Protected if least == 0 => Fate::Unanswered,
            fate if least >= ESTABLISHED
                && self.class.is_protected()
                && self.settlement == Settlement::Settled
                && (room || fate == Fate::Protected) =>
            {
                Fate::Protected
            }
            Fate::Unanswered | Fate::Answered | Fate::Protected => Fate::Answered,
        }
    }

    /// Weighs what is known of it.
    pub(super) fn weigh(&mut self) {
        self.doubts = false;
        self.weighed = {
            let ports = || classify::ports::guess(&self.key, self.initiator.opposite());
            classify::weigh(&self.evidence, ports, self.moved())
        };
        self.class = self.weighed.class;
    }

    /// How many steps of volume it has made.
    pub(super) fn steps(&self) -> u64 {
        steps(self.bytes[0].max(self.bytes[1]))
    }

    /// Whether it has moved enough to outgrow anything.
    pub(super) fn may_outgrow(&self) -> bool {
        self.bytes[0].max(self.bytes[1]) >= behavior::OUTGROWS
    }

    /// Takes the pace, at each step of volume, over as long as a verdict on it must hold.
    pub(super) fn take_pace(&mut self) {
        let (now, steps) = (self.age_tenths(), self.steps() as u32);
        let took = now.saturating_sub(self.pace.at_tenths);
        if u128::from(took) * 100 >= behavior::BULK_AGE.as_millis() {
            let moved = u64::from(steps.saturating_sub(self.pace.steps)) << STEP_BITS;
            let kbit_s = moved * 8 / 100 / u64::from(took.max(1));
            self.pace = Pace { at_tenths: now, steps, kbit_s: kbit_s.try_into().unwrap_or(u32::MAX) };
        }
    }

    fn age_tenths(&self) -> u32 {
        u32::try_from(self.last_seen.since(self.first_seen).as_millis() / 100).unwrap_or(u32::MAX)
    }

    /// The local device, and the direction of what `side` sends as seen from it.
    pub(super) fn owner_of(&self, side: Side) -> Option<(DeviceId, Direction)> {
        let (device, local) = self.owner?;
        Some((device, if side == local { Direction::Upload } else { Direction::Download }))
    }

    /// Who `side` is to the memory of names.
    pub(super) fn asker(&self, side: Side) -> Asker {
        match self.owner {
            Some((device, local)) if local == side => device.into(),
            Some(_) | None => Asker::at(self.key.end(side).address),
        }
    }

    fn moved(&self) -> Moved {
        let from = side_index(self.initiator);
        Moved {
            from_initiator: self.bytes[from],
            to_initiator: self.bytes[1 - from],
            age: self.last_seen.since(self.first_seen),
            active: Duration::from_millis(u64::from(self.active_ms)),
            pace: if self.age_tenths() - self.pace.at_tenths <= PACE_LASTS_TENTHS {
                u64::from(self.pace.kbit_s) * 1_000
            } else {
                0
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Flow;
    use std::mem::offset_of;

    #[test]
    fn a_flow_that_goes_on_costs_two_lines_of_the_cache() {
        assert!(offset_of!(Flow, bytes) <= 64, "{}", offset_of!(Flow, bytes));
        assert!(offset_of!(Flow, sequence) <= 128, "{}", offset_of!(Flow, sequence));
        assert!(offset_of!(Flow, links) <= 192, "{}", offset_of!(Flow, links));
    }
}
