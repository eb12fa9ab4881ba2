//! What an application offers to the link, second by second.

use vocab::{BitRate, Directed, TrafficClass};

/// More than any link carries: whatever there is.
pub(crate) const GREEDY: BitRate = BitRate::MAX;

/// A repeatable source of numbers (splitmix64: Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }
}

/// One running application.
#[derive(Clone, Debug)]
pub(crate) struct TrafficSource {
    class: TrafficClass,
    chance: Chance,
    /// Seconds since it began.
    age: u64,
    /// The rate it hovers around, kbit/s.
    level: u64,
}

impl TrafficSource {
    /// The `task`-th of the `device`-th device of a scenario with `seed`.
    pub fn new(class: TrafficClass, seed: u64, device: usize, task: usize) -> TrafficSource {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (device as u64) << 32 ^ task as u64;
        TrafficSource { class, chance: Chance::new(seed), age: 0, level: 0 }
    }

    /// What it would move in the next second if nothing held it back.
    pub fn offer(&mut self) -> Directed<BitRate> {
        let age = self.age;
        self.age += 1;
        match self.class {
            // G.711 with its headers: 50 packets/s of 214 bytes, both ways.
            TrafficClass::Voice => both(86),
            TrafficClass::Call => {
                let (down, up) = (self.hover(1_200, 2_500), self.chance.between(900, 1_600));
                rates(down, up)
            }
            TrafficClass::Gaming => rates(self.chance.between(80, 200), self.chance.between(30, 60)),
            TrafficClass::Interactive => rates(self.chance.between(2, 30), self.chance.between(2, 15)),
            // A page every few seconds, a second or two long.
            TrafficClass::Web | TrafficClass::Unclassified => match self.chance.between(0, 9) {
                0 | 1 => rates(self.chance.between(2_000, 16_000), self.chance.between(50, 300)),
                _ => rates(self.chance.between(0, 40), self.chance.between(0, 10)),
            },
            // A segment of four seconds of video, fetched as fast as it goes.
            TrafficClass::Streaming => {
                if age.is_multiple_of(4) {
                    rates(4 * self.hover(3_000, 6_000), 150)
                } else {
                    rates(0, 5)
                }
            }
            TrafficClass::Work => rates(self.hover(200, 1_500), self.hover(100, 500)),
            TrafficClass::Download | TrafficClass::Update => {
                Directed { download: GREEDY, upload: BitRate::from_kbps(300) }
            }
            TrafficClass::Backup => Directed { download: BitRate::from_kbps(200), upload: GREEDY },
        }
    }

    /// A walk between `low` and `high`, kbit/s.
    fn hover(&mut self, low: u64, high: u64) -> u64 {
        let step = (high - low) / 8;
        let level = if self.level == 0 { (low + high) / 2 } else { self.level };
        self.level = (level + self.chance.between(0, 2 * step)).saturating_sub(step).clamp(low, high);
        self.level
    }
}

fn both(kbps: u64) -> Directed<BitRate> {
    rates(kbps, kbps)
}

fn rates(download_kbps: u64, upload_kbps: u64) -> Directed<BitRate> {
    Directed { download: BitRate::from_kbps(download_kbps), upload: BitRate::from_kbps(upload_kbps) }
}
