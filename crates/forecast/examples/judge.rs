//! Trains on some series and judges on others: the table of every model of the family, and of all together.
//!
//! `judge DEMAND.csv.gz [SPLIT] [KEY=VALUE]…`: DEMAND is `family,series,class,t,bytes,other` at 1 s. SPLIT: `half`
//! (default) learns from half of the sessions and of the gateways and judges on the others, `sessions` learns from
//! `gw*` and judges on the rest, `gateways` the reverse, `FAMILY` leaves that family out, `shipped` judges the weights
//! that ship on all but `tractor`. Keys: those of `Course` and `Sampling`. `out=F` writes what was foreseen together,
//! as `score_forecasts.py` of the shared corpora reads it.

#![allow(clippy::disallowed_types)] // It reads files.

use forecast::{Backtest, Course, Family, Kind, Lesson, Member, Network, Rows, Sampling, class_of, pinball, train};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use vocab::{BitRate, Horizon, Quantile, Quantiles, Usage};

struct Demand {
    family: String,
    name: String,
    kind: Kind,
    /// Bytes per second, by second.
    bytes: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(path) = arguments.first() else { return Err("usage: judge DEMAND.csv.gz [SPLIT] [KEY=VALUE]…".into()) };
    let split = arguments.get(1).filter(|word| !word.contains('=')).map_or("half", String::as_str);
    let value = |key: &str| arguments.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let number = |key: &str, default: f64| value(key).map_or(Ok(default), str::parse::<f64>);
    let all = read(path)?;
    let learns = |demand: &Demand| match split {
        "half" if demand.family.starts_with("gw") => demand.name.starts_with("gw0") || demand.name.starts_with("gw2"),
        "half" => hash(&demand.name) & 1 == 0,
        "sessions" => demand.family.starts_with("gw"),
        "gateways" => !demand.family.starts_with("gw"),
        "shipped" => demand.family == "tractor",
        "all" => true,
        family => demand.family != family,
    };
    let (learnt, judged): (Vec<&Demand>, Vec<&Demand>) = all.iter().partition(|demand| learns(demand));
    let judged = if split == "all" { learnt.clone() } else { judged };
    let family = if split == "shipped" {
        Family::shipped()
    } else if let Some(path) = value("weights") {
        Family::from_bytes(&std::fs::read(path)?)?
    } else {
        let sampling = Sampling {
            copies: number("copies", 5.0)? as usize,
            scale: number("scale", 2.0)? as f32,
            stride: number("stride", 4.0)? as usize,
            ..Sampling::default()
        };
        let course = Course {
            width: number("width", 96.0)? as usize,
            steps: number("steps", 10_000.0)? as usize,
            mean_counts: number("mean_counts", 5.0)? as f32,
            ..Course::default()
        };
        learn(&learnt, &sampling, &course, number("networks", 3.0)? as u64)?
    };
    if let Some(path) = value("save") {
        std::fs::write(path, family.to_bytes("judge"))?;
    }
    judge(&judged, Arc::new(family), value("out"))
}

fn hash(name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash ^ (hash >> 29)
}

fn read(path: &str) -> Result<Vec<Demand>, Box<dyn Error>> {
    let file: Box<dyn std::io::Read> = match path.ends_with(".gz") {
        true => Box::new(flate2::read::MultiGzDecoder::new(std::fs::File::open(path)?)),
        false => Box::new(std::fs::File::open(path)?),
    };
    let (mut all, mut places) = (Vec::<Demand>::new(), BTreeMap::<String, usize>::new());
    for line in BufReader::new(file).lines().skip(1) {
        let line = line?;
        let fields: Vec<&str> = line.split(',').collect();
        let [family, name, word, _, bytes, ..] = fields[..] else { return Err(format!("no demand: {line}").into()) };
        let place = *places.entry(name.to_owned()).or_insert_with(|| {
            let kind = match (class_of(word), family) {
                (Ok(Some(class)), "gwclass") => Kind::Class(class),
                (Ok(Some(class)), _) => Kind::Aggregate(class),
                (_, "gwtotal") => Kind::Link,
                (_, _) => Kind::Device,
            };
            all.push(Demand { family: family.to_owned(), name: name.to_owned(), kind, bytes: Vec::new() });
            all.len() - 1
        });
        all[place].bytes.push(bytes.parse()?);
    }
    all.retain(|demand| demand.bytes.len() > 120);
    Ok(all)
}

fn usages(demand: &Demand) -> Vec<Option<Usage>> {
    demand.bytes.iter().map(|bytes| Some(Usage::Free(BitRate::from_bps((bytes * 8.0) as u64)))).collect()
}

fn learn(learnt: &[&Demand], sampling: &Sampling, course: &Course, networks: u64) -> Result<Family, Box<dyn Error>> {
    let mut families = BTreeMap::new();
    let lessons: Vec<Lesson> = learnt
        .iter()
        .map(|demand| {
            let count = families.len() as u32;
            let family = *families.entry(&demand.family).or_insert(count);
            Lesson { kind: demand.kind, family, seconds: usages(demand) }
        })
        .collect();
    let rows = Rows::draw(&lessons, sampling);
    let mut out = std::io::stderr();
    writeln!(out, "{} series, {} rows", lessons.len(), rows.len())?;
    let networks: Vec<Network> = std::thread::scope(|scope| {
        let rows = &rows;
        let pupils: Vec<_> = (1..=networks)
            .map(|seed| {
                scope.spawn(move || {
                    let course = Course { seed, ..*course };
                    train(rows, &course, &mut |progress| {
                        let _ = writeln!(std::io::stderr(), "{seed}: {progress:?}");
                        ControlFlow::Continue(())
                    })
                })
            })
            .collect();
        pupils.into_iter().filter_map(|pupil| pupil.join().ok().flatten()).collect()
    });
    Ok(Family::new(networks))
}

/// Sums of one model on one series: quantile loss by horizon and quantile, what came, and how often P90 held.
#[derive(Clone, Copy, Default)]
struct Sums {
    lost: [[f64; 3]; Horizon::COUNT],
    came: [f64; Horizon::COUNT],
    held: f64,
    origins: f64,
}

/// What came and what P90 would have reserved, by family.
type Reserved<'a> = BTreeMap<&'a str, Vec<(f64, f64)>>;

fn judge(judged: &[&Demand], family: Arc<Family>, out: Option<&str>) -> Result<(), Box<dyn Error>> {
    let members: Vec<Member> =
        Member::all().filter(|&member| family.has(member) && member != Member::Outside).collect();
    let mut all: BTreeMap<Option<Member>, Vec<(&Demand, Sums)>> = BTreeMap::new();
    // For the decision: what came and what was reserved, by family.
    let mut pairs: BTreeMap<Option<Member>, Reserved<'_>> = BTreeMap::new();
    let mut backtest = Backtest::new(family);
    let mut written = String::from("series,t,target,p50,p90,p99\n");
    for demand in judged {
        let bytes = &demand.bytes;
        let mut sums: BTreeMap<Option<Member>, Sums> = BTreeMap::new();
        backtest.run(demand.kind, &usages(demand), 59, 5, &members, &mut |member, foreseen| {
            let origin = foreseen.known - 1;
            if origin + 60 >= bytes.len() {
                return;
            }
            let sums = sums.entry(member).or_default();
            for horizon in Horizon::ALL {
                let ahead = horizon.seconds() as usize;
                let came = match horizon {
                    Horizon::Mean15s => bytes[origin + 1..=origin + 15].iter().sum::<f64>() / 15.0,
                    _ => bytes[origin + ahead],
                };
                let said = in_bytes(foreseen.quantiles[horizon.index()]);
                for ((lost, said), probability) in sums.lost[horizon.index()].iter_mut().zip(said).zip([0.5, 0.9, 0.99])
                {
                    *lost += 2.0 * f64::from(pinball(came as f32, said as f32, probability));
                }
                sums.came[horizon.index()] += came;
                if horizon == Horizon::Mean15s {
                    sums.held += f64::from(u8::from(came <= said[1]));
                    sums.origins += 1.0;
                    pairs.entry(member).or_default().entry(&demand.family).or_default().push((came, said[1]));
                }
                if member.is_none() && out.is_some() {
                    let target = horizon.name().trim_start_matches('h');
                    let [p50, p90, p99] = said;
                    written += &format!("{},{origin},{target},{p50:.0},{p90:.0},{p99:.0}\n", demand.name);
                }
            }
        });
        for (member, sums) in sums {
            all.entry(member).or_default().push((demand, sums));
        }
    }
    if let Some(path) = out {
        std::fs::write(path, written)?;
    }
    let mut out = std::io::stdout();
    writeln!(out, "ql90          w15     1 s     5 s    15 s    60 s  in 85-95 %  excess5  by family (w15)")?;
    for (member, series) in &all {
        let mean = |horizon: Horizon| {
            let mut families: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
            for (demand, sums) in series.iter().filter(|(_, sums)| sums.came[horizon.index()] >= 4e4) {
                let (sum, count) = families.entry(&demand.family).or_default();
                *sum += sums.lost[horizon.index()][1] / sums.came[horizon.index()];
                *count += 1.0;
            }
            families.into_iter().map(|(family, (sum, count))| (family, sum / count)).collect::<Vec<_>>()
        };
        let overall = |horizon| {
            let families = mean(horizon);
            families.iter().map(|(_, mean)| mean).sum::<f64>() / families.len() as f64
        };
        let scored: Vec<&Sums> =
            series.iter().map(|(_, sums)| sums).filter(|sums| sums.came[Horizon::Mean15s.index()] >= 4e4).collect();
        let covered = scored.iter().filter(|sums| (0.85..=0.95).contains(&(sums.held / sums.origins))).count();
        let by_family: Vec<String> =
            mean(Horizon::Mean15s).iter().map(|(family, mean)| format!("{family} {mean:.3}")).collect();
        writeln!(
            out,
            "{:10} {:7.3} {:7.3} {:7.3} {:7.3} {:7.3} {:11.1} {:8.0}  {}",
            member.map_or("together", Member::name),
            overall(Horizon::Mean15s),
            overall(Horizon::After1s),
            overall(Horizon::After5s),
            overall(Horizon::After15s),
            overall(Horizon::After60s),
            100.0 * covered as f64 / scored.len() as f64,
            pairs.get(member).map_or(f64::NAN, excess_at_5_short),
            by_family.join(" "),
        )?;
    }
    Ok(())
}

fn in_bytes(quantiles: Quantiles) -> [f64; 3] {
    [Quantile::P50, Quantile::P90, Quantile::P99].map(|quantile| quantiles.at(quantile).as_bps() as f64 / 8.0)
}

/// What is reserved in vain, in % of the demand, when P90 is scaled per family until 5 % of the volume stays short.
fn excess_at_5_short(families: &Reserved<'_>) -> f64 {
    let of_family = |pairs: &Vec<(f64, f64)>| {
        let total: f64 = pairs.iter().map(|(came, _)| came).sum();
        let (mut low, mut high) = (0.01f64, 200.0f64);
        for _ in 0..50 {
            let scale = (low * high).sqrt();
            let short: f64 = pairs.iter().map(|(came, said)| (came - scale * said).max(0.0)).sum();
            if short / total > 0.05 { low = scale } else { high = scale }
        }
        let scale = (low * high).sqrt();
        100.0 * pairs.iter().map(|(came, said)| (scale * said - came).max(0.0)).sum::<f64>() / total
    };
    families.values().map(of_family).sum::<f64>() / families.len() as f64
}
