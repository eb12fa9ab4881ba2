//! Configuration in two steps: TOML into what the operator wrote, then into values that are valid by
//! construction. A fault names file, line, key, what is wrong and what would be right.

mod alerts;
mod forecast;
mod quantity;
mod rules;
mod written;

pub use alerts::AlertsConfig;
pub use forecast::{ForecastConfig, Predictor, PredictorPlace, TrainConfig};
use quantity::parse_permille;
pub use quantity::{parse_duration, parse_size};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;
use vocab::{
    BitRate, ByteCount, DeviceId, DevicePolicy, Directed, Direction, Framing, InterfaceName, Link, LinkId, MacAddress,
    Mode, Monthly, Policy, Priority, PriorityLevels, Quota, RateRange, Share, Sought, Topology, TrafficClass, Weight,
};
use written::{Written, WrittenDevice, WrittenLink, WrittenRate};

/// The file that documents every key, itself valid.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// Where the configuration lies unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/equalnet/equalnet.toml";

/// Where dnsmasq keeps its leases: on Debian, on OpenWrt, on others.
const LEASES: [&str; 3] = ["/var/lib/misc/dnsmasq.leases", "/tmp/dhcp.leases", "/var/lib/dnsmasq/dnsmasq.leases"];

/// Everything the operator decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What devices and classes are owed, and what to do about it.
    pub policy: Policy,
    /// What is divided.
    pub links: Vec<Link>,
    /// The highest number that a rule by hand ever had; in what we keep alone.
    pub last_rule: u32,
    /// What the links may move in a month.
    pub quotas: BTreeMap<LinkId, Quota>,
    /// Where packets come from.
    pub capture: CaptureConfig,
    /// Where the API listens.
    pub api: ApiConfig,
    /// What is foreseen, and by whom.
    pub forecast: ForecastConfig,
    /// How easily people are told.
    pub alerts: AlertsConfig,
    /// How much history is kept.
    pub history: HistoryConfig,
    /// What is done about queues of others.
    pub adoption: Adoption,
    /// What must survive a restart.
    pub state_dir: PathBuf,
    /// What lives as long as the system runs.
    pub run_dir: PathBuf,
}

/// Where packets come from.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptureConfig {
    /// Which source.
    pub source: SourceChoice,
    /// Whether AF_PACKET also reads what is not for this machine.
    pub promiscuous: bool,
    /// Only packets that match this expression (pcap-filter(7)); AF_PACKET and files only.
    pub filter: Option<String>,
    /// Flows kept at most.
    pub max_flows: usize,
    /// Memory that flows, what is put together of their packets and the names from DNS may take in all.
    pub memory: ByteCount,
    /// Files in which a DHCP server on this machine keeps its leases: names for devices that asked before us.
    pub leases: Vec<PathBuf>,
    /// Stations that are no devices, beside the interfaces of this machine: other routers, or the gateway of the
    /// network that a capture file shows.
    pub gateways: Vec<MacAddress>,
}

/// Which source of packets.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceChoice {
    /// eBPF where the kernel allows it, else AF_PACKET.
    Auto,
    /// eBPF or nothing.
    Ebpf,
    /// AF_PACKET.
    AfPacket,
    /// A capture file, replayed in its own time.
    File {
        /// Which.
        file: PathBuf,
        /// What follows its last packet.
        at_end: AtEnd,
    },
}

/// What follows the last packet of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// Nothing: what was shown stays on the page.
    Stay,
    /// Its first packet, as if it came now.
    Again,
}

/// Where the API listens.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiConfig {
    /// TCP addresses.
    pub listen: Vec<SocketAddr>,
    /// The Unix socket.
    pub socket: PathBuf,
    /// Names by which browsers reach it.
    pub allowed_hosts: Vec<String>,
}

/// How much history is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryConfig {
    /// Seconds are kept this long.
    pub seconds_for: Duration,
    /// Minutes are kept this long.
    pub minutes_for: Duration,
    /// Hours are kept this long.
    pub hours_for: Duration,
    /// The whole may grow to this.
    pub max_size: ByteCount,
    /// A folder for the rolling flow log.
    pub flow_log: Option<PathBuf>,
}

/// What is done where somebody else has put queues on an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Adoption {
    /// They stay, and nothing is shaped there.
    #[default]
    Refuse,
    /// They are put aside, and come back with `equalnet clear`.
    Adopt,
}

/// What is wrong with a configuration, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1; 0 where the fault is not on one line.
    pub line: usize,
    /// The key, as `policy.levels`; empty where the file is no TOML.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
    /// What would be right; may be empty.
    pub right: String,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.wrong)?;
        if !self.right.is_empty() {
            write!(f, ". {}", self.right)?;
        }
        Ok(())
    }
}

/// Names stay readable in a table; the API has the same bound.
const LONGEST_NAME: usize = 64;

/// Where `run_dir` is unless the operator says otherwise.
const DEFAULT_RUN_DIR: &str = "/run/equalnet";

impl Config {
    /// Where eBPF maps and links are pinned. Usually the system's own bpffs, which outlives a service with a mount
    /// namespace of its own; below `run_dir` where that was moved, so that several can run side by side.
    pub fn pin_dir(&self) -> PathBuf {
        if self.run_dir == Path::new(DEFAULT_RUN_DIR) {
            PathBuf::from("/sys/fs/bpf/equalnet")
        } else {
            self.run_dir.join("bpf")
        }
    }

    /// Reads `path`.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            file: path.to_path_buf(),
            line: 0,
            key: String::new(),
            wrong: format!("cannot be read: {error}"),
            right: "`equalnet setup` writes one that fits this network".to_owned(),
        })?;
        Config::parse(&text, path)
    }

    /// Reads `text`, which stands in `file`.
    pub fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
        Config::parse_of(text, file, Author::Operator)
    }

    /// Reads `text`, which stands in `file` and was written by `author`.
    pub fn parse_of(text: &str, file: &Path, author: Author) -> Result<Config, ConfigError> {
        let reader = Reader { text, file, author };
        let written: Written = toml::from_str(text).map_err(|error| reader.toml_error(&error))?;
        reader.config(written)
    }
}

/// Who wrote a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// A person.
    Operator,
    /// We, after what people did by hand.
    Ourselves,
}

/// Turns what was written into what is valid, and knows where each value stands.
struct Reader<'a> {
    text: &'a str,
    file: &'a Path,
    author: Author,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
    }

    fn fault(&self, span: Range<usize>, key: &str, wrong: impl Into<String>, right: impl Into<String>) -> ConfigError {
        ConfigError {
            file: self.file.to_path_buf(),
            line: self.line(span.start),
            key: key.to_owned(),
            wrong: wrong.into(),
            right: right.into(),
        }
    }

    fn toml_error(&self, error: &toml::de::Error) -> ConfigError {
        let span = error.span().unwrap_or(0..0);
        let message = error.message();
        let key = match message.split('`').nth(1) {
            Some(name) if message.starts_with("unknown field") => name.to_owned(),
            _ => self.key_on_line(span.start),
        };
        let (wrong, right) = match message.split_once(", expected ") {
            Some((wrong, right)) => (wrong.to_owned(), format!("Expected {right}")),
            None => (message.to_owned(), String::new()),
        };
        self.fault(span, &key, wrong, right)
    }

    fn key_on_line(&self, at: usize) -> String {
        let line = self.text.lines().nth(self.line(at) - 1).unwrap_or("");
        line.split_once('=').map_or(String::new(), |(key, _)| key.trim().to_owned())
    }

    /// A value read by `parse`, or the fault with an example of what would be right.
    fn value<T>(
        &self,
        key: &str,
        written: &Spanned<String>,
        right: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let text = written.get_ref();
        parse(text).ok_or_else(|| self.fault(written.span(), key, format!("`{text}` cannot be read"), right))
    }

    fn optional<T>(
        &self,
        key: &str,
        written: &Option<Spanned<String>>,
        right: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        written.as_ref().map(|written| self.value(key, written, right, parse)).transpose()
    }

    fn config(&self, written: Written) -> Result<Config, ConfigError> {
        let mode = self
            .optional("mode", &written.mode, "One of observe, suggest, control", Mode::from_name)?
            .unwrap_or_default();
        let links = written
            .link
            .iter()
            .enumerate()
            .map(|(index, link)| self.link(index, link))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(second) = written.link.get(1) {
            let right = "Keep one [[link]]: EqualNet divides one link at a time";
            return Err(self.fault(second.download.span(), "link", "there is more than one", right));
        }
        let mut quotas = BTreeMap::new();
        for (link, written) in links.iter().zip(&written.link) {
            quotas.extend(self.quota(written)?.map(|quota| (link.id, quota)));
        }
        let policy = self.policy(&written, mode)?;
        let run_dir = written.run_dir.clone().unwrap_or_else(|| DEFAULT_RUN_DIR.into());
        let last_rule = match (&written.last_rule, self.author) {
            (None, _) => 0,
            (Some(number), Author::Ourselves) => *number.get_ref(),
            (Some(number), Author::Operator) => {
                let right = "Take it away: EqualNet numbers the rules by hand itself";
                return Err(self.fault(number.span(), "last_rule", "it is not set here", right));
            }
        };
        let config = Config {
            policy,
            links,
            last_rule,
            quotas,
            capture: self.capture(&written)?,
            api: self.api(&written, &run_dir)?,
            forecast: self.forecast(&written.forecast)?,
            alerts: self.alerts(&written.alerts)?,
            history: self.history(&written)?,
            adoption: if written.shaping.adopt { Adoption::Adopt } else { Adoption::Refuse },
            state_dir: written.state_dir.clone().unwrap_or_else(|| "/var/lib/equalnet".into()),
            run_dir,
        };
        for link in &config.links {
            if let Err(refused) = allocate::check_policy(&config.policy, link.capacity()) {
                let right = "Lower a guarantee, or give it in per cent: percentages shrink together";
                return Err(ConfigError { line: 0, ..self.fault(0..0, "device", refused.to_string(), right) });
            }
        }
        Ok(config)
    }

    fn link(&self, index: usize, written: &WrittenLink) -> Result<Link, ConfigError> {
        let interface = |key: &str, name: &str, span: Range<usize>| {
            InterfaceName::new(name)
                .map_err(|error| self.fault(span, key, error.to_string(), "`equalnet interfaces` lists what there is"))
        };
        let topology = match (&written.lan, &written.wan, &written.interface) {
            (Some(lan), Some(wan), None) => {
                let mut named: Vec<InterfaceName> = Vec::new();
                for text in lan.get_ref().as_slice() {
                    if text == wan.get_ref() {
                        let wrong = "`lan` and `wan` are the same interface";
                        return Err(self.fault(wan.span(), "link.wan", wrong, "With one interface, write `interface`"));
                    }
                    let name = interface("link.lan", text, lan.span())?;
                    if named.contains(&name) {
                        let wrong = format!("`{name}` is named twice");
                        return Err(self.fault(lan.span(), "link.lan", wrong, "Name each interface once"));
                    }
                    named.push(name);
                }
                let mut named = named.into_iter();
                let Some(first) = named.next() else {
                    let right = "The interface towards the devices, or several: `lan = [\"br-lan\", \"lan.20\"]`";
                    return Err(self.fault(lan.span(), "link.lan", "it names no interface", right));
                };
                Topology::routed(first, named.collect(), interface("link.wan", wan.get_ref(), wan.span())?)
            }
            (None, None, Some(only)) => {
                Topology::Host { interface: interface("link.interface", only.get_ref(), only.span())? }
            }
            _ => {
                let span = written.download.span();
                let right = "A router names `lan` and `wan`, a machine with one interface names `interface`";
                return Err(self.fault(span, "link", "it is not clear which interfaces it has", right));
            }
        };
        let margin = self.optional("link.margin", &written.margin, "A part below 50 %, such as `5 %`", |text| {
            parse_permille(text).filter(|permille| *permille < 500)
        })?;
        let right = format!("One of {}", Framing::names().collect::<Vec<_>>().join(", "));
        let framing = self.optional("link.framing", &written.framing, &right, |text| text.parse::<Framing>().ok())?;
        let (download, upload) =
            (self.line_rate("link.download", &written.download)?, self.line_rate("link.upload", &written.upload)?);
        Ok(Link {
            id: LinkId(index as u16),
            name: written.name.clone().unwrap_or_else(|| "internet".to_owned()),
            topology,
            line_rate: Directed { download: download.0, upload: upload.0 },
            margin_permille: margin.unwrap_or(50),
            framing: framing.unwrap_or_default(),
            sought: Directed { download: download.1, upload: upload.1 },
        })
    }

    /// The rate of a line in one direction, and the bounds within which it is looked for where it is not known.
    fn line_rate(&self, key: &str, written: &Spanned<WrittenRate>) -> Result<(BitRate, Option<Sought>), ConfigError> {
        let fault = |key: String, wrong: String, right: &str| self.fault(written.span(), &key, wrong, right);
        let rate = |key: String, text: &str| {
            let known = text.parse().ok().filter(|rate| *rate >= BitRate::from_kbps(64));
            known.ok_or_else(|| {
                fault(key, format!("`{text}` cannot be read"), "A rate of 64 kbit/s or more, such as `100 Mbit/s`")
            })
        };
        let bounds = match written.get_ref() {
            WrittenRate::Known(text) => return Ok((rate(key.to_owned(), text)?, None)),
            WrittenRate::Bounds(bounds) => bounds,
        };
        let (min, max) = (rate(format!("{key}.min"), &bounds.min)?, rate(format!("{key}.max"), &bounds.max)?);
        let Some(range) = RateRange::new(min, max) else {
            let right = "Bounds between which the capacity is looked for; one that is known is written `100 Mbit/s`";
            return Err(fault(format!("{key}.max"), "it is not above `min`".to_owned(), right));
        };
        let usual = match &bounds.usual {
            Some(usual) => rate(format!("{key}.usual"), usual)?,
            None => BitRate::from_bps((min.as_bps() + max.as_bps()) / 2),
        };
        if range.clamp(usual) != usual {
            let right = "What the line usually carries: divided at the start, after quiet hours, and where nothing can be found";
            return Err(fault(format!("{key}.usual"), "it is not between `min` and `max`".to_owned(), right));
        }
        Ok((usual, Some(Sought { range, found: None })))
    }

    fn quota(&self, written: &WrittenLink) -> Result<Option<Quota>, ConfigError> {
        let right = "A volume above zero such as `500 GB`";
        let volume = self.optional("link.quota", &written.quota, right, |text| {
            parse_size(text).filter(|volume| *volume > ByteCount::ZERO)
        })?;
        let resets = match &written.quota_resets {
            None => Monthly::on(1),
            Some(day) => Monthly::on(*day.get_ref()),
        };
        let day = written.quota_resets.as_ref();
        let fault =
            |wrong: String, right: &str| self.fault(day.map_or(0..0, Spanned::span), "link.quota_resets", wrong, right);
        match (volume, resets) {
            (_, None) => Err(fault("it is no day of a month".to_owned(), "A day from 1 to 31")),
            (None, Some(_)) if day.is_some() => {
                Err(fault("there is no `quota` that it could reset".to_owned(), "Write `quota` too, such as `500 GB`"))
            }
            (None, Some(_)) => Ok(None),
            (Some(volume), Some(resets)) => Ok(Some(Quota { volume, resets })),
        }
    }

    fn policy(&self, written: &Written, mode: Mode) -> Result<Policy, ConfigError> {
        let from = &written.policy;
        let mut policy = Policy { mode, ..Policy::default() };
        if let Some(levels) = &from.levels {
            policy.levels = match levels.get_ref() {
                5 => PriorityLevels::Five,
                10 => PriorityLevels::Ten,
                other => {
                    let wrong = format!("there are no {other} levels");
                    return Err(self.fault(levels.span(), "policy.levels", wrong, "5 or 10"));
                }
            };
        }
        let last = policy.levels.last();
        if let Some(priority) = &from.default_priority {
            policy.default_share.priority = self.priority("policy.default_priority", priority, last)?;
        }
        let minimum = self
            .optional("policy.minimum", &from.minimum, "A part such as `10 %`, or a rate", |text| text.parse().ok())?
            .unwrap_or(vocab::Guarantee::Permille(100));
        policy.default_share.guarantee = Directed { download: minimum, upload: minimum };
        let part = |key, written, default| {
            self.optional(key, written, "A part from 0 % to 100 %", parse_permille).map(|part| part.unwrap_or(default))
        };
        policy.protected_permille = part("policy.protected", &from.protected, 500)?;
        policy.early_yield_permille = part("policy.early_yield", &from.early_yield, 800)?;
        for (name, class) in &from.class {
            let which = self.class("policy.class", name)?;
            for direction in Direction::ALL {
                let (key, written) = match direction {
                    Direction::Download => ("guarantee_download", &class.guarantee_download),
                    Direction::Upload => ("guarantee_upload", &class.guarantee_upload),
                };
                let key = format!("policy.class.{which}.{key}");
                if let Some(rate) =
                    self.optional(&key, written, "A rate such as `200 kbit/s`", |text| text.parse().ok())?
                {
                    policy.classes[which.index()].guarantee[direction] = rate;
                }
            }
        }
        for device in &written.device {
            let (id, device_policy) = self.device(device, &policy, last)?;
            if policy.devices.insert(id, device_policy).is_some() {
                let wrong = format!("{id} stands twice");
                return Err(self.fault(device.id.span(), "device.id", wrong, "One [[device]] for each device"));
            }
        }
        policy.rules = self.rules(&written.rule, &policy.devices)?;
        Ok(policy)
    }

    fn class(&self, key: &str, written: &Spanned<String>) -> Result<TrafficClass, ConfigError> {
        written.get_ref().parse().map_err(|_| {
            let right = format!("One of {}", TrafficClass::ALL.map(TrafficClass::name).join(", "));
            self.fault(written.span(), key, format!("`{}` is no traffic class", written.get_ref()), right)
        })
    }

    fn priority(&self, key: &str, written: &Spanned<u8>, last: u8) -> Result<Priority, ConfigError> {
        let level = *written.get_ref();
        Priority::new(level).filter(|_| level <= last).ok_or_else(|| {
            self.fault(written.span(), key, format!("priority {level} is out of range"), format!("1 to {last}"))
        })
    }

    fn device(
        &self,
        written: &WrittenDevice,
        policy: &Policy,
        last: u8,
    ) -> Result<(DeviceId, DevicePolicy), ConfigError> {
        let right = "A MAC address such as `a4:5e:60:00:00:01`, or an IP address";
        let id = self.value("device.id", &written.id, right, |text| text.parse::<DeviceId>().ok())?;
        let mut share: Share = policy.default_share;
        if let Some(name) = &written.name {
            let text = name.get_ref();
            if text.is_empty() || text.chars().count() > LONGEST_NAME || text.chars().any(char::is_control) {
                let right = format!("1 to {LONGEST_NAME} characters, none of them for control");
                return Err(self.fault(name.span(), "device.name", "this cannot be a name", right));
            }
        }
        if let Some(priority) = &written.priority {
            share.priority = self.priority("device.priority", priority, last)?;
        }
        if let Some(weight) = &written.weight {
            let wrong = format!("weight {} is out of range", weight.get_ref());
            share.weight = Weight::from_ratio(*weight.get_ref())
                .ok_or_else(|| self.fault(weight.span(), "device.weight", wrong, "0.001 to 1000"))?;
        }
        let guarantees = [&written.guarantee_download, &written.guarantee_upload];
        let ceilings = [&written.ceiling_download, &written.ceiling_upload];
        for ((direction, guarantee), ceiling) in Direction::ALL.into_iter().zip(guarantees).zip(ceilings) {
            let right = "A rate such as `4 Mbit/s`, or a part such as `10 %`";
            let key = format!("device.guarantee_{direction}");
            if let Some(guarantee) = self.optional(&key, guarantee, right, |text| text.parse().ok())? {
                share.guarantee[direction] = guarantee;
            }
            let key = format!("device.ceiling_{direction}");
            if let Some(rate) = self.optional(&key, ceiling, "A rate such as `50 Mbit/s`", |text| text.parse().ok())? {
                share.ceiling[direction] = rate;
            }
        }
        Ok((
            id,
            DevicePolicy {
                name: written.name.as_ref().map(|name| name.get_ref().clone()),
                share,
                classes: BTreeMap::new(),
            },
        ))
    }

    fn capture(&self, written: &Written) -> Result<CaptureConfig, ConfigError> {
        let from = &written.capture;
        let source = match from.source.as_ref().map(|source| (source, source.get_ref().as_str())) {
            None | Some((_, "auto")) => SourceChoice::Auto,
            Some((_, "ebpf")) => SourceChoice::Ebpf,
            Some((_, "af_packet")) => SourceChoice::AfPacket,
            Some((source, "file")) => match &from.file {
                Some(file) => {
                    let at_end = self.optional("capture.at_end", &from.at_end, "stay or again", |text| match text {
                        "stay" => Some(AtEnd::Stay),
                        "again" => Some(AtEnd::Again),
                        _ => None,
                    })?;
                    SourceChoice::File { file: file.clone(), at_end: at_end.unwrap_or(AtEnd::Stay) }
                }
                None => {
                    let wrong = "a file is to be replayed, but none is named";
                    return Err(self.fault(source.span(), "capture.source", wrong, "Add `file = \"…\"`"));
                }
            },
            Some((source, other)) => {
                let wrong = format!("`{other}` is no source");
                return Err(self.fault(source.span(), "capture.source", wrong, "auto, ebpf, af_packet or file"));
            }
        };
        let max_flows = match &from.max_flows {
            Some(flows) if (1_024..=16_777_216).contains(flows.get_ref()) => *flows.get_ref(),
            Some(flows) => {
                return Err(self.fault(flows.span(), "capture.max_flows", "out of range", "1024 to 16777216"));
            }
            None => 65_536,
        };
        const LEAST_MEMORY: ByteCount = ByteCount(16_000_000);
        let memory =
            self.optional("capture.memory", &from.memory, "A size of 16 MB or more, such as `256 MB`", |text| {
                parse_size(text).filter(|memory| *memory >= LEAST_MEMORY)
            })?;
        // Who was given an address here has nothing to do with whom a file shows.
        let usual = || match &source {
            SourceChoice::File { .. } => Vec::new(),
            SourceChoice::Auto | SourceChoice::Ebpf | SourceChoice::AfPacket => LEASES.map(PathBuf::from).to_vec(),
        };
        let leases = from.leases.clone().unwrap_or_else(usual);
        let gateways = from.gateways.iter().flatten().map(|gateway| {
            let right = "A MAC address such as `a4:5e:60:00:00:01`";
            self.value("capture.gateways", gateway, right, |text| text.parse().ok())
        });
        let gateways = gateways.collect::<Result<_, _>>()?;
        Ok(CaptureConfig {
            source,
            promiscuous: from.promiscuous.unwrap_or(false),
            filter: from.filter.clone(),
            max_flows,
            memory: memory.unwrap_or(ByteCount(256_000_000)),
            leases,
            gateways,
        })
    }

    fn api(&self, written: &Written, run_dir: &Path) -> Result<ApiConfig, ConfigError> {
        let from = &written.api;
        let listen = match &from.listen {
            None => vec![SocketAddr::from(([127, 0, 0, 1], 8091))],
            Some(addresses) => addresses
                .iter()
                .map(|address| {
                    let right = "An address with a port, such as `127.0.0.1:8091`";
                    self.value("api.listen", address, right, |text| text.parse().ok())
                })
                .collect::<Result<_, _>>()?,
        };
        let socket = from.socket.clone().unwrap_or_else(|| run_dir.join("api.sock"));
        Ok(ApiConfig { listen, socket, allowed_hosts: from.allowed_hosts.clone().unwrap_or_default() })
    }

    fn history(&self, written: &Written) -> Result<HistoryConfig, ConfigError> {
        let from = &written.history;
        const DAY: u64 = 86_400;
        let time = |key, written, days: u64| {
            self.optional(key, written, "A time such as `7 days` or `3 years`", parse_duration)
                .map(|time| time.unwrap_or(Duration::from_secs(days * DAY)))
        };
        Ok(HistoryConfig {
            seconds_for: time("history.seconds_for", &from.seconds_for, 7)?,
            minutes_for: time("history.minutes_for", &from.minutes_for, 90)?,
            hours_for: time("history.hours_for", &from.hours_for, 3 * 365)?,
            max_size: self
                .optional("history.max_size", &from.max_size, "A size such as `2 GB`", parse_size)?
                .unwrap_or(ByteCount(2_000_000_000)),
            flow_log: from.flow_log.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("equalnet.toml"))
    }

    #[test]
    fn the_documented_default_is_the_default() {
        assert_eq!(parse(DEFAULT_TOML).unwrap(), parse("").unwrap());
    }

    #[test]
    fn every_example_in_the_default_is_valid() {
        let lines: Vec<&str> = DEFAULT_TOML
            .lines()
            .map(|line| {
                let example = line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || rest.contains(" = "));
                example.unwrap_or(line)
            })
            .collect();
        // Several ways to write the one link.
        let text = lines.join("\n");
        let (before, rest) = text.split_once("[[link]]").expect("a link");
        let (links, after) = rest.split_once("[capture]").expect("the next section");
        for link in links.split("[[link]]") {
            let example = format!("{before}[[link]]{link}[capture]{after}");
            let config = parse(&example).unwrap_or_else(|error| panic!("{error}\n{example}"));
            assert_eq!((config.links.len(), config.policy.devices.len()), (1, 1));
            assert!(!config.policy.rules.is_empty());
        }
    }

    #[test]
    fn a_link_names_one_lan_or_more() {
        let topology = |lan: &str| {
            let text = format!("[[link]]\nlan = {lan}\nwan = \"eth0\"\ndownload = \"10M\"\nupload = \"1M\"");
            parse(&text).unwrap().links.remove(0).topology
        };
        let name = |text: &str| InterfaceName::new(text).unwrap();
        let one = Topology::Router { lan: name("br-lan"), wan: name("eth0") };
        assert_eq!(topology("\"br-lan\""), one);
        assert_eq!(topology("[\"br-lan\"]"), one);
        let lans = vec![name("br-lan"), name("lan.20")];
        assert_eq!(topology("[\"br-lan\", \"lan.20\"]"), Topology::Shared { lans, wan: name("eth0") });
    }

    fn check_fault(text: &str, line: usize, key: &str, says: &str) {
        let error = parse(text).expect_err(text);
        let shown = error.to_string();
        assert_eq!((error.line, error.key.as_str()), (line, key), "{shown}");
        assert!(shown.contains(says), "{shown}");
    }

    #[test]
    fn a_fault_names_line_key_and_what_would_be_right() {
        check_fault("mode = \"on\"", 1, "mode", "observe, suggest, control");
        check_fault("\nmod = \"control\"", 2, "mod", "unknown field");
        check_fault("[policy]\nlevels = 7", 2, "policy.levels", "5 or 10");
        check_fault("[policy]\nlevels = \"5\"", 2, "levels", "invalid type");
        check_fault("[policy]\ndefault_priority = 6", 2, "policy.default_priority", "1 to 5");
        check_fault("[[device]]\nid = \"laptop\"", 2, "device.id", "MAC address");
        check_fault("[policy.class.video]\nguarantee_download = \"1 Mbit/s\"", 1, "policy.class", "streaming");
        let link = "[[link]]\nlan = \"br0\"\nwan = \"eth0\"\ndownload = \"10 Mbit/s\"\nupload = \"fast\"";
        check_fault(link, 5, "link.upload", "`100 Mbit/s`");
        let link = "[[link]]\ninterface = \"eth0\"\ndownload = \"10 Mbit/s\"\nupload = \"1 Mbit/s\"";
        for (lan, says) in [("[]", "no interface"), ("[\"a\", \"a\"]", "twice"), ("[\"a\", \"b\"]", "same interface")] {
            let (line, key) = if says == "same interface" { (3, "link.wan") } else { (2, "link.lan") };
            let text = format!("[[link]]\nlan = {lan}\nwan = \"b\"\ndownload = \"1M\"\nupload = \"1M\"");
            check_fault(&text, line, key, says);
        }
        let sought = |bounds: &str| link.replace("\"10 Mbit/s\"", bounds);
        check_fault(&sought("{ min = \"5 Mbit/s\" }"), 3, "download", "{ min = \"5 Mbit/s\", max = \"80 Mbit/s\"");
        check_fault(&sought("{ min = \"5\", max = \"fast\" }"), 3, "link.download.min", "such as");
        check_fault(&sought("{ min = \"5 Mbit/s\", max = \"4 Mbit/s\" }"), 3, "link.download.max", "not above `min`");
        let beyond = "{ min = \"5 Mbit/s\", max = \"9 Mbit/s\", usual = \"10 Mbit/s\" }";
        check_fault(&sought(beyond), 3, "link.download.usual", "between");
        check_fault(&format!("{link}\nquota = \"500\""), 5, "link.quota", "`500 GB`");
        check_fault(&format!("{link}\nframing = \"vdsl\""), 5, "link.framing", "pppoe-ptm");
        check_fault(&format!("{link}\nquota = \"1 TB\"\nquota_resets = 32"), 6, "link.quota_resets", "1 to 31");
        check_fault(&format!("{link}\nquota_resets = 3"), 5, "link.quota_resets", "Write `quota`");
        check_fault("[capture]\nsource = \"file\"", 2, "capture.source", "file = ");
        let file = "[capture]\nsource = \"file\"\nfile = \"a.pcap\"";
        check_fault(&format!("{file}\nat_end = \"loop\""), 4, "capture.at_end", "stay or again");
        check_fault(&format!("{file}\ngateways = [\"router\"]"), 4, "capture.gateways", "MAC address");
        check_fault("[[rule]]\nname = \"a b\"\nclass = \"call\"", 2, "rule.name", "netflix.com");
        check_fault("[[link]\n", 1, "", "");
        let twice = "[[link]]\ninterface=\"a\"\ndownload=\"1M\"\nupload=\"1M\"\n[[link]]\ninterface=\"b\"\ndownload=\"1M\"\nupload=\"1M\"";
        check_fault(twice, 7, "link", "one link at a time");
    }

    #[test]
    fn a_rate_that_is_not_known_has_bounds() {
        let check = |download: &str, mbps: u64, bounds: Option<(u64, u64)>| {
            let text = format!("[[link]]\ninterface = \"a\"\ndownload = {download}\nupload = \"1 Mbit/s\"");
            let link = parse(&text).unwrap().links.remove(0);
            let range = bounds.map(|(min, max)| (BitRate::from_mbps(min), BitRate::from_mbps(max)));
            assert_eq!(link.line_rate.download, BitRate::from_mbps(mbps), "{download}");
            let sought = link.sought.download.map(|sought| (sought.range.min(), sought.range.max()));
            assert_eq!((sought, link.sought.upload), (range, None), "{download}");
        };
        check("\"10 Mbit/s\"", 10, None);
        check("{ min = \"10 Mbit/s\", max = \"30 Mbit/s\" }", 20, Some((10, 30)));
        check("{ min = \"10 Mbit/s\", max = \"30 Mbit/s\", usual = \"12 Mbit/s\" }", 12, Some((10, 30)));
    }

    #[test]
    fn guarantees_that_no_link_can_carry_are_refused() {
        let text = "[[link]]\nlan=\"a\"\nwan=\"b\"\ndownload=\"10 Mbit/s\"\nupload=\"10 Mbit/s\"\nmargin=\"0 %\"\n\
            [[device]]\nid=\"02:00:00:00:00:01\"\nguarantee_download=\"6 Mbit/s\"\n\
            [[device]]\nid=\"02:00:00:00:00:02\"\nguarantee_download=\"6 Mbit/s\"";
        let shown = parse(text).expect_err("too much is promised").to_string();
        assert!(shown.contains("12.0 Mbit/s") && shown.contains("10.0 Mbit/s"), "{shown}");
    }
}
