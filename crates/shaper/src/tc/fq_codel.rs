//! fq_codel: fair queues with controlled delay (net/sched/sch_fq_codel.c, RFC 8290).

use super::{Options, attribute_u32, attributes, u32_at};
use crate::leaf::Patience;

/// Microseconds.
const TARGET: u16 = 1;
const INTERVAL: u16 = 3;

/// One leaf: a quantum of one full frame; 128 queues are plenty for one class of one device and keep thousands of leaves
/// small, as does the bound of 4 MB (the default is 32).
pub(crate) fn qdisc(patience: Patience) -> Options {
    const FLOWS: u16 = 5;
    options(&[(FLOWS, 128)], patience)
}

/// The same for one that stands: how many queues it has, it does not change (`fq_codel_change` refuses).
pub(crate) fn change(patience: Patience) -> Options {
    options(&[], patience)
}

fn options(queues: &[(u16, u32)], patience: Patience) -> Options {
    const LIMIT: u16 = 2;
    const ECN: u16 = 4;
    const QUANTUM: u16 = 6;
    const MEMORY_LIMIT: u16 = 9;
    let mut payload = Vec::new();
    attribute_u32(&mut payload, LIMIT, 1_000);
    for &(kind, value) in queues {
        attribute_u32(&mut payload, kind, value);
    }
    for (kind, value) in [
        (QUANTUM, 1_514),
        (INTERVAL, patience.interval_ms.saturating_mul(1_000)),
        (TARGET, patience.target_ms.saturating_mul(1_000)),
        (ECN, 1),
        (MEMORY_LIMIT, 4 << 20),
    ] {
        attribute_u32(&mut payload, kind, value);
    }
    Options { kind: "fq_codel".to_owned(), payload }
}

/// What a leaf in the kernel is told, which counts in steps of 1,024 ns (`codel_time_t` in net/codel.h): a little less
/// than it was told.
pub(crate) fn read(payload: &[u8]) -> Option<Patience> {
    let of = |wanted| attributes(payload).find(|(kind, _)| *kind == wanted).and_then(|(_, value)| u32_at(value, 0));
    let whole_ms = |us: u32| us.saturating_add(500) / 1_000;
    Some(Patience { target_ms: whole_ms(of(TARGET)?), interval_ms: whole_ms(of(INTERVAL)?) })
}
