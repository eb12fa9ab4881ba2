//! The laws of `docs/law.md`, each asserted on ten thousand random households.
//!
//! Rates are rounded down to whole bit/s at every node, so sums may lack a bit for each claim: `slack`.

use allocate::{
    AggregateClaim, Claim, ClaimKind, DeviceClaim, Portion, Settings, Yielding, allocate, check_change, check_policy,
    divide, owed, resolve_guarantee,
};
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::RngAlgorithm;
use std::collections::BTreeMap;
use vocab::{
    Allocation, BitRate, Bound, DeviceAllocation, DeviceId, DevicePolicy, Directed, Direction, Division, Guarantee,
    MacAddress, Policy, PolicyRefused, Priority, PriorityLevels, Share, Tier, TrafficClass, Weight,
};

const CASES: u32 = 10_000;

fn laws() -> ProptestConfig {
    // The xorshift generator, because dependencies are not optimised in tests: ten times as fast.
    let rng_algorithm = RngAlgorithm::XorShift;
    ProptestConfig { cases: CASES, failure_persistence: None, rng_algorithm, ..ProptestConfig::default() }
}

/// A rate that is often zero, often small beside the capacity, and sometimes absurd.
fn rate() -> impl Strategy<Value = BitRate> {
    prop_oneof![
        2 => Just(BitRate::ZERO),
        8 => (0u64..100_000).prop_map(BitRate::from_bps),
        2 => (0u64..20).prop_map(|steps| BitRate::from_bps(steps * 5_000)),
        1 => (0u64..1 << 45).prop_map(BitRate::from_bps),
    ]
}

fn ceiling() -> impl Strategy<Value = BitRate> {
    prop_oneof![3 => Just(BitRate::MAX), 2 => (0u64..100_000).prop_map(BitRate::from_bps)]
}

fn guarantee() -> impl Strategy<Value = BitRate> {
    prop_oneof![3 => Just(BitRate::ZERO), 2 => (0u64..30_000).prop_map(BitRate::from_bps)]
}

fn capacity() -> impl Strategy<Value = BitRate> {
    prop_oneof![6 => 0u64..200_000, 1 => 0u64..100, 1 => 0u64..1 << 42].prop_map(BitRate::from_bps)
}

fn weight() -> impl Strategy<Value = Weight> {
    prop_oneof![2 => Just(1_000u32), 2 => 1u32..5_000, 1 => 1u32..=1_000_000]
        .prop_map(|thousandths| Weight::from_thousandths(thousandths).expect("in range"))
}

fn aggregates() -> impl Strategy<Value = Vec<AggregateClaim>> {
    subsequence(TrafficClass::ALL.to_vec(), 0..=5)
        .prop_flat_map(|classes| {
            let rates = prop::collection::vec(
                (rate(), guarantee(), ceiling(), prop::option::of(rate())),
                classes.len()..=classes.len(),
            );
            (Just(classes), rates)
        })
        .prop_map(|(classes, rates)| {
            classes
                .into_iter()
                .zip(rates)
                .map(|(class, (demand, guarantee, ceiling, forecast_floor))| AggregateClaim {
                    class,
                    demand,
                    guarantee,
                    ceiling,
                    forecast_floor,
                })
                .collect()
        })
}

fn priority() -> impl Strategy<Value = Priority> {
    (1u8..=5).prop_map(|level| Priority::new(level).expect("1 to 5"))
}

fn device_claim() -> impl Strategy<Value = DeviceClaim> {
    (priority(), weight(), guarantee(), ceiling(), aggregates()).prop_map(
        |(priority, weight, guarantee, ceiling, aggregates)| DeviceClaim {
            device: id(0),
            priority,
            weight,
            guarantee,
            ceiling,
            aggregates,
        },
    )
}

fn household() -> impl Strategy<Value = Vec<DeviceClaim>> {
    prop::collection::vec(device_claim(), 0..=6).prop_map(|mut devices| {
        for (place, device) in devices.iter_mut().enumerate() {
            device.device = id(place as u8 + 1);
        }
        devices
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    (prop_oneof![3 => Just(500u16), 1 => 0u16..=1_000], prop::bool::weighted(0.3)).prop_map(
        |(protected_permille, early_yielding)| Settings {
            protected_permille,
            early_yielding,
            levels: PriorityLevels::Five,
        },
    )
}

fn id(number: u8) -> DeviceId {
    DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]))
}

/// One bit/s for each claim and node: what rounding down may cost in all.
fn slack(devices: &[DeviceClaim]) -> u128 {
    devices.iter().map(|device| 2 + device.aggregates.len() as u128).sum::<u128>() + 2
}

fn bits(rate: BitRate) -> u128 {
    u128::from(rate.as_bps())
}

fn parts(division: &Division) -> impl Iterator<Item = (&DeviceAllocation, &Allocation)> {
    division.devices.iter().flat_map(|device| device.aggregates.iter().map(move |part| (device, part)))
}

/// What an aggregate can use: `T = min(demand, ceiling)`.
fn useful(claim: &AggregateClaim) -> u128 {
    bits(claim.demand.min(claim.ceiling))
}

fn claim_of(devices: &[DeviceClaim], device: DeviceId, class: TrafficClass) -> &AggregateClaim {
    let device = devices.iter().find(|claim| claim.device == device).expect("a device that claimed");
    device.aggregates.iter().find(|claim| claim.class == class).expect("a class that claimed")
}

fn device_of(devices: &[DeviceClaim], device: DeviceId) -> &DeviceClaim {
    devices.iter().find(|claim| claim.device == device).expect("a device that claimed")
}

fn yields(claim: &AggregateClaim, settings: Settings) -> bool {
    settings.early_yielding && claim.class.yields_early()
}

/// The floor of a device as the law states it, before the link makes all floors shrink.
fn floor_of(device: &DeviceClaim, settings: Settings) -> u128 {
    let steadfast = || device.aggregates.iter().filter(|claim| !yields(claim, settings));
    let own: u128 = steadfast().map(|claim| useful(claim).min(bits(claim.guarantee))).sum();
    let wanted: u128 = steadfast().map(useful).sum();
    bits(device.guarantee).min(wanted).max(own).min(bits(device.ceiling))
}

fn without_forecasts(devices: &[DeviceClaim]) -> Vec<DeviceClaim> {
    let mut devices = devices.to_vec();
    for aggregate in devices.iter_mut().flat_map(|device| &mut device.aggregates) {
        aggregate.forecast_floor = None;
    }
    devices
}

fn rate_of(division: &Division, device: DeviceId) -> u128 {
    let found = division.devices.iter().find(|allocation| allocation.device == device);
    bits(found.expect("every device has an allocation").rate)
}

proptest! {
    #![proptest_config(laws())]

    #[test]
    fn never_above_capacity_at_any_node(capacity in capacity(), devices in household(), settings in settings()) {
        let division = allocate(capacity, &devices, settings);
        prop_assert_eq!(division.devices.len(), devices.len());
        let sum = |value: fn(&DeviceAllocation) -> BitRate| division.devices.iter().map(|d| bits(value(d))).sum::<u128>();
        prop_assert!(sum(|device| device.rate) <= bits(capacity));
        prop_assert!(sum(|device| device.floor) <= bits(capacity));
        prop_assert!(sum(|device| device.rate + device.headroom) <= bits(capacity));
        for device in &division.devices {
            let claim = device_of(&devices, device.device);
            prop_assert_eq!(device.rate, device.aggregates.iter().map(|part| part.rate).sum());
            prop_assert!(device.aggregates.iter().map(|part| bits(part.floor)).sum::<u128>() <= bits(device.floor));
            prop_assert!(device.ceiling <= claim.ceiling.min(capacity));
            prop_assert!(device.rate + device.headroom <= device.ceiling);
            for part in &device.aggregates {
                prop_assert!(part.floor <= part.rate && part.rate <= part.ceiling && part.ceiling <= device.ceiling);
            }
        }
    }

    #[test]
    fn never_above_what_can_be_used(capacity in capacity(), devices in household(), settings in settings()) {
        for (device, part) in parts(&allocate(capacity, &devices, settings)) {
            prop_assert!(bits(part.rate) <= useful(claim_of(&devices, device.device, part.class)));
        }
    }

    #[test]
    fn work_conserving(capacity in capacity(), devices in household(), settings in settings()) {
        let division = allocate(capacity, &devices, settings);
        let slack = slack(&devices);
        let all: u128 = division.devices.iter().map(|device| bits(device.rate)).sum();
        let full = all + slack >= bits(capacity);
        let guaranteed = allocate(capacity, &without_forecasts(&devices), settings);
        let protected = || parts(&guaranteed).filter(|(_, part)| part.tier == Tier::PROTECTED);
        let beyond: u128 = protected().map(|(_, part)| bits(part.rate) - bits(part.floor)).sum();
        let most_beyond = bits(capacity) * u128::from(settings.protected_permille) / 1_000;
        prop_assert!(beyond <= most_beyond);
        for (device, part) in parts(&division) {
            if bits(part.rate) < useful(claim_of(&devices, device.device, part.class)) {
                let device_full = bits(device.rate) + slack >= bits(device.ceiling);
                let protected_full = part.tier == Tier::PROTECTED && beyond + slack >= most_beyond;
                prop_assert!(full || device_full || protected_full, "{:?} of {:?}", part, device);
            }
        }
        if !full {
            prop_assert_eq!(division.exhausted, None);
        }
        // Without ceilings and protected traffic that is the sum of all that is wanted, or all there is.
        let plain = devices.iter().all(|device| {
            device.ceiling == BitRate::MAX && device.aggregates.iter().all(|claim| !claim.class.is_protected())
        });
        if plain {
            let wanted: u128 = devices.iter().flat_map(|device| &device.aggregates).map(useful).sum();
            let all_there_is = wanted.min(bits(capacity));
            prop_assert!(all <= all_there_is && all + slack >= all_there_is);
        }
    }

    #[test]
    fn floors_are_kept_or_shrink_together(capacity in capacity(), devices in household(), settings in settings()) {
        let devices = without_forecasts(&devices);
        let division = allocate(capacity, &devices, settings);
        let slack = slack(&devices);
        let owed: u128 = devices.iter().map(|device| floor_of(device, settings)).sum();
        for device in &division.devices {
            let claim = device_of(&devices, device.device);
            let own = floor_of(claim, settings);
            let kept = if owed > bits(capacity) { own * bits(capacity) / owed } else { own };
            prop_assert!(bits(device.floor).abs_diff(kept) <= slack, "{:?} is owed {}", device, kept);
            if owed <= bits(capacity) && claim.ceiling == BitRate::MAX {
                for part in &device.aggregates {
                    let aggregate = claim_of(&devices, device.device, part.class);
                    let own = if yields(aggregate, settings) { 0 } else { useful(aggregate).min(bits(aggregate.guarantee)) };
                    prop_assert!(bits(part.floor) >= own);
                }
            }
        }
    }

    #[test]
    fn no_inversion(capacity in capacity(), devices in household(), settings in settings()) {
        let devices = without_forecasts(&devices);
        let division = allocate(capacity, &devices, settings);
        // Held back by the tiers, that is below every ceiling.
        let held = |part: &Allocation| matches!(part.bound, Bound::Share { .. } | Bound::Guarantee);
        let first = parts(&division).filter(|(_, part)| held(part)).map(|(_, part)| part.tier).min();
        prop_assert_eq!(division.exhausted, first);
        if let Some(first) = first {
            for (_, part) in parts(&division).filter(|(_, part)| part.tier > first) {
                prop_assert_eq!(part.rate, part.floor);
            }
        }
        // The same inside a device, by class order.
        for device in &division.devices {
            let unsatisfied = |part: &&Allocation| !matches!(part.bound, Bound::Demand | Bound::Ceiling);
            for earlier in device.aggregates.iter().filter(unsatisfied) {
                for later in &device.aggregates {
                    if earlier.tier == later.tier && earlier.class.order() < later.class.order() {
                        prop_assert_eq!(later.rate, later.floor);
                    }
                }
            }
        }
    }

    #[test]
    fn equal_claims_get_equal_shares(
        capacity in capacity(),
        devices in household(),
        twin in device_claim(),
        settings in settings(),
    ) {
        let mut devices = devices;
        devices.push(DeviceClaim { device: id(100), ..twin.clone() });
        devices.push(DeviceClaim { device: id(101), ..twin });
        let division = allocate(capacity, &devices, settings);
        let [.., first, second] = division.devices.as_slice() else { panic!("the twins come last") };
        prop_assert_eq!(first, &DeviceAllocation { device: id(100), ..second.clone() });
    }

    #[test]
    fn the_order_of_input_does_not_matter(
        capacity in capacity(),
        (devices, shuffled) in household().prop_flat_map(|devices| (Just(devices.clone()), Just(devices).prop_shuffle())),
        settings in settings(),
    ) {
        let mut shuffled = shuffled;
        shuffled.iter_mut().for_each(|device| device.aggregates.reverse());
        prop_assert_eq!(allocate(capacity, &devices, settings), allocate(capacity, &shuffled, settings));
    }

    #[test]
    fn totals_are_max_min_fair_by_weight(capacity in capacity(), devices in household(), settings in settings()) {
        let devices = without_forecasts(&devices);
        let division = allocate(capacity, &devices, settings);
        let slack = slack(&devices);
        let Some(tier) = division.exhausted else { return Ok(()) };
        // What each device has in the tier that ran out; a device at its floor stands above the level.
        let mut levels: BTreeMap<DeviceId, BitRate> = BTreeMap::new();
        for device in &division.devices {
            let weight = u128::from(device_of(&devices, device.device).weight.thousandths());
            let in_tier: Vec<&Allocation> = device.aggregates.iter().filter(|part| part.tier == tier).collect();
            let total: u128 = in_tier.iter().map(|part| bits(part.rate)).sum();
            for part in in_tier {
                if let Bound::Share { tier: told, level } = part.bound {
                    prop_assert_eq!(told, tier);
                    levels.insert(device.device, level);
                    prop_assert!(total <= (bits(level) + 1) * weight / 1_000 + slack);
                    prop_assert!(total + slack >= bits(level) * weight / 1_000);
                }
            }
        }
        let mut told = levels.values();
        if let Some(first) = told.next() {
            prop_assert!(told.all(|level| level == first), "one level for the tier: {:?}", levels);
        }
        // Nobody who could rise stands below the level.
        if let Some(level) = levels.values().next() {
            for device in &division.devices {
                let weight = u128::from(device_of(&devices, device.device).weight.thousandths());
                let total: u128 =
                    device.aggregates.iter().filter(|part| part.tier == tier).map(|part| bits(part.rate)).sum();
                let held = device.aggregates.iter().any(|part| part.tier == tier && part.bound == Bound::Guarantee);
                prop_assert!(!held || total + slack >= bits(*level) * weight / 1_000);
            }
        }
    }

    #[test]
    fn monotone_in_capacity(capacity in capacity(), more in 0u64..100_000, devices in household(), settings in settings()) {
        let less = allocate(capacity, &devices, settings);
        let more = allocate(capacity + BitRate::from_bps(more), &devices, settings);
        for device in &less.devices {
            prop_assert!(rate_of(&more, device.device) + slack(&devices) >= bits(device.rate));
        }
        // Of an aggregate alone this holds where its device's ceiling does not make its tiers compete.
        for (device, part) in parts(&less).filter(|(device, _)| device_of(&devices, device.device).ceiling == BitRate::MAX) {
            let same = parts(&more).find(|(other, after)| other.device == device.device && after.class == part.class);
            let after = same.expect("the same aggregates").1;
            prop_assert!(bits(after.rate) + slack(&devices) >= bits(part.rate), "{:?} then {:?}", part, after);
        }
    }

    #[test]
    fn monotone_in_own_demand(
        capacity in capacity(),
        devices in household(),
        (place, class, more) in (0usize..6, 0usize..5, 1u64..100_000),
        settings in settings(),
    ) {
        let mut hungrier = devices.clone();
        let Some(aggregate) = hungrier.get_mut(place).and_then(|device| device.aggregates.get_mut(class)) else {
            return Ok(());
        };
        aggregate.demand += BitRate::from_bps(more);
        let (device, class) = (devices[place].device, aggregate.class);
        let rate = |devices: &[DeviceClaim]| {
            let division = allocate(capacity, devices, settings);
            let found = parts(&division).find(|(other, part)| other.device == device && part.class == class);
            bits(found.expect("it claims").1.rate)
        };
        prop_assert!(rate(&hungrier) + slack(&devices) >= rate(&devices));
    }

    #[test]
    fn monotone_in_own_priority(capacity in capacity(), devices in household(), place in 0usize..6, settings in settings()) {
        let mut raised = devices.clone();
        let Some(device) = raised.get_mut(place) else { return Ok(()) };
        let Some(priority) = Priority::new(device.priority.level() - 1) else { return Ok(()) };
        device.priority = priority;
        let id = device.device;
        let before = rate_of(&allocate(capacity, &devices, settings), id);
        prop_assert!(rate_of(&allocate(capacity, &raised, settings), id) + slack(&devices) >= before);
    }

    #[test]
    fn a_newcomer_raises_nobody(
        capacity in capacity(),
        devices in household(),
        newcomer in device_claim(),
        settings in settings(),
    ) {
        let before = allocate(capacity, &devices, settings);
        let mut devices = devices;
        devices.push(DeviceClaim { device: id(100), ..newcomer });
        let after = allocate(capacity, &devices, settings);
        for device in &before.devices {
            prop_assert!(rate_of(&after, device.device) <= bits(device.rate) + slack(&devices));
        }
    }

    #[test]
    fn no_change_in_no_change_out(capacity in capacity(), devices in household(), settings in settings()) {
        let division = allocate(capacity, &devices, settings);
        prop_assert_eq!(&division, &allocate(capacity, &devices, settings));
        // And who wants just what they got gets it again.
        let mut content = devices.clone();
        for device in &mut content {
            for claim in &mut device.aggregates {
                let found = parts(&division).find(|(other, part)| other.device == device.device && part.class == claim.class);
                claim.demand = found.expect("it claims").1.rate;
            }
        }
        let again = allocate(capacity, &content, settings);
        for ((_, before), (_, after)) in parts(&division).zip(parts(&again)) {
            prop_assert_eq!(before.rate, after.rate);
            prop_assert_eq!(after.bound, Bound::Demand);
        }
    }

    #[test]
    fn the_same_in_bits_as_in_kilobits(capacity in capacity(), devices in household(), settings in settings()) {
        let thousand = |rate: BitRate| if rate == BitRate::MAX { rate } else { rate.mul_ratio(1_000, 1) };
        let mut kilo = devices.clone();
        for device in &mut kilo {
            device.guarantee = thousand(device.guarantee);
            device.ceiling = thousand(device.ceiling);
            for claim in &mut device.aggregates {
                claim.demand = thousand(claim.demand);
                claim.guarantee = thousand(claim.guarantee);
                claim.ceiling = thousand(claim.ceiling);
                claim.forecast_floor = claim.forecast_floor.map(thousand);
            }
        }
        let small = allocate(capacity, &devices, settings);
        let large = allocate(thousand(capacity), &kilo, settings);
        for ((_, small), (_, large)) in parts(&small).zip(parts(&large)) {
            prop_assert!((bits(small.rate) * 1_000).abs_diff(bits(large.rate)) <= 1_000 * slack(&devices));
            prop_assert!((bits(small.floor) * 1_000).abs_diff(bits(large.floor)) <= 1_000 * slack(&devices));
        }
    }

    #[test]
    fn forecasts_move_floors_and_nothing_else(capacity in capacity(), devices in household(), settings in settings()) {
        let plain = allocate(capacity, &without_forecasts(&devices), settings);
        let foreseen = allocate(capacity, &devices, settings);
        prop_assert_eq!(plain.exhausted, foreseen.exhausted);
        let slack = slack(&devices);
        let fits = devices.iter().map(|device| floor_of(device, settings)).sum::<u128>() <= bits(capacity);
        for ((device, plain), (_, foreseen)) in parts(&plain).zip(parts(&foreseen)) {
            prop_assert_eq!(Allocation { floor: plain.floor, ..*foreseen }, *plain);
            let claim = claim_of(&devices, device.device, plain.class);
            let device = device_of(&devices, device.device);
            if yields(claim, settings) {
                prop_assert_eq!(foreseen.floor, BitRate::ZERO);
            } else if fits && device.ceiling == BitRate::MAX && device.guarantee == BitRate::ZERO {
                // Where nothing else moves floors, it is what is foreseen or guaranteed, within the rate.
                let asked = claim.forecast_floor.unwrap_or_default().min(plain.rate).max(plain.floor);
                prop_assert!(bits(foreseen.floor).abs_diff(bits(asked)) <= slack, "{:?} asks {}", foreseen, asked);
            }
        }
    }

    #[test]
    fn early_yielding_takes_floors_and_leaves_ceilings(capacity in capacity(), devices in household(), settings in settings()) {
        let devices = without_forecasts(&devices);
        let never = allocate(capacity, &devices, Settings { early_yielding: false, ..settings });
        let early = allocate(capacity, &devices, Settings { early_yielding: true, ..settings });
        prop_assert!(early.early_yielding);
        for ((_, before), (_, after)) in parts(&never).zip(parts(&early)) {
            if before.class.yields_early() {
                prop_assert_eq!(after.floor, BitRate::ZERO);
                prop_assert_eq!(after.ceiling, before.ceiling);
                prop_assert!(after.tier > Priority::new(5).expect("five levels").tier());
            } else {
                prop_assert_eq!(after.tier, before.tier);
            }
        }
        let background = |division: &Division| -> u128 {
            parts(division).filter(|(_, part)| part.class.yields_early()).map(|(_, part)| bits(part.rate)).sum()
        };
        prop_assert!(background(&early) <= background(&never) + slack(&devices));
    }

    #[test]
    fn every_reason_is_true(capacity in capacity(), devices in household(), settings in settings()) {
        let devices = without_forecasts(&devices);
        let division = allocate(capacity, &devices, settings);
        let slack = slack(&devices);
        for (device, part) in parts(&division) {
            let claim = claim_of(&devices, device.device, part.class);
            match part.bound {
                Bound::Demand => prop_assert_eq!(part.rate, claim.demand),
                Bound::Ceiling => prop_assert!(part.rate == claim.ceiling && claim.ceiling < claim.demand),
                Bound::DeviceCeiling => {
                    prop_assert!(bits(part.rate) < useful(claim));
                    prop_assert!(bits(device.rate) + slack >= bits(device_of(&devices, device.device).ceiling));
                }
                Bound::ProtectedCeiling => {
                    prop_assert!(bits(part.rate) < useful(claim));
                    prop_assert!(claim.class.is_protected());
                }
                Bound::Guarantee => {
                    prop_assert!(bits(part.rate) < useful(claim));
                    prop_assert_eq!(part.rate, part.floor);
                    prop_assert!(division.exhausted.is_some_and(|tier| tier <= part.tier));
                }
                Bound::Share { tier, .. } => {
                    prop_assert!(bits(part.rate) < useful(claim));
                    prop_assert_eq!(tier, part.tier);
                    prop_assert_eq!(division.exhausted, Some(tier));
                }
            }
        }
    }

    #[test]
    fn a_group_around_all_devices_changes_nothing(capacity in capacity(), devices in household(), settings in settings()) {
        let claims: Vec<Claim> = devices.iter().map(tree).collect();
        let flat = divide(capacity, &claims, settings);
        let group = Claim {
            weight: Weight::ONE,
            order: 0,
            guarantee: BitRate::ZERO,
            ceiling: BitRate::MAX,
            kind: ClaimKind::Group(claims),
        };
        let grouped = divide(capacity, &[group], settings);
        prop_assert_eq!(flat.exhausted, grouped.exhausted);
        for (alone, inside) in flat.portions.iter().zip(&grouped.portions[0].parts) {
            prop_assert_eq!(alone, inside);
        }
    }

    #[test]
    fn groups_of_devices_obey_the_same_law(
        capacity in capacity(),
        groups in prop::collection::vec((household(), weight(), guarantee(), ceiling()), 0..=4),
        settings in settings(),
    ) {
        let claims: Vec<Claim> = groups
            .iter()
            .map(|(devices, weight, guarantee, ceiling)| Claim {
                weight: *weight,
                order: 0,
                guarantee: *guarantee,
                ceiling: *ceiling,
                kind: ClaimKind::Group(devices.iter().map(tree).collect()),
            })
            .collect();
        let divided = divide(capacity, &claims, settings);
        let slack: u128 = groups.iter().map(|(devices, ..)| slack(devices)).sum();
        let rate: u128 = divided.portions.iter().map(|portion| bits(portion.rate)).sum();
        prop_assert!(rate <= bits(capacity));
        for (portion, (_, _, guarantee, ceiling)) in divided.portions.iter().zip(&groups) {
            let inner: u128 = portion.parts.iter().map(|part| bits(part.rate)).sum();
            prop_assert_eq!(inner, bits(portion.rate));
            prop_assert!(portion.rate <= *ceiling && portion.rate + portion.headroom <= portion.ceiling);
            prop_assert!(portion.parts.iter().map(|part| bits(part.floor)).sum::<u128>() <= bits(portion.floor));
            let all_floors: u128 = divided.portions.iter().map(|portion| bits(portion.floor)).sum();
            prop_assert!(all_floors <= bits(capacity));
            let steadfast = !settings.early_yielding && all_floors + slack < bits(capacity);
            let full = bits(portion.rate) + slack >= bits(*guarantee).min(bits(*ceiling));
            // Content is who has all it can use, or whose device has: to the last bits, which rounding takes from a
            // ceiling that does not divide evenly.
            let content = portion.parts.iter().all(|device| {
                let device_full = bits(device.rate) + slack >= bits(device.ceiling);
                let at_its_bound = |part: &Portion| {
                    matches!(part.bound, Bound::Demand | Bound::Ceiling | Bound::DeviceCeiling)
                        || bits(part.rate) + slack >= bits(part.demand)
                };
                device_full || device.parts.iter().all(at_its_bound)
            });
            prop_assert!(!steadfast || full || content, "the guarantee of a group is kept: {:?}", portion);
        }
        prop_assert!(divided.exhausted.is_none() || rate + slack >= bits(capacity));
    }

    #[test]
    fn percentages_shrink_alike(capacity in capacity(), permille in 0u16..=1_000, devices in 0usize..200) {
        let owed = bits(resolve_guarantee(Guarantee::Permille(permille), capacity, devices));
        let devices = devices.max(1) as u128;
        prop_assert!(owed * devices <= bits(capacity));
        let asked = bits(capacity) * u128::from(permille) / 1_000;
        prop_assert!(owed == asked || owed == bits(capacity) / devices && owed < asked);
    }

    #[test]
    fn a_policy_holds_exactly_if_its_guarantees_fit(policy in policy(), (down, up) in (capacity(), capacity())) {
        let capacity = Directed { download: down, upload: up };
        let sum = |direction| {
            // The next device that comes has an id that the policy does not name.
            let ids = policy.devices.keys().copied().chain([id(250)]);
            ids.map(|device| bits(owed(&policy, device, direction))).sum::<u128>()
        };
        let too_much = Direction::ALL.into_iter().find(|&direction| sum(direction) > bits(capacity[direction]));
        let above_ceiling = policy.devices.iter().any(|(&device, own)| {
            Direction::ALL.into_iter().any(|direction| owed(&policy, device, direction) > own.share.ceiling[direction])
        });
        match check_policy(&policy, capacity) {
            Ok(()) => prop_assert!(too_much.is_none() && !above_ceiling),
            Err(PolicyRefused::GuaranteesExceedCapacity { direction, sum: told, capacity: there_is, room }) => {
                prop_assert_eq!(Some(direction), too_much);
                prop_assert_eq!(bits(told), sum(direction));
                prop_assert_eq!(there_is, capacity[direction]);
                prop_assert!(room <= there_is);
            }
            Err(PolicyRefused::GuaranteeAboveCeiling { guarantee, ceiling, .. }) => {
                prop_assert!(above_ceiling && guarantee > ceiling);
            }
            Err(refused @ PolicyRefused::PriorityOutOfRange { .. }) => panic!("all priorities are in range: {refused}"),
        }
    }

    #[test]
    fn the_room_told_is_the_room_there_is(
        policy in policy(),
        spare in (0u64..100_000).prop_map(BitRate::from_bps),
        asked in (1u64..200_000).prop_map(BitRate::from_bps),
    ) {
        let mut policy = policy;
        for device in policy.devices.values_mut() {
            device.share.ceiling = Share::default().ceiling;
        }
        let ids = policy.devices.keys().copied().chain([id(250)]);
        let taken: BitRate = ids.map(|device| owed(&policy, device, Direction::Download)).sum();
        let capacity = Directed { download: taken + spare, upload: BitRate::MAX };
        prop_assert_eq!(check_policy(&policy, capacity), Ok(()));
        let with = |rate: BitRate| {
            let mut after = policy.clone();
            let guarantee = Directed { download: Guarantee::Absolute(rate), upload: Guarantee::None };
            let share = Share { guarantee, ..Share::default() };
            // With no guarantees for classes the new device owes nobody else anything.
            let classes = TrafficClass::ALL.into_iter().map(|class| (class, Directed::default())).collect();
            after.devices.insert(id(200), DevicePolicy { name: None, share, classes });
            after
        };
        let change = check_change(&policy, &with(asked), capacity);
        prop_assert_eq!(change.is_ok(), asked <= spare);
        if let Err(refused) = change {
            let PolicyRefused::GuaranteesExceedCapacity { room, .. } = refused else { panic!("{refused}") };
            prop_assert_eq!(room, spare);
            prop_assert!(room < asked);
            prop_assert_eq!(check_change(&policy, &with(room), capacity), Ok(()));
            prop_assert!(check_change(&policy, &with(room + BitRate::from_bps(1)), capacity).is_err());
        }
    }
}

/// A device as a claim of the tree.
fn tree(device: &DeviceClaim) -> Claim {
    Claim {
        weight: device.weight,
        order: 0,
        guarantee: device.guarantee,
        ceiling: device.ceiling,
        kind: ClaimKind::Group(
            device
                .aggregates
                .iter()
                .map(|claim| Claim {
                    weight: Weight::ONE,
                    order: claim.class.order(),
                    guarantee: claim.guarantee,
                    ceiling: claim.ceiling,
                    kind: ClaimKind::Aggregate {
                        tier: if claim.class.is_protected() { Tier::PROTECTED } else { device.priority.tier() },
                        demand: claim.demand,
                        forecast_floor: claim.forecast_floor,
                        yielding: if claim.class.yields_early() { Yielding::Early } else { Yielding::Never },
                    },
                })
                .collect(),
        ),
    }
}

fn policy() -> impl Strategy<Value = Policy> {
    let promise = || {
        prop_oneof![
            2 => Just(Guarantee::None),
            3 => (0u64..40_000).prop_map(|bps| Guarantee::Absolute(BitRate::from_bps(bps))),
            2 => (0u16..=1_000).prop_map(Guarantee::Permille),
        ]
    };
    let both = move || (promise(), promise()).prop_map(|(download, upload)| Directed { download, upload });
    let rates = || (guarantee(), guarantee()).prop_map(|(download, upload)| Directed { download, upload });
    let ceilings = || (ceiling(), ceiling()).prop_map(|(download, upload)| Directed { download, upload });
    let device = (both(), ceilings(), prop::collection::btree_map(0usize..TrafficClass::COUNT, rates(), 0..=2));
    let default = prop_oneof![3 => Just(Directed::default()), 1 => both()];
    (prop::collection::vec(device, 0..=5), default, rates(), 0usize..TrafficClass::COUNT, prop::bool::weighted(0.2))
        .prop_map(|(devices, default, class_rates, class, for_class)| {
            let mut policy = Policy::default();
            policy.default_share.guarantee = default;
            if for_class {
                policy.classes[class].guarantee = class_rates;
            }
            for (place, (guarantee, ceiling, classes)) in devices.into_iter().enumerate() {
                let share = Share { guarantee, ceiling, ..Share::default() };
                let classes = classes.into_iter().map(|(class, rates)| (TrafficClass::ALL[class], rates)).collect();
                policy.devices.insert(id(place as u8 + 1), DevicePolicy { name: None, share, classes });
            }
            policy
        })
}
