//! Households made by chance: many of them, all different, each the same every time.

use crate::scenario::{Scenario, SimulatedDevice, Task};
use crate::traffic_source::Chance;
use vocab::{BitRate, DeviceId, Directed, Guarantee, MacAddress, Priority, Share, TrafficClass};

/// What guarantees add up to, in thousandths of the capacity.
const GUARANTEED_PERMILLE: u64 = 600;

/// What a kind of device does, besides browsing: now one, now another.
const KINDS: [&[TrafficClass]; 5] = [
    &[TrafficClass::Call, TrafficClass::Work],
    &[TrafficClass::Streaming],
    &[TrafficClass::Voice, TrafficClass::Streaming],
    &[TrafficClass::Gaming, TrafficClass::Update],
    &[TrafficClass::Download, TrafficClass::Backup],
];

impl Scenario {
    /// A household of `devices` that begin and end something all the time, for so many `seconds`: laptops, televisions,
    /// phones, consoles and archives, each with a priority by chance and the same guarantee, both ways.
    pub fn by_chance(capacity: Directed<BitRate>, devices: u8, seconds: u64, seed: u64) -> Scenario {
        let mut chance = Chance::new(seed);
        let share_of =
            |rate: BitRate| Guarantee::Absolute(rate.mul_ratio(GUARANTEED_PERMILLE, 1_000 * u64::from(devices.max(1))));
        let guarantee = Directed::from_fn(|direction| share_of(capacity[direction]));
        let devices = (1..=devices).map(|number| {
            let priority = Priority::new(chance.between(1, 5) as u8).expect("1 to 5 are priorities");
            let classes = KINDS[usize::from(number - 1) % KINDS.len()];
            SimulatedDevice {
                name: format!("device-{number}"),
                id: DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number])),
                share: Share { priority, guarantee, ..Share::default() },
                tasks: tasks(classes, seconds, &mut chance),
            }
        });
        let devices = devices.collect();
        Scenario { capacity, seconds, seed, devices, events: Vec::new() }
    }
}

/// Browsing all the time, and tasks of 20 s to 2 min with pauses up to 1 min.
fn tasks(classes: &[TrafficClass], seconds: u64, chance: &mut Chance) -> Vec<Task> {
    let mut tasks = vec![Task { class: TrafficClass::Web, from: 0, to: seconds }];
    let mut from = chance.between(2, 60);
    while from < seconds {
        let class = classes[chance.between(0, classes.len() as u64 - 1) as usize];
        let to = (from + chance.between(20, 120)).min(seconds);
        tasks.push(Task { class, from, to });
        from = to + chance.between(2, 60);
    }
    tasks
}
