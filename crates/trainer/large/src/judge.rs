//! What a network foresees of series that it has not seen, second by second from the beginning of each.

use crate::learn::numbers;
use crate::network::{Cell, Network};
use crate::track::{self, INPUTS, Track};
use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor, TensorData};
use forecast::{FIRST_ORIGIN, Foreseen, Measures, ORIGIN_EVERY, Recorded, Tally, in_bytes};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use vocab::{BitRate, Horizon, Quantiles};

/// Series that are gone through side by side, and seconds at a time.
const BESIDE: usize = 128;
const STRETCH: usize = 60;

/// What was foreseen of each of `recorded`: after the seconds that are judged, with a minute left after them.
pub fn foresee(
    network: &Network,
    cell: Cell,
    recorded: &[Recorded],
    device: &Device,
    passed: &mut dyn FnMut(usize),
) -> Vec<Vec<Foreseen>> {
    let lessons = Recorded::lessons(recorded);
    let tracks: Vec<Option<Track>> = lessons.iter().map(Track::new).collect();
    let mut foreseen: Vec<Vec<Foreseen>> = vec![Vec::new(); recorded.len()];
    // Those of a length go side by side, so that few wait for others to end.
    let mut order: Vec<usize> = (0..tracks.len()).filter(|&at| tracks[at].is_some()).collect();
    order.sort_by_key(|&at| tracks[at].as_ref().map(Track::len));
    for beside in order.chunks(BESIDE) {
        let tracks: Vec<&Track> = beside.iter().filter_map(|&at| tracks[at].as_ref()).collect();
        let longest = tracks.iter().map(|track| track.len()).max().unwrap_or_default();
        let mut kept = network.blank(tracks.len());
        for begin in (0..longest).step_by(STRETCH) {
            let end = longest.min(begin + STRETCH);
            let told = |second: usize| {
                let of = |track: &&Track| match second < track.len() {
                    true => track.tell(second, 1.0, false),
                    false => [0.0; INPUTS],
                };
                let inputs: Vec<f32> = tracks.iter().flat_map(of).collect();
                Tensor::from_data(TensorData::new(inputs, [tracks.len(), INPUTS]), device)
            };
            let inputs: Vec<Tensor<2>> = (begin..end).map(told).collect();
            let [p50, p90, p99] = network.go(cell, &inputs, 0, &mut kept).map(numbers);
            for second in (begin..end).filter(|&second| is_judged(second)) {
                for (place, (track, &at)) in tracks.iter().zip(beside).enumerate() {
                    if second + Horizon::After60s.seconds() as usize >= track.len() {
                        continue;
                    }
                    let row = ((second - begin) * tracks.len() + place) * Horizon::COUNT;
                    let quantiles = std::array::from_fn(|horizon| {
                        let rate = |logs: &[f32]| BitRate::from_bps(track::bps(logs[row + horizon]) as u64);
                        Quantiles::new(rate(&p50), rate(&p90), rate(&p99))
                    });
                    foreseen[at].push(Foreseen { known: second + 1, quantiles });
                }
            }
        }
        passed(beside.len());
    }
    foreseen
}

const fn is_judged(second: usize) -> bool {
    second >= FIRST_ORIGIN && (second - FIRST_ORIGIN).is_multiple_of(ORIGIN_EVERY)
}

/// How good it was, as `equalnet forecast backtest` counts.
pub fn tally(recorded: &[Recorded], foreseen: &[Vec<Foreseen>]) -> Tally {
    let mut tally = Tally::default();
    for (recorded, foreseen) in recorded.iter().zip(foreseen) {
        let bytes: Vec<f64> = recorded.bytes.iter().map(|bytes| bytes.unwrap_or_default()).collect();
        tally.add(&recorded.family, &bytes, foreseen);
    }
    tally
}

/// A table of it.
pub fn table(tally: &Tally) -> String {
    let mut table = "| | ql50 | ql90 | ql99 | P90 held | in 85-95 % |\n|---|---:|---:|---:|---:|---:|\n".to_owned();
    let row = |name: &str, measures: Measures| {
        let Measures { ql: [p50, p90, p99], cover90, in85_95, .. } = measures;
        format!("| {name} | {p50:.3} | {p90:.3} | {p99:.3} | {cover90:.1} % | {in85_95:.0} % |\n")
    };
    for horizon in Horizon::ALL {
        table.extend(tally.measures(horizon).map(|measures| row(horizon.name(), measures)));
    }
    table.extend(tally.by_family(Horizon::Mean15s).map(|(family, measures)| row(&format!("w15, {family}"), measures)));
    if let Some(excess) = tally.excess_at_5_short() {
        table += &format!("\nReserved in vain for w15, with 5 % of the volume short: {excess:.0} % of the demand\n");
    }
    table
}

/// Writes what was foreseen: rows `series,t,target,p50,p90,p99`, in bytes per second.
pub fn write(path: &Path, recorded: &[Recorded], foreseen: &[Vec<Foreseen>]) -> Result<()> {
    let written = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "series,t,target,p50,p90,p99")?;
        for (recorded, foreseen) in recorded.iter().zip(foreseen) {
            for Foreseen { known, quantiles } in foreseen {
                let second = recorded.first + *known as u64 - 1;
                for horizon in Horizon::ALL {
                    let target = if horizon == Horizon::Mean15s { "w15" } else { &horizon.seconds().to_string() };
                    let [p50, p90, p99] = in_bytes(quantiles[horizon.index()]);
                    writeln!(file, "{},{second},{target},{p50:.0},{p90:.0},{p99:.0}", recorded.name)?;
                }
            }
        }
        file.flush()
    };
    written().with_context(|| format!("{} cannot be written", path.display()))
}
