//! What lives in houses: lamps, plugs, thermostats, cameras, and their gateways, by the protocols of their
//! vendors.

use super::fields::{begins, begins_with, fills, le16, near};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Interactive, Streaming, Update, Web};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if bytes.len() < 4 {
        return Finding::No;
    }
    match bytes {
        // Tuya: a prefix of its own, a sequence, a command, a length (and the newer framing).
        [0, 0, 0x55, 0xaa, ..] if bytes.len() >= 16 && be32(bytes, 8).is_some_and(|command| command < 0x1000) => {
            return found("Tuya", Update, "a message to a Tuya device");
        }
        [0, 0, 0x66, 0x99, ..] if bytes.len() >= 18 => return found("Tuya", Update, "a message to a Tuya device"),
        // Xiaomi's service for its phones (the push SDK's blobs): a magic, version 5, the length of what stands before a sum.
        [0xc2, 0xfe, 0, 5, ..] if begins(be32(bytes, 4), 0, 1 << 20) => {
            return found("Xiaomi", Web, "a message between a phone and Xiaomi");
        }
        // Huawei's push service keeps a flow of short messages: a kind, a length that is all; the first is a log-in.
        [0x16, _, _, 0, ..] if view.layer == Layer::Stream && fills(be16(bytes, 1), 0, bytes) && bytes.len() >= 32 => {
            let confidence = if view.port(5223) { 95 } else { 85 };
            return likely("Huawei push", Interactive, confidence, "messages that a maker pushes to its phones");
        }
        // Xiaomi's miIO: a magic, a length that is all.
        [0x21, 0x31, ..] if fills(be16(bytes, 2), 0, bytes) && bytes.len() >= 32 => {
            return found("miIO", Update, "a message to a Xiaomi device");
        }
        // TP-Link's smart home: JSON behind a chain of exclusive ors that begins with 171: `{"` and a letter.
        [0xd0, 0xf2, 0x80..=0xaf, ..] if view.layer == Layer::Datagram => {
            return found("TP-Link smart home", Update, "a message to a smart plug");
        }
        [0, 0, _, _, 0xd0, 0xf2 | 0xad | 0xd0, ..] if view.port(9999) || fills(be32(bytes, 0), 4, bytes) => {
            return found("TP-Link smart home", Update, "a message to a smart plug");
        }
        // Midea's air conditioners: 5a5a or 8370.
        [0x5a, 0x5a, 1, 0x10 | 0x11, ..] | [0x83, 0x70, _, _, 0x20, ..] => {
            return found("Midea", Update, "a message to an air conditioner");
        }
        // Broadlink: a fixed beginning.
        [0x5a, 0xa5, 0xaa, 0x55, 0x5a, 0xa5, 0xaa, 0x55, ..] => {
            return found("Broadlink", Update, "a message to a remote control");
        }
        // Cameras: Reolink's "Baichuan", Foscam's, the Xiongmai family's.
        [0xf0, 0xde, 0xbc, 0x0a, ..] => return likely("Reolink", Streaming, 88, "a camera of Reolink"),
        [b'M', b'O', b'_', b'I' | b'O' | b'V', 0..=255, ..] if bytes.len() >= 23 => {
            return likely("Foscam", Streaming, 88, "a camera of Foscam");
        }
        [b'D', ..] if bytes.starts_with(b"DAIKIN_UDP") => {
            return found("Daikin", Update, "a message to an air conditioner");
        }
        [b'H', b'F', b'-', b'A', b'1', b'1', ..] => return found("Magic Home", Update, "a lamp is looked for"),
        [b'M', ..] if bytes.starts_with(b"M-SEARCH wifi_bulb") => {
            return found("Yeelight", Update, "a lamp is looked for");
        }
        // OpenWebNet (Legrand): commands between stars and hashes.
        [b'*', b'#' | b'0'..=b'9' | b'9', ..] if bytes.ends_with(b"##") => {
            return found("OpenWebNet", Update, "a message to building controls");
        }
        // ECHONET Lite (its part II, 3.2): headers 0x10 and 0x81 or 0x82.
        [0x10, 0x81 | 0x82, ..] if view.port(3610) => {
            return found("ECHONET Lite", Update, "a message to home devices");
        }
        _ if view.layer == Layer::Datagram && lorawan(bytes) => {
            return found("LoRaWAN", Update, "a gateway forwards what sensors send by radio");
        }
        // ZigBee frames in UDP (Wireshark's packet-zep.c): EX, version 1 or 2, data or an acknowledgement.
        [b'E', b'X', 2, 1 | 2, ..] | [b'E', b'X', 1, ..] if view.port(17_754) => {
            return found("ZEP", Update, "frames of a radio network of sensors");
        }
        // The older stations' (HP1000 and kin): a name and a word in eight bytes each.
        [b'P', b'C', b'2', b'0', b'0', b'0', 0, 0, ..] => {
            return found("EasyWeather", Update, "a message of a weather station");
        }
        _ => {}
    }
    // Weather stations of Fine Offset (Ecowitt's "LAN data transmission"): two ones, a command, a size without them, a sum.
    if let &[0xff, 0xff, command @ 0x10..=0x65, size, .., sum] = bytes
        && usize::from(size) + 2 == bytes.len()
        && bytes[2..bytes.len() - 1].iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte)) == sum
    {
        let confidence = if command == 0x12 || view.any_port(&[45_000, 46_000, 59_387]) { 95 } else { 85 };
        return likely("EasyWeather", Update, confidence, "a message of a weather station");
    }
    // LIFX (LAN protocol, "Header"): the size is all, protocol 1024 with its addressable flag.
    if view.layer == Layer::Datagram
        && bytes.len() >= 36
        && fills(le16(bytes, 0), 0, bytes)
        && le16(bytes, 2).is_some_and(|flags| flags & 0x1fff == 0x1400)
    {
        return found("LIFX", Update, "a message to a lamp");
    }
    match view.layer {
        Layer::Stream => view.at_ports(|port| stream(port, bytes)),
        Layer::Datagram => view.at_ports(|port| datagram(port, bytes)),
    }
}

/// Semtech's packet forwarder (its PROTOCOL.TXT, 3): version 1 or 2, a token, a kind; data with a gateway's id and JSON,
/// a pull with the id alone, acknowledgements with nothing, or JSON for the radio.
fn lorawan(bytes: &[u8]) -> bool {
    match bytes {
        [1 | 2, _, _, 0, _, _, _, _, _, _, _, _, b'{', b'"', ..] => bytes.ends_with(b"}"),
        [1 | 2, _, _, 3, b'{', b'"', ..] => near(&bytes[..bytes.len().min(12)], b"\"txpk"),
        [1 | 2, _, _, 5, _, _, _, _, _, _, _, _, b'{', ..] => near(bytes, b"\"txpk_ack\""),
        _ => false,
    }
}

fn stream(port: u16, bytes: &[u8]) -> Finding {
    match port {
        9999 if be32(bytes, 0).is_some_and(|length| (2..4_000).contains(&length)) && bytes.get(4) == Some(&0xd0) => {
            likely("TP-Link smart home", Update, 90, "a message to a smart plug")
        }
        // ESPHome's native API: plain (0) or encrypted (1), a length.
        6053 if matches!(bytes[0], 0 | 1) => found("ESPHome", Update, "a message to a sensor"),
        55_443 if begins_with(bytes, &[b"{\"id\"", b"{\"method\""]) => found("Yeelight", Update, "a message to a lamp"),
        5577 if matches!(bytes[0], 0x81 | 0x31 | 0x71 | 0x61 | 0xb0) => {
            likely("Magic Home", Update, 85, "a message to a lamp")
        }
        11_095 => likely("Nest", Update, ONLY_PORT, "a report of a Nest device"),
        // Tinkerforge's brick daemon (its TCP/IP protocol): an id, the packet's length, a function.
        4223 if bytes
            .get(4)
            .is_some_and(|&length| (8..=80).contains(&length) && usize::from(length) <= bytes.len()) =>
        {
            found("Tinkerforge", Update, "a message to sensors and motors")
        }
        62_910 if begins_with(bytes, &[b"H:", b"M:", b"C:", b"L:", b"s:", b"l:"]) => {
            found("eQ-3 MAX!", Update, "a message to a heating control")
        }
        6668 if begins_with(bytes, &[b"\0\0\x55\xaa"]) => found("Tuya", Update, "a message to a Tuya device"),
        34_567 if matches!(bytes, [0xff, 0 | 1, 0, 0, ..]) => {
            likely("Xiongmai", Streaming, 88, "a camera of the Xiongmai family")
        }
        37_777 if matches!(bytes[0], 0xa0 | 0xb0 | 0xf6 | 0xa1 | 0xa3 | 0xbc) => {
            likely("Dahua", Streaming, 88, "a camera of Dahua")
        }
        8000 if be32(bytes, 0).is_some_and(|n| n as usize == bytes.len() && n >= 32)
            && matches!(bytes[4], 0x5a | 0x63) =>
        {
            likely("Hikvision", Streaming, 85, "a camera of Hikvision")
        }
        9761 | 9762 if bytes[0] == 2 => likely("Insteon", Update, 80, "a message to home devices"),
        5224 | 8088 if bytes.starts_with(b"<stream:stream") && near(bytes, b"logitech") => {
            found("Harmony", Update, "a message to a remote control")
        }
        _ => Finding::No,
    }
}

fn datagram(port: u16, bytes: &[u8]) -> Finding {
    let json = bytes[0] == b'{';
    match port {
        9999 if bytes[0] == 0xd0 => likely("TP-Link smart home", Update, 85, "a message to a smart plug"),
        6666..=6669 | 7000 if bytes.starts_with(&[0, 0, 0x55]) => {
            found("Tuya", Update, "a Tuya device announces itself")
        }
        // WiZ, Gree, Govee and Shelly speak JSON on ports of their own.
        38_899 | 38_900 if json => found("WiZ", Update, "a message to a lamp"),
        7000 if json && near(bytes, b"\"t\":") => found("Gree", Update, "a message to an air conditioner"),
        4001..=4003 if json && near(bytes, b"\"msg\"") => found("Govee", Update, "a message to a lamp"),
        5678 if bytes.starts_with(b"irobotmcs") => found("iRobot", Update, "a robot is looked for"),
        // Matter (its specification, 4.4.1): version 0, session, security flags.
        5540 if bytes.len() >= 8 && bytes[0] >> 4 == 0 => likely("Matter", Update, 88, "a message to a Matter device"),
        // Weave, the older protocol of Nest's devices.
        11_095 => likely("Nest", Update, ONLY_PORT, "a report of a Nest device"),
        23_272 if bytes.starts_with(b"eQ3Max") => found("eQ-3 MAX!", Update, "a heating control is looked for"),
        43_439 if bytes.starts_with(b"eQ3") => found("Homematic", Update, "a gateway is looked for"),
        30_050 if bytes.starts_with(b"DAIKIN") => found("Daikin", Update, "a message to an air conditioner"),
        6445 | 20_086 if bytes.starts_with(&[0x5a, 0x5a]) => found("Midea", Update, "an air conditioner is looked for"),
        // Broadlink's search: zeros, with command 6 at 0x26.
        80 if bytes.get(0x26) == Some(&6) && bytes.len() == 48 => {
            found("Broadlink", Update, "a remote control is looked for")
        }
        4048 if matches!(bytes[0] >> 6, 1) => found("DDP", Update, "colours for lamps"),
        21_324 if matches!(bytes[0], 0..=5) => likely("WLED", Update, 85, "colours for lamps"),
        60_222 => likely("Nanoleaf", Update, ONLY_PORT, "colours for lamps"),
        5555 if bytes.ends_with(b"discover") => found("Twinkly", Update, "a lamp is looked for"),
        9956 | 9955 if bytes.len() >= 12 => likely("AllJoyn", Update, ONLY_PORT, "a device is looked for"),
        // Z-Wave over IP (Z/IP): command class 0x23.
        4123 | 41_230 if matches!(bytes, [0x23, 1..=3, ..]) => found("Z-Wave", Update, "a message to home devices"),
        2015 | 2018 if bytes.starts_with(&[0x3a, 0xcf, 0x87, 0x2a]) => {
            found("Reolink", Streaming, "a camera of Reolink")
        }
        1982 => likely("Yeelight", Update, ONLY_PORT, "a lamp is looked for"),
        _ => Finding::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn home_devices_are_known() {
        check(
            inspect,
            &[
                (Stream, 5222, "c2 fe 00 05 00 00 00 04 00 02 00 16 11 22 33 44", "Xiaomi web"),
                (Stream, 5223, "16 00 28 00 aa*36", "Huawei push interactive"),
                (Stream, 5223, "16 00 29 00 aa*36", ""),
                (Stream, 45_000, "ff ff 26 03 29", "EasyWeather update"),
                (Stream, 9_000, "ff ff 26 03 28", ""),
                (Datagram, 6000, "'PC2000' 00 00 'SEARCH' 00 00", "EasyWeather update"),
                (Datagram, 1700, "02 11 22 00 aa*8 '{' 22 'rxpk' 22 ':[]}'", "LoRaWAN update"),
                (Datagram, 17_754, "'EX' 02 01 0b 00*40", "ZEP update"),
                (Stream, 4223, "00 00 00 00 08 fe 10 00", "Tinkerforge update"),
                (Datagram, 6667, "00 00 55 aa 00 00 00 00 00 00 00 13 00 00 00 9c 00*20", "Tuya update"),
                (Stream, 6668, "00 00 55 aa 00 00 00 01 00 00 00 0a 00 00 00 48 00*20", "Tuya update"),
                (Datagram, 54_321, "21 31 00 20 ff*28", "miIO update"),
                (Datagram, 54_321, "21 31 00 21 ff*28", ""),
                (Datagram, 9999, "d0 f2 81 f8 8b ff 9a f7", "TP-Link smart home update"),
                (Stream, 9999, "00 00 00 1d d0 f2 81 f8 8b ff 9a f7", "TP-Link smart home update"),
                (Datagram, 56_700, "24 00 00 34 00*32", "LIFX update"),
                (Datagram, 38_899, "'{\"method\":\"getPilot\",\"params\":{}}'", "WiZ update"),
                (Datagram, 7000, "'{\"t\":\"scan\"}'", "Gree update"),
                (Stream, 6053, "00 1a 01 0a", "ESPHome update"),
                (Datagram, 5540, "04 00 00 00 11 22 33 44 01*8", "Matter update"),
                (Datagram, 80, "00*38 06 00*9", "Broadlink update"),
                (Datagram, 6445, "5a 5a 01 11 48 00 92 00", "Midea update"),
                (Datagram, 3610, "10 81 00 01 0e f0 01 0e f0 01 62 01 d6 00", "ECHONET Lite update"),
                (Stream, 20_000, "'*1*1*21##'", "OpenWebNet update"),
                (Stream, 9000, "f0 de bc 0a 01 00 00 00 00*16", "Reolink streaming"),
                (Datagram, 30_050, "'DAIKIN_UDP/common/basic_info'", "Daikin update"),
            ],
        );
    }
}
