//! How a device gets its address and finds its neighbours: DHCP, NAT-PMP and PCP, WS-Discovery, SLP, and the
//! discovery of many vendors.

use super::fields::{be24, fills, near};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Interactive, Streaming, Update};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if bytes.is_empty() {
        return Finding::No;
    }
    if view.layer == Layer::Stream {
        return view.at_ports(|port| match port {
            427 if slp(bytes) => found("SLP", Update, "a question for a service"),
            427 => likely("SLP", Update, ONLY_PORT, "a message on the port of SLP"),
            2190 if bytes.starts_with(b"TiVo") => found("TiVoConnect", Interactive, "a TiVo looks for others"),
            // Apple's base stations: "acpp" (the AirPort configuration protocol).
            5009 if bytes.starts_with(b"acp") => found("AirPort ACP", Interactive, "settings of a base station"),
            _ => Finding::No,
        });
    }
    // DHCP (RFC 2131, 2 and 3): operation, hardware, the magic cookie.
    if be32(bytes, 236) == Some(0x6382_5363) && matches!(bytes[0], 1 | 2) {
        return found("DHCP", Interactive, "a DHCP message");
    }
    match bytes {
        // Wake on LAN (AMD's magic packet): six ones, then an address sixteen times.
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ..] if wake_on_lan(bytes) => {
            return found("Wake-on-LAN", Interactive, "it wakes a sleeping device");
        }
        [b'<', ..] if near(bytes, b"<?xml") && near(bytes, b"http://schemas.xmlsoap.org/ws/2005/04/discovery") => {
            return found("WS-Discovery", Interactive, "a device discovery message");
        }
        // Samsung's TVs look for others (their own word for it), and Roon (its node API, "sood").
        [b'S', b'E', b'A', b'R', b'C', b'H', b' ', b'B', b'S', b'D', b'P', b'/', ..] => {
            return found("Samsung SDP", Interactive, "a TV looks for others");
        }
        [b'S', b'O', b'O', b'D', 2, b'Q' | b'R' | b'X', ..] => {
            return found("Roon", Interactive, "a music server is looked for");
        }
        [b't' | b'T', ..] if bytes.len() > 12 && bytes[..11].eq_ignore_ascii_case(b"TiVoConnect") => {
            return found("TiVoConnect", Interactive, "a TiVo looks for others");
        }
        _ => {}
    }
    view.at_ports(|port| at(port, bytes))
}

fn at(port: u16, bytes: &[u8]) -> Finding {
    let first = bytes[0];
    match port {
        67 | 68 if matches!(first, 1 | 2) && bytes.len() >= 44 => found("DHCP", Interactive, "a DHCP message"),
        67 | 68 => likely("DHCP", Interactive, ONLY_PORT, "a message on the port of DHCP"),
        // Proxy DHCP of network boot (PXE 2.1): a DHCP message, recognised above; else its rest.
        4011 if matches!(first, 1 | 2) => likely("DHCP", Interactive, 75, "a network boot"),
        // RFC 8415, 7.3: message types up to 36 with its extensions.
        546 | 547 if matches!(first, 1..=36) && bytes.len() >= 4 => found("DHCPv6", Interactive, "a DHCPv6 message"),
        // NAT-PMP and PCP (RFC 6886, 3; RFC 6887, 7): version, operation, answers with the top bit.
        5350 | 5351 if matches!(bytes, [0, 0..=2 | 128..=130, ..]) => {
            found("NAT-PMP", Interactive, "a request to a gateway for a port")
        }
        5350 | 5351 if matches!(bytes, [1 | 2, 0..=3 | 128..=131, ..]) && bytes.len() >= 24 => {
            found("PCP", Interactive, "a request to a gateway for a port")
        }
        3702 if near(bytes, b"<?xml") || near(bytes, b":Envelope") => {
            found("WS-Discovery", Interactive, "a device discovery message")
        }
        427 if slp(bytes) => found("SLP", Update, "a question for a service"),
        // Ubiquiti: version 1 with no body (a question) or a length that fits; version 2 announces.
        10_001 if matches!(bytes, [1 | 2, 0 | 6 | 8 | 9 | 11, ..]) && fills(be16(bytes, 2), 4, bytes) => {
            found("Ubiquiti discovery", Interactive, "a device discovery message")
        }
        // MikroTik's MNDP: a sequence number, then typed fields that begin with the hardware address.
        5678 if bytes == [0; 4] || bytes == [0; 9] || bytes.get(4..8) == Some(&[0, 1, 0, 6]) => {
            found("MNDP", Interactive, "a router looks for neighbours")
        }
        // Cisco LWAPP: a version, flags; CAPWAP's ancestor.
        12_222 | 12_223 => likely("LWAPP", Interactive, ONLY_PORT, "an access point and its controller"),
        // Aruba's PAPI: a magic number first.
        8211 if be16(bytes, 0) == Some(0x4972) => found("PAPI", Interactive, "an access point and its controller"),
        // CAPWAP (RFC 5415, 4.1): version 0, plain or DTLS, header length in words.
        5246 | 5247 if matches!(first, 0 | 1) && bytes.len() >= 8 => {
            found("CAPWAP", Interactive, "an access point and its controller")
        }
        // A magic, a version, a length that is all.
        7351 if bytes.starts_with(&[0xfe, 0xf7]) && fills(be16(bytes, 6), 0, bytes) => {
            found("Meraki cloud", Interactive, "a report to a network controller")
        }
        7351 => likely("Meraki cloud", Interactive, ONLY_PORT, "a report to a network controller"),
        // Hikvision's SADP and Dahua's discovery of cameras.
        37_020 if near(bytes, b"<?xml") => found("SADP", Interactive, "cameras are looked for"),
        37_810 if near(bytes, b"DHIP") || near(bytes, b"DHDiscover") => {
            found("Dahua discovery", Interactive, "cameras are looked for")
        }
        // HDHomeRun: a packet type, a length that leaves room for the checksum.
        65_001 if matches!(bytes, [0, 2..=5, ..]) && fills(be16(bytes, 2), 8, bytes) => {
            found("HDHomeRun", Interactive, "a tuner is looked for")
        }
        // Lantronix and Digi serial servers, Moxa's.
        30_718 if bytes.len() >= 4 && bytes[..3] == [0, 0, 0] => {
            found("Lantronix discovery", Interactive, "a device discovery message")
        }
        2362 if bytes.starts_with(b"DIGI") => found("ADDP", Interactive, "a device discovery message"),
        4800 if matches!(bytes, [1 | 0x81, 0, 0, 8 | 24, ..]) => {
            found("Moxa discovery", Interactive, "a device discovery message")
        }
        // AMX and Crestron rooms.
        9131 if bytes.starts_with(b"AMXB") => found("AMX discovery", Interactive, "a device discovery message"),
        41_794 if matches!(first, 0x14 | 0x15) => found("Crestron", Update, "a room controller is looked for"),
        // Netgear's NSDP: its name at 24. Asus: a fixed beginning. Synology: its own.
        63_321..=63_324 if bytes.get(24..28) == Some(b"NSDP") => found("NSDP", Interactive, "a switch is looked for"),
        9999 if bytes.starts_with(&[0x0c, 0x15, 0x1f, 0]) || bytes.starts_with(&[0x0c, 0x16, 0x1f, 0]) => {
            found("ASUS discovery", Interactive, "a router is looked for")
        }
        9997..=9999 if bytes.starts_with(b"\x12\x34\x56\x78SYNO") => {
            found("Synology discovery", Interactive, "a storage is looked for")
        }
        // TP-Link's and Omada's controllers.
        29_810 | 29_811 => likely("Omada", Interactive, ONLY_PORT, "an access point and its controller"),
        20_002 if matches!(bytes, [1 | 2, 0, ..]) && bytes.len() >= 16 => {
            found("TP-Link discovery", Update, "a message to a smart plug")
        }
        // Plex media servers speak HTTP over UDP; the rest of their ports are the same search.
        32_410 | 32_412..=32_414 => likely("Plex discovery", Interactive, ONLY_PORT, "a media server is looked for"),
        // Apple Remote Desktop's net assistant.
        3283 if matches!(bytes, [0 | 1, 0x14, ..]) => {
            found("Apple Remote Desktop", Interactive, "a remote desktop is looked for")
        }
        // Microsoft's Connected Devices Platform (MS-CDP, 2.2.2.1): a signature first.
        5050 if be16(bytes, 0) == Some(0x3030) => found("MS-CDP", Interactive, "a device looks for its owner's others"),
        // IAPP of access points (IEEE 802.11F): version 0 or 1, a command, a length that fits.
        2313 | 3517 if first <= 1 && fills(be16(bytes, 4), 0, bytes) => {
            found("IAPP", Interactive, "a message between access points")
        }
        // Bluetooth and Wi-Fi cameras of the Hichip and CS2 kind announce with a magic byte and a length.
        32_100 | 32_108 if first == 0xf1 && fills(be16(bytes, 2), 4, bytes) => {
            likely("PPPP", Streaming, 88, "a camera and its rendezvous server")
        }
        _ => Finding::No,
    }
}

/// Six ones, then the same six bytes sixteen times; a password may follow.
fn wake_on_lan(bytes: &[u8]) -> bool {
    matches!(bytes.len(), 102 | 106 | 108) && bytes[6..102].chunks_exact(6).all(|address| address == &bytes[6..12])
}

/// SLP (RFC 2608, 8; RFC 2165): version 2 with a 24-bit length, or version 1 with 16 bits, and a function.
fn slp(bytes: &[u8]) -> bool {
    match bytes {
        [2, 1..=11, ..] => fills(be24(bytes, 2), 0, bytes),
        [1, 1..=10, ..] => fills(be16(bytes, 2), 0, bytes),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn discovery_is_known() {
        check(
            inspect,
            &[
                (Datagram, 7351, "fe f7 28 91 0d 01 00 20 00*24", "Meraki cloud interactive"),
                (Datagram, 15_600, "'SEARCH BSDP/0.1' 0a", "Samsung SDP interactive"),
                (Datagram, 9003, "'SOOD' 02 51 04 'type' 00 04", "Roon interactive"),
                (Datagram, 67, "01 01 06 00 00*232 63 82 53 63 35 01 01 ff", "DHCP interactive"),
                (Datagram, 4011, "01 01 06 00 00*232 63 82 53 63 35 01 01 ff", "DHCP interactive"),
                (Datagram, 67, "01 01 06 00 00*296", "DHCP interactive"),
                (Datagram, 547, "01 12 34 56 00 08 00 02 00 00", "DHCPv6 interactive"),
                (Datagram, 5351, "00 00", "NAT-PMP interactive"),
                (Datagram, 5351, "00 82 00 00 00 00 00 00 13 88 13 88 00 00 0e 10", "NAT-PMP interactive"),
                (Datagram, 5351, "02 01 00 00 00 00 1c 20 00*52", "PCP interactive"),
                (
                    Datagram,
                    9,
                    "ff*6 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01 02 00 00 00 00 01",
                    "Wake-on-LAN interactive",
                ),
                (
                    Datagram,
                    3702,
                    "'<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope>'",
                    "WS-Discovery interactive",
                ),
                (Datagram, 427, "02 01 00 00 12 00*13", "SLP update"),
                (Stream, 427, "02 09 00 00 12 20 00*12", "SLP update"),
                (Datagram, 10_001, "01 00 00 00", "Ubiquiti discovery interactive"),
                (Datagram, 10_001, "02 06 00 09 0a 00 04 00 00 00 01 00 00", "Ubiquiti discovery interactive"),
                (Datagram, 5678, "00 00 00 01 00 01 00 06 02 00 00 00 00 01", "MNDP interactive"),
                (Datagram, 8211, "49 72 00 03 00*20", "PAPI interactive"),
                (Datagram, 5246, "00 10 00 00 00 00 00 00 00 00 00 01", "CAPWAP interactive"),
                (Datagram, 65_001, "00 02 00 04 01 02 00 00 11 22 33 44", "HDHomeRun interactive"),
                (Datagram, 30_718, "00 00 00 f6", "Lantronix discovery interactive"),
                (Datagram, 63_322, "01 01 00*22 'NSDP' 00*4", "NSDP interactive"),
                (Datagram, 2190, "'TiVoConnect=1' 0a 'Method=broadcast'", "TiVoConnect interactive"),
                (Datagram, 32_108, "f1 30 00 00", "PPPP streaming"),
            ],
        );
    }
}
