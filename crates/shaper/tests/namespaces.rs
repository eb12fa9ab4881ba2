//! Real queues and real packets, between network namespaces that this test makes and removes.
//!
//! Needs root and `ip`, `tc`, `ethtool`, `chrt`; without root it says so and proves nothing. Packets carry their class
//! by `SO_PRIORITY`, so that HTB is tested without eBPF. The test starts itself again inside the namespaces,
//! because a thread cannot change its namespace without `unsafe`.

// Two processes of this test talk over their pipes, and a person reads the figures.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use datapath::{ClassMap, Datapath, DatapathSettings, Slot};
use shaper::{Applied, Fixed, Shaper, ShaperError, ShaperSettings, clear};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use vocab::{
    Allocation, BitRate, Bound, DeviceAllocation, DeviceId, Directed, Direction, Division, Framing, InterfaceName,
    Link, LinkId, MacAddress, Plan, PlanId, QueueReading, Tier, Timestamp, Topology, TrafficClass,
};

/// What the test is when it starts itself again.
const ROLE: &str = "SHAPER_LAB_ROLE";
const SINK: &str = "10.78.1.2";
/// What a datagram of this length is on layer 2: with 20 + 8 + 14 bytes of headers, 1,442.
const DATAGRAM: usize = 1_400;
const ON_LAYER_2: u64 = 1_442;

#[test]
fn the_kernel_does_what_the_plan_says() {
    match std::env::var(ROLE).as_deref() {
        Ok("gateway") => return gateway(),
        Ok("sink") => return sink(),
        _ => {}
    }
    let user = Command::new("id").arg("-u").output().expect("id runs");
    if user.stdout != b"0\n" {
        eprintln!("SKIPPED: this test makes network namespaces and needs root; nothing was proved");
        return;
    }
    let namespaces = Namespaces::new();
    let status = namespaces.again("gateway", &namespaces.gateway).status().expect("ip netns exec runs");
    assert!(status.success(), "the part inside the namespaces failed");
}

/// Two namespaces, joined by a wire twice: `lan` to `sink`, `wan` to `wan_peer`. Removed when dropped.
struct Namespaces {
    gateway: String,
    sink: String,
}

impl Namespaces {
    fn new() -> Namespaces {
        let id = std::process::id();
        let names = Namespaces { gateway: format!("shp_g{id}"), sink: format!("shp_s{id}") };
        let (gateway, sink) = (&names.gateway, &names.sink);
        for line in [
            format!("ip netns add {gateway}"),
            format!("ip netns add {sink}"),
            format!("ip -n {gateway} link set lo up"),
            format!("ip link add lan netns {gateway} type veth peer name sink netns {sink}"),
            format!("ip link add wan netns {gateway} type veth peer name wan_peer netns {sink}"),
            format!("ip -n {gateway} addr add 10.78.1.1/24 dev lan"),
            format!("ip -n {sink} addr add {SINK}/24 dev sink"),
            format!("ip -n {gateway} link set lan up"),
            format!("ip -n {gateway} link set wan up"),
            format!("ip -n {sink} link set sink up"),
            format!("ip -n {sink} link set wan_peer up"),
        ] {
            shell(&line);
        }
        names
    }

    fn again(&self, role: &str, namespace: &str) -> Command {
        let mut command = again(role, namespace);
        command.env("SHAPER_LAB_SINK", &self.sink);
        command
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
    // Senders must not starve on a busy machine: an empty queue has no weight.
    let mut command = Command::new("chrt");
    command.args(["--rr", "1", "ip", "netns", "exec", namespace]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "the_kernel_does_what_the_plan_says", "--nocapture"]).env(ROLE, role);
    command
}

fn shell(line: &str) -> String {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output().expect("the tool runs");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Counts the datagrams that arrive at each port; one line of totals for each line it is asked with.
fn sink() {
    let counts: Vec<(u16, Arc<std::sync::atomic::AtomicU64>)> =
        (5001..=5020).map(|port| (port, Arc::default())).collect();
    for (port, count) in &counts {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        // What queues here must not be what is lost.
        socket.set_recv_buffer_size(8 << 20).unwrap();
        let address: SocketAddr = format!("{SINK}:{port}").parse().unwrap();
        socket.bind(&address.into()).unwrap();
        let (socket, count) = (UdpSocket::from(socket), Arc::clone(count));
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            while socket.recv(&mut buffer).is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    println!("ready");
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        if line == "flood" {
            let socket = UdpSocket::bind("0.0.0.0:6001").unwrap();
            socket.connect("10.78.1.1:6000").unwrap();
            thread::spawn(move || {
                loop {
                    for _ in 0..10 {
                        let _ = socket.send(&[0; DATAGRAM]);
                    }
                    thread::sleep(Duration::from_millis(5));
                }
            });
        }
        let totals: Vec<String> = counts.iter().map(|(_, count)| count.load(Ordering::Relaxed).to_string()).collect();
        println!("counts {}", totals.join(" "));
    }
}

/// The sink in its namespace, seen from the gateway.
struct Sink {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Sink {
    fn start() -> Sink {
        let mut command = again("sink", &std::env::var("SHAPER_LAB_SINK").unwrap());
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

    /// From now on 20 Mbit/s come from the sink's port 6001 to the gateway's port 6000, until the sink ends.
    fn flood(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"flood\n").unwrap();
        self.line("counts ");
    }

    /// Datagrams that arrived at `port` since the beginning.
    fn count(&mut self, port: u16) -> u64 {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let line = self.line("counts ");
        line.split_whitespace().nth(usize::from(port - 5001) + 1).unwrap().parse().unwrap()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends datagrams of one class until it is stopped.
struct Flow {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

/// A socket whose packets are in this class of the download tree.
fn socket(device: u8, class: TrafficClass, port: u16) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    let minor = slot(device).class_minor(class);
    socket.set_priority(u32::from(datapath::DOWNLOAD_MAJOR) << 16 | u32::from(minor)).unwrap();
    // A queue of ours must fill before the socket blocks its sender.
    socket.set_send_buffer_size(4 << 20).unwrap();
    let address: SocketAddr = format!("{SINK}:{port}").parse().unwrap();
    socket.connect(&address.into()).unwrap();
    socket.into()
}

impl Flow {
    fn start(device: u8, class: TrafficClass, port: u16, rate: BitRate) -> Flow {
        let socket = socket(device, class, port);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (start, datagram, mut sent) = (Instant::now(), [0; DATAGRAM], 0);
            // A hundredth of a second, and one datagram at least.
            let burst = (rate.as_bps() / 800 / ON_LAYER_2).max(1);
            while !stopped.load(Ordering::Relaxed) {
                let due = rate.over(start.elapsed()).0 / ON_LAYER_2;
                // After a pause of this busy machine it goes on at its rate, it does not catch up in a burst.
                sent = sent.max(due.saturating_sub(burst));
                while sent < due {
                    let _ = socket.send(&datagram);
                    sent += 1;
                }
                thread::sleep(Duration::from_micros(500));
            }
            sent
        });
        Flow { stop, thread }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

fn device(number: u8) -> DeviceId {
    DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]))
}

fn slot(number: u8) -> Slot {
    Slot::new(u16::from(number)).unwrap()
}

/// Class, tier, rate, floor, ceiling (kbit/s).
type Part = (TrafficClass, u8, u64, u64, u64);

/// A plan for downloads of `capacity` kbit/s; uploads are one quiet leaf.
fn plan(capacity: u64, devices: &[(u8, &[Part])]) -> Plan {
    let devices = devices.iter().map(|(number, parts)| {
        let sum = |value: fn(&Part) -> u64| BitRate::from_kbps(parts.iter().map(value).sum());
        DeviceAllocation {
            device: device(*number),
            demand: sum(|part| part.2),
            rate: sum(|part| part.2),
            floor: sum(|part| part.3),
            guaranteed: sum(|part| part.3),
            guarantee: sum(|part| part.3),
            ceiling: BitRate::MAX,
            headroom: BitRate::ZERO,
            aggregates: parts
                .iter()
                .map(|&(class, tier, rate, floor, ceiling)| Allocation {
                    class,
                    tier: Tier::new(tier).unwrap(),
                    demand: BitRate::from_kbps(rate),
                    rate: BitRate::from_kbps(rate),
                    floor: BitRate::from_kbps(floor),
                    guaranteed: BitRate::from_kbps(floor),
                    ceiling: BitRate::from_kbps(ceiling),
                    bound: match Tier::new(tier).unwrap() {
                        Tier::PROTECTED => Bound::Demand,
                        tier => Bound::Share { tier, level: BitRate::ZERO },
                    },
                })
                .collect(),
        }
    });
    let download =
        Division { capacity: BitRate::from_kbps(capacity), devices: devices.collect(), ..Division::default() };
    let upload = Division { capacity: BitRate::from_mbps(10), ..Division::default() };
    Plan { id: PlanId(1), link: LinkId(7), at: Timestamp::default(), directions: Directed { download, upload } }
}

fn name(text: &str) -> InterfaceName {
    InterfaceName::new(text).unwrap()
}

fn router() -> Topology {
    Topology::Router { lan: name("lan"), wan: name("wan") }
}

fn link(topology: Topology) -> Link {
    let line_rate = Directed { download: BitRate::from_mbps(20), upload: BitRate::from_mbps(10) };
    Link {
        id: LinkId(7),
        name: "home".to_owned(),
        topology,
        line_rate,
        margin_permille: 0,
        framing: Framing::default(),
        sought: vocab::Directed::default(),
    }
}

fn open_on(topology: Topology, state_dir: &Path, adopt: bool) -> Result<Shaper<Fixed>, ShaperError> {
    let slots: BTreeMap<DeviceId, Slot> = (1..=250).map(|number| (device(number), slot(number))).collect();
    Shaper::open(ShaperSettings { state_dir: state_dir.to_owned(), adopt }, &link(topology), Fixed { slots })
}

fn open(state_dir: &Path) -> Shaper<Fixed> {
    open_on(router(), state_dir, false).unwrap()
}

fn reading(shaper: &mut Shaper<Fixed>, number: u8, class: TrafficClass) -> QueueReading {
    let readings = shaper.read(Timestamp::default()).unwrap();
    let is = |reading: &&QueueReading| {
        reading.direction == Direction::Download
            && reading.aggregate.device == device(number)
            && reading.aggregate.class == class
    };
    *readings.iter().find(is).expect("the leaf is there")
}

/// What each of these leaves sends in Mbit/s, over `time`, after half a second to settle.
fn rates<const N: usize>(shaper: &mut Shaper<Fixed>, time: Duration, leaves: [(u8, TrafficClass); N]) -> [f64; N] {
    let mut sent = || leaves.map(|(number, class)| reading(shaper, number, class).sent.0);
    thread::sleep(Duration::from_millis(500));
    let (begin, before) = (Instant::now(), sent());
    thread::sleep(time);
    let (elapsed, after) = (begin.elapsed().as_secs_f64(), sent());
    std::array::from_fn(|place| (after[place] - before[place]) as f64 * 8.0 / elapsed / 1e6)
}

/// Measures what each leaf sends over `time` and compares it with Mbit/s, within `percent`.
///
/// Three times if need be: senders that starve on a busy machine leave their queue empty, which no queue
/// discipline can mend, while a wrong tree is wrong every time.
fn expect<const N: usize>(
    shaper: &mut Shaper<Fixed>,
    time: Duration,
    percent: f64,
    leaves: [(&str, u8, TrafficClass, f64); N],
) -> [f64; N] {
    for attempt in 1.. {
        let measured = rates(shaper, time, leaves.map(|(_, number, class, _)| (number, class)));
        let mut all_near = true;
        for ((what, _, _, expected), measured) in leaves.into_iter().zip(measured) {
            let off = (measured - expected).abs() / expected * 100.0;
            eprintln!("{what}: {measured:.3} Mbit/s, expected {expected:.3}, {off:.1} % off");
            all_near &= off <= percent;
        }
        if all_near {
            return measured;
        }
        assert!(attempt < 3, "more than {percent} % off in three measurements");
    }
    unreachable!("the loop ends by itself")
}

use TrafficClass::{Backup, Call, Download, Streaming, Update, Web, Work};

/// Everything, one after the other, in the gateway's namespace.
fn gateway() {
    let state = tempfile::tempdir().unwrap();
    let mut sink = Sink::start();
    let begin = Instant::now();
    type Case<'a> = (&'a str, &'a dyn Fn(&Path, &mut Sink));
    let cases: [Case; 14] = [
        ("weights hold between devices, however many leaves they have", &|dir, _| weights(dir)),
        ("floors are kept and tiers are strict", &|dir, _| floors_and_tiers(dir)),
        ("a change of priority reaches a full queue", &|dir, _| priority(dir)),
        ("changes lose no packet", &changes_lose_nothing),
        ("a standing queue outlives its plan", &standing_queue),
        ("a restart rebuilds nothing", &|dir, _| restart(dir)),
        ("drift is repaired, and only drift", &|dir, _| drift(dir)),
        ("what the line adds to packets is counted", &|dir, _| framings(dir)),
        ("what somebody else changes is noticed and put right", &|dir, _| disturbances(dir)),
        ("a refusal names the class and leaves a valid tree", &|dir, _| refusal(dir)),
        ("what stood there before comes back", &|dir, _| before(dir)),
        ("one interface: an IFB for downloads comes and goes", &|dir, _| one_interface(dir)),
        ("a thousand classes", &|dir, _| thousand(dir)),
        ("the data path steers both ways", &steered),
    ];
    for (what, case) in cases {
        if std::env::var("SHAPER_LAB_ONLY").is_ok_and(|only| !what.contains(&only)) {
            continue;
        }
        eprintln!("-- {what}");
        let dir: PathBuf = state.path().join(what.replace(' ', "_"));
        case(&dir, &mut sink);
        clear(&dir).unwrap();
        let qdiscs = shell("tc qdisc show");
        assert!(!qdiscs.contains("htb"), "{qdiscs}");
    }
    eprintln!("all in {:.1} s", begin.elapsed().as_secs_f64());
}

/// The measured case of docs/law.md: one hungry leaf against five, planned to be equal.
fn weights(dir: &Path) {
    let mut shaper = open(dir);
    assert_eq!(shaper.leaf().name(), if has("fq_codel") { "fq_codel" } else { "bfifo" });
    let of_b = [Web, Streaming, Work, Download, Backup];
    let b = of_b.map(|class| (class, 3, 2_000, 500, 20_000));
    shaper.apply(&plan(20_000, &[(1, &[(Web, 3, 10_000, 500, 20_000)]), (2, &b)])).unwrap();
    let mut flows = vec![Flow::start(1, Web, 5001, BitRate::from_mbps(25))];
    for (place, class) in of_b.into_iter().enumerate() {
        flows.push(Flow::start(2, class, 5002 + place as u16, BitRate::from_mbps(25)));
    }
    for attempt in 1.. {
        let [a, b @ ..] = rates(
            &mut shaper,
            Duration::from_secs(4),
            [(1, Web), (2, Web), (2, Streaming), (2, Work), (2, Download), (2, Backup)],
        );
        let b: f64 = b.iter().sum();
        eprintln!("device A, one leaf: {a:.3} Mbit/s; device B, five leaves: {b:.3}");
        if (a - b).abs() / 10.0 < 0.02 && (a + b - 20.0).abs() / 20.0 < 0.02 {
            break;
        }
        assert!(attempt < 3, "A and B are not equal within 2 % in three measurements");
    }
    flows.into_iter().for_each(Flow::stop);
}

fn has(qdisc: &str) -> bool {
    Command::new("tc").args(["qdisc", "add", "dev", "lo", "root", qdisc]).output().unwrap().status.success()
        && Command::new("tc").args(["qdisc", "del", "dev", "lo", "root"]).output().unwrap().status.success()
}

fn floors_and_tiers(dir: &Path) {
    let mut shaper = open(dir);
    // A is first; B is later but is owed 5; C is later, owed nothing and capped; V calls.
    shaper
        .apply(&plan(
            20_000,
            &[
                (1, &[(Web, 1, 14_000, 0, 20_000)]),
                (2, &[(Web, 3, 5_000, 5_000, 20_000)]),
                (3, &[(Call, 0, 600, 600, 10_000), (Update, 3, 0, 0, 2_000)]),
            ],
        ))
        .unwrap();
    let hungry = BitRate::from_mbps(25);
    let mut flows = vec![
        Flow::start(2, Web, 5002, hungry),
        Flow::start(3, Call, 5003, BitRate::from_kbps(600)),
        Flow::start(3, Update, 5004, hungry),
    ];
    expect(
        &mut shaper,
        Duration::from_secs(2),
        4.0,
        [
            ("B borrows while A is silent", 2, Web, 20.0 - 2.0 - 0.6),
            ("the ceiling of C", 3, Update, 2.0),
            ("the call", 3, Call, 0.6),
        ],
    );
    flows.push(Flow::start(1, Web, 5001, hungry));
    expect(
        &mut shaper,
        Duration::from_secs(2),
        4.0,
        [
            ("A takes what floors leave", 1, Web, 20.0 - 5.0 - 0.6),
            ("the floor of B", 2, Web, 5.0),
            ("the call", 3, Call, 0.6),
        ],
    );
    let [update] = rates(&mut shaper, Duration::from_secs(1), [(3, Update)]);
    assert!(update < 0.1, "C gets only the least rate: {update}");
    assert_eq!(reading(&mut shaper, 3, Call).drops, 0);
    assert!(reading(&mut shaper, 2, Web).backlog.0 > 0 && reading(&mut shaper, 2, Web).drops > 0);
    flows.into_iter().for_each(Flow::stop);
}

fn priority(dir: &Path) {
    let mut shaper = open(dir);
    let of =
        |first, last| plan(10_000, &[(first, &[(Web, 1, 9_500, 500, 20_000)]), (last, &[(Web, 3, 500, 500, 20_000)])]);
    shaper.apply(&of(1, 2)).unwrap();
    let flows = [1, 2].map(|number| Flow::start(number, Web, 5000 + u16::from(number), BitRate::from_mbps(20)));
    let time = Duration::from_secs(1);
    expect(&mut shaper, time, 4.0, [("A, first", 1, Web, 9.5), ("B, last", 2, Web, 0.5)]);
    assert!(shaper.apply(&of(2, 1)).unwrap().changes >= 2);
    expect(&mut shaper, time, 4.0, [("A, last now", 1, Web, 0.5), ("B, first now", 2, Web, 9.5)]);
    let mut smaller = of(2, 1);
    smaller.directions.download.capacity = BitRate::from_mbps(5);
    shaper.apply(&smaller).unwrap();
    expect(&mut shaper, time, 4.0, [("A on half the link", 1, Web, 0.5), ("B on half the link", 2, Web, 4.5)]);
    flows.into_iter().for_each(Flow::stop);
}

fn changes_lose_nothing(dir: &Path, sink: &mut Sink) {
    let mut shaper = open(dir);
    let others: [Part; 2] = [(Web, 3, 1_000, 500, 20_000), (Backup, 3, 1_000, 0, 20_000)];
    let plans: Vec<Plan> =
        [(20_000, 1, 8_000, 0), (40_000, 5, 6_000, 40), (20_000, 2, 9_000, 10), (12_000, 3, 8_500, 1)]
            .into_iter()
            .map(|(capacity, tier, floor, more)| {
                let part = [(Streaming, tier, 9_000, floor, capacity)];
                let mut devices: Vec<(u8, &[Part])> = vec![(1, &part)];
                devices.extend((2..2 + more).map(|number| (number, &others[..])));
                plan(capacity, &devices)
            })
            .collect();
    shaper.apply(&plans[0]).unwrap();
    let before = sink.count(5010);
    let socket = socket(1, Streaming, 5010);
    let (mut next, count, mut applied, mut changes) = (Instant::now(), 4_000u64, 0usize, 0u64);
    // One packet each 1.44 ms is 8 Mbit/s; a plan after every eighth. What a busy machine delays is not caught
    // up in a burst, which the queue of 20 ms might not hold.
    for number in 0..count {
        next = (next + Duration::from_micros(1_442)).max(Instant::now());
        thread::sleep(next.saturating_duration_since(Instant::now()));
        socket.send(&[0; DATAGRAM]).unwrap();
        if number % 8 == 0 {
            applied += 1;
            changes += u64::from(shaper.apply(&plans[applied % plans.len()]).unwrap().changes);
        }
    }
    let arrived = eventually(count, || sink.count(5010) - before);
    let drops = reading(&mut shaper, 1, Streaming).drops;
    eprintln!(
        "{applied} plans, {changes} steps, {arrived} of {count} packets arrived, {drops} dropped by a full queue"
    );
    assert_eq!(arrived, count);
}

/// Asks until the answer is `expected`, for two seconds at most.
fn eventually(expected: u64, mut ask: impl FnMut() -> u64) -> u64 {
    let start = Instant::now();
    loop {
        let answer = ask();
        if answer == expected || start.elapsed() > Duration::from_secs(2) {
            return answer;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn standing_queue(dir: &Path, sink: &mut Sink) {
    let mut shaper = open(dir);
    // A queue of 30 packets in front of 1 Mbit/s: 20 ms of 20 Mbit/s are planned, then the ceiling falls.
    shaper.apply(&plan(20_000, &[(1, &[(Web, 3, 20_000, 1_000, 20_000)])])).unwrap();
    shaper.apply(&plan(20_000, &[(1, &[(Web, 3, 20_000, 100, 20_000)]), (2, &[(Web, 3, 0, 0, 20_000)])])).unwrap();
    let before = sink.count(5011);
    let socket = socket(1, Web, 5011);
    for _ in 0..32 {
        socket.send(&[0; DATAGRAM]).unwrap();
    }
    let waiting = reading(&mut shaper, 1, Web).backlog.0 / ON_LAYER_2;
    // The device is gone from the plan while its packets wait.
    let applied = shaper.apply(&plan(20_000, &[(2, &[(Web, 3, 0, 0, 20_000)])])).unwrap();
    let arrived = eventually(32, || sink.count(5011) - before);
    eprintln!("{waiting} packets were waiting when their leaf left the plan; {arrived} of 32 arrived");
    assert!(waiting > 10, "there was a queue: {waiting}");
    assert_eq!(arrived, 32);
    // Now that it is empty, it goes.
    let again = shaper.apply(&plan(20_000, &[(2, &[(Web, 3, 0, 0, 20_000)])])).unwrap();
    assert!(again.changes > 0 && applied.changes > 0);
    assert!(!shell("tc class show dev lan").contains("e001:15 "));
}

fn restart(dir: &Path) {
    let plan = plan(20_000, &[(1, &[(Web, 3, 10_000, 500, 20_000)]), (2, &[(Call, 0, 100, 100, 10_000)])]);
    let mut shaper = open(dir);
    let Applied { changes, skipped, .. } = shaper.apply(&plan).unwrap();
    // Download: 3 reserved classes, 2 devices, 2 leaves, 4 queues. Upload: 3 and 2.
    assert_eq!((changes, skipped), (16, vec![]));
    let socket = socket(1, Web, 5012);
    for _ in 0..100 {
        socket.send(&[0; DATAGRAM]).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    let sent = reading(&mut shaper, 1, Web).sent_packets;
    assert_eq!(sent, 100);
    drop(shaper);
    let mut shaper = open(dir);
    assert_eq!(shaper.classes().download, 7);
    assert_eq!(shaper.read(Timestamp::default()).unwrap(), []);
    assert_eq!(shaper.apply(&plan).unwrap().changes, 0, "nothing is rebuilt");
    assert_eq!(reading(&mut shaper, 1, Web).sent_packets, sent, "the counters went on");
}

/// What the bottleneck adds to each packet is counted, so that our queue stays before it.
fn framings(dir: &Path) {
    let plan = plan(20_000, &[(1, &[(Web, 3, 20_000, 100, 20_000)])]);
    // A frame of 1,442 bytes holds a packet of 1,428: with 40 bytes in 31 cells of 53; with 38.
    for (framing, on_the_line) in [("pppoe-llcsnap", 31 * 53), ("ethernet", 1_428 + 38), ("none", 1_442)] {
        let link = Link { framing: framing.parse().unwrap(), ..link(router()) };
        let slots = [(device(1), slot(1))].into();
        let settings = || ShaperSettings { state_dir: dir.to_owned(), adopt: false };
        let mut shaper = Shaper::open(settings(), &link, Fixed { slots }).unwrap();
        assert!(shaper.apply(&plan).unwrap().changes > 0, "{framing} is another tree than the one before");
        let expected = 20.0 * ON_LAYER_2 as f64 / f64::from(on_the_line);
        let flow = Flow::start(1, Web, 5014, BitRate::from_mbps(25));
        expect(&mut shaper, Duration::from_secs(2), 1.5, [(framing, 1, Web, expected)]);
        flow.stop();
        drop(shaper);
        let slots = [(device(1), slot(1))].into();
        let mut shaper = Shaper::open(settings(), &link, Fixed { slots }).unwrap();
        assert_eq!(shaper.apply(&plan).unwrap().changes, 0, "{framing} is read back as it was said");
    }
}

fn disturbances(dir: &Path) {
    let plan = plan(20_000, &[(1, &[(Web, 3, 10_000, 500, 20_000)]), (2, &[(Web, 4, 0, 0, 20_000)])]);
    let mut shaper = open(dir);
    shaper.apply(&plan).unwrap();
    assert_eq!(shaper.check().unwrap(), None, "our own changes are no disturbance");
    for (by, expected) in [
        (&["tc class del dev lan classid e001:25"][..], "class e001:25 is gone"),
        (
            &["tc class change dev lan parent e001:10 classid e001:15 htb rate 3mbit ceil 20mbit prio 3 quantum 3000"],
            "class e001:15 has a rate of 3.00 Mbit/s instead of 500 kbit/s",
        ),
        (&["tc qdisc change dev lan parent e001:25 bfifo limit 999"], "the queue in class e001:25 is another"),
        (&["tc qdisc del dev lan root"], "the queues are gone"),
        (&["ip link set lan mtu 1400"], "the MTU is 1400 instead of 1500"),
        // What changes nothing of ours is none.
        (&["ip link set lan down", "ip link set lan up"], ""),
        (&["ip link set lan mtu 1500"], "the MTU is 1500 instead of 1400"),
        (
            &["tc qdisc replace dev lan root handle 77: tbf rate 10mbit burst 5kb latency 10ms"],
            "`tbf` stands in place of the queues",
        ),
    ] {
        by.iter().for_each(|line| drop(shell(line)));
        let what = shaper.check().unwrap().map_or_else(String::new, |disturbance| disturbance.what);
        assert_eq!(what, expected, "{by:?}");
        assert_eq!(shaper.check().unwrap(), None, "told once");
        if !what.starts_with('`') {
            shaper.apply(&plan).unwrap();
            assert_eq!(shaper.check().unwrap(), None, "put right after {by:?}");
        }
    }
    // What another put there is not destroyed unless the operator says so.
    assert!(matches!(shaper.apply(&plan), Err(ShaperError::ForeignQdisc { .. })));
    shell("tc qdisc del dev lan root");
    shaper.apply(&plan).unwrap();
}

fn drift(dir: &Path) {
    let plan = plan(20_000, &[(1, &[(Web, 3, 10_000, 500, 20_000)]), (2, &[(Web, 4, 0, 0, 20_000)])]);
    let mut shaper = open(dir);
    shaper.apply(&plan).unwrap();
    let installed = shell("tc class show dev lan") + &shell("tc qdisc show dev lan");
    drop(shaper);
    shell("tc class change dev lan parent e001:10 classid e001:15 htb rate 3mbit ceil 4mbit prio 1 quantum 3000");
    shell("tc qdisc change dev lan parent e001:25 bfifo limit 999");
    let mut shaper = open(dir);
    assert_eq!(shaper.apply(&plan).unwrap().changes, 2);
    // Somebody takes a leaf away while we run: the next plan notices and puts it back.
    shell("tc class del dev lan classid e001:25");
    let mut other = plan.clone();
    other.directions.download.devices[1].aggregates[0].ceiling = BitRate::from_mbps(9);
    shaper.apply(&other).unwrap();
    shaper.apply(&plan).unwrap();
    // Even the whole tree.
    shell("tc qdisc del dev lan root");
    shaper.apply(&other).unwrap();
    shaper.apply(&plan).unwrap();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(without_handle).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&(shell("tc class show dev lan") + &shell("tc qdisc show dev lan"))), sorted(&installed));
}

/// Leaf qdiscs get any free handle.
fn without_handle(line: &str) -> String {
    let words = line.split_whitespace();
    words.filter(|word| *word == "e001:" || !word.ends_with(':')).collect::<Vec<_>>().join(" ")
}

fn refusal(dir: &Path) {
    let mut shaper = open(dir);
    let both = plan(20_000, &[(1, &[(Web, 3, 9_000, 9_000, 20_000)]), (2, &[(Web, 3, 9_000, 9_000, 20_000)])]);
    shaper.apply(&both).unwrap();
    // A filter that points at a class keeps it from being removed.
    shell("tc filter add dev lan parent e001: protocol ip prio 9 u32 match ip dport 9 0xffff flowid e001:25");
    let only_first = plan(20_000, &[(1, &[(Web, 3, 19_000, 19_000, 20_000)])]);
    let error = shaper.apply(&only_first).unwrap_err();
    eprintln!("{error}");
    assert!(
        matches!(&error, ShaperError::Refused { step, errno: 16, .. } if step == "remove class e001:25"),
        "{error}"
    );
    let flow = Flow::start(1, Web, 5001, BitRate::from_mbps(40));
    let [a] = rates(&mut shaper, Duration::from_secs(1), [(1, Web)]);
    assert!(a < 20.4, "the cap holds: {a}");
    flow.stop();
    shell("tc filter del dev lan parent e001: prio 9");
    shaper.apply(&only_first).unwrap();
    assert!(!shell("tc class show dev lan").contains("e001:25 "));
    let error = shaper.apply(&Plan { link: LinkId(8), ..only_first }).unwrap_err();
    assert!(matches!(error, ShaperError::OtherLink { got: 8, own: 7 }));
}

fn before(dir: &Path) {
    let plan = plan(20_000, &[(1, &[(Web, 3, 10_000, 500, 20_000)])]);
    let offloads = || {
        let features = shell("ethtool -k lan") + &shell("ethtool -k wan");
        features.lines().filter(|line| line.contains("-offload:")).map(str::to_owned).collect::<Vec<_>>()
    };
    for setup in [
        &[][..],
        &["tc qdisc add dev lan root handle 9: tbf rate 7mbit burst 20kb limit 100000"][..],
        &[
            "tc qdisc add dev lan root handle 1: htb default 20",
            "tc class add dev lan parent 1: classid 1:1 htb rate 10mbit burst 10000 cburst 10000 quantum 1514",
            "tc class add dev lan parent 1:1 classid 1:20 htb rate 5mbit ceil 10mbit burst 10000 cburst 10000 prio 3 quantum 3000",
            "tc qdisc add dev lan parent 1:20 handle 20: bfifo limit 30000",
        ][..],
    ] {
        setup.iter().for_each(|line| drop(shell(line)));
        let (queues, features) = (shell("tc qdisc show") + &shell("tc class show dev lan"), offloads());
        if !setup.is_empty() {
            let error = open_on(router(), dir, false).err().expect("what others put there is not touched");
            assert!(matches!(error, ShaperError::ForeignQdisc { .. }), "{error}");
        }
        let mut shaper = open_on(router(), dir, true).unwrap();
        shaper.apply(&plan).unwrap();
        drop(shaper);
        assert!(shell("tc qdisc show dev lan").contains("htb e001:"));
        if !features.iter().any(|line| line.contains("generic-segmentation-offload: on")) {
            eprintln!("the veths had no offloads to restore");
        }
        assert_ne!(offloads(), features, "offloads are off on a slow link");
        assert_eq!(clear(dir).unwrap(), [name("lan"), name("wan")]);
        assert_eq!(shell("tc qdisc show") + &shell("tc class show dev lan"), queues);
        assert_eq!(offloads(), features);
        assert_eq!(clear(dir).unwrap(), [], "nothing is left to clear");
        if !setup.is_empty() {
            shell("tc qdisc del dev lan root");
        }
    }
    // What cannot be put back whole is not taken.
    shell("tc qdisc add dev lan root handle 1: htb default 1");
    shell("tc class add dev lan parent 1: classid 1:1 htb rate 10mbit quantum 1514");
    shell("tc class add dev lan parent 1:1 classid 1:10 htb rate 5mbit quantum 1514");
    for parent in ["1:", "1:1"] {
        let filter = format!("dev lan parent {parent} protocol ip prio 1");
        shell(&format!("tc filter add {filter} u32 match ip dport 9 0xffff flowid 1:10"));
        let error = open_on(router(), dir, true).unwrap().apply(&plan).unwrap_err();
        assert!(matches!(error, ShaperError::CannotSave { .. }), "{error}");
        shell(&format!("tc filter del {filter}"));
    }
    shell("tc qdisc del dev lan root");
    // A tree of ours is removed even when the state is lost.
    open(dir).apply(&plan).unwrap();
    std::fs::remove_dir_all(dir).unwrap();
    assert_eq!(clear(dir).unwrap(), [name("lan"), name("wan")]);
    shell("ethtool -K lan tso on gso on gro on");
    shell("ethtool -K wan tso on gso on gro on");
}

fn one_interface(dir: &Path) {
    let topology = Topology::Host { interface: name("wan") };
    let mut shaper = open_on(topology.clone(), dir, false).unwrap();
    assert!(shell("ip -o link show enifb7").contains("UP"));
    shaper.apply(&plan(20_000, &[(1, &[(Web, 3, 10_000, 500, 20_000)])])).unwrap();
    assert!(shell("tc qdisc show dev enifb7").contains("htb e001:"));
    assert!(shell("tc qdisc show dev wan").contains("htb e002:"));
    drop(shaper);
    let mut shaper = open_on(topology, dir, false).unwrap();
    let plan = plan(20_000, &[(1, &[(Web, 3, 10_000, 500, 20_000)])]);
    assert_eq!(shaper.apply(&plan).unwrap().changes, 0);
    // Somebody takes the IFB away: it is made again, and its queues.
    assert_eq!(shaper.check().unwrap(), None);
    shell("ip link del enifb7");
    let what = shaper.check().unwrap().expect("it is noticed").what;
    assert_eq!(what, "the interface is gone");
    shaper.apply(&plan).unwrap();
    assert!(shell("tc qdisc show dev enifb7").contains("htb e001:"));
    assert_eq!(shaper.check().unwrap(), None);
    clear(dir).unwrap();
    let links = shell("ip -o link");
    assert!(!links.contains("enifb7") && !links.contains("enprobe7"), "{links}");
    let mut early = open_on(Topology::Host { interface: name("nowhere") }, dir, false).unwrap();
    let missing = early.apply(&plan).unwrap_err();
    assert!(matches!(missing, ShaperError::InterfaceMissing { .. }), "{missing}");
    assert!(shell("tc qdisc show dev enifb7").contains("htb e001:"), "what can be done is");
    clear(dir).unwrap();
}

fn thousand(dir: &Path) {
    let mut shaper = open(dir);
    let with = |rate: u64| {
        let parts: Vec<Part> =
            [Call, Web, Streaming, Download].map(|class| (class, 3, rate, rate / 2, 1_000_000)).into();
        let devices: Vec<(u8, &[Part])> = (1..=200).map(|number| (number, &parts[..])).collect();
        plan(1_000_000, &devices)
    };
    let mut timed = |what: &str, plan: &Plan| {
        let start = Instant::now();
        let changes = shaper.apply(plan).unwrap().changes;
        let elapsed = start.elapsed();
        eprintln!("{what}: {changes} steps in {elapsed:.1?}, {:.1?} each", elapsed / changes.max(1));
        changes
    };
    // 200 devices and 800 leaves, each leaf with its queue.
    assert!(timed("create 1,000 classes", &with(1_000)) >= 1_800);
    assert!(timed("change 1,000 classes", &with(1_200)) >= 1_000);
    assert_eq!(timed("the same again", &with(1_200)), 0);
    let start = Instant::now();
    assert_eq!(shaper.read(Timestamp::default()).unwrap().len(), 800);
    eprintln!("read 800 queues in {:.1?}", start.elapsed());
    let start = Instant::now();
    let reopened = open(dir);
    eprintln!("read back {} classes at start in {:.1?}", reopened.classes().download, start.elapsed());
    let mut timed_end = reopened;
    let start = Instant::now();
    let changes = timed_end.apply(&plan(1_000_000, &[])).unwrap().changes;
    eprintln!("remove 1,000 classes: {changes} steps in {:.1?}", start.elapsed());
    assert_eq!(changes, 1_000);
}

/// One interface and eBPF: packets without a mark find their leaf, uploads where they leave, downloads on the IFB.
fn steered(dir: &Path, sink: &mut Sink) {
    // `ip netns exec` gives us mounts of our own, which end with us.
    let (mount, pin_dir) = (dir.join("bpf"), dir.join("bpf/equalnet"));
    std::fs::create_dir_all(&mount).unwrap();
    shell(&format!("mount -t bpf bpf {}", mount.display()));
    let settings = DatapathSettings { pin_dir: pin_dir.clone(), max_flows: 1_024, ..DatapathSettings::default() };
    let mut datapath = match Datapath::load_or_adopt(&settings) {
        Ok(datapath) => datapath,
        Err(error) => {
            eprintln!("SKIPPED: {error}");
            return;
        }
    };
    let topology = Topology::Host { interface: name("lan") };
    datapath.attach(std::slice::from_ref(&topology)).unwrap();
    let us: DeviceId = shell("cat /sys/class/net/lan/address").trim().parse().unwrap();
    let mut classes: ClassMap = datapath.classes().unwrap();
    let ids = [us, "10.78.1.1".parse().unwrap()];
    for id in ids {
        classes.assign(id).unwrap();
    }
    let settings = ShaperSettings { state_dir: dir.to_owned(), adopt: false };
    let mut shaper = Shaper::open(settings, &link(topology), datapath.steering()).unwrap();
    let mut plan = plan(
        20_000,
        &[
            (1, &[(TrafficClass::Unclassified, 3, 3_000, 0, 3_000)]),
            (2, &[(TrafficClass::Unclassified, 3, 3_000, 0, 3_000)]),
        ],
    );
    for (device, id) in plan.directions.download.devices.iter_mut().zip(ids) {
        device.device = id;
    }
    plan.directions.download.devices.sort_by_key(|device| device.device);
    plan.directions.upload = plan.directions.download.clone();
    assert_eq!(shaper.apply(&plan).unwrap().skipped, []);
    sink.flood();
    let upload = UdpSocket::bind("10.78.1.1:6000").unwrap();
    upload.connect(format!("{SINK}:5013")).unwrap();
    let mut sent = |direction| -> u64 {
        let readings = shaper.read(Timestamp::default()).unwrap();
        readings.iter().filter(|reading| reading.direction == direction).map(|reading| reading.sent.0).sum()
    };
    let begin = Instant::now();
    let before = Direction::ALL.map(&mut sent);
    while begin.elapsed() < Duration::from_secs(2) {
        for _ in 0..10 {
            let _ = upload.send(&[0; DATAGRAM]);
        }
        thread::sleep(Duration::from_millis(5));
    }
    let seconds = begin.elapsed().as_secs_f64();
    let after = Direction::ALL.map(&mut sent);
    for (place, direction) in Direction::ALL.into_iter().enumerate() {
        let rate = (after[place] - before[place]) as f64 * 8.0 / seconds / 1e6;
        eprintln!("{direction} through eBPF: {rate:.3} Mbit/s, expected 3.000");
        assert!((rate - 3.0).abs() < 0.15, "{direction}: {rate}");
    }
    drop(shaper);
    Datapath::clear(&pin_dir).unwrap();
    shell(&format!("umount {}", mount.display()));
}
