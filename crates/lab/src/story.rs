//! What a household tells over a stretch of time, gathered: the demo and the scenarios read it.

use crate::agent::{Agent, Event, Report, RttSample};
use crate::household::{Household, Place};
use crate::report::TrueFlow;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Everything told so far, by who told it.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// Round trips, by agent.
    pub(crate) trips: BTreeMap<u32, Vec<RttSample>>,
    /// What moved, by agent.
    pub(crate) moved: BTreeMap<u32, Vec<Moved>>,
    /// Load times, by agent: when asked for, and how long it took, both in milliseconds.
    pub(crate) loaded: BTreeMap<u32, Vec<(u64, u64)>>,
    /// Packets sent and come back, by agent, of those that have ended.
    pub(crate) counted: BTreeMap<u32, (u64, u64)>,
    /// Agents that stand.
    pub(crate) ready: Vec<u32>,
    /// Flows of devices, as those who opened them know them.
    pub(crate) flows: Vec<TrueFlow>,
    /// What went wrong.
    pub(crate) troubles: Vec<String>,
}

/// What moved in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    /// The window's end, milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// Its length, microseconds.
    pub(crate) over_us: u64,
    /// Bytes towards the device.
    pub(crate) download: u64,
    /// Bytes from the device.
    pub(crate) upload: u64,
}

impl Story {
    /// Waits until `agent` stands, ten seconds at most.
    pub(crate) fn wait_for(&mut self, household: &Household, agent: &Agent) -> Result<()> {
        let number = agent.number();
        let until = Instant::now() + Duration::from_secs(10);
        self.listen_until(household, until, |story| story.ready.contains(&number));
        if !self.ready.contains(&number) {
            bail!("{:?} does not stand within 10 s: {}", agent.activity(), self.troubles.join("; "));
        }
        Ok(())
    }

    /// Takes what is told until `until`, or until `is_over` says so after a report.
    pub(crate) fn listen_until(
        &mut self,
        household: &Household,
        until: Instant,
        mut is_over: impl FnMut(&Story) -> bool,
    ) {
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if let Some(report) = household.next_report(left) {
                self.take(report);
                if is_over(self) {
                    return;
                }
            }
        }
    }

    /// Takes what is told for `time`.
    pub(crate) fn listen(&mut self, household: &Household, time: Duration) {
        self.listen_until(household, Instant::now() + time, |_| false);
    }

    fn take(&mut self, report: Report) {
        let Report { agent, place, event } = report;
        match event {
            Event::Ready => self.ready.push(agent),
            Event::Leased { .. } => {}
            Event::Flow { protocol, local, remote, class } => {
                let ends = (local.to_string(), remote.to_string());
                self.flows.push(TrueFlow { protocol, local: ends.0, remote: ends.1, class });
            }
            Event::Rtt { samples } => self.trips.entry(agent).or_default().extend(samples),
            Event::Moved { at_ms, over_us, download, upload } => {
                self.moved.entry(agent).or_default().push(Moved { at_ms, over_us, download, upload });
            }
            Event::Loaded { at_ms, took_ms } => self.loaded.entry(agent).or_default().push((at_ms, took_ms)),
            Event::Counted { sent, returned } => {
                self.counted.insert(agent, (sent, returned));
            }
            Event::Trouble { text } => {
                let place = match place {
                    Place::Gateway => "gateway".to_owned(),
                    Place::Net => "net".to_owned(),
                    Place::Device(name) => name,
                };
                self.troubles.push(format!("{place}: {text}"));
            }
        }
    }

    /// The round trips of `agent` whose packets were sent from `from_ms` to `to_ms`.
    pub(crate) fn trips_between(&self, agent: u32, from_ms: u64, to_ms: u64) -> Vec<RttSample> {
        let all = self.trips.get(&agent).into_iter().flatten();
        all.filter(|sample| (from_ms..to_ms).contains(&sample.at_ms)).copied().collect()
    }

    /// The windows of `agent` that lie between `from_ms` and `to_ms`.
    pub(crate) fn windows_between(&self, agent: u32, from_ms: u64, to_ms: u64) -> Vec<Moved> {
        let all = self.moved.get(&agent).into_iter().flatten();
        all.filter(|moved| moved.at_ms.saturating_sub(moved.over_us / 1_000) >= from_ms && moved.at_ms <= to_ms)
            .copied()
            .collect()
    }

    /// Times it took `agents` to load what was asked for between `from_ms` and `to_ms`.
    pub(crate) fn loads_between(&self, agents: &[u32], from_ms: u64, to_ms: u64) -> Vec<f64> {
        let all = agents.iter().filter_map(|agent| self.loaded.get(agent)).flatten();
        all.filter(|(at_ms, _)| (from_ms..to_ms).contains(at_ms)).map(|(_, took_ms)| *took_ms as f64).collect()
    }
}

/// The mean rates of `windows`, bit/s: download and upload.
pub(crate) fn mean_rates(windows: &[Moved]) -> (u64, u64) {
    let over_us: u64 = windows.iter().map(|moved| moved.over_us).sum();
    let rate = |bytes: u64| (bytes * 8 * 1_000_000).checked_div(over_us).unwrap_or(0);
    (rate(windows.iter().map(|moved| moved.download).sum()), rate(windows.iter().map(|moved| moved.upload).sum()))
}
