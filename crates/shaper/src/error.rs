//! What can go wrong between a plan and the kernel.

use std::io;
use std::path::PathBuf;
use vocab::InterfaceName;

/// A plan that could not be put in force, or a state that could not be read. Whatever it was, the kernel holds
/// a valid queue tree and traffic flows.
#[derive(Debug, thiserror::Error)]
pub enum ShaperError {
    /// The interface is not there.
    #[error("{interface}: there is no such interface")]
    InterfaceMissing {
        /// Which.
        interface: InterfaceName,
    },
    /// Somebody else shapes this interface.
    #[error(
        "{interface}: it is already shaped by `{kind}` (handle {major:x}:), which is not ours; remove it \
         (tc qdisc del dev {interface} root), or let it be put aside until `equalnet clear` puts it back (`adopt = true` in \
         [shaping], or --adopt)"
    )]
    ForeignQdisc {
        /// Where.
        interface: InterfaceName,
        /// The kind of its root qdisc.
        kind: String,
        /// The major number of its handle.
        major: u16,
    },
    /// What stands there cannot be put back later, so it is not touched.
    #[error("{interface}: its `{kind}` cannot be saved ({reason}); remove it by hand")]
    CannotSave {
        /// Where.
        interface: InterfaceName,
        /// The kind of its root qdisc.
        kind: String,
        /// Why.
        reason: &'static str,
    },
    /// The kernel refused a step.
    #[error("{interface}: cannot {step}: {reason} (errno {errno})")]
    Refused {
        /// Where.
        interface: InterfaceName,
        /// What was to be done, with the class (`change class e001:11`).
        step: String,
        /// The number of the error (errno-base.h).
        errno: i32,
        /// What the kernel said.
        reason: String,
    },
    /// The socket to the kernel failed.
    #[error("cannot speak to the kernel (NETLINK_ROUTE)")]
    Socket(#[source] io::Error),
    /// The kernel answered what we do not understand.
    #[error("the kernel's answer makes no sense: {0}")]
    Malformed(&'static str),
    /// What was there before could not be written down, or read.
    #[error("{path}: cannot keep what stood on the interfaces before", path = path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Steering cannot be asked or told.
    #[error("cannot steer packets into their classes")]
    Steering(#[source] datapath::DatapathError),
    /// Offloads could not be put back.
    #[error("{interface}: cannot put its offloads back")]
    Offloads {
        /// Where.
        interface: InterfaceName,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The plan is for another link.
    #[error("the plan is for link {got}, this shaper holds link {own}")]
    OtherLink {
        /// The link of the plan.
        got: u16,
        /// The link that is held.
        own: u16,
    },
    /// The capacity cannot hold even the least tree.
    #[error("{interface}: a capacity of {capacity} is too little to divide")]
    NoCapacity {
        /// Where.
        interface: InterfaceName,
        /// What there is.
        capacity: vocab::BitRate,
    },
}
