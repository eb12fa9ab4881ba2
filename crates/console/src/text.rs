//! Quantities and times as people read them.

/// A rate of `bps` bit/s in three significant digits: `31.2 Mbit/s`.
pub(crate) fn rate(bps: u64) -> String {
    scaled(bps, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
}

/// A volume of bytes in three significant digits: `8.21 GB`.
pub(crate) fn volume(bytes: u64) -> String {
    scaled(bytes, &["B", "kB", "MB", "GB", "TB"])
}

fn scaled(value: u64, units: &[&str]) -> String {
    let mut scaled = value as f64;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < units.len() {
        scaled /= 1_000.0;
        unit += 1;
    }
    let decimals = match scaled {
        _ if unit == 0 => 0,
        small if small < 9.995 => 2,
        middle if middle < 99.95 => 1,
        _ => 0,
    };
    format!("{scaled:.decimals$} {}", units[unit])
}

/// A rate, or a dash where nothing is known.
pub(crate) fn maybe_rate(bps: Option<u64>) -> String {
    bps.map_or_else(|| "–".to_owned(), rate)
}

/// A rate, or a dot where nothing moves: so that the eye finds what does.
pub(crate) fn moving(bps: u64) -> String {
    if bps == 0 { "·".to_owned() } else { rate(bps) }
}

/// How long ago `at_ms` was at `now_ms`: `12 s ago`.
pub(crate) fn ago(at_ms: u64, now_ms: u64) -> String {
    let seconds = now_ms.saturating_sub(at_ms) / 1_000;
    match seconds {
        0 => "now".to_owned(),
        1..=59 => format!("{seconds} s ago"),
        60..=3_599 => format!("{} min ago", seconds / 60),
        3_600..=86_399 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// The local time of day of an instant, where clocks are `offset_s` ahead of UTC: `14:00`.
pub(crate) fn hour(at_ms: u64, offset_s: i32) -> String {
    let minutes = (at_ms as i64 / 1_000 + i64::from(offset_s)).rem_euclid(86_400) / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The local date of an instant: `Tue 24 Nov`.
pub(crate) fn date(at_ms: u64, offset_s: i32) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = (at_ms as i64 / 1_000 + i64::from(offset_s)).div_euclid(86_400);
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    let shifted = days + 719_468;
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    // 1970-01-01 was a Thursday.
    let weekday = weekday((days + 3).rem_euclid(7) as usize);
    format!("{weekday} {day} {}", MONTHS[(month as usize + 2) % 12])
}

/// A day of the week, 0 is Monday.
pub(crate) fn weekday(day: usize) -> &'static str {
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][day % 7]
}

/// A count with thin groups of three: `1 234 567`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// One or many.
pub(crate) fn devices(count: u32) -> String {
    if count == 1 { "1 device".to_owned() } else { format!("{count} devices") }
}

/// A bar of `width` cells, filled as far as `part` is of `whole`.
pub(crate) fn bar(part: u64, whole: u64, width: usize) -> String {
    let filled =
        if whole == 0 { 0 } else { (u128::from(part.min(whole)) * width as u128 / u128::from(whole)) as usize };
    format!("{}{}", "█".repeat(filled), "░".repeat(width - filled))
}

/// Text from the network, made harmless: what could move the cursor or colour the rest becomes a `?`.
pub(crate) fn plain(text: &str) -> String {
    // Right-to-left overrides can make one name look like another.
    let is_harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_harmful(c) { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_three_digits_and_a_unit() {
        for (bps, text) in [(0, "0 bit/s"), (999, "999 bit/s"), (31_240_000, "31.2 Mbit/s"), (999_600, "1.00 Mbit/s")] {
            assert_eq!(rate(bps), text);
        }
        assert_eq!(volume(8_214_000_000), "8.21 GB");
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(count(123), "123");
    }

    #[test]
    fn times_are_relative() {
        for (seconds, text) in
            [(0, "now"), (12, "12 s ago"), (600, "10 min ago"), (7_200, "2 h ago"), (200_000, "2 d ago")]
        {
            assert_eq!(ago(1_000_000, 1_000_000 + seconds * 1_000), text);
        }
        assert_eq!(ago(2_000, 1_000), "now", "clocks may differ");
    }

    #[test]
    fn dates_and_hours_are_local() {
        let noon = 1_795_262_400_000;
        for (offset_s, day, clock) in
            [(0, "Sat 21 Nov", "12:00"), (12 * 3_600, "Sun 22 Nov", "00:00"), (-45_000, "Fri 20 Nov", "23:30")]
        {
            assert_eq!((date(noon, offset_s).as_str(), hour(noon, offset_s).as_str()), (day, clock));
        }
        assert_eq!(date(1_772_236_800_000, 0), "Sat 28 Feb");
        assert_eq!(date(1_772_323_200_000, 0), "Sun 1 Mar");
        assert_eq!(date(0, 0), "Thu 1 Jan");
    }

    #[test]
    fn bars_are_never_longer_than_they_may() {
        assert_eq!(bar(50, 100, 4), "██░░");
        assert_eq!(bar(500, 100, 4), "████");
        assert_eq!(bar(1, 0, 4), "░░░░");
        assert_eq!(bar(u64::MAX, u64::MAX, 2), "██");
    }

    #[test]
    fn names_from_the_network_cannot_write_to_the_terminal() {
        assert_eq!(plain("TV\u{1b}[31m\nroot"), "TV?[31m?root");
        assert_eq!(plain("a\u{202e}b"), "a?b");
        assert_eq!(plain("Küche ☕"), "Küche ☕");
    }
}
