//! `equalnet queues`

use super::classes::per_link;
use super::devices::class_text;
use super::{Finding, Talk, View, read};
use crate::paint::Paint;
use crate::table::{Align, Cell, Table};
use crate::text::{count, moving, plain, volume};
use wire::{LinkStatus, Status};

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    view: View,
}

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    let links = |client: &crate::client::Client| Ok(read::<Status>(client, "status")?.links);
    talk.show(args.view, links, |links, paint, _| per_link(links, paint, text), |_| Finding::Fine)
}

fn text(link: &LinkStatus, paint: Paint) -> String {
    let mut text = match link.shaping.as_str() {
        "on" => String::new(),
        "failed" => format!("There are no queues of ours: {}\n", plain(&link.shaping_detail)),
        _ => "Not shaping: nothing waits in queues of ours.\n".to_owned(),
    };
    let mut table = Table::new(&[
        ("CLASS", Align::Left),
        ("↓ NOW", Align::Right),
        ("↓ WAITING", Align::Right),
        ("↓ DROPS/s", Align::Right),
        ("↑ NOW", Align::Right),
        ("↑ WAITING", Align::Right),
        ("↑ DROPS/s", Align::Right),
        ("DROPS IN ALL", Align::Right),
    ]);
    let some = |value: u64, text: String| if value == 0 { "·".to_owned() } else { text };
    for class in &link.classes {
        let word = class_text(&class.class);
        let total = class.drops_total.download.saturating_add(class.drops_total.upload);
        table.row(vec![
            Cell::painted(&word, paint.class(&class.class, &word)),
            moving(class.usage.download).into(),
            some(class.backlog.download, volume(class.backlog.download)).into(),
            some(class.drops.download, count(class.drops.download)).into(),
            moving(class.usage.upload).into(),
            some(class.backlog.upload, volume(class.backlog.upload)).into(),
            some(class.drops.upload, count(class.drops.upload)).into(),
            some(total, count(total)).into(),
        ]);
    }
    text.push_str(&table.render(paint));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{ClassStatus, Directed};

    #[test]
    fn what_waits_stands_out() {
        let link = LinkStatus {
            shaping: "on".to_owned(),
            classes: vec![
                ClassStatus { class: "call".to_owned(), ..ClassStatus::default() },
                ClassStatus {
                    class: "backup".to_owned(),
                    usage: Directed { download: 9_900_000, upload: 0 },
                    backlog: Directed { download: 38_000, upload: 0 },
                    drops: Directed { download: 9, upload: 0 },
                    drops_total: Directed { download: 12_345, upload: 0 },
                    ..ClassStatus::default()
                },
            ],
            ..LinkStatus::default()
        };
        assert_eq!(
            text(&link, Paint::Plain),
            "CLASS           ↓ NOW  ↓ WAITING  ↓ DROPS/s  ↑ NOW  ↑ WAITING  ↑ DROPS/s  DROPS IN ALL\n\
             C call              ·          ·          ·      ·          ·          ·             ·\n\
             B backup  9.90 Mbit/s    38.0 kB          9      ·          ·          ·        12 345\n"
        );
    }
}
