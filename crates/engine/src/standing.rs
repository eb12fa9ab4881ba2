//! The plan that holds without anybody who watches: guarantees, ceilings, tiers and weights from the policy, as if
//! everybody wanted everything.

use allocate::{AggregateClaim, DeviceClaim, Settings, allocate, resolve_guarantee};
use std::collections::{BTreeMap, BTreeSet};
use vocab::{
    BitRate, DeviceId, Directed, Direction, Division, Link, Plan, PlanId, Policy, Tier, Timestamp, TrafficClass, Weight,
};

/// A plan for `link` that stays right while nobody makes another: `devices` with the classes for which each is to have a
/// queue; one for what is not recognised is always among them.
///
/// Floors are guarantees and nothing else, percentages shared out among all of `devices`. What is left goes by tier, in
/// the kernel, and inside each tier by weight: each aggregate is given the part of the capacity that its device would
/// have if its tier alone wanted something, which is what turns are made of.
pub fn standing_plan(
    policy: &Policy,
    link: &Link,
    devices: &BTreeMap<DeviceId, BTreeSet<TrafficClass>>,
    at: Timestamp,
) -> Plan {
    let directions = Directed::from_fn(|direction| {
        let claims: Vec<DeviceClaim> =
            devices.iter().map(|(&id, classes)| claim(policy, link, direction, id, classes, devices.len())).collect();
        let settings =
            Settings { protected_permille: policy.protected_permille, early_yielding: false, levels: policy.levels };
        let mut division = allocate(link.capacity()[direction], &claims, settings);
        let weights = claims.iter().map(|claim| (claim.device, claim.weight)).collect();
        share_out_each_tier(&mut division, &weights);
        division
    });
    Plan { id: PlanId::default(), link: link.id, at, directions }
}

fn claim(
    policy: &Policy,
    link: &Link,
    direction: Direction,
    id: DeviceId,
    classes: &BTreeSet<TrafficClass>,
    sharers: usize,
) -> DeviceClaim {
    let (capacity, share) = (link.capacity()[direction], policy.share_of(id));
    let own = policy.devices.get(&id);
    let queued = TrafficClass::ALL.into_iter();
    let queued = queued.filter(|class| *class == TrafficClass::Unclassified || classes.contains(class));
    DeviceClaim {
        device: id,
        priority: share.priority,
        weight: share.weight,
        guarantee: resolve_guarantee(share.guarantee[direction], capacity, sharers),
        ceiling: share.ceiling[direction],
        aggregates: queued
            .map(|class| AggregateClaim {
                class,
                demand: capacity,
                guarantee: own
                    .and_then(|own| own.classes.get(&class))
                    .map_or(policy.classes[class.index()].guarantee[direction], |own| own[direction]),
                ceiling: BitRate::MAX,
                forecast_floor: None,
            })
            .collect(),
    }
}

/// Gives each aggregate, beyond its floor, the part that its device has of its tier.
fn share_out_each_tier(division: &mut Division, weights: &BTreeMap<DeviceId, Weight>) {
    let weight_of = |device| u64::from(weights.get(&device).copied().unwrap_or(Weight::ONE).thousandths());
    let mut of_tiers: BTreeMap<Tier, u64> = BTreeMap::new();
    for device in &division.devices {
        let tiers: BTreeSet<Tier> = device.aggregates.iter().map(|allocation| allocation.tier).collect();
        for tier in tiers {
            let sum = of_tiers.entry(tier).or_default();
            *sum = sum.saturating_add(weight_of(device.device));
        }
    }
    let capacity = division.capacity;
    for device in &mut division.devices {
        let own = weight_of(device.device);
        let mut of_device = BTreeMap::<Tier, u64>::new();
        for allocation in &device.aggregates {
            *of_device.entry(allocation.tier).or_default() += 1;
        }
        for allocation in &mut device.aggregates {
            let all = of_tiers.get(&allocation.tier).copied().unwrap_or(own).max(1);
            let beside = of_device.get(&allocation.tier).copied().unwrap_or(1).max(1);
            let part = capacity.mul_ratio(own, all).mul_ratio(1, beside);
            allocation.rate = (allocation.floor + part).min(allocation.ceiling);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{DevicePolicy, Framing, Guarantee, InterfaceName, LinkId, MacAddress, Priority, Share, Topology};

    fn device(number: u8) -> DeviceId {
        DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]))
    }

    fn link() -> Link {
        Link {
            id: LinkId(0),
            name: "internet".to_owned(),
            topology: Topology::Host { interface: InterfaceName::new("eth0").unwrap() },
            line_rate: Directed { download: BitRate::from_mbps(100), upload: BitRate::from_mbps(20) },
            margin_permille: 0,
            framing: Framing::default(),
            sought: vocab::Directed::default(),
        }
    }

    /// Priority, weight and guarantee in Mbit/s of each device, with queues for web and voice; what of downloads each has
    /// as floor, and for web beyond the floor, in kbit/s.
    fn check(devices: &[(u8, f64, u64)], expected: &[(u64, u64)]) {
        let mut policy = Policy::default();
        let mut known = BTreeMap::new();
        for (number, &(priority, weight, guarantee)) in (1..).zip(devices) {
            let guarantee = Guarantee::Absolute(BitRate::from_mbps(guarantee));
            let share = Share {
                priority: Priority::new(priority).unwrap(),
                weight: Weight::from_ratio(weight).unwrap(),
                guarantee: Directed { download: guarantee, upload: Guarantee::None },
                ..Share::default()
            };
            policy.devices.insert(device(number), DevicePolicy { share, ..DevicePolicy::default() });
            known.insert(device(number), BTreeSet::from([TrafficClass::Web, TrafficClass::Voice]));
        }
        let plan = standing_plan(&policy, &link(), &known, Timestamp::default());
        let division = &plan.directions.download;
        let shown: Vec<(u64, u64)> = division
            .devices
            .iter()
            .map(|device| {
                let web = device.aggregates.iter().find(|of| of.class == TrafficClass::Web).expect("it has a queue");
                assert_eq!(device.aggregates.len(), 3, "and one for what is not recognised");
                (device.floor.as_kbps(), web.rate.saturating_sub(web.floor).as_kbps())
            })
            .collect();
        assert_eq!(shown, expected);
        assert!(division.devices.iter().map(|device| device.floor).sum::<BitRate>() <= division.capacity);
    }

    #[test]
    fn guarantees_are_floors_and_weights_divide_a_tier() {
        // Web and what is not recognised share a device's part of its tier.
        check(&[(3, 1.0, 0), (3, 1.0, 0)], &[(0, 25_000), (0, 25_000)]);
        check(&[(3, 1.0, 10), (3, 3.0, 0)], &[(10_000, 12_500), (0, 37_500)]);
        // A later tier is told its own parts, too: nobody makes another plan when the first falls silent.
        check(&[(1, 1.0, 0), (5, 1.0, 5), (5, 1.0, 0)], &[(0, 50_000), (5_000, 25_000), (0, 25_000)]);
        check(&[], &[]);
    }

    #[test]
    fn percentages_shrink_so_that_all_are_kept() {
        let known: BTreeMap<_, _> = (1..=40).map(|number| (device(number), BTreeSet::new())).collect();
        let mut policy = Policy::default();
        policy.default_share.guarantee = Directed::from_fn(|_| Guarantee::Permille(100));
        let plan = standing_plan(&policy, &link(), &known, Timestamp::default());
        for direction in Direction::ALL {
            let division = &plan.directions[direction];
            let floors: Vec<BitRate> = division.devices.iter().map(|device| device.floor).collect();
            assert!(floors.iter().all(|floor| *floor == floors[0] && *floor > BitRate::ZERO), "{floors:?}");
            assert!(floors.into_iter().sum::<BitRate>() <= division.capacity);
        }
    }
}
