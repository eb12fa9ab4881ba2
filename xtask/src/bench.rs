//! `cargo xtask bench`: every figure comes from here.

use crate::run;
use anyhow::Result;

/// What the user asked for.
#[derive(clap::Args)]
pub struct Arguments {
    /// One crate's benches: traffic, allocate, forecast, store, datapath; all without it
    room: Option<String>,
}

const ROOMS: [&str; 5] = ["traffic", "allocate", "forecast", "store", "datapath"];

/// Runs the benches of the crates that have some.
pub fn run(arguments: Arguments) -> Result<()> {
    for room in ROOMS.iter().filter(|room| arguments.room.as_deref().is_none_or(|wanted| wanted == **room)) {
        println!("── {room}");
        run::check(&mut run::cargo(&["bench", "--quiet", "--package", room, "--benches"]))?;
    }
    Ok(())
}
