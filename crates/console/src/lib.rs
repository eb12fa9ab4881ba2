//! The command line; speaks only `wire`.
//!
//! What goes in: a [`Command`] as clap read it. What comes out: tables for people or JSON for machines, and an
//! exit code: 0 fine, 1 a problem (of the network, not of the command), 2 an error. It never touches the
//! network's queues itself: it asks the running EqualNet.
//!
//! The binary flattens [`Command`] into its own and [`Global`] into its options:
//!
//! ```ignore
//! #[derive(clap::Subcommand)]
//! enum Verb { Run(RunArgs), #[command(flatten)] Console(console::Command) }
//! ```

mod client;
mod commands;
mod find;
mod paint;
mod table;
mod text;

pub use client::{ClientError, DEFAULT_SOCKET, Global};
pub use commands::{Command, ForecastCommand, run};
