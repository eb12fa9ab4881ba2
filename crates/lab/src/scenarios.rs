//! What must hold with real packets, each as one function: it builds its own household, runs the program under
//! test in it, and says what it measured.

mod beginnings;
mod change;
mod classes;
mod clean;
mod lans;
mod law;
mod redial;
mod restart;

use crate::agent::{Activity, Agent, Security};
use crate::crowd::{self, Crowd};
use crate::daemon::{Daemon, DaemonOptions, DeviceSettings, Foresight};
use crate::household::{Household, HouseholdOptions, PORT};
use crate::report::RoundTrips;
use crate::shell;
use crate::story::Story;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use vocab::{BitRate, ByteCount, Directed, Mode};

/// What a scenario measured and whether that is as it must be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which scenario.
    pub scenario: String,
    /// What was measured; the unit is the end of the name.
    pub figures: BTreeMap<String, f64>,
    /// What is not as it must be; empty if all is.
    pub failures: Vec<String>,
    /// What else a reader should know.
    pub notes: Vec<String>,
}

impl Outcome {
    pub(crate) fn new(scenario: &str) -> Outcome {
        Outcome { scenario: scenario.to_owned(), ..Outcome::default() }
    }

    /// Writes down a figure.
    pub(crate) fn figure(&mut self, name: &str, value: f64) {
        self.figures.insert(name.to_owned(), value);
    }

    /// Writes down a figure that must be within `tolerance` (a part) of `expected`.
    fn near(&mut self, name: &str, value: f64, expected: f64, tolerance: f64) {
        self.figure(name, value);
        if (value - expected).abs() > expected * tolerance {
            self.failures
                .push(format!("{name} is {value:.3}, {:.1} % from {expected:.3}", (value / expected - 1.0) * 100.0));
        }
    }

    /// Writes down a figure that must be at most `most`.
    pub(crate) fn at_most(&mut self, name: &str, value: f64, most: f64) {
        self.figure(name, value);
        if value > most || value.is_nan() {
            self.failures.push(format!("{name} is {value:.3}, more than {most:.3}"));
        }
    }

    /// Writes down a figure that must be at least `least`.
    pub(crate) fn at_least(&mut self, name: &str, value: f64, least: f64) {
        self.figure(name, value);
        if value < least || value.is_nan() {
            self.failures.push(format!("{name} is {value:.3}, less than {least:.3}"));
        }
    }
}

/// A scenario: its name, what it shows, and the function that runs it with the program under test.
pub type Scenario = (&'static str, &'static str, fn(&Path) -> Result<Outcome>);

/// All scenarios.
pub const ALL: [Scenario; 12] = [
    ("household", "a household stands, names its devices and leaves nothing behind when killed", clean::household),
    ("tiers", "priority 1 takes what the guarantee of priority 5 leaves", law::tiers),
    ("fair", "two devices of one priority get the same, with one hungry class and with five", law::fair),
    ("tiers-five", "priority 1 with one hungry class against priority 5 with five", law::tiers_five),
    ("lans", "devices of two LANs share one line, and what goes from LAN to LAN does not wait for it", lans::share),
    ("fill", "when one stops, the other fills the link", law::fill),
    ("voice", "a call under load is as quick as alone", law::voice),
    (
        "beginnings",
        "what begins on a full link has what it is owed, with forecasts and without, and nobody loses by them",
        beginnings::beginnings,
    ),
    ("priority", "a changed priority reaches the kernel and loses no packet", change::priority),
    (
        "classes",
        "each flow has its class in the kernel within 10 packets, a masked one by how it moves",
        classes::classes,
    ),
    ("redial", "a line that comes back as another interface is shaped again within two seconds", redial::redial),
    ("restart", "a killed daemon leaves shaping in force, the next one takes it over", restart::kill_and_adopt),
];

/// What the daemon takes for itself, beside nothing else: run only where they are named.
pub const COSTS: [Scenario; 2] = [
    ("crowd-50", "50 devices at 100 Mbit/s take 50 MB and 3 % of a core", crowd_of_50),
    ("crowd-5000", "5,000 devices take 400 MB", crowd_of_5000),
];

fn crowd_of_50(program: &Path) -> Result<Outcome> {
    crowd::measure(
        program,
        &Crowd {
            name: "crowd-50",
            devices: 50,
            rate: BitRate::from_mbps(100),
            capacity: BitRate::from_mbps(200),
            settles: Duration::from_secs(30),
            memory: ByteCount(50_000_000),
            processor: Some(3.0),
        },
    )
}

fn crowd_of_5000(program: &Path) -> Result<Outcome> {
    crowd::measure(
        program,
        &Crowd {
            name: "crowd-5000",
            devices: 5_000,
            rate: BitRate::from_mbps(200),
            capacity: BitRate::from_mbps(1_000),
            settles: Duration::from_secs(90),
            memory: ByteCount(400_000_000),
            processor: None,
        },
    )
}

/// Runs the scenario named `name` with the program under test.
pub fn run(name: &str, program: &Path) -> Result<Outcome> {
    let Some((_, _, scenario)) = ALL.iter().chain(&COSTS).find(|(known, _, _)| *known == name) else {
        let names: Vec<&str> = ALL.iter().map(|(name, _, _)| *name).collect();
        bail!("there is no scenario `{name}`; known are {}", names.join(", "));
    };
    scenario(program)
}

/// What the scenarios' link has.
const CAPACITY: Directed<BitRate> = Directed { download: BitRate::from_mbps(20), upload: BitRate::from_mbps(5) };
/// In Mbit/s.
const DOWNLOAD: f64 = 20.0;

/// The two devices that compete.
const FIRST: &str = "annas-laptop";
const SECOND: &str = "study-pc";

/// A household whose gateway is under control.
struct Stage {
    household: Household,
    daemon: Daemon,
    story: Story,
}

impl Stage {
    /// Builds it, with a daemon that controls from the start.
    fn build(program: &Path, owed: &[(&str, u8, BitRate)]) -> Result<Stage> {
        Stage::build_with(program, owed, Foresight::Forecasts)
    }

    /// The same, with what guarantees follow.
    fn build_with(program: &Path, owed: &[(&str, u8, BitRate)], foresight: Foresight) -> Result<Stage> {
        Stage::build_as(&HouseholdOptions::usual(program.to_owned()), owed, foresight)
    }

    /// The same in another household.
    fn build_in(options: &HouseholdOptions, owed: &[(&str, u8, BitRate)]) -> Result<Stage> {
        Stage::build_as(options, owed, Foresight::Forecasts)
    }

    fn build_as(options: &HouseholdOptions, owed: &[(&str, u8, BitRate)], foresight: Foresight) -> Result<Stage> {
        let mut household = Household::prepare(options)?;
        let daemon = start_daemon(&household, &options.program, owed, foresight)?;
        household.move_in()?;
        Ok(Stage { household, daemon, story: Story::default() })
    }

    fn start(&mut self, device: &str, activity: Activity) -> Result<Agent> {
        self.household.start_on(device, activity)
    }

    /// Starts a meter with windows of `every_ms`.
    fn meter(&mut self, device: &str, every_ms: u64) -> Result<Agent> {
        self.start(device, Activity::Meter { interface: PORT.to_owned(), every_ms })
    }

    /// Starts a download that takes all it gets, `flows` at once from each of `servers`.
    fn hunger(&mut self, device: &str, servers: &[&str], flows: u32) -> Result<Vec<Agent>> {
        servers
            .iter()
            .map(|server| {
                let activity = Activity::Fetch {
                    server: (*server).to_owned(),
                    flows,
                    security: Security::Tls,
                    bytes: 1_000_000_000,
                };
                self.start(device, activity)
            })
            .collect()
    }

    fn listen(&mut self, seconds: f64) {
        self.story.listen(&self.household, Duration::from_secs_f64(seconds));
    }

    /// Waits until `agent` stands.
    fn wait_for(&mut self, agent: &Agent) -> Result<()> {
        self.story.wait_for(&self.household, agent)
    }

    /// Ends `agent`, which sends packets that come back, and writes down how many it sent and how many never
    /// came back: from `since_ms` on there may be none.
    fn count_lost(&mut self, name: &str, agent: Agent, since_ms: u64, outcome: &mut Outcome) -> Result<()> {
        let number = agent.number();
        agent.finish();
        let until = Instant::now() + Duration::from_secs(3);
        self.story.listen_until(&self.household, until, |story| story.counted.contains_key(&number));
        let (sent, returned) = *self.story.counted.get(&number).context("an agent ended without its count")?;
        let lost = RoundTrips::of(&self.story.trips_between(number, since_ms, u64::MAX)).lost;
        outcome.figure(&format!("{name}_packets"), sent as f64);
        outcome.figure(&format!("{name}_packets_lost_in_all"), sent.saturating_sub(returned) as f64);
        outcome.at_most(&format!("{name}_packets_lost"), lost as f64, 0.0);
        Ok(())
    }

    /// Ends with `outcome`, and with what went wrong in the household.
    fn end(self, mut outcome: Outcome) -> Outcome {
        outcome.notes.extend(self.story.troubles);
        if !outcome.failures.is_empty() {
            outcome.notes.push(format!("the daemon's last words:\n{}", self.daemon.log_tail()));
        }
        outcome
    }
}

/// Starts a daemon that controls, and that owes each of `owed` a priority and a guarantee for downloads.
fn start_daemon(
    household: &Household,
    program: &Path,
    owed: &[(&str, u8, BitRate)],
    foresight: Foresight,
) -> Result<Daemon> {
    let mut devices = Vec::new();
    for (name, priority, guarantee) in owed {
        let guarantee = Directed { download: *guarantee, upload: BitRate::ZERO };
        devices.push(DeviceSettings { mac: household.mac_of(name)?, priority: *priority, guarantee });
    }
    Daemon::start(
        household,
        DaemonOptions {
            program: program.to_owned(),
            mode: Mode::Control,
            capacity: CAPACITY,
            minimum: "0 %",
            devices,
            foresight,
            listener: None,
            password: "a password of the lab".to_owned(),
        },
    )
}

/// One HTB class as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KernelClass {
    /// Its handle.
    id: String,
    /// `prio` of a leaf; empty for an inner class.
    prio: String,
    /// Its settings as `tc` writes them.
    settings: String,
    /// Bytes it has sent.
    sent: u64,
}

/// The HTB classes on `interface` of the gateway.
fn kernel_classes(household: &Household, interface: &str) -> Result<Vec<KernelClass>> {
    let text = shell::run("tc", &["-n", household.gateway().name(), "-s", "class", "show", "dev", interface])?;
    Ok(read_classes(&text))
}

fn read_classes(text: &str) -> Vec<KernelClass> {
    let mut classes: Vec<KernelClass> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["class", "htb", id, ..] => {
                let prio = words.iter().skip_while(|word| **word != "prio").nth(1).unwrap_or(&"");
                classes.push(KernelClass {
                    id: id.to_owned(),
                    prio: (*prio).to_owned(),
                    settings: line.trim().to_owned(),
                    sent: 0,
                });
            }
            ["Sent", bytes, ..] => {
                if let Some(class) = classes.last_mut() {
                    class.sent = bytes.parse().unwrap_or(0);
                }
            }
            _ => {}
        }
    }
    classes
}

/// In Mbit/s.
fn mbit(bps: u64) -> f64 {
    bps as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_read_as_tc_writes_them() {
        let text = "class htb 1:11 parent 1:10 leaf 11: prio 3 rate 500Kbit ceil 20Mbit burst 1600b cburst 1600b \n \
                    Sent 126 bytes 2 pkt (dropped 0, overlimits 0 requeues 0) \n backlog 0b 0p requeues 0\n \
                    lended: 2 borrowed: 0 giants: 0\n\
                    class htb 1:1 root rate 20Mbit ceil 20Mbit burst 1600b cburst 1600b \n \
                    Sent 900 bytes 9 pkt (dropped 0, overlimits 0 requeues 0) \n";
        let classes = read_classes(text);
        let seen: Vec<_> = classes.iter().map(|class| (class.id.as_str(), class.prio.as_str(), class.sent)).collect();
        assert_eq!(seen, [("1:11", "3", 126), ("1:1", "", 900)]);
    }
}
