//! The daemon dies under load: traffic and shaping go on, and the next one takes over what stands.

use super::{DOWNLOAD, FIRST, KernelClass, Outcome, SECOND, Stage, kernel_classes, mbit, start_daemon};
use crate::agent::{Activity, now_ms};
use crate::daemon::Foresight;
use crate::household::{LAN, WAN};
use crate::report::RoundTrips;
use crate::story::mean_rates;
use crate::world::{BACKUP, RELEASES};
use anyhow::Result;
use std::path::Path;
use std::time::Duration;
use vocab::BitRate;

/// Kills the daemon under load, watches without it, starts it again and watches on.
pub(super) fn kill_and_adopt(program: &Path) -> Result<Outcome> {
    let mut outcome = Outcome::new("restart");
    let owed = [(FIRST, 1, BitRate::from_mbps(3)), (SECOND, 5, BitRate::from_mbps(4))];
    let mut stage = Stage::build(program, &owed)?;
    let voice = stage.start("desk-phone", Activity::Voice)?;
    let meeting = stage.start("bens-phone", Activity::Meeting)?;
    stage.wait_for(&voice)?;
    stage.wait_for(&meeting)?;
    let meters = [FIRST, SECOND, "desk-phone", "bens-phone", "attic-nas"];
    let meters = meters.into_iter().map(|device| stage.meter(device, 1_000)).collect::<Result<Vec<_>>>()?;
    let _hungry = [
        stage.hunger(FIRST, &[RELEASES], 4)?,
        stage.hunger(SECOND, &[RELEASES], 4)?,
        vec![stage.start("attic-nas", Activity::Send { server: BACKUP.to_owned(), flows: 2 })?],
    ];
    stage.listen(10.0);

    let Stage { household, daemon, story } = stage;
    let before = [kernel_classes(&household, LAN)?, kernel_classes(&household, WAN)?];
    let killed = now_ms();
    daemon.kill()?;
    let mut story = story;
    story.listen(&household, Duration::from_secs(6));
    let between = [kernel_classes(&household, LAN)?, kernel_classes(&household, WAN)?];
    let restarted = now_ms();
    let daemon = start_daemon(&household, program, &owed, Foresight::Forecasts)?;
    outcome.figure("restart_takes_s", (now_ms() - restarted) as f64 / 1e3);
    let mut stage = Stage { household, daemon, story };
    stage.listen(6.0);
    let after = [kernel_classes(&stage.household, LAN)?, kernel_classes(&stage.household, WAN)?];
    let ended = now_ms();

    let rate =
        |number: usize, from, to| mbit(mean_rates(&stage.story.windows_between(meters[number].number(), from, to)).0);
    outcome.figure("first_without_daemon_mbit_s", rate(0, killed, restarted));
    outcome.near("second_without_daemon_mbit_s", rate(1, killed, restarted), 4.0, 0.05);
    let all = (0..meters.len()).map(|number| rate(number, killed, restarted)).sum();
    outcome.near("all_without_daemon_mbit_s", all, DOWNLOAD, 0.02);
    outcome.figure("first_after_mbit_s", rate(0, restarted, ended));
    outcome.figure("second_after_mbit_s", rate(1, restarted, ended));
    for (number, side) in ["download", "upload"].into_iter().enumerate() {
        outcome.at_least(&format!("{side}_classes"), before[number].len() as f64, 3.0);
        let reset =
            counters_reset(&before[number], &between[number]) + counters_reset(&between[number], &after[number]);
        outcome.at_most(&format!("{side}_classes_rebuilt"), reset as f64, 0.0);
        let moved = sent(&between[number]).saturating_sub(sent(&before[number]));
        outcome.at_least(&format!("{side}_shaped_without_daemon_bytes"), moved as f64, 1e6);
    }
    let trips = |from, to| RoundTrips::of(&stage.story.trips_between(voice.number(), from, to));
    outcome.at_most("voice_without_daemon_p99_ms", trips(killed, restarted).p99, 30.0);
    outcome.figure("voice_after_p99_ms", trips(restarted, ended).p99);
    for (name, agent) in [("voice", voice), ("meeting", meeting)] {
        stage.count_lost(name, agent, killed, &mut outcome)?;
    }
    Ok(stage.end(outcome))
}

/// How many classes that were there are gone, or count from zero again.
fn counters_reset(before: &[KernelClass], after: &[KernelClass]) -> usize {
    let stands = |class: &&KernelClass| after.iter().any(|later| later.id == class.id && later.sent >= class.sent);
    before.len() - before.iter().filter(stands).count()
}

fn sent(classes: &[KernelClass]) -> u64 {
    classes.iter().map(|class| class.sent).sum()
}
