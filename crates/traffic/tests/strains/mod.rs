//! What other networks would have made of a capture: other addresses and ports, cut, lost, doubled, late or
//! divided differently.
//!
//! A strain takes the packets of a capture in order and gives those that would have been seen instead.

use std::collections::HashMap;
use traffic::{Packet, Transport};
use vocab::{Address, FlowKey, Side, Timestamp};

/// One packet, with its payload beside it.
#[derive(Clone)]
pub struct Seen {
    pub at: Timestamp,
    /// Its payload is empty.
    pub packet: Packet<'static>,
    pub payload: Vec<u8>,
}

impl Seen {
    pub fn new(packet: &Packet<'_>, at: Timestamp) -> Seen {
        Seen { at, packet: Packet { payload: &[], ..*packet }, payload: packet.payload.to_vec() }
    }

    pub fn packet(&self) -> Packet<'_> {
        Packet { payload: &self.payload, ..self.packet }
    }

    /// Its segment in two, at a place within its payload.
    pub fn halves(&self, at: usize) -> [Seen; 2] {
        [self.part(0, at), self.part(at, self.payload.len())]
    }

    fn is_tcp(&self) -> bool {
        matches!(self.packet.transport, Transport::Tcp(_))
    }

    fn part(&self, from: usize, to: usize) -> Seen {
        let mut part = self.clone();
        part.payload = self.payload[from..to].to_vec();
        if let Transport::Tcp(segment) = &mut part.packet.transport {
            segment.seq = segment.seq.wrapping_add(from as u32);
        }
        part.packet.wire_len -= (self.payload.len() - part.payload.len()) as u32;
        part
    }
}

pub type Strain = fn(Vec<Seen>) -> Vec<Seen>;

/// Every strain that leaves a flow its key.
pub const STRAINS: &[(&str, Strain)] = &[
    ("none", |seen| seen),
    ("kept to 96 bytes", |seen| cut(seen, 96)),
    ("kept to 256 bytes", |seen| cut(seen, 256)),
    ("without its first packet", |seen| joined(seen, 1)),
    ("without its first 3 packets", |seen| joined(seen, 3)),
    ("without its first 10 packets", |seen| joined(seen, 10)),
    ("only what the beginner sent", |seen| one_way(seen, true)),
    ("only what the other sent", |seen| one_way(seen, false)),
    ("segments of 100 bytes", |seen| divided(seen, 100)),
    ("segments of 7 bytes", |seen| divided(seen, 7)),
    ("segments put together", together),
    ("every packet twice", |seen| seen.into_iter().flat_map(|packet| [packet.clone(), packet]).collect()),
    ("neighbours exchanged", exchanged),
    ("every 10th packet lost", |seen| lost(seen, 10)),
];

fn cut(mut seen: Vec<Seen>, most: usize) -> Vec<Seen> {
    for packet in &mut seen {
        let before = packet.packet.wire_len as usize - packet.payload.len().min(packet.packet.wire_len as usize);
        let whole = packet.payload.len();
        packet.payload.truncate(most.saturating_sub(before));
        packet.packet.cut += (whole - packet.payload.len()) as u32;
    }
    seen
}

/// As an observer sees it who comes `late` packets too late.
fn joined(seen: Vec<Seen>, late: u32) -> Vec<Seen> {
    let mut counts = HashMap::<FlowKey, (u32, u32)>::new();
    for packet in &seen {
        counts.entry(packet.packet.key().0).or_default().0 += 1;
    }
    seen.into_iter()
        .filter(|packet| {
            let (total, passed) = counts.get_mut(&packet.packet.key().0).expect("all were counted");
            *passed += 1;
            // Who sees nothing of a flow has nothing to say.
            *passed > late.min(*total - 1)
        })
        .collect()
}

fn one_way(seen: Vec<Seen>, beginner: bool) -> Vec<Seen> {
    let mut began = HashMap::<FlowKey, (Side, bool)>::new();
    for packet in &seen {
        let (key, side) = packet.packet.key();
        let entry = began.entry(key).or_insert((side, false));
        entry.1 |= side != entry.0;
    }
    seen.into_iter()
        .filter(|packet| {
            let (key, side) = packet.packet.key();
            let (first, answered) = began[&key];
            !answered || (side == first) == beginner
        })
        .collect()
}

fn divided(seen: Vec<Seen>, most: usize) -> Vec<Seen> {
    seen.into_iter()
        .flat_map(|packet| {
            if !packet.is_tcp() || packet.payload.len() <= most {
                return vec![packet];
            }
            let length = packet.payload.len();
            (0..length).step_by(most).map(|from| packet.part(from, (from + most).min(length))).collect()
        })
        .collect()
}

/// As a network card merges segments that follow each other at once.
fn together(seen: Vec<Seen>) -> Vec<Seen> {
    let mut merged: Vec<Seen> = Vec::new();
    for packet in seen {
        if let Some(last) = merged.last_mut()
            && last.packet.key() == packet.packet.key()
            && let (Transport::Tcp(before), Transport::Tcp(after)) = (last.packet.transport, packet.packet.transport)
            && !last.payload.is_empty()
            && !packet.payload.is_empty()
            && before.seq.wrapping_add(last.payload.len() as u32) == after.seq
            && last.payload.len() + packet.payload.len() < 60_000
        {
            last.payload.extend_from_slice(&packet.payload);
            last.packet.wire_len += packet.payload.len() as u32;
        } else {
            merged.push(packet);
        }
    }
    merged
}

/// Each packet of a stream that carries something and is followed by another of the same side comes behind it.
fn exchanged(mut seen: Vec<Seen>) -> Vec<Seen> {
    let mut at = 0;
    while at + 1 < seen.len() {
        let (one, other) = (&seen[at], &seen[at + 1]);
        let alike = one.is_tcp() && one.packet.key() == other.packet.key();
        if alike && !one.payload.is_empty() && !other.payload.is_empty() {
            let (early, late) = (one.at, other.at);
            seen.swap(at, at + 1);
            (seen[at].at, seen[at + 1].at) = (early, late);
            at += 1;
        }
        at += 1;
    }
    seen
}

fn lost(seen: Vec<Seen>, every: usize) -> Vec<Seen> {
    let mut counts = HashMap::<FlowKey, usize>::new();
    seen.into_iter()
        .filter(|packet| {
            let count = counts.entry(packet.packet.key().0).or_default();
            *count += 1;
            !count.is_multiple_of(every)
        })
        .collect()
}

/// The same network elsewhere: every address of a unicast sender becomes another of a range that nobody owns,
/// one of ours one of ours.
pub fn elsewhere(address: Address) -> Address {
    let octets = address.0;
    match octets {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, b, c, d] => Address::from_v4([10, b ^ 0x55, c ^ 0x2a, d]),
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, c, d] => Address::from_v4([192, 168, c ^ 0x11, d]),
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 172, b @ 16..=31, c, d] => {
            Address::from_v4([172, b ^ 1, c ^ 0x55, d])
        }
        // Benchmarking (RFC 2544); which of its addresses, the first three octets say.
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a @ 1..=223, b, c, d] if a != 127 && a != 169 => {
            let mixed = (u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c)).wrapping_mul(0x9e37_79b1) >> 23;
            Address::from_v4([198, 18 | (mixed >> 8 & 1) as u8, mixed as u8, d])
        }
        [first, ..] if first & 0xe0 == 0x20 => {
            let mut other = octets;
            // Documentation (RFC 3849).
            other[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
            other[4] ^= octets[2];
            other[5] ^= octets[3];
            Address(other)
        }
        _ => address,
    }
}
