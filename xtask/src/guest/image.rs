//! The guest's first and only file system: programs of this machine with their libraries, the kernel's modules, and
//! what is to be tried.

use super::cpio::Archive;
use super::kernel::Kernel;
use crate::run;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the lab starts, and the packages that have it. Real ones: the applets of a small system's one program would
/// stand in for `ip`, `tc` and `ping` and know too little.
pub const PROGRAMS: [(&str, &str); 14] = [
    ("sh", "dash"),
    ("mount", "mount"),
    ("umount", "mount"),
    ("insmod", "kmod"),
    ("nsenter", "util-linux"),
    ("nice", "coreutils"),
    ("sleep", "coreutils"),
    ("sysctl", "procps"),
    ("ip", "iproute2"),
    ("tc", "iproute2"),
    ("ss", "iproute2"),
    ("ethtool", "ethtool"),
    ("ping", "iputils-ping"),
    ("dnsmasq", "dnsmasq-base"),
];

/// The first process. What the kernel does not know of its command line, and has a `=`, is a variable here.
const INIT: &str = "#!/bin/sh
export PATH=/bin HOME=/ RUST_BACKTRACE=0
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
ip link set lo up
/bin/lab-guest \"$lab_scenario\" \"$lab_peer\"
# No program of this system can switch the machine off but the kernel itself (admin-guide/sysrq.rst).
echo o > /proc/sysrq-trigger
sleep 30
";

/// Writes the file system to `path`: `lab` is the lab's program, `program` the one under test.
pub fn write(path: &Path, kernel: &Kernel, lab: &Path, program: &Path) -> Result<()> {
    let mut archive = Archive::new(BufWriter::new(File::create(path)?));
    for folder in ["proc", "sys", "run", "tmp", "root", "var/lib/misc"] {
        archive.folder(folder)?;
    }
    // Before /dev is mounted the first process already wants to speak.
    archive.device("dev/console", (5, 1))?;
    archive.file("init", INIT.as_bytes())?;
    archive.file("etc/passwd", b"root:x:0:0:root:/:/bin/sh\n")?;
    archive.file("etc/group", b"root:x:0:\n")?;
    for (number, (name, content)) in kernel.modules()?.iter().enumerate() {
        archive.file(&format!("modules/{number:02}-{name}.ko"), content)?;
    }
    let mut libraries = BTreeSet::new();
    for (name, _) in PROGRAMS {
        let from = run::find(name).with_context(|| format!("no `{name}`"))?;
        archive.copy(&format!("bin/{name}"), &from)?;
        libraries.extend(libraries_of(&from)?);
    }
    for (name, from) in [("lab-guest", lab), ("equalnet", program)] {
        let slim = slimmed(from, &path.with_extension("slim"))?;
        archive.file(&format!("bin/{name}"), &slim)?;
        libraries.extend(libraries_of(from)?);
    }
    for library in libraries {
        let inside = library.strip_prefix("/").context("libraries have whole paths")?.display().to_string();
        archive.copy(&inside, &library)?;
    }
    archive.finish()?.flush()?;
    Ok(())
}

/// The libraries that `program` is linked to, the loader among them.
fn libraries_of(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("`ldd` could not be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("not found") {
        bail!("{} misses libraries:\n{text}", program.display());
    }
    Ok(paths_in(&text))
}

/// Each line of ldd(1) has one path at most: `libc.so.6 => /lib/…/libc.so.6 (0x…)` or `/lib64/ld-linux… (0x…)`.
fn paths_in(text: &str) -> Vec<PathBuf> {
    text.lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(PathBuf::from)
        .collect()
}

/// `program` without what only a debugger reads, where `strip` is there: the guest's memory holds it whole.
fn slimmed(program: &Path, draft: &Path) -> Result<Vec<u8>> {
    let strip = Command::new("strip").arg("-o").arg(draft).arg(program).status();
    if !strip.is_ok_and(|status| status.success()) {
        return Ok(std::fs::read(program)?);
    }
    let bytes = std::fs::read(draft)?;
    std::fs::remove_file(draft)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_as_ldd_writes_them() {
        let text = "\tlinux-vdso.so.1 (0x00007fabeaff2000)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007fab)\n\tstatically linked\n";
        let expected = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(paths_in(text), expected.map(PathBuf::from));
    }
}
