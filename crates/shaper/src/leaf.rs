//! What stands in each leaf class.

use crate::tc::{Options, bfifo, cake, fq_codel};
use std::fmt;

/// The qdisc in each leaf, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeafKind {
    /// Fair between flows, splits super-packets.
    Cake,
    /// Fair between flows.
    FqCodel,
    /// One queue, bounded in milliseconds of its rate.
    Bfifo,
}

impl LeafKind {
    /// All, in the order in which they are tried.
    pub const ALL: [LeafKind; 3] = [LeafKind::Cake, LeafKind::FqCodel, LeafKind::Bfifo];

    /// The kernel's word for it: `cake`, `fq_codel`, `bfifo`.
    pub const fn name(self) -> &'static str {
        match self {
            LeafKind::Cake => "cake",
            LeafKind::FqCodel => "fq_codel",
            LeafKind::Bfifo => "bfifo",
        }
    }

    pub(crate) fn options(self, limit: u32) -> Options {
        match self {
            LeafKind::Cake => cake::qdisc(),
            LeafKind::FqCodel => fq_codel::qdisc(),
            LeafKind::Bfifo => bfifo::qdisc(limit),
        }
    }
}

impl fmt::Display for LeafKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
