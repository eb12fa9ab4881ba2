//! What a model usually misses by: empirical distributions of its errors in log-level space.

use crate::curve;

/// How many bins an error falls into.
pub(crate) const BINS: usize = 36;

/// Errors near zero are told apart at this width, in log-level; beyond it the bins grow in proportion.
const FINE: f64 = 0.1;

/// The largest error told apart: a factor of e^12, more than from silence to 1 Gbit/s.
const LARGEST: f64 = 12.0;

/// How much one error counts: enough that halving forgets slowly.
const ONE: u16 = 32;

/// After this many errors all counts are halved: a memory of some minutes of windows.
const MEMORY: u32 = 600;

/// Which bin an error falls into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bin(u8);

impl Bin {
    pub fn of(error: f32) -> Bin {
        // The area of the hyperbolic sine, spelled out: the library's is slower by far, and this runs for every model,
        // horizon and second.
        let steps = error.abs().min(LARGEST as f32) / FINE as f32;
        let bent = curve::ln(steps + (steps * steps + 1.0).sqrt());
        let place = bent.copysign(error) / BENT_LARGEST;
        Bin((((place + 1.0) / 2.0 * BINS as f32) as u8).min(BINS as u8 - 1))
    }
}

/// The area of the hyperbolic sine of [`LARGEST`] in steps of [`FINE`].
const BENT_LARGEST: f32 = 5.480_656;

/// The lower edge of a bin.
fn edge(bin: usize) -> f64 {
    let largest = (LARGEST / FINE).asinh();
    ((bin as f64 / BINS as f64 * 2.0 - 1.0) * largest).sinh() * FINE
}

/// The edges of all bins.
#[derive(Clone, Debug)]
pub(crate) struct Edges([f32; BINS + 1]);

impl Edges {
    pub fn new() -> Edges {
        Edges(std::array::from_fn(|bin| edge(bin) as f32))
    }
}

/// Errors of one series, bounded and slowly forgetting.
#[derive(Clone, Debug)]
pub(crate) struct Errors {
    counts: [u16; BINS],
    total: u32,
}

impl Errors {
    pub fn new() -> Errors {
        Errors { counts: [0; BINS], total: 0 }
    }

    /// Takes one more error.
    pub fn learn(&mut self, Bin(bin): Bin) {
        self.counts[usize::from(bin)] += ONE;
        self.total += u32::from(ONE);
        if self.total > MEMORY * u32::from(ONE) {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().map(|&count| u32::from(count)).sum();
        }
    }
}

/// Errors of many series, for those that have none of their own yet.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    counts: [f32; BINS],
    total: f32,
}

/// After this many errors a pool forgets half.
const POOL_MEMORY: f32 = 20_000.0;

impl Pool {
    pub fn new() -> Pool {
        Pool { counts: [0.0; BINS], total: 0.0 }
    }

    /// How many errors it holds.
    pub fn total(&self) -> f32 {
        self.total
    }

    /// Takes one more error.
    pub fn learn(&mut self, Bin(bin): Bin) {
        self.counts[usize::from(bin)] += 1.0;
        self.total += 1.0;
        if self.total > POOL_MEMORY {
            self.counts.iter_mut().for_each(|count| *count /= 2.0);
            self.total /= 2.0;
        }
    }
}

/// The errors at the probabilities `at` (rising), from a series' own errors and, with the weight of `prior`
/// errors, from its pool. Linear inside a bin; zero where nothing is known.
pub(crate) fn quantiles<const N: usize>(
    own: &Errors,
    pool: &Pool,
    prior: f32,
    edges: &Edges,
    at: [f32; N],
) -> [f32; N] {
    let scale = if pool.total > 0.0 { prior.min(pool.total) / pool.total } else { 0.0 };
    let masses: [f32; BINS] =
        std::array::from_fn(|bin| f32::from(own.counts[bin]) * (1.0 / f32::from(ONE)) + pool.counts[bin] * scale);
    let total: f32 = masses.iter().sum();
    if total <= 0.0 {
        return [0.0; N];
    }
    let (mut bin, mut below) = (0, 0.0);
    let mut found = at;
    for value in &mut found {
        let wanted = *value * total;
        while below + masses[bin] < wanted && bin + 1 < BINS {
            below += masses[bin];
            bin += 1;
        }
        let part = if masses[bin] > 0.0 { ((wanted - below) / masses[bin]).clamp(0.0, 1.0) } else { 0.0 };
        *value = edges.0[bin] + part * (edges.0[bin + 1] - edges.0[bin]);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_what_was_learnt() {
        let mut errors = Errors::new();
        for step in 0..1_000 {
            errors.learn(Bin::of(step as f32 % 100.0 / 100.0));
        }
        let found = quantiles(&errors, &Pool::new(), 0.0, &Edges::new(), [0.5, 0.9, 0.99]);
        for (found, true_value) in found.into_iter().zip([0.5, 0.9, 0.99]) {
            assert!((found - true_value).abs() < 0.1, "{found} for {true_value}");
        }
    }

    #[test]
    fn what_was_never_seen_says_nothing() {
        let found = quantiles(&Errors::new(), &Pool::new(), 30.0, &Edges::new(), [0.5, 0.9]);
        assert_eq!(found, [0.0, 0.0]);
    }

    #[test]
    fn every_error_has_a_bin_that_holds_it() {
        let edges = Edges::new();
        for error in [-11.9, -1.0, -0.001, 0.0, 0.5, 11.9] {
            let bin = usize::from(Bin::of(error).0);
            assert!(edges.0[bin] <= error + 1e-4 && error <= edges.0[bin + 1] + 1e-4, "{error}");
        }
        assert_eq!((Bin::of(-1e9), Bin::of(1e9)), (Bin(0), Bin(BINS as u8 - 1)));
    }
}
