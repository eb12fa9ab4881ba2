//! Puts programs on interfaces, and tells them how these stand to the links.

use super::{Datapath, loaded, os_error, pinned_links, story, unpin};
use crate::hooks::Reads;
use crate::maps::SIDE_LAN;
use crate::{DatapathError, Head, Hook, hooks, maps, refusal, sys};
use aya::programs::links::{FdLink, Link as _, PinnedLink};
use aya::programs::tc::{self, NlOptions, SchedClassifierLink, TcAttachOptions, TcHandle};
use aya::programs::{LinkOrder, TcAttachType};
use std::collections::BTreeSet;
use std::path::Path;
use vocab::{InterfaceName, Topology};

/// The priority and handle of our clsact filters: fixed, so that a restart replaces its own.
const FILTER_PRIORITY: u16 = 0xe001;
const FILTER_HANDLE: TcHandle = TcHandle::new(0, 1);

/// How programs are attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    /// tcx links, from 6.6 on.
    Tcx,
    /// Filters of clsact.
    Clsact,
}

impl Datapath {
    /// Attaches the programs to the interfaces of `links` and takes them off all others: by tcx links, or by filters of
    /// clsact where the kernel has no tcx (before 6.6). Says which interfaces are not there: call again when they are.
    ///
    /// # Errors
    /// The kernel takes no program on an interface; what is attached by then stays, on interfaces named no more, too.
    pub fn attach(&mut self, links: &[Topology]) -> Result<Vec<InterfaceName>, DatapathError> {
        self.attach_by(links, Mechanism::Tcx)
    }

    /// Like [`Datapath::attach`], by filters of clsact on any kernel.
    ///
    /// # Errors
    /// As for [`Datapath::attach`].
    pub fn attach_with_clsact(&mut self, links: &[Topology]) -> Result<Vec<InterfaceName>, DatapathError> {
        self.attach_by(links, Mechanism::Clsact)
    }

    fn attach_by(&mut self, links: &[Topology], mechanism: Mechanism) -> Result<Vec<InterfaceName>, DatapathError> {
        let (mut pins, mut missing) = (BTreeSet::new(), BTreeSet::new());
        let mut filters = BTreeSet::new();
        // First: the programs ask who is a LAN.
        self.tell_sides(links)?;
        for (hook, interface) in hooks::wanted(links) {
            let Some(index) = index(&interface)? else {
                missing.insert(interface);
                continue;
            };
            let program = hook.program(head(hook, &interface)?);
            let filter = (index, hooks::parent(hook.side()), program);
            match mechanism {
                Mechanism::Tcx => {
                    let pin = self.pin_dir.join(format!("link_{program}_{index}"));
                    match self.attach_tcx(program, hook.side(), &interface, &pin)? {
                        Mechanism::Tcx => drop(pins.insert(pin)),
                        Mechanism::Clsact => drop(filters.insert(filter)),
                    }
                }
                Mechanism::Clsact => {
                    self.attach_clsact(program, hook.side(), &interface)?;
                    filters.insert(filter);
                }
            }
        }
        // Not before: where something failed, what was taken away is still missed (`stands`).
        self.filters = filters;
        for stale in pinned_links(&self.pin_dir)? {
            if !pins.contains(&stale) {
                unpin(&stale)?;
            }
        }
        self.take_stale_filters_away()?;
        Ok(missing.into_iter().collect())
    }

    /// Filters of clsact have no pin: ours are known by their place and their name, on every interface.
    fn take_stale_filters_away(&self) -> Result<(), DatapathError> {
        for interface in sys::interfaces().map_err(|source| DatapathError::Call { call: "if_nameindex", source })? {
            let Some(index) = index(&interface)? else { continue };
            for (side, program) in hooks::programs() {
                let parent = hooks::parent(side);
                // What cannot be asked, as an interface that goes this moment, has nothing of ours.
                let stands = sys::has_filter(index, parent, program).unwrap_or(false);
                if !stands || self.filters.contains(&(index, parent, program)) {
                    continue;
                }
                let name = interface.as_str();
                let gone = SchedClassifierLink::attached(name, side, FILTER_PRIORITY, FILTER_HANDLE, None)
                    .map_err(|error| story(&error))
                    .and_then(|link| link.detach().map_err(|error| story(&error)));
                match gone {
                    Ok(()) => tracing::info!(%interface, program, "taken off an interface that no link has there"),
                    Err(error) => tracing::warn!(%interface, program, error, "a filter of before stays"),
                }
            }
        }
        Ok(())
    }

    /// Whether all that was attached still is, or somebody took it away.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn stands(&self) -> Result<bool, DatapathError> {
        let failed = |source| DatapathError::Call { call: "RTM_GETTFILTER", source };
        for &(interface, parent, program) in &self.filters {
            if !sys::has_filter(interface, parent, program).map_err(failed)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells the programs which interfaces are LANs, and which VLANs on them are LANs of their own, or the line.
    fn tell_sides(&self, links: &[Topology]) -> Result<(), DatapathError> {
        let failed = |map| move |source| DatapathError::Map { map, source };
        let lans: BTreeSet<InterfaceName> = links.iter().flat_map(Topology::lans).cloned().collect();
        let mut sides = BTreeSet::new();
        for lan in &lans {
            sides.extend(index(lan)?);
        }
        let mut vlans = BTreeSet::new();
        let wans = links.iter().map(Topology::upload_interface).cloned().collect();
        // What cannot be asked rides on nothing.
        for (lan, vlan) in hooks::counted_above(&lans, &wans, |at| sys::vlan_below(at).ok().flatten()) {
            vlans.extend(index(&lan)?.map(|index| maps::vlan_index(index, vlan)));
        }
        let maps = &self.maps;
        for &index in &sides {
            maps.sides.set(&index, &SIDE_LAN).map_err(failed("sides"))?;
        }
        for index in maps.sides.keys().map_err(failed("sides"))? {
            let is_lan = maps.sides.get(&index).map_err(failed("sides"))? == Some(SIDE_LAN);
            if is_lan && !sides.contains(&index) {
                maps.sides.remove(&index).map_err(failed("sides"))?;
            }
        }
        for vlan in &vlans {
            maps.vlans.set(vlan, &1).map_err(failed("vlans"))?;
        }
        for vlan in maps.vlans.keys().map_err(failed("vlans"))? {
            if !vlans.contains(&vlan) {
                maps.vlans.remove(&vlan).map_err(failed("vlans"))?;
            }
        }
        Ok(())
    }

    fn attach_tcx(
        &mut self,
        name: &'static str,
        side: TcAttachType,
        interface: &InterfaceName,
        pin: &Path,
    ) -> Result<Mechanism, DatapathError> {
        let refused = |error: &(dyn std::error::Error + 'static)| match os_error(error) {
            Some(libc::EPERM) => refusal::refused("attaching an eBPF program"),
            _ => DatapathError::Attach { program: name, interface: interface.to_string(), reason: story(error) },
        };
        if pin.exists() {
            let program = loaded(&mut self.ebpf, name)?;
            let swapped = PinnedLink::from_pin(pin)
                .map(FdLink::from)
                .and_then(SchedClassifierLink::try_from)
                .map_err(|error| refused(&error))
                .and_then(|link| program.attach_to_link(link).map_err(|error| refused(&error)));
            match swapped {
                // The pin keeps the link; our descriptor may go.
                Ok(id) => return program.take_link(id).map(|_| Mechanism::Tcx).map_err(|error| refused(&error)),
                // The interface went away and another has its number, or the pin is no link: start anew.
                Err(error) => {
                    tracing::warn!(%interface, program = name, %error, "a pinned link cannot be adopted");
                    unpin(pin)?;
                }
            }
        }
        let program = loaded(&mut self.ebpf, name)?;
        let options = TcAttachOptions::TcxOrder(LinkOrder::default());
        match program.attach_with_options(interface.as_str(), side, options) {
            Ok(id) => {
                let link = program.take_link(id).map_err(|error| refused(&error))?;
                let link = FdLink::try_from(link).map_err(|error| refused(&error))?;
                link.pin(pin).map_err(|error| refused(&error))?;
                Ok(Mechanism::Tcx)
            }
            // What kernels before 6.6 answer to an attach type they do not know.
            Err(error) if os_error(&error) == Some(libc::EINVAL) => {
                self.attach_clsact(name, side, interface)?;
                Ok(Mechanism::Clsact)
            }
            Err(error) => Err(refused(&error)),
        }
    }

    fn attach_clsact(
        &mut self,
        name: &'static str,
        side: TcAttachType,
        interface: &InterfaceName,
    ) -> Result<(), DatapathError> {
        let refused = |error: &(dyn std::error::Error + 'static)| match os_error(error) {
            Some(libc::EPERM) => refusal::refused("attaching an eBPF program"),
            _ => DatapathError::Attach { program: name, interface: interface.to_string(), reason: story(error) },
        };
        match tc::qdisc_add_clsact(interface.as_str()) {
            Ok(()) => {}
            Err(error) if os_error(&error) == Some(libc::EEXIST) => {}
            Err(error) => return Err(refused(&error)),
        }
        let program = loaded(&mut self.ebpf, name)?;
        let options = NlOptions { priority: FILTER_PRIORITY, handle: FILTER_HANDLE, classid: None };
        let attached = match program.attach_with_options(interface.as_str(), side, TcAttachOptions::Netlink(options)) {
            Err(error) if os_error(&error) == Some(libc::EEXIST) => {
                let link =
                    SchedClassifierLink::attached(interface.as_str(), side, FILTER_PRIORITY, FILTER_HANDLE, None)
                        .map_err(|error| refused(&error))?;
                program.attach_to_link(link)
            }
            attached => attached,
        };
        let link = attached.and_then(|id| program.take_link(id)).map_err(|error| refused(&error))?;
        // Its drop would take the filter away; it must outlive us.
        std::mem::forget(link);
        Ok(())
    }
}

fn index(interface: &InterfaceName) -> Result<Option<u32>, DatapathError> {
    sys::interface_index(interface).map_err(|source| DatapathError::Call { call: "if_nametoindex", source })
}

/// How its packets begin.
fn head(hook: Hook, interface: &InterfaceName) -> Result<Head, DatapathError> {
    if hook.reads() == Reads::Nothing {
        return Ok(Head::Ethernet);
    }
    let hardware =
        sys::hardware_type(interface).map_err(|source| DatapathError::Call { call: "ioctl(SIOCGIFHWADDR)", source })?;
    Head::of_hardware(hardware).ok_or_else(|| DatapathError::Attach {
        program: hook.program(Head::Ethernet),
        interface: interface.to_string(),
        reason: format!("its frames are of hardware type {hardware} (linux/if_arp.h), which we cannot read"),
    })
}
