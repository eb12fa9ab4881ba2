//! Whether the interfaces are still those that were opened: one that is made anew (a modem that dials again, a device
//! that is plugged in) carries neither our programs nor our sockets. Programs are put back; sockets need a restart.

use crate::watchdog::Pulse;
use anyhow::{Result, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use datapath::Datapath;
use datapath::sys::interface_index;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use vocab::{InterfaceName, Link, Topology};

/// How often the kernel is asked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Ports of a bridge come and go with each virtual machine: others are taken up once they stood for so long.
const SETTLED_AFTER: Duration = Duration::from_secs(10);

/// And not before the daemon has been there for so long: ten starts in just under ten minutes are what systemd takes for a
/// daemon that fails (`StartLimitIntervalSec`, `StartLimitBurst` of the unit).
const RESTARTED_EVERY: Duration = Duration::from_secs(60);

/// The kernel's number of each interface.
type Indices = BTreeMap<InterfaceName, u32>;

/// `links` with the ports of a bridge in its place where `lan` names a bridge and `wan` one of its ports: what passes
/// from port to port does not pass the bridge's own interface. And without ports of a bridge that is named itself: what
/// passes them passes the bridge, and would count twice.
pub fn with_ports(links: &[Link]) -> Vec<Link> {
    let expanded = |link: &Link| Link { topology: expanded(&link.topology, ports), ..link.clone() };
    links.iter().map(expanded).collect()
}

fn expanded(topology: &Topology, ports_of: impl Fn(&InterfaceName) -> Vec<InterfaceName>) -> Topology {
    let (Topology::Router { wan, .. } | Topology::Shared { wan, .. }) = topology else { return topology.clone() };
    let mut lans: Vec<InterfaceName> = Vec::new();
    for lan in topology.lans() {
        let ports = ports_of(lan);
        let inner = if ports.contains(wan) { ports } else { vec![lan.clone()] };
        lans.extend(inner.into_iter().filter(|port| port != wan));
    }
    lans.sort();
    lans.dedup();
    let within: Vec<InterfaceName> = lans.iter().flat_map(&ports_of).collect();
    lans.retain(|lan| !within.contains(lan));
    let mut lans = lans.into_iter();
    // A bridge with no other port has no devices yet.
    lans.next().map_or_else(|| topology.clone(), |first| Topology::routed(first, lans.collect(), wan.clone()))
}

/// The ports of a bridge; none of what is no bridge.
fn ports(bridge: &InterfaceName) -> Vec<InterfaceName> {
    // Its name has no slash.
    let entries = std::fs::read_dir(Path::new("/sys/class/net").join(bridge.as_str()).join("brif"));
    let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| InterfaceName::new(name.to_str()?).ok()).collect()
}

/// The interfaces of `links` as they are now; those that are not there are left out.
fn indices(links: &[Link]) -> Indices {
    let names = links.iter().flat_map(|link| link.topology.interfaces().cloned());
    names.filter_map(|name| interface_index(&name).ok().flatten().map(|index| (name, index))).collect()
}

/// Whether a bridge has other ports than were opened, for good as far as one can tell.
struct Settling {
    opened_at: Instant,
    /// The links as they would be opened, and since when.
    others: Option<(Vec<Link>, Instant)>,
}

impl Settling {
    fn have_settled(&mut self, opened: &[Link], found: Vec<Link>, now: Instant) -> bool {
        if found == opened {
            self.others = None;
            return false;
        }
        match &self.others {
            Some((others, since)) if *others == found => {
                now.duration_since(*since) >= SETTLED_AFTER && now.duration_since(self.opened_at) >= RESTARTED_EVERY
            }
            Some(_) | None => {
                tracing::info!("a bridge has other ports; they are taken up when they have stood for a while");
                self.others = Some((found, now));
                false
            }
        }
    }
}

/// What was opened, and what puts it back.
pub struct Attached {
    /// As the operator wrote them.
    written: Vec<Link>,
    /// As they were opened.
    links: Vec<Link>,
    opened: Indices,
    settling: Settling,
}

impl Attached {
    /// Remembers the interfaces as they are: before they are opened, so that one that is made anew meanwhile is found.
    pub fn new(written: &[Link]) -> Attached {
        let links = with_ports(written);
        let opened = indices(&links);
        let settling = Settling { opened_at: Instant::now(), others: None };
        Attached { written: written.to_vec(), links, opened, settling }
    }

    /// The links with their interfaces as they were opened.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Returns when `stop` is closed. Meanwhile puts the programs of `datapath` on interfaces that come or are made anew.
    ///
    /// # Errors
    /// An interface was made anew, and frames are read from it, not by programs; or a bridge has other ports
    /// for a while.
    pub fn watch(mut self, mut datapath: Option<Datapath>, stop: &Receiver<()>, pulse: &Pulse) -> Result<()> {
        while stop.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            pulse.beat();
            if self.settling.have_settled(&self.links, with_ports(&self.written), Instant::now()) {
                bail!(
                    "the bridge has other ports; a restart attaches to them, and what was in force stays on the others"
                );
            }
            let now = indices(&self.links);
            let is_taken = datapath.as_ref().is_some_and(|datapath| !datapath.stands().unwrap_or(true));
            let what = match made_anew(&self.opened, &now) {
                Some(name) => format!("{name} was made anew"),
                None if is_taken => "somebody took a program away".to_owned(),
                None => {
                    // What is away now is new when it is back, even with its old number.
                    self.opened = now;
                    continue;
                }
            };
            let Some(datapath) = &mut datapath else {
                bail!("{what}; a restart attaches to it, and what was in force stays on the others");
            };
            let topologies: Vec<Topology> = self.links.iter().map(|link| link.topology.clone()).collect();
            match datapath.attach(&topologies) {
                Ok(missing) => {
                    tracing::warn!(what, missing = missing.len(), "programs attached again");
                    self.opened = now;
                }
                Err(error) => {
                    tracing::warn!(what, %error, "programs not attached; tried again in a second");
                }
            }
        }
        Ok(())
    }
}

fn made_anew<'a>(opened: &Indices, now: &'a Indices) -> Option<&'a InterfaceName> {
    now.iter().find(|(name, index)| opened.get(*name) != Some(*index)).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> InterfaceName {
        InterfaceName::new(text).unwrap()
    }

    #[test]
    fn an_interface_that_is_away_is_waited_for_and_another_is_not_taken_for_it() {
        let indices =
            |list: &[(&str, u32)]| -> Indices { list.iter().map(|(text, index)| (name(text), *index)).collect() };
        let opened = indices(&[("lan", 2), ("wan", 3)]);
        for (now, expected) in [
            (&[("lan", 2), ("wan", 3)][..], None),
            (&[("lan", 2)], None),
            (&[], None),
            (&[("lan", 2), ("wan", 9)], Some("wan")),
            (&[("lan", 3)], Some("lan")),
        ] {
            assert_eq!(made_anew(&opened, &indices(now)).map(InterfaceName::as_str), expected, "{now:?}");
        }
    }

    #[test]
    fn ports_that_come_and_go_are_waited_for() {
        let opened_at = Instant::now();
        let link = |lan: &str| Link {
            id: vocab::LinkId(0),
            name: String::new(),
            topology: Topology::Router { lan: name(lan), wan: name("wan") },
            line_rate: vocab::Directed::default(),
            margin_permille: 0,
            framing: vocab::Framing::default(),
            sought: vocab::Directed::default(),
        };
        let opened = vec![link("a")];
        // Which ports there are from which second on; in which second it is time.
        let check = |changes: &[(u64, &str)], expected: Option<u64>| {
            let mut settling = Settling { opened_at, others: None };
            let mut is_time = |second: u64| {
                let ports = changes.iter().rfind(|(from, _)| *from <= second).map_or("a", |(_, ports)| *ports);
                settling.have_settled(&opened, vec![link(ports)], opened_at + Duration::from_secs(second))
            };
            assert_eq!((0..200).find(|&second| is_time(second)), expected, "{changes:?}");
        };
        check(&[], None);
        check(&[(100, "b")], Some(110));
        check(&[(100, "b"), (109, "a")], None);
        check(&[(100, "b"), (109, "c")], Some(119));
        check(&[(100, "b"), (105, "a"), (106, "b")], Some(116));
        check(&[(0, "b")], Some(60));
        check(&[(55, "b")], Some(65));
    }

    #[test]
    fn a_bridge_across_the_link_stands_for_its_other_ports() {
        let ports_of = |bridge: &InterfaceName| match bridge.as_str() {
            "br0" => vec![name("eth0"), name("eth2"), name("eth1")],
            "br1" => vec![name("eth0"), name("eth1")],
            "br2" => vec![name("eth1")],
            "br3" => vec![name("eth3"), name("eth4")],
            _ => vec![],
        };
        let routed = |lans: &[&str]| {
            let mut lans = lans.iter().map(|lan| name(lan));
            Topology::routed(lans.next().unwrap(), lans.collect(), name("eth1"))
        };
        for (lans, expected) in [
            (&["br0"][..], &["eth0", "eth2"][..]),
            (&["br1"], &["eth0"]),
            (&["br1", "wg0"], &["eth0", "wg0"]),
            (&["br2"], &["br2"]),
            (&["br-lan"], &["br-lan"]),
            (&["br3", "eth3", "wg0"], &["br3", "wg0"]),
            (&["br3", "eth3"], &["br3"]),
        ] {
            assert_eq!(expanded(&routed(lans), ports_of), routed(expected), "{lans:?}");
        }
        let other = Topology::Router { lan: name("br0"), wan: name("ppp0") };
        assert_eq!(expanded(&other, ports_of), other, "a bridge on the local side is one LAN");
        let host = Topology::Host { interface: name("br0") };
        assert_eq!(expanded(&host, ports_of), host);
    }
}
