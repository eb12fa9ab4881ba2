//! Remote access: RDP, VNC, Telnet, X11, AnyDesk, TeamViewer, NoMachine, Radmin.

use super::{Finding, Layer, View, found, likely};
use crate::packet::be16;
use vocab::TrafficClass::Interactive;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Datagram {
        // RDP over UDP (MS-RDPEUDP): a SYN fills its datagram.
        if view.port(3389) && bytes.len() >= 8 {
            return likely("RDP", Interactive, 85, "remote desktop over UDP");
        }
        if view.port(5938) && bytes.len() > 12 {
            return likely("TeamViewer", Interactive, 85, "a TeamViewer message");
        }
        if bytes.get(11..13) == Some(&[0x17, 0x24]) && bytes.starts_with(&[0, 0, 0, 0]) {
            return found("TeamViewer", Interactive, "a TeamViewer message");
        }
        if view.port(4000) && bytes.len() >= 8 && matches!(bytes, [1 | 2, 0 | 1, 1, 0, ..]) {
            return likely("NoMachine", Interactive, 75, "a NoMachine message");
        }
        return Finding::No;
    }
    // RDP: TPKT with a COTP connection request (MS-RDPBCGR, 2.2.1.1).
    if bytes.starts_with(&[3, 0])
        && matches!(bytes.get(5), Some(0xe0 | 0xd0))
        && be16(bytes, 2).is_some_and(|n| usize::from(n) <= bytes.len())
        && !view.port(102)
        && !view.port(1720)
    {
        return likely("RDP", Interactive, 92, "a remote desktop request");
    }
    if bytes.starts_with(b"RFB 00") {
        return found("VNC", Interactive, "a VNC banner");
    }
    if bytes.starts_with(b"NXSH-") || bytes.starts_with(b"NXD-") {
        return found("NoMachine", Interactive, "a NoMachine banner");
    }
    // Telnet: options at once (RFC 854).
    if matches!(bytes, [0xff, 0xfa..=0xfe, 0..=50, ..]) && (view.port(23) || matches!(bytes.get(3), Some(0xff))) {
        return found("Telnet", Interactive, "Telnet options");
    }
    if view.any_port(&[5938]) && matches!(bytes, [0x17, 0x24, ..] | [0x11, 0x30, ..]) {
        return found("TeamViewer", Interactive, "a TeamViewer message");
    }
    if matches!(bytes, [0x17, 0x24, ..] | [0x11, 0x30, ..]) && bytes.len() > 8 {
        return likely("TeamViewer", Interactive, 80, "a TeamViewer message");
    }
    // Radmin: version 1, a length, a known opening.
    if view.port(4899) || bytes.starts_with(&[1, 0, 0, 0, 1, 0, 0, 0, 8, 8]) || bytes.starts_with(&[1, 0, 0, 0, 5]) {
        return likely("Radmin", Interactive, 82, "a remote control message");
    }
    if (6000..=6009).any(|port| view.port(port)) && matches!(bytes, [b'l' | b'B', 0, ..]) {
        return likely("X11", Interactive, 85, "a request for a display");
    }
    Finding::No
}
