//! Captures as traces: what each flow moved, and when.

use crate::trace::Step;
use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use traffic::{Packet, Transport};
use vocab::{FlowKey, LinkType, Side};

/// A flow of a capture.
pub struct Flow {
    pub key: FlowKey,
    pub initiator: Side,
    pub stream: bool,
    pub steps: Vec<Step>,
}

fn link_type(number: Linktype) -> Option<LinkType> {
    u16::try_from(number.0).ok().and_then(LinkType::from_number)
}

/// The flows of a capture (pcap or pcapng, perhaps gzip), the first `most` packets with a payload of each.
pub fn flows(path: &Path, most: usize) -> Result<Vec<Flow>> {
    let mut data = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    if data.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        GzDecoder::new(data.as_slice()).read_to_end(&mut plain)?;
        data = plain;
    }
    let mut flows: BTreeMap<FlowKey, Flow> = BTreeMap::new();
    frames(&data, |bytes, link_type, wire_len, nanos| {
        let Ok(packet) = Packet::parse(bytes, link_type, wire_len) else { return };
        let (key, side) = packet.key();
        let flow = flows.entry(key).or_insert_with(|| {
            let answers = match packet.transport {
                Transport::Tcp(segment) if segment.flags.syn() => segment.flags.ack(),
                Transport::Tcp(_) | Transport::Udp => packet.source.port < 1024 && packet.destination.port >= 1024,
                Transport::Other => false,
            };
            let initiator = if answers { side.opposite() } else { side };
            Flow { key, initiator, stream: matches!(packet.transport, Transport::Tcp(_)), steps: Vec::new() }
        });
        if !packet.payload.is_empty() && flow.steps.len() < most {
            let ms = nanos as f64 / 1e6;
            flow.steps.push(Step { ms, up: side == flow.initiator, size: packet.payload.len() });
        }
    });
    let mut flows: Vec<Flow> = flows.into_values().collect();
    for flow in &mut flows {
        let began = flow.steps.first().map_or(0.0, |step| step.ms);
        flow.steps.iter_mut().for_each(|step| step.ms -= began);
    }
    Ok(flows)
}

fn frames(data: &[u8], mut each: impl FnMut(&[u8], LinkType, u32, u64)) {
    let Ok(mut reader) = create_reader(data.len() + 65_536, data) else { return };
    let mut legacy = (None, 1_000_u64);
    let mut interfaces: Vec<(Option<LinkType>, u64)> = Vec::new();
    loop {
        let offset = match reader.next() {
            Ok((offset, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        legacy = (link_type(header.network), if header.is_nanosecond_precision() { 1 } else { 1_000 });
                    }
                    PcapBlockOwned::Legacy(frame) => {
                        if let Some(link_type) = legacy.0 {
                            let nanos = u64::from(frame.ts_sec) * 1_000_000_000 + u64::from(frame.ts_usec) * legacy.1;
                            each(frame.data, link_type, frame.origlen, nanos);
                        }
                    }
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        interfaces
                            .push((link_type(interface.linktype), interface.ts_resolution().unwrap_or(1_000_000)));
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(frame)) => {
                        if let Some(&(Some(link_type), resolution)) = interfaces.get(frame.if_id as usize) {
                            let ticks = u128::from(frame.ts_high) << 32 | u128::from(frame.ts_low);
                            let nanos = (ticks * 1_000_000_000 / u128::from(resolution.max(1))) as u64;
                            let kept = (frame.caplen as usize).min(frame.data.len());
                            each(&frame.data[..kept], link_type, frame.origlen, nanos);
                        }
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                offset
            }
            Err(PcapError::Incomplete(_)) => {
                if reader.refill().is_err() || reader.reader_exhausted() {
                    break;
                }
                continue;
            }
            Err(_) => break,
        };
        reader.consume(offset);
    }
}
