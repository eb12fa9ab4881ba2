//! How often the model is right: on flows it never learnt from.

use crate::captures;
use crate::chance::Chance;
use crate::examples::Source;
use crate::habits;
use crate::trace::{Step, Trace};
use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;
use traffic::behavior::{Behavior, CLASSES, Model, Parameters};
use vocab::{Side, Timestamp, TrafficClass};

/// Said right, said wrong, and not said, in weight; per class.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    right: f64,
    wrong: f64,
    /// Taken for something else.
    missed: f64,
    silent: f64,
}

/// A table of verdicts.
#[derive(Default)]
pub struct Table {
    classes: [Tally; CLASSES],
    confused: BTreeMap<(TrafficClass, TrafficClass), f64>,
}

impl Table {
    pub fn add(&mut self, truth: TrafficClass, said: Option<TrafficClass>, weight: f64) {
        match said {
            None => self.classes[truth.index()].silent += weight,
            Some(said) if said == truth => self.classes[truth.index()].right += weight,
            Some(said) => {
                self.classes[truth.index()].missed += weight;
                self.classes[said.index()].wrong += weight;
                *self.confused.entry((truth, said)).or_default() += weight;
            }
        }
    }

    pub fn print(&self) {
        println!("  class          weight  precision  recall  abstains");
        let (mut said, mut right, mut all) = (0.0, 0.0, 0.0);
        for class in TrafficClass::ALL {
            let tally = self.classes[class.index()];
            let total = tally.right + tally.missed + tally.silent;
            (said, right, all) = (said + tally.right + tally.missed, right + tally.right, all + total);
            if total + tally.wrong > 0.0 {
                println!(
                    "  {:13} {total:7.1}  {:9.3}  {:6.3}  {:8.3}",
                    class.to_string(),
                    tally.right / (tally.right + tally.wrong),
                    tally.right / total,
                    tally.silent / total
                );
            }
        }
        println!("  all           {all:7.1}  {:9.3}  {:6.3}  {:8.3}", right / said, right / all, 1.0 - said / all);
        let mut confused: Vec<_> = self.confused.iter().collect();
        confused.sort_by(|a, b| b.1.total_cmp(a.1));
        for ((truth, said), weight) in confused.iter().take(12) {
            println!("    {truth} taken for {said}: {weight:.1}");
        }
    }
}

/// On generated and recorded examples of another seed.
pub fn on_examples(parameters: &Parameters, source: Source<'_>, seed: u64) -> Table {
    let mut table = Table::default();
    let model = Model::new(parameters);
    for example in source.examples(20_000, seed) {
        let truth = TrafficClass::from_index(example.class).expect("examples have a class");
        table.add(truth, said(&model, &example.features, parameters), 1.0);
    }
    table
}

fn said(
    model: &Model<'_>,
    features: &[f32; traffic::behavior::FEATURES],
    parameters: &Parameters,
) -> Option<TrafficClass> {
    let chances = model.chances(features);
    let (best, chance) = chances.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    let enough = (chance * 100.0) as u8 >= parameters.thresholds[best];
    TrafficClass::from_index(best).filter(|&class| enough && class != TrafficClass::Unclassified)
}

/// The least confidences that are right as often as `precision` asks, on examples of another seed.
pub fn thresholds(
    parameters: &Parameters,
    source: Source<'_>,
    seed: u64,
    precision: impl Fn(TrafficClass) -> f64,
    floor: impl Fn(TrafficClass) -> u8,
) -> [u8; CLASSES] {
    let model = Model::new(parameters);
    let mut said: [Vec<(u8, bool)>; CLASSES] = Default::default();
    for example in source.examples(30_000, seed) {
        let chances = model.chances(&example.features);
        if let Some((best, chance)) = chances.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) {
            said[best].push(((chance * 100.0) as u8, best == example.class));
        }
    }
    let mut thresholds = [u8::MAX; CLASSES];
    for class in TrafficClass::ALL.into_iter().filter(|class| *class != TrafficClass::Unclassified) {
        let enough = |least: u8| {
            let above = said[class.index()].iter().filter(|(confidence, _)| *confidence >= least);
            let (count, right) = above.fold((0, 0), |(count, right), (_, is)| (count + 1, right + usize::from(*is)));
            right as f64 >= precision(class) * f64::from(count)
        };
        thresholds[class.index()] = (floor(class)..=99).find(|&least| enough(least)).unwrap_or(99);
    }
    thresholds
}

/// How often the model is right when it says so: calibration on examples.
pub fn calibration(parameters: &Parameters, source: Source<'_>, seed: u64) {
    let model = Model::new(parameters);
    let mut bins = [(0_u32, 0_u32, 0.0_f64); 10];
    for example in source.examples(20_000, seed) {
        let chances = model.chances(&example.features);
        if let Some((best, &chance)) = chances.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) {
            let bin = &mut bins[((chance * 10.0) as usize).min(9)];
            *bin = (bin.0 + 1, bin.1 + u32::from(best == example.class), bin.2 + f64::from(chance));
        }
    }
    println!("  says     is right  of");
    for (count, right, sum) in bins.into_iter().filter(|(count, ..)| *count > 50) {
        println!("  {:.3}    {:.3}     {count}", sum / f64::from(count), f64::from(right) / f64::from(count));
    }
}

/// A labelled flow of a capture.
pub struct Labelled {
    pub capture: String,
    pub label: String,
    pub trace: Trace,
    pub weight: f64,
}

/// The flows of `folder` that `truth` labels (grades A and B) and that have at least `least` packets.
pub fn labelled(folder: &Path, truth: &Path, least: usize) -> Result<Vec<Labelled>> {
    let mut rows: BTreeMap<String, Vec<csv::StringRecord>> = BTreeMap::new();
    let mut reader = csv::Reader::from_path(truth).with_context(|| format!("reading {}", truth.display()))?;
    let columns = reader.headers()?.clone();
    let column = |name: &str| columns.iter().position(|column| column == name).context("a column is missing");
    let (pcap, protocol, grade) = (column("pcap")?, column("l4")?, column("grade")?);
    let ends = [(column("src_ip")?, column("src_port")?), (column("dst_ip")?, column("dst_port")?)];
    let (class, label, weight) = (column("class")?, column("label")?, column("weight")?);
    for record in reader.records() {
        let record = record?;
        if matches!(&record[grade], "A" | "B") {
            rows.entry(record[pcap].to_owned()).or_default().push(record);
        }
    }
    let mut labelled = Vec::new();
    for (capture, rows) in rows {
        let Ok(flows) = captures::flows(&folder.join(&capture), 64) else { continue };
        let name = |address: String, port: u16| (address, port.to_string());
        let flows: BTreeMap<_, _> = flows
            .into_iter()
            .map(|flow| {
                let mut both = [Side::Low, Side::High]
                    .map(|side| name(flow.key.end(side).address.to_string(), flow.key.end(side).port));
                both.sort();
                ((flow.key.protocol().to_string().to_lowercase(), both), flow)
            })
            .collect();
        for row in rows {
            let mut both = ends.map(|(address, port)| {
                let text = row[address].split('%').next().unwrap_or_default().to_owned();
                let address = text.parse::<std::net::IpAddr>().map_or(text, |address| address.to_string());
                (address, if row[port].is_empty() { "0".to_owned() } else { row[port].to_owned() })
            });
            both.sort();
            let Some(flow) = flows.get(&(row[protocol].to_lowercase(), both)) else { continue };
            if flow.steps.len() < least {
                continue;
            }
            labelled.push(Labelled {
                capture: capture.clone(),
                label: row[label].to_owned(),
                trace: Trace {
                    class: row[class].parse().ok().context("an unknown class")?,
                    family: "capture",
                    stream: flow.stream,
                    steps: flow.steps.clone(),
                },
                weight: row[weight].parse().unwrap_or(1.0),
            });
        }
    }
    Ok(labelled)
}

/// Behaviour alone, on labelled flows, after `packets`.
pub fn on_captures(parameters: &Parameters, flows: &[Labelled], packets: usize) -> Table {
    let model = Model::new(parameters);
    let mut table = Table::default();
    for flow in flows.iter().filter(|flow| flow.trace.steps.len() >= packets) {
        let opinion = flow.trace.behavior(packets).opinion(&model, flow.trace.stream);
        table.add(flow.trace.class, opinion.map(|opinion| opinion.class), flow.weight);
    }
    table
}

/// What is said of each flow: for looking at errors.
pub fn list(parameters: &Parameters, flows: &[Labelled]) {
    let model = Model::new(parameters);
    for flow in flows {
        let behavior = flow.trace.behavior(30);
        let Some((class, chance)) = behavior.likeliest(&model, flow.trace.stream) else { continue };
        let opinion = behavior.opinion(&model, flow.trace.stream);
        println!(
            "{},{},{},{},{class},{chance:.2},{},{:.2},{}",
            flow.capture,
            flow.label,
            if flow.trace.stream { "tcp" } else { "udp" },
            flow.trace.class,
            match opinion {
                None => "silent",
                Some(opinion) if opinion.class == flow.trace.class => "right",
                Some(_) => "WRONG",
            },
            flow.weight,
            behavior.rhythm().map_or(String::new(), |rhythm| rhythm.to_string()),
        );
    }
}

/// If behaviour overruled whatever a name says where it is surer than 0.95: how often would it be right?
pub fn strong_disagreements(parameters: &Parameters, flows: &[Labelled], packets: usize) {
    let model = Model::new(parameters);
    println!("  says         of flows labelled     right  wrong (chance above 0.95, {packets} packets)");
    let mut counts: BTreeMap<TrafficClass, (f64, f64)> = BTreeMap::new();
    for flow in flows.iter().filter(|flow| flow.trace.steps.len() >= packets) {
        match flow.trace.behavior(packets).likeliest(&model, flow.trace.stream) {
            Some((class, chance)) if chance > 0.95 => {
                let count = counts.entry(class).or_default();
                if class == flow.trace.class { count.0 += flow.weight } else { count.1 += flow.weight }
            }
            _ => {}
        }
    }
    for (class, (right, wrong)) in counts {
        println!("  {:13} {:28.1} {wrong:6.1}", class.to_string(), right);
    }
}

/// What is said of the shared corpora's flows of one service each.
pub fn on_behaviour(parameters: &Parameters, folder: &Path) -> Result<()> {
    let model = Model::new(parameters);
    let mut services: BTreeMap<(String, usize), BTreeMap<String, usize>> = BTreeMap::new();
    let mut count = |service: &str, behavior: &Behavior, stream: bool, packets: usize| {
        let said = behavior.opinion(&model, stream).map_or("-".to_owned(), |opinion| opinion.class.to_string());
        *services.entry((service.to_owned(), packets)).or_default().entry(said).or_default() += 1;
    };
    for (file, video) in [("ucdavis_quic_first100.csv.gz", false), ("video_sessions_first300.csv.gz", true)] {
        let path = folder.join(file);
        if !path.exists() {
            println!("  {}: not there, skipped", path.display());
            continue;
        }
        let mut reader = csv::Reader::from_reader(GzDecoder::new(std::fs::File::open(&path)?));
        let mut flows: BTreeMap<String, (String, Vec<Step>)> = BTreeMap::new();
        for record in reader.records() {
            let record = record?;
            // flow,class,subset,i,t,size,dir and service,quality,file,session,i,ts_us,len
            let (flow, service, ms, size, up) = if video {
                let id = format!("{} {} {}", &record[0], &record[2], &record[3]);
                let size: f64 = record[6].parse()?;
                (id, &record[0], record[5].parse::<f64>()? / 1_000.0, size.abs(), size > 0.0)
            } else {
                (
                    record[0].to_owned(),
                    &record[1],
                    record[4].parse::<f64>()? * 1_000.0,
                    record[5].parse::<f64>()?,
                    &record[6] == "1",
                )
            };
            let entry = flows.entry(flow).or_insert_with(|| (service.to_owned(), Vec::new()));
            entry.1.push(Step { ms, up, size: size as usize });
        }
        for (service, steps) in flows.into_values() {
            let (stream, steps) = payloads(steps);
            for packets in [10, 20, 30] {
                if steps.len() < packets {
                    continue;
                }
                let mut behavior = Behavior::default();
                for step in steps.iter().take(packets) {
                    behavior.push(step.up, step.size, Timestamp::from_unix_nanos((step.ms * 1e6) as u64 + 1));
                }
                count(&service, &behavior, stream, packets);
            }
        }
    }
    for ((service, packets), said) in services {
        let all: usize = said.values().sum();
        let words: Vec<String> =
            said.iter().map(|(class, count)| format!("{class} {:.3}", *count as f64 / all as f64)).collect();
        println!("  {service}, {packets} packets, {all} flows: {}", words.join(", "));
    }
    Ok(())
}

/// Lengths in those files are of frames: what is left without their headers, and whether it is TCP, whose
/// acknowledgements (54 to 66 bytes) are frames without a payload. IPv6 shows in QUIC's 1,350 bytes being 1,412.
fn payloads(steps: Vec<Step>) -> (bool, Vec<Step>) {
    let stream = steps.iter().any(|step| matches!(step.size, 54 | 60 | 66) || step.size > 1_500);
    let header = match stream {
        true if steps.iter().any(|step| step.size == 66) => 66,
        true => 54,
        false if steps.iter().any(|step| step.size == 1_412) => 62,
        false => 42,
    };
    let least = if stream { 67 } else { 43 };
    let steps = steps.into_iter().filter(|step| step.size >= least);
    (stream, steps.map(|step| Step { size: (step.size - header.min(step.size - 1)), ..step }).collect())
}

/// What a verdict costs, over examples made beforehand.
pub fn cost(parameters: &Parameters) {
    const FLOWS: usize = 500;
    const ROUNDS: usize = 60;
    let model = Model::new(parameters);
    let mut chance = Chance::new(7);
    let flows: Vec<(Behavior, bool)> = (0..FLOWS)
        .map(|nth| {
            let trace = habits::trace(&habits::FAMILIES[nth % habits::FAMILIES.len()], &mut chance);
            (trace.behavior(30), trace.stream)
        })
        .collect();
    // The quickest round: others were disturbed.
    let mut nanos = f64::MAX;
    let mut said = 0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        said = flows.iter().filter(|(behavior, stream)| behavior.opinion(&model, *stream).is_some()).count();
        nanos = nanos.min(began.elapsed().as_nanos() as f64 / FLOWS as f64);
    }
    let bytes = size_of::<Behavior>();
    println!("A verdict after 30 packets costs {nanos:.0} ns, {bytes} bytes a flow ({said} of {FLOWS} named)");
}
