//! One network namespace: made, entered, and told its settings.

use crate::shell;
use anyhow::Result;
use std::ffi::OsStr;
use std::process::Command;

/// Where `ip netns` keeps the names.
pub(crate) const FOLDER: &str = "/run/netns";

/// How urgent a process is: what measures delay must not wait for the processor behind what makes load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// As any other.
    Normal,
    /// Before all others that are not.
    Measuring,
}

/// A network namespace that exists.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace; fails if the name is taken.
    pub(crate) fn create(name: String) -> Result<Namespace> {
        shell::run("ip", &["netns", "add", &name])?;
        Ok(Namespace { name })
    }

    /// Its name under `/run/netns`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run inside.
    ///
    /// Only the network namespace is entered: `ip netns exec` would also make a private mount namespace, in
    /// which maps that a program pins under `/sys/fs/bpf` vanish with it.
    pub(crate) fn command(&self, program: &OsStr, urgency: Urgency) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={FOLDER}/{}", self.name)).arg("--");
        if urgency == Urgency::Measuring {
            command.args(["nice", "-n", "-15"]);
        }
        command.arg(program);
        command
    }

    /// Runs `ip` with one command a line.
    pub(crate) fn ip(&self, lines: &str) -> Result<()> {
        shell::run_with_input("ip", &["-n", &self.name, "-batch", "-"], lines).map(drop)
    }

    /// Runs `tc` with one command a line.
    pub(crate) fn tc(&self, lines: &str) -> Result<()> {
        shell::run_with_input("tc", &["-n", &self.name, "-batch", "-"], lines).map(drop)
    }

    /// Runs a short shell script inside.
    pub(crate) fn shell(&self, script: &str) -> Result<String> {
        let entry = format!("--net={FOLDER}/{}", self.name);
        shell::run("nsenter", &[&entry, "--", "sh", "-ec", script])
    }
}
