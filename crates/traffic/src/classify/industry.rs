//! Machines that report to machines: MQTT, CoAP, Modbus, DNP3, BACnet, EtherNet/IP, S7, IEC 104, OPC UA and kin.

use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Update;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // MQTT CONNECT (MQTT 5.0, 3.1): type 1, then the protocol's name.
    if bytes.first() == Some(&0x10)
        && [&b"\0\x04MQTT"[..], b"\0\x06MQIsdp"]
            .iter()
            .any(|name| memchr::memmem::find(&bytes[..bytes.len().min(14)], name).is_some())
    {
        return found("MQTT", Update, "an MQTT greeting");
    }
    // Keep-alives of a flow that began before we looked, on any port.
    if matches!(bytes, [0xc0 | 0xd0, 0] | [0xc0 | 0xd0, 0, 0, 0, 0, 0]) {
        return likely("MQTT", Update, 60, "an MQTT keep-alive");
    }
    if view.port(1883) && matches!(bytes.first(), Some(0x20 | 0x30..=0x3f | 0x40 | 0xc0 | 0xd0 | 0x82 | 0x90 | 0xe0)) {
        return likely("MQTT", Update, 85, "an MQTT packet");
    }
    // Modbus/TCP: protocol 0, a length that fits, a known function.
    if be16(bytes, 2) == Some(0)
        && bytes.len() >= 8
        && be16(bytes, 4).is_some_and(|length| usize::from(length) + 6 <= bytes.len() && length >= 2)
        && view.port(502)
    {
        return found("Modbus", Update, "a Modbus message");
    }
    // DNP3 (IEEE 1815): link start bytes.
    if bytes.starts_with(&[0x05, 0x64]) && bytes.len() >= 10 && bytes[2] >= 5 {
        return found("DNP3", Update, "a DNP3 message");
    }
    // IEC 60870-5-104: start byte, a length that fits.
    if view.port(2404) && bytes.first() == Some(&0x68) {
        return found("IEC 104", Update, "an IEC 60870-5-104 message");
    }
    // S7 over ISO transport (RFC 1006): TPKT, COTP, then protocol 0x32 or 0x72.
    if bytes.starts_with(&[3, 0]) && view.port(102) {
        return found("S7", Update, "a message to a Siemens controller");
    }
    // EtherNet/IP: a known command in little-endian, length that fits.
    if view.port(44_818) && matches!(bytes.get(..2), Some([0x01 | 0x04 | 0x63..=0x66 | 0x6f | 0x70, 0])) {
        return found("EtherNet/IP", Update, "an EtherNet/IP message");
    }
    if [&b"HELF"[..], b"ACKF", b"OPNF"].iter().any(|kind| bytes.starts_with(kind)) {
        return found("OPC UA", Update, "an OPC UA message");
    }
    if bytes.starts_with(b"HS")
        && be16(bytes, 2).is_some_and(|kind| kind >> 8 <= 30)
        && bytes.len() >= 16
        && view.port(4880)
    {
        return found("HiSLIP", Update, "a message to an instrument");
    }
    if view.port(48_898) && be16(bytes, 0) == Some(0) && bytes.len() >= 38 {
        return found("Beckhoff ADS", Update, "a message to a Beckhoff controller");
    }
    // IEEE C37.118: synchrophasor frames.
    if matches!(bytes, [0xaa, 0x01..=0x52, ..])
        && be16(bytes, 2).is_some_and(|length| usize::from(length) == bytes.len())
    {
        return found("Synchrophasor", Update, "a synchrophasor frame");
    }
    // Gas tank gauges: SOH or a function code in text (Veeder-Root serial interface).
    if view.port(10_001) && (bytes.first() == Some(&1) || bytes.starts_with(b"I20")) {
        return likely("Tank gauge", Update, 85, "a question to a tank gauge");
    }
    if bytes.starts_with(b"<<<check_mk>>>") || (view.port(6556) && bytes.starts_with(b"<<<")) {
        return found("Checkmk", Update, "a monitoring report");
    }
    if bytes.starts_with(b"# munin node at") || (view.port(4949) && bytes.starts_with(b"cap ")) {
        return found("Munin", Update, "a monitoring report");
    }
    if be32(bytes, 0) == Some(0x5a42_5844) || bytes.starts_with(b"ZBXD\x01") {
        return found("Zabbix", Update, "a monitoring report");
    }
    // ANSI C12.22: an association control of its own object identifier (IEEE 1703).
    if view.port(1153) && matches!(bytes.first(), Some(0x60)) {
        return found("ANSI C12.22", Update, "a message to a meter");
    }
    if view.port(9999)
        && be32(bytes, 0).is_some_and(|length| (2..4_000).contains(&length))
        && bytes.get(4) == Some(&0xd0)
    {
        return likely("TP-Link smart home", Update, 85, "a message to a smart plug");
    }
    if trdp(bytes) {
        return found("TRDP", Update, "train data");
    }
    someip(view)
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // CoAP (RFC 7252): version 1, a token of at most 8 bytes, a known code.
    if let &[first, code, ..] = bytes
        && (view.any_port(&[5683, 5684]) || (5683..=5700).any(|port| view.port(port)))
        && first >> 6 == 1
        && first & 0x0f <= 8
        && matches!(code >> 5, 0 | 2 | 4 | 5)
    {
        return found("CoAP", Update, "a CoAP message");
    }
    if coap(bytes) {
        return likely("CoAP", Update, 80, "a message that reads as CoAP to its end");
    }
    // BACnet/IP (ASHRAE 135, annex J): type 0x81, a function, the length.
    if bytes.first() == Some(&0x81)
        && be16(bytes, 2).is_some_and(|length| usize::from(length) == bytes.len())
        && bytes.get(1).is_some_and(|&function| function <= 12)
    {
        return found("BACnet", Update, "a BACnet message");
    }
    if bytes.starts_with(&[0x05, 0x64]) && bytes.len() >= 10 && view.port(20_000) {
        return found("DNP3", Update, "a DNP3 message");
    }
    if view.any_port(&[44_818, 2222]) && bytes.len() >= 18 {
        return likely("EtherNet/IP", Update, 80, "an EtherNet/IP message");
    }
    if view.port(502) && be16(bytes, 2) == Some(0) {
        return found("Modbus", Update, "a Modbus message");
    }
    // DCE/RPC version 4 on PROFINET's ports.
    if (34_962..=34_964).any(|port| view.port(port)) {
        return found("PROFINET", Update, "a PROFINET message");
    }
    if bytes.first() == Some(&4)
        && bytes.len() >= 80
        && matches!(bytes[1], 0..=10)
        && bytes[4] & 0x0f == 0
        && bytes[4] & 0xf0 <= 0x10
        && be16(bytes, 5).is_some()
        && view.port(49_152)
    {
        return likely("PROFINET", Update, 75, "a DCE/RPC datagram of a controller");
    }
    if matches!(bytes, [0xaa, 0x01..=0x52, ..])
        && be16(bytes, 2).is_some_and(|length| usize::from(length) == bytes.len())
    {
        return found("Synchrophasor", Update, "a synchrophasor frame");
    }
    // KNXnet/IP: header size 6, version 1.0, total length.
    if bytes.starts_with(&[6, 0x10]) && be16(bytes, 4).is_some_and(|length| usize::from(length) == bytes.len()) {
        return found("KNX", Update, "a KNX message");
    }
    // LIFX: its protocol number 1024 with the addressable flag, length first.
    if view.port(56_700) && bytes.len() >= 36 {
        return likely("LIFX", Update, 85, "a message to a lamp");
    }
    if view.port(9999) && bytes.first() == Some(&0xd0) {
        return likely("TP-Link smart home", Update, 85, "a message to a smart plug");
    }
    if (17_224..=17_225).any(|port| view.port(port)) && bytes.len() >= 40 {
        return found("TRDP", Update, "train data");
    }
    if view.any_port(&[1628, 1629]) {
        return likely("CEA-852", Update, 80, "a message to building controls");
    }
    if view.port(11_095) {
        return likely("Nest", Update, 75, "a report of a Nest device");
    }
    if view.port(1153) {
        return likely("ANSI C12.22", Update, 80, "a message to a meter");
    }
    if bytes.starts_with(b"EtherSIO") || (view.port(6060) && be32(bytes, 0) == Some(0x4553_494f)) {
        return found("Ether-S-I/O", Update, "a message to a controller");
    }
    // PROFINET in DCE/RPC version 4: its object begins with a fixed part (IEC 61158-6-10).
    if bytes.first() == Some(&4) && bytes.get(8..18) == Some(b"\0\0\xa0\xde\x97\x6c\xd1\x11\x82\x71") {
        return found("PROFINET", Update, "a PROFINET message");
    }
    if trdp(bytes) {
        return found("TRDP", Update, "train data");
    }
    someip(view)
}

/// A request or answer with options that can be read to the payload marker or the end (RFC 7252, 3).
fn coap(bytes: &[u8]) -> bool {
    let &[first, code, _, _, ..] = bytes else { return false };
    let token = usize::from(first & 0x0f);
    if first >> 6 != 1 || !(1..=8).contains(&token) || !matches!(code, 1..=4 | 0x41..=0x45 | 0x80..=0x8f | 0xa0..=0xa5)
    {
        return false;
    }
    let mut at = 4 + token;
    let (mut options, mut number) = (0_u32, 0_u32);
    while let Some(&option) = bytes.get(at) {
        if option == 0xff {
            return options > 0 && bytes.len() > at + 1 && (number == 11 || number == 12);
        }
        if option >> 4 > 12 || option & 0x0f > 12 {
            return false;
        }
        number += u32::from(option >> 4);
        options += 1;
        at += 1 + usize::from(option & 0x0f);
    }
    at == bytes.len() && options > 0 && (number == 11 || number == 12)
}

/// TRDP (IEC 61375-2-3): a sequence, version 1.0, a type of two letters.
fn trdp(bytes: &[u8]) -> bool {
    bytes.len() >= 40
        && be16(bytes, 4) == Some(0x0100)
        && matches!(&bytes[6..8], b"Mr" | b"Mp" | b"Mn" | b"Mq" | b"Mc" | b"Me" | b"Pd" | b"Pp" | b"Pr" | b"Pe")
}

/// SOME/IP (AUTOSAR): length at 4 counts from 8, protocol version 1, a known message type.
fn someip(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let fits = be32(bytes, 4).is_some_and(|length| length >= 8 && length as usize + 8 <= bytes.len().max(16));
    if fits
        && bytes.len() >= 16
        && bytes[12] == 1
        && matches!(bytes[14] & !0x20, 0 | 1 | 2 | 0x40..=0x42 | 0x80 | 0x81 | 0xc0 | 0xc1)
        && bytes[15] <= 0x0f
        && be32(bytes, 4).is_some_and(|length| length as usize + 8 <= bytes.len())
    {
        return likely("SOME/IP", Update, 85, "a message between control units");
    }
    Finding::No
}
