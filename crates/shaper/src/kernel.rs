//! The questions and orders the shaper has for the kernel, in our words.

use crate::abilities::Abilities;
use crate::diff::Op;
use crate::error::ShaperError;
use crate::leaf::{LeafKind, LeafQdisc, Patience};
use crate::netlink::{Netlink, Refusal};
use crate::state::{BeforeQueue, ClassFate, QueueSort};
use crate::tc::redirect::Taken;
use crate::tc::{
    self, Counters, Object, Options, RTM_DELQDISC, RTM_DELTCLASS, RTM_GETQDISC, RTM_GETTCLASS, RTM_GETTFILTER,
    RTM_NEWQDISC, RTM_NEWTCLASS, Request, attribute, attributes, htb, u32_at,
};
use crate::tree::QueueTree;
use datapath::DEFAULT_MINOR;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsRawFd, BorrowedFd};
use vocab::{Direction, InterfaceName};

pub(crate) const RTM_NEWLINK: u16 = 16;
pub(crate) const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFF_UP: u32 = 1;
/// linux/if_arp.h: what has a header of Ethernet. Tunnels and PPP hand over the IP packet alone.
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_LOOPBACK: u16 = 772;
const ETHERNET_HEADER: u16 = 14;
/// struct ifinfomsg: family, padding, type, index, flags, change.
const LINK_HEADER: usize = 16;

/// errno-base.h.
pub(crate) const ENOENT: i32 = 2;
const EEXIST: i32 = 17;

/// An interface as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    pub name: String,
    pub index: i32,
    /// The largest IP packet, bytes.
    pub mtu: u32,
    /// It takes packets.
    pub up: bool,
    /// What stands before the IP packet, bytes.
    pub header: u16,
    /// The bridge or bond it is a part of.
    master: Option<i32>,
    /// What it rides on: the interface under a VLAN, a tunnel, a macvlan.
    lower: Option<i32>,
}

/// The interfaces through which packets come in that seem to come from `index`: itself, its ports if it is a
/// bridge or a bond, what it rides on if it is a VLAN, and so on down.
pub(crate) fn entrances(interfaces: &[Interface], index: i32) -> Vec<InterfaceName> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![index]);
    while let Some(index) = open.pop() {
        if seen.insert(index) {
            open.extend(interfaces.iter().filter(|port| port.master == Some(index)).map(|port| port.index));
            open.extend(interfaces.iter().find(|upper| upper.index == index).and_then(|upper| upper.lower));
        }
    }
    let known = interfaces.iter().filter(|interface| seen.contains(&interface.index));
    known.filter_map(|interface| InterfaceName::new(&interface.name).ok()).collect()
}

/// What stands at the root of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// What the kernel puts there itself.
    Default,
    /// What we put there.
    Ours(QueueTree),
    /// What somebody else put there.
    Foreign { kind: String, major: u16 },
}

/// The kernel's queues in the network namespace of the thread that opened it.
pub(crate) struct Kernel {
    netlink: Netlink,
}

impl Kernel {
    pub(crate) fn open() -> Result<Kernel, ShaperError> {
        Ok(Kernel { netlink: Netlink::open()? })
    }

    /// The ports from which we ask.
    pub(crate) fn ports(&self) -> &BTreeSet<u32> {
        self.netlink.ports()
    }

    /// All interfaces.
    pub(crate) fn interfaces(&mut self) -> Result<Vec<Interface>, ShaperError> {
        let read = |body: &[u8]| {
            let index = u32_at(body, 1)? as i32;
            let sort = u16::from_ne_bytes(*body.get(2..)?.first_chunk::<2>()?);
            let header = if matches!(sort, ARPHRD_ETHER | ARPHRD_LOOPBACK) { ETHERNET_HEADER } else { 0 };
            let up = u32_at(body, 2)? & IFF_UP != 0;
            let mut interface =
                Interface { name: String::new(), index, mtu: 1_500, up, header, master: None, lower: None };
            let mut is_veth = false;
            for (kind, value) in attributes(body.get(LINK_HEADER..)?) {
                match kind {
                    IFLA_IFNAME => interface.name = String::from_utf8_lossy(value).trim_end_matches('\0').to_owned(),
                    IFLA_MTU => interface.mtu = u32_at(value, 0)?,
                    IFLA_MASTER => interface.master = Some(u32_at(value, 0)? as i32),
                    IFLA_LINK => interface.lower = Some(u32_at(value, 0)? as i32),
                    IFLA_LINKINFO => {
                        let kind = attributes(value).find(|(kind, _)| *kind == IFLA_INFO_KIND);
                        is_veth = kind.is_some_and(|(_, kind)| kind.starts_with(b"veth"));
                    }
                    _ => {}
                }
            }
            if is_veth {
                // There it is the other end of the wire.
                interface.lower = None;
            }
            Some(interface)
        };
        let request = Request { kind: RTM_GETLINK, flags: 0, body: vec![0; LINK_HEADER] };
        Ok(self.netlink.dump(&request, |body| Ok(read(body)))?.into_iter().flatten().collect())
    }

    pub(crate) fn interface(&mut self, name: &InterfaceName) -> Result<Interface, ShaperError> {
        let found = self.interfaces()?.into_iter().find(|interface| interface.name == name.as_str());
        found.ok_or_else(|| ShaperError::InterfaceMissing { interface: name.clone() })
    }

    /// Makes an interface of `kind`, up; it may be there already, and down.
    pub(crate) fn make_interface(&mut self, name: &InterfaceName, kind: &str) -> Result<(), ShaperError> {
        let mut body = vec![0; LINK_HEADER];
        body[8..12].copy_from_slice(&IFF_UP.to_ne_bytes());
        body[12..16].copy_from_slice(&IFF_UP.to_ne_bytes());
        attribute(&mut body, IFLA_IFNAME, &[name.as_str().as_bytes(), &[0]].concat());
        let mut info = Vec::new();
        attribute(&mut info, IFLA_INFO_KIND, kind.as_bytes());
        attribute(&mut body, IFLA_LINKINFO, &info);
        let request = Request { kind: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, body };
        match self.netlink.send_one(request)? {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.errno == EEXIST => self.set_up(name),
            Err(refusal) => Err(refused(name, format!("make an interface of kind {kind}"), refusal)),
        }
    }

    fn set_up(&mut self, name: &InterfaceName) -> Result<(), ShaperError> {
        let interface = self.interface(name)?;
        if interface.up {
            return Ok(());
        }
        let mut body = vec![0; LINK_HEADER];
        body[4..8].copy_from_slice(&interface.index.to_ne_bytes());
        body[8..12].copy_from_slice(&IFF_UP.to_ne_bytes());
        body[12..16].copy_from_slice(&IFF_UP.to_ne_bytes());
        let outcome = self.netlink.send_one(Request { kind: RTM_NEWLINK, flags: 0, body })?;
        outcome.map_err(|refusal| refused(name, "set the interface up".to_owned(), refusal))
    }

    pub(crate) fn remove_interface(&mut self, name: &InterfaceName) -> Result<(), ShaperError> {
        let mut body = vec![0; LINK_HEADER];
        body[4..8].copy_from_slice(&self.interface(name)?.index.to_ne_bytes());
        let outcome = self.netlink.send_one(Request { kind: RTM_DELLINK, flags: 0, body })?;
        outcome.map_err(|refusal| refused(name, "remove the interface".to_owned(), refusal))
    }

    /// All qdiscs of all interfaces.
    pub(crate) fn qdiscs(&mut self) -> Result<Vec<Object>, ShaperError> {
        // The kernel has no filter by interface here (`tc_dump_qdisc` in net/sched/sch_api.c).
        self.objects(RTM_GETQDISC, 0, 0, |qdisc| qdisc)
    }

    /// What `of` takes of each object.
    fn objects<T>(
        &mut self,
        kind: u16,
        index: i32,
        parent: u32,
        of: impl Fn(Object) -> T,
    ) -> Result<Vec<T>, ShaperError> {
        let request = tc::request(kind, 0, index, parent, 0, None);
        self.netlink.dump(&request, |body| tc::object(body).map(&of))
    }

    fn classes(&mut self, index: i32) -> Result<Vec<Object>, ShaperError> {
        self.objects(RTM_GETTCLASS, index, 0, |class| class)
    }

    /// What stands at the root of the interface; a tree of ours is known by its handle.
    pub(crate) fn root(&mut self, index: i32, major: u16) -> Result<Root, ShaperError> {
        let qdiscs: Vec<Object> = self.qdiscs()?.into_iter().filter(|qdisc| qdisc.index == index).collect();
        // What the kernel made itself has no handle.
        let Some(root) = qdiscs.iter().find(|qdisc| qdisc.parent == tc::ROOT && qdisc.handle != 0) else {
            return Ok(Root::Default);
        };
        let default = htb::default_of(&root.options.payload);
        if root.options.kind != "htb" || root.handle != u32::from(major) << 16 || default != Some(DEFAULT_MINOR) {
            let (kind, major) = (root.options.kind.clone(), (root.handle >> 16) as u16);
            return Ok(Root::Foreign { kind, major });
        }
        let mut tree = QueueTree::default();
        for class in self.classes(index)? {
            let parent = if class.parent == tc::ROOT { 0 } else { class.parent as u16 };
            if let Some(read) = htb::read_class(parent, &class.options.payload) {
                tree.classes.insert(class.handle as u16, read);
            }
        }
        for qdisc in &qdiscs {
            let kind = LeafKind::ALL.into_iter().find(|kind| kind.name() == qdisc.options.kind);
            if let Some(kind) = kind.filter(|_| qdisc.parent >> 16 == u32::from(major) && qdisc.handle != 0) {
                tree.leaves.insert(qdisc.parent as u16, LeafQdisc::read(kind, &qdisc.options.payload));
            }
        }
        Ok(Root::Ours(tree))
    }

    /// Puts an empty HTB at the root, in the place of what stands there. Until it has classes, it holds nothing
    /// back.
    pub(crate) fn set_root(&mut self, name: &InterfaceName, index: i32, major: u16) -> Result<(), ShaperError> {
        let (handle, options) = (u32::from(major) << 16, htb::qdisc(DEFAULT_MINOR));
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        let request = tc::request(RTM_NEWQDISC, flags, index, tc::ROOT, handle, Some(&options));
        let outcome = self.netlink.send_one(request)?;
        outcome.map_err(|refusal| refused(name, format!("add root qdisc {major:x}: htb"), refusal))
    }

    /// Takes the root qdisc away; the kernel puts its default there.
    pub(crate) fn remove_root(&mut self, name: &InterfaceName, index: i32) -> Result<(), ShaperError> {
        let request = tc::request(RTM_DELQDISC, 0, index, tc::ROOT, 0, None);
        match self.netlink.send_one(request)? {
            Err(refusal) if refusal.errno != ENOENT => Err(refused(name, "remove the root qdisc".to_owned(), refusal)),
            _ => Ok(()),
        }
    }

    /// Takes the steps, group by group; the steps of groups after a refusal are not taken.
    pub(crate) fn execute(
        &mut self,
        name: &InterfaceName,
        index: i32,
        major: u16,
        groups: &[Vec<Op>],
    ) -> Result<(), ShaperError> {
        for group in groups {
            let requests: Vec<Request> = group.iter().map(|op| request(op, index, major)).collect();
            for (op, outcome) in group.iter().zip(self.netlink.send(&requests)?) {
                outcome.map_err(|refusal| refused(name, describe(op, major), refusal))?;
            }
        }
        Ok(())
    }

    /// Sends what `condition` holds for to `ifb`, instead of what the same filter did before.
    pub(crate) fn redirect(
        &mut self,
        name: &InterfaceName,
        index: i32,
        taken: Taken,
        ifb: i32,
        condition: BorrowedFd<'_>,
    ) -> Result<(), ShaperError> {
        let clsact = Options { kind: "clsact".to_owned(), payload: Vec::new() };
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        let request = tc::request(RTM_NEWQDISC, flags, index, CLSACT_PARENT, CLSACT_HANDLE, Some(&clsact));
        match self.netlink.send_one(request)? {
            Err(refusal) if refusal.errno != EEXIST => {
                return Err(refused(name, "add qdisc clsact".to_owned(), refusal));
            }
            _ => {}
        }
        let outcome = self.netlink.send_one(tc::redirect::add(index, taken, ifb, condition.as_raw_fd()))?;
        outcome.map_err(|refusal| refused(name, "send downloads to an IFB (act_mirred)".to_owned(), refusal))
    }

    /// The IFB to which packets are sent there, if they are.
    pub(crate) fn redirected(&mut self, index: i32, taken: Taken) -> Result<Option<i32>, ShaperError> {
        let filters = self.objects(RTM_GETTFILTER, index, taken.parent(), |filter| filter)?;
        Ok(filters.iter().find_map(|filter| tc::redirect::read(&filter.options)))
    }

    /// Lets packets pass again.
    pub(crate) fn stop_redirecting(&mut self, name: &InterfaceName, index: i32) -> Result<(), ShaperError> {
        for taken in Taken::ALL {
            self.stop_taking(name, index, taken)?;
        }
        Ok(())
    }

    /// Lets packets pass again on one side; says whether they were taken.
    pub(crate) fn stop_taking(&mut self, name: &InterfaceName, index: i32, taken: Taken) -> Result<bool, ShaperError> {
        if self.redirected(index, taken)?.is_none() {
            return Ok(false);
        }
        let outcome = self.netlink.send_one(tc::redirect::remove(index, taken))?;
        outcome.map(|()| true).map_err(|refusal| refused(name, "let downloads pass again".to_owned(), refusal))
    }

    /// The interfaces at whose root a tree of ours stands, with its major number.
    pub(crate) fn our_roots(&mut self) -> Result<Vec<(i32, u16)>, ShaperError> {
        let ours = Direction::ALL.map(|direction| u32::from(datapath::major(direction)) << 16);
        let is_ours = |qdisc: &Object| {
            qdisc.parent == tc::ROOT
                && qdisc.options.kind == "htb"
                && ours.contains(&qdisc.handle)
                && htb::default_of(&qdisc.options.payload) == Some(DEFAULT_MINOR)
        };
        let roots = self.qdiscs()?.into_iter().filter(is_ours);
        Ok(roots.map(|qdisc| (qdisc.index, (qdisc.handle >> 16) as u16)).collect())
    }

    /// What each class of the interface has counted, by minor number.
    pub(crate) fn counters(
        &mut self,
        index: i32,
        major: u16,
        leaf: LeafKind,
    ) -> Result<BTreeMap<u16, Counters>, ShaperError> {
        let ours = |handle: u32| handle >> 16 == u32::from(major);
        let classes = self.objects(RTM_GETTCLASS, index, 0, |class| (class.handle, class.counters))?;
        let classes = classes.into_iter().filter(|(handle, _)| ours(*handle));
        let mut counters: BTreeMap<u16, Counters> =
            classes.map(|(handle, counters)| (handle as u16, counters)).collect();
        match leaf {
            LeafKind::Bfifo => {}
            // These drop also when they dequeue, which the class does not see.
            LeafKind::Cake | LeafKind::FqCodel => {
                let drops = |qdisc: Object| {
                    let is_leaf = qdisc.index == index && ours(qdisc.parent);
                    is_leaf.then_some((qdisc.parent as u16, qdisc.counters.drops))
                };
                for (leaf, drops) in self.objects(RTM_GETQDISC, 0, 0, drops)?.into_iter().flatten() {
                    if let Some(counters) = counters.get_mut(&leaf) {
                        counters.drops = drops;
                    }
                }
            }
        }
        Ok(counters)
    }

    /// The queues of an interface as they are, so that [`Kernel::restore`] can put them back.
    pub(crate) fn save(&mut self, name: &InterfaceName, index: i32) -> Result<Vec<BeforeQueue>, ShaperError> {
        let mut qdiscs: Vec<Object> =
            self.qdiscs()?.into_iter().filter(|qdisc| qdisc.index == index && qdisc.handle != 0).collect();
        qdiscs.retain(|qdisc| qdisc.parent != CLSACT_PARENT);
        let Some(root) = qdiscs.iter().find(|qdisc| qdisc.parent == tc::ROOT) else { return Ok(Vec::new()) };
        let cannot =
            |reason| ShaperError::CannotSave { interface: name.clone(), kind: root.options.kind.clone(), reason };
        let mut left: Vec<BeforeQueue> =
            qdiscs.iter().cloned().map(|qdisc| BeforeQueue::new(QueueSort::Qdisc, qdisc)).collect();
        let mut classes = self.classes(index)?;
        if classes.iter().any(|class| ClassFate::of(&class.options.kind) == ClassFate::Lost) {
            return Err(cannot("it has classes of a kind that cannot be put back"));
        }
        classes.retain(|class| ClassFate::of(&class.options.kind) == ClassFate::PutBack);
        for part in qdiscs.iter().chain(&classes) {
            if !self.objects(RTM_GETTFILTER, index, part.handle, drop)?.is_empty() {
                return Err(cannot("it has filters"));
            }
        }
        left.extend(classes.into_iter().map(|mut class| {
            if class.parent == tc::ROOT {
                class.parent = class.handle & 0xffff_0000;
            }
            BeforeQueue::new(QueueSort::Class, class)
        }));
        // Parents first: what has its parent among the saved, or is the root.
        let mut saved: Vec<BeforeQueue> = Vec::new();
        while !left.is_empty() {
            let ready = |queue: &BeforeQueue| {
                queue.parent == tc::ROOT
                    || saved.iter().any(|above| {
                        above.handle == queue.parent
                            || (queue.is == QueueSort::Qdisc
                                && above.is == QueueSort::Qdisc
                                && above.kind != "htb"
                                && above.handle >> 16 == queue.parent >> 16)
                    })
            };
            let Some(place) = left.iter().position(ready) else { return Err(cannot("its parts do not hang together")) };
            saved.push(left.remove(place));
        }
        Ok(saved)
    }

    /// Puts back what [`Kernel::save`] found.
    pub(crate) fn restore(
        &mut self,
        name: &InterfaceName,
        index: i32,
        queues: &[BeforeQueue],
    ) -> Result<(), ShaperError> {
        for queue in queues {
            let kind = match queue.is {
                QueueSort::Qdisc => RTM_NEWQDISC,
                QueueSort::Class => RTM_NEWTCLASS,
            };
            let payload = match (queue.is, queue.kind.as_str()) {
                // HTB says its version with the minor number and wants it back without (`htb_init`).
                (QueueSort::Qdisc, "htb") => htb::qdisc(htb::default_of(&queue.options).unwrap_or(0)).payload,
                _ => queue.options.clone(),
            };
            let options = Options { kind: queue.kind.clone(), payload };
            let flags = NLM_F_CREATE | NLM_F_REPLACE;
            let request = tc::request(kind, flags, index, queue.parent, queue.handle, Some(&options));
            let step = || format!("put back `{}` {:x}:{:x}", queue.kind, queue.handle >> 16, queue.handle & 0xffff);
            self.netlink.send_one(request)?.map_err(|refusal| refused(name, step(), refusal))?;
        }
        Ok(())
    }

    /// The best leaf qdisc this kernel has, found out on `scratch`, an interface made for it and removed.
    pub(crate) fn probe_leaf(&mut self, scratch: &InterfaceName) -> Result<LeafKind, ShaperError> {
        self.abilities(scratch).map(|abilities| abilities.leaf)
    }

    /// What this kernel has for us, found out on `scratch`, an interface made for it and removed.
    pub(crate) fn abilities(&mut self, scratch: &InterfaceName) -> Result<Abilities, ShaperError> {
        let made = ["ifb", "dummy", "veth"].into_iter().find_map(|kind| match self.make_interface(scratch, kind) {
            Ok(()) => Some(Ok(kind)),
            Err(ShaperError::Refused { .. }) => None,
            Err(other) => Some(Err(other)),
        });
        let kind = match made {
            Some(made) => made?,
            // Nowhere to try: the plain queue is in every kernel that has queues.
            None => return Ok(Abilities { htb: true, ifb: false, leaf: LeafKind::Bfifo }),
        };
        let index = self.interface(scratch)?.index;
        let mut takes = |handle: u32, options: Options| -> Result<bool, ShaperError> {
            let flags = NLM_F_CREATE | NLM_F_REPLACE;
            let request = tc::request(RTM_NEWQDISC, flags, index, tc::ROOT, handle, Some(&options));
            Ok(self.netlink.send_one(request)?.is_ok())
        };
        let mut leaf = LeafKind::Bfifo;
        for kind in LeafKind::ALL {
            let options = LeafQdisc { kind, bytes: FIRST_BYTES, patience: FIRST_PATIENCE }.options();
            if takes(0x1_0000, options)? {
                leaf = kind;
                break;
            }
        }
        // Under another handle: of one that stands, the kind cannot be changed.
        let htb = takes(0x2_0000, htb::qdisc(DEFAULT_MINOR))?;
        self.remove_interface(scratch)?;
        Ok(Abilities { htb, ifb: kind == "ifb", leaf })
    }
}

/// `TC_H_CLSACT`, `TC_H_INGRESS`: no queues.
const CLSACT_PARENT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;
/// Any size will do to try.
const FIRST_BYTES: u32 = 65_536;
const FIRST_PATIENCE: Patience = Patience { target_ms: 5, interval_ms: 100 };

fn request(op: &Op, index: i32, major: u16) -> Request {
    let handle = |minor: u16| u32::from(major) << 16 | u32::from(minor);
    let create = NLM_F_CREATE | NLM_F_EXCL;
    match op {
        Op::AddClass(minor, class) => {
            let options = htb::class(class);
            tc::request(RTM_NEWTCLASS, create, index, handle(class.parent), handle(*minor), Some(&options))
        }
        Op::ChangeClass(minor, class) => {
            let options = htb::class(class);
            tc::request(RTM_NEWTCLASS, 0, index, handle(class.parent), handle(*minor), Some(&options))
        }
        Op::RemoveClass(minor) => tc::request(RTM_DELTCLASS, 0, index, 0, handle(*minor), None),
        Op::SetLeaf(minor, leaf) => {
            let options = leaf.options();
            let flags = NLM_F_CREATE | NLM_F_REPLACE;
            tc::request(RTM_NEWQDISC, flags, index, handle(*minor), 0, Some(&options))
        }
        Op::ResizeLeaf(minor, leaf) => {
            let options = leaf.change();
            tc::request(RTM_NEWQDISC, 0, index, handle(*minor), 0, Some(&options))
        }
        Op::RemoveLeaf(minor) => tc::request(RTM_DELQDISC, 0, index, handle(*minor), 0, None),
    }
}

/// The step in words, for an error.
fn describe(op: &Op, major: u16) -> String {
    match op {
        Op::AddClass(minor, class) => {
            format!("add class {major:x}:{minor:x} under {major:x}:{:x} (rate {})", class.parent, class.rate)
        }
        Op::ChangeClass(minor, class) => format!("change class {major:x}:{minor:x} (rate {})", class.rate),
        Op::RemoveClass(minor) => format!("remove class {major:x}:{minor:x}"),
        Op::SetLeaf(minor, leaf) => format!("put {} into class {major:x}:{minor:x}", leaf.kind),
        Op::ResizeLeaf(minor, leaf) => {
            let Patience { target_ms, interval_ms } = leaf.patience;
            let is = format!("{} bytes, {target_ms} ms in {interval_ms} ms", leaf.bytes);
            format!("resize the {} of class {major:x}:{minor:x} to {is}", leaf.kind)
        }
        Op::RemoveLeaf(minor) => format!("empty the queue of class {major:x}:{minor:x}"),
    }
}

fn refused(interface: &InterfaceName, step: String, refusal: Refusal) -> ShaperError {
    ShaperError::Refused { interface: interface.clone(), step, errno: refusal.errno, reason: refusal.reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_a_bridge_come_in_through_its_ports() {
        let interface = |name: &str, index, master, lower| Interface {
            name: name.to_owned(),
            index,
            mtu: 1_500,
            up: true,
            header: ETHERNET_HEADER,
            master,
            lower,
        };
        let interfaces = [
            interface("eth0", 1, None, None),
            interface("eth1", 2, Some(5), None),
            interface("wlan0", 3, Some(5), None),
            interface("eth0.7", 4, None, Some(1)),
            interface("br-lan", 5, None, None),
            // A loop, as no kernel makes it, ends.
            interface("a", 6, None, Some(7)),
            interface("b", 7, None, Some(6)),
        ];
        let check = |index, expected: &[&str]| {
            let names: Vec<String> = entrances(&interfaces, index).iter().map(ToString::to_string).collect();
            assert_eq!(names, expected);
        };
        check(5, &["eth1", "wlan0", "br-lan"]);
        check(4, &["eth0", "eth0.7"]);
        check(1, &["eth0"]);
        check(6, &["a", "b"]);
    }
}
