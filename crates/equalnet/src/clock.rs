//! The only clock: wall time that never goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use vocab::Timestamp;

/// How far behind the system's clock we may be before we follow it: time servers slew less at once.
const FOLLOW_NANOS: u64 = 1_000_000_000;

/// Wall time that never goes back, the same for every clone.
///
/// It runs with the monotonic clock; when the system's clock is set forward (a router without a battery
/// learns the time after it started) it follows, when that is set back it does not.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    base_nanos: Arc<AtomicU64>,
}

impl Clock {
    /// A clock that starts at the system's time.
    pub fn new() -> Clock {
        Clock { started: Instant::now(), base_nanos: Arc::new(AtomicU64::new(system_nanos())) }
    }

    /// As if the system's clock had been set forward.
    #[cfg(test)]
    pub fn set_forward(&self, by: std::time::Duration) {
        self.base_nanos.fetch_add(by.as_nanos() as u64, Ordering::Relaxed);
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        // The system's first: where we are held up between the two, ours is ahead, and nothing is followed.
        let system = system_nanos();
        let elapsed = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let ours = self.base_nanos.load(Ordering::Relaxed).saturating_add(elapsed);
        if system.saturating_sub(ours) < FOLLOW_NANOS {
            return Timestamp::from_unix_nanos(ours);
        }
        let before = self.base_nanos.fetch_max(system.saturating_sub(elapsed), Ordering::Relaxed);
        let base = self.base_nanos.load(Ordering::Relaxed).max(before);
        Timestamp::from_unix_nanos(base.saturating_add(elapsed))
    }
}

fn system_nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back_and_follows_forward() {
        let clock = Clock::new();
        let first = clock.now();
        clock.base_nanos.store(clock.base_nanos.load(Ordering::Relaxed) - 5_000_000_000, Ordering::Relaxed);
        // Five seconds behind the system: it catches up.
        assert!(clock.now() >= first);
        let ahead = clock.base_nanos.load(Ordering::Relaxed) + 60_000_000_000;
        clock.base_nanos.store(ahead, Ordering::Relaxed);
        // The system was set back by a minute: it goes on from where it was.
        let now = clock.now();
        assert!(now.since(first).as_secs() >= 59 && clock.now() >= now);
    }
}
