//! Everything the UI shows, at one instant.

use crate::{
    Alert, BitRate, Bound, ByteCount, Decision, DeviceId, Directed, Fare, Finding, FlowSummary, Forecast, Graded, Link,
    Mode, ModelStanding, OutsideCounts, Plan, Priority, RuleHits, RuleId, Share, Timestamp, TrafficClass,
};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where packets come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceKind {
    /// The kernel counts, by eBPF.
    #[default]
    Ebpf,
    /// Every frame is read from an AF_PACKET ring.
    AfPacket,
    /// A capture file is replayed.
    File,
}

impl SourceKind {
    /// `ebpf`, `af_packet` or `file`.
    pub const fn name(self) -> &'static str {
        match self {
            SourceKind::Ebpf => "ebpf",
            SourceKind::AfPacket => "af_packet",
            SourceKind::File => "file",
        }
    }
}

/// What the capture has counted since it began: nothing is lost without a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureCounts {
    /// Packets seen, as they were on the wire.
    pub packets: u64,
    /// Bytes seen, layer 2.
    pub bytes: ByteCount,
    /// Dropped by the kernel because a ring was full.
    pub dropped_kernel: u64,
    /// Dropped by us because a channel was full.
    pub dropped_channel: u64,
    /// Frames that could not be parsed.
    pub malformed: u64,
    /// Flows opened.
    pub flows: u64,
    /// Flows evicted while they were still open, because the table was full.
    pub flows_evicted: u64,
    /// Times that verdicts could not be written for the kernel; what failed is tried again while its flow lasts.
    pub verdicts_failed: u64,
}

/// How a queue does, over the last window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Bytes waiting now.
    pub backlog: ByteCount,
    /// Packets dropped in the last window.
    pub drops: u64,
    /// Packets dropped since the queue was made.
    pub drops_total: u64,
}

/// One class on the whole link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassSnapshot {
    /// Which.
    pub class: TrafficClass,
    /// What it moved in the last window.
    pub usage: Directed<BitRate>,
    /// What it is foreseen to want.
    pub forecast: Directed<Option<Forecast>>,
    /// Who says so, and how loud.
    pub models: Directed<Vec<ModelStanding>>,
    /// The sum of its floors in force.
    pub reserved: Directed<BitRate>,
    /// What its queues hold.
    pub queue: Directed<QueueState>,
    /// Flows that moved something in the last window.
    pub flows: u32,
    /// What queues, ours too, add to its round trips while the link is busy.
    pub graded: Option<Graded>,
}

/// One link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSnapshot {
    /// Which, with its capacity.
    pub link: Link,
    /// What it moved in the last window.
    pub usage: Directed<BitRate>,
    /// What is foreseen for all of it together.
    pub forecast: Directed<Option<Forecast>>,
    /// Who says so, and how loud.
    pub models: Directed<Vec<ModelStanding>>,
    /// One for each class, in class order.
    pub classes: Vec<ClassSnapshot>,
    /// The plan in force (in suggest mode: the one that would be).
    pub plan: Option<Arc<Plan>>,
    /// Plans put in force since the start.
    pub plans_applied: u64,
    /// Whether the kernel does what the plan says.
    pub shaping: Shaping,
    /// How the search for its capacity stands, where that is not known.
    pub findings: Directed<Option<Finding>>,
    /// What it adds to round trips beyond us, in the last second that told.
    pub added: Option<Duration>,
    /// The same while it was busy, over the last minutes; `None` while too little of that was seen.
    pub graded: Option<Graded>,
}

/// Whether the kernel does what the plan says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shaping {
    /// Not asked to.
    #[default]
    Off,
    /// In force, with this leaf qdisc (`cake`, `fq_codel`, `bfifo`).
    On {
        /// The leaf qdisc.
        leaf: &'static str,
    },
    /// Refused by the kernel.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Whether a device is held back in one direction, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What it would want.
    pub demand: BitRate,
    /// What it gets.
    pub rate: BitRate,
    /// What bounds it.
    pub bound: Bound,
}

/// Whether a device does what it usually does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Habits {
    /// Nobody asks: it moved nothing yet, there are too many devices, or it is switched off.
    #[default]
    Unwatched,
    /// Too little was seen to call anything unusual: the first days.
    Learning,
    /// It does what it usually does.
    Kept,
    /// It does what it never does; there is an alert.
    Broken,
}

impl Habits {
    /// `unwatched`, `learning`, `kept` or `broken`.
    pub const fn name(self) -> &'static str {
        match self {
            Habits::Unwatched => "unwatched",
            Habits::Learning => "learning",
            Habits::Kept => "kept",
            Habits::Broken => "broken",
        }
    }
}

/// One device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceSnapshot {
    /// Which.
    pub device: DeviceId,
    /// Its name: given by people, else by itself, else its address.
    pub name: String,
    /// Its maker; empty if unknown.
    pub vendor: String,
    /// What it is (`phone`, `tv`…); empty if unknown.
    pub kind: String,
    /// Its addresses, newest last.
    pub addresses: Vec<IpAddr>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it last moved something.
    pub last_seen: Timestamp,
    /// What it is owed.
    pub share: Share,
    /// What each class of it moved in the last window, in class order.
    pub classes: [Directed<BitRate>; TrafficClass::COUNT],
    /// What all of it is foreseen to want.
    pub forecast: Directed<Option<Forecast>>,
    /// Who says so, and how loud; empty of a device that moved nothing for a minute.
    pub models: Directed<Vec<ModelStanding>>,
    /// What it gets: what the plan gives it with the headroom it could take (`rate + headroom`, up to its ceiling),
    /// or what it moves, where others lend it more than that.
    pub allocation: Directed<BitRate>,
    /// Whether it is held back.
    pub hold: Directed<Option<Hold>>,
    /// Moved since midnight UTC or since the start, whichever is later.
    pub volume_today: Directed<ByteCount>,
    /// Whether it does what it usually does.
    pub habits: Habits,
    /// How its flows fare.
    pub fare: Fare,
    /// The same of each class that was measured lately, in class order.
    pub class_fares: Vec<(TrafficClass, Fare)>,
    /// Open flows.
    pub flows: u32,
}

impl DeviceSnapshot {
    /// What all of it moved in the last window.
    pub fn usage(&self) -> Directed<BitRate> {
        self.classes.iter().fold(Directed::default(), |sum, rate| sum + *rate)
    }

    /// Its priority.
    pub fn priority(&self) -> Priority {
        self.share.priority
    }
}

/// Which weights forecasts are made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WeightsInForce {
    /// Those that ship.
    #[default]
    Shipped,
    /// This network's own, learnt from its history.
    Own {
        /// When they were learnt.
        since: Timestamp,
    },
    /// Those that ship, because this network's own cannot be used.
    Refused {
        /// Why not.
        reason: String,
    },
}

/// Everything the UI shows, at one instant, immutable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Grows by one with each snapshot.
    pub sequence: u64,
    /// When it was taken.
    pub at: Timestamp,
    /// When this run began.
    pub started: Timestamp,
    /// What EqualNet does about what it sees.
    pub mode: Mode,
    /// Where packets come from.
    pub source: SourceKind,
    /// What was counted and what was lost.
    pub capture: CaptureCounts,
    /// All links, in the order of the configuration.
    pub links: Vec<LinkSnapshot>,
    /// All devices known, in the order of their ids.
    pub devices: Vec<DeviceSnapshot>,
    /// The busiest open flows and the latest ended ones, bounded.
    pub flows: Arc<[FlowSummary]>,
    /// The latest decisions, newest last, bounded.
    pub decisions: Arc<[Decision]>,
    /// Alerts that are open, and the latest that ended, newest last, bounded.
    pub alerts: Arc<[Alert]>,
    /// What each rule did; one that is absent never matched.
    pub rule_hits: Arc<[(RuleId, RuleHits)]>,
    /// How asking another predictor goes; `None` where there is none.
    pub outside: Option<OutsideCounts>,
    /// Share of the mature forecasts of the last hour that were not exceeded at P90, in thousandths
    /// (900 is perfect); `None` while there are too few.
    pub hit_permille: Option<u16>,
    /// Which weights forecasts are made with.
    pub weights: WeightsInForce,
}
