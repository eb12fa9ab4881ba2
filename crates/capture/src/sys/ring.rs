//! A packet socket with its ring (packet(7), Documentation/networking/packet_mmap.rst): TPACKET_V3.

use crate::filter::Instruction;
use libc::{c_int, c_void, socklen_t};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

// From linux/if_packet.h, where libc has no name for it.
const TP_STATUS_USER: u32 = 1;
const TP_STATUS_VLAN_VALID: u32 = 1 << 4;
const PACKET_OUTGOING: u8 = 4;
/// `struct virtio_net_hdr`, linux/virtio_net.h; it lies right before the frame.
const VNET_HEADER: usize = 10;
/// `struct tpacket3_hdr`; the link-layer address follows.
const FRAME_HEADER: usize = 48;
/// Large enough for a merged packet of 64 kB; one that is larger (BIG TCP) is cut off by the filter anyway.
const BLOCK: usize = 1 << 18;

/// A frame in the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingFrame<'a> {
    /// CLOCK_REALTIME, in nanoseconds.
    pub unix_ns: u64,
    pub length: u32,
    pub outgoing: bool,
    pub vlan: Option<u16>,
    /// Bytes of payload per segment where segments were merged, else 0.
    pub segment: u16,
    pub bytes: &'a [u8],
}

/// A packet socket bound to one interface, with its ring.
#[derive(Debug)]
pub(crate) struct Ring {
    socket: OwnedFd,
    memory: NonNull<u8>,
    blocks: usize,
    next: usize,
}

// SAFETY: the memory belongs to this value alone; the kernel hands blocks over by an atomic status word.
unsafe impl Send for Ring {}

/// Packets the kernel had for a socket, and those it had no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RingStatistics {
    pub dropped: u64,
}

pub(super) fn check(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn set<T>(socket: &OwnedFd, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    let size = size_of::<T>() as socklen_t;
    // SAFETY: `value` is a live `T` of the size passed.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, std::ptr::from_ref(value).cast(), size) })
}

/// The hardware type of an interface (`ARPHRD_*`).
pub(crate) fn hardware_type(name: &str) -> io::Result<u16> {
    // SAFETY: no pointer is passed; the descriptor is new and nobody else's.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        check(fd)?;
        OwnedFd::from_raw_fd(fd)
    };
    // SAFETY: an all-zero ifreq is a value of it.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().take(libc::IF_NAMESIZE - 1).zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: the request is live, and SIOCGIFHWADDR fills its address.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFHWADDR as _, &raw mut request) })?;
    // SAFETY: the call succeeded, so the address is what the union holds.
    Ok(unsafe { request.ifr_ifru.ifru_hwaddr.sa_family })
}

impl Ring {
    /// Opens a ring of `bytes` on the interface. Every frame that passes comes, or those that `filter` keeps; the
    /// filter also says how much of each is kept.
    pub(crate) fn open(interface: u32, bytes: usize, filter: &[Instruction], promiscuous: bool) -> io::Result<Ring> {
        // Protocol 0: nothing comes before the ring and the filter are there and the socket is bound.
        // SAFETY: no pointer is passed; the descriptor is new and nobody else's.
        let socket = unsafe {
            let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
            check(fd)?;
            OwnedFd::from_raw_fd(fd)
        };
        set(&socket, libc::SOL_PACKET, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as c_int))?;
        // Must come before the ring: says how merged packets were sent.
        set(&socket, libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1_i32)?;
        let blocks = (bytes / BLOCK).max(2);
        let ring = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: blocks as u32,
            tp_frame_size: 2_048,
            tp_frame_nr: (blocks * BLOCK / 2_048) as u32,
            // A block that does not fill is handed over after so many milliseconds.
            tp_retire_blk_tov: 20,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(&socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &ring)?;
        let program = libc::sock_fprog {
            len: u16::try_from(filter.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?,
            // `Instruction` has the layout of `sock_filter`: asserted below.
            filter: filter.as_ptr().cast_mut().cast(),
        };
        set(&socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)?;
        if promiscuous {
            let membership = libc::packet_mreq {
                mr_ifindex: interface as c_int,
                mr_type: libc::PACKET_MR_PROMISC as u16,
                mr_alen: 0,
                mr_address: [0; 8],
            };
            set(&socket, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)?;
        }
        // SAFETY: a fresh shared mapping of the socket's ring, of the size it was made with.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                blocks * BLOCK,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let ring = Ring { socket, memory, blocks, next: 0 };
        // SAFETY: an all-zero address is a value of it.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = interface as c_int;
        let size = size_of::<libc::sockaddr_ll>() as socklen_t;
        // SAFETY: the address is live and of the size passed.
        check(unsafe { libc::bind(ring.socket.as_raw_fd(), (&raw const address).cast(), size) })?;
        Ok(ring)
    }

    /// Hands over the frames of the next full block and gives the block back; how many, `None` if there is none.
    pub(crate) fn take_block(&mut self, mut sink: impl FnMut(RingFrame<'_>)) -> Option<usize> {
        // SAFETY: `next` is below `blocks`, so this lies in the mapping.
        let block = unsafe { self.memory.add(self.next * BLOCK) };
        // SAFETY: the status is the third word of a block, aligned, and shared with the kernel as an atomic.
        let status = unsafe { AtomicU32::from_ptr(block.as_ptr().add(8).cast()) };
        if status.load(Ordering::Acquire) & TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: the block is ours until its status says otherwise; nothing writes it meanwhile.
        let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), BLOCK) };
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
        let (count, mut at) = (word(12) as usize, word(16) as usize);
        let mut taken = 0;
        for _ in 0..count {
            let Some((frame, next)) = read_frame(bytes, at) else { break };
            taken += 1;
            sink(frame);
            at += next;
        }
        status.store(0, Ordering::Release);
        self.next = (self.next + 1) % self.blocks;
        Some(taken)
    }

    /// What the kernel dropped since the last call.
    pub(crate) fn statistics(&self) -> io::Result<RingStatistics> {
        let mut statistics = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
        let mut size = size_of::<libc::tpacket_stats_v3>() as socklen_t;
        // SAFETY: the buffer is live and of the size passed.
        check(unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut size,
            )
        })?;
        Ok(RingStatistics { dropped: u64::from(statistics.tp_drops) })
    }

    /// The error that waits on the socket, which is taken away by asking.
    fn pending_error(&self) -> io::Result<Option<io::Error>> {
        let mut error: c_int = 0;
        let mut size = size_of::<c_int>() as socklen_t;
        // SAFETY: the buffer is live and of the size passed.
        check(unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ERROR,
                (&raw mut error).cast(),
                &raw mut size,
            )
        })?;
        Ok((error != 0).then(|| io::Error::from_raw_os_error(error)))
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this size and nothing borrows from it any more.
        unsafe { libc::munmap(self.memory.as_ptr().cast::<c_void>(), self.blocks * BLOCK) };
    }
}

/// Waits until one of the rings has a block, at most `timeout`. The error of each that has one.
pub(crate) fn wait(rings: &[&Ring], timeout: Duration) -> io::Result<Vec<(usize, io::Error)>> {
    let mut polls: Vec<libc::pollfd> = rings
        .iter()
        .map(|ring| libc::pollfd { fd: ring.socket.as_raw_fd(), events: libc::POLLIN | libc::POLLERR, revents: 0 })
        .collect();
    let millis = c_int::try_from(timeout.as_micros().div_ceil(1_000)).unwrap_or(c_int::MAX);
    // SAFETY: the array is live and its length is passed.
    if unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, millis) } < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok(Vec::new()) } else { Err(error) };
    }
    let mut errors = Vec::new();
    for (number, (poll, ring)) in polls.iter().zip(rings).enumerate() {
        if poll.revents & libc::POLLERR != 0
            && let Some(error) = ring.pending_error()?
        {
            errors.push((number, error));
        }
    }
    Ok(errors)
}

/// The frame whose header begins at `at`, and how far the next is.
fn read_frame(block: &[u8], at: usize) -> Option<(RingFrame<'_>, usize)> {
    let header = block.get(at..at.checked_add(FRAME_HEADER + size_of::<libc::sockaddr_ll>())?)?;
    let word = |at: usize| u32::from_ne_bytes(header[at..at + 4].try_into().unwrap_or_default());
    let half = |at: usize| u16::from_ne_bytes(header[at..at + 2].try_into().unwrap_or_default());
    let (next, captured, length, status) = (word(0) as usize, word(12) as usize, word(16), word(20));
    let start = at + usize::from(half(24));
    let bytes = block.get(start..start.checked_add(captured)?)?;
    let virtio = block.get(start.checked_sub(VNET_HEADER)?..start)?;
    // gso_type at 1, gso_size at 4.
    let segment = if virtio[1] == 0 { 0 } else { u16::from_ne_bytes([virtio[4], virtio[5]]) };
    let packet_type = header[FRAME_HEADER + 10];
    let frame = RingFrame {
        unix_ns: u64::from(word(4)) * 1_000_000_000 + u64::from(word(8)),
        length,
        outgoing: packet_type == PACKET_OUTGOING,
        vlan: (status & TP_STATUS_VLAN_VALID != 0).then_some(word(32) as u16 & 0xfff),
        segment,
        bytes,
    };
    Some((frame, next))
}

const _: () = assert!(size_of::<Instruction>() == size_of::<libc::sock_filter>());
const _: () = assert!(size_of::<libc::tpacket3_hdr>() == FRAME_HEADER);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_block_is_read_within_its_bounds(block in proptest::collection::vec(any::<u8>(), 0..300), at in 0..400_usize) {
            if let Some((frame, _)) = read_frame(&block, at) {
                prop_assert!(frame.bytes.len() <= block.len());
            }
        }
    }
}
