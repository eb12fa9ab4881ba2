//! Rates, parts, times and sizes as people write them.

use std::time::Duration;
use vocab::{BitRate, ByteCount, Guarantee};

/// `20 Mbit/s`, `800kbit`, `1.5 Gbit/s`, `20M`; decimal units, bit/s without one.
pub fn parse_rate(text: &str) -> Option<BitRate> {
    let (number, unit) = split(text)?;
    let unit = unit.to_ascii_lowercase();
    let unit = unit.strip_suffix("/s").or_else(|| unit.strip_suffix("ps")).unwrap_or(&unit);
    let unit = unit.strip_suffix("bits").or_else(|| unit.strip_suffix("bit")).unwrap_or(unit);
    let unit = unit.strip_suffix('b').unwrap_or(unit);
    let factor = match unit {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        _ => return None,
    };
    within_u64(number * factor).map(BitRate::from_bps)
}

/// `10 %`, `2.5%`: thousandths, from 0 to 1000.
pub fn parse_permille(text: &str) -> Option<u16> {
    let (number, unit) = split(text)?;
    (unit == "%" && (0.0..=100.0).contains(&number)).then(|| (number * 10.0).round() as u16)
}

/// A rate, a part of the capacity, or nothing (empty or `none`).
pub fn parse_guarantee(text: &str) -> Option<Guarantee> {
    if text.is_empty() || text == "none" {
        return Some(Guarantee::None);
    }
    match parse_permille(text) {
        Some(permille) => Some(Guarantee::Permille(permille)),
        None => parse_rate(text).map(Guarantee::Absolute),
    }
}

/// `7 days`, `36 hours`, `3 years`, `60s`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
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

/// A rate as [`parse_rate`] reads it back, exactly.
pub fn rate_text(rate: BitRate) -> String {
    let bps = rate.as_bps();
    match bps {
        _ if bps > 0 && bps.is_multiple_of(1_000_000) => format!("{} Mbit/s", bps / 1_000_000),
        _ if bps > 0 && bps.is_multiple_of(1_000) => format!("{} kbit/s", bps / 1_000),
        _ => format!("{bps} bit/s"),
    }
}

/// A guarantee as [`parse_guarantee`] reads it back, exactly.
pub fn guarantee_text(guarantee: Guarantee) -> String {
    match guarantee {
        Guarantee::None => "none".to_owned(),
        Guarantee::Absolute(rate) => rate_text(rate),
        Guarantee::Permille(permille) if permille % 10 == 0 => format!("{} %", permille / 10),
        Guarantee::Permille(permille) => format!("{}.{} %", permille / 10, permille % 10),
    }
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
    fn rates_are_read_as_people_write_them() {
        for (text, bps) in [
            ("20 Mbit/s", Some(20_000_000)),
            ("800kbit", Some(800_000)),
            ("1.5 Gbit/s", Some(1_500_000_000)),
            ("20M", Some(20_000_000)),
            ("64000", Some(64_000)),
            ("100 Mbps", Some(100_000_000)),
            ("", None),
            ("fast", None),
            ("-1 Mbit/s", None),
            ("20 MB/h", None),
            ("9999999999 Tbit/s", None),
        ] {
            assert_eq!(parse_rate(text).map(BitRate::as_bps), bps, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for guarantee in [
            Guarantee::None,
            Guarantee::Permille(100),
            Guarantee::Permille(25),
            Guarantee::Absolute(BitRate::from_bps(1_234_567)),
            Guarantee::Absolute(BitRate::from_mbps(4)),
        ] {
            assert_eq!(parse_guarantee(&guarantee_text(guarantee)), Some(guarantee));
        }
    }

    #[test]
    fn times_and_sizes() {
        assert_eq!(parse_duration("7 days"), Some(Duration::from_secs(7 * 86_400)));
        assert_eq!(parse_duration("90 minutes"), Some(Duration::from_secs(5_400)));
        assert_eq!(parse_duration("a while"), None);
        assert_eq!(parse_size("2 GB"), Some(ByteCount(2_000_000_000)));
        assert_eq!(parse_permille("12.5 %"), Some(125));
        assert_eq!(parse_permille("101 %"), None);
    }
}
