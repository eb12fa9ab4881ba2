//! Proxies and gateways of the web: SOCKS (RFC 1928), HAProxy's PROXY protocol, AJP, FastCGI, uWSGI.

use super::fields::{fills, le16};
use super::{Finding, Layer, Sender, View, found, likely};
use crate::packet::be16;
use vocab::TrafficClass::Web;

/// The PROXY protocol, version 2 (HAProxy's documentation, proxy-protocol.txt, 2.2).
const PROXY_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Datagram {
        return Finding::No;
    }
    if let Some(length) = introduction(bytes) {
        return behind(view, length);
    }
    // SOCKS 5: version, number of methods, methods (RFC 1928, 3; IANA "Socks Methods").
    if let &[5, count, ..] = bytes
        && view.sender == Sender::Initiator
        && count > 0
        && bytes.len() == 2 + usize::from(count)
        && bytes[2..].iter().all(|&method| method <= 9 || method >= 0x80)
    {
        return likely("SOCKS", Web, 90, "a SOCKS greeting");
    }
    // Its answer picks one of the methods that the greeting offered.
    if let (&[5, method], &[5, count, ref methods @ ..]) = (bytes, view.heard)
        && view.sender == Sender::Responder
        && (method == 0xff || methods.iter().take(usize::from(count)).any(|&offered| offered == method))
    {
        return likely("SOCKS", Web, 92, "a SOCKS answer");
    }
    // SOCKS 4: version, command, port, address, a name that ends with zero.
    if let &[4, 1 | 2, high, low, _, _, _, _, ref name @ ..] = bytes
        && view.sender == Sender::Initiator
        && name.last() == Some(&0)
        && bytes.len() < 300
        && (high, low) != (0, 0)
        && name[..name.len() - 1].iter().all(|&byte| byte == 0 || byte.is_ascii_graphic())
    {
        return likely("SOCKS", Web, 88, "a SOCKS request");
    }
    // ICAP (RFC 3507, 4.3): a method and a scheme, or an answer with its version.
    let methods = [&b"OPTIONS icap"[..], b"REQMOD icap", b"RESPMOD icap", b"ICAP/1.0 "];
    if matches!(bytes.first(), Some(b'O' | b'R' | b'I')) && methods.iter().any(|method| bytes.starts_with(method)) {
        return found("ICAP", Web, "a proxy has content checked");
    }
    // AJP 1.3 (Tomcat's documentation, "packet structure"): 0x1234 to the container, "AB" back, a length that
    // fits, a kind.
    let kinds: &[u8] = match bytes {
        [0x12, 0x34, ..] => &[2, 7, 8, 10],
        [b'A', b'B', ..] => &[3, 4, 5, 6, 9],
        _ => &[],
    };
    if bytes.get(4).is_some_and(|kind| kinds.contains(kind))
        && be16(bytes, 2).is_some_and(|length| length > 0 && usize::from(length) + 4 <= bytes.len())
    {
        return found("AJP", Web, "a web server passes a request on");
    }
    // FastCGI: version 1, a begin of a request for a responder: eight bytes of content, no padding (its
    // specification, 3.3 and 5.1).
    if matches!(bytes, [1, 1, _, _, 0, 8, 0, _, 0, 1..=3, 0 | 1, 0, 0, 0, 0, 0, ..]) {
        return found("FastCGI", Web, "a web server passes a request on");
    }
    if view.port(9000) && matches!(bytes, [1, 1..=11, 0, 1, ..]) {
        return likely("FastCGI", Web, 85, "a web server passes a request on");
    }
    // uwsgi: modifier 0, the size of the variables, the first of them (its documentation, "the uwsgi protocol").
    if let &[0, _, _, 0, _, 0, ..] = bytes
        && fills(le16(bytes, 1), 4, bytes)
        && (bytes[6..].starts_with(b"QUERY_STRING") || bytes[6..].starts_with(b"REQUEST_METHOD"))
    {
        return found("uWSGI", Web, "a web server passes a request on");
    }
    // WebSocket whose beginning we missed (RFC 6455): one short frame that fits, masked or not.
    if let &[0x81 | 0x82, size, ..] = bytes
        && usize::from(size & 0x7f) + 2 + if size & 0x80 == 0 { 0 } else { 4 } == bytes.len()
        && bytes.len() > 6
        && size & 0x7f < 126
    {
        return likely("WebSocket", Web, 60, "a WebSocket frame");
    }
    Finding::No
}

/// How long a proxy's introduction of the end it speaks for is, if the stream begins with one.
fn introduction(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"PROXY ") {
        // Version 1: one line of at most 107 bytes.
        let line = &bytes[..bytes.len().min(107)];
        let known = [&b"TCP4 "[..], b"TCP6 ", b"UNKNOWN"].iter().any(|family| line[6..].starts_with(family));
        return memchr::memchr(b'\n', line).filter(|_| known).map(|end| end + 1);
    }
    (bytes.starts_with(PROXY_2) && bytes.get(12).is_some_and(|version| version >> 4 == 2))
        .then(|| be16(bytes, 14).map(|length| 16 + usize::from(length)))
        .flatten()
}

/// What follows the introduction says what the flow is for.
fn behind(view: &View<'_>, length: usize) -> Finding {
    let rest = view.bytes.get(length..).unwrap_or(&[]);
    // A proxy that speaks for a proxy: not unwrapped again, so that nobody makes us recurse.
    if rest.is_empty() || introduction(rest).is_some() {
        return found("HAProxy", Web, "a proxy says for whom it speaks");
    }
    let inner = View { bytes: rest, ..*view };
    let mut wants_more = false;
    for inspect in super::TCP {
        match inspect(&inner) {
            Finding::Found(known) => return Finding::Found(known),
            Finding::More => wants_more = true,
            Finding::No => {}
        }
    }
    if wants_more { Finding::More } else { found("HAProxy", Web, "a proxy says for whom it speaks") }
}

#[cfg(test)]
mod tests {
    use super::super::{dialogue, specimen};
    use super::*;
    use Layer::Stream;

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn proxies_are_known_and_looked_behind() {
        specimen::check(
            inspect,
            &[
                (Stream, 1080, "05 02 00 02", "SOCKS web"),
                (Stream, 1080, "05 02 00 20", ""),
                (Stream, 1080, "04 01 00 50 c0 00 02 01 'me' 00", "SOCKS web"),
                (Stream, 1080, "04 01 00 50 c0 00 02 01 'me'", ""),
                (Stream, 80, "'PROXY TCP4 192.0.2.1 192.0.2.2 4711 22' 0d 0a", "HAProxy web"),
                (
                    Stream,
                    80,
                    "'PROXY TCP4 192.0.2.1 192.0.2.2 4711 22' 0d 0a 'SSH-2.0-OpenSSH_9.6' 0d 0a",
                    "SSH interactive",
                ),
                (Stream, 80, "'PROXY TCP7 192.0.2.1' 0d 0a 'SSH-2.0-OpenSSH_9.6' 0d 0a", ""),
                (
                    Stream,
                    80,
                    "0d 0a 0d 0a 00 0d 0a 'QUIT' 0a 21 11 00 0c c0 00 02 01 c0 00 02 02 12 67 00 16 'SSH-2.0-x' 0d 0a",
                    "SSH interactive",
                ),
                (Stream, 8009, "12 34 00 04 02 02 00 08", "AJP web"),
                (Stream, 9_100, "01 01 00 01 00 08 00 00 00 01 00 00 00 00 00 00", "FastCGI web"),
                (Stream, 3031, "00 18 00 00 0e 00 'REQUEST_METHOD' 03 00 'GET' 00*3", "uWSGI web"),
            ],
        );
        dialogue::check(
            inspect,
            Stream,
            &[
                (1080, "05 02 00 02", "05 02", "SOCKS web"),
                (1080, "05 02 00 02", "05 01", ""),
                (1080, "aa bb", "05 02", ""),
            ],
        );
    }
}
