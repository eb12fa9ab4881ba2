//! A capture made small: what tells flows apart stays whole, the rest keeps its headers and its length.
//!
//! Formats: draft-ietf-opsawg-pcap; Ethernet, IPv4 (RFC 791), IPv6 without extension headers (RFC 8200), TCP
//! (RFC 9293), UDP (RFC 768). What is none of these stays whole.

use crate::report::flow_key;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Microseconds, in the byte order of the machine that wrote them.
const MAGIC: u32 = 0xa1b2_c3d4;
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
const ETHERNET: usize = 14;
/// So much behind a UDP header shows later packets of a call for what they are (RTP's header, RFC 3550, 5.1).
const BEHIND_UDP: usize = 12;

/// A capture, trimmed.
#[derive(Debug)]
pub(super) struct Trimmed {
    /// The capture, pcap.
    pub(super) pcap: Vec<u8>,
    /// When each flow began, milliseconds after the first packet, by its key.
    pub(super) flows: BTreeMap<String, u64>,
    /// Packets.
    pub(super) packets: u64,
    /// From the first packet to the last, milliseconds.
    pub(super) ms: u64,
}

/// Keeps the first `whole` packets of each flow in `pcap` whole and of later ones the headers. What a file that
/// ends inside a record has of it is left out.
pub(super) fn trim(pcap: &[u8], whole: u32) -> Result<Trimmed> {
    let header = pcap.get(..FILE_HEADER).context("no capture: too short")?;
    if word(header, 0) != Some(MAGIC) || word(header, 20) != Some(1) {
        bail!("not a capture of Ethernet frames in microseconds");
    }
    let mut trimmed = Trimmed { pcap: header.to_vec(), flows: BTreeMap::new(), packets: 0, ms: 0 };
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut first = None;
    let mut rest = &pcap[FILE_HEADER..];
    while let Some(record) = rest.get(..RECORD_HEADER) {
        let captured = word(record, 8).unwrap_or(0) as usize;
        let Some(frame) = rest.get(RECORD_HEADER..RECORD_HEADER + captured) else { break };
        rest = &rest[RECORD_HEADER + captured..];

        let at = u64::from(word(record, 0).unwrap_or(0)) * 1_000 + u64::from(word(record, 4).unwrap_or(0)) / 1_000;
        let after = at.saturating_sub(*first.get_or_insert(at));
        let mut keep = captured;
        if let Some((key, headers)) = flow(frame) {
            let before = seen.entry(key.clone()).or_default();
            *before += 1;
            if *before == 1 {
                trimmed.flows.insert(key, after);
            }
            if *before > whole {
                keep = captured.min(headers);
            }
        }
        trimmed.pcap.extend_from_slice(&record[..8]);
        trimmed.pcap.extend_from_slice(&(keep as u32).to_ne_bytes());
        trimmed.pcap.extend_from_slice(&record[12..]);
        trimmed.pcap.extend_from_slice(&frame[..keep]);
        trimmed.packets += 1;
        trimmed.ms = trimmed.ms.max(after);
    }
    Ok(trimmed)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// The key of a frame's flow and how long its headers are.
fn flow(frame: &[u8]) -> Option<(String, usize)> {
    let packet = frame.get(ETHERNET..)?;
    let (protocol, ip_header, source, destination) = match frame.get(12..ETHERNET)? {
        [0x08, 0x00] => {
            let address = |at: usize| packet.get(at..)?.first_chunk::<4>().map(|bytes| Ipv4Addr::from(*bytes));
            let length = usize::from(packet.first()? & 0x0f) * 4;
            (*packet.get(9)?, length, address(12)?.to_string(), address(16)?.to_string())
        }
        [0x86, 0xdd] => {
            let address = |at: usize| packet.get(at..)?.first_chunk::<16>().map(|bytes| Ipv6Addr::from(*bytes));
            (*packet.get(6)?, 40, address(8)?.to_string(), address(24)?.to_string())
        }
        _ => return None,
    };
    let segment = packet.get(ip_header..)?;
    let port = |at: usize| segment.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
    let (name, header) = match protocol {
        6 => ("tcp", usize::from(segment.get(12)? >> 4) * 4),
        17 => ("udp", 8 + BEHIND_UDP),
        _ => return None,
    };
    Some((flow_key(name, (&source, port(0)?), (&destination, port(2)?)), ETHERNET + ip_header + header))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A capture with a frame of each of `payloads`, all of one UDP flow, a millisecond apart.
    fn capture(payloads: &[&[u8]]) -> Vec<u8> {
        let mut pcap: Vec<u8> = [MAGIC, 0x0004_0002, 0, 0, 65_535, 1].iter().flat_map(|w| w.to_ne_bytes()).collect();
        for (number, payload) in payloads.iter().enumerate() {
            let mut frame = vec![0; ETHERNET];
            frame[12] = 0x08;
            frame.extend([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 203, 0, 113, 1]);
            frame.extend([0x13, 0x88, 0x13, 0x89, 0, 0, 0, 0]);
            frame.extend(*payload);
            let length = frame.len() as u32;
            pcap.extend([7, number as u32 * 1_000, length, length].iter().flat_map(|word| word.to_ne_bytes()));
            pcap.extend(frame);
        }
        pcap
    }

    #[track_caller]
    fn check(payloads: &[&[u8]], whole: u32, kept: &[usize]) {
        let pcap = capture(payloads);
        let trimmed = trim(&pcap, whole).unwrap();
        let mut lengths = Vec::new();
        let mut at = FILE_HEADER;
        while at < trimmed.pcap.len() {
            let (captured, length) = (word(&trimmed.pcap, at + 8).unwrap(), word(&trimmed.pcap, at + 12).unwrap());
            assert_eq!(length as usize, 42 + payloads[lengths.len()].len(), "the length on the wire is kept");
            lengths.push(captured as usize - 42);
            at += RECORD_HEADER + captured as usize;
        }
        assert_eq!(lengths, kept);
        assert_eq!(trimmed.ms, payloads.len() as u64 - 1);
        assert_eq!(trimmed.flows.into_iter().collect::<Vec<_>>(), [("udp 10.0.0.2|5000 203.0.113.1|5001".into(), 0)]);
        // The file is cut anywhere: what is left is a capture.
        for length in FILE_HEADER..pcap.len() {
            assert!(trim(&pcap[..length], whole).unwrap().packets < payloads.len() as u64);
        }
    }

    #[test]
    fn the_first_packets_of_a_flow_stay_whole() {
        check(&[&[1; 100], &[2; 100], &[3; 100], &[4; 5]], 2, &[100, 100, BEHIND_UDP, 5]);
        check(&[&[1; 100]], 0, &[BEHIND_UDP]);
    }

    #[test]
    fn what_is_no_capture_is_refused() {
        assert!(trim(b"no capture", 2).is_err());
        assert!(trim(&[0; 64], 2).is_err());
    }
}
