//! How good forecasts of recorded series were: the measures by which models are compared.
//!
//! All losses are quantile losses, doubled and divided by the demand; every figure is a mean over the series of a
//! family, then over families. The origins that count are the seconds 59, 64, 69… with a minute left after them.

use crate::backtest::Foreseen;
use crate::pinball;
use std::collections::BTreeMap;
use vocab::{Horizon, Quantile, Quantiles};

/// The first second that is judged, and every how many.
pub const FIRST_ORIGIN: usize = 59;
/// See [`FIRST_ORIGIN`].
pub const ORIGIN_EVERY: usize = 5;

/// A series that wanted less than this in all, in bytes per second summed over origins, is not judged.
const LEAST_DEMAND: f64 = 4e4;

/// The measures of one model at one horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Quantile losses of P50, P90, P99.
    pub ql: [f64; 3],
    /// Mean error of P50, in % of the demand.
    pub wape: f64,
    /// The same over the mean step from one second to the next.
    pub mase: f64,
    /// How often P90 was not passed, in %.
    pub cover90: f64,
    /// Of how many series, in %, that was between 85 and 95 %.
    pub in85_95: f64,
    /// What P90 missed and what it held in vain, in % of the demand.
    pub short: f64,
    /// See `short`.
    pub excess: f64,
}

/// What is summed up over the origins of one series at one horizon.
#[derive(Clone, Copy, Default)]
struct Sums {
    lost: [f64; 3],
    error: f64,
    came: f64,
    held: f64,
    short: f64,
    excess: f64,
    origins: f64,
}

/// One model over many series.
#[derive(Default)]
pub struct Tally {
    /// By horizon and family, of each series.
    series: BTreeMap<(Horizon, String), Vec<Measures>>,
    /// By family: what came and what P90 of the next 15 s would have reserved.
    reserved: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Tally {
    /// Adds one series: the demand of its seconds in bytes, and what was foreseen after some of them.
    pub fn add(&mut self, family: &str, bytes: &[f64], foreseen: &[Foreseen]) {
        let steps = bytes.windows(2).map(|two| (two[1] - two[0]).abs()).sum::<f64>();
        let step = (steps / (bytes.len().max(2) - 1) as f64).max(1.0);
        for horizon in Horizon::ALL {
            let mut sums = Sums::default();
            for foreseen in foreseen {
                let origin = foreseen.known - 1;
                if origin + Horizon::After60s.seconds() as usize >= bytes.len() {
                    continue;
                }
                let came = came(bytes, origin, horizon);
                let said = in_bytes(foreseen.quantiles[horizon.index()]);
                sums.add(came, said);
                if horizon == Horizon::Mean15s {
                    self.reserved.entry(family.to_owned()).or_default().push((came, said[1]));
                }
            }
            if sums.came >= LEAST_DEMAND {
                self.series.entry((horizon, family.to_owned())).or_default().push(sums.measures(step));
            }
        }
    }

    /// Its measures at `horizon`; `None` without series.
    pub fn measures(&self, horizon: Horizon) -> Option<Measures> {
        let families: Vec<Measures> = self.by_family(horizon).map(|(_, measures)| measures).collect();
        (!families.is_empty()).then(|| mean(&families))
    }

    /// The same, family by family.
    pub fn by_family(&self, horizon: Horizon) -> impl Iterator<Item = (&str, Measures)> {
        let of_horizon = self.series.iter().filter(move |((of, _), _)| *of == horizon);
        of_horizon.map(|((_, family), series)| (family.as_str(), mean(series)))
    }

    /// What is reserved in vain for the next 15 s, in % of the demand, when P90 is scaled by one factor per family
    /// until 5 % of the volume stays short.
    pub fn excess_at_5_short(&self) -> Option<f64> {
        let of_family = |pairs: &Vec<(f64, f64)>| {
            let total: f64 = pairs.iter().map(|(came, _)| came).sum();
            let (mut low, mut high) = (0.01f64, 200.0f64);
            for _ in 0..50 {
                let factor = (low * high).sqrt();
                let short: f64 = pairs.iter().map(|(came, said)| (came - factor * said).max(0.0)).sum();
                if short / total > 0.05 { low = factor } else { high = factor }
            }
            let factor = (low * high).sqrt();
            100.0 * pairs.iter().map(|(came, said)| (factor * said - came).max(0.0)).sum::<f64>() / total
        };
        let families = self.reserved.values().filter(|pairs| pairs.iter().any(|(came, _)| *came > 0.0));
        let each: Vec<f64> = families.map(of_family).collect();
        (!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64)
    }
}

impl Sums {
    fn add(&mut self, came: f64, said: [f64; 3]) {
        for ((lost, said), probability) in self.lost.iter_mut().zip(said).zip([0.5, 0.9, 0.99]) {
            *lost += 2.0 * f64::from(pinball(came as f32, said as f32, probability));
        }
        self.error += (came - said[0]).abs();
        self.came += came;
        self.held += f64::from(u8::from(came <= said[1]));
        self.short += (came - said[1]).max(0.0);
        self.excess += (said[1] - came).max(0.0);
        self.origins += 1.0;
    }

    fn measures(&self, step: f64) -> Measures {
        let cover90 = 100.0 * self.held / self.origins;
        Measures {
            ql: self.lost.map(|lost| lost / self.came),
            wape: 100.0 * self.error / self.came,
            mase: self.error / self.origins / step,
            cover90,
            in85_95: if (85.0..=95.0).contains(&cover90) { 100.0 } else { 0.0 },
            short: 100.0 * self.short / self.came,
            excess: 100.0 * self.excess / self.came,
        }
    }
}

fn mean(all: &[Measures]) -> Measures {
    let of = |part: &dyn Fn(&Measures) -> f64| all.iter().map(part).sum::<f64>() / all.len() as f64;
    Measures {
        ql: std::array::from_fn(|quantile| of(&|measures| measures.ql[quantile])),
        wape: of(&|measures| measures.wape),
        mase: of(&|measures| measures.mase),
        cover90: of(&|measures| measures.cover90),
        in85_95: of(&|measures| measures.in85_95),
        short: of(&|measures| measures.short),
        excess: of(&|measures| measures.excess),
    }
}

/// What came, in bytes per second, `horizon` after the second `origin`.
fn came(bytes: &[f64], origin: usize, horizon: Horizon) -> f64 {
    match horizon {
        Horizon::Mean15s => bytes[origin + 1..=origin + 15].iter().sum::<f64>() / 15.0,
        Horizon::After1s | Horizon::After5s | Horizon::After15s | Horizon::After60s => {
            bytes[origin + horizon.seconds() as usize]
        }
    }
}

/// Quantiles in bytes per second.
pub fn in_bytes(quantiles: Quantiles) -> [f64; 3] {
    [Quantile::P50, Quantile::P90, Quantile::P99].map(|quantile| quantiles.at(quantile).as_bps() as f64 / 8.0)
}
