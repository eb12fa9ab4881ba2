//! A link's utilisation 15 s ahead on a periodic day of 60 devices: `cargo run --release -p sim --example periodic`.
//!
//! Two such days: rates that swing and are off by chance, as simulations of networks have them; and applications that
//! are used for some minutes, then not, each device with a period of its own.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use forecast::{Context, Forecaster, Member, Series, Settings};
use sim::{Chance, Scenario, SimulatedDevice, Task, offered};
use std::f64::consts::TAU;
use std::time::Duration;
use vocab::{
    BitRate, DeviceId, Directed, Direction, Horizon, LinkId, MacAddress, Quantile, Quantiles, Share, Timestamp,
    TrafficClass, Usage,
};

const DEVICES: u8 = 60;
const DAY_S: usize = 86_400;
const HOUR_S: usize = 3_600;

/// Asked this often.
const EVERY_S: usize = 5;

/// How far ahead, in seconds.
const AHEAD: usize = 15;

/// Autoregression of this order over a quarter of an hour, fitted anew each minute.
const ORDER: usize = 20;
const FITTED_S: usize = 900;
const REFIT_S: usize = 60;

fn main() {
    let mut chance = Chance::new(7);
    judge("rates that swing by a half, 20 % noise", &swinging(&mut chance, 0.2), 100e6);
    judge("the same, 60 % noise", &swinging(&mut chance, 0.6), 100e6);
    judge("applications used for minutes at a time", &used(&mut chance, 300), 300e6);
}

/// What was foreseen of one series by one way, summed: absolute errors of the second 15 s ahead and of the mean of
/// the next 15 s.
#[derive(Default)]
struct Missed {
    name: String,
    sums: [f64; 2],
    count: usize,
}

fn judge(what: &str, rates: &[f64], capacity: f64) {
    let series = Series::Link(LinkId(0), Direction::Download);
    // 2026-01-05, a Monday.
    let start = Timestamp::from_unix_secs(1_767_571_200);
    let mut forecaster = Forecaster::new(Settings::default());
    let mut missed: Vec<Missed> = Vec::new();
    let mut levels = Autoregression::default();
    let mut steps = Autoregression::default();
    let differences: Vec<f64> =
        std::iter::once(0.0).chain(rates.windows(2).map(|pair| (pair[1] - pair[0]) / capacity)).collect();
    let parts: Vec<f64> = rates.iter().map(|rate| rate / capacity).collect();
    for second in 0..rates.len() - AHEAD {
        let now = start + Duration::from_secs(second as u64);
        let usage = Usage::Free(BitRate::from_bps(rates[second] as u64));
        let aloud = forecaster.observe_aloud(series, usage, Context::default(), now);
        if second < HOUR_S || !second.is_multiple_of(EVERY_S) {
            continue;
        }
        if second.is_multiple_of(REFIT_S) {
            levels.fit(&parts[second + 1 - FITTED_S..=second]);
            steps.fit(&differences[second + 1 - FITTED_S..=second]);
        }
        let mut said: Vec<(String, [f64; 2])> = Vec::new();
        let medians = |quantiles: [Quantiles; Horizon::COUNT]| {
            [Horizon::After15s, Horizon::Mean15s]
                .map(|horizon| quantiles[horizon.index()].at(Quantile::P50).as_bps() as f64 / capacity)
        };
        said.push(("**foreseen together**".to_owned(), medians(forecaster.forecast(series, now).quantiles)));
        said.push(("last value".to_owned(), [parts[second]; 2]));
        said.push((format!("AR({ORDER})"), both(&levels.ahead(&parts[..=second]))));
        let mut level = parts[second];
        let summed: Vec<f64> = steps
            .ahead(&differences[..=second])
            .into_iter()
            .map(|step| {
                level += step;
                level
            })
            .collect();
        said.push((format!("ARIMA({ORDER}, 1, 0)"), both(&summed)));
        for member in Member::ALL {
            if let Some(quantiles) = aloud[member.index()] {
                said.push((format!("{} alone", member.name()), medians(quantiles)));
            }
        }
        let next = &parts[second + 1..=second + AHEAD];
        let came = both(next);
        missed.resize_with(said.len(), Missed::default);
        for (missed, (name, said)) in missed.iter_mut().zip(said) {
            missed.name = name;
            missed.count += 1;
            for (sum, (said, came)) in missed.sums.iter_mut().zip(said.into_iter().zip(came)) {
                *sum += (said - came).abs();
            }
        }
    }
    let mean = parts.iter().sum::<f64>() / parts.len() as f64;
    println!("{what}; the link is used to {:.1} %\n", 100.0 * mean);
    println!("| mean absolute error, % of the capacity | 15 s ahead | mean of the next 15 s |");
    println!("|---|---:|---:|");
    for Missed { name, sums, count } in missed {
        let [at, over] = sums.map(|sum| 100.0 * sum / count as f64);
        println!("| {name} | {at:.2} | {over:.2} |");
    }
    println!();
}

/// The last of 15 seconds, and their mean.
fn both(seconds: &[f64]) -> [f64; 2] {
    [seconds[AHEAD - 1], seconds.iter().sum::<f64>() / AHEAD as f64]
}

/// A linear prediction from the last [`ORDER`] values, by least squares.
#[derive(Default)]
struct Autoregression {
    /// The constant, then one for each lag.
    factors: Vec<f64>,
}

impl Autoregression {
    fn fit(&mut self, values: &[f64]) {
        const SIZE: usize = ORDER + 1;
        let mut equations = vec![[0.0; SIZE + 1]; SIZE];
        for window in values.windows(ORDER + 1) {
            let row: Vec<f64> = std::iter::once(1.0).chain(window[..ORDER].iter().rev().copied()).collect();
            for (equation, one) in equations.iter_mut().zip(&row) {
                for (sum, other) in equation.iter_mut().zip(row.iter().chain([&window[ORDER]])) {
                    *sum += one * other;
                }
            }
        }
        // A little of a ridge, so that a constant series has a solution.
        for (place, equation) in equations.iter_mut().enumerate() {
            equation[place] += 1e-6;
        }
        self.factors = solved(equations);
    }

    fn ahead(&self, values: &[f64]) -> Vec<f64> {
        let mut known = values[values.len() - ORDER..].to_vec();
        for _ in 0..AHEAD {
            let lags = known.iter().rev();
            let next =
                self.factors[0] + self.factors[1..].iter().zip(lags).map(|(factor, lag)| factor * lag).sum::<f64>();
            known.push(next);
        }
        known[ORDER..].to_vec()
    }
}

/// By elimination; the matrix is positive definite, so that no pivot is zero.
fn solved<const WIDTH: usize>(mut equations: Vec<[f64; WIDTH]>) -> Vec<f64> {
    let size = equations.len();
    for pivot in 0..size {
        let by = equations[pivot];
        for (_, equation) in equations.iter_mut().enumerate().filter(|(place, _)| *place != pivot) {
            let factor = equation[pivot] / by[pivot];
            for (value, subtracted) in equation.iter_mut().zip(by) {
                *value -= factor * subtracted;
            }
        }
    }
    (0..size).map(|place| equations[place][size] / equations[place][place]).collect()
}

/// How busy people are at this second of the day: least at four in the morning, most at four in the afternoon.
fn busy(second: usize) -> f64 {
    0.6 - 0.4 * (TAU * (second as f64 / HOUR_S as f64 - 4.0) / 24.0).cos()
}

/// Each device swings around 1.2 Mbit/s with a period of 2 to 20 minutes, and is off by chance each second.
fn swinging(chance: &mut Chance, noise: f64) -> Vec<f64> {
    let mut rates = vec![0.0; DAY_S];
    for _ in 0..DEVICES {
        let (period, phase) = (chance.between(120, 1_200) as f64, chance.between(0, 1_200) as f64);
        for (second, rate) in rates.iter_mut().enumerate() {
            let swing = 1.0 + 0.5 * (TAU * (second as f64 + phase) / period).sin();
            let off = 1.0 + noise * (chance.between(0, 2_000) as f64 / 1_000.0 - 1.0);
            *rate += 1.2e6 * busy(second) * swing * off;
        }
    }
    rates
}

/// Each device does something for half of a period of 4 to 20 minutes, a tenth sooner or later, less often at night.
fn used(chance: &mut Chance, capacity_mbps: u64) -> Vec<f64> {
    let classes = [
        TrafficClass::Streaming,
        TrafficClass::Call,
        TrafficClass::Web,
        TrafficClass::Work,
        TrafficClass::Streaming,
        TrafficClass::Gaming,
    ];
    let devices = (1..=DEVICES).map(|number| {
        let class = classes[usize::from(number) % classes.len()];
        let period = chance.between(240, 1_200);
        let mut tasks = Vec::new();
        let mut begins = chance.between(0, period);
        while begins + period < DAY_S as u64 {
            let from = begins + chance.between(0, period / 10);
            if (chance.between(0, 999) as f64) < 1_000.0 * busy(begins as usize) {
                tasks.push(Task { class, from, to: from + period / 2 });
            }
            begins += period;
        }
        let id = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]));
        SimulatedDevice { name: format!("device-{number}"), id, share: Share::default(), tasks }
    });
    let devices = devices.collect();
    let rate = BitRate::from_mbps(capacity_mbps);
    let capacity = Directed { download: rate, upload: rate };
    let scenario = Scenario { capacity, seconds: DAY_S as u64, seed: 7, devices, events: Vec::new() };
    offered(&scenario).into_iter().map(|second| second.download.as_bps() as f64).collect()
}
