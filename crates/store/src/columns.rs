//! Our words as columns and back. The words and numbers here are a file format: they never change their meaning.

use crate::StoreError;
use crate::error::unreadable;
use serde_json::{Value, json};
use vocab::{
    Actor, Aggregate, AlertKind, Because, BitRate, Blindness, DecisionKind, Direction, LinkId, Mode, Part, Priority,
    Quantile, Quantiles, Severity, Subject, Tier, Timestamp, TrafficClass,
};

/// An integer of SQLite, which has a sign; the largest stands for everything above.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The inverse of [`integer`]; what stood for everything above is "no ceiling" again.
pub(crate) fn natural(value: i64) -> u64 {
    if value == i64::MAX { u64::MAX } else { u64::try_from(value).unwrap_or(0) }
}

pub(crate) fn time(at: Timestamp) -> i64 {
    integer(at.as_unix_nanos())
}

pub(crate) fn timestamp(nanos: i64) -> Timestamp {
    Timestamp::from_unix_nanos(natural(nanos))
}

pub(crate) fn rate(bps: i64) -> BitRate {
    BitRate::from_bps(natural(bps))
}

pub(crate) fn class(index: i64) -> Result<TrafficClass, StoreError> {
    usize::try_from(index).ok().and_then(TrafficClass::from_index).ok_or_else(|| unreadable("class", index))
}

pub(crate) fn direction_index(direction: Direction) -> i64 {
    match direction {
        Direction::Download => 0,
        Direction::Upload => 1,
    }
}

pub(crate) fn direction(index: i64) -> Result<Direction, StoreError> {
    match index {
        0 => Ok(Direction::Download),
        1 => Ok(Direction::Upload),
        _ => Err(unreadable("direction", index)),
    }
}

pub(crate) fn subject_word(subject: Subject) -> String {
    match subject {
        Subject::Service => "service".to_owned(),
        Subject::Link(link) => format!("link:{}", link.0),
        Subject::Class(class) => format!("class:{class}"),
        Subject::Device(device) => format!("device:{device}"),
        Subject::Aggregate(aggregate) => format!("aggregate:{}:{}", aggregate.class, aggregate.device),
    }
}

pub(crate) fn subject(word: &str) -> Result<Subject, StoreError> {
    let invalid = || unreadable("subject", word);
    let (kind, rest) = word.split_once(':').unwrap_or((word, ""));
    match kind {
        "service" => Ok(Subject::Service),
        "link" => rest.parse().map(|id| Subject::Link(LinkId(id))).map_err(|_| invalid()),
        "class" => rest.parse().map(Subject::Class).map_err(|_| invalid()),
        "device" => rest.parse().map(Subject::Device).map_err(|_| invalid()),
        "aggregate" => {
            let (class, device) = rest.split_once(':').ok_or_else(invalid)?;
            let class = class.parse().map_err(|_| invalid())?;
            let device = device.parse().map_err(|_| invalid())?;
            Ok(Subject::Aggregate(Aggregate { device, class }))
        }
        _ => Err(invalid()),
    }
}

/// `by_kind` and `by_name`.
pub(crate) fn actor_words(actor: &Actor) -> (&'static str, &str) {
    match actor {
        Actor::Automatic => ("automatic", ""),
        Actor::Person(name) => ("person", name),
        Actor::Configuration => ("configuration", ""),
    }
}

pub(crate) fn actor(kind: &str, name: String) -> Result<Actor, StoreError> {
    match kind {
        "automatic" => Ok(Actor::Automatic),
        "person" => Ok(Actor::Person(name)),
        "configuration" => Ok(Actor::Configuration),
        _ => Err(unreadable("actor", kind)),
    }
}

/// `kind`, `kind_from`, `kind_to`.
pub(crate) fn decision_words(kind: DecisionKind) -> (&'static str, Option<i64>, Option<i64>) {
    match kind {
        DecisionKind::Held => ("held", None, None),
        DecisionKind::Released => ("released", None, None),
        DecisionKind::Reserved => ("reserved", None, None),
        DecisionKind::EarlyYield => ("early_yield", None, None),
        DecisionKind::PriorityChanged { from, to } => {
            ("priority_changed", Some(i64::from(from.level())), Some(i64::from(to.level())))
        }
        DecisionKind::PolicyChanged => ("policy_changed", None, None),
        DecisionKind::ModeChanged { from, to } => ("mode_changed", Some(mode_index(from)), Some(mode_index(to))),
        DecisionKind::CapacityChanged => ("capacity_changed", None, None),
    }
}

pub(crate) fn decision_kind(word: &str, from: Option<i64>, to: Option<i64>) -> Result<DecisionKind, StoreError> {
    let invalid = || unreadable("decision", word);
    let both = || from.zip(to).ok_or_else(invalid);
    Ok(match word {
        "held" => DecisionKind::Held,
        "released" => DecisionKind::Released,
        "reserved" => DecisionKind::Reserved,
        "early_yield" => DecisionKind::EarlyYield,
        "priority_changed" => {
            let priority = |level| u8::try_from(level).ok().and_then(Priority::new).ok_or_else(invalid);
            let (from, to) = both()?;
            DecisionKind::PriorityChanged { from: priority(from)?, to: priority(to)? }
        }
        "policy_changed" => DecisionKind::PolicyChanged,
        "mode_changed" => {
            let (from, to) = both()?;
            DecisionKind::ModeChanged { from: mode(from)?, to: mode(to)? }
        }
        "capacity_changed" => DecisionKind::CapacityChanged,
        _ => return Err(invalid()),
    })
}

fn mode_index(mode: Mode) -> i64 {
    match mode {
        Mode::Observe => 0,
        Mode::Suggest => 1,
        Mode::Control => 2,
    }
}

fn mode(index: i64) -> Result<Mode, StoreError> {
    match index {
        0 => Ok(Mode::Observe),
        1 => Ok(Mode::Suggest),
        2 => Ok(Mode::Control),
        _ => Err(unreadable("mode", index)),
    }
}

pub(crate) fn severity_index(severity: Severity) -> i64 {
    match severity {
        Severity::Info => 0,
        Severity::Warning => 1,
        Severity::Critical => 2,
    }
}

pub(crate) fn severity(index: i64) -> Result<Severity, StoreError> {
    match index {
        0 => Ok(Severity::Info),
        1 => Ok(Severity::Warning),
        2 => Ok(Severity::Critical),
        _ => Err(unreadable("severity", index)),
    }
}

/// The columns of an alert's kind.
#[derive(Debug, Default)]
pub(crate) struct AlertColumns {
    pub(crate) kind: String,
    pub(crate) reason: Option<String>,
    pub(crate) packets: Option<i64>,
    pub(crate) owed: Option<i64>,
    pub(crate) got: Option<i64>,
}

pub(crate) fn alert_columns(kind: &AlertKind) -> AlertColumns {
    let plain = |kind: &str| AlertColumns { kind: kind.to_owned(), ..AlertColumns::default() };
    match kind {
        AlertKind::PlanFailed { reason } => AlertColumns { reason: Some(reason.clone()), ..plain("plan_failed") },
        AlertKind::RecordingStopped { reason } => {
            AlertColumns { reason: Some(reason.clone()), ..plain("recording_stopped") }
        }
        AlertKind::CaptureLoss { packets } => {
            AlertColumns { packets: Some(integer(*packets)), ..plain("capture_loss") }
        }
        AlertKind::NewDevice => plain("new_device"),
        AlertKind::QueuesDisturbed { what } => AlertColumns { reason: Some(what.clone()), ..plain("queues_disturbed") },
        AlertKind::GuaranteeMissed { owed, got } => AlertColumns {
            owed: Some(integer(owed.as_bps())),
            got: Some(integer(got.as_bps())),
            ..plain("guarantee_missed")
        },
        // The columns of others serve: which way and when as a reason, what is usual as what is owed.
        AlertKind::Unusual { direction, rate, usual, minute } => AlertColumns {
            reason: Some(format!("{direction} {minute}")),
            owed: Some(integer(usual.as_bps())),
            got: Some(integer(rate.as_bps())),
            ..plain("unusual")
        },
        AlertKind::CapacityBlind { why } => {
            AlertColumns { reason: Some(why.name().to_owned()), ..plain("capacity_blind") }
        }
        AlertKind::FlowTableFull => plain("flow_table_full"),
    }
}

pub(crate) fn alert_kind(columns: AlertColumns) -> Result<AlertKind, StoreError> {
    let AlertColumns { kind, reason, packets, owed, got } = columns;
    let reason = reason.unwrap_or_default();
    Ok(match kind.as_str() {
        "plan_failed" => AlertKind::PlanFailed { reason },
        "recording_stopped" => AlertKind::RecordingStopped { reason },
        "capture_loss" => AlertKind::CaptureLoss { packets: natural(packets.unwrap_or(0)) },
        "new_device" => AlertKind::NewDevice,
        "queues_disturbed" => AlertKind::QueuesDisturbed { what: reason },
        "guarantee_missed" => AlertKind::GuaranteeMissed { owed: rate(owed.unwrap_or(0)), got: rate(got.unwrap_or(0)) },
        "unusual" => {
            let (direction, minute) = reason.split_once(' ').ok_or_else(|| unreadable("alert", &reason))?;
            let direction = Direction::ALL.into_iter().find(|known| known.name() == direction);
            AlertKind::Unusual {
                direction: direction.ok_or_else(|| unreadable("alert", &reason))?,
                rate: rate(got.unwrap_or(0)),
                usual: rate(owed.unwrap_or(0)),
                minute: minute.parse().map_err(|_| unreadable("alert", &reason))?,
            }
        }
        "capacity_blind" => {
            let why = Blindness::ALL.into_iter().find(|known| known.name() == reason);
            AlertKind::CapacityBlind { why: why.ok_or_else(|| unreadable("alert", &reason))? }
        }
        "flow_table_full" => AlertKind::FlowTableFull,
        _ => return Err(unreadable("alert", kind)),
    })
}

/// The grounds of a decision as JSON.
pub(crate) fn because_json(because: &[Because]) -> String {
    Value::from_iter(because.iter().map(|ground| match ground {
        Because::DemandOverCapacity { demand, capacity } => {
            json!({"why": "demand_over_capacity", "demand": demand.as_bps(), "capacity": capacity.as_bps()})
        }
        Because::Protect { class, need } => {
            json!({"why": "protect", "class": class.name(), "need": quantiles_json(*need)})
        }
        Because::OwnCeiling { ceiling } => json!({"why": "own_ceiling", "ceiling": ceiling.as_bps()}),
        Because::EarlierTier { own, exhausted } => {
            json!({"why": "earlier_tier", "own": own.number(), "exhausted": exhausted.number()})
        }
        Because::FairShare { tier, level } => {
            json!({"why": "fair_share", "tier": tier.number(), "level": level.as_bps()})
        }
        Because::ForecastMoved { need } => json!({"why": "forecast_moved", "need": quantiles_json(*need)}),
        Because::DemandFell => json!({"why": "demand_fell"}),
        Because::Asked => json!({"why": "asked"}),
    }))
    .to_string()
}

pub(crate) fn because(text: &str) -> Result<Vec<Because>, StoreError> {
    let invalid = || unreadable("grounds", text);
    let list: Vec<Value> = serde_json::from_str(text).map_err(|_| invalid())?;
    list.iter().map(|ground| one_because(ground).ok_or_else(invalid)).collect()
}

fn one_because(ground: &Value) -> Option<Because> {
    let bps = |key: &str| ground[key].as_u64().map(BitRate::from_bps);
    let tier = |key: &str| ground[key].as_u64().and_then(|number| Tier::new(u8::try_from(number).ok()?));
    Some(match ground["why"].as_str()? {
        "demand_over_capacity" => Because::DemandOverCapacity { demand: bps("demand")?, capacity: bps("capacity")? },
        "protect" => {
            Because::Protect { class: ground["class"].as_str()?.parse().ok()?, need: quantiles(&ground["need"])? }
        }
        "own_ceiling" => Because::OwnCeiling { ceiling: bps("ceiling")? },
        "earlier_tier" => Because::EarlierTier { own: tier("own")?, exhausted: tier("exhausted")? },
        "fair_share" => Because::FairShare { tier: tier("tier")?, level: bps("level")? },
        "forecast_moved" => Because::ForecastMoved { need: quantiles(&ground["need"])? },
        "demand_fell" => Because::DemandFell,
        "asked" => Because::Asked,
        _ => return None,
    })
}

/// The three rates of quantiles, the lowest first.
pub(crate) fn quantile_rates(quantiles: Quantiles) -> [BitRate; 3] {
    [Quantile::P50, Quantile::P90, Quantile::P99].map(|quantile| quantiles.at(quantile))
}

fn quantiles_json(quantiles: Quantiles) -> Value {
    Value::from_iter(quantile_rates(quantiles).map(BitRate::as_bps))
}

fn quantiles(value: &Value) -> Option<Quantiles> {
    let rate = |index: usize| value[index].as_u64().map(BitRate::from_bps);
    Some(Quantiles::new(rate(0)?, rate(1)?, rate(2)?))
}

/// What a decision's rate is made of, as JSON.
pub(crate) fn parts_json(parts: &[(Part, BitRate)]) -> String {
    Value::from_iter(parts.iter().map(|(part, rate)| {
        let part = match part {
            Part::Guarantee => "guarantee",
            Part::Share => "share",
        };
        json!([part, rate.as_bps()])
    }))
    .to_string()
}

pub(crate) fn parts(text: &str) -> Result<Vec<(Part, BitRate)>, StoreError> {
    let invalid = || unreadable("parts", text);
    let list: Vec<(String, u64)> = serde_json::from_str(text).map_err(|_| invalid())?;
    list.into_iter()
        .map(|(part, bps)| match part.as_str() {
            "guarantee" => Ok((Part::Guarantee, BitRate::from_bps(bps))),
            "share" => Ok((Part::Share, BitRate::from_bps(bps))),
            _ => Err(invalid()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{DeviceId, MacAddress};

    #[test]
    fn subjects_survive_their_word() {
        let device = DeviceId::Mac(MacAddress([0xa4, 0x5e, 0x60, 0, 0, 1]));
        let behind = DeviceId::Ip("fd00::5".parse().unwrap());
        let class = TrafficClass::Streaming;
        for subject in [
            Subject::Service,
            Subject::Link(LinkId(3)),
            Subject::Class(class),
            Subject::Device(device),
            Subject::Device(behind),
            Subject::Aggregate(Aggregate { device: behind, class }),
        ] {
            assert_eq!(super::subject(&subject_word(subject)).unwrap(), subject);
        }
        for word in ["", "link:x", "class:videos", "device:", "aggregate:web"] {
            assert!(super::subject(word).is_err(), "{word}");
        }
    }

    #[test]
    fn no_ceiling_survives() {
        assert_eq!(rate(integer(BitRate::MAX.as_bps())), BitRate::MAX);
        assert_eq!(natural(integer(12)), 12);
        assert_eq!(natural(-1), 0);
    }

    #[test]
    fn grounds_that_mean_nothing_are_errors() {
        for text in
            ["", "{}", "[{}]", r#"[{"why":"asked"},{"why":"magic"}]"#, r#"[{"why":"fair_share","tier":11,"level":1}]"#]
        {
            assert!(because(text).is_err(), "{text}");
        }
    }
}
