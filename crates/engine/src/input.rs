//! What the engine is told.

use devices::Sighting;
use vocab::{
    Actor, BitRate, CaptureCounts, DeviceId, DeviceRecord, Directed, FlowSummary, Guarantee, Link, PlanId, Policy,
    Priority, QueueReading, Sample, SourceKind, Weight,
};

/// What the engine is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// What moved in the last window.
    Samples(Vec<Sample>),
    /// Who has a backlog: who wants more than they get.
    Queues(Vec<QueueReading>),
    /// Open flows, the busiest first, and flows that ended since the last time.
    Flows {
        /// Open, bounded by the sender.
        open: Vec<FlowSummary>,
        /// Ended since the last time.
        ended: Vec<FlowSummary>,
    },
    /// What the capture has counted since it began.
    Capture(CaptureCounts),
    /// Where packets come from from now on.
    SourceChanged(SourceKind),
    /// The operator wants something else.
    PolicyChanged {
        /// All of it.
        policy: Policy,
        /// Who said so.
        by: Actor,
    },
    /// A link has other interfaces or another capacity.
    LinkChanged(Link),
    /// A device said or did something.
    DeviceSeen(Sighting),
    /// Devices known from the history, told once at the start.
    DevicesKnown(Vec<DeviceRecord>),
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
    /// The history is no longer written, and why; `None` when it is again.
    Recording(Option<String>),
}

/// A change of what one device is owed; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DevicePatch {
    /// The name people give it; `Some(None)` for the name it gives itself.
    pub name: Option<Option<String>>,
    /// Another priority.
    pub priority: Option<Priority>,
    /// Another weight.
    pub weight: Option<Weight>,
    /// Another guarantee.
    pub guarantee: Option<Directed<Guarantee>>,
    /// Another ceiling.
    pub ceiling: Option<Directed<BitRate>>,
}

impl DevicePatch {
    /// `policy` with this change, and the change that would undo it.
    pub fn apply(&self, policy: &Policy, device: DeviceId) -> (Policy, DevicePatch) {
        let mut changed = policy.clone();
        let default_share = changed.default_share;
        let known = changed
            .devices
            .entry(device)
            .or_insert_with(|| vocab::DevicePolicy { share: default_share, ..vocab::DevicePolicy::default() });
        let undo = DevicePatch {
            name: self.name.as_ref().map(|_| known.name.clone()),
            priority: self.priority.map(|_| known.share.priority),
            weight: self.weight.map(|_| known.share.weight),
            guarantee: self.guarantee.map(|_| known.share.guarantee),
            ceiling: self.ceiling.map(|_| known.share.ceiling),
        };
        if let Some(name) = &self.name {
            known.name.clone_from(name);
        }
        known.share.priority = self.priority.unwrap_or(known.share.priority);
        known.share.weight = self.weight.unwrap_or(known.share.weight);
        known.share.guarantee = self.guarantee.unwrap_or(known.share.guarantee);
        known.share.ceiling = self.ceiling.unwrap_or(known.share.ceiling);
        (changed, undo)
    }
}
