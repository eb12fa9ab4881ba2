//! The house as it stands: crates, arrows, sources.

use crate::run;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One of our crates.
pub struct Room {
    /// Its name.
    pub name: String,
    /// Our crates that it imports (tests' imports left out).
    pub imports: Vec<String>,
    /// Its sources: `src/**/*.rs`.
    pub sources: Vec<Source>,
}

/// One source file.
pub struct Source {
    /// Relative to the repository.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

impl Source {
    /// Its text without its tests.
    pub fn without_tests(&self) -> &str {
        self.text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(&self.text)
    }
}

/// All our crates, in the order of their names.
pub fn rooms() -> Result<Vec<Room>> {
    let metadata = run::output(&mut run::cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut rooms = BTreeMap::new();
    for package in packages {
        let name = package["name"].as_str().context("a package has a name")?;
        let manifest = PathBuf::from(package["manifest_path"].as_str().context("a package has a manifest")?);
        let folder = manifest.parent().context("a manifest lies in a folder")?.to_path_buf();
        let mut imports: Vec<String> = package["dependencies"]
            .as_array()
            .context("a package has dependencies")?
            .iter()
            .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|import| names.contains(import))
            .map(str::to_owned)
            .collect();
        imports.sort();
        let mut sources = Vec::new();
        read_sources(&folder.join("src"), &mut sources)?;
        rooms.insert(name.to_owned(), Room { name: name.to_owned(), imports, sources });
    }
    Ok(rooms.into_values().collect())
}

fn read_sources(folder: &std::path::Path, sources: &mut Vec<Source>) -> Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            read_sources(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path)?;
            sources.push(Source { path: path.strip_prefix(run::root())?.to_path_buf(), text });
        }
    }
    Ok(())
}
