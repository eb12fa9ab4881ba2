//! What of a new division is told to the kernel now, and what can wait.
//!
//! Floors go up at once and down slowly: a floor that is too high costs nothing (what is not used is
//! borrowed), one that is too low costs a call its quality, and every move costs work in the kernel.
//! Demand is never quite constant: what moves by a fifth up and down is the same demand, and moves nothing here.
//!
//! How the engine uses it, once per planning tick and link:
//! ```text
//! division = allocate(capacity, claims, settings)          // the law, without memory
//! settled  = gate[direction].settle(&division, now)        // floors as they shall be in force
//! proposed = Plan { directions: settled, .. }
//! if is_worth_applying(&in_force, &proposed) { apply(proposed) }
//! ```

use std::collections::BTreeMap;
use std::time::Duration;
use vocab::{Aggregate, Allocation, BitRate, Bound, Division, Plan, Tier, Timestamp};

/// A guarantee that is missing more than this part of the floor (in thousandths) cannot wait.
pub const DEADBAND_PERMILLE: u64 = 50;

/// A move of a floor smaller than this can wait, however small the floor: less than one voice call.
pub const DEADBAND_MIN: BitRate = BitRate::from_kbps(64);

/// What is foreseen is the same as before up to this many thousandths of it, and down to as many parts: demand that
/// moves by a fifth up and down has its ends so far apart.
pub const NOISE_PERMILLE: u64 = 1_500;

/// How far, in thousandths of it, what an aggregate gets by the turns in force may be from what is planned.
pub const TURNS_PERMILLE: u64 = 125;

/// How long a plan stands before turns move, and how long a floor stays that keeps others from what they are planned.
pub const DWELL: Duration = Duration::from_secs(2);

/// How long a floor stays that nobody needs: longer than what comes and goes takes to come again.
pub const CALM: Duration = Duration::from_secs(10);

/// What a guarantee may be off by before it must move at once.
fn deadband(floor: BitRate) -> BitRate {
    floor.mul_ratio(DEADBAND_PERMILLE, 1_000).max(DEADBAND_MIN)
}

/// Whether `more` is no noise about `less`.
fn is_clearly_more(more: BitRate, less: BitRate) -> bool {
    more > less.mul_ratio(NOISE_PERMILLE, 1_000).max(less + DEADBAND_MIN)
}

/// The floors in force in one direction of one link, and when each may move.
///
/// Rules, for each aggregate:
/// - *up at once* if clearly more is asked for than the floor in force ([`NOISE_PERMILLE`]), if there is none yet, or
///   if one who is held back is owed more than the deadband beyond it;
/// - up by less once the floor has stood for [`DWELL`], for who is held back and owed it;
/// - *down* to the most that was asked for meanwhile: after [`DWELL`] if one who is held back has a floor above what
///   the plan gives them, after [`CALM`] if clearly less was asked for all that time, or nothing;
/// - at once to zero for what yields early, while background yields;
/// - gone at once for an aggregate that the division no longer holds.
///
/// What stands above what is asked for gives way wherever the ceiling of its device or the capacity would be
/// exceeded: never does the sum of floors exceed the node above, and never does a floor stand clearly below what is
/// asked for, nor that of one who is held back below what is owed by more than the deadband.
#[derive(Clone, Debug, Default)]
pub struct FloorGate {
    /// In the order of the aggregates, which is that of a division.
    held: Vec<(Aggregate, Held)>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    floor: BitRate,
    moved: Timestamp,
    below: Option<Below>,
}

/// Less than the floor in force was asked for, ever since.
#[derive(Clone, Copy, Debug)]
struct Below {
    since: Timestamp,
    highest: BitRate,
}

impl Held {
    fn at(floor: BitRate, now: Timestamp) -> Held {
        Held { floor, moved: now, below: None }
    }

    fn settle(&mut self, part: &Allocation, down: Down, now: Timestamp) {
        let asked = part.floor;
        // Who has all they want has it whatever their floor is.
        let owed = if is_held_back(part) { part.guaranteed.min(asked) } else { BitRate::ZERO };
        if asked > self.floor {
            self.below = None;
            let by_much = self.floor == BitRate::ZERO
                || is_clearly_more(asked, self.floor)
                || owed > self.floor + deadband(self.floor);
            if by_much || owed > self.floor && now.since(self.moved) >= DWELL {
                *self = Held::at(asked, now);
            }
            return;
        }
        if down == Down::AtOnce {
            *self = Held::at(asked, now);
            return;
        }
        let dwell = if is_held_back(part) && self.floor > part.rate + deadband(part.rate) {
            DWELL
        } else if asked < self.floor && (asked == BitRate::ZERO || is_clearly_more(self.floor, asked)) {
            CALM
        } else {
            self.below = None;
            return;
        };
        let before = self.below.unwrap_or(Below { since: now, highest: asked });
        let below = Below { highest: before.highest.max(asked), ..before };
        if now.since(below.since) >= dwell {
            *self = Held::at(below.highest, now);
        } else {
            self.below = Some(below);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Down {
    Slowly,
    AtOnce,
}

impl FloorGate {
    /// Nothing is in force.
    pub fn new() -> FloorGate {
        FloorGate::default()
    }

    /// The floors of `in_force` hold since `now`, as after a restart that took over a plan.
    pub fn holding(in_force: &Division, now: Timestamp) -> FloorGate {
        let floors = in_force.devices.iter().flat_map(|device| {
            let aggregate = move |class| Aggregate { device: device.device, class };
            device.aggregates.iter().map(move |part| (aggregate(part.class), Held::at(part.floor, now)))
        });
        let mut gate = FloorGate { held: floors.collect() };
        gate.sort();
        gate
    }

    /// `proposed` with the floors that shall be in force from `now` on; all else is as proposed.
    ///
    /// Devices must be in the order of their ids and aggregates in class order, as [`crate::allocate()`] gives
    /// them. A floor may stand above its `rate` for a while. A device's floor is the sum of its aggregates'.
    pub fn settle(&mut self, proposed: &Division, now: Timestamp) -> Division {
        let mut settled = proposed.clone();
        let mut held = Vec::with_capacity(self.held.len());
        let mut before = self.held.iter().peekable();
        for device in &mut settled.devices {
            let device_id = device.device;
            for part in &mut device.aggregates {
                let aggregate = Aggregate { device: device_id, class: part.class };
                // Both sides are in the same order: one walk finds every aggregate that was there before.
                while before.next_if(|(earlier, _)| *earlier < aggregate).is_some() {}
                let known = before.next_if(|(same, _)| *same == aggregate).map(|&(_, state)| state);
                let mut state = known.unwrap_or(Held { floor: BitRate::ZERO, moved: now, below: None });
                let yields = proposed.early_yielding && part.class.yields_early();
                state.settle(part, if yields { Down::AtOnce } else { Down::Slowly }, now);
                state.floor = state.floor.min(part.ceiling.max(part.floor));
                part.floor = state.floor;
                held.push((aggregate, state));
            }
        }
        cut(&mut settled, proposed);
        // What had to give way gave way: the next round starts from what is in force.
        let parts = settled.devices.iter().flat_map(|device| &device.aggregates);
        for (part, (_, state)) in parts.zip(&mut held) {
            state.floor = part.floor;
        }
        self.held = held;
        self.sort();
        settled
    }

    fn sort(&mut self) {
        if !self.held.is_sorted_by_key(|(aggregate, _)| *aggregate) {
            self.held.sort_by_key(|(aggregate, _)| *aggregate);
        }
    }
}

/// Takes from the floors that stand above what is `proposed`, until each device keeps its ceiling and all
/// together the capacity.
fn cut(settled: &mut Division, proposed: &Division) {
    let mut all = (0u128, 0u128);
    for (device, asked) in settled.devices.iter_mut().zip(&proposed.devices) {
        let asked_floors = || asked.aggregates.iter().map(|part| part.floor);
        let mut floors: Vec<&mut BitRate> = device.aggregates.iter_mut().map(|part| &mut part.floor).collect();
        let (kept, spare) = kept_and_spare(&floors, asked_floors());
        let room = u128::from(device.ceiling.as_bps()).saturating_sub(kept);
        let spare = shrink_spare(&mut floors, asked_floors(), spare, room);
        all = (all.0 + kept, all.1 + spare);
    }
    let (kept, spare) = all;
    let room = u128::from(settled.capacity.as_bps()).saturating_sub(kept);
    let asked = || proposed.devices.iter().flat_map(|device| device.aggregates.iter().map(|part| part.floor));
    let mut floors: Vec<&mut BitRate> = settled
        .devices
        .iter_mut()
        .flat_map(|device| device.aggregates.iter_mut().map(|part| &mut part.floor))
        .collect();
    shrink_spare(&mut floors, asked(), spare, room);
    for device in &mut settled.devices {
        device.floor = device.aggregates.iter().map(|part| part.floor).sum();
    }
}

/// The part of the floors that was asked for, and what stands above it.
fn kept_and_spare(floors: &[&mut BitRate], asked: impl Iterator<Item = BitRate>) -> (u128, u128) {
    floors.iter().zip(asked).fold((0, 0), |(kept, spare), (floor, asked)| {
        let low = (**floor).min(asked);
        (kept + u128::from(low.as_bps()), spare + u128::from(floor.saturating_sub(asked).as_bps()))
    })
}

/// Shrinks what stands above what was asked for to `room` in all, by one factor; gives what is left of it.
fn shrink_spare(floors: &mut [&mut BitRate], asked: impl Iterator<Item = BitRate>, spare: u128, room: u128) -> u128 {
    if spare <= room {
        return spare;
    }
    let mut left = 0;
    for (floor, asked) in floors.iter_mut().zip(asked) {
        let above = u128::from(floor.saturating_sub(asked).as_bps());
        if above > 0 {
            let kept = above * room / spare;
            left += kept;
            **floor = asked + BitRate::from_bps(u64::try_from(kept).unwrap_or(u64::MAX));
        }
    }
    left
}

/// Whether `proposed` (its floors settled by [`FloorGate`]) should replace `in_force` in the kernel.
///
/// At once for another capacity, other aggregates, tiers or ceilings, a turn of early yielding, or any floor that
/// moved. Otherwise only rates moved, which the kernel follows by itself, except for the proportions of borrowing
/// (HTB's quanta) among those who are held back: once the plan in force has stood for [`DWELL`], these are worth a plan
/// when somebody clearly began or ceased to want more than they get, or when the turns in force would give somebody
/// what is off by more than [`TURNS_PERMILLE`] of what is planned.
pub fn is_worth_applying(in_force: &Plan, proposed: &Plan) -> bool {
    let rested = proposed.at.since(in_force.at) >= DWELL;
    let differs =
        |before: &Division, after: &Division| is_other(before, after) || rested && turns_are_off(before, after);
    in_force.link != proposed.link
        || differs(&in_force.directions.download, &proposed.directions.download)
        || differs(&in_force.directions.upload, &proposed.directions.upload)
}

/// Whether anything moved that the kernel does not follow by itself, but for turns.
fn is_other(before: &Division, after: &Division) -> bool {
    before.capacity != after.capacity
        || before.early_yielding != after.early_yielding
        || before.devices.len() != after.devices.len()
        || before.devices.iter().zip(&after.devices).any(|(before, after)| {
            before.device != after.device
                || before.ceiling != after.ceiling
                || before.guarantee != after.guarantee
                || before.floor != after.floor
                || before.aggregates.len() != after.aggregates.len()
                || before.aggregates.iter().zip(&after.aggregates).any(|(before, after)| {
                    before.class != after.class
                        || before.tier != after.tier
                        || before.floor != after.floor
                        || has_other_ceiling(before, after)
                })
        })
}

/// A protected ceiling stands on what is guaranteed, which follows the demand: what moved with that is no other.
fn has_other_ceiling(before: &Allocation, after: &Allocation) -> bool {
    if after.tier != Tier::PROTECTED {
        return before.ceiling != after.ceiling;
    }
    let beyond = |allocation: &Allocation| allocation.ceiling.saturating_sub(allocation.guaranteed);
    is_off(before.ceiling, after.ceiling, deadband(before.ceiling))
        && is_off(beyond(before), beyond(after), deadband(beyond(before)))
}

/// Whether who is held back would get, by the turns of `before`, clearly other than `after` plans.
fn turns_are_off(before: &Division, after: &Division) -> bool {
    // In both the same aggregates, or the plan is another anyway.
    let pairs = || parts(before).zip(parts(after));
    let began = |before: &Allocation, after: &Allocation| {
        !is_held_back(before) && is_held_back(after) && is_clearly_more(after.demand, after.rate)
    };
    let ceased = |before: &Allocation, after: &Allocation| {
        is_held_back(before) && !is_held_back(after) && is_clearly_more(before.rate, after.rate)
    };
    if pairs().any(|(before, after)| began(before, after) || ceased(before, after)) {
        return true;
    }
    // What all of a tier get in turns, then and now.
    let mut pools: BTreeMap<Tier, (u128, u128)> = BTreeMap::new();
    let in_turns = || pairs().filter(|(before, _)| is_held_back(before));
    for (before, after) in in_turns() {
        let pool = pools.entry(after.tier).or_default();
        pool.0 += u128::from(surplus(before).as_bps());
        pool.1 += u128::from(surplus(after).as_bps());
    }
    in_turns().any(|(before, after)| {
        let (then, now) = pools[&after.tier];
        let got = u128::from(surplus(before).as_bps()) * now / then.max(1);
        let got = BitRate::from_bps(u64::try_from(got).unwrap_or(u64::MAX));
        let most = after.rate.mul_ratio(TURNS_PERMILLE, 1_000).max(DEADBAND_MIN);
        is_off(got, surplus(after), most)
    })
}

fn parts(division: &Division) -> impl Iterator<Item = &Allocation> {
    division.devices.iter().flat_map(|device| &device.aggregates)
}

/// What it is planned beyond its floor, which comes in turns.
fn surplus(allocation: &Allocation) -> BitRate {
    allocation.rate.saturating_sub(allocation.floor)
}

/// Whether it wants more than the plan gives it, and could have it: its turns then count against those of its device.
fn is_held_back(allocation: &Allocation) -> bool {
    !matches!(allocation.bound, Bound::Demand | Bound::Ceiling)
}

fn is_off(from: BitRate, to: BitRate, by: BitRate) -> bool {
    from.max(to).saturating_sub(from.min(to)) > by
}
