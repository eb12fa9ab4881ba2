//! Inside the emulated machine that `cargo xtask lab --guest` boots: scenarios beside one peer, one after the other.
//!
//! In go the names of both; out comes, over the console, a number for each second and after each scenario what was
//! measured.
//! The machine's kernel is a distribution's, so that everything that others shape with is there; its clock counts
//! instructions, so that a figure does not depend on what else this computer does.

mod figures;
mod mos;
mod peer;
mod ping;
mod scenarios;
mod scene;

pub use scenarios::{ALL, Bound, Goal, Scenario};

use crate::scenarios::Outcome;
use crate::shell;
use anyhow::{Context, Result, bail};
pub use peer::Peer;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What marks our lines among the kernel's on the console.
const MARK: &str = "@lab ";
/// Where the machine has the kernel's modules, in an order in which they can be loaded.
const MODULES: &str = "/modules";
/// Where it has the program under test.
const PROGRAM: &str = "/bin/equalnet";
/// How long a scenario may take, in the machine's own seconds.
const BOUND_S: u64 = 300;

/// What a scenario is tried with.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Who shapes.
    pub peer: Peer,
    /// The program under test.
    pub program: PathBuf,
}

/// A scenario and a peer, and what was measured.
#[derive(Debug, Serialize)]
struct Cell {
    peer: &'static str,
    /// The machine's own seconds.
    took_s: u64,
    #[serde(flatten)]
    outcome: Outcome,
}

/// A scenario, for who chooses among them.
#[derive(Debug, Serialize)]
struct Listed {
    scenario: String,
    shows: &'static str,
    peers: Vec<&'static str>,
    goals: Vec<(&'static str, String, Bound)>,
}

/// What can be tried, as lines of JSON.
pub fn list() -> String {
    let mut lines = String::new();
    let mut line = |listed: &Listed| {
        lines.push_str(&serde_json::to_string(listed).expect("a list is plain data"));
        lines.push('\n');
    };
    for scenario in ALL {
        line(&Listed {
            scenario: scenario.name.to_owned(),
            shows: scenario.shows,
            peers: scenario.peers.iter().map(|peer| peer.name()).collect(),
            goals: scenario.goals.iter().map(|goal| (goal.figure, goal.to_string(), goal.bound)).collect(),
        });
    }
    for (name, shows, _) in crate::scenarios::ALL {
        line(&Listed {
            scenario: format!("{HOUSEHOLD}{name}"),
            shows,
            peers: vec![Peer::Equalnet.name(), Peer::EqualnetBfifo.name()],
            goals: Vec::new(),
        });
    }
    lines
}

/// Before the names of the scenarios that the lab in namespaces has too.
const HOUSEHOLD: &str = "household/";

/// Tries the scenarios named in `scenarios` (`rrul,voice`) beside the peer named `peer` and says on the console what
/// came of each; only in a machine of its own: it loads the kernel's modules.
pub fn run(scenarios: &str, peer: &str) -> Result<()> {
    let found = Peer::ALL.into_iter().find(|known| known.name() == peer);
    let found = found.with_context(|| format!("there is no peer `{peer}`"))?;
    load_modules(found)?;
    for scenario in scenarios.split(',') {
        let patience = Patience::begin();
        let (begun, idle) = (Instant::now(), idle_seconds());
        let outcome = attempt(scenario, found)
            .unwrap_or_else(|error| Outcome { failures: vec![format!("{error:#}")], ..Outcome::default() });
        let mut outcome = Outcome { scenario: scenario.to_owned(), ..outcome };
        // What comes near 100 % measures the machine and not the queues.
        let took_s = begun.elapsed().as_secs_f64();
        outcome.figure("machine_busy_percent", 100.0 * (1.0 - (idle_seconds() - idle) / took_s));
        drop(patience);
        say(&serde_json::to_string(&Cell { peer: found.name(), took_s: took_s as u64, outcome })?);
    }
    Ok(())
}

/// For how long the machine's one processor has had nothing to do (proc(5): the second number of `uptime`).
fn idle_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}

fn attempt(scenario: &str, peer: Peer) -> Result<Outcome> {
    let program = PathBuf::from(PROGRAM);
    if let Some(name) = scenario.strip_prefix(HOUSEHOLD) {
        return crate::scenarios::run(name, &program);
    }
    let Some(found) = ALL.iter().find(|known| known.name == scenario) else {
        bail!("there is no scenario `{scenario}`");
    };
    (found.run)(&Trial { peer, program })
}

/// Loads every module but those whose absence the peer is to feel.
fn load_modules(peer: Peer) -> Result<()> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(MODULES).context("no modules")?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files.iter().filter(|file| !peer.goes_without().iter().any(|name| is_module(file, name))) {
        shell::run("insmod", &[&file.display().to_string()])?;
    }
    Ok(())
}

/// Whether `file` (`/modules/07-sch_cake.ko`) is the module `name`.
fn is_module(file: &Path, name: &str) -> bool {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    stem.split_once('-').is_some_and(|(_, module)| module == name)
}

/// Says each second that it has passed, and ends the machine's work where it takes too long; until dropped.
struct Patience(Arc<AtomicBool>);

impl Patience {
    fn begin() -> Patience {
        let is_over = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&is_over);
        std::thread::spawn(move || {
            for second in 1..=BOUND_S {
                std::thread::sleep(Duration::from_secs(1));
                if heard.load(Ordering::Relaxed) {
                    return;
                }
                say(&second.to_string());
            }
            std::process::exit(1);
        });
        Patience(is_over)
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{MARK}{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_known_by_their_names() {
        let check = |file: &str, name: &str, expected: bool| {
            assert_eq!(is_module(Path::new(file), name), expected, "{file} {name}");
        };
        check("/modules/07-sch_cake.ko", "sch_cake", true);
        check("/modules/08-sch_fq_codel.ko", "sch_fq", false);
    }

    #[test]
    fn every_scenario_is_listed_with_goals_for_what_it_has() {
        let listed: Vec<serde_json::Value> = list().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(listed.len(), ALL.len() + crate::scenarios::ALL.len());
        for scenario in &listed {
            assert!(scenario["peers"].as_array().is_some_and(|peers| !peers.is_empty()), "{scenario}");
        }
    }
}
