//! Who may ask what.

use crate::world::{PASSWORD, World};

#[test]
fn over_the_network_nothing_is_told_before_a_login() {
    let world = World::new();
    for line in [
        "GET /api/v1/status",
        "GET /api/v1/devices",
        "GET /api/v1/session",
        "GET /api/v1/live",
        "PUT /api/v1/mode",
        "DELETE /api/v1/session",
        "POST /api/v1/policy/devices/nas/preview",
    ] {
        world.ask(line, &[], "").problem(401, "unauthenticated");
    }
    world.ask("GET /api/v1/status", &[("Cookie", "equalnet_login=0123")], "").problem(401, "unauthenticated");
    assert_eq!(world.ask("GET /api/v1/openapi.json", &[], "").status, 200);
}

#[test]
fn a_login_lets_in_until_it_ends() {
    let world = World::new();
    let login = world.log_in();
    let cookie = [("Cookie", login.cookie.as_str())];
    assert_eq!(world.ask("GET /api/v1/status", &cookie, "").status, 200);
    let state = world.ask("GET /api/v1/session", &cookie, "").json();
    assert_eq!((state["user"].as_str(), state["csrf"].as_str()), (Some("admin"), Some(login.csrf.as_str())));

    world.pass(12 * 3_600 - 1);
    assert_eq!(world.ask("GET /api/v1/status", &cookie, "").status, 200, "still open, and now for longer");
    world.pass(12 * 3_600);
    world.ask("GET /api/v1/status", &cookie, "").problem(401, "unauthenticated");

    let login = world.log_in();
    let with_secret = [("Cookie", login.cookie.as_str()), ("X-CSRF-Token", login.csrf.as_str())];
    world.ask("DELETE /api/v1/session", &with_secret[..1], "").problem(403, "forbidden");
    assert_eq!(world.ask("DELETE /api/v1/session", &with_secret, "").status, 204);
    world.ask("GET /api/v1/status", &with_secret, "").problem(401, "unauthenticated");
}

#[test]
fn the_cookie_is_kept_from_scripts_and_other_pages() {
    let world = World::new();
    let answer = world.ask("POST /api/v1/session", &[], &format!(r#"{{"password": "{PASSWORD}"}}"#));
    let cookie = answer.header("set-cookie");
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
}

#[test]
fn wrong_passwords_are_refused_alike_and_soon_slowly() {
    let world = World::new();
    let try_with = |user: &str, password: &str| {
        world.ask("POST /api/v1/session", &[], &format!(r#"{{"user": "{user}", "password": "{password}"}}"#))
    };
    let wrong_password = try_with("admin", "guess").problem(401, "unauthenticated");
    let wrong_user = try_with("nobody", PASSWORD).problem(401, "unauthenticated");
    assert_eq!(wrong_password, wrong_user, "nobody learns which of both was wrong");
    for _ in 0..3 {
        try_with("admin", "guess").problem(401, "unauthenticated");
    }
    let refused = try_with("admin", PASSWORD);
    refused.problem(429, "busy");
    assert_eq!(refused.header("retry-after"), "1", "even the right one has to wait");
    world.pass(1);
    assert_eq!(try_with("admin", PASSWORD).status, 200);
    world
        .ask("POST /api/v1/session", &[], &format!(r#"{{"password": "{}"}}"#, "x".repeat(2_000)))
        .problem(422, "invalid");
}

#[test]
fn every_change_carries_the_second_secret() {
    let world = World::new();
    let (login, other) = (world.log_in(), world.log_in());
    let body = r#"{"mode": "suggest"}"#;
    let cookie = ("Cookie", login.cookie.as_str());
    world.ask("PUT /api/v1/mode", &[cookie], body).problem(403, "forbidden");
    world.ask("PUT /api/v1/mode", &[cookie, ("X-CSRF-Token", "")], body).problem(403, "forbidden");
    world.ask("PUT /api/v1/mode", &[cookie, ("X-CSRF-Token", &other.csrf)], body).problem(403, "forbidden");
    assert_eq!(world.ask("PUT /api/v1/mode", &[cookie, ("X-CSRF-Token", &login.csrf)], body).status, 200);
}

#[test]
fn pages_from_elsewhere_and_foreign_names_are_refused() {
    let world = World::new();
    let login = world.log_in();
    let ours = format!("http://{}", world.address);
    for (headers, passes) in [
        (vec![("Origin", ours.as_str())], true),
        (vec![("Origin", "http://evil.example")], false),
        (vec![("Origin", "null")], false),
        (vec![("Host", "evil.example")], false),
        (vec![("Host", "equalnet.lan")], true),
        (vec![("Host", "equalnet.lan"), ("Origin", "https://equalnet.lan")], true),
        (vec![("Host", "localhost:1")], true),
    ] {
        let headers: Vec<_> = headers.into_iter().chain([("Cookie", login.cookie.as_str())]).collect();
        let answer = world.ask("GET /api/v1/status", &headers, "");
        if passes {
            assert_eq!(answer.status, 200, "{headers:?}");
        } else {
            answer.problem(403, "forbidden");
        }
    }
    world.ask("GET /", &[("Host", "evil.example")], "").problem(403, "forbidden");
}

#[test]
fn the_local_socket_needs_no_login() {
    let world = World::new();
    assert_eq!(world.ask_locally("GET /api/v1/session", "").json()["user"], "root");
    assert_eq!(world.ask_locally("PUT /api/v1/mode", r#"{"mode": "suggest"}"#).status, 200);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&world.socket).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o660);
}

#[test]
fn a_body_has_at_most_64_kilobytes_and_is_json() {
    let world = World::new();
    let large = format!(r#"{{"password": "{}"}}"#, "x".repeat(65_536));
    world.ask("POST /api/v1/session", &[], &large).problem(413, "invalid");
    world.ask("POST /api/v1/session", &[("Content-Type", "text/plain")], "{}").problem(415, "invalid");
    world.ask("POST /api/v1/session", &[], "password").problem(400, "invalid");
}
