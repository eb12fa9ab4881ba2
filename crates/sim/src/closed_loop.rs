//! One second after another: the link serves what is offered, the engine sees what went through, and plans.

use crate::link::{Served, serve};
use crate::traffic_source::GREEDY;
use engine::{Engine, Input, Output};
use forecast::Forecaster;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use vocab::{
    Aggregate, BitRate, ByteCount, DeviceId, Directed, Direction, InterfaceName, Link, LinkId, Plan, Policy,
    QueueReading, Sample, Timestamp, Topology,
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
        ClosedLoop {
            engine: Engine::new(policy, vec![link(capacity)], forecaster, now),
            capacity,
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
            let served = serve(self.capacity[direction], &of_direction, division);
            for (&aggregate, &rate) in &of_direction {
                let got = served[&aggregate];
                self.keep(aggregate, direction, rate, got);
                samples.entry(aggregate).or_default()[direction] = got;
                readings.push(self.reading(aggregate, direction, rate, got, start + SECOND));
            }
            served
        });
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
        served
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

fn link(capacity: Directed<BitRate>) -> Link {
    let name = |name| InterfaceName::new(name).expect("a constant name is valid");
    Link {
        id: LinkId(0),
        name: "internet".to_owned(),
        topology: Topology::Router { lan: name("lan"), wan: name("wan") },
        line_rate: capacity,
        margin_permille: 0,
        framing: vocab::Framing::default(),
    }
}
