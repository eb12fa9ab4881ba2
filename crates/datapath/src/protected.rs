//! Flows that keep their class whatever comes.
//!
//! Verdicts stand in an LRU map, which a spray of a million flows empties: a call would wait in the unclassified leaf
//! until user space tells its class again. Those of established flows of protected classes stand in a second map as
//! well, which never evicts by itself. So somebody must: what is here goes when it has fallen idle, and no device may
//! hold so much of it that others find no room.

use crate::load::Maps;
use crate::maps::{PROTECTED, RawFlowKey, RawVerdict};
use crate::readings::FlowReading;
use crate::{DatapathError, Slot};
use std::collections::BTreeMap;
use std::sync::Arc;
use vocab::{FlowKey, TrafficClass};

/// Packets that have passed each way before a flow is established: more than a question and its answer, a
/// fifth of a second of a call. What is sprayed has no answers.
const ESTABLISHED: u64 = 8;

/// A flow that did not move for so long has ended: calls and games send keepalives at least twice a minute (RFC 8445,
/// section 11, asks for 15 s), and NAT forgets UDP after two minutes (RFC 4787, REQ-5).
const IDLE_NS: u64 = 120 * 1_000_000_000;

/// Where there is no room, what did not move for so long makes it.
const QUIET_NS: u64 = 10 * 1_000_000_000;

/// What one device may hold at most.
const PER_DEVICE: usize = PROTECTED / 8;

#[derive(Clone, Copy, Debug)]
struct Held {
    slot: Option<Slot>,
    last_ns: u64,
}

/// The established flows of protected classes. There is one: who owns it lets flows in and takes them out.
#[derive(Debug)]
pub struct ProtectedFlows {
    maps: Arc<Maps>,
    held: BTreeMap<FlowKey, Held>,
    per_device: BTreeMap<Option<Slot>, usize>,
    candidates: Vec<FlowReading>,
    leaving: Vec<FlowKey>,
}

fn failed(source: std::io::Error) -> DatapathError {
    DatapathError::Map { map: "protected", source }
}

impl ProtectedFlows {
    /// Reads what an earlier run has let in.
    pub(crate) fn open(maps: Arc<Maps>) -> Result<ProtectedFlows, DatapathError> {
        let mut protected = ProtectedFlows {
            maps,
            held: BTreeMap::new(),
            per_device: BTreeMap::new(),
            candidates: vec![],
            leaving: vec![],
        };
        for raw in protected.maps.protected.keys().map_err(failed)? {
            match raw.key() {
                // Since when it is idle is not known: its time begins with the first reading.
                Some(key) => protected.hold(key, Held { slot: None, last_ns: 0 }),
                None => drop(protected.maps.protected.remove(&raw).map_err(failed)?),
            }
        }
        Ok(protected)
    }

    /// How many flows are in.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether no flow is in.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Takes note of a flow as it was read; [`ProtectedFlows::turn`] acts on it.
    pub fn observe(&mut self, flow: &FlowReading) {
        if let Some(held) = self.held.get_mut(&flow.key) {
            held.last_ns = held.last_ns.max(flow.last_ns);
            if !flow.class.is_protected() {
                self.leaving.push(flow.key);
            }
        } else if flow.class.is_protected()
            && !flow.local
            && flow.from_low.packets.min(flow.from_high.packets) >= ESTABLISHED
            // Whoever would fill our memory has nothing to gain: what is left out is seen again at the next reading.
            && self.candidates.len() < PROTECTED
        {
            self.candidates.push(*flow);
        }
    }

    /// Lets in who was found established and takes out who is idle; `now_ns` is CLOCK_MONOTONIC.
    ///
    /// # Errors
    /// The map cannot be written; the next turn tries again.
    pub fn turn(&mut self, now_ns: u64) -> Result<(), DatapathError> {
        for held in self.held.values_mut().filter(|held| held.last_ns == 0) {
            held.last_ns = now_ns;
        }
        for key in std::mem::take(&mut self.leaving) {
            self.take_out(key)?;
        }
        self.take_out_idle(now_ns, IDLE_NS)?;
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.retain(|flow| now_ns.saturating_sub(flow.last_ns) < QUIET_NS);
        if self.held.len() + candidates.len() > PROTECTED {
            self.take_out_idle(now_ns, QUIET_NS)?;
        }
        for flow in candidates {
            let of_device = self.per_device.get(&flow.slot).copied().unwrap_or(0);
            if self.held.len() >= PROTECTED || of_device >= PER_DEVICE {
                continue;
            }
            let key = RawFlowKey::from(flow.key);
            // What the flow's entry says is older than the last verdict until its next packet.
            let told = self.maps.verdicts.get(&key).map_err(failed)?;
            let seen = RawVerdict {
                class: flow.class.index() as u8,
                settled: u8::from(flow.settled),
                ..RawVerdict::default()
            };
            let verdict = told.unwrap_or(seen);
            if TrafficClass::from_index(usize::from(verdict.class)).is_some_and(TrafficClass::is_protected) {
                self.maps.protected.set(&key, &verdict).map_err(failed)?;
                self.hold(flow.key, Held { slot: flow.slot, last_ns: flow.last_ns });
            }
        }
        Ok(())
    }

    fn hold(&mut self, key: FlowKey, held: Held) {
        *self.per_device.entry(held.slot).or_default() += 1;
        self.held.insert(key, held);
    }

    fn take_out_idle(&mut self, now_ns: u64, idle_ns: u64) -> Result<(), DatapathError> {
        let idle = |held: &Held| now_ns.saturating_sub(held.last_ns) >= idle_ns;
        let going: Vec<FlowKey> = self.held.iter().filter(|(_, held)| idle(held)).map(|(key, _)| *key).collect();
        going.into_iter().try_for_each(|key| self.take_out(key))
    }

    fn take_out(&mut self, key: FlowKey) -> Result<(), DatapathError> {
        self.maps.protected.remove(&key.into()).map_err(failed)?;
        if let Some(held) = self.held.remove(&key)
            && let Some(count) = self.per_device.get_mut(&held.slot)
        {
            *count = count.saturating_sub(1);
        }
        Ok(())
    }
}
