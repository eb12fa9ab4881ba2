//! Every allocation of the program counted: bytes that were asked for, without the allocator's own.

use peakmem_alloc::{PeakMemAlloc, PeakMemAllocTrait};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: PeakMemAlloc<&StatsAlloc<System>> = PeakMemAlloc::new(&INSTRUMENTED_SYSTEM);

/// Bytes that are allocated.
pub fn now() -> u64 {
    let stats = INSTRUMENTED_SYSTEM.stats();
    (stats.bytes_allocated - stats.bytes_deallocated) as u64
}

/// [`peak`] counts from here on.
pub fn start() {
    ALLOCATOR.reset_peak_memory();
}

/// The most that was allocated at any moment since [`start`], beyond what was allocated then.
pub fn peak() -> u64 {
    ALLOCATOR.get_peak_memory() as u64
}
