//! Runs a program on one frame, without an interface: for tests, and for asking what the kernel would do.

use crate::load::loaded;
use crate::{Datapath, DatapathError, Head, Hook};
use aya::programs::{TestRun, TestRunOptions};
use std::time::Duration;

/// How a frame arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// How packets begin for the program; the frame itself has a header of Ethernet in any case.
    pub head: Head,
    /// `skb->mark`.
    pub mark: u32,
    /// `skb->priority`.
    pub priority: u32,
    /// The interface it came in by; 0 for what the gateway itself sends.
    pub ingress_interface: u32,
    /// How many segments were merged into it; 0 for one plain packet.
    pub segments: u32,
    /// Bytes of payload per segment, where segments were merged.
    pub segment_bytes: u32,
    /// Bytes on the wire as the kernel states them; 0 for the length of the frame.
    pub wire_length: u32,
}

/// What became of the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What the program returned (`TC_ACT_*`).
    pub verdict: i32,
    /// The frame as it goes on.
    pub frame: Vec<u8>,
    /// Its `skb->mark`.
    pub mark: u32,
    /// Its `skb->priority`.
    pub priority: u32,
    /// How long one run took, on average.
    pub duration: Duration,
}

// Offsets in `struct __sk_buff`, linux/bpf.h.
const MARK: usize = 8;
const PRIORITY: usize = 32;
const INGRESS_IFINDEX: usize = 36;
const WIRE_LEN: usize = 160;
const GSO_SEGS: usize = 164;
const GSO_SIZE: usize = 176;
const SIZE: usize = 192;

impl Datapath {
    /// Runs the program of `hook` on `frame`, `repeat` times (`BPF_PROG_TEST_RUN`). It counts like any other.
    ///
    /// # Errors
    /// The kernel takes no such frame (it must hold an Ethernet header at least), or a right is missing.
    pub fn trial(&mut self, hook: Hook, frame: &[u8], setting: Setting, repeat: u32) -> Result<Trial, DatapathError> {
        let mut context = [0; SIZE];
        for (offset, value) in [
            (MARK, setting.mark),
            (PRIORITY, setting.priority),
            (INGRESS_IFINDEX, setting.ingress_interface),
            (WIRE_LEN, setting.wire_length),
            (GSO_SEGS, setting.segments),
            (GSO_SIZE, setting.segment_bytes),
        ] {
            context[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
        }
        let mut context_after = [0; SIZE];
        let mut frame_after = vec![0; frame.len() + 256];
        let program = loaded(&mut self.ebpf, hook.program(setting.head))?;
        let result = program
            .test_run(TestRunOptions {
                data_in: Some(frame),
                data_out: Some(&mut frame_after),
                ctx_in: Some(&context),
                ctx_out: Some(&mut context_after),
                repeat,
                ..Default::default()
            })
            .map_err(|error| DatapathError::Program {
                program: hook.program(setting.head),
                reason: error.to_string(),
            })?;
        frame_after.truncate(result.data_size_out as usize);
        let field = |offset: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&context_after[offset..offset + 4]);
            u32::from_ne_bytes(bytes)
        };
        Ok(Trial {
            verdict: result.return_value as i32,
            frame: frame_after,
            mark: field(MARK),
            priority: field(PRIORITY),
            duration: result.duration,
        })
    }
}
