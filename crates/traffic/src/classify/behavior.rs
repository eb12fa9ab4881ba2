//! How a flow moves when nothing in it can be read: the last resort before its port.

use super::{Names, Sender, Signature};
use vocab::{FlowKey, IpProtocol, Side, Timestamp, TrafficClass};

/// Sizes and pace of the packets with a payload so far, per end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Behavior {
    ends: [End; 2],
    first: Timestamp,
    last: Timestamp,
}

#[derive(Clone, Copy, Debug, Default)]
struct End {
    packets: u16,
    bytes: u32,
    largest: u16,
    smallest: u16,
}

impl Behavior {
    pub(crate) fn observe(&mut self, sender: Sender, payload: &[u8], at: Timestamp) {
        if self.ends[0].packets + self.ends[1].packets == 0 {
            self.first = at;
        }
        self.last = at;
        let end = &mut self.ends[match sender {
            Sender::Initiator => 0,
            Sender::Responder => 1,
        }];
        let size = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        end.smallest = if end.packets == 0 { size } else { end.smallest.min(size) };
        end.largest = end.largest.max(size);
        end.bytes += u32::from(size);
        end.packets += 1;
    }

    /// What moves like this, if anything does.
    pub(crate) fn conclude(&self, key: &FlowKey, initiator: Side) -> Option<Signature> {
        let of = |application, class, confidence, why| {
            Some(Signature { application, class, names: Names::Adorn, confidence, why })
        };
        let [from, to] = self.ends;
        let both = from.packets >= 6 && to.packets >= 6;
        let millis = self.last.since(self.first).as_millis() as u64;
        let packets = u64::from(from.packets + to.packets);
        if key.protocol() != IpProtocol::UDP || key.end(initiator.opposite()).port < 1024 {
            return None;
        }
        // 20 to 150 packets a second, both ways: a person is in it (G.711 and Opus 50, games 20 to 128).
        let paced = packets >= 20 && millis > 0 && (10..=150).contains(&(packets * 1000 / millis));
        if both && paced && from.largest <= 400 && to.largest <= 400 {
            let even = from.largest - from.smallest <= 40 && to.largest - to.smallest <= 40;
            return if even {
                of("Voice", TrafficClass::Voice, 55, "small packets of one size at an even pace, both ways")
            } else {
                of("Game", TrafficClass::Gaming, 50, "small packets at the pace of a game, both ways")
            };
        }
        if both && paced && (from.largest > 600 || to.largest > 600) {
            return of("Video call", TrafficClass::Call, 45, "mixed packets at the pace of a video call, both ways");
        }
        None
    }
}
