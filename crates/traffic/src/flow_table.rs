//! All open flows of one worker: who talks to whom, how much, and what for.
//!
//! What goes in: packets, counters that the kernel kept, and the time, which never goes back. What comes
//! out: for each packet its flow, class and device; for each flow that ended a [`FlowSummary`]. Memory is
//! bounded by [`FlowLimits`]: when the table is full, ended flows go first, then those nobody answered, then
//! the longest idle; flows of protected classes go last. Nothing is evicted without being counted.

mod order;
mod ruled;
mod stream;

use crate::classify::{self, Evidence, Finding, Found, Layer, NameSource, Next, Sender, View, Volume, Weighed};
use crate::classify::{
    announced::Announcements, behavior, dns, handshake::Handshake, ja4::Ja4, memory, memory::Memory, rtp,
    services::Services,
};
use crate::rules::Rules;
use crate::{Fragment, Locality, Packet, Transport};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use order::{Ends, Fate, Links, NONE};
pub use ruled::Revised;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;
use stream::{Readable, Stream};
use vocab::{
    ByteCount, DeviceId, Directed, Direction, Dscp, FlowKey, FlowSummary, GivenAfter, IpProtocol, RuleHits, Side,
    Timestamp, TrafficClass, Verdict,
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
/// What one flow may cost: itself, its open verdict, its name, and its places in slots and index, both of which may
/// be half empty and exist twice while they grow.
const PER_FLOW: usize = size_of::<Flow>() + size_of::<Probe>() + LONGEST_NAME + 3 * size_of::<Slot>() + 3 * 2 * 5;
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
    /// Bytes of packets kept now for open verdicts.
    pub reassembly_bytes: u64,
}

/// After this many packets with a payload a verdict is settled as it stands.
const PATIENCE: u16 = 24;
/// How many more packets may sharpen a first conclusion.
const WATCH: u16 = 10;
/// How many more packets the rest of a message that already told its purpose may take, or an upgrade to TLS.
const READ: u16 = 10;
/// A flow that announces others is read for this many packets with a payload.
const LISTEN: u16 = 40;
/// A flow of a protected class is established, and not to be evicted, when each end sent this many packets:
/// more than a question and its answer, fewer than a call sends in its first tenth of a second.
const ESTABLISHED: u64 = 4;
/// A flow is put behind its queue again at most this often: the order is right to this grain.
const GRAIN: Duration = Duration::from_secs(1);

struct Flow {
    key: FlowKey,
    initiator: Side,
    links: Links,
    generation: u32,
    fate: Fate,
    fins: u8,
    /// One of its packets was seen; else all that is known are counters.
    heard: bool,
    opening_seq: u32,
    /// The local device and which end it is.
    owner: Option<(DeviceId, Side)>,
    bytes: [u64; 2],
    packets: [u64; 2],
    first_seen: Timestamp,
    last_seen: Timestamp,
    /// When it was last put behind its queue.
    queued: Timestamp,
    evidence: Evidence,
    weighed: Weighed,
    /// The mark that its device set last while the verdict was open; without a device, its initiator.
    dscp: Option<Dscp>,
    /// What the rules were asked last; `None` before.
    asked: Option<ruled::Asked>,
    /// What was seen of it while its verdict was open.
    seen: GivenAfter,
    /// When its present class was first given.
    given_after: GivenAfter,
    /// Present while the verdict is open.
    probe: Option<Box<Probe>>,
}

/// Where a flow stands, with a part of its hash: the index compares and grows without reading flows.
#[derive(Clone, Copy)]
struct Place {
    hash: u64,
    slot: u32,
}

/// A flow as it was before the packet at hand.
struct Before {
    class: TrafficClass,
    /// When its packet before this one passed; `None` where nothing was counted yet.
    last_counted: Option<Timestamp>,
}

/// Working memory of an open verdict.
#[derive(Default)]
struct Probe {
    streams: [Stream; 2],
    handshake: Handshake,
    /// The fingerprint of the hello in a stream.
    ja4: Option<Ja4>,
    media: rtp::Media,
    /// How each side's first payload began.
    openings: [Opening; 2],
    behavior: behavior::Behavior,
    /// It announces other flows.
    listens: bool,
    /// Packets with a payload so far.
    payloads: u16,
    /// Settle when `payloads` reaches this.
    until: u16,
    /// What it holds of the table's reassembly memory.
    held: usize,
}

/// The first bytes of a side.
#[derive(Clone, Copy, Debug, Default)]
struct Opening {
    bytes: [u8; classify::HEARD],
    length: u8,
}

impl Opening {
    fn hear(&mut self, payload: &[u8]) {
        if self.length == 0 {
            let length = payload.len().min(classify::HEARD);
            self.bytes[..length].copy_from_slice(&payload[..length]);
            self.length = length as u8;
        }
    }

    fn heard(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

enum Slot {
    Flow(Box<Flow>),
    Free { next: u32 },
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
    hasher: RandomState,
    index: HashTable<Place>,
    /// Where the packet before this one belonged: packets come in trains.
    latest: Option<(FlowKey, u32)>,
    slots: Vec<Slot>,
    free: u32,
    queues: [Ends; Fate::COUNT],
    generation: u32,
    now: Timestamp,
    /// When the window of `now` began.
    window_began: Timestamp,
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
        FlowTable {
            limits: FlowLimits { flows: limits.flows.clamp(1, NONE as usize - 1), ..limits },
            locality,
            services: Services::new(),
            rules: Rules::default(),
            rule_hits: Vec::new(),
            names: Memory::new(limits.names),
            announced: Announcements::default(),
            hasher: RandomState::default(),
            index: HashTable::new(),
            latest: None,
            slots: Vec::new(),
            free: NONE,
            queues: [Ends::EMPTY; Fate::COUNT],
            generation: 0,
            now: Timestamp::default(),
            window_began: Timestamp::default(),
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
        let (key, side) = packet.key();
        if dns::is_port(packet.source.port) {
            self.learn_names(packet);
        }
        let (slot, opened) = match self.find_next(&key) {
            Some(slot) if !self.begins_anew(slot, packet) => (slot, false),
            Some(slot) => {
                self.end(slot);
                (self.open(key, initiator(packet, side)), true)
            }
            None => (self.open(key, initiator(packet, side)), true),
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
            if let Transport::Tcp(segment) = packet.transport {
                flow.opening_seq = segment.seq;
            }
            self.first_evidence(slot, packet);
        }
        let before = self.before(slot);
        self.tally(slot, side, counts);
        let was_open = first_heard || self.flow(slot).probe.is_some();
        if was_open {
            let seen = &mut self.flow_mut(slot).seen;
            seen.packets += 1;
            seen.bytes.0 += u64::from(packet.wire_len);
            self.note_mark(slot, packet, side);
            self.inspect(slot, packet, side, at);
        }
        self.follow_close(slot, packet, side);
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
        let (slot, opened) = match self.find(key) {
            Some(slot) => (slot, false),
            None => {
                // The end with the more telling port answers; the other began.
                let responder = if classify::ports::rank(key.low().port) >= classify::ports::rank(key.high().port) {
                    Side::Low
                } else {
                    Side::High
                };
                let slot = self.open(*key, responder.opposite());
                let flow = self.flow_mut(slot);
                flow.evidence.port = classify::ports::guess(key, responder);
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
            if flow.weighed.class == class {
                flow.given_after.packets = u32::from(packets);
            }
        }
    }

    /// Ends what fell idle by `now`, and returns all flows that ended or were evicted since the last call.
    pub fn expire(&mut self, now: Timestamp) -> Vec<FlowSummary> {
        self.advance(now);
        for fate in Fate::ALL {
            let mut slot = self.queues[fate.index()].front;
            while slot != NONE {
                let flow = self.flow(slot);
                let (behind, queued) = (flow.links.behind, flow.queued);
                let patience = self.patience(flow);
                if self.now.since(flow.last_seen) >= patience {
                    self.counters.ended += u64::from(fate != Fate::Ended);
                    self.remove(slot);
                } else if self.now.since(queued) < self.shortest_patience(fate) {
                    // Everything behind it was queued later still.
                    break;
                }
                slot = behind;
            }
        }
        std::mem::take(&mut self.ended)
    }

    /// Ends all flows, as at the end of a capture, and returns their summaries with those not fetched yet.
    pub fn drain(&mut self) -> Vec<FlowSummary> {
        let mut summaries = std::mem::take(&mut self.ended);
        for fate in Fate::ALL {
            while self.queues[fate.index()].front != NONE {
                let slot = self.queues[fate.index()].front;
                self.settle(slot);
                summaries.push(self.summary(self.flow(slot)));
                self.counters.ended += u64::from(fate != Fate::Ended);
                self.forget(slot);
            }
        }
        summaries.sort_by_key(|flow| (flow.first_seen, flow.key));
        summaries
    }

    /// The open flows that moved most, at most `most` of them, busiest first.
    pub fn summaries(&self, most: usize) -> Vec<FlowSummary> {
        let mut flows: Vec<&Flow> = self.slots.iter().filter_map(Slot::flow).collect();
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
        let flow = self.slots.get(id.slot as usize)?.flow()?;
        (flow.generation == id.generation).then(|| self.summary(flow))
    }

    /// What is known about the flow of `key`, if it is open.
    pub fn get_by_key(&self, key: &FlowKey) -> Option<FlowSummary> {
        self.find(key).map(|slot| self.summary(self.flow(slot)))
    }

    /// The name under which `device` last learnt `address` from DNS.
    pub fn name_of(&self, device: vocab::Address, address: vocab::Address) -> Option<&str> {
        self.names.name(device, address, self.now).map(|(name, _)| name)
    }

    /// What happened so far.
    pub fn counters(&self) -> FlowCounters {
        self.counters
    }

    fn flow(&self, slot: u32) -> &Flow {
        self.slots[slot as usize].flow().expect("the index and the queues name only flows")
    }

    fn flow_mut(&mut self, slot: u32) -> &mut Flow {
        match &mut self.slots[slot as usize] {
            Slot::Flow(flow) => flow,
            Slot::Free { .. } => unreachable!("the index and the queues name only flows"),
        }
    }

    fn hash(&self, key: &FlowKey) -> u64 {
        hash_of(&self.hasher, key)
    }

    fn find(&self, key: &FlowKey) -> Option<u32> {
        let (slots, hash) = (&self.slots, self.hash(key));
        let same = |place: &Place| {
            place.hash == hash && slots[place.slot as usize].flow().is_some_and(|flow| flow.key == *key)
        };
        self.index.find(hash, same).map(|place| place.slot)
    }

    /// As [`FlowTable::find`], for packets that come one after the other.
    fn find_next(&mut self, key: &FlowKey) -> Option<u32> {
        if let Some((latest, slot)) = &self.latest
            && latest == key
        {
            return Some(*slot);
        }
        let slot = self.find(key)?;
        self.latest = Some((*key, slot));
        Some(slot)
    }

    /// Moves on to `at`.
    fn advance(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
        if self.now.since(self.window_began) >= self.limits.window {
            self.window_began = self.now.floor(self.limits.window);
        }
    }

    /// A SYN on a flow that has ended, or with another beginning, is a new flow on old ports.
    fn begins_anew(&self, slot: u32, packet: &Packet<'_>) -> bool {
        let Transport::Tcp(segment) = packet.transport else { return false };
        if !segment.flags.syn() || segment.flags.ack() {
            return false;
        }
        let flow = self.flow(slot);
        flow.fate == Fate::Ended && segment.seq != flow.opening_seq
    }

    fn open(&mut self, key: FlowKey, initiator: Side) -> u32 {
        if self.index.len() >= self.limits.flows {
            self.evict();
        }
        self.generation = self.generation.wrapping_add(1);
        let flow = Box::new(Flow {
            key,
            initiator,
            links: Links::ALONE,
            generation: self.generation,
            fate: Fate::Unanswered,
            fins: 0,
            heard: false,
            opening_seq: 0,
            owner: None,
            bytes: [0; 2],
            packets: [0; 2],
            first_seen: self.now,
            last_seen: self.now,
            queued: self.now,
            evidence: Evidence::default(),
            weighed: Weighed::UNKNOWN,
            dscp: None,
            asked: None,
            seen: GivenAfter::default(),
            given_after: GivenAfter::default(),
            probe: Some(Box::new(Probe { until: PATIENCE, ..Probe::default() })),
        });
        let slot = match self.free {
            NONE => {
                self.slots.push(Slot::Flow(flow));
                (self.slots.len() - 1) as u32
            }
            slot => {
                if let Slot::Free { next } = self.slots[slot as usize] {
                    self.free = next;
                }
                self.slots[slot as usize] = Slot::Flow(flow);
                slot
            }
        };
        let hash = self.hash(&key);
        self.index.insert_unique(hash, Place { hash, slot }, |place| place.hash);
        self.enqueue(slot);
        self.counters.opened += 1;
        self.counters.open += 1;
        slot
    }

    /// What is known before any payload: the protocol, the port, the name that DNS gave.
    fn first_evidence(&mut self, slot: u32, packet: &Packet<'_>) {
        let flow = self.flow(slot);
        let (key, responder) = (flow.key, flow.initiator.opposite());
        let (device, server) = (key.end(flow.initiator).address, key.end(responder).address);
        let name = self.names.name(device, server, self.now).map(|(name, source)| (Box::from(name), source));
        let announced = self.announced.find(&key, self.now);
        let Slot::Flow(flow) = &mut self.slots[slot as usize] else { return };
        flow.evidence.port = classify::ports::guess(&key, responder);
        if let Some((name, source)) = name {
            flow.evidence.learn_name(name, source, &self.services);
        }
        flow.evidence.signature = announced;
        if let Some(signature) = classify::ports::by_protocol(packet.protocol) {
            flow.evidence.signature = Some(signature);
            flow.probe = None;
        } else if packet.fragment == Fragment::Later {
            flow.probe = None;
        }
    }

    fn before(&self, slot: u32) -> Before {
        let flow = self.flow(slot);
        Before { class: flow.weighed.class, last_counted: (flow.packets != [0; 2]).then_some(flow.last_seen) }
    }

    /// Adds to the counters.
    fn tally(&mut self, slot: u32, side: Side, counts: Counts) {
        let now = self.now;
        let flow = self.flow_mut(slot);
        let at = side_index(side);
        flow.bytes[at] = flow.bytes[at].saturating_add(counts.bytes.0);
        flow.packets[at] = flow.packets[at].saturating_add(counts.packets);
        flow.last_seen = now;
        if let Some(ruled) = flow.evidence.rule {
            self.count_for_rule(ruled.place, counts.bytes);
        }
    }

    fn learn_names(&mut self, packet: &Packet<'_>) {
        let layer = match packet.transport {
            Transport::Udp => Layer::Datagram,
            Transport::Tcp(_) => Layer::Stream,
            Transport::Other => return,
        };
        self.names.learn(packet.destination.address, packet.payload, layer, self.now);
    }

    /// Lets the inspectors look at a packet of a flow whose verdict is open.
    fn inspect(&mut self, slot: u32, packet: &Packet<'_>, side: Side, at: Timestamp) {
        let Slot::Flow(flow) = &mut self.slots[slot as usize] else { return };
        let Some(probe) = &mut flow.probe else { return };
        let sender = if side == flow.initiator { Sender::Initiator } else { Sender::Responder };
        if let Transport::Tcp(segment) = packet.transport
            && segment.flags.syn()
        {
            probe.streams[side_index(side)].begin(segment.seq.wrapping_add(1));
        }
        if packet.payload.is_empty() || packet.fragment == Fragment::Later {
            return;
        }
        if probe.listens {
            let mut take = |announced| self.announced.learn(announced, at);
            let heard = probe.openings[side_index(side.opposite())].heard();
            let view = view(packet, sender, probe.payloads, heard);
            classify::ANNOUNCERS.iter().for_each(|announcer| announcer(&view, &mut take));
        }
        probe.openings[side_index(side)].hear(packet.payload);
        probe.payloads += 1;
        flow.seen.payloads += 1;
        probe.behavior.observe(sender, packet.payload.len(), at);
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
            match found.next {
                Next::Settle => settle = true,
                Next::Read => probe.until = probe.until.min(payloads + READ).max(payloads + 1),
                Next::Watch => probe.until = probe.until.min(payloads + WATCH).max(payloads + 1),
                Next::Listen => {
                    probe.listens = true;
                    probe.until = LISTEN;
                }
            }
            found.announces.iter().for_each(|&announced| self.announced.learn(announced, at));
            flow.evidence.ja4 = flow.evidence.ja4.or(ja4);
            if let Some((name, source)) = &mut found.name {
                let (device, server) = (flow.key.end(flow.initiator), flow.key.end(flow.initiator.opposite()));
                match source {
                    NameSource::EncryptedHello if self.names.contradicts(device.address, server.address, name, at) => {
                        *source = NameSource::OuterHello;
                    }
                    NameSource::TlsHello
                    | NameSource::EncryptedHello
                    | NameSource::TlsCertificate
                    | NameSource::QuicInitial
                    | NameSource::HttpHost => self.names.learn_use(device.address, server.address, name, at),
                    NameSource::OuterHello | NameSource::Query | NameSource::DnsAnswer | NameSource::EarlierFlow => {}
                }
            }
            flow.evidence.add(found, &self.services);
        }
        if settle {
            self.settle(slot);
        }
    }

    /// Closes the verdict: what behaviour says is taken in, working memory is given back.
    fn settle(&mut self, slot: u32) {
        let Slot::Flow(flow) = &mut self.slots[slot as usize] else { return };
        let Some(probe) = flow.probe.take() else { return };
        self.counters.reassembly_bytes -= probe.held as u64;
        if flow.evidence.signature.is_none() {
            flow.evidence.behavior = probe.behavior.conclude(&flow.key, flow.initiator);
        }
        flow.weighed = classify::weigh(&flow.evidence, volume(flow));
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
            self.requeue(slot, Fate::Ended);
        }
    }

    fn conclude(&mut self, slot: u32, side: Side, opened: bool, was_open: bool, before: Before) -> Observed {
        let (now, window_began) = (self.now, self.window_began);
        let flow = self.flow_mut(slot);
        // A settled verdict changes by volume alone, and only from web.
        let elephant = flow.weighed.class == TrafficClass::Web && classify::is_elephant(volume(flow));
        if was_open || opened || elephant {
            flow.weighed = classify::weigh(&flow.evidence, volume(flow));
        }
        if (was_open || opened) && !self.rules.is_empty() {
            self.ask_rules(slot);
        }
        let flow = self.flow_mut(slot);
        if flow.weighed.class != before.class {
            flow.given_after = flow.seen;
        }
        let (fate, weighed) = (flow.fate, flow.weighed);
        let settlement = if flow.probe.is_some() { Settlement::Open } else { Settlement::Settled };
        let observed = Observed {
            flow: FlowId { slot, generation: flow.generation },
            key: flow.key,
            side,
            owner: flow
                .owner
                .map(|(device, local)| (device, if side == local { Direction::Upload } else { Direction::Download })),
            class: weighed.class,
            settlement,
            opened,
            class_changed: before.class != weighed.class,
            settled_now: settlement == Settlement::Settled && (was_open || opened),
            ruled: flow.evidence.rule.is_some(),
            first_in_window: before.last_counted.is_none_or(|before| before < window_began),
        };
        let answered = flow.packets[0] > 0 && flow.packets[1] > 0;
        let deserved = match fate {
            Fate::Ended => Fate::Ended,
            Fate::Unanswered | Fate::Answered | Fate::Protected if !answered => Fate::Unanswered,
            _ if weighed.class.is_protected()
                && settlement == Settlement::Settled
                && flow.packets.iter().all(|&packets| packets >= ESTABLISHED) =>
            {
                Fate::Protected
            }
            _ => Fate::Answered,
        };
        if deserved != fate || now.since(flow.queued) >= GRAIN {
            self.requeue(slot, deserved);
        }
        observed
    }

    fn patience(&self, flow: &Flow) -> Duration {
        match (flow.fate, flow.key.protocol()) {
            (Fate::Ended, _) => self.limits.linger,
            (Fate::Unanswered, _) => self.limits.idle_unanswered,
            (Fate::Answered | Fate::Protected, IpProtocol::TCP) => self.limits.idle_stream,
            (Fate::Answered | Fate::Protected, _) => self.limits.idle_datagram,
        }
    }

    /// No flow of this fate falls idle sooner.
    fn shortest_patience(&self, fate: Fate) -> Duration {
        match fate {
            Fate::Ended => self.limits.linger,
            Fate::Unanswered => self.limits.idle_unanswered,
            Fate::Answered | Fate::Protected => self.limits.idle_stream.min(self.limits.idle_datagram),
        }
    }

    /// Makes room for one flow. Where nothing but established flows of protected classes is left, the newcomer
    /// gets the one place beyond the bound, and is the next to go: no flood takes a call's place.
    fn evict(&mut self) {
        let may_go = |fate: &Fate| {
            let spared = *fate == Fate::Protected && self.index.len() <= self.limits.flows;
            self.queues[fate.index()].front != NONE && !spared
        };
        let Some(fate) = Fate::ALL.into_iter().find(may_go) else { return };
        let slot = self.queues[fate.index()].front;
        self.counters.evicted += u64::from(fate != Fate::Ended);
        self.counters.evicted_protected += u64::from(fate == Fate::Protected);
        self.remove(slot);
    }

    fn end(&mut self, slot: u32) {
        let fate = self.flow(slot).fate;
        self.counters.ended += u64::from(fate != Fate::Ended);
        self.remove(slot);
    }

    /// Takes a flow out and keeps its summary for whoever asks.
    fn remove(&mut self, slot: u32) {
        self.settle(slot);
        if self.ended.len() < self.limits.summaries {
            let summary = self.summary(self.flow(slot));
            self.ended.push(summary);
        } else {
            self.counters.summaries_lost += 1;
        }
        self.forget(slot);
    }

    fn forget(&mut self, slot: u32) {
        self.latest = None;
        self.dequeue(slot);
        let hash = self.hash(&self.flow(slot).key);
        if let Ok(entry) = self.index.find_entry(hash, |place| place.slot == slot) {
            entry.remove();
        }
        self.slots[slot as usize] = Slot::Free { next: self.free };
        self.free = slot;
        self.counters.open -= 1;
    }

    fn requeue(&mut self, slot: u32, fate: Fate) {
        self.dequeue(slot);
        let now = self.now;
        let flow = self.flow_mut(slot);
        flow.fate = fate;
        flow.queued = now;
        self.enqueue(slot);
    }

    fn enqueue(&mut self, slot: u32) {
        let queue = self.flow(slot).fate.index();
        let back = self.queues[queue].back;
        self.flow_mut(slot).links = Links { before: back, behind: NONE };
        match back {
            NONE => self.queues[queue].front = slot,
            back => self.flow_mut(back).links.behind = slot,
        }
        self.queues[queue].back = slot;
    }

    fn dequeue(&mut self, slot: u32) {
        let flow = self.flow(slot);
        let (Links { before, behind }, queue) = (flow.links, flow.fate.index());
        match before {
            NONE => self.queues[queue].front = behind,
            before => self.flow_mut(before).links.behind = behind,
        }
        match behind {
            NONE => self.queues[queue].back = before,
            behind => self.flow_mut(behind).links.before = before,
        }
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

impl Slot {
    fn flow(&self) -> Option<&Flow> {
        match self {
            Slot::Flow(flow) => Some(flow),
            Slot::Free { .. } => None,
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

fn volume(flow: &Flow) -> Volume {
    let from = side_index(flow.initiator);
    Volume { from_initiator: flow.bytes[from], to_initiator: flow.bytes[1 - from] }
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

/// What an inspector sees of a packet alone.
fn view<'a>(packet: &'a Packet<'_>, sender: Sender, number: u16, heard: &'a [u8]) -> View<'a> {
    View {
        layer: Layer::Datagram,
        bytes: packet.payload,
        sender,
        source: packet.source.address,
        destination: packet.destination.address,
        source_port: packet.source.port,
        destination_port: packet.destination.port,
        number,
        heard,
    }
}

/// What the beginning of one side of a stream says, after a segment of it.
fn inspect_stream(
    probe: &mut Probe,
    packet: &Packet<'_>,
    side: Side,
    sender: Sender,
    seq: u32,
    room: usize,
) -> Finding {
    let number = probe.payloads.saturating_sub(1);
    let stream = &mut probe.streams[side_index(side)];
    if stream.is_done() {
        return Finding::No;
    }
    let mut wants_more = false;
    let (length, found) = match stream.push(seq, packet.payload, room) {
        Readable::Nothing => return Finding::No,
        Readable::Prefix(bytes) => {
            let view = View {
                layer: Layer::Stream,
                bytes,
                sender,
                source: packet.source.address,
                destination: packet.destination.address,
                source_port: packet.source.port,
                destination_port: packet.destination.port,
                number,
                heard: probe.openings[side_index(side.opposite())].heard(),
            };
            let found = classify::TCP.iter().find_map(|inspect| match inspect(&view) {
                Finding::No => None,
                Finding::More => {
                    wants_more = true;
                    None
                }
                Finding::Found(found) => Some(found),
            });
            if found.is_some() && sender == Sender::Initiator && probe.ja4.is_none() {
                probe.ja4 = classify::tls::fingerprint(bytes);
            }
            (bytes.len(), found)
        }
    };
    match found {
        Some(found) if found.next == Next::Read && length < stream::MOST => {
            stream.hold(packet.payload, room);
            Finding::Found(found)
        }
        Some(found) => {
            stream.finish();
            Finding::Found(found)
        }
        None if wants_more && length < stream::MOST => {
            stream.hold(packet.payload, room);
            Finding::More
        }
        None => {
            stream.finish();
            Finding::No
        }
    }
}

/// What a datagram says, alone and after those before it.
fn inspect_datagram(probe: &mut Probe, packet: &Packet<'_>, side: Side, sender: Sender, room: usize) -> Finding {
    let number = probe.payloads.saturating_sub(1);
    let seen = view(packet, sender, number, &[]);
    match probe.handshake.inspect(&seen, room) {
        Finding::No | Finding::More => {}
        Finding::Found(found) => return Finding::Found(found),
    }
    // What goes on with media needs no other look.
    match probe.media.observe(side_index(side), packet.payload) {
        rtp::Heard::Clear(found) => return Finding::Found(found),
        rtp::Heard::Media => return Finding::No,
        rtp::Heard::Other => {}
    }
    let view = view(packet, sender, number, probe.openings[side_index(side.opposite())].heard());
    let known = classify::DATAGRAM.iter().find_map(|inspect| match inspect(&view) {
        Finding::Found(found) => Some(found),
        Finding::No | Finding::More => None,
    });
    if let Some(found) = known {
        probe.media.learn(&found.signature);
        return Finding::Found(found);
    }
    if rtp::is_rtcp(packet.payload) {
        return Finding::Found(Found { signature: rtp::RTCP, name: None, next: Next::Watch, announces: Vec::new() });
    }
    Finding::No
}

#[cfg(test)]
mod tests;
