//! `equalnet replay`: what was recorded, divided by another policy.

use crate::config::Config;
use crate::kept_devices::KeptDevices;
use crate::learning::bar;
use crate::own_history::{self, Place};
use crate::weights;
use crate::what_if::{self, Remembered, Way, forecaster};
use anyhow::{Context, Result, bail};
use capture::{CaptureError, FileSource, Observation, Polled, Source};
use sim::{Had, Recording};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use traffic::{Counts, FlowLimits, FlowTable, Locality, Meter, Packet};
use vocab::{Aggregate, BitRate, ByteCount, DeviceId, Directed, Direction, LinkId, Sample, Timestamp, Usage};

/// What the user asked for.
#[derive(clap::Args)]
#[command(
    after_help = "What was recorded is what was wanted: each device and class wants in each second what it moved \
    then, and whatever it can get in a second in which it was held back. It goes through the same engine three \
    times: with nobody dividing, with the policy in force here, and with the other one. A device's guarantee is missed in \
    a second in which it wanted more and had less than 95 % of it; a delay is what the last bit of a second waits (95 % \
    of seconds stay below), 4 s at most. It is a model of seconds, not of packets: take it for comparison.\n\n\
    OTHER.toml is a configuration; of it only the policy is heeded, so it may hold nothing else.\n\n\
    Examples:\n  equalnet replay --since 1h --policy other.toml\n  \
    equalnet replay evening.pcapng --policy other.toml --download 20Mbit/s --upload 5Mbit/s\n  \
    equalnet replay --since 24h --policy other.toml --json | jq '.ways[] | {policy, classes}'\n\nExit code: 0 done, 2 an error."
)]
pub struct Arguments {
    /// A capture file instead of this network's history
    #[arg(value_name = "FILE", required_unless_present = "since", conflicts_with = "since")]
    file: Option<PathBuf>,
    /// The last part of this network's own history, such as 1h, 24h: counted back from its newest minute
    #[arg(long, value_name = "TIME", value_parser = own_history::parse_since)]
    since: Option<Duration>,
    /// The other policy
    #[arg(long, value_name = "OTHER.toml")]
    policy: PathBuf,
    /// The capacity for downloads, instead of the configured link's
    #[arg(long, value_name = "RATE")]
    download: Option<BitRate>,
    /// The capacity for uploads, instead of the configured link's
    #[arg(long, value_name = "RATE")]
    upload: Option<BitRate>,
    #[command(flatten)]
    place: Place,
    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// No more seconds of aggregates are replayed: half a gigabyte.
const MOST: usize = 8_000_000;

/// A file with a frame of another century would be replayed for ever.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// Rows of devices shown to people.
const TOP: usize = 20;

/// Replays three times and prints what everybody would have had.
///
/// # Errors
/// A file cannot be read or is wrong; there is nothing recorded; no capacity is known.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let config = arguments.place.config()?;
    let in_force = KeptDevices::read(&config.state_dir)?.over(config.policy.clone());
    let text = std::fs::read_to_string(&arguments.policy)
        .with_context(|| format!("{} cannot be read", arguments.policy.display()))?;
    let other = Config::parse(&text, &arguments.policy)?.policy;
    let capacity = capacity(arguments, &config)?;
    allocate::check_policy(&other, capacity).with_context(|| arguments.policy.display().to_string())?;
    let (Remembered { recording, is_cut }, reader) = match (&arguments.file, arguments.since) {
        (Some(file), _) => {
            let recording = captured(file)?;
            let is_cut = recording.held() >= MOST;
            (Remembered { recording, is_cut }, None)
        }
        (None, Some(since)) => {
            let reader = arguments.place.reader()?;
            (what_if::remembered(&reader, since, MOST, &mut || ControlFlow::Continue(()))?, Some(reader))
        }
        (None, None) => bail!("name a capture file, or --since"),
    };
    if is_cut {
        let part = if arguments.file.is_some() { "first" } else { "last" };
        eprintln!("warning: more was recorded than is replayed at once: the {part} {:?} of it", recording.length());
    }
    if recording.held() == 0 {
        bail!("nothing was recorded in that time");
    }
    if recording.length() > LONGEST {
        let days = recording.length().as_secs() / 86_400;
        bail!("it goes over {days} days: is a frame's time wrong? 31 days are replayed at most");
    }
    let names = what_if::names(reader.as_ref(), [&in_force, &other])?;
    let family = Arc::new(weights::in_force(&config.state_dir).0);
    let mut ways = what_if::ways(&in_force, &file_name(&arguments.policy), &other);
    for way in &mut ways {
        let bar = bar(&way.name, recording.length().as_secs());
        way.had = sim::replay(&recording, &way.policy, capacity, forecaster(&family), &mut || {
            bar.inc(1);
            ControlFlow::Continue(())
        });
        bar.finish_and_clear();
    }
    if arguments.json {
        let told = what_if::told(&recording, is_cut, capacity, &names, &ways);
        println!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        print!("{}", Report { capacity, recording: &recording, names, ways: &ways }.as_text());
    }
    Ok(ExitCode::SUCCESS)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn capacity(arguments: &Arguments, config: &Config) -> Result<Directed<BitRate>> {
    let configured = config.links.first().map(|link| link.capacity());
    let asked = Directed { download: arguments.download, upload: arguments.upload };
    match (asked.download, asked.upload, configured) {
        (Some(download), Some(upload), _) => Ok(Directed { download, upload }),
        (_, _, Some(configured)) => {
            Ok(Directed::from_fn(|direction| asked[direction].unwrap_or(configured[direction])))
        }
        _ => bail!("no link is configured here: say how much it carries, with --download and --upload (20Mbit/s)"),
    }
}

/// What a capture file holds, by device and class.
fn captured(file: &Path) -> Result<Recording> {
    let story = || file.display().to_string();
    let mut source = FileSource::open(file, None).with_context(story)?;
    let mut table = FlowTable::new(FlowLimits { flows: 1 << 20, ..FlowLimits::default() }, Locality::default());
    let mut meter = Meter::new(LinkId(0));
    let mut recording = Recording::default();
    let mut open: Option<Timestamp> = None;
    let bar = bar("reading", file.metadata().map_or(0, |file| file.len()));
    loop {
        let polled = source.poll(Duration::ZERO, &mut |observation| {
            let Observation::Frame(frame) = observation else { return };
            let Ok(packet) = Packet::parse(frame.bytes, frame.link_type, frame.wire_len) else { return };
            let second = frame.at.floor(SECOND);
            let begins = *open.get_or_insert(second);
            // Frames may come a little out of order: they count where they come.
            if second > begins {
                keep(&mut recording, meter.close_window(begins, SECOND));
                open = Some(second);
            }
            let counts = Counts { bytes: ByteCount(u64::from(frame.wire_len)), packets: u64::from(frame.packets) };
            let observed = table.observe_counted(&packet, counts, frame.direction, frame.at);
            if let Some((device, direction)) = observed.owner {
                meter.observe(Aggregate { device, class: observed.class }, direction, counts.bytes, counts.packets);
            }
        });
        bar.set_position(source.progress().read);
        if let Some(second) = open {
            table.expire(second);
        }
        match polled {
            Ok(Polled::Finished) => break,
            Ok(Polled::Observed(_) | Polled::Idle) => {}
            Err(error @ CaptureError::NotACapture { .. }) => return Err(error).with_context(story),
            Err(error) => {
                eprintln!("warning: {}: {error}; what was read so far is replayed", file.display());
                break;
            }
        }
        if recording.held() >= MOST {
            break;
        }
    }
    bar.finish_and_clear();
    if let Some(begins) = open {
        keep(&mut recording, meter.close_window(begins, SECOND));
    }
    Ok(recording)
}

const SECOND: Duration = Duration::from_secs(1);

fn keep(recording: &mut Recording, samples: Vec<Sample>) {
    for sample in samples {
        for direction in Direction::ALL {
            let rate = sample.bytes[direction].per(SECOND);
            if rate > BitRate::ZERO {
                recording.add(sample.start, sample.aggregate, direction, Usage::Free(rate));
            }
        }
    }
}

/// What is told.
struct Report<'a> {
    capacity: Directed<BitRate>,
    recording: &'a Recording,
    names: BTreeMap<DeviceId, String>,
    ways: &'a [Way],
}

impl Report<'_> {
    fn name(&self, device: DeviceId) -> String {
        self.names.get(&device).cloned().unwrap_or_else(|| device.to_string())
    }

    fn as_text(&self) -> String {
        let Directed { download, upload } = self.capacity;
        let mut text = format!(
            "{} s of {} devices through {download} down and {upload} up\n\
             mean: while it wanted something   missed: seconds below what is guaranteed   delay: 95 % of seconds wait less\n",
            self.recording.length().as_secs(),
            self.recording.devices().len()
        );
        for direction in Direction::ALL {
            let had = |way: &Way, device: &DeviceId| way.had.devices.get(device).map(|had| had[direction].clone());
            let mut devices: Vec<(u64, DeviceId)> = self
                .recording
                .devices()
                .into_iter()
                .map(|device| {
                    (
                        self.ways.iter().filter_map(|way| had(way, &device)).map(|had| had.moved.0).max().unwrap_or(0),
                        device,
                    )
                })
                .filter(|(moved, _)| *moved > 0)
                .collect();
            devices.sort_by(|a, b| b.cmp(a));
            devices.truncate(TOP);
            let rows = devices.into_iter().map(|(_, device)| (self.name(device), self.row(|way| had(way, &device))));
            text.push_str(&self.table(&format!("{direction}, by device"), rows.collect()));
            let classes = vocab::TrafficClass::ALL.into_iter().filter_map(|class| {
                let row = self.row(|way| way.had.classes.get(&class).map(|had| had[direction].clone()));
                (!row.iter().all(Option::is_none)).then(|| (class.name().to_owned(), row))
            });
            text.push_str(&self.table(&format!("{direction}, by class"), classes.collect()));
        }
        text
    }

    fn row(&self, had: impl Fn(&Way) -> Option<Had>) -> Vec<Option<Had>> {
        self.ways.iter().map(|way| had(way).filter(|had| had.seconds > 0)).collect()
    }

    /// For each way: the mean rate, the seconds in which a guarantee was missed, and the delay.
    fn table(&self, title: &str, rows: Vec<(String, Vec<Option<Had>>)>) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(title.len()).min(40);
        let mut text = format!("\n{title:width$}");
        for way in self.ways {
            text.push_str(&format!("  │ {:>31}", clipped(&way.name, 31)));
        }
        text.push_str(&format!("\n{:width$}", ""));
        for _ in self.ways {
            text.push_str(&format!("  │ {:>12} {:>8} {:>9}", "mean", "missed", "delay"));
        }
        for (name, row) in rows {
            text.push_str(&format!("\n{:width$}", clipped(&name, width)));
            for had in row {
                let cells = had.map_or_else(
                    || ["–".to_owned(), String::new(), String::new()],
                    |had| {
                        [
                            had.mean.to_string(),
                            format!("{} s", had.missed_s),
                            format!("{} ms", had.delay_p95.as_millis()),
                        ]
                    },
                );
                text.push_str(&format!("  │ {:>12} {:>8} {:>9}", cells[0], cells[1], cells[2]));
            }
        }
        text.push('\n');
        text
    }
}

fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use forecast::Family;
    use vocab::{DevicePolicy, Guarantee, Mode, Policy, Priority, Share, TrafficClass};

    fn household() -> Recording {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab/recording/household.pcap.gz");
        captured(&file).unwrap()
    }

    #[test]
    fn a_capture_is_told_second_by_second() {
        let recording = household();
        assert!((20..60).contains(&recording.length().as_secs()), "{:?}", recording.length());
        assert!(recording.devices().len() >= 7, "{:?}", recording.devices());
    }

    #[test]
    fn a_guarantee_shows_in_the_column_of_its_policy_alone() {
        let recording = household();
        let capacity = Directed { download: BitRate::from_mbps(10), upload: BitRate::from_mbps(5) };
        let backs_up: DeviceId = "00:11:32:b4:5d:18".parse().unwrap();
        let guarantee = Directed { upload: Guarantee::Absolute(BitRate::from_mbps(4)), ..Directed::default() };
        let share = Share { guarantee, priority: Priority::new(1).unwrap(), ..Share::default() };
        let mut other = Policy::default();
        other.devices.insert(backs_up, DevicePolicy { share, ..DevicePolicy::default() });
        let family = Arc::new(Family::shipped());
        let ways = [("in force", Policy::default()), ("other.toml", other)].map(|(name, policy)| {
            let policy = Policy { mode: Mode::Control, ..policy };
            let had =
                sim::replay(&recording, &policy, capacity, forecaster(&family), &mut || ControlFlow::Continue(()));
            Way { name: name.to_owned(), policy, had }
        });
        let backup = |way: &Way| way.had.classes[&TrafficClass::Backup].upload.mean;
        assert!(backup(&ways[1]) > backup(&ways[0]), "{:?}", ways.each_ref().map(backup));
        let names = [(backs_up, "attic-nas".to_owned())].into();
        let told = what_if::told(&recording, false, capacity, &names, &ways);
        let report = Report { capacity, recording: &recording, names, ways: &ways };
        let text = report.as_text();
        assert!(text.contains("attic-nas") && text.contains("other.toml") && !text.contains("00:11:32"), "{text}");
        let json = serde_json::to_value(told).unwrap();
        assert_eq!(json["ways"].as_array().map(Vec::len), Some(2));
        assert_eq!(json["capacity"]["download_bps"], 10_000_000);
    }
}
