//! At night a child process learns this network's own history; whenever the weights change, the loop gets them.
//!
//! The child is this program again (`equalnet train`), behind everything else that runs here and bounded by the
//! kernel: whatever becomes of it, the daemon goes on. That it was right is seen by the file it leaves, as what a person
//! trained or undid by hand is, too.

use crate::clock::Clock;
use crate::config::TrainConfig;
use crate::{limits, weights};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use engine::Input;
use forecast::Family;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use vocab::{LocalTime, Timestamp, WeightsInForce};

/// How often the file and the clock are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

const DAY_S: i64 = 86_400;

/// So long after its time it is still due: later, the machine slept or its clock was wrong, and the night is over.
const DUE_FOR_S: i64 = 3_600;

/// A child waits for all else that runs here; one that waits for longer than this is ended.
const LONGEST: Duration = Duration::from_secs(8 * 3_600);

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
    /// To the engine; nowhere where nothing is foreseen.
    pub inputs: Option<Sender<Input>>,
    /// To those who ask about series of their own.
    pub families: watch::Sender<Arc<Family>>,
    /// What the engine has not got yet.
    pub waiting: Option<Input>,
}

impl Nightly {
    /// Runs until `stop` is gone.
    pub fn run(mut self, clock: &Clock, stop: &Receiver<()>) {
        let mut child: Option<(Child, Instant)> = None;
        let mut nights = self.train.map(|train| Nights::new(&self.local_time, clock.now(), train.at));
        while stop.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            self.look();
            let is_due = nights.as_mut().is_some_and(|nights| nights.is_due(&self.local_time, clock.now()));
            if let Some(train) = self.train.filter(|_| is_due && child.is_none()) {
                child = self.begin(train).map(|child| (child, Instant::now()));
            }
            tend(&mut child, LONGEST);
        }
        if let Some((mut child, _)) = child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Puts the weights in force where the file is another one.
    fn look(&mut self) {
        let stamp = weights::stamp(&self.state_dir);
        if stamp != self.stamp {
            self.stamp = stamp;
            let (family, in_force) = weights::in_force(&self.state_dir);
            let family = Arc::new(family);
            self.families.send_replace(Arc::clone(&family));
            if self.inputs.is_some() {
                announce(&in_force);
                self.waiting = Some(Input::Weights { family, in_force });
            }
        }
        // Full: the loop is seconds behind; it hears of it at the next look.
        if let (Some(inputs), Some(input)) = (&self.inputs, self.waiting.take()) {
            self.waiting = inputs.try_send(input).err().map(TrySendError::into_inner);
        }
    }

    fn begin(&self, train: TrainConfig) -> Option<Child> {
        if let Some(available) = limits::available_memory().filter(|available| *available < train.memory) {
            tracing::info!(
                available_bytes = available.0,
                wanted_bytes = train.memory.0,
                "too little memory is free to learn tonight"
            );
            return None;
        }
        // The program as it runs, also where its file was replaced meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command
            .args(words(&self.config_file, train))
            // It is no service of its own.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Why it fails stands in the daemon's own log.
            .stderr(Stdio::inherit());
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

/// Ends a child that runs for longer than `longest`, and tells of one that has ended.
fn tend(child: &mut Option<(Child, Instant)>, longest: Duration) {
    let Some((running, since)) = child else { return };
    if since.elapsed() > longest {
        let _ = running.kill();
    }
    if let Ok(Some(status)) = running.try_wait() {
        told(running, status);
        *child = None;
    }
}

/// What the child is told.
fn words(config_file: &Path, train: TrainConfig) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["train", "--json", "--threads", "1"].map(OsString::from).into();
    words.extend(["--nightly".into(), std::process::id().to_string().into()]);
    words.extend(["--config".into(), config_file.into()]);
    words.extend(["--cpu-time".into(), format!("{} s", train.cpu_time.as_secs()).into()]);
    words.extend(["--memory".into(), format!("{} B", train.memory.0).into()]);
    words
}

/// Says which weights are in force.
fn announce(in_force: &WeightsInForce) {
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
            undone = said["undone"].as_bool() == Some(true),
            "what was learnt was judged by the last day"
        ),
        (Some(false), _) => tracing::info!(why = said["why"].as_str(), "nothing was learnt"),
        (None, _) => tracing::warn!(%status, "learning ended without a result; the weights in force stay"),
    }
}

/// Nights, each of which begins at the same time of the local day.
#[derive(Clone, Copy, Debug)]
struct Nights {
    /// Seconds after local midnight.
    at: u32,
    /// The last one that began.
    begun: i64,
}

impl Nights {
    fn new(local_time: &LocalTime, now: Timestamp, at: u32) -> Nights {
        Nights { at, begun: night(local_time, now, at).0 }
    }

    /// Whether one began lately that was not asked about yet.
    fn is_due(&mut self, local_time: &LocalTime, now: Timestamp) -> bool {
        let (night, for_s) = night(local_time, now, self.at);
        // Back by an hour is winter time, and the same night; back by days is a clock that was wrong.
        let is_next = night > self.begun;
        if is_next || night < self.begun - 1 {
            self.begun = night;
        }
        is_next && for_s < DUE_FOR_S
    }
}

/// Which night it is, and since when it has been, in local seconds.
fn night(local_time: &LocalTime, now: Timestamp, at: u32) -> (i64, i64) {
    let since = now.as_unix_secs() as i64 + i64::from(local_time.offset_at(now)) - i64::from(at);
    (since.div_euclid(DAY_S), since.rem_euclid(DAY_S))
}

/// The weights of a start.
pub fn at_start(state_dir: &Path) -> (weights::Stamp, Arc<Family>, WeightsInForce) {
    // The stamp first: what changes meanwhile is seen by the first look.
    let stamp = weights::stamp(state_dir);
    let (family, in_force) = weights::in_force(state_dir);
    (stamp, Arc::new(family), in_force)
}

/// For the engine, which foresees with them: said in the log, too.
pub fn first(family: Arc<Family>, in_force: WeightsInForce) -> Input {
    announce(&in_force);
    Input::Weights { family, in_force }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;
    use std::os::unix::process::ExitStatusExt;

    /// At which of `looks` (seconds after midnight UTC) it is due, where `at` is the time of the night.
    fn check(local: &LocalTime, at: u32, looks: &[i64], expected: &[i64]) {
        let time = |second: i64| Timestamp::from_unix_secs((MIDNIGHT + second) as u64);
        let mut nights = Nights::new(local, time(looks[0]), at);
        let due: Vec<i64> = looks.iter().copied().filter(|&look| nights.is_due(local, time(look))).collect();
        assert_eq!(due, expected, "{looks:?}");
    }

    const MIDNIGHT: i64 = 1_750_032_000;

    #[test]
    fn it_is_due_once_a_night() {
        let local = LocalTime::fixed(3_600);
        let half_past_three = 12_600;
        check(&local, half_past_three, &[8_980, 8_990, 9_000, 9_010, 12_000, 95_390, 95_400, 95_410], &[9_000, 95_400]);
        check(&local, half_past_three, &[9_000, 9_010], &[]); // started just then
        check(&local, half_past_three, &[8_000, 12_599], &[12_599]); // slept for less than an hour
        check(&local, half_past_three, &[8_000, 12_601, 12_611, 95_400], &[95_400]); // slept through it
        check(&local, half_past_three, &[8_990, 40 * 86_400 + 50_000, 41 * 86_400 + 9_000], &[41 * 86_400 + 9_000]);
        // The clock was wrong, and far ahead: put right at noon.
        check(&local, half_past_three, &[40 * 86_400, 40_000, 95_400], &[95_400]);
        check(&local, 0, &[82_795, 82_805, 82_815], &[82_805]);
    }

    #[test]
    fn moved_clocks_make_no_night_longer() {
        // At one in the morning UTC, from two hours east to one, or the other way.
        let change = Timestamp::from_unix_secs((MIDNIGHT + 3_600) as u64);
        let half_past_two = 9_000;
        let looks: Vec<i64> = (-3_600..4 * 3_600).step_by(10).collect();
        check(&LocalTime::with_changes(7_200, vec![(change, 3_600)]), half_past_two, &looks, &[1_800]);
        check(&LocalTime::with_changes(7_200, vec![(change, 3_600)]), 12_600, &looks, &[9_000]);
        // There is no half past two.
        check(&LocalTime::with_changes(3_600, vec![(change, 7_200)]), half_past_two, &looks, &[3_600]);
    }

    #[test]
    fn the_child_understands_what_it_is_told() {
        let train = TrainConfig { at: 0, cpu_time: Duration::from_secs(900), memory: vocab::ByteCount(1_000_000_000) };
        let told = words(Path::new("/etc/equalnet/equalnet.toml"), train);
        let all = std::iter::once(OsString::from("equalnet")).chain(told);
        let parsed = crate::command().try_get_matches_from(all).unwrap_or_else(|error| panic!("{error}"));
        let (verb, parsed) = parsed.subcommand().unwrap();
        assert_eq!(verb, "train");
        assert!(parsed.get_flag("json"));
        assert_eq!(parsed.get_one::<u32>("nightly"), Some(&std::process::id()));
        assert_eq!(parsed.get_one::<Duration>("cpu_time"), Some(&train.cpu_time));
        assert_eq!(parsed.get_one::<vocab::ByteCount>("memory"), Some(&train.memory));
    }

    #[test]
    fn a_child_that_takes_too_long_is_ended() {
        let sleeping = Command::new("sleep").arg("60").stdout(Stdio::piped()).spawn().unwrap();
        let mut child = Some((sleeping, Instant::now()));
        tend(&mut child, LONGEST);
        assert!(child.as_mut().unwrap().0.try_wait().unwrap().is_none(), "it has time left");
        tend(&mut child, Duration::ZERO);
        if let Some((ended, _)) = &mut child {
            assert_eq!(ended.wait().unwrap().signal(), Some(9));
        }
        tend(&mut child, LONGEST);
        assert!(child.is_none());
    }

    #[test]
    fn a_child_that_runs_out_of_memory_ends_alone() {
        let unit = include_str!("../../../packaging/systemd/equalnet.service");
        assert!(unit.lines().any(|line| line == "OOMPolicy=continue"), "{unit}");
    }

    fn watching(folder: &Path, inputs: Option<Sender<Input>>) -> (Nightly, watch::Receiver<Arc<Family>>) {
        let (stamp, family, in_force) = at_start(folder);
        assert_eq!(in_force, WeightsInForce::Shipped);
        let (families, asked) = watch::channel(family);
        let nightly = Nightly {
            train: None,
            config_file: PathBuf::new(),
            state_dir: folder.to_path_buf(),
            stamp,
            local_time: LocalTime::default(),
            inputs,
            families,
            waiting: None,
        };
        (nightly, asked)
    }

    #[test]
    fn a_loop_that_is_behind_hears_of_it_later() {
        let folder = tempfile::tempdir().unwrap();
        let (inputs, heard) = bounded(1);
        let (mut nightly, _asked) = watching(folder.path(), Some(inputs.clone()));
        let one = Family::new(Family::shipped().networks()[..1].to_vec());
        weights::put_in_force(folder.path(), &one, "{}").unwrap();
        nightly.look();
        // It has not taken that yet when all is undone.
        weights::undo(folder.path()).unwrap();
        nightly.look();
        nightly.look();
        assert!(matches!(heard.try_recv(), Ok(Input::Weights { in_force: WeightsInForce::Own { .. }, .. })));
        nightly.look();
        assert!(matches!(heard.try_recv(), Ok(Input::Weights { in_force: WeightsInForce::Shipped, .. })));
        nightly.look();
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn where_nothing_is_foreseen_only_those_who_ask_hear_of_weights() {
        let folder = tempfile::tempdir().unwrap();
        let (mut nightly, asked) = watching(folder.path(), None);
        let one = Family::new(Family::shipped().networks()[..1].to_vec());
        weights::put_in_force(folder.path(), &one, "{}").unwrap();
        nightly.look();
        assert_eq!(asked.borrow().networks().len(), 1);
        assert!(nightly.waiting.is_none());
    }

    #[test]
    fn weights_that_change_reach_the_engine_once_whoever_changed_them() {
        let folder = tempfile::tempdir().unwrap();
        let (inputs, heard) = bounded(4);
        let (mut nightly, asked) = watching(folder.path(), Some(inputs));
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
