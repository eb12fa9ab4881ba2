//! The law by example: who gets what, and the reason that is given.

use allocate::{AggregateClaim, DeviceClaim, Settings, allocate};
use vocab::{BitRate, DeviceId, Division, MacAddress, Priority, PriorityLevels, TrafficClass, Weight};

/// A device: name (one letter), priority, weight, guarantee, ceiling (0 for none), and its aggregates.
type Device<'a> = (char, u8, u32, u64, u64, &'a [Want<'a>]);

/// An aggregate: class, demand, guarantee, ceiling (0 for none), forecast floor.
type Want<'a> = (TrafficClass, u64, u64, u64, Option<u64>);

use TrafficClass::{Backup, Call, Download, Streaming, Unclassified, Update, Voice, Web, Work};

fn id(name: char) -> DeviceId {
    DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, name as u8]))
}

fn ceiling(mbps: u64) -> BitRate {
    if mbps == 0 { BitRate::MAX } else { BitRate::from_mbps(mbps) }
}

fn divide(capacity: u64, devices: &[Device<'_>], settings: Settings) -> Division {
    let claims: Vec<DeviceClaim> = devices
        .iter()
        .map(|&(name, priority, weight, guarantee, most, wants)| DeviceClaim {
            device: id(name),
            priority: Priority::new(priority).unwrap(),
            weight: Weight::from_thousandths(weight * 1_000).unwrap(),
            guarantee: BitRate::from_mbps(guarantee),
            ceiling: ceiling(most),
            aggregates: wants
                .iter()
                .map(|&(class, demand, guarantee, most, forecast_floor)| AggregateClaim {
                    class,
                    demand: BitRate::from_mbps(demand),
                    guarantee: BitRate::from_mbps(guarantee),
                    ceiling: ceiling(most),
                    forecast_floor: forecast_floor.map(BitRate::from_mbps),
                })
                .collect(),
        })
        .collect();
    allocate(BitRate::from_mbps(capacity), &claims, settings)
}

/// One line for each aggregate: `device class rate floor reason`, rates in Mbit/s; then what is left as
/// headroom by device, and the tier that ran out.
fn told(division: &Division) -> String {
    let mbps = |rate: BitRate| (rate.as_bps() as f64 / 1e6).to_string();
    let mut lines = Vec::new();
    for device in &division.devices {
        let name = ('A'..='Z').find(|&name| id(name) == device.device).unwrap();
        for part in &device.aggregates {
            let reason = match part.bound {
                vocab::Bound::Share { tier, level } => format!("share, tier {tier}, level {}", mbps(level)),
                bound => bound.name().to_owned(),
            };
            lines.push(format!("{name} {} {} {} {reason}", part.class, mbps(part.rate), mbps(part.floor)));
        }
        if device.headroom > BitRate::ZERO {
            lines.push(format!("{name} headroom {}", mbps(device.headroom)));
        }
    }
    if let Some(tier) = division.exhausted {
        lines.push(format!("ran out in tier {tier}"));
    }
    lines.join("\n")
}

fn check(capacity: u64, devices: &[Device<'_>], expected: &str) {
    check_with(Settings::default(), capacity, devices, expected);
}

fn check_with(settings: Settings, capacity: u64, devices: &[Device<'_>], expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(told(&divide(capacity, devices, settings)), expected.join("\n"), "{devices:?}");
    let mut backwards = devices.to_vec();
    backwards.reverse();
    assert_eq!(told(&divide(capacity, &backwards, settings)), expected.join("\n"), "backwards: {devices:?}");
}

#[test]
fn the_worked_example_of_the_law() {
    check(
        100,
        &[
            ('A', 1, 1, 0, 0, &[(Web, 70, 10, 0, None)]),
            ('B', 3, 1, 0, 0, &[(Web, 50, 20, 0, None)]),
            ('E', 3, 1, 0, 0, &[(Web, 50, 5, 0, None), (Call, 2, 0, 0, Some(2))]),
        ],
        "A web 70 10 demand
         B web 20 20 guarantee
         E call 2 2 demand
         E web 8 5 share, tier 3, level 8
         ran out in tier 3",
    );
}

#[test]
fn the_worked_example_with_guarantees_of_devices() {
    check(
        100,
        &[
            ('A', 1, 1, 10, 0, &[(Web, 70, 0, 0, None)]),
            ('B', 3, 1, 20, 0, &[(Web, 50, 0, 0, None)]),
            ('E', 3, 1, 5, 0, &[(Web, 50, 0, 0, None), (Call, 2, 0, 0, Some(2))]),
        ],
        "A web 70 10 demand
         B web 20 20 guarantee
         E call 2 2 demand
         E web 8 3 share, tier 3, level 8
         ran out in tier 3",
    );
}

#[test]
fn what_nobody_asked_for_is_room_by_weight_up_to_the_ceilings() {
    check(
        100,
        &[
            ('A', 1, 1, 0, 0, &[(Web, 10, 0, 0, None)]),
            ('B', 3, 2, 0, 0, &[(Web, 10, 0, 0, None)]),
            ('C', 3, 5, 0, 30, &[(Web, 10, 0, 0, None)]),
        ],
        "A web 10 0 demand
         A headroom 16.666666
         B web 10 0 demand
         B headroom 33.333333
         C web 10 0 demand
         C headroom 20",
    );
}

#[test]
fn a_guarantee_is_a_minimum_and_no_bonus() {
    check(
        100,
        &[('A', 3, 1, 40, 0, &[(Web, 90, 0, 0, None)]), ('B', 3, 1, 0, 0, &[(Web, 90, 0, 0, None)])],
        "A web 50 40 share, tier 3, level 50
         B web 50 0 share, tier 3, level 50
         ran out in tier 3",
    );
}

#[test]
fn five_hungry_classes_get_no_more_than_one() {
    check(
        90,
        &[
            ('A', 3, 1, 0, 0, &[(Web, 90, 0, 0, None)]),
            (
                'B',
                3,
                2,
                0,
                0,
                &[
                    (Unclassified, 90, 0, 0, None),
                    (Web, 20, 0, 0, None),
                    (Streaming, 90, 3, 0, None),
                    (Work, 90, 0, 0, None),
                    (Update, 90, 1, 0, None),
                ],
            ),
        ],
        "A web 30 0 share, tier 3, level 30
         B web 20 0 demand
         B streaming 3 3 guarantee
         B work 0 0 guarantee
         B update 1 1 guarantee
         B unclassified 36 0 share, tier 3, level 30
         ran out in tier 3",
    );
}

#[test]
fn unclassified_stands_beside_web() {
    check(
        30,
        &[('A', 3, 1, 0, 0, &[(Web, 90, 0, 0, None), (Unclassified, 90, 0, 0, None), (Streaming, 90, 0, 0, None)])],
        "A web 15 0 share, tier 3, level 30
         A streaming 0 0 guarantee
         A unclassified 15 0 share, tier 3, level 30
         ran out in tier 3",
    );
}

#[test]
fn floors_shrink_together_when_the_link_does() {
    check(
        30,
        &[
            ('A', 1, 1, 40, 0, &[(Web, 90, 0, 0, None)]),
            ('B', 5, 1, 20, 0, &[(Web, 90, 0, 0, None)]),
            ('C', 5, 1, 0, 0, &[(Voice, 1, 0, 0, None)]),
        ],
        "A web 20 20 guarantee
         B web 10 10 guarantee
         C voice 0 0 guarantee
         ran out in tier 0",
    );
}

#[test]
fn a_flood_that_looks_like_a_call_starves_nobody() {
    let flood: &[Device<'_>] =
        &[('A', 1, 1, 0, 0, &[(Call, 500, 0, 0, Some(500))]), ('B', 5, 1, 0, 0, &[(Web, 500, 0, 0, None)])];
    check(
        100,
        flood,
        "A call 50 50 protected_ceiling
         B web 50 0 share, tier 5, level 50
         ran out in tier 5",
    );
    // And its ceiling in the kernel is the same half, plus its guarantee.
    let division = divide(100, &[('A', 1, 1, 4, 0, &[(Call, 500, 0, 0, None)])], Settings::default());
    assert_eq!(division.devices[0].aggregates[0].ceiling, BitRate::from_mbps(54));
    assert_eq!(division.exhausted, None);
}

#[test]
fn a_ceiling_of_a_device_bounds_all_its_tiers() {
    check(
        100,
        &[('A', 3, 1, 10, 20, &[(Call, 15, 0, 0, None), (Web, 50, 8, 0, None), (Streaming, 50, 0, 0, None)])],
        // The web's floor is kept, the call takes what the ceiling leaves beside it.
        "A call 12 2 device_ceiling
         A web 8 8 device_ceiling
         A streaming 0 0 device_ceiling",
    );
    check(
        100,
        &[('A', 3, 1, 0, 0, &[(Web, 50, 0, 20, None), (Streaming, 5, 0, 0, None)])],
        "A web 20 0 ceiling
         A streaming 5 0 demand
         A headroom 75",
    );
}

#[test]
fn foreseeing_much_earns_nobody_more() {
    check(
        90,
        &[
            ('A', 3, 1, 0, 0, &[(Streaming, 90, 0, 0, Some(90))]),
            ('B', 3, 1, 0, 0, &[(Streaming, 90, 0, 0, Some(20))]),
            ('C', 3, 1, 0, 0, &[(Web, 90, 0, 0, None)]),
        ],
        "A streaming 30 30 share, tier 3, level 30
         B streaming 30 20 share, tier 3, level 30
         C web 30 0 share, tier 3, level 30
         ran out in tier 3",
    );
}

#[test]
fn background_yields_early_and_keeps_its_ceiling() {
    let devices: &[Device<'_>] = &[
        ('A', 1, 1, 30, 0, &[(Download, 90, 0, 80, None), (Web, 10, 0, 0, None)]),
        ('B', 5, 1, 0, 0, &[(Web, 60, 0, 0, None), (Backup, 90, 5, 0, None)]),
    ];
    check(
        100,
        devices,
        "A web 10 10 demand
         A download 80 20 ceiling
         B web 5 0 share, tier 5, level 10
         B backup 5 5 guarantee
         ran out in tier 5",
    );
    let early = Settings { early_yielding: true, ..Settings::default() };
    // The device's guarantee covers what of it does not yield; what yields goes last, by priority.
    check_with(
        early,
        100,
        devices,
        "A web 10 10 demand
         A download 30 0 share, tier 6, level 30
         B web 60 0 demand
         B backup 0 0 guarantee
         ran out in tier 6",
    );
    let division = divide(100, devices, early);
    assert_eq!(division.devices[0].aggregates[1].ceiling, BitRate::from_mbps(80));
    let tiers: Vec<u8> =
        division.devices.iter().flat_map(|device| &device.aggregates).map(|part| part.tier.number()).collect();
    assert_eq!(tiers, [1, 6, 5, 10]);
    let ten = Settings { levels: PriorityLevels::Ten, ..early };
    assert_eq!(divide(100, devices, ten).devices[0].aggregates[1].tier.number(), 10);
}

#[test]
fn nothing_to_divide_and_nobody_to_divide_for() {
    check(100, &[], "");
    check(0, &[('A', 3, 1, 0, 0, &[(Web, 5, 5, 0, Some(5))])], "A web 0 0 guarantee\nran out in tier 3");
    check(
        10,
        &[('A', 3, 1, 5, 0, &[]), ('B', 3, 1, 5, 0, &[(Web, 0, 5, 0, None)])],
        "A headroom 5\nB web 0 0 demand\nB headroom 5",
    );
}
