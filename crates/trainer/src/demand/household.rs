//! Homes: devices that each do some things, on and off, behind one line; and the sums of them.

use super::line::{Line, Trail};
use super::stage::Stage;
use super::{App, Class, apps_of, play, weighed};
use crate::chance::Chance;

/// What a home shows: the whole, each class over all devices, each device.
pub struct Home {
    pub total: Trail,
    pub classes: Vec<(Class, Trail)>,
    pub devices: Vec<Trail>,
}

/// A kind of device: what it is used for, and how often.
const KINDS: &[&[(Class, f64)]] = &[
    // Phones and tablets.
    &[(Class::Web, 3.0), (Class::Video, 2.0), (Class::Call, 0.5), (Class::Game, 0.4), (Class::Bulk, 0.6)],
    // Computers.
    &[(Class::Web, 3.0), (Class::Call, 1.5), (Class::Video, 1.0), (Class::Bulk, 1.5), (Class::Game, 0.4)],
    // Televisions.
    &[(Class::Video, 1.0)],
    // Consoles.
    &[(Class::Game, 2.0), (Class::Bulk, 1.5), (Class::Video, 0.5)],
    // Things.
    &[],
];

/// A home of 1 to 12 devices.
pub fn live(seconds: usize, chance: &mut Chance) -> Home {
    let mut line = Line::home(seconds, chance);
    let mut home = Home { total: Trail::new(seconds), classes: Vec::new(), devices: Vec::new() };
    let busy = chance.scale(0.3, 3.0);
    for _ in 0..chance.size(1, 12) {
        let mut whole = Trail::new(seconds);
        for (class, trail) in device(seconds, busy, &mut line, chance) {
            whole.add(&trail);
            home.total.add(&trail);
            match home.classes.iter_mut().find(|(known, _)| *known == class) {
                Some((_, sum)) => sum.add(&trail),
                None => home.classes.push((class, trail)),
            }
        }
        home.devices.push(whole);
    }
    home
}

/// A device's classes, each by itself.
pub fn device(seconds: usize, busy: f64, line: &mut Line, chance: &mut Chance) -> Vec<(Class, Trail)> {
    let uses = chance.pick(KINDS);
    let mut parts = vec![(Class::Background, beside(seconds, line, chance))];
    parts.extend(used(seconds, uses, busy, line, chance));
    parts
}

/// What a device does by itself, all the time.
fn beside(seconds: usize, line: &mut Line, chance: &mut Chance) -> Trail {
    let mut trail = Trail::new(seconds);
    for _ in 0..chance.count(1, 2) {
        let app = weighed(apps_of(Class::Background), chance);
        play(app, Stage::new(line, &mut trail, chance, 0.0, seconds as f64));
    }
    trail
}

/// What people do with it: one thing, then nothing or another.
fn used(seconds: usize, uses: &[(Class, f64)], busy: f64, line: &mut Line, chance: &mut Chance) -> Vec<(Class, Trail)> {
    let weights: f64 = uses.iter().map(|(_, weight)| weight).sum();
    if weights <= 0.0 {
        return Vec::new();
    }
    let mut parts: Vec<(Class, Trail)> = Vec::new();
    // People return to the same few applications.
    let favourites: Vec<(Class, &App)> =
        uses.iter().map(|(class, _)| (*class, weighed(apps_of(*class), chance))).collect();
    let (on, off) = (chance.scale(120.0, 4_000.0), chance.scale(60.0, 4_000.0) / busy);
    let mut at = chance.wait(off) * 0.5;
    while at < seconds as f64 {
        let mut place = chance.share() * weights;
        let mut use_ = 0;
        for (nth, (_, weight)) in uses.iter().enumerate() {
            if place < *weight {
                use_ = nth;
                break;
            }
            place -= weight;
        }
        let (class, app) = favourites[use_];
        let until = (at + chance.wait(on) + 20.0).min(seconds as f64);
        if !parts.iter().any(|(known, _)| *known == class) {
            parts.push((class, Trail::new(seconds)));
        }
        if let Some((_, trail)) = parts.iter_mut().find(|(known, _)| *known == class) {
            play(app, Stage::new(line, trail, chance, at, until));
        }
        at = until + chance.wait(off);
    }
    parts
}
