//! The cable falls out.

use super::{FIRST, PHONE, SECOND, WARM_UP};
use crate::agent::now_ms;
use crate::guest::Trial;
use crate::guest::figures::{highest_mean, means};
use crate::guest::scene::{CAPACITY, Scene};
use crate::household::WAN;
use crate::scenarios::Outcome;
use crate::world::RELEASES;
use anyhow::Result;

/// The WAN interface is down for 2 s; whoever manages the network puts its routes back.
pub(super) fn flap(trial: &Trial) -> Result<Outcome> {
    const WINDOW_MS: u64 = 100;
    const DOWNLOAD: f64 = CAPACITY.download.as_bps() as f64 / 1e6;
    let mut outcome = Outcome::new("flap");
    let mut scene = Scene::build(trial, &[])?;
    let voice = scene.call(PHONE)?;
    let meters = [scene.meter(FIRST, WINDOW_MS)?, scene.meter(SECOND, WINDOW_MS)?];
    scene.listen(1.0);
    let alone = scene.trips(&voice, 0, now_ms());
    let _hungry = [scene.download(FIRST, RELEASES, 2)?, scene.download(SECOND, RELEASES, 2)?];
    scene.listen(WARM_UP);
    let gateway = scene.household.gateway().clone();
    let routes = gateway.shell("ip route show default")?;
    gateway.ip(&format!("link set {WAN} down\n"))?;
    scene.listen(2.0);
    gateway.ip(&format!("link set {WAN} up\n"))?;
    let up = now_ms();
    gateway.ip(&format!("route replace {}\n", routes.trim()))?;
    scene.listen(10.0);
    let end = now_ms();
    scene.listen(1.0);
    let rates = meters.map(|meter| scene.downloads(&meter, up, end));
    let sums: Vec<f64> = rates[0].iter().zip(&rates[1]).map(|(first, second)| first + second).collect();
    let seconds = |windows: usize| windows as f64 * WINDOW_MS as f64 / 1e3;
    let filled = means(&sums, 5).position(|rate| rate >= 0.9 * DOWNLOAD);
    outcome.figure("filled_again_after_s", filled.map_or(f64::NAN, seconds));
    outcome.figure("highest_1_s_percent_of_capacity", highest_mean(&sums, 10) / DOWNLOAD * 100.0);
    // From 3 s after: a shaper that has to notice first has had the time for it.
    outcome.figure("voice_added_p99_ms", scene.trips(&voice, up + 3_000, end).p99 - alone.p50);
    outcome.figure("voice_added_p99_at_once_ms", scene.trips(&voice, up, up + 3_000).p99 - alone.p50);
    outcome.figure("voice_lost_after_up", scene.trips(&voice, up + 100, end).lost as f64);
    Ok(scene.end(outcome))
}
