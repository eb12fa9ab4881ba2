//! The shaper's thread: one order after the other, and the queues' readings in between.

use crate::clock::Clock;
use crate::watchdog::Pulse;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use datapath::{Steering, SteeringMode};
use engine::Input;
use shaper::{Disturbance, Shaper, ShaperSettings};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;
use vocab::{Link, LinkId, Plan, TrafficClass};

/// How often the queues are read: once in each window of the samples.
const READ_EVERY: Duration = Duration::from_secs(1);

/// What the shaper is to do.
#[derive(Clone, Debug)]
pub enum ShaperOrder {
    /// Put a plan in force.
    Apply(Arc<Plan>),
    /// Take the queues of a link away.
    Release(LinkId),
}

/// What the shaper works with. Nothing is touched before the first plan.
pub struct ShapingSettings {
    /// Where it keeps what stood on the interfaces before.
    pub shaper: ShaperSettings,
    /// All links.
    pub links: Vec<Link>,
    /// What we have in the kernel.
    pub hold: Hold,
}

/// What we have in the kernel.
pub enum Hold {
    /// Packets are put into classes.
    Steering(Steering),
    /// Nothing puts packets into classes, for this reason; queues of an earlier run can be taken away.
    Watching(String),
    /// Nothing: what is shown is not this machine's traffic, and its queues are not ours to touch.
    Nothing,
}

/// Carries out orders until their sender is gone; the queues stay as they are then.
pub fn run(
    settings: &ShapingSettings,
    orders: &Receiver<ShaperOrder>,
    inputs: &Sender<Input>,
    clock: &Clock,
    pulse: &Pulse,
) {
    let mut shapers: BTreeMap<LinkId, Shaper<Steering>> = BTreeMap::new();
    let mut next_reading = clock.now();
    let mut owed = Owed::Nothing;
    loop {
        pulse.beat();
        match orders.recv_timeout(next_reading.since(clock.now())) {
            Ok(ShaperOrder::Apply(plan)) => {
                let answer = match apply(settings, &mut shapers, &plan) {
                    Ok((changes, leaf)) => Input::PlanApplied { plan: plan.id, changes, leaf },
                    Err(reason) => Input::PlanFailed { plan: plan.id, reason },
                };
                owed = Owed::Nothing;
                if inputs.send(answer).is_err() {
                    return;
                }
            }
            Ok(ShaperOrder::Release(link)) => {
                shapers.remove(&link);
                owed = owed.settle(|| release(settings));
            }
            Err(RecvTimeoutError::Timeout) => {
                next_reading = clock.now().floor(READ_EVERY) + READ_EVERY;
                if owed == Owed::Release {
                    owed = owed.settle(|| release(settings));
                }
                for (&link, shaper) in &mut shapers {
                    match shaper.check() {
                        Ok(None) => {}
                        Ok(Some(Disturbance { interface, what })) => {
                            let what = format!("{interface}: {what}");
                            if inputs.send(Input::QueuesDisturbed { link, what }).is_err() {
                                return;
                            }
                        }
                        Err(error) => tracing::warn!(%error, "whether the queues are as they should be is not known"),
                    }
                    match shaper.read(clock.now()) {
                        Ok(readings) if readings.is_empty() => {}
                        // Full: the loop is behind, and the next reading says more.
                        Ok(readings) => drop(inputs.try_send(Input::Queues(readings))),
                        Err(error) => tracing::warn!(%error, "the queues could not be read"),
                    }
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What an order of before has left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    Nothing,
    /// The queues are to go: tried with each reading, until another plan wants them.
    Release,
}

impl Owed {
    fn settle(self, release: impl FnOnce() -> Result<(), String>) -> Owed {
        match release() {
            Ok(()) => Owed::Nothing,
            Err(reason) => {
                if self == Owed::Nothing {
                    tracing::error!(reason, "the queues could not be taken away; this is tried again every second");
                }
                Owed::Release
            }
        }
    }
}

fn apply(
    settings: &ShapingSettings,
    shapers: &mut BTreeMap<LinkId, Shaper<Steering>>,
    plan: &Plan,
) -> Result<(u32, &'static str), String> {
    let steering = match &settings.hold {
        Hold::Steering(steering) => steering,
        Hold::Watching(reason) => return Err(reason.clone()),
        Hold::Nothing => return Err("a capture file is replayed: there is nothing to shape".to_owned()),
    };
    let shaper = match shapers.entry(plan.link) {
        Entry::Occupied(open) => open.into_mut(),
        Entry::Vacant(vacant) => {
            let link = settings.links.iter().find(|link| link.id == plan.link).ok_or("no such link")?;
            let opened = Shaper::open(settings.shaper.clone(), link, steering.clone());
            let opened = opened.map_err(|error| error.to_string())?;
            // Marks are a change to packets: only who controls makes it.
            steering.set_dscp(Some(TrafficClass::ALL.map(TrafficClass::dscp))).map_err(|error| error.to_string())?;
            vacant.insert(opened)
        }
    };
    let applied = shaper.apply(plan).map_err(|error| error.to_string())?;
    if !applied.skipped.is_empty() {
        tracing::debug!(devices = applied.skipped.len(), "devices without a slot wait for the next plan");
    }
    Ok((applied.changes, applied.leaf.name()))
}

/// Steering stops before the queues go: a packet for a class that is not there would be lost on an IFB.
fn release(settings: &ShapingSettings) -> Result<(), String> {
    match &settings.hold {
        Hold::Steering(steering) => {
            steering.set_dscp(None).map_err(|error| error.to_string())?;
            steering.set_steering(SteeringMode::Off).map_err(|error| error.to_string())?;
        }
        Hold::Watching(_) => {}
        Hold::Nothing => return Ok(()),
    }
    shaper::clear(&settings.shaper.state_dir).map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_that_could_not_be_taken_away_are_owed_until_they_are_gone() {
        let failed = || Err("busy".to_owned());
        let owed = Owed::Nothing.settle(failed);
        assert_eq!(owed, Owed::Release);
        assert_eq!(owed.settle(failed), Owed::Release);
        assert_eq!(owed.settle(|| Ok(())), Owed::Nothing);
    }
}
