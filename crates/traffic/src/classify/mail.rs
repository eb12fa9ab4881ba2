//! Mail: SMTP (RFC 5321), IMAP (RFC 9051), POP3 (RFC 1939).

use super::{Finding, Layer, Sender, View, found};
use vocab::TrafficClass::Work;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    if view.layer == Layer::Datagram {
        return Finding::No;
    }
    let bytes = &view.bytes[..view.bytes.len().min(300)];
    let begins = |text: &[u8]| bytes.len() >= text.len() && bytes[..text.len()].eq_ignore_ascii_case(text);
    let holds = |text: &[u8]| memchr::memmem::find(bytes, text).is_some();
    let mail_port = view.any_port(&[25, 587, 465, 2525]);
    let smtp_greeting = (begins(b"220 ") || begins(b"220-"))
        && view.sender == Sender::Responder
        && !view.port(21)
        && (mail_port || holds(b"SMTP") || holds(b"smtp"));
    if smtp_greeting
        || ((begins(b"EHLO ") || begins(b"HELO ")) && bytes.len() > 6)
        || (mail_port && begins(b"MAIL FROM:"))
    {
        return found("SMTP", Work, "an SMTP greeting");
    }
    if begins(b"* OK ") || begins(b"* PREAUTH") || (begins(b"* ") && view.port(143)) {
        return found("IMAP", Work, "an IMAP greeting");
    }
    if view.port(143) {
        return found("IMAP", Work, "an IMAP command");
    }
    if (begins(b"+OK") || begins(b"-ERR")) && (view.port(110) || holds(b"POP") || holds(b"<")) {
        return found("POP3", Work, "a POP3 greeting");
    }
    if view.port(110) && (begins(b"USER ") || begins(b"CAPA") || begins(b"STLS")) {
        return found("POP3", Work, "a POP3 command");
    }
    Finding::No
}
