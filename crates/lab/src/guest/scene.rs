//! A household that is as far from its servers as the world is, with one of the peers on its gateway.

use super::Trial;
use super::peer::Peer;
use super::ping::Ping;
use crate::agent::{Activity, Agent, Security};
use crate::daemon::{Daemon, DaemonOptions, DeviceSettings, Foresight};
use crate::household::{Household, HouseholdOptions, PORT, Place};
use crate::report::RoundTrips;
use crate::scenarios::Outcome;
use crate::shell;
use crate::story::{Story, mean_rates};
use crate::world::service_named;
use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};
use vocab::{BitRate, Directed, Mode};

/// What every peer is told to divide; the modem behind lets a tenth more through.
pub(super) const CAPACITY: Directed<BitRate> =
    Directed { download: BitRate::from_mbps(20), upload: BitRate::from_mbps(5) };

/// What the network around adds to every round trip, half of it at the servers' end, half at the devices'.
pub(super) const USUAL_MS: u64 = 20;

/// What a device is owed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    pub(super) device: &'static str,
    pub(super) priority: u8,
    /// For downloads.
    pub(super) guarantee: BitRate,
}

/// `owed("annas-laptop", 1, 3)`: priority 1 and 3 Mbit/s.
pub(super) const fn owed(device: &'static str, priority: u8, guarantee_mbit: u64) -> Owed {
    Owed { device, priority, guarantee: BitRate::from_mbps(guarantee_mbit) }
}

/// A household under a peer.
pub(super) struct Scene {
    pub(super) household: Household,
    pub(super) peer: Peer,
    pub(super) daemon: Option<Daemon>,
    pub(super) story: Story,
}

impl Scene {
    /// Builds it; the peer knows of each device what it is owed, as far as it has words for it.
    pub(super) fn build(trial: &Trial, owed: &[Owed]) -> Result<Scene> {
        // The household's own processes are this program; the one under test is only the gateway's.
        let lab = std::env::current_exe().context("this program has no path")?;
        let mut household = Household::prepare(&HouseholdOptions::usual(lab))?;
        let mut daemon = None;
        if trial.peer.is_ours() {
            daemon = Some(start_daemon(&household, trial, owed)?);
        }
        household.move_in()?;
        trial.peer.set_up(&household, CAPACITY, owed)?;
        let scene = Scene { household, peer: trial.peer, daemon, story: Story::default() };
        scene.delay(&Place::Net, "add", USUAL_MS / 2)?;
        scene.wait_for_queues()?;
        let names: Vec<String> = scene.household.devices().iter().map(|device| device.name.clone()).collect();
        for name in names {
            scene.delay(&Place::Device(name), "add", USUAL_MS / 2)?;
        }
        Ok(scene)
    }

    /// The others' queues stand before anything moves; ours stand when the daemon has looked around.
    fn wait_for_queues(&self) -> Result<()> {
        let Some(daemon) = &self.daemon else { return Ok(()) };
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let status = daemon.api().get::<wire::Status>("status")?;
            if status.links.iter().all(|link| link.shaping == "on") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("nothing is shaped within 10 s:\n{}", daemon.log_tail())
    }

    /// Delays what leaves `place`; `verb` is `add` at first, `change` afterwards.
    fn delay(&self, place: &Place, verb: &str, delay_ms: u64) -> Result<()> {
        // So many packets that it never drops one: it is distance, not a queue.
        self.household.at(place)?.tc(&format!("qdisc {verb} dev {PORT} root netem delay {delay_ms}ms limit 20000\n"))
    }

    /// Moves `device` to where its round trips take `round_trip_ms`.
    pub(super) fn move_to(&self, device: &str, round_trip_ms: u64) -> Result<()> {
        let own = round_trip_ms.saturating_sub(USUAL_MS / 2);
        self.delay(&Place::Device(device.to_owned()), "change", own)
    }

    /// Has the servers send to `device` by BBR from now on: the route says it, over what their sockets say.
    pub(super) fn send_by_bbr(&self, device: &str) -> Result<()> {
        let net = self.household.at(&Place::Net)?;
        let address = self.household.device(device)?.address.to_string();
        let route = shell::run("ip", &["-n", net.name(), "route", "get", &address])?;
        let via = route.split_whitespace().skip_while(|word| *word != "via").nth(1).context("no route to a device")?;
        net.ip(&format!("route add {address}/32 via {via} congctl bbr\n"))
    }

    pub(super) fn start(&mut self, device: &str, activity: Activity) -> Result<Agent> {
        self.household.start_on(device, activity)
    }

    /// Starts a call and waits until it stands.
    pub(super) fn call(&mut self, device: &str) -> Result<Agent> {
        let call = self.start(device, Activity::Voice)?;
        self.wait_for(&call)?;
        Ok(call)
    }

    /// Reads the device's own counters every `every_ms`.
    pub(super) fn meter(&mut self, device: &str, every_ms: u64) -> Result<Agent> {
        self.start(device, Activity::Meter { interface: PORT.to_owned(), every_ms })
    }

    /// The same at the servers' end, where download is what arrives there.
    pub(super) fn far_meter(&mut self, every_ms: u64) -> Result<Agent> {
        self.household.start(&Place::Net, Activity::Meter { interface: PORT.to_owned(), every_ms })
    }

    /// Downloads that take all they get: `flows` at once from `server`.
    pub(super) fn download(&mut self, device: &str, server: &str, flows: u32) -> Result<Agent> {
        // In the clear: an emulator has nothing to encrypt with, and a queue does not look inside.
        let security = Security::Clear;
        let server = server.to_owned();
        self.start(device, Activity::Fetch { server, flows, security, bytes: 1_000_000_000 })
    }

    /// Uploads that take all they get.
    pub(super) fn upload(&mut self, device: &str, server: &str, flows: u32) -> Result<Agent> {
        self.start(device, Activity::Send { server: server.to_owned(), flows })
    }

    /// Pings `server` from `device` for `seconds`.
    pub(super) fn ping(&self, device: &str, server: &str, seconds: f64) -> Result<Ping> {
        let service = service_named(server).with_context(|| format!("{server} is not in this world"))?;
        let namespace = self.household.at(&Place::Device(device.to_owned()))?;
        Ping::start(namespace, service.ipv4, Duration::from_secs_f64(seconds))
    }

    pub(super) fn listen(&mut self, seconds: f64) {
        self.story.listen(&self.household, Duration::from_secs_f64(seconds));
    }

    /// Waits until `agent` stands.
    pub(super) fn wait_for(&mut self, agent: &Agent) -> Result<()> {
        self.story.wait_for(&self.household, agent)
    }

    /// Mean rates of `agent` in Mbit/s over what it told between two times.
    pub(super) fn rates(&self, agent: &Agent, from_ms: u64, to_ms: u64) -> Directed<f64> {
        let (download, upload) = mean_rates(&self.story.windows_between(agent.number(), from_ms, to_ms));
        Directed { download: download as f64 / 1e6, upload: upload as f64 / 1e6 }
    }

    /// The downloads of `agent` in Mbit/s, window by window.
    pub(super) fn downloads(&self, agent: &Agent, from_ms: u64, to_ms: u64) -> Vec<f64> {
        let windows = self.story.windows_between(agent.number(), from_ms, to_ms);
        windows.iter().map(|window| mean_rates(&[*window]).0 as f64 / 1e6).collect()
    }

    /// Round trips of `agent`'s packets sent between two times.
    pub(super) fn trips(&self, agent: &Agent, from_ms: u64, to_ms: u64) -> RoundTrips {
        RoundTrips::of(&self.story.trips_between(agent.number(), from_ms, to_ms))
    }

    /// Ends with `outcome`, and with what went wrong in the household.
    pub(super) fn end(self, mut outcome: Outcome) -> Outcome {
        if let Some(daemon) = &self.daemon {
            match daemon.api().get::<wire::Status>("status") {
                Ok(status) => {
                    let shaping = status.links.first().map_or("no link", |link| link.shaping_detail.as_str());
                    outcome.notes.push(format!("packets from {}, leaves of {shaping}", status.source));
                    if status.links.iter().any(|link| link.shaping != "on") {
                        outcome.failures.push(format!("the plan is not in force: {shaping}"));
                    }
                }
                Err(error) => outcome.failures.push(format!("the daemon no longer answers: {error:#}")),
            }
            let log = daemon.log_tail();
            let complaints = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR"));
            outcome.notes.extend(complaints.take(5).map(str::to_owned));
        }
        outcome.notes.extend(self.story.troubles);
        outcome
    }
}

fn start_daemon(household: &Household, trial: &Trial, owed: &[Owed]) -> Result<Daemon> {
    let mut devices = Vec::new();
    for Owed { device, priority, guarantee } in owed {
        let guarantee = Directed { download: *guarantee, upload: BitRate::ZERO };
        devices.push(DeviceSettings { mac: household.mac_of(device)?, priority: *priority, guarantee });
    }
    Daemon::start(
        household,
        DaemonOptions {
            program: trial.program.clone(),
            mode: Mode::Control,
            capacity: CAPACITY,
            minimum: "0 %",
            devices,
            foresight: Foresight::Forecasts,
            listener: None,
            password: "a password of the lab".to_owned(),
        },
    )
}
