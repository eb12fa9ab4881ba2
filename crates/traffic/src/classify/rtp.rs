//! RTP and RTCP (RFC 3550, RFC 3551), bare or in a relay's or Zoom's wrapping: media, told from chance by
//! sequence, source and clock; sound from video by payload type, size and rhythm.

use super::{Finding, Found, Layer, Names, Next, Signature, View};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{self, Call, Streaming, Voice};

/// Two packets in a row are that close in the clock of sound or video: 100 ms at 90 kHz.
const MOST_PASSED: u32 = 9_000;
/// Packets of one source whose sequence must agree before it is believed: by chance two steps agree once in
/// 2^80 flows that pass the first byte.
const ENOUGH: u8 = 3;
/// Sound is sent in frames of 5 ms at least, of a clock of 8 kHz at least (RFC 3551, 4.2); between frames of one
/// time, a picture's parts, the clock stands. In between are numbers that count something else.
const LEAST_STEP: u32 = 40;
/// Where the payload type does not say, this many packets tell sound from video by size and clock.
const ENOUGH_DYNAMIC: u8 = 5;
/// No frame of sound is larger: 20 ms of stereo Opus at 128 kbit/s are 320 bytes, G.711 at 60 ms 480; with
/// header extensions and authentication below this.
const MOST_SOUND: usize = 640;
/// Sources followed per end: a bundled call sends sound, video, its repair and a screen (RFC 8843).
const SOURCES: usize = 4;
/// A step of the sequence that loss may explain.
const MOST_STEP: u16 = 64;
/// Reports whose lengths fit before they are believed without media.
const ENOUGH_REPORTS: u8 = 4;
/// A telephone event or comfort noise is no more than this (RFC 4733, RFC 3389), header included.
const MOST_EVENT: usize = 28;

/// How sure two packets in a row are, in hundredths: less than any signalling in their flow.
const EARLY: u8 = 76;

/// Signalling this sure, in hundredths, makes a flow a call's: a service's own. ICE alone does not, as tunnels use
/// it, too.
const SURE: u8 = 86;

/// One synchronisation source of one end.
#[derive(Clone, Copy, Debug, Default)]
struct Source {
    id: u32,
    sequence: u16,
    clock: u32,
    kind: u8,
    good: u8,
    bad: u8,
    /// Of the good, those that came right behind the one before, in number and in time.
    exact: u8,
    /// Packets that share the clock of the one before: frames in parts, as video has.
    same_clock: u8,
    /// Packets whose clock went on as far as a frame of video at a usual rate.
    frame_steps: u8,
    largest: u16,
}

/// What wraps a packet of RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrapping {
    Bare,
    Relay,
    Zoom,
}

/// Both ends of a flow that may carry media.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Media {
    ends: [[Source; SOURCES]; 2],
    /// The next source to forget, per end.
    oldest: [u8; 2],
    /// Packets that are not RTP, per end.
    counted: [Counted; 2],
    /// Reports so far (RTCP).
    reports: u8,
    /// Whose call it is, where its signalling in this flow told.
    application: Option<&'static str>,
    /// Its signalling in this flow left no doubt that it is a call.
    sure: bool,
}

/// The beginnings of packets that count in their fourth byte and are random else, as LINE's calls do before their
/// media.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    last: u8,
    first: u8,
    run: u8,
    /// Their first bytes differ: no fixed header, no wide counter.
    varied: bool,
}

/// What a datagram means for the media of its flow.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    /// Not media, as far as one datagram tells.
    Other,
    /// It goes on with media that is not yet told apart: nobody else need look.
    Media,
    /// The media is clear.
    Clear(Found),
}

const fn media(application: &'static str, class: TrafficClass, confidence: u8, why: &'static str) -> Signature {
    Signature { application, class, names: Names::Adorn, confidence, why }
}

const SOUND: &str = "RTP: sequence and clock advance as in a voice call";
const VIDEO: &str = "RTP: sequence and clock advance as in a video call";

impl Media {
    /// Takes in whose call it is, from another finding of the same flow.
    pub(crate) fn learn(&mut self, signature: &Signature) {
        if matches!(signature.class, Voice | Call) && !matches!(signature.application, "STUN" | "DTLS" | "RTCP") {
            self.application = Some(signature.application);
        }
        self.sure |= matches!(signature.class, Voice | Call) && signature.confidence >= SURE;
    }

    /// Takes in a datagram that end 0 or 1 sent; says what it is as soon as that is clear.
    pub(crate) fn observe(&mut self, end: usize, datagram: &[u8]) -> Heard {
        match self.follow(end, datagram) {
            // Beside STUN and DTLS a call's flow carries media and its own messages (RFC 7983): no other protocol.
            Heard::Other if self.sure && !matches!(datagram.first(), Some(0..=3 | 20..=63)) => Heard::Media,
            heard => heard,
        }
    }

    fn follow(&mut self, end: usize, datagram: &[u8]) -> Heard {
        let rtp = unwrap(datagram).and_then(|(packet, wrapping)| Some((Header::parse(packet)?, packet, wrapping)));
        let Some((header, packet, wrapping)) = rtp else { return self.count(end, datagram) };
        let (Some(sources), Some(oldest)) = (self.ends.get_mut(end), self.oldest.get_mut(end)) else {
            return Heard::Other;
        };
        let Some(place) = sources.iter().position(|source| source.good > 0 && source.id == header.source) else {
            if let Some(source) = sources.get_mut(usize::from(*oldest)) {
                *source = Source::begin(&header, packet.len());
            }
            *oldest = (*oldest + 1) % SOURCES as u8;
            return Heard::Other;
        };
        let Some(source) = sources.get_mut(place) else { return Heard::Other };
        if !source.go_on(&header, packet.len()) {
            return Heard::Other;
        }
        // Two of each end agree as well as three of one.
        let answered = self
            .ends
            .get(1 - end.min(1))
            .is_some_and(|others| others.iter().any(|other| other.good >= 2 && other.kind == header.kind));
        let Some(sources) = self.ends.get(end) else { return Heard::Other };
        let Some(source) = sources.get(place) else { return Heard::Other };
        let Some((signature, next)) = source.conclude(packet, wrapping, answered) else { return Heard::Media };
        // Another source of the same end that is no sound makes it a call, whatever this one is.
        let mixed = signature.class == Voice
            && sources.iter().any(|other| other.good >= ENOUGH && other.id != header.source && other.is_video());
        let signature = if mixed { media("RTP", Call, 92, VIDEO) } else { signature };
        let application = if wrapping == Wrapping::Zoom { Some("Zoom") } else { self.application };
        Heard::Clear(Found {
            signature: Signature { application: application.unwrap_or(signature.application), ..signature },
            name: None,
            next: if mixed { Next::Settle } else { next },
            announces: Vec::new(),
        })
    }
}

impl Media {
    /// Takes in a datagram that is no RTP: reports, or the beginning of LINE's calls, four packets each way that
    /// count.
    fn count(&mut self, end: usize, datagram: &[u8]) -> Heard {
        if is_rtcp(datagram) {
            return self.report();
        }
        let (Some(&first), Some(&number)) = (datagram.first(), datagram.get(3)) else { return Heard::Other };
        let Some(counted) = self.counted.get_mut(end) else { return Heard::Other };
        let goes_on = datagram.len() > 10 && counted.run > 0 && number == counted.last.wrapping_add(1);
        counted.varied |= goes_on && first != counted.first;
        counted.run = if goes_on { counted.run.saturating_add(1) } else { 1 };
        (counted.last, counted.first) = (number, first);
        let [here, there] = self.counted;
        let bases_differ = here.last.wrapping_sub(here.run) != there.last.wrapping_sub(there.run);
        if here.run >= 4 && there.run >= 4 && here.varied && there.varied && bases_differ {
            return Heard::Clear(Found {
                signature: media("LINE", Voice, 75, "both ends count their packets as in a LINE call"),
                name: None,
                next: Next::Watch,
                announces: Vec::new(),
            });
        }
        Heard::Other
    }
}

impl Media {
    /// Takes in a report. Several before any media are a call that is silent so far; its media may yet show more.
    fn report(&mut self) -> Heard {
        self.reports = self.reports.saturating_add(1);
        let media = self.ends.iter().flatten().any(|source| source.good >= 2);
        if self.reports < ENOUGH_REPORTS || media || self.sure {
            return Heard::Other;
        }
        let signature = Signature { application: self.application.unwrap_or("RTCP"), ..REPORTED };
        Heard::Clear(Found { signature, name: None, next: Next::Listen, announces: Vec::new() })
    }
}

/// The fixed header of RTP (RFC 3550, 5.1).
struct Header {
    kind: u8,
    sequence: u16,
    clock: u32,
    source: u32,
}

impl Header {
    fn parse(packet: &[u8]) -> Option<Header> {
        let (first, second) = (*packet.first()?, *packet.get(1)?);
        let kind = second & 0x7f;
        // 64 to 95 are RTCP's or reserved so that both can be told apart (RFC 5761, 4).
        if first & 0xc0 != 0x80 || (64..=95).contains(&kind) {
            return None;
        }
        let contributors = usize::from(first & 0x0f) * 4;
        let mut length = 12 + contributors;
        if first & 0x10 != 0 {
            length += 4 + usize::from(be16(packet, length + 2)?) * 4;
        }
        (length <= packet.len()).then_some(())?;
        Some(Header { kind, sequence: be16(packet, 2)?, clock: be32(packet, 4)?, source: be32(packet, 8)? })
    }
}

impl Source {
    fn begin(header: &Header, length: usize) -> Source {
        Source {
            id: header.source,
            sequence: header.sequence,
            clock: header.clock,
            kind: header.kind,
            good: 1,
            largest: u16::try_from(length).unwrap_or(u16::MAX),
            ..Source::default()
        }
    }

    /// Takes in the next packet of the source; says whether it fits.
    fn go_on(&mut self, header: &Header, length: usize) -> bool {
        let step = header.sequence.wrapping_sub(self.sequence);
        if !(1..=MOST_STEP).contains(&step) {
            // Repeated, or late by a few: not held against it.
            let late = step == 0 || step > u16::MAX - MOST_STEP;
            self.bad = self.bad.saturating_add(u8::from(!late));
            if !late {
                self.sequence = header.sequence;
                self.clock = header.clock;
            }
            return late && self.good >= ENOUGH;
        }
        let passed = header.clock.wrapping_sub(self.clock);
        if length <= MOST_SOUND && (1..LEAST_STEP).contains(&passed) {
            self.bad = self.bad.saturating_add(1);
            (self.sequence, self.clock) = (header.sequence, header.clock);
            return false;
        }
        self.exact = self.exact.saturating_add(u8::from(step == 1 && passed <= MOST_PASSED));
        self.good = self.good.saturating_add(1);
        if length > MOST_EVENT {
            self.same_clock = self.same_clock.saturating_add(u8::from(passed == 0));
            self.frame_steps = self.frame_steps.saturating_add(u8::from(is_frame(passed)));
            self.kind = header.kind;
        }
        self.sequence = header.sequence;
        self.clock = header.clock;
        self.largest = self.largest.max(u16::try_from(length).unwrap_or(u16::MAX));
        true
    }

    fn is_video(&self) -> bool {
        matches!(self.kind, 25 | 26 | 28 | 31 | 32 | 34)
            || self.kind >= 35
                && (usize::from(self.largest) > MOST_SOUND || self.same_clock >= 2 || self.frame_steps >= 4)
    }

    fn conclude(&self, packet: &[u8], wrapping: Wrapping, answered: bool) -> Option<(Signature, Next)> {
        if self.bad > self.good {
            return None;
        }
        if self.good < ENOUGH - u8::from(answered) {
            // One step that fits to the last bit: by chance once in 2^66 flows. More packets will tell better.
            let early = self.exact > 0 && self.id != 0 && wrapping == Wrapping::Bare;
            let class = if self.kind <= 18 || usize::from(self.largest) <= MOST_SOUND { Voice } else { Call };
            return (early && self.kind != 33)
                .then_some((media("RTP", class, EARLY, "RTP: two packets in a row"), Next::Listen));
        }
        if self.kind == 33 || carries_transport_stream(packet) {
            let why = "RTP that carries a transport stream";
            return Some((media("MPEG-TS", Streaming, 94, why), Next::Settle));
        }
        if wrapping == Wrapping::Zoom {
            return Some((media("Zoom", Call, 92, "Zoom's own framing of RTP"), Next::Settle));
        }
        match self.kind {
            // RFC 3551, tables 4 and 5.
            0 | 3..=18 => Some((media("RTP", Voice, 95, SOUND), Next::Settle)),
            _ if self.is_video() => Some((media("RTP", Call, 92, VIDEO), Next::Settle)),
            // Video may join the sound in the same flow: keep listening.
            35.. if self.good >= ENOUGH_DYNAMIC => Some((media("RTP", Voice, 87, SOUND), Next::Listen)),
            _ => None,
        }
    }
}

/// A step of video's clock of 90 kHz (RFC 3551, 5) at 60, 50, 30, 29.97, 25, 24, 15 or 10 frames a second; no
/// usual length of a frame of sound at any of its clocks.
const fn is_frame(passed: u32) -> bool {
    matches!(passed, 1_500..=1_502 | 1_800 | 2_999..=3_004 | 3_600 | 3_750 | 3_753 | 3_754 | 6_000 | 6_006 | 9_000)
}

/// Packets of 188 bytes, each with its sync byte (ISO/IEC 13818-1, 2.4.3.2), behind a header of 12 bytes.
fn carries_transport_stream(packet: &[u8]) -> bool {
    packet.get(12..).is_some_and(|rest| {
        !rest.is_empty() && rest.len().is_multiple_of(188) && rest.chunks(188).all(|part| part.first() == Some(&0x47))
    })
}

/// The RTP packet in a datagram, and what it is wrapped in.
fn unwrap(datagram: &[u8]) -> Option<(&[u8], Wrapping)> {
    let first = *datagram.first()?;
    let (at, wrapping) = match first {
        0x80..=0xbf => (0, Wrapping::Bare),
        // Channel data of TURN: a channel number, a length that fits (RFC 8656, 12.4), the datagram.
        0x40..=0x4f => {
            let length = usize::from(be16(datagram, 2)?);
            (length + 4 == datagram.len().min((length + 4).next_multiple_of(4)) || length + 4 == datagram.len())
                .then_some((4, Wrapping::Relay))?
        }
        // Microsoft's multiplexed form: 0xff10, a length, eight bytes of session ([MS-TURNBWM] and [MS-TURN]).
        0xff if datagram.get(1) == Some(&0x10) => (12, Wrapping::Relay),
        // A relay's indications carry the peer's datagram in the DATA attribute (RFC 8656, 11).
        0x00 if matches!(datagram.get(1), Some(0x16 | 0x17)) => (data_attribute(datagram)?, Wrapping::Relay),
        // Zoom's frame of a server, then its frame of media; between participants the latter alone (Michel et
        // al., "Enabling Passive Measurement of Zoom Performance in Production Networks", IMC 2022, section 4).
        5 => (8 + zoom_media(*datagram.get(8)?)?, Wrapping::Zoom),
        13 | 15 | 16 | 30 => (zoom_media(first)?, Wrapping::Zoom),
        _ => return None,
    };
    let packet = datagram.get(at..)?;
    // Inside a relay a DTLS record or a STUN message may stand as well.
    (packet.first()? & 0xc0 == 0x80).then_some((packet, wrapping))
}

/// Where RTP stands behind the type byte of Zoom's frame of media.
const fn zoom_media(kind: u8) -> Option<usize> {
    match kind {
        13 => Some(27),
        30 => Some(20),
        15 => Some(19),
        16 => Some(24),
        _ => None,
    }
}

fn data_attribute(message: &[u8]) -> Option<usize> {
    let mut at = 20;
    for _ in 0..16 {
        let (kind, length) = (be16(message, at)?, usize::from(be16(message, at + 2)?));
        if kind == 0x0013 {
            return Some(at + 4);
        }
        at += 4 + length.next_multiple_of(4);
    }
    None
}

/// A packet of RTCP, bare or wrapped, whose length is the one it states (RFC 3550, 6.4); what follows may be
/// more packets, or be encrypted (RFC 3711).
pub(crate) fn is_rtcp(datagram: &[u8]) -> bool {
    let Some((packet, _)) = unwrap(datagram) else { return false };
    let (Some(&first), Some(&kind), Some(words)) = (packet.first(), packet.get(1), be16(packet, 2)) else {
        return false;
    };
    let blocks = u16::from(first & 0x1f) * 6;
    let (stated, length) = ((usize::from(words) + 1) * 4, packet.len());
    // What SRTCP adds: an index and a tag of 4, 10 or 16 bytes (RFC 3711, 3.4; RFC 7714, 9.2).
    let alone = matches!(length.checked_sub(stated), Some(0 | 8 | 14 | 20));
    match kind {
        200 => words == 6 + blocks && length >= stated,
        201 => words == 1 + blocks && length >= stated,
        // Descriptions, goodbye, feedback and extended reports may come alone (RFC 5506).
        202..=207 => alone && stated >= 8 && (kind != 207 || first & 0x1f == 0),
        _ => false,
    }
}

/// As sure as that it is RTCP at all: above what a way to the other end (ICE) tells.
const REPORTED: Signature = media("RTCP", Voice, 82, "RTCP: reports, and no media so far");

pub(crate) const RTCP: Signature = media("RTCP", Voice, 75, "RTCP: reports about a flow of media");

/// RTP in TCP, each packet behind its length (RFC 4571): two packets of one source in sequence.
pub(crate) fn inspect(view: &View<'_>) -> Finding {
    if view.layer != Layer::Stream || view.bytes.get(2).is_none_or(|first| first & 0xc0 != 0x80) {
        return Finding::No;
    }
    let mut media = Media::default();
    let mut at = 0;
    for _ in 0..16 {
        let Some(length) = be16(view.bytes, at).map(usize::from) else { break };
        let Some(packet) = view.bytes.get(at + 2..at + 2 + length) else { break };
        if !is_rtcp(packet) {
            let Some(header) = Header::parse(packet) else { return Finding::No };
            if matches!(media.observe(0, packet), Heard::Media | Heard::Clear(_)) {
                let class = if matches!(header.kind, 0 | 3..=18) { Voice } else { Call };
                return super::likely("RTP", class, 88, "RTP packets in a stream, each behind its length");
            }
        }
        at += 2 + length;
    }
    if at > 0 { Finding::More } else { Finding::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Sender;
    use proptest::prelude::*;

    fn packet(kind: u8, source: u32, sequence: u16, clock: u32, payload: usize) -> Vec<u8> {
        let mut bytes = vec![0x80, kind];
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&clock.to_be_bytes());
        bytes.extend_from_slice(&source.to_be_bytes());
        bytes.resize(12 + payload, 0x55);
        bytes
    }

    fn behind(wrapping: &[u8], packet: Vec<u8>) -> Vec<u8> {
        [wrapping, &packet].concat()
    }

    /// What is known after all packets, all from one end.
    fn conclusion(packets: impl IntoIterator<Item = Vec<u8>>) -> Option<(&'static str, TrafficClass)> {
        let mut tracker = Media::default();
        let mut known: Option<Signature> = None;
        for bytes in packets {
            if let Heard::Clear(found) = tracker.observe(0, &bytes)
                && known.is_none_or(|known| known.confidence <= found.signature.confidence)
            {
                known = Some(found.signature);
            }
        }
        known.map(|signature| (signature.application, signature.class))
    }

    #[test]
    fn sound_and_video_are_told_apart() {
        let check = |packets: Vec<Vec<u8>>, expected| assert_eq!(conclusion(packets), expected);
        let of = |count: u16, make: &dyn Fn(u16) -> Vec<u8>| (0..count).map(make).collect::<Vec<_>>();
        let one = 0xdead_beef;
        // G.711, Opus at 20 ms, G.729 with gaps
        check(of(4, &|n| packet(0, one, n, u32::from(n) * 160, 160)), Some(("RTP", Voice)));
        check(of(6, &|n| packet(111, one, n, u32::from(n) * 960, 80)), Some(("RTP", Voice)));
        check(of(4, &|n| packet(18, one, n * 3, u32::from(n) * 480, 20)), Some(("RTP", Voice)));
        // telephone events keep their clock (RFC 4733, 2.2)
        check(of(8, &|n| packet(101, one, n, 960, 4)), Some(("RTP", Voice)));
        // video by size, by frames in parts, by its clock
        check(of(6, &|n| packet(96, one, n, 3_000, 1_180)), Some(("RTP", Call)));
        check(of(9, &|n| packet(96, one, n, u32::from(n / 4) * 3_000, 500)), Some(("RTP", Call)));
        check(of(9, &|n| packet(102, one, n, u32::from(n) * 3_000, 300)), Some(("RTP", Call)));
        check(of(3, &|n| packet(34, one, n, u32::from(n) * 3_003, 300)), Some(("RTP", Call)));
        // video that joins sound in one flow
        let bundle = |n: u16| match n % 2 {
            0 => packet(111, one, n / 2, u32::from(n / 2) * 960, 90),
            _ if n < 12 => packet(111, one, 900, 0, 0),
            _ => packet(96, 7, n / 2, 3_000, 1_100),
        };
        check(of(40, &bundle), Some(("RTP", Call)));
        // a transport stream
        let stream = |n: u16| {
            let mut bytes = packet(96, one, n, u32::from(n) * 100, 188 * 7);
            bytes[12..].chunks_mut(188).for_each(|part| part[0] = 0x47);
            bytes
        };
        check(of(4, &stream), Some(("MPEG-TS", Streaming)));
        check(of(4, &|n| packet(33, one, n, u32::from(n) * 100, 188)), Some(("MPEG-TS", Streaming)));
    }

    #[test]
    fn two_packets_in_a_row_are_a_first_sign() {
        let check = |packets: [Vec<u8>; 2], expected| assert_eq!(conclusion(packets), expected);
        let one = 0xdead_beef;
        check([packet(0, one, 7, 100, 160), packet(0, one, 8, 260, 160)], Some(("RTP", Voice)));
        check([packet(111, one, 7, 100, 80), packet(111, one, 8, 1_060, 70)], Some(("RTP", Voice)));
        check([packet(96, one, 7, 100, 1_100), packet(96, one, 8, 100, 1_100)], Some(("RTP", Call)));
        // a number that leaps, a clock that leaps or counts, no source
        check([packet(0, one, 7, 100, 160), packet(0, one, 9, 260, 160)], None);
        check([packet(0, one, 7, 100, 160), packet(0, one, 8, 90_000, 160)], None);
        check([packet(0, one, 7, 100, 160), packet(0, one, 8, 101, 160)], None);
        check([packet(0, 0, 7, 100, 160), packet(0, 0, 8, 260, 160)], None);
    }

    #[test]
    fn media_in_wrappings_is_found() {
        let sound = |n: u16| packet(0, 9, n, u32::from(n) * 160, 160);
        let zoom = |n: u16| packet(112, 9, n, u32::from(n) * 640, 90);
        let check = |make: &dyn Fn(u16) -> Vec<u8>, expected| assert_eq!(conclusion((0..6).map(make)), Some(expected));
        check(&|n| behind(&[0x40, 1, 0, 172], sound(n)), ("RTP", Voice));
        check(&|n| behind(&[0xff, 0x10, 0, 180, 1, 2, 3, 4, 5, 6, 7, 8], sound(n)), ("RTP", Voice));
        check(&|n| behind(&[[5, 0, 0, 0, 0, 0, 0, 4, 15].as_slice(), &[0; 18]].concat(), zoom(n)), ("Zoom", Call));
        check(&|n| behind(&[[15].as_slice(), &[0; 18]].concat(), zoom(n)), ("Zoom", Call));
        let indication = |n: u16| {
            let mut bytes = vec![0, 0x17, 0, 176, 0x21, 0x12, 0xa4, 0x42];
            bytes.resize(20, 3);
            bytes.extend_from_slice(&[0, 0x13, 0, 172]);
            behind(&bytes, sound(n))
        };
        check(&indication, ("RTP", Voice));
    }

    #[test]
    fn beside_sure_signalling_nobody_else_need_look() {
        let check = |confidence: u8, first: u8, expected: bool| {
            let mut tracker = Media::default();
            tracker.learn(&media("STUN", Call, confidence, ""));
            let heard = tracker.observe(0, &[first, 1, 2, 3, 4, 5, 6, 7]);
            assert_eq!(matches!(heard, Heard::Media), expected, "{confidence} {first}");
        };
        check(86, b'h', true);
        check(86, 22, false);
        check(86, 0, false);
        check(80, b'h', false);
    }

    #[test]
    fn both_ends_count() {
        let check = |first: fn(u8) -> u8, expected: Option<&str>| {
            let mut tracker = Media::default();
            let mut known = None;
            for n in 0..8_u8 {
                for end in [0, 1] {
                    let bytes = [&[first(n), 0x11, 0x22, n.wrapping_add(40 * end)][..], &[0x33; 20]].concat();
                    if let Heard::Clear(found) = tracker.observe(usize::from(end), &bytes) {
                        known = Some(found.signature.application);
                    }
                }
            }
            assert_eq!(known, expected);
        };
        check(|n| n.wrapping_mul(37) & 0x3f, Some("LINE"));
        check(|_| 7, None);
    }

    #[test]
    fn whose_call_it_is_is_kept() {
        let mut tracker = Media::default();
        tracker.learn(&media("WhatsApp", Call, 84, ""));
        let mut last = None;
        for n in 0..6 {
            if let Heard::Clear(found) = tracker.observe(1, &packet(120, 9, n, u32::from(n) * 960, 90)) {
                last = Some(found.signature);
            }
        }
        assert_eq!(last.map(|signature| (signature.application, signature.class)), Some(("WhatsApp", Voice)));
    }

    #[test]
    fn reports_alone_are_a_silent_call() {
        let report = [&[0x80, 201, 0, 1][..], &[7; 18]].concat();
        assert_eq!(conclusion(vec![report.clone(); 3]), None);
        assert_eq!(conclusion(vec![report.clone(); 4]), Some(("RTCP", Voice)));
        // what its media shows is surer
        let video = (0..6).map(|n| packet(96, 9, n, 3_000, 1_180));
        assert_eq!(conclusion(vec![report; 4].into_iter().chain(video)), Some(("RTP", Call)));
    }

    #[test]
    fn reports_are_known_by_their_length() {
        let check = |bytes: &[u8], expected| assert_eq!(is_rtcp(bytes), expected, "{bytes:?}");
        check(&[&[0x80, 200, 0, 6][..], &[0; 24]].concat(), true);
        check(&[&[0x81, 201, 0, 7][..], &[0; 28]].concat(), true);
        check(&[&[0x81, 201, 0, 7][..], &[0; 42]].concat(), true);
        check(&[&[0x81, 206, 0, 2][..], &[0; 8]].concat(), true);
        check(&[&[0x81, 206, 0, 2][..], &[0; 9]].concat(), false);
        check(&[&[0x80, 200, 0, 7][..], &[0; 28]].concat(), false);
        check(&[0x80, 201], false);
    }

    #[test]
    fn packets_in_a_stream_are_found() {
        let view = |bytes: &[u8]| {
            let view = View {
                layer: Layer::Stream,
                bytes,
                sender: Sender::Initiator,
                source: vocab::Address::default(),
                destination: vocab::Address::default(),
                source_port: 40_000,
                destination_port: 50_000,
                number: 0,
                heard: &[],
            };
            inspect(&view)
        };
        let framed = |n: u16| behind(&[0, 172], packet(0, 9, n, u32::from(n) * 160, 160));
        assert!(matches!(view(&framed(0)), Finding::More));
        assert!(matches!(view(&[framed(0), framed(1)].concat()), Finding::Found(_)));
        assert!(matches!(view(&[framed(0), framed(700)].concat()), Finding::More));
        assert!(matches!(view(&[framed(0), vec![0, 3, 1, 2, 3]].concat()), Finding::No));
    }

    #[test]
    fn chance_is_not_media() {
        let check = |packets: Vec<Vec<u8>>| assert_eq!(conclusion(packets), None);
        check((0..40).map(|n: u16| packet(0, 1, n.wrapping_mul(7_919), u32::from(n), 100)).collect());
        check((0..40).map(|_| packet(0, 1, 7, 7, 100)).collect());
        // a clock that counts messages, as in games' own headers
        check((0..40).map(|n: u16| packet(0, 1, n * 20, u32::from(n), 30)).collect());
    }

    proptest! {
        #[test]
        fn random_bytes_are_never_media(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 40)) {
            prop_assert_eq!(conclusion(packets), None);
        }

        #[test]
        fn short_headers_of_quic_are_never_media(
            connection in any::<[u8; 8]>(),
            tails in prop::collection::vec(prop::collection::vec(any::<u8>(), 20..60), 40),
        ) {
            let packets = tails.iter().map(|tail| [&[0x40 | (tail[0] & 0x3f)][..], &connection, tail].concat());
            prop_assert_eq!(conclusion(packets), None);
        }
    }
}
