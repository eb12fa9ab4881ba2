//! Autoregression: the next second as a sum of the last twenty, each times a factor of its own.
//!
//! It learns what repeats within seconds: that a player fetches a segment each four, that a sensor reports each ten.
//! The factors solve the equations of Yule and Walker on autocovariances that forget slowly, by Levinson's recursion.

use crate::features::{bps_at, level};
use vocab::{Horizon, Usage};

/// How many seconds back it looks.
const ORDER: usize = 20;

/// How much of what was is remembered a second: a quarter of an hour.
const KEPT: f64 = 1.0 - 1.0 / 900.0;

/// Seconds between two fits, and before the first: twenty factors of less would be learnt by heart.
const REFIT_S: u8 = 15;
const FIRST_FIT_S: u8 = 180;

/// Of a deviation from the mean no more than this many standard deviations is learnt: one spike is no rhythm.
const SURPRISE: f64 = 6.0;

/// The white noise added to what is fitted, as a part of the variance: it keeps the recursion stable, and factors small
/// while little is known.
const NOISE: f64 = 1e-3;
const NOISE_S: f64 = 10.0;

/// Of the variance so much is left alone: the rest of an exact rhythm is rounding, and no further factor is known by it.
const UNEXPLAINED: f64 = 0.03;

/// No reflection is larger, or what is foreseen would grow without end.
const EXACT: f64 = 0.995;

/// How far it looks ahead, in seconds: the longest horizon.
const AHEAD: usize = Horizon::After60s.seconds() as usize;

/// The autoregression of one series.
#[derive(Clone, Copy, Debug)]
pub struct Autoregression {
    /// The newest first, in levels; one more than is looked back at, to compare the newest with.
    lags: [f32; ORDER + 1],
    mean: f64,
    /// The sum of the weights of the mean: 1 in the end.
    weight: f64,
    /// Products of deviations that are so many seconds apart.
    products: [f64; ORDER + 1],
    /// One for each of `lags`.
    factors: [f32; ORDER],
    fit_in_s: u8,
    is_fitted: bool,
}

impl Default for Autoregression {
    fn default() -> Autoregression {
        Autoregression {
            lags: [0.0; ORDER + 1],
            mean: 0.0,
            weight: 0.0,
            products: [0.0; ORDER + 1],
            factors: [0.0; ORDER],
            fit_in_s: FIRST_FIT_S,
            is_fitted: false,
        }
    }
}

impl Autoregression {
    /// Takes what the series did in a window, `elapsed_s` after the one before (1 without a gap). What was held back
    /// counts as no less than what was foreseen of it.
    pub fn observe(&mut self, usage: Usage, elapsed_s: u64) {
        for _ in 1..elapsed_s.min(ORDER as u64 + 2) {
            let likely = self.next();
            self.shift(likely);
        }
        let came = level(usage.rate().as_bps() as f64);
        let level = match usage {
            Usage::Free(_) => came,
            Usage::Backlogged(_) => came.max(self.next()),
        };
        self.shift(level);
        self.learn();
    }

    fn shift(&mut self, level: f32) {
        self.lags.copy_within(..ORDER, 1);
        self.lags[0] = level;
    }

    fn learn(&mut self) {
        let level = f64::from(self.lags[0]);
        self.weight = KEPT * self.weight + (1.0 - KEPT);
        let usual = if self.weight > 0.0 { self.mean / self.weight } else { level };
        let deviation = (self.products[0] / self.weight).sqrt();
        let most = if self.is_fitted { SURPRISE * deviation + 1.0 } else { f64::INFINITY };
        let off = (level - usual).clamp(-most, most);
        self.mean = KEPT * self.mean + (1.0 - KEPT) * (usual + off);
        let usual = self.mean / self.weight;
        for (product, lag) in self.products[1..].iter_mut().zip(&self.lags[1..]) {
            *product = KEPT * *product + (1.0 - KEPT) * off * (f64::from(*lag) - usual).clamp(-most, most);
        }
        self.products[0] = KEPT * self.products[0] + (1.0 - KEPT) * off * off;
        self.fit_in_s = self.fit_in_s.saturating_sub(1);
        if self.fit_in_s == 0 {
            self.fit_in_s = REFIT_S;
            self.fit();
        }
    }

    /// Levinson's recursion. It ends where nothing is left to explain.
    fn fit(&mut self) {
        // As if each second were weighed by the root of what is left of it: only so do they belong to one another.
        let mut products = self.products;
        let known_s = self.weight / (1.0 - KEPT);
        let mut weight = 1.0 / (1.0 + NOISE + NOISE_S / known_s);
        for product in &mut products[1..] {
            weight *= KEPT.sqrt();
            *product *= weight;
        }
        let mut factors = [0.0f64; ORDER];
        let mut left = products[0];
        for order in 0..ORDER {
            if left <= UNEXPLAINED * products[0] {
                break;
            }
            let explained: f64 = (0..order).map(|lag| factors[lag] * products[order - lag]).sum();
            let reflection = (products[order + 1] - explained) / left;
            if !reflection.is_finite() {
                break;
            }
            let reflection = reflection.clamp(-EXACT, EXACT);
            let before = factors;
            for lag in 0..order {
                factors[lag] = before[lag] - reflection * before[order - 1 - lag];
            }
            factors[order] = reflection;
            left *= 1.0 - reflection * reflection;
        }
        self.factors = factors.map(|factor| factor as f32);
        self.is_fitted = true;
    }

    /// The next second, no less than nothing.
    fn next(&self) -> f32 {
        let usual = if self.weight > 0.0 { (self.mean / self.weight) as f32 } else { self.lags[0] };
        let off: f32 = self.factors.iter().zip(&self.lags).map(|(factor, lag)| factor * (lag - usual)).sum();
        (usual + off).max(0.0)
    }

    /// What it foresees for each of [`Horizon::ALL`], as levels; `None` before it has learnt anything.
    pub(crate) fn levels(&self) -> Option<[f32; Horizon::COUNT]> {
        if !self.is_fitted {
            return None;
        }
        let usual = (self.mean / self.weight) as f32;
        // Seconds in the order in which they come, so that each is a sum over what stands side by side.
        let mut off = [0.0f32; ORDER + AHEAD];
        for (place, lag) in off[..ORDER].iter_mut().zip(self.lags[..ORDER].iter().rev()) {
            *place = lag - usual;
        }
        let mut factors = self.factors;
        factors.reverse();
        for second in 0..AHEAD {
            let next: f32 = factors.iter().zip(&off[second..second + ORDER]).map(|(factor, off)| factor * off).sum();
            off[ORDER + second] = next.max(-usual);
        }
        let ahead = &off[ORDER..];
        Some(Horizon::ALL.map(|horizon| {
            let seconds = horizon.seconds() as usize;
            match horizon {
                Horizon::Mean15s => usual + ahead[..seconds].iter().sum::<f32>() / seconds as f32,
                Horizon::After1s | Horizon::After5s | Horizon::After15s | Horizon::After60s => {
                    usual + ahead[seconds - 1]
                }
            }
            .max(0.0)
        }))
    }

    /// The rate it foresees for `horizon`, in bit/s; `None` before it has learnt anything.
    pub fn rate(&self, horizon: Horizon) -> Option<f64> {
        self.levels().map(|levels| bps_at(levels[horizon.index()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vocab::BitRate;

    fn told(rates: impl Iterator<Item = u64>) -> Autoregression {
        let mut model = Autoregression::default();
        for rate in rates {
            model.observe(Usage::Free(BitRate::from_bps(rate)), 1);
        }
        model
    }

    #[test]
    fn it_learns_a_rhythm() {
        // A segment of 8 Mbit each four seconds; the newest second has none, the next but two will.
        let model = told((0..601u64).map(|second| if second.is_multiple_of(4) { 8_000_000 } else { 0 }));
        let at = |horizon| model.rate(horizon).expect("it has seen ten minutes") / 8e6;
        assert!(at(Horizon::After1s) < 0.15, "{}", at(Horizon::After1s));
        assert!(at(Horizon::After60s) > 0.5, "{}", at(Horizon::After60s));
        assert!((at(Horizon::Mean15s) - 0.25).abs() < 0.08, "{}", at(Horizon::Mean15s));
    }

    #[test]
    fn a_constant_stays_and_one_spike_is_no_rhythm() {
        let constant = told(std::iter::repeat_n(5_000_000, 300));
        for horizon in Horizon::ALL {
            let rate = constant.rate(horizon).expect("it has seen five minutes");
            assert!((rate - 5e6).abs() < 1e4, "{}: {rate}", horizon.name());
        }
        let spiked = told((0..400).map(|second| if second == 200 { u64::MAX } else { 5_000_000 }));
        let rate = spiked.rate(Horizon::Mean15s).expect("it has seen minutes");
        assert!((rate - 5e6).abs() < 1e6, "{rate}");
    }

    #[test]
    fn it_is_silent_until_it_knows() {
        assert_eq!(told(std::iter::repeat_n(1_000, 179)).levels(), None);
        assert!(told(std::iter::repeat_n(1_000, 180)).levels().is_some());
    }

    proptest! {
        #[test]
        fn whatever_comes_it_stays_finite(
            seconds in proptest::collection::vec(
                (prop_oneof![Just(0), 0u64..10_000_000, Just(1_000_000_000_000), any::<u64>()], 1u64..100, any::<bool>()),
                1..400,
            ),
        ) {
            let mut model = Autoregression::default();
            for (bps, elapsed_s, held_back) in seconds {
                let rate = BitRate::from_bps(bps);
                model.observe(if held_back { Usage::Backlogged(rate) } else { Usage::Free(rate) }, elapsed_s);
                if let Some(levels) = model.levels() {
                    prop_assert!(levels.iter().all(|level| level.is_finite() && *level >= 0.0), "{levels:?}");
                }
            }
        }
    }
}
