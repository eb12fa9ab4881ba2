//! How many bytes a leaf may send per turn, and what of its floor makes room for that.
//!
//! What is left of the capacity when all floors are served goes to the leaves of the first prio that wants it, in
//! turns, across the whole link: who owns a leaf, HTB does not ask. So the turns of a device's hungry leaves must
//! add up to that device's part, whether it has one of them or five.

use crate::tree::Claim;
use datapath::Slot;
use std::collections::BTreeMap;
use vocab::BitRate;

/// How long one round of all hungry leaves of a prio may take when they have the whole link, unless it takes longer
/// to give each of them two packets. A leaf that is not hungry waits that long at most: in rounds of 100 ms
/// acknowledgements came in clumps, the senders answered in clumps, and these stood in the modem's queue before the
/// next packet of a call (measured: docs/decisions/0012).
const ROUND_MS: u64 = 30;
/// A round is as short as it may be while the turns of a device with several hungry leaves hold this many packets for
/// each: one of them goes to the leaf whatever its class, the others go by class order.
const PACKETS_EACH: u64 = 3;
/// Who wants no more than planned may send half a round at once, and not less than this long at the capacity: what
/// begins between two plans begins quickly.
const QUIET_PART: u64 = 2;
const QUIET_MS: u64 = 5;
/// Turns beyond 16 MiB are of no use at any rate, and keep clear of HTB's 32-bit deficits.
pub(crate) const ROUND_MAX: u64 = 1 << 24;

/// What one leaf is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Bytes.
    pub quantum: u32,
    /// Its floor, less what of its forecast part is needed for the turns of its device. Bit/s.
    pub floor: u64,
}

/// The hungry leaves of one device in one prio.
#[derive(Default)]
struct Table {
    /// Their places among the claims, in class order.
    leaves: Vec<usize>,
    /// What the plan gives them together, bit/s.
    rate: u64,
    /// What of it is served before turns.
    floor: u64,
    /// What of the floor may go: it is only foreseen.
    slack: u64,
}

impl Table {
    /// What they get in turns while the turns of all tables of their prio carry `pool` bit/s: what is planned,
    /// or what their least turns carry, as far as their floors can make room for it.
    fn in_turns(&self, pool: u128, round: u64, packet: u64) -> u64 {
        let least = u128::from(self.leaves.len() as u64 * packet) * pool / u128::from(round.max(1));
        let least = u64::try_from(least).unwrap_or(u64::MAX);
        let most = self.rate.saturating_sub(self.floor - self.slack);
        self.planned().max(least.min(most))
    }

    /// What the plan gives them beyond their floors.
    fn planned(&self) -> u64 {
        self.rate.saturating_sub(self.floor)
    }
}

/// The turn of each claim, on a link of `capacity` whose packets have up to `packet` bytes.
///
/// Hungry leaves (that want more than the plan gives them) of one prio: the sum of a device's turns is in
/// proportion to what the plan gives it beyond its floors; inside the device each has a packet per round, and the
/// rest goes to those whom the plan gives something, in proportion. All others get what covers their part twice,
/// and half a round at least. A round is as short as all this allows, and at most 30 ms of the capacity or two
/// packets for every hungry leaf.
///
/// `slack` is what of each device's floor is only foreseen, bit/s: room is made of that and nothing else.
pub(crate) fn turns(claims: &[Claim], slack: &BTreeMap<Slot, u64>, capacity: BitRate, packet: u32) -> Vec<Turn> {
    let mut slack = slack.clone();
    let mut turns: Vec<Turn> = claims.iter().map(|claim| Turn { quantum: packet, floor: claim.floor }).collect();
    let packet = u64::from(packet);
    let mut prios: BTreeMap<u8, BTreeMap<Slot, Table>> = BTreeMap::new();
    let mut places: Vec<usize> = (0..claims.len()).collect();
    places.sort_by_key(|&place| (claims[place].class.order(), claims[place].class));
    for place in places {
        let claim = &claims[place];
        let tables = prios.entry(claim.prio).or_default();
        if claim.hungry {
            let table = tables.entry(claim.slot).or_default();
            table.leaves.push(place);
            table.rate = table.rate.saturating_add(claim.rate);
            table.floor = table.floor.saturating_add(claim.floor);
            table.slack = table.slack.saturating_add(claim.floor.saturating_sub(claim.guaranteed));
        }
    }
    let lasting = |ms| capacity.mul_ratio(ms, 8_000).as_bps().min(ROUND_MAX);
    for (prio, mut tables) in prios {
        for (slot, table) in &mut tables {
            table.slack = table.slack.min(slack.get(slot).copied().unwrap_or(0));
        }
        let round = round(&tables, lasting(ROUND_MS), packet);
        let pool = pool(&tables, round, packet);
        let part = |rate: u64| {
            let bytes = u128::from(rate) * u128::from(round) / pool.max(1);
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        for (slot, table) in &tables {
            let total = match pool {
                // The plan has nothing for anybody here; whatever comes is for all devices alike.
                0 => round / tables.len() as u64,
                _ => part(table.in_turns(pool, round, packet)),
            };
            let made = if pool == 0 { 0 } else { table.in_turns(pool, round, packet) - table.planned() };
            make_room(table, made, claims, &mut turns);
            slack.entry(*slot).and_modify(|slack| *slack -= made);
            share_out(table, total, packet, claims, &mut turns);
        }
        for (claim, turn) in claims.iter().zip(&mut turns).filter(|(claim, _)| claim.prio == prio && !claim.hungry) {
            let planned = part(claim.rate.saturating_sub(claim.floor)).saturating_mul(2);
            let at_once = planned.min(lasting(ROUND_MS)).max(round / QUIET_PART).max(lasting(QUIET_MS));
            turn.quantum = at_once.max(2 * packet) as u32;
        }
    }
    turns
}

/// How many bytes all hungry leaves of a prio send in one round, where `most` is enough for a packet of each.
fn round(tables: &BTreeMap<Slot, Table>, most: u64, packet: u64) -> u64 {
    let planned: u128 = tables.values().map(|table| u128::from(table.planned())).sum();
    let wanted = tables.values().map(|table| {
        let leaves = table.leaves.len() as u64;
        let total = u128::from(packet * if leaves > 1 { PACKETS_EACH * leaves } else { 1 });
        match table.planned() {
            _ if planned == 0 => total * tables.len() as u128,
            0 => u128::from(most),
            own => total * planned / u128::from(own),
        }
    });
    let round = u64::try_from(wanted.max().unwrap_or(0)).unwrap_or(u64::MAX).min(most);
    let hungry: u64 = tables.values().map(|table| table.leaves.len() as u64).sum();
    round.max(2 * packet * hungry)
}

/// What all turns of a prio carry together, bit/s; 0 if the plan has nothing left for them.
///
/// What makes room for least turns enlarges what is carried in turns, and so the least turns: since these are
/// half of a round at most, each step adds half of the one before at most.
fn pool(tables: &BTreeMap<Slot, Table>, round: u64, packet: u64) -> u128 {
    let mut pool: u128 = 0;
    for table in tables.values() {
        pool += u128::from(table.planned());
    }
    for _ in 0..64 {
        let next = tables.values().map(|table| u128::from(table.in_turns(pool, round, packet))).sum();
        if next == pool {
            break;
        }
        pool = next;
    }
    pool
}

/// Takes `beyond` from the floors of `table`, the last class first.
fn make_room(table: &Table, mut beyond: u64, claims: &[Claim], turns: &mut [Turn]) {
    for &place in table.leaves.iter().rev() {
        let taken = beyond.min(claims[place].floor.saturating_sub(claims[place].guaranteed));
        turns[place].floor -= taken;
        beyond -= taken;
    }
}

/// Makes turns of the `total` bytes of a device.
fn share_out(table: &Table, total: u64, packet: u64, claims: &[Claim], turns: &mut [Turn]) {
    let surplus = |turn: &Turn, place: usize| claims[place].rate.saturating_sub(turn.floor);
    let planned: u128 = table.leaves.iter().map(|&place| u128::from(surplus(&turns[place], place))).sum();
    let rest = total.saturating_sub(packet * table.leaves.len() as u64);
    for (rank, &place) in table.leaves.iter().enumerate() {
        let more = match planned {
            // Strictly by class order, as far as turns can say that.
            0 if rank == 0 => rest,
            0 => 0,
            _ => (u128::from(rest) * u128::from(surplus(&turns[place], place)) / planned) as u64,
        };
        turns[place].quantum = (packet + more) as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::STYLE;
    use proptest::prelude::*;
    use vocab::TrafficClass;

    const PACKET: u64 = 1_514;

    /// Slot, class index, rate, floor, guaranteed (kbit/s), all hungry and of one prio.
    fn hungry(leaves: &[(u16, usize, u64, u64, u64)]) -> Vec<Claim> {
        let claims = leaves.iter().map(|&(slot, class, rate, floor, guaranteed)| Claim {
            slot: Slot::new(slot).unwrap(),
            class: TrafficClass::from_index(class).unwrap(),
            rate: rate * 1_000,
            floor: floor * 1_000,
            guaranteed: guaranteed * 1_000,
            ceiling: BitRate::MAX,
            prio: 3,
            hungry: true,
            leaf: STYLE.leaf(3, BitRate::MAX, BitRate::MAX),
        });
        claims.collect()
    }

    fn slack(claims: &[Claim]) -> BTreeMap<Slot, u64> {
        let mut slack = BTreeMap::new();
        for claim in claims {
            *slack.entry(claim.slot).or_default() += claim.floor - claim.guaranteed;
        }
        slack
    }

    /// What each device gets if all leaves of `claims` are hungry for ever: floors first, the rest in turns.
    fn served(claims: &[Claim], turns: &[Turn], capacity: u64) -> BTreeMap<Slot, f64> {
        let in_turns = capacity - turns.iter().map(|turn| turn.floor).sum::<u64>();
        let round: u64 = turns.iter().map(|turn| u64::from(turn.quantum)).sum();
        let mut served = BTreeMap::new();
        for (claim, turn) in claims.iter().zip(turns) {
            *served.entry(claim.slot).or_default() +=
                turn.floor as f64 + in_turns as f64 * f64::from(turn.quantum) / round as f64;
        }
        served
    }

    /// On 20 Mbit/s: quantum and floor (kbit/s) of each leaf.
    fn check(leaves: &[(u16, usize, u64, u64, u64)], expected: &[(u32, u64)]) {
        let claims = hungry(leaves);
        let turns = turns(&claims, &slack(&claims), BitRate::from_mbps(20), PACKET as u32);
        let turns: Vec<_> = turns.iter().map(|turn| (turn.quantum, turn.floor / 1_000)).collect();
        assert_eq!(turns, expected);
    }

    #[test]
    fn five_hungry_leaves_weigh_what_one_does() {
        // x - f is 8 to 6 Mbit/s: so are the sums of turns, and web has what its four sisters leave it.
        check(
            &[(1, 7, 10_000, 2_000, 2_000), (2, 4, 10_000, 4_000, 4_000), (2, 5, 0, 0, 0), (2, 7, 0, 0, 0)],
            &[(18_168, 2_000), (10_598, 4_000), (1_514, 0), (1_514, 0)],
        );
    }

    #[test]
    fn a_foreseen_floor_makes_room_for_turns() {
        // All that web gets is its floor: its sisters' packets would come on top of it.
        check(
            &[(1, 7, 10_000, 0, 0), (2, 4, 10_000, 10_000, 4_000), (2, 5, 0, 0, 0), (2, 7, 0, 0, 0)],
            &[(70_458, 0), (1_514, 9_355), (1_514, 0), (1_514, 0)],
        );
    }

    #[test]
    fn who_is_planned_nothing_shares_alike_with_other_devices() {
        check(
            &[(1, 7, 500, 500, 500), (2, 4, 500, 500, 500), (2, 5, 0, 0, 0)],
            &[(9_084, 500), (7_570, 500), (1_514, 0)],
        );
    }

    #[test]
    fn alone_the_turn_is_short() {
        check(&[(1, 7, 20_000, 1_000, 0)], &[(3_028, 1_000)]);
    }

    #[test]
    fn who_is_not_hungry_sends_at_once_what_comes() {
        let mut claims = hungry(&[(1, 7, 9_000, 1_000, 0), (1, 4, 1_000, 0, 0), (2, 4, 10_000, 0, 0)]);
        claims[0].hungry = false;
        claims[1].hungry = false;
        let turns = turns(&claims, &slack(&claims), BitRate::from_mbps(20), PACKET as u32);
        // Of 10 Mbit/s in turns of 3,028 bytes, 8 Mbit/s; and 5 ms of the link.
        assert_eq!(turns.iter().map(|turn| turn.quantum).collect::<Vec<_>>(), [12_500, 12_500, 3_028]);
    }

    proptest! {
        /// Devices that share a tier of 5 to 1,000 Mbit/s on totals, each with one to five hungry leaves of which
        /// the first has all, and floors that are partly guaranteed: each gets its total within 2 %.
        #[test]
        fn every_device_gets_its_total(
            capacity in 5_000..1_000_000u64,
            devices in proptest::collection::vec((1..100u64, 1..=5usize, 0..=1_000u64, 0..=900u64), 1..6),
        ) {
            let weights: u64 = devices.iter().map(|device| device.0).sum();
            let mut leaves = Vec::new();
            let mut rates = BTreeMap::new();
            for (place, &(weight, count, floor, guaranteed)) in devices.iter().enumerate() {
                let slot = place as u16 + 1;
                let rate = capacity * weight / weights;
                let floor = rate * floor / 1_000;
                rates.insert(Slot::new(slot).unwrap(), rate);
                leaves.push((slot, 4, rate, floor, floor * guaranteed / 1_000));
                leaves.extend((1..count).map(|class| (slot, 4 + class, 0, 0, 0)));
            }
            let claims = hungry(&leaves);
            let turns = turns(&claims, &slack(&claims), BitRate::from_kbps(capacity), PACKET as u32);
            let round: u64 = turns.iter().map(|turn| u64::from(turn.quantum)).sum();
            // Beyond it only where a device's part is less than a packet for each of its leaves.
            let most = (capacity * 1_000 * ROUND_MS / 8_000).max(2 * PACKET * claims.len() as u64);
            prop_assert!(round <= most + PACKET * claims.len() as u64, "a round of {round} bytes");
            for (claim, turn) in claims.iter().zip(&turns) {
                prop_assert!(turn.floor >= claim.guaranteed && turn.floor <= claim.floor);
                prop_assert!(u64::from(turn.quantum) >= PACKET);
            }
            // What turns cannot say is a packet of each leaf in a round; only a guarantee that leaves no room for
            // that can make a device's part larger than planned.
            let is_room = |(place, device): (usize, &(u64, usize, u64, u64))| {
                let rate = rates[&Slot::new(place as u16 + 1).unwrap()] as f64;
                let guaranteed = rate * device.2 as f64 * device.3 as f64 / 1e6;
                rate - guaranteed >= capacity as f64 * device.1 as f64 * PACKET as f64 / round as f64
            };
            if devices.iter().enumerate().all(is_room) {
                for (slot, rate) in served(&claims, &turns, capacity * 1_000) {
                    let planned = rates[&slot] as f64 * 1e3;
                    prop_assert!((rate - planned).abs() <= planned * 0.02 + 3e3, "{slot:?}: {rate} for {planned}");
                }
            }
        }
    }
}
