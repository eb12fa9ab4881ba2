//! How good the outlook is on months of a simulated household: `cargo run --release -p sim --example months -- WEEKS`.
//!
//! Each hour is made on its own, of what the household's habits make of it, as much as the link carries: work and calls
//! on working days, films in the evening, more at weekends, backups at night, updates on Tuesdays, downloads now and
//! then; everything begins and ends some minutes off, and some of it is left out on some days.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use sim::{Scenario, SimulatedDevice, Task, offered};
use std::time::Duration;
use vocab::{
    BitRate, ByteCount, DeviceId, Directed, Direction, HourVolume, HourlyVolumes, LocalTime, MacAddress, Share,
    Timestamp, TrafficClass,
};

const WEEKS: usize = 8;
const HOUR: u64 = 3_600;
const MINUTE: i64 = 60;

fn main() {
    let mut chance = Chance(7);
    let mut hours = Vec::new();
    let weeks = std::env::args().nth(1).map_or(WEEKS, |word| word.parse().expect("WEEKS is a number"));
    for day in 0..weeks * 7 {
        let devices = habits(day % 7, &mut chance);
        for hour in 0..24 {
            hours.push(Some(moved(&devices, hour * HOUR, day as u64 * 24 + hour)));
        }
        if day % 7 == 6 {
            println!("week {} of {weeks} is over", day / 7 + 1);
        }
    }
    // 2026-01-05, a Monday.
    let volumes = HourlyVolumes { first: Timestamp::from_unix_secs(1_767_571_200), hours };
    println!("{:22}{:>26}{:>26}{:>26}", "", "next hour", "next 24 hours", "their sum");
    for scores in forecast::backtest_outlook(&volumes, &LocalTime::default(), 4 * 7 * 24, 1) {
        let text = |score: forecast::OutlookScore| {
            format!("{:.3} / {:.3} / {:.0} %", score.p50, score.p90, 100.0 * score.below_p90)
        };
        let (hour, hours, day) = (text(scores.hour), text(scores.hours), text(scores.day));
        println!("{:22}{hour:>26}{hours:>26}{day:>26}", scores.name);
    }
}

/// Who does what on one day.
fn habits(weekday: usize, chance: &mut Chance) -> Vec<(&'static str, Vec<Task>)> {
    let free = weekday >= 5;
    let mut day = |often: u64, class: TrafficClass, from: (i64, i64), minutes: i64| {
        let (skips, late, longer) = (chance.below(100) >= often, chance.off(25), chance.off(minutes / 4));
        let from = (from.0 * 60 + from.1 + late).max(0) * MINUTE;
        let to = (from + (minutes + longer).max(5) * MINUTE).min(24 * HOUR as i64);
        (!skips && from < to).then_some(Task { class, from: from as u64, to: to as u64 })
    };
    let all = |tasks: Vec<Option<Task>>| tasks.into_iter().flatten().collect();
    vec![
        (
            "laptop",
            all(vec![
                day(if free { 10 } else { 95 }, TrafficClass::Work, (8, 30), 500),
                day(if free { 5 } else { 80 }, TrafficClass::Call, (9, 0), 45),
                day(if free { 20 } else { 50 }, TrafficClass::Call, (14, 0), 60),
                day(90, TrafficClass::Web, (18, 0), 240),
                day(15, TrafficClass::Download, (20, 0), 30),
            ]),
        ),
        (
            "tv",
            all(vec![
                day(85, TrafficClass::Streaming, (19, 30), 180),
                day(if free { 70 } else { 5 }, TrafficClass::Streaming, (14, 0), 150),
            ]),
        ),
        (
            "phone",
            all(vec![
                day(95, TrafficClass::Web, (7, 0), 60),
                day(90, TrafficClass::Web, (12, 0), 90),
                day(80, TrafficClass::Streaming, (21, 0), 60),
                day(50, TrafficClass::Voice, (12, 10), 15),
            ]),
        ),
        (
            "console",
            all(vec![
                day(if free { 80 } else { 40 }, TrafficClass::Gaming, (16, 0), 150),
                day(if weekday == 1 { 100 } else { 0 }, TrafficClass::Update, (15, 0), 12),
            ]),
        ),
        ("nas", all(vec![day(100, TrafficClass::Backup, (2, 0), if weekday == 6 { 150 } else { 25 })])),
    ]
}

/// What all of them move, as far as the link carries it, in the hour that begins at second `from` of the day.
fn moved(devices: &[(&'static str, Vec<Task>)], from: u64, seed: u64) -> HourVolume {
    let within = |task: &Task| {
        let (begin, end) = (task.from.max(from), task.to.min(from + HOUR));
        (begin < end).then(|| Task { class: task.class, from: begin - from, to: end - from })
    };
    let devices = (1..).zip(devices).map(|(number, (name, tasks))| SimulatedDevice {
        name: (*name).to_owned(),
        id: DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number])),
        share: Share::default(),
        tasks: tasks.iter().filter_map(within).collect(),
    });
    let scenario = Scenario {
        capacity: Directed { download: BitRate::from_mbps(100), upload: BitRate::from_mbps(20) },
        seconds: HOUR,
        seed,
        devices: devices.collect(),
        events: Vec::new(),
    };
    let mut bytes = Directed::default();
    for second in offered(&scenario) {
        bytes += second.map(|rate| rate.over(Duration::from_secs(1)));
    }
    // Phones ask for news all night.
    bytes[Direction::Download] += ByteCount(2_000_000);
    HourVolume { bytes, recorded: Duration::from_secs(HOUR) }
}

/// A repeatable source of numbers (splitmix64: Steele, Lea, Flood 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % count.max(1)
    }

    /// So many minutes sooner or later.
    fn off(&mut self, minutes: i64) -> i64 {
        self.below(2 * minutes as u64 + 1) as i64 - minutes
    }
}
