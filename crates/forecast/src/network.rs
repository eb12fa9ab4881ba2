//! A quantile network: from the inputs of a second to all quantiles of all horizons.
//!
//! Dense layers with a smooth gate between them. The outputs are steps in log-level space, relative to the mean of
//! the last 15 s: the median, and from there twice a step that cannot be negative, so that quantiles never cross.

use crate::curve;
use crate::features::{BASE, INPUTS, MOST_LOG};
use crate::said::AllLevels;
use vocab::Horizon;

/// How many numbers the last layer gives.
pub(crate) const OUTPUTS: usize = 3 * Horizon::COUNT;

/// No layer is wider.
pub(crate) const MOST_WIDE: usize = 128;

/// No network has more layers.
pub(crate) const MOST_LAYERS: usize = 4;

/// A dense layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layer {
    /// By input, then by output.
    pub weights: Vec<f32>,
    pub biases: Vec<f32>,
}

/// A trained network. What it is told is shifted and scaled first, as it was in training.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// What is subtracted from each input, and what it is multiplied by then.
    pub(crate) shifts: Vec<f32>,
    pub(crate) scales: Vec<f32>,
    pub(crate) layers: Vec<Layer>,
}

/// A shape that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The first layer does not fit the inputs, a layer does not fit the one before, or the last not the outputs.
    #[error("the layers of the network do not fit together, or to {INPUTS} inputs and {OUTPUTS} outputs")]
    Shape,
    /// Some weight is no number or beyond all reason.
    #[error("a weight of the network is not a number between -1e6 and 1e6")]
    Weight,
    /// Too many or too wide layers.
    #[error("a network has at most {MOST_LAYERS} layers of at most {MOST_WIDE}")]
    TooLarge,
}

/// No honest weight is larger.
const MOST_WEIGHT: f32 = 1e6;

/// The gate between layers: x at large x, 0 at very small, smooth between; cheaper than an exponential.
pub(crate) fn gate(x: f32) -> f32 {
    x * (0.5 + 0.5 * x / (1.0 + x.abs()))
}

/// Its slope.
pub(crate) fn gate_slope(x: f32) -> f32 {
    let one_and = 1.0 + x.abs();
    0.5 + 0.5 * x / one_and + 0.5 * x / (one_and * one_and)
}

/// A step upwards: never negative, smooth.
pub(crate) fn step_up(x: f32) -> f32 {
    if x > 15.0 { x } else { (1.0 + x.exp()).ln() }
}

/// Its slope.
pub(crate) fn step_up_slope(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl Network {
    /// A network of these parts, if they fit together.
    pub(crate) fn new(shifts: Vec<f32>, scales: Vec<f32>, layers: Vec<Layer>) -> Result<Network, Malformed> {
        if layers.is_empty() || layers.len() > MOST_LAYERS {
            return Err(Malformed::TooLarge);
        }
        if shifts.len() != INPUTS || scales.len() != INPUTS {
            return Err(Malformed::Shape);
        }
        let mut wide = INPUTS;
        for layer in &layers {
            if layer.biases.len() > MOST_WIDE {
                return Err(Malformed::TooLarge);
            }
            if layer.biases.is_empty() || layer.weights.len() != wide * layer.biases.len() {
                return Err(Malformed::Shape);
            }
            wide = layer.biases.len();
        }
        if wide != OUTPUTS {
            return Err(Malformed::Shape);
        }
        let network = Network { shifts, scales, layers };
        let all = network.layers.iter().flat_map(|layer| [&layer.weights, &layer.biases]);
        if all.chain([&network.shifts, &network.scales]).all(|weights| are_sane(weights)) {
            Ok(network)
        } else {
            Err(Malformed::Weight)
        }
    }

    /// What it foresees of some series, each told what stands at its place; finite and never crossing, whatever that is.
    pub(crate) fn foresee<const N: usize>(&self, told: [&[f32; INPUTS]; N]) -> [AllLevels; N] {
        // What belongs together in a sum stands together: the same value of every series.
        let (mut from, mut to) = ([[0.0f32; N]; MOST_WIDE], [[0.0f32; N]; MOST_WIDE]);
        for (at, (place, (shift, scale))) in from.iter_mut().zip(self.shifts.iter().zip(&self.scales)).enumerate() {
            *place = told.map(|inputs| (inputs[at] - shift) * scale);
        }
        let mut wide = INPUTS;
        for (number, layer) in self.layers.iter().enumerate() {
            let outputs = layer.biases.len();
            dense(&from[..wide], layer, &mut to);
            if number + 1 < self.layers.len() {
                to[..outputs].as_flattened_mut().iter_mut().for_each(|value| *value = gate(*value));
            }
            std::mem::swap(&mut from, &mut to);
            wide = outputs;
        }
        std::array::from_fn(|one| meant(&std::array::from_fn(|output| from[output][one]), told[one][BASE]))
    }
}

/// What outputs mean, as levels: finite and never crossing, whatever they are.
pub(crate) fn meant(outputs: &[f32; OUTPUTS], base: f32) -> AllLevels {
    let base = finite(base);
    let powers = curve::exp_all::<OUTPUTS>(std::array::from_fn(|at| {
        let output = finite(outputs[at]);
        if at % 3 == 0 { (base + output).clamp(0.0, MOST_LOG) } else { output }
    }));
    let most = curve::exp(MOST_LOG);
    std::array::from_fn(|horizon| {
        let [median, high, highest] = [powers[3 * horizon], powers[3 * horizon + 1], powers[3 * horizon + 2]];
        // A step up by ln(1 + e^x) in log space is a factor of 1 + e^x here.
        let high = (median * (1.0 + high)).min(most);
        [median - 1.0, high - 1.0, (high * (1.0 + highest)).min(most) - 1.0]
    })
}

/// Whether these are numbers that weights can be.
pub(crate) fn are_sane(weights: &[f32]) -> bool {
    weights.iter().all(|weight| weight.abs() <= MOST_WEIGHT)
}

fn finite(value: f32) -> f32 {
    if value.is_finite() { value.clamp(-MOST_LOG, MOST_LOG) } else { 0.0 }
}

/// One layer; as many outputs at a time as sums fit into registers.
fn dense<const N: usize>(from: &[[f32; N]], layer: &Layer, to: &mut [[f32; N]; MOST_WIDE]) {
    match (N, layer.biases.len()) {
        (1, 32..) => outputs::<N, 32>(from, layer, to),
        (1, 8..) => outputs::<N, 8>(from, layer, to),
        (_, 4..) => outputs::<N, 4>(from, layer, to),
        _ => outputs::<N, 1>(from, layer, to),
    }
}

/// All outputs, `AT_ONCE` at a time; there are that many at least.
fn outputs<const N: usize, const AT_ONCE: usize>(from: &[[f32; N]], layer: &Layer, to: &mut [[f32; N]; MOST_WIDE]) {
    let wide = layer.biases.len();
    for at in (0..wide).step_by(AT_ONCE) {
        // The last begin early enough: some are summed up twice.
        let at = at.min(wide - AT_ONCE);
        let mut sums: [[f32; N]; AT_ONCE] = std::array::from_fn(|output| [layer.biases[at + output]; N]);
        for (inputs, row) in from.iter().zip(layer.weights.chunks_exact(wide)) {
            for (sums, &weight) in sums.iter_mut().zip(&row[at..at + AT_ONCE]) {
                for (sum, input) in sums.iter_mut().zip(inputs) {
                    *sum += input * weight;
                }
            }
        }
        to[at..at + AT_ONCE].copy_from_slice(&sums);
    }
}
