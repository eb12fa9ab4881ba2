//! All automation of the repository: `cargo xtask demo | test | lab | bench | web | codegen | train | tidy`.
//!
//! Each command says what it does, installs or names what is missing, and ends with a summary.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod bench;
mod browser;
mod codegen;
mod demo;
mod guest;
mod house;
mod lab;
mod node;
mod protocols;
mod run;
mod test;
mod tidy;
mod train;
mod web;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, shows, tests and measures EqualNet", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and show the main job on real packets: a household before and with EqualNet
    Demo(demo::Arguments),
    /// Run every test: format, lints, tidy, unit and property tests, dashboard, and (with root) the lab
    Test(test::Arguments),
    /// Run the lab's scenarios on real kernel queues (needs root) and print what they measured; with --guest in an
    /// emulated machine with a stock kernel, beside other shapers
    Lab(lab::Arguments),
    /// Measure: packets per second, allocation time, rows per second, …
    Bench(bench::Arguments),
    /// Build the dashboard into web/dist, which the program embeds
    Web,
    /// Walk through the dashboard in a real browser over the household, and replace docs/screenshots (needs root)
    Screenshots,
    /// Write docs/openapi.json and web/src/wire.d.ts from the types in `wire`, docs/protocols.md from the classifier
    Codegen,
    /// Make the weights of a model anew, and say how good they are
    Train(train::Arguments),
    /// Check the house: arrows between crates, unsafe, clocks and state where they do not belong
    Tidy(tidy::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Lab(arguments) => lab::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Web => web::build(),
        Command::Screenshots => web::build().and_then(|()| browser::walk(browser::Pictures::Keep)),
        Command::Codegen => codegen::run(),
        Command::Train(arguments) => train::run(arguments),
        Command::Tidy(arguments) => tidy::run(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
