//! Another predictor beside our own models: what it said, and how right it was.

use crate::{BitRate, Direction, Timestamp, TrafficClass};

/// How asking another predictor goes, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutsideCounts {
    /// Questions sent.
    pub asked: u64,
    /// Of them, those without an answer that could be used.
    pub failed: u64,
    /// What is wrong with it now; `None` while it answers.
    pub fault: Option<String>,
}

/// How right another predictor is about one class of all devices, in one direction, beside the model in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutsideScore {
    /// Of which class.
    pub class: TrafficClass,
    /// Which way.
    pub direction: Direction,
    /// What it said last: the mean of the 15 s that followed.
    pub said: BitRate,
    /// When it was asked that.
    pub said_at: Timestamp,
    /// By how much it missed, on average over the last scores.
    pub missed: BitRate,
    /// By how much the median of the model in force missed the same.
    pub ours_missed: BitRate,
    /// How many scores there were; the last 60 weigh most.
    pub scores: u32,
}

/// Another predictor, at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutsideSnapshot {
    /// How asking it goes.
    pub counts: OutsideCounts,
    /// How right it is, by class and direction.
    pub scores: Vec<OutsideScore>,
}
