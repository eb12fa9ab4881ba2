//! Text from devices, made fit to be shown: bounded, printable, on one line.

/// The longest name, model or banner we keep, in characters.
pub(crate) const LONGEST: usize = 64;

/// What is left of `bytes` when everything that could disturb a screen, a log or a CSV row is taken away;
/// `None` when nothing is.
pub(crate) fn clean(bytes: &[u8]) -> Option<String> {
    // Four bytes are the longest character of UTF-8: nobody makes us decode more than we keep.
    let bytes = &bytes[..bytes.len().min(LONGEST * 4)];
    let text: String = String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .take(LONGEST)
        .collect();
    let text = text.trim();
    if text.is_empty() { None } else { Some(text.to_owned()) }
}

/// Characters that are not control characters and still change how others are shown: zero width, direction
/// marks (UAX #9), variation of line, tags, private use, the replacement character.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}'
        | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(raw: &[u8], shown: Option<&str>) {
        assert_eq!(clean(raw).as_deref(), shown);
    }

    #[test]
    fn only_what_can_be_shown_is_kept() {
        check(b"Annas-iPhone", Some("Annas-iPhone"));
        check("  Wohnzimmer \u{1f4fa}\n".as_bytes(), Some("Wohnzimmer \u{1f4fa}"));
        check(b"\x1b[31mred\x00", Some("[31mred"));
        check("tv\u{202e}gpj".as_bytes(), Some("tvgpj"));
        check(b"a\xff\xfeb", Some("ab"));
        check(b" \x00\r\n", None);
        check(&[b'x'; 5_000], Some(&"x".repeat(LONGEST)));
    }

    proptest! {
        #[test]
        fn no_bytes_give_long_or_unprintable_text(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Some(text) = clean(&raw) {
                prop_assert!(text.chars().count() <= LONGEST && !text.is_empty());
                prop_assert!(!text.chars().any(char::is_control));
            }
        }
    }
}
