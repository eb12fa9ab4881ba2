//! Learns the networks that `forecast` ships: from made series, and from recorded ones whose licence allows it.

use crate::demand::{self, Series};
use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use forecast::{Course, Curriculum, Family, Kind, Recorded, Sampling, School};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// The only family of the shared corpora that weights in the repository may have seen: TRACTOR is under MIT.
const FREE: &str = "tractor";

#[derive(clap::Args)]
pub struct Arguments {
    /// Where the weights go
    #[arg(long, default_value = "crates/forecast/src/weights.safetensors")]
    out: PathBuf,
    /// Hours of made series to learn from, all together
    #[arg(long, default_value_t = 1_100.0)]
    hours: f64,
    /// What all randomness follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Networks that learn side by side, on a thread each
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=Family::MOST_NETWORKS as u64))]
    networks: u64,
    /// Steps of each, at most: one stops when series kept apart are no longer foreseen better
    #[arg(long, default_value_t = 10_000)]
    steps: usize,
    /// Recorded series, as in the shared corpora; of them `tractor` is learnt from and nothing else
    #[arg(long, default_value = "../shared/corpora/demand/demand.csv.gz")]
    recorded: PathBuf,
}

/// Learns, writes the weights and says from what.
pub fn learn(arguments: &Arguments) -> Result<()> {
    let bar = ProgressBar::new((arguments.hours * 3_600.0) as u64);
    let made = demand::make(arguments.hours, arguments.seed, |seconds| bar.inc(seconds as u64));
    bar.finish_and_clear();
    let recorded = if arguments.recorded.exists() { read(&arguments.recorded)? } else { Vec::new() };
    let from = match recorded.len() {
        0 => format!("{} made series (no {})", made.len(), arguments.recorded.display()),
        count => format!("{} made series and {count} of {FREE}", made.len()),
    };
    let all: Vec<Recorded> = made.iter().map(as_recorded).chain(recorded.into_iter().map(Ok)).collect::<Result<_>>()?;
    let curriculum = Curriculum {
        sampling: Sampling { seed: arguments.seed, ..Sampling::default() },
        networks: arguments.networks as usize,
        course: Course { steps: arguments.steps, seed: arguments.seed, ..Course::default() },
        growth: None,
        unrolling: None,
        from: None,
    };
    let school = School::open(&Recorded::lessons(&all), &curriculum).context("there is nothing to learn from")?;
    println!("{from}: {} rows", school.rows());
    let bars = MultiProgress::new();
    let learnt: Vec<_> = std::thread::scope(|scope| {
        let pupils: Vec<_> = (school.parts().iter())
            .map(|part| {
                let (school, bar) = (&school, bars.add(ProgressBar::new(part.steps() as u64)));
                bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").expect("a sound template"));
                scope.spawn(move || {
                    let learnt = school.learn(part, &mut |progress| {
                        bar.set_position(progress.step as u64);
                        let checked = progress.checked_loss.map_or("-".into(), |loss| format!("{loss:.3}"));
                        bar.set_message(format!("loss {:.3}, apart {checked}", progress.learning_loss));
                        ControlFlow::Continue(())
                    });
                    bar.finish();
                    learnt
                })
            })
            .collect();
        pupils.into_iter().filter_map(|pupil| pupil.join().expect("training does not panic")).collect()
    });
    let file = Family::of(learnt).to_bytes(&format!("{from}, seed {}", arguments.seed));
    std::fs::write(&arguments.out, &file).with_context(|| format!("writing {}", arguments.out.display()))?;
    println!("{}: {} bytes", arguments.out.display(), file.len());
    Ok(())
}

fn as_recorded(made: &Series) -> Result<Recorded> {
    let kind = Kind::of(made.family, made.class).map_err(|word| anyhow::anyhow!("{word}: no class"))?;
    let bytes = made.seconds.main.iter().map(|&bytes| Some(bytes as f64)).collect();
    Ok(Recorded { family: made.family.to_owned(), name: String::new(), kind, first: 0, bytes })
}

/// The series of [`FREE`] in a file of recorded series.
fn read(path: &Path) -> Result<Vec<Recorded>> {
    let file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    let mut all = Recorded::read(BufReader::new(GzDecoder::new(file))).with_context(|| path.display().to_string())?;
    all.retain(|recorded| recorded.family == FREE);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::TrafficClass;

    #[test]
    fn every_made_series_is_a_kind_of_ours() {
        for (family, word, kind) in [
            ("made_video", "video", Kind::Aggregate(TrafficClass::Streaming)),
            ("made_phone", "bulk", Kind::Aggregate(TrafficClass::Download)),
            ("made_class", "conf", Kind::Class(TrafficClass::Call)),
            ("made_device", "total", Kind::Device),
            ("made_total", "total", Kind::Link),
        ] {
            assert_eq!(Kind::of(family, word).ok(), Some(kind), "{family} {word}");
        }
        for series in demand::make(30.0, 1, |_| {}) {
            assert!(as_recorded(&series).is_ok(), "{} {}", series.family, series.class);
        }
    }
}
