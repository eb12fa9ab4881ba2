//! Who falls idle first, and who goes first when the table is full: one queue per fate, oldest in front.

/// What becomes of a flow when time passes or room is short; the first is evicted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It ended; it lingers for late packets.
    Ended,
    /// Nobody answered yet: scans and floods live here.
    Unanswered,
    /// Both ends spoke.
    Answered,
    /// Both ends spoke, and its class is protected: evicted last.
    Protected,
}

impl Fate {
    pub(super) const COUNT: usize = 4;
    pub(super) const ALL: [Fate; Self::COUNT] = [Fate::Ended, Fate::Unanswered, Fate::Answered, Fate::Protected];

    pub(super) const fn index(self) -> usize {
        self as usize
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

/// Ends of the queues.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) front: u32,
    pub(super) back: u32,
}

impl Ends {
    pub(super) const EMPTY: Ends = Ends { front: NONE, back: NONE };
}
