//! Floors in force: up at once, down slowly, never above what is above them.

use allocate::{
    AggregateClaim, DEADBAND_MIN, DEADBAND_PERMILLE, DWELL, DeviceClaim, FloorGate, Settings, allocate,
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

/// One aggregate that asks for `asked[s]` kbit/s of floor in second `s` has `expected[s]` in force.
fn check(asked: &[u64], expected: &[u64]) {
    let mut gate = FloorGate::new();
    let floors: Vec<u64> = asked
        .iter()
        .zip(0u64..)
        .map(|(&asked, second)| {
            let proposed = divide(100_000, &[device(1, vec![web(asked, asked)])]);
            let settled = gate.settle(&proposed, START + Duration::from_secs(second));
            assert_eq!(settled.devices[0].floor, settled.devices[0].aggregates[0].floor);
            settled.devices[0].floor.as_kbps()
        })
        .collect();
    assert_eq!(floors, expected, "{asked:?}");
}

#[test]
fn up_at_once_and_down_after_the_dwell() {
    check(&[1_000, 2_000, 2_000], &[1_000, 2_000, 2_000]);
    check(&[2_000, 1_000, 1_000, 1_000, 1_000], &[2_000, 2_000, 2_000, 1_000, 1_000]);
    // Down to the most that was asked for meanwhile, and not at all if it comes back.
    check(&[2_000, 500, 1_500, 400, 400], &[2_000, 2_000, 2_000, 1_500, 1_500]);
    check(&[2_000, 500, 2_000, 500, 500, 500], &[2_000, 2_000, 2_000, 2_000, 2_000, 500]);
}

#[test]
fn noise_moves_nothing_for_long() {
    check(&[2_000, 1_910, 1_990, 1_920, 1_950, 1_901, 2_000], &[2_000; 7]);
    // A little more waits for the dwell, then the floor is what was asked for: a guarantee is kept whole.
    check(&[2_000, 2_050, 2_050, 2_050], &[2_000, 2_000, 2_050, 2_050]);
}

#[test]
fn small_floors_come_and_go_whole() {
    check(&[30, 30, 0, 0, 0], &[30, 30, 30, 30, 0]);
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
    assert_eq!(gate.settle(&lower, START + DWELL).devices[0].floor, BitRate::from_kbps(1_000));
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
    let other_rates = divide(10_000, &[device(1, vec![web(2_000, 1_000)]), device(2, vec![web(8_000, 1_000)])]);
    assert!(!worth(&other_rates, 1));
    assert!(worth(&other_rates, 2));
    let noise = divide(10_000, &[device(1, vec![web(4_020, 1_000)]), device(2, vec![web(8_000, 1_000)])]);
    assert!(!worth(&noise, 100));
    // The second has the same, but now it wants no more.
    let mut fed = base.clone();
    fed.devices[1].aggregates[0].bound = Bound::Demand;
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
                    let deadband = part.floor.mul_ratio(DEADBAND_PERMILLE, 1_000).max(DEADBAND_MIN);
                    prop_assert!(part.floor + deadband >= asked.floor, "{:?} asks {}", part, asked.floor);
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
        // What was on its way arrives within two dwells; then nothing moves, and no plan is worth applying.
        for _ in 0..5 {
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
}
