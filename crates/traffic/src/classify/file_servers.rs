//! Shared disks and folders: SMB, NFS, AFP, 9P, AFS, iSCSI, NBD, Ceph, Lustre, Gluster, HDFS.

use super::fields::{begins, fills, le32};
use super::{Finding, Layer, View, found, likely, rpc};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Download, Interactive};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    if let Some(asked) = rpc::asked(view)
        && let Some(finding) = program(asked)
    {
        return finding;
    }
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

/// Programs by number (IANA "Remote Procedure Call Program Numbers"; Gluster's from its source, rpc/protocol). Who
/// asks the portmapper where a file server listens does it to read files.
fn program(asked: rpc::Asked) -> Option<Finding> {
    Some(match asked {
        rpc::Asked::Program(number) if is_nfs(number) => found("NFS", Download, "a call to a file server"),
        rpc::Asked::Port(number) if is_nfs(number) => found("NFS", Download, "a question where a file server listens"),
        rpc::Asked::Program(
            1_298_437 | 14_398_633 | 14_398_634 | 24_121_990 | 34_123_456 | 52_743_234 | 123_451_501 | 123_452_501,
        ) => found("GlusterFS", Download, "a call to a file server"),
        rpc::Asked::Program(_) | rpc::Asked::Port(_) => return None,
    })
}

/// NFS and what goes with it: mounts, quotas, locks, their state, access lists, callbacks.
fn is_nfs(program: u32) -> bool {
    matches!(program, 100_003 | 100_005 | 100_011 | 100_021 | 100_024 | 100_227 | 400_122)
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(&first) = bytes.first() else { return Finding::No };
    // SMB behind its length (MS-SMB2, 2.1): versions 1, 2 and 3, encrypted and compressed. It carries names,
    // printers and domains as much as files, and people wait for it.
    match bytes.get(4..8).filter(|_| first == 0) {
        Some(b"\xffSMB") => return found("SMB", Interactive, "an SMB 1 message"),
        Some(b"\xfeSMB" | b"\xfdSMB" | b"\xfcSMB") => return found("SMB", Interactive, "an SMB message"),
        _ => {}
    }
    // NetBIOS sessions (RFC 1002, 4.3): a request names both ends in 34 bytes each.
    let names = bytes.len() >= 72 && matches!(bytes, [0x81, 0, 0, 0x44, 0x20, ..]) && bytes.get(38) == Some(&0x20);
    if names || view.port(139) && matches!(bytes, [0x81..=0x85, 0, ..]) {
        return found("NetBIOS", Interactive, "a NetBIOS session message");
    }
    if view.any_port(&[139, 445]) && first == 0 && bytes.len() >= 4 {
        return likely("SMB", Interactive, 80, "the port of SMB");
    }
    // AFP in DSI (Apple's "AFP over TCP"): request or answer, a command, a length, a reserved zero.
    if let &[0 | 1, 1..=8, _, _, ..] = bytes
        && be32(bytes, 12) == Some(0)
        && begins(be32(bytes, 8), 0, 1 << 24)
        && (view.port(548)
            || be32(bytes, 8).is_some_and(|length| fills(Some(length), 16, bytes) && length > 0) && bytes[0] == 0)
        && bytes.len() >= 16
    {
        return likely("AFP", Download, if view.port(548) { 95 } else { 80 }, "an Apple file server message");
    }
    // 9P: a length, Tversion or Rversion without a tag, the version's name (intro(5) of Plan 9).
    if matches!(bytes.get(4..7), Some([100 | 101, 0xff, 0xff])) && bytes.get(13..15) == Some(b"9P") {
        return found("9P", Download, "a 9P greeting");
    }
    // iSCSI (RFC 7143, 11.12): a login names its initiator.
    if matches!(first, 0x03 | 0x23 | 0x43)
        && (view.port(3260) || begins_at(bytes, 48, b"InitiatorName="))
        && bytes.len() >= 48
    {
        return found("iSCSI", Download, "a login to a disk in the network");
    }
    // Any other operation, without a further header.
    if view.port(3260)
        && bytes.len() >= 48
        && matches!(first & 0x3f, 0..=6 | 0x10 | 0x1c..=0x1e | 0x20..=0x26 | 0x31 | 0x32 | 0x3f)
        && bytes[4] == 0
    {
        return likely("iSCSI", Download, 88, "a command to a disk in the network");
    }
    // NVMe over TCP (its transport specification, 3.6.2.2): a request of 128 bytes without data.
    if matches!(bytes, [0 | 1, 0, 128, 0, 128, 0, 0, 0, ..]) && bytes.len() == 128 {
        return found("NVMe/TCP", Download, "a greeting of a disk in the network");
    }
    // DRBD: the magics of its three headers (its source, drbd_protocol.h).
    if matches!(be32(bytes, 0), Some(0x8374_0267 | 0x8620_ec20)) && bytes.len() >= 8 {
        return found("DRBD", Download, "a copy of a disk in the network");
    }
    // Memory that is read over TCP (RFC 5044, 7.1.1), and Samba's clusters (ctdb_protocol.h: the magic behind the length).
    if bytes.starts_with(b"MPA ID Re") && bytes.len() >= 20 {
        return found("iWARP", Download, "memory is read from afar");
    }
    if matches!(le32(bytes, 4), Some(0x4354_4442)) && begins(le32(bytes, 0), 32, 1 << 24) {
        return found("CTDB", Interactive, "members of a cluster of file servers");
    }
    if bytes.starts_with(b"NBDMAGIC") {
        return found("NBD", Download, "a greeting of a disk in the network");
    }
    if bytes.starts_with(b"ceph v") {
        return found("Ceph", Download, "a Ceph banner");
    }
    // Lustre (its source, socklnd.h and lnet/types.h): the magic of either greeting, and data behind it.
    if matches!(le32(bytes, 0), Some(0x4572_6963 | 0xacce_7100)) && bytes.len() >= 16 {
        return found("Lustre", Download, "a Lustre greeting");
    }
    if le32(bytes, 0) == Some(0xc1)
        && bytes.len() >= 96
        && (view.port(988) || le32(bytes, 52).is_some_and(|length| fills(Some(length), 96, bytes)))
    {
        return likely("Lustre", Download, 85, "a Lustre message");
    }
    // Hadoop: calls begin with a word; blocks with version 28 and read or write (its source, Op.java).
    if bytes.starts_with(b"hrpc") && bytes.len() >= 7 {
        return found("HDFS", Download, "a call to Hadoop");
    }
    if matches!(bytes, [0, 28, 80 | 81 | 85 | 86, ..]) && view.any_port(&[50_010, 9_866, 1_004]) {
        return found("HDFS", Download, "a block of Hadoop's files");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // Rx, under AFS (its specification, "Rx protocol header"): a packet's type, a security index, on its ports.
    if (7_000..=7_009).any(|port| view.port(port))
        && bytes.len() >= 28
        && matches!(bytes[20], 1..=13)
        && bytes[23] <= 5
        && be16(bytes, 26).is_some_and(|service| service < 0x1000)
    {
        return found("AFS", Download, "a call to an AFS file server");
    }

    if bytes.first() == Some(&0) && view.port(445) && bytes.get(4..8) == Some(b"\xffSMB") {
        return found("SMB", Interactive, "an SMB 1 message");
    }
    Finding::No
}

fn begins_at(bytes: &[u8], at: usize, text: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(text))
}

#[cfg(test)]
mod tests {
    use super::super::{dialogue, specimen};
    use super::*;
    use Layer::{Datagram, Stream};

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn file_servers_are_known() {
        specimen::check(
            inspect,
            &[
                (Stream, 445, "00 00 00 40 fe 'SMB' 40 00*59", "SMB interactive"),
                (Stream, 139, "00 00 00 40 ff 'SMB' 72 00*59", "SMB interactive"),
                (Stream, 9_000, "81 00 00 44 20 45*32 00 20 46*32 00", "NetBIOS interactive"),
                (Stream, 2049, "80 00 00 28 11 22 33 44 00*4 00*3 02 00 01 86 a3 00*3 03 00*20", "NFS download"),
                (
                    Datagram,
                    111,
                    "11 22 33 44 00*4 00*3 02 00 01 86 a0 00*3 02 00*3 03 00*16 00 01 86 a5 00*3 03 00*3 11 00*4",
                    "NFS download",
                ),
                (
                    Datagram,
                    111,
                    "11 22 33 44 00*4 00*3 02 00 01 86 a0 00*3 02 00*3 03 00*3 01 00*3 04 'ab' 00*2 00*8 00 01 86 a3 00*12",
                    "NFS download",
                ),
                (Datagram, 111, "11 22 33 44 00*4 00*3 02 00 01 86 a0 00*3 02 00*3 04 00*16", ""),
                (Datagram, 9_000, "11 22 33 44 00*4 00*3 02 00 01 86 a5 00*3 03 00*20", "NFS download"),
                (
                    Stream,
                    24_007,
                    "80 00 00 28 11 22 33 44 00*4 00*3 02 00 db b4 a9 00*3 02 00*20",
                    "GlusterFS download",
                ),
                (Stream, 548, "00 04 00 01 00*4 00 00 00 02 00*4 0f 00", "AFP download"),
                (Stream, 9_000, "13 00 00 00 64 ff ff 00 20 00 00 06 00 '9P2000'", "9P download"),
                (Stream, 3260, "43 87 00*46 'InitiatorName=iqn.2001-04.org.example' 00", "iSCSI download"),
                (Stream, 10_809, "'NBDMAGICIHAVEOPT' 00 03", "NBD download"),
                (Stream, 20_049, "'MPA ID Req Frame' 00 01 00 00", "iWARP download"),
                (Stream, 4379, "40 00 00 00 'BDTC' 01 00 00 00 00*52", "CTDB interactive"),
                (Stream, 4420, "00 00 80 00 80 00*123", "NVMe/TCP download"),
                (Stream, 7789, "83 74 02 67 00 fe 00 50 00*80", "DRBD download"),
                (Stream, 6789, "'ceph v2' 0a 10 00", "Ceph download"),
                (Stream, 988, "63 69 72 45 01 00 00 00 01 02 a8 c0 00 00 02 00", "Lustre download"),
                (Stream, 8020, "'hrpc' 09 00 00", "HDFS download"),
                (Datagram, 7003, "11*4 22*4 00*3 01 00*3 01 00*3 01 01 05 00 00 00 00 00 34", "AFS download"),
            ],
        );
        dialogue::check(
            inspect,
            Datagram,
            &[
                (
                    1_011,
                    "11 22 33 44 00*4 00*3 02 00 01 86 a5 00*3 03 00*8",
                    "11 22 33 44 00*3 01 00*4 00*16",
                    "NFS download",
                ),
                (1_011, "11 22 33 45 00*4 00*3 02 00 01 86 a5 00*3 03 00*8", "11 22 33 44 00*3 01 00*4 00*16", ""),
            ],
        );
    }
}
