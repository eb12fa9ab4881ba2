//! `cargo xtask bench`: every figure comes from here.

mod classify;

use crate::{demo, run};
use anyhow::{Result, bail};

/// What the user asked for.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// One crate's benches: traffic, allocate, forecast, store, datapath; all without it
    room: Option<String>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Classification on one core: packets per second, memory per flow, floods, time to verdict; beside nDPI's where
    /// libndpi is installed
    Classify(classify::Arguments),
    /// Shaping, as root: the eBPF programs, queue trees of up to 4,094 devices in the kernel while packets pass, and what
    /// the daemon takes of memory and processor with 50 and with 5,000 devices
    Shaping,
}

const ROOMS: [&str; 4] = ["allocate", "forecast", "store", "datapath"];

/// Runs the benches of the crates that have some.
pub fn run(arguments: Arguments) -> Result<()> {
    match arguments.what {
        Some(What::Classify(arguments)) => return classify::run(&arguments),
        Some(What::Shaping) => return shaping(),
        None => {}
    }
    let wanted = |room: &str| arguments.room.as_deref().is_none_or(|wanted| wanted == room);
    if wanted("traffic") {
        println!("── traffic");
        classify::run(&classify::Arguments::default())?;
    }
    for room in ROOMS.iter().filter(|room| wanted(room)) {
        println!("── {room}");
        benches(room)?;
    }
    Ok(())
}

fn benches(room: &str) -> Result<()> {
    run::check(&mut run::cargo(&["bench", "--quiet", "--package", room, "--benches"]))
}

fn shaping() -> Result<()> {
    if !run::is_root() {
        bail!("queues and eBPF programs are the kernel's: run it as root");
    }
    run::ensure_packages(&[("ip", "iproute2"), ("tc", "iproute2")])?;
    for room in ["datapath", "shaper"] {
        println!("── {room}");
        benches(room)?;
    }
    println!("── the daemon, with 50 and with 5,000 devices (four minutes)");
    let program = demo::release()?;
    let mut test = run::cargo(&["test", "--quiet", "--package", "lab", "--test", "lab", "--"]);
    run::check(test.args(["crowd-50", "crowd-5000"]).env("EQUALNET_PROGRAM", program))
}
