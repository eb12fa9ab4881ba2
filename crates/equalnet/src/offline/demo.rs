//! `equalnet demo`: the household, before and with EqualNet.

use anyhow::{Context, Result};
use lab::{Browser, DemoOptions};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What the user asked for.
#[derive(clap::Args)]
#[command(after_help = "With root: real packets through real queues, in network namespaces that are made for it and \
    taken away again.\nWithout root: the same household, recorded; EqualNet only observes.\nThe dashboard is at 127.0.0.1, also through `ssh -L`.")]
pub struct Arguments {
    /// How long it runs (30s at least; a recording 10s)
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = duration)]
    duration: Duration,
    /// Write what was measured to this file, as JSON
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Do not open the dashboard in a browser
    #[arg(long)]
    no_browser: bool,
    /// Where the dashboard listens on 127.0.0.1; another free port if this one is taken
    #[arg(long, default_value_t = 8091)]
    port: u16,
    /// Make the recording that is replayed without root, as FILE and the JSON beside it, and nothing else (root)
    #[arg(long, value_name = "FILE.pcap.gz", hide = true)]
    record: Option<PathBuf>,
}

/// `60s`, `2m`, `90`.
fn duration(text: &str) -> Result<Duration, String> {
    crate::config::parse_duration(text).ok_or_else(|| format!("`{text}` is no time; write `60s` or `2m`"))
}

/// Runs the household.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let program = std::env::current_exe().context("the program does not know where it lies")?;
    if let Some(path) = &arguments.record {
        lab::record(&program, arguments.duration, path)?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = DemoOptions {
        duration: arguments.duration,
        report: arguments.report.clone(),
        browser: if arguments.no_browser { Browser::Leave } else { Browser::Open },
        port: arguments.port,
        program,
    };
    if lab::is_root() {
        lab::demo(&options)?;
    } else {
        lab::replay(&options)?;
    }
    Ok(ExitCode::SUCCESS)
}
