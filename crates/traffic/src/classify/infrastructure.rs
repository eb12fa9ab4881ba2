//! What keeps a network running: time, addresses, discovery, routing, directories, management.

use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Interactive;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // BGP (RFC 4271, 4.1): sixteen ones.
    if bytes.len() >= 19 && bytes[..16] == [0xff; 16] && matches!(bytes[18], 1..=5) {
        return found("BGP", Interactive, "a BGP message");
    }
    // Kerberos over TCP: a length, then an application tag.
    if view.any_port(&[88, 464]) && bytes.len() > 5 {
        return likely("Kerberos", Interactive, 90, "a Kerberos message");
    }
    // LDAP: a sequence, a message id, an operation.
    if view.any_port(&[389, 3268]) && bytes.first() == Some(&0x30) {
        return found("LDAP", Interactive, "an LDAP message");
    }
    // DCE/RPC: version 5.0 or 5.1, a packet type, little-endian data.
    if matches!(bytes, [5, 0 | 1, 0..=19, _, 0x10, 0, 0, 0, ..]) {
        return found("DCE/RPC", Interactive, "a DCE/RPC message");
    }
    if bytes.starts_with(b"*KISMET: ") {
        return found("Kismet", Interactive, "a banner of a radio monitor");
    }
    if view.port(49) && matches!(bytes, [0xc0 | 0xc1, 1..=3, ..]) {
        return found("TACACS+", Interactive, "a TACACS+ message");
    }
    // Diameter (RFC 6733): version 1, a length that fits in words.
    if view.port(3868) && bytes.first() == Some(&1) {
        return found("Diameter", Interactive, "a Diameter message");
    }
    if view.any_port(&[179, 639, 646]) {
        return likely("Routing", Interactive, 75, "a message between routers");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let length = bytes.len();
    let Some(&first) = bytes.first() else { return Finding::No };
    // NTP (RFC 5905): version 1 to 4, a mode.
    if view.port(123) && matches!((first >> 3) & 7, 1..=4) && length >= 12 {
        return found("NTP", Interactive, "an NTP message");
    }
    // DHCP (RFC 2131): operation, hardware, the magic cookie.
    if be32(bytes, 236) == Some(0x6382_5363) || (view.any_port(&[67, 68]) && matches!(first, 1 | 2) && length >= 236) {
        return found("DHCP", Interactive, "a DHCP message");
    }
    if view.any_port(&[546, 547]) && matches!(first, 1..=13) {
        return found("DHCPv6", Interactive, "a DHCPv6 message");
    }
    if view.any_port(&[137, 138]) {
        return likely("NetBIOS", Interactive, 90, "a NetBIOS datagram");
    }
    // SNMP: a sequence with a version of 0, 1 or 3.
    if view.any_port(&[161, 162]) && first == 0x30 {
        return found("SNMP", Interactive, "an SNMP message");
    }
    if view.any_port(&[88, 464]) && matches!(first, 0x6a..=0x7e) {
        return found("Kerberos", Interactive, "a Kerberos message");
    }
    if view.port(389) && first == 0x30 {
        return found("LDAP", Interactive, "an LDAP message");
    }
    // RADIUS (RFC 2865): a code, a length that fits.
    if view.any_port(&[1812, 1813, 1645, 1646, 3799])
        && be16(bytes, 2).is_some_and(|stated| usize::from(stated) == length)
    {
        return found("RADIUS", Interactive, "a RADIUS message");
    }
    if view.port(514) && first == b'<' {
        return found("Syslog", Interactive, "a syslog message");
    }
    // NAT-PMP and PCP (RFC 6886, RFC 6887).
    if view.any_port(&[5350, 5351]) && first <= 2 {
        return found("NAT-PMP", Interactive, "a request to a gateway for a port");
    }
    if view.any_port(&[1985, 2029]) {
        return likely("HSRP", Interactive, 90, "a message between routers");
    }
    if view.any_port(&[520, 521]) && matches!(first, 1 | 2) {
        return found("RIP", Interactive, "a RIP message");
    }
    if view.any_port(&[3784, 3785, 4784]) {
        return likely("BFD", Interactive, 85, "a check between routers");
    }
    // NetFlow and IPFIX exports.
    if view.any_port(&[2055, 2056, 9995, 9996, 4739]) && matches!(be16(bytes, 0), Some(1 | 5 | 7 | 9 | 10)) {
        return found("NetFlow", Interactive, "an export of flow records");
    }
    if view.port(6343) && be32(bytes, 0) == Some(5) {
        return found("sFlow", Interactive, "an export of samples");
    }
    if view.any_port(&[319, 320]) && (first & 0x0f) <= 13 && length >= 34 {
        return found("PTP", Interactive, "a precise time message");
    }
    if view.any_port(&[177]) && be16(bytes, 0) == Some(1) {
        return found("XDMCP", Interactive, "a request for a display");
    }
    // Printers and scanners: Canon's BJNP and kin.
    if [&b"BJNP"[..], b"BJNB", b"MFNP", b"BNJB"].iter().any(|magic| bytes.starts_with(magic)) {
        return found("BJNP", Interactive, "a message to a printer");
    }
    if view.port(3702) && memchr::memmem::find(&bytes[..length.min(200)], b"<?xml").is_some() {
        return found("WS-Discovery", Interactive, "a device discovery message");
    }
    // Roughtime (its draft): a fixed magic.
    if bytes.starts_with(b"ROUGHTIM") || view.port(2002) && length >= 64 {
        return likely("Roughtime", Interactive, 85, "a secured question for the time");
    }
    // CAN frames in UDP (its bridges name the standard).
    if bytes.starts_with(b"ISO11898") {
        return found("CAN", Interactive, "frames of a vehicle bus");
    }
    // KCP: a reliable stream over UDP; commands 81 to 84, a length that fits.
    if length >= 24 && matches!(bytes[4], 81..=84) {
        let stated = u32::from_le_bytes([bytes[20], bytes[21], bytes[22], bytes[23]]) as usize;
        if stated + 24 == length || (bytes[4] != 81 && stated == 0 && length.is_multiple_of(24)) {
            return likely("KCP", Interactive, 80, "a KCP segment");
        }
    }
    // DNSCrypt: a resolver's magic in its answers; its queries fill 512 bytes at least.
    if bytes.starts_with(b"r6fnvWj8") {
        return found("DNSCrypt", Interactive, "an encrypted DNS answer");
    }
    if view.any_port(&[10_001]) && matches!(bytes, [1 | 2, 0 | 6, 0, ..]) {
        return likely("Ubiquiti discovery", Interactive, 85, "a device discovery message");
    }
    if view.port(7351) {
        return likely("Meraki cloud", Interactive, 80, "a report to a network controller");
    }
    if view.any_port(&[3503]) && be16(bytes, 0) == Some(1) {
        return likely("LSP ping", Interactive, 80, "a check between routers");
    }
    Finding::No
}
