//! bfifo: one queue bounded in bytes (net/sched/sch_fifo.c). Never pfifo: it counts super-packets of up to
//! 64 kB as one.

use super::{Options, u32_at};

/// A queue of `limit` bytes (struct tc_fifo_qopt, not nested).
pub(crate) fn qdisc(limit: u32) -> Options {
    Options { kind: "bfifo".to_owned(), payload: limit.to_ne_bytes().to_vec() }
}

/// The limit in bytes that these options carry.
pub(crate) fn read(payload: &[u8]) -> Option<u32> {
    u32_at(payload, 0)
}
