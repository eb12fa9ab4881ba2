//! What people set by hand while the daemon runs: kept in the state folder, laid over the configuration.

use crate::accounts::write_durably;
use crate::config::Config;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use vocab::{BitRate, DeviceId, DevicePolicy, Direction, Mode, Policy};

/// Shares, names and the mode set by hand. They win over the configuration until they are set again.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptDevices {
    file: PathBuf,
    mode: Option<Mode>,
    devices: BTreeMap<DeviceId, DevicePolicy>,
}

impl KeptDevices {
    /// What was kept in `state_dir`; nothing where the file is absent.
    ///
    /// # Errors
    /// The file is there and cannot be read: better no start than a policy nobody asked for.
    pub fn read(state_dir: &Path) -> Result<KeptDevices> {
        let file = state_dir.join("by-hand.toml");
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
        };
        let config = Config::parse(&text, &file)?;
        let mode = text.lines().any(|line| line.starts_with("mode =")).then_some(config.policy.mode);
        Ok(KeptDevices { file, mode, devices: config.policy.devices })
    }

    /// `policy` with what was set by hand.
    pub fn over(&self, mut policy: Policy) -> Policy {
        policy.mode = self.mode.unwrap_or(policy.mode);
        policy.devices.extend(self.devices.iter().map(|(&device, of_device)| (device, of_device.clone())));
        policy
    }

    /// Keeps another mode; durable when it returns.
    pub fn set_mode(&mut self, mode: Mode) -> Result<()> {
        self.replace(KeptDevices { mode: Some(mode), ..self.clone() })
    }

    /// Keeps what one device is owed; durable when it returns.
    pub fn set_device(&mut self, device: DeviceId, of_device: &DevicePolicy) -> Result<()> {
        let mut changed = self.clone();
        changed.devices.insert(device, of_device.clone());
        self.replace(changed)
    }

    fn replace(&mut self, changed: KeptDevices) -> Result<()> {
        write_durably(&changed.file, changed.text().as_bytes(), 0o600)?;
        *self = changed;
        Ok(())
    }

    fn text(&self) -> String {
        let mut text = "# Set by hand, on the dashboard or with `equalnet set`. Wins over equalnet.toml.\n".to_owned();
        if let Some(mode) = self.mode {
            let _ = writeln!(text, "mode = \"{mode}\"");
        }
        // Ten levels are always readable; which are in use is the configuration's business.
        let _ = writeln!(text, "[policy]\nlevels = 10");
        for (device, of_device) in &self.devices {
            let share = &of_device.share;
            let _ = writeln!(text, "\n[[device]]\nid = \"{device}\"");
            if let Some(name) = &of_device.name {
                let _ = writeln!(text, "name = {}", toml::Value::from(name.as_str()));
            }
            let _ = writeln!(text, "priority = {}", share.priority);
            let _ = writeln!(text, "weight = {:?}", f64::from(share.weight.thousandths()) / 1_000.0);
            for direction in Direction::ALL {
                let _ = writeln!(text, "guarantee_{direction} = \"{}\"", share.guarantee[direction]);
                if share.ceiling[direction] != BitRate::MAX {
                    let _ = writeln!(text, "ceiling_{direction} = \"{}\"", share.ceiling[direction].exactly());
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Directed, Guarantee, Priority, Share, Weight};

    #[test]
    fn what_is_set_by_hand_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let device: DeviceId = "a4:5e:60:00:00:01".parse().unwrap();
        let mut kept = KeptDevices::read(folder.path()).unwrap();
        let share = Share {
            priority: Priority::new(7).unwrap(),
            weight: Weight::from_ratio(2.5).unwrap(),
            guarantee: Directed { download: Guarantee::Permille(125), upload: Guarantee::None },
            ceiling: Directed { download: BitRate::MAX, upload: BitRate::from_bps(1_234_567) },
        };
        let of_device = DevicePolicy { name: Some("Anna's \"laptop\" \\".to_owned()), share, classes: BTreeMap::new() };
        kept.set_device(device, &of_device).unwrap();
        kept.set_mode(Mode::Control).unwrap();
        let again = KeptDevices::read(folder.path()).unwrap();
        assert_eq!(again, kept);
        let policy = again.over(Policy::default());
        assert_eq!((policy.mode, policy.devices.get(&device)), (Mode::Control, Some(&of_device)));
    }
}
