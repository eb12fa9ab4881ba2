//! Another predictor in shadow: what it says is judged beside the model in force, and moves nothing.

use std::collections::BTreeMap;
use std::time::Duration;
use vocab::{BitRate, Direction, OutsideCounts, OutsideScore, OutsideSnapshot, Timestamp, TrafficClass};

/// What is asked for: the mean of so many windows of 1 s.
const WINDOWS: u64 = 15;

/// An answer that is older when it comes is of another time.
const STALE: Duration = Duration::from_secs(3);

/// How many scores the average reaches back: 15 minutes where they follow each other.
const MEMORY: u64 = 60;

/// What another predictor said and how right it was; bounded by the classes there are.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    /// `None` until there is one.
    counts: Option<OutsideCounts>,
    said: BTreeMap<(TrafficClass, Direction), Said>,
}

#[derive(Debug)]
struct Said {
    score: OutsideScore,
    /// What is compared now: one at a time.
    pending: Option<Pending>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    said: BitRate,
    /// The median of the model in force, said at the same time.
    ours: BitRate,
    came: BitRate,
    windows: u64,
}

impl Outside {
    /// How asking it goes.
    pub fn count(&mut self, counts: OutsideCounts) {
        self.counts = Some(counts);
    }

    /// Takes what was `said` of the 15 s after `at`, where it is still of use; `ours` is what the model in force says.
    pub fn say(&mut self, key: (TrafficClass, Direction), said: BitRate, ours: BitRate, at: Timestamp, now: Timestamp) {
        if at > now || now.since(at) > STALE {
            return;
        }
        let (class, direction) = key;
        let known = self.said.entry(key).or_insert_with(|| {
            let nothing = BitRate::ZERO;
            let score =
                OutsideScore { class, direction, said, said_at: at, missed: nothing, ours_missed: nothing, scores: 0 };
            Said { score, pending: None }
        });
        (known.score.said, known.score.said_at) = (said, at);
        known.pending.get_or_insert(Pending { said, ours, came: BitRate::ZERO, windows: 0 });
    }

    /// Takes what every class did in the windows that just closed: one, unless the loop was late.
    pub fn came(&mut self, windows: u64, usage: impl Fn(TrafficClass, Direction) -> BitRate) {
        for (&(class, direction), known) in &mut self.said {
            let Some(mut pending) = known.pending.take() else { continue };
            // What was not seen second by second is not known well enough to judge by.
            if windows != 1 {
                continue;
            }
            pending.came = pending.came.saturating_add(usage(class, direction));
            pending.windows += 1;
            if pending.windows < WINDOWS {
                known.pending = Some(pending);
                continue;
            }
            let came = pending.came.mul_ratio(1, WINDOWS);
            let score = &mut known.score;
            score.scores = score.scores.saturating_add(1);
            let reach = u64::from(score.scores).min(MEMORY);
            let average = |before: BitRate, said: BitRate| {
                let missed = u128::from(said.as_bps().abs_diff(came.as_bps()));
                let sum = u128::from(before.as_bps()) * u128::from(reach - 1) + missed;
                // An average of what fits fits.
                BitRate::from_bps((sum / u128::from(reach)) as u64)
            };
            score.missed = average(score.missed, pending.said);
            score.ours_missed = average(score.ours_missed, pending.ours);
        }
    }

    /// How it does; `None` where there is no other predictor.
    pub fn snapshot(&self) -> Option<OutsideSnapshot> {
        let scores: Vec<OutsideScore> = self.said.values().map(|said| said.score).collect();
        let counts = self.counts.clone();
        (counts.is_some() || !scores.is_empty()).then(|| OutsideSnapshot { counts: counts.unwrap_or_default(), scores })
    }
}
