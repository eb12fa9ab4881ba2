//! JA4, the fingerprint of the library behind a TLS, DTLS or QUIC hello (FoxIO's published specification,
//! `technical_details/JA4.md`, BSD-3-Clause): what it offers, in an order that shuffling does not change.

use super::tls::ClientHello;
use crate::packet::be16;
use ring::digest::{Context, SHA256};
use std::fmt;

/// More ciphers or extensions than any library offers; the counts in the fingerprint stop at 99.
const MOST: usize = 128;
const SERVER_NAME: u16 = 0x0000;
const SIGNATURE_ALGORITHMS: u16 = 0x000d;
const ALPN: u16 = 0x0010;
const SUPPORTED_VERSIONS: u16 = 0x002b;

/// What carried the hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Tcp,
    Quic,
    Dtls,
}

/// The three parts of a fingerprint: what is offered, the ciphers' hash, the extensions' hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ja4 {
    offer: [u8; 10],
    ciphers: [u8; 6],
    extensions: [u8; 6],
}

impl Ja4 {
    /// The fingerprint of a hello that is here as a whole.
    pub(crate) fn of(hello: &ClientHello<'_>, carrier: Carrier) -> Ja4 {
        let mut ciphers = Codes::default();
        hello.ciphers.as_chunks::<2>().0.iter().for_each(|&code| ciphers.add(u16::from_be_bytes(code)));
        let (mut extensions, mut algorithms) = (Codes::default(), Codes::default());
        let (mut count, mut named, mut version, mut alpn) = (0_usize, false, hello.version, *b"00");
        for (kind, body) in hello.extensions() {
            if is_grease(kind) {
                continue;
            }
            count += 1;
            match kind {
                SERVER_NAME => named = true,
                ALPN => alpn = ends(body),
                _ => extensions.add(kind),
            }
            match kind {
                SIGNATURE_ALGORITHMS => {
                    let list = body.get(2..).unwrap_or(&[]);
                    list.as_chunks::<2>().0.iter().for_each(|&code| algorithms.add(u16::from_be_bytes(code)));
                }
                SUPPORTED_VERSIONS => {
                    let offered = body.get(1..).unwrap_or(&[]).as_chunks::<2>().0.iter();
                    let offered = offered.map(|&code| u16::from_be_bytes(code)).filter(|&code| !is_grease(code));
                    // The numbers of DTLS count down.
                    let highest = if carrier == Carrier::Dtls { offered.min() } else { offered.max() };
                    version = highest.unwrap_or(version);
                }
                _ => {}
            }
        }
        let mut offer = *b"t00i000000";
        offer[0] = match carrier {
            Carrier::Tcp => b't',
            Carrier::Quic => b'q',
            Carrier::Dtls => b'd',
        };
        offer[1..3].copy_from_slice(digits_of(version));
        offer[3] = if named { b'd' } else { b'i' };
        offer[4..6].copy_from_slice(&decimal(ciphers.length));
        offer[6..8].copy_from_slice(&decimal(count));
        offer[8..10].copy_from_slice(&alpn);
        ciphers.sort();
        extensions.sort();
        Ja4 { offer, ciphers: hash(&ciphers, None), extensions: hash(&extensions, Some(&algorithms)) }
    }
}

impl fmt::Display for Ja4 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(std::str::from_utf8(&self.offer).map_err(|_| fmt::Error)?)?;
        for part in [self.ciphers, self.extensions] {
            out.write_str("_")?;
            part.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
        }
        Ok(())
    }
}

/// A list of codes without GREASE.
struct Codes {
    codes: [u16; MOST],
    length: usize,
}

impl Default for Codes {
    fn default() -> Codes {
        Codes { codes: [0; MOST], length: 0 }
    }
}

impl Codes {
    fn add(&mut self, code: u16) {
        if !is_grease(code)
            && let Some(place) = self.codes.get_mut(self.length)
        {
            *place = code;
            self.length += 1;
        }
    }

    fn sort(&mut self) {
        self.codes[..self.length].sort_unstable();
    }

    fn as_slice(&self) -> &[u16] {
        &self.codes[..self.length]
    }
}

/// SHA-256 over the codes in hex, parted by commas, and behind `_` those of `more`; cut to 12 hex digits. An empty
/// list is all zero.
fn hash(codes: &Codes, more: Option<&Codes>) -> [u8; 6] {
    if codes.length == 0 {
        return [0; 6];
    }
    let mut context = Context::new(&SHA256);
    write_hex(&mut context, codes);
    if let Some(more) = more.filter(|more| more.length > 0) {
        context.update(b"_");
        write_hex(&mut context, more);
    }
    let digest = context.finish();
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

fn write_hex(context: &mut Context, codes: &Codes) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |code: u16, shift: u16| HEX[usize::from(code >> shift & 0x0f)];
    let mut text = [b','; MOST * 5];
    for (place, &code) in text.as_chunks_mut::<5>().0.iter_mut().zip(codes.as_slice()) {
        *place = [digit(code, 12), digit(code, 8), digit(code, 4), digit(code, 0), b','];
    }
    context.update(&text[..(codes.length * 5).saturating_sub(1)]);
}

/// Values that stand for nothing (RFC 8701).
pub(crate) const fn is_grease(code: u16) -> bool {
    code & 0x0f0f == 0x0a0a && code >> 8 == code & 0xff
}

const fn digits_of(version: u16) -> &'static [u8; 2] {
    match version {
        0x0304 => b"13",
        0x0303 => b"12",
        0x0302 => b"11",
        0x0301 => b"10",
        0x0300 => b"s3",
        0x0002 => b"s2",
        0xfeff => b"d1",
        0xfefd => b"d2",
        0xfefc => b"d3",
        _ => b"00",
    }
}

fn decimal(count: usize) -> [u8; 2] {
    let count = count.min(99) as u8;
    [b'0' + count / 10, b'0' + count % 10]
}

/// The first and the last character of the first protocol; of its hex digits where one of them is no letter or
/// digit.
fn ends(body: &[u8]) -> [u8; 2] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let first_value = || {
        be16(body, 0)?;
        let length = usize::from(*body.get(2)?);
        body.get(3..3 + length)
    };
    match first_value() {
        Some(&[first, .., last]) if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() => [first, last],
        Some(&[only]) if only.is_ascii_alphanumeric() => [only, only],
        Some(&[first, .., last]) => [HEX[usize::from(first >> 4)], HEX[usize::from(last & 0x0f)]],
        Some(&[only]) => [HEX[usize::from(only >> 4)], HEX[usize::from(only & 0x0f)]],
        Some([]) | None => *b"00",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of codes in hex, as they stand in a hello.
    fn bytes(codes: &str) -> Vec<u8> {
        let codes = codes.split(',').filter(|code| !code.is_empty());
        codes.flat_map(|code| u16::from_str_radix(code, 16).unwrap().to_be_bytes()).collect()
    }

    /// A ClientHello body with these ciphers and extensions.
    fn body(version: u16, ciphers: &str, extensions: &[(u16, Vec<u8>)], cookie: &[u8]) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.resize(34, 7);
        body.push(0);
        body.extend_from_slice(cookie);
        let ciphers = bytes(ciphers);
        body.extend_from_slice(&(ciphers.len() as u16).to_be_bytes());
        body.extend_from_slice(&ciphers);
        body.extend_from_slice(&[1, 0]);
        let mut list = Vec::new();
        for (kind, content) in extensions {
            list.extend_from_slice(&kind.to_be_bytes());
            list.extend_from_slice(&(content.len() as u16).to_be_bytes());
            list.extend_from_slice(content);
        }
        body.extend_from_slice(&(list.len() as u16).to_be_bytes());
        [body, list].concat()
    }

    fn check(body: &[u8], carrier: Carrier, expected: &str) {
        let hello = ClientHello::parse(body, body.len(), carrier).unwrap();
        assert_eq!(Ja4::of(&hello, carrier).to_string(), expected);
    }

    fn with_length(list: Vec<u8>) -> Vec<u8> {
        [&(list.len() as u16).to_be_bytes()[..], &list].concat()
    }

    /// The example of the specification: its ciphers, extensions and signature algorithms, in another order and with
    /// values that stand for nothing between them.
    #[test]
    fn the_example_of_the_specification() {
        let ciphers = "7a7a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035";
        let algorithms = "0403,0804,0401,0503,0805,0501,0806,0601";
        let versions = [&[6][..], &bytes("8a8a,0304,0303")].concat();
        let mut extensions = vec![
            (0x5a5a, vec![]),
            (0x0000, b"\0\x04\0\0\x01a".to_vec()),
            (0x0010, b"\0\x0c\x02h2\x08http/1.1".to_vec()),
            (0x000d, with_length(bytes(algorithms))),
            (0x002b, versions),
        ];
        for kind in [0x15, 0x4469, 0x1b, 0x33, 0x2d, 0x12, 0x05, 0x23, 0x0b, 0x0a, 0xff01, 0x17] {
            extensions.push((kind, vec![]));
        }
        extensions.push((0xeaea, vec![0]));
        let hello = body(0x0303, ciphers, &extensions, &[]);
        check(&hello, Carrier::Tcp, "t13d1516h2_8daaf6152771_e5627efa2ab1");
        check(&hello, Carrier::Quic, "q13d1516h2_8daaf6152771_e5627efa2ab1");
        extensions.retain(|(kind, _)| *kind != 0x000d);
        extensions.push((0x000d, vec![]));
        let silent = body(0x0303, ciphers, &extensions, &[]);
        check(&silent, Carrier::Tcp, "t13d1516h2_8daaf6152771_6d807ffa2a79");
    }

    #[test]
    fn nothing_offered_is_all_zero_and_versions_come_from_the_hello() {
        check(&body(0x0301, "0a0a", &[], &[]), Carrier::Tcp, "t10i000000_000000000000_000000000000");
        check(&body(0x0300, "0a0a", &[], &[]), Carrier::Tcp, "ts3i000000_000000000000_000000000000");
        check(&body(0xfeff, "0a0a", &[], &[0]), Carrier::Dtls, "dd1i000000_000000000000_000000000000");
        let versions = [(0x2b, [&[4][..], &bytes("fefc,fefd")].concat())];
        let hello = body(0xfefd, "0a0a", &versions, &[2, 1, 1]);
        let ja4 = Ja4::of(&ClientHello::parse(&hello, hello.len(), Carrier::Dtls).unwrap(), Carrier::Dtls);
        assert!(ja4.to_string().starts_with("dd3i000100_000000000000_"));
    }

    #[test]
    fn protocols_that_are_no_text_show_their_hex_digits() {
        let ends_of = |value: &[u8]| {
            let list = [&[value.len() as u8][..], value].concat();
            ends(&with_length(list))
        };
        for (value, expected) in [
            (&b"http/1.1"[..], b"h1"),
            (b"h", b"hh"),
            (b"\xab", b"ab"),
            (b"\xab\xcd", b"ad"),
            (b"\x30\xab", b"3b"),
            (b"\x30\x31\xab\xcd", b"3d"),
            (b"\x30\xab\xcd\x31", b"01"),
        ] {
            assert_eq!(&ends_of(value), expected, "{value:02x?}");
        }
        assert_eq!(&ends(b"\0"), b"00");
    }
}
