//! Every frame, from rings that the kernel shares with us: for kernels that refuse eBPF, and for looking closely.

use crate::filter::{Filter, Instruction};
use crate::sys::ring::{self, Ring, RingFrame};
use crate::{CaptureError, Counting, Frame, Observation, Polled, Source, SourceCounts};
use datapath::sys;
use std::io;
use std::time::Duration;
use vocab::{ByteCount, Direction, InterfaceName, LinkType, SourceKind, Timestamp};

/// An interface to read, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Which interface.
    pub interface: InterfaceName,
    /// Which way frames go that leave through it: `Download` towards the devices, `Upload` towards the bottleneck.
    pub outgoing: Direction,
}

/// Whether frames for other stations are read too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listening {
    /// Only what this machine sends and receives.
    #[default]
    Ours,
    /// Everything on the wire: behind a mirror port.
    Promiscuous,
}

/// How frames are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AfPacketSettings {
    /// Bytes of each interface's ring.
    pub ring_bytes: usize,
    /// Bytes kept of each frame.
    pub snap_len: u32,
    /// Whether frames for other stations are read too.
    pub listening: Listening,
    /// A filter expression (pcap-filter(7)); the kernel has taken VLAN tags off before it is asked.
    pub filter: Option<String>,
}

impl Default for AfPacketSettings {
    /// Rings of 16 MiB, 1,600 bytes a frame, as eBPF sends up.
    fn default() -> Self {
        AfPacketSettings { ring_bytes: 16 << 20, snap_len: 1_600, listening: Listening::Ours, filter: None }
    }
}

#[derive(Debug)]
struct Tapped {
    ring: Ring,
    name: InterfaceName,
    index: u32,
    link_type: LinkType,
    outgoing: Direction,
}

/// Interfaces as a source.
#[derive(Debug)]
pub struct AfPacketSource {
    taps: Vec<Tapped>,
    counts: SourceCounts,
}

// Hardware types, linux/if_arp.h.
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_PPP: u16 = 512;
const ARPHRD_LOOPBACK: u16 = 772;
const ARPHRD_RAWIP: u16 = 519;
const ARPHRD_NONE: u16 = 0xfffe;

impl AfPacketSource {
    /// Opens a ring on every interface.
    ///
    /// # Errors
    /// CAP_NET_RAW or an interface is missing, an interface has frames we cannot read, or the filter is refused.
    pub fn open(taps: &[Tap], settings: &AfPacketSettings) -> Result<AfPacketSource, CaptureError> {
        let mut opened = Vec::new();
        for tap in taps {
            let name = tap.interface.as_str();
            let failed = |source: io::Error| match source.raw_os_error() {
                Some(libc::EPERM | libc::EACCES) => CaptureError::Permission { interface: name.to_owned() },
                Some(libc::ENODEV | libc::ENXIO) => CaptureError::NoInterface { interface: name.to_owned() },
                _ => CaptureError::Interface { interface: name.to_owned(), source },
            };
            let index = sys::interface_index(&tap.interface)
                .map_err(failed)?
                .ok_or_else(|| CaptureError::NoInterface { interface: name.to_owned() })?;
            let link_type = match ring::hardware_type(name).map_err(failed)? {
                ARPHRD_ETHER | ARPHRD_LOOPBACK => LinkType::Ethernet,
                // The kernel hands these over without their few bytes of framing.
                ARPHRD_NONE | ARPHRD_RAWIP | ARPHRD_PPP => LinkType::RawIp,
                hardware => return Err(CaptureError::Hardware { interface: name.to_owned(), hardware }),
            };
            let filter = match &settings.filter {
                Some(expression) => Filter::compile(expression, link_type, settings.snap_len)?.instructions().to_vec(),
                None => vec![keep(settings.snap_len)],
            };
            let promiscuous = settings.listening == Listening::Promiscuous;
            let ring = Ring::open(index, settings.ring_bytes, &filter, promiscuous).map_err(failed)?;
            opened.push(Tapped { ring, name: tap.interface.clone(), index, link_type, outgoing: tap.outgoing });
        }
        Ok(AfPacketSource { taps: opened, counts: SourceCounts::default() })
    }

    fn take(&mut self, sink: &mut dyn FnMut(Observation<'_>)) -> Option<usize> {
        let mut taken = None;
        let counts = &mut self.counts;
        for tap in &mut self.taps {
            let (index, link_type, outgoing) = (tap.index, tap.link_type, tap.outgoing);
            let frames = tap.ring.take_block(|frame| {
                let (packets, wire_len) = on_the_wire(link_type, &frame);
                counts.packets += u64::from(packets);
                counts.bytes += ByteCount(u64::from(wire_len));
                counts.frames += 1;
                sink(Observation::Frame(Frame {
                    at: Timestamp::from_unix_nanos(frame.unix_ns),
                    interface: index,
                    link_type,
                    direction: Some(if frame.outgoing { outgoing } else { outgoing.opposite() }),
                    vlan: frame.vlan,
                    wire_len,
                    packets,
                    bytes: frame.bytes,
                }));
            });
            if let Some(frames) = frames {
                taken = Some(taken.unwrap_or(0) + frames);
            }
        }
        taken
    }
}

impl Source for AfPacketSource {
    fn kind(&self) -> SourceKind {
        SourceKind::AfPacket
    }

    fn counting(&self) -> Counting {
        Counting::ByFrames
    }

    fn poll(&mut self, timeout: Duration, sink: &mut dyn FnMut(Observation<'_>)) -> Result<Polled, CaptureError> {
        if let Some(taken) = self.take(sink) {
            return Ok(Polled::Observed(taken));
        }
        let rings: Vec<&Ring> = self.taps.iter().map(|tap| &tap.ring).collect();
        let errors = ring::wait(&rings, timeout).map_err(|source| CaptureError::Call { call: "poll", source })?;
        for (number, source) in errors {
            let tap = &self.taps[number];
            // Down is no end: the ring goes on when it comes up again. Gone is.
            let there = sys::interface_name(tap.index)
                .map_err(|source| CaptureError::Call { call: "if_indextoname", source })?;
            if source.raw_os_error() != Some(libc::ENETDOWN) || there.is_none() {
                return Err(CaptureError::Interface { interface: tap.name.to_string(), source });
            }
            tracing::warn!(interface = %tap.name, "the interface is down");
        }
        Ok(match self.take(sink) {
            Some(taken) => Polled::Observed(taken),
            None => Polled::Idle,
        })
    }

    fn read_counts(&mut self, _sink: &mut dyn FnMut(Observation<'_>)) -> Result<(), CaptureError> {
        Ok(())
    }

    fn counts(&mut self) -> Result<SourceCounts, CaptureError> {
        for tap in &self.taps {
            let statistics =
                tap.ring.statistics().map_err(|source| CaptureError::Call { call: "PACKET_STATISTICS", source })?;
            self.counts.dropped_kernel += statistics.dropped;
        }
        Ok(self.counts)
    }
}

/// The program that keeps `length` bytes of every frame: `BPF_RET | BPF_K` (linux/bpf_common.h).
fn keep(length: u32) -> Instruction {
    Instruction { code: 0x06, jump_true: 0, jump_false: 0, operand: length }
}

/// How many packets a frame was on the wire, and of how many bytes together: merged segments have a header each.
fn on_the_wire(link_type: LinkType, frame: &RingFrame<'_>) -> (u32, u32) {
    let once = (1, frame.length);
    if frame.segment == 0 {
        return once;
    }
    let Some(headers) = headers_length(link_type, frame.bytes).and_then(|length| u32::try_from(length).ok()) else {
        return once;
    };
    let Some(payload) = frame.length.checked_sub(headers) else { return once };
    let segments = payload.div_ceil(u32::from(frame.segment)).max(1);
    (segments, frame.length.saturating_add((segments - 1).saturating_mul(headers)))
}

/// The bytes before the payload of a TCP or UDP packet; `None` if it is neither.
fn headers_length(link_type: LinkType, bytes: &[u8]) -> Option<usize> {
    let half = |at: usize| Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    let mut at = 0;
    if link_type == LinkType::Ethernet {
        at = 14;
        // Tags of 802.1Q, 802.1ad and what was before it.
        while matches!(half(at - 2)?, 0x8100 | 0x88a8 | 0x9100) {
            at += 4;
        }
    }
    let (mut next, mut above) = match bytes.get(at)? >> 4 {
        4 => (*bytes.get(at + 9)?, at + usize::from(bytes.get(at)? & 0xf) * 4),
        6 => (*bytes.get(at + 6)?, at + 40),
        _ => return None,
    };
    // Hop-by-hop, routing and destination options of IPv6: none twice that matters.
    for _ in 0..8 {
        if !matches!(next, 0 | 43 | 60) {
            break;
        }
        next = *bytes.get(above)?;
        above += (usize::from(*bytes.get(above + 1)?) + 1) * 8;
    }
    match next {
        6 => Some(above + usize::from(bytes.get(above + 12)? >> 4) * 4),
        17 => Some(above + 8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(name: &str, headers: &[&[u8]], payload: u32, segment: u16, expected: (u32, u32)) {
        let bytes = headers.concat();
        let length = bytes.len() as u32 + payload;
        let frame = RingFrame { unix_ns: 0, length, outgoing: false, vlan: None, segment, bytes: &bytes };
        assert_eq!(on_the_wire(LinkType::Ethernet, &frame), expected, "{name}");
    }

    #[test]
    fn merged_segments_count_as_they_were_sent() {
        let ethernet = [0_u8; 12];
        let mut v4 = [0; 20];
        v4[0] = 0x45;
        v4[9] = 6;
        let mut v6 = [0; 40];
        v6[0] = 0x60;
        v6[6] = 17;
        let mut tcp = [0; 32];
        tcp[12] = 0x80;
        check("plain", &[&ethernet, &[8, 0], &v4, &tcp], 3_000, 0, (1, 3_066));
        check("TCP", &[&ethernet, &[8, 0], &v4, &tcp], 3_000, 1_000, (3, 3_000 + 3 * 66));
        check("last is short", &[&ethernet, &[8, 0], &v4, &tcp], 3_001, 1_000, (4, 3_001 + 4 * 66));
        check("tagged", &[&ethernet, &[0x81, 0, 0, 7, 8, 0], &v4, &tcp], 2_000, 1_000, (2, 2_000 + 2 * 70));
        check("UDP", &[&ethernet, &[0x86, 0xdd], &v6, &[0; 8]], 2_000, 1_000, (2, 2_000 + 2 * 62));
        check("ARP", &[&ethernet, &[8, 6], &[0; 28]], 2_000, 1_000, (1, 2_042));
    }

    proptest! {
        #[test]
        fn any_frame_has_some_size(bytes in proptest::collection::vec(any::<u8>(), 0..200), length: u32, segment: u16) {
            let frame = RingFrame { unix_ns: 0, length, outgoing: false, vlan: None, segment, bytes: &bytes };
            for link_type in [LinkType::Ethernet, LinkType::RawIp] {
                prop_assert!(on_the_wire(link_type, &frame).1 >= length);
            }
        }
    }
}
