//! The kernel counts, by eBPF; frames come up while a flow's verdict is open.

use crate::{
    AggregateCounts, AggregateQuality, CaptureError, Counting, FlowCounts, Frame, Moved, Observation, Polled, Source,
    SourceCounts,
};
use datapath::{ClassMap, Counted, Datapath, Events, FlowMap, ProtectedFlows, Slot, sys};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::time::Duration;
use vocab::{Aggregate, ByteCount, DeviceId, Direction, FlowKey, Quality, SourceKind, Timestamp, TrafficClass};

/// Frames one call of `poll` hands over at most: a few milliseconds of work.
const FRAMES_PER_POLL: usize = 1_024;

/// Which reading an entry of the memory was last part of.
type Reading = u64;

/// What was read of a flow last.
#[derive(Clone, Copy, Debug, Default)]
struct LastFlow {
    from_low: Counted,
    from_high: Counted,
    first_ns: u64,
    /// Nanoseconds; 0 is none. Two in a row are never alike: where they are, it is the same one.
    round_trip: u64,
    reading: Reading,
}

/// The data path as a source. Also gives out the slots, and takes the verdicts.
#[derive(Debug)]
pub struct EbpfSource {
    events: Events,
    classes: ClassMap,
    flows: FlowMap,
    protected: ProtectedFlows,
    /// What was read last, to tell what is new.
    last_counts: HashMap<(Slot, TrafficClass, Direction), Counted, foldhash::fast::RandomState>,
    last_qualities: HashMap<(Slot, TrafficClass), Quality, foldhash::fast::RandomState>,
    last_flows: HashMap<FlowKey, LastFlow, foldhash::fast::RandomState>,
    reading: Reading,
    clocks: sys::Clocks,
    /// What the programs had counted when we came: an adopted data path has a past.
    before: datapath::Stats,
}

impl EbpfSource {
    /// Reads from `datapath`; what it has counted before is not handed over.
    ///
    /// # Errors
    /// The maps cannot be read, or the ring was taken by another.
    pub fn open(datapath: &mut Datapath) -> Result<EbpfSource, CaptureError> {
        let events = datapath.take_events().ok_or(CaptureError::Call {
            call: "taking the ring of frames",
            source: std::io::Error::from(std::io::ErrorKind::ResourceBusy),
        })?;
        let mut source = EbpfSource {
            events,
            classes: datapath.classes()?,
            flows: datapath.flows(),
            protected: datapath.protected()?,
            last_counts: HashMap::default(),
            last_qualities: HashMap::default(),
            last_flows: HashMap::default(),
            reading: 0,
            clocks: sys::clocks(),
            before: datapath.stats()?,
        };
        source.read_counts(&mut |_| {})?;
        Ok(source)
    }

    /// Gives the device a slot, or says which one it has. From its next packet on it is counted and steered as its own.
    ///
    /// # Errors
    /// All slots are taken, or the maps cannot be written.
    pub fn assign(&mut self, device: DeviceId) -> Result<Slot, CaptureError> {
        Ok(self.classes.assign(device)?)
    }

    /// Takes the slot away from a device that is gone. Its leaves must be gone from the queue tree.
    ///
    /// # Errors
    /// The maps cannot be written.
    pub fn release(&mut self, device: DeviceId) -> Result<(), CaptureError> {
        if let Some(slot) = self.classes.slot_of(device) {
            self.last_counts.retain(|(of, _, _), _| *of != slot);
            self.last_qualities.retain(|(of, _), _| *of != slot);
        }
        Ok(self.classes.release(device)?)
    }

    /// All devices that have a slot: after a restart, those of the run before.
    pub fn devices(&self) -> Vec<(DeviceId, Slot)> {
        self.classes.devices()
    }

    /// Tells the kernel the class of flows, and whether it is settled.
    ///
    /// # Errors
    /// The maps cannot be written.
    pub fn set_verdicts(&self, verdicts: &[(FlowKey, TrafficClass, bool)]) -> Result<(), CaptureError> {
        Ok(self.flows.set_verdicts(verdicts)?)
    }
}

fn since(now: Counted, before: Counted) -> Moved {
    Moved {
        bytes: ByteCount(now.bytes.0.saturating_sub(before.bytes.0)),
        packets: now.packets.saturating_sub(before.packets),
    }
}

impl Source for EbpfSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Ebpf
    }

    fn counting(&self) -> Counting {
        Counting::ByKernel
    }

    fn poll(&mut self, timeout: Duration, sink: &mut dyn FnMut(Observation<'_>)) -> Result<Polled, CaptureError> {
        let clocks = self.clocks;
        let taken = self.events.poll(timeout, FRAMES_PER_POLL, |event| {
            sink(Observation::Frame(Frame {
                at: Timestamp::from_unix_nanos(clocks.unix_at(event.at_ns)),
                interface: event.interface,
                link_type: event.link_type,
                direction: Some(event.direction),
                vlan: event.vlan,
                wire_len: event.wire_len,
                packets: event.packets,
                bytes: event.bytes,
            }));
        })?;
        Ok(if taken == 0 { Polled::Idle } else { Polled::Observed(taken) })
    }

    fn read_counts(&mut self, sink: &mut dyn FnMut(Observation<'_>)) -> Result<(), CaptureError> {
        // The offset of the two clocks moves with NTP: once per window is often enough.
        self.clocks = sys::clocks();
        self.reading += 1;
        let devices: BTreeMap<Slot, DeviceId> =
            self.classes.devices().into_iter().map(|(device, slot)| (slot, device)).collect();
        let last_counts = &mut self.last_counts;
        self.classes.read_counters(|count| {
            let Some(slot) = count.slot else { return };
            let Some(device) = devices.get(&slot) else { return };
            let key = (slot, count.class, count.direction);
            let before = last_counts.insert(key, count.total).unwrap_or_default();
            let moved = since(count.total, before);
            if moved.packets > 0 {
                sink(Observation::AggregateCounts(AggregateCounts {
                    device: *device,
                    class: count.class,
                    direction: count.direction,
                    moved,
                }));
            }
        })?;

        let last_qualities = &mut self.last_qualities;
        self.classes.read_qualities(|reading| {
            let Some(slot) = reading.slot else { return };
            let Some(device) = devices.get(&slot) else { return };
            let before = last_qualities.insert((slot, reading.class), reading.quality).unwrap_or_default();
            let quality = reading.quality.since(&before);
            if quality != Quality::default() {
                let aggregate = Aggregate { device: *device, class: reading.class };
                sink(Observation::AggregateQuality(&AggregateQuality { aggregate, quality }));
            }
        })?;

        let (clocks, reading) = (self.clocks, self.reading);
        let time = |ns| Timestamp::from_unix_nanos(clocks.unix_at(ns));
        let (last_flows, protected) = (&mut self.last_flows, &mut self.protected);
        self.flows.read_flows(|flow| {
            let round_trip = flow.round_trip.wan.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(0));
            let now = LastFlow {
                from_low: flow.from_low,
                from_high: flow.from_high,
                first_ns: flow.first_ns,
                round_trip,
                reading,
            };
            let before = last_flows.insert(flow.key, now);
            protected.observe(&flow);
            if flow.local {
                return;
            }
            // One that made room for others and came back counts from zero again.
            let before = before.filter(|before| before.first_ns == flow.first_ns).unwrap_or_default();
            let (from_low, from_high) =
                (since(flow.from_low, before.from_low), since(flow.from_high, before.from_high));
            let is_new = round_trip != before.round_trip;
            if from_low.packets + from_high.packets > 0 {
                sink(Observation::FlowCounts(FlowCounts {
                    key: flow.key,
                    device: flow.slot.and_then(|slot| devices.get(&slot).copied()),
                    class: flow.class,
                    classed_after: flow.classed_after,
                    from_low,
                    from_high,
                    first_seen: time(flow.first_ns),
                    last_seen: time(flow.last_ns),
                    far_round_trip: flow.round_trip.wan.filter(|_| is_new),
                }));
            }
        })?;
        self.protected.turn(clocks.monotonic_ns)?;
        // What has left the kernel's table leaves ours.
        self.last_flows.retain(|_, flow| flow.reading == reading);
        Ok(())
    }

    fn counts(&mut self) -> Result<SourceCounts, CaptureError> {
        let (now, before) = (self.classes.stats()?, self.before);
        let download = since(now.download, before.download);
        let upload = since(now.upload, before.upload);
        Ok(SourceCounts {
            packets: download.packets + upload.packets,
            bytes: download.bytes + upload.bytes,
            frames: now.frames.saturating_sub(before.frames),
            dropped_kernel: now.ring_full.saturating_sub(before.ring_full),
            malformed: now.malformed.saturating_sub(before.malformed) + self.events.malformed(),
            unknown_device_packets: now.unknown.packets.saturating_sub(before.unknown.packets),
            local_packets: now.local.packets.saturating_sub(before.local.packets),
            flows: now.flows.saturating_sub(before.flows),
            flows_refused: now.flows_refused.saturating_sub(before.flows_refused),
        })
    }
}
