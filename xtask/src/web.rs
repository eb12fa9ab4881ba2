//! The dashboard: its build, its checks.

use crate::{node, run};
use anyhow::Result;
use std::path::Path;
use std::time::SystemTime;

/// Installs the packages of the lock file and builds `web/dist`, unless it is newer than its sources.
pub fn build() -> Result<()> {
    let web = run::root().join("web");
    let built = modified(&web.join("dist/index.html"));
    let sources = ["src", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts"]
        .iter()
        .map(|name| newest(&web.join(name)))
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH);
    if built > sources {
        println!("The dashboard is up to date.");
        return Ok(());
    }
    install()?;
    run::check(&mut node::npm(&["run", "--silent", "build"])?)
}

/// Installs what the lock file names (`npm ci` refuses optional binaries that the registry lacks).
pub fn install() -> Result<()> {
    let web = run::root().join("web");
    if modified(&web.join("node_modules/.package-lock.json")) > modified(&web.join("package-lock.json")) {
        return Ok(());
    }
    println!("Installing the dashboard's packages…");
    run::check(&mut node::npm(&["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"])?)
}

fn modified(path: &Path) -> SystemTime {
    path.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn newest(path: &Path) -> SystemTime {
    let inner = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| newest(&entry.path())).max();
    inner.unwrap_or(SystemTime::UNIX_EPOCH).max(modified(path))
}
