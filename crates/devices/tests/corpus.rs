//! Real packets of real devices: the shared corpora's captures of devices being set up, where that folder is given by
//! `EQUALNET_CORPORA`. Skipped, saying so, where it is not.

use devices::{Identity, Kind, Registry, RegistrySettings, Sighting};
use std::net::IpAddr;
use std::path::Path;
use vocab::{DeviceId, MacAddress, Timestamp};

#[test]
#[allow(clippy::print_stderr, clippy::disallowed_methods)] // a test that is skipped says so; it reads a folder's name
fn devices_of_the_corpus_are_seen() {
    let Some(folder) = std::env::var_os("EQUALNET_CORPORA") else {
        eprintln!("skipped: EQUALNET_CORPORA names no folder");
        return;
    };
    let folder = Path::new(&folder).join("devices");
    let labels = std::fs::read_to_string(folder.join("mac_labels.csv")).expect("the corpus has labels");
    let mut captures: Vec<_> =
        std::fs::read_dir(folder.join("pcaps")).unwrap().map(|entry| entry.unwrap().path()).collect();
    captures.sort();
    let (mut seen, mut with_address, mut recognised, mut wrong) = (0, 0, 0, 0);
    for capture in &captures {
        let name = capture.file_name().unwrap().to_string_lossy().into_owned();
        let model = name.split("__").next().unwrap();
        let Some((mac, coarse)) = labels.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            (fields[1] == model).then(|| (fields[5].parse::<MacAddress>().unwrap(), fields[4].to_owned()))
        }) else {
            continue;
        };
        let registry = watch(&std::fs::read(capture).unwrap());
        let Some(identity) = registry.get(DeviceId::Mac(mac)).or_else(|| same_maker(&registry, mac)) else { continue };
        seen += 1;
        with_address += usize::from(!identity.addresses.is_empty());
        recognised += usize::from(identity.kind != Kind::Unknown);
        let right = identity.kind.name() == coarse;
        wrong += usize::from(identity.kind != Kind::Unknown && !right);
        eprintln!("{model}: {} ({}) {:?}, {coarse}", identity.name, identity.vendor, identity.kind);
    }
    eprintln!(
        "{} captures: {seen} devices seen, {with_address} with an address, {recognised} recognised, {wrong} of them wrong",
        captures.len()
    );
    assert!(seen * 10 >= captures.len() * 9, "{seen} of {}", captures.len());
    assert!(with_address * 10 >= seen * 9, "{with_address} of {seen}");
    assert!(wrong * 5 <= recognised, "{wrong} of {recognised}");
}

/// Some models were captured with several pieces of them: another of the same maker will do.
fn same_maker(registry: &Registry, mac: MacAddress) -> Option<&Identity> {
    registry.iter().find(|identity| matches!(identity.device, DeviceId::Mac(other) if other.0[..3] == mac.0[..3]))
}

/// What a worker hands over, from a classic pcap file of Ethernet frames in little-endian order.
fn watch(file: &[u8]) -> Registry {
    let mut registry = Registry::new(RegistrySettings::default());
    let mut rest = file.get(24..).unwrap_or_default();
    while let Some((head, tail)) = rest.split_at_checked(16) {
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        let Some((frame, tail)) = tail.split_at_checked(word(8) as usize) else { break };
        rest = tail;
        let at = Timestamp::from_unix_millis(u64::from(word(0)) * 1_000 + u64::from(word(4)) / 1_000);
        for sighting in sightings(frame, at).unwrap_or_default() {
            registry.observe(sighting, at);
        }
    }
    registry
}

fn sightings(frame: &[u8], at: Timestamp) -> Option<Vec<Sighting>> {
    let mac = MacAddress(frame.get(6..12)?.try_into().ok()?);
    let payload = frame.get(14..)?;
    match frame.get(12..14)? {
        [0x08, 0x06] => Some(Sighting::from_arp(payload, at).into_iter().collect()),
        [0x08, 0x00] => {
            let header = usize::from(payload.first()? & 15) * 4;
            let ip = IpAddr::from(<[u8; 4]>::try_from(payload.get(12..16)?).ok()?);
            let local = matches!(ip, IpAddr::V4(v4) if v4.is_private());
            let packet = local.then(|| Sighting::from_packet(mac, ip, at)).flatten();
            let udp = (payload[9] == 17)
                .then(|| payload.get(header..))
                .flatten()
                .and_then(|datagram| udp(mac, ip, datagram, at));
            Some(packet.into_iter().chain(udp).collect())
        }
        [0x86, 0xdd] => {
            let ip = IpAddr::from(<[u8; 16]>::try_from(payload.get(8..24)?).ok()?);
            let sighting = match payload[6] {
                58 => Sighting::from_icmpv6(mac, ip, payload.get(40..)?, at),
                17 => udp(mac, ip, payload.get(40..)?, at),
                _ => None,
            };
            Some(sighting.into_iter().collect())
        }
        _ => None,
    }
}

fn udp(mac: MacAddress, ip: IpAddr, datagram: &[u8], at: Timestamp) -> Option<Sighting> {
    let port = |at: usize| Some(u16::from_be_bytes(datagram.get(at..at + 2)?.try_into().ok()?));
    Sighting::from_udp(mac, ip, port(0)?, port(2)?, datagram.get(8..)?, at)
}
