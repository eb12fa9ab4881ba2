//! A small network of two hidden layers: features in, the chance of each class out.
//!
//! The file of weights, little endian: [`MAGIC`]; the counts of features, of the two hidden layers and of
//! classes (u16 each); the temperature (f32); per class the least confidence for a verdict, in hundredths
//! (u8 each) and padding to four bytes; then f32: per layer a row of weights for each input, and one of biases. The features'
//! scales are folded into the first layer.

use super::FEATURES;
use vocab::TrafficClass;

/// Traffic classes, in their order, and "none of these" last.
pub const CLASSES: usize = TrafficClass::COUNT;
/// Neurons of the two hidden layers.
pub const HIDDEN: [usize; 2] = [64, 32];
/// How a file of weights begins.
pub const MAGIC: [u8; 4] = *b"EQB1";
/// Floats in a file of weights.
pub const WEIGHTS: usize = (FEATURES + 1) * HIDDEN[0] + (HIDDEN[0] + 1) * HIDDEN[1] + (HIDDEN[1] + 1) * CLASSES;
/// Bytes before the weights.
const HEADER: usize = 4 + 4 * 2 + 4 + 12;

static FILE: &[u8; HEADER + 4 * WEIGHTS] = include_bytes!("weights.bin");
static BUILT_IN: Parameters = Parameters::read(FILE);

/// All that was learnt.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Layer after layer: a row for each input, then the biases.
    pub weights: [f32; WEIGHTS],
    /// What the outputs are divided by, so that chances are what they say.
    pub temperature: f32,
    /// The least confidence for a verdict, in hundredths, per class.
    pub thresholds: [u8; CLASSES],
}

impl Parameters {
    const fn read(file: &[u8; HEADER + 4 * WEIGHTS]) -> Parameters {
        const fn float(file: &[u8], at: usize) -> f32 {
            f32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]])
        }
        const fn is(file: &[u8], at: usize, count: usize) -> bool {
            u16::from_le_bytes([file[at], file[at + 1]]) as usize == count
        }
        assert!(file[0] == MAGIC[0] && file[1] == MAGIC[1] && file[2] == MAGIC[2] && file[3] == MAGIC[3]);
        assert!(is(file, 4, FEATURES) && is(file, 6, HIDDEN[0]) && is(file, 8, HIDDEN[1]) && is(file, 10, CLASSES));
        let mut read = Parameters { weights: [0.0; WEIGHTS], temperature: float(file, 12), thresholds: [0; CLASSES] };
        let mut class = 0;
        while class < CLASSES {
            read.thresholds[class] = file[16 + class];
            class += 1;
        }
        let mut weight = 0;
        while weight < WEIGHTS {
            read.weights[weight] = float(file, HEADER + 4 * weight);
            weight += 1;
        }
        read
    }

    /// The file that holds them.
    pub fn file(&self) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        for count in [FEATURES, HIDDEN[0], HIDDEN[1], CLASSES] {
            file.extend((count as u16).to_le_bytes());
        }
        file.extend(self.temperature.to_le_bytes());
        file.extend(self.thresholds);
        file.resize(HEADER, 0);
        file.extend(self.weights.iter().flat_map(|weight| weight.to_le_bytes()));
        file
    }
}

/// The network with its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    parameters: &'a Parameters,
}

impl<'a> Model<'a> {
    /// With the parameters in the repository.
    pub fn built_in() -> Model<'static> {
        Model { parameters: &BUILT_IN }
    }

    /// With other parameters.
    pub fn new(parameters: &'a Parameters) -> Model<'a> {
        Model { parameters }
    }

    /// What it was made with.
    pub fn parameters(&self) -> &'a Parameters {
        self.parameters
    }

    /// The least confidence for a verdict of `class`, in hundredths.
    pub fn threshold(&self, class: TrafficClass) -> u8 {
        self.parameters.thresholds.get(class.index()).copied().unwrap_or(u8::MAX)
    }

    /// The chance of each class; they add up to 1.
    pub fn chances(&self, features: &[f32; FEATURES]) -> [f32; CLASSES] {
        let (first, rest) = self.parameters.weights.split_at((FEATURES + 1) * HIDDEN[0]);
        let (second, third) = rest.split_at((HIDDEN[0] + 1) * HIDDEN[1]);
        let mut one = layer::<FEATURES, { HIDDEN[0] }>(first, features);
        one.iter_mut().for_each(|value| *value = value.max(0.0));
        let mut two = layer::<{ HIDDEN[0] }, { HIDDEN[1] }>(second, &one);
        two.iter_mut().for_each(|value| *value = value.max(0.0));
        let mut out = layer::<{ HIDDEN[1] }, CLASSES>(third, &two);
        let most = out.iter().fold(f32::MIN, |most, &value| most.max(value));
        let mut sum = 0.0;
        for value in &mut out {
            *value = ((*value - most) / self.parameters.temperature).exp();
            sum += *value;
        }
        out.iter_mut().for_each(|value| *value /= sum);
        out
    }
}

/// Outputs that are added up at once: as many as fit into eight registers of four floats.
const BLOCK: usize = 32;

/// Weights times inputs plus biases. A row per input, so that many outputs are added up at once.
fn layer<const IN: usize, const OUT: usize>(weights: &[f32], inputs: &[f32; IN]) -> [f32; OUT] {
    let mut out = [0.0; OUT];
    let (rows, biases) = weights.split_at(IN * OUT);
    out.copy_from_slice(biases);
    // What is zero adds nothing: most shares are, and half of the neurons.
    let (mut telling, mut count) = ([0; IN], 0);
    for (at, &input) in inputs.iter().enumerate() {
        telling[count] = at;
        count += usize::from(input != 0.0);
    }
    let telling = &telling[..count];
    let row = |input: usize| &rows[input * OUT..(input + 1) * OUT];
    for (block, values) in out.chunks_mut(BLOCK).enumerate() {
        let columns = block * BLOCK..block * BLOCK + values.len();
        if let Ok(values) = <&mut [f32; BLOCK]>::try_from(&mut *values) {
            let mut sums = *values;
            for &input in telling {
                for (sum, &weight) in sums.iter_mut().zip(&row(input)[columns.clone()]) {
                    *sum += inputs[input] * weight;
                }
            }
            *values = sums;
        } else {
            for &input in telling {
                for (value, &weight) in values.iter_mut().zip(&row(input)[columns.clone()]) {
                    *value += inputs[input] * weight;
                }
            }
        }
    }
    out
}
