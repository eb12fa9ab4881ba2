//! A household comes and goes without a trace.

use super::Outcome;
use crate::household::{Household, HouseholdOptions, leftovers};
use anyhow::Result;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

/// Two households side by side: each names its devices by DHCP, and each is gone when dropped.
pub(super) fn household(program: &Path) -> Result<Outcome> {
    let mut outcome = Outcome::new("household");
    let options = HouseholdOptions::usual(program.to_owned());
    let begun = Instant::now();
    let one = Household::build(&options)?;
    outcome.at_most("stands_after_s", begun.elapsed().as_secs_f64(), 5.0);
    let other = Household::build(&options)?;
    for household in [&one, &other] {
        let leased: BTreeSet<_> =
            household.leases()?.into_iter().map(|device| (device.name, device.mac, device.address)).collect();
        let expected: BTreeSet<_> =
            household.devices().iter().map(|device| (device.name.clone(), device.mac, device.address)).collect();
        if leased != expected || leased.len() != options.devices.len() {
            outcome.failures.push(format!("leases are {leased:?} instead of {expected:?}"));
        }
    }
    let gone = [(one.id().to_owned(), one.folder().to_owned()), (other.id().to_owned(), other.folder().to_owned())];
    let ending = Instant::now();
    drop(one);
    outcome.at_most("gone_after_s", ending.elapsed().as_secs_f64(), 5.0);
    if leftovers(&gone[1].0).is_empty() {
        outcome.failures.push("the end of one household took the other away".to_owned());
    }
    drop(other);
    for (id, folder) in gone {
        let left = leftovers(&id);
        if !left.is_empty() || folder.exists() {
            outcome.failures.push(format!("left behind: {left:?}, {}", folder.display()));
        }
    }
    Ok(outcome)
}
