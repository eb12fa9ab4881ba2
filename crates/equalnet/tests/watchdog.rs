//! A daemon of which one thread hangs is fed no more, so that systemd starts it anew.
//!
//! Files that are pipes without another end stand for disks that do not answer. systemd is this test: it listens on
//! `NOTIFY_SOCKET`. Hanging the shaper needs root, for a namespace with interfaces to shape.
#![allow(clippy::print_stderr, reason = "a person reads what was skipped")]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whatever else runs here.
const PATIENCE: Duration = Duration::from_secs(90);
/// Fed twice a second: who is not for so long is not fed any more.
const HUNGER: Duration = Duration::from_secs(4);

struct Daemon {
    folder: tempfile::TempDir,
    child: Child,
    notices: UnixDatagram,
}

impl Daemon {
    /// With a `[[link]]` and what else `lines` say; in a namespace, where `inside` names one.
    fn start(folder: tempfile::TempDir, lines: &str, inside: Option<&str>) -> Daemon {
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("state")).unwrap();
        let config = format!(
            "state_dir = {:?}\nrun_dir = {:?}\n{lines}\n[[link]]\nlan = \"lan0\"\nwan = \"wan0\"\n\
             download = \"50 Mbit/s\"\nupload = \"10 Mbit/s\"\n[api]\nlisten = []\nsocket = {:?}\n[forecast]\n\
             train_at = \"off\"\n",
            path("state"),
            path("run"),
            path("api.sock"),
        );
        std::fs::write(path("equalnet.toml"), config).unwrap();
        let notices = UnixDatagram::bind(path("notices")).unwrap();
        notices.set_read_timeout(Some(HUNGER)).unwrap();
        let program = env!("CARGO_BIN_EXE_equalnet");
        let mut command = match inside {
            None => Command::new(program),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, program]);
                command
            }
        };
        let child = command
            .args(["run", "--config"])
            .arg(path("equalnet.toml"))
            .env("NOTIFY_SOCKET", path("notices"))
            .stdin(Stdio::null())
            .stderr(File::create(path("log")).unwrap())
            .spawn()
            .expect("the daemon starts");
        Daemon { folder, child, notices }
    }

    /// Whether it is fed within [`HUNGER`].
    fn is_fed(&self) -> bool {
        let mut notice = [0; 256];
        loop {
            match self.notices.recv(&mut notice) {
                Ok(length) if notice[..length].starts_with(b"WATCHDOG=1") => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    fn wait_until(&self, fed: bool) {
        let began = Instant::now();
        while self.is_fed() != fed {
            assert!(began.elapsed() < PATIENCE, "fed should become {fed}\n{}", self.log());
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What blocks whoever reads or writes it, until somebody does the other.
fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
    assert!(made.success());
}

/// Lets go whoever writes into it.
fn read(path: PathBuf) -> File {
    OpenOptions::new().read(true).custom_flags(0o4000).open(path).expect("O_NONBLOCK does not wait")
}

/// A capture without packets (pcap-savefile(5)).
fn empty_capture() -> Vec<u8> {
    [&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0][..], &[0; 8], &[0, 0, 4, 0], &[1, 0, 0, 0]].concat()
}

fn of_file(file: &Path) -> String {
    format!("[capture]\nsource = \"file\"\nfile = {file:?}\n")
}

#[test]
fn a_control_loop_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("empty.pcap");
    std::fs::write(&capture, empty_capture()).unwrap();
    let daemon = Daemon::start(folder, &of_file(&capture), None);
    daemon.wait_until(true);
    // It reads its configuration again from who does not write.
    let file = daemon.folder.path().join("equalnet.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    pipe(&file);
    assert!(Command::new("kill").args(["-HUP", &daemon.child.id().to_string()]).status().unwrap().success());
    daemon.wait_until(false);
    std::fs::write(file, text).unwrap();
    daemon.wait_until(true);
}

#[test]
fn a_worker_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("endless.pcap");
    pipe(&capture);
    let lines = of_file(&capture);
    let daemon = Daemon::start(folder, &lines, None);
    let mut writer = OpenOptions::new().write(true).open(&capture).expect("the daemon reads it");
    // Its first two bytes are read apart: is it zipped?
    writer.write_all(&empty_capture()[..2]).unwrap();
    writer.write_all(&empty_capture()).unwrap();
    daemon.wait_until(true);
    daemon.wait_until(false);
    assert!(daemon.log().contains("worker") && daemon.log().contains("hangs"), "{}", daemon.log());
    drop(writer);
    daemon.wait_until(true);
}

#[test]
fn a_shaper_that_hangs() {
    if !Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n") {
        eprintln!("SKIPPED: this test shapes in a network namespace and needs root; nothing was proved");
        return;
    }
    let namespace = Namespace::new();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("state")).unwrap();
    let file = folder.path().join("state/shaper-0.draft");
    pipe(&file);
    let daemon = Daemon::start(folder, "mode = \"control\"\n", Some(&namespace.0));
    daemon.wait_until(true);
    daemon.wait_until(false);
    assert!(daemon.log().contains("shaper") && daemon.log().contains("hangs"), "{}", daemon.log());
    let _reader = read(file);
    daemon.wait_until(true);
}

/// `lan0` and `wan0`. Removed when dropped.
struct Namespace(String);

impl Namespace {
    fn new() -> Namespace {
        let namespace = Namespace(format!("wdg_{}", std::process::id()));
        let ip = |words: &str| {
            let done = Command::new("ip").args(words.split(' ')).status().expect("ip runs");
            assert!(done.success(), "ip {words}");
        };
        ip(&format!("netns add {}", namespace.0));
        for words in [
            "link add lan0 type veth peer name a",
            "link add wan0 type veth peer name b",
            "link set lan0 up",
            "link set wan0 up",
        ] {
            ip(&format!("-n {} {words}", namespace.0));
        }
        namespace
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}
