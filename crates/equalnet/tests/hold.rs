//! `equalnet hold`, and queues of other tools, in a network namespace that this test makes and removes. Needs root, `ip` and
//! `tc`; without root it says so and proves nothing.
#![allow(clippy::print_stderr, reason = "a person reads what was skipped")]

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Whatever else runs here.
const PATIENCE: Duration = Duration::from_secs(60);
const LAPTOP: &str = "02:00:00:00:00:07";
const PHONE: &str = "02:00:00:00:00:08";

/// A gateway with `lan0` and `wan0`, and a configuration.
struct Gateway {
    namespace: String,
    folder: tempfile::TempDir,
}

impl Gateway {
    fn new(name: &str) -> Gateway {
        let gateway =
            Gateway { namespace: format!("hld_{name}{}", std::process::id()), folder: tempfile::tempdir().unwrap() };
        run(&format!("ip netns add {}", gateway.namespace));
        // Nobody says anything by itself: neighbour discovery would be a device.
        let quiet = ["netns", "exec", &gateway.namespace, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"];
        assert!(Command::new("ip").args(quiet).status().expect("ip runs").success());
        for words in ["link add lan0 type veth peer name far0", "link add wan0 type veth peer name far1"] {
            run(&format!("ip -n {} {words}", gateway.namespace));
        }
        for link in ["lo", "lan0", "wan0", "far0", "far1"] {
            run(&format!("ip -n {} link set {link} up", gateway.namespace));
        }
        gateway.configure("control", "");
        gateway
    }

    fn configure(&self, mode: &str, more: &str) {
        let path = |name: &str| self.folder.path().join(name);
        let config = format!(
            "mode = \"{mode}\"\nstate_dir = {:?}\nrun_dir = {:?}\n{more}\n[[link]]\nlan = \"lan0\"\nwan = \"wan0\"\n\
             download = \"50 Mbit/s\"\nupload = \"10 Mbit/s\"\nmargin = \"0 %\"\n[api]\nlisten = []\n[forecast]\n\
             train_at = \"off\"\n[[device]]\nid = \"{LAPTOP}\"\npriority = 1\nguarantee_download = \"8 Mbit/s\"\n\
             [[device]]\nid = \"{PHONE}\"\nweight = 3.0\nceiling_download = \"20 Mbit/s\"\n",
            path("state"),
            path("run"),
        );
        std::fs::write(self.file(), config).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("equalnet.toml")
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, env!("CARGO_BIN_EXE_equalnet")]).args(words.split(' '));
        command.arg("--config").arg(self.file());
        command
    }

    fn equalnet(&self, words: &str) -> Output {
        self.command(words).output().expect("it runs")
    }

    /// How many changes holding takes.
    fn hold(&self, words: &str) -> u64 {
        let output = self.equalnet(&format!("hold --json{words}"));
        assert!(output.status.success(), "{output:?}");
        let body: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&body["held"], &body["links"][0]["devices"]), (&Value::from(true), &Value::from(2)), "{body}");
        body["links"][0]["changes"].as_u64().expect("a number")
    }

    fn daemon(&self, words: &str) -> Daemon {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = self.command(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Daemon(child)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn tc(&self, words: &str) -> String {
        run(&format!("ip netns exec {} tc {words}", self.namespace))
    }

    /// What stands at the root of an interface.
    fn root(&self, interface: &str) -> String {
        let shown = self.tc(&format!("qdisc show dev {interface} root"));
        shown.split_whitespace().nth(1).unwrap_or("").to_owned()
    }

    fn wait(&self, what: &str, until: impl Fn() -> bool) {
        let began = Instant::now();
        while !until() {
            assert!(began.elapsed() < PATIENCE, "{what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.equalnet("clear");
        let _ = Command::new("ip").args(["netns", "del", &self.namespace]).status();
    }
}

/// Killed as a crash does it.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(line: &str) -> String {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output().expect("the tool runs");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn is_root() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !root {
        eprintln!("SKIPPED: this test shapes in a network namespace and needs root; nothing was proved");
    }
    root
}

#[test]
fn the_policy_is_held_without_a_daemon() {
    if !is_root() {
        return;
    }
    let gateway = Gateway::new("p");
    gateway.configure("observe", "");
    let output = gateway.equalnet("hold");
    assert!(output.status.success() && gateway.root("lan0") != "htb", "it lets go of nothing it never had: {output:?}");
    gateway.configure("control", "");
    let shown = gateway.equalnet("hold --dry-run");
    let words = String::from_utf8_lossy(&shown.stdout);
    assert!(words.contains(&format!("{LAPTOP}  guarantee 8.00 Mbit/s, ceiling 50.0 Mbit/s")), "{words}");
    assert!(words.contains(&format!("{PHONE}  guarantee 5.00 Mbit/s, ceiling 20.0 Mbit/s")), "{words}");
    assert_ne!(gateway.root("lan0"), "htb", "a look touches nothing");

    assert!(gateway.hold("") > 0);
    let classes = gateway.tc("class show dev lan0");
    for part in ["rate 50Mbit ceil 50Mbit", "ceil 20Mbit", "prio 0", "prio 1"] {
        assert!(classes.contains(part), "`{part}` is not in\n{classes}");
    }
    assert_eq!(gateway.hold(""), 0, "what stands is not touched again");
    let standing = gateway.tc("class show dev wan0");

    // A daemon takes over; as long as it runs it is its business; when it is killed, all stays.
    let daemon = gateway.daemon("run");
    gateway.wait("the daemon runs", || gateway.log().contains("EqualNet runs"));
    assert_eq!(gateway.equalnet("hold").status.code(), Some(1));
    drop(daemon);
    gateway.hold("");
    assert_eq!(gateway.tc("class show dev wan0"), standing, "it is the same plan again");
    assert_eq!(gateway.hold(""), 0);

    // A history that is broken may be why the daemon cannot run.
    std::fs::write(gateway.folder.path().join("state/history.db"), "broken").unwrap();
    assert_eq!(gateway.hold(""), 0);
    assert!(gateway.equalnet("clear").status.success());
    assert_ne!(gateway.root("lan0"), "htb");
}

#[test]
fn several_lans_are_held_together() {
    if !is_root() {
        return;
    }
    let gateway = Gateway::new("s");
    for words in ["link add lan1 type veth peer name far2", "link set lan1 up", "link set far2 up"] {
        run(&format!("ip -n {} {words}", gateway.namespace));
    }
    let one = std::fs::read_to_string(gateway.file()).unwrap();
    std::fs::write(gateway.file(), one.replace("lan = \"lan0\"", "lan = [\"lan0\", \"lan1\"]")).unwrap();
    assert!(gateway.hold("") > 0);
    assert!(gateway.tc("class show dev enifb0").contains("rate 50Mbit ceil 50Mbit"));
    assert_eq!(gateway.hold(""), 0);
    assert!(gateway.equalnet("clear").status.success());
    let left = run(&format!("ip -n {} -o link", gateway.namespace));
    assert!(!left.contains("enifb0"), "{left}");
}

#[test]
fn queues_of_another_tool_are_refused_or_put_aside_and_come_back() {
    if !is_root() {
        return;
    }
    let gateway = Gateway::new("a");
    gateway.tc("qdisc add dev wan0 root handle 7: tbf rate 5mbit burst 20k latency 50ms");
    let theirs = || gateway.tc("qdisc show dev wan0 root");
    let before = theirs();
    assert!(before.contains("tbf 7: root") && before.contains("rate 5Mbit"), "{before}");
    let is_refused = |log: &str| log.contains("already shaped by `tbf`") && log.contains("adopt = true");

    let refused = gateway.equalnet("hold");
    assert_eq!(refused.status.code(), Some(2));
    assert!(is_refused(&String::from_utf8_lossy(&refused.stderr)), "{refused:?}");
    let daemon = gateway.daemon("run");
    gateway.wait("it refuses", || is_refused(&gateway.log()));
    drop(daemon);
    assert_eq!(theirs(), before);

    // By the command line, by the configuration, and for the static plan.
    let daemon = gateway.daemon("run --adopt");
    gateway.wait("it adopts", || gateway.root("wan0") == "htb");
    drop(daemon);
    let saved = std::fs::read_to_string(gateway.folder.path().join("state/shaper-0.json")).unwrap();
    assert!(saved.contains("\"tbf\""), "{saved}");
    gateway.equalnet("clear");
    assert_eq!(theirs(), before, "it is back, after a crash too");
    gateway.configure("control", "[shaping]\nadopt = true\n");
    let daemon = gateway.daemon("run");
    gateway.wait("it adopts", || gateway.root("wan0") == "htb");
    drop(daemon);
    // Stopped by hand and started again: what was put aside before is not forgotten for our own queues.
    gateway.hold("");
    gateway.equalnet("clear");
    assert_eq!(theirs(), before);

    // Killed between saving and replacing: the copy is there, and theirs stands.
    let file = gateway.folder.path().join("state/shaper-0.json");
    std::fs::write(&file, &saved).unwrap();
    gateway.equalnet("clear");
    assert_eq!(theirs(), before, "putting back what stands changes nothing");
    std::fs::write(&file, &saved).unwrap();
    gateway.hold("");
    // Killed between replacing and the first class, then between taking ours away and putting theirs back.
    gateway.tc("qdisc del dev wan0 root");
    gateway.tc("qdisc add dev wan0 root handle e002: htb default 2");
    gateway.hold("");
    gateway.tc("qdisc del dev wan0 root");
    gateway.equalnet("clear");
    assert_eq!(theirs(), before);
    assert!(!file.exists(), "all is back: nothing is kept");
}
