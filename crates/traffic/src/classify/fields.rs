//! Readers of what many protocols have in common: little-endian numbers, stated lengths, BER, lines of text.

use crate::packet::{be16, be32};

pub(crate) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    be16(bytes, at).map(u16::swap_bytes)
}

pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    be32(bytes, at).map(u32::swap_bytes)
}

/// Three bytes at `at`, in network order.
pub(crate) fn be24(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(*bytes.get(at)?) << 16 | u32::from(be16(bytes, at + 1)?))
}

/// Whether a length stated somewhere, with the `besides` bytes that it does not count, is all of `bytes`.
pub(crate) fn fills(stated: Option<impl Into<u64>>, besides: usize, bytes: &[u8]) -> bool {
    stated.is_some_and(|stated| stated.into() + besides as u64 == bytes.len() as u64)
}

/// As [`fills`] for the first message of a stream: it may go on in later segments, or be followed by another.
pub(crate) fn begins(stated: Option<impl Into<u64>>, least: u64, most: u64) -> bool {
    stated.is_some_and(|stated| (least..=most).contains(&stated.into()))
}

/// A BER value (ITU-T X.690, 8.1): its tag, its stated length, and as much of its content as there is.
pub(crate) struct Ber<'a> {
    pub(crate) tag: u8,
    pub(crate) length: usize,
    pub(crate) content: &'a [u8],
}

/// The BER value that `bytes` begin with, with a tag of one byte and a definite length of at most four.
pub(crate) fn ber(bytes: &[u8]) -> Option<Ber<'_>> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |value, &digit| value << 8 | usize::from(digit)), rest)
        }
        _ => return None,
    };
    Some(Ber { tag, length, content: rest.get(..length).unwrap_or(rest) })
}

impl<'a> Ber<'a> {
    /// What follows this value in `bytes`, which begin with it.
    pub(crate) fn rest(&self, bytes: &'a [u8]) -> &'a [u8] {
        let header = match bytes.get(1) {
            Some(&first) if first >= 0x80 => 2 + usize::from(first & 0x7f),
            _ => 2,
        };
        bytes.get(header + self.length..).unwrap_or(&[])
    }
}

/// Whether all bytes are printable ASCII, blanks or line ends.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n'))
}

/// Whether `bytes` begin with one of `words`.
pub(crate) fn begins_with(bytes: &[u8], words: &[&[u8]]) -> bool {
    // Most words differ in their first byte, and to compare it takes no call.
    words.iter().any(|word| word.first() == bytes.first() && bytes.starts_with(word))
}

/// Whether `needle` stands in the first 200 bytes. By its first byte, because to prepare a search takes longer than
/// to go through so few; a function of its own, because its registers would cost those who seldom ask.
#[inline(never)]
pub(crate) fn near(bytes: &[u8], needle: &[u8]) -> bool {
    holds(bytes, 200, needle)
}

/// The same of the first `most` bytes, a few hundred.
pub(crate) fn holds(bytes: &[u8], most: usize, needle: &[u8]) -> bool {
    let beginning = &bytes[..bytes.len().min(most)];
    let Some(&first) = needle.first() else { return true };
    memchr::memchr_iter(first, beginning).any(|at| beginning[at..].starts_with(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ber_is_read_with_short_and_long_lengths() {
        let long = [0x30, 0x82, 0x01, 0x02, 0x02, 0x01, 7];
        let value = ber(&long).unwrap();
        assert_eq!((value.tag, value.length, value.content), (0x30, 258, &[2, 1, 7][..]));
        let short = [2, 1, 7, 9];
        assert_eq!(ber(&short).unwrap().rest(&short), [9]);
        assert!(ber(&[0x30, 0x80, 0]).is_none() && ber(&[0x30, 0x85, 0, 0, 0, 0, 0]).is_none() && ber(&[]).is_none());
    }
}
