//! HTTP/2 in the clear, begun with prior knowledge (RFC 9113, 3.3): the server's name in its first header block.

use super::tls::{lowercase, valid_name};
use super::{Finding, Found, NameSource, Names, Next, Signature};
use vocab::TrafficClass;

/// RFC 9113, 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;
const HEADERS: u8 = 1;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;
/// Fields of one block and frames before it that are read at most.
const MOST: usize = 32;

pub(crate) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(&PREFACE[..16])
}

/// Whether too little is here to tell.
pub(crate) fn may_begin(bytes: &[u8]) -> bool {
    bytes.len() < 16 && PREFACE.starts_with(bytes)
}

/// What a server begins with, or a device whose preface was missed (RFC 9113, 6.5): a SETTINGS frame of the stream
/// of no request, with settings that are known.
pub(crate) fn settings(bytes: &[u8]) -> Finding {
    let [0, 0, length @ 6..=60, 4, 0, 0, 0, 0, 0, body @ ..] = bytes else { return Finding::No };
    let Some(body) = body.get(..usize::from(*length)) else { return Finding::No };
    let (all, rest) = body.as_chunks::<6>();
    // 1 to 6 are of the specification, 8 and 9 of RFC 8441 and RFC 9218.
    if !rest.is_empty() || !all.iter().all(|setting| matches!(setting, [0, 1..=6 | 8 | 9, ..])) {
        return Finding::No;
    }
    let why = "an HTTP/2 settings frame in the clear";
    let signature =
        Signature { application: "HTTP/2", class: TrafficClass::Web, names: Names::Refine, confidence: 95, why };
    Finding::Found(Found { signature, name: None, next: Next::Settle, announces: Vec::new() })
}

pub(crate) fn inspect(bytes: &[u8]) -> Finding {
    let (fields, found_block) = first_block(bytes);
    let name = fields.authority.as_deref().and_then(|name| {
        let name = name.split(|&byte| byte == b':').next()?;
        Some((lowercase(valid_name(name)?), NameSource::HttpHost))
    });
    let grpc = fields.content_type.is_some_and(|kind| kind.starts_with(b"application/grpc"));
    let signature = Signature {
        application: if grpc { "gRPC" } else { "HTTP/2" },
        class: TrafficClass::Web,
        names: Names::Refine,
        confidence: 95,
        why: "an HTTP/2 preface in the clear",
    };
    let next = if found_block { Next::Settle } else { Next::Read };
    Finding::Found(Found { signature, name, next, announces: Vec::new() })
}

#[derive(Default)]
struct Fields {
    authority: Option<Vec<u8>>,
    content_type: Option<Vec<u8>>,
}

/// The fields of the first HEADERS frame, and whether it is here.
fn first_block(bytes: &[u8]) -> (Fields, bool) {
    let mut rest = bytes.get(PREFACE.len()..).unwrap_or(&[]);
    for _ in 0..MOST {
        let Some(&[a, b, c, kind, flags, ..]) = rest.first_chunk::<FRAME_HEADER>() else { break };
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let Some(body) = rest.get(FRAME_HEADER..FRAME_HEADER + length) else { break };
        if kind == HEADERS {
            let padding =
                if flags & PADDED != 0 { body.first().map_or(0, |&length| usize::from(length) + 1) } else { 0 };
            let begin = usize::from(flags & PADDED != 0) + if flags & PRIORITY != 0 { 5 } else { 0 };
            let end = body.len().saturating_sub(padding.saturating_sub(1));
            return (read(body.get(begin..end).unwrap_or(&[])), true);
        }
        rest = &rest[FRAME_HEADER + length..];
    }
    (Fields::default(), false)
}

/// The fields of a block (RFC 7541, 6) that stand in it as literals with a name of the static table.
fn read(mut block: &[u8]) -> Fields {
    let mut fields = Fields::default();
    for _ in 0..MOST {
        let Some(&first) = block.first() else { break };
        let prefix = match first {
            0x80.. => 7,
            0x40..=0x7f => 6,
            0x20..=0x3f => 5,
            _ => 4,
        };
        let Some((index, used)) = integer(block, prefix) else { break };
        block = &block[used..];
        // A field that is known, or a change of the table's size.
        if matches!(first, 0x80.. | 0x20..=0x3f) {
            continue;
        }
        if index == 0 {
            let Some((_, used)) = string(block) else { break };
            block = &block[used..];
        }
        let Some((value, used)) = string(block) else { break };
        block = &block[used..];
        // RFC 7541, appendix A: 1 is :authority, 31 content-type.
        match index {
            1 => fields.authority = value.text(),
            31 => fields.content_type = value.text(),
            _ => {}
        }
    }
    fields
}

/// RFC 7541, 5.1.
fn integer(bytes: &[u8], prefix: u32) -> Option<(usize, usize)> {
    let most = (1_usize << prefix) - 1;
    let first = usize::from(*bytes.first()?) & most;
    if first < most {
        return Some((first, 1));
    }
    let mut value = most;
    for (place, &byte) in bytes[1..].iter().take(3).enumerate() {
        value += usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, place + 2));
        }
    }
    None
}

enum Text<'a> {
    Plain(&'a [u8]),
    Huffman(&'a [u8]),
}

impl Text<'_> {
    fn text(&self) -> Option<Vec<u8>> {
        match self {
            Text::Plain(bytes) => Some(bytes.to_vec()),
            Text::Huffman(bytes) => decode(bytes),
        }
    }
}

/// RFC 7541, 5.2.
fn string(bytes: &[u8]) -> Option<(Text<'_>, usize)> {
    let (length, used) = integer(bytes, 7)?;
    let body = bytes.get(used..used.checked_add(length)?)?;
    let text = if bytes[0] & 0x80 != 0 { Text::Huffman(body) } else { Text::Plain(body) };
    Some((text, used + length))
}

/// The characters of names and types by the length of their code: the code of the first, and all in order (RFC 7541,
/// appendix B). Codes of one length follow each other.
const CODES: [(u32, u32, &[u8]); 4] = [
    (5, 0x00, b"012aceiost"),
    (6, 0x14, b" %-./3456789=A_bdfghlmnpru"),
    (7, 0x5c, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, 0xf8, b"&*,;XZ"),
];

/// A Huffman-coded text of characters that names and types use; `None` where another one stands in it.
fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes.len().min(255) * 8 / 5);
    let (mut held, mut count) = (0_u32, 0_u32);
    for &byte in bytes.iter().take(255) {
        held = held << 8 | u32::from(byte);
        count += 8;
        'characters: loop {
            for (length, first, characters) in CODES {
                if count < length {
                    break 'characters;
                }
                let code = held >> (count - length) & ((1 << length) - 1);
                let found = code.checked_sub(first).and_then(|place| characters.get(place as usize));
                if let Some(&character) = found {
                    text.push(character);
                    count -= length;
                    held &= (1 << count) - 1;
                    continue 'characters;
                }
            }
            // A longer code, or the padding of ones at the end.
            if count >= 16 {
                return None;
            }
            break;
        }
    }
    let padding = count < 8 && held == (1 << count) - 1;
    padding.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32).to_be_bytes()[1..], &[kind, flags, 0, 0, 0, 1], body].concat()
    }

    fn check(frames: &[Vec<u8>], expected: (&str, &str)) {
        let stream = [PREFACE, &frames.concat()].concat();
        let Finding::Found(found) = inspect(&stream) else { panic!("a preface is HTTP/2") };
        let name = found.name.map_or(String::new(), |(name, _)| name.into());
        assert_eq!((found.signature.application, name.as_str()), expected);
        for end in 0..stream.len() {
            inspect(&stream[..end]);
        }
    }

    /// RFC 7541, C.3.1 and C.4.1: the first request, without and with Huffman coding.
    #[test]
    fn the_examples_of_the_specification() {
        let settings = frame(4, 0, &[0, 3, 0, 0, 0, 100]);
        let plain = [&b"\x82\x86\x84\x41\x0f"[..], b"www.example.com"].concat();
        let coded = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff".to_vec();
        for block in [&plain, &coded] {
            check(&[settings.clone(), frame(HEADERS, 4, block)], ("HTTP/2", "www.example.com"));
            let padded = [&[3, 0, 0, 0, 0, 15][..], block, &[0; 3]].concat();
            check(&[frame(HEADERS, 4 | PADDED | PRIORITY, &padded)], ("HTTP/2", "www.example.com"));
        }
        let grpc = [&coded[..], b"\x5f\x10application/grpc"].concat();
        check(&[frame(HEADERS, 4, &grpc)], ("gRPC", "www.example.com"));
        check(&[settings], ("HTTP/2", ""));
    }

    #[test]
    fn a_server_begins_with_its_settings() {
        //    RFC 9113, 6.5.1: parallel streams, a window; then a setting nobody knows, a cut, another length.
        let frame = |body: &[u8]| [&[0, 0, body.len() as u8, 4, 0, 0, 0, 0, 0][..], body].concat();
        let known = |bytes: &[u8]| matches!(settings(bytes), Finding::Found(_));
        let whole = frame(&[0, 3, 0, 0, 0, 100, 0, 4, 0, 1, 0, 0]);
        assert!(known(&whole) && known(&[&whole[..], &[0, 0, 0, 4, 1, 0, 0, 0, 0]].concat()));
        assert!(!known(&frame(&[0, 30, 0, 0, 0, 100])) && !known(&whole[..20]) && !known(&frame(&[0, 3, 0, 0])));
    }

    #[test]
    fn nonsense_ends() {
        check(&[frame(HEADERS, 4, &[0x41, 0xff, 0xff, 0xff, 0xff])], ("HTTP/2", ""));
        check(&[frame(HEADERS, 4, &[0x41, 0x82, 0xff, 0xff])], ("HTTP/2", ""));
        check(&[frame(HEADERS, 0xff, &[200])], ("HTTP/2", ""));
    }
}
