//! `cargo xtask lab`: the scenarios on real kernel queues, this kernel's or a stock one's in an emulated machine.

use crate::{demo, guest, run};
use anyhow::{Result, bail};

/// What the user asked for.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only the scenarios whose names contain this
    #[arg(conflicts_with = "guest")]
    filter: Option<String>,
    #[command(flatten)]
    guest: guest::Arguments,
}

/// Builds the release program and runs the lab's tests one after the other, with what they measured.
pub fn run(arguments: Arguments) -> Result<()> {
    if arguments.guest.guest {
        return guest::run(&arguments.guest);
    }
    if !run::is_root() {
        bail!("the lab makes network namespaces: run it as root");
    }
    run::ensure_packages(&[("ip", "iproute2"), ("tc", "iproute2"), ("dnsmasq", "dnsmasq-base")])?;
    let program = demo::release()?;
    let mut test = run::cargo(&["test", "--package", "lab", "--tests", "--"]);
    test.args(arguments.filter).args(["--test-threads=1", "--nocapture"]).env("EQUALNET_PROGRAM", program);
    run::check(&mut test)
}
