//! What was measured.

use crate::{Aggregate, BitRate, ByteCount, Directed, Direction, LinkId, Timestamp};
use std::time::Duration;

/// What one aggregate moved in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Through which link.
    pub link: LinkId,
    /// Who, and what for.
    pub aggregate: Aggregate,
    /// When the window began.
    pub start: Timestamp,
    /// How long it was.
    pub window: Duration,
    /// Bytes moved, layer 2.
    pub bytes: Directed<ByteCount>,
    /// Packets moved, as they were on the wire.
    pub packets: Directed<u64>,
    /// Flows that moved something.
    pub flows: u32,
}

impl Sample {
    /// The mean rate over the window.
    pub fn rate(&self) -> Directed<BitRate> {
        self.bytes.map(|bytes| bytes.per(self.window))
    }
}

/// The rate an aggregate had, marked when it was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Nothing held it back: this is its demand.
    Free(BitRate),
    /// It had a backlog: its demand was at least this.
    Backlogged(BitRate),
}

impl Usage {
    /// The measured rate.
    pub const fn rate(self) -> BitRate {
        match self {
            Usage::Free(rate) | Usage::Backlogged(rate) => rate,
        }
    }

    /// Both together; held back if one of them was.
    pub fn plus(self, other: Usage) -> Usage {
        let rate = self.rate() + other.rate();
        match (self, other) {
            (Usage::Free(_), Usage::Free(_)) => Usage::Free(rate),
            (Usage::Backlogged(_), _) | (_, Usage::Backlogged(_)) => Usage::Backlogged(rate),
        }
    }
}

/// An aggregate that waited in a window: what it moved then is a lower bound of what it wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// Through which link.
    pub link: LinkId,
    /// Who, and what for.
    pub aggregate: Aggregate,
    /// Which way.
    pub direction: Direction,
    /// When the window began.
    pub start: Timestamp,
}

/// What the kernel's queue of one aggregate said at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueReading {
    /// On which link.
    pub link: LinkId,
    /// Whose queue.
    pub aggregate: Aggregate,
    /// Which way.
    pub direction: Direction,
    /// When it was read.
    pub at: Timestamp,
    /// Bytes waiting.
    pub backlog: ByteCount,
    /// Bytes sent since the queue was made.
    pub sent: ByteCount,
    /// Packets sent since the queue was made.
    pub sent_packets: u64,
    /// Packets dropped since the queue was made.
    pub drops: u64,
}
