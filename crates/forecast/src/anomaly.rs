//! Whether what came is unusual, told from how far forecasts usually miss.
//!
//! In: each miss (what came less P50) and a scale (P90 less P50, say), so that busy and quiet hours compare. Out: an
//! [`AnomalyScore`]. There is one parameter, the *risk*: the part of misses that may be called unusual where nothing
//! is wrong. The rest is extreme-value theory, as in SPOT and DSPOT (Siffer, Fouque, Termier, Largouët: "Anomaly
//! Detection in Streams with Extreme Value Theory", KDD 2017): whatever the misses are distributed like, what exceeds
//! a high level is nearly generalised Pareto, and the excess that comes as seldom as the risk says can be extrapolated
//! from a few hundred of them.
//!
//! Three things differ from the paper. The distribution is fitted by the estimator of Zhang and Stephens (Technometrics
//! 51, 2009), which has no search that can fail. The level is followed by small steps and the oldest excess makes room
//! for the newest, so that drift is tolerated. And what is unusual is kept as an excess too, cut to a few times the
//! threshold: one attack does not raise it much, and a new normal is accepted after some dozens.
//!
//! Misses that hang together are found together: an outburst of a minute is many unusual seconds, of which an alert
//! makes one. Only misses upwards count; for what falls silent, give the miss with the other sign to a second one.

/// The part of misses above the level.
const ABOVE: f32 = 0.05;
/// The first misses, from which the level is taken.
const FIRST: usize = 256;
/// Excesses kept: the last 5,000 misses or so.
const KEPT: usize = 256;
/// Warm with so many excesses,
const WARM_PEAKS: usize = 64;
/// or after so many misses where few exceed anything.
const WARM_SEEN: u32 = 3_000;
/// The distribution is fitted anew after so many excesses.
const FIT_EACH: u16 = 16;
/// An unusual excess is kept as this multiple of the threshold's at most.
const CUT: f32 = 3.0;
/// The first excesses are cut to this multiple of the distance from the middle to the level.
const FIRST_CUT: f32 = 20.0;
/// How far the level moves by one excess, of their mean.
const STEP: f32 = 0.05;
/// The threshold lies this far above the level at least, in scales: a forecast that was never wrong may miss a little.
const LEAST_REACH: f32 = 1.0;
/// No miss counts as more scales than this.
const LARGEST: f64 = 1e6;
/// The tail's shape is drawn to this one as if ten excesses had it (as the Pareto-smoothed importance sampling of
/// Vehtari et al. 2024 does, to 0.5), and kept within these: beyond 1 there is not even a mean.
const USUAL_SHAPE: f32 = 0.2;
const SHAPE_PRIOR: f32 = 10.0;
const SHAPES: [f32; 2] = [-0.5, 1.0];

/// What is known of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnomalyState {
    /// Too little was seen to call anything unusual.
    Learning,
    /// Such misses come.
    Usual,
    /// Such a miss comes as seldom as the risk says, or seldomer.
    Unusual,
}

/// How unusual a miss is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnomalyScore {
    /// How far it lies on the way from the level (0) to the threshold (1), and beyond; 1,000 at most. 0 while learning.
    pub ratio: f32,
    /// What to call it.
    pub state: AnomalyState,
}

impl AnomalyScore {
    const LEARNING: AnomalyScore = AnomalyScore { ratio: 0.0, state: AnomalyState::Learning };
    const MOST: f32 = 1_000.0;
}

/// Tells the unusual misses of one series; about a kilobyte, whatever it is fed.
#[derive(Clone, Debug)]
pub struct Anomaly {
    risk: f32,
    /// Misses so far, as many as can be counted.
    seen: u32,
    /// What [`ABOVE`] of the misses exceed, in scales, and what part really did lately.
    level: f32,
    above: f32,
    /// How far above the level the threshold lies.
    reach: f32,
    mean_excess: f32,
    /// First the misses; then those that exceeded the level, the newest in the place of the oldest.
    kept: [f32; KEPT],
    count: u16,
    next: u16,
    new: u16,
}

const _: () = assert!(size_of::<Anomaly>() <= 1_500 && FIRST <= KEPT);

impl Anomaly {
    /// `risk` is the part of misses that may be called unusual where nothing is wrong: from 0.0000001 to 0.01, taken as
    /// the nearer of these outside.
    pub fn new(risk: f64) -> Anomaly {
        let risk = if risk.is_nan() { 1e-4 } else { risk.clamp(1e-7, 1e-2) };
        Anomaly {
            risk: risk as f32,
            seen: 0,
            level: 0.0,
            above: ABOVE,
            reach: LEAST_REACH,
            mean_excess: 0.0,
            kept: [0.0; KEPT],
            count: 0,
            next: 0,
            new: 0,
        }
    }

    /// Scores a miss, then learns it. The scale is of the miss's unit and at least 1: give the smallest that matters
    /// where the forecast claims to know better. What is no number is not learnt.
    pub fn observe(&mut self, miss: f64, scale: f64) -> AnomalyScore {
        if !miss.is_finite() || scale.is_nan() {
            return if self.is_warm() { self.score(0.0) } else { AnomalyScore::LEARNING };
        }
        let miss = (miss / scale.max(1.0)).clamp(-LARGEST, LARGEST) as f32;
        let score = self.score(miss);
        if (self.seen as usize) < FIRST {
            self.kept[self.seen as usize] = miss;
            self.seen += 1;
            if self.seen as usize == FIRST {
                self.begin();
            }
        } else {
            self.learn(miss);
        }
        score
    }

    /// What a miss of 1 scale or more has to exceed to be unusual, in scales; `None` while learning.
    pub fn threshold(&self) -> Option<f64> {
        self.is_warm().then(|| f64::from(self.level) + f64::from(self.reach))
    }

    /// What five misses in a hundred exceed, in scales; 0 while nothing is known.
    pub(crate) fn level(&self) -> f64 {
        f64::from(self.level)
    }

    fn is_warm(&self) -> bool {
        self.seen as usize > FIRST && (usize::from(self.count) >= WARM_PEAKS || self.seen >= WARM_SEEN)
    }

    fn score(&self, miss: f32) -> AnomalyScore {
        if !self.is_warm() {
            return AnomalyScore::LEARNING;
        }
        let ratio = ((miss - self.level) / self.reach).clamp(0.0, AnomalyScore::MOST);
        let state = if ratio > 1.0 { AnomalyState::Unusual } else { AnomalyState::Usual };
        AnomalyScore { ratio, state }
    }

    /// Takes the level from the first misses, and keeps those above it.
    fn begin(&mut self) {
        self.kept.sort_by(f32::total_cmp);
        let place = FIRST - (FIRST as f32 * ABOVE) as usize - 1;
        self.level = self.kept[place];
        let most = self.level + FIRST_CUT * (self.level - self.kept[FIRST / 2]).max(0.05);
        let exceeding = FIRST - place - 1;
        for index in 0..exceeding {
            self.kept[index] = self.kept[place + 1 + index].min(most);
        }
        self.count = exceeding as u16;
        self.next = self.count;
        self.fit();
    }

    fn learn(&mut self, miss: f32) {
        self.seen = self.seen.saturating_add(1);
        let exceeds = miss > self.level;
        // As long a memory as the excesses have.
        let memory = (KEPT as f32 / ABOVE).min(self.seen as f32);
        self.above += (f32::from(u8::from(exceeds)) - self.above) / memory;
        if exceeds {
            self.kept[usize::from(self.next)] = miss.min(self.level + CUT * self.reach);
            self.next = (self.next + 1) % KEPT as u16;
            self.count = (self.count + 1).min(KEPT as u16);
            self.new += 1;
            if self.new >= FIT_EACH {
                self.fit();
            }
        }
        let step = STEP * self.mean_excess.max(0.01);
        self.level += if exceeds { step * (1.0 - ABOVE) } else { -step * ABOVE };
    }

    /// Fits the tail to the excesses kept, and sets the threshold.
    fn fit(&mut self) {
        self.new = 0;
        let mut excesses = [0.0; KEPT];
        let mut count = 0;
        for kept in &self.kept[..usize::from(self.count)] {
            // The level may have risen above what exceeded it once.
            let excess = kept - self.level;
            if excess > 0.0 {
                excesses[count] = excess;
                count += 1;
            }
        }
        let excesses = &mut excesses[..count];
        excesses.sort_by(f32::total_cmp);
        let tail = Tail::fitted(excesses);
        self.mean_excess = excesses.iter().sum::<f32>() / count.max(1) as f32;
        // The part of misses that exceed the level, less those it has risen above.
        let part = self.above * count as f32 / f32::from(self.count.max(1));
        let reach = tail.map_or(0.0, |tail| tail.exceeded_by(self.risk / part.max(self.risk)));
        self.reach = reach.clamp(LEAST_REACH, LARGEST as f32);
    }
}

/// A generalised Pareto distribution of excesses.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tail {
    shape: f32,
    scale: f32,
}

impl Tail {
    /// Of excesses in the order of size, all above zero; `None` if there are none.
    fn fitted(excesses: &[f32]) -> Option<Tail> {
        let largest = *excesses.last()?;
        let count = excesses.len() as f32;
        let mean = excesses.iter().sum::<f32>() / count;
        let exponential = Tail { shape: 0.0, scale: mean };
        let quarter = excesses[((count / 4.0 + 0.5) as usize).clamp(1, excesses.len()) - 1];
        // With a handful, or all alike, there is no shape to see.
        if excesses.len() < 10 || quarter <= 0.0 || largest <= quarter {
            return Some(exponential);
        }
        // Zhang and Stephens 2009, equations 5 to 8: a mean over a grid, weighted by the profile likelihood.
        const GRID: usize = 36;
        let log_mean =
            |theta: f32| -> f32 { excesses.iter().map(|excess| (-theta * excess).ln_1p()).sum::<f32>() / count };
        let mut grid = [(0.0, 0.0); GRID];
        for (at, (theta, likelihood)) in (1..).zip(&mut grid) {
            *theta = 1.0 / largest + (1.0 - (GRID as f32 / (at as f32 - 0.5)).sqrt()) / (3.0 * quarter);
            let k = -log_mean(*theta);
            *likelihood = count * ((*theta / k).ln() + k - 1.0);
        }
        let best =
            grid.iter().map(|(_, likelihood)| *likelihood).filter(|value| value.is_finite()).fold(f32::MIN, f32::max);
        let (mut theta, mut weight) = (0.0, 0.0);
        for (at, likelihood) in grid {
            let one = (likelihood - best).exp();
            if one.is_finite() {
                theta += at * one;
                weight += one;
            }
        }
        let theta = theta / weight;
        let shape = log_mean(theta);
        let scale = -shape / theta;
        if !(shape.is_finite() && scale.is_finite() && scale > 0.0) {
            return Some(exponential);
        }
        let drawn = (count * shape + SHAPE_PRIOR * USUAL_SHAPE) / (count + SHAPE_PRIOR);
        Some(Tail { shape: drawn.clamp(SHAPES[0], SHAPES[1]), scale })
    }

    /// What is exceeded by `part` of the excesses.
    fn exceeded_by(self, part: f32) -> f32 {
        let logs = -part.ln();
        if self.shape.abs() < 1e-4 { self.scale * logs } else { self.scale * (self.shape * logs).exp_m1() / self.shape }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_found_again() {
        for (shape, scale) in [(0.4_f32, 2.0_f32), (0.0, 1.0), (-0.2, 5.0), (0.8, 0.5)] {
            // Its own quantiles at even steps.
            let of = Tail { shape, scale };
            let excesses: Vec<f32> = (0..400).map(|at| of.exceeded_by(1.0 - (at as f32 + 0.5) / 400.0)).collect();
            let found = Tail::fitted(&excesses).unwrap();
            assert!((found.shape - shape).abs() < 0.06, "{of:?} {found:?}");
            assert!((found.scale / scale - 1.0).abs() < 0.06, "{of:?} {found:?}");
        }
        assert_eq!(Tail::fitted(&[]), None);
        assert_eq!(Tail::fitted(&[3.0; 20]), Some(Tail { shape: 0.0, scale: 3.0 }));
    }
}
