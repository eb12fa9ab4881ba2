//! `equalnet setup` on real networks: namespaces that this test makes and removes. Needs root and `ip`; without root it
//! says so and proves nothing.
#![allow(clippy::print_stderr, reason = "a person reads what was skipped")]

use serde_json::Value;
use std::process::{Command, Output};

/// A namespace with the interfaces and routes of `lines`, each a command of `ip`. Removed when dropped.
struct Namespace(String);

impl Namespace {
    fn new(name: &str, lines: &[&str]) -> Namespace {
        let namespace = Namespace(format!("set_{name}{}", std::process::id()));
        ip(&["netns", "add", &namespace.0]);
        for line in ["link set lo up"].iter().chain(lines) {
            let words: Vec<&str> = ["-n", &namespace.0].into_iter().chain(line.split(' ')).collect();
            ip(&words);
        }
        namespace
    }

    fn setup(&self, words: &[&str]) -> Output {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, env!("CARGO_BIN_EXE_equalnet"), "setup"]).args(words);
        command.output().expect("ip netns exec runs")
    }

    /// What is proposed, as `shape lan|wan`.
    fn proposed(&self, words: &[&str]) -> (String, Value) {
        let output = self.setup(&[&["--dry-run", "--json"], words].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let body: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let proposal = &body["proposal"];
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let shape = match text(&proposal["is"]).as_str() {
            "host" => format!("host {}", text(&proposal["interface"])),
            shape => format!("{shape} {}|{}", proposal["lan"], text(&proposal["wan"])),
        };
        (shape, body)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

fn ip(words: &[&str]) {
    let output = Command::new("ip").args(words).output().expect("ip runs");
    assert!(output.status.success(), "ip {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
}

fn is_root() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !root {
        eprintln!("SKIPPED: this test makes network namespaces and needs root; nothing was proved");
    }
    root
}

/// Two wires, `wan0` and `lan0`, with their other ends in the same namespace.
const WIRES: [&str; 6] = [
    "link add wan0 type veth peer name modem",
    "link add lan0 type veth peer name switch",
    "link set wan0 up",
    "link set lan0 up",
    "link set modem up",
    "link set switch up",
];

fn wires<'a>(more: &[&'a str]) -> Vec<&'a str> {
    WIRES.iter().copied().chain(more.iter().copied()).collect()
}

const ROUTER: [&str; 3] =
    ["addr add 203.0.113.2/24 dev wan0", "addr add 192.168.1.1/24 dev lan0", "route add default via 203.0.113.1"];

fn forward(namespace: &Namespace) {
    let words = ["netns", "exec", &namespace.0, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"];
    ip(&words);
}

#[test]
fn a_router_is_found_and_its_configuration_is_accepted() {
    if !is_root() {
        return;
    }
    let router = Namespace::new("r", &wires(&ROUTER));
    ip(&["-n", &router.0, "neigh", "add", "192.168.1.7", "lladdr", "02:00:00:00:00:07", "dev", "lan0"]);
    let (shape, _) = router.proposed(&[]);
    assert_eq!(shape, "host wan0", "it passes nothing on yet");
    forward(&router);
    let (shape, body) = router.proposed(&[]);
    assert_eq!(shape, "router [\"lan0\"]|wan0", "{body:#}");
    assert_eq!(body["found"]["kernel"]["htb"], true, "{body:#}");
    let interfaces = body["found"]["interfaces"].as_array().expect("a list");
    let lan = interfaces.iter().find(|found| found["name"] == "lan0").expect("it is there");
    assert_eq!((&lan["stations"], &lan["kind"]), (&Value::from(1), &Value::from("virtual Ethernet")));
    let left = Command::new("ip").args(["-n", &router.0, "-o", "link"]).output().expect("ip runs").stdout;
    assert!(!String::from_utf8_lossy(&left).contains("enprobe"), "nothing is left of the trial");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("equalnet.toml");
    let path = file.to_str().unwrap();
    // Nobody is there to be asked.
    let asked = router.setup(&["--output", path]);
    assert!(!asked.status.success() && !file.exists());
    assert!(String::from_utf8_lossy(&asked.stderr).contains("--download"), "{asked:?}");
    let rates = ["--download", "93.75Mbit/s", "--upload", "20Mbit/s", "--line", "cable", "--output", path];
    let written = router.setup(&rates);
    assert!(written.status.success(), "{written:?}");
    let words = String::from_utf8_lossy(&written.stdout);
    assert!(words.contains("because the default route (IPv4) goes through wan0 to 203.0.113.1"), "{words}");
    assert!(words.contains("What to do next"), "{words}");
    let first = std::fs::read_to_string(&file).unwrap();
    assert!(first.contains("framing = \"docsis\"") && first.contains("download = \"93.75 Mbit/s\""), "{first}");
    let check = Command::new(env!("CARGO_BIN_EXE_equalnet")).args(["check-config", path]).status().unwrap();
    assert!(check.success());

    // What is there stays, unless told; then it is kept.
    let again = router.setup(&rates);
    assert!(!again.status.success(), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("equalnet.toml.bak"), "{again:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
    let replaced = router.setup(&[&rates[..], &["--yes", "--adopt"]].concat());
    assert!(replaced.status.success(), "{replaced:?}");
    assert!(std::fs::read_to_string(&file).unwrap().contains("\nadopt = true"));
    assert_eq!(std::fs::read_to_string(folder.path().join("equalnet.toml.bak")).unwrap(), first);
}

#[test]
fn a_bridge_is_told_by_where_the_router_is() {
    if !is_root() {
        return;
    }
    let bridge = [
        "link add br0 type bridge",
        "link set wan0 master br0",
        "link set lan0 master br0",
        "link set br0 up",
        "addr add 192.168.1.2/24 dev br0",
        "route add default via 192.168.1.1",
        "neigh add 192.168.1.1 lladdr 02:00:00:00:00:01 dev br0",
    ];
    let bridge = Namespace::new("b", &wires(&bridge));
    let unclear = bridge.setup(&["--dry-run"]);
    assert!(String::from_utf8_lossy(&unclear.stderr).contains("behind which port of br0"), "{unclear:?}");
    // As if a frame of the router had come in there.
    let output = Command::new("bridge")
        .args(["-n", &bridge.0, "fdb", "add", "02:00:00:00:00:01", "dev", "wan0", "master", "dynamic"])
        .output()
        .expect("bridge runs");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(bridge.proposed(&[]).0, "bridge [\"lan0\"]|wan0");
    assert_eq!(bridge.proposed(&["--wan", "lan0"]).0, "bridge [\"wan0\"]|lan0");
}

#[test]
fn networks_that_leave_no_choice_and_those_that_do() {
    if !is_root() {
        return;
    }
    let router = Namespace::new("t", &wires(&ROUTER));
    forward(&router);
    // A second way out, and another tool that shapes.
    ip(&["-n", &router.0, "addr", "add", "198.51.100.2/24", "dev", "switch"]);
    ip(&["-n", &router.0, "route", "append", "default", "via", "198.51.100.1", "dev", "switch"]);
    let tbf = ["netns", "exec", &router.0, "tc", "qdisc", "add", "dev", "wan0", "root"];
    ip(&[&tbf[..], &["tbf", "rate", "5mbit", "burst", "20k", "latency", "50ms"]].concat());
    let (_, body) = router.proposed(&[]);
    let said = body["proposal"].to_string();
    assert!(said.contains("already shaped by somebody else (`tbf`"), "{said}");
    assert!(said.contains("second way to the internet of the same rank"), "{said}");
    assert_eq!(body["proposal"]["foreign_queues"], true);

    let nowhere = Namespace::new("n", &wires(&["addr add 192.168.1.1/24 dev lan0"]));
    let output = nowhere.setup(&["--dry-run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no route leads to the internet"), "{output:?}");
    assert_eq!(nowhere.proposed(&["--interface", "lan0"]).0, "host lan0");
}
