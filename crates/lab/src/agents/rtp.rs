//! RTP packets (RFC 3550): a stream that counts, and the other side's answer to it.

use super::noise::Noise;

/// The length of an RTP header without contributing sources.
pub(super) const HEADER: usize = 12;

/// One direction of one medium.
pub(super) struct Stream {
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ticks_per_packet: u32,
    source: u32,
}

impl Stream {
    /// A stream of `payload_type` whose clock advances by `ticks_per_packet`.
    pub(super) fn new(payload_type: u8, ticks_per_packet: u32, noise: &mut Noise) -> Stream {
        Stream {
            payload_type,
            sequence: noise.next() as u16,
            timestamp: noise.next() as u32,
            ticks_per_packet,
            source: noise.next() as u32,
        }
    }

    /// The next packet, with `payload`.
    pub(super) fn next(&mut self, marker: Marker, payload: &[u8], ticks: Ticks) -> Vec<u8> {
        let mut packet = Vec::with_capacity(HEADER + payload.len());
        let marker = match marker {
            Marker::Set => 0x80,
            Marker::Clear => 0,
        };
        packet.extend([0x80, marker | self.payload_type]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.source.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        if ticks == Ticks::Advance {
            self.timestamp = self.timestamp.wrapping_add(self.ticks_per_packet);
        }
        packet
    }
}

/// The marker bit: the first packet of a talk spurt, or the last of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// 1.
    Set,
    /// 0.
    Clear,
}

/// Whether the stream's clock moves on after a packet: packets of one picture share a timestamp.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ticks {
    /// It does.
    Advance,
    /// It does not.
    Stay,
}

/// Whether `packet` is RTP of version 2 (and not STUN, DTLS or RTCP, RFC 7983).
pub(super) fn is_rtp(packet: &[u8]) -> bool {
    packet.len() > HEADER && packet[0] >> 6 == 2 && !(72..=76).contains(&(packet[1] & 0x7f))
}

/// What tells packets of one call apart: payload type and sequence number.
pub(super) fn number(packet: &[u8]) -> u32 {
    u32::from_be_bytes([0, packet[1] & 0x7f, packet[2], packet[3]])
}

/// Makes of a packet that came one that goes back: another source, the same numbers and payload.
pub(super) fn answer(packet: &mut [u8]) {
    for byte in &mut packet[8..12] {
        *byte ^= 0x5a;
    }
}
