//! Which weights forecasts are made with: those that ship, or this network's own, which a training put into the state
//! folder. A file there is believed only as far as it can be read: anything else, and the shipped ones speak.

use crate::accounts::write_durably;
use anyhow::{Context, Result, bail};
use forecast::Family;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use vocab::{Timestamp, WeightsInForce};

/// The folder below the state folder.
const FOLDER: &str = "forecast";
const WEIGHTS: &str = "own.safetensors";
const CARD: &str = "own.json";
const FORMER: &str = "former.safetensors";
const FORMER_CARD: &str = "former.json";
/// Somebody went back: nights only judge until a training by hand puts others in force.
const UNDONE: &str = "undone";

/// No family is larger: the one that ships is below 0.3 MB.
const MOST_BYTES: u64 = 4 << 20;

/// When a file was written, and how long it is: what tells one from the next.
pub type Stamp = Option<(SystemTime, u64)>;

/// The weights in force for the state folder, and whose they are; never an error.
pub fn in_force(state_dir: &Path) -> (Family, WeightsInForce) {
    match read(&file(state_dir, WEIGHTS)) {
        Ok(None) => (Family::shipped(), WeightsInForce::Shipped),
        Ok(Some((family, since))) => (family, WeightsInForce::Own { since }),
        Err(error) => (Family::shipped(), WeightsInForce::Refused { reason: crate::story(&error) }),
    }
}

/// What tells the file that is there now from another one.
pub fn stamp(state_dir: &Path) -> Stamp {
    let metadata = file(state_dir, WEIGHTS).symlink_metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Puts `family` in force, with a card that says what it learnt; the one before is kept. Durable when it returns.
///
/// # Errors
/// A file cannot be written.
pub fn put_in_force(state_dir: &Path, family: &Family, card: &str) -> Result<()> {
    let _alone = alone(state_dir)?;
    write(&state_dir.join(FOLDER), family, card)?;
    remove(&file(state_dir, UNDONE))
}

/// The same, unless somebody undid what was put in force before. Gives whether it was.
///
/// # Errors
/// A file cannot be written.
pub fn put_in_force_unless_undone(state_dir: &Path, family: &Family, card: &str) -> Result<bool> {
    let _alone = alone(state_dir)?;
    if is_undone(state_dir) {
        return Ok(false);
    }
    write(&state_dir.join(FOLDER), family, card)?;
    Ok(true)
}

/// Whether somebody went back, and nobody has put others in force by hand since.
pub fn is_undone(state_dir: &Path) -> bool {
    file(state_dir, UNDONE).exists()
}

/// Makes the folder, and waits until nobody else writes there; until the file is dropped, others wait.
fn alone(state_dir: &Path) -> Result<File> {
    let folder = state_dir.join(FOLDER);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    let story = || format!("{} cannot be locked", folder.display());
    let file = File::open(&folder).with_context(story)?;
    file.lock().with_context(story)?;
    Ok(file)
}

fn write(folder: &Path, family: &Family, card: &str) -> Result<()> {
    // The one before stays in force until the new one is there, whole.
    for (own, former) in [(WEIGHTS, FORMER), (CARD, FORMER_CARD)] {
        let (own, former) = (folder.join(own), folder.join(former));
        match bounded(&own) {
            Ok(Some((bytes, since))) => {
                write_durably(&former, &bytes, 0o600)?;
                let file = File::options().write(true).open(&former);
                let _ = file.and_then(|file| file.set_modified(since));
            }
            // What cannot be read is nothing to go back to.
            Ok(None) | Err(_) => remove(&former)?,
        }
    }
    write_durably(&folder.join(CARD), card.as_bytes(), 0o600)?;
    write_durably(&folder.join(WEIGHTS), &family.to_bytes(card), 0o600)
}

/// Goes back to the weights before: own ones, or those that ship. Gives what is in force then.
///
/// # Errors
/// There is nothing to go back from, or a file cannot be moved.
pub fn undo(state_dir: &Path) -> Result<WeightsInForce> {
    let own = file(state_dir, WEIGHTS);
    if !own.exists() {
        bail!("the shipped weights are in force: there is nothing to undo");
    }
    let _alone = alone(state_dir)?;
    write_durably(&file(state_dir, UNDONE), b"", 0o600)?;
    for (own, former) in [(WEIGHTS, FORMER), (CARD, FORMER_CARD)] {
        let (own, former) = (file(state_dir, own), file(state_dir, former));
        if former.exists() {
            std::fs::rename(&former, &own).with_context(|| format!("{} cannot be moved", former.display()))?;
        } else {
            remove(&own)?;
        }
    }
    Ok(in_force(state_dir).1)
}

fn file(state_dir: &Path, name: &str) -> PathBuf {
    state_dir.join(FOLDER).join(name)
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn read(path: &Path) -> Result<Option<(Family, Timestamp)>> {
    let Some((bytes, written)) = bounded(path)? else { return Ok(None) };
    let since = written.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let family = Family::from_bytes(&bytes).with_context(|| path.display().to_string())?;
    Ok(Some((family, Timestamp::from_unix_secs(since.as_secs()))))
}

/// What stands in a file and since when; nothing where there is none.
fn bounded(path: &Path) -> Result<Option<(Vec<u8>, SystemTime)>> {
    let story = || format!("{} cannot be read", path.display());
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(story),
    };
    // Nothing that could keep us waiting, or lead elsewhere.
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        bail!("{} is no file of at most {} MiB", path.display(), MOST_BYTES >> 20);
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes)).with_context(story)?;
    Ok(Some((bytes, metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn own(networks: usize) -> Family {
        Family::new(Family::shipped().networks()[..networks].to_vec())
    }

    /// How many networks the family in force has, and whose it is.
    fn check(folder: &Path, networks: usize, whose: &str) {
        let (family, in_force) = in_force(folder);
        let said = match in_force {
            WeightsInForce::Shipped => "shipped".to_owned(),
            WeightsInForce::Own { since } => {
                assert!(since > Timestamp::from_unix_secs(1_700_000_000));
                "own".to_owned()
            }
            WeightsInForce::Refused { reason } => reason,
        };
        assert!(said.contains(whose), "{said}");
        assert_eq!(family.networks().len(), networks, "{said}");
    }

    #[test]
    fn own_weights_are_put_in_force_and_undone_step_by_step() {
        let folder = tempfile::tempdir().unwrap();
        let all = Family::shipped().networks().len();
        check(folder.path(), all, "shipped");
        assert!(undo(folder.path()).unwrap_err().to_string().contains("nothing to undo"));
        put_in_force(folder.path(), &own(1), "{\"first\":1}").unwrap();
        let first = stamp(folder.path());
        check(folder.path(), 1, "own");
        put_in_force(folder.path(), &own(2), "{\"second\":1}").unwrap();
        check(folder.path(), 2, "own");
        assert_ne!(stamp(folder.path()), first);
        for name in [WEIGHTS, CARD, FORMER, FORMER_CARD] {
            let mode = file(folder.path(), name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert!(matches!(undo(folder.path()).unwrap(), WeightsInForce::Own { .. }));
        check(folder.path(), 1, "own");
        assert_eq!(std::fs::read_to_string(file(folder.path(), CARD)).unwrap(), "{\"first\":1}");
        assert_eq!(stamp(folder.path()), first, "it is as old as it was");
        assert_eq!(undo(folder.path()).unwrap(), WeightsInForce::Shipped);
        assert!(!file(folder.path(), CARD).exists());
        check(folder.path(), all, "shipped");
    }

    #[test]
    fn what_was_undone_comes_back_by_hand_only() {
        let folder = tempfile::tempdir().unwrap();
        let all = Family::shipped().networks().len();
        assert!(put_in_force_unless_undone(folder.path(), &own(1), "{}").unwrap());
        undo(folder.path()).unwrap();
        assert!(!put_in_force_unless_undone(folder.path(), &own(1), "{}").unwrap());
        check(folder.path(), all, "shipped");
        put_in_force(folder.path(), &own(1), "{}").unwrap();
        assert!(put_in_force_unless_undone(folder.path(), &own(2), "{}").unwrap());
        check(folder.path(), 2, "own");
    }

    #[test]
    fn those_who_write_at_once_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..10).for_each(|_| put_in_force(folder.path(), &own(1), "{}").unwrap());
                });
            }
        });
        check(folder.path(), 1, "own");
    }

    #[test]
    fn what_cannot_be_weights_is_refused_and_the_shipped_ones_speak() {
        let folder = tempfile::tempdir().unwrap();
        let all = Family::shipped().networks().len();
        put_in_force(folder.path(), &own(1), "{}").unwrap();
        let path = file(folder.path(), WEIGHTS);
        let good = std::fs::read(&path).unwrap();
        let with = |bytes: &[u8]| std::fs::write(&path, bytes).unwrap();
        let mut not_a_number = good.clone();
        let at = not_a_number.len() - 4;
        not_a_number[at..].copy_from_slice(&f32::NAN.to_le_bytes());
        let mut too_long = good.clone();
        too_long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        for (bytes, says) in [
            (&b""[..], "no safetensors file"),
            (&good[..good.len() - 1], "no safetensors file"),
            (&too_long, "no safetensors file"),
            (&not_a_number, "not a number"),
            (&vec![b'x'; MOST_BYTES as usize + 1], "no file of at most 4 MiB"),
        ] {
            with(bytes);
            check(folder.path(), all, says);
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        check(folder.path(), all, "no file of at most");
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        check(folder.path(), all, "no file of at most");
        // And a training replaces it.
        put_in_force(folder.path(), &own(1), "{}").unwrap();
        check(folder.path(), 1, "own");
    }
}
