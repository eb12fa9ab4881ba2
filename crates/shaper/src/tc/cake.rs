//! CAKE (net/sched/sch_cake.c), as a leaf: no shaper of its own, one tin, fair between flows.

use super::{Options, attribute, attribute_u32, attributes, u32_at};
use crate::leaf::Patience;

/// Microseconds.
const RTT: u16 = 7;
const TARGET: u16 = 8;

/// One leaf. The rate is HTB's business (`unlimited`) and so is the class (`besteffort`); super-packets are
/// split, addresses are post-NAT already, marks stay. CAKE says "RTT" for the interval.
pub(crate) fn qdisc(patience: Patience) -> Options {
    const BASE_RATE64: u16 = 2;
    const DIFFSERV_MODE: u16 = 3;
    const FLOW_MODE: u16 = 5;
    const AUTORATE: u16 = 9;
    const NAT: u16 = 11;
    const WASH: u16 = 13;
    const ACK_FILTER: u16 = 16;
    const SPLIT_GSO: u16 = 17;
    const BESTEFFORT: u32 = 3;
    const FLOWS: u32 = 4;
    let mut payload = Vec::new();
    attribute(&mut payload, BASE_RATE64, &0u64.to_ne_bytes());
    for (kind, value) in [
        (DIFFSERV_MODE, BESTEFFORT),
        (FLOW_MODE, FLOWS),
        (RTT, patience.interval_ms.saturating_mul(1_000)),
        (TARGET, patience.target_ms.saturating_mul(1_000)),
        (AUTORATE, 0),
        (NAT, 0),
        (WASH, 0),
        (SPLIT_GSO, 1),
        (ACK_FILTER, 0),
    ] {
        attribute_u32(&mut payload, kind, value);
    }
    Options { kind: "cake".to_owned(), payload }
}

/// What a leaf in the kernel is told.
pub(crate) fn read(payload: &[u8]) -> Option<Patience> {
    let of = |wanted| attributes(payload).find(|(kind, _)| *kind == wanted).and_then(|(_, value)| u32_at(value, 0));
    Some(Patience { target_ms: of(TARGET)? / 1_000, interval_ms: of(RTT)? / 1_000 })
}
