//! What needs `unsafe`: the packet ring, libpcap, descriptors of crates that do not lend theirs.

#![allow(unsafe_code)]

#[cfg(feature = "inject")]
pub mod injector;
pub(crate) mod libpcap;
pub(crate) mod ring;

use netlink_sys::Socket;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The descriptor of a netlink socket, for as long as the socket lives.
pub(crate) fn borrow(socket: &Socket) -> BorrowedFd<'_> {
    // SAFETY: the socket owns the descriptor and is borrowed for the whole lifetime of the result.
    unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) }
}
