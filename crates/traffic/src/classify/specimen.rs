//! Tables of example messages for the tests of inspectors, written in a short notation.

use super::{Finding, Layer, Sender, View};
use vocab::Address;

/// Bytes from hex digits, with text in single quotes and `xx*n` for a repeated byte: `05 64 00*8 'abc'`.
pub(crate) fn bytes(notation: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = notation.trim_start();
    while !rest.is_empty() {
        if let Some(text) = rest.strip_prefix('\'') {
            let (text, behind) = text.split_once('\'').expect("a closing quote");
            bytes.extend_from_slice(text.as_bytes());
            rest = behind.trim_start();
            continue;
        }
        let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
        let value = u8::from_str_radix(digits, 16).expect("two hex digits");
        bytes.extend(std::iter::repeat_n(value, times.parse().expect("a count")));
        rest = behind.trim_start();
    }
    bytes
}

/// A message to `port`, in the notation of [`bytes`], and what it should be taken for: "application class",
/// or nothing.
pub(crate) type Row<'a> = (Layer, u16, &'a str, &'a str);

pub(crate) fn check(inspect: fn(&View<'_>) -> Finding, rows: &[Row<'_>]) {
    for &(layer, port, notation, expected) in rows {
        let message = bytes(notation);
        let view = View {
            layer,
            bytes: &message,
            sender: Sender::Initiator,
            source: Address::from_v4([192, 168, 1, 20]),
            destination: Address::from_v4([192, 168, 1, 1]),
            source_port: 50_123,
            destination_port: port,
            number: 0,
            heard: &[],
        };
        let text = match inspect(&view) {
            Finding::Found(found) => format!("{} {}", found.signature.application, found.signature.class),
            Finding::No | Finding::More => String::new(),
        };
        assert_eq!(text, expected, "port {port}: {notation}");
        // Cut anywhere, and with any byte wrong, it must still be readable without a panic.
        for length in 0..message.len().min(80) {
            inspect(&View { bytes: &message[..length], ..view });
            let mut wrong = message.clone();
            wrong[length] ^= 0xff;
            inspect(&View { bytes: &wrong, ..view });
        }
    }
}
