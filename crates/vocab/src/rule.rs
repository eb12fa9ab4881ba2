//! What people know better: rules that give a flow its class.

use crate::{Address, ByteCount, DeviceId, IpProtocol, Timestamp, TrafficClass};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Rules kept at most in the configuration, and as many by hand.
pub const MOST_RULES: usize = 1_000;

/// The longest label, application or comment of a rule, in characters.
const LONGEST_TEXT: usize = 64;

/// Text that is no part of a rule, and what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}")]
pub struct InvalidCondition {
    /// What was written.
    pub text: String,
    /// What it should have been, with an example.
    pub what: &'static str,
}

/// Which servers, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NamePattern {
    /// A domain with everything below it: `netflix.com`.
    Domain(Box<str>),
    /// A first label with anything behind it: `ocsp.*`.
    Label(Box<str>),
}

impl NamePattern {
    const WHAT: &'static str = "server name: write `netflix.com` for it and all below it, or `ocsp.*`";

    /// Whether `name`, in lower case and without a dot at its end, is one of them.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            NamePattern::Domain(domain) => {
                name.strip_suffix(&**domain).is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            NamePattern::Label(label) => {
                name.strip_prefix(&**label).is_some_and(|behind| behind.len() > 1 && behind.starts_with('.'))
            }
        }
    }
}

impl FromStr for NamePattern {
    type Err = InvalidCondition;
    fn from_str(text: &str) -> Result<NamePattern, InvalidCondition> {
        let name = text.trim().trim_end_matches('.').to_lowercase();
        // `*.netflix.com` is how certificates write what is below a name.
        let name = name.strip_prefix("*.").unwrap_or(&name);
        let (name, pattern): (&str, fn(Box<str>) -> NamePattern) = match name.strip_suffix(".*") {
            Some(label) => (label, NamePattern::Label),
            None => (name, NamePattern::Domain),
        };
        // RFC 1035, 2.3.4: 63 octets a label, 255 in all, which are 253 as text. Underscores occur in practice.
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if name.len() <= 253 && name.split('.').all(is_label) {
            Ok(pattern(name.into()))
        } else {
            Err(InvalidCondition { text: text.to_owned(), what: NamePattern::WHAT })
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NamePattern::Domain(domain) => f.write_str(domain),
            NamePattern::Label(label) => write!(f, "{label}.*"),
        }
    }
}

/// Addresses that share their first bits (CIDR, RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressBlock {
    first: Address,
    /// As in IPv6: an IPv4 prefix counts 96 more.
    bits: u8,
}

impl AddressBlock {
    const WHAT: &'static str = "address: write `203.0.113.7`, or a block such as `203.0.113.0/24`";

    /// `address` alone.
    pub fn single(address: Address) -> AddressBlock {
        AddressBlock { first: address, bits: 128 }
    }

    /// The bits that its addresses share, then zeros.
    pub fn first(self) -> Address {
        self.first
    }

    /// How many bits its addresses share, of 128.
    pub fn bits(self) -> u8 {
        self.bits
    }

    /// The block of this size that holds `address`.
    pub fn around(address: Address, bits: u8) -> AddressBlock {
        let bits = bits.min(128);
        let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
        AddressBlock { first: Address((u128::from_be_bytes(address.0) & mask).to_be_bytes()), bits }
    }

    /// Whether `address` is one of its addresses.
    pub fn contains(self, address: Address) -> bool {
        AddressBlock::around(address, self.bits) == self
    }
}

impl FromStr for AddressBlock {
    type Err = InvalidCondition;
    fn from_str(text: &str) -> Result<AddressBlock, InvalidCondition> {
        let invalid = || InvalidCondition { text: text.to_owned(), what: AddressBlock::WHAT };
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse::<u8>().ok().filter(|bits| *bits <= whole).ok_or_else(invalid)?,
            None => whole,
        };
        Ok(AddressBlock::around(address.into(), 128 - whole + prefix))
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.first.ip() {
            IpAddr::V4(_) => self.bits.saturating_sub(96),
            IpAddr::V6(_) => self.bits,
        };
        if self.bits == 128 { self.first.fmt(f) } else { write!(f, "{}/{prefix}", self.first) }
    }
}

/// Ports from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    const WHAT: &'static str = "port: write `443`, or a range such as `5000-5100`";

    /// From `first` to `last`; `None` where there is no such range.
    pub fn new(first: u16, last: u16) -> Option<PortRange> {
        (first > 0 && first <= last).then_some(PortRange { first, last })
    }

    /// The smallest.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The largest.
    pub fn last(self) -> u16 {
        self.last
    }

    /// The one port that it holds, if it is one.
    pub fn single(self) -> Option<u16> {
        (self.first == self.last).then_some(self.first)
    }

    /// Whether `port` is one of them.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = InvalidCondition;
    fn from_str(text: &str) -> Result<PortRange, InvalidCondition> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let port = |text: &str| text.trim().parse::<u16>().ok();
        port(first)
            .zip(port(last))
            .and_then(|(first, last)| PortRange::new(first, last))
            .ok_or_else(|| InvalidCondition { text: text.to_owned(), what: PortRange::WHAT })
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(port) => port.fmt(f),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// The mark in an IP header (RFC 2474), 0 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dscp(u8);

/// The marks with a name: RFC 2474 (CS), RFC 2597 (AF), RFC 3246 (EF), RFC 5865 (VA), RFC 8622 (LE).
const MARKS: [(&str, u8); 23] = [
    ("EF", 46),
    ("VA", 44),
    ("LE", 1),
    ("CS0", 0),
    ("CS1", 8),
    ("CS2", 16),
    ("CS3", 24),
    ("CS4", 32),
    ("CS5", 40),
    ("CS6", 48),
    ("CS7", 56),
    ("AF11", 10),
    ("AF12", 12),
    ("AF13", 14),
    ("AF21", 18),
    ("AF22", 20),
    ("AF23", 22),
    ("AF31", 26),
    ("AF32", 28),
    ("AF33", 30),
    ("AF41", 34),
    ("AF42", 36),
    ("AF43", 38),
];

impl Dscp {
    const WHAT: &'static str = "mark: write 0 to 63, or its name such as `EF`, `AF41`, `CS4`, `LE`";

    /// The mark of this number.
    pub fn new(number: u8) -> Option<Dscp> {
        (number < 64).then_some(Dscp(number))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl FromStr for Dscp {
    type Err = InvalidCondition;
    fn from_str(text: &str) -> Result<Dscp, InvalidCondition> {
        let word = text.trim();
        let named = MARKS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, number)| *number);
        named
            .or_else(|| word.parse().ok())
            .and_then(Dscp::new)
            .ok_or_else(|| InvalidCondition { text: text.to_owned(), what: Dscp::WHAT })
    }
}

impl fmt::Display for Dscp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MARKS.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

impl FromStr for IpProtocol {
    type Err = InvalidCondition;
    fn from_str(text: &str) -> Result<IpProtocol, InvalidCondition> {
        let word = text.trim().to_lowercase();
        let named = || (0..=u8::MAX).map(IpProtocol).find(|protocol| protocol.to_string() == word);
        word.parse().ok().map(IpProtocol).or_else(named).ok_or_else(|| InvalidCondition {
            text: text.to_owned(),
            what: "protocol: write `tcp`, `udp`, another name such as `icmp` or `esp`, or its number",
        })
    }
}

/// What must hold of a flow; all that are given must. What is `None` is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Conditions {
    /// The server's name, as the flow or DNS told it.
    pub name: Option<NamePattern>,
    /// The address of either end.
    pub address: Option<AddressBlock>,
    /// The address of the end that is not the device; without a device, of the end that did not begin.
    pub server: Option<AddressBlock>,
    /// The port of either end.
    pub port: Option<PortRange>,
    /// The protocol above IP.
    pub protocol: Option<IpProtocol>,
    /// The local device.
    pub device: Option<DeviceId>,
    /// The mark that the device sets; marks are believed nowhere else.
    pub dscp: Option<Dscp>,
    /// The application as we recognise it, in any case of letters.
    pub application: Option<Box<str>>,
}

impl Conditions {
    /// What they say, where the device is called `device`: `server name netflix.com, tcp port 443`.
    pub fn words(&self, device: Option<&str>) -> String {
        let mut parts = Vec::new();
        if let Some(name) = &self.name {
            parts.push(format!("server name {name}"));
        }
        if let Some(application) = &self.application {
            parts.push(format!("application {application}"));
        }
        if let Some(server) = self.server {
            parts.push(format!("server {server}"));
        }
        if let Some(address) = self.address {
            parts.push(format!("address {address}"));
        }
        match (self.protocol, self.port) {
            (Some(protocol), Some(port)) => parts.push(format!("{protocol} port {port}")),
            (None, Some(port)) => parts.push(format!("port {port}")),
            (Some(protocol), None) => parts.push(format!("protocol {protocol}")),
            (None, None) => {}
        }
        if let Some(mark) = self.dscp {
            parts.push(format!("mark {mark}"));
        }
        if let Some(id) = self.device {
            parts.push(format!("device {}", device.map_or_else(|| id.to_string(), str::to_owned)));
        }
        parts.join(", ")
    }
}

/// Where a rule was written, and its number there, from 1. Rules by hand keep their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleId {
    /// On the dashboard, over the API or with `equalnet rule`.
    ByHand(u32),
    /// In the configuration: its place among the rules there.
    Configured(u32),
}

impl RuleId {
    /// Its number.
    pub fn number(self) -> u32 {
        match self {
            RuleId::ByHand(number) | RuleId::Configured(number) => number,
        }
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleId::ByHand(number) => write!(f, "hand-{number}"),
            RuleId::Configured(number) => write!(f, "file-{number}"),
        }
    }
}

impl FromStr for RuleId {
    type Err = InvalidCondition;
    fn from_str(text: &str) -> Result<RuleId, InvalidCondition> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0);
        let id = match text.trim().split_once('-') {
            Some(("hand", text)) => number(text).map(RuleId::ByHand),
            Some(("file", text)) => number(text).map(RuleId::Configured),
            _ => None,
        };
        id.ok_or_else(|| InvalidCondition { text: text.to_owned(), what: "rule: they are called `hand-3` or `file-1`" })
    }
}

/// Which flows are of which class, because somebody said so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    id: RuleId,
    conditions: Conditions,
    class: TrafficClass,
    label: String,
    comment: String,
}

/// What cannot be a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleRefused {
    /// It asks nothing.
    #[error("a rule without a condition would take every flow")]
    Empty,
    /// It asks for a port of a protocol that has none.
    #[error("{0} has no ports; only tcp, udp, sctp, dccp and udplite have")]
    NoPorts(IpProtocol),
    /// Its application, label or comment cannot be shown.
    #[error("a {0} has 1 to 64 characters, none of them for control")]
    Text(&'static str),
    /// There are as many as are kept.
    #[error("there are {MOST_RULES} rules already; take one away first")]
    TooMany,
}

/// IANA "Assigned Internet Protocol Numbers": those that carry ports where TCP has them.
const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];

impl Rule {
    /// A rule that gives flows that fit `conditions` the class `class`, and the name `label` instead of the
    /// application recognised, unless that is empty.
    ///
    /// # Errors
    /// [`RuleRefused`] where it could never do what was meant.
    pub fn new(
        id: RuleId,
        conditions: Conditions,
        class: TrafficClass,
        label: String,
        comment: String,
    ) -> Result<Rule, RuleRefused> {
        if conditions == Conditions::default() {
            return Err(RuleRefused::Empty);
        }
        if let (Some(protocol), Some(_)) = (conditions.protocol, conditions.port)
            && !WITH_PORTS.contains(&protocol.0)
        {
            return Err(RuleRefused::NoPorts(protocol));
        }
        let fits = |text: &str| text.chars().count() <= LONGEST_TEXT && !text.chars().any(char::is_control);
        let application = conditions.application.as_deref();
        if application.is_some_and(|text| !fits(text) || text.is_empty()) {
            return Err(RuleRefused::Text("application"));
        }
        for (what, text) in [("label", &label), ("comment", &comment)] {
            if !fits(text) {
                return Err(RuleRefused::Text(what));
            }
        }
        Ok(Rule { id, conditions, class, label, comment })
    }

    /// The same rule under another number.
    pub fn numbered(self, id: RuleId) -> Rule {
        Rule { id, ..self }
    }

    /// Which.
    pub fn id(&self) -> RuleId {
        self.id
    }

    /// What must hold of a flow.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// What the flow is for.
    pub fn class(&self) -> TrafficClass {
        self.class
    }

    /// What to call its application; empty for what was recognised.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Why somebody wrote it; may be empty.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// The rule in words, where its device is called `device`: `"school tablets": device kid-tablet`.
    pub fn words(&self, device: Option<&str>) -> String {
        let conditions = self.conditions.words(device);
        if self.comment.is_empty() { conditions } else { format!("\"{}\": {conditions}", self.comment) }
    }
}

/// For whom a flow's class is corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleScope {
    /// For all devices.
    Everybody,
    /// For the device of the flow.
    Device,
}

/// What a rule did since the daemon started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleHits {
    /// Flows it gave their class.
    pub flows: u64,
    /// What those moved, layer 2.
    pub bytes: ByteCount,
    /// When it last took a flow; `None` if it never did.
    pub last: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr<Err = InvalidCondition> + fmt::Display>(text: &str, expected: &str) {
        let found = text.parse::<T>().map_or_else(|error| error.to_string(), |value| value.to_string());
        assert!(if expected == "no" { found.contains("is no ") } else { found == expected }, "{text}: {found}");
    }

    #[test]
    fn conditions_are_read_and_written() {
        for (text, expected) in [
            ("Netflix.COM.", "netflix.com"),
            ("*.netflix.com", "netflix.com"),
            ("ocsp.*", "ocsp.*"),
            ("_sip._tcp.example", "_sip._tcp.example"),
            ("", "no"),
            ("*", "no"),
            ("net flix.com", "no"),
            ("a..b", "no"),
            ("münchen.de", "no"),
            ("a*.example", "no"),
        ] {
            check::<NamePattern>(text, expected);
        }
        for (text, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("203.0.113.7/33", "no"),
            ("203.0.113/24", "no"),
        ] {
            check::<AddressBlock>(text, expected);
        }
        for (text, expected) in
            [("443", "443"), ("5000 - 5100", "5000-5100"), ("0", "no"), ("2-1", "no"), ("70000", "no"), ("1-2-3", "no")]
        {
            check::<PortRange>(text, expected);
        }
        for (text, expected) in [("ef", "EF"), ("46", "EF"), ("5", "5"), ("AF41", "AF41"), ("64", "no"), ("gold", "no")]
        {
            check::<Dscp>(text, expected);
        }
        for (text, expected) in [("UDP", "udp"), ("6", "tcp"), ("esp", "esp"), ("300", "no"), ("http", "no")] {
            check::<IpProtocol>(text, expected);
        }
        for (text, expected) in [("hand-3", "hand-3"), ("file-1", "file-1"), ("3", "no"), ("hand-0", "no")] {
            check::<RuleId>(text, expected);
        }
    }

    #[test]
    fn a_domain_holds_what_is_below_it_and_a_label_what_is_behind_it() {
        for (pattern, name, expected) in [
            ("netflix.com", "netflix.com", true),
            ("netflix.com", "www.netflix.com", true),
            ("netflix.com", "notnetflix.com", false),
            ("netflix.com", "netflix.com.example", false),
            ("ocsp.*", "ocsp.example.org", true),
            ("ocsp.*", "ocsp.", false),
            ("ocsp.*", "ocsp2.example.org", false),
            ("ocsp.*", "www.ocsp.example.org", false),
        ] {
            assert_eq!(pattern.parse::<NamePattern>().unwrap().matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_could_never_do_what_was_meant_is_no_rule() {
        let rule = |conditions, label: &str, comment: &str| {
            Rule::new(RuleId::ByHand(1), conditions, TrafficClass::Call, label.to_owned(), comment.to_owned())
        };
        let port = |protocol| Conditions { protocol: Some(protocol), port: PortRange::new(1, 2), ..Default::default() };
        assert_eq!(rule(Conditions::default(), "", ""), Err(RuleRefused::Empty));
        assert_eq!(rule(port(IpProtocol::ICMP), "", ""), Err(RuleRefused::NoPorts(IpProtocol::ICMP)));
        assert_eq!(rule(port(IpProtocol::UDP), "a\nb", ""), Err(RuleRefused::Text("label")));
        let application = Conditions { application: Some("".into()), ..Conditions::default() };
        assert_eq!(rule(application, "", ""), Err(RuleRefused::Text("application")));
        let words = rule(port(IpProtocol::UDP), "", "my \"phones\"").unwrap().words(None);
        assert_eq!(words, "\"my \"phones\"\": udp port 1-2");
    }
}
