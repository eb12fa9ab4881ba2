//! Tunnels between networks: L2TP, PPTP, GTP, VXLAN, GENEVE, LISP, Teredo, CAPWAP and other frames inside UDP.

use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::{Interactive, Work};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // PPTP (RFC 2637, 1.4): a length, type 1 or 2, the magic cookie.
    if be32(bytes, 4) == Some(0x1a2b_3c4d) && matches!(be16(bytes, 2), Some(1 | 2)) {
        return found("PPTP", Work, "a PPTP control message");
    }
    // HTTP's method of SSTP (MS-SSTP, 3.2.4.1), seen where TLS is ended before us.
    if bytes.starts_with(b"SSTP_DUPLEX_POST /") {
        return found("SSTP", Work, "an SSTP request");
    }
    // LISP over TCP (draft-kouvelas-lisp-map-server-reliable-transport): a type, then a length.
    if view.port(4342) && bytes.len() >= 8 {
        return likely("LISP", Work, 80, "a LISP message");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let length = bytes.len();
    let Some(&first) = bytes.first() else { return Finding::No };
    let stated = be16(bytes, 2).map(usize::from);
    // L2TP (RFC 2661, 3.1): control has a type, a length and sequence numbers; version 3 has the same bits.
    if matches!(bytes, [0xc8, 2 | 3, ..]) && stated == Some(length) && length >= 12 {
        return found("L2TP", Work, "an L2TP control message");
    }
    if view.port(1701) {
        if be16(bytes, 0).is_some_and(|flags| matches!(flags & 0x000f, 2 | 3) && flags & 0x34f0 == 0) {
            return found("L2TP", Work, "an L2TP message");
        }
        // L2TPv3 over UDP puts its control behind a session of zero (RFC 3931, 4.1.2).
        if be32(bytes, 0) == Some(0) && bytes.get(4) == Some(&0xc8) {
            return found("L2TP", Work, "an L2TP control message");
        }
    }
    // VXLAN (RFC 7348, 5): one flag, zeros around the network's number, then a frame with a known ethertype.
    if first == 0x08 && bytes.get(1..4) == Some(&[0; 3]) && bytes.get(7) == Some(&0) && is_frame(&bytes[8..]) {
        return found("VXLAN", Work, "a VXLAN frame");
    }
    if view.any_port(&[4789, 4790, 8472]) && length > 16 && first & 0x08 != 0 {
        return likely("VXLAN", Work, 88, "a VXLAN frame");
    }
    // GENEVE (RFC 8926, 3.4): version 0, options, the type of what follows, a zero behind the network's number.
    if view.port(6081) && first & 0xc0 == 0 && be16(bytes, 2).is_some_and(is_ethertype) && bytes.get(7) == Some(&0) {
        return found("GENEVE", Work, "a GENEVE frame");
    }
    if let Some(finding) = gtp(view) {
        return finding;
    }
    // PFCP (3GPP TS 29.244, 7.2.2): version 1, a type, the length of all but four bytes.
    if view.port(8805) && first >> 5 == 1 && stated.is_some_and(|stated| stated + 4 == length) {
        return found("PFCP", Interactive, "control of a mobile network's gateway");
    }
    // Teredo (RFC 4380, 5.1.1): IPv6 whose addresses begin with 2001:0::/32, perhaps behind an indication.
    let inner = match bytes {
        [0, 0, rest @ ..] if rest.len() >= 46 => &rest[6..],
        [0, 1, clients, authentication, rest @ ..] => {
            let skip = usize::from(*clients) + usize::from(*authentication) + 9;
            rest.get(skip..).unwrap_or(&[])
        }
        _ => bytes,
    };
    if inner.first().is_some_and(|byte| byte >> 4 == 6)
        && be16(inner, 4).is_some_and(|payload| usize::from(payload) + 40 == inner.len())
        && (be32(inner, 8) == Some(0x2001_0000) || be32(inner, 24) == Some(0x2001_0000))
    {
        return found("Teredo", Work, "IPv6 inside UDP (Teredo)");
    }
    if view.port(3544) {
        return likely("Teredo", Work, 88, "IPv6 inside UDP (Teredo)");
    }
    if view.any_port(&[4341, 4342]) {
        return likely("LISP", Work, 88, "a LISP message");
    }
    // CAPWAP (RFC 5415, 4.1 and 4.3): a preamble, then DTLS or a header of a known length.
    if view.any_port(&[5246, 5247])
        && (bytes.starts_with(&[1, 0, 0, 0]) || first == 0 && bytes.get(1).is_some_and(|&byte| byte >> 3 <= 16))
        && length >= 8
    {
        return found("CAPWAP", Interactive, "a controller of access points");
    }
    // LWAPP (RFC 5412): the ports before CAPWAP's, version 0.
    if view.any_port(&[12_222, 12_223]) && first >> 6 == 0 && length >= 12 {
        return likely("LWAPP", Interactive, 80, "a controller of access points");
    }
    // MPLS in UDP (RFC 7510): labels until the bottom of the stack, then IP.
    if view.port(6635) && length > 24 {
        return likely("MPLS", Work, 80, "MPLS inside UDP");
    }
    // AYIYA (draft-massar-v6ops-ayiya): identity of 16 bytes, signed with SHA-1, then IPv6.
    if view.any_port(&[5072, 8374]) && bytes.starts_with(&[0x44]) && length > 44 {
        return likely("AYIYA", Work, 88, "IPv6 inside UDP (AYIYA)");
    }
    // GRE in UDP (RFC 8086): version 0, reserved bits clear, a known type.
    if view.any_port(&[4754, 4755]) && be16(bytes, 2).is_some_and(is_ethertype) {
        return likely("GRE", Work, 85, "GRE inside UDP");
    }
    Finding::No
}

/// GTP: user packets and control of version 1 (3GPP TS 29.060), control of version 2 (TS 29.274), charging
/// (TS 32.295).
fn gtp(view: &View<'_>) -> Option<Finding> {
    let bytes = view.bytes;
    if !view.any_port(&[2152, 2123, 3386]) {
        return None;
    }
    let (&first, &kind) = (bytes.first()?, bytes.get(1)?);
    let stated = usize::from(be16(bytes, 2)?);
    if view.port(3386) {
        return (first & 0x10 == 0).then(|| found("GTP", Work, "charging of a mobile network (GTP')"));
    }
    let fits = match first >> 5 {
        1 => stated + 8 == bytes.len() && matches!(kind, 1..=128 | 239..=255),
        2 => stated + 4 == bytes.len(),
        _ => return None,
    };
    Some(if fits {
        found("GTP", Work, "a tunnel of a mobile network")
    } else {
        likely("GTP", Work, 80, "a tunnel of a mobile network")
    })
}

/// Whether an Ethernet frame stands here: two addresses, then a type that tunnels carry.
fn is_frame(bytes: &[u8]) -> bool {
    be16(bytes, 12).is_some_and(is_ethertype)
}

/// IPv4, ARP, VLAN, IPv6, bridged Ethernet, MPLS (IEEE 802 numbers).
const fn is_ethertype(kind: u16) -> bool {
    matches!(kind, 0x0800 | 0x0806 | 0x8100 | 0x86dd | 0x6558 | 0x8847 | 0x88a8)
}

#[cfg(test)]
mod tests {
    use super::super::specimen::check;
    use super::*;
    use Layer::{Datagram, Stream};

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn frames_inside_udp_are_known() {
        check(
            inspect,
            &[
                (Stream, 1723, "00 9c 00 01 1a 2b 3c 4d 00 01 00*146", "PPTP work"),
                (Stream, 80, "'SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1'", "SSTP work"),
                (Datagram, 9_000, "c8 02 00 14 00*16", "L2TP work"),
                (Datagram, 1701, "40 02 00 10 00 01 00 02 aa*8", "L2TP work"),
                (Datagram, 9_000, "08 00 00 00 00 00 2a 00 aa*12 08 00 45 aa*30", "VXLAN work"),
                (Datagram, 9_000, "08 00 00 00 00 00 2a 01 aa*12 08 00 45 aa*30", ""),
                (Datagram, 6081, "00 00 65 58 00 00 2a 00 aa*40", "GENEVE work"),
                (Datagram, 2152, "30 ff 00 04 00 00 00 01 aa*4", "GTP work"),
                (Datagram, 2123, "48 20 00 08 00 00 00 01 aa*4", "GTP work"),
                (Datagram, 3386, "0e 01 00 00 00 01", "GTP work"),
                (Datagram, 8805, "21 32 00 0c 00*12", "PFCP interactive"),
                (Datagram, 9_000, "60 00 00 00 00 04 3b 40 20 01 00 00 aa*12 bb*16 cc*4", "Teredo work"),
                (Datagram, 3544, "00 01 00 00 aa*8 00 fe*40", "Teredo work"),
                (Datagram, 5246, "00 10 02 00 00 00 00 00 aa*8", "CAPWAP interactive"),
                (Datagram, 5072, "44 52 11 29 aa*60", "AYIYA work"),
                (Datagram, 4342, "10 00 00 01 aa*20", "LISP work"),
            ],
        );
    }
}
