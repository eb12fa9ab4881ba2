//! What a run for another topology left where this one does not want it: nobody would look after it.

use super::{download_interface, taps};
use crate::error::ShaperError;
use crate::kernel::{Kernel, entrances};
use crate::state::{Before, BeforeInterface};
use crate::steer::Steer;
use crate::tc::redirect::Taken;
use datapath::{Leaf, sys};
use std::collections::BTreeSet;
use tracing::{info, warn};
use vocab::{Direction, InterfaceName, Link};

/// Takes filters, queues and IFBs of ours away that `link` does not want, and puts back what stood there before us.
/// `before` must be saved after.
pub(super) fn take_away(
    kernel: &mut Kernel,
    before: &mut Before,
    link: &Link,
    steering: &mut impl Steer,
) -> Result<(), ShaperError> {
    let interfaces = kernel.interfaces()?;
    let (download, upload) = (download_interface(link), link.topology.upload_interface().clone());
    let sides = [
        (download.clone(), datapath::major(Direction::Download)),
        (upload.clone(), datapath::major(Direction::Upload)),
    ];
    let taps = taps(&link.topology);
    // First packets are let pass, then that goes to which they were sent.
    for interface in &interfaces {
        let Ok(name) = InterfaceName::new(&interface.name) else { continue };
        for taken in Taken::ALL {
            let tap = (name.clone(), taken);
            if !taps.contains(&tap) && kernel.stop_taking(&name, interface.index, taken)? {
                info!(interface = %name, "packets of another topology are no longer sent to its queues");
            }
        }
    }
    for (index, major) in kernel.our_roots()? {
        let Some(interface) = interfaces.iter().find(|known| known.index == index) else { continue };
        let Ok(name) = InterfaceName::new(&interface.name) else { continue };
        let side = (name.clone(), major);
        if !sides.contains(&side) {
            kernel.remove_root(&name, index)?;
            info!(interface = %name, "queues of another topology taken away");
        }
    }
    // Where packets come in that leave by a queue of ours, super-packets stay as they are.
    let inside: BTreeSet<InterfaceName> = interfaces
        .iter()
        .filter(|known| link.topology.interfaces().any(|name| name.as_str() == known.name))
        .flat_map(|known| entrances(&interfaces, known.index))
        .collect();
    let mut kept = Vec::new();
    for mut known in std::mem::take(&mut before.interfaces) {
        let found = interfaces.iter().find(|interface| interface.name == known.name);
        if let (Ok(name), Some(found)) = (InterfaceName::new(&known.name), found) {
            let is_side = name == download || name == upload;
            if known.made_by_us && !is_side {
                kernel.remove_interface(&name)?;
                steering.set_queue(found.index as u32, Leaf::Absent).map_err(ShaperError::Steering)?;
                info!(interface = %name, "IFB of another topology removed");
                continue;
            }
            if !is_side && let Err(error) = kernel.restore(&name, found.index, &known.queues) {
                // `clear` tries again.
                warn!(interface = %name, %error, "the queues of before are not put back");
            } else if !is_side {
                known.queues.clear();
            }
            if !inside.contains(&name) {
                give_offloads_back(&name, &mut known);
            }
        }
        if known.made_by_us || known.offloads.is_some() || !known.queues.is_empty() {
            kept.push(known);
        }
    }
    before.interfaces = kept;
    Ok(())
}

fn give_offloads_back(name: &InterfaceName, known: &mut BeforeInterface) {
    let Some(offloads) = known.offloads else { return };
    match sys::set_offloads(name, offloads.into()) {
        Ok(()) => known.offloads = None,
        Err(error) => warn!(interface = %name, %error, "the offloads of before are not put back"),
    }
}
