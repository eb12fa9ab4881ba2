//! The law of the division (docs/law.md) where it is hardest: overload, attempts to get round it, steps of demand.

use super::fair::FIVE;
use super::{FIRST, SECOND, WARM_UP};
use crate::agent::now_ms;
use crate::guest::Trial;
use crate::guest::figures::{highest_mean, means};
use crate::guest::scene::{CAPACITY, Owed, Scene, owed};
use crate::scenarios::Outcome;
use crate::world::RELEASES;
use anyhow::Result;

/// In Mbit/s.
const DOWNLOAD: f64 = CAPACITY.download.as_bps() as f64 / 1e6;
/// A window in which this part of what is owed was had is kept: the kernel's own accuracy (0.7 % at 10 Mbit/s), and
/// a packet that falls into the next window.
const KEPT: f64 = 0.98;

/// Five devices want the whole link each, before the one that is guaranteed a fifth of it.
pub(super) fn guarantee(trial: &Trial) -> Result<Outcome> {
    const GUARANTEED: f64 = 4.0;
    const OTHERS: [&str; 5] = [FIRST, "bens-phone", "living-room-tv", "games-console", "attic-nas"];
    let mut outcome = Outcome::new("guarantee");
    let mut all: Vec<Owed> = OTHERS.iter().map(|device| owed(device, 1, 0)).collect();
    all.push(owed(SECOND, 5, GUARANTEED as u64));
    let mut scene = Scene::build(trial, &all)?;
    let devices: Vec<&str> = all.iter().map(|owed| owed.device).collect();
    let meters = devices.iter().map(|device| scene.meter(device, 1_000)).collect::<Result<Vec<_>>>()?;
    let mut hungry = Vec::new();
    for device in &devices {
        let flows = if *device == SECOND { 1 } else { 3 };
        hungry.push(scene.download(device, RELEASES, flows)?);
    }
    scene.listen(WARM_UP);
    let from = now_ms();
    scene.listen(14.2);
    let to = now_ms();
    let rates: Vec<Vec<f64>> = meters.iter().map(|meter| scene.downloads(meter, from, to)).collect();
    let [others @ .., guaranteed] = &rates[..] else { unreachable!("six devices have a meter each") };
    let kept = guaranteed.iter().filter(|rate| **rate >= KEPT * GUARANTEED).count();
    outcome.figure("windows_kept_percent", 100.0 * kept as f64 / guaranteed.len() as f64);
    outcome.figure(
        "lowest_window_percent_of_guarantee",
        guaranteed.iter().fold(f64::INFINITY, |low, rate| low.min(*rate)) / GUARANTEED * 100.0,
    );
    // Over the first 10 s of it, as the promise has it.
    let allotted = (DOWNLOAD - GUARANTEED) / others.len() as f64;
    let error = |rates: &Vec<f64>, allotted: f64| {
        let mean = means(rates, 10).next().unwrap_or(f64::NAN);
        (mean / allotted - 1.0).abs() * 100.0
    };
    let worst = others.iter().map(|rates| error(rates, allotted)).fold(error(guaranteed, GUARANTEED), f64::max);
    outcome.figure("allocation_error_percent", worst);
    let means_of_others = others.iter().map(|rates| means(rates, 10).next().unwrap_or(f64::NAN));
    outcome.figure("lowest_other_mbit_s", means_of_others.clone().fold(f64::INFINITY, f64::min));
    outcome.figure("highest_other_mbit_s", means_of_others.fold(0.0, f64::max));
    let shortest = rates.iter().map(Vec::len).min().unwrap_or(0);
    let sums: Vec<f64> = (0..shortest).map(|window| rates.iter().map(|rates| rates[window]).sum()).collect();
    outcome.figure("highest_10_s_percent_of_capacity", highest_mean(&sums, 10) / DOWNLOAD * 100.0);
    outcome.figure("all_mbit_s", sums.iter().sum::<f64>() / sums.len() as f64);
    Ok(scene.end(outcome))
}

/// The second tries many flows and many classes.
pub(super) fn inversion(trial: &Trial) -> Result<Outcome> {
    invert(trial, "inversion", |_| Ok(()))
}

/// And a sender that does not mind losses.
pub(super) fn inversion_by_bbr(trial: &Trial) -> Result<Outcome> {
    invert(trial, "inversion-bbr", |scene| scene.send_by_bbr(SECOND))
}

fn invert(trial: &Trial, name: &str, prepare: impl FnOnce(&Scene) -> Result<()>) -> Result<Outcome> {
    const GUARANTEED: f64 = 1.0;
    let mut outcome = Outcome::new(name);
    let mut scene = Scene::build(trial, &[owed(FIRST, 1, 0), owed(SECOND, 5, GUARANTEED as u64)])?;
    prepare(&scene)?;
    let meters = [scene.meter(FIRST, 1_000)?, scene.meter(SECOND, 1_000)?];
    let mut hungry = vec![scene.download(FIRST, RELEASES, 4)?];
    for server in FIVE {
        hungry.push(scene.download(SECOND, server, 4)?);
    }
    scene.listen(WARM_UP);
    let from = now_ms();
    // What waits before the gateway waits there in the order in which it came, whatever the gateway would have.
    let mut waiting = 0;
    for _ in 0..15 {
        scene.listen(1.01);
        waiting = waiting.max(scene.household.modem_backlog()?.download.0);
    }
    let to = now_ms();
    outcome.figure("modem_waiting_most_kb", waiting as f64 / 1e3);
    let [first, second] = meters.map(|meter| scene.downloads(&meter, from, to));
    // Within two parts in a hundred of the link, as the kernel's accuracy and the windows' edges have it.
    let slack = 0.02 * DOWNLOAD;
    let inverted = first
        .iter()
        .zip(&second)
        .filter(|(first, second)| **second > GUARANTEED + slack && **first < DOWNLOAD - GUARANTEED - slack)
        .count();
    outcome.figure("seconds_of_inversion", inverted as f64);
    outcome.figure("seconds", first.len().min(second.len()) as f64);
    outcome.figure("first_mbit_s", first.iter().sum::<f64>() / first.len() as f64);
    outcome.figure("second_mbit_s", second.iter().sum::<f64>() / second.len() as f64);
    Ok(scene.end(outcome))
}

/// The second begins and stops.
pub(super) fn step(trial: &Trial) -> Result<Outcome> {
    const WINDOW_MS: u64 = 100;
    const SHARE: f64 = DOWNLOAD / 2.0;
    // Half a second says what a rate is; less is a matter of single packets.
    const MEAN: usize = 5;
    let mut outcome = Outcome::new("step");
    let mut scene = Scene::build(trial, &[owed(FIRST, 3, 0), owed(SECOND, 3, 0)])?;
    let meters = [scene.meter(FIRST, WINDOW_MS)?, scene.meter(SECOND, WINDOW_MS)?];
    let _first = scene.download(FIRST, RELEASES, 2)?;
    scene.listen(WARM_UP);
    let begun = now_ms();
    let second = scene.download(SECOND, RELEASES, 2)?;
    scene.listen(8.0);
    let stopped = now_ms();
    drop(second);
    scene.listen(5.0);
    let ended = now_ms();
    // It wants something when its first bytes come: not before its program has started.
    let rates = scene.downloads(&meters[1], begun, stopped);
    let wants = rates.iter().position(|rate| *rate > 0.1).unwrap_or(0);
    let reached = means(&rates[wants..], MEAN).position(|rate| rate >= 0.95 * SHARE);
    let seconds = |windows: usize| windows as f64 * WINDOW_MS as f64 / 1e3;
    outcome.figure("share_reached_after_s", reached.map_or(f64::NAN, seconds));
    // A whole second's rate: TCP itself moves by more within one.
    let second_long = 1_000 / WINDOW_MS as usize;
    outcome.figure("overshoot_percent", (highest_mean(&rates, second_long) / SHARE - 1.0).max(0.0) * 100.0);
    let rates = scene.downloads(&meters[0], stopped, ended);
    let filled = means(&rates, MEAN).position(|rate| rate >= 0.95 * DOWNLOAD);
    outcome.figure("filled_again_after_s", filled.map_or(f64::NAN, seconds));
    Ok(scene.end(outcome))
}
