//! What is in the frames: pure, from snapshots to frames.

use crate::convert::{self, Names, Numbers};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use vocab::{Alert, DeviceSnapshot, Snapshot, Timestamp};
use wire::live::{CLASS_COLUMNS, ClientFrame, Columns, DEVICE_COLUMNS, Delta, Event, LINK_COLUMNS, ServerFrame, Snap};

/// Decisions in a snap.
const DECISIONS_IN_SNAP: usize = 50;

/// What one socket was told, and wants to hear.
pub(super) struct Feed {
    channels: Channels,
    hz: u8,
    q: u64,
    told: Arc<Snapshot>,
    classes: Vec<Vec<i64>>,
    devices: BTreeMap<u32, Vec<i64>>,
}

/// Which channels are subscribed.
#[derive(Clone, Copy, Default)]
struct Channels {
    link: bool,
    classes: bool,
    devices: bool,
}

impl Channels {
    fn set(&mut self, names: &[String], to: bool) {
        for name in names {
            match name.as_str() {
                "link" => self.link = to,
                "classes" => self.classes = to,
                "devices" => self.devices = to,
                // Events are always sent; other words may come with a later version.
                _ => {}
            }
        }
    }

    fn any(self) -> bool {
        self.link || self.classes || self.devices
    }
}

impl Feed {
    /// Nothing subscribed; events count from `now_on`.
    pub(super) fn new(now_on: Arc<Snapshot>) -> Feed {
        Feed { channels: Channels::default(), hz: 2, q: 0, told: now_on, classes: Vec::new(), devices: BTreeMap::new() }
    }

    /// Frames a second.
    pub(super) fn hz(&self) -> u8 {
        self.hz
    }

    /// The time between two frames.
    pub(super) fn period(&self) -> Duration {
        Duration::from_secs(1) / u32::from(self.hz)
    }

    /// Takes what the other side says; whether it now wants everything.
    pub(super) fn hear(&mut self, frame: ClientFrame) -> bool {
        match frame {
            ClientFrame::Sub { ch, hz } => {
                self.channels.set(&ch, true);
                self.hz = hz.clamp(1, 2);
                self.channels.any()
            }
            ClientFrame::Unsub { ch } => {
                self.channels.set(&ch, false);
                false
            }
            ClientFrame::Hz { hz } => {
                self.hz = hz.clamp(1, 2);
                false
            }
            ClientFrame::Snap => true,
        }
    }

    /// Everything the subscribed channels hold.
    pub(super) fn snap(&mut self, snapshot: Arc<Snapshot>, build: &str, numbers: &mut Numbers) -> ServerFrame {
        self.q += 1;
        self.classes = convert::class_columns(&snapshot);
        self.devices = device_rows(&snapshot, numbers);
        let names = Names::of(&snapshot);
        let words = |columns: &[&str]| columns.iter().map(|column| (*column).to_owned()).collect();
        let snap = Snap {
            q: self.q,
            ts: snapshot.at.as_unix_millis(),
            cols: Columns { l: words(&LINK_COLUMNS), c: words(&CLASS_COLUMNS), dv: words(&DEVICE_COLUMNS) },
            status: convert::status(&snapshot, build),
            devices: if self.channels.devices { convert::devices(&snapshot, numbers) } else { Vec::new() },
            l: if self.channels.link { convert::link_columns(&snapshot) } else { Vec::new() },
            c: if self.channels.classes { self.classes.clone() } else { Vec::new() },
            dv: if self.channels.devices { transposed(self.devices.values()) } else { Vec::new() },
            decisions: snapshot
                .decisions
                .iter()
                .rev()
                .take(DECISIONS_IN_SNAP)
                .map(|decision| convert::decision(decision, &names))
                .collect(),
            alerts: snapshot
                .alerts
                .iter()
                .rev()
                .filter(|alert| alert.ended.is_none())
                .map(|alert| convert::alert(alert, &names))
                .collect(),
        };
        self.told = snapshot;
        ServerFrame::Snap(Box::new(snap))
    }

    /// What happened, then everything anew.
    pub(super) fn everything(
        &mut self,
        snapshot: Arc<Snapshot>,
        build: &str,
        numbers: &mut Numbers,
    ) -> Vec<ServerFrame> {
        let mut frames = self.events(&snapshot, numbers);
        if self.channels.any() {
            frames.push(self.snap(snapshot, build, numbers));
        } else {
            self.told = snapshot;
        }
        frames
    }

    /// What happened and what changed since the last frame.
    pub(super) fn advance(&mut self, snapshot: Arc<Snapshot>, build: &str, numbers: &mut Numbers) -> Vec<ServerFrame> {
        // So much happened that the journal in the snapshot no longer reaches back: tell everything.
        if lost_track(&self.told, &snapshot) {
            return self.everything(snapshot, build, numbers);
        }
        let mut frames = self.events(&snapshot, numbers);
        if self.channels.any() {
            frames.push(self.delta(&snapshot, numbers));
        }
        self.told = snapshot;
        frames
    }

    fn delta(&mut self, snapshot: &Snapshot, numbers: &mut Numbers) -> ServerFrame {
        self.q += 1;
        let mut delta = Delta { q: self.q, ts: snapshot.at.as_unix_millis(), ..Delta::default() };
        if self.channels.link {
            delta.l = convert::link_columns(snapshot);
        }
        let classes = convert::class_columns(snapshot);
        if self.channels.classes {
            let known = &self.classes;
            let changed = |(index, column): (usize, &Vec<i64>)| {
                if known.get(index) == Some(column) { Vec::new() } else { column.clone() }
            };
            delta.c = classes.iter().enumerate().map(changed).collect();
        }
        self.classes = classes;
        let rows = device_rows(snapshot, numbers);
        if self.channels.devices {
            let changed = rows.iter().filter(|(number, row)| self.devices.get(number) != Some(row));
            delta.dv = transposed(changed.map(|(_, row)| row));
            delta.rm = self.devices.keys().copied().filter(|number| !rows.contains_key(number)).collect();
        }
        self.devices = rows;
        ServerFrame::Delta(Box::new(delta))
    }

    fn events(&self, snapshot: &Snapshot, numbers: &mut Numbers) -> Vec<ServerFrame> {
        let names = Names::of(snapshot);
        let mut events = Vec::new();
        let last = self.told.decisions.last().map_or(0, |decision| decision.id);
        for decision in snapshot.decisions.iter().filter(|decision| decision.id > last) {
            events.push(Event::Decision { decision: convert::decision(decision, &names) });
        }
        let known: BTreeMap<u64, (u32, Option<Timestamp>)> = self.told.alerts.iter().map(alert_state).collect();
        for alert in snapshot.alerts.iter() {
            let (id, state) = alert_state(alert);
            if known.get(&id) != Some(&state) {
                events.push(Event::Alert { alert: convert::alert(alert, &names) });
            }
        }
        if self.channels.devices {
            for device in &snapshot.devices {
                let same = convert::find(&self.told, device.device).is_some_and(|known| looks_the_same(known, device));
                if !same {
                    events.push(Event::Device { device: Box::new(convert::device(snapshot, device, numbers)) });
                }
            }
        }
        events.into_iter().map(|event| ServerFrame::Event(Box::new(event))).collect()
    }
}

fn alert_state(alert: &Alert) -> (u64, (u32, Option<Timestamp>)) {
    (alert.id, (alert.count, alert.ended))
}

/// Whether nothing changed that stands outside the columns.
fn looks_the_same(before: &DeviceSnapshot, after: &DeviceSnapshot) -> bool {
    before.name == after.name
        && before.vendor == after.vendor
        && before.kind == after.kind
        && before.addresses == after.addresses
        && before.share == after.share
}

/// Whether decisions fell out of the bounded journal before they were told.
fn lost_track(told: &Snapshot, now: &Snapshot) -> bool {
    match (told.decisions.last(), now.decisions.first()) {
        (Some(last), Some(first)) => first.id > last.id,
        (None, _) | (_, None) => false,
    }
}

fn device_rows(snapshot: &Snapshot, numbers: &mut Numbers) -> BTreeMap<u32, Vec<i64>> {
    let rows = snapshot.devices.iter().map(|device| {
        let number = numbers.of(device.device);
        (number, convert::device_row(snapshot, device, number))
    });
    rows.collect()
}

/// Rows as columns; no columns for no rows.
fn transposed<'a>(rows: impl Iterator<Item = &'a Vec<i64>>) -> Vec<Vec<i64>> {
    let mut columns: Vec<Vec<i64>> = Vec::new();
    for row in rows {
        columns.resize(row.len(), Vec::new());
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(*value);
        }
    }
    columns
}
