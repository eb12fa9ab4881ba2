//! `[alerts]`: how easily people are told.

use super::{ConfigError, Reader};
use crate::config::written::WrittenAlerts;
use std::ops::RangeInclusive;

/// How easily people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertsConfig {
    /// Of so many spans of five minutes of a device one may be called unusual where nothing is wrong; `None` for never.
    pub unusual_one_in: Option<u32>,
}

/// What an anomaly score can be asked for.
const ONE_IN: RangeInclusive<u32> = 100..=10_000_000;

impl Reader<'_> {
    pub(super) fn alerts(&self, from: &WrittenAlerts) -> Result<AlertsConfig, ConfigError> {
        let right = "From `1 in 100` (often) to `1 in 10000000` (hardly ever), or `never`";
        let unusual_one_in = self.optional("alerts.unusual", &from.unusual, right, parse_risk)?;
        let usually = Some(engine::Settings::UNUSUAL_ONE_IN);
        Ok(AlertsConfig { unusual_one_in: unusual_one_in.unwrap_or(usually) })
    }
}

/// `1 in 100000`, or `never`.
fn parse_risk(text: &str) -> Option<Option<u32>> {
    if text == "never" {
        return Some(None);
    }
    let one_in = text.strip_prefix("1 in ")?.trim().parse().ok()?;
    ONE_IN.contains(&one_in).then_some(Some(one_in))
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, DEFAULT_TOML};
    use std::path::Path;

    #[test]
    fn a_risk_is_one_in_so_many_or_none() {
        let read = |text: &str| {
            let config = Config::parse(&format!("[alerts]\nunusual = \"{text}\""), Path::new("equalnet.toml"));
            config.map(|config| config.alerts.unusual_one_in).map_err(|error| error.to_string())
        };
        assert_eq!(read("1 in 5000"), Ok(Some(5_000)));
        assert_eq!(read("never"), Ok(None));
        for nonsense in ["", "2 in 5000", "1 in 0", "1 in 99", "1 in 99999999999", "0.001", "often"] {
            assert!(read(nonsense).is_err_and(|error| error.contains("equalnet.toml:2: alerts.unusual")), "{nonsense}");
        }
        let of = |text| Config::parse(text, Path::new("equalnet.toml")).unwrap().alerts;
        assert_eq!(of(""), of(DEFAULT_TOML));
    }
}
