//! What a plan costs to put in force, in this machine's kernel, while packets pass. Needs root, `ip`, `chrt`:
//! `cargo bench -p shaper`, or with numbers of devices behind `--`.
//!
//! Two namespaces joined by wires, as in the tests. A thousand or two of datagrams a second pass and are counted at the other end, too
//! few to fill a queue, so that a loss is the change's: through the leaf for who has none while the tree is built, as
//! steering has it, and through those of the first device from then on.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use datapath::Slot;
use shaper::{Fixed, Shaper, ShaperSettings};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use vocab::{
    Allocation, BitRate, Bound, DeviceAllocation, DeviceId, Directed, Division, Framing, InterfaceName, Link, LinkId,
    MacAddress, Plan, PlanId, Tier, Timestamp, Topology, TrafficClass,
};

/// What this program is when it starts itself again.
const ROLE: &str = "SHAPER_BENCH_ROLE";
const SINK: &str = "10.79.1.2:5001";
/// What each device is doing: `Call` and `Web` are where the sender's packets are.
const CLASSES: [TrafficClass; 2] = [TrafficClass::Call, TrafficClass::Web];
/// Every slot there is.
const MOST: u16 = 4_094;
const CAPACITY: BitRate = BitRate::from_mbps(10_000);

fn main() {
    match std::env::var(ROLE).as_deref() {
        Ok("gateway") => return gateway(),
        Ok("sink") => return sink(),
        _ => {}
    }
    let user = Command::new("id").arg("-u").output().expect("id runs");
    if user.stdout != b"0\n" {
        eprintln!("SKIPPED: this bench makes network namespaces and needs root; nothing was measured");
        return;
    }
    let names = Namespaces::new();
    let status = again("gateway", &names.gateway).env("SHAPER_BENCH_SINK", &names.sink).status().unwrap();
    assert!(status.success(), "the part inside the namespaces failed");
}

/// Two namespaces, gone when dropped.
struct Namespaces {
    gateway: String,
    sink: String,
}

impl Namespaces {
    fn new() -> Namespaces {
        let id = std::process::id();
        let names = Namespaces { gateway: format!("shb_g{id}"), sink: format!("shb_s{id}") };
        let (gateway, sink) = (&names.gateway, &names.sink);
        for line in [
            format!("ip netns add {gateway}"),
            format!("ip netns add {sink}"),
            format!("ip link add lan netns {gateway} type veth peer name sink netns {sink}"),
            format!("ip link add wan netns {gateway} type veth peer name wan_peer netns {sink}"),
            format!("ip -n {gateway} addr add 10.79.1.1/24 dev lan"),
            format!("ip -n {sink} addr add 10.79.1.2/24 dev sink"),
            format!("ip -n {gateway} link set lan up"),
            format!("ip -n {gateway} link set wan up"),
            format!("ip -n {sink} link set sink up"),
            format!("ip -n {sink} link set wan_peer up"),
        ] {
            let mut words = line.split(' ');
            let output = Command::new(words.next().unwrap()).args(words).output().expect("ip runs");
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        }
        names
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for namespace in [&self.gateway, &self.sink] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
        }
    }
}

fn again(role: &str, namespace: &str) -> Command {
    let mut command = Command::new("chrt");
    command.args(["--rr", "1", "ip", "netns", "exec", namespace]);
    command.arg(std::env::current_exe().unwrap()).args(std::env::args().skip(1)).env(ROLE, role);
    command
}

/// Counts what arrives; says how much for each line it is asked with.
fn sink() {
    let socket = UdpSocket::bind(SINK).unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        while socket.recv(&mut [0; 64]).is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    println!("0");
    for _ in std::io::stdin().lock().lines() {
        println!("{}", count.load(Ordering::Relaxed));
    }
}

/// Who sends, and who counts.
struct Traffic {
    /// The first device has its leaves.
    placed: Arc<AtomicBool>,
    sink: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    stop: Arc<AtomicBool>,
    sender: JoinHandle<u64>,
}

impl Traffic {
    fn start() -> Traffic {
        let mut command = again("sink", &std::env::var("SHAPER_BENCH_SINK").unwrap());
        let mut sink = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (asks, answers) = (sink.stdin.take().unwrap(), BufReader::new(sink.stdout.take().unwrap()));
        let stop = Arc::new(AtomicBool::new(false));
        let placed = Arc::new(AtomicBool::new(false));
        let (stopped, is_placed) = (Arc::clone(&stop), Arc::clone(&placed));
        let mut traffic = Traffic { placed, sink, asks, answers, stop, sender: thread::spawn(|| 0) };
        assert_eq!(traffic.line(), 0);
        traffic.sender = thread::spawn(move || {
            let own = CLASSES.map(|class| Slot::MIN.class_minor(class));
            let [before @ .., call, web] = [datapath::DEFAULT_MINOR, own[0], own[1]].map(|minor| {
                let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
                socket.set_priority(u32::from(datapath::DOWNLOAD_MAJOR) << 16 | u32::from(minor)).unwrap();
                socket.connect(&SINK.parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
                UdpSocket::from(socket)
            });
            let (own, mut sent) = ([call, web], 0);
            while !stopped.load(Ordering::Relaxed) {
                let sockets = if is_placed.load(Ordering::Relaxed) { &own[..] } else { &before };
                sent += sockets.iter().filter(|socket| socket.send(&[0; 64]).is_ok()).count() as u64;
                thread::sleep(Duration::from_millis(1));
            }
            sent
        });
        traffic
    }

    fn line(&mut self) -> u64 {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }

    /// How many were sent, and how many of them were lost.
    fn stop(mut self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        let sent = std::mem::replace(&mut self.sender, thread::spawn(|| 0)).join().unwrap();
        thread::sleep(Duration::from_millis(300));
        self.asks.write_all(b"\n").unwrap();
        let lost = sent - self.line();
        let _ = self.sink.kill();
        let _ = self.sink.wait();
        (sent, lost)
    }
}

fn device(number: u16) -> DeviceId {
    let [high, low] = number.to_be_bytes();
    DeviceId::Mac(MacAddress([2, 0, 0, 0, high, low]))
}

/// A household of so many, each with a call and a page; `changed` of them, from the second on, have other floors.
fn plan(devices: u16, changed: u16, step: u64) -> Plan {
    let division = Division {
        capacity: CAPACITY,
        devices: (1..=devices)
            .map(|number| {
                let moved = if number > 1 && number <= changed + 1 { step * 16 } else { 0 };
                let floor = BitRate::from_kbps(500 + moved);
                let aggregates = CLASSES.map(|class| Allocation {
                    class,
                    tier: if class.is_protected() { Tier::PROTECTED } else { Tier::new(3).unwrap() },
                    demand: floor,
                    rate: floor,
                    floor,
                    guaranteed: floor,
                    ceiling: CAPACITY,
                    bound: Bound::Demand,
                });
                let of_both = BitRate::from_kbps(2 * floor.as_kbps());
                DeviceAllocation {
                    device: device(number),
                    demand: of_both,
                    rate: of_both,
                    floor: of_both,
                    guaranteed: of_both,
                    guarantee: of_both,
                    ceiling: BitRate::MAX,
                    headroom: BitRate::ZERO,
                    aggregates: aggregates.into(),
                }
            })
            .collect(),
        ..Division::default()
    };
    let directions = Directed { download: division.clone(), upload: division };
    Plan { id: PlanId(1), link: LinkId(7), at: Timestamp::default(), directions }
}

fn gateway() {
    let asked: Vec<u16> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    for devices in if asked.is_empty() { vec![50, 1_000, MOST] } else { asked } {
        measure(devices.clamp(3, MOST));
    }
}

fn measure(devices: u16) {
    let state = tempfile::tempdir().unwrap();
    let slots: BTreeMap<_, _> = (1..=MOST).map(|number| (device(number), Slot::new(number).unwrap())).collect();
    let name = |name: &str| InterfaceName::new(name).unwrap();
    let link = Link {
        id: LinkId(7),
        name: "provider".to_owned(),
        topology: Topology::Router { lan: name("lan"), wan: name("wan") },
        line_rate: Directed { download: CAPACITY, upload: CAPACITY },
        margin_permille: 0,
        framing: Framing::default(),
        sought: vocab::Directed::default(),
    };
    let settings = ShaperSettings { state_dir: state.path().to_owned(), adopt: false };
    let open = || Shaper::open(settings.clone(), &link, Fixed { slots: slots.clone() }).unwrap();
    let mut shaper = open();
    let traffic = Traffic::start();
    thread::sleep(Duration::from_millis(200));
    println!("{devices} devices, {} leaves a way, {} in them:", usize::from(devices) * 2, shaper.leaf().name());

    let begun = Instant::now();
    let changes = shaper.apply(&plan(devices, 0, 0)).unwrap().changes;
    println!("  from empty                    {:>9.1?}  {changes} steps", begun.elapsed());
    traffic.placed.store(true, Ordering::Relaxed);

    let mut step = 0;
    let mut of = |shaper: &mut Shaper<Fixed>, what: &str, changed: u16, times: usize| {
        let mut took = Vec::new();
        let mut changes = 0;
        for _ in 0..times {
            step += 1;
            let next = plan(devices, changed, step);
            let begun = Instant::now();
            changes = shaper.apply(&next).unwrap().changes;
            took.push(begun.elapsed());
        }
        took.sort_unstable();
        println!("  {what:<28}  {:>9.1?}  slowest {:.1?}; {changes} steps", took[times / 2], took[times - 1]);
    };
    of(&mut shaper, "one device's floors", 1, 31);
    if devices > 170 {
        // A device is a class and two leaves, both ways.
        of(&mut shaper, "1,000 classes", 167, 15);
    }
    of(&mut shaper, "nothing", 0, 31);
    let begun = Instant::now();
    let read = shaper.read(Timestamp::default()).unwrap().len();
    println!("  reading {read} queues {:>23.1?}", begun.elapsed());
    drop(shaper);
    let begun = Instant::now();
    let mut shaper = open();
    let adopted = begun.elapsed();
    let changes = shaper.apply(&plan(devices, 0, step)).unwrap().changes;
    println!("  adopting what stands          {adopted:>9.1?}  then {changes} steps");
    let (sent, lost) = traffic.stop();
    println!("  lost meanwhile                {lost} of {sent} datagrams");
    drop(shaper);
    shaper::clear(state.path()).unwrap();
}
