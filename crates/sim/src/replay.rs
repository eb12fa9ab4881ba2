//! What was recorded, through the same engine with another policy: what everybody would have had.

use crate::closed_loop::{ClosedLoop, Offered, SECOND};
use crate::traffic_source::GREEDY;
use allocate::resolve_guarantee;
use forecast::Forecaster;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;
use vocab::{Aggregate, BitRate, ByteCount, DeviceId, Directed, Direction, Policy, Timestamp, TrafficClass, Usage};

/// A guarantee is missed below this part of it, in thousandths, as the engine has it.
const KEPT_PERMILLE: u64 = 950;

/// A device is active for percentages for so many seconds after it wanted something, as the engine has it.
const ACTIVE_S: u64 = 60;

/// Nothing waits longer: beyond, an application gives up.
const LONGEST: Duration = Duration::from_secs(4);

/// What aggregates wanted, second by second.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    begins: Option<u64>,
    seconds: BTreeMap<u64, Vec<(Aggregate, Direction, Usage)>>,
    held: usize,
}

impl Recording {
    /// What one aggregate moved in the second that began at `start`; a second in which it was held back counts as
    /// one in which it wanted whatever it could get.
    pub fn add(&mut self, start: Timestamp, aggregate: Aggregate, direction: Direction, usage: Usage) {
        let second = start.as_unix_secs();
        self.begins = Some(self.begins.map_or(second, |begins| begins.min(second)));
        self.seconds.entry(second).or_default().push((aggregate, direction, usage));
        self.held += 1;
    }

    /// How many seconds of aggregates it holds.
    pub fn held(&self) -> usize {
        self.held
    }

    /// From its first second to its last.
    pub fn length(&self) -> Duration {
        let last = self.seconds.last_key_value().map(|(last, _)| *last);
        Duration::from_secs(self.begins.zip(last).map_or(0, |(begins, last)| last + 1 - begins))
    }

    /// Who is in it.
    pub fn devices(&self) -> BTreeSet<DeviceId> {
        self.seconds.values().flatten().map(|(aggregate, _, _)| aggregate.device).collect()
    }

    fn offered(&self, second: u64) -> Offered {
        let mut offered = Offered::new();
        for &(aggregate, direction, usage) in self.seconds.get(&second).into_iter().flatten() {
            let rate = &mut offered.entry(aggregate).or_default()[direction];
            *rate = match usage {
                Usage::Free(moved) => moved.max(*rate),
                Usage::Backlogged(_) => GREEDY,
            };
        }
        offered
    }
}

/// What somebody would have had, one way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Had {
    /// Seconds in which it wanted something.
    pub seconds: u64,
    /// What it got in all.
    pub moved: ByteCount,
    /// What it got in these seconds, on average.
    pub mean: BitRate,
    /// Its part of all that was moved this way, in thousandths.
    pub share_permille: u64,
    /// Seconds in which it wanted more than it got.
    pub short_s: u64,
    /// Seconds in which a device had less than its guarantee and wanted more. Of a class: of its devices, added up.
    pub missed_s: u64,
    /// What the last bit of a second waited at the rate it was just served: the mean over the seconds, of those that
    /// do not take whatever they can get. At most 4 s.
    pub delay_mean: Duration,
    /// The same, what 95 of 100 seconds stay below.
    pub delay_p95: Duration,
}

/// What everybody would have had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// By device.
    pub devices: BTreeMap<DeviceId, Directed<Had>>,
    /// By class, of all devices.
    pub classes: BTreeMap<TrafficClass, Directed<Had>>,
    /// Plans put in force.
    pub plans: u64,
}

/// Somebody's seconds, before they are summed up.
#[derive(Default)]
struct Account {
    seconds: u64,
    moved: u64,
    short_s: u64,
    missed_s: u64,
    delays_ms: Vec<u16>,
}

impl Account {
    fn had(mut self, all: u64) -> Had {
        self.delays_ms.sort_unstable();
        let delays = &self.delays_ms;
        let sum: u64 = delays.iter().map(|delay| u64::from(*delay)).sum();
        let mean = (sum * 1_000).checked_div(delays.len() as u64).unwrap_or(0);
        let p95 = delays.get((delays.len() * 95 / 100).min(delays.len().saturating_sub(1))).copied().unwrap_or(0);
        Had {
            seconds: self.seconds,
            moved: ByteCount(self.moved),
            mean: BitRate::from_bps((self.moved * 8).checked_div(self.seconds).unwrap_or(0)),
            share_permille: (u128::from(self.moved) * 1_000).checked_div(u128::from(all)).unwrap_or(0) as u64,
            short_s: self.short_s,
            missed_s: self.missed_s,
            delay_mean: Duration::from_micros(mean),
            delay_p95: Duration::from_millis(u64::from(p95)),
        }
    }
}

type Accounts<K> = BTreeMap<(K, Direction), Account>;

/// Sends `recording` through a link of `capacity` as `policy` divides it. A policy that only observes holds nothing
/// back: one queue for all. `second` is called with each second done, and may say that it is enough.
pub fn replay(
    recording: &Recording,
    policy: &Policy,
    capacity: Directed<BitRate>,
    forecaster: Forecaster,
    second: &mut dyn FnMut() -> ControlFlow<()>,
) -> Replayed {
    let Some(begins) = recording.begins else { return Replayed::default() };
    let at = |seconds: u64| Timestamp::from_unix_secs(begins + seconds);
    let mut closed_loop = ClosedLoop::new(policy.clone(), capacity, forecaster, at(0));
    let mut last_active: BTreeMap<DeviceId, u64> = BTreeMap::new();
    let (mut devices, mut classes) = (Accounts::<DeviceId>::new(), Accounts::<TrafficClass>::new());
    for number in 0..recording.length().as_secs() {
        let mut offered = recording.offered(begins + number);
        for aggregate in closed_loop.who_waits() {
            offered.entry(aggregate).or_default();
        }
        closed_loop.add_waiting(&mut offered);
        let served = closed_loop.second(at(number), &offered);
        for direction in Direction::ALL {
            let mut of_devices: BTreeMap<DeviceId, (BitRate, BitRate)> = BTreeMap::new();
            for (aggregate, wanted) in &offered {
                let (wanted, got) = (wanted[direction], served[direction][aggregate]);
                if wanted == BitRate::ZERO {
                    continue;
                }
                let of_device = of_devices.entry(aggregate.device).or_default();
                *of_device = (of_device.0 + wanted, of_device.1 + got);
                let accounts = [
                    devices.entry((aggregate.device, direction)).or_default(),
                    classes.entry((aggregate.class, direction)).or_default(),
                ];
                for account in accounts {
                    account.moved += got.over(SECOND).0;
                    if wanted < GREEDY {
                        account.delays_ms.push(delay(wanted, got).as_millis() as u16);
                    }
                }
                let of_class = classes.entry((aggregate.class, direction)).or_default();
                of_class.seconds += 1;
                of_class.short_s += u64::from(got < wanted);
            }
            last_active.extend(of_devices.keys().map(|device| (*device, number)));
            let active = last_active.values().filter(|last| number - **last < ACTIVE_S).count();
            for (&device, &(wanted, got)) in &of_devices {
                let owed = resolve_guarantee(policy.share_of(device).guarantee[direction], capacity[direction], active);
                let missed = got < wanted && got < owed.mul_ratio(KEPT_PERMILLE, 1_000);
                let account = devices.entry((device, direction)).or_default();
                account.seconds += 1;
                account.short_s += u64::from(got < wanted);
                account.missed_s += u64::from(missed);
                for (aggregate, _) in offered.iter().filter(|(aggregate, wanted)| {
                    aggregate.device == device && missed && wanted[direction] > BitRate::ZERO
                }) {
                    classes.entry((aggregate.class, direction)).or_default().missed_s += 1;
                }
            }
        }
        if second().is_break() {
            break;
        }
    }
    let plans = closed_loop.plans;
    Replayed { devices: summed_up(devices), classes: summed_up(classes), plans }
}

/// How long the last bit of a second waits at the rate it was just served.
fn delay(wanted: BitRate, got: BitRate) -> Duration {
    let left = wanted.saturating_sub(got).as_bps();
    if left == 0 {
        return Duration::ZERO;
    }
    let millis = (u128::from(left) * 1_000).checked_div(u128::from(got.as_bps())).unwrap_or(u128::MAX);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).min(LONGEST)
}

fn summed_up<K: Copy + Ord>(accounts: Accounts<K>) -> BTreeMap<K, Directed<Had>> {
    let mut all = Directed::<u64>::default();
    for ((_, direction), account) in &accounts {
        all[*direction] += account.moved;
    }
    let mut summed: BTreeMap<K, Directed<Had>> = BTreeMap::new();
    for ((key, direction), account) in accounts {
        summed.entry(key).or_default()[direction] = account.had(all[direction]);
    }
    summed
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{DevicePolicy, Guarantee, MacAddress, Mode, Priority, Share};

    const CAPACITY: Directed<BitRate> = Directed { download: BitRate::from_mbps(20), upload: BitRate::from_mbps(5) };

    fn device(number: u8) -> DeviceId {
        DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]))
    }

    /// Five minutes: a greedy download of device 1, and from the second minute on a film of 5 Mbit/s of device 2.
    fn evening() -> Recording {
        let mut recording = Recording::default();
        for second in 0..300 {
            let start = Timestamp::from_unix_secs(1_750_000_000 + second);
            let download = Aggregate { device: device(1), class: TrafficClass::Download };
            let film = Aggregate { device: device(2), class: TrafficClass::Streaming };
            recording.add(start, download, Direction::Download, Usage::Backlogged(BitRate::from_mbps(18)));
            if second >= 60 {
                recording.add(start, film, Direction::Download, Usage::Free(BitRate::from_mbps(5)));
            }
        }
        recording
    }

    fn policy(mode: Mode, shares: &[(u8, u8, u64)]) -> Policy {
        let mut policy = Policy { mode, ..Policy::default() };
        for &(number, priority, guarantee) in shares {
            let guarantee =
                Directed { download: Guarantee::Absolute(BitRate::from_mbps(guarantee)), ..Directed::default() };
            let share = Share { priority: Priority::new(priority).unwrap(), guarantee, ..policy.default_share };
            policy.devices.insert(device(number), DevicePolicy { share, ..DevicePolicy::default() });
        }
        policy
    }

    /// The film's mean in kbit/s and its missed seconds, and what the download moved in Mbit/s.
    fn film_and_download(policy: &Policy) -> (u64, u64, u64) {
        let mut seconds = 0;
        let forecaster = Forecaster::new(forecast::Settings::default());
        let replayed = replay(&evening(), policy, CAPACITY, forecaster, &mut || {
            seconds += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(seconds, 300);
        let film = &replayed.devices[&device(2)].download;
        (film.mean.as_kbps(), film.missed_s, replayed.devices[&device(1)].download.mean.as_kbps() / 1_000)
    }

    #[test]
    fn another_policy_moves_what_it_says() {
        // The download first, without a guarantee for the film: it starves. With one: it is kept.
        let (starved, missed, greedy) = film_and_download(&policy(Mode::Control, &[(1, 1, 0), (2, 5, 0)]));
        assert!(starved < 500 && missed == 0 && greedy >= 19, "{starved} {missed} {greedy}");
        let (kept, missed, greedy) = film_and_download(&policy(Mode::Control, &[(1, 1, 0), (2, 5, 6)]));
        assert!(kept >= 4_950 && missed <= 2 && (15..=16).contains(&greedy), "{kept} {missed} {greedy}");
        // Nobody divides: everybody gets the same, and what is owed is nobody's concern.
        let (same, missed, _) = film_and_download(&policy(Mode::Observe, &[(1, 1, 0), (2, 5, 6)]));
        assert!(same >= 4_990 && missed == 0, "{same} {missed}");
    }

    #[test]
    fn a_ceiling_holds_over_all_that_a_device_does() {
        let mut recording = evening();
        for second in 0..300 {
            let start = Timestamp::from_unix_secs(1_750_000_000 + second);
            let update = Aggregate { device: device(1), class: TrafficClass::Update };
            recording.add(start, update, Direction::Download, Usage::Backlogged(BitRate::from_mbps(18)));
        }
        let mut policy = policy(Mode::Control, &[(1, 1, 0)]);
        let capped = &mut policy.devices.get_mut(&device(1)).unwrap().share.ceiling;
        capped.download = BitRate::from_mbps(5);
        let forecaster = Forecaster::new(forecast::Settings::default());
        let replayed = replay(&recording, &policy, CAPACITY, forecaster, &mut || ControlFlow::Continue(()));
        // Before there is a plan, in the first seconds, nobody holds anything back.
        let mean = replayed.devices[&device(1)].download.mean.as_kbps();
        assert!((4_900..5_400).contains(&mean), "{mean}");
    }

    #[test]
    fn nothing_recorded_nothing_had() {
        let forecaster = Forecaster::new(forecast::Settings::default());
        let policy = policy(Mode::Control, &[]);
        assert_eq!(
            replay(&Recording::default(), &policy, CAPACITY, forecaster, &mut || ControlFlow::Continue(())),
            Replayed::default()
        );
    }

    #[test]
    fn a_delay_is_what_is_left_over_what_was_served() {
        let mbps = BitRate::from_mbps;
        assert_eq!(delay(mbps(5), mbps(5)), Duration::ZERO);
        assert_eq!(delay(mbps(5), mbps(4)), Duration::from_millis(250));
        assert_eq!(delay(mbps(5), mbps(1)), LONGEST);
        assert_eq!(delay(mbps(5), BitRate::ZERO), LONGEST);
    }
}
