//! Super-packets: off where they would block a slow link.

use super::Shaper;
use crate::error::ShaperError;
use crate::kernel::entrances;
use crate::state::BeforeOffloads;
use crate::steer::Steer;
use crate::tree::{FRAME, SUPER_PACKET};
use datapath::sys::{self, Offload};
use tracing::{info, warn};
use vocab::{BitRate, Direction, DownloadQueue, InterfaceName};

/// Below this capacity super-packets are switched off: one of 64 kB blocks a link of 100 Mbit/s for 5.2 ms,
/// above it for less, and there the cost of single packets is felt first.
const SLOW: BitRate = BitRate::from_mbps(100);
/// Whether super-packets may be let through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Slow,
    Fast,
}

/// Where packets that leave through a queue come from.
#[derive(Clone, Copy)]
enum Arrives {
    FromOutside,
    FromHere,
}

enum Offloading {
    Unknown(std::io::Error),
    State(ShaperError),
}

impl<S: Steer> Shaper<S> {
    /// Switches super-packets off where they would block a slow link, and finds out how large packets may be.
    ///
    /// They stay off when the link grows fast: only [`clear`] puts offloads back, to what they were.
    pub(super) fn slow_down(&mut self, direction: Direction, capacity: BitRate) -> Result<(), ShaperError> {
        let pace = if capacity < SLOW { Pace::Slow } else { Pace::Fast };
        if self.sides[direction].pace == Some(pace) {
            return Ok(());
        }
        // Where downloads wait on an IFB, none is sent from here into it.
        let (lans, outer) = (self.topology.lans(), self.topology.upload_interface());
        let (into, out) = match (direction, self.topology.download_queue()) {
            (Direction::Download, DownloadQueue::AtLan(lan)) => (vec![outer], Some(lan)),
            (Direction::Download, _) => (vec![outer], None),
            (Direction::Upload, _) => (lans.iter().collect(), Some(outer)),
        };
        // What comes in is merged by GRO, what is sent from here is split late by GSO and TSO.
        let interfaces = self.kernel.interfaces()?;
        let mut ways = Vec::new();
        for interface in into {
            // One that is away brings nothing.
            let index = interfaces.iter().find(|known| known.name == interface.as_str()).map(|known| known.index);
            let entrances = index.map(|index| entrances(&interfaces, index)).unwrap_or_default();
            ways.extend(entrances.into_iter().map(|interface| (interface, Arrives::FromOutside)));
        }
        ways.extend(out.map(|interface| (interface.clone(), Arrives::FromHere)));
        let mut packet = FRAME;
        for (interface, arrives) in ways {
            let mtu = interfaces.iter().find(|known| known.name == interface.as_str()).map_or(1_500, |known| known.mtu);
            packet = packet.max(mtu.saturating_add(FRAME - 1_500).min(SUPER_PACKET));
            match self.single_packets(&interface, arrives, pace) {
                Ok(true) => {}
                Ok(false) => packet = SUPER_PACKET,
                Err(Offloading::State(error)) => return Err(error),
                Err(Offloading::Unknown(error)) => {
                    warn!(%interface, %error, "cannot switch offloads; queues are sized for super-packets");
                    packet = SUPER_PACKET;
                }
            }
        }
        let own = interfaces.iter().find(|known| known.index == self.sides[direction].index);
        self.sides[direction].mtu = own.map_or(0, |own| own.mtu);
        self.sides[direction].packet = packet;
        self.sides[direction].pace = Some(pace);
        Ok(())
    }

    /// Whether no super-packet arrives on `interface` this way, after switching them off where they must be.
    fn single_packets(&mut self, interface: &InterfaceName, arrives: Arrives, pace: Pace) -> Result<bool, Offloading> {
        let is = sys::offloads(interface).map_err(Offloading::Unknown)?;
        let mut off = is;
        match arrives {
            Arrives::FromOutside => off.gro = Offload::Off,
            Arrives::FromHere => (off.gso, off.tso) = (Offload::Off, Offload::Off),
        }
        if is == off || pace == Pace::Fast {
            return Ok(is == off);
        }
        let known = self.before.interface(interface.as_str());
        if known.offloads.is_none() {
            known.offloads = Some(BeforeOffloads::from(is));
            self.before.save(&self.settings.state_dir, self.link.0).map_err(Offloading::State)?;
        }
        sys::set_offloads(interface, off).map_err(Offloading::Unknown)?;
        info!(%interface, "super-packets switched off");
        Ok(sys::offloads(interface).map_err(Offloading::Unknown)? == off)
    }
}
