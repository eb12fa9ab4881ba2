//! What can go wrong, with what an operator needs to act.

use std::io;
use std::path::PathBuf;

/// Why the data path cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatapathError {
    /// A right is missing.
    #[error("{what} is not allowed: {reason}")]
    Permission {
        /// What was tried.
        what: &'static str,
        /// What stands in the way, and what to do.
        reason: String,
    },
    /// The kernel lacks eBPF.
    #[error(
        "there is no bpf(2) here: the kernel needs CONFIG_BPF_SYSCALL=y (`zgrep BPF /proc/config.gz`, or /boot/config-*), or a seccomp filter hides it; frames can still be read with AF_PACKET"
    )]
    NoBpf,
    /// The directory for pins cannot be made or is on no bpffs and none can be mounted.
    #[error("{path} cannot hold pinned maps: {source}; mount a bpffs there: mount -t bpf bpf {path}")]
    PinDirectory {
        /// Which.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The object was refused.
    #[error("the kernel refuses the eBPF object: {reason}")]
    Load {
        /// What aya and the verifier say.
        reason: String,
    },
    /// A program was refused.
    #[error("the kernel refuses the eBPF program `{program}`: {reason}")]
    Program {
        /// Which.
        program: &'static str,
        /// What the verifier says.
        reason: String,
    },
    /// A program cannot be attached.
    #[error(
        "`{program}` cannot be attached to {interface}: {reason}; the kernel needs CONFIG_NET_CLS_ACT and, before 6.6, the module sch_ingress"
    )]
    Attach {
        /// Which program.
        program: &'static str,
        /// Where.
        interface: String,
        /// What the kernel says.
        reason: String,
    },
    /// A map cannot be read or written.
    #[error("the eBPF map `{map}`: {source}")]
    Map {
        /// Which.
        map: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
    /// All slots are taken.
    #[error("all {0} slots are taken: so many devices can be told apart at one time; release those that are gone")]
    NoSlot(usize),
    /// A call of the kernel failed.
    #[error("{call}: {source}")]
    Call {
        /// Which.
        call: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
}
