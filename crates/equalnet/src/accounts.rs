//! The password: asked for once, kept as an argon2 hash in the state folder.

use anyhow::{Context, Result};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const FILE: &str = "password";

/// The first password, where none is set: from the file named by `EQUALNET_PASSWORD_FILE`, else made up and
/// given back so that it can be shown once.
pub fn ensure(state_dir: &Path) -> Result<Option<String>> {
    if path(state_dir).exists() {
        return Ok(None);
    }
    if let Some(file) = std::env::var_os("EQUALNET_PASSWORD_FILE") {
        let file = PathBuf::from(file);
        let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        set(state_dir, text.lines().next().unwrap_or(""))?;
        return Ok(None);
    }
    let password = made_up();
    set(state_dir, &password)?;
    Ok(Some(password))
}

/// Replaces the password.
pub fn set(state_dir: &Path, password: &str) -> Result<()> {
    let hash = api::hash_password(password)?;
    std::fs::create_dir_all(state_dir).with_context(|| format!("{} cannot be made", state_dir.display()))?;
    write_durably(&path(state_dir), hash.as_bytes(), 0o600)
}

/// The hash, where a password is set.
pub fn hash(state_dir: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path(state_dir)) {
        Ok(hash) => Ok(Some(hash.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path(state_dir).display())),
    }
}

/// Writes a file so that after a power cut it is the old or the new one, whole.
pub fn write_durably(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let beside = path.with_extension("new");
        // One that a crash left, or a link that somebody else put there: what it names is not ours to write.
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        match path.parent() {
            Some(folder) => std::fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE)
}

/// Four groups of four letters and digits that cannot be mistaken for each other: 78 bits.
fn made_up() -> String {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let group = || (0..4).map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())])).collect::<String>();
    [group(), group(), group(), group()].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_password_is_shown_once_and_kept_as_a_hash() {
        let folder = tempfile::tempdir().unwrap();
        let password = ensure(folder.path()).unwrap().expect("none was set");
        assert_eq!(password.len(), 19);
        assert_eq!(ensure(folder.path()).unwrap(), None);
        let hash = hash(folder.path()).unwrap().expect("it is set");
        assert!(hash.starts_with("$argon2id$") && !hash.contains(&password));
        assert!(set(folder.path(), "short").is_err());
    }

    #[test]
    fn nothing_is_written_through_a_link_that_somebody_put_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
        std::fs::write(at("others"), "theirs").unwrap();
        std::os::unix::fs::symlink(at("others"), at("config.new")).unwrap();
        write_durably(&at("config.toml"), b"ours", 0o600).unwrap();
        assert_eq!((read("config.toml"), read("others")), ("ours".to_owned(), "theirs".to_owned()));
        // What a crash left.
        std::fs::write(at("config.new"), "a long half of it").unwrap();
        write_durably(&at("config.toml"), b"anew", 0o600).unwrap();
        assert_eq!(read("config.toml"), "anew");
    }
}
