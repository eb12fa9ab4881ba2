//! Rules: added, counted, changed, taken away, refused; and a flow that becomes one.

use crate::world::World;
use serde_json::json;

const NETFLIX: &str = r#"{"when": {"name": "Netflix.com"}, "class": "streaming", "comment": "for the TV"}"#;

#[test]
fn a_rule_is_added_counted_and_taken_away() {
    let world = World::new();
    assert_eq!(world.ask_locally("GET /api/v1/rules", "").json(), json!([]));
    let netflix = |flows: u64, bytes: u64| {
        json!({
            "id": "hand-1", "by_hand": true, "when": {"name": "netflix.com"}, "class": "streaming", "label": "",
            "comment": "for the TV", "words": "server name netflix.com", "flows": flows, "bytes": bytes,
        })
    };
    let added = world.ask_locally("POST /api/v1/rules", NETFLIX);
    assert_eq!((added.status, added.json()), (201, netflix(0, 0)));
    let of_laptop = r#"{"when": {"device": "Anna's laptop", "dscp": "46", "port": "443"}, "class": "call"}"#;
    let added = world.ask_locally("POST /api/v1/rules", of_laptop).json();
    assert_eq!(added["words"], "port 443, mark EF, device Anna's laptop");
    assert_eq!(added["when"]["device"], "a4:5e:60:00:00:01");
    let listed = world.ask_locally("GET /api/v1/rules", "").json();
    let mut counted = netflix(3, 700);
    counted["last_ms"] = json!(1_800_000_000_000_u64);
    assert_eq!(listed, json!([added, counted]), "the newest is asked first; one that never matched has no `last_ms`");
    let changed = world.ask_locally("PUT /api/v1/rules/hand-1", r#"{"when": {"name": "ocsp.*"}, "class": "web"}"#);
    assert_eq!(changed.json()["words"], "server name ocsp.*");
    assert_eq!(world.ask_locally("DELETE /api/v1/rules/hand-1", "").status, 204);
    world.ask_locally("DELETE /api/v1/rules/hand-1", "").problem(404, "not_found");
}

#[test]
fn a_flow_that_is_reclassified_becomes_a_rule() {
    let world = World::new();
    let flow = world.ask_locally("GET /api/v1/flows", "").json()[0]["id"].as_str().unwrap().to_owned();
    let rule =
        world.ask_locally(&format!("POST /api/v1/flows/{flow}/class"), r#"{"class": "gaming", "scope": "device"}"#);
    assert_eq!(rule.status, 201);
    assert_eq!(rule.json()["words"], "server name us04web.zoom.us, device Anna's laptop");
    let everybody = world.ask_locally(&format!("POST /api/v1/flows/{flow}/class"), r#"{"class": "gaming"}"#);
    assert_eq!(everybody.json()["words"], "server name us04web.zoom.us");
}

#[test]
fn what_cannot_be_a_rule_says_why() {
    let world = World::new();
    let flow = "/api/v1/flows/tcp-192.168.1.20-50000-198.51.100.7-443/class";
    for (line, body, status, says) in [
        ("POST /api/v1/rules", r#"{"when": {}, "class": "call"}"#.to_owned(), 422, "without a condition"),
        ("POST /api/v1/rules", NETFLIX.replace("streaming", "video"), 422, "`video` is no traffic class"),
        ("POST /api/v1/rules", NETFLIX.replace("Netflix.com", "a b"), 422, "`name`: `a b` is no server name"),
        ("POST /api/v1/rules", NETFLIX.replace("name", "names"), 422, "does not say what is needed"),
        ("POST /api/v1/rules", r#"{"when": {"device": "toaster"}, "class": "call"}"#.to_owned(), 404, "toaster"),
        ("PUT /api/v1/rules/file-1", NETFLIX.to_owned(), 404, "no rule file-1 that was set by hand"),
        ("DELETE /api/v1/rules/3", String::new(), 404, "`3` is no rule"),
        ("POST /api/v1/flows/none/class", r#"{"class": "call"}"#.to_owned(), 404, "No such flow"),
        (&format!("POST {flow}"), r#"{"class": "video"}"#.to_owned(), 422, "no traffic class"),
        (&format!("POST {flow}"), r#"{"class": "call", "scope": "me"}"#.to_owned(), 422, "no scope `me`"),
    ] {
        let code = if status == 404 { "not_found" } else { "invalid" };
        let title = world.ask_locally(line, &body).problem(status, code);
        assert!(title.contains(says), "{line} {body}: {title}");
    }
}
