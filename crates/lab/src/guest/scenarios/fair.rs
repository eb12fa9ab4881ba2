//! Two devices of equal priority, each of which wants the whole link.

use super::{FIRST, SECOND, WARM_UP};
use crate::agent::{Agent, now_ms};
use crate::guest::Trial;
use crate::guest::figures::jain;
use crate::guest::scene::{Scene, owed};
use crate::scenarios::Outcome;
use crate::world::{ARCHIVE, BACKUP, DELIVERY, RELEASES, SITES, VIDEO_CDN};
use anyhow::Result;

const MEASURED: f64 = 12.0;
/// One server of each class that a device may be hungry in.
pub(super) const FIVE: [&str; 5] = [SITES[0], VIDEO_CDN, RELEASES, BACKUP, DELIVERY];

/// Servers and flows from each, for both devices.
type Wants<'a> = [(&'a [&'a str], u32); 2];

/// Two flows against two.
pub(super) fn flows(trial: &Trial) -> Result<Outcome> {
    // Two agents of one flow each: each tells its own rate.
    compete(trial, "fair-flows", [(&[RELEASES, RELEASES], 1); 2], |_| Ok(()))
}

/// One flow against sixteen.
pub(super) fn sixteen(trial: &Trial) -> Result<Outcome> {
    compete(trial, "fair-16", [(&[RELEASES], 1), (&[RELEASES], 16)], |_| Ok(()))
}

/// Four flows of one class against two in each of five.
pub(super) fn classes(trial: &Trial) -> Result<Outcome> {
    compete(trial, "fair-classes", [(&[RELEASES], 4), (&FIVE, 2)], |_| Ok(()))
}

/// Cubic against BBR.
pub(super) fn congestion(trial: &Trial) -> Result<Outcome> {
    compete(trial, "cubic-bbr", [(&[ARCHIVE], 2); 2], |scene| scene.send_by_bbr(SECOND))
}

/// 10 ms against 100 ms.
pub(super) fn distance(trial: &Trial) -> Result<Outcome> {
    compete(trial, "near-far", [(&[ARCHIVE], 2); 2], |scene| {
        scene.move_to(FIRST, 10)?;
        scene.move_to(SECOND, 100)
    })
}

fn compete(
    trial: &Trial,
    name: &str,
    wants: Wants<'_>,
    prepare: impl FnOnce(&mut Scene) -> Result<()>,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(name);
    let mut scene = Scene::build(trial, &[owed(FIRST, 3, 0), owed(SECOND, 3, 0)])?;
    prepare(&mut scene)?;
    let meters = [scene.meter(FIRST, 1_000)?, scene.meter(SECOND, 1_000)?];
    let mut hungry: Vec<Agent> = Vec::new();
    for (device, (servers, flows)) in [FIRST, SECOND].into_iter().zip(wants) {
        for server in servers {
            hungry.push(scene.download(device, server, flows)?);
        }
    }
    scene.listen(WARM_UP);
    let from = now_ms();
    scene.listen(MEASURED + 0.2);
    let to = now_ms();
    let devices: Vec<f64> = meters.iter().map(|meter| scene.rates(meter, from, to).download).collect();
    outcome.figure("first_mbit_s", devices[0]);
    outcome.figure("second_mbit_s", devices[1]);
    outcome.figure("jain_devices", jain(&devices));
    if wants.iter().all(|(_, flows)| *flows == 1) {
        let flows: Vec<f64> = hungry.iter().map(|agent| scene.rates(agent, from, to).download).collect();
        outcome.figure("jain_flows", jain(&flows));
    }
    Ok(scene.end(outcome))
}
