//! Tunnels: WireGuard, OpenVPN, IPsec, L2TP, PPTP, Teredo, VXLAN, GTP, LISP, tinc, Tailscale, Tor.

use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Work;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // PPTP (RFC 2637): length, type 1, the magic cookie.
    if be32(bytes, 4) == Some(0x1a2b_3c4d) {
        return found("PPTP", Work, "a PPTP control message");
    }
    // OpenVPN over TCP: a length, then a hard reset of version 2 or 3.
    if let (Some(length), Some(&operation)) = (be16(bytes, 0), bytes.get(2))
        && matches!(operation >> 3, 7 | 8 | 10)
        && usize::from(length) + 2 <= bytes.len()
        && (14..600).contains(&length)
        && (operation & 7) == 0
    {
        return likely("OpenVPN", Work, if view.port(1194) { 95 } else { 80 }, "an OpenVPN hard reset");
    }
    // tinc: "0 name 17": the id message of its meta protocol.
    if bytes.starts_with(b"0 ") && memchr::memmem::find(&bytes[..bytes.len().min(40)], b" 17").is_some() {
        return found("tinc", Work, "a tinc greeting");
    }
    if view.port(4342) && bytes.len() >= 8 {
        return likely("LISP", Work, 80, "a LISP message");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let length = bytes.len();
    // WireGuard: type, three zeros, fixed sizes (its paper, 5.4).
    match (bytes.get(..4), length) {
        (Some([1, 0, 0, 0]), 148) | (Some([2, 0, 0, 0]), 92) | (Some([3, 0, 0, 0]), 64) => {
            return found("WireGuard", Work, "a WireGuard handshake");
        }
        (Some([4, 0, 0, 0]), 32..) if length.is_multiple_of(16) && view.port(51_820) => {
            return found("WireGuard", Work, "WireGuard data");
        }
        _ => {}
    }
    // IKE (RFC 7296): two cookies, a next payload, version 1.0 or 2.0, the length.
    let ike = bytes.strip_prefix(&[0, 0, 0, 0]).filter(|_| view.port(4500)).unwrap_or(bytes);
    if view.any_port(&[500, 4500, 848]) && ike.len() >= 28 && matches!(ike[17], 0x10 | 0x20) {
        return found("IPsec", Work, "an IKE message");
    }
    if view.port(4500) {
        return likely("IPsec", Work, 85, "IPsec inside UDP");
    }
    // OpenVPN over UDP: a hard reset of version 2 or 3, a session id, a packet id of zero.
    if let Some(&operation) = bytes.first()
        && matches!(operation, 0x38 | 0x40 | 0x50)
        && (14..=120).contains(&length)
        && (view.port(1194) || bytes.ends_with(&[0; 5]))
    {
        return likely("OpenVPN", Work, if view.port(1194) { 95 } else { 80 }, "an OpenVPN hard reset");
    }
    if view.port(1194) && length > 16 {
        return likely("OpenVPN", Work, 75, "the port of OpenVPN");
    }
    if view.port(1701) && be16(bytes, 0).is_some_and(|flags| matches!(flags & 0x000f, 2 | 3)) {
        return found("L2TP", Work, "an L2TP message");
    }
    if view.port(3544) {
        return likely("Teredo", Work, 90, "IPv6 inside UDP (Teredo)");
    }
    if view.any_port(&[4789, 8472]) && length > 16 && bytes[0] & 0x08 != 0 {
        return likely("VXLAN", Work, 88, "a VXLAN frame");
    }
    if view.any_port(&[2152, 2123]) && matches!(bytes.first(), Some(0x30..=0x5f)) {
        return found("GTP", Work, "a tunnel of a mobile network");
    }
    if view.any_port(&[4341, 4342]) {
        return likely("LISP", Work, 88, "a LISP message");
    }
    if view.port(655) {
        return likely("tinc", Work, 80, "a tinc packet");
    }
    // Tailscale's discovery: "TS" and a speech balloon (its source, disco.go).
    if bytes.starts_with(b"TS\xf0\x9f\x92\xac") {
        return found("Tailscale", Work, "a Tailscale discovery message");
    }
    if view.port(9993) && length >= 28 {
        return likely("ZeroTier", Work, 80, "a ZeroTier packet");
    }
    Finding::No
}
