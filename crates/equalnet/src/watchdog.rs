//! systemd's watchdog, fed only while every thread that matters makes progress: one that hangs, in a driver, on a
//! disk or by a fault of ours, is not noticed by its end. Then the daemon is started anew; the last plan stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a thread tells: that it is still at it. Monotonic, so that a clock that is set is no hang.
#[derive(Clone, Debug)]
pub struct Pulse {
    started: Instant,
    last_ms: Arc<AtomicU64>,
}

impl Pulse {
    /// It is still at it.
    pub fn beat(&self) {
        self.beat_at(Instant::now());
    }

    fn beat_at(&self, now: Instant) {
        let since = now.saturating_duration_since(self.started).as_millis();
        self.last_ms.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn silent_for(&self, now: Instant) -> Duration {
        let last = self.started + Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        now.saturating_duration_since(last)
    }
}

/// A thread that is listened to.
struct Watched {
    name: &'static str,
    patience: Duration,
    pulse: Pulse,
}

/// Who is listened to, and who is fed.
pub struct Watchdog {
    started: Instant,
    watched: Vec<Watched>,
    feed: Box<dyn FnMut() + Send>,
    /// Who hangs, as far as it was told.
    hangs: Option<&'static str>,
}

impl Watchdog {
    /// One that calls `feed` while all is well.
    pub fn new(feed: impl FnMut() + Send + 'static) -> Watchdog {
        Watchdog { started: Instant::now(), watched: Vec::new(), feed: Box::new(feed), hangs: None }
    }

    /// systemd's (sd_notify(3)); nobody where none started us.
    pub fn of_systemd() -> Watchdog {
        Watchdog::new(|| drop(sd_notify::notify(&[sd_notify::NotifyState::Watchdog])))
    }

    /// Listens to one more thread, which hangs when it is silent for longer than `patience`.
    pub fn listen(&mut self, name: &'static str, patience: Duration) -> Pulse {
        let pulse = Pulse { started: self.started, last_ms: Arc::default() };
        pulse.beat();
        self.watched.push(Watched { name, patience, pulse: pulse.clone() });
        pulse
    }

    /// Feeds, unless somebody hangs. Called by the control loop, so that a loop that hangs does not.
    pub fn tend(&mut self) {
        self.tend_at(Instant::now());
    }

    fn tend_at(&mut self, now: Instant) {
        let silent = self.watched.iter().find(|watched| watched.pulse.silent_for(now) > watched.patience);
        match (silent, self.hangs) {
            (None, before) => {
                if let Some(thread) = before {
                    tracing::warn!(thread, "goes on");
                }
                (self.feed)();
            }
            (Some(watched), before) if before != Some(watched.name) => {
                let silent_ms = watched.pulse.silent_for(now).as_millis() as u64;
                tracing::error!(
                    thread = watched.name,
                    silent_ms,
                    "hangs: systemd starts EqualNet anew; the plan stays"
                );
            }
            (Some(_), _) => {}
        }
        self.hangs = silent.map(|watched| watched.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A daemon of two threads: at which of the seconds 1 to 20 it is fed, when they beat at these.
    fn check(worker: &[u64], shaper: &[u64], fed: &[u64]) {
        let count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&count);
        let mut watchdog = Watchdog::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let start = watchdog.started;
        let pulses = [
            (watchdog.listen("worker", Duration::from_secs(3)), worker),
            (watchdog.listen("shaper", Duration::from_secs(6)), shaper),
        ];
        let at = |second| start + Duration::from_secs(second);
        pulses.iter().for_each(|(pulse, _)| pulse.beat_at(start));
        let mut seen = Vec::new();
        for second in 1..=20 {
            for (pulse, beats) in &pulses {
                if beats.contains(&second) {
                    pulse.beat_at(at(second));
                }
            }
            let before = count.load(Ordering::Relaxed);
            watchdog.tend_at(at(second));
            if count.load(Ordering::Relaxed) > before {
                seen.push(second);
            }
        }
        assert_eq!(seen, fed);
    }

    #[test]
    fn who_hangs_is_not_fed_for() {
        let every: Vec<u64> = (1..=20).collect();
        let until = |last: u64| (1..=last).collect::<Vec<u64>>();
        check(&every, &every, &every);
        check(&until(10), &every, &until(13));
        check(&every, &until(10), &until(16));
        check(&until(5), &until(4), &until(8));
        // Slow is not hung; and who goes on is fed for again.
        check(&[3, 6, 9, 12, 15, 18], &every, &every);
        let back: Vec<u64> = until(13).into_iter().chain(18..=20).collect();
        check(&[until(10), vec![18, 19, 20]].concat(), &every, &back);
    }
}
