//! From what was found to what is proposed, and why: a pure decision.

use super::findings::{Findings, Forwarding, Found, Kind, Way, Whose};
use capture::InterfaceState;
use std::fmt;
use std::net::IpAddr;
use vocab::InterfaceName;

/// Which interfaces the operator named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    pub lan: Vec<InterfaceName>,
    pub wan: Option<InterfaceName>,
    pub interface: Option<InterfaceName>,
}

/// How the link lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Packets are routed between `lan` and `wan`.
    Router { lan: Vec<InterfaceName>, wan: InterfaceName },
    /// Packets are passed between ports of `bridge`.
    Bridge { bridge: InterfaceName, lan: Vec<InterfaceName>, wan: InterfaceName },
    /// This machine alone.
    Host { interface: InterfaceName },
}

/// Whether what somebody else put on an interface is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Nobody shapes there.
    Nobody,
    /// Somebody does: nothing can be shaped before it is gone, or adopted.
    Stands,
}

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub shape: Shape,
    pub foreign: Foreign,
    /// Why.
    pub because: Vec<String>,
    /// What the operator should know.
    pub beware: Vec<String>,
}

/// Why nothing can be proposed, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoProposal {
    #[error(
        "no route leads to the internet, so it is not known which interface does: connect it first, or name it with \
         --wan (a router, with --lan) or --interface (a machine of its own)"
    )]
    NoWayOut,
    #[error("there is no interface `{0}` here: `equalnet interfaces` lists what there is")]
    Missing(InterfaceName),
    #[error("`{0}` is named for the devices and for the internet: they are two interfaces, or one --interface")]
    SameTwice(InterfaceName),
    #[error("--interface is for a machine of its own: leave --lan and --wan away, or name those two")]
    BothWays,
    #[error("it is not clear which of {0} lead to the devices: name them with --lan")]
    WhichLan(Names),
    #[error("it is not clear behind which port of {bridge} the internet is ({ports}): name it with --wan")]
    WhichPort { bridge: InterfaceName, ports: Names },
}

/// Names in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(pub Vec<InterfaceName>);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.0.iter().enumerate() {
            let before = match place {
                0 => "",
                _ if place + 1 == self.0.len() => " and ",
                _ => ", ",
            };
            write!(f, "{before}{name}")?;
        }
        Ok(())
    }
}

fn names<'a>(found: impl IntoIterator<Item = &'a Found>) -> Names {
    Names(found.into_iter().map(|found| found.name.clone()).collect())
}

/// Proposes how the link lies, from what was found and what the operator named.
///
/// # Errors
/// It cannot be told; the error says what to name.
pub fn propose(findings: &Findings, named: &Named) -> Result<Proposal, NoProposal> {
    check(findings, named)?;
    let mut words = Words::default();
    let shape = shape(findings, named, &mut words)?;
    let foreign = around(findings, &shape, &mut words);
    Ok(Proposal { shape, foreign, because: words.because, beware: words.beware })
}

#[derive(Default)]
struct Words {
    because: Vec<String>,
    beware: Vec<String>,
}

fn check(findings: &Findings, named: &Named) -> Result<(), NoProposal> {
    let all = named.lan.iter().chain(&named.wan).chain(&named.interface);
    if let Some(missing) = all.into_iter().find(|name| findings.find(name).is_none()) {
        return Err(NoProposal::Missing(missing.clone()));
    }
    if let Some(wan) = named.wan.as_ref().filter(|wan| named.lan.contains(wan)) {
        return Err(NoProposal::SameTwice(wan.clone()));
    }
    if named.interface.is_some() && (named.wan.is_some() || !named.lan.is_empty()) {
        return Err(NoProposal::BothWays);
    }
    Ok(())
}

fn shape(findings: &Findings, named: &Named, words: &mut Words) -> Result<Shape, NoProposal> {
    if let Some(interface) = &named.interface {
        words
            .because
            .push(format!("{interface} was named: downloads wait on an interface that EqualNet makes beside it"));
        return Ok(Shape::Host { interface: interface.clone() });
    }
    let way = findings.ways_out.iter().find(|way| !way.only_by_rule);
    let out = match (&named.wan, way) {
        (Some(wan), _) => {
            words.because.push(format!("{wan} was named as the way to the internet"));
            wan.clone()
        }
        (None, Some(way)) => {
            words.because.push(way_out(way));
            other_ways(findings, way, words);
            way.interface.clone()
        }
        (None, None) => match silent_bridge(findings) {
            Some(bridge) => bridge.name.clone(),
            None => return Err(NoProposal::NoWayOut),
        },
    };
    let found = findings.find(&out).ok_or_else(|| NoProposal::Missing(out.clone()))?;
    if found.kind == Kind::Bridge && named.lan.is_empty() {
        let ports: Vec<&Found> = findings.parts(&out).filter(|port| findings.has_wire(port)).collect();
        match ports.as_slice() {
            // No port with a wire: it is what its router calls it, an interface.
            [] => {}
            [only] => {
                let also = findings.parts(&out).count() - 1;
                if also > 0 {
                    words.because.push(format!(
                        "{out} has one port with a wire, {}, and {also} virtual ones: virtual machines or containers \
                         share this machine's way out",
                        only.name
                    ));
                }
            }
            several => return between_ports(found, several, named, words),
        }
    }
    if found.part_of.as_ref().and_then(|whole| findings.find(whole)).is_some_and(|whole| whole.kind == Kind::Bridge) {
        let whole = found.part_of.clone().expect("it was just looked up");
        let ports: Vec<&Found> = findings.parts(&whole).filter(|port| findings.has_wire(port)).collect();
        let bridge = findings.find(&whole).expect("it was just looked up");
        return between_ports(bridge, &ports, &Named { wan: Some(out), ..named.clone() }, words);
    }
    routed(findings, found, named, words)
}

fn way_out(way: &Way) -> String {
    let family = if way.is_v6 { "IPv6" } else { "IPv4" };
    let through = way.gateway.map_or(String::new(), |gateway| format!(" to {gateway}"));
    format!("the default route ({family}) goes through {}{through}: that is the way to the internet", way.interface)
}

fn other_ways(findings: &Findings, taken: &Way, words: &mut Words) {
    let mut told = vec![&taken.interface];
    for way in &findings.ways_out {
        if told.contains(&&way.interface) {
            continue;
        }
        told.push(&way.interface);
        let other = &way.interface;
        words.beware.push(if way.only_by_rule {
            format!(
                "some traffic goes out through {other} by a rule (a VPN?): it is not divided with that of {}",
                taken.interface
            )
        } else if way.is_v6 != taken.is_v6 {
            format!("IPv6 goes out through {other}, IPv4 through {}: only the latter is divided", taken.interface)
        } else if way.metric == taken.metric {
            format!(
                "there is a second way to the internet of the same rank, through {other}; one link is set up here, \
                 that of {}: choose with --wan",
                taken.interface
            )
        } else {
            format!("there is a second way to the internet, through {other}, taken only while the first is down")
        });
    }
}

/// A bridge of at least two wires, on a machine without a way out of its own: it only passes frames on.
fn silent_bridge(findings: &Findings) -> Option<&Found> {
    let mut bridges = findings
        .interfaces
        .iter()
        .filter(|found| found.kind == Kind::Bridge)
        .filter(|bridge| findings.parts(&bridge.name).filter(|port| findings.has_wire(port)).count() >= 2);
    bridges.next().filter(|_| bridges.next().is_none())
}

fn between_ports(bridge: &Found, ports: &[&Found], named: &Named, words: &mut Words) -> Result<Shape, NoProposal> {
    let unclear = || NoProposal::WhichPort { bridge: bridge.name.clone(), ports: names(ports.iter().copied()) };
    let named_port = named.wan.as_ref().and_then(|wan| ports.iter().find(|port| port.name == *wan));
    let wan = match named_port {
        Some(port) => port,
        None => {
            let mut leads = ports.iter().filter(|port| port.leads_out);
            let port = leads.next().filter(|_| leads.next().is_none()).ok_or_else(unclear)?;
            words.because.push(format!(
                "{} is a bridge, and the router was seen behind its port {}: that side is the internet",
                bridge.name, port.name
            ));
            port
        }
    };
    let others: Vec<&Found> =
        ports.iter().filter(|port| port.name != wan.name && port.state != InterfaceState::Down).copied().collect();
    if others.is_empty() {
        return Err(NoProposal::WhichLan(names(ports.iter().filter(|port| port.name != wan.name).copied())));
    }
    let lan = match others.as_slice() {
        _ if !named.lan.is_empty() => named.lan.clone(),
        [only] => vec![only.name.clone()],
        // Ports that come later are then among them, too.
        _ => vec![bridge.name.clone()],
    };
    let sides = if named.lan.is_empty() { names(others) } else { Names(lan.clone()) };
    words.because.push(format!("frames are passed on between {sides} and {}: a transparent bridge", wan.name));
    Ok(Shape::Bridge { bridge: bridge.name.clone(), lan, wan: wan.name.clone() })
}

fn routed(findings: &Findings, wan: &Found, named: &Named, words: &mut Words) -> Result<Shape, NoProposal> {
    let out = &wan.name;
    if !named.lan.is_empty() {
        words.because.push(format!("{} was named for the devices", Names(named.lan.clone())));
        return Ok(Shape::Router { lan: named.lan.clone(), wan: out.clone() });
    }
    let networks: Vec<&Found> = findings
        .interfaces
        .iter()
        .filter(|found| found.name != *out && found.part_of.is_none() && !found.addresses.is_empty())
        .filter(|found| found.state != InterfaceState::Down && !findings.rides_on(wan, &found.name))
        .filter(|found| !findings.ways_out.iter().any(|way| way.interface == found.name))
        .collect();
    let (mut lans, mut inner) = (Vec::new(), Vec::new());
    for found in networks {
        let name = &found.name;
        if findings.rides_on(found, out) {
            words.beware.push(format!(
                "{name} rides on {out}: what goes to its devices leaves through {out} too, so that both ways would wait in \
                 one queue; it is left out (give the internet a VLAN of its own)"
            ));
        } else if findings.has_wire(found) && is_inside(found) {
            lans.push(found);
        } else if findings.has_wire(found) {
            words.beware.push(format!("{name} has a public network: name it with --lan if devices of yours are there"));
        } else if matches!(found.kind, Kind::WireGuard | Kind::Bridge) && found.state == InterfaceState::Up {
            inner.push(found);
        }
    }
    if matches!(wan.kind, Kind::WireGuard | Kind::Tunnel) && lans.len() > 1 {
        // One of them carries the tunnel, and the kernel does not say which.
        return Err(NoProposal::WhichLan(names(lans)));
    }
    match findings.forwards {
        Forwarding::Off => {
            if !lans.is_empty() {
                words.beware.push(format!(
                    "{} has a network too, but nothing is passed on between the interfaces (net.ipv4.ip_forward is 0): if \
                     this is to be a router, switch that on and run this again",
                    names(lans.iter().copied())
                ));
            }
            words.because.push("this machine passes nothing on for others".to_owned());
            Ok(alone(out, words))
        }
        Forwarding::On if lans.is_empty() => {
            for found in inner {
                words.beware.push(format!("{}: what moves there counts as this machine's", inside(found)));
            }
            words.because.push("no other interface has a network of devices behind it".to_owned());
            Ok(alone(out, words))
        }
        Forwarding::On => {
            for lan in &lans {
                words.because.push(network(lan));
            }
            for found in &inner {
                // What comes to a LAN from an interface that is not named counts as the line's.
                words
                    .because
                    .push(format!("{}: named too, or what it sends here would count as the line's", inside(found)));
            }
            words.because.push("packets are passed on between them: a router".to_owned());
            lans.extend(inner);
            Ok(Shape::Router { lan: names(lans).0, wan: out.clone() })
        }
    }
}

/// A network without a wire.
fn inside(found: &Found) -> String {
    let name = &found.name;
    match found.kind {
        Kind::WireGuard => format!("{name} is a WireGuard network of peers"),
        _ => format!("{name} joins only virtual machines or containers of this machine"),
    }
}

fn alone(interface: &InterfaceName, words: &mut Words) -> Shape {
    words.because.push(format!(
        "so {interface} is the only one: downloads wait on an interface (ifb) that EqualNet makes beside it"
    ));
    Shape::Host { interface: interface.clone() }
}

/// Its addresses are those of networks behind a router: RFC 1918, or none of IPv4 at all. Those of carriers (RFC 6598)
/// stand on the other side.
fn is_inside(found: &Found) -> bool {
    let mut v4 = found.addresses.iter().filter_map(|(address, _)| match address {
        IpAddr::V4(address) => Some(address.is_private()),
        IpAddr::V6(_) => None,
    });
    v4.next().is_none_or(|first| first || v4.any(|private| private))
}

fn network(lan: &Found) -> String {
    let addresses: Vec<String> = lan.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect();
    let devices = match lan.devices {
        0 => "no device answered there lately".to_owned(),
        1 => "1 device answered there lately".to_owned(),
        many => format!("{many} devices answered there lately"),
    };
    format!("{} ({}) has the network {}; {devices}", lan.name, lan.kind, addresses.join(", "))
}

/// What else stands in the way, or beside it.
fn around(findings: &Findings, shape: &Shape, words: &mut Words) -> Foreign {
    let (mut used, wan): (Vec<&InterfaceName>, &InterfaceName) = match shape {
        Shape::Router { lan, wan } | Shape::Bridge { lan, wan, .. } => (lan.iter().collect(), wan),
        Shape::Host { interface } => (Vec::new(), interface),
    };
    used.push(wan);
    let mut foreign = Foreign::Nobody;
    for name in used {
        let Some(found) = findings.find(name) else { continue };
        match &found.shaped_by {
            Some(shaped) if shaped.by == Whose::SomebodyElses => {
                foreign = Foreign::Stands;
                words.beware.push(format!(
                    "{name} is already shaped by somebody else (`{}` at its root: sqm, wondershaper, tc?). EqualNet does \
                     not touch it unless told to: stop that tool, or adopt (--adopt): it is put aside, and `equalnet \
                     clear` puts it back",
                    shaped.kind
                ));
            }
            Some(_) | None => {}
        }
        match found.state {
            InterfaceState::Up => {}
            InterfaceState::NoCarrier => words.beware.push(format!("nothing is plugged into {name}")),
            InterfaceState::Down => words.beware.push(format!("{name} is down")),
        }
    }
    let out = findings.find(wan).map(|found| found.kind);
    match out {
        Some(Kind::Wifi | Kind::Mobile) => words.beware.push(format!(
            "what {wan} carries changes by the minute: give what it does in bad ones, or write the least and the most into \
             the file (`download = {{ min = …, max = … }}`), and it is found by when its delay rises"
        )),
        Some(Kind::WireGuard | Kind::Tunnel) => words.beware.push(format!(
            "{wan} is a tunnel: give what it carries inside (some 5 % less than the line), and know that what goes beside \
             it is not divided"
        )),
        Some(_) | None => {}
    }
    match &findings.kernel {
        Some(kernel) => {
            if !kernel.htb {
                words.beware.push("the kernel has no HTB (module sch_htb): nothing can be shaped".to_owned());
            }
            let waits_on_ifb = match shape {
                Shape::Host { .. } => true,
                Shape::Router { lan, .. } => lan.len() > 1,
                Shape::Bridge { bridge, lan, .. } => lan.len() > 1 || lan.contains(bridge),
            };
            if !kernel.ifb && waits_on_ifb {
                words.beware.push(
                    "the kernel has no IFB (module ifb): downloads of one interface, or of several LANs, need it"
                        .to_owned(),
                );
            }
            if let Some(reason) = &kernel.no_bpf {
                words.beware.push(format!("without eBPF EqualNet can only watch: {reason}"));
            }
        }
        None => words.beware.push("what the kernel can do was not tried: that needs rights".to_owned()),
    }
    if !findings.missing.is_empty() {
        words.beware.push(format!("this process lacks {}; the service has them", findings.missing.join(", ")));
    }
    foreign
}

#[cfg(test)]
mod tests;
