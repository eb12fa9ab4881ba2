//! What the operator's rules say of the flows of a table, and what became of each rule.

use super::flow::Flow;
use super::{FlowTable, Settlement};
use crate::classify::{self, NameSource, Why};
use crate::rules::{Place, Rules, Subject};
use vocab::{ByteCount, Dscp, FlowKey, Policy, Rule, RuleHits, RuleId, TrafficClass};

/// What a flow was like when the rules were asked last; while it stays so, they say the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Asked {
    name: Option<NameSource>,
    /// Its counts may come before the packet that tells whose it is.
    owned: bool,
    application: &'static str,
    dscp: Option<Dscp>,
}

/// A flow whose class another set of rules changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revised {
    /// Which.
    pub key: FlowKey,
    /// What it is for now.
    pub class: TrafficClass,
    /// Whether more packets can change that.
    pub settlement: Settlement,
}

impl FlowTable {
    /// Puts the rules of `policy` in force, for open flows too; returns those whose class they change.
    pub fn set_rules(&mut self, policy: &Policy) -> Vec<Revised> {
        let rules = Rules::new(policy);
        if rules.is_empty() && self.rules.is_empty() {
            return Vec::new();
        }
        self.rule_hits = rules.carry_over(&self.rules, &self.rule_hits);
        let before = std::mem::replace(&mut self.rules, rules);
        let mut revised = Vec::new();
        for slot in 0..self.flows.end() {
            let Some(flow) = self.flows.get_mut(slot) else { continue };
            let class = flow.class;
            let taken_by = flow.evidence.rule.take().and_then(|ruled| before.get(ruled.place));
            flow.asked = None;
            flow.weigh();
            // What a flow moved before a rule spoke of it does not count for the rule.
            if let Some(place) = self.find_rule(slot)
                && !self.rules.get(place).zip(taken_by).is_some_and(|(now, before)| means_the_same(now, before))
            {
                self.count_flow(place, ByteCount(0));
            }
            let flow = self.flow_mut(slot);
            if flow.class != class {
                flow.given_after = flow.seen;
                revised.push(Revised { key: flow.key, class: flow.class, settlement: flow.settlement });
            }
        }
        revised
    }

    /// What each rule did, in their order.
    pub fn rule_hits(&self) -> Vec<(RuleId, RuleHits)> {
        self.rules.iter().map(Rule::id).zip(self.rule_hits.iter().copied()).collect()
    }

    /// Asks the rules about a flow of which more may be known now.
    pub(super) fn ask_rules(&mut self, slot: u32) {
        let before = self.flow(slot).evidence.rule;
        if let Some(place) = self.find_rule(slot)
            && before.is_none_or(|before| before.place != place)
        {
            let [low, high] = self.flow(slot).bytes;
            self.count_flow(place, ByteCount(low.saturating_add(high)));
        }
    }

    /// The rule that speaks of a flow, whose verdict then follows it.
    fn find_rule(&mut self, slot: u32) -> Option<Place> {
        let flow = self.flows.get_mut(slot)?;
        // The name in a question is what is looked for, not who answers; that around an encrypted hello is nobody's.
        let speaks = |source: NameSource| !matches!(source, NameSource::Query | NameSource::OuterHello);
        let name = flow.evidence.name.as_ref().filter(|(_, source)| speaks(*source));
        let asked = Asked {
            name: name.map(|(_, source)| *source),
            owned: flow.owner.is_some(),
            application: flow.weighed.application,
            dscp: flow.dscp,
        };
        if flow.asked != Some(asked) {
            let server = flow.owner.map_or(flow.initiator, |(_, local)| local).opposite();
            flow.evidence.rule = self.rules.find(&Subject {
                key: &flow.key,
                server: flow.key.end(server).address,
                device: flow.owner.map(|(device, _)| device),
                name: name.map(|(name, _)| &**name),
                application: asked.application,
                dscp: asked.dscp,
            });
            flow.asked = Some(asked);
            flow.weigh();
        }
        flow.evidence.rule.map(|ruled| ruled.place)
    }

    fn count_flow(&mut self, place: Place, bytes: ByteCount) {
        let now = self.now;
        if let Some(hits) = self.rule_hits.get_mut(usize::from(place)) {
            hits.flows += 1;
            hits.last = Some(now);
        }
        self.count_for_rule(place, bytes);
    }

    pub(super) fn count_for_rule(&mut self, place: Place, bytes: ByteCount) {
        if let Some(hits) = self.rule_hits.get_mut(usize::from(place)) {
            hits.bytes.0 = hits.bytes.0.saturating_add(bytes.0);
        }
    }

    /// What a flow's application is called.
    pub(super) fn application<'a>(&'a self, flow: &'a Flow) -> &'a str {
        let label = flow.evidence.rule.and_then(|ruled| self.rules.get(ruled.place)).map_or("", Rule::label);
        if label.is_empty() { flow.weighed.application } else { label }
    }

    /// The reason for a flow's class.
    pub(super) fn words(&self, flow: &Flow, name: &str) -> String {
        match flow.weighed.why {
            Why::Rule(place) => self.rules.words(place).to_owned(),
            _ => classify::words(flow.weighed, name, flow.rhythm),
        }
    }
}

fn means_the_same(one: &Rule, other: &Rule) -> bool {
    one.conditions() == other.conditions() && one.class() == other.class() && one.label() == other.label()
}

#[cfg(test)]
mod tests {
    use super::super::{Counts, FlowLimits, Observed};
    use super::*;
    use crate::Packet;
    use crate::{Fragment, Locality, Transport};
    use std::sync::Arc;
    use vocab::{Conditions, Endpoint, IpProtocol, MacAddress, Timestamp};

    const TABLET: MacAddress = MacAddress([0xa4, 0x5e, 0x60, 0, 0, 1]);

    fn policy(rules: Vec<(Conditions, TrafficClass, &str)>) -> Policy {
        let rule = |(number, (conditions, class, label)): (u32, (Conditions, TrafficClass, &str))| {
            Rule::new(RuleId::Configured(number), conditions, class, label.to_owned(), String::new()).unwrap()
        };
        let mut policy = Policy { rules: (1..).zip(rules).map(rule).collect::<Arc<[Rule]>>(), ..Policy::default() };
        let device = vocab::DevicePolicy { name: Some("kid-tablet".to_owned()), ..Default::default() };
        policy.devices.insert(vocab::DeviceId::Mac(TABLET), device);
        policy
    }

    fn table() -> FlowTable {
        FlowTable::new(FlowLimits::default(), Locality::default())
    }

    fn end(text: &str) -> Endpoint {
        let socket: std::net::SocketAddr = text.parse().unwrap();
        Endpoint { address: socket.ip().into(), port: socket.port() }
    }

    /// A datagram of 100 bytes between the tablet and a server, marked `dscp`.
    fn see(table: &mut FlowTable, upload: bool, payload: &[u8], dscp: u8, second: u64) -> Observed {
        let (tablet, server) = (end("192.168.1.20:50000"), end("203.0.113.7:40000"));
        let (source, destination) = if upload { (tablet, server) } else { (server, tablet) };
        let packet = Packet {
            source,
            destination,
            protocol: IpProtocol::UDP,
            transport: Transport::Udp,
            source_mac: upload.then_some(TABLET),
            destination_mac: (!upload).then_some(TABLET),
            vlan: None,
            dscp,
            ttl: 64,
            wire_len: 100,
            fragment: Fragment::Whole,
            payload,
            cut: 0,
        };
        table.observe(&packet, None, Timestamp::from_unix_secs(second))
    }

    fn tablet() -> Conditions {
        Conditions { device: Some(vocab::DeviceId::Mac(TABLET)), ..Conditions::default() }
    }

    fn marked() -> Conditions {
        Conditions { dscp: Dscp::new(46), ..Conditions::default() }
    }

    #[test]
    fn a_rule_wins_says_so_and_counts() {
        let mut table = table();
        table.set_rules(&policy(vec![(marked(), TrafficClass::Voice, ""), (tablet(), TrafficClass::Web, "School")]));
        let opened = see(&mut table, true, b"?", 0, 1);
        assert_eq!((opened.class, opened.class_changed, opened.ruled), (TrafficClass::Web, true, true));
        // More than any page moves: whoever wrote the rule knew.
        let key = opened.key;
        let much = Counts { bytes: ByteCount(50_000_000), packets: 40_000 };
        table.observe_counts(&key, much, much, None, Timestamp::from_unix_secs(2));
        let verdict = table.get_by_key(&key).unwrap().verdict;
        let said = (verdict.class, verdict.application.as_str(), verdict.confidence, verdict.evidence.as_str());
        assert_eq!(said, (TrafficClass::Web, "School", 1.0, "your rule: device kid-tablet"));
        let [(_, never), (id, hits)] = table.rule_hits()[..] else { panic!("two rules") };
        assert_eq!((never, id), (RuleHits::default(), RuleId::Configured(2)));
        let last = Some(Timestamp::from_unix_secs(1));
        assert_eq!(hits, RuleHits { flows: 1, bytes: ByteCount(100_000_100), last });
    }

    #[test]
    fn a_changed_rule_speaks_of_open_flows_at_once_and_counts_each_once() {
        let mut table = table();
        see(&mut table, true, b"?", 0, 1);
        let download = policy(vec![(tablet(), TrafficClass::Download, "")]);
        let [revised] = table.set_rules(&download)[..] else { panic!("one flow is revised") };
        assert_eq!((revised.class, revised.settlement), (TrafficClass::Download, Settlement::Open));
        assert_eq!(table.set_rules(&download), []);
        // What it moved before is not the rule's, and it is counted once though the rules were set twice.
        let [(_, hits)] = table.rule_hits()[..] else { panic!("one rule") };
        assert_eq!((hits.flows, hits.bytes), (1, ByteCount(0)));
        let with_another = policy(vec![(marked(), TrafficClass::Voice, ""), (tablet(), TrafficClass::Download, "")]);
        assert_eq!(table.set_rules(&with_another), []);
        assert_eq!(table.rule_hits()[1].1.flows, 1);
        let classes = table.set_rules(&Policy::default()).iter().map(|revised| revised.class).collect::<Vec<_>>();
        assert_eq!(classes, [TrafficClass::Unclassified], "without rules it is what it was");
        assert_eq!(table.rule_hits(), []);
    }

    #[test]
    fn the_device_of_a_flow_may_be_known_later_than_its_counts() {
        let mut table = table();
        table.set_rules(&policy(vec![(tablet(), TrafficClass::Work, "")]));
        let key = see(&mut FlowTable::new(FlowLimits::default(), Locality::default()), true, b"?", 0, 1).key;
        let some = Counts { bytes: ByteCount(100), packets: 1 };
        let counted = table.observe_counts(&key, some, some, None, Timestamp::from_unix_secs(1));
        assert_ne!(counted.class, TrafficClass::Work);
        assert_eq!(see(&mut table, false, b"?", 0, 1).class, TrafficClass::Work);
    }

    /// The class after datagrams that the tablet (`>`) or the server (`<`) marked so.
    fn check_marks(rules: Vec<(Conditions, TrafficClass, &str)>, marks: &[(char, u8)], expected: TrafficClass) {
        let mut table = table();
        table.set_rules(&policy(rules));
        let seen = marks.iter().map(|(way, mark)| see(&mut table, *way == '>', b"?", *mark, 1)).last();
        assert_eq!(seen.unwrap().class, expected, "{marks:?}");
    }

    #[test]
    fn marks_are_believed_where_a_rule_says_so_and_from_the_device_alone() {
        let voice = || vec![(marked(), TrafficClass::Voice, "")];
        check_marks(Vec::new(), &[('>', 46)], TrafficClass::Unclassified);
        check_marks(voice(), &[('>', 46)], TrafficClass::Voice);
        check_marks(voice(), &[('>', 0), ('>', 46), ('>', 0)], TrafficClass::Voice);
        check_marks(voice(), &[('>', 34)], TrafficClass::Unclassified);
        check_marks(voice(), &[('>', 0), ('<', 46)], TrafficClass::Unclassified);
    }

    #[test]
    fn a_name_in_a_question_is_not_the_name_of_who_answers() {
        let name = Conditions { name: "zoom.us".parse().ok(), ..Conditions::default() };
        let rules = policy(vec![(name, TrafficClass::Call, "")]);
        // A question for zoom.us, A, IN (RFC 1035, 4.1).
        let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04zoom\x02us\0\0\x01\0\x01";
        let mut table = table();
        table.set_rules(&rules);
        let seen = see(&mut table, true, question, 0, 1);
        let summary = table.get(seen.flow).unwrap();
        assert_eq!(
            (summary.verdict.server_name.as_str(), summary.verdict.class),
            ("zoom.us", TrafficClass::Interactive)
        );
    }
}
