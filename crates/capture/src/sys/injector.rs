//! Sends frames as they are (packet(7)), so that a test can replay a capture over a real interface.

use super::ring::check;
use libc::{c_int, socklen_t};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Sends frames out of one interface of the namespace it was opened in. It receives nothing.
#[derive(Debug)]
pub struct Injector {
    socket: OwnedFd,
}

impl Injector {
    /// Opens the interface with the kernel's number `interface`.
    ///
    /// # Errors
    /// `CAP_NET_RAW` is missing, or there is no such interface.
    pub fn open(interface: u32) -> io::Result<Injector> {
        // Protocol 0: nothing is received.
        // SAFETY: no pointer is passed; the descriptor is new and nobody else's.
        let socket = unsafe {
            let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
            check(fd)?;
            OwnedFd::from_raw_fd(fd)
        };
        // SAFETY: an all-zero address is a value of it.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = c_int::try_from(interface).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let size = size_of::<libc::sockaddr_ll>() as socklen_t;
        // SAFETY: the address is live and of the size passed.
        check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) })?;
        Ok(Injector { socket })
    }

    /// Sends one frame, from its Ethernet header on; waits where the interface's queue is full.
    ///
    /// # Errors
    /// It is larger than the interface takes or shorter than its header, or the interface is down.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        // SAFETY: the bytes are live and of the length passed.
        let sent = unsafe { libc::send(self.socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
