//! The engine over simulated networks: who got what, when, with losses and stalls.

use forecast::Forecaster;
use sim::{Report, Scenario, run, run_with};
use std::time::Duration;
use vocab::{BitRate, Directed};

fn simulate(text: &str) -> Report {
    run(&text.parse::<Scenario>().expect("the scenario is well formed"))
}

/// `plans *` in `expected` leaves open how many plans a random demand took.
fn check(text: &str, expected: &str) {
    let report = simulate(text);
    let mut shown = report.to_string();
    if expected.contains("plans *") {
        shown = shown.replace(&format!("plans {}", report.plans), "plans *");
    }
    let tidy = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(tidy(&shown), tidy(expected.trim()), "\n{shown}\n");
}

#[test]
fn equal_claims_get_equal_shares_and_a_call_is_not_touched() {
    check(
        "link 20 Mbit/s down 5 Mbit/s up
         lasts 0:05
         device laptop priority 1
           voice 0:00 to 0:05
         device anna priority 3
           download 0:01 to 0:05
         device ben priority 3
           download 0:01 to 0:05
           update 0:01 to 0:05",
        include_str!("expected/equal_claims.txt"),
    );
}

#[test]
fn an_earlier_tier_is_served_first_and_a_guarantee_is_kept() {
    check(
        "link 20 Mbit/s down 5 Mbit/s up
         lasts 0:05
         device boss priority 1
           download 0:00 to 0:05
         device guest priority 5 guarantee 3 Mbit/s
           download 0:00 to 0:05",
        include_str!("expected/guarantee.txt"),
    );
}

#[test]
fn everybody_at_once() {
    check(include_str!("../scenarios/overload.txt"), include_str!("expected/overload.txt"));
}

#[test]
fn a_link_that_shrinks_and_a_kernel_that_refuses_lose_nothing() {
    let report = simulate(
        "link 100 Mbit/s down 20 Mbit/s up
         lasts 0:10
         device laptop priority 1 guarantee 10 Mbit/s
           call 0:00 to 0:10
           download 0:01 to 0:09
         device nas priority 5
           backup 0:01 to 0:10
         at 0:03 capacity 15 Mbit/s down 3 Mbit/s up
         at 0:04 plans fail 5
         at 0:04 priority nas 4
         at 0:06 capacity 100 Mbit/s down 20 Mbit/s up
         at 0:07 priority nas 1",
    );
    assert_eq!((report.refused, report.overloaded_seconds, report.idle_seconds), (5, 0, 0), "{report}");
    let calls = report.rows.iter().filter(|row| row.aggregate.class == vocab::TrafficClass::Call);
    for call in calls {
        assert!(call.satisfied_permille >= 995, "{report}");
    }
}

#[test]
fn the_same_scenario_gives_the_same_report() {
    let text = include_str!("../scenarios/overload.txt");
    assert_eq!(simulate(text), simulate(text));
}

#[test]
fn forecasts_never_cost_throughput() {
    for (mbps, devices, seed) in [(10, 5, 1), (10, 10, 2), (50, 5, 3)] {
        let capacity = Directed { download: BitRate::from_mbps(mbps), upload: BitRate::from_mbps(mbps / 5) };
        let scenario = Scenario::by_chance(capacity, devices, 120, seed);
        let [without, with] = [Forecaster::reacting, Forecaster::new].map(|forecaster| {
            let report = run_with(&scenario, forecaster(forecast::Settings::default()));
            assert_eq!(report.overloaded_seconds, 0, "{report}");
            let bytes = report.rows.iter().map(|row| row.mean.over(Duration::from_secs(row.seconds)).0);
            bytes.sum::<u64>()
        });
        // Who has to wait at the end of the scenario differs, nothing else: half a percent.
        assert!(with * 1_000 >= without * 995, "{mbps} Mbit/s, {devices} devices: {with} of {without} bytes");
    }
}
