//! Databases and queues between programs.

use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Interactive, Update};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Datagram {
        if compact_thrift(bytes) {
            return likely("Thrift", Update, 82, "a Thrift message");
        }
        return if view.port(11_211) && bytes.len() > 8 && be16(bytes, 6) == Some(0) {
            likely("memcached", Interactive, 80, "a memcached datagram")
        } else {
            Finding::No
        };
    }
    // PostgreSQL: a startup message, or a request for TLS.
    if let (Some(length), Some(code)) = (be32(bytes, 0), be32(bytes, 4)) {
        let startup = matches!(code, 0x0003_0000 | 80_877_103 | 80_877_102 | 80_877_104);
        if startup && length as usize <= bytes.len().max(8) && (8..10_000).contains(&length) {
            return found("PostgreSQL", Interactive, "a PostgreSQL start-up message");
        }
    }
    // MySQL: the greeting (protocol 10, a version as text).
    if bytes.len() > 10 && bytes[3] == 0 && bytes[4] == 10 && bytes[5].is_ascii_digit() && bytes[6] == b'.' {
        return found("MySQL", Interactive, "a MySQL greeting");
    }
    // SQL Server: a TDS pre-login or its answer.
    if matches!(bytes, [0x12 | 0x04, 0 | 1, ..])
        && be16(bytes, 2).is_some_and(|n| usize::from(n) == bytes.len())
        && view.port(1433)
    {
        return found("SQL Server", Interactive, "a TDS packet");
    }
    // Oracle TNS: connect, with a length that fits.
    if be16(bytes, 0).is_some_and(|n| usize::from(n) == bytes.len())
        && matches!(bytes.get(4), Some(1 | 2 | 4 | 5 | 6 | 11))
        && be16(bytes, 2) == Some(0)
        && (view.any_port(&[1521, 1522, 1526]) || memchr::memmem::find(bytes, b"(DESCRIPTION=").is_some())
    {
        return likely("Oracle", Interactive, 90, "an Oracle TNS packet");
    }
    if bytes.starts_with(b"*")
        && bytes.get(1).is_some_and(u8::is_ascii_digit)
        && memchr::memmem::find(&bytes[..bytes.len().min(12)], b"\r\n$").is_some()
    {
        return found("Redis", Interactive, "a Redis command");
    }
    // MongoDB wire protocol: length, ids, a known operation.
    if bytes.len() >= 16 && matches!(bytes[12..16], [0xd4, 7, 0, 0] | [0xdd, 7, 0, 0] | [0xdc, 7, 0, 0]) {
        return found("MongoDB", Interactive, "a MongoDB message");
    }
    // Kafka: length, then a known key and version, a correlation id.
    if let (Some(length), Some(key), Some(version)) = (be32(bytes, 0), be16(bytes, 4), be16(bytes, 6))
        && view.any_port(&[9092, 9093, 9094])
        && (8..100_000).contains(&length)
        && key < 75
        && version < 20
    {
        return likely("Kafka", Update, 85, "a Kafka request");
    }
    if bytes.starts_with(b"AMQP\0") {
        return found("AMQP", Update, "an AMQP greeting");
    }
    if bytes.starts_with(b"INFO {\"server_id\"") || (view.port(4222) && bytes.starts_with(b"CONNECT {")) {
        return found("NATS", Update, "a NATS greeting");
    }
    if [&b"CONNECT\n"[..], b"STOMP\n", b"CONNECTED\n"].iter().any(|frame| bytes.starts_with(frame)) {
        return found("STOMP", Update, "a STOMP frame");
    }
    // Cassandra's native protocol: version 3 to 5 request, OPTIONS or STARTUP.
    if view.port(9042) && matches!(bytes, [3..=5 | 0x83..=0x85, ..]) {
        return likely("Cassandra", Interactive, 85, "a Cassandra frame");
    }
    // Thrift: the strict binary protocol's version.
    if be32(bytes, 4).is_some_and(|word| word & 0xffff_ff00 == 0x8001_0000)
        || be32(bytes, 0).is_some_and(|word| word & 0xffff_fff0 == 0x8001_0000)
    {
        return likely("Thrift", Update, 88, "a Thrift message");
    }
    Finding::No
}

/// Thrift's compact protocol: its id, version 1 with a message type, a number in base 128, a method's name.
fn compact_thrift(bytes: &[u8]) -> bool {
    let Some((&[0x82, kind], rest)) = bytes.split_first_chunk() else { return false };
    let Some(last) = rest.iter().take(5).position(|byte| byte & 0x80 == 0) else { return false };
    let Some((&length, name)) = rest[last + 1..].split_first() else { return false };
    kind & 0x1f == 1
        && (1..=64).contains(&length)
        && name.get(..usize::from(length)).is_some_and(|name| name.iter().all(u8::is_ascii_graphic))
}
