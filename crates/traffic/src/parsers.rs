//! Entry points of the parsers of outside bytes, for fuzzing: each must return for any input.
//!
//! Where an input holds several messages, `0xff 0xfe 0xfd` stands between them.

pub use crate::classify::parsers::{dns, dtls, http, inspector, quic, stun_rtp, tls};

use crate::classify::{self, Finding, Layer, Sender, View, bittorrent, certificate, services::Services, sip};
use crate::{Counts, FlowLimits, FlowTable, Fragment, Locality, Packet, TcpFlags, TcpSegment, Transport};
use vocab::{Address, ByteCount, Endpoint, FlowKey, IpProtocol, LinkType, Timestamp};

/// What all inputs share: the table of services, which takes longer to make than an input to run.
#[derive(Clone)]
pub struct Shared(Services);

impl Shared {
    /// Made once.
    #[expect(clippy::new_without_default, reason = "it is no default of anything")]
    pub fn new() -> Shared {
        Shared(Services::new())
    }

    fn table(&self, limits: FlowLimits) -> FlowTable {
        FlowTable::with_services(limits, Locality::default(), self.0.clone())
    }

    fn small_table(&self) -> FlowTable {
        self.table(FlowLimits { flows: 16, reassembly_bytes: 4_096, names: 16, ..FlowLimits::default() })
    }
}

/// Frames of one link through parser and flow table; the first byte chooses the link type. Returns how many flows
/// they made.
pub fn packets(shared: &Shared, bytes: &[u8]) -> u64 {
    let Some((&choice, rest)) = bytes.split_first() else { return 0 };
    let link_type = LinkType::ALL[usize::from(choice) % LinkType::ALL.len()];
    let mut table = shared.small_table();
    for (step, frame) in messages(rest).enumerate() {
        let at = Timestamp::from_unix_millis(step as u64 * 20);
        let _ = Packet::outer_key(frame, link_type);
        if let Ok(packet) = Packet::parse(frame, link_type, frame.len() as u32) {
            table.observe(&packet, None, at);
        }
        table.expire(at);
    }
    table.drain();
    table.counters().opened
}

/// A conversation over TCP through the flow table, so that every stream inspector sees both sides: two bytes choose
/// the port, then each message begins with a byte that says who sends it and how it stands in the stream. Returns the
/// application.
pub fn streams(shared: &Shared, bytes: &[u8]) -> String {
    conversation(shared, bytes, IpProtocol::TCP)
}

/// The same over UDP, for every datagram inspector.
pub fn datagrams(shared: &Shared, bytes: &[u8]) -> String {
    conversation(shared, bytes, IpProtocol::UDP)
}

fn conversation(shared: &Shared, bytes: &[u8], protocol: IpProtocol) -> String {
    const GAP: u8 = 0x02;
    const AGAIN: u8 = 0x04;
    const CLOSE: u8 = 0x08;
    let Some((&port, rest)) = bytes.split_first_chunk::<2>() else { return String::new() };
    let ends = [end(1, 40_000), end(2, u16::from_be_bytes(port))];
    let mut table = shared.small_table();
    // Near the end of the sequence numbers, so that they wrap.
    let mut seq = [u32::MAX - 20, 7];
    for (side, flags) in [(0, 0x02), (1, 0x12)] {
        if protocol == IpProtocol::TCP {
            observe(&mut table, &packet(ends, side, protocol, flags, seq[side], &[]), 0);
            seq[side] = seq[side].wrapping_add(1);
        }
    }
    for (step, message) in messages(rest).enumerate() {
        let Some((&control, payload)) = message.split_first() else { continue };
        let side = usize::from(control & 1);
        let flags = if control & CLOSE != 0 { 0x11 } else { 0x18 };
        let ahead = if control & GAP != 0 { u32::from(control >> 4) * 16 } else { 0 };
        let sent = packet(ends, side, protocol, flags, seq[side].wrapping_add(ahead), payload);
        observe(&mut table, &sent, 20 * step as u64);
        if control & AGAIN == 0 && ahead == 0 {
            seq[side] = seq[side].wrapping_add(payload.len() as u32);
        }
    }
    let flow = table.get_by_key(&FlowKey::new(protocol, ends[0], ends[1]).0);
    table.drain();
    flow.map_or_else(String::new, |flow| flow.verdict.application)
}

/// What a worker does with its table, in any order, in a table that holds little: each message is an operation.
/// Returns how many flows there were; what a table promises is checked after each step.
pub fn table(shared: &Shared, bytes: &[u8]) -> u64 {
    const FLOWS: usize = 6;
    const KEPT: usize = 600;
    let limits = FlowLimits { flows: FLOWS, reassembly_bytes: KEPT, names: 8, summaries: 8, ..FlowLimits::default() };
    let mut table = shared.table(limits);
    let mut now = 1_000;
    for message in messages(bytes) {
        let Some((&[what, who, extra], payload)) = message.split_first_chunk::<3>() else { continue };
        let protocol = if what & 0x08 == 0 { IpProtocol::TCP } else { IpProtocol::UDP };
        let ports = [53, 443, 5060, 21, 3478, 40_000, 6881, 80];
        let ends =
            [end(who & 3, 40_000 + u16::from(who >> 5)), end(8 + (who >> 2 & 3), ports[usize::from(who >> 4 & 7)])];
        let side = usize::from(what >> 4 & 1);
        now += u64::from(extra) << (what >> 5);
        match what & 7 {
            0..=3 => observe(&mut table, &packet(ends, side, protocol, extra, u32::from(who), payload), now),
            4 => {
                let key = FlowKey::new(protocol, ends[0], ends[1]).0;
                let counts =
                    |packets: u8| Counts { bytes: ByteCount(u64::from(packets) * 900), packets: packets.into() };
                let at = Timestamp::from_unix_millis(now);
                table.observe_counts(&key, counts(extra), counts(who), None, at);
            }
            5 => drop(table.expire(Timestamp::from_unix_millis(now))),
            6 => {
                table.summaries(usize::from(extra));
                table.get_by_key(&FlowKey::new(protocol, ends[0], ends[1]).0);
            }
            _ => drop(table.drain()),
        }
        let counters = table.counters();
        assert!(counters.open <= FLOWS as u64 + 1, "the table holds no more than it may");
        assert!(counters.reassembly_bytes <= 8 * KEPT as u64, "nor does what it puts together");
        assert!(counters.open <= counters.opened, "what is open was opened");
    }
    table.drain();
    assert_eq!((table.counters().open, table.counters().reassembly_bytes), (0, 0), "all is given back");
    table.counters().opened
}

/// A message of SIP, with the flows that its SDP speaks of; returns how many those are.
pub fn sip(bytes: &[u8]) -> usize {
    let mut announced = 0;
    each_view(bytes, &[5060, 1720, 554], |view| {
        drop(sip::inspect(view));
        classify::ANNOUNCERS.iter().for_each(|announce| announce(view, &mut |_| announced += 1));
    });
    announced
}

/// BitTorrent: peers, trackers and the distributed table with its bencode; returns whether it was known.
pub fn bittorrent(bytes: &[u8]) -> bool {
    let mut known = false;
    each_view(bytes, &[6881, 6969, 40_001], |view| known |= matches!(bittorrent::inspect(view), Finding::Found(_)));
    known
}

/// Handshake messages of a server with its certificate; returns whose it is.
pub fn certificate(bytes: &[u8]) -> Option<String> {
    certificate::holder(bytes)
}

/// `bytes` as either end would send them, over both kinds of transport, to each of `ports`.
fn each_view(bytes: &[u8], ports: &[u16], mut look: impl FnMut(&View<'_>)) {
    for &port in ports {
        for layer in [Layer::Stream, Layer::Datagram] {
            for sender in [Sender::Initiator, Sender::Responder] {
                let (source_port, destination_port) =
                    if sender == Sender::Initiator { (40_000, port) } else { (port, 40_000) };
                let heard = &bytes[..bytes.len().min(classify::HEARD)];
                let (source, destination) = (Address::default(), Address::default());
                look(&View {
                    layer,
                    bytes,
                    sender,
                    source,
                    destination,
                    source_port,
                    destination_port,
                    number: 1,
                    heard,
                });
            }
        }
    }
}

fn messages(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = memchr::memmem::find(bytes, &[0xff, 0xfe, 0xfd]);
        rest = end.and_then(|end| bytes.get(end + 3..));
        bytes.get(..end.unwrap_or(bytes.len()))
    })
}

fn end(last: u8, port: u16) -> Endpoint {
    // A device and a server: below 8 private, else not.
    let address = if last < 8 { [192, 168, 0, last] } else { [203, 0, 113, last] };
    Endpoint { address: Address::from_v4(address), port }
}

fn packet(ends: [Endpoint; 2], side: usize, protocol: IpProtocol, flags: u8, seq: u32, payload: &[u8]) -> Packet<'_> {
    let transport = match protocol {
        IpProtocol::TCP => Transport::Tcp(TcpSegment { flags: TcpFlags(flags), seq, ack: 0 }),
        _ => Transport::Udp,
    };
    Packet {
        source: ends[side],
        destination: ends[1 - side],
        protocol,
        transport,
        source_mac: None,
        destination_mac: None,
        vlan: None,
        dscp: 0,
        ttl: 64,
        wire_len: 54 + payload.len() as u32,
        fragment: Fragment::Whole,
        payload,
        cut: 0,
    }
}

fn observe(table: &mut FlowTable, packet: &Packet<'_>, millis: u64) {
    table.observe(packet, None, Timestamp::from_unix_millis(millis));
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_conversation_reaches_the_inspectors_of_both_sides() {
        let ssh = b"\x00\x16\x00SSH-2.0-OpenSSH_9.6\r\n\xff\xfe\xfd\x01SSH-2.0-dropbear\r\n";
        assert_eq!(super::streams(&super::Shared::new(), ssh), "SSH");
        let ntp = [&[0, 123, 0, 0x23][..], &[0; 47]].concat();
        assert_eq!(super::datagrams(&super::Shared::new(), &ntp), "NTP");
    }
}
