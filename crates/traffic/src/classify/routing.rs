//! What routers tell each other over UDP and TCP: BGP, LDP, RIP, HSRP, GLBP, BFD, OLSR, Babel, B.A.T.M.A.N. …

use super::fields::{fills, le16};
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

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // BGP (RFC 4271, 4.1): sixteen ones, a length, a type.
    if bytes.len() >= 19
        && bytes[..16] == [0xff; 16]
        && matches!(bytes[18], 1..=5)
        && be16(bytes, 16).is_some_and(|length| (19..=65_535).contains(&length))
    {
        return found("BGP", Interactive, "a BGP message");
    }
    view.at_ports(|port| match port {
        179 => likely("BGP", Interactive, ONLY_PORT, "a message on the port of BGP"),
        // LDP (RFC 5036, 3.1): version 1, a length, a router's address.
        646 if be16(bytes, 0) == Some(1) => found("LDP", Interactive, "an LDP message"),
        646 => likely("LDP", Interactive, ONLY_PORT, "a message on the port of LDP"),
        // MSDP (RFC 3618, 12): a type, a length.
        639 if matches!(bytes, [1..=7, _, _, ..]) => likely("MSDP", Interactive, 85, "a message between routers"),
        // Routes for a forwarding plane (FRRouting, fpm/fpm.h): version 1, netlink or protobuf, a length.
        2620 if matches!(bytes, [1, 1 | 2, ..]) && be16(bytes, 2).is_some_and(|length| length > 4) => {
            found("FPM", Interactive, "routes for a forwarding plane")
        }
        // DLEP (RFC 8175, 11.1): a message of a session on its port.
        854 => likely("DLEP", Interactive, ONLY_PORT, "a message between router and modem"),
        // RPKI to router (RFC 8210, 5): version 0 or 1, a type.
        323 if matches!(bytes, [0 | 1, 0..=10, ..]) => found("RPKI", Interactive, "route origins for a router"),
        // PCEP (RFC 5440, 6.1): version 1, a type, a length that fits.
        4189 if bytes[0] >> 5 == 1 && be16(bytes, 2).is_some_and(|n| n >= 4 && n.is_multiple_of(4)) => {
            found("PCEP", Interactive, "a request for a path")
        }
        _ => Finding::No,
    })
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(&first) = bytes.first() else { return Finding::No };
    // DLEP's discovery (RFC 8175, 11): a signal begins with its name.
    if bytes.starts_with(b"DLEP") {
        return found("DLEP", Interactive, "a message between router and modem");
    }
    view.at_ports(|port| match port {
        // RIP (RFC 2453, 4; RFC 2080): a command, a version, routes of 20 bytes each.
        520 | 521 if matches!(first, 1 | 2) && (bytes.len() - 4.min(bytes.len())).is_multiple_of(20) => {
            found("RIP", Interactive, "a RIP message")
        }
        520 | 521 if matches!(first, 1..=12) => likely("RIP", Interactive, 75, "a message on the port of RIP"),
        // HSRP version 1 (RFC 2281, 5.1) and 2: an operation code, a state; or groups of type 1.
        1985 | 2029 if matches!(bytes, [0, 0..=3, ..] | [1, 40, 2, ..] | [2..=4, _, ..]) => {
            found("HSRP", Interactive, "a message between routers")
        }
        3222 if matches!(first, 1) => found("GLBP", Interactive, "a message between routers"),
        // BFD (RFC 5880, 4.1): version 1, a length that fits; echo packets are the sender's own affair.
        3784 | 4784 | 6784 | 7784
            if first >> 5 == 1 && bytes.get(3).is_some_and(|&n| usize::from(n) <= bytes.len()) =>
        {
            found("BFD", Interactive, "a check between routers")
        }
        3785 => likely("BFD", Interactive, ONLY_PORT, "an echo between routers"),
        646 if be16(bytes, 0) == Some(1) => found("LDP", Interactive, "an LDP message"),
        // AODV (RFC 3561, 5): a request, a reply, lost routes (with their count), an acknowledgement.
        654 if matches!((first, bytes.len()), (1, 24..) | (2, 20..) | (4, 2))
            || first == 3 && bytes.get(3).is_some_and(|&n| n > 0 && bytes.len() >= 4 + 8 * usize::from(n)) =>
        {
            found("AODV", Interactive, "a message between mesh routers")
        }
        // LMP (RFC 4204, 12.1): version 1, a message type, a length that fits.
        701 if first == 0x10 && fills(be16(bytes, 4), 0, bytes) => {
            found("LMP", Interactive, "a message between optical switches")
        }
        // MPLS echo (RFC 8029, 3): version 1, no unknown flags, a message type.
        3503 if be16(bytes, 0) == Some(1) => found("LSP ping", Interactive, "a check between routers"),
        // OLSR (RFC 3626, 3.3): the length fits.
        698 if fills(be16(bytes, 0), 0, bytes) => found("OLSR", Interactive, "a message between mesh routers"),
        // Babel (RFC 8966, 4.2): magic 42, version 2.
        6696 if matches!(bytes, [42, 2, ..]) => found("Babel", Interactive, "a message between mesh routers"),
        4305 | 4306 if bytes.len() >= 12 => {
            likely("B.A.T.M.A.N.", Interactive, ONLY_PORT, "a message between mesh routers")
        }
        269 => likely("MANET", Interactive, ONLY_PORT, "a message between mesh routers"),
        // HNCP (RFC 7788, 13) and its kin.
        8231 => likely("HNCP", Interactive, ONLY_PORT, "a message between home routers"),
        // Auto-RP (Cisco): a version and type, a hold time.
        496 if matches!(first, 0x11 | 0x12) => found("Auto-RP", Interactive, "a message between multicast routers"),
        // Automatic multicast tunnelling (RFC 7450, 5.1).
        2268 if matches!(first, 1..=7) => likely("AMT", Interactive, 80, "a message between multicast routers"),
        // TIME, ICP-like cache messages (RFC 2186, 2): an opcode, version 2, a length that fits.
        3130 if matches!(bytes, [1..=31, 2, ..]) && fills(be16(bytes, 2), 0, bytes) => {
            found("ICP", Interactive, "a question between caches")
        }
        4827 if fills(be16(bytes, 0), 0, bytes) => found("HTCP", Interactive, "a question between caches"),
        2048 if be32(bytes, 0).is_some_and(|kind| (10..=13).contains(&kind)) => {
            found("WCCP", Interactive, "a message between router and cache")
        }
        // Check Point's clusters: a magic number first.
        8116 if le16(bytes, 0) == Some(0x901a) || be16(bytes, 0) == Some(0x1a90) => {
            found("CPHA", Interactive, "a message between firewalls")
        }
        _ => Finding::No,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn routers_are_known() {
        check(
            inspect,
            &[
                (Stream, 179, "ff*16 00 13 04", "BGP interactive"),
                (Stream, 1179, "ff*16 00 1d 01 04 00*9", "BGP interactive"),
                (Stream, 646, "00 01 00 22 0a 00 00 01 00 00 02 00 00 18 00*24", "LDP interactive"),
                (Stream, 639, "04 00 03", "MSDP interactive"),
                (Stream, 323, "01 02 00 00 00 00 00 08", "RPKI interactive"),
                (Stream, 4189, "20 01 00 0c 01 10 00 08 20 1e 78 00", "PCEP interactive"),
                (Datagram, 520, "02 02 00 00 00 02 00 00 0a 00*15", "RIP interactive"),
                (Datagram, 521, "01 01 00 00 00*19 10", "RIP interactive"),
                (Datagram, 1985, "00 00 10 03 0a 78 01 00 'cisco' 00*3 0a 00 00 01", "HSRP interactive"),
                (Datagram, 3222, "01 00 00 01 00*36", "GLBP interactive"),
                (Datagram, 3784, "20 c0 03 18 00*20", "BFD interactive"),
                (Datagram, 698, "00 10 00 01 c9 86 00 0c 00*8", "OLSR interactive"),
                (Datagram, 6696, "2a 02 00 08 04 06 00 00 00 01 01 90", "Babel interactive"),
                (Datagram, 654, "01 00 00 00 00 00 00 01 0a 01 01 05 00*4 0a 01 01 01 00 00 00 01", "AODV interactive"),
                (Datagram, 654, "02 00 00 00 0a 01 01 01 00 00 00 02 0a 01 01 01 00 00 07 d0", "AODV interactive"),
                (Datagram, 654, "03 00 00 01 0a 01 01 05 00 00 00 02", "AODV interactive"),
                (Datagram, 654, "03 00 00 02 0a 01 01 05 00 00 00 02", ""),
                (Datagram, 701, "10 00 00 06 00 10 00 00 07 06 00 08 00 00 00 01", "LMP interactive"),
                (Datagram, 701, "10 00 00 06 00 14 00 00 07 06 00 08 00 00 00 01", ""),
                (Stream, 2620, "01 01 00 08 00 00 00 00", "FPM interactive"),
                (Datagram, 3503, "00 01 00 00 01 02 00 00 00*24", "LSP ping interactive"),
                (Datagram, 3130, "01 02 00 1c 00*16 00*4 'x/' 00 00", "ICP interactive"),
                (Datagram, 9000, "02 02 00 00 00*20", ""),
            ],
        );
    }
}
