//! A link's utilisation 15 s ahead on a periodic day of 60 devices: `cargo run --release -p sim --example periodic`.
//!
//! Two such days: rates that swing and are off by chance, as simulations of networks have them; and applications that
//! are used for some minutes, then not, each device with a period of its own.
//!
//! With `-- --write FOLDER` it writes each day and the days before it (the same devices) as series instead, for programs
//! that learn from them; with `-- --said FOLDER` what such a program foresaw (`FOLDER/DAY/said.csv`) stands in the
//! tables, too.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use forecast::{Context, Forecaster, Member, Series, Settings};
use sim::{Chance, Scenario, SimulatedDevice, Task, offered};
use std::collections::HashMap;
use std::error::Error;
use std::f64::consts::TAU;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;
use vocab::{
    BitRate, DeviceId, Directed, Direction, Horizon, LinkId, MacAddress, Quantile, Quantiles, Share, Timestamp,
    TrafficClass, Usage,
};

const DEVICES: u8 = 60;
const DAY_S: usize = 86_400;
const HOUR_S: usize = 3_600;

/// How many days before one are written.
const BEFORE: usize = 3;

/// Asked this often, at the seconds 59, 64, 69… as recorded series are.
const EVERY_S: usize = 5;
const FIRST_S: usize = 59;

/// How far ahead, in seconds.
const AHEAD: usize = 15;

/// Whoever foresees recorded series ends a minute before they do.
const LEFT_S: usize = 60;

/// Autoregression of this order over a quarter of an hour, fitted anew each minute.
const ORDER: usize = 20;
const FITTED_S: usize = 900;
const REFIT_S: usize = 60;

/// One day of a link, and those before it.
struct Days {
    name: &'static str,
    what: &'static str,
    capacity: f64,
    rates: Vec<f64>,
    before: Vec<Vec<f64>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut chance = Chance::new(7);
    let all = [
        swinging("swinging-20", "rates that swing by a half, 20 % noise", &mut chance, 0.2),
        swinging("swinging-60", "the same, 60 % noise", &mut chance, 0.6),
        used("applications", "applications used for minutes at a time", &mut chance, 300),
    ];
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => all.iter().for_each(|days| judge(days, None)),
        ["--write", folder] => {
            fs::create_dir_all(folder)?;
            for Days { name, rates, before, .. } in &all {
                write(&Path::new(folder).join(format!("{name}.csv")), std::slice::from_ref(rates))?;
                write(&Path::new(folder).join(format!("{name}-before.csv")), before)?;
            }
        }
        ["--said", folder] => {
            for days in &all {
                judge(days, Some(&read(&Path::new(folder).join(days.name).join("said.csv"))?));
            }
        }
        _ => return Err("say nothing, --write FOLDER or --said FOLDER".into()),
    }
    Ok(())
}

/// Each day a series: `family,series,class,t,bytes,other`.
fn write(path: &Path, days: &[Vec<f64>]) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "family,series,class,t,bytes,other")?;
    for (number, rates) in days.iter().enumerate() {
        for (second, rate) in rates.iter().enumerate() {
            writeln!(file, "periodic_total,day-{number},total,{second},{:.0},0", rate / 8.0)?;
        }
    }
    file.flush()
}

/// The medians in `series,t,target,p50,p90,p99`, in bit/s: of the second 15 s after `t`, and of the mean up to there.
fn read(path: &Path) -> Result<HashMap<usize, [f64; 2]>, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut said = HashMap::<usize, [f64; 2]>::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let &[_, second, target, p50, ..] = &fields[..] else { return Err(format!("not understood: {line}").into()) };
        let place = match target {
            "15" => 0,
            "w15" => 1,
            _ => continue,
        };
        said.entry(second.parse()?).or_default()[place] = 8.0 * p50.parse::<f64>()?;
    }
    Ok(said)
}

/// What was foreseen of one series by one way, summed: absolute errors of the second 15 s ahead and of the mean of
/// the next 15 s.
#[derive(Default)]
struct Missed {
    name: String,
    sums: [f64; 2],
    count: usize,
}

fn judge(days: &Days, read: Option<&HashMap<usize, [f64; 2]>>) {
    let Days { what, capacity, rates, .. } = days;
    let capacity = *capacity;
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
    for second in 0..rates.len() - LEFT_S {
        let now = start + Duration::from_secs(second as u64);
        let usage = Usage::Free(BitRate::from_bps(rates[second] as u64));
        let aloud = forecaster.observe_aloud(series, usage, Context::default(), now);
        if second < HOUR_S || !(second - FIRST_S).is_multiple_of(EVERY_S) {
            continue;
        }
        if (second - FIRST_S).is_multiple_of(REFIT_S) || levels.factors.is_empty() {
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
        if let Some(said_so) = read.and_then(|read| read.get(&second)) {
            said.push(("what was read".to_owned(), said_so.map(|rate| rate / capacity)));
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
fn busy(second: f64) -> f64 {
    0.6 - 0.4 * (TAU * (second / HOUR_S as f64 - 4.0) / 24.0).cos()
}

/// Each device swings around 1.2 Mbit/s with a period of 2 to 20 minutes, and is off by chance each second.
fn swinging(name: &'static str, what: &'static str, chance: &mut Chance, noise: f64) -> Days {
    let swing = |rates: &mut [f64], (period, phase): (f64, f64), begins: f64, chance: &mut Chance| {
        for (second, rate) in rates.iter_mut().enumerate() {
            let second = begins + second as f64;
            let swing = 1.0 + 0.5 * (TAU * (second + phase) / period).sin();
            let off = 1.0 + noise * (chance.between(0, 2_000) as f64 / 1_000.0 - 1.0);
            *rate += 1.2e6 * busy(second) * swing * off;
        }
    };
    let (mut rates, mut before) = (vec![0.0; DAY_S], vec![vec![0.0; DAY_S]; BEFORE]);
    for device in 0..DEVICES {
        let swings = (chance.between(120, 1_200) as f64, chance.between(0, 1_200) as f64);
        swing(&mut rates, swings, 0.0, chance);
        for (number, rates) in before.iter_mut().enumerate() {
            let begins = (number as f64 - BEFORE as f64) * DAY_S as f64;
            // Their noise is their own, so that the day itself is the same whether they are asked for or not.
            let seed = (number as u64 + 1) << 32 | u64::from(device) << 16 | (noise * 100.0) as u64;
            swing(rates, swings, begins, &mut Chance::new(seed));
        }
    }
    Days { name, what, capacity: 100e6, rates, before }
}

/// Each device does something for half of a period of 4 to 20 minutes, a tenth sooner or later, less often at night. The
/// days before have the same devices with the same periods, which begin anew each midnight.
fn used(name: &'static str, what: &'static str, chance: &mut Chance, capacity_mbps: u64) -> Days {
    let classes = [
        TrafficClass::Streaming,
        TrafficClass::Call,
        TrafficClass::Web,
        TrafficClass::Work,
        TrafficClass::Streaming,
        TrafficClass::Gaming,
    ];
    let tasks = |number: u8, period: u64, chance: &mut Chance| {
        let class = classes[usize::from(number) % classes.len()];
        let mut tasks = Vec::new();
        let mut begins = chance.between(0, period);
        while begins + period < DAY_S as u64 {
            let from = begins + chance.between(0, period / 10);
            if (chance.between(0, 999) as f64) < 1_000.0 * busy(begins as f64) {
                tasks.push(Task { class, from, to: from + period / 2 });
            }
            begins += period;
        }
        let id = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]));
        SimulatedDevice { name: format!("device-{number}"), id, share: Share::default(), tasks }
    };
    let rate = BitRate::from_mbps(capacity_mbps);
    let capacity = Directed { download: rate, upload: rate };
    let moved = |devices: Vec<SimulatedDevice>, seed: u64| -> Vec<f64> {
        let scenario = Scenario { capacity, seconds: DAY_S as u64, seed, devices, events: Vec::new() };
        offered(&scenario).into_iter().map(|second| second.download.as_bps() as f64).collect()
    };
    let (mut devices, mut periods) = (Vec::new(), Vec::new());
    for number in 1..=DEVICES {
        let period = chance.between(240, 1_200);
        periods.push((number, period));
        devices.push(tasks(number, period, chance));
    }
    let before = (1..=BEFORE as u64).map(|day| {
        let mut chance = Chance::new(1_000 + day);
        let devices = periods.iter().map(|&(number, period)| tasks(number, period, &mut chance));
        moved(devices.collect(), 1_000 + day)
    });
    let before = before.collect();
    Days { name, what, capacity: capacity_mbps as f64 * 1e6, rates: moved(devices, 7), before }
}
