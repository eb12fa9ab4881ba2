//! Guarantees: what a policy may promise, and what a promise means today.

use vocab::{
    BitRate, DeviceId, DevicePolicy, Directed, Direction, Guarantee, Policy, PolicyRefused, Share, TrafficClass,
};

/// What `guarantee` means at `capacity` (layer 2 bit/s) while `active_devices` share it.
///
/// An absolute guarantee is itself. A percentage `p` means `min(p, 100 % / active devices)`: with "every
/// device at least 10 %", the eleventh device shrinks all alike.
pub fn resolve_guarantee(guarantee: Guarantee, capacity: BitRate, active_devices: usize) -> BitRate {
    match guarantee {
        Guarantee::None => BitRate::ZERO,
        Guarantee::Absolute(rate) => rate,
        Guarantee::Permille(permille) => {
            let devices = u64::try_from(active_devices).unwrap_or(u64::MAX).max(1);
            capacity.mul_ratio(u64::from(permille), 1_000).min(capacity.mul_ratio(1, devices))
        }
    }
}

/// The absolute guarantees that `policy` gives one device in one direction, layer 2 bit/s: its own, or those
/// of its classes where they are more. Percentages are not in it: they never add up to more than there is.
pub fn owed(policy: &Policy, device: DeviceId, direction: Direction) -> BitRate {
    owed_to(policy, policy.devices.get(&device), direction)
}

fn owed_to(policy: &Policy, device: Option<&DevicePolicy>, direction: Direction) -> BitRate {
    let share = device.map_or(policy.default_share, |device| device.share);
    let own = match share.guarantee[direction] {
        Guarantee::Absolute(rate) => rate,
        Guarantee::None | Guarantee::Permille(_) => BitRate::ZERO,
    };
    own.max(owed_to_classes(policy, device, direction))
}

fn owed_to_classes(policy: &Policy, device: Option<&DevicePolicy>, direction: Direction) -> BitRate {
    TrafficClass::ALL
        .into_iter()
        .map(|class| {
            let own = device.and_then(|device| device.classes.get(&class));
            own.map_or(policy.classes[class.index()].guarantee[direction], |rates| rates[direction])
        })
        .sum()
}

/// All absolute guarantees of `policy` in one direction: of every device it names, and of one that it does not
/// name (the next that comes: its guarantee must hold, too).
fn owed_in_all(policy: &Policy, direction: Direction) -> BitRate {
    let named: BitRate = policy.devices.values().map(|device| owed_to(policy, Some(device), direction)).sum();
    named + owed_to(policy, None, direction)
}

/// Whether `policy` can hold on a link of `capacity` (layer 2).
///
/// Refused are absolute guarantees that add up to more than the capacity, a guarantee above the same device's
/// ceiling, and a priority outside the levels in use. In the refusal, `room` is what the guarantees leave
/// when the largest of them is taken away; use [`check_change`] where the policy before is known.
pub fn check_policy(policy: &Policy, capacity: Directed<BitRate>) -> Result<(), PolicyRefused> {
    check(policy, capacity, |direction, sum| {
        let largest = policy
            .devices
            .values()
            .map(|device| owed_to(policy, Some(device), direction))
            .chain([owed_to(policy, None, direction)])
            .max()
            .unwrap_or_default();
        sum.saturating_sub(largest)
    })
}

/// Whether `after` can hold on a link of `capacity` (layer 2) where `before` held: as [`check_policy`], but
/// `room` is what the guarantees of `before` left.
pub fn check_change(before: &Policy, after: &Policy, capacity: Directed<BitRate>) -> Result<(), PolicyRefused> {
    check(after, capacity, |direction, _| owed_in_all(before, direction))
}

fn check(
    policy: &Policy,
    capacity: Directed<BitRate>,
    taken: impl Fn(Direction, BitRate) -> BitRate,
) -> Result<(), PolicyRefused> {
    let named = policy.devices.iter().map(|(&device, policy)| (Some(device), policy.share));
    for (_, share) in named.chain([(None, policy.default_share)]) {
        check_priority(policy, share)?;
    }
    for direction in Direction::ALL {
        for (&device, device_policy) in &policy.devices {
            let guarantee = owed_to(policy, Some(device_policy), direction);
            let ceiling = device_policy.share.ceiling[direction];
            if guarantee > ceiling {
                return Err(PolicyRefused::GuaranteeAboveCeiling { device, direction, guarantee, ceiling });
            }
        }
        let (sum, capacity) = (owed_in_all(policy, direction), capacity[direction]);
        if sum > capacity {
            let room = capacity.saturating_sub(taken(direction, sum));
            return Err(PolicyRefused::GuaranteesExceedCapacity { direction, sum, capacity, room });
        }
    }
    Ok(())
}

fn check_priority(policy: &Policy, share: Share) -> Result<(), PolicyRefused> {
    let (priority, last) = (share.priority.level(), policy.levels.last());
    if priority > last { Err(PolicyRefused::PriorityOutOfRange { priority, last }) } else { Ok(()) }
}
