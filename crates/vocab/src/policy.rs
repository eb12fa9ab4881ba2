//! What the operator wants.

use crate::{BitRate, DeviceId, Directed, Quantile, Rule, TrafficClass};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What EqualNet does about what it sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Measures, touches nothing.
    #[default]
    Observe,
    /// Shows the plan it would apply.
    Suggest,
    /// Applies its plans.
    Control,
}

impl Mode {
    /// `observe`, `suggest` or `control`.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Observe => "observe",
            Mode::Suggest => "suggest",
            Mode::Control => "control",
        }
    }

    /// The mode named `word`.
    pub fn from_name(word: &str) -> Option<Mode> {
        [Mode::Observe, Mode::Suggest, Mode::Control].into_iter().find(|mode| mode.name() == word)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many levels of priority the operator uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PriorityLevels {
    /// 1 Critical, 2 High, 3 Normal, 4 Low, 5 Background.
    #[default]
    Five,
    /// 1 to 10.
    Ten,
}

impl PriorityLevels {
    /// The number of the last level.
    pub const fn last(self) -> u8 {
        match self {
            PriorityLevels::Five => 5,
            PriorityLevels::Ten => 10,
        }
    }
}

/// How much an operator cares: 1 is the most important, 10 the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// Where everybody starts: the middle of five levels.
    pub const NORMAL: Priority = Priority(3);

    /// A priority from 1 to 10.
    pub const fn new(level: u8) -> Option<Priority> {
        if level >= 1 && level <= 10 { Some(Priority(level)) } else { None }
    }

    /// Its number.
    pub const fn level(self) -> u8 {
        self.0
    }

    /// The only place where a priority becomes a tier: 1 is served first of those that are not protected.
    pub const fn tier(self) -> Tier {
        Tier(self.0)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who is served before whom on what the floors leave: 0 for protected classes, else the device's priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tier(u8);

impl Tier {
    /// The tier of the protected classes.
    pub const PROTECTED: Tier = Tier(0);
    /// The last tier.
    pub const LAST: Tier = Tier(10);

    /// A tier from 0 to 10.
    pub const fn new(number: u8) -> Option<Tier> {
        if number <= 10 { Some(Tier(number)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A relative share inside a tier, in thousandths; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u32);

impl Weight {
    /// 1, the weight everybody starts with.
    pub const ONE: Weight = Weight(1_000);

    /// A weight from 0.001 to 1000, in thousandths.
    pub const fn from_thousandths(thousandths: u32) -> Option<Weight> {
        if thousandths >= 1 && thousandths <= 1_000_000 { Some(Weight(thousandths)) } else { None }
    }

    /// A weight from 0.001 to 1000; no weight for anything else.
    pub fn from_ratio(ratio: f64) -> Option<Weight> {
        if ratio.is_finite() && (0.001..=1000.0).contains(&ratio) {
            Self::from_thousandths((ratio * 1_000.0).round() as u32)
        } else {
            None
        }
    }

    /// In thousandths.
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Weight {
        Weight::ONE
    }
}

/// The rate an aggregate or device gets whenever it asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guarantee {
    /// None of its own.
    #[default]
    None,
    /// A rate; refused where the sum would exceed the capacity.
    Absolute(BitRate),
    /// Thousandths of the capacity; shared out where percentages add up to more than all.
    Permille(u16),
}

/// As it is written in the configuration: `4 Mbit/s`, `10 %`; nothing for none.
impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Guarantee::None => Ok(()),
            Guarantee::Absolute(rate) => f.write_str(&rate.exactly()),
            Guarantee::Permille(permille) if permille % 10 == 0 => write!(f, "{} %", permille / 10),
            Guarantee::Permille(permille) => write!(f, "{}.{} %", permille / 10, permille % 10),
        }
    }
}

/// Text that is no guarantee.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no guarantee: say a rate (`4 Mbit/s`), a part of the capacity (`10 %`, at most 100), or nothing")]
pub struct InvalidGuarantee(pub String);

impl FromStr for Guarantee {
    type Err = InvalidGuarantee;
    fn from_str(text: &str) -> Result<Guarantee, InvalidGuarantee> {
        let invalid = || InvalidGuarantee(text.to_owned());
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Ok(Guarantee::None);
        }
        match trimmed.strip_suffix('%') {
            Some(percent) => match crate::units::scaled(percent.trim_end(), 10) {
                Some(permille @ 0..=1_000) => Ok(Guarantee::Permille(permille as u16)),
                _ => Err(invalid()),
            },
            None => trimmed.parse().map(Guarantee::Absolute).map_err(|_| invalid()),
        }
    }
}

/// What a device is owed: a guarantee, a ceiling, a priority and a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its tier among all devices.
    pub priority: Priority,
    /// Its part inside the tier.
    pub weight: Weight,
    /// What it gets whenever it asks.
    pub guarantee: Directed<Guarantee>,
    /// What it never exceeds; [`BitRate::MAX`] for no ceiling.
    pub ceiling: Directed<BitRate>,
}

impl Default for Share {
    fn default() -> Share {
        Share {
            priority: Priority::NORMAL,
            weight: Weight::ONE,
            guarantee: Directed::default(),
            ceiling: Directed { download: BitRate::MAX, upload: BitRate::MAX },
        }
    }
}

/// What the operator says of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DevicePolicy {
    /// The name people gave it; `None` leaves it to what the device says.
    pub name: Option<String>,
    /// What it is owed.
    pub share: Share,
    /// Guarantees for single classes of it.
    pub classes: BTreeMap<TrafficClass, Directed<BitRate>>,
}

/// What the operator says of one class, for every device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassPolicy {
    /// What each device's aggregate of this class gets whenever it asks.
    pub guarantee: Directed<BitRate>,
    /// The forecast quantile that becomes its floor; `None` for classes that get no forecast floor.
    pub floor_quantile: Option<Quantile>,
}

impl ClassPolicy {
    /// What docs/law.md gives `class`: P99 for protected classes, P90 for web, streaming and work.
    pub fn default_for(class: TrafficClass) -> ClassPolicy {
        let floor_quantile = match class {
            TrafficClass::Voice | TrafficClass::Call | TrafficClass::Gaming | TrafficClass::Interactive => {
                Some(Quantile::P99)
            }
            TrafficClass::Web | TrafficClass::Streaming | TrafficClass::Work | TrafficClass::Unclassified => {
                Some(Quantile::P90)
            }
            TrafficClass::Download | TrafficClass::Backup | TrafficClass::Update => None,
        };
        ClassPolicy { guarantee: Directed::default(), floor_quantile }
    }
}

/// What the operator wants: a share per device and class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What to do about it.
    pub mode: Mode,
    /// How many priorities there are to choose from.
    pub levels: PriorityLevels,
    /// What a device is owed that nobody spoke of.
    pub default_share: Share,
    /// What single devices are owed.
    pub devices: BTreeMap<DeviceId, DevicePolicy>,
    /// What each class is owed, in the order of [`TrafficClass::ALL`].
    pub classes: [ClassPolicy; TrafficClass::COUNT],
    /// How much of the capacity protected traffic may take beyond its floors, in thousandths.
    pub protected_permille: u16,
    /// The part of the capacity above which a foreseen demand makes background classes yield, in thousandths.
    pub early_yield_permille: u16,
    /// What people know better of single flows, in the order in which they are asked: the first that fits wins.
    pub rules: Arc<[Rule]>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            mode: Mode::default(),
            levels: PriorityLevels::default(),
            default_share: Share::default(),
            devices: BTreeMap::new(),
            classes: TrafficClass::ALL.map(ClassPolicy::default_for),
            protected_permille: 500,
            early_yield_permille: 800,
            rules: Arc::default(),
        }
    }
}

/// A policy that cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefused {
    /// The absolute guarantees are more than the link has.
    #[error(
        "the guarantees for {direction} add up to {sum}, but the link has {capacity}; there is room for {room} more"
    )]
    GuaranteesExceedCapacity {
        /// Which way.
        direction: crate::Direction,
        /// What was asked for, in all.
        sum: BitRate,
        /// What there is.
        capacity: BitRate,
        /// What is left without the last change.
        room: BitRate,
    },
    /// A guarantee above the same device's ceiling.
    #[error("{device}: the guarantee of {guarantee} for {direction} is above its ceiling of {ceiling}")]
    GuaranteeAboveCeiling {
        /// Whose.
        device: DeviceId,
        /// Which way.
        direction: crate::Direction,
        /// What was asked for.
        guarantee: BitRate,
        /// What bounds it.
        ceiling: BitRate,
    },
    /// A priority outside the levels in use.
    #[error("priority {priority} is outside 1 to {last}")]
    PriorityOutOfRange {
        /// What was asked for.
        priority: u8,
        /// The last level in use.
        last: u8,
    },
}

impl Policy {
    /// What `device` is owed.
    pub fn share_of(&self, device: DeviceId) -> Share {
        self.devices.get(&device).map_or(self.default_share, |policy| policy.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guarantees_survive_their_text() {
        for (text, guarantee) in [
            ("", Guarantee::None),
            ("4 Mbit/s", Guarantee::Absolute(BitRate::from_mbps(4))),
            ("10 %", Guarantee::Permille(100)),
            ("12.5 %", Guarantee::Permille(125)),
            ("100 %", Guarantee::Permille(1_000)),
        ] {
            assert_eq!(text.parse(), Ok(guarantee), "{text}");
            assert_eq!(guarantee.to_string(), text);
        }
        assert_eq!("10%".parse(), Ok(Guarantee::Permille(100)));
        for text in ["101 %", "-1 %", "%", "4", "half", "4 MB/s"] {
            assert!(text.parse::<Guarantee>().is_err(), "{text}");
        }
    }
}

/// A change of what one device is owed; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
            .or_insert_with(|| DevicePolicy { share: default_share, ..DevicePolicy::default() });
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
