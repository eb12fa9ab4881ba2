//! The description is current, whole and true.

use crate::world::World;
use serde_json::Value;

#[test]
fn docs_openapi_json_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written.trim_end() == api::openapi_json(),
        "docs/openapi.json is not what the code says: run `cargo xtask codegen`"
    );
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_described() {
    let description: Value = serde_json::from_str(&api::openapi_json()).unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    check_references(&description, &description);
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(operation["operationId"].is_string(), "{place}");
            assert!(operation["summary"].is_string() || operation["description"].is_string(), "{place}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(!response["description"].as_str().unwrap().is_empty(), "{place} {status}");
                if status.as_bytes()[0] == b'4' || status.as_bytes()[0] == b'5' {
                    assert!(response["content"]["application/problem+json"].is_object(), "{place} {status}");
                }
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let schema = &parameter["schema"];
                let bounded = schema["maximum"].is_number() || schema["maxLength"].is_number();
                assert!(bounded, "{place}: {parameter}");
                assert!(parameter["description"].is_string(), "{place}: {parameter}");
            }
        }
    }
}

fn check_references(all: &Value, part: &Value) {
    match part {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                let target = reference.strip_prefix('#').and_then(|pointer| all.pointer(pointer));
                assert!(target.is_some(), "{reference} leads nowhere");
            }
            fields.values().for_each(|value| check_references(all, value));
        }
        Value::Array(values) => values.iter().for_each(|value| check_references(all, value)),
        _ => {}
    }
}

#[test]
fn what_is_described_is_there() {
    let world = World::new();
    let description: Value = serde_json::from_str(&api::openapi_json()).unwrap();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let line =
                format!("{} {}", method.to_uppercase(), path.replace("{id}", "nas").replace("{subject}", "backup"));
            let body = if method == "get" { "" } else { "{}" };
            let answer = world.ask_locally(&line, body);
            let nowhere = answer.status == 404 && answer.json()["title"] == "There is no such address.";
            assert!(!nowhere && answer.status != 405, "{line}: {}", answer.status);
        }
    }
}
