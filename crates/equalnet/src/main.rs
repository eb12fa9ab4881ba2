//! EqualNet divides a network link fairly and lets everyone see it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod accounts;
mod attached;
mod clock;
mod config;
mod control_loop;
mod daemon;
mod foresee;
mod kept_devices;
mod learning;
mod leases;
mod limits;
mod nightly;
mod offline;
mod own_history;
mod paced;
mod predictor;
mod privileges;
mod shaping;
mod signals;
mod training;
mod watchdog;
mod weights;
mod what_if;
mod worker;
mod zone;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use config::{Adoption, Config, DEFAULT_PATH, DEFAULT_TOML};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "equalnet",
    version,
    about = "Divides a network link fairly and lets everyone see it",
    long_about = "EqualNet watches the traffic of a network, learns what each device will need next, and divides \
                  the link so that what matters is never starved.",
    after_help = "Start here:\n  equalnet demo                     a household, before and with EqualNet (root: real queues)\n  \
                  equalnet setup                    looks at this network, writes the configuration\n  equalnet analyze capture.pcap     what is in a capture\n  \
                  equalnet check-config             whether the configuration is right\n  equalnet run                      the daemon; \
                  it observes until told otherwise\n\nExit codes: 0 fine, 1 a problem, 2 an error.",
    max_term_width = 100
)]
struct Arguments {
    #[command(flatten)]
    global: console::Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon in the foreground (systemd starts it so)
    Run(Run),
    /// Look at this network, and write the configuration that fits it
    Setup(offline::setup::Arguments),
    /// List the network interfaces with their addresses, speeds and what they move now
    Interfaces(Json),
    /// Read capture files at full speed: packets, flows, classes, top talkers
    Analyze(offline::analyze::Arguments),
    /// Divide a link by the law, from a file, and show who gets what and why
    Plan(offline::plan_command::Arguments),
    /// Send what was recorded through another policy, and compare: before it is applied
    Replay(offline::replay::Arguments),
    /// Check a configuration file and say what is wrong, where, and what would be right
    CheckConfig(CheckConfig),
    /// Set the dashboard's password
    Passwd(ConfigFile),
    /// Take away everything EqualNet put into the kernel, and put back what stood there before
    Clear(Clear),
    /// Put a plan in force that needs no daemon: guarantees, priorities and weights, without forecasts
    Hold(offline::hold::Arguments),
    /// Fill the line for some seconds: what it carries, what it adds to round trips, and its grade
    Test(offline::line_test::Arguments),
    /// Be the other end of `equalnet test`, on a machine beyond the line
    ServeTest(offline::line_test::serve::Arguments),
    /// Show the main job on real packets: a household, before and with EqualNet
    Demo(offline::demo::Arguments),
    /// What is foreseen
    #[command(subcommand)]
    Forecast(Forecast),
    /// Let a copy of the forecasting models learn this network's own history
    Train(offline::train::Arguments),
    /// Print the API's description (OpenAPI 3.1)
    #[command(hide = true)]
    Openapi,
    #[command(flatten)]
    Console(console::Command),
}

#[derive(Subcommand)]
enum Forecast {
    #[command(flatten)]
    Console(console::ForecastCommand),
    /// What would have been foreseen of recorded series, and how good that was
    Backtest(offline::backtest::Arguments),
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    file: ConfigFile,
    /// Take over what another tool has put on the interfaces, as `adopt` in the configuration does; `equalnet clear`
    /// puts it back
    #[arg(long)]
    adopt: bool,
}

#[derive(Args)]
struct ConfigFile {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

#[derive(Args)]
struct Json {
    /// JSON for machines
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Clear {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Json,
}

#[derive(Args)]
struct CheckConfig {
    /// The configuration file
    #[arg(value_name = "FILE", default_value = DEFAULT_PATH)]
    file: PathBuf,
    /// Print the documented default configuration instead
    #[arg(long)]
    print_default: bool,
    #[command(flatten)]
    output: Json,
}

fn main() -> ExitCode {
    // The household's programs are this program again.
    let words: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = lab::hidden(&words) {
        return code;
    }
    let arguments = match Arguments::from_arg_matches(&command().get_matches()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("equalnet: {}", story(&error));
            ExitCode::from(2)
        }
    }
}

/// All verbs. Those that ask no daemon do not show how to reach one.
fn command() -> clap::Command {
    let asking = console::Command::augment_subcommands(clap::Command::new("console"));
    let mut command = Arguments::command();
    let offline = |verb: &&clap::Command| {
        // A group has verbs of both kinds.
        asking.find_subcommand(verb.get_name()).is_none() && verb.get_subcommands().next().is_none()
    };
    let offline: Vec<String> =
        command.get_subcommands().filter(offline).map(|verb| verb.get_name().to_owned()).collect();
    for verb in offline {
        let hidden = |name| clap::Arg::new(name).long(name).hide(true);
        command = command.mut_subcommand(verb, |verb| verb.arg(hidden("socket")).arg(hidden("remote")));
    }
    command
}

/// An error and its causes on one line; a cause that was already told is not told twice.
fn story(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |story, cause| {
        let cause = cause.to_string();
        match story.as_str() {
            "" => cause,
            told if told.contains(&cause) => story,
            told => format!("{told}: {cause}"),
        }
    })
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Run(Run { file, adopt }) => {
            let adoption = if adopt { Adoption::Adopt } else { Adoption::Refuse };
            daemon::run(&file.config, adoption).map(|()| ExitCode::SUCCESS)
        }
        Command::Setup(arguments) => offline::setup::run(&arguments),
        Command::Interfaces(output) => offline::interfaces::run(output.json),
        Command::Analyze(arguments) => offline::analyze::run(&arguments),
        Command::Plan(arguments) => offline::plan_command::run(&arguments),
        Command::Replay(arguments) => offline::replay::run(&arguments),
        Command::CheckConfig(arguments) => check_config(&arguments),
        Command::Passwd(file) => passwd(&file),
        Command::Clear(arguments) => clear(&arguments),
        Command::Hold(arguments) => offline::hold::run(&arguments),
        Command::Test(arguments) => offline::line_test::run(&arguments),
        Command::ServeTest(arguments) => offline::line_test::serve::run(&arguments),
        Command::Demo(arguments) => offline::demo::run(&arguments),
        Command::Train(arguments) => offline::train::run(&arguments),
        Command::Openapi => {
            println!("{}", api::openapi_json());
            Ok(ExitCode::SUCCESS)
        }
        Command::Forecast(Forecast::Backtest(arguments)) => offline::backtest::run(&arguments),
        Command::Forecast(Forecast::Console(command)) => {
            console::run(console::Command::Forecast(command), &arguments.global)
        }
        Command::Console(command) => console::run(command, &arguments.global),
    }
}

fn check_config(arguments: &CheckConfig) -> Result<ExitCode> {
    if arguments.print_default {
        print!("{DEFAULT_TOML}");
        return Ok(ExitCode::SUCCESS);
    }
    let checked = Config::read(&arguments.file);
    if arguments.output.json {
        let body = match &checked {
            Ok(_) => serde_json::json!({ "valid": true }),
            Err(error) => serde_json::json!({
                "valid": false, "file": error.file, "line": error.line, "key": error.key,
                "wrong": error.wrong, "right": error.right,
            }),
        };
        println!("{body}");
    }
    match checked {
        Ok(config) => {
            if !arguments.output.json {
                println!("{}: right. Mode {}.", arguments.file.display(), config.policy.mode);
                for link in &config.links {
                    let capacity = link.capacity();
                    println!("  {}: {} down, {} up to divide", link.name, capacity.download, capacity.upload);
                }
                if config.links.is_empty() {
                    println!("  No [[link]] is named: EqualNet has nothing to watch. `equalnet setup` writes one.");
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            if !arguments.output.json {
                eprintln!("{error}");
            }
            Ok(ExitCode::from(1))
        }
    }
}

/// The folders that the configuration names, or the usual ones where there is none.
fn read_or_default(file: &ConfigFile) -> Result<Config> {
    Ok(if file.config.exists() { Config::read(&file.config)? } else { Config::parse("", &file.config)? })
}

fn passwd(file: &ConfigFile) -> Result<ExitCode> {
    let config = read_or_default(file)?;
    let mut line = String::new();
    if std::io::stdin().is_terminal() {
        print!("New password for the dashboard (it is shown as you type): ");
        std::io::stdout().flush()?;
    }
    std::io::stdin().read_line(&mut line).context("no password was given")?;
    accounts::set(&config.state_dir, line.trim_end_matches(['\n', '\r']))?;
    println!("The password is set. An EqualNet that runs asks for it after a restart, which also ends open logins.");
    Ok(ExitCode::SUCCESS)
}

fn clear(arguments: &Clear) -> Result<ExitCode> {
    let config = read_or_default(&arguments.file)?;
    datapath::Datapath::clear(&config.pin_dir()).context("the eBPF programs could not be taken away")?;
    let touched = shaper::clear(&config.state_dir).context("the queues could not be taken away")?;
    let names: Vec<&str> = touched.iter().map(vocab::InterfaceName::as_str).collect();
    if arguments.output.json {
        println!("{}", serde_json::json!({ "cleared": names }));
    } else if names.is_empty() {
        println!("There were no queues of EqualNet; its eBPF programs are gone.");
    } else {
        println!("Cleared: {}. What stood there before is back.", names.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(verb: &str) -> String {
        let mut command = command();
        command.build();
        command.find_subcommand_mut(verb).expect(verb).render_long_help().to_string()
    }

    #[test]
    fn only_verbs_that_ask_the_daemon_show_how_to_reach_it() {
        command().debug_assert();
        for verb in [
            "run",
            "setup",
            "analyze",
            "plan",
            "check-config",
            "interfaces",
            "passwd",
            "clear",
            "hold",
            "demo",
            "train",
        ] {
            assert!(!help(verb).contains("--socket") && !help(verb).contains("--remote"), "{verb}");
        }
        for verb in ["status", "rules", "reclassify", "forecast"] {
            assert!(help(verb).contains("--socket") && help(verb).contains("--remote"), "{verb}");
        }
        let place = |line: &[&str]| {
            let matches = command().try_get_matches_from(line).unwrap_or_else(|error| panic!("{error}"));
            Arguments::from_arg_matches(&matches).unwrap().global.socket
        };
        assert_eq!(place(&["equalnet", "--socket", "/a", "status"]), PathBuf::from("/a"));
        assert_eq!(place(&["equalnet", "status", "--socket", "/b"]), PathBuf::from("/b"));
        assert_eq!(place(&["equalnet", "run"]), PathBuf::from(console::DEFAULT_SOCKET));
    }
}
