//! What a flow costs in memory, and that a flood of new flows stays within the bound: a program of its own,
//! because counting each allocation costs time. Prints a line of JSON per measurement.
//!
//! `cargo bench -p traffic --bench memory -- [FILE...] [--flood FLOWS]`
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types)]

#[allow(dead_code)]
#[path = "../tests/counted/mod.rs"]
mod counted;
#[allow(dead_code)]
#[path = "../tests/flooding/mod.rs"]
mod flooding;
#[allow(dead_code)]
mod mix;
#[allow(dead_code)]
#[path = "../tests/reader/mod.rs"]
mod reader;

use flooding::{Kind, Pace};
use mix::{Template, Trace};
use std::path::PathBuf;
use std::time::Duration;
use traffic::{FlowLimits, FlowTable, Locality, Packet};
use vocab::{LinkType, Timestamp, TrafficClass};

/// What `default.toml` gives the table.
const BOUND: u64 = 256_000_000;

fn main() {
    let (mut files, mut flood) = (Vec::new(), 5_000_000);
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--flood" => flood = words.next().and_then(|word| word.parse().ok()).expect("--flood counts flows"),
            _ => files.push(PathBuf::from(word)),
        }
    }
    let read = || match files.as_slice() {
        [] => vec![Template::made()],
        files => files.iter().map(|file| Template::read(file)).collect(),
    };
    let usual = measure("new", &mix::new_flows(&read()));
    measure("long", &mix::long_flows(read()));
    let limits = FlowLimits::within(BOUND);
    for kind in Kind::ALL {
        let began = mix::spent();
        let outcome = flooding::flood(kind, Pace::Fast, flood, limits);
        let rate = outcome.packets as f64 / (mix::spent() - began).as_secs_f64();
        println!(
            r#"{{"bench":"flood","kind":"{kind:?}","flows":{},"packets":{},"bound":{BOUND},"peak":{},"evicted":{},"packets_per_s":{rate:.0},"usual_packets_per_s":{usual:.0},"calls_outlived":{}}}"#,
            outcome.opened,
            outcome.packets,
            outcome.peak,
            outcome.evicted,
            outcome.before == [Some(TrafficClass::Voice); 2] && outcome.after == outcome.before,
        );
    }
}

/// Bytes per flow when most flows are open, and the most at any moment; returns packets per second.
fn measure(mix: &str, trace: &Trace) -> f64 {
    let empty = counted::now();
    counted::start();
    let mut table = FlowTable::new(FlowLimits::default(), Locality::default());
    let fixed = counted::now() - empty;
    let second = Duration::from_secs(1);
    let mut window = Timestamp::default();
    let (mut open, mut held) = (0, 0);
    let began = mix::spent();
    for (at, bytes, wire_len) in trace.warm() {
        let Ok(packet) = Packet::parse(bytes, LinkType::Ethernet, wire_len) else { continue };
        if at.since(window) >= second {
            window = at.floor(second);
            drop(table.expire(at));
            if table.counters().open > open {
                (open, held) = (table.counters().open, counted::now() - empty);
            }
        }
        table.observe(&packet, None, at);
    }
    let took = (mix::spent() - began).as_secs_f64();
    let peak = counted::peak();
    drop(table.expire(trace.frames().last().map_or(window, |(at, ..)| at)));
    println!(
        r#"{{"bench":"memory","mix":"{mix}","open":{open},"fixed":{fixed},"held":{held},"peak":{peak},"at_end":{},"open_at_end":{}}}"#,
        counted::now() - empty,
        table.counters().open,
    );
    trace.len() as f64 / took
}
