//! The program under test, run in the gateway as an operator would run it.

use crate::api::Api;
use crate::household::{Household, WAN};
use crate::namespace::Urgency;
use crate::shell;
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vocab::{BitRate, ByteCount, Directed, MacAddress, Mode};

/// How the daemon is to be run.
#[derive(Debug)]
pub struct DaemonOptions {
    /// The program.
    pub program: PathBuf,
    /// What it does about what it sees, from the start.
    pub mode: Mode,
    /// What it divides, bit/s, layer 2: a little less than the modem lets through.
    pub capacity: Directed<BitRate>,
    /// What every device gets whenever it asks, in words of the configuration (`10 %`, `0 %`).
    pub minimum: &'static str,
    /// What single devices are owed.
    pub devices: Vec<DeviceSettings>,
    /// What guarantees follow.
    pub foresight: Foresight,
    /// The host's socket on which the dashboard answers; without it, it answers in the gateway only.
    pub listener: Option<TcpListener>,
    /// The dashboard's password.
    pub password: String,
}

/// What guarantees follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Foresight {
    /// What is foreseen.
    #[default]
    Forecasts,
    /// What was moved in the last second.
    Reacting,
}

/// What the configuration says of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSettings {
    /// Which.
    pub mac: MacAddress,
    /// 1 is served first.
    pub priority: u8,
    /// What it gets whenever it asks; zero for none of its own.
    pub guarantee: Directed<BitRate>,
}

/// The daemon's configuration, in its folder.
pub(crate) const CONFIGURATION: &str = "equalnet.toml";

/// How and where a daemon is started.
pub(crate) struct Launch<'a> {
    /// A shell at the place where it is to run.
    pub(crate) shell: Command,
    /// Its files.
    pub(crate) folder: &'a Path,
    /// Where its configuration puts the API's socket, `api.sock`.
    pub(crate) run_dir: &'a Path,
    /// The text of its configuration.
    pub(crate) configuration: String,
    /// The program.
    pub(crate) program: &'a Path,
    /// The dashboard's password.
    pub(crate) password: &'a str,
    /// The socket on which the dashboard answers.
    pub(crate) listener: Option<TcpListener>,
}

/// What a daemon holds of memory, resident.
pub(crate) struct Memory {
    pub(crate) now: ByteCount,
    /// At any time since its start.
    pub(crate) most: ByteCount,
}

/// A daemon at work; dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    api: Api,
    log: PathBuf,
}

impl Daemon {
    /// Starts a daemon in `household` and waits until its API answers.
    pub fn start(household: &Household, options: DaemonOptions) -> Result<Daemon> {
        let folder = household.folder();
        let run_dir = folder.join(format!("equalnet-{}", household.id()));
        std::fs::create_dir_all(&run_dir)?;
        let configuration = configuration(&options, household.lans(), &folder.join("state"), &run_dir)?;
        Daemon::launch(Launch {
            shell: household.gateway().command(OsStr::new("sh"), Urgency::Normal),
            folder,
            run_dir: &run_dir,
            configuration,
            program: &options.program,
            password: &options.password,
            listener: options.listener,
        })
    }

    /// Starts a daemon as `launch` says and waits until its API answers.
    pub(crate) fn launch(launch: Launch<'_>) -> Result<Daemon> {
        let Launch { shell: mut command, folder, run_dir, configuration, program, password, listener } = launch;
        let config = folder.join(CONFIGURATION);
        std::fs::write(&config, configuration).with_context(|| format!("cannot write {}", config.display()))?;
        let password_file = folder.join("password");
        std::fs::write(&password_file, format!("{password}\n"))?;
        let log = folder.join("daemon.log");
        let log_file = File::options().create(true).append(true).open(&log)?;

        // The socket comes in as standard input and is moved to 3, where socket activation (sd_listen_fds(3))
        // wants it; LISTEN_PID must be the daemon's own, which only the shell that becomes it knows.
        let script = match listener {
            Some(listener) => {
                command.stdin(Stdio::from(OwnedFd::from(listener)));
                "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$@\""
            }
            None => {
                command.stdin(Stdio::null());
                "exec \"$@\""
            }
        };
        command
            .args(["-c", script, "sh"])
            .arg(program)
            .args(["run", "--config"])
            .arg(&config)
            .env("EQUALNET_PASSWORD_FILE", &password_file)
            .stdout(log_file.try_clone()?)
            .stderr(log_file);
        let child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
        let mut daemon = Daemon { child, api: Api::at(&run_dir.join("api.sock")), log };
        daemon.wait_until_it_answers()?;
        Ok(daemon)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match self.api.get::<wire::Status>("status") {
                Ok(_) => return Ok(()),
                Err(error) => {
                    if let Some(status) = self.child.try_wait()? {
                        bail!("the daemon ended at its start ({status}):\n{}", self.log_tail());
                    }
                    if Instant::now() > deadline {
                        bail!("the daemon does not answer within 20 s: {error:#}\n{}", self.log_tail());
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its API.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Puts it into `mode`.
    pub fn set_mode(&self, mode: Mode) -> Result<()> {
        self.api.put("mode", &wire::ModeChange { mode: mode.name().to_owned() }).map(drop)
    }

    /// Ends it as no daemon can refuse (SIGKILL), and waits until it is gone.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM), and waits until it is gone.
    pub fn stop(mut self) -> Result<()> {
        shell::run("sh", &["-c", &format!("kill -TERM {}", self.child.id())])?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("the daemon does not end within 10 s:\n{}", self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// What it has had of the processor (proc_pid_stat(5): in ticks of 10 ms).
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Its name may hold blanks; it ends with the last bracket.
        let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: Vec<u64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        Ok(Duration::from_millis(10 * ticks.iter().sum::<u64>()))
    }

    /// What it holds of memory.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let of = |name: &str| {
            let words = text.lines().find_map(|line| line.strip_prefix(name)).context("the daemon's memory")?;
            let kib: u64 = words.trim().trim_end_matches(" kB").parse().context("the daemon's memory")?;
            anyhow::Ok(ByteCount(kib * 1_024))
        };
        Ok(Memory { now: of("VmRSS:")?, most: of("VmHWM:")? })
    }

    /// The last lines it logged.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The configuration file.
fn configuration(options: &DaemonOptions, lans: &[&str], state_dir: &Path, run_dir: &Path) -> Result<String> {
    let port = match &options.listener {
        Some(listener) => listener.local_addr()?.port(),
        None => 8091,
    };
    let kbit = |rate: BitRate| format!("{} kbit/s", rate.as_kbps());
    let mut text = format!(
        "mode = \"{}\"\nstate_dir = {:?}\nrun_dir = {:?}\n\n[[link]]\nname = \"internet\"\nlan = {}\n\
         wan = \"{WAN}\"\ndownload = \"{}\"\nupload = \"{}\"\nmargin = \"0 %\"\n\n\
         [api]\nlisten = [\"127.0.0.1:{port}\"]\nsocket = {:?}\n\n[policy]\nminimum = \"{}\"\n",
        options.mode.name(),
        state_dir,
        run_dir,
        match lans {
            [lan] => format!("{lan:?}"),
            lans => format!("{lans:?}"),
        },
        kbit(options.capacity.download),
        kbit(options.capacity.upload),
        run_dir.join("api.sock"),
        options.minimum,
    );
    if options.foresight == Foresight::Reacting {
        text.push_str("\n[forecast]\nuse = false\n");
    }
    for device in &options.devices {
        let _ = write!(text, "\n[[device]]\nid = \"{}\"\npriority = {}\n", device.mac, device.priority);
        let guarantees = [("download", device.guarantee.download), ("upload", device.guarantee.upload)];
        for (direction, rate) in guarantees {
            if rate > BitRate::ZERO {
                let _ = writeln!(text, "guarantee_{direction} = \"{}\"", kbit(rate));
            }
        }
    }
    Ok(text)
}
