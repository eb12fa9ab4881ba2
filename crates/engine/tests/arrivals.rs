//! Who comes gets its queues at once, and queues that somebody else changed are looked after at once: neither waits
//! for the next window.

mod one_link;

use engine::{Engine, Input, Output};
use one_link::{START, engine};
use std::sync::Arc;
use std::time::Duration;
use vocab::{Alert, AlertKind, DeviceId, LinkId, MacAddress, Mode, Plan, Timestamp};

/// In the midst of a window, after the engine has looked long enough to plan.
const WHILE_OPEN: Timestamp = Timestamp::from_unix_secs(START.as_unix_secs() + 10);

fn device(number: u16) -> DeviceId {
    let [high, low] = number.to_be_bytes();
    DeviceId::Mac(MacAddress([2, 0, 0, 0, high, low]))
}

fn ordered(engine: &mut Engine) -> Option<Arc<Plan>> {
    let outputs = std::iter::from_fn(|| engine.poll_output());
    outputs.filter_map(|output| if let Output::Apply(plan) = output { Some(plan) } else { None }).last()
}

fn applied(engine: &mut Engine, plan: &Plan, now: Timestamp) {
    engine.handle_input(Input::PlanApplied { plan: plan.id, changes: 1, leaf: "bfifo" }, now);
}

/// An engine with a plan in force, and windows closed until `WHILE_OPEN`.
fn running(mode: Mode) -> Engine {
    let mut engine = engine(mode);
    for second in 1..=10 {
        let now = START + Duration::from_secs(second);
        engine.handle_timeout(now + Duration::from_millis(100));
        if let Some(plan) = ordered(&mut engine) {
            applied(&mut engine, &plan, now);
        }
    }
    engine
}

/// Says that `number` came, and gives what is ordered at the same instant.
fn arrives(engine: &mut Engine, number: u16, now: Timestamp) -> Option<Arc<Plan>> {
    engine.handle_input(Input::Arrived(device(number)), now);
    engine.handle_timeout(now);
    ordered(engine)
}

fn holds(plan: &Plan, number: u16) -> bool {
    let divided = [&plan.directions.download, &plan.directions.upload];
    divided.iter().all(|division| division.devices.iter().any(|given| given.device == device(number)))
}

#[test]
fn who_arrives_has_queues_before_the_window_closes() {
    let mut engine = running(Mode::Control);
    let now = WHILE_OPEN + Duration::from_millis(400);
    let plan = arrives(&mut engine, 1, now).expect("a plan at once");
    assert!(holds(&plan, 1));
}

#[test]
fn who_arrives_while_a_plan_is_on_its_way_is_in_the_next_as_soon_as_that_is_in_force() {
    let mut engine = running(Mode::Control);
    let now = WHILE_OPEN + Duration::from_millis(400);
    let first = arrives(&mut engine, 1, now).expect("a plan at once");
    assert!(arrives(&mut engine, 2, now).is_none(), "one order at a time");
    applied(&mut engine, &first, now);
    engine.handle_timeout(now);
    let second = ordered(&mut engine).expect("the one that waited");
    assert!(holds(&second, 1) && holds(&second, 2));
}

#[test]
fn a_device_that_is_planned_for_but_had_no_slot_is_ordered_again() {
    let mut engine = running(Mode::Control);
    let now = WHILE_OPEN + Duration::from_millis(400);
    let first = arrives(&mut engine, 1, now).expect("a plan at once");
    applied(&mut engine, &first, now);
    assert!(arrives(&mut engine, 1, now).is_some(), "the data path knows it only now");
}

#[test]
fn a_crowd_waits_for_the_window() {
    let mut engine = running(Mode::Control);
    let now = WHILE_OPEN + Duration::from_millis(400);
    let mut orders = 0;
    for number in 0..100 {
        if let Some(plan) = arrives(&mut engine, number, now) {
            orders += 1;
            applied(&mut engine, &plan, now);
            engine.handle_timeout(now);
        }
    }
    assert!((1..=4).contains(&orders), "{orders}");
    let later = WHILE_OPEN + Duration::from_millis(1_100);
    engine.handle_timeout(later);
    let plan = ordered(&mut engine).expect("all of them");
    assert!((0..100).all(|number| holds(&plan, number)));
}

#[test]
fn who_only_watches_orders_nothing() {
    for mode in [Mode::Observe, Mode::Suggest] {
        let mut engine = running(mode);
        assert!(arrives(&mut engine, 1, WHILE_OPEN + Duration::from_millis(400)).is_none(), "{mode}");
    }
}

#[test]
fn queues_that_somebody_else_changed_are_put_right_at_once_and_told() {
    let mut engine = running(Mode::Control);
    let now = WHILE_OPEN + Duration::from_millis(400);
    let what = "lan: the queues are gone".to_owned();
    engine.handle_input(Input::QueuesDisturbed { link: LinkId(0), what: what.clone() }, now);
    engine.handle_timeout(now);
    let outputs: Vec<Output> = std::iter::from_fn(|| engine.poll_output()).collect();
    assert!(outputs.iter().any(|output| matches!(output, Output::Apply(_))));
    let told = |output: &&Output| matches!(output, Output::Notify(Alert { kind: AlertKind::QueuesDisturbed { what: told }, .. }) if *told == what);
    assert_eq!(outputs.iter().filter(told).count(), 1);
}

#[test]
fn what_could_not_be_put_right_is_tried_again() {
    let mut engine = running(Mode::Control);
    let now = WHILE_OPEN + Duration::from_millis(400);
    engine.handle_input(Input::QueuesDisturbed { link: LinkId(0), what: "`tbf` stands there".to_owned() }, now);
    engine.handle_timeout(now);
    let plan = ordered(&mut engine).expect("an order at once");
    let reason = "shaped by somebody else".to_owned();
    engine.handle_input(Input::PlanFailed { plan: plan.id, reason }, now);
    let again = (1..=5).find_map(|second| {
        engine.handle_timeout(WHILE_OPEN + Duration::from_secs(second) + Duration::from_millis(100));
        ordered(&mut engine)
    });
    assert!(again.is_some(), "though no floor moves");
}
