//! The line goes and comes back, as a modem that dials again: another interface of the same name.

use super::{CAPACITY, FIRST, KernelClass, Outcome, SECOND, Stage, kernel_classes, mbit};
use crate::agent::{Activity, now_ms};
use crate::household::WAN;
use crate::story::mean_rates;
use crate::world::{BACKUP, RELEASES};
use anyhow::Result;
use std::path::Path;
use std::time::{Duration, Instant};
use vocab::BitRate;

/// TCP finds its rate, the classifier its verdicts.
const WARM_UP: f64 = 8.0;
/// How long the line is away: longer than the daemon takes to see it.
const AWAY: f64 = 4.0;

/// Uploads wait in the queues again within two seconds, downloads never left theirs, the same daemon did it, and told.
pub(super) fn redial(program: &Path) -> Result<Outcome> {
    let mut outcome = Outcome::new("redial");
    let owed = [(FIRST, 3, BitRate::from_mbps(2)), (SECOND, 3, BitRate::from_mbps(2))];
    let mut stage = Stage::build(program, &owed)?;
    let meters = [stage.meter(FIRST, 1_000)?, stage.meter(SECOND, 1_000)?];
    let _hungry = stage.hunger(FIRST, &[RELEASES], 4)?;
    let _sender = stage.start(SECOND, Activity::Send { server: BACKUP.to_owned(), flows: 4 })?;
    stage.listen(WARM_UP);
    outcome.at_least("upload_classes_before", kernel_classes(&stage.household, WAN)?.len() as f64, 4.0);

    let line = stage.household.hang_up()?;
    stage.listen(AWAY);
    stage.household.dial(&line)?;
    let back = Instant::now();
    let leaves_that_sent = |classes: Vec<KernelClass>| {
        let in_leaf = |class: &&KernelClass| !class.prio.is_empty() && class.sent > 0 && !is_reserved(&class.id);
        classes.iter().filter(in_leaf).count()
    };
    let mut after = f64::NAN;
    while back.elapsed() < Duration::from_secs(10) {
        if leaves_that_sent(kernel_classes(&stage.household, WAN)?) > 0 {
            after = back.elapsed().as_secs_f64();
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    outcome.at_most("in_their_classes_after_s", after, 2.0);
    stage.listen(WARM_UP);
    let from = now_ms();
    stage.listen(10.0);
    let to = now_ms();
    let rates = |number: usize| mean_rates(&stage.story.windows_between(meters[number].number(), from, to));
    outcome.near("download_mbit_s", mbit(rates(0).0), mbit(CAPACITY.download.as_bps()), 0.04);
    outcome.at_least("upload_of_capacity", mbit(rates(1).1) / mbit(CAPACITY.upload.as_bps()), 0.90);
    let alerts: Vec<wire::Alert> = stage.daemon.api().get("alerts")?;
    let told = alerts.iter().filter(|alert| alert.kind == "queues_disturbed" && alert.sentence.contains(WAN));
    outcome.at_least("alerts_about_the_line", told.map(|alert| f64::from(alert.count)).sum(), 1.0);
    Ok(stage.end(outcome))
}

/// The default and the local class are of no device.
fn is_reserved(id: &str) -> bool {
    matches!(id, "e002:2" | "e002:3")
}
