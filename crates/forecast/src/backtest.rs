//! What would have been foreseen of recorded series, strictly causal: at second `t` nothing after `t` is known.

use crate::family::{Family, Member};
use crate::{Forecaster, Kind, Lesson, Series, Settings};
use std::sync::Arc;
use std::time::Duration;
use vocab::{Aggregate, DeviceId, Direction, Horizon, LinkId, MacAddress, Quantiles, Timestamp};

/// What was foreseen of one series at one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// How many seconds of the series were known: all up to the one at `known - 1`.
    pub known: usize,
    /// For each of [`Horizon::ALL`].
    pub quantiles: [Quantiles; Horizon::COUNT],
}

/// A backtest, one series after another. What models miss by is pooled over the series before, as in service.
#[derive(Clone, Debug)]
pub struct Backtest {
    forecaster: Forecaster,
    /// When the next series begins: after all that was.
    at: Timestamp,
}

/// Any Monday, so that days and weeks of recorded series begin somewhere.
const BEGINS: Timestamp = Timestamp::from_unix_secs(1_704_067_200);

impl Backtest {
    /// Begins with these weights.
    pub fn new(family: Arc<Family>) -> Backtest {
        Backtest { forecaster: Forecaster::with_family(Settings::default(), family), at: BEGINS }
    }

    /// Runs through one series and gives what was foreseen together after every second from the `from`-th on, in
    /// steps of `every`; and the same of each of `alone`, as it stood in shadow.
    pub fn run(
        &mut self,
        lesson: &Lesson,
        from: usize,
        every: usize,
        alone: &[Member],
        foreseen: &mut dyn FnMut(Option<Member>, Foreseen),
    ) {
        let series = series_of(lesson.kind);
        self.forecaster.forget(series);
        let begins = self.at;
        for (number, usage) in lesson.seconds.iter().enumerate() {
            let now = begins + Duration::from_secs(number as u64);
            let Some(usage) = *usage else { continue };
            let said = self.forecaster.observe_aloud(series, usage, lesson.context(number), now);
            if number < from || !(number - from).is_multiple_of(every.max(1)) {
                continue;
            }
            let known = number + 1;
            let forecast = self.forecaster.forecast(series, now);
            foreseen(None, Foreseen { known, quantiles: forecast.quantiles });
            for &member in alone {
                if let Some(quantiles) = said[member.index()] {
                    foreseen(Some(member), Foreseen { known, quantiles });
                }
            }
        }
        self.forecaster.take_scores();
        self.at = begins + Duration::from_secs(lesson.seconds.len() as u64 + 3_600);
    }
}

/// Any series of a kind.
fn series_of(kind: Kind) -> Series {
    let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, 1]));
    let direction = Direction::Download;
    match kind {
        Kind::Aggregate(class) => Series::Aggregate(Aggregate { device, class }, direction),
        Kind::Device => Series::Device(device, direction),
        Kind::Class(class) => Series::Class(class, direction),
        Kind::Link => Series::Link(LinkId(0), direction),
    }
}
