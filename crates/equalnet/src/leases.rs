//! Names from the leases of a DHCP server on this machine: devices that asked before we listened.

use crate::clock::Clock;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use devices::Sighting;
use engine::Input;
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use vocab::Timestamp;

/// How often the files are looked at; a lease is written when it is given.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// More is no lease file (some 10,000 leases).
const LARGEST: u64 = 1 << 20;

/// Tells of every lease, whenever a file changed, until `stop` is closed.
pub fn watch(files: &[PathBuf], inputs: &Sender<Input>, clock: &Clock, stop: &Receiver<()>) {
    let mut read: Vec<Option<SystemTime>> = vec![None; files.len()];
    loop {
        for (file, read) in files.iter().zip(&mut read) {
            let Ok(changed) = file.metadata().and_then(|metadata| metadata.modified()) else { continue };
            if *read == Some(changed) {
                continue;
            }
            let mut text = String::new();
            let opened = std::fs::File::open(file);
            if opened.and_then(|opened| opened.take(LARGEST).read_to_string(&mut text)).is_err() {
                tracing::debug!(file = %file.display(), "a lease file cannot be read");
                continue;
            }
            *read = Some(changed);
            for sighting in sightings(&text, clock.now()) {
                // Full: the next look tells them again.
                if inputs.try_send(Input::DeviceSeen(sighting)).is_err() {
                    *read = None;
                    break;
                }
            }
        }
        if stop.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// dnsmasq: `expiry MAC address name client-id`, a line each.
fn sightings(text: &str, now: Timestamp) -> Vec<Sighting> {
    let lease = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (mac, address) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Sighting::from_lease(mac, address, words.next()?, now)
    };
    text.lines().filter_map(lease).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_name_devices() {
        let text = "1750000000 a4:5e:60:9c:11:4e 10.150.1.119 annas-laptop 01:a4:5e:60:9c:11:4e\n\
                    1750000000 8c:79:f5:42:0b:c7 10.150.1.134 * *\n\
                    duid 00:01:00:01\nnonsense\n1 2 3 4";
        let found = sightings(text, Timestamp::from_unix_secs(1));
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].clues.len(), found[1].clues.len()), (1, 0));
    }
}
