//! The demo without root: the recorded household, replayed to a daemon that only observes.

use crate::daemon::{Daemon, Launch};
use crate::demo::{Browser, DemoOptions};
use crate::judge::judge;
use crate::recording::{CAPTURE, Facts};
use crate::report::{ClassScore, FoundDevice, Phases, Rate, RoundTrips, TrueFlow, WrongFlow, key_of};
use crate::show::{Show, interrupted, listen, open_browser, password, way_in};
use crate::watchdog::Watchdog;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The shortest replay that still shows something: the recorded household is at full work by then.
const SHORTEST: Duration = Duration::from_secs(10);
/// A flow is judged when it has had so long to show what it is for.
const SHOWN_AFTER_MS: u64 = 3_000;

/// What a replay found: of a [`DemoReport`](crate::DemoReport) what a recording can tell. What only packets on
/// their way can tell is `null`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplayReport {
    /// The mode at the end: `observe`.
    pub mode: String,
    /// Where packets came from: `file`.
    pub source: String,
    /// Packets seen.
    pub packets: u64,
    /// Bytes seen.
    pub bytes: u64,
    /// Flows seen.
    pub flows: u64,
    /// Packets lost on the way from the file.
    pub capture_dropped: u64,
    /// Per class that the household truly had: its flows, and how many of them were recognised as it.
    pub classes: BTreeMap<String, ClassScore>,
    /// Flows that were taken for something else.
    pub wrong_flows: Vec<WrongFlow>,
    /// Flows that the household opened and the daemon never listed.
    pub unseen_flows: Vec<TrueFlow>,
    /// All devices found.
    pub devices: Vec<FoundDevice>,
    /// Devices of the household that were not found with their name and MAC address.
    pub devices_missing: Vec<String>,
    /// Plans put in force: none, a recording cannot be shaped.
    pub plans_applied: u64,
    /// Planned beside achieved: nothing was planned.
    pub rates: Vec<Rate>,
    /// Round trips of the phone call: nobody measured them.
    pub voice_rtt_ms: Option<Phases<RoundTrips>>,
    /// How long it was replayed, seconds.
    pub seconds: f64,
    /// How long the recording is, seconds; after that it begins anew.
    pub recording_seconds: f64,
}

/// Runs the demo without root, in words on standard output.
///
/// Fails where the daemon does not start and where it is interrupted; in every case nothing is left behind.
pub fn replay(options: &DemoOptions) -> Result<ReplayReport> {
    let interrupted = interrupted()?;
    let duration = options.duration.max(SHORTEST);
    let facts = Facts::built_in();
    let mut show = Show::new(duration, interrupted);
    show.say("No root: a recorded household is replayed; EqualNet only observes. Run with sudo to see real queues.");

    let id = format!("en{:06x}", RandomState::new().build_hasher().finish() & 0xff_ffff);
    let folder = std::env::temp_dir().join(format!("equalnet-replay-{id}"));
    // Before anything else is made, and dropped after all else: it takes everything away.
    let _watchdog = Watchdog::start(&options.program, &id, &folder)?;
    let created = std::fs::DirBuilder::new().mode(0o700).create(&folder);
    created.with_context(|| format!("cannot create {}", folder.display()))?;
    let capture = folder.join("household.pcap.gz");
    std::fs::write(&capture, CAPTURE).with_context(|| format!("cannot write {}", capture.display()))?;

    let listener = listen(options.port)?;
    let address = listener.local_addr()?;
    let password = password();
    let run_dir = folder.join("run");
    let daemon = Daemon::launch(Launch {
        shell: Command::new("sh"),
        folder: &folder,
        run_dir: &run_dir,
        configuration: configuration(&folder, &run_dir, &capture, &facts),
        program: &options.program,
        password: &password,
        listener: Some(listener),
    })?;
    let begun = Instant::now();
    show.say(&format!("Its dashboard: http://{address}/"));
    way_in(&show, address, &password);
    if options.browser == Browser::Open {
        open_browser(address);
    }
    show.chapter(&format!("Seven devices and {} flows in {} s, again and again", facts.flows.len(), facts.ms / 1_000));

    let mut said = BTreeMap::new();
    while begun.elapsed() < duration {
        std::thread::sleep(Duration::from_millis(250));
        show.tick()?;
        if let Err(error) = look(&daemon, &mut said) {
            // Ctrl-C in a terminal ends the daemon as well.
            show.tick()?;
            return Err(error);
        }
    }
    let report = report(&daemon, &facts, &said, begun.elapsed())?;
    show.end();
    show.say(&summary(&report));
    if let Some(path) = &options.report {
        let text = serde_json::to_string_pretty(&report).expect("a report is plain data");
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        show.say(&format!("The report is in {}.", path.display()));
    }
    Ok(report)
}

fn configuration(folder: &Path, run_dir: &Path, capture: &Path, facts: &Facts) -> String {
    format!(
        "mode = \"observe\"\nstate_dir = {:?}\nrun_dir = {run_dir:?}\n\n[[link]]\nname = \"recording\"\n\
         lan = \"br-lan\"\nwan = \"wan0\"\ndownload = \"{} bit/s\"\nupload = \"{} bit/s\"\nmargin = \"0 %\"\n\n\
         [capture]\nsource = \"file\"\nfile = {capture:?}\nat_end = \"again\"\ngateways = [{:?}]\n\n\
         [api]\nlisten = []\nsocket = {:?}\n",
        folder.join("state"),
        facts.line_rate.download,
        facts.line_rate.upload,
        facts.gateway,
        run_dir.join("api.sock"),
    )
}

/// Keeps the daemon's latest word on each flow.
fn look(daemon: &Daemon, said: &mut BTreeMap<String, wire::Flow>) -> Result<()> {
    let flows: Vec<wire::Flow> = daemon.api().get("flows?limit=1000")?;
    said.extend(flows.into_iter().map(|flow| (key_of(&flow), flow)));
    Ok(())
}

fn report(
    daemon: &Daemon,
    facts: &Facts,
    said: &BTreeMap<String, wire::Flow>,
    replayed: Duration,
) -> Result<ReplayReport> {
    let status: wire::Status = daemon.api().get("status")?;
    let found: Vec<wire::Device> = daemon.api().get("devices")?;
    let until_ms = u64::try_from(replayed.as_millis()).unwrap_or(u64::MAX).saturating_sub(SHOWN_AFTER_MS);
    let shown = facts.flows.iter().filter(|flow| flow.began_ms <= until_ms).map(|flow| &flow.truth);
    let judgement = judge(shown, said);
    let is_missing = |name: &str, mac: &str| !found.iter().any(|found| found.name == name && found.mac == mac);
    let devices_missing = facts.devices.iter().filter(|device| is_missing(&device.name, &device.mac));
    Ok(ReplayReport {
        mode: status.mode,
        source: status.source,
        packets: status.capture.packets,
        bytes: status.capture.bytes,
        flows: status.capture.flows,
        capture_dropped: status.capture.dropped_kernel + status.capture.dropped_channel,
        classes: judgement.classes,
        wrong_flows: judgement.wrong,
        unseen_flows: judgement.unseen,
        devices_missing: devices_missing.map(|device| device.name.clone()).collect(),
        devices: found
            .into_iter()
            .map(|device| FoundDevice { name: device.name, mac: device.mac, addresses: device.addresses })
            .collect(),
        plans_applied: status.links.iter().map(|link| link.plans_applied).sum(),
        rates: Vec::new(),
        voice_rtt_ms: None,
        seconds: replayed.as_secs_f64(),
        recording_seconds: facts.ms as f64 / 1e3,
    })
}

fn summary(report: &ReplayReport) -> String {
    let mut text = format!("\n{:<16}{:>8}{:>10}\n", "class", "flows", "right");
    for (class, score) in &report.classes {
        text.push_str(&format!("{class:<16}{:>8}{:>10}\n", score.flows, score.right));
    }
    let right: u64 = report.classes.values().map(|score| score.right).sum();
    let flows: u64 = report.classes.values().map(|score| score.flows).sum();
    text.push_str(&format!(
        "\n{} packets, {} flows, {} lost; {right} of {flows} flows of the household in their right class; \
         {} devices, {} of the household not found by name.\nNothing was shaped: run with sudo to see real queues.",
        report.packets,
        report.flows,
        report.capture_dropped,
        report.devices.len(),
        report.devices_missing.len(),
    ));
    text
}
