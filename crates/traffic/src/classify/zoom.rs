//! Zoom's framing of media (Michel et al., "Enabling Passive Measurement of Zoom Performance in Production
//! Networks", IMC 2022, section 4): a frame of its servers, then a frame of the media, then RTP or RTCP.

use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, likely, rtp};
use crate::packet::be32;
use vocab::TrafficClass::Call;

/// Where its servers take media (Zoom support, "Network firewall or proxy server settings").
const PORTS: std::ops::RangeInclusive<u16> = 8_801..=8_810;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let (bytes, Some(&first)) = (view.bytes, view.bytes.first()) else { return Finding::No };
    if view.layer == Layer::Stream {
        return Finding::No;
    }
    if PORTS.contains(&view.responder_port()) {
        // Kinds 1 and 2 open and keep a way, 3 and 4 ask, 5 carries media, 7 closes.
        let known = matches!(first, 1..=5 | 7);
        return likely("Zoom", Call, if known { 92 } else { ONLY_PORT }, "Zoom's own framing on its media ports");
    }
    match first {
        // What two participants say to find each other.
        0x1f if bytes.starts_with(&[0x1f, 2, 1]) && bytes.len() > 36 => {
            let sure = if greets(bytes) { 95 } else { 82 };
            likely("Zoom", Call, sure, "Zoom's own signalling between participants")
        }
        5 if matches!(bytes.get(8), Some(33..=35)) && reports_at(bytes, 24) => {
            likely("Zoom", Call, 85, "Zoom's own framing of reports")
        }
        33..=35 if reports_at(bytes, 16) && bytes.len() >= 36 => {
            likely("Zoom", Call, 72, "Zoom's own framing of reports")
        }
        // One packet alone: less sure than the sequence that follows.
        5 if bytes.get(8).is_some_and(|&kind| media_at(bytes, kind, 8)) => {
            likely("Zoom", Call, 75, "Zoom's own framing of media")
        }
        _ => Finding::No,
    }
}

/// Behind 24 bytes an address and a name, each behind its length, then zeros.
fn greets(bytes: &[u8]) -> bool {
    let length = |at: usize| be32(bytes, at).and_then(|length| usize::try_from(length).ok());
    let end = length(24).and_then(|address| {
        let at = address.checked_add(28)?;
        length(at)?.checked_add(at + 4)
    });
    end.and_then(|end| end.checked_add(4)) == Some(bytes.len()) && bytes.ends_with(&[0; 4])
}

/// RTCP whose length fits (RFC 3550, 6.4).
fn reports_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).is_some_and(|packet| matches!(packet.first(), Some(0x80..=0xbf)) && rtp::is_rtcp(packet))
}

/// RTP where the kind of media puts it, with one of the payload types that Zoom uses.
fn media_at(bytes: &[u8], kind: u8, behind: usize) -> bool {
    let at = match kind {
        13 => behind + 27,
        30 => behind + 20,
        15 => behind + 19,
        16 => behind + 24,
        _ => return false,
    };
    bytes.get(at).is_some_and(|first| first & 0xc0 == 0x80)
        && bytes.get(at + 1).is_some_and(|kind| matches!(kind & 0x7f, 96..=127))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen;
    use Layer::Datagram;

    #[test]
    fn chance_is_nothing() {
        crate::classify::dialogue::check_chance(inspect);
    }

    #[test]
    fn its_frames_are_found() {
        specimen::check(
            inspect,
            &[
                (Datagram, 8_801, "01 00 03 07*40", "Zoom call"),
                (Datagram, 8_805, "05 10 01 00*4 04 0f 00*18 90 70", "Zoom call"),
                (Datagram, 40_001, "05 10 01 00*4 04 0f 00*18 90 70 00*20", "Zoom call"),
                (Datagram, 40_001, "05 10 01 00*4 04 21 00*15 80 c8 00 06 00*24", "Zoom call"),
                (Datagram, 40_001, "1f 02 01 07*60", "Zoom call"),
                (Datagram, 40_001, "05 10 01 00*4 04 07 00*18 90 70 00*20", ""),
                (Datagram, 40_001, "05 10 01 00*4 04 21 00*15 80 c8 00 07 00*24", ""),
                (Datagram, 40_001, "21 00*15 80 c8 00 06 00*24", "Zoom call"),
                (Datagram, 40_001, "05 07*60", ""),
            ],
        );
    }
}
