//! Packets per second on one core through parse, flow table and classifier, over frames held in memory.
//!
//! `cargo bench -p traffic` measures traffic of its own making; `cargo bench -p traffic -- FILE...` captures.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types)]

#[allow(dead_code)]
#[path = "../tests/reader/mod.rs"]
mod reader;

use reader::Frame;
use std::time::Instant;
use traffic::{FlowLimits, FlowTable, Locality, Meter, Packet};
use vocab::{Aggregate, ByteCount, LinkId, LinkType, Timestamp};

/// Each case runs until it took this long, and the best run counts: the machine's other work only adds.
const LEAST_SECONDS: f64 = 2.0;

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if files.is_empty() {
        measure("new flows (5 packets each, a TLS hello in it)", &new_flows(40_000));
        measure("long flows (1,000 flows, 300 packets each)", &long_flows(1_000, 300));
    } else {
        let mut frames = Vec::new();
        for file in &files {
            frames.extend(reader::frames(std::path::Path::new(file)));
        }
        measure(&format!("{} captures", files.len()), &frames);
    }
}

fn measure(name: &str, frames: &[Frame]) {
    let bytes: usize = frames.iter().map(|frame| frame.wire_len as usize).sum();
    let (mut best, mut spent, mut flows) = (f64::MAX, 0.0, 0);
    while spent < LEAST_SECONDS {
        let mut table = FlowTable::new(FlowLimits::default(), Locality::default());
        let mut meter = Meter::new(LinkId(0));
        let began = Instant::now();
        for frame in frames {
            let Ok(packet) = Packet::parse(&frame.bytes, frame.link_type, frame.wire_len) else { continue };
            let observed = table.observe(&packet, None, frame.at);
            if let Some((device, direction)) = observed.owner {
                let aggregate = Aggregate { device, class: observed.class };
                meter.observe(aggregate, direction, ByteCount(u64::from(packet.wire_len)), 1);
            }
        }
        let took = began.elapsed().as_secs_f64();
        best = f64::min(best, took);
        spent += took;
        flows = table.counters().opened;
    }
    let rate = frames.len() as f64 / best;
    println!(
        "{name}: {} packets, {flows} flows: {:.2} M packets/s, {:.0} ns each, {:.1} Gbit/s",
        frames.len(),
        rate / 1e6,
        1e9 / rate,
        bytes as f64 * 8.0 / best / 1e9
    );
}

fn frame(at: u64, from_device: bool, flow: u32, seq: u32, flags: u8, payload: &[u8], wire_len: usize) -> Frame {
    let (device, server) =
        ([192, 168, (flow >> 8) as u8 & 3, flow as u8], [203, 0, (flow >> 16) as u8, (flow >> 8) as u8]);
    let port = (20_000 + flow % 40_000) as u16;
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 0xa4, 0x5e, 0x60, 0, (flow >> 8) as u8 & 3, flow as u8, 8, 0];
    if !from_device {
        bytes[..12].rotate_left(6);
    }
    let length = (40 + payload.len()) as u16;
    bytes.extend_from_slice(&[0x45, 0]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&[0, 1, 0, 0, 64, 6, 0, 0]);
    let (source, destination, ports) =
        if from_device { (device, server, [port, 443]) } else { (server, device, [443, port]) };
    bytes.extend_from_slice(&source);
    bytes.extend_from_slice(&destination);
    bytes.extend_from_slice(&ports[0].to_be_bytes());
    bytes.extend_from_slice(&ports[1].to_be_bytes());
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(payload);
    let wire_len = wire_len.max(bytes.len()) as u32;
    Frame { at: Timestamp::from_unix_nanos(at), link_type: LinkType::Ethernet, wire_len, bytes }
}

fn client_hello(flow: u32) -> Vec<u8> {
    let name = format!("host{flow}.example.org");
    let name = name.as_bytes();
    let mut body = vec![3, 3];
    body.resize(34, 7);
    body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0]);
    body.extend_from_slice(&(name.len() as u16 + 9 + 404).to_be_bytes());
    body.extend_from_slice(&[0, 21, 1, 0x90]);
    body.resize(body.len() + 400, 0);
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(&(name.len() as u16 + 5).to_be_bytes());
    body.extend_from_slice(&(name.len() as u16 + 3).to_be_bytes());
    body.push(0);
    body.extend_from_slice(&(name.len() as u16).to_be_bytes());
    body.extend_from_slice(name);
    let mut record = vec![22, 3, 1];
    record.extend_from_slice(&(body.len() as u16 + 4).to_be_bytes());
    record.push(1);
    record.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    record.extend_from_slice(&body);
    record
}

fn opening(at: u64, flow: u32) -> [Frame; 5] {
    let hello = client_hello(flow);
    [
        frame(at, true, flow, 0, 0x02, &[], 66),
        frame(at + 1_000, false, flow, 0, 0x12, &[], 66),
        frame(at + 2_000, true, flow, 1, 0x18, &hello, 0),
        frame(at + 3_000, false, flow, 1, 0x18, &[0x16, 3, 3, 0, 90, 2, 0, 0, 86, 3, 3], 1_514),
        frame(at + 4_000, true, flow, 1 + hello.len() as u32, 0x11, &[], 66),
    ]
}

fn new_flows(flows: u32) -> Vec<Frame> {
    (0..flows).flat_map(|flow| opening(u64::from(flow) * 100_000, flow)).collect()
}

fn long_flows(flows: u32, packets: u32) -> Vec<Frame> {
    let mut frames: Vec<Frame> = (0..flows).flat_map(|flow| opening(u64::from(flow) * 10_000, flow)).collect();
    let payload = [0x17; 64];
    for step in 0..packets {
        for flow in 0..flows {
            let at = 1_000_000_000 + u64::from(step) * 10_000_000 + u64::from(flow) * 10_000;
            let from_device = step % 3 == 0;
            frames.push(frame(
                at,
                from_device,
                flow,
                1_000 + step * 1_400,
                0x10,
                &payload,
                if from_device { 66 } else { 1_514 },
            ));
        }
    }
    frames
}
