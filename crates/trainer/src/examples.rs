//! Examples to learn from: generated and recorded flows, strained, cut to as many packets as a verdict has.

use crate::chance::Chance;
use crate::habits::{self, FAMILIES, Family};
use crate::strain::strain;
use crate::trace::Trace;
use traffic::behavior::{CLASSES, FEATURES, FEWEST, PACKETS, features};
use vocab::TrafficClass;

/// What the model is shown, and what it should say.
pub struct Example {
    pub features: [f32; FEATURES],
    pub class: usize,
}

/// Where examples come from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub recorded: &'a [Trace],
    /// Families that are never shown.
    pub without: &'a [String],
}

/// How often a class is drawn; "none of these" is rarer than it is out there, but strange.
fn share(class: TrafficClass) -> f64 {
    match class {
        TrafficClass::Unclassified => 0.6,
        TrafficClass::Interactive | TrafficClass::Web => 2.0,
        TrafficClass::Work | TrafficClass::Update => 0.7,
        _ => 1.0,
    }
}

/// How often a flow is a recorded one, where its class has any.
const RECORDED: f64 = 0.15;

impl Source<'_> {
    fn trace(&self, chance: &mut Chance) -> Trace {
        let total: f64 = TrafficClass::ALL.iter().map(|&class| share(class)).sum();
        let mut at = chance.share() * total;
        let class = TrafficClass::ALL
            .into_iter()
            .find(|&class| {
                at -= share(class);
                at < 0.0
            })
            .unwrap_or(TrafficClass::Unclassified);
        let recorded: Vec<&Trace> =
            self.recorded.iter().filter(|trace| trace.class == class && !self.hides(trace.family)).collect();
        if !recorded.is_empty() && chance.is(RECORDED) {
            return strain(recorded[chance.count(0, recorded.len() - 1)], true, chance);
        }
        if class == TrafficClass::Unclassified && chance.is(0.5) {
            return mixture(chance);
        }
        let families: Vec<&Family> =
            FAMILIES.iter().filter(|family| family.class == class && !self.hides(family.name)).collect();
        let mut at = chance.share() * families.iter().map(|family| family.weight).sum::<f64>();
        let family = families
            .iter()
            .find(|family| {
                at -= family.weight;
                at < 0.0
            })
            .or(families.last())
            .expect("each class keeps a family");
        strain(&habits::trace(family, chance), false, chance)
    }

    fn hides(&self, family: &str) -> bool {
        self.without.iter().any(|hidden| hidden == family)
    }

    /// An example with enough packets.
    pub fn example(&self, chance: &mut Chance) -> Example {
        loop {
            let trace = self.trace(chance);
            if trace.steps.len() >= FEWEST {
                return example(&trace, chance);
            }
        }
    }

    pub fn examples(&self, count: usize, seed: u64) -> Vec<Example> {
        let mut chance = Chance::new(seed);
        (0..count).map(|_| self.example(&mut chance)).collect()
    }
}

/// Two unlike flows in one: what stands between classes is none of them.
fn mixture(chance: &mut Chance) -> Trace {
    let one = habits::trace(&FAMILIES[chance.count(0, FAMILIES.len() - 1)], chance);
    let other = habits::trace(&FAMILIES[chance.count(0, FAMILIES.len() - 1)], chance);
    let mut trace = strain(&one, false, chance);
    trace.steps.extend(strain(&other, false, chance).steps);
    trace.steps.sort_by(|a, b| a.ms.total_cmp(&b.ms));
    let same = one.class == other.class || matches!(one.class, TrafficClass::Work);
    trace.class = if same { one.class } else { TrafficClass::Unclassified };
    trace
}

fn example(trace: &Trace, chance: &mut Chance) -> Example {
    let packets = match chance.count(0, 9) {
        0..=2 => FEWEST,
        3 | 4 => 20,
        5 | 6 => chance.count(FEWEST, PACKETS),
        _ => PACKETS,
    };
    Example { features: features(&trace.behavior(packets), trace.stream), class: trace.class.index().min(CLASSES - 1) }
}
