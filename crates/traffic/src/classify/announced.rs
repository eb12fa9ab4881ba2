//! Flows that others spoke of before they came: the data of FTP, the media of a call.

use super::{Announced, Signature};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::time::Duration;
use vocab::{Address, Endpoint, FlowKey, IpProtocol, Timestamp};

/// Announcements kept at most; the oldest is forgotten first.
const MOST: usize = 4_096;
/// An announced flow comes within this time: RFC 3261, 13.3.1.1 lets an invitation ring for 3 minutes.
const LIFE: Duration = Duration::from_secs(180);

/// What was said of an end.
struct Told {
    signature: Signature,
    at: Timestamp,
    /// Between whom.
    by: [Address; 2],
}

/// What was announced lately, bounded.
#[derive(Default)]
pub(crate) struct Announcements {
    ends: HashMap<(Endpoint, IpProtocol), Told, RandomState>,
    order: VecDeque<(Endpoint, IpProtocol)>,
}

impl Announcements {
    /// Takes in what a flow said at `at`.
    pub(crate) fn learn(&mut self, announced: Announced, by: [Address; 2], at: Timestamp) {
        let key = (announced.end, announced.protocol);
        if self.ends.insert(key, Told { signature: announced.signature, at, by }).is_none() {
            self.order.push_back(key);
            while self.order.len() > MOST {
                if let Some(oldest) = self.order.pop_front() {
                    self.ends.remove(&oldest);
                }
            }
        }
    }

    /// What the flow of `key` was announced to be, at `now`.
    pub(crate) fn find(&self, key: &FlowKey, now: Timestamp) -> Option<Signature> {
        if self.ends.is_empty() {
            return None;
        }
        [(key.high(), key.low()), (key.low(), key.high())].into_iter().find_map(|(end, other)| {
            let Told { signature, at, by } = self.ends.get(&(end, key.protocol()))?;
            // One of those who spoke of it must take part: nobody announces for others.
            let takes_part = by.contains(&end.address) || by.contains(&other.address);
            (takes_part && now.since(*at) <= LIFE).then_some(*signature)
        })
    }
}
