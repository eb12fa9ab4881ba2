//! `equalnet set priority|weight|guarantee|ceiling|name <device> …`

use super::{Finding, Talk};
use crate::paint::Paint;
use crate::table::{Align, Table};
use crate::text::{plain, rate};
use wire::{ChangeEffect, Device, DeviceChange, Directed};

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// Only show whom it would give what
    #[arg(long, global = true)]
    preview: bool,
    /// JSON for machines
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// Who is served before whom: 1 is served first
    Priority {
        /// Its name, the beginning of it, its IP or its MAC address
        device: String,
        /// 1 to 5 (or to 10, as the configuration says)
        #[arg(value_parser = clap::value_parser!(u8).range(1..=10))]
        level: u8,
    },
    /// Its part among those of the same priority: 2 gets twice the share of 1
    Weight {
        /// Its name, the beginning of it, its IP or its MAC address
        device: String,
        /// 0.001 to 1000
        weight: f64,
    },
    /// What it gets whenever it asks
    Guarantee {
        /// Its name, the beginning of it, its IP or its MAC address
        device: String,
        #[command(flatten)]
        rates: Rates,
    },
    /// What it never exceeds, even when the link is idle
    Ceiling {
        /// Its name, the beginning of it, its IP or its MAC address
        device: String,
        #[command(flatten)]
        rates: Rates,
    },
    /// The name people give it
    Name {
        /// Its name, the beginning of it, its IP or its MAC address
        device: String,
        /// The new one; nothing ("") for what the device says itself
        name: String,
    },
}

#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Rates {
    /// Towards the device: `20 Mbit/s`, for a guarantee also `10 %`; `none` takes it away
    #[arg(long, value_name = "RATE")]
    down: Option<String>,
    /// From the device: the same
    #[arg(long, value_name = "RATE")]
    up: Option<String>,
}

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    let device = talk.find_device(args.what.device())?;
    let change = change(&args.what, &device);
    let path = format!("policy/devices/{}", device.id);
    let effect: ChangeEffect = if args.preview {
        talk.client.post(&format!("{path}/preview"), &change)?
    } else {
        talk.client.put(&path, &change)?
    };
    if args.json {
        talk.write_json(&effect)?;
    } else {
        talk.write(&text(&device, &change, &effect, talk.paint))?;
    }
    Ok(Finding::Fine)
}

impl What {
    fn device(&self) -> &str {
        match self {
            What::Priority { device, .. }
            | What::Weight { device, .. }
            | What::Guarantee { device, .. }
            | What::Ceiling { device, .. }
            | What::Name { device, .. } => device,
        }
    }
}

/// What to send; a direction nobody spoke of stays as `device` has it.
fn change(what: &What, device: &Device) -> DeviceChange {
    let nothing = DeviceChange::default();
    let given = |text: &String| if text == "none" { String::new() } else { text.clone() };
    match what {
        What::Priority { level, .. } => DeviceChange { priority: Some(*level), ..nothing },
        What::Weight { weight, .. } => DeviceChange { weight: Some(*weight), ..nothing },
        What::Name { name, .. } => DeviceChange { name: Some(name.clone()), ..nothing },
        What::Guarantee { rates, .. } => {
            let download = rates.down.as_ref().map_or_else(|| device.guarantee.download.clone(), given);
            let upload = rates.up.as_ref().map_or_else(|| device.guarantee.upload.clone(), given);
            DeviceChange { guarantee: Some(Directed { download, upload }), ..nothing }
        }
        What::Ceiling { rates, .. } => {
            let kept = |ceiling: Option<u64>| ceiling.map(|bps| format!("{bps} bit/s")).unwrap_or_default();
            let download = rates.down.as_ref().map_or_else(|| kept(device.ceiling.download), given);
            let upload = rates.up.as_ref().map_or_else(|| kept(device.ceiling.upload), given);
            DeviceChange { ceiling: Some(Directed { download, upload }), ..nothing }
        }
    }
}

fn text(device: &Device, change: &DeviceChange, effect: &ChangeEffect, paint: Paint) -> String {
    let verb = if effect.applied { "now has" } else { "would have" };
    let mut text = format!("{} {verb} {}.\n", plain(&device.name), words(change));
    if effect.devices.is_empty() {
        text.push_str("At the demand foreseen now, nobody's rate changes.\n");
    } else {
        let mut table = Table::new(&[
            ("NAME", Align::Left),
            ("↓ BEFORE", Align::Right),
            ("↓ AFTER", Align::Right),
            ("↑ BEFORE", Align::Right),
            ("↑ AFTER", Align::Right),
        ]);
        for one in &effect.devices {
            table.row(vec![
                plain(&one.name).into(),
                rate(one.before.download).into(),
                rate(one.after.download).into(),
                rate(one.before.upload).into(),
                rate(one.after.upload).into(),
            ]);
        }
        text.push_str(&table.render(paint));
    }
    if let Some(undo) = &effect.undo {
        for line in commands(&device.id, undo) {
            text.push_str(&paint.dim(&format!("Back with: {line}")));
            text.push('\n');
        }
    }
    text
}

fn words(change: &DeviceChange) -> String {
    let none = |text: &str| if text.is_empty() { "none".to_owned() } else { plain(text) };
    let mut words = Vec::new();
    if let Some(level) = change.priority {
        words.push(format!("priority {level}"));
    }
    if let Some(weight) = change.weight {
        words.push(format!("weight {weight}"));
    }
    if let Some(Directed { download, upload }) = &change.guarantee {
        words.push(format!("the guarantee ↓ {} ↑ {}", none(download), none(upload)));
    }
    if let Some(Directed { download, upload }) = &change.ceiling {
        words.push(format!("the ceiling ↓ {} ↑ {}", none(download), none(upload)));
    }
    if let Some(name) = &change.name {
        words.push(if name.is_empty() { "its own name".to_owned() } else { format!("the name {}", plain(name)) });
    }
    words.join(", ")
}

/// The commands that make `undo` come true.
fn commands(id: &str, undo: &DeviceChange) -> Vec<String> {
    let mut commands = Vec::new();
    if let Some(level) = undo.priority {
        commands.push(format!("equalnet set priority {id} {level}"));
    }
    if let Some(weight) = undo.weight {
        commands.push(format!("equalnet set weight {id} {weight}"));
    }
    let rate = |text: &str| if text.is_empty() { "none".to_owned() } else { format!("'{}'", plain(text)) };
    for (word, rates) in [("guarantee", &undo.guarantee), ("ceiling", &undo.ceiling)] {
        if let Some(Directed { download, upload }) = rates {
            commands.push(format!("equalnet set {word} {id} --down {} --up {}", rate(download), rate(upload)));
        }
    }
    if let Some(name) = &undo.name {
        // Quoted for a shell: a quote inside ends the quoting, stands for itself, and begins it again.
        commands.push(format!("equalnet set name {id} '{}'", plain(name).replace('\'', r"'\''")));
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::DeviceEffect;

    fn tv() -> Device {
        Device {
            id: "b0:00:00:00:00:01".to_owned(),
            name: "TV".to_owned(),
            guarantee: Directed { download: "10 %".to_owned(), upload: String::new() },
            ceiling: Directed { download: Some(30_000_000), upload: None },
            ..Device::default()
        }
    }

    /// What is sent for these words on the command line, as JSON.
    fn check(line: &str, sent: &str) {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let line = <Line as clap::Parser>::try_parse_from(std::iter::once("set").chain(line.split('_')));
        let found = match line {
            Ok(line) => serde_json::to_string(&change(&line.args.what, &tv())).unwrap(),
            Err(error) => error.kind().to_string(),
        };
        assert_eq!(found, sent);
    }

    #[test]
    fn what_is_typed_is_what_is_sent() {
        check("priority_tv_1", r#"{"priority":1}"#);
        check("weight_tv_2.5", r#"{"weight":2.5}"#);
        check("name_tv_Küche", r#"{"name":"Küche"}"#);
        check("name_tv_", r#"{"name":""}"#);
        check("guarantee_tv_--up_4 Mbit/s", r#"{"guarantee":{"download":"10 %","upload":"4 Mbit/s"}}"#);
        check("guarantee_tv_--down_none_--up_none", r#"{"guarantee":{"download":"","upload":""}}"#);
        check("ceiling_tv_--up_5M", r#"{"ceiling":{"download":"30000000 bit/s","upload":"5M"}}"#);
        check("ceiling_tv", "one or more required arguments were not provided");
        check("priority_tv_0", "invalid value for one of the arguments");
    }

    #[test]
    fn the_effect_is_shown_with_the_way_back() {
        let change = DeviceChange { priority: Some(1), ..DeviceChange::default() };
        let effect = ChangeEffect {
            applied: true,
            devices: vec![DeviceEffect {
                name: "NAS".to_owned(),
                before: Directed { download: 10_000_000, upload: 0 },
                after: Directed { download: 6_000_000, upload: 0 },
                ..DeviceEffect::default()
            }],
            undo: Some(DeviceChange {
                priority: Some(3),
                name: Some("Anna's TV".to_owned()),
                ..DeviceChange::default()
            }),
        };
        assert_eq!(
            text(&tv(), &change, &effect, Paint::Plain),
            "TV now has priority 1.\n\
             NAME     ↓ BEFORE      ↓ AFTER  ↑ BEFORE  ↑ AFTER\n\
             NAS   10.0 Mbit/s  6.00 Mbit/s   0 bit/s  0 bit/s\n\
             Back with: equalnet set priority b0:00:00:00:00:01 3\n\
             Back with: equalnet set name b0:00:00:00:00:01 'Anna'\\''s TV'\n"
        );
        let preview = ChangeEffect::default();
        assert_eq!(
            text(&tv(), &change, &preview, Paint::Plain),
            "TV would have priority 1.\nAt the demand foreseen now, nobody's rate changes.\n"
        );
    }
}
