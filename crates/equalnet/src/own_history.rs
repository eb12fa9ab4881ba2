//! What this network did, second by second, from the history of its own daemon: the series that the daemon forecasts,
//! as they were when they came.
//!
//! Only what moved is held: eight bytes for each second of an aggregate, so that days fit into memory. Everything
//! else is put back when a series is asked for: zeros while it was watched, and unknown where nobody watched, or where
//! it was quiet for so long that the daemon had forgotten it.

use crate::config::{Config, DEFAULT_PATH, parse_duration};
use crate::zone;
use anyhow::{Context, Result, bail};
use forecast::{Beside, Kind, Lesson};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;
use store::{Reader, StoreError};
use vocab::{Aggregate, BitRate, DeviceId, Direction, Horizon, LinkId, LocalTime, Timestamp, TrafficClass, Usage};

/// Where the history and what was learnt from it are.
#[derive(Clone, Debug, clap::Args)]
pub struct Place {
    /// The history's database, instead of the one in the configured state folder
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// The configuration file, which names the state folder
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

impl Place {
    /// The configuration, or the usual one where there is none.
    pub fn config(&self) -> Result<Config> {
        Ok(if self.config.exists() { Config::read(&self.config)? } else { Config::parse("", &self.config)? })
    }

    /// What must survive a restart.
    pub fn state_dir(&self) -> Result<PathBuf> {
        Ok(self.config()?.state_dir)
    }

    /// The history, to read.
    pub fn reader(&self) -> Result<Reader> {
        let path = match &self.database {
            Some(path) => path.clone(),
            None => self.state_dir()?.join("history.db"),
        };
        if !path.exists() {
            bail!(
                "{}: there is no history; the daemon keeps one while it runs, and --database names another",
                path.display()
            );
        }
        Reader::open(&path).with_context(|| format!("the history {} cannot be read", path.display()))
    }

    /// The last `since` of the history, of at most so many seconds of aggregates.
    pub fn history(&self, since: Duration, most: usize) -> Result<OwnHistory> {
        let reader = self.reader()?;
        let story = "the history cannot be read";
        let Some(until) = reader.seconds_until().context(story)? else { return Ok(OwnHistory::default()) };
        let history = OwnHistory::read(&reader, until - since, until, most).context(story)?;
        Ok(OwnHistory { local_time: zone::local_time(until), ..history })
    }
}

/// `1h`, `24h`, `7d`, up to a year.
pub fn parse_since(text: &str) -> Result<Duration, String> {
    let since = parse_duration(text).filter(|since| (60..=366 * 86_400).contains(&since.as_secs()));
    since.ok_or_else(|| "a time from 1min to 1y, such as 1h, 24h or 7d".to_owned())
}

/// A series that moved nothing for so long is forgotten by the daemon, too (`engine`, `FORGET_AFTER`).
const FORGOTTEN_S: usize = 600;

/// While nothing at all moved for longer than this, nobody watched: some device always says something.
const UNWATCHED_S: usize = 30;

/// Read at a time, the newest first, until there is enough.
const CHUNK_S: u64 = 3_600;

/// What moved in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Moved {
    /// Which second.
    at: u32,
    /// Bit/s; below zero where it was held back.
    rate: f32,
    /// What else is known of it.
    beside: Beside,
}

/// What aggregates moved, through which link.
type Aggregates = BTreeMap<(Aggregate, Direction, LinkId), Vec<Moved>>;

/// The history of this network.
#[derive(Clone, Debug, Default)]
pub struct OwnHistory {
    begins: u64,
    /// Whether somebody watched, by second.
    watched: Vec<bool>,
    tracks: Vec<Track>,
    /// Whether there was more than was wanted.
    is_cut: bool,
    /// Where it was recorded.
    local_time: LocalTime,
}

/// One series of it.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its name in tables: `web/a4:5e:60:00:00:01/download`.
    pub name: String,
    /// Its sort.
    pub kind: Kind,
    moved: Vec<Moved>,
}

impl OwnHistory {
    /// Reads from `from` until `to`; less where there are more than `most` seconds of aggregates in it: then the newest
    /// hours of them.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn read(reader: &Reader, from: Timestamp, to: Timestamp, most: usize) -> Result<OwnHistory, StoreError> {
        let (from, to) = (from.as_unix_secs(), to.as_unix_secs().max(from.as_unix_secs()));
        let mut aggregates = Aggregates::new();
        let (mut end, mut count) = (to, 0usize);
        while end > from && count <= most {
            let begin = from.max(end.saturating_sub(CHUNK_S));
            let range = (Timestamp::from_unix_secs(begin), Timestamp::from_unix_secs(end));
            reader.seconds(range.0, range.1, &mut |second| {
                let at = (second.start.as_unix_secs() - from) as u32;
                for direction in Direction::ALL {
                    let usage = second.usage[direction];
                    if usage == Usage::Free(BitRate::ZERO) {
                        continue;
                    }
                    count += 1;
                    if count <= most {
                        let series = (second.aggregate, direction, second.link);
                        let beside = beside(usage.rate(), second.packets[direction], second.flows);
                        let moved = Moved { at, rate: packed(usage), beside };
                        aggregates.entry(series).or_default().push(moved);
                    }
                }
            })?;
            if count > most {
                // Of this hour there is the beginning only.
                let whole = (end - from) as u32;
                aggregates.values_mut().for_each(|moved| moved.retain(|moved| moved.at >= whole));
                aggregates.retain(|_, moved| !moved.is_empty());
            }
            end = begin;
        }
        // It begins where something was recorded, however far back was asked for.
        let Some(early) = aggregates.values().flatten().map(|moved| moved.at).min() else {
            return Ok(OwnHistory { is_cut: count > most, ..OwnHistory::default() });
        };
        let begins = from + u64::from(early);
        let history = OwnHistory::of(begins, (to - begins) as usize, early, aggregates);
        Ok(OwnHistory { is_cut: count > most, ..history })
    }

    /// From what aggregates moved; their seconds count from `early` before `begins`.
    fn of(begins: u64, seconds: usize, early: u32, aggregates: Aggregates) -> OwnHistory {
        let mut tracks: Vec<Track> = Vec::new();
        let mut devices: BTreeMap<(DeviceId, Direction), Total> = BTreeMap::new();
        let mut classes: BTreeMap<(TrafficClass, Direction), Total> = BTreeMap::new();
        let mut links: BTreeMap<(LinkId, Direction), Total> = BTreeMap::new();
        for ((Aggregate { device, class }, direction, link), mut moved) in aggregates {
            moved.iter_mut().for_each(|moved| moved.at -= early);
            let moved = summed(moved);
            devices.entry((device, direction)).or_default().add(&moved);
            classes.entry((class, direction)).or_default().add(&moved);
            links.entry((link, direction)).or_default().add(&moved);
            let name = format!("{class}/{device}/{direction}");
            match tracks.last_mut().filter(|track| track.name == name) {
                // Through another link.
                Some(track) => track.moved = summed([std::mem::take(&mut track.moved), moved].concat()),
                None => tracks.push(Track { name, kind: Kind::Aggregate(class), moved }),
            }
        }
        for ((device, direction), total) in devices {
            tracks.push(Track { name: format!("{device}/{direction}"), kind: Kind::Device, moved: total.into_moved() });
        }
        for ((class, direction), total) in classes {
            let kind = Kind::Class(class);
            tracks.push(Track { name: format!("{class}/{direction}"), kind, moved: total.into_moved() });
        }
        let mut somebody = vec![false; seconds];
        for ((link, direction), total) in links {
            let moved = total.into_moved();
            moved.iter().for_each(|moved| somebody[moved.at as usize] = true);
            // Most networks have one.
            let nth = if link == LinkId(0) { String::new() } else { format!("-{}", link.0) };
            tracks.push(Track { name: format!("link{nth}/{direction}"), kind: Kind::Link, moved });
        }
        let watched = without_short_gaps(somebody);
        OwnHistory { begins, watched, tracks, is_cut: false, local_time: LocalTime::default() }
    }

    /// Whether there was more than was wanted.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// When it begins, in seconds since 1970.
    pub fn begins(&self) -> u64 {
        self.begins
    }

    /// How many seconds it spans.
    pub fn span(&self) -> usize {
        self.watched.len()
    }

    /// In how many of the seconds `range` somebody watched.
    pub fn watched_in(&self, range: Range<usize>) -> usize {
        self.watched[range].iter().filter(|&&watched| watched).count()
    }

    /// All series: aggregates, then devices, classes and the link.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// What `track` did in the seconds `range`, as if nothing had been before: unknown until it first moves.
    pub fn seconds(&self, track: &Track, range: Range<usize>) -> Vec<Option<Usage>> {
        self.each(track, range).map(|(usage, _)| usage).collect()
    }

    /// The same with what else is known of it, as one of the kin `family`.
    pub fn lesson(&self, track: &Track, range: Range<usize>, family: u32) -> Lesson {
        let at = Timestamp::from_unix_secs(self.begins + range.start as u64);
        let day = self.local_time.hour_of_week(at) as u32 / 24;
        let (seconds, beside) = self.each(track, range).unzip();
        let begins = Some(day * 86_400 + self.local_time.second_of_day(at));
        Lesson { kind: track.kind, family, seconds, begins, beside }
    }

    fn each(&self, track: &Track, range: Range<usize>) -> impl Iterator<Item = (Option<Usage>, Beside)> {
        let first = track.moved.partition_point(|moved| (moved.at as usize) < range.start);
        let mut moved = track.moved[first..].iter().peekable();
        let mut quiet_for = FORGOTTEN_S;
        range.map(move |second| {
            if let Some(moved) = moved.next_if(|moved| moved.at as usize == second) {
                quiet_for = 0;
                return (Some(unpacked(moved.rate)), moved.beside);
            }
            quiet_for += 1;
            let is_known = quiet_for < FORGOTTEN_S && self.watched[second];
            (is_known.then_some(Usage::Free(BitRate::ZERO)), Beside::default())
        })
    }
}

impl Track {
    /// What it is of, in a word.
    pub fn sort(&self) -> &'static str {
        match self.kind {
            Kind::Aggregate(_) => "aggregate",
            Kind::Device => "device",
            Kind::Class(_) => "class",
            Kind::Link => "link",
        }
    }

    /// How much it moved in `range`, in bits.
    pub fn volume(&self, range: Range<usize>) -> f64 {
        let within = self.moved.iter().filter(|moved| range.contains(&(moved.at as usize)));
        within.map(|moved| f64::from(moved.rate.abs())).sum()
    }
}

/// The same as bytes; nothing where it is unknown.
pub fn bytes(seconds: &[Option<Usage>]) -> Vec<f64> {
    seconds.iter().map(|usage| usage.map_or(0.0, |usage| usage.rate().as_bps() as f64 / 8.0)).collect()
}

/// Whether what came in the minute after the `known`-th second is known and was not held back.
pub fn is_known_after(seconds: &[Option<Usage>], known: usize) -> bool {
    let minute = seconds.get(known..known + Horizon::After60s.seconds() as usize);
    minute.is_some_and(|minute| minute.iter().all(|usage| matches!(usage, Some(Usage::Free(_)))))
}

/// The sum of series that come one by one; it never holds much more than that.
#[derive(Debug, Default)]
struct Total {
    moved: Vec<Moved>,
    /// So many of them are summed up.
    summed: usize,
}

impl Total {
    /// Of totals, what they move is foreseen, as the engine does it.
    fn add(&mut self, moved: &[Moved]) {
        self.moved.extend(moved.iter().map(|moved| Moved { rate: moved.rate.abs(), ..*moved }));
        if self.moved.len() > 2 * self.summed {
            self.moved = summed(std::mem::take(&mut self.moved));
            self.summed = self.moved.len();
        }
    }

    fn into_moved(self) -> Vec<Moved> {
        summed(self.moved)
    }
}

/// The same in order, one entry a second.
fn summed(mut moved: Vec<Moved>) -> Vec<Moved> {
    // In place: these lists are most of what a training takes.
    moved.sort_unstable_by_key(|moved| moved.at);
    moved.dedup_by(|later, kept| {
        let same = later.at == kept.at;
        if same {
            // Held back where one of them was.
            let is_held_back = later.rate.is_sign_negative() || kept.rate.is_sign_negative();
            let (sum, packets) = (later.rate.abs() + kept.rate.abs(), packets(later) + packets(kept));
            let rate = BitRate::from_bps(sum as u64);
            let flows = u32::from(later.beside.flows) + u32::from(kept.beside.flows);
            kept.rate = if is_held_back { -sum } else { sum };
            kept.beside = beside(rate, packets as u64, flows);
        }
        same
    });
    moved.shrink_to_fit();
    moved
}

/// What is known of a second beside its rate.
fn beside(rate: BitRate, packets: u64, flows: u32) -> Beside {
    let most = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
    let bytes = (rate.as_bps() / 8).checked_div(packets);
    Beside { flows: most(flows.into()), packet_bytes: bytes.map_or(0, most) }
}

/// How many packets that was, nearly.
fn packets(moved: &Moved) -> f32 {
    let bytes = moved.rate.abs() / 8.0;
    if moved.beside.packet_bytes > 0 { bytes / f32::from(moved.beside.packet_bytes) } else { 0.0 }
}

fn packed(usage: Usage) -> f32 {
    match usage {
        Usage::Free(rate) => rate.as_bps() as f32,
        Usage::Backlogged(rate) => -(rate.as_bps() as f32),
    }
}

fn unpacked(rate: f32) -> Usage {
    let bps = BitRate::from_bps(rate.abs() as u64);
    if rate.is_sign_negative() { Usage::Backlogged(bps) } else { Usage::Free(bps) }
}

/// Watched wherever something moved shortly before and after.
fn without_short_gaps(mut watched: Vec<bool>) -> Vec<bool> {
    let mut last = None;
    for second in 0..watched.len() {
        if !watched[second] {
            continue;
        }
        if let Some(last) = last.filter(|&last| second - last <= UNWATCHED_S) {
            watched[last..second].fill(true);
        }
        last = Some(second);
    }
    watched
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Duration;
    use store::{Message, Store, StoreSettings};
    use vocab::{ByteCount, Directed, HeldBack, MacAddress, Record, Sample};

    pub fn aggregate(last: u8, class: TrafficClass) -> Aggregate {
        Aggregate { device: DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, last])), class }
    }

    /// Writes a history: of each aggregate, the bytes down of each second from `begins` on.
    pub fn write(path: &Path, begins: u64, all: &[(Aggregate, Vec<u64>)], held_back: &[(Aggregate, u64)]) {
        let settings = StoreSettings::at(path);
        let keep = Duration::from_secs(30 * 86_400);
        let retention = store::Retention { seconds: keep, ..settings.retention };
        let mut writer = Store::open(StoreSettings { retention, ..settings }).unwrap().into_writer().unwrap();
        let (link, window) = (LinkId(0), Duration::from_secs(1));
        let longest = all.iter().map(|(_, bytes)| bytes.len()).max().unwrap_or(0);
        for chunk in (0..longest).step_by(3_600) {
            let mut samples = Vec::new();
            for (aggregate, bytes) in all {
                for (second, &bytes) in
                    bytes.iter().enumerate().skip(chunk).take(3_600).filter(|(_, bytes)| **bytes > 0)
                {
                    let bytes = Directed { download: ByteCount(bytes), upload: ByteCount::ZERO };
                    let (start, aggregate) = (Timestamp::from_unix_secs(begins + second as u64), *aggregate);
                    let packets = Directed { download: 1, upload: 0 };
                    samples.push(Sample { link, aggregate, start, window, bytes, packets, flows: 1 });
                }
            }
            writer.write(Message::Record(Record::Samples(samples))).unwrap();
        }
        let held = |&(aggregate, second): &(Aggregate, u64)| HeldBack {
            link,
            aggregate,
            direction: Direction::Download,
            start: Timestamp::from_unix_secs(begins + second),
        };
        writer.write(Message::Record(Record::HeldBack(held_back.iter().map(held).collect()))).unwrap();
        // What closes the last minutes.
        let last = Timestamp::from_unix_secs(begins + longest as u64 + 200);
        let sample = Sample {
            link,
            aggregate: aggregate(99, TrafficClass::Unclassified),
            start: last,
            window,
            bytes: Directed { download: ByteCount(1), upload: ByteCount::ZERO },
            packets: Directed::default(),
            flows: 1,
        };
        writer.write(Message::Record(Record::Samples(vec![sample]))).unwrap();
    }

    const BEGINS: u64 = 1_750_000_020;

    fn read(all: &[(Aggregate, Vec<u64>)], held_back: &[(Aggregate, u64)], span: u64, most: usize) -> OwnHistory {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.db");
        write(&path, BEGINS, all, held_back);
        let at = |second: u64| Timestamp::from_unix_secs(BEGINS + second);
        OwnHistory::read(&Reader::open(&path).unwrap(), at(0), at(span), most).unwrap()
    }

    /// Kbit/s, `~` before what was held back and `.` for what is unknown.
    fn said(history: &OwnHistory, name: &str, range: Range<usize>) -> String {
        let track = history.tracks().iter().find(|track| track.name == name).expect(name);
        let words = history.seconds(track, range).into_iter().map(|usage| match usage {
            None => ".".to_owned(),
            Some(Usage::Free(rate)) => (rate.as_bps() / 1_000).to_string(),
            Some(Usage::Backlogged(rate)) => format!("~{}", rate.as_bps() / 1_000),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_moved_is_what_the_daemon_saw() {
        let (tv, web) = (aggregate(1, TrafficClass::Streaming), aggregate(1, TrafficClass::Web));
        let other = aggregate(2, TrafficClass::Web);
        let mut later = vec![0u64; 900];
        later[850] = 125_000;
        let all = [(tv, vec![0, 125_000, 0, 250_000]), (web, vec![0, 125, 0, 0, 125]), (other, later)];
        let history = read(&all, &[(tv, 3), (web, 2)], 900, 1_000_000);
        let mac = "02:00:00:00:00:01";
        assert_eq!((history.begins(), history.span()), (BEGINS + 1, 899), "from the first second on");
        assert_eq!(said(&history, &format!("streaming/{mac}/download"), 0..5), "1000 0 ~2000 0 .");
        assert_eq!(said(&history, &format!("web/{mac}/download"), 0..5), "1 ~0 0 1 .");
        assert_eq!(said(&history, &format!("{mac}/download"), 0..5), "1001 0 2000 1 .", "totals are what they move");
        assert_eq!(said(&history, "link/download", 0..5), "1001 0 2000 1 .");
        // Nobody moved anything for long, then one did.
        assert_eq!(said(&history, "web/download", 848..851), ". 1000 .");
        assert_eq!(said(&history, &format!("web/{mac}/download"), 848..851), ". . .", "forgotten");
        assert_eq!(history.watched_in(0..899), 5);
        assert!(!history.tracks().iter().any(|track| track.name.ends_with("upload")));
    }

    #[test]
    fn too_much_is_cut_to_the_newest_hours() {
        let check = |most: usize, hours: u64| {
            let bytes = vec![1_000u64; 5 * 3_600];
            let history = read(&[(aggregate(1, TrafficClass::Web), bytes)], &[], 5 * 3_600, most);
            assert_eq!((history.span() as u64, history.is_cut()), (hours * 3_600, hours < 5), "{most}");
            if hours > 0 {
                assert_eq!(history.begins(), BEGINS + (5 - hours) * 3_600);
                assert_eq!(history.watched_in(0..history.span()), history.span());
                assert_eq!(said(&history, "link/download", 0..2), "8 8");
            }
        };
        check(5 * 3_600, 5);
        check(5 * 3_600 - 1, 4);
        check(2 * 3_600 + 1_800, 2);
        check(3_600, 1);
        check(3_599, 0);
    }

    #[test]
    fn links_are_series_of_their_own() {
        let (tv, web) = (aggregate(1, TrafficClass::Streaming), aggregate(1, TrafficClass::Web));
        let down = Direction::Download;
        let moved = |at, rate, flows, packet_bytes| Moved { at, rate, beside: Beside { flows, packet_bytes } };
        let aggregates = Aggregates::from([
            ((tv, down, LinkId(0)), vec![moved(7, 1_000.0, 1, 0), moved(6, -3_000.0, 2, 75)]),
            ((tv, down, LinkId(1)), vec![moved(6, 2_000.0, 3, 0)]),
            ((web, down, LinkId(1)), vec![moved(6, 5_000.0, 4, 125), moved(8, 4_000.0, 5, 0)]),
        ]);
        let history = OwnHistory::of(106, 3, 6, aggregates);
        let mac = "02:00:00:00:00:01";
        assert_eq!(said(&history, &format!("streaming/{mac}/download"), 0..3), "~5 1 0");
        assert_eq!(said(&history, &format!("{mac}/download"), 0..3), "10 1 4");
        assert_eq!(said(&history, "link/download", 0..3), "3 1 0");
        assert_eq!(said(&history, "link-1/download", 0..3), "7 0 4");
        assert_eq!(history.tracks().len(), 7);
        // 1,250 bytes in the five packets of 75 and of 125 bytes that are known of, and flows of all.
        let device = history.tracks().iter().find(|track| track.name == format!("{mac}/download")).unwrap();
        let lesson = history.lesson(device, 0..3, 3);
        assert_eq!(lesson.seconds, history.seconds(device, 0..3));
        assert_eq!(lesson.beside.iter().map(|beside| beside.flows).collect::<Vec<_>>(), [9, 1, 5]);
        assert_eq!(lesson.beside[0].packet_bytes, 1_250 / 10);
        assert_eq!(lesson.begins, Some(3 * 86_400 + 106), "1970 began on a Thursday");
    }
}
