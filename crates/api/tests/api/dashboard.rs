//! The dashboard's files, and the headers that keep browsers safe.

use crate::world::World;

#[test]
fn every_answer_carries_the_security_headers() {
    let world = World::new();
    for line in ["GET /", "GET /devices", "GET /api/v1/status", "GET /api/v1/nothing", "GET /favicon-missing.ico"] {
        let answer = world.ask(line, &[], "");
        assert!(answer.header("content-security-policy").starts_with("default-src 'self';"), "{line}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{line}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{line}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{line}");
    }
}

#[test]
fn pages_are_found_by_the_dashboard_and_files_by_us() {
    let world = World::new();
    for line in ["GET /", "GET /devices/a4", "GET /settings/link"] {
        let answer = world.ask(line, &[], "");
        assert_eq!(answer.status, 200, "{line}");
        assert!(answer.header("content-type").starts_with("text/html"), "{line}");
        assert_eq!(answer.header("cache-control"), "no-cache", "{line}");
    }
    for line in ["GET /assets/missing.js", "GET /../Cargo.toml", "GET /%2e%2e/%2e%2e/Cargo.toml"] {
        world.ask(line, &[], "").problem(404, "not_found");
    }
    world.ask("POST /", &[], "{}").problem(405, "invalid");
}
