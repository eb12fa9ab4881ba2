//! What the engine is told.

use devices::Sighting;
use forecast::Family;
use std::collections::BTreeMap;
use std::sync::Arc;
use vocab::{
    Actor, Aggregate, BitRate, ByteCount, CaptureCounts, DeviceId, DeviceRecord, Directed, Direction, FlowSummary,
    Link, LinkId, OutsideCounts, PathSample, PlanId, Policy, Quality, QueueReading, RuleHits, RuleId, Sample,
    SourceKind, Timestamp, TrafficClass, WeightsInForce,
};

/// What the engine is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// What moved in the last window.
    Samples(Vec<Sample>),
    /// How flows fared in the last window.
    Qualities(Vec<(Aggregate, Quality)>),
    /// Round trips to the internet in the last window.
    PathSamples {
        /// Through which link.
        link: LinkId,
        /// One for each far network that an aggregate talked to, bounded by the sender.
        samples: Vec<PathSample>,
    },
    /// Who has a backlog: who wants more than they get.
    Queues(Vec<QueueReading>),
    /// Open flows, the busiest first, and flows that ended since the last time.
    Flows {
        /// Open, bounded by the sender.
        open: Vec<FlowSummary>,
        /// Ended since the last time.
        ended: Vec<FlowSummary>,
    },
    /// Forecasts are made with other weights from now on.
    Weights {
        /// The weights.
        family: Arc<Family>,
        /// Whose they are.
        in_force: WeightsInForce,
    },
    /// What another predictor says of one class of all devices.
    Outside {
        /// Which class.
        class: TrafficClass,
        /// Which way.
        direction: Direction,
        /// The mean of the 15 s after `at`, layer 2.
        rate: BitRate,
        /// When it was asked.
        at: Timestamp,
    },
    /// How asking another predictor goes.
    OutsideCounts(OutsideCounts),
    /// What each rule did since the daemon started.
    RuleHits(Vec<(RuleId, RuleHits)>),
    /// What the capture has counted since it began.
    Capture(CaptureCounts),
    /// Where packets come from from now on.
    SourceChanged(SourceKind),
    /// The operator wants something else.
    PolicyChanged {
        /// All of it.
        policy: Box<Policy>,
        /// Who said so.
        by: Actor,
    },
    /// A link has other interfaces or another capacity.
    LinkChanged(Link),
    /// A device said or did something.
    DeviceSeen(Sighting),
    /// A device that was not there before sends, and the data path knows it: its queues can be made.
    Arrived(DeviceId),
    /// What the history remembers of earlier runs, told once at the start.
    Remembered {
        /// Devices, with when they were last seen.
        devices: Vec<DeviceRecord>,
        /// The last decision's number: the next ones go on from there.
        last_decision: u64,
        /// The last alert's number.
        last_alert: u64,
    },
    /// What devices moved in earlier runs, in spans of [`forecast::Habit::SPAN_S`] by when they began: told once at the
    /// start, so that their habits are known again. The oldest first.
    Habits(Vec<(Timestamp, BTreeMap<DeviceId, Directed<ByteCount>>)>),
    /// A plan is in force.
    PlanApplied {
        /// Which.
        plan: PlanId,
        /// How many queue classes it changed.
        changes: u32,
        /// The leaf qdisc in use.
        leaf: &'static str,
    },
    /// The shaper kept the old plan; the engine alerts and tries again.
    PlanFailed {
        /// Which.
        plan: PlanId,
        /// What the kernel said.
        reason: String,
    },
    /// Somebody else changed the queues in force: they must be looked after.
    QueuesDisturbed {
        /// Of which link.
        link: LinkId,
        /// What was changed, and where.
        what: String,
    },
    /// The history is no longer written, and why; `None` when it is again.
    Recording(Option<String>),
}
