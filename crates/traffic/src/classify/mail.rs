//! Mail: SMTP and LMTP (RFC 5321, RFC 2033), IMAP (RFC 9051), POP3 (RFC 1939), ManageSieve (RFC 5804).
//!
//! Each side speaks for itself, so that a flow is known by its greeting, by its commands, and joined midway by either.
//! While an upgrade to TLS may come, more is read: the name stands in the hello behind it.

use super::{Finding, Found, Layer, Names, Next, Sender, Signature, View};
use vocab::TrafficClass::Work;

/// Lines longer than this are no commands (RFC 5321, 4.5.3.1.4).
const MOST_LINE: usize = 512;

const SMTP: Signature =
    Signature { application: "SMTP", class: Work, names: Names::Adorn, confidence: 95, why: "an SMTP greeting" };
const IMAP: Signature = Signature { application: "IMAP", why: "an IMAP greeting", ..SMTP };
const POP: Signature = Signature { application: "POP3", why: "a POP3 greeting", ..SMTP };
const SIEVE: Signature = Signature { application: "ManageSieve", why: "a ManageSieve greeting", ..SMTP };

const SMTP_PORTS: [u16; 4] = [25, 465, 587, 2525];

/// Commands that ask for nothing more than to begin, and may come before an upgrade.
const IMAP_FIRST: [&[u8]; 4] = [b"CAPABILITY", b"ID", b"STARTTLS", b"NOOP"];
const IMAP_LATER: [&[u8]; 22] = [
    b"LOGIN",
    b"AUTHENTICATE",
    b"SELECT",
    b"EXAMINE",
    b"LIST",
    b"LSUB",
    b"STATUS",
    b"FETCH",
    b"UID",
    b"LOGOUT",
    b"IDLE",
    b"NAMESPACE",
    b"ENABLE",
    b"SEARCH",
    b"STORE",
    b"COPY",
    b"MOVE",
    b"EXPUNGE",
    b"CLOSE",
    b"APPEND",
    b"CREATE",
    b"XLIST",
];
const POP_COMMANDS: [&[u8]; 13] = [
    b"USER ", b"PASS ", b"APOP ", b"CAPA", b"STLS", b"STAT", b"LIST", b"UIDL", b"RETR ", b"TOP ", b"DELE ", b"AUTH",
    b"QUIT",
];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    if view.layer == Layer::Datagram {
        return Finding::No;
    }
    let bytes = &view.bytes[..view.bytes.len().min(MOST_LINE)];
    match bytes.first() {
        Some(b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'+' | b'-' | b'"') => {}
        _ => return Finding::No,
    }
    match view.sender {
        Sender::Responder => greeting(view, bytes).or_else(|| command(view, bytes)),
        Sender::Initiator => command(view, bytes).or_else(|| greeting(view, bytes)),
    }
    .unwrap_or(Finding::No)
}

fn conclude(signature: Signature, next: Next) -> Option<Finding> {
    Some(Finding::Found(Found { signature, name: None, next, announces: Vec::new() }))
}

fn begins(bytes: &[u8], text: &[u8]) -> bool {
    bytes.len() >= text.len() && bytes[..text.len()].eq_ignore_ascii_case(text)
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text))
}

/// What the answering end says first, or in between.
fn greeting(view: &View<'_>, bytes: &[u8]) -> Option<Finding> {
    if !matches!(bytes[0], b'2'..=b'5' | b'*' | b'+' | b'-' | b'"') {
        return None;
    }
    let (smtp_port, imap_port, pop_port) =
        (view.any_port(&SMTP_PORTS), view.any_port(&[143, 993]), view.any_port(&[110, 995]));
    match bytes {
        [b'2', b'2', b'0', b' ' | b'-', ..] => {
            let named = holds(bytes, b"SMTP") || (holds(bytes, b"mail") && !holds(bytes, b"ftp"));
            let mail = smtp_port || (named && !view.port(21) && !holds(bytes, b"FTP"));
            if mail { conclude(SMTP, Next::Read) } else { None }
        }
        // Answers of a flow joined midway: three digits, a blank, most with an extended code (RFC 3463).
        [b'2' | b'3' | b'4' | b'5', b'0'..=b'5', b'0'..=b'9', b' ' | b'-', ..] if smtp_port => {
            conclude(Signature { confidence: 85, why: "an SMTP answer", ..SMTP }, Next::Read)
        }
        [b'2' | b'4' | b'5', _, _, b' ' | b'-', class, b'.', b'0'..=b'7', b'.', b'0'..=b'9', ..]
            if *class == bytes[0] =>
        {
            conclude(Signature { confidence: 85, why: "an SMTP answer", ..SMTP }, Next::Settle)
        }
        [b'*', b' ', rest @ ..] => {
            let state =
                begins(rest, b"OK") || begins(rest, b"PREAUTH") || begins(rest, b"BYE") || begins(rest, b"CAPABILITY");
            let counted = rest.first().is_some_and(u8::is_ascii_digit)
                && [&b"FETCH"[..], b"EXISTS", b"RECENT", b"EXPUNGE"]
                    .iter()
                    .any(|word| holds(&rest[..rest.len().min(40)], word));
            match (state, counted) {
                (true, _) => conclude(IMAP, Next::Read),
                (false, true) => conclude(Signature { why: "an IMAP answer", ..IMAP }, Next::Settle),
                (false, false) if imap_port => {
                    conclude(Signature { confidence: 85, why: "an IMAP answer", ..IMAP }, Next::Settle)
                }
                (false, false) => None,
            }
        }
        [b'+' | b'-', ..] if begins(bytes, b"+OK") || begins(bytes, b"-ERR") => {
            let named = holds(bytes, b"POP") || (holds(bytes, b"<") && holds(bytes, b"@")) || holds(bytes, b"octets");
            let known = pop_port || named || POP_COMMANDS.iter().any(|word| begins(view.heard, word));
            if known { conclude(POP, Next::Read) } else { None }
        }
        [b'"', ..] if begins(bytes, b"\"IMPLEMENTATION\" ") => conclude(SIEVE, Next::Read),
        _ => None,
    }
}

/// What the end that began asks for.
fn command(view: &View<'_>, bytes: &[u8]) -> Option<Finding> {
    // Commands are words of letters, perhaps behind a tag.
    let may_be = bytes.get(1).is_some_and(|byte| byte.is_ascii_graphic() || *byte == b' ')
        && bytes.get(2).is_some_and(|byte| byte.is_ascii_graphic() || *byte == b' ')
        && bytes[0].is_ascii_alphanumeric();
    if !may_be {
        return None;
    }
    let (smtp_port, imap_port, pop_port) =
        (view.any_port(&SMTP_PORTS), view.any_port(&[143, 993]), view.any_port(&[110, 995]));
    let hello = (begins(bytes, b"EHLO ") || begins(bytes, b"HELO ")) && bytes.len() > 6;
    let delivery = begins(bytes, b"LHLO ") && bytes.len() > 6;
    let sends = |bytes: &[u8]| holds(bytes, b"\nMAIL FROM:") || holds(bytes, b"\nAUTH ");
    if hello || delivery {
        let application = if delivery { "LMTP" } else { "SMTP" };
        let next = if sends(bytes) { Next::Settle } else { Next::Read };
        return conclude(Signature { application, why: "an SMTP hello", ..SMTP }, next);
    }
    let envelope = begins(bytes, b"MAIL FROM:") || begins(bytes, b"RCPT TO:");
    if envelope {
        return conclude(Signature { why: "the envelope of a mail", ..SMTP }, Next::Settle);
    }
    if smtp_port
        && (begins(bytes, b"AUTH ") || begins(bytes, b"DATA\r") || begins(bytes, b"BDAT ") || begins(bytes, b"RSET\r"))
    {
        return conclude(Signature { why: "an SMTP command", ..SMTP }, Next::Settle);
    }
    if let Some(next) = imap(bytes, imap_port) {
        return conclude(Signature { why: "an IMAP command", ..IMAP }, next);
    }
    if !pop_port && !begins(view.heard, b"+OK") {
        return None;
    }
    let word = POP_COMMANDS.iter().find(|word| begins(bytes, word))?;
    let next = if matches!(*word, b"CAPA" | b"STLS") { Next::Read } else { Next::Settle };
    conclude(Signature { why: "a POP3 command", ..POP }, next)
}

/// A tag, then a command (RFC 9051, 2.2.1); off its port the tag holds a digit and the line ends as it must.
fn imap(bytes: &[u8], on_port: bool) -> Option<Next> {
    let space = memchr::memchr(b' ', &bytes[..bytes.len().min(20)])?;
    let (tag, rest) = (&bytes[..space], &bytes[space + 1..]);
    if !on_port && !tag.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let sane =
        !tag.is_empty() && tag.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
    let word = &rest[..end];
    let ended = matches!(rest.get(end), Some(b'\r' | b'\n' | b' '));
    let tagged = tag.iter().any(u8::is_ascii_alphabetic);
    if !sane || !ended || !(on_port || tagged) {
        return None;
    }
    let is = |words: &[&[u8]]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
    match () {
        () if is(&IMAP_FIRST) => Some(Next::Read),
        () if is(&IMAP_LATER) => Some(Next::Settle),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sender: Sender, port: u16, text: &[u8], expected: Option<&str>) {
        let (source_port, destination_port) = match sender {
            Sender::Initiator => (50_000, port),
            Sender::Responder => (port, 50_000),
        };
        let finding = inspect(&View {
            layer: Layer::Stream,
            bytes: text,
            sender,
            source: vocab::Address::default(),
            destination: vocab::Address::default(),
            source_port,
            destination_port,
            number: 0,
            heard: &[],
        });
        let application = match finding {
            Finding::Found(found) => Some(found.signature.application),
            Finding::No | Finding::More => None,
        };
        assert_eq!(application, expected, "{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn greetings_are_known() {
        use Sender::Responder;
        check(Responder, 9_999, b"220 mx.example ESMTP Postfix\r\n", Some("SMTP"));
        check(Responder, 25, b"220-mx.example hello\r\n", Some("SMTP"));
        check(Responder, 9_999, b"220 (vsFTPd 3.0.3)\r\n", None);
        check(Responder, 21, b"220 FTP server of mail.example\r\n", None);
        check(Responder, 25, b"250-mx.example\r\n", Some("SMTP"));
        check(Responder, 9_999, b"250 2.1.0 Ok\r\n", Some("SMTP"));
        check(Responder, 9_999, b"* OK [CAPABILITY IMAP4rev1] ready\r\n", Some("IMAP"));
        check(Responder, 9_999, b"* 23 FETCH (FLAGS (\\Seen))\r\n", Some("IMAP"));
        check(Responder, 9_999, b"* something else", None);
        check(Responder, 9_999, b"+OK POP3 ready\r\n", Some("POP3"));
        check(Responder, 9_999, b"+OK <1896.697170952@mx.example>\r\n", Some("POP3"));
        check(Responder, 9_999, b"+OK\r\n", None);
        check(Responder, 110, b"-ERR no\r\n", Some("POP3"));
        check(Responder, 9_999, b"\"IMPLEMENTATION\" \"Pigeonhole\"\r\n", Some("ManageSieve"));
    }

    #[test]
    fn commands_are_known_without_a_greeting() {
        use Sender::Initiator;
        check(Initiator, 9_999, b"EHLO phone.example\r\n", Some("SMTP"));
        check(Initiator, 9_999, b"LHLO phone.example\r\n", Some("LMTP"));
        check(Initiator, 9_999, b"MAIL FROM:<a@example.com>\r\n", Some("SMTP"));
        check(Initiator, 9_999, b"a001 LOGIN a b\r\n", Some("IMAP"));
        check(Initiator, 143, b"1 UID FETCH 1:* FLAGS\r\n", Some("IMAP"));
        check(Initiator, 9_999, b"one LIST of things\r\n", None);
        check(Initiator, 110, b"RETR 1\r\n", Some("POP3"));
        check(Initiator, 9_999, b"LIST\r\n", None);
        check(Initiator, 9_999, b"", None);
    }
}
