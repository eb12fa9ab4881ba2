//! What series that are alike have in common, by which one that begins is served until it knows itself.
//!
//! Alike are series of one class; more so, those of them whose devices are of one type, as far as these are known.

use crate::Kind;
use crate::family::Member;
use crate::features::{Context, LEVELS};
use crate::mix::{Mix, Presumed};
use crate::residuals::{Bin, Pool};
use vocab::Horizon;

/// A type of device has so many errors of its own in a pool, or the pool of the class speaks.
const ENOUGH_ERRORS: f32 = 3_000.0;

/// What its class stands for counts, beside what is known of a type itself, as much as so many minutes.
const CLASS_MINUTES: f32 = 30.0;

/// What is presumed of members in general counts as much as so many minutes of kin.
const PRESUMED_MINUTES: f32 = 30.0;

/// Kin of the last so many minutes count, the newest most.
const REMEMBERED_MINUTES: f32 = 240.0;

/// How a series stands is told to its kin after so many windows each time.
pub(crate) const TOLD_EVERY: u32 = 60;

/// The errors of each model that says one number: by horizon and level.
#[derive(Clone, Debug)]
struct Pools(Box<[[[Pool; LEVELS]; Horizon::COUNT]; Member::POINTS.len()]>);

/// Some series that are alike.
#[derive(Clone, Debug)]
struct Kin {
    pools: Pools,
    /// How much more than the best each member lost, as a part of what the best lost: the mean over minutes, and how
    /// many.
    worse: [[[f32; 3]; Horizon::COUNT]; Member::COUNT],
    heard: [f32; Member::COUNT],
}

impl Kin {
    fn new() -> Kin {
        let of_level = |_| Pool::new();
        let of_horizon = |_| std::array::from_fn(of_level);
        Kin {
            pools: Pools(Box::new(std::array::from_fn(|_| std::array::from_fn(of_horizon)))),
            worse: [[[0.0; 3]; Horizon::COUNT]; Member::COUNT],
            heard: [0.0; Member::COUNT],
        }
    }

    fn learn(&mut self, mix: &Mix) {
        for (place, worse) in mix.worse().into_iter().enumerate() {
            let Some(worse) = worse else { continue };
            self.heard[place] = (self.heard[place] + 1.0).min(REMEMBERED_MINUTES);
            let step = 1.0 / self.heard[place];
            for (mean, worse) in self.worse[place].as_flattened_mut().iter_mut().zip(worse.as_flattened()) {
                *mean += step * (worse - *mean);
            }
        }
    }
}

/// All that are told apart.
#[derive(Clone, Debug)]
pub(crate) struct AllKin {
    by_class: Vec<Kin>,
    /// For each class in turn all types; made when the first of them is seen.
    by_type: Vec<Option<Box<Kin>>>,
}

/// Which series are kin: class, and type of device where it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Likeness {
    class: usize,
    of_type: Option<u8>,
}

impl Likeness {
    pub fn new(kind: Kind, context: &Context) -> Likeness {
        let known = |of_type: &u8| *of_type < Context::DEVICE_TYPES && !kind.is_of_all();
        Likeness { class: kind.pool(), of_type: context.device_type.filter(known) }
    }

    fn typed(self) -> Option<usize> {
        self.of_type.map(|of_type| self.class * usize::from(Context::DEVICE_TYPES) + usize::from(of_type))
    }
}

impl AllKin {
    pub fn new() -> AllKin {
        AllKin {
            by_class: (0..Kind::POOLS).map(|_| Kin::new()).collect(),
            by_type: vec![None; Kind::POOLS * usize::from(Context::DEVICE_TYPES)],
        }
    }

    /// The errors to take for one's own where there are none.
    pub fn pool(&self, like: Likeness, point: usize, horizon: usize, level: usize) -> &Pool {
        let of_type = self.of_type(like).map(|kin| &kin.pools.0[point][horizon][level]);
        of_type
            .filter(|pool| pool.total() >= ENOUGH_ERRORS)
            .unwrap_or(&self.by_class[like.class].pools.0[point][horizon][level])
    }

    /// Takes one more error of a model that says one number.
    pub fn learn_error(&mut self, like: Likeness, point: usize, horizon: usize, level: usize, error: Bin) {
        for kin in self.both(like) {
            kin.pools.0[point][horizon][level].learn(error);
        }
    }

    /// Takes how one of them stands.
    pub fn learn_standing(&mut self, like: Likeness, mix: &Mix) {
        self.both(like).for_each(|kin| kin.learn(mix));
    }

    fn both(&mut self, like: Likeness) -> impl Iterator<Item = &mut Kin> {
        let of_type = like.typed().map(|typed| &mut **self.by_type[typed].get_or_insert_with(|| Box::new(Kin::new())));
        std::iter::once(&mut self.by_class[like.class]).chain(of_type)
    }

    /// How the members are presumed to stand for one that begins.
    pub fn presumed(&self, like: Likeness) -> Presumed {
        let (of_class, of_type) = (&self.by_class[like.class], self.of_type(like));
        Presumed::new(|member| {
            let place = member.index();
            let mut worse = of_class.worse[place];
            if let Some(kin) = of_type {
                let trust = kin.heard[place] / (kin.heard[place] + CLASS_MINUTES);
                for (worse, own) in worse.as_flattened_mut().iter_mut().zip(kin.worse[place].as_flattened()) {
                    *worse += trust * (own - *worse);
                }
            }
            let heard = of_class.heard[place];
            (heard / (heard + PRESUMED_MINUTES), worse)
        })
    }

    fn of_type(&self, like: Likeness) -> Option<&Kin> {
        self.by_type[like.typed()?].as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::TrafficClass;

    fn like(class: TrafficClass, device_type: Option<u8>) -> Likeness {
        Likeness::new(Kind::Aggregate(class), &Context { device_type, ..Context::default() })
    }

    /// How far the last value is presumed worse than the average at P90 of the mean of the next 15 s, once `minutes`
    /// of `told` were told in which the last value was the better of both.
    fn presumed(told: Likeness, minutes: usize, asked: Likeness) -> f32 {
        let mut mix = Mix::new();
        for _ in 0..100 {
            for horizon in Horizon::ALL {
                let mut said = [[f32::NAN; 3]; Member::COUNT];
                said[Member::Last.index()] = [9.0, 10.0, 11.0];
                said[Member::Ewma.index()] = [2.0, 3.0, 4.0];
                mix.learn(horizon, &said, 10.0, false, 10.0);
            }
        }
        let mut kin = AllKin::new();
        (0..minutes).for_each(|_| kin.learn_standing(told, &mix));
        let presumed = kin.presumed(asked);
        let of = |member| presumed.of_guarantees(member);
        of(Member::Last) - of(Member::Ewma)
    }

    #[test]
    fn one_that_begins_is_served_by_its_type_then_by_its_class() {
        let (tv, phone) = (like(TrafficClass::Streaming, Some(4)), like(TrafficClass::Streaming, Some(0)));
        let (unknown, other) = (like(TrafficClass::Streaming, None), like(TrafficClass::Web, Some(4)));
        assert!(presumed(tv, 0, tv) > 0.0, "the average is presumed the better");
        assert!(presumed(tv, 60, tv) < 0.0, "its type knows");
        assert!(presumed(tv, 60, phone) < 0.0 && presumed(tv, 60, unknown) < 0.0, "its class knows");
        assert!(presumed(tv, 60, other) > 0.0, "another class is no kin");
        assert_eq!(presumed(tv, 60, like(TrafficClass::Streaming, Some(200))), presumed(tv, 60, unknown));
        // A lone minute of its type says less than an hour of its class.
        let (lone, many) = (presumed(tv, 1, tv), presumed(tv, 240, tv));
        assert!(many < lone && lone < presumed(tv, 0, tv), "{many} {lone}");
    }

    #[test]
    fn errors_are_pooled_by_type_once_there_are_enough() {
        let (tv, phone) = (like(TrafficClass::Streaming, Some(4)), like(TrafficClass::Streaming, Some(0)));
        let mut kin = AllKin::new();
        for _ in 0..4_000 {
            kin.learn_error(tv, 0, 0, 5, Bin::of(1.0));
        }
        kin.learn_error(phone, 0, 0, 5, Bin::of(1.0));
        assert_eq!(kin.pool(tv, 0, 0, 5).total(), 4_000.0);
        assert_eq!(kin.pool(phone, 0, 0, 5).total(), 4_001.0);
    }
}
