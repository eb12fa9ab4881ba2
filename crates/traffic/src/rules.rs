//! Which rule speaks of a flow: the first that fits, found without asking all of them.
//!
//! What goes in: the operator's rules in their order, and what is known of a flow. What comes out: the place of
//! the first rule whose conditions all hold. Each rule is listed under the condition that fewest flows fulfil; a
//! lookup reads the lists that a flow can be in, and asks each rule there in full.

use crate::classify::tls::is_public_name;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::net::IpAddr;
use vocab::{
    Address, AddressBlock, Conditions, DeviceId, Dscp, Endpoint, FlowKey, FlowSummary, NamePattern, Policy, PortRange,
    Rule, RuleHits, RuleScope, Side, TrafficClass,
};

/// What rules ask of a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) key: &'a FlowKey,
    /// The end that is not the device; without a device, the one that did not begin.
    pub(crate) server: Address,
    pub(crate) device: Option<DeviceId>,
    /// The server's name, in lower case.
    pub(crate) name: Option<&'a str>,
    pub(crate) application: &'a str,
    /// The mark that its device set; `None` where none of its packets was seen.
    pub(crate) dscp: Option<Dscp>,
}

/// A rule's place in the order.
pub(crate) type Place = u16;

/// What the verdict takes from a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ruled {
    pub(crate) place: Place,
    pub(crate) class: TrafficClass,
}

/// The rules in force, ready for lookups.
#[derive(Default)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    words: Vec<String>,
    domains: Index<Box<str>>,
    labels: Index<Box<str>>,
    /// By how many bits of the address, and those bits.
    blocks: Index<(u8, Address)>,
    /// The sizes of blocks that occur.
    sizes: Vec<u8>,
    devices: Index<DeviceId>,
    ports: Index<u16>,
    /// In lower case.
    applications: Index<Box<str>>,
    marks: Index<u8>,
    /// Ranges of ports, by the upper byte of each port in them.
    ranges: Index<u8>,
    /// Protocols alone: asked of every flow.
    others: Vec<Place>,
}

type Index<K> = HashMap<K, Vec<Place>, RandomState>;

impl Rules {
    /// The rules of `policy`, in words that use its devices' names.
    pub(crate) fn new(policy: &Policy) -> Rules {
        let mut rules = Rules::default();
        // Far more than are ever kept (`MOST_RULES`, twice), and a place is 16 bit.
        for (place, rule) in (0..Place::MAX).zip(policy.rules.iter()) {
            let name = rule.conditions().device.and_then(|device| policy.devices.get(&device)?.name.as_deref());
            let colon = if rule.comment().is_empty() { ":" } else { "" };
            rules.words.push(format!("your rule{colon} {}", rule.words(name)));
            rules.rules.push(rule.clone());
            match rule.conditions() {
                &Conditions { port: Some(range), name: None, server: None, address: None, device: None, .. }
                    if range.single().is_none() && rule.conditions().application.is_none() =>
                {
                    for block in range.first().to_be_bytes()[0]..=range.last().to_be_bytes()[0] {
                        rules.ranges.entry(block).or_default().push(place);
                    }
                }
                conditions => rules.list_of(conditions).push(place),
            }
        }
        rules
    }

    /// Where a rule is found: under the condition that fewest flows fulfil.
    fn list_of(&mut self, conditions: &Conditions) -> &mut Vec<Place> {
        match &conditions.name {
            Some(NamePattern::Domain(domain)) => return self.domains.entry(domain.clone()).or_default(),
            Some(NamePattern::Label(label)) => return self.labels.entry(label.clone()).or_default(),
            None => {}
        }
        if let Some(block) = conditions.server.or(conditions.address) {
            if !self.sizes.contains(&block.bits()) {
                self.sizes.push(block.bits());
            }
            return self.blocks.entry((block.bits(), block.first())).or_default();
        }
        if let Some(device) = conditions.device {
            return self.devices.entry(device).or_default();
        }
        if let Some(application) = &conditions.application {
            return self.applications.entry(application.to_ascii_lowercase().into()).or_default();
        }
        if let Some(port) = conditions.port.and_then(PortRange::single) {
            return self.ports.entry(port).or_default();
        }
        match conditions.dscp {
            Some(mark) => self.marks.entry(mark.number()).or_default(),
            None => &mut self.others,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Rule> {
        self.rules.get(usize::from(place))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// The rule at `place` in words.
    pub(crate) fn words(&self, place: Place) -> &str {
        self.words.get(usize::from(place)).map_or("", String::as_str)
    }

    /// What the first rule that fits says.
    pub(crate) fn find(&self, subject: &Subject<'_>) -> Option<Ruled> {
        let mut best = None;
        let mut ask = |list: Option<&Vec<Place>>| {
            for &place in list.into_iter().flatten() {
                if best.is_some_and(|best: Ruled| best.place <= place) {
                    break;
                }
                if let Some(rule) = self.get(place)
                    && fits(rule.conditions(), subject)
                {
                    best = Some(Ruled { place, class: rule.class() });
                    break;
                }
            }
        };
        if let Some(name) = subject.name {
            if !self.domains.is_empty() {
                let mut rest = Some(name);
                while let Some(domain) = rest {
                    ask(self.domains.get(domain));
                    rest = domain.split_once('.').map(|(_, parent)| parent);
                }
            }
            if !self.labels.is_empty()
                && let Some((label, _)) = name.split_once('.')
            {
                ask(self.labels.get(label));
            }
        }
        for &bits in &self.sizes {
            for end in [subject.key.low(), subject.key.high()] {
                ask(self.blocks.get(&(bits, AddressBlock::around(end.address, bits).first())));
            }
        }
        if let Some(device) = &subject.device {
            ask(self.devices.get(device));
        }
        if !self.applications.is_empty() {
            ask(self.applications.get(&*subject.application.to_ascii_lowercase()));
        }
        for end in [subject.key.low(), subject.key.high()] {
            ask(self.ports.get(&end.port));
            ask(self.ranges.get(&end.port.to_be_bytes()[0]));
        }
        if let Some(mark) = subject.dscp {
            ask(self.marks.get(&mark.number()));
        }
        ask(Some(&self.others));
        best
    }

    /// What the rules did, where `before` did `hits`: a rule that means the same keeps its counts.
    pub(crate) fn carry_over(&self, before: &Rules, hits: &[RuleHits]) -> Vec<RuleHits> {
        let mut known: HashMap<_, &RuleHits, RandomState> = HashMap::default();
        for (rule, hits) in before.rules.iter().zip(hits).rev() {
            known.insert((rule.conditions(), rule.class(), rule.label()), hits);
        }
        let mut kept = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            let hits = known.remove(&(rule.conditions(), rule.class(), rule.label()));
            kept.push(hits.copied().unwrap_or_default());
        }
        kept
    }
}

/// Whether all conditions hold.
fn fits(conditions: &Conditions, subject: &Subject<'_>) -> bool {
    let Conditions { name, address, server, port, protocol, device, dscp, application } = conditions;
    let ends = [subject.key.low(), subject.key.high()];
    let any_end = |holds: &dyn Fn(Endpoint) -> bool| ends.into_iter().any(holds);
    protocol.is_none_or(|protocol| protocol == subject.key.protocol())
        && device.is_none_or(|device| subject.device == Some(device))
        && dscp.is_none_or(|mark| subject.dscp == Some(mark))
        && port.is_none_or(|port| any_end(&|end| port.contains(end.port)))
        && server.is_none_or(|server| server.contains(subject.server))
        && address.is_none_or(|address| any_end(&|end| address.contains(end.address)))
        && name.as_ref().is_none_or(|pattern| subject.name.is_some_and(|name| pattern.matches(name)))
        && application.as_ref().is_none_or(|application| application.eq_ignore_ascii_case(subject.application))
}

/// Names asked of these are not the server's own (RFC 1035, RFC 6762, RFC 4795, RFC 7858).
const NAME_SERVICES: [u16; 4] = [53, 5353, 5355, 853];

/// From here on, ports are given to whoever asks (Linux' `ip_local_port_range`; IANA's begin at 49152, RFC 6335): one
/// of these says nothing about the next flow.
const FIRST_EPHEMERAL: u16 = 32_768;

/// What `flow` and flows like it have in common, and as few others as can be: the server's name; without one,
/// the server's address, port and protocol; where the device is the server itself, the device, its port and
/// protocol. `addresses` are those of the flow's device.
pub fn conditions_like(flow: &FlowSummary, addresses: &[IpAddr], scope: RuleScope) -> Conditions {
    let is_local = |side: &Side| {
        let ip = flow.key.end(*side).address.ip();
        flow.device == Some(DeviceId::Ip(ip)) || addresses.contains(&ip)
    };
    let local = [flow.initiator, flow.initiator.opposite()].into_iter().find(is_local).unwrap_or(flow.initiator);
    let (own, server) = (flow.key.end(local), flow.key.end(local.opposite()));
    let narrowed = Conditions { device: flow.device.filter(|_| scope == RuleScope::Device), ..Conditions::default() };
    // The name around an encrypted hello is that of all who stand behind the provider.
    let said = flow.verdict.server_name.as_str();
    let tells = !NAME_SERVICES.contains(&server.port) && !is_public_name(said);
    let name = said.parse().ok().filter(|_| tells);
    if name.is_some() {
        return Conditions { name, ..narrowed };
    }
    let protocol = Some(flow.key.protocol());
    let only = |port| PortRange::new(port, port);
    let serves = local != flow.initiator && (1..FIRST_EPHEMERAL).contains(&own.port);
    if flow.device.is_none() || !serves {
        return Conditions {
            server: Some(AddressBlock::single(server.address)),
            protocol,
            port: only(server.port),
            ..narrowed
        };
    }
    Conditions { device: flow.device, protocol, port: only(own.port), ..Conditions::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use vocab::{ByteCount, Directed, GivenAfter, IpProtocol, RuleId, Timestamp, Verdict};

    fn rule(number: u32, conditions: Conditions) -> Rule {
        let class = TrafficClass::ALL[number as usize % TrafficClass::COUNT];
        Rule::new(RuleId::Configured(number), conditions, class, String::new(), String::new()).unwrap()
    }

    fn rules(conditions: Vec<Conditions>) -> Rules {
        let rules: Arc<[Rule]> = (1..).zip(conditions).map(|(number, each)| rule(number, each)).collect();
        Rules::new(&Policy { rules, ..Policy::default() })
    }

    fn key(protocol: u8, from: &str, to: &str) -> (FlowKey, Side) {
        let end = |text: &str| {
            let socket: std::net::SocketAddr = text.parse().unwrap();
            Endpoint { address: socket.ip().into(), port: socket.port() }
        };
        FlowKey::new(IpProtocol(protocol), end(from), end(to))
    }

    /// A flow of the laptop with a call's server, against rules that ask one thing each; which fit.
    fn check(conditions: Conditions, expected: bool) {
        let (key, side) = key(17, "192.168.1.20:50000", "203.0.113.7:8801");
        let subject = Subject {
            key: &key,
            server: key.end(side.opposite()).address,
            device: Some("a4:5e:60:00:00:01".parse().unwrap()),
            name: Some("us04.zoom.us"),
            application: "Zoom",
            dscp: Dscp::new(46),
        };
        let found = rules(vec![conditions.clone()]).find(&subject);
        assert_eq!(found.is_some(), expected, "{}", conditions.words(None));
    }

    #[test]
    fn each_condition_asks_what_it_says() {
        let none = Conditions::default;
        for (name, expected) in [("zoom.us", true), ("oom.us", false), ("us04.*", true), ("zoom.*", false)] {
            check(Conditions { name: name.parse().ok(), ..none() }, expected);
        }
        for (block, either, server) in [
            ("203.0.113.0/24", true, true),
            ("192.168.1.20", true, false),
            ("203.0.112.0/24", false, false),
            ("0.0.0.0/0", true, true),
            ("fd00::/8", false, false),
        ] {
            check(Conditions { address: block.parse().ok(), ..none() }, either);
            check(Conditions { server: block.parse().ok(), ..none() }, server);
        }
        for (port, expected) in [("8801", true), ("50000", true), ("8000-9000", true), ("443", false)] {
            check(Conditions { port: port.parse().ok(), ..none() }, expected);
        }
        for (protocol, expected) in [("udp", true), ("tcp", false)] {
            check(Conditions { protocol: protocol.parse().ok(), ..none() }, expected);
        }
        for (device, expected) in [("a4:5e:60:00:00:01", true), ("192.168.1.20", false)] {
            check(Conditions { device: device.parse().ok(), ..none() }, expected);
        }
        for (mark, expected) in [("EF", true), ("0", false)] {
            check(Conditions { dscp: mark.parse().ok(), ..none() }, expected);
        }
        for (application, expected) in [("zoom", true), ("Zoo", false)] {
            check(Conditions { application: Some(application.into()), ..none() }, expected);
        }
        let both = |port: &str| Conditions { name: "zoom.us".parse().ok(), port: port.parse().ok(), ..none() };
        check(both("8801"), true);
        check(both("443"), false);
    }

    fn maybe<T: Clone + std::fmt::Debug + 'static>(values: Vec<T>) -> BoxedStrategy<Option<T>> {
        prop_oneof![2 => Just(None), 1 => prop::sample::select(values).prop_map(Some)].boxed()
    }

    fn parsed<T: std::str::FromStr>(texts: &[&str]) -> Vec<T> {
        texts.iter().map(|text| text.parse().ok().unwrap()).collect()
    }

    fn conditions() -> impl Strategy<Value = Conditions> {
        let blocks = ["192.168.1.0/24", "203.0.113.7", "203.0.0.0/16", "0.0.0.0/0", "2001:db8::/32"];
        let of_flow = (
            maybe(parsed(&["zoom.us", "us", "us04.zoom.us", "us04.*", "a.example"])),
            maybe(parsed(&blocks)),
            maybe(parsed(&blocks)),
            maybe(parsed(&["443", "8801", "8000-9000", "200-60000", "50000"])),
            maybe(parsed(&["tcp", "udp"])),
        );
        let of_others = (
            maybe(parsed(&["a4:5e:60:00:00:01", "a4:5e:60:00:00:02"])),
            maybe(parsed(&["EF", "0"])),
            maybe(vec![Box::from("zoom"), Box::from("TLS")]),
        );
        (of_flow, of_others)
            .prop_map(|((name, address, server, port, protocol), (device, dscp, application))| Conditions {
                name,
                address,
                server,
                port,
                protocol,
                device,
                dscp,
                application,
            })
            .prop_filter("a rule asks something", |conditions| *conditions != Conditions::default())
    }

    proptest! {
        #[test]
        fn the_first_that_fits_wins_as_if_all_were_asked(
            list in prop::collection::vec(conditions(), 0..30),
            name in maybe(vec!["us04.zoom.us", "zoom.us", "b.example"]),
            server in prop::sample::select(vec!["203.0.113.7:8801", "203.0.9.9:443", "[2001:db8::1]:443"]),
            protocol in prop::sample::select(vec![6_u8, 17]),
            device in maybe(parsed(&["a4:5e:60:00:00:01", "a4:5e:60:00:00:03"])),
            application in prop::sample::select(vec!["Zoom", "TLS", ""]),
            dscp in maybe(parsed(&["EF", "0", "CS1"])),
        ) {
            let (key, side) = key(protocol, "192.168.1.20:50000", server);
            let subject = Subject { key: &key, server: key.end(side.opposite()).address, device, name, application, dscp };
            let naive = list.iter().position(|each| fits(each, &subject));
            let found = rules(list).find(&subject).map(|ruled| usize::from(ruled.place));
            prop_assert_eq!(found, naive);
        }
    }

    fn check_like(name: &str, from: &str, to: &str, device: Option<&str>, scope: RuleScope, expected: &str) {
        let (key, initiator) = key(17, from, to);
        let flow = FlowSummary {
            key,
            initiator,
            device: device.map(|device| device.parse().unwrap()),
            verdict: Verdict {
                class: TrafficClass::Web,
                application: String::new(),
                server_name: name.to_owned(),
                confidence: 0.5,
                evidence: String::new(),
                ja4: String::new(),
                given_after: GivenAfter::default(),
            },
            bytes: Directed::from_fn(|_| ByteCount(0)),
            packets: Directed::default(),
            first_seen: Timestamp::default(),
            last_seen: Timestamp::default(),
        };
        let addresses = ["192.168.1.20".parse().unwrap()];
        assert_eq!(conditions_like(&flow, &addresses, scope).words(None), expected);
    }

    #[test]
    fn a_correction_asks_as_little_as_tells_such_flows_from_others() {
        let (laptop, server) = ("192.168.1.20:50000", "203.0.113.7:8801");
        let mac = Some("a4:5e:60:00:00:01");
        check_like("zoom.us", laptop, server, mac, RuleScope::Everybody, "server name zoom.us");
        check_like("zoom.us", laptop, server, mac, RuleScope::Device, "server name zoom.us, device a4:5e:60:00:00:01");
        check_like("", laptop, server, mac, RuleScope::Everybody, "server 203.0.113.7, udp port 8801");
        // Somebody from outside talks to a server of ours.
        let own = "192.168.1.20:8123";
        check_like("", server, own, mac, RuleScope::Everybody, "udp port 8123, device a4:5e:60:00:00:01");
        check_like("", server, laptop, mac, RuleScope::Everybody, "server 203.0.113.7, udp port 8801");
        // What was asked of a name server.
        check_like("zoom.us", laptop, "9.9.9.9:53", mac, RuleScope::Everybody, "server 9.9.9.9, udp port 53");
        check_like("", laptop, server, None, RuleScope::Device, "server 203.0.113.7, udp port 8801");
    }
}
