//! Learning a recurrent network: passages of series are gone through second by second, and what was lost at the end is
//! traced back to the beginning (backpropagation through time). Loss, steps and averages are those of networks.

use crate::chance::Chance;
use crate::features::{BASE, INPUTS};
use crate::lessons::{CHECKED, Lesson, Sampling, Table};
use crate::network::OUTPUTS;
use crate::recurrent::{GATES, Part, Recurrent, UNITS, part};
use crate::steps::{Learning, Progress, go_through, step_width};
use crate::train::{Course, DECAY, Learnt, judge, lose};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use std::ops::{ControlFlow, Range};

/// How a recurrent network learns; the rest is as in a [`Course`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unrolling {
    /// Steps at most, of `batch` passages each.
    pub steps: usize,
    /// Passages in a step.
    pub batch: usize,
    /// The largest step width of Adam.
    pub step_width: f32,
}

impl Default for Unrolling {
    fn default() -> Unrolling {
        Unrolling { steps: 6_000, batch: 32, step_width: 3e-3 }
    }
}

/// A passage has so many seconds; the first are only listened to.
const PASSAGE: usize = 112;
const LISTENED: usize = 24;

/// No more seconds are kept to learn from: some 150 MB.
const MOST_ROWS: usize = 400_000;

/// Batches that are checked at each.
const CHECKED_BATCHES: usize = 8;

/// Slopes longer than this are shortened to it: one burst shall not throw the weights away.
const LONGEST: f32 = 5.0;

/// Seconds of lessons in their order.
#[derive(Clone, Debug)]
pub struct Passages {
    table: Table,
    learn: Vec<Range<usize>>,
    check: Vec<Range<usize>>,
}

impl Passages {
    /// Every second of `lessons`, each once as it is and, as far as there is room, at other scales.
    pub fn draw(lessons: &[Lesson], sampling: &Sampling) -> Passages {
        let mut chance = Chance::new(sampling.seed ^ 0x7061_7373);
        let seconds: usize = lessons.iter().map(|lesson| lesson.seconds.len()).sum();
        let copies = (MOST_ROWS / seconds.max(1)).clamp(1, 1 + sampling.copies);
        let piece = MOST_ROWS / lessons.len().max(1);
        let mut passages = Passages { table: Table::default(), learn: Vec::new(), check: Vec::new() };
        for (number, lesson) in lessons.iter().enumerate() {
            for copy in 0..copies {
                let scale = if copy == 0 { 1.0 } else { (chance.between(-1.0, 1.0) * sampling.scale).exp() };
                let begins = passages.table.came.len();
                let spare = lesson.seconds.len().saturating_sub(piece);
                let from = chance.below(spare as u64 + 1) as usize;
                let to = lesson.seconds.len().min(from + piece);
                passages.table.add(&lesson.part(from..to), scale, 1, 1.0);
                let rows = begins..passages.table.came.len();
                if rows.len() < PASSAGE {
                    continue;
                }
                match number % CHECKED as usize {
                    0 if lessons.len() >= 2 * CHECKED as usize => passages.check.push(rows),
                    _ => passages.learn.push(rows),
                }
            }
        }
        passages
    }

    /// Where passages begin, by chance: of each lesson as often, long or short.
    fn pick(spans: &[Range<usize>], batch: usize, chance: &mut Chance) -> Vec<usize> {
        let one = |_| {
            let span = &spans[chance.below(spans.len() as u64) as usize];
            span.start + chance.below((span.len() - PASSAGE + 1) as u64) as usize
        };
        (0..batch).map(one).collect()
    }
}

/// Learns a recurrent network; `report` may end it early, with what was learnt by then. `None` where no lesson is as
/// long as a passage.
pub(crate) fn unroll(
    passages: &Passages,
    unrolling: &Unrolling,
    course: &Course,
    report: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Option<Recurrent> {
    if passages.learn.is_empty() {
        return None;
    }
    let mut chance = Chance::new(course.seed ^ 0x7265_6375);
    let pupil = Pupil::new(&passages.table, &mut chance);
    go_through(Studies { pupil, passages, unrolling, course, chance }, unrolling.steps, report)
}

/// A recurrent network that learns from passages.
struct Studies<'a> {
    pupil: Pupil,
    passages: &'a Passages,
    unrolling: &'a Unrolling,
    course: &'a Course,
    chance: Chance,
}

impl Learning for Studies<'_> {
    type Learnt = Recurrent;

    fn step(&mut self, step: usize) -> f64 {
        self.pupil.step(self.passages, step, self.unrolling, self.course, &mut self.chance)
    }

    fn learnt(&self) -> Option<Recurrent> {
        self.pupil.recurrent()
    }

    fn checked_loss(&self, recurrent: &Recurrent) -> Option<f64> {
        checked_loss(self.passages, recurrent, self.course)
    }
}

/// What is lost on passages of lessons that are not learnt from, the same each time.
fn checked_loss(passages: &Passages, recurrent: &Recurrent, course: &Course) -> Option<f64> {
    if passages.check.is_empty() {
        return None;
    }
    let mut chance = Chance::new(7);
    let pupil = Pupil::from(recurrent);
    let (mut sum, mut count) = (0.0, 0usize);
    for begin in Passages::pick(&passages.check, CHECKED_BATCHES * 32, &mut chance).chunks(32) {
        let gone = pupil.go(&passages.table, begin, None);
        for (at, outputs) in gone.outputs.rows().into_iter().enumerate().skip(LISTENED * begin.len()) {
            let row = begin[at % begin.len()] + at / begin.len();
            sum += judge(outputs.to_slice()?, passages.table.inputs_of(row)[BASE], &passages.table, row, course);
            count += 1;
        }
    }
    Some(sum / count.max(1) as f64)
}

/// A recurrent network that learns.
struct Pupil {
    shifts: Array1<f32>,
    scales: Array1<f32>,
    gates_by_input: Learnt,
    gates_by_unit: Learnt,
    gate_biases: Learnt,
    outputs_by_input: Learnt,
    outputs_by_unit: Learnt,
    output_biases: Learnt,
}

/// Some passages side by side, gone through: rows are seconds, and in each second passages.
struct Gone {
    inputs: Array2<f32>,
    /// What the units kept before each second, and what the gates said: what is kept, what counts, what is new, and what
    /// the new one had of the units.
    before: Vec<Array2<f32>>,
    gates: Vec<Array2<f32>>,
    of_units: Vec<Array2<f32>>,
    kept: Array2<f32>,
    outputs: Array2<f32>,
}

impl Pupil {
    fn new(table: &Table, chance: &mut Chance) -> Pupil {
        let rows = ArrayView2::from_shape((table.came.len(), INPUTS), &table.inputs).unwrap_or_else(|_| {
            unreachable!("a table has as many inputs as its rows need");
        });
        let shifts = rows.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(INPUTS));
        let deviations: Array1<f32> = (0..INPUTS)
            .map(|input| {
                let column = rows.column(input);
                let squares = column.iter().map(|value| f64::from(value - shifts[input]).powi(2));
                (squares.sum::<f64>() / table.came.len().max(1) as f64).sqrt() as f32
            })
            .collect();
        let mut weights = |from: usize, to: usize, spread: f32| {
            Array2::from_shape_fn((from, to), |_| chance.normal() * spread / (from as f32).sqrt())
        };
        let (mut by_input, by_unit) = (weights(INPUTS, GATES, 1.0), weights(UNITS, GATES, 1.0));
        // What never varied was not learnt from, so it shall have no say.
        for input in (0..INPUTS).filter(|&input| deviations[input] == 0.0) {
            by_input.row_mut(input).fill(0.0);
        }
        Pupil {
            scales: deviations.mapv(|deviation| 1.0 / deviation.max(0.05)),
            shifts,
            gates_by_input: Learnt::new(by_input),
            gates_by_unit: Learnt::new(by_unit),
            // Units keep what they have until they learn otherwise.
            gate_biases: Learnt::new(Array2::from_shape_fn((1, GATES), |(_, gate)| f32::from(u8::from(gate < UNITS)))),
            outputs_by_input: Learnt::new(Array2::zeros((INPUTS, OUTPUTS))),
            outputs_by_unit: Learnt::new(weights(UNITS, OUTPUTS, 0.1)),
            output_biases: Learnt::new(Array2::zeros((1, OUTPUTS))),
        }
    }

    fn from(recurrent: &Recurrent) -> Pupil {
        let of = |part: Part, to: usize| {
            let numbers = recurrent.part(part);
            Learnt::new(Array2::from_shape_fn((numbers.len() / to, to), |(from, at)| numbers[from * to + at]))
        };
        Pupil {
            shifts: recurrent.part(Part::Shifts).iter().copied().collect(),
            scales: recurrent.part(Part::Scales).iter().copied().collect(),
            gates_by_input: of(Part::GatesByInput, GATES),
            gates_by_unit: of(Part::GatesByUnit, GATES),
            gate_biases: of(Part::GateBiases, GATES),
            outputs_by_input: of(Part::OutputsByInput, OUTPUTS),
            outputs_by_unit: of(Part::OutputsByUnit, OUTPUTS),
            output_biases: of(Part::OutputBiases, OUTPUTS),
        }
    }

    /// Goes through the passages that begin at these rows; of some, chosen by chance, what is not
    /// always known is left out.
    fn go(&self, table: &Table, begin: &[usize], anonymous: Option<(f32, &mut Chance)>) -> Gone {
        let batch = begin.len();
        let mut inputs = Array2::zeros((PASSAGE * batch, INPUTS));
        // What is left out of one second of a passage is left out of all.
        let mut kept = vec![[1.0f32; INPUTS]; batch];
        if let Some((share, chance)) = anonymous {
            kept.iter_mut().for_each(|kept| table.leave_out(kept, share, chance));
        }
        for (at, mut to) in inputs.rows_mut().into_iter().enumerate() {
            to.assign(&ndarray::aview1(table.inputs_of(begin[at % batch] + at / batch)));
            to *= &ndarray::aview1(&kept[at % batch]);
        }
        inputs -= &self.shifts;
        inputs *= &self.scales;
        let of_inputs = inputs.dot(&self.gates_by_input.value) + &self.gate_biases.value;
        let mut kept = Array2::zeros((PASSAGE * batch, UNITS));
        let (mut before, mut gates, mut of_units) = (Vec::new(), Vec::new(), Vec::new());
        let mut now = Array2::<f32>::zeros((batch, UNITS));
        for second in 0..PASSAGE {
            let rows = second * batch..(second + 1) * batch;
            let by_units = now.dot(&self.gates_by_unit.value);
            let mut said = of_inputs.slice(s![rows.clone(), ..]).to_owned();
            before.push(now.clone());
            for one in 0..batch {
                for unit in 0..UNITS {
                    let [keep, count, new] = [unit, UNITS + unit, 2 * UNITS + unit];
                    let keeps = part(said[[one, keep]] + by_units[[one, keep]]);
                    let counts = part(said[[one, count]] + by_units[[one, count]]);
                    let news = (said[[one, new]] + counts * by_units[[one, new]]).tanh();
                    (said[[one, keep]], said[[one, count]], said[[one, new]]) = (keeps, counts, news);
                    now[[one, unit]] = keeps * now[[one, unit]] + (1.0 - keeps) * news;
                }
            }
            kept.slice_mut(s![rows, ..]).assign(&now);
            gates.push(said);
            of_units.push(by_units);
        }
        let outputs = kept.dot(&self.outputs_by_unit.value)
            + inputs.dot(&self.outputs_by_input.value)
            + &self.output_biases.value;
        Gone { inputs, before, gates, of_units, kept, outputs }
    }

    /// One step on passages drawn by chance; their mean loss.
    fn step(
        &mut self,
        passages: &Passages,
        step: usize,
        unrolling: &Unrolling,
        course: &Course,
        chance: &mut Chance,
    ) -> f64 {
        let table = &passages.table;
        let begin = Passages::pick(&passages.learn, unrolling.batch.max(1), chance);
        let batch = begin.len();
        let gone = self.go(table, &begin, Some((course.anonymous, chance)));
        let mut slopes = Array2::<f32>::zeros(gone.outputs.dim());
        let (mut lost, count) = (0.0, (PASSAGE - LISTENED) * batch);
        for (at, (outputs, mut slopes)) in gone.outputs.rows().into_iter().zip(slopes.rows_mut()).enumerate() {
            let (Some(outputs), Some(slopes)) = (outputs.to_slice(), slopes.as_slice_mut()) else { continue };
            if at < LISTENED * batch {
                continue;
            }
            let row = begin[at % batch] + at / batch;
            let base = table.inputs_of(row)[BASE];
            lost += lose(outputs, base, &table.came[row], table.at_least[row], table.scale[row], course, slopes);
        }
        slopes /= count as f32;
        self.trace_back(&gone, &slopes, batch);
        let width = step_width(unrolling.step_width, step, unrolling.steps);
        let decay = |is_bias: bool| if is_bias { 0.0 } else { DECAY };
        let mut all = self.learnt();
        let length = all.iter().map(|(learnt, _)| learnt.slope.iter().map(|slope| slope * slope).sum::<f32>());
        let length = length.sum::<f32>().sqrt();
        for (learnt, is_bias) in &mut all {
            if length > LONGEST {
                learnt.slope *= LONGEST / length;
            }
            learnt.step(width, step, decay(*is_bias));
        }
        lost / count as f64
    }

    /// All that is learnt, and whether it is a bias.
    fn learnt(&mut self) -> [(&mut Learnt, bool); 6] {
        [
            (&mut self.gates_by_input, false),
            (&mut self.gates_by_unit, false),
            (&mut self.gate_biases, true),
            (&mut self.outputs_by_input, false),
            (&mut self.outputs_by_unit, false),
            (&mut self.output_biases, true),
        ]
    }

    /// The slopes of all weights, from those of the outputs.
    fn trace_back(&mut self, gone: &Gone, slopes: &Array2<f32>, batch: usize) {
        let sum = |slopes: &Array2<f32>| slopes.sum_axis(Axis(0)).insert_axis(Axis(0));
        self.outputs_by_input.slope = gone.inputs.t().dot(slopes);
        self.outputs_by_unit.slope = gone.kept.t().dot(slopes);
        self.output_biases.slope = sum(slopes);
        let of_kept = slopes.dot(&self.outputs_by_unit.value.t());
        let mut of_gates = Array2::<f32>::zeros((PASSAGE * batch, GATES));
        let mut by_unit = Array2::<f32>::zeros((UNITS, GATES));
        let mut later = Array2::<f32>::zeros((batch, UNITS));
        for second in (0..PASSAGE).rev() {
            let rows = second * batch..(second + 1) * batch;
            let (before, gates, of_units) = (&gone.before[second], &gone.gates[second], &gone.of_units[second]);
            let here = &of_kept.slice(s![rows.clone(), ..]) + &later;
            let mut of_inputs = of_gates.slice_mut(s![rows, ..]);
            let mut through_units = Array2::<f32>::zeros((batch, GATES));
            for one in 0..batch {
                for unit in 0..UNITS {
                    let [keep, count, new] = [unit, UNITS + unit, 2 * UNITS + unit];
                    let [keeps, counts, news] = [gates[[one, keep]], gates[[one, count]], gates[[one, new]]];
                    let slope = here[[one, unit]];
                    let of_new = slope * (1.0 - keeps) * (1.0 - news * news);
                    let of_keep = slope * (before[[one, unit]] - news) * keeps * (1.0 - keeps);
                    let of_count = of_new * of_units[[one, new]] * counts * (1.0 - counts);
                    (of_inputs[[one, keep]], of_inputs[[one, count]], of_inputs[[one, new]]) =
                        (of_keep, of_count, of_new);
                    (through_units[[one, keep]], through_units[[one, count]], through_units[[one, new]]) =
                        (of_keep, of_count, of_new * counts);
                    later[[one, unit]] = slope * keeps;
                }
            }
            by_unit += &before.t().dot(&through_units);
            later += &through_units.dot(&self.gates_by_unit.value.t());
        }
        self.gates_by_input.slope = gone.inputs.t().dot(&of_gates);
        self.gates_by_unit.slope = by_unit;
        self.gate_biases.slope = sum(&of_gates);
    }

    fn recurrent(&self) -> Option<Recurrent> {
        let flat = |learnt: &Learnt| learnt.average.iter().copied().collect();
        Recurrent::new([
            self.shifts.to_vec(),
            self.scales.to_vec(),
            flat(&self.gates_by_input),
            flat(&self.gates_by_unit),
            flat(&self.gate_biases),
            flat(&self.outputs_by_input),
            flat(&self.outputs_by_unit),
            flat(&self.output_biases),
        ])
        .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use vocab::{BitRate, TrafficClass, Usage};

    fn passages() -> Passages {
        let lesson = |every: u64| {
            let rate = |second| BitRate::from_kbps(if second % every < 5 { 4_000 } else { 100 });
            let seconds = (0..400).map(|second| Some(Usage::Free(rate(second)))).collect();
            Lesson::new(Kind::Aggregate(TrafficClass::Streaming), 0, seconds)
        };
        Passages::draw(&(20..24).map(lesson).collect::<Vec<_>>(), &Sampling::default())
    }

    /// Slopes that are traced back are those that are measured.
    #[test]
    fn slopes_are_those_of_the_loss() {
        let passages = passages();
        let mut pupil = Pupil::new(&passages.table, &mut Chance::new(3));
        // Outputs far from kinks of the loss: any weights of them do.
        let towards = Array2::from_shape_fn((PASSAGE * 2, OUTPUTS), |(at, of)| ((at * 7 + of) % 5) as f32 - 2.0);
        let begin = Passages::pick(&passages.learn, 2, &mut Chance::new(5));
        let value = |pupil: &Pupil| {
            let gone = pupil.go(&passages.table, &begin, None);
            gone.outputs.iter().zip(&towards).map(|(output, towards)| f64::from(output * towards)).sum::<f64>()
        };
        let gone = pupil.go(&passages.table, &begin, None);
        pupil.trace_back(&gone, &towards, 2);
        for which in 0..6 {
            for at in [(0, 0), (0, 1), (0, 7)] {
                let told = pupil.learnt()[which].0.slope[at];
                let mut measured = [0.0; 2];
                for (side, measured) in [-1e-2f32, 1e-2].into_iter().zip(&mut measured) {
                    pupil.learnt()[which].0.value[at] += side;
                    *measured = value(&pupil);
                    pupil.learnt()[which].0.value[at] -= side;
                }
                let slope = (measured[1] - measured[0]) / 2e-2;
                assert!(
                    (slope - f64::from(told)).abs() <= 0.02 * slope.abs().max(1.0),
                    "{which} {at:?}: {slope} {told}"
                );
            }
        }
    }

    #[test]
    fn it_learns() {
        let mut losses = Vec::new();
        let unrolling = Unrolling { steps: 100, batch: 4, ..Unrolling::default() };
        let learnt = unroll(&passages(), &unrolling, &Course::default(), &mut |progress| {
            losses.push(progress.learning_loss);
            ControlFlow::Continue(())
        });
        assert!(learnt.is_some());
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        assert!(last < 0.8 * first, "{losses:?}");
    }
}
