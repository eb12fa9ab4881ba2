//! How good the outlook is, what it costs, and what an anomaly score costs: `cargo bench -p forecast --bench outlook`.
//!
//! Nine kinds of series, eight weeks each, five seeds; asked each five hours from the fifth week on. Losses are relative
//! to the mean volume, so that families can be averaged.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // A bench measures time.

mod seasons;

use forecast::{Anomaly, OutlookScore, OutlookScores, backtest_outlook, outlook};
use seasons::{Chance, FAMILIES, START, WEEK, months};
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};
use vocab::{ByteCount, LocalTime, Monthly, Quota};

const WEEKS: usize = 8;
const SEEDS: u64 = 5;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut all: Vec<[OutlookScores; 4]> = Vec::new();
    for (name, family) in FAMILIES {
        let scores: Vec<_> = (1..=SEEDS)
            .map(|seed| backtest_outlook(&months(family, WEEKS, seed), &LocalTime::default(), 4 * WEEK, 5))
            .collect();
        table(&mut out, name, &scores)?;
        all.extend(scores);
    }
    table(&mut out, "all of them, mean", &all)?;

    quotas(&mut out)?;
    let history = months(FAMILIES[0].1, 12, 1);
    let now = START + Duration::from_secs(12 * WEEK as u64 * 3_600);
    let quota = Quota { volume: ByteCount(3_000_000_000_000), resets: Monthly::on(1).expect("1 is a day") };
    let mut times: Vec<f64> = (0..50)
        .map(|_| {
            let begin = Instant::now();
            black_box(outlook(black_box(&history), Some(quota), &LocalTime::default(), now));
            begin.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    writeln!(out, "one outlook of 12 weeks with a quota: {:.1} ms (median of 50; fastest {:.1})", times[25], times[0])?;

    let mut chance = Chance::new(1);
    let misses: Vec<f64> = (0..1_000_000).map(|_| 1e6 * chance.normal()).collect();
    let mut anomaly = Anomaly::new(1e-4);
    let begin = Instant::now();
    for miss in &misses {
        black_box(anomaly.observe(*miss, 1e6));
    }
    let (nanos, bytes) = (begin.elapsed().as_secs_f64() * 1e3, size_of::<Anomaly>());
    writeln!(
        out,
        "one anomaly score: {nanos:.0} ns on average of a million, fits of the tail included; {bytes} bytes a series"
    )
}

/// What a quota's period brings beside what was foreseen of it, asked each day of the second and third month.
fn quotas(out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "{:24}{:>10}{:>10}{:>14}", "quota, end of its month", "below P10", "below P90", "P50 is off by")?;
    let hours = |count: usize| Duration::from_secs(count as u64 * 3_600);
    for (name, family) in FAMILIES {
        let (mut low, mut high, mut off, mut count) = (0, 0, 0.0, 0);
        for seed in 1..=10 {
            let all = months(family, 13, seed);
            for day in 35..80 {
                let now = START + hours(day * 24 + 7);
                let quota = Quota { volume: ByteCount(u64::MAX), resets: Monthly::on(1).expect("1 is a day") };
                let Some(found) = outlook(&all, Some(quota), &LocalTime::default(), now).quota else { continue };
                let Some(end) = found.at_end else { continue };
                let index = |at: vocab::Timestamp| (at.since(START).as_secs() / 3_600) as usize;
                // A gap ahead moves nothing that is counted: what is foreseen is compared over the hours recorded.
                let ahead = &all.hours[index(now)..index(found.to)];
                let recorded = ahead.iter().flatten().count() as f64 / ahead.len() as f64;
                let came: u64 = ahead.iter().flatten().map(|hour| hour.bytes.download.0).sum();
                let came = came as f64 / recorded;
                let more = |band: ByteCount| (band.0 - found.used.0) as f64;
                low += usize::from(came < more(end.low()));
                high += usize::from(came <= more(end.high()));
                off += (came - more(end.likely())).abs() / came.max(1.0);
                count += 1;
            }
        }
        let share = |part: f64| format!("{:.0} %", 100.0 * part / count as f64);
        writeln!(out, "  {name:22}{:>10}{:>10}{:>14}", share(low as f64), share(high as f64), share(off))?;
    }
    writeln!(out)
}

fn table(out: &mut impl Write, name: &str, scores: &[[OutlookScores; 4]]) -> std::io::Result<()> {
    writeln!(out, "{name}\n{:22}{:>26}{:>26}{:>26}", "", "next hour", "next 24 hours", "their sum")?;
    for who in 0..4 {
        let mean = |which: fn(&OutlookScores) -> OutlookScore| {
            let count = scores.len() as f64;
            let part = |figure: fn(OutlookScore) -> f64| {
                scores.iter().map(|scores| figure(which(&scores[who]))).sum::<f64>() / count
            };
            format!(
                "{:.3} / {:.3} / {:.0} %",
                part(|score| score.p50),
                part(|score| score.p90),
                100.0 * part(|score| score.below_p90)
            )
        };
        let columns = [mean(|scores| scores.hour), mean(|scores| scores.hours), mean(|scores| scores.day)];
        writeln!(out, "  {:20}{:>26}{:>26}{:>26}", scores[0][who].name, columns[0], columns[1], columns[2])?;
    }
    writeln!(out)
}
