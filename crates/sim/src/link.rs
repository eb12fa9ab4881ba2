//! One direction of a link for one second, as a fluid: what HTB would serve.

use std::collections::BTreeMap;
use vocab::{Aggregate, BitRate, DeviceAllocation, Division, Tier};

/// How much each aggregate is served.
pub(crate) type Served = BTreeMap<Aggregate, BitRate>;

/// What one leaf is told.
struct Leaf {
    aggregate: Aggregate,
    offered: u64,
    served: u64,
    floor: u64,
    /// What of the floor is owed and not only foreseen.
    guaranteed: u64,
    ceiling: u64,
    tier: Tier,
    /// Turns in the deficit round robin: the planned surplus, as `quantum` carries it.
    turns: u64,
}

/// Serves `offered` through `capacity` by `division`; without one, everybody gets the same (one queue, and
/// senders that all back off alike).
///
/// Written from what HTB does (floors of leaves, then of their devices, then strict prios, then turns by quantum), not
/// from the law, so that the law's plan meets something that is not itself.
pub(crate) fn serve(capacity: BitRate, offered: &BTreeMap<Aggregate, BitRate>, division: Option<&Division>) -> Served {
    let mut leaves: Vec<Leaf> = offered.iter().map(|(&aggregate, &rate)| leaf(aggregate, rate, division)).collect();
    let standing = division.map(|division| Standing::new(capacity, division)).unwrap_or_default();
    let kept = division.map_or(1_000, |division| kept_permille(capacity, division));
    for leaf in leaves.iter_mut().filter(|leaf| !leaf.aggregate.class.is_protected()) {
        leaf.floor = leaf.guaranteed.max(leaf.floor * kept / 1_000).min(leaf.floor);
    }
    let mut left = capacity.as_bps();
    for leaf in &mut leaves {
        leaf.served = leaf.offered.min(leaf.floor).min(left);
        left -= leaf.served;
    }
    // What a leaf leaves of its floor, its device's other leaves borrow first, and what its device is owed beyond.
    for device in division.into_iter().flat_map(|division| &division.devices) {
        let mut of_device: Vec<&mut Leaf> =
            leaves.iter_mut().filter(|leaf| leaf.aggregate.device == device.device).collect();
        let served: u64 = of_device.iter().map(|leaf| leaf.served).sum();
        let owed = device.floor.as_bps() * kept / 1_000 + standing.of(device);
        let room = owed.saturating_sub(served).min(left);
        left -= room - share_out_by_tier(room, &mut of_device);
    }
    share_out_by_tier(left, &mut leaves.iter_mut().collect::<Vec<_>>());
    leaves.into_iter().map(|leaf| (leaf.aggregate, BitRate::from_bps(leaf.served))).collect()
}

/// What devices are owed by guarantee beyond their floors: it stands by as far as there is room.
#[derive(Default)]
struct Standing {
    permille: u64,
}

impl Standing {
    fn new(capacity: BitRate, division: &Division) -> Standing {
        let floors: u64 = division.devices.iter().map(|device| device.floor.as_bps()).sum();
        let asked: u64 = division.devices.iter().map(Standing::asked).sum();
        let spare = u128::from(capacity.as_bps().saturating_sub(floors));
        Standing { permille: (spare * 1_000).checked_div(u128::from(asked)).unwrap_or(0).min(1_000) as u64 }
    }

    fn asked(device: &DeviceAllocation) -> u64 {
        device.guarantee.saturating_sub(device.floor).as_bps()
    }

    fn of(&self, device: &DeviceAllocation) -> u64 {
        Standing::asked(device) * self.permille / 1_000
    }
}

/// What of the floors that are only foreseen, of classes that are not protected, the kernel is told, in thousandths:
/// they leave a tenth of the capacity open to who begins.
fn kept_permille(capacity: BitRate, division: &Division) -> u64 {
    let leaves = || division.devices.iter().flat_map(|device| &device.aggregates);
    let floors: u64 = leaves().map(|leaf| leaf.floor.as_bps()).sum();
    let unprotected = leaves().filter(|leaf| !leaf.class.is_protected());
    let foreseen: u64 = unprotected.map(|leaf| leaf.floor.saturating_sub(leaf.guaranteed).as_bps()).sum();
    let excess = floors.saturating_sub(capacity.as_bps() / 10 * 9).min(foreseen);
    1_000 - (excess * 1_000).checked_div(foreseen).unwrap_or(0)
}

fn leaf(aggregate: Aggregate, offered: BitRate, division: Option<&Division>) -> Leaf {
    let allocation = division.and_then(|division| {
        let device = division.devices.iter().find(|device| device.device == aggregate.device)?;
        device.aggregates.iter().find(|allocation| allocation.class == aggregate.class)
    });
    let offered = offered.as_bps();
    match (division, allocation) {
        (None, _) => Leaf {
            aggregate,
            offered,
            served: 0,
            floor: 0,
            guaranteed: 0,
            ceiling: u64::MAX,
            tier: Tier::PROTECTED,
            turns: 1,
        },
        // A packet without a leaf of its own waits in the link's default leaf, the last of all.
        (Some(_), None) => Leaf {
            aggregate,
            offered,
            served: 0,
            floor: 0,
            guaranteed: 0,
            ceiling: u64::MAX,
            tier: Tier::LAST,
            turns: 1,
        },
        (Some(_), Some(allocation)) => Leaf {
            aggregate,
            offered,
            served: 0,
            floor: allocation.floor.as_bps(),
            guaranteed: allocation.guaranteed.as_bps(),
            ceiling: allocation.ceiling.as_bps(),
            tier: allocation.tier,
            turns: allocation.rate.saturating_sub(allocation.floor).as_kbps().max(1),
        },
    }
}

/// Serves one tier after another; gives back what is left.
fn share_out_by_tier(mut left: u64, leaves: &mut [&mut Leaf]) -> u64 {
    for tier in (0..=Tier::LAST.number()).filter_map(Tier::new) {
        let mut of_tier: Vec<&mut Leaf> =
            leaves.iter_mut().filter(|leaf| leaf.tier == tier).map(|leaf| &mut **leaf).collect();
        left = share_out(left, &mut of_tier);
    }
    left
}

/// Gives turns until nothing is left or nobody wants any; gives back what is left.
fn share_out(mut left: u64, leaves: &mut [&mut Leaf]) -> u64 {
    loop {
        let hungry = |leaf: &Leaf| leaf.served < leaf.offered.min(leaf.ceiling);
        let turns: u128 = leaves.iter().filter(|leaf| hungry(leaf)).map(|leaf| u128::from(leaf.turns)).sum();
        if turns == 0 || left == 0 {
            return left;
        }
        let mut given = 0;
        for leaf in leaves.iter_mut().filter(|leaf| hungry(leaf)) {
            let part = (u128::from(left) * u128::from(leaf.turns) / turns) as u64;
            let part = part.min(leaf.offered.min(leaf.ceiling) - leaf.served);
            leaf.served += part;
            given += part;
        }
        left -= given;
        // Less than a bit for each turn: what rounding leaves.
        if given == 0 {
            return left;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{DeviceId, MacAddress, TrafficClass};

    #[test]
    fn without_a_plan_all_get_the_same_and_nothing_idles() {
        let aggregate =
            |n: u8| Aggregate { device: DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, n])), class: TrafficClass::Download };
        let offered = [(1, 10), (2, 100), (3, 100)].map(|(n, mbps)| (aggregate(n), BitRate::from_mbps(mbps)));
        let served = serve(BitRate::from_mbps(90), &offered.into(), None);
        let mbps: Vec<u64> = served.values().map(|rate| rate.as_kbps().div_ceil(1_000)).collect();
        assert_eq!(mbps, [10, 40, 40]);
    }
}
