//! What the control loop is asked, and what it answers.
//!
//! The API changes nothing by itself: it sends a [`Request`] and waits for the reply. Whoever receives a
//! request answers it once; a dropped reply is answered to the caller as "busy".

use std::sync::Arc;
use tokio::sync::oneshot;
use vocab::{
    BitRate, DeviceId, DevicePatch, Directed, FlowSummary, Mode, Policy, PolicyRefused, Rule, RuleId, RuleRefused,
    RuleScope, TrafficClass,
};

/// Where an answer goes. Sending never blocks; nobody may be waiting any more.
pub type Reply<T> = oneshot::Sender<Result<T, Refused>>;

/// What the control loop is asked.
#[derive(Debug)]
pub enum Request {
    /// Another mode.
    SetMode {
        /// Which.
        mode: Mode,
        /// Who asks, by login name (`root` for the local socket).
        by: String,
        /// Answered when the mode is saved and in force.
        reply: Reply<()>,
    },
    /// Another share or name for one device.
    ChangeDevice {
        /// Which.
        device: DeviceId,
        /// What to change.
        patch: DevicePatch,
        /// Who asks, by login name (`root` for the local socket).
        by: String,
        /// Answered when the policy is saved and the link divided anew.
        reply: Reply<Effect>,
    },
    /// What such a change would mean; nothing is changed.
    PreviewDevice {
        /// Which.
        device: DeviceId,
        /// What would be changed.
        patch: DevicePatch,
        /// Answered with the division that would be.
        reply: Reply<Effect>,
    },
    /// One more rule, before all others.
    AddRule {
        /// Without a number of its own; the answer has one.
        rule: Box<Rule>,
        /// Who asks, by login name (`root` for the local socket).
        by: String,
        /// Answered with the rule when it is saved and in force.
        reply: Reply<Rule>,
    },
    /// Another text for a rule by hand, in its place.
    ReplaceRule {
        /// Under the number of the one it replaces.
        rule: Box<Rule>,
        /// Who asks, by login name (`root` for the local socket).
        by: String,
        /// Answered with the rule when it is saved and in force.
        reply: Reply<Rule>,
    },
    /// A rule by hand is taken away.
    RemoveRule {
        /// Which.
        rule: RuleId,
        /// Who asks, by login name (`root` for the local socket).
        by: String,
        /// Answered when it is gone.
        reply: Reply<()>,
    },
    /// A flow is of another class, and others like it too: that becomes a rule.
    Reclassify {
        /// Which.
        flow: Box<FlowSummary>,
        /// What it is for.
        class: TrafficClass,
        /// For whom.
        scope: RuleScope,
        /// Who asks, by login name (`root` for the local socket).
        by: String,
        /// Answered with the rule when it is saved and in force.
        reply: Reply<Rule>,
    },
}

/// Whom a change gives what, at the demand foreseen now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Whether it is in force.
    pub standing: Standing,
    /// Devices whose rate it changes, in any order.
    pub devices: Vec<DeviceEffect>,
    /// What would undo it; `None` for a preview.
    pub undo: Option<DevicePatch>,
}

/// Whether a change is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Applied,
    /// It was only computed.
    Previewed,
}

/// What a change means for one device, layer 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceEffect {
    /// Which.
    pub device: DeviceId,
    /// What the plan gave it.
    pub before: Directed<BitRate>,
    /// What the plan gives it.
    pub after: Directed<BitRate>,
}

/// Why the control loop does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The policy could not hold.
    #[error(transparent)]
    Policy(#[from] PolicyRefused),
    /// There is no room for such a rule.
    #[error(transparent)]
    Rule(#[from] RuleRefused),
    /// Nobody wrote it by hand.
    #[error("there is no rule {0} that was set by hand")]
    UnknownRule(RuleId),
    /// Nobody ever saw it.
    #[error("no device {0} was ever seen")]
    UnknownDevice(DeviceId),
    /// Something else stands against it: what, in words of the operator.
    #[error("{0}")]
    Other(String),
}

/// What another policy would have meant for what was recorded.
#[derive(Clone, Debug)]
pub struct WhatIfAsked {
    /// The last part of the history, such as `1h`.
    pub since: String,
    /// The policy in force.
    pub in_force: Arc<Policy>,
    /// A whole other policy, as a configuration file has it.
    pub text: Option<String>,
    /// What is to be other for single devices.
    pub devices: Vec<(DeviceId, DevicePatch)>,
    /// What the link is to carry instead, layer 2.
    pub capacity: Directed<Option<BitRate>>,
}

/// Why that is not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhatIfRefused {
    /// Something of it makes no sense: what.
    #[error("{0}")]
    Unreadable(String),
    /// The other policy could not hold: why.
    #[error("{0}")]
    CannotHold(String),
    /// There is no such history.
    #[error("Nothing was recorded in that time.")]
    NothingRecorded,
    /// It would take a core for too long.
    #[error("That takes too long. Ask for a shorter time, or use `equalnet replay` on the machine itself.")]
    TooLong,
    /// The history cannot be read.
    #[error("{0}")]
    Failed(String),
}
