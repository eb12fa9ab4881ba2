//! What stood on the interfaces before us, kept in a file so that `clear` can put it back after any crash.

use crate::error::ShaperError;
use crate::tc::{Object, Options};
use datapath::sys::{Offload, Offloads};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const PREFIX: &str = "shaper-";
const SUFFIX: &str = ".json";

/// What was there before, of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Before {
    pub interfaces: Vec<BeforeInterface>,
}

/// What was there before, of one interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BeforeInterface {
    pub name: String,
    /// An IFB that we made: it goes when we go.
    pub made_by_us: bool,
    /// The offloads, if we changed them.
    pub offloads: Option<BeforeOffloads>,
    /// The queues that an operator had put there, parents first; none for the kernel's default.
    pub queues: Vec<BeforeQueue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BeforeOffloads {
    pub gro: bool,
    pub gso: bool,
    pub tso: bool,
}

/// A qdisc or class in the kernel's own bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BeforeQueue {
    pub is: QueueSort,
    pub kind: String,
    pub parent: u32,
    pub handle: u32,
    pub options: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueueSort {
    Qdisc,
    Class,
}

/// Qdiscs whose classes are bands, queues or flows of theirs: they come with the qdisc's own options, or by themselves.
/// Those of others (hfsc, drr, qfq) were made one by one, and a kind that is not known may be such.
const BANDED: [&str; 15] = [
    "cake", "cbs", "dualpi2", "ets", "fq_codel", "mq", "mqprio", "multiq", "netem", "prio", "red", "sfb", "sfq",
    "skbprio", "tbf",
];

/// What becomes of a class when its qdisc is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClassFate {
    /// It is put back as well.
    PutBack,
    /// It comes with its qdisc.
    Comes,
    /// Nobody makes it: packets for it would be lost.
    Lost,
}

impl ClassFate {
    /// Of a class of this kind.
    pub(crate) fn of(kind: &str) -> ClassFate {
        match kind {
            "htb" => ClassFate::PutBack,
            _ if BANDED.contains(&kind) => ClassFate::Comes,
            _ => ClassFate::Lost,
        }
    }
}

impl BeforeQueue {
    pub(crate) fn new(is: QueueSort, object: Object) -> BeforeQueue {
        let Options { kind, payload } = object.options;
        BeforeQueue { is, kind, parent: object.parent, handle: object.handle, options: payload }
    }
}

impl From<Offloads> for BeforeOffloads {
    fn from(offloads: Offloads) -> BeforeOffloads {
        let on = |offload| offload == Offload::On;
        BeforeOffloads { gro: on(offloads.gro), gso: on(offloads.gso), tso: on(offloads.tso) }
    }
}

impl From<BeforeOffloads> for Offloads {
    fn from(before: BeforeOffloads) -> Offloads {
        let offload = |on| if on { Offload::On } else { Offload::Off };
        Offloads { gro: offload(before.gro), gso: offload(before.gso), tso: offload(before.tso) }
    }
}

impl Before {
    /// What is known of the interface `name`; an empty entry is made where there is none.
    pub(crate) fn interface(&mut self, name: &str) -> &mut BeforeInterface {
        let place = self.interfaces.iter().position(|known| known.name == name).unwrap_or_else(|| {
            let fresh =
                BeforeInterface { name: name.to_owned(), made_by_us: false, offloads: None, queues: Vec::new() };
            self.interfaces.push(fresh);
            self.interfaces.len() - 1
        });
        &mut self.interfaces[place]
    }

    /// Reads what was kept of `link`; nothing if there is no file.
    pub(crate) fn load(state_dir: &Path, link: u16) -> Result<Before, ShaperError> {
        let path = path(state_dir, link);
        match read(&path) {
            Ok(before) => Ok(before),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Before::default()),
            Err(source) => Err(ShaperError::State { path, source }),
        }
    }

    /// Writes it so that it survives a power cut from here on: a new file, synced, in the place of the old.
    pub(crate) fn save(&self, state_dir: &Path, link: u16) -> Result<(), ShaperError> {
        let path = path(state_dir, link);
        self.write(state_dir, &path).map_err(|source| ShaperError::State { path, source })
    }

    fn write(&self, state_dir: &Path, path: &Path) -> io::Result<()> {
        fs::create_dir_all(state_dir)?;
        let draft = path.with_extension("draft");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(state_dir)?.sync_all()
    }
}

/// Everything kept in `state_dir`, with its files.
pub(crate) fn load_all(state_dir: &Path) -> Result<Vec<(PathBuf, Before)>, ShaperError> {
    let failed = |source| ShaperError::State { path: state_dir.to_owned(), source };
    let entries = match fs::read_dir(state_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            let before = read(&path).map_err(|source| ShaperError::State { path: path.clone(), source })?;
            all.push((path, before));
        }
    }
    Ok(all)
}

/// Removes a file whose content was put back.
pub(crate) fn forget(path: &Path) -> Result<(), ShaperError> {
    fs::remove_file(path).map_err(|source| ShaperError::State { path: path.to_owned(), source })
}

fn read(path: &Path) -> io::Result<Before> {
    serde_json::from_slice(&fs::read(path)?).map_err(io::Error::from)
}

fn path(state_dir: &Path, link: u16) -> PathBuf {
    state_dir.join(format!("{PREFIX}{link}{SUFFIX}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Before::load(dir.path(), 3).unwrap(), Before::default());
        let mut before = Before::default();
        *before.interface("eth0") = BeforeInterface {
            name: "eth0".to_owned(),
            made_by_us: false,
            offloads: Some(BeforeOffloads { gro: true, gso: true, tso: false }),
            queues: vec![BeforeQueue {
                is: QueueSort::Qdisc,
                kind: "tbf".to_owned(),
                parent: crate::tc::ROOT,
                handle: 0x8001_0000,
                options: vec![0, 255, 7],
            }],
        };
        before.interface("enifb3").made_by_us = true;
        before.save(dir.path(), 3).unwrap();
        assert_eq!(Before::load(dir.path(), 3).unwrap(), before);
        let all = load_all(dir.path()).unwrap();
        assert_eq!(all.iter().map(|(_, before)| before).collect::<Vec<_>>(), [&before]);
        forget(&all[0].0).unwrap();
        assert_eq!(load_all(dir.path()).unwrap(), []);
        assert_eq!(load_all(&dir.path().join("none")).unwrap(), []);
    }

    #[test]
    fn classes_that_were_made_one_by_one_are_known() {
        for (kind, expected) in [
            ("htb", ClassFate::PutBack),
            ("prio", ClassFate::Comes),
            ("mq", ClassFate::Comes),
            ("fq_codel", ClassFate::Comes),
            ("hfsc", ClassFate::Lost),
            ("drr", ClassFate::Lost),
            ("qfq", ClassFate::Lost),
            ("of tomorrow", ClassFate::Lost),
        ] {
            assert_eq!(ClassFate::of(kind), expected, "{kind}");
        }
    }

    #[test]
    fn a_broken_file_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shaper-0.json");
        fs::write(&path, b"{\"interfaces\": [").unwrap();
        assert!(matches!(Before::load(dir.path(), 0), Err(ShaperError::State { .. })));
        assert!(path.exists());
    }
}
