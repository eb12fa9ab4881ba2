//! From activity, forecasts and policy to a plan: the claims of the law, and the law's answer.

use crate::demand::{Activity, DeviceActivity, LinkActivity};
use allocate::{AggregateClaim, DeviceClaim, Settings, allocate, resolve_guarantee};
use std::collections::BTreeMap;
use std::time::Duration;
use vocab::{
    Aggregate, BitRate, DeviceId, Directed, Direction, Division, Forecast, Horizon, Link, Maturity, Policy, Quantile,
    Timestamp, TrafficClass,
};

/// A device counts as active for percentages ("every device at least 10 %") while it moved something in
/// this time.
const ACTIVE_FOR: Duration = Duration::from_secs(60);

/// Up to this many active devices each gets a queue for every class before its first packet comes; beyond,
/// only for the classes it used lately.
const QUEUES_FOR_EVERY_CLASS: usize = 300;

/// Early yielding ends when the link is foreseen this far below where it began, in thousandths of the capacity.
const YIELD_HYSTERESIS_PERMILLE: u64 = 100;

/// What is foreseen for every aggregate, made once a second.
pub(crate) type Forecasts = BTreeMap<(Aggregate, Direction), Forecast>;

/// What one link's planning needs to see.
pub(crate) struct Situation<'a> {
    pub link: &'a Link,
    pub activity: &'a LinkActivity,
    pub forecasts: &'a Forecasts,
    pub early_yielding: Directed<bool>,
    pub now: Timestamp,
}

/// Divides both directions by the law, as `policy` wants it.
pub(crate) fn divide(policy: &Policy, situation: &Situation<'_>) -> Directed<Division> {
    Directed::from_fn(|direction| {
        let capacity = situation.link.capacity()[direction];
        let settings = Settings {
            protected_permille: policy.protected_permille,
            early_yielding: situation.early_yielding[direction],
            levels: policy.levels,
        };
        allocate(capacity, &claims(policy, situation, direction), settings)
    })
}

/// Whether background classes yield: what the others are foreseen to want is above the policy's part of the
/// capacity. `others` are the forecasts of the classes that do not yield; those that do take whatever there is,
/// so that counting them would make a lone download yield to nobody.
pub(crate) fn yields_early(policy: &Policy, capacity: BitRate, others: &[Forecast], yielding: bool) -> bool {
    let foreseen = |horizon| {
        let mature = others.iter().filter(|forecast| forecast.maturity == Maturity::Mature);
        mature.map(|forecast| forecast.at(horizon).at(Quantile::P50)).sum::<BitRate>()
    };
    let above = u64::from(policy.early_yield_permille);
    let threshold = if yielding { above.saturating_sub(YIELD_HYSTERESIS_PERMILLE) } else { above };
    let most = foreseen(Horizon::After15s).max(foreseen(Horizon::After60s));
    most > capacity.mul_ratio(threshold, 1_000)
}

/// How many devices share percentages now.
pub(crate) fn active_devices(activity: &LinkActivity, now: Timestamp) -> usize {
    activity.devices.values().filter(|device| now.since(device.last_active) < ACTIVE_FOR).count()
}

fn claims(policy: &Policy, situation: &Situation<'_>, direction: Direction) -> Vec<DeviceClaim> {
    let devices = &situation.activity.devices;
    let active = active_devices(situation.activity, situation.now);
    let every_class = devices.len() <= QUEUES_FOR_EVERY_CLASS;
    devices
        .iter()
        .map(|(&id, device)| device_claim(policy, situation, direction, (id, device), active, every_class))
        .collect()
}

fn device_claim(
    policy: &Policy,
    situation: &Situation<'_>,
    direction: Direction,
    (id, device): (DeviceId, &DeviceActivity),
    active: usize,
    every_class: bool,
) -> DeviceClaim {
    let capacity = situation.link.capacity()[direction];
    let share = policy.share_of(id);
    // What stands by for who is quiet is shared out among all who are there, or percentages would add up to more
    // than the link.
    let sharers = if situation.now.since(device.last_active) < ACTIVE_FOR {
        active
    } else {
        active.max(situation.activity.devices.len())
    };
    let quiet = Activity::default();
    let aggregates = TrafficClass::ALL
        .into_iter()
        .filter_map(|class| match device.classes.get(&class) {
            Some(activity) => Some((class, activity)),
            // Unclassified is where a device's packets wait whose class has no queue.
            None => (every_class || class == TrafficClass::Unclassified).then_some((class, &quiet)),
        })
        .map(|(class, activity)| aggregate_claim(policy, situation, direction, id, (class, activity)))
        .collect();
    DeviceClaim {
        device: id,
        priority: share.priority,
        weight: share.weight,
        guarantee: resolve_guarantee(share.guarantee[direction], capacity, sharers),
        ceiling: share.ceiling[direction],
        aggregates,
    }
}

fn aggregate_claim(
    policy: &Policy,
    situation: &Situation<'_>,
    direction: Direction,
    device: DeviceId,
    (class, activity): (TrafficClass, &Activity),
) -> AggregateClaim {
    let of_class = &policy.classes[class.index()];
    let own = policy.devices.get(&device).and_then(|of_device| of_device.classes.get(&class));
    let forecast = situation.forecasts.get(&(Aggregate { device, class }, direction));
    let foreseen = |quantile| forecast.map_or(BitRate::ZERO, |forecast| forecast.at(Horizon::Mean15s).at(quantile));
    let demand = activity.demand(
        direction,
        foreseen(of_class.floor_quantile.unwrap_or(Quantile::P50)),
        situation.link.capacity()[direction],
    );
    AggregateClaim {
        class,
        demand,
        guarantee: own.map_or(of_class.guarantee[direction], |own| own[direction]),
        ceiling: BitRate::MAX,
        forecast_floor: of_class.floor_quantile.map(foreseen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::Quantiles;

    #[test]
    fn background_yields_above_the_threshold_and_until_well_below_it() {
        let policy = Policy::default();
        let capacity = BitRate::from_mbps(100);
        let forecast = |mbps, maturity| {
            let rate = BitRate::from_mbps(mbps);
            Forecast {
                at: Timestamp::default(),
                quantiles: [Quantiles::new(rate, rate, rate); Horizon::COUNT],
                model: "ewma",
                maturity,
            }
        };
        for (mbps, yielding, expected) in [(79, false, false), (81, false, true), (75, true, true), (69, true, false)] {
            let foreseen = forecast(mbps, Maturity::Mature);
            assert_eq!(yields_early(&policy, capacity, &[foreseen], yielding), expected, "{mbps} {yielding}");
        }
        assert!(!yields_early(&policy, capacity, &[forecast(99, Maturity::Learning)], true));
    }
}
