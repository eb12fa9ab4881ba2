//! Filter expressions as tcpdump knows them, compiled by libpcap, which is loaded only when one is asked for.

use crate::CaptureError;
use crate::sys::libpcap::Library;
use std::sync::Arc;
use vocab::LinkType;

/// One instruction of the classic packet filter (`struct sock_filter` in linux/filter.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Instruction {
    pub code: u16,
    pub jump_true: u8,
    pub jump_false: u8,
    pub operand: u32,
}

/// A compiled filter.
#[derive(Clone, Debug)]
pub struct Filter {
    library: Arc<Library>,
    instructions: Arc<[Instruction]>,
}

impl Filter {
    /// Compiles `expression` (pcap-filter(7)) for frames of `link_type`; of each frame that matches, `snap_len` bytes
    /// are kept by a live capture.
    ///
    /// # Errors
    /// libpcap is not installed, or does not understand the expression.
    pub fn compile(expression: &str, link_type: LinkType, snap_len: u32) -> Result<Filter, CaptureError> {
        let library = Library::load()?;
        let instructions = library.compile(expression, link_type.number(), snap_len)?;
        Ok(Filter { library: Arc::new(library), instructions: instructions.into() })
    }

    /// Whether a frame of `wire_len` bytes that begins with `bytes` is wanted.
    pub fn matches(&self, bytes: &[u8], wire_len: u32) -> bool {
        self.library.matches(&self.instructions, bytes, wire_len)
    }

    pub(crate) fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn expressions_choose_frames() {
        let mut dns = [0; 60];
        dns[12] = 8;
        dns[14] = 0x45;
        dns[23] = 17;
        dns[37] = 53;
        for (expression, wanted) in
            [("udp port 53", true), ("tcp", false), ("", true), ("ip and greater 100", true), ("less 59", false)]
        {
            match Filter::compile(expression, LinkType::Ethernet, 1_600) {
                Ok(filter) => assert_eq!(filter.matches(&dns, 100), wanted, "{expression}"),
                Err(CaptureError::NoLibpcap { .. }) => {
                    std::io::stderr().write_all(b"SKIPPED: filters need libpcap0.8\n").unwrap();
                    return;
                }
                Err(error) => panic!("{expression}: {error}"),
            }
        }
        for wrong in ["udp port", "nonsense 7", "host a\0b"] {
            let refused = Filter::compile(wrong, LinkType::Ethernet, 1_600);
            assert!(matches!(refused, Err(CaptureError::Filter { .. })), "{wrong:?}");
        }
    }
}
