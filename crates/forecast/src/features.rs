//! From rates to the space in which errors are alike, and back.

/// Below this rate a series is as good as silent: 1 kB/s. The unit of log-level space, as in the evaluation on
/// the shared corpora.
const QUIET_BPS: f64 = 8_000.0;

/// The log-level of a rate in bit/s: linear while quiet, logarithmic above.
pub(crate) fn log_level(bps: f64) -> f64 {
    (bps.max(0.0) / QUIET_BPS).ln_1p()
}

/// The rate in bit/s at a log-level; never negative.
pub(crate) fn rate_at(log_level: f64) -> f64 {
    (log_level.exp_m1() * QUIET_BPS).max(0.0)
}

/// How many levels errors are told apart by in a pool.
pub(crate) const LEVELS: usize = 12;

/// Which of [`LEVELS`]: quiet, then steps of a factor of 2.5 up to 100 Mbit/s and more.
pub(crate) fn level_index(log_level: f64) -> usize {
    if log_level < 0.1 { 0 } else { 1 + ((log_level / 0.9) as usize).min(LEVELS - 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_and_no_nonsense() {
        for bps in [0.0, 1.0, 8_000.0, 1e6, 1e12, u64::MAX as f64] {
            assert!((rate_at(log_level(bps)) - bps).abs() <= bps * 1e-9);
            assert!(level_index(log_level(bps)) < LEVELS);
        }
        assert_eq!(log_level(-5.0), 0.0);
        assert_eq!(rate_at(-3.0), 0.0);
    }
}
