//! Which names stand behind which addresses, per device: what DNS told it, and what its own flows said.
//!
//! Bounded in all and per device, however many addresses a device has. Where there is no room for all, whoever holds
//! most gives way: a device loses no name to one that holds more.

use super::dns::answers;
use super::{Layer, NameSource};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::collections::{BTreeSet, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use vocab::{Address, DeviceId, Timestamp};

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
/// What one remembered pair may cost: itself in a table and in its device's queue, the device and whoever speaks for the
/// address, each of which may be half empty and exist twice while they grow, and the longest name with its two counters.
pub(crate) const PER_NAME: usize = 3 * (size_of::<((Asker, Address), Entry)>() + 1)
    + 3 * (size_of::<(Asker, VecDeque<Address>)>()
        + size_of::<Address>()
        + 2 * size_of::<(u32, Asker)>()
        + size_of::<(Address, Asker)>()
        + 2)
    + 255
    + 16;

/// Who asks: a station, whatever addresses it has; of one that is known by its address alone, the address, in IPv6 its
/// /64, in which a device makes itself as many as it likes (RFC 8981).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Asker(Address);

impl Asker {
    /// Whoever stands at `address`.
    pub(crate) fn at(address: Address) -> Asker {
        match address.ip() {
            IpAddr::V4(_) => Asker(address),
            IpAddr::V6(_) => {
                let mut network = address.0;
                network[8..].fill(0);
                Asker(Address(network))
            }
        }
    }
}

impl From<DeviceId> for Asker {
    fn from(device: DeviceId) -> Asker {
        match device {
            // In 100::/64, where no address is (RFC 6666).
            DeviceId::Mac(mac) => {
                let mut address = [0; 16];
                address[0] = 1;
                address[10..].copy_from_slice(&mac.0);
                Asker(Address(address))
            }
            DeviceId::Ip(ip) => Asker::at(ip.into()),
        }
    }
}

struct Entry {
    name: Arc<str>,
    source: NameSource,
    /// Seconds since 1970.
    until: u32,
}

/// What devices were told and said, bounded.
pub(crate) struct Memory {
    entries: HashMap<(Asker, Address), Entry, RandomState>,
    /// What each asker holds, oldest first.
    held: HashMap<Asker, VecDeque<Address>, RandomState>,
    /// How many that are; the last holds most.
    sizes: BTreeSet<(u32, Asker)>,
    /// Who was told of an address: speaks for others that were not.
    told: HashMap<Address, Asker, RandomState>,
    hasher: RandomState,
    most: usize,
    most_per_asker: usize,
}

impl Memory {
    /// Remembers at most `most` (asker, address) pairs.
    pub(crate) fn new(most: usize) -> Memory {
        Memory {
            entries: HashMap::default(),
            held: HashMap::default(),
            sizes: BTreeSet::new(),
            told: HashMap::default(),
            hasher: RandomState::default(),
            most,
            most_per_asker: (most / PART).max(most.min(FLOOR)),
        }
    }

    /// Takes in what a packet of DNS that was sent to `asker` carries.
    pub(crate) fn learn(&mut self, asker: Asker, bytes: &[u8], layer: Layer, now: Timestamp) {
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
                    self.remember(asker, domain, entry);
                }
                learnt = Some(Arc::clone(&name));
                self.remember(asker, address, Entry { name, source: NameSource::DnsAnswer, until });
                self.tell(asker, address, now);
            });
        }
    }

    /// Takes in that a flow of `asker` to `address` named its server: weaker than DNS, for flows to come that name
    /// none.
    pub(crate) fn learn_use(&mut self, asker: Asker, address: Address, name: &str, now: Timestamp) {
        if self.find(asker, address, now).is_some_and(|known| known.source == NameSource::DnsAnswer) {
            return;
        }
        if self
            .entries
            .get(&(asker, address))
            .is_some_and(|known| &*known.name == name && known.until > seconds_of(now))
        {
            return;
        }
        let until = seconds_of(now).saturating_add(LIFE_OF_USE);
        self.remember(asker, address, Entry { name: Arc::from(name), source: NameSource::EarlierFlow, until });
    }

    /// The name that `asker` (else whoever was told of it) knows to stand at `address`, and how.
    pub(crate) fn name(&self, asker: Asker, address: Address, now: Timestamp) -> Option<(&str, NameSource)> {
        self.find(asker, address, now).map(|entry| (&*entry.name, entry.source))
    }

    /// Whether `outer`, said around an encrypted hello, is not the name that `asker` is after: DNS told it another
    /// domain for this address, and it never asked for this one.
    pub(crate) fn contradicts(&self, asker: Asker, address: Address, outer: &str, now: Timestamp) -> bool {
        let Some(known) = self.find(asker, address, now) else { return false };
        known.source == NameSource::DnsAnswer
            && registrable(&known.name) != registrable(outer)
            && self
                .speaker(asker, address)
                .is_some_and(|asker| !self.entries.contains_key(&(asker, self.domain(outer))))
    }

    /// Who of `asker` and whoever speaks for it has an entry of its own.
    fn speaker(&self, asker: Asker, address: Address) -> Option<Asker> {
        if self.entries.contains_key(&(asker, address)) { Some(asker) } else { self.told.get(&address).copied() }
    }

    fn find(&self, asker: Asker, address: Address, now: Timestamp) -> Option<&Entry> {
        let speaker = self.speaker(asker, address)?;
        self.entries.get(&(speaker, address)).filter(|entry| entry.until > seconds_of(now))
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

    fn tell(&mut self, asker: Asker, address: Address, now: Timestamp) {
        let speaker = self.told.get(&address).and_then(|&speaker| self.entries.get(&(speaker, address)));
        if speaker.is_none_or(|entry| entry.until <= seconds_of(now)) && self.entries.contains_key(&(asker, address)) {
            self.told.insert(address, asker);
        }
    }

    fn remember(&mut self, asker: Asker, address: Address, entry: Entry) {
        if self.most == 0 {
            return;
        }
        if let Some(known) = self.entries.get_mut(&(asker, address)) {
            *known = entry;
            return;
        }
        let held = self.held.get(&asker).map_or(0, VecDeque::len);
        if held >= self.most_per_asker {
            self.forget_oldest(asker);
        } else if self.entries.len() >= self.most {
            let (most, fullest) = self.sizes.last().copied().unwrap_or((0, asker));
            self.forget_oldest(if held >= most as usize { asker } else { fullest });
        }
        let held = self.held.entry(asker).or_default();
        held.push_back(address);
        let size = held.len() as u32;
        self.resize(asker, size - 1, size);
        self.entries.insert((asker, address), entry);
    }

    fn forget_oldest(&mut self, asker: Asker) {
        let Some(held) = self.held.get_mut(&asker) else { return };
        let size = held.len() as u32;
        if let Some(address) = held.pop_front() {
            self.entries.remove(&(asker, address));
            if self.told.get(&address) == Some(&asker) {
                self.told.remove(&address);
            }
            self.resize(asker, size, size - 1);
        }
        if size <= 1 {
            self.held.remove(&asker);
        }
    }

    fn resize(&mut self, asker: Asker, before: u32, now: u32) {
        self.sizes.remove(&(before, asker));
        if now > 0 {
            self.sizes.insert((now, asker));
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
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_unix_secs(1_000_000);
    const SERVER: Address = Address::from_v4([192, 0, 2, 7]);

    fn device(last: u8) -> Asker {
        Asker::at(Address::from_v4([10, 0, 0, last]))
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
            let owner = Asker::at(Address::from_v4([10, 1, high, low]));
            memory.learn(owner, &answer("a.example.net", [192, 0, 2, low], 60), Layer::Datagram, NOW);
        }
        assert!(memory.entries.len() <= 50 && memory.held.len() <= 50 && memory.told.len() <= 50);
        assert_eq!(memory.held.len(), memory.sizes.len());
    }

    #[test]
    fn a_device_is_one_whatever_its_addresses() {
        let address = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        let (mac, other) = (DeviceId::Mac("a4:5e:60:00:00:01".parse().unwrap()), DeviceId::Ip([10, 0, 0, 9].into()));
        assert_eq!(Asker::at(address("2001:db8::1")), Asker::at(address("2001:db8::ffff:2")));
        assert_ne!(Asker::at(address("2001:db8::1")), Asker::at(address("2001:db8:0:1::1")));
        assert_ne!(Asker::at(address("10.0.0.9")), Asker::at(address("10.0.0.8")));
        assert_eq!(Asker::from(other), Asker::at(address("10.0.0.9")));
        assert_ne!(Asker::from(mac), Asker::from(other));
    }

    proptest! {
        /// Whoever else asks for however much: each of so many askers keeps the last of what it was told, up to an equal
        /// part of all.
        #[test]
        fn nobody_loses_a_fair_part_to_another(
            askers in 1u8..12,
            most in 1usize..80,
            told in prop::collection::vec((0u8..12, prop_oneof![Just(1_u16), 1u16..60]), 1..60),
        ) {
            let mut memory = Memory::new(most);
            let mut order: Vec<Vec<Address>> = vec![Vec::new(); usize::from(askers)];
            let mut number = 0_u32;
            for (asker, many) in told {
                let asker = asker % askers;
                for _ in 0..many {
                    number += 1;
                    let address = Address::from_v4(number.to_be_bytes());
                    let entry = Entry { name: Arc::from("a"), source: NameSource::DnsAnswer, until: u32::MAX };
                    memory.remember(device(asker), address, entry);
                    order[usize::from(asker)].push(address);
                    prop_assert!(memory.entries.len() <= most);
                }
            }
            let part = (most / usize::from(askers)).min(memory.most_per_asker);
            for (asker, told) in order.iter().enumerate() {
                for &address in told.iter().rev().take(part) {
                    prop_assert!(memory.name(device(asker as u8), address, NOW).is_some());
                }
            }
            prop_assert_eq!(memory.held.values().map(VecDeque::len).sum::<usize>(), memory.entries.len());
            prop_assert_eq!(memory.held.len(), memory.sizes.len());
        }
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
        assert!(!memory.contradicts(device(2), Address::from_v4([10, 0, 0, 77]), "public.provider.net", NOW));
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
