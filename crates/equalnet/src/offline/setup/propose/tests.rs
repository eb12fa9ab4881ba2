use super::*;
use crate::offline::setup::findings::{Kernel, Shaped};

/// Networks as they were found, a line for each thing: an interface with its kind and what is known of it, `way`s out,
/// `forwards`, `no-bpf`.
fn recorded(text: &str) -> Findings {
    let name = |name: &str| InterfaceName::new(name).expect(name);
    let kernel = Kernel { htb: true, ifb: true, leaf: "cake", no_bpf: None };
    let mut findings = Findings {
        interfaces: Vec::new(),
        ways_out: Vec::new(),
        forwards: Forwarding::Off,
        kernel: Some(kernel),
        missing: Vec::new(),
    };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |word: &str| words.iter().position(|found| *found == word).map(|place| words[place + 1]);
        let has = |word: &str| words.contains(&word);
        match words[0] {
            "forwards" => findings.forwards = Forwarding::On,
            "way" => findings.ways_out.push(Way {
                interface: name(words[1]),
                gateway: after("via").map(|gateway| gateway.parse().unwrap()),
                metric: after("metric").map_or(0, |metric| metric.parse().unwrap()),
                is_v6: has("v6"),
                only_by_rule: has("by-rule"),
            }),
            interface => findings.interfaces.push(Found {
                name: name(interface),
                kind: match words[1] {
                    "ethernet" => Kind::Ethernet,
                    "wifi" => Kind::Wifi,
                    "bridge" => Kind::Bridge,
                    "bond" => Kind::Bond,
                    "pppoe" => Kind::Pppoe,
                    "wireguard" => Kind::WireGuard,
                    "veth" => Kind::Veth,
                    vlan => Kind::Vlan(Some(vlan.strip_prefix("vlan").expect(vlan).parse().unwrap())),
                },
                state: if has("down") {
                    InterfaceState::Down
                } else if has("unplugged") {
                    InterfaceState::NoCarrier
                } else {
                    InterfaceState::Up
                },
                part_of: after("port-of").map(name),
                rides_on: after("on").map(name),
                addresses: after("has").map(|address| (address.parse().unwrap(), 24)).into_iter().collect(),
                speed_mbps: None,
                devices: after("devices").map_or(0, |devices| devices.parse().unwrap()),
                leads_out: has("router-behind"),
                shaped_by: after("shaped-by").map(|kind| Shaped {
                    kind: kind.to_owned(),
                    by: if has("ours") { Whose::Ours } else { Whose::SomebodyElses },
                }),
            }),
        }
    }
    findings
}

fn named(text: &str) -> Named {
    let mut named = Named::default();
    let names = |names: &str| names.split(',').map(|name| InterfaceName::new(name).expect(name)).collect::<Vec<_>>();
    for word in text.split_whitespace() {
        match word.split_once('=').expect(word) {
            ("lan", list) => named.lan = names(list),
            ("wan", one) => named.wan = names(one).pop(),
            ("interface", one) => named.interface = names(one).pop(),
            (other, _) => unreachable!("{other}"),
        }
    }
    named
}

/// What is proposed for `text` when the operator named `by_hand`; every one of `says` stands in a reason or a warning.
fn check_named(text: &str, by_hand: &str, expected: &str, says: &[&str]) {
    let outcome = propose(&recorded(text), &named(by_hand));
    let (shown, words) = match outcome {
        Ok(proposal) => {
            let shape = match proposal.shape {
                Shape::Router { lan, wan } => format!("router {} | {wan}", Names(lan)),
                Shape::Bridge { bridge, lan, wan } => format!("bridge {bridge}: {} | {wan}", Names(lan)),
                Shape::Host { interface } => format!("host {interface}"),
            };
            let foreign = match proposal.foreign {
                Foreign::Nobody => "",
                Foreign::Stands => ", adopt?",
            };
            (format!("{shape}{foreign}"), [proposal.because, proposal.beware].concat().join("\n"))
        }
        Err(error) => (format!("{error:?}").split([' ', '(', '{']).next().unwrap_or("").to_owned(), error.to_string()),
    };
    assert_eq!(shown, expected, "{text}\n{words}");
    for words_of_it in says {
        assert!(words.contains(words_of_it), "`{words_of_it}` is not in:\n{words}");
    }
}

fn check(text: &str, expected: &str, says: &[&str]) {
    check_named(text, "", expected, says);
}

const FLAT_SHARE: &str = "
    eth0 ethernet has 100.64.3.2
    eth1 ethernet port-of br-lan
    wlan0 wifi port-of br-lan
    br-lan bridge has 192.168.1.1 devices 9
    way eth0 via 100.64.0.1
    forwards";

#[test]
fn a_router_of_a_shared_flat() {
    check(FLAT_SHARE, "router br-lan | eth0", &["goes through eth0 to 100.64.0.1", "9 devices answered", "a router"]);
}

#[test]
fn a_laptop_with_containers() {
    check(
        "wlan0 wifi has 192.168.1.34
         eth0 ethernet unplugged
         docker0 bridge has 172.17.0.1
         veth1 veth port-of docker0
         way wlan0 via 192.168.1.1 metric 600
         forwards",
        "host wlan0",
        &[
            "docker0 joins only virtual machines",
            "counts as this machine's",
            "changes by the minute",
            "so wlan0 is the only",
        ],
    );
}

#[test]
fn a_bridge_between_router_and_switch() {
    let bridge = "
        eth0 ethernet port-of br0 router-behind
        eth1 ethernet port-of br0
        br0 bridge has 192.168.1.2 devices 12
        way br0 via 192.168.1.1";
    check(bridge, "bridge br0: eth1 | eth0", &["the router was seen behind its port eth0", "a transparent bridge"]);
    // Nobody has asked the router for anything yet: the port cannot be told from the other.
    let unclear = bridge.replace("router-behind", "");
    check(&unclear, "WhichPort", &["eth0 and eth1", "--wan"]);
    check_named(&unclear, "wan=eth1", "bridge br0: eth0 | eth1", &["eth1 was named"]);
    // What is plugged in later is taken, too.
    let three = format!("{bridge}\neth2 ethernet port-of br0 unplugged");
    check(&three, "bridge br0: br0 | eth0", &["between eth1 and eth2 and eth0"]);
    // Without an address of its own.
    let silent = bridge.replace("way br0 via 192.168.1.1", "");
    check(&silent, "bridge br0: eth1 | eth0", &[]);
}

#[test]
fn a_server_whose_virtual_machines_share_its_interface() {
    check(
        "eth0 ethernet port-of br0 router-behind
         vnet0 veth port-of br0
         br0 bridge has 10.0.0.5 devices 3
         way br0 via 10.0.0.1",
        "host br0",
        &["one port with a wire, eth0, and 1 virtual"],
    );
}

#[test]
fn a_router_behind_pppoe() {
    check(
        "eth0 ethernet
         ppp0 pppoe on eth0 has 203.0.113.9
         lan ethernet has 192.168.0.1 devices 4
         way ppp0
         forwards",
        "router lan | ppp0",
        &["goes through ppp0: that", "4 devices"],
    );
}

const OFFICE: &str = "
    eth0 ethernet
    eth0.2 vlan2 on eth0 has 203.0.113.9
    eth0.10 vlan10 on eth0 has 10.10.0.1 devices 31
    eth0.20 vlan20 on eth0 has 10.20.0.1 devices 6
    way eth0.2 via 203.0.113.1
    forwards";

#[test]
fn an_office_with_vlans() {
    check(OFFICE, "router eth0.10 and eth0.20 | eth0.2", &["eth0.10 (VLAN 10)", "31 devices", "6 devices"]);
    // The internet without a tag, on the wire of the VLANs.
    let untagged = OFFICE.replace("eth0.2 vlan2 on eth0", "x vlan2 on eth0 down").replace("way eth0.2", "way eth0");
    check(&untagged, "host eth0", &["eth0.10 rides on eth0", "eth0.20 rides on eth0"]);
    check_named(OFFICE, "lan=eth0.20", "router eth0.20 | eth0.2", &["eth0.20 was named"]);
}

#[test]
fn a_container() {
    check("eth0 veth has 172.17.0.2\nway eth0 via 172.17.0.1", "host eth0", &["passes nothing on"]);
    // One that routes for others: its wires are virtual, and there are no others.
    let router = "eth0 veth has 172.17.0.2\nlan veth has 10.1.0.1\nway eth0 via 172.17.0.1\nforwards";
    check(router, "router lan | eth0", &[]);
}

#[test]
fn without_a_way_out() {
    check("eth0 ethernet has 192.168.1.7", "NoWayOut", &["--wan", "--interface"]);
    check("", "NoWayOut", &[]);
    check_named("eth0 ethernet has 192.168.1.7", "interface=eth0", "host eth0", &["eth0 was named"]);
    check_named("eth0 ethernet\nlan ethernet has 10.0.0.1", "wan=eth0 lan=lan", "router lan | eth0", &[]);
}

#[test]
fn with_two_ways_out() {
    let two = |second: &str| {
        format!(
            "dsl ethernet has 192.168.178.2
             lte ethernet has 192.168.8.2
             br-lan bridge has 192.168.1.1 devices 5
             eth1 ethernet port-of br-lan
             way dsl via 192.168.178.1 metric 100
             {second}
             forwards"
        )
    };
    let router = "router br-lan | dsl";
    check(&two("way lte via 192.168.8.1 metric 100"), router, &["of the same rank, through lte", "choose with --wan"]);
    check(&two("way lte via 192.168.8.1 metric 700"), router, &["only while the first is down"]);
    check(&two("way lte v6 metric 100"), router, &["IPv6 goes out through lte"]);
    check(&two("way lte by-rule"), router, &["by a rule (a VPN?)"]);
    check_named(&two("way lte metric 100"), "wan=lte", "router br-lan | lte", &["lte was named"]);
}

#[test]
fn tunnels_are_told_of() {
    let server = FLAT_SHARE.to_owned() + "\nwg0 wireguard has 10.8.0.1";
    check(&server, "router br-lan and wg0 | eth0", &["wg0 is a WireGuard network of peers: named too"]);
    check_named(&server, "lan=br-lan", "router br-lan | eth0", &["br-lan was named"]);
    let containers = FLAT_SHARE.to_owned() + "\ndocker0 bridge has 172.17.0.1\nveth1 veth port-of docker0";
    check(&containers, "router br-lan and docker0 | eth0", &["docker0 joins only virtual machines"]);
    let unused = FLAT_SHARE.to_owned() + "\ndocker0 bridge has 172.17.0.1 unplugged";
    check(&unused, "router br-lan | eth0", &[]);
    let through = FLAT_SHARE.replace("way eth0 via 100.64.0.1", "way wg0") + "\nwg0 wireguard has 10.8.0.2";
    check(&through, "router br-lan | wg0", &["wg0 is a tunnel", "eth0 has a public network"]);
    // Behind another router: one of the two carries the tunnel.
    let behind = through.replace("100.64.3.2", "192.168.178.2");
    check(&behind, "WhichLan", &["eth0 and br-lan", "--lan"]);
}

#[test]
fn who_shapes_already_is_not_touched() {
    let sqm = FLAT_SHARE.replace("eth0 ethernet", "eth0 ethernet shaped-by cake");
    check(&sqm, "router br-lan | eth0, adopt?", &["eth0 is already shaped by somebody else (`cake`", "--adopt"]);
    let ours = FLAT_SHARE.replace("eth0 ethernet", "eth0 ethernet shaped-by htb ours");
    check(&ours, "router br-lan | eth0", &[]);
    // Elsewhere it is nobody's business.
    let elsewhere = FLAT_SHARE.replace("wlan0 wifi", "wlan0 wifi shaped-by tbf");
    check(&elsewhere, "router br-lan | eth0", &[]);
}

#[test]
fn a_machine_with_two_networks_that_passes_nothing_on() {
    check(&FLAT_SHARE.replace("forwards", ""), "host eth0", &["net.ipv4.ip_forward is 0", "br-lan has a network too"]);
}

#[test]
fn what_is_named_must_be_there_and_make_sense() {
    check_named(FLAT_SHARE, "wan=eth7", "Missing", &["eth7", "equalnet interfaces"]);
    check_named(FLAT_SHARE, "wan=eth0 lan=eth0", "SameTwice", &["one --interface"]);
    check_named(FLAT_SHARE, "interface=eth0 lan=br-lan", "BothWays", &[]);
}

#[test]
fn what_is_missing_is_told() {
    let mut findings = recorded(FLAT_SHARE);
    findings.missing = vec!["CAP_NET_ADMIN (to shape)".to_owned()];
    findings.kernel = Some(Kernel { htb: false, ifb: false, leaf: "bfifo", no_bpf: Some("too old".to_owned()) });
    let words = propose(&findings, &Named::default()).unwrap().beware.join("\n");
    for part in ["sch_htb", "only watch: too old", "lacks CAP_NET_ADMIN (to shape)"] {
        assert!(words.contains(part), "{words}");
    }
    assert!(!words.contains("module ifb"), "a router with one LAN needs none: {words}");
    let office = Findings { kernel: findings.kernel, ..recorded(OFFICE) };
    let words = propose(&office, &Named::default()).unwrap().beware.join("\n");
    assert!(words.contains("module ifb"), "{words}");
}
