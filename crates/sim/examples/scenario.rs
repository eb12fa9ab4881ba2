//! Runs a scenario file and prints who got what: `cargo run -p sim --example scenario -- FILE`.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("name a scenario file")?;
    let scenario: sim::Scenario = std::fs::read_to_string(path)?.parse()?;
    println!("{}", sim::run(&scenario));
    Ok(())
}
