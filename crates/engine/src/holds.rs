//! What is worth a sentence: who is held back and why, which class has more reserved, which guarantee is missed.

use crate::demand::LinkActivity;
use crate::journal::Entry;
use crate::planning::Forecasts;
use crate::summary::{allocation_of, hold_of};
use std::collections::BTreeMap;
use vocab::{
    Actor, Aggregate, Because, BitRate, Bound, DecisionKind, DeviceAllocation, DeviceId, Directed, Direction, Division,
    Forecast, Hold, Horizon, LinkId, Part, Plan, Quantile, Quantiles, Subject, Timestamp, TrafficClass,
};

/// A device is told to be held after this many plans in a row said so, ...
const HELD_AFTER: u8 = 3;

/// ... and to be released after this many: a film that loads in bursts is held all the while.
const RELEASED_AFTER: u8 = 15;

/// A guarantee is missed when a waiting device gets less than this part of it, in thousandths ...
const KEPT_PERMILLE: u64 = 950;

/// ... for this many windows in a row.
const MISSED_WINDOWS: u8 = 3;

/// A class's reservation is told when it moved by more than this part, in thousandths, ...
const RESERVATION_PERMILLE: u64 = 500;

/// ... and by more than this, ...
const RESERVATION_LEAST: BitRate = BitRate::from_kbps(500);

/// ... and at most this often; early yielding, too, is told once in this time.
const TOLD_EVERY_SECS: u64 = 60;

/// Who is held back on one link, as far as people were told.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    held: BTreeMap<(DeviceId, Direction), Standing>,
    missed: BTreeMap<(DeviceId, Direction), u8>,
}

#[derive(Debug, Default)]
struct Standing {
    /// What was told, if it was told that the device is held.
    told: Option<Hold>,
    /// Plans in a row that say something else than what was told.
    against: u8,
}

impl Holds {
    /// Decisions to tell after `plan`.
    pub fn entries(&mut self, plan: &Plan, activity: &LinkActivity) -> Vec<Entry> {
        let mut entries = Vec::new();
        for direction in Direction::ALL {
            let division = &plan.directions[direction];
            for given in &division.devices {
                let hold = hold_of(activity, given, direction);
                let standing = self.held.entry((given.device, direction)).or_default();
                if hold.is_some() == standing.told.is_some() {
                    standing.against = 0;
                    continue;
                }
                standing.against += 1;
                if standing.against < if hold.is_some() { HELD_AFTER } else { RELEASED_AFTER } {
                    continue;
                }
                standing.against = 0;
                let before = std::mem::replace(&mut standing.told, hold);
                entries.push(match (before, hold) {
                    (_, Some(hold)) => held(division, given, hold, direction),
                    (Some(before), None) => released(given, before, direction),
                    (None, None) => continue,
                });
            }
        }
        self.held.retain(|(device, direction), _| allocation_of(&plan.directions[*direction], *device).is_some());
        entries
    }

    /// For each device of `plan`: what is owed (as `owed` says) and got, where that was missed for several
    /// windows while it waited; `None` where it is kept.
    pub fn guarantees(
        &mut self,
        plan: &Plan,
        activity: &LinkActivity,
        owed: impl Fn(DeviceId, Direction) -> BitRate,
    ) -> Vec<(DeviceId, Option<(BitRate, BitRate)>)> {
        let mut missed: BTreeMap<DeviceId, Option<(BitRate, BitRate)>> = BTreeMap::new();
        for direction in Direction::ALL {
            for given in &plan.directions[direction].devices {
                let Some(device) = activity.devices.get(&given.device) else { continue };
                let (got, owed) = (device.total(direction), owed(given.device, direction));
                let waits = device.classes.values().any(|class| class.hunger[direction].is_unbroken());
                let short = waits && got < owed.mul_ratio(KEPT_PERMILLE, 1_000);
                let windows = self.missed.entry((given.device, direction)).or_default();
                *windows = if short { windows.saturating_add(1) } else { 0 };
                let verdict = missed.entry(given.device).or_default();
                if *windows >= MISSED_WINDOWS {
                    *verdict = Some((owed, got));
                }
            }
        }
        // Who is gone misses nothing any more.
        let gone: Vec<DeviceId> =
            self.missed.keys().map(|(device, _)| *device).filter(|device| !missed.contains_key(device)).collect();
        self.missed.retain(|(device, _), _| missed.contains_key(device));
        missed.into_iter().chain(gone.into_iter().map(|device| (device, None))).collect()
    }
}

fn held(division: &Division, given: &DeviceAllocation, hold: Hold, direction: Direction) -> Entry {
    let demand = division.devices.iter().map(|device| device.demand).sum();
    let mut because = Vec::new();
    match hold.bound {
        Bound::Demand => {}
        Bound::Ceiling | Bound::DeviceCeiling | Bound::ProtectedCeiling => {
            because.push(Because::OwnCeiling { ceiling: given.ceiling.min(division.capacity) });
        }
        Bound::Guarantee => {
            let own = given.aggregates.iter().map(|allocation| allocation.tier).max();
            if let (Some(own), Some(exhausted)) = (own, division.exhausted) {
                because.push(Because::EarlierTier { own, exhausted });
            }
        }
        Bound::Share { tier, level } => because.push(Because::FairShare { tier, level }),
    }
    because.push(Because::DemandOverCapacity { demand, capacity: division.capacity });
    Entry {
        kind: DecisionKind::Held,
        subject: Subject::Device(given.device),
        direction: Some(direction),
        from: hold.demand,
        to: hold.rate,
        because,
        parts: vec![(Part::Guarantee, given.floor), (Part::Share, given.rate.saturating_sub(given.floor))],
        by: Actor::Automatic,
    }
}

fn released(given: &DeviceAllocation, before: Hold, direction: Direction) -> Entry {
    Entry {
        kind: DecisionKind::Released,
        subject: Subject::Device(given.device),
        direction: Some(direction),
        from: before.rate,
        to: given.rate + given.headroom,
        because: vec![Because::DemandFell],
        parts: Vec::new(),
        by: Actor::Automatic,
    }
}

/// What is reserved for each class on one link, as far as people were told.
#[derive(Debug, Default)]
pub(crate) struct Reservations {
    told: BTreeMap<(TrafficClass, Direction), (BitRate, Timestamp)>,
    yielding_told: Directed<Timestamp>,
}

impl Reservations {
    /// Decisions to tell after `plan`.
    pub fn entries(&mut self, plan: &Plan, forecasts: &Forecasts) -> Vec<Entry> {
        let mut entries = Vec::new();
        for direction in Direction::ALL {
            let division = &plan.directions[direction];
            if division.early_yielding {
                let quiet = plan.at.since(self.yielding_told[direction]).as_secs() >= TOLD_EVERY_SECS;
                self.yielding_told[direction] = plan.at;
                if quiet {
                    entries.push(yielding(plan.link, division, direction));
                }
            }
            for class in TrafficClass::ALL.into_iter().filter(|class| class.is_protected()) {
                let floor = class_floor(division, class);
                let (before, at) = self.told.get(&(class, direction)).copied().unwrap_or_default();
                let moved = floor.as_bps().abs_diff(before.as_bps());
                let least = before.max(floor).mul_ratio(RESERVATION_PERMILLE, 1_000).max(RESERVATION_LEAST);
                if moved <= least.as_bps() || plan.at.since(at).as_secs() < TOLD_EVERY_SECS {
                    continue;
                }
                self.told.insert((class, direction), (floor, plan.at));
                entries.push(Entry {
                    kind: DecisionKind::Reserved,
                    subject: Subject::Class(class),
                    direction: Some(direction),
                    from: before,
                    to: floor,
                    because: vec![Because::ForecastMoved { need: foreseen(forecasts, class, direction) }],
                    parts: Vec::new(),
                    by: Actor::Automatic,
                });
            }
        }
        entries
    }
}

fn yielding(link: LinkId, division: &Division, direction: Direction) -> Entry {
    let demand = division.devices.iter().map(|device| device.demand).sum();
    Entry {
        kind: DecisionKind::EarlyYield,
        subject: Subject::Link(link),
        direction: Some(direction),
        from: demand,
        to: division.capacity,
        because: vec![Because::DemandOverCapacity { demand, capacity: division.capacity }],
        parts: Vec::new(),
        by: Actor::Automatic,
    }
}

/// The sum of a class's floors.
pub(crate) fn class_floor(division: &Division, class: TrafficClass) -> BitRate {
    let aggregates = division.devices.iter().flat_map(|device| &device.aggregates);
    aggregates.filter(|allocation| allocation.class == class).map(|allocation| allocation.floor).sum()
}

/// The need foreseen of a class's aggregates. Their sum: quantiles do not add up, but each floor is made of one.
fn foreseen(forecasts: &Forecasts, class: TrafficClass, direction: Direction) -> Quantiles {
    let of_class =
        |((aggregate, of), _): &(&(Aggregate, Direction), &Forecast)| aggregate.class == class && *of == direction;
    let sum = |quantile| {
        let forecasts = forecasts.iter().filter(of_class);
        forecasts.map(|(_, forecast)| forecast.at(Horizon::Mean15s).at(quantile)).sum()
    };
    Quantiles::new(sum(Quantile::P50), sum(Quantile::P90), sum(Quantile::P99))
}
