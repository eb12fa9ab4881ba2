//! How machines are managed: SNMP, syslog, flow exports, IPMI, OpenFlow, hypervisors, clusters, debuggers.

use super::fields::{begins, ber, fills, is_text, le16, le32, near};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Backup, Interactive, Web};

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
        [0x30, ..] if snmp(bytes) => return found("SNMP", Interactive, "an SNMP message"),
        [b'<' | b'1'..=b'9', ..] if syslog_stream(bytes) => {
            let confidence = if view.any_port(&[514, 601, 6514, 1514]) { 95 } else { 80 };
            return likely("Syslog", Interactive, confidence, "a syslog message");
        }
        // Android's debug bridge (adb's protocol.txt): a command, six words, and the command inverted.
        [b'C', b'N', b'X', b'N', ..] | [b'S', b'T', b'L', b'S', ..]
            if le32(bytes, 0).zip(le32(bytes, 20)).is_some_and(|(command, magic)| command == !magic) =>
        {
            return found("ADB", Interactive, "an Android debugger");
        }
        [b'J', ..] if bytes.starts_with(b"JDWP-Handshake") => {
            return found("JDWP", Interactive, "a Java debugger");
        }
        // VMware's authentication daemon greets like FTP.
        [b'2', b'2', b'0', ..] if bytes.starts_with(b"220 VMware Authentication Daemon") => {
            return found("VMware", Interactive, "a greeting of a hypervisor");
        }
        [b'*', ..] if bytes.starts_with(b"*KISMET: ") => {
            return found("Kismet", Interactive, "a banner of a radio monitor");
        }
        [b'<', b'?' | b'h' | b'r' | b'n', ..] if near(bytes, b"urn:ietf:params:xml:ns:netconf:base:1.0") => {
            return found("NETCONF", Interactive, "a NETCONF message");
        }
        // libvirt (its rpc.html): a length, its program number, version 1.
        [0, ..] if be32(bytes, 4) == Some(0x2000_8086) && be32(bytes, 8) == Some(1) => {
            return found("libvirt", Interactive, "a call to a hypervisor");
        }
        [0, _, b'n' | b'x' | b'z', ..] if view.port(4369) && fills(be16(bytes, 0), 2, bytes) => {
            return found("EPMD", Interactive, "a call to Erlang's port mapper");
        }
        // RELP (rsyslog's relp.html): a number, a command, a length.
        [b'0'..=b'9', b' ', b'o', b'p', b'e', b'n', b' ', ..] if near(bytes, b"relp_version=") => {
            return found("RELP", Interactive, "a log is sent");
        }
        // GDB's remote protocol (its manual, "Packets"): an acknowledgement perhaps, a packet with its sum.
        [b'$', rest @ ..] | [b'+', b'$', rest @ ..] if gdb(rest) => {
            return found("GDB", Interactive, "a program is debugged");
        }
        // Canonical's raft (its source, uv_tcp_connect.c): version 1, an id, the length of an address, the address.
        [1, 0, 0, 0, 0, 0, 0, 0, _, _, _, _, 0, 0, 0, 0, 8..=64, 0, 0, 0, 0, 0, 0, 0, b'0'..=b'z', ..] => {
            return found("Raft", Interactive, "members of a cluster");
        }
        // Alibaba's agent on its servers: a magic, the length of the rest, alone or with it (as nDPI tells it).
        [0xce, 0xfa, 0xbe, 0xba, ..] if bytes.len() == 8 || fills(be32(bytes, 4), 8, bytes) => {
            return found("AliCloud", Web, "an agent of a cloud");
        }
        // RouterOS API: words with their length first, "/login" the first of them.
        [6, b'/', b'l', b'o', b'g', b'i', b'n', ..] => {
            return found("RouterOS API", Interactive, "a log-in to a router");
        }
        _ => {}
    }
    view.at_ports(|port| match port {
        161 | 162 | 199 | 705 if bytes[0] == 0x30 => likely("SNMP", Interactive, 80, "a message on the port of SNMP"),
        // AgentX (RFC 2741, 6.1): version 1, a type.
        705 if matches!(bytes, [1, 1..=18, ..]) => found("AgentX", Interactive, "a message of an SNMP agent"),
        514 | 601 if is_text(bytes) && bytes[0] == b'<' => found("Syslog", Interactive, "a syslog message"),
        // OpenFlow (its specification, 7.1): a version, a type, a length.
        6633 | 6653 if openflow(bytes) => found("OpenFlow", Interactive, "a message to a switch"),
        902 | 903 | 912 => likely("VMware", Interactive, ONLY_PORT, "a message on the port of a hypervisor"),
        8291 => likely("Winbox", Interactive, ONLY_PORT, "a MikroTik router is managed"),
        5666 if be16(bytes, 0).is_some_and(|version| (2..=4).contains(&version)) => {
            found("NRPE", Interactive, "a monitoring question")
        }
        // Members of clusters (memberlist): a type, then MessagePack; Serf and Consul.
        7946 | 8301 | 8302 => likely("Serf", Interactive, ONLY_PORT, "a message between members of a cluster"),
        8300 => likely("Consul", Interactive, ONLY_PORT, "a message between members of a cluster"),
        // OMAPI (ISC): version 100, header size 24.
        7911 if be32(bytes, 0) == Some(100) => found("OMAPI", Interactive, "a DHCP server is managed"),
        // NDMP (its version 4): a fragment, a sequence.
        10_000 if bytes[0] & 0x80 != 0 && begins(be32(bytes, 0).map(|n| n & 0x7fff_ffff), 24, 65_536) => {
            likely("NDMP", Backup, 80, "a backup is managed")
        }
        // Xdebug connects to its editor: digits, zero, XML.
        9000 | 9003 if near(bytes, b"<init xmlns=\"urn:debugger_protocol_v1\"") => {
            found("Xdebug", Interactive, "a PHP debugger")
        }
        2000..=2010 if bytes.starts_with(b"\x01\x00\x00\x00") => {
            likely("MikroTik bandwidth test", Interactive, 80, "a test of a link")
        }
        // Intel's redirection protocol: start redirection, and its answer.
        16_994 | 16_995 if matches!(bytes, [0x10 | 0x11, 0 | 1, ..]) => {
            found("Intel AMT", Interactive, "a machine's firmware is managed")
        }
        _ => Finding::No,
    })
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes {
        [0x30, ..] if snmp(bytes) => return found("SNMP", Interactive, "an SNMP message"),
        [b'<', b'0'..=b'9', ..] if syslog(bytes) => {
            let confidence = if view.any_port(&[514, 1514, 5140, 5514, 10_514]) { 95 } else { 82 };
            return likely("Syslog", Interactive, confidence, "a syslog message");
        }
        [0, 1 | 5 | 7..=10, ..] if netflow(bytes) => {
            let confidence = if view.any_port(&[2055, 2056, 4739, 6343, 9555, 9995, 9996]) { 95 } else { 82 };
            return likely("NetFlow", Interactive, confidence, "an export of flow records");
        }
        // sFlow (version 5): its version, an address type, sub-agent, samples of known formats.
        [0, 0, 0, 2 | 4 | 5, 0, 0, 0, 1 | 2, ..] if sflow(bytes) => {
            let confidence = if view.port(6343) { 95 } else { 80 };
            return likely("sFlow", Interactive, confidence, "an export of samples");
        }
        // RMCP (DMTF DSP0136, 3.2): version 6, reserved, sequence, class ASF or IPMI, perhaps acknowledging.
        [6, 0, _, 6 | 7 | 0x86 | 0x87, ..] if view.any_port(&[623, 664]) || rmcp(bytes) => {
            let confidence = if view.any_port(&[623, 664]) { 95 } else { 85 };
            return likely("IPMI", Interactive, confidence, "a machine's controller is managed");
        }
        _ => {}
    }
    view.at_ports(|port| match port {
        161 | 162 if bytes[0] == 0x30 => likely("SNMP", Interactive, 85, "a message on the port of SNMP"),
        514 if bytes[0] == b'<' => found("Syslog", Interactive, "a syslog message"),
        2055 | 4739 | 9995 | 9996 if matches!(be16(bytes, 0), Some(1 | 5 | 7 | 9 | 10)) => {
            likely("NetFlow", Interactive, 85, "an export of flow records")
        }
        6343 if be32(bytes, 0).is_some_and(|version| version <= 5) => {
            likely("sFlow", Interactive, 85, "an export of samples")
        }
        // XDMCP (its version 1): an operation code, a length that fits.
        177 if be16(bytes, 0) == Some(1) && fills(be16(bytes, 4), 6, bytes) => {
            found("XDMCP", Interactive, "a request for a display")
        }
        // GSMTAP (osmocom's gsmtap.h): version 2, a header in words of four bytes.
        4729 if matches!(bytes, [2, 4..=16, 1..=0x14, ..]) => {
            found("GSMTAP", Interactive, "frames of a mobile network")
        }
        902 => likely("VMware", Interactive, ONLY_PORT, "a heartbeat of a hypervisor"),
        // Cisco's IP SLA control: a version first.
        1967 if matches!(bytes, [1..=3, _, ..]) => likely("IP SLA", Interactive, 80, "a measurement between routers"),
        // Linux-HA's heartbeat is text between marks; corosync's totem has a magic number.
        694 if bytes.starts_with(b"###\n") => found("Heartbeat", Interactive, "members of a cluster"),
        5404 | 5405 | 5407 if matches!(be16(bytes, 0), Some(0xc070 | 0x70c0)) => {
            likely("Corosync", Interactive, 80, "members of a cluster")
        }
        5404 | 5405 | 5407 if bytes.len() >= 60 => likely("Corosync", Interactive, ONLY_PORT, "members of a cluster"),
        7946 | 8301 | 8302 => likely("Serf", Interactive, ONLY_PORT, "a message between members of a cluster"),
        // Microsoft's cluster heartbeat.
        3343 => likely("MS cluster", Interactive, ONLY_PORT, "members of a cluster"),
        _ => Finding::No,
    })
}

/// "content#xx": the sum of the content in two digits.
fn gdb(packet: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b'#', &packet[..packet.len().min(200)]) else { return false };
    let sum = packet[..end].iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let stated = packet.get(end + 1..end + 3).and_then(|digits| Some(digit(digits[0])? << 4 | digit(digits[1])?));
    end > 0 && stated == Some(u32::from(sum))
}

/// A sequence of a version and what that version brings next (RFC 1157, RFC 1905, RFC 3412).
pub(crate) fn snmp(bytes: &[u8]) -> bool {
    let Some(message) = ber(bytes).filter(|message| message.tag == 0x30) else { return false };
    let &[2, 1, version, next, ..] = message.content else { return false };
    match version {
        // A community and a request, response or trap.
        0 | 1 => {
            let Some(community) = message.content.get(3..).and_then(ber).filter(|value| value.tag == 4) else {
                return false;
            };
            community.rest(&message.content[3..]).first().is_none_or(|kind| matches!(kind, 0xa0..=0xa8))
        }
        3 => next == 0x30,
        _ => false,
    }
}

/// A priority up to 191 in angle brackets (RFC 3164, 4.1.1; RFC 5424, 6.2.1), then text.
fn syslog(bytes: &[u8]) -> bool {
    let Some(close) = bytes.iter().take(5).position(|&byte| byte == b'>') else { return false };
    let digits = &bytes[1..close];
    let priority = digits
        .iter()
        .try_fold(0_u32, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0')));
    !digits.is_empty()
        && priority.is_some_and(|priority| priority <= 191)
        && bytes.get(close + 1..).is_some_and(|text| {
            let text = &text[..text.len().min(60)];
            text.len() >= 4 && text.iter().all(|&byte| byte >= b' ' || matches!(byte, b'\t' | b'\r' | b'\n' | 0))
        })
}

/// A message as it is, or with its length in digits before it (RFC 6587, 3.4).
fn syslog_stream(bytes: &[u8]) -> bool {
    let digits = bytes.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    match bytes.get(digits..) {
        Some([b' ', rest @ ..]) if digits > 0 => rest.first() == Some(&b'<') && syslog(rest),
        Some(rest) if digits == 0 => syslog(rest),
        _ => false,
    }
}

/// Versions 1, 5, 7 and 8 by their count of records of a known size (Cisco's export formats), 9 by its count
/// and time (RFC 3954, 5.1), 10 by its length (RFC 7011, 3.1).
fn netflow(bytes: &[u8]) -> bool {
    let (Some(version), Some(second)) = (be16(bytes, 0), be16(bytes, 2)) else { return false };
    let records =
        |header: usize, size: usize| (1..=31).contains(&second) && bytes.len() == header + size * usize::from(second);
    // Seconds since 1970: from 2000 to 2050.
    let clock = |at: usize| be32(bytes, at).is_some_and(|seconds| (946_684_800..2_524_608_000).contains(&seconds));
    // A set's length is at least that of its header and fits.
    let set =
        |at: usize| be16(bytes, at + 2).is_some_and(|length| length >= 4 && at + usize::from(length) <= bytes.len());
    match version {
        1 => records(16, 52) && clock(8),
        5 => records(24, 48) && clock(8),
        7 => records(24, 52) && clock(8),
        // An aggregation scheme from 1 to 14, of version 2.
        8 => (1..=51).contains(&second) && clock(8) && matches!(bytes.get(22..24), Some([1..=14, 2])),
        9 => {
            (1..=100).contains(&second) && clock(8) && set(20) && be16(bytes, 20).is_some_and(|id| id <= 1 || id >= 256)
        }
        10 => {
            fills(Some(second), 0, bytes)
                && clock(4)
                && set(16)
                && be16(bytes, 16).is_some_and(|id| matches!(id, 2 | 3) || id >= 256)
        }
        _ => false,
    }
}

/// Versions 2, 4 and 5 (sFlow's specifications): an address, in version 5 a sub-agent, then a number, a time, a count of
/// samples, the first of a known kind, in version 5 with a length that fits.
fn sflow(bytes: &[u8]) -> bool {
    let address = if bytes[7] == 1 { 4 } else { 16 };
    let at = 8 + address + if bytes[3] == 5 { 4 } else { 0 };
    let (Some(count), Some(kind)) = (be32(bytes, at + 8), be32(bytes, at + 12)) else { return false };
    let fits = be32(bytes, at + 16).is_some_and(|length| u64::from(length) + at as u64 + 20 <= bytes.len() as u64);
    (1..=100).contains(&count)
        && match bytes[3] {
            // An enterprise in the upper twenty bits.
            5 => fits && (1..=5).contains(&(kind & 0xfff)),
            _ => matches!(kind, 1 | 2),
        }
}

/// What follows RMCP's header: ASF's enterprise (DSP0136, 3.2.2.3), or IPMI's session with a length that fits (IPMI 2.0,
/// 13.6), or a mere acknowledgement.
fn rmcp(bytes: &[u8]) -> bool {
    match bytes[3] {
        6 => be32(bytes, 4) == Some(4_542),
        7 => match bytes.get(4) {
            Some(0) => bytes.get(13).is_some_and(|&length| usize::from(length) + 14 == bytes.len()),
            Some(1 | 2 | 4 | 5) => bytes.get(29).is_some_and(|&length| usize::from(length) + 30 == bytes.len()),
            Some(6) => le16(bytes, 14).is_some_and(|length| usize::from(length) + 16 <= bytes.len()),
            _ => false,
        },
        _ => bytes.len() == 4,
    }
}

/// Versions 1.0 to 1.5 (OpenFlow switch specification, 7.1.1).
fn openflow(bytes: &[u8]) -> bool {
    matches!(bytes, [1..=6, 0..=35, ..]) && be16(bytes, 2).is_some_and(|length| length >= 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn management_is_known() {
        check(
            inspect,
            &[
                (Datagram, 161, "30 26 02 01 01 04 06 'public' a0 19 00*25", "SNMP interactive"),
                (Datagram, 16_100, "30 3e 02 01 03 30 11 02 04 00*58", "SNMP interactive"),
                (Datagram, 16_100, "30 0c 02 01 07 04 06 'public' 00", ""),
                (Datagram, 514, "'<34>Oct 11 22:14:15 mymachine su: failed'", "Syslog interactive"),
                (Datagram, 5999, "'<165>1 2003-10-11T22:14:15.003Z host app - ID47'", "Syslog interactive"),
                (Datagram, 5999, "'<195>1 2003'", ""),
                (Stream, 601, "'49 <34>1 2003-10-11T22:14:15.003Z host su - ID47 - x'", "Syslog interactive"),
                (Datagram, 2055, "00 05 00 01 00 00 10 00 65 00 00 00 00*60", "NetFlow interactive"),
                (Datagram, 9999, "00 0a 00 14 65 00 00 00 00*8 01 00 00 04", "NetFlow interactive"),
                (
                    Datagram,
                    9999,
                    "00 09 00 01 00 00 10 00 65 00 00 00 00*8 00 00 00 08 01 00 00 00",
                    "NetFlow interactive",
                ),
                (
                    Datagram,
                    6343,
                    "00 00 00 05 00 00 00 01 0a 00 00 01 00*4 00 00 00 07 00*4 00 00 00 01 00 00 00 02 00 00 00 04 00*4",
                    "sFlow interactive",
                ),
                (Datagram, 9_000, "00 00 00 05 00 00 00 01 00*8 00 00 00 07 00*16", ""),
                (Datagram, 9_000, "06 00 ff 06 00 00 11 be 80 00 00 00", "IPMI interactive"),
                (Datagram, 9_000, "06 00 ff 07 01 02 03 04", ""),
                (
                    Datagram,
                    623,
                    "06 00 ff 07 00 00 00 00 00 00 00 00 00 09 20 18 c8 81 00 38 8e 04 b5",
                    "IPMI interactive",
                ),
                (Datagram, 177, "00 01 00 02 00 01 00", "XDMCP interactive"),
                (Stream, 2514, "'1 open 30' 0a 'relp_version=0'", "RELP interactive"),
                (Stream, 1234, "'+$OK#9a'", "GDB interactive"),
                (Stream, 9_000, "ce fa be ba 00 00 00 02 01 02", "AliCloud web"),
                (Stream, 1234, "'+$OK#9b'", ""),
                (Stream, 9_000, "01 00*7 05 00*7 10 00*7 '10.0.0.1:9000' 00 00 00", "Raft interactive"),
                (Datagram, 4729, "02 04 01 00 00*12 01", "GSMTAP interactive"),
                (Stream, 6653, "04 00 00 08 00 00 00 01", "OpenFlow interactive"),
                (
                    Stream,
                    5555,
                    "'CNXN' 01 00 00 01 00 00 10 00 07 00 00 00 32 02 00 00 bc b1 a7 b1 'host::' 00",
                    "ADB interactive",
                ),
                (Stream, 8000, "'JDWP-Handshake'", "JDWP interactive"),
                (Stream, 902, "'220 VMware Authentication Daemon Version 1.10'", "VMware interactive"),
                (Stream, 4369, "00 01 'n'", "EPMD interactive"),
                (Stream, 16_509, "00 00 00 1c 20 00 80 86 00 00 00 01 00 00 00 42 00*12", "libvirt interactive"),
                (Stream, 8728, "06 '/login' 00", "RouterOS API interactive"),
                (Stream, 705, "01 01 10 00 00*16", "AgentX interactive"),
                (Stream, 2501, "'*KISMET: 0.0.0 1234567890 '", "Kismet interactive"),
            ],
        );
    }
}
