//! The classifier against the shared corpora: weighted accuracy, scored by the corpora's own tool.
//!
//! Skipped, saying so, where the corpora are absent (`EQUALNET_SHARED`, default `../shared` beside the workspace).
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

#[allow(dead_code)]
mod reader;

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

/// Below the measured figure by what a change of one popular label moves; raise it when the classifier improves.
const FLOOR: f64 = 0.90;

fn shared() -> PathBuf {
    std::env::var_os("EQUALNET_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from)
}

#[test]
fn classes_of_the_shared_captures() {
    let (truth, tool) = (shared().join("corpora/traffic/truth.csv"), shared().join("tools/score_classes.py"));
    let Ok(folder) = std::fs::read_dir(shared().join("corpora/traffic/pcaps")) else {
        println!("SKIPPED: no corpora at {} (set EQUALNET_SHARED)", shared().display());
        return;
    };
    let mut captures: Vec<PathBuf> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
    captures.sort();
    let mut rows = String::from("pcap,protocol,src_ip,src_port,dst_ip,dst_port,class\n");
    for path in captures {
        let pcap = path.file_name().expect("a file of a folder has a name").to_string_lossy().into_owned();
        for flow in reader::flows(&path) {
            let (low, high) = (flow.key.low(), flow.key.high());
            writeln!(
                rows,
                "{pcap},{},{},{},{},{},{}",
                flow.key.protocol(),
                low.address,
                low.port,
                high.address,
                high.port,
                flow.verdict.class
            )
            .expect("a string takes all");
        }
    }
    let flows = std::env::temp_dir().join(format!("equalnet-classes-{}.csv", std::process::id()));
    std::fs::write(&flows, rows).expect("the temporary folder takes a file");
    let scored = Command::new("python3").arg(tool).arg(truth).arg(&flows).arg("--json").output();
    std::fs::remove_file(&flows).expect("our own file can be removed");
    let Ok(scored) = scored else {
        println!("SKIPPED: the scoring tool needs python3");
        return;
    };
    let json = String::from_utf8_lossy(&scored.stdout).into_owned();
    let figure = |name: &str| -> f64 {
        let (_, rest) = json.split_once(&format!("\"{name}\": ")).expect("the tool prints its figures");
        rest.split([',', '}']).next().and_then(|text| text.trim().parse().ok()).expect("a figure is a number")
    };
    let accuracy = figure("weighted_accuracy");
    println!(
        "weighted accuracy {accuracy:.3}, macro-F1 {:.3}, real-time recall {:.3}",
        figure("macro_f1"),
        figure("realtime_recall")
    );
    assert!(accuracy >= FLOOR, "weighted accuracy {accuracy:.3} is below {FLOOR}");
}
