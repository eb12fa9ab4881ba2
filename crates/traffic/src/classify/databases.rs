//! Databases, caches and search: PostgreSQL, MySQL, SQL Server, Oracle, DB2, Firebird, Redis, memcached, MongoDB,
//! Cassandra, Elasticsearch, ClickHouse, Neo4j, ZooKeeper and kin.

use super::fields::{begins, begins_with, fills, is_text, le16, le32, near};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Interactive;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    if view.bytes.is_empty() {
        return Finding::No;
    }
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    view.at_ports(|port| match port {
        // A frame of eight bytes (memcached's protocol.txt, "UDP protocol"): parts of parts, reserved zero.
        11_211 if bytes.len() > 8 && be16(bytes, 6) == Some(0) && be16(bytes, 4).is_some_and(|parts| parts > 0) => {
            likely("Memcached", Interactive, 90, "a memcached datagram")
        }
        // SQL Server's browser (MC-SQLR, 2.2): a question of one byte or with a name, or an answer.
        1434 if matches!(bytes, [2 | 3] | [4 | 15, b'!'..=b'~', ..]) => {
            found("TDS", Interactive, "a question where a database listens")
        }
        1434 if bytes[0] == 5 && fills(le16(bytes, 1), 3, bytes) => {
            found("TDS", Interactive, "an answer where a database listens")
        }
        54_327 => likely("Hazelcast", Interactive, ONLY_PORT, "a member of a data grid is looked for"),
        _ => Finding::No,
    })
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if let Finding::Found(known) = by_beginning(view) {
        return Finding::Found(known);
    }
    view.at_ports(|port| match port {
        // Typed messages (PostgreSQL, "Message Formats"): a letter, a length.
        5432..=5434 if postgres_message(bytes) || matches!(bytes, [b'S' | b'N']) => {
            found("PostgreSQL", Interactive, "a PostgreSQL message")
        }
        // A packet of MySQL: three bytes of length, a number.
        3306 if bytes.get(3).is_some_and(|&number| number < 8)
            && begins(le32(bytes, 0).map(|n| n & 0xff_ffff), 1, 1 << 20) =>
        {
            found("MySQL", Interactive, "a MySQL packet")
        }
        33_060 if begins(le32(bytes, 0), 1, 1 << 20) => likely("MySQL", Interactive, 85, "a MySQL X packet"),
        1433 if tds(bytes) => found("TDS", Interactive, "a TDS packet"),
        // Sybase speaks an older TDS: a log-in of 512 bytes.
        2638 | 4100 | 5000 if matches!(bytes, [2 | 4, 0 | 1, 2, 0, ..]) => found("TDS", Interactive, "a TDS packet"),
        1521 | 1522 | 1525 | 1526 | 1527 if tns(bytes) => found("Oracle", Interactive, "an Oracle TNS packet"),
        3050 if matches!(be32(bytes, 0), Some(1 | 9 | 0x5b | 0x5c)) => {
            likely("Firebird", Interactive, 85, "a Firebird packet")
        }
        6379 | 6380 | 16_379 | 26_379 if begins_with(bytes, &[b"+", b"-", b":", b"$", b"*"]) => {
            likely("Redis", Interactive, 90, "a Redis reply")
        }
        6379 | 6380 | 26_379 if is_text(bytes) && bytes.ends_with(b"\r\n") => {
            likely("Redis", Interactive, 85, "a Redis command")
        }
        11_211 if is_text(bytes) => likely("Memcached", Interactive, 85, "a memcached command"),
        11_209 | 11_210 if memcached(bytes) => found("Couchbase", Interactive, "a Couchbase request"),
        9042 if matches!(bytes, [1..=5 | 0x81..=0x85, ..]) => likely("Cassandra", Interactive, 85, "a Cassandra frame"),
        7000 | 7001 if be32(bytes, 0) == Some(0xca55_2dfa) => found("Cassandra", Interactive, "members of a Cassandra"),
        27_017..=27_019 if begins(le32(bytes, 0), 16, 48 << 20) => {
            likely("MongoDB", Interactive, 80, "a MongoDB message")
        }
        2181 | 2888 | 3888 if zookeeper(bytes) => found("ZooKeeper", Interactive, "a message of ZooKeeper"),
        // Aerospike: version 2, an information or data message, six bytes of length.
        3000 if matches!(bytes, [2, 1 | 3 | 4, 0, 0, ..]) => found("Aerospike", Interactive, "an Aerospike message"),
        // Vertica begins as PostgreSQL does, on a port of its own.
        5433 => likely("Vertica", Interactive, ONLY_PORT, "a message on the port of Vertica"),
        // SAP HANA's first packet is fourteen bytes with a version.
        30_013 | 30_015 | 30_041 if bytes.starts_with(&[0xff; 4]) => found("SAP HANA", Interactive, "a HANA greeting"),
        30_013 | 30_015 | 30_017 => likely("SAP HANA", Interactive, ONLY_PORT, "a message on the port of SAP HANA"),
        // Teradata: version 3, request or response, a length.
        1025 if matches!(bytes, [3, 1 | 2, ..]) && bytes.len() >= 52 => {
            found("Teradata", Interactive, "a Teradata message")
        }
        7210 => likely("MaxDB", Interactive, ONLY_PORT, "a message on the port of MaxDB"),
        8087 if begins(be32(bytes, 0), 1, 1 << 20) => likely("Riak", Interactive, 80, "a Riak message"),
        10_800 if le32(bytes, 0).is_some_and(|n| n >= 8) && bytes.get(4) == Some(&1) => {
            found("Ignite", Interactive, "an Ignite handshake")
        }
        11_222 if matches!(bytes[0], 0xa0 | 0xa1) => found("Hot Rod", Interactive, "a data grid is asked"),
        // Kyoto Tycoon's binary protocol: magics of its four operations.
        1978 if matches!(bytes[0], 0xb4 | 0xb8..=0xba) => found("Kyoto Tycoon", Interactive, "a Kyoto Tycoon request"),
        9001 if bytes.starts_with(b"<SQL") => likely("HSQLDB", Interactive, 70, "a HSQLDB message"),
        1972 => likely("InterSystems", Interactive, ONLY_PORT, "a message on the port of InterSystems"),
        5003 => likely("FileMaker", Interactive, ONLY_PORT, "a message on the port of FileMaker"),
        _ => Finding::No,
    })
}

/// What tells itself by how it begins, on any port.
fn by_beginning(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes {
        [0, 0, _, _, _, _, _, _, ..] if postgres_startup(bytes) => {
            found("PostgreSQL", Interactive, "a PostgreSQL start-up message")
        }
        // The answer to a request for TLS.
        [b'S' | b'N'] if view.heard == [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f] => {
            found("PostgreSQL", Interactive, "a PostgreSQL start-up message")
        }
        // MySQL's greeting (protocol 10): a length that fits, number 0, a version as text that ends in zero.
        [_, _, _, 0, 10, b'3'..=b'9' | b'1', ..] if mysql_greeting(bytes) => {
            found("MySQL", Interactive, "a MySQL greeting")
        }
        // "Host is blocked" and the like come instead of a greeting.
        [_, _, 0, 0, 0xff, ..] if bytes.len() > 8 && fills(be24_le(bytes), 4, bytes) && is_text(&bytes[7..]) => {
            likely("MySQL", Interactive, 88, "an error instead of a MySQL greeting")
        }
        // TDS pre-login (MS-TDS, 2.2.6.5): its tokens begin with the version's place.
        [0x12, 1, _, _, 0, 0, _, _, 0, 0, _, 0, 6, ..] if fills(be16(bytes, 2), 0, bytes) => {
            found("TDS", Interactive, "a TDS greeting")
        }
        [_, _, 0, 0, 1 | 2 | 4 | 5 | 11, ..]
            if tns(bytes)
                && (near(bytes, b"(DESCRIPTION=") || near(bytes, b"(CONNECT_DATA=") || near(bytes, b"(ADDRESS=")) =>
        {
            found("Oracle", Interactive, "an Oracle TNS packet")
        }
        // DRDA (The Open Group, DDM 3.7.1): a length, 0xd0, a format, an object's length six less.
        [_, _, 0xd0, kind, ..]
            if matches!(kind & 0x0f, 1..=5)
                && be16(bytes, 0).zip(be16(bytes, 6)).is_some_and(|(outer, inner)| outer == inner.wrapping_add(6)) =>
        {
            found("DRDA", Interactive, "a DRDA command")
        }
        // Firebird's op_connect (1), op_attach (19), connect version 2 or 3.
        [0, 0, 0, 1, 0, 0, 0, 19 | 20, 0, 0, 0, 2 | 3, ..] => found("Firebird", Interactive, "a Firebird greeting"),
        [b'*', b'0'..=b'9', ..] if near(&bytes[..bytes.len().min(12)], b"\r\n$") => {
            found("Redis", Interactive, "a Redis command")
        }
        [b'+' | b'-', ..]
            if begins_with(bytes, &[b"+PONG\r\n", b"-NOAUTH ", b"-MOVED ", b"-DENIED Redis", b"-WRONGTYPE "]) =>
        {
            found("Redis", Interactive, "a Redis reply")
        }
        [b'P', ..] if bytes == b"PING\r\n" && view.port(6379) => found("Redis", Interactive, "a Redis command"),
        [0x80 | 0x81, ..] if is_memcached(bytes) => likely("Memcached", Interactive, 86, "a memcached request"),
        [b's' | b'g' | b'V' | b'S' | b'd', ..] if memcached_text(bytes) => {
            let confidence = if view.port(11_211) { 95 } else { 80 };
            likely("Memcached", Interactive, confidence, "a memcached command")
        }
        [_, _, _, _, _, _, _, _, _, _, _, _, _, _, 0, 0, ..] if mongo(bytes) => {
            found("MongoDB", Interactive, "a MongoDB message")
        }
        // CQL (its native protocol, 2): OPTIONS without a body, or STARTUP with its version.
        [3..=5, 0..=0x1f, _, _, 5, 0, 0, 0, 0] => likely("Cassandra", Interactive, 85, "a Cassandra frame"),
        [1..=5, 0..=0x1f, ..] if near(bytes, b"CQL_VERSION") => found("Cassandra", Interactive, "a Cassandra frame"),
        // Elasticsearch' and OpenSearch's transport: "ES", then a length.
        [b'E', b'S', 0, ..] if begins(be32(bytes, 2), 1, 1 << 28) => {
            found("Elasticsearch", Interactive, "a message between search nodes")
        }
        [0, _, b'C', b'l', b'i', b'c', b'k', b'H', ..] => found("ClickHouse", Interactive, "a ClickHouse greeting"),
        // Bolt (Neo4j, "Bolt protocol handshake").
        [0x60, 0x60, 0xb0, 0x17, ..] => found("Bolt", Interactive, "a Neo4j greeting"),
        [b's', b'q', ..] if near(bytes, b"sqlexec") => found("Informix", Interactive, "an Informix greeting"),
        [b'V', b'S', b'T', b'/', ..] => found("ArangoDB", Interactive, "an ArangoDB greeting"),
        // RethinkDB's versions V0_1 to V1_0.
        [_, _, _, _, ..]
            if matches!(le32(bytes, 0), Some(0x3f61_ba36 | 0x723_0812 | 0x5f75_e83e | 0x400c_2d20 | 0x34c2_bdc3)) =>
        {
            found("RethinkDB", Interactive, "a RethinkDB greeting")
        }
        // MonetDB (its MAPI): the length of a block, then salt, kind and version of the server.
        [_, _, b'!'..=b'~', ..]
            if fills(le16(bytes, 0).map(|header| header >> 1), 2, bytes)
                && (near(bytes, b":mserver:9:") || near(bytes, b":merovingian:9:")) =>
        {
            found("MonetDB", Interactive, "a MonetDB greeting")
        }
        [b'T', ..] if bytes.starts_with(b"Tarantool ") => found("Tarantool", Interactive, "a Tarantool greeting"),
        [0, 0, 0, 0x2c..=0x2d, 0, 0, 0, 0, ..] if zookeeper(bytes) => {
            found("ZooKeeper", Interactive, "a ZooKeeper greeting")
        }
        [b'H' | b'C', ..] if bytes.len() <= 8 && begins_with(bytes, &[b"HZC", b"CB2", b"CP2"]) && view.port(5701) => {
            found("Hazelcast", Interactive, "a data grid is asked")
        }
        _ => Finding::No,
    }
}

/// A length, then version 3 or a request for encryption or to cancel ("Message Formats", StartupMessage).
fn postgres_startup(bytes: &[u8]) -> bool {
    let (Some(length), Some(code)) = (be32(bytes, 0), be32(bytes, 4)) else { return false };
    match code {
        0x0002_0000 => length == 296,
        // Names and values of settings, each with a zero behind, and another zero.
        0x0003_0000..=0x0003_0002 => {
            (9..10_000).contains(&length)
                && (bytes.len() as u64) <= u64::from(length)
                && matches!(bytes.get(8), Some(b'a'..=b'z' | b'_'))
                && (bytes.ends_with(&[0, 0]) || !fills(Some(length), 0, bytes))
        }
        80_877_103 | 80_877_104 => length == 8,
        80_877_102 => length == 16,
        _ => false,
    }
}

fn postgres_message(bytes: &[u8]) -> bool {
    matches!(
        bytes.first(),
        Some(
            b'Q' | b'P'
                | b'B'
                | b'D'
                | b'E'
                | b'S'
                | b'C'
                | b'X'
                | b'R'
                | b'T'
                | b'Z'
                | b'p'
                | b'K'
                | b'F'
                | b'H'
                | b'f'
                | b'd'
                | b'c'
                | b'1'
                | b'2'
                | b'N'
                | b'A'
        )
    ) && begins(be32(bytes, 1), 4, 1 << 24)
}

fn be24_le(bytes: &[u8]) -> Option<u32> {
    le32(bytes, 0).map(|word| word & 0x00ff_ffff)
}

fn mysql_greeting(bytes: &[u8]) -> bool {
    let version = bytes.get(5..bytes.len().min(70)).unwrap_or(&[]);
    let end = version.iter().position(|&byte| byte == 0);
    begins(be24_le(bytes), 20, 400)
        && end.is_some_and(|end| {
            version[..end].contains(&b'.') && version[..end].iter().all(|byte| (b' '..=b'~').contains(byte))
        })
}

/// A packet of MS-TDS (2.2.3.1): a type, a status, its length.
fn tds(bytes: &[u8]) -> bool {
    matches!(bytes, [1..=4 | 6..=8 | 14 | 16..=18, 0..=0x1f, ..])
        && be16(bytes, 2)
            .is_some_and(|length| length >= 8 && usize::from(length) >= bytes.len().min(4_096).min(usize::from(length)))
}

/// A length, no checksum, a packet type.
fn tns(bytes: &[u8]) -> bool {
    matches!(bytes.get(4), Some(1..=6 | 11 | 12 | 14)) && be16(bytes, 2) == Some(0) && begins(be16(bytes, 0), 8, 32_767)
}

/// The binary protocol of memcached: a magic, an operation, lengths that agree, data type 0.
fn memcached(bytes: &[u8]) -> bool {
    let (Some(&[_, operation, _, _, extras, data_type]), Some(key), Some(body)) =
        (bytes.first_chunk::<6>(), be16(bytes, 2), be32(bytes, 8))
    else {
        return false;
    };
    let lengths = u64::from(body) >= u64::from(key) + u64::from(extras) && key <= 250 && body < 1 << 24;
    // Its own operations, and those that Couchbase added.
    let known = matches!(operation, 0..=0x3d | 0x40..=0x4f | 0x50..=0x5f | 0x80..=0xc7 | 0xf0..=0xfe);
    let (request, state) = (bytes[0] == 0x80, be16(bytes, 6));
    let sane = if request { state < Some(1_024) } else { state < Some(0xa0) };
    bytes.len() >= 24 && data_type <= 7 && extras <= 24 && known && lengths && state.is_some() && sane
}

/// As [`memcached`] without its port: memcached's own operations, each with what it carries (its "BinaryProtocolRevamped",
/// 4), and no more than stated.
fn is_memcached(bytes: &[u8]) -> bool {
    let (Some(&[magic, operation, _, _, extras, data_type]), Some(key), Some(body)) =
        (bytes.first_chunk::<6>(), be16(bytes, 2), be32(bytes, 8))
    else {
        return false;
    };
    let carries = match (magic, operation) {
        // Get and its kin, delete, append and prepend: a key.
        (0x80, 0 | 4 | 9 | 0x0c..=0x0f | 0x14 | 0x19 | 0x1a) => extras == 0 && key > 0,
        // Set, add and replace: flags and a time.
        (0x80, 1..=3 | 0x11..=0x13) => extras == 8 && key > 0,
        // Increment and decrement.
        (0x80, 5 | 6 | 0x15 | 0x16) => extras == 20 && key > 0,
        // Quit, no operation, version: nothing.
        (0x80, 7 | 0x0a | 0x0b | 0x17) => body == 0,
        // Flush, statistics, SASL.
        (0x80, 8 | 0x10 | 0x18 | 0x20..=0x22) => matches!(extras, 0 | 4),
        (0x81, 0..=0x22) => matches!(extras, 0 | 4),
        _ => false,
    };
    carries && data_type == 0 && fills(Some(body), 24, bytes) && memcached(bytes) && be16(bytes, 6) < Some(0x90)
}

/// "set key flags time length", "get key", "VALUE key flags length", "stats".
fn memcached_text(bytes: &[u8]) -> bool {
    if !begins_with(bytes, &[b"set ", b"VALUE ", b"STAT "]) {
        return false;
    }
    let Some(end) = memchr::memchr(b'\r', &bytes[..bytes.len().min(270)]) else { return false };
    let mut words = bytes[..end].split(|&byte| byte == b' ').filter(|word| !word.is_empty()).skip(2);
    let mut number = || words.next().is_some_and(|word| word.iter().all(u8::is_ascii_digit));
    match bytes[0] {
        b's' => number() && number() && number() && words.next().is_none_or(|word| word == b"noreply"),
        b'V' => number() && number(),
        _ => words.next().is_some() && words.next().is_none(),
    }
}

/// The header of MongoDB's wire protocol ("MongoDB Wire Protocol"): a length, ids, a known operation; a request answers
/// nothing; what follows fits the operation.
fn mongo(bytes: &[u8]) -> bool {
    let (Some(length), Some(answers), Some(operation)) = (le32(bytes, 0), le32(bytes, 8), le32(bytes, 12)) else {
        return false;
    };
    let fits = |least: u32| (least..=48_000_000).contains(&length);
    match operation {
        1 => fits(36) && answers != 0 && le32(bytes, 16).is_some_and(|flags| flags < 16),
        2001..=2007 => fits(20) && answers == 0,
        2010 | 2011 => fits(21),
        // What is inside, compressed.
        2012 => fits(25) && matches!(le32(bytes, 16), Some(1 | 2001..=2011 | 2013)),
        // Known flags, a section of a known kind.
        2013 => fits(21) && le32(bytes, 16).is_some_and(|flags| flags & !0x1_0003 == 0) && bytes.get(20) <= Some(&2),
        _ => false,
    }
}

/// A greeting (length, version 0, last change, time-out, 16 bytes of secret), its answer, or four letters.
fn zookeeper(bytes: &[u8]) -> bool {
    const WORDS: [&[u8]; 10] =
        [b"ruok", b"stat", b"srvr", b"mntr", b"conf", b"cons", b"dump", b"envi", b"isro", b"imok"];
    let greeting = matches!(be32(bytes, 0), Some(44 | 45))
        && be32(bytes, 4) == Some(0)
        && be32(bytes, 28) == Some(16)
        && be32(bytes, 16).is_some_and(|timeout| timeout < 1_000_000);
    let answer = matches!(be32(bytes, 0), Some(36 | 37)) && be32(bytes, 4) == Some(0) && be32(bytes, 20) == Some(16);
    greeting || answer || WORDS.contains(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn databases_are_known() {
        check(
            inspect,
            &[
                (Stream, 15_432, "00 00 00 08 04 d2 16 2f", "PostgreSQL interactive"),
                (Stream, 15_432, "00 00 00 12 00 03 00 00 'user' 00 'joe' 00 00", "PostgreSQL interactive"),
                (Stream, 15_432, "00 00 00 12 00 03 00 00 01 02 03 04 00*6", ""),
                (Stream, 5432, "'Q' 00 00 00 0d 'select 1' 00", "PostgreSQL interactive"),
                (Stream, 13_306, "4a 00 00 00 0a '8.0.36' 00 0b 00 00 00 11*58", "MySQL interactive"),
                (Stream, 13_306, "45 00 00 00 ff 6a 04 'Host blocked'", ""),
                (Stream, 13_306, "0f 00 00 00 ff 6a 04 'Host blocked'", "MySQL interactive"),
                (Stream, 3306, "05 00 00 01 85 a6 03 00 00", "MySQL interactive"),
                (Stream, 11_433, "12 01 00 1a 00 00 00 00 00 00 0b 00 06 01 00 11 00 01 ff 00*7", "TDS interactive"),
                (Stream, 1433, "01 01 00 0c 00 00 01 00 00 00 00 00", "TDS interactive"),
                (Datagram, 1434, "03", "TDS interactive"),
                (Datagram, 1434, "05 04 00 'abcd'", "TDS interactive"),
                (Stream, 1521, "00 3a 00 00 01 00 00 00 01 36 00*48", "Oracle interactive"),
                (
                    Stream,
                    9521,
                    "00 40 00 00 01 00 00 00 00*26 '(DESCRIPTION=(CONNECT_DATA=))' 00",
                    "Oracle interactive",
                ),
                (Stream, 50_000, "00 0a d0 41 00 01 00 04 10 41", "DRDA interactive"),
                (Stream, 3050, "00 00 00 01 00 00 00 13 00 00 00 03 00 00 00 01", "Firebird interactive"),
                (Stream, 7777, "'*1' 0d 0a '$4' 0d 0a 'PING' 0d 0a", "Redis interactive"),
                (Stream, 6379, "'+OK' 0d 0a", "Redis interactive"),
                (Stream, 11_211, "'get key' 0d 0a", "Memcached interactive"),
                (Stream, 12_000, "'set the table for 6' 0d 0a", ""),
                (Stream, 12_000, "'STAT pid 162' 0d 0a", "Memcached interactive"),
                (Stream, 12_000, "80 00 00 05 00 00 00 00 00 00 00 06 00*12 'hello'", ""),
                (Stream, 12_000, "'set key 0 60 5' 0d 0a 'hello' 0d 0a", "Memcached interactive"),
                (Stream, 12_000, "80 00 00 05 00 00 00 00 00 00 00 05 00*12 'hello'", "Memcached interactive"),
                (Stream, 11_210, "80 1f 00 00 00 00 00 00 00 00 00 00 00*12", "Couchbase interactive"),
                (Datagram, 11_211, "00 01 00 00 00 01 00 00 'stats' 0d 0a", "Memcached interactive"),
                (Stream, 30_017, "1a 00 00 00 01 00 00 00 00 00 00 00 dd 07 00 00 00*10", "MongoDB interactive"),
                (Stream, 9042, "04 00 00 00 05 00 00 00 00", "Cassandra interactive"),
                (
                    Stream,
                    19_042,
                    "04 00 00 00 01 00 00 00 16 00 01 00 0b 'CQL_VERSION' 00 05 '3.0.0'",
                    "Cassandra interactive",
                ),
                (Stream, 9300, "'ES' 00 00 00 2a 00*42", "Elasticsearch interactive"),
                (Stream, 9000, "00 11 'ClickHouse client' 15", "ClickHouse interactive"),
                (Stream, 7687, "60 60 b0 17 00 00 04 04 00*12", "Bolt interactive"),
                (Stream, 1526, "'sqAYABPQAAsqlexec joe'", "Informix interactive"),
                (Stream, 28_015, "c3 bd c2 34", "RethinkDB interactive"),
                (Stream, 50_000, "5b 00 'Kx3aD9:mserver:9:RIPEMD160,SHA256:LIT:SHA512:'", "MonetDB interactive"),
                (Stream, 2181, "00 00 00 2d 00*8 00*4 00 00 75 30 00*8 00 00 00 10 00*17", "ZooKeeper interactive"),
                (Stream, 2181, "'ruok'", "ZooKeeper interactive"),
                (Stream, 3000, "02 01 00 00 00 00 00 06 'build' 0a", "Aerospike interactive"),
                (Stream, 9999, "'hello world, this is text'", ""),
            ],
        );
    }
}
