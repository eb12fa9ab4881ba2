//! A family learns this network's own history, and is judged by its last day, which it has not seen.

use crate::learning::{self, bar};
use crate::own_history::{self, OwnHistory, Track};
use forecast::{Backtest, Curriculum, FIRST_ORIGIN, Family, Lesson, Measures, ORIGIN_EVERY, School, Tally};
use serde::Serialize;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;
use vocab::{ByteCount, Horizon, Timestamp};

/// What is learnt from how much, and what is asked of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The last seconds of the history, which judge.
    pub judged_s: usize,
    /// In so many of them somebody must have watched.
    pub least_judged_s: usize,
    /// And in so many seconds before.
    pub least_learnt_s: usize,
    /// No more seconds of series are learnt from: the newest.
    pub most_learnt_s: usize,
    /// No more seconds of series judge.
    pub most_judged_s: usize,
    /// How the family learns.
    pub curriculum: Curriculum,
    /// How many threads it has.
    pub threads: NonZero<usize>,
}

/// What a second of an aggregate may take of the memory: at most 60 bytes where the history is put together (twelve of the
/// aggregate, as many each of its device and its class, and what lists keep free to grow); the rest is for lessons.
const BYTES_A_SECOND: u64 = 140;

/// So much memory where nothing bounds it: `[forecast] train_memory`, as it comes.
const USUAL_MEMORY: ByteCount = ByteCount(1_000_000_000);

/// The most seconds of aggregates that are read within `memory`.
pub fn most_read(memory: Option<ByteCount>) -> usize {
    (memory.unwrap_or(USUAL_MEMORY).0 / BYTES_A_SECOND) as usize
}

/// A lesson is no longer than this, so that what is kept apart to check by is of all times of the day.
const LONGEST_LESSON: usize = 3_600;

/// A shorter one teaches nothing: the longest horizon has to pass.
const SHORTEST_LESSON: usize = 120;

/// Own weights are put in force where they lose no more than this part of what those in force lose: less is noise.
const BETTER: f64 = 0.99;

/// P90 may be this much further from being passed one time in ten, in points: less is noise.
const COVERAGE_SLACK: f64 = 0.5;

/// Fewer series say nothing.
const LEAST_SERIES: usize = 3;

impl Training {
    /// As `equalnet train` does it.
    pub fn new(seed: u64, threads: NonZero<usize>) -> Training {
        let curriculum = Curriculum::of_own(seed);
        Training {
            judged_s: 86_400,
            least_judged_s: 6 * 3_600,
            least_learnt_s: 24 * 3_600,
            most_learnt_s: 50 * 86_400,
            most_judged_s: 1_500_000,
            curriculum,
            threads,
        }
    }
}

/// A part of the history: from when, until when, in seconds since 1970, and what was in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    pub from: u64,
    pub until: u64,
    /// In so many seconds of it somebody watched.
    pub watched_s: usize,
    /// So many series were learnt from, or judge.
    pub series: usize,
    /// The seconds of all of them.
    pub seconds: usize,
}

/// How good a family was on what it had not seen: the mean of the next 15 s of each series, all counted alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Quantile loss of P90 over the demand.
    pub ql90: f64,
    /// By how many points P90 was passed more or less often than one time in ten.
    pub coverage_off: f64,
}

/// What came of it, and the card that lies beside the weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The EqualNet that learnt.
    pub version: &'static str,
    /// What was learnt from.
    pub learnt: Span,
    /// What judged.
    pub judged: Span,
    /// Rows that were drawn.
    pub rows: usize,
    /// What all randomness follows from.
    pub seed: u64,
    /// The weights that were in force, on the days that judge.
    pub in_force: Figures,
    /// Those that learnt.
    pub own: Figures,
    /// What own ones lost over what those in force lost, series by series (geometric mean).
    pub ratio: f64,
    /// In so many series they lost less.
    pub wins: usize,
    /// Whether that is enough.
    pub is_better: bool,
}

/// Why nothing was learnt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooLittle {
    /// Nobody watched for long enough.
    #[error(
        "there is too little history to learn from: {learnt} of {least_learnt} before the last {judged_of}, and {judged} of \
         {least_judged} in it. {advice}"
    )]
    Time {
        /// What there is, and what is needed, as people say it.
        learnt: Box<str>,
        least_learnt: Box<str>,
        judged_of: Box<str>,
        judged: Box<str>,
        least_judged: Box<str>,
        /// What helps.
        advice: &'static str,
    },
    /// Next to nothing moved.
    #[error(
        "too little moved to learn from: {0} series with demand on the days that judge, and {LEAST_SERIES} are needed"
    )]
    Traffic(usize),
}

/// Learns `history` and is judged beside `in_force`.
///
/// # Errors
/// There is too little to learn from, or to judge by.
pub fn train(history: &OwnHistory, training: &Training, in_force: &Family) -> Result<(Family, Report), TooLittle> {
    let split = history.span().saturating_sub(training.judged_s);
    let mut learnt = span(history, 0..split);
    let mut judged = span(history, split..history.span());
    if learnt.watched_s < training.least_learnt_s || judged.watched_s < training.least_judged_s {
        return Err(TooLittle::Time {
            learnt: hours(learnt.watched_s).into(),
            least_learnt: hours(training.least_learnt_s).into(),
            judged_of: hours(training.judged_s).into(),
            judged: hours(judged.watched_s).into(),
            least_judged: hours(training.least_judged_s).into(),
            advice: if history.is_cut() {
                "There is more than fits into the memory: `[forecast] train_memory` and --memory give it more"
            } else {
                "Let the daemon run for two days; `[history] seconds_for` must be longer than that"
            },
        });
    }
    let (lessons, series) = lessons(history, 0..split, training.most_learnt_s);
    learnt.series = series;
    learnt.seconds = lessons.iter().map(|lesson| lesson.seconds.len()).sum();
    let Some(school) = School::open(&lessons, &training.curriculum) else { return Err(TooLittle::Traffic(0)) };
    drop(lessons);
    let own = learning::learn(&school, training.threads);
    let rows = school.rows();
    drop(school);

    let who = judges(history, split..history.span(), training.most_judged_s);
    judged.series = who.len();
    let both = judge_both([in_force, &own], history, &who, split..history.span(), training.threads);
    let pairs: Vec<(Measures, Measures)> =
        both[0].iter().filter_map(|(track, before)| Some((*before, *both[1].get(track)?))).collect();
    if pairs.len() < LEAST_SERIES {
        return Err(TooLittle::Traffic(pairs.len()));
    }
    judged.seconds = who.len() * judged.watched_s;
    let count = pairs.len() as f64;
    let mean = |of: &dyn Fn(&(Measures, Measures)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let off = |measures: &Measures| (measures.cover90 - 90.0).abs();
    let before = Figures { ql90: mean(&|pair| pair.0.ql[1]), coverage_off: mean(&|pair| off(&pair.0)) };
    let after = Figures { ql90: mean(&|pair| pair.1.ql[1]), coverage_off: mean(&|pair| off(&pair.1)) };
    let ratio = mean(&|pair| (pair.1.ql[1].max(1e-9) / pair.0.ql[1].max(1e-9)).ln()).exp();
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        learnt,
        judged: Span { series: pairs.len(), ..judged },
        rows,
        seed: training.curriculum.course.seed,
        in_force: before,
        own: after,
        ratio,
        wins: pairs.iter().filter(|pair| pair.1.ql[1] < pair.0.ql[1]).count(),
        is_better: ratio <= BETTER && after.coverage_off <= before.coverage_off + COVERAGE_SLACK,
    };
    Ok((own, report))
}

fn span(history: &OwnHistory, range: Range<usize>) -> Span {
    let at = |second: usize| history.begins() + second as u64;
    Span { from: at(range.start), until: at(range.end), watched_s: history.watched_in(range), ..Span::default() }
}

/// As people say it: `7.5 h`.
fn hours(seconds: usize) -> String {
    let hours = seconds as f64 / 3_600.0;
    if hours < 10.0 { format!("{hours:.1} h") } else { format!("{hours:.0} h") }
}

/// Lessons of all series in turn, the newest first, until there are `most` seconds of them; and of how many series.
fn lessons(history: &OwnHistory, range: Range<usize>, most: usize) -> (Vec<Lesson>, usize) {
    let mut waiting: Vec<(&Track, Vec<Range<usize>>)> = Vec::new();
    for track in history.tracks() {
        let seconds = history.seconds(track, range.clone());
        let mut pieces = Vec::new();
        let mut begin = None;
        for second in 0..=seconds.len() {
            let is_known = seconds.get(second).is_some_and(Option::is_some);
            let is_full = begin.is_some_and(|begin| second - begin == LONGEST_LESSON);
            if let Some(from) = begin.filter(|_| !is_known || is_full) {
                if second - from >= SHORTEST_LESSON {
                    pieces.push(range.start + from..range.start + second);
                }
                begin = None;
            }
            if is_known && begin.is_none() {
                begin = Some(second);
            }
        }
        if !pieces.is_empty() {
            waiting.push((track, pieces));
        }
    }
    let series = waiting.len();
    let (mut lessons, mut sum) = (Vec::new(), 0);
    while sum < most && !waiting.is_empty() {
        waiting.retain_mut(|(track, pieces)| {
            let Some(piece) = pieces.pop().filter(|_| sum < most) else { return false };
            sum += piece.len();
            // Kin are series of a sort: aggregates, devices, classes, the link.
            let family = ["aggregate", "device", "class", "link"].iter().position(|sort| *sort == track.sort());
            lessons.push(history.lesson(track, piece, family.unwrap_or_default() as u32));
            true
        });
    }
    (lessons, series)
}

/// Who judges: of each sort in turn those that moved most.
fn judges(history: &OwnHistory, range: Range<usize>, most: usize) -> Vec<usize> {
    let mut by_sort: BTreeMap<&str, Vec<(f64, usize)>> = BTreeMap::new();
    for (nth, track) in history.tracks().iter().enumerate() {
        let volume = track.volume(range.clone());
        if volume > 0.0 {
            by_sort.entry(track.sort()).or_default().push((volume, nth));
        }
    }
    by_sort.values_mut().for_each(|of| of.sort_by(|one, other| one.0.total_cmp(&other.0)));
    let (mut chosen, mut sum) = (Vec::new(), 0);
    while sum < most && !by_sort.is_empty() {
        by_sort.retain(|_, of| {
            let Some((_, nth)) = of.pop().filter(|_| sum < most) else { return false };
            sum += history.seconds(&history.tracks()[nth], range.clone()).iter().flatten().count();
            chosen.push(nth);
            true
        });
    }
    chosen
}

/// The measures of both families on each of `who` that wanted something.
fn judge_both(
    families: [&Family; 2],
    history: &OwnHistory,
    who: &[usize],
    range: Range<usize>,
    threads: NonZero<usize>,
) -> [BTreeMap<usize, Measures>; 2] {
    let bar = bar("judging", 2 * who.len() as u64);
    let one = |family: &Family| judge(family, history, who, range.clone(), &bar);
    let both = if threads.get() > 1 {
        std::thread::scope(|scope| {
            let workers = families.map(|family| scope.spawn(move || one(family)));
            workers.map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    } else {
        families.map(one)
    };
    bar.finish_and_clear();
    both
}

fn judge(
    family: &Family,
    history: &OwnHistory,
    who: &[usize],
    range: Range<usize>,
    bar: &indicatif::ProgressBar,
) -> BTreeMap<usize, Measures> {
    let mut backtest = Backtest::new(Arc::new(family.clone()));
    let mut measures = BTreeMap::new();
    for &nth in who {
        let track = &history.tracks()[nth];
        let lesson = history.lesson(track, range.clone(), 0);
        let seconds = &lesson.seconds;
        let mut foreseen = Vec::new();
        backtest.run(&lesson, FIRST_ORIGIN, ORIGIN_EVERY, &[], &mut |_, one| {
            if own_history::is_known_after(seconds, one.known) {
                foreseen.push(one);
            }
        });
        let mut tally = Tally::default();
        tally.add(track.sort(), &own_history::bytes(seconds), &foreseen);
        measures.extend(tally.measures(Horizon::Mean15s).map(|of| (nth, of)));
        bar.inc(1);
    }
    measures
}

impl Report {
    /// For people: what was learnt, what judged, and how it went.
    pub fn text(&self, offset_s: impl Fn(Timestamp) -> i32) -> String {
        let day = |second: u64| {
            let local = second as i64 + i64::from(offset_s(Timestamp::from_unix_secs(second)));
            jiff::Timestamp::from_second(local)
                .map_or_else(|_| second.to_string(), |at| at.strftime("%d %b %H:%M").to_string())
        };
        let span = |span: &Span| {
            format!(
                "{} to {}, {} watched, {} series",
                day(span.from),
                day(span.until),
                hours(span.watched_s),
                span.series
            )
        };
        format!(
            "Learnt from  {} ({} seconds, {} rows)\nJudged by    {}\n\n\
             {:26}{:>10}{:>10}\n{:26}{:>10.3}{:>10.3}\n{:26}{:>9.1}p{:>9.1}p\n\n\
             Series by series the own weights lose {:.1} % of what those in force lose; less in {} of {}.\n",
            span(&self.learnt),
            self.learnt.seconds,
            self.rows,
            span(&self.judged),
            "",
            "IN FORCE",
            "OWN",
            "Loss of P90, next 15 s",
            self.in_force.ql90,
            self.own.ql90,
            "P90 off one time in ten",
            self.in_force.coverage_off,
            self.own.coverage_off,
            100.0 * self.ratio,
            self.wins,
            self.judged.series,
        )
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::own_history::tests::{aggregate, write};
    use crate::weights;
    use forecast::{Course, Sampling};
    use store::Reader;
    use vocab::{TrafficClass, WeightsInForce};

    /// Films in segments, all of them on the dot: what nobody knows who has not seen this network.
    fn films(hours: usize) -> Vec<(vocab::Aggregate, Vec<u64>)> {
        let segments = |every: usize, last: usize, bytes: u64| -> Vec<u64> {
            (0..hours * 3_600).map(|second| if second % every < last { bytes } else { 400 }).collect()
        };
        vec![
            (aggregate(1, TrafficClass::Streaming), segments(40, 4, 2_000_000)),
            (aggregate(2, TrafficClass::Streaming), segments(56, 6, 900_000)),
        ]
    }

    fn history(folder: &std::path::Path, hours: usize) -> OwnHistory {
        let path = folder.join("history.db");
        write(&path, 1_750_000_020, &films(hours), &[]);
        let reader = Reader::open(&path).unwrap();
        let until = reader.seconds_until().unwrap().unwrap();
        OwnHistory::read(&reader, Timestamp::from_unix_secs(1_750_000_020), until, 1_000_000).unwrap()
    }

    /// Small enough for a test.
    fn small() -> Training {
        let mut training = Training::new(1, NonZero::<usize>::MIN);
        let (sampling, course) = (training.curriculum.sampling, training.curriculum.course);
        training.curriculum.sampling = Sampling { copies: 0, ..sampling };
        training.curriculum.course = Course { steps: 300, batch: 64, ..course };
        training.curriculum.networks = 1;
        training.curriculum.growth = None;
        Training { judged_s: 3_600, least_judged_s: 3_000, least_learnt_s: 6_000, ..training }
    }

    #[test]
    fn a_network_that_was_learnt_is_put_in_force_and_shown_for_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let shipped = Family::shipped();
        let history = history(folder.path(), 3);
        let (own, report) = train(&history, &small(), &shipped).unwrap();
        assert!(report.is_better && report.ratio < 0.97 && report.wins >= 3, "{report:?}");
        assert_eq!(
            (report.learnt.series, report.judged.series),
            (6, 6),
            "two films, two devices, their class, the link"
        );
        let text = report.text(|_| 0);
        assert!(text.contains("own weights lose") && text.contains("6 series"), "{text}");

        weights::put_in_force(folder.path(), &own, &serde_json::to_string(&report).unwrap()).unwrap();
        let (read, whose) = weights::in_force(folder.path());
        assert_eq!(read, own);
        assert!(matches!(whose, WeightsInForce::Own { .. }));
        // What has learnt already is no better than itself.
        let (_, again) = train(&history, &small(), &read).unwrap();
        assert!(!again.is_better && (again.ratio - 1.0).abs() < 1e-6, "{again:?}");
    }

    #[test]
    fn too_little_history_is_told_in_hours() {
        let folder = tempfile::tempdir().unwrap();
        let training = Training::new(1, NonZero::<usize>::MIN);
        let error = train(&history(folder.path(), 2), &training, &Family::shipped()).unwrap_err().to_string();
        assert!(error.contains("0.0 h of 24 h before the last 24 h, and 2.0 h of 6.0 h in it"), "{error}");
        let error = train(&OwnHistory::default(), &training, &Family::shipped()).unwrap_err().to_string();
        assert!(error.contains("too little history"), "{error}");
    }

    #[test]
    fn lessons_are_of_all_series_and_the_newest_of_each() {
        let folder = tempfile::tempdir().unwrap();
        let history = history(folder.path(), 3);
        let (all, series) = lessons(&history, 0..history.span(), usize::MAX);
        assert_eq!((all.len(), series), (3 * 6, 6));
        assert!(all.iter().all(|lesson| lesson.seconds.len() <= LONGEST_LESSON));
        let (newest, _) = lessons(&history, 0..history.span(), 5 * 3_600 + 1);
        let last = history.span() - 10..history.span() - 1;
        for (lesson, track) in newest.iter().zip(history.tracks()) {
            assert_eq!(lesson.kind, track.kind);
        }
        assert_eq!(newest.len(), 6);
        assert!(judges(&history, last, 1).len() < 5, "one of each sort at most");
    }
}
