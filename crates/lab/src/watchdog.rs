//! A process that outlives its owner by a moment, to take away what the owner made.
//!
//! It holds the reading end of a pipe whose other end only the owner has. When the owner ends, in whatever way,
//! the kernel closes the pipe, and the watchdog ends every process in the household's namespaces, deletes them
//! and removes the household's files. It is the only code that cleans, so that a clean end and a kill end alike.

use crate::daemon::CONFIGURATION;
use crate::{WATCHDOG_WORD, namespace, shell};
use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// The owner's side: dropping it cleans and waits until all is clean.
#[derive(Debug)]
pub(crate) struct Watchdog {
    child: Child,
}

impl Watchdog {
    /// Starts the watchdog of household `id`, whose files are in `folder`, before anything else is made.
    pub(crate) fn start(program: &Path, id: &str, folder: &Path) -> Result<Watchdog> {
        let mut child = Command::new(program)
            .arg(WATCHDOG_WORD)
            .arg(id)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A group of its own: Ctrl-C in the terminal is for the owner.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {} as watchdog", program.display()))?;
        // It says one byte when it stands; until then a kill would leave things behind.
        let mut ready = [0];
        child
            .stdout
            .as_mut()
            .expect("was piped")
            .read_exact(&mut ready)
            .with_context(|| format!("{} does not know `{WATCHDOG_WORD}`", program.display()))?;
        Ok(Watchdog { child })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The watchdog's own life.
pub(crate) fn run(id: &str, folder: &Path) -> Result<()> {
    // Signals meant for the owner's whole family must not end the one who cleans up.
    let ignored = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&ignored))?;
    }
    std::io::stdout().write_all(b"+")?;
    std::io::stdout().flush()?;
    // Interrupted reads are retried inside; anything else means that the owner is gone.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    clean(id, folder)
}

/// Takes away whatever household `id` left: processes, namespaces, pinned maps, files.
fn clean(id: &str, folder: &Path) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let names = namespaces_of(id);
        let mut failure = Ok(());
        for name in &names {
            let processes = shell::run("ip", &["netns", "pids", name]).unwrap_or_default();
            let processes: Vec<&str> = processes.split_whitespace().collect();
            if !processes.is_empty() {
                let _ = shell::run("sh", &["-c", &format!("kill -9 {}", processes.join(" "))]);
            }
        }
        for name in &names {
            if let Err(error) = shell::run("ip", &["netns", "del", name]) {
                failure = Err(error);
            }
        }
        if namespaces_of(id).is_empty() {
            break;
        }
        if Instant::now() > deadline {
            return failure;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // A daemon in no namespace of its own is known by its configuration.
    for process in daemons_of(folder) {
        let _ = shell::run("sh", &["-c", &format!("kill -9 {process}")]);
    }
    // The daemon pins its maps on a file system that it mounts in its run folder.
    for mounted in mounts_below(folder).iter().rev() {
        shell::run("umount", &[mounted])?;
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// The processes that run as daemon with the configuration in `folder`.
fn daemons_of(folder: &Path) -> Vec<u32> {
    let config = folder.join(CONFIGURATION);
    let is_daemon = |process: &u32| {
        let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = command.split(|byte| *byte == 0).collect();
        words.get(1..4) == Some(&[b"run".as_slice(), b"--config", config.as_os_str().as_bytes()])
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_daemon).collect()
}

/// Where something is mounted below `folder`, in the order of mounting.
fn mounts_below(folder: &Path) -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // The fifth field is the mount point (proc_pid_mountinfo(5)); no path of ours holds a space.
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    points.filter(|point| Path::new(point).starts_with(folder)).map(str::to_owned).collect()
}

/// The namespaces of household `id`.
pub(crate) fn namespaces_of(id: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(namespace::FOLDER) else { return Vec::new() };
    let prefix = format!("{id}-");
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&prefix))
        .collect()
}
