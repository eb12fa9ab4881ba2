//! What another policy would have meant.

use crate::world::World;

const ASK: &str = "POST /api/v1/what-if";

#[test]
fn a_question_is_asked_of_the_policy_in_force_or_of_another() {
    let world = World::new();
    let check = |body: &str, expected: &str| {
        let answer = world.ask_locally(ASK, body);
        assert_eq!(answer.json()["ways"][0]["policy"], expected, "{}", answer.body);
    };
    check(r#"{"since": "1h"}"#, "1h [] None None");
    check(
        r#"{"since": "1h", "devices": {"printer": {"priority": 1}}, "download": "20 Mbit/s"}"#,
        "1h [\"a4:5e:60:00:00:03 Some(1)\"] None Some(20000000)",
    );
    check(r#"{"since": "6h", "policy": "[policy]"}"#, "6h [] Some(\"[policy]\") None");
}

#[test]
fn what_cannot_be_told_says_why() {
    let world = World::new();
    let check = |body: &str, status: u16, code: &str| world.ask_locally(ASK, body).problem(status, code);
    check(r#"{"since": "1min"}"#, 404, "not_found");
    assert_eq!(check(r#"{"since": "2min"}"#, 409, "refused"), "too much is promised");
    check(r#"{"since": "3min"}"#, 503, "busy");
    check(r#"{"since": "soon"}"#, 422, "invalid");
    check(r#"{"since": "1h", "download": "fast"}"#, 422, "invalid");
    check(r#"{"since": "1h", "upload": "1 bit/s"}"#, 422, "invalid");
    check(r#"{"since": "1h", "devices": {"toaster": {}}}"#, 404, "not_found");
    check(r#"{"since": "1h", "devices": {"printer": {"weight": -1}}}"#, 422, "invalid");
    check(r#"{"since": "1h", "polcy": ""}"#, 422, "invalid");
    check(r#"{}"#, 422, "invalid");
    let many: Vec<String> =
        (0..257).map(|number| format!("\"10.0.{}.{}\": {{}}", number / 250, number % 250)).collect();
    check(&format!(r#"{{"since": "1h", "devices": {{{}}}}}"#, many.join(",")), 422, "invalid");
    check(&format!(r#"{{"since": "1h", "policy": "{}"}}"#, " ".repeat(70_000)), 413, "invalid");
}

#[test]
fn nobody_asks_without_a_login() {
    let world = World::new();
    world.ask(ASK, &[], r#"{"since": "1h"}"#).problem(401, "unauthenticated");
    let login = world.log_in();
    let cookie = ("Cookie", login.cookie.as_str());
    world.ask(ASK, &[cookie], r#"{"since": "1h"}"#).problem(403, "forbidden");
    let answer = world.ask(ASK, &[cookie, ("X-CSRF-Token", &login.csrf)], r#"{"since": "1h"}"#);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn one_question_at_a_time() {
    let world = World::new();
    std::thread::scope(|threads| {
        let ask = || world.ask_locally(ASK, r#"{"since": "24h"}"#);
        // Both wait to be told to go on, so that the one that is refused is the only one that ends.
        let (ended_in, ended) = crossbeam_channel::bounded(2);
        for _ in 0..2 {
            let ended_in = ended_in.clone();
            threads.spawn(move || ended_in.send(ask()).unwrap());
        }
        ended.recv().unwrap().problem(503, "busy");
        world.replays.send(()).unwrap();
        assert_eq!(ended.recv().unwrap().status, 200);
    });
    world.replays.send(()).unwrap();
    assert_eq!(world.ask_locally(ASK, r#"{"since": "24h"}"#).status, 200, "its place is free again");
}
