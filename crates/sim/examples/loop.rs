//! What forecasts are good for, the loop closed: `cargo run --release -p sim --example loop -- SEEDS SECONDS`.
//!
//! Households by chance, each run three times with the same traffic: reacting to the last value, with the members of
//! the family that have learnt nothing before (last value, moving average, usual of the hour), and with all of it.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use forecast::{Family, Forecaster, Settings};
use sim::{Beginning, Report, Scenario, run_with};
use std::sync::Arc;
use std::time::Duration;
use vocab::{BitRate, Directed, TrafficClass};

const LINKS_MBPS: [u64; 4] = [10, 25, 50, 100];
const DEVICES: [u8; 3] = [5, 10, 20];

/// Everything is new to everybody at first.
const WARM_UP_S: u64 = 60;

type IsAsked = fn(&Beginning) -> bool;
type Measure = fn(&Beginning) -> f64;

/// What is asked after, apart.
const KINDS: [(&str, IsAsked); 3] = [
    ("calls that began", |beginning| beginning.aggregate.class != TrafficClass::Streaming && beginning.is_first()),
    ("streams that began", |beginning| beginning.aggregate.class == TrafficClass::Streaming && beginning.is_first()),
    ("segments after a pause", |beginning| {
        beginning.aggregate.class == TrafficClass::Streaming && !beginning.is_first()
    }),
];

const MEASURES: [(&str, Measure); 3] = [
    ("s without guarantee", |beginning| beginning.missed_s as f64),
    ("delay in 2 s, ms", |beginning| beginning.delay.as_secs_f64() * 1_000.0),
    ("behind in 2 s, %", |beginning| beginning.behind_permille as f64 / 10.0),
];

/// One household, all ways: reacting, without networks, with forecasts.
struct Ways {
    link_mbps: u64,
    reports: [Report; 3],
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>().expect("SEEDS and SECONDS are numbers"));
    let (seeds, seconds) = (numbers.next().unwrap_or(3), numbers.next().unwrap_or(300));
    let mut households = Vec::new();
    for link_mbps in LINKS_MBPS {
        for devices in DEVICES {
            for seed in 1..=seeds {
                let capacity =
                    Directed { download: BitRate::from_mbps(link_mbps), upload: BitRate::from_mbps(link_mbps / 5) };
                let scenario = Scenario::by_chance(capacity, devices, seconds, seed);
                let plain = |settings| Forecaster::with_family(settings, Arc::new(Family::default()));
                let forecasters = [Forecaster::reacting, plain, Forecaster::new];
                let reports = forecasters.map(|forecaster| run_with(&scenario, forecaster(Settings::default())));
                households.push(Ways { link_mbps, reports });
            }
        }
    }
    println!("{} households, {seconds} s each; spread is the standard deviation over households\n", households.len());
    for (kind, is_asked) in KINDS {
        println!(
            "| {kind} | link | how many | reacting | without networks | with all | difference | spread | better / worse |"
        );
        println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        for (measure, value) in MEASURES {
            for link in LINKS_MBPS.map(Some).into_iter().chain([None]) {
                let of_link: Vec<&Ways> =
                    households.iter().filter(|ways| link.is_none_or(|mbps| ways.link_mbps == mbps)).collect();
                let link = link.map_or("all".to_owned(), |mbps| mbps.to_string());
                row(measure, &link, &of_link, is_asked, value);
            }
        }
        println!();
    }
    let lost: Vec<f64> = households
        .iter()
        .map(|Ways { reports: [without, _, with], .. }| 100.0 * (1.0 - moved(with) / moved(without)))
        .collect();
    let (mean, spread) = mean_and_spread(&lost);
    let (least, most) = (lost.iter().copied().fold(f64::MAX, f64::min), lost.iter().copied().fold(f64::MIN, f64::max));
    println!("throughput lost: {mean:+.4} %, spread {spread:.4}, from {least:+.4} to {most:+.4}");
    let idle = [0, 1, 2].map(|way: usize| households.iter().map(|ways| ways.reports[way].idle_seconds).sum::<u64>());
    let plans = [0, 1, 2].map(|way: usize| households.iter().map(|ways| ways.reports[way].plans).sum::<u64>());
    println!("idle seconds while somebody wanted more: {idle:?}; plans: {plans:?}");
}

fn row(measure: &str, link: &str, households: &[&Ways], is_asked: IsAsked, value: Measure) {
    let mean_of = |report: &Report| {
        let asked = report.beginnings.iter().filter(|beginning| beginning.at >= WARM_UP_S && is_asked(beginning));
        let values: Vec<f64> = asked.map(value).collect();
        (!values.is_empty()).then(|| (mean_and_spread(&values).0, values.len()))
    };
    let means: Vec<[(f64, usize); 3]> = households
        .iter()
        .filter_map(|Ways { reports: [reacting, plain, all], .. }| {
            Some([mean_of(reacting)?, mean_of(plain)?, mean_of(all)?])
        })
        .collect();
    if means.is_empty() {
        return;
    }
    let [without, plain, with] =
        [0, 1, 2].map(|way: usize| mean_and_spread(&means.iter().map(|means| means[way].0).collect::<Vec<_>>()).0);
    let differences: Vec<f64> = means.iter().map(|[without, _, with]| with.0 - without.0).collect();
    let (difference, spread) = mean_and_spread(&differences);
    let count: usize = means.iter().map(|means| means[0].1).sum();
    let [better, worse] = [-1.0, 1.0].map(|sign| differences.iter().filter(|&&by| by * sign > 1e-9).count());
    println!(
        "| {measure} | {link} | {count} | {without:.2} | {plain:.2} | {with:.2} | {difference:+.2} | {spread:.2} | {better} / {worse} |"
    );
}

/// Bytes, both ways.
fn moved(report: &Report) -> f64 {
    report.rows.iter().map(|row| row.mean.over(Duration::from_secs(row.seconds)).0 as f64).sum()
}

fn mean_and_spread(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}
