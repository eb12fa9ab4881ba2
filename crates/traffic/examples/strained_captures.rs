//! Classifies captures as other networks would have recorded them, and prints a row per flow and strain:
//! `cargo run --release -p traffic --example strained_captures -- STRAIN FILE... > flows.csv`.
//! STRAIN is one of `tests/strains`, "elsewhere" (other addresses) or "other ports"; without any, their names.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types)]

#[allow(dead_code)]
#[path = "../tests/reader/mod.rs"]
mod reader;
#[allow(dead_code)]
#[path = "../tests/strains/mod.rs"]
mod strains;

use std::collections::HashMap;
use std::path::Path;
use strains::{STRAINS, Seen, elsewhere};
use traffic::{FlowLimits, FlowTable, Locality, Packet};
use vocab::{Endpoint, FlowKey, FlowSummary};

fn main() {
    let mut words = std::env::args().skip(1);
    let Some(name) = words.next() else {
        STRAINS.iter().for_each(|(name, _)| println!("{name}"));
        println!("elsewhere\nother ports");
        return;
    };
    println!("pcap,protocol,src_ip,src_port,dst_ip,dst_port,class,application,server_name,confidence,packets,evidence");
    for path in words {
        let path = Path::new(&path);
        let pcap = path.file_name().unwrap_or_default().to_string_lossy();
        for (key, flow) in flows(path, &name) {
            let (low, high, verdict) = (key.low(), key.high(), flow.verdict);
            println!(
                "{pcap},{},{},{},{},{},{},{},{},{:.2},{},\"{}\"",
                key.protocol(),
                low.address,
                low.port,
                high.address,
                high.port,
                verdict.class,
                verdict.application,
                verdict.server_name,
                verdict.confidence,
                flow.packets.download + flow.packets.upload,
                verdict.evidence,
            );
        }
    }
}

/// The flows of a capture under a strain, by the keys that they have in the capture.
fn flows(path: &Path, name: &str) -> Vec<(FlowKey, FlowSummary)> {
    let frames = reader::frames(path);
    let parsed = frames.iter().filter_map(|frame| {
        let packet = Packet::parse(&frame.bytes, frame.link_type, frame.wire_len).ok()?;
        Some(Seen::new(&packet, frame.at))
    });
    let mut seen: Vec<Seen> = parsed.collect();
    if let Some((_, strain)) = STRAINS.iter().find(|(known, _)| *known == name) {
        seen = strain(seen);
    }
    let mut own = HashMap::new();
    let mut table = FlowTable::new(FlowLimits::default(), Locality::default());
    for packet in &mut seen {
        let key = packet.packet.key().0;
        let moved = |end: Endpoint| match name {
            "elsewhere" => Endpoint { address: elsewhere(end.address), ..end },
            // Both ports become ports of no service, as behind a translator.
            "other ports" if end.port != 0 => Endpoint { port: 39_000 + end.port % 5_000, ..end },
            _ => end,
        };
        packet.packet.source = moved(packet.packet.source);
        packet.packet.destination = moved(packet.packet.destination);
        own.insert(packet.packet.key().0, key);
    }
    let mut summaries = Vec::new();
    for packet in &seen {
        table.observe(&packet.packet(), None, packet.at);
        summaries.extend(table.expire(packet.at));
    }
    summaries.extend(table.drain());
    summaries.sort_by_key(|flow| flow.first_seen);
    summaries.into_iter().filter_map(|flow| Some((*own.get(&flow.key)?, flow))).collect()
}
