//! DNS over UDP and TCP (RFC 1035), mDNS (RFC 6762), LLMNR (RFC 4795): the question, and what it was answered.

use super::{Finding, Found, Layer, NameSource, Names, Next, Signature, View};
use crate::packet::{be16, be32};
use vocab::{Address, TrafficClass};

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const DNAME: u16 = 39;
/// RFC 9460: where a service stands, with hints of its addresses.
const SVCB: u16 = 64;
const HTTPS: u16 = 65;
const IPV4HINT: u16 = 4;
const IPV6HINT: u16 = 6;
/// RFC 1035, 2.3.4.
const LONGEST_NAME: usize = 255;
/// Pointers followed in one name: more than any real message nests (a loop otherwise).
const MOST_JUMPS: usize = 16;
const MOST_RECORDS: usize = 64;
/// Aliases followed from the question.
const MOST_ALIASES: usize = 16;

/// Where resolvers answer.
pub(crate) const PORT: u16 = 53;

/// Whether packets on these ports are worth reading for answers.
pub(crate) fn is_port(port: u16) -> bool {
    matches!(port, 53 | 5353 | 5355)
}

/// The messages in a packet: a datagram is one; a segment of TCP holds some, each behind its length, of which the
/// last may be cut. The first may stand alone where its length came before.
pub(crate) fn messages(bytes: &[u8], layer: Layer) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || match layer {
        Layer::Datagram => Some(std::mem::take(&mut rest)).filter(|message| !message.is_empty()),
        Layer::Stream => {
            let length = usize::from(be16(rest, 0)?);
            let prefixed = length >= 12 && rest.get(4).is_some_and(|flags| flags & 0x80 != 0);
            if !prefixed {
                return Some(std::mem::take(&mut rest)).filter(|message| message.len() >= 12);
            }
            let end = rest.len().min(2 + length);
            let message = &rest[2..end];
            rest = &rest[end..];
            Some(message)
        }
    })
    .take(16)
}

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let on_port = view.any_port(&[53, 5353, 5355, 137]);
    let message = match view.layer {
        Layer::Datagram => view.bytes,
        Layer::Stream => {
            if !view.any_port(&[53, 5353]) {
                return Finding::No;
            }
            // The length may come in a segment of its own (RFC 1035, 4.2.2; RFC 7766, 8).
            match view.bytes {
                [] => return Finding::No,
                [high, low, ..] if u16::from_be_bytes([*high, *low]) < 12 => return Finding::No,
                bytes if bytes.len() < 2 + 12 => return Finding::More,
                bytes => &bytes[2..],
            }
        }
    };
    let (application, why) = match () {
        () if view.port(5353) => ("mDNS", "a multicast DNS message"),
        () if view.port(5355) => ("LLMNR", "a link-local name message"),
        () if view.port(137) => ("NetBIOS", "a NetBIOS name message"),
        () => ("DNS", "a DNS message"),
    };
    let Some(question) = question(message, on_port) else {
        return Finding::No;
    };
    let name = (!question.is_empty() && application == "DNS").then(|| (question.into_boxed_str(), NameSource::Query));
    let signature =
        Signature { application, class: TrafficClass::Interactive, names: Names::Adorn, confidence: 97, why };
    Finding::Found(Found { signature, name, next: Next::Settle, announces: Vec::new() })
}

/// The first question's name of a message that holds together; empty where there is none.
fn question(message: &[u8], on_port: bool) -> Option<String> {
    let header = message.first_chunk::<12>()?;
    let counts = [4, 6, 8, 10].map(|at| be16(header, at).unwrap_or(0));
    let operation = (header[2] >> 3) & 0x0f;
    // Z must be zero, an operation known, counts of a sane size (RFC 1035, 4.1.1; RFC 6895).
    let sane = matches!(operation, 0..=2 | 4 | 5 | 6..=9) && counts.iter().all(|&count| count <= 512);
    if !sane || counts == [0; 4] {
        return None;
    }
    if !on_port && (counts[0] != 1 || operation != 0) {
        return None;
    }
    if counts[0] == 0 {
        return on_port.then(String::new);
    }
    let (name, end) = name(message, 12)?;
    let class = be16(message, end + 2)? & 0x7fff;
    if !on_port && class != 1 {
        return None;
    }
    Some(name)
}

/// A name at `at`, lower case and without the last dot, and where it ends.
fn name(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let (mut text, mut used) = ([0; LONGEST_NAME], 0);
    let mut end = None;
    let mut jumps = 0;
    loop {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => return Some((String::from_utf8(text[..used].to_vec()).ok()?, end.unwrap_or(at + 1))),
            1..=63 => {
                let label = message.get(at + 1..at + 1 + length)?;
                if used + length >= LONGEST_NAME {
                    return None;
                }
                if used > 0 {
                    text[used] = b'.';
                    used += 1;
                }
                for (to, &byte) in text[used..used + length].iter_mut().zip(label) {
                    *to = if matches!(byte, b'!'..=b'~') { byte.to_ascii_lowercase() } else { b'?' };
                }
                used += length;
                at += 1 + length;
            }
            192.. => {
                jumps += 1;
                if jumps > MOST_JUMPS {
                    return None;
                }
                end = end.or(Some(at + 2));
                at = usize::from(be16(message, at)? & 0x3fff);
            }
            _ => return None,
        }
    }
}

/// Calls `take` with the name that was asked for, each address that answers it, through its aliases, and how many
/// seconds that holds.
pub(crate) fn answers(message: &[u8], mut take: impl FnMut(&str, Address, u32)) {
    let mut read = || -> Option<()> {
        let flags = be16(message, 2)?;
        // An answer, to a query, without an error.
        if flags & 0xf80f != 0x8000 {
            return None;
        }
        let questions = be16(message, 4)?;
        if questions > 1 {
            return None;
        }
        let mut at = 12;
        let mut asked: Option<String> = None;
        if questions == 1 {
            let (name, end) = name(message, at)?;
            asked = Some(name);
            at = end + 4;
        }
        let mut aliases: Vec<String> = asked.iter().cloned().collect();
        // Answers and what is told beside them, authorities between.
        let records = [6, 8, 10].iter().map(|&at| be16(message, at).map_or(0, usize::from)).sum::<usize>();
        for _ in 0..records.min(MOST_RECORDS) {
            let (owner, end) = name(message, at)?;
            let kind = be16(message, end)?;
            let seconds = be32(message, end + 4)?;
            let length = usize::from(be16(message, end + 8)?);
            let start = end + 10;
            let body = message.get(start..start + length)?;
            at = start + length;
            let answers = aliases.contains(&owner);
            // mDNS answers without a question: then the owner is the name.
            let Some(told) = (match &asked {
                Some(asked) => answers.then_some(asked.as_str()),
                None => Some(owner.as_str()),
            }) else {
                continue;
            };
            let mut tell = |address: Address| {
                if is_somewhere(address) {
                    take(told, address, seconds);
                }
            };
            match (kind, body) {
                (A, &[a, b, c, d]) => tell(Address::from_v4([a, b, c, d])),
                (AAAA, body) => body.try_into().into_iter().for_each(|address| tell(Address(address))),
                (HTTPS | SVCB, _) => {
                    if let Some((target, used)) = name(message, start + 2) {
                        hints(message.get(used..start + length).unwrap_or(&[]), &mut tell);
                        alias(&mut aliases, target);
                    }
                }
                (CNAME | DNAME, _) => {
                    if let Some((target, _)) = name(message, start) {
                        alias(&mut aliases, target);
                    }
                }
                _ => {}
            }
        }
        Some(())
    };
    // A message cut short has told what it told.
    let _ = read();
}

fn alias(aliases: &mut Vec<String>, target: String) {
    if aliases.len() < MOST_ALIASES && !target.is_empty() {
        aliases.push(target);
    }
}

/// The addresses in the parameters of a service (RFC 9460, 7.3).
fn hints(mut parameters: &[u8], tell: &mut impl FnMut(Address)) {
    while let (Some(key), Some(length)) = (be16(parameters, 0), be16(parameters, 2)) {
        let Some(value) = parameters.get(4..4 + usize::from(length)) else { return };
        match key {
            IPV4HINT => value.as_chunks::<4>().0.iter().take(8).for_each(|&address| tell(Address::from_v4(address))),
            IPV6HINT => value.as_chunks::<16>().0.iter().take(8).for_each(|&address| tell(Address(address))),
            _ => {}
        }
        parameters = &parameters[4 + value.len()..];
    }
}

/// Not the answer of a filter that sends everything nowhere: `0.0.0.0`, `127.0.0.1`, `::`, `::1`.
fn is_somewhere(address: Address) -> bool {
    let bytes = address.0;
    let last = &bytes[12..];
    let v4 = bytes[..10] == [0; 10] && bytes[10..12] == [0xff; 2];
    !(v4 && (last == [0; 4] || last[0] == 127) || bytes[..15] == [0; 15] && bytes[15] <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with this question and these records.
    fn message(flags: u16, question: &[u8], records: &[&[u8]]) -> Vec<u8> {
        let mut message = vec![0x12, 0x34];
        message.extend_from_slice(&flags.to_be_bytes());
        message.extend_from_slice(&[0, u8::from(!question.is_empty()), 0, records.len() as u8, 0, 0, 0, 0]);
        message.extend_from_slice(question);
        records.iter().for_each(|record| message.extend_from_slice(record));
        message
    }

    const WWW: &[u8] = b"\x03WWW\x07example\x03com\0\0\x01\0\x01";

    fn check(message: &[u8], expected: &[(&str, [u8; 4])]) {
        let mut told = Vec::new();
        answers(message, |name, address, _| told.push((name.to_owned(), address)));
        let expected: Vec<_> =
            expected.iter().map(|&(name, address)| (name.to_owned(), Address::from_v4(address))).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn answers_are_told_under_the_name_that_was_asked_for() {
        let direct: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07";
        let alias: &[u8] = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03cdn\xc0\x10";
        let behind: &[u8] = b"\x03cdn\xc0\x10\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x08";
        let other: &[u8] = b"\x03ads\xc0\x10\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x09";
        let nowhere: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\0\0\0\0";
        let hint: &[u8] = b"\xc0\x0c\0\x41\0\x01\0\0\0\x3c\0\x0f\0\x01\0\0\x04\0\x08\xc0\0\x02\x0a\xc0\0\x02\x0b";
        let www = "www.example.com";
        check(&message(0x8180, WWW, &[direct]), &[(www, [192, 0, 2, 7])]);
        check(&message(0x8180, WWW, &[alias, behind]), &[(www, [192, 0, 2, 8])]);
        check(&message(0x8180, WWW, &[hint]), &[(www, [192, 0, 2, 10]), (www, [192, 0, 2, 11])]);
        check(&message(0x8180, WWW, &[other, nowhere]), &[]);
        check(&message(0x8183, WWW, &[direct]), &[]);
        check(&message(0x0100, WWW, &[direct]), &[]);
        check(&message(0x8180, WWW, &[&direct[..14]]), &[]);
        let own: &[u8] = b"\x02tv\x05local\0\0\x01\x80\x01\0\0\0\x3c\0\x04\x0a\0\0\x09";
        check(&message(0x8400, b"", &[own]), &[("tv.local", [10, 0, 0, 9])]);
    }

    #[test]
    fn streams_hold_several_messages() {
        let framed = |text: &[u8]| [&(text.len() as u16).to_be_bytes()[..], text].concat();
        let (one, two) = (message(0x8180, WWW, &[]), message(0x8180, WWW, &[b"\xc0"]));
        let both = [framed(&one), framed(&two)].concat();
        assert_eq!(messages(&both, Layer::Stream).collect::<Vec<_>>(), [&one[..], &two[..]]);
        assert_eq!(messages(&both[..both.len() - 9], Layer::Stream).count(), 2);
        assert_eq!(messages(&one, Layer::Stream).collect::<Vec<_>>(), [&one[..]]);
        assert_eq!(messages(b"", Layer::Stream).count() + messages(b"\0", Layer::Stream).count(), 0);
    }

    #[test]
    fn a_name_that_points_at_itself_ends() {
        let mut message = vec![0, 0, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0];
        message.extend_from_slice(&[0xc0, 0x0c, 0, 1, 0, 1]);
        answers(&message, |_, _, _| panic!("there is no answer"));
        assert!(question(&message, true).is_none());
    }
}
