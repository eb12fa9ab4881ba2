//! A quantile network: from the inputs of a second to all quantiles of all horizons.
//!
//! Dense layers with a smooth gate between them. The outputs are steps in log-level space, relative to the mean of
//! the last 15 s: the median, and from there twice a step that cannot be negative, so that quantiles never cross.

use crate::features::{BASE, INPUTS, MOST_LOG};
use vocab::Horizon;

/// Three quantiles for each horizon, in log-level space, never decreasing.
pub(crate) type LogQuantiles = [[f32; 3]; Horizon::COUNT];

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

    /// What it foresees; finite and never crossing, whatever it is told.
    pub(crate) fn foresee(&self, inputs: &[f32; INPUTS]) -> LogQuantiles {
        let (mut from, mut to) = ([0.0f32; MOST_WIDE], [0.0f32; MOST_WIDE]);
        for (place, ((&input, shift), scale)) in from.iter_mut().zip(inputs.iter().zip(&self.shifts).zip(&self.scales))
        {
            *place = (input - shift) * scale;
        }
        let mut wide = INPUTS;
        for (number, layer) in self.layers.iter().enumerate() {
            let outputs = layer.biases.len();
            dense(&from[..wide], layer, &mut to[..outputs]);
            if number + 1 < self.layers.len() {
                to[..outputs].iter_mut().for_each(|value| *value = gate(*value));
            }
            std::mem::swap(&mut from, &mut to);
            wide = outputs;
        }
        meant(&from[..OUTPUTS], inputs[BASE])
    }
}

/// What outputs mean: finite and never crossing, whatever they are.
pub(crate) fn meant(outputs: &[f32], base: f32) -> LogQuantiles {
    let base = finite(base);
    std::array::from_fn(|horizon| {
        let of = |quantile: usize| finite(outputs[horizon * 3 + quantile]);
        let median = (base + of(0)).clamp(0.0, MOST_LOG);
        let high = (median + step_up(of(1))).min(MOST_LOG);
        [median, high, (high + step_up(of(2))).min(MOST_LOG)]
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
fn dense(from: &[f32], layer: &Layer, to: &mut [f32]) {
    let mut at = 0;
    at = outputs::<32>(from, layer, to, at);
    at = outputs::<8>(from, layer, to, at);
    at = outputs::<4>(from, layer, to, at);
    outputs::<1>(from, layer, to, at);
}

/// The outputs from the `at`-th on, `N` at a time, as long as there are as many; where it ended.
fn outputs<const N: usize>(from: &[f32], layer: &Layer, to: &mut [f32], mut at: usize) -> usize {
    let wide = to.len();
    while at + N <= wide {
        let mut sums = [0.0f32; N];
        sums.copy_from_slice(&layer.biases[at..at + N]);
        for (&input, row) in from.iter().zip(layer.weights.chunks_exact(wide)) {
            for (sum, weight) in sums.iter_mut().zip(&row[at..at + N]) {
                *sum += input * weight;
            }
        }
        to[at..at + N].copy_from_slice(&sums);
        at += N;
    }
    at
}
