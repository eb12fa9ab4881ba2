//! Learning the weights of a network from rows.
//!
//! The loss is what the forecasts are judged by: the quantile loss in levels, divided by the mean level of the
//! series. Its slope in log-level space is that of the plain loss times the level foreseen over the mean, bounded
//! both ways. Adam, a cosine of the step width, an average over the last steps' weights, and a stop when series that
//! were kept apart are no longer foreseen better.

use crate::chance::Chance;
use crate::features::{self, BASE, INPUTS};
use crate::lessons::{Rows, Table};
use crate::network::{Layer, MOST_WIDE, Network, OUTPUTS, gate, gate_slope, step_up, step_up_slope};
use crate::score::pinball;
use crate::steps::{Learning, Progress, go_through, step_width};
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};
use std::ops::ControlFlow;
use vocab::Horizon;

/// The probabilities of the quantiles.
pub(crate) const PROBABILITIES: [f32; 3] = [0.5, 0.9, 0.99];

/// How a network learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// Units in each of the two layers between inputs and outputs.
    pub width: usize,
    /// Steps at most, of [`Course::batch`] rows each.
    pub steps: usize,
    /// Rows in a step.
    pub batch: usize,
    /// The largest step width of Adam.
    pub step_width: f32,
    /// How much the mean of the next 15 s counts beside another horizon: guarantees are made of it.
    pub mean_counts: f32,
    /// How often the kind of the series is left out.
    pub anonymous: f32,
    /// Which random numbers.
    pub seed: u64,
}

impl Default for Course {
    fn default() -> Course {
        Course { width: 96, steps: 10_000, batch: 256, step_width: 2e-3, mean_counts: 5.0, anonymous: 0.2, seed: 1 }
    }
}

impl Course {
    fn counts(&self, horizon: Horizon) -> f32 {
        match horizon {
            Horizon::Mean15s => self.mean_counts,
            Horizon::After1s | Horizon::After5s | Horizon::After15s | Horizon::After60s => 1.0,
        }
    }
}

/// Rows that are checked at most.
const CHECKED_ROWS: usize = 20_000;

/// A row counts no less and no more than this for its level over the mean of its series.
pub(crate) const LEAST_WEIGHT: f32 = 0.05;
pub(crate) const MOST_WEIGHT: f32 = 8.0;

/// No row is judged to lose more than this, in means of its series.
pub(crate) const MOST_LOST: f32 = 20.0;

/// Weights shrink by this part of the step width in each step.
pub(crate) const DECAY: f32 = 1e-2;

/// The weight of the newest step in the averages that become the network.
const AVERAGING: f32 = 4e-3;

/// Learns a network from `rows`, beginning as `from` is, or by chance; `report` may end it early, with what was learnt
/// by then. `None` where there are no rows.
pub fn train(
    rows: &Rows,
    course: &Course,
    from: Option<&Network>,
    report: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Option<Network> {
    if rows.is_empty() {
        return None;
    }
    let mut chance = Chance::new(course.seed);
    let pupil = match from {
        Some(network) => Pupil::from(network, &rows.learn),
        None => Pupil::new(&rows.learn, course, &mut chance),
    };
    go_through(Studies { pupil, rows, course, chance }, course.steps, report)
}

/// A network that learns from rows.
struct Studies<'a> {
    pupil: Pupil,
    rows: &'a Rows,
    course: &'a Course,
    chance: Chance,
}

impl Learning for Studies<'_> {
    type Learnt = Network;

    fn step(&mut self, step: usize) -> f64 {
        self.pupil.step(&self.rows.learn, step, self.course, &mut self.chance)
    }

    fn learnt(&self) -> Option<Network> {
        Some(self.pupil.network())
    }

    fn checked_loss(&self, network: &Network) -> Option<f64> {
        checked_loss(&self.rows.check, network, self.course, &mut Chance::new(7))
    }
}

/// The slopes of one row's loss by its outputs, written to `slopes`; the loss, as far as its slope goes: the same
/// errors in log-level space, each counted by the level foreseen.
pub(crate) fn lose(
    outputs: &[f32],
    base: f32,
    came: &[f32; Horizon::COUNT],
    at_least: u8,
    scale: f32,
    course: &Course,
    slopes: &mut [f32],
) -> f64 {
    let mut lost = 0.0;
    for horizon in Horizon::ALL {
        let at = horizon.index();
        let came = came[at];
        if came.is_nan() {
            continue;
        }
        let said = said(outputs, base, at);
        let mut by = [0.0f32; 3];
        for (quantile, probability) in PROBABILITIES.into_iter().enumerate() {
            let missed = came - said[quantile];
            if missed < 0.0 && at_least & 1 << at != 0 {
                continue;
            }
            let loudness = (said[quantile].min(features::MOST_LOG).exp() * scale).clamp(LEAST_WEIGHT, MOST_WEIGHT);
            let weight = course.counts(horizon) * loudness;
            lost += f64::from(weight * pinball(came, said[quantile], probability));
            by[quantile] = weight * if missed > 0.0 { -probability } else { 1.0 - probability };
        }
        slopes[at * 3] = by[0] + by[1] + by[2];
        slopes[at * 3 + 1] = (by[1] + by[2]) * step_up_slope(outputs[at * 3 + 1]);
        slopes[at * 3 + 2] = by[2] * step_up_slope(outputs[at * 3 + 2]);
    }
    lost
}

/// The quantiles of one horizon, in log-level space.
fn said(outputs: &[f32], base: f32, horizon: usize) -> [f32; 3] {
    let median = base + outputs[horizon * 3];
    let high = median + step_up(outputs[horizon * 3 + 1]);
    [median, high, high + step_up(outputs[horizon * 3 + 2])]
}

/// What networks are judged by: the quantile loss in levels over the mean of the series, and no row's more than
/// [`MOST_LOST`], for one burst shall not decide.
pub(crate) fn judge(outputs: &[f32], base: f32, table: &Table, row: usize, course: &Course) -> f64 {
    let mut lost = 0.0;
    for horizon in Horizon::ALL {
        let came = table.came[row][horizon.index()];
        if came.is_nan() || table.at_least[row] & 1 << horizon.index() != 0 {
            continue;
        }
        let said = said(outputs, base, horizon.index());
        for (said, probability) in said.into_iter().zip(PROBABILITIES) {
            let loss = pinball(features::unlog(came), features::unlog(said), probability) * table.scale[row];
            lost += f64::from(course.counts(horizon) * loss.min(MOST_LOST));
        }
    }
    lost
}

fn checked_loss(table: &Table, network: &Network, course: &Course, chance: &mut Chance) -> Option<f64> {
    let count = table.came.len();
    if count == 0 {
        return None;
    }
    let layers: Vec<_> = network.layers.iter().collect();
    let checked = count.min(CHECKED_ROWS);
    let mut sum = 0.0;
    for _ in 0..checked.div_ceil(256) {
        let picked: Vec<usize> = (0..256).map(|_| table.row_at(chance.uniform())).collect();
        let mut values = Array2::from_shape_fn((256, INPUTS), |(at, input)| {
            (table.inputs_of(picked[at])[input] - network.shifts[input]) * network.scales[input]
        });
        for (number, layer) in layers.iter().enumerate() {
            let outputs = layer.biases.len();
            let weights = ArrayView2::from_shape((values.ncols(), outputs), &layer.weights).ok()?;
            values = values.dot(&weights) + &Array1::from(layer.biases.clone());
            if number + 1 < layers.len() {
                values.mapv_inplace(gate);
            }
        }
        for (outputs, &row) in values.rows().into_iter().zip(&picked) {
            let base = table.inputs_of(row)[BASE];
            let outputs = outputs.to_slice()?;
            sum += judge(outputs, base, table, row, course);
        }
    }
    Some(sum / (checked.div_ceil(256) * 256) as f64)
}

/// A matrix that learns: Adam (Kingma and Ba 2015), with the average of its latest values.
pub(crate) struct Learnt {
    pub(crate) value: Array2<f32>,
    pub(crate) slope: Array2<f32>,
    first: Array2<f32>,
    second: Array2<f32>,
    pub(crate) average: Array2<f32>,
}

impl Learnt {
    pub(crate) fn new(value: Array2<f32>) -> Learnt {
        let zero = Array2::zeros(value.dim());
        Learnt { average: value.clone(), slope: zero.clone(), first: zero.clone(), second: zero, value }
    }

    pub(crate) fn step(&mut self, width: f32, step: usize, decay: f32) {
        const FIRST: f32 = 0.9;
        const SECOND: f32 = 0.999;
        let begun = |memory: f32| 1.0 - memory.powi(step.min(100_000) as i32);
        let (first_begun, second_begun) = (begun(FIRST), begun(SECOND));
        // At the beginning the average would hold on to the weights by chance.
        let averaging = AVERAGING.max(1.0 / (step as f32 + 1.0));
        Zip::from(&mut self.value)
            .and(&self.slope)
            .and(&mut self.first)
            .and(&mut self.second)
            .and(&mut self.average)
            .for_each(|value, &slope, first, second, average| {
                *first = FIRST * *first + (1.0 - FIRST) * slope;
                *second = SECOND * *second + (1.0 - SECOND) * slope * slope;
                *value -= width * (*first / first_begun / ((*second / second_begun).sqrt() + 1e-8) + decay * *value);
                *average += averaging * (*value - *average);
            });
    }
}

/// What an input is multiplied by.
fn scale(deviation: f32) -> f32 {
    1.0 / deviation.max(0.05)
}

/// A network that learns.
struct Pupil {
    shifts: Array1<f32>,
    scales: Array1<f32>,
    layers: Vec<(Learnt, Learnt)>,
}

impl Pupil {
    fn new(table: &Table, course: &Course, chance: &mut Chance) -> Pupil {
        let spreads = table.spreads();
        let wide = course.width.clamp(1, MOST_WIDE);
        let shape = [INPUTS, wide, wide, OUTPUTS];
        let last = shape.len() - 2;
        let layers = (0..=last)
            .map(|at| {
                let spread = if at == last { 0.1 } else { 1.0 } * (2.0 / shape[at] as f32).sqrt();
                let weights = Array2::from_shape_fn((shape[at], shape[at + 1]), |(input, _)| {
                    let weight = chance.normal() * spread;
                    // What never varied was not learnt from, so it shall have no say.
                    if at == 0 && spreads[input].1 == 0.0 { 0.0 } else { weight }
                });
                (Learnt::new(weights), Learnt::new(Array2::zeros((1, shape[at + 1]))))
            })
            .collect();
        Pupil {
            shifts: spreads.iter().map(|(mean, _)| *mean).collect(),
            scales: spreads.iter().map(|&(_, deviation)| scale(deviation)).collect(),
            layers,
        }
    }

    /// Goes on where a network stopped. An input that had no say because it never varied is shifted and scaled as it
    /// varies now: it is heard no more than others.
    fn from(network: &Network, table: &Table) -> Pupil {
        let (mut shifts, mut scales) = (Array1::from(network.shifts.clone()), Array1::from(network.scales.clone()));
        let outputs = network.layers[0].biases.len();
        let rows = network.layers[0].weights.chunks_exact(outputs);
        for (input, (row, (mean, deviation))) in rows.zip(table.spreads()).enumerate() {
            if row.iter().all(|&weight| weight == 0.0) {
                (shifts[input], scales[input]) = (mean, scale(deviation));
            }
        }
        let mut wide = INPUTS;
        let layers = network.layers.iter().map(|layer| {
            let outputs = layer.biases.len();
            let weights =
                Array2::from_shape_fn((wide, outputs), |(input, output)| layer.weights[input * outputs + output]);
            let biases = Array2::from_shape_fn((1, outputs), |(_, output)| layer.biases[output]);
            wide = outputs;
            (Learnt::new(weights), Learnt::new(biases))
        });
        Pupil { layers: layers.collect(), shifts, scales }
    }

    /// One step on a batch drawn by chance; its mean loss.
    fn step(&mut self, table: &Table, step: usize, course: &Course, chance: &mut Chance) -> f64 {
        let batch = course.batch.max(1);
        let picked: Vec<usize> = (0..batch).map(|_| table.row_at(chance.uniform())).collect();
        let mut inputs = Array2::zeros((batch, INPUTS));
        for (mut to, &row) in inputs.rows_mut().into_iter().zip(&picked) {
            to.assign(&ndarray::aview1(table.inputs_of(row)));
            if let Some(inputs) = to.as_slice_mut() {
                table.leave_out(inputs, course.anonymous, chance);
            }
        }
        inputs -= &self.shifts;
        inputs *= &self.scales;
        let last = self.layers.len() - 1;
        let (mut gated, mut plain) = (vec![inputs], Vec::new());
        for (at, (weights, biases)) in self.layers.iter().enumerate() {
            let values = gated[at].dot(&weights.value) + &biases.value;
            if at < last {
                gated.push(values.mapv(gate));
            }
            plain.push(values);
        }
        let outputs = &plain[last];
        let mut slopes = Array2::<f32>::zeros(outputs.dim());
        let mut lost = 0.0;
        for ((outputs, mut slopes), &row) in outputs.rows().into_iter().zip(slopes.rows_mut()).zip(&picked) {
            let (Some(outputs), Some(slopes)) = (outputs.to_slice(), slopes.as_slice_mut()) else { continue };
            let (came, at_least) = (&table.came[row], table.at_least[row]);
            lost += lose(outputs, table.inputs_of(row)[BASE], came, at_least, table.scale[row], course, slopes);
        }
        slopes /= batch as f32;
        for at in (0..=last).rev() {
            let (weights, biases) = &mut self.layers[at];
            weights.slope = gated[at].t().dot(&slopes);
            biases.slope = slopes.sum_axis(Axis(0)).insert_axis(Axis(0));
            if at > 0 {
                let mut below = slopes.dot(&weights.value.t());
                Zip::from(&mut below).and(&plain[at - 1]).for_each(|slope, &value| *slope *= gate_slope(value));
                slopes = below;
            }
        }
        let width = step_width(course.step_width, step, course.steps);
        for (weights, biases) in &mut self.layers {
            weights.step(width, step, DECAY);
            biases.step(width, step, 0.0);
        }
        lost / batch as f64
    }

    fn network(&self) -> Network {
        let flat = |learnt: &Learnt| learnt.average.iter().copied().collect();
        let layers = self.layers.iter().map(|(weights, biases)| Layer { weights: flat(weights), biases: flat(biases) });
        Network { shifts: self.shifts.to_vec(), scales: self.scales.to_vec(), layers: layers.collect() }
    }
}
