//! The interface's own counters: what the kernel moved, layer 2, whoever sent it.

use crate::agent::{Event, Stage, now_ms, tell};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// Tells again and again, each time after `period`, what `interface` moved in it.
pub(super) fn read(stage: &Stage, interface: &str, period: Duration) -> Result<()> {
    let mut last = counters(interface)?;
    let mut last_at = Instant::now();
    let mut next = last_at;
    tell(&Event::Ready);
    loop {
        next += period;
        stage.sleep_until(next);
        if stage.is_over() {
            return Ok(());
        }
        let (now, now_at) = (counters(interface)?, Instant::now());
        tell(&Event::Moved {
            at_ms: now_ms(),
            over_us: now_at.duration_since(last_at).as_micros() as u64,
            download: now.0 - last.0,
            upload: now.1 - last.1,
        });
        (last, last_at) = (now, now_at);
    }
}

/// Bytes received and sent, Ethernet header included (`rx_bytes` of a veth is what its peer's queue sent).
fn counters(interface: &str) -> Result<(u64, u64)> {
    // /proc/net follows the reader's namespace; /sys/class/net would show that of whoever mounted /sys.
    let text = std::fs::read_to_string("/proc/net/dev").context("cannot read the counters")?;
    let line = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))
        .with_context(|| format!("there is no interface {interface}"))?;
    let fields: Vec<u64> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    Ok((*fields.first().context("no counters")?, *fields.get(8).context("no counters")?))
}
