//! The law of the division (docs/law.md), on real packets: who gets what, and how soon.

use super::{DOWNLOAD, FIRST, Outcome, SECOND, Stage, mbit};
use crate::agent::{Activity, Agent, now_ms};
use crate::report::RoundTrips;
use crate::story::{Moved, mean_rates};
use crate::world::{BACKUP, DELIVERY, RELEASES, SITES, VIDEO_CDN};
use anyhow::Result;
use std::path::Path;
use vocab::{BitRate, ByteCount, Directed};

/// TCP finds its rate, the classifier its verdicts and the forecaster its feet.
const WARM_UP: f64 = 8.0;
/// What is measured.
const MEASURED: f64 = 20.0;
/// One server of each class that a device may be hungry in.
const FIVE: [&str; 5] = [SITES[0], VIDEO_CDN, RELEASES, BACKUP, DELIVERY];

/// Priority 1 and 5, both hungry: the second gets its guarantee, the first all the rest.
pub(super) fn tiers(program: &Path) -> Result<Outcome> {
    compete(program, "tiers", (1, &[RELEASES], 4), (5, &[RELEASES], 4), (3, 4), (16.0, 4.0))
}

/// The same, and the second is hungry in five classes.
pub(super) fn tiers_five(program: &Path) -> Result<Outcome> {
    compete(program, "tiers-five", (1, &[RELEASES], 4), (5, &FIVE, 2), (3, 4), (16.0, 4.0))
}

/// One priority: halves, though one has a larger guarantee and five hungry classes.
pub(super) fn fair(program: &Path) -> Result<Outcome> {
    compete(program, "fair", (3, &[RELEASES], 4), (3, &FIVE, 2), (2, 4), (10.0, 10.0))
}

/// Priority, servers and flows from each.
type Hunger<'a> = (u8, &'a [&'a str], u32);

fn compete(
    program: &Path,
    name: &str,
    first: Hunger,
    second: Hunger,
    guarantees: (u64, u64),
    expected: (f64, f64),
) -> Result<Outcome> {
    let mut outcome = Outcome::new(name);
    let owed =
        [(FIRST, first.0, BitRate::from_mbps(guarantees.0)), (SECOND, second.0, BitRate::from_mbps(guarantees.1))];
    let mut stage = Stage::build(program, &owed)?;
    let meters = [stage.meter(FIRST, 1_000)?, stage.meter(SECOND, 1_000)?];
    let _hungry = [stage.hunger(FIRST, first.1, first.2)?, stage.hunger(SECOND, second.1, second.2)?];
    stage.listen(WARM_UP);
    let from = now_ms();
    stage.listen(MEASURED);
    let to = now_ms();
    let windows = |agent: &Agent| stage.story.windows_between(agent.number(), from, to);
    let totals = [windows(&meters[0]), windows(&meters[1])];
    // Two parts in a hundred of the link, as the kernel's own accuracy allows (99.3 % at 10 Mbit/s). Of the link: when
    // TCP of the first hesitates for a moment, the second has what it leaves, which is more of a smaller part.
    let within = |part: f64| 0.02 * (expected.0 + expected.1) / part;
    outcome.near("first_download_mbit_s", mbit(mean_rates(&totals[0]).0), expected.0, within(expected.0));
    outcome.near("second_download_mbit_s", mbit(mean_rates(&totals[1]).0), expected.1, within(expected.1));
    for (number, guarantee) in [guarantees.0, guarantees.1].into_iter().enumerate() {
        let which = ["first", "second"][number];
        let (kept, lowest) = guarantee_kept(&totals[number], guarantee as f64);
        // One window of some twenty may be of a moment in which the machine did something else; where time follows the
        // work, in the guest lab, the bound is 98 %.
        outcome.at_least(&format!("{which}_guarantee_kept_in_windows"), kept, 0.94);
        outcome.at_least(&format!("{which}_lowest_window_of_guarantee"), lowest, 0.9);
    }
    Ok(stage.end(outcome))
}

/// In which part of the windows the guarantee (Mbit/s) was kept, within 2 %; and the lowest window as a part of it.
fn guarantee_kept(windows: &[Moved], guarantee: f64) -> (f64, f64) {
    let parts: Vec<f64> = windows.iter().map(|moved| mbit(mean_rates(&[*moved]).0) / guarantee).collect();
    let kept = parts.iter().filter(|part| **part >= 0.98).count();
    (kept as f64 / parts.len() as f64, parts.iter().copied().fold(f64::INFINITY, f64::min))
}

/// When one stops, the other fills the link within 2 s.
pub(super) fn fill(program: &Path) -> Result<Outcome> {
    let mut outcome = Outcome::new("fill");
    let owed = [(FIRST, 1, BitRate::from_mbps(3)), (SECOND, 5, BitRate::from_mbps(4))];
    let mut stage = Stage::build(program, &owed)?;
    let meter = stage.meter(SECOND, 100)?;
    let first = stage.hunger(FIRST, &[RELEASES], 4)?;
    let _second = stage.hunger(SECOND, &[RELEASES], 4)?;
    stage.listen(WARM_UP);
    let before = now_ms();
    stage.listen(3.0);
    let stopped = now_ms();
    drop(first);
    stage.listen(6.0);
    let ended = now_ms();
    let windows = stage.story.windows_between(meter.number(), stopped, ended);
    let full = windows.windows(5).find(|five| mbit(mean_rates(five).0) >= 0.95 * DOWNLOAD);
    let filled_after = full.map_or(f64::NAN, |five| (five[0].at_ms - stopped) as f64 / 1e3);
    outcome.figure("before_mbit_s", mbit(mean_rates(&stage.story.windows_between(meter.number(), before, stopped)).0));
    outcome
        .figure("after_mbit_s", mbit(mean_rates(&stage.story.windows_between(meter.number(), ended - 3_000, ended)).0));
    outcome.at_most("filled_after_s", filled_after, 2.0);
    Ok(stage.end(outcome))
}

/// A call under load takes at most 25 ms longer than alone, 99 times in 100.
pub(super) fn voice(program: &Path) -> Result<Outcome> {
    let mut outcome = Outcome::new("voice");
    let mut stage = Stage::build(program, &[])?;
    let voice = stage.start("desk-phone", Activity::Voice)?;
    stage.wait_for(&voice)?;
    let idle = now_ms();
    stage.listen(6.0);
    let loaded = now_ms();
    let _hungry = [
        // One flow each: servers stand right behind the modem, and each TCP flow adds a segment per round trip.
        // Many flows at no distance would offer more than the modem lets through, whoever drops what behind it.
        stage.hunger(FIRST, &[RELEASES], 1)?,
        stage.hunger(SECOND, &[DELIVERY], 1)?,
        vec![stage.start("attic-nas", Activity::Send { server: BACKUP.to_owned(), flows: 2 })?],
    ];
    stage.listen(WARM_UP);
    let warm = now_ms();
    let mut waiting = Directed::<ByteCount>::default();
    while now_ms() < warm + (MEASURED * 1e3) as u64 {
        stage.listen(0.25);
        let now = stage.household.modem_backlog()?;
        waiting.download = waiting.download.max(now.download);
        waiting.upload = waiting.upload.max(now.upload);
    }
    let end = now_ms();
    stage.listen(2.0);
    for second in (loaded..end).step_by(1_000) {
        let trips = RoundTrips::of(&stage.story.trips_between(voice.number(), second, second + 1_000));
        if trips.p99 > 10.0 {
            let when = (second - loaded) / 1_000;
            outcome.notes.push(format!("second {when} under load: p50 {:.1} ms, p99 {:.1} ms", trips.p50, trips.p99));
        }
    }
    outcome.figure("modem_waiting_down_max_bytes", waiting.download.0 as f64);
    outcome.figure("modem_waiting_up_max_bytes", waiting.upload.0 as f64);
    let trips = |from, to| RoundTrips::of(&stage.story.trips_between(voice.number(), from, to));
    let (alone, ramp, under) = (trips(idle, loaded), trips(loaded, warm), trips(warm, end));
    outcome.figure("idle_p50_ms", alone.p50);
    outcome.figure("idle_p99_ms", alone.p99);
    outcome.figure("ramp_p99_ms", ramp.p99);
    outcome.figure("load_p50_ms", under.p50);
    outcome.at_most("load_p99_ms", under.p99, alone.p99 + 25.0);
    outcome.at_most("lost_packets", (alone.lost + ramp.lost + under.lost) as f64, 0.0);
    outcome.at_least("packets", under.samples as f64, 50.0 * MEASURED * 0.95);
    Ok(stage.end(outcome))
}
