//! Whose a certificate is (RFC 5280), where no hello said a name.

use super::tls::valid_name;
use super::{Names, Signature};
use crate::packet::be16;
use vocab::TrafficClass::{self, Backup, Download, Interactive, Work};

const CERTIFICATE: u8 = 11;
pub(crate) const WHY: &str = "the name in its certificate is this program's";

/// The name of the first certificate in handshake messages: subjectAltName, else the subject's common name. Lower
/// case, without a wildcard; perhaps no DNS name.
pub(crate) fn holder(mut message: &[u8]) -> Option<String> {
    for _ in 0..4 {
        let &[kind, high, middle, low] = message.first_chunk()?;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let body = message.get(4..(4 + length).min(message.len()))?;
        if kind == CERTIFICATE {
            return of_list(body);
        }
        message = message.get(4 + length..)?;
    }
    None
}

/// The name of the first certificate of a Certificate message's body, as far as it is here.
pub(crate) fn of_list(body: &[u8]) -> Option<String> {
    let length = usize::from(*body.get(3)?) << 16 | usize::from(be16(body, 4)?);
    let certificate = body.get(6..body.len().min(6 + length))?;
    if certificate.first() != Some(&0x30) {
        return None;
    }
    name(certificate, certificate.len() == length)
}

/// Looks for the object identifiers instead of walking ASN.1: the name is evidence, not authentication.
fn name(certificate: &[u8], whole: bool) -> Option<String> {
    let alternative = || alternative(certificate.get(memchr::memmem::find(certificate, &[0x55, 0x1d, 0x11])? + 3..)?);
    // id-at-commonName (2.5.4.3): the issuer's stands first, the subject's behind it.
    let common = || {
        let mut names = memchr::memmem::find_iter(certificate, &[0x55, 0x04, 0x03]);
        let (first, second) = (names.next()?, names.next());
        let at = second.or(if whole { Some(first) } else { None })?;
        let length = usize::from(*certificate.get(at + 4)?);
        let text = certificate.get(at + 5..at + 5 + length)?;
        let shown = text.len() <= 64 && text.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if shown { std::str::from_utf8(text).ok() } else { None }
    };
    // Extensions stand behind the subject: while the end is missing, a better name may come.
    let name = match alternative() {
        Some(name) => name,
        None if whole => common()?,
        None => return None,
    };
    let name = name.strip_prefix("*.").unwrap_or(name).to_ascii_lowercase();
    let plain = valid_name(name.as_bytes()).is_some();
    (plain || purpose(&name).is_some()).then_some(name)
}

/// The first dNSName behind the identifier of subjectAltName (RFC 5280, 4.2.1.6): perhaps a mark that it is critical, an
/// octet string, a sequence, names under their tags.
fn alternative(mut rest: &[u8]) -> Option<&str> {
    const BOOLEAN: u8 = 0x01;
    const DNS_NAME: u8 = 0x82;
    if rest.first() == Some(&BOOLEAN) {
        rest = rest.get(3..)?;
    }
    for wrapper in [0x04, 0x30] {
        rest = element(rest).filter(|&(tag, ..)| tag == wrapper).map(|(_, body, _)| body)?;
    }
    for _ in 0..8 {
        let (tag, body, length) = element(rest)?;
        if tag == DNS_NAME && body.len() == length {
            return valid_name(body);
        }
        let header = 2 + usize::from(length > 127) + usize::from(length > 255);
        rest = rest.get(header + body.len()..)?;
    }
    None
}

/// Tag, body as far as it is here, and stated length of the element (X.690, 8.1) that `bytes` begin with.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (start, length) = match *bytes.get(1)? {
        0x81 => (3, usize::from(*bytes.get(2)?)),
        0x82 => (4, usize::from(be16(bytes, 2)?)),
        short @ 0..=0x7f => (2, usize::from(short)),
        _ => return None,
    };
    let body = bytes.get(start..)?;
    Some((bytes[0], &body[..body.len().min(length)], length))
}

/// Programs that make their own certificates under a fixed name.
pub(crate) fn purpose(name: &str) -> Option<Signature> {
    let (application, class): (_, TrafficClass) = match name {
        "anydesk client" | "anydesk server" => ("AnyDesk", Interactive),
        "syncthing" => ("Syncthing", Download),
        "rustdesk" => ("RustDesk", Interactive),
        "teamviewer" | "teamviewer gmbh" => ("TeamViewer", Interactive),
        "splashtop" | "splashtop inc. self ca" => ("Splashtop", Interactive),
        "openvpn server" | "openvpn-server" | "openvpn web ca" => ("OpenVPN", Work),
        "nomachine" => ("NoMachine", Interactive),
        "chia" => ("Chia", Backup),
        "ubnt" => ("Ubiquiti", Interactive),
        "synapse" => ("Synapse", Interactive),
        _ => return None,
    };
    Some(Signature { application, class, names: Names::Adorn, confidence: 93, why: WHY })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(extension: &[u8], expected: Option<&str>) {
        assert_eq!(alternative(extension), expected, "{extension:02x?}");
    }

    #[test]
    fn alternative_names_are_found_behind_lengths_of_any_form() {
        check(b"\x04\x0d\x30\x0b\x82\x09a.example", Some("a.example"));
        check(b"\x01\x01\xff\x04\x0d\x30\x0b\x82\x09a.example", Some("a.example"));
        check(b"\x04\x81\xc0\x30\x81\xbd\x82\x09a.example\x82\x30", Some("a.example"));
        check(b"\x04\x82\x02\x88\x30\x82\x02\x84\x82\x09a.example", Some("a.example"));
        check(b"\x04\x13\x30\x11\x87\x04\x7f\0\0\x01\x82\x09a.example", Some("a.example"));
        check(b"\x04\x0d\x30\x0b\x82\x09a.exam", None);
        check(b"\x04\xff\x30", None);
        check(b"", None);
    }
}
