//! What the kernel has counted, and what it is told about devices and flows.

use crate::load::Maps;
use crate::maps::{self, CLASSES, DeviceKey, FLOW_LOCAL, FLOW_SETTLED, RawStats, RawVerdict};
use crate::quality::{self, QualityReading};
use crate::sys::Values;
use crate::{DatapathError, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use vocab::{Address, ByteCount, DeviceId, Direction, FlowKey, MacAddress, Sides, TrafficClass};

fn failed(map: &'static str) -> impl Fn(std::io::Error) -> DatapathError {
    move |source| DatapathError::Map { map, source }
}

/// Bytes and packets, since the maps were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Bytes, layer 2.
    pub bytes: ByteCount,
    /// Packets, as they were on the wire.
    pub packets: u64,
}

/// What moved through one (slot, class, direction).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassCount {
    /// Whose; `None` for devices that had no slot.
    pub slot: Option<Slot>,
    /// In which class it was put.
    pub class: TrafficClass,
    /// Which way.
    pub direction: Direction,
    /// How much, since the maps were made or the slot was given.
    pub total: Counted,
}

/// What the kernel says of one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowReading {
    /// Which flow.
    pub key: FlowKey,
    /// Whose, if the device had a slot at the last packet.
    pub slot: Option<Slot>,
    /// The class its packets are put into.
    pub class: TrafficClass,
    /// How many of its packets had passed when the kernel got that class, 65,535 at most.
    pub classed_after: u16,
    /// Whether the verdict will not change any more.
    pub settled: bool,
    /// Whether it ends at the gateway itself: no traffic of the link.
    pub local: bool,
    /// Sent by [`FlowKey::low`].
    pub from_low: Counted,
    /// Sent by [`FlowKey::high`].
    pub from_high: Counted,
    /// Its first packet, by CLOCK_MONOTONIC, in nanoseconds.
    pub first_ns: u64,
    /// Its latest packet, by CLOCK_MONOTONIC, in nanoseconds, to a tick of the kernel (1 to 10 ms).
    pub last_ns: u64,
    /// The latest round trip between us and the device, and between us and the other end.
    pub round_trip: Sides<Option<Duration>>,
}

/// What the programs have counted beside flows and classes, since the maps were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Everything that passed, towards the devices.
    pub download: Counted,
    /// Everything that passed, from the devices.
    pub upload: Counted,
    /// Of that, to or from the gateway itself.
    pub local: Counted,
    /// Of that, of devices without a slot.
    pub unknown: Counted,
    /// Frames that are not IP.
    pub not_ip: u64,
    /// Frames that could not be parsed; they pass untouched.
    pub malformed: u64,
    /// Frames sent up.
    pub frames: u64,
    /// Frames that should have been sent up, but the ring was full.
    pub ring_full: u64,
    /// Flows opened.
    pub flows: u64,
    /// Packets of flows that the table did not take.
    pub flows_refused: u64,
    /// Frames put into a leaf of their device.
    pub steered: u64,
    /// Frames put into the default leaf.
    pub steered_default: u64,
}

impl Maps {
    pub(crate) fn stats(&self) -> Result<Stats, DatapathError> {
        let per_cpu = self.statistics.get_per_cpu(&0, self.cpus).map_err(failed("statistics"))?.unwrap_or_default();
        let sum = |value: fn(&RawStats) -> u64| per_cpu.iter().map(value).fold(0, u64::wrapping_add);
        let counted = |bytes, packets| Counted { bytes: ByteCount(sum(bytes)), packets: sum(packets) };
        Ok(Stats {
            download: counted(|raw| raw.bytes[0], |raw| raw.packets[0]),
            upload: counted(|raw| raw.bytes[1], |raw| raw.packets[1]),
            local: counted(|raw| raw.local_bytes, |raw| raw.local_packets),
            unknown: counted(|raw| raw.unknown_bytes, |raw| raw.unknown_packets),
            not_ip: sum(|raw| raw.not_ip),
            malformed: sum(|raw| raw.malformed),
            frames: sum(|raw| raw.frames),
            ring_full: sum(|raw| raw.ring_full),
            flows: sum(|raw| raw.flows),
            flows_refused: sum(|raw| raw.flows_refused),
            steered: sum(|raw| raw.steered),
            steered_default: sum(|raw| raw.steered_default),
        })
    }
}

/// The flows and their verdicts: cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct FlowMap {
    pub(crate) maps: Arc<Maps>,
}

impl FlowMap {
    /// Tells the kernel the class of flows; each takes effect with its flow's next packet.
    ///
    /// A settled verdict ends the sampling of its flow. Verdicts outlive the flow's place in the table.
    ///
    /// # Errors
    /// A map cannot be written; all verdicts that could be are in force.
    pub fn set_verdicts(&self, verdicts: &[(FlowKey, TrafficClass, bool)]) -> Result<(), DatapathError> {
        if verdicts.is_empty() {
            return Ok(());
        }
        let mut outcome = Ok(());
        for (key, class, settled) in verdicts {
            let raw = RawVerdict { class: class.index() as u8, settled: u8::from(*settled), zero: 0 };
            // One that cannot be written keeps the others from nothing.
            outcome = outcome.and(self.maps.verdicts.set(&(*key).into(), &raw));
            // The kernel looks there first.
            outcome = outcome.and(if class.is_protected() {
                self.maps.protected.replace(&(*key).into(), &raw).map(drop)
            } else {
                self.maps.protected.remove(&(*key).into()).map(drop)
            });
        }
        // After the verdicts: a packet that sees the new epoch finds them.
        self.maps.change_config(|config| config.verdict_epoch = config.verdict_epoch.wrapping_add(1))?;
        outcome.map_err(failed("verdicts"))
    }

    /// Hands every flow in the table to `sink`, in no order.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn read_flows(&self, mut sink: impl FnMut(FlowReading)) -> Result<(), DatapathError> {
        self.maps
            .flows
            .read_batches(Values::Shared, usize::MAX, |key, values| {
                let (Some(key), Some(raw)) = (key.key(), values.first()) else { return };
                let counted = |bytes, packets| Counted { bytes: ByteCount(bytes), packets };
                sink(FlowReading {
                    key,
                    slot: Slot::new(raw.slot),
                    class: TrafficClass::from_index(usize::from(raw.class)).unwrap_or(TrafficClass::Unclassified),
                    classed_after: raw.classed_after,
                    settled: raw.flags & FLOW_SETTLED != 0,
                    local: raw.flags & FLOW_LOCAL != 0,
                    from_low: counted(raw.low_bytes, raw.low_packets),
                    from_high: counted(raw.high_bytes, raw.high_packets),
                    first_ns: raw.first_ns,
                    // The first packet has the exact time.
                    last_ns: raw.last_ns.max(raw.first_ns),
                    round_trip: Sides {
                        lan: quality::ticks(raw.probes[0].round_trip),
                        wan: quality::ticks(raw.probes[1].round_trip),
                    },
                });
            })
            .map_err(failed("flows"))
    }
}

/// The devices and the counters of their classes. There is one: who owns it gives out the slots.
#[derive(Debug)]
pub struct ClassMap {
    maps: Arc<Maps>,
    slots: BTreeMap<DeviceId, Slot>,
    free: BTreeSet<Slot>,
}

impl ClassMap {
    /// Reads which devices have slots.
    pub(crate) fn open(maps: Arc<Maps>) -> Result<ClassMap, DatapathError> {
        let mut slots = BTreeMap::new();
        for key in maps.devices_by_mac.keys().map_err(failed("devices_by_mac"))? {
            let slot = maps.devices_by_mac.get(&key).map_err(failed("devices_by_mac"))?;
            if let Some(slot) = slot.and_then(|number| Slot::new(number as u16)) {
                slots.insert(DeviceId::Mac(MacAddress(key.mac)), slot);
            }
        }
        for key in maps.devices_by_address.keys().map_err(failed("devices_by_address"))? {
            let slot = maps.devices_by_address.get(&key).map_err(failed("devices_by_address"))?;
            if let Some(slot) = slot.and_then(|number| Slot::new(number as u16)) {
                slots.insert(DeviceId::Ip(Address(key.address).ip()), slot);
            }
        }
        let mut free: BTreeSet<Slot> = (Slot::MIN.number()..=Slot::MAX.number()).filter_map(Slot::new).collect();
        for slot in slots.values() {
            free.remove(slot);
        }
        Ok(ClassMap { maps, slots, free })
    }

    /// All devices that have a slot, in the order of their ids.
    pub fn devices(&self) -> Vec<(DeviceId, Slot)> {
        self.slots.iter().map(|(device, slot)| (*device, *slot)).collect()
    }

    /// The device's slot, if it has one.
    pub fn slot_of(&self, device: DeviceId) -> Option<Slot> {
        self.slots.get(&device).copied()
    }

    /// The device's slot: the one it has, else the first free one. Its flows follow with their next packet.
    ///
    /// # Errors
    /// All slots are taken, or a map cannot be written.
    pub fn assign(&mut self, device: DeviceId) -> Result<Slot, DatapathError> {
        if let Some(slot) = self.slot_of(device) {
            return Ok(slot);
        }
        let slot = *self.free.first().ok_or(DatapathError::NoSlot(self.slots.len()))?;
        self.forget_counts(slot)?;
        let number = u32::from(slot.number());
        match DeviceKey::from(device) {
            DeviceKey::Mac(key) => self.maps.devices_by_mac.set(&key, &number).map_err(failed("devices_by_mac"))?,
            DeviceKey::Address(key) => {
                self.maps.devices_by_address.set(&key, &number).map_err(failed("devices_by_address"))?;
            }
        }
        self.slots.insert(device, slot);
        self.free.remove(&slot);
        self.next_generation()?;
        Ok(slot)
    }

    /// Takes the device's slot away. Its leaves must be gone from the queue tree.
    ///
    /// # Errors
    /// A map cannot be written.
    pub fn release(&mut self, device: DeviceId) -> Result<(), DatapathError> {
        let Some(slot) = self.slot_of(device) else { return Ok(()) };
        match DeviceKey::from(device) {
            DeviceKey::Mac(key) => self.maps.devices_by_mac.remove(&key).map_err(failed("devices_by_mac"))?,
            DeviceKey::Address(key) => {
                self.maps.devices_by_address.remove(&key).map_err(failed("devices_by_address"))?
            }
        };
        self.slots.remove(&device);
        self.next_generation()?;
        for class in TrafficClass::ALL {
            for direction in Direction::ALL {
                let row = maps::steer_index(slot.class_minor(class), direction);
                self.maps.steer.set(&row, &0).map_err(failed("steer"))?;
            }
        }
        self.free.insert(slot);
        Ok(())
    }

    /// Hands every counter that is not zero to `sink`, in the order of slot, class and direction, at no loss.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn read_counters(&self, mut sink: impl FnMut(ClassCount)) -> Result<(), DatapathError> {
        let last = self.slots.values().max().map_or(0, |slot| usize::from(slot.number()));
        let rows = (last + 1) * CLASSES * 2;
        self.maps
            .counters
            .read_batches(Values::PerCpu(self.maps.cpus), rows, |row, values| {
                let bytes = values.iter().map(|raw| raw.bytes).fold(0, u64::wrapping_add);
                let packets = values.iter().map(|raw| raw.packets).fold(0, u64::wrapping_add);
                let row = *row as usize;
                let Some(class) = TrafficClass::from_index(row / 2 % CLASSES) else { return };
                if packets == 0 {
                    return;
                }
                sink(ClassCount {
                    slot: Slot::new((row / 2 / CLASSES) as u16),
                    class,
                    direction: if row.is_multiple_of(2) { Direction::Download } else { Direction::Upload },
                    total: Counted { bytes: ByteCount(bytes), packets },
                });
            })
            .map_err(failed("counters"))
    }

    /// Hands what was measured of each device and class to `sink`, in no order.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn read_qualities(&self, mut sink: impl FnMut(QualityReading)) -> Result<(), DatapathError> {
        self.maps
            .qualities
            .read_batches(Values::PerCpu(self.maps.cpus), usize::MAX, |row, values| {
                let (slot, class) = (*row as usize / CLASSES, *row as usize % CLASSES);
                let Some(class) = TrafficClass::from_index(class) else { return };
                sink(QualityReading { slot: Slot::new(slot as u16), class, quality: quality::sum(values) });
            })
            .map_err(failed("qualities"))
    }

    /// What the programs have counted beside flows and classes.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn stats(&self) -> Result<Stats, DatapathError> {
        self.maps.stats()
    }

    /// A slot that was another's must not inherit its counts.
    fn forget_counts(&self, slot: Slot) -> Result<(), DatapathError> {
        for class in TrafficClass::ALL {
            for direction in Direction::ALL {
                let row = maps::counter_index(slot.number(), class, direction);
                self.maps.counters.zero_per_cpu(&row, self.maps.cpus).map_err(failed("counters"))?;
            }
            let row = maps::quality_index(slot.number(), class);
            self.maps.qualities.remove(&row).map_err(failed("qualities"))?;
        }
        Ok(())
    }

    fn next_generation(&self) -> Result<(), DatapathError> {
        self.maps.change_config(|config| config.generation = config.generation.wrapping_add(1))
    }
}
