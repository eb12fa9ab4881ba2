//! Who falls idle first, and who goes first when the table is full: one queue per fate and patience, oldest in front.

use super::FlowLimits;
use super::slab::Slab;
use std::time::Duration;
use vocab::{IpProtocol, Timestamp};

/// What becomes of a flow when time passes or room is short; the first is evicted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It ended; it lingers for late packets.
    Ended,
    /// Nobody answered yet: scans and floods live here.
    Unanswered,
    /// Both ends spoke.
    Answered,
    /// Both ends keep it alive, and its class is protected: not evicted.
    Protected,
}

/// Flows that have the same fate and fall idle after the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    Ended,
    Unanswered,
    AnsweredStream,
    AnsweredDatagram,
    ProtectedStream,
    ProtectedDatagram,
}

impl Queue {
    const COUNT: usize = 6;
    pub(super) const ALL: [Queue; Self::COUNT] = [
        Queue::Ended,
        Queue::Unanswered,
        Queue::AnsweredStream,
        Queue::AnsweredDatagram,
        Queue::ProtectedStream,
        Queue::ProtectedDatagram,
    ];

    const fn of(fate: Fate, protocol: IpProtocol) -> Queue {
        let is_stream = protocol.0 == IpProtocol::TCP.0;
        match fate {
            Fate::Ended => Queue::Ended,
            Fate::Unanswered => Queue::Unanswered,
            Fate::Answered if is_stream => Queue::AnsweredStream,
            Fate::Answered => Queue::AnsweredDatagram,
            Fate::Protected if is_stream => Queue::ProtectedStream,
            Fate::Protected => Queue::ProtectedDatagram,
        }
    }
}

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A flow's place in its queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    pub(super) before: u32,
    pub(super) behind: u32,
}

impl Links {
    pub(super) const ALONE: Links = Links { before: NONE, behind: NONE };
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    front: u32,
    back: u32,
}

/// All queues of a table; the links are in the flows.
pub(super) struct Queues {
    ends: [Ends; Queue::COUNT],
    patience: [Duration; Queue::COUNT],
    protected: usize,
}

impl Queues {
    pub(super) fn new(limits: &FlowLimits) -> Queues {
        let patience = Queue::ALL.map(|queue| match queue {
            Queue::Ended => limits.linger,
            Queue::Unanswered => limits.idle_unanswered,
            Queue::AnsweredStream | Queue::ProtectedStream => limits.idle_stream,
            Queue::AnsweredDatagram | Queue::ProtectedDatagram => limits.idle_datagram,
        });
        Queues { ends: [Ends { front: NONE, back: NONE }; Queue::COUNT], patience, protected: 0 }
    }

    /// How many are protected.
    pub(super) fn protected(&self) -> usize {
        self.protected
    }

    /// After how long without a packet its flows end.
    pub(super) fn patience(&self, queue: Queue) -> Duration {
        self.patience[queue as usize]
    }

    /// The flow that was put in longest ago; [`NONE`] if there is none.
    pub(super) fn front(&self, queue: Queue) -> u32 {
        self.ends[queue as usize].front
    }

    /// Who makes room for a newcomer: by fate, then the oldest; none of the protected where they are `spared`.
    pub(super) fn first_to_go(&self, flows: &Slab, spared: bool) -> Option<(Fate, u32)> {
        let oldest = |queues: &[Queue]| {
            let fronts = queues.iter().filter_map(|&queue| Some((flows.get(self.front(queue))?, self.front(queue))));
            fronts.min_by_key(|(flow, _)| flow.queued).map(|(flow, slot)| (flow.fate, slot))
        };
        oldest(&[Queue::Ended])
            .or_else(|| oldest(&[Queue::Unanswered]))
            .or_else(|| oldest(&[Queue::AnsweredStream, Queue::AnsweredDatagram]))
            .or_else(|| if spared { None } else { oldest(&[Queue::ProtectedStream, Queue::ProtectedDatagram]) })
    }

    /// Moves a flow behind the queue of `fate`.
    pub(super) fn put(&mut self, flows: &mut Slab, slot: u32, fate: Fate, now: Timestamp) {
        self.take(flows, slot);
        if let Some(flow) = flows.get_mut(slot) {
            flow.fate = fate;
            flow.queued = now;
        }
        self.push(flows, slot);
    }

    /// Puts a flow that is in no queue behind the one of its fate.
    pub(super) fn push(&mut self, flows: &mut Slab, slot: u32) {
        let Some(flow) = flows.get_mut(slot) else { return };
        self.protected += usize::from(flow.fate == Fate::Protected);
        let ends = &mut self.ends[Queue::of(flow.fate, flow.key.protocol()) as usize];
        let back = ends.back;
        flow.links = Links { before: back, behind: NONE };
        ends.back = slot;
        match flows.get_mut(back) {
            Some(last) => last.links.behind = slot,
            None => ends.front = slot,
        }
    }

    /// Takes a flow out of its queue.
    pub(super) fn take(&mut self, flows: &mut Slab, slot: u32) {
        let Some(flow) = flows.get(slot) else { return };
        self.protected -= usize::from(flow.fate == Fate::Protected);
        let (Links { before, behind }, queue) = (flow.links, Queue::of(flow.fate, flow.key.protocol()));
        let ends = &mut self.ends[queue as usize];
        match flows.get_mut(before) {
            Some(flow) => flow.links.behind = behind,
            None => ends.front = behind,
        }
        match flows.get_mut(behind) {
            Some(flow) => flow.links.before = before,
            None => ends.back = before,
        }
    }
}
