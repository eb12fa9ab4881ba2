//! Whether the interfaces are still those that were opened: one that is made anew (a modem that reconnects, a
//! device that is plugged in again) carries neither our programs nor our sockets.

use crate::watchdog::Pulse;
use anyhow::{Result, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use datapath::sys::interface_index;
use std::collections::BTreeMap;
use std::time::Duration;
use vocab::{InterfaceName, Link, Topology};

/// How often the kernel is asked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The kernel's number of each interface.
pub type Indices = BTreeMap<InterfaceName, u32>;

/// The interfaces of `links` as they are now; those that are not there are left out.
pub fn indices(links: &[Link]) -> Indices {
    let names = links.iter().flat_map(|link| match &link.topology {
        Topology::Router { lan, wan } => vec![lan.clone(), wan.clone()],
        Topology::Host { interface } => vec![interface.clone()],
    });
    names.filter_map(|name| interface_index(&name).ok().flatten().map(|index| (name, index))).collect()
}

/// Returns when `stop` is closed.
///
/// # Errors
/// An interface of `links` is another than in `opened`. One that is away is waited for.
pub fn watch(links: &[Link], opened: &Indices, stop: &Receiver<()>, pulse: &Pulse) -> Result<()> {
    while stop.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        pulse.beat();
        if let Some(name) = made_anew(opened, &indices(links)) {
            bail!("{name} was made anew; a restart attaches to it, and what was in force stays on the others");
        }
    }
    Ok(())
}

fn made_anew<'a>(opened: &Indices, now: &'a Indices) -> Option<&'a InterfaceName> {
    now.iter().find(|(name, index)| opened.get(*name) != Some(*index)).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_away_is_waited_for_and_another_is_not_taken_for_it() {
        let indices = |list: &[(&str, u32)]| -> Indices {
            list.iter().map(|(name, index)| (InterfaceName::new(name).unwrap(), *index)).collect()
        };
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
}
