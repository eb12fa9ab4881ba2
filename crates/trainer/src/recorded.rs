//! Flows that the project recorded itself, kept as sizes, directions and times: no address, no byte of payload.
//!
//! The file is gzip over lines, a flow each: `class family t|u size@micros …`, `-size` from the end that was
//! asked, micros since the packet before.

use crate::trace::{Step, Trace};
use anyhow::{Context, Result};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::{Read, Write};
use std::path::Path;

/// Reads a file of flows; family names live as long as the program.
pub fn read(path: &Path) -> Result<Vec<Trace>> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice()).read_to_string(&mut text)?;
    text.lines().map(|line| parse(line).with_context(|| format!("{}: {line:.60}", path.display()))).collect()
}

fn parse(line: &str) -> Result<Trace> {
    let mut words = line.split(' ');
    let mut word = || words.next().context("a word is missing");
    let class = word()?.parse().ok().context("no class")?;
    let family: &'static str = Box::leak(word()?.to_owned().into_boxed_str());
    let stream = word()? == "t";
    let mut ms = 0.0;
    let mut steps = Vec::new();
    for step in words {
        let (size, micros) = step.split_once('@').context("no time")?;
        ms += micros.parse::<f64>()? / 1_000.0;
        let size: i64 = size.parse()?;
        steps.push(Step { ms, up: size >= 0, size: size.unsigned_abs() as usize });
    }
    Ok(Trace { class, family, stream, steps })
}

/// Writes a file of flows.
pub fn write(path: &Path, traces: &[Trace]) -> Result<()> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    for trace in traces {
        write!(out, "{} {} {}", trace.class, trace.family, if trace.stream { "t" } else { "u" })?;
        let mut before = trace.steps.first().map_or(0.0, |step| step.ms);
        for step in &trace.steps {
            let micros = ((step.ms - before) * 1_000.0).round() as u64;
            before = step.ms;
            write!(out, " {}{}@{micros}", if step.up { "" } else { "-" }, step.size)?;
        }
        writeln!(out)?;
    }
    std::fs::write(path, out.finish()?).with_context(|| format!("writing {}", path.display()))
}
