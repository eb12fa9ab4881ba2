//! How far each side of a TCP flow has come in its stream: who cannot know it cannot end the flow (RFC 5961).
//!
//! Packets may be missed, and most are only counted: a side may have come as much further as it was counted for, and
//! what the other side acknowledges sets right what was missed.

use super::order::Fate;
use crate::TcpSegment;

/// A side may be this much further than what was seen and counted of it: the largest window without scaling
/// (RFC 9293, 3.1).
const AHEAD: u32 = 1 << 16;
/// What was counted is kept in steps of so many bits.
const STEP_BITS: u32 = 16;
/// The same of what is on its way; 16 MiB at most, 1.3 Gbit/s over 100 ms.
const FLIGHT_BITS: u32 = 8;

/// Whether a segment stands where its sender can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Plausible,
    Elsewhere,
}

/// One side's place in its stream.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    /// Its first byte, where its SYN was seen.
    begin: u32,
    /// Behind the last byte that it was seen to have sent.
    sent: u32,
    /// What it had been counted for by then, in steps of 64 KiB.
    counted: u32,
    /// What it sent and the other side did not acknowledge yet, in steps of 256 bytes.
    in_flight: u16,
    knowledge: Knowledge,
}

/// What is known of a side's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Knowledge {
    #[default]
    Nothing,
    Place,
    PlaceAndBegin,
}

impl Reach {
    fn is_known(&self) -> bool {
        self.knowledge != Knowledge::Nothing
    }

    /// Whether `number` may be the next byte of this side, which was counted for `bytes` by now.
    fn covers(&self, number: u32, bytes: u64) -> bool {
        let behind = u32::from(self.in_flight) << FLIGHT_BITS;
        let since = steps(bytes).saturating_sub(self.counted).saturating_mul(1 << STEP_BITS);
        number.wrapping_sub(self.sent.wrapping_sub(behind)) <= behind.saturating_add(since).saturating_add(AHEAD)
    }

    /// It is at `number`, and all of what it sent has arrived.
    fn stand(&mut self, number: u32, bytes: u64) {
        (self.sent, self.counted, self.in_flight) = (number, steps(bytes), 0);
        if self.knowledge == Knowledge::Nothing {
            self.knowledge = Knowledge::Place;
        }
    }

    /// It was seen to have come to `number`.
    fn advance(&mut self, number: u32, bytes: u64) {
        let by = number.wrapping_sub(self.sent);
        if by.cast_signed() > 0 {
            self.in_flight = self.in_flight.saturating_add(flight(by));
            (self.sent, self.counted) = (number, steps(bytes));
        }
    }

    /// The other side expects `number`.
    fn acknowledge(&mut self, number: u32, bytes: u64) {
        if !self.is_known() || !self.covers(number, bytes) {
            self.stand(number, bytes);
            return;
        }
        self.advance(number, bytes);
        self.in_flight = self.in_flight.min(flight(self.sent.wrapping_sub(number)));
    }
}

/// Steps of 256 bytes, rounded up, so that more than nothing is never nothing.
fn flight(bytes: u32) -> u16 {
    u16::try_from(bytes.div_ceil(1 << FLIGHT_BITS)).unwrap_or(u16::MAX)
}

fn steps(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1 << STEP_BITS)).unwrap_or(u32::MAX)
}

/// Both sides' places.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    reaches: [Reach; 2],
    /// Where a side wants to begin another flow on the same ports.
    reopens: Option<u32>,
}

impl Sequence {
    /// The number of the first byte of the side at `from`, where its SYN was seen.
    pub(super) fn begin(&self, from: usize) -> Option<u32> {
        let reach = self.reaches[from];
        (reach.knowledge == Knowledge::PlaceAndBegin).then_some(reach.begin)
    }

    /// Whether a SYN is the first packet of another flow on the same ports, where this one's fate is `fate`.
    ///
    /// What has ended gives way to any other beginning. The end of what is open may have been missed, but a SYN alone
    /// proves nothing (RFC 5961, 4): the other side has to take it up.
    pub(super) fn begins_anew(&mut self, from: usize, segment: TcpSegment, fate: Fate) -> bool {
        let first = segment.seq.wrapping_add(1);
        if self.begin(from) == Some(first) {
            return false;
        }
        if fate == Fate::Ended {
            return true;
        }
        if segment.flags.ack() {
            return self.reopens == Some(segment.ack);
        }
        if self.reaches[from].is_known() {
            self.reopens = Some(first);
        }
        false
    }

    /// Takes in a segment of the side at `from` with `length` bytes, where the sides were counted for `bytes` before.
    pub(super) fn observe(&mut self, from: usize, segment: TcpSegment, length: usize, bytes: [u64; 2]) -> Standing {
        let flags = segment.flags;
        let (own, other) = (self.reaches[from], self.reaches[1 - from]);
        let stands = if own.is_known() {
            own.covers(segment.seq, bytes[from])
        } else if flags.ack() {
            // A side that was not heard yet proves itself by what it heard, as a refusal does (RFC 9293, 3.10.7.3).
            !other.is_known() || other.covers(segment.ack, bytes[1 - from])
        } else {
            !other.is_known() || flags.syn()
        };
        if !stands {
            return Standing::Elsewhere;
        }
        // A reset says nothing of what was sent; and every other segment has one of these two.
        if !flags.rst() && (flags.ack() || flags.syn()) {
            let own = &mut self.reaches[from];
            if !own.is_known() {
                own.stand(segment.seq, bytes[from]);
            }
            let first = segment.seq.wrapping_add(u32::from(flags.syn()));
            if flags.syn() && own.knowledge != Knowledge::PlaceAndBegin {
                (own.begin, own.knowledge) = (first, Knowledge::PlaceAndBegin);
            }
            own.advance(first.wrapping_add(length as u32).wrapping_add(u32::from(flags.fin())), bytes[from]);
            if flags.ack() {
                self.reaches[1 - from].acknowledge(segment.ack, bytes[1 - from]);
            }
        }
        Standing::Plausible
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TcpFlags;
    use proptest::prelude::*;

    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    const RST: u8 = 0x04;

    fn segment(flags: u8, seq: u32, ack: u32) -> TcpSegment {
        TcpSegment { flags: TcpFlags(flags), seq, ack }
    }

    /// One step of an exchange: who sends how much, and what becomes of the packet on its way past us.
    #[derive(Clone, Copy, Debug)]
    enum Fate {
        Seen,
        Counted,
        Missed,
    }

    fn step() -> impl Strategy<Value = (usize, usize, Fate)> {
        let fate = prop_oneof![6 => Just(Fate::Seen), 3 => Just(Fate::Counted), 1 => Just(Fate::Missed)];
        (0usize..2, 0usize..1_000, fate)
    }

    proptest! {
        /// Whatever is missed or only counted between: the reset that the other side would believe is believed, and
        /// one of chance is not.
        #[test]
        fn who_takes_part_may_end_it_and_nobody_else(
            first in any::<[u32; 2]>(),
            joined in 0usize..3,
            steps in prop::collection::vec(step(), 0..60),
            guess in any::<u32>(),
            from in 0usize..2,
        ) {
            let mut sequence = Sequence::default();
            let mut bytes = [0_u64; 2];
            let mut next = first;
            let opening = [(0, SYN), (1, SYN | ACK), (0, ACK)];
            for (at, (from, flags)) in opening.into_iter().enumerate() {
                if at >= joined {
                    let stands = sequence.observe(from, segment(flags, next[from], next[1 - from]), 0, bytes);
                    prop_assert_eq!(stands, Standing::Plausible);
                }
                bytes[from] += 66;
                next[from] = next[from].wrapping_add(u32::from(flags & SYN != 0));
            }
            for (from, length, fate) in steps {
                match fate {
                    Fate::Seen => {
                        let stands = sequence.observe(from, segment(ACK, next[from], next[1 - from]), length, bytes);
                        prop_assert_eq!(stands, Standing::Plausible);
                        bytes[from] += 66 + length as u64;
                    }
                    Fate::Counted => bytes[from] += 66 + length as u64,
                    Fate::Missed => {}
                }
                next[from] = next[from].wrapping_add(length as u32);
            }
            let mut reset = sequence;
            prop_assert_eq!(reset.observe(from, segment(RST, next[from], 0), 0, bytes), Standing::Plausible);
            // At most what was sent since the last acknowledgement, and as much again as was counted.
            let apart = guess.wrapping_sub(next[from]).min(next[from].wrapping_sub(guess));
            if apart > (1 << 20) {
                prop_assert_eq!(sequence.observe(from, segment(RST, guess, 0), 0, bytes), Standing::Elsewhere);
            }
        }
    }

    #[test]
    fn a_refusal_proves_itself_by_the_number_it_answers() {
        for (flags, ack, expected) in [
            (RST | ACK, 7_001, Standing::Plausible),
            (RST | ACK, 900_000, Standing::Elsewhere),
            (RST, 0, Standing::Elsewhere),
        ] {
            let mut sequence = Sequence::default();
            sequence.observe(0, segment(SYN, 7_000, 0), 0, [0, 0]);
            assert_eq!(sequence.observe(1, segment(flags, 0, ack), 0, [66, 0]), expected, "{flags} {ack}");
        }
    }

    #[test]
    fn what_stands_elsewhere_moves_nothing() {
        let mut sequence = Sequence::default();
        sequence.observe(0, segment(SYN, 7_000, 0), 0, [0, 0]);
        sequence.observe(1, segment(SYN | ACK, 500, 7_001), 0, [66, 0]);
        let far = 2_000_000_000;
        assert_eq!(sequence.observe(0, segment(ACK, far, 501), 100, [66, 66]), Standing::Elsewhere);
        assert_eq!(sequence.observe(0, segment(RST, far + 100, 0), 0, [166, 66]), Standing::Elsewhere);
        assert_eq!(sequence.observe(0, segment(RST, 7_001, 0), 0, [166, 66]), Standing::Plausible);
    }

    #[test]
    fn an_answer_shows_what_was_missed() {
        let mut sequence = Sequence::default();
        sequence.observe(0, segment(SYN, 7_000, 0), 0, [0, 0]);
        sequence.observe(1, segment(SYN | ACK, 500, 7_001), 0, [66, 0]);
        let far = 30_000_000;
        assert_eq!(sequence.observe(1, segment(ACK, 501, far), 0, [66, 66]), Standing::Plausible);
        assert_eq!(sequence.observe(0, segment(RST, far, 0), 0, [66, 66]), Standing::Plausible);
    }
}
