//! Hears of changes to queues and interfaces that somebody else makes.

use crate::kernel::{RTM_DELLINK, RTM_NEWLINK};
use crate::netlink::message_heads;
use crate::tc::u32_at;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::collections::BTreeSet;
use std::io;

/// linux/rtnetlink.h.
const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_TC: u32 = 4;
/// Notices of one of our own large plans should fit; the kernel grants `net.core.rmem_max` and doubles it.
const RECEIVE_BUFFER: u32 = 1 << 20;
/// The largest notice, and room.
const NOTICE: usize = 64 << 10;

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Noticed {
    /// Nobody but us touched what is ours.
    Nothing,
    /// An interface that is none of ours came, went or changed: its name may be one that we wait for.
    Elsewhere,
    /// Somebody may have touched what is ours: it must be read back.
    Something,
}

/// Notices of the kernel, as they come.
pub(crate) struct Watcher {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Watcher {
    pub(crate) fn open() -> io::Result<Watcher> {
        Ok(Watcher { socket: socket()?, buffer: Vec::with_capacity(NOTICE) })
    }

    /// What was heard since the last call of the interfaces `indices`, other than what `own` ports asked for.
    /// Where notices were lost, something.
    pub(crate) fn heard(&mut self, own: &BTreeSet<u32>, indices: &[i32]) -> Noticed {
        let mut noticed = Noticed::Nothing;
        loop {
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, 0) {
                Ok(_) => {
                    for (kind, port, body) in message_heads(&self.buffer) {
                        // struct tcmsg and struct ifinfomsg both have the interface in their second word.
                        let Some(index) = u32_at(body, 1).filter(|_| !own.contains(&port)) else { continue };
                        let heard = match kind {
                            _ if indices.contains(&(index as i32)) => Noticed::Something,
                            RTM_NEWLINK | RTM_DELLINK => Noticed::Elsewhere,
                            _ => Noticed::Nothing,
                        };
                        noticed = noticed.max(heard);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return noticed,
                // Lost notices (`ENOBUFS`), or a socket that is good for nothing any more.
                Err(_) => {
                    if let Ok(fresh) = socket() {
                        self.socket = fresh;
                    }
                    return Noticed::Something;
                }
            }
        }
    }
}

fn socket() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind(&SocketAddr::new(0, 0))?;
    socket.set_rx_buf_sz(RECEIVE_BUFFER)?;
    socket.set_non_blocking(true)?;
    for group in [RTNLGRP_LINK, RTNLGRP_TC] {
        socket.add_membership(group)?;
    }
    Ok(socket)
}
