//! Cars, trains, ships and drones: SOME/IP, DoIP, TRDP, CAN in UDP, MAVLink, NMEA, gpsd, ASTERIX.

use super::fields::{begins_with, fills, le16, near};
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Interactive, Update};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if bytes.len() < 6 {
        return Finding::No;
    }
    if trdp(bytes) {
        return found("TRDP", Update, "train data");
    }
    match bytes {
        // DoIP (ISO 13400-2, 9): a version and its inverse, a payload type, a length.
        [version, inverse, 0 | 0x40 | 0x80, ..]
            if version ^ inverse == 0xff
                && be32(bytes, 4).is_some_and(|length| length < 1 << 24)
                && (view.port(13_400) || fills(be32(bytes, 4), 8, bytes)) =>
        {
            return found("DoIP", Update, "a car is diagnosed");
        }
        [b'$' | b'!', b'A'..=b'Z', b'A'..=b'Z', b'A'..=b'Z', ..] if nmea(bytes) => {
            return found("NMEA", Update, "a position in text");
        }
        // Trackers: JT/T 808 between marks with a sum (its 4.4), GT06 with a length and line end, Teltonika's IMEI.
        [0x7e, 0 | 1 | 2 | 7 | 0x80 | 0x81, .., 0x7e] if tracks_jt808(bytes) => {
            return found("JT/T 808", Update, "the position of a vehicle");
        }
        [0x78, 0x78, length, 1..=0x1a | 0x21..=0x2c | 0x80 | 0x8a | 0x94, .., 0x0d, 0x0a]
            if usize::from(*length) + 5 == bytes.len() =>
        {
            return found("GT06", Update, "the position of a vehicle");
        }
        [0, 15, imei @ ..] if imei.len() == 15 && imei.iter().all(u8::is_ascii_digit) => {
            return found("Teltonika", Update, "the position of a vehicle");
        }
        [b'{', ..] if bytes.starts_with(b"{\"class\":\"VERSION\"") || (view.port(2947) && bytes.starts_with(b"{")) => {
            return found("gpsd", Update, "a position from gpsd");
        }
        [b'?', b'W', b'A', b'T', b'C', b'H', ..] => return found("gpsd", Update, "a position is asked for"),
        _ => {}
    }
    if view.layer == Layer::Datagram {
        // CAN frames in UDP (its bridges name the standard).
        if bytes.starts_with(b"ISO11898") {
            return found("CAN", Interactive, "frames of a vehicle bus");
        }
        if mavlink(bytes) {
            let confidence = if view.any_port(&[14_550, 14_551, 14_555, 14_540, 18_570]) { 95 } else { 82 };
            return likely("MAVLink", Update, confidence, "a message of a drone");
        }
    } else if mavlink(bytes) && view.any_port(&[5760, 5762, 5763]) {
        return found("MAVLink", Update, "a message of a drone");
    }
    if let Finding::Found(known) = someip(view) {
        return Finding::Found(known);
    }
    view.at_ports(|port| match port {
        // Radar data (EUROCONTROL ASTERIX, 1): a category, a length.
        8600 if fills(be16(bytes, 1), 0, bytes) => found("ASTERIX", Update, "radar data"),
        // Logs of control units (AUTOSAR DLT): a header type of version 1, a length that fits.
        3490 if bytes[0] >> 5 == 1 && be16(bytes, 2).is_some_and(|length| usize::from(length) <= bytes.len()) => {
            found("DLT", Update, "logs of control units")
        }
        // XCP (ASAM MCD-1, part 3): a length that fits, a counter; a command or answer.
        5555 if fills(le16(bytes, 0), 4, bytes) && matches!(bytes[4], 0xc0..=0xff) => {
            likely("XCP", Update, 85, "a control unit is measured")
        }
        20_000 if bytes.len() >= 5 && matches!(bytes, [0 | 2, 0, _, 0, _, ..]) => {
            likely("cannelloni", Interactive, 60, "frames of a vehicle bus")
        }
        _ => Finding::No,
    })
}

/// Between the marks 0x7e and 0x7d are written as 0x7d and 2 or 1; the last byte is the exclusive or of all before it.
fn tracks_jt808(bytes: &[u8]) -> bool {
    let inside = &bytes[1..bytes.len() - 1];
    // The first message ends at the first mark behind it.
    let inside = &inside[..memchr::memchr(0x7e, inside).unwrap_or(inside.len())];
    let mut escaped = false;
    let mut sum = 0;
    for &byte in inside {
        match (escaped, byte) {
            (false, 0x7d) => escaped = true,
            (false, byte) => sum ^= byte,
            (true, byte) => {
                sum ^= 0x7c_u8.wrapping_add(byte);
                escaped = false;
            }
        }
    }
    // A header of twelve bytes at least, and the sum.
    inside.len() >= 13 && sum == 0
}

/// TRDP (IEC 61375-2-3): a sequence, version 1.x, a type of two letters.
fn trdp(bytes: &[u8]) -> bool {
    bytes.len() >= 40
        && bytes[4] == 1
        && matches!(&bytes[6..8], b"Mr" | b"Mp" | b"Mn" | b"Mq" | b"Mc" | b"Me" | b"Pd" | b"Pp" | b"Pr" | b"Pe")
}

/// SOME/IP (AUTOSAR PRS): a length that counts from 8, protocol version 1, a known message type and return
/// code; service discovery is message ffff 8100.
fn someip(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(length) = be32(bytes, 4).map(u64::from) else { return Finding::No };
    let header = bytes.len() >= 16
        && bytes[12] == 1
        && matches!(bytes[14] & !0x20, 0 | 1 | 2 | 0x40..=0x42 | 0x80 | 0x81 | 0xc0 | 0xc1)
        && bytes[15] <= 0x5e;
    if !header || length < 8 {
        return Finding::No;
    }
    let discovery = be32(bytes, 0) == Some(0xffff_8100);
    if discovery || view.any_port(&[30_490, 30_491, 30_501, 30_509]) {
        return found("SOME/IP", Update, "a message between control units");
    }
    if length + 8 <= bytes.len() as u64 && bytes[15] <= 0x0f {
        return likely("SOME/IP", Update, 85, "a message between control units");
    }
    Finding::No
}

/// Version 1 (0xfe) or 2 (0xfd) with a length that fits, perhaps signed (MAVLink guide, "Packet Serialization").
fn mavlink(bytes: &[u8]) -> bool {
    match bytes {
        [0xfe, length, _, 1..=254, ..] => bytes.len() == usize::from(*length) + 8,
        [0xfd, length, flags @ (0 | 1), 0, ..] => {
            bytes.len() == usize::from(*length) + 12 + if *flags == 1 { 13 } else { 0 }
        }
        _ => false,
    }
}

/// A sentence of a known talker with fields and a checksum in hex.
fn nmea(bytes: &[u8]) -> bool {
    begins_with(
        bytes,
        &[b"$GP", b"$GN", b"$GL", b"$GA", b"$BD", b"$II", b"$WI", b"$HE", b"$SD", b"!AI", b"!BS", b"!AB"],
    ) && bytes.get(6) == Some(&b',')
        && near(bytes, b"*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn vehicles_are_known() {
        check(
            inspect,
            &[
                (Stream, 8_000, "7e 00 02 00 00 01 23 45 67 89 01 00 01 8b 7e", "JT/T 808 update"),
                (Stream, 8_000, "7e 00 02 00 00 01 23 45 67 89 01 00 01 8c 7e", ""),
                (Stream, 5_023, "78 78 0d 01 01 23 45 67 89 01 23 45 00 01 8c dd 0d 0a", "GT06 update"),
                (Stream, 5_027, "00 0f '356307042441013'", "Teltonika update"),
                (Datagram, 30_509, "12 34 00 01 00 00 00 0a 00 01 00 02 01 01 00 00 'ab'", "SOME/IP update"),
                (Datagram, 30_490, "ff ff 81 00 00 00 00 20 00 00 00 01 01 01 02 00 00*24", "SOME/IP update"),
                (Datagram, 40_000, "12 34 00 01 00 00 00 0a 00 01 00 02 01 01 80 00 'ab'", "SOME/IP update"),
                (Datagram, 40_000, "12 34 00 01 00 00 00 ff 00 01 00 02 01 01 80 00 'ab'", ""),
                (Stream, 13_400, "02 fd 00 05 00 00 00 07 0e 00 00 00*4", "DoIP update"),
                (Datagram, 17_224, "00 00 00 01 01 00 'Pd' 00 00 03 e8 00*28", "TRDP update"),
                (Datagram, 5555, "02 00 00 00 ff 00", "XCP update"),
                (Datagram, 5555, "02 00 00 00 ff 00 00", ""),
                (Datagram, 5555, "'ISO11898' 00 00 00 01", "CAN interactive"),
                (Datagram, 14_550, "fd 09 00 00 00 01 01 00 00 00 00*9 12 34", "MAVLink update"),
                (Datagram, 10_110, "'$GPGGA,123519,4807.038,N*47' 0d 0a", "NMEA update"),
                (Stream, 2947, "'{\"class\":\"VERSION\",\"release\":\"3.22\"}'", "gpsd update"),
            ],
        );
    }
}
