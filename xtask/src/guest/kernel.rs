//! The guest's kernel: a package of the distribution, fetched once and kept under the target folder.

use crate::run;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kernel with which the figures in docs/benchmarks.md were made (Debian 12, small flavour for virtual machines).
const PINNED: (&str, &str) = ("linux-image-6.1.0-56-cloud-amd64", "6.1.192-2");
/// What depends on the distribution's newest one, where the pinned one is no longer kept.
const NEWEST: &str = "linux-image-cloud-amd64";

/// What the household, the peers and EqualNet need of the kernel beyond what is always in it.
pub const MODULES: [&str; 20] = [
    "veth",
    "bridge",
    "ifb",
    "sch_htb",
    "sch_cake",
    "sch_fq_codel",
    "sch_fq",
    "sch_netem",
    "sch_tbf",
    "sch_sfq",
    "sch_prio",
    "sch_ingress",
    "cls_bpf",
    "cls_u32",
    "cls_fw",
    "act_mirred",
    "act_police",
    "act_gact",
    "tcp_bbr",
    "act_bpf",
];

/// A kernel on this machine's disk.
pub struct Kernel {
    /// Its package and version, for the report.
    pub version: String,
    /// What is booted.
    pub image: PathBuf,
    /// Where its modules lie.
    modules: PathBuf,
}

/// The pinned kernel; where the archive has it no more, the newest. What was fetched before is not fetched again.
pub fn fetch(cache: &Path) -> Result<Kernel> {
    std::fs::create_dir_all(cache)?;
    let pinned = format!("{}={}", PINNED.0, PINNED.1);
    if let Ok(kernel) = unpacked(cache, &pinned) {
        return Ok(kernel);
    }
    if let Err(error) = download(cache, &pinned) {
        let newest = newest()?;
        println!("The archive has no {pinned} ({error:#}); taking {newest} instead.");
        if unpacked(cache, &newest).is_err() {
            download(cache, &newest)?;
        }
        return unpacked(cache, &newest);
    }
    unpacked(cache, &pinned)
}

/// `PACKAGE=VERSION` of the newest kernel that the archive has.
fn newest() -> Result<String> {
    let depends = run::output(&mut run::command("apt-cache", &["depends", NEWEST]))?;
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: ")).context("no kernel")?;
    let policy = run::output(&mut run::command("apt-cache", &["policy", package]))?;
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: ")).context("no version")?;
    Ok(format!("{package}={version}"))
}

/// Fetches `wanted` (`PACKAGE=VERSION`) and unpacks it.
fn download(cache: &Path, wanted: &str) -> Result<()> {
    println!("Fetching {wanted} from the distribution's archive…");
    // A folder of its own: the one package in it is the one just fetched.
    let draft = cache.join("draft");
    let _ = std::fs::remove_dir_all(&draft);
    std::fs::create_dir_all(&draft)?;
    // Without a user of its own for downloads, which may not write here.
    let arguments = ["-qq", "-o", "APT::Sandbox::User=root", "download", wanted];
    run::output(Command::new("apt-get").args(arguments).current_dir(&draft))?;
    let entries = std::fs::read_dir(&draft)?.collect::<Result<Vec<_>, _>>()?;
    let package = entries.first().context("apt-get left no package")?.path();
    let folder = draft.join("unpacked");
    run::check(Command::new("dpkg").arg("-x").arg(&package).arg(&folder))?;
    let _ = std::fs::remove_dir_all(cache.join(wanted));
    std::fs::rename(&folder, cache.join(wanted))?;
    std::fs::remove_dir_all(&draft)?;
    Ok(())
}

fn unpacked(cache: &Path, wanted: &str) -> Result<Kernel> {
    let folder = cache.join(wanted);
    let only = |folder: PathBuf, start: &str| -> Result<PathBuf> {
        let mut entries = std::fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?.flatten();
        let found = entries.find(|entry| entry.file_name().to_string_lossy().starts_with(start));
        Ok(found.with_context(|| format!("no {start}* in {}", folder.display()))?.path())
    };
    Ok(Kernel {
        version: wanted.replace('=', " "),
        image: only(folder.join("boot"), "vmlinuz-")?,
        modules: only(folder.join("lib/modules"), "")?,
    })
}

impl Kernel {
    /// The files of [`MODULES`] and of all that they need, in an order in which they can be loaded.
    pub fn modules(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        find_modules(&self.modules.join("kernel"), &mut files)?;
        let built_in = std::fs::read_to_string(self.modules.join("modules.builtin")).unwrap_or_default();
        let mut chosen = Vec::new();
        let mut seen = BTreeSet::new();
        for name in MODULES {
            self.choose(name, &files, &built_in, &mut seen, &mut chosen)?;
        }
        Ok(chosen)
    }

    fn choose(
        &self,
        name: &str,
        files: &[PathBuf],
        built_in: &str,
        seen: &mut BTreeSet<String>,
        chosen: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<()> {
        if !seen.insert(name.to_owned()) {
            return Ok(());
        }
        let Some(file) = files.iter().find(|file| module_name(file) == name) else {
            if built_in.lines().any(|line| module_name(Path::new(line)) == name) {
                return Ok(());
            }
            bail!("the kernel {} has no module {name}", self.version);
        };
        let content = match file.extension().and_then(|extension| extension.to_str()) {
            Some("xz") => run::stdout(Command::new("xz").arg("-dc").arg(file))?,
            _ => std::fs::read(file)?,
        };
        for needed in depends(&content) {
            self.choose(&needed, files, built_in, seen, chosen)?;
        }
        chosen.push((name.to_owned(), content));
        Ok(())
    }
}

fn find_modules(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("no {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            find_modules(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// `sch_cake` of `…/sch_cake.ko.xz`; the kernel writes `-` and `_` alike.
fn module_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split(".ko").next().unwrap_or_default().replace('-', "_")
}

/// The modules that a module says it needs: `depends=a,b` among the strings of its `.modinfo` section.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let text = module[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(text).replace('-', "_");
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(module: &[u8], expected: &[&str]) {
        assert_eq!(depends(module), expected, "{:?}", String::from_utf8_lossy(module));
    }

    #[test]
    fn a_module_says_what_it_needs() {
        check(b"\x7fELF\0license=GPL\0depends=stp,nf-conntrack\0retpoline=Y\0", &["stp", "nf_conntrack"]);
        check(b"license=GPL\0depends=\0name=veth\0", &[]);
        check(b"license=GPL\0", &[]);
    }

    #[test]
    fn modules_are_known_by_their_files() {
        for file in ["net/sched/sch_cake.ko", "sch_cake.ko.xz", "sch-cake.ko.zst"] {
            assert_eq!(module_name(Path::new(file)), "sch_cake");
        }
    }
}
