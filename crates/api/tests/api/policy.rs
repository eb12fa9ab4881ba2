//! Changes: shown before, made, undone, refused.

use crate::world::{ControlLoop, World};
use serde_json::json;

#[test]
fn a_change_is_previewed_made_and_can_be_undone() {
    let world = World::new();
    let change = r#"{"priority": 1, "weight": 2.5, "guarantee": {"download": "4 Mbit/s", "upload": "10 %"}, "ceiling": {"download": "", "upload": "20M"}}"#;
    let printer = "a4:5e:60:00:00:03";
    let devices = json!([
        {"id": printer, "name": "printer", "before": {"download": 10_000_000, "upload": 5_000_000}, "after": {"download": 46_000_000, "upload": 5_000_000}},
        {"id": "a4:5e:60:00:00:01", "name": "Anna's laptop", "before": {"download": 10_000_000, "upload": 5_000_000}, "after": {"download": 9_000_000, "upload": 5_000_000}},
    ]);
    let preview = world.ask_locally(&format!("POST /api/v1/policy/devices/{printer}/preview"), change);
    assert_eq!(preview.json(), json!({"applied": false, "devices": devices}));

    let applied = world.ask_locally(&format!("PUT /api/v1/policy/devices/{printer}"), change).json();
    assert_eq!(applied["applied"], true);
    assert_eq!(applied["devices"], devices);
    let undo = json!({"priority": 3, "weight": 1.0, "guarantee": {"download": "10 %", "upload": ""}, "ceiling": {"download": "", "upload": ""}});
    assert_eq!(applied["undo"], undo);

    let undone = world.ask_locally(&format!("PUT /api/v1/policy/devices/{printer}"), &applied["undo"].to_string());
    assert_eq!(undone.status, 200, "what is offered as undo is taken: {}", undone.body);
}

#[test]
fn what_cannot_hold_is_refused_with_the_reason() {
    let world = World::new();
    let answer = world.ask_locally("PUT /api/v1/policy/devices/nas", r#"{"priority": 7}"#);
    assert_eq!(answer.problem(409, "refused"), "priority 7 is outside 1 to 5");
    let answer = world.ask_locally("PUT /api/v1/mode", r#"{"mode": "control"}"#);
    assert_eq!(answer.problem(409, "refused"), "the kernel has no HTB");
    world.ask_locally("PUT /api/v1/policy/devices/toaster", r#"{"priority": 1}"#).problem(404, "not_found");
}

#[test]
fn a_control_loop_that_does_not_answer_is_busy() {
    let forgets = World::with(ControlLoop::Forgets);
    let answer = forgets.ask_locally("PUT /api/v1/mode", r#"{"mode": "observe"}"#);
    answer.problem(503, "busy");
    assert_eq!(answer.header("retry-after"), "1");

    let stuck = World::with(ControlLoop::Stuck);
    std::thread::scope(|threads| {
        // One request fits into the channel and waits until the API's patience ends; the other does not fit.
        let ask = || stuck.ask_locally("PUT /api/v1/mode", r#"{"mode": "observe"}"#).problem(503, "busy");
        let answers = [threads.spawn(ask), threads.spawn(ask)].map(|thread| thread.join().unwrap());
        assert!(answers.iter().any(|title| title.contains("more requests than")), "{answers:?}");
        assert!(answers.iter().any(|title| title.contains("took too long")), "{answers:?}");
    });
}
