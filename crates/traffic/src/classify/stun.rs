//! STUN (RFC 8489), ICE (RFC 8445) and TURN (RFC 8656): how calls find their way.

use super::{Finding, Found, Layer, Names, Next, Signature, View};
use crate::packet::{be16, be32};
use vocab::TrafficClass;

/// Fixed since RFC 5389.
const MAGIC_COOKIE: u32 = 0x2112_a442;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = match view.layer {
        Layer::Datagram => view.bytes,
        // Framed by RFC 4571 where ICE runs over TCP.
        Layer::Stream if be32(view.bytes, 4) == Some(MAGIC_COOKIE) => view.bytes,
        Layer::Stream => view.bytes.get(2..).unwrap_or(&[]),
    };
    let Some(kind) = be16(bytes, 0) else { return Finding::No };
    let length = usize::from(be16(bytes, 2).unwrap_or(u16::MAX));
    let modern = be32(bytes, 4) == Some(MAGIC_COOKIE);
    let fits = length + 20 == bytes.len() || (view.layer == Layer::Stream && length + 20 <= bytes.len());
    // Channel data of TURN: a channel number, then a length (RFC 8656, 12.4).
    if !modern && (0x4000..0x5000).contains(&kind) && view.any_port(&[3478, 3480, 19_302, 5349]) {
        let exact = length + 4 == bytes.len() || length + 4 == bytes.len().next_multiple_of(4);
        return if exact {
            conclude(TrafficClass::Call, 88, "media through a relay", Next::Settle)
        } else {
            Finding::No
        };
    }
    if kind & 0xc000 != 0 || bytes.len() < 20 || !length.is_multiple_of(4) || !fits {
        return Finding::No;
    }
    // RFC 3489 had no cookie: only on its port, only its few messages.
    let old = matches!(kind, 0x0001 | 0x0101 | 0x0111 | 0x0002 | 0x0102) && view.any_port(&[3478, 3479]);
    if !modern && !old {
        return Finding::No;
    }
    let mut ice = false;
    let mut zoom = false;
    let mut turn = matches!(kind & 0x3eef, 0x0003 | 0x0004 | 0x0006 | 0x0007 | 0x0008 | 0x0009);
    let mut rest = &bytes[20..20 + length];
    let mut attributes = 0;
    while let (Some(kind), Some(length)) = (be16(rest, 0), be16(rest, 2)) {
        // Zoom's own, in the old format (Michel et al., IMC 2022, section 4).
        zoom |= !modern && matches!(kind, 0x0101 | 0x0103);
        // MESSAGE-INTEGRITY (the ends share a secret), PRIORITY, USE-CANDIDATE, ICE-CONTROLLED, ICE-CONTROLLING
        ice |= matches!(kind, 0x0008 | 0x0024 | 0x0025 | 0x8029 | 0x802a);
        // XOR-RELAYED-ADDRESS, REQUESTED-TRANSPORT, DATA, XOR-PEER-ADDRESS
        turn |= matches!(kind, 0x0016 | 0x0019 | 0x0013 | 0x0012);
        rest = rest.get(4 + usize::from(length).next_multiple_of(4)..).unwrap_or(&[]);
        attributes += 1;
        if attributes > 64 {
            break;
        }
    }
    if zoom {
        let signature = Signature {
            application: "Zoom",
            class: TrafficClass::Call,
            names: Names::Adorn,
            confidence: 88,
            why: "Zoom's own form of STUN",
        };
        return Finding::Found(Found { signature, name: None, next: Next::Settle, announces: Vec::new() });
    }
    if ice {
        conclude(TrafficClass::Call, 80, "two ends look for a direct way (ICE), as calls do", Next::Watch)
    } else if turn {
        conclude(TrafficClass::Call, 78, "a relay for media is asked for (TURN)", Next::Watch)
    } else {
        conclude(TrafficClass::Interactive, 70, "an end asks for its own address (STUN)", Next::Watch)
    }
}

fn conclude(class: TrafficClass, confidence: u8, why: &'static str, next: Next) -> Finding {
    let signature = Signature { application: "STUN", class, names: Names::Refine, confidence, why };
    Finding::Found(Found { signature, name: None, next, announces: Vec::new() })
}
