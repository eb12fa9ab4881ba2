//! The engine: what it holds, and the order of its work.

use crate::alerts::{Alerts, Raised};
use crate::demand::LinkActivity;
use crate::fares::Fares;
use crate::holds::{Holds, Reservations};
use crate::input::Input;
use crate::journal::{Entry, Journal};
use crate::line::{Line, News, Seen};
use crate::output::Output;
use crate::planning::{self, Forecasts, Situation};
use crate::seconds::{device_type, seconds};
use crate::settings::Settings;
use crate::summary;
use crate::unusual::{Verdict, Watch};
use allocate::{FloorGate, is_worth_applying};
use devices::{ChangeKind, Registry, RegistrySettings};
use forecast::{Context, Forecaster, Series};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use vocab::{
    Actor, Aggregate, AlertKind, BitRate, Blindness, CaptureCounts, DecisionKind, DeviceId, DevicePolicy, DeviceRecord,
    Directed, Direction, Division, FlowSummary, Forecast, ForecastRecord, HeldBack, Horizon, Link, LinkId, Mode,
    OutsideCounts, Plan, PlanId, Policy, Priority, Quality, Record, RuleHits, RuleId, Sample, Shaping, SourceKind,
    Subject, Timestamp, TrafficClass, Usage, WeightsInForce,
};

/// Planning follows the windows of the samples.
const WINDOW: Duration = Duration::from_secs(1);

/// How long after a window's end the workers' samples of it are waited for.
const SETTLE: Duration = Duration::from_millis(50);

/// Forecasts and scores are kept in history this often; the engine itself uses every one.
const KEEP_FORECASTS_EVERY: u64 = 15;

/// No plan is made before traffic was watched for this long: a plan that knows nobody would take the queues of
/// the run before away, which are still in force.
const LOOK_FIRST: Duration = Duration::from_secs(3);

/// Who was seen within this time before a restart still has its queues: the first plan keeps them.
const REMEMBERED: Duration = Duration::from_secs(900);

/// Who is there is kept in history this often, so that a restart remembers them: well within [`REMEMBERED`].
const KEEP_DEVICES_EVERY: Duration = Duration::from_secs(300);

/// What another predictor says is taken this long after it was asked.
const STALE_ANSWER: Duration = Duration::from_secs(3);

/// The longest wait between two tries of a plan that the kernel refused.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Plans made between two windows for those who arrive: made-up addresses come by the thousand, and each of these
/// plans works out everybody's part again.
const NEWCOMER_PLANS: u8 = 4;

/// Outputs kept at most while nobody takes them.
const OUTPUTS_KEPT: usize = 100_000;

/// A longer time between two windows did not pass here: the clock was set forward, or the machine slept. Who was there
/// before is still there, and their queues stay.
const LEAP: Duration = Duration::from_secs(30);

/// The control loop as one value.
#[derive(Debug)]
pub struct Engine {
    pub(crate) policy: Policy,
    pub(crate) settings: Settings,
    pub(crate) links: BTreeMap<LinkId, LinkState>,
    pub(crate) forecaster: Forecaster,
    pub(crate) registry: Registry,
    pub(crate) alerts: Alerts,
    pub(crate) journal: Journal,
    pub(crate) watch: Watch,
    /// How asking another predictor goes; `None` until there is one.
    pub(crate) outside: Option<OutsideCounts>,
    /// Whose weights the forecaster has.
    pub(crate) weights: WeightsInForce,
    pub(crate) capture: CaptureCounts,
    pub(crate) source: SourceKind,
    pub(crate) fares: Fares,
    pub(crate) flows: Arc<[FlowSummary]>,
    pub(crate) rule_hits: Arc<[(RuleId, RuleHits)]>,
    pub(crate) flows_of: BTreeMap<DeviceId, u32>,
    pub(crate) started: Timestamp,
    pub(crate) sequence: u64,
    next_tick: Timestamp,
    /// The end of the last closed window.
    closed: Timestamp,
    devices_kept: Timestamp,
    /// How flows fared in the open window.
    qualities: Vec<(Aggregate, Quality)>,
    /// Samples of the open window, recorded when it is closed.
    to_record: Vec<Sample>,
    replan: bool,
    /// How many more plans newcomers get before the next window closes.
    newcomer_plans: u8,
    next_plan: u64,
    outputs: VecDeque<Output>,
}

/// One link and what is known of it.
#[derive(Debug)]
pub(crate) struct LinkState {
    pub link: Link,
    pub activity: LinkActivity,
    pub line: Line,
    pub shaping: Shaping,
    pub plans_applied: u64,
    forecasts: Forecasts,
    gates: Directed<FloorGate>,
    in_force: Option<Arc<Plan>>,
    in_flight: Option<Arc<Plan>>,
    /// Somebody arrived since the last order, or somebody else touched the queues: they are to be looked after,
    /// whatever else a plan changes.
    renew: bool,
    suggested: Option<Arc<Plan>>,
    early_yielding: Directed<bool>,
    retry: Option<Retry>,
    holds: Holds,
    reservations: Reservations,
}

/// When a refused plan is tried again.
#[derive(Clone, Copy, Debug)]
struct Retry {
    at: Timestamp,
    wait: Duration,
}

/// What a change would do: each device's rate before and after, at the demand foreseen now.
pub type Preview = Vec<(DeviceId, Directed<BitRate>, Directed<BitRate>)>;

impl LinkState {
    fn new(link: Link) -> LinkState {
        LinkState {
            link,
            activity: LinkActivity::default(),
            line: Line::default(),
            shaping: Shaping::Off,
            plans_applied: 0,
            forecasts: Forecasts::new(),
            gates: Directed::default(),
            in_force: None,
            in_flight: None,
            renew: false,
            suggested: None,
            early_yielding: Directed::default(),
            retry: None,
            holds: Holds::default(),
            reservations: Reservations::default(),
        }
    }

    /// The plan that people are shown in `mode`.
    pub fn shown_plan(&self, mode: Mode) -> Option<Arc<Plan>> {
        match mode {
            Mode::Observe => None,
            Mode::Suggest => self.suggested.clone(),
            Mode::Control => self.in_force.clone().or_else(|| self.suggested.clone()),
        }
    }

    fn situation(&self, now: Timestamp) -> Situation<'_> {
        Situation {
            link: &self.link,
            activity: &self.activity,
            forecasts: &self.forecasts,
            early_yielding: self.early_yielding,
            now,
        }
    }

    fn release(&mut self) {
        self.in_force = None;
        self.in_flight = None;
        self.retry = None;
        self.shaping = Shaping::Off;
        self.gates = Directed::default();
        self.holds = Holds::default();
        self.activity.forget_queues();
    }
}

impl Engine {
    /// An engine that has seen nothing. Nothing happens before the first call of [`Engine::handle_timeout`].
    pub fn new(policy: Policy, links: Vec<Link>, forecaster: Forecaster, now: Timestamp) -> Engine {
        let mut registry = Registry::new(RegistrySettings::default());
        name_devices(&mut registry, &policy);
        let mut engine = Engine {
            policy,
            settings: Settings::default(),
            links: links.into_iter().map(|link| (link.id, LinkState::new(link))).collect(),
            forecaster,
            registry,
            alerts: Alerts::default(),
            journal: Journal::default(),
            watch: Watch::default(),
            outside: None,
            weights: WeightsInForce::default(),
            capture: CaptureCounts::default(),
            source: SourceKind::default(),
            flows: Arc::from(Vec::new()),
            fares: Fares::default(),
            rule_hits: Arc::default(),
            flows_of: BTreeMap::new(),
            started: now,
            sequence: 0,
            next_tick: next_tick_after(now),
            closed: now.floor(WINDOW),
            devices_kept: now,
            qualities: Vec::new(),
            to_record: Vec::new(),
            replan: false,
            newcomer_plans: NEWCOMER_PLANS,
            next_plan: 1,
            outputs: VecDeque::new(),
        };
        // A run before may have left its queues in force, and the operator another mode since.
        if engine.policy.mode != Mode::Control {
            engine.release_all(now);
        }
        engine
    }

    /// The same with other settings than the default.
    pub fn with_settings(self, settings: Settings) -> Engine {
        Engine { settings, ..self }
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The links in force, in the order of their ids.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values().map(|state| &state.link)
    }

    /// When it next wants [`Engine::handle_timeout`] to be called.
    pub fn poll_timeout(&self) -> Timestamp {
        if self.replan { Timestamp::default() } else { self.next_tick }
    }

    /// What it wants done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes in one input. Cheap; the work is done by [`Engine::handle_timeout`].
    pub fn handle_input(&mut self, input: Input, now: Timestamp) {
        match input {
            Input::Samples(samples) => self.samples(samples),
            Input::Qualities(qualities) => {
                self.fares.observe(&qualities, now);
                let room = OUTPUTS_KEPT.saturating_sub(self.qualities.len());
                self.qualities.extend(qualities.into_iter().take(room));
            }
            Input::PathSamples { link, samples } => {
                if let Some(state) = self.links.get_mut(&link) {
                    state.line.sample(samples);
                }
            }
            Input::Queues(readings) => {
                for reading in readings {
                    if let Some(state) = self.links.get_mut(&reading.link) {
                        state.activity.queue(&reading);
                    }
                }
            }
            Input::Flows { open, ended } => {
                for flow in &ended {
                    self.emit(Output::Record(Record::Flow(flow.clone())));
                }
                self.flows_of = summary::count_flows(&open);
                self.flows = open.into();
            }
            Input::Outside { class, direction, rate, at } => {
                // An answer that is older when it comes is of another time.
                if at <= now && now.since(at) <= STALE_ANSWER {
                    self.forecaster.suggest(Series::Class(class, direction), rate, at);
                }
            }
            Input::Weights { family, in_force } => {
                self.forecaster.set_family(family);
                self.weights = in_force;
            }
            Input::OutsideCounts(counts) => self.outside = Some(counts),
            Input::RuleHits(hits) => self.rule_hits = hits.into(),
            Input::Capture(counts) => self.capture(counts, now),
            Input::SourceChanged(source) => self.source = source,
            Input::PolicyChanged { policy, by } => self.policy_changed(*policy, by, now),
            Input::LinkChanged(link) => self.link_changed(link, now),
            Input::DeviceSeen(sighting) => self.device_seen(sighting, now),
            Input::Arrived(device) => self.arrived(device, now),
            Input::Remembered { devices, last_decision, last_alert } => {
                self.journal.continue_after(last_decision);
                self.alerts.continue_after(last_alert);
                for record in &devices {
                    self.registry.restore(record);
                    if now.since(record.last_seen) < REMEMBERED {
                        self.links.values_mut().for_each(|state| state.activity.remember(record.device, now));
                    }
                }
            }
            Input::Habits(spans) => self.watch.remember(spans, &self.settings),
            Input::PlanApplied { plan, changes, leaf } => self.plan_applied(plan, changes, leaf, now),
            Input::PlanFailed { plan, reason } => self.plan_failed(plan, reason, now),
            Input::QueuesDisturbed { link, what } => self.queues_disturbed(link, what, now),
            Input::Recording(fault) => {
                let kind = AlertKind::RecordingStopped { reason: fault.clone().unwrap_or_default() };
                if fault.is_some() {
                    self.raise(kind, Subject::Service, now);
                } else {
                    self.end(&kind, Subject::Service, now);
                }
            }
        }
    }

    /// Closes the window, forecasts, plans and publishes, if it is time; does nothing before
    /// [`Engine::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let closed = now >= self.next_tick;
        if closed {
            self.close_windows(now);
            self.next_tick = next_tick_after(now);
            self.newcomer_plans = NEWCOMER_PLANS;
        } else if !self.replan {
            return;
        }
        self.replan = false;
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.plan(id, now, closed);
            if closed {
                self.check_guarantees(id, now);
            }
        }
        let snapshot = summary::snapshot(self, now);
        self.emit(Output::Publish(Arc::new(snapshot)));
    }

    /// What `policy` would give every device at the demand foreseen now, beside what the one in force gives.
    /// Devices whose rates stay are left out; the largest change comes first.
    pub fn preview(&self, policy: &Policy, now: Timestamp) -> Preview {
        let mut effects: Preview = Vec::new();
        for state in self.links.values() {
            let situation = state.situation(now);
            let [before, after] = [&self.policy, policy].map(|policy| planning::divide(policy, &situation));
            for &device in state.activity.devices.keys() {
                let rate = |divided: &Directed<Division>| {
                    divided.as_ref().map(|division| {
                        summary::allocation_of(division, device).map_or(BitRate::ZERO, |allocation| allocation.rate)
                    })
                };
                let (before, after) = (rate(&before), rate(&after));
                if before != after {
                    effects.push((device, before, after));
                }
            }
        }
        let change = |(_, before, after): &(DeviceId, Directed<BitRate>, Directed<BitRate>)| {
            Direction::ALL
                .map(|direction| after[direction].as_bps().abs_diff(before[direction].as_bps()))
                .iter()
                .sum::<u64>()
        };
        effects.sort_by_key(|effect| std::cmp::Reverse(change(effect)));
        effects
    }

    fn emit(&mut self, output: Output) {
        // Nobody drains the outputs: keep the newest, never the memory.
        if self.outputs.len() == OUTPUTS_KEPT {
            self.outputs.pop_front();
        }
        self.outputs.push_back(output);
    }

    fn samples(&mut self, samples: Vec<Sample>) {
        for sample in samples {
            if let Some(state) = self.links.get_mut(&sample.link) {
                state.activity.sample(&sample);
                if self.to_record.len() < OUTPUTS_KEPT {
                    self.to_record.push(sample);
                }
            }
        }
    }

    fn capture(&mut self, counts: CaptureCounts, now: Timestamp) {
        let lost = |counts: &CaptureCounts| counts.dropped_kernel.saturating_add(counts.dropped_channel);
        let new = lost(&counts).saturating_sub(lost(&self.capture));
        if new > 0 {
            self.raise(AlertKind::CaptureLoss { packets: new }, Subject::Service, now);
        } else {
            self.end(&AlertKind::CaptureLoss { packets: 0 }, Subject::Service, now);
        }
        if counts.flows_evicted > self.capture.flows_evicted {
            self.raise(AlertKind::FlowTableFull, Subject::Service, now);
        } else {
            self.end(&AlertKind::FlowTableFull, Subject::Service, now);
        }
        self.capture = counts;
    }

    fn policy_changed(&mut self, policy: Policy, by: Actor, now: Timestamp) {
        if policy == self.policy {
            return;
        }
        let before = std::mem::replace(&mut self.policy, policy);
        let (from, to) = (before.mode, self.policy.mode);
        if from != to {
            self.decide(Entry::asked(DecisionKind::ModeChanged { from, to }, Subject::Service, by.clone()), now);
        }
        let devices: BTreeSet<DeviceId> = before.devices.keys().chain(self.policy.devices.keys()).copied().collect();
        for device in devices {
            let subject = Subject::Device(device);
            let (from, to) = (owed(&before, device), owed(&self.policy, device));
            if from.0 != to.0 {
                let kind = DecisionKind::PriorityChanged { from: from.0, to: to.0 };
                self.decide(Entry::asked(kind, subject, by.clone()), now);
            }
            if from.1 != to.1 {
                self.decide(Entry::asked(DecisionKind::PolicyChanged, subject, by.clone()), now);
            }
        }
        if of_all(&before) != of_all(&self.policy) {
            self.decide(Entry::asked(DecisionKind::PolicyChanged, Subject::Service, by), now);
        }
        if from == Mode::Control && to != Mode::Control {
            self.release_all(now);
        }
        name_devices(&mut self.registry, &self.policy);
        // What is asked for now is no noise about what was in force: it is put in force whole.
        for state in self.links.values_mut() {
            state.gates = Directed::default();
            state.renew = true;
        }
        self.replan = true;
    }

    /// Takes all queues away, and what was wrong with them.
    fn release_all(&mut self, now: Timestamp) {
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.emit(Output::Release(id));
        }
        self.links.values_mut().for_each(LinkState::release);
        let missed = AlertKind::GuaranteeMissed { owed: BitRate::ZERO, got: BitRate::ZERO };
        for kind in [AlertKind::PlanFailed { reason: String::new() }, missed] {
            for alert in self.alerts.end_all(&kind, now) {
                self.emit(Output::Record(Record::Alert(alert)));
            }
        }
    }

    fn link_changed(&mut self, mut link: Link, now: Timestamp) {
        let subject = Subject::Link(link.id);
        let from = self.links.get(&link.id).map(|state| state.link.capacity());
        if let Some(state) = self.links.get_mut(&link.id) {
            let bounds = |link: &Link| link.sought.map(|sought| sought.map(|sought| sought.range));
            // What was found holds, unless it is to be looked for elsewhere.
            if bounds(&state.link) == bounds(&link) && state.link.stated_capacity() == link.stated_capacity() {
                link.sought = state.link.sought;
            } else {
                state.line.forget(&mut link);
            }
        }
        let to = link.capacity();
        match self.links.get_mut(&link.id) {
            Some(state) => state.link = link,
            None => drop(self.links.insert(link.id, LinkState::new(link))),
        }
        if let Some(from) = from.filter(|from| *from != to) {
            for direction in Direction::ALL.into_iter().filter(|direction| from[*direction] != to[*direction]) {
                let entry = Entry {
                    direction: Some(direction),
                    from: from[direction],
                    to: to[direction],
                    ..Entry::asked(DecisionKind::CapacityChanged, subject, Actor::Configuration)
                };
                self.decide(entry, now);
            }
        }
        self.replan = true;
    }

    fn device_seen(&mut self, sighting: devices::Sighting, now: Timestamp) {
        let Some(change) = self.registry.observe(sighting, now) else { return };
        if let Some(identity) = self.registry.get(change.device) {
            let record = identity.record();
            self.emit(Output::Record(Record::Device(record)));
        }
        match change.kind {
            // Another had to be forgotten for it: there are more than can be, and most are made up. No news.
            ChangeKind::Appeared { forgotten: Some(_) } => {}
            ChangeKind::Appeared { forgotten: None } => {
                self.raise(AlertKind::NewDevice, Subject::Device(change.device), now);
                // News, not a state: it is told and over.
                self.end(&AlertKind::NewDevice, Subject::Device(change.device), now);
            }
            ChangeKind::Renamed | ChangeKind::AddressAdded | ChangeKind::Recognised => {}
        }
    }

    /// Makes its queues at once: until the next window closes, a call would wait among all that is unknown.
    fn arrived(&mut self, device: DeviceId, now: Timestamp) {
        for state in self.links.values_mut() {
            state.activity.remember(device, now);
            state.renew = true;
        }
        // While an order is carried out, its end brings the next.
        if self.links.values().all(|state| state.in_flight.is_none()) {
            self.plan_for_newcomers();
        }
    }

    fn plan_for_newcomers(&mut self) {
        if self.policy.mode == Mode::Control && self.newcomer_plans > 0 {
            self.newcomer_plans -= 1;
            self.replan = true;
        }
    }

    fn plan_applied(&mut self, plan: PlanId, changes: u32, leaf: &'static str, now: Timestamp) {
        let Some(state) = self.links.values_mut().find(|state| is(&state.in_flight, plan)) else { return };
        state.in_force = state.in_flight.take();
        state.plans_applied += 1;
        state.retry = None;
        state.shaping = Shaping::On { leaf };
        let subject = Subject::Link(state.link.id);
        if state.renew {
            self.plan_for_newcomers();
        }
        self.emit(Output::Record(Record::PlanApplied { plan, at: now, changes }));
        self.end(&AlertKind::PlanFailed { reason: String::new() }, subject, now);
    }

    fn plan_failed(&mut self, plan: PlanId, reason: String, now: Timestamp) {
        let Some(state) = self.links.values_mut().find(|state| is(&state.in_flight, plan)) else { return };
        state.in_flight = None;
        // What it was to mend is still to be mended, whatever else changes.
        state.renew = true;
        let wait = state.retry.map_or(WINDOW, |retry| (retry.wait * 2).min(LONGEST_RETRY));
        state.retry = Some(Retry { at: now + wait, wait });
        state.shaping = Shaping::Failed { reason: reason.clone() };
        let subject = Subject::Link(state.link.id);
        self.raise(AlertKind::PlanFailed { reason }, subject, now);
    }

    fn queues_disturbed(&mut self, link: LinkId, what: String, now: Timestamp) {
        let Some(state) = self.links.get_mut(&link) else { return };
        state.renew = true;
        // What stood in the way may be what has changed: an interface that is back.
        state.retry = None;
        self.replan = true;
        let (kind, subject) = (AlertKind::QueuesDisturbed { what }, Subject::Link(link));
        // News, not a state: it is told and over.
        self.raise(kind.clone(), subject, now);
        self.end(&kind, subject, now);
    }

    fn close_windows(&mut self, now: Timestamp) {
        let end = now.floor(WINDOW);
        // Several windows where the loop was late: what came meanwhile came in all of them.
        let window = end.since(self.closed).max(WINDOW);
        self.closed = end;
        for state in self.links.values_mut() {
            if window > LEAP {
                state.activity.leap(window - WINDOW);
            }
            state.activity.close(end, window);
        }
        self.close_lines(end);
        let (links, forecaster) = (&mut self.links, &mut self.forecaster);
        let mut samples = std::mem::take(&mut self.to_record);
        for sample in &mut samples {
            if let Some(state) = links.get(&sample.link) {
                state.activity.correct(sample);
            }
        }
        let (registry, clock) = (&self.registry, self.settings.clock(end));
        let told = seconds(links).into_iter().map(|(series, second)| {
            let context = Context { device_type: device_type(series, registry), ..second.context(clock) };
            (series, second.usage, context)
        });
        forecaster.observe_all(told, end);
        for state in links.values_mut() {
            state.forecasts = forecast_aggregates(forecaster, &state.activity, end);
            for direction in Direction::ALL {
                let others: Vec<Forecast> = TrafficClass::ALL
                    .into_iter()
                    .filter(|class| !class.yields_early())
                    .map(|class| forecaster.forecast(Series::Class(class, direction), end))
                    .collect();
                let capacity = state.link.capacity()[direction];
                let yielding = state.early_yielding[direction];
                state.early_yielding[direction] = planning::yields_early(&self.policy, capacity, &others, yielding);
            }
        }
        if !samples.is_empty() {
            self.emit(Output::Record(Record::Samples(samples)));
        }
        let held_back = held_back(&self.links, end - WINDOW);
        if !held_back.is_empty() {
            self.emit(Output::Record(Record::HeldBack(held_back)));
        }
        self.watch_habits(end, window);
        self.keep_forecasts(end);
        if end.since(self.devices_kept) >= KEEP_DEVICES_EVERY {
            self.keep_devices(end);
        }
    }

    /// What the lines add to round trips, and what they carry where that is not known.
    fn close_lines(&mut self, now: Timestamp) {
        let qualities = std::mem::take(&mut self.qualities);
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            let Some(state) = self.links.get_mut(&id) else { continue };
            let is_controlled = self.policy.mode == Mode::Control;
            let is_shaped = is_controlled && matches!(state.shaping, Shaping::On { .. });
            let seen = Seen { activity: &state.activity, qualities: &qualities, is_controlled, is_shaped, now };
            for news in state.line.close(&mut state.link, seen) {
                self.tell_of_line(id, news, now);
            }
        }
    }

    fn tell_of_line(&mut self, link: LinkId, news: News, now: Timestamp) {
        let subject = Subject::Link(link);
        match news {
            News::Found { direction, from, to } => {
                let asked = Entry::asked(DecisionKind::CapacityChanged, subject, Actor::Automatic);
                self.decide(Entry { direction: Some(direction), from, to, because: Vec::new(), ..asked }, now);
            }
            News::Blind(why) => {
                // Another reason is another story.
                self.end(&AlertKind::CapacityBlind { why }, subject, now);
                self.raise(AlertKind::CapacityBlind { why }, subject, now);
            }
            News::Sees => self.end(&AlertKind::CapacityBlind { why: Blindness::NoReaction }, subject, now),
        }
    }

    /// Alerts where a device moves what it never moves at such a time.
    fn watch_habits(&mut self, now: Timestamp, window: Duration) {
        for state in self.links.values() {
            for (&device, activity) in &state.activity.devices {
                let moved = Directed::from_fn(|direction| activity.total(direction).over(window));
                self.watch.moved(device, moved, &self.settings);
            }
        }
        for (device, verdict) in self.watch.close(now, &self.settings) {
            let subject = Subject::Device(device);
            match verdict {
                Verdict::Unusual(kind) => self.raise(kind, subject, now),
                Verdict::GoesOn(kind) => self.alerts.goes_on(kind, subject),
                Verdict::Over => {
                    let (direction, rate) = (Direction::Download, BitRate::ZERO);
                    self.end(&AlertKind::Unusual { direction, rate, usual: rate, minute: 0 }, subject, now);
                }
            }
        }
    }

    /// Who was there since the last time.
    fn keep_devices(&mut self, now: Timestamp) {
        let since = std::mem::replace(&mut self.devices_kept, now);
        let records: Vec<DeviceRecord> = self
            .registry
            .iter()
            .map(|identity| {
                let active = self.links.values().filter_map(|state| state.activity.devices.get(&identity.device));
                let last_seen = active.map(|device| device.last_active).max().unwrap_or_default();
                DeviceRecord { last_seen: identity.last_seen.max(last_seen), ..identity.record() }
            })
            .filter(|record| record.last_seen >= since)
            .collect();
        for record in records {
            self.emit(Output::Record(Record::Device(record)));
        }
    }

    fn keep_forecasts(&mut self, now: Timestamp) {
        let scores = self.forecaster.take_scores();
        let is_kept = |at: Timestamp| at.as_unix_secs().is_multiple_of(KEEP_FORECASTS_EVERY);
        let scores: Vec<_> = scores
            .iter()
            .filter_map(forecast::Scored::record)
            .filter(|record| record.score.horizon == Horizon::Mean15s && is_kept(record.score.said_at))
            .collect();
        if !scores.is_empty() {
            self.emit(Output::Record(Record::Scores(scores)));
        }
        if is_kept(now) {
            let forecasts: Vec<ForecastRecord> = self
                .links
                .values()
                .flat_map(|state| &state.forecasts)
                .map(|(&(aggregate, direction), &forecast)| ForecastRecord { aggregate, direction, forecast })
                .collect();
            if !forecasts.is_empty() {
                self.emit(Output::Record(Record::Forecasts(forecasts)));
            }
        }
    }

    /// `closed`: whether a window closed just now, by which holding back is counted.
    fn plan(&mut self, id: LinkId, now: Timestamp, closed: bool) {
        let Some(state) = self.links.get_mut(&id) else { return };
        if self.policy.mode == Mode::Observe || now.since(self.started) < LOOK_FIRST {
            state.suggested = None;
            return;
        }
        let divided = planning::divide(&self.policy, &state.situation(now));
        let directions = Directed::from_fn(|direction| state.gates[direction].settle(&divided[direction], now));
        let plan = Arc::new(Plan { id: PlanId(self.next_plan), link: id, at: now, directions });
        self.next_plan += 1;
        let mut entries = state.reservations.entries(&plan, &state.forecasts);
        state.suggested = Some(Arc::clone(&plan));
        if self.policy.mode == Mode::Control {
            if closed {
                entries.extend(state.holds.entries(&plan, &state.activity));
            }
            let due = state.retry.is_none_or(|retry| now >= retry.at);
            let wanted = state.in_force.as_ref().is_none_or(|in_force| is_worth_applying(in_force, &plan));
            if state.in_flight.is_none() && due && (wanted || state.renew) {
                state.renew = false;
                state.in_flight = Some(Arc::clone(&plan));
                self.emit(Output::Apply(plan));
            }
        }
        for entry in entries {
            self.decide(entry, now);
        }
    }

    /// Alerts where a device waits, is owed more, and did not get it for several windows. Once for each window.
    fn check_guarantees(&mut self, id: LinkId, now: Timestamp) {
        let Some(state) = self.links.get_mut(&id) else { return };
        let Some(plan) = state.in_force.clone() else { return };
        let (policy, capacity) = (&self.policy, state.link.capacity());
        let active = planning::active_devices(&state.activity, now);
        let owed = |device, direction| {
            allocate::resolve_guarantee(policy.share_of(device).guarantee[direction], capacity[direction], active)
        };
        for (device, verdict) in state.holds.guarantees(&plan, &state.activity, owed) {
            let subject = Subject::Device(device);
            match verdict {
                Some((owed, got)) => self.raise(AlertKind::GuaranteeMissed { owed, got }, subject, now),
                None => {
                    let kind = AlertKind::GuaranteeMissed { owed: BitRate::ZERO, got: BitRate::ZERO };
                    self.end(&kind, subject, now);
                }
            }
        }
    }

    fn decide(&mut self, entry: Entry, now: Timestamp) {
        let decision = self.journal.add(entry, now);
        self.emit(Output::Record(Record::Decision(decision)));
    }

    fn raise(&mut self, kind: AlertKind, subject: Subject, now: Timestamp) {
        if let Some(Raised { alert, made_room }) = self.alerts.raise(kind, subject, now) {
            if let Some(ended) = made_room {
                self.emit(Output::Record(Record::Alert(ended)));
            }
            self.emit(Output::Record(Record::Alert(alert.clone())));
            self.emit(Output::Notify(alert));
        }
    }

    fn end(&mut self, kind: &AlertKind, subject: Subject, now: Timestamp) {
        if let Some(alert) = self.alerts.end(kind, subject, now) {
            self.emit(Output::Record(Record::Alert(alert)));
        }
    }
}

fn is(plan: &Option<Arc<Plan>>, id: PlanId) -> bool {
    plan.as_ref().is_some_and(|plan| plan.id == id)
}

/// What a device is owed: its priority, and all else; its name is no part of it.
fn owed(policy: &Policy, device: DeviceId) -> (Priority, DevicePolicy) {
    let of_device = policy.devices.get(&device).cloned();
    let mut of_device =
        of_device.unwrap_or_else(|| DevicePolicy { share: policy.default_share, ..DevicePolicy::default() });
    of_device.name = None;
    (std::mem::replace(&mut of_device.share.priority, Priority::NORMAL), of_device)
}

/// What is wanted beside the mode and single devices.
fn of_all(policy: &Policy) -> Policy {
    Policy { mode: Mode::default(), devices: BTreeMap::new(), ..policy.clone() }
}

fn next_tick_after(now: Timestamp) -> Timestamp {
    let tick = now.floor(WINDOW) + SETTLE;
    if tick > now { tick } else { tick + WINDOW }
}

fn name_devices(registry: &mut Registry, policy: &Policy) {
    for (&device, of_device) in &policy.devices {
        registry.set_name(device, of_device.name.clone());
    }
}

/// Who waited in the window that began at `start`.
fn held_back(links: &BTreeMap<LinkId, LinkState>, start: Timestamp) -> Vec<HeldBack> {
    let mut held_back = Vec::new();
    for (&link, state) in links {
        for (device, class, activity) in state.activity.aggregates() {
            for direction in Direction::ALL {
                if matches!(activity.usage(direction), Usage::Backlogged(_)) {
                    let aggregate = Aggregate { device, class };
                    held_back.push(HeldBack { link, aggregate, direction, start });
                }
            }
        }
    }
    held_back
}

fn forecast_aggregates(forecaster: &mut Forecaster, activity: &LinkActivity, now: Timestamp) -> Forecasts {
    let mut forecasts = Forecasts::new();
    for (device, class, _) in activity.aggregates() {
        for direction in Direction::ALL {
            let aggregate = Aggregate { device, class };
            let forecast = forecaster.forecast(Series::Aggregate(aggregate, direction), now);
            forecasts.insert((aggregate, direction), forecast);
        }
    }
    forecasts
}
