//! `equalnet hold`: puts a plan in force that needs nobody to watch over it, for when the daemon cannot run.

use crate::config::{Adoption, Config};
use crate::kept_devices::KeptDevices;
use crate::{attached, daemon};
use anyhow::{Context, Result};
use datapath::{Leaf, Slot, Steering};
use engine::standing_plan;
use serde_json::json;
use shaper::{Shaper, ShaperSettings};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::Reader;
use vocab::{DeviceId, Direction, Link, Mode, Plan, Policy, Timestamp, TrafficClass};

/// What the user asked for.
#[derive(clap::Args)]
#[command(
    after_help = "For a daemon that cannot run: guarantees, ceilings, priorities and weights of the policy (of the \
    configuration and of what was set by hand) for the devices that the history knows of the last day, without forecasts. \
    What stands in the kernel is taken over and changed where it differs; no packet is lost. systemd runs it when the \
    daemon failed too often (equalnet-hold.service). The daemon takes over from it when it starts.\n\n\
    Nothing is done where the mode is not `control`, or while a daemon runs.\n\n\
    Examples:\n  sudo equalnet hold --dry-run\n  sudo equalnet hold\n\n\
    Exit codes: 0 in force (or shown, or nothing to hold), 1 a daemon runs, 2 an error: what stood stays."
)]
pub struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    config: PathBuf,
    /// Show the plan, and touch nothing
    #[arg(long)]
    dry_run: bool,
    /// Take over what another tool has put on the interfaces; `equalnet clear` puts it back
    #[arg(long)]
    adopt: bool,
    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// Devices that were away for longer wait with those that nobody knows.
const KNOWN_FOR: Duration = Duration::from_secs(86_400);

/// Up to so many devices have a queue for every class, as the daemon has it; beyond, for the classes that have one now.
const QUEUES_FOR_EVERY_CLASS: usize = 300;

/// Puts it in force.
///
/// # Errors
/// The configuration is faulty, or the kernel refuses; what stood stays.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let config = Config::read(&arguments.config)?;
    let policy = KeptDevices::read(&config.state_dir)?.over(config.policy.clone());
    if policy.mode != Mode::Control {
        say(arguments, &format!("The mode is {}: there is nothing to hold.", policy.mode), json!({"held": false}));
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.dry_run && UnixStream::connect(&config.api.socket).is_ok() {
        let words = "A daemon runs, and holds the plan itself. Nothing was done.";
        say(arguments, words, json!({"held": false, "daemon": true}));
        return Ok(ExitCode::from(1));
    }
    let now = Timestamp::from_unix_nanos(
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64),
    );
    let mut devices = known(&config, &policy);
    let links = attached::with_ports(&config.links);
    if arguments.dry_run {
        let classes = queued(&devices, |_, _| false);
        let plans: Vec<Plan> = links.iter().map(|link| standing_plan(&policy, link, &classes, now)).collect();
        show(arguments, &links, &plans);
        return Ok(ExitCode::SUCCESS);
    }
    let (datapath, steering) = daemon::open_datapath(&config, &links).context("packets cannot be put into classes")?;
    let mut slots = datapath.classes().context("the devices' slots cannot be read")?;
    // Whom the kernel steers already has queues that are not to go.
    devices.extend(slots.devices().into_iter().map(|(device, _)| device));
    let mut seats = BTreeMap::new();
    for &device in &devices {
        match slots.assign(device) {
            Ok(slot) => drop(seats.insert(device, slot)),
            Err(error) => tracing::debug!(%error, "a device without a slot waits with the unknown"),
        }
    }
    devices.retain(|device| seats.contains_key(device));
    let classes = queued(&devices, |device, class| has_queue(&steering, seats.get(&device).copied(), class));
    let adopt = arguments.adopt || config.adoption == Adoption::Adopt;
    let mut held = Vec::new();
    for link in &links {
        let settings = ShaperSettings { state_dir: config.state_dir.clone(), adopt };
        let mut shaper = Shaper::open(settings, link, steering.clone())?;
        steering.set_dscp(Some(TrafficClass::ALL.map(TrafficClass::dscp)))?;
        let applied = shaper.apply(&standing_plan(&policy, link, &classes, now))?;
        held.push((link.name.clone(), applied));
    }
    let words: Vec<String> = held
        .iter()
        .map(|(link, applied)| format!("{link}: {} devices, {} changes in the kernel", devices.len(), applied.changes))
        .collect();
    let rows = held.iter().map(|(link, applied)| {
        json!({"link": link, "devices": devices.len(), "changes": applied.changes, "leaf": applied.leaf.name()})
    });
    let body = json!({"held": true, "links": rows.collect::<Vec<_>>()});
    say(arguments, &format!("Held without a daemon. {}.", words.join("; ")), body);
    Ok(ExitCode::SUCCESS)
}

fn say(arguments: &Arguments, words: &str, body: serde_json::Value) {
    if arguments.json { println!("{body}") } else { println!("{words}") }
}

/// Devices that the history saw in the last day before it ended, and those that the policy speaks of. A history that
/// cannot be read may be why the daemon cannot run.
fn known(config: &Config, policy: &Policy) -> BTreeSet<DeviceId> {
    let mut devices: BTreeSet<DeviceId> = policy.devices.keys().copied().collect();
    match Reader::open(&config.state_dir.join("history.db")).and_then(|reader| reader.devices()) {
        Ok(recorded) => {
            let newest = recorded.iter().map(|device| device.last_seen).max().unwrap_or_default();
            let lately = recorded.iter().filter(|device| newest.since(device.last_seen) <= KNOWN_FOR);
            // The latest come first, and others find no slot.
            devices.extend(lately.take(usize::from(Slot::MAX.number())).map(|device| device.device));
        }
        Err(error) => eprintln!("warning: the history cannot be read ({error}): devices of the configuration only"),
    }
    devices
}

/// The classes for which each device is to have a queue.
fn queued(
    devices: &BTreeSet<DeviceId>,
    stands: impl Fn(DeviceId, TrafficClass) -> bool,
) -> BTreeMap<DeviceId, BTreeSet<TrafficClass>> {
    let every = devices.len() <= QUEUES_FOR_EVERY_CLASS;
    let of = |device| TrafficClass::ALL.into_iter().filter(|class| every || stands(device, *class)).collect();
    devices.iter().map(|&device| (device, of(device))).collect()
}

fn has_queue(steering: &Steering, slot: Option<Slot>, class: TrafficClass) -> bool {
    let Some(slot) = slot else { return false };
    Direction::ALL.into_iter().any(|direction| matches!(steering.leaf(slot, class, direction), Ok(Leaf::Present)))
}

fn show(arguments: &Arguments, links: &[Link], plans: &[Plan]) {
    let mut rows = Vec::new();
    for (link, plan) in links.iter().zip(plans) {
        for direction in Direction::ALL {
            let division = &plan.directions[direction];
            if !arguments.json {
                println!("{} {direction}: {} to divide", link.name, division.capacity);
            }
            for device in &division.devices {
                let ceiling = device.ceiling.min(division.capacity);
                if !arguments.json {
                    println!("  {}  guarantee {}, ceiling {ceiling}", device.device, device.guarantee);
                }
                rows.push(json!({
                    "link": link.name, "direction": direction.to_string(), "device": device.device.to_string(),
                    "guarantee_bps": device.guarantee.as_bps(), "ceiling_bps": ceiling.as_bps(),
                    "tier": device.aggregates.iter().map(|of| of.tier.number()).max(),
                    "classes": device.aggregates.len(),
                }));
            }
        }
    }
    if arguments.json {
        println!("{}", json!({"held": false, "plan": rows}));
    } else {
        println!("Nothing was touched.");
    }
}
