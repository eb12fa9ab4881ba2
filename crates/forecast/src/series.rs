//! What is forecast.

use vocab::{Aggregate, DeviceId, Direction, LinkId, TrafficClass};

/// What is forecast, in one direction. Totals are series of their own, because quantiles do not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Series {
    /// One class of one device.
    Aggregate(Aggregate, Direction),
    /// All classes of one device.
    Device(DeviceId, Direction),
    /// One class of all devices.
    Class(TrafficClass, Direction),
    /// Everything.
    Link(LinkId, Direction),
}

impl Series {
    /// Which way.
    pub const fn direction(self) -> Direction {
        match self {
            Series::Aggregate(_, direction)
            | Series::Device(_, direction)
            | Series::Class(_, direction)
            | Series::Link(_, direction) => direction,
        }
    }

    /// What its errors are pooled with until it has its own: series of the same class, or totals.
    pub(crate) const fn pool(self) -> usize {
        match self {
            Series::Aggregate(aggregate, _) => aggregate.class.index(),
            Series::Class(class, _) => class.index(),
            Series::Device(..) => TrafficClass::COUNT,
            Series::Link(..) => TrafficClass::COUNT + 1,
        }
    }

    /// How many pools there are.
    pub(crate) const POOLS: usize = TrafficClass::COUNT + 2;
}
