//! The data plane: one thread that owns the source, its flows and its meter.

mod far;
mod tunnels;
mod verdicts;

use crate::clock::Clock;
use crate::watchdog::Pulse;
use capture::{Counting, EbpfSource, Frame, Moved, Observation, Polled, Source};
use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError};
use devices::Sighting;
use engine::Input;
use far::FarTimes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use traffic::{Counts, FlowLimits, FlowTable, Locality, Malformed, Meter, Observed, Packet, Settlement, Transport};
use tunnels::Tunnels;
use verdicts::Verdicts;
use vocab::{
    Aggregate, CaptureCounts, DeviceId, Direction, FlowKey, FlowSummary, IpProtocol, LinkId, MacAddress, Policy,
    Quality, SourceKind, Timestamp,
};

/// One window, as everywhere.
const WINDOW: Duration = Duration::from_secs(1);

/// The longest wait for packets: verdicts reach the kernel at least this often.
const POLL: Duration = Duration::from_millis(20);

/// Open flows shown to people; all are counted.
const FLOWS_SHOWN: usize = 2_000;

/// A device that only sends is told once in this time: often enough for its addresses, not for every packet.
const SEEN_EVERY: Duration = Duration::from_secs(10);

/// Who was silent for this long arrives anew: before the engine has forgotten its queues (ten minutes).
const AWAY: Duration = Duration::from_secs(300);

/// A device that sent nothing for this long gives its slot to another: twice the time after which the engine takes
/// its queues away.
const QUIET: Duration = Duration::from_secs(1_200);

/// Slots taken back together, so that a crowd of newcomers is seated with few scans.
const RELEASED_AT_ONCE: usize = 64;

/// People are told this often that there are more devices than slots.
const NO_SLOT_TOLD_EVERY: Duration = Duration::from_secs(600);

/// The kernel's stamps may differ from our clock by this; more is a system clock that was set back, which ours
/// does not follow.
const CLOCKS_APART: Duration = Duration::from_secs(2);

/// As the engine has it: who is away for less is only late.
const LEAP: Duration = Duration::from_secs(30);

/// Stations remembered for that; more are told each time.
const SEEN_KEPT: usize = 8_192;

/// IEEE 802 numbers: ARP.
const ETHERTYPE_ARP: u16 = 0x0806;

/// Two addresses and the ethertype; a tagged ARP is found by what else its device sends.
const ETHERNET_HEADER: usize = 14;

/// Where packets come from, and whether verdicts go back.
pub enum Inlet {
    /// The kernel counts and steers.
    Ebpf(Box<EbpfSource>),
    /// Frames only.
    Frames(Box<dyn Source + Send>),
}

impl Inlet {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Inlet::Ebpf(source) => source.as_mut(),
            Inlet::Frames(source) => source.as_mut(),
        }
    }

    /// Which of the three it is.
    pub fn kind(&self) -> SourceKind {
        match self {
            Inlet::Ebpf(source) => source.kind(),
            Inlet::Frames(source) => source.kind(),
        }
    }
}

/// The worker.
pub struct Worker {
    inlet: Inlet,
    link: LinkId,
    table: FlowTable,
    meter: Meter,
    far_times: FarTimes,
    counting: Counting,
    clock: Clock,
    inputs: Sender<Input>,
    policy: watch::Receiver<Arc<Policy>>,
    /// Time is the capture file's where one is replayed.
    window: Timestamp,
    now: Timestamp,
    verdicts: Verdicts,
    seen: BTreeMap<DeviceId, Timestamp>,
    tunnels: Tunnels,
    counts: CaptureCounts,
    own_stations: Vec<MacAddress>,
    started: Timestamp,
    no_slot_told: Timestamp,
}

impl Worker {
    /// A worker for `link` over `inlet`, on a machine whose interfaces are `own_stations`. Whatever policy is in force,
    /// its rules are heeded.
    pub fn new(
        inlet: Inlet,
        limits: FlowLimits,
        link: LinkId,
        own_stations: Vec<MacAddress>,
        clock: Clock,
        inputs: Sender<Input>,
        mut policy: watch::Receiver<Arc<Policy>>,
    ) -> Worker {
        let mut table = FlowTable::new(limits, Locality::default().with_own_stations(own_stations.clone()));
        table.set_rules(&policy.borrow_and_update());
        let mut inlet = inlet;
        let counting = inlet.source().counting();
        let now = clock.now();
        Worker {
            inlet,
            link,
            table,
            meter: Meter::new(link),
            far_times: FarTimes::default(),
            counting,
            clock,
            inputs,
            policy,
            window: now.floor(WINDOW),
            now,
            verdicts: Verdicts::default(),
            seen: BTreeMap::new(),
            // What carries others has no end of its own: it falls idle as a datagram's flow does.
            tunnels: Tunnels::new(limits.idle_datagram),
            counts: CaptureCounts::default(),
            own_stations,
            started: now,
            no_slot_told: Timestamp::default(),
        }
    }

    /// Runs until `stop` is closed or the source has ended.
    ///
    /// # Errors
    /// The source cannot be read any more.
    pub fn run(&mut self, stop: &Receiver<()>, pulse: &Pulse) -> anyhow::Result<()> {
        while stop.try_recv() != Err(TryRecvError::Disconnected) {
            pulse.beat();
            let polled = self.poll()?;
            self.heed_policy();
            self.look_at_the_clock();
            self.hand_over_verdicts();
            if self.now.since(self.window) >= WINDOW {
                self.close_window()?;
            }
            if polled == Polled::Finished {
                self.close_window()?;
                return Ok(());
            }
        }
        Ok(())
    }

    /// The loop turns many times a second: a longer time did not pass here, and ends no flow and no device.
    fn look_at_the_clock(&mut self) {
        let before = std::mem::replace(&mut self.now, self.clock.now());
        let leapt = self.now.since(before);
        if leapt > LEAP {
            tracing::warn!(seconds = leapt.as_secs(), "the clock was set forward, or the machine slept");
            self.table.leap(leapt);
            self.seen.values_mut().for_each(|seen| *seen = *seen + leapt);
            self.started = self.started + leapt;
            // What moved since the window began moved in a window's time.
            self.window = self.window + leapt.max(WINDOW);
            self.window = self.window.floor(WINDOW);
        }
    }

    fn poll(&mut self) -> anyhow::Result<Polled> {
        let timeout = (self.window + WINDOW).since(self.now).min(POLL);
        let (inlet, mut desk) = self.desk();
        let polled = inlet.source().poll(timeout, &mut |observation| desk.observe(&observation))?;
        let new_devices = std::mem::take(&mut desk.new_devices);
        for device in new_devices {
            self.seat(device);
        }
        Ok(polled)
    }

    /// Gives a device its slot; where all are taken, those go that were quiet for longest.
    fn seat(&mut self, device: DeviceId) {
        let Inlet::Ebpf(source) = &mut self.inlet else { return };
        let Err(refused) = source.assign(device) else { return self.tell_arrival(device) };
        let held: Vec<DeviceId> = source.devices().into_iter().map(|(device, _)| device).collect();
        for quiet in quietest(&held, &self.seen, self.started, self.now) {
            self.seen.remove(&quiet);
            if let Err(error) = source.release(quiet) {
                tracing::debug!(%error, "a slot could not be taken back");
            }
        }
        if source.assign(device).is_ok() {
            self.tell_arrival(device);
        } else if self.now.since(self.no_slot_told) >= NO_SLOT_TOLD_EVERY {
            self.no_slot_told = self.now;
            tracing::warn!(error = %refused, "devices without a slot wait in the default class");
        }
    }

    /// Its queues can be made now, before the window closes.
    fn tell_arrival(&mut self, device: DeviceId) {
        if let Err(TrySendError::Full(_)) = self.inputs.try_send(Input::Arrived(device)) {
            self.counts.dropped_channel += 1;
        }
    }

    /// Another policy has other rules: they speak of open flows too, in the kernel as well.
    fn heed_policy(&mut self) {
        // An end that was dropped is as good as no change: the daemon ends.
        if !self.policy.has_changed().unwrap_or(false) {
            return;
        }
        let policy = Arc::clone(&self.policy.borrow_and_update());
        for revised in self.table.set_rules(&policy) {
            let (key, settled) = match self.tunnels.revise(&revised) {
                Some(tunnel) => (tunnel, false),
                None => (revised.key, revised.settlement == Settlement::Settled),
            };
            self.verdicts.push((key, revised.class, settled));
        }
    }

    /// What the source is lent while it hands over observations, beside the source.
    fn desk(&mut self) -> (&mut Inlet, Desk<'_>) {
        let Worker {
            inlet,
            table,
            meter,
            far_times,
            counting,
            inputs,
            verdicts,
            seen,
            tunnels,
            counts,
            own_stations,
            now,
            ..
        } = self;
        let counting = *counting;
        let (new_devices, qualities) = (Vec::new(), Vec::new());
        let now = *now;
        let desk = Desk {
            table,
            meter,
            far_times,
            counting,
            inputs,
            verdicts,
            seen,
            tunnels,
            counts,
            own_stations,
            new_devices,
            qualities,
            now,
        };
        (inlet, desk)
    }

    /// The kernel steers the rest of each flow by its verdict.
    fn hand_over_verdicts(&mut self) {
        let Inlet::Ebpf(source) = &self.inlet else { return self.verdicts = Verdicts::default() };
        if let Err(error) = self.verdicts.hand_over(|verdicts| source.set_verdicts(verdicts)) {
            tracing::warn!(%error, "verdicts did not reach the kernel; they are tried again");
        }
    }

    /// What did not reach the kernel is tried again with each window, as long as its flow lasts.
    fn try_verdicts_again(&mut self, ended: &[FlowSummary]) {
        let Inlet::Ebpf(source) = &self.inlet else { return };
        if !self.verdicts.are_waiting() {
            return;
        }
        let ended: BTreeSet<FlowKey> = ended.iter().map(|flow| flow.key).collect();
        self.verdicts.forget(|key| ended.contains(key));
        if let Err(error) = self.verdicts.try_again(|verdicts| source.set_verdicts(verdicts)) {
            tracing::debug!(%error, "verdicts did not reach the kernel again");
        }
    }

    fn close_window(&mut self) -> anyhow::Result<()> {
        let (inlet, mut desk) = self.desk();
        inlet.source().read_counts(&mut |observation| desk.observe(&observation))?;
        let qualities = std::mem::take(&mut desk.qualities);
        // After a stall the window was longer.
        let window = self.now.floor(WINDOW).since(self.window).max(WINDOW);
        let samples = self.meter.close_window(self.window, window);
        let ended = self.table.expire(self.now);
        self.tunnels.expire(self.now);
        self.try_verdicts_again(&ended);
        let open = self.table.summaries(FLOWS_SHOWN);
        let source = self.inlet.source().counts()?;
        let flows = self.table.counters();
        self.counts = CaptureCounts {
            packets: source.packets,
            bytes: source.bytes,
            dropped_kernel: source.dropped_kernel,
            malformed: source.malformed + self.counts.malformed,
            flows: flows.opened,
            flows_evicted: flows.evicted,
            dropped_channel: self.counts.dropped_channel,
            verdicts_failed: self.verdicts.failed(),
        };
        let told = self.counts;
        self.counts.malformed -= source.malformed;
        self.window = self.now.floor(WINDOW);
        let hits = Input::RuleHits(self.table.rule_hits());
        let qualities = Input::Qualities(qualities);
        let paths = Input::PathSamples { link: self.link, samples: self.far_times.take() };
        for input in
            [Input::Samples(samples), qualities, paths, Input::Flows { open, ended }, Input::Capture(told), hits]
        {
            if let Err(TrySendError::Full(_)) = self.inputs.try_send(input) {
                self.counts.dropped_channel += 1;
            }
        }
        Ok(())
    }
}

/// Of the devices that `held` a slot, those that were quiet for long enough, the longest first, a batch of them.
/// One that was not seen since `started` is as quiet as that.
fn quietest(
    held: &[DeviceId],
    seen: &BTreeMap<DeviceId, Timestamp>,
    started: Timestamp,
    now: Timestamp,
) -> Vec<DeviceId> {
    let last = |device: &DeviceId| seen.get(device).copied().unwrap_or(started);
    let mut quiet: Vec<DeviceId> = held.iter().filter(|device| now.since(last(device)) >= QUIET).copied().collect();
    quiet.sort_by_key(|device| (last(device), *device));
    quiet.truncate(RELEASED_AT_ONCE);
    quiet
}

/// What the worker lends to the source while that hands over observations.
struct Desk<'a> {
    table: &'a mut FlowTable,
    meter: &'a mut Meter,
    far_times: &'a mut FarTimes,
    counting: Counting,
    inputs: &'a Sender<Input>,
    verdicts: &'a mut Verdicts,
    seen: &'a mut BTreeMap<DeviceId, Timestamp>,
    tunnels: &'a mut Tunnels,
    counts: &'a mut CaptureCounts,
    own_stations: &'a [MacAddress],
    new_devices: Vec<DeviceId>,
    qualities: Vec<(Aggregate, Quality)>,
    now: Timestamp,
}

impl Desk<'_> {
    /// The time of something seen: as the kernel stamped it, unless its clock is another than ours.
    fn time(&self, stamped: Timestamp) -> Timestamp {
        if self.now.since(stamped) > CLOCKS_APART || stamped.since(self.now) > CLOCKS_APART {
            self.now
        } else {
            stamped
        }
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Frame(frame) => self.frame(frame),
            Observation::FlowCounts(flow) => {
                let counts = |moved: Moved| Counts { bytes: moved.bytes, packets: moved.packets };
                let (low, high) = (counts(flow.from_low), counts(flow.from_high));
                let observed = self.table.observe_counts(&flow.key, low, high, None, self.time(flow.last_seen));
                if let Some(round_trip) = flow.far_round_trip {
                    self.far_times.observe(&observed, round_trip);
                }
                self.table.steered_after(&flow.key, flow.class, flow.classed_after);
                if let (Some(device), true) = (flow.device, low.packets + high.packets > 0) {
                    self.meter.observe_flow(Aggregate { device, class: flow.class });
                }
                // What is inside a tunnel tells more than its port. And a flow that is known by its counts alone began
                // before we did: the kernel still has the verdict of the run before, which was made from packets. A rule
                // needs none.
                if !self.tunnels.hear(&flow.key, self.time(flow.last_seen)) && (!observed.opened || observed.ruled) {
                    self.follow(&observed);
                }
            }
            Observation::AggregateQuality(measured) => self.qualities.push((measured.aggregate, measured.quality)),
            Observation::AggregateCounts(counts) => {
                let aggregate = Aggregate { device: counts.device, class: counts.class };
                self.meter.observe(aggregate, counts.direction, counts.moved.bytes, counts.moved.packets);
            }
        }
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let at = self.time(frame.at);
        let packet = match Packet::parse(frame.bytes, frame.link_type, frame.wire_len) {
            Ok(packet) => packet,
            Err(Malformed::NotIp(ethertype)) => {
                if ethertype == ETHERTYPE_ARP
                    && let Some(sighting) =
                        frame.bytes.get(ETHERNET_HEADER..).and_then(|payload| Sighting::from_arp(payload, at))
                {
                    self.sight(sighting);
                }
                return;
            }
            Err(Malformed::Truncated(_) | Malformed::Inconsistent(_) | Malformed::TooDeep) => {
                self.counts.malformed += 1;
                return;
            }
        };
        self.sight_packet(&packet, at);
        let counted = match self.counting {
            Counting::ByFrames => {
                Counts { bytes: vocab::ByteCount(u64::from(frame.wire_len)), packets: u64::from(frame.packets) }
            }
            Counting::ByKernel => Counts::default(),
        };
        let observed = self.table.observe_counted(&packet, counted, frame.direction, at);
        if let Some((device, direction)) = observed.owner {
            let aggregate = Aggregate { device, class: observed.class };
            if self.counting == Counting::ByFrames {
                self.meter.observe(aggregate, direction, counted.bytes, counted.packets);
                if observed.first_in_window {
                    self.meter.observe_flow(aggregate);
                }
            }
            self.meet(device, &packet, direction, at);
        }
        let counted_as = match self.counting {
            Counting::ByFrames => None,
            Counting::ByKernel => Packet::outer_key(frame.bytes, frame.link_type),
        };
        match counted_as {
            Some(tunnel) if tunnel != observed.key => {
                // The kernel opens no tunnel: to it, all that flows inside is one flow.
                if let Some(class) = self.tunnels.observe(tunnel, &observed, at) {
                    self.verdicts.push((tunnel, class, false));
                }
            }
            Some(_) | None => self.follow(&observed),
        }
    }

    fn follow(&mut self, observed: &Observed) {
        if observed.class_changed || observed.settled_now {
            self.verdicts.push((observed.key, observed.class, observed.settlement == Settlement::Settled));
        }
    }

    /// A device that sends is there, whatever it says.
    fn meet(&mut self, device: DeviceId, packet: &Packet<'_>, direction: Direction, at: Timestamp) {
        let known = self.seen.get(&device).copied();
        if direction == Direction::Download || known.is_some_and(|told| at.since(told) < SEEN_EVERY) {
            return;
        }
        if known.is_none_or(|told| at.since(told) >= AWAY) {
            self.new_devices.push(device);
        }
        if self.seen.len() < SEEN_KEPT || known.is_some() {
            self.seen.insert(device, at);
        }
        let address = packet.source.address.ip();
        let sighting = match device {
            DeviceId::Mac(mac) => Sighting::from_packet(mac, address, at),
            DeviceId::Ip(ip) => Sighting::from_address(ip, at),
        };
        if let Some(sighting) = sighting {
            self.sight(sighting);
        }
    }

    /// What a device says about itself: DHCP, mDNS, SSDP, neighbour discovery.
    fn sight_packet(&mut self, packet: &Packet<'_>, at: Timestamp) {
        let Some(mac) = packet.source_mac else { return };
        let source = packet.source.address.ip();
        let sighting = match packet.transport {
            Transport::Udp => {
                let ports = (packet.source.port, packet.destination.port);
                Sighting::from_udp(mac, source, ports.0, ports.1, packet.payload, at)
            }
            Transport::Tcp(_) => None,
            Transport::Other if packet.protocol == IpProtocol::ICMPV6 => {
                Sighting::from_icmpv6(mac, source, packet.payload, at)
            }
            Transport::Other => None,
        };
        if let Some(sighting) = sighting {
            self.sight(sighting);
        }
    }

    fn sight(&mut self, sighting: Sighting) {
        // The gateway is no device of its own network.
        if sighting.mac.is_some_and(|mac| self.own_stations.contains(&mac)) {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.inputs.try_send(Input::DeviceSeen(sighting)) {
            self.counts.dropped_channel += 1;
        }
    }
}

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod tests;
