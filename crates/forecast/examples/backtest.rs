//! Forecasts every series of a demand file as the daemon would, second by second.
//!
//! `backtest IN OUT`: IN is `family,series,class,t,bytes,other` (bytes per second), unpacked; OUT becomes `series,t,target,p50,p90,p99` in bytes per second, for the origins
//! t = 59, 64, 69… that have 60 seconds left.

use forecast::{Forecaster, Series, Settings};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use vocab::{
    Aggregate, BitRate, DeviceId, Direction, Horizon, LinkId, MacAddress, Quantile, Timestamp, TrafficClass, Usage,
};

/// The class column uses the words of its sources.
fn class_of(word: &str) -> Option<TrafficClass> {
    match word {
        "video" | "audio" => Some(TrafficClass::Streaming),
        "conf" => Some(TrafficClass::Call),
        "xr" => Some(TrafficClass::Gaming),
        "web" => Some(TrafficClass::Web),
        "bulk" => Some(TrafficClass::Download),
        "background" => Some(TrafficClass::Update),
        _ => None,
    }
}

struct Demand {
    name: String,
    class: String,
    /// Bytes per second, by second.
    bytes: Vec<u64>,
}

fn read(path: &str) -> Result<Vec<Demand>, Box<dyn Error>> {
    let mut series: Vec<Demand> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for line in fs::read_to_string(path)?.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [_, name, class, second, bytes, ..] = fields[..] else { return Err(format!("no demand: {line}").into()) };
        let place = *places.entry(name.to_owned()).or_insert_with(|| {
            series.push(Demand { name: name.to_owned(), class: class.to_owned(), bytes: Vec::new() });
            series.len() - 1
        });
        let second: usize = second.parse()?;
        let bytes = bytes.parse::<f64>()? as u64;
        let all = &mut series[place].bytes;
        if all.len() <= second {
            all.resize(second + 1, 0);
        }
        all[second] = bytes;
    }
    Ok(series)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, input, output] = &arguments[..] else { return Err("usage: backtest IN OUT".into()) };
    let all = read(input)?;
    let mut out = String::from("series,t,target,p50,p90,p99\n");
    let mut forecaster = Forecaster::new(Settings::default());
    let names: Vec<Series> = all
        .iter()
        .enumerate()
        .map(|(place, demand)| {
            let [high, low] = (place as u16).to_be_bytes();
            let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, high, low]));
            match class_of(&demand.class) {
                Some(class) => Series::Aggregate(Aggregate { device, class }, Direction::Download),
                None if demand.class == "total" => Series::Link(LinkId(place as u16), Direction::Download),
                None => Series::Device(device, Direction::Download),
            }
        })
        .collect();
    // All at once, as in a house: in each second, every series moves.
    let longest = all.iter().map(|demand| demand.bytes.len()).max().unwrap_or(0);
    for second in 0..longest {
        let at = Timestamp::from_unix_secs(1_700_000_000 + second as u64);
        for (demand, &series) in all.iter().zip(&names) {
            let Some(&bytes) = demand.bytes.get(second) else { continue };
            forecaster.observe(series, Usage::Free(BitRate::from_bps(bytes * 8)), at);
            if second >= 59 && (second - 59) % 5 == 0 && second + 60 < demand.bytes.len() {
                let forecast = forecaster.forecast(series, at);
                for horizon in Horizon::ALL {
                    let quantiles = forecast.at(horizon);
                    let bytes = |quantile| quantiles.at(quantile).as_bps() as f64 / 8.0;
                    let target = horizon.name().trim_start_matches('h');
                    let (p50, p90, p99) = (bytes(Quantile::P50), bytes(Quantile::P90), bytes(Quantile::P99));
                    writeln!(out, "{},{second},{target},{p50},{p90},{p99}", demand.name)?;
                }
            }
        }
    }
    fs::write(output, out)?;
    if let Some(permille) = forecaster.hit_permille() {
        writeln!(std::io::stderr(), "not exceeded at P90 in the last hour: {permille} of 1000")?;
    }
    Ok(())
}
