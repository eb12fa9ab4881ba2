//! One second after another: the link serves what is offered, the engine sees what went through, and plans.

use crate::line::Line;
use crate::link::{Served, serve};
use crate::traffic_source::GREEDY;
use engine::{Engine, Input, Output};
use forecast::Forecaster;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use vocab::{
    Aggregate, BitRate, ByteCount, DeviceId, Directed, Direction, InterfaceName, Link, LinkId, PathSample, Plan,
    Policy, QueueReading, Sample, Timestamp, Topology,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// How long after a second began the queues of a device that came in it are made: after what was planned of the
/// second before.
const ARRIVAL: Duration = Duration::from_millis(100);

/// What a sender that is not greedy keeps for later at most, in seconds of the link: beyond, an application lowers
/// its rate.
const PATIENCE_SECS: u64 = 4;

/// What is offered in one second.
pub(crate) type Offered = BTreeMap<Aggregate, Directed<BitRate>>;

/// An engine, and the kernel and the link around it.
pub(crate) struct ClosedLoop {
    pub engine: Engine,
    pub capacity: Directed<BitRate>,
    /// The line behind the link, where that may carry less than is divided; else it carries what it is said to.
    pub line: Option<Line>,
    /// The kernel refuses so many plans.
    pub failing: u32,
    /// Plans put in force.
    pub plans: u64,
    /// Plans refused.
    pub refused: u64,
    in_force: Option<Arc<Plan>>,
    /// Devices that have sent before.
    met: BTreeSet<DeviceId>,
    waiting: BTreeMap<(Aggregate, Direction), u64>,
    sent: BTreeMap<(Aggregate, Direction), ByteCount>,
}

impl ClosedLoop {
    /// Nothing has moved yet at `now`.
    pub fn new(policy: Policy, capacity: Directed<BitRate>, forecaster: Forecaster, now: Timestamp) -> ClosedLoop {
        ClosedLoop::over(policy, link(capacity), forecaster, now)
    }

    /// The same over any link.
    pub fn over(policy: Policy, link: Link, forecaster: Forecaster, now: Timestamp) -> ClosedLoop {
        ClosedLoop {
            capacity: link.capacity(),
            engine: Engine::new(policy, vec![link], forecaster, now),
            line: None,
            failing: 0,
            plans: 0,
            refused: 0,
            in_force: None,
            met: BTreeSet::new(),
            waiting: BTreeMap::new(),
            sent: BTreeMap::new(),
        }
    }

    /// Another capacity, from `now` on.
    pub fn set_capacity(&mut self, capacity: Directed<BitRate>, now: Timestamp) {
        self.capacity = capacity;
        self.tell(Input::LinkChanged(link(capacity)), now);
    }

    /// Tells the engine, and does what it wants.
    pub fn tell(&mut self, input: Input, now: Timestamp) {
        self.engine.handle_input(input, now);
        self.engine.handle_timeout(now);
        self.drain(now);
    }

    /// Adds to what is `offered` what could not be moved before.
    pub fn add_waiting(&self, offered: &mut Offered) {
        for (aggregate, rate) in offered {
            for direction in Direction::ALL {
                let waiting = self.waiting.get(&(*aggregate, direction)).copied().unwrap_or(0);
                rate[direction] += BitRate::from_bps(waiting);
            }
        }
    }

    /// Who waits, though what they offer is over.
    pub fn who_waits(&self) -> impl Iterator<Item = Aggregate> {
        self.waiting.iter().filter(|(_, waiting)| **waiting > 0).map(|((aggregate, _), _)| *aggregate)
    }

    /// Serves what is `offered` in the second that begins at `start`.
    pub fn second(&mut self, start: Timestamp, offered: &Offered) -> Directed<Served> {
        self.meet(offered, start + ARRIVAL);
        let mut samples = Offered::new();
        let mut readings = Vec::new();
        let served = Directed::from_fn(|direction| {
            let of_direction: BTreeMap<Aggregate, BitRate> =
                offered.iter().map(|(&aggregate, rate)| (aggregate, rate[direction])).collect();
            let division = self.in_force.as_ref().map(|plan| &plan.directions[direction]);
            let divided = division.map_or(self.capacity[direction], |division| division.capacity);
            let sent = serve(divided, &of_direction, division);
            let carried = self.carry(direction, &sent);
            // What is received is counted behind the line, what is sent before it.
            let served = match direction {
                Direction::Download => &carried,
                Direction::Upload => &sent,
            };
            let total = |served: &Served| served.values().copied().sum::<BitRate>();
            // What the line holds back, does not wait with us.
            let waits_with_us = direction == Direction::Upload || total(&carried) >= total(&sent).mul_ratio(999, 1_000);
            for (&aggregate, &rate) in &of_direction {
                let got = served[&aggregate];
                self.keep(aggregate, direction, rate, got);
                samples.entry(aggregate).or_default()[direction] = got;
                let wanted = if waits_with_us { rate } else { got };
                readings.push(self.reading(aggregate, direction, wanted, got, start + SECOND));
            }
            carried
        });
        let paths = self.round_trips(&samples, &readings);
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
        self.engine.handle_input(Input::PathSamples { link: LinkId(0), samples: paths }, now);
        let now = now.max(self.engine.poll_timeout());
        self.engine.handle_timeout(now);
        self.drain(now);
        served
    }

    /// What is divided now.
    pub fn divided(&self) -> Directed<BitRate> {
        self.in_force.as_ref().map_or(self.capacity, |plan| plan.directions.as_ref().map(|division| division.capacity))
    }

    /// What of what is sent comes out of the line: of all the same part.
    fn carry(&mut self, direction: Direction, sent: &Served) -> Served {
        let Some(line) = &mut self.line else { return sent.clone() };
        let total: BitRate = sent.values().copied().sum();
        let carried = line.pass(direction, total);
        let part = |rate: &BitRate| rate.mul_ratio(carried.as_bps(), total.as_bps().max(1));
        sent.iter().map(|(aggregate, rate)| (*aggregate, part(rate))).collect()
    }

    /// What passes shows of round trips; what waits in our own queue for uploads, waits there too.
    fn round_trips(&mut self, moved: &Offered, readings: &[QueueReading]) -> Vec<PathSample> {
        let Some(line) = &mut self.line else { return Vec::new() };
        let talking = moved.iter().filter(|(_, rate)| rate.download > BitRate::ZERO && rate.upload > BitRate::ZERO);
        let sample = |(nth, (&aggregate, rate)): (usize, (&Aggregate, &Directed<BitRate>))| {
            let is_its = |of: &&QueueReading| of.aggregate == aggregate && of.direction == Direction::Upload;
            let backlog = readings.iter().find(is_its).map_or(0, |reading| reading.backlog.0 * 8);
            let own_wait = Duration::from_micros(backlog * 1_000_000 / rate.upload.as_bps().max(1));
            let (far, round_trip) = line.round_trip(nth);
            PathSample { aggregate: Some(aggregate), far, round_trip: round_trip + own_wait }
        };
        talking.enumerate().map(sample).collect()
    }

    /// Says who sends for the first time; their queues are made at once.
    fn meet(&mut self, offered: &Offered, now: Timestamp) {
        for aggregate in offered.keys() {
            if self.met.insert(aggregate.device) {
                self.engine.handle_input(Input::Arrived(aggregate.device), now);
            }
        }
        self.engine.handle_timeout(now);
        self.drain(now);
    }

    fn keep(&mut self, aggregate: Aggregate, direction: Direction, offered: BitRate, got: BitRate) {
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
                    self.refused += 1;
                    let reason = "the simulated kernel refuses".to_owned();
                    self.engine.handle_input(Input::PlanFailed { plan: plan.id, reason }, now);
                }
                Output::Apply(plan) => {
                    let applied = Input::PlanApplied { plan: plan.id, changes: 1, leaf: "bfifo" };
                    self.in_force = Some(plan);
                    self.plans += 1;
                    self.engine.handle_input(applied, now);
                }
                Output::Release(_) => self.in_force = None,
                Output::Record(_) | Output::Publish(_) | Output::Notify(_) => {}
            }
        }
    }
}

pub(crate) fn link(capacity: Directed<BitRate>) -> Link {
    let name = |name| InterfaceName::new(name).expect("a constant name is valid");
    Link {
        id: LinkId(0),
        name: "internet".to_owned(),
        topology: Topology::Router { lan: name("lan"), wan: name("wan") },
        line_rate: capacity,
        margin_permille: 0,
        framing: vocab::Framing::default(),
        sought: vocab::Directed::default(),
    }
}
