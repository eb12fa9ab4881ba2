//! Controllers of machines and plants: Modbus, S7, EtherNet/IP, OPC UA, PROFINET, FINS, MELSEC, ADS, HART-IP,
//! instruments, and the programming ports of many vendors.

use super::fields::{begins, fills, le16, le32};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, Sender, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Update;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    if view.bytes.len() < 4 {
        return Finding::No;
    }
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes {
        // ISO transport over TCP (RFC 1006, 6): version 3, a length.
        [3, 0, ..] if bytes.len() >= 7 => {
            if let Finding::Found(known) = iso(view) {
                return Finding::Found(known);
            }
        }
        // OPC UA (part 6, 7.1.2): a message type, a chunk, its length.
        [b'H', b'E', b'L', b'F', ..]
        | [b'A', b'C', b'K', b'F', ..]
        | [b'R', b'H', b'E', b'F', ..]
        | [b'O', b'P', b'N', b'F', ..]
        | [b'M', b'S', b'G', b'F' | b'C', ..]
        | [b'C', b'L', b'O', b'F', ..]
        | [b'E', b'R', b'R', b'F', ..]
            if begins(le32(bytes, 4), 16, 1 << 24) =>
        {
            return found("OPC UA", Update, "an OPC UA message");
        }
        // HiSLIP (IVI-6.1, 2.4): "HS", a type, a payload that fits.
        [b'H', b'S', 0..=30, _, ..]
            if bytes.len() >= 16
                && (view.port(4880) || be32(bytes, 8) == Some(0) && fills(be32(bytes, 12), 16, bytes)) =>
        {
            return found("HiSLIP", Update, "a message to an instrument");
        }
        [b'*', b'I', b'D', b'N', b'?', ..] => return found("SCPI", Update, "a message to an instrument"),
        // Omron FINS over TCP: its name, a length, a command.
        [b'F', b'I', b'N', b'S', 0, ..] => return found("FINS", Update, "a message to an Omron controller"),
        // Fanuc's FOCAS: a sync word, a version.
        [0xa0, 0xa0, 0xa0, 0xa0, 0, ..] => return found("FOCAS", Update, "a message to a machine tool"),
        [0x50 | 0xd0, 0, 0, 0xff, ..] | [0x54 | 0xd4, 0, _, _, 0, 0, _, 0xff, ..] if melsec(bytes) => {
            return found("MELSEC", Update, "a message to a Mitsubishi controller");
        }
        [_, _, _, 0 | 1, ..] if ethernet_ip(bytes) => return found("EtherNet/IP", Update, "an EtherNet/IP message"),
        _ => {}
    }
    if modbus(bytes) {
        // Schneider's own function carries all that its programming does.
        if bytes[7] & 0x7f == 90 {
            return likely(
                "UMAS",
                Update,
                if view.port(502) { 95 } else { 75 },
                "a Schneider controller is programmed",
            );
        }
        return if view.port(502) {
            found("Modbus", Update, "a Modbus message")
        } else if modbus_content(view) {
            likely("Modbus", Update, 80, "a message that reads as Modbus")
        } else {
            Finding::No
        };
    }
    if matches!(bytes, [0xf1..=0xfe, _, .., 0xf6]) && genisys(bytes) {
        return found("Genisys", Update, "a message to signals of a railway");
    }
    // ROC Plus (Emerson D301180, 2.1): two addresses, an operation, the length of its data, a checksum.
    if bytes.len() >= 8
        && fills(Some(bytes[5]), 8, bytes)
        && checksum(&bytes[..bytes.len() - 2], 0) == le16(bytes, bytes.len() - 2)
    {
        return found("ROC Plus", Update, "a message to a flow computer");
    }
    if bytes.len() == 8 && matches!(bytes[1], 1..=6) && modbus_checksum(bytes) {
        return likely("Modbus", Update, 80, "a serial Modbus message");
    }
    view.at_ports(|port| match port {
        502 if be16(bytes, 2) == Some(0) => likely("Modbus", Update, 85, "a Modbus message"),
        102 if bytes[0] == 3 => likely("S7comm", Update, 85, "a message to a Siemens controller"),
        44_818 if matches!(bytes.get(..2), Some([0x01 | 0x04 | 0x63..=0x66 | 0x6f | 0x70, 0])) => {
            found("EtherNet/IP", Update, "an EtherNet/IP message")
        }
        // AMS over TCP: two zeros, a length.
        48_898 if be16(bytes, 0) == Some(0) && begins(le32(bytes, 2), 32, 1 << 20) => {
            found("Beckhoff ADS", Update, "a message to a Beckhoff controller")
        }
        5094 | 20_004 if hart(bytes) => found("HART-IP", Update, "a message to a field device"),
        // GE's SRTP: a type, zeros; the first message is 56 zeros.
        18_245 if bytes.len() >= 56 => found("GE SRTP", Update, "a message to a GE controller"),
        // Codesys 2 and 3.
        1200 | 2455 if bytes.starts_with(&[0xbb, 0xbb]) => found("CODESYS", Update, "a controller is programmed"),
        11_740..=11_743
            if be32(bytes, 0).is_some_and(|magic| magic & 0xffff_fffe == 0x0001_17e8 || magic == 0xe817_0100) =>
        {
            found("CODESYS", Update, "a controller is programmed")
        }
        789 if fills(be16(bytes, 0), 2, bytes) => found("Crimson", Update, "a Red Lion controller is programmed"),
        20_547 if matches!(bytes[0], 0xcc) => found("ProConOS", Update, "a controller is programmed"),
        1962 if matches!(bytes, [1 | 0x81, 1..=6, ..]) => found("PCWorx", Update, "a controller is programmed"),
        // Unitronics' PCOM over TCP: an id, ASCII (0x65) or binary (0x66).
        20_256 if matches!(bytes, [_, _, 0x65 | 0x66, 0, ..]) => found("PCOM", Update, "a message to a controller"),
        1089..=1091 | 3622 => likely("FF HSE", Update, ONLY_PORT, "a message of a field bus"),
        5007 | 5006 if bytes[0] == 0x50 => likely("MELSEC", Update, 85, "a message to a Mitsubishi controller"),
        // Rockwell's older CSP: a mode, a submode, a length.
        2222 if matches!(bytes, [1 | 2, 1 | 7, ..]) && bytes.len() >= 28 => {
            found("CSP", Update, "a message to a controller")
        }
        // Instruments take text.
        5025 | 5024 if bytes.is_ascii() => likely("SCPI", Update, 85, "a message to an instrument"),
        // Universal Robots' states: a length, a message type.
        30_001..=30_004 if bytes.len() >= 5 && begins(be32(bytes, 0), 5, 4_096) => {
            likely("UR", Update, 75, "the state of a robot")
        }
        34_962..=34_964 => likely("PROFINET", Update, ONLY_PORT, "a PROFINET message"),
        _ => Finding::No,
    })
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes {
        // Implicit messages (CIP volume 2, 2-6): two items, a sequenced address of eight bytes, then data.
        [2, 0, 2, 0x80, 8, 0, ..] if bytes.len() >= 18 => {
            return found("CIP", Update, "a controller's inputs and outputs");
        }
        [_, _, _, 0 | 1, ..] if ethernet_ip(bytes) => return found("EtherNet/IP", Update, "an EtherNet/IP message"),
        [0x50 | 0xd0, 0, 0, 0xff, ..] | [0x54 | 0xd4, 0, _, _, 0, 0, _, 0xff, ..] if melsec(bytes) => {
            return found("MELSEC", Update, "a message to a Mitsubishi controller");
        }
        // Cameras of factories (GigE Vision 2.0, 16): a key or a status, a command, the length of what follows.
        [0x42, 0 | 1 | 0x10 | 0x11, 0, 2 | 4 | 0x40 | 0x80 | 0x82 | 0x84 | 0x86, ..]
        | [0 | 0x80, _, 0, 3 | 5 | 0x41 | 0x81 | 0x83 | 0x85 | 0x87, ..]
            if (bytes[0] == 0x42 || view.port(3956)) && fills(be16(bytes, 4), 8, bytes) =>
        {
            return found("GVCP", Update, "a message to a camera of a factory");
        }
        [b'F', b'A', b'C', b'N', ..] => return found("FL-net", Update, "a message of a field bus"),
        [b'E', b't', b'h', b'e', b'r', b'S', b'I', b'O', ..] | [b'E', b'S', b'I', b'O', ..] => {
            return found("Ether-S-I/O", Update, "a message to a controller");
        }
        // Beckhoff's discovery over UDP: a cookie.
        [3, 0x66, 0x14, 0x71, ..] => return found("Beckhoff ADS", Update, "a Beckhoff controller is looked for"),
        [0xfa, 0xce, ..] if view.port(18_507) => return found("DeltaV", Update, "a message to a controller"),
        _ => {}
    }
    view.at_ports(|port| match port {
        502 if modbus(bytes) => found("Modbus", Update, "a Modbus message"),
        2222 if bytes.len() >= 18 => likely("EtherNet/IP", Update, ONLY_PORT, "an EtherNet/IP message"),
        34_962..=34_964 if bytes[0] == 4 => found("PROFINET", Update, "a PROFINET message"),
        34_962..=34_964 => likely("PROFINET", Update, ONLY_PORT, "a message on the port of PROFINET"),
        // FINS over UDP (Omron W342): a command or response, reserved, hops.
        9600 if matches!(bytes, [0x80 | 0x81 | 0xc0 | 0xc1, 0, 0..=7, ..]) && bytes.len() >= 12 => {
            found("FINS", Update, "a message to an Omron controller")
        }
        5094 | 20_004 if hart(bytes) => found("HART-IP", Update, "a message to a field device"),
        1740..=1743 if bytes[0] == 0xc5 => found("CODESYS", Update, "a controller is looked for"),
        // Ether-S-Bus (Saia): a length that is all, version, type.
        5050 if fills(be32(bytes, 0), 0, bytes) && matches!(bytes.get(4..6), Some([0 | 1, 0..=2])) => {
            found("Ether-S-Bus", Update, "a message to a controller")
        }
        6060 if bytes.len() >= 8 && bytes[..3] == [0, 0, 0] => {
            likely("Ether-S-I/O", Update, 80, "a message to a controller")
        }
        // TriStation (Triconex): a type, a direction.
        1502 if matches!(bytes, [1..=6, 0, ..]) => likely("TriStation", Update, 85, "a message to a safety controller"),
        1089..=1091 | 3622 => likely("FF HSE", Update, ONLY_PORT, "a message of a field bus"),
        55_000..=55_003 => likely("FL-net", Update, ONLY_PORT, "a message of a field bus"),
        18_246 if matches!(bytes, [13, 1, ..]) => found("GE EGD", Update, "a message to a GE controller"),
        // EtherCAT in UDP (ETG.1000.4): a length of eleven bits, type 1, 4 or 5 above it.
        34_980 if le16(bytes, 0).is_some_and(|word| matches!(word >> 12, 1 | 4 | 5)) => {
            found("EtherCAT", Update, "a message of a field bus")
        }
        3819 => likely("POWERLINK", Update, ONLY_PORT, "a message of a field bus"),
        61_450 | 61_451 => likely("CC-Link IE", Update, ONLY_PORT, "a message of a field bus"),
        5094..=5096 => likely("HART-IP", Update, ONLY_PORT, "a message to a field device"),
        _ => Finding::No,
    })
}

/// What stands in ISO transport: S7 in data units; on port 102 a request to connect.
fn iso(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let length = usize::from(bytes[4]);
    match bytes[5] & 0xf0 {
        // Data: the header is two bytes after its length, then 0x32 (S7) or 0x72 (S7 plus) with a kind.
        0xf0 if length == 2 => match bytes.get(7..9) {
            Some([0x32, 1..=3 | 7]) => found("S7comm", Update, "a message to a Siemens controller"),
            Some([0x72, 1..=3 | 0xfe]) => found("S7comm-plus", Update, "a message to a Siemens controller"),
            _ => Finding::No,
        },
        // A connect request or confirm names its access points: Siemens' have a rack and slot.
        0xe0 | 0xd0 if view.port(102) => match memchr::memmem::find(&bytes[..bytes.len().min(64)], &[0xc2, 2]) {
            Some(at) if matches!(bytes.get(at + 2), Some(1..=3)) => {
                found("S7comm", Update, "a request to a Siemens controller")
            }
            _ => likely("ISO transport", Update, 85, "a request of ISO transport"),
        },
        _ => Finding::No,
    }
}

/// A header (Modbus messaging on TCP/IP, 3.1.3): protocol 0, a length in sight, a function of the standard.
fn modbus(bytes: &[u8]) -> bool {
    be16(bytes, 2) == Some(0)
        && be16(bytes, 4).is_some_and(|length| (2..=260).contains(&length) && usize::from(length) + 6 <= bytes.len())
        && bytes.get(7).is_some_and(
            |function| matches!(function & 0x7f, 1..=8 | 11 | 12 | 15..=17 | 20..=24 | 43 | 90 | 100 | 125 | 126),
        )
}

/// As [`modbus`] without its port: one message whose content is as long as its function has it (Modbus application
/// protocol, 6), and an answer to the request before it.
fn modbus_content(view: &View<'_>) -> bool {
    let bytes = view.bytes;
    let Some(&[function, ref content @ ..]) = bytes.get(7..) else { return false };
    let counted = |at: usize| content.get(at).is_some_and(|&count| content.len() == at + 1 + usize::from(count));
    let request = match function {
        1..=6 | 8 => content.len() == 4,
        15 | 16 => counted(4),
        22 => content.len() == 6,
        23 => counted(8),
        7 | 11 | 12 | 17 => content.is_empty(),
        20 | 21 => counted(0),
        43 => matches!(content, [14, 1..=4, _]),
        _ => false,
    };
    let answer = match function {
        1..=4 | 17 | 20 | 21 | 23 => counted(0),
        5 | 6 | 8 | 15 | 16 => content.len() == 4,
        0x81..=0x97 => matches!(content, [1..=11]),
        _ => false,
    };
    fills(be16(bytes, 4), 6, bytes)
        && match view.sender {
            Sender::Initiator => request,
            Sender::Responder => {
                answer
                    && view.heard.get(..4) == bytes.get(..4)
                    && view.heard.get(7).is_some_and(|asked| *asked == function & 0x7f)
            }
        }
}

/// The checksum of serial Modbus (over serial line, 6.2.2): polynomial 0xa001, low byte first.
fn modbus_checksum(bytes: &[u8]) -> bool {
    let Some((frame, stated)) = bytes.split_last_chunk::<2>() else { return false };
    checksum(frame, 0xffff) == Some(u16::from_le_bytes(*stated))
}

/// CRC-16 of polynomial 0xa001 from a first value; none of what no serial line carries in one message.
fn checksum(frame: &[u8], first: u16) -> Option<u16> {
    (frame.len() <= 512).then(|| {
        frame.iter().fold(first, |sum, &byte| {
            (0..8).fold(sum ^ u16::from(byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 })
        })
    })
}

/// Genisys (Union Switch & Signal, SM-6840): a header from 0xf1, a station, data, a checksum, 0xf6. What is as large as a
/// header stands behind 0xf0, less that.
fn genisys(bytes: &[u8]) -> bool {
    let Some([inner @ .., 0xf6]) = bytes.get(1..) else { return false };
    let mut frame = vec![bytes[0]];
    let mut rest = inner.iter().take(512);
    while let Some(&byte) = rest.next() {
        match byte {
            0xf0 => match rest.next() {
                Some(&low @ 0..=0x0f) => frame.push(0xf0 | low),
                _ => return false,
            },
            0xf1..=0xff => return false,
            plain => frame.push(plain),
        }
    }
    frame.len() >= 4
        && frame
            .split_last_chunk::<2>()
            .is_some_and(|(frame, stated)| checksum(frame, 0) == Some(u16::from_le_bytes(*stated)))
}

/// Encapsulation (CIP volume 2, 2-3): a command, a length that fits, no options.
fn ethernet_ip(bytes: &[u8]) -> bool {
    matches!(le16(bytes, 0), Some(0x04 | 0x63..=0x66 | 0x6f | 0x70 | 0x72 | 0x73))
        && fills(le16(bytes, 2), 24, bytes)
        && le32(bytes, 8).is_some_and(|status| status <= 0x69)
        && le32(bytes, 20) == Some(0)
}

/// SLMP (its reference manual, 5.1): a subheader, a network, a station, a module 0x03ff, a length that fits.
fn melsec(bytes: &[u8]) -> bool {
    let at = if bytes[0] & 0x0f == 4 { 6 } else { 2 };
    matches!(bytes.get(at + 1..at + 5), Some([_, 0xe0..=0xff, 3, _])) && fills(le16(bytes, at + 5), at + 7, bytes)
}

/// HART-IP (its network management specification, 5.3): version 1 or 2, a type, an id, a length that fits.
fn hart(bytes: &[u8]) -> bool {
    matches!(bytes, [1 | 2, 0..=15, 0..=5 | 128, ..]) && fills(be16(bytes, 6), 0, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn controllers_are_known() {
        check(
            inspect,
            &[
                (Stream, 502, "00 01 00 00 00 06 11 03 00 6b 00 03", "Modbus update"),
                (Stream, 1502, "00 01 00 00 00 06 11 03 00 6b 00 03", "Modbus update"),
                (Stream, 1502, "00 01 00 00 00 07 11 03 00 6b 00 03", ""),
                (Stream, 502, "00 01 00 00 00 04 00 5a 00 02", "UMAS update"),
                (Stream, 10_001, "fb 01 82 f0 00 f6", "Genisys update"),
                (Stream, 10_001, "fb 01 82 f0 01 f6", ""),
                (Stream, 4000, "01 02 03 01 07 00 2b a5", "ROC Plus update"),
                (Datagram, 3956, "42 11 00 02 00 00 00 01", "GVCP update"),
                (Datagram, 3956, "00 00 00 81 00 04 00 07 00 00 00 01", "GVCP update"),
                (Datagram, 3956, "42 11 00 02 00 04 00 01", ""),
                (Stream, 4001, "11 03 00 6b 00 03 76 87", "Modbus update"),
                (Stream, 4001, "11 03 00 6b 00 03 76 88", ""),
                (Stream, 102, "03 00 00 16 11 e0 00 00 00 01 00 c1 02 01 00 c2 02 01 02 c0 01 0a", "S7comm update"),
                (
                    Stream,
                    1102,
                    "03 00 00 19 02 f0 80 32 01 00 00 04 00 00 08 00 00 f0 00 00 01 00 01 01 e0",
                    "S7comm update",
                ),
                (Stream, 102, "03 00 00 10 02 f0 80 72 01 00 05 00 00 00 00 00", "S7comm-plus update"),
                (Stream, 44_818, "65 00 04 00 00*20 01 00 00 00", "EtherNet/IP update"),
                (Datagram, 44_818, "63 00 00 00 00*20", "EtherNet/IP update"),
                (Datagram, 2222, "02 00 02 80 08 00 01 02 03 04 05 06 07 08 b1 00 02 00 00 00", "CIP update"),
                (Stream, 4840, "'HELF' 38 00 00 00 00*48", "OPC UA update"),
                (Stream, 4880, "'HS' 00 00 01 00 52 53 00 00 00 00 00 00 00 07 'hislip0'", "HiSLIP update"),
                (Stream, 5025, "'*IDN?' 0a", "SCPI update"),
                (Stream, 9600, "'FINS' 00 00 00 0c 00 00 00 00 00 00 00 00", "FINS update"),
                (Datagram, 9600, "80 00 02 00 01 00 00 0a 00 01 01 01 82 00 00", "FINS update"),
                (Stream, 5007, "50 00 00 ff ff 03 00 0c 00 10 00 01 04 00 00 64 00 00 a8 01 00", "MELSEC update"),
                (Stream, 48_898, "00 00 20 00 00 00 00*32", "Beckhoff ADS update"),
                (Datagram, 5094, "01 00 00 00 00 01 00 0d 01 00 00 75 30", "HART-IP update"),
                (Stream, 8193, "a0 a0 a0 a0 00 01 01 01 00 02 00 02", "FOCAS update"),
                (Stream, 789, "00 04 03 00 01 2b", "Crimson update"),
                (Datagram, 1740, "c5 74 40 03 00 00 00 00", "CODESYS update"),
                (Datagram, 5050, "00 00 00 0c 00 00 00 01 05 20 00 00", "Ether-S-Bus update"),
                (Datagram, 55_000, "'FACN' 00*8", "FL-net update"),
                (Datagram, 34_980, "0e 10 07 00 00*12", "EtherCAT update"),
                (Datagram, 18_246, "0d 01 00 00 00*28", "GE EGD update"),
            ],
        );
    }
}
