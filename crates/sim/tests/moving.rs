//! Links whose capacity moves: what finding it is worth, beside one rate that is stated.
#![allow(clippy::print_stdout, reason = "the table that docs/benchmarks.md shows")]

use sim::{Known, Moved, Moving, Scenario, moving};

/// Half an hour of an evening: a call, pages, films, a long download and a backup.
const EVENING: &str = "link 50 Mbit/s down 10 Mbit/s up
     lasts 0:30
     device laptop priority 1
       call 0:00 to 0:30
       web 0:00 to 0:30
     device tv priority 3
       streaming 0:00 to 0:30
     device console priority 4
       download 0:01 to 0:14
       download 0:16 to 0:29
     device nas priority 5
       backup 0:05 to 0:12
       backup 0:20 to 0:26";

fn found_elsewhere(how: Moving, seed: u64) -> Moved {
    let scenario: Scenario = format!("{EVENING}\nseed {seed}").parse().expect("the scenario is well formed");
    let moved = moving(&scenario, how, Known::Bounds);
    println!("{:<9} seed {seed}  {moved}", format!("{how:?}"));
    moved
}

fn run(how: Moving) -> [Moved; 3] {
    let scenario: Scenario = EVENING.parse().expect("the scenario is well formed");
    [Known::Low, Known::High, Known::Bounds].map(|known| {
        let moved = moving(&scenario, how, known);
        println!("{:<9} {:<7} {moved}", format!("{how:?}"), format!("{known:?}"));
        moved
    })
}

/// What is found must carry more than what is stated with care, in thousandths of it; and of the median delay under what is
/// stated without care it must be this part.
fn check(how: Moving, more_than_low_permille: u64, parts_of_high: u32) {
    let [low, high, found] = run(how);
    let (low_used, used) = (low.used_permille.download, found.used_permille.download);
    assert!(used * 1_000 >= low_used * more_than_low_permille, "{how:?}: {low_used} and {used} permille");
    assert!(found.added[0] * parts_of_high <= high.added[0], "{how:?}: {:?} and {:?}", high.added, found.added);
    // It was tuned on one course of chance: others must not be told from it.
    for seed in [1, 2] {
        let other = found_elsewhere(how, seed);
        assert!(other.added[0] * parts_of_high <= high.added[0], "{how:?}, seed {seed}: {:?}", other.added);
        let used = other.used_permille.download;
        assert!(used * 1_000 >= low_used * more_than_low_permille, "{how:?}, seed {seed}: {used} permille");
    }
}

#[test]
fn a_capacity_that_is_found_carries_more_than_a_careful_one_and_delays_less_than_another() {
    check(Moving::Steady, 1_100, 20);
    check(Moving::Lte, 1_400, 10);
    check(Moving::Cable, 1_100, 10);
    check(Moving::Starlink, 1_100, 5);
}
