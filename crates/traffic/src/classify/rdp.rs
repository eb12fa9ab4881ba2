//! Remote desktop: RDP over TCP (MS-RDPBCGR) and over UDP (MS-RDPEUDP, MS-RDPEUDP2).

use super::fields::near;
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Interactive;

const PORT: u16 = 3389;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view.bytes, view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(bytes: &[u8], view: &View<'_>) -> Finding {
    // TPKT, then a COTP request or confirmation (2.2.1.1); calls and controllers open in the same way.
    let &[3, 0, high, low, _, kind @ (0xe0 | 0xd0), ..] = bytes else { return Finding::No };
    if usize::from(u16::from_be_bytes([high, low])) > bytes.len() {
        return Finding::No;
    }
    // A request names a cookie or asks for security; a confirmation picks one (2.2.1.2).
    let negotiates = match kind {
        0xe0 => near(bytes, b"Cookie: msts") || bytes.get(11..15) == Some(&[1, 0, 8, 0]),
        _ => matches!(bytes.get(11..15), Some([2 | 3, _, 8, 0])),
    };
    if negotiates || near(bytes, b"Cookie: mstshash=") {
        return found("RDP", Interactive, "a remote desktop request");
    }
    if view.port(102) || view.port(1720) {
        return Finding::No;
    }
    // Without options it is the shortest that can be.
    let bare = bytes.len() == 11 && bytes[4] == 6;
    match view.port(PORT) {
        true => found("RDP", Interactive, "a remote desktop request"),
        false if bare => likely("RDP", Interactive, 80, "a remote desktop request"),
        false => Finding::No,
    }
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // A SYN acknowledges nothing, and says the sizes it may send and receive, 1132 to 1232 (MS-RDPEUDP, 2.2.2.5).
    let sizes = |at: usize| be16(bytes, at).is_some_and(|size| (1_132..=1_232).contains(&size));
    let flags = be16(bytes, 6).unwrap_or(0);
    if flags & 1 != 0 && sizes(12) && sizes(14) && (be32(bytes, 0) == Some(u32::MAX) || flags & 4 != 0) {
        return found("RDP", Interactive, "remote desktop opens its way over UDP");
    }
    if view.port(PORT) && bytes.len() >= 8 {
        return likely("RDP", Interactive, ONLY_PORT, "remote desktop over UDP");
    }
    Finding::No
}

#[cfg(test)]
mod tests {
    use super::super::specimen::check;
    use super::*;
    use Layer::{Datagram, Stream};

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn requests_are_told_from_calls_and_controllers() {
        check(
            inspect,
            &[
                (Stream, 9_000, "03 00 00 13 0e e0 00 00 00 00 00 01 00 08 00 0b 00 00 00", "RDP interactive"),
                (Stream, 9_000, "03 00 00 1f 1a e0 00*5 'Cookie: mstshash=me' 0d 0a", "RDP interactive"),
                (Stream, 9_000, "03 00 00 13 0e d0 00 00 12 34 00 02 1f 08 00 08 00 00 00", "RDP interactive"),
                (Stream, 3389, "03 00 00 0b 06 e0 00*5", "RDP interactive"),
                (Stream, 102, "03 00 00 16 11 e0 00 00 00 01 00 c0 01 0a c1 02 01 00 c2 02 01 02", ""),
                (Datagram, 9_000, "ff*4 00 40 00 01 12 34 56 78 04 d0 04 d0 00*1200", "RDP interactive"),
                (Datagram, 9_000, "ff*4 00 40 00 01 12 34 56 78 14 d0 04 d0 00*1200", ""),
                (Datagram, 3389, "aa*60", "RDP interactive"),
            ],
        );
    }
}
