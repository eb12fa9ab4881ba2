//! The division of a capacity over a tree of claims: the law, for any depth of tree.
//!
//! Every node of the tree follows the same four rules, so that a level more (groups of devices) is a node
//! more and no new algorithm:
//! - its floor is its guarantee or the floors below it, whichever is more; what it has more than they need
//!   is divided below it exactly as a link is;
//! - its ceiling bounds the sum over all tiers of what is below it; floors below shrink by one factor to fit;
//! - its part of a tier goes to its children by their order, and among children of equal order by weight,
//!   max-min fair on totals;
//! - what it gives a child never falls below the child's floor in that tier.
//!
//! The link itself is the root: its ceiling is the capacity.

use crate::water_fill::{self, Bend, Vessel};
use vocab::{BitRate, Bound, PriorityLevels, Tier, Weight};

/// What somebody claims of the capacity; layer 2 bit/s throughout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its part among claims of equal order.
    pub weight: Weight,
    /// Its place among its siblings, 0 first: in each tier, an earlier order is satisfied before a later one
    /// gets more than its floor.
    pub order: u8,
    /// What it gets whenever it asks.
    pub guarantee: BitRate,
    /// What it never exceeds, over all tiers; [`BitRate::MAX`] for no ceiling.
    pub ceiling: BitRate,
    /// A demand, or more claims.
    pub kind: ClaimKind,
}

/// A demand, or more claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// An aggregate: where demand is.
    Aggregate {
        /// Who is served before it.
        tier: Tier,
        /// What it is foreseen to want.
        demand: BitRate,
        /// What its forecast asks for as floor; bounded by what the division gives it anyway.
        forecast_floor: Option<BitRate>,
        /// Whether it gives way when the link is foreseen to be full.
        yielding: Yielding,
    },
    /// A device, or a group of them.
    Group(Vec<Claim>),
}

/// Whether an aggregate gives way when the link is foreseen to be full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yielding {
    /// Keeps its floors and its tier.
    Never,
    /// Loses its floors and goes last (download, backup, update).
    Early,
}

/// What holds for the whole division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What protected traffic may take beyond its floors, in thousandths of the capacity.
    pub protected_permille: u16,
    /// The link is foreseen to be full: [`Yielding::Early`] aggregates lose their floors and go last.
    pub early_yielding: bool,
    /// The levels of priority in use. Yielding aggregates are shown in the tiers after the last of them
    /// (with five levels: a device's tier plus five), all in tier 10 where ten are in use.
    pub levels: PriorityLevels,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { protected_permille: 500, early_yielding: false, levels: PriorityLevels::default() }
    }
}

/// What the law gives one claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portion {
    /// The sum of what is wanted below it (or by it).
    pub demand: BitRate,
    /// What it gets at that demand: floor included, headroom left out. Of a group: the sum of its parts.
    pub rate: BitRate,
    /// What is served before anybody borrows; never above `rate`. Of a group: the sum of its parts'.
    pub floor: BitRate,
    /// What the floor would be without forecasts: owed by guarantees, its own or those above it. The floor can be
    /// less where a guarantee above it is kept by what is foreseen beside it; that of a group never is.
    pub guaranteed: BitRate,
    /// What it never exceeds: its own ceiling, those above it, and for a protected aggregate its floor
    /// without the forecast's part plus the protected part of the capacity.
    pub ceiling: BitRate,
    /// What nobody asked for and it could take, up to its ceiling. Shown for groups; zero for an aggregate.
    pub headroom: BitRate,
    /// What bounded it. Of a group: `Demand` if nothing is held back, `Ceiling` if its own ceiling holds back
    /// what is below it, else the strongest reason below it.
    pub bound: Bound,
    /// The tier it stood in. Of a group: the first below it; [`Tier::LAST`] for an empty one.
    pub tier: Tier,
    /// Of a group: one for each of its claims, in their order.
    pub parts: Vec<Portion>,
}

/// How a capacity is divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divided {
    /// The first tier in which capacity ran out, if it did.
    pub exhausted: Option<Tier>,
    /// One for each claim, in their order.
    pub portions: Vec<Portion>,
}

/// Divides `capacity` among `claims` by the law of `docs/law.md`.
///
/// The order of claims of equal [`Claim::order`] does not matter. The sum of the rates is
/// `min(capacity, what can be used)`, less a rounding remainder of fewer bit/s than there are claims.
/// Cost: `O(n log n)` for each tier in use.
pub fn divide(capacity: BitRate, claims: &[Claim], settings: Settings) -> Divided {
    let mut scratch = Scratch::default();
    let mut root = Node::root(capacity, claims, settings);
    root.raise_floors(FloorsFrom::Guarantees, &mut scratch);
    let beyond = capacity.mul_ratio(u64::from(settings.protected_permille.min(1_000)), 1_000).as_bps();
    let exhausted = root.divide(capacity.as_bps(), root.stages, Some(beyond), &mut scratch);
    root.keep_result();
    if root.has_forecast_floors() {
        // Each is bounded by the rate just found, so a second division would find the same rates: only the
        // floors are worked out again.
        root.raise_floors(FloorsFrom::GuaranteesAndForecasts, &mut scratch);
    }
    let unused = capacity.as_bps().saturating_sub(root.result.rate);
    root.show_headroom(unused, &mut scratch);
    Divided {
        exhausted: exhausted.map(|stage| stage.shown(settings.levels)),
        portions: root
            .into_children()
            .into_iter()
            .map(|node| node.into_portion(capacity.as_bps(), beyond, settings))
            .collect(),
    }
}

/// When an aggregate is served: its tier, or after all tiers if it yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stage(u8);

impl Stage {
    fn of(tier: Tier, yields: bool) -> Stage {
        Stage(if yields { Tier::LAST.number() + 1 + tier.number() } else { tier.number() })
    }

    fn is_protected(self) -> bool {
        self.0 == Tier::PROTECTED.number()
    }

    /// The tier under which it is shown and told to the kernel.
    fn shown(self, levels: PriorityLevels) -> Tier {
        let number = match self.0.checked_sub(Tier::LAST.number() + 1) {
            None => self.0,
            Some(tier) => (levels.last() + tier).min(Tier::LAST.number()),
        };
        Tier::new(number).expect("a tier, or the last one at most")
    }
}

/// A set of stages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stages(u32);

impl Stages {
    fn only(stage: Stage) -> Stages {
        Stages(1 << stage.0)
    }

    /// All that do not yield.
    const STEADFAST: Stages = Stages((1 << (Tier::LAST.number() + 1)) - 1);

    fn and(self, other: Stages) -> Stages {
        Stages(self.0 | other.0)
    }

    fn common(self, other: Stages) -> Stages {
        Stages(self.0 & other.0)
    }

    fn has(self, stage: Stage) -> bool {
        self.0 & (1 << stage.0) != 0
    }

    fn in_order(self) -> impl Iterator<Item = Stage> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (next < u32::BITS).then_some(Stage(next as u8))
        })
    }
}

/// Why less than what is wanted was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// All that is wanted was given.
    Enough,
    /// A ceiling of a group above.
    GroupCeiling,
    /// The protected part of the capacity.
    Protected,
    /// The tier ran out before it.
    Floor,
    /// The tier ran out at this level.
    Level { stage: Stage, level: u64 },
}

/// Where floors come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FloorsFrom {
    Guarantees,
    GuaranteesAndForecasts,
}

/// What the main division gave a node, kept while the floors are worked out again.
#[derive(Clone, Copy, Debug)]
struct Kept {
    rate: u64,
    /// The floor made of guarantees alone.
    floor: u64,
    cause: Cause,
    /// Whether its own ceiling held back what is below it.
    clipped: bool,
    headroom: u64,
}

/// What an aggregate wants.
#[derive(Clone, Copy, Debug)]
struct Want {
    stage: Stage,
    demand: u64,
    forecast_floor: Option<u64>,
}

/// A claim at work.
struct Node {
    /// What it wants if it is an aggregate; `None` for a group and for the link.
    want: Option<Want>,
    is_link: bool,
    /// Where it stands among its siblings in the input.
    place: usize,
    weight: u32,
    order: u8,
    guarantee: u64,
    ceiling: u64,
    /// The stages of the aggregates at or below it.
    stages: Stages,
    /// What the aggregates at or below it can use, within all ceilings.
    useful: u64,
    floor: u64,
    /// Given in the stages so far (of a group that may be a rounding remainder more than it passed on).
    granted: u64,
    /// Passed on in the stages so far.
    rate: u64,
    /// The floors of the stages to come.
    later_floor: u64,
    cause: Cause,
    clipped: bool,
    stage_floor: u64,
    /// What it can use in this stage, within its own ceiling.
    stage_want: u64,
    /// What its children can use in this stage, without its own ceiling.
    stage_sum: u128,
    result: Kept,
    /// Sorted by order.
    children: Vec<Node>,
}

/// Buffers of one division.
#[derive(Default)]
struct Scratch {
    bends: Vec<Bend>,
    vessels: Vec<Vessel>,
}

fn narrow(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}

impl Node {
    fn root(capacity: BitRate, claims: &[Claim], settings: Settings) -> Node {
        Node { is_link: true, ceiling: capacity.as_bps(), ..Node::group(claims, settings) }.with_useful()
    }

    fn new(place: usize, claim: &Claim, settings: Settings) -> Node {
        let node = match &claim.kind {
            ClaimKind::Group(claims) => Node::group(claims, settings),
            ClaimKind::Aggregate { tier, demand, forecast_floor, yielding } => {
                let yields = settings.early_yielding && *yielding == Yielding::Early;
                let stage = Stage::of(*tier, yields);
                Node {
                    stages: Stages::only(stage),
                    want: Some(Want {
                        stage,
                        demand: demand.as_bps(),
                        forecast_floor: forecast_floor.map(BitRate::as_bps),
                    }),
                    ..Node::group(&[], settings)
                }
            }
        };
        Node {
            place,
            weight: claim.weight.thousandths(),
            order: claim.order,
            guarantee: claim.guarantee.as_bps(),
            ceiling: claim.ceiling.as_bps(),
            ..node
        }
        .with_useful()
    }

    fn group(claims: &[Claim], settings: Settings) -> Node {
        let mut children: Vec<Node> =
            claims.iter().enumerate().map(|(place, claim)| Node::new(place, claim, settings)).collect();
        if !children.is_sorted_by_key(|child| child.order) {
            children.sort_by_key(|child| child.order);
        }
        Node {
            want: None,
            is_link: false,
            place: 0,
            weight: Weight::ONE.thousandths(),
            order: 0,
            guarantee: 0,
            ceiling: u64::MAX,
            stages: children.iter().fold(Stages::default(), |stages, child| stages.and(child.stages)),
            useful: 0,
            floor: 0,
            granted: 0,
            rate: 0,
            later_floor: 0,
            cause: Cause::Enough,
            clipped: false,
            stage_floor: 0,
            stage_want: 0,
            stage_sum: 0,
            result: Kept { rate: 0, floor: 0, cause: Cause::Enough, clipped: false, headroom: 0 },
            children,
        }
    }

    fn with_useful(mut self) -> Node {
        let below = match self.want {
            Some(want) => u128::from(want.demand),
            None => self.children.iter().map(|child| u128::from(child.useful)).sum(),
        };
        self.useful = narrow(below).min(self.ceiling);
        self
    }

    /// What it brings to a fill in the stage at work.
    fn vessel(&self) -> Vessel {
        Vessel { floor: self.stage_floor, want: self.stage_want, weight: self.weight }
    }

    fn is_aggregate(&self) -> bool {
        self.want.is_some()
    }

    /// What the aggregates below it that do not yield can use, within the ceilings on the way.
    fn useful_steadfast(&self) -> u64 {
        if self.stages.common(Stages::STEADFAST) == self.stages {
            return self.useful;
        }
        if self.is_aggregate() {
            return 0;
        }
        narrow(self.children.iter().map(|child| u128::from(child.useful_steadfast())).sum()).min(self.ceiling)
    }

    /// Rule 1, floors: from the aggregates up, each node's floor is the floors below it, shrunk to its
    /// ceiling, or what its guarantee adds to them.
    fn raise_floors(&mut self, from: FloorsFrom, scratch: &mut Scratch) {
        if let Some(want) = self.want {
            if !Stages::STEADFAST.has(want.stage) {
                self.floor = 0;
                return;
            }
            let foreseen = match from {
                FloorsFrom::Guarantees => 0,
                FloorsFrom::GuaranteesAndForecasts => want.forecast_floor.unwrap_or(0).min(self.result.rate),
            };
            self.floor = self.guarantee.max(foreseen).min(self.useful);
            return;
        }
        let mut sum = 0u128;
        for child in &mut self.children {
            child.raise_floors(from, scratch);
            sum += u128::from(child.floor);
        }
        if sum > u128::from(self.ceiling) {
            self.shrink_floors(self.ceiling, sum);
            return;
        }
        self.floor = narrow(sum);
        let owed = self.guarantee.min(self.useful_steadfast());
        if owed > self.floor {
            self.divide(owed, self.stages.common(Stages::STEADFAST), None, scratch);
            self.floors_from_rates();
        }
    }

    /// All floors at or below it become `numerator / denominator` of what they were, rounded down.
    fn shrink_floors(&mut self, numerator: u64, denominator: u128) {
        if self.is_aggregate() {
            self.floor = narrow(u128::from(self.floor) * u128::from(numerator) / denominator);
            return;
        }
        self.floor = 0;
        for child in &mut self.children {
            child.shrink_floors(numerator, denominator);
            self.floor += child.floor;
        }
    }

    fn floors_from_rates(&mut self) {
        if self.is_aggregate() {
            self.floor = self.rate.max(self.floor);
            return;
        }
        self.floor = 0;
        for child in &mut self.children {
            child.floors_from_rates();
            self.floor += child.floor;
        }
    }

    /// Rule 2, tiers: divides `amount` (at least its floor, at most its ceiling) among the aggregates of
    /// `stages` below it. Protected ones may take `protected_beyond` more than their floors.
    /// Gives the first stage in which the amount ran out.
    fn divide(
        &mut self,
        amount: u64,
        stages: Stages,
        protected_beyond: Option<u64>,
        scratch: &mut Scratch,
    ) -> Option<Stage> {
        let mut exhausted = None;
        self.begin();
        for stage in self.stages.common(stages).in_order() {
            self.prepare(stage);
            // Once a stage ran out, the later ones keep their floors and nothing else: not even the
            // remainder of its rounding.
            let room = if exhausted.is_some() { self.stage_floor } else { amount - self.granted - self.later_floor };
            let bounded = match protected_beyond {
                Some(beyond) if stage.is_protected() => room.min(self.stage_floor.saturating_add(beyond)),
                Some(_) | None => room,
            };
            let give = narrow(self.stage_sum.min(u128::from(bounded)));
            let cause = if u128::from(give) == self.stage_sum {
                Cause::Enough
            } else if bounded < room {
                Cause::Protected
            } else {
                exhausted = exhausted.or(Some(stage));
                if give == self.stage_floor { Cause::Floor } else { Cause::Level { stage, level: u64::MAX } }
            };
            self.pass_on(give, cause, stage, scratch);
        }
        exhausted
    }

    fn begin(&mut self) {
        self.granted = 0;
        self.rate = 0;
        self.later_floor = self.floor;
        self.cause = Cause::Enough;
        self.clipped = false;
        for child in &mut self.children {
            child.begin();
        }
    }

    /// Works out what it has in any case and what it can use in `stage`.
    fn prepare(&mut self, stage: Stage) {
        if self.is_aggregate() {
            self.stage_floor = self.floor;
            self.stage_want = self.useful;
            self.later_floor = 0;
            return;
        }
        let (mut floor, mut sum) = (0, 0);
        for child in self.children.iter_mut().filter(|child| child.stages.has(stage)) {
            child.prepare(stage);
            floor += child.stage_floor;
            sum += u128::from(child.stage_want);
        }
        self.stage_floor = floor;
        self.stage_sum = sum;
        self.later_floor -= floor;
        // The floors of the stages to come are kept: an earlier stage takes what its ceiling leaves beside them.
        self.stage_want = narrow(sum.min(u128::from(self.ceiling - self.granted - self.later_floor)));
    }

    /// Takes `amount` in `stage`, given for `cause` if it is less than it can use. Gives what of it arrived at
    /// aggregates: rounding may leave a little.
    fn take(&mut self, amount: u64, cause: Cause, stage: Stage, scratch: &mut Scratch) -> u64 {
        if self.is_aggregate() {
            self.rate += amount;
            self.cause = cause;
            return amount;
        }
        let clipped = u128::from(self.stage_want) < self.stage_sum && amount == self.stage_want;
        self.clipped |= clipped;
        let cause = if clipped { Cause::GroupCeiling } else { cause };
        self.pass_on(amount, cause, stage, scratch)
    }

    /// Gives `amount` to its children: by order, and among equal order by weight on totals.
    fn pass_on(&mut self, amount: u64, cause: Cause, stage: Stage, scratch: &mut Scratch) -> u64 {
        self.granted += amount;
        let is_link = self.is_link;
        let mut surplus = amount - self.stage_floor;
        let mut passed_on = 0;
        for peers in self.children.chunk_by_mut(|a, b| a.order == b.order) {
            let (mut members, mut floor, mut want) = (0u32, 0, 0);
            for child in peers.iter().filter(|child| child.stages.has(stage)) {
                members += 1;
                floor += child.stage_floor;
                want += u128::from(child.stage_want);
            }
            let taken = narrow((want - u128::from(floor)).min(u128::from(surplus)));
            surplus -= taken;
            if u128::from(floor) + u128::from(taken) == want {
                for child in peers.iter_mut().filter(|child| child.stages.has(stage)) {
                    passed_on += child.take(child.stage_want, Cause::Enough, stage, scratch);
                }
                continue;
            }
            let level = if members == 1 {
                None
            } else {
                scratch.vessels.clear();
                let vessels = peers.iter().filter(|child| child.stages.has(stage)).map(Node::vessel);
                scratch.vessels.extend(vessels);
                Some(water_fill::level(floor + taken, &scratch.vessels, &mut scratch.bends))
            };
            for child in peers.iter_mut().filter(|child| child.stages.has(stage)) {
                let rate = level.map_or(floor + taken, |level| level.fill(&child.vessel()));
                let cause = match cause {
                    _ if rate == child.stage_want => Cause::Enough,
                    Cause::GroupCeiling | Cause::Protected | Cause::Floor => cause,
                    Cause::Level { .. } | Cause::Enough
                        if taken == 0 || level.is_some_and(|level| level.reach(child.weight) < child.stage_floor) =>
                    {
                        Cause::Floor
                    }
                    // Devices explain their part by the level of their own group, aggregates by that of
                    // their device.
                    Cause::Level { stage, level: _ } if is_link || !child.is_aggregate() => {
                        let one = Weight::ONE.thousandths();
                        let alone = || narrow(u128::from(rate) * u128::from(one) / u128::from(child.weight));
                        Cause::Level { stage, level: level.map_or_else(alone, |level| level.reach(one)) }
                    }
                    Cause::Level { .. } | Cause::Enough => cause,
                };
                passed_on += child.take(rate, cause, stage, scratch);
            }
        }
        self.rate += passed_on;
        passed_on
    }

    fn keep_result(&mut self) {
        self.result =
            Kept { rate: self.rate, floor: self.floor, cause: self.cause, clipped: self.clipped, headroom: 0 };
        for child in &mut self.children {
            child.keep_result();
        }
    }

    fn has_forecast_floors(&self) -> bool {
        match self.want {
            Some(want) => want.forecast_floor.is_some(),
            None => self.children.iter().any(Node::has_forecast_floors),
        }
    }

    /// The most it could ever use: its own ceiling and those below it.
    fn reachable(&self) -> u64 {
        if self.children.is_empty() {
            return self.ceiling;
        }
        narrow(self.children.iter().map(|child| u128::from(child.reachable())).sum()).min(self.ceiling)
    }

    /// Rule 3, headroom: shows `unused` as room, by weight, up to the ceilings.
    fn show_headroom(&mut self, unused: u64, scratch: &mut Scratch) {
        self.result.headroom = unused;
        if self.children.iter().all(Node::is_aggregate) {
            return;
        }
        scratch.vessels.clear();
        scratch.vessels.extend(self.children.iter().map(|child| {
            let want = if child.is_aggregate() { 0 } else { child.reachable().saturating_sub(child.result.rate) };
            Vessel { floor: 0, want, weight: child.weight }
        }));
        let want: u128 = scratch.vessels.iter().map(|vessel| u128::from(vessel.want)).sum();
        let level = water_fill::level(narrow(want.min(u128::from(unused))), &scratch.vessels, &mut scratch.bends);
        let rooms: Vec<u64> = scratch.vessels.iter().map(|vessel| level.fill(vessel)).collect();
        for (child, room) in self.children.iter_mut().zip(rooms) {
            child.show_headroom(room, scratch);
        }
    }

    fn into_children(self) -> Vec<Node> {
        let mut children = self.children;
        if !children.is_sorted_by_key(|child| child.place) {
            children.sort_by_key(|child| child.place);
        }
        children
    }

    /// Its portion; `ceiling` is the least of those above it, `beyond` what protected traffic may take.
    fn into_portion(self, ceiling: u64, beyond: u64, settings: Settings) -> Portion {
        let Kept { rate, floor: guaranteed, cause, clipped, headroom } = self.result;
        if let Some(Want { stage, demand, .. }) = self.want {
            let ceiling = ceiling.min(self.ceiling);
            let tier = stage.shown(settings.levels);
            let bound = match cause {
                _ if rate == demand => Bound::Demand,
                Cause::Enough => Bound::Ceiling,
                Cause::GroupCeiling => Bound::DeviceCeiling,
                Cause::Protected => Bound::ProtectedCeiling,
                Cause::Floor => Bound::Guarantee,
                Cause::Level { stage, level } => {
                    Bound::Share { tier: stage.shown(settings.levels), level: BitRate::from_bps(level) }
                }
            };
            let shown_ceiling =
                if stage.is_protected() { ceiling.min(guaranteed.saturating_add(beyond)) } else { ceiling };
            return Portion {
                demand: BitRate::from_bps(demand),
                rate: BitRate::from_bps(rate),
                floor: BitRate::from_bps(self.floor.min(rate)),
                guaranteed: BitRate::from_bps(guaranteed),
                ceiling: BitRate::from_bps(shown_ceiling),
                headroom: BitRate::ZERO,
                bound,
                tier,
                parts: Vec::new(),
            };
        }
        let tier = self.stages.in_order().next().map_or(Tier::LAST, |stage| stage.shown(settings.levels));
        let ceiling = ceiling.min(self.ceiling);
        let parts: Vec<Portion> =
            self.into_children().into_iter().map(|node| node.into_portion(ceiling, beyond, settings)).collect();
        Portion {
            demand: parts.iter().map(|part| part.demand).sum(),
            rate: BitRate::from_bps(rate),
            floor: parts.iter().map(|part| part.floor).sum(),
            guaranteed: BitRate::from_bps(guaranteed),
            ceiling: BitRate::from_bps(ceiling),
            headroom: BitRate::from_bps(headroom),
            bound: if clipped { Bound::Ceiling } else { strongest(&parts) },
            tier,
            parts,
        }
    }
}

/// Why a group gets less than is wanted below it: ceilings of groups before the tiers, the tiers before what
/// its parts bring upon themselves.
fn strongest(parts: &[Portion]) -> Bound {
    let rank = |bound: Bound| match bound {
        Bound::DeviceCeiling => 5,
        Bound::Share { .. } => 4,
        Bound::ProtectedCeiling => 3,
        Bound::Guarantee => 2,
        Bound::Ceiling => 1,
        Bound::Demand => 0,
    };
    parts.iter().map(|part| part.bound).rev().max_by_key(|&bound| rank(bound)).unwrap_or(Bound::Demand)
}
