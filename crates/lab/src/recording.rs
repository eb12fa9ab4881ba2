//! The recorded household: how it is made, and the one that is built in.
//!
//! It is for those who may not make namespaces: real packets of a real household, seen on the gateway's side of
//! the LAN, with what its programs know of their flows. Cut for size by [`trim`].

mod trim;

use crate::agent::{Activity, Naming, Security};
use crate::household::{Household, HouseholdOptions};
use crate::judge::key_of_truth;
use crate::report::TrueFlow;
use crate::show::{Show, interrupted};
use crate::story::Story;
use crate::world::{ARCHIVE, BACKUP, RELEASES};
use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// The built-in capture, pcap.
pub(crate) const CAPTURE: &[u8] = include_bytes!("../recording/household.pcap.gz");
const FACTS: &str = include_str!("../recording/household.json");

/// Packets of each flow that stay whole: more than any flow needs to show what it is for.
const WHOLE: u32 = 40;
/// The call is alone for so long.
const ALONE: Duration = Duration::from_secs(3);

/// What the household itself knows of its recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// From the first packet to the last, milliseconds.
    pub(crate) ms: u64,
    /// Packets.
    pub(crate) packets: u64,
    /// What the modem let through, bit/s, layer 2.
    pub(crate) line_rate: wire::Directed<u64>,
    /// The gateway's MAC address on the LAN.
    pub(crate) gateway: String,
    /// Who lives there.
    pub(crate) devices: Vec<Resident>,
    /// All flows that its programs opened.
    pub(crate) flows: Vec<RecordedFlow>,
}

/// A device of the recorded household.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resident {
    /// The name it gave itself.
    pub(crate) name: String,
    /// Its MAC address.
    pub(crate) mac: String,
}

/// A flow of the recorded household.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecordedFlow {
    /// When its first packet passed, milliseconds after the recording began.
    pub(crate) began_ms: u64,
    /// The flow.
    #[serde(flatten)]
    pub(crate) truth: TrueFlow,
}

impl Facts {
    /// Of the built-in recording.
    pub(crate) fn built_in() -> Facts {
        serde_json::from_str(FACTS).expect("a test reads it")
    }
}

/// Records a household for `duration` into the capture `path` (pcap, gzip) and what its programs know of it into
/// the JSON file beside it. Needs root, and `tcpdump`.
pub fn record(program: &Path, duration: Duration, path: &Path) -> Result<()> {
    let interrupted = interrupted()?;
    let mut show = Show::new(duration, interrupted);
    let options = HouseholdOptions::usual(program.to_owned());
    let mut household = Household::prepare(&options)?;
    let raw = household.folder().join("raw.pcap");
    let recording = household.record(&raw)?;
    wait_for(&raw)?;
    show.chapter("A household is recorded, with nobody who divides its line");
    let begun = Instant::now();
    household.move_in()?;
    let mut story = Story::default();
    let mut agents = vec![household.start_on("desk-phone", Activity::Voice)?];
    story.listen_until(&household, begun + ALONE, |_| false);
    for (device, activity) in everybody() {
        agents.push(household.start_on(device, activity)?);
    }
    while begun.elapsed() < duration {
        story.listen(&household, Duration::from_millis(500));
        show.tick()?;
    }
    drop(recording);
    drop(agents);
    show.end();
    if let Some(trouble) = story.troubles.first() {
        bail!("the household was in trouble: {trouble}");
    }

    let pcap = std::fs::read(&raw).with_context(|| format!("cannot read {}", raw.display()))?;
    let trimmed = trim::trim(&pcap, WHOLE)?;
    let began = |truth: &TrueFlow| trimmed.flows.get(&key_of_truth(truth)?).copied();
    let facts = Facts {
        ms: trimmed.ms,
        packets: trimmed.packets,
        line_rate: wire::Directed {
            download: options.line_rate.download.as_bps(),
            upload: options.line_rate.upload.as_bps(),
        },
        gateway: household.gateway_mac()?,
        devices: household
            .devices()
            .iter()
            .map(|device| Resident { name: device.name.clone(), mac: device.mac.to_string() })
            .collect(),
        // A flow opened at the very end may have no packet.
        flows: story
            .flows
            .iter()
            .filter_map(|truth| Some(RecordedFlow { began_ms: began(truth)?, truth: truth.clone() }))
            .collect(),
    };
    let mut zipped = GzEncoder::new(Vec::new(), Compression::best());
    zipped.write_all(&trimmed.pcap)?;
    let zipped = zipped.finish()?;
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    write(path, &zipped)?;
    write(&facts_beside(path)?, &lines(&facts)?)?;
    show.say(&format!(
        "{} packets in {:.1} s, {} flows: {} bytes, {} trimmed, {} zipped.",
        facts.packets,
        facts.ms as f64 / 1e3,
        facts.flows.len(),
        pcap.len(),
        trimmed.pcap.len(),
        zipped.len(),
    ));
    Ok(())
}

/// `household.json` for `household.pcap.gz`.
fn facts_beside(path: &Path) -> Result<std::path::PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str()).context("a recording needs a name")?;
    let stem = name.split('.').next().unwrap_or(name);
    Ok(path.with_file_name(format!("{stem}.json")))
}

/// JSON with a line for each device and each flow, so that a difference can be read.
fn lines(facts: &Facts) -> Result<Vec<u8>> {
    let Facts { ms, packets, line_rate, gateway, devices, flows } = facts;
    let line_rate = serde_json::to_string(line_rate)?;
    let each = |items: Vec<String>| items.join(",\n");
    let devices: Vec<String> = devices.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let flows: Vec<String> = flows.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let text = format!(
        "{{\"ms\":{ms},\"packets\":{packets},\"line_rate\":{line_rate},\"gateway\":{gateway:?},\n\"devices\":[\n{}\n],\n\
         \"flows\":[\n{}\n]}}\n",
        each(devices),
        each(flows),
    );
    Ok(text.into_bytes())
}

/// Waits until the capture has its header: from then on nothing is missed.
fn wait_for(path: &Path) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::fs::metadata(path).map_or(0, |file| file.len()) < 24 {
        if Instant::now() > deadline {
            bail!("`tcpdump` (package tcpdump) does not record");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// What goes on in a full house.
fn everybody() -> Vec<(&'static str, Activity)> {
    let fetch = |server: &str, flows, security| Activity::Fetch {
        server: server.to_owned(),
        flows,
        security,
        bytes: 400_000_000,
    };
    vec![
        ("annas-laptop", Activity::Shell),
        ("living-room-tv", Activity::Film { rate: 4_000_000, naming: Naming::Said }),
        ("annas-laptop", Activity::Browse),
        ("bens-phone", Activity::BrowseQuic),
        ("annas-laptop", Activity::Meeting),
        ("annas-laptop", Activity::Clock),
        ("games-console", Activity::Play),
        ("games-console", fetch(ARCHIVE, 2, Security::Clear)),
        ("study-pc", Activity::Vpn),
        ("study-pc", fetch(RELEASES, 4, Security::Tls)),
        ("attic-nas", Activity::Send { server: BACKUP.to_owned(), flows: 2 }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::collections::BTreeSet;
    use std::io::Read;

    #[test]
    fn the_built_in_recording_is_what_its_facts_say() {
        let facts = Facts::built_in();
        assert_eq!(String::from_utf8(lines(&facts).unwrap()).unwrap(), FACTS);
        let mut pcap = Vec::new();
        GzDecoder::new(CAPTURE).read_to_end(&mut pcap).unwrap();
        let trimmed = trim::trim(&pcap, WHOLE).unwrap();
        assert_eq!((trimmed.packets, trimmed.ms), (facts.packets, facts.ms));
        assert_eq!(trimmed.pcap, pcap, "it is trimmed already");
        for flow in &facts.flows {
            assert_eq!(trimmed.flows.get(&key_of_truth(&flow.truth).unwrap()), Some(&flow.began_ms), "{flow:?}");
        }
        let classes: BTreeSet<&str> = facts.flows.iter().map(|flow| flow.truth.class.as_str()).collect();
        assert!(classes.len() >= 7 && facts.devices.len() >= 6, "{classes:?}");
        assert!(CAPTURE.len() <= 2_500_000, "a clone should stay small");
    }
}
