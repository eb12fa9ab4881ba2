//! Where the history lives, and how much of it is kept.

use std::path::PathBuf;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Where the history lives, and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The database file; its folder is made if it is absent.
    pub path: PathBuf,
    /// How long facts are kept.
    pub retention: Retention,
    /// The most bytes of the database; the oldest samples go first. Its write-ahead log comes on top, 16 MiB at
    /// rest.
    pub max_bytes: u64,
    /// Where flows are also written as CSV, if anywhere.
    pub flow_log: Option<FlowLogSettings>,
}

impl StoreSettings {
    /// At `path`, with the default retention, 2 GB at most, without a flow log.
    pub fn at(path: impl Into<PathBuf>) -> StoreSettings {
        StoreSettings { path: path.into(), retention: Retention::default(), max_bytes: 2_000_000_000, flow_log: None }
    }
}

/// How long each kind of fact is kept, counted back from the newest sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Samples of one second.
    pub seconds: Duration,
    /// Sums of a minute.
    pub minutes: Duration,
    /// Sums of an hour.
    pub hours: Duration,
    /// Flows.
    pub flows: Duration,
    /// Forecasts, their scores, and plans.
    pub forecasts: Duration,
    /// Decisions, ended alerts and the audit of settings.
    pub audit: Duration,
}

impl Default for Retention {
    /// Seconds for 2 days, minutes for 90, hours for 5 years, flows for 30 days, forecasts for 14, audit for a year.
    fn default() -> Retention {
        Retention {
            seconds: DAY * 2,
            minutes: DAY * 90,
            hours: DAY * 365 * 5,
            flows: DAY * 30,
            forecasts: DAY * 14,
            audit: DAY * 365,
        }
    }
}

/// A rolling CSV of ended flows, in the columns of `equalnet analyze`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowLogSettings {
    /// The folder; made if it is absent.
    pub folder: PathBuf,
    /// A file that reaches this many bytes is rolled.
    pub max_file_bytes: u64,
    /// How many files are kept, the current one included.
    pub max_files: u32,
}
