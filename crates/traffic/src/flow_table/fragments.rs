//! Which flow the later parts of a fragmented packet belong to: only its first part bears the ports.

use crate::{Fragment, Packet};
use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;
use vocab::{Address, IpProtocol, Timestamp};

/// Packets remembered at most; a newer one takes the place of an older one whose hash is the same. 256 cost 16 kB.
const SLOTS: usize = 256;
/// Linux gives up on a packet's missing parts after this long (net/ipv4/ip_fragment.c, `IP_FRAG_TIME`).
const PATIENCE: Duration = Duration::from_secs(30);

/// Which packet, or, without an identification, the last one between two ends: a part that comes before its
/// first part most likely belongs to the flow whose packets were cut before.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Whose {
    source: Address,
    destination: Address,
    protocol: IpProtocol,
    id: Option<u32>,
}

#[derive(Clone, Copy)]
struct Ports {
    whose: Whose,
    source: u16,
    destination: u16,
    at: Timestamp,
}

/// The ports of packets that came in parts, for a short while.
#[derive(Default)]
pub(super) struct Fragments {
    hasher: RandomState,
    /// Empty until the first part of a packet comes.
    slots: Vec<Option<Ports>>,
}

impl Fragments {
    /// The packet with the ports that its first part bore, where that is known.
    pub(super) fn complete<'a>(&mut self, packet: &Packet<'a>, now: Timestamp) -> Packet<'a> {
        let mut packet = *packet;
        let whose = |id| Whose {
            source: packet.source.address,
            destination: packet.destination.address,
            protocol: packet.protocol,
            id,
        };
        match packet.fragment {
            Fragment::Whole => {}
            Fragment::First { id } => {
                let (source, destination) = (packet.source.port, packet.destination.port);
                self.learn(Ports { whose: whose(Some(id)), source, destination, at: now });
                self.learn(Ports { whose: whose(None), source, destination, at: now });
            }
            Fragment::Later { id } => {
                let known = self.find(whose(Some(id)), now).or_else(|| self.find(whose(None), now));
                if let Some((source, destination)) = known {
                    packet.source.port = source;
                    packet.destination.port = destination;
                }
            }
        }
        packet
    }

    fn place(&self, whose: &Whose) -> usize {
        self.hasher.hash_one(whose) as usize % SLOTS
    }

    fn learn(&mut self, ports: Ports) {
        if self.slots.is_empty() {
            self.slots = vec![None; SLOTS];
        }
        let place = self.place(&ports.whose);
        self.slots[place] = Some(ports);
    }

    fn find(&self, whose: Whose, now: Timestamp) -> Option<(u16, u16)> {
        let ports = self.slots.get(self.place(&whose))?.as_ref()?;
        (ports.whose == whose && now.since(ports.at) <= PATIENCE).then_some((ports.source, ports.destination))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::LinkType;

    /// A part of UDP from 10.0.0.1 to 10.0.0.2 with an identification and an offset in units of 8 bytes.
    fn part(id: u8, offset: u8, more: bool) -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 36, 0, id, if more { 0x20 } else { 0 }, offset, 64, 17, 0, 0];
        bytes.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend_from_slice(&[0x9c, 0x40, 0, id, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        bytes
    }

    /// A second, an identification, an offset, whether more follow, and the ports that are given.
    type Row = (u64, u8, u8, bool, (u16, u16));

    fn check(parts: &[Row]) {
        let mut fragments = Fragments::default();
        for &(second, id, offset, more, expected) in parts {
            let bytes = part(id, offset, more);
            let packet = Packet::parse(&bytes, LinkType::RawIp, 36).expect("it is an IP packet");
            let complete = fragments.complete(&packet, Timestamp::from_unix_millis(second * 1_000));
            assert_eq!((complete.source.port, complete.destination.port), expected, "{second} {id} {offset}");
        }
    }

    #[test]
    fn later_parts_go_with_their_first() {
        check(&[
            (0, 7, 0, true, (40_000, 7)),
            (0, 9, 0, true, (40_000, 9)),
            (1, 7, 2, true, (40_000, 7)),
            (1, 9, 2, false, (40_000, 9)),
            (2, 7, 4, false, (40_000, 7)),
        ]);
        // Before its first part: with the flow cut last; long after: with none.
        check(&[
            (0, 7, 2, false, (0, 0)),
            (1, 7, 0, true, (40_000, 7)),
            (2, 8, 2, false, (40_000, 7)),
            (60, 7, 2, false, (0, 0)),
        ]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut fragments = Fragments::default();
        for id in 0..=255 {
            let bytes = part(id, 0, true);
            let packet = Packet::parse(&bytes, LinkType::RawIp, 36).expect("it is an IP packet");
            fragments.complete(&packet, Timestamp::default());
        }
        assert_eq!(fragments.slots.len(), SLOTS);
    }
}
