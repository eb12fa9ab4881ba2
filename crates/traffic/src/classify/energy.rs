//! Grids and meters: DNP3, IEC 60870-5-104, IEC 61850 (MMS), synchrophasors, DLMS, ANSI C12.22, tank gauges.

use super::fields::{fills, near};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::be16;
use vocab::TrafficClass::Update;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes {
        // DNP3 (IEEE 1815, 9.2): start bytes, a length of at least 5, a function of either end.
        [0x05, 0x64, 5..=255, ..] if bytes.len() >= 10 => return found("DNP3", Update, "a DNP3 message"),
        // IEC 60870-5-104 (5.1): unnumbered frames start and test the flow.
        [0x68, 4, 0x07 | 0x0b | 0x13 | 0x23 | 0x43 | 0x83, 0, 0, 0, ..] if view.layer == Layer::Stream => {
            return found("IEC 60870-5-104", Update, "an IEC 60870-5-104 message");
        }
        // IEEE C37.118.2, table 2: a sync byte, a frame type, version 1 or 2, the length.
        [0xaa, kind, ..]
            if kind >> 4 <= 5 && matches!(kind & 15, 1 | 2) && fills(be16(bytes, 2), 0, bytes) && bytes.len() >= 16 =>
        {
            return found("Synchrophasor", Update, "a synchrophasor frame");
        }
        // IEC 62056-21: a request to sign on, or a meter's identification.
        [b'/', b'?', ..] if bytes.ends_with(b"!\r\n") => return found("IEC 62056", Update, "a message to a meter"),
        // Gas tank gauges (Veeder-Root's serial interface): SOH, a function of a letter and digits.
        [1, b'I' | b'i' | b'S' | b's', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', ..] => {
            return found("ATG", Update, "a question to a tank gauge");
        }
        // DLMS (IEC 62056-47): wrapper version 1, its ports, a length that fits, a known service.
        [0, 1, 0, _, 0, _, _, _, tag, ..]
            if fills(be16(bytes, 6), 8, bytes)
                && matches!(tag, 0x60..=0x64 | 0xc0..=0xcc | 0x0e | 0x0f | 0xd8 | 0xdb) =>
        {
            return if view.port(4059) {
                found("DLMS", Update, "a message to a meter")
            } else {
                likely("DLMS", Update, 80, "a message to a meter")
            };
        }
        _ => {}
    }
    if view.layer == Layer::Stream && bytes.starts_with(&[3, 0]) && mms(bytes) {
        return found("IEC 61850", Update, "a message to a substation or plant (ISO 9506)");
    }
    view.at_ports(|port| match port {
        2404 if bytes.first() == Some(&0x68) => found("IEC 60870-5-104", Update, "an IEC 60870-5-104 message"),
        10_001 if matches!(bytes, [1, ..] | [b'I', b'2', b'0', ..]) && view.layer == Layer::Stream => {
            likely("ATG", Update, 85, "a question to a tank gauge")
        }
        // ANSI C12.22 (IEEE 1703): an association control.
        1153 if bytes.first() == Some(&0x60) => found("ANSI C12.22", Update, "a message to a meter"),
        1153 => likely("ANSI C12.22", Update, ONLY_PORT, "a message on the port of meters"),
        4059 => likely("DLMS", Update, ONLY_PORT, "a message on the port of meters"),
        // Sampled values and GOOSE over UDP (IEC 61850-90-5): session identifiers a0 to a3.
        102 if matches!(bytes, [1, 0x40, 0xa0..=0xa3, ..]) && view.layer == Layer::Datagram => {
            found("IEC 61850", Update, "an event of a substation")
        }
        19_998 => likely("IEC 60870-5-104", Update, ONLY_PORT, "a message on the port of IEC 104 in TLS"),
        _ => Finding::No,
    })
}

/// TPKT, a COTP data unit, then ISO session and presentation with MMS's object identifier (1.0.9506.2.1), or
/// the session's short "give tokens, data" and a presentation of a single value.
fn mms(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.get(7..) else { return false };
    if bytes[4] != 2 || bytes[5] != 0xf0 {
        return false;
    }
    match rest {
        [0x0d | 0x0e, ..] => near(rest, &[0x28, 0xca, 0x22, 2]) || near(rest, &[0x28, 0xca, 0x22, 1]),
        [1, 0, 1, 0, 0x61, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn grids_and_meters_are_known() {
        check(
            inspect,
            &[
                (Stream, 20_000, "05 64 05 c0 01 00 00 04 e9 21", "DNP3 update"),
                (Stream, 12_404, "68 04 07 00 00 00", "IEC 60870-5-104 update"),
                (Stream, 2404, "68 0e 00 00 00 00 64 01 06 00 01 00 00 00 00 14", "IEC 60870-5-104 update"),
                (Datagram, 4713, "aa 41 00 12 00 01 00*10 00 05", "Synchrophasor update"),
                (Stream, 8000, "'/?!' 0d 0a", "IEC 62056 update"),
                (Stream, 10_001, "01 'I20100' 0a", "ATG update"),
                (Stream, 4059, "00 01 00 10 00 01 00 0d c0 01 c1 00 01 00 00 60 01 00 ff 02 00", "DLMS update"),
                (Datagram, 1153, "60 30 a2 0d 06 0b", "ANSI C12.22 update"),
                (
                    Stream,
                    102,
                    "03 00 00 40 02 f0 80 0d 37 05 06 13 01 00 16 01 02 14 02 00 02 31 00*8 06 07 28 ca 22 02 01 00*8",
                    "IEC 61850 update",
                ),
                (
                    Stream,
                    102,
                    "03 00 00 1b 02 f0 80 01 00 01 00 61 0e 30 0c 02 01 03 a0 07 a0 05 02 01 01 a1 00",
                    "IEC 61850 update",
                ),
            ],
        );
    }
}
