//! `cargo xtask test`: everything that must hold, with a summary of what ran, what was skipped and why.

use crate::browser::{self, Pictures};
use crate::{demo, node, protocols, run, tidy, web};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the user asked for.
#[derive(clap::Args)]
pub struct Arguments {
    /// Leave out the steps whose names contain this (may be given several times)
    #[arg(long, value_name = "STEP")]
    skip: Vec<String>,
}

enum Outcome {
    Passed(String),
    Failed(String),
    Skipped(String),
}

/// Runs every step, also after one failed, and fails if one did.
pub fn run(arguments: Arguments) -> Result<()> {
    type Step = fn() -> Result<Outcome>;
    let steps: [(&str, Step); 8] = [
        ("format", || quiet(&mut run::cargo(&["fmt", "--all", "--check"]))),
        ("tidy", || tidy::run(tidy::Arguments::default()).map(|()| Outcome::Passed(String::new()))),
        ("protocols", || protocols::check().map(|()| Outcome::Passed(String::new()))),
        ("clippy", || {
            quiet(&mut run::cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
        }),
        ("tests", || {
            cargo_test(&mut run::cargo(&["test", "--workspace", "--exclude", "lab"]), &["--show-output"], "test.log")
        }),
        ("dashboard", dashboard),
        ("lab", || on_a_noisy_machine(lab)),
        ("browser", || on_a_noisy_machine(in_browser)),
    ];
    let mut summary = Vec::new();
    for (name, step) in steps {
        let started = Instant::now();
        println!("── {name}");
        let outcome = if arguments.skip.iter().any(|skip| name.contains(skip.as_str())) {
            Outcome::Skipped("asked for with --skip".to_owned())
        } else {
            step().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")))
        };
        summary.push((name, outcome, started.elapsed()));
    }
    report(&summary)
}

fn report(summary: &[(&str, Outcome, Duration)]) -> Result<()> {
    let mut counts = [0, 0, 0];
    println!("\n── summary");
    for (name, outcome, time) in summary {
        let (index, word, note) = match outcome {
            Outcome::Passed(note) => (0, "passed", note),
            Outcome::Failed(note) => (1, "FAILED", note),
            Outcome::Skipped(note) => (2, "skipped", note),
        };
        counts[index] += 1;
        let mut lines = note.lines();
        println!("{name:10} {word:8} {:5.0} s  {}", time.as_secs_f64(), lines.next().unwrap_or(""));
        for line in lines {
            println!("{:28} {line}", "");
        }
    }
    println!("{} passed, {} failed, {} skipped", counts[0], counts[1], counts[2]);
    if counts[1] > 0 {
        bail!("{} steps failed", counts[1]);
    }
    Ok(())
}

/// Which time a step runs: the output of each is kept.
#[derive(Clone, Copy)]
enum Try {
    First,
    Second,
}

/// Runs a step that measures real time; where it fails, once more, and says so: two cores that do something else for
/// a second can break a bound of milliseconds. What fails twice has failed.
fn on_a_noisy_machine(step: fn(Try) -> Result<Outcome>) -> Result<Outcome> {
    let first = match step(Try::First) {
        Ok(Outcome::Failed(note)) => note,
        Err(error) => format!("{error:#}"),
        done => return done,
    };
    println!("Failed, and tried once more: {first}");
    Ok(match step(Try::Second)? {
        Outcome::Passed(note) => Outcome::Passed(format!("{note}\nat the second try; the first: {first}")),
        other => other,
    })
}

fn quiet(command: &mut Command) -> Result<Outcome> {
    run::check(command)?;
    Ok(Outcome::Passed(String::new()))
}

/// Runs `cargo test`, shows results as they come, and gathers what the tests said they skipped.
fn cargo_test(command: &mut Command, test_arguments: &[&str], log: &str) -> Result<Outcome> {
    let log = run::target_dir().join(log);
    let mut file = std::fs::File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
    command.arg("--no-fail-fast").arg("--").args(test_arguments).stdout(Stdio::piped());
    let mut child = command.spawn().context("`cargo test` could not be started")?;
    let stdout = child.stdout.take().context("a piped child has an output")?;
    let mut skipped = Vec::new();
    let (mut passed, mut failed) = (0, 0);
    // What is indented under a failure says why.
    let mut under_failure = false;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        writeln!(file, "{line}")?;
        if let Some(at) = line.find("SKIPPED") {
            skipped.push(line[at..].to_owned());
        }
        if line.starts_with("test result:") {
            let number = |word: &str| count_before(&line, word);
            passed += number(" passed");
            failed += number(" failed");
            if number(" passed") + number(" failed") > 0 {
                println!("{line}");
            }
            continue;
        }
        under_failure = line.ends_with("... FAILED") || under_failure && line.starts_with(' ');
        if under_failure || line.contains("panicked at") || line.starts_with("MEASURED") {
            println!("{line}");
        }
    }
    skipped.sort();
    skipped.dedup();
    let mut note = format!("{passed} tests passed, {failed} failed");
    for skip in &skipped {
        note.push('\n');
        note.push_str(skip);
    }
    if child.wait()?.success() {
        Ok(Outcome::Passed(note))
    } else {
        Ok(Outcome::Failed(format!("{note}\nthe whole output is in {}", log.display())))
    }
}

fn count_before(line: &str, word: &str) -> u32 {
    let before = line.split(word).next().unwrap_or("");
    if before.len() == line.len() {
        return 0;
    }
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn dashboard() -> Result<Outcome> {
    web::install()?;
    for script in ["check", "test"] {
        run::check(&mut node::npm(&["run", "--silent", script])?)?;
    }
    web::build()?;
    Ok(Outcome::Passed(String::new()))
}

fn lab(which: Try) -> Result<Outcome> {
    // Without root it says itself what it skips, and still replays the recorded household.
    if run::is_root() {
        run::ensure_packages(&[("ip", "iproute2"), ("tc", "iproute2"), ("dnsmasq", "dnsmasq-base")])?;
    }
    let program = demo::release()?;
    let mut test = run::cargo(&["test", "--package", "lab"]);
    test.env("EQUALNET_PROGRAM", program);
    let log = match which {
        Try::First => "lab.log",
        Try::Second => "lab-2.log",
    };
    cargo_test(&mut test, &["--test-threads=1", "--nocapture"], log)
}

/// The dashboard in a real browser, over the household.
fn in_browser(_: Try) -> Result<Outcome> {
    let chromium = Path::new("/usr/bin/chromium");
    if !run::is_root() {
        return Ok(Outcome::Skipped("SKIPPED: the browser test looks at the household, which needs root".to_owned()));
    }
    if !chromium.exists() && run::ensure_packages(&[("chromium", "chromium")]).is_err() {
        return Ok(Outcome::Skipped("SKIPPED: no chromium; apt-get install chromium".to_owned()));
    }
    web::install()?;
    browser::walk(Pictures::Skip)?;
    Ok(Outcome::Passed(String::new()))
}
