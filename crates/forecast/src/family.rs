//! The models that stand beside each other for every series.

use crate::network::{Layer, Malformed, Network};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;

/// One of the models of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// What was, will be.
    Last,
    /// The exponentially weighted moving average.
    Ewma,
    /// The usual rate at this hour of the week.
    Seasonal,
    /// A program outside, see [`crate::Forecaster::suggest`].
    Outside,
    /// One of the quantile networks.
    Network(u8),
}

impl Member {
    /// How many there can be.
    pub const COUNT: usize = 4 + Family::MOST_NETWORKS;

    /// Those that say one number, of which past errors make quantiles.
    pub(crate) const POINTS: [Member; 4] = [Member::Last, Member::Ewma, Member::Seasonal, Member::Outside];

    /// All there can be.
    pub fn all() -> impl Iterator<Item = Member> {
        let networks = (0..Family::MOST_NETWORKS).map(|number| Member::Network(number as u8));
        Self::POINTS.into_iter().chain(networks)
    }

    /// Its place in [`Member::all`].
    pub const fn index(self) -> usize {
        match self {
            Member::Last => 0,
            Member::Ewma => 1,
            Member::Seasonal => 2,
            Member::Outside => 3,
            Member::Network(number) => 4 + number as usize,
        }
    }

    /// Its word in forecasts and scores.
    pub const fn name(self) -> &'static str {
        match self {
            Member::Last => "last",
            Member::Ewma => "ewma",
            Member::Seasonal => "seasonal",
            Member::Outside => "outside",
            Member::Network(0) => "network-1",
            Member::Network(1) => "network-2",
            Member::Network(2) => "network-3",
            Member::Network(_) => "network-4",
        }
    }
}

/// The networks of a family; the other members need no weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    networks: Vec<Network>,
}

/// Weights that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Not a safetensors file, or a damaged one.
    #[error("the weights are no safetensors file: {0}")]
    File(#[from] safetensors::SafeTensorError),
    /// A tensor is missing or of another kind.
    #[error("the weights lack `{0}`, or it is no list of 32-bit numbers")]
    Tensor(String),
    /// The parts do not make a network.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// More networks than a family has room for.
    #[error("a family has 1 to {} networks", Family::MOST_NETWORKS)]
    Count,
}

/// The weights that ship: what they were trained on and how good they are is in `docs/forecast-model.md`.
static SHIPPED: &[u8] = include_bytes!("weights.safetensors");

impl Family {
    /// No more networks than this.
    pub const MOST_NETWORKS: usize = 4;

    /// A family of these networks; of too many the first.
    pub fn new(mut networks: Vec<Network>) -> Family {
        networks.truncate(Self::MOST_NETWORKS);
        Family { networks }
    }

    /// The family that ships.
    pub fn shipped() -> Family {
        Family::from_bytes(SHIPPED).expect("the shipped weights are read by a test")
    }

    /// Its networks.
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// Which members can speak.
    pub fn has(&self, member: Member) -> bool {
        match member {
            Member::Last | Member::Ewma | Member::Seasonal | Member::Outside => true,
            Member::Network(number) => usize::from(number) < self.networks.len(),
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
        if networks.is_empty() { Err(WeightsError::Count) } else { Ok(Family { networks }) }
    }

    /// As a safetensors file; `about` says what the weights were trained on.
    pub fn to_bytes(&self, about: &str) -> Vec<u8> {
        let mut parts: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        let mut put = |name: String, shape: Vec<usize>, numbers: &[f32]| {
            parts.push((name, shape, numbers.iter().flat_map(|number| number.to_le_bytes()).collect()));
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
        let views = parts.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("shape and bytes come from one layer");
            (name.as_str(), view)
        });
        let about = HashMap::from([("about".to_owned(), about.to_owned())]);
        safetensors::serialize(views, Some(about)).expect("names and shapes of layers are small")
    }
}

fn numbers(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<f32>, WeightsError> {
    let lacking = || WeightsError::Tensor(name.to_owned());
    let tensor = tensors.tensor(name).map_err(|_| lacking())?;
    if tensor.dtype() != Dtype::F32 {
        return Err(lacking());
    }
    let numbers = tensor.data().chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    Ok(numbers.collect())
}
