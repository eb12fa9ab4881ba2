//! What was measured, for people: a table for each scenario, its figures down, who shaped across.

use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt::Write;

/// One scenario beside one peer, for the terminal.
pub fn cell(cell: &Value) -> String {
    let mut text = String::new();
    for (name, value) in figures(cell) {
        let _ = writeln!(text, "    {name:<40} {:>12}", number(value));
    }
    for line in strings(&cell["failures"]).chain(strings(&cell["notes"])) {
        let _ = writeln!(text, "    {line}");
    }
    text
}

/// Everything: what was promised as one table, then each scenario's figures, in the order of those in `listed`.
pub fn all(listed: &[&Value], found: &[Value]) -> String {
    let mut text = promises(listed, found);
    for scenario in listed {
        let name = &scenario["scenario"];
        let peers = strings(&scenario["peers"]);
        // In the order in which the lab lists the peers.
        let cells: Vec<&Value> = peers
            .filter_map(|peer| found.iter().find(|cell| cell["scenario"] == *name && cell["peer"] == peer))
            .collect();
        if !cells.is_empty() {
            one(&mut text, scenario, &cells);
        }
    }
    text
}

/// One row for each promise, one column for each peer that kept or broke one.
fn promises(listed: &[&Value], found: &[Value]) -> String {
    let cell_of = |scenario: &Value, peer: &str| {
        found.iter().find(|cell| cell["scenario"] == scenario["scenario"] && cell["peer"] == peer)
    };
    let mut peers: Vec<&str> = Vec::new();
    for peer in listed.iter().flat_map(|scenario| strings(&scenario["peers"])) {
        if !peers.contains(&peer) && listed.iter().any(|scenario| cell_of(scenario, peer).is_some()) {
            peers.push(peer);
        }
    }
    let mut text = format!("| | goal | {} |\n|---|---|{}\n", peers.join(" | "), "---:|".repeat(peers.len()));
    for scenario in listed {
        let cells: Vec<Option<&Value>> = peers.iter().map(|peer| cell_of(scenario, peer)).collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let name = scenario["scenario"].as_str().unwrap_or_default();
        for (figure, words, bound) in scenario["goals"].as_array().into_iter().flatten().filter_map(goal) {
            let _ = write!(text, "| {name}: {} | {words} |", figure.replace('_', " "));
            for cell in &cells {
                let _ = match cell {
                    None => write!(text, " |"),
                    Some(cell) => write!(text, " {} |", judged(&cell["figures"][figure], Some(bound))),
                };
            }
            text.push('\n');
        }
    }
    text.push('\n');
    text
}

/// A figure, in bold where it keeps what was promised.
fn judged(value: &Value, bound: Option<&Value>) -> String {
    let shown = number(value);
    if bound.is_some_and(|bound| is_kept(value, bound)) { format!("**{shown}**") } else { shown }
}

fn one(text: &mut String, scenario: &Value, cells: &[&Value]) {
    let name = scenario["scenario"].as_str().unwrap_or_default();
    let _ = writeln!(text, "**{name}**: {}\n", scenario["shows"].as_str().unwrap_or_default());
    let names: BTreeSet<&String> = cells.iter().flat_map(|cell| figures(cell).map(|(name, _)| name)).collect();
    let header: String = cells.iter().map(|cell| format!(" {} |", cell["peer"].as_str().unwrap_or("?"))).collect();
    let _ = writeln!(text, "| | goal |{header}\n|---|---|{}", "---:|".repeat(cells.len()));
    // What was promised comes first.
    let goals: Vec<(&str, &str, &Value)> =
        scenario["goals"].as_array().into_iter().flatten().filter_map(goal).collect();
    let promised = goals.iter().map(|(figure, words, bound)| (*figure, *words, Some(*bound)));
    let is_promised = |name: &str| goals.iter().any(|(figure, _, _)| *figure == name);
    let others = names.iter().filter(|name| !is_promised(name)).map(|name| (name.as_str(), "", None));
    for (figure, words, bound) in promised.chain(others) {
        let _ = write!(text, "| {} | {words} |", figure.replace('_', " "));
        for cell in cells {
            let _ = write!(text, " {} |", judged(&cell["figures"][figure], bound));
        }
        text.push('\n');
    }
    for cell in cells {
        for line in strings(&cell["failures"]) {
            let _ = writeln!(text, "\n{}: {}", cell["peer"].as_str().unwrap_or("?"), line.lines().next().unwrap_or(""));
        }
    }
    text.push('\n');
}

/// A goal as the lab lists it: the figure, in words, the bound.
fn goal(listed: &Value) -> Option<(&str, &str, &Value)> {
    Some((listed[0].as_str()?, listed[1].as_str()?, &listed[2]))
}

fn is_kept(value: &Value, bound: &Value) -> bool {
    let Some(value) = value.as_f64() else { return false };
    match (bound["at_most"].as_f64(), bound["at_least"].as_f64()) {
        (Some(most), _) => value <= most,
        (_, Some(least)) => value >= least,
        (None, None) => false,
    }
}

fn figures(cell: &Value) -> impl Iterator<Item = (&String, &Value)> {
    cell["figures"].as_object().into_iter().flat_map(Map::iter)
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Three digits that matter, at least; a figure that could not be measured is a dash.
fn number(value: &Value) -> String {
    match value.as_f64() {
        None => "–".to_owned(),
        Some(value) if value.fract() == 0.0 => format!("{value}"),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) if value.abs() >= 1.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_scenario_is_a_table_with_its_promises_first() {
        let listed = json!({"scenario": "rrul", "shows": "load", "peers": ["none", "cake", "equalnet"],
            "goals": [["p99_ms", "≤ 5", {"at_most": 5.0}], ["jain", "≥ 0.99", {"at_least": 0.99}]]});
        let found = [
            json!({"scenario": "rrul", "peer": "cake", "figures": {"jain": 0.998, "p99_ms": 7.25, "lost": 3.0}}),
            json!({"scenario": "rrul", "peer": "none", "figures": {"jain": null, "p99_ms": 486.0},
                "failures": ["no daemon\nand more"]}),
            json!({"scenario": "other", "peer": "none", "figures": {"jain": 1.0}}),
        ];
        let expected = "| | goal | none | cake |\n\
            |---|---|---:|---:|\n\
            | rrul: p99 ms | ≤ 5 | 486 | 7.25 |\n\
            | rrul: jain | ≥ 0.99 | – | **0.998** |\n\
            \n**rrul**: load\n\n\
            | | goal | none | cake |\n\
            |---|---|---:|---:|\n\
            | p99 ms | ≤ 5 | 486 | 7.25 |\n\
            | jain | ≥ 0.99 | – | **0.998** |\n\
            | lost |  | – | 3 |\n\
            \nnone: no daemon\n\n";
        assert_eq!(all(&[&listed], &found), expected);
    }

    #[test]
    fn numbers_show_what_matters() {
        let check = |value: f64, expected: &str| assert_eq!(number(&json!(value)), expected);
        check(0.123_45, "0.123");
        check(4.123_45, "4.12");
        check(41.23, "41.2");
        check(412.3, "412");
        check(0.0, "0");
        assert_eq!(number(&Value::Null), "–");
    }
}
