//! `equalnet train`: a copy of the forecasting models learns this network's own history.

use crate::config::parse_duration;
use crate::own_history::{Place, parse_since};
use crate::training::{self, Training};
use crate::{learning, limits, privileges, weights, zone};
use anyhow::{Context, Result};
use std::num::NonZero;
use std::process::ExitCode;
use std::time::Duration;
use vocab::{ByteCount, Timestamp, WeightsInForce};

/// What the user asked for.
#[derive(clap::Args)]
#[command(
    after_help = "The forecasts' networks go on from where the shipped ones stopped, on all that the daemon recorded \
    but the last day. That day, which they have not seen, judges: series by series, the loss of P90 of the next 15 s \
    and how often it was passed. They are put in force only where they lose at least 1 % less than the weights in \
    force, and P90 is no further from one time in ten. A daemon that runs takes them within ten seconds; what it \
    knows of each series stays.\n\nNothing leaves this machine. The weights are \
    STATE/forecast/own.safetensors, with a card of figures beside them; the ones before are kept for --undo. Two days \
    of history are needed. The daemon does the same every night: `[forecast] train_at`. After --undo it only judges, \
    until a training by hand puts others in force.\n\n\
    Exit code: 0 done (in force or not), 1 too little history, 2 an error.\n\n\
    Examples:\n  equalnet train --dry-run\n  equalnet train --since 3d --threads 2\n  equalnet train --undo\n  \
    equalnet train --json | jq .ratio"
)]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    /// How much of the history: its newest part
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = parse_since)]
    since: Duration,
    /// Say how good it would be, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Go back to the weights before
    #[arg(long, conflicts_with = "dry_run")]
    undo: bool,
    /// Threads; all cores if not given
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// What all randomness follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Step back behind everything else that runs here
    #[arg(long)]
    idle: bool,
    /// As the child of the daemon with this process id: idle, ends with it, and leaves alone what somebody undid
    #[arg(long, hide = true, value_name = "PID", conflicts_with_all = ["dry_run", "undo"])]
    nightly: Option<u32>,
    /// Give up after so much time on the processor, such as 15min
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    cpu_time: Option<Duration>,
    /// Give up where more memory were needed, such as 1GB
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    memory: Option<ByteCount>,
    /// JSON for machines
    #[arg(long)]
    json: bool,
}

fn parse_time(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a time such as 15min".to_owned())
}

fn parse_memory(text: &str) -> Result<ByteCount, String> {
    crate::config::parse_size(text).ok_or_else(|| "a size such as 1GB".to_owned())
}

/// Learns, judges, and puts in force what is better.
///
/// # Errors
/// The history cannot be read, or the weights not written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    // What root's child does is read a history and write weights.
    privileges::reduce(privileges::Need::Nothing);
    if let Some(daemon) = arguments.nightly {
        limits::end_with_parent(daemon)?;
    }
    let state_dir = arguments.place.state_dir()?;
    if arguments.undo {
        let now = weights::undo(&state_dir)?;
        let words = match &now {
            WeightsInForce::Own { .. } => "this network's own weights from before are in force again",
            WeightsInForce::Shipped => "the shipped weights are in force again",
            WeightsInForce::Refused { .. } => {
                "the weights from before cannot be used, so the shipped ones are in force"
            }
        };
        if arguments.json {
            println!("{}", serde_json::json!({ "undone": true, "in_force": words }));
        } else {
            println!("Undone: {words}.");
        }
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.idle || arguments.nightly.is_some() {
        limits::step_back();
    }
    limits::bound(arguments.cpu_time, arguments.memory).context("the limits cannot be set")?;
    let history = arguments.place.history(arguments.since, training::most_read(arguments.memory))?;
    let (in_force, whose) = weights::in_force(&state_dir);
    let training = Training::new(arguments.seed, arguments.threads.unwrap_or_else(learning::all_cores));
    let (own, report) = match training::train(&history, &training, &in_force) {
        Ok(done) => done,
        Err(too_little) => {
            if arguments.json {
                println!("{}", serde_json::json!({ "trained": false, "why": too_little.to_string() }));
            } else {
                println!("Nothing was learnt: {too_little}.");
            }
            return Ok(ExitCode::from(1));
        }
    };
    let card = serde_json::to_value(&report)?;
    let words = serde_json::to_string_pretty(&card)?;
    let puts_in_force = report.is_better
        && match (arguments.dry_run, arguments.nightly.is_some()) {
            (true, _) => false,
            (false, true) => weights::put_in_force_unless_undone(&state_dir, &own, &words)?,
            (false, false) => weights::put_in_force(&state_dir, &own, &words).map(|()| true)?,
        };
    if arguments.json {
        let mut body = card;
        body["trained"] = true.into();
        body["put_in_force"] = puts_in_force.into();
        body["undone"] = weights::is_undone(&state_dir).into();
        println!("{}", serde_json::to_string_pretty(&body)?);
        return Ok(ExitCode::SUCCESS);
    }
    let local = zone::local_time(Timestamp::from_unix_secs(report.judged.until));
    print!("{}", report.text(|at| local.offset_at(at)));
    if let WeightsInForce::Refused { reason } = whose {
        println!("Own weights from before cannot be used, so the shipped ones were judged: {reason}.");
    }
    println!("{}", verdict(report.is_better, arguments.dry_run));
    Ok(ExitCode::SUCCESS)
}

fn verdict(is_better: bool, is_dry: bool) -> &'static str {
    match (is_better, is_dry) {
        (true, false) => "They are in force now; `equalnet train --undo` goes back.",
        (true, true) => "They would be put in force.",
        (false, false) => "That is not better: the weights in force stay.",
        (false, true) => "That is not better: the weights in force would stay.",
    }
}
