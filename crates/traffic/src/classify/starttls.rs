//! Protocols that begin in the clear and turn to TLS: the hello behind the request for it is read for its name.

use super::{Finding, Found, Layer, Names, Next, Sender, Signature, View, tls};
use vocab::TrafficClass::{self, Download, Interactive, Work};

/// Commands before an upgrade are few and short.
const MOST_BEFORE: usize = 1_024;

/// Where in the beginning of a stream a TLS hello stands: at once, or behind a request for it.
pub(crate) fn hello_at(stream: &[u8]) -> Option<usize> {
    if let [22, 3, ..] = stream {
        return Some(0);
    }
    let request = request(&stream[..stream.len().min(MOST_BEFORE)])?;
    request.hello
}

struct Request {
    application: &'static str,
    class: TrafficClass,
    /// Where the hello begins, once it does.
    hello: Option<usize>,
}

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    if view.layer != Layer::Stream {
        return Finding::No;
    }
    if view.sender == Sender::Responder {
        return granted(view);
    }
    let Some(request) = request(&view.bytes[..view.bytes.len().min(MOST_BEFORE)]) else { return Finding::No };
    let signature = Signature {
        application: request.application,
        class: request.class,
        names: Names::Adorn,
        confidence: 95,
        why: "it begins in the clear and asks for TLS",
    };
    let waiting = Found { signature, name: None, next: Next::Read, announces: Vec::new() };
    let Some(at) = request.hello else { return Finding::Found(waiting) };
    let hello = View { bytes: view.bytes.get(at..).unwrap_or(&[]), ..*view };
    match tls::inspect(&hello) {
        Finding::Found(found) => Finding::Found(Found { signature, ..found }),
        Finding::More => Finding::Found(waiting),
        Finding::No => Finding::Found(Found { next: Next::Settle, ..waiting }),
    }
}

/// The answering end's side of an upgrade: what it said in the clear, then its own hello, perhaps with a certificate.
fn granted(view: &View<'_>) -> Finding {
    let before = &view.bytes[..view.bytes.len().min(MOST_BEFORE)];
    let (application, class) = match before {
        [b'2', b'2', b'0', ..] => ("SMTPS", Work),
        [b'*', b' ', ..] => ("IMAPS", Work),
        [b'+', b'O', b'K', ..] => ("POP3S", Work),
        [b'<', ..] => ("XMPP", Interactive),
        [b'S', 22, ..] => ("PostgreSQL", Interactive),
        _ => return Finding::No,
    };
    // A record of the handshake whose message is a hello of a server.
    let Some(at) = memchr::memmem::find_iter(before, &[22, 3]).find(|&at| view.bytes.get(at + 5) == Some(&2)) else {
        return Finding::No;
    };
    let (application, class) = if view.port(21) { ("FTPS", Interactive) } else { (application, class) };
    match tls::inspect(&View { bytes: &view.bytes[at..], ..*view }) {
        Finding::Found(found) => {
            let why = "it began in the clear and turned to TLS";
            let signature = Signature { application, class, names: Names::Adorn, confidence: 95, why };
            Finding::Found(Found { signature, ..found })
        }
        finding => finding,
    }
}

/// The request for an upgrade in what the initiator sent, if there is one.
fn request(bytes: &[u8]) -> Option<Request> {
    let ask = |application, class, hello: usize| {
        let hello = (hello < bytes.len()).then_some(hello);
        Some(Request { application, class, hello })
    };
    match bytes {
        // SSLRequest of PostgreSQL (its manual, "Message Formats").
        [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f, ..] => ask("PostgreSQL", Interactive, 8),
        // SSLRequest of MySQL: packet 1 of 32 bytes, capabilities with CLIENT_SSL (0x0800).
        [32, 0, 0, 1, _, flags, ..] if flags & 0x08 != 0 => ask("MySQL", Interactive, 36),
        // ExtendedRequest StartTLS of LDAP (RFC 4511, 4.14.1).
        [0x30, length @ 0x1d..=0x1f, 2, ..] if memchr::memmem::find(bytes, b"1.3.6.1.4.1.1466.20037").is_some() => {
            ask("LDAP", Interactive, 2 + usize::from(*length))
        }
        [b'<', b'?' | b's', ..] => {
            // A stream of XMPP, perhaps behind the line that says that it is XML.
            let behind = if bytes[1] == b'?' { memchr::memchr(b'>', &bytes[..bytes.len().min(100)])? + 1 } else { 0 };
            if !bytes[behind..].trim_ascii_start().starts_with(b"<stream:") {
                return None;
            }
            let at = memchr::memmem::find(bytes, b"<starttls")?;
            let end = at + memchr::memchr(b'>', &bytes[at..])? + 1;
            let behind = if bytes[end..].starts_with(b"</starttls>") { end + 11 } else { end };
            ask("XMPP", Interactive, behind)
        }
        [b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.', ..] => lines(bytes, ask),
        _ => None,
    }
}

/// Whether a flow that turns to TLS may begin with this line: with a known command, or one behind a tag.
fn may_lead(line: &[u8]) -> bool {
    let mut words = line.splitn(3, |&byte| byte == b' ');
    let (first, second) = (words.next().unwrap_or(&[]), words.next().unwrap_or(&[]));
    let is = |word: &[u8], known: &[&[u8]]| known.iter().any(|known| word.eq_ignore_ascii_case(known));
    let tagged = || first.len() <= 20 && is(second, &[b"CAPABILITY", b"ID", b"NOOP", b"STARTTLS"]);
    let alone = match first.first().map(u8::to_ascii_uppercase) {
        Some(b'A') => is(first, &[b"AUTH"]),
        Some(b'C') => is(first, &[b"CAP", b"CAPA", b"CAPABILITIES", b"CAPABILITY", b"CLNT"]),
        Some(b'E' | b'H' | b'L') => is(first, &[b"EHLO", b"HELO", b"LHLO", b"HOST", b"HELP", b"LANG"]),
        Some(b'F' | b'M' | b'N' | b'O') => is(first, &[b"FEAT", b"MODE", b"NICK", b"NOOP", b"OPTS"]),
        Some(b'P' | b'Q' | b'R' | b'S') => {
            is(first, &[b"PASS", b"PBSZ", b"QUIT", b"RSET", b"STARTTLS", b"STLS", b"SYST"])
        }
        Some(b'U') => is(first, &[b"USER", b"UTF8"]),
        _ => false,
    };
    alone || tagged()
}

/// Line by line: the command that asks, perhaps behind a tag.
fn lines(bytes: &[u8], ask: impl Fn(&'static str, TrafficClass, usize) -> Option<Request>) -> Option<Request> {
    let mut at = 0;
    let mut spoken: Option<(&'static str, TrafficClass)> = None;
    for _ in 0..16 {
        let rest = bytes.get(at..)?;
        let length = memchr::memchr(b'\n', &rest[..rest.len().min(300)])?;
        let line = rest[..length].trim_ascii();
        if at == 0 && !may_lead(line) {
            return None;
        }
        at += length + 1;
        let is = |word: &[u8]| line.eq_ignore_ascii_case(word);
        let begins = |word: &[u8]| line.len() >= word.len() && line[..word.len()].eq_ignore_ascii_case(word);
        // A tag, one word that is no code of an answer: servers name the command, too.
        let tagged = |word: &[u8]| match line.split_last_chunk::<9>() {
            Some((tag, last)) => {
                last.eq_ignore_ascii_case(word)
                    && (1..=20).contains(&tag.len())
                    && tag.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
                    && !(tag.len() == 3 && tag.iter().all(u8::is_ascii_digit))
            }
            None => false,
        };
        match () {
            () if begins(b"EHLO") || begins(b"HELO") => spoken = Some(("SMTPS", Work)),
            () if begins(b"LHLO") => spoken = Some(("LMTP", Work)),
            () if begins(b"CAP ") || begins(b"NICK ") => spoken = Some(("IRC", Interactive)),
            () if begins(b"MODE READER") || is(b"CAPABILITIES") => spoken = Some(("NNTPS", Download)),
            () => {}
        }
        if is(b"STLS") {
            return ask("POP3S", Work, at);
        }
        if is(b"AUTH TLS") || is(b"AUTH SSL") || is(b"AUTH TLS-C") || is(b"AUTH TLS-P") {
            return ask("FTPS", Interactive, at);
        }
        if tagged(b" STARTTLS") {
            return ask("IMAPS", Work, at);
        }
        if is(b"STARTTLS") {
            // ManageSieve (RFC 5804) asks with nothing before it.
            let (application, class) = spoken.unwrap_or(("ManageSieve", Work));
            return ask(application, class, at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Vec<u8> {
        let mut body = vec![3, 3];
        body.resize(34, 7);
        body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0, 0, 19, 0, 0, 0, 15, 0, 13, 0, 0, 10]);
        body.extend_from_slice(b"mx.example");
        let header = [22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
        [&header[..], &body].concat()
    }

    fn check(commands: &[u8], expected: Option<(&str, TrafficClass)>) {
        for (behind, name) in [(Vec::new(), ""), (hello(), "mx.example")] {
            let bytes = [commands, &behind].concat();
            let view = View {
                layer: Layer::Stream,
                bytes: &bytes,
                sender: Sender::Initiator,
                source: vocab::Address::default(),
                destination: vocab::Address::default(),
                source_port: 50_000,
                destination_port: 40_000,
                number: 0,
                heard: &[],
            };
            let found = match inspect(&view) {
                Finding::Found(found) => Some(found),
                Finding::No | Finding::More => None,
            };
            assert_eq!(found.as_ref().map(|found| (found.signature.application, found.signature.class)), expected);
            if expected.is_some() {
                let read = found.and_then(|found| found.name).map_or(String::new(), |(name, _)| name.into());
                assert_eq!(read, name, "{:?}", String::from_utf8_lossy(commands));
                assert_eq!(tls::fingerprint(&bytes).is_some(), !name.is_empty());
            }
        }
    }

    #[test]
    fn the_hello_behind_the_request_is_read() {
        check(b"EHLO a\r\nSTARTTLS\r\n", Some(("SMTPS", Work)));
        check(b"LHLO a\r\nSTARTTLS\r\n", Some(("LMTP", Work)));
        check(b"a1 CAPABILITY\r\na2 STARTTLS\r\n", Some(("IMAPS", Work)));
        check(b"CAPA\r\nSTLS\r\n", Some(("POP3S", Work)));
        check(b"STARTTLS\r\n", Some(("ManageSieve", Work)));
        check(b"AUTH TLS\r\n", Some(("FTPS", Interactive)));
        check(b"CAPABILITIES\r\nSTARTTLS\r\n", Some(("NNTPS", Download)));
        check(b"CAP LS 302\r\nSTARTTLS\r\n", Some(("IRC", Interactive)));
        check(b"<stream:stream><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", Some(("XMPP", Interactive)));
        check(b"\0\0\0\x08\x04\xd2\x16\x2f", Some(("PostgreSQL", Interactive)));
        check(b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037", Some(("LDAP", Interactive)));
        check(&[&[32, 0, 0, 1, 5, 0x0a][..], &[0; 30]].concat(), Some(("MySQL", Interactive)));
    }

    #[test]
    fn the_certificate_behind_the_grant_is_read() {
        let name = b"\x55\x04\x03\x0c\x0amx.example";
        let inside = [&[0x30, 0x82, 1, 1][..], name, name].concat();
        let length = [0, 0, inside.len() as u8];
        let listed = [&[11, 0, 0, inside.len() as u8 + 6, 0, 0, inside.len() as u8 + 3][..], &length, &inside].concat();
        let hello = [&[2, 0, 0, 38, 3, 3][..], &[7; 32], &[0, 0xc0, 0x2f, 0]].concat();
        let record = |body: &[u8]| [&[22, 3, 3, 0, body.len() as u8][..], body].concat();
        for (before, application) in [
            (&b"220 mx.example ESMTP\r\n250 STARTTLS\r\n220 go on\r\n"[..], "SMTPS"),
            (b"* OK ready\r\na1 OK begin\r\n", "IMAPS"),
            (b"S", "PostgreSQL"),
        ] {
            let bytes = [before, &record(&hello), &record(&listed)].concat();
            let finding = inspect(&View {
                layer: Layer::Stream,
                bytes: &bytes,
                sender: Sender::Responder,
                source: vocab::Address::default(),
                destination: vocab::Address::default(),
                source_port: 40_000,
                destination_port: 50_000,
                number: 0,
                heard: &[],
            });
            let Finding::Found(found) = finding else { panic!("{application}") };
            let name = found.name.map(|(name, _)| String::from(name));
            assert_eq!((found.signature.application, name.as_deref()), (application, Some("mx.example")));
        }
    }

    #[test]
    fn without_a_request_nothing_is_said() {
        check(b"EHLO a\r\nMAIL FROM:<a@b>\r\n", None);
        check(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None);
        check(b"250-a.example\r\n250 STARTTLS\r\n", None);
        check(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n", None);
        check(b"", None);
        check(b"STARTTLS", None);
    }
}
