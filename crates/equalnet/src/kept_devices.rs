//! What people set by hand while the daemon runs: kept in the state folder, laid over the configuration.

use crate::accounts::write_durably;
use crate::config::{Author, Config};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vocab::{
    BitRate, Conditions, DeviceId, DevicePolicy, Direction, MOST_RULES, Mode, Policy, Rule, RuleId, RuleRefused,
};

/// Shares, names, rules and the mode set by hand. They win over the configuration until they are set again.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptDevices {
    file: PathBuf,
    mode: Option<Mode>,
    devices: BTreeMap<DeviceId, DevicePolicy>,
    /// The newest first: what was said last is asked first.
    rules: Vec<Rule>,
    /// The highest number that one ever had: what was said of a rule that is gone is never taken for another's.
    last_rule: u32,
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
        let config = Config::parse_of(&text, &file, Author::Ourselves)?;
        let mode = text.lines().any(|line| line.starts_with("mode =")).then_some(config.policy.mode);
        let rules = config.policy.rules.to_vec();
        let highest = rules.iter().map(|rule| rule.id().number()).max().unwrap_or(0);
        let last_rule = config.last_rule.max(highest);
        Ok(KeptDevices { file, mode, devices: config.policy.devices, rules, last_rule })
    }

    /// `policy`, as the configuration has it, with what was set by hand. Rules by hand come first.
    pub fn over(&self, mut policy: Policy) -> Policy {
        policy.mode = self.mode.unwrap_or(policy.mode);
        policy.devices.extend(self.devices.iter().map(|(&device, of_device)| (device, of_device.clone())));
        policy.rules = self.rules_over(&policy.rules);
        policy
    }

    /// The rules set by hand, then those `configured`.
    pub fn rules_over(&self, configured: &[Rule]) -> Arc<[Rule]> {
        self.rules.iter().chain(configured).cloned().collect()
    }

    /// Keeps `rule` before all others, and gives it its number. One that asked the same gives way to it; durable when it
    /// returns.
    pub fn add_rule(&mut self, rule: Rule) -> Result<Rule> {
        let same = |kept: &Rule| kept.conditions() == rule.conditions();
        let mut changed = self.clone();
        let number = match changed.rules.iter().position(same) {
            Some(place) => changed.rules.remove(place).id(),
            None if changed.rules.len() >= MOST_RULES => return Err(RuleRefused::TooMany.into()),
            None => {
                changed.last_rule = changed.last_rule.checked_add(1).ok_or(RuleRefused::TooMany)?;
                RuleId::ByHand(changed.last_rule)
            }
        };
        let rule = rule.numbered(number);
        changed.rules.insert(0, rule.clone());
        self.replace(changed)?;
        Ok(rule)
    }

    /// Keeps another text of a rule in its place; whether there is such a one. Durable when it returns.
    pub fn replace_rule(&mut self, rule: &Rule) -> Result<bool> {
        let mut changed = self.clone();
        let Some(kept) = changed.rules.iter_mut().find(|kept| kept.id() == rule.id()) else { return Ok(false) };
        *kept = rule.clone();
        self.replace(changed).map(|()| true)
    }

    /// Forgets a rule; whether there was such a one. Durable when it returns.
    pub fn remove_rule(&mut self, id: RuleId) -> Result<bool> {
        let mut changed = self.clone();
        changed.rules.retain(|rule| rule.id() != id);
        if changed.rules.len() == self.rules.len() {
            return Ok(false);
        }
        self.replace(changed).map(|()| true)
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
        let mut text = "# Set by hand, on the dashboard or with `equalnet`. Wins over equalnet.toml.\n".to_owned();
        if let Some(mode) = self.mode {
            let _ = writeln!(text, "mode = \"{mode}\"");
        }
        if self.last_rule > 0 {
            let _ = writeln!(text, "last_rule = {}", self.last_rule);
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
        for rule in &self.rules {
            text.push_str(&rule_text(rule));
        }
        text
    }
}

fn rule_text(rule: &Rule) -> String {
    let Conditions { name, address, server, port, protocol, device, dscp, application } = rule.conditions();
    let mut text = format!("\n[[rule]]\nid = {}\n", rule.id().number());
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{key} = {}", toml::Value::from(value));
        }
    };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    line("comment", given(rule.comment()));
    line("name", name.as_ref().map(ToString::to_string));
    line("application", application.as_ref().map(ToString::to_string));
    line("server", server.map(|block| block.to_string()));
    line("address", address.map(|block| block.to_string()));
    line("protocol", protocol.map(|protocol| protocol.to_string()));
    line("port", port.map(|port| port.to_string()));
    line("dscp", dscp.map(|mark| mark.to_string()));
    line("device", device.map(|device| device.to_string()));
    line("class", Some(rule.class().to_string()));
    line("label", given(rule.label()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Directed, Guarantee, Priority, Share, TrafficClass, Weight};

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
        let [first, second] = [call("zoom.us"), call("ocsp.*")].map(|rule| kept.add_rule(rule).unwrap());
        assert_eq!([first.id(), second.id()], [RuleId::ByHand(1), RuleId::ByHand(2)]);
        let again = KeptDevices::read(folder.path()).unwrap();
        assert_eq!(again, kept);
        let policy = again.over(Policy::default());
        assert_eq!((policy.mode, policy.devices.get(&device)), (Mode::Control, Some(&of_device)));
        assert_eq!(policy.rules[..], [second, first], "what was said last is asked first");
    }

    #[test]
    fn a_number_of_a_rule_is_never_another_ones() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = KeptDevices::read(folder.path()).unwrap();
        let numbers = ["a.example", "b.example"].map(|name| kept.add_rule(call(name)).unwrap().id().number());
        assert_eq!(numbers, [1, 2]);
        assert!(kept.remove_rule(RuleId::ByHand(2)).unwrap());
        assert!(kept.remove_rule(RuleId::ByHand(1)).unwrap());
        let mut again = KeptDevices::read(folder.path()).unwrap();
        assert_eq!(again, kept);
        assert_eq!(again.add_rule(call("c.example")).unwrap().id(), RuleId::ByHand(3));
        // What was kept before numbers were has the highest of its rules.
        let file = folder.path().join("by-hand.toml");
        let text = std::fs::read_to_string(&file).unwrap().replace("last_rule = 3\n", "");
        std::fs::write(&file, text).unwrap();
        let mut older = KeptDevices::read(folder.path()).unwrap();
        assert_eq!(older.add_rule(call("d.example")).unwrap().id(), RuleId::ByHand(4));
    }

    fn call(name: &str) -> Rule {
        let conditions = Conditions { name: name.parse().ok(), ..Conditions::default() };
        Rule::new(RuleId::ByHand(0), conditions, TrafficClass::Call, String::new(), String::new()).unwrap()
    }

    #[test]
    fn a_rule_of_any_kind_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = KeptDevices::read(folder.path()).unwrap();
        let conditions = Conditions {
            name: "a.example".parse().ok(),
            address: "10.0.0.0/8".parse().ok(),
            server: "2001:db8::/32".parse().ok(),
            port: "5000-5100".parse().ok(),
            protocol: "udp".parse().ok(),
            device: "a4:5e:60:00:00:01".parse().ok(),
            dscp: "EF".parse().ok(),
            application: Some("Zoom \"x\"".into()),
        };
        let rule = Rule::new(RuleId::ByHand(0), conditions, TrafficClass::Voice, "L\\".to_owned(), "\"c\"".to_owned());
        kept.add_rule(rule.unwrap()).unwrap();
        assert_eq!(KeptDevices::read(folder.path()).unwrap(), kept);
    }

    #[test]
    fn rules_by_hand_are_replaced_and_removed_in_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = KeptDevices::read(folder.path()).unwrap();
        for name in ["a.example", "b.example", "a.example"] {
            kept.add_rule(call(name)).unwrap();
        }
        let said = |kept: &KeptDevices| {
            let configured = [call("file.example").numbered(RuleId::Configured(1))];
            let rules = kept.rules_over(&configured);
            rules.iter().map(|rule| format!("{} {}", rule.id(), rule.words(None))).collect::<Vec<_>>()
        };
        // The one that asked the same gave way.
        let file = "file-1 server name file.example";
        assert_eq!(said(&kept), ["hand-1 server name a.example", "hand-2 server name b.example", file]);
        assert!(kept.replace_rule(&call("c.example").numbered(RuleId::ByHand(2))).unwrap());
        assert!(kept.remove_rule(RuleId::ByHand(1)).unwrap());
        assert_eq!(said(&kept), ["hand-2 server name c.example", file]);
        for id in [RuleId::ByHand(1), RuleId::Configured(1)] {
            assert!(!kept.remove_rule(id).unwrap());
            assert!(!kept.replace_rule(&call("d.example").numbered(id)).unwrap());
        }
    }
}
