//! How good the outlook is, and what it costs: `cargo bench -p forecast --bench outlook`.
//!
//! Nine kinds of series, eight weeks each, five seeds; asked each five hours from the fifth week on. Losses are relative
//! to the mean volume, so that families can be averaged.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // A bench measures time.

mod seasons;

use forecast::{OutlookScore, OutlookScores, backtest_outlook, outlook};
use seasons::{FAMILIES, START, WEEK, months};
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
    writeln!(out, "one outlook of 12 weeks with a quota: {:.1} ms (median of 50; fastest {:.1})", times[25], times[0])
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
