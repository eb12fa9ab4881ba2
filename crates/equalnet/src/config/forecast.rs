//! `[forecast]`: whether anything is foreseen, where another predictor is, and when the weights learn.

use super::{ConfigError, Reader, parse_duration, parse_size};
use crate::config::written::WrittenForecast;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use toml::Spanned;
use vocab::ByteCount;

/// What is foreseen, and by whom.
#[derive(Clone, Debug, PartialEq)]
pub struct ForecastConfig {
    /// Whether anything is foreseen; if not, what was moved last is what will be.
    pub is_used: bool,
    /// Another program that is asked, beside our own models.
    pub predictor: Option<Predictor>,
    /// When our own models learn this network's history; `None` for never.
    pub train: Option<TrainConfig>,
}

/// When our own models learn, and what they may take for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainConfig {
    /// Seconds after local midnight.
    pub at: u32,
    /// Time on the processor.
    pub cpu_time: Duration,
    /// Memory.
    pub memory: ByteCount,
}

/// Another program that foresees.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictor {
    /// Where it is.
    pub place: PredictorPlace,
    /// How long one answer may take.
    pub timeout: Duration,
}

/// Where a predictor is: `http://host:port/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredictorPlace {
    /// A name or an address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// From the first slash on.
    pub path: String,
}

impl PredictorPlace {
    /// As a `Host` header has it (RFC 9110, 7.2).
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    fn is_this_machine(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for PredictorPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

/// What goes into a request as it stands.
const LONGEST_URL: usize = 1_024;

/// An answer to a question that is asked each second.
const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(2);

/// 03:30: when most people sleep, and no clock is moved.
const USUAL_TRAIN_AT: u32 = 3 * 3_600 + 30 * 60;

/// What learning may take of the processor: less is no use, more is another night's.
const TRAIN_CPU_TIMES: std::ops::RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(6 * 3_600);

/// The program itself takes some of it.
const LEAST_TRAIN_MEMORY: ByteCount = ByteCount(256_000_000);

impl Reader<'_> {
    pub(super) fn forecast(&self, from: &WrittenForecast) -> Result<ForecastConfig, ConfigError> {
        let right = "A time from `10 ms` to `2 s`";
        let timeout = self.optional("forecast.predictor_timeout", &from.predictor_timeout, right, |text| {
            parse_duration(text).filter(|timeout| TIMEOUTS.contains(timeout))
        })?;
        let timeout = timeout.unwrap_or(Duration::from_millis(200));
        let elsewhere = from.predictor_in_clear.unwrap_or(false);
        let place = from.predictor_url.as_ref().map(|url| self.predictor_place(url, elsewhere)).transpose()?;
        let is_used = from.is_used.unwrap_or(true);
        let train = self.train(from)?;
        let predictor = place.map(|place| Predictor { place, timeout });
        Ok(ForecastConfig { is_used, predictor, train: train.filter(|_| is_used) })
    }

    fn train(&self, from: &WrittenForecast) -> Result<Option<TrainConfig>, ConfigError> {
        let right = "A local time such as `03:30`, or `off`";
        let at = self.optional("forecast.train_at", &from.train_at, right, parse_train_at)?;
        let right = "A time from `10 s` to `6 hours`";
        let cpu_time = self.optional("forecast.train_cpu_time", &from.train_cpu_time, right, |text| {
            parse_duration(text).filter(|time| TRAIN_CPU_TIMES.contains(time))
        })?;
        let right = "A size of 256 MB or more, such as `1 GB`";
        let memory = self.optional("forecast.train_memory", &from.train_memory, right, |text| {
            parse_size(text).filter(|memory| *memory >= LEAST_TRAIN_MEMORY)
        })?;
        Ok(at.unwrap_or(Some(USUAL_TRAIN_AT)).map(|at| TrainConfig {
            at,
            cpu_time: cpu_time.unwrap_or(Duration::from_secs(900)),
            memory: memory.unwrap_or(ByteCount(1_000_000_000)),
        }))
    }

    fn predictor_place(&self, url: &Spanned<String>, elsewhere: bool) -> Result<PredictorPlace, ConfigError> {
        let key = "forecast.predictor_url";
        if url.get_ref().starts_with("https:") {
            let right = "Let something on this machine that speaks TLS stand before it, and name that: \
                         `http://127.0.0.1:8000/predict`";
            return Err(self.fault(url.span(), key, "EqualNet speaks no TLS to predictors", right));
        }
        let right = "An address such as `http://127.0.0.1:8000/predict`";
        let place = self.value(key, url, right, parse_place)?;
        if !elsewhere && !place.is_this_machine() {
            let wrong = format!("{} is not this machine, and what moves here would go there in clear", place.host);
            let right = "Take one of this machine, or add `predictor_in_clear = true` where the way there is safe";
            return Err(self.fault(url.span(), key, wrong, right));
        }
        Ok(place)
    }
}

/// Seconds after midnight; nothing for `off`.
fn parse_train_at(text: &str) -> Option<Option<u32>> {
    if text == "off" {
        return Some(None);
    }
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: u32| {
        let is_two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| is_two_digits && *number < below)
    };
    Some(Some(number(hour, 24)? * 3_600 + number(minute, 60)? * 60))
}

fn parse_place(url: &str) -> Option<PredictorPlace> {
    let plain = url.len() <= LONGEST_URL && url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains('#');
    let rest = url.strip_prefix("http://").filter(|_| plain)?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let (host, port) = match authority.strip_prefix('[') {
        Some(literal) => {
            let (address, port) = literal.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (address, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    if host.is_empty() || !host.bytes().all(named) {
        return None;
    }
    let port = port.map_or(Some(80), |port| port.parse().ok().filter(|port| *port > 0))?;
    Some(PredictorPlace { host: host.to_ascii_lowercase(), port, path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::path::Path;

    fn read(lines: &str) -> Result<Config, super::ConfigError> {
        Config::parse(&format!("[forecast]\n{lines}"), Path::new("equalnet.toml"))
    }

    /// Where the predictor is, and how long an answer may take.
    fn check(lines: &str, expected: &str) {
        let config = read(lines).unwrap_or_else(|error| panic!("{error}"));
        let predictor = config.forecast.predictor.expect(lines);
        assert_eq!(format!("{} {} ms", predictor.place, predictor.timeout.as_millis()), expected);
    }

    #[test]
    fn a_predictor_is_where_it_is_said_to_be() {
        check("predictor_url = \"http://127.0.0.1:8000/predict\"", "http://127.0.0.1:8000/predict 200 ms");
        check("predictor_url = \"http://Localhost\"\npredictor_timeout = \"1 s\"", "http://localhost:80/ 1000 ms");
        check("predictor_url = \"http://[::1]:9/a?b=c\"\npredictor_timeout = \"50 ms\"", "http://[::1]:9/a?b=c 50 ms");
        let elsewhere = "predictor_url = \"http://gpu.lan:8000/predict\"\npredictor_in_clear = true";
        check(elsewhere, "http://gpu.lan:8000/predict 200 ms");
        let usual = read("").unwrap().forecast;
        assert!(usual.is_used && usual.predictor.is_none() && usual.train.is_some());
        assert!(!read("use = false").unwrap().forecast.is_used);
        assert_eq!(read("predictor_timeout = \"1 s\"").unwrap().forecast.predictor, None);
    }

    #[test]
    fn weights_learn_at_night_unless_it_is_off() {
        let check = |lines: &str, expected: Option<(u32, u64, u64)>| {
            let train = read(lines).unwrap_or_else(|error| panic!("{error}")).forecast.train;
            assert_eq!(train.map(|train| (train.at, train.cpu_time.as_secs(), train.memory.0)), expected, "{lines}");
        };
        check("", Some((12_600, 900, 1_000_000_000)));
        check("use = false", None);
        check("train_at = \"off\"", None);
        check("train_at = \"00:00\"\ntrain_cpu_time = \"5 min\"", Some((0, 300, 1_000_000_000)));
        check("train_at = \"23:59\"\ntrain_memory = \"400 MB\"", Some((86_340, 900, 400_000_000)));
        let refused = |line: &str, key: &str, says: &str| {
            let error = read(line).expect_err(line);
            assert_eq!((error.line, error.key.as_str()), (2, key), "{error}");
            assert!(error.to_string().contains(says), "{error}");
        };
        for at in ["24:00", "3:30", "03:60", "noon", "+1:00", "0330", ""] {
            refused(&format!("train_at = \"{at}\""), "forecast.train_at", "`03:30`, or `off`");
        }
        refused("train_cpu_time = \"1 s\"", "forecast.train_cpu_time", "from `10 s`");
        refused("train_memory = \"1 MB\"", "forecast.train_memory", "256 MB or more");
    }

    #[test]
    fn another_place_is_no_place() {
        let check = |lines: &str, key: &str, says: &str| {
            let error = read(lines).expect_err(lines);
            assert_eq!((error.line, error.key.as_str()), (2, key), "{error}");
            assert!(error.to_string().contains(says), "{error}");
        };
        let url = |url: &str, says: &str| {
            check(&format!("predictor_url = \"{url}\""), "forecast.predictor_url", says);
        };
        url("https://127.0.0.1/predict", "speaks no TLS");
        url("http://192.168.1.9:8000/predict", "predictor_in_clear = true");
        url("http://localhost.evil.example/", "is not this machine");
        for nonsense in [
            "127.0.0.1:8000",
            "http://",
            "http:///predict",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:99999/",
            "http://a@127.0.0.1/",
            "http://[::1/",
            "http://[127.0.0.1]/",
            "http://::1/",
            "http://127.0.0.1/a b",
            "http://127.0.0.1/\\r\\nX: y",
            "http://127.0.0.1/#a",
        ] {
            url(nonsense, "cannot be read");
        }
        for timeout in ["5 ms", "3 s", "soon"] {
            check(&format!("predictor_timeout = \"{timeout}\""), "forecast.predictor_timeout", "`10 ms` to `2 s`");
        }
        check("predictor_uri = \"a\"", "predictor_uri", "unknown field");
    }
}
