//! The demo without root: the program named by `EQUALNET_PROGRAM`, run by a user who may nothing.

use lab::ReplayReport;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// `nobody` on every Linux.
const NOBODY: u32 = 65_534;

/// A program that anybody may run, in a folder of its own; both are gone at the end.
struct Place {
    folder: PathBuf,
}

impl Place {
    /// `None`, and a line that says why, where the test cannot run.
    fn make(name: &str) -> Option<Place> {
        let Some(program) = std::env::var_os("EQUALNET_PROGRAM") else {
            // Past the harness, which keeps what passing tests print to itself.
            let _ = writeln!(std::io::stdout(), "SKIPPED: {name}: EQUALNET_PROGRAM names no program");
            return None;
        };
        let folder = std::env::temp_dir().join(format!("equalnet-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("tmp")).unwrap();
        let place = Place { folder };
        std::fs::copy(program, place.program()).unwrap();
        std::fs::set_permissions(place.program(), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::set_permissions(&place.folder, PermissionsExt::from_mode(0o755)).unwrap();
        if lab::is_root() {
            chown(place.tmp(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        Some(place)
    }

    fn program(&self) -> PathBuf {
        self.folder.join("equalnet")
    }

    /// The only folder that the program may write.
    fn tmp(&self) -> PathBuf {
        self.folder.join("tmp")
    }

    fn demo(&self, seconds: u32) -> Command {
        let program = self.program();
        let mut command = if lab::is_root() {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
            command.arg("--bounding-set=-all").arg(&program);
            command
        } else {
            Command::new(&program)
        };
        command.args(["demo", "--no-browser", "--for", &format!("{seconds}s"), "--report"]);
        command.arg(self.tmp().join("report.json")).env("TMPDIR", self.tmp()).current_dir("/").stdin(Stdio::null());
        command
    }

    fn left(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.tmp()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_user_without_rights_sees_the_recorded_household() {
    let Some(place) = Place::make("user") else { return };
    let Output { status, stdout, stderr } = place.demo(14).output().unwrap();
    let said = String::from_utf8_lossy(&stdout);
    assert!(status.success(), "{said}{}", String::from_utf8_lossy(&stderr));
    assert!(said.contains("No root: a recorded household is replayed; EqualNet only observes."), "{said}");

    let file = place.tmp().join("report.json");
    let report: ReplayReport = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!((report.mode.as_str(), report.source.as_str()), ("observe", "file"));
    assert_eq!((report.plans_applied, report.capture_dropped), (0, 0));
    assert!(report.packets > 10_000 && report.bytes > 10_000_000, "{report:?}");
    assert_eq!((report.wrong_flows, report.unseen_flows), (vec![], vec![]));
    assert!(report.classes.len() >= 7, "{:?}", report.classes);
    assert!(report.classes.values().all(|score| score.right == score.flows && score.flows > 0));
    assert_eq!(report.devices_missing, [""; 0]);
    // The gateway is none of them.
    assert_eq!(report.devices.len(), 7, "{:?}", report.devices);
    assert_eq!(place.left(), [file]);
}

#[test]
fn a_killed_demo_leaves_nothing_behind() {
    let Some(place) = Place::make("killed") else { return };
    let mut demo = place.demo(120).stdout(Stdio::null()).spawn().unwrap();
    let runs = || place.left().iter().any(|folder| folder.join("run/api.sock").exists());
    await_that("it runs", runs);
    let daemon = |folder: &Path| {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let commands = processes.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok());
        commands.filter(|command| command.contains(&*folder.to_string_lossy())).count()
    };
    assert!(daemon(&place.tmp()) >= 3, "demo, watchdog and daemon name the folder");
    demo.kill().unwrap();
    demo.wait().unwrap();
    await_that("everything is gone", || place.left().is_empty() && daemon(&place.tmp()) == 0);
}

#[track_caller]
fn await_that(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
