//! Makes the weights of the models, and says how good they are.
//!
//! `trainer behavior` learns how flows move, from generators and from traces that the project recorded, and
//! writes the weights that `traffic` embeds; `trainer judge` says how often they are right; `trainer extract`
//! turns captures of our own into traces.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod captures;
mod chance;
mod demand;
mod examples;
mod foresight;
mod habits;
mod judge;
mod learn;
mod recorded;
mod strain;
mod trace;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use examples::Source;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use trace::Trace;
use traffic::behavior::{CLASSES, Model, Parameters};
use vocab::TrafficClass;

#[derive(Parser)]
#[command(name = "trainer", about = "Makes the weights of the models, and says how good they are")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Learn how flows move, write the weights and say how good they are
    Behavior(Behavior),
    /// Say how good the built-in weights are
    Judge(Judged),
    /// Learn to foresee demand, from made series, and write the weights that ship
    Forecast(foresight::Arguments),
    /// Make series of demand that forecasts may learn from
    Demand(Demand),
    /// Turn a capture of our own into traces: `FAMILY CLASS CAPTURE PORT…` adds its flows to the recorded ones
    Extract(Extract),
}

#[derive(Args)]
struct Behavior {
    /// What all randomness follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the weights go
    #[arg(long, default_value = "crates/traffic/src/classify/behavior/weights.bin")]
    out: PathBuf,
    /// Recorded traces to learn from
    #[arg(long, default_value = "crates/trainer/recorded/traces.gz")]
    recorded: PathBuf,
    /// A family that is never shown, to see how well others stand for it; repeatable
    #[arg(long)]
    without: Vec<String>,
    #[command(flatten)]
    pace: learn::Pace,
    #[command(flatten)]
    judged: Judged,
}

#[derive(Args)]
struct Judged {
    /// A folder of labelled captures
    #[arg(long)]
    captures: Option<PathBuf>,
    /// Their labels (pcap,l4,src_ip,src_port,dst_ip,dst_port,class,label,grade,weight)
    #[arg(long, requires = "captures")]
    truth: Option<PathBuf>,
    /// The shared corpora's folder `behaviour`
    #[arg(long, default_value = "../shared/corpora/behaviour")]
    behaviour: PathBuf,
    /// Print what is said of each labelled flow
    #[arg(long)]
    list: bool,
}

#[derive(Args)]
struct Demand {
    /// Where the series go: a gzip of rows `family,series,class,t,bytes,other`, a row a second
    #[arg(long)]
    out: PathBuf,
    /// Hours of series, all together; 520 are 1.9 million rows
    #[arg(long, default_value_t = 520.0)]
    hours: f64,
    /// What all randomness follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
struct Extract {
    /// What made it
    family: String,
    /// What it is for
    class: TrafficClass,
    /// The capture
    capture: PathBuf,
    /// Ports of the flows that count; all others are left out; none means all
    ports: Vec<u16>,
    /// The traces to add to
    #[arg(long, default_value = "crates/trainer/recorded/traces.gz")]
    out: PathBuf,
}

/// Flows of one capture that are kept at most: no program may drown the others.
const MOST: usize = 12;

/// How often a verdict must be right on examples: a protected class costs more when it is wrong.
fn precision(class: TrafficClass) -> f64 {
    if is_live(class) { 0.955 } else { 0.92 }
}

/// The least confidence whatever examples say: chosen on development captures.
fn floor(class: TrafficClass) -> u8 {
    match class {
        TrafficClass::Voice | TrafficClass::Call | TrafficClass::Gaming => 88,
        TrafficClass::Interactive | TrafficClass::Backup | TrafficClass::Update => 90,
        TrafficClass::Web => 85,
        TrafficClass::Streaming | TrafficClass::Download => 70,
        // Of what tunnels carry, everything looks like itself.
        TrafficClass::Work | TrafficClass::Unclassified => 97,
    }
}

const fn is_live(class: TrafficClass) -> bool {
    matches!(class, TrafficClass::Voice | TrafficClass::Call | TrafficClass::Gaming)
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Behavior(arguments) => behavior(&arguments),
        Command::Judge(arguments) => judge_built_in(&arguments),
        Command::Forecast(arguments) => foresight::learn(&arguments),
        Command::Demand(arguments) => make_demand(&arguments),
        Command::Extract(arguments) => extract(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trainer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn behavior(arguments: &Behavior) -> Result<()> {
    let recorded = if arguments.recorded.exists() { recorded::read(&arguments.recorded)? } else { Vec::new() };
    for name in &arguments.without {
        let known = habits::FAMILIES.iter().any(|family| family.name == name)
            || recorded.iter().any(|trace| trace.family == name);
        if !known {
            bail!("{name}: no family of this name");
        }
    }
    println!("{} families of generators, {} recorded flows", habits::FAMILIES.len(), recorded.len());
    let source = Source { recorded: &recorded, without: &arguments.without };
    let began = Instant::now();
    let mut parameters = learn::learn(source, arguments.seed, arguments.pace);
    parameters.thresholds = judge::thresholds(&parameters, source, arguments.seed ^ 0x7472, precision, floor);
    println!("Learnt in {:.0} s, temperature {:.2}", began.elapsed().as_secs_f64(), parameters.temperature);
    for class in TrafficClass::ALL.into_iter().take(CLASSES - 1) {
        print!("{class} {}  ", parameters.thresholds[class.index()]);
    }
    println!();
    let file = parameters.file();
    std::fs::write(&arguments.out, &file).with_context(|| format!("writing {}", arguments.out.display()))?;
    println!("{}: {} bytes", arguments.out.display(), file.len());
    println!("Examples of another seed:");
    judge::on_examples(&parameters, source, arguments.seed ^ 0x6a75).print();
    judge::calibration(&parameters, source, arguments.seed ^ 0x6361);
    if !arguments.without.is_empty() {
        println!("What was never shown:");
        hidden(&parameters, &recorded, &arguments.without, arguments.seed);
    }
    judge_all(&parameters, &arguments.judged)
}

/// Behaviour of families that were left out of learning.
fn hidden(parameters: &Parameters, recorded: &[Trace], without: &[String], seed: u64) {
    let mut chance = chance::Chance::new(seed ^ 0x6869);
    let model = Model::new(parameters);
    for name in without {
        let mut table = judge::Table::default();
        for family in habits::FAMILIES.iter().filter(|family| family.name == name) {
            for _ in 0..500 {
                let trace = strain::strain(&habits::trace(family, &mut chance), false, &mut chance);
                let opinion = trace.behavior(30).opinion(&model, trace.stream);
                table.add(trace.class, opinion.map(|opinion| opinion.class), 1.0);
            }
        }
        for trace in recorded.iter().filter(|trace| trace.family == name) {
            let opinion = trace.behavior(30).opinion(&model, trace.stream);
            table.add(trace.class, opinion.map(|opinion| opinion.class), 1.0);
        }
        println!("{name}:");
        table.print();
    }
}

fn judge_built_in(arguments: &Judged) -> Result<()> {
    judge_all(Model::built_in().parameters(), arguments)
}

fn judge_all(parameters: &Parameters, arguments: &Judged) -> Result<()> {
    if let (Some(captures), Some(truth)) = (&arguments.captures, &arguments.truth) {
        let flows = judge::labelled(captures, truth, 10)?;
        for packets in [10, 20, 30] {
            println!("Labelled captures, behaviour alone, {packets} packets:");
            judge::on_captures(parameters, &flows, packets).print();
        }
        judge::strong_disagreements(parameters, &flows, 30);
        if arguments.list {
            judge::list(parameters, &flows);
        }
    } else {
        println!("No --captures and --truth: labelled captures skipped");
    }
    judge::cost(parameters);
    println!("Flows of one service each:");
    judge::on_behaviour(parameters, &arguments.behaviour)
}

fn make_demand(arguments: &Demand) -> Result<()> {
    let bar = indicatif::ProgressBar::new((arguments.hours * 3_600.0) as u64);
    let all = demand::make(arguments.hours, arguments.seed, |seconds| bar.inc(seconds as u64));
    bar.finish_and_clear();
    demand::write(&arguments.out, &all)?;
    let rows: usize = all.iter().map(|series| series.seconds.main.len()).sum();
    println!("{}: {} series, {rows} rows", arguments.out.display(), all.len());
    Ok(())
}

fn extract(arguments: &Extract) -> Result<()> {
    let mut traces = if arguments.out.exists() { recorded::read(&arguments.out)? } else { Vec::new() };
    let family: &'static str = Box::leak(arguments.family.clone().into_boxed_str());
    let mut added = 0;
    for flow in captures::flows(&arguments.capture, 120)? {
        let ports = [flow.key.low().port, flow.key.high().port];
        let counts = arguments.ports.is_empty() || arguments.ports.iter().any(|port| ports.contains(port));
        if counts && flow.steps.len() >= 10 && added < MOST {
            traces.push(Trace { class: arguments.class, family, stream: flow.stream, steps: flow.steps });
            added += 1;
        }
    }
    println!("{family}: {added} flows");
    recorded::write(&arguments.out, &traces)
}
