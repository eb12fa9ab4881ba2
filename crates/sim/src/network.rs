//! A scenario's devices around the closed loop, and who got what.

use crate::beginnings::{Beginning, Beginnings, Second};
use crate::closed_loop::{ClosedLoop, Offered, SECOND};
use crate::scenario::{Event, Scenario};
use crate::traffic_source::TrafficSource;
use engine::Input;
use forecast::Forecaster;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use vocab::{Actor, Aggregate, BitRate, DevicePatch, DevicePolicy, Direction, Mode, Policy, Timestamp};

/// A Monday, midnight UTC.
const START: Timestamp = Timestamp::from_unix_secs(1_767_571_200);

/// Who got what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// One for each device and class that did something, in the order of the scenario.
    pub rows: Vec<Row>,
    /// Plans put in force.
    pub plans: u64,
    /// Plans the simulated kernel refused.
    pub refused: u64,
    /// Seconds in which the link was over its capacity: never, or the simulation is wrong.
    pub overloaded_seconds: u64,
    /// Seconds in which somebody wanted more and the link was not full.
    pub idle_seconds: u64,
    /// How each call and stream began, in the order of time.
    pub beginnings: Vec<Beginning>,
}

/// What one class of one device got in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Whose.
    pub device: String,
    /// Who and what for.
    pub aggregate: Aggregate,
    /// Which way.
    pub direction: Direction,
    /// Seconds in which it offered something.
    pub seconds: u64,
    /// What it got in these, on average.
    pub mean: BitRate,
    /// What it got of what it offered, in thousandths; of greedy ones, of the capacity.
    pub satisfied_permille: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let Row { device, aggregate, direction, seconds, mean, satisfied_permille } = row;
            let class = aggregate.class.name();
            let (mean, percent) = (mean.to_string(), satisfied_permille / 10);
            writeln!(f, "{device:10} {class:12} {direction:8} {seconds:6} s {mean:>12} {percent:4} %")?;
        }
        let Report { plans, refused, overloaded_seconds, idle_seconds, .. } = self;
        write!(f, "plans {plans}, refused {refused}, overloaded {overloaded_seconds} s, idle {idle_seconds} s")
    }
}

#[derive(Default)]
struct Tally {
    seconds: u64,
    got: u128,
    wanted: u128,
}

struct Network<'a> {
    scenario: &'a Scenario,
    closed_loop: ClosedLoop,
    sources: BTreeMap<(usize, usize), TrafficSource>,
    tallies: BTreeMap<(usize, Aggregate, Direction), Tally>,
    beginnings: Beginnings,
    events: VecDeque<(u64, Event)>,
    report: Report,
}

/// Runs `scenario`; the same scenario gives the same report.
pub fn run(scenario: &Scenario) -> Report {
    run_with(scenario, Forecaster::new(forecast::Settings::default()))
}

/// The same, with what is foreseen by `forecaster`.
pub fn run_with(scenario: &Scenario, forecaster: Forecaster) -> Report {
    let mut policy = Policy { mode: Mode::Control, ..Policy::default() };
    policy.levels = vocab::PriorityLevels::Ten;
    for device in &scenario.devices {
        let of_device =
            DevicePolicy { name: Some(device.name.clone()), share: device.share, ..DevicePolicy::default() };
        policy.devices.insert(device.id, of_device);
    }
    let mut events = scenario.events.clone();
    events.sort_by_key(|(at, _)| *at);
    let mut network = Network {
        scenario,
        closed_loop: ClosedLoop::new(policy, scenario.capacity, forecaster, START),
        sources: BTreeMap::new(),
        tallies: BTreeMap::new(),
        beginnings: Beginnings::default(),
        events: events.into(),
        report: Report::default(),
    };
    for second in 0..scenario.seconds {
        network.happen(second);
        network.second(second);
    }
    network.finish()
}

/// When this second of a scenario begins.
fn begins(second: u64) -> Timestamp {
    START + SECOND * u32::try_from(second).expect("a scenario is shorter than a century")
}

impl Network<'_> {
    fn happen(&mut self, second: u64) {
        let now = begins(second);
        while let Some((_, event)) = self.events.pop_front_if(|(at, _)| *at <= second) {
            match event {
                Event::Capacity(capacity) => self.closed_loop.set_capacity(capacity, now),
                Event::Priority(device, priority) => {
                    let patch = DevicePatch { priority: Some(priority), ..DevicePatch::default() };
                    let (policy, _) = patch.apply(self.closed_loop.engine.policy(), self.scenario.devices[device].id);
                    let changed = Input::PolicyChanged { policy: Box::new(policy), by: Actor::Configuration };
                    self.closed_loop.tell(changed, now);
                }
                Event::PlansFail(times) => self.closed_loop.failing = times,
            }
        }
    }

    fn second(&mut self, second: u64) {
        let mut offered = self.offer(second);
        self.closed_loop.add_waiting(&mut offered);
        let capacity = self.closed_loop.capacity;
        let served = self.closed_loop.second(begins(second), &offered);
        for direction in Direction::ALL {
            let of_direction: BTreeMap<Aggregate, BitRate> =
                offered.iter().map(|(aggregate, rate)| (*aggregate, rate[direction])).collect();
            let served = &served[direction];
            let total: BitRate = served.values().copied().sum();
            self.report.overloaded_seconds += u64::from(total > capacity[direction]);
            let wanted = of_direction.values().copied().sum::<BitRate>();
            let full = capacity[direction].mul_ratio(999, 1_000);
            self.report.idle_seconds += u64::from(total < full && total < wanted.mul_ratio(999, 1_000));
            self.beginnings.second(&Second {
                number: second,
                direction,
                devices: &self.scenario.devices,
                offered: &of_direction,
                served,
            });
            for (&aggregate, &rate) in &of_direction {
                self.tally(aggregate, direction, rate, served[&aggregate]);
            }
        }
    }

    /// What each running task would move now.
    fn offer(&mut self, second: u64) -> Offered {
        let mut offered = Offered::new();
        for (d, device) in self.scenario.devices.iter().enumerate() {
            for (t, task) in device.tasks.iter().enumerate() {
                if !(task.from..task.to).contains(&second) {
                    continue;
                }
                let new = || TrafficSource::new(task.class, self.scenario.seed, d, t);
                let source = self.sources.entry((d, t)).or_insert_with(new);
                let aggregate = Aggregate { device: device.id, class: task.class };
                *offered.entry(aggregate).or_default() += source.offer();
            }
        }
        offered
    }

    fn tally(&mut self, aggregate: Aggregate, direction: Direction, offered: BitRate, got: BitRate) {
        if offered == BitRate::ZERO {
            return;
        }
        let place = self.scenario.devices.iter().position(|device| device.id == aggregate.device);
        let device = place.expect("what is offered comes from a device of the scenario");
        let tally = self.tallies.entry((device, aggregate, direction)).or_default();
        tally.seconds += 1;
        tally.got += u128::from(got.as_bps());
        tally.wanted += u128::from(offered.min(self.closed_loop.capacity[direction]).as_bps());
    }

    fn finish(mut self) -> Report {
        (self.report.plans, self.report.refused) = (self.closed_loop.plans, self.closed_loop.refused);
        self.report.beginnings = self.beginnings.finish();
        for ((device, aggregate, direction), tally) in &self.tallies {
            self.report.rows.push(Row {
                device: self.scenario.devices[*device].name.clone(),
                aggregate: *aggregate,
                direction: *direction,
                seconds: tally.seconds,
                mean: BitRate::from_bps((tally.got / u128::from(tally.seconds.max(1))) as u64),
                satisfied_permille: (tally.got * 1_000 / tally.wanted.max(1)) as u64,
            });
        }
        self.report
    }
}
