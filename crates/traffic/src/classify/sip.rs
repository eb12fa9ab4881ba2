//! SIP (RFC 3261): how telephones call each other.

use super::{Finding, View, found};
use vocab::TrafficClass;

const BEGINNINGS: [&[u8]; 14] = [
    b"SIP/2.0 ",
    b"INVITE ",
    b"REGISTER ",
    b"OPTIONS sip:",
    b"ACK ",
    b"BYE ",
    b"CANCEL ",
    b"SUBSCRIBE sip",
    b"NOTIFY sip",
    b"MESSAGE sip",
    b"INFO sip",
    b"PUBLISH sip",
    b"REFER ",
    b"PRACK ",
];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let begins = BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning));
    let text = &bytes[..bytes.len().min(400)];
    if begins && (memchr::memmem::find(text, b"sip:").is_some() || memchr::memmem::find(text, b"SIP/2.0").is_some()) {
        return found("SIP", TrafficClass::Voice, "a SIP message: telephone signalling");
    }
    // Keep-alives that hold a NAT open on SIP's own port (RFC 5626, 4.4.1).
    if view.port(5060) && matches!(bytes, b"\r\n\r\n" | b"\r\n" | b"\0\0\0\0") {
        return super::likely("SIP", TrafficClass::Voice, 75, "a keep-alive on the port of SIP");
    }
    Finding::No
}
