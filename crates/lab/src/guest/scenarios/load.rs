//! What load does to those who do not make it.

use super::{FIRST, PHONE, SECOND, WARM_UP};
use crate::agent::now_ms;
use crate::guest::scene::Scene;
use crate::guest::{Trial, mos};
use crate::report::RoundTrips;
use crate::scenarios::Outcome;
use crate::world::{BACKUP, RELEASES};
use anyhow::Result;

const ALONE: f64 = 2.0;
const MEASURED: f64 = 12.0;
/// A second with such round trips is told of: twice what the way alone takes.
const LONG_MS: f64 = 40.0;

/// As the "realtime response under load" test of flent: four flows each way on one device, and probes.
pub(super) fn rrul(trial: &Trial) -> Result<Outcome> {
    let mut outcome = Outcome::new("rrul");
    let mut scene = Scene::build(trial, &[])?;
    let voice = scene.call(PHONE)?;
    let (meter, far) = (scene.meter(FIRST, 1_000)?, scene.far_meter(1_000)?);
    let idle = now_ms();
    let ping = scene.ping(FIRST, RELEASES, ALONE)?;
    scene.listen(ALONE);
    let ping_alone = ping.finish()?;
    let loaded = now_ms();
    let _hungry = [scene.download(FIRST, RELEASES, 4)?, scene.upload(FIRST, BACKUP, 4)?];
    scene.listen(WARM_UP);
    let warm = now_ms();
    let ping = scene.ping(FIRST, RELEASES, MEASURED)?;
    scene.listen(MEASURED);
    let end = now_ms();
    let ping_under = ping.finish()?;
    scene.listen(1.0);
    let (alone, under) = (scene.trips(&voice, idle, loaded), scene.trips(&voice, warm, end));
    for (name, alone, under) in [("ping", ping_alone, ping_under), ("voice", alone, under)] {
        outcome.figure(&format!("{name}_alone_p50_ms"), alone.p50);
        outcome.figure(&format!("{name}_added_p50_ms"), under.p50 - alone.p50);
        outcome.figure(&format!("{name}_added_p99_ms"), under.p99 - alone.p50);
        outcome.figure(&format!("{name}_lost_percent"), lost_percent(under.lost, under.samples));
    }
    outcome.figure("download_mbit_s", scene.rates(&meter, warm, end).download);
    // At the servers' end of the link: what a queue dropped did not get there. The names are the meter's.
    outcome.figure("upload_mbit_s", scene.rates(&far, warm, end).download);
    Ok(scene.end(outcome))
}

/// A call beside 16 flows down and 4 up.
pub(super) fn voice(trial: &Trial) -> Result<Outcome> {
    let mut outcome = Outcome::new("voice");
    let mut scene = Scene::build(trial, &[])?;
    let voice = scene.call(PHONE)?;
    scene.listen(ALONE);
    let _hungry =
        [scene.download(FIRST, RELEASES, 8)?, scene.download(SECOND, RELEASES, 8)?, scene.upload(SECOND, BACKUP, 4)?];
    let loaded = now_ms();
    scene.listen(WARM_UP);
    let warm = now_ms();
    scene.listen(MEASURED);
    let end = now_ms();
    scene.listen(1.0);
    for second in (loaded..end).step_by(1_000) {
        let trips = scene.trips(&voice, second, second + 1_000);
        if trips.p99 > LONG_MS || trips.lost > 0 {
            let (when, RoundTrips { p50, p99, lost, .. }) = ((second - loaded) / 1_000, trips);
            outcome.notes.push(format!("second {when} under load: p50 {p50:.0} ms, p99 {p99:.0} ms, {lost} lost"));
        }
    }
    let trips = scene.story.trips_between(voice.number(), warm, end);
    outcome.figure("mos", mos::mos(&trips));
    outcome.figure("mos_while_flows_start", mos::mos(&scene.story.trips_between(voice.number(), loaded, warm)));
    let under = scene.trips(&voice, warm, end);
    outcome.figure("round_trip_p50_ms", under.p50);
    outcome.figure("round_trip_p99_ms", under.p99);
    outcome.figure("lost_percent", lost_percent(under.lost, under.samples));
    Ok(scene.end(outcome))
}

/// Of all that were sent.
fn lost_percent(lost: u64, came: u64) -> f64 {
    100.0 * lost as f64 / (lost + came).max(1) as f64
}
