//! What each aggregate did, and what it is therefore thought to want.
//!
//! In: samples, queue readings, forecasts. Out: the claims of the division. An aggregate that waits in its
//! queue shows a lower bound of its demand; one that keeps waiting wants whatever it can get.

use std::collections::BTreeMap;
use std::time::Duration;
use vocab::{
    BitRate, ByteCount, DeviceId, Directed, Direction, QueueReading, QueueState, Sample, Timestamp, TrafficClass, Usage,
};

/// A queue that drains in less than this at the aggregate's own rate is a burst in passing, not a backlog.
const BURST: Duration = Duration::from_millis(5);

/// Two full frames: what an interface holds between two packets of a flow that is not held back.
const BURST_BYTES: ByteCount = ByteCount(2 * 1_514);

/// Two readings closer than this give no rate.
const LEAST_READING: Duration = Duration::from_millis(500);

/// Aggregates that moved nothing for this long are forgotten, and their queues go.
pub(crate) const FORGET_AFTER: Duration = Duration::from_secs(600);

/// Devices on one link at most, as many as are told apart: made-up MAC addresses cannot fill the memory.
const DEVICES_KEPT: usize = 8_192;

/// How sure it is that an aggregate wants more than it gets: one reading says little, two in a row much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hunger {
    level: u8,
    /// Readings in a row that found it waiting.
    running: u8,
    lasting: Option<Lasting>,
}

/// It kept waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lasting {
    /// What it moved when it last waited.
    usage: BitRate,
    /// Readings since then.
    fed: u8,
}

impl Hunger {
    const MOST: u8 = 4;
    /// Who waits twice in a short time wants whatever they can get ...
    const LASTING: u8 = 3;
    /// ... and goes on to, though no reading finds them waiting, for so many readings while they move as much: TCP
    /// fills its queue and lets it run empty in turns, over seconds, and is as hungry in between.
    const STAYS: u8 = 30;

    fn fed(&mut self, usage: BitRate) {
        self.level = self.level.saturating_sub(1);
        self.running = 0;
        if let Some(lasting) = &mut self.lasting {
            lasting.fed = lasting.fed.saturating_add(1);
            let moves_less = usage < lasting.usage.mul_ratio(1, 2);
            if self.level < Self::LASTING && (moves_less || lasting.fed >= Self::STAYS) {
                self.lasting = None;
            }
        }
    }

    fn waited(&mut self, usage: BitRate) {
        self.level = (self.level + 2).min(Self::MOST);
        self.running = self.running.saturating_add(1);
        if self.level >= Self::LASTING {
            self.lasting = Some(Lasting { usage, fed: 0 });
        }
    }

    /// It was found waiting each time lately: two readings or more, the latest included.
    pub fn is_unbroken(self) -> bool {
        self.running >= 2
    }

    /// It waits now: what it moved is a lower bound.
    pub fn is_waiting(self) -> bool {
        self.level >= 2
    }

    /// It keeps waiting: it wants whatever it can get.
    pub fn is_lasting(self) -> bool {
        self.lasting.is_some()
    }
}

/// One aggregate on one link.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity {
    /// What it moved in the last closed window.
    pub usage: Directed<BitRate>,
    /// What its queues hold.
    pub queue: Directed<QueueState>,
    /// Whether it wants more than it gets.
    pub hunger: Directed<Hunger>,
    /// Flows that moved something in the last closed window.
    pub flows: u32,
    /// When it last moved something.
    pub last_active: Timestamp,
    /// What was counted in the last closed window, before any queue.
    pub counted: Directed<Counted>,
    moved: Directed<Counted>,
    moved_flows: u32,
    /// What its queues had sent at the last reading.
    sent: Directed<Option<Sent>>,
    /// What its queues sent between the last two readings, while there are queues.
    served: Directed<Option<BitRate>>,
    /// Whether `usage` is what its queues sent.
    is_served: Directed<bool>,
}

/// Bytes, layer 2, and the packets they came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub bytes: ByteCount,
    pub packets: u64,
}

impl std::ops::AddAssign for Counted {
    fn add_assign(&mut self, other: Counted) {
        self.bytes += other.bytes;
        self.packets = self.packets.saturating_add(other.packets);
    }
}

/// A reading of what a queue has sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Timestamp,
    bytes: ByteCount,
}

impl Activity {
    /// Closes the window of `window` length that ends now.
    ///
    /// Packets are counted before they are queued, so that those that a queue then drops are counted, too: what
    /// the queue sent is what the aggregate had.
    fn close(&mut self, window: Duration) {
        let moved = std::mem::take(&mut self.moved);
        let served = std::mem::take(&mut self.served);
        self.is_served = Directed::from_fn(|direction| served[direction].is_some());
        self.usage = Directed::from_fn(|direction| {
            let counted = moved[direction].bytes.per(window);
            served[direction].unwrap_or(counted)
        });
        self.counted = moved;
        self.flows = std::mem::take(&mut self.moved_flows);
    }

    /// Its usage, marked when it was held back.
    pub fn usage(&self, direction: Direction) -> Usage {
        let rate = self.usage[direction];
        if self.hunger[direction].is_waiting() { Usage::Backlogged(rate) } else { Usage::Free(rate) }
    }

    /// What it is thought to want in the next seconds, given the quantile of its forecast that the policy
    /// asks for.
    pub fn demand(&self, direction: Direction, foreseen: BitRate, capacity: BitRate) -> BitRate {
        let usage = self.usage[direction];
        let hunger = self.hunger[direction];
        let least = usage.max(foreseen);
        let wanted = if hunger.is_lasting() {
            capacity
        } else if hunger.is_waiting() {
            least.max(usage + usage)
        } else {
            least
        };
        // Whoever wants more than there is wants all of it.
        wanted.min(capacity)
    }
}

/// One device on one link.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeviceActivity {
    /// Its classes that moved something lately.
    pub classes: BTreeMap<TrafficClass, Activity>,
    /// When any of them last moved something.
    pub last_active: Timestamp,
    /// Moved since midnight UTC (or since the start).
    pub volume_today: Directed<ByteCount>,
}

/// All devices on one link.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkActivity {
    pub devices: BTreeMap<DeviceId, DeviceActivity>,
    day: u64,
}

impl LinkActivity {
    /// Adds what moved. Where there are too many devices, newcomers wait until another is forgotten.
    pub fn sample(&mut self, sample: &Sample) {
        if self.devices.len() >= DEVICES_KEPT && !self.devices.contains_key(&sample.aggregate.device) {
            return;
        }
        let device = self.devices.entry(sample.aggregate.device).or_default();
        let activity = device.classes.entry(sample.aggregate.class).or_default();
        for direction in Direction::ALL {
            activity.moved[direction] += Counted { bytes: sample.bytes[direction], packets: sample.packets[direction] };
        }
        activity.moved_flows = activity.moved_flows.max(sample.flows);
        device.volume_today += sample.bytes;
        if sample.bytes != Directed::default() {
            let end = sample.start + sample.window;
            activity.last_active = activity.last_active.max(end);
            device.last_active = device.last_active.max(end);
        }
    }

    /// A device that is known from before the start, or that just came: quiet, but there.
    pub fn remember(&mut self, device: DeviceId, now: Timestamp) {
        if self.devices.len() >= DEVICES_KEPT || self.devices.contains_key(&device) {
            return;
        }
        let quiet = Activity { last_active: now, ..Activity::default() };
        self.devices.entry(device).or_default().classes.insert(TrafficClass::Unclassified, quiet);
    }

    /// Takes in what a queue holds.
    pub fn queue(&mut self, reading: &QueueReading) {
        let Some(device) = self.devices.get_mut(&reading.aggregate.device) else { return };
        let Some(activity) = device.classes.get_mut(&reading.aggregate.class) else { return };
        let state = &mut activity.queue[reading.direction];
        // A queue made anew counts from zero again.
        let drops = reading.drops.checked_sub(state.drops_total).unwrap_or(reading.drops);
        *state = QueueState { backlog: reading.backlog, drops, drops_total: reading.drops };
        let before = activity.sent[reading.direction].replace(Sent { at: reading.at, bytes: reading.sent });
        activity.served[reading.direction] = before.and_then(|before| {
            let bytes = reading.sent.0.checked_sub(before.bytes.0)?;
            let time = reading.at.since(before.at);
            (time >= LEAST_READING).then(|| ByteCount(bytes).per(time))
        });
        let usage = activity.usage[reading.direction];
        let waits = reading.backlog > BURST_BYTES.max(usage.over(BURST)) || drops > 0;
        let hunger = &mut activity.hunger[reading.direction];
        if waits { hunger.waited(usage) } else { hunger.fed(usage) }
    }

    /// The clock was set forward by `time`, or stood still for it: nobody was silent meanwhile.
    pub fn leap(&mut self, time: Duration) {
        for device in self.devices.values_mut() {
            device.last_active = device.last_active + time;
            for activity in device.classes.values_mut() {
                activity.last_active = activity.last_active + time;
            }
        }
    }

    /// Closes the window that ends at `now` and forgets who was quiet for long.
    pub fn close(&mut self, now: Timestamp, window: Duration) {
        let day = now.as_unix_secs() / 86_400;
        let new_day = day != self.day;
        self.day = day;
        self.devices.retain(|_, device| {
            if new_day {
                device.volume_today = Directed::default();
            }
            device.classes.retain(|_, activity| {
                activity.close(window);
                now.since(activity.last_active) < FORGET_AFTER
            });
            !device.classes.is_empty()
        });
    }

    /// `sample` of the window just closed, with what the queues let through where they told it.
    pub fn correct(&self, sample: &mut Sample) {
        let device = self.devices.get(&sample.aggregate.device);
        let Some(activity) = device.and_then(|device| device.classes.get(&sample.aggregate.class)) else { return };
        for direction in Direction::ALL {
            if activity.is_served[direction] {
                sample.bytes[direction] = activity.usage[direction].over(sample.window);
            }
        }
    }

    /// Nothing waits any more: the queues are gone.
    pub fn forget_queues(&mut self) {
        for activity in self.devices.values_mut().flat_map(|device| device.classes.values_mut()) {
            activity.queue = Directed::default();
            activity.hunger = Directed::default();
            activity.sent = Directed::default();
            activity.served = Directed::default();
        }
    }

    /// What all moved in the last closed window.
    pub fn total(&self, direction: Direction) -> BitRate {
        self.aggregates().map(|(_, _, activity)| activity.usage[direction]).sum()
    }

    /// What one class moved in the last closed window.
    pub fn class_total(&self, class: TrafficClass, direction: Direction) -> BitRate {
        let of_class = self.aggregates().filter(|(_, of, _)| *of == class);
        of_class.map(|(_, _, activity)| activity.usage[direction]).sum()
    }

    /// Every aggregate.
    pub fn aggregates(&self) -> impl Iterator<Item = (DeviceId, TrafficClass, &Activity)> {
        self.devices
            .iter()
            .flat_map(|(&id, device)| device.classes.iter().map(move |(&class, activity)| (id, class, activity)))
    }
}

impl DeviceActivity {
    /// What all of it moved in the last closed window.
    pub fn total(&self, direction: Direction) -> BitRate {
        self.classes.values().map(|activity| activity.usage[direction]).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Aggregate, LinkId, MacAddress};

    const DEVICE: DeviceId = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, 1]));
    const AGGREGATE: Aggregate = Aggregate { device: DEVICE, class: TrafficClass::Download };

    fn moved(activity: &mut LinkActivity, second: u64, bytes: u64) {
        activity.sample(&Sample {
            link: LinkId(0),
            aggregate: AGGREGATE,
            start: Timestamp::from_unix_secs(second),
            window: Duration::from_secs(1),
            bytes: Directed { download: ByteCount(bytes), upload: ByteCount::ZERO },
            packets: Directed::default(),
            flows: 1,
        });
        activity.close(Timestamp::from_unix_secs(second + 1), Duration::from_secs(1));
    }

    fn read(activity: &mut LinkActivity, backlog: u64, drops: u64) {
        activity.queue(&QueueReading {
            link: LinkId(0),
            aggregate: AGGREGATE,
            direction: Direction::Download,
            at: Timestamp::from_unix_secs(1),
            backlog: ByteCount(backlog),
            sent: ByteCount::ZERO,
            sent_packets: 0,
            drops,
        });
    }

    #[test]
    fn who_keeps_waiting_wants_whatever_it_can_get() {
        let capacity = BitRate::from_mbps(20);
        let mut activity = LinkActivity::default();
        //                 kbyte moved, backlog, drops so far, demand in Mbit/s
        for (second, (moved_kb, backlog, drops, demand)) in (1..).zip([
            (125, 0, 0, 1),
            (125, 3_028, 0, 1),
            (125, 40_000, 0, 2),
            (125, 40_000, 1, 20),
            // It moves as much, more or less: it is as hungry.
            (100, 0, 1, 20),
            (70, 0, 1, 20),
            (65, 0, 1, 20),
            // Half is enough for it now.
            (50, 0, 1, 0),
            (125, 0, 9, 2),
            (125, 0, 10, 20),
            (0, 0, 10, 20),
            (0, 0, 10, 0),
        ]) {
            moved(&mut activity, second, moved_kb * 1_000);
            read(&mut activity, backlog, drops);
            let of = &activity.devices[&DEVICE].classes[&TrafficClass::Download];
            let found = of.demand(Direction::Download, BitRate::ZERO, capacity);
            assert_eq!(found.as_bps() / 1_000_000, demand, "in second {second}");
        }
    }

    #[test]
    fn who_is_found_waiting_no_more_has_enough_in_the_end() {
        let mut activity = LinkActivity::default();
        moved(&mut activity, 1, 125_000);
        let mut is_lasting = |backlog| {
            read(&mut activity, backlog, 0);
            activity.devices[&DEVICE].classes[&TrafficClass::Download].hunger.download.is_lasting()
        };
        assert!(!is_lasting(40_000) && is_lasting(40_000));
        assert!((1..Hunger::STAYS).all(|_| is_lasting(0)));
        assert!(!is_lasting(0));
    }

    #[test]
    fn who_is_quiet_for_long_is_forgotten() {
        let mut activity = LinkActivity::default();
        moved(&mut activity, 1, 1_000);
        assert_eq!(activity.total(Direction::Download), BitRate::from_kbps(8));
        activity.close(Timestamp::from_unix_secs(3), Duration::from_secs(1));
        assert_eq!(activity.total(Direction::Download), BitRate::ZERO);
        assert_eq!(activity.devices.len(), 1);
        activity.close(Timestamp::from_unix_secs(700), Duration::from_secs(1));
        assert!(activity.devices.is_empty());
    }
}
