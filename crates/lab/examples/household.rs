//! A household without EqualNet: how long a call's packets travel while the link is idle, and while it is full.
//!
//! `cargo run -p lab --example household [CAPTURE.pcap]` (as root); with a path, what passes the gateway is recorded.

use anyhow::Result;
use lab::{Activity, Event, Household, HouseholdOptions};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = lab::hidden(&arguments) {
        return code;
    }
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn show() -> Result<()> {
    let begun = Instant::now();
    let mut household = Household::build(&HouseholdOptions::usual(std::env::current_exe()?))?;
    say(&format!("household {} stands after {:?}", household.id(), begun.elapsed()));
    for device in household.leases()? {
        say(&format!("  {:16} {} {}", device.name, device.mac, device.address));
    }
    let _recording = match std::env::args_os().nth(1) {
        Some(path) => Some(household.record(path.as_ref())?),
        None => None,
    };
    let voice = household.start_on("desk-phone", Activity::Voice)?;
    listen(&household, Duration::from_secs(5), "idle")?;

    let fetch =
        |server: &str, security| Activity::Fetch { server: server.to_owned(), flows: 2, security, bytes: 200_000_000 };
    let mut load = vec![
        household.start_on("study-pc", fetch("releases.ubuntu.com", lab::agent::Security::Tls))?,
        household.start_on("games-console", fetch("archive.ubuntu.com", lab::agent::Security::Clear))?,
        household.start_on("attic-nas", Activity::Send { server: "f004.backblazeb2.com".to_owned(), flows: 2 })?,
        household.start_on("living-room-tv", Activity::Film { rate: 4_000_000, naming: lab::Naming::Said })?,
        household.start_on("annas-laptop", Activity::Meeting)?,
    ];
    for activity in [Activity::Browse, Activity::Shell, Activity::Clock] {
        load.push(household.start_on("annas-laptop", activity)?);
    }
    load.push(household.start_on("bens-phone", Activity::BrowseQuic)?);
    load.push(household.start_on("games-console", Activity::Play)?);
    load.push(household.start_on("study-pc", Activity::Vpn)?);
    listen(&household, Duration::from_secs(10), "under load")?;
    drop(load);
    voice.finish();
    listen(&household, Duration::from_secs(1), "at the end")?;
    let id = household.id().to_owned();
    let ending = Instant::now();
    drop(household);
    say(&format!("gone after {:?}; left behind: {:?}", ending.elapsed(), lab::leftovers(&id)));
    Ok(())
}

fn listen(household: &Household, time: Duration, what: &str) -> Result<()> {
    let until = Instant::now() + time;
    let (mut trips, mut lost) = (Vec::new(), 0);
    let mut flows = std::collections::BTreeMap::<String, u32>::new();
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        let Some(report) = household.next_report(left) else { break };
        match report.event {
            Event::Rtt { samples } if report.place == lab::Place::Device("desk-phone".to_owned()) => {
                for sample in samples {
                    match sample.rtt_us {
                        Some(rtt) => trips.push(rtt),
                        None => lost += 1,
                    }
                }
            }
            Event::Flow { class, .. } => *flows.entry(class).or_default() += 1,
            Event::Trouble { text } => say(&format!("  trouble at {:?}: {text}", report.place)),
            Event::Counted { sent, returned } => {
                say(&format!("  {:?}: {sent} sent, {returned} returned", report.place))
            }
            _ => {}
        }
    }
    trips.sort_unstable();
    let at = |part: f64| trips.get((trips.len() as f64 * part) as usize).map_or(0.0, |us| f64::from(*us) / 1e3);
    let backlog = household.modem_backlog()?;
    say(&format!(
        "{what}: {} packets came back, {lost} lost; p50 {:.1} ms, p99 {:.1} ms; modem holds {} / {} bytes; flows {flows:?}",
        trips.len(),
        at(0.50),
        at(0.99),
        backlog.download.0,
        backlog.upload.0,
    ));
    Ok(())
}
