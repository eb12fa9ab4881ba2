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

/// What sort of series it is: all that a model is told of whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One class of one device.
    Aggregate(TrafficClass),
    /// All classes of one device.
    Device,
    /// One class of all devices.
    Class(TrafficClass),
    /// Everything.
    Link,
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

    /// Whose it is, where it is of one device.
    pub const fn device(self) -> Option<DeviceId> {
        match self {
            Series::Aggregate(aggregate, _) => Some(aggregate.device),
            Series::Device(device, _) => Some(device),
            Series::Class(..) | Series::Link(..) => None,
        }
    }

    /// Its sort.
    pub const fn kind(self) -> Kind {
        match self {
            Series::Aggregate(aggregate, _) => Kind::Aggregate(aggregate.class),
            Series::Device(..) => Kind::Device,
            Series::Class(class, _) => Kind::Class(class),
            Series::Link(..) => Kind::Link,
        }
    }
}

impl Kind {
    /// Its class, where it has one.
    pub const fn class(self) -> Option<TrafficClass> {
        match self {
            Kind::Aggregate(class) | Kind::Class(class) => Some(class),
            Kind::Device | Kind::Link => None,
        }
    }

    /// Whether all devices are in it.
    pub const fn is_of_all(self) -> bool {
        match self {
            Kind::Class(_) | Kind::Link => true,
            Kind::Aggregate(_) | Kind::Device => false,
        }
    }

    /// What its errors are pooled with until it has its own: series of the same class, or totals.
    pub(crate) const fn pool(self) -> usize {
        match self {
            Kind::Aggregate(class) | Kind::Class(class) => class.index(),
            Kind::Device => TrafficClass::COUNT,
            Kind::Link => TrafficClass::COUNT + 1,
        }
    }

    /// How many pools there are.
    pub(crate) const POOLS: usize = TrafficClass::COUNT + 2;
}
