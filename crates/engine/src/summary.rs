//! The snapshot: everything the UI shows, put together from what the engine holds.

use crate::demand::LinkActivity;
use crate::engine::{Engine, LinkState};
use crate::holds::class_floor;
use forecast::{Forecaster, Series, Standing};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use vocab::{
    Aggregate, BitRate, Bound, ClassSnapshot, DeviceAllocation, DeviceId, DeviceSnapshot, Directed, Direction,
    Division, Fare, Forecast, Graded, Hold, LinkSnapshot, Mode, ModelStanding, QueueState, Snapshot, Timestamp,
    TrafficClass,
};

/// How the models stand is shown of a device that moved something within so long: of others all say silence.
const AWAKE: Duration = Duration::from_secs(60);

/// Takes a snapshot of `engine` at `now`.
pub(crate) fn snapshot(engine: &mut Engine, now: Timestamp) -> Snapshot {
    let links = engine.links.keys().copied().collect::<Vec<_>>();
    let links = links.into_iter().map(|id| link_snapshot(engine, id, now)).collect();
    let devices = engine.registry.iter().map(|identity| identity.device).collect::<Vec<_>>();
    let devices = devices.into_iter().map(|device| device_snapshot(engine, device, now)).collect();
    engine.sequence += 1;
    Snapshot {
        sequence: engine.sequence,
        at: now,
        started: engine.started,
        mode: engine.policy.mode,
        source: engine.source,
        capture: engine.capture,
        links,
        devices,
        flows: Arc::clone(&engine.flows),
        decisions: engine.journal.iter().cloned().collect(),
        alerts: engine.alerts.iter().cloned().collect(),
        rule_hits: Arc::clone(&engine.rule_hits),
        outside: engine.outside.clone(),
        hit_permille: engine.forecaster.hit_permille(),
        weights: engine.weights.clone(),
    }
}

fn link_snapshot(engine: &mut Engine, id: vocab::LinkId, now: Timestamp) -> LinkSnapshot {
    let forecaster = &mut engine.forecaster;
    let state = &engine.links[&id];
    let plan = state.shown_plan(engine.policy.mode);
    let classes = TrafficClass::ALL
        .into_iter()
        .map(|class| ClassSnapshot {
            class,
            usage: Directed::from_fn(|direction| state.activity.class_total(class, direction)),
            forecast: Directed::from_fn(|direction| forecast_of(forecaster, Series::Class(class, direction), now)),
            models: Directed::from_fn(|direction| standings_of(forecaster, Series::Class(class, direction))),
            reserved: Directed::from_fn(|direction| {
                plan.as_ref().map_or_else(Default::default, |plan| class_floor(&plan.directions[direction], class))
            }),
            queue: Directed::from_fn(|direction| class_queue(state, class, direction)),
            flows: state.activity.aggregates().filter(|(_, of, _)| *of == class).map(|(_, _, a)| a.flows).sum(),
            graded: state.line.grades.class(class),
        })
        .collect();
    LinkSnapshot {
        link: state.link.clone(),
        usage: Directed::from_fn(|direction| state.activity.total(direction)),
        forecast: Directed::from_fn(|direction| forecast_of(forecaster, Series::Link(id, direction), now)),
        models: Directed::from_fn(|direction| standings_of(forecaster, Series::Link(id, direction))),
        classes,
        plan,
        plans_applied: state.plans_applied,
        shaping: state.shaping.clone(),
        findings: state.line.findings(now),
        added: state.line.added(now),
        graded: state.line.grades.link(),
    }
}

fn class_queue(state: &LinkState, class: TrafficClass, direction: Direction) -> QueueState {
    let of_class = state.activity.aggregates().filter(|(_, of, _)| *of == class);
    of_class.fold(QueueState::default(), |sum, (_, _, activity)| {
        let queue = activity.queue[direction];
        QueueState {
            backlog: sum.backlog + queue.backlog,
            drops: sum.drops + queue.drops,
            drops_total: sum.drops_total + queue.drops_total,
        }
    })
}

fn device_snapshot(engine: &mut Engine, device: DeviceId, now: Timestamp) -> DeviceSnapshot {
    let identity = engine.registry.get(device).expect("the registry gave this id").clone();
    let mode = engine.policy.mode;
    let mut classes = [Directed::default(); TrafficClass::COUNT];
    let mut volume_today = Directed::default();
    let mut allocation: Directed<BitRate> = Directed::default();
    let mut hold: Directed<Option<Hold>> = Directed::default();
    let mut last_seen = identity.last_seen;
    for state in engine.links.values() {
        if let Some(activity) = state.activity.devices.get(&device) {
            for (class, of_class) in &activity.classes {
                classes[class.index()] += of_class.usage;
            }
            volume_today += activity.volume_today;
            last_seen = last_seen.max(activity.last_active);
        }
        if let Some(plan) = state.shown_plan(mode) {
            for direction in Direction::ALL {
                if let Some(given) = allocation_of(&plan.directions[direction], device) {
                    // What others foresee and do not use is lent at once: nobody gets less than they move.
                    let moved = state.activity.devices.get(&device).map_or(BitRate::ZERO, |of| of.total(direction));
                    allocation[direction] += (given.rate + given.headroom).min(given.ceiling).max(moved);
                    if mode == Mode::Control && hold[direction].is_none() {
                        hold[direction] = hold_of(&state.activity, given, direction);
                    }
                }
            }
        }
    }
    let name = engine.policy.devices.get(&device).and_then(|of_device| of_device.name.clone()).unwrap_or(identity.name);
    let (fare, class_fares) = graded_fares(engine, device);
    DeviceSnapshot {
        device,
        name,
        vendor: identity.vendor,
        kind: identity.kind.name().to_owned(),
        addresses: identity.addresses,
        first_seen: identity.first_seen,
        last_seen,
        share: engine.policy.share_of(device),
        classes,
        forecast: Directed::from_fn(|direction| {
            forecast_of(&mut engine.forecaster, Series::Device(device, direction), now)
        }),
        models: if now.since(last_seen) < AWAKE {
            Directed::from_fn(|direction| standings_of(&engine.forecaster, Series::Device(device, direction)))
        } else {
            Directed::default()
        },
        allocation,
        hold,
        volume_today,
        habits: engine.watch.habits(device),
        fare,
        class_fares,
        flows: engine.flows_of.get(&device).copied().unwrap_or(0),
    }
}

/// How a device fares, and each class of it of which that is known.
fn graded_fares(engine: &Engine, device: DeviceId) -> (Fare, Vec<(TrafficClass, Fare)>) {
    let (whole, classes) = engine.fares.of(device);
    let graded = |of: &dyn Fn(&LinkState) -> Option<Graded>| engine.links.values().find_map(of);
    let of_class = |class| {
        let measured = classes.iter().find(|(of, _)| *of == class).map(|(_, fare)| *fare);
        let graded = graded(&|state| state.line.grades.aggregate(Aggregate { device, class }));
        (measured.is_some() || graded.is_some()).then(|| (class, Fare { graded, ..measured.unwrap_or_default() }))
    };
    let whole = Fare { graded: graded(&|state| state.line.grades.device(device)), ..whole };
    (whole, TrafficClass::ALL.into_iter().filter_map(of_class).collect())
}

/// What is foreseen of a series, if it was ever seen.
fn forecast_of(forecaster: &mut Forecaster, series: Series, now: Timestamp) -> Option<Forecast> {
    Some(forecaster.forecast(series, now))
}

/// How the models of a series stand.
fn standings_of(forecaster: &Forecaster, series: Series) -> Vec<ModelStanding> {
    let standing = |of: Standing| ModelStanding {
        model: of.member.name(),
        alone: of.alone,
        weight_permille: (of.weight * 1_000.0).round() as u16,
        against_ewma_permille: of.against_ewma.map(|ratio| (ratio * 1_000.0).round() as u32),
        is_set_aside: of.is_set_aside,
    };
    forecaster.standings(series).into_iter().map(standing).collect()
}

/// A device's part of a division.
pub(crate) fn allocation_of(division: &Division, device: DeviceId) -> Option<&DeviceAllocation> {
    let at = division.devices.binary_search_by_key(&device, |allocation| allocation.device).ok()?;
    Some(&division.devices[at])
}

/// Whether a device is held back: one of its classes keeps waiting, and the plan gives it less than it wants.
pub(crate) fn hold_of(activity: &LinkActivity, given: &DeviceAllocation, direction: Direction) -> Option<Hold> {
    let activity = activity.devices.get(&given.device)?;
    let held = given.aggregates.iter().filter(|allocation| match allocation.bound {
        Bound::Demand => false,
        Bound::Ceiling | Bound::DeviceCeiling | Bound::ProtectedCeiling | Bound::Guarantee | Bound::Share { .. } => {
            activity.classes.get(&allocation.class).is_some_and(|class| class.hunger[direction].is_lasting())
        }
    });
    let worst = held.max_by_key(|allocation| allocation.demand.saturating_sub(allocation.rate))?;
    // What others left over is had as well: that is what people feel.
    let rate = given.rate.max(activity.total(direction));
    (rate < given.demand).then_some(Hold { demand: given.demand, rate, bound: worst.bound })
}

/// How many open flows each device has.
pub(crate) fn count_flows(flows: &[vocab::FlowSummary]) -> BTreeMap<DeviceId, u32> {
    flows.iter().filter_map(|flow| flow.device).fold(BTreeMap::new(), |mut counts, device| {
        *counts.entry(device).or_default() += 1;
        counts
    })
}
