//! Writes an archive that the kernel unpacks into its first file system: cpio in the "newc" format
//! (Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's source).

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

/// What a file may be, as `st_mode` has it (stat(2)).
const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// An archive being written.
pub struct Archive<W: Write> {
    out: W,
    entries: u32,
    folders: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    /// An archive with nothing in it yet.
    pub fn new(out: W) -> Archive<W> {
        Archive { out, entries: 0, folders: BTreeSet::new() }
    }

    /// Adds a folder, and those above it; once each.
    pub fn folder(&mut self, path: &str) -> io::Result<()> {
        if path.is_empty() || self.folders.contains(path) {
            return Ok(());
        }
        if let Some((above, _)) = path.rsplit_once('/') {
            self.folder(above)?;
        }
        self.folders.insert(path.to_owned());
        self.entry(path, FOLDER, (0, 0), &[])
    }

    /// Adds a file that may be run, and the folders above it.
    pub fn file(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        if let Some((above, _)) = path.rsplit_once('/') {
            self.folder(above)?;
        }
        self.entry(path, PROGRAM, (0, 0), content)
    }

    /// Adds a file that lies on this machine.
    pub fn copy(&mut self, path: &str, from: &Path) -> io::Result<()> {
        self.file(path, &std::fs::read(from)?)
    }

    /// Adds a character device.
    pub fn device(&mut self, path: &str, number: (u32, u32)) -> io::Result<()> {
        if let Some((above, _)) = path.rsplit_once('/') {
            self.folder(above)?;
        }
        self.entry(path, CHARACTER_DEVICE, number, &[])
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn entry(&mut self, path: &str, mode: u32, number: (u32, u32), content: &[u8]) -> io::Result<()> {
        self.entries += 1;
        let length = u32::try_from(content.len()).map_err(|_| io::Error::other(format!("{path} is 4 GB or more")))?;
        let links = if mode == FOLDER { 2 } else { 1 };
        // Inode, mode, owner, group, links, time (none: the same input gives the same archive), length, the
        // numbers of the device it lies on, those that it is, length of the name, checksum (none).
        let name_length = path.len() as u32 + 1;
        let fields = [self.entries, mode, 0, 0, links, 0, length, 0, 0, number.0, number.1, name_length, 0];
        let mut head = String::from("070701");
        for field in fields {
            head.push_str(&format!("{field:08x}"));
        }
        head.push_str(path);
        head.push('\0');
        self.padded(head.as_bytes())?;
        self.padded(content)
    }

    /// Writes `bytes` and zeros up to the next multiple of four.
    fn padded(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.write_all(&[0; 3][..bytes.len().next_multiple_of(4) - bytes.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn sample() -> Vec<u8> {
        let mut archive = Archive::new(Vec::new());
        archive.file("bin/sh", b"#!").unwrap();
        archive.file("bin/long-name", b"12345").unwrap();
        archive.device("dev/console", (5, 1)).unwrap();
        archive.finish().unwrap()
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let text = String::from_utf8_lossy(&sample()).replace('\0', ".");
        let zeros = "0".repeat(8);
        let folder = format!(
            "07070100000001000041ed{zeros}{zeros}00000002{zeros}{zeros}{zeros}{zeros}{zeros}{zeros}00000004{zeros}bin..."
        );
        assert!(text.starts_with(&folder), "{text}");
        assert!(text[folder.len()..].starts_with("07070100000002000081ed"), "{text}");
        assert_eq!(text.len() % 4, 0);
        assert_eq!(text.matches("070701").count(), 6, "three entries, two folders once each, the trailer");
    }

    /// The oracle is the system's own `cpio`, where it is installed.
    #[test]
    fn the_system_reads_what_we_write() {
        let Ok(mut child) =
            Command::new("cpio").args(["-t", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
        else {
            println!("SKIPPED: no `cpio` to read the archive with");
            return;
        };
        child.stdin.take().unwrap().write_all(&sample()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stdout), "bin\nbin/sh\nbin/long-name\ndev\ndev/console\n");
    }
}
