//! Rows as trees see them: inputs in bins, outcomes relative to the mean of the last 15 s.

use crate::chance::Chance;
use crate::features::{self, BASE, INPUTS};
use crate::grow::Growth;
use crate::lessons::{Rows, Table};
use crate::score::pinball;
use crate::train::{MOST_LOST, PROBABILITIES};
use crate::trees::{BINS, EDGES, Forest, Told, Trees, seen};
use std::sync::Arc;
use vocab::Horizon;

/// Rows that edges are taken from.
const EDGE_ROWS: usize = 50_000;

/// No more rows than this.
const MOST_ROWS: usize = 1_000_000;

/// Rows as trees see them.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub growth: Growth,
    pub edges: Arc<[[f32; EDGES]]>,
    pub learn: Plot,
    pub check: Plot,
}

/// Rows of one table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plot {
    pub told: Vec<Told>,
    /// What came, relative to the base.
    pub came: Vec<[f32; Horizon::COUNT]>,
    pub at_least: Vec<u8>,
    /// The log of the loudness of the base: its level over the mean of its series.
    pub loud: Vec<f32>,
    pub base: Vec<f32>,
}

impl Plot {
    fn put(&mut self, table: &Table, row: usize, inputs: &[f32], edges: &[[f32; EDGES]]) {
        let base = inputs[BASE];
        self.told.push(Trees::told(edges, inputs));
        self.came.push(table.came[row].map(|came| came - base));
        self.at_least.push(table.at_least[row]);
        self.loud.push(base + table.scale[row].ln());
        self.base.push(base);
    }
}

impl Ground {
    /// Prepares rows; `None` where there are none.
    pub fn new(rows: &Rows, growth: &Growth) -> Option<Ground> {
        if rows.is_empty() {
            return None;
        }
        let mut chance = Chance::new(growth.seed);
        let edges = edges(&rows.learn, &mut chance);
        let (mut learn, mut check) = (Plot::default(), Plot::default());
        // Drawn in order, so that neighbours in memory stay neighbours.
        let count = growth.rows.min(rows.len()).clamp(1, MOST_ROWS);
        for at in 0..count {
            let row = rows.learn.row_at((at as f32 + chance.uniform()) / count as f32);
            let mut inputs = rows.learn.inputs_of(row).to_vec();
            rows.learn.leave_out(&mut inputs, growth.anonymous, &mut chance);
            learn.put(&rows.learn, row, &inputs, &edges);
        }
        for row in 0..rows.check.came.len() {
            check.put(&rows.check, row, rows.check.inputs_of(row), &edges);
        }
        Some(Ground { growth: *growth, edges, learn, check })
    }
}

/// Edges between bins that hold about as many rows each.
fn edges(table: &Table, chance: &mut Chance) -> Arc<[[f32; EDGES]]> {
    let count = table.came.len().min(EDGE_ROWS);
    let picked: Vec<usize> = (0..count).map(|_| table.row_at(chance.uniform())).collect();
    let of_input = |input: usize| {
        let mut values: Vec<f32> = picked.iter().map(|&row| seen(table.inputs_of(row), input)).collect();
        values.sort_unstable_by(f32::total_cmp);
        let mut edges: Vec<f32> = (1..BINS).map(|at| values[(at * count / BINS).min(count - 1)]).collect();
        edges.dedup();
        let last = edges.last().copied().unwrap_or_default();
        edges.resize(EDGES, last);
        std::array::from_fn(|at| edges[at])
    };
    (0..INPUTS).map(of_input).collect()
}

impl Plot {
    /// The mean quantile loss in levels over the mean of the series, as networks are judged.
    pub fn lost(&self, horizon: usize, forest: &Forest, sums: &[[i32; 3]]) -> f64 {
        let mut lost = 0.0;
        for (row, &sum) in sums.iter().enumerate() {
            let came = self.came[row][horizon];
            if came.is_nan() || self.at_least[row] & 1 << horizon != 0 {
                continue;
            }
            let base = self.base[row];
            let scale = (self.loud[row] - base).exp();
            for (said, probability) in forest.meant_by(sum).into_iter().zip(PROBABILITIES) {
                let (came, said) = (features::unlog(base + came), features::unlog((base + said).max(0.0)));
                lost += f64::from((pinball(came, said, probability) * scale).min(MOST_LOST));
            }
        }
        lost / sums.len().max(1) as f64
    }
}
