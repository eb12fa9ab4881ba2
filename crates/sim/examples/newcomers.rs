//! How series are foreseen that have just begun: `cargo run --release -p sim --example newcomers -- [DEMAND.csv]`.
//!
//! A network that has seen some devices already, and then others: their first two minutes. Without a file, devices of
//! five types that do what such devices do in a simulated household; with one, recorded series
//! (`family,series,class,t,bytes,other`), whose family stands for the type.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use forecast::{Context, Forecaster, Kind, Recorded, Series, Settings, pinball};
use sim::{Chance, Scenario, SimulatedDevice, Task, offered};
use std::collections::BTreeMap;
use std::io::BufReader;
use std::time::Duration;
use vocab::{
    Aggregate, BitRate, DeviceId, Directed, Direction, Horizon, LinkId, MacAddress, Quantile, Share, Timestamp,
    TrafficClass, Usage,
};

/// What is judged: the first two minutes.
const FIRST_S: usize = 120;

/// The mean of the next so many seconds.
const AHEAD_S: usize = 15;

/// A network remembers so many seconds of each series before the next begins.
const LIVED_S: usize = 900;

/// What a series is judged by at least, in bit/s over all origins.
const LEAST: f64 = 1e6;

/// One that begins.
struct Newcomer {
    kind: Kind,
    /// Its type, by number and by name.
    device_type: (u8, String),
    rates: Vec<u64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let newcomers = match std::env::args().nth(1) {
        Some(path) => recorded(&path)?,
        None => simulated(),
    };
    let ways = [("forgotten", None), ("by class", Some(false)), ("by class and type", Some(true))];
    let lost = ways.map(|(_, way)| judge(&newcomers, way));
    println!("{} newcomers; ql90 of the mean of the next 15 s over their first two minutes", newcomers.len());
    println!("| of | how many | {} |", ways.map(|(name, _)| name).join(" | "));
    println!("|---|---:|---:|---:|---:|");
    let mut names: Vec<String> = newcomers.iter().map(|newcomer| newcomer.device_type.1.clone()).collect();
    names.sort();
    names.dedup();
    let mut means = [0.0; 3];
    for name in &names {
        let of = |way: usize| {
            let of_type = newcomers.iter().zip(&lost[way]).filter(|(newcomer, _)| newcomer.device_type.1 == *name);
            of_type.filter_map(|(_, lost)| *lost).collect::<Vec<f64>>()
        };
        let all = [0, 1, 2].map(of);
        let mean = [0, 1, 2].map(|way: usize| all[way].iter().sum::<f64>() / all[way].len().max(1) as f64);
        println!("| {name} | {} | {:.3} | {:.3} | {:.3} |", all[0].len(), mean[0], mean[1], mean[2]);
        (0..3).for_each(|way| means[way] += mean[way] / names.len() as f64);
    }
    println!("| **mean** | | {:.3} | {:.3} | {:.3} |", means[0], means[1], means[2]);
    for way in [1, 2] {
        let pairs = lost[way].iter().zip(&lost[0]).filter_map(|(with, without)| Some((*with)? / (*without)?));
        let logs: Vec<f64> = pairs.filter(|ratio| *ratio > 0.0).map(f64::ln).collect();
        println!("{}: paired {:.3} of forgotten", ways[way].0, (logs.iter().sum::<f64>() / logs.len() as f64).exp());
    }
    Ok(())
}

/// What each newcomer lost, where it did enough; `told` is whether types are told, `None` where each comes to a network
/// that knows nothing.
fn judge(newcomers: &[Newcomer], told: Option<bool>) -> Vec<Option<f64>> {
    let new = || Forecaster::new(Settings::default());
    let mut forecaster = new();
    // 2026-01-05, a Monday.
    let mut start = Timestamp::from_unix_secs(1_767_571_200);
    let mut lost = Vec::new();
    for (number, newcomer) in newcomers.iter().enumerate() {
        if told.is_none() {
            forecaster = new();
        }
        let [high, low] = (number as u16).to_be_bytes();
        let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, high, low]));
        let series = match newcomer.kind {
            Kind::Aggregate(class) => Series::Aggregate(Aggregate { device, class }, Direction::Download),
            Kind::Device => Series::Device(device, Direction::Download),
            Kind::Class(class) => Series::Class(class, Direction::Download),
            Kind::Link => Series::Link(LinkId(number as u16), Direction::Download),
        };
        forecaster.forget(series);
        let context =
            Context { device_type: told.filter(|told| *told).map(|_| newcomer.device_type.0), ..Context::default() };
        let (mut sum, mut came) = (0.0, 0.0);
        for (second, &rate) in newcomer.rates.iter().take(LIVED_S).enumerate() {
            let now = start + Duration::from_secs(second as u64);
            forecaster.observe_with(series, Usage::Free(BitRate::from_bps(rate)), context, now);
            let next = newcomer.rates.get(second + 1..second + 1 + AHEAD_S).filter(|_| second < FIRST_S);
            let Some(next) = next else { continue };
            let mean = next.iter().sum::<u64>() as f64 / AHEAD_S as f64;
            let said = forecaster.forecast(series, now).at(Horizon::Mean15s).at(Quantile::P90).as_bps();
            sum += 2.0 * f64::from(pinball(mean as f32, said as f32, 0.9));
            came += mean;
        }
        forecaster.take_scores();
        lost.push((came >= LEAST).then(|| sum / came));
        start = start + Duration::from_secs(newcomer.rates.len() as u64 + 3_600);
    }
    lost
}

/// What kinds of device do, in turns, some a tenth or ten times as fast.
fn simulated() -> Vec<Newcomer> {
    let types: [(&str, &[TrafficClass]); 5] = [
        ("laptop", &[TrafficClass::Call, TrafficClass::Work, TrafficClass::Web]),
        ("tv", &[TrafficClass::Streaming, TrafficClass::Web]),
        ("phone", &[TrafficClass::Voice, TrafficClass::Streaming, TrafficClass::Web]),
        ("console", &[TrafficClass::Gaming, TrafficClass::Update, TrafficClass::Web]),
        ("nas", &[TrafficClass::Download, TrafficClass::Backup]),
    ];
    let mut chance = Chance::new(7);
    let mut newcomers = Vec::new();
    for round in 0..12 {
        for (number, (name, classes)) in (0u8..).zip(types) {
            for &class in classes {
                let rate = BitRate::from_mbps(if name == "console" { 100 } else { 25 });
                let id = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]));
                let from = chance.between(0, 5);
                let tasks = vec![Task { class, from, to: from + chance.between(60, 600) }];
                let device = SimulatedDevice { name: name.to_owned(), id, share: Share::default(), tasks };
                let capacity = Directed { download: rate, upload: rate };
                let scenario =
                    Scenario { capacity, seconds: 900, seed: round, devices: vec![device], events: Vec::new() };
                let rates = offered(&scenario).into_iter().map(|second| second.download.as_bps()).collect();
                newcomers.push(Newcomer {
                    kind: Kind::Aggregate(class),
                    device_type: (number, name.to_owned()),
                    rates,
                });
            }
        }
    }
    newcomers
}

/// Series of a file, from their first byte on.
fn recorded(path: &str) -> Result<Vec<Newcomer>, Box<dyn std::error::Error>> {
    let mut families = BTreeMap::new();
    let all = Recorded::read(BufReader::new(std::fs::File::open(path)?))?;
    let newcomers = all.into_iter().map(|recorded| {
        let count = families.len() as u8;
        let number = *families.entry(recorded.family.clone()).or_insert(count);
        let rates = recorded.bytes.iter().map(|bytes| (bytes.unwrap_or(0.0) * 8.0) as u64);
        let rates = rates.skip_while(|rate| *rate == 0).collect();
        Newcomer { kind: recorded.kind, device_type: (number, recorded.family), rates }
    });
    Ok(newcomers.collect())
}
