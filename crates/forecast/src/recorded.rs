//! Recorded series as lines of text: `family,series,class,t,bytes,other`, one second each.

use crate::{Kind, Lesson};
use std::collections::HashMap;
use std::io::BufRead;
use vocab::{BitRate, TrafficClass, Usage};

/// One recorded series.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Whose kin it is.
    pub family: String,
    /// Its name in the file.
    pub name: String,
    /// Its sort.
    pub kind: Kind,
    /// What the first second is called in the file.
    pub first: u64,
    /// Bytes of each second from there on, as the file has them; `None` where a second is missing.
    pub bytes: Vec<Option<f64>>,
}

/// A line that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// The file could not be read.
    #[error("line {0} cannot be read: {1}")]
    Read(usize, std::io::Error),
    /// The first line is not the names of the columns.
    #[error("the first line must be `family,series,class,t,bytes,other`, and is `{0}`")]
    Head(String),
    /// A line with too few columns, or with something else than numbers where numbers belong.
    #[error("line {0}: {1}")]
    Line(usize, &'static str),
    /// A class that is no word of ours nor of the recorded series'.
    #[error("line {0}: the class `{1}` is not known; known are {2}")]
    Class(usize, String, String),
    /// Nothing but the first line.
    #[error("there is no series in it")]
    Empty,
}

/// No series is longer: ten days.
const LONGEST: u64 = 864_000;

/// No more series than this.
const MOST_SERIES: usize = 100_000;

impl Recorded {
    /// Reads all series of a file, in the order in which they begin. Seconds may come in any order; one that comes
    /// twice counts as it came last.
    ///
    /// # Errors
    /// The number of the line, and what is wrong with it.
    pub fn read(file: impl BufRead) -> Result<Vec<Recorded>, RecordedError> {
        let (mut all, mut places) = (Vec::<Recorded>::new(), HashMap::<String, usize>::new());
        for (number, line) in file.lines().enumerate() {
            let line = line.map_err(|error| RecordedError::Read(number + 1, error))?;
            let line = line.trim_end_matches('\r');
            if number == 0 {
                if !line.starts_with("family,series,class,t,bytes") {
                    return Err(RecordedError::Head(line.chars().take(80).collect()));
                }
                continue;
            }
            if line.is_empty() {
                continue;
            }
            let wrong = |what| RecordedError::Line(number + 1, what);
            let mut fields = line.split(',');
            let mut field = || fields.next().ok_or(wrong("five columns are needed, and `other` may follow"));
            let (family, name, class, second, bytes) = (field()?, field()?, field()?, field()?, field()?);
            let second: u64 = second.parse().map_err(|_| wrong("t must be a whole number of seconds"))?;
            let bytes: f64 = bytes.parse().map_err(|_| wrong("bytes must be a number"))?;
            if !bytes.is_finite() || bytes < 0.0 {
                return Err(wrong("bytes must be a number that is not negative"));
            }
            let place = match places.get(name) {
                Some(&place) => place,
                None if all.len() == MOST_SERIES => return Err(wrong("there are too many series")),
                None => {
                    let known = || TrafficClass::ALL.map(TrafficClass::name).join(", ") + ", total";
                    let kind = Kind::of(family, class)
                        .map_err(|word| RecordedError::Class(number + 1, word.into(), known()))?;
                    places.insert(name.to_owned(), all.len());
                    let (family, name) = (family.to_owned(), name.to_owned());
                    all.push(Recorded { family, name, kind, first: second, bytes: Vec::new() });
                    all.len() - 1
                }
            };
            all[place].put(second, bytes).ok_or(wrong("a series is longer than ten days"))?;
        }
        if all.is_empty() { Err(RecordedError::Empty) } else { Ok(all) }
    }

    fn put(&mut self, second: u64, bytes: f64) -> Option<()> {
        if second < self.first {
            let earlier = self.first - second;
            if earlier + self.bytes.len() as u64 > LONGEST {
                return None;
            }
            self.bytes.splice(0..0, std::iter::repeat_n(None, earlier as usize));
            self.first = second;
        }
        let place = second - self.first;
        if place >= LONGEST {
            return None;
        }
        let place = place as usize;
        if self.bytes.len() <= place {
            self.bytes.resize(place + 1, None);
        }
        self.bytes[place] = Some(bytes);
        Some(())
    }

    /// What it did, second by second.
    pub fn seconds(&self) -> Vec<Option<Usage>> {
        let usage = |bytes: f64| Usage::Free(BitRate::from_bps((bytes * 8.0) as u64));
        self.bytes.iter().map(|bytes| bytes.map(usage)).collect()
    }

    /// All of them as lessons; families are numbered as they come.
    pub fn lessons(all: &[Recorded]) -> Vec<Lesson> {
        let mut families = HashMap::<&str, u32>::new();
        let mut lessons = Vec::with_capacity(all.len());
        for recorded in all {
            let count = families.len() as u32;
            let family = *families.entry(&recorded.family).or_insert(count);
            lessons.push(Lesson::new(recorded.kind, family, recorded.seconds()));
        }
        lessons
    }
}

impl Kind {
    /// The sort that a class means, in our words or in those of recorded series: a class of one device, unless the
    /// family says that it is a sum over all (`class` or `total` in its name).
    ///
    /// # Errors
    /// The word, if it is no class.
    pub fn of<'a>(family: &str, class: &'a str) -> Result<Kind, &'a str> {
        let class = match class {
            "total" if family.contains("total") => return Ok(Kind::Link),
            "total" => return Ok(Kind::Device),
            "video" | "audio" => TrafficClass::Streaming,
            "conf" => TrafficClass::Call,
            "xr" => TrafficClass::Gaming,
            "bulk" => TrafficClass::Download,
            "background" => TrafficClass::Update,
            word => TrafficClass::ALL.into_iter().find(|class| class.name() == word).ok_or(word)?,
        };
        Ok(if family.contains("class") { Kind::Class(class) } else { Kind::Aggregate(class) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_series_or_a_reason() {
        let head = "family,series,class,t,bytes,other\n";
        let check = |lines: &str| Recorded::read(format!("{head}{lines}").as_bytes());
        let all = check("a,x,video,7,10,1\na,x,video,9,30,1\nb,y,total,0,1.5,\n").expect("well formed");
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].first, &all[0].bytes), (7, &vec![Some(10.0), None, Some(30.0)]));
        assert_eq!((all[0].kind, all[1].kind), (Kind::Aggregate(TrafficClass::Streaming), Kind::Device));
        for (lines, part) in [
            ("a,x,video,7\n", "line 2: five columns"),
            ("a,x,video,-1,10,1\n", "whole number"),
            ("a,x,video,1,NaN,1\n", "not negative"),
            ("a,x,video,1,ten,1\n", "must be a number"),
            ("a,x,movie,1,10,1\n", "`movie` is not known; known are voice"),
            ("a,x,web,1,1,\na,x,web,99999999,1,\n", "line 3: a series is longer"),
            ("", "no series"),
        ] {
            let error = check(lines).expect_err(lines).to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(Recorded::read("t,bytes\n".as_bytes()).is_err());
    }
}
