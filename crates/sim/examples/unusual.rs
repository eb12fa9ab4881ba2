//! How often somebody is told of habits that are none: `cargo run --release -p sim --example unusual -- SEEDS WEEKS`.
//!
//! Weeks of twenty devices and two visitors in spans of five minutes through a real engine. Whatever is told is false, but for what is
//! planted: from the fifth week on, each Wednesday one of them does what it never does.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>().expect("SEEDS and WEEKS are numbers"));
    let (seeds, weeks) = (numbers.next().unwrap_or(3), numbers.next().unwrap_or(8));
    println!("| household | false alerts, week by week | planted | found | after, min |");
    println!("|---|---|---:|---:|---:|");
    for seed in 1..=seeds {
        let told = sim::watch(seed, weeks, 4);
        let each: Vec<String> = told.false_alerts.iter().map(usize::to_string).collect();
        let after: Vec<String> = told.found_after_min.iter().flatten().map(u64::to_string).collect();
        println!(
            "| {seed} | {} | {} | {} | {} |",
            each.join(" "),
            told.found_after_min.len(),
            told.found_after_min.iter().flatten().count(),
            after.join(" ")
        );
        for line in &told.sentences {
            println!("|   {line}");
        }
    }
}
