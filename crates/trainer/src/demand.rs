//! Series of demand, one value a second, made from how applications move: what forecasts may learn from.
//!
//! In: hours and a seed. Out: series in the format of the shared corpora. Every figure of a series is drawn anew
//! from a range that is meant to hold what exists, never fitted to somebody's measurement: breadth is what
//! carries over. Sources stand where they are used and in docs/forecast-data.md.

mod background;
mod bulk;
mod call;
mod game;
mod household;
mod line;
mod reading;
mod stage;
mod video;
mod web;

use crate::chance::Chance;
use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use household::Home;
use line::{Line, Trail};
use reading::Seconds;
use stage::Stage;
use std::io::{BufWriter, Write};
use std::path::Path;

/// The corpora's words for what a series carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Video,
    Call,
    Game,
    Web,
    Bulk,
    Background,
}

impl Class {
    fn word(self) -> &'static str {
        match self {
            Class::Video => "video",
            Class::Call => "conf",
            Class::Game => "xr",
            Class::Web => "web",
            Class::Bulk => "bulk",
            Class::Background => "background",
        }
    }
}

/// An application that one can watch alone.
pub struct App {
    class: Class,
    /// How often among its class.
    weight: f64,
    plays: fn(&mut Stage<'_>),
}

const fn app(class: Class, weight: f64, plays: fn(&mut Stage<'_>)) -> App {
    App { class, weight, plays }
}

const APPS: &[App] = &[
    app(Class::Video, 6.0, video::watch),
    app(Class::Video, 1.2, video::swipe),
    app(Class::Video, 0.7, video::listen),
    app(Class::Video, 0.6, video::progressive),
    app(Class::Call, 1.0, call::call),
    app(Class::Game, 1.5, game::rounds),
    app(Class::Game, 0.4, game::turns),
    app(Class::Game, 1.2, game::pictures),
    app(Class::Web, 2.0, web::browse),
    app(Class::Web, 0.7, web::chat),
    app(Class::Web, 1.0, web::tap),
    app(Class::Background, 2.0, background::murmur),
    app(Class::Background, 1.5, background::batches),
    app(Class::Background, 0.6, background::eye),
    app(Class::Bulk, 2.5, bulk::files),
    app(Class::Bulk, 2.0, bulk::again),
    app(Class::Bulk, 0.8, bulk::shop),
    app(Class::Bulk, 0.7, bulk::swarm),
    app(Class::Bulk, 0.7, bulk::backup),
    app(Class::Bulk, 0.8, bulk::tests),
];

fn apps_of(class: Class) -> impl Iterator<Item = &'static App> {
    APPS.iter().filter(move |app| app.class == class)
}

/// Lets an application play its part.
fn play(app: &App, mut stage: Stage<'_>) {
    stage.specks();
    (app.plays)(&mut stage);
}

/// One series.
pub struct Series {
    pub family: &'static str,
    pub class: &'static str,
    pub seconds: Seconds,
}

/// Where a series comes from, and the part of all hours that its like gets.
enum Origin {
    Alone(Class),
    Phone,
    Device,
    Home,
}

const ORIGINS: &[(&str, Origin, f64)] = &[
    ("made_video", Origin::Alone(Class::Video), 0.17),
    ("made_call", Origin::Alone(Class::Call), 0.05),
    ("made_game", Origin::Alone(Class::Game), 0.05),
    ("made_web", Origin::Alone(Class::Web), 0.07),
    ("made_background", Origin::Alone(Class::Background), 0.05),
    ("made_bulk", Origin::Alone(Class::Bulk), 0.06),
    ("made_phone", Origin::Phone, 0.19),
    ("made_device", Origin::Device, 0.14),
    ("made_home", Origin::Home, 0.22),
];

/// Makes about `hours` of series; `told` hears the seconds of each.
pub fn make(hours: f64, seed: u64, mut told: impl FnMut(usize)) -> Vec<Series> {
    let mut all = Vec::new();
    for (nth, (family, origin, share)) in ORIGINS.iter().enumerate() {
        let mut left = hours * 3_600.0 * share;
        let mut chance = Chance::new(seed ^ ((nth as u64 + 1) << 40));
        while left > 0.0 {
            let made = match origin {
                Origin::Alone(class) => vec![alone(family, *class, &mut chance)],
                Origin::Phone => vec![phone(family, &mut chance)],
                Origin::Device => vec![device(family, &mut chance)],
                Origin::Home => home(&mut chance),
            };
            for series in made {
                left -= series.seconds.main.len() as f64;
                // A series that hardly moves teaches nothing, but its time is used up.
                if series.seconds.main.iter().sum::<u64>() >= 40_000 {
                    told(series.seconds.main.len());
                    all.push(series);
                }
            }
        }
    }
    all
}

/// An application alone, on any access.
fn alone(family: &'static str, class: Class, chance: &mut Chance) -> Series {
    let seconds = chance.size(240, 2_400);
    let mut line = Line::any(seconds, chance);
    let mut trail = Trail::new(seconds);
    let app = weighed(apps_of(class), chance);
    play(app, Stage::new(&mut line, &mut trail, chance, 0.0, seconds as f64));
    Series { family, class: class.word(), seconds: reading::by_a_program(&trail, chance) }
}

/// A phone: an application and what the phone does by itself.
fn phone(family: &'static str, chance: &mut Chance) -> Series {
    let seconds = chance.size(600, 5_400);
    let mut line = Line::radio(seconds, chance);
    let mut trail = Trail::new(seconds);
    let class =
        chance.pick(&[Class::Video, Class::Video, Class::Video, Class::Bulk, Class::Bulk, Class::Web, Class::Game]);
    let app = weighed(apps_of(class), chance);
    let beside = chance.is(0.6).then(|| weighed(apps_of(Class::Background), chance));
    for (app, late) in [(Some(app), 30.0), (beside, 0.0)] {
        let Some(app) = app else { continue };
        let from = late * chance.share();
        play(app, Stage::new(&mut line, &mut trail, chance, from, seconds as f64));
    }
    Series { family, class: class.word(), seconds: reading::by_a_program(&trail, chance) }
}

/// A device of a home in which nobody else is.
fn device(family: &'static str, chance: &mut Chance) -> Series {
    let seconds = chance.size(1_800, 12_000);
    let mut line = Line::home(seconds, chance);
    let mut trail = Trail::new(seconds);
    let busy = chance.scale(0.3, 3.0);
    for (_, part) in household::device(seconds, busy, &mut line, chance) {
        trail.add(&part);
    }
    Series { family, class: "total", seconds: reading::by_a_program(&trail, chance) }
}

/// A home: its total, some classes, some devices.
fn home(chance: &mut Chance) -> Vec<Series> {
    let seconds = chance.size(2_400, 12_000);
    let Home { total, classes, devices } = household::live(seconds, chance);
    let series = |family, class, trail: &Trail| Series { family, class, seconds: reading::exact(trail) };
    let mut made = vec![series("made_total", "total", &total)];
    made.extend(
        classes.iter().filter(|_| chance.is(0.5)).map(|(class, trail)| series("made_class", class.word(), trail)),
    );
    made.extend(devices.iter().take(1).map(|trail| series("made_device", "total", trail)));
    made
}

fn weighed(apps: impl Iterator<Item = &'static App>, chance: &mut Chance) -> &'static App {
    let apps: Vec<&'static App> = apps.collect();
    let mut place = chance.share() * apps.iter().map(|app| app.weight).sum::<f64>();
    apps.iter()
        .find(|app| {
            place -= app.weight;
            place < 0.0
        })
        .unwrap_or(&apps[0])
}

/// Writes series in the format of the shared corpora: a row a second.
pub fn write(path: &Path, all: &[Series]) -> Result<()> {
    let file = std::fs::File::create(path).with_context(|| format!("writing {}", path.display()))?;
    let mut out = BufWriter::new(GzEncoder::new(file, Compression::fast()));
    writeln!(out, "family,series,class,t,bytes,other")?;
    for (nth, series) in all.iter().enumerate() {
        let Series { family, class, seconds } = series;
        for (t, (main, back)) in seconds.main.iter().zip(&seconds.back).enumerate() {
            writeln!(out, "{family},{family}_{nth:04},{class},{t},{main},{back}")?;
        }
    }
    out.into_inner()?.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_set_and_another_seed_another() {
        let values = |seed| -> Vec<Vec<u64>> {
            make(12.0, seed, |_| {}).into_iter().map(|series| series.seconds.main).collect()
        };
        assert_eq!(values(3), values(3));
        assert_ne!(values(3), values(4));
    }

    #[test]
    fn every_kind_and_every_class_is_there() {
        let all = make(60.0, 1, |_| {});
        for family in ORIGINS.iter().map(|(family, ..)| *family).chain(["made_total", "made_class"]) {
            if family != "made_home" {
                assert!(all.iter().any(|series| series.family == family), "{family}");
            }
        }
        for class in ["video", "conf", "xr", "web", "bulk", "background", "total"] {
            assert!(all.iter().any(|series| series.class == class), "{class}");
        }
    }

    #[test]
    fn every_application_moves_and_none_holds_all_the_time() {
        let mut chance = Chance::new(5);
        for (nth, app) in APPS.iter().enumerate() {
            let (mut moved, mut idle, mut whole) = (0, 0, 0);
            for _ in 0..40 {
                let mut line = Line::any(600, &mut chance);
                let mut trail = Trail::new(600);
                play(app, Stage::new(&mut line, &mut trail, &mut chance, 0.0, 600.0));
                let seconds = reading::exact(&trail).main;
                assert_eq!(seconds.len(), 600);
                moved += usize::from(seconds.iter().sum::<u64>() >= 1_000);
                idle += seconds.iter().filter(|bytes| **bytes < 1_000).count();
                whole += seconds.len();
            }
            assert!(moved >= 25, "application {nth} moved in {moved} of 40 series");
            assert!(idle * 50 > whole, "application {nth} is idle in {idle} of {whole} seconds");
        }
    }

    #[test]
    fn a_home_is_the_sum_of_its_devices_and_of_its_classes() {
        let mut chance = Chance::new(8);
        for _ in 0..5 {
            let home = household::live(1_200, &mut chance);
            let mut rest = vec![(0.0, 0.0); home.total.main.len()];
            for (slot, rest) in rest.iter_mut().enumerate() {
                rest.0 = home.total.main[slot] - home.devices.iter().map(|device| device.main[slot]).sum::<f64>();
                rest.1 = home.total.main[slot] - home.classes.iter().map(|(_, sum)| sum.main[slot]).sum::<f64>();
            }
            assert!(rest.iter().all(|(devices, classes)| devices.abs() < 1.0 && classes.abs() < 1.0));
        }
    }

    #[test]
    fn most_devices_are_idle_half_of_the_time() {
        let mut chance = Chance::new(2);
        let idle = (0..60).filter(|_| {
            let seconds = device("made_device", &mut chance).seconds.main;
            seconds.iter().filter(|bytes| **bytes < 1_000).count() * 2 > seconds.len()
        });
        let idle = idle.count();
        assert!((30..60).contains(&idle), "{idle} of 60");
    }
}
