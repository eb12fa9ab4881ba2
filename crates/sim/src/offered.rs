//! What a scenario's tasks would move by themselves, without link and engine.

use crate::scenario::Scenario;
use crate::traffic_source::TrafficSource;
use vocab::{BitRate, Directed};

/// What all tasks of `scenario` together would move in each second if nothing held them back, the capacity at most.
pub fn offered(scenario: &Scenario) -> Vec<Directed<BitRate>> {
    let mut seconds = vec![Directed::<BitRate>::default(); scenario.seconds as usize];
    for (d, device) in scenario.devices.iter().enumerate() {
        for (t, task) in device.tasks.iter().enumerate() {
            let mut source = TrafficSource::new(task.class, scenario.seed, d, t);
            for second in seconds.iter_mut().take(task.to as usize).skip(task.from as usize) {
                *second += source.offer();
            }
        }
    }
    for second in &mut seconds {
        *second = Directed::from_fn(|direction| second[direction].min(scenario.capacity[direction]));
    }
    seconds
}
