//! Any sequence of inputs, at any times: what must always hold of the engine.

use engine::{Engine, Input, Output};
use forecast::{Forecaster, Settings};
use proptest::prelude::*;
use std::time::Duration;
use vocab::{
    Actor, Aggregate, BitRate, ByteCount, DeviceId, DevicePatch, Directed, Direction, Guarantee, InterfaceName, Link,
    LinkId, MacAddress, Mode, Plan, PlanId, Policy, Priority, QueueReading, Sample, Timestamp, Topology, TrafficClass,
};

const START: Timestamp = Timestamp::from_unix_secs(1_750_000_000);

#[derive(Clone, Debug)]
enum Op {
    Moved { device: u8, class: usize, bytes: u32, direction: Direction },
    Waits { device: u8, class: usize, backlog: u32, drops: u8 },
    Wait { millis: u64 },
    Jump { hours: u64 },
    Mode(Mode),
    Patch { device: u8, priority: u8, permille: u16 },
    Capacity { mbps: u64 },
    Applied,
    Failed,
    AnswerOfNobody,
    Outside { class: usize, direction: Direction, bps: u64, ago_ms: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let class = 0..TrafficClass::COUNT;
    let direction = prop_oneof![Just(Direction::Download), Just(Direction::Upload)].boxed();
    let mode = prop_oneof![Just(Mode::Observe), Just(Mode::Suggest), Just(Mode::Control)];
    prop_oneof![
        8 => (0..6u8, class.clone(), any::<u32>(), direction.clone())
            .prop_map(|(device, class, bytes, direction)| Op::Moved { device, class, bytes, direction }),
        4 => (0..6u8, class.clone(), 0..200_000u32, any::<u8>())
            .prop_map(|(device, class, backlog, drops)| Op::Waits { device, class, backlog, drops }),
        6 => (0..3_000u64).prop_map(|millis| Op::Wait { millis }),
        1 => (1..100u64).prop_map(|hours| Op::Jump { hours }),
        1 => mode.prop_map(Op::Mode),
        2 => (0..6u8, 1..=5u8, 0..=1_000u16)
            .prop_map(|(device, priority, permille)| Op::Patch { device, priority, permille }),
        1 => (1..2_000u64).prop_map(|mbps| Op::Capacity { mbps }),
        4 => Just(Op::Applied),
        1 => Just(Op::Failed),
        1 => Just(Op::AnswerOfNobody),
        2 => (class, direction, any::<u64>(), 0..5_000u64)
            .prop_map(|(class, direction, bps, ago_ms)| Op::Outside { class, direction, bps, ago_ms }),
    ]
}

fn link(mbps: u64) -> Link {
    let name = |name| InterfaceName::new(name).unwrap();
    Link {
        id: LinkId(0),
        name: "internet".to_owned(),
        topology: Topology::Router { lan: name("lan"), wan: name("wan") },
        line_rate: Directed { download: BitRate::from_mbps(mbps), upload: BitRate::from_mbps(mbps) },
        margin_permille: 50,
        framing: vocab::Framing::default(),
        sought: vocab::Directed::default(),
    }
}

fn device(number: u8) -> DeviceId {
    DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]))
}

/// The engine, what it asked for, and what must hold.
struct World {
    engine: Engine,
    now: Timestamp,
    asked: Option<PlanId>,
    last_plan: u64,
    last_snapshot: u64,
}

impl World {
    fn new() -> World {
        let policy = Policy { mode: Mode::Control, ..Policy::default() };
        let forecaster = Forecaster::new(Settings::default());
        let engine = Engine::new(policy, vec![link(100)], forecaster, START);
        World { engine, now: START, asked: None, last_plan: 0, last_snapshot: 0 }
    }

    fn input(&mut self, input: Input) {
        self.engine.handle_input(input, self.now);
        self.settle();
    }

    fn settle(&mut self) {
        self.engine.handle_timeout(self.now);
        assert!(self.engine.poll_timeout() > self.now, "a tick that is done wants no other at once");
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Apply(plan) => self.check_plan(&plan),
                Output::Release(_) => self.asked = None,
                Output::Publish(snapshot) => {
                    assert!(snapshot.sequence > self.last_snapshot, "snapshots are numbered upwards");
                    assert_eq!(snapshot.mode, self.engine.policy().mode);
                    self.last_snapshot = snapshot.sequence;
                }
                Output::Record(_) | Output::Notify(_) => {}
            }
        }
    }

    fn check_plan(&mut self, plan: &Plan) {
        assert_eq!(self.engine.policy().mode, Mode::Control, "only control applies");
        assert_eq!(self.asked, None, "one plan at a time");
        assert!(plan.id.0 > self.last_plan, "plans are numbered upwards");
        self.last_plan = plan.id.0;
        self.asked = Some(plan.id);
        let capacity = self.engine.links().next().expect("there is a link").capacity();
        for direction in Direction::ALL {
            let division = &plan.directions[direction];
            assert_eq!(division.capacity, capacity[direction], "a plan is for the link as it is");
            let floors: BitRate = division.devices.iter().map(|device| device.floor).sum();
            let rates: BitRate = division.devices.iter().map(|device| device.rate).sum();
            assert!(floors <= division.capacity && rates <= division.capacity, "never above the capacity");
            for device in &division.devices {
                let inner: BitRate = device.aggregates.iter().map(|allocation| allocation.floor).sum();
                assert!(inner <= device.floor, "a device's floor holds its classes' floors");
                assert!(device.aggregates.iter().all(|allocation| allocation.rate <= allocation.demand));
            }
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Moved { device: number, class, bytes, direction } => {
                let mut moved = Directed::default();
                moved[direction] = ByteCount(u64::from(bytes));
                self.input(Input::Samples(vec![Sample {
                    link: LinkId(0),
                    aggregate: Aggregate { device: device(number), class: TrafficClass::ALL[class] },
                    start: self.now.floor(Duration::from_secs(1)),
                    window: Duration::from_secs(1),
                    bytes: moved,
                    packets: Directed::default(),
                    flows: 1,
                }]));
            }
            Op::Waits { device: number, class, backlog, drops } => self.input(Input::Queues(vec![QueueReading {
                link: LinkId(0),
                aggregate: Aggregate { device: device(number), class: TrafficClass::ALL[class] },
                direction: Direction::Download,
                at: self.now,
                backlog: ByteCount(u64::from(backlog)),
                sent: ByteCount::ZERO,
                sent_packets: 0,
                drops: u64::from(drops),
            }])),
            Op::Wait { millis } => {
                self.now = self.now + Duration::from_millis(millis);
                self.settle();
            }
            Op::Jump { hours } => {
                self.now = self.now + Duration::from_secs(hours * 3_600);
                self.settle();
            }
            Op::Mode(mode) => {
                let policy = Policy { mode, ..self.engine.policy().clone() };
                self.input(Input::PolicyChanged { policy: Box::new(policy), by: Actor::Configuration });
            }
            Op::Patch { device: number, priority, permille } => {
                let guarantee = Guarantee::Permille(permille);
                let patch = DevicePatch {
                    priority: Priority::new(priority),
                    guarantee: Some(Directed { download: guarantee, upload: guarantee }),
                    ..DevicePatch::default()
                };
                let before = self.engine.policy().share_of(device(number));
                let (policy, undo) = patch.apply(self.engine.policy(), device(number));
                let undone = undo.apply(&policy, device(number)).0;
                assert_eq!(undone.share_of(device(number)), before, "what is undone is as before");
                self.input(Input::PolicyChanged { policy: Box::new(policy), by: Actor::Person("admin".to_owned()) });
            }
            Op::Capacity { mbps } => self.input(Input::LinkChanged(link(mbps))),
            Op::Applied => {
                if let Some(plan) = self.asked.take() {
                    self.input(Input::PlanApplied { plan, changes: 1, leaf: "bfifo" });
                }
            }
            Op::Failed => {
                if let Some(plan) = self.asked.take() {
                    self.input(Input::PlanFailed { plan, reason: "no".to_owned() });
                }
            }
            Op::Outside { class, direction, bps, ago_ms } => self.input(Input::Outside {
                class: TrafficClass::ALL[class],
                direction,
                rate: BitRate::from_bps(bps),
                at: self.now - Duration::from_millis(ago_ms),
            }),
            Op::AnswerOfNobody => {
                self.input(Input::PlanApplied { plan: PlanId(u64::MAX), changes: 1, leaf: "bfifo" });
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_sequence_of_operations_keeps_the_laws(ops in proptest::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        for op in &ops {
            world.apply(op);
        }
    }
}
