//! Whether what we put in force still is: somebody may change queues, filters and the interfaces under them.

use super::{Installed, Shaper, taps};
use crate::error::ShaperError;
use crate::kernel::{Interface, Root};
use crate::steer::Steer;
use crate::tree::QueueTree;
use crate::watcher::Noticed;
use std::collections::BTreeSet;
use tracing::warn;
use vocab::{Direction, InterfaceName};

/// What somebody else did to the queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disturbance {
    /// Where.
    pub interface: InterfaceName,
    /// What, in words.
    pub what: String,
}

/// The first thing in which `found` is not what is `installed`, in words.
fn difference(major: u16, installed: &QueueTree, found: &QueueTree) -> Option<String> {
    let class = |minor: u16| format!("class {major:x}:{minor:x}");
    let minors: BTreeSet<u16> = installed.classes.keys().chain(found.classes.keys()).copied().collect();
    minors.into_iter().find_map(|minor| match (installed.classes.get(&minor), found.classes.get(&minor)) {
        (Some(_), None) => Some(format!("{} is gone", class(minor))),
        (None, Some(_)) => Some(format!("{} is not ours", class(minor))),
        (Some(ours), Some(theirs)) if ours.rate != theirs.rate => {
            Some(format!("{} has a rate of {} instead of {}", class(minor), theirs.rate, ours.rate))
        }
        (Some(ours), Some(theirs)) if ours.ceil != theirs.ceil => {
            Some(format!("{} has a ceiling of {} instead of {}", class(minor), theirs.ceil, ours.ceil))
        }
        (Some(ours), Some(theirs)) if ours != theirs => Some(format!("{} has other attributes", class(minor))),
        _ if installed.leaves.get(&minor) != found.leaves.get(&minor) => {
            Some(format!("the queue in {} is another", class(minor)))
        }
        _ => None,
    })
}

impl<S: Steer> Shaper<S> {
    /// Whether somebody else changed the queues in force, or the interfaces under them, since the last call, and
    /// what. Then the next plan goes on from what is read back. Cheap while nobody does: the kernel tells of changes.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn check(&mut self) -> Result<Option<Disturbance>, ShaperError> {
        let mut indices = Direction::ALL.map(|direction| self.sides[direction].index).to_vec();
        indices.extend(self.filled.values());
        let noticed = self.watcher.heard(self.kernel.ports(), &indices);
        self.unchecked |= noticed == Noticed::Something;
        if !self.unchecked && noticed == Noticed::Nothing {
            return Ok(None);
        }
        let interfaces = self.kernel.interfaces()?;
        let mut disturbance = None;
        for direction in Direction::ALL {
            if let Some(what) = self.check_side(direction, &interfaces)? {
                let side = &mut self.sides[direction];
                warn!(interface = %side.interface, what, "somebody else changed what is ours");
                let is_there = interfaces.iter().any(|known| known.name == side.interface.as_str());
                side.installed = if is_there { Installed::Unknown } else { Installed::Away };
                disturbance.get_or_insert(Disturbance { interface: side.interface.clone(), what });
            }
        }
        if let Some((interface, what)) = self.check_taps(&interfaces)? {
            warn!(%interface, what, "somebody else changed what is ours");
            disturbance.get_or_insert(Disturbance { interface, what });
        }
        if !taps(&self.topology).is_empty() && disturbance.is_some() {
            let ifb = self.sides.download.interface.clone();
            self.kernel.make_interface(&ifb, "ifb")?;
        }
        self.unchecked = false;
        Ok(disturbance)
    }

    /// What became of one side of the link.
    fn check_side(&mut self, direction: Direction, interfaces: &[Interface]) -> Result<Option<String>, ShaperError> {
        let side = &mut self.sides[direction];
        let found = interfaces.iter().find(|known| known.name == side.interface.as_str());
        match (&side.installed, found) {
            // It takes its queues along: told once, and again when it is back.
            (Installed::Tree(_), None) => return Ok(Some("the interface is gone".to_owned())),
            (Installed::Away, Some(_)) => return Ok(Some("the interface is back".to_owned())),
            (Installed::Tree(_), Some(known)) if known.index != side.index => {
                return Ok(Some("the interface is another".to_owned()));
            }
            _ => {}
        }
        let (Installed::Tree(tree), Some(known), true) = (&side.installed, found, self.unchecked) else {
            return Ok(None);
        };
        if side.pace.is_some() && known.mtu != side.mtu {
            side.pace = None;
            return Ok(Some(format!("the MTU is {} instead of {}", known.mtu, side.mtu)));
        }
        Ok(match self.kernel.root(side.index, side.major)? {
            Root::Ours(found) => difference(side.major, tree, &found),
            Root::Default => Some("the queues are gone".to_owned()),
            Root::Foreign { kind, .. } => Some(format!("`{kind}` stands in place of the queues")),
        })
    }

    /// Whether packets are still sent to the IFB, if that is where they wait. Where it is gone, they are let pass.
    fn check_taps(&mut self, interfaces: &[Interface]) -> Result<Option<(InterfaceName, String)>, ShaperError> {
        // Nothing was filled before the first plan, or without a program that says what to send there.
        if !self.begun || self.steering.condition().is_none() {
            return Ok(None);
        }
        let ifb = self.sides.download.index;
        let found = interfaces.iter().find(|known| known.index == ifb);
        let stands = found.is_some();
        let mut told = None;
        if found.is_some_and(|found| !found.up) && !taps(&self.topology).is_empty() {
            // What is sent to it is lost.
            told = Some((self.sides.download.interface.clone(), "the interface was set down".to_owned()));
        }
        for (name, taken) in taps(&self.topology) {
            let found = interfaces.iter().find(|known| known.name == name.as_str()).map(|known| known.index);
            let what = match (self.filled.get(&name), found) {
                (None, None) => continue,
                (None, Some(_)) => "the interface is there".to_owned(),
                (Some(_), None) => {
                    self.filled.remove(&name);
                    "the interface is gone".to_owned()
                }
                (Some(is), Some(index)) if *is != index => "the interface is another".to_owned(),
                (Some(_), Some(index)) if !stands => {
                    self.kernel.stop_redirecting(&name, index)?;
                    continue;
                }
                (Some(_), Some(_)) if !self.unchecked => continue,
                (Some(_), Some(index)) => match self.kernel.redirected(index, taken)? {
                    Some(to) if to == ifb => continue,
                    _ => "downloads do not wait in the queues".to_owned(),
                },
            };
            told.get_or_insert((name, what));
        }
        Ok(told)
    }
}
