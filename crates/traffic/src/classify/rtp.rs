//! RTP and RTCP (RFC 3550, RFC 3551): media, told from chance by sequence and clock; sound from video.

use super::{Names, Signature};
use crate::packet::{be16, be32};
use vocab::TrafficClass;

/// Packets of one source whose sequence must agree before it is believed: by chance 3 in a row agree once in
/// 2^48 flows that pass the first byte.
const ENOUGH: u8 = 3;
/// Where the payload type does not say, this many packets tell sound from video by size and clock.
const ENOUGH_DYNAMIC: u8 = 5;
/// No frame of sound is larger: 20 ms of stereo Opus at 128 kbit/s are 320 bytes, G.711 at 60 ms 480; with
/// header extensions and authentication below this.
const MOST_SOUND: usize = 640;

/// One direction of a flow that may be RTP.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tracker {
    source: u32,
    sequence: u16,
    clock: u32,
    kind: u8,
    good: u8,
    bad: u8,
    /// Packets that share the clock of the one before: frames in parts, as video has.
    same_clock: u8,
    largest: u16,
}

const fn media(application: &'static str, class: TrafficClass, confidence: u8, why: &'static str) -> Signature {
    Signature { application, class, names: Names::Adorn, confidence, why }
}

impl Tracker {
    /// Takes in a datagram; says what it is as soon as that is clear.
    pub(crate) fn observe(&mut self, datagram: &[u8]) -> Option<Signature> {
        let (first, second) = (*datagram.first()?, *datagram.get(1)?);
        if first & 0xc0 != 0x80 || datagram.len() < 12 {
            self.bad = self.bad.saturating_add(1);
            return None;
        }
        // RTCP shares the port (RFC 5761): not counted, not held against it.
        if (192..=223).contains(&second) {
            return None;
        }
        let kind = second & 0x7f;
        let (sequence, clock, source) = (be16(datagram, 2)?, be32(datagram, 4)?, be32(datagram, 8)?);
        let size = u16::try_from(datagram.len()).unwrap_or(u16::MAX);
        if self.good > 0 && source == self.source {
            let step = sequence.wrapping_sub(self.sequence);
            if (1..=64).contains(&step) {
                self.good = self.good.saturating_add(1);
                self.same_clock = self.same_clock.saturating_add(u8::from(clock == self.clock));
            } else if step != 0 {
                self.bad = self.bad.saturating_add(1);
            }
        } else {
            if self.good > 1 {
                self.bad = self.bad.saturating_add(1);
            }
            *self = Tracker { source, good: 1, bad: self.bad, largest: 0, same_clock: 0, ..*self };
        }
        self.sequence = sequence;
        self.clock = clock;
        self.kind = kind;
        self.largest = self.largest.max(size);
        self.conclude()
    }

    fn conclude(&self) -> Option<Signature> {
        if self.good < ENOUGH || self.bad > self.good {
            return None;
        }
        let sound = "RTP: sequence and clock advance as in a voice call";
        let video = "RTP: sequence and clock advance as in a video call";
        match self.kind {
            // RFC 3551, tables 4 and 5.
            0 | 3..=18 => Some(media("RTP", TrafficClass::Voice, 95, sound)),
            25 | 26 | 28 | 31 | 32 | 34 => Some(media("RTP", TrafficClass::Call, 95, video)),
            33 => Some(media("MPEG-TS", TrafficClass::Streaming, 93, "RTP that carries a transport stream")),
            _ if usize::from(self.largest) > MOST_SOUND || self.same_clock >= 2 => {
                Some(media("RTP", TrafficClass::Call, 90, video))
            }
            _ if self.good >= ENOUGH_DYNAMIC => Some(media("RTP", TrafficClass::Voice, 85, sound)),
            _ => None,
        }
    }
}

/// A report of a sender or receiver whose length is the one its number of blocks asks for (RFC 3550, 6.4);
/// what follows may be encrypted (RFC 3711).
pub(crate) fn is_rtcp(datagram: &[u8]) -> bool {
    let (Some(&first), Some(&kind), Some(words)) = (datagram.first(), datagram.get(1), be16(datagram, 2)) else {
        return false;
    };
    let blocks = u16::from(first & 0x1f) * 6;
    let expected = match kind {
        200 => 6 + blocks,
        201 => 1 + blocks,
        _ => return false,
    };
    first & 0xc0 == 0x80 && words == expected && datagram.len() >= (usize::from(words) + 1) * 4
}

pub(crate) const RTCP: Signature = media("RTCP", TrafficClass::Voice, 75, "RTCP: reports about a flow of media");

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: u8, sequence: u16, clock: u32, payload: usize) -> Vec<u8> {
        let mut bytes = vec![0x80, kind];
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&clock.to_be_bytes());
        bytes.extend_from_slice(&0xdead_beef_u32.to_be_bytes());
        bytes.resize(12 + payload, 0x55);
        bytes
    }

    fn check(packets: impl IntoIterator<Item = Vec<u8>>, expected: Option<TrafficClass>) {
        let mut tracker = Tracker::default();
        let mut class = None;
        for bytes in packets {
            class = class.or(tracker.observe(&bytes));
        }
        assert_eq!(class.map(|signature| signature.class), expected);
    }

    #[test]
    fn sound_and_video_are_told_apart() {
        check((0..6).map(|n| packet(0, n, u32::from(n) * 160, 160)), Some(TrafficClass::Voice));
        check((0..6).map(|n| packet(111, n, u32::from(n) * 960, 80)), Some(TrafficClass::Voice));
        check((0..6).map(|n| packet(96, n, 3_000, 1_180)), Some(TrafficClass::Call));
        check((0..9).map(|n| packet(96, n, u32::from(n / 4) * 3_000, 500)), Some(TrafficClass::Call));
    }

    #[test]
    fn chance_is_not_media() {
        check((0..40).map(|n: u16| packet(0, n.wrapping_mul(7_919), u32::from(n), 100)), None);
        check((0..40).map(|_| packet(0, 7, 7, 100)), None);
    }
}
