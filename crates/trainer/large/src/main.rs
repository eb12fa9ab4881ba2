//! Larger recurrent networks that foresee demand, learnt through `burn`: to compare with, no part of the product.
//!
//! In: recorded series to learn from and others to be judged by (`family,series,class,t,bytes,other`). Out, in one
//! folder: the weights, what was foreseen (`series,t,target,p50,p90,p99`), and a card that says from what and how good.

mod card;
#[path = "../../src/chance.rs"]
#[allow(dead_code, reason = "the trainer's own needs more of it")]
mod chance;
mod device;
mod judge;
mod learn;
mod network;
mod track;

use anyhow::{Context, Result};
use clap::Parser;
use device::Place;
use flate2::read::MultiGzDecoder;
use forecast::Recorded;
use indicatif::{ProgressBar, ProgressStyle};
use learn::{Desk, Schedule};
use network::Cell;
use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// What the user asked for.
#[derive(Parser, Debug)]
#[command(
    name = "cargo xtask train large",
    after_help = "Files that end in .gz are packed. OUT gets said.csv (for \
    score_forecasts.py), weights.safetensors and card.md.\n\nExample: cargo xtask train large --learn learn.csv \
    --judge judge.csv --out lstm"
)]
struct Arguments {
    /// Series to learn from
    #[arg(long, value_name = "DEMAND.csv[.gz]")]
    learn: PathBuf,
    /// Series to be judged by; none of them may be among those learnt
    #[arg(long, value_name = "DEMAND.csv[.gz]")]
    judge: PathBuf,
    /// The folder for all that is made
    #[arg(long)]
    out: PathBuf,
    /// What keeps something of a series
    #[arg(long, value_enum, default_value_t = Cell::Lstm)]
    cell: Cell,
    /// How many units
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=2048))]
    units: u16,
    /// Steps at most: it stops when series kept apart are no longer foreseen better
    #[arg(long, default_value_t = 6_000)]
    steps: usize,
    /// Passages of 112 s in a step
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// The largest step width of Adam
    #[arg(long, default_value_t = 3e-3)]
    step_width: f64,
    /// Half of the passages are learnt at other scales: at most e to this power, and one over it; 0 for none
    #[arg(long, default_value_t = 2.0)]
    spread: f64,
    /// What all randomness follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where it computes
    #[arg(long, value_enum, default_value_t = Place::Cpu)]
    device: Place,
    /// Under which licence the series are, for the card
    #[arg(long, default_value = "unknown: do not pass the weights on")]
    licence: String,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("train large: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let device = arguments.device.open()?;
    let (learnt, judged) = (read(&arguments.learn)?, read(&arguments.judge)?);
    let desk = Desk::new(&Recorded::lessons(&learnt)).context("no series is as long as a passage, 112 s")?;
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("{}", arguments.out.display()))?;
    let schedule = Schedule {
        cell: arguments.cell,
        units: usize::from(arguments.units),
        steps: arguments.steps.max(1),
        batch: arguments.batch.max(1),
        step_width: arguments.step_width,
        spread: arguments.spread,
        seed: arguments.seed,
    };
    let began = Instant::now();
    let bar = bar(schedule.steps);
    let mut course = Vec::new();
    let network = learn::learn(&desk, &schedule, &device, &mut |progress| {
        bar.set_position(progress.step as u64);
        let checked = progress.checked_loss.map_or("-".into(), |loss| format!("{loss:.3}"));
        bar.set_message(format!("loss {:.3}, apart {checked}", progress.learning_loss));
        course.push(progress);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let learnt_in = began.elapsed();
    let bar = self::bar(judged.len());
    let foreseen = judge::foresee(&network, schedule.cell, &judged, &device, &mut |series| bar.inc(series as u64));
    bar.finish_and_clear();
    let table = judge::table(&judge::tally(&judged, &foreseen));
    judge::write(&arguments.out.join("said.csv"), &judged, &foreseen)?;
    let card = card::Card {
        command: std::env::args().skip(1).collect(),
        licence: &arguments.licence,
        sets: [(&arguments.learn, &learnt), (&arguments.judge, &judged)],
        seconds: desk.seconds(),
        schedule,
        device: arguments.device,
        learnt_in,
        course,
        table: &table,
    };
    card::write(&arguments.out, &card, &network)?;
    println!("{table}\n{}: weights.safetensors, said.csv, card.md", arguments.out.display());
    Ok(())
}

fn bar(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} {msg}").expect("a sound template");
    ProgressBar::new(length as u64).with_style(style)
}

fn read(path: &Path) -> Result<Vec<Recorded>> {
    let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    let recorded = match path.extension().is_some_and(|ending| ending == "gz") {
        true => Recorded::read(BufReader::new(MultiGzDecoder::new(file))),
        false => Recorded::read(BufReader::new(file)),
    };
    recorded.with_context(|| path.display().to_string())
}
