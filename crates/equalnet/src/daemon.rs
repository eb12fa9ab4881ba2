//! The wiring, on one screen: opens sources, starts the threads, joins them on shutdown.

use crate::attached::Attached;
use crate::clock::Clock;
use crate::config::{Adoption, Config, SourceChoice};
use crate::control_loop::{ControlLoop, Inlets, Outlets, Signal};
use crate::kept_devices::KeptDevices;
use crate::nightly::{self, Nightly};
use crate::paced::Paced;
use crate::shaping::{Hold, ShapingSettings};
use crate::watchdog::Watchdog;
use crate::worker::{Inlet, Worker};
use crate::{accounts, foresee, leases, offline, predictor, privileges, shaping, signals, what_if, zone};
use anyhow::{Context, Result, bail};
use api::{Account, ApiSettings, ApiState};
use capture::{AfPacketSettings, AfPacketSource, EbpfSource, Listening, Tap};
use crossbeam_channel::{Sender, bounded};
use datapath::{Datapath, DatapathSettings, Steering};
use engine::{Engine, Input};
use forecast::Forecaster;
use sd_notify::NotifyState;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use store::{FlowLogSettings, Retention, Store, StoreEvent, StoreSender, StoreSettings};
use tokio::sync::{oneshot, watch};
use traffic::FlowLimits;
use vocab::{Direction, InterfaceName, Link, LinkId, Mode, Snapshot, Topology};

/// Inputs that may wait for the control loop: some seconds of a busy network. Full, the newest is dropped and
/// counted.
const INPUTS: usize = 4_096;

/// Requests of people that may wait; full, they are told that EqualNet is busy.
const REQUESTS: usize = 64;

/// A thread that turns its wheel many times a second hangs when it was silent for so long: with what the unit gives the
/// watchdog (10 s), the daemon is away for less than 20 s.
const PATIENCE: Duration = Duration::from_secs(8);

/// The shaper's first plan for thousands of devices takes its time (docs/benchmarks.md).
const SHAPER_PATIENCE: Duration = Duration::from_secs(20);

/// A flow log of this many files of this size is kept.
const FLOW_LOG_FILES: (u32, u64) = (10, 50_000_000);

/// Runs until SIGTERM or SIGINT. The last plan stays in force. Queues of others are adopted where the configuration or
/// `adoption` says so.
///
/// # Errors
/// The configuration is faulty, or something it names cannot be opened.
pub fn run(config_file: &Path, adoption: Adoption) -> Result<()> {
    log_to_stderr();
    datapath::sys::give_memory_back();
    let config = Config::read(config_file)?;
    if config.links.is_empty() {
        bail!(
            "{}: no [[link]] is named, so there is nothing to watch. `equalnet setup` writes one",
            config_file.display()
        );
    }
    let kept = KeptDevices::read(&config.state_dir)?;
    let policy = kept.over(config.policy.clone());
    if let Some(password) = accounts::ensure(&config.state_dir)? {
        // Once, and to the terminal or journal of who starts it: it is stored as a hash.
        eprintln!("First login: user admin, password {password} (change it with `equalnet passwd`)");
    }
    let clock = Clock::new();
    let (inputs_in, inputs) = bounded(INPUTS);
    let (requests_in, requests) = bounded(REQUESTS);
    let (signals_in, signals) = bounded(4);
    let (shaper_in, shaper_orders) = bounded(16);
    let (stop_workers, workers_stop) = bounded::<()>(0);
    let (leases_stop, attached_stop, predictor_stop, nightly_stop) =
        (workers_stop.clone(), workers_stop.clone(), workers_stop.clone(), workers_stop.clone());

    // First: where another EqualNet serves the socket, its database and its programs are left alone.
    let inherited = inherited_sockets()?;
    let listeners = api::bind(ApiSettings {
        addresses: if inherited.is_empty() { config.api.listen.clone() } else { Vec::new() },
        inherited,
        unix_socket: Some(config.api.socket.clone()),
        allowed_hosts: config.api.allowed_hosts.clone(),
    })?;
    for address in listeners.addresses() {
        tracing::info!(%address, "the dashboard listens");
    }
    let (history, store_thread) = open_history(&config, &inputs_in, &signals_in)?;
    // Before they are opened: one that is made anew meanwhile is found.
    let attached = Attached::new(&config.links);
    let links = attached.links().to_vec();
    let sources = open_sources(&config, &links, &clock)?;
    privileges::reduce(match config.capture.source {
        SourceChoice::File { .. } => privileges::Need::Nothing,
        SourceChoice::Auto | SourceChoice::Ebpf | SourceChoice::AfPacket => privileges::Need::Network,
    });

    let (snapshots_in, snapshots) = watch::channel(Arc::new(Snapshot::default()));
    let (policy_in, policy_out) = watch::channel(Arc::new(policy.clone()));
    let (stop_api, api_stops) = oneshot::channel();
    // The weights are read once, for the engine and for those who ask about series of their own.
    let (stamp, family, weights) = nightly::at_start(&config.state_dir);
    let (families_in, families) = watch::channel(Arc::clone(&family));
    let asked_families = families.clone();
    let local_time = zone::local_time(clock.now());
    let (worker_policy, foreseen_from) = (policy_out.clone(), snapshots.clone());
    let state = ApiState {
        snapshots,
        policy: policy_out,
        requests: requests_in,
        interfaces: Arc::new(|| offline::interfaces::list().map_err(|error| format!("{error:#}"))),
        foresee: Arc::new({
            move |class, seconds, at| {
                let family = families.borrow().clone();
                foresee::foresee(&family, class, seconds, at)
            }
        }),
        what_if: {
            let (history, capacity, families) = (history_file(&config), config.links[0].capacity(), asked_families);
            let answerer = what_if::Answerer { history, capacity, families };
            Arc::new(move |asked| answerer.answer(asked))
        },
        accounts: accounts::hash(&config.state_dir)?
            .map(|password_hash| Account { user: "admin".to_owned(), password_hash })
            .into_iter()
            .collect(),
        history: Some(history_file(&config)),
        clock: {
            let clock = clock.clone();
            Arc::new(move || clock.now())
        },
        local_time: local_time.clone(),
        quotas: config.quotas.clone(),
        outlook: forecast::outlook,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut watchdog = Watchdog::of_systemd();
    let (api_pulse, worker_pulse) = (watchdog.listen("api", PATIENCE), watchdog.listen("worker", PATIENCE));
    let shaper_pulse = watchdog.listen("shaper", SHAPER_PATIENCE);
    let api_thread = spawn_vital("api", &signals_in, move || {
        api::run(listeners, state, api_stops, move || api_pulse.beat()).context("the API ended")
    })?;

    let forecaster = match config.forecast.is_used {
        true => Forecaster::with_family(forecast::Settings::default(), Arc::clone(&family)),
        false => Forecaster::reacting(forecast::Settings::default()),
    };
    let mut engine = Engine::new(policy, links.clone(), forecaster, clock.now()).with_settings(engine::Settings {
        local_time: local_time.clone(),
        unusual_one_in: config.alerts.unusual_one_in,
    });
    remember(&mut engine, &config, &clock);
    if config.forecast.is_used {
        engine.handle_input(nightly::first(family, weights), clock.now());
    }
    engine.handle_input(Input::SourceChanged(sources.inlet.kind()), clock.now());

    let shaping_settings = ShapingSettings {
        shaper: shaper::ShaperSettings {
            state_dir: config.state_dir.clone(),
            adopt: Adoption::Adopt == adoption.max(config.adoption),
        },
        links,
        hold: sources.hold,
    };
    let shaper_thread = {
        let (inputs, clock) = (inputs_in.clone(), clock.clone());
        spawn_vital("shaper", &signals_in, move || {
            shaping::run(&shaping_settings, &shaper_orders, &inputs, &clock, &shaper_pulse);
            Ok(())
        })?
    };
    let within = FlowLimits::within(config.capture.memory.0);
    let limits = FlowLimits { flows: within.flows.min(config.capture.max_flows), ..within };
    let mut worker = Worker::new(
        sources.inlet,
        limits,
        LinkId(0),
        sources.own_stations,
        clock.clone(),
        inputs_in.clone(),
        worker_policy,
    );
    let worker_thread = spawn_vital("worker", &signals_in, move || worker.run(&workers_stop, &worker_pulse))?;
    let has_programs = sources.datapath.is_some();
    let attached_thread = match config.capture.source {
        SourceChoice::File { .. } => None,
        SourceChoice::Auto | SourceChoice::Ebpf | SourceChoice::AfPacket => {
            let (datapath, pulse) = (sources.datapath, watchdog.listen("interfaces", PATIENCE));
            let watch = move || attached.watch(datapath, &attached_stop, &pulse);
            Some(spawn_vital("interfaces", &signals_in, watch)?)
        }
    };
    spawn("signals", move || signals::watch(&signals_in))?;
    {
        let (inputs, clock, files) = (inputs_in.clone(), clock.clone(), config.capture.leases.clone());
        spawn("leases", move || {
            leases::watch(&files, &inputs, &clock, &leases_stop);
            Ok(())
        })?;
    }
    if let Some(other) = config.forecast.predictor.clone() {
        let (inputs, clock) = (inputs_in.clone(), clock.clone());
        spawn("predictor", move || {
            predictor::ask(&other, &foreseen_from, &inputs, &clock, &predictor_stop);
            Ok(())
        })?;
    }
    let nightly_thread = {
        let nightly = Nightly {
            train: config.forecast.train,
            config_file: config_file.to_path_buf(),
            state_dir: config.state_dir.clone(),
            stamp,
            local_time,
            inputs: config.forecast.is_used.then(|| inputs_in.clone()),
            families: families_in,
            waiting: None,
        };
        let clock = clock.clone();
        spawn("nightly", move || {
            nightly.run(&clock, &nightly_stop);
            Ok(())
        })?
    };
    drop(inputs_in);

    let pin_dir = config.pin_dir();
    let control = ControlLoop {
        engine,
        clock,
        config_file: config_file.to_path_buf(),
        configured: Arc::clone(&config.policy.rules),
        config,
        kept,
        inlets: Inlets { inputs, requests, signals },
        outlets: Outlets { shaper: shaper_in, store: Some(history), snapshots: snapshots_in, policy: policy_in },
        watchdog,
    };
    tracing::info!(mode = %control.engine.policy().mode, "EqualNet runs");
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let mode = control.run();
    let _ = sd_notify::notify(&[NotifyState::Stopping]);

    // The control loop held the ends that the others listen to: they finish what they have.
    drop((stop_workers, stop_api));
    let mut ended_badly = Vec::new();
    let threads = [
        ("worker", worker_thread),
        ("shaper", shaper_thread),
        ("store", store_thread),
        ("api", api_thread),
        ("nightly", nightly_thread),
    ];
    for (name, thread) in threads.into_iter().chain(attached_thread.map(|thread| ("interfaces", thread))) {
        match thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => ended_badly.push(format!("{name}: {error:#}")),
            Err(_) => ended_badly.push(format!("{name}: it panicked")),
        }
    }
    // What only watches leaves nothing behind; what controls stays in force.
    if mode != Mode::Control && has_programs {
        Datapath::clear(&pin_dir).context("the eBPF programs could not be taken away")?;
    }
    if !ended_badly.is_empty() {
        bail!("{}", ended_badly.join("; "));
    }
    Ok(())
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("EQUALNET_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // Twice only in tests.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
}

fn spawn(name: &str, body: impl FnOnce() -> Result<()> + Send + 'static) -> Result<JoinHandle<Result<()>>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .with_context(|| format!("the thread `{name}` cannot be started"))
}

/// A thread without which all else is of no use: where it ends, by an error or a panic too, the daemon ends, and
/// whoever started it starts it anew. Meanwhile the last plan stays in force.
fn spawn_vital(
    name: &str,
    signals: &Sender<Signal>,
    body: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<JoinHandle<Result<()>>> {
    struct Vital(Sender<Signal>);
    impl Drop for Vital {
        fn drop(&mut self) {
            // Waits where the loop has signals to take; nobody listens where it has ended itself.
            let _ = self.0.send(Signal::Stop);
        }
    }
    let vital = Vital(signals.clone());
    spawn(name, move || {
        let _vital = vital;
        body()
    })
}

fn history_file(config: &Config) -> std::path::PathBuf {
    config.state_dir.join("history.db")
}

fn open_history(
    config: &Config,
    inputs: &Sender<Input>,
    signals: &Sender<Signal>,
) -> Result<(StoreSender, JoinHandle<Result<()>>)> {
    let from = &config.history;
    let flow_log = from.flow_log.clone().map(|folder| FlowLogSettings {
        folder,
        max_files: FLOW_LOG_FILES.0,
        max_file_bytes: FLOW_LOG_FILES.1,
    });
    let settings = StoreSettings {
        path: history_file(config),
        retention: Retention {
            seconds: from.seconds_for,
            minutes: from.minutes_for,
            hours: from.hours_for,
            ..Retention::default()
        },
        max_bytes: from.max_size.0,
        flow_log,
    };
    let writer = Store::open(settings)?.into_writer()?;
    let (sender, receiver) = store::channel(4_096, 1_024);
    let inputs = inputs.clone();
    let thread = spawn_vital("store", signals, move || {
        writer.run(receiver, |event| {
            let fault = match event {
                StoreEvent::Stopped { reason } => Some(reason),
                StoreEvent::Resumed => None,
            };
            // Full: the loop is behind by thousands of inputs, and has an alert of its own for that.
            let _ = inputs.try_send(Input::Recording(fault));
        });
        Ok(())
    })?;
    Ok((sender, thread))
}

/// The weeks of which habits are learnt anew at the start: most of what they remember. And minutes of aggregates that
/// are read for that at most: a second or two.
const HABITS_OF: Duration = Duration::from_secs(28 * 86_400);
const HABITS_ROWS: u64 = 1_500_000;

/// What a slow disk may take for that beyond the unit's `TimeoutStartSec`.
const REMEMBERING: Duration = Duration::from_secs(30);

/// Devices, numbers and habits of earlier runs. A history that cannot be read is no reason not to start.
fn remember(engine: &mut Engine, config: &Config, clock: &Clock) {
    let _ = sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(REMEMBERING.as_micros() as u32)]);
    let now = clock.now();
    let mut read = || -> Result<(), store::StoreError> {
        let reader = store::Reader::open(&history_file(config))?;
        let ids = reader.latest_ids()?;
        let devices = reader.devices()?;
        // First, and whatever becomes of the habits: numbers must go on where they were.
        let remembered = Input::Remembered { devices, last_decision: ids.decision, last_alert: ids.alert };
        engine.handle_input(remembered, now);
        let length = Duration::from_secs(forecast::Habit::SPAN_S);
        let spans = reader.spans(now - HABITS_OF, now, length, HABITS_ROWS)?;
        engine.handle_input(Input::Habits(spans.into_iter().map(|span| (span.begins, span.moved)).collect()), now);
        Ok(())
    };
    if let Err(error) = read() {
        tracing::warn!(%error, "what earlier runs knew cannot be read");
    }
}

/// What packets come from.
struct Sources {
    inlet: Inlet,
    hold: Hold,
    own_stations: Vec<vocab::MacAddress>,
    /// Its programs are pinned, its maps are shared; whoever watches the interfaces attaches them again.
    datapath: Option<Datapath>,
}

fn open_sources(config: &Config, links: &[Link], clock: &Clock) -> Result<Sources> {
    let (inlet, hold, datapath) = match &config.capture.source {
        SourceChoice::Ebpf => {
            let (inlet, steering, datapath) = open_ebpf(config, links)?;
            (inlet, Hold::Steering(steering), Some(datapath))
        }
        SourceChoice::Auto => match open_ebpf(config, links) {
            Ok((inlet, steering, datapath)) => (inlet, Hold::Steering(steering), Some(datapath)),
            Err(error) => {
                let missing = privileges::missing();
                tracing::warn!(missing = missing.join(", "), "no eBPF, so EqualNet can only watch: {error:#}");
                let reason = format!("without eBPF nothing can be shaped: {error:#}");
                (open_af_packet(config, links)?, Hold::Watching(reason), None)
            }
        },
        SourceChoice::AfPacket => {
            let reason = "capture.source is af_packet, which can only watch; shaping needs ebpf".to_owned();
            (open_af_packet(config, links)?, Hold::Watching(reason), None)
        }
        SourceChoice::File { file, at_end } => (
            Inlet::Frames(Box::new(Paced::open(file, config.capture.filter.as_deref(), *at_end, clock.clone())?)),
            Hold::Nothing,
            None,
        ),
    };
    let mut own_stations = config.capture.gateways.clone();
    // A file shows another network: who passes through this machine is not in it.
    if !matches!(config.capture.source, SourceChoice::File { .. }) {
        let interfaces = capture::interfaces().context("the interfaces cannot be listed")?;
        own_stations.extend(interfaces.into_iter().filter_map(|interface| interface.mac));
    }
    Ok(Sources { inlet, hold, own_stations, datapath })
}

fn open_ebpf(config: &Config, links: &[Link]) -> Result<(Inlet, Steering, Datapath)> {
    let (mut datapath, steering) = open_datapath(config, links)?;
    let source = EbpfSource::open(&mut datapath)?;
    Ok((Inlet::Ebpf(Box::new(source)), steering, datapath))
}

/// The programs of an earlier run with its maps, or new ones, attached to all links.
pub fn open_datapath(config: &Config, links: &[Link]) -> Result<(Datapath, Steering)> {
    let flows = u32::try_from(config.capture.max_flows).context("capture.max_flows is too large")?;
    let settings = DatapathSettings { pin_dir: config.pin_dir(), max_flows: flows, ..DatapathSettings::default() };
    let mut datapath = Datapath::load_or_adopt(&settings)?;
    let topologies: Vec<Topology> = links.iter().map(|link| link.topology.clone()).collect();
    for interface in datapath.attach(&topologies)? {
        tracing::warn!(%interface, "there is no such interface; EqualNet waits for it");
    }
    let steering = datapath.steering();
    Ok((datapath, steering))
}

fn open_af_packet(config: &Config, links: &[Link]) -> Result<Inlet> {
    let taps: Vec<Tap> = links.iter().flat_map(taps).collect();
    let listening = if config.capture.promiscuous { Listening::Promiscuous } else { Listening::Ours };
    let source = AfPacketSource::open(
        &taps,
        &AfPacketSettings { listening, filter: config.capture.filter.clone(), ..AfPacketSettings::default() },
    )?;
    Ok(Inlet::Frames(Box::new(source)))
}

/// What leaves on the LAN side is download; what leaves a machine's only interface is upload.
fn taps(link: &Link) -> Vec<Tap> {
    match &link.topology {
        Topology::Router { .. } | Topology::Shared { .. } => {
            let tap = |lan: &InterfaceName| Tap { interface: lan.clone(), outgoing: Direction::Download };
            link.topology.lans().iter().map(tap).collect()
        }
        Topology::Host { interface } => vec![Tap { interface: interface.clone(), outgoing: Direction::Upload }],
    }
}

/// Sockets that systemd bound for us (`LISTEN_FDS`): then the addresses of the configuration are not bound.
fn inherited_sockets() -> Result<Vec<std::net::TcpListener>> {
    let mut given = listenfd::ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..given.len() {
        let socket = given.take_tcp_listener(index).context("an inherited socket is no TCP listener")?;
        sockets.extend(socket);
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Author;
    use crossbeam_channel::unbounded;

    #[test]
    fn the_end_of_the_history_ends_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("state_dir = {:?}", folder.path());
        let config = Config::parse_of(&text, Path::new("equalnet.toml"), Author::Operator).unwrap();
        let (inputs, signals) = (unbounded().0, bounded(1));
        let (history, thread) = open_history(&config, &inputs, &signals.0).unwrap();
        assert!(signals.1.try_recv().is_err());
        drop(history);
        thread.join().unwrap().unwrap();
        assert!(matches!(signals.1.try_recv(), Ok(Signal::Stop)));
    }
}
