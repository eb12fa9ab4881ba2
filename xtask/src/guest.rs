//! `cargo xtask lab --guest`: the lab's scenarios in an emulated machine with a distribution's kernel, which has what
//! EqualNet is compared with: CAKE, fq_codel, netem.

mod cpio;
mod emulator;
mod image;
mod kernel;
mod table;

use crate::{demo, run};
use anyhow::{Context, Result, bail};
use emulator::Said;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What the user asked for.
#[derive(clap::Args)]
#[group(skip)]
pub struct Arguments {
    /// Inside an emulated machine with a stock Debian kernel (CAKE, fq_codel, netem), beside other shapers
    #[arg(long)]
    pub guest: bool,
    /// Only this scenario (may be given several times)
    #[arg(long, value_name = "NAME", requires = "guest")]
    scenario: Vec<String>,
    /// Only beside this peer (may be given several times)
    #[arg(long, value_name = "NAME", requires = "guest")]
    peer: Vec<String>,
    /// Say what can be tried, and beside whom
    #[arg(long, requires = "guest")]
    list: bool,
    /// Try this program instead of a fresh release build
    #[arg(long, value_name = "FILE", requires = "guest")]
    program: Option<PathBuf>,
    /// Keep what earlier runs measured, and measure only what is not there yet
    #[arg(long, requires = "guest")]
    resume: bool,
}

/// A scenario, as the lab lists it.
struct Scenario {
    name: String,
    peers: Vec<String>,
    listed: Value,
}

/// Builds what is tried, boots a machine for each peer, and writes the table.
pub fn run(arguments: &Arguments) -> Result<()> {
    let lab = lab_program()?;
    let scenarios = scenarios(&lab)?;
    if arguments.list {
        for scenario in &scenarios {
            println!("{:22} {}", scenario.name, scenario.listed["shows"].as_str().unwrap_or_default());
            println!("{:22} beside {}", "", scenario.peers.join(", "));
        }
        return Ok(());
    }
    let chosen = choose(&scenarios, arguments)?;
    let mut packages = vec![emulator::PROGRAM, ("dpkg", "dpkg"), ("setpriv", "util-linux")];
    packages.extend(image::PROGRAMS);
    run::ensure_packages(&packages)?;
    let folder = run::target_dir().join("guest-lab");
    let kernel = kernel::fetch(&folder)?;
    let program = match &arguments.program {
        Some(program) => std::path::absolute(program)?,
        None => demo::release()?,
    };
    let image = folder.join("guest.cpio");
    image::write(&image, &kernel, &lab, &program)?;

    let mut book = Book::open(&folder, arguments.resume)?;
    let mut left: Vec<(String, String)> = chosen.into_iter().filter(|cell| !book.has(cell)).collect();
    let all = left.len();
    println!("{}: {all} to try", kernel.version);
    while let Some((_, peer)) = left.first().cloned() {
        // One machine tries all scenarios beside a peer: booting takes as long as some of them.
        let scenarios: Vec<String> = left.iter().filter(|cell| cell.1 == peer).map(|cell| cell.0.clone()).collect();
        let mut done = 0;
        let mut begun = Instant::now();
        let outcome = emulator::run(&kernel, &image, (&scenarios, &peer), |said| {
            let place = format!("[{}/{all}] {} beside {peer}", all - left.len() + done + 1, scenarios[done]);
            let seconds = begun.elapsed().as_secs();
            match said {
                Said::Second(second) => print!("\r{place}: {second} s of the guest's, {seconds} s of ours "),
                Said::Found(cell) => {
                    println!("\r{place}: {seconds} s of ours{:20}", "");
                    book.add(cell, &scenarios[done], &peer, &kernel.version)?;
                    done += 1;
                    begun = Instant::now();
                }
            }
            Ok(std::io::stdout().flush()?)
        });
        if let Err(error) = outcome {
            println!();
            let failed = scenarios.get(done).context("a machine that has done all")?;
            book.add(json!({"failures": [format!("{error:#}")]}), failed, &peer, &kernel.version)?;
        }
        left.retain(|cell| !book.has(cell));
    }
    let listed: Vec<&Value> = scenarios.iter().map(|scenario| &scenario.listed).collect();
    let text = table::all(&listed, &book.cells);
    let table_file = folder.join("results.md");
    std::fs::write(&table_file, &text)?;
    println!("\n{text}\n{}\n{}", table_file.display(), book.file.display());
    Ok(())
}

/// What was found, on disk after each scenario.
struct Book {
    file: PathBuf,
    cells: Vec<Value>,
}

impl Book {
    fn open(folder: &Path, resume: bool) -> Result<Book> {
        let file = folder.join("results.json");
        let cells = match std::fs::read_to_string(&file) {
            Ok(text) if resume => {
                serde_json::from_str(&text).with_context(|| format!("{} is no list of results", file.display()))?
            }
            _ => Vec::new(),
        };
        Ok(Book { file, cells })
    }

    fn has(&self, (scenario, peer): &(String, String)) -> bool {
        self.cells.iter().any(|cell| cell["scenario"] == *scenario && cell["peer"] == *peer)
    }

    fn add(&mut self, mut cell: Value, scenario: &str, peer: &str, kernel: &str) -> Result<()> {
        for (key, value) in [("scenario", scenario), ("peer", peer), ("kernel", kernel)] {
            cell[key] = json!(value);
        }
        print!("{}", table::cell(&cell));
        self.cells.push(cell);
        Ok(std::fs::write(&self.file, serde_json::to_string_pretty(&self.cells)?)?)
    }
}

/// Builds the lab's program.
fn lab_program() -> Result<PathBuf> {
    run::check(&mut run::cargo(&["build", "--quiet", "--release", "--package", "lab", "--example", "guest"]))?;
    Ok(run::target_dir().join("release/examples/guest"))
}

fn scenarios(lab: &Path) -> Result<Vec<Scenario>> {
    let text = run::output(&mut run::command(lab, &[]))?;
    let read = |line: &str| -> Result<Scenario> {
        let listed: Value = serde_json::from_str(line)?;
        let name = listed["scenario"].as_str().context("a scenario has a name")?.to_owned();
        let peers = listed["peers"].as_array().context("a scenario has peers")?;
        let peers = peers.iter().filter_map(|peer| Some(peer.as_str()?.to_owned())).collect();
        Ok(Scenario { name, peers, listed })
    };
    text.lines().map(read).collect()
}

/// What to try, scenario by scenario; a name that is none is an error that says which there are.
fn choose(scenarios: &[Scenario], arguments: &Arguments) -> Result<Vec<(String, String)>> {
    let unknown = |asked: &[String], known: &dyn Fn(&str) -> bool| -> Option<String> {
        asked.iter().find(|name| !known(name)).cloned()
    };
    if let Some(name) = unknown(&arguments.scenario, &|name| scenarios.iter().any(|known| known.name == name)) {
        let names: Vec<&str> = scenarios.iter().map(|known| known.name.as_str()).collect();
        bail!("there is no scenario `{name}`; known are {}", names.join(", "));
    }
    let has_peer = |name: &str| scenarios.iter().any(|known| known.peers.iter().any(|peer| peer == name));
    if let Some(name) = unknown(&arguments.peer, &has_peer) {
        bail!("there is no peer `{name}`; --list says which there are");
    }
    let is_wanted = |asked: &[String], name: &String| asked.is_empty() || asked.contains(name);
    let mut chosen = Vec::new();
    for scenario in scenarios.iter().filter(|scenario| is_wanted(&arguments.scenario, &scenario.name)) {
        for peer in scenario.peers.iter().filter(|peer| is_wanted(&arguments.peer, peer)) {
            chosen.push((scenario.name.clone(), peer.clone()));
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scenario: &[&str], peer: &[&str], expected: Option<&[(&str, &str)]>) {
        let scenarios: Vec<Scenario> = [("rrul", ["cake", "equalnet"]), ("storm", ["htb", "equalnet"])]
            .map(|(name, peers)| Scenario {
                name: name.to_owned(),
                peers: peers.map(str::to_owned).to_vec(),
                listed: Value::Null,
            })
            .into();
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let arguments = Arguments {
            guest: true,
            scenario: owned(scenario),
            peer: owned(peer),
            list: false,
            program: None,
            resume: false,
        };
        let chosen = choose(&scenarios, &arguments).ok();
        let expected = expected.map(|cells| {
            cells.iter().map(|(scenario, peer)| ((*scenario).to_owned(), (*peer).to_owned())).collect::<Vec<_>>()
        });
        assert_eq!(chosen, expected);
    }

    #[test]
    fn only_what_was_asked_for_is_tried_and_no_unknown_name_passes() {
        check(&[], &["cake"], Some(&[("rrul", "cake")]));
        check(&["storm"], &[], Some(&[("storm", "htb"), ("storm", "equalnet")]));
        check(&[], &["equalnet"], Some(&[("rrul", "equalnet"), ("storm", "equalnet")]));
        check(&["nothing"], &[], None);
        check(&[], &["nobody"], None);
    }
}
