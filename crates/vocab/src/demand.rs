//! What is foreseen.

use crate::{BitRate, Timestamp};

/// How far ahead a forecast looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Horizon {
    /// The second that ends 1 s from now.
    After1s,
    /// The second that ends 5 s from now.
    After5s,
    /// The second that ends 15 s from now.
    After15s,
    /// The second that ends 60 s from now.
    After60s,
    /// The mean of the next 15 s: what guarantees are made of.
    Mean15s,
}

impl Horizon {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// All, in the order of [`Forecast::quantiles`].
    pub const ALL: [Horizon; Self::COUNT] =
        [Horizon::After1s, Horizon::After5s, Horizon::After15s, Horizon::After60s, Horizon::Mean15s];

    /// Its place in [`Horizon::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its word in files and in the API: `h1`, `h5`, `h15`, `h60`, `w15`.
    pub const fn name(self) -> &'static str {
        match self {
            Horizon::After1s => "h1",
            Horizon::After5s => "h5",
            Horizon::After15s => "h15",
            Horizon::After60s => "h60",
            Horizon::Mean15s => "w15",
        }
    }

    /// How many seconds must pass until the forecast can be compared with fact.
    pub const fn seconds(self) -> u64 {
        match self {
            Horizon::After1s => 1,
            Horizon::After5s => 5,
            Horizon::After15s | Horizon::Mean15s => 15,
            Horizon::After60s => 60,
        }
    }
}

/// Which quantile of a forecast is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantile {
    /// As likely above as below.
    P50,
    /// Nine times in ten below.
    P90,
    /// Ninety-nine times in a hundred below.
    P99,
}

/// Three quantiles of a demand, never decreasing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    p50: BitRate,
    p90: BitRate,
    p99: BitRate,
}

impl Quantiles {
    /// Nothing is foreseen.
    pub const ZERO: Quantiles = Quantiles { p50: BitRate::ZERO, p90: BitRate::ZERO, p99: BitRate::ZERO };

    /// Quantiles in any order of size; a higher one is raised to the one below it.
    pub fn new(p50: BitRate, p90: BitRate, p99: BitRate) -> Quantiles {
        let p90 = p90.max(p50);
        Quantiles { p50, p90, p99: p99.max(p90) }
    }

    /// The quantile asked for.
    pub const fn at(self, quantile: Quantile) -> BitRate {
        match quantile {
            Quantile::P50 => self.p50,
            Quantile::P90 => self.p90,
            Quantile::P99 => self.p99,
        }
    }
}

/// Demand over the horizons, as quantiles, of one aggregate (or total) in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// When it was made.
    pub at: Timestamp,
    /// One for each of [`Horizon::ALL`].
    pub quantiles: [Quantiles; Horizon::COUNT],
    /// Which model spoke: a stable word (`ewma`).
    pub model: &'static str,
    /// Whether enough was seen to trust it; before that it says "learning".
    pub maturity: Maturity,
}

/// Whether a forecast rests on enough history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maturity {
    /// Too little was seen.
    Learning,
    /// Trustworthy as far as its scores say.
    Mature,
}

impl Forecast {
    /// Its quantiles at `horizon`.
    pub const fn at(&self, horizon: Horizon) -> Quantiles {
        self.quantiles[horizon.index()]
    }
}

/// How far a forecast was from what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// What was said.
    pub said: Quantiles,
    /// What came.
    pub came: BitRate,
    /// Of which horizon.
    pub horizon: Horizon,
    /// When it was said.
    pub said_at: Timestamp,
}
