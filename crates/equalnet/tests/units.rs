//! What systemd makes of our units: that a daemon which fails slowly is held, too, and that all of them are read.
#![allow(clippy::print_stderr, reason = "a person reads what was skipped")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The most that reading the history adds to a start, in seconds (`daemon.rs`).
const REMEMBERING: u64 = 30;

/// The daemon starts itself anew for the ports of a bridge no more often, in seconds (`attached.rs`).
const RESTARTED_EVERY: u64 = 60;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/systemd")
}

fn unit(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect("it is there")
}

/// The seconds, or the number, that a unit sets.
fn set(unit: &str, key: &str) -> u64 {
    let mut values = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let value = values.next().unwrap_or_else(|| panic!("{key} is set"));
    match value.strip_suffix("min") {
        Some(minutes) => minutes.parse::<u64>().expect("a number") * 60,
        None => value.parse().expect("a number"),
    }
}

#[test]
fn a_daemon_that_hangs_at_each_start_is_held_and_then_tried_anew() {
    let (daemon, timer) = (unit("equalnet.service"), unit("equalnet-again.timer"));
    let slowest = set(&daemon, "TimeoutStartSec") + REMEMBERING + set(&daemon, "RestartSec");
    let (interval, burst) = (set(&daemon, "StartLimitIntervalSec"), set(&daemon, "StartLimitBurst"));
    assert!(burst * slowest < interval, "the last of {burst} starts that take {slowest} s is not within {interval} s");
    assert!(burst * RESTARTED_EVERY > interval, "a bridge with many ports is taken for a crash loop");
    // Else what the timer starts may be refused for what came before.
    assert!(interval < set(&timer, "OnActiveSec"));
}

#[test]
fn a_daemon_that_was_stopped_or_disabled_is_not_brought_back() {
    // A failed unit stays failed when it is stopped: only what is part of it notices.
    assert!(unit("equalnet-again.timer").lines().any(|line| line == "PartOf=equalnet.service"));
    let again = unit("equalnet-again.service");
    for state in ["is-failed", "is-enabled"] {
        let condition = format!("ExecCondition=/usr/bin/systemctl --quiet {state} equalnet.service");
        assert!(again.lines().any(|line| line == condition), "{state}");
    }
}

#[test]
fn systemd_reads_the_units() {
    let asked = Command::new("systemd-analyze").arg("--version").output();
    if !asked.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no systemd-analyze");
        return;
    }
    let copies = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name();
        // What is not installed is not executable.
        let text = unit(name.to_str().expect("ASCII")).replace("/usr/bin/equalnet", env!("CARGO_BIN_EXE_equalnet"));
        paths.push(copies.path().join(&name));
        std::fs::write(copies.path().join(name), text).unwrap();
    }
    let output = Command::new("systemd-analyze").arg("verify").args(&paths).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // It says what it does not know, and ends well all the same. Of other units it says what it likes.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("equalnet")).collect();
    assert!(output.status.success() && ours.is_empty(), "{ours:?}");
}
