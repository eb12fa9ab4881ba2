//! `equalnet classes`

use super::devices::class_text;
use super::{Finding, Talk, View, read};
use crate::paint::Paint;
use crate::table::{Align, Cell, Table};
use crate::text::{moving, plain, rate};
use wire::{ForecastCurve, Grade, LinkStatus, Status};

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    view: View,
}

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    let links = |client: &crate::client::Client| Ok(read::<Status>(client, "status")?.links);
    talk.show(args.view, links, |links, paint, _| per_link(links, paint, text), |_| Finding::Fine)
}

/// `text` of each link, under its name where there are more than one.
pub(super) fn per_link(links: &[LinkStatus], paint: Paint, text: impl Fn(&LinkStatus, Paint) -> String) -> String {
    match links {
        [] => "No link is set up.\n".to_owned(),
        [one] => text(one, paint),
        many => many
            .iter()
            .map(|link| format!("{}\n{}", paint.head(&plain(&link.name)), text(link, paint)))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

fn text(link: &LinkStatus, paint: Paint) -> String {
    let mut table = Table::new(&[
        ("CLASS", Align::Left),
        ("↓ NOW", Align::Right),
        ("↑ NOW", Align::Right),
        ("↓ IN 15 s", Align::Right),
        ("AT MOST", Align::Right),
        ("↓ KEPT FREE", Align::Right),
        ("↑ KEPT FREE", Align::Right),
        ("UNDER LOAD", Align::Left),
        ("FLOWS", Align::Right),
    ]);
    let said = |forecast: &Option<ForecastCurve>, value: fn(&ForecastCurve) -> u64| {
        forecast.as_ref().map_or("–".to_owned(), |curve| rate(value(curve)))
    };
    for class in &link.classes {
        let word = class_text(&class.class);
        table.row(vec![
            Cell::painted(&word, paint.class(&class.class, &word)),
            moving(class.usage.download).into(),
            moving(class.usage.upload).into(),
            said(&class.forecast.download, |curve| curve.p50[2]).into(),
            said(&class.forecast.download, |curve| curve.p90[2]).into(),
            moving(class.reserved.download).into(),
            moving(class.reserved.upload).into(),
            class.grade.as_ref().map_or("–".to_owned(), under_load).into(),
            class.flows.to_string().into(),
        ]);
    }
    table.render(paint)
}

/// What queues add while the link is busy.
fn under_load(grade: &Grade) -> String {
    format!("{} +{:.0} ms", plain(&grade.grade), grade.added_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{ClassStatus, Directed};

    #[test]
    fn classes_stand_in_the_order_of_protection() {
        let curve = ForecastCurve { p50: [0, 0, 9_000_000, 0], p90: [0, 0, 12_000_000, 0], ..ForecastCurve::default() };
        let link = LinkStatus {
            classes: vec![
                ClassStatus { class: "voice".to_owned(), ..ClassStatus::default() },
                ClassStatus {
                    class: "call".to_owned(),
                    usage: Directed { download: 4_200_000, upload: 1_000_000 },
                    forecast: Directed { download: Some(curve), upload: None },
                    reserved: Directed { download: 10_000_000, upload: 0 },
                    flows: 2,
                    grade: Some(Grade { grade: "A".to_owned(), added_ms: 12.4, seconds: 34 }),
                    ..ClassStatus::default()
                },
            ],
            ..LinkStatus::default()
        };
        assert_eq!(
            per_link(&[link], Paint::Plain, text),
            "CLASS          ↓ NOW        ↑ NOW    ↓ IN 15 s      AT MOST  ↓ KEPT FREE  ↑ KEPT FREE  UNDER LOAD  FLOWS\n\
             V voice            ·            ·            –            –            ·            ·  –               0\n\
             C call   4.20 Mbit/s  1.00 Mbit/s  9.00 Mbit/s  12.0 Mbit/s  10.0 Mbit/s            ·  A +12 ms        2\n"
        );
        assert_eq!(per_link(&[], Paint::Plain, text), "No link is set up.\n");
    }
}
