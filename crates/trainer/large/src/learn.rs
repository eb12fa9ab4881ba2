//! Learning: passages of series are gone through second by second, and what was lost is traced back to the beginning.
//!
//! Passages, loss, scales, step widths, averages and the stop are those of the small recurrent network in `forecast`
//! (`unroll.rs`, `train.rs`): the quantile loss in log-level space, each error counted by the level foreseen over the
//! mean of its series, so that its slope is that of the loss in levels; checked by the loss in levels itself.

use crate::chance::Chance;
use crate::network::{Cell, Network, PROBABILITIES};
use crate::track::{self, INPUTS, Track};
use burn::grad_clipping::GradientClippingConfig;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use forecast::{Course, Lesson, Progress, pinball};
use std::ops::ControlFlow;
use vocab::Horizon;

/// How it learns.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pub cell: Cell,
    pub units: usize,
    /// Steps at most, of `batch` passages each.
    pub steps: usize,
    pub batch: usize,
    pub step_width: f64,
    /// Half of the passages are learnt at other scales: at most e to this power, and one over it.
    pub spread: f64,
    pub seed: u64,
}

/// What the learning is about: tracks, and from which second of each on it is for checking only.
pub struct Desk {
    tracks: Vec<Track>,
    /// Of which tracks and seconds passages may be made: to learn from, and to check by.
    learn: Vec<(usize, std::ops::Range<usize>)>,
    check: Vec<(usize, std::ops::Range<usize>)>,
}

/// A passage has so many seconds; the first are only listened to.
const PASSAGE: usize = 112;
const LISTENED: usize = 24;

/// Of so many lessons one is kept to check by; of fewer than twice as many the last part of each.
const CHECKED: usize = 10;

/// Checks, and reports, in a whole course; after so many without a better one it ends.
const REPORTS: usize = 25;
const PATIENCE: usize = 8;

/// Batches that are checked at each, and passages in them.
const CHECKED_BATCHES: usize = 4;
const CHECKED_BATCH: usize = 64;

/// Slopes of one kind of weight longer than this are shortened to it.
const LONGEST: f32 = 5.0;

/// Weights shrink by this part of the step width in each step.
const DECAY: f32 = 1e-2;

/// The weight of the newest step in the averages that become the network.
const AVERAGING: f64 = 4e-3;

/// A row counts no less and no more than this for its level over the mean of its series.
const LEAST_WEIGHT: f32 = 0.05;
const MOST_WEIGHT: f32 = 8.0;

/// No row is judged to lose more than this, in means of its series.
const MOST_LOST: f32 = 20.0;

impl Desk {
    /// `None` where no lesson is as long as a passage.
    pub fn new(lessons: &[Lesson]) -> Option<Desk> {
        let tracks: Vec<Track> = lessons.iter().filter_map(Track::new).collect();
        let mut desk = Desk { learn: Vec::new(), check: Vec::new(), tracks };
        let few = desk.tracks.len() < 2 * CHECKED;
        for (number, track) in desk.tracks.iter().enumerate() {
            let apart = match (few, number % CHECKED) {
                (true, _) => track.len() - track.len() / CHECKED,
                (false, 0) => 0,
                (false, _) => track.len(),
            };
            for (spans, span) in [(&mut desk.learn, 0..apart), (&mut desk.check, apart..track.len())] {
                if span.len() >= PASSAGE {
                    spans.push((number, span));
                }
            }
        }
        (!desk.learn.is_empty()).then_some(desk)
    }

    /// How many seconds there are to learn from, and to check by.
    pub fn seconds(&self) -> [usize; 2] {
        [&self.learn, &self.check].map(|spans| spans.iter().map(|(_, span)| span.len()).sum())
    }
}

/// Passages side by side.
struct Batch {
    inputs: Vec<Tensor<2>>,
    /// Of each second that counts, each passage in turn: what came (0 where nobody knows) and what that counts.
    came: Vec<[f32; Horizon::COUNT]>,
    scale: Vec<f32>,
}

impl Batch {
    /// Of each series as often, long or short.
    fn pick(
        desk: &Desk,
        spans: &[(usize, std::ops::Range<usize>)],
        passages: usize,
        chances: (f64, f64),
        chance: &mut Chance,
        device: &Device,
    ) -> Batch {
        let (spread, anonymous) = chances;
        let picked: Vec<(&Track, usize, f32, bool)> = (0..passages)
            .map(|_| {
                let (track, span) = &spans[chance.count(0, spans.len() - 1)];
                let begin = chance.count(span.start, span.end - PASSAGE);
                // Half of them as they are.
                let scale = if chance.is(0.5) { 1.0 } else { chance.between(-spread, spread).exp() as f32 };
                (&desk.tracks[*track], begin, scale, chance.is(anonymous))
            })
            .collect();
        let told = |second: usize| {
            let of = |(track, begin, scale, anonymous): &(&Track, usize, f32, bool)| {
                track.tell(begin + second, *scale, *anonymous)
            };
            let inputs: Vec<f32> = picked.iter().flat_map(of).collect();
            Tensor::from_data(TensorData::new(inputs, [passages, INPUTS]), device)
        };
        let counted = || (LISTENED..PASSAGE).flat_map(|second| picked.iter().map(move |one| (second, one)));
        Batch {
            inputs: (0..PASSAGE).map(told).collect(),
            came: counted().map(|(second, (track, begin, scale, _))| track.came(begin + second, *scale)).collect(),
            scale: counted().map(|(_, (track, _, scale, _))| track.loss_scale(*scale)).collect(),
        }
    }
}

/// Learns; `report` may end it early. The best network so far, on `device` without traces.
pub fn learn(
    desk: &Desk,
    schedule: &Schedule,
    device: &Device,
    report: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Network {
    let tracing = device.clone().autodiff();
    let mut chance = Chance::new(schedule.seed);
    let course = Course::default();
    let mut network = Network::new(schedule.cell, schedule.units, &mut chance, &tracing);
    let mut average = network.weights();
    let clipping = GradientClippingConfig::Norm(LONGEST);
    let config = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(DECAY).with_grad_clipping(Some(clipping));
    let mut optimizer = config.init();
    let every = schedule.steps.div_ceil(REPORTS).max(1);
    let mut best: Option<(f64, [Tensor<2>; 6])> = None;
    let (mut since_best, mut lost) = (0, 0.0);
    for step in 1..=schedule.steps {
        let chances = (schedule.spread, f64::from(course.anonymous));
        let batch = Batch::pick(desk, &desk.learn, schedule.batch, chances, &mut chance, &tracing);
        let loss = loss(&network, schedule.cell, &batch, &course, &tracing);
        lost += f64::from(loss.clone().inner().into_scalar::<f32>());
        let slopes = GradientsParams::from_grads(loss.backward(), &network);
        network = optimizer.step(step_width(schedule, step), network, slopes);
        let averaging = AVERAGING.max(1.0 / (step as f64 + 1.0));
        for (average, now) in average.iter_mut().zip(network.weights()) {
            *average = average.clone() * (1.0 - averaging) + now * averaging;
        }
        if !step.is_multiple_of(every) && step != schedule.steps {
            continue;
        }
        let checked = checked_loss(desk, &Network::of(average.clone()), schedule.cell, &course, device);
        let so_far =
            Progress { step, steps: schedule.steps, learning_loss: lost / every as f64, checked_loss: checked };
        lost = 0.0;
        match (checked, &best) {
            (Some(loss), Some((least, _))) if loss >= *least => since_best += 1,
            (loss, _) => {
                best = Some((loss.unwrap_or_default(), average.clone()));
                since_best = 0;
            }
        }
        if report(so_far).is_break() || since_best >= PATIENCE {
            break;
        }
    }
    Network::of(best.map_or(average, |(_, weights)| weights))
}

/// Up for the first fiftieth, then down as a cosine.
fn step_width(schedule: &Schedule, step: usize) -> f64 {
    let done = step as f64 / schedule.steps as f64;
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
    schedule.step_width * (done * 50.0).min(1.0) * cosine.max(0.01)
}

fn counts(course: &Course) -> [f32; Horizon::COUNT] {
    Horizon::ALL.map(|horizon| if horizon == Horizon::Mean15s { course.mean_counts } else { 1.0 })
}

fn loss(network: &Network, cell: Cell, batch: &Batch, course: &Course, device: &Device) -> Tensor<1> {
    let rows = batch.came.len();
    let tensor =
        |numbers: Vec<f32>, wide: usize| Tensor::<2>::from_data(TensorData::new(numbers, [rows, wide]), device);
    let counts = counts(course);
    let count = |came: &[f32; Horizon::COUNT]| {
        let came = *came;
        (0..Horizon::COUNT).map(move |at| if came[at].is_nan() { 0.0 } else { counts[at] })
    };
    let counted = tensor(batch.came.iter().flat_map(count).collect(), Horizon::COUNT);
    let known = |came: &[f32; Horizon::COUNT]| came.map(|came| if came.is_nan() { 0.0 } else { came });
    let came = tensor(batch.came.iter().flat_map(known).collect(), Horizon::COUNT);
    let scale = tensor(batch.scale.clone(), 1);
    let mut kept = network.blank(batch.inputs[0].dims()[0]);
    let said = network.go(cell, &batch.inputs, LISTENED, &mut kept);
    let lost = said.into_iter().zip(PROBABILITIES).map(|(said, probability)| {
        let level = said.clone().detach().clamp_max(track::MOST_LOG).exp();
        let loudness = (level * scale.clone()).clamp(LEAST_WEIGHT, MOST_WEIGHT);
        let missed = came.clone() - said;
        let lost = (missed.clone() * probability).max_pair(missed * (probability - 1.0));
        (lost * loudness * counted.clone()).sum()
    });
    lost.reduce(|sum, one| sum + one).expect("there are quantiles") / rows as f32
}

/// What is lost on what is not learnt from, in levels over the mean of each series, the same passages each time.
fn checked_loss(desk: &Desk, network: &Network, cell: Cell, course: &Course, device: &Device) -> Option<f64> {
    if desk.check.is_empty() {
        return None;
    }
    let (mut chance, mut sum) = (Chance::new(7), 0.0);
    for _ in 0..CHECKED_BATCHES {
        let batch = Batch::pick(desk, &desk.check, CHECKED_BATCH, (0.0, 0.0), &mut chance, device);
        let mut kept = network.blank(CHECKED_BATCH);
        let said = network.go(cell, &batch.inputs, LISTENED, &mut kept);
        for (said, probability) in said.into_iter().zip(PROBABILITIES) {
            let said = numbers(said);
            for (at, said) in said.into_iter().enumerate() {
                let (row, horizon) = (at / Horizon::COUNT, at % Horizon::COUNT);
                let came = batch.came[row][horizon];
                if !came.is_nan() {
                    let lost = pinball(track::unlog(came), track::unlog(said), probability) * batch.scale[row];
                    sum += f64::from(counts(course)[horizon] * lost.min(MOST_LOST));
                }
            }
        }
    }
    Some(sum / (CHECKED_BATCHES * CHECKED_BATCH * (PASSAGE - LISTENED)) as f64)
}

/// The numbers of a tensor, row by row.
pub fn numbers(tensor: Tensor<2>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().expect("a device keeps what was computed on it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::foresee;
    use forecast::{Kind, Recorded};
    use vocab::TrafficClass;

    fn bursts(every: usize, seconds: usize) -> Recorded {
        let bytes = (0..seconds).map(|second| Some(if second % every < 5 { 500_000.0 } else { 12_500.0 }));
        let kind = Kind::Aggregate(TrafficClass::Streaming);
        Recorded { family: "made".to_owned(), name: String::new(), kind, first: 0, bytes: bytes.collect() }
    }

    fn learnt(cell: Cell, steps: usize, losses: &mut Vec<f64>) -> Network {
        let recorded: Vec<Recorded> = (20..24).map(|every| bursts(every, 1_200)).collect();
        let desk = Desk::new(&Recorded::lessons(&recorded)).expect("minutes of lessons");
        let schedule = Schedule { cell, units: 12, steps, batch: 4, step_width: 3e-3, spread: 2.0, seed: 3 };
        learn(&desk, &schedule, &Device::flex(), &mut |progress| {
            losses.push(progress.learning_loss);
            ControlFlow::Continue(())
        })
    }

    #[test]
    fn both_cells_learn() {
        for cell in [Cell::Lstm, Cell::Gru] {
            let mut losses = Vec::new();
            learnt(cell, 200, &mut losses);
            let (first, last) = (losses[0], losses[losses.len() - 1]);
            assert!(last < 0.8 * first, "{cell:?}: {losses:?}");
        }
    }

    #[test]
    fn the_same_seed_foresees_the_same_and_nothing_of_later_is_known() {
        let foreseen = |one: &Recorded| {
            let network = learnt(Cell::Lstm, 5, &mut Vec::new());
            foresee(&network, Cell::Lstm, std::slice::from_ref(one), &Device::flex(), &mut |_| ()).remove(0)
        };
        let (one, mut other) = (bursts(20, 300), bursts(20, 300));
        other.bytes[200..].fill(Some(7e6));
        let (one, other) = (foreseen(&one), foreseen(&other));
        let until = |known: usize| one.iter().take_while(|foreseen| foreseen.known <= known).count();
        assert_eq!(one.len(), other.len());
        assert_eq!((one.len(), one[0].known), (37, 60));
        assert_eq!(one[..until(200)], other[..until(200)]);
        assert_ne!(one[until(200)], other[until(200)]);
    }
}
