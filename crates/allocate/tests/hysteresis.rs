//! Floors in force: up at once, down slowly, never above what is above them.

use allocate::{
    AggregateClaim, CALM, DEADBAND_MIN, DEADBAND_PERMILLE, DeviceClaim, FloorGate, NOISE_PERMILLE, Settings, allocate,
    is_worth_applying,
};
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;
use std::time::Duration;
use vocab::{
    BitRate, Bound, DeviceId, Directed, Division, LinkId, MacAddress, Plan, PlanId, Priority, Timestamp, TrafficClass,
    Weight,
};

const START: Timestamp = Timestamp::from_unix_secs(1_700_000_000);

fn id(number: u8) -> DeviceId {
    DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]))
}

fn web(kbps: u64, guarantee: u64) -> AggregateClaim {
    AggregateClaim {
        class: TrafficClass::Web,
        demand: BitRate::from_kbps(kbps),
        guarantee: BitRate::from_kbps(guarantee),
        ceiling: BitRate::MAX,
        forecast_floor: None,
    }
}

fn device(number: u8, aggregates: Vec<AggregateClaim>) -> DeviceClaim {
    DeviceClaim {
        device: id(number),
        priority: Priority::NORMAL,
        weight: Weight::ONE,
        guarantee: BitRate::ZERO,
        ceiling: BitRate::MAX,
        aggregates,
    }
}

fn divide(capacity: u64, claims: &[DeviceClaim]) -> Division {
    allocate(BitRate::from_kbps(capacity), claims, Settings::default())
}

/// One aggregate that asks for `asked` kbit/s of floor, so long (s), has `expected` in force at the end of each time.
fn check(asked: &[(u64, u64)], expected: &[u64]) {
    let mut gate = FloorGate::new();
    let mut now = START;
    let mut floors = Vec::new();
    for &(asked, seconds) in asked {
        let mut floor = 0;
        for _ in 0..seconds {
            let proposed = divide(100_000, &[device(1, vec![web(asked, asked)])]);
            let settled = gate.settle(&proposed, now);
            assert_eq!(settled.devices[0].floor, settled.devices[0].aggregates[0].floor);
            floor = settled.devices[0].floor.as_kbps();
            now = now + Duration::from_secs(1);
        }
        floors.push(floor);
    }
    assert_eq!(floors, expected, "{asked:?}");
}

#[test]
fn up_at_once_and_down_when_it_is_calm() {
    check(&[(1_000, 1), (2_000, 1), (2_000, 1)], &[1_000, 2_000, 2_000]);
    check(&[(2_000, 1), (1_000, 10), (1_000, 1)], &[2_000, 2_000, 1_000]);
    // Down to the most that was asked for meanwhile, and not at all if it comes back.
    check(&[(2_000, 1), (500, 9), (900, 2), (400, 9)], &[2_000, 2_000, 900, 900]);
    check(&[(2_000, 1), (500, 9), (2_000, 1), (500, 9)], &[2_000; 4]);
}

#[test]
fn noise_moves_nothing() {
    check(&[(2_000, 1), (1_400, 30), (2_900, 30), (1_340, 30)], &[2_000; 4]);
}

#[test]
fn small_floors_come_and_go_whole() {
    check(&[(30, 2), (0, 10), (0, 1)], &[30, 30, 0]);
}

/// The first has 8 Mbit/s of floor for what it is foreseen to want; then `rival` kbit/s are wanted beside it.
fn beside(rival: u64, seconds: u64) -> u64 {
    let streaming = |floor| AggregateClaim { forecast_floor: Some(BitRate::from_kbps(floor)), ..web(10_000, 0) };
    let mut gate = FloorGate::new();
    gate.settle(&divide(10_000, &[device(1, vec![streaming(8_000)])]), START);
    let contested = divide(10_000, &[device(1, vec![streaming(8_000)]), device(2, vec![web(rival, 0)])]);
    let settled = |second| gate.clone().settle(&contested, START + Duration::from_secs(second));
    let mut floor = settled(1).devices[0].floor;
    for second in 1..=seconds {
        floor = gate.settle(&contested, START + Duration::from_secs(second)).devices[0].floor;
    }
    floor.as_kbps()
}

#[test]
fn who_is_held_back_keeps_no_floor_above_what_is_planned() {
    assert_eq!(beside(1_000, 20), 8_000);
    assert_eq!(beside(10_000, 2), 8_000);
    assert_eq!(beside(10_000, 3), 5_000);
}

#[test]
fn who_is_held_back_has_a_guarantee_whole() {
    let both = |owed| divide(10_000, &[device(1, vec![web(10_000, owed)]), device(2, vec![web(10_000, 0)])]);
    let mut gate = FloorGate::new();
    gate.settle(&both(4_000), START);
    let floor = |gate: &mut FloorGate, owed, second| {
        gate.settle(&both(owed), START + Duration::from_secs(second)).devices[0].floor.as_kbps()
    };
    assert_eq!(floor(&mut gate, 4_100, 1), 4_000, "less than the deadband waits for the dwell");
    assert_eq!(floor(&mut gate, 4_100, 2), 4_100);
    assert_eq!(floor(&mut gate, 4_400, 3), 4_400);
}

#[test]
fn background_yields_its_floor_at_once() {
    let claims = [device(1, vec![AggregateClaim { class: TrafficClass::Backup, ..web(5_000, 5_000) }])];
    let mut gate = FloorGate::new();
    let before = gate.settle(&divide(10_000, &claims), START);
    assert_eq!(before.devices[0].floor, BitRate::from_kbps(5_000));
    let early = Settings { early_yielding: true, ..Settings::default() };
    let after = gate.settle(&allocate(BitRate::from_kbps(10_000), &claims, early), START + Duration::from_secs(1));
    assert_eq!(after.devices[0].floor, BitRate::ZERO);
}

#[test]
fn a_floor_that_waits_gives_way_to_one_that_is_asked_for() {
    let mut gate = FloorGate::new();
    gate.settle(&divide(10_000, &[device(1, vec![web(9_000, 9_000)]), device(2, vec![web(0, 9_000)])]), START);
    let swapped = divide(10_000, &[device(1, vec![web(0, 9_000)]), device(2, vec![web(9_000, 9_000)])]);
    let settled = gate.settle(&swapped, START + Duration::from_secs(1));
    let floors: Vec<u64> = settled.devices.iter().map(|device| device.floor.as_kbps()).collect();
    assert_eq!(floors, [1_000, 9_000]);
}

#[test]
fn a_restart_takes_over_what_is_in_force() {
    let in_force = divide(10_000, &[device(1, vec![web(4_000, 4_000)])]);
    let mut gate = FloorGate::holding(&in_force, START);
    let lower = divide(10_000, &[device(1, vec![web(1_000, 4_000)])]);
    assert_eq!(gate.settle(&lower, START).devices[0].floor, BitRate::from_kbps(4_000));
    assert_eq!(gate.settle(&lower, START + CALM).devices[0].floor, BitRate::from_kbps(1_000));
}

fn plan(division: &Division, second: u64) -> Plan {
    Plan {
        id: PlanId(second),
        link: LinkId(0),
        at: START + Duration::from_secs(second),
        directions: Directed { download: division.clone(), upload: Division::default() },
    }
}

#[test]
fn what_is_worth_a_plan() {
    let base = divide(10_000, &[device(1, vec![web(4_000, 1_000)]), device(2, vec![web(8_000, 1_000)])]);
    let in_force = plan(&base, 0);
    let worth = |division: &Division, second| is_worth_applying(&in_force, &plan(division, second));
    assert!(!worth(&base, 100));
    let other_floor = divide(10_000, &[device(1, vec![web(4_000, 1_001)]), device(2, vec![web(8_000, 1_000)])]);
    assert!(worth(&other_floor, 1));
    // The first wants twice as much, so that both are held back; and a third one comes that has a part of it.
    let more = divide(10_000, &[device(1, vec![web(8_000, 1_000)]), device(2, vec![web(8_000, 1_000)])]);
    assert!(!worth(&more, 1));
    assert!(worth(&more, 2));
    let noise = divide(10_000, &[device(1, vec![web(4_800, 1_000)]), device(2, vec![web(8_000, 1_000)])]);
    assert!(!worth(&noise, 100));
    // The second has the same, or a little less, but now it wants no more; or hardly anything.
    let mut fed = base.clone();
    fed.devices[1].aggregates[0].bound = Bound::Demand;
    assert!(!worth(&fed, 100));
    fed.devices[1].aggregates[0].rate = BitRate::from_kbps(3_000);
    assert!(!worth(&fed, 1));
    assert!(worth(&fed, 2));
    assert!(worth(&divide(9_999, &[device(1, vec![web(4_000, 1_000)]), device(2, vec![web(8_000, 1_000)])]), 1));
    assert!(worth(&divide(10_000, &[device(1, vec![web(4_000, 1_000)])]), 1));
}

fn laws() -> ProptestConfig {
    let rng_algorithm = RngAlgorithm::XorShift;
    ProptestConfig { cases: 10_000, failure_persistence: None, rng_algorithm, ..ProptestConfig::default() }
}

/// Three devices of three classes; in each round other demands and another capacity.
fn rounds() -> impl Strategy<Value = Vec<(u64, u64, Vec<u64>, bool)>> {
    let demands = prop::collection::vec(prop_oneof![1 => Just(0u64), 3 => 0u64..6_000], 9..=9);
    prop::collection::vec((0u64..3, 2_000u64..20_000, demands, prop::bool::weighted(0.2)), 1..10)
}

fn household(demands: &[u64], limits: &[(u64, u64)]) -> Vec<DeviceClaim> {
    let classes = [TrafficClass::Call, TrafficClass::Web, TrafficClass::Download];
    demands
        .chunks(3)
        .zip(1u8..)
        .map(|(demands, number)| {
            let aggregates = classes
                .into_iter()
                .zip(demands)
                .zip(limits)
                .map(|((class, &demand), &(guarantee, forecast))| AggregateClaim {
                    class,
                    forecast_floor: Some(BitRate::from_kbps(forecast)),
                    ..web(demand, guarantee)
                })
                .collect();
            DeviceClaim { ceiling: BitRate::from_kbps(5_000 * u64::from(number)), ..device(number, aggregates) }
        })
        .collect()
}

proptest! {
    #![proptest_config(laws())]

    #[test]
    fn never_above_what_is_above_and_never_much_below_what_is_asked(
        rounds in rounds(),
        limits in prop::collection::vec((0u64..3_000, 0u64..5_000), 3..=3),
    ) {
        let mut gate = FloorGate::new();
        let mut now = START;
        for (seconds, capacity, demands, early_yielding) in rounds {
            now = now + Duration::from_secs(seconds);
            let settings = Settings { early_yielding, ..Settings::default() };
            let proposed = allocate(BitRate::from_kbps(capacity), &household(&demands, &limits), settings);
            let settled = gate.settle(&proposed, now);
            prop_assert!(settled.devices.iter().map(|device| device.floor).sum::<BitRate>() <= settled.capacity);
            for (device, asked) in settled.devices.iter().zip(&proposed.devices) {
                prop_assert!(device.floor <= device.ceiling);
                prop_assert!(device.aggregates.iter().map(|part| part.floor).sum::<BitRate>() <= device.floor);
                for (part, asked) in device.aggregates.iter().zip(&asked.aggregates) {
                    prop_assert!(part.floor <= part.ceiling, "{:?}", part);
                    let noise = part.floor.mul_ratio(NOISE_PERMILLE, 1_000).max(part.floor + DEADBAND_MIN);
                    prop_assert!(noise >= asked.floor, "{:?} asks {}", part, asked.floor);
                    let deadband = part.floor.mul_ratio(DEADBAND_PERMILLE, 1_000).max(DEADBAND_MIN);
                    let owed = if part.bound == Bound::Demand { BitRate::ZERO } else { part.guaranteed.min(asked.floor) };
                    prop_assert!(part.floor + deadband >= owed, "{:?} is owed {}", part, owed);
                    prop_assert!(part.floor > BitRate::ZERO || asked.floor == BitRate::ZERO);
                    prop_assert_eq!(part.rate, asked.rate);
                }
            }
        }
    }

    #[test]
    fn nothing_moves_at_constant_demand(
        rounds in rounds(),
        limits in prop::collection::vec((0u64..3_000, 0u64..5_000), 3..=3),
    ) {
        let mut gate = FloorGate::new();
        let mut now = START;
        let mut last = Division::default();
        for (seconds, capacity, demands, early_yielding) in rounds {
            now = now + Duration::from_secs(seconds);
            let settings = Settings { early_yielding, ..Settings::default() };
            last = allocate(BitRate::from_kbps(capacity), &household(&demands, &limits), settings);
            gate.settle(&last, now);
        }
        // What was on its way arrives; then nothing moves, and no plan is worth applying.
        for _ in 0..25 {
            now = now + Duration::from_secs(1);
            gate.settle(&last, now);
        }
        let rest = gate.settle(&last, now);
        for second in 1..20 {
            let still = gate.settle(&last, now + Duration::from_secs(second));
            prop_assert_eq!(&still, &rest);
            prop_assert!(!is_worth_applying(&plan(&rest, 0), &plan(&still, second)));
        }
    }

    /// A household for a minute: calls and films whose demand and forecasts move by a fifth up and down with every
    /// second, background that comes and goes in it, and downloads that want all there is.
    #[test]
    fn constant_demand_with_noise_is_quiet_and_a_step_is_not(
        calls in prop::collection::vec(50u64..1_500, 1..3),
        films in prop::collection::vec(500u64..4_000, 1..3),
        hungry in 0usize..3,
        noise in prop::collection::vec(800u64..=1_200, 60 * 8),
    ) {
        let capacity = 20_000;
        let mut noise = noise.into_iter().cycle();
        let mut claims = |hungry: usize| {
            let mut claims = Vec::new();
            let mut number = 0;
            let mut claim = |class, kbps: u64, floor: u64| {
                number += 1;
                let forecast_floor = Some(BitRate::from_kbps(floor));
                claims.push(device(number, vec![AggregateClaim { class, forecast_floor, ..web(kbps, 0) }]));
            };
            for (class, means) in [(TrafficClass::Voice, &calls), (TrafficClass::Streaming, &films)] {
                for mean in means {
                    let mut noisy = || mean * noise.next().unwrap_or(1_000) / 1_000;
                    claim(class, noisy(), noisy());
                }
            }
            for place in 0..3 {
                claim(TrafficClass::Download, if place < hungry { capacity } else { 0 }, 0);
            }
            claims
        };
        let mut gate = FloorGate::new();
        let mut in_force = plan(&gate.settle(&divide(capacity, &claims(hungry)), START), 0);
        for second in 1..60 {
            let settled = gate.settle(&divide(capacity, &claims(hungry)), START + Duration::from_secs(second));
            let proposed = plan(&settled, second);
            if is_worth_applying(&in_force, &proposed) {
                prop_assert!(second <= 10, "in second {}", second);
                in_force = proposed;
            }
        }
        let settled = gate.settle(&divide(capacity, &claims(hungry + 1)), START + Duration::from_secs(60));
        prop_assert!(hungry == 0 || is_worth_applying(&in_force, &plan(&settled, 60)));
    }
}
