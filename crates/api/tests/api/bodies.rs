//! What the answers look like, as recorded: whoever changes one changes the contract.

use crate::world::World;
use serde_json::{Value, json};

/// `expected` is part of the answer: arrays whole, objects by the fields named.
fn check(path: &str, expected: Value) {
    let world = World::new();
    let answer = world.ask_locally(&format!("GET /api/v1/{path}"), "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    let found = answer.json();
    assert!(holds(&found, &expected), "{path} answered\n{found:#}\nwhich has not\n{expected:#}");
}

fn holds(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| found.get(name).is_some_and(|found| holds(found, value)))
        }
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len() && found.iter().zip(expected).all(|(found, expected)| holds(found, expected))
        }
        _ => found == expected,
    }
}

#[test]
fn status_says_in_words_and_numbers_how_it_is() {
    check(
        "status",
        json!({
            "version": "1.2.3", "at_ms": 1_800_000_000_000_u64, "started_ms": 1_799_992_800_000_u64,
            "mode": "control", "source": "ebpf", "state": "busy",
            "sentence": "Busy: 94.0 of 100 Mbit/s down, 4.00 of 20.0 Mbit/s up; what is protected is not affected. \
                         2 devices active. NAS is held to 90.0 Mbit/s down.",
            "capture": {"packets": 5, "bytes": 700, "flows": 0, "dropped_kernel": 0, "dropped_channel": 0, "malformed": 0, "flows_evicted": 0, "verdicts_failed": 0},
            "devices_known": 3, "devices_active": 2, "devices_held": 1, "hit_permille": 910,
        }),
    );
    check(
        "status",
        json!({"links": [{
            "id": 0, "name": "Internet", "interfaces": ["lan0", "wan0"],
            "line_rate": {"download": 100_000_000, "upload": 20_000_000},
            "capacity": {"download": 100_000_000, "upload": 20_000_000},
            "usage": {"download": 94_000_000, "upload": 4_000_000},
            "forecast": {"download": null, "upload": null},
            "shaping": "on", "shaping_detail": "fq_codel", "plans_applied": 7,
        }]}),
    );
}

#[test]
fn devices_say_what_they_get_and_why() {
    check(
        "devices/a4:5e:60:00:00:01",
        json!({
            "id": "a4:5e:60:00:00:01", "number": 1, "name": "Anna's laptop", "mac": "a4:5e:60:00:00:01",
            "addresses": ["192.168.1.20"], "vendor": "Apple", "priority": 1, "weight": 1.0,
            "guarantee": {"download": "4 Mbit/s", "upload": ""}, "ceiling": {"download": null, "upload": null},
            "usage": {"download": 4_000_000, "upload": 3_000_000},
            "classes": [{"class": "call", "usage": {"download": 4_000_000, "upload": 3_000_000},
                "fare": {"rtt_lan_ms": 1.0, "rtt_wan_ms": 20.0, "retransmitted_percent": null}}],
            "fare": {"rtt_lan_ms": 1.23, "rtt_wan_ms": 21.5, "retransmitted_percent": 0.3},
            "main_class": "call", "gets": {"download": 40_000_000, "upload": 10_000_000},
            "forecast": {"download": {
                "p50": [4_000_000, 4_000_000, 4_000_000, 4_000_000], "mean15": [4_000_000, 6_000_000, 9_000_000],
                "model": "ewma", "learning": false,
            }, "upload": null},
            "hold": {"download": null, "upload": null},
        }),
    );
    check(
        "devices/nas",
        json!({
            "id": "a4:5e:60:00:00:02", "ceiling": {"download": null, "upload": 15_000_000},
            "hold": {"upload": null, "download": {
                "demand": 120_000_000, "rate": 90_000_000, "limited_by": "share",
                "sentence": "NAS gets 90.0 Mbit/s down of the 120 Mbit/s it wants: the link is full and everybody of priority 3 gets up to 90.0 Mbit/s.",
            }},
        }),
    );
    check(
        "devices",
        json!([{"name": "Anna's laptop"}, {"name": "NAS"}, {"name": "printer", "main_class": "", "classes": []}]),
    );
}

#[test]
fn a_device_is_found_by_id_address_and_name() {
    for text in ["a4:5e:60:00:00:01", "A4-5E-60-00-00-01", "192.168.1.20", "anna's%20laptop"] {
        check(&format!("devices/{text}"), json!({"name": "Anna's laptop"}));
    }
    let world = World::new();
    world.ask_locally("GET /api/v1/devices/toaster", "").problem(404, "not_found");
}

#[test]
fn decisions_are_sentences_and_their_parts() {
    check("decisions?limit=2", json!([{"id": 1, "to": 90_000_000}, {"id": 0, "at_ms": 1_799_999_900_000_u64}]));
    check(
        "decisions?limit=1",
        json!([{
            "id": 1, "kind": "held", "direction": "download", "from": 120_000_000, "to": 90_000_000, "by": "auto",
            "subject": {"kind": "aggregate", "device": "a4:5e:60:00:00:02", "name": "NAS", "class": "backup"},
            "because": [
                {"k": "demand_over_capacity", "demand": 131_000_000, "capacity": 100_000_000},
                {"k": "protect", "class": "call", "p50": 4_000_000, "p90": 6_000_000},
            ],
            "parts": [["guarantee", 10_000_000], ["share", 80_000_000]],
            "sentence": "Backup of NAS held to 90.0 Mbit/s down instead of 120 Mbit/s because 131 Mbit/s are wanted and there are 100 Mbit/s.",
        }]),
    );
}

#[test]
fn why_gives_the_grounds() {
    check(
        "why/NAS",
        json!({
            "subject": {"kind": "device", "device": "a4:5e:60:00:00:02", "name": "NAS"},
            "what": "NAS gets up to 90.0 Mbit/s down and 10.0 Mbit/s up.",
            "why": [
                "NAS gets 90.0 Mbit/s down of the 120 Mbit/s it wants: the link is full and everybody of priority 3 gets up to 90.0 Mbit/s.",
                "All together should want 120 Mbit/s down and the link has 100 Mbit/s: it is used up at priority 3.",
                "Its priority is 3 (1 is served first).",
                "Backup: 90.0 of 120 Mbit/s down, because the link is full and everybody of priority 3 gets up to 90.0 Mbit/s.",
            ],
            "parts": [["guarantee", 10_000_000], ["share", 80_000_000]],
            "decisions": [{"id": 1}],
        }),
    );
    check(
        "why/backup",
        json!({
            "subject": {"kind": "class", "class": "backup"},
            "what": "Backup: 90.0 Mbit/s down and 1.00 Mbit/s up now; 0 bit/s down and 0 bit/s up are kept free for it.",
            "why": [
                "It can wait: nothing is kept free for it, and it goes last when the link gets full.",
                "NAS moves most of it now: 91.0 Mbit/s; 1 device in all.",
            ],
        }),
    );
}

#[test]
fn flows_say_who_talks_to_whom() {
    let zoom = json!([{
        "id": "tcp-192.168.1.20-50000-198.51.100.7-443",
        "protocol": "tcp", "source_ip": "192.168.1.20", "source_port": 50_000,
        "destination_ip": "198.51.100.7", "destination_port": 443, "device": "a4:5e:60:00:00:01",
        "class": "call", "application": "Zoom", "server_name": "us04web.zoom.us", "confidence": 0.5,
        "evidence": "the server's name", "bytes": {"download": 1_000, "upload": 500},
    }]);
    check("flows", zoom.clone());
    check("flows?class=call&limit=1", zoom.clone());
    check("flows?device=192.168.1.20", zoom);
    check("flows?class=web", json!([]));
    check("flows?device=nas", json!([]));
}

#[test]
fn older_alerts_come_from_the_history() {
    check(
        "alerts",
        json!([{"id": 1}, {
            "id": 0, "severity": "critical", "kind": "plan_failed", "count": 2, "ended_ms": 1_799_999_900_000_u64,
            "subject": {"kind": "link", "name": "Internet"},
            "sentence": "Internet: the kernel refused a plan, the one before stays in force (no buffer space).",
        }]),
    );
}

#[test]
fn the_outlook_has_bands_busy_hours_and_the_quota() {
    let band = json!({"p10": 1, "p50": 120_000_000, "p90": 240_000_000});
    let quota = json!({
        "volume": 500_000_000_000_u64, "resets": 15, "from_ms": 1_799_967_600_000_u64, "to_ms": 1_802_646_000_000_u64,
        "used": 120_000_000, "missing_s": 60, "at_end": band, "runs_out": "not_in_this_period",
    });
    let way = json!({
        "season": "hours_of_day", "hours": vec![band.clone(); 24], "day": band,
        "busy": {"usual": vec![120_000_000; 24], "busiest": [{"from": 20, "hours": 2, "usual": 120_000_000}]},
    });
    for path in ["outlook", "outlook?link=internet", "outlook?link=0"] {
        check(
            path,
            json!({
                "name": "Internet", "at_ms": 1_800_000_000_000_u64, "utc_offset_s": 3_600, "recorded_hours": 1,
                "download": way, "upload": {"season": "learning", "hours": [], "busy": {"usual": [], "busiest": []}},
                "both": way, "quota": quota,
            }),
        );
    }
    // A device has its own history, and what is asked is not what the link has.
    check("outlook?device=nas", json!({"name": "NAS", "recorded_hours": 1}));
    check("outlook?device=anna's%20laptop", json!({"name": "Anna's laptop", "recorded_hours": 0}));
    check(
        "outlook?device=nas&quota=1000&resets=31",
        json!({"quota": {
            "volume": 1_000, "resets": 31, "runs_out": "expected", "earliest_ms": 1_800_000_000_000_u64,
            "likely_ms": 1_800_003_600_000_u64,
        }}),
    );
}

#[test]
fn history_comes_in_columns() {
    let range = "from=1799999990000&to=1800000000000";
    let (some, none) = ([8_000_000; 10], [0; 10]);
    check(
        &format!("history?{range}"),
        json!({"t0_ms": 1_799_999_990_000_u64, "step_ms": 1_000, "series": {"link.download": some, "link.upload": none}}),
    );
    check(
        &format!("history?{range}&fields=classes,devices,device:192.168.1.20&step=5000"),
        json!({"step_ms": 5_000, "series": {
            "class.backup.download": [8_000_000, 8_000_000],
            "device.a4:5e:60:00:00:02.download": [8_000_000, 8_000_000],
        }}),
    );
}

#[test]
fn the_rest_is_there_too() {
    check("interfaces", json!([{"name": "eth0", "up": true}]));
    check(
        "policy",
        json!({"mode": "observe", "levels": 5, "default_priority": 3, "minimum": {"download": "10 %", "upload": ""},
               "protected_permille": 500, "early_yield_permille": 800}),
    );
    check(
        "plan",
        json!({"id": 7, "link": 0, "directions": {"download": {
            "capacity": 100_000_000, "exhausted_tier": 3, "early_yielding": true,
            "devices": [{"device": "a4:5e:60:00:00:02", "rate": 90_000_000, "aggregates": [{"class": "backup", "tier": 3, "limited_by": "share"}]}],
        }}}),
    );
    check(
        "alerts?limit=1",
        json!([{"id": 1, "severity": "info", "kind": "new_device", "count": 1, "sentence": "NAS is here for the first time.",
                "subject": {"kind": "device", "name": "NAS"}}]),
    );
}

#[test]
fn what_cannot_be_asked_is_a_problem() {
    let world = World::new();
    for (line, body, status, code) in [
        ("GET /api/v1/nothing", "", 404, "not_found"),
        ("GET /api/v2/status", "", 404, "not_found"),
        ("GET /api", "", 404, "not_found"),
        ("POST /api/v1/status", "{}", 405, "invalid"),
        ("DELETE /api/v1/devices", "", 405, "invalid"),
        ("GET /api/v1/flows?limit=0", "", 422, "invalid"),
        ("GET /api/v1/flows?limit=1001", "", 422, "invalid"),
        ("GET /api/v1/flows?limit=many", "", 422, "invalid"),
        ("GET /api/v1/flows?class=videos", "", 422, "invalid"),
        ("GET /api/v1/flows?color=red", "", 422, "invalid"),
        ("GET /api/v1/plan?link=9", "", 404, "not_found"),
        ("GET /api/v1/history?from=2&to=1", "", 422, "invalid"),
        ("GET /api/v1/history?fields=everything", "", 422, "invalid"),
        ("GET /api/v1/history?fields=device:toaster", "", 404, "not_found"),
        ("GET /api/v1/history?step=1", "", 422, "invalid"),
        ("GET /api/v1/outlook?link=dsl", "", 404, "not_found"),
        ("GET /api/v1/outlook?device=toaster", "", 404, "not_found"),
        ("GET /api/v1/outlook?device=nas&link=internet", "", 422, "invalid"),
        ("GET /api/v1/outlook?quota=0", "", 422, "invalid"),
        ("GET /api/v1/outlook?quota=1&resets=32", "", 422, "invalid"),
        ("GET /api/v1/outlook?resets=3", "", 422, "invalid"),
        ("GET /api/v1/why/toaster", "", 404, "not_found"),
        ("GET /api/v1/live", "", 422, "invalid"),
        ("PUT /api/v1/mode", "{", 400, "invalid"),
        ("PUT /api/v1/mode", r#"{"mood": "good"}"#, 422, "invalid"),
        ("PUT /api/v1/mode", r#"{"mode": "party"}"#, 422, "invalid"),
        ("PUT /api/v1/policy/devices/nas", r#"{"priority": 11}"#, 422, "invalid"),
        ("PUT /api/v1/policy/devices/nas", r#"{"weight": 0}"#, 422, "invalid"),
        ("PUT /api/v1/policy/devices/nas", r#"{"colour": "red"}"#, 422, "invalid"),
        ("PUT /api/v1/policy/devices/nas", r#"{"guarantee": {"download": "4 MB/s", "upload": ""}}"#, 422, "invalid"),
        ("PUT /api/v1/policy/devices/nas", r#"{"ceiling": {"download": "0 Mbit/s", "upload": ""}}"#, 422, "invalid"),
        ("PUT /api/v1/policy/devices/nas", r#"{"name": "two\nlines"}"#, 422, "invalid"),
    ] {
        world.ask_locally(line, body).problem(status, code);
    }
}
