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

/// The first message of a flow, from a device to `port`.
pub(crate) fn view(layer: Layer, bytes: &[u8], port: u16) -> View<'_> {
    View {
        layer,
        bytes,
        sender: Sender::Initiator,
        source: Address::from_v4([192, 168, 1, 20]),
        destination: Address::from_v4([192, 168, 1, 1]),
        source_port: 50_123,
        destination_port: port,
        number: 0,
        heard: &[],
    }
}

pub(crate) fn check(inspect: fn(&View<'_>) -> Finding, rows: &[Row<'_>]) {
    for &(layer, port, notation, expected) in rows {
        let message = bytes(notation);
        let view = view(layer, &message, port);
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

/// Noise of a seed: bytes that no protocol wrote (xorshift, G. Marsaglia).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// What is encrypted or compressed reads as nothing on ports of no service: as it is, behind a first zero (as
/// gQUIC's short header is) and behind a counter (as many programs' own headers are).
#[test]
fn noise_is_taken_for_nothing() {
    const ROUNDS: u64 = 60_000;
    let mut taken = std::collections::BTreeMap::<&str, u32>::new();
    for round in 0..ROUNDS {
        let mut message = noise(round.wrapping_mul(0x9e37_79b9_7f4a_7c15), 20 + (round % 400) as usize);
        match round % 4 {
            0 => message[0] = 0,
            1 => message[..4].copy_from_slice(&(round as u32 / 16).to_be_bytes()),
            2 => message[..4].copy_from_slice(&(round as u32 / 16).to_le_bytes()),
            _ => {}
        }
        for (layer, inspectors) in [(Layer::Datagram, super::DATAGRAM), (Layer::Stream, super::TCP)] {
            let view = view(layer, &message, 39_321);
            for inspect in inspectors {
                if let Finding::Found(found) = inspect(&view) {
                    *taken.entry(found.signature.application).or_default() += 1;
                }
            }
        }
    }
    let total: u32 = taken.values().sum();
    assert!(u64::from(total) * 1_000 <= ROUNDS, "{total} of {ROUNDS}: {taken:?}");
}
