//! The one place where our words become the wire's, and the wire's become ours.
//!
//! Nothing is decided here: every number is taken over, every sentence says what the values say.

mod foreseen;
mod outlook;
mod sentences;

pub(crate) use foreseen::*;
pub(crate) use outlook::outlook;

use crate::problem::Problem;
use crate::request::{Effect, Standing};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use store::SeriesKey;
use vocab::{
    Actor, Alert, AlertKind, Because, BitRate, ByteCount, Conditions, Decision, DecisionKind, DeviceAllocation,
    DeviceId, DevicePatch, DeviceSnapshot, Directed, Direction, Division, FlowSummary, Forecast, Guarantee, Horizon,
    InvalidCondition, LinkId, LinkSnapshot, Mode, Part, Plan, Policy, Priority, Quantile, Quantiles, Rule, RuleHits,
    RuleId, Search, Severity, Shaping, Snapshot, Subject, Timestamp, TrafficClass, Weight,
};

/// A device is active when it moved something in the last minute.
const ACTIVE: std::time::Duration = std::time::Duration::from_secs(60);
/// From this part of a link's capacity on it is busy, in thousandths (the design's 85 %).
const BUSY_PERMILLE: u64 = 850;
/// The longest name people may give a device, in characters.
const LONGEST_NAME: usize = 64;

/// The devices' numbers on the live socket: given once, kept for as long as the daemon runs.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    given: HashMap<DeviceId, u32>,
    next: u32,
}

/// Numbers kept for devices that are known no more; above, those are forgotten.
const NUMBERS_KEPT: usize = 65_536;

impl Numbers {
    /// The number of `device`.
    pub(crate) fn of(&mut self, device: DeviceId) -> u32 {
        *self.given.entry(device).or_insert_with(|| {
            self.next += 1;
            self.next
        })
    }

    /// Forgets devices that `snapshot` does not know, once there are too many.
    pub(crate) fn tidy(&mut self, snapshot: &Snapshot) {
        if self.given.len() > NUMBERS_KEPT {
            self.given.retain(|device, _| find(snapshot, *device).is_some());
        }
    }
}

/// What to call devices and links.
pub(crate) struct Names<'a> {
    devices: BTreeMap<DeviceId, &'a str>,
    links: BTreeMap<LinkId, &'a str>,
}

impl<'a> Names<'a> {
    /// As `snapshot` has them.
    pub(crate) fn of(snapshot: &'a Snapshot) -> Names<'a> {
        Names {
            devices: snapshot.devices.iter().map(|device| (device.device, device.name.as_str())).collect(),
            links: snapshot.links.iter().map(|link| (link.link.id, link.link.name.as_str())).collect(),
        }
    }

    fn device(&self, device: DeviceId) -> String {
        match self.devices.get(&device) {
            Some(name) if !name.is_empty() => (*name).to_owned(),
            _ => device.to_string(),
        }
    }

    fn link(&self, link: LinkId) -> String {
        self.links.get(&link).map_or_else(|| format!("link {}", link.0), |name| (*name).to_owned())
    }
}

/// The device whose id is `device`.
pub(crate) fn find(snapshot: &Snapshot, device: DeviceId) -> Option<&DeviceSnapshot> {
    snapshot.devices.binary_search_by_key(&device, |known| known.device).ok().map(|index| &snapshot.devices[index])
}

/// The device that `text` means: its id, one of its addresses, or its name in any case where only one has it.
pub(crate) fn find_by_text<'a>(snapshot: &'a Snapshot, text: &str) -> Result<&'a DeviceSnapshot, Problem> {
    if let Ok(id) = text.parse::<DeviceId>() {
        let by_id = find(snapshot, id);
        let by_address = || match id {
            DeviceId::Ip(ip) => snapshot.devices.iter().find(|device| device.addresses.contains(&ip)),
            DeviceId::Mac(_) => None,
        };
        if let Some(device) = by_id.or_else(by_address) {
            return Ok(device);
        }
    }
    let wanted = text.to_lowercase();
    let mut named = snapshot.devices.iter().filter(|device| device.name.to_lowercase() == wanted);
    match (named.next(), named.next()) {
        (Some(device), None) => Ok(device),
        (Some(one), Some(other)) => Err(Problem::refused(format!("More than one device is called `{text}`."))
            .detail(format!("Say which: {} or {}.", one.device, other.device))),
        (None, _) => Err(Problem::not_found(format!("No device `{text}` is known."))
            .detail("`GET /api/v1/devices` lists those that are.")),
    }
}

fn directed<T, U>(value: Directed<T>, change: impl FnMut(T) -> U) -> wire::Directed<U> {
    let Directed { download, upload } = value.map(change);
    wire::Directed { download, upload }
}

fn rates(value: Directed<BitRate>) -> wire::Directed<u64> {
    directed(value, BitRate::as_bps)
}

fn volumes(value: Directed<ByteCount>) -> wire::Directed<u64> {
    directed(value, |bytes| bytes.0)
}

fn ours<T, U>(value: wire::Directed<T>, mut change: impl FnMut(T) -> U) -> Directed<U> {
    Directed { download: change(value.download), upload: change(value.upload) }
}

/// `GET /status`.
pub(crate) fn status(snapshot: &Snapshot, version: &str) -> wire::Status {
    let state = state_of(snapshot);
    wire::Status {
        version: version.to_owned(),
        at_ms: snapshot.at.as_unix_millis(),
        started_ms: snapshot.started.as_unix_millis(),
        mode: snapshot.mode.name().to_owned(),
        source: snapshot.source.name().to_owned(),
        state: state.name().to_owned(),
        sentence: sentences::status(snapshot, state),
        capture: wire::Capture {
            packets: snapshot.capture.packets,
            bytes: snapshot.capture.bytes.0,
            flows: snapshot.capture.flows,
            dropped_kernel: snapshot.capture.dropped_kernel,
            dropped_channel: snapshot.capture.dropped_channel,
            malformed: snapshot.capture.malformed,
            flows_evicted: snapshot.capture.flows_evicted,
            verdicts_failed: snapshot.capture.verdicts_failed,
        },
        links: snapshot.links.iter().map(link).collect(),
        devices_known: snapshot.devices.len() as u32,
        devices_active: active(snapshot) as u32,
        devices_held: held(snapshot).count() as u32,
        hit_permille: snapshot.hit_permille,
    }
}

fn active(snapshot: &Snapshot) -> usize {
    snapshot.devices.iter().filter(|device| snapshot.at.since(device.last_seen) < ACTIVE).count()
}

fn held(snapshot: &Snapshot) -> impl Iterator<Item = &DeviceSnapshot> {
    snapshot.devices.iter().filter(|device| device.hold.download.is_some() || device.hold.upload.is_some())
}

/// The four states of the status sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Room is left.
    Fine,
    /// Nearly full, and what is protected is not affected.
    Busy,
    /// A guarantee is missed, or what is protected loses packets.
    Strained,
    /// No link, or the kernel does not do what it should.
    Down,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            State::Fine => "fine",
            State::Busy => "busy",
            State::Strained => "strained",
            State::Down => "down",
        }
    }

    const fn number(self) -> i64 {
        match self {
            State::Fine => 0,
            State::Busy => 1,
            State::Strained => 2,
            State::Down => 3,
        }
    }
}

/// How everything is, the worst first.
pub(crate) fn state_of(snapshot: &Snapshot) -> State {
    let failed = snapshot.links.iter().any(|link| matches!(link.shaping, Shaping::Failed { .. }));
    if snapshot.links.is_empty() || (snapshot.mode == Mode::Control && failed) {
        return State::Down;
    }
    if missed_guarantee(snapshot).is_some() || protected_drops(snapshot).is_some() {
        return State::Strained;
    }
    let is_busy = |link: &LinkSnapshot| {
        Direction::ALL.into_iter().any(|direction| {
            let capacity = link.link.capacity()[direction];
            capacity > BitRate::ZERO && link.usage[direction] >= capacity.mul_ratio(BUSY_PERMILLE, 1_000)
        })
    };
    if snapshot.links.iter().any(is_busy) { State::Busy } else { State::Fine }
}

fn missed_guarantee(snapshot: &Snapshot) -> Option<&Alert> {
    let is_missed = |alert: &&Alert| match alert.kind {
        AlertKind::GuaranteeMissed { .. } => alert.ended.is_none(),
        AlertKind::PlanFailed { .. }
        | AlertKind::RecordingStopped { .. }
        | AlertKind::CaptureLoss { .. }
        | AlertKind::QueuesDisturbed { .. }
        | AlertKind::NewDevice
        | AlertKind::Unusual { .. }
        | AlertKind::CapacityBlind { .. }
        | AlertKind::FlowTableFull => false,
    };
    snapshot.alerts.iter().rev().find(is_missed)
}

/// The most protected class that lost packets in the last window.
fn protected_drops(snapshot: &Snapshot) -> Option<TrafficClass> {
    let classes = snapshot.links.iter().flat_map(|link| &link.classes);
    classes
        .filter(|class| class.class.is_protected() && class.queue.download.drops + class.queue.upload.drops > 0)
        .map(|class| class.class)
        .min()
}

fn link(link: &LinkSnapshot) -> wire::LinkStatus {
    let (shaping, shaping_detail) = match &link.shaping {
        Shaping::Off => ("off", String::new()),
        Shaping::On { leaf } => ("on", (*leaf).to_owned()),
        Shaping::Failed { reason } => ("failed", reason.clone()),
    };
    let interfaces = link.link.topology.interfaces().map(ToString::to_string).collect();
    wire::LinkStatus {
        id: link.link.id.0,
        name: link.link.name.clone(),
        interfaces,
        line_rate: rates(link.link.line_rate),
        capacity: rates(link.link.capacity()),
        usage: rates(link.usage),
        forecast: directed(link.forecast, |forecast| forecast.as_ref().map(curve)),
        shaping: shaping.to_owned(),
        shaping_detail,
        plans_applied: link.plans_applied,
        classes: link.classes.iter().map(class).collect(),
        search: wire::Directed { download: search(link, Direction::Download), upload: search(link, Direction::Upload) },
        added_ms: link.added.map(millis),
        grade: link.graded.as_ref().map(grade),
    }
}

fn class(class: &vocab::ClassSnapshot) -> wire::ClassStatus {
    wire::ClassStatus {
        class: class.class.name().to_owned(),
        usage: rates(class.usage),
        forecast: directed(class.forecast, |forecast| forecast.as_ref().map(curve)),
        reserved: rates(class.reserved),
        backlog: directed(class.queue, |queue| queue.backlog.0),
        drops: directed(class.queue, |queue| queue.drops),
        drops_total: directed(class.queue, |queue| queue.drops_total),
        flows: class.flows,
        grade: class.graded.as_ref().map(grade),
    }
}

fn curve(forecast: &Forecast) -> wire::ForecastCurve {
    let ahead = [Horizon::After1s, Horizon::After5s, Horizon::After15s, Horizon::After60s];
    let at = |quantile| ahead.map(|horizon| forecast.at(horizon).at(quantile).as_bps());
    wire::ForecastCurve {
        p50: at(Quantile::P50),
        p90: at(Quantile::P90),
        p99: at(Quantile::P99),
        mean15: [Quantile::P50, Quantile::P90, Quantile::P99]
            .map(|quantile| forecast.at(Horizon::Mean15s).at(quantile).as_bps()),
        model: forecast.model.to_owned(),
        learning: forecast.maturity == vocab::Maturity::Learning,
    }
}

/// `GET /devices`.
pub(crate) fn devices(snapshot: &Snapshot, numbers: &mut Numbers) -> Vec<wire::Device> {
    numbers.tidy(snapshot);
    snapshot.devices.iter().map(|known| device(snapshot, known, numbers)).collect()
}

/// `GET /devices/{id}`.
pub(crate) fn device(snapshot: &Snapshot, device: &DeviceSnapshot, numbers: &mut Numbers) -> wire::Device {
    let planned = snapshot.links.iter().any(|link| link.plan.is_some());
    let classes: Vec<wire::ClassUsage> = TrafficClass::ALL
        .into_iter()
        .zip(device.classes)
        .filter(|(_, usage)| *usage != Directed::default())
        .map(|(class, usage)| {
            let measured = device.class_fares.iter().find(|(of, _)| *of == class);
            let fare = measured.map_or_else(wire::Fare::default, |(_, measured)| fare(measured));
            wire::ClassUsage { class: class.name().to_owned(), usage: rates(usage), fare }
        })
        .collect();
    wire::Device {
        id: device.device.to_string(),
        number: numbers.of(device.device),
        name: device.name.clone(),
        mac: match device.device {
            DeviceId::Mac(mac) => mac.to_string(),
            DeviceId::Ip(_) => String::new(),
        },
        addresses: device.addresses.iter().map(ToString::to_string).collect(),
        vendor: device.vendor.clone(),
        kind: device.kind.clone(),
        first_seen_ms: device.first_seen.as_unix_millis(),
        last_seen_ms: device.last_seen.as_unix_millis(),
        priority: device.share.priority.level(),
        weight: f64::from(device.share.weight.thousandths()) / 1_000.0,
        guarantee: directed(device.share.guarantee, |guarantee| guarantee.to_string()),
        ceiling: directed(device.share.ceiling, |ceiling| (ceiling != BitRate::MAX).then(|| ceiling.as_bps())),
        usage: rates(device.usage()),
        classes,
        main_class: main_class(device).map(|class| class.name().to_owned()).unwrap_or_default(),
        forecast: directed(device.forecast, |forecast| forecast.as_ref().map(curve)),
        gets: directed(device.allocation, |rate| planned.then(|| rate.as_bps())),
        hold: wire::Directed {
            download: device.hold.download.as_ref().map(|hold| held_back(device, hold, Direction::Download)),
            upload: device.hold.upload.as_ref().map(|hold| held_back(device, hold, Direction::Upload)),
        },
        volume_today: volumes(device.volume_today),
        habits: device.habits.name().to_owned(),
        fare: fare(&device.fare),
        flows: device.flows,
    }
}

fn fare(fare: &vocab::Fare) -> wire::Fare {
    wire::Fare {
        rtt_lan_ms: fare.round_trip.lan.map(millis),
        rtt_wan_ms: fare.round_trip.wan.map(millis),
        retransmitted_percent: fare.again_permille.map(|permille| f64::from(permille) / 10.0),
        grade: fare.graded.as_ref().map(grade),
    }
}

fn grade(graded: &vocab::Graded) -> wire::Grade {
    wire::Grade { grade: graded.grade().name().to_owned(), added_ms: millis(graded.added), seconds: graded.seconds }
}

/// To a hundredth: what measures is not finer.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

fn search(link: &LinkSnapshot, direction: Direction) -> Option<wire::CapacitySearch> {
    let finding = link.findings[direction]?;
    Some(wire::CapacitySearch {
        state: finding.search.name().to_owned(),
        blind: match finding.search {
            Search::Blind(why) => why.name().to_owned(),
            Search::Waiting | Search::Rising | Search::Standing | Search::Draining | Search::Resting => String::new(),
        },
        confidence: finding.confidence.name().to_owned(),
        min: finding.range.min().as_bps(),
        max: finding.range.max().as_bps(),
        sentence: sentences::search(&finding, link.link.capacity()[direction]),
    })
}

fn main_class(device: &DeviceSnapshot) -> Option<TrafficClass> {
    let both = |usage: Directed<BitRate>| usage.download + usage.upload;
    let moving = TrafficClass::ALL.into_iter().zip(device.classes).filter(|(_, usage)| both(*usage) > BitRate::ZERO);
    // Of equals the most protected: it is what somebody waits for.
    moving.min_by_key(|(class, usage)| (std::cmp::Reverse(both(*usage)), *class)).map(|(class, _)| class)
}

fn held_back(device: &DeviceSnapshot, hold: &vocab::Hold, direction: Direction) -> wire::Hold {
    wire::Hold {
        demand: hold.demand.as_bps(),
        rate: hold.rate.as_bps(),
        limited_by: hold.bound.name().to_owned(),
        sentence: sentences::hold(&device.name, hold, direction),
    }
}

/// What to call a flow: it holds for as long as the flow is shown.
pub(crate) fn flow_id(flow: &FlowSummary) -> String {
    let (low, high) = (flow.key.low(), flow.key.high());
    let protocol = flow.key.protocol();
    format!("{protocol}-{}-{}-{}-{}", low.address, low.port, high.address, high.port)
}

/// `GET /rules`.
pub(crate) fn rules(snapshot: &Snapshot, policy: &Policy) -> Vec<wire::Rule> {
    let names = Names::of(snapshot);
    let hits: BTreeMap<RuleId, RuleHits> = snapshot.rule_hits.iter().copied().collect();
    policy.rules.iter().map(|known| rule(known, hits.get(&known.id()).copied().unwrap_or_default(), &names)).collect()
}

/// A rule, and what it did.
pub(crate) fn rule(rule: &Rule, hits: RuleHits, names: &Names<'_>) -> wire::Rule {
    let Conditions { name, address, server, port, protocol, device, dscp, application } = rule.conditions();
    wire::Rule {
        id: rule.id().to_string(),
        by_hand: matches!(rule.id(), RuleId::ByHand(_)),
        when: wire::RuleConditions {
            name: name.as_ref().map(ToString::to_string),
            address: address.map(|block| block.to_string()),
            server: server.map(|block| block.to_string()),
            port: port.map(|port| port.to_string()),
            protocol: protocol.map(|protocol| protocol.to_string()),
            device: device.map(|device| device.to_string()),
            dscp: dscp.map(|mark| mark.to_string()),
            application: application.as_ref().map(ToString::to_string),
        },
        class: rule.class().name().to_owned(),
        label: rule.label().to_owned(),
        comment: rule.comment().to_owned(),
        words: rule.conditions().words(device.map(|device| names.device(device)).as_deref()),
        flows: hits.flows,
        bytes: hits.bytes.0,
        last_ms: hits.last.map(Timestamp::as_unix_millis),
    }
}

/// The rule that somebody wrote, under the number `id`.
pub(crate) fn rule_of(id: RuleId, change: wire::RuleChange, snapshot: &Snapshot) -> Result<Rule, Problem> {
    fn part<T: std::str::FromStr<Err = InvalidCondition>>(
        field: &str,
        text: Option<String>,
    ) -> Result<Option<T>, Problem> {
        let text = text.filter(|text| !text.trim().is_empty());
        text.map(|text| text.parse().map_err(|error| Problem::invalid(format!("`{field}`: {error}")))).transpose()
    }
    let wire::RuleConditions { name, address, server, port, protocol, device, dscp, application } = change.when;
    // A device that was never seen may be named by its id: it may come.
    let device_of = |text: String| match text.parse::<DeviceId>() {
        Ok(id) => Ok(find_by_text(snapshot, &text).map_or(id, |known| known.device)),
        Err(_) => find_by_text(snapshot, &text).map(|known| known.device),
    };
    let conditions = Conditions {
        name: part("name", name)?,
        address: part("address", address)?,
        server: part("server", server)?,
        port: part("port", port)?,
        protocol: part("protocol", protocol)?,
        device: device.filter(|text| !text.is_empty()).map(device_of).transpose()?,
        dscp: part("dscp", dscp)?,
        application: application.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(Box::from),
    };
    let class = change.class.parse().map_err(|error: vocab::UnknownClass| Problem::invalid(error.to_string()))?;
    let one_line = |text: String| text.trim().to_owned();
    Rule::new(id, conditions, class, one_line(change.label), one_line(change.comment))
        .map_err(|refused| Problem::invalid(refused.to_string()))
}

/// `GET /flows`.
pub(crate) fn flow(flow: &FlowSummary) -> wire::Flow {
    let source = flow.key.end(flow.initiator);
    let destination = flow.key.end(flow.initiator.opposite());
    wire::Flow {
        id: flow_id(flow),
        protocol: flow.key.protocol().to_string(),
        source_ip: source.address.to_string(),
        source_port: source.port,
        destination_ip: destination.address.to_string(),
        destination_port: destination.port,
        device: flow.device.map(|device| device.to_string()).unwrap_or_default(),
        class: flow.verdict.class.name().to_owned(),
        application: flow.verdict.application.clone(),
        server_name: flow.verdict.server_name.clone(),
        confidence: flow.verdict.confidence,
        evidence: flow.verdict.evidence.clone(),
        classed_after_packets: flow.verdict.given_after.packets,
        ja4: flow.verdict.ja4.clone(),
        bytes: volumes(flow.bytes),
        packets: directed(flow.packets, |packets| packets),
        first_seen_ms: flow.first_seen.as_unix_millis(),
        last_seen_ms: flow.last_seen.as_unix_millis(),
    }
}

/// `GET /decisions`.
pub(crate) fn decision(decision: &Decision, names: &Names<'_>) -> wire::Decision {
    let (kind, from, to) = match decision.kind {
        DecisionKind::Held => ("held", decision.from.as_bps(), decision.to.as_bps()),
        DecisionKind::Released => ("released", decision.from.as_bps(), decision.to.as_bps()),
        DecisionKind::Reserved => ("reserved", decision.from.as_bps(), decision.to.as_bps()),
        DecisionKind::EarlyYield => ("early_yield", decision.from.as_bps(), decision.to.as_bps()),
        DecisionKind::PriorityChanged { from, to } => ("priority", u64::from(from.level()), u64::from(to.level())),
        DecisionKind::PolicyChanged => ("policy", decision.from.as_bps(), decision.to.as_bps()),
        DecisionKind::ModeChanged { .. } => ("mode", 0, 0),
        DecisionKind::CapacityChanged => ("capacity", decision.from.as_bps(), decision.to.as_bps()),
    };
    wire::Decision {
        id: decision.id,
        at_ms: decision.at.as_unix_millis(),
        kind: kind.to_owned(),
        subject: subject(&decision.subject, names),
        direction: decision.direction.map(|direction| direction.name().to_owned()).unwrap_or_default(),
        from,
        to,
        because: decision.because.iter().map(because).collect(),
        parts: decision.parts.iter().map(|(part, rate)| (part_name(*part).to_owned(), rate.as_bps())).collect(),
        by: match &decision.by {
            Actor::Automatic => "auto".to_owned(),
            Actor::Person(name) => name.clone(),
            Actor::Configuration => "configuration".to_owned(),
        },
        sentence: sentences::decision(decision, names),
    }
}

const fn part_name(part: Part) -> &'static str {
    match part {
        Part::Guarantee => "guarantee",
        Part::Share => "share",
    }
}

fn because(because: &Because) -> wire::Because {
    let p50 = |need: Quantiles| need.at(Quantile::P50).as_bps();
    let p90 = |need: Quantiles| need.at(Quantile::P90).as_bps();
    match *because {
        Because::DemandOverCapacity { demand, capacity } => {
            wire::Because::DemandOverCapacity { demand: demand.as_bps(), capacity: capacity.as_bps() }
        }
        Because::Protect { class, need } => {
            wire::Because::Protect { class: class.name().to_owned(), p50: p50(need), p90: p90(need) }
        }
        Because::OwnCeiling { ceiling } => wire::Because::OwnCeiling { ceiling: ceiling.as_bps() },
        Because::EarlierTier { own, exhausted } => {
            wire::Because::EarlierTier { own: own.number(), exhausted: exhausted.number() }
        }
        Because::FairShare { tier, level } => wire::Because::FairShare { tier: tier.number(), level: level.as_bps() },
        Because::ForecastMoved { need } => wire::Because::ForecastMoved { p50: p50(need), p90: p90(need) },
        Because::DemandFell => wire::Because::DemandFell,
        Because::Asked => wire::Because::Asked,
    }
}

fn subject(subject: &Subject, names: &Names<'_>) -> wire::Subject {
    let word = |kind: &str| wire::Subject { kind: kind.to_owned(), ..wire::Subject::default() };
    match subject {
        Subject::Service => word("service"),
        Subject::Link(link) => wire::Subject { name: names.link(*link), ..word("link") },
        Subject::Class(class) => wire::Subject { class: class.name().to_owned(), ..word("class") },
        Subject::Device(device) => {
            wire::Subject { device: device.to_string(), name: names.device(*device), ..word("device") }
        }
        Subject::Aggregate(aggregate) => wire::Subject {
            device: aggregate.device.to_string(),
            name: names.device(aggregate.device),
            class: aggregate.class.name().to_owned(),
            ..word("aggregate")
        },
    }
}

/// `GET /alerts`.
pub(crate) fn alert(alert: &Alert, names: &Names<'_>) -> wire::Alert {
    let kind = match alert.kind {
        AlertKind::PlanFailed { .. } => "plan_failed",
        AlertKind::RecordingStopped { .. } => "recording_stopped",
        AlertKind::CaptureLoss { .. } => "capture_loss",
        AlertKind::NewDevice => "new_device",
        AlertKind::QueuesDisturbed { .. } => "queues_disturbed",
        AlertKind::GuaranteeMissed { .. } => "guarantee_missed",
        AlertKind::Unusual { .. } => "unusual",
        AlertKind::CapacityBlind { .. } => "capacity_blind",
        AlertKind::FlowTableFull => "flow_table_full",
    };
    let severity = match alert.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    wire::Alert {
        id: alert.id,
        at_ms: alert.at.as_unix_millis(),
        severity: severity.to_owned(),
        kind: kind.to_owned(),
        subject: subject(&alert.subject, names),
        count: alert.count,
        ended_ms: alert.ended.map(Timestamp::as_unix_millis),
        sentence: sentences::alert(alert, names),
    }
}

/// `GET /policy`.
pub(crate) fn policy(policy: &Policy) -> wire::PolicyView {
    wire::PolicyView {
        mode: policy.mode.name().to_owned(),
        levels: policy.levels.last(),
        default_priority: policy.default_share.priority.level(),
        minimum: directed(policy.default_share.guarantee, |guarantee| guarantee.to_string()),
        protected_permille: policy.protected_permille,
        early_yield_permille: policy.early_yield_permille,
    }
}

/// `GET /plan`.
pub(crate) fn plan(plan: &Plan) -> wire::PlanView {
    wire::PlanView {
        id: plan.id.0,
        link: plan.link.0,
        at_ms: plan.at.as_unix_millis(),
        directions: wire::Directed {
            download: division(&plan.directions.download),
            upload: division(&plan.directions.upload),
        },
    }
}

fn division(division: &Division) -> wire::DivisionView {
    wire::DivisionView {
        capacity: division.capacity.as_bps(),
        exhausted_tier: division.exhausted.map(|tier| tier.number()),
        early_yielding: division.early_yielding,
        devices: division.devices.iter().map(device_allocation).collect(),
    }
}

fn device_allocation(device: &DeviceAllocation) -> wire::DeviceAllocationView {
    wire::DeviceAllocationView {
        device: device.device.to_string(),
        demand: device.demand.as_bps(),
        rate: device.rate.as_bps(),
        floor: device.floor.as_bps(),
        ceiling: device.ceiling.as_bps(),
        headroom: device.headroom.as_bps(),
        aggregates: device
            .aggregates
            .iter()
            .map(|allocation| wire::AllocationView {
                class: allocation.class.name().to_owned(),
                tier: allocation.tier.number(),
                demand: allocation.demand.as_bps(),
                rate: allocation.rate.as_bps(),
                floor: allocation.floor.as_bps(),
                ceiling: allocation.ceiling.as_bps(),
                limited_by: allocation.bound.name().to_owned(),
            })
            .collect(),
    }
}

/// What a device change asks for, in our words.
///
/// # Errors
/// A [`Problem`] that names the field and what would be right.
pub(crate) fn patch(change: wire::DeviceChange) -> Result<DevicePatch, Problem> {
    let wire::DeviceChange { name, priority, weight, guarantee, ceiling } = change;
    let wrong = |field: &str, why: String| Problem::invalid(format!("`{field}`: {why}"));
    let name = match name {
        None => None,
        Some(text) => {
            let text = text.trim();
            if text.chars().count() > LONGEST_NAME || text.chars().any(char::is_control) {
                return Err(wrong("name", format!("at most {LONGEST_NAME} characters in one line, please")));
            }
            Some((!text.is_empty()).then(|| text.to_owned()))
        }
    };
    let priority = match priority {
        None => None,
        Some(level) => match Priority::new(level) {
            Some(priority) => Some(priority),
            None => return Err(wrong("priority", format!("{level} is outside 1 to 10; 1 is served first"))),
        },
    };
    let weight = match weight {
        None => None,
        Some(ratio) => match Weight::from_ratio(ratio) {
            Some(weight) => Some(weight),
            None => return Err(wrong("weight", format!("{ratio} is outside 0.001 to 1000"))),
        },
    };
    let guarantee = match guarantee {
        None => None,
        Some(texts) => {
            let read = |text: String| text.parse::<Guarantee>().map_err(|error| wrong("guarantee", error.to_string()));
            let Directed { download, upload } = ours(texts, read);
            Some(Directed { download: download?, upload: upload? })
        }
    };
    let ceiling = match ceiling {
        None => None,
        Some(texts) => {
            let Directed { download, upload } = ours(texts, |text| read_ceiling(&text));
            Some(Directed {
                download: download.map_err(|why| wrong("ceiling", why))?,
                upload: upload.map_err(|why| wrong("ceiling", why))?,
            })
        }
    };
    Ok(DevicePatch { name, priority, weight, guarantee, ceiling })
}

fn read_ceiling(text: &str) -> Result<BitRate, String> {
    if text.trim().is_empty() {
        return Ok(BitRate::MAX);
    }
    match text.parse() {
        Ok(BitRate::ZERO) => Err("a ceiling of nothing would cut the device off".to_owned()),
        Ok(rate) => Ok(rate),
        Err(error) => Err(format!("{error}; nothing for no ceiling")),
    }
}

/// The answer to a change or its preview.
pub(crate) fn effect(effect: Effect, names: &Names<'_>) -> wire::ChangeEffect {
    let Effect { standing, mut devices, undo } = effect;
    let change = |effect: &crate::request::DeviceEffect| {
        let of = |direction| effect.before[direction].as_bps().abs_diff(effect.after[direction].as_bps());
        of(Direction::Download).saturating_add(of(Direction::Upload))
    };
    devices.retain(|effect| change(effect) > 0);
    devices.sort_by_key(|effect| (std::cmp::Reverse(change(effect)), effect.device));
    wire::ChangeEffect {
        applied: standing == Standing::Applied,
        devices: devices
            .iter()
            .map(|effect| wire::DeviceEffect {
                id: effect.device.to_string(),
                name: names.device(effect.device),
                before: rates(effect.before),
                after: rates(effect.after),
            })
            .collect(),
        undo: undo.map(change_that_says),
    }
}

fn change_that_says(patch: DevicePatch) -> wire::DeviceChange {
    let ceiling = |rate: BitRate| if rate == BitRate::MAX { String::new() } else { rate.exactly() };
    wire::DeviceChange {
        name: patch.name.map(Option::unwrap_or_default),
        priority: patch.priority.map(Priority::level),
        weight: patch.weight.map(|weight| f64::from(weight.thousandths()) / 1_000.0),
        guarantee: patch.guarantee.map(|guarantee| directed(guarantee, |guarantee| guarantee.to_string())),
        ceiling: patch.ceiling.map(|rate| directed(rate, ceiling)),
    }
}

/// `GET /why/{device}`.
pub(crate) fn why_device(snapshot: &Snapshot, device: &DeviceSnapshot, names: &Names<'_>) -> wire::Why {
    let direction = match (device.hold.download, device.hold.upload) {
        (None, Some(_)) => Direction::Upload,
        (Some(_), _) | (None, None) => Direction::Download,
    };
    let allocation = snapshot.links.iter().filter_map(|link| link.plan.as_ref()).find_map(|plan| {
        let devices = &plan.directions[direction].devices;
        devices.iter().find(|allocation| allocation.device == device.device)
    });
    let parts = allocation.map(|allocation| {
        let guarantee = allocation.floor.min(allocation.rate);
        vec![
            (part_name(Part::Guarantee).to_owned(), guarantee.as_bps()),
            (part_name(Part::Share).to_owned(), allocation.rate.saturating_sub(guarantee).as_bps()),
        ]
    });
    let is_about = |subject: &Subject| match subject {
        Subject::Device(id) => *id == device.device,
        Subject::Aggregate(aggregate) => aggregate.device == device.device,
        Subject::Service | Subject::Link(_) | Subject::Class(_) => false,
    };
    wire::Why {
        subject: subject(&Subject::Device(device.device), names),
        what: sentences::what_device_gets(snapshot, device),
        why: sentences::why_device(snapshot, device, allocation, direction),
        parts: parts.unwrap_or_default(),
        decisions: decisions_about(snapshot, names, is_about),
    }
}

/// `GET /why/{class}`.
pub(crate) fn why_class(snapshot: &Snapshot, class: TrafficClass, names: &Names<'_>) -> wire::Why {
    let total: BitRate = snapshot
        .links
        .iter()
        .flat_map(|link| &link.classes)
        .filter(|on_link| on_link.class == class)
        .map(|on_link| on_link.reserved.download)
        .sum();
    let is_about = |subject: &Subject| match subject {
        Subject::Class(about) => *about == class,
        Subject::Aggregate(aggregate) => aggregate.class == class,
        Subject::Service | Subject::Link(_) | Subject::Device(_) => false,
    };
    wire::Why {
        subject: subject(&Subject::Class(class), names),
        what: sentences::what_class_gets(snapshot, class),
        why: sentences::why_class(snapshot, class),
        parts: vec![(part_name(Part::Guarantee).to_owned(), total.as_bps())],
        decisions: decisions_about(snapshot, names, is_about),
    }
}

/// `GET /history`: what was found, each for one device or for all, in one frame of time. `from` is what was
/// asked for, and stands where nothing was found.
pub(crate) fn history(from: Timestamp, found: Vec<(Option<DeviceId>, store::History)>) -> wire::History {
    let Some((_, first)) = found.first() else {
        return wire::History { t0_ms: from.as_unix_millis(), step_ms: 1_000, series: BTreeMap::new() };
    };
    let (t0, step, points) = (first.t0, first.step, first.points);
    let mut all = BTreeMap::new();
    for (device, history) in found {
        for (key, series) in &history.series {
            let name = match (*key, device) {
                (SeriesKey::Total, None) => "link".to_owned(),
                (SeriesKey::Total, Some(device)) | (SeriesKey::Device(device), _) => format!("device.{device}"),
                (SeriesKey::Class(class), _) => format!("class.{class}"),
                (SeriesKey::Rest, _) => "device.rest".to_owned(),
            };
            for direction in Direction::ALL {
                // The history may have grown between two questions: each value stands where its time is.
                let mut values = vec![None; points];
                for (index, rate) in (0_u32..).zip(&series[direction].mean) {
                    let at = history.t0 + history.step * index;
                    let place = at.since(t0).as_nanos() / step.as_nanos().max(1);
                    if let Some(value) = usize::try_from(place).ok().and_then(|place| values.get_mut(place))
                        && at >= t0
                    {
                        *value = rate.map(BitRate::as_bps);
                    }
                }
                all.insert(format!("{name}.{direction}"), values);
            }
        }
    }
    wire::History { t0_ms: t0.as_unix_millis(), step_ms: step.as_millis() as u64, series: all }
}

/// Decisions in a `why`.
const DECISIONS_IN_WHY: usize = 10;

fn decisions_about(snapshot: &Snapshot, names: &Names<'_>, is_about: impl Fn(&Subject) -> bool) -> Vec<wire::Decision> {
    let about = snapshot.decisions.iter().rev().filter(|decision| is_about(&decision.subject));
    about.take(DECISIONS_IN_WHY).map(|found| decision(found, names)).collect()
}

/// The live socket's `l`, in the order of [`wire::live::LINK_COLUMNS`], for the first link.
pub(crate) fn link_columns(snapshot: &Snapshot) -> Vec<i64> {
    let first = snapshot.links.first();
    let mut columns = Vec::with_capacity(wire::live::LINK_COLUMNS.len());
    match first {
        Some(link) => {
            let capacity = link.link.capacity();
            columns.extend([link.usage.download, link.usage.upload, capacity.download, capacity.upload].map(kbps));
            columns.extend(forecast_columns(&link.forecast));
        }
        None => columns.extend([-1; 16]),
    }
    let mode = match snapshot.mode {
        Mode::Observe => 0,
        Mode::Suggest => 1,
        Mode::Control => 2,
    };
    columns.extend([
        active(snapshot) as i64,
        held(snapshot).count() as i64,
        state_of(snapshot).number(),
        mode,
        snapshot.hit_permille.map_or(-1, i64::from),
    ]);
    columns
}

/// The live socket's `c`: a column for each of [`wire::live::CLASS_COLUMNS`], each with eleven values, for the
/// first link.
pub(crate) fn class_columns(snapshot: &Snapshot) -> Vec<Vec<i64>> {
    let rows = TrafficClass::ALL.map(|class| {
        let classes = snapshot.links.first().map(|link| link.classes.as_slice()).unwrap_or_default();
        classes.iter().find(|on_link| on_link.class == class).map_or_else(empty_class_row, class_row)
    });
    let columns = wire::live::CLASS_COLUMNS.len();
    (0..columns).map(|column| rows.iter().map(|row| row[column]).collect()).collect()
}

fn class_row(class: &vocab::ClassSnapshot) -> Vec<i64> {
    let mut row = vec![kbps(class.usage.download), kbps(class.usage.upload)];
    row.extend(forecast_columns(&class.forecast));
    row.extend([kbps(class.reserved.download), kbps(class.reserved.upload)]);
    let queue = class.queue;
    row.extend(
        [
            queue.download.backlog.0,
            queue.upload.backlog.0,
            queue.download.drops,
            queue.upload.drops,
            queue.download.drops_total.saturating_add(queue.upload.drops_total),
        ]
        .map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
    );
    row.push(i64::from(class.flows));
    row
}

fn empty_class_row() -> Vec<i64> {
    let mut row = vec![0; wire::live::CLASS_COLUMNS.len()];
    row[2..14].fill(-1);
    row
}

/// Twelve columns: P50 and P90 at 5, 15 and 60 s, of download and then of upload.
fn forecast_columns(forecast: &Directed<Option<Forecast>>) -> Vec<i64> {
    let mut columns = Vec::with_capacity(12);
    for direction in Direction::ALL {
        for quantile in [Quantile::P50, Quantile::P90] {
            for horizon in [Horizon::After5s, Horizon::After15s, Horizon::After60s] {
                let said = forecast[direction].as_ref().map(|forecast| forecast.at(horizon).at(quantile));
                columns.push(said.map_or(-1, kbps));
            }
        }
    }
    columns
}

/// A device is new for an hour.
const NEW: std::time::Duration = std::time::Duration::from_secs(3_600);

/// One device's row of the live socket's `dv`, in the order of [`wire::live::DEVICE_COLUMNS`].
pub(crate) fn device_row(snapshot: &Snapshot, device: &DeviceSnapshot, number: u32) -> Vec<i64> {
    let usage = device.usage();
    let planned = snapshot.links.iter().any(|link| link.plan.is_some());
    let said = |direction: Direction, quantile| {
        device.forecast[direction].as_ref().map_or(-1, |forecast| kbps(forecast.at(Horizon::Mean15s).at(quantile)))
    };
    let gets = |rate| if planned { kbps(rate) } else { -1 };
    let flags = i64::from(device.hold.download.is_some())
        | i64::from(device.hold.upload.is_some()) << 1
        | i64::from(snapshot.at.since(device.first_seen) < NEW) << 2;
    vec![
        i64::from(number),
        kbps(usage.download),
        kbps(usage.upload),
        said(Direction::Download, Quantile::P50),
        said(Direction::Download, Quantile::P90),
        said(Direction::Upload, Quantile::P50),
        said(Direction::Upload, Quantile::P90),
        gets(device.allocation.download),
        gets(device.allocation.upload),
        main_class(device).map_or(-1, |class| class.index() as i64),
        i64::from(device.share.priority.level()),
        flags,
    ]
}

fn kbps(rate: BitRate) -> i64 {
    i64::try_from(rate.as_kbps()).unwrap_or(i64::MAX)
}
