//! `cargo xtask bench`: every figure comes from here.

mod classify;

use crate::run;
use anyhow::Result;

/// What the user asked for.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// One crate's benches: traffic, allocate, forecast, store, datapath, shaper (as root); all without it
    room: Option<String>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Classification on one core: packets per second, memory per flow, floods, time to verdict; beside nDPI's where
    /// libndpi is installed
    Classify(classify::Arguments),
}

const ROOMS: [&str; 5] = ["allocate", "forecast", "store", "datapath", "shaper"];

/// Runs the benches of the crates that have some.
pub fn run(arguments: Arguments) -> Result<()> {
    if let Some(What::Classify(arguments)) = arguments.what {
        return classify::run(&arguments);
    }
    let wanted = |room: &str| arguments.room.as_deref().is_none_or(|wanted| wanted == room);
    if wanted("traffic") {
        println!("── traffic");
        classify::run(&classify::Arguments::default())?;
    }
    for room in ROOMS.iter().filter(|room| wanted(room)) {
        println!("── {room}");
        run::check(&mut run::cargo(&["bench", "--quiet", "--package", room, "--benches"]))?;
    }
    Ok(())
}
