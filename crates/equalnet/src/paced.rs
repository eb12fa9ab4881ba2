//! A capture file replayed in its own time, as if it happened now.

use crate::clock::Clock;
use crate::config::AtEnd;
use capture::{CaptureError, Counting, FileSource, Frame, Observation, Polled, Source, SourceCounts};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vocab::{LinkType, SourceKind, Timestamp};

/// A pause in the file longer than this is cut to it.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Frames handed over at once: some milliseconds of work, so that windows close on time.
const FRAMES_PER_POLL: usize = 4_096;

/// A file whose frames come when they are due, with the time they come.
pub struct Paced {
    path: PathBuf,
    at_end: AtEnd,
    clock: Clock,
    file: FileSource,
    filter: Option<String>,
    /// Read, and not yet due.
    waiting: VecDeque<Waiting>,
    last: Option<Last>,
    handed: SourceCounts,
    /// Frames of `handed` that came before the file began anew.
    handed_before: u64,
    /// What earlier passes found unreadable.
    malformed_before: u64,
}

/// A frame that is not due yet.
struct Waiting {
    due: Timestamp,
    interface: u32,
    link_type: LinkType,
    vlan: Option<u16>,
    wire_len: u32,
    packets: u32,
    bytes: Box<[u8]>,
}

/// The frame before: when it was due, and when the file says it passed.
#[derive(Clone, Copy)]
struct Last {
    due: Timestamp,
    recorded: Timestamp,
}

impl Paced {
    /// Replays the capture at `path` from now on; what `filter` does not match is left out.
    ///
    /// # Errors
    /// It cannot be read, or is no capture.
    pub fn open(path: &Path, filter: Option<&str>, at_end: AtEnd, clock: Clock) -> Result<Paced, CaptureError> {
        Ok(Paced {
            path: path.to_path_buf(),
            at_end,
            clock,
            file: FileSource::open(path, filter)?,
            filter: filter.map(str::to_owned),
            waiting: VecDeque::new(),
            last: None,
            handed: SourceCounts::default(),
            handed_before: 0,
            malformed_before: 0,
        })
    }

    /// Reads on where nothing waits; `false` where nothing will come any more.
    fn read(&mut self) -> Result<bool, CaptureError> {
        while self.waiting.is_empty() {
            let Paced { file, clock, last, waiting, .. } = self;
            let polled = file.poll(Duration::ZERO, &mut |observation| {
                // A file gives frames only.
                let Observation::Frame(frame) = observation else { return };
                let due = last
                    .map_or_else(|| clock.now(), |last| last.due + frame.at.since(last.recorded).min(LONGEST_PAUSE));
                *last = Some(Last { due, recorded: frame.at });
                waiting.push_back(Waiting {
                    due,
                    interface: frame.interface,
                    link_type: frame.link_type,
                    vlan: frame.vlan,
                    wire_len: frame.wire_len,
                    packets: frame.packets,
                    bytes: frame.bytes.into(),
                });
            })?;
            if polled == Polled::Finished && self.waiting.is_empty() && !self.begin_anew()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn begin_anew(&mut self) -> Result<bool, CaptureError> {
        // A file without frames would begin anew for ever.
        if self.at_end == AtEnd::Stay || self.handed.frames == self.handed_before {
            return Ok(false);
        }
        self.handed_before = self.handed.frames;
        self.malformed_before += self.file.counts()?.malformed;
        self.file = FileSource::open(&self.path, self.filter.as_deref())?;
        Ok(true)
    }
}

impl Source for Paced {
    fn kind(&self) -> SourceKind {
        self.file.kind()
    }

    fn counting(&self) -> Counting {
        self.file.counting()
    }

    fn poll(&mut self, timeout: Duration, sink: &mut dyn FnMut(Observation<'_>)) -> Result<Polled, CaptureError> {
        let now = self.clock.now();
        let mut observed = 0;
        while observed < FRAMES_PER_POLL && self.read()? {
            let Some(frame) = self.waiting.pop_front_if(|frame| frame.due <= now) else { break };
            self.handed.frames += 1;
            self.handed.packets += u64::from(frame.packets);
            self.handed.bytes += vocab::ByteCount(u64::from(frame.wire_len));
            observed += 1;
            sink(Observation::Frame(Frame {
                at: frame.due,
                interface: frame.interface,
                link_type: frame.link_type,
                direction: None,
                vlan: frame.vlan,
                wire_len: frame.wire_len,
                packets: frame.packets,
                bytes: &frame.bytes,
            }));
        }
        if observed > 0 {
            return Ok(Polled::Observed(observed));
        }
        // The end of the file is not the end of the daemon: what it showed stays on the page.
        let wait = self.waiting.front().map_or(timeout, |frame| frame.due.since(now).min(timeout));
        std::thread::sleep(wait);
        Ok(Polled::Idle)
    }

    fn read_counts(&mut self, sink: &mut dyn FnMut(Observation<'_>)) -> Result<(), CaptureError> {
        self.file.read_counts(sink)
    }

    fn counts(&mut self) -> Result<SourceCounts, CaptureError> {
        let malformed = self.malformed_before + self.file.counts()?.malformed;
        Ok(SourceCounts { malformed, ..self.handed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A capture of `frames` frames of 60 bytes, a microsecond apart.
    fn capture(frames: u32) -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let mut pcap = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]);
        for number in 0..frames {
            pcap.extend(words(&[1_000, number, 60, 60]));
            pcap.extend([0; 60]);
        }
        pcap
    }

    #[track_caller]
    fn check(frames: u32, at_end: AtEnd, polls: usize, expected: impl Fn(usize) -> bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pcap");
        std::fs::write(&path, capture(frames)).unwrap();
        let mut paced = Paced::open(&path, None, at_end, Clock::new()).unwrap();
        let mut times = Vec::new();
        for _ in 0..polls {
            let mut seen = |observation: Observation<'_>| {
                if let Observation::Frame(frame) = observation {
                    times.push(frame.at);
                }
            };
            paced.poll(Duration::from_millis(1), &mut seen).unwrap();
        }
        assert!(times.is_sorted(), "time goes on");
        assert!(expected(times.len()), "{} frames came", times.len());
        let counts = paced.counts().unwrap();
        assert_eq!((counts.frames, counts.bytes.0), (times.len() as u64, times.len() as u64 * 60));
    }

    #[test]
    fn a_file_stays_at_its_end_or_begins_anew() {
        check(3, AtEnd::Stay, 20, |frames| frames == 3);
        check(3, AtEnd::Again, 20, |frames| frames > 6);
        // Nothing in it: it is idle, and does not spin.
        check(0, AtEnd::Again, 5, |frames| frames == 0);
    }
}
