//! The household: a gateway, its devices, a modem with a deep queue, and servers behind it.
//!
//! ```text
//! device eth0 ─┐                                                             
//! device eth0 ─┼─ br-lan  gateway  wan0 ── modem (token buckets, FIFO) ── eth0  net (servers)
//! device eth0 ─┘          dnsmasq           bridge                       all addresses of the world
//! ```

mod line;

use crate::agent::{Activity, Agent, Event, Report};
use crate::namespace::{Namespace, Urgency};
use crate::shell;
use crate::watchdog::{Watchdog, namespaces_of};
use crate::world::SERVICES;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use vocab::{BitRate, ByteCount, Directed, MacAddress};

/// The gateway's side of the LAN.
pub(crate) const LAN: &str = "br-lan";
/// The gateway's side of the second LAN, where there is one.
pub(crate) const SECOND_LAN: &str = "br-second";
/// The gateway's side towards the modem.
pub(crate) const WAN: &str = "wan0";
/// A device's only interface.
pub(crate) const PORT: &str = "eth0";

/// Where in the household something is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The gateway.
    Gateway,
    /// The servers behind the modem.
    Net,
    /// The device of this name.
    Device(String),
}

/// A device to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSpec {
    /// The name it gives itself.
    pub name: String,
    /// Its address.
    pub mac: MacAddress,
}

/// A household to be.
#[derive(Clone, Debug)]
pub struct HouseholdOptions {
    /// The program that knows the lab's hidden words: usually this one.
    pub program: PathBuf,
    /// What the modem lets through, bit/s, layer 2.
    pub line_rate: Directed<BitRate>,
    /// How long a packet waits in the modem when its queue is full.
    pub modem_queue: Directed<Duration>,
    /// Who lives there.
    pub devices: Vec<DeviceSpec>,
    /// Those of them, by name, that are on a second LAN.
    pub second_lan: BTreeSet<String>,
}

impl HouseholdOptions {
    /// Seven devices behind 22.2/5.5 Mbit/s, of which 20/5 are nine parts in ten, with agents run by `program`.
    pub fn usual(program: PathBuf) -> HouseholdOptions {
        let device = |name: &str, mac| DeviceSpec { name: name.to_owned(), mac: MacAddress(mac) };
        HouseholdOptions {
            program,
            // What is dropped behind the modem has already passed through it: who shapes downloads there must
            // leave it room for that (5 % of packets, with a score of flows at a base delay of nothing).
            line_rate: Directed { download: BitRate::from_kbps(22_200), upload: BitRate::from_kbps(5_500) },
            // What cable modems of the last decade did (RFC 7567, 1; Gettys, "Bufferbloat", 2011).
            modem_queue: Directed { download: Duration::from_millis(300), upload: Duration::from_millis(400) },
            devices: vec![
                device("desk-phone", [0x80, 0x5e, 0xc0, 0x31, 0x7a, 0x02]),
                device("annas-laptop", [0xa4, 0x5e, 0x60, 0x9c, 0x11, 0x4e]),
                device("bens-phone", [0x9a, 0x3f, 0x17, 0x60, 0xd2, 0x85]),
                device("living-room-tv", [0x8c, 0x79, 0xf5, 0x42, 0x0b, 0xc7]),
                device("games-console", [0x98, 0xb6, 0xe9, 0x05, 0x7f, 0x31]),
                device("study-pc", [0x1c, 0x1b, 0x0d, 0xe8, 0x90, 0x6a]),
                device("attic-nas", [0x00, 0x11, 0x32, 0xb4, 0x5d, 0x18]),
            ],
            second_lan: BTreeSet::new(),
        }
    }
}

/// A device that has its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The name it gave to the DHCP server.
    pub name: String,
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// The address it was given.
    pub address: Ipv4Addr,
}

/// A household that stands. Dropping it takes everything away; so does any end of this process.
#[derive(Debug)]
pub struct Household {
    id: String,
    folder: PathBuf,
    program: PathBuf,
    gateway: Namespace,
    net: Namespace,
    inside: BTreeMap<String, Namespace>,
    specs: Vec<DeviceSpec>,
    devices: Vec<Device>,
    lans: Vec<&'static str>,
    line_rate: Directed<BitRate>,
    modem_queue: Directed<Duration>,
    agents_started: u32,
    servers: Vec<Agent>,
    dnsmasq: Child,
    reports: (Sender<Report>, Receiver<Report>),
    // Last: it cleans up after all others are dropped.
    _watchdog: Watchdog,
}

impl Household {
    /// Builds a household: namespaces, queues, servers, and devices with addresses by DHCP.
    ///
    /// Needs root and `ip`, `tc`, `nsenter`, `dnsmasq`; the error says what is missing.
    pub fn build(options: &HouseholdOptions) -> Result<Household> {
        let mut household = Household::prepare(options)?;
        household.move_in()?;
        Ok(household)
    }

    /// Builds all but the devices' addresses: whoever wants to see them move in can take a seat before.
    pub fn prepare(options: &HouseholdOptions) -> Result<Household> {
        let missing = missing_programs();
        if !missing.is_empty() {
            bail!("the household needs {}: install it first", missing.join(", "));
        }
        let chance = RandomState::new().build_hasher().finish();
        let id = format!("en{:06x}", chance & 0xff_ffff);
        let folder = std::env::temp_dir().join(format!("equalnet-lab-{id}"));
        let watchdog = Watchdog::start(&options.program, &id, &folder)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;

        // Inside its own namespaces every household could use the same addresses; different ones keep
        // the logs of several apart.
        let subnet = 16 + (chance >> 24) as u8 % 200;
        let wiring = Wiring::lay(&id, subnet, options)?;
        let dnsmasq = start_dnsmasq(&wiring.gateway, &folder, subnet, &lans_of(options))?;
        let mut household = Household {
            id,
            folder,
            program: options.program.clone(),
            gateway: wiring.gateway,
            net: wiring.net,
            inside: wiring.inside,
            specs: options.devices.clone(),
            devices: Vec::new(),
            lans: lans_of(options),
            line_rate: options.line_rate,
            modem_queue: options.modem_queue,
            agents_started: 0,
            servers: Vec::new(),
            dnsmasq,
            reports: channel(),
            _watchdog: watchdog,
        };
        household.start_servers()?;
        Ok(household)
    }

    /// Its name: the prefix of its namespaces.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its files; gone with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The gateway's sides of its LANs.
    pub(crate) fn lans(&self) -> &[&'static str] {
        &self.lans
    }

    /// Who lives there, once they have moved in.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The device named `name`.
    pub fn device(&self, name: &str) -> Result<&Device> {
        self.devices.iter().find(|device| device.name == name).with_context(|| format!("there is no device {name}"))
    }

    /// The address on the cable of the device named `name`, known before it moves in.
    pub fn mac_of(&self, name: &str) -> Result<MacAddress> {
        let spec = self.specs.iter().find(|spec| spec.name == name);
        spec.map(|spec| spec.mac).with_context(|| format!("there is no device {name}"))
    }

    /// The names and addresses that the DHCP server gave out, as it wrote them down.
    pub fn leases(&self) -> Result<Vec<Device>> {
        let text = std::fs::read_to_string(self.folder.join("leases")).context("cannot read the leases")?;
        let leases = text.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            Some(Device {
                mac: fields.get(1)?.parse().ok()?,
                address: fields.get(2)?.parse().ok()?,
                name: (*fields.get(3)?).to_owned(),
            })
        });
        Ok(leases.collect())
    }

    pub(crate) fn gateway(&self) -> &Namespace {
        &self.gateway
    }

    /// Starts an agent at `place`.
    pub fn start(&mut self, place: &Place, activity: Activity) -> Result<Agent> {
        self.agents_started += 1;
        Agent::start(
            &self.program,
            self.at(place)?,
            place.clone(),
            self.agents_started,
            activity,
            &self.authority(),
            self.reports.0.clone(),
        )
    }

    /// The namespace of `place`.
    pub(crate) fn at(&self, place: &Place) -> Result<&Namespace> {
        Ok(match place {
            Place::Gateway => &self.gateway,
            Place::Net => &self.net,
            Place::Device(name) => self.inside.get(name).with_context(|| format!("there is no device {name}"))?,
        })
    }

    /// Starts an agent on the device named `device`.
    pub fn start_on(&mut self, device: &str, activity: Activity) -> Result<Agent> {
        self.start(&Place::Device(device.to_owned()), activity)
    }

    /// The next report, or `None` when there is none within `patience`.
    pub fn next_report(&self, patience: Duration) -> Option<Report> {
        // We hold a sender ourselves: the only error is that the time is over.
        self.reports.1.recv_timeout(patience).ok()
    }

    fn authority(&self) -> PathBuf {
        self.folder.join("authority.der")
    }

    fn start_servers(&mut self) -> Result<()> {
        let activities = [Activity::ServeFiles { authority: self.authority() }, Activity::ServeLive];
        for activity in activities {
            let agent = self.start(&Place::Net, activity)?;
            self.servers.push(agent);
        }
        self.wait_for(self.servers.len(), "the servers", |report| report.event == Event::Ready).map(drop)
    }

    /// Lets each device ask for its address, all at once, and gives it what it was granted.
    pub fn move_in(&mut self) -> Result<()> {
        let specs = self.specs.clone();
        let mut agents = Vec::new();
        for spec in &specs {
            let activity = Activity::Lease { interface: PORT.to_owned(), name: spec.name.clone() };
            agents.push(self.start_on(&spec.name, activity)?);
        }
        let reports =
            self.wait_for(specs.len(), "the leases", |report| matches!(report.event, Event::Leased { .. }))?;
        for spec in &specs {
            let place = Place::Device(spec.name.clone());
            let Some((address, router)) = reports.iter().find_map(|report| match &report.event {
                Event::Leased { address, router } if report.place == place => Some((address, router)),
                _ => None,
            }) else {
                bail!("{} has no lease", spec.name);
            };
            self.inside[&spec.name]
                .ip(&format!("addr add {address} dev {PORT}\nroute add default via {router} dev {PORT}\n"))?;
            let address = address.split('/').next().unwrap_or_default().parse().context("a leased address")?;
            self.devices.push(Device { name: spec.name.clone(), mac: spec.mac, address });
        }
        Ok(())
    }

    /// Collects reports until `count` of them are what is awaited.
    fn wait_for(&self, count: usize, what: &str, is_awaited: impl Fn(&Report) -> bool) -> Result<Vec<Report>> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut found = Vec::new();
        while found.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.next_report(left) {
                Some(report) if is_awaited(&report) => found.push(report),
                Some(Report { event: Event::Trouble { text }, .. }) => bail!("{what}: {text}"),
                Some(_) => {}
                None => bail!("{what}: {} of {count} came within 20 s", found.len()),
            }
        }
        Ok(found)
    }

    /// The gateway's address on the devices' cable.
    pub(crate) fn gateway_mac(&self) -> Result<String> {
        let text = shell::run("ip", &["-n", self.gateway.name(), "-o", "link", "show", "dev", LAN])?;
        let mac = text.split_whitespace().skip_while(|word| *word != "link/ether").nth(1);
        mac.map(str::to_owned).context("the bridge has no address")
    }

    /// Records what passes the gateway's LAN side into the capture file `path`, until the recording is dropped.
    pub fn record(&self, path: &Path) -> Result<Recording> {
        let child = self
            .gateway
            .command(OsStr::new("tcpdump"), Urgency::Normal)
            .args(["-i", LAN, "-U", "-Z", "root", "-B", "16384", "-s", "0", "-w"])
            .arg(path)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start `tcpdump` (package tcpdump)")?;
        Ok(Recording { child })
    }

    /// Packets that the modem holds back now, bytes: how deep the queue is that nobody manages.
    pub fn modem_backlog(&self) -> Result<Directed<ByteCount>> {
        let modem = format!("{}-modem", self.id);
        let backlog = |port| -> Result<ByteCount> {
            let text = shell::run("tc", &["-n", &modem, "-s", "qdisc", "show", "dev", port])?;
            let word = text.split_whitespace().skip_while(|word| *word != "backlog").nth(1).unwrap_or("0b");
            let digits = word.trim_end_matches('b');
            // tc writes kilobytes and megabytes as powers of 1,024.
            let bytes = match (digits.strip_suffix('K'), digits.strip_suffix('M')) {
                (Some(digits), _) => digits.parse::<u64>()? * 1_024,
                (_, Some(digits)) => digits.parse::<u64>()? * 1_048_576,
                (None, None) => digits.parse()?,
            };
            Ok(ByteCount(bytes))
        };
        Ok(Directed { download: backlog("cpe")?, upload: backlog("isp")? })
    }
}

/// A capture being written; dropping it ends it.
#[derive(Debug)]
pub struct Recording {
    child: Child,
}

impl Drop for Recording {
    fn drop(&mut self) {
        // Interrupted, not killed: it writes out what it holds.
        let _ = shell::run("sh", &["-c", &format!("kill -INT {}", self.child.id())]);
        let _ = self.child.wait();
    }
}

impl Drop for Household {
    fn drop(&mut self) {
        self.servers.clear();
        let _ = self.dnsmasq.kill();
        let _ = self.dnsmasq.wait();
    }
}

/// Which programs the household needs and this system has not, with their Debian packages.
pub(crate) fn missing_programs() -> Vec<String> {
    [("ip", "iproute2"), ("tc", "iproute2"), ("nsenter", "util-linux"), ("dnsmasq", "dnsmasq-base")]
        .into_iter()
        .filter(|(program, _)| !shell::is_installed(program))
        .map(|(program, package)| format!("`{program}` (package {package})"))
        .collect()
}

/// The namespaces that household `id` has left behind: none, once it is gone.
pub fn leftovers(id: &str) -> Vec<String> {
    namespaces_of(id)
}

/// The gateway's sides of the LANs that `options` want.
fn lans_of(options: &HouseholdOptions) -> Vec<&'static str> {
    let second = (!options.second_lan.is_empty()).then_some(SECOND_LAN);
    [LAN].into_iter().chain(second).collect()
}

/// All namespaces and what lies between them.
struct Wiring {
    gateway: Namespace,
    net: Namespace,
    inside: BTreeMap<String, Namespace>,
}

impl Wiring {
    fn lay(id: &str, subnet: u8, options: &HouseholdOptions) -> Result<Wiring> {
        let named = |what: &str| Namespace::create(format!("{id}-{what}"));
        let gateway = named("gw")?;
        let modem = named("modem")?;
        let net = named("net")?;
        let mut inside = BTreeMap::new();
        for device in &options.devices {
            inside.insert(device.name.clone(), named(&device.name)?);
        }

        // Both ends of each cable are made inside: nothing ever shows in the host's own namespace.
        let mut cables = String::new();
        let mut cable = |a: (&str, &Namespace), b: (&str, &Namespace)| {
            let _ = writeln!(
                cables,
                "link add {} netns {} type veth peer name {} netns {}",
                a.0,
                a.1.name(),
                b.0,
                b.1.name()
            );
        };
        cable((WAN, &gateway), ("cpe", &modem));
        cable(("isp", &modem), (PORT, &net));
        for (number, device) in options.devices.iter().enumerate() {
            cable((PORT, &inside[&device.name]), (&format!("lan{number}"), &gateway));
        }
        shell::run_with_input("ip", &["-batch", "-"], &cables)?;

        let ends = "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
                    net.ipv6.conf.eth0.accept_dad=0\n";
        for device in &options.devices {
            let namespace = &inside[&device.name];
            namespace.shell(&format!("{ends}{}", without_offloads(&[PORT])))?;
            namespace.ip(&format!("link set lo up\nlink set {PORT} address {} up\n", device.mac))?;
        }
        gateway.shell(&format!(
            "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.all.accept_dad=0 \
             net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.{WAN}.accept_dad=0\n{}",
            without_offloads(
                &(0..options.devices.len()).map(|n| format!("lan{n}")).chain([WAN.to_owned()]).collect::<Vec<_>>()
            ),
        ))?;
        let mut lines = format!(
            "link set lo up\nlink add {LAN} type bridge forward_delay 0 stp_state 0\n\
             link set {LAN} address 52:54:00:00:{subnet:02x}:01\n"
        );
        if !options.second_lan.is_empty() {
            let _ = write!(
                lines,
                "link add {SECOND_LAN} type bridge forward_delay 0 stp_state 0\n\
                 link set {SECOND_LAN} address 52:54:00:00:{subnet:02x}:02\naddr add 10.{subnet}.2.1/24 dev {SECOND_LAN}\n\
                 link set {SECOND_LAN} up\n"
            );
        }
        for (number, device) in options.devices.iter().enumerate() {
            let lan = if options.second_lan.contains(&device.name) { SECOND_LAN } else { LAN };
            let _ = writeln!(lines, "link set lan{number} master {lan} up");
        }
        let _ = write!(
            lines,
            "addr add 10.{subnet}.1.1/24 dev {LAN}\naddr add fd00:{subnet:x}::1/64 dev {LAN}\nlink set {LAN} up\n\
             addr add 100.64.{subnet}.2/24 dev {WAN}\naddr add fd64:{subnet:x}::2/64 dev {WAN}\nlink set {WAN} up\n\
             route add default via 100.64.{subnet}.1\nroute add default via fd64:{subnet:x}::1\n"
        );
        gateway.ip(&lines)?;

        modem.shell(&format!(
            "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1\n{}",
            without_offloads(&["cpe", "isp"])
        ))?;
        modem.ip(
            "link add br0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0\nlink set cpe master br0 up\n\
             link set isp master br0 up\nlink set br0 up\n",
        )?;
        let bucket = |port: &str, rate: BitRate, queue: Duration| {
            format!("qdisc add dev {port} root tbf rate {}bit burst 10kb limit {}\n", rate.as_bps(), rate.over(queue).0)
        };
        modem.tc(&format!(
            "{}{}",
            bucket("cpe", options.line_rate.download, options.modem_queue.download),
            bucket("isp", options.line_rate.upload, options.modem_queue.upload),
        ))?;

        net.shell(&format!("{ends}{}", without_offloads(&[PORT])))?;
        let mut lines = format!(
            "link set lo up\naddr add 100.64.{subnet}.1/24 dev {PORT}\naddr add fd64:{subnet:x}::1/64 dev {PORT}\n\
             link set {PORT} up\nroute add 10.{subnet}.0.0/16 via 100.64.{subnet}.2\n\
             route add fd00:{subnet:x}::/32 via fd64:{subnet:x}::2\n"
        );
        for service in &SERVICES {
            let _ = writeln!(lines, "addr add {}/32 dev lo", service.ipv4);
            if let Some(address) = service.ipv6 {
                let _ = writeln!(lines, "addr add {address}/128 dev lo");
            }
        }
        net.ip(&lines)?;
        for namespace in [&gateway, &modem, &net].into_iter().chain(inside.values()) {
            wait_until_up(namespace)?;
        }
        Ok(Wiring { gateway, net, inside })
    }
}

/// Waits until every cable of `namespace` carries: the kernel looks at new ones once a second (net/core/link_watch.c),
/// and drops what is sent before.
fn wait_until_up(namespace: &Namespace) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let links = shell::run("ip", &["-n", namespace.name(), "-br", "link", "show"])?;
        let is_up = |line: &str| matches!(line.split_whitespace().nth(1), Some("UP"));
        if links.lines().filter(|line| !line.starts_with("lo ")).all(is_up) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{}: not every link comes up:\n{links}", namespace.name());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A script that makes each packet on the wire one packet: super-packets are no wire's truth.
fn without_offloads(interfaces: &[impl AsRef<str>]) -> String {
    if !shell::is_installed("ethtool") {
        return String::new();
    }
    interfaces
        .iter()
        .map(|name| format!("ethtool -K {} tso off gso off gro off >/dev/null 2>&1\n", name.as_ref()))
        .collect()
}

/// The gateway's DHCP and DNS server.
fn start_dnsmasq(gateway: &Namespace, folder: &Path, subnet: u8, lans: &[&str]) -> Result<Child> {
    let show = |name: &str| folder.join(name).display().to_string();
    let mut config = format!(
        "except-interface=lo\nbind-interfaces\nno-resolv\nno-hosts\nno-ping\nuser=root\n\
         dhcp-authoritative\ndomain=home.arpa\n\
         enable-ra\ndhcp-range=fd00:{subnet:x}::,ra-only,64,12h\nlocal-ttl=60\n\
         dhcp-leasefile={}\npid-file={}\nlog-facility={}\n",
        show("leases"),
        show("dnsmasq.pid"),
        show("dnsmasq.log"),
    );
    for (number, lan) in (1..).zip(lans) {
        let _ = writeln!(config, "interface={lan}\ndhcp-range=10.{subnet}.{number}.100,10.{subnet}.{number}.199,12h");
    }
    for service in &SERVICES {
        let _ = write!(config, "host-record={},{}", service.name, service.ipv4);
        match service.ipv6 {
            Some(address) => {
                let _ = writeln!(config, ",{address}");
            }
            None => config.push('\n'),
        }
    }
    let file = folder.join("dnsmasq.conf");
    std::fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
    gateway
        .command(OsStr::new("dnsmasq"), Urgency::Measuring)
        .arg("--keep-in-foreground")
        .arg(format!("--conf-file={}", file.display()))
        .stdin(Stdio::null())
        .spawn()
        .context("cannot start dnsmasq")
}
