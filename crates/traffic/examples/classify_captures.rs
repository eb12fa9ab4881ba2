//! Classifies captures and prints a row per flow:
//! `cargo run --release -p traffic --example classify_captures -- FILE... > flows.csv`
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types)]

#[allow(dead_code)]
#[path = "../tests/reader/mod.rs"]
mod reader;

fn main() {
    println!(
        "pcap,protocol,src_ip,src_port,dst_ip,dst_port,class,application,server_name,confidence,packets,bytes,evidence"
    );
    for path in std::env::args_os().skip(1).map(std::path::PathBuf::from) {
        let pcap = path.file_name().unwrap_or_default().to_string_lossy();
        for flow in reader::flows(&path) {
            let (source, destination) = (flow.key.end(flow.initiator), flow.key.end(flow.initiator.opposite()));
            let verdict = flow.verdict;
            println!(
                "{pcap},{},{},{},{},{},{},{},{},{:.2},{},{},\"{}\"",
                flow.key.protocol(),
                source.address,
                source.port,
                destination.address,
                destination.port,
                verdict.class,
                verdict.application,
                verdict.server_name,
                verdict.confidence,
                flow.packets.download + flow.packets.upload,
                flow.bytes.download.0 + flow.bytes.upload.0,
                verdict.evidence,
            );
        }
    }
}
