//! `equalnet forecast backtest`: what would have been foreseen of recorded series, or of this network's own history.

use crate::learning::{self, bar};
use crate::own_history::{self, OwnHistory, Place};
use crate::weights;
use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use forecast::{
    Backtest, Course, Curriculum, FIRST_ORIGIN, Family, Foreseen, Growth, Lesson, Member, ORIGIN_EVERY, Recorded,
    School, Tally, Unrolling, in_bytes,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use vocab::Horizon;

/// What the user asked for.
#[derive(clap::Args)]
#[command(after_help = "DEMAND has a row a second, `family,series,class,t,bytes,other`: bytes is what was wanted in \
    that second, other is not read. A class is one of ours, or video, audio, conf, xr, bulk, background, total; the \
    series of a family whose name holds `class` or `total` are sums over all devices.\n\nFORECASTS gets \
    `series,t,target,p50,p90,p99` in bytes per second, for the seconds 59, 64, 69… with a minute left after them; \
    target is 1, 5, 15, 60 (that second) or w15 (the mean of the next fifteen). At t nothing after t is known.\n\n\
    Files that end in .gz are packed.\n\nWith --since the daemon's own history is foreseen instead, as it came: each class of \
    each device, devices, classes and the link, by the weights in force here. It is kept for `history.seconds_for` \
    (7 days). The daemon may run meanwhile. t is seconds since 1970; seconds that were held back or not watched \
    are not judged.\n\nExit code: 0 done, 2 an error.\n\n\
    Examples:\n  equalnet forecast backtest --since 24h --together-only\n  equalnet forecast backtest --input demand.csv.gz --forecasts said.csv.gz\n  \
    equalnet forecast backtest --input new.csv --train-on old.csv.gz --forecasts said.csv\n  \
    equalnet forecast backtest --input demand.csv --json | jq .models.together.w15.ql90")]
pub struct Arguments {
    /// The recorded series
    #[arg(long, value_name = "DEMAND.csv[.gz]", required_unless_present = "since", conflicts_with = "since")]
    input: Option<PathBuf>,
    /// The last part of this network's own history, such as 1h, 24h, 7d: counted back from its newest minute
    #[arg(long, value_name = "TIME", value_parser = own_history::parse_since)]
    since: Option<Duration>,
    #[command(flatten)]
    place: Place,
    /// Write what would have been foreseen to this file
    #[arg(long, value_name = "FORECASTS.csv[.gz]")]
    forecasts: Option<PathBuf>,
    /// Let networks and trees learn from these series first, instead of the weights that ship (minutes)
    #[arg(long, value_name = "DEMAND.csv[.gz]")]
    train_on: Option<PathBuf>,
    /// Keep what was learnt in this file
    #[arg(long, value_name = "OUT.safetensors", requires = "train_on")]
    save_weights: Option<PathBuf>,
    /// Use the weights of this file
    #[arg(long, value_name = "FILE.safetensors", conflicts_with = "train_on")]
    weights: Option<PathBuf>,
    /// Only what is said together is of interest: leave out the table of single models
    #[arg(long)]
    together_only: bool,
    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// How far ahead is foreseen at most, in seconds.
const LONGEST: usize = Horizon::After60s.seconds() as usize;

/// No more seconds of aggregates are foreseen of the own history: half a gigabyte, with those of the totals.
const MOST_OWN: usize = 12_000_000;

/// Longer than the weights that ship learn: the machine is the user's own, and so are the minutes.
const STEPS: usize = 16_000;

/// Runs the backtest and prints how good it was.
///
/// # Errors
/// A file cannot be read or written, or a line of it is wrong: which, and why.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let material = Material::read(arguments)?;
    let family = match (&arguments.train_on, &arguments.weights) {
        (Some(path), _) => {
            let family = learn(&read(path)?)?;
            if let Some(path) = &arguments.save_weights {
                std::fs::write(path, family.to_bytes("equalnet forecast backtest --train-on"))
                    .with_context(|| format!("{} cannot be written", path.display()))?;
            }
            family
        }
        (None, Some(path)) => {
            let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            Family::from_bytes(&bytes).with_context(|| path.display().to_string())?
        }
        (None, None) if arguments.since.is_some() => weights::in_force(&arguments.place.state_dir()?).0,
        (None, None) => Family::shipped(),
    };
    let mut written = arguments.forecasts.as_deref().map(Written::create).transpose()?;
    let alone: Vec<Member> = Member::ALL
        .into_iter()
        .filter(|&member| !arguments.together_only && family.has(member) && member != Member::Outside)
        .collect();
    let mut tallies: BTreeMap<Option<Member>, Tally> = BTreeMap::new();
    let mut backtest = Backtest::new(Arc::new(family));
    let bar = bar("foreseeing", material.len() as u64);
    let mut seconds = 0;
    for nth in 0..material.len() {
        let series = material.series(nth);
        seconds += series.lesson.seconds.iter().flatten().count();
        let mut foreseen: BTreeMap<Option<Member>, Vec<Foreseen>> = BTreeMap::new();
        backtest.run(&series.lesson, FIRST_ORIGIN, ORIGIN_EVERY, &alone, &mut |member, one| {
            if series.is_judged(one.known) {
                foreseen.entry(member).or_default().push(one);
            }
        });
        if let (Some(written), Some(together)) = (&mut written, foreseen.get(&None)) {
            written.series(&series, together)?;
        }
        for (member, foreseen) in foreseen {
            tallies.entry(member).or_default().add(series.family, &series.bytes, &foreseen);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(written) = written {
        written.finish()?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&as_json(material.len(), &tallies))?);
    } else {
        print(material.len(), seconds, &tallies);
    }
    Ok(ExitCode::SUCCESS)
}

/// What is foreseen.
enum Material {
    Recorded(Vec<Recorded>),
    Own(OwnHistory),
}

/// One series of it.
struct Series<'a> {
    family: &'a str,
    name: &'a str,
    first: u64,
    lesson: Lesson,
    bytes: Vec<f64>,
    /// Up to how many known seconds what came is known for all horizons; `None` to ask second by second.
    judged_until: Option<usize>,
}

impl Material {
    fn read(arguments: &Arguments) -> Result<Material> {
        match (&arguments.input, arguments.since) {
            (Some(path), _) => Ok(Material::Recorded(read(path)?)),
            (None, Some(since)) => {
                let history = arguments.place.history(since, MOST_OWN)?;
                if history.tracks().is_empty() {
                    bail!("nothing moved in the history of that time");
                }
                Ok(Material::Own(history))
            }
            (None, None) => bail!("say what is to be foreseen: --input or --since"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Material::Recorded(all) => all.len(),
            Material::Own(history) => history.tracks().len(),
        }
    }

    fn series(&self, nth: usize) -> Series<'_> {
        match self {
            Material::Recorded(all) => {
                let Recorded { family, name, kind, first, bytes } = &all[nth];
                Series {
                    family,
                    name,
                    first: *first,
                    lesson: Lesson::new(*kind, 0, all[nth].seconds()),
                    bytes: bytes.iter().map(|bytes| bytes.unwrap_or_default()).collect(),
                    judged_until: Some(bytes.len().saturating_sub(LONGEST)),
                }
            }
            Material::Own(history) => {
                let track = &history.tracks()[nth];
                let lesson = history.lesson(track, 0..history.span(), 0);
                Series {
                    family: track.sort(),
                    name: &track.name,
                    first: history.begins(),
                    bytes: own_history::bytes(&lesson.seconds),
                    lesson,
                    judged_until: None,
                }
            }
        }
    }
}

impl Series<'_> {
    /// Whether what is foreseen after so many seconds can be compared with what came.
    fn is_judged(&self, known: usize) -> bool {
        match self.judged_until {
            Some(until) => known <= until,
            None => own_history::is_known_after(&self.lesson.seconds, known),
        }
    }
}

/// A family that learnt from `recorded`, on all cores.
fn learn(recorded: &[Recorded]) -> Result<Family> {
    let course = Course { steps: STEPS, ..Course::default() };
    let (growth, unrolling) = (Some(Growth::default()), Some(Unrolling::default()));
    let curriculum = Curriculum { course, growth, unrolling, ..Curriculum::default() };
    let school = School::open(&Recorded::lessons(recorded), &curriculum);
    let school = school.context("there is nothing to learn from: every series is shorter than a minute")?;
    Ok(learning::learn(&school, learning::all_cores()))
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "gz")
}

fn read(path: &Path) -> Result<Vec<Recorded>> {
    let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    let recorded = if is_packed(path) {
        Recorded::read(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        Recorded::read(BufReader::new(file))
    };
    recorded.with_context(|| path.display().to_string())
}

/// The file of forecasts.
struct Written<'a> {
    path: &'a Path,
    file: Box<dyn Finish>,
}

/// A file that has an end of its own when it is packed.
trait Finish: Write {
    fn finish(self: Box<Self>) -> std::io::Result<()>;
}

impl Finish for BufWriter<File> {
    fn finish(mut self: Box<Self>) -> std::io::Result<()> {
        self.flush()
    }
}

impl Finish for GzEncoder<BufWriter<File>> {
    fn finish(self: Box<Self>) -> std::io::Result<()> {
        GzEncoder::finish(*self)?.flush()
    }
}

impl<'a> Written<'a> {
    fn create(path: &'a Path) -> Result<Written<'a>> {
        let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
        let file = BufWriter::new(file);
        let mut file: Box<dyn Finish> =
            if is_packed(path) { Box::new(GzEncoder::new(file, flate2::Compression::fast())) } else { Box::new(file) };
        writeln!(file, "series,t,target,p50,p90,p99")?;
        Ok(Written { path, file })
    }

    fn series(&mut self, series: &Series<'_>, foreseen: &[Foreseen]) -> Result<()> {
        for foreseen in foreseen {
            let second = series.first + foreseen.known as u64 - 1;
            for horizon in Horizon::ALL {
                let [p50, p90, p99] = in_bytes(foreseen.quantiles[horizon.index()]);
                let target = target(horizon);
                writeln!(self.file, "{},{second},{target},{p50:.0},{p90:.0},{p99:.0}", series.name)
                    .with_context(|| format!("{} cannot be written", self.path.display()))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        self.file.finish().with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

/// The word of a horizon in files of forecasts.
fn target(horizon: Horizon) -> &'static str {
    horizon.name().trim_start_matches('h')
}

/// The mean of the next 15 s first: guarantees are made of it.
const SHOWN: [Horizon; Horizon::COUNT] =
    [Horizon::Mean15s, Horizon::After1s, Horizon::After5s, Horizon::After15s, Horizon::After60s];

fn name(member: Option<Member>) -> &'static str {
    member.map_or("together", Member::name)
}

fn as_json(series: usize, tallies: &BTreeMap<Option<Member>, Tally>) -> serde_json::Value {
    let models: serde_json::Map<String, serde_json::Value> = tallies
        .iter()
        .map(|(member, tally)| {
            let mut model = serde_json::Map::new();
            for horizon in SHOWN {
                let Some(measures) = tally.measures(horizon) else { continue };
                let [ql50, ql90, ql99] = measures.ql;
                let families: serde_json::Map<String, serde_json::Value> =
                    tally.by_family(horizon).map(|(family, of)| (family.to_owned(), of.ql[1].into())).collect();
                model.insert(
                    target(horizon).to_owned(),
                    serde_json::json!({
                        "ql50": ql50, "ql90": ql90, "ql99": ql99, "wape": measures.wape, "mase": measures.mase,
                        "cover90": measures.cover90, "in85_95": measures.in85_95, "short": measures.short,
                        "excess": measures.excess, "ql90_by_family": families,
                    }),
                );
            }
            model.insert("excess5".to_owned(), tally.excess_at_5_short().into());
            (name(*member).to_owned(), model.into())
        })
        .collect();
    serde_json::json!({ "series": series, "models": models })
}

fn print(series: usize, seconds: usize, tallies: &BTreeMap<Option<Member>, Tally>) {
    println!("{series} series, {seconds} seconds. Quantile loss of P90 (lower is better), by how far ahead:\n");
    println!(
        "                next 15 s     1 s     5 s    15 s    60 s   P90 held  series in 85-95 %  in vain at 5 % short"
    );
    for (member, tally) in tallies {
        let Some(mean) = tally.measures(Horizon::Mean15s) else { continue };
        print!("{:15}", name(*member));
        for horizon in SHOWN {
            let wide = if horizon == Horizon::Mean15s { 10 } else { 8 };
            match tally.measures(horizon) {
                Some(measures) => print!("{:wide$.3}", measures.ql[1]),
                None => print!("{:>wide$}", "–"),
            }
        }
        let in_vain = tally.excess_at_5_short().map_or("–".to_owned(), |excess| format!("{excess:.0} %"));
        println!("{:9.1} %{:17.1} %{in_vain:>22}", mean.cover90, mean.in85_95);
    }
    if tallies.values().all(|tally| tally.measures(Horizon::Mean15s).is_none()) {
        println!("No series is long enough, or wants enough, to be judged: two minutes are needed.");
    }
}
