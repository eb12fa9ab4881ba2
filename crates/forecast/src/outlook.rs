//! What the coming hours and days will bring, for people.
//!
//! In: what was moved hour by hour ([`HourlyVolumes`], with gaps and parts of hours), how local clocks stand, and
//! perhaps a quota. Out: an [`Outlook`]: the next 24 hours and their sum as bands, when it is busy, and when the quota
//! runs out. It is computed anew for each question and keeps nothing. It never moves a guarantee.
//!
//! The model is a seasonal one on a log scale (`season`). Three things people ask about it: *holidays* are days like
//! others here: one odd day hardly moves an hour's usual level, and within hours of such a day its own level is
//! followed. *Summer time*: hours are told apart by local clocks, so the hour that is missing in spring or there twice
//! in autumn is one sample less or more. *Gaps* are no zeros: nothing is learnt from an hour that was not recorded.

mod backtest;
mod busy;
mod quota;
mod season;
mod spread;

pub use backtest::{OutlookScore, OutlookScores, backtest_outlook};

use season::Fit;
use std::time::Duration;
use vocab::{
    ByteCount, Directed, Direction, HourVolume, HourlyVolumes, LocalTime, Outlook, Quota, Timestamp, VolumeBand,
    WayOutlook,
};

const HOUR: Duration = Duration::from_secs(3_600);
/// How many hours are foreseen.
const AHEAD: usize = 24;
/// The oldest hours that are looked at, twelve weeks: a season of the year is not learnt, and last summer's level
/// says little about this winter's.
const OLDEST_HOURS: usize = 12 * 7 * 24;
/// What was recorded of an hour for less than this says nothing about the hour.
const LEAST_RECORDED: Duration = Duration::from_secs(900);

/// What is foreseen at `now`, of what was moved before. Hours of `volumes` that begin at `now` or later are not
/// looked at.
pub fn outlook(volumes: &HourlyVolumes, quota: Option<Quota>, local: &LocalTime, now: Timestamp) -> Outlook {
    let from = now.floor(HOUR) + HOUR;
    let ways = |way: fn(&HourVolume) -> ByteCount| Series::new(volumes, local, from, way);
    let way = |series: &Series| series.fit().map_or_else(WayOutlook::default, |fit| series.way(&fit));
    let (download, upload) = (ways(|hour| hour.bytes[Direction::Download]), ways(|hour| hour.bytes[Direction::Upload]));
    let both = ways(|hour| hour.bytes.download + hour.bytes.upload);
    let fit = both.fit();
    Outlook {
        at: now,
        from,
        recorded_hours: both.volumes.iter().flatten().count(),
        ways: Directed { download: way(&download), upload: way(&upload) },
        quota: quota.map(|quota| quota::outlook(quota, volumes, &both, fit.as_ref(), local, now)),
        both: fit.map_or_else(WayOutlook::default, |fit| both.way(&fit)),
    }
}

/// The hours up to the first that is foreseen, one way.
struct Series {
    /// Bytes of each hour, as if it had been recorded whole.
    volumes: Vec<Option<f64>>,
    /// The hour of the local week of each, and of those that come.
    slots: Vec<usize>,
    local: LocalTime,
    /// When the first hour that is foreseen begins.
    from: Timestamp,
}

impl Series {
    fn new(
        volumes: &HourlyVolumes,
        local: &LocalTime,
        from: Timestamp,
        bytes: impl Fn(&HourVolume) -> ByteCount,
    ) -> Series {
        let whole = |hour: &HourVolume| {
            let recorded = hour.recorded.min(HOUR);
            (recorded >= LEAST_RECORDED).then(|| bytes(hour).0 as f64 * HOUR.as_secs_f64() / recorded.as_secs_f64())
        };
        // How many of the hours given begin before `from`, and how many are missing up to it.
        let passed = (from.since(volumes.first).as_secs() / HOUR.as_secs()) as usize;
        let skipped = passed.saturating_sub(OLDEST_HOURS);
        let known = volumes.hours.iter().take(passed).skip(skipped).map(|hour| hour.as_ref().and_then(whole));
        let mut volumes: Vec<Option<f64>> = known.collect();
        volumes.resize(passed - skipped, None);
        // What was never recorded before the first hour is no history.
        let unknown = volumes.iter().take_while(|volume| volume.is_none()).count();
        volumes.drain(..unknown);
        let first = from - HOUR * volumes.len() as u32;
        let slots = (0..(volumes.len() + AHEAD) as u32).map(|hour| local.hour_of_week(first + HOUR * hour)).collect();
        Series { volumes, slots, local: local.clone(), from }
    }

    /// `None` while too little was seen.
    fn fit(&self) -> Option<Fit> {
        Fit::new(&self.volumes, &self.slots[..self.volumes.len()])
    }

    /// The slot of an hour that comes: 0 is the first foreseen.
    fn slot_ahead(&self, hour: usize) -> usize {
        self.local.hour_of_week(self.from + HOUR * hour as u32)
    }

    fn way(&self, fit: &Fit) -> WayOutlook {
        let slots = &self.slots[self.volumes.len()..];
        let hours = (1..).zip(slots).map(|(ahead, slot)| band(fit.hour(*slot, ahead))).collect();
        WayOutlook { season: fit.season(), hours, day: band(fit.day(slots)), busy: busy::busy(fit) }
    }
}

/// P10, P50 and P90 in bytes.
fn band([low, likely, high]: [f64; 3]) -> VolumeBand {
    VolumeBand::new(bytes(low), bytes(likely), bytes(high))
}

/// Never negative; what is no number is nothing.
fn bytes(volume: f64) -> ByteCount {
    // The cast saturates and makes zero of what is no number.
    ByteCount(volume.round() as u64)
}
