//! From slots to seconds, as meters read them.

use super::line::{SLOT, Trail};
use crate::chance::Chance;

/// Bytes of each second, both ways.
pub struct Seconds {
    pub main: Vec<u64>,
    pub back: Vec<u64>,
}

/// Read at each second exactly.
pub fn exact(trail: &Trail) -> Seconds {
    let every: Vec<f64> = (0..=seconds(trail)).map(|second| second as f64).collect();
    read(trail, &every, 1.0)
}

/// Read as programs do: late by a little, or from a counter that is renewed by a clock of its own (so that a
/// second shows nothing and the next one twice as much), or in units of a kilobit.
pub fn by_a_program(trail: &Trail, chance: &mut Chance) -> Seconds {
    let count = seconds(trail);
    let mut times: Vec<f64> = (0..=count).map(|second| second as f64).collect();
    if chance.is(0.3) {
        let late = chance.scale(0.01, 0.4);
        for time in &mut times[1..count] {
            *time += late * chance.normal().abs().min(2.0);
        }
    }
    if chance.is(0.25) {
        let renewed = chance.scale(0.3, 2.2);
        let phase = chance.share() * renewed;
        for time in &mut times[1..count] {
            *time = (((*time + phase) / renewed).floor() * renewed - phase).max(0.0);
        }
    }
    read(trail, &times, if chance.is(0.2) { 125.0 } else { 1.0 })
}

fn seconds(trail: &Trail) -> usize {
    (trail.main.len() as f64 * SLOT + SLOT / 2.0) as usize
}

fn read(trail: &Trail, times: &[f64], unit: f64) -> Seconds {
    let one = |slots: &[f64]| {
        let mut sums = vec![0.0];
        for bytes in slots {
            sums.push(sums[sums.len() - 1] + bytes);
        }
        let until = |time: f64| sums[((time / SLOT).round() as usize).min(slots.len())];
        times
            .windows(2)
            .map(|pair| (((until(pair[1]) - until(pair[0])) / unit).round() * unit).max(0.0) as u64)
            .collect()
    };
    Seconds { main: one(&trail.main), back: one(&trail.back) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reading_loses_or_invents_bytes() {
        let mut chance = Chance::new(1);
        for _ in 0..200 {
            let mut trail = Trail::new(120);
            for bytes in &mut trail.main {
                *bytes = if chance.is(0.5) { chance.scale(1.0, 1e5).round() } else { 0.0 };
            }
            let sent: f64 = trail.main.iter().sum();
            let read = by_a_program(&trail, &mut chance);
            assert_eq!(read.main.len(), 120);
            // What rounding to kilobits may take or give: half of one a second.
            assert!((read.main.iter().sum::<u64>() as f64 - sent).abs() <= 120.0 * 62.5);
            assert_eq!(exact(&trail).main.iter().sum::<u64>() as f64, sent);
        }
    }
}
