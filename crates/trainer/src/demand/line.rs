//! What an access carries, and what is fetched over it.

use crate::chance::Chance;

/// Seconds of a slot: fine enough that a fetch begins and ends inside a second, as it does in captures.
pub const SLOT: f64 = 0.1;

/// The slot of a time.
pub fn slot(at: f64) -> usize {
    (at.max(0.0) / SLOT) as usize
}

/// Bytes in each slot: in the direction that carries the demand, and in the other.
#[derive(Clone)]
pub struct Trail {
    pub main: Vec<f64>,
    pub back: Vec<f64>,
}

impl Trail {
    pub fn new(seconds: usize) -> Trail {
        let slots = slot(seconds as f64 + SLOT / 2.0);
        Trail { main: vec![0.0; slots], back: vec![0.0; slots] }
    }

    /// Something too small to wait for the line.
    pub fn drop(&mut self, at: f64, main: f64, back: f64) {
        if let (Some(m), Some(b)) = (self.main.get_mut(slot(at)), self.back.get_mut(slot(at))) {
            *m += main;
            *b += back;
        }
    }

    pub fn add(&mut self, other: &Trail) {
        for (mine, theirs) in self.main.iter_mut().zip(&other.main) {
            *mine += theirs;
        }
        for (mine, theirs) in self.back.iter_mut().zip(&other.back) {
            *mine += theirs;
        }
    }
}

/// An access: what is left of it in each slot, in bytes.
pub struct Line {
    room: Vec<f64>,
    /// Seconds to the far end and back.
    pub rtt: f64,
    /// The part of what is left that one fetch gets beside others.
    greed: f64,
}

/// A process that returns to 0: the part of a step that stays, and the size of what comes new, for a deviation
/// of `deviation` that is forgotten after `memory` seconds.
struct Wander {
    stays: f64,
    comes: f64,
    now: f64,
}

impl Wander {
    fn new(deviation: f64, memory: f64, chance: &mut Chance) -> Wander {
        let stays = (-SLOT / memory).exp();
        Wander { stays, comes: deviation * (1.0 - stays * stays).sqrt(), now: deviation * chance.normal() }
    }

    fn step(&mut self, chance: &mut Chance) -> f64 {
        self.now = self.stays * self.now + self.comes * chance.normal();
        self.now
    }
}

impl Line {
    /// Cable, fibre, DSL, Wi-Fi: an even rate that others on the same access sometimes take a part of.
    pub fn fixed(seconds: usize, chance: &mut Chance) -> Line {
        let base = chance.scale(1.2e5, 1e8);
        let mut line = Line::wavering(seconds, base, [(0.2, 0.03), (0.15, 10.0)], chance);
        if chance.is(0.4) {
            // Somebody else's traffic: comes and goes.
            let (mean_off, mean_on) = (chance.scale(20.0, 600.0), chance.scale(3.0, 200.0));
            let keeps = chance.between(0.1, 0.8);
            line.spells(mean_off, mean_on, keeps, chance);
        }
        if chance.is(0.15) {
            line.steps(chance);
        }
        line
    }

    /// 4G and 5G: fading over seconds to a minute, dips at handovers, outages; standing, walking or driving.
    /// Ranges as in published drive tests (Raca et al. 2018 and 2020, measured at 1 s; van der Hooft et al. 2016;
    /// Narayanan et al. 2020 for the swings of millimetre waves).
    pub fn radio(seconds: usize, chance: &mut Chance) -> Line {
        let base = chance.scale(2.5e5, 1e8);
        let moving = chance.is(0.5);
        let slow = if moving { (1.1, 20.0) } else { (0.6, 30.0) };
        let mut line = Line::wavering(seconds, base, [(0.7, 0.7), slow], chance);
        if moving || chance.is(0.2) {
            // Handovers: nothing for a moment (3GPP TS 36.133 allows some hundred milliseconds; TCP makes seconds).
            let (every, lasts) = (chance.scale(15.0, 300.0), chance.scale(0.2, 3.0));
            line.spells(every, lasts, 0.02, chance);
        }
        if chance.is(0.35) {
            let (every, lasts) = (chance.scale(60.0, 900.0), chance.scale(2.0, 25.0));
            line.spells(every, lasts, 0.0, chance);
        }
        if chance.is(0.1) {
            line.steps(chance);
        }
        line
    }

    pub fn any(seconds: usize, chance: &mut Chance) -> Line {
        if chance.is(0.5) { Line::fixed(seconds, chance) } else { Line::radio(seconds, chance) }
    }

    /// A household's: faster, since what is behind it is worth forecasting.
    pub fn home(seconds: usize, chance: &mut Chance) -> Line {
        let base = chance.scale(1e6, 8e7);
        let mut line = Line::wavering(seconds, base, [(0.15, 0.05), (0.2, 20.0)], chance);
        line.greed = chance.between(0.4, 0.95);
        line
    }

    fn wavering(seconds: usize, base: f64, wanders: [(f64, f64); 2], chance: &mut Chance) -> Line {
        let [(fast, fast_memory), (slow, slow_memory)] = wanders;
        let (fast, slow) = (fast * chance.scale(0.15, 1.3), slow * chance.scale(0.1, 1.4));
        let mut fast = Wander::new(fast, fast_memory * chance.scale(0.3, 4.0), chance);
        let mut slow = Wander::new(slow, slow_memory * chance.scale(0.2, 8.0), chance);
        let slots = slot(seconds as f64 + SLOT / 2.0);
        let room = (0..slots).map(|_| base * SLOT * (fast.step(chance) + slow.step(chance)).exp()).collect();
        Line { room, rtt: chance.scale(0.008, 0.25), greed: 1.0 }
    }

    /// Spells in which only a part is kept, between times without memory.
    fn spells(&mut self, every: f64, lasts: f64, keeps: f64, chance: &mut Chance) {
        let mut at = chance.wait(every);
        while slot(at) < self.room.len() {
            let end = at + chance.wait(lasts);
            let until = slot(end).min(self.room.len());
            for room in &mut self.room[slot(at)..until] {
                *room *= keeps;
            }
            at = end + chance.wait(every) + SLOT;
        }
    }

    /// Another rate every while: a test bench, a person who changes rooms, another cell.
    fn steps(&mut self, chance: &mut Chance) {
        let (every, depth) = (chance.scale(10.0, 300.0), chance.between(0.5, 3.5));
        let mut at = 0.0;
        while slot(at) < self.room.len() {
            let end = at + every * chance.between(0.5, 1.5);
            let until = slot(end).min(self.room.len());
            let keeps = (-depth * chance.share()).exp();
            for room in &mut self.room[slot(at)..until] {
                *room *= keeps;
            }
            at = end;
        }
    }

    /// Fetches `bytes` from `at` at no more than `most` bytes a second; when it is there.
    ///
    /// `cold`: the flow begins with some packets and doubles every round trip (RFC 6928, RFC 5681).
    pub fn fetch(&mut self, trail: &mut Trail, at: f64, bytes: f64, most: f64, cold: bool) -> f64 {
        let mut left = bytes;
        let mut ramp = if cold { 14_600.0 / self.rtt } else { f64::INFINITY };
        let mut place = slot(at);
        let mut begins = at.max(0.0) / SLOT - place as f64;
        while let Some(room) = self.room.get_mut(place) {
            let can = (*room * self.greed).min(most * SLOT).min(ramp * SLOT) * (1.0 - begins);
            let goes = can.min(left);
            *room -= goes;
            trail.main[place] += goes;
            // Acknowledgements, one of two packets: 2 to 4 % of the bytes.
            trail.back[place] += goes * 0.03;
            left -= goes;
            if left <= 0.0 {
                let used = if can > 0.0 { goes / can } else { 1.0 };
                return (place as f64 + begins + (1.0 - begins) * used) * SLOT;
            }
            ramp *= (SLOT / self.rtt).exp2();
            place += 1;
            begins = 0.0;
        }
        self.room.len() as f64 * SLOT
    }

    /// What of `bytes` this slot still carries.
    pub fn take(&mut self, place: usize, bytes: f64) -> f64 {
        let Some(room) = self.room.get_mut(place) else { return 0.0 };
        let goes = bytes.min(*room);
        *room -= goes;
        goes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_fetched_comes_and_never_faster_than_the_line() {
        let mut chance = Chance::new(1);
        for _ in 0..200 {
            let mut line = Line::any(300, &mut chance);
            let carries = line.room.clone();
            let mut trail = Trail::new(300);
            let mut asked = 0.0;
            let mut whole = true;
            for _ in 0..chance.count(1, 20) {
                let (at, bytes) = (300.0 * chance.share(), chance.scale(1e2, 1e7));
                let (most, cold) = (chance.scale(1e4, 1e9), chance.is(0.5));
                let end = line.fetch(&mut trail, at, bytes, most, cold);
                assert!(end >= at && end <= 300.0 + SLOT, "from {at} to {end}");
                asked += bytes;
                whole &= end < 300.0;
            }
            let came: f64 = trail.main.iter().sum();
            assert!(came <= asked * (1.0 + 1e-9));
            assert!(!whole || came >= asked * (1.0 - 1e-9), "{came} of {asked}");
            assert!(trail.main.iter().zip(&carries).all(|(came, room)| *came <= room * (1.0 + 1e-9) + 1e-6));
        }
    }
}
