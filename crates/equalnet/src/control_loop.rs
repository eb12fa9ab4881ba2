//! The control plane's runtime: inputs and requests in, the engine's outputs out.

use crate::clock::Clock;
use crate::config::Config;
use crate::kept_devices::KeptDevices;
use crate::shaping::ShaperOrder;
use crate::watchdog::Watchdog;
use api::{DeviceEffect, Effect, Refused, Request, Standing};
use crossbeam_channel::{Receiver, Sender, select};
use engine::{Engine, Input, Output};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::StoreSender;
use tokio::sync::watch;
use vocab::{
    Actor, AlertKind, DeviceId, DevicePatch, FlowSummary, Link, Mode, Policy, Rule, RuleId, RuleRefused, RuleScope,
    Severity, Snapshot, TrafficClass,
};

/// How long the loop sleeps at most: long enough to idle, short enough to notice that it shall end.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// What the loop is told beside inputs and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Read the configuration again (SIGHUP).
    Reload,
    /// End; the last plan stays in force (SIGTERM, SIGINT).
    Stop,
}

/// Where the loop's inputs come from.
pub struct Inlets {
    /// From workers, shaper and store.
    pub inputs: Receiver<Input>,
    /// From the API.
    pub requests: Receiver<Request>,
    /// From the system.
    pub signals: Receiver<Signal>,
}

/// Where the engine's outputs go.
pub struct Outlets {
    /// To the shaper's thread.
    pub shaper: Sender<ShaperOrder>,
    /// To the store's thread; absent where no history is kept.
    pub store: Option<StoreSender>,
    /// To the API.
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    /// To the API: the policy in force.
    pub policy: watch::Sender<Arc<Policy>>,
}

/// The control loop.
pub struct ControlLoop {
    /// The decisions.
    pub engine: Engine,
    /// The time.
    pub clock: Clock,
    /// Where the configuration is read again.
    pub config_file: PathBuf,
    /// The configuration that the daemon started with.
    pub config: Config,
    /// The rules of the configuration in force.
    pub configured: Arc<[Rule]>,
    /// What was set by hand.
    pub kept: KeptDevices,
    /// What comes in.
    pub inlets: Inlets,
    /// What goes out.
    pub outlets: Outlets,
    /// Who starts the daemon anew where it hangs.
    pub watchdog: Watchdog,
}

impl ControlLoop {
    /// Runs until [`Signal::Stop`], or until nobody is left to listen to; gives the mode it ended in.
    pub fn run(mut self) -> Mode {
        loop {
            let now = self.clock.now();
            let wait = self.engine.poll_timeout().since(now).min(LONGEST_WAIT);
            select! {
                recv(self.inlets.inputs) -> input => match input {
                    Ok(input) => self.engine.handle_input(input, self.clock.now()),
                    Err(_) => return self.engine.policy().mode,
                },
                recv(self.inlets.requests) -> request => match request {
                    Ok(request) => self.answer(request),
                    // The API is gone and its end is always ready: without it there is no use in running on.
                    Err(_) => return self.engine.policy().mode,
                },
                recv(self.inlets.signals) -> signal => match signal {
                    Ok(Signal::Reload) => self.reload(),
                    Ok(Signal::Stop) | Err(_) => return self.engine.policy().mode,
                },
                default(wait) => {}
            }
            self.engine.handle_timeout(self.clock.now());
            while let Some(output) = self.engine.poll_output() {
                self.send(output);
            }
            self.watchdog.tend();
        }
    }

    fn send(&mut self, output: Output) {
        match output {
            Output::Apply(plan) => self.order(ShaperOrder::Apply(plan)),
            Output::Release(link) => self.order(ShaperOrder::Release(link)),
            Output::Record(record) => {
                if let Some(store) = &self.outlets.store
                    && let Err(unsent) = store.record(record)
                {
                    tracing::debug!(%unsent, "a record was not kept");
                }
            }
            Output::Publish(snapshot) => {
                self.outlets.snapshots.send_replace(snapshot);
            }
            Output::Notify(alert) => {
                let kind = name_of(&alert.kind);
                match alert.severity {
                    Severity::Info => tracing::info!(alert = kind, id = alert.id, "alert"),
                    Severity::Warning => tracing::warn!(alert = kind, id = alert.id, "alert"),
                    Severity::Critical => tracing::error!(alert = kind, id = alert.id, detail = ?alert.kind, "alert"),
                }
            }
        }
    }

    /// The shaper answers each order before it gets the next: the channel never fills.
    fn order(&mut self, order: ShaperOrder) {
        if self.outlets.shaper.try_send(order).is_err() {
            tracing::error!("the shaper takes no orders; the plan in force stays");
        }
    }

    fn answer(&mut self, request: Request) {
        let now = self.clock.now();
        match request {
            Request::SetMode { mode, by, reply } => {
                let policy = Policy { mode, ..self.engine.policy().clone() };
                let saved = self.kept.set_mode(mode);
                // To let go must work on a full disk too.
                let lets_go = mode != Mode::Control;
                if saved.is_ok() || lets_go {
                    self.put_in_force(policy, Actor::Person(by));
                }
                let _ = reply.send(saved.map_err(|error| {
                    let standing = if lets_go { "in force, but only until the next start" } else { "not in force" };
                    Refused::Other(format!("{mode} is {standing}: {error:#}"))
                }));
            }
            Request::PreviewDevice { device, patch, reply } => {
                let effect = self.check(device, &patch).map(|(policy, _)| Effect {
                    standing: Standing::Previewed,
                    devices: effects(self.engine.preview(&policy, now)),
                    undo: None,
                });
                let _ = reply.send(effect);
            }
            Request::ChangeDevice { device, patch, by, reply } => {
                let _ = reply.send(self.change(device, &patch, by));
            }
            Request::AddRule { rule, by, reply } => {
                let _ = reply.send(self.add_rule(*rule, by));
            }
            Request::ReplaceRule { rule, by, reply } => {
                let replaced = found(self.kept.replace_rule(&rule), rule.id()).map(|()| self.heed_rules(by));
                let _ = reply.send(replaced.map(|()| *rule));
            }
            Request::RemoveRule { rule, by, reply } => {
                let _ = reply.send(found(self.kept.remove_rule(rule), rule).map(|()| self.heed_rules(by)));
            }
            Request::Reclassify { flow, class, scope, by, reply } => {
                let rule = self.rule_for(&flow, class, scope);
                let _ = reply.send(rule.and_then(|rule| self.add_rule(rule, by)));
            }
        }
    }

    fn change(&mut self, device: DeviceId, patch: &DevicePatch, by: String) -> Result<Effect, Refused> {
        let now = self.clock.now();
        let (policy, undo) = self.check(device, patch)?;
        let devices = effects(self.engine.preview(&policy, now));
        let of_device = policy.devices.get(&device).expect("a patched policy speaks of the device");
        self.kept.set_device(device, of_device).map_err(|error| Refused::Other(format!("{error:#}")))?;
        self.put_in_force(policy, Actor::Person(by));
        Ok(Effect { standing: Standing::Applied, devices, undo: Some(undo) })
    }

    fn add_rule(&mut self, rule: Rule, by: String) -> Result<Rule, Refused> {
        let rule = self.kept.add_rule(rule).map_err(refused)?;
        self.heed_rules(by);
        Ok(rule)
    }

    /// What makes `flow`, and flows like it, of `class`. Its number comes with keeping it.
    fn rule_for(&self, flow: &FlowSummary, class: TrafficClass, scope: RuleScope) -> Result<Rule, Refused> {
        let snapshot = self.outlets.snapshots.borrow().clone();
        let device = snapshot.devices.iter().find(|known| Some(known.device) == flow.device);
        let addresses = device.map_or(&[][..], |device| &device.addresses);
        let conditions = traffic::conditions_like(flow, addresses, scope);
        Ok(Rule::new(RuleId::ByHand(0), conditions, class, String::new(), String::new())?)
    }

    /// Puts the rules in force as they are kept now.
    fn heed_rules(&mut self, by: String) {
        let policy = Policy { rules: self.kept.rules_over(&self.configured), ..self.engine.policy().clone() };
        self.put_in_force(policy, Actor::Person(by));
    }

    fn check(&self, device: DeviceId, patch: &DevicePatch) -> Result<(Policy, DevicePatch), Refused> {
        let before = self.engine.policy();
        let (policy, undo) = patch.apply(before, device);
        for link in self.engine.links() {
            allocate::check_change(before, &policy, link.capacity())?;
        }
        Ok((policy, undo))
    }

    fn put_in_force(&mut self, policy: Policy, by: Actor) {
        self.outlets.policy.send_replace(Arc::new(policy.clone()));
        self.engine.handle_input(Input::PolicyChanged { policy: Box::new(policy), by }, self.clock.now());
    }

    /// A bad file never replaces a good one in force.
    fn reload(&mut self) {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Reloading]);
        match Config::read(&self.config_file) {
            Ok(config) => {
                let now = self.clock.now();
                let waiting = waits_for_restart(&self.config, &config);
                self.configured = Arc::clone(&config.policy.rules);
                let policy = self.kept.over(config.policy);
                for link in config.links.into_iter().filter(|link| is_open(&self.config, link)) {
                    self.engine.handle_input(Input::LinkChanged(link), now);
                }
                self.put_in_force(policy, Actor::Configuration);
                tracing::info!("the configuration was read again");
                if !waiting.is_empty() {
                    tracing::warn!(sections = waiting.join(", "), "changed, and not in force before a restart");
                }
            }
            Err(error) => tracing::error!(%error, "the configuration is faulty; the one in force stays"),
        }
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    }
}

/// Whether the rule was there, as keeping it said.
fn found(kept: anyhow::Result<bool>, rule: RuleId) -> Result<(), Refused> {
    match kept {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refused::UnknownRule(rule)),
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: anyhow::Error) -> Refused {
    match error.downcast::<RuleRefused>() {
        Ok(refused) => Refused::Rule(refused),
        Err(error) => Refused::Other(format!("{error:#}")),
    }
}

/// Whether the daemon has opened the interfaces of `link`, and counts packets as it says.
fn is_open(started: &Config, link: &Link) -> bool {
    let same = |open: &Link| open.id == link.id && open.topology == link.topology && open.framing == link.framing;
    started.links.iter().any(same)
}

/// What of a changed configuration is opened or made at the start only.
fn waits_for_restart(started: &Config, changed: &Config) -> Vec<&'static str> {
    let same_links =
        started.links.len() == changed.links.len() && changed.links.iter().all(|link| is_open(started, link));
    let sections = [
        ("link", same_links),
        ("link.quota", started.quotas == changed.quotas),
        ("capture", started.capture == changed.capture),
        ("api", started.api == changed.api),
        ("forecast", started.forecast == changed.forecast),
        ("alerts", started.alerts == changed.alerts),
        ("history", started.history == changed.history),
        ("shaping", started.adoption == changed.adoption),
        ("state_dir", started.state_dir == changed.state_dir),
        ("run_dir", started.run_dir == changed.run_dir),
    ];
    sections.into_iter().filter(|(_, same)| !same).map(|(section, _)| section).collect()
}

fn effects(preview: engine::Preview) -> Vec<DeviceEffect> {
    preview.into_iter().map(|(device, before, after)| DeviceEffect { device, before, after }).collect()
}

fn name_of(kind: &AlertKind) -> &'static str {
    match kind {
        AlertKind::PlanFailed { .. } => "plan_failed",
        AlertKind::RecordingStopped { .. } => "recording_stopped",
        AlertKind::CaptureLoss { .. } => "capture_loss",
        AlertKind::NewDevice => "new_device",
        AlertKind::QueuesDisturbed { .. } => "queues_disturbed",
        AlertKind::GuaranteeMissed { .. } => "guarantee_missed",
        AlertKind::Unusual { .. } => "unusual",
        AlertKind::CapacityBlind { .. } => "capacity_blind",
        AlertKind::FlowTableFull => "flow_table_full",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn config(text: &str) -> Config {
        let link = "[[link]]\nlan = \"a\"\nwan = \"b\"\ndownload = \"10 Mbit/s\"\nupload = \"1 Mbit/s\"\n";
        let text = if text.contains("[[link]]") { text.to_owned() } else { format!("{text}\n{link}") };
        Config::parse(&text, Path::new("equalnet.toml")).unwrap()
    }

    #[test]
    fn a_reload_says_what_it_cannot_put_in_force() {
        let started = config("");
        let link = "[[link]]\nlan = \"a\"\nwan = \"b\"\ndownload = \"20 Mbit/s\"\nupload = \"1 Mbit/s\"\n";
        let elsewhere = link.replace("\"a\"", "\"c\"");
        for (text, expected) in [
            ("mode = \"control\"\n[policy]\nlevels = 10", &[][..]),
            (link, &[]),
            (&elsewhere, &["link"]),
            // Rates of the modem without what it adds to packets would overfill it.
            (&format!("{link}framing = \"docsis\""), &["link"]),
            (&format!("{link}quota = \"1 TB\""), &["link.quota"]),
            ("[api]\nlisten = [\"127.0.0.1:1\"]\n[capture]\nsource = \"af_packet\"", &["capture", "api"]),
            ("[forecast]\npredictor_url = \"http://[::1]:1\"", &["forecast"]),
            ("state_dir = \"/elsewhere\"\n[history]\nmax_size = \"1 GB\"", &["history", "state_dir"]),
        ] {
            assert_eq!(waits_for_restart(&started, &config(text)), expected, "{text}");
        }
    }

    /// A control loop whose people keep what they do in `folder`; what it tells the others comes out.
    fn control_loop(folder: &Path) -> (ControlLoop, watch::Receiver<Arc<Policy>>, Snapshots) {
        let config = config("[[rule]]\nport = 1\nclass = \"work\"");
        let kept = KeptDevices::read(folder).unwrap();
        let policy = kept.over(config.policy.clone());
        let clock = Clock::new();
        let forecaster = forecast::Forecaster::new(forecast::Settings::default());
        let (snapshots, shown) = watch::channel(Arc::new(Snapshot::default()));
        let (policy_in, policy_out) = watch::channel(Arc::new(policy.clone()));
        let control = ControlLoop {
            engine: Engine::new(policy, config.links.clone(), forecaster, clock.now()),
            clock,
            config_file: folder.join("equalnet.toml"),
            configured: Arc::clone(&config.policy.rules),
            config,
            kept,
            inlets: Inlets {
                inputs: crossbeam_channel::never(),
                requests: crossbeam_channel::never(),
                signals: crossbeam_channel::never(),
            },
            outlets: Outlets { shaper: crossbeam_channel::bounded(1).0, store: None, snapshots, policy: policy_in },
            watchdog: Watchdog::new(|| ()),
        };
        (control, policy_out, shown)
    }

    type Snapshots = watch::Receiver<Arc<Snapshot>>;

    fn game() -> FlowSummary {
        let end = |address: &str, port| vocab::Endpoint {
            address: address.parse::<std::net::IpAddr>().unwrap().into(),
            port,
        };
        let (tablet, server) = (end("192.168.1.20", 50_000), end("203.0.113.7", 40_000));
        let (key, initiator) = vocab::FlowKey::new(vocab::IpProtocol::UDP, tablet, server);
        FlowSummary {
            key,
            initiator,
            device: Some("a4:5e:60:00:00:01".parse().unwrap()),
            verdict: vocab::Verdict {
                class: TrafficClass::Unclassified,
                application: String::new(),
                server_name: String::new(),
                confidence: 0.0,
                evidence: String::new(),
                ja4: String::new(),
                given_after: vocab::GivenAfter::default(),
            },
            bytes: vocab::Directed::from_fn(|_| vocab::ByteCount(0)),
            packets: vocab::Directed::default(),
            first_seen: vocab::Timestamp::default(),
            last_seen: vocab::Timestamp::default(),
        }
    }

    fn ask<T>(control: &mut ControlLoop, request: impl FnOnce(api::Reply<T>) -> Request) -> Result<T, Refused> {
        let (reply, mut answered) = tokio::sync::oneshot::channel();
        control.answer(request(reply));
        answered.try_recv().expect("it answers at once")
    }

    #[test]
    fn a_flow_that_is_reclassified_is_a_rule_that_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let by = || "admin".to_owned();
        let words = |policy: &watch::Receiver<Arc<Policy>>| {
            let rules = policy.borrow().rules.clone();
            rules.iter().map(|rule| format!("{} {} {}", rule.id(), rule.words(None), rule.class())).collect::<Vec<_>>()
        };
        let (mut control, policy, _shown) = control_loop(folder.path());
        let (class, scope) = (TrafficClass::Gaming, RuleScope::Device);
        let rule =
            ask(&mut control, |reply| Request::Reclassify { flow: Box::new(game()), class, scope, by: by(), reply });
        let of_game = "hand-1 server 203.0.113.7, udp port 40000, device a4:5e:60:00:00:01 gaming";
        assert_eq!(words(&policy), [of_game, "file-1 port 1 work"], "it is in force when the answer comes");
        drop(control);

        let (mut control, policy, _shown) = control_loop(folder.path());
        assert_eq!(words(&policy), [of_game, "file-1 port 1 work"], "and after a restart");
        let id = rule.unwrap().id();
        ask(&mut control, |reply| Request::RemoveRule { rule: id, by: by(), reply }).unwrap();
        assert_eq!(words(&policy), ["file-1 port 1 work"]);
        let again = ask(&mut control, |reply| Request::RemoveRule { rule: id, by: by(), reply });
        assert_eq!(again, Err(Refused::UnknownRule(id)));
    }
}
