//! The queues of one link, and the plan they mean.

mod drift;
mod leftovers;
mod super_packets;

use crate::diff::{Op, diff};
use crate::error::ShaperError;
use crate::kernel::{Kernel, Root};
use crate::leaf::{LeafKind, LeafQdisc, LeafStyle};
use crate::state::{self, Before};
use crate::steer::Steer;
use crate::tc::redirect::Taken;
use crate::tree::{self, Charge, QueueTree, SUPER_PACKET, queue_tree};
use crate::watcher::Watcher;
use datapath::sys;
use datapath::{Leaf, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tracing::{info, warn};
use vocab::{
    ByteCount, DeviceId, Directed, Direction, Division, DownloadQueue, Framing, InterfaceName, Link, LinkId, Plan,
    QueueReading, Timestamp, Topology,
};

/// How often a plan is tried before it is given up: the second time on what was read back from the kernel.
const TRIES: usize = 2;

pub use drift::Disturbance;
use super_packets::Pace;

/// What the operator decides about the shaper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShaperSettings {
    /// Where it keeps what stood on the interfaces before (`/var/lib/equalnet`); made if it is missing.
    pub state_dir: PathBuf,
    /// Whether an interface that somebody else shapes may be taken over: what stands there is put aside and
    /// comes back with [`clear`]. If not, it is an error.
    pub adopt: bool,
}

/// What became of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// How many steps it took: classes and leaf queues added, changed or removed. 0 if all was so already.
    pub changes: u32,
    /// The qdisc in the leaves.
    pub leaf: LeafKind,
    /// Devices of the plan that have no slot yet: their packets go to the default leaf until the next plan.
    pub skipped: Vec<DeviceId>,
}

/// Makes the kernel's queues of one link match a plan. Dropping it leaves the last plan in force.
pub struct Shaper<S> {
    settings: ShaperSettings,
    link: LinkId,
    topology: Topology,
    framing: Framing,
    kernel: Kernel,
    watcher: Watcher,
    /// Somebody may have changed something since the queues were last compared.
    unchecked: bool,
    steering: S,
    leaf: LeafKind,
    before: Before,
    sides: Directed<Side>,
    /// From which interfaces packets are sent to the IFB, by name: what their numbers were.
    filled: BTreeMap<InterfaceName, i32>,
    /// A plan was applied.
    begun: bool,
}

/// One direction of the link.
struct Side {
    /// Where its packets leave and wait.
    interface: InterfaceName,
    index: i32,
    /// What its frames have before the IP packet, bytes.
    header: u16,
    major: u16,
    installed: Installed,
    /// The pace for which super-packets were last looked after; `None` if they must be.
    pace: Option<Pace>,
    /// The largest packet that may wait here, bytes.
    packet: u32,
    /// The interface's, when super-packets were last looked after.
    mtu: u32,
    devices: BTreeMap<Slot, DeviceId>,
    /// Leaves whose prio was changed and that may still be served under the old one.
    moved: BTreeSet<u16>,
    /// Leaves that steering knows of.
    open: BTreeSet<u16>,
}

/// What is known of the kernel's queues.
enum Installed {
    /// They must be read back.
    Unknown,
    /// Its interface is not there.
    Away,
    /// None of ours.
    Nothing,
    /// These.
    Tree(QueueTree),
}

/// The interface where downloads of `link` wait: its LAN side, or the IFB that [`Shaper::open`] makes and
/// [`Shaper::apply`] has filled.
pub fn download_interface(link: &Link) -> InterfaceName {
    match link.topology.download_queue() {
        DownloadQueue::AtLan(lan) => lan.clone(),
        DownloadQueue::OnIfbAfterIngress(_) | DownloadQueue::OnIfbBeforeEgress(_) => numbered("enifb", link.id),
    }
}

/// Where packets are taken to the IFB of a link that has one.
fn taps(topology: &Topology) -> Vec<(InterfaceName, Taken)> {
    match topology.download_queue() {
        DownloadQueue::AtLan(_) => Vec::new(),
        DownloadQueue::OnIfbAfterIngress(interface) => vec![(interface.clone(), Taken::AfterIngress)],
        DownloadQueue::OnIfbBeforeEgress(lans) => lans.iter().map(|lan| (lan.clone(), Taken::BeforeEgress)).collect(),
    }
}

fn numbered(prefix: &str, link: LinkId) -> InterfaceName {
    InterfaceName::new(&format!("{prefix}{}", link.0)).expect("a short prefix and at most five digits")
}

impl<S: Steer> Shaper<S> {
    /// Reads back what is installed on the interfaces of `link` and finds out which leaf qdisc the kernel has.
    ///
    /// A tree of ours from an earlier run is taken over as it is, without a change. What a run for another topology left
    /// is taken away, wherever in the network namespace it is: there is one link in each. Where downloads wait on an IFB,
    /// that is made. Must run in the network namespace of the interfaces; needs CAP_NET_ADMIN.
    ///
    /// # Errors
    /// An interface is shaped by somebody else while `settings.adopt` is false; the kernel cannot be asked; the state
    /// directory cannot be used. That an interface is not there is not known before [`Shaper::apply`].
    pub fn open(settings: ShaperSettings, link: &Link, mut steering: S) -> Result<Shaper<S>, ShaperError> {
        let mut kernel = Kernel::open()?;
        let mut before = Before::load(&settings.state_dir, link.id.0)?;
        let download = download_interface(link);
        let upload = link.topology.upload_interface().clone();
        let known = before.clone();
        leftovers::take_away(&mut kernel, &mut before, link, &mut steering)?;
        if before != known {
            before.save(&settings.state_dir, link.id.0)?;
        }
        if !taps(&link.topology).is_empty() {
            before.interface(download.as_str()).made_by_us = true;
            before.save(&settings.state_dir, link.id.0)?;
            kernel.make_interface(&download, "ifb")?;
        }
        let side = |direction, interface| Side {
            interface,
            index: 0,
            header: 0,
            major: datapath::major(direction),
            installed: Installed::Unknown,
            pace: None,
            packet: SUPER_PACKET,
            mtu: 0,
            devices: BTreeMap::new(),
            moved: BTreeSet::new(),
            open: BTreeSet::new(),
        };
        let mut sides =
            Directed { download: side(Direction::Download, download), upload: side(Direction::Upload, upload) };
        for direction in Direction::ALL {
            match sides[direction].read_back(&mut kernel, &settings) {
                // It may come: a modem that is dialling, a card that is plugged in later.
                Ok(()) | Err(ShaperError::InterfaceMissing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let leaf = kernel.probe_leaf(&numbered("enprobe", link.id))?;
        info!(link = link.id.0, leaf = leaf.name(), "queues read back");
        let topology = link.topology.clone();
        let watcher = Watcher::open().map_err(ShaperError::Socket)?;
        let framing = link.framing;
        Ok(Shaper {
            settings,
            link: link.id,
            topology,
            framing,
            kernel,
            watcher,
            unchecked: false,
            steering,
            leaf,
            before,
            sides,
            filled: BTreeMap::new(),
            begun: false,
        })
    }

    /// The qdisc in the leaves, as the kernel has it.
    pub fn leaf(&self) -> LeafKind {
        self.leaf
    }

    /// How many classes of ours stand in the kernel, per direction, as far as known.
    pub fn classes(&self) -> Directed<usize> {
        self.sides.as_ref().map(|side| match &side.installed {
            Installed::Tree(tree) => tree.classes.len(),
            Installed::Unknown | Installed::Away | Installed::Nothing => 0,
        })
    }

    /// Puts `plan` in force: only what differs is touched, no packet is lost, and at no moment do the rates
    /// under a class add up to more than its own.
    ///
    /// One loss cannot be helped: an aggregate whose tier changes while packets wait in its leaf loses these (20 ms
    /// of its rate), because HTB would keep a busy class in its old place.
    ///
    /// What the kernel refuses is tried once more on what was read back from it.
    ///
    /// # Errors
    /// The kernel refused a step (which class, and why), steering did, an interface is not there (what can be done on
    /// the others, is), or the plan is for another link. The kernel then holds a valid tree, the old one or a part of the way to the new one, and the next call goes
    /// on from what it reads back.
    pub fn apply(&mut self, plan: &Plan) -> Result<Applied, ShaperError> {
        if plan.link != self.link {
            return Err(ShaperError::OtherLink { got: plan.link.0, own: self.link.0 });
        }
        let mut applied = Applied { changes: 0, leaf: self.leaf, skipped: Vec::new() };
        let mut missing = None;
        for direction in Direction::ALL {
            // Reading back forgets what is known of super-packets, so it comes first.
            match self.read_back_if_unknown(direction) {
                Ok(()) => {}
                Err(error @ ShaperError::InterfaceMissing { .. }) => {
                    missing = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.slow_down(direction, plan.directions[direction].capacity)?;
            let mut tries = 1;
            let (changes, skipped) = loop {
                match self.apply_direction(direction, &plan.directions[direction]) {
                    Ok(done) => break done,
                    Err(error) => {
                        self.sides[direction].installed = Installed::Unknown;
                        match error {
                            ShaperError::Refused { .. } | ShaperError::Socket(_) if tries < TRIES => {
                                warn!(%error, %direction, "reading the queues back and trying again");
                                tries += 1;
                            }
                            error => return Err(error),
                        }
                    }
                }
            };
            applied.changes += changes;
            applied.skipped.extend(skipped);
        }
        applied.skipped.sort();
        applied.skipped.dedup();
        self.begun = true;
        self.fill_ifb()?;
        self.steering.start().map_err(ShaperError::Steering)?;
        missing.map_or(Ok(applied), Err)
    }

    /// Has downloads sent to the IFB, if that is where they wait.
    fn fill_ifb(&mut self) -> Result<(), ShaperError> {
        let taps = taps(&self.topology);
        if taps.is_empty() {
            return Ok(());
        }
        let ifb = self.sides.download.index;
        // First: what comes from there must be known for it, or it would go there again.
        self.steering.set_queue(ifb as u32, Leaf::Present).map_err(ShaperError::Steering)?;
        let interfaces = self.kernel.interfaces()?;
        for (name, taken) in taps {
            let index = interfaces.iter().find(|known| known.name == name.as_str()).map(|known| known.index);
            let (Some(index), Some(condition)) = (index, self.steering.condition()) else {
                // Whoever watches over it says so, and when it is there.
                self.filled.remove(&name);
                continue;
            };
            if self.kernel.redirected(index, taken)? != Some(ifb) {
                self.kernel.redirect(&name, index, taken, ifb, condition)?;
            }
            self.filled.insert(name, index);
        }
        Ok(())
    }

    fn read_back_if_unknown(&mut self, direction: Direction) -> Result<(), ShaperError> {
        let side = &mut self.sides[direction];
        match side.installed {
            Installed::Unknown | Installed::Away => side.read_back(&mut self.kernel, &self.settings),
            Installed::Nothing | Installed::Tree(_) => Ok(()),
        }
    }

    fn apply_direction(
        &mut self,
        direction: Direction,
        division: &Division,
    ) -> Result<(u32, Vec<DeviceId>), ShaperError> {
        self.read_back_if_unknown(direction)?;
        let side = &mut self.sides[direction];
        let mut slots = BTreeMap::new();
        for device in &division.devices {
            if let Some(slot) = self.steering.slot_of(device.device).map_err(ShaperError::Steering)? {
                slots.insert(device.device, slot);
            }
        }
        let charge = Charge::of(self.framing, side.header);
        let style = LeafStyle { kind: self.leaf, packet: side.packet, charge };
        let build = |draining: &BTreeMap<u16, u8>| {
            queue_tree(division, style, draining, |device| slots.get(&device).copied()).ok_or_else(|| {
                ShaperError::NoCapacity { interface: side.interface.clone(), capacity: division.capacity }
            })
        };
        let mut built = build(&BTreeMap::new())?;
        let wanted: BTreeSet<u16> = built.tree.leaves.keys().copied().collect();

        if matches!(side.installed, Installed::Nothing) {
            let queues = if self.settings.adopt { self.kernel.save(&side.interface, side.index)? } else { Vec::new() };
            let before = self.before.interface(side.interface.as_str());
            // Where our own tree was taken away from under us, what stood there before it is still to come back.
            if !queues.is_empty() {
                before.queues = queues;
            }
            self.before.save(&self.settings.state_dir, self.link.0)?;
            self.kernel.set_root(&side.interface, side.index, side.major)?;
            side.installed = Installed::Tree(QueueTree::default());
        }
        let Installed::Tree(installed) = &side.installed else { unreachable!("read back above") };

        // A leaf that no plan names any more goes in two steps: first no packet is sent there, then, once it is
        // empty, it is removed. What still waits in it is sent.
        let leaving: BTreeSet<u16> = installed.leaves.keys().filter(|minor| !wanted.contains(minor)).copied().collect();
        if !leaving.is_empty() {
            for &minor in &leaving {
                set_leaf(&mut self.steering, minor, direction, Leaf::Absent)?;
                side.open.remove(&minor);
            }
            let counters = self.kernel.counters(side.index, side.major, self.leaf)?;
            let waits = |minor: &u16| counters.get(minor).is_some_and(|counters| counters.waiting > 0);
            let draining: BTreeMap<u16, u8> = leaving
                .into_iter()
                .filter(waits)
                .map(|minor| (minor, installed.classes.get(&minor).map_or(0, |class| class.prio)))
                .collect();
            if !draining.is_empty() {
                built = build(&draining)?;
            }
        }

        built.settle(installed);
        let groups = diff(installed, &built.tree);
        let prio = |tree: &QueueTree, minor: u16| tree.classes.get(&minor).map(|class| class.prio);
        let moves = |minor: &u16| prio(installed, *minor).is_some_and(|old| prio(&built.tree, *minor) != Some(old));
        side.moved.extend(built.tree.leaves.keys().copied().filter(moves));
        self.kernel.execute(&side.interface, side.index, side.major, &groups)?;
        let mut changes = groups.iter().map(Vec::len).sum::<usize>() as u32;

        // HTB serves a class under its old prio as long as it never runs empty (`prio_activity` in sch_htb.c;
        // measured), which for a hungry leaf is for ever. So its queue of some 20 ms is given up.
        if !side.moved.is_empty() {
            let counters = self.kernel.counters(side.index, side.major, self.leaf)?;
            let waiting = |minor: &u16| counters.get(minor).map_or(0, |counters| counters.waiting);
            let full = side.moved.iter().filter(|minor| waiting(minor) > 0);
            let full: Vec<(u16, LeafQdisc)> =
                full.filter_map(|minor| Some((*minor, *built.tree.leaves.get(minor)?))).collect();
            for (minor, _) in &full {
                info!(%direction, minor, packets = waiting(minor), "queue emptied: its new priority takes hold");
            }
            let out = full.iter().map(|(minor, _)| Op::RemoveLeaf(*minor)).collect();
            let back = full.iter().map(|(minor, leaf)| Op::SetLeaf(*minor, *leaf)).collect();
            self.kernel.execute(&side.interface, side.index, side.major, &[out, back])?;
            changes += full.len() as u32;
            side.moved.clear();
        }

        side.installed = Installed::Tree(built.tree);
        side.devices = built.devices;
        for minor in wanted {
            if !side.open.contains(&minor) {
                set_leaf(&mut self.steering, minor, direction, Leaf::Present)?;
                side.open.insert(minor);
            }
        }
        Ok((changes, built.skipped))
    }

    /// What every queue of the plan in force says at `now`; nothing before the first plan.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn read(&mut self, now: Timestamp) -> Result<Vec<QueueReading>, ShaperError> {
        let mut readings = Vec::new();
        for direction in Direction::ALL {
            let side = &self.sides[direction];
            if side.devices.is_empty() {
                continue;
            }
            for (minor, counters) in self.kernel.counters(side.index, side.major, self.leaf)? {
                if let Some(aggregate) = tree::aggregate(minor, &side.devices) {
                    readings.push(QueueReading {
                        link: self.link,
                        aggregate,
                        direction,
                        at: now,
                        backlog: ByteCount(u64::from(counters.backlog)),
                        sent: ByteCount(counters.bytes),
                        sent_packets: counters.packets,
                        drops: u64::from(counters.drops),
                    });
                }
            }
        }
        Ok(readings)
    }
}

impl Side {
    fn read_back(&mut self, kernel: &mut Kernel, settings: &ShaperSettings) -> Result<(), ShaperError> {
        let interface = match kernel.interface(&self.interface) {
            Err(error @ ShaperError::InterfaceMissing { .. }) => {
                self.installed = Installed::Away;
                self.devices.clear();
                return Err(error);
            }
            other => other?,
        };
        (self.index, self.header) = (interface.index, interface.header);
        self.open.clear();
        self.pace = None;
        self.installed = match kernel.root(self.index, self.major)? {
            Root::Default => Installed::Nothing,
            Root::Ours(tree) => Installed::Tree(tree),
            Root::Foreign { .. } if settings.adopt => Installed::Nothing,
            Root::Foreign { kind, major } => {
                return Err(ShaperError::ForeignQdisc { interface: self.interface.clone(), kind, major });
            }
        };
        Ok(())
    }
}

/// Tells steering about a leaf of a device; the reserved leaves need no word.
fn set_leaf(steering: &mut impl Steer, minor: u16, direction: Direction, leaf: Leaf) -> Result<(), ShaperError> {
    match Slot::from_minor(minor) {
        Some((slot, Some(class))) => steering.set_leaf(slot, class, direction, leaf).map_err(ShaperError::Steering),
        Some((_, None)) | None => Ok(()),
    }
}

/// Takes everything away that any [`Shaper`] with this `state_dir` has put on interfaces, also of runs that
/// crashed, and puts back what stood there before: queues, offloads. Says which interfaces it touched.
///
/// Clear the data path first (`Datapath::clear`): what its programs send to an IFB that is gone is lost.
///
/// # Errors
/// The kernel refused a step or the state cannot be read; what was not put back stays in the state directory,
/// so that it can be tried again.
pub fn clear(state_dir: &Path) -> Result<Vec<InterfaceName>, ShaperError> {
    let mut kernel = Kernel::open()?;
    let mut touched = BTreeSet::new();
    let interfaces = kernel.interfaces()?;
    let named = |name: &str| InterfaceName::new(name).ok();
    // Our trees are known by their handles, even where the state is lost.
    for (index, _) in kernel.our_roots()? {
        let interface = interfaces.iter().find(|interface| interface.index == index);
        if let Some(name) = interface.and_then(|interface| named(&interface.name)) {
            kernel.remove_root(&name, index)?;
            touched.insert(name);
        }
    }
    for interface in &interfaces {
        if let Some(name) = named(&interface.name) {
            kernel.stop_redirecting(&name, interface.index)?;
        }
    }
    for (path, before) in state::load_all(state_dir)? {
        for saved in &before.interfaces {
            // An interface that has gone took its queues along.
            let Some(interface) = interfaces.iter().find(|interface| interface.name == saved.name) else { continue };
            let Some(name) = named(&saved.name) else { continue };
            if saved.made_by_us {
                kernel.remove_interface(&name)?;
            } else {
                kernel.restore(&name, interface.index, &saved.queues)?;
                if let Some(offloads) = saved.offloads {
                    sys::set_offloads(&name, offloads.into())
                        .map_err(|source| ShaperError::Offloads { interface: name.clone(), source })?;
                }
            }
            touched.insert(name);
        }
        state::forget(&path)?;
    }
    Ok(touched.into_iter().collect())
}
