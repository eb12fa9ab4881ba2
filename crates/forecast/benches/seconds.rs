//! What a second of 1,000 series costs: `cargo bench -p forecast --bench seconds [-- WEIGHTS]`. All are observed and
//! forecast each second: with all models, with one member left out in turn, and where most are silent.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // A bench measures time.

use forecast::{Context, Family, Forecaster, Series, Settings};
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;
use vocab::{Aggregate, BitRate, DeviceId, Direction, MacAddress, Timestamp, TrafficClass, Usage};

const SERIES: u16 = 1_000;

/// Seconds that are measured; those before fill what is remembered.
const MEASURED: usize = 200;
const BEGINS: u64 = 700;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let family = match given {
        Some(path) => Family::from_bytes(&std::fs::read(path)?).map_err(std::io::Error::other)?,
        None => Family::shipped(),
    };
    writeln!(out, "1,000 series, one second, ms (median of {MEASURED} / fastest): observe, then forecast")?;
    let (networks, mut trees) = (family.networks().to_vec(), Family::default());
    if let Some(of) = family.trees() {
        trees = trees.with_trees(of.clone());
    }
    let trees = family.trees().is_some().then_some(trees);
    for (name, family, active) in [
        ("all models, all active", Some(family.clone()), SERIES),
        ("all models, one in ten active", Some(family.clone()), SERIES / 10),
        ("all models, none active", Some(family), 0),
        ("networks, all active", Some(Family::new(networks)), SERIES),
        ("trees, all active", trees, SERIES),
        ("models without weights, all active", Some(Family::default()), SERIES),
    ] {
        let Some(family) = family else { continue };
        let [observe, forecast] = run(Arc::new(family), active);
        let times = |mut times: Vec<f64>| {
            times.sort_by(f64::total_cmp);
            format!("{:6.2} / {:5.2}", times[times.len() / 2], times[0])
        };
        writeln!(out, "  {name:36}{}    {}", times(observe), times(forecast))?;
    }
    Ok(())
}

/// Milliseconds of each second, to observe and to forecast. Those of `active` series do something each second, the
/// others were silent for ten minutes.
fn run(family: Arc<Family>, active: u16) -> [Vec<f64>; 2] {
    let mut forecaster = Forecaster::with_family(Settings::default(), family);
    let all: Vec<Series> = (0..SERIES)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, high, low]));
            let class = TrafficClass::ALL[usize::from(number) % TrafficClass::COUNT];
            Series::Aggregate(Aggregate { device, class }, Direction::Download)
        })
        .collect();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut times = [Vec::new(), Vec::new()];
    for second in 0..BEGINS + MEASURED as u64 {
        let at = Timestamp::from_unix_secs(1_700_000_000 + second);
        let begin = Instant::now();
        let told = (0..SERIES).zip(&all).map(|(number, &series)| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let bps = if number < active || second < BEGINS - 600 { state % 10_000_000 } else { 0 };
            (series, Usage::Free(BitRate::from_bps(bps)), Context::default())
        });
        forecaster.observe_all(told, at);
        let observed = begin.elapsed().as_secs_f64() * 1e3;
        let begin = Instant::now();
        for &series in &all {
            black_box(forecaster.forecast(series, at));
        }
        let forecast = begin.elapsed().as_secs_f64() * 1e3;
        forecaster.take_scores();
        if second >= BEGINS {
            times.iter_mut().zip([observed, forecast]).for_each(|(times, time)| times.push(time));
        }
    }
    times
}
