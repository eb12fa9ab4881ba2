//! What is left of a flow when its bytes are gone: when, which way, how much.

use traffic::behavior::{Behavior, PACKETS};
use vocab::{Timestamp, TrafficClass};

/// One packet with a payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Since the flow began.
    pub ms: f64,
    /// From the end that began.
    pub up: bool,
    /// Bytes of payload.
    pub size: usize,
}

/// A flow.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What it is for; unclassified is "none of these".
    pub class: TrafficClass,
    /// What made it.
    pub family: &'static str,
    /// TCP.
    pub stream: bool,
    pub steps: Vec<Step>,
}

impl Trace {
    /// The first `packets` as the flow table would remember them.
    pub fn behavior(&self, packets: usize) -> Behavior {
        let mut behavior = Behavior::default();
        for step in self.steps.iter().take(packets.min(PACKETS)) {
            behavior.push(step.up, step.size, Timestamp::from_unix_nanos((step.ms.max(0.0) * 1e6) as u64 + 1));
        }
        behavior
    }
}
