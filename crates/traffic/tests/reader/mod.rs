//! Captures read for scoring: the real reader lives in the crate `capture`, which this crate must not see.

use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};
use std::path::Path;
use traffic::{FlowLimits, FlowTable, Locality, Packet};
use vocab::{FlowSummary, LinkType, Timestamp};

/// One frame of a capture.
pub struct Frame {
    pub at: Timestamp,
    pub link_type: LinkType,
    pub wire_len: u32,
    pub bytes: Vec<u8>,
}

fn link_type(number: Linktype) -> Option<LinkType> {
    LinkType::from_number(u16::try_from(number.0).ok()?)
}

/// All frames of a pcap or pcapng file that can be read, in order.
pub fn frames(path: &Path) -> Vec<Frame> {
    let data = std::fs::read(path).expect("the capture can be read");
    let mut frames = Vec::new();
    let Ok(mut reader) = create_reader(data.len() + 65_536, data.as_slice()) else { return frames };
    let mut legacy = (None, 1_000_u64);
    let mut interfaces: Vec<(Option<LinkType>, u64, u64)> = Vec::new();
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
                            frames.push(Frame {
                                at: Timestamp::from_unix_nanos(nanos),
                                link_type,
                                wire_len: frame.origlen,
                                bytes: frame.data.to_vec(),
                            });
                        }
                    }
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        let resolution = interface.ts_resolution().unwrap_or(1_000_000);
                        interfaces.push((
                            link_type(interface.linktype),
                            resolution,
                            interface.ts_offset().max(0) as u64,
                        ));
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(frame)) => {
                        if let Some(&(Some(link_type), resolution, _)) = interfaces.get(frame.if_id as usize) {
                            let ticks = u128::from(frame.ts_high) << 32 | u128::from(frame.ts_low);
                            let nanos = ticks * 1_000_000_000 / u128::from(resolution.max(1));
                            let kept = (frame.caplen as usize).min(frame.data.len());
                            frames.push(Frame {
                                at: Timestamp::from_unix_nanos(nanos as u64),
                                link_type,
                                wire_len: frame.origlen,
                                bytes: frame.data[..kept].to_vec(),
                            });
                        }
                    }
                    PcapBlockOwned::NG(Block::SimplePacket(frame)) => {
                        if let Some(&(Some(link_type), ..)) = interfaces.first() {
                            frames.push(Frame {
                                at: Timestamp::default(),
                                link_type,
                                wire_len: frame.origlen,
                                bytes: frame.data.to_vec(),
                            });
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
    frames
}

/// All flows of a capture, classified.
pub fn flows(path: &Path) -> Vec<FlowSummary> {
    let mut table = FlowTable::new(FlowLimits::default(), Locality::default());
    let mut summaries = Vec::new();
    for frame in frames(path) {
        if let Ok(packet) = Packet::parse(&frame.bytes, frame.link_type, frame.wire_len) {
            table.observe(&packet, None, frame.at);
        }
        summaries.extend(table.expire(frame.at));
    }
    summaries.extend(table.drain());
    summaries.sort_by_key(|flow| flow.first_seen);
    summaries
}
