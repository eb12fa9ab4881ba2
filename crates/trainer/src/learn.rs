//! Learning: Adam on batches of fresh examples, until what was never learnt from gets no better.

use crate::chance::Chance;
use crate::examples::{Example, Source};
use indicatif::{ProgressBar, ProgressStyle};
use traffic::behavior::{CLASSES, FEATURES, HIDDEN, Parameters, WEIGHTS};

/// How long and how fast.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Pace {
    /// Rounds of fresh examples at most
    #[arg(long, default_value_t = 36)]
    rounds: usize,
    /// Examples in a round
    #[arg(long, default_value_t = 60_000)]
    examples: usize,
    /// Rounds without progress after which to stop
    #[arg(long, default_value_t = 12)]
    patience: usize,
}

const BATCH: usize = 128;
/// Examples by which progress is judged.
const JUDGED: usize = 24_000;
const FASTEST: f32 = 0.003;
const SLOWEST: f32 = 0.000_05;
const DECAY: f32 = 0.000_02;
/// Of the truth, what all other classes share: keeps the model from boasting.
const DOUBT: f32 = 0.03;

const FIRST: usize = (FEATURES + 1) * HIDDEN[0];
const SECOND: usize = (HIDDEN[0] + 1) * HIDDEN[1];

/// Learns from `source`; the same seed gives the same parameters on the same machine.
pub fn learn(source: Source<'_>, seed: u64, pace: Pace) -> Parameters {
    let judged = source.examples(JUDGED, seed ^ 0x6a75_6467_6564);
    let (means, deviations) = scales(&source.examples(JUDGED, seed ^ 0x7363_616c_6573));
    let mut net = Net::new(seed, means, deviations);
    let mut best = (f32::MAX, net.weights.clone());
    let mut since = 0;
    let bar = ProgressBar::new(pace.rounds as u64).with_style(
        ProgressStyle::with_template("{elapsed_precise} {bar:30} round {pos}/{len}, {msg}, {eta} left")
            .expect("a valid template"),
    );
    let mut next = source.examples(pace.examples, round_seed(seed, 0));
    for round in 0..pace.rounds {
        let examples = std::mem::take(&mut next);
        next = std::thread::scope(|scope| {
            // The next round's examples are made while this round is learnt.
            let fresh = scope.spawn(move || source.examples(pace.examples, round_seed(seed, round + 1)));
            let batches = examples.len().div_ceil(BATCH);
            for (nth, batch) in examples.chunks(BATCH).enumerate() {
                let done = (round * batches + nth) as f32 / (pace.rounds * batches) as f32;
                let rate = SLOWEST + (FASTEST - SLOWEST) * 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
                net.step(batch, rate);
            }
            fresh.join().expect("making examples does not panic")
        });
        let loss = net.loss(&judged);
        bar.inc(1);
        bar.set_message(format!("loss {loss:.4}, best {:.4}", best.0.min(loss)));
        if loss < best.0 {
            best = (loss, net.weights.clone());
            since = 0;
        } else {
            since += 1;
            if since >= pace.patience {
                break;
            }
        }
    }
    bar.finish();
    net.weights = best.1;
    net.parameters(&judged)
}

fn round_seed(seed: u64, round: usize) -> u64 {
    seed.wrapping_add(1).wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(round as u64 * 7_919)
}

fn scales(examples: &[Example]) -> ([f32; FEATURES], [f32; FEATURES]) {
    let (mut means, mut deviations) = ([0.0; FEATURES], [0.0; FEATURES]);
    for feature in 0..FEATURES {
        let count = examples.len() as f64;
        let mean = examples.iter().map(|example| f64::from(example.features[feature])).sum::<f64>() / count;
        let variance =
            examples.iter().map(|example| (f64::from(example.features[feature]) - mean).powi(2)).sum::<f64>() / count;
        means[feature] = mean as f32;
        deviations[feature] = variance.sqrt().max(0.01) as f32;
    }
    (means, deviations)
}

struct Net {
    means: [f32; FEATURES],
    deviations: [f32; FEATURES],
    weights: Vec<f32>,
    /// Adam's two averages (Kingma and Ba 2014).
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
    gradient: Vec<f32>,
}

/// What the layers said of one example.
struct Said {
    inputs: [f32; FEATURES],
    one: [f32; HIDDEN[0]],
    two: [f32; HIDDEN[1]],
    out: [f32; CLASSES],
}

fn layer<const OUT: usize>(weights: &[f32], inputs: &[f32]) -> [f32; OUT] {
    let mut out = [0.0; OUT];
    let (rows, biases) = weights.split_at(inputs.len() * OUT);
    out.copy_from_slice(biases);
    for (row, &input) in rows.chunks_exact(OUT).zip(inputs) {
        for (value, &weight) in out.iter_mut().zip(row) {
            *value += input * weight;
        }
    }
    out
}

/// Adds a layer's gradient and returns that of its inputs.
fn back<const IN: usize, const OUT: usize>(
    weights: &[f32],
    gradient: &mut [f32],
    inputs: &[f32; IN],
    errors: &[f32; OUT],
) -> [f32; IN] {
    let mut before = [0.0; IN];
    let (rows, biases) = gradient.split_at_mut(IN * OUT);
    for (bias, &error) in biases.iter_mut().zip(errors) {
        *bias += error;
    }
    for (((row, own), &input), before) in
        rows.chunks_exact_mut(OUT).zip(weights.chunks_exact(OUT)).zip(inputs).zip(&mut before)
    {
        let mut sum = [0.0; 4];
        for (at, ((place, &weight), &error)) in row.iter_mut().zip(own).zip(errors).enumerate() {
            *place += input * error;
            sum[at % 4] += weight * error;
        }
        *before = sum.iter().sum();
    }
    before
}

impl Net {
    fn new(seed: u64, means: [f32; FEATURES], deviations: [f32; FEATURES]) -> Net {
        let mut chance = Chance::new(seed);
        let mut weights = Vec::with_capacity(WEIGHTS);
        for (inputs, outputs) in [(FEATURES, HIDDEN[0]), (HIDDEN[0], HIDDEN[1]), (HIDDEN[1], CLASSES)] {
            // He et al. 2015, for layers that cut at zero.
            let deviation = (2.0 / inputs as f64).sqrt();
            weights.extend((0..inputs * outputs).map(|_| (chance.normal() * deviation) as f32));
            weights.extend((0..outputs).map(|_| 0.0_f32));
        }
        let zeros = vec![0.0; WEIGHTS];
        let (first, second, gradient) = (zeros.clone(), zeros.clone(), zeros);
        Net { means, deviations, weights, first, second, steps: 0, gradient }
    }

    fn forward(&self, features: &[f32; FEATURES]) -> Said {
        let mut inputs = *features;
        for ((value, &mean), &deviation) in inputs.iter_mut().zip(&self.means).zip(&self.deviations) {
            // What is far outside all that was learnt counts as at its edge.
            *value = (*value - mean) / deviation;
        }
        let (first, rest) = self.weights.split_at(FIRST);
        let (second, third) = rest.split_at(SECOND);
        let mut one = layer::<{ HIDDEN[0] }>(first, &inputs);
        one.iter_mut().for_each(|value| *value = value.max(0.0));
        let mut two = layer::<{ HIDDEN[1] }>(second, &one);
        two.iter_mut().for_each(|value| *value = value.max(0.0));
        let out = layer::<CLASSES>(third, &two);
        Said { inputs, one, two, out }
    }

    fn step(&mut self, batch: &[Example], rate: f32) {
        let mut gradient = std::mem::take(&mut self.gradient);
        gradient.fill(0.0);
        for example in batch {
            let said = self.forward(&example.features);
            let mut errors = chances(&said.out, 1.0);
            for (class, error) in errors.iter_mut().enumerate() {
                let truth = if class == example.class { 1.0 - DOUBT } else { DOUBT / (CLASSES - 1) as f32 };
                *error = (*error - truth) / batch.len() as f32;
            }
            let (first, rest) = self.weights.split_at(FIRST);
            let (second, third) = rest.split_at(SECOND);
            let (own_first, own_rest) = gradient.split_at_mut(FIRST);
            let (own_second, own_third) = own_rest.split_at_mut(SECOND);
            let mut two = back(third, own_third, &said.two, &errors);
            two.iter_mut().zip(&said.two).filter(|(_, on)| **on <= 0.0).for_each(|(error, _)| *error = 0.0);
            let mut one = back(second, own_second, &said.one, &two);
            one.iter_mut().zip(&said.one).filter(|(_, on)| **on <= 0.0).for_each(|(error, _)| *error = 0.0);
            back(first, own_first, &said.inputs, &one);
        }
        self.steps += 1;
        let (one, two) = (1.0 - 0.9_f32.powi(self.steps), 1.0 - 0.999_f32.powi(self.steps));
        for (((weight, gradient), first), second) in
            self.weights.iter_mut().zip(&gradient).zip(&mut self.first).zip(&mut self.second)
        {
            *first = 0.9 * *first + 0.1 * gradient;
            *second = 0.999 * *second + 0.001 * gradient * gradient;
            *weight -= rate * (*first / one / ((*second / two).sqrt() + 1e-8) + DECAY * *weight);
        }
        self.gradient = gradient;
    }

    fn loss(&self, examples: &[Example]) -> f32 {
        let sum: f64 = examples
            .iter()
            .map(|example| -f64::from(chances(&self.forward(&example.features).out, 1.0)[example.class].max(1e-9)).ln())
            .sum();
        (sum / examples.len() as f64) as f32
    }

    /// With the scales folded into the first layer, and the temperature that makes chances what they say
    /// (Guo et al. 2017).
    fn parameters(&self, judged: &[Example]) -> Parameters {
        let outs: Vec<([f32; CLASSES], usize)> =
            judged.iter().map(|example| (self.forward(&example.features).out, example.class)).collect();
        let loss = |temperature: f32| -> f64 {
            outs.iter().map(|(out, class)| -f64::from(chances(out, temperature)[*class].max(1e-9)).ln()).sum()
        };
        let temperature = (10..=80)
            .map(|step| step as f32 * 0.05)
            .min_by(|a, b| loss(*a).total_cmp(&loss(*b)))
            .expect("there are temperatures");
        let mut weights = [0.0; WEIGHTS];
        weights.copy_from_slice(&self.weights);
        let biases = FEATURES * HIDDEN[0];
        for feature in 0..FEATURES {
            for neuron in 0..HIDDEN[0] {
                let weight = &mut weights[feature * HIDDEN[0] + neuron];
                *weight /= self.deviations[feature];
                let shift = *weight * self.means[feature];
                weights[biases + neuron] -= shift;
            }
        }
        Parameters { weights, temperature, thresholds: [u8::MAX; CLASSES] }
    }
}

fn chances(out: &[f32; CLASSES], temperature: f32) -> [f32; CLASSES] {
    let most = out.iter().fold(f32::MIN, |most, &value| most.max(value));
    let mut chances = out.map(|value| ((value - most) / temperature).exp());
    let sum: f32 = chances.iter().sum();
    chances.iter_mut().for_each(|value| *value /= sum);
    chances
}
