//! The models that stand beside each other for every series.

use crate::network::{Layer, Malformed, Network};
use crate::recurrent::Recurrent;
use crate::trees::{DEPTH, EDGES, Forest, LEAVES, MalformedTrees, Split, Trees};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use vocab::Horizon;

/// One of the models of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// What was, will be.
    Last,
    /// The exponentially weighted moving average.
    Ewma,
    /// The usual rate at this hour of the week.
    Seasonal,
    /// Autoregression on the last twenty seconds.
    Autoregression,
    /// A program outside, see [`crate::Forecaster::suggest`].
    Outside,
    /// One of the quantile networks.
    Network(u8),
    /// The quantile trees.
    Trees,
    /// The recurrent network.
    Recurrent,
}

impl Member {
    /// How many there can be.
    pub const COUNT: usize = Self::POINTS.len() + Family::MOST_NETWORKS + 2;

    /// Those that say one number, of which past errors make quantiles.
    pub(crate) const POINTS: [Member; 5] =
        [Member::Last, Member::Ewma, Member::Seasonal, Member::Autoregression, Member::Outside];

    /// All there can be.
    pub const ALL: [Member; Self::COUNT] = [
        Member::Last,
        Member::Ewma,
        Member::Seasonal,
        Member::Autoregression,
        Member::Outside,
        Member::Network(0),
        Member::Network(1),
        Member::Network(2),
        Member::Network(3),
        Member::Trees,
        Member::Recurrent,
    ];

    /// Its place in [`Member::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Member::Last => 0,
            Member::Ewma => 1,
            Member::Seasonal => 2,
            Member::Autoregression => 3,
            Member::Outside => 4,
            Member::Network(number) => Self::POINTS.len() + number as usize,
            Member::Trees => Self::POINTS.len() + Family::MOST_NETWORKS,
            Member::Recurrent => Self::POINTS.len() + Family::MOST_NETWORKS + 1,
        }
    }

    /// Its word in forecasts and scores.
    pub const fn name(self) -> &'static str {
        match self {
            Member::Last => "last",
            Member::Ewma => "ewma",
            Member::Seasonal => "seasonal",
            Member::Autoregression => "autoregression",
            Member::Outside => "outside",
            Member::Network(0) => "network-1",
            Member::Network(1) => "network-2",
            Member::Network(2) => "network-3",
            Member::Network(_) => "network-4",
            Member::Trees => "trees",
            Member::Recurrent => "recurrent",
        }
    }
}

/// The networks, trees and recurrent network of a family; the other members need no weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    networks: Vec<Network>,
    trees: Option<Trees>,
    recurrent: Option<Recurrent>,
}

/// Weights that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Not a safetensors file, or a damaged one.
    #[error("the weights are no safetensors file: {0}")]
    File(#[from] safetensors::SafeTensorError),
    /// A tensor is missing or of another kind.
    #[error("the weights lack `{0}`, or it is no list of the numbers that belong there")]
    Tensor(String),
    /// The parts do not make a network.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The parts do not make trees.
    #[error(transparent)]
    MalformedTrees(#[from] MalformedTrees),
    /// Nobody, or more networks than a family has room for.
    #[error("a family has at most {} networks, and at least one, or trees, or a recurrent one", Family::MOST_NETWORKS)]
    Count,
}

/// The weights that ship: what they were trained on is in `docs/forecast-data.md`, and how good
/// they are in `docs/benchmarks.md`.
static SHIPPED: &[u8] = include_bytes!("weights.safetensors");

impl Family {
    /// No more networks than this.
    pub const MOST_NETWORKS: usize = 4;

    /// A family of these networks; of too many the first.
    pub fn new(mut networks: Vec<Network>) -> Family {
        networks.truncate(Self::MOST_NETWORKS);
        Family { networks, ..Family::default() }
    }

    /// The same family, and these trees.
    pub fn with_trees(self, trees: Trees) -> Family {
        Family { trees: Some(trees), ..self }
    }

    /// The same family, and this recurrent network.
    pub fn with_recurrent(self, recurrent: Recurrent) -> Family {
        Family { recurrent: Some(recurrent), ..self }
    }

    /// The family that ships.
    pub fn shipped() -> Family {
        Family::from_bytes(SHIPPED).expect("the shipped weights are read by a test")
    }

    /// Its networks.
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// Its trees, if it has any.
    pub fn trees(&self) -> Option<&Trees> {
        self.trees.as_ref()
    }

    /// Its recurrent network, if it has one.
    pub fn recurrent(&self) -> Option<&Recurrent> {
        self.recurrent.as_ref()
    }

    /// Which members can speak.
    pub fn has(&self, member: Member) -> bool {
        match member {
            Member::Last | Member::Ewma | Member::Seasonal | Member::Autoregression | Member::Outside => true,
            Member::Network(number) => usize::from(number) < self.networks.len(),
            Member::Trees => self.trees.is_some(),
            Member::Recurrent => self.recurrent.is_some(),
        }
    }

    /// Reads a safetensors file as [`Family::to_bytes`] writes it; anything else is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Family, WeightsError> {
        let tensors = SafeTensors::deserialize(bytes)?;
        let mut networks = Vec::new();
        while tensors.tensor(&format!("{}.shifts", networks.len())).is_ok() {
            if networks.len() == Self::MOST_NETWORKS {
                return Err(WeightsError::Count);
            }
            let number = networks.len();
            let mut layers = Vec::new();
            while tensors.tensor(&format!("{number}.{}.weights", layers.len())).is_ok() {
                let at = layers.len();
                layers.push(Layer {
                    weights: numbers(&tensors, &format!("{number}.{at}.weights"))?,
                    biases: numbers(&tensors, &format!("{number}.{at}.biases"))?,
                });
            }
            let shifts = numbers(&tensors, &format!("{number}.shifts"))?;
            let scales = numbers(&tensors, &format!("{number}.scales"))?;
            networks.push(Network::new(shifts, scales, layers)?);
        }
        let trees = tensors.tensor(EDGES_OF_TREES).is_ok().then(|| trees(&tensors)).transpose()?;
        let recurrent = tensors.tensor(Recurrent::TENSORS[0].0).is_ok().then(|| recurrent(&tensors)).transpose()?;
        let family = Family { networks, trees, recurrent };
        if family == Family::default() { Err(WeightsError::Count) } else { Ok(family) }
    }

    /// As a safetensors file; `about` says what the weights were trained on.
    pub fn to_bytes(&self, about: &str) -> Vec<u8> {
        let mut parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        let mut put = |name: String, shape: Vec<usize>, numbers: &[f32]| {
            let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            parts.push((name, Dtype::F32, shape, bytes));
        };
        for (number, network) in self.networks.iter().enumerate() {
            put(format!("{number}.shifts"), vec![network.shifts.len()], &network.shifts);
            put(format!("{number}.scales"), vec![network.scales.len()], &network.scales);
            for (at, layer) in network.layers.iter().enumerate() {
                let outputs = layer.biases.len();
                let shape = vec![layer.weights.len() / outputs.max(1), outputs];
                put(format!("{number}.{at}.weights"), shape, &layer.weights);
                put(format!("{number}.{at}.biases"), vec![outputs], &layer.biases);
            }
        }
        if let Some(recurrent) = &self.recurrent {
            for ((name, length), numbers) in Recurrent::TENSORS.into_iter().zip(recurrent.parts()) {
                put(name.to_owned(), vec![length], numbers);
            }
        }
        if let Some(trees) = &self.trees {
            put(EDGES_OF_TREES.to_owned(), vec![trees.edges.len(), EDGES], trees.edges.as_flattened());
            for (horizon, forest) in Horizon::ALL.into_iter().zip(&trees.forests) {
                put(of_forest(horizon, "begins"), vec![3], &forest.begins);
            }
            for (horizon, forest) in Horizon::ALL.into_iter().zip(&trees.forests) {
                let count = forest.splits.len();
                let splits = forest.splits.iter().flatten().flat_map(|split| [split.input, split.bin]).collect();
                parts.push((of_forest(horizon, "splits"), Dtype::U8, vec![count, DEPTH, 2], splits));
                let leaves = forest.leaves.iter().flatten().flatten().flat_map(|answer| answer.to_le_bytes()).collect();
                parts.push((of_forest(horizon, "leaves"), Dtype::I16, vec![count, LEAVES, 3], leaves));
            }
        }
        let views = parts.iter().map(|(name, dtype, shape, bytes)| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).expect("shape and bytes come from one place");
            (name.as_str(), view)
        });
        let about = HashMap::from([("about".to_owned(), about.to_owned())]);
        safetensors::serialize(views, Some(about)).expect("names and shapes of parts are small")
    }
}

/// The tensor that every file with trees has.
const EDGES_OF_TREES: &str = "trees.edges";

fn of_forest(horizon: Horizon, part: &str) -> String {
    format!("trees.{}.{part}", horizon.name())
}

fn trees(tensors: &SafeTensors<'_>) -> Result<Trees, WeightsError> {
    let edges = arrays(&numbers(tensors, EDGES_OF_TREES)?)?;
    let forest = |horizon: Horizon| {
        let begins = numbers(tensors, &of_forest(horizon, "begins"))?;
        let begins = begins.try_into().map_err(|_| MalformedTrees::Shape)?;
        let splits = data(tensors, &of_forest(horizon, "splits"), Dtype::U8)?;
        let splits: Vec<Split> = arrays(splits)?.into_iter().map(|[input, bin]| Split { input, bin }).collect();
        let leaves = data(tensors, &of_forest(horizon, "leaves"), Dtype::I16)?;
        let leaves: Vec<i16> = leaves.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
        Ok(Forest { begins, splits: arrays(&splits)?, leaves: arrays(&arrays(&leaves)?)? })
    };
    let forests = Horizon::ALL.into_iter().map(forest).collect::<Result<Vec<_>, WeightsError>>()?;
    Ok(Trees::new(edges, forests)?)
}

fn recurrent(tensors: &SafeTensors<'_>) -> Result<Recurrent, WeightsError> {
    let mut parts = [const { Vec::new() }; Recurrent::TENSORS.len()];
    for (part, (name, _)) in parts.iter_mut().zip(Recurrent::TENSORS) {
        *part = numbers(tensors, name)?;
    }
    Ok(Recurrent::new(parts)?)
}

/// As many at a time; refused where some remain.
fn arrays<T: Copy, const N: usize>(all: &[T]) -> Result<Vec<[T; N]>, MalformedTrees> {
    let (whole, rest) = all.as_chunks();
    if rest.is_empty() { Ok(whole.to_vec()) } else { Err(MalformedTrees::Shape) }
}

fn numbers(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<f32>, WeightsError> {
    let numbers = data(tensors, name, Dtype::F32)?.chunks_exact(4);
    Ok(numbers.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect())
}

fn data<'a>(tensors: &SafeTensors<'a>, name: &str, dtype: Dtype) -> Result<&'a [u8], WeightsError> {
    let lacking = || WeightsError::Tensor(name.to_owned());
    let tensor = tensors.tensor(name).map_err(|_| lacking())?;
    if tensor.dtype() == dtype { Ok(tensor.data()) } else { Err(lacking()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::INPUTS;
    use crate::recurrent::UNITS;
    use proptest::prelude::*;

    /// Three trees for each horizon, no two answers alike.
    fn trees() -> Trees {
        let forest = |horizon: usize| Forest {
            begins: [horizon as f32, 1.0, 2.0],
            splits: (0..3u8).map(|tree| std::array::from_fn(|at| Split { input: 7 * tree, bin: at as u8 })).collect(),
            leaves: (0..3).map(|tree| std::array::from_fn(|leaf| [tree, leaf as i16, -(leaf as i16)])).collect(),
        };
        let edges = vec![std::array::from_fn(|at| at as f32); INPUTS];
        Trees::new(edges, (0..Horizon::COUNT).map(forest).collect()).expect("they fit together")
    }

    /// No two numbers alike, nearly.
    fn recurrent() -> Recurrent {
        let parts = Recurrent::TENSORS.map(|(_, length)| (0..length).map(|at| (at as f32 * 0.7).sin() * 0.3).collect());
        Recurrent::new(parts).expect("they fit together")
    }

    /// A file with some bytes overwritten.
    fn damaged(family: &Family, damage: Vec<(prop::sample::Index, u8)>) -> Vec<u8> {
        let mut bytes = family.to_bytes("a test");
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let shipped = Family::shipped();
        assert!(!shipped.has(Member::Trees), "what ships is small");
        let all = shipped.clone().with_trees(trees()).with_recurrent(recurrent());
        for family in
            [shipped, Family::default().with_trees(trees()), Family::default().with_recurrent(recurrent()), all]
        {
            assert_eq!(Family::from_bytes(&family.to_bytes("a test")).expect("it is sound"), family);
        }
        assert!(matches!(Family::from_bytes(&Family::default().to_bytes("nobody")), Err(WeightsError::Count)));
    }

    /// The same file, with one more number at the end of a tensor.
    fn with_one_more(bytes: &[u8], name: &str) -> Vec<u8> {
        let tensors = SafeTensors::deserialize(bytes).expect("it is sound");
        let parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = tensors
            .iter()
            .map(|(of, tensor)| {
                let mut data = tensor.data().to_vec();
                let mut shape = tensor.shape().to_vec();
                if of == name {
                    let size = tensor.dtype().bitsize() / 8;
                    shape = vec![data.len() / size + 1];
                    data.extend(vec![0; size]);
                }
                (of.to_owned(), tensor.dtype(), shape, data)
            })
            .collect();
        let views = parts.iter().map(|(name, dtype, shape, data)| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), data).expect("shape and data fit"))
        });
        safetensors::serialize(views, None).expect("it is small")
    }

    #[test]
    fn trees_with_a_number_too_many_are_refused() {
        let bytes = Family::default().with_trees(trees()).to_bytes("a test");
        assert!(Family::from_bytes(&with_one_more(&bytes, "nobody")).is_ok());
        for part in ["begins", "splits", "leaves"] {
            let refused = Family::from_bytes(&with_one_more(&bytes, &of_forest(Horizon::Mean15s, part)));
            assert!(matches!(refused, Err(WeightsError::MalformedTrees(MalformedTrees::Shape))), "{part}: {refused:?}");
        }
        let refused = Family::from_bytes(&with_one_more(&bytes, EDGES_OF_TREES));
        assert!(matches!(refused, Err(WeightsError::MalformedTrees(MalformedTrees::Shape))), "{refused:?}");
    }

    #[test]
    fn all_members_have_their_place() {
        let places: Vec<usize> = Member::ALL.map(Member::index).to_vec();
        assert_eq!(places, (0..Member::COUNT).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn damaged_trees_are_refused_or_sane(
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            inputs in proptest::collection::vec(-100.0..100.0f32, INPUTS),
        ) {
            let bytes = damaged(&Family::default().with_trees(trees()), damage);
            let mut told = [0.0; INPUTS];
            told.copy_from_slice(&inputs);
            if let Ok(Family { trees: Some(trees), .. }) = Family::from_bytes(&bytes) {
                for quantiles in trees.foresee([&told])[0] {
                    prop_assert!(quantiles.is_sorted() && quantiles.iter().all(|said| said.is_finite()), "{quantiles:?}");
                }
            }
        }

        #[test]
        fn a_damaged_recurrent_network_is_refused_or_sane(
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            seconds in proptest::collection::vec(-100.0..100.0f32, 1..4),
        ) {
            let bytes = damaged(&Family::default().with_recurrent(recurrent()), damage);
            if let Ok(Family { recurrent: Some(recurrent), .. }) = Family::from_bytes(&bytes) {
                let mut kept = [0.0; UNITS];
                for second in seconds {
                    recurrent.take(&[second; INPUTS], &mut kept);
                    for quantiles in recurrent.foresee(&[second; INPUTS], &kept) {
                        let is_finite = quantiles.iter().all(|said| said.is_finite());
                        prop_assert!(quantiles.is_sorted() && is_finite, "{quantiles:?}");
                    }
                }
            }
        }
    }
}
