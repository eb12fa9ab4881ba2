//! A night: the daemon starts a child that learns, bounds it, survives it, and takes it along when it ends.
//!
//! Nothing is captured (the file is empty), so that no rights are needed. The daemon's clock stands some seconds before
//! the time of its night: its zone says so.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};
use store::{Message, Retention, Store, StoreSettings};
use vocab::{Aggregate, ByteCount, DeviceId, Directed, LinkId, MacAddress, Record, Sample, Timestamp, TrafficClass};

/// Long enough for a daemon to start, short enough to be seen by the first look, 10 s later.
const UNTIL_NIGHT_S: u64 = 9;

/// Hours of history that are enough to learn from (a day) and to judge by (the last one), and to be busy for a minute.
const LONG_H: u64 = 50;

/// Whatever else runs here.
const PATIENCE: Duration = Duration::from_secs(90);

/// A configuration, and films of so many hours, ending now, on so many devices in a history.
fn folder(hours: u64, devices: u8) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    write_films(&state.join("history.db"), hours, devices);
    // A capture without packets (pcap-savefile(5)).
    let mut header = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    header.extend([[0u8; 4], [0; 4], [0, 0, 4, 0], [1, 0, 0, 0]].concat());
    std::fs::write(folder.path().join("empty.pcap"), header).unwrap();
    let config = format!(
        "mode = \"observe\"\nstate_dir = {state:?}\nrun_dir = {:?}\n\n[[link]]\nname = \"film\"\nlan = \"br-lan\"\n\
         wan = \"wan0\"\ndownload = \"50 Mbit/s\"\nupload = \"10 Mbit/s\"\n\n[capture]\nsource = \"file\"\n\
         file = {:?}\n\n[api]\nlisten = []\nsocket = {:?}\n\n[forecast]\ntrain_at = \"03:30\"\n",
        folder.path().join("run"),
        folder.path().join("empty.pcap"),
        folder.path().join("api.sock"),
    );
    std::fs::write(folder.path().join("equalnet.toml"), config).unwrap();
    folder
}

/// A daemon with a history of its own, in a folder that is gone at the end.
struct Night {
    folder: tempfile::TempDir,
    daemon: Child,
}

impl Night {
    /// With films of `hours` in its history.
    fn begin(hours: u64) -> Night {
        let folder = folder(hours, 2);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let daemon = equalnet()
            .args(["run", "--config"])
            .arg(folder.path().join("equalnet.toml"))
            .env("TZ", zone(UNTIL_NIGHT_S))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn();
        Night { daemon: daemon.unwrap(), folder }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits for a line in the daemon's log.
    #[track_caller]
    fn await_line(&self, words: &str) {
        await_that(PATIENCE, || self.log().contains(words), || format!("no `{words}` in:\n{}", self.log()));
    }

    /// Its learning child.
    fn child(&self) -> Option<u32> {
        let config = self.folder.path().join("equalnet.toml");
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mut ids = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
        ids.find(|id| {
            let command = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
            command.contains("--nightly") && command.contains(&*config.to_string_lossy())
        })
    }

    #[track_caller]
    fn await_child(&self) {
        await_that(PATIENCE, || self.child().is_some(), || format!("no child learns:\n{}", self.log()));
    }

    #[track_caller]
    fn await_no_child(&self) {
        await_that(Duration::from_secs(10), || self.child().is_none(), || "the child goes on".to_owned());
    }

    /// What a program of ours answers about it.
    fn ask(&self, words: &[&str]) -> String {
        let mut asking = equalnet();
        let Output { status, stdout, stderr } =
            asking.args(words).arg("--socket").arg(self.folder.path().join("api.sock")).output().unwrap();
        assert!(status.success(), "{words:?}: {}{}", String::from_utf8_lossy(&stderr), self.log());
        String::from_utf8(stdout).unwrap()
    }

    fn own_weights(&self) -> PathBuf {
        self.folder.path().join("state/forecast/own.safetensors")
    }
}

impl Drop for Night {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn equalnet() -> Command {
    Command::new(env!("CARGO_BIN_EXE_equalnet"))
}

/// A zone (POSIX.1-2017, 8.3) in which it is half past three at night in so many seconds.
fn zone(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let behind = ((now + seconds) % 86_400) as i64 - 12_600;
    let behind = if behind > 43_200 { behind - 86_400 } else { behind };
    let sign = if behind < 0 { "-" } else { "" };
    let behind = behind.abs();
    format!("NGT{sign}{:02}:{:02}:{:02}", behind / 3_600, behind / 60 % 60, behind % 60)
}

/// Films in segments, two sorts of them, each segment a little sooner or later and larger or smaller, for so many hours
/// until now.
fn write_films(path: &Path, hours: u64, devices: u8) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let settings = StoreSettings::at(path);
    let retention = Retention { seconds: Duration::from_secs(7 * 86_400), ..settings.retention };
    let mut writer = Store::open(StoreSettings { retention, ..settings }).unwrap().into_writer().unwrap();
    let sorts = [(40, 4, 2_000_000), (56, 6, 900_000)];
    for hour in (0..hours).rev() {
        let mut samples = Vec::new();
        for start in now - (hour + 1) * 3_600..now - hour * 3_600 {
            for last in 1..=devices {
                let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, last]));
                let (every, segment_s, bytes) = sorts[usize::from(last) % sorts.len()];
                let (segment, at) = ((start + u64::from(last)) / every, (start + u64::from(last)) % every);
                let begins = by_chance(segment, last, every / 4);
                let is_fetched = (begins..begins + segment_s).contains(&at);
                let bytes = if is_fetched { bytes / 2 + by_chance(start, last, bytes) } else { 400 };
                samples.push(Sample {
                    link: LinkId(0),
                    aggregate: Aggregate { device, class: TrafficClass::Streaming },
                    start: Timestamp::from_unix_secs(start),
                    window: Duration::from_secs(1),
                    bytes: Directed { download: ByteCount(bytes), upload: ByteCount::ZERO },
                    packets: Directed { download: 1, upload: 0 },
                    flows: 1,
                });
            }
        }
        writer.write(Message::Record(Record::Samples(samples))).unwrap();
    }
}

/// Below `bound`, always the same of the same (a step of SplitMix64).
fn by_chance(of: u64, device: u8, bound: u64) -> u64 {
    let mixed = (of << 8 | u64::from(device)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 27) % bound
}

#[track_caller]
fn await_that(patience: Duration, is_so: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let deadline = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {patience:?}: {}", otherwise());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_night_with_too_little_history_learns_nothing_and_says_so() {
    let night = Night::begin(2);
    night.await_line("the forecasts' weights learn this network's history");
    night.await_line("nothing was learnt");
    assert!(night.log().contains("too little history"), "{}", night.log());
    assert!(!night.own_weights().exists());
    assert!(night.ask(&["forecast", "show"]).contains("The weights are those that ship"), "{}", night.log());
}

#[test]
fn a_daemon_whose_child_the_kernel_kills_goes_on() {
    let night = Night::begin(LONG_H);
    night.await_child();
    // As it does where memory runs out.
    let child = night.child().unwrap().to_string();
    assert!(Command::new("kill").args(["-9", &child]).status().unwrap().success());
    night.await_line("learning ended without a result; the weights in force stay");
    assert!(!night.own_weights().exists());
    assert!(night.ask(&["forecast", "show"]).contains("The weights are those that ship"), "{}", night.log());
}

#[test]
fn who_learns_is_ended_by_the_kernel_at_its_bounds() {
    let folder = folder(LONG_H, 2);
    for (bound, signal, needs) in [
        // A day of films are 300,000 rows of 330 bytes, whose list grows by doubling.
        (["--memory", "100 MB"], 6, "memory allocation of"),
        (["--cpu-time", "2 s"], 9, ""),
    ] {
        let mut learning = equalnet();
        learning.args(["train", "--threads", "1", "--config"]).arg(folder.path().join("equalnet.toml")).args(bound);
        let Output { status, stderr, .. } = learning.output().unwrap();
        let said = String::from_utf8_lossy(&stderr);
        assert_eq!((status.signal(), status.code()), (Some(signal), None), "{bound:?}: {said}");
        assert!(said.contains(needs), "{bound:?}: {said}");
        assert!(!folder.path().join("state/forecast/own.safetensors").exists());
    }
}

/// What happens where a daemon is killed before its child has asked to be told of that.
#[test]
fn a_child_whose_daemon_has_ended_already_ends() {
    let folder = folder(LONG_H, 1);
    let gone = Command::new("true").spawn().unwrap();
    let mut learning = equalnet();
    learning.args(["train", "--nightly", &gone.id().to_string(), "--config"]);
    let Output { status, stderr, .. } = learning.arg(folder.path().join("equalnet.toml")).output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("has ended"), "{said}");
    gone.wait_with_output().unwrap();
}

#[test]
fn a_killed_daemon_takes_its_child_along() {
    let mut night = Night::begin(LONG_H);
    night.await_child();
    night.daemon.kill().unwrap();
    night.daemon.wait().unwrap();
    night.await_no_child();
}

#[test]
fn a_daemon_that_stops_takes_its_child_along() {
    let mut night = Night::begin(LONG_H);
    night.await_child();
    assert!(Command::new("kill").arg(night.daemon.id().to_string()).status().unwrap().success());
    assert!(night.daemon.wait().unwrap().success(), "{}", night.log());
    night.await_no_child();
}

/// The whole of it: `cargo test -p equalnet --test night -- --ignored`.
#[test]
#[ignore = "learning takes a minute or two of a core"]
fn a_night_learns_is_judged_by_a_day_it_has_not_seen_and_puts_that_in_force() {
    let night = Night::begin(LONG_H);
    night.await_child();
    let judged = "what was learnt was judged by the last day";
    await_that(Duration::from_secs(900), || night.log().contains(judged), || night.log());
    let _ = writeln!(std::io::stdout(), "{}", night.log());
    night.await_line("put_in_force=true");
    assert!(night.own_weights().with_file_name("own.json").exists());
    night.await_line("forecasts are made with this network's own weights");
    let shown = || night.ask(&["forecast", "show"]);
    await_that(PATIENCE, || shown().contains("The weights are this network's own"), || night.log());
}

/// Of 55 devices in 50 hours as many seconds are read as 1 GB is for: `-- --ignored --nocapture`, some minutes of a core.
#[test]
#[ignore = "learning takes some minutes of a core"]
fn who_learns_all_that_the_memory_is_for_stays_within_it() {
    let folder = folder(LONG_H, 55);
    let mut learning = equalnet();
    learning.args(["train", "--dry-run", "--threads", "1", "--memory", "1 GB", "--config"]);
    let mut learning = learning.arg(folder.path().join("equalnet.toml")).stdout(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", learning.id());
    let mut peaks = String::new();
    while learning.try_wait().unwrap().is_none() {
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        let of = |name: &str| now.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        if let (Some(resident), Some(all)) = (of("VmHWM:"), of("VmPeak:")) {
            peaks = format!("{resident}\n{all}\n");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let output = learning.wait_with_output().unwrap();
    let _ = writeln!(std::io::stdout(), "{}{peaks}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{peaks}");
}
