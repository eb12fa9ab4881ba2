//! `cargo xtask bench classify`: what classification costs, how early it is right, and what a flood does to it.

use crate::run;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the user asked for.
#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Captures to make the traffic of; without any those of the shared corpora, else the recorded household
    files: Vec<PathBuf>,
    /// Print what was measured as JSON
    #[arg(long)]
    json: bool,
    /// Keep the traffic as pcap files in this folder (1.5 GB), and measure nothing
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
    /// New flows in each flood
    #[arg(long, value_name = "FLOWS", default_value_t = FLOOD)]
    flood: u64,
    /// Measure no peer
    #[arg(long)]
    alone: bool,
}

const FLOOD: u64 = 5_000_000;

/// Measures and prints.
pub fn run(arguments: &Arguments) -> Result<()> {
    let (files, origin) = captures(arguments)?;
    println!("Traffic made of {origin}.");
    if let Some(folder) = &arguments.write {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        bench("classify", &files, &["--write", path(&std::path::absolute(folder)?)?])?;
        println!("Written: new.pcap, long.pcap and captures.pcap in {}.", folder.display());
        return Ok(());
    }
    let flood = if arguments.flood == 0 { FLOOD } else { arguments.flood };
    let mut measured = bench("classify", &files, &[])?;
    measured.extend(bench("memory", &files, &["--flood", &flood.to_string()])?);
    if arguments.alone {
        println!("SKIPPED: peers, as asked for.");
    } else {
        measured.extend(ndpi(&files)?);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&measured)?);
    } else {
        print(&measured);
    }
    Ok(())
}

/// Captures to make the traffic of, and what they are.
fn captures(arguments: &Arguments) -> Result<(Vec<PathBuf>, String)> {
    if !arguments.files.is_empty() {
        let files: Result<Vec<_>, _> = arguments.files.iter().map(std::path::absolute).collect();
        return Ok((files?, format!("{} captures as given", arguments.files.len())));
    }
    let shared = std::env::var_os("EQUALNET_SHARED").map_or_else(|| run::root().join("../shared"), PathBuf::from);
    if let Ok(folder) = std::fs::read_dir(shared.join("corpora/traffic/pcaps")) {
        let mut files: Vec<PathBuf> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        let origin = format!("the {} captures of the shared corpora", files.len());
        return Ok((files, origin));
    }
    let recording = run::root().join("crates/lab/recording/household.pcap.gz");
    let (Some(gzip), true) = (run::find("gzip"), recording.is_file()) else {
        return Ok((Vec::new(), "frames of our own making (SKIPPED: no shared corpora, no gzip)".to_owned()));
    };
    let file = folder()?.join("household.pcap");
    let unpacked = std::fs::File::create(&file).with_context(|| format!("{} cannot be written", file.display()))?;
    run::check(Command::new(gzip).arg("-dc").arg(&recording).stdout(unpacked))?;
    Ok((vec![file], "the recorded household (SKIPPED: no shared corpora; EQUALNET_SHARED names them)".to_owned()))
}

/// Where what others read is kept while they do.
fn folder() -> Result<PathBuf> {
    let folder = run::target_dir().join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is no text", path.display()))
}

/// The lines of JSON that a bench of `traffic` prints.
fn bench(name: &str, files: &[PathBuf], arguments: &[&str]) -> Result<Vec<Value>> {
    let mut command = run::cargo(&["bench", "--quiet", "--package", "traffic", "--bench", name, "--"]);
    command.args(files).args(arguments);
    lines(&mut command)
}

fn lines(command: &mut Command) -> Result<Vec<Value>> {
    let child = command.stdout(Stdio::piped()).spawn().context("a bench could not be started")?;
    let output = child.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "a bench failed ({})", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).with_context(|| format!("`{line}` is no JSON")))
        .collect()
}

/// nDPI over the same frames, built here from our own program where the distribution's library is installed.
fn ndpi(files: &[PathBuf]) -> Result<Vec<Value>> {
    let folder = folder()?;
    let program = folder.join("ndpi");
    let Some(compiler) = run::find("cc") else {
        println!("SKIPPED: nDPI: no C compiler.");
        return Ok(Vec::new());
    };
    if !Path::new("/usr/include/ndpi/ndpi_api.h").is_file() {
        println!("SKIPPED: nDPI: not installed; on Debian or Ubuntu: apt-get install libndpi-dev");
        return Ok(Vec::new());
    }
    let source = run::root().join("crates/traffic/benches/ndpi.c");
    let built = Command::new(compiler).arg("-O2").arg(&source).arg("-lndpi").arg("-o").arg(&program).status()?;
    if !built.success() {
        println!("SKIPPED: nDPI: this version's interface is not the one that {} is for (4.2).", source.display());
        return Ok(Vec::new());
    }
    bench("classify", files, &["--write", path(&folder)?])?;
    let mut command = Command::new(program);
    let mixes = ["new", "long", "captures"].map(|mix| (mix, folder.join(format!("{mix}.pcap"))));
    for (mix, file) in &mixes {
        command.arg(mix).arg(file);
    }
    let measured = lines(&mut command);
    for (_, file) in &mixes {
        std::fs::remove_file(file).with_context(|| format!("{} cannot be removed", file.display()))?;
    }
    measured
}

/// The measurements of one kind.
fn of<'a>(measured: &'a [Value], bench: &'a str) -> impl Iterator<Item = &'a Value> {
    measured.iter().filter(move |line| line["bench"] == bench)
}

fn number(line: &Value, name: &str) -> f64 {
    line[name].as_f64().unwrap_or(0.0)
}

fn print(measured: &[Value]) {
    println!("\nOne core                  packets     flows   M packets/s  ns/packet   ns/flow   to parsing alone");
    for line in of(measured, "speed") {
        let parse = number(line, "parse_s");
        for (what, seconds) in [("parsing alone", "parse_s"), ("flow table", "table_s"), ("and meter", "metered_s")] {
            row(&format!("{} flows, {what}", text(line, "mix")), line, number(line, seconds), parse);
        }
        for peer in of(measured, "ndpi").filter(|peer| peer["mix"] == line["mix"]) {
            row(
                &format!("{} flows, nDPI {}", text(line, "mix"), text(peer, "version")),
                peer,
                number(peer, "seconds"),
                parse,
            );
        }
    }
    println!("\nMemory                 flows open  bytes each   most, MB");
    for line in of(measured, "memory") {
        let open = number(line, "open");
        println!(
            "{:22} {open:10.0}  {:10.0} {:10.1}",
            format!("{} flows", text(line, "mix")),
            number(line, "held") / open,
            number(line, "peak") / 1e6
        );
    }
    for line in of(measured, "ndpi").filter(|line| line["mix"] != "captures") {
        let flows = number(line, "flows");
        let held = number(line, "held");
        println!(
            "{:22} {flows:10.0}  {:10.0} {:10.1}",
            format!("{}, nDPI", text(line, "mix")),
            held / flows,
            held / 1e6
        );
    }
    println!("\nFlood              new flows   most, MB  bound, MB  M packets/s  to new flows  calls outlived");
    for line in of(measured, "flood") {
        println!(
            "{:16} {:11.0} {:10.1} {:10.1} {:12.2} {:13.2}  {}",
            text(line, "kind"),
            number(line, "flows"),
            number(line, "peak") / 1e6,
            number(line, "bound") / 1e6,
            number(line, "packets_per_s") / 1e6,
            number(line, "packets_per_s") / number(line, "usual_packets_per_s"),
            if line["calls_outlived"] == true { "yes" } else { "NO" },
        );
    }
    println!("\nTime to verdict (median, p90)     flows   packets   payloads            bytes   until settled");
    for line in of(measured, "verdict") {
        let pair = |name: &str| pair(line, name);
        println!(
            "{:28} {:10} {:>9} {:>10} {:>16} {:>15}",
            format!("{}{}", text(line, "protocol"), if line["graded"] == true { ", graded flows" } else { "" }),
            line["flows"],
            pair("packets"),
            pair("payloads"),
            pair("bytes"),
            pair("settled"),
        );
    }
    for line in of(measured, "ndpi_verdict").filter(|line| line["mix"] == "captures") {
        let pair = |name: &str| pair(line, name);
        println!(
            "{:28} {:10} {:>9} {:>10} {:>16} {:>15}",
            format!("{}, nDPI", text(line, "protocol")),
            line["flows"],
            pair("packets"),
            "",
            pair("bytes"),
            pair("settled"),
        );
    }
    println!("nDPI's own figures for its captures: TCP 4, 8; UDP 1, 3 packets.");
}

fn text<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or("")
}

fn pair(line: &Value, name: &str) -> String {
    format!("{}, {}", line[name][0], line[name][1])
}

fn row(what: &str, line: &Value, seconds: f64, parse: f64) {
    let (packets, flows) = (number(line, "packets"), number(line, "flows"));
    let ratio = seconds / parse;
    println!(
        "{what:24} {packets:9.0} {flows:9.0} {:13.2} {:10.0} {:9.0} {ratio:18.1}",
        packets / seconds / 1e6,
        seconds / packets * 1e9,
        seconds / flows * 1e9,
    );
}
