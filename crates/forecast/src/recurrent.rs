//! A recurrent network: told each second what the other networks are told, it keeps what it likes of that in a few
//! units, and foresees from both.
//!
//! One layer of gated recurrent units (Cho et al. 2014), and a linear layer from them and the inputs to all quantiles of
//! all horizons, meant as those of a [`crate::Network`] are.

use crate::features::{BASE, INPUTS};
use crate::network::{Malformed, OUTPUTS, are_sane, meant};
use crate::said::AllLevels;

/// How much it keeps of a series.
pub(crate) const UNITS: usize = 24;

/// What a unit is made of: whether it keeps what it had, whether that counts for what is new, and what is new.
pub(crate) const GATES: usize = 3 * UNITS;

/// What it keeps of one series.
pub(crate) type Kept = [f32; UNITS];

/// A trained recurrent network. What it is told is shifted and scaled first, as it was in training.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrent([Vec<f32>; Part::COUNT]);

/// What it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Shifts,
    Scales,
    /// By input, then by gate.
    GatesByInput,
    /// By unit, then by gate.
    GatesByUnit,
    GateBiases,
    /// By input, then by output.
    OutputsByInput,
    /// By unit, then by output.
    OutputsByUnit,
    OutputBiases,
}

impl Part {
    pub const COUNT: usize = Recurrent::TENSORS.len();
}

/// From 0 to 1.
pub(crate) fn part(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl Recurrent {
    /// Its tensors in a file, in the order of [`Part`]: name, and how many numbers each has.
    pub(crate) const TENSORS: [(&'static str, usize); 8] = [
        ("recurrent.shifts", INPUTS),
        ("recurrent.scales", INPUTS),
        ("recurrent.gates_by_input", INPUTS * GATES),
        ("recurrent.gates_by_unit", UNITS * GATES),
        ("recurrent.gate_biases", GATES),
        ("recurrent.outputs_by_input", INPUTS * OUTPUTS),
        ("recurrent.outputs_by_unit", UNITS * OUTPUTS),
        ("recurrent.output_biases", OUTPUTS),
    ];

    /// A network of the parts that [`Recurrent::TENSORS`] names, in that order.
    pub(crate) fn new(parts: [Vec<f32>; Part::COUNT]) -> Result<Recurrent, Malformed> {
        if parts.iter().zip(Self::TENSORS).any(|(part, (_, length))| part.len() != length) {
            return Err(Malformed::Shape);
        }
        if parts.iter().all(|part| are_sane(part)) { Ok(Recurrent(parts)) } else { Err(Malformed::Weight) }
    }

    /// The parts again.
    pub(crate) fn parts(&self) -> &[Vec<f32>; Part::COUNT] {
        &self.0
    }

    pub(crate) fn part(&self, part: Part) -> &[f32] {
        &self.0[part as usize]
    }

    fn told(&self, inputs: &[f32; INPUTS]) -> [f32; INPUTS] {
        let (shifts, scales) = (self.part(Part::Shifts), self.part(Part::Scales));
        std::array::from_fn(|at| (inputs[at] - shifts[at]) * scales[at])
    }

    /// Takes one more second. Whatever it is told, what it keeps stays between -1 and 1.
    pub(crate) fn take(&self, inputs: &[f32; INPUTS], kept: &mut Kept) {
        let mut of_inputs = [0.0f32; GATES];
        of_inputs.copy_from_slice(self.part(Part::GateBiases));
        add(&mut of_inputs, &self.told(inputs), self.part(Part::GatesByInput));
        let mut of_units = [0.0f32; GATES];
        add(&mut of_units, kept, self.part(Part::GatesByUnit));
        for (unit, kept) in kept.iter_mut().enumerate() {
            let [keep, count, new] = [unit, UNITS + unit, 2 * UNITS + unit];
            let counts = part(of_inputs[count] + of_units[count]);
            let keeps = part(of_inputs[keep] + of_units[keep]);
            let new = (of_inputs[new] + counts * of_units[new]).tanh();
            let value = keeps * *kept + (1.0 - keeps) * new;
            *kept = if value.is_finite() { value } else { 0.0 };
        }
    }

    /// What it foresees, as levels, of a series of which it keeps `kept`, having taken `inputs`; finite and never crossing.
    pub(crate) fn foresee(&self, inputs: &[f32; INPUTS], kept: &Kept) -> AllLevels {
        let mut outputs = [0.0f32; OUTPUTS];
        outputs.copy_from_slice(self.part(Part::OutputBiases));
        add(&mut outputs, &self.told(inputs), self.part(Part::OutputsByInput));
        add(&mut outputs, kept, self.part(Part::OutputsByUnit));
        meant(&outputs, inputs[BASE])
    }
}

/// Adds what a layer makes of `from`.
fn add<const N: usize>(sums: &mut [f32; N], from: &[f32], weights: &[f32]) {
    for (&from, row) in from.iter().zip(weights.chunks_exact(N)) {
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += from * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::MOST_LOG;
    use proptest::prelude::*;

    fn parts(number: impl Fn(usize) -> f32) -> [Vec<f32>; Recurrent::TENSORS.len()] {
        Recurrent::TENSORS.map(|(_, length)| (0..length).map(&number).collect())
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Recurrent::new(parts(|_| 0.1)).is_ok());
        assert_eq!(Recurrent::new(parts(|_| f32::NAN)).err(), Some(Malformed::Weight));
        for at in 0..Recurrent::TENSORS.len() {
            let mut short = parts(|_| 0.1);
            short[at].pop();
            assert_eq!(Recurrent::new(short).err(), Some(Malformed::Shape));
        }
    }

    proptest! {
        #[test]
        fn whatever_it_is_told_it_stays_finite_and_in_order(
            weights in proptest::collection::vec(-1e6f32..1e6, 7),
            seconds in proptest::collection::vec(-1e30f32..1e30, 1..5),
        ) {
            let recurrent = Recurrent::new(parts(|at| weights[at % 7])).expect("it is sound");
            let mut kept = [0.0; UNITS];
            for second in seconds {
                let inputs: [f32; INPUTS] = std::array::from_fn(|at| if at % 3 == 0 { second } else { -second });
                recurrent.take(&inputs, &mut kept);
                prop_assert!(kept.iter().all(|kept| kept.abs() <= 1.0), "{kept:?}");
                for [p50, p90, p99] in recurrent.foresee(&inputs, &kept) {
                    prop_assert!(0.0 <= p50 && p50 <= p90 && p90 <= p99 && p99.ln() <= MOST_LOG, "{p50} {p90} {p99}");
                }
            }
        }
    }
}
