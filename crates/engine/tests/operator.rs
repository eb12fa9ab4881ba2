//! What the operator changes, and what the engine says and does about it.

mod one_link;

use engine::{Engine, Input, Output};
use one_link::{START, engine};
use std::time::Duration;
use vocab::{
    Actor, Aggregate, AlertKind, ByteCount, DecisionKind, DeviceId, DevicePatch, Directed, LinkId, MacAddress, Mode,
    Policy, Priority, Record, Sample, Subject, Timestamp, TrafficClass, Weight,
};

fn device(number: u16) -> DeviceId {
    let [high, low] = number.to_be_bytes();
    DeviceId::Mac(MacAddress([2, 0, 0, 0, high, low]))
}

fn outputs(engine: &mut Engine) -> Vec<Output> {
    std::iter::from_fn(|| engine.poll_output()).collect()
}

fn releases(outputs: &[Output]) -> usize {
    outputs.iter().filter(|output| matches!(output, Output::Release(LinkId(0)))).count()
}

/// `seconds` of silence, or of one packet a second from a device.
fn pass(engine: &mut Engine, from: Timestamp, seconds: u64, active: Option<DeviceId>) -> (Timestamp, Vec<Output>) {
    let mut seen = Vec::new();
    let mut now = from;
    for _ in 0..seconds {
        if let Some(device) = active {
            let bytes = Directed { download: ByteCount(1_514), upload: ByteCount::ZERO };
            let aggregate = Aggregate { device, class: TrafficClass::Web };
            let window = Duration::from_secs(1);
            let packets = Directed { download: 1, upload: 0 };
            let sample = Sample { link: LinkId(0), aggregate, start: now, window, bytes, packets, flows: 1 };
            engine.handle_input(Input::Samples(vec![sample]), now);
        }
        now = now + Duration::from_secs(1);
        engine.handle_timeout(now + Duration::from_millis(100));
        seen.extend(outputs(engine));
    }
    (now, seen)
}

#[test]
fn a_start_out_of_control_takes_away_what_an_earlier_run_left() {
    for (mode, expected) in [(Mode::Observe, 1), (Mode::Suggest, 1), (Mode::Control, 0)] {
        let mut engine = engine(mode);
        let (_, seen) = pass(&mut engine, START, 5, None);
        assert_eq!(releases(&seen), expected, "{mode}");
    }
}

#[test]
fn what_changes_is_told_once_for_each_device() {
    let patch = |priority, weight| DevicePatch { priority, weight, ..DevicePatch::default() };
    let mut engine = engine(Mode::Control);
    let told = |engine: &mut Engine, policy: Policy| {
        engine.handle_input(Input::PolicyChanged { policy: Box::new(policy), by: Actor::Configuration }, START);
        let decided = outputs(engine).into_iter().filter_map(|output| match output {
            Output::Record(Record::Decision(decision)) => Some((decision.kind, decision.subject)),
            Output::Record(_) | Output::Apply(_) | Output::Release(_) | Output::Publish(_) | Output::Notify(_) => None,
        });
        decided.collect::<Vec<_>>()
    };
    let [one, two] = [1, 2].map(|number| Subject::Device(device(number)));
    let raised = |from, to| {
        let [from, to] = [from, to].map(|level| Priority::new(level).unwrap());
        DecisionKind::PriorityChanged { from, to }
    };

    let policy = patch(Priority::new(1), None).apply(engine.policy(), device(1)).0;
    let policy = patch(Priority::new(2), None).apply(&policy, device(2)).0;
    assert_eq!(told(&mut engine, policy), [(raised(3, 1), one), (raised(3, 2), two)]);

    // Both known before and after.
    let policy = patch(Priority::new(5), None).apply(engine.policy(), device(1)).0;
    let policy = patch(Priority::new(4), Weight::from_ratio(2.0)).apply(&policy, device(2)).0;
    let expected = [(raised(1, 5), one), (raised(2, 4), two), (DecisionKind::PolicyChanged, two)];
    assert_eq!(told(&mut engine, policy), expected);

    let named = DevicePatch { name: Some(Some("Zed".to_owned())), ..DevicePatch::default() };
    let policy = named.apply(engine.policy(), device(1)).0;
    assert_eq!(told(&mut engine, policy), [], "a name is not owed");

    let policy = Policy { early_yield_permille: 700, ..engine.policy().clone() };
    assert_eq!(told(&mut engine, policy), [(DecisionKind::PolicyChanged, Subject::Service)]);
}

#[test]
fn a_plan_that_failed_is_no_alert_once_control_is_given_up() {
    let mut engine = engine(Mode::Control);
    let (now, seen) = pass(&mut engine, START, 5, None);
    let asked = seen.iter().find_map(|output| match output {
        Output::Apply(plan) => Some(plan.id),
        Output::Record(_) | Output::Release(_) | Output::Publish(_) | Output::Notify(_) => None,
    });
    let plan = asked.expect("control applies");
    engine.handle_input(Input::PlanFailed { plan, reason: "no eBPF".to_owned() }, now);
    let open = |seen: &[Output]| {
        let latest = seen.iter().rev().find_map(|output| match output {
            Output::Publish(snapshot) => Some(snapshot.alerts.clone()),
            Output::Record(_) | Output::Apply(_) | Output::Release(_) | Output::Notify(_) => None,
        });
        let failed = |kind: &AlertKind| matches!(kind, AlertKind::PlanFailed { .. });
        latest.expect("published").iter().filter(|alert| failed(&alert.kind) && alert.ended.is_none()).count()
    };
    let (now, seen) = pass(&mut engine, now, 1, None);
    assert_eq!(open(&seen), 1);
    let policy = Policy { mode: Mode::Observe, ..engine.policy().clone() };
    engine.handle_input(Input::PolicyChanged { policy: Box::new(policy), by: Actor::Configuration }, now);
    let (_, seen) = pass(&mut engine, now, 1, None);
    assert_eq!((open(&seen), releases(&seen)), (0, 1));
}

#[test]
fn who_stays_active_is_kept_in_history_while_nothing_new_is_learned() {
    let mut engine = engine(Mode::Observe);
    let MacAddress(mac) = MacAddress([2, 0, 0, 0, 0, 1]);
    let seen = devices::Sighting::from_packet(MacAddress(mac), [10, 0, 0, 1].into(), START).expect("a local address");
    engine.handle_input(Input::DeviceSeen(seen), START);
    outputs(&mut engine);
    let (now, seen) = pass(&mut engine, START, 900, Some(device(1)));
    let last = seen.iter().rev().find_map(|output| match output {
        Output::Record(Record::Device(record)) => Some(record.last_seen),
        Output::Record(_) | Output::Apply(_) | Output::Release(_) | Output::Publish(_) | Output::Notify(_) => None,
    });
    assert!(now.since(last.expect("it is kept")) < Duration::from_secs(301));
    let (_, seen) = pass(&mut engine, now, 600, None);
    let kept = |output: &&Output| matches!(output, Output::Record(Record::Device(_)));
    assert!(seen.iter().filter(kept).count() <= 1, "who is gone is not kept again and again");
}

#[test]
fn made_up_addresses_do_not_fill_the_memory() {
    let mut engine = engine(Mode::Suggest);
    for number in 0..u16::MAX {
        let bytes = Directed { download: ByteCount::ZERO, upload: ByteCount(60) };
        let aggregate = Aggregate { device: device(number), class: TrafficClass::Web };
        let window = Duration::from_secs(1);
        let packets = Directed { download: 0, upload: 1 };
        let sample = Sample { link: LinkId(0), aggregate, start: START, window, bytes, packets, flows: 1 };
        engine.handle_input(Input::Samples(vec![sample]), START);
    }
    engine.handle_timeout(START + Duration::from_millis(4_100));
    let planned = outputs(&mut engine).into_iter().find_map(|output| match output {
        Output::Publish(snapshot) => snapshot.links[0].plan.clone(),
        Output::Record(_) | Output::Apply(_) | Output::Release(_) | Output::Notify(_) => None,
    });
    assert!(planned.expect("suggested").directions.upload.devices.len() <= 8_192);
}

#[test]
fn made_up_addresses_are_no_news_beyond_what_is_kept() {
    let mut engine = engine(Mode::Observe);
    let mut told = 0;
    for number in 0..9_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let address = std::net::IpAddr::from([10, a, b, c]);
        let at = START + Duration::from_millis(u64::from(number));
        let mac = MacAddress([2, 9, 9, a, b, c]);
        let seen = devices::Sighting::from_packet(mac, address, at).expect("a local address");
        engine.handle_input(Input::DeviceSeen(seen), at);
        told += outputs(&mut engine).iter().filter(|output| matches!(output, Output::Notify(_))).count();
    }
    assert_eq!(told, 8_192);
}

#[test]
fn a_clock_that_is_set_forward_costs_nobody_their_queues() {
    let planned = |seen: &[Output]| {
        let plans = seen.iter().filter_map(|output| match output {
            Output::Apply(plan) => Some(plan.directions.download.devices.len()),
            _ => None,
        });
        plans.collect::<Vec<_>>()
    };
    for hours in [1, 5, 24 * 400] {
        let mut engine = engine(Mode::Control);
        let (now, seen) = pass(&mut engine, START, 10, Some(device(1)));
        let plan = seen.iter().rev().find_map(|output| match output {
            Output::Apply(plan) => Some(plan.id),
            _ => None,
        });
        let applied = Input::PlanApplied { plan: plan.expect("it controls"), changes: 1, leaf: "cake" };
        engine.handle_input(applied, now);
        assert_eq!(planned(&seen).last(), Some(&1));
        // The first window that closes then does so before anybody has said anything in it.
        let later = now + Duration::from_secs(hours * 3_600);
        let (_, seen) = pass(&mut engine, later, 1, None);
        assert!(planned(&seen).iter().all(|devices| *devices == 1), "{hours} h: {:?}", planned(&seen));
        let (_, seen) = pass(&mut engine, later + Duration::from_secs(1), 5, Some(device(1)));
        assert!(planned(&seen).iter().all(|devices| *devices == 1), "{hours} h: {:?}", planned(&seen));
    }
}
