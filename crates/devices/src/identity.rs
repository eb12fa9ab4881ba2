//! Who is who: the addresses of one device, its name, its maker, its kind.

use crate::recognise::{Kind, recognise};
use crate::{Clue, Sighting, Witness, short_vendor, vendor};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use vocab::{DeviceId, DeviceRecord, MacAddress, Timestamp};

/// Who gave a device its name; the first that spoke wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameSource {
    /// The operator.
    Operator,
    /// The device, asking for an address (DHCP options 12 and 81, lease files).
    Dhcp,
    /// The device, announcing a service under a name that people gave it.
    MdnsFriendly,
    /// The device, announcing its `.local` name.
    MdnsHost,
    /// The device, over NetBIOS or LLMNR.
    Netbios,
    /// Nobody: its model, or its maker and the end of its MAC address.
    Maker,
    /// Nobody: its address.
    Address,
}

/// One device, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which: by its MAC address, or by its IP address behind a router.
    pub device: DeviceId,
    /// What it is called; never empty.
    pub name: String,
    /// Who gave it that name.
    pub named_by: NameSource,
    /// Its maker, as registered with the IEEE; empty if unknown.
    pub vendor: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// Its addresses, the latest seen last, at most [`Registry::MAX_ADDRESSES`].
    pub addresses: Vec<IpAddr>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
}

impl Identity {
    /// As it is kept in history.
    pub fn record(&self) -> DeviceRecord {
        DeviceRecord {
            device: self.device,
            name: self.name.clone(),
            vendor: self.vendor.clone(),
            addresses: self.addresses.clone(),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
        }
    }
}

/// What a sighting changed, the weightiest alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose identity.
    pub device: DeviceId,
    /// What of it.
    pub kind: ChangeKind,
}

/// What changed of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was not known; where the registry was full, another was forgotten for it.
    Appeared {
        /// The one that had been quiet for longest.
        forgotten: Option<DeviceId>,
    },
    /// It has another name.
    Renamed,
    /// It has an address more.
    AddressAdded,
    /// It is another kind of thing than was thought.
    Recognised,
}

/// How much a registry keeps, and who is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrySettings {
    /// The most devices kept; made-up MAC addresses cannot fill the memory.
    pub capacity: usize,
    /// Stations that forward for others: what they send as another address than their own is from a device
    /// behind them, known by its IP address.
    pub routers: BTreeSet<MacAddress>,
}

impl Default for RegistrySettings {
    /// 8,192 devices (eight times the kernel's default `gc_thresh3` of neighbours), no routers.
    fn default() -> RegistrySettings {
        RegistrySettings { capacity: 8_192, routers: BTreeSet::new() }
    }
}

/// All devices that were seen.
#[derive(Clone, Debug)]
pub struct Registry {
    settings: RegistrySettings,
    devices: BTreeMap<DeviceId, Known>,
    by_address: BTreeMap<IpAddr, DeviceId>,
    operator_names: BTreeMap<DeviceId, String>,
}

/// An identity and what it was made of.
#[derive(Clone, Debug)]
struct Known {
    identity: Identity,
    names: BTreeMap<NameSource, String>,
    clues: BTreeSet<Clue>,
}

impl Registry {
    /// The most addresses kept of one device; IPv6 alone gives a phone some eight at a time.
    pub const MAX_ADDRESSES: usize = 16;
    /// The most clues kept of one device beside its names.
    pub const MAX_CLUES: usize = 48;

    /// A registry that knows nobody.
    pub fn new(settings: RegistrySettings) -> Registry {
        let (devices, by_address, operator_names) = Default::default();
        Registry { settings, devices, by_address, operator_names }
    }

    /// Takes a sighting in; says what it changed. A sighting from the future counts as from `now`.
    ///
    /// An address belongs to whoever was seen with it last, as in the kernel's neighbour table.
    pub fn observe(&mut self, sighting: Sighting, now: Timestamp) -> Option<Change> {
        let at = sighting.at.min(now);
        let device = self.device_of(&sighting)?;
        let appeared = !self.devices.contains_key(&device);
        let forgotten = if appeared { self.make_room() } else { None };
        let known = self.devices.entry(device).or_insert_with(|| Known::new(device, at));
        known.identity.last_seen = known.identity.last_seen.max(at);
        known.identity.first_seen = known.identity.first_seen.min(at);

        let mut changed = None;
        if let Some(address) = sighting.address
            && self.by_address.get(&address) != Some(&device)
        {
            changed = Some(ChangeKind::AddressAdded);
            self.give(address, device);
        } else if let Some(address) = sighting.address {
            let addresses = &mut known.identity.addresses;
            if addresses.last() != Some(&address) {
                addresses.retain(|other| *other != address);
                addresses.push(address);
            }
        }

        let known = self.devices.get_mut(&device).expect("it was put there above");
        let before = (known.identity.name.clone(), known.identity.kind);
        let mut learned = changed.is_some() || appeared;
        for clue in sighting.clues {
            learned |= known.learn(clue);
        }
        if learned {
            known.conclude(self.operator_names.get(&device));
        }
        let renamed = known.identity.name != before.0;
        let recognised = known.identity.kind != before.1;
        let kind = match (appeared, renamed, changed, recognised) {
            (true, ..) => ChangeKind::Appeared { forgotten },
            (_, true, ..) => ChangeKind::Renamed,
            (.., Some(kind), _) => kind,
            (.., true) => ChangeKind::Recognised,
            _ => return None,
        };
        Some(Change { device, kind })
    }

    /// Calls a device as the operator says from now on; `None` leaves it to the device again. Kept for
    /// devices that were not seen yet.
    pub fn set_name(&mut self, device: DeviceId, name: Option<String>) {
        match name {
            Some(name) => self.operator_names.insert(device, name),
            None => self.operator_names.remove(&device),
        };
        if let Some(known) = self.devices.get_mut(&device) {
            known.conclude(self.operator_names.get(&device));
        }
    }

    /// Puts back a device from history; what was seen since wins.
    pub fn restore(&mut self, record: &DeviceRecord) {
        if self.devices.contains_key(&record.device) || self.devices.len() >= self.settings.capacity {
            return;
        }
        let mut known = Known::new(record.device, record.first_seen);
        known.identity.last_seen = record.last_seen;
        self.devices.insert(record.device, known);
        let newest = record.addresses.len().saturating_sub(Self::MAX_ADDRESSES);
        for address in &record.addresses[newest..] {
            if !self.by_address.contains_key(address) {
                self.give(*address, record.device);
            }
        }
        let known = self.devices.get_mut(&record.device).expect("it was put there above");
        known.conclude(self.operator_names.get(&record.device));
        // History holds the chosen name and not who gave it: the least source that is more than an address.
        if known.identity.name != record.name && !record.name.is_empty() {
            known.names.insert(NameSource::Netbios, record.name.clone());
            known.conclude(self.operator_names.get(&record.device));
        }
    }

    /// One device.
    pub fn get(&self, device: DeviceId) -> Option<&Identity> {
        self.devices.get(&device).map(|known| &known.identity)
    }

    /// All devices, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Identity> {
        self.devices.values().map(|known| &known.identity)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether nobody was seen yet.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// Who has `address`; IPv4 addresses mapped into IPv6 are IPv4.
    pub fn device_of_ip(&self, address: IpAddr) -> Option<DeviceId> {
        self.by_address.get(&address.to_canonical()).copied()
    }

    /// Whom a sighting is of.
    fn device_of(&self, sighting: &Sighting) -> Option<DeviceId> {
        let by_address = || {
            let address = sighting.address?;
            Some(self.by_address.get(&address).copied().unwrap_or(DeviceId::Ip(address)))
        };
        match sighting.mac {
            Some(mac) if sighting.witness == Witness::Packet && self.settings.routers.contains(&mac) => {
                by_address().or(Some(DeviceId::Mac(mac)))
            }
            Some(mac) => Some(DeviceId::Mac(mac)),
            None => by_address(),
        }
    }

    /// Gives `address` to `device`, takes it from whoever had it, and forgets the device's oldest beyond the
    /// most kept.
    fn give(&mut self, address: IpAddr, device: DeviceId) {
        if let Some(former) = self.by_address.insert(address, device)
            && let Some(known) = self.devices.get_mut(&former)
        {
            known.identity.addresses.retain(|other| *other != address);
            // Known by nothing but this address, which turned out to be another's.
            if former == DeviceId::Ip(address) && former != device {
                self.devices.remove(&former);
            }
        }
        if let Some(known) = self.devices.get_mut(&device) {
            known.identity.addresses.push(address);
            if known.identity.addresses.len() > Self::MAX_ADDRESSES {
                let oldest = known.identity.addresses.remove(0);
                self.by_address.remove(&oldest);
            }
        }
    }

    /// Forgets the device that has been quiet for longest if there is no room for another; those with a name
    /// from the operator last.
    fn make_room(&mut self) -> Option<DeviceId> {
        if self.devices.len() < self.settings.capacity.max(1) {
            return None;
        }
        let quiet = |(device, known): &(&DeviceId, &Known)| {
            (self.operator_names.contains_key(device), known.identity.last_seen, **device)
        };
        let oldest = *self.devices.iter().min_by_key(quiet)?.0;
        let known = self.devices.remove(&oldest)?;
        for address in known.identity.addresses {
            self.by_address.remove(&address);
        }
        Some(oldest)
    }
}

impl Known {
    fn new(device: DeviceId, at: Timestamp) -> Known {
        let vendor = match device {
            DeviceId::Mac(mac) => vendor(mac).unwrap_or_default().to_owned(),
            DeviceId::Ip(_) => String::new(),
        };
        let identity = Identity {
            device,
            name: String::new(),
            named_by: NameSource::Address,
            vendor,
            kind: Kind::Unknown,
            addresses: Vec::new(),
            first_seen: at,
            last_seen: at,
        };
        Known { identity, names: BTreeMap::new(), clues: BTreeSet::new() }
    }

    /// Whether the clue is new.
    fn learn(&mut self, clue: Clue) -> bool {
        match clue {
            Clue::Name(source, name) => self.names.insert(source, name.clone()) != Some(name),
            clue => self.clues.len() < Registry::MAX_CLUES && self.clues.insert(clue),
        }
    }

    /// Names and recognises it anew from all that is known.
    fn conclude(&mut self, operator: Option<&String>) {
        let identity = &mut self.identity;
        let named = self.names.iter().map(|(source, name)| Clue::Name(*source, name.clone()));
        let clues: Vec<Clue> = named.chain(self.clues.iter().cloned()).collect();
        identity.kind = recognise(&identity.vendor, &clues).kind;

        let model = self.clues.iter().find_map(|clue| match clue {
            Clue::Model(model) => Some(model.clone()),
            _ => None,
        });
        let made = || match identity.device {
            DeviceId::Mac(mac) if !identity.vendor.is_empty() => {
                let [.., d, e, f] = mac.0;
                Some(format!("{} {d:02x}:{e:02x}:{f:02x}", short_vendor(&identity.vendor)))
            }
            DeviceId::Mac(_) | DeviceId::Ip(_) => None,
        };
        let given = operator.map(|name| (NameSource::Operator, name.clone()));
        let said = || self.names.first_key_value().map(|(source, name)| (*source, name.clone()));
        let maker = || model.or_else(made).map(|name| (NameSource::Maker, name));
        let address = || {
            let newest = identity.addresses.last().map(IpAddr::to_string);
            (NameSource::Address, newest.unwrap_or_else(|| identity.device.to_string()))
        };
        (identity.named_by, identity.name) = given.or_else(said).or_else(maker).unwrap_or_else(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PHONE: MacAddress = MacAddress([0xa4, 0x5e, 0x60, 0, 0, 1]);
    const PRIVATE: MacAddress = MacAddress([0x02, 0, 0, 0, 0, 1]);
    const ROUTER: MacAddress = MacAddress([0x00, 0x17, 0x88, 0, 0, 9]);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_secs(seconds)
    }

    fn seen(mac: MacAddress, ip: &str, seconds: u64) -> Sighting {
        Sighting::from_packet(mac, ip.parse().unwrap(), at(seconds)).unwrap()
    }

    fn named(mac: MacAddress, source: NameSource, name: &str) -> Sighting {
        Sighting { clues: vec![Clue::Name(source, name.to_owned())], ..seen(mac, "192.168.1.20", 1) }
    }

    fn registry() -> Registry {
        Registry::new(RegistrySettings { capacity: 3, routers: [ROUTER].into() })
    }

    /// Feeds sightings at their own time; says what each changed.
    #[track_caller]
    fn check(registry: &mut Registry, sightings: &[(Sighting, Option<ChangeKind>)]) {
        for (index, (sighting, change)) in sightings.iter().enumerate() {
            let got = registry.observe(sighting.clone(), at(1_000)).map(|change| change.kind);
            assert_eq!(got, *change, "sighting {index}");
        }
    }

    const APPEARED: Option<ChangeKind> = Some(ChangeKind::Appeared { forgotten: None });

    #[test]
    fn one_station_with_many_addresses_is_one_device() {
        let mut registry = registry();
        check(
            &mut registry,
            &[
                (seen(PHONE, "192.168.1.20", 1), APPEARED),
                (seen(PHONE, "fd00::20", 2), Some(ChangeKind::AddressAdded)),
                (seen(PHONE, "192.168.1.20", 3), None),
            ],
        );
        let phone = registry.get(DeviceId::Mac(PHONE)).unwrap();
        assert_eq!(phone.addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>(), ["fd00::20", "192.168.1.20"]);
        assert_eq!((phone.first_seen, phone.last_seen), (at(1), at(3)));
        assert_eq!(registry.device_of_ip("fd00::20".parse().unwrap()), Some(DeviceId::Mac(PHONE)));
        assert_eq!(registry.device_of_ip("::ffff:192.168.1.20".parse().unwrap()), Some(DeviceId::Mac(PHONE)));
    }

    #[test]
    fn the_best_name_wins_whatever_the_order() {
        let mut registry = registry();
        let name = |registry: &Registry| registry.get(DeviceId::Mac(PHONE)).unwrap().name.clone();
        registry.observe(seen(PHONE, "192.168.1.20", 1), at(1));
        assert_eq!(name(&registry), "Apple 00:00:01");
        check(&mut registry, &[(named(PHONE, NameSource::Netbios, "PHONE"), Some(ChangeKind::Renamed))]);
        check(&mut registry, &[(named(PHONE, NameSource::Dhcp, "Annas-iPhone"), Some(ChangeKind::Renamed))]);
        check(&mut registry, &[(named(PHONE, NameSource::MdnsHost, "iPhone-2"), None)]);
        assert_eq!(name(&registry), "Annas-iPhone");
        registry.set_name(DeviceId::Mac(PHONE), Some("Anna".into()));
        check(&mut registry, &[(named(PHONE, NameSource::Dhcp, "iPhone"), None)]);
        assert_eq!(name(&registry), "Anna");
        registry.set_name(DeviceId::Mac(PHONE), None);
        assert_eq!(name(&registry), "iPhone");
        registry.observe(seen(PRIVATE, "192.168.1.30", 1), at(1));
        assert_eq!(registry.get(DeviceId::Mac(PRIVATE)).unwrap().name, "192.168.1.30");
    }

    #[test]
    fn an_address_belongs_to_whoever_was_seen_with_it_last() {
        let mut registry = registry();
        registry.observe(seen(PHONE, "192.168.1.20", 1), at(1));
        registry.observe(seen(PRIVATE, "192.168.1.20", 2), at(2));
        assert_eq!(registry.device_of_ip("192.168.1.20".parse().unwrap()), Some(DeviceId::Mac(PRIVATE)));
        assert_eq!(registry.get(DeviceId::Mac(PHONE)).unwrap().addresses, [] as [IpAddr; 0]);
    }

    #[test]
    fn of_many_addresses_the_newest_are_kept() {
        let mut registry = registry();
        for last in 0..20 {
            registry.observe(seen(PHONE, &format!("fd00::{last:x}"), 1), at(1));
        }
        let phone = registry.get(DeviceId::Mac(PHONE)).unwrap();
        assert_eq!(phone.addresses.len(), Registry::MAX_ADDRESSES);
        assert_eq!(phone.addresses.last(), Some(&"fd00::13".parse().unwrap()));
        assert_eq!(registry.device_of_ip("fd00::3".parse().unwrap()), None);
        assert_eq!(registry.device_of_ip("fd00::4".parse().unwrap()), Some(DeviceId::Mac(PHONE)));
    }

    #[test]
    fn devices_behind_a_router_are_known_by_their_addresses() {
        let mut registry = registry();
        let arp = Sighting { witness: Witness::Arp, ..seen(ROUTER, "192.168.1.1", 1) };
        check(
            &mut registry,
            &[(arp, APPEARED), (seen(ROUTER, "10.1.0.5", 2), APPEARED), (seen(ROUTER, "192.168.1.1", 3), None)],
        );
        assert_eq!(registry.device_of_ip("10.1.0.5".parse().unwrap()), Some(DeviceId::Ip("10.1.0.5".parse().unwrap())));
        assert_eq!(registry.device_of_ip("192.168.1.1".parse().unwrap()), Some(DeviceId::Mac(ROUTER)));
    }

    #[test]
    fn an_address_without_a_station_joins_its_station_when_that_is_seen() {
        let mut registry = registry();
        let address = "192.168.1.20".parse().unwrap();
        registry.observe(Sighting::from_address(address, at(1)).unwrap(), at(1));
        assert_eq!(registry.device_of_ip(address), Some(DeviceId::Ip(address)));
        registry.observe(seen(PHONE, "192.168.1.20", 2), at(2));
        assert_eq!(registry.iter().map(|identity| identity.device).collect::<Vec<_>>(), [DeviceId::Mac(PHONE)]);
        registry.observe(Sighting::from_address(address, at(3)).unwrap(), at(3));
        assert_eq!(registry.len(), 1);
    }

    #[test]
    fn the_quietest_is_forgotten_and_the_named_stay() {
        let mut registry = registry();
        let mac = |last| MacAddress([2, 0, 0, 0, 0, last]);
        for last in 1..=3 {
            registry.observe(seen(mac(last), &format!("192.168.1.{last}"), u64::from(last)), at(10));
        }
        registry.set_name(DeviceId::Mac(mac(1)), Some("server".into()));
        let forgotten = Some(DeviceId::Mac(mac(2)));
        check(&mut registry, &[(seen(mac(4), "192.168.1.4", 9), Some(ChangeKind::Appeared { forgotten }))]);
        assert_eq!(registry.device_of_ip("192.168.1.2".parse().unwrap()), None);
        assert!(registry.get(DeviceId::Mac(mac(1))).is_some());
    }

    #[test]
    fn history_comes_back_and_the_present_wins() {
        let mut registry = registry();
        registry.observe(named(PHONE, NameSource::Dhcp, "Annas-iPhone"), at(1));
        let record = registry.get(DeviceId::Mac(PHONE)).unwrap().record();
        let mut next = self::registry();
        next.restore(&record);
        assert_eq!(next.get(DeviceId::Mac(PHONE)).unwrap().record(), record);
        next.observe(named(PHONE, NameSource::Dhcp, "Ben"), at(2));
        assert_eq!(next.get(DeviceId::Mac(PHONE)).unwrap().name, "Ben");
    }

    proptest! {
        #[test]
        fn addresses_and_devices_agree_and_stay_bounded(
            events in proptest::collection::vec((0u8..8, 0u8..40, 0u64..100, any::<bool>()), 0..300)
        ) {
            let mut registry = registry();
            for (station, address, seconds, on_segment) in events {
                let mac = if station == 0 { ROUTER } else { MacAddress([2, 0, 0, 0, 0, station]) };
                let ip = IpAddr::from([10, 0, 0, address + 1]);
                let sighting = match on_segment {
                    true => Sighting::from_packet(mac, ip, at(seconds)),
                    false => Sighting::from_address(ip, at(seconds)),
                };
                registry.observe(sighting.unwrap(), at(seconds));
                prop_assert!(registry.len() <= 3);
                let listed: BTreeMap<IpAddr, DeviceId> = registry
                    .iter()
                    .flat_map(|identity| identity.addresses.iter().map(|ip| (*ip, identity.device)))
                    .collect();
                prop_assert_eq!(&listed, &registry.by_address);
                for identity in registry.iter() {
                    prop_assert!(identity.addresses.len() <= Registry::MAX_ADDRESSES);
                    prop_assert!(identity.first_seen <= identity.last_seen && !identity.name.is_empty());
                }
            }
        }
    }
}
