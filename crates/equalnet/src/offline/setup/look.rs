//! Looks around: everything `equalnet setup` decides from. Touches nothing but what it makes to try what the kernel can
//! do, a scratch interface and a set of eBPF maps, and takes both away again.

use super::findings::{Findings, Forwarding, Found, Kernel, Kind, Shaped, Way, Whose};
use crate::privileges;
use anyhow::{Context, Result};
use capture::{NeighborState, Surroundings};
use datapath::{Datapath, DatapathSettings};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use vocab::{Direction, InterfaceName};

/// Where eBPF is tried: beside the place of a daemon that may run.
const TRIAL: &str = "/sys/fs/bpf/equalnet-setup";

/// Everything that can be found out without measuring.
///
/// # Errors
/// The kernel does not tell which interfaces there are.
pub fn look() -> Result<Findings> {
    let around = capture::surroundings().context("the network cannot be looked at")?;
    let forwards = ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"]
        .into_iter()
        .any(|file| std::fs::read_to_string(file).is_ok_and(|value| value.trim() != "0"));
    let missing = privileges::missing();
    let kernel = missing.is_empty().then(try_kernel).flatten();
    Ok(Findings {
        forwards: if forwards { Forwarding::On } else { Forwarding::Off },
        missing,
        kernel,
        ..found(&around, &wireless(&read("/proc/net/wireless")), is_pppoe(&read("/proc/net/pppoe")))
    })
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The interfaces in the table of proc_net_wireless: two lines of titles, then a line for each.
fn wireless(table: &str) -> BTreeSet<String> {
    let lines = table.lines().skip(2);
    lines.filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().to_owned()).collect()
}

/// Whether the table of PPPoE's sockets has an entry under its title.
fn is_pppoe(table: &str) -> bool {
    table.lines().skip(1).any(|line| !line.trim().is_empty())
}

fn try_kernel() -> Option<Kernel> {
    let abilities = shaper::abilities().ok()?;
    let settings = DatapathSettings { pin_dir: TRIAL.into(), ..DatapathSettings::default() };
    let no_bpf = Datapath::load_or_adopt(&settings).err().map(|error| error.to_string());
    let _ = Datapath::clear(Path::new(TRIAL));
    let _ = std::fs::remove_dir(TRIAL);
    Some(Kernel { htb: abilities.htb, ifb: abilities.ifb, leaf: abilities.leaf.name(), no_bpf })
}

/// What the kernel said, in our words.
fn found(around: &Surroundings, wireless: &BTreeSet<String>, pppoe: bool) -> Findings {
    let name_of = |index: u32| {
        around.interfaces.iter().find(|interface| interface.index == index).map(|interface| interface.name.clone())
    };
    let ours = Direction::ALL.map(datapath::major);
    let gateways: Vec<IpAddr> = around.ways_out.iter().filter_map(|way| way.gateway).collect();
    let stations: BTreeSet<_> = around
        .neighbors
        .iter()
        .filter(|neighbor| gateways.contains(&neighbor.address))
        .filter_map(|neighbor| neighbor.mac)
        .collect();
    let interfaces = around.interfaces.iter().filter(|interface| !interface.loopback && !is_ours(&interface.name));
    let interfaces = interfaces
        .map(|interface| {
            let place = around.places.get(&interface.index).cloned().unwrap_or_default();
            let is_wifi = wireless.contains(interface.name.as_str()) || interface.name.as_str().starts_with("wl");
            let is_wifi = is_wifi && place.kind.is_empty();
            let answered = around.neighbors.iter().filter(|neighbor| {
                let there = matches!(neighbor.state, NeighborState::Reachable | NeighborState::Stale);
                neighbor.interface == interface.index && there
            });
            let leads_out = around.learnt.iter().any(|(mac, port)| *port == interface.index && stations.contains(mac));
            let shaped_by = around.queues.get(&interface.index).map(|queue| {
                let is_ours = queue.kind == "htb" && ours.contains(&queue.major);
                Shaped { kind: queue.kind.clone(), by: if is_ours { Whose::Ours } else { Whose::SomebodyElses } }
            });
            Found {
                kind: Kind::of(&place.kind, place.vlan, place.is_ppp, pppoe, is_wifi),
                state: interface.state,
                part_of: place.part_of.and_then(name_of),
                rides_on: place.rides_on.and_then(name_of),
                addresses: interface
                    .addresses
                    .iter()
                    .filter(|of| !is_link_local(of.address))
                    .map(|of| (of.address, of.prefix))
                    .collect(),
                speed_mbps: interface.speed_mbps,
                devices: answered.filter_map(|neighbor| neighbor.mac).collect::<BTreeSet<_>>().len(),
                leads_out,
                shaped_by,
                name: interface.name.clone(),
            }
        })
        .collect();
    let mut ways: Vec<_> = around.ways_out.iter().collect();
    // As the kernel chooses: halves are longer prefixes than wholes, then the metric; IPv4 before IPv6 is our choice.
    ways.sort_by_key(|way| (!way.is_main, way.is_v6, !way.is_half, way.metric));
    let ways_out = ways
        .into_iter()
        .filter_map(|way| {
            Some(Way {
                interface: name_of(way.interface)?,
                gateway: way.gateway,
                metric: way.metric,
                is_v6: way.is_v6,
                only_by_rule: !way.is_main,
            })
        })
        .collect();
    Findings { interfaces, ways_out, forwards: Forwarding::Off, kernel: None, missing: Vec::new() }
}

/// The IFBs that a shaper makes.
fn is_ours(name: &InterfaceName) -> bool {
    name.as_str().starts_with("enifb")
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use capture::{InterfaceAddress, InterfaceState, Neighbor, NetworkInterface, Place, RootQueue, WayOut};
    use vocab::{ByteCount, MacAddress};

    fn interface(index: u32, name: &str, addresses: &[&str]) -> NetworkInterface {
        let addresses =
            addresses.iter().map(|address| InterfaceAddress { address: address.parse().unwrap(), prefix: 24 });
        NetworkInterface {
            index,
            name: InterfaceName::new(name).unwrap(),
            mac: None,
            addresses: addresses.collect(),
            state: InterfaceState::Up,
            mtu: 1_500,
            speed_mbps: None,
            received: ByteCount::ZERO,
            sent: ByteCount::ZERO,
            loopback: name == "lo",
        }
    }

    fn way(interface: u32, metric: u32, is_v6: bool, is_half: bool, is_main: bool) -> WayOut {
        WayOut { is_v6, interface, gateway: "192.168.1.1".parse().ok(), metric, is_half, is_main }
    }

    #[test]
    fn what_the_kernel_says_in_our_words() {
        let router = MacAddress([2, 0, 0, 0, 0, 1]);
        let neighbor = |interface, last, mac, state| Neighbor {
            interface,
            address: format!("192.168.1.{last}").parse().unwrap(),
            mac: Some(mac),
            state,
        };
        let port = Place { part_of: Some(4), ..Place::default() };
        let around = Surroundings {
            interfaces: vec![
                interface(1, "lo", &["127.0.0.1"]),
                interface(2, "eth0", &[]),
                interface(3, "wlan0", &[]),
                interface(4, "br0", &["192.168.1.2", "fe80::1"]),
                interface(5, "ppp0", &["203.0.113.9"]),
                interface(6, "enifb0", &[]),
            ],
            places: [
                (2, port.clone()),
                (3, port),
                (4, Place { kind: "bridge".to_owned(), ..Place::default() }),
                (5, Place { kind: "ppp".to_owned(), is_ppp: true, ..Place::default() }),
            ]
            .into(),
            ways_out: vec![way(4, 100, false, false, true)],
            queues: [
                (2, RootQueue { kind: "htb".to_owned(), major: datapath::major(Direction::Upload) }),
                (5, RootQueue { kind: "cake".to_owned(), major: 0x8001 }),
            ]
            .into(),
            neighbors: vec![
                neighbor(4, 1, router, NeighborState::Stale),
                neighbor(4, 7, MacAddress([2, 0, 0, 0, 0, 7]), NeighborState::Reachable),
                neighbor(4, 9, MacAddress([2, 0, 0, 0, 0, 9]), NeighborState::Gone),
            ],
            learnt: vec![(router, 2), (MacAddress([2, 0, 0, 0, 0, 7]), 3)],
        };
        let findings = found(&around, &BTreeSet::new(), true);
        let shown: Vec<String> = findings
            .interfaces
            .iter()
            .map(|found| {
                let part_of = found.part_of.as_ref().map_or(String::new(), |whole| format!(" of {whole}"));
                let queue = found.shaped_by.as_ref().map_or(String::new(), |by| format!(" {} {:?}", by.kind, by.by));
                let leads = if found.leads_out { " leads out" } else { "" };
                let (addresses, devices) = (found.addresses.len(), found.devices);
                format!("{} {}{part_of}{queue}{leads} {addresses} {devices}", found.name, found.kind)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "eth0 Ethernet of br0 htb Ours leads out 0 0",
                "wlan0 Wi-Fi of br0 0 0",
                "br0 bridge 1 2",
                "ppp0 PPPoE cake SomebodyElses 1 0",
            ]
        );
    }

    #[test]
    fn ways_out_stand_as_the_kernel_takes_them() {
        let names = ["lo", "a", "b", "c", "d", "e"];
        let around = Surroundings {
            interfaces: (1..).zip(names).map(|(index, name)| interface(index, name, &[])).collect(),
            ways_out: vec![
                way(2, 0, false, false, false),
                way(3, 0, true, false, true),
                way(4, 600, false, false, true),
                way(5, 100, false, false, true),
                way(6, 900, false, true, true),
            ],
            ..Surroundings::default()
        };
        let order: Vec<String> =
            found(&around, &BTreeSet::new(), false).ways_out.iter().map(|way| way.interface.to_string()).collect();
        assert_eq!(order, ["e", "d", "c", "b", "a"]);
    }

    #[test]
    fn tables_of_the_kernel_are_read() {
        let wifi =
            "Inter-| sta-|   Quality        |\n face | tus | link level noise |\n wlp3s0: 0000   54.  -56.  -256\n";
        assert_eq!(wireless(wifi), BTreeSet::from(["wlp3s0".to_owned()]));
        assert_eq!(wireless(""), BTreeSet::new());
        assert!(is_pppoe("Id       Address              Device\n00000001 00:00:5E:00:53:01       eth0\n"));
        assert!(!is_pppoe("Id       Address              Device\n") && !is_pppoe(""));
    }
}
