//! `[[rule]]`: what the operator knows better of single flows.

use super::written::{NumberOrText, WrittenRule};
use super::{Author, ConfigError, Reader};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use toml::Spanned;
use vocab::{Conditions, DeviceId, DevicePolicy, InvalidCondition, MOST_RULES, Rule, RuleId, RuleRefused};

impl Reader<'_> {
    pub(super) fn rules(
        &self,
        written: &[Spanned<WrittenRule>],
        devices: &BTreeMap<DeviceId, DevicePolicy>,
    ) -> Result<Arc<[Rule]>, ConfigError> {
        if let Some(beyond) = written.get(MOST_RULES) {
            let wrong = format!("there are {} rules", written.len());
            let right = format!("At most {MOST_RULES}; a domain or a block of addresses can stand for many");
            return Err(self.fault(beyond.span(), "rule", wrong, right));
        }
        let rules = (1..).zip(written).map(|(place, rule)| self.rule(place, rule, devices));
        let rules = rules.collect::<Result<Arc<[Rule]>, _>>()?;
        let mut ids = BTreeSet::new();
        for (rule, written) in rules.iter().zip(written) {
            if !ids.insert(rule.id()) {
                return Err(self.fault(
                    written.span(),
                    "rule.id",
                    format!("{} stands twice", rule.id()),
                    "One of each",
                ));
            }
        }
        Ok(rules)
    }

    fn rule(
        &self,
        place: u32,
        written: &Spanned<WrittenRule>,
        devices: &BTreeMap<DeviceId, DevicePolicy>,
    ) -> Result<Rule, ConfigError> {
        let from = written.get_ref();
        let id = match (&from.id, self.author) {
            (None, _) => RuleId::Configured(place),
            (Some(id), Author::Ourselves) => RuleId::ByHand(*id.get_ref()),
            (Some(id), Author::Operator) => {
                let right = "Take it away: rules in a file are numbered by their place, the first that fits wins";
                return Err(self.fault(id.span(), "rule.id", "only rules by hand have an id", right));
            }
        };
        let device = from.device.as_ref().map(|device| self.device_of_rule(device, devices)).transpose()?;
        let conditions = Conditions {
            name: self.condition("rule.name", from.name.as_ref())?,
            address: self.condition("rule.address", from.address.as_ref())?,
            server: self.condition("rule.server", from.server.as_ref())?,
            port: self.condition::<_, NumberOrText>("rule.port", from.port.as_ref())?,
            protocol: self.condition("rule.protocol", from.protocol.as_ref())?,
            device,
            dscp: self.condition::<_, NumberOrText>("rule.dscp", from.dscp.as_ref())?,
            application: from.application.as_ref().map(|name| name.get_ref().as_str().into()),
        };
        let class = self.class("rule.class", &from.class)?;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Rule::new(id, conditions, class, text(&from.label), text(&from.comment)).map_err(|refused| {
            let right = match refused {
                RuleRefused::Empty => "Add one of name, address, server, port, protocol, device, dscp, application",
                RuleRefused::NoPorts(_) => "Take `port` away, or name another protocol",
                RuleRefused::Text(_) | RuleRefused::TooMany => "",
            };
            self.fault(written.span(), "rule", refused.to_string(), right)
        })
    }

    fn condition<T: FromStr<Err = InvalidCondition>, W: fmt::Display>(
        &self,
        key: &str,
        written: Option<&Spanned<W>>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(written) = written else { return Ok(None) };
        let found = written.get_ref().to_string().parse();
        found.map(Some).map_err(|invalid: InvalidCondition| {
            let (what, right) = invalid.what.split_once(": ").unwrap_or((invalid.what, ""));
            let right = right.replacen("write", "Write", 1);
            self.fault(written.span(), key, format!("`{}` is no {what}", invalid.text), right)
        })
    }

    /// By its id, or by the name that a `[[device]]` of this file gives it.
    fn device_of_rule(
        &self,
        written: &Spanned<String>,
        devices: &BTreeMap<DeviceId, DevicePolicy>,
    ) -> Result<DeviceId, ConfigError> {
        let text = written.get_ref();
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        let mut named = devices.iter().filter(|(_, device)| device.name.as_ref() == Some(text)).map(|(id, _)| *id);
        let right = "Its MAC or IP address, or the `name` that one [[device]] of this file has";
        match (named.next(), named.next()) {
            (Some(id), None) => Ok(id),
            (Some(one), Some(other)) => {
                let wrong = format!("`{text}` is the name of {one} and of {other}");
                Err(self.fault(written.span(), "rule.device", wrong, right))
            }
            (None, _) => {
                Err(self.fault(written.span(), "rule.device", format!("no [[device]] is named `{text}`"), right))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn read(rules: &str) -> Result<Config, ConfigError> {
        let device = "[[device]]\nid = \"02:00:00:00:00:01\"\nname = \"kid-tablet\"\n";
        Config::parse(&format!("{device}{rules}"), Path::new("equalnet.toml"))
    }

    /// What the one rule of `[[rule]]` with these lines says.
    fn check(lines: &str, expected: &str) {
        let config = read(&format!("[[rule]]\n{lines}")).unwrap_or_else(|error| panic!("{error}"));
        let rule = &config.policy.rules[0];
        let label = if rule.label().is_empty() { String::new() } else { format!(" as {}", rule.label()) };
        let said = format!("{}: {} -> {}{label}", rule.id(), rule.words(Some("kid-tablet")), rule.class());
        assert_eq!(said, expected);
    }

    #[test]
    fn what_is_written_is_what_is_asked() {
        check("name = \"Netflix.com\"\nclass = \"streaming\"", "file-1: server name netflix.com -> streaming");
        check(
            "device = \"kid-tablet\"\nclass = \"backup\"\ncomment = \"school tablets\"",
            "file-1: \"school tablets\": device kid-tablet -> backup",
        );
        check(
            "device = \"02:00:00:00:00:09\"\ndscp = \"ef\"\nprotocol = \"UDP\"\nclass = \"voice\"\nlabel = \"Desk phone\"",
            "file-1: protocol udp, mark EF, device kid-tablet -> voice as Desk phone",
        );
        check("port = 5000\ndscp = 46\nclass = \"call\"", "file-1: port 5000, mark EF -> call");
        check(
            "server = \"203.0.113.0/24\"\naddress = \"10.0.0.1\"\nport = \"5000-5100\"\nclass = \"work\"",
            "file-1: server 203.0.113.0/24, address 10.0.0.1, port 5000-5100 -> work",
        );
        check("application = \"TeamViewer\"\nclass = \"interactive\"", "file-1: application TeamViewer -> interactive");
    }

    fn check_fault(lines: &str, line: usize, key: &str, says: &str) {
        let error = read(&format!("[[rule]]\n{lines}")).expect_err(lines);
        let shown = error.to_string();
        assert_eq!((error.line, error.key.as_str()), (line + 3, key), "{shown}");
        assert!(shown.contains(says), "{shown}");
    }

    #[test]
    fn a_fault_says_where_and_what_would_be_right() {
        let class = "class = \"call\"\n";
        let with = |line: &str| format!("{class}{line}");
        check_fault(class, 1, "rule", "a rule without a condition would take every flow. Add one of name");
        check_fault("port = 1\nclass = \"video\"", 3, "rule.class", "One of voice, call");
        check_fault("port = 1", 1, "", "missing field `class`");
        check_fault(&with("nam = \"a\""), 3, "nam", "unknown field");
        check_fault(&with("name = \"münchen.de\""), 3, "rule.name", "Write `netflix.com`");
        check_fault(&with("address = \"10.0.0.0/33\""), 3, "rule.address", "203.0.113.0/24");
        check_fault(&with("server = \"netflix.com\""), 3, "rule.server", "`netflix.com` is no address");
        check_fault(&with("port = 0"), 3, "rule.port", "`5000-5100`");
        check_fault(&with("port = \"90-80\""), 3, "rule.port", "`443`");
        check_fault(&with("port = true"), 3, "port", "");
        check_fault(&with("protocol = \"http\""), 3, "rule.protocol", "`tcp`");
        check_fault(&with("protocol = \"icmp\"\nport = 1"), 1, "rule", "icmp has no ports");
        check_fault(&with("device = \"tablet\""), 3, "rule.device", "no [[device]] is named `tablet`. Its MAC");
        check_fault(&with("dscp = 64"), 3, "rule.dscp", "0 to 63");
        check_fault(&with("dscp = \"gold\""), 3, "rule.dscp", "`EF`");
        check_fault(&with("port = 1\nid = 3"), 4, "rule.id", "Take it away");
        check_fault(&with("port = 1\ncomment = \"a\\u0007\""), 1, "rule", "none of them for control");
    }

    #[test]
    fn there_is_a_bound() {
        let rules = |count: usize| "[[rule]]\nport = 1\nclass = \"call\"\n".repeat(count);
        assert_eq!(read(&rules(MOST_RULES)).unwrap().policy.rules.len(), MOST_RULES);
        let error = read(&rules(MOST_RULES + 1)).unwrap_err();
        assert_eq!((error.line, error.wrong.as_str()), (3 * MOST_RULES + 4, "there are 1001 rules"));
    }
}
