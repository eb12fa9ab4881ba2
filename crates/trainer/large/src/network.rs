//! One recurrent layer and a linear one from its units and the inputs to all quantiles of all horizons, in `burn`.

use crate::chance::Chance;
use crate::track::{BASE, INPUTS};
use burn::module::{Module, Param};
use burn::tensor::activation::{sigmoid, softplus, tanh};
use burn::tensor::{Device, Tensor, TensorData};
use vocab::Horizon;

/// The probabilities of the quantiles.
pub const PROBABILITIES: [f32; 3] = [0.5, 0.9, 0.99];

/// The medians of all horizons, then by how much P90 is above each, then P99 above that.
pub const OUTPUTS: usize = Horizon::COUNT * PROBABILITIES.len();

/// What keeps something of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Cell {
    /// Long short-term memory (Hochreiter and Schmidhuber 1997; with a gate to forget, Gers et al. 2000)
    Lstm,
    /// Gated recurrent units (Cho et al. 2014)
    Gru,
}

impl Cell {
    fn gates(self) -> usize {
        match self {
            Cell::Lstm => 4,
            Cell::Gru => 3,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Cell::Lstm => "LSTM",
            Cell::Gru => "GRU",
        }
    }
}

/// Its weights.
#[derive(Module, Debug)]
pub struct Network {
    gates_by_input: Param<Tensor<2>>,
    gates_by_unit: Param<Tensor<2>>,
    gate_biases: Param<Tensor<2>>,
    outputs_by_input: Param<Tensor<2>>,
    outputs_by_unit: Param<Tensor<2>>,
    output_biases: Param<Tensor<2>>,
}

/// What a network keeps of some series, a row each: of an LSTM what it says and what it remembers, of a GRU both in one.
#[derive(Clone)]
pub struct Kept {
    units: Tensor<2>,
    memory: Tensor<2>,
}

impl Network {
    /// The names of its weights, in the order of [`Network::weights`].
    pub const NAMES: [&str; 6] =
        ["gates_by_input", "gates_by_unit", "gate_biases", "outputs_by_input", "outputs_by_unit", "output_biases"];

    /// By chance, the same on every device.
    pub fn new(cell: Cell, units: usize, chance: &mut Chance, device: &Device) -> Network {
        let gates = cell.gates() * units;
        let mut by_chance = |from: usize, to: usize, spread: f64| {
            let deviation = spread / (from as f64).sqrt();
            let weights: Vec<f32> = (0..from * to).map(|_| (chance.normal() * deviation) as f32).collect();
            Param::from_tensor(Tensor::from_data(TensorData::new(weights, [from, to]), device))
        };
        let mut biases = vec![0.0f32; gates];
        if cell == Cell::Lstm {
            // It begins by remembering (Jozefowicz et al. 2015).
            biases[units..2 * units].fill(1.0);
        }
        Network {
            gates_by_input: by_chance(INPUTS, gates, 1.0),
            gates_by_unit: by_chance(units, gates, 1.0),
            gate_biases: Param::from_tensor(Tensor::from_data(TensorData::new(biases, [1, gates]), device)),
            outputs_by_input: by_chance(INPUTS, OUTPUTS, 0.1),
            outputs_by_unit: by_chance(units, OUTPUTS, 0.1),
            output_biases: Param::from_tensor(Tensor::zeros([1, OUTPUTS], device)),
        }
    }

    /// A network of these weights, in the order of [`Network::NAMES`].
    pub fn of(weights: [Tensor<2>; 6]) -> Network {
        let [gates_by_input, gates_by_unit, gate_biases, outputs_by_input, outputs_by_unit, output_biases] =
            weights.map(Param::from_tensor);
        Network { gates_by_input, gates_by_unit, gate_biases, outputs_by_input, outputs_by_unit, output_biases }
    }

    /// Its weights, as plain numbers that nothing is traced back to.
    pub fn weights(&self) -> [Tensor<2>; 6] {
        [
            &self.gates_by_input,
            &self.gates_by_unit,
            &self.gate_biases,
            &self.outputs_by_input,
            &self.outputs_by_unit,
            &self.output_biases,
        ]
        .map(|param| param.val().inner())
    }

    /// What it keeps of series of which it knows nothing.
    pub fn blank(&self, series: usize) -> Kept {
        let weights = self.gates_by_unit.val();
        let nothing = Tensor::zeros([series, weights.dims()[0]], &weights.device());
        Kept { units: nothing.clone(), memory: nothing }
    }

    /// Goes through seconds of some series side by side (`inputs`: a tensor a second, a row a series): what it foresees
    /// after each second from the `from`-th on, in log-level space: P50, P90 and P99 of each second's series in turn, a
    /// column a horizon.
    pub fn go(&self, cell: Cell, inputs: &[Tensor<2>], from: usize, kept: &mut Kept) -> [Tensor<2>; 3] {
        let (by_input, by_unit) = (self.gates_by_input.val(), self.gates_by_unit.val());
        let biases = self.gate_biases.val();
        let mut said = Vec::with_capacity(inputs.len() - from);
        for (second, told) in inputs.iter().enumerate() {
            let of_inputs = told.clone().matmul(by_input.clone()) + biases.clone();
            let of_units = kept.units.clone().matmul(by_unit.clone());
            match cell {
                Cell::Lstm => {
                    let [enter, keep, new, say] = parts(of_inputs + of_units);
                    kept.memory = sigmoid(keep) * kept.memory.clone() + sigmoid(enter) * tanh(new);
                    kept.units = sigmoid(say) * tanh(kept.memory.clone());
                }
                Cell::Gru => {
                    let ([keep, count, new], [keep_more, count_more, new_more]) = (parts(of_inputs), parts(of_units));
                    let new = tanh(new + sigmoid(count + count_more) * new_more);
                    kept.units = new.clone() + sigmoid(keep + keep_more) * (kept.units.clone() - new);
                }
            }
            if second >= from {
                said.push(kept.units.clone());
            }
        }
        let inputs = Tensor::cat(inputs[from..].to_vec(), 0);
        let base = inputs.clone().narrow(1, BASE, 1);
        let outputs = Tensor::cat(said, 0).matmul(self.outputs_by_unit.val())
            + inputs.matmul(self.outputs_by_input.val())
            + self.output_biases.val();
        let [median, to_high, to_highest] = parts(outputs);
        let p50 = median + crate::track::base(base);
        let p90 = p50.clone() + softplus(to_high, 1.0);
        let p99 = p90.clone() + softplus(to_highest, 1.0);
        [p50, p90, p99]
    }
}

/// Columns in `N` equal parts.
fn parts<const N: usize>(tensor: Tensor<2>) -> [Tensor<2>; N] {
    let wide = tensor.dims()[1] / N;
    std::array::from_fn(|part| tensor.clone().narrow(1, part * wide, wide))
}
