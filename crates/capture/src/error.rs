//! What can go wrong, with what an operator needs to act.

use std::io;
use std::path::PathBuf;

/// Why observations cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A right is missing.
    #[error(
        "capturing on {interface} needs the capability CAP_NET_RAW: run as root, or give the unit AmbientCapabilities=CAP_NET_RAW"
    )]
    Permission {
        /// Where.
        interface: String,
    },
    /// There is no such interface.
    #[error("there is no interface `{interface}`; `equalnet interfaces` lists what there is")]
    NoInterface {
        /// Its name.
        interface: String,
    },
    /// The interface carries frames of a kind we cannot read.
    #[error("{interface}: frames of hardware type {hardware} are not understood (see `ARPHRD_*` in linux/if_arp.h)")]
    Hardware {
        /// Which.
        interface: String,
        /// The kernel's number.
        hardware: u16,
    },
    /// The interface is gone or down.
    #[error("{interface} cannot be read any more: {source}")]
    Interface {
        /// Which.
        interface: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// A call of the kernel failed.
    #[error("{call}: {source}")]
    Call {
        /// Which.
        call: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
    /// A file cannot be opened or read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file holds no capture.
    #[error("{path} is no capture file: pcap, pcapng and either of them compressed by gzip are read")]
    NotACapture {
        /// Which.
        path: PathBuf,
    },
    /// A filter expression was refused.
    #[error("the filter `{expression}` is not understood: {reason}")]
    Filter {
        /// As it was written.
        expression: String,
        /// What libpcap says.
        reason: String,
    },
    /// Filters need libpcap, which is not there.
    #[error("filters need libpcap, which is not installed ({reason}): apt install libpcap0.8")]
    NoLibpcap {
        /// What the loader says.
        reason: String,
    },
    /// The data path failed.
    #[error(transparent)]
    Datapath(#[from] datapath::DatapathError),
}
