//! From a plan to the queue tree that means it, purely: docs/law.md, "What HTB is told".

use crate::fit::{Fit, RATE_MIN, leave_room, whole_bytes};
use crate::leaf::{LeafQdisc, LeafStyle};
use crate::turns::turns;
use datapath::{DEFAULT_MINOR, LOCAL_MINOR, ROOT_MINOR, Slot};
use std::collections::{BTreeMap, BTreeSet};
use vocab::{Aggregate, Allocation, BitRate, Bound, DeviceId, Division, Encoding, Framing, Tier, TrafficClass};

/// A class of HTB, in the kernel's own precision: rates are whole bytes per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// The minor number of the class it borrows from; 0 for the root qdisc.
    pub parent: u16,
    /// Served before anybody borrows. Bit/s, layer 2.
    pub rate: BitRate,
    /// Never exceeded. Bit/s, layer 2.
    pub ceil: BitRate,
    /// Who borrows first: 0 to 7, 0 first. Only leaves have one.
    pub prio: u8,
    /// Bytes served per turn among those of one prio. Only leaves have one.
    pub quantum: u32,
    /// How long `rate` may be saved up, in ticks of 64 ns.
    pub burst: u32,
    /// How long `ceil` may be saved up, in ticks of 64 ns.
    pub cburst: u32,
    /// What is counted of each packet.
    pub charge: Charge,
}

/// How many bytes HTB counts for a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// Beside what the frame has here.
    pub overhead: u16,
    /// At least.
    pub least: u16,
    /// Whether in cells of 53 bytes for 48.
    pub cells: bool,
}

impl Charge {
    /// On an interface whose frames have `header` bytes before the IP packet.
    ///
    /// HTB adds and does not take away: where the bottleneck has fewer bytes around a packet than our own frame, ours
    /// are counted, which errs to the side of less.
    pub fn of(framing: Framing, header: u16) -> Charge {
        Charge {
            overhead: framing.overhead.saturating_sub(header),
            least: framing.least,
            cells: framing.encoding == Encoding::Atm,
        }
    }
}

/// What one direction of a link should look like in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueTree {
    /// By minor number.
    pub classes: BTreeMap<u16, Class>,
    /// What stands in the classes that have no children, by the minor number of the class.
    pub leaves: BTreeMap<u16, LeafQdisc>,
}

impl QueueTree {
    /// The first class whose children's rates add up to more than its own: its cap would not hold.
    pub fn overcommitted(&self) -> Option<u16> {
        let mut sums: BTreeMap<u16, BitRate> = BTreeMap::new();
        for class in self.classes.values() {
            *sums.entry(class.parent).or_default() += class.rate;
        }
        sums.into_iter()
            .find(|(parent, sum)| self.classes.get(parent).is_some_and(|class| *sum > class.rate))
            .map(|(parent, _)| parent)
    }
}

/// A frame of 1,500 bytes with its Ethernet header.
pub(crate) const FRAME: u32 = 1_514;
/// The most a super-packet holds (`GSO_LEGACY_MAX_SIZE` in linux/netdevice.h).
pub(crate) const SUPER_PACKET: u32 = 65_536;
/// What unknown devices are owed at most; they borrow what is free.
const DEFAULT_RATE_MAX: u64 = 1_000_000;
/// The rate of what the gateway itself sends to the local side: it does not cross the link.
const LOCAL_RATE: BitRate = BitRate::from_mbps(10_000);
/// Of HTB's eight (`TC_HTB_NUMPRIO` in net/sched/sch_htb.c).
const LAST_PRIO: u8 = 7;
/// It has no neighbours: any turn will do.
const LOCAL_QUANTUM: u32 = 60_000;
/// A tree, and who could not be placed in it.
pub(crate) struct Built {
    pub tree: QueueTree,
    /// Devices without a slot.
    pub skipped: Vec<DeviceId>,
    /// Who is meant by each slot.
    pub devices: BTreeMap<Slot, DeviceId>,
    /// Leaves that want no more than the plan gives them.
    pub quiet: Vec<u16>,
}

/// The turn of a quiet leaf stays as it is `installed` unless it is off by more than this factor: it follows the round
/// of the hungry beside it, which moves with every plan, and for who has nothing waiting any turn will do.
const QUIET_FACTOR: u32 = 3;

impl Built {
    /// Leaves alone what is not worth a change.
    pub(crate) fn settle(&mut self, installed: &QueueTree) {
        for minor in &self.quiet {
            if let (Some(new), Some(old)) = (self.tree.classes.get_mut(minor), installed.classes.get(minor))
                && new.prio == old.prio
                && old.quantum <= new.quantum.saturating_mul(QUIET_FACTOR)
                && new.quantum <= old.quantum.saturating_mul(QUIET_FACTOR)
            {
                new.quantum = old.quantum;
            }
        }
    }
}

/// One leaf before its rates are fitted. Rates in bit/s.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub slot: Slot,
    pub class: TrafficClass,
    /// What the plan gives it.
    pub rate: u64,
    /// What of that is served before any turn.
    pub floor: u64,
    /// What of the floor is owed and not only foreseen.
    pub guaranteed: u64,
    pub ceiling: BitRate,
    pub prio: u8,
    /// Whether it wants more than the plan gives it, and could have it.
    pub hungry: bool,
    /// What stands in it.
    pub leaf: LeafQdisc,
}

impl Claim {
    fn new(slot: Slot, allocation: &Allocation, ceiling: BitRate, prio: u8, style: LeafStyle) -> Claim {
        let hungry = !matches!(allocation.bound, Bound::Demand | Bound::Ceiling);
        Claim {
            slot,
            class: allocation.class,
            rate: allocation.rate.as_bps(),
            floor: allocation.floor.as_bps(),
            guaranteed: allocation.guaranteed.as_bps(),
            ceiling,
            prio,
            hungry,
            leaf: style.leaf(prio, if hungry { allocation.rate } else { ceiling }, ceiling),
        }
    }
}

/// The tree that means `division`; `None` if the capacity cannot hold even the least rates of its classes.
///
/// `draining` are leaves (and their prios, which stay) that no plan names any more but that still hold packets:
/// they stay, owed nothing.
/// Children's rates always add up to less than their parent's: where the floors and the least rates (200 bit/s
/// for each leaf, HTB has no zero) exceed the capacity, what is above the least shrinks by one factor.
pub(crate) fn queue_tree(
    division: &Division,
    style: LeafStyle,
    draining: &BTreeMap<u16, u8>,
    slot_of: impl Fn(DeviceId) -> Option<Slot>,
) -> Option<Built> {
    let capacity = BitRate::from_bps(whole_bytes(division.capacity.as_bps()));
    let prio_of = prios(division);
    let (mut claims, mut skipped, mut devices) = (Vec::new(), Vec::new(), BTreeMap::new());
    let (mut device_floors, mut device_ceilings, mut slack) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut guarantees = BTreeMap::new();
    for device in &division.devices {
        if device.aggregates.is_empty() {
            continue;
        }
        let Some(slot) = slot_of(device.device) else {
            skipped.push(device.device);
            continue;
        };
        devices.insert(slot, device.device);
        device_floors.insert(slot, device.floor.as_bps());
        slack.insert(slot, device.floor.saturating_sub(device.guaranteed).as_bps());
        guarantees.insert(slot, device.guarantee.as_bps());
        device_ceilings.insert(slot, device.ceiling);
        for allocation in &device.aggregates {
            let ceiling = allocation.ceiling.min(device.ceiling).min(capacity);
            claims.push(Claim::new(slot, allocation, ceiling, prio_of(allocation.tier), style));
        }
    }
    for (&minor, &prio) in draining {
        if let Some((slot, Some(class))) = Slot::from_minor(minor)
            && !claims.iter().any(|claim| claim.slot == slot && claim.class == class)
        {
            let leaf = style.leaf(prio, capacity, capacity);
            let (rate, floor, guaranteed, ceiling, hungry) = (0, 0, 0, capacity, false);
            claims.push(Claim { slot, class, rate, floor, guaranteed, ceiling, prio, hungry, leaf });
        }
    }
    leave_room(&mut claims, &mut device_floors, &mut slack, &guarantees, capacity);
    let turns = turns(&claims, &slack, capacity, style.packet);
    for (claim, turn) in claims.iter_mut().zip(&turns) {
        let made = claim.floor - turn.floor;
        device_floors.entry(claim.slot).and_modify(|floor: &mut u64| *floor = floor.saturating_sub(made));
        claim.floor = turn.floor;
    }

    let default_rate = (capacity.as_bps() / 100).clamp(RATE_MIN, DEFAULT_RATE_MAX).min(capacity.as_bps() / 8);
    // One byte per second stays free, so that the children are strictly less than the parent.
    let room = capacity.as_bps().saturating_sub(whole_bytes(default_rate) + 8);
    let fit = Fit::new(room, &claims, &device_floors, &guarantees)?;

    let mut tree = QueueTree::default();
    let mut add = |minor, parent, rate: u64, ceil: BitRate, prio, quantum| {
        let rate = BitRate::from_bps(whole_bytes(rate));
        let ceil = BitRate::from_bps(whole_bytes(ceil.as_bps())).max(rate);
        let (burst, cburst) = (burst::of(rate), burst::of(ceil));
        // What the gateway sends to the local side never crosses the bottleneck.
        let charge = if minor == LOCAL_MINOR { Charge::default() } else { style.charge };
        tree.classes.insert(minor, Class { parent, rate, ceil, prio, quantum, burst, cburst, charge });
    };
    add(ROOT_MINOR, 0, capacity.as_bps(), capacity, 0, FRAME);
    add(LOCAL_MINOR, 0, LOCAL_RATE.as_bps(), LOCAL_RATE, 0, LOCAL_QUANTUM);
    add(DEFAULT_MINOR, ROOT_MINOR, default_rate, capacity, LAST_PRIO, FRAME);
    let mut sums: BTreeMap<Slot, u64> = BTreeMap::new();
    for (claim, turn) in claims.iter().zip(turns) {
        let rate = fit.leaf(claim.floor);
        *sums.entry(claim.slot).or_default() += rate;
        let minor = claim.slot.class_minor(claim.class);
        add(minor, claim.slot.device_minor(), rate, claim.ceiling, claim.prio, turn.quantum);
    }
    for (slot, sum) in sums {
        let rate = fit.device(slot, sum);
        let ceiling = device_ceilings.get(&slot).copied().unwrap_or(capacity).min(capacity);
        add(slot.device_minor(), ROOT_MINOR, rate, ceiling, 0, FRAME);
    }

    tree.leaves.insert(DEFAULT_MINOR, style.leaf(LAST_PRIO, capacity, capacity));
    tree.leaves.insert(LOCAL_MINOR, style.leaf(LAST_PRIO, LOCAL_RATE, LOCAL_RATE));
    tree.leaves.extend(claims.iter().map(|claim| (claim.slot.class_minor(claim.class), claim.leaf)));
    let quiet = claims.iter().filter(|claim| !claim.hungry).map(|claim| claim.slot.class_minor(claim.class)).collect();
    Some(Built { tree, skipped, devices, quiet })
}

/// From tier to prio: 0 stays 0; with tiers up to 7 in use a tier is its prio, else the tiers in use are
/// numbered from 1, and with more than 7 of them neighbours share one.
fn prios(division: &Division) -> impl Fn(Tier) -> u8 {
    let tiers =
        division.devices.iter().flat_map(|device| &device.aggregates).map(|allocation| allocation.tier.number());
    let used: BTreeSet<u8> = tiers.filter(|&tier| tier > 0).collect();
    move |tier| {
        let tier = tier.number();
        if tier == 0 || used.last().is_none_or(|&last| last <= 7) {
            return tier;
        }
        let rank = used.range(..tier).count();
        let prio = if used.len() <= 7 { rank } else { rank * 7 / used.len() };
        1 + prio as u8
    }
}

/// How much may be saved up.
pub(crate) mod burst {
    use super::FRAME;
    use vocab::BitRate;

    /// The time of `bytes` at `rate` in ticks of 64 ns (`PSCHED_SHIFT` in net/pkt_sched.h), rounded down.
    pub(crate) fn ticks(bytes: u64, rate: BitRate) -> u32 {
        let ticks = u128::from(bytes) * 8 * 1_000_000_000 / 64 / u128::from(rate.as_bps().max(1));
        u32::try_from(ticks).unwrap_or(u32::MAX)
    }

    /// 4 ms of `rate`, so that a late timer costs no rate (measured: 99.3 % at 10 Mbit/s, 99.8 % at 50 to
    /// 1000), and at least two frames.
    pub(crate) fn of(rate: BitRate) -> u32 {
        ticks(u64::from(2 * FRAME), rate).max(4_000_000 / 64)
    }
}

/// Whose queue the leaf class `minor` is, where `devices` says who has which slot.
pub(crate) fn aggregate(minor: u16, devices: &BTreeMap<Slot, DeviceId>) -> Option<Aggregate> {
    let (slot, class) = Slot::from_minor(minor)?;
    Some(Aggregate { device: *devices.get(&slot)?, class: class? })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::leaf::LeafKind;
    use crate::turns::ROUND_MAX;
    use proptest::prelude::*;
    use vocab::{Allocation, Bound, DeviceAllocation, MacAddress};

    pub(crate) const STYLE: LeafStyle =
        LeafStyle { kind: LeafKind::Bfifo, packet: FRAME, charge: Charge { overhead: 0, least: 0, cells: false } };

    pub(crate) fn device(number: u8) -> DeviceId {
        DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]))
    }

    pub(crate) fn slot(device: DeviceId) -> Option<Slot> {
        match device {
            DeviceId::Mac(mac) => Slot::new(u16::from(mac.0[5])),
            DeviceId::Ip(_) => None,
        }
    }

    /// Any division, also such as no law would make: floors above the capacity, above the ceiling, above the rate.
    pub(crate) fn any_division() -> impl Strategy<Value = Division> {
        let rate = || prop_oneof![Just(0), 0..100_000u64, 0..200_000_000u64, 0..200_000_000_000u64];
        let bound = prop_oneof![
            Just(Bound::Demand),
            Just(Bound::Ceiling),
            Just(Bound::ProtectedCeiling),
            Just(Bound::Guarantee),
            Just(Bound::Share { tier: Tier::PROTECTED, level: BitRate::ZERO }),
        ];
        let allocation = (0..TrafficClass::COUNT, 0..=10u8, [rate(), rate(), rate(), rate()], bound);
        let device = ([rate(), rate(), rate()], rate(), rate(), proptest::collection::vec(allocation, 0..6));
        let capacity = prop_oneof![40_000..5_000_000u64, 5_000_000..400_000_000u64, 400_000_000..120_000_000_000u64];
        let devices = proptest::collection::btree_map(1..20u8, device, 0..8);
        (capacity, devices).prop_map(|(capacity, devices)| Division {
            capacity: BitRate::from_bps(capacity),
            devices: devices
                .into_iter()
                .map(|(number, ([floor, guaranteed, guarantee], ceiling, headroom, classes))| {
                    let classes: BTreeMap<usize, _> = classes.into_iter().map(|class| (class.0, class)).collect();
                    DeviceAllocation {
                        device: self::device(number),
                        demand: BitRate::ZERO,
                        rate: BitRate::ZERO,
                        floor: BitRate::from_bps(floor),
                        guaranteed: BitRate::from_bps(guaranteed),
                        guarantee: BitRate::from_bps(guarantee),
                        ceiling: BitRate::from_bps(ceiling),
                        headroom: BitRate::from_bps(headroom),
                        aggregates: classes
                            .into_values()
                            .map(|(class, tier, rates, bound)| allocation_of(class, tier, rates, bound))
                            .collect(),
                    }
                })
                .collect(),
            ..Division::default()
        })
    }

    fn allocation_of(class: usize, tier: u8, rates: [u64; 4], bound: Bound) -> Allocation {
        let [rate, floor, guaranteed, ceiling] = rates.map(BitRate::from_bps);
        Allocation {
            class: TrafficClass::from_index(class).unwrap(),
            tier: Tier::new(tier).unwrap(),
            demand: rate,
            rate,
            floor,
            guaranteed,
            ceiling,
            bound,
        }
    }

    /// Class index, tier, rate and floor in kbit/s.
    type Part = (usize, u8, u64, u64);

    /// Devices from 1, each with a floor in kbit/s, and its leaves: the protected quiet, the others hungry.
    fn division(capacity: u64, devices: &[(u64, &[Part])]) -> Division {
        let devices = devices.iter().enumerate().map(|(index, (floor, leaves))| DeviceAllocation {
            device: device(index as u8 + 1),
            demand: BitRate::ZERO,
            rate: BitRate::ZERO,
            floor: BitRate::from_kbps(*floor),
            guaranteed: BitRate::from_kbps(*floor),
            guarantee: BitRate::ZERO,
            ceiling: BitRate::MAX,
            headroom: BitRate::ZERO,
            aggregates: leaves
                .iter()
                .map(|&(class, tier, rate, floor)| {
                    let level = BitRate::ZERO;
                    let share = Bound::Share { tier: Tier::new(tier).unwrap(), level };
                    let bound = if tier == 0 { Bound::Demand } else { share };
                    allocation_of(class, tier, [rate * 1_000, floor * 1_000, floor * 1_000, u64::MAX], bound)
                })
                .collect(),
        });
        Division { capacity: BitRate::from_kbps(capacity), devices: devices.collect(), ..Division::default() }
    }

    /// One line for each class of a device: minor, parent, rate and ceil in kbit/s, prio, quantum.
    fn check(division: &Division, expected: &[&str]) {
        let built = queue_tree(division, STYLE, &BTreeMap::new(), slot).unwrap();
        let lines = built.tree.classes.iter().filter(|(minor, _)| Slot::from_minor(**minor).is_some());
        let lines: Vec<String> = lines
            .map(|(minor, class)| {
                let (rate, ceil) = (class.rate.as_kbps(), class.ceil.as_kbps());
                format!("{minor:x} of {:x}: {rate} to {ceil}, {}, {}", class.parent, class.prio, class.quantum)
            })
            .collect();
        assert_eq!(lines, expected);
        assert_eq!(built.tree.overcommitted(), None);
    }

    #[test]
    fn the_measured_case_of_the_law() {
        let five: Vec<_> = [4, 5, 6, 7, 8].map(|class| (class, 3, 2_000, 500)).into();
        check(
            &division(20_000, &[(500, &[(4, 3, 10_000, 500)]), (2_500, &five)]),
            &[
                "10 of 1: 500 to 20000, 0, 1514",
                "15 of 10: 500 to 20000, 3, 28766",
                "20 of 1: 2500 to 20000, 0, 1514",
                "25 of 20: 500 to 20000, 3, 4542",
                "26 of 20: 500 to 20000, 3, 4542",
                "27 of 20: 500 to 20000, 3, 4542",
                "28 of 20: 500 to 20000, 3, 4542",
                "29 of 20: 500 to 20000, 3, 4542",
            ],
        );
    }

    #[test]
    fn a_device_is_owed_what_its_leaves_are_or_more() {
        check(
            &division(100_000, &[(10_000, &[(0, 0, 100, 100), (4, 1, 70_000, 3_000)]), (0, &[(9, 5, 0, 0)])]),
            &[
                "10 of 1: 10000 to 100000, 0, 1514",
                "11 of 10: 100 to 100000, 0, 62500",
                "15 of 10: 3000 to 100000, 1, 3028",
                "20 of 1: 0 to 100000, 0, 1514",
                "2a of 20: 0 to 100000, 5, 3028",
            ],
        );
    }

    #[test]
    fn floors_that_do_not_fit_shrink_alike() {
        // 1,000 less 10 for the default leaf and a byte; what is above 200 bit/s each shrinks by one factor.
        check(
            &division(1_000, &[(800, &[(4, 1, 800, 800)]), (800, &[(4, 1, 800, 800)])]),
            &[
                "10 of 1: 494 to 1000, 0, 1514",
                "15 of 10: 494 to 1000, 1, 3028",
                "20 of 1: 494 to 1000, 0, 1514",
                "25 of 20: 494 to 1000, 1, 3028",
            ],
        );
    }

    #[test]
    fn more_than_seven_tiers_share_prios_in_order() {
        let prio = |tiers: &[u8]| {
            let leaves: Vec<_> = tiers.iter().map(|&tier| [(4, tier, 1, 0)]).collect();
            let devices: Vec<_> = leaves.iter().map(|leaves| (0, &leaves[..])).collect();
            let built = queue_tree(&division(100_000, &devices), STYLE, &BTreeMap::new(), slot).unwrap();
            let leaves = built.tree.classes.iter().filter(|(minor, _)| *minor & 0xf == 5);
            leaves.map(|(_, class)| class.prio).collect::<Vec<_>>()
        };
        assert_eq!(prio(&[0, 2, 7]), [0, 2, 7]);
        assert_eq!(prio(&[0, 2, 10]), [0, 1, 2]);
        assert_eq!(prio(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), [1, 1, 2, 3, 3, 4, 5, 5, 6, 7]);
    }

    #[test]
    fn who_has_no_slot_is_named() {
        let mut division = division(10_000, &[(0, &[(4, 1, 1, 0)])]);
        division.devices[0].device = DeviceId::Ip([10, 0, 0, 1].into());
        let built = queue_tree(&division, STYLE, &BTreeMap::new(), slot).unwrap();
        assert_eq!(built.skipped, [division.devices[0].device]);
        assert_eq!(built.tree.classes.len(), 3);
    }

    #[test]
    fn a_capacity_too_small_for_its_leaves_is_refused() {
        let division = division(0, &[(0, &[(4, 1, 1, 0)])]);
        assert!(queue_tree(&division, STYLE, &BTreeMap::new(), slot).is_none());
    }

    #[test]
    fn turns_of_the_quiet_move_only_when_they_are_far_off() {
        let division = division(20_000, &[(500, &[(0, 0, 100, 100), (4, 3, 10_000, 500)])]);
        let fresh = || queue_tree(&division, STYLE, &BTreeMap::new(), slot).unwrap();
        let (quiet, hungry) = (0x11, 0x15);
        let quantum = fresh().tree.classes[&quiet].quantum;
        for (installed, settled) in [
            (quantum / 3 + 1, quantum / 3 + 1),
            (quantum * 3, quantum * 3),
            (quantum / 4, quantum),
            (quantum * 4, quantum),
        ] {
            let mut before = fresh().tree;
            for minor in [quiet, hungry] {
                before.classes.get_mut(&minor).unwrap().quantum = installed;
            }
            let mut built = fresh();
            built.settle(&before);
            assert_eq!(built.tree.classes[&quiet].quantum, settled, "{installed}");
            assert_eq!(built.tree.classes[&hungry], fresh().tree.classes[&hungry], "the hungry have what is planned");
        }
    }

    proptest! {
        #[test]
        fn every_tree_keeps_every_cap(division in any_division(), super_packets in any::<bool>()) {
            let packet = if super_packets { SUPER_PACKET } else { FRAME };
            let built = queue_tree(&division, LeafStyle { packet, ..STYLE }, &BTreeMap::new(), slot);
            let Some(Built { tree, .. }) = built else { return Ok(()) };
            prop_assert_eq!(tree.overcommitted(), None);
            let under_root: BitRate = tree.classes.values().filter(|class| class.parent == ROOT_MINOR).map(|class| class.rate).sum();
            prop_assert!(under_root < tree.classes[&ROOT_MINOR].rate, "strictly less than the capacity");
            for (minor, class) in &tree.classes {
                prop_assert!(class.rate.as_bps() >= 8 && class.rate.as_bps() % 8 == 0, "{minor:x} {class:?}");
                prop_assert!(class.ceil >= class.rate && class.prio <= 7);
                prop_assert!(class.quantum >= FRAME && u64::from(class.quantum) <= ROUND_MAX.max(100 * u64::from(packet)));
                prop_assert!(*minor == LOCAL_MINOR || class.ceil <= division.capacity, "{minor:x} {class:?}");
                let children = tree.classes.values().any(|child| child.parent == *minor);
                prop_assert!(children != tree.leaves.contains_key(minor) || *minor == ROOT_MINOR, "{minor:x}");
            }
            for leaf in tree.leaves.values() {
                prop_assert!(leaf.bytes >= 2 * packet);
            }
        }

        #[test]
        fn floors_that_fit_are_kept(floors in proptest::collection::vec(0..900u64, 1..10)) {
            let leaves: Vec<_> = floors.iter().map(|&floor| [(4, 2, floor, floor)]).collect();
            let devices: Vec<_> = leaves.iter().map(|leaves| (0, &leaves[..])).collect();
            let built = queue_tree(&division(10_000, &devices), STYLE, &BTreeMap::new(), slot).unwrap();
            for (place, floor) in floors.iter().enumerate() {
                let minor = slot(device(place as u8 + 1)).unwrap().class_minor(TrafficClass::Web);
                prop_assert_eq!(built.tree.classes[&minor].rate.as_bps(), (floor * 1_000).max(RATE_MIN));
            }
        }
    }
}
