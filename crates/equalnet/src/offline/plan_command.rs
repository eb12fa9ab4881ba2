//! `equalnet plan --scenario FILE.json`.

use super::plan::plan_scenario;
use anyhow::{Context, Result};
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

/// What the user asked for.
#[derive(clap::Args)]
#[command(after_help = "The file holds a capacity and claims, in bit/s:\n  \
    {\"capacity_bps\": 100000000, \"claims\": [{\"id\": \"a\", \"tier\": 1, \"weight\": 1.0, \"guarantee_bps\": 0,\n   \
    \"ceiling_bps\": 100000000, \"demand_bps\": 5000000}]}\n\
    A claim is a device of its own; one that holds \"claims\" is a device with its classes, which then carry tier \
    and demand.\nThe answer is always JSON: what each gets in all, and what bounds it.")]
pub struct Arguments {
    /// The scenario; `-` reads standard input
    #[arg(long, value_name = "FILE.json")]
    scenario: PathBuf,
    /// The answer is JSON in any case
    #[arg(long = "json")]
    _json: bool,
}

/// Divides and prints.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let text = if arguments.scenario.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        text
    } else {
        std::fs::read_to_string(&arguments.scenario)
            .with_context(|| format!("{} cannot be read", arguments.scenario.display()))?
    };
    let result = plan_scenario(&text).with_context(|| arguments.scenario.display().to_string())?;
    println!("{}", serde_json::to_string_pretty(&result)?);
    Ok(ExitCode::SUCCESS)
}
