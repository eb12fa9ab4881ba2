//! How a flow moves: what its sizes, directions and gaps say it is for, where nothing in it can be read.
//!
//! What goes in: who sent how much and when, of a flow's first [`PACKETS`] packets with a payload; never a
//! byte of it. What comes out: a class with a confidence that was measured, or nothing: a flow that moves
//! like two things is left to its port. The weights are made by `cargo xtask train behavior`;
//! docs/behavior-model.md says from what, and how often they are right.
//!
//! Floats live in [`features`] and [`Model`] alone; what leaves here is in hundredths.

mod elephant;
mod features;
mod model;

pub(crate) use elephant::{BULK_AGE, OUTGROWS};
pub use elephant::{Moved, Played, outgrown};
pub use features::{FEATURES, features};
pub use model::{CLASSES, HIDDEN, Model, Parameters, WEIGHTS};

use super::{Names, Sender, Signature, is_live};
use vocab::{FlowKey, IpProtocol, Side, Timestamp, TrafficClass};

/// Packets with a payload that are remembered; the kernel shows at most 40 of a flow.
pub const PACKETS: usize = 30;
/// Before this many there is no verdict: a handshake looks like any other.
pub const FEWEST: usize = 10;

/// How far behaviour speaks at most, in hundredths: less than a name that DNS gave (75). On captures of others
/// it is right far less often than on what it learnt from (docs/behavior-model.md).
pub(crate) const STRONGEST: u8 = 74;
/// The same for what much moves like: less than a carrier without a name (60) and than the weakest of names.
const WEAKER: u8 = 56;
/// When an open verdict asks for an opinion, in packets with a payload; and when it closes.
pub(crate) const DUE: [u16; 2] = [FEWEST as u16, 20];

/// Before this many, a protected class needs [`EARLY`] hundredths more.
const SURE: usize = 20;
const EARLY: u8 = 3;

/// Who sent a packet, in the top bit of its size.
const FROM_RESPONDER: u16 = 0x8000;

/// Sizes, directions and gaps so far: 104 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Behavior {
    last: Timestamp,
    /// Bytes of payload, with [`FROM_RESPONDER`]; what the kernel merged beyond 32 kB counts as 32 kB.
    sizes: [u16; PACKETS],
    /// Time since the packet before, in eighths of an octave of microseconds; see [`gap_code`].
    gaps: [u8; PACKETS],
    count: u8,
}

impl Default for Behavior {
    fn default() -> Behavior {
        Behavior { last: Timestamp::default(), sizes: [0; PACKETS], gaps: [0; PACKETS], count: 0 }
    }
}

/// One remembered packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The end that began the flow sent it.
    pub from_initiator: bool,
    /// Bytes of payload.
    pub size: u16,
    /// See [`gap_code`].
    pub gap: u8,
}

/// A length of time as one byte: eight steps to an octave of microseconds, from 1 us to 71 minutes.
pub const fn gap_code(micros: u64) -> u8 {
    if micros == 0 {
        return 0;
    }
    let octave = micros.ilog2();
    let eighth = if octave >= 3 { (micros >> (octave - 3)) & 7 } else { (micros << (3 - octave)) & 7 };
    let code = octave as u64 * 8 + eighth;
    if code > 255 { 255 } else { code as u8 }
}

/// The shortest time with this code, in microseconds.
pub const fn gap_micros(code: u8) -> u64 {
    let (octave, eighth) = (code as u64 / 8, code as u64 % 8);
    ((8 + eighth) << octave) >> 3
}

impl Behavior {
    /// Takes in a packet with `size` bytes of payload.
    pub(crate) fn observe(&mut self, sender: Sender, size: usize, at: Timestamp) {
        self.push(sender == Sender::Initiator, size, at);
    }

    /// As [`Behavior::observe`], for the workshop.
    pub fn push(&mut self, from_initiator: bool, size: usize, at: Timestamp) {
        let place = usize::from(self.count);
        if place >= PACKETS {
            return;
        }
        let size = size.min(usize::from(FROM_RESPONDER - 1)) as u16;
        self.sizes[place] = if from_initiator { size } else { size | FROM_RESPONDER };
        self.gaps[place] = if place == 0 { 0 } else { gap_code(at.since(self.last).as_micros() as u64) };
        self.last = at;
        self.count += 1;
    }

    /// How many packets it remembers.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there was no packet yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a further packet would not be remembered.
    pub fn is_full(&self) -> bool {
        self.len() == PACKETS
    }

    /// What it remembers, oldest first.
    pub fn seen(&self) -> impl Iterator<Item = Seen> + '_ {
        self.sizes.iter().zip(&self.gaps).take(self.len()).map(|(&size, &gap)| Seen {
            from_initiator: size & FROM_RESPONDER == 0,
            size: size & !FROM_RESPONDER,
            gap,
        })
    }

    /// What moves like this, if anything does: nothing before [`FEWEST`] packets.
    pub(crate) fn conclude(&self, key: &FlowKey, initiator: Side) -> Option<Signature> {
        let opinion = self.opinion(&Model::built_in(), key.protocol() == IpProtocol::TCP)?;
        // The first 1,024 ports are the system's (RFC 6335): no game or call listens there over UDP but behind
        // the web's own port.
        let port = key.end(initiator.opposite()).port;
        if is_live(opinion.class) && port < 1024 && port != 443 && port != 80 {
            return None;
        }
        let (application, why) = describe(opinion.class)?;
        let most = if is_telling(opinion.class) { STRONGEST } else { WEAKER };
        let confidence = (u16::from(opinion.confidence) * u16::from(most) / 100) as u8;
        Some(Signature { application, class: opinion.class, names: Names::Adorn, confidence, why })
    }

    /// The likeliest class and how likely it is, if that is likely enough for this class.
    pub fn opinion(&self, model: &Model<'_>, stream: bool) -> Option<Opinion> {
        let (class, chance) = self.likeliest(model, stream)?;
        let confidence = (chance * 100.0) as u8;
        // A protected class is worth waiting for some packets more.
        let early = is_live(class) && self.len() < SURE;
        let least = model.threshold(class).saturating_add(if early { EARLY } else { 0 });
        (confidence >= least).then_some(Opinion { class, confidence })
    }

    /// The likeliest class and its chance, 0 to 1, however small that is.
    pub fn likeliest(&self, model: &Model<'_>, stream: bool) -> Option<(TrafficClass, f32)> {
        if self.len() < FEWEST {
            return None;
        }
        let chances = model.chances(&features(self, stream));
        let (best, chance) =
            chances.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(class, &chance)| (class, chance))?;
        // The last of the model's classes is "none of these".
        let class = TrafficClass::from_index(best).filter(|class| *class != TrafficClass::Unclassified)?;
        Some((class, chance))
    }

    /// The pace and the sizes of the later half of what it remembers: handshakes are over by then.
    pub fn rhythm(&self) -> Option<Rhythm> {
        if self.len() < FEWEST {
            return None;
        }
        let later = self.len() / 2;
        let mut sizes = [[0_u16; PACKETS]; 2];
        let mut counts = [0_usize; 2];
        let mut micros = 0;
        for seen in self.seen().skip(later) {
            let end = usize::from(!seen.from_initiator);
            if let Some(place) = sizes[end].get_mut(counts[end]) {
                *place = seen.size;
                counts[end] += 1;
            }
            micros += gap_micros(seen.gap);
        }
        let median = |end: usize| {
            let (mut sizes, count) = (sizes[end], counts[end]);
            sizes[..count].sort_unstable();
            (count > 0).then(|| sizes[count / 2])
        };
        if micros < LEAST_PACE {
            return None;
        }
        let packets = (self.len() - later) as u64;
        let packets_per_second = u32::try_from(packets * 1_000_000 / micros.max(1)).unwrap_or(u32::MAX);
        Some(Rhythm { packets_per_second, size_up: median(0), size_down: median(1) })
    }
}

/// A pace is told only of what lasted: the packets of one picture come all at once, 33 ms before those of the next.
const LEAST_PACE: u64 = 50_000;

/// A class and how likely it is, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// What the flow is for.
    pub class: TrafficClass,
    /// In hundredths; what it says it is, is right about as often as it says.
    pub confidence: u8,
}

/// How a flow moves, in a few figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// Of both ends together.
    pub packets_per_second: u32,
    /// The usual payload that the end that began sends, bytes; `None` where it sends none.
    pub size_up: Option<u16>,
    /// The same of the other end.
    pub size_down: Option<u16>,
}

impl std::fmt::Display for Rhythm {
    /// "50 packets/s of 172 bytes both ways".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} packets/s of ", self.packets_per_second)?;
        match (self.size_up, self.size_down) {
            (Some(up), Some(down)) if up.abs_diff(down) <= up.max(down) / 8 => write!(f, "{up} bytes both ways"),
            (Some(up), Some(down)) => write!(f, "{up} bytes from the one that began and {down} back"),
            (Some(one), None) => write!(f, "{one} bytes, only from the one that began"),
            (None, Some(one)) => write!(f, "{one} bytes, only from the one that was asked"),
            (None, None) => write!(f, "nothing"),
        }
    }
}

/// Whether few other things move like this class: paces and volumes do, dialogues do not.
const fn is_telling(class: TrafficClass) -> bool {
    match class {
        TrafficClass::Voice
        | TrafficClass::Call
        | TrafficClass::Gaming
        | TrafficClass::Streaming
        | TrafficClass::Download
        | TrafficClass::Backup => true,
        TrafficClass::Interactive
        | TrafficClass::Web
        | TrafficClass::Work
        | TrafficClass::Update
        | TrafficClass::Unclassified => false,
    }
}

/// What a flow of a class is called when nothing has named it, and why it is taken for that.
const fn describe(class: TrafficClass) -> Option<(&'static str, &'static str)> {
    Some(match class {
        TrafficClass::Voice => ("Voice", "it moves like a voice: small packets at the even pace of a codec"),
        TrafficClass::Call => ("Video call", "it moves like a video call: pictures in bursts at a steady pace"),
        TrafficClass::Gaming => ("Game", "it moves like a game: small packets at its tick, both ways"),
        TrafficClass::Interactive => ("Dialogue", "it moves like a dialogue: small packets in turns"),
        TrafficClass::Web => ("Web", "it moves like pages: short requests, answers of some packets"),
        TrafficClass::Streaming => ("Stream", "it moves like a stream: long answers at the pace of playing"),
        TrafficClass::Work => {
            ("Tunnel", "it moves like a tunnel or mail: padded sizes of many kinds, or lines in turns")
        }
        TrafficClass::Download => ("Download", "it moves like a download: full packets one way"),
        TrafficClass::Backup => ("Upload", "it moves like an upload: full packets from the one that began"),
        TrafficClass::Update => ("Telemetry", "it moves like telemetry: the same small exchange again and again"),
        TrafficClass::Unclassified => return None,
    })
}

#[cfg(test)]
mod tests;
