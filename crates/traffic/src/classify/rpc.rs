//! Calls from program to program and the languages of trades: ONC RPC, CORBA, RMI, Thrift, FastCGI, SAP, DICOM,
//! HL7, FIX, SMPP.

use super::fields::{begins, begins_with, fills, is_text, le16, near};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Interactive, Update, Web};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if bytes.is_empty() {
        return Finding::No;
    }
    if view.layer == Layer::Datagram {
        if moldudp64(bytes) {
            return found("MoldUDP64", Update, "prices of an exchange");
        }
        // Distributed simulation (IEEE 1278.1, 6.2.66): version 4 to 7, an exercise, a kind and its family, a length that fits.
        if let [4..=7, _, 1..=72, 1..=13, ..] = bytes
            && view.port(3000)
            && fills(be16(bytes, 8), 0, bytes)
        {
            return found("DIS", Interactive, "entities of a simulation");
        }
        if compact_thrift(bytes) {
            return likely("Thrift", Update, 82, "a Thrift message");
        }
        return onc_rpc(view);
    }
    match bytes {
        // GIOP (CORBA 3.3, 9.4.1): its name, version 1.0 to 1.3, flags, a message type.
        [b'G', b'I', b'O', b'P', 1, 0..=3, _, 0..=7, ..] => return found("CORBA", Update, "a CORBA message"),
        // RMI (its wire protocol, 10.2): a magic, version 1 or 2, one of three sub-protocols.
        [b'J', b'R', b'M', b'I', 0, 1 | 2, 0x4b..=0x4d, ..] => return found("RMI", Update, "a Java RMI greeting"),
        [b'I', b'c', b'e', b'P', 1, ..] => return found("ZeroC Ice", Update, "an Ice call"),
        // JSON-RPC 2.0 (4): the version beside a method or an outcome; editors put a length before it.
        [b'{' | b'[', ..] if near(&bytes[..bytes.len().min(60)], b"\"jsonrpc\"") => {
            return likely("JSON-RPC", Update, 88, "a call from program to program in JSON");
        }
        [b'C', b'o', b'n', b't', b'e', b'n', b't', b'-', ..] if near(bytes, b"\"jsonrpc\"") => {
            return found("LSP", Interactive, "an editor asks about a program");
        }
        // Dubbo (its protocol's page): a magic, a serialisation with request and event marks, a state, a number, a length.
        [0xda, 0xbb, kind, ..] if matches!(kind & 0x1f, 2..=23) && begins(be32(bytes, 12), 0, 1 << 26) => {
            return found("Dubbo", Update, "a call from program to program");
        }
        [b'P', b'R', b'P', b'C', ..] if be32(bytes, 4) >= be32(bytes, 8) && begins(be32(bytes, 4), 1, 1 << 26) => {
            return found("bRPC", Update, "a call from program to program");
        }
        // HSMS (SEMI E37, 8): ten bytes to begin with, for no device, one of nine kinds.
        [0, 0, 0, 10, 0xff, 0xff, 0, 0..=3, 0, 1..=9, ..] => {
            return found("HSMS", Update, "a message between machines that make chips");
        }
        // Short messages to a carrier: CIMD 2 (Nokia's specification, 3) and UCP (EMI, 4) between marks.
        [2, b'0'..=b'9', b'0'..=b'9', b':', _, _, _, 9, ..] if near(bytes, &[9, 3]) || bytes.contains(&3) => {
            return found("CIMD", Interactive, "short messages to a carrier");
        }
        [2, b'0'..=b'9', b'0'..=b'9', b'/', _, _, _, _, _, b'/', b'O' | b'R', b'/', _, _, b'/', ..] => {
            return found("UCP", Interactive, "short messages to a carrier");
        }
        // SoupBinTCP's log-in (NASDAQ's specification, 2.2): 47 bytes of an L and padded text.
        [0, 47, b'L', ..] if bytes.len() == 49 && bytes[3..].iter().all(|byte| (b' '..=b'~').contains(byte)) => {
            return found("SoupBinTCP", Update, "orders and prices of an exchange");
        }
        // Bundles of delay-tolerant networks (RFC 9174, 4.2; RFC 7242, 4.1).
        [b'd', b't', b'n', b'!', 3 | 4, ..] => return found("TCPCL", Update, "bundles of a slow network"),
        // FastCGI (its specification, 3.3): version 1; a request begins with a role.
        [1, 1, _, _, 0, 8, _, 0, 0, 1..=3, ..] => return found("FastCGI", Web, "a FastCGI request"),
        // uwsgi: modifiers 0, a length, variables.
        [0, _, _, 0, ..] if le16(bytes, 1).is_some_and(|n| n > 16) && near(bytes, b"REQUEST_METHOD") => {
            return found("uWSGI", Web, "a uwsgi request");
        }
        [b'0'..=b'9', ..] if near(&bytes[..bytes.len().min(24)], b":CONTENT_LENGTH\0") => {
            return found("SCGI", Web, "an SCGI request");
        }
        // HL7's lower layer: a vertical tab, then the message header segment.
        [0x0b, b'M', b'S', b'H', b'|', ..] => return found("HL7", Update, "a message between hospital systems"),
        // DICOM (PS3.8, 9.3.2): a request or acceptance of an association, its length, version 1.
        [1 | 2, 0, _, _, _, _, 0, 1, 0, 0, ..] if begins(be32(bytes, 2), 68, 1 << 20) => {
            return found("DICOM", Update, "a message between medical devices");
        }
        [b'8', b'=', b'F', b'I', b'X', ..] => return found("FIX", Update, "an order at an exchange"),
        // SAP's network interface: a length, then its own words; the message server's eye-catcher.
        [_, _, _, _, b'N', b'I', b'_', ..] => return found("SAP", Interactive, "a message of SAP's router"),
        [_, _, _, _, b'*', b'*', b'M', b'E', b'S', b'S', ..] => {
            return found("SAP", Interactive, "a message of SAP's message server");
        }
        // D-Bus over TCP: a zero, then who asks.
        [0, b'A', b'U', b'T', b'H', b' ', ..] => return found("D-Bus", Interactive, "a D-Bus greeting"),
        _ => {}
    }
    if smpp(bytes) {
        let confidence = if view.any_port(&[2775, 3550, 8056]) { 95 } else { 85 };
        return likely("SMPP", Interactive, confidence, "short messages to a carrier");
    }
    // Thrift: the strict binary protocol's version, framed or not; a type, a method's name.
    if strict_thrift(bytes) || bytes.get(4..).is_some_and(|framed| strict_thrift(framed) || compact_thrift(framed)) {
        return likely("Thrift", Update, 88, "a Thrift message");
    }
    if let known @ Finding::Found(_) = onc_rpc(view) {
        return known;
    }
    view.at_ports(|port| match port {
        1098 | 1099 => likely("RMI", Update, ONLY_PORT, "a message on the port of Java RMI"),
        // SAP instance 00 to 99: dispatcher and gateway.
        3200..=3299 if begins(be32(bytes, 0), 8, 1 << 24) => likely("SAP", Interactive, 85, "a message of SAP"),
        3300..=3399 if port != 3389 && fills(be32(bytes, 0), 4, bytes) => {
            likely("SAP", Interactive, 80, "a message of SAP")
        }
        2905 | 2904 | 14_001 if matches!(bytes, [1, 0, 0..=9, ..]) && fills(be32(bytes, 4), 0, bytes) => {
            found("SIGTRAN", Interactive, "signalling of a telephone network")
        }
        8194 | 8195 | 8209..=8220 if bytes.len() >= 8 => {
            likely("Bloomberg", Interactive, ONLY_PORT, "a message on the port of Bloomberg")
        }
        4242 if begins_with(bytes, &[b"\x01\0\0\0"]) => likely("DICOM", Update, 60, "a message on its port"),
        _ => Finding::No,
    })
}

/// Text in JSON that nobody else knew: machines talk so to each other, people seldom.
pub(crate) fn json(view: &View<'_>) -> Finding {
    let bytes = view.bytes.trim_ascii();
    let begins = match bytes {
        [b'{', rest @ ..] => matches!(rest.trim_ascii_start(), [b'"', ..]) && near(bytes, b"\":"),
        [b'[', rest @ ..] => matches!(rest.trim_ascii_start(), [b'{', ..]) && near(bytes, b"\":"),
        _ => false,
    };
    let ends = view.layer == Layer::Stream || matches!(bytes.last(), Some(b'}' | b']'));
    if begins && ends && is_text(&bytes[..bytes.len().min(60)]) {
        likely("JSON", Update, 58, "text in JSON")
    } else {
        Finding::No
    }
}

/// Protocol buffers (their page "Encoding"): fields, perhaps behind a length, that fill the message to its last byte.
pub(crate) fn protobuf(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let message = if fills(be32(bytes, 0), 4, bytes) { &bytes[4..] } else { bytes };
    let message = match message {
        // A length of one or two bytes, seven bits in each.
        [length, rest @ ..] if usize::from(*length) == rest.len() => rest,
        [low @ 0x80..=0xff, high @ 1..=0x7f, rest @ ..]
            if usize::from(low & 0x7f) + usize::from(*high) * 128 == rest.len() =>
        {
            rest
        }
        whole => whole,
    };
    // Most begin with their first field: a number, or something with a length.
    if matches!(message, [0x08 | 0x0a, ..]) && message.len() >= 12 && fills_with_fields(message) {
        likely("Protobuf", Interactive, 50, "fields of a protocol buffer")
    } else {
        Finding::No
    }
}

/// Whether fields with ascending numbers are all of it: at least four, one of them a text.
fn fills_with_fields(mut rest: &[u8]) -> bool {
    let (mut fields, mut texts, mut last) = (0, 0, 1);
    while !rest.is_empty() {
        let Some((key, behind)) = varint(rest) else { return false };
        let number = key >> 3;
        if number < last || number > 64 {
            return false;
        }
        last = number;
        let length = match key & 7 {
            0 => varint(behind).map(|(_, after)| behind.len() - after.len()),
            1 => Some(8),
            5 => Some(4),
            2 => varint(behind).map(|(length, after)| {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let text = after.get(..length).unwrap_or(&[]);
                texts += u32::from(length >= 4 && is_text(text));
                length.saturating_add(behind.len() - after.len())
            }),
            _ => None,
        };
        let Some(after) = length.and_then(|length| behind.get(length..)) else { return false };
        rest = after;
        fields += 1;
    }
    fields >= 4 && texts >= 1
}

/// A number of seven bits a byte, the least first, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    let (digits, rest) = bytes.split_at(length);
    Some((digits.iter().rev().fold(0, |value, &digit| value << 7 | u64::from(digit & 0x7f)), rest))
}

/// What a remote procedure call of Sun's is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A call to this program, or its answer.
    Program(u32),
    /// A question to the portmapper where this program listens.
    Port(u32),
}

const PORTMAPPER: u32 = 100_000;

/// Sun's remote procedure calls (RFC 5531, 9); over TCP behind a fragment's length (11).
pub(crate) fn asked(view: &View<'_>) -> Option<Asked> {
    let skip = match view.layer {
        Layer::Stream => {
            let mark = be32(view.bytes, 0)?;
            let sane = mark & 0x8000_0000 != 0 && (24..=4 << 20).contains(&(mark & 0x7fff_ffff));
            sane.then_some(4)?
        }
        Layer::Datagram => 0,
    };
    let (call, heard) = (view.bytes.get(skip..)?, view.heard.get(skip..).unwrap_or(&[]));
    match be32(call, 4)? {
        // A call: version 2, a program, its version, a procedure; then who calls, and what it says.
        0 if be32(call, 8) == Some(2) && be32(call, 16)? < 64 && be32(call, 20)? < 4_096 => {
            let program = be32(call, 12)?;
            match wanted(call) {
                // GETPORT and GETADDR are procedure 3, calls by way of the portmapper 5 (RFC 1833, 2.2.1 and 3.2).
                Some(wanted) if program == PORTMAPPER && matches!(be32(call, 20), Some(3 | 5)) => {
                    Some(Asked::Port(wanted))
                }
                _ => Some(Asked::Program(program)),
            }
        }
        // A reply, accepted or denied, to the call that the other end began with.
        1 if be32(call, 8)? <= 1 && be32(call, 0) == be32(heard, 0) && be32(heard, 8) == Some(2) => {
            Some(Asked::Program(be32(heard, 12)?))
        }
        1 if be32(call, 8)? <= 1 && view.port(111) => Some(Asked::Program(PORTMAPPER)),
        1 if be32(call, 8)? <= 1 && view.port(2049) && call.len() >= 24 => Some(Asked::Program(NFS)),
        _ => None,
    }
}

const NFS: u32 = 100_003;

/// The first word of a call's arguments, behind its credentials and verifier (a kind, a length, bytes).
fn wanted(call: &[u8]) -> Option<u32> {
    let credentials = be32(call, 28).filter(|length| *length <= 400)? as usize;
    let verifier = be32(call, 36 + credentials.next_multiple_of(4)).filter(|length| *length <= 400)? as usize;
    be32(call, 40 + credentials.next_multiple_of(4) + verifier.next_multiple_of(4))
}

/// File servers' programs are told in their own file.
fn onc_rpc(view: &View<'_>) -> Finding {
    match asked(view) {
        Some(Asked::Port(_) | Asked::Program(PORTMAPPER)) => {
            found("Portmapper", Interactive, "a question where a program listens")
        }
        Some(Asked::Program(100_004 | 100_007 | 100_009 | 100_028 | 100_029)) => {
            found("NIS", Interactive, "a question to a directory")
        }
        // VXI-11's core, abort and interrupt channels.
        Some(Asked::Program(395_183..=395_185)) => found("VXI-11", Update, "a message to an instrument"),
        // The rest of the assigned numbers, and those that sites give themselves.
        Some(Asked::Program(100_001..=100_300 | 300_000..=400_200)) => {
            found("Sun RPC", Interactive, "a call from program to program")
        }
        Some(Asked::Program(_)) | None => Finding::No,
    }
}

/// MoldUDP64 (NASDAQ's specification, 2): a session of ten letters, a number, a count of messages that follow with their
/// lengths.
fn moldudp64(bytes: &[u8]) -> bool {
    let Some((session, _)) = bytes.split_first_chunk::<10>() else { return false };
    let (Some(0), Some(count)) = (be32(bytes, 10), be16(bytes, 18)) else { return false };
    let mut at = 20;
    for _ in 0..count.min(64) {
        let Some(length) = be16(bytes, at) else { return false };
        at += 2 + usize::from(length);
    }
    session.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ')
        && session[0] != b' '
        && count > 0
        && at == bytes.len()
}

/// A length that fits, a known command, no error in a request (SMPP 3.4, 3.2; 5.1.2).
fn smpp(bytes: &[u8]) -> bool {
    let (Some(length), Some(command), Some(status)) = (be32(bytes, 0), be32(bytes, 4), be32(bytes, 8)) else {
        return false;
    };
    let kind = command & 0x7fff_ffff;
    let known = matches!(kind, 1..=9 | 0xb | 0x15 | 0x21 | 0x102 | 0x103) || command == 0x8000_0000;
    let error_fits = if command >> 31 == 1 { status < 0x600 } else { status == 0 };
    (16..4_096).contains(&length)
        && length as usize <= bytes.len()
        && known
        && error_fits
        && be32(bytes, 12).is_some_and(|sequence| (1..0x8000_0000).contains(&sequence))
}

/// 0x8001, a type from call to one-way, a method's name (Thrift, binary protocol, strict).
fn strict_thrift(bytes: &[u8]) -> bool {
    be16(bytes, 0) == Some(0x8001)
        && matches!(bytes.get(2..4), Some([0, 1..=4]))
        && be32(bytes, 4).is_some_and(|length| (1..=256).contains(&length))
        && bytes.get(8).is_some_and(u8::is_ascii_graphic)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    /// The messages of the page "Encoding" put together: a number, a text, a number, what is embedded.
    #[test]
    fn protocol_buffers_fill_their_message() {
        check(
            protobuf,
            &[
                (Datagram, 9_000, "08 96 01 12 07 'testing' 18 01 22 02 08 01", "Protobuf interactive"),
                (Stream, 9_000, "12 08 96 01 12 07 'testing' 18 01 22 02 08 01", "Protobuf interactive"),
                (Stream, 9_000, "00 00 00 12 08 96 01 12 07 'testing' 18 01 22 02 08 01", "Protobuf interactive"),
                (Datagram, 9_000, "08 96 01 12 07 'testing' 18 01 22 03 08 01", ""),
                (Datagram, 9_000, "08 96 01 12 07 'testing' 08 01 22 02 08 01", ""),
                (Datagram, 9_000, "08 96 01 10 07 18 07 20 07 28 07 30 07", ""),
            ],
        );
        crate::classify::dialogue::check_chance(protobuf);
    }

    #[test]
    fn json_is_known() {
        check(
            json,
            &[
                (Datagram, 9_000, "'{' 22 'state' 22 ': 1}' 0a", "JSON update"),
                (Stream, 9_000, "'[ {' 22 'state' 22 ':'", "JSON update"),
                (Datagram, 9_000, "'{' 22 'state' 22 ': 1'", ""),
                (Datagram, 9_000, "'{state}'", ""),
            ],
        );
    }

    #[test]
    fn calls_between_programs_are_known() {
        check(
            inspect,
            &[
                (Stream, 683, "'GIOP' 01 02 01 00 10 00 00 00", "CORBA update"),
                (Stream, 1099, "'JRMI' 00 02 4b", "RMI update"),
                (
                    Stream,
                    9_000,
                    "'{' 22 'jsonrpc' 22 ':' 22 '2.0' 22 ',' 22 'method' 22 ':' 22 'a' 22 '}'",
                    "JSON-RPC update",
                ),
                (
                    Stream,
                    9_000,
                    "'Content-Length: 40' 0d 0a 0d 0a '{' 22 'jsonrpc' 22 ':' 22 '2.0' 22 '}'",
                    "LSP interactive",
                ),
                (Stream, 20_880, "da bb c2 00 00*7 01 00 00 00 05 'hello'", "Dubbo update"),
                (Stream, 8_000, "'PRPC' 00 00 00 20 00 00 00 10 00*16", "bRPC update"),
                (Stream, 5_000, "00 00 00 0a ff ff 00 00 00 01 00 00 00 07", "HSMS update"),
                (Stream, 9_971, "02 '01:001' 09 '010:user' 09 03", "CIMD interactive"),
                (Stream, 5_000, "02 '01/00070/O/60/user' 03", "UCP interactive"),
                (Stream, 9_000, "00 2f 'L' 'user  ' 'password  ' '         1' '                   1 '", ""),
                (
                    Stream,
                    9_000,
                    "00 2f 'L' 'user  ' 'password  ' '         1' '                   1'",
                    "SoupBinTCP update",
                ),
                (Stream, 4556, "'dtn!' 04 00", "TCPCL update"),
                (Datagram, 26_477, "'0123456789' 00*7 05 00 01 00 03 'abc'", "MoldUDP64 update"),
                (Datagram, 26_477, "'0123456789' 00*7 05 00 01 00 04 'abc'", ""),
                (Datagram, 3000, "07 01 01 01 00*4 00 0c 00 00", "DIS interactive"),
                (Stream, 9000, "01 01 00 01 00 08 00 00 00 01 00 00 00*5", "FastCGI web"),
                (Stream, 3031, "00 40 00 00 0e 00 'REQUEST_METHOD' 03 00 'GET'", "uWSGI web"),
                (Stream, 4000, "'70:CONTENT_LENGTH' 00 '27' 00", "SCGI web"),
                (Stream, 2575, "0b 'MSH|^~\\&|A|B'", "HL7 update"),
                (Stream, 11_112, "01 00 00 00 00 d0 00 01 00 00 'ANY-SCP         '", "DICOM update"),
                (Stream, 9878, "'8=FIX.4.4' 01 '9=65'", "FIX update"),
                (Stream, 2775, "00 00 00 10 00 00 00 15 00 00 00 00 00 00 00 01", "SMPP interactive"),
                (Stream, 3299, "00 00 00 08 'NI_PING' 00", "SAP interactive"),
                (Stream, 9090, "80 01 00 01 00 00 00 04 'ping' 00 00 00 00 00", "Thrift update"),
                (Stream, 9090, "00 00 00 11 80 01 00 01 00 00 00 04 'ping' 00 00 00 00 00", "Thrift update"),
                (Datagram, 6831, "82 21 01 09 'emitBatch' 1c", "Thrift update"),
                (
                    Datagram,
                    111,
                    "12 34 56 78 00 00 00 00 00 00 00 02 00 01 86 a0 00 00 00 02 00*20",
                    "Portmapper interactive",
                ),
                (
                    Stream,
                    1111,
                    "80 00 00 28 12 34 56 78 00 00 00 00 00 00 00 02 00 06 07 af 00 00 00 01 00*20",
                    "VXI-11 update",
                ),
                (
                    Datagram,
                    111,
                    "11 22 33 44 00*4 00*3 02 00 01 86 a0 00*3 02 00*3 03 00*16 00 01 86 b8 00*3 01 00*3 11 00*4",
                    "Portmapper interactive",
                ),
                (Datagram, 9_000, "11 22 33 44 00*4 00*3 02 00 01 86 a4 00*3 02 00*3 01 00*16", "NIS interactive"),
            ],
        );
    }
}
