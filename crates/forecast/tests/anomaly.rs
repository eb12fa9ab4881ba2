//! What is called unusual, and how often wrongly.

#[path = "../benches/seasons/mod.rs"]
#[allow(dead_code, reason = "also of the bench, which uses more of it")]
mod seasons;

use forecast::{Anomaly, AnomalyState};
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;
use seasons::Chance;

type Noise = fn(&mut Chance) -> f64;

/// Heavy tails and light ones, each of a scale of some units.
const NOISES: [(&str, Noise); 6] = [
    ("normal", |chance| 3.0 * chance.normal()),
    ("exponential", |chance| -2.0 * (1.0 - chance.even()).ln()),
    ("log-normal", |chance| chance.normal().exp()),
    ("Student, 3 degrees", |chance| {
        let squares: f64 = (0..3).map(|_| chance.normal().powi(2)).sum();
        2.0 * chance.normal() / (squares / 3.0).sqrt()
    }),
    ("Pareto 2.5", |chance| (1.0 - chance.even()).powf(-1.0 / 2.5)),
    ("drifting", |chance| 3.0 * chance.normal()),
];

/// The part of `count` misses that was called unusual, after the warm-up.
fn false_alarms(name: &str, noise: Noise, risk: f64, seed: u64, count: usize) -> f64 {
    let mut chance = Chance::new(seed);
    let mut anomaly = Anomaly::new(risk);
    let (mut told, mut unusual) = (0, 0);
    for at in 0..count {
        let drift = if name == "drifting" { 10.0 * at as f64 / count as f64 } else { 0.0 };
        // In bit/s, as the daemon has it.
        match anomaly.observe(1e6 * (noise(&mut chance) + drift), 1e6).state {
            AnomalyState::Learning => {}
            AnomalyState::Usual => told += 1,
            AnomalyState::Unusual => {
                told += 1;
                unusual += 1;
            }
        }
    }
    assert!(told > count / 2, "{name} is told after half the misses at last");
    f64::from(unusual) / told as f64
}

/// The risk is met within a factor of two and a half, for each kind of noise, on the mean of four seeds. The threshold
/// rests on 256 excesses, and at the smallest risk one of them would exceed it: it is never much surer than that.
#[test]
fn false_alarms_are_about_as_seldom_as_asked_for() {
    for (name, noise) in NOISES {
        for risk in [1e-2, 1e-3, 2e-4] {
            let mean = (1..=4).map(|seed| false_alarms(name, noise, risk, seed, 100_000)).sum::<f64>() / 4.0;
            assert!((0.4..2.5).contains(&(mean / risk)), "{name} {risk}: {mean}");
        }
    }
}

#[test]
fn nothing_is_told_before_enough_was_seen() {
    let mut chance = Chance::new(1);
    let mut anomaly = Anomaly::new(1e-3);
    let first = (1..10_000).find(|_| anomaly.observe(1e6 * chance.normal(), 1e6).state != AnomalyState::Learning);
    assert!((500..3_000).contains(&first.unwrap()), "{first:?}");
    let mut anomaly = Anomaly::new(1e-3);
    assert_eq!(anomaly.observe(1e12, 1.0).state, AnomalyState::Learning);
    assert_eq!(anomaly.threshold(), None);
}

/// After 5,000 misses of normal noise, `jump` scales more from then on.
fn after_jump(jump: f64) -> (Anomaly, Chance, Option<usize>) {
    let mut chance = Chance::new(7);
    let mut anomaly = Anomaly::new(1e-3);
    for _ in 0..5_000 {
        anomaly.observe(1e6 * chance.normal(), 1e6);
    }
    let found = (0..20).find(|_| anomaly.observe(1e6 * (chance.normal() + jump), 1e6).state == AnomalyState::Unusual);
    (anomaly, chance, found)
}

#[test]
fn a_jump_is_found_and_a_new_normal_accepted() {
    for jump in [8.0, 20.0, 1e4] {
        let (mut anomaly, mut chance, found) = after_jump(jump);
        assert_eq!(found, Some(0), "{jump}");
        let jumped: Vec<AnomalyState> =
            (0..30_000).map(|_| anomaly.observe(1e6 * (chance.normal() + jump), 1e6).state).collect();
        let unusual = |states: &[AnomalyState]| states.iter().filter(|state| **state == AnomalyState::Unusual).count();
        assert!(unusual(&jumped[20_000..]) < 100, "{jump}: it is the normal now");
    }
    assert_eq!(after_jump(0.0).2, None);
}

#[test]
fn what_never_missed_may_miss_a_little() {
    let mut anomaly = Anomaly::new(1e-3);
    for _ in 0..5_000 {
        anomaly.observe(0.0, 0.0);
    }
    assert_eq!(anomaly.observe(0.5e6, 1e6).state, AnomalyState::Usual);
    assert_eq!(anomaly.observe(3e6, 1e6).state, AnomalyState::Unusual);
}

fn laws() -> ProptestConfig {
    let rng_algorithm = RngAlgorithm::XorShift;
    ProptestConfig { cases: 64, failure_persistence: None, rng_algorithm, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(laws())]

    #[test]
    fn a_poisoned_history_gives_no_nonsense(
        misses in prop::collection::vec(
            prop_oneof![
                Just(0.0), Just(1e12), Just(-1e12), Just(f64::NAN), Just(f64::INFINITY), Just(f64::MAX),
                Just(f64::MIN_POSITIVE), -10.0..10.0_f64, -1e9..1e9_f64,
            ],
            1..12,
        ),
        scale in prop_oneof![Just(0.0), Just(1.0), Just(1e6), Just(f64::NAN), Just(f64::INFINITY), Just(-1.0)],
        risk in prop_oneof![Just(0.0), Just(1e-4), Just(2.0), Just(f64::NAN)],
    ) {
        let mut anomaly = Anomaly::new(risk);
        for round in 0..400 {
            for miss in &misses {
                let score = anomaly.observe(*miss, scale);
                prop_assert!((0.0..=1_000.0).contains(&score.ratio), "{score:?} in round {round}");
            }
        }
        if let Some(threshold) = anomaly.threshold() {
            prop_assert!(threshold.is_finite() && threshold.abs() <= 1e7, "{threshold}");
        }
    }
}
