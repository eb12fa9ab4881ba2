//! All open flows of one worker: who talks to whom, how much, and what for.
//!
//! What goes in: packets, counters that the kernel kept, and the time, which never goes back. What comes
//! out: for each packet its flow, class and device; for each flow that ended a [`FlowSummary`]. Memory is
//! bounded by [`FlowLimits`]: when the table is full, ended flows go first, then those nobody answered, then
//! the longest idle; flows of protected classes go last. Nothing is evicted without being counted. Work is
//! bounded, too: how many new flows are read in a window ([`allowance`]).

mod allowance;
mod flow;
mod fragments;
mod order;
mod probe;
mod ruled;
mod sequence;
mod slab;
mod stream;

use crate::classify::{self, Finding, Layer, NameSource, Names, Next, Sender};
use crate::classify::{announced::Announcements, dns, memory, memory::Memory, services::Services};
use crate::rules::Rules;
use crate::{Fragment, Locality, Packet, Transport};
use allowance::Allowance;
use flow::{Flow, Moment};
use foldhash::fast::RandomState;
use fragments::Fragments;
use hashbrown::HashTable;
use order::{Fate, NONE, Queue, Queues};
use probe::{LISTEN, PACE, Probe, READ, WATCH, inspect_datagram, inspect_stream, view};
pub use ruled::Revised;
use sequence::Standing;
use slab::Slab;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;
use stream::Stream;
use vocab::{
    ByteCount, DeviceId, Directed, Direction, FlowKey, FlowSummary, RuleHits, Side, Timestamp, TrafficClass, Verdict,
};

/// Bounds of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowLimits {
    /// Flows kept at most; one costs about half a kilobyte, twice that while its verdict is open.
    pub flows: usize,
    /// Bytes of packets kept at most, over all flows whose verdict is open.
    pub reassembly_bytes: usize,
    /// Names of addresses kept at most, over all devices, a sixteenth of them per device; one costs about 250 bytes.
    pub names: usize,
    /// A flow that ended is kept this long for late packets.
    pub linger: Duration,
    /// A flow that nobody answered ends after this long without a packet.
    pub idle_unanswered: Duration,
    /// A UDP flow (and any other but TCP) ends after this long without a packet; longer than the 120 s that
    /// RFC 4787 asks of a NAT.
    pub idle_datagram: Duration,
    /// A TCP flow ends after this long without a packet, as if it had been closed unseen.
    pub idle_stream: Duration,
    /// The window of the meter that counts flows ([`Observed::first_in_window`]).
    pub window: Duration,
    /// Summaries of ended flows kept until [`FlowTable::expire`] fetches them; more are counted as lost.
    pub summaries: usize,
}

impl FlowLimits {
    /// Limits under which a table holds no more than `bytes` of memory, whatever passes: every flow with an open
    /// verdict and the longest name, and all of them waiting for more of a hello. The rest of a usual day fits
    /// several times.
    pub fn within(bytes: u64) -> FlowLimits {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let eighth = bytes.saturating_sub(FIXED) / 8;
        FlowLimits {
            flows: (eighth * 5 / PER_FLOW).max(1),
            reassembly_bytes: eighth,
            names: eighth / memory::PER_NAME,
            summaries: eighth / PER_SUMMARY,
            linger: Duration::from_secs(10),
            idle_unanswered: Duration::from_secs(60),
            idle_datagram: Duration::from_secs(180),
            idle_stream: Duration::from_secs(900),
            window: Duration::from_secs(1),
        }
    }
}

impl Default for FlowLimits {
    /// Within 256 MB.
    fn default() -> FlowLimits {
        FlowLimits::within(256_000_000)
    }
}

/// The longest name of a flow: RFC 1035, 2.3.4.
const LONGEST_NAME: usize = 255;
/// What one flow may cost: itself, its open verdict, its name, and its places in the index and the list of free
/// slots, both of which may be half empty and exist twice while they grow.
const PER_FLOW: usize = size_of::<Flow>() + size_of::<Probe>() + LONGEST_NAME + 3 * 2 * (size_of::<Place>() + 5);
/// What a summary may cost: itself in a list that may be half empty and exist twice while it grows, and its words.
const PER_SUMMARY: usize = 3 * size_of::<FlowSummary>() + 2 * LONGEST_NAME;
/// What a table costs before its first flow, and announcements, at most.
const FIXED: usize = 4 << 20;

/// Which flow; never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowId {
    slot: u32,
    generation: u32,
}

/// Whether more packets can change a flow's class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// More packets are wanted.
    Open,
    /// No packet is wanted any more; only the flow's volume may still turn web into download or backup.
    Settled,
}

/// What the table says about one packet (or one report of counters).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// Its flow.
    pub flow: FlowId,
    /// Who talks to whom.
    pub key: FlowKey,
    /// Which end sent it.
    pub side: Side,
    /// The local device and the direction as seen from it; `None` where neither end is local.
    pub owner: Option<(DeviceId, Direction)>,
    /// What the flow is for, as far as is known now.
    pub class: TrafficClass,
    /// Whether more packets are wanted.
    pub settlement: Settlement,
    /// The flow began with it.
    pub opened: bool,
    /// The flow's class is another than before it (a new flow was unclassified before).
    pub class_changed: bool,
    /// The flow's verdict became settled with it.
    pub settled_now: bool,
    /// A rule of the operator gave it its class.
    pub ruled: bool,
    /// The first of its flow in this window: count the flow now.
    pub first_in_window: bool,
}

/// Bytes and packets that one end sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Layer 2.
    pub bytes: ByteCount,
    /// As they were on the wire.
    pub packets: u64,
}

/// What happened in a table since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowCounters {
    /// Flows open now.
    pub open: u64,
    /// Flows opened.
    pub opened: u64,
    /// Flows that ended: closed, or idle.
    pub ended: u64,
    /// Flows evicted because the table was full; those that had ended do not count.
    pub evicted: u64,
    /// Of those, flows of a protected class that had been answered.
    pub evicted_protected: u64,
    /// Summaries that nobody fetched in time.
    pub summaries_lost: u64,
    /// Segments that were not kept because the memory for open verdicts was used up.
    pub reassembly_refused: u64,
    /// Payloads of new flows that were not read because too many of those came at a time.
    pub unread: u64,
    /// Bytes of packets kept now for open verdicts.
    pub reassembly_bytes: u64,
}

/// A flow of a protected class is established, and not to be evicted, when each end sent this many packets:
/// more than a question and its answer, fewer than a call sends in its first tenth of a second.
const ESTABLISHED: u64 = 4;
/// A flow is put behind its queue again at most this often: the order is right to this grain, and a flow that
/// goes on touches its neighbours rarely.
const GRAIN: Duration = Duration::from_secs(4);
/// Working memory kept for the next open verdicts.
const SPARE: usize = 1_024;
/// Places for flows that had a packet lately: as many as are busy at a time, few enough for a core's own cache.
const RECENT: usize = 1 << 14;

/// Where a flow stands, with a part of its hash: the index compares and grows without reading flows.
#[derive(Clone, Copy)]
struct Place {
    hash: u32,
    slot: u32,
}

/// What the index takes from the part of the hash that it keeps: all bits take part.
const fn spread(hash: u32) -> u64 {
    // The golden ratio in 64 bits (Knuth, The Art of Computer Programming, 6.4).
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A packet, and what every step of its way into the table asks of it.
struct Arrival<'a> {
    packet: &'a Packet<'a>,
    key: FlowKey,
    hash: u32,
    side: Side,
    counts: Counts,
    hint: Option<Direction>,
    at: Timestamp,
}

/// A flow as it was before the packet at hand.
struct Before {
    class: TrafficClass,
    /// When its packet before this one passed; `None` where nothing was counted yet.
    last_counted: Option<Timestamp>,
    steps: u64,
}

/// All open flows of one worker.
pub struct FlowTable {
    limits: FlowLimits,
    locality: Locality,
    services: Services,
    rules: Rules,
    /// What each rule did.
    rule_hits: Vec<RuleHits>,
    names: Memory,
    announced: Announcements,
    fragments: Fragments,
    hasher: RandomState,
    index: HashTable<Place>,
    /// Where flows of late packets stand, by a part of their hash, or stood: the index of all is cold memory.
    recent: Box<[u32]>,
    allowance: Allowance,
    flows: Slab,
    queues: Queues,
    /// Working memory that settled verdicts gave back.
    #[expect(clippy::vec_box, reason = "the boxes themselves are handed to flows")]
    spare: Vec<Box<Probe>>,
    generation: u32,
    now: Timestamp,
    /// When the window of `now` began, and when it ends.
    window_began: Timestamp,
    window_ends: Timestamp,
    ended: Vec<FlowSummary>,
    counters: FlowCounters,
}

const fn side_index(side: Side) -> usize {
    match side {
        Side::Low => 0,
        Side::High => 1,
    }
}

impl FlowTable {
    /// An empty table; `locality` tells which end of a flow is a device of ours.
    pub fn new(limits: FlowLimits, locality: Locality) -> FlowTable {
        FlowTable::with_services(limits, locality, Services::new())
    }

    /// The same with a table of services that others use, too: making one costs more than all the rest.
    pub(crate) fn with_services(limits: FlowLimits, locality: Locality, services: Services) -> FlowTable {
        FlowTable {
            limits: FlowLimits { flows: limits.flows.clamp(1, NONE as usize - 1), ..limits },
            locality,
            services,
            rules: Rules::default(),
            rule_hits: Vec::new(),
            names: Memory::new(limits.names),
            announced: Announcements::default(),
            fragments: Fragments::default(),
            hasher: RandomState::default(),
            index: HashTable::new(),
            recent: vec![NONE; RECENT].into(),
            allowance: Allowance::default(),
            flows: Slab::default(),
            queues: Queues::new(&limits),
            spare: Vec::new(),
            generation: 0,
            now: Timestamp::default(),
            window_began: Timestamp::default(),
            window_ends: Timestamp::default(),
            ended: Vec::new(),
            counters: FlowCounters::default(),
        }
    }

    /// Takes in one packet, seen at `at`.
    ///
    /// `hint` is the packet's direction as seen from the device, where its source knows it. The class is the
    /// one after this packet, so that the packet itself is counted there.
    pub fn observe(&mut self, packet: &Packet<'_>, hint: Option<Direction>, at: Timestamp) -> Observed {
        let counts = Counts { bytes: ByteCount(u64::from(packet.wire_len)), packets: 1 };
        self.observe_counted(packet, counts, hint, at)
    }

    /// As [`FlowTable::observe`], where the packet counts for `counts`: for several packets that the kernel
    /// merged, or for nothing where it is a sample of what [`FlowTable::observe_counts`] will tell.
    pub fn observe_counted(
        &mut self,
        packet: &Packet<'_>,
        counts: Counts,
        hint: Option<Direction>,
        at: Timestamp,
    ) -> Observed {
        self.advance(at);
        let complete;
        let packet = if packet.fragment == Fragment::Whole {
            packet
        } else {
            complete = self.fragments.complete(packet, self.now);
            &complete
        };
        let (key, side) = packet.key();
        let hash = self.hash(&key);
        let moment = Moment {
            now: self.now,
            window_began: self.window_began,
            protects_more: self.protects_more(),
            has_rules: !self.rules.is_empty(),
        };
        let known = self.find_next(&key, hash);
        if let Some(slot) = known
            && let Some(flow) = self.flows.get_mut(slot)
            && flow.pass(packet, side, counts, &moment)
        {
            return Observed {
                flow: FlowId { slot, generation: flow.generation },
                key,
                side,
                owner: flow.owner_of(side),
                class: flow.class,
                settlement: flow.settlement,
                opened: false,
                class_changed: false,
                settled_now: false,
                ruled: false,
                first_in_window: false,
            };
        }
        self.take_in(known, &Arrival { packet, key, hash, side, counts, hint, at })
    }

    /// Takes in a packet that may change more of its flow, at slot `known` if there is one, than its counters.
    #[inline(never)]
    fn take_in(&mut self, known: Option<u32>, arrival: &Arrival<'_>) -> Observed {
        let &Arrival { packet, key, hash, side, counts, hint, at } = arrival;
        let (slot, opened) = match known {
            Some(slot) if !self.begins_anew(slot, packet, side) => (slot, false),
            Some(slot) => {
                self.end(slot);
                (self.open(key, hash, initiator(packet, side)), true)
            }
            None => (self.open(key, hash, initiator(packet, side)), true),
        };
        // The counters of a flow may come before its first packet.
        let first_heard = !self.flow(slot).heard;
        if first_heard {
            let owner = self.locality.owner(packet, hint);
            let flow = self.flow_mut(slot);
            flow.heard = true;
            flow.initiator = initiator(packet, side);
            flow.owner = owner.map(|(device, direction)| match direction {
                Direction::Upload => (device, side),
                Direction::Download => (device, side.opposite()),
            });
            self.first_evidence(slot, packet);
        }
        // An answer is learnt from who was asked; mDNS and LLMNR answer from elsewhere (RFC 6762, RFC 4795).
        let port = packet.source.port;
        let asked = || {
            let flow = self.flow(slot);
            flow.initiator != side && flow.evidence.signature.is_some_and(|signature| signature.application == "DNS")
        };
        // mDNS and LLMNR never leave the link.
        let near = || self.locality.is_local(packet.source.address);
        if dns::is_port(port) && if port == dns::PORT { !opened && asked() } else { near() } {
            self.learn_names(slot, packet, side);
        }
        let standing = self.follow_sequence(slot, packet, side);
        let before = self.before(slot);
        self.tally(slot, side, counts);
        let was_open = first_heard || self.flow(slot).settlement == Settlement::Open;
        if was_open {
            self.flow_mut(slot).see(packet, side);
            self.inspect(slot, packet, side, at);
        }
        if standing == Standing::Plausible {
            self.follow_close(slot, packet, side);
        }
        self.conclude(slot, side, opened, was_open, before)
    }

    /// Adds to a flow what the kernel counted since its last report, per end of `key`; opens the flow, by its
    /// ports alone, where none of its packets was seen. `side` of the answer is the end that sent more.
    ///
    /// `device` names the local device and which end of `key` it is, where the caller knows it and the flow's
    /// packets have not told.
    pub fn observe_counts(
        &mut self,
        key: &FlowKey,
        low: Counts,
        high: Counts,
        device: Option<(DeviceId, Side)>,
        at: Timestamp,
    ) -> Observed {
        self.advance(at);
        let side = if low.bytes >= high.bytes { Side::Low } else { Side::High };
        let hash = self.hash(key);
        let (slot, opened) = match self.find_hashed(key, hash) {
            Some(slot) => (slot, false),
            None => {
                // The end with the more telling port answers; the other began.
                let responder = if classify::ports::rank(key.low().port) >= classify::ports::rank(key.high().port) {
                    Side::Low
                } else {
                    Side::High
                };
                let slot = self.open(*key, hash, responder.opposite());
                let flow = self.flow_mut(slot);
                flow.doubts = true;
                (slot, true)
            }
        };
        let flow = self.flow_mut(slot);
        if flow.owner.is_none() {
            flow.owner = device;
        }
        let before = self.before(slot);
        self.tally(slot, Side::Low, low);
        self.tally(slot, Side::High, high);
        self.conclude(slot, side, opened, false, before)
    }

    /// Notes that the kernel has put the flow of `key` into `class` after `packets` of its packets: what a verdict
    /// is worth there counts, not when it was thought of here.
    pub fn steered_after(&mut self, key: &FlowKey, class: TrafficClass, packets: u16) {
        if let Some(slot) = self.find(key) {
            let flow = self.flow_mut(slot);
            if flow.class == class {
                flow.given_after.packets = u32::from(packets);
            }
        }
    }

    /// Ends what fell idle by `now`, and returns all flows that ended or were evicted since the last call.
    pub fn expire(&mut self, now: Timestamp) -> Vec<FlowSummary> {
        self.advance(now);
        for queue in Queue::ALL {
            let patience = self.queues.patience(queue);
            let mut slot = self.queues.front(queue);
            while slot != NONE {
                let flow = self.flow(slot);
                let (behind, queued) = (flow.links.behind, flow.queued);
                if self.now.since(queued) < patience {
                    // Everything behind it was queued later still.
                    break;
                }
                if self.now.since(flow.last_seen) >= patience {
                    self.counters.ended += u64::from(flow.fate != Fate::Ended);
                    self.remove(slot);
                }
                slot = behind;
            }
        }
        std::mem::take(&mut self.ended)
    }

    /// The clock was set forward by `time`, or stood still for it: nobody was silent meanwhile. Flows are as old as before,
    /// and as far from falling idle.
    pub fn leap(&mut self, time: Duration) {
        self.now = self.now + time;
        for slot in 0..self.flows.end() {
            if let Some(flow) = self.flows.get_mut(slot) {
                for at in [&mut flow.first_seen, &mut flow.last_seen, &mut flow.queued] {
                    *at = *at + time;
                }
            }
        }
    }

    /// Ends all flows, as at the end of a capture, and returns their summaries with those not fetched yet.
    pub fn drain(&mut self) -> Vec<FlowSummary> {
        let mut summaries = std::mem::take(&mut self.ended);
        for queue in Queue::ALL {
            while self.queues.front(queue) != NONE {
                let slot = self.queues.front(queue);
                self.settle(slot);
                let flow = self.flow(slot);
                self.counters.ended += u64::from(flow.fate != Fate::Ended);
                summaries.push(self.summary(self.flow(slot)));
                self.forget(slot);
            }
        }
        summaries.sort_by_key(|flow| (flow.first_seen, flow.key));
        summaries
    }

    /// The open flows that moved most, at most `most` of them, busiest first.
    pub fn summaries(&self, most: usize) -> Vec<FlowSummary> {
        let mut flows: Vec<&Flow> = self.flows.iter().collect();
        let volume = |flow: &Flow| flow.bytes[0].saturating_add(flow.bytes[1]);
        let busier = |a: &&Flow, b: &&Flow| volume(b).cmp(&volume(a)).then(a.key.cmp(&b.key));
        if most == 0 {
            return Vec::new();
        }
        if flows.len() > most {
            flows.select_nth_unstable_by(most - 1, busier);
            flows.truncate(most);
        }
        flows.sort_unstable_by(busier);
        flows.into_iter().map(|flow| self.summary(flow)).collect()
    }

    /// One flow as it is now; `None` after it ended.
    pub fn get(&self, id: FlowId) -> Option<FlowSummary> {
        let flow = self.flows.get(id.slot)?;
        (flow.generation == id.generation).then(|| self.summary(flow))
    }

    /// What is known about the flow of `key`, if it is open.
    pub fn get_by_key(&self, key: &FlowKey) -> Option<FlowSummary> {
        self.find(key).map(|slot| self.summary(self.flow(slot)))
    }

    /// The name under which `device` last learnt `address` from DNS.
    pub fn name_of(&self, device: DeviceId, address: vocab::Address) -> Option<&str> {
        self.names.name(device.into(), address, self.now).map(|(name, _)| name)
    }

    /// What happened so far.
    pub fn counters(&self) -> FlowCounters {
        self.counters
    }

    fn flow(&self, slot: u32) -> &Flow {
        self.flows.get(slot).expect("the index and the queues name only flows")
    }

    fn flow_mut(&mut self, slot: u32) -> &mut Flow {
        self.flows.get_mut(slot).expect("the index and the queues name only flows")
    }

    fn hash(&self, key: &FlowKey) -> u32 {
        (hash_of(&self.hasher, key) >> 32) as u32
    }

    fn find(&self, key: &FlowKey) -> Option<u32> {
        self.find_hashed(key, self.hash(key))
    }

    fn find_hashed(&self, key: &FlowKey, hash: u32) -> Option<u32> {
        let same =
            |place: &Place| place.hash == hash && self.flows.get(place.slot).is_some_and(|flow| flow.key == *key);
        self.index.find(spread(hash), same).map(|place| place.slot)
    }

    /// As [`FlowTable::find`], for packets: most belong to a flow that had one lately.
    fn find_next(&mut self, key: &FlowKey, hash: u32) -> Option<u32> {
        let recent = hash as usize % RECENT;
        let slot = self.recent[recent];
        if self.flows.get(slot).is_some_and(|flow| flow.key == *key) {
            return Some(slot);
        }
        let slot = self.find_hashed(key, hash)?;
        self.recent[recent] = slot;
        Some(slot)
    }

    /// Moves on to `at`.
    fn advance(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
        if self.now >= self.window_ends {
            self.open_window();
        }
    }

    #[cold]
    fn open_window(&mut self) {
        self.window_began = self.now.floor(self.limits.window);
        self.window_ends = self.window_began + self.limits.window.max(Duration::from_nanos(1));
        self.allowance.renew();
    }

    /// Whether the packet is the first of another flow on old ports.
    fn begins_anew(&mut self, slot: u32, packet: &Packet<'_>, side: Side) -> bool {
        let Transport::Tcp(segment) = packet.transport else { return false };
        let flow = self.flow_mut(slot);
        segment.flags.syn() && flow.sequence.begins_anew(side_index(side), segment, flow.fate)
    }

    fn open(&mut self, key: FlowKey, hash: u32, initiator: Side) -> u32 {
        if self.index.len() >= self.limits.flows {
            self.evict();
        }
        self.generation = self.generation.wrapping_add(1);
        let slot = self.flows.insert(Flow::new(key, initiator, self.generation, self.now));
        self.recent[hash as usize % RECENT] = slot;
        self.index.insert_unique(spread(hash), Place { hash, slot }, |place| spread(place.hash));
        self.queues.push(&mut self.flows, slot);
        self.counters.opened += 1;
        self.counters.open += 1;
        slot
    }

    /// What is known before any payload: the protocol, the port, the name that DNS gave.
    fn first_evidence(&mut self, slot: u32, packet: &Packet<'_>) {
        let flow = self.flow(slot);
        let (key, responder) = (flow.key, flow.initiator.opposite());
        let (asker, server) = (flow.asker(flow.initiator), key.end(responder).address);
        let name = self.names.name(asker, server, self.now).map(|(name, source)| (Box::from(name), source));
        let announced = self.announced.find(&key, self.now);
        let Some(flow) = self.flows.get_mut(slot) else { return };
        // Whoever began, one of the two may be a server of somebody's.
        flow.evidence.address = [key.end(responder), key.end(responder.opposite())]
            .into_iter()
            .find_map(|end| self.services.by_address(end.address, key.protocol(), end.port));
        if let Some((name, source)) = name {
            flow.evidence.learn_name(name, source, &self.services);
        }
        flow.evidence.signature = announced;
        if let Some(signature) = classify::ports::by_protocol(packet.protocol) {
            flow.evidence.signature = Some(signature);
            flow.settlement = Settlement::Settled;
        } else if matches!(packet.fragment, Fragment::Later { .. }) {
            flow.settlement = Settlement::Settled;
        }
        flow.doubts = true;
    }

    fn before(&self, slot: u32) -> Before {
        let flow = self.flow(slot);
        Before {
            class: flow.class,
            last_counted: (flow.packets != [0; 2]).then_some(flow.last_seen),
            steps: flow.steps(),
        }
    }

    /// Adds to the counters.
    fn tally(&mut self, slot: u32, side: Side, counts: Counts) {
        let now = self.now;
        let flow = self.flow_mut(slot);
        let at = side_index(side);
        flow.bytes[at] = flow.bytes[at].saturating_add(counts.bytes.0);
        flow.packets[at] = flow.packets[at].saturating_add(counts.packets);
        flow.last_seen = now;
        if !self.rules.is_empty()
            && let Some(ruled) = self.flow(slot).evidence.rule
        {
            self.count_for_rule(ruled.place, counts.bytes);
        }
    }

    fn learn_names(&mut self, slot: u32, packet: &Packet<'_>, side: Side) {
        let layer = match packet.transport {
            Transport::Udp => Layer::Datagram,
            Transport::Tcp(_) => Layer::Stream,
            Transport::Other => return,
        };
        let asker = self.flow(slot).asker(side.opposite());
        self.names.learn(asker, packet.payload, layer, self.now);
    }

    /// Lets the inspectors look at a packet of a flow whose verdict is open.
    fn inspect(&mut self, slot: u32, packet: &Packet<'_>, side: Side, at: Timestamp) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        if flow.settlement == Settlement::Settled {
            return;
        }
        let sender = if side == flow.initiator { Sender::Initiator } else { Sender::Responder };
        if packet.payload.is_empty() || matches!(packet.fragment, Fragment::Later { .. }) {
            return;
        }
        let asker = flow.asker(flow.initiator);
        if flow.probe.is_none() && !self.allowance.take(flow.speaker(packet.source.address)) {
            self.counters.unread += 1;
            return;
        }
        // Working memory comes with the first payload: a flood of openings costs flows alone.
        let probe = flow.probe.get_or_insert_with(|| self.spare.pop().unwrap_or_default());
        for (at, stream) in probe.streams.iter_mut().enumerate() {
            flow.sequence.begin(at).into_iter().for_each(|first| stream.begin(first));
        }
        let by = [flow.key.low().address, flow.key.high().address];
        if probe.listens {
            let mut take = |announced| self.announced.learn(announced, by, at);
            let heard = probe.openings[side_index(side.opposite())].heard();
            let view = view(packet, sender, probe.payloads, heard);
            classify::ANNOUNCERS.iter().for_each(|announcer| announcer(&view, &mut take));
        }
        probe.openings[side_index(side)].hear(packet.payload);
        probe.payloads += 1;
        flow.seen.payloads += 1;
        probe.behavior.observe(sender, packet.payload.len() + packet.cut as usize, at);
        let room = self.limits.reassembly_bytes.saturating_sub(self.counters.reassembly_bytes as usize);
        let finding = match packet.transport {
            Transport::Tcp(segment) => inspect_stream(probe, packet, side, sender, segment.seq, room),
            Transport::Udp | Transport::Other => inspect_datagram(probe, packet, side, sender, room),
        };
        let held = probe.streams.iter().map(Stream::size).sum::<usize>() + probe.handshake.size();
        let total = self.counters.reassembly_bytes - probe.held as u64 + held as u64;
        self.counters.reassembly_refused += u64::from(matches!(finding, Finding::More) && room < packet.payload.len());
        probe.held = held;
        self.counters.reassembly_bytes = total;
        let payloads = probe.payloads;
        let mut settle = payloads >= probe.until;
        let ja4 = probe.ja4.or(probe.handshake.ja4());
        if let Finding::Found(mut found) = finding {
            probe.known = true;
            // A carrier of anything that names nobody may still show by how it moves what it carries.
            let nameless = found.signature.names == Names::Refine
                && found.signature.class == TrafficClass::Web
                && found.name.is_none()
                && flow.evidence.wants_behavior();
            match found.next {
                Next::Settle | Next::Watch if nameless => {}
                // Its pace belongs to its reason.
                Next::Settle if classify::is_live(found.signature.class) => {
                    probe.until = probe.until.min(PACE).max(payloads + 1);
                }
                Next::Settle => settle = true,
                Next::Read => probe.until = probe.until.min(payloads + READ).max(payloads + 1),
                Next::Watch => probe.until = probe.until.min(payloads + WATCH).max(payloads + 1),
                Next::Listen => {
                    probe.listens = true;
                    probe.until = LISTEN;
                }
            }
            found.announces.iter().for_each(|&announced| self.announced.learn(announced, by, at));
            flow.evidence.ja4 = flow.evidence.ja4.or(ja4);
            if let Some((name, source)) = &mut found.name {
                let server = flow.key.end(flow.initiator.opposite());
                match source {
                    NameSource::EncryptedHello if self.names.contradicts(asker, server.address, name, at) => {
                        *source = NameSource::OuterHello;
                    }
                    NameSource::TlsHello
                    | NameSource::EncryptedHello
                    | NameSource::TlsCertificate
                    | NameSource::QuicInitial
                    | NameSource::HttpHost => self.names.learn_use(asker, server.address, name, at),
                    NameSource::OuterHello | NameSource::Query | NameSource::DnsAnswer | NameSource::EarlierFlow => {}
                }
            }
            flow.evidence.add(found, &self.services);
            flow.doubts = true;
        }
        // What nothing names may show itself by how it moves: early, and again when it is surer.
        if !settle && classify::behavior::DUE.contains(&payloads) && flow.evidence.wants_behavior() {
            flow.evidence.behavior = probe.behavior.conclude(&flow.key, flow.initiator);
            flow.doubts = true;
        }
        if settle {
            self.settle(slot);
        }
    }

    /// Closes the verdict: what behaviour says is taken in, working memory is given back.
    fn settle(&mut self, slot: u32) {
        let probe = self.take_probe(slot);
        let Some(flow) = self.flows.get_mut(slot) else { return };
        if flow.settlement == Settlement::Settled {
            return;
        }
        flow.settlement = Settlement::Settled;
        if let Some(probe) = &probe
            && flow.evidence.wants_behavior()
        {
            flow.evidence.behavior = probe.behavior.conclude(&flow.key, flow.initiator);
        }
        flow.weigh();
        if let Some(probe) = probe {
            if flow.weighed.tells_pace() {
                flow.rhythm = probe.behavior.rhythm();
            }
            self.give_back(probe);
        }
    }

    /// The working memory of a flow's verdict, which then holds none.
    fn take_probe(&mut self, slot: u32) -> Option<Box<Probe>> {
        let probe = self.flows.get_mut(slot)?.probe.take()?;
        self.counters.reassembly_bytes -= probe.held as u64;
        Some(probe)
    }

    /// Keeps working memory for the next verdict.
    fn give_back(&mut self, mut probe: Box<Probe>) {
        if self.spare.len() < SPARE {
            *probe = Probe::default();
            self.spare.push(probe);
        }
    }

    /// Follows the numbers of TCP, and says whether the packet stands where its sender can be.
    fn follow_sequence(&mut self, slot: u32, packet: &Packet<'_>, side: Side) -> Standing {
        let Transport::Tcp(segment) = packet.transport else { return Standing::Plausible };
        let flow = self.flow_mut(slot);
        flow.sequence.observe(side_index(side), segment, packet.payload.len(), flow.bytes)
    }

    /// Follows FIN and RST; two FINs or one RST end a flow, which then lingers.
    fn follow_close(&mut self, slot: u32, packet: &Packet<'_>, side: Side) {
        let Transport::Tcp(segment) = packet.transport else { return };
        if !segment.flags.fin() && !segment.flags.rst() {
            return;
        }
        let flow = self.flow_mut(slot);
        if segment.flags.fin() {
            flow.fins |= 1 << side_index(side);
        }
        if (flow.fins == 3 || segment.flags.rst()) && flow.fate != Fate::Ended {
            self.settle(slot);
            self.counters.ended += 1;
            self.queues.put(&mut self.flows, slot, Fate::Ended, self.now);
        }
    }

    fn conclude(&mut self, slot: u32, side: Side, opened: bool, was_open: bool, before: Before) -> Observed {
        let (now, window_began) = (self.now, self.window_began);
        let has_rules = !self.rules.is_empty();
        let first_in_window = before.last_counted.is_none_or(|before| before < window_began);
        let window_ms = u32::try_from(self.limits.window.as_millis()).unwrap_or(u32::MAX);
        // A burst begins somewhere in its first window: that counts half, or a segment of one second would be two.
        let begins = before.last_counted.is_none_or(|before| before < window_began - self.limits.window);
        let flow = self.flow_mut(slot);
        if first_in_window {
            flow.active_ms = flow.active_ms.saturating_add(if begins { window_ms / 2 } else { window_ms });
        }
        // A settled verdict changes by volume alone: looked at once a window, and with each step of volume.
        if flow.doubts || first_in_window && flow.may_outgrow() || before.steps != flow.steps() {
            if before.steps != flow.steps() {
                flow.take_pace();
            }
            flow.weigh();
        }
        if (was_open || opened) && has_rules {
            self.ask_rules(slot);
        }
        let room = self.protects_more();
        let flow = self.flow_mut(slot);
        if flow.class != before.class {
            flow.given_after = flow.seen;
        }
        let (fate, class, settlement) = (flow.fate, flow.class, flow.settlement);
        let observed = Observed {
            flow: FlowId { slot, generation: flow.generation },
            key: flow.key,
            side,
            owner: flow.owner_of(side),
            class,
            settlement,
            opened,
            class_changed: before.class != class,
            settled_now: settlement == Settlement::Settled && (was_open || opened),
            ruled: has_rules && flow.evidence.rule.is_some(),
            first_in_window,
        };
        let deserved = flow.deserves(flow.packets, room);
        if deserved != fate || now.since(flow.queued) >= GRAIN {
            self.queues.put(&mut self.flows, slot, deserved, now);
        }
        observed
    }

    /// Whether one more flow may become protected: a quarter of the places is for others.
    fn protects_more(&self) -> bool {
        self.queues.protected() < self.limits.flows.div_ceil(4) * 3
    }

    /// Makes room for one flow. Where nothing but established flows of protected classes is left, the newcomer
    /// gets the one place beyond the bound, and is the next to go: no flood takes a call's place.
    fn evict(&mut self) {
        let spared = self.index.len() <= self.limits.flows;
        let Some((fate, slot)) = self.queues.first_to_go(&self.flows, spared) else { return };
        self.counters.evicted += u64::from(fate != Fate::Ended);
        self.counters.evicted_protected += u64::from(fate == Fate::Protected);
        self.remove(slot);
    }

    fn end(&mut self, slot: u32) {
        let fate = self.flow(slot).fate;
        self.counters.ended += u64::from(fate != Fate::Ended);
        self.remove(slot);
    }

    /// Takes a flow out and keeps its summary for whoever asks; where there is no room for that, nobody will know
    /// its verdict.
    fn remove(&mut self, slot: u32) {
        if self.ended.len() < self.limits.summaries {
            self.settle(slot);
            let summary = self.summary(self.flow(slot));
            self.ended.push(summary);
        } else {
            self.counters.summaries_lost += 1;
            if let Some(probe) = self.take_probe(slot) {
                self.give_back(probe);
            }
        }
        self.forget(slot);
    }

    fn forget(&mut self, slot: u32) {
        self.queues.take(&mut self.flows, slot);
        let hash = self.hash(&self.flow(slot).key);
        if let Ok(entry) = self.index.find_entry(spread(hash), |place| place.slot == slot) {
            entry.remove();
        }
        self.flows.remove(slot);
        self.counters.open -= 1;
    }

    fn summary(&self, flow: &Flow) -> FlowSummary {
        let name = flow.evidence.name.as_ref().map_or("", |(name, _)| name);
        let verdict = Verdict {
            class: flow.weighed.class,
            application: self.application(flow).to_owned(),
            server_name: name.to_owned(),
            confidence: f32::from(flow.weighed.confidence) / 100.0,
            evidence: self.words(flow, name),
            ja4: flow.evidence.ja4.map(|ja4| ja4.to_string()).unwrap_or_default(),
            given_after: flow.given_after,
        };
        let local = flow.owner.map_or(flow.initiator, |(_, side)| side);
        let (up, down) = (side_index(local), side_index(local.opposite()));
        FlowSummary {
            key: flow.key,
            initiator: flow.initiator,
            device: flow.owner.map(|(device, _)| device),
            verdict,
            bytes: Directed { download: ByteCount(flow.bytes[down]), upload: ByteCount(flow.bytes[up]) },
            packets: Directed { download: flow.packets[down], upload: flow.packets[up] },
            first_seen: flow.first_seen,
            last_seen: flow.last_seen,
        }
    }
}

fn hash_of(hasher: &RandomState, key: &FlowKey) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u128(u128::from_ne_bytes(key.low().address.0));
    state.write_u128(u128::from_ne_bytes(key.high().address.0));
    let ports = u64::from(key.low().port) << 32 | u64::from(key.high().port) << 8;
    state.write_u64(ports | u64::from(key.protocol().0));
    state.finish()
}

/// Which end began: the sender, unless this is an answer whose beginning we missed.
fn initiator(packet: &Packet<'_>, side: Side) -> Side {
    let answers = match packet.transport {
        Transport::Tcp(segment) if segment.flags.syn() => segment.flags.ack(),
        Transport::Tcp(_) | Transport::Udp => {
            let rank = |port| classify::ports::rank(port);
            rank(packet.source.port) > rank(packet.destination.port)
        }
        Transport::Other => false,
    };
    if answers { side.opposite() } else { side }
}

#[cfg(test)]
mod tests;
