//! What stands in each leaf class, and how long a packet may wait in it.

use crate::tc::{Options, bfifo, cake, fq_codel};
use crate::tree::{Charge, FRAME};
use std::fmt;
use vocab::BitRate;

/// The qdisc in each leaf, the best first (docs/decisions/0027).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeafKind {
    /// Fair between flows; 11 kB of the kernel's memory.
    FqCodel,
    /// Fair between flows, splits super-packets; 1.08 MB.
    Cake,
    /// One queue, bounded in milliseconds of its rate.
    Bfifo,
}

impl LeafKind {
    /// All, in the order in which they are tried.
    pub const ALL: [LeafKind; 3] = [LeafKind::FqCodel, LeafKind::Cake, LeafKind::Bfifo];

    /// The kernel's word for it: `cake`, `fq_codel`, `bfifo`.
    pub const fn name(self) -> &'static str {
        match self {
            LeafKind::Cake => "cake",
            LeafKind::FqCodel => "fq_codel",
            LeafKind::Bfifo => "bfifo",
        }
    }
}

impl fmt::Display for LeafKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The qdisc in a leaf class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafQdisc {
    /// Its kind.
    pub kind: LeafKind,
    /// The most it holds, in bytes; 0 where the kind decides itself.
    pub bytes: u32,
    /// For how long a packet may wait before some are dropped; zero where the kind knows no such thing.
    pub patience: Patience,
}

/// Controlled delay (RFC 8289): what waits longer than `target` all through `interval` is dropped, one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// Milliseconds.
    pub target_ms: u32,
    /// Milliseconds.
    pub interval_ms: u32,
}

impl LeafQdisc {
    /// What the kernel is told of a new one.
    pub(crate) fn options(self) -> Options {
        match self.kind {
            LeafKind::Cake => cake::qdisc(self.patience),
            LeafKind::FqCodel => fq_codel::qdisc(self.patience),
            LeafKind::Bfifo => bfifo::qdisc(self.bytes),
        }
    }

    /// What it is told where one of the same kind stands.
    pub(crate) fn change(self) -> Options {
        match self.kind {
            LeafKind::FqCodel => fq_codel::change(self.patience),
            LeafKind::Cake | LeafKind::Bfifo => self.options(),
        }
    }

    /// What `payload`, the options of a qdisc of this `kind` in the kernel, says.
    pub(crate) fn read(kind: LeafKind, payload: &[u8]) -> LeafQdisc {
        let patience = match kind {
            LeafKind::Cake => cake::read(payload),
            LeafKind::FqCodel => fq_codel::read(payload),
            LeafKind::Bfifo => None,
        };
        let bytes = match kind {
            LeafKind::Bfifo => bfifo::read(payload).unwrap_or(0),
            LeafKind::Cake | LeafKind::FqCodel => 0,
        };
        LeafQdisc { kind, bytes, patience: patience.unwrap_or_default() }
    }
}

/// What all leaves of an interface have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeafStyle {
    /// Their qdisc.
    pub kind: LeafKind,
    /// The largest packet that may come, in bytes: a frame, or a super-packet where offloads are on.
    pub packet: u32,
    /// What is counted of each packet.
    pub charge: Charge,
}

/// How long a bfifo may hold a packet at the rate its class is expected to be served: what the plan gives a hungry
/// one; its ceiling where it is not hungry, because what comes at once is wanted at once.
const LEAF_MS: u64 = 20;
/// The same for the protected, who drain first: three pictures of a meeting at its part of 5 Mbit/s. It is their target
/// under controlled delay, too.
const PROTECTED_MS: u64 = 50;
/// What a bfifo holds where that is not longer than [`PROTECTED_MS`]: TCP stalls with less, pictures are lost.
const LEAF_FRAMES: u64 = 12;

/// The target and the interval of RFC 8289 (4.3, 4.4) ...
const TARGET_MS: u64 = 5;
const INTERVAL_MS: u64 = 100;
/// ... unless so many frames take longer than the target at the rate the class is expected to be served: below that
/// every leaf would be over the target that has a packet for each of its flows, and drop what its senders need to go
/// on (`cobalt_should_drop` in net/sched/sch_cake.c, which in a leaf does not know the rate).
const TARGET_FRAMES: u64 = 4;
/// The longest target: what is planned nothing has none at all.
const TARGET_MOST_MS: u64 = 320;
/// Who calls sends what the picture takes and answers no drop. The packets of a picture come at once: five of 1,100
/// bytes wait for up to 18 ms at 2.5 Mbit/s, of which CAKE, told the usual 5 and 100 ms, dropped one in some thousands.
/// Only what stands for long is cut.
const PROTECTED_INTERVAL_MS: u64 = 500;

impl LeafStyle {
    /// The queue of a class of `prio` that is expected to be served at `service` and never above `ceiling`.
    pub fn leaf(self, prio: u8, service: BitRate, ceiling: BitRate) -> LeafQdisc {
        let kind = self.kind;
        match kind {
            LeafKind::Bfifo => {
                LeafQdisc { kind, bytes: self.bytes(prio, service, ceiling), patience: Patience::default() }
            }
            LeafKind::Cake | LeafKind::FqCodel => {
                LeafQdisc { kind, bytes: 0, patience: patience(prio, service.min(ceiling)) }
            }
        }
    }

    /// How many bytes a bfifo holds: some milliseconds of the rate at which its class is expected to be served, of half
    /// of its ceiling at least, because the plan may be wrong; some frames where that takes it no longer than the
    /// protected are held; and two of the largest packets, because it drops what is larger than itself.
    ///
    /// In steps of an eighth to a quarter, so that the noise of plans changes nothing.
    fn bytes(self, prio: u8, service: BitRate, ceiling: BitRate) -> u32 {
        let ms = if prio == 0 { PROTECTED_MS } else { LEAF_MS };
        let lasting = |rate: BitRate, ms| rate.mul_ratio(ms, 8_000).as_bps();
        let bytes = lasting(service.min(ceiling).max(ceiling.mul_ratio(1, 2)), ms);
        let frames = (LEAF_FRAMES * u64::from(FRAME)).min(lasting(ceiling, PROTECTED_MS));
        let bytes = bytes.max(frames).max(u64::from(2 * self.packet)).min(1 << 26);
        let step = (1u64 << bytes.ilog2()) / 4;
        bytes.next_multiple_of(step) as u32
    }
}

/// How long packets may wait, in steps of two, so that the noise of plans changes nothing.
fn patience(prio: u8, service: BitRate) -> Patience {
    let (target, interval) = if prio == 0 {
        (PROTECTED_MS, PROTECTED_INTERVAL_MS)
    } else {
        let frames_ms = TARGET_FRAMES * u64::from(FRAME) * 8_000 / service.as_bps().max(1);
        let mut target = TARGET_MS;
        while target < frames_ms && target < TARGET_MOST_MS {
            target *= 2;
        }
        // As CAKE has it at least (`cake_set_rate`).
        (target, INTERVAL_MS.max(2 * target))
    };
    Patience { target_ms: target as u32, interval_ms: interval as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::SUPER_PACKET;
    use crate::tree::tests::STYLE;

    #[test]
    fn a_queue_is_as_long_as_its_rate_and_its_packets_ask() {
        let check = |service, ceiling, prio, packet, expected| {
            let style = LeafStyle { packet, ..STYLE };
            let leaf = style.leaf(prio, BitRate::from_kbps(service), BitRate::from_kbps(ceiling));
            assert_eq!((leaf.bytes, leaf.patience), (expected, Patience::default()));
        };
        check(20_000, 20_000, 3, FRAME, 57_344); // 50,000 bytes, a step up
        check(1_000, 20_000, 3, FRAME, 28_672); // half of the ceiling
        check(1_000, 5_000, 3, FRAME, 20_480); // twelve frames
        check(2_500, 2_500, 0, FRAME, 16_384); // three pictures of a meeting
        check(100, 100, 3, FRAME, 3_072); // two frames
        check(20_000, 20_000, 3, SUPER_PACKET, 131_072);
    }

    #[test]
    fn slow_leaves_and_calls_are_patient() {
        let check = |prio, service, target_ms, interval_ms| {
            for kind in [LeafKind::Cake, LeafKind::FqCodel] {
                let style = LeafStyle { kind, ..STYLE };
                let leaf = style.leaf(prio, BitRate::from_kbps(service), BitRate::from_mbps(20));
                assert_eq!(leaf, LeafQdisc { kind, bytes: 0, patience: Patience { target_ms, interval_ms } });
            }
        };
        check(3, 20_000, 5, 100);
        check(3, 9_700, 5, 100); // four frames take 4.99 ms
        check(3, 3_200, 20, 100);
        check(3, 200, 320, 640);
        check(7, 0, 320, 640);
        check(0, 100, 50, 500);
        check(0, 10_000, 50, 500);
    }
}
