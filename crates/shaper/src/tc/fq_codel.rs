//! fq_codel: fair queues with controlled delay (net/sched/sch_fq_codel.c, RFC 8290).

use super::{Options, attribute_u32};

/// One leaf: 5 ms of standing queue for 100 ms are the defaults of RFC 8290 (5.2.2, 5.2.3); a quantum of one
/// full frame; 128 queues are plenty for one class of one device and keep thousands of leaves small, as does
/// the bound of 4 MB (the default is 32).
pub(crate) fn qdisc() -> Options {
    const TARGET: u16 = 1;
    const LIMIT: u16 = 2;
    const INTERVAL: u16 = 3;
    const ECN: u16 = 4;
    const FLOWS: u16 = 5;
    const QUANTUM: u16 = 6;
    const MEMORY_LIMIT: u16 = 9;
    let mut payload = Vec::new();
    for (kind, value) in [
        (LIMIT, 1_000),
        (FLOWS, 128),
        (QUANTUM, 1_514),
        (INTERVAL, 100_000),
        (TARGET, 5_000),
        (ECN, 1),
        (MEMORY_LIMIT, 4 << 20),
    ] {
        attribute_u32(&mut payload, kind, value);
    }
    Options { kind: "fq_codel".to_owned(), payload }
}
