//! A link whose capacity moves, and an engine that is told one rate, or bounds: what either is worth.

use crate::closed_loop::{ClosedLoop, Offered, SECOND, link};
use crate::line::Line;
use crate::scenario::Scenario;
use crate::traffic_source::{Chance, TrafficSource};
use forecast::Forecaster;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use vocab::{Aggregate, BitRate, Directed, Direction, Mode, Policy, RateRange, Sought, Timestamp};

/// A Monday evening, 18:00 UTC.
const START: Timestamp = Timestamp::from_unix_secs(1_767_636_000);

/// A link counts as wanted while so much of what it carries is wanted, in thousandths.
const WANTED_PERMILLE: u64 = 900;

/// How the capacity of a link moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moving {
    /// Not at all.
    Steady,
    /// As a mobile phone's: a walk of up to a tenth each second, and at times a cell that gives a third.
    Lte,
    /// As cable on an evening: less from minute to minute, and then more again, with a few per cent of noise.
    Cable,
    /// As a satellite's: another rate, and another way, each 15 s.
    Starlink,
}

impl Moving {
    /// All of them.
    pub const ALL: [Moving; 4] = [Moving::Steady, Moving::Lte, Moving::Cable, Moving::Starlink];

    /// What an operator would state who is careful, and one who is not, Mbit/s; both are of the download.
    pub const fn stated(self) -> (u64, u64) {
        match self {
            Moving::Steady => (40, 60),
            Moving::Lte => (8, 40),
            Moving::Cable => (45, 100),
            Moving::Starlink => (60, 200),
        }
    }

    /// Of the download, what of it the upload is.
    const UPLOAD: u64 = 5;

    fn next(self, second: u64, mbps: f64, chance: &mut Chance) -> f64 {
        let even = chance.between(0, 2_000) as f64 / 1_000.0 - 1.0;
        match self {
            Moving::Steady => 50.0,
            Moving::Lte => {
                let walk = (mbps * (1.0 + even / 10.0)).clamp(6.0, 60.0);
                // It is drawn back to its middle, and every two minutes there is another cell.
                let drawn = walk * (25.0 / walk).powf(0.02);
                if (second + 1).is_multiple_of(120) { drawn / 3.0 } else { drawn }
            }
            Moving::Cable => {
                let evening = 75.0 + 25.0 * (second as f64 / 1_800.0 * std::f64::consts::TAU).cos();
                evening * (1.0 + even / 30.0)
            }
            Moving::Starlink if second.is_multiple_of(15) => 70.0 + (even + 1.0) * 70.0,
            Moving::Starlink => mbps,
        }
    }
}

/// What the engine is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The careful rate.
    Low,
    /// The other.
    High,
    /// Half the one to a fifth more than the other: it is to find out.
    Bounds,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Of what the link carried while all of it was wanted, in thousandths.
    pub used_permille: Directed<u64>,
    /// What the link's queues added to round trips in these seconds: the median, one in ten, and one in a hundred.
    pub added: [Duration; 3],
    /// How often another capacity was divided, in a minute.
    pub moves_a_minute: u64,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, [p50, p90, p99]) = (self.used_permille, self.added.map(|added| added.as_millis()));
        write!(
            f,
            "used {:>3} % down {:>3} % up, added p50 {p50:>4} ms, p90 {p90:>4} ms, p99 {p99:>4} ms, capacity moved {} times/min",
            used.download / 10,
            used.upload / 10,
            self.moves_a_minute
        )
    }
}

/// Runs `scenario` (its link is not looked at) over a link that moves so, by an engine that knows this.
pub fn moving(scenario: &Scenario, moving: Moving, known: Known) -> Moved {
    let (low, high) = moving.stated();
    let mbps = |mbps: u64| Directed {
        download: BitRate::from_mbps(mbps),
        upload: BitRate::from_kbps(mbps * 1_000 / Moving::UPLOAD),
    };
    let stated = match known {
        Known::Low => mbps(low),
        Known::High => mbps(high),
        Known::Bounds => mbps((low + high) / 2),
    };
    let (least, most) = (mbps(low / 2), mbps(high * 6 / 5));
    let mut shaped = link(stated);
    if known == Known::Bounds {
        shaped.sought = Directed::from_fn(|direction| {
            let range = RateRange::new(least[direction], most[direction]).expect("low is below high");
            Some(Sought { range, found: None })
        });
    }
    let policy = Policy { mode: Mode::Control, ..Policy::default() };
    let mut closed_loop = ClosedLoop::over(policy, shaped, Forecaster::reacting(forecast::Settings::default()), START);
    let mut chance = Chance::new(scenario.seed);
    closed_loop.line = Some(Line::new(stated, Duration::from_millis(800), scenario.seed));
    let mut sources = BTreeMap::new();
    let mut now = mbps_of(stated.download);
    let mut tally = Tally::default();
    for second in 0..scenario.seconds {
        now = moving.next(second, now, &mut chance);
        let line = closed_loop.line.as_mut().expect("it was put there");
        let download = BitRate::from_kbps((now * 1_000.0) as u64);
        line.carries = Directed { download, upload: BitRate::from_bps(download.as_bps() / Moving::UPLOAD) };
        if moving == Moving::Starlink && second.is_multiple_of(15) {
            line.longer = Duration::from_millis(chance.between(0, 15));
        }
        let mut offered = offer(scenario, second, &mut sources);
        closed_loop.add_waiting(&mut offered);
        let start = START + SECOND * u32::try_from(second).expect("a scenario is shorter than a century");
        let carried = closed_loop.second(start, &offered);
        tally.second(&closed_loop, &offered, &carried.map(|served| served.values().copied().sum()));
    }
    tally.finish(scenario.seconds)
}

fn mbps_of(rate: BitRate) -> f64 {
    rate.as_kbps() as f64 / 1_000.0
}

/// What each running task would move now.
fn offer(scenario: &Scenario, second: u64, sources: &mut BTreeMap<(usize, usize), TrafficSource>) -> Offered {
    let mut offered = Offered::new();
    for (d, device) in scenario.devices.iter().enumerate() {
        for (t, task) in device.tasks.iter().enumerate().filter(|(_, task)| (task.from..task.to).contains(&second)) {
            let source = sources.entry((d, t)).or_insert_with(|| TrafficSource::new(task.class, scenario.seed, d, t));
            let aggregate = Aggregate { device: device.id, class: task.class };
            *offered.entry(aggregate).or_default() += source.offer();
        }
    }
    offered
}

/// What the seconds were in which all was wanted.
#[derive(Default)]
struct Tally {
    carried: Directed<u128>,
    there: Directed<u128>,
    added: Vec<Duration>,
    divided: Directed<BitRate>,
    moves: u64,
}

impl Tally {
    fn second(&mut self, closed_loop: &ClosedLoop, offered: &Offered, carried: &Directed<BitRate>) {
        let Some(line) = &closed_loop.line else { return };
        let divided = closed_loop.divided();
        for direction in Direction::ALL {
            let before = std::mem::replace(&mut self.divided[direction], divided[direction]);
            self.moves += u64::from(before != divided[direction]);
        }
        let mut any = false;
        for direction in Direction::ALL {
            let wanted = offered.values().fold(BitRate::ZERO, |sum, rate| sum.saturating_add(rate[direction]));
            if wanted >= line.carries[direction].mul_ratio(WANTED_PERMILLE, 1_000) {
                any = true;
                self.carried[direction] += u128::from(carried[direction].min(line.carries[direction]).as_bps());
                self.there[direction] += u128::from(line.carries[direction].as_bps());
            }
        }
        if any {
            self.added.push(line.wait(Direction::Download) + line.wait(Direction::Upload));
        }
    }

    fn finish(mut self, seconds: u64) -> Moved {
        self.added.sort();
        let at = |percent: usize| self.added.get(self.added.len() * percent / 100).copied().unwrap_or_default();
        let used = |direction| {
            let there: u128 = self.there[direction];
            (self.carried[direction] * 1_000).checked_div(there).unwrap_or(0) as u64
        };
        Moved {
            used_permille: Directed::from_fn(used),
            added: [50, 90, 99].map(at),
            moves_a_minute: self.moves * 60 / seconds.max(1),
        }
    }
}
