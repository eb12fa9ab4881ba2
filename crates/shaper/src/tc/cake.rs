//! CAKE (net/sched/sch_cake.c), as a leaf: no shaper of its own, one tin, fair between flows.

use super::{Options, attribute, attribute_u32};

/// One leaf. The rate is HTB's business (`unlimited`) and so is the class (`besteffort`); super-packets are
/// split, addresses are post-NAT already, marks stay. An RTT of 100 ms is the default.
pub(crate) fn qdisc() -> Options {
    const BASE_RATE64: u16 = 2;
    const DIFFSERV_MODE: u16 = 3;
    const FLOW_MODE: u16 = 5;
    const RTT: u16 = 7;
    const TARGET: u16 = 8;
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
        (RTT, 100_000),
        (TARGET, 5_000),
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
