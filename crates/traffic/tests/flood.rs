//! A flood of new flows stays within the bound on memory, and calls that were there before outlive it.
//!
//! The same with five million flows, and how fast: `cargo xtask bench classify`.
#![allow(clippy::print_stdout, missing_docs)]

#[allow(dead_code)]
mod counted;
#[allow(dead_code)]
mod flooding;

use flooding::{Kind, Pace, flood};
use traffic::FlowLimits;
use vocab::TrafficClass;

/// Small, so that a flood that a test can afford fills it several times.
const BOUND: u64 = 16 << 20;

/// One test: the counters are the whole program's.
#[test]
fn a_flood_stays_within_the_bound_and_calls_outlive_it() {
    for kind in Kind::ALL {
        for pace in [Pace::Fast, Pace::Slow] {
            check(kind, pace);
        }
    }
}

fn check(kind: Kind, pace: Pace) {
    let outcome = flood(kind, pace, 60_000, FlowLimits::within(BOUND));
    println!(
        "{kind:?}, {pace:?}: {} flows, at most {} of {BOUND} bytes, {} evicted",
        outcome.opened, outcome.peak, outcome.evicted
    );
    assert!(outcome.peak <= BOUND, "{kind:?} took {} bytes", outcome.peak);
    assert!(outcome.evicted > 0, "{kind:?}: the flood did not fill the table");
    assert_eq!(outcome.before, [Some(TrafficClass::Voice); 2], "{kind:?}: the calls were known");
    assert_eq!(outcome.after, outcome.before, "{kind:?}: the calls are known still");
}
