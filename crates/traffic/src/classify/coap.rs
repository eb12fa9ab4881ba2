//! CoAP over UDP (RFC 7252) and TCP (RFC 8323), and what is built on it: LwM2M, CoIoT, OCF, Thread.

use super::{Finding, Layer, View, found, likely};
use crate::packet::be16;
use vocab::TrafficClass::Update;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Stream {
        // A length nibble, a token's length, then 7.01: capabilities and settings come first (RFC 8323, 5.3).
        return match bytes {
            [first, 0xe1, rest @ ..] if first >> 4 == 0 && usize::from(first & 15) == rest.len() && rest.len() <= 8 => {
                likely("CoAP", Update, if view.port(5683) { 90 } else { 60 }, "CoAP over TCP")
            }
            [first, 0xe1, ..] if view.port(5683) && first >> 4 <= 14 => found("CoAP", Update, "CoAP over TCP"),
            _ => Finding::No,
        };
    }
    let Some(options) = read(bytes) else { return Finding::No };
    // The default port, its secured twin, those that header compression shortens (RFC 7252, 12.8), Thread's
    // management (61631) and that of Constrained RESTful devices' kin.
    let own =
        [view.source_port, view.destination_port].iter().any(|port| matches!(port, 5683..=5700 | 61_616..=61_631));
    if own {
        found("CoAP", Update, "a CoAP message")
    } else if options.named && view.bytes.len() >= 8 {
        likely("CoAP", Update, 80, "a message that reads as CoAP to its end")
    } else {
        Finding::No
    }
}

struct Options {
    /// A path or a content format is among them, and a token went before.
    named: bool,
}

/// A header, a token and options that can be read to the payload marker or the end (RFC 7252, 3).
fn read(bytes: &[u8]) -> Option<Options> {
    let &[first, code, _, _, ..] = bytes else { return None };
    let token = usize::from(first & 0x0f);
    let kind = first >> 4 & 3;
    let known = match code {
        // Empty: only a ping, an acknowledgement or a reset.
        0 => return (bytes.len() == 4 && token == 0 && kind != 1).then_some(Options { named: false }),
        1..=7 => true,
        _ => matches!(code, 0x41..=0x45 | 0x5f | 0x80..=0x8f | 0x9d | 0xa0..=0xa5),
    };
    if first >> 6 != 1 || token > 8 || !known || (code < 0x20 && kind > 1) {
        return None;
    }
    let mut at = 4 + token;
    if at > bytes.len() {
        return None;
    }
    let (mut number, mut named) = (0_u32, false);
    for _ in 0..32 {
        let Some(&option) = bytes.get(at) else { return Some(Options { named: named && token > 0 }) };
        at += 1;
        if option == 0xff {
            return (at < bytes.len()).then_some(Options { named: named && token > 0 });
        }
        let mut extended = |nibble: u8| match nibble {
            13 => {
                at += 1;
                bytes.get(at - 1).map(|&more| u32::from(more) + 13)
            }
            14 => {
                at += 2;
                be16(bytes, at - 2).map(|more| u32::from(more) + 269)
            }
            15 => None,
            small => Some(u32::from(small)),
        };
        let (delta, length) = (extended(option >> 4)?, extended(option & 15)?);
        number += delta;
        at += length as usize;
        // A critical option (odd) that nobody registered is a sign of something else.
        let registered = matches!(number, 1 | 3 | 5 | 7 | 9 | 11 | 15 | 17 | 19 | 21 | 23 | 27 | 31 | 35 | 39);
        if at > bytes.len() || (number & 1 == 1 && !registered && number < 65_000) {
            return None;
        }
        named |= (number == 11
            && bytes.get(at - length as usize..at).is_some_and(|path| path.iter().all(u8::is_ascii_graphic)))
            || (number == 12 && length <= 2);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn coap_is_read_to_its_end() {
        check(
            inspect,
            &[
                (Datagram, 5683, "40 01 12 34 bb '.well-known' 04 'core'", "CoAP update"),
                (Datagram, 5683, "60 00 12 34", "CoAP update"),
                (Datagram, 5683, "60 45 12 34 c0 ff 'hello'", "CoAP update"),
                (Datagram, 15_683, "41 01 12 34 77 b4 'temp'", "CoAP update"),
                (Datagram, 15_683, "41 01 12 34 77 b4 01 02 03 04", ""),
                (Datagram, 5683, "40 01 12 34 bf", ""),
                (Datagram, 5683, "d0 01 12 34", ""),
                (Datagram, 15_683, "40 01 12 34 b4 'temp'", ""),
                (Stream, 5683, "00 e1", "CoAP update"),
            ],
        );
    }
}
