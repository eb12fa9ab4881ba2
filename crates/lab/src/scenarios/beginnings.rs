//! The loop closed: how calls and films begin on a full link when guarantees follow what is foreseen, and when they
//! follow what was moved last.

use super::{FIRST, Outcome, SECOND, Stage, kernel_classes, mbit};
use crate::agent::{Activity, Agent, Naming, now_ms};
use crate::daemon::Foresight;
use crate::household::LAN;
use crate::report::RoundTrips;
use crate::story::{Story, mean_rates};
use crate::world::{BACKUP, DELIVERY, RELEASES};
use anyhow::Result;
use std::path::Path;
use vocab::BitRate;

/// TCP finds its rate and the classifier its verdicts.
const WARM_UP: f64 = 8.0;

/// Who watches and who calls, and what they are owed, in Mbit/s.
const WATCHES: (&str, u64) = ("living-room-tv", 8);
const CALLS: (&str, u64) = ("bens-phone", 1);

/// Segments of 4 s of a film of 5 Mbit/s: 2.5 MB each, for which what is owed takes 2.5 s.
const FILM: u64 = 5_000_000;

/// A window in which less than this part of what is owed was had is missed, as the engine has it.
const KEPT: f64 = 0.95;
const WINDOW_MS: u64 = 250;

/// How long a beginning is asked after, as in the simulated loop.
const JUDGED_MS: u64 = 10_000;
const EARLY_MS: u64 = 2_000;

/// What one way was measured to do.
#[derive(Debug, Default)]
struct Way {
    call_missed_s: f64,
    call_early: Vec<f64>,
    call_lost: u64,
    film_missed_s: f64,
    first_segments_ms: Vec<f64>,
    segments_ms: Vec<f64>,
    moved_mbit: f64,
}

/// One figure of a way.
type Figure = fn(&Way) -> f64;

/// The same story twice. Calls and films begin well in both ways; nothing is moved less, and nothing begins worse,
/// with forecasts than without.
pub(super) fn beginnings(program: &Path) -> Result<Outcome> {
    let mut outcome = Outcome::new("beginnings");
    let [reacting, foreseeing] = [Foresight::Reacting, Foresight::Forecasts].map(|foresight| {
        let mut stage = Stage::build_with(
            program,
            &[
                (FIRST, 1, BitRate::from_mbps(2)),
                (SECOND, 3, BitRate::from_mbps(2)),
                (WATCHES.0, 5, BitRate::from_mbps(WATCHES.1)),
                (CALLS.0, 5, BitRate::from_mbps(CALLS.1)),
            ],
            foresight,
        )?;
        let way = live(&mut stage)?;
        Ok::<_, anyhow::Error>((way, stage.end(Outcome::default())))
    });
    let ((reacting, before), (foreseeing, after)) = (reacting?, foreseeing?);
    outcome.notes.extend(before.notes.into_iter().chain(after.notes));
    outcome.notes.push("| | reacting | with forecasts |\n    |---|---:|---:|".to_owned());
    let rows: [(&str, Figure); 8] = [
        ("call_without_guarantee_s", |way| way.call_missed_s),
        ("call_delay_in_2_s_mean_ms", |way| mean(&way.call_early)),
        ("call_delay_in_2_s_worst_ms", |way| way.call_early.iter().copied().fold(0.0, f64::max)),
        ("call_packets_lost", |way| way.call_lost as f64),
        ("film_without_guarantee_s", |way| way.film_missed_s),
        ("film_first_segment_mean_ms", |way| mean(&way.first_segments_ms)),
        ("film_segment_mean_ms", |way| mean(&way.segments_ms)),
        ("moved_mbit", |way| way.moved_mbit),
    ];
    for (name, value) in rows {
        outcome.figure(&format!("reacting_{name}"), value(&reacting));
        outcome.figure(&format!("forecasts_{name}"), value(&foreseeing));
        outcome.notes.push(format!("| {name} | {:.2} | {:.2} |", value(&reacting), value(&foreseeing)));
    }
    for way in [&reacting, &foreseeing] {
        // Without these there is nothing to compare.
        outcome.at_least("film_segments_loaded", way.segments_ms.len() as f64, 4.0);
        outcome.at_least("call_packets_in_2_s", way.call_early.len() as f64, 200.0);
        // A busy machine is given room; where queues waited for the next plan, these were 60 ms, 50 packets and 4 s.
        outcome.at_most("call_delay_in_2_s_mean_ms", mean(&way.call_early), 30.0);
        outcome.at_most("call_packets_lost", way.call_lost as f64, 20.0);
        outcome.at_most("call_without_guarantee_s", way.call_missed_s, 0.5);
        outcome.at_most("film_without_guarantee_s", way.film_missed_s, 2.0);
    }
    // What is noise between two runs of the same story: TCP finds its way anew each time.
    outcome.at_least("moved_with_forecasts_of_reacting", foreseeing.moved_mbit / reacting.moved_mbit, 0.97);
    outcome.at_most("film_without_guarantee_more_s", foreseeing.film_missed_s - reacting.film_missed_s, 1.0);
    outcome.at_most("call_delay_more_ms", mean(&foreseeing.call_early) - mean(&reacting.call_early), 15.0);
    Ok(outcome)
}

/// Two hungry devices and one that sends; a film, a call in it, a pause, and both again.
fn live(stage: &mut Stage) -> Result<Way> {
    let _hungry = [
        stage.hunger(FIRST, &[RELEASES], 4)?,
        stage.hunger(SECOND, &[DELIVERY], 4)?,
        vec![stage.start("attic-nas", Activity::Send { server: BACKUP.to_owned(), flows: 2 })?],
    ];
    let meters = [stage.meter(WATCHES.0, WINDOW_MS)?, stage.meter(CALLS.0, WINDOW_MS)?];
    stage.listen(WARM_UP);
    let sent = |stage: &Stage| -> Result<u64> {
        let classes = kernel_classes(&stage.household, LAN)?;
        Ok(classes.iter().map(|class| class.sent).max().unwrap_or(0))
    };
    let sent_before = sent(stage)?;
    let mut way = Way::default();
    for _ in 0..2 {
        let film = stage.start(WATCHES.0, Activity::Film { rate: FILM, naming: Naming::Said })?;
        stage.listen(4.0);
        let call = stage.start(CALLS.0, Activity::Meeting)?;
        stage.listen(5.0);
        let call_number = call.number();
        call.finish();
        stage.listen(3.0);
        let over_ms = now_ms();
        let film_number = film.number();
        drop(film);
        stage.listen(6.0);
        way.call(&stage.story, call_number, &meters[1]);
        way.film(&stage.story, film_number, &meters[0], over_ms);
    }
    way.moved_mbit = mbit((sent(stage)? - sent_before) * 8);
    Ok(way)
}

impl Way {
    /// Takes in how a call went: it wants more than it is owed as long as it lasts.
    fn call(&mut self, story: &Story, agent: u32, meter: &Agent) {
        let trips = story.trips_between(agent, 0, u64::MAX);
        let (Some(from), Some(to)) =
            (trips.iter().map(|trip| trip.at_ms).min(), trips.iter().map(|trip| trip.at_ms).max())
        else {
            return;
        };
        let early = story.trips_between(agent, from, from + EARLY_MS);
        self.call_early.extend(early.iter().filter_map(|trip| Some(f64::from(trip.rtt_us?) / 1e3)));
        self.call_lost += RoundTrips::of(&trips).lost;
        self.call_missed_s += missed_s(story, meter, CALLS.1, from, to.min(from + JUDGED_MS));
    }

    /// Takes in how a film went: it wants all it can get while a segment loads.
    fn film(&mut self, story: &Story, agent: u32, meter: &Agent, over_ms: u64) {
        let mut loads = story.loaded.get(&agent).cloned().unwrap_or_default();
        loads.sort_unstable();
        loads.retain(|(at_ms, took_ms)| at_ms + took_ms <= over_ms);
        let Some(&(begins, first)) = loads.first() else { return };
        self.first_segments_ms.push(first as f64);
        self.segments_ms.extend(loads.iter().map(|(_, took_ms)| *took_ms as f64));
        for (at_ms, took_ms) in loads.into_iter().filter(|(at_ms, _)| *at_ms < begins + JUDGED_MS) {
            self.film_missed_s += missed_s(story, meter, WATCHES.1, at_ms, at_ms + took_ms);
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Seconds between `from` and `to` in which the device of `meter` had less than it is owed, in Mbit/s.
fn missed_s(story: &Story, meter: &Agent, owed: u64, from: u64, to: u64) -> f64 {
    let windows = story.windows_between(meter.number(), from, to);
    let missed = windows.iter().filter(|window| mbit(mean_rates(&[**window]).0) < KEPT * owed as f64);
    missed.map(|window| window.over_us as f64 / 1e6).sum()
}
