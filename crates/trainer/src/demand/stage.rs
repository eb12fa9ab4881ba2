//! Where an application plays: its line, its trail, its time.

use super::line::{Line, SLOT, Trail, slot};
use crate::chance::Chance;

/// An application's part of a series: from `from` to `until`, in seconds.
pub struct Stage<'a> {
    pub line: &'a mut Line,
    pub trail: &'a mut Trail,
    pub chance: &'a mut Chance,
    pub from: f64,
    pub until: f64,
    lingers: Lingers,
}

/// What follows a fetch: the end of a flow is told late, a quiet one is kept alive for a while.
#[derive(Clone, Copy)]
struct Lingers {
    likely: f64,
    most: usize,
    every: f64,
}

impl<'a> Stage<'a> {
    pub fn new(line: &'a mut Line, trail: &'a mut Trail, chance: &'a mut Chance, from: f64, until: f64) -> Stage<'a> {
        let likely = if chance.is(0.5) { chance.share() } else { 0.0 };
        let lingers = Lingers { likely, most: chance.count(1, 8), every: chance.scale(0.5, 20.0) };
        Stage { line, trail, chance, from, until, lingers }
    }

    /// Fetches over a new flow; when it is there.
    pub fn fetch(&mut self, at: f64, bytes: f64) -> f64 {
        self.ask(at);
        let end = self.line.fetch(self.trail, at + self.line.rtt * 2.0, bytes, f64::INFINITY, true);
        self.linger(end);
        end
    }

    /// Fetches over a flow that is warm, at no more than `most` bytes a second.
    pub fn fetch_on(&mut self, at: f64, bytes: f64, most: f64) -> f64 {
        self.ask(at);
        let end = self.line.fetch(self.trail, at + self.line.rtt, bytes, most, false);
        self.linger(end);
        end
    }

    fn linger(&mut self, from: f64) {
        let Lingers { likely, most, every } = self.lingers;
        if self.chance.is(likely) {
            let mut at = from;
            for _ in 0..self.chance.count(1, most) {
                at += self.chance.wait(every);
                self.speck(at, 40.0, 600.0);
            }
        }
    }

    /// A request.
    fn ask(&mut self, at: f64) {
        let bytes = self.chance.scale(150.0, 1_500.0);
        self.trail.drop(at, 0.0, bytes);
    }

    /// Something small both ways.
    pub fn speck(&mut self, at: f64, low: f64, high: f64) {
        let (main, back) = (self.chance.scale(low, high), self.chance.scale(low, high));
        self.trail.drop(at, main, back);
    }

    /// A rate over a time, slot by slot: `rate(chance)` in bytes a second, of which the line gives what it can.
    /// The share that came through, for those that adapt.
    pub fn pour(&mut self, from: f64, to: f64, back: f64, mut rate: impl FnMut(&mut Chance) -> f64) -> f64 {
        let (mut wanted, mut came) = (1e-9, 1e-9);
        for place in slot(from)..slot(to.min(self.until)).min(self.trail.main.len()) {
            let wants = rate(self.chance).max(0.0) * SLOT;
            let goes = self.line.take(place, wants);
            self.trail.main[place] += goes;
            self.trail.back[place] += goes * back;
            wanted += wants;
            came += goes;
        }
        came / wanted
    }

    /// What lies beside any application: keep-alives, acknowledgements of nothing, a question to a name server,
    /// the next beat of something else. Comes singly, in spells, or every so often.
    pub fn specks(&mut self) {
        let kinds = self.chance.count(0, 2);
        for _ in 0..kinds {
            let every = self.chance.scale(0.8, 120.0);
            let (low, spread) = (self.chance.scale(40.0, 900.0), self.chance.scale(1.0, 6.0));
            let regular = self.chance.is(0.4);
            let spells = self.chance.is(0.5);
            let (on, off) = (self.chance.scale(2.0, 120.0), self.chance.scale(2.0, 120.0));
            let mut change = self.from + self.chance.wait(on);
            let mut is_on = true;
            let mut at = self.from + every * self.chance.share();
            while at < self.until {
                while at > change {
                    is_on = !is_on;
                    change += self.chance.wait(if is_on { on } else { off }) + SLOT;
                }
                if is_on || !spells {
                    self.speck(at, low, low * spread);
                }
                at += if regular {
                    every * (1.0 + 0.02 * self.chance.normal()).max(0.5)
                } else {
                    self.chance.wait(every)
                };
            }
        }
    }
}
