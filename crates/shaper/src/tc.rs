//! Messages about queues, to bytes and from bytes, purely.
//!
//! Not `netlink-packet-route`: it has no typed options for HTB, CAKE or the FIFOs, and what stands on an
//! interface before us must be put back byte by byte, whatever its kind. Numbers are those of
//! linux/rtnetlink.h and linux/pkt_sched.h; integers are in the machine's order, as netlink wants them.

pub(crate) mod bfifo;
pub(crate) mod cake;
pub(crate) mod fq_codel;
pub(crate) mod htb;
pub(crate) mod redirect;

use crate::error::ShaperError;
use netlink_packet_core::{NLA_TYPE_MASK, NlasIterator};

pub(crate) const RTM_NEWQDISC: u16 = 36;
pub(crate) const RTM_DELQDISC: u16 = 37;
pub(crate) const RTM_GETQDISC: u16 = 38;
pub(crate) const RTM_NEWTCLASS: u16 = 40;
pub(crate) const RTM_DELTCLASS: u16 = 41;
pub(crate) const RTM_GETTCLASS: u16 = 42;
pub(crate) const RTM_GETTFILTER: u16 = 46;

/// `TC_H_ROOT`: the parent of a root qdisc.
pub(crate) const ROOT: u32 = 0xffff_ffff;

const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_XSTATS: u16 = 4;
const TCA_STATS2: u16 = 7;
/// linux/gen_stats.h.
const TCA_STATS_BASIC: u16 = 1;
const TCA_STATS_QUEUE: u16 = 3;
/// `struct tcmsg`: family and padding, ifindex, handle, parent, info.
const HEADER_LENGTH: usize = 20;

/// A message without its netlink header: what `netlink.rs` numbers and sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `RTM_…`.
    pub kind: u16,
    /// `NLM_F_…` besides `REQUEST` and `ACK`.
    pub flags: u16,
    /// What follows the netlink header.
    pub body: Vec<u8>,
}

/// Options of a qdisc or class: its kind, and the payload of `TCA_OPTIONS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub kind: String,
    pub payload: Vec<u8>,
}

/// A message about the qdisc or class `handle` under `parent`.
pub(crate) fn request(
    kind: u16,
    flags: u16,
    index: i32,
    parent: u32,
    handle: u32,
    options: Option<&Options>,
) -> Request {
    let mut body = vec![0; 4];
    body.extend(index.to_ne_bytes());
    body.extend(handle.to_ne_bytes());
    body.extend(parent.to_ne_bytes());
    body.extend(0u32.to_ne_bytes());
    if let Some(options) = options {
        attribute(&mut body, TCA_KIND, &[options.kind.as_bytes(), &[0]].concat());
        if !options.payload.is_empty() {
            attribute(&mut body, TCA_OPTIONS, &options.payload);
        }
    }
    Request { kind, flags, body }
}

/// Appends one attribute, padded to four bytes.
pub(crate) fn attribute(buffer: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).expect("attributes of ours are short");
    buffer.extend(length.to_ne_bytes());
    buffer.extend(kind.to_ne_bytes());
    buffer.extend(value);
    buffer.resize(buffer.len().next_multiple_of(4), 0);
}

/// Appends one attribute of 32 bits.
pub(crate) fn attribute_u32(buffer: &mut Vec<u8>, kind: u16, value: u32) {
    attribute(buffer, kind, &value.to_ne_bytes());
}

/// All attributes of `buffer` with their kinds, without the flag bits; stops at the first that is cut short.
pub(crate) fn attributes(buffer: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(buffer).map_while(|nla| {
        let nla = nla.ok()?;
        let value = nla.into_inner();
        let length = usize::from(u16::from_ne_bytes([*value.first()?, *value.get(1)?]));
        Some((u16::from_ne_bytes([*value.get(2)?, *value.get(3)?]) & NLA_TYPE_MASK, value.get(4..length)?))
    })
}

/// The `place`th 32-bit integer of `buffer`.
pub(crate) fn u32_at(buffer: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(buffer.get(place * 4..place * 4 + 4)?.try_into().ok()?))
}

pub(crate) fn u64_at_start(buffer: &[u8]) -> Option<u64> {
    Some(u64::from_ne_bytes(buffer.get(..8)?.try_into().ok()?))
}

/// What a queue has counted (`gnet_stats_basic`, `gnet_stats_queue`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Bytes sent.
    pub bytes: u64,
    /// Packets sent.
    pub packets: u64,
    /// Bytes waiting.
    pub backlog: u32,
    /// Packets waiting.
    pub waiting: u32,
    /// Packets dropped.
    pub drops: u32,
}

/// A qdisc or class as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub index: i32,
    pub handle: u32,
    pub parent: u32,
    pub options: Options,
    pub counters: Counters,
    /// What only its kind counts (`TCA_XSTATS`).
    pub own_counters: Vec<u8>,
}

/// Reads the body of `RTM_NEWQDISC` or `RTM_NEWTCLASS`.
pub(crate) fn object(body: &[u8]) -> Result<Object, ShaperError> {
    let short = || ShaperError::Malformed("a message about queues is too short");
    let word = |place| u32_at(body, place).ok_or_else(short);
    let mut object = Object {
        index: word(1)? as i32,
        handle: word(2)?,
        parent: word(3)?,
        options: Options { kind: String::new(), payload: Vec::new() },
        counters: Counters::default(),
        own_counters: Vec::new(),
    };
    for (kind, value) in attributes(body.get(HEADER_LENGTH..).ok_or_else(short)?) {
        match kind {
            TCA_KIND => object.options.kind = String::from_utf8_lossy(value).trim_end_matches('\0').to_owned(),
            TCA_OPTIONS => object.options.payload = value.to_vec(),
            TCA_XSTATS => object.own_counters = value.to_vec(),
            TCA_STATS2 => object.counters = counters(value),
            _ => {}
        }
    }
    Ok(object)
}

fn counters(value: &[u8]) -> Counters {
    let mut counters = Counters::default();
    for (kind, value) in attributes(value) {
        let word = |place| u32_at(value, place).unwrap_or(0);
        match kind {
            TCA_STATS_BASIC => {
                counters.bytes = u64_at_start(value).unwrap_or(0);
                counters.packets = counters.packets.max(u64::from(word(2)));
            }
            TCA_STATS_QUEUE => {
                counters.waiting = word(0);
                counters.backlog = word(1);
                counters.drops = word(2);
            }
            // Sent beside the 32-bit counter once that has wrapped (`gnet_stats_copy_basic`).
            TCA_STATS_PKT64 => counters.packets = u64_at_start(value).unwrap_or(0),
            _ => {}
        }
    }
    counters
}

const TCA_STATS_PKT64: u16 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::Patience;
    use crate::tree::{Charge, Class, burst};
    use vocab::BitRate;

    /// What `tc` sends for the command that begins with `command`.
    fn recorded(command: &str) -> Vec<u8> {
        let mut lines = include_str!("tc/golden.txt").lines();
        lines.find(|line| line.starts_with(command)).expect("the command was recorded");
        let hex = lines.next().unwrap();
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn class(rate: u64, ceil: u64, burst_bytes: u64, cburst_bytes: u64, quantum: u32, prio: u8) -> Class {
        Class {
            parent: 0,
            rate: BitRate::from_bps(rate),
            ceil: BitRate::from_bps(ceil),
            prio,
            quantum,
            burst: burst::ticks(burst_bytes, BitRate::from_bps(rate)),
            cburst: burst::ticks(cburst_bytes, BitRate::from_bps(ceil)),
            charge: Charge::default(),
        }
    }

    #[test]
    fn we_say_what_tc_says() {
        let check = |command: &str, ours: Options| assert_eq!(ours.payload, recorded(command), "{command}");
        check("tc qdisc add dev X root handle e001: htb", htb::qdisc(2));
        let (kilo, mega, giga) = (1_000, 1_000_000, 1_000_000_000);
        let class_is = |minor: &str, class: Class| {
            let recorded = recorded(&format!("tc class add dev X parent e001:{minor} htb"));
            assert_eq!(htb::class(&class).payload, recorded, "{minor}");
            assert_eq!(htb::read_class(0, &recorded), Some(class), "{minor}");
        };
        class_is(" classid e001:1", class(20 * mega, 20 * mega, 10_000, 10_000, 1514, 0));
        class_is("1 classid e001:10", class(8 * kilo, 20 * mega, 3_028, 10_000, 60_000, 7));
        class_is(" classid e001:3", class(10 * giga, 40 * giga, 80_000, 80_000, 60_000, 0));
        class_is(" classid e001:4", class(50 * giga, 100 * giga, 400_000, 400_000, 60_000, 0));
        check("tc qdisc add dev X parent e001:10 bfifo", bfifo::qdisc(50_000));
        let patience = Patience { target_ms: 5, interval_ms: 100 };
        check("tc qdisc add dev X parent e001:3 fq_codel", fq_codel::qdisc(patience));
        check("tc qdisc add dev X parent e001:3 cake", cake::qdisc(patience));
        assert_eq!(bfifo::read(&recorded("tc qdisc add dev X parent e001:10 bfifo")), Some(50_000));
        // The kernel refuses another number of queues for one that stands, even the same.
        let is_queues = |(kind, _): &(u16, &[u8])| *kind == 5;
        assert!(attributes(&fq_codel::qdisc(patience).payload).any(|attribute| is_queues(&attribute)));
        assert!(!attributes(&fq_codel::change(patience).payload).any(|attribute| is_queues(&attribute)));
        assert_eq!(cake::read(&cake::qdisc(patience).payload), Some(patience));
        // What the kernel says of 5 and 100 ms.
        let mut said = Vec::new();
        attribute_u32(&mut said, 1, 4_999);
        attribute_u32(&mut said, 3, 99_999);
        assert_eq!(fq_codel::read(&said), Some(patience));
    }

    #[test]
    fn outside_bytes_never_panic() {
        let mut body = request(RTM_NEWTCLASS, 0, 3, ROOT, 0xe001_0001, Some(&bfifo::qdisc(9))).body;
        attribute(&mut body, TCA_STATS2, &[12, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 0, 3, 0]);
        for length in 0..body.len() {
            let _ = object(&body[..length]);
            for byte in 0..length {
                let mut broken = body[..length].to_vec();
                broken[byte] ^= 0xff;
                if let Ok(object) = object(&broken) {
                    let _ = htb::read_class(0, &object.options.payload);
                }
            }
        }
    }

    #[test]
    fn counters_survive_the_wrap_of_32_bits() {
        let mut stats = Vec::new();
        attribute(&mut stats, TCA_STATS_BASIC, &[&7u64.to_ne_bytes()[..], &5u32.to_ne_bytes(), &[0; 4]].concat());
        attribute(&mut stats, TCA_STATS_PKT64, &(5u64 + (1 << 32)).to_ne_bytes());
        let queue: Vec<u8> = [1u32, 1_500, 9, 0, 0].into_iter().flat_map(u32::to_ne_bytes).collect();
        attribute(&mut stats, TCA_STATS_QUEUE, &queue);
        let expected = Counters { bytes: 7, packets: 5 + (1 << 32), backlog: 1_500, waiting: 1, drops: 9 };
        assert_eq!(counters(&stats), expected);
    }
}
