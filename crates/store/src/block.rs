//! One-second samples as bytes: the blocks of closed minutes and the journal of open ones.
//!
//! Numbers are LEB128 varints. A block is the byte 1 (the version) and then, for each class, its index, the number
//! of its entries and the entries: the second's distance from the one before, bytes and packets both ways, flows.
//! Seconds in which nothing moved are not there. Where somebody was held back, the version is 2 and the distance is
//! times four, plus 1 for a held back download and 2 for an upload; in the journal, of which version 1 has the second
//! in a byte of its own, these two are the byte's upper bits. Version 1 is written wherever it says all.

use crate::StoreError;
use crate::error::unreadable;
use std::collections::BTreeMap;
use vocab::{Direction, TrafficClass};

const VERSION: u8 = 1;
/// The version that says who was held back.
const VERSION_HELD_BACK: u8 = 2;
/// Both ways held back.
const BOTH_WAYS: u8 = 3;
/// Seconds in a minute: what an entry's place is checked against.
const SECONDS: u64 = 60;

/// What one aggregate moved in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Bytes, download and upload.
    pub(crate) bytes: [u64; 2],
    /// Packets, download and upload.
    pub(crate) packets: [u64; 2],
    /// Flows that moved something.
    pub(crate) flows: u64,
    /// A bit each way, see [`way_bit`]: it was held back, and wanted at least that.
    pub(crate) held_back: u8,
}

/// The bit of a direction in [`Moved::held_back`].
pub(crate) fn way_bit(direction: Direction) -> u8 {
    match direction {
        Direction::Download => 1,
        Direction::Upload => 2,
    }
}

impl Moved {
    /// Adds what moved besides; of flows the larger number counts, because they may be the same.
    pub(crate) fn add(&mut self, other: Moved) {
        for way in 0..2 {
            self.bytes[way] = self.bytes[way].saturating_add(other.bytes[way]);
            self.packets[way] = self.packets[way].saturating_add(other.packets[way]);
        }
        self.flows = self.flows.max(other.flows);
        self.held_back |= other.held_back;
    }

    fn fields(self) -> [u64; 5] {
        [self.bytes[0], self.bytes[1], self.packets[0], self.packets[1], self.flows]
    }

    fn from_fields([download, upload, packets_download, packets_upload, flows]: [u64; 5], held_back: u8) -> Moved {
        Moved { bytes: [download, upload], packets: [packets_download, packets_upload], flows, held_back }
    }
}

/// One minute of one device: by class, by second (0 to 59).
pub(crate) type Minute = BTreeMap<TrafficClass, BTreeMap<u8, Moved>>;

/// `minute` as a block.
pub(crate) fn encode(minute: &Minute) -> Vec<u8> {
    let held_back = minute.values().flat_map(BTreeMap::values).any(|moved| moved.held_back != 0);
    let mut bytes = vec![if held_back { VERSION_HELD_BACK } else { VERSION }];
    for (class, seconds) in minute {
        bytes.push(class.index() as u8);
        put(&mut bytes, seconds.len() as u64);
        let mut before = 0;
        for (second, moved) in seconds {
            let step = u64::from(second - before);
            put(&mut bytes, if held_back { step << 2 | u64::from(moved.held_back) } else { step });
            before = *second;
            moved.fields().into_iter().for_each(|field| put(&mut bytes, field));
        }
    }
    bytes
}

/// The minute in a block.
pub(crate) fn decode(bytes: &[u8]) -> Result<Minute, StoreError> {
    let broken = || unreadable("block of", format!("{} bytes", bytes.len()));
    let (has_ways, mut rest) = versioned(bytes).ok_or_else(broken)?;
    let mut minute = Minute::new();
    while let Some((index, tail)) = rest.split_first() {
        rest = tail;
        let class = TrafficClass::from_index(usize::from(*index)).ok_or_else(broken)?;
        let count = take(&mut rest).filter(|count| *count <= SECONDS).ok_or_else(broken)?;
        let mut second = 0;
        for _ in 0..count {
            let step = take(&mut rest).ok_or_else(broken)?;
            let (step, held_back) = if has_ways { (step >> 2, step as u8 & BOTH_WAYS) } else { (step, 0) };
            if step >= SECONDS {
                return Err(broken());
            }
            second += step;
            let mut fields = [0; 5];
            for field in &mut fields {
                *field = take(&mut rest).ok_or_else(broken)?;
            }
            let second = u8::try_from(second).ok().filter(|second| u64::from(*second) < SECONDS).ok_or_else(broken)?;
            minute.entry(class).or_default().entry(second).or_default().add(Moved::from_fields(fields, held_back));
        }
    }
    Ok(minute)
}

/// A sample in the journal: whose, and in which second of its minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) link: u16,
    /// The device's row.
    pub(crate) device: i64,
    pub(crate) class: TrafficClass,
    pub(crate) second: u8,
    pub(crate) moved: Moved,
}

/// Samples of one minute as a batch of the journal.
pub(crate) fn encode_batch(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * 16 + 1);
    let held_back = entries.iter().any(|entry| entry.moved.held_back != 0);
    bytes.push(if held_back { VERSION_HELD_BACK } else { VERSION });
    for entry in entries {
        put(&mut bytes, u64::from(entry.link));
        put(&mut bytes, entry.device as u64);
        bytes.extend([entry.class.index() as u8, entry.second | entry.moved.held_back << 6]);
        entry.moved.fields().into_iter().for_each(|field| put(&mut bytes, field));
    }
    bytes
}

/// The samples in a batch of the journal.
pub(crate) fn decode_batch(bytes: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let broken = || unreadable("journal batch of", format!("{} bytes", bytes.len()));
    let (has_ways, mut rest) = versioned(bytes).ok_or_else(broken)?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let entry = entry(&mut rest, has_ways).ok_or_else(broken)?;
        entries.push(entry);
    }
    Ok(entries)
}

/// Whether the version of `bytes` says who was held back, and what follows it.
fn versioned(bytes: &[u8]) -> Option<(bool, &[u8])> {
    match bytes.split_first()? {
        (&VERSION, rest) => Some((false, rest)),
        (&VERSION_HELD_BACK, rest) => Some((true, rest)),
        _ => None,
    }
}

fn entry(rest: &mut &[u8], has_ways: bool) -> Option<Entry> {
    let link = u16::try_from(take(rest)?).ok()?;
    let device = i64::try_from(take(rest)?).ok()?;
    let (head, tail) = rest.split_at_checked(2)?;
    *rest = tail;
    let class = TrafficClass::from_index(usize::from(head[0]))?;
    let (second, held_back) = if has_ways { (head[1] & 0x3f, head[1] >> 6) } else { (head[1], 0) };
    if u64::from(second) >= SECONDS {
        return None;
    }
    let mut fields = [0; 5];
    for field in &mut fields {
        *field = take(rest)?;
    }
    Some(Entry { link, device, class, second, moved: Moved::from_fields(fields, held_back) })
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        // The tenth byte holds the last bit alone.
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    fn moved() -> impl Strategy<Value = Moved> {
        let number = prop_oneof![0u64..2_000, any::<u64>()];
        let numbers = [number.clone(), number.clone(), number.clone(), number.clone(), number];
        let held_back = prop_oneof![9 => Just(0u8), 1 => 0..=BOTH_WAYS];
        (numbers, held_back).prop_map(|(fields, held_back)| Moved::from_fields(fields, held_back))
    }

    fn class() -> impl Strategy<Value = TrafficClass> {
        (0..TrafficClass::COUNT).prop_map(|index| TrafficClass::ALL[index])
    }

    proptest! {
        #[test]
        fn blocks_come_back(minute in btree_map(class(), btree_map(0u8..60, moved(), 1..60), 0..6)) {
            prop_assert_eq!(decode(&encode(&minute)).unwrap(), minute);
        }

        #[test]
        fn batches_come_back(
            entries in vec((any::<u16>(), 0..i64::MAX, class(), 0u8..60, moved()), 0..40)
        ) {
            let entries: Vec<Entry> = entries
                .into_iter()
                .map(|(link, device, class, second, moved)| Entry { link, device, class, second, moved })
                .collect();
            prop_assert_eq!(decode_batch(&encode_batch(&entries)).unwrap(), entries);
        }

        #[test]
        fn no_bytes_break_the_decoders(mut bytes in vec(any::<u8>(), 0..300)) {
            let _ = (decode(&bytes), decode_batch(&bytes));
            for version in [VERSION, VERSION_HELD_BACK] {
                bytes.insert(0, version);
                let _ = (decode(&bytes), decode_batch(&bytes));
            }
        }

        #[test]
        fn a_cut_block_is_an_error_or_shorter(minute in btree_map(class(), btree_map(0u8..60, moved(), 1..9), 1..4), cut in 1usize..50) {
            let block = encode(&minute);
            let cut = block.len().saturating_sub(cut);
            prop_assert_ne!(decode(&block[..cut]).ok(), Some(minute));
        }
    }

    /// Yesterday's bytes: changing them needs a new version byte.
    #[test]
    fn the_format_stays() {
        let moved = Moved { bytes: [1_500, 40], packets: [1, 1], flows: 2, held_back: 0 };
        let minute = Minute::from([(TrafficClass::Web, [(3, moved), (59, Moved::default())].into())]);
        let bytes = [1, 4, 2, 3, 0xdc, 0x0b, 40, 1, 1, 2, 56, 0, 0, 0, 0, 0];
        assert_eq!(encode(&minute), bytes);
        assert_eq!(decode(&bytes).unwrap(), minute);
        let held_back = Moved { held_back: way_bit(Direction::Upload), ..moved };
        let minute = Minute::from([(TrafficClass::Web, [(3, held_back), (59, Moved::default())].into())]);
        let bytes = [2, 4, 2, 3 << 2 | 2, 0xdc, 0x0b, 40, 1, 1, 2, 0xe0, 1, 0, 0, 0, 0, 0];
        assert_eq!(encode(&minute), bytes);
        assert_eq!(decode(&bytes).unwrap(), minute);
        let entry = Entry { link: 0, device: 1, class: TrafficClass::Web, second: 59, moved: held_back };
        let bytes = [2, 0, 1, 4, 59 | 2 << 6, 0xdc, 0x0b, 40, 1, 1, 2];
        assert_eq!(encode_batch(&[entry]), bytes);
        assert_eq!(decode_batch(&bytes).unwrap(), [entry]);
    }
}
