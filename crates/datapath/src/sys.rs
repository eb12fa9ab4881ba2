//! The few system calls that no crate wraps: maps read in one batch, bpffs, offloads, clocks.
//!
//! Every function is safe to call; what it needs from its caller it takes as a type.

#![allow(unsafe_code)]

use crate::maps::{
    RawAddress, RawConfig, RawCounter, RawEvent, RawFlowKey, RawFlowValue, RawMac, RawQuality, RawStats, RawVerdict,
};
use std::ffi::{CStr, CString};
use std::io;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vocab::InterfaceName;

/// A type whose every bit pattern is a value and which has no padding.
///
/// # Safety
/// Implementors are `repr(C)`, have no padding and no invalid bit pattern.
pub(crate) unsafe trait Plain: Copy + Default {}

macro_rules! plain {
    ($($type:ty),*) => {$(
        // SAFETY: `repr(C)` of integers; `maps.rs` asserts that sizes and offsets leave no padding.
        unsafe impl Plain for $type {}
    )*};
}

plain!(
    RawFlowKey,
    RawFlowValue,
    RawVerdict,
    RawMac,
    RawAddress,
    RawCounter,
    RawConfig,
    RawStats,
    RawEvent,
    RawQuality,
    u32,
    u64
);

/// Reads a `T` from the front of `bytes`, and what follows it.
pub(crate) fn read_plain<T: Plain>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (head, rest) = bytes.split_at_checked(size_of::<T>())?;
    // SAFETY: `head` has the size of `T`, any bit pattern is a `T`, and the read is unaligned.
    Some((unsafe { head.as_ptr().cast::<T>().read_unaligned() }, rest))
}

// Commands of bpf(2), from linux/bpf.h.
const BPF_MAP_LOOKUP_ELEM: libc::c_long = 1;
const BPF_MAP_UPDATE_ELEM: libc::c_long = 2;
const BPF_MAP_DELETE_ELEM: libc::c_long = 3;
const BPF_MAP_GET_NEXT_KEY: libc::c_long = 4;
const BPF_MAP_LOOKUP_BATCH: libc::c_long = 24;
/// Only where something is already.
const BPF_EXIST: u64 = 2;

#[repr(C)]
struct ElementAttributes {
    map_fd: u32,
    zero: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct BatchAttributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    element_flags: u64,
    flags: u64,
}

fn bpf<T>(command: libc::c_long, attributes: &mut T) -> io::Result<i64> {
    // SAFETY: `attributes` is a live, writable `repr(C)` struct and its size is passed; the pointers
    // inside it are made by the callers below from slices that outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// How many CPUs the kernel keeps per-CPU values for.
pub(crate) fn possible_cpus() -> io::Result<usize> {
    aya::util::nr_cpus().map_err(|(_, error)| error)
}

/// A map in the kernel: any thread may read and write it.
#[derive(Debug)]
pub(crate) struct KernelMap<K, V> {
    fd: Arc<OwnedFd>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for KernelMap<K, V> {
    fn clone(&self) -> Self {
        KernelMap { fd: Arc::clone(&self.fd), types: PhantomData }
    }
}

/// The buffer for the values of one batch.
const BATCH_BYTES: usize = 256 << 10;

/// How values of a map are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// One for all CPUs.
    Shared,
    /// One for each CPU the kernel could have.
    PerCpu(usize),
}

impl<K: Plain, V: Plain> KernelMap<K, V> {
    /// Takes `fd`, which must be a map of keys of `K` and values of `V`: `load.rs` checks the sizes.
    pub(crate) fn new(fd: OwnedFd) -> Self {
        KernelMap { fd: Arc::new(fd), types: PhantomData }
    }

    fn element(&self, command: libc::c_long, key: &K, value: u64, flags: u64) -> io::Result<bool> {
        let mut attributes = ElementAttributes {
            map_fd: self.fd.as_raw_fd() as u32,
            zero: 0,
            key: std::ptr::from_ref(key) as u64,
            value,
            flags,
        };
        match bpf(command, &mut attributes) {
            Ok(_) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The value at `key`, of a map that is not per-CPU.
    pub(crate) fn get(&self, key: &K) -> io::Result<Option<V>> {
        let mut value = V::default();
        let found = self.element(BPF_MAP_LOOKUP_ELEM, key, std::ptr::from_mut(&mut value) as u64, 0)?;
        Ok(found.then_some(value))
    }

    /// The values of every CPU at `key`.
    pub(crate) fn get_per_cpu(&self, key: &K, cpus: usize) -> io::Result<Option<Vec<V>>> {
        const { assert!(size_of::<V>().is_multiple_of(8), "the kernel rounds per-CPU values up to 8 bytes") };
        let mut values = vec![V::default(); cpus];
        let found = self.element(BPF_MAP_LOOKUP_ELEM, key, values.as_mut_ptr() as u64, 0)?;
        Ok(found.then_some(values))
    }

    /// Puts `value` at `key`, of a map that is not per-CPU.
    pub(crate) fn set(&self, key: &K, value: &V) -> io::Result<()> {
        self.element(BPF_MAP_UPDATE_ELEM, key, std::ptr::from_ref(value) as u64, 0).map(drop)
    }

    /// Puts `value` at `key` if something is there; whether it was.
    pub(crate) fn replace(&self, key: &K, value: &V) -> io::Result<bool> {
        self.element(BPF_MAP_UPDATE_ELEM, key, std::ptr::from_ref(value) as u64, BPF_EXIST)
    }

    /// Puts zeros at `key` of a per-CPU map.
    pub(crate) fn zero_per_cpu(&self, key: &K, cpus: usize) -> io::Result<()> {
        const { assert!(size_of::<V>().is_multiple_of(8), "the kernel rounds per-CPU values up to 8 bytes") };
        let values = vec![V::default(); cpus];
        self.element(BPF_MAP_UPDATE_ELEM, key, values.as_ptr() as u64, 0).map(drop)
    }

    /// Takes `key` away; whether it was there.
    pub(crate) fn remove(&self, key: &K) -> io::Result<bool> {
        self.element(BPF_MAP_DELETE_ELEM, key, 0, 0)
    }

    /// Every key; of a map that changes meanwhile, some may be missing.
    pub(crate) fn keys(&self) -> io::Result<Vec<K>> {
        let mut keys = Vec::new();
        let mut last: Option<K> = None;
        loop {
            let mut next = K::default();
            let mut attributes = ElementAttributes {
                map_fd: self.fd.as_raw_fd() as u32,
                zero: 0,
                key: last.as_ref().map_or(0, |key| std::ptr::from_ref(key) as u64),
                value: std::ptr::from_mut(&mut next) as u64,
                flags: 0,
            };
            match bpf(BPF_MAP_GET_NEXT_KEY, &mut attributes) {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(keys),
                Err(error) => return Err(error),
            }
            keys.push(next);
            last = Some(next);
        }
    }

    /// Hands every (key, values) to `sink`, many with one call of the kernel, until it has seen `at_most`.
    ///
    /// Values are one, or one per CPU. An array gives its keys in order.
    pub(crate) fn read_batches(
        &self,
        values: Values,
        at_most: usize,
        mut sink: impl FnMut(&K, &[V]),
    ) -> io::Result<()> {
        let per_key = match values {
            Values::Shared => 1,
            Values::PerCpu(cpus) => cpus,
        };
        // 2,340 rows of a flow's 112 bytes, and 450 calls for a million of them; few rows where a value is large and CPUs
        // are many. A hash map needs room for its fullest bucket, else it answers ENOSPC: then the room doubles.
        let mut room = (BATCH_BYTES / (size_of::<V>() * per_key).max(1)).clamp(16, 4_096).min(at_most.max(1));
        let mut keys = vec![K::default(); room];
        let mut read = vec![V::default(); room * per_key];
        // The cursor is a bucket number or a key, whichever is larger: 64 bytes hold any of ours.
        let mut cursor = [0_u64; 8];
        let mut started = false;
        let mut seen = 0;
        while seen < at_most {
            let from = cursor;
            let wanted = room.min(at_most - seen);
            let mut attributes = BatchAttributes {
                in_batch: if started { from.as_ptr() as u64 } else { 0 },
                out_batch: cursor.as_mut_ptr() as u64,
                keys: keys.as_mut_ptr() as u64,
                values: read.as_mut_ptr() as u64,
                count: wanted as u32,
                map_fd: self.fd.as_raw_fd() as u32,
                element_flags: 0,
                flags: 0,
            };
            let outcome = bpf(BPF_MAP_LOOKUP_BATCH, &mut attributes);
            let count = (attributes.count as usize).min(wanted);
            let last = match outcome {
                Ok(_) => false,
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) && room < 1 << 20 => {
                    room *= 2;
                    keys.resize(room, K::default());
                    read.resize(room * per_key, V::default());
                    cursor = from;
                    continue;
                }
                Err(error) => return Err(error),
            };
            for (key, values) in keys.iter().zip(read.chunks_exact(per_key)).take(count) {
                sink(key, values);
            }
            seen += count;
            started = true;
            if last || count == 0 {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl<K, V> AsFd for KernelMap<K, V> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The magic number of bpffs (`BPF_FS_MAGIC` in linux/magic.h).
const BPF_FS_MAGIC: u32 = 0xcafe_4a11;

fn c_path(path: &Path) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

/// Whether `path` lies on a bpffs.
pub(crate) fn is_bpffs(path: &Path) -> io::Result<bool> {
    let path = c_path(path)?;
    let mut status = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends in NUL, and the kernel fills the struct or fails.
    if unsafe { libc::statfs(path.as_ptr(), status.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: statfs succeeded, so the struct is filled.
    Ok(unsafe { status.assume_init() }.f_type as u32 == BPF_FS_MAGIC)
}

/// Mounts a bpffs on `path`, which must be a directory.
pub(crate) fn mount_bpffs(path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    let kind = c"bpf";
    // SAFETY: every pointer is a string that ends in NUL and outlives the call.
    let result = unsafe { libc::mount(kind.as_ptr(), path.as_ptr(), kind.as_ptr(), 0, c"mode=0700".as_ptr().cast()) };
    if result != 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The clocks of one instant, in nanoseconds: what the kernel's programs read, and the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// CLOCK_MONOTONIC, as `bpf_ktime_get_ns` gives it.
    pub monotonic_ns: u64,
    /// CLOCK_REALTIME, since 1970-01-01 UTC.
    pub unix_ns: u64,
}

impl Clocks {
    /// The time of day at `monotonic_ns`, in nanoseconds since 1970-01-01 UTC.
    pub const fn unix_at(self, monotonic_ns: u64) -> u64 {
        if monotonic_ns <= self.monotonic_ns {
            self.unix_ns.saturating_sub(self.monotonic_ns - monotonic_ns)
        } else {
            self.unix_ns.saturating_add(monotonic_ns - self.monotonic_ns)
        }
    }
}

fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the struct is writable; both clocks exist on every Linux, so the call cannot fail.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Reads both clocks, with the time of day between two readings of the other.
pub fn clocks() -> Clocks {
    let before = clock(libc::CLOCK_MONOTONIC);
    let unix_ns = clock(libc::CLOCK_REALTIME);
    let after = clock(libc::CLOCK_MONOTONIC);
    Clocks { monotonic_ns: before + (after - before) / 2, unix_ns }
}

/// Waits until `fd` can be read or `timeout` has passed; whether it can.
pub fn wait_readable(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let millis = i32::try_from(timeout.as_micros().div_ceil(1_000)).unwrap_or(i32::MAX);
    // SAFETY: one live pollfd is passed.
    match unsafe { libc::poll(&raw mut poll, 1, millis) } {
        0 => Ok(false),
        n if n > 0 => Ok(true),
        _ => match io::Error::last_os_error() {
            // A signal: the caller looks at its flags and comes back.
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
    }
}

/// The kernel's number of the interface; `None` if there is none of this name.
pub fn interface_index(interface: &InterfaceName) -> io::Result<Option<u32>> {
    let name = CString::new(interface.as_str()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the name ends in NUL.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => match io::Error::last_os_error() {
            error if matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO)) => Ok(None),
            error => Err(error),
        },
        index => Ok(Some(index)),
    }
}

/// The name of the interface of this number; `None` if there is none.
pub fn interface_name(index: u32) -> io::Result<Option<InterfaceName>> {
    let mut name = [0_u8; libc::IF_NAMESIZE];
    // SAFETY: the buffer has IF_NAMESIZE bytes, as if_indextoname asks.
    if unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast()) }.is_null() {
        return match io::Error::last_os_error() {
            error if matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO)) => Ok(None),
            error => Err(error),
        };
    }
    let name = CStr::from_bytes_until_nul(&name).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let name = name.to_str().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    InterfaceName::new(name).map(Some).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// The names of all interfaces of this network namespace.
pub(crate) fn interfaces() -> io::Result<Vec<InterfaceName>> {
    // SAFETY: no argument; the list is freed below.
    let list = unsafe { libc::if_nameindex() };
    if list.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut names = Vec::new();
    let mut entry = list;
    loop {
        // SAFETY: the list ends with an entry of index 0 and no name, which we do not pass.
        let (index, name) = unsafe { ((*entry).if_index, (*entry).if_name) };
        if index == 0 || name.is_null() {
            break;
        }
        // SAFETY: the name of an entry ends in NUL and lives until the list is freed.
        let name = unsafe { CStr::from_ptr(name) };
        if let Some(name) = name.to_str().ok().and_then(|name| InterfaceName::new(name).ok()) {
            names.push(name);
        }
        // SAFETY: this entry was not the last.
        entry = unsafe { entry.add(1) };
    }
    // SAFETY: the list came from if_nameindex and is used no more.
    unsafe { libc::if_freenameindex(list) };
    Ok(names)
}

/// Whether an offload is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Offload {
    /// In force.
    On,
    /// Not in force.
    Off,
}

/// What an interface merges and splits by itself, so that one packet we see is many on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offloads {
    /// Generic receive offload: received segments are merged.
    pub gro: Offload,
    /// Generic segmentation offload: the kernel splits as late as it can.
    pub gso: Offload,
    /// TCP segmentation offload: the card splits.
    pub tso: Offload,
}

// Commands of the ethtool ioctl, from linux/ethtool.h.
const ETHTOOL_GTSO: u32 = 0x1e;
const ETHTOOL_STSO: u32 = 0x1f;
const ETHTOOL_GGSO: u32 = 0x23;
const ETHTOOL_SGSO: u32 = 0x24;
const ETHTOOL_GGRO: u32 = 0x2b;
const ETHTOOL_SGRO: u32 = 0x2c;
const ETHTOOL_GLINKSETTINGS: u32 = 0x4c;

fn control_socket() -> io::Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

// linux/rtnetlink.h, linux/netlink.h.
const RTM_GETTFILTER: u16 = 46;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// Whether a filter of this name stands among those of `parent` (`TC_H_CLSACT` and a side) on an interface.
pub(crate) fn has_filter(interface: u32, parent: u32, name: &str) -> io::Result<bool> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_ROUTE) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor; nobody else has it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // struct nlmsghdr (length, kind, flags, sequence, port), struct tcmsg (family, index, handle, parent, info).
    let mut request = 36_u32.to_ne_bytes().to_vec();
    request.extend(RTM_GETTFILTER.to_ne_bytes());
    request.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    for word in [1, 0, 0, interface, 0, parent, 0] {
        request.extend(word.to_ne_bytes());
    }
    // SAFETY: the buffer lives and is as long as we say.
    if unsafe { libc::send(socket.as_raw_fd(), request.as_ptr().cast(), request.len(), 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // As an attribute has it: ended by NUL.
    let name = [name.as_bytes(), &[0]].concat();
    let (mut buffer, mut found) = (vec![0_u8; 64 << 10], false);
    loop {
        // SAFETY: the buffer lives and is as long as we say.
        let length = unsafe { libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        if length < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut rest = buffer.get(..length as usize).unwrap_or(&[]);
        while let [a, b, c, d, kind_low, kind_high, ..] = *rest {
            let length = u32::from_ne_bytes([a, b, c, d]) as usize;
            match u16::from_ne_bytes([kind_low, kind_high]) {
                NLMSG_DONE => return Ok(found),
                NLMSG_ERROR => return Err(io::Error::other("the kernel does not list its filters")),
                _ => {}
            }
            let Some(message) = rest.get(16..length) else { return Err(io::ErrorKind::InvalidData.into()) };
            found |= message.windows(name.len()).any(|bytes| bytes == name);
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        }
        if length == 0 {
            return Ok(found);
        }
    }
}

/// What the kernel says of the hardware of an interface: `ARPHRD_*` of linux/if_arp.h.
pub fn hardware_type(interface: &InterfaceName) -> io::Result<u16> {
    let socket = control_socket()?;
    // SAFETY: an all-zero ifreq is a valid value of it.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(interface.as_str().bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: `request` names the interface (15 bytes at most, so it ends in NUL).
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFHWADDR as _, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel filled in the address, whose family is the type of the hardware.
    Ok(unsafe { request.ifr_ifru.ifru_hwaddr.sa_family })
}

/// `struct vlan_ioctl_args` of linux/if_vlan.h.
#[repr(C)]
struct VlanQuestion {
    command: libc::c_int,
    device: [u8; 24],
    /// A name or a number.
    answer: [u8; 24],
    qos: libc::c_short,
}

// linux/sockios.h, linux/if_vlan.h.
const SIOCGIFVLAN: libc::c_ulong = 0x8982;
const GET_VLAN_REALDEV_NAME_CMD: libc::c_int = 8;
const GET_VLAN_VID_CMD: libc::c_int = 9;

/// The interface on which `vlan` rides, and its number there; `None` if it is no VLAN.
pub fn vlan_below(vlan: &InterfaceName) -> io::Result<Option<(InterfaceName, u16)>> {
    let socket = control_socket()?;
    let ask = |command| {
        let mut question = VlanQuestion { command, device: [0; 24], answer: [0; 24], qos: 0 };
        for (to, from) in question.device.iter_mut().zip(vlan.as_str().bytes()) {
            *to = from;
        }
        // SAFETY: `question` lives, is of the size the kernel reads and writes, and its name ends in NUL.
        if unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGIFVLAN as _, &raw mut question) } < 0 {
            return match io::Error::last_os_error() {
                // No VLAN; no such interface; a kernel without VLANs.
                error if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENODEV | libc::ENOPKG)) => Ok(None),
                error => Err(error),
            };
        }
        Ok(Some(question.answer))
    };
    let (Some(lower), Some(number)) = (ask(GET_VLAN_REALDEV_NAME_CMD)?, ask(GET_VLAN_VID_CMD)?) else {
        return Ok(None);
    };
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let lower = CStr::from_bytes_until_nul(&lower).map_err(|_| invalid())?.to_str().map_err(|_| invalid())?;
    let [a, b, c, d, ..] = number;
    let number = u16::try_from(u32::from_ne_bytes([a, b, c, d])).map_err(|_| invalid())?;
    Ok(Some((InterfaceName::new(lower).map_err(|_| invalid())?, number)))
}

fn ethtool<T>(socket: &OwnedFd, interface: &InterfaceName, argument: &mut T) -> io::Result<()> {
    // SAFETY: an all-zero ifreq is a valid value of it.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(interface.as_str().bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = std::ptr::from_mut(argument).cast();
    // SAFETY: `request` names the interface (15 bytes at most, so it ends in NUL) and points to a live
    // struct of the size that its command asks for.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[repr(C)]
struct EthtoolValue {
    command: u32,
    value: u32,
}

/// Has the allocator give large pieces of memory back to the kernel when they are freed, and what is free at its end.
///
/// glibc raises its bound for what it maps apart to the largest piece that was ever freed (mallopt(3),
/// `M_MMAP_THRESHOLD`), and keeps twice that: two passwords checked, of 20 MB each for a moment (Argon2), stay with the
/// process for ever. Where another allocator is linked, nothing happens.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    {
        // What glibc itself begins with.
        const BOUND: libc::c_int = 128 << 10;
        // SAFETY: two settings of the allocator; it takes its own lock.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, BOUND);
            libc::mallopt(libc::M_TRIM_THRESHOLD, BOUND);
        }
    }
}

/// What `interface` merges and splits by itself now.
pub fn offloads(interface: &InterfaceName) -> io::Result<Offloads> {
    let socket = control_socket()?;
    let read = |command| {
        let mut argument = EthtoolValue { command, value: 0 };
        ethtool(&socket, interface, &mut argument)?;
        Ok::<_, io::Error>(if argument.value == 0 { Offload::Off } else { Offload::On })
    };
    Ok(Offloads { gro: read(ETHTOOL_GGRO)?, gso: read(ETHTOOL_GGSO)?, tso: read(ETHTOOL_GTSO)? })
}

/// Puts `offloads` in force on `interface`; needs CAP_NET_ADMIN.
///
/// What already is as asked is not touched, so an interface that cannot change it makes no error.
pub fn set_offloads(interface: &InterfaceName, offloads: Offloads) -> io::Result<()> {
    let socket = control_socket()?;
    let now = self::offloads(interface)?;
    for (is, wanted, command) in [
        (now.gro, offloads.gro, ETHTOOL_SGRO),
        // TSO needs GSO off last and on first.
        (now.tso, if offloads.tso == Offload::Off { Offload::Off } else { now.tso }, ETHTOOL_STSO),
        (now.gso, offloads.gso, ETHTOOL_SGSO),
        (now.tso, offloads.tso, ETHTOOL_STSO),
    ] {
        if is != wanted {
            let value = u32::from(wanted == Offload::On);
            ethtool(&socket, interface, &mut EthtoolValue { command, value })?;
        }
    }
    Ok(())
}

#[repr(C)]
struct LinkSettings {
    command: u32,
    speed_mbps: u32,
    duplex: u8,
    port: u8,
    phy_address: u8,
    autonegotiation: u8,
    mdio_support: u8,
    mdi_crossover: u8,
    mdi_crossover_control: u8,
    mask_words: i8,
    transceiver: u8,
    master_slave: u8,
    master_slave_state: u8,
    rate_matching: u8,
    reserved: [u32; 7],
    // Three masks of at most 127 words follow (`ETHTOOL_LINK_MODE_MASK_MAX_KERNEL_NU32` is an i8).
    masks: [u32; 3 * 127],
}

/// The speed `interface` states, in Mbit/s of its line; `None` where it states none (virtual, unplugged, wireless).
pub fn link_speed_mbps(interface: &InterfaceName) -> io::Result<Option<u32>> {
    let socket = control_socket()?;
    // SAFETY: the struct is integers only, all zero is a value of it.
    let mut settings: LinkSettings = unsafe { zeroed() };
    settings.command = ETHTOOL_GLINKSETTINGS;
    // The first call says, as a negative number, how many words its masks have; the second gives the answer.
    for _ in 0..2 {
        match ethtool(&socket, interface, &mut settings) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(None),
            Err(error) => return Err(error),
        }
        if settings.mask_words < 0 {
            settings.mask_words = settings.mask_words.saturating_neg();
            settings.command = ETHTOOL_GLINKSETTINGS;
        } else {
            break;
        }
    }
    // 0 and SPEED_UNKNOWN (-1) say nothing.
    Ok((settings.mask_words > 0 && settings.speed_mbps != 0 && settings.speed_mbps != u32::MAX)
        .then_some(settings.speed_mbps))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_exist_has_no_number() {
        let missing = InterfaceName::new("no-such-if").unwrap();
        assert_eq!(interface_index(&missing).unwrap(), None);
        assert_eq!(interface_name(u32::MAX).unwrap(), None);
    }

    #[test]
    fn the_loopback_is_found_both_ways() {
        let loopback = InterfaceName::new("lo").unwrap();
        if let Some(index) = interface_index(&loopback).unwrap() {
            assert_eq!(interface_name(index).unwrap(), Some(loopback.clone()));
            assert_eq!(link_speed_mbps(&loopback).unwrap(), None);
            offloads(&loopback).unwrap();
        }
    }

    #[test]
    fn plain_values_are_read_only_when_they_are_whole() {
        assert_eq!(read_plain::<u32>(&[1, 0, 0]), None);
        let (value, rest) = read_plain::<u32>(&[1, 0, 0, 0, 9]).unwrap();
        assert_eq!(u32::from_ne_bytes(value.to_ne_bytes()), u32::from_ne_bytes([1, 0, 0, 0]));
        assert_eq!(rest, [9]);
    }
}
