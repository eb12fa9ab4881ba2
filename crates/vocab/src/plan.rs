//! What the kernel should do.

use crate::{BitRate, DeviceId, Directed, LinkId, Tier, Timestamp, TrafficClass};

/// Which plan; grows with each one made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanId(pub u64);

/// What bounded an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// It wants no more.
    Demand,
    /// Its own ceiling.
    Ceiling,
    /// The ceiling of its device.
    DeviceCeiling,
    /// The part of the capacity that protected traffic may take beyond its floors.
    ProtectedCeiling,
    /// The tiers ran out before it: its guarantee is all it gets.
    Guarantee,
    /// Its tier ran out at this level (bit/s for a weight of 1).
    Share {
        /// The tier that was divided.
        tier: Tier,
        /// The level up to which everybody of the tier was filled.
        level: BitRate,
    },
}

impl Bound {
    /// Its word in the API and in files: `demand`, `ceiling`, `device_ceiling`, `protected_ceiling`,
    /// `guarantee`, `share`.
    pub const fn name(self) -> &'static str {
        match self {
            Bound::Demand => "demand",
            Bound::Ceiling => "ceiling",
            Bound::DeviceCeiling => "device_ceiling",
            Bound::ProtectedCeiling => "protected_ceiling",
            Bound::Guarantee => "guarantee",
            Bound::Share { .. } => "share",
        }
    }
}

/// What the law gives one aggregate at the demand foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Of which class.
    pub class: TrafficClass,
    /// Who is served before it.
    pub tier: Tier,
    /// What it is foreseen to want.
    pub demand: BitRate,
    /// What it gets at that demand: floor included, headroom left out.
    pub rate: BitRate,
    /// What is served before anybody borrows (HTB `rate`).
    pub floor: BitRate,
    /// What the floor would be without forecasts: owed by its guarantee or its device's. The floor can be less where
    /// the device's guarantee is kept by what is foreseen for its other classes.
    pub guaranteed: BitRate,
    /// What it never exceeds (HTB `ceil`).
    pub ceiling: BitRate,
    /// What bounded it.
    pub bound: Bound,
}

/// What the law gives one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAllocation {
    /// Whose.
    pub device: DeviceId,
    /// The sum of what its aggregates want.
    pub demand: BitRate,
    /// The sum of what its aggregates get.
    pub rate: BitRate,
    /// Its floor, at least the sum of its aggregates' floors.
    pub floor: BitRate,
    /// What the floor would be without forecasts: owed by guarantees, its own or its classes'.
    pub guaranteed: BitRate,
    /// What it is owed whenever it asks, though it asks for nothing now.
    pub guarantee: BitRate,
    /// What it never exceeds.
    pub ceiling: BitRate,
    /// What nobody asked for and it could take, up to its ceiling. No promise.
    pub headroom: BitRate,
    /// One for each of its active classes, in class order.
    pub aggregates: Vec<Allocation>,
}

/// How one direction of a link is divided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Division {
    /// What there was to divide.
    pub capacity: BitRate,
    /// The tier in which it ran out, if it did.
    pub exhausted: Option<Tier>,
    /// Whether background classes lost their floors because the link is foreseen to be full.
    pub early_yielding: bool,
    /// Everybody's part, in the order of their ids.
    pub devices: Vec<DeviceAllocation>,
}

/// All allocations of a link at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Which.
    pub id: PlanId,
    /// Of which link.
    pub link: LinkId,
    /// When it was made.
    pub at: Timestamp,
    /// Both ways.
    pub directions: Directed<Division>,
}
