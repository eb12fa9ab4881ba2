//! Captures replayed over a real interface, through the kernel's programs and the worker, beside what `analyze`
//! says of the same files. Needs root, `ip` and the shared corpora (`EQUALNET_SHARED`, default `../shared` beside
//! the workspace).
//!
//! The test runs this program again inside a namespace for each capture, where it plays the part below.

use super::{Inlet, Worker};
use crate::clock::Clock;
use crate::offline::analyze;
use capture::{EbpfSource, FileSource, Injector, Observation, Polled, Source};
use crossbeam_channel::{Receiver, bounded, unbounded};
use datapath::{Datapath, DatapathSettings};
use engine::Input;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use traffic::{FlowLimits, Locality, Packet};
use vocab::{
    CaptureCounts, Direction, FlowKey, FlowSummary, InterfaceName, LinkId, LinkType, Side, Timestamp, Topology,
    TrafficClass,
};

const PART_FILE: &str = "EQUALNET_REPLAY_FILE";
/// Every so many of the captures that can be replayed.
const EVERY: usize = 5;
/// Larger captures are left out.
const MOST_BYTES: u64 = 1_000_000;
/// A silence longer than this is cut to it. Calls and games, known by their rhythm, send 24 packets in less.
const LONGEST_GAP: Duration = Duration::from_millis(2_500);
/// A capture that takes longer, silences cut, is left out.
const LONGEST_REPLAY: Duration = Duration::from_secs(15);
/// What one reader of the ring keeps up with; captures without times come all at once otherwise.
const SHORTEST_GAP: Duration = Duration::from_micros(50);
/// Replays that run at the same time: they mostly wait.
const AT_ONCE: usize = 8;

/// One frame of a file, to be sent.
struct Sent {
    after: Duration,
    direction: Direction,
    bytes: Vec<u8>,
}

/// What a capture holds.
#[derive(Default)]
struct Recorded {
    frames: Vec<Sent>,
    /// The flows inside each tunnel in the clear, by the key that the kernel has for it, and its frames.
    tunnels: BTreeMap<FlowKey, (BTreeSet<FlowKey>, u32)>,
}

/// The frames of a capture with the time between them, or why they cannot be sent as they were.
fn read(file: &Path) -> Result<Recorded, &'static str> {
    let mut source = FileSource::open(file, None).map_err(|_| "no capture")?;
    let (locality, mut devices) = (Locality::default(), BTreeMap::<FlowKey, Side>::new());
    let (mut recorded, mut before, mut fault) = (Recorded::default(), None::<Timestamp>, None);
    loop {
        let polled = source.poll(Duration::ZERO, &mut |observation| {
            let Observation::Frame(frame) = observation else { return };
            if frame.link_type != LinkType::Ethernet || frame.bytes.len() < 14 {
                fault = Some("not Ethernet");
            } else if frame.bytes.len() != frame.wire_len as usize {
                fault = Some("cut short by its recorder");
            } else if frame.bytes[6..12] == [0; 6] || frame.bytes[6] & 1 == 1 {
                fault = Some("sent by no station, which no bridge carries");
            }
            let direction = match Packet::parse(frame.bytes, frame.link_type, frame.wire_len) {
                Ok(packet) => {
                    let (key, side) = packet.key();
                    if let Some(tunnel) = Packet::outer_key(frame.bytes, frame.link_type).filter(|outer| *outer != key)
                    {
                        let (inside, frames) = recorded.tunnels.entry(tunnel).or_default();
                        inside.insert(key);
                        *frames += 1;
                        if *frames > DatapathSettings::default().sample_limit {
                            fault = Some("a tunnel, one flow to the kernel, of more frames than come up");
                        }
                    }
                    let device = *devices.entry(key).or_insert_with(|| match locality.owner(&packet, None) {
                        Some((_, Direction::Download)) => side.opposite(),
                        Some((_, Direction::Upload)) | None => side,
                    });
                    if device == side { Direction::Upload } else { Direction::Download }
                }
                Err(_) => Direction::Upload,
            };
            let after = before.map_or(Duration::ZERO, |before| frame.at.since(before));
            before = Some(frame.at);
            let after = after.clamp(SHORTEST_GAP, LONGEST_GAP);
            recorded.frames.push(Sent { after, direction, bytes: frame.bytes.to_vec() });
        });
        match (fault, polled) {
            (Some(fault), _) => return Err(fault),
            (None, Err(_)) => return Err("damaged"),
            (None, Ok(Polled::Finished)) => return Ok(recorded),
            (None, Ok(Polled::Observed(_) | Polled::Idle)) => {}
        }
    }
}

/// What one replay found.
#[derive(Serialize, Deserialize)]
struct Found {
    sent: u64,
    counted: u64,
    lost: u64,
    flows: usize,
    differences: Vec<String>,
}

fn name(text: &str) -> InterfaceName {
    InterfaceName::new(text).expect("a short name")
}

fn run(command: &str) -> Result<(), String> {
    let mut words = command.split(' ');
    let output = Command::new(words.next().expect("a program")).args(words).output().map_err(|e| e.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{command}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// A namespace with a gateway that hands on whatever comes: `devices` – `lan` = `wan` – `net`.
struct Gateway {
    namespace: String,
}

impl Gateway {
    fn new(index: usize) -> Result<Gateway, String> {
        let namespace = format!("rpl_{index}_{}", std::process::id());
        run(&format!("ip netns add {namespace}"))?;
        let gateway = Gateway { namespace };
        let ip = |command: &str| run(&format!("ip -n {} {command}", gateway.namespace));
        // A firewall would drop what is malformed. Where the kernel has none for bridges, there is no such setting.
        for family in ["iptables", "ip6tables", "arptables"] {
            let _ =
                run(&format!("ip netns exec {} sysctl -qw net.bridge.bridge-nf-call-{family}=0", gateway.namespace));
        }
        // Nothing of its own is ever sent: every packet that is counted was replayed.
        for family in ["all", "default"] {
            run(&format!("ip netns exec {} sysctl -qw net.ipv6.conf.{family}.disable_ipv6=1", gateway.namespace))?;
        }
        ip("link add bridge0 mtu 65535 type bridge forward_delay 0 mcast_snooping 0")?;
        for (inside, outside) in [("lan", "devices"), ("wan", "net")] {
            ip(&format!("link add {inside} mtu 65535 type veth peer name {outside} mtu 65535"))?;
            ip(&format!("link set {inside} master bridge0"))?;
            // A hub: a capture's stations do not stay on the side where they were first seen.
            ip(&format!("link set {inside} type bridge_slave learning off flood on"))?;
            ip(&format!("link set {inside} up"))?;
            ip(&format!("link set {outside} up"))?;
        }
        ip("link set bridge0 mtu 65535 up")?;
        Ok(gateway)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = run(&format!("ip netns del {}", self.namespace));
    }
}

/// A run that was killed could not take its namespaces away: those of processes that are no more go now.
fn remove_orphans() {
    let list = Command::new("ip").args(["netns", "list"]).output().map(|output| output.stdout).unwrap_or_default();
    for namespace in String::from_utf8_lossy(&list).split_whitespace().filter(|word| word.starts_with("rpl_")) {
        let process = namespace.rsplit('_').next().unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            let _ = run(&format!("ip netns del {namespace}"));
        }
    }
}

fn say(line: &str) {
    // Past the capture of the test harness: a skipped test must be seen.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Ethernet captures of the corpora with scored flows that can be sent as they were recorded, every so many of them.
fn choose(shared: &Path) -> Option<Vec<PathBuf>> {
    let truth = std::fs::read_to_string(shared.join("corpora/traffic/truth.csv")).ok()?;
    let scored: BTreeSet<&str> = truth.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
    let folder = std::fs::read_dir(shared.join("corpora/traffic/pcaps")).ok()?;
    let mut files: Vec<PathBuf> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files.retain(|file| {
        let scored = file.file_name().is_some_and(|name| scored.contains(&*name.to_string_lossy()));
        scored
            && file.metadata().is_ok_and(|metadata| metadata.len() < MOST_BYTES)
            && read(file).is_ok_and(|recorded| {
                recorded.frames.iter().map(|frame| frame.after).sum::<Duration>() < LONGEST_REPLAY
            })
    });
    Some(files.into_iter().step_by(EVERY).collect())
}

fn replay(file: &Path, index: usize) -> Result<Found, String> {
    let gateway = Gateway::new(index)?;
    let output = Command::new("ip")
        .args(["netns", "exec", &gateway.namespace])
        .arg(std::env::current_exe().map_err(|error| error.to_string())?)
        .args(["--exact", "worker::tests::part", "--nocapture", "--ignored"])
        .env(PART_FILE, file)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let found = said.lines().find_map(|line| line.strip_prefix("FOUND "));
    found
        .and_then(|json| serde_json::from_str(json).ok())
        .ok_or_else(|| format!("the replay failed: {said}\n{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn captures_over_an_interface_get_the_classes_of_their_files() {
    let shared = std::env::var_os("EQUALNET_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let Some(files) = choose(&shared) else {
        return say("SKIPPED: the replay of captures needs the shared corpora (set EQUALNET_SHARED)");
    };
    remove_orphans();
    if let Err(error) = Gateway::new(files.len()) {
        return say(&format!("SKIPPED: the replay of captures needs root and iproute2 ({})", error.trim()));
    }
    let (waiting, found) = (Mutex::new(files.iter().enumerate()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((index, file)) = waiting.lock().expect("nobody panics with it").next() else { return };
                    let outcome = replay(file, index);
                    found.lock().expect("nobody panics with it").insert(file, outcome);
                }
            });
        }
    });
    let (mut sent, mut counted, mut lost, mut flows, mut wrong, mut faults) = (0, 0, 0, 0, 0, Vec::new());
    for (file, outcome) in found.into_inner().expect("nobody panicked with it") {
        let file = file.file_name().unwrap_or_default().to_string_lossy();
        match outcome {
            Ok(found) => {
                sent += found.sent;
                counted += found.counted;
                lost += found.lost;
                flows += found.flows;
                wrong += found.differences.len();
                if (found.counted, found.lost) != (found.sent, 0) {
                    faults.push(format!(
                        "{file}: {} frames sent, {} counted, {} lost in the ring",
                        found.sent, found.counted, found.lost
                    ));
                }
                faults.extend(found.differences.iter().map(|difference| format!("{file}: {difference}")));
            }
            Err(error) => faults.push(format!("{file}: {error}")),
        }
    }
    println!(
        "MEASURED replay over veth: {} captures, {sent} frames sent, {counted} counted, {lost} lost in the ring",
        files.len()
    );
    println!("MEASURED replay over veth: {flows} flows compared, {} in the class of analyze", flows - wrong.min(flows));
    assert!(files.len() >= 20, "only {} captures can be replayed", files.len());
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
#[ignore = "played by the test above, inside a namespace"]
fn part() {
    let Some(file) = std::env::var_os(PART_FILE).map(PathBuf::from) else { return };
    let Recorded { frames, tunnels } = read(&file).expect("chosen because it can be sent");
    let settings =
        DatapathSettings { pin_dir: PathBuf::from("/sys/fs/bpf/equalnet"), max_flows: 8_192, ..Default::default() };
    let mut datapath = Datapath::load_or_adopt(&settings).unwrap();
    let source = EbpfSource::open(&mut datapath).unwrap();
    datapath.attach(&[Topology::Router { lan: name("lan"), wan: name("wan") }]).unwrap();
    let own_stations = capture::interfaces().unwrap().into_iter().filter_map(|interface| interface.mac).collect();
    let (inputs, told) = unbounded();
    let (stop, stopped) = bounded::<()>(0);
    let mut worker = Worker::new(
        Inlet::Ebpf(Box::new(source)),
        FlowLimits::default(),
        LinkId(0),
        own_stations,
        Clock::new(),
        inputs,
        tokio::sync::watch::channel(std::sync::Arc::default()).1,
    );
    let running = std::thread::spawn(move || {
        worker.run(&stopped, &crate::watchdog::Watchdog::new(|| ()).listen("worker", Duration::MAX)).unwrap();
        worker
    });

    let injector =
        |interface| Injector::open(datapath::sys::interface_index(&name(interface)).unwrap().unwrap()).unwrap();
    let (devices, net) = (injector("devices"), injector("net"));
    let mut results = Results::default();
    let mut due = Instant::now();
    for frame in &frames {
        due += frame.after;
        results.take(&told, due);
        match frame.direction {
            Direction::Upload => devices.send(&frame.bytes),
            Direction::Download => net.send(&frame.bytes),
        }
        .unwrap();
    }
    let sent = frames.len() as u64;
    // Two windows after the last frame: what the kernel has counted has reached the flows.
    let patience = Instant::now() + Duration::from_secs(10);
    let mut windows = 0;
    while windows < 2 && Instant::now() < patience {
        let before = results.windows;
        results.take(&told, Instant::now() + Duration::from_millis(50));
        windows += if results.counts.packets >= sent { results.windows - before } else { 0 };
    }
    drop(stop);
    let mut worker = running.join().unwrap();
    let mut flows = results.ended;
    flows.extend(worker.table.drain());

    let from_file = analyze::read(&file, None, &mut analyze::Totals::default(), &ProgressBar::hidden()).unwrap();
    let (of_file, of_kernel) = (classes(&from_file), classes(&flows));
    // Frames come here as fast as they go: what is told by its pace may be told otherwise.
    let by_pace: BTreeSet<_> = from_file
        .iter()
        .chain(&flows)
        .filter(|flow| flow.verdict.evidence.contains("it moves like"))
        .map(|flow| flow.key)
        .collect();
    let mut differences = Vec::new();
    for key in of_file.keys().chain(of_kernel.keys()).collect::<BTreeSet<_>>() {
        // The kernel counts a tunnel as one flow; a file's flows are those inside.
        if of_file.get(key) != of_kernel.get(key) && !tunnels.contains_key(key) && !by_pace.contains(key) {
            differences.push(format!(
                "{} {} > {}: {:?}, over the interface {:?}",
                key.protocol(),
                key.low(),
                key.high(),
                of_file.get(key),
                of_kernel.get(key)
            ));
        }
    }
    for (tunnel, (inside, _)) in &tunnels {
        let of_inside: BTreeSet<_> = inside.iter().filter_map(|key| of_file.get(key)).flatten().copied().collect();
        let steered = worker.tunnels.class(tunnel).unwrap_or(TrafficClass::Unclassified);
        let mixed = of_inside.len() > 1 && steered == TrafficClass::Unclassified;
        if !mixed && of_inside != BTreeSet::from([steered]) {
            differences.push(format!(
                "tunnel {} > {}: {of_inside:?}, steered as {steered}",
                tunnel.low(),
                tunnel.high()
            ));
        }
    }
    let found = Found {
        sent,
        counted: results.counts.packets,
        lost: results.counts.dropped_kernel,
        flows: of_file.len(),
        differences,
    };
    println!("\nFOUND {}", serde_json::to_string(&found).unwrap());
}

/// What the worker has told.
#[derive(Default)]
struct Results {
    ended: Vec<FlowSummary>,
    counts: CaptureCounts,
    windows: u32,
}

impl Results {
    fn take(&mut self, told: &Receiver<Input>, until: Instant) {
        while let Ok(input) = told.recv_deadline(until) {
            match input {
                Input::Flows { mut ended, .. } => self.ended.append(&mut ended),
                Input::Capture(counts) => {
                    self.counts = counts;
                    self.windows += 1;
                }
                _ => {}
            }
        }
    }
}

fn classes(flows: &[FlowSummary]) -> BTreeMap<FlowKey, BTreeSet<TrafficClass>> {
    let mut classes = BTreeMap::<_, BTreeSet<_>>::new();
    for flow in flows {
        classes.entry(flow.key).or_default().insert(flow.verdict.class);
    }
    classes
}

#[test]
fn the_quietest_devices_give_their_slots() {
    let device = |number| vocab::DeviceId::Mac(vocab::MacAddress([2, 0, 0, 0, 0, number]));
    let at = Timestamp::from_unix_secs;
    let held = [1, 2, 3, 4].map(device);
    let seen = [(device(1), at(5_000)), (device(2), at(2_000)), (device(4), at(3_000))].into();
    // Device 3 was not seen since the start; device 1 is there.
    assert_eq!(super::quietest(&held, &seen, at(1_000), at(5_000)), [3, 2, 4].map(device));
    assert!(super::quietest(&held, &seen, at(1_000), at(2_100)).is_empty());
}
