//! What a process takes for itself at most, so that it can never harm what it runs beside.

use anyhow::{Result, ensure};
use rustix::process::{Resource, Rlimit, Signal, getppid, getrlimit, nice, set_parent_process_death_signal, setrlimit};
use std::time::Duration;
use vocab::ByteCount;

/// Any other process that wants the processor has it before this one, and where memory runs out this one goes first.
/// Best effort: a kernel without one of both is no reason not to run.
pub fn step_back() {
    let _ = nice(19);
    // proc(5): from -1000 to 1000; raising it needs no right.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// Where `parent`, who started this process, ends, so does it: nobody is left who would bound it.
///
/// # Errors
/// The parent has ended already: the kernel tells only of an end that comes after it was asked (prctl(2)).
pub fn end_with_parent(parent: u32) -> Result<()> {
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let now = getppid().map_or(0, |parent| parent.as_raw_nonzero().get() as u32);
    ensure!(now == parent, "process {parent}, which started this one, has ended");
    Ok(())
}

/// What can be had without taking it from others (proc_pid_meminfo(5), Linux 3.14); nothing where nobody says.
pub fn available_memory() -> Option<ByteCount> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn available(meminfo: &str) -> Option<ByteCount> {
    let words = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = words.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(ByteCount(kib.saturating_mul(1_024)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_read() {
        let check = |meminfo: &str, expected: Option<u64>| {
            assert_eq!(available(meminfo).map(|memory| memory.0), expected, "{meminfo}");
        };
        check("MemTotal:  16 kB\nMemFree:  1 kB\nMemAvailable:   12 kB\nBuffers: 3 kB\n", Some(12_288));
        check("MemTotal:  16 kB\nMemFree:  1 kB\n", None);
        check("MemAvailable: much", None);
        check("", None);
        assert!(available_memory().is_some_and(|memory| memory.0 > 0));
    }
}
