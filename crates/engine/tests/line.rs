//! A link of which no rate is stated: what the engine divides, and what people hear of it.

use engine::{Engine, Input, Output};
use forecast::{Forecaster, Settings};
use std::time::Duration;
use vocab::{
    Actor, Aggregate, Alert, AlertKind, BitRate, Blindness, ByteCount, DeviceId, Directed, FarNetwork, InterfaceName,
    Link, LinkId, MacAddress, Mode, PathSample, Policy, RateRange, Sample, Snapshot, Sought, Timestamp, Topology,
    TrafficClass,
};

const START: u64 = 1_750_000_000;
const AGGREGATE: Aggregate =
    Aggregate { device: DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, 1])), class: TrafficClass::Download };

fn link() -> Link {
    let range = RateRange::new(BitRate::from_mbps(10), BitRate::from_mbps(100)).unwrap();
    Link {
        id: LinkId(0),
        name: "lte".to_owned(),
        topology: Topology::Host { interface: InterfaceName::new("wwan0").unwrap() },
        line_rate: Directed { download: BitRate::from_mbps(40), upload: BitRate::from_mbps(10) },
        margin_permille: 50,
        framing: vocab::Framing::default(),
        sought: Directed { download: Some(Sought { range, found: None }), upload: None },
    }
}

/// An engine, and what it said.
struct World {
    engine: Engine,
    second: u64,
    /// The kernel refuses what is divided.
    fails: bool,
    alerts: Vec<Alert>,
    shown: Snapshot,
}

impl World {
    fn new() -> World {
        let policy = Policy { mode: Mode::Control, ..Policy::default() };
        let forecaster = Forecaster::reacting(Settings::default());
        let engine = Engine::new(policy, vec![link()], forecaster, Timestamp::from_unix_secs(START));
        World { engine, second: 0, fails: false, alerts: Vec::new(), shown: Snapshot::default() }
    }

    fn drain(&mut self, now: Timestamp) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Apply(plan) => {
                    let came = match self.fails {
                        true => Input::PlanFailed { plan: plan.id, reason: "no such device".to_owned() },
                        false => Input::PlanApplied { plan: plan.id, changes: 1, leaf: "bfifo" },
                    };
                    self.engine.handle_input(came, now);
                }
                Output::Publish(snapshot) => self.shown = (*snapshot).clone(),
                Output::Notify(alert) => self.alerts.push(alert),
                Output::Release(_) | Output::Record(_) => {}
            }
        }
    }

    /// Seconds in which this much of what is divided moves, with this round trip to three far networks; 0 for none seen.
    fn run(&mut self, seconds: u64, permille: u64, round_trip_ms: u64) {
        for _ in 0..seconds {
            let start = Timestamp::from_unix_secs(START + self.second);
            self.second += 1;
            let now = start + Duration::from_millis(1_010);
            let divided = self.divided().max(BitRate::from_mbps(1));
            let bytes = divided.mul_ratio(permille, 1_000).over(Duration::from_secs(1));
            let sample = Sample {
                link: LinkId(0),
                aggregate: AGGREGATE,
                start,
                window: Duration::from_secs(1),
                bytes: Directed { download: bytes, upload: ByteCount(1_000) },
                packets: Directed { download: bytes.0 / 1_500, upload: 10 },
                flows: 1,
            };
            let path = |network| PathSample {
                aggregate: Some(AGGREGATE),
                far: FarNetwork::of(std::net::IpAddr::from([203, 0, network, 1])),
                round_trip: Duration::from_millis(round_trip_ms),
            };
            let samples = if round_trip_ms == 0 { Vec::new() } else { (1..=3).map(path).collect() };
            self.engine.handle_input(Input::Samples(vec![sample]), now);
            self.engine.handle_input(Input::PathSamples { link: LinkId(0), samples }, now);
            let now = now.max(self.engine.poll_timeout());
            self.engine.handle_timeout(now);
            self.drain(now);
        }
    }

    fn divided(&self) -> BitRate {
        self.shown.links.first().map_or(BitRate::ZERO, |link| link.link.capacity().download)
    }

    fn is_blind(&self) -> bool {
        let is = |alert: &Alert| matches!(alert.kind, AlertKind::CapacityBlind { .. }) && alert.ended.is_none();
        self.shown.alerts.iter().any(is)
    }
}

#[test]
fn what_is_divided_follows_the_delay() {
    let mut world = World::new();
    world.run(20, 20, 30);
    assert_eq!(world.divided(), BitRate::from_mbps(38), "as stated, less the margin");
    world.run(20, 980, 31);
    let risen = world.divided();
    assert!(risen > BitRate::from_mbps(50), "{risen}");
    // A plan is shown as in force one window after it was made.
    world.run(1, 500, 31);
    let divided = world.shown.links[0].plan.as_ref().map(|plan| plan.directions.download.capacity);
    assert_eq!(divided, Some(risen), "and the plan divides it");
    world.run(3, 600, 130);
    assert!(world.divided() < risen.mul_ratio(700, 1_000), "{}", world.divided());
    assert!(world.shown.links[0].added.is_some_and(|added| added >= Duration::from_millis(90)));
    assert!(world.shown.links[0].graded.is_some(), "it was busy for long enough");
    assert!(world.shown.decisions.iter().any(
        |decision| decision.by == Actor::Automatic && matches!(decision.kind, vocab::DecisionKind::CapacityChanged)
    ));
}

#[test]
fn where_it_is_blind_people_hear_of_it_and_the_stated_rate_holds() {
    let mut world = World::new();
    world.run(20, 20, 30);
    world.run(20, 980, 31);
    world.run(50, 980, 0);
    assert_eq!((world.is_blind(), world.divided()), (true, BitRate::from_mbps(38)));
    let told: Vec<_> = world.alerts.iter().map(|alert| &alert.kind).collect();
    assert!(told.contains(&&AlertKind::CapacityBlind { why: Blindness::NothingMeasured }), "{told:?}");
    world.run(15, 500, 30);
    assert!(!world.is_blind(), "round trips are seen again");
    world.run(50, 980, 0);
    let observe = Policy { mode: Mode::Observe, ..Policy::default() };
    let now = Timestamp::from_unix_secs(START + world.second);
    let by = Actor::Configuration;
    world.engine.handle_input(Input::PolicyChanged { policy: Box::new(observe), by }, now);
    world.run(2, 980, 0);
    assert_eq!((world.is_blind(), world.divided()), (false, BitRate::from_mbps(38)), "nothing is looked for any more");
}

#[test]
fn a_reload_keeps_what_was_found_and_other_bounds_begin_anew() {
    let mut world = World::new();
    world.run(20, 20, 30);
    world.run(20, 980, 31);
    let found = world.divided();
    let now = Timestamp::from_unix_secs(START + world.second);
    world.engine.handle_input(Input::LinkChanged(link()), now);
    world.run(1, 500, 31);
    assert_eq!(world.divided(), found);
    let mut other = link();
    other.line_rate.download = BitRate::from_mbps(20);
    world.engine.handle_input(Input::LinkChanged(other), now);
    world.run(1, 500, 31);
    assert_eq!(world.divided(), BitRate::from_mbps(19));
}

#[test]
fn a_plan_that_fails_forgets_nothing_that_was_found() {
    let mut world = World::new();
    world.run(20, 20, 30);
    world.run(20, 980, 31);
    let found = world.divided();
    world.fails = true;
    let now = Timestamp::from_unix_secs(START + world.second);
    world.engine.handle_input(Input::QueuesDisturbed { link: LinkId(0), what: String::new() }, now);
    world.run(3, 600, 31);
    assert!(
        matches!(world.shown.links[0].shaping, vocab::Shaping::Failed { .. }),
        "{:?}",
        world.shown.links[0].shaping
    );
    assert_eq!(world.divided(), found, "while no plan holds");
    world.fails = false;
    world.run(10, 600, 31);
    assert!(matches!(world.shown.links[0].shaping, vocab::Shaping::On { .. }));
    assert_eq!(world.divided(), found, "and afterwards");
}
