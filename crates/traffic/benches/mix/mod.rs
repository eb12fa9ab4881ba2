//! Traffic for measurements, made of captures: the packets of their own flows, in many copies, interleaved.
//!
//! What goes in: captures. What comes out: one [`Trace`], frames in the order of their times in one piece of
//! memory. Each packet keeps its IP header, transport and payload; the link header becomes Ethernet, tunnels
//! are opened, later fragments are left out, and the ends that make a flow its own get an address per copy of
//! their capture. A copy keeps what its flows have to do with each other (a name asked of DNS before the flow
//! to its address). The same captures give the same trace.

mod made;

use super::reader;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, SystemTime};
use traffic::{Fragment, Packet, Transport};
use vocab::{Address, Endpoint, FlowKey, IpProtocol, Timestamp};

/// Frames in the order of their times.
#[derive(Default)]
pub struct Trace {
    bytes: Vec<u8>,
    index: Vec<Place>,
    /// Flows it was made of.
    pub flows: usize,
    /// Captures that gave some.
    pub captures: usize,
}

/// Frames that a block of a ring holds, or more.
const BATCH: usize = 32;

#[derive(Clone, Copy)]
struct Place {
    at: u64,
    start: u64,
    length: u32,
    wire_len: u32,
}

impl Trace {
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Time, bytes and length on the wire of each frame; all are Ethernet.
    pub fn frames(&self) -> impl Iterator<Item = (Timestamp, &[u8], u32)> {
        self.index.iter().map(|place| self.frame(place))
    }

    /// The same, where the memory of a batch is touched before its first frame: a ring gives frames that the
    /// kernel has just written, so that fetching each from cold memory is no part of what is measured.
    pub fn warm(&self) -> impl Iterator<Item = (Timestamp, &[u8], u32)> {
        self.index.chunks(BATCH).flat_map(|places| {
            let byte = |at: usize| self.bytes.get(at).map_or(0, |&byte| u32::from(byte));
            let touched: u32 =
                places.iter().map(|place| byte(place.start as usize) + byte(place.start as usize + 64)).sum();
            std::hint::black_box(touched);
            places.iter().map(|place| self.frame(place))
        })
    }

    fn frame(&self, place: &Place) -> (Timestamp, &[u8], u32) {
        let start = place.start as usize;
        (Timestamp::from_unix_nanos(place.at), &self.bytes[start..start + place.length as usize], place.wire_len)
    }

    /// Bytes on the wire, layer 2.
    pub fn wire_bytes(&self) -> u64 {
        self.index.iter().map(|place| u64::from(place.wire_len)).sum()
    }

    /// As a pcap file with nanoseconds, for others to read.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        use std::io::Write;
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        // Magic of nanoseconds, version 2.4, no zone, no accuracy, snapshot length, Ethernet.
        for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, 1] {
            file.write_all(&word.to_le_bytes())?;
        }
        for (at, bytes, wire_len) in self.frames() {
            let nanos = at.as_unix_nanos();
            let (seconds, rest) = ((nanos / 1_000_000_000) as u32, (nanos % 1_000_000_000) as u32);
            for word in [seconds, rest, bytes.len() as u32, wire_len] {
                file.write_all(&word.to_le_bytes())?;
            }
            file.write_all(bytes)?;
        }
        file.flush()
    }

    fn push(&mut self, at: u64, piece: &Piece, copy: u32, devices: u32) {
        let start = self.bytes.len();
        // Locally administered stations; who they are does not matter here.
        let ethertype = if piece.is_v4() { [0x08, 0x00] } else { [0x86, 0xdd] };
        self.bytes.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
        self.bytes.extend_from_slice(&ethertype);
        let ip = self.bytes.len();
        self.bytes.extend_from_slice(&piece.ip);
        let bytes = &mut self.bytes[ip..];
        for (end, at) in piece.ends.into_iter().zip(piece.address_at()) {
            if let Some(device) = end.map(|device| copy * devices + device) {
                if piece.is_v4() {
                    bytes[at..at + 4].copy_from_slice(&device_v4(device));
                } else {
                    bytes[at + 8..at + 16].copy_from_slice(&u64::from(device).to_be_bytes());
                }
            }
        }
        if piece.later > 0
            && let Some(seq) = bytes.get_mut(piece.transport + 4..piece.transport + 8)
        {
            let number = u32::from_be_bytes([seq[0], seq[1], seq[2], seq[3]]).wrapping_add(piece.later);
            seq.copy_from_slice(&number.to_be_bytes());
        }
        let length = (self.bytes.len() - start) as u32;
        self.index.push(Place { at, start: start as u64, length, wire_len: piece.wire_len.max(length) });
    }
}

/// 10.0.0.0/8: sixteen million devices.
fn device_v4(device: u32) -> [u8; 4] {
    let [_, a, b, c] = device.to_be_bytes();
    [10, a, b, c]
}

/// One packet of a template, from its IP header on.
#[derive(Clone)]
struct Piece {
    /// Since its capture began, with long pauses shortened.
    at: u64,
    flow: usize,
    ip: Vec<u8>,
    transport: usize,
    wire_len: u32,
    /// Source and destination: the number of the device, where the end gets an address per copy.
    ends: [Option<u32>; 2],
    /// Added to the TCP sequence number: how far a repetition stands behind its original.
    later: u32,
}

impl Piece {
    fn is_v4(&self) -> bool {
        self.ip[0] >> 4 == 4
    }

    fn ip_protocol(&self) -> IpProtocol {
        IpProtocol(if self.is_v4() { self.ip[9] } else { self.ip[6] })
    }

    /// TCP's flags, else none.
    fn flags(&self) -> u8 {
        let is_tcp = self.ip_protocol() == IpProtocol::TCP;
        self.ip.get(self.transport + 13).filter(|_| is_tcp).copied().unwrap_or(0)
    }

    fn address_at(&self) -> [usize; 2] {
        if self.is_v4() { [12, 16] } else { [8, 24] }
    }
}

/// The flows of one capture, ready to be copied.
pub struct Template {
    pieces: Vec<Piece>,
    flows: usize,
    devices: u32,
}

/// Pauses are cut to this, so that a flow of some packets lasts some seconds at most.
const LONGEST_PAUSE: u64 = 100_000_000;

impl Template {
    pub fn read(path: &Path) -> Template {
        Template::of(&reader::frames(path))
    }

    /// Of our own making, without any file.
    pub fn made() -> Template {
        Template::of(&made::frames())
    }

    fn of(frames: &[reader::Frame]) -> Template {
        let mut flows: HashMap<FlowKey, usize> = HashMap::new();
        let mut devices: HashMap<Address, u32> = HashMap::new();
        let (mut pieces, mut last, mut at) = (Vec::new(), None, 0);
        for frame in frames {
            let Ok(packet) = Packet::parse(&frame.bytes, frame.link_type, frame.wire_len) else { continue };
            let Some((ip, transport, end)) = layout(&frame.bytes, &packet) else { continue };
            let now = frame.at.as_unix_nanos();
            at += last.map_or(0, |last| now.saturating_sub(last).min(LONGEST_PAUSE));
            last = Some(now);
            let known = flows.len();
            let flow = *flows.entry(packet.key().0).or_insert(known);
            let (source, destination) = (packet.source.address, packet.destination.address);
            let ends = match (is_private(source), is_private(destination)) {
                (false, false) => {
                    // Whoever began is taken for the device; an answer finds it in the list.
                    let began = if devices.contains_key(&destination) { destination } else { source };
                    [source == began, destination == began]
                }
                ends => ends.into(),
            };
            let mut number = |address, is_device: bool| {
                let known = devices.len() as u32;
                is_device.then(|| *devices.entry(address).or_insert(known))
            };
            let ends = [number(source, ends[0]), number(destination, ends[1])];
            pieces.push(Piece {
                at,
                flow,
                ip: frame.bytes[ip..end].to_vec(),
                transport: transport - ip,
                wire_len: packet.wire_len,
                ends,
                later: 0,
            });
        }
        Template { flows: flows.len(), devices: devices.len() as u32, pieces }
    }

    /// Only flows of at least `least` packets.
    fn longer_than(mut self, least: usize) -> Template {
        let mut counts = vec![0; self.flows];
        self.pieces.iter().for_each(|piece| counts[piece.flow] += 1);
        let mut numbers = vec![None; self.flows];
        let mut kept = 0;
        for (flow, _) in counts.iter().enumerate().filter(|(_, count)| **count >= least) {
            numbers[flow] = Some(kept);
            kept += 1;
        }
        self.pieces.retain_mut(|piece| numbers[piece.flow].map(|number| piece.flow = number).is_some());
        self.flows = kept;
        self
    }

    /// The first `most` packets of each flow.
    fn cut(&self, most: usize) -> Template {
        let mut counts = vec![0; self.flows];
        let pieces = self.pieces.iter().filter(|piece| {
            counts[piece.flow] += 1;
            counts[piece.flow] <= most
        });
        Template { pieces: pieces.cloned().collect(), flows: self.flows, devices: self.devices }
    }

    /// Each flow `length` packets long: cut, or its packets after the opening again and again, as new data.
    fn stretch(&self, length: usize) -> Template {
        const OPENING: usize = 6;
        let mut flows: Vec<Vec<Piece>> = vec![Vec::new(); self.flows];
        self.cut(length).pieces.into_iter().for_each(|piece| flows[piece.flow].push(piece));
        for pieces in flows.iter_mut().filter(|pieces| pieces.len() > OPENING) {
            // A closed flow would end: FIN, RST and SYN stay out of the repetition.
            const SYN_FIN_RST: u8 = 7;
            const FIN_RST: u8 = 5;
            let again: Vec<Piece> =
                pieces[OPENING..].iter().filter(|piece| piece.flags() & SYN_FIN_RST == 0).cloned().collect();
            let Some(last) = pieces.last().map(|piece| piece.at) else { continue };
            pieces.retain(|piece| piece.flags() & FIN_RST == 0);
            let span = again.iter().map(|piece| piece.ip.len() as u32).sum::<u32>();
            for round in 1.. {
                let room = length.saturating_sub(pieces.len());
                if room == 0 || again.is_empty() {
                    break;
                }
                let shift = (last - again[0].at + 20_000_000) * u64::from(round);
                pieces.extend(again.iter().take(room).map(|piece| Piece {
                    at: piece.at + shift,
                    later: if piece.ip_protocol() == IpProtocol::TCP { span.wrapping_mul(round) } else { 0 },
                    ..piece.clone()
                }));
            }
        }
        let mut pieces: Vec<Piece> = flows.into_iter().flatten().collect();
        pieces.sort_by_key(|piece| piece.at);
        Template { pieces, flows: self.flows, devices: self.devices }
    }
}

/// Private, link-local or unspecified: an end that other captures use, too.
fn is_private(address: Address) -> bool {
    match address.ip() {
        std::net::IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_unspecified(),
        std::net::IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_unique_local() || v6.is_unspecified(),
    }
}

/// Where the innermost IP header, its transport and its payload's end stand in `frame`.
fn layout(frame: &[u8], packet: &Packet<'_>) -> Option<(usize, usize, usize)> {
    if matches!(packet.fragment, Fragment::Later { .. }) {
        return None;
    }
    let payload = (packet.payload.as_ptr() as usize).checked_sub(frame.as_ptr() as usize)?;
    let end = payload + packet.payload.len();
    let ports = |at: usize| {
        let port = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
        port(at) == Some(packet.source.port) && port(at + 2) == Some(packet.destination.port)
    };
    let transport = match packet.transport {
        Transport::Udp => payload.checked_sub(8)?,
        Transport::Other => payload,
        Transport::Tcp(_) => {
            (5..=15)
                .filter_map(|words| Some((words, payload.checked_sub(words * 4)?)))
                .find(|&(words, at)| {
                    frame.get(at + 12).is_some_and(|byte| usize::from(byte >> 4) == words) && ports(at)
                })?
                .1
        }
    };
    let Endpoint { address: source, .. } = packet.source;
    let is_v4 = |&(words, at): &(usize, usize)| {
        frame[at] == 0x40 | words as u8 && source.0[12..] == frame[at + 12..at + 16] && source.0[10] == 0xff
    };
    let v4 = (5..=15).filter_map(|words| Some((words, transport.checked_sub(words * 4)?))).find(is_v4);
    let v6 = || {
        (0..16usize)
            .filter_map(|units| transport.checked_sub(40 + units * 8))
            .find(|&at| frame[at] >> 4 == 6 && frame[at + 8..at + 24] == source.0)
    };
    let ip = v4.map(|(_, at)| at).or_else(v6)?;
    Some((ip, transport, end))
}

/// Mostly new flows: 100,000 and some more, of 17 packets in the mean, 2,000 beginning each second. Every
/// capture gives as many, in whole copies of itself.
pub fn new_flows(templates: &[Template]) -> Trace {
    const FLOWS: usize = 100_000;
    const PER_SECOND: usize = 2_000;
    /// The longest flows are cut until this is the mean.
    const MEAN: usize = 17;
    let used: Vec<&Template> = templates.iter().filter(|template| template.flows > 0).collect();
    let copies = |template: &Template| (FLOWS / used.len().max(1)).div_ceil(template.flows);
    let packets = |most: usize| -> usize {
        let of = |template: &&Template| copies(template) * template.cut(most).pieces.len();
        used.iter().map(of).sum()
    };
    let total: usize = used.iter().map(|template| copies(template) * template.flows).sum();
    let most = (1..4_000usize).step_by(3).find(|&most| packets(most) >= MEAN * total).unwrap_or(4_000);
    let cut: Vec<(Template, usize)> = used.iter().map(|template| (template.cut(most), copies(template))).collect();
    weave(&cut, total / PER_SECOND)
}

/// Long flows: 5,000 and some more, of 370 packets each, all open at once. Flows that are too short to go on as
/// they began stay out.
pub fn long_flows(templates: Vec<Template>) -> Trace {
    const FLOWS: usize = 5_000;
    const LENGTH: usize = 370;
    const LEAST: usize = 12;
    let used: Vec<Template> = templates
        .into_iter()
        .map(|template| template.longer_than(LEAST).stretch(LENGTH))
        .filter(|template| template.flows > 0)
        .collect();
    let each = FLOWS / used.len().max(1);
    let cut: Vec<(Template, usize)> = used
        .into_iter()
        .map(|template| {
            let copies = each.div_ceil(template.flows);
            (template, copies)
        })
        .collect();
    weave(&cut, 5)
}

/// Every flow of every capture once and whole, a capture after the other.
pub fn once(templates: &[Template]) -> Trace {
    /// More than any capture has.
    const MOST_DEVICES: u32 = 1 << 14;
    let mut trace = Trace::default();
    let mut begin = 1_700_000_000_000_000_000;
    for (copy, template) in templates.iter().enumerate().filter(|(_, template)| template.flows > 0) {
        trace.captures += 1;
        trace.flows += template.flows;
        template.pieces.iter().for_each(|piece| trace.push(begin + piece.at, piece, copy as u32, MOST_DEVICES));
        begin += template.pieces.last().map_or(0, |piece| piece.at) + 1_000_000_000;
    }
    trace
}

/// What the program has spent on a core so far: what others run beside it takes its time, not this. Linux's
/// `schedstat` counts nanoseconds; elsewhere the clock must do.
pub fn spent() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").ok();
    match schedstat.and_then(|text| text.split(' ').next()?.parse().ok()) {
        Some(nanos) => Duration::from_nanos(nanos),
        None => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
    }
}

/// Copies of captures, each beginning at its own time within `seconds`, as one trace.
fn weave(templates: &[(Template, usize)], seconds: usize) -> Trace {
    let mut order: Vec<(u64, u32, u32, u32)> = Vec::new();
    let mut trace = Trace::default();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for (number, (template, copies)) in templates.iter().enumerate() {
        trace.captures += 1;
        trace.flows += copies * template.flows;
        for copy in 0..*copies {
            // xorshift64 (Marsaglia 2003): any even spread does.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let begin = state % (seconds.max(1) as u64 * 1_000_000_000);
            let pieces = template.pieces.iter().enumerate();
            order.extend(pieces.map(|(at, piece)| (begin + piece.at, number as u32, copy as u32, at as u32)));
        }
    }
    order.sort_unstable();
    for (at, number, copy, piece) in order {
        let template = &templates[number as usize].0;
        trace.push(1_700_000_000_000_000_000 + at, &template.pieces[piece as usize], copy, template.devices);
    }
    trace
}
