//! A whole family learns from lessons, in parts that need nothing of each other: whoever has threads gives each one.

use crate::family::Family;
use crate::ground::Ground;
use crate::grow::{Grown, Growth};
use crate::lessons::{Lesson, Rows, Sampling};
use crate::network::Network;
use crate::recurrent::Recurrent;
use crate::steps::Progress;
use crate::train::{Course, train};
use crate::trees::Trees;
use crate::unroll::{Passages, Unrolling, unroll};
use std::ops::ControlFlow;
use vocab::Horizon;

/// What a whole family learns.
#[derive(Clone, Debug, PartialEq)]
pub struct Curriculum {
    /// How rows are drawn from lessons.
    pub sampling: Sampling,
    /// How many networks learn, at most [`Family::MOST_NETWORKS`].
    pub networks: usize,
    /// How each of them learns; the seed of the first, one more for each that follows.
    pub course: Course,
    /// How trees grow; none do without.
    pub growth: Option<Growth>,
    /// How a recurrent network learns; none does without.
    pub unrolling: Option<Unrolling>,
    /// Networks begin as those of this family are, as far as it has as many; without it, by chance.
    pub from: Option<Family>,
}

impl Default for Curriculum {
    fn default() -> Curriculum {
        let (sampling, course) = (Sampling::default(), Course::default());
        Curriculum { sampling, networks: Family::MOST_NETWORKS, course, growth: None, unrolling: None, from: None }
    }
}

impl Curriculum {
    /// To learn one network's own history in short steps, where the shipped family stopped; trees grow anew, where that
    /// has some.
    ///
    /// Measured on a gateway's series, split in time: what so went on lost 0.89 of what the shipped networks lost, what
    /// began anew for as long and stood beside two of them 0.92.
    pub fn of_own(seed: u64) -> Curriculum {
        let shipped = Family::shipped();
        Curriculum {
            sampling: Sampling { copies: 3, most_rows: 300_000, seed, ..Sampling::default() },
            networks: shipped.networks().len(),
            course: Course { steps: 3_000, step_width: 1e-3, seed, ..Course::default() },
            unrolling: None,
            growth: shipped.trees().map(|_| Growth { trees: 200, rows: 200_000, seed, ..Growth::default() }),
            from: Some(shipped),
        }
    }
}

/// Everything that is learnt from, and by whom.
#[derive(Clone, Debug)]
pub struct School {
    rows: Rows,
    course: Course,
    ground: Option<Ground>,
    passages: Option<Passages>,
    parts: Vec<Part>,
}

/// What one member of the family learns.
#[derive(Clone, Debug)]
pub struct Part {
    name: String,
    steps: usize,
    task: Task,
}

#[derive(Clone, Debug)]
enum Task {
    /// A network; it begins as that one is.
    Network(Course, Option<Network>),
    /// The trees of a horizon.
    Forest(Horizon),
    /// A recurrent network.
    Recurrent(Unrolling),
}

/// A member that has learnt.
#[derive(Clone, Debug, PartialEq)]
pub enum Learnt {
    /// One of the networks.
    Network(Network),
    /// The trees of one horizon.
    Forest(Grown),
    /// The recurrent network.
    Recurrent(Recurrent),
}

impl School {
    /// `None` where there is nothing to learn from: lessons of a minute or less.
    pub fn open(lessons: &[Lesson], curriculum: &Curriculum) -> Option<School> {
        let rows = Rows::draw(lessons, &curriculum.sampling);
        if rows.is_empty() {
            return None;
        }
        let begun = curriculum.from.iter().flat_map(Family::networks).cloned().map(Some);
        let networks = curriculum.networks.clamp(1, Family::MOST_NETWORKS);
        let parts = begun.chain(std::iter::repeat(None)).take(networks).enumerate().map(|(nth, from)| {
            let course = Course { seed: curriculum.course.seed.wrapping_add(nth as u64), ..curriculum.course };
            Part { name: format!("network {}", nth + 1), steps: course.steps, task: Task::Network(course, from) }
        });
        let ground = curriculum.growth.and_then(|growth| Ground::new(&rows, &growth));
        let forests = curriculum.growth.iter().filter(|_| ground.is_some()).flat_map(|growth| {
            let of = |horizon: Horizon| format!("trees for {}", horizon.name());
            Horizon::ALL.map(|horizon| Part { name: of(horizon), steps: growth.trees, task: Task::Forest(horizon) })
        });
        let passages = curriculum.unrolling.map(|_| Passages::draw(lessons, &curriculum.sampling));
        let recurrent = curriculum.unrolling.map(|unrolling| Part {
            name: "recurrent network".to_owned(),
            steps: unrolling.steps,
            task: Task::Recurrent(unrolling),
        });
        // The recurrent network takes longest, then networks do: they begin.
        Some(School {
            parts: recurrent.into_iter().chain(parts).chain(forests).collect(),
            ground,
            passages,
            rows,
            course: curriculum.course,
        })
    }

    /// How many rows there are to learn from.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// What there is to learn: each part on a thread of its own, or one after another.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Learns one of [`School::parts`]; `report` may end it early, with what was learnt by then.
    pub fn learn(&self, part: &Part, report: &mut dyn FnMut(Progress) -> ControlFlow<()>) -> Option<Learnt> {
        match &part.task {
            Task::Network(course, from) => train(&self.rows, course, from.as_ref(), report).map(Learnt::Network),
            Task::Recurrent(unrolling) => {
                unroll(self.passages.as_ref()?, unrolling, &self.course, report).map(Learnt::Recurrent)
            }
            Task::Forest(horizon) => Some(Learnt::Forest(self.ground.as_ref()?.grow(*horizon, report))),
        }
    }
}

impl Part {
    /// Who learns, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// In how many steps at most.
    pub fn steps(&self) -> usize {
        self.steps
    }
}

impl Family {
    /// A family of members that have learnt, in the order of their parts.
    pub fn of(learnt: impl IntoIterator<Item = Learnt>) -> Family {
        let (mut networks, mut grown, mut recurrent) = (Vec::new(), Vec::new(), None);
        for learnt in learnt {
            match learnt {
                Learnt::Network(network) => networks.push(network),
                Learnt::Forest(forest) => grown.push(forest),
                Learnt::Recurrent(one) => recurrent = Some(one),
            }
        }
        let mut family = Family::new(networks);
        if let Some(recurrent) = recurrent {
            family = family.with_recurrent(recurrent);
        }
        match Trees::of(&grown) {
            Some(trees) => family.with_trees(trees),
            None => family,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use vocab::{BitRate, TrafficClass, Usage};

    fn lessons() -> Vec<Lesson> {
        let seconds = |of: u64| {
            let rate = |second: u64| BitRate::from_kbps(if second % (20 + of) < 5 { 4_000 } else { 100 });
            (0..400).map(|second| Some(Usage::Free(rate(second)))).collect()
        };
        let kind = Kind::Aggregate(TrafficClass::Streaming);
        (0..4).map(|of| Lesson::new(kind, 0, seconds(of))).collect()
    }

    fn learn(steps: usize, from: Option<Family>, order: impl Fn(usize) -> usize) -> Family {
        let course = Course { width: 8, steps, batch: 32, ..Course::default() };
        let school = School::open(&lessons(), &Curriculum { networks: 2, course, from, ..Curriculum::default() });
        let school = school.expect("minutes of lessons");
        let mut learnt: Vec<_> = (0..2)
            .map(order)
            .map(|nth| (nth, school.learn(&school.parts()[nth], &mut |_| ControlFlow::Continue(())).expect("rows")))
            .collect();
        learnt.sort_by_key(|(nth, _)| *nth);
        Family::of(learnt.into_iter().map(|(_, learnt)| learnt))
    }

    #[test]
    fn parts_need_nothing_of_each_other_and_go_on_where_they_stopped() {
        let family = learn(60, None, |nth| nth);
        assert_eq!(family, learn(60, None, |nth| 1 - nth), "in any order");
        assert_eq!(family.networks().len(), 2);
        assert_ne!(family.networks()[0], family.networks()[1]);
        let on = learn(1, Some(family.clone()), |nth| nth);
        assert_ne!(on, family);
        let apart = |one: &Family, other: &Family| {
            let weights = |family: &Family| -> Vec<f32> {
                family
                    .networks()
                    .iter()
                    .flat_map(|of| of.layers.iter().flat_map(|layer| layer.weights.clone()))
                    .collect()
            };
            let apart = weights(one).into_iter().zip(weights(other)).map(|(one, other)| (one - other).abs());
            apart.fold(0.0, f32::max)
        };
        assert!(apart(&on, &family) < 0.01 && apart(&learn(1, None, |nth| nth), &family) > 0.01);
    }

    #[test]
    fn trees_grow_where_they_are_wanted() {
        let course = Course { width: 8, steps: 5, batch: 32, ..Course::default() };
        let growth = Some(Growth { trees: 10, rows: 1_000, ..Growth::default() });
        for (growth, trees) in [(None, None), (growth, Some(10 * Horizon::COUNT))] {
            let curriculum = Curriculum { networks: 1, course, growth, ..Curriculum::default() };
            let school = School::open(&lessons(), &curriculum).expect("minutes of lessons");
            let learn = |part| school.learn(part, &mut |_| ControlFlow::Continue(()));
            let family = Family::of(school.parts().iter().rev().filter_map(learn));
            assert_eq!((family.networks().len(), family.trees().map(Trees::len)), (1, trees));
        }
    }

    #[test]
    fn there_is_no_school_without_minutes() {
        let mut lessons = lessons();
        lessons.iter_mut().for_each(|lesson| lesson.seconds.truncate(50));
        assert!(School::open(&lessons, &Curriculum::default()).is_none());
    }
}
