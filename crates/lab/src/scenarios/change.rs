//! A changed policy: how soon the kernel has it, and what it costs.

use super::{FIRST, KernelClass, Outcome, SECOND, Stage, kernel_classes, mbit};
use crate::agent::{Activity, now_ms};
use crate::household::LAN;
use crate::story::mean_rates;
use crate::world::RELEASES;
use anyhow::Result;
use std::path::Path;
use std::time::{Duration, Instant};
use vocab::BitRate;

/// Two hungry devices at priority 3; the second is raised to 1. The kernel's classes must say so within a second,
/// the rates follow, and neither the call nor the meeting lose a packet.
pub(super) fn priority(program: &Path) -> Result<Outcome> {
    let mut outcome = Outcome::new("priority");
    let owed = [(FIRST, 3, BitRate::from_mbps(2)), (SECOND, 3, BitRate::from_mbps(2))];
    let mut stage = Stage::build(program, &owed)?;
    let voice = stage.start("desk-phone", Activity::Voice)?;
    let meeting = stage.start("bens-phone", Activity::Meeting)?;
    stage.wait_for(&voice)?;
    stage.wait_for(&meeting)?;
    let meter = stage.meter(SECOND, 500)?;
    let _hungry = [stage.hunger(FIRST, &[RELEASES], 4)?, stage.hunger(SECOND, &[RELEASES], 4)?];
    stage.listen(8.0);
    let before_ms = now_ms();

    let id = stage.household.mac_of(SECOND)?.to_string();
    let before = prios(&kernel_classes(&stage.household, LAN)?);
    let change = wire::DeviceChange { priority: Some(1), ..wire::DeviceChange::default() };
    let asked = Instant::now();
    stage.daemon.api().put(&format!("policy/devices/{id}"), &change)?;
    outcome.figure("answered_after_ms", asked.elapsed().as_secs_f64() * 1e3);
    let mut in_kernel = f64::NAN;
    while asked.elapsed() < Duration::from_secs(5) {
        if prios(&kernel_classes(&stage.household, LAN)?) != before {
            in_kernel = asked.elapsed().as_secs_f64() * 1e3;
            break;
        }
        stage.listen(0.002);
    }
    outcome.at_most("in_kernel_after_ms", in_kernel, 1_000.0);

    let changed_ms = now_ms();
    stage.listen(8.0);
    let rate = |from, to| mbit(mean_rates(&stage.story.windows_between(meter.number(), from, to)).0);
    outcome.figure("download_before_mbit_s", rate(before_ms - 4_000, before_ms));
    outcome.at_least("download_after_mbit_s", rate(changed_ms + 3_000, changed_ms + 8_000), 14.0);
    for (name, agent) in [("voice", voice), ("meeting", meeting)] {
        stage.count_lost(name, agent, before_ms, &mut outcome)?;
    }
    Ok(stage.end(outcome))
}

/// The classes and their prios.
fn prios(classes: &[KernelClass]) -> Vec<(String, String)> {
    let mut prios: Vec<_> = classes.iter().map(|class| (class.id.clone(), class.prio.clone())).collect();
    prios.sort();
    prios
}
