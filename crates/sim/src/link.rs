//! One direction of a link for one second, as a fluid: what HTB would serve.

use std::collections::BTreeMap;
use vocab::{Aggregate, BitRate, DeviceAllocation, DeviceId, Division, Tier};

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
    let told = division.map(|division| Told::new(capacity, division));
    for leaf in &mut leaves {
        leaf.floor = told.as_ref().map_or(0, |told| told.of_leaf(leaf));
    }
    // What each device may still have of its ceiling.
    let of_device = |device: &DeviceAllocation| (device.device, device.ceiling.as_bps());
    let mut rooms: Rooms = division.into_iter().flat_map(|division| division.devices.iter().map(of_device)).collect();
    let mut left = capacity.as_bps();
    for leaf in &mut leaves {
        let room = room(&rooms, leaf);
        leaf.served = leaf.offered.min(leaf.floor).min(left).min(room);
        take(&mut rooms, leaf, leaf.served);
        left -= leaf.served;
    }
    // What a leaf leaves of its floor, its device's other leaves borrow first, and what its device is owed beyond.
    for (told, device) in told.iter().flat_map(|told| told.division.devices.iter().map(move |device| (told, device))) {
        let mut of_device: Vec<&mut Leaf> =
            leaves.iter_mut().filter(|leaf| leaf.aggregate.device == device.device).collect();
        let served: u64 = of_device.iter().map(|leaf| leaf.served).sum();
        let room = told.of_device(device).saturating_sub(served).min(left);
        left -= room - share_out_by_tier(room, &mut of_device, &mut rooms);
    }
    share_out_by_tier(left, &mut leaves.iter_mut().collect::<Vec<_>>(), &mut rooms);
    leaves.into_iter().map(|leaf| (leaf.aggregate, BitRate::from_bps(leaf.served))).collect()
}

/// What each device may still have of its ceiling, bit/s.
type Rooms = BTreeMap<DeviceId, u64>;

fn room(rooms: &Rooms, leaf: &Leaf) -> u64 {
    rooms.get(&leaf.aggregate.device).copied().unwrap_or(u64::MAX)
}

fn take(rooms: &mut Rooms, leaf: &Leaf, taken: u64) {
    rooms.entry(leaf.aggregate.device).and_modify(|room| *room -= taken);
}

/// What the kernel is told of a division: floors that are only foreseen leave room, guarantees stand by.
struct Told<'a> {
    division: &'a Division,
    /// What is taken of [`spare`], in thousandths.
    taken: u64,
    /// What of [`Told::asked`] stands by, in thousandths.
    standing: u64,
}

impl<'a> Told<'a> {
    fn new(capacity: BitRate, division: &'a Division) -> Told<'a> {
        let sum = |of: &dyn Fn(&DeviceAllocation) -> u64| division.devices.iter().map(of).sum::<u64>();
        let owed = sum(&|device| device.floor.max(device.guarantee).as_bps());
        let spare = sum(&spare);
        // A tenth stays open to who begins.
        let excess = owed.saturating_sub(capacity.as_bps() / 10 * 9).min(spare);
        let taken = (excess * 1_000).checked_div(spare).unwrap_or(0);
        let told = Told { division, taken, standing: 0 };
        let left = u128::from(capacity.as_bps().saturating_sub(sum(&|device| told.floor(device))));
        let standing = (left * 1_000).checked_div(u128::from(sum(&Told::asked))).unwrap_or(0).min(1_000);
        Told { standing: standing as u64, ..told }
    }

    fn floor(&self, device: &DeviceAllocation) -> u64 {
        device.floor.as_bps() - spare(device) * self.taken / 1_000
    }

    /// What it is owed by guarantee beyond its floor.
    fn asked(device: &DeviceAllocation) -> u64 {
        device.guarantee.saturating_sub(device.floor).as_bps()
    }

    /// The rate of a device's class.
    fn of_device(&self, device: &DeviceAllocation) -> u64 {
        self.floor(device) + Told::asked(device) * self.standing / 1_000
    }

    /// The rate of a leaf.
    fn of_leaf(&self, leaf: &Leaf) -> u64 {
        let is_its = |device: &&DeviceAllocation| device.device == leaf.aggregate.device;
        let Some(device) = self.division.devices.iter().find(is_its) else { return leaf.floor };
        if leaf.aggregate.class.is_protected() {
            return leaf.floor;
        }
        let taken = u128::from(spare(device) * self.taken / 1_000);
        let part = u128::from(leaf.floor.saturating_sub(leaf.guaranteed)) * taken;
        leaf.floor - part.checked_div(u128::from(foreseen(device))).unwrap_or(0) as u64
    }
}

/// What of a device's floors is only foreseen, of classes that are not protected.
fn foreseen(device: &DeviceAllocation) -> u64 {
    let unprotected = device.aggregates.iter().filter(|leaf| !leaf.class.is_protected());
    unprotected.map(|leaf| leaf.floor.saturating_sub(leaf.guaranteed).as_bps()).sum()
}

/// What of that may go: what is within a guarantee is owed.
fn spare(device: &DeviceAllocation) -> u64 {
    foreseen(device).min(device.floor.saturating_sub(device.guarantee).as_bps())
}

fn leaf(aggregate: Aggregate, offered: BitRate, division: Option<&Division>) -> Leaf {
    let allocation = division.and_then(|division| {
        let device = division.devices.iter().find(|device| device.device == aggregate.device)?;
        device.aggregates.iter().find(|allocation| allocation.class == aggregate.class)
    });
    let offered = offered.as_bps();
    let owed_nothing =
        |tier| Leaf { aggregate, offered, served: 0, floor: 0, guaranteed: 0, ceiling: u64::MAX, tier, turns: 1 };
    match (division, allocation) {
        (None, _) => owed_nothing(Tier::PROTECTED),
        // A packet without a leaf of its own waits in the link's default leaf, the last of all.
        (Some(_), None) => owed_nothing(Tier::LAST),
        (Some(_), Some(allocation)) => Leaf {
            floor: allocation.floor.as_bps(),
            guaranteed: allocation.guaranteed.as_bps(),
            ceiling: allocation.ceiling.as_bps(),
            turns: allocation.rate.saturating_sub(allocation.floor).as_kbps().max(1),
            ..owed_nothing(allocation.tier)
        },
    }
}

/// Serves one tier after another; gives back what is left.
fn share_out_by_tier(mut left: u64, leaves: &mut [&mut Leaf], rooms: &mut Rooms) -> u64 {
    for tier in (0..=Tier::LAST.number()).filter_map(Tier::new) {
        let mut of_tier: Vec<&mut Leaf> =
            leaves.iter_mut().filter(|leaf| leaf.tier == tier).map(|leaf| &mut **leaf).collect();
        left = share_out(left, &mut of_tier, rooms);
    }
    left
}

/// Gives turns until nothing is left or nobody wants any; gives back what is left.
fn share_out(mut left: u64, leaves: &mut [&mut Leaf], rooms: &mut Rooms) -> u64 {
    let hungry = |leaf: &Leaf, rooms: &Rooms| leaf.served < leaf.offered.min(leaf.ceiling) && room(rooms, leaf) > 0;
    loop {
        let turns: u128 = leaves.iter().filter(|leaf| hungry(leaf, rooms)).map(|leaf| u128::from(leaf.turns)).sum();
        if turns == 0 || left == 0 {
            return left;
        }
        let mut given = 0;
        for leaf in leaves.iter_mut() {
            if !hungry(leaf, rooms) {
                continue;
            }
            let part = (u128::from(left) * u128::from(leaf.turns) / turns) as u64;
            let part = part.min(leaf.offered.min(leaf.ceiling) - leaf.served).min(room(rooms, leaf));
            leaf.served += part;
            take(rooms, leaf, part);
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
    use vocab::{MacAddress, TrafficClass};

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
