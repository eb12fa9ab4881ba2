//! What networks do to a flow, and from where it is seen: another path, another packet size, another cover,
//! losses, merged packets, a late or one-sided view.

use crate::chance::Chance;
use crate::trace::{Step, Trace};
use traffic::behavior::FEWEST;
use vocab::TrafficClass;

/// The same flow, seen elsewhere; `recorded` ones also get another path and another cover, which generated
/// ones were made with.
pub fn strain(trace: &Trace, recorded: bool, chance: &mut Chance) -> Trace {
    let mut steps = trace.steps.clone();
    if recorded {
        stretch(&mut steps, chance);
        resize(&mut steps, trace.stream, chance);
        if trace.stream && chance.is(0.8) {
            slow(&mut steps, chance);
        }
    }
    if chance.is(0.5) {
        jitter(&mut steps, chance);
    }
    if chance.is(0.2) {
        lose(&mut steps, trace.stream, chance);
    }
    if trace.stream && chance.is(0.25) {
        merge(&mut steps, chance);
    }
    let live = matches!(trace.class, TrafficClass::Voice | TrafficClass::Call | TrafficClass::Gaming);
    let midway = chance.is(0.3);
    if midway && steps.len() > FEWEST + 5 {
        let from = chance.count(0, (steps.len() - FEWEST - 2).min(90));
        steps.drain(..from);
    }
    // Joined midway, whoever is seen first seems to have begun.
    let turned = if live { chance.is(0.35) } else { midway && chance.is(0.12) };
    if turned {
        steps.iter_mut().for_each(|step| step.up = !step.up);
    }
    if chance.is(0.04) {
        let up = chance.is(0.5);
        if steps.iter().filter(|step| step.up == up).count() >= FEWEST {
            steps.retain(|step| step.up == up);
        }
    }
    let began = steps.first().map_or(0.0, |step| step.ms);
    steps.iter_mut().for_each(|step| step.ms -= began);
    Trace { steps, ..*trace }
}

/// Another path: turns take longer, everything runs at another rate.
fn stretch(steps: &mut [Step], chance: &mut Chance) {
    let factor = if chance.is(0.5) { 1.0 } else { chance.scale(0.7, 1.5) };
    // A path of its own between the ends: turns gain a trip. Paced flows do not: nothing in them waits.
    let trip = if chance.is(0.5) { chance.scale(0.2, 200.0) } else { 0.0 };
    let mut added = 0.0;
    let mut before: Option<Step> = None;
    let turns = steps.windows(2).filter(|pair| pair[0].up != pair[1].up).count();
    let paced = turns * 2 < steps.len();
    for step in steps {
        let now = *step;
        if let Some(before) = before
            && before.up
            && !now.up
            && !paced
        {
            added += trip;
        }
        step.ms = now.ms * factor + added;
        before = Some(now);
    }
}

/// Another packet size (1,220 to 1,460 bytes of payload) and another cover: TLS 1.3 adds 22 bytes (RFC 8446,
/// 5.2), DTLS 29 and up, IPsec up to 60; padding to blocks.
fn resize(steps: &mut Vec<Step>, stream: bool, chance: &mut Chance) {
    let cover = if chance.is(0.4) { chance.pick(&[4, 8, 13, 16, 22, 29, 37, 60]) } else { 0 };
    let full = chance.count(1_200, 1_460);
    let resized = std::mem::take(steps);
    for step in resized {
        let mut left = step.size + cover;
        if stream && chance.is(0.9) {
            while left > full {
                steps.push(Step { size: full, ..step });
                left -= full;
            }
            steps.push(Step { size: left, ..step });
        } else {
            steps.push(Step { size: left.min(if stream { 1_460 } else { 1_472 }), ..step });
        }
    }
}

/// A link of another rate: what was sent at once comes one after the other.
fn slow(steps: &mut [Step], chance: &mut Chance) {
    let pace = chance.scale(60.0, 60_000.0);
    let mut free = [0.0_f64; 2];
    let mut late = 0.0_f64;
    for step in steps.iter_mut() {
        // Whoever waits for an answer waits for all of it.
        let at = (step.ms + late).max(free[usize::from(step.up)]);
        late = late.max(at - step.ms);
        free[usize::from(step.up)] = at + step.size as f64 / pace * chance.between(0.6, 1.6);
        step.ms = at;
    }
}

/// Queues on the way.
fn jitter(steps: &mut [Step], chance: &mut Chance) {
    let deviation = chance.scale(0.02, 8.0);
    let mut last = [0.0_f64; 2];
    for step in steps.iter_mut() {
        let at = step.ms + deviation * chance.normal().abs();
        let end = &mut last[usize::from(step.up)];
        *end = at.max(*end + 0.005);
        step.ms = *end;
    }
    steps.sort_by(|a, b| a.ms.total_cmp(&b.ms));
}

/// Losses; over TCP what was lost comes again, and sometimes what was not.
fn lose(steps: &mut Vec<Step>, stream: bool, chance: &mut Chance) {
    let rate = chance.scale(0.002, 0.08);
    let all = std::mem::take(steps);
    for step in all {
        if chance.is(rate) {
            if stream {
                let late = chance.scale(10.0, 300.0);
                steps.push(Step { ms: step.ms + late, ..step });
                if chance.is(0.4) {
                    steps.push(step);
                }
            }
        } else {
            steps.push(step);
        }
    }
    steps.sort_by(|a, b| a.ms.total_cmp(&b.ms));
}

/// Segments that the kernel merged before they were seen (GRO): up to 64 kB, or cut to what a capture keeps.
fn merge(steps: &mut Vec<Step>, chance: &mut Chance) {
    let most = chance.pick(&[2_920, 16_384, 65_000, 65_000]);
    let within = chance.scale(0.05, 3.0);
    let ways = (chance.is(0.8), chance.is(0.8));
    let mut merged: Vec<Step> = Vec::new();
    let mut last = 0.0;
    for &step in steps.iter() {
        let applies = if step.up { ways.0 } else { ways.1 };
        match merged.last_mut() {
            Some(before)
                if applies && before.up == step.up && step.ms - last < within && before.size + step.size <= most =>
            {
                before.size += step.size;
            }
            _ => merged.push(step),
        }
        last = step.ms;
    }
    *steps = merged;
}
