//! QEMU, emulating every instruction and counting them: the guest's time is what it has worked, so that a loaded
//! machine makes the guest slower, but no figure in it worse.

use super::kernel::Kernel;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The program, and the package that has it.
pub const PROGRAM: (&str, &str) = ("qemu-system-x86_64", "qemu-system-x86");
/// What marks the lab's lines among the kernel's on the guest's console.
const MARK: &str = "@lab ";
/// 2^1 ns of guest time per instruction; where nothing runs, time goes on to the next timer at once.
const COUNTING: &str = "shift=1,sleep=off";
/// No source of chance from outside the guest: two runs are to see the same numbers. And no byte-wise string
/// instructions, of which each byte would count as one.
const PROCESSOR: &str = "max,-rdrand,-rdseed,-erms,-fsrm";
/// How long a machine may say nothing at all, and how long a scenario may take.
const SILENCE: Duration = Duration::from_secs(300);
const IN_ALL: Duration = Duration::from_secs(1_800);

/// What a machine says while it works.
pub enum Said {
    /// So many seconds of the guest's have passed in this scenario.
    Second(u64),
    /// What was found in it.
    Found(Value),
}

/// Boots a machine that tries `scenarios` beside `peer`, one after the other, and tells `hear` what it says.
pub fn run(
    kernel: &Kernel,
    image: &Path,
    (scenarios, peer): (&[String], &str),
    mut hear: impl FnMut(Said) -> Result<()>,
) -> Result<()> {
    let order = format!("lab_scenario={} lab_peer={peer} {}", scenarios.join(","), absent(peer));
    let mut machine = Machine::boot(kernel, image, &order)?;
    let stdout = BufReader::new(machine.0.stdout.take().context("a piped child has an output")?);
    let (lines, heard) = channel();
    std::thread::spawn(move || {
        // The guest's console is no text where its kernel writes what it likes.
        for line in stdout.split(b'\n').map_while(Result::ok) {
            if lines.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                return;
            }
        }
    });
    let mut said = Vec::new();
    let (mut found, mut deadline) = (0, Instant::now() + IN_ALL);
    while found < scenarios.len() {
        let patience = SILENCE.min(deadline.saturating_duration_since(Instant::now()));
        match heard.recv_timeout(patience) {
            Ok(line) => match message(&line) {
                Some(Value::Number(second)) => hear(Said::Second(second.as_u64().unwrap_or(0)))?,
                Some(cell) => {
                    found += 1;
                    deadline = Instant::now() + IN_ALL;
                    hear(Said::Found(cell))?;
                }
                None => said.push(line),
            },
            Err(RecvTimeoutError::Timeout) => bail!("the guest hangs; its last words:\n{}", tail(&said)),
            Err(RecvTimeoutError::Disconnected) => bail!("the guest ended before its time:\n{}", tail(&said)),
        }
    }
    Ok(())
}

/// What the kernel is told to leave out of itself for `peer`: what is no module cannot stay unloaded.
fn absent(peer: &str) -> &'static str {
    match peer {
        "equalnet-bfifo" | "equalnet-cake" => "initcall_blacklist=fq_codel_module_init",
        _ => "",
    }
}

/// What a line of the console says: a second that has passed, or what was found.
fn message(line: &str) -> Option<Value> {
    // The kernel may have begun a line of its own before.
    let (_, text) = line.split_once(MARK)?;
    serde_json::from_str(text).ok()
}

fn tail(lines: &[String]) -> String {
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// A machine; dropping it ends it.
struct Machine(Child);

impl Machine {
    fn boot(kernel: &Kernel, image: &Path, order: &str) -> Result<Machine> {
        // `setpriv` has the kernel end it with us, however we end; Ctrl-C reaches both anyway.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "nice", "-n", "5", PROGRAM.0])
            .args(["-accel", "tcg,thread=single", "-icount", COUNTING, "-cpu", PROCESSOR, "-smp", "1", "-m", "768"])
            .args(["-rtc", "base=2026-01-01T00:00:00,clock=vm"])
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"])
            .arg("-kernel")
            .arg(&kernel.image)
            .arg("-initrd")
            .arg(image)
            .arg("-append")
            .arg(format!("console=ttyS0 quiet loglevel=3 panic=1 mitigations=off nokaslr random.trust_cpu=off {order}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("`setpriv` could not be started (package util-linux)")?;
        Ok(Machine(child))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(line: &str, expected: Option<Value>) {
        assert_eq!(message(line), expected, "{line}");
    }

    #[test]
    fn only_the_labs_lines_are_heard() {
        check("@lab 12", Some(json!(12)));
        check("[    1.2] veth0: link is up@lab {\"scenario\":\"rrul\"}", Some(json!({"scenario": "rrul"})));
        check("@lab {\"scenario\":", None);
        check("[    0.0] Linux version 6.1", None);
    }
}
