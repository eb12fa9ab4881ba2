//! At night a child process learns this network's own history; whenever the weights change, the loop gets them.
//!
//! The child is this program again (`equalnet train`), behind everything else that runs here and bounded by the
//! kernel: whatever becomes of it, the daemon goes on. That it was right is seen by the file it leaves, as what a person
//! trained or undid by hand is, too.

use crate::clock::Clock;
use crate::config::TrainConfig;
use crate::weights;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use engine::Input;
use forecast::Family;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use vocab::{LocalTime, Timestamp, WeightsInForce};

/// How often the file and the clock are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

const DAY: Duration = Duration::from_secs(86_400);

/// A child that says more than this is not ours.
const MOST_SAID: u64 = 64 << 10;

/// Where weights come from, and where they go.
pub struct Nightly {
    /// When a child learns; never without it.
    pub train: Option<TrainConfig>,
    /// What the child reads.
    pub config_file: PathBuf,
    /// Where weights are.
    pub state_dir: PathBuf,
    /// The stamp of those in force.
    pub stamp: weights::Stamp,
    /// By which "at night" is told.
    pub local_time: LocalTime,
    /// To the engine.
    pub inputs: Sender<Input>,
    /// To those who ask about series of their own.
    pub families: watch::Sender<Arc<Family>>,
}

impl Nightly {
    /// Runs until `stop` is gone.
    pub fn run(mut self, clock: &Clock, stop: &Receiver<()>) {
        let mut child: Option<Child> = None;
        let mut looked = clock.now();
        while stop.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            let now = clock.now();
            self.look();
            let before = std::mem::replace(&mut looked, now);
            if let Some(train) =
                self.train.filter(|train| child.is_none() && is_due(&self.local_time, before, now, train.at))
            {
                child = self.begin(train);
            }
            if let Some(running) = &mut child
                && let Ok(Some(status)) = running.try_wait()
            {
                told(running, status);
                child = None;
            }
        }
        if let Some(mut child) = child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Puts the weights in force where the file is another one.
    fn look(&mut self) {
        let stamp = weights::stamp(&self.state_dir);
        if stamp == self.stamp {
            return;
        }
        self.stamp = stamp;
        let (family, in_force) = weights::in_force(&self.state_dir);
        announce(&in_force);
        let family = Arc::new(family);
        self.families.send_replace(Arc::clone(&family));
        // Full: the loop is seconds behind; it hears of it at the next change.
        if self.inputs.try_send(Input::Weights { family, in_force }).is_err() {
            self.stamp = None;
        }
    }

    fn begin(&self, train: TrainConfig) -> Option<Child> {
        // The program as it runs, also where its file was replaced meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command
            .args(["train", "--json", "--idle", "--threads", "1", "--config"])
            .arg(&self.config_file)
            .args(["--cpu-time", &format!("{} s", train.cpu_time.as_secs())])
            .args(["--memory", &format!("{} B", train.memory.0)])
            // It is no service of its own.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => {
                tracing::info!("the forecasts' weights learn this network's history");
                Some(child)
            }
            Err(error) => {
                tracing::warn!(%error, "no child could be started that learns");
                None
            }
        }
    }
}

/// Says which weights are in force.
pub fn announce(in_force: &WeightsInForce) {
    match in_force {
        WeightsInForce::Shipped => tracing::info!("forecasts are made with the shipped weights"),
        WeightsInForce::Own { since } => {
            tracing::info!(since_s = since.as_unix_secs(), "forecasts are made with this network's own weights");
        }
        WeightsInForce::Refused { reason } => {
            tracing::warn!(reason, "own weights cannot be used; forecasts are made with the shipped ones");
        }
    }
}

/// Logs what a child said that ended.
fn told(child: &mut Child, status: std::process::ExitStatus) {
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        let _ = stdout.take(MOST_SAID).read_to_string(&mut said);
    }
    let said: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
    match (said["trained"].as_bool(), said["put_in_force"].as_bool()) {
        (Some(true), put_in_force) => tracing::info!(
            ratio = said["ratio"].as_f64(),
            put_in_force = put_in_force == Some(true),
            "what was learnt was judged by the last day"
        ),
        (Some(false), _) => tracing::info!(why = said["why"].as_str(), "nothing was learnt"),
        (None, _) => tracing::warn!(%status, "learning ended without a result; the weights in force stay"),
    }
}

/// Whether it became `at` (seconds after local midnight) between two looks.
fn is_due(local_time: &LocalTime, before: Timestamp, now: Timestamp, at: u32) -> bool {
    if now.since(before) >= DAY {
        return true;
    }
    let [before, now] = [before, now].map(|time| local_time.second_of_day(time));
    if before <= now { before < at && at <= now } else { before < at || at <= now }
}

/// The weights of a start.
pub fn at_start(state_dir: &Path) -> (weights::Stamp, Arc<Family>, WeightsInForce) {
    // The stamp first: what changes meanwhile is seen by the first look.
    let stamp = weights::stamp(state_dir);
    let (family, in_force) = weights::in_force(state_dir);
    announce(&in_force);
    (stamp, Arc::new(family), in_force)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;

    #[test]
    fn it_is_due_once_a_night() {
        let local = LocalTime::fixed(3_600);
        let at = |second: u64| Timestamp::from_unix_secs(1_750_032_000 + second); // midnight, UTC
        let check = |before, now, expected| {
            assert_eq!(is_due(&local, at(before), at(now), 12_600), expected, "{before} {now}"); // 03:30
        };
        check(8_990, 9_000, true);
        check(9_000, 9_010, false);
        check(8_980, 8_990, false);
        check(9_000, 95_400, true); // asleep for a day
        check(82_000, 82_900, false); // over midnight
        check(82_000, 95_401, true);
        check(9_000, 9_000, false);
        // Midnight itself.
        assert!(is_due(&local, at(82_795), at(82_805), 0));
        assert!(!is_due(&local, at(82_805), at(82_815), 0));
    }

    #[test]
    fn weights_that_change_reach_the_engine_once_whoever_changed_them() {
        let folder = tempfile::tempdir().unwrap();
        let (inputs, heard) = bounded(4);
        let (stamp, family, in_force) = at_start(folder.path());
        assert_eq!(in_force, WeightsInForce::Shipped);
        let (families, asked) = watch::channel(family);
        let mut nightly = Nightly {
            train: None,
            config_file: PathBuf::new(),
            state_dir: folder.path().to_path_buf(),
            stamp,
            local_time: LocalTime::default(),
            inputs,
            families,
        };
        let mut next = || {
            nightly.look();
            match heard.try_recv() {
                Ok(Input::Weights { family, in_force }) => Some((family.networks().len(), in_force)),
                Ok(other) => panic!("{other:?}"),
                Err(_) => None,
            }
        };
        assert_eq!(next(), None);
        let one = Family::new(Family::shipped().networks()[..1].to_vec());
        weights::put_in_force(folder.path(), &one, "{}").unwrap();
        assert!(matches!(next(), Some((1, WeightsInForce::Own { .. }))));
        assert_eq!(next(), None);
        assert_eq!(asked.borrow().networks().len(), 1);
        std::fs::write(folder.path().join("forecast/own.safetensors"), "nonsense").unwrap();
        assert!(matches!(next(), Some((_, WeightsInForce::Refused { .. }))));
        weights::undo(folder.path()).unwrap();
        assert!(matches!(next(), Some((_, WeightsInForce::Shipped))));
        assert_eq!(asked.borrow().networks(), Family::shipped().networks());
    }
}
