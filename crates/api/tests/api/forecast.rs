//! What others ask to be foreseen: series in and quantiles out, and the contract that others wrote.

use crate::world::World;
use serde_json::{Value, json};

fn predict(world: &World, body: Value) -> Value {
    let answer = world.ask_locally("POST /predict", &body.to_string());
    assert_eq!(answer.status, 200, "{body}: {}", answer.body);
    answer.json()
}

#[test]
fn the_contract_is_answered_from_the_live_model() {
    let world = World::new();
    let expected = json!({
        "trafficType": "video", "predictedBandwidth": 10.0, "unit": "Mbps", "p50": 8.0, "p90": 10.0, "p99": 13.0,
    });
    assert_eq!(predict(&world, json!({"trafficType": "video", "packetSize": 1200})), expected);
    assert_eq!(predict(&world, json!({"trafficType": " Video", "colour": [{"of": "the sky"}]})), expected);
    assert_eq!(predict(&world, json!({"trafficType": "streaming"}))["p50"], 8.0);
}

#[test]
fn with_a_recent_rate_that_is_foreseen() {
    let world = World::new();
    let said = predict(&world, json!({"trafficType": "voice", "recentThroughput": 0.0915, "queueLength": 0}));
    assert_eq!([&said["p50"], &said["p90"], &said["predictedBandwidth"]], [0.092, 0.183, 0.183]);
    assert_eq!(said.get("learning"), None, "a minute is enough");
    let said = predict(&world, json!({"trafficType": "call", "recentThroughput": 2, "queueLength": 40}));
    assert_eq!(said["p99"], 8.0);
}

#[test]
fn what_the_contract_does_not_know_is_told() {
    let world = World::new();
    for (body, status, says) in [
        (r#"{"trafficType": "film"}"#, 400, "there is no `film`"),
        ("{}", 400, "there is no ``"),
        (r#"{"trafficType": 3}"#, 422, "does not say what is needed"),
        (r#"{"trafficType": "video", "packetSize": 65536}"#, 422, "`packetSize`: 65536 is outside 0 to 65535"),
        (r#"{"trafficType": "video", "queueLength": -1}"#, 422, "`queueLength`"),
        (r#"{"trafficType": "video", "recentThroughput": 1e7}"#, 422, "`recentThroughput`"),
        (r#"{"trafficType": "video", "direction": "up"}"#, 422, "`direction`"),
        (r#"{"trafficType": "video", "recentThroughput": "fast"}"#, 422, "does not say what is needed"),
        ("not json", 400, "not JSON"),
    ] {
        let title = world.ask_locally("POST /predict", body).problem(status, "invalid");
        assert!(title.contains(says), "{body}: {title}");
    }
    let unknown = world.ask_locally("POST /predict", r#"{"trafficType": "film"}"#).json();
    let known = "One of voice, video, browsing, gaming, file, background, call, interactive, web, streaming, work, \
                 download, backup, update, unclassified.";
    assert_eq!(unknown["detail"], known);
    // What was never watched has no forecast.
    world.ask_locally("POST /predict", r#"{"trafficType": "voice"}"#).problem(503, "busy");
    assert_eq!(world.ask_locally("GET /predict", "").status, 405);
    world.ask("POST /predict", &[], r#"{"trafficType": "video"}"#).problem(401, "unauthenticated");
}

#[test]
fn a_series_in_quantiles_out() {
    let world = World::new();
    let ask = |body: Value| {
        let answer = world.ask_locally("POST /api/v1/forecast", &body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    let of = |class: &str, rate: u64, learning: bool| {
        let each = json!({"p50": rate, "p90": rate * 2, "p99": rate * 4});
        json!({
            "class": class, "h1": each, "h5": each, "h15": each, "h60": each, "w15": each,
            "model": class, "learning": learning,
        })
    };
    assert_eq!(ask(json!({"rates": [1, 2, 3]})), of("unclassified", 3, false));
    let one = json!({"class": "call", "rates": [1.5, null], "unit": "Mbit/s", "at_ms": 1_750_000_000_000_u64});
    assert_eq!(ask(one.clone()), of("call", 1_500_000, true));
    let several = ask(json!({"series": [one, {"rates": [7, 7, 7]}]}));
    assert_eq!(several, json!({"series": [of("call", 1_500_000, true), of("unclassified", 7, false)]}));
    // As much as is allowed, written as long as it can be sensibly.
    let hour: Vec<f64> = (0..3_600).map(|second| 1e9 / f64::from(second + 1)).collect();
    let all = ask(json!({"series": vec![json!({"rates": hour}); 16]}));
    assert_eq!(all["series"].as_array().unwrap().len(), 16);
}

#[test]
fn a_series_that_cannot_be_foreseen_says_why() {
    let world = World::new();
    let hour = |seconds: usize| json!({"rates": vec![1; seconds]}).to_string();
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (body, status, says) in [
        ("{}".to_owned(), 422, "One of `rates` (one series) and `series` (several)"),
        (r#"{"rates": [1], "series": []}"#.to_owned(), 422, "One of `rates`"),
        (r#"{"series": []}"#.to_owned(), 422, "`series`: 0 are not 1 to 16"),
        (json!({"series": vec![json!({"rates": [1]}); 17]}).to_string(), 422, "`series`: 17"),
        (r#"{"class": "call", "series": [{"rates": [1]}]}"#.to_owned(), 422, "stand in each of `series`"),
        (r#"{"rates": []}"#.to_owned(), 422, "`rates`: 0 seconds"),
        (hour(3_601), 422, "`rates`: 3601 seconds are not 1 to 3600"),
        (r#"{"series": [{"rates": [1]}, {"rates": [0, -5]}]}"#.to_owned(), 422, "`series[1].rates[1]`: -5 is outside"),
        (r#"{"rates": [1e16]}"#.to_owned(), 422, "`rates[0]`"),
        (r#"{"rates": [1e999]}"#.to_owned(), 400, "not JSON"),
        (r#"{"rates": [NaN]}"#.to_owned(), 400, "not JSON"),
        (r#"{"rates": ["1"]}"#.to_owned(), 422, "does not say what is needed"),
        (r#"{"rates": [1], "unit": "furlong"}"#.to_owned(), 422, "`unit`: `furlong` is no unit"),
        (r#"{"rates": [1], "class": "video"}"#.to_owned(), 422, "`class`: `video` is no traffic class"),
        (r#"{"rates": [1], "at_ms": 5}"#.to_owned(), 422, "`at_ms`"),
        (r#"{"rates": [1], "at_ms": 18446744073709551615}"#.to_owned(), 422, "`at_ms`"),
        (r#"{"rates": [1], "rate": 1}"#.to_owned(), 422, "does not say what is needed"),
        (format!(r#"{{"rates": {nested}}}"#), 422, "does not say what is needed"),
        (nested.clone(), 422, "does not say what is needed"),
        (format!(r#"{{"rates": [{}1]}}"#, " ".repeat(1_400_000)), 413, "cannot be read"),
    ] {
        let title = world.ask_locally("POST /api/v1/forecast", &body).problem(status, "invalid");
        assert!(title.contains(says), "{}: {title}", &body[..body.len().min(80)]);
    }
    world.ask("POST /api/v1/forecast", &[], r#"{"rates": [1]}"#).problem(401, "unauthenticated");
    let login = world.log_in();
    let headers = [("Cookie", login.cookie.as_str())];
    world.ask("POST /api/v1/forecast", &headers, r#"{"rates": [1]}"#).problem(403, "forbidden");
}

#[test]
fn what_is_foreseen_now() {
    let world = World::new();
    let view = world.ask_locally("GET /api/v1/forecast", "").json();
    let series = view["series"].as_array().unwrap();
    let of = |id: &str| series.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    // The NAS moves still, the printer was silent for an hour.
    let kinds: Vec<&str> = series.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "device").count(), 2);
    assert_eq!((kinds[0], kinds[1], kinds.len()), ("link", "class", 1 + 11 + 2));
    let video = of("streaming");
    assert_eq!(video["forecast"]["download"]["mean15"], json!([8_000_000, 10_000_000, 13_000_000]));
    assert_eq!(video["forecast"]["download"]["model"], "ewma");
    let alone = [8_000_000, 10_000_000, 13_000_000];
    let models = json!([
        {"model": "ewma", "weight_permille": 750, "alone": alone, "against_ewma_permille": 1000, "set_aside": false},
        {"model": "network-1", "weight_permille": 250, "alone": alone, "set_aside": false},
        {"model": "outside", "weight_permille": 0, "alone": alone, "against_ewma_permille": 1310, "set_aside": true},
    ]);
    assert_eq!(video["models"], json!({"download": models, "upload": []}));
    let anna = of("a4:5e:60:00:00:01");
    assert_eq!(anna["name"], "Anna's laptop");
    assert_eq!(anna["models"], json!({"download": models, "upload": []}));
    assert_eq!(of("0")["models"], json!({"download": [], "upload": []}));
    assert_eq!(view["outside"], json!({"asked": 40, "failed": 2}));
    assert_eq!(view["hit_permille"], 910);
    world.ask("GET /api/v1/forecast", &[], "").problem(401, "unauthenticated");
}
