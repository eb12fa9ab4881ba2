//! TLS (RFC 8446, RFC 5246) and SSL before it: server name, application protocol, the fingerprint of the hello,
//! and the certificate where the name is absent.

use super::ja4::{Carrier, Ja4};
use super::{Finding, Found, Layer, NameSource, Names, Next, Signature, View, alpn, certificate};
use crate::packet::be16;
use std::borrow::Cow;
use vocab::TrafficClass::{self, Call, Interactive, Update, Voice, Web, Work};

/// A record carries at most this (RFC 8446, 5.2; RFC 5246, 6.2.3).
const MOST_RECORD: usize = (1 << 14) + 2048;
const RECORD_HEADER: usize = 5;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
/// Hellos and the first certificate of a chain end before this.
const MOST_MESSAGE: usize = 12_000;

pub(super) const TLS: Signature = Signature {
    application: "TLS",
    class: Web,
    names: Names::Refine,
    confidence: 80,
    why: "a TLS handshake without a known server name",
};

/// Extensions (IANA "TLS ExtensionType Values").
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const USE_SRTP: u16 = 14;
    pub(super) const ALPN: u16 = 16;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
    /// Of the drafts before ECH (draft-ietf-tls-esni-02).
    pub(super) const ENCRYPTED_SERVER_NAME: u16 = 0xffce;
    /// RFC 9849, 5.
    pub(super) const ENCRYPTED_HELLO: u16 = 0xfe0d;
}

/// A ClientHello, as far as it is here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientHello<'a> {
    pub(crate) version: u16,
    pub(crate) ciphers: &'a [u8],
    extensions: &'a [u8],
    /// Nothing of it is missing.
    pub(crate) whole: bool,
}

/// What a ClientHello says in the clear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello<'a> {
    /// Extension server_name (RFC 6066), valid as a name.
    pub(crate) server_name: Option<&'a str>,
    /// The protocols of extension ALPN (RFC 7301), each behind its length.
    pub(crate) protocols: &'a [u8],
    /// A second hello is inside, encrypted or made up.
    pub(crate) encrypted: bool,
    /// It asks for keys of media (RFC 5764).
    pub(crate) srtp: bool,
}

impl<'a> ClientHello<'a> {
    /// The parts of a body (RFC 8446, 4.1.2; RFC 6347, 4.2.1) of which `stated` bytes were announced; `None` where
    /// they contradict themselves.
    pub(crate) fn parse(body: &'a [u8], stated: usize, carrier: Carrier) -> Option<ClientHello<'a>> {
        let body = &body[..body.len().min(stated)];
        let version = be16(body, 0)?;
        let known = match carrier {
            Carrier::Tcp | Carrier::Quic => (0x0300..=0x0304).contains(&version),
            Carrier::Dtls => matches!(version, 0xfeff | 0xfefd | 0xfefc | 0x0100),
        };
        let session = usize::from(*body.get(34)?);
        if !known || session > 32 || stated < 41 {
            return None;
        }
        let mut at = 35 + session;
        if carrier == Carrier::Dtls {
            at += 1 + usize::from(*body.get(at)?);
        }
        let ciphers = usize::from(be16(body, at)?);
        if ciphers < 2 || ciphers % 2 == 1 {
            return None;
        }
        let list = body.get(at + 2..at + 2 + ciphers)?;
        at += 2 + ciphers;
        at += 1 + usize::from(*body.get(at)?);
        let extensions = body.get(at + 2..).unwrap_or(&[]);
        let stated_extensions = be16(body, at).map_or(0, usize::from);
        let extensions = &extensions[..extensions.len().min(stated_extensions)];
        Some(ClientHello { version, ciphers: list, extensions, whole: body.len() >= stated })
    }

    /// Its extensions, each with its body, as far as they are here.
    pub(crate) fn extensions(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = self.extensions;
        std::iter::from_fn(move || {
            let kind = be16(rest, 0)?;
            let body = rest.get(4..4 + usize::from(be16(rest, 2)?))?;
            rest = &rest[4 + body.len()..];
            Some((kind, body))
        })
    }

    /// What matters of it to us.
    pub(crate) fn read(&self) -> Hello<'a> {
        let mut hello = Hello::default();
        for (kind, body) in self.extensions() {
            match kind {
                extension::SERVER_NAME => hello.server_name = server_name(body),
                extension::ALPN => hello.protocols = body.get(2..).unwrap_or(&[]),
                extension::ENCRYPTED_HELLO | extension::ENCRYPTED_SERVER_NAME => hello.encrypted = true,
                extension::USE_SRTP => hello.srtp = true,
                _ => {}
            }
        }
        hello
    }
}

impl Hello<'_> {
    /// The server's name, and how far it is to be believed.
    pub(crate) fn name(&self, plain: NameSource) -> Option<(Box<str>, NameSource)> {
        let name = lowercase(self.server_name?);
        let source = match self.encrypted {
            false => plain,
            true if is_public_name(&name) => NameSource::OuterHello,
            true => NameSource::EncryptedHello,
        };
        Some((name, source))
    }
}

/// Names that stand outside of encrypted hellos and for no service (the providers' published ECHConfigs).
pub(crate) fn is_public_name(name: &str) -> bool {
    const PUBLIC: [&str; 4] = ["cloudflare-ech.com", "cloudflare-esni.com", "encryptedsni.com", "tls-ech.dev"];
    PUBLIC.iter().any(|public| name == *public || name.strip_suffix(public).is_some_and(|rest| rest.ends_with('.')))
}

/// The fingerprint of the hello that a stream begins with, or comes to after an upgrade; `None` while not all of it
/// is here.
pub(crate) fn fingerprint(stream: &[u8]) -> Option<Ja4> {
    let stream = stream.get(super::starttls::hello_at(stream)?..)?;
    let message = messages(stream);
    let &[CLIENT_HELLO, high, middle, low] = message.first_chunk()? else { return None };
    let hello = ClientHello::parse(&message[4..], be24([high, middle, low]), Carrier::Tcp)?;
    hello.whole.then(|| Ja4::of(&hello, Carrier::Tcp))
}

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer != Layer::Stream {
        return Finding::No;
    }
    match bytes {
        [HANDSHAKE] | [HANDSHAKE, 3] | [HANDSHAKE, 3, 0..=4] | [HANDSHAKE, 3, 0..=4, _] => Finding::More,
        [HANDSHAKE, 3, 0..=4, high, low, ..] if fits(*high, *low) => handshake(view),
        [20 | 21 | 23, 3, 0..=3, _, _, ..] => joined(view),
        [0x80..=0xff, _, 1 | 4, ..] => ssl2(view),
        _ => Finding::No,
    }
}

fn fits(high: u8, low: u8) -> bool {
    (1..=MOST_RECORD).contains(&usize::from(u16::from_be_bytes([high, low])))
}

const fn be24([high, middle, low]: [u8; 3]) -> usize {
    (high as usize) << 16 | (middle as usize) << 8 | low as usize
}

/// Hellos of SSL 2 (Netscape's specification; RFC 5246, E.2): two bytes of length with the high bit, a type, a
/// version, and lengths that add up.
fn ssl2(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let length = usize::from(be16(bytes, 0).unwrap_or(0) & 0x7fff);
    let sum = |places: [usize; 3]| places.iter().map(|&at| usize::from(be16(bytes, at).unwrap_or(0))).sum::<usize>();
    let known = |at: usize| matches!(bytes.get(at..at + 2), Some([0, 2] | [3, 0..=3]));
    let fits = match bytes.get(2) {
        Some(1) => known(3) && length == 9 + sum([5, 7, 9]) && be16(bytes, 5).is_some_and(|specs| specs % 3 == 0),
        Some(4) => matches!(bytes.get(3..5), Some([0 | 1, 0 | 1])) && known(5) && length == 11 + sum([7, 9, 11]),
        _ => false,
    };
    if !fits {
        return Finding::No;
    }
    let signature = by_port(Signature { why: "a hello of SSL 2", ..TLS }, view);
    Finding::Found(Found { signature, name: None, next: Next::Watch, announces: Vec::new() })
}

/// Change of cipher, alert, data: the flow began before we looked. One record may be chance: the next one has to fit,
/// or the port.
fn joined(view: &View<'_>) -> Finding {
    let sized = |kind: u8, length: usize| match kind {
        20 => length == 1,
        // Level and description in the clear, else sealed.
        21 => length == 2 || (17..=80).contains(&length),
        // A sealed message of one byte at least (RFC 8446, 5.2).
        22 => (4..=MOST_RECORD).contains(&length),
        23 => (17..=MOST_RECORD).contains(&length),
        _ => false,
    };
    let mut rest = view.bytes;
    let mut records = 0;
    let known_port = is_port(view);
    while let Some(&[kind, major, minor, high, low]) = rest.first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if major != 3 || !(0..=3).contains(&minor) || !sized(kind, length) {
            return Finding::No;
        }
        if kind == 20 && rest.get(RECORD_HEADER).is_some_and(|&byte| byte != 1) {
            return Finding::No;
        }
        records += 1;
        rest = match rest.get(RECORD_HEADER + length..) {
            Some(behind) if records < 4 => behind,
            _ => break,
        };
    }
    let signature = match (records, known_port) {
        (2.., _) => Signature { confidence: 62, ..TLS },
        (_, true) => Signature { confidence: 58, ..TLS },
        // A flow elsewhere has to show a second record, within reason.
        (_, false) if view.bytes.len() < 4_096 => return Finding::More,
        (_, false) => return Finding::No,
    };
    let signature = Signature { why: "TLS records of a flow that began before we looked", ..signature };
    let signature = Signature { confidence: signature.confidence, ..by_port(signature, view) };
    Finding::Found(Found { signature, name: None, next: Next::Watch, announces: Vec::new() })
}

/// The first handshake message of a stream, or all that come in a row where that is no hello. Records are a layer below
/// messages: one record is the rule, and costs no copy.
fn messages(bytes: &[u8]) -> Cow<'_, [u8]> {
    let length = usize::from(be16(bytes, 3).unwrap_or(0));
    let first = bytes.get(RECORD_HEADER..).unwrap_or(&[]);
    if first.len() <= length {
        return Cow::Borrowed(first);
    }
    let stated = first.get(1..4).and_then(|field| Some(be24(*field.first_chunk()?))).unwrap_or(0);
    if first[0] == CLIENT_HELLO && 4 + stated <= length {
        return Cow::Borrowed(&first[..length]);
    }
    Cow::Owned(joined_messages(bytes))
}

/// All handshake messages of a stream until its first record of another kind.
fn joined_messages(bytes: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    let mut rest = bytes;
    while let Some(&[HANDSHAKE, 3, _, high, low]) = rest.first_chunk() {
        let end = rest.len().min(RECORD_HEADER + usize::from(u16::from_be_bytes([high, low])));
        joined.extend_from_slice(&rest[RECORD_HEADER..end]);
        rest = &rest[end..];
        if joined.len() > MOST_MESSAGE {
            break;
        }
    }
    joined
}

fn handshake(view: &View<'_>) -> Finding {
    let message = messages(view.bytes);
    let Some(&[kind, fields @ ..]) = message.first_chunk::<4>() else { return Finding::More };
    let stated = be24(fields);
    match kind {
        CLIENT_HELLO if stated <= MOST_MESSAGE * 2 => client_hello(view, &message[4..], stated),
        SERVER_HELLO | CERTIFICATE if stated <= 1 << 18 => server_hello(view, &message),
        // Sealed (Finished after a resumption), or a message that stands later in a handshake.
        _ => joined(view),
    }
}

fn client_hello(view: &View<'_>, body: &[u8], stated: usize) -> Finding {
    let Some(hello) = ClientHello::parse(body, stated, Carrier::Tcp) else {
        return if body.len() < stated.min(600) && body.first().is_none_or(|&major| major == 3) {
            Finding::More
        } else {
            Finding::No
        };
    };
    let read = hello.read();
    if !hello.whole && read.server_name.is_none() && view.bytes.len() < MOST_MESSAGE {
        return Finding::More;
    }
    let name = read.name(NameSource::TlsHello);
    let next = match &name {
        // What comes behind the name may still tell the protocol, and the fingerprint.
        Some(_) if !hello.whole => Next::Read,
        Some((_, NameSource::OuterHello)) => Next::Watch,
        // Nameless: a certificate of its own may follow, up to TLS 1.2 in the clear.
        None if view.bytes.len() < MOST_MESSAGE => Next::Read,
        None => Next::Watch,
        Some(_) => Next::Settle,
    };
    let own = || match &name {
        None if view.bytes.len() > RECORD_HEADER + 4 + stated => {
            certificate::holder(&joined_messages(view.bytes)).as_deref().and_then(certificate::purpose)
        }
        _ => None,
    };
    let signature = alpn::purpose(read.protocols).or_else(own).unwrap_or_else(|| by_port(TLS, view));
    let signature = match &name {
        Some((_, NameSource::OuterHello)) if signature.names == Names::Refine => Signature {
            confidence: signature.confidence.min(60),
            why: "a TLS handshake that hides its name",
            ..signature
        },
        _ => signature,
    };
    Finding::Found(Found { signature, name, next, announces: Vec::new() })
}

/// What the answering end shows before the keys are agreed: up to TLS 1.2 its certificate.
fn server_hello(view: &View<'_>, message: &[u8]) -> Finding {
    let holder = certificate::holder(message);
    let unsealed = certificate_follows(message) && message.len() < MOST_MESSAGE;
    let signature = holder.as_deref().and_then(certificate::purpose).unwrap_or_else(|| by_port(TLS, view));
    let name = holder.filter(|name| name.contains('.')).map(|name| (name.into_boxed_str(), NameSource::TlsCertificate));
    let next = match &name {
        Some(_) => Next::Settle,
        None if signature.names == Names::Adorn && signature.why == certificate::WHY => Next::Settle,
        None if unsealed => Next::Read,
        None => Next::Watch,
    };
    Finding::Found(Found { signature, name, next, announces: Vec::new() })
}

/// Whether the answer is of a version that shows its certificate: no supported_versions, or not all is here.
fn certificate_follows(message: &[u8]) -> bool {
    if message.first() == Some(&CERTIFICATE) {
        return true;
    }
    let Some(&session) = message.get(4 + 34) else { return true };
    let stated = message.get(1..4).and_then(|field| Some(be24(*field.first_chunk()?))).unwrap_or(0);
    let own = &message[..message.len().min(4 + stated)];
    let mut rest = own.get(4 + 34 + 1 + usize::from(session) + 5..).unwrap_or(&[]);
    while let (Some(kind), Some(length)) = (be16(rest, 0), be16(rest, 2)) {
        if kind == extension::SUPPORTED_VERSIONS {
            return false;
        }
        rest = rest.get(4 + usize::from(length)..).unwrap_or(&[]);
    }
    // Behind the hello of an abbreviated handshake comes a change of cipher, which is no handshake record.
    true
}

/// TLS on the port of a protocol that is spoken inside it (IANA "Service Name and Transport Protocol Port Number
/// Registry", and the documented defaults of the programs named).
pub(crate) fn inside(port: u16) -> Option<Signature> {
    use TrafficClass::Download;
    let (application, class, names) = match port {
        25 | 465 | 587 | 2525 => ("SMTPS", Work, Names::Adorn),
        143 | 993 => ("IMAPS", Work, Names::Adorn),
        110 | 995 => ("POP3S", Work, Names::Adorn),
        4190 => ("ManageSieve", Work, Names::Adorn),
        853 => ("DNS over TLS", Interactive, Names::Adorn),
        389 | 636 | 3268 | 3269 => ("LDAPS", Interactive, Names::Adorn),
        21 | 990 => ("FTPS", Interactive, Names::Adorn),
        989 => ("FTPS data", Download, Names::Adorn),
        563 => ("NNTPS", Download, Names::Adorn),
        992 => ("Telnet", Interactive, Names::Adorn),
        994 | 6679 | 6697 => ("IRC", Interactive, Names::Adorn),
        2083 => ("RadSec", Interactive, Names::Refine),
        2376 => ("Docker", Interactive, Names::Adorn),
        2484 => ("Oracle", Interactive, Names::Adorn),
        3389 => ("RDP", Interactive, Names::Adorn),
        5061 => ("SIP", Voice, Names::Adorn),
        5222 | 5269 => ("XMPP", Interactive, Names::Refine),
        5223 => ("Apple push", Interactive, Names::Refine),
        // Its documentation: control of players from the same network.
        1443 => ("Sonos", TrafficClass::Streaming, Names::Refine),
        5349 => ("TURN", Call, Names::Refine),
        5432 => ("PostgreSQL", Interactive, Names::Adorn),
        3306 => ("MySQL", Interactive, Names::Adorn),
        1433 => ("TDS", Interactive, Names::Adorn),
        6380 => ("Redis", Interactive, Names::Adorn),
        9093 => ("Kafka", Update, Names::Adorn),
        5671 => ("AMQP", Update, Names::Adorn),
        8883 => ("MQTT", Update, Names::Adorn),
        61614 => ("STOMP", Update, Names::Adorn),
        5986 => ("WinRM", Interactive, Names::Adorn),
        6443 => ("Kubernetes", Interactive, Names::Adorn),
        6514 => ("Syslog", Interactive, Names::Adorn),
        4460 => ("NTS", Interactive, Names::Adorn),
        5938 => ("TeamViewer", Interactive, Names::Adorn),
        8140 => ("Puppet", Update, Names::Adorn),
        10161 => ("SNMP", Interactive, Names::Adorn),
        11_214 => ("Memcached", Interactive, Names::Adorn),
        27_017 => ("MongoDB", Interactive, Names::Adorn),
        64_738 => ("Mumble", Voice, Names::Adorn),
        1194 => ("OpenVPN", Work, Names::Refine),
        _ => return None,
    };
    Some(Signature { application, class, names, confidence: 85, why: "TLS on the port of this service" })
}

/// Whether TLS is usual on a port of the view.
fn is_port(view: &View<'_>) -> bool {
    [view.source_port, view.destination_port]
        .iter()
        .any(|&port| matches!(port, 443 | 4443 | 8443) || inside(port).is_some())
}

/// TLS on a port that says what is inside it.
pub(super) fn by_port(signature: Signature, view: &View<'_>) -> Signature {
    inside(view.responder_port()).or_else(|| inside(view.source_port.min(view.destination_port))).unwrap_or(signature)
}

fn server_name(body: &[u8]) -> Option<&str> {
    // A list with one entry of type host_name (0).
    let length = usize::from(be16(body, 3)?);
    if body.get(2) != Some(&0) {
        return None;
    }
    valid_name(body.get(5..5 + length)?)
}

/// A name that could stand in DNS: what else is sent in its place is not shown to anybody.
pub(crate) fn valid_name(bytes: &[u8]) -> Option<&str> {
    let fits = (1..=253).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'*'));
    if fits { std::str::from_utf8(bytes).ok() } else { None }
}

pub(crate) fn lowercase(name: &str) -> Box<str> {
    name.trim_end_matches('.').to_ascii_lowercase().into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(bytes: &[u8], port: u16) -> View<'_> {
        super::super::specimen::view(Layer::Stream, bytes, port)
    }

    fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &(body.len() as u16).to_be_bytes(), body].concat()
    }

    fn named(name: &str) -> Vec<u8> {
        let length = name.len() as u16;
        let body = [&(length + 3).to_be_bytes()[..], &[0], &length.to_be_bytes(), name.as_bytes()].concat();
        extension(0, &body)
    }

    fn protocols(list: &[u8]) -> Vec<u8> {
        extension(16, &[&(list.len() as u16).to_be_bytes()[..], list].concat())
    }

    /// A ClientHello message (RFC 8446, 4.1.2) with these extensions.
    fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
        let extensions = extensions.concat();
        let mut body = vec![3, 3];
        body.resize(34, 7);
        body.extend_from_slice(&[0, 0, 4, 0x13, 1, 0x1a, 0x1a, 1, 0]);
        body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
        body.extend_from_slice(&extensions);
        message(1, &body)
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
    }

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 3, 1][..], &(body.len() as u16).to_be_bytes(), body].concat()
    }

    /// What stands in a stream: application, name, where it was read; `More` where not enough is here.
    fn check(stream: &[u8], port: u16, expected: Option<(&str, &str, Option<NameSource>)>) {
        let finding = match inspect(&view(stream, port)) {
            Finding::Found(found) => {
                let (name, source) =
                    found.name.map_or((String::new(), None), |(name, source)| (name.into(), Some(source)));
                Some((found.signature.application, name, source))
            }
            Finding::More => Some(("more", String::new(), None)),
            Finding::No => None,
        };
        let expected = expected.map(|(application, name, source)| (application, name.to_owned(), source));
        assert_eq!(finding, expected);
    }

    #[test]
    fn names_are_read_over_records_and_before_the_end() {
        let whole = hello(&[extension(0x0a0a, &[0; 900]), named("www.example.org"), extension(51, &[0; 1_300])]);
        let named = Some(("TLS", "www.example.org", Some(NameSource::TlsHello)));
        check(&record(22, &whole), 443, named);
        check(&record(22, &whole)[..1_300], 443, named);
        check(&record(22, &whole)[..500], 443, Some(("more", "", None)));
        let parts: Vec<u8> = whole.chunks(700).flat_map(|part| record(22, part)).collect();
        check(&parts, 443, named);
        assert_eq!(fingerprint(&record(22, &whole)[..1_300]), None);
        let one = fingerprint(&record(22, &whole));
        assert!(one.is_some() && one == fingerprint(&parts));
        for end in 0..record(22, &whole).len() {
            inspect(&view(&record(22, &whole)[..end], 443));
        }
    }

    #[test]
    fn protocols_and_ports_decide() {
        let tls = |application| Some((application, "", None));
        check(&record(22, &hello(&[protocols(b"\x02h2")])), 443, tls("TLS"));
        check(&record(22, &hello(&[protocols(b"\x03dot")])), 443, tls("DNS over TLS"));
        check(&record(22, &hello(&[])), 993, tls("IMAPS"));
        check(&record(22, &hello(&[])), 8883, tls("MQTT"));
        check(&record(22, &hello(&[])), 4321, tls("TLS"));
    }

    #[test]
    fn names_around_an_encrypted_hello_are_believed_less() {
        let stream = |name, kind| record(22, &hello(&[named(name), extension(kind, &[0; 200])]));
        let around = |name, source| Some(("TLS", name, Some(source)));
        check(&stream("a.example", 0xfe0d), 443, around("a.example", NameSource::EncryptedHello));
        check(&stream("cloudflare-ech.com", 0xfe0d), 443, around("cloudflare-ech.com", NameSource::OuterHello));
        check(&stream("cloudflare-ech.com", 0x1234), 443, around("cloudflare-ech.com", NameSource::TlsHello));
        check(&stream("x.cloudflare-esni.com", 0xffce), 443, around("x.cloudflare-esni.com", NameSource::OuterHello));
    }

    /// A certificate as far as it is looked at: issuer, subject, perhaps an alternative name.
    fn certificate(subject: &str, alternative: &[u8]) -> Vec<u8> {
        let common = |text: &str| [&[0x55, 4, 3, 0x0c, text.len() as u8][..], text.as_bytes()].concat();
        let inside = [&[0x30, 0x82, 1, 1][..], &common("Some CA"), &common(subject), alternative, &[0; 40]].concat();
        let length = (inside.len() as u32).to_be_bytes();
        let longer = (inside.len() as u32 + 3).to_be_bytes();
        message(11, &[&longer[1..], &length[1..], &inside[..]].concat())
    }

    fn server_hello(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.resize(34, 9);
        body.extend_from_slice(&[0, 0xc0, 0x2f, 0]);
        body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
        message(2, &[&body[..], extensions].concat())
    }

    #[test]
    fn certificates_name_what_no_hello_named() {
        let certified = |name| Some(("TLS", name, Some(NameSource::TlsCertificate)));
        let stream = |certificate: Vec<u8>| record(22, &[server_hello(&[]), certificate].concat());
        let alternative = [&[0x55, 0x1d, 0x11, 4, 20, 0x30, 18, 0x82, 15][..], b"*.a.example.org"].concat();
        check(&stream(certificate("mail.example.com", &[])), 443, certified("mail.example.com"));
        check(&stream(certificate("mail.example.com", &alternative)), 443, certified("a.example.org"));
        check(&stream(certificate("AnyDesk Client", &[])), 443, Some(("AnyDesk", "", None)));
        check(&stream(certificate("A person", &[])), 443, Some(("TLS", "", None)));
        let cut = stream(certificate("mail.example.com", &[]));
        check(&cut[..cut.len() - 30], 443, Some(("TLS", "", None)));
        let own = [record(22, &hello(&[])), record(22, &certificate("AnyDesk Client", &[]))].concat();
        check(&own, 443, Some(("AnyDesk", "", None)));
    }

    #[test]
    fn flows_joined_midway_show_two_records_or_a_port() {
        let two = [record(23, &[7; 100]), record(23, &[8; 30])].concat();
        check(&two, 9_999, Some(("TLS", "", None)));
        check(&record(23, &[7; 100]), 443, Some(("TLS", "", None)));
        check(&record(23, &[7; 100]), 9_999, Some(("more", "", None)));
        check(&[record(20, &[1]), record(22, &[9; 40])].concat(), 9_999, Some(("TLS", "", None)));
        check(&[record(23, &[7; 100]), b"garbage".to_vec()].concat(), 443, None);
        check(&record(23, &[7; 3]), 443, None);
        check(&record(20, &[2]), 443, None);
    }

    #[test]
    fn hellos_of_ssl_2_add_up() {
        let body = [&[1, 3, 1, 0, 9, 0, 0, 0, 16][..], &[0; 25]].concat();
        let stream = [&[0x80, body.len() as u8][..], &body].concat();
        check(&stream, 443, Some(("TLS", "", None)));
        check(&[&[0x80, 20][..], &body].concat(), 443, None);
        check(&[0x80, 46, 1], 443, None);
    }

    #[test]
    fn what_contradicts_itself_is_no_tls() {
        check(&[22, 3, 1, 0, 0, 1], 443, None);
        check(&record(22, &message(1, &[9; 100])), 443, None);
        check(&[22, 3, 9, 0, 50, 1, 0, 0, 46], 443, None);
        check(b"", 443, None);
        check(&[22], 443, Some(("more", "", None)));
    }
}
