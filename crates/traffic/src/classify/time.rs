//! Clocks: NTP and its kin, PTP, Roughtime.

use super::fields::{begins_with, fills, le32};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Interactive;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Stream {
        return Finding::No;
    }
    if view.port(123) && ntp(bytes) {
        return found("NTP", Interactive, "an NTP message");
    }
    if view.any_port(&[319, 320]) && ptp(bytes) {
        return found("PTP", Interactive, "a precise time message");
    }
    if bytes.starts_with(b"ROUGHTIM") || roughtime(bytes) {
        return found("Roughtime", Interactive, "a secured question for the time");
    }
    if view.port(2002) && bytes.len() >= 64 {
        return likely("Roughtime", Interactive, ONLY_PORT, "a message on the port of Roughtime");
    }
    if sntp(bytes) {
        return likely("NTP", Interactive, 80, "an NTP message on a port of its own");
    }
    Finding::No
}

/// Versions 1 to 4 with a mode (RFC 5905, 7.3); control messages (RFC 9327) and the private ones of ntpdc have
/// shorter headers.
fn ntp(bytes: &[u8]) -> bool {
    let Some(&first) = bytes.first() else { return false };
    let least = match first & 7 {
        7 => 8,
        6 => 12,
        _ => 44,
    };
    // How many clocks stand between this one and the true one; 16 is none.
    let far = matches!(first & 7, 0..=5) && bytes.get(1).is_some_and(|&stratum| stratum > 16);
    matches!((first >> 3) & 7, 1..=4) && bytes.len() >= least && !far
}

/// The plain message of 48 bytes, of a device or a server (modes 3 and 4), stamped after 2007.
fn sntp(bytes: &[u8]) -> bool {
    bytes.len() == 48
        && matches!(bytes[0] & 0x3f, 0x1b | 0x1c | 0x23 | 0x24)
        && bytes[1] <= 16
        && bytes[2] <= 17
        && be32(bytes, 40).is_some_and(|seconds| seconds >= 0xc900_0000)
}

/// IEEE 1588: a message type, version 1 or 2; from version 2 on the length fits, over IPv6 with two bytes behind (its
/// annex on UDP over IPv6).
fn ptp(bytes: &[u8]) -> bool {
    match bytes {
        [0, 1, ..] => bytes.len() >= 60,
        [kind, version, ..] if version & 0x0f == 2 => {
            kind & 0x0f <= 13 && (fills(be16(bytes, 2), 0, bytes) || fills(be16(bytes, 2), 2, bytes))
        }
        _ => false,
    }
}

/// The tags that a message without the later draft's frame begins with (draft-roughtime-aanchal, 6).
fn roughtime(bytes: &[u8]) -> bool {
    let Some(tags @ 1..=16) = le32(bytes, 0) else { return false };
    let first = 4 + 4 * (tags as usize - 1);
    bytes.len().is_multiple_of(4)
        && bytes.get(first..).is_some_and(|tag| begins_with(tag, &[b"SIG\0", b"NONC", b"VER\0", b"SREP", b"PATH"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::Datagram;

    #[test]
    fn clocks_are_known() {
        check(
            inspect,
            &[
                (Datagram, 123, "23 02 06 e9 00*44", "NTP interactive"),
                (Datagram, 123, "1b 00*47", "NTP interactive"),
                (Datagram, 123, "1b 20 00*46", ""),
                (Datagram, 123, "16 02 00 01 00*8", "NTP interactive"),
                (Datagram, 123, "17 00 03 2a 00*4", "NTP interactive"),
                (Datagram, 4123, "23 00 06 ec 00*36 e5 4b c0 12 00*4", "NTP interactive"),
                (Datagram, 4123, "23 00 06 ec 00*44", ""),
                (Datagram, 319, "00 02 00 2c 00*40", "PTP interactive"),
                (Datagram, 319, "00 02 00 2c 00*42", "PTP interactive"),
                (Datagram, 320, "0b 12 00 40 00*60", "PTP interactive"),
                (Datagram, 319, "00 02 00 99 00*40", ""),
                (Datagram, 5002, "'ROUGHTIM' f8 03 00 00 00*12", "Roughtime interactive"),
                (Datagram, 2002, "02 00 00 00 40 00 00 00 'NONC' 'PAD' ff 00*1008", "Roughtime interactive"),
            ],
        );
    }
}
