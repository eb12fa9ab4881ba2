//! What is kept of a flow while its verdict is open, and who looks at its packets meanwhile.

use super::side_index;
use super::stream::{MOST, Readable, Stream};
use crate::Packet;
use crate::classify::{
    self, Finding, Found, Inspect, Layer, Next, Sender, View, behavior, handshake::Handshake, ja4::Ja4, rtp,
};
use vocab::Side;

/// After this many packets with a payload a verdict is settled as it stands.
pub(super) const PATIENCE: u16 = 24;
/// How many more packets may sharpen a first conclusion.
pub(super) const WATCH: u16 = 10;
/// How many more packets the rest of a message that already told its purpose may take, or an upgrade to TLS.
pub(super) const READ: u16 = 10;
/// A flow that announces others is read for this many packets with a payload.
pub(super) const LISTEN: u16 = 40;
/// Working memory of an open verdict.
pub(super) struct Probe {
    pub(super) streams: [Stream; 2],
    pub(super) handshake: Handshake,
    /// The fingerprint of the hello in a stream.
    pub(super) ja4: Option<Ja4>,
    pub(super) media: rtp::Media,
    /// How each side's first payload began.
    pub(super) openings: [Opening; 2],
    pub(super) behavior: behavior::Behavior,
    /// Somebody found something.
    pub(super) known: bool,
    /// It announces other flows.
    pub(super) listens: bool,
    /// Messages of its streams that told nobody anything.
    pub(super) strange: u8,
    /// Packets with a payload so far.
    pub(super) payloads: u16,
    /// Settle when `payloads` reaches this.
    pub(super) until: u16,
    /// What it holds of the table's reassembly memory.
    pub(super) held: usize,
}

/// The first bytes of a side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Opening {
    bytes: [u8; classify::HEARD],
    length: u8,
}

impl Opening {
    pub(super) fn hear(&mut self, payload: &[u8]) {
        if self.length == 0 {
            let length = payload.len().min(classify::HEARD);
            self.bytes[..length].copy_from_slice(&payload[..length]);
            self.length = length as u8;
        }
    }

    pub(super) fn heard(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl Default for Probe {
    fn default() -> Probe {
        Probe {
            streams: Default::default(),
            handshake: Handshake::default(),
            ja4: None,
            media: rtp::Media::default(),
            openings: Default::default(),
            behavior: behavior::Behavior::default(),
            known: false,
            listens: false,
            strange: 0,
            payloads: 0,
            until: PATIENCE,
            held: 0,
        }
    }
}

/// What an inspector sees of a packet alone.
pub(super) fn view<'a>(packet: &'a Packet<'_>, sender: Sender, number: u16, heard: &'a [u8]) -> View<'a> {
    View {
        layer: Layer::Datagram,
        bytes: packet.payload,
        sender,
        source: packet.source.address,
        destination: packet.destination.address,
        source_port: packet.source.port,
        destination_port: packet.destination.port,
        number,
        heard,
    }
}

/// Datagrams of a flow that tell nobody anything, after which only media and handshakes are still looked for: nDPI 4.2
/// needs 4 for nine flows of ten.
const STRANGE: u16 = 10;
/// Messages of a stream that tell nobody anything, after which none is looked at.
const AGAIN: u8 = 6;
/// What is shorter is the beginning of something: a length that its program sent alone, a first key typed.
const SHORT: usize = 24;
/// Packets with a payload after which the pace of a call or game is clear.
pub(super) const PACE: u16 = 12;
/// Sure enough that nobody else is asked.
const SURE: u8 = 90;

/// Asks the inspectors in turn until one is sure; of those that are not, the surest is believed.
fn ask(inspectors: &[Inspect], view: &View<'_>, wants_more: &mut bool) -> Option<Found> {
    let mut best: Option<Found> = None;
    for inspect in inspectors {
        match inspect(view) {
            Finding::No => {}
            Finding::More => *wants_more = true,
            Finding::Found(found) if found.signature.confidence >= SURE => return Some(found),
            Finding::Found(found) => {
                if best.as_ref().is_none_or(|best| best.signature.confidence < found.signature.confidence) {
                    best = Some(found);
                }
            }
        }
    }
    best
}

/// What the beginning of one side of a stream says, after a segment of it.
pub(super) fn inspect_stream(
    probe: &mut Probe,
    packet: &Packet<'_>,
    side: Side,
    sender: Sender,
    seq: u32,
    room: usize,
) -> Finding {
    let number = probe.payloads.saturating_sub(1);
    let stream = &mut probe.streams[side_index(side)];
    if stream.is_done() {
        return Finding::No;
    }
    let mut wants_more = false;
    let (length, found) = match stream.push(seq, packet.payload, room) {
        Readable::Nothing => return Finding::No,
        Readable::Prefix(bytes) => {
            let view = View {
                layer: Layer::Stream,
                bytes,
                sender,
                source: packet.source.address,
                destination: packet.destination.address,
                source_port: packet.source.port,
                destination_port: packet.destination.port,
                number,
                heard: probe.openings[side_index(side.opposite())].heard(),
            };
            let mut found = ask(classify::TCP, &view, &mut wants_more);
            // What was too short to tell anything may have been an end, not a beginning.
            if found.is_none() && !wants_more && (1..SHORT).contains(&bytes.len().saturating_sub(packet.payload.len()))
            {
                found = ask(classify::TCP, &View { bytes: packet.payload, ..view }, &mut wants_more);
            }
            if found.is_some() && sender == Sender::Initiator && probe.ja4.is_none() {
                probe.ja4 = classify::tls::fingerprint(bytes);
            }
            (bytes.len(), found)
        }
    };
    match found {
        Some(found) if found.next == Next::Read && length < MOST => {
            stream.hold(packet.payload, room);
            Finding::Found(found)
        }
        Some(found) => {
            stream.finish();
            Finding::Found(found)
        }
        None if wants_more && length < MOST => {
            stream.hold(packet.payload, room);
            Finding::More
        }
        None if length < SHORT => {
            stream.hold(packet.payload, room);
            Finding::No
        }
        None if probe.known || probe.strange >= AGAIN => {
            stream.finish();
            Finding::No
        }
        None => {
            probe.strange += 1;
            stream.restart();
            Finding::No
        }
    }
}

/// What a datagram says, alone and after those before it.
pub(super) fn inspect_datagram(
    probe: &mut Probe,
    packet: &Packet<'_>,
    side: Side,
    sender: Sender,
    room: usize,
) -> Finding {
    let number = probe.payloads.saturating_sub(1);
    let seen = view(packet, sender, number, &[]);
    match probe.handshake.inspect(&seen, room) {
        Finding::No | Finding::More => {}
        Finding::Found(found) => return Finding::Found(found),
    }
    // What goes on with media needs no other look.
    match probe.media.observe(side_index(side), packet.payload) {
        rtp::Heard::Clear(found) => return Finding::Found(found),
        rtp::Heard::Media => return Finding::No,
        rtp::Heard::Other => {}
    }
    if number >= STRANGE && !probe.known {
        return Finding::No;
    }
    let view = view(packet, sender, number, probe.openings[side_index(side.opposite())].heard());
    if let Some(found) = ask(classify::DATAGRAM, &view, &mut false) {
        probe.media.learn(&found.signature);
        return Finding::Found(found);
    }
    if rtp::is_rtcp(packet.payload) {
        return Finding::Found(Found { signature: rtp::RTCP, name: None, next: Next::Watch, announces: Vec::new() });
    }
    Finding::No
}
