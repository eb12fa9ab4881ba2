//! How the models stand beside each other, and how asking the one outside goes.

use crate::Quantiles;

/// How one model stands for one series, beside the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelStanding {
    /// Which: a stable word (`ewma`, `outside`).
    pub model: &'static str,
    /// How loud it speaks for the 90 % quantile of the mean of the next 15 s, in thousandths of all together.
    pub weight_permille: u16,
    /// What it says alone of that mean.
    pub alone: Quantiles,
    /// What it lost there in the last quarter of an hour, in thousandths of what EWMA lost: less is better. `None`
    /// while either has no record.
    pub against_ewma_permille: Option<u32>,
    /// Whether it is set aside.
    pub is_set_aside: bool,
}

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
