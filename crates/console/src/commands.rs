//! The verbs, and what they have in common.

mod alerts;
mod classes;
mod decisions;
mod device;
mod devices;
mod flows;
mod forecast;
mod mode;
mod outlook;
mod queues;
mod rules;
mod set;
mod status;
mod why;

pub use forecast::ForecastCommand;

use crate::client::{Client, ClientError, Global};
use crate::paint::Paint;
use anyhow::Context;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the running EqualNet can be asked from the command line.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// How everything is, right now
    #[command(after_help = "Exit code: 0 fine or busy, 1 strained or down, 2 EqualNet did not answer.\n\n\
        Examples:\n  equalnet status\n  equalnet status --watch\n  equalnet status --json | jq .state")]
    Status(status::Args),
    /// Who uses the link, who is held back
    #[command(after_help = "Examples:\n  equalnet devices\n  equalnet devices --held\n  equalnet devices --watch=5")]
    Devices(devices::Args),
    /// One device, in full
    #[command(after_help = "A device is named by its name, the beginning of it, its IP or its MAC address.\n\n\
        Examples:\n  equalnet device laptop\n  equalnet device 192.168.1.20\n  equalnet device a4:5e:60:00:00:01 --json")]
    Device(device::Args),
    /// What kind of traffic it is, and what is foreseen
    #[command(after_help = "Examples:\n  equalnet classes\n  equalnet classes --watch")]
    Classes(classes::Args),
    /// What waits and what is dropped, per class
    #[command(after_help = "Examples:\n  equalnet queues --watch")]
    Queues(queues::Args),
    /// What EqualNet changed, and why
    #[command(
        after_help = "Examples:\n  equalnet decisions\n  equalnet decisions --limit 100\n  equalnet decisions --follow"
    )]
    Decisions(decisions::Args),
    /// Who talks to whom
    #[command(
        after_help = "Examples:\n  equalnet flows\n  equalnet flows --device laptop\n  equalnet flows --class streaming --limit 50"
    )]
    Flows(flows::Args),
    /// What you know better: which flows are of which class
    #[command(
        after_help = "The first rule that fits a flow wins: those set by hand, the newest first, then those of the \
        configuration. A rule that never matched says so.\n\n\
        Examples:\n  equalnet rules\n  equalnet rules --watch\n  equalnet rules --json"
    )]
    Rules(rules::Args),
    /// Add or remove a rule
    #[command(after_help = "Examples:\n  equalnet rule add --name netflix.com --class streaming\n  \
        equalnet rule remove hand-3")]
    Rule(rules::ChangeArgs),
    /// Say what a flow is for, where EqualNet is wrong
    #[command(
        after_help = "It becomes a rule that takes flows like it: of the same server name; without one, of the same \
        server, port and protocol. The rule is saved, in force at once, and the way back is printed.\n\n\
        Examples:\n  equalnet reclassify zoom.us:8801 --as call\n  \
        equalnet reclassify 192.168.1.20:50000 --as gaming --device-only"
    )]
    Reclassify(rules::ReclassifyArgs),
    /// What needs you
    #[command(after_help = "Exit code: 0 nothing open beyond information, 1 a warning or worse is open.\n\n\
        Examples:\n  equalnet alerts\n  equalnet alerts --all")]
    Alerts(alerts::Args),
    /// Change what a device is owed, or its name
    #[command(after_help = "The change is saved, in force at once, and the way back is printed.\n\n\
        Examples:\n  equalnet set priority laptop 1\n  equalnet set priority laptop 1 --preview\n  \
        equalnet set guarantee laptop --down '10 Mbit/s' --up '10 %'\n  equalnet set ceiling tv --down 20M\n  \
        equalnet set ceiling tv --down none\n  equalnet set name 192.168.1.20 \"Anna's laptop\"")]
    Set(set::Args),
    /// Observe, suggest or control
    #[command(
        after_help = "observe: measures, touches nothing.  suggest: shows the plan it would apply.  control: applies it.\n\n\
        Examples:\n  equalnet mode\n  equalnet mode observe\n  equalnet mode control"
    )]
    Mode(mode::Args),
    /// What a device or class gets, and why
    #[command(after_help = "Examples:\n  equalnet why nas\n  equalnet why backup")]
    Why(why::Args),
    /// What is foreseen: the binary has it in a group with what needs no daemon
    #[command(skip)]
    Forecast(ForecastCommand),
}

/// How a verb that reads shows what it read.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct View {
    /// JSON for machines, one document a line
    #[arg(long)]
    json: bool,
    /// Again and again, each second or every so many
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "1",
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    watch: Option<u64>,
}

/// Whether what was found is fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It is: exit code 0.
    Fine,
    /// Somebody should look: exit code 1.
    Problem,
}

/// Runs `command` against the EqualNet that `global` names, writing to standard output.
///
/// Gives the exit code 0 (fine) or 1 (a problem was found).
///
/// # Errors
/// Whatever kept the command from being done: the caller prints it and exits with 2.
pub fn run(command: Command, global: &Global) -> anyhow::Result<ExitCode> {
    let client = Client::new(global)?;
    let mut talk = Talk { client, paint: Paint::for_stdout() };
    let finding = match command {
        Command::Status(args) => status::run(&mut talk, &args),
        Command::Devices(args) => devices::run(&mut talk, &args),
        Command::Device(args) => device::run(&mut talk, &args),
        Command::Classes(args) => classes::run(&mut talk, &args),
        Command::Queues(args) => queues::run(&mut talk, &args),
        Command::Decisions(args) => decisions::run(&mut talk, &args),
        Command::Flows(args) => flows::run(&mut talk, &args),
        Command::Rules(args) => rules::list(&mut talk, &args),
        Command::Rule(args) => rules::change(&mut talk, &args),
        Command::Reclassify(args) => rules::reclassify(&mut talk, &args),
        Command::Alerts(args) => alerts::run(&mut talk, &args),
        Command::Set(args) => set::run(&mut talk, &args),
        Command::Mode(args) => mode::run(&mut talk, &args),
        Command::Why(args) => why::run(&mut talk, &args),
        Command::Forecast(command) => forecast::run(&mut talk, &command),
    };
    match finding {
        Ok(Finding::Fine) => Ok(ExitCode::SUCCESS),
        Ok(Finding::Problem) => Ok(ExitCode::from(1)),
        // Whoever read us has read enough (`equalnet devices | head`).
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// One run of a command: whom it asks, and how it writes.
pub(crate) struct Talk {
    client: Client,
    paint: Paint,
}

impl Talk {
    /// Reads with `read` and writes with `text` (or JSON), once or again and again as `view` says.
    fn show<T: Serialize>(
        &mut self,
        view: View,
        read: impl Fn(&Client) -> Result<T, anyhow::Error>,
        text: impl Fn(&T, Paint, u64) -> String,
        finding: impl Fn(&T) -> Finding,
    ) -> anyhow::Result<Finding> {
        loop {
            let found = read(&self.client)?;
            if view.json {
                self.write_json(&found)?;
            } else {
                let shown = text(&found, self.paint, now_ms()?);
                // Home and clear (ECMA-48): the figures stand still while they change.
                let fresh =
                    if view.watch.is_some() && std::io::stdout().is_terminal() { "\u{1b}[H\u{1b}[2J" } else { "" };
                self.write(&format!("{fresh}{shown}"))?;
            }
            match view.watch {
                None => return Ok(finding(&found)),
                Some(seconds) => std::thread::sleep(Duration::from_secs(seconds)),
            }
        }
    }

    fn write(&self, text: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }

    fn write_json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(value).context("the answer cannot be written as JSON")?;
        line.push('\n');
        self.write(&line)
    }

    /// The one device that `text` means.
    fn find_device(&self, text: &str) -> anyhow::Result<wire::Device> {
        let devices: Vec<wire::Device> = self.client.get("devices")?;
        Ok(crate::find::find(&devices, text)?.clone())
    }
}

/// Milliseconds since 1970-01-01 UTC.
fn now_ms() -> anyhow::Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("this machine's clock is before 1970")?;
    Ok(u64::try_from(since.as_millis())?)
}

fn read<T: serde::de::DeserializeOwned>(client: &Client, path: &str) -> anyhow::Result<T> {
    client.get(path).map_err(|error: ClientError| error.into())
}
