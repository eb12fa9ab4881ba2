//! Figures that are made of others.

/// Jain's index of fairness (Jain, Chiu, Hawe, DEC-TR-301, 1984): 1 where all have the same, 1/n where one has all.
pub(super) fn jain(rates: &[f64]) -> f64 {
    let sum: f64 = rates.iter().sum();
    let squares: f64 = rates.iter().map(|rate| rate * rate).sum();
    if squares == 0.0 { f64::NAN } else { sum * sum / (rates.len() as f64 * squares) }
}

/// The highest mean over `length` neighbours; `NaN` where there are fewer.
pub(super) fn highest_mean(rates: &[f64], length: usize) -> f64 {
    means(rates, length).fold(f64::NAN, f64::max)
}

/// The means over each `length` neighbours.
pub(super) fn means(rates: &[f64], length: usize) -> impl Iterator<Item = f64> {
    rates.windows(length.max(1)).map(|window| window.iter().sum::<f64>() / window.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rates: &[f64], expected: f64) {
        assert!((jain(rates) - expected).abs() < 1e-9, "{rates:?}: {}", jain(rates));
    }

    #[test]
    fn fairness_is_one_for_equals_and_a_part_for_one_who_has_all() {
        check(&[5.0, 5.0, 5.0, 5.0], 1.0);
        check(&[8.0, 0.0, 0.0, 0.0], 0.25);
        // The index ignores the unit: 16 to 4 is 4 to 1.
        check(&[16.0, 4.0], 25.0 / 34.0);
        check(&[4.0, 1.0], 25.0 / 34.0);
        assert!(jain(&[0.0]).is_nan());
    }

    #[test]
    fn the_highest_mean_needs_enough_neighbours() {
        assert_eq!(highest_mean(&[1.0, 5.0, 3.0], 2), 4.0);
        assert!(highest_mean(&[1.0], 2).is_nan());
    }
}
