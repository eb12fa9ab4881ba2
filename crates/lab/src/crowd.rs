//! What the daemon takes for itself with many devices: they live in one namespace, behind a router of their own.
//!
//! ```text
//! crowd (10.64.1.0 …) ── lan0  gateway  wan0 ── net (servers)
//! ```

use crate::agent::{Activity, Agent, Event, Report};
use crate::agents::crowd_address;
use crate::daemon::{Daemon, Launch};
use crate::household::Place;
use crate::namespace::{Namespace, Urgency};
use crate::scenarios::Outcome;
use crate::watchdog::Watchdog;
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use vocab::{BitRate, ByteCount};

/// The crowd's own address towards the gateway, and its router's on the cable.
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 127, 255, 2);
const ROUTER_MAC: &str = "52:54:00:0c:0d:01";
const SERVER: Ipv4Addr = Ipv4Addr::new(100, 64, 7, 1);

/// A crowd to be, and what the daemon may take for it.
pub(crate) struct Crowd {
    pub(crate) name: &'static str,
    pub(crate) devices: u32,
    /// What is sent to all of them.
    pub(crate) rate: BitRate,
    /// What is divided.
    pub(crate) capacity: BitRate,
    /// How long the daemon is given to learn them before it is measured.
    pub(crate) settles: Duration,
    pub(crate) memory: ByteCount,
    /// Of one core, percent; nothing is promised without it.
    pub(crate) processor: Option<f64>,
}

/// Lets the crowd live beside the daemon and says what that takes.
pub(crate) fn measure(program: &Path, crowd: &Crowd) -> Result<Outcome> {
    let mut outcome = Outcome::new(crowd.name);
    let chance = RandomState::new().build_hasher().finish();
    let id = format!("ec{:06x}", chance & 0xff_ffff);
    let folder = std::env::temp_dir().join(format!("equalnet-lab-{id}"));
    let _watchdog = Watchdog::start(program, &id, &folder)?;
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let [gateway, devices, net] = ["gw", "crowd", "net"].map(|what| Namespace::create(format!("{id}-{what}")));
    let (gateway, devices, net) = (gateway?, devices?, net?);
    wire(&gateway, &devices, &net)?;

    let run_dir = folder.join(format!("equalnet-{id}"));
    std::fs::create_dir_all(&run_dir)?;
    let rate = format!("{} Mbit/s", crowd.capacity.as_kbps() / 1_000);
    let configuration = format!(
        "mode = \"control\"\nstate_dir = {:?}\nrun_dir = {run_dir:?}\n\n[[link]]\nname = \"crowd\"\nlan = \"lan0\"\n\
         wan = \"wan0\"\ndownload = \"{rate}\"\nupload = \"{rate}\"\n\n[capture]\ngateways = [\"{ROUTER_MAC}\"]\n\n\
         [api]\nlisten = []\nsocket = {:?}\n\n[policy]\nminimum = \"0 %\"\n",
        folder.join("state"),
        run_dir.join("api.sock"),
    );
    let daemon = Daemon::launch(Launch {
        shell: gateway.command(OsStr::new("sh"), Urgency::Normal),
        folder: &folder,
        run_dir: &run_dir,
        configuration,
        program,
        password: "correct horse battery staple",
        listener: None,
    })?;

    let (reports, told) = channel();
    let start = |number, namespace, place, activity, reports: &Sender<Report>| {
        Agent::start(program, namespace, place, number, activity, &folder.join("authority"), reports.clone())
    };
    let serving = Activity::ServeCrowd { devices: crowd.devices, rate: crowd.rate.as_bps() };
    let living = Activity::Crowd { devices: crowd.devices, server: SERVER };
    let _agents = [
        start(1, &net, Place::Net, serving, &reports)?,
        start(2, &devices, Place::Device("crowd".to_owned()), living, &reports)?,
    ];
    let patience = Instant::now() + crowd.settles;
    while let Ok(report) = told.recv_timeout(patience.saturating_duration_since(Instant::now())) {
        if let Event::Trouble { text } = report.event {
            bail!("{}: {text}", crowd.name);
        }
    }
    let before = (daemon.processor_time()?, Instant::now(), moved(&gateway)?);
    std::thread::sleep(Duration::from_secs(30));
    let elapsed = before.1.elapsed().as_secs_f64();
    let processor = (daemon.processor_time()? - before.0).as_secs_f64() / elapsed * 100.0;
    let rate = (moved(&gateway)? - before.2) as f64 * 8.0 / elapsed / 1e6;
    // What was sent must have come through, or the figures are of a rest.
    outcome.at_least("download_mbit_s", rate, crowd.rate.as_kbps() as f64 / 1e3 * 0.9);
    let known: Vec<wire::Device> = daemon.api().get("devices")?;
    outcome.at_least("devices", known.len() as f64, f64::from(crowd.devices));
    match crowd.processor {
        Some(most) => outcome.at_most("processor_percent_of_a_core", processor, most),
        None => outcome.figure("processor_percent_of_a_core", processor),
    }
    let memory = daemon.memory()?;
    outcome.figure("memory_now_mb", memory.now.0 as f64 / 1e6);
    outcome.at_most("memory_most_mb", memory.most.0 as f64 / 1e6, crowd.memory.0 as f64 / 1e6);
    if !outcome.failures.is_empty() {
        outcome.notes.push(daemon.log_tail());
    }
    if let Err(error) = daemon.stop() {
        outcome.failures.push(format!("{error:#}"));
    }
    Ok(outcome)
}

fn wire(gateway: &Namespace, devices: &Namespace, net: &Namespace) -> Result<()> {
    for (ours, peer, theirs) in [("lan0", devices, "eth0"), ("wan0", net, "eth0")] {
        gateway.ip(&format!("link add {ours} type veth peer name {theirs} netns {}\n", peer.name()))?;
    }
    let quiet = "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1\n";
    gateway.shell(&format!("{quiet}sysctl -qw net.ipv4.ip_forward=1"))?;
    devices.shell(quiet)?;
    net.shell(quiet)?;
    gateway.ip(&format!(
        "link set lo up\nlink set lan0 up\nlink set wan0 up\naddr add 10.127.255.1/24 dev lan0\n\
         addr add 100.64.7.2/24 dev wan0\nroute add {}/10 via {ROUTER}\n",
        Ipv4Addr::from(u32::from(crowd_address(0)) & 0xffc0_0000),
    ))?;
    // What comes for the devices ends here: nobody listens, and nobody answers that.
    devices.ip(&format!(
        "link set lo up\nlink set eth0 address {ROUTER_MAC} up\naddr add {ROUTER}/24 dev eth0\n\
         route add default via 10.127.255.1\nroute add blackhole 10.64.0.0/11\n"
    ))?;
    net.ip(&format!(
        "link set lo up\nlink set eth0 up\naddr add {SERVER}/24 dev eth0\nroute add default via 100.64.7.2\n"
    ))
}

/// Bytes that left the gateway towards the crowd.
fn moved(gateway: &Namespace) -> Result<u64> {
    let text = gateway.shell("cat /proc/net/dev")?;
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("lan0:")).context("no counters of lan0")?;
    line.split_whitespace().nth(8).and_then(|word| word.parse().ok()).context("the counters of lan0")
}
