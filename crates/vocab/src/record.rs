//! Facts kept in history.

use crate::{
    Aggregate, BitRate, Blindness, ByteCount, DeviceId, Directed, Direction, FlowKey, Forecast, HeldBack, LinkId, Mode,
    PlanId, Priority, Quantiles, Sample, Score, Side, Tier, Timestamp, TrafficClass,
};

/// What a flow is for, and how we know.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What it is for.
    pub class: TrafficClass,
    /// The usual name of the protocol or service: `TLS`, `Netflix`; empty if unknown.
    pub application: String,
    /// The name of the server it talks to; empty if unknown.
    pub server_name: String,
    /// From 0 (a guess) to 1 (certain).
    pub confidence: f32,
    /// Why, in words a person understands.
    pub evidence: String,
    /// The fingerprint of the TLS library that began the flow (JA4); empty where there is none.
    pub ja4: String,
    /// What had passed, both ways, when this class was first given: how early the verdict came.
    pub given_after: GivenAfter,
}

/// What of a flow had passed at some moment, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenAfter {
    /// Packets; where the kernel steers, those that had passed before it knew the class.
    pub packets: u32,
    /// Of those, packets with a payload.
    pub payloads: u32,
    /// Layer 2.
    pub bytes: ByteCount,
}

/// One flow with its counters, as it is now or as it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowSummary {
    /// Who talks to whom.
    pub key: FlowKey,
    /// Which end sent the first packet.
    pub initiator: Side,
    /// The local device, where one end is local.
    pub device: Option<DeviceId>,
    /// What it is for.
    pub verdict: Verdict,
    /// Bytes moved; download is towards the local end (or towards the initiator where none is local).
    pub bytes: Directed<ByteCount>,
    /// Packets moved.
    pub packets: Directed<u64>,
    /// When its first packet came.
    pub first_seen: Timestamp,
    /// When its last packet came.
    pub last_seen: Timestamp,
}

/// Who or what a decision or an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// EqualNet itself.
    Service,
    /// A link.
    Link(LinkId),
    /// A class on the whole link.
    Class(TrafficClass),
    /// A device.
    Device(DeviceId),
    /// One class of one device.
    Aggregate(Aggregate),
}

/// Who made a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// EqualNet, by the law.
    Automatic,
    /// A person, by login name.
    Person(String),
    /// The configuration file.
    Configuration,
}

/// What a decision changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionKind {
    /// A device or aggregate gets less than it wants.
    Held,
    /// It is held no longer.
    Released,
    /// A class's floors moved with its forecast.
    Reserved,
    /// Background classes yield before the link is full.
    EarlyYield,
    /// A device got another priority.
    PriorityChanged {
        /// Before.
        from: Priority,
        /// After.
        to: Priority,
    },
    /// Another part of the policy changed.
    PolicyChanged,
    /// Another mode.
    ModeChanged {
        /// Before.
        from: Mode,
        /// After.
        to: Mode,
    },
    /// The link has another capacity.
    CapacityChanged,
}

/// One ground of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// All together want more than there is.
    DemandOverCapacity {
        /// What is wanted.
        demand: BitRate,
        /// What there is.
        capacity: BitRate,
    },
    /// A protected class is foreseen to need this.
    Protect {
        /// Which.
        class: TrafficClass,
        /// What it is foreseen to need.
        need: Quantiles,
    },
    /// The subject's own ceiling.
    OwnCeiling {
        /// The ceiling.
        ceiling: BitRate,
    },
    /// An earlier tier left nothing beyond the floors.
    EarlierTier {
        /// The subject's tier.
        own: Tier,
        /// The tier in which the capacity ran out.
        exhausted: Tier,
    },
    /// Everybody of the tier gets up to this.
    FairShare {
        /// The tier.
        tier: Tier,
        /// Bit/s for a weight of 1.
        level: BitRate,
    },
    /// The forecast moved.
    ForecastMoved {
        /// What is foreseen now.
        need: Quantiles,
    },
    /// The subject wants less now, or others do.
    DemandFell,
    /// Somebody asked for it.
    Asked,
}

/// A part of what the subject gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its floor.
    Guarantee,
    /// Its fair share above the floor.
    Share,
}

/// What EqualNet changed, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Which; grows.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// What changed.
    pub kind: DecisionKind,
    /// About whom.
    pub subject: Subject,
    /// Which way, where it is about one.
    pub direction: Option<Direction>,
    /// What it got or wanted before.
    pub from: BitRate,
    /// What it gets now.
    pub to: BitRate,
    /// The grounds, the strongest first.
    pub because: Vec<Because>,
    /// What `to` is made of.
    pub parts: Vec<(Part, BitRate)>,
    /// By whom.
    pub by: Actor,
}

/// How much an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Someone should look.
    Warning,
    /// Someone must act.
    Critical,
}

/// What an alert tells.
#[derive(Clone, Debug, PartialEq)]
pub enum AlertKind {
    /// The kernel refused a plan; the old one is in force.
    PlanFailed {
        /// What the shaper said.
        reason: String,
    },
    /// The history is no longer written.
    RecordingStopped {
        /// What the store said.
        reason: String,
    },
    /// Packets were seen by the kernel and not by us.
    CaptureLoss {
        /// How many since the last alert.
        packets: u64,
    },
    /// A device that was never seen before.
    NewDevice,
    /// A guarantee was not kept though it was asked for.
    GuaranteeMissed {
        /// What is owed.
        owed: BitRate,
        /// What was measured.
        got: BitRate,
    },
    /// A device moves what it never moves at such a time of the day.
    Unusual {
        /// Which way.
        direction: Direction,
        /// What it moves, a mean over minutes.
        rate: BitRate,
        /// What it rarely exceeds at such a time.
        usual: BitRate,
        /// When that was, in minutes since local midnight.
        minute: u16,
    },
    /// Somebody else changed the queues in force. They were put right, or that was refused, which is another alert.
    QueuesDisturbed {
        /// What was changed, and where.
        what: String,
    },
    /// The delay does not tell how full the link is, so that its capacity cannot be found: it is as stated.
    CapacityBlind {
        /// Why not.
        why: Blindness,
    },
    /// The bounded table of flows evicted flows that were still open.
    FlowTableFull,
}

/// Something a person should know.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Which; grows.
    pub id: u64,
    /// When it began.
    pub at: Timestamp,
    /// How much it matters.
    pub severity: Severity,
    /// What it tells.
    pub kind: AlertKind,
    /// About whom.
    pub subject: Subject,
    /// How often it was raised since it began.
    pub count: u32,
    /// When it ended, if it did.
    pub ended: Option<Timestamp>,
}

/// A forecast whose time has come, beside what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoreRecord {
    /// Of whom.
    pub aggregate: Aggregate,
    /// Which way.
    pub direction: Direction,
    /// Which model spoke.
    pub model: &'static str,
    /// What was said and what came.
    pub score: Score,
}

/// A forecast that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForecastRecord {
    /// Of whom.
    pub aggregate: Aggregate,
    /// Which way.
    pub direction: Direction,
    /// What was said.
    pub forecast: Forecast,
}

/// Who was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Which.
    pub device: DeviceId,
    /// Its name as far as known.
    pub name: String,
    /// Its maker as far as known.
    pub vendor: String,
    /// Its addresses, newest last.
    pub addresses: Vec<std::net::IpAddr>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
}

/// A fact kept in history.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// What moved in one window.
    Samples(Vec<Sample>),
    /// Who was held back in one window.
    HeldBack(Vec<HeldBack>),
    /// A flow that ended.
    Flow(FlowSummary),
    /// Forecasts that were used.
    Forecasts(Vec<ForecastRecord>),
    /// Forecasts whose time has come.
    Scores(Vec<ScoreRecord>),
    /// A plan that was put in force.
    PlanApplied {
        /// Which.
        plan: PlanId,
        /// When.
        at: Timestamp,
        /// How many queue classes it changed.
        changes: u32,
    },
    /// What was changed, and why.
    Decision(Decision),
    /// What a person should know; the same id again updates it.
    Alert(Alert),
    /// Who was seen; the same id again updates it.
    Device(DeviceRecord),
}
