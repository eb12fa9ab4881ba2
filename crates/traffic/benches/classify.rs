//! What classification costs on one core, over traffic made of captures and held in memory, and how early its
//! verdicts come. Prints a line of JSON per measurement; `cargo xtask bench classify` draws them as a table.
//!
//! `cargo bench -p traffic --bench classify -- [FILE...] [--write FOLDER]`: captures to make the traffic of (without
//! any: some of our own making); `--write` keeps the traffic as pcap files for peers to read, and measures nothing.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types)]

#[allow(dead_code)]
mod mix;
#[allow(dead_code)]
#[path = "../tests/reader/mod.rs"]
mod reader;

use mix::{Template, Trace};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;
use traffic::{FlowLimits, FlowTable, Locality, Meter, Packet, Settlement};
use vocab::{Aggregate, ByteCount, FlowKey, FlowSummary, IpProtocol, LinkId, LinkType, Timestamp, TrafficClass};

/// Each loop runs until it took this long, and the best run counts: the machine's other work only adds.
const LEAST_SECONDS: f64 = 4.0;

fn main() {
    let (mut files, mut folder) = (Vec::new(), None);
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--write" => folder = Some(PathBuf::from(words.next().expect("--write names a folder"))),
            _ => files.push(PathBuf::from(word)),
        }
    }
    let read = || match files.as_slice() {
        [] => vec![Template::made()],
        files => files.iter().map(|file| Template::read(file)).collect(),
    };
    match folder {
        Some(folder) => {
            let write = |name: &str, trace: Trace| {
                trace.write(&folder.join(name)).expect("the folder takes a file");
            };
            write("new.pcap", mix::new_flows(&read()));
            write("long.pcap", mix::long_flows(read()));
            write("captures.pcap", mix::once(&read()));
        }
        None => {
            measure("new", &mix::new_flows(&read()));
            measure("long", &mix::long_flows(read()));
            time_to_verdict(&files);
        }
    }
}

fn measure(mix: &str, trace: &Trace) {
    let parse = best(|| {
        for (_, bytes, wire_len) in trace.warm() {
            let _ = black_box(Packet::parse(black_box(bytes), LinkType::Ethernet, wire_len));
        }
    });
    let mut opened = 0;
    let table = best(|| opened = classify(trace, None));
    let metered = best(|| opened = classify(trace, Some(Meter::new(LinkId(0)))));
    println!(
        r#"{{"bench":"speed","mix":"{mix}","captures":{},"packets":{},"flows":{opened},"wire_bytes":{},"parse_s":{parse:.6},"table_s":{table:.6},"metered_s":{metered:.6}}}"#,
        trace.captures,
        trace.len(),
        trace.wire_bytes(),
    );
}

/// Seconds on a core of the fastest run.
fn best(mut run: impl FnMut()) -> f64 {
    let (mut best, mut spent) = (f64::MAX, 0.0);
    while spent < LEAST_SECONDS {
        let began = mix::spent();
        run();
        let took = (mix::spent() - began).as_secs_f64();
        best = best.min(took);
        spent += took;
    }
    best
}

/// As the daemon's worker does it: each packet into the table, its bytes into the meter, and once a second both
/// give what they have; returns how many flows there were.
fn classify(trace: &Trace, mut meter: Option<Meter>) -> u64 {
    let mut table = FlowTable::new(FlowLimits::default(), Locality::default());
    let second = Duration::from_secs(1);
    let mut window = Timestamp::default();
    for (at, bytes, wire_len) in trace.warm() {
        let Ok(packet) = Packet::parse(bytes, LinkType::Ethernet, wire_len) else { continue };
        if at.since(window) >= second {
            window = at.floor(second);
            black_box(table.expire(at));
            if let Some(meter) = &mut meter {
                black_box(meter.close_window(window, second));
            }
        }
        let observed = black_box(table.observe(&packet, None, at));
        if let (Some(meter), Some((device, direction))) = (&mut meter, observed.owner) {
            let aggregate = Aggregate { device, class: observed.class };
            meter.observe(aggregate, direction, ByteCount(u64::from(wire_len)), 1);
            if observed.first_in_window {
                meter.observe_flow(aggregate);
            }
        }
    }
    table.counters().opened
}

/// What had passed of a flow when its last class was first given, and packets until nothing more was wanted of it:
/// over the flows that have a class, and a grade A or B where a `truth.csv` beside the captures' folder grades them.
fn time_to_verdict(files: &[PathBuf]) {
    let graded = files.first().and_then(|file| graded(file));
    let mut early: BTreeMap<IpProtocol, [Vec<u64>; 4]> = BTreeMap::new();
    for file in files {
        let pcap = file.file_name().unwrap_or_default().to_string_lossy();
        for (flow, settled) in flows(file) {
            let counts = flow.verdict.class != TrafficClass::Unclassified
                && graded.as_ref().is_none_or(|graded| graded.contains(&name(&pcap, &flow)));
            if counts {
                let given = flow.verdict.given_after;
                let figures = [u64::from(given.packets), u64::from(given.payloads), given.bytes.0, settled];
                let lists = early.entry(flow.key.protocol()).or_default();
                lists.iter_mut().zip(figures).for_each(|(list, figure)| list.push(figure));
            }
        }
    }
    for protocol in [IpProtocol::TCP, IpProtocol::UDP] {
        let mut lists = early.remove(&protocol).unwrap_or_default();
        let flows = lists[0].len();
        let [packets, payloads, bytes, settled] = lists.each_mut().map(|list| {
            list.sort_unstable();
            let at = |part: usize| list.get(list.len() * part / 100).copied().unwrap_or(0);
            format!("[{},{}]", at(50), at(90))
        });
        println!(
            r#"{{"bench":"verdict","protocol":"{protocol}","flows":{flows},"graded":{},"packets":{packets},"payloads":{payloads},"bytes":{bytes},"settled":{settled}}}"#,
            graded.is_some(),
        );
    }
}

/// All flows of a capture, each with its packets until nothing more was wanted of it.
fn flows(file: &Path) -> Vec<(FlowSummary, u64)> {
    let mut table = FlowTable::new(FlowLimits::default(), Locality::default());
    let mut watched: HashMap<(FlowKey, Timestamp), u64> = HashMap::new();
    let mut began = HashMap::new();
    let mut summaries = Vec::new();
    for frame in reader::frames(file) {
        if let Ok(packet) = Packet::parse(&frame.bytes, frame.link_type, frame.wire_len) {
            let observed = table.observe(&packet, None, frame.at);
            if observed.opened {
                let first_seen = table.get(observed.flow).map_or(frame.at, |flow| flow.first_seen);
                began.insert(observed.key, first_seen);
            }
            if observed.settlement == Settlement::Open || observed.settled_now {
                *watched.entry((observed.key, began[&observed.key])).or_default() += 1;
            }
        }
        summaries.extend(table.expire(frame.at));
    }
    summaries.extend(table.drain());
    summaries
        .into_iter()
        .map(|flow| (watched.get(&(flow.key, flow.first_seen)).copied().unwrap_or(0), flow))
        .map(|(settled, flow)| (flow, settled))
        .collect()
}

/// A flow's name in a list of graded ones: capture, protocol and both ends in order.
fn name(pcap: &str, flow: &FlowSummary) -> String {
    let ends = [flow.key.low(), flow.key.high()].map(|end| format!("{},{}", end.address, end.port));
    ordered(pcap, &flow.key.protocol().to_string(), ends)
}

fn ordered(pcap: &str, protocol: &str, mut ends: [String; 2]) -> String {
    ends.sort();
    format!("{pcap},{protocol},{}", ends.join(","))
}

/// The flows that `truth.csv` grades A or B, where it lies beside the folder of the captures.
fn graded(file: &Path) -> Option<HashSet<String>> {
    let file = std::fs::canonicalize(file).ok()?;
    let truth = std::fs::read_to_string(file.parent()?.parent()?.join("truth.csv")).ok()?;
    let mut rows = truth.lines();
    let header: Vec<&str> = rows.next()?.split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name);
    let places = ["pcap", "l4", "src_ip", "src_port", "dst_ip", "dst_port", "grade"].map(column);
    let [pcap, l4, source, source_port, destination, destination_port, grade] = places;
    let mut flows = HashSet::new();
    for row in rows {
        let cells: Vec<&str> = row.split(',').collect();
        let cell = |column: Option<usize>| column.and_then(|column| cells.get(column)).copied().unwrap_or("");
        if matches!(cell(grade), "A" | "B") {
            let end = |address, port| format!("{},{}", cell(address), cell(port));
            let ends = [end(source, source_port), end(destination, destination_port)];
            flows.insert(ordered(cell(pcap), cell(l4), ends));
        }
    }
    Some(flows)
}
