//! Proxies and gateways of the web: SOCKS (RFC 1928), AJP, FastCGI.

use super::{Finding, Layer, Sender, View, found, likely};
use crate::packet::be16;
use vocab::TrafficClass::Web;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Datagram {
        return Finding::No;
    }
    // SOCKS 5: version, number of methods, methods.
    if let &[5, count, ..] = bytes
        && view.sender == Sender::Initiator
        && count > 0
        && bytes.len() == 2 + usize::from(count)
        && bytes[2..].iter().all(|&method| method <= 9 || method >= 0x80)
    {
        return likely("SOCKS", Web, 90, "a SOCKS greeting");
    }
    // SOCKS 4: version, command, port, address, a name that ends with zero.
    if let &[4, 1 | 2, _, _, _, _, _, _, ..] = bytes
        && view.sender == Sender::Initiator
        && bytes.last() == Some(&0)
        && (9..300).contains(&bytes.len())
    {
        return likely("SOCKS", Web, 88, "a SOCKS request");
    }
    // AJP 1.3: 0x1234 to the container, "AB" back, a length that fits.
    if (bytes.starts_with(&[0x12, 0x34]) || (bytes.starts_with(b"AB") && view.port(8009)))
        && be16(bytes, 2).is_some_and(|length| usize::from(length) + 4 <= bytes.len())
    {
        return found("AJP", Web, "a web server passes a request on");
    }
    // WebSocket whose beginning we missed (RFC 6455): one short frame that fits, masked or not.
    if let &[0x81 | 0x82, size, ..] = bytes
        && usize::from(size & 0x7f) + 2 + if size & 0x80 == 0 { 0 } else { 4 } == bytes.len()
        && bytes.len() > 6
        && size & 0x7f < 126
    {
        return likely("WebSocket", Web, 60, "a WebSocket frame");
    }
    if view.any_port(&[9000]) && matches!(bytes, [1, 1..=11, 0, 1, ..]) {
        return likely("FastCGI", Web, 85, "a web server passes a request on");
    }
    Finding::No
}
