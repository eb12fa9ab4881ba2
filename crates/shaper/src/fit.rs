//! How floors become rates that fit: below the capacity, with room for who begins, and with what devices are owed
//! that ask for nothing yet.

use crate::tree::Claim;
use datapath::Slot;
use std::collections::BTreeMap;
use vocab::BitRate;

/// The rate of a class that is owed nothing: HTB has no zero. A frame a minute, which is as long as HTB remembers
/// a debt (`mbuffer` in net/sched/sch_htb.c); a device's eleven leaves then add 2 kbit/s to what it is owed.
pub(crate) const RATE_MIN: u64 = 200;
/// What of the capacity, in thousandths, no floor takes that is only foreseen, unless it is a call's: HTB serves
/// floors before anybody borrows, so that with floors up to the capacity the first packets of a call, which has no
/// floor before the next plan, would wait for that plan.
const OPEN_PERMILLE: u64 = 100;
/// Parts shrink in so many steps: who is near a step's edge does not move all classes with every plan.
const STEPS: u64 = 8;

/// HTB counts in bytes per second.
pub(crate) const fn whole_bytes(bps: u64) -> u64 {
    bps - bps % 8
}

/// Takes from the floors that are only foreseen, of classes that are not protected, until [`OPEN_PERMILLE`] of the
/// capacity is neither anybody's floor nor owed to anybody by guarantee, or nothing only foreseen is left. All of them
/// shrink by one factor; what a device has within its guarantee is owed, foreseen or not.
///
/// What is taken is no rate lost: it comes in turns then, by the plan's own parts.
pub(crate) fn leave_room(
    claims: &mut [Claim],
    device_floors: &mut BTreeMap<Slot, u64>,
    slack: &mut BTreeMap<Slot, u64>,
    guarantees: &BTreeMap<Slot, u64>,
    capacity: BitRate,
) {
    let of = |map: &BTreeMap<Slot, u64>, slot| map.get(slot).copied().unwrap_or(0);
    let mut devices: BTreeMap<Slot, Foreseen> = BTreeMap::new();
    for claim in &*claims {
        let device = devices.entry(claim.slot).or_default();
        device.floors = device.floors.saturating_add(claim.floor);
        device.foreseen = device.foreseen.saturating_add(only_foreseen(claim));
    }
    let (mut owed, mut spare) = (0u128, 0u128);
    for (slot, device) in &mut devices {
        let (floor, guarantee) = (device.floors.max(of(device_floors, slot)), of(guarantees, slot));
        device.spare = device.foreseen.min(of(slack, slot)).min(floor.saturating_sub(guarantee));
        owed += u128::from(floor.max(guarantee));
        spare += u128::from(device.spare);
    }
    let most = u128::from(capacity.mul_ratio(1_000 - OPEN_PERMILLE, 1_000).as_bps());
    let excess = owed.saturating_sub(most);
    if excess == 0 || spare == 0 {
        return;
    }
    let steps = (excess * u128::from(STEPS)).div_ceil(spare).min(u128::from(STEPS)) as u64;
    for claim in claims {
        let device = &devices[&claim.slot];
        let taken = u128::from(device.taken(steps));
        let part = u128::from(only_foreseen(claim)) * taken / u128::from(device.foreseen.max(1));
        claim.floor -= part as u64;
    }
    for (slot, device) in &devices {
        let taken = device.taken(steps);
        device_floors.entry(*slot).and_modify(|floor| *floor = floor.saturating_sub(taken));
        slack.entry(*slot).and_modify(|slack| *slack -= taken);
    }
}

/// What one device's leaves have for floors.
#[derive(Default)]
struct Foreseen {
    floors: u64,
    /// What of them is only foreseen, of classes that are not protected.
    foreseen: u64,
    /// What of that may go.
    spare: u64,
}

impl Foreseen {
    /// What goes in so many of [`STEPS`].
    fn taken(&self, steps: u64) -> u64 {
        self.spare / STEPS * steps
    }
}

/// What of a floor may go to leave room.
fn only_foreseen(claim: &Claim) -> u64 {
    if claim.class.is_protected() { 0 } else { claim.floor.saturating_sub(claim.guaranteed) }
}

/// How floors become rates that fit.
pub(crate) struct Fit {
    /// The least rate of a leaf.
    unit: u64,
    /// What is above the least shrinks to `room / wanted`.
    room: u64,
    wanted: u64,
    /// What each device is owed beyond its leaves.
    extra: BTreeMap<Slot, u64>,
    /// What each device is owed beyond that as soon as it asks, as far as there is room.
    standing: BTreeMap<Slot, u64>,
}

impl Fit {
    /// The rates of `claims` within `room`; `None` if it cannot hold even their least rates.
    ///
    /// `guarantees` stand by for devices that ask for less now: HTB lends what they leave, so that they cost nothing,
    /// and their first packet finds what it is owed.
    pub fn new(
        room: u64,
        claims: &[Claim],
        device_floors: &BTreeMap<Slot, u64>,
        guarantees: &BTreeMap<Slot, u64>,
    ) -> Option<Fit> {
        let count = claims.len() as u64;
        let unit = whole_bytes(RATE_MIN.min(room / (2 * count).max(1)));
        if unit == 0 {
            return None;
        }
        let mut sums: BTreeMap<Slot, u64> = BTreeMap::new();
        let mut wanted = 0u64;
        for claim in claims {
            let sum = sums.entry(claim.slot).or_default();
            *sum = sum.saturating_add(claim.floor.max(unit));
            wanted = wanted.saturating_add(claim.floor.saturating_sub(unit));
        }
        let (mut extra, mut standing) = (BTreeMap::new(), BTreeMap::new());
        for (slot, sum) in sums {
            let floor = device_floors.get(&slot).copied().unwrap_or(0).max(sum);
            wanted = wanted.saturating_add(floor - sum);
            extra.insert(slot, floor - sum);
            standing.insert(slot, guarantees.get(&slot).copied().unwrap_or(0).saturating_sub(floor));
        }
        let room = room - count * unit;
        let asked: u128 = standing.values().map(|rate| u128::from(*rate)).sum();
        let spare = u128::from(room.saturating_sub(wanted));
        let steps = (spare * u128::from(STEPS)).checked_div(asked).unwrap_or(0).min(u128::from(STEPS)) as u64;
        standing.values_mut().for_each(|rate| *rate = whole_bytes(*rate / STEPS * steps));
        Some(Fit { unit, room, wanted, extra, standing })
    }

    /// Never more than `rate`.
    fn shrunk(&self, rate: u64) -> u64 {
        let rate = BitRate::from_bps(rate);
        whole_bytes(if self.wanted <= self.room { rate } else { rate.mul_ratio(self.room, self.wanted) }.as_bps())
    }

    /// The rate of a leaf with this floor.
    pub fn leaf(&self, floor: u64) -> u64 {
        self.unit + self.shrunk(floor.saturating_sub(self.unit))
    }

    /// The rate of a device whose leaves' rates add up to `leaves`.
    pub fn device(&self, slot: Slot, leaves: u64) -> u64 {
        let of = |map: &BTreeMap<Slot, u64>| map.get(&slot).copied().unwrap_or(0);
        leaves + self.shrunk(of(&self.extra)) + of(&self.standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::STYLE;
    use proptest::prelude::*;
    use vocab::TrafficClass;

    const CAPACITY: BitRate = BitRate::from_mbps(20);

    /// Slot, class, floor, guaranteed (kbit/s).
    type Leaf = (u16, TrafficClass, u64, u64);

    fn claims(leaves: &[Leaf]) -> Vec<Claim> {
        let claims = leaves.iter().map(|&(slot, class, floor, guaranteed)| Claim {
            slot: Slot::new(slot).unwrap(),
            class,
            rate: floor * 1_000,
            floor: floor * 1_000,
            guaranteed: guaranteed * 1_000,
            ceiling: CAPACITY,
            prio: 3,
            hungry: true,
            leaf: STYLE.leaf(3, CAPACITY, CAPACITY),
        });
        claims.collect()
    }

    /// The floors of the leaves after room was left, in kbit/s.
    fn left(leaves: &[Leaf]) -> Vec<u64> {
        left_beside(leaves, &[])
    }

    /// The same beside these guarantees: slot, kbit/s.
    fn left_beside(leaves: &[Leaf], guarantees: &[(u16, u64)]) -> Vec<u64> {
        let guarantees = guarantees.iter().map(|&(slot, kbps)| (Slot::new(slot).unwrap(), kbps * 1_000)).collect();
        let mut claims = claims(leaves);
        let (mut floors, mut slack) = (BTreeMap::new(), BTreeMap::new());
        for claim in &claims {
            *floors.entry(claim.slot).or_default() += claim.floor;
            *slack.entry(claim.slot).or_default() += claim.floor.saturating_sub(claim.guaranteed);
        }
        leave_room(&mut claims, &mut floors, &mut slack, &guarantees, CAPACITY);
        let mut sums: BTreeMap<Slot, u64> = BTreeMap::new();
        for claim in &claims {
            *sums.entry(claim.slot).or_default() += claim.floor;
        }
        assert!(sums.iter().all(|(slot, sum)| floors[slot] <= *sum && sum - floors[slot] < 8 * STEPS), "{floors:?}");
        claims.iter().map(|claim| claim.floor / 1_000).collect()
    }

    #[test]
    fn what_is_only_foreseen_leaves_a_tenth_open() {
        use TrafficClass::{Call, Streaming, Web};
        assert_eq!(left(&[(1, Streaming, 9_000, 0), (2, Streaming, 9_000, 0)]), [9_000, 9_000], "there is room");
        assert_eq!(left(&[(1, Streaming, 10_000, 0), (2, Web, 10_000, 0)]), [8_750, 8_750]);
        assert_eq!(left(&[(1, Streaming, 10_000, 8_000), (2, Web, 10_000, 8_000)]), [9_000, 9_000]);
        assert_eq!(left(&[(1, Streaming, 10_000, 10_000), (2, Web, 10_000, 10_000)]), [10_000, 10_000], "owed");
        assert_eq!(left(&[(1, Call, 10_000, 0), (2, Web, 10_000, 0)]), [10_000, 7_500], "a call's is kept");
        // What is owed to who asks for nothing now is no room for what is only foreseen, but what is foreseen may be
        // within what is owed.
        let both = [(1, Streaming, 9_000, 0), (2, Web, 1_000, 0), (3, Web, 0, 0)];
        assert_eq!(left_beside(&both, &[(3, 8_000)]), [9_000, 1_000, 0]);
        assert_eq!(left_beside(&both, &[(3, 12_000)]), [4_500, 500, 0]);
        assert_eq!(left_beside(&both, &[(1, 9_000), (3, 8_500)]), [9_000, 500, 0]);
    }

    /// What devices are told, kbit/s, of `room` kbit/s, each with one leaf: its floor and its guarantee.
    fn told(room: u64, devices: &[(u64, u64)]) -> Vec<u64> {
        let number = |place: usize| place as u16 + 1;
        let leaves: Vec<Leaf> =
            (0..).zip(devices).map(|(place, of)| (number(place), TrafficClass::Web, of.0, of.0)).collect();
        let slot = |place| Slot::new(number(place)).unwrap();
        let guarantees = (0..).zip(devices).map(|(place, of)| (slot(place), of.1 * 1_000)).collect();
        let claims = claims(&leaves);
        let fit = Fit::new(room * 1_000, &claims, &BTreeMap::new(), &guarantees).unwrap();
        let rates = (0..).zip(&claims).map(|(place, claim)| fit.device(slot(place), fit.leaf(claim.floor)) / 1_000);
        rates.collect()
    }

    #[test]
    fn what_is_owed_stands_by_as_far_as_there_is_room() {
        assert_eq!(told(20_000, &[(0, 8_000), (10_000, 2_000)]), [8_000, 10_000]);
        assert_eq!(told(20_000, &[(0, 8_000), (16_000, 2_000)]), [3_000, 16_000], "three eighths of it fit");
        assert_eq!(told(20_000, &[(0, 8_000), (20_000, 2_000)]), [0, 19_999], "floors come first");
    }

    proptest! {
        #[test]
        fn all_rates_fit_whatever_is_owed(
            room in 10_000..100_000_000u64,
            devices in proptest::collection::vec((0..50_000u64, 0..u64::MAX / 1_000), 1..20),
        ) {
            let sum: u128 = told(room, &devices).into_iter().map(u128::from).sum();
            prop_assert!(sum <= u128::from(room), "{} of {}", sum, room);
        }
    }
}
