//! What a process takes for itself at most, so that it can never harm what it runs beside.

use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use std::time::Duration;
use vocab::ByteCount;

/// Any other process that wants the processor has it before this one, and where memory runs out this one goes first.
/// Best effort: a kernel without one of both is no reason not to run.
pub fn step_back() {
    let _ = nice(19);
    // proc(5): from -1000 to 1000; raising it needs no right.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// The kernel ends this process when it has used so much of the processor, and gives it no more memory than that.
pub fn bound(cpu_time: Option<Duration>, memory: Option<ByteCount>) -> Result<()> {
    if let Some(time) = cpu_time {
        lower(Resource::Cpu, time.as_secs().max(1))?;
    }
    if let Some(memory) = memory {
        lower(Resource::As, memory.0)?;
    }
    Ok(())
}

fn lower(resource: Resource, to: u64) -> Result<()> {
    let most = getrlimit(resource).maximum.map_or(to, |most| most.min(to));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}
