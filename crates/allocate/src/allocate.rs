//! The division of a link among its devices and their aggregates, in the words of the plan.

use crate::divide::{Claim, ClaimKind, Portion, Settings, Yielding, divide};
use vocab::{Allocation, BitRate, DeviceAllocation, DeviceId, Division, Priority, Tier, TrafficClass, Weight};

/// What one device claims of one direction of a link; layer 2 bit/s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceClaim {
    /// Whose.
    pub device: DeviceId,
    /// The tier of its classes that are not protected.
    pub priority: Priority,
    /// Its part inside the tier.
    pub weight: Weight,
    /// What it gets whenever it asks, as a rate (see [`crate::resolve_guarantee`]).
    pub guarantee: BitRate,
    /// What it never exceeds; [`BitRate::MAX`] for no ceiling.
    pub ceiling: BitRate,
    /// One for each of its active classes, in any order.
    pub aggregates: Vec<AggregateClaim>,
}

/// What one aggregate claims; layer 2 bit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregateClaim {
    /// What for: gives its tier if it is protected, and its order inside the device.
    pub class: TrafficClass,
    /// What it is foreseen to want.
    pub demand: BitRate,
    /// Its own guarantee, from the policy for its class.
    pub guarantee: BitRate,
    /// Its own ceiling; [`BitRate::MAX`] for none.
    pub ceiling: BitRate,
    /// The forecast quantile that asks to be its floor; `None` where the policy wants none. Since no floor
    /// exceeds what the aggregate would get at `demand`, it has no effect beyond `demand`.
    pub forecast_floor: Option<BitRate>,
}

/// Divides `capacity` (one direction of a link, layer 2) among `devices`, by the law of `docs/law.md`.
///
/// Out come the devices in the order of their ids and their aggregates in class order. Forecast floors move
/// floors and nothing else: every rate and every bound is the same without them. While
/// `settings.early_yielding`, download, backup and update are shown in the tiers in which they are then
/// served, after those of the levels in use.
pub fn allocate(capacity: BitRate, devices: &[DeviceClaim], settings: Settings) -> Division {
    let mut in_order: Vec<&DeviceClaim> = devices.iter().collect();
    in_order.sort_by_key(|device| device.device);
    let claims: Vec<Claim> = in_order.iter().map(|device| claim_of(device)).collect();
    let divided = divide(capacity, &claims, settings);
    Division {
        capacity,
        exhausted: divided.exhausted,
        early_yielding: settings.early_yielding,
        devices: in_order
            .into_iter()
            .zip(divided.portions)
            .map(|(device, portion)| allocation_of(device, portion))
            .collect(),
    }
}

fn claim_of(device: &DeviceClaim) -> Claim {
    let aggregates = device
        .aggregates
        .iter()
        .map(|aggregate| Claim {
            weight: Weight::ONE,
            order: aggregate.class.order(),
            guarantee: aggregate.guarantee,
            ceiling: aggregate.ceiling,
            kind: ClaimKind::Aggregate {
                tier: if aggregate.class.is_protected() { Tier::PROTECTED } else { device.priority.tier() },
                demand: aggregate.demand,
                forecast_floor: aggregate.forecast_floor,
                yielding: if aggregate.class.yields_early() { Yielding::Early } else { Yielding::Never },
            },
        })
        .collect();
    Claim {
        weight: device.weight,
        order: 0,
        guarantee: device.guarantee,
        ceiling: device.ceiling,
        kind: ClaimKind::Group(aggregates),
    }
}

fn allocation_of(device: &DeviceClaim, portion: Portion) -> DeviceAllocation {
    let mut aggregates: Vec<Allocation> = device
        .aggregates
        .iter()
        .zip(portion.parts)
        .map(|(aggregate, part)| Allocation {
            class: aggregate.class,
            tier: part.tier,
            demand: part.demand,
            rate: part.rate,
            floor: part.floor,
            guaranteed: part.guaranteed,
            ceiling: part.ceiling,
            bound: part.bound,
        })
        .collect();
    aggregates.sort_by_key(|allocation| allocation.class);
    DeviceAllocation {
        device: device.device,
        demand: portion.demand,
        rate: portion.rate,
        floor: portion.floor,
        guaranteed: portion.guaranteed,
        guarantee: device.guarantee.min(portion.ceiling),
        ceiling: portion.ceiling,
        headroom: portion.headroom,
        aggregates,
    }
}
