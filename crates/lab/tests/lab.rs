//! The lab itself, and the program under test in it. Needs root; the program is named by `EQUALNET_PROGRAM`.
//!
//! This test is a program of its own (no harness): the household's processes are this program again. Words on the
//! command line choose scenarios by name.

use anyhow::{Context, Result, bail};
use lab::scenarios::{self, Outcome};
use lab::{Household, HouseholdOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The word that makes this program the owner of a household, to be killed.
const OWNER: &str = "own-a-household";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = lab::hidden(&arguments) {
        return code;
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if words.first().is_some_and(|word| word == OWNER) {
        return match own() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&format!("{error:#}")),
        };
    }
    if !std::fs::metadata("/proc/self").is_ok_and(|this| std::os::unix::fs::MetadataExt::uid(&this) == 0) {
        say("SKIPPED: every test of the lab, for want of root");
        return ExitCode::SUCCESS;
    }
    run_all(&words)
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn fail(text: &str) -> ExitCode {
    say(text);
    ExitCode::FAILURE
}

fn run_all(words: &[String]) -> ExitCode {
    let is_chosen = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    let program = std::env::var_os("EQUALNET_PROGRAM").map(PathBuf::from);
    let mut failed = Vec::new();
    let mut check = |name: &str, outcome: Result<Outcome>| {
        let outcome = outcome.unwrap_or_else(|error| Outcome {
            scenario: name.to_owned(),
            failures: vec![format!("{error:#}")],
            ..Outcome::default()
        });
        let verdict = if outcome.failures.is_empty() { "ok" } else { "FAILED" };
        say(&format!("lab {name} ... {verdict}"));
        for (figure, value) in &outcome.figures {
            say(&format!("    {figure:<44} {value:>12.3}"));
        }
        for line in outcome.failures.iter().chain(&outcome.notes) {
            say(&format!("    {line}"));
        }
        if !outcome.failures.is_empty() {
            failed.push(name.to_owned());
        }
    };
    if is_chosen("killed") {
        check("killed", killed_owner());
    }
    let costs = scenarios::COSTS.into_iter().filter(|(name, _, _)| words.iter().any(|word| word == name));
    for (name, shows, _) in scenarios::ALL.into_iter().chain(costs) {
        if !is_chosen(name) {
            continue;
        }
        // A household alone needs no program under test.
        let runs = if name == "household" { std::env::current_exe().ok() } else { program.clone() };
        match runs {
            Some(program) => check(name, scenarios::run(name, &program)),
            None => say(&format!("lab {name} ... SKIPPED: EQUALNET_PROGRAM names no program ({shows})")),
        }
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { fail(&format!("failed: {}", failed.join(", "))) }
}

/// Builds a household, says where, and waits to be killed.
fn own() -> Result<()> {
    let household = Household::build(&HouseholdOptions::usual(std::env::current_exe()?))?;
    say(&format!("{} {}", household.id(), household.folder().display()));
    std::thread::sleep(Duration::from_secs(60));
    bail!("nobody killed the owner of household {}", household.id());
}

/// An owner killed by SIGKILL leaves no namespace, no process and no file behind.
fn killed_owner() -> Result<Outcome> {
    let mut outcome = Outcome { scenario: "killed".to_owned(), ..Outcome::default() };
    let mut owner =
        Command::new(std::env::current_exe()?).arg(OWNER).stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
    let mut line = String::new();
    BufReader::new(owner.stdout.take().context("no output")?).read_line(&mut line)?;
    let (id, folder) = line.trim().split_once(' ').context("the owner built no household")?;
    if lab::leftovers(id).len() < 9 {
        bail!("household {id} has only {:?}", lab::leftovers(id));
    }
    owner.kill()?;
    owner.wait()?;
    let killed = Instant::now();
    let traces = || {
        let mut traces = lab::leftovers(id);
        if std::path::Path::new(folder).exists() {
            traces.push(folder.to_owned());
        }
        traces.extend(processes_of(id));
        traces
    };
    while !traces().is_empty() && killed.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    outcome.figures.insert("gone_after_s".to_owned(), killed.elapsed().as_secs_f64());
    let left = traces();
    if !left.is_empty() {
        outcome.failures.push(format!("left behind: {left:?}"));
    }
    Ok(outcome)
}

/// Processes whose command line names household `id`, but for this one.
fn processes_of(id: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| {
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        command.contains(id).then(|| format!("process {}: {command:.60}", entry.file_name().to_string_lossy()))
    });
    processes.collect()
}
