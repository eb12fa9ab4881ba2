//! File transfer and file servers: FTP, SMB, NFS, rsync, git, TFTP, AFP, Syncthing, Ceph.

use super::{Finding, Layer, Sender, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Backup, Download, Interactive};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // Sun RPC (RFC 5531): a call or reply for NFS, mount, lock; over TCP behind a fragment mark.
    let rpc = match view.layer {
        Layer::Stream if bytes.first().is_some_and(|byte| byte & 0x80 != 0) => bytes.get(4..).unwrap_or(&[]),
        Layer::Stream => &[],
        Layer::Datagram => bytes,
    };
    if be32(rpc, 4) == Some(0) && be32(rpc, 8) == Some(2) {
        match be32(rpc, 12) {
            Some(100_003 | 100_005 | 100_021 | 100_024 | 100_227) => {
                return found("NFS", Download, "a call to a file server");
            }
            Some(100_000) => return found("Portmapper", Interactive, "a question for an RPC port"),
            _ => {}
        }
    }
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let begins = |text: &[u8]| bytes.starts_with(text);
    if let Some(smb) = bytes.get(4..8).filter(|_| bytes[0] == 0) {
        match smb {
            b"\xffSMB" => return found("SMB", Interactive, "an SMB 1 message"),
            b"\xfeSMB" | b"\xfdSMB" => return found("SMB", Interactive, "an SMB message"),
            _ => {}
        }
    }
    // NetBIOS session request (RFC 1002, 4.3.2).
    if view.port(139) && matches!(bytes, [0x81..=0x85, 0, ..]) {
        return found("NetBIOS", Interactive, "a NetBIOS session message");
    }
    if begins(b"@RSYNCD: ") {
        return found("rsync", Download, "an rsync greeting");
    }
    if bytes.len() > 8
        && (&bytes[4..8] == b"git-" || bytes.get(4..).is_some_and(|rest| rest.starts_with(b"git-upload-pack")))
    {
        return found("Git", Download, "a git request");
    }
    if begins(b"ceph v") {
        return found("Ceph", Download, "a Ceph banner");
    }
    // Syncthing's block exchange: the magic of its hello.
    if be32(bytes, 0) == Some(0x2ea7_d90b) {
        return found("Syncthing", Download, "a Syncthing hello");
    }
    if view.port(548) && matches!(bytes, [0 | 1, 1..=8, ..]) && bytes.len() >= 16 {
        return likely("AFP", Download, 85, "an Apple file server message");
    }
    // FTP: a greeting on its port, or its own words.
    let upper = &bytes[..bytes.len().min(200)];
    let greets = begins(b"220 ") || begins(b"220-");
    let ftp_words = memchr::memmem::find(upper, b"FTP").is_some() || memchr::memmem::find(upper, b"ftp").is_some();
    if greets
        && view.sender == Sender::Responder
        && (view.port(21) || (ftp_words && memchr::memmem::find(upper, b"SMTP").is_none()))
    {
        return found("FTP", Interactive, "an FTP greeting");
    }
    if view.port(21) && [&b"USER "[..], b"AUTH TLS", b"FEAT", b"HOST "].iter().any(|word| begins(word)) {
        return found("FTP", Interactive, "an FTP command");
    }
    if view.port(20) {
        return likely("FTP data", Download, 80, "the data port of FTP");
    }
    // A listing on a data port that nobody announced to us.
    if (begins(b"-rw") || begins(b"drwx")) && view.sender == Sender::Responder {
        return likely("FTP data", Download, 80, "a listing of files");
    }
    // The wire format of CryptoNote nodes (Levin): its signature.
    if begins(b"\x01\x21\x01\x01\x01\x01\x01\x01") {
        return found("Monero", Backup, "a message between crypto-currency nodes");
    }
    // Bitcoin and kin: the magic of their main networks.
    if begins(b"\xf9\xbe\xb4\xd9") || begins(b"\xfb\xc0\xb6\xdb") {
        return found("Bitcoin", Backup, "a message between crypto-currency nodes");
    }
    // Stratum: JSON between a miner and its pool.
    if begins(b"{") && memchr::memmem::find(&bytes[..bytes.len().min(200)], b"\"mining.").is_some() {
        return found("Mining", Backup, "a message to a mining pool");
    }
    if begins(b"XFER ") || begins(b"\x00\x00\x00\x00DRPC") {
        return likely("Dropbox", Backup, 60, "a sync message");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // TFTP (RFC 1350): a request names a file and a mode.
    if matches!(be16(bytes, 0), Some(1 | 2)) && view.port(69) {
        return found("TFTP", Download, "a TFTP request");
    }
    if be16(bytes, 0).is_some_and(|kind| kind == 1 || kind == 2)
        && (bytes.ends_with(b"\0octet\0") || bytes.ends_with(b"\0netascii\0"))
    {
        return found("TFTP", Download, "a TFTP request");
    }
    if be32(bytes, 0) == Some(0x2ea7_d90b) || be32(bytes, 0) == Some(0x7d79_bc40) {
        return found("Syncthing", Download, "a Syncthing announcement");
    }
    // Dropbox's announcement on the local network (its help centre: LAN sync, port 17500).
    if view.port(17_500) && bytes.starts_with(b"{\"") {
        return found("Dropbox", Backup, "Dropbox looks for others on the local network");
    }
    // UFTP (its protocol specification): port 1044, version bytes 0x31 to 0x50.
    if view.port(1044) && bytes.len() >= 16 && matches!(bytes[0], 0x30..=0x51) && matches!(bytes[1], 1..=22) {
        return likely("UFTP", Download, 85, "a UFTP message");
    }
    Finding::No
}
