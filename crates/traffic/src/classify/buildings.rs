//! Buildings and stages: BACnet, KNXnet/IP, LonWorks, Niagara Fox, M-Bus, Art-Net, sACN, OSC.

use super::fields::{begins_with, fills};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::be16;
use vocab::TrafficClass::Update;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if bytes.len() < 4 {
        return Finding::No;
    }
    match bytes {
        // BACnet/IP (ASHRAE 135, annex J): type 0x81 (0x82 over IPv6), a function, the length.
        [0x81 | 0x82, 0..=12, ..] if view.layer == Layer::Datagram && fills(be16(bytes, 2), 0, bytes) => {
            return found("BACnet", Update, "a BACnet message");
        }
        // KNXnet/IP (ISO 22510): header size 6, version 1.0 (2.0 over TCP), a service, the total length.
        [6, 0x10 | 0x20, 2..=9, ..] if fills(be16(bytes, 4), 0, bytes) => {
            return found("KNX", Update, "a KNX message");
        }
        // Niagara's Fox: a greeting in text.
        [b'f', b'o', b'x', b' ', b'a' | b's', b' ', ..] => {
            return found("Niagara Fox", Update, "a building's controller");
        }
        // M-Bus over a gateway (EN 13757-2): a long frame with its length twice, and its end.
        [0x68, first, second, 0x68, ..]
            if first == second && fills(Some(*first), 6, bytes) && bytes.last() == Some(&0x16) =>
        {
            return found("M-Bus", Update, "a message to a meter");
        }
        [b'A', b'r', b't', b'-', b'N', b'e', b't', 0, ..] => return found("Art-Net", Update, "lights of a stage"),
        // Streaming ACN (ANSI E1.31, 5): preamble, postamble, identifier.
        [0, 0x10, 0, 0, b'A', b'S', b'C', b'-', b'E', b'1', b'.', b'1', b'7', ..] => {
            return found("sACN", Update, "lights of a stage");
        }
        // KiNET (Philips Color Kinetics): a magic.
        [4, 1, 0xdc, 0x4a, ..] => return found("KiNET", Update, "lights of a building"),
        // Open Sound Control (1.0): an address, then types after a comma, in words of four bytes.
        [b'/' | b'#', ..] if view.layer == Layer::Datagram && open_sound(bytes) => {
            return likely("OSC", Update, 82, "a control of sound or light");
        }
        _ => {}
    }
    view.at_ports(|port| match port {
        47_808..=47_823 if bytes[0] == 0x81 && view.layer == Layer::Datagram => {
            likely("BACnet", Update, 85, "a BACnet message")
        }
        // Control networks over IP (CEA-852): a length that fits.
        1628 | 1629 if fills(be16(bytes, 0), 0, bytes) => found("CNP/IP", Update, "a message to building controls"),
        1628 | 1629 => likely("CNP/IP", Update, ONLY_PORT, "a message on the port of building controls"),
        1911 | 3011 | 4911 if begins_with(bytes, &[b"fox "]) => found("Niagara Fox", Update, "a building's controller"),
        // Crestron's control protocol: a type, a length.
        41_794 if fills(be16(bytes, 1), 3, bytes) => found("Crestron", Update, "a room controller"),
        1319 if bytes[0] == 2 => likely("AMX", Update, 85, "a room controller"),
        _ => Finding::No,
    })
}

fn open_sound(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"#bundle\0") {
        return bytes.len() >= 16;
    }
    let Some(end) = bytes.iter().take(120).position(|&byte| byte == 0) else { return false };
    let types = (end / 4 + 1) * 4;
    bytes.len().is_multiple_of(4)
        && end >= 2
        && bytes[..end].iter().all(u8::is_ascii_graphic)
        && bytes.get(types) == Some(&b',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn buildings_are_known() {
        check(
            inspect,
            &[
                (Datagram, 47_808, "81 0b 00 0c 01 20 ff ff 00 ff 10 08", "BACnet update"),
                (Datagram, 50_000, "81 0a 00 0d 01 20 ff ff 00 ff 10 08", ""),
                (Datagram, 3671, "06 10 02 01 00 0e 08 01 c0 a8 01 14 c3 cb", "KNX update"),
                (Datagram, 1628, "00 14 00 03 00*16", "CNP/IP update"),
                (Stream, 1911, "'fox a 0 -1 fox hello' 0a", "Niagara Fox update"),
                (Stream, 10_001, "68 03 03 68 53 01 51 a5 16", "M-Bus update"),
                (Datagram, 6454, "'Art-Net' 00 00 20 00 0e", "Art-Net update"),
                (Datagram, 5568, "00 10 00 00 'ASC-E1.17' 00 00 00", "sACN update"),
                (Datagram, 9000, "'/mix/1' 00 00 ',f' 00 00 3f 80 00 00", "OSC update"),
            ],
        );
    }
}
