//! What the kernel has that shaping needs, found out by trying on an interface made for it.

use crate::error::ShaperError;
use crate::kernel::Kernel;
use crate::leaf::LeafKind;
use vocab::InterfaceName;

/// What the kernel can do for a [`Shaper`](crate::Shaper).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// It has HTB: without it nothing is shaped.
    pub htb: bool,
    /// It has IFBs: without them one interface cannot shape both ways.
    pub ifb: bool,
    /// The best qdisc for leaves that it has.
    pub leaf: LeafKind,
}

/// Tries in this network namespace, and leaves nothing behind; needs CAP_NET_ADMIN.
///
/// # Errors
/// The kernel cannot be asked, or the scratch interface cannot be taken away again.
pub fn abilities() -> Result<Abilities, ShaperError> {
    let scratch = InterfaceName::new("enprobe").expect("a short name");
    Kernel::open()?.abilities(&scratch)
}
