//! Where observations come from: one trait, three real sources.

use crate::CaptureError;
use std::time::Duration;
use vocab::{
    Aggregate, ByteCount, DeviceId, Direction, FlowKey, LinkType, Quality, SourceKind, Timestamp, TrafficClass,
};

/// A frame with the time it passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it passed, by the kernel's (or the file's) clock.
    pub at: Timestamp,
    /// Which interface it passed: the kernel's number, or the place in the file.
    pub interface: u32,
    /// How [`Frame::bytes`] begins.
    pub link_type: LinkType,
    /// Which way, where the source knows: the way through the link, as seen from the device.
    pub direction: Option<Direction>,
    /// The VLAN it was tagged with where the tag is not in [`Frame::bytes`] (the kernel takes it off).
    pub vlan: Option<u16>,
    /// Bytes on the wire, layer 2, of all [`Frame::packets`]: what the kernel merged is counted as it was sent.
    pub wire_len: u32,
    /// How many packets this was on the wire; more than 1 where the kernel merged segments.
    pub packets: u32,
    /// The frame from its first byte, cut off where the source does not keep all of it.
    pub bytes: &'a [u8],
}

/// Bytes and packets that moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes, layer 2.
    pub bytes: ByteCount,
    /// Packets, as they were on the wire.
    pub packets: u64,
}

/// What the kernel counted of one flow since the last reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowCounts {
    /// Which flow.
    pub key: FlowKey,
    /// Whose, if the device has a slot.
    pub device: Option<DeviceId>,
    /// The class the kernel puts it into now.
    pub class: TrafficClass,
    /// How many of its packets had passed when the kernel got that class.
    pub classed_after: u16,
    /// Sent by [`FlowKey::low`] since the last reading.
    pub from_low: Moved,
    /// Sent by [`FlowKey::high`] since the last reading.
    pub from_high: Moved,
    /// When its first packet passed.
    pub first_seen: Timestamp,
    /// When its latest packet passed.
    pub last_seen: Timestamp,
    /// The latest round trip between us and the other end, if it was measured since the last reading.
    pub far_round_trip: Option<Duration>,
}

/// What the kernel counted of one aggregate in one direction since the last reading: exact, whatever became of flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregateCounts {
    /// Whose.
    pub device: DeviceId,
    /// In which class its packets were put.
    pub class: TrafficClass,
    /// Which way.
    pub direction: Direction,
    /// What moved since the last reading.
    pub moved: Moved,
}

/// How the flows of one aggregate fared since the last reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregateQuality {
    /// Whose, and in which class.
    pub aggregate: Aggregate,
    /// Round trips, and what was sent again.
    pub quality: Quality,
}

/// What a source has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation<'a> {
    /// A frame. Where the source [counts by itself](Source::counting), it is evidence only, not volume.
    Frame(Frame<'a>),
    /// The kernel's count of a flow.
    FlowCounts(FlowCounts),
    /// The kernel's count of an aggregate.
    AggregateCounts(AggregateCounts),
    /// What the kernel measured of an aggregate's flows.
    AggregateQuality(&'a AggregateQuality),
}

/// Who adds up bytes and packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Every packet comes as a [`Frame`]: whoever reads them counts.
    ByFrames,
    /// The kernel counts; [`Source::read_counts`] gives the sums, frames are samples.
    ByKernel,
}

/// What a call of [`Source::poll`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// So many observations were handed over; there may be more at once.
    Observed(usize),
    /// Nothing came before the timeout.
    Idle,
    /// The source has ended: a file was read to its end.
    Finished,
}

/// What a source has counted since it was opened: nothing is lost without a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// Packets seen, as they were on the wire.
    pub packets: u64,
    /// Bytes seen, layer 2.
    pub bytes: ByteCount,
    /// Frames handed over.
    pub frames: u64,
    /// Frames the kernel dropped because its ring was full (with eBPF: samples only, all were counted).
    pub dropped_kernel: u64,
    /// Frames or records that could not be read.
    pub malformed: u64,
    /// Packets of no device with a slot, as the kernel saw them when they passed (eBPF only).
    pub unknown_device_packets: u64,
    /// Packets to or from the gateway itself, which are no traffic of the link (eBPF only).
    pub local_packets: u64,
    /// Flows the kernel opened (eBPF only).
    pub flows: u64,
    /// Packets of flows that the kernel's table did not take: counted, but not per flow (eBPF only).
    pub flows_refused: u64,
}

/// Where packets come from.
///
/// A source is owned by one thread and never calls back outside [`Source::poll`] and [`Source::read_counts`].
pub trait Source {
    /// Which of the three it is.
    fn kind(&self) -> SourceKind;

    /// Who adds up bytes and packets.
    fn counting(&self) -> Counting;

    /// Hands over what has come, in the order of time per interface; waits for `timeout` at most if nothing has.
    ///
    /// One call hands over a bounded number of observations, so that its caller stays on time.
    ///
    /// # Errors
    /// The source cannot be read any more: the interface is gone, the file cannot be read.
    fn poll(&mut self, timeout: Duration, sink: &mut dyn FnMut(Observation<'_>)) -> Result<Polled, CaptureError>;

    /// Hands over what the kernel has counted since the last call; nothing where [`Counting::ByFrames`] holds.
    ///
    /// # Errors
    /// The kernel's maps cannot be read.
    fn read_counts(&mut self, sink: &mut dyn FnMut(Observation<'_>)) -> Result<(), CaptureError>;

    /// What was seen and what was lost since the source was opened.
    ///
    /// # Errors
    /// The kernel does not say.
    fn counts(&mut self) -> Result<SourceCounts, CaptureError>;
}
