//! The one level up to which everybody is filled.

use std::cmp::Ordering;

/// What one claim brings to a fill: what it has in any case, the most it can use, and its weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vessel {
    /// Bit/s it has in any case; at most `want`.
    pub floor: u64,
    /// The most it can use, bit/s.
    pub want: u64,
    /// In thousandths, never zero.
    pub weight: u32,
}

/// A level in bit/s per thousandth of weight, as an exact fraction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    numerator: u128,
    denominator: u128,
}

impl Level {
    /// What a vessel holds when everybody is filled to this level, rounded down:
    /// `max(floor, min(want, level * weight))`.
    pub fn fill(self, vessel: &Vessel) -> u64 {
        self.reach(vessel.weight).clamp(vessel.floor, vessel.want)
    }

    /// The level times `weight` (in thousandths), rounded down, in bit/s.
    pub fn reach(self, weight: u32) -> u64 {
        u64::try_from(self.numerator * u128::from(weight) / self.denominator).unwrap_or(u64::MAX)
    }
}

/// Where the slope of the filled volume changes: a vessel begins to rise, or is full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bend {
    /// The level is `rate / weight`.
    rate: u64,
    weight: u32,
    kind: BendKind,
}

#[derive(Clone, Copy, Debug)]
enum BendKind {
    Rises,
    Full,
}

/// The level `l` at which `sum of max(floor, min(want, l * weight))` is `amount`: weighted max-min fairness on
/// totals. `bends` is scratch, so that a division allocates it once.
///
/// `amount` must lie between the sum of the floors and the sum of the wants. Rounding down afterwards
/// (see [`Level::fill`]) leaves fewer bit/s than there are vessels.
pub(crate) fn level(amount: u64, vessels: &[Vessel], bends: &mut Vec<Bend>) -> Level {
    bends.clear();
    for &Vessel { floor, want, weight } in vessels {
        if want > floor {
            bends.push(Bend { rate: floor, weight, kind: BendKind::Rises });
            bends.push(Bend { rate: want, weight, kind: BendKind::Full });
        }
    }
    bends.sort_unstable_by(by_level);

    // Below the lowest bend everybody stands at the floor; from bend to bend the volume is
    // `base + level * weight_rising`. Sums of rates fit 64 + 32 bits, times a weight of 20 bits: far below 128.
    let amount = u128::from(amount);
    let mut base: i128 = vessels.iter().map(|vessel| i128::from(vessel.floor)).sum();
    let mut rising: u128 = 0;
    for bend in bends.iter() {
        let (rate, weight) = (u128::from(bend.rate), u128::from(bend.weight));
        let volume = base * weight as i128 + (rate * rising) as i128;
        if volume >= (amount * weight) as i128 {
            break;
        }
        match bend.kind {
            BendKind::Rises => {
                base -= rate as i128;
                rising += weight;
            }
            BendKind::Full => {
                base += rate as i128;
                rising -= weight;
            }
        }
    }
    if rising == 0 {
        // Nobody needs to rise (the floors are all there is), or all are full.
        let full = vessels.iter().map(|vessel| u128::from(vessel.want)).sum::<u128>() <= amount;
        return Level { numerator: if full { u128::from(u64::MAX) * 1_000 } else { 0 }, denominator: 1 };
    }
    Level { numerator: (amount as i128 - base).max(0) as u128, denominator: rising }
}

fn by_level(a: &Bend, b: &Bend) -> Ordering {
    let (left, right) = (u128::from(a.rate) * u128::from(b.weight), u128::from(b.rate) * u128::from(a.weight));
    left.cmp(&right)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(floor, want, weight)` in bit/s and whole weights.
    fn check(amount: u64, claims: &[(u64, u64, u32)], granted: &[u64]) {
        let vessels: Vec<Vessel> =
            claims.iter().map(|&(floor, want, weight)| Vessel { floor, want, weight: weight * 1_000 }).collect();
        let level = level(amount, &vessels, &mut Vec::new());
        let filled: Vec<u64> = vessels.iter().map(|vessel| level.fill(vessel)).collect();
        assert_eq!(filled, granted, "{amount} among {claims:?}");
    }

    #[test]
    fn what_one_leaves_the_others_share() {
        check(90, &[(0, 10, 1), (0, 100, 1), (0, 100, 3)], &[10, 20, 60]);
    }

    #[test]
    fn floors_count_towards_the_total() {
        check(60, &[(20, 100, 1), (0, 100, 1)], &[30, 30]);
        check(60, &[(40, 100, 1), (0, 100, 1)], &[40, 20]);
        check(28, &[(20, 50, 1), (5, 50, 1)], &[20, 8]);
    }

    #[test]
    fn the_remainder_stays_so_that_equals_stay_equal() {
        check(100, &[(0, 100, 1), (0, 100, 1), (0, 100, 1)], &[33, 33, 33]);
    }

    #[test]
    fn the_ends_are_the_floors_and_the_wants() {
        check(25, &[(20, 50, 1), (5, 50, 1)], &[20, 5]);
        check(100, &[(20, 50, 1), (5, 50, 1)], &[50, 50]);
        check(0, &[(0, 0, 1), (0, 50, 1)], &[0, 0]);
        check(u64::MAX, &[(0, u64::MAX, 1), (0, u64::MAX, 1)], &[u64::MAX / 2, u64::MAX / 2]);
        check(7, &[(7, 7, 1)], &[7]);
    }
}
