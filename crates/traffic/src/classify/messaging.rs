//! Middleware that passes messages between machines: MQTT, AMQP, Kafka, NATS, STOMP, ZeroMQ, Pulsar, DDS, ROS…

use super::fields::{begins, begins_with, le32, near};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Update;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    if view.bytes.is_empty() {
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
        // MQTT CONNECT (MQTT 5.0, 3.1): type 1, then the protocol's name.
        [0x10, ..]
            if near(&bytes[..bytes.len().min(14)], b"\0\x04MQTT")
                || near(&bytes[..bytes.len().min(14)], b"\0\x06MQIsdp") =>
        {
            return found("MQTT", Update, "an MQTT greeting");
        }
        // Keep-alives of a flow that began before we looked, on any port.
        [0xc0 | 0xd0, 0] | [0xc0 | 0xd0, 0, 0, 0, 0, 0] => return likely("MQTT", Update, 60, "an MQTT keep-alive"),
        [0x30..=0x3d, ..] if publishes(bytes) => {
            let confidence = if view.port(1883) { 95 } else { 80 };
            return likely("MQTT", Update, confidence, "a message published by MQTT");
        }
        // AMQP 0-9-1 and 1.0: protocols 0 (AMQP), 2 (TLS) and 3 (SASL).
        [b'A', b'M', b'Q', b'P', 0..=3, ..] => return found("AMQP", Update, "an AMQP greeting"),
        [b'I' | b'C', ..]
            if bytes.starts_with(b"INFO {\"server_")
                || (bytes.starts_with(b"CONNECT {") && near(bytes, b"\"verbose\"")) =>
        {
            return found("NATS", Update, "a NATS greeting");
        }
        [b'C' | b'S', ..]
            if begins_with(bytes, &[b"CONNECT\n", b"CONNECT\r\n", b"STOMP\n", b"STOMP\r\n", b"CONNECTED\n"]) =>
        {
            return found("STOMP", Update, "a STOMP frame");
        }
        // ZMTP (ZeroMQ RFC 23, 37): a signature of ten bytes.
        [0xff, 0, 0, 0, 0, 0, 0, 0, _, 0x7f, ..] => return found("ZeroMQ", Update, "a ZeroMQ greeting"),
        // RocketMQ's remoting: a length, that of a header in JSON, which says who speaks.
        [0, _, _, _, 0, _, _, _, b'{', b'"', ..]
            if near(bytes, b"\"language\":\"") && be32(bytes, 0) > be32(bytes, 4) =>
        {
            return found("RocketMQ", Update, "a message queue");
        }
        [b' ', b' ', b'V', b'1' | b'2', ..] => return found("NSQ", Update, "an NSQ greeting"),
        // IBM MQ: a transmission segment header, in ASCII or EBCDIC.
        [b'T', b'S', b'H', b' ' | b'M' | b'C', ..] | [0xe3, 0xe2, 0xc8, 0x40 | 0xd4 | 0xc3, ..] => {
            return found("IBM MQ", Update, "an IBM MQ segment");
        }
        [0, ..] if near(&bytes[..bytes.len().min(14)], b"\x01ActiveMQ") => {
            return found("OpenWire", Update, "an ActiveMQ greeting");
        }
        [0, 0, ..] if kafka(view) => {
            let confidence = if view.any_port(&[9092, 9093, 9094]) { 92 } else { 85 };
            return likely("Kafka", Update, confidence, "a Kafka request");
        }
        // Pulsar's simple command: two lengths, then its type as a protocol buffer.
        [0, ..]
            if bytes.get(8) == Some(&8)
                && be32(bytes, 0)
                    .zip(be32(bytes, 4))
                    .is_some_and(|(all, command)| all == command.wrapping_add(4) && (4..5_000_000).contains(&all)) =>
        {
            return likely("Pulsar", Update, 88, "a Pulsar command");
        }
        // TCPROS: lengths of a header and of its first field, which has a name.
        [_, _, 0, 0, _, _, 0, 0, ..]
            if near(&bytes[..bytes.len().min(120)], b"callerid=") && le32(bytes, 0) > le32(bytes, 4) =>
        {
            return found("ROS", Update, "a message between robots' parts");
        }
        [b'p' | b'r' | b'w' | b'u', ..] if view.port(11_300) => return found("Beanstalkd", Update, "a work queue"),
        _ => {}
    }
    view.at_ports(|port| match port {
        1883 if matches!(bytes[0] >> 4, 2..=14) => likely("MQTT", Update, 85, "an MQTT packet"),
        // A frame (AMQP 0-9-1, 2.3.5): a type, a channel, a length, and its end.
        5672 if matches!(bytes[0], 1..=3 | 8) && begins(be32(bytes, 3), 0, 1 << 20) => {
            found("AMQP", Update, "an AMQP frame")
        }
        5672 if bytes.get(4) == Some(&2) => likely("AMQP", Update, 85, "an AMQP frame"),
        9092..=9094 if be16(bytes, 4).is_some_and(|key| key < 90) && begins(be32(bytes, 0), 8, 100_000_000) => {
            likely("Kafka", Update, 80, "a Kafka message")
        }
        4222 if begins_with(
            bytes,
            &[b"PING\r\n", b"PONG\r\n", b"PUB ", b"SUB ", b"MSG ", b"+OK", b"HPUB ", b"HMSG ", b"INFO "],
        ) =>
        {
            found("NATS", Update, "a NATS message")
        }
        61_613 if begins_with(bytes, &[b"SEND", b"MESSAGE", b"SUBSCRIBE", b"ACK", b"RECEIPT", b"ERROR"]) => {
            found("STOMP", Update, "a STOMP frame")
        }
        5552 if be16(bytes, 4).is_some_and(|key| key & 0x7fff <= 0x1d) && begins(be32(bytes, 0), 4, 1 << 20) => {
            found("RabbitMQ streams", Update, "a message stream")
        }
        61_616 => likely("OpenWire", Update, ONLY_PORT, "a message on the port of ActiveMQ"),
        1414 => likely("IBM MQ", Update, ONLY_PORT, "a message on the port of IBM MQ"),
        55_555 if bytes[0] & 7 == 3 => likely("Solace", Update, 80, "a message bus"),
        7447 => likely("Zenoh", Update, ONLY_PORT, "a message on the port of Zenoh"),
        _ => Finding::No,
    })
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes {
        // RTPS (OMG DDSI-RTPS, 9.4.4): its name, version 1 or 2.
        [b'R', b'T', b'P', b'S' | b'X', 1 | 2, ..] => return found("RTPS", Update, "a DDS message"),
        [b'L', b'C', b'0', b'2' | b'3', ..] => return found("LCM", Update, "a message between robots' parts"),
        // MQTT-SN CONNECT (its version 1.2, 5.4.4): a length that fits, a type, protocol 1.
        [length, 4, 0..=0x0f, 1, ..]
            if usize::from(*length) == bytes.len()
                && bytes.len() >= 7
                && view.any_port(&[1883, 1884, 1885, 10_000, 2442]) =>
        {
            return found("MQTT-SN", Update, "an MQTT-SN greeting");
        }
        _ => {}
    }
    view.at_ports(|port| match port {
        1883 | 1884 | 10_000
            if usize::from(bytes[0]) == bytes.len()
                && bytes.get(1).is_some_and(|&kind| kind <= 0x1d)
                && bytes.len() >= 2 =>
        {
            likely("MQTT-SN", Update, 85, "an MQTT-SN message")
        }
        7446 | 7447 => likely("Zenoh", Update, ONLY_PORT, "a message on the port of Zenoh"),
        7500 if be32(bytes, 0).is_some_and(|word| word > 0) && bytes.len() > 40 => {
            likely("TIBCO Rendezvous", Update, 70, "a message bus")
        }
        7400..=7450 if bytes.starts_with(b"RTPS") => found("RTPS", Update, "a DDS message"),
        // Aeron (its transport protocol): a frame of a known type at 6.
        40_123 | 20_121 | 40_456 if bytes.len() >= 12 => likely("Aeron", Update, ONLY_PORT, "a message bus"),
        _ => Finding::No,
    })
}

/// PUBLISH (MQTT 5.0, 3.3): the remaining length is all there is, or more is to come; a topic without wildcards.
fn publishes(bytes: &[u8]) -> bool {
    let (mut length, mut at) = (0_usize, 1);
    for shift in [0, 7, 14, 21] {
        let Some(&byte) = bytes.get(at) else { return false };
        length |= usize::from(byte & 0x7f) << shift;
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let quality = bytes[0] >> 1 & 3;
    let Some(topic_length) = be16(bytes, at).map(usize::from) else { return false };
    let Some(topic) = bytes.get(at + 2..at + 2 + topic_length) else { return false };
    quality < 3
        && topic_length >= 2
        && length >= topic_length + 2
        && at + length >= bytes.len()
        && topic.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'+' | b'#'))
}

/// A request (Kafka protocol guide, "Headers"): a length, a known key and version, who asks by name.
fn kafka(view: &View<'_>) -> bool {
    let bytes = view.bytes;
    let (Some(length), Some(key), Some(version), Some(name)) =
        (be32(bytes, 0), be16(bytes, 4), be16(bytes, 6), be16(bytes, 12))
    else {
        return false;
    };
    (10..100_000_000).contains(&length)
        && length as usize + 4 >= bytes.len().min(1_000)
        && key < 90
        && version < 20
        && (2..=200).contains(&name)
        && bytes.get(14..14 + usize::from(name)).is_some_and(|name| name.iter().all(u8::is_ascii_graphic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn middleware_is_known() {
        check(
            inspect,
            &[
                (
                    Stream,
                    10_911,
                    "00 00 00 40 00 00 00 3c '{' 22 'code' 22 ':105,' 22 'language' 22 ':' 22 'JAVA' 22 '}'",
                    "RocketMQ update",
                ),
                (Stream, 1999, "10 0e 00 04 'MQTT' 04 02 00 3c 00 02 'ab'", "MQTT update"),
                (Stream, 1999, "c0 00", "MQTT update"),
                (Stream, 1999, "30 0c 00 05 'a/b/c' '21.5x'", "MQTT update"),
                (Stream, 1999, "30 0c 00 05 'a/+/c' '21.5x'", ""),
                (Stream, 1883, "20 02 00 00", "MQTT update"),
                (Stream, 5671, "'AMQP' 00 00 09 01", "AMQP update"),
                (Stream, 5672, "01 00 00 00 00 00 05 00 0a 00 0b 00 ce", "AMQP update"),
                (Stream, 19_092, "00 00 00 1c 00 12 00 03 00 00 00 01 00 08 'consumer' 00 02 'x' 00", "Kafka update"),
                (Stream, 4222, "'INFO {\"server_id\":\"NC\"}'", "NATS update"),
                (Stream, 4222, "'PING' 0d 0a", "NATS update"),
                (Stream, 61_613, "'CONNECT' 0a 'host:x'", "STOMP update"),
                (Stream, 5555, "ff 00*8 7f 03 00 'NULL' 00*20", "ZeroMQ update"),
                (Stream, 6650, "00 00 00 14 00 00 00 10 08 02 12 0c 00*12", "Pulsar update"),
                (Stream, 4150, "'  V2'", "NSQ update"),
                (Stream, 1414, "'TSH ' 00 00 01 0c", "IBM MQ update"),
                (Stream, 61_616, "00 00 01 2c 01 'ActiveMQ' 00 00 00 0c", "OpenWire update"),
                (Stream, 40_000, "30 00 00 00 14 00 00 00 'callerid=/listener1x' 00*24", "ROS update"),
                (Datagram, 7400, "'RTPS' 02 03 01 0f 00*12", "RTPS update"),
                (Datagram, 1883, "0a 04 04 01 00 3c 'node'", "MQTT-SN update"),
            ],
        );
    }
}
