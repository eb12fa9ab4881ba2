//! Which names stand behind which addresses, per device: what DNS told it, and what its own flows said.
//!
//! Bounded in all and per device: a flood of answers to one device pushes out only what that device was told.

use super::dns::answers;
use super::{Layer, NameSource};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use vocab::{Address, Timestamp};

/// Flows begin long after an answer has run out: programs keep addresses, and their flows outlive them.
const SHORTEST_LIFE: u32 = 15 * 60;
/// Addresses of clouds are given to others within days.
const LONGEST_LIFE: u32 = 24 * 3600;
/// What a flow said of its server holds this long: the device will come back, if at all.
const LIFE_OF_USE: u32 = 3600;
/// A device holds this part of all at most.
const PART: usize = 16;
/// Every device may hold this many, as far as there is room for all.
const FLOOR: usize = 64;
/// How many devices are compared to find one that holds much.
const SAMPLE: usize = 8;

/// What one remembered pair may cost: itself in a table and in its device's queue, the device and whoever speaks for the
/// address, each of which may be half empty and exist twice while they grow, and the longest name with its two counters.
pub(crate) const PER_NAME: usize = 3 * (size_of::<((Address, Address), Entry)>() + 1)
    + 3 * (size_of::<Device>()
        + 2 * size_of::<Address>()
        + size_of::<(Address, u32)>()
        + size_of::<(Address, Address)>()
        + 2)
    + 255
    + 16;

struct Entry {
    name: Arc<str>,
    source: NameSource,
    /// Seconds since 1970.
    until: u32,
}

struct Device {
    address: Address,
    /// Oldest first.
    order: VecDeque<Address>,
}

/// What devices were told and said, bounded.
pub(crate) struct Memory {
    entries: HashMap<(Address, Address), Entry, RandomState>,
    devices: Vec<Device>,
    /// Where a device stands in `devices`.
    places: HashMap<Address, u32, RandomState>,
    /// Who was told of an address: speaks for a device with more than one address, as all with IPv6 have.
    told: HashMap<Address, Address, RandomState>,
    hasher: RandomState,
    most: usize,
    most_per_device: usize,
    hand: usize,
}

impl Memory {
    /// Remembers at most `most` (device, address) pairs.
    pub(crate) fn new(most: usize) -> Memory {
        Memory {
            entries: HashMap::default(),
            devices: Vec::new(),
            places: HashMap::default(),
            told: HashMap::default(),
            hasher: RandomState::default(),
            most,
            most_per_device: (most / PART).max(most.min(FLOOR)),
            hand: 0,
        }
    }

    /// Takes in what a packet of DNS that was sent to `device` carries.
    pub(crate) fn learn(&mut self, device: Address, bytes: &[u8], layer: Layer, now: Timestamp) {
        for message in super::dns::messages(bytes, layer) {
            let mut learnt: Option<Arc<str>> = None;
            answers(message, |name, address, seconds| {
                let until = seconds_of(now).saturating_add(seconds.clamp(SHORTEST_LIFE, LONGEST_LIFE));
                let name = match &learnt {
                    Some(known) if &**known == name => Arc::clone(known),
                    _ => Arc::from(name),
                };
                if learnt.is_none() {
                    let domain = self.domain(&name);
                    let entry = Entry { name: Arc::clone(&name), source: NameSource::DnsAnswer, until };
                    self.remember(device, domain, entry);
                }
                learnt = Some(Arc::clone(&name));
                self.remember(device, address, Entry { name, source: NameSource::DnsAnswer, until });
                self.tell(device, address, now);
            });
        }
    }

    /// Takes in that a flow of `device` to `address` named its server: weaker than DNS, for flows to come that name
    /// none.
    pub(crate) fn learn_use(&mut self, device: Address, address: Address, name: &str, now: Timestamp) {
        if self.find(device, address, now).is_some_and(|known| known.source == NameSource::DnsAnswer) {
            return;
        }
        if self
            .entries
            .get(&(device, address))
            .is_some_and(|known| &*known.name == name && known.until > seconds_of(now))
        {
            return;
        }
        let until = seconds_of(now).saturating_add(LIFE_OF_USE);
        self.remember(device, address, Entry { name: Arc::from(name), source: NameSource::EarlierFlow, until });
    }

    /// The name that `device` (else whoever was told of it) knows to stand at `address`, and how.
    pub(crate) fn name(&self, device: Address, address: Address, now: Timestamp) -> Option<(&str, NameSource)> {
        self.find(device, address, now).map(|entry| (&*entry.name, entry.source))
    }

    /// Whether `outer`, said around an encrypted hello, is not the name that `device` is after: DNS told it another
    /// domain for this address, and it never asked for this one.
    pub(crate) fn contradicts(&self, device: Address, address: Address, outer: &str, now: Timestamp) -> bool {
        let Some(known) = self.find(device, address, now) else { return false };
        known.source == NameSource::DnsAnswer
            && registrable(&known.name) != registrable(outer)
            && self.asker(device, address).is_some_and(|asker| !self.entries.contains_key(&(asker, self.domain(outer))))
    }

    /// Who of `device` and whoever speaks for it has an entry of its own.
    fn asker(&self, device: Address, address: Address) -> Option<Address> {
        if self.entries.contains_key(&(device, address)) { Some(device) } else { self.told.get(&address).copied() }
    }

    fn find(&self, device: Address, address: Address, now: Timestamp) -> Option<&Entry> {
        let asker = self.asker(device, address)?;
        self.entries.get(&(asker, address)).filter(|entry| entry.until > seconds_of(now))
    }

    /// Stands for a domain among addresses: in 100::/64, where none are (RFC 6666).
    fn domain(&self, name: &str) -> Address {
        let mut state = self.hasher.build_hasher();
        state.write(registrable(name).as_bytes());
        let mut address = [0; 16];
        address[0] = 1;
        address[8..].copy_from_slice(&state.finish().to_be_bytes());
        Address(address)
    }

    fn tell(&mut self, device: Address, address: Address, now: Timestamp) {
        let speaker = self.told.get(&address).and_then(|&speaker| self.entries.get(&(speaker, address)));
        if speaker.is_none_or(|entry| entry.until <= seconds_of(now)) && self.entries.contains_key(&(device, address)) {
            self.told.insert(address, device);
        }
    }

    fn remember(&mut self, device: Address, address: Address, entry: Entry) {
        if self.most == 0 {
            return;
        }
        if let Some(known) = self.entries.get_mut(&(device, address)) {
            *known = entry;
            return;
        }
        let held = self.places.get(&device).map_or(0, |&place| self.devices[place as usize].order.len());
        if held >= self.most_per_device {
            self.forget_oldest(self.places[&device] as usize);
        } else if self.entries.len() >= self.most {
            let fullest = self.fullest();
            self.forget_oldest(fullest);
        }
        let place = match self.places.get(&device) {
            Some(&place) => place as usize,
            None => {
                self.devices.push(Device { address: device, order: VecDeque::new() });
                self.places.insert(device, (self.devices.len() - 1) as u32);
                self.devices.len() - 1
            }
        };
        self.devices[place].order.push_back(address);
        self.entries.insert((device, address), entry);
    }

    /// A device that holds much: the one with most of the next few, so that its cost does not grow with their number.
    fn fullest(&mut self) -> usize {
        let count = self.devices.len().max(1);
        self.hand = (self.hand + SAMPLE) % count;
        (0..SAMPLE.min(count))
            .map(|step| (self.hand + step) % count)
            .max_by_key(|&place| self.devices.get(place).map_or(0, |device| device.order.len()))
            .unwrap_or(0)
    }

    fn forget_oldest(&mut self, place: usize) {
        let Some(device) = self.devices.get_mut(place) else { return };
        let owner = device.address;
        let oldest = device.order.pop_front();
        let empty = device.order.is_empty();
        if let Some(address) = oldest {
            self.entries.remove(&(owner, address));
            if self.told.get(&address) == Some(&owner) {
                self.told.remove(&address);
            }
        }
        if empty {
            self.devices.swap_remove(place);
            self.places.remove(&owner);
            if let Some(moved) = self.devices.get(place) {
                self.places.insert(moved.address, place as u32);
            }
        }
    }
}

fn seconds_of(at: Timestamp) -> u32 {
    u32::try_from(at.as_unix_millis() / 1_000).unwrap_or(u32::MAX)
}

/// The part of a name that one holder registered, by shape: two labels, three where the second last is short and the
/// last is a country (`example.co.uk`).
fn registrable(name: &str) -> &str {
    let mut dots = memchr::memrchr_iter(b'.', name.as_bytes());
    let (Some(last), Some(second)) = (dots.next(), dots.next()) else { return name };
    let country = name.len() - last == 3 && last - second <= 4;
    match (country, dots.next()) {
        (true, Some(third)) => &name[third + 1..],
        (true, None) => name,
        (false, _) => &name[second + 1..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_secs(1_000_000);
    const SERVER: Address = Address::from_v4([192, 0, 2, 7]);

    fn device(last: u8) -> Address {
        Address::from_v4([10, 0, 0, last])
    }

    /// `name` (of one label each, as `a.example`) stands at `address`, for `seconds`.
    fn answer(name: &str, address: [u8; 4], seconds: u8) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend_from_slice(label.as_bytes());
        }
        message.extend_from_slice(b"\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0");
        message.extend_from_slice(&[seconds, 0, 4]);
        message.extend_from_slice(&address);
        message
    }

    fn learn(memory: &mut Memory, owner: u8, name: &str, address: [u8; 4]) {
        memory.learn(device(owner), &answer(name, address, 60), Layer::Datagram, NOW);
    }

    fn check(memory: &Memory, owner: u8, at: Timestamp, expected: Option<(&str, NameSource)>) {
        assert_eq!(memory.name(device(owner), SERVER, at), expected);
    }

    #[test]
    fn what_one_was_told_serves_others_until_they_know_better() {
        let mut memory = Memory::new(100);
        learn(&mut memory, 2, "www.example.com", [192, 0, 2, 7]);
        let www = Some(("www.example.com", NameSource::DnsAnswer));
        check(&memory, 2, NOW, www);
        check(&memory, 3, NOW, www);
        learn(&mut memory, 3, "cdn.example.org", [192, 0, 2, 7]);
        check(&memory, 2, NOW, www);
        check(&memory, 3, NOW, Some(("cdn.example.org", NameSource::DnsAnswer)));
        check(&memory, 3, NOW + std::time::Duration::from_secs(u64::from(SHORTEST_LIFE) + 1), None);
    }

    #[test]
    fn what_a_flow_said_is_weaker_than_dns() {
        let mut memory = Memory::new(100);
        memory.learn_use(device(2), SERVER, "a.example", NOW);
        check(&memory, 2, NOW, Some(("a.example", NameSource::EarlierFlow)));
        check(&memory, 3, NOW, None);
        learn(&mut memory, 2, "b.example", [192, 0, 2, 7]);
        memory.learn_use(device(2), SERVER, "a.example", NOW);
        check(&memory, 2, NOW, Some(("b.example", NameSource::DnsAnswer)));
    }

    #[test]
    fn a_flood_to_one_device_pushes_out_only_its_own() {
        for most in [1_000, 10_000] {
            let mut memory = Memory::new(most);
            learn(&mut memory, 2, "www.example.com", [192, 0, 2, 7]);
            for number in 0..40_000_u32 {
                let [_, b, c, d] = number.to_be_bytes();
                learn(&mut memory, 9, &format!("x{number}.flood{number}.test"), [198, 18 + b, c, d]);
            }
            check(&memory, 2, NOW, Some(("www.example.com", NameSource::DnsAnswer)));
            check(&memory, 9, NOW, Some(("www.example.com", NameSource::DnsAnswer)));
            assert!(memory.entries.len() <= most / 4, "{}", memory.entries.len());
        }
    }

    #[test]
    fn many_devices_stay_within_the_bound() {
        let mut memory = Memory::new(50);
        for number in 0..5_000_u16 {
            let [high, low] = number.to_be_bytes();
            let owner = Address::from_v4([10, 1, high, low]);
            memory.learn(owner, &answer("a.example.net", [192, 0, 2, low], 60), Layer::Datagram, NOW);
        }
        assert!(memory.entries.len() <= 50 && memory.devices.len() <= 50 && memory.told.len() <= 50);
        assert_eq!(memory.devices.len(), memory.places.len());
    }

    #[test]
    fn outer_names_that_nobody_asked_for_are_no_answer() {
        let mut memory = Memory::new(100);
        learn(&mut memory, 2, "secret.example.org", [192, 0, 2, 7]);
        learn(&mut memory, 2, "www.asked.net", [192, 0, 2, 99]);
        for (outer, expected) in [("public.provider.net", true), ("other.example.org", false), ("api.asked.net", false)]
        {
            assert_eq!(memory.contradicts(device(2), SERVER, outer, NOW), expected, "{outer}");
        }
        assert!(!memory.contradicts(device(2), device(77), "public.provider.net", NOW));
    }

    #[test]
    fn the_registered_part_is_found_by_shape() {
        for (name, part) in [
            ("a.b.example.com", "example.com"),
            ("www.example.co.uk", "example.co.uk"),
            ("example.co.uk", "example.co.uk"),
            ("example.de", "example.de"),
            ("localhost", "localhost"),
            ("", ""),
        ] {
            assert_eq!(registrable(name), part);
        }
    }
}
