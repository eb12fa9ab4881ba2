//! `equalnet interfaces`.

use anyhow::{Context, Result};
use capture::InterfaceState;
use std::process::ExitCode;
use std::time::Duration;
use vocab::BitRate;

/// Over this time receive and send rates are measured.
const MEASURED: Duration = Duration::from_secs(1);

/// Lists the interfaces of this machine, with what they move now.
pub fn list() -> Result<Vec<wire::Interface>> {
    let before = capture::interfaces().context("the interfaces cannot be listed")?;
    std::thread::sleep(MEASURED);
    let after = capture::interfaces().context("the interfaces cannot be listed")?;
    Ok(after
        .into_iter()
        .map(|interface| {
            let earlier = before.iter().find(|earlier| earlier.index == interface.index);
            let rate = |now: u64, then: Option<u64>| {
                vocab::ByteCount(now.saturating_sub(then.unwrap_or(now))).per(MEASURED).as_bps()
            };
            wire::Interface {
                mac: interface.mac.map(|mac| mac.to_string()).unwrap_or_default(),
                addresses: interface.addresses.iter().map(|of| format!("{}/{}", of.address, of.prefix)).collect(),
                up: interface.state == InterfaceState::Up,
                speed: interface.speed_mbps.map(|mbps| BitRate::from_mbps(u64::from(mbps)).as_bps()),
                receive: rate(interface.received.0, earlier.map(|earlier| earlier.received.0)),
                send: rate(interface.sent.0, earlier.map(|earlier| earlier.sent.0)),
                name: interface.name.to_string(),
            }
        })
        .collect())
}

/// Prints them.
pub fn run(json: bool) -> Result<ExitCode> {
    let interfaces = list()?;
    if json {
        println!("{}", serde_json::to_string_pretty(&interfaces)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:16} {:5} {:>12} {:>12} {:>12}  ADDRESSES", "INTERFACE", "STATE", "SPEED", "RECEIVES", "SENDS");
    for interface in interfaces {
        let speed = interface.speed.map_or_else(|| "–".to_owned(), |bps| BitRate::from_bps(bps).to_string());
        println!(
            "{:16} {:5} {speed:>12} {:>12} {:>12}  {}",
            interface.name,
            if interface.up { "up" } else { "down" },
            BitRate::from_bps(interface.receive).to_string(),
            BitRate::from_bps(interface.send).to_string(),
            interface.addresses.join(" ")
        );
    }
    Ok(ExitCode::SUCCESS)
}
