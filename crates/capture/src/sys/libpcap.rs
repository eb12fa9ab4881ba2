//! The few functions of libpcap that compile and run filters (pcap/pcap.h, pcap/bpf.h).

use crate::CaptureError;
use crate::filter::Instruction;
use libc::{c_char, c_int, c_uint, c_void, timeval};
use std::ffi::{CStr, CString};

#[repr(C)]
struct Program {
    length: c_uint,
    instructions: *mut Instruction,
}

#[repr(C)]
struct Header {
    time: timeval,
    captured: u32,
    length: u32,
}

type OpenDead = unsafe extern "C" fn(c_int, c_int) -> *mut c_void;
type Compile = unsafe extern "C" fn(*mut c_void, *mut Program, *const c_char, c_int, u32) -> c_int;
type FreeCode = unsafe extern "C" fn(*mut Program);
type Close = unsafe extern "C" fn(*mut c_void);
type GetError = unsafe extern "C" fn(*mut c_void) -> *const c_char;
type OfflineFilter = unsafe extern "C" fn(*const Program, *const Header, *const u8) -> c_int;

/// libpcap, as found at run time.
#[derive(Debug)]
pub(crate) struct Library {
    open_dead: OpenDead,
    compile: Compile,
    free_code: FreeCode,
    close: Close,
    get_error: GetError,
    offline_filter: OfflineFilter,
    /// Keeps the functions above mapped.
    _library: libloading::Library,
}

impl Library {
    /// Looks for libpcap where the dynamic linker looks.
    pub(crate) fn load() -> Result<Library, CaptureError> {
        let missing = |error: libloading::Error| CaptureError::NoLibpcap { reason: error.to_string() };
        // Debian's name, everybody else's, and the link of the development package.
        // SAFETY: libpcap runs no code of its own when it is loaded.
        let open = |name: &str| unsafe { libloading::Library::new(name) };
        let library = open("libpcap.so.0.8")
            .or_else(|_| open("libpcap.so.1"))
            .or_else(|_| open("libpcap.so"))
            .map_err(missing)?;
        // SAFETY: the types are those of pcap/pcap.h, unchanged since libpcap 1.0 (2008).
        unsafe {
            Ok(Library {
                open_dead: *library.get(b"pcap_open_dead\0").map_err(missing)?,
                compile: *library.get(b"pcap_compile\0").map_err(missing)?,
                free_code: *library.get(b"pcap_freecode\0").map_err(missing)?,
                close: *library.get(b"pcap_close\0").map_err(missing)?,
                get_error: *library.get(b"pcap_geterr\0").map_err(missing)?,
                offline_filter: *library.get(b"pcap_offline_filter\0").map_err(missing)?,
                _library: library,
            })
        }
    }

    /// The instructions of `expression` for frames of this link type.
    pub(crate) fn compile(
        &self,
        expression: &str,
        link_type: u16,
        snap_len: u32,
    ) -> Result<Vec<Instruction>, CaptureError> {
        let refused = |reason: String| CaptureError::Filter { expression: expression.to_owned(), reason };
        let text = CString::new(expression).map_err(|_| refused("it holds a zero byte".to_owned()))?;
        let snap_len = c_int::try_from(snap_len).unwrap_or(c_int::MAX);
        // SAFETY: two numbers go in.
        let handle = unsafe { (self.open_dead)(c_int::from(link_type), snap_len) };
        if handle.is_null() {
            return Err(refused("libpcap is out of memory".to_owned()));
        }
        let mut program = Program { length: 0, instructions: std::ptr::null_mut() };
        // The netmask serves `ip broadcast` only; unknown is u32::MAX (PCAP_NETMASK_UNKNOWN).
        // SAFETY: the handle is open, the program is ours to write, the text ends in NUL.
        let outcome = unsafe { (self.compile)(handle, &raw mut program, text.as_ptr(), 1, u32::MAX) };
        let result = if outcome == 0 {
            // SAFETY: pcap_compile succeeded, so `length` instructions lie there until they are freed.
            let compiled = unsafe { std::slice::from_raw_parts(program.instructions, program.length as usize) };
            let copy = compiled.to_vec();
            // SAFETY: the program was made by pcap_compile and is not used again.
            unsafe { (self.free_code)(&raw mut program) };
            Ok(copy)
        } else {
            // SAFETY: the handle is open; its message ends in NUL and lives as long as it.
            let reason = unsafe { CStr::from_ptr((self.get_error)(handle)) }.to_string_lossy().into_owned();
            Err(refused(reason))
        };
        // SAFETY: the handle is open and not used again.
        unsafe { (self.close)(handle) };
        result
    }

    /// Runs a program on a frame.
    pub(crate) fn matches(&self, instructions: &[Instruction], bytes: &[u8], wire_len: u32) -> bool {
        let program = Program { length: instructions.len() as c_uint, instructions: instructions.as_ptr().cast_mut() };
        let header = Header { time: timeval { tv_sec: 0, tv_usec: 0 }, captured: bytes.len() as u32, length: wire_len };
        // SAFETY: the program came from pcap_compile, which makes only programs that end; it is read, not written;
        // the header says how many bytes may be read.
        unsafe { (self.offline_filter)(&raw const program, &raw const header, bytes.as_ptr()) != 0 }
    }
}
