//! The loop: sources offer, the link serves, the engine sees and plans.

use crate::beginnings::{Beginning, Beginnings, Second};
use crate::link::serve;
use crate::scenario::{Event, Scenario};
use crate::traffic_source::{GREEDY, TrafficSource};
use engine::{Engine, Input, Output};
use forecast::Forecaster;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use vocab::{
    Actor, Aggregate, BitRate, ByteCount, DeviceId, DevicePatch, DevicePolicy, Directed, Direction, InterfaceName,
    Link, LinkId, Mode, Plan, Policy, QueueReading, Sample, Timestamp, Topology,
};

const SECOND: Duration = Duration::from_secs(1);

/// A Monday, midnight UTC.
const START: Timestamp = Timestamp::from_unix_secs(1_767_571_200);

/// How long after a second began the queues of a device that came in it are made: after what was planned of the
/// second before.
const ARRIVAL: Duration = Duration::from_millis(100);

/// What a sender that is not greedy keeps for later at most, in seconds of what it offers: beyond, an
/// application lowers its rate.
const PATIENCE_SECS: u64 = 4;

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
    engine: Engine,
    capacity: Directed<BitRate>,
    in_force: Option<Arc<Plan>>,
    /// Devices that have sent before.
    met: BTreeSet<DeviceId>,
    sources: BTreeMap<(usize, usize), TrafficSource>,
    waiting: BTreeMap<(Aggregate, Direction), u64>,
    sent: BTreeMap<(Aggregate, Direction), ByteCount>,
    tallies: BTreeMap<(usize, Aggregate, Direction), Tally>,
    beginnings: Beginnings,
    events: VecDeque<(u64, Event)>,
    failing: u32,
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
        engine: Engine::new(policy, vec![link(scenario.capacity)], forecaster, START),
        capacity: scenario.capacity,
        in_force: None,
        met: BTreeSet::new(),
        sources: BTreeMap::new(),
        waiting: BTreeMap::new(),
        sent: BTreeMap::new(),
        tallies: BTreeMap::new(),
        beginnings: Beginnings::default(),
        events: events.into(),
        failing: 0,
        report: Report::default(),
    };
    for second in 0..scenario.seconds {
        network.happen(second);
        network.second(second);
    }
    network.finish()
}

fn link(capacity: Directed<BitRate>) -> Link {
    let name = |name| InterfaceName::new(name).expect("a constant name is valid");
    Link {
        id: LinkId(0),
        name: "internet".to_owned(),
        topology: Topology::Router { lan: name("lan"), wan: name("wan") },
        line_rate: capacity,
        margin_permille: 0,
    }
}

impl Network<'_> {
    fn happen(&mut self, second: u64) {
        let now = START + SECOND * u32::try_from(second).expect("a scenario is shorter than a century");
        while let Some((_, event)) = self.events.pop_front_if(|(at, _)| *at <= second) {
            match event {
                Event::Capacity(capacity) => {
                    self.capacity = capacity;
                    self.engine.handle_input(Input::LinkChanged(link(capacity)), now);
                }
                Event::Priority(device, priority) => {
                    let patch = DevicePatch { priority: Some(priority), ..DevicePatch::default() };
                    let (policy, _) = patch.apply(self.engine.policy(), self.scenario.devices[device].id);
                    self.engine
                        .handle_input(Input::PolicyChanged { policy: Box::new(policy), by: Actor::Configuration }, now);
                }
                Event::PlansFail(times) => self.failing = times,
            }
            self.engine.handle_timeout(now);
            self.drain(now);
        }
    }

    fn second(&mut self, second: u64) {
        let start = START + SECOND * u32::try_from(second).expect("a scenario is shorter than a century");
        let offered = self.offer(second);
        self.meet(&offered, start + ARRIVAL);
        let mut samples: BTreeMap<Aggregate, Directed<BitRate>> = BTreeMap::new();
        let mut readings = Vec::new();
        for direction in Direction::ALL {
            let of_direction: BTreeMap<Aggregate, BitRate> =
                offered.iter().map(|((_, aggregate), rate)| (*aggregate, rate[direction])).collect();
            let division = self.in_force.as_ref().map(|plan| &plan.directions[direction]);
            let served = serve(self.capacity[direction], &of_direction, division);
            let total: BitRate = served.values().copied().sum();
            self.report.overloaded_seconds += u64::from(total > self.capacity[direction]);
            let wanted = of_direction.values().copied().sum::<BitRate>();
            let full = self.capacity[direction].mul_ratio(999, 1_000);
            self.report.idle_seconds += u64::from(total < full && total < wanted.mul_ratio(999, 1_000));
            self.beginnings.second(&Second {
                number: second,
                direction,
                devices: &self.scenario.devices,
                offered: &of_direction,
                served: &served,
            });
            for ((device, aggregate), rate) in &offered {
                let (rate, got) = (rate[direction], served[aggregate]);
                self.tally(*device, *aggregate, direction, rate, got);
                samples.entry(*aggregate).or_default()[direction] = got;
                readings.push(self.reading(*aggregate, direction, rate, got, start + SECOND));
            }
        }
        let samples = samples.into_iter().map(|(aggregate, rate)| Sample {
            link: LinkId(0),
            aggregate,
            start,
            window: SECOND,
            bytes: rate.map(|rate| rate.over(SECOND)),
            packets: rate.map(|rate| rate.as_bps() / 12_000),
            flows: 1,
        });
        let now = start + SECOND + Duration::from_millis(10);
        self.engine.handle_input(Input::Samples(samples.collect()), now);
        self.engine.handle_input(Input::Queues(readings), now);
        let now = now.max(self.engine.poll_timeout());
        self.engine.handle_timeout(now);
        self.drain(now);
    }

    /// Says who sends for the first time; their queues are made at once.
    fn meet(&mut self, offered: &[((usize, Aggregate), Directed<BitRate>)], now: Timestamp) {
        for ((_, aggregate), _) in offered {
            if self.met.insert(aggregate.device) {
                self.engine.handle_input(Input::Arrived(aggregate.device), now);
            }
        }
        self.engine.handle_timeout(now);
        self.drain(now);
    }

    /// What each running task would move now, with what it could not move before.
    fn offer(&mut self, second: u64) -> Vec<((usize, Aggregate), Directed<BitRate>)> {
        let mut offered: BTreeMap<(usize, Aggregate), Directed<BitRate>> = BTreeMap::new();
        for (d, device) in self.scenario.devices.iter().enumerate() {
            for (t, task) in device.tasks.iter().enumerate() {
                if !(task.from..task.to).contains(&second) {
                    continue;
                }
                let new = || TrafficSource::new(task.class, self.scenario.seed, d, t);
                let source = self.sources.entry((d, t)).or_insert_with(new);
                let aggregate = Aggregate { device: device.id, class: task.class };
                *offered.entry((d, aggregate)).or_default() += source.offer();
            }
        }
        for ((_, aggregate), rate) in &mut offered {
            for direction in Direction::ALL {
                let waiting = self.waiting.get(&(*aggregate, direction)).copied().unwrap_or(0);
                rate[direction] += BitRate::from_bps(waiting);
            }
        }
        offered.into_iter().collect()
    }

    fn tally(&mut self, device: usize, aggregate: Aggregate, direction: Direction, offered: BitRate, got: BitRate) {
        let wanted = offered.min(self.capacity[direction]);
        if offered > BitRate::ZERO {
            let tally = self.tallies.entry((device, aggregate, direction)).or_default();
            tally.seconds += 1;
            tally.got += u128::from(got.as_bps());
            tally.wanted += u128::from(wanted.as_bps());
        }
        let left = if offered >= GREEDY { 0 } else { offered.saturating_sub(got).as_bps() };
        let most = self.capacity[direction].as_bps() * PATIENCE_SECS;
        self.waiting.insert((aggregate, direction), left.min(most));
    }

    fn reading(
        &mut self,
        aggregate: Aggregate,
        direction: Direction,
        offered: BitRate,
        got: BitRate,
        at: Timestamp,
    ) -> QueueReading {
        // A leaf holds 20 ms of the link's rate; what is beyond waits at the sender.
        let room = self.capacity[direction].over(Duration::from_millis(20));
        let sent = self.sent.entry((aggregate, direction)).or_default();
        *sent += got.over(SECOND);
        let waits = if self.in_force.is_some() { offered.saturating_sub(got).over(SECOND) } else { ByteCount::ZERO };
        QueueReading {
            link: LinkId(0),
            aggregate,
            direction,
            at,
            backlog: waits.min(room),
            sent: *sent,
            sent_packets: 0,
            drops: 0,
        }
    }

    /// Does what the engine wants, as the kernel would: at once, or not at all.
    fn drain(&mut self, now: Timestamp) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Apply(plan) if self.failing > 0 => {
                    self.failing -= 1;
                    self.report.refused += 1;
                    let reason = "the simulated kernel refuses".to_owned();
                    self.engine.handle_input(Input::PlanFailed { plan: plan.id, reason }, now);
                }
                Output::Apply(plan) => {
                    let applied = Input::PlanApplied { plan: plan.id, changes: 1, leaf: "bfifo" };
                    self.in_force = Some(plan);
                    self.report.plans += 1;
                    self.engine.handle_input(applied, now);
                }
                Output::Release(_) => self.in_force = None,
                Output::Record(_) | Output::Publish(_) | Output::Notify(_) => {}
            }
        }
    }

    fn finish(mut self) -> Report {
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
