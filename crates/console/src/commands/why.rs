//! `equalnet why <device|class>`

use super::{Finding, Talk, decisions, now_ms, read};
use crate::find::find;
use crate::paint::{Paint, letter};
use crate::text::{bar, plain, rate};
use wire::{Device, Why};

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A device (its name, the beginning of it, its IP or MAC address) or a class (`backup`)
    subject: String,
    /// JSON for machines
    #[arg(long)]
    json: bool,
}

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    let class = args.subject.to_lowercase();
    let is_class = class == "unclassified" || letter(&class) != '?' && !class.is_empty();
    let path = if is_class {
        format!("why/{class}")
    } else {
        let devices: Vec<Device> = read(&talk.client, "devices")?;
        format!("why/{}", find(&devices, &args.subject)?.id)
    };
    let why: Why = read(&talk.client, &path)?;
    if args.json {
        talk.write_json(&why)?;
    } else {
        talk.write(&text(&why, talk.paint, now_ms()?))?;
    }
    Ok(Finding::Fine)
}

/// Cells of a bar.
const BAR: usize = 20;

fn text(why: &Why, paint: Paint, now_ms: u64) -> String {
    let mut text = format!("{}\n", paint.head(&plain(&why.what)));
    for (number, ground) in why.why.iter().enumerate() {
        text.push_str(&format!("  {}  {}\n", number + 1, plain(ground)));
    }
    let total = why.parts.iter().fold(0_u64, |sum, (_, part)| sum.saturating_add(*part));
    if total > 0 {
        text.push_str(&format!("{}\n", paint.head("Made of")));
        for (part, value) in &why.parts {
            text.push_str(&format!("  {part:<10}{} {}\n", bar(*value, total, BAR), rate(*value)));
        }
    }
    if !why.decisions.is_empty() {
        text.push_str(&format!("{}\n", paint.head("Lately")));
        for decision in &why.decisions {
            text.push_str(&decisions::line(decision, paint, now_ms));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grounds_are_numbered() {
        let why = Why {
            what: "NAS gets up to 10.0 Mbit/s down and 5.00 Mbit/s up.".to_owned(),
            why: vec!["The link is full.".to_owned(), "Its priority is 5 (1 is served first).".to_owned()],
            parts: vec![("guarantee".to_owned(), 2_500_000), ("share".to_owned(), 7_500_000)],
            ..Why::default()
        };
        assert_eq!(
            text(&why, Paint::Plain, 0),
            "NAS gets up to 10.0 Mbit/s down and 5.00 Mbit/s up.\n  \
             1  The link is full.\n  \
             2  Its priority is 5 (1 is served first).\n\
             Made of\n  \
             guarantee █████░░░░░░░░░░░░░░░ 2.50 Mbit/s\n  \
             share     ███████████████░░░░░ 7.50 Mbit/s\n"
        );
    }
}
