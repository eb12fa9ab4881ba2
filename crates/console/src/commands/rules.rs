//! `equalnet rules`, `equalnet rule add|remove`, `equalnet reclassify`

use super::devices::class_text;
use super::flows::CLASSES;
use super::{Finding, Talk, View, read};
use crate::paint::Paint;
use crate::table::{Align, Cell, Table};
use crate::text::{ago, count, plain, volume};
use wire::{Flow, Reclassify, Rule, RuleChange, RuleConditions};

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    view: View,
}

#[derive(Clone, Debug, clap::Args)]
pub struct ChangeArgs {
    #[command(subcommand)]
    what: What,
    /// JSON for machines
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// One more rule, asked before all others
    #[command(
        after_help = "All conditions given must hold. The rule is saved, and in force at once, for open flows too.\n\n\
        Examples:\n  equalnet rule add --name netflix.com --class streaming\n  \
        equalnet rule add --device kid-tablet --class backup --comment 'school tablets'\n  \
        equalnet rule add --server 203.0.113.0/24 --protocol udp --port 5000-5100 --class call\n  \
        equalnet rule add --device 'desk phone' --dscp EF --class voice"
    )]
    Add(Box<Add>),
    /// Take away a rule that was set by hand
    #[command(
        after_help = "Open flows are at once what they were without it.\n\nExamples:\n  equalnet rule remove hand-3"
    )]
    Remove {
        /// Its id, as `equalnet rules` shows it
        id: String,
    },
}

#[derive(Clone, Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    when: When,
    /// What such flows are for
    #[arg(long, value_parser = CLASSES)]
    class: String,
    /// What to call their application, instead of what EqualNet recognises
    #[arg(long, default_value = "", hide_default_value = true)]
    label: String,
    /// Why, for those who read it later
    #[arg(long, default_value = "", hide_default_value = true)]
    comment: String,
}

#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct When {
    /// Server name: it and all below it; `ocsp.*` is a first label
    #[arg(long)]
    name: Option<String>,
    /// Application as EqualNet recognises it
    #[arg(long)]
    application: Option<String>,
    /// Address of the other end, or a block such as 203.0.113.0/24
    #[arg(long, value_name = "ADDRESS")]
    server: Option<String>,
    /// Address of either end, or a block
    #[arg(long)]
    address: Option<String>,
    /// tcp, udp, another name, or the number
    #[arg(long)]
    protocol: Option<String>,
    /// Port of either end, or a range such as 5000-5100
    #[arg(long)]
    port: Option<String>,
    /// Mark that the device sets: 0 to 63, or a name such as EF; marks are believed nowhere else
    #[arg(long, value_name = "MARK")]
    dscp: Option<String>,
    /// Device: its name, the beginning of it, its IP or its MAC address
    #[arg(long)]
    device: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
pub struct ReclassifyArgs {
    /// Either end as `equalnet flows` shows it, the server's name, or the flow's id (`equalnet flows --json`)
    flow: String,
    /// What it is for
    #[arg(long = "as", value_name = "CLASS", value_parser = CLASSES)]
    class: String,
    /// Only for its device, not for everybody
    #[arg(long)]
    device_only: bool,
    /// JSON for machines
    #[arg(long)]
    json: bool,
}

pub(super) fn list(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    talk.show(
        args.view,
        |client| read::<Vec<Rule>>(client, "rules"),
        |rules, paint, now_ms| text(rules, paint, now_ms),
        |_| Finding::Fine,
    )
}

pub(super) fn change(talk: &mut Talk, args: &ChangeArgs) -> anyhow::Result<Finding> {
    match &args.what {
        What::Add(add) => {
            let mut wanted = change_of(add);
            if let Some(device) = &mut wanted.when.device {
                *device = talk.find_device(device)?.id;
            }
            let rule: Rule = talk.client.post("rules", &wanted)?;
            tell(talk, &rule, args.json)
        }
        What::Remove { id } => {
            talk.client.delete(&format!("rules/{id}"))?;
            if args.json {
                talk.write_json(&serde_json::json!({ "removed": id }))?;
            } else {
                talk.write(&format!("{id} is gone.\n"))?;
            }
            Ok(Finding::Fine)
        }
    }
}

pub(super) fn reclassify(talk: &mut Talk, args: &ReclassifyArgs) -> anyhow::Result<Finding> {
    let flows: Vec<Flow> = talk.client.get("flows?limit=1000")?;
    let id = &find(&flows, &args.flow)?.id;
    let scope = if args.device_only { "device" } else { "everybody" };
    let wanted = Reclassify { class: args.class.clone(), scope: scope.to_owned() };
    let rule: Rule = talk.client.post(&format!("flows/{id}/class"), &wanted)?;
    tell(talk, &rule, args.json)
}

fn tell(talk: &Talk, rule: &Rule, json: bool) -> anyhow::Result<Finding> {
    if json {
        talk.write_json(rule)?;
    } else {
        talk.write(&told(rule, talk.paint))?;
    }
    Ok(Finding::Fine)
}

fn told(rule: &Rule, paint: Paint) -> String {
    let way_back = paint.dim(&format!("Back with: equalnet rule remove {}", rule.id));
    format!("{}: {} is {} from now on.\n{way_back}\n", rule.id, plain(&rule.words), rule.class)
}

fn change_of(add: &Add) -> RuleChange {
    let When { name, application, server, address, protocol, port, dscp, device } = add.when.clone();
    RuleChange {
        when: RuleConditions { name, address, server, port, protocol, device, dscp, application },
        class: add.class.clone(),
        label: add.label.clone(),
        comment: add.comment.clone(),
    }
}

/// Why no flow, or not one, was found.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum NoFlow {
    #[error(
        "no flow is called `{0}`: say either end as `equalnet flows` shows it, or write a rule (`equalnet rule add`)"
    )]
    Nobody(String),
    #[error("`{text}` may be any of these, say which:\n{candidates}")]
    Many { text: String, candidates: String },
}

/// The busiest flow that `text` means, where all that it may mean are with the same server.
fn find<'a>(flows: &'a [Flow], text: &str) -> Result<&'a Flow, NoFlow> {
    let wanted = text.trim().to_lowercase();
    let means = |flow: &&Flow| {
        let mut names = vec![flow.id.clone(), super::flows::from(flow), super::flows::to(flow)];
        names.push(super::flows::end(&flow.destination_ip, flow.destination_port));
        names.push(flow.server_name.clone());
        !wanted.is_empty() && names.iter().any(|name| name.to_lowercase() == wanted)
    };
    let mut fitting = flows.iter().filter(means);
    let Some(first) = fitting.next() else { return Err(NoFlow::Nobody(plain(text))) };
    let others: Vec<&Flow> = fitting.filter(|flow| super::flows::to(flow) != super::flows::to(first)).collect();
    if others.is_empty() {
        return Ok(first);
    }
    let lines = std::iter::once(first).chain(others).take(12).map(|flow| format!("  {}", super::flows::to(flow)));
    Err(NoFlow::Many { text: plain(text), candidates: lines.collect::<Vec<_>>().join("\n") })
}

fn text(rules: &[Rule], paint: Paint, now_ms: u64) -> String {
    if rules.is_empty() {
        return "There are no rules: EqualNet decides by itself.\n\
            Correct it with `equalnet reclassify`, or add one with `equalnet rule add`.\n"
            .to_owned();
    }
    let mut table = Table::new(&[
        ("RULE", Align::Left),
        ("CLASS", Align::Left),
        ("FLOWS THAT FIT", Align::Left),
        ("MATCHED", Align::Right),
        ("MOVED", Align::Right),
        ("LAST", Align::Right),
    ]);
    for rule in rules {
        let class = class_text(&rule.class);
        let words = plain(&rule.words);
        let comment = plain(&rule.comment);
        let fits = if comment.is_empty() { words } else { format!("{words}  ({comment})") };
        let (matched, moved, last) = match rule.last_ms {
            Some(last_ms) => (count(rule.flows), volume(rule.bytes), ago(last_ms, now_ms)),
            None => ("never".to_owned(), "·".to_owned(), "·".to_owned()),
        };
        table.row(vec![
            rule.id.clone().into(),
            Cell::painted(&class, paint.class(&rule.class, &class)),
            fits.into(),
            matched.into(),
            moved.into(),
            last.into(),
        ]);
    }
    let counted = paint.dim("The first rule that fits wins. Counted since EqualNet started.");
    format!("{}{counted}\n", table.render(paint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_never_matched_says_so() {
        let netflix = Rule {
            id: "hand-2".to_owned(),
            by_hand: true,
            class: "streaming".to_owned(),
            words: "server name netflix.com".to_owned(),
            flows: 1_200,
            bytes: 3_210_000_000,
            last_ms: Some(1_000),
            ..Rule::default()
        };
        let school = Rule {
            id: "file-1".to_owned(),
            class: "backup".to_owned(),
            comment: "school tablets".to_owned(),
            words: "device kid-tablet".to_owned(),
            ..Rule::default()
        };
        assert_eq!(
            text(&[netflix.clone(), school], Paint::Plain, 5_000),
            "RULE    CLASS        FLOWS THAT FIT                       MATCHED    MOVED     LAST\n\
             hand-2  S streaming  server name netflix.com                1 200  3.21 GB  4 s ago\n\
             file-1  B backup     device kid-tablet  (school tablets)    never        ·        ·\n\
             The first rule that fits wins. Counted since EqualNet started.\n"
        );
        assert!(text(&[], Paint::Plain, 0).contains("equalnet rule add"));
        assert_eq!(
            told(&netflix, Paint::Plain),
            "hand-2: server name netflix.com is streaming from now on.\nBack with: equalnet rule remove hand-2\n"
        );
    }

    /// What is sent for these words on the command line, as JSON.
    fn check(line: &str, sent: &str) {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: ChangeArgs,
        }
        let line = <Line as clap::Parser>::try_parse_from(std::iter::once("rule").chain(line.split('_')));
        let found = match line {
            Ok(Line { args: ChangeArgs { what: What::Add(add), .. } }) => {
                serde_json::to_string(&change_of(&add)).unwrap()
            }
            Ok(Line { args: ChangeArgs { what: What::Remove { id }, .. } }) => id,
            Err(error) => error.kind().to_string(),
        };
        assert_eq!(found, sent);
    }

    #[test]
    fn what_is_typed_is_what_is_sent() {
        check("add_--name_netflix.com_--class_streaming", r#"{"when":{"name":"netflix.com"},"class":"streaming"}"#);
        check(
            "add_--device_tv_--dscp_EF_--port_5000-5100_--class_call_--comment_the TV's calls",
            r#"{"when":{"port":"5000-5100","device":"tv","dscp":"EF"},"class":"call","comment":"the TV's calls"}"#,
        );
        check("add_--class_call", "one or more required arguments were not provided");
        check("add_--name_a_--class_video", "one of the values isn't valid for an argument");
        check("remove_hand-3", "hand-3");
    }

    #[test]
    fn a_flow_is_found_by_what_is_shown_of_it() {
        let flow = |source_port: u16, name: &str, ip: &str, port: u16| Flow {
            id: format!("udp-192.168.1.20-{source_port}-{ip}-{port}"),
            source_ip: "192.168.1.20".to_owned(),
            source_port,
            destination_ip: ip.to_owned(),
            destination_port: port,
            server_name: name.to_owned(),
            ..Flow::default()
        };
        let flows = [
            flow(50_000, "zoom.us", "198.51.100.7", 8801),
            flow(50_001, "zoom.us", "198.51.100.8", 8801),
            flow(50_002, "zoom.us", "198.51.100.8", 443),
            flow(50_003, "", "fd00::1", 53),
        ];
        let source = |text: &str| find(&flows, text).map(|flow| flow.source_port).map_err(|error| error.to_string());
        for (text, expected) in [
            ("Zoom.us:8801", 50_000),
            ("198.51.100.8:8801", 50_001),
            ("192.168.1.20:50002", 50_002),
            ("udp-192.168.1.20-50003-fd00::1-53", 50_003),
            ("[fd00::1]:53", 50_003),
        ] {
            assert_eq!(source(text), Ok(expected), "{text}");
        }
        let many = "`zoom.us` may be any of these, say which:\n  zoom.us:8801\n  zoom.us:443";
        assert_eq!(source("zoom.us").unwrap_err(), many);
        assert!(source("netflix.com").unwrap_err().starts_with("no flow is called `netflix.com`"));
        assert!(source("").is_err());
    }
}
