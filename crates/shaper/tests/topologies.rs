//! Topologies with real packets: devices behind a gateway, a server beyond it, in network namespaces of their own, with
//! the eBPF programs and the queues of a plan. Needs root, `ip`, `chrt`, `ping`; without root it proves nothing and says so.
//!
//! A test runs this program again inside the namespaces, where it plays one of the parts below.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use datapath::{ClassMap, Datapath, DatapathSettings, Steering};
use shaper::{Shaper, ShaperError, ShaperSettings, clear};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use vocab::{
    Allocation, BitRate, Bound, DeviceAllocation, DeviceId, Directed, Direction, Division, Framing, InterfaceName,
    Link, LinkId, MacAddress, Plan, PlanId, Tier, Timestamp, Topology, TrafficClass,
};

const PART: &str = "TOPOLOGY_PART";
/// How a part ends in which a measured rate was not as it must be.
const OFF: i32 = 75;
static IS_OFF: AtomicBool = AtomicBool::new(false);
const ID: &str = "TOPOLOGY_ID";
const A: MacAddress = MacAddress([2, 0, 0, 0, 9, 1]);
const B: MacAddress = MacAddress([2, 0, 0, 0, 9, 2]);
const PAYLOAD: usize = 1_400;
/// With the headers of UDP, IPv4 and Ethernet.
const ON_LAYER_2: u64 = 1_442;
/// Ports of the sinks: what the server sends, what the other device sends, what the gateway sends.
const FROM_SERVER: u16 = 5_001;
const FROM_DEVICE: u16 = 5_002;
const FROM_GATEWAY: u16 = 5_003;
const PORTS: [u16; 3] = [FROM_SERVER, FROM_DEVICE, FROM_GATEWAY];

fn name(text: &str) -> InterfaceName {
    InterfaceName::new(text).unwrap()
}

fn shell(line: &str) -> String {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output().expect("the tool runs");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Gateway, devices `a` and `b`, server; removed when dropped.
struct World {
    id: String,
}

impl World {
    fn namespace(&self, which: char) -> String {
        format!("top_{which}{}", self.id)
    }

    fn play(&self, which: char, part: &str) -> Command {
        // Senders must not starve on a busy machine: an empty queue has no weight.
        let mut command = Command::new("chrt");
        command.args(["--rr", "1", "ip", "netns", "exec", &self.namespace(which)]);
        command.arg(std::env::current_exe().unwrap()).args(["--exact", "part", "--nocapture", "--ignored"]);
        command.env(PART, part).env(ID, &self.id);
        command
    }

    /// Wires `a` and `b` to ports `lan0` and `lan1` of the gateway, the server to `wan0`; `lines` say the rest, with
    /// `{g}`, `{a}`, `{b}`, `{s}` for the namespaces.
    fn new(test: &str, lines: &[&str]) -> Option<World> {
        let world = World { id: format!("{test}{}", std::process::id()) };
        let can = Command::new("ip").args(["netns", "add", &world.namespace('g')]).output();
        if !can.is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: network namespaces need root and iproute2");
            return None;
        }
        let wires = [
            "ip netns add {a}",
            "ip netns add {b}",
            "ip netns add {s}",
            "ip -n {a} link add eth0 address 02:00:00:00:09:01 type veth peer name lan0 netns {g}",
            "ip -n {b} link add eth0 address 02:00:00:00:09:02 type veth peer name lan1 netns {g}",
            "ip -n {s} link add eth0 address 02:00:00:00:09:03 type veth peer name wan0 netns {g}",
            "ip -n {a} link set eth0 up",
            "ip -n {b} link set eth0 up",
            "ip -n {s} link set eth0 up",
            "ip -n {g} link set lo up",
            "ip -n {g} link set lan0 up",
            "ip -n {g} link set lan1 up",
            "ip -n {g} link set wan0 up",
        ];
        for line in wires.iter().chain(lines) {
            let named = ['g', 'a', 'b', 's']
                .into_iter()
                .fold((*line).to_owned(), |line, which| line.replace(&format!("{{{which}}}"), &world.namespace(which)));
            shell(&named);
        }
        Some(world)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for which in ['g', 'a', 'b', 's'] {
            let _ = Command::new("ip").args(["netns", "del", &self.namespace(which)]).output();
        }
    }
}

/// Devices and server in networks of their own, the gateway between them.
const ROUTED: [&str; 10] = [
    "ip -n {g} addr add 10.79.1.1/24 dev lan0",
    "ip -n {g} addr add 10.79.2.1/24 dev lan1",
    "ip -n {g} addr add 10.79.9.1/24 dev wan0",
    "ip -n {a} addr add 10.79.1.2/24 dev eth0",
    "ip -n {b} addr add 10.79.2.2/24 dev eth0",
    "ip -n {s} addr add 10.79.9.2/24 dev eth0",
    "ip -n {a} route add default via 10.79.1.1",
    "ip -n {b} route add default via 10.79.2.1",
    "ip -n {s} route add default via 10.79.9.1",
    "ip netns exec {g} sysctl -qw net.ipv4.ip_forward=1",
];
/// All in one network, the gateway a bridge.
const BRIDGED: [&str; 8] = [
    "ip -n {g} link add br0 type bridge",
    "ip -n {g} link set br0 up",
    "ip -n {g} link set lan0 master br0",
    "ip -n {g} link set lan1 master br0",
    "ip -n {g} link set wan0 master br0",
    "ip -n {a} addr add 10.79.1.2/16 dev eth0",
    "ip -n {b} addr add 10.79.2.2/16 dev eth0",
    "ip -n {s} addr add 10.79.9.2/16 dev eth0",
];

fn check(test: &str, lines: &[&str], part: &str) {
    // Three times if need be: senders that starve on a busy machine leave their queue empty, which no queue discipline can
    // mend, while what is wrong is wrong every time.
    for attempt in 1.. {
        let Some(world) = World::new(test, lines) else { return };
        let status = world.play('g', part).status().unwrap();
        let is_off = status.code() == Some(OFF);
        assert!(status.success() || is_off && attempt < 3, "{part} failed inside the namespaces");
        if status.success() {
            return;
        }
        eprintln!("{part}: a rate is off; once more");
    }
}

#[test]
fn several_lans_share_one_capacity() {
    check("sh", &ROUTED, "shared");
}

#[test]
fn ports_of_a_bridge_share_one_capacity() {
    check("br", &[&BRIDGED[..], &["ip -n {g} addr add 10.79.8.1/16 dev br0"]].concat(), "bridge");
}

#[test]
fn one_lan_has_its_queues_itself() {
    check("on", &ROUTED, "one");
}

#[test]
fn one_interface_is_shaped_both_ways() {
    check("ho", &ROUTED, "host");
}

#[test]
fn interfaces_come_and_go() {
    check("cg", &ROUTED, "comes");
}

#[test]
fn another_topology_leaves_nothing_of_the_last() {
    check("ch", &ROUTED, "changes");
}

/// The gateway with a tun device, whose other end is a process.
const TUN: [&str; 3] = [
    "ip -n {g} tuntap add dev tun0 mode tun",
    "ip -n {g} addr add 10.79.5.1/24 dev tun0",
    "ip -n {g} link set tun0 up",
];

#[test]
fn peers_of_a_tunnel_are_devices() {
    check("tu", &[&ROUTED[..], &TUN].concat(), "tunnel");
}

#[test]
fn a_line_without_frames_is_shaped() {
    check("li", &[&ROUTED[..], &TUN].concat(), "line");
}

/// Whether this kernel has interfaces of this kind: asked in a namespace that goes again.
fn has(kind: &str, arguments: &str) -> bool {
    let Some(world) = World::new("kd", &[]) else { return false };
    let line = format!("-n {} link add link lan0 name kind0 type {kind} {arguments}", world.namespace('g'));
    let made = Command::new("ip").args(line.split_whitespace()).output();
    let has = made.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("SKIPPED: no interfaces of kind {kind}");
    }
    has
}

#[test]
fn frames_of_a_vlan_count_once() {
    if !has("vlan", "id 20") {
        return;
    }
    let lines = [
        "ip -n {g} link add link lan1 name lan1.20 type vlan id 20",
        "ip -n {g} addr add 10.79.3.1/24 dev lan1.20",
        "ip -n {g} link set lan1.20 up",
        "ip -n {b} link add link eth0 name eth0.20 type vlan id 20",
        "ip -n {b} addr add 10.79.3.2/24 dev eth0.20",
        "ip -n {b} link set eth0.20 up",
    ];
    check("vl", &[&ROUTED[..], &lines].concat(), "vlan");
}

/// Device and line on one cable, `{b}` is the switch: the line in a VLAN of its own, the device as `lines` say.
const STICK: [&str; 15] = [
    "ip -n {g} link set lan0 netns {b}",
    "ip -n {g} link set wan0 netns {b}",
    "ip -n {b} link add link eth0 name eth0.7 type vlan id 7",
    "ip -n {b} link add inner type bridge",
    "ip -n {b} link add outer type bridge",
    "ip -n {b} link set lan0 master inner up",
    "ip -n {b} link set wan0 master outer up",
    "ip -n {b} link set eth0.7 master outer up",
    "ip -n {b} link set inner up",
    "ip -n {b} link set outer up",
    "ip -n {g} link add link lan1 name lan1.7 type vlan id 7",
    "ip -n {g} addr add 10.79.9.1/24 dev lan1.7",
    "ip -n {g} link set lan1.7 up",
    "ip -n {a} addr add 10.79.1.2/24 dev eth0",
    "ip -n {s} addr add 10.79.9.2/24 dev eth0",
];
const STICK_ROUTES: [&str; 3] = [
    "ip -n {a} route add default via 10.79.1.1",
    "ip -n {s} route add default via 10.79.9.1",
    "ip netns exec {g} sysctl -qw net.ipv4.ip_forward=1",
];

#[test]
fn a_router_on_a_stick_is_shaped() {
    if !has("vlan", "id 20") {
        return;
    }
    let lines = [
        "ip -n {b} link add link eth0 name eth0.20 type vlan id 20",
        "ip -n {b} link set eth0.20 master inner up",
        "ip -n {g} link add link lan1 name lan1.20 type vlan id 20",
        "ip -n {g} addr add 10.79.1.1/24 dev lan1.20",
        "ip -n {g} link set lan1.20 up",
    ];
    check("st", &[&STICK[..], &lines, &STICK_ROUTES].concat(), "stick");
}

#[test]
fn a_line_tagged_on_the_lan_is_not_the_lan() {
    if !has("vlan", "id 20") {
        return;
    }
    let lines = ["ip -n {b} link set eth0 master inner", "ip -n {g} addr add 10.79.1.1/24 dev lan1"];
    check("tl", &[&STICK[..], &lines, &STICK_ROUTES].concat(), "tagged line");
}

#[test]
fn peers_of_wireguard_are_devices() {
    let is_there = Command::new("wg").arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_there || !has("wireguard", "") {
        return;
    }
    check("wg", &ROUTED, "wireguard");
}

#[test]
#[ignore = "played by the tests above, inside a namespace"]
fn part() {
    let played = std::panic::catch_unwind(play);
    if IS_OFF.load(Ordering::Relaxed) {
        std::process::exit(OFF);
    }
    played.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn play() {
    match std::env::var(PART).unwrap_or_default().as_str() {
        "shared" => several(&Topology::Shared { lans: vec![name("lan0"), name("lan1")], wan: name("wan0") }),
        "bridge" => several(&Topology::Shared { lans: vec![name("lan0"), name("lan1")], wan: name("wan0") }),
        "one" => one(),
        "host" => host(),
        "comes" => comes(),
        "changes" => changes(),
        "tunnel" => tunnel(),
        "vlan" => vlan(),
        "stick" => stick("lan1.20"),
        "tagged line" => stick("lan1"),
        "wireguard" => wireguard(),
        "line" => line_without_frames(),
        "sink" => sink(),
        "flood" => flood(),
        _ => {}
    }
}

/// Counts the datagrams that arrive at each port; one line of totals for each line it is asked with.
fn sink() {
    let counts: Vec<Arc<AtomicU64>> = PORTS.iter().map(|_| Arc::default()).collect();
    for (port, count) in PORTS.into_iter().zip(&counts) {
        let socket = UdpSocket::bind(("0.0.0.0", port)).unwrap();
        let count = Arc::clone(count);
        thread::spawn(move || {
            let mut buffer = [0; 2_048];
            while socket.recv(&mut buffer).is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    println!("\nready");
    for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
        let totals: Vec<String> = counts.iter().map(|count| count.load(Ordering::Relaxed).to_string()).collect();
        println!("counts {}", totals.join(" "));
    }
}

struct Sink {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Sink {
    fn start(world: &World, which: char) -> Sink {
        Sink::of(world.play(which, "sink"))
    }

    /// The other end of `tun0`, in our own namespace: its counts are those of addresses that end in 2, 3 and 9.
    fn behind_tun() -> Option<Sink> {
        let is_there = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
        if !is_there {
            eprintln!("SKIPPED: the other end of a tun device is written in Python, which is not here");
            return None;
        }
        let mut command = Command::new("chrt");
        command.args(["--rr", "1", "python3", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tun.py"), "tun0"]);
        Some(Sink::of(command))
    }

    fn flood(&mut self, source: &str, destination: &str, port: u16, mbps: u64) {
        let line = format!("flood {source} {destination} {port} {mbps}\n");
        self.child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    }

    fn of(mut command: Command) -> Sink {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut sink = Sink { answers: BufReader::new(child.stdout.take().unwrap()), child };
        sink.line("ready");
        sink
    }

    fn line(&mut self, starts: &str) -> String {
        let mut line = String::new();
        while !line.starts_with(starts) {
            line.clear();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the sink ended");
        }
        line
    }

    fn counts(&mut self) -> [u64; 3] {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let line = self.line("counts ");
        let mut words = line.split_whitespace().skip(1).map(|word| word.parse().unwrap());
        [(); 3].map(|()| words.next().unwrap())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends to an address at a rate in Mbit/s until its input ends.
fn flood() {
    let argument = |key| std::env::var(key).unwrap();
    let rate = BitRate::from_mbps(argument("TOPOLOGY_MBPS").parse().unwrap());
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect(argument("TOPOLOGY_TO")).unwrap();
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let (start, mut sent) = (Instant::now(), 0);
    let burst = (rate.as_bps() / 800 / ON_LAYER_2).max(1);
    loop {
        let due = rate.over(start.elapsed()).0 / ON_LAYER_2;
        // After a pause of this busy machine it goes on at its rate, it does not catch up in a burst.
        sent = sent.max(due.saturating_sub(burst));
        while sent < due {
            let _ = socket.send(&[0; PAYLOAD]);
            sent += 1;
        }
        thread::sleep(Duration::from_micros(500));
    }
}

/// Ends with it.
struct Flood(Child);

impl Flood {
    fn start(world: &World, from: char, to: &str, port: u16, mbps: u64) -> Flood {
        let mut command = world.play(from, "flood");
        command.env("TOPOLOGY_TO", format!("{to}:{port}")).env("TOPOLOGY_MBPS", mbps.to_string());
        Flood(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Equal parts of both capacities for each device, all of it for who is alone.
fn plan(devices: &[DeviceId], capacity: Directed<BitRate>, ceiling: BitRate) -> Plan {
    let division = |capacity: BitRate| {
        let part = capacity.mul_ratio(1, devices.len() as u64);
        let tier = Tier::new(3).unwrap();
        let mut devices: Vec<DeviceAllocation> = devices
            .iter()
            .map(|device| DeviceAllocation {
                device: *device,
                demand: capacity,
                rate: part,
                floor: BitRate::from_kbps(500),
                guaranteed: BitRate::from_kbps(500),
                guarantee: BitRate::from_kbps(500),
                ceiling,
                headroom: BitRate::ZERO,
                aggregates: vec![Allocation {
                    class: TrafficClass::Unclassified,
                    tier,
                    demand: capacity,
                    rate: part,
                    floor: BitRate::from_kbps(500),
                    guaranteed: BitRate::from_kbps(500),
                    ceiling,
                    bound: Bound::Share { tier, level: BitRate::ZERO },
                }],
            })
            .collect();
        devices.sort_by_key(|device| device.device);
        Division { capacity, devices, ..Division::default() }
    };
    Plan { id: PlanId(1), link: LinkId(7), at: Timestamp::default(), directions: capacity.map(division) }
}

/// What the daemon has: programs and queues on the interfaces of one link.
struct Gateway {
    world: World,
    dir: PathBuf,
    datapath: Datapath,
    classes: ClassMap,
    shaper: Shaper<Steering>,
}

const CAPACITY: Directed<BitRate> = Directed { download: BitRate::from_mbps(20), upload: BitRate::from_mbps(10) };

impl Gateway {
    fn new(topology: &Topology, devices: &[DeviceId]) -> Gateway {
        let world = World { id: std::env::var(ID).unwrap() };
        let dir = std::env::temp_dir().join(format!("topology-{}", world.id));
        // `ip netns exec` gives us mounts of our own, which end with us.
        let mount = dir.join("bpf");
        std::fs::create_dir_all(&mount).unwrap();
        shell(&format!("mount -t bpf bpf {}", mount.display()));
        Gateway::open(world, dir, topology, devices)
    }

    fn open(world: World, dir: PathBuf, topology: &Topology, devices: &[DeviceId]) -> Gateway {
        let pin_dir = dir.join("bpf/equalnet");
        let settings = DatapathSettings { pin_dir, max_flows: 4_096, ..Default::default() };
        let mut datapath = Datapath::load_or_adopt(&settings).unwrap();
        datapath.attach(std::slice::from_ref(topology)).unwrap();
        let mut classes = datapath.classes().unwrap();
        for device in devices {
            classes.assign(*device).unwrap();
        }
        let link = Link {
            id: LinkId(7),
            name: "home".to_owned(),
            topology: topology.clone(),
            line_rate: CAPACITY,
            margin_permille: 0,
            framing: Framing::default(),
            sought: vocab::Directed::default(),
        };
        let settings = ShaperSettings { state_dir: dir.clone(), adopt: false };
        let shaper = Shaper::open(settings, &link, datapath.steering()).unwrap();
        Gateway { world, dir, datapath, classes, shaper }
    }

    /// The daemon starts again, with another topology.
    fn again(self, topology: &Topology, devices: &[DeviceId]) -> Gateway {
        let Gateway { world, dir, datapath, classes, shaper } = self;
        drop((shaper, classes, datapath));
        Gateway::open(world, dir, topology, devices)
    }

    /// What was counted of a device, bytes.
    fn counted(&self, device: DeviceId, direction: Direction) -> u64 {
        let slot = self.classes.slot_of(device);
        let mut bytes = 0;
        let counts = |count: datapath::ClassCount| {
            if count.slot == slot && count.direction == direction {
                bytes += count.total.bytes.0;
            }
        };
        self.classes.read_counters(counts).unwrap();
        bytes
    }

    fn clear(self) {
        drop(self.shaper);
        Datapath::clear(&self.dir.join("bpf/equalnet")).unwrap();
        clear(&self.dir).unwrap();
        shell(&format!("umount {}", self.dir.join("bpf").display()));
        std::fs::remove_dir_all(&self.dir).unwrap();
        // World is made and removed by who started us.
        std::mem::forget(self.world);
    }
}

/// Mbit/s on layer 2 that arrive at each port of each sink, over four seconds, after one to settle.
fn rates<const N: usize>(sinks: &mut [Sink; N]) -> [[f64; 3]; N] {
    thread::sleep(Duration::from_secs(1));
    let begin = Instant::now();
    let before = sinks.each_mut().map(Sink::counts);
    thread::sleep(Duration::from_secs(4));
    let seconds = begin.elapsed().as_secs_f64();
    let after = sinks.each_mut().map(Sink::counts);
    let mut rates = [[0.0; 3]; N];
    for (of, (before, after)) in rates.iter_mut().zip(before.iter().zip(&after)) {
        for (rate, (before, after)) in of.iter_mut().zip(before.iter().zip(after)) {
            *rate = (after - before) as f64 * ON_LAYER_2 as f64 * 8.0 / seconds / 1e6;
        }
    }
    rates
}

#[track_caller]
fn near(what: &str, is: f64, expected: f64, within: f64) {
    eprintln!("{what}: {is:.2}, expected {expected:.2}");
    IS_OFF.store((is - expected).abs() > within, Ordering::Relaxed);
    assert!((is - expected).abs() <= within, "{what}: {is:.2}, expected {expected:.2} within {within:.2}");
}

/// The mean round trip to `address`, ms.
fn round_trip(address: &str) -> f64 {
    let said = shell(&format!("ping -q -c 20 -i 0.05 {address}"));
    let line = said.lines().find(|line| line.contains("min/avg/max")).expect("ping's last line");
    line.split(['=', '/']).nth(5).and_then(|mean| mean.trim().parse().ok()).unwrap_or_else(|| panic!("{said}"))
}

/// Two LANs: both downloads share the capacity, both uploads theirs; between the LANs, and between the gateway and a
/// LAN, nothing waits and nothing is counted.
fn several(topology: &Topology) {
    let (a, b) = (DeviceId::Mac(A), DeviceId::Mac(B));
    let mut gateway = Gateway::new(topology, &[a, b]);
    let applied = gateway.shaper.apply(&plan(&[a, b], CAPACITY, BitRate::MAX)).unwrap();
    assert_eq!(applied.skipped, []);
    assert!(shell("tc qdisc show dev enifb7").contains("htb e001:"));
    assert!(shell("tc qdisc show dev wan0").contains("htb e002:"));
    assert!(!shell("tc qdisc show dev lan0").contains("htb"), "no queue of ours stands in the way of what is local");

    let world = World { id: gateway.world.id.clone() };
    let mut sinks = ['a', 'b', 's'].map(|which| Sink::start(&world, which));
    let downloads = [
        Flood::start(&world, 's', "10.79.1.2", FROM_SERVER, 30),
        Flood::start(&world, 's', "10.79.2.2", FROM_SERVER, 30),
    ];
    let [of_a, of_b, _] = rates(&mut sinks);
    near("download of a", of_a[0], 10.0, 0.4);
    near("download of b", of_b[0], 10.0, 0.4);
    near("both", of_a[0] + of_b[0], 20.0, 0.3);

    let (begin, counted) = (Instant::now(), gateway.counted(b, Direction::Download));
    let uploaded = gateway.counted(a, Direction::Upload);
    let inside = [
        Flood::start(&world, 'a', "10.79.2.2", FROM_DEVICE, 80),
        Flood::start(&world, 'g', "10.79.1.2", FROM_GATEWAY, 50),
    ];
    let [of_a, of_b, _] = rates(&mut sinks);
    near("from a to b", of_b[1], 80.0, 4.0);
    near("from the gateway to a", of_a[2], 50.0, 2.5);
    near("download of a meanwhile", of_a[0], 10.0, 0.5);
    near("download of b meanwhile", of_b[0], 10.0, 0.5);
    let round_trip = round_trip("10.79.1.2");
    eprintln!("round trip between the gateway and a: {round_trip:.2} ms");
    assert!(round_trip < 5.0, "the gateway's own packets wait behind the link");
    let mbit = (gateway.counted(b, Direction::Download) - counted) as f64 * 8.0 / begin.elapsed().as_secs_f64() / 1e6;
    near("counted as download of b", mbit, 30.0, 2.0);
    let mbit = (gateway.counted(a, Direction::Upload) - uploaded) as f64 * 8.0 / begin.elapsed().as_secs_f64() / 1e6;
    near("counted as upload of a", mbit, 0.0, 0.1);
    drop((downloads, inside));

    let _uploads = [
        Flood::start(&world, 'a', "10.79.9.2", FROM_SERVER, 20),
        Flood::start(&world, 'b', "10.79.9.2", FROM_DEVICE, 20),
    ];
    let [_, _, of_s] = rates(&mut sinks);
    near("upload of a", of_s[0], 5.0, 0.3);
    near("upload of b", of_s[1], 5.0, 0.3);
    assert_eq!(gateway.shaper.check().unwrap(), None, "nobody touched anything");

    // Somebody takes the filter, then the IFB away.
    shell("tc filter del dev lan1 egress");
    let told = gateway.shaper.check().unwrap().expect("it is noticed");
    assert_eq!((told.interface, told.what.as_str()), (name("lan1"), "downloads do not wait in the queues"));
    // Where programs are filters too, they went with it.
    if !gateway.datapath.stands().unwrap() {
        gateway.datapath.attach(std::slice::from_ref(topology)).unwrap();
    }
    assert!(gateway.datapath.stands().unwrap());
    gateway.shaper.apply(&plan(&[a, b], CAPACITY, BitRate::MAX)).unwrap();
    // What is sent to an IFB that is down is lost.
    shell("ip link set enifb7 down");
    let told = gateway.shaper.check().unwrap().expect("it is noticed");
    assert_eq!((told.interface, told.what.as_str()), (name("enifb7"), "the interface was set down"));
    assert!(shell("ip -o link show enifb7").contains(",UP"), "and up again");
    assert_eq!(gateway.shaper.check().unwrap(), None);
    shell("ip link set enifb7 down");
    gateway = gateway.again(topology, &[a, b]);
    assert!(shell("ip -o link show enifb7").contains(",UP"), "who starts sets it up");
    gateway.shaper.apply(&plan(&[a, b], CAPACITY, BitRate::MAX)).unwrap();
    shell("ip link del enifb7");
    assert_eq!(gateway.shaper.check().unwrap().expect("it is noticed").what, "the interface is gone");
    gateway.shaper.apply(&plan(&[a, b], CAPACITY, BitRate::MAX)).unwrap();
    let _downloads = [
        Flood::start(&world, 's', "10.79.1.2", FROM_SERVER, 30),
        Flood::start(&world, 's', "10.79.2.2", FROM_SERVER, 30),
    ];
    let [of_a, of_b, _] = rates(&mut sinks);
    near("both, after the repair", of_a[0] + of_b[0], 20.0, 0.3);
    // The queues stand while it is down.
    shell("ip link set enifb7 down");
    gateway.shaper.check().unwrap().expect("it is noticed");
    let [of_a, of_b, _] = rates(&mut sinks);
    near("both, set up again", of_a[0] + of_b[0], 20.0, 0.3);
    gateway.clear();
    assert!(!shell("ip -o link").contains("enifb7"));
    assert_eq!(shell("tc filter show dev lan0 egress"), "");
    let [of_a, of_b, _] = rates(&mut sinks);
    near("both, unshaped", of_a[0] + of_b[0], 60.0, 3.0);
    std::mem::forget(world);
}

/// IP packets without a frame have 14 bytes less than what `rates` takes them for.
const WITHOUT_FRAME: f64 = 1_428.0 / ON_LAYER_2 as f64;

/// A LAN whose packets have no frame, as of WireGuard: its peers are devices by their addresses, with ceilings of their
/// own.
fn tunnel() {
    let (a, peer, other): (_, DeviceId, DeviceId) =
        (DeviceId::Mac(A), "10.79.5.2".parse().unwrap(), "10.79.5.3".parse().unwrap());
    let Some(behind) = Sink::behind_tun() else { return };
    let topology = Topology::Shared { lans: vec![name("lan0"), name("tun0")], wan: name("wan0") };
    let mut gateway = Gateway::new(&topology, &[a, peer, other]);
    gateway.shaper.apply(&plan(&[a, peer], CAPACITY, BitRate::MAX)).unwrap();
    let world = World { id: gateway.world.id.clone() };
    let mut sinks = [behind, Sink::start(&world, 'a'), Sink::start(&world, 's')];
    let downloads = [
        Flood::start(&world, 's', "10.79.5.2", FROM_SERVER, 30),
        Flood::start(&world, 's', "10.79.1.2", FROM_SERVER, 30),
    ];
    let [of_peer, of_a, _] = rates(&mut sinks);
    // Their packets are shorter by the header, and turns are counted in bytes.
    near("download of the peer", of_peer[0] * WITHOUT_FRAME, 10.0, 0.4);
    near("download of a", of_a[0], 10.0, 0.4);
    gateway.shaper.apply(&plan(&[a, peer], CAPACITY, BitRate::from_mbps(4))).unwrap();
    let [of_peer, of_a, _] = rates(&mut sinks);
    near("download of the peer under its ceiling", of_peer[0] * WITHOUT_FRAME, 4.0, 0.2);
    near("download of a under its ceiling", of_a[0], 4.0, 0.2);
    drop(downloads);
    gateway.shaper.apply(&plan(&[peer, other], CAPACITY, BitRate::MAX)).unwrap();
    sinks[0].flood("10.79.5.2", "10.79.9.2", FROM_SERVER, 20);
    sinks[0].flood("10.79.5.3", "10.79.9.2", FROM_DEVICE, 20);
    let [.., of_s] = rates(&mut sinks);
    near("upload of the peer", of_s[0], 5.0, 0.3);
    near("upload of the other", of_s[1], 5.0, 0.3);
    assert!(gateway.counted(peer, Direction::Upload) > 0);
    gateway.clear();
    std::mem::forget(world);
}

/// A VLAN and the interface it rides on, both LANs: what passes both is counted on one.
fn vlan() {
    let (a, b) = (DeviceId::Mac(A), DeviceId::Mac(B));
    let topology = Topology::Shared { lans: vec![name("lan0"), name("lan1"), name("lan1.20")], wan: name("wan0") };
    let mut gateway = Gateway::new(&topology, &[a, b]);
    gateway.shaper.apply(&plan(&[a, b], CAPACITY, BitRate::MAX)).unwrap();
    let world = World { id: gateway.world.id.clone() };
    let mut sinks = ['a', 'b'].map(|which| Sink::start(&world, which));
    let _floods = [
        Flood::start(&world, 's', "10.79.1.2", FROM_SERVER, 20),
        Flood::start(&world, 's', "10.79.2.2", FROM_SERVER, 10),
        Flood::start(&world, 's', "10.79.3.2", FROM_DEVICE, 10),
        Flood::start(&world, 'b', "10.79.9.2", FROM_SERVER, 2),
    ];
    // By the VLAN.
    let _tagged = Flood::start(&world, 'b', "10.79.1.2", FROM_GATEWAY, 5);
    let (begin, before) = (Instant::now(), Direction::ALL.map(|direction| gateway.counted(b, direction)));
    let [of_a, of_b] = rates(&mut sinks);
    let seconds = begin.elapsed().as_secs_f64();
    let after = Direction::ALL.map(|direction| gateway.counted(b, direction));
    let mbit = |way: usize| (after[way] - before[way]) as f64 * 8.0 / seconds / 1e6;
    near("download of a", of_a[0], 10.0, 0.4);
    near("download of b, both networks", of_b[0] + of_b[1], 10.0, 0.4);
    near("from b to a, local", of_a[2], 5.0, 0.3);
    near("counted as download of b", mbit(0), 20.0, 1.5);
    near("counted as upload of b", mbit(1), 2.0, 0.3);
    gateway.clear();
    std::mem::forget(world);
}

/// One cable carries the LAN and the line: what passes it as a frame of the line is none of the devices'.
fn stick(lan: &str) {
    let a = DeviceId::Mac(A);
    let mut gateway = Gateway::new(&Topology::Router { lan: name(lan), wan: name("lan1.7") }, &[a]);
    gateway.shaper.apply(&plan(&[a], CAPACITY, BitRate::MAX)).unwrap();
    let world = World { id: gateway.world.id.clone() };
    let mut sinks = ['a', 's'].map(|which| Sink::start(&world, which));
    let _floods = [
        Flood::start(&world, 's', "10.79.1.2", FROM_SERVER, 30),
        Flood::start(&world, 'a', "10.79.9.2", FROM_DEVICE, 20),
    ];
    let begin = Instant::now();
    let before = Direction::ALL.map(|direction| gateway.counted(a, direction));
    let [of_a, of_s] = rates(&mut sinks);
    near("download", of_a[0], 20.0, 0.4);
    near("upload", of_s[1], 10.0, 0.3);
    for ((direction, before), sent) in Direction::ALL.into_iter().zip(before).zip([30.0, 20.0]) {
        let mbit = (gateway.counted(a, direction) - before) as f64 * 8.0 / begin.elapsed().as_secs_f64() / 1e6;
        near(&format!("counted as {direction}"), mbit, sent, 2.0);
    }
    gateway.clear();
    std::mem::forget(world);
}

/// A peer of WireGuard, known by its address inside.
fn wireguard() {
    let id = std::env::var(ID).unwrap();
    let world = World { id: id.clone() };
    let at = |which| world.namespace(which);
    let keys = std::env::temp_dir().join(format!("topology-keys-{id}"));
    std::fs::create_dir_all(&keys).unwrap();
    let key = |whose: &str| -> (String, String) {
        let file = keys.join(whose);
        std::fs::write(&file, shell("wg genkey")).unwrap();
        let output = Command::new("wg").arg("pubkey").stdin(std::fs::File::open(&file).unwrap()).output().unwrap();
        (file.display().to_string(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    let ((own, own_public), (theirs, their_public)) = (key("g"), key("b"));
    for line in [
        // Packets are not to come in parts: with the headers of WireGuard they just fit a frame.
        "ip link add wg0 mtu 1440 type wireguard".to_owned(),
        format!("wg set wg0 private-key {own} listen-port 51820 peer {their_public} allowed-ips 10.79.6.2/32"),
        "ip addr add 10.79.6.1/24 dev wg0".to_owned(),
        "ip link set wg0 up".to_owned(),
        format!("ip -n {} link add wg0 mtu 1440 type wireguard", at('b')),
        format!(
            "ip netns exec {} wg set wg0 private-key {theirs} peer {own_public} allowed-ips 0.0.0.0/0 \
             endpoint 10.79.2.1:51820 persistent-keepalive 1",
            at('b')
        ),
        format!("ip -n {} addr add 10.79.6.2/24 dev wg0", at('b')),
        format!("ip -n {} link set wg0 up", at('b')),
        format!("ip -n {} route add 10.79.9.0/24 dev wg0", at('b')),
    ] {
        shell(&line);
    }
    std::fs::remove_dir_all(keys).unwrap();
    let (a, peer): (_, DeviceId) = (DeviceId::Mac(A), "10.79.6.2".parse().unwrap());
    let topology = Topology::Shared { lans: vec![name("lan0"), name("wg0")], wan: name("wan0") };
    let mut gateway = Gateway::new(&topology, &[a, peer]);
    gateway.shaper.apply(&plan(&[a, peer], CAPACITY, BitRate::MAX)).unwrap();
    let mut sinks = ['a', 'b', 's'].map(|which| Sink::start(&world, which));
    let _downloads = [
        Flood::start(&world, 's', "10.79.1.2", FROM_SERVER, 20),
        Flood::start(&world, 's', "10.79.6.2", FROM_SERVER, 20),
    ];
    let _uploads = [
        Flood::start(&world, 'a', "10.79.9.2", FROM_SERVER, 10),
        Flood::start(&world, 'b', "10.79.9.2", FROM_DEVICE, 10),
    ];
    let [of_a, of_b, of_s] = rates(&mut sinks);
    near("download of a", of_a[0], 10.0, 0.4);
    near("download of the peer", of_b[0] * WITHOUT_FRAME, 10.0, 0.4);
    near("upload of a", of_s[0], 5.0, 0.3);
    near("upload of the peer", of_s[1], 5.0, 0.3);
    gateway.shaper.apply(&plan(&[a, peer], CAPACITY, BitRate::from_mbps(4))).unwrap();
    let [_, of_b, _] = rates(&mut sinks);
    near("download of the peer under its ceiling", of_b[0] * WITHOUT_FRAME, 4.0, 0.2);
    gateway.clear();
    std::mem::forget(world);
}

/// A line whose packets have no frame, as of PPP.
fn line_without_frames() {
    let a = DeviceId::Mac(A);
    let Some(mut behind) = Sink::behind_tun() else { return };
    let mut gateway = Gateway::new(&Topology::Router { lan: name("lan0"), wan: name("tun0") }, &[a]);
    gateway.shaper.apply(&plan(&[a], CAPACITY, BitRate::MAX)).unwrap();
    let world = World { id: gateway.world.id.clone() };
    behind.flood("10.79.5.9", "10.79.1.2", FROM_SERVER, 30);
    let mut sinks = [behind, Sink::start(&world, 'a')];
    let _upload = Flood::start(&world, 'a', "10.79.5.9", FROM_SERVER, 20);
    let [of_line, of_a] = rates(&mut sinks);
    near("download", of_a[0], 20.0, 0.4);
    near("upload", of_line[2] * WITHOUT_FRAME, 10.0, 0.3);
    gateway.clear();
    std::mem::forget(world);
}

/// A LAN and the line go and come back with other numbers: noticed, and all is in force again.
fn comes() {
    let (a, b) = (DeviceId::Mac(A), DeviceId::Mac(B));
    let topology = Topology::Shared { lans: vec![name("lan0"), name("lan1")], wan: name("wan0") };
    shell("ip link set wan0 down");
    shell("ip link set wan0 name later");
    let mut gateway = Gateway::new(&topology, &[a, b]);
    let plan = plan(&[a, b], CAPACITY, BitRate::MAX);
    let error = gateway.shaper.apply(&plan).unwrap_err();
    assert!(matches!(&error, ShaperError::InterfaceMissing { interface } if interface.as_str() == "wan0"), "{error}");
    assert!(shell("tc qdisc show dev enifb7").contains("htb e001:"), "what can be done is");
    gateway.shaper.check().unwrap();
    let told = |gateway: &mut Gateway, expected: (&str, &str)| {
        // As the daemon does each second.
        gateway.datapath.attach(std::slice::from_ref(&topology)).unwrap();
        let told = gateway.shaper.check().unwrap().expect("it is noticed");
        assert_eq!((told.interface.as_str(), told.what.as_str()), expected);
    };
    shell("ip link set later name wan0");
    shell("ip link set wan0 up");
    shell("ip route replace 10.79.9.0/24 dev wan0 src 10.79.9.1");
    told(&mut gateway, ("wan0", "the interface is back"));
    gateway.shaper.apply(&plan).unwrap();
    assert!(shell("tc qdisc show dev wan0").contains("htb e002:"));
    assert_eq!(gateway.shaper.check().unwrap(), None);

    // A modem that dials again: another interface of the same name, and a LAN that is plugged in again.
    let world = World { id: gateway.world.id.clone() };
    let at = |which| world.namespace(which);
    shell("ip link del lan1");
    told(&mut gateway, ("lan1", "the interface is gone"));
    gateway.shaper.apply(&plan).unwrap();
    for line in [
        format!("ip link add lan1 type veth peer name eth0 address {B} netns {}", at('b')),
        "ip addr add 10.79.2.1/24 dev lan1".to_owned(),
        "ip link set lan1 up".to_owned(),
        format!("ip -n {} addr add 10.79.2.2/24 dev eth0", at('b')),
        format!("ip -n {} link set eth0 up", at('b')),
        format!("ip -n {} route add default via 10.79.2.1", at('b')),
        "ip link del wan0".to_owned(),
        format!("ip link add wan0 type veth peer name eth0 netns {}", at('s')),
        "ip addr add 10.79.9.1/24 dev wan0".to_owned(),
        "ip link set wan0 up".to_owned(),
        format!("ip -n {} addr add 10.79.9.2/24 dev eth0", at('s')),
        format!("ip -n {} link set eth0 up", at('s')),
        format!("ip -n {} route add default via 10.79.9.1", at('s')),
    ] {
        shell(&line);
    }
    told(&mut gateway, ("wan0", "the interface is another"));
    gateway.shaper.apply(&plan).unwrap();
    assert_eq!(gateway.shaper.check().unwrap(), None);
    let mut sinks = ['a', 'b', 's'].map(|which| Sink::start(&world, which));
    let _floods = [
        Flood::start(&world, 's', "10.79.1.2", FROM_SERVER, 30),
        Flood::start(&world, 's', "10.79.2.2", FROM_SERVER, 30),
        Flood::start(&world, 'a', "10.79.9.2", FROM_SERVER, 20),
        Flood::start(&world, 'b', "10.79.9.2", FROM_DEVICE, 20),
    ];
    let [of_a, of_b, of_s] = rates(&mut sinks);
    near("download of a", of_a[0], 10.0, 0.4);
    near("download of b", of_b[0], 10.0, 0.4);
    near("upload of a", of_s[0], 5.0, 0.3);
    near("upload of b", of_s[1], 5.0, 0.3);
    gateway.clear();
    std::mem::forget(world);
}

/// Where in this namespace something of ours stands: roots, filters that send to an IFB, IFBs.
fn ours() -> Vec<String> {
    let mut ours = Vec::new();
    for at in ["lan0", "lan1", "wan0"] {
        let roots = shell(&format!("tc qdisc show dev {at} root"));
        let of_ours = |major: &&str| roots.contains(&format!("htb {major}:"));
        ours.extend(["e001", "e002"].iter().filter(|major| of_ours(major)).map(|major| format!("{at} {major}")));
        for side in ["ingress", "egress"] {
            if shell(&format!("tc filter show dev {at} {side}")).contains("equalnet_queues") {
                ours.push(format!("{at} {side}"));
            }
        }
    }
    if shell("ip -o link").contains("enifb7") {
        ours.push("enifb7".to_owned());
    }
    ours
}

/// The daemon starts again and again, each time with another topology: what the last one had goes, traffic goes on.
fn changes() {
    let (a, b, us) = (DeviceId::Mac(A), DeviceId::Mac(B), "10.79.9.1".parse().unwrap());
    let one = Topology::Router { lan: name("lan0"), wan: name("wan0") };
    let several = Topology::Shared { lans: vec![name("lan0"), name("lan1")], wan: name("wan0") };
    let host = Topology::Host { interface: name("wan0") };
    // As a bridge that is turned round: each had the queues of the other side.
    let turned = Topology::Router { lan: name("wan0"), wan: name("lan0") };
    let mut gateway = Gateway::new(&one, &[a, b, us]);
    let world = World { id: gateway.world.id.clone() };
    let mut sinks = ['a', 'g'].map(|which| Sink::start(&world, which));
    let to_a = Flood::start(&world, 's', "10.79.1.2", FROM_SERVER, 30);
    let to_us = Flood::start(&world, 's', "10.79.9.1", FROM_SERVER, 30);
    let local = Flood::start(&world, 'g', "10.79.1.2", FROM_GATEWAY, 50);
    let single = &["lan0 e001", "wan0 e002"][..];
    let shared = &["lan0 egress", "lan1 egress", "wan0 e002", "enifb7"];
    let alone = &["wan0 e002", "wan0 ingress", "enifb7"];
    for (step, (topology, device, left)) in [
        (&one, a, single),
        (&several, a, shared),
        (&one, a, single),
        (&host, us, alone),
        (&one, a, single),
        (&turned, a, &["lan0 e002", "wan0 e001"]),
        (&several, a, shared),
    ]
    .into_iter()
    .enumerate()
    {
        eprintln!("step {step}: {topology:?}");
        gateway = gateway.again(topology, &[a, b, us]);
        gateway.shaper.apply(&plan(&[device], CAPACITY, BitRate::MAX)).unwrap();
        assert_eq!(ours(), left);
        if topology == &turned {
            continue;
        }
        let (begin, counted) = (Instant::now(), gateway.counted(device, Direction::Download));
        let [of_a, of_us] = rates(&mut sinks);
        let mbit =
            (gateway.counted(device, Direction::Download) - counted) as f64 * 8.0 / begin.elapsed().as_secs_f64() / 1e6;
        near("counted, once", mbit, 30.0, 2.0);
        if device == us {
            near("download", of_us[0], 20.0, 0.4);
        } else {
            near("download", of_a[0], 20.0, 0.4);
            near("from the gateway", of_a[2], 50.0, 2.5);
        }
    }
    drop((to_a, to_us, local));
    gateway.clear();
    assert_eq!(ours(), [""; 0]);
    std::mem::forget(world);
}

/// One interface, whose downloads wait behind its ingress: the gateway as a machine among others, served by the server.
fn host() {
    let us: DeviceId = "10.79.9.1".parse().unwrap();
    let mut gateway = Gateway::new(&Topology::Host { interface: name("wan0") }, &[us]);
    gateway.shaper.apply(&plan(&[us], CAPACITY, BitRate::MAX)).unwrap();
    let world = World { id: gateway.world.id.clone() };
    let mut sinks = ['g', 's'].map(|which| Sink::start(&world, which));
    let _floods = [
        Flood::start(&world, 's', "10.79.9.1", FROM_SERVER, 30),
        Flood::start(&world, 'g', "10.79.9.2", FROM_GATEWAY, 20),
    ];
    let [of_us, of_s] = rates(&mut sinks);
    near("download", of_us[0], 20.0, 0.4);
    near("upload", of_s[2], 10.0, 0.3);
    gateway.clear();
    std::mem::forget(world);
}

/// One LAN of two: what comes from the gateway, and from a LAN that is none of the link's, as today.
fn one() {
    let a = DeviceId::Mac(A);
    let mut gateway = Gateway::new(&Topology::Router { lan: name("lan0"), wan: name("wan0") }, &[a]);
    gateway.shaper.apply(&plan(&[a], CAPACITY, BitRate::MAX)).unwrap();
    let world = World { id: gateway.world.id.clone() };
    let mut sinks = [Sink::start(&world, 'a')];
    let _download = Flood::start(&world, 's', "10.79.1.2", FROM_SERVER, 30);
    let _own = Flood::start(&world, 'g', "10.79.1.2", FROM_GATEWAY, 50);
    let [of_a] = rates(&mut sinks);
    near("download", of_a[0], 20.0, 0.4);
    near("from the gateway", of_a[2], 50.0, 2.5);
    let round_trip = round_trip("10.79.1.2");
    eprintln!("round trip between the gateway and a: {round_trip:.2} ms");
    assert!(round_trip < 5.0, "the gateway's own packets wait behind the link");
    gateway.clear();
    std::mem::forget(world);
}
