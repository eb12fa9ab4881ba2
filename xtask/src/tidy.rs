//! `cargo xtask tidy`: fails when the house is not the one that ARCHITECTURE.md draws.

use crate::house::{self, Room};
use anyhow::{Result, bail};

/// What the user asked for.
#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Print the crates with their lines and arrows, unsafe blocks and longest files
    #[arg(long)]
    table: bool,
}

/// Who may import whom: "Who may import whom" in ARCHITECTURE.md, line by line.
const ARROWS: &[(&str, &[&str])] = &[
    ("vocab", &[]),
    ("traffic", &["vocab"]),
    ("devices", &["vocab"]),
    ("forecast", &["vocab"]),
    ("allocate", &["vocab"]),
    ("engine", &["vocab", "devices", "forecast", "allocate"]),
    ("datapath", &["vocab"]),
    ("store", &["vocab"]),
    ("capture", &["vocab", "datapath"]),
    ("shaper", &["vocab", "datapath"]),
    ("wire", &[]),
    ("api", &["vocab", "wire", "store"]),
    ("console", &["wire"]),
    ("sim", &["vocab", "traffic", "devices", "forecast", "allocate", "engine"]),
    ("lab", &["vocab", "wire"]),
    ("trainer", &["vocab", "traffic", "forecast", "sim"]),
    (
        "equalnet",
        &[
            "vocab", "traffic", "devices", "forecast", "allocate", "engine", "datapath", "capture", "shaper", "store",
            "wire", "api", "console", "sim", "lab",
        ],
    ),
    ("xtask", &[]),
];

const CORE: [&str; 6] = ["vocab", "traffic", "devices", "forecast", "allocate", "engine"];

/// What has no place in a crate of the core.
const OUTSIDE: [&str; 10] = [
    "Instant::now",
    "SystemTime",
    "std::thread",
    "std::fs",
    "std::process",
    "TcpStream",
    "UdpSocket",
    "std::env",
    "tokio",
    "Mutex<",
];

/// Folders and files that may hold `unsafe`: the `sys` modules of the two crates that talk to the kernel.
const UNSAFE: [&str; 2] = ["crates/capture/src/sys", "crates/datapath/src/sys"];

/// Checks everything, prints each offence, and fails if there is one.
pub fn run(arguments: Arguments) -> Result<()> {
    let rooms = house::rooms()?;
    let mut offences = Vec::new();
    for room in &rooms {
        check_arrows(room, &mut offences);
        check_sources(room, &mut offences);
    }
    if arguments.table {
        print_table(&rooms);
    }
    for offence in &offences {
        println!("{offence}");
    }
    if !offences.is_empty() {
        bail!("{} offences against ARCHITECTURE.md", offences.len());
    }
    println!("Tidy: {} crates, every arrow is drawn.", rooms.len());
    Ok(())
}

fn check_arrows(room: &Room, offences: &mut Vec<String>) {
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room.name) else {
        offences.push(format!("{}: a crate that ARCHITECTURE.md does not know", room.name));
        return;
    };
    for import in room.imports.iter().filter(|import| !allowed.contains(&import.as_str())) {
        offences.push(format!("{} --> {import}: an arrow that ARCHITECTURE.md does not have", room.name));
    }
}

fn check_sources(room: &Room, offences: &mut Vec<String>) {
    for source in &room.sources {
        let path = source.path.display();
        if room.name == "xtask" {
            continue;
        }
        let may_be_unsafe = UNSAFE.iter().any(|place| source.path.to_string_lossy().starts_with(place));
        for (number, line) in source.without_tests().lines().enumerate() {
            let code = line.split("//").next().unwrap_or(line);
            let place = format!("{path}:{}", number + 1);
            if !may_be_unsafe
                && (code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl"))
            {
                offences.push(format!("{place}: unsafe outside the `sys` modules of capture and datapath"));
            }
            if code.contains("static mut") || is_state(code) {
                offences.push(format!("{place}: a static with state"));
            }
            if CORE.contains(&room.name.as_str()) {
                for word in OUTSIDE.iter().filter(|word| code.contains(**word)) {
                    offences.push(format!("{place}: `{word}` in the core, which decides and never acts"));
                }
            }
        }
    }
}

/// A `static` whose type can change inside.
fn is_state(code: &str) -> bool {
    let code = code.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
    code.starts_with("static ")
        && ["Atomic", "Mutex", "RwLock", "OnceLock", "LazyLock", "OnceCell", "Cell<"]
            .iter()
            .any(|word| code.contains(word))
}

fn print_table(rooms: &[Room]) {
    println!("| crate | lines | tests | imports |\n|---|---:|---:|---|");
    for room in rooms {
        let all: usize = room.sources.iter().map(|source| source.text.lines().count()).sum();
        let code: usize = room.sources.iter().map(|source| source.without_tests().lines().count()).sum();
        println!("| `{}` | {code} | {} | {} |", room.name, all - code, room.imports.join(", "));
    }
    println!("\n| unsafe block | reason |\n|---|---|");
    for source in rooms.iter().filter(|room| room.name != "xtask").flat_map(|room| &room.sources) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("unsafe {")) {
            let before = lines[number.saturating_sub(8)..number].iter().rev();
            let reason = before.clone().find_map(|line| line.split("SAFETY:").nth(1)).unwrap_or(" (none given)");
            let _ = line;
            println!("| `{}:{}` |{reason} |", source.path.display(), number + 1);
        }
    }
    let mut longest: Vec<_> =
        rooms.iter().flat_map(|room| &room.sources).map(|source| (source.text.lines().count(), &source.path)).collect();
    longest.sort_by(|a, b| b.cmp(a));
    println!("\n| longest files | lines |\n|---|---:|");
    for (lines, path) in longest.iter().take(12) {
        println!("| `{}` | {lines} |", path.display());
    }
}
