//! Quantities: rates, volumes, time, and values that exist once per direction.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Index, IndexMut, Sub};
use std::str::FromStr;
use std::time::Duration;

/// A rate in bit/s, layer 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitRate(u64);

impl BitRate {
    /// Nothing.
    pub const ZERO: BitRate = BitRate(0);
    /// More than any link: "no ceiling".
    pub const MAX: BitRate = BitRate(u64::MAX);

    /// A rate of `bps` bit/s.
    pub const fn from_bps(bps: u64) -> Self {
        BitRate(bps)
    }

    /// A rate of `kbps` thousand bit/s.
    pub const fn from_kbps(kbps: u64) -> Self {
        BitRate(kbps.saturating_mul(1_000))
    }

    /// A rate of `mbps` million bit/s.
    pub const fn from_mbps(mbps: u64) -> Self {
        BitRate(mbps.saturating_mul(1_000_000))
    }

    /// In bit/s.
    pub const fn as_bps(self) -> u64 {
        self.0
    }

    /// In thousands of bit/s, rounded down.
    pub const fn as_kbps(self) -> u64 {
        self.0 / 1_000
    }

    /// What is left after `other`, zero at least.
    pub const fn saturating_sub(self, other: BitRate) -> BitRate {
        BitRate(self.0.saturating_sub(other.0))
    }

    /// The sum, `MAX` at most.
    pub const fn saturating_add(self, other: BitRate) -> BitRate {
        BitRate(self.0.saturating_add(other.0))
    }

    /// `self * numerator / denominator`, rounded down, exact for any 64-bit values.
    ///
    /// A denominator of zero gives zero.
    pub const fn mul_ratio(self, numerator: u64, denominator: u64) -> BitRate {
        if denominator == 0 {
            return BitRate::ZERO;
        }
        let scaled = self.0 as u128 * numerator as u128 / denominator as u128;
        if scaled > u64::MAX as u128 { BitRate::MAX } else { BitRate(scaled as u64) }
    }

    /// Every digit, in the largest unit that shortens it: `4 Mbit/s`, `1.25 Gbit/s`, `12345.678 kbit/s`.
    /// Reading it gives the same rate.
    pub fn exactly(self) -> String {
        for (unit, scale) in [("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000), ("kbit/s", 1_000)] {
            let thousandth = scale / 1_000;
            if self.0 >= scale && self.0.is_multiple_of(thousandth) {
                let (whole, thousandths) = (self.0 / scale, self.0 % scale / thousandth);
                let text = format!("{whole}.{thousandths:03}");
                return format!("{} {unit}", text.trim_end_matches('0').trim_end_matches('.'));
            }
        }
        format!("{} bit/s", self.0)
    }

    /// The volume this rate moves in `time`.
    pub fn over(self, time: Duration) -> ByteCount {
        ByteCount((u128::from(self.0) * time.as_nanos() / 8_000_000_000).min(u128::from(u64::MAX)) as u64)
    }
}

impl Add for BitRate {
    type Output = BitRate;
    fn add(self, other: BitRate) -> BitRate {
        self.saturating_add(other)
    }
}

impl AddAssign for BitRate {
    fn add_assign(&mut self, other: BitRate) {
        *self = *self + other;
    }
}

impl Sum for BitRate {
    fn sum<I: Iterator<Item = BitRate>>(rates: I) -> BitRate {
        rates.fold(BitRate::ZERO, Add::add)
    }
}

/// Three significant digits and the unit people expect: `31.2 Mbit/s`.
impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
    }
}

/// Text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate: say a number and its unit, as in `20 Mbit/s`, `1.5 Gbit/s` or `64 kbit/s`")]
pub struct InvalidRate(pub String);

/// A number and its unit: `20 Mbit/s`, `1.5 Gbit/s`; also `20M`, `20 Mb/s`, `20Mbps`. A capital `B` (bytes)
/// and a number without unit are refused, for they are the usual mistakes.
impl FromStr for BitRate {
    type Err = InvalidRate;
    fn from_str(text: &str) -> Result<BitRate, InvalidRate> {
        let invalid = || InvalidRate(text.to_owned());
        let trimmed = text.trim();
        let number_ends = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
        let (number, unit) = trimmed.split_at(number_ends);
        let unit = unit.trim_start();
        let (scale, rest) = match unit.chars().next() {
            Some('k' | 'K') => (1_000, &unit[1..]),
            Some('M' | 'm') => (1_000_000, &unit[1..]),
            Some('G' | 'g') => (1_000_000_000, &unit[1..]),
            _ => (1, unit),
        };
        let known = match rest {
            "bit/s" | "bit" | "b/s" | "bps" => true,
            "" => scale > 1,
            _ => false,
        };
        if !known {
            return Err(invalid());
        }
        scaled(number, scale).map(BitRate).ok_or_else(invalid)
    }
}

/// `number * scale`, rounded down, for a decimal number of at most nine digits after the point.
pub(crate) fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits_only = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits_only(whole) || !digits_only(fraction) || fraction.len() > 9 {
        return None;
    }
    let places = 10_u64.pow(fraction.len() as u32);
    let fraction = u128::from(fraction.parse::<u64>().ok()?) * u128::from(scale) / u128::from(places);
    whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(u64::try_from(fraction).ok()?)
}

/// A volume in bytes, layer 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteCount(pub u64);

impl ByteCount {
    /// Nothing.
    pub const ZERO: ByteCount = ByteCount(0);

    /// The mean rate that moves this volume in `time`; zero for no time.
    pub fn per(self, time: Duration) -> BitRate {
        let nanos = time.as_nanos();
        if nanos == 0 {
            return BitRate::ZERO;
        }
        BitRate((u128::from(self.0) * 8_000_000_000 / nanos).min(u128::from(u64::MAX)) as u64)
    }
}

impl Add for ByteCount {
    type Output = ByteCount;
    fn add(self, other: ByteCount) -> ByteCount {
        ByteCount(self.0.saturating_add(other.0))
    }
}

impl AddAssign for ByteCount {
    fn add_assign(&mut self, other: ByteCount) {
        *self = *self + other;
    }
}

impl Sum for ByteCount {
    fn sum<I: Iterator<Item = ByteCount>>(counts: I) -> ByteCount {
        counts.fold(ByteCount::ZERO, Add::add)
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, &["B", "kB", "MB", "GB", "TB"])
    }
}

fn write_scaled(f: &mut fmt::Formatter<'_>, value: u64, units: &[&str]) -> fmt::Result {
    let mut scaled = value as f64;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < units.len() {
        scaled /= 1_000.0;
        unit += 1;
    }
    let decimals = match scaled {
        _ if unit == 0 => 0,
        s if s < 9.995 => 2,
        s if s < 99.95 => 1,
        _ => 0,
    };
    write!(f, "{scaled:.decimals$} {}", units[unit])
}

/// An instant: nanoseconds since 1970-01-01 UTC, as the shell's clock gives it (which never goes back).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From nanoseconds since 1970-01-01 UTC.
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Timestamp(nanos)
    }

    /// From milliseconds since 1970-01-01 UTC.
    pub const fn from_unix_millis(millis: u64) -> Self {
        Timestamp(millis.saturating_mul(1_000_000))
    }

    /// From seconds since 1970-01-01 UTC.
    pub const fn from_unix_secs(secs: u64) -> Self {
        Timestamp(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since 1970-01-01 UTC.
    pub const fn as_unix_nanos(self) -> u64 {
        self.0
    }

    /// Milliseconds since 1970-01-01 UTC, rounded down.
    pub const fn as_unix_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Seconds since 1970-01-01 UTC, rounded down.
    pub const fn as_unix_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The last multiple of `period` that is not after `self`.
    pub fn floor(self, period: Duration) -> Timestamp {
        let period = (period.as_nanos() as u64).max(1);
        Timestamp(self.0 - self.0 % period)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, time: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    fn sub(self, time: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// A way through the link, always as seen from the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Towards the device.
    Download,
    /// From the device.
    Upload,
}

impl Direction {
    /// Both, download first.
    pub const ALL: [Direction; 2] = [Direction::Download, Direction::Upload];

    /// `download` or `upload`.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::Download => "download",
            Direction::Upload => "upload",
        }
    }

    /// The other way.
    pub const fn opposite(self) -> Direction {
        match self {
            Direction::Download => Direction::Upload,
            Direction::Upload => Direction::Download,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One value for each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Directed<T> {
    /// Towards the device.
    pub download: T,
    /// From the device.
    pub upload: T,
}

impl<T> Directed<T> {
    /// What `value_of` gives for each direction.
    pub fn from_fn(mut value_of: impl FnMut(Direction) -> T) -> Self {
        Directed { download: value_of(Direction::Download), upload: value_of(Direction::Upload) }
    }

    /// Each value changed by `change`.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Directed<U> {
        Directed { download: change(self.download), upload: change(self.upload) }
    }

    /// Both values by reference.
    pub fn as_ref(&self) -> Directed<&T> {
        Directed { download: &self.download, upload: &self.upload }
    }
}

impl<T> Index<Direction> for Directed<T> {
    type Output = T;
    fn index(&self, direction: Direction) -> &T {
        match direction {
            Direction::Download => &self.download,
            Direction::Upload => &self.upload,
        }
    }
}

impl<T> IndexMut<Direction> for Directed<T> {
    fn index_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::Download => &mut self.download,
            Direction::Upload => &mut self.upload,
        }
    }
}

impl<T: Add<Output = T>> Add for Directed<T> {
    type Output = Directed<T>;
    fn add(self, other: Directed<T>) -> Directed<T> {
        Directed { download: self.download + other.download, upload: self.upload + other.upload }
    }
}

impl<T: AddAssign> AddAssign for Directed<T> {
    fn add_assign(&mut self, other: Directed<T>) {
        self.download += other.download;
        self.upload += other.upload;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_like_people_write_them() {
        for (bps, text) in [
            (0, "0 bit/s"),
            (999, "999 bit/s"),
            (64_000, "64.0 kbit/s"),
            (999_600, "1.00 Mbit/s"),
            (31_240_000, "31.2 Mbit/s"),
            (120_000_000, "120 Mbit/s"),
            (10_000_000_000, "10.0 Gbit/s"),
        ] {
            assert_eq!(BitRate::from_bps(bps).to_string(), text);
        }
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, bps) in [
            ("20 Mbit/s", Some(20_000_000)),
            ("1.5 Gbit/s", Some(1_500_000_000)),
            (" 64kbit/s ", Some(64_000)),
            ("20M", Some(20_000_000)),
            ("20 Mb/s", Some(20_000_000)),
            ("0.1 Mbps", Some(100_000)),
            ("7 bit/s", Some(7)),
            ("20 MB/s", None),
            ("20", None),
            ("-1 Mbit/s", None),
            ("1e3 Mbit/s", None),
            ("1.2.3 Mbit/s", None),
            (".5 Mbit/s", None),
            ("", None),
            ("fast", None),
            ("20 M\u{e9}", None),
            ("99999999999999999999 Gbit/s", None),
            ("18446744073709551615 bit/s", Some(u64::MAX)),
        ] {
            assert_eq!(text.parse().ok(), bps.map(BitRate::from_bps), "{text}");
        }
    }

    #[test]
    fn exact_text_survives_reading() {
        for (bps, text) in [
            (0, "0 bit/s"),
            (999, "999 bit/s"),
            (4_000_000, "4 Mbit/s"),
            (4_500_000, "4.5 Mbit/s"),
            (1_250_000_000, "1.25 Gbit/s"),
            (12_345_678, "12345.678 kbit/s"),
            (12_345_000, "12.345 Mbit/s"),
            (u64::MAX, "18446744073709551.615 kbit/s"),
        ] {
            let rate = BitRate::from_bps(bps);
            assert_eq!(rate.exactly(), text);
            assert_eq!(text.parse(), Ok(rate));
        }
    }

    #[test]
    fn rate_and_volume_convert_both_ways() {
        let rate = BitRate::from_mbps(8);
        assert_eq!(rate.over(Duration::from_secs(2)), ByteCount(2_000_000));
        assert_eq!(ByteCount(2_000_000).per(Duration::from_secs(2)), rate);
        assert_eq!(ByteCount(1).per(Duration::ZERO), BitRate::ZERO);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(BitRate::MAX + BitRate::from_bps(1), BitRate::MAX);
        assert_eq!(BitRate::MAX.mul_ratio(3, 2), BitRate::MAX);
        assert_eq!(BitRate::from_bps(10).mul_ratio(1, 0), BitRate::ZERO);
        assert_eq!(Timestamp::from_unix_secs(1).since(Timestamp::from_unix_secs(2)), Duration::ZERO);
    }
}
