//! Tunnels in the clear: to the kernel all that flows inside is one flow, and its class is that of its contents.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use traffic::{Observed, Revised};
use vocab::{FlowKey, Timestamp, TrafficClass};

/// Tunnels remembered; the one that was quiet for longest makes room.
const KEPT: usize = 1_024;

struct Tunnel {
    /// The flow inside that told last.
    flow: FlowKey,
    /// What all flows inside are for: unclassified where they differ.
    class: TrafficClass,
    last_seen: Timestamp,
}

/// The tunnels whose contents were seen.
pub(super) struct Tunnels {
    known: BTreeMap<FlowKey, Tunnel>,
    /// The same, quietest first.
    order: BTreeSet<(Timestamp, FlowKey)>,
    /// One that is quiet for this long is forgotten.
    idle: Duration,
}

impl Tunnels {
    pub(super) fn new(idle: Duration) -> Tunnels {
        Tunnels { known: BTreeMap::new(), order: BTreeSet::new(), idle }
    }

    /// Takes in what was seen of a flow `inside` the tunnel of `key`; the tunnel's class, if it is another one now.
    pub(super) fn observe(&mut self, key: FlowKey, inside: &Observed, at: Timestamp) -> Option<TrafficClass> {
        let is_known = self.hear(&key, at);
        if !inside.class_changed {
            return None;
        }
        let class = match self.known.get(&key) {
            Some(Tunnel { class: TrafficClass::Unclassified, .. }) => return None,
            // Flows of several classes: none of them may take the others along.
            Some(known) if known.flow != inside.key && known.class != inside.class => TrafficClass::Unclassified,
            Some(_) | None => inside.class,
        };
        if !is_known
            && self.known.len() >= KEPT
            && let Some((_, quietest)) = self.order.pop_first()
        {
            self.known.remove(&quietest);
        }
        let last_seen = self.known.get(&key).map_or(at, |known| known.last_seen);
        self.order.insert((last_seen, key));
        self.known.insert(key, Tunnel { flow: inside.key, class, last_seen });
        Some(class)
    }

    /// Something of the flow of `key` passed at `at`; whether that is a tunnel whose contents were seen.
    pub(super) fn hear(&mut self, key: &FlowKey, at: Timestamp) -> bool {
        let Some(tunnel) = self.known.get_mut(key) else { return false };
        if at > tunnel.last_seen {
            self.order.remove(&(tunnel.last_seen, *key));
            tunnel.last_seen = at;
            self.order.insert((at, *key));
        }
        true
    }

    /// A flow's class was revised: the tunnel that is for what this flow is for, with its class from now on.
    pub(super) fn revise(&mut self, revised: &Revised) -> Option<FlowKey> {
        let (key, tunnel) = self
            .known
            .iter_mut()
            .find(|(_, tunnel)| tunnel.flow == revised.key && tunnel.class != TrafficClass::Unclassified)?;
        tunnel.class = revised.class;
        Some(*key)
    }

    /// Forgets those that fell idle by `now`.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some(&(last_seen, key)) = self.order.first()
            && now.since(last_seen) >= self.idle
        {
            self.order.pop_first();
            self.known.remove(&key);
        }
    }

    /// What all that was seen inside the tunnel of `key` is for.
    #[cfg(test)]
    pub(super) fn class(&self, key: &FlowKey) -> Option<TrafficClass> {
        self.known.get(key).map(|tunnel| tunnel.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TrafficClass::{Gaming, Streaming, Unclassified};
    use traffic::{Counts, FlowLimits, FlowTable, Locality};
    use vocab::{Address, Endpoint, IpProtocol};

    const IDLE: Duration = Duration::from_secs(180);

    fn key(number: u32) -> FlowKey {
        let end = |address| Endpoint { address, port: 0 };
        FlowKey::new(IpProtocol(47), end(Address::from_v4(number.to_be_bytes())), end(Address::from_v4([1, 1, 1, 1]))).0
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_secs(1_700_000_000 + seconds)
    }

    /// A flow inside that is for `class` now.
    fn inside(number: u32, class: TrafficClass) -> Observed {
        let mut table = FlowTable::new(FlowLimits::default(), Locality::default());
        let observed = table.observe_counts(&key(number), Counts::default(), Counts::default(), None, at(0));
        Observed { class, class_changed: true, ..observed }
    }

    #[test]
    fn a_tunnel_is_for_what_all_its_flows_are_for() {
        let mut tunnels = Tunnels::new(IDLE);
        assert_eq!(tunnels.observe(key(9), &inside(1, Gaming), at(0)), Some(Gaming));
        assert_eq!(tunnels.observe(key(9), &inside(2, Gaming), at(1)), Some(Gaming));
        assert_eq!(tunnels.observe(key(9), &inside(3, Streaming), at(2)), Some(Unclassified));
        assert_eq!(tunnels.observe(key(9), &inside(3, Gaming), at(3)), None);
    }

    #[test]
    fn a_quiet_tunnel_is_forgotten_and_one_that_goes_on_is_not() {
        let mut tunnels = Tunnels::new(IDLE);
        tunnels.observe(key(1), &inside(11, Gaming), at(0));
        tunnels.observe(key(2), &inside(12, Gaming), at(0));
        assert!(tunnels.hear(&key(2), at(100)));
        tunnels.expire(at(180));
        assert_eq!((tunnels.class(&key(1)), tunnels.class(&key(2))), (None, Some(Gaming)));
        // Whatever it is now: it is not held to what it was.
        assert_eq!(tunnels.observe(key(1), &inside(13, Streaming), at(181)), Some(Streaming));
        tunnels.expire(at(1_000));
        assert!(tunnels.known.is_empty() && tunnels.order.is_empty());
    }

    #[test]
    fn the_quietest_makes_room() {
        let mut tunnels = Tunnels::new(IDLE);
        let told = inside(1, Gaming);
        for number in 0..KEPT as u32 {
            tunnels.observe(key(number), &told, at(u64::from(number) / 100));
        }
        tunnels.hear(&key(0), at(20));
        assert_eq!(tunnels.observe(key(70_000), &told, at(21)), Some(Gaming));
        assert_eq!((tunnels.class(&key(0)), tunnels.class(&key(1))), (Some(Gaming), None));
        assert_eq!((tunnels.known.len(), tunnels.order.len()), (KEPT, KEPT));
    }
}
