//! How calls and streams begin: whether what they are owed is there at once, and how long they wait.

use crate::link::Served;
use crate::scenario::SimulatedDevice;
use std::collections::BTreeMap;
use std::time::Duration;
use vocab::{Aggregate, BitRate, DeviceId, Direction, Guarantee, TrafficClass};

/// For so many seconds a guarantee is asked after.
const JUDGED_S: u64 = 10;

/// For so many seconds delay and what stayed behind are asked after.
const EARLY_S: u64 = 2;

/// After a pause this long it begins; after a shorter one it goes on, as a film does with its next segment.
const BEGINS_AFTER_S: u64 = 10;

/// Nothing waits longer: beyond, an application gives up.
const LONGEST: Duration = Duration::from_secs(4);

/// A guarantee is missed below this part of it, in thousandths, as the engine has it.
const KEPT_PERMILLE: u64 = 950;

/// How a call or a stream began in one direction, or went on after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Whose, and what for.
    pub aggregate: Aggregate,
    /// Which way.
    pub direction: Direction,
    /// In this second of the scenario.
    pub at: u64,
    /// For how long it had offered nothing; `None` if never anything.
    pub pause_s: Option<u64>,
    /// Of its first ten seconds (or until it paused), those in which its device had less than its guarantee and
    /// wanted more. Percentages are not asked after.
    pub missed_s: u64,
    /// What the last bit of each of its first two seconds waits at the rate it was just served, on average.
    pub delay: Duration,
    /// Of what it offered in its first two seconds, what was not served in the same second, in thousandths.
    pub behind_permille: u64,
}

impl Beginning {
    /// Whether it began, rather than went on after a short pause.
    pub fn is_first(&self) -> bool {
        self.pause_s.is_none_or(|pause_s| pause_s >= BEGINS_AFTER_S)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Beginnings {
    open: BTreeMap<(Aggregate, Direction), Open>,
    last_offered: BTreeMap<(Aggregate, Direction), u64>,
    done: Vec<Beginning>,
}

/// One that is young.
#[derive(Debug)]
struct Open {
    beginning: Beginning,
    seconds: u32,
    waited: Duration,
    offered: u128,
    behind: u128,
}

/// What happened in one second, one way.
pub(crate) struct Second<'a> {
    pub number: u64,
    pub direction: Direction,
    pub devices: &'a [SimulatedDevice],
    pub offered: &'a BTreeMap<Aggregate, BitRate>,
    pub served: &'a Served,
}

impl Beginnings {
    pub fn second(&mut self, second: &Second<'_>) {
        for (&aggregate, &offered) in second.offered {
            let is_asked_after =
                matches!(aggregate.class, TrafficClass::Voice | TrafficClass::Call | TrafficClass::Streaming);
            if !is_asked_after || offered == BitRate::ZERO {
                continue;
            }
            let key = (aggregate, second.direction);
            let before = self.last_offered.insert(key, second.number);
            let pause_s = before.map(|before| second.number - before - 1);
            if pause_s != Some(0) {
                self.close(key);
                self.open.insert(key, Open::new(aggregate, second, pause_s));
            }
            let Some(open) = self.open.get_mut(&key) else { continue };
            open.second(second, offered, second.served[&aggregate]);
            if second.number + 1 >= open.beginning.at + JUDGED_S {
                self.close(key);
            }
        }
    }

    pub fn finish(mut self) -> Vec<Beginning> {
        for key in self.open.keys().copied().collect::<Vec<_>>() {
            self.close(key);
        }
        self.done.sort_by_key(|beginning| (beginning.at, beginning.aggregate, beginning.direction));
        self.done
    }

    fn close(&mut self, key: (Aggregate, Direction)) {
        self.done.extend(self.open.remove(&key).map(Open::close));
    }
}

impl Open {
    fn new(aggregate: Aggregate, second: &Second<'_>, pause_s: Option<u64>) -> Open {
        let beginning = Beginning {
            aggregate,
            direction: second.direction,
            at: second.number,
            pause_s,
            missed_s: 0,
            delay: Duration::ZERO,
            behind_permille: 0,
        };
        Open { beginning, seconds: 0, waited: Duration::ZERO, offered: 0, behind: 0 }
    }

    fn second(&mut self, second: &Second<'_>, offered: BitRate, got: BitRate) {
        self.beginning.missed_s += u64::from(is_missed(second, self.beginning.aggregate.device));
        if second.number >= self.beginning.at + EARLY_S {
            return;
        }
        let behind = offered.saturating_sub(got).as_bps();
        let micros = u128::from(behind) * 1_000_000 / u128::from(got.as_bps().max(1));
        self.waited += Duration::from_micros(micros.min(LONGEST.as_micros()) as u64);
        self.seconds += 1;
        self.offered += u128::from(offered.as_bps());
        self.behind += u128::from(behind);
    }

    fn close(self) -> Beginning {
        let delay = self.waited / self.seconds.max(1);
        let behind_permille = (self.behind * 1_000 / self.offered.max(1)) as u64;
        Beginning { delay, behind_permille, ..self.beginning }
    }
}

/// Whether `device` had less than its guarantee and wanted more.
fn is_missed(second: &Second<'_>, device: DeviceId) -> bool {
    let share = second.devices.iter().find(|known| known.id == device).map(|known| known.share);
    let Some(Guarantee::Absolute(owed)) = share.map(|share| share.guarantee[second.direction]) else { return false };
    let total = |rates: &BTreeMap<Aggregate, BitRate>| {
        rates.iter().filter(|(aggregate, _)| aggregate.device == device).map(|(_, &rate)| rate).sum::<BitRate>()
    };
    total(second.served) < owed.min(total(second.offered)).mul_ratio(KEPT_PERMILLE, 1_000)
}
