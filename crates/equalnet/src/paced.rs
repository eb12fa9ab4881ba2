//! A capture file replayed in its own time, as if it happened now.

use crate::clock::Clock;
use capture::{CaptureError, Counting, FileSource, Frame, Observation, Polled, Source, SourceCounts};
use std::time::Duration;
use vocab::{SourceKind, Timestamp};

/// Sleeps are short, so that a stop is heard.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// A pause in the file longer than this is cut to it.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A file whose frames come when they are due, with the time they come.
pub struct Paced {
    file: FileSource,
    clock: Clock,
    last: Option<Last>,
}

/// The frame before: when it was due, and when the file says it passed.
#[derive(Clone, Copy)]
struct Last {
    due: Timestamp,
    recorded: Timestamp,
}

impl Paced {
    /// Replays `file` from now on.
    pub fn new(file: FileSource, clock: Clock) -> Paced {
        Paced { file, clock, last: None }
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
        let Paced { file, clock, last } = self;
        let polled = file.poll(timeout, &mut |observation| match observation {
            Observation::Frame(frame) => {
                let due = last
                    .map_or_else(|| clock.now(), |last| last.due + frame.at.since(last.recorded).min(LONGEST_PAUSE));
                *last = Some(Last { due, recorded: frame.at });
                loop {
                    let wait = due.since(clock.now());
                    if wait.is_zero() {
                        break;
                    }
                    std::thread::sleep(wait.min(LONGEST_SLEEP));
                }
                sink(Observation::Frame(Frame { at: due, ..frame }));
            }
            other @ (Observation::FlowCounts(_) | Observation::AggregateCounts(_)) => sink(other),
        })?;
        // The end of the file is not the end of the daemon: what it showed stays on the page.
        if polled == Polled::Finished {
            std::thread::sleep(timeout.min(LONGEST_SLEEP));
            return Ok(Polled::Idle);
        }
        Ok(polled)
    }

    fn read_counts(&mut self, sink: &mut dyn FnMut(Observation<'_>)) -> Result<(), CaptureError> {
        self.file.read_counts(sink)
    }

    fn counts(&mut self) -> Result<SourceCounts, CaptureError> {
        self.file.counts()
    }
}
