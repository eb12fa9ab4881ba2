//! Real packets: a household in network namespaces, with programs that speak real protocols over real sockets.
//!
//! In goes the program under test; out come what its household measured end to end and what the program said
//! of it. The lab makes every namespace itself, under a name of its own, and takes everything away again, also
//! when it is killed. It judges the program from outside only: by packets, by the kernel's counters and by the
//! public API.
//!
//! A household is many small processes: agents inside the namespaces and a watchdog outside. All are the program
//! that links this crate, started again with a hidden word first; so its `main` asks [`hidden`] before
//! anything else.

pub mod agent;
mod agents;
mod api;
mod crowd;
mod daemon;
mod demo;
pub mod guest;
mod household;
mod judge;
mod namespace;
mod recording;
mod replay;
mod report;
pub mod scenarios;
mod shell;
mod show;
mod story;
mod watchdog;
mod world;

pub use agent::{Activity, Agent, Event, Naming, Report, RttSample};
pub use api::Api;
pub use daemon::{Daemon, DaemonOptions, DeviceSettings, Foresight};
pub use demo::{Browser, DemoOptions, demo, is_root};
pub use household::{Device, DeviceSpec, Household, HouseholdOptions, Place, Recording, leftovers};
pub use recording::record;
pub use replay::{ReplayReport, replay};
pub use report::{DemoReport, RoundTrips};
pub use world::{SERVICES, Service};

use std::ffi::OsString;
use std::process::ExitCode;

/// The hidden word that starts an agent.
pub(crate) const AGENT_WORD: &str = "lab-agent";
/// The hidden word that starts a watchdog.
pub(crate) const WATCHDOG_WORD: &str = "lab-watchdog";

/// Runs a hidden subcommand of the lab, if `arguments` (without the program's own name) are one.
///
/// Every program that links the lab calls this first: the household's processes are that program again.
pub fn hidden(arguments: &[OsString]) -> Option<ExitCode> {
    let word = arguments.first()?.to_str()?;
    let outcome = match word {
        AGENT_WORD => agent::run(arguments.get(1)?.to_str()?),
        WATCHDOG_WORD => watchdog::run(arguments.get(1)?.to_str()?, arguments.get(2)?.as_ref()),
        _ => return None,
    };
    Some(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            agent::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    })
}
