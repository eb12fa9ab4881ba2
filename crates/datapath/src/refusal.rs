//! Why the kernel refuses eBPF, and what to do: told once, at the start, so it may look around.

use crate::DatapathError;
use aya::util::KernelVersion;
use std::fs;

/// What eBPF asks for: its bit in a capability mask (linux/capability.h), its name.
const NEEDED: [(u32, &str); 3] = [(CAP_NET_ADMIN, "CAP_NET_ADMIN"), (38, "CAP_PERFMON"), (39, "CAP_BPF")];
const CAP_NET_ADMIN: u32 = 12;
/// What was asked for before Linux 5.8, and still stands for the two that came then.
const CAP_SYS_ADMIN: u32 = 21;
/// The oldest kernel whose features are enough.
const OLDEST: KernelVersion = KernelVersion::new(5, 15, 0);
/// The identity map of user ids, which only the machine's own user namespace has (user_namespaces(7)).
const ALL_USERS: &str = "0 0 4294967295";

/// The error of `what`, which was refused with EPERM or EACCES.
pub(crate) fn refused(what: &'static str) -> DatapathError {
    DatapathError::Permission { what, reason: Around::read().reason() }
}

/// The error of a program that the verifier refused with `reason`: without CAP_PERFMON it refuses what it takes from others.
pub(crate) fn refused_program(program: &'static str, reason: String) -> DatapathError {
    let around = Around::read();
    if around.missing().is_empty() {
        DatapathError::Program { program, reason: with_release(reason) }
    } else {
        DatapathError::Permission { what: "loading an eBPF program", reason: around.reason() }
    }
}

/// `reason`, and that the kernel is too old where it is.
pub(crate) fn with_release(reason: String) -> String {
    match KernelVersion::current() {
        Ok(release) if release < OLDEST => {
            format!("{reason}; this is Linux {release}, and 5.15 is the oldest that will do")
        }
        _ => reason,
    }
}

/// What this process may do, as the kernel's files say it.
struct Around {
    status: String,
    users: String,
    lockdown: String,
}

impl Around {
    fn read() -> Around {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Around {
            status: read("/proc/self/status"),
            users: read("/proc/self/uid_map"),
            lockdown: read("/sys/kernel/security/lockdown"),
        }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }

    /// The capabilities that are asked for and not there.
    fn missing(&self) -> Vec<&'static str> {
        let effective = self.field("CapEff").and_then(|mask| u64::from_str_radix(mask, 16).ok());
        let has = |bit: u32| effective.is_none_or(|mask| mask >> bit & 1 == 1);
        let lacks = |bit: u32| !has(bit) && (bit == CAP_NET_ADMIN || !has(CAP_SYS_ADMIN));
        NEEDED.into_iter().filter(|(bit, _)| lacks(*bit)).map(|(_, name)| name).collect()
    }

    /// What stands in the way, and what to do; the likeliest, where the kernel does not say.
    fn reason(&self) -> String {
        let missing = self.missing();
        if !missing.is_empty() {
            let missing = missing.join(" ");
            return format!(
                "this process lacks {missing}: run it as root, give its unit AmbientCapabilities={missing}, or its \
                 container --cap-add for each"
            );
        }
        let users: Vec<&str> = self.users.split_whitespace().collect();
        if !users.is_empty() && users.join(" ") != ALL_USERS {
            return "this process is root of a user namespace only (a rootless container), and its rights do not reach \
                    bpf(2): run it as the machine's root"
                .to_owned();
        }
        if self.field("Seccomp") == Some("2") {
            return "this process has the capabilities, but runs under a seccomp filter that seems to forbid bpf(2): \
                    allow it (SystemCallFilter=bpf in its unit, a seccomp profile for its container)"
                .to_owned();
        }
        if self.lockdown.contains("[confidentiality]") {
            return "the kernel is locked down (confidentiality): boot with lockdown=integrity".to_owned();
        }
        "this process has the capabilities; a security module (AppArmor, SELinux) may forbid it: see the kernel's log"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(effective: u64, seccomp: u8, users: &str, lockdown: &str, expected: &str) {
        let status = format!("Name:\tequalnet\nCapEff:\t{effective:016x}\nSeccomp:\t{seccomp}\nSeccomp_filters:\t1\n");
        let around = Around { status, users: users.to_owned(), lockdown: lockdown.to_owned() };
        let reason = around.reason();
        assert!(reason.contains(expected), "{reason}");
    }

    #[test]
    fn what_is_missing_is_said() {
        const ALL: u64 = 0x1ff_ffff_ffff;
        let machine = "         0          0 4294967295\n";
        let without = |bits: &[u32]| bits.iter().fold(ALL, |mask, bit| mask & !(1 << bit));
        check(0, 0, machine, "", "lacks CAP_NET_ADMIN CAP_PERFMON CAP_BPF: run");
        check(
            without(&[21, 39]),
            2,
            machine,
            "",
            "lacks CAP_BPF: run it as root, give its unit AmbientCapabilities=CAP_BPF,",
        );
        check(without(&[21, 38]), 0, machine, "", "lacks CAP_PERFMON:");
        check(without(&[12]), 0, machine, "", "lacks CAP_NET_ADMIN:");
        // CAP_SYS_ADMIN stands for the two that came later.
        check(without(&[38, 39]), 2, machine, "", "seccomp filter");
        check(ALL, 2, "0 100000 65536\n", "", "user namespace");
        check(ALL, 0, machine, "none integrity [confidentiality]\n", "lockdown=integrity");
        check(ALL, 0, machine, "none [integrity] confidentiality\n", "security module");
        check(ALL, 0, "", "", "security module");
    }

    #[test]
    fn a_kernel_that_tells_nothing_is_not_blamed() {
        let around = Around { status: String::new(), users: String::new(), lockdown: String::new() };
        assert!(around.reason().contains("security module"));
    }
}
