//! `cargo xtask lab`: the scenarios on real kernel queues.

use crate::{demo, run};
use anyhow::{Result, bail};

/// What the user asked for.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only the scenarios whose names contain this
    filter: Option<String>,
}

/// Builds the release program and runs the lab's tests one after the other, with what they measured.
pub fn run(arguments: Arguments) -> Result<()> {
    if !run::is_root() {
        bail!("the lab makes network namespaces: run it as root");
    }
    run::ensure_packages(&[("ip", "iproute2"), ("tc", "iproute2"), ("dnsmasq", "dnsmasq-base")])?;
    let program = demo::release()?;
    let mut test = run::cargo(&["test", "--package", "lab", "--tests", "--"]);
    test.args(arguments.filter).args(["--test-threads=1", "--nocapture"]).env("EQUALNET_PROGRAM", program);
    run::check(&mut test)
}
