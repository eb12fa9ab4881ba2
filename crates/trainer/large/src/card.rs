//! What was learnt from what, how, and how good it is: a page beside the weights.

use crate::device::Place;
use crate::learn::{Schedule, numbers};
use crate::network::Network;
use crate::track::INPUTS;
use anyhow::{Context, Result};
use forecast::{Progress, Recorded};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// All that a reader must know.
pub struct Card<'a> {
    pub command: Vec<String>,
    pub licence: &'a str,
    /// What was learnt from, and what it was judged by.
    pub sets: [(&'a PathBuf, &'a Vec<Recorded>); 2],
    /// Of the first: to learn from, and to check by.
    pub seconds: [usize; 2],
    pub schedule: Schedule,
    pub device: Place,
    pub learnt_in: Duration,
    pub course: Vec<Progress>,
    pub table: &'a str,
}

/// Writes the card and the weights into `folder`.
pub fn write(folder: &Path, card: &Card, network: &Network) -> Result<()> {
    let tensors: Vec<_> = network.weights().into_iter().map(|weights| (weights.dims(), numbers(weights))).collect();
    let count: usize = tensors.iter().map(|(_, numbers)| numbers.len()).sum();
    let page = folder.join("card.md");
    std::fs::write(&page, text(card, count)).with_context(|| format!("{} cannot be written", page.display()))?;
    let bytes: Vec<(Vec<usize>, Vec<u8>)> = (tensors.into_iter())
        .map(|(dims, numbers)| (dims.to_vec(), numbers.into_iter().flat_map(f32::to_le_bytes).collect()))
        .collect();
    let views = Network::NAMES.into_iter().zip(&bytes).map(|(name, (dims, bytes))| {
        let view = TensorView::new(Dtype::F32, dims.clone(), bytes);
        (name, view.expect("as many bytes as the shape needs"))
    });
    let about = HashMap::from([
        ("cell".to_owned(), card.schedule.cell.name().to_owned()),
        ("licence".to_owned(), card.licence.to_owned()),
    ]);
    let file = folder.join("weights.safetensors");
    serialize_to_file(views, Some(about), &file).with_context(|| format!("{} cannot be written", file.display()))
}

fn text(card: &Card, weights: usize) -> String {
    let Schedule { cell, units, steps, batch, step_width, spread, seed } = card.schedule;
    let mut text =
        format!("# {} of {units} units\n\n`cargo xtask train large {}`\n\n", cell.name(), card.command.join(" "));
    for (what, (path, series)) in ["Learnt from", "Judged by"].into_iter().zip(card.sets) {
        let mut families = BTreeMap::<&str, (usize, usize)>::new();
        for recorded in series {
            let (count, seconds) = families.entry(&recorded.family).or_default();
            (*count, *seconds) = (*count + 1, *seconds + recorded.bytes.iter().flatten().count());
        }
        let families: Vec<String> = (families.into_iter())
            .map(|(family, (count, seconds))| format!("{family} ({count} series, {seconds} s)"))
            .collect();
        let _ = writeln!(text, "- {what} `{}`: {}.", path.display(), families.join(", "));
    }
    let last = card.course.last();
    let best = card.course.iter().filter_map(|progress| progress.checked_loss).reduce(f64::min);
    let _ = writeln!(text, "- Licence: {}.", card.licence);
    let _ =
        writeln!(text, "- Split: {} s to learn from, {} s kept apart to stop by.", card.seconds[0], card.seconds[1]);
    let _ = writeln!(text, "- Size: {weights} weights, {INPUTS} inputs a second.");
    let _ = writeln!(
        text,
        "- Course: {} of {steps} steps of {batch} passages, step width {step_width}, spread {spread}, seed {seed}, {:.0} s on {:?}; \
         loss {:.3} at the end, {} at best on what was kept apart.\n",
        last.map_or(0, |progress| progress.step),
        card.learnt_in.as_secs_f64(),
        card.device,
        last.map_or(f64::NAN, |progress| progress.learning_loss),
        best.map_or("nothing".into(), |loss| format!("{loss:.3}")),
    );
    text + card.table
}
