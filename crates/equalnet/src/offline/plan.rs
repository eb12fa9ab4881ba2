//! `equalnet plan --scenario FILE.json`: the law applied to a file, without a daemon.
//!
//! What goes in: one JSON object,
//! `{"capacity_bps": N, "claims": [{"id", "tier", "weight", "guarantee_bps", "ceiling_bps", "demand_bps"}]}`.
//! A claim with a demand is a device of its own with one aggregate. A claim that holds `"claims"` is a device
//! with its aggregates, which then carry `tier` and `demand_bps` (and may carry `guarantee_bps`,
//! `ceiling_bps` and `class`); a claim that holds devices is a group of them.
//!
//! Left out, `weight` is 1, `guarantee_bps` 0, `ceiling_bps` none, `tier` that of the claim around it, else 3.
//! Inside a device, aggregates stand in class order if `class` (or else the id) is the word of a class, and
//! beside web if not. `protected_permille` (500) and `early_yielding` (false) may be set for the whole.
//!
//! What comes out: for each claim its rate (floor included, headroom left out), floor, ceiling, headroom and
//! the reason; all in bit/s, layer 2.

use allocate::{Claim, ClaimKind, Portion, Settings, Yielding, divide};
use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use vocab::{BitRate, Bound, Priority, Tier, TrafficClass, Weight};

/// How a scenario's capacity is divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScenarioResult {
    /// What there was to divide.
    pub capacity_bps: u64,
    /// What nobody asked for or may take.
    pub unused_bps: u64,
    /// The first tier in which the capacity ran out, if it did.
    pub exhausted_tier: Option<u8>,
    /// One for each claim, in the order of the file.
    pub allocations: Vec<ClaimResult>,
    /// Fields of the file that mean nothing here, by their path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

/// What the law gives one claim of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimResult {
    /// As in the file.
    pub id: String,
    /// The tier it stood in; of a device with aggregates, the first of theirs.
    pub tier: u8,
    /// What it (and what is in it) wants.
    pub demand_bps: u64,
    /// The total it gets: floor included, headroom left out.
    pub rate_bps: u64,
    /// What is served before anybody borrows.
    pub floor_bps: u64,
    /// What it never exceeds.
    pub ceiling_bps: u64,
    /// What nobody asked for and it could take; absent for an aggregate of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headroom_bps: Option<u64>,
    /// `demand`, `ceiling`, `device_ceiling`, `protected_ceiling`, `guarantee` or `share`.
    pub limited_by: &'static str,
    /// Where `limited_by` is `share`: the level of its tier, for a weight of 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level_bps: Option<u64>,
    /// Of a device with aggregates (or a group): one for each of them, in the order of the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allocations: Vec<ClaimResult>,
}

/// Divides what the scenario `json` describes. The error names the field that is missing or wrong.
pub fn plan_scenario(json: &str) -> Result<ScenarioResult> {
    let value: Value = serde_json::from_str(json).context("the scenario is no JSON")?;
    let mut reader = Reader::default();
    let fields = object(&value, "the scenario")?;
    reader.note_ignored(fields, "", &["capacity_bps", "claims", "protected_permille", "early_yielding"]);
    let capacity = rate(fields, "", "capacity_bps")?.context("capacity_bps: missing")?;
    let settings = Settings {
        protected_permille: protected_permille(fields)?,
        early_yielding: match fields.get("early_yielding") {
            None | Some(Value::Null) => false,
            Some(value) => value.as_bool().context("early_yielding: must be true or false")?,
        },
        ..Settings::default()
    };
    let values = claims_of(fields, "")?.context("claims: missing")?;
    let entries = reader.entries(values, "claims", None)?;
    let scale = weight_scale(&entries);
    let claims: Vec<Claim> = entries.iter().map(|entry| entry.as_device(scale)).collect();
    let divided = divide(capacity, &claims, settings);
    let used: BitRate = divided.portions.iter().map(|portion| portion.rate).sum();
    Ok(ScenarioResult {
        capacity_bps: capacity.as_bps(),
        unused_bps: capacity.saturating_sub(used).as_bps(),
        exhausted_tier: divided.exhausted.map(Tier::number),
        allocations: entries
            .into_iter()
            .zip(divided.portions)
            .map(|(entry, portion)| entry.result(portion, scale))
            .collect(),
        ignored: reader.ignored,
    })
}

/// One claim of the file.
struct Entry {
    id: String,
    /// From 0.001 to 1000, as in the file.
    weight: f64,
    guarantee: BitRate,
    ceiling: BitRate,
    kind: EntryKind,
}

enum EntryKind {
    Leaf { tier: Tier, class: Option<TrafficClass>, demand: BitRate },
    Inner(Vec<Entry>),
}

impl Entry {
    /// As a device (or group) beside others: what has a demand itself becomes a device with one aggregate.
    fn as_device(&self, scale: f64) -> Claim {
        let inner = match &self.kind {
            EntryKind::Leaf { .. } => vec![self.as_aggregate()],
            EntryKind::Inner(entries) if entries.iter().all(|entry| matches!(entry.kind, EntryKind::Leaf { .. })) => {
                entries.iter().map(Entry::as_aggregate).collect()
            }
            EntryKind::Inner(entries) => entries.iter().map(|entry| entry.as_device(scale)).collect(),
        };
        Claim {
            weight: Weight::from_ratio(self.weight * scale).unwrap_or(Weight::ONE),
            order: 0,
            guarantee: self.guarantee,
            ceiling: self.ceiling,
            kind: ClaimKind::Group(inner),
        }
    }

    fn as_aggregate(&self) -> Claim {
        let EntryKind::Leaf { tier, class, demand } = self.kind else {
            unreachable!("only leaves are aggregates");
        };
        Claim {
            weight: Weight::ONE,
            order: class.unwrap_or(TrafficClass::Unclassified).order(),
            guarantee: self.guarantee,
            ceiling: self.ceiling,
            kind: ClaimKind::Aggregate {
                tier,
                demand,
                forecast_floor: None,
                yielding: match class {
                    Some(class) if class.yields_early() => Yielding::Early,
                    Some(_) | None => Yielding::Never,
                },
            },
        }
    }

    fn result(self, mut portion: Portion, scale: f64) -> ClaimResult {
        let allocations = match self.kind {
            EntryKind::Leaf { .. } => {
                // A device of its own is told by its one aggregate, but shows the room of a device.
                let headroom = portion.headroom;
                if let Some(part) = portion.parts.pop() {
                    portion = Portion { headroom, ..part };
                }
                Vec::new()
            }
            EntryKind::Inner(entries) => {
                let is_device = portion.parts.iter().all(|part| part.parts.is_empty());
                let parts = std::mem::take(&mut portion.parts);
                let mut results: Vec<ClaimResult> =
                    entries.into_iter().zip(parts).map(|(entry, part)| entry.result(part, scale)).collect();
                if is_device {
                    results.iter_mut().for_each(|result| result.headroom_bps = None);
                }
                results
            }
        };
        ClaimResult {
            id: self.id,
            tier: portion.tier.number(),
            demand_bps: portion.demand.as_bps(),
            rate_bps: portion.rate.as_bps(),
            floor_bps: portion.floor.as_bps(),
            ceiling_bps: portion.ceiling.as_bps(),
            headroom_bps: Some(portion.headroom.as_bps()),
            limited_by: portion.bound.name(),
            level_bps: match portion.bound {
                Bound::Share { level, .. } => Some((level.as_bps() as f64 * scale) as u64),
                Bound::Demand | Bound::Ceiling | Bound::DeviceCeiling | Bound::ProtectedCeiling | Bound::Guarantee => {
                    None
                }
            },
            allocations,
        }
    }
}

/// Reads claims and remembers which fields it passed over.
#[derive(Default)]
struct Reader {
    ignored: Vec<String>,
}

impl Reader {
    fn entries(&mut self, values: &[Value], path: &str, tier_around: Option<Tier>) -> Result<Vec<Entry>> {
        let mut ids = BTreeSet::new();
        let mut entries = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let entry = self.entry(value, &path, tier_around)?;
            ensure!(ids.insert(entry.id.clone()), "{path}.id: `{}` is there twice", entry.id);
            entries.push(entry);
        }
        Ok(entries)
    }

    fn entry(&mut self, value: &Value, path: &str, tier_around: Option<Tier>) -> Result<Entry> {
        let fields = object(value, path)?;
        let dotted = format!("{path}.");
        self.note_ignored(
            fields,
            &dotted,
            &["id", "tier", "class", "weight", "guarantee_bps", "ceiling_bps", "demand_bps", "claims"],
        );
        let id = match fields.get("id") {
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            Some(_) => bail!("{path}.id: must be text"),
            None => bail!("{path}.id: missing"),
        };
        let own_tier = tier(fields, &dotted)?;
        let class = class(fields, &dotted, &id)?;
        let kind = match claims_of(fields, &dotted)? {
            Some(values) => {
                ensure!(
                    fields.get("demand_bps").is_none_or(Value::is_null),
                    "{path}.demand_bps: a claim that holds claims has no demand of its own"
                );
                EntryKind::Inner(self.entries(values, &format!("{path}.claims"), own_tier.or(tier_around))?)
            }
            None => EntryKind::Leaf {
                tier: own_tier
                    .or_else(|| class.filter(|class| class.is_protected()).map(|_| Tier::PROTECTED))
                    .or(tier_around)
                    .unwrap_or(Priority::NORMAL.tier()),
                class,
                demand: rate(fields, &dotted, "demand_bps")?
                    .with_context(|| format!("{path}.demand_bps: missing (and there are no claims in it)"))?,
            },
        };
        Ok(Entry {
            id,
            weight: weight(fields, &dotted)?,
            guarantee: rate(fields, &dotted, "guarantee_bps")?.unwrap_or(BitRate::ZERO),
            ceiling: rate(fields, &dotted, "ceiling_bps")?.unwrap_or(BitRate::MAX),
            kind,
        })
    }

    fn note_ignored(&mut self, fields: &Map<String, Value>, path: &str, known: &[&str]) {
        let unknown = fields.keys().filter(|name| !known.contains(&name.as_str()));
        self.ignored.extend(unknown.map(|name| format!("{path}{name}")));
    }
}

fn object<'v>(value: &'v Value, path: &str) -> Result<&'v Map<String, Value>> {
    value.as_object().with_context(|| format!("{path}: must be an object"))
}

fn claims_of<'v>(fields: &'v Map<String, Value>, path: &str) -> Result<Option<&'v [Value]>> {
    match fields.get("claims") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(values)) => Ok(Some(values)),
        Some(_) => bail!("{path}claims: must be a list"),
    }
}

/// A rate in bit/s; `None` where it is absent or null. Fractions are rounded to the nearest bit/s.
fn rate(fields: &Map<String, Value>, path: &str, name: &str) -> Result<Option<BitRate>> {
    let Some(value) = fields.get(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    if let Some(bps) = value.as_u64() {
        return Ok(Some(BitRate::from_bps(bps)));
    }
    match value.as_f64() {
        // Casting saturates: what no link can have is as good as no ceiling.
        Some(bps) if bps.is_finite() && bps >= 0.0 => Ok(Some(BitRate::from_bps(bps.round() as u64))),
        Some(_) | None => bail!("{path}{name}: must be a rate in bit/s, 0 or more, not {value}"),
    }
}

fn weight(fields: &Map<String, Value>, path: &str) -> Result<f64> {
    match fields.get("weight") {
        None | Some(Value::Null) => Ok(1.0),
        Some(value) => value
            .as_f64()
            .filter(|&ratio| Weight::from_ratio(ratio).is_some())
            .with_context(|| format!("{path}weight: must be a number from 0.001 to 1000, not {value}")),
    }
}

/// What all weights are multiplied with: only their ratios matter, and a [`Weight`] counts in thousandths, so
/// finer ones are scaled up to where the rounding is a millionth of the largest.
fn weight_scale(entries: &[Entry]) -> f64 {
    fn all(entries: &[Entry], visit: &mut impl FnMut(f64)) {
        for entry in entries {
            visit(entry.weight);
            if let EntryKind::Inner(inner) = &entry.kind {
                all(inner, visit);
            }
        }
    }
    let (mut largest, mut fine) = (0.0f64, false);
    all(entries, &mut |weight| {
        largest = largest.max(weight);
        fine |= (weight * 1_000.0 - (weight * 1_000.0).round()).abs() > 1e-6;
    });
    if fine { 1_000.0 / largest } else { 1.0 }
}

fn tier(fields: &Map<String, Value>, path: &str) -> Result<Option<Tier>> {
    match fields.get("tier") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_u64()
            .and_then(|number| u8::try_from(number).ok())
            .and_then(Tier::new)
            .map(Some)
            .with_context(|| format!("{path}tier: must be a whole number from 0 (protected) to 10, not {value}")),
    }
}

/// The class a claim names; else the class that its id is the word of.
fn class(fields: &Map<String, Value>, path: &str, id: &str) -> Result<Option<TrafficClass>> {
    match fields.get("class") {
        None | Some(Value::Null) => Ok(id.parse().ok()),
        Some(Value::String(word)) => word.parse().map(Some).with_context(|| format!("{path}class")),
        Some(value) => bail!("{path}class: must be the word of a class, not {value}"),
    }
}

fn protected_permille(fields: &Map<String, Value>) -> Result<u16> {
    match fields.get("protected_permille") {
        None | Some(Value::Null) => Ok(Settings::default().protected_permille),
        Some(value) => value
            .as_u64()
            .filter(|&permille| permille <= 1_000)
            .map(|permille| permille as u16)
            .with_context(|| format!("protected_permille: must be a whole number from 0 to 1000, not {value}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `id rate reason` of every claim, inner ones as `device/id`.
    fn told(allocations: &[ClaimResult], around: &str) -> Vec<String> {
        allocations
            .iter()
            .flat_map(|result| {
                let id = format!("{around}{}", result.id);
                let own = format!("{id} {} {}", result.rate_bps, result.limited_by);
                [own].into_iter().chain(told(&result.allocations, &format!("{id}/")))
            })
            .collect()
    }

    fn check(json: &str, expected: &[&str]) {
        let result = plan_scenario(json).unwrap();
        assert_eq!(told(&result.allocations, ""), expected);
    }

    fn check_refused(json: &str, expected: &str) {
        let error = format!("{:#}", plan_scenario(json).unwrap_err());
        assert!(error.contains(expected), "`{error}` does not say `{expected}`");
    }

    #[test]
    fn the_worked_example_flat() {
        check(
            r#"{"capacity_bps": 100, "claims": [
                {"id": "a", "tier": 1, "weight": 1.0, "guarantee_bps": 10, "ceiling_bps": 100, "demand_bps": 70},
                {"id": "b", "tier": 3, "weight": 1.0, "guarantee_bps": 20, "ceiling_bps": 100, "demand_bps": 50},
                {"id": "e", "tier": 3, "weight": 1.0, "guarantee_bps": 5, "ceiling_bps": 100, "demand_bps": 50},
                {"id": "v", "tier": 0, "weight": 1.0, "guarantee_bps": 2, "ceiling_bps": 100, "demand_bps": 2}]}"#,
            &["a 70 demand", "b 20 guarantee", "e 8 share", "v 2 demand"],
        );
    }

    #[test]
    fn the_worked_example_with_a_call_on_a_device() {
        check(
            r#"{"capacity_bps": 100, "claims": [
                {"id": "a", "tier": 1, "guarantee_bps": 10, "demand_bps": 70},
                {"id": "b", "tier": 3, "guarantee_bps": 20, "demand_bps": 50},
                {"id": "e", "guarantee_bps": 5, "claims": [
                    {"id": "web", "tier": 3, "demand_bps": 50}, {"id": "call", "tier": 0, "demand_bps": 2}]}]}"#,
            &["a 70 demand", "b 20 guarantee", "e 10 share", "e/web 8 share", "e/call 2 demand"],
        );
    }

    #[test]
    fn the_form_of_the_answer() {
        let result = plan_scenario(
            r#"{"capacity_bps": 1e8, "claims": [{"id": "a", "tier": 1, "ceiling_bps": 4e7, "demand_bps": 5000000}]}"#,
        );
        assert_eq!(
            serde_json::to_value(result.unwrap()).unwrap(),
            serde_json::json!({"capacity_bps": 100_000_000, "unused_bps": 95_000_000, "exhausted_tier": null,
                "allocations": [{"id": "a", "tier": 1, "demand_bps": 5_000_000, "rate_bps": 5_000_000,
                    "floor_bps": 0, "ceiling_bps": 40_000_000, "headroom_bps": 35_000_000,
                    "limited_by": "demand"}]})
        );
    }

    #[test]
    fn ceilings_of_devices_and_groups() {
        check(
            r#"{"capacity_bps": 100, "claims": [
                {"id": "d", "ceiling_bps": 10, "claims": [
                    {"id": "x", "tier": 2, "demand_bps": 50}, {"id": "y", "tier": 2, "demand_bps": 50}]},
                {"id": "g", "weight": 2, "claims": [
                    {"id": "p", "tier": 2, "demand_bps": 90},
                    {"id": "q", "claims": [{"id": "web", "tier": 2, "demand_bps": 90}]}]},
                {"id": "f", "tier": 2, "ceiling_bps": 20, "demand_bps": 90}]}"#,
            &[
                "d 10 ceiling",
                "d/x 5 device_ceiling",
                "d/y 5 device_ceiling",
                "g 70 share",
                "g/p 35 share",
                "g/q 35 share",
                "g/q/web 35 share",
                "f 20 ceiling",
            ],
        );
    }

    #[test]
    fn weights_finer_than_thousandths_count() {
        check(
            r#"{"capacity_bps": 1000000, "claims": [
                {"id": "a", "tier": 1, "weight": 0.00125, "demand_bps": 1000000},
                {"id": "b", "tier": 1, "weight": 0.005, "demand_bps": 1000000}]}"#,
            &["a 200000 share", "b 800000 share"],
        );
    }

    #[test]
    fn wrong_scenarios_name_the_field() {
        check_refused("{", "no JSON");
        check_refused("[]", "the scenario: must be an object");
        check_refused(r#"{"claims": []}"#, "capacity_bps: missing");
        check_refused(r#"{"capacity_bps": 1}"#, "claims: missing");
        check_refused(r#"{"capacity_bps": -1, "claims": []}"#, "capacity_bps: must be a rate");
        check_refused(r#"{"capacity_bps": 1, "claims": [{"id": "a"}]}"#, "claims[0].demand_bps: missing");
        check_refused(
            r#"{"capacity_bps": 1, "claims": [{"id": "a", "demand_bps": 1, "tier": 11}]}"#,
            "claims[0].tier: must be",
        );
        check_refused(
            r#"{"capacity_bps": 1, "claims": [{"id": "a", "demand_bps": 1, "weight": 0}]}"#,
            "claims[0].weight: must be",
        );
        check_refused(
            r#"{"capacity_bps": 1, "claims": [{"id": "a", "claims": [{"id": "b", "demand_bps": "much"}]}]}"#,
            "claims[0].claims[0].demand_bps: must be",
        );
        check_refused(
            r#"{"capacity_bps": 1, "claims": [{"id": "a", "demand_bps": 1}, {"id": "a", "demand_bps": 1}]}"#,
            "claims[1].id: `a` is there twice",
        );
    }

    #[test]
    fn unknown_fields_are_passed_over_and_named() {
        let json = r#"{"capacity_bps": 1, "note": "", "claims": [{"id": "a", "demand_bps": 1, "garantee_bps": 1}]}"#;
        assert_eq!(plan_scenario(json).unwrap().ignored, ["note", "claims[0].garantee_bps"]);
    }
}
