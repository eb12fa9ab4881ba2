//! Parts, times and sizes as people write them; rates and guarantees are read by `vocab`.

use std::time::Duration;
use vocab::ByteCount;

/// `10 %`, `2.5%`: thousandths, from 0 to 1000.
pub fn parse_permille(text: &str) -> Option<u16> {
    let (number, unit) = split(text)?;
    (unit == "%" && (0.0..=100.0).contains(&number)).then(|| (number * 10.0).round() as u16)
}

/// `7 days`, `36 hours`, `3 years`, `60s`, `200 ms`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    if unit == "ms" {
        return within_u64(number).filter(|millis| *millis > 0).map(Duration::from_millis);
    }
    let seconds = match unit.trim_end_matches('s') {
        "" | "sec" | "second" => 1.0,
        "m" | "min" | "minute" => 60.0,
        "h" | "hour" => 3_600.0,
        "d" | "day" => 86_400.0,
        "w" | "week" => 604_800.0,
        "y" | "year" => 31_536_000.0,
        _ => return None,
    };
    within_u64(number * seconds * 1_000.0).filter(|millis| *millis > 0).map(Duration::from_millis)
}

/// `2 GB`, `500MB`; decimal units.
pub fn parse_size(text: &str) -> Option<ByteCount> {
    let (number, unit) = split(text)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        _ => return None,
    };
    within_u64(number * factor).map(ByteCount)
}

fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    number.is_finite().then(|| (number, text[end..].trim_start()))
}

/// Exact integers only: above 2^53 a float has lost some.
fn within_u64(value: f64) -> Option<u64> {
    (0.0..9.0e15).contains(&value).then(|| value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes() {
        assert_eq!(parse_duration("7 days"), Some(Duration::from_secs(7 * 86_400)));
        assert_eq!(parse_duration("90 minutes"), Some(Duration::from_secs(5_400)));
        assert_eq!(parse_duration("200 ms"), Some(Duration::from_millis(200)));
        assert_eq!(parse_duration("0 ms"), None);
        assert_eq!(parse_duration("a while"), None);
        assert_eq!(parse_size("2 GB"), Some(ByteCount(2_000_000_000)));
        assert_eq!(parse_permille("12.5 %"), Some(125));
        assert_eq!(parse_permille("101 %"), None);
    }
}
