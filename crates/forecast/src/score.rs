//! How right forecasts were.

use crate::Series;
use vocab::{Quantile, Score, ScoreRecord, Timestamp};

/// A forecast whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scored {
    /// Of what.
    pub series: Series,
    /// Which model spoke.
    pub model: &'static str,
    /// What was said and what came.
    pub score: Score,
}

impl Scored {
    /// As a record for history; those of totals are not kept there.
    pub fn record(&self) -> Option<ScoreRecord> {
        match self.series {
            Series::Aggregate(aggregate, direction) => {
                Some(ScoreRecord { aggregate, direction, model: self.model, score: self.score })
            }
            Series::Device(..) | Series::Class(..) | Series::Link(..) => None,
        }
    }

    /// Whether what came stayed within the 90 % quantile.
    pub fn is_hit(&self) -> bool {
        self.score.came <= self.score.said.at(Quantile::P90)
    }
}

/// The quantile loss of saying `said` for the quantile `probability` when `came` came (any unit).
pub fn pinball(came: f32, said: f32, probability: f32) -> f32 {
    let missed = came - said;
    (probability * missed).max((probability - 1.0) * missed)
}

/// Hits and scores per minute, over the last hour.
#[derive(Clone, Debug)]
pub(crate) struct HitRate {
    minutes: [(u32, u32); 60],
    last_minute: u64,
}

/// Fewer scores than this say nothing.
const ENOUGH: u32 = 20;

impl HitRate {
    pub fn new() -> HitRate {
        HitRate { minutes: [(0, 0); 60], last_minute: 0 }
    }

    /// Counts one score that came in at `now`.
    pub fn count(&mut self, is_hit: bool, now: Timestamp) {
        let minute = now.as_unix_secs() / 60;
        if minute < self.last_minute {
            // Time went back: what was counted has no place any more.
            *self = HitRate::new();
        }
        let passed = minute.saturating_sub(self.last_minute).min(60);
        for forgotten in 0..passed {
            self.minutes[((minute - forgotten) % 60) as usize] = (0, 0);
        }
        self.last_minute = minute;
        let (hits, all) = &mut self.minutes[(minute % 60) as usize];
        *hits += u32::from(is_hit);
        *all += 1;
    }

    /// The share of hits in thousandths; `None` while there are too few scores.
    pub fn permille(&self) -> Option<u16> {
        let (hits, all) = self
            .minutes
            .iter()
            .fold((0u64, 0u64), |(hits, all), &(hit, one)| (hits + u64::from(hit), all + u64::from(one)));
        (all >= u64::from(ENOUGH)).then(|| (hits * 1_000 / all) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_remembered() {
        let mut rate = HitRate::new();
        assert_eq!(rate.permille(), None);
        for minute in 0..60 {
            rate.count(minute < 30, Timestamp::from_unix_secs(6_000_000 + minute * 60));
        }
        assert_eq!(rate.permille(), Some(500));
        for minute in 60..75 {
            rate.count(false, Timestamp::from_unix_secs(6_000_000 + minute * 60));
        }
        assert_eq!(rate.permille(), Some(250));
        rate.count(true, Timestamp::from_unix_secs(60));
        assert_eq!(rate.permille(), None);
    }

    #[test]
    fn pinball_punishes_the_rare_side() {
        assert!((pinball(10.0, 0.0, 0.9) - 9.0).abs() < 1e-6);
        assert!((pinball(0.0, 10.0, 0.9) - 1.0).abs() < 1e-6);
    }
}
