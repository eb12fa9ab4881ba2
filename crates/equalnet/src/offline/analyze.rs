//! `equalnet analyze FILE…`: captures at full speed, and what was in them.

use anyhow::{Context, Result, bail};
use capture::{CaptureError, FileSource, Observation, Polled, Source};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use traffic::{Counts, FlowLimits, FlowTable, Locality, Malformed, Packet};
use vocab::{ByteCount, FlowSummary, Timestamp, TrafficClass};

/// Talkers shown to people.
const TOP: usize = 10;

/// What the user asked for.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  equalnet analyze evening.pcapng\n  equalnet analyze *.pcap --flows flows.csv\n  \
    equalnet analyze big.pcap.gz --filter \"udp and not port 53\" --json\n\n\
    Reads pcap and pcapng, also gzipped. A damaged file gives what could be read, and a warning.")]
pub struct Arguments {
    /// Capture files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write a row for each flow to this file, as CSV
    #[arg(long, value_name = "OUT.csv")]
    flows: Option<PathBuf>,
    /// Only packets that match this expression (pcap-filter(7); needs libpcap)
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// What one file, or all of them, held.
#[derive(Default, serde::Serialize)]
pub(crate) struct Totals {
    files: u64,
    packets: u64,
    bytes: u64,
    flows: u64,
    malformed: u64,
    not_ip: u64,
    seconds: f64,
    warnings: Vec<String>,
    classes: Vec<ClassTotal>,
    top_talkers: Vec<Talker>,
}

#[derive(Default, Clone, serde::Serialize)]
struct ClassTotal {
    class: &'static str,
    flows: u64,
    packets: u64,
    bytes: u64,
}

#[derive(serde::Serialize)]
struct Talker {
    address: String,
    bytes: u64,
    flows: u64,
}

#[derive(Default)]
struct Sums {
    classes: BTreeMap<TrafficClass, ClassTotal>,
    talkers: BTreeMap<vocab::Address, (u64, u64)>,
}

/// Reads all files, writes the flows if asked to, and prints the totals.
///
/// # Errors
/// A file cannot be opened or is no capture; what came before it is lost, as it would hide the mistake.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut rows = match &arguments.flows {
        Some(path) => {
            let mut rows =
                csv::Writer::from_path(path).with_context(|| format!("{} cannot be written", path.display()))?;
            rows.write_record(std::iter::once("pcap").chain(store::FLOW_COLUMNS))?;
            Some(rows)
        }
        None => None,
    };
    let mut totals = Totals::default();
    let mut sums = Sums::default();
    let total_bytes = arguments.files.iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum();
    let bar = progress_bar(total_bytes);
    for file in &arguments.files {
        let flows =
            read(file, arguments.filter.as_deref(), &mut totals, &bar).with_context(|| file.display().to_string())?;
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for flow in &flows {
            sums.add(flow);
            if let Some(rows) = &mut rows {
                rows.write_record(
                    std::iter::once(name.as_str()).chain(store::flow_row(flow).iter().map(String::as_str)),
                )?;
            }
        }
        totals.files += 1;
        totals.flows += flows.len() as u64;
    }
    bar.finish_and_clear();
    if let Some(mut rows) = rows {
        rows.flush()?;
    }
    sums.into_totals(&mut totals);
    for warning in &totals.warnings {
        eprintln!("warning: {warning}");
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&totals)?);
    } else {
        print(&totals);
    }
    Ok(ExitCode::SUCCESS)
}

fn progress_bar(bytes: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style)
}

/// All flows of one file; what else it held is added to `totals`.
///
/// # Errors
/// The file cannot be opened or is no capture.
pub(crate) fn read(
    file: &Path,
    filter: Option<&str>,
    totals: &mut Totals,
    bar: &ProgressBar,
) -> Result<Vec<FlowSummary>> {
    let mut source = FileSource::open(file, filter)?;
    // Every flow of the file is wanted: nothing is shed, idle flows end by the file's own time.
    let limits = FlowLimits { flows: 1 << 20, summaries: usize::MAX, ..FlowLimits::default() };
    let mut table = FlowTable::new(limits, Locality::default());
    let mut flows = Vec::new();
    let (mut first, mut last) = (None, Timestamp::default());
    let before = bar.position();
    loop {
        let polled = source.poll(Duration::ZERO, &mut |observation| {
            let Observation::Frame(frame) = observation else { return };
            totals.packets += u64::from(frame.packets);
            totals.bytes += u64::from(frame.wire_len);
            first.get_or_insert(frame.at);
            last = last.max(frame.at);
            match Packet::parse(frame.bytes, frame.link_type, frame.wire_len) {
                Ok(packet) => {
                    let counts =
                        Counts { bytes: ByteCount(u64::from(frame.wire_len)), packets: u64::from(frame.packets) };
                    table.observe_counted(&packet, counts, frame.direction, frame.at);
                }
                Err(Malformed::NotIp(_)) => totals.not_ip += 1,
                Err(Malformed::Truncated(_) | Malformed::Inconsistent(_) | Malformed::TooDeep) => totals.malformed += 1,
            }
        });
        bar.set_position(before + source.progress().read);
        match polled {
            Ok(Polled::Finished) => break,
            Ok(Polled::Observed(_) | Polled::Idle) => {}
            // What was read so far counts.
            Err(error @ CaptureError::NotACapture { .. }) => bail!(error),
            Err(error) => {
                totals.warnings.push(format!("{}: {error}", file.display()));
                break;
            }
        }
        flows.append(&mut table.expire(last));
    }
    let warnings = source.warnings().iter().map(|warning| format!("{}: {warning}", file.display()));
    totals.warnings.extend(warnings);
    totals.seconds += first.map_or(0.0, |first| last.since(first).as_secs_f64());
    flows.append(&mut table.drain());
    flows.sort_by_key(|flow| (flow.first_seen, flow.key));
    Ok(flows)
}

impl Sums {
    fn add(&mut self, flow: &FlowSummary) {
        let class = flow.verdict.class;
        let bytes = (flow.bytes.download + flow.bytes.upload).0;
        let total =
            self.classes.entry(class).or_insert_with(|| ClassTotal { class: class.name(), ..Default::default() });
        total.flows += 1;
        total.packets += flow.packets.download + flow.packets.upload;
        total.bytes += bytes;
        for end in [flow.key.low(), flow.key.high()] {
            let (moved, flows) = self.talkers.entry(end.address).or_default();
            *moved += bytes;
            *flows += 1;
        }
    }

    fn into_totals(self, totals: &mut Totals) {
        totals.classes = self.classes.into_values().collect();
        let mut talkers: Vec<Talker> = self
            .talkers
            .into_iter()
            .map(|(address, (bytes, flows))| Talker { address: address.to_string(), bytes, flows })
            .collect();
        talkers.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.address.cmp(&b.address)));
        talkers.truncate(TOP);
        totals.top_talkers = talkers;
    }
}

fn print(totals: &Totals) {
    let Totals { files, packets, bytes, flows, malformed, not_ip, seconds, .. } = totals;
    println!("{files} files, {packets} packets, {}, {flows} flows in {seconds:.0} s of traffic", ByteCount(*bytes));
    println!("{not_ip} frames are not IP, {malformed} could not be read\n");
    println!("{:14} {:>9} {:>11} {:>10} {:>6}", "CLASS", "FLOWS", "PACKETS", "VOLUME", "SHARE");
    let all: u64 = totals.classes.iter().map(|class| class.bytes).sum();
    for ClassTotal { class, flows, packets, bytes } in &totals.classes {
        let share = bytes * 100 / all.max(1);
        println!("{class:14} {flows:>9} {packets:>11} {:>10} {share:>4} %", ByteCount(*bytes).to_string());
    }
    println!("\n{:40} {:>9} {:>10}", "TOP TALKERS", "FLOWS", "VOLUME");
    for Talker { address, bytes, flows } in &totals.top_talkers {
        println!("{address:40} {flows:>9} {:>10}", ByteCount(*bytes).to_string());
    }
}
