//! `equalnet forecast show`, and the way to its sisters

use super::devices::class_text;
use super::{Finding, Talk, View, read};
use crate::paint::Paint;
use crate::table::{Align, Cell, Table};
use crate::text::{ago, date, moving, plain};
use std::collections::BTreeMap;
use wire::{Directed, ForecastCurve, ForecastView, ModelStanding, SeriesView, WeightsView};

/// What can be asked of the running EqualNet about forecasts.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ForecastCommand {
    /// What each class and device will want in the next 15 s, and who says so
    #[command(after_help = "Examples:\n  equalnet forecast show\n  equalnet forecast show streaming\n  \
        equalnet forecast show laptop --watch")]
    Show(ShowArgs),
    /// The next hour and day, when it is busy, and when a quota runs out
    #[command(
        after_help = "Of the link, or of one device. It is made of what was recorded hour by hour, and moves no \
        guarantee.\n\nExit code: 0 fine, 1 the quota is used up or likely will be, 2 EqualNet did not answer.\n\n\
        Examples:\n  equalnet forecast outlook\n  equalnet forecast outlook tv\n  \
        equalnet forecast outlook --quota 500GB --resets 15\n  equalnet forecast outlook --json | jq .both.day"
    )]
    Outlook(super::outlook::Args),
}

/// `equalnet forecast show`
#[derive(Clone, Debug, clap::Args)]
pub struct ShowArgs {
    /// One of them in full: a class, a link's name, or a device's name or address (or its beginning)
    series: Option<String>,
    #[command(flatten)]
    view: View,
}

pub(super) fn run(talk: &mut Talk, command: &ForecastCommand) -> anyhow::Result<Finding> {
    match command {
        ForecastCommand::Show(args) => show(talk, args),
        ForecastCommand::Outlook(args) => super::outlook::run(talk, args),
    }
}

fn show(talk: &mut Talk, args: &ShowArgs) -> anyhow::Result<Finding> {
    let view = |client: &crate::client::Client| read::<ForecastView>(client, "forecast");
    match &args.series {
        None => talk.show(args.view, view, |view, paint, _| all(view, paint), |_| Finding::Fine),
        Some(text) => {
            let one = |client: &crate::client::Client| Ok(find(&view(client)?.series, text)?.clone());
            talk.show(args.view, one, |one, paint, _| in_full(one, paint), |_| Finding::Fine)
        }
    }
}

/// The one series that `text` means: by its id or name, else by the beginning of one of them.
fn find<'a>(series: &'a [SeriesView], text: &str) -> anyhow::Result<&'a SeriesView> {
    let wanted = text.trim().to_lowercase();
    let keys = |one: &SeriesView| [one.id.to_lowercase(), one.name.to_lowercase()];
    let exact: Vec<_> = series.iter().filter(|one| keys(one).contains(&wanted)).collect();
    let begins = || series.iter().filter(|one| keys(one).iter().any(|key| key.starts_with(&wanted))).collect();
    let fitting: Vec<_> = if exact.is_empty() && !wanted.is_empty() { begins() } else { exact };
    match fitting.as_slice() {
        [one] => Ok(one),
        [] => anyhow::bail!(
            "nothing that is foreseen now is called `{}`; `equalnet forecast show` lists what is (devices, while they \
             move something)",
            plain(text)
        ),
        many => {
            let names: Vec<String> = many.iter().map(|one| format!("{} ({})", plain(&one.name), one.id)).collect();
            anyhow::bail!("`{}` may be any of these, say which: {}", plain(text), names.join(", "))
        }
    }
}

fn all(view: &ForecastView, paint: Paint) -> String {
    let mut table = Table::new(&[
        ("SERIES", Align::Left),
        ("↓ NOW", Align::Right),
        ("↓ MEAN 15 s", Align::Right),
        ("9 OF 10", Align::Right),
        ("↑ NOW", Align::Right),
        ("↑ MEAN 15 s", Align::Right),
        ("9 OF 10", Align::Right),
        ("BY", Align::Left),
    ]);
    let foreseen = |one: &SeriesView| {
        let most = |curve: &Option<ForecastCurve>| curve.as_ref().map_or(0, |curve| curve.mean15[1]);
        one.usage.download + one.usage.upload + most(&one.forecast.download) + most(&one.forecast.upload)
    };
    let (told, silent): (Vec<_>, Vec<_>) = view.series.iter().partition(|one| foreseen(one) > 0);
    let said = |curve: &Option<ForecastCurve>, place: usize| {
        curve.as_ref().map_or_else(|| "–".to_owned(), |curve| moving(curve.mean15[place]))
    };
    for one in &told {
        let name = match one.kind.as_str() {
            "class" => Cell::painted(&class_text(&one.id), paint.class(&one.id, &class_text(&one.id))),
            _ => plain(&one.name).into(),
        };
        table.row(vec![
            name,
            moving(one.usage.download).into(),
            said(&one.forecast.download, 0).into(),
            said(&one.forecast.download, 1).into(),
            moving(one.usage.upload).into(),
            said(&one.forecast.upload, 0).into(),
            said(&one.forecast.upload, 1).into(),
            by(&one.forecast).into(),
        ]);
    }
    let mut text = if told.is_empty() { String::new() } else { table.render(paint) };
    if !silent.is_empty() {
        let names: Vec<String> = silent.iter().map(|one| plain(&one.name)).collect();
        text.push_str(&format!("Silent, and foreseen to stay so: {}.\n", names.join(", ")));
    }
    text.push_str(&set_aside(&view.series));
    if let Some(hits) = view.hit_permille {
        let share = permille(u32::from(hits));
        text.push_str(&format!("In the last hour {share} stayed within \"9 of 10\".\n"));
    }
    text.push_str(&weights(&view.weights, view.at_ms));
    if let Some(outside) = &view.outside {
        let answered = outside.asked.saturating_sub(outside.failed);
        text.push_str(&format!("The other predictor answered {answered} of {} questions", outside.asked));
        text.push_str(
            &outside.fault.as_ref().map_or_else(|| ".\n".to_owned(), |why| format!("; now {}.\n", plain(why))),
        );
    }
    text
}

/// Whose weights are in force, where that is news.
fn weights(weights: &WeightsView, now_ms: u64) -> String {
    match (weights.since_ms, &weights.fault) {
        (Some(since), _) => {
            format!("The weights are this network's own, learnt on {} ({}).\n", date(since, 0), ago(since, now_ms))
        }
        (None, Some(fault)) => {
            format!("The weights are those that ship; this network's own cannot be used: {}.\n", plain(fault))
        }
        (None, None) => "The weights are those that ship.\n".to_owned(),
    }
}

/// Which models are set aside, and of how many series (each way counts) they would speak for.
fn set_aside(series: &[SeriesView]) -> String {
    let mut counts: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for of in series.iter().flat_map(|one| one.models.download.iter().chain(&one.models.upload)) {
        let (aside, all) = counts.entry(&of.model).or_default();
        *aside += u32::from(of.set_aside);
        *all += 1;
    }
    let words: Vec<String> = counts
        .into_iter()
        .filter(|(_, (aside, _))| *aside > 0)
        .map(|(model, (aside, all))| format!("{} for {aside} of {all}", plain(model)))
        .collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => format!("Set aside, because it loses to EWMA: {one}.\n"),
        many => format!("Set aside, because they lose to EWMA: {}.\n", many.join(", ")),
    }
}

/// Who speaks, and whether that is to be trusted.
fn by(forecast: &Directed<Option<ForecastCurve>>) -> String {
    let mut words: Vec<String> = Vec::new();
    for curve in [&forecast.download, &forecast.upload].into_iter().flatten() {
        let word = if curve.learning { "learning".to_owned() } else { plain(&curve.model) };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(", ")
}

fn in_full(one: &SeriesView, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.head(&plain(&one.name)));
    let sides = [
        ("↓", one.usage.download, &one.forecast.download, &one.models.download),
        ("↑", one.usage.upload, &one.forecast.upload, &one.models.upload),
    ];
    for (arrow, usage, forecast, models) in sides {
        text.push_str(&format!("{arrow} now {}", moving(usage)));
        let Some(curve) = forecast else {
            text.push_str(", nothing is foreseen\n");
            continue;
        };
        let trust = if curve.learning { ", which has seen too little yet to be trusted" } else { "" };
        text.push_str(&format!(", foreseen by {}{trust}\n", plain(&curve.model)));
        text.push_str(&horizons(curve).render(paint));
        if !models.is_empty() {
            text.push_str(&standings(models).render(paint));
        }
    }
    text
}

fn horizons(curve: &ForecastCurve) -> Table {
    let mut table = Table::new(&[
        ("AHEAD", Align::Left),
        ("AS LIKELY ABOVE", Align::Right),
        ("9 OF 10 BELOW", Align::Right),
        ("99 OF 100", Align::Right),
    ]);
    let mut row = |ahead: &str, quantiles: [u64; 3]| {
        let cells = quantiles.map(|quantile| Cell::from(moving(quantile)));
        table.row(std::iter::once(Cell::from(ahead)).chain(cells).collect());
    };
    for (place, ahead) in ["in 1 s", "in 5 s", "in 15 s", "in 60 s"].into_iter().enumerate() {
        row(ahead, [curve.p50[place], curve.p90[place], curve.p99[place]]);
    }
    row("mean of 15 s", curve.mean15);
    table
}

/// How the models stand: how loud each speaks, and how it does beside the average.
fn standings(models: &[ModelStanding]) -> Table {
    let mut table = Table::new(&[
        ("MODEL", Align::Left),
        ("SPEAKS", Align::Right),
        ("ALONE, 9 OF 10 BELOW", Align::Right),
        ("LOSES, EWMA = 100 %", Align::Right),
        ("", Align::Left),
    ]);
    for one in models {
        let lost = one.against_ewma_permille.map_or_else(|| "–".to_owned(), permille);
        let aside = if one.set_aside { "set aside" } else { "" };
        let speaks = permille(u32::from(one.weight_permille));
        let alone = moving(one.alone[1]);
        table.row(vec![plain(&one.model).into(), speaks.into(), alone.into(), lost.into(), aside.into()]);
    }
    table
}

fn permille(value: u32) -> String {
    format!("{}.{} %", value / 10, value % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::OutsideView;

    fn view() -> ForecastView {
        let curve = ForecastCurve {
            p50: [8_000_000; 4],
            p90: [12_000_000; 4],
            p99: [20_000_000; 4],
            mean15: [7_000_000, 10_000_000, 15_000_000],
            model: "ewma".to_owned(),
            learning: false,
        };
        let learning = ForecastCurve { mean15: [0, 90_000, 90_000], learning: true, ..curve.clone() };
        let one = |kind: &str, id: &str, name: &str| SeriesView {
            kind: kind.to_owned(),
            id: id.to_owned(),
            name: name.to_owned(),
            ..SeriesView::default()
        };
        let standing = |model: &str, weight_permille, lost| ModelStanding {
            model: model.to_owned(),
            weight_permille,
            alone: [7_000_000, 10_000_000, 15_000_000],
            against_ewma_permille: Some(lost),
            set_aside: lost > 1_000,
        };
        let video = SeriesView {
            usage: Directed { download: 9_500_000, upload: 80_000 },
            forecast: Directed { download: Some(curve), upload: Some(learning) },
            models: Directed {
                download: vec![standing("ewma", 750, 1_000), standing("outside", 0, 1_310)],
                upload: vec![standing("ewma", 1_000, 1_000), standing("outside", 0, 900)],
            },
            ..one("class", "streaming", "streaming")
        };
        ForecastView {
            at_ms: 2 * 86_400_000 + 3_600_000,
            series: vec![
                one("link", "0", "internet"),
                one("class", "voice", "voice"),
                video,
                one("device", "a4:5e:60:00:00:01", "Anna's laptop"),
                one("device", "a4:5e:60:00:00:02", "Anna's phone"),
            ],
            outside: Some(OutsideView { asked: 40, failed: 2, fault: Some("it did not answer in 200 ms".to_owned()) }),
            hit_permille: Some(913),
            weights: WeightsView { since_ms: Some(86_400_000), source: "own".to_owned(), fault: None },
        }
    }

    #[test]
    fn what_is_foreseen_stands_in_a_table() {
        assert_eq!(
            all(&view(), Paint::Plain),
            "SERIES             ↓ NOW  ↓ MEAN 15 s      9 OF 10        ↑ NOW  ↑ MEAN 15 s      9 OF 10  BY\n\
             S streaming  9.50 Mbit/s  7.00 Mbit/s  10.0 Mbit/s  80.0 kbit/s            ·  90.0 kbit/s  ewma, learning\n\
             Silent, and foreseen to stay so: internet, voice, Anna's laptop, Anna's phone.\n\
             Set aside, because it loses to EWMA: outside for 1 of 2.\n\
             In the last hour 91.3 % stayed within \"9 of 10\".\n\
             The weights are this network's own, learnt on Fri 2 Jan (1 d ago).\n\
             The other predictor answered 38 of 40 questions; now it did not answer in 200 ms.\n"
        );
        assert_eq!(all(&ForecastView::default(), Paint::Plain), "The weights are those that ship.\n");
        let fault = WeightsView { fault: Some("no\u{1b}file".to_owned()), ..WeightsView::default() };
        assert_eq!(
            weights(&fault, 0),
            "The weights are those that ship; this network's own cannot be used: no?file.\n"
        );
    }

    #[test]
    fn one_is_shown_in_full() {
        assert_eq!(
            in_full(find(&view().series, "stream").unwrap(), Paint::Plain),
            "streaming\n\
             ↓ now 9.50 Mbit/s, foreseen by ewma\n\
             AHEAD         AS LIKELY ABOVE  9 OF 10 BELOW    99 OF 100\n\
             in 1 s            8.00 Mbit/s    12.0 Mbit/s  20.0 Mbit/s\n\
             in 5 s            8.00 Mbit/s    12.0 Mbit/s  20.0 Mbit/s\n\
             in 15 s           8.00 Mbit/s    12.0 Mbit/s  20.0 Mbit/s\n\
             in 60 s           8.00 Mbit/s    12.0 Mbit/s  20.0 Mbit/s\n\
             mean of 15 s      7.00 Mbit/s    10.0 Mbit/s  15.0 Mbit/s\n\
             MODEL    SPEAKS  ALONE, 9 OF 10 BELOW  LOSES, EWMA = 100 %\n\
             ewma     75.0 %           10.0 Mbit/s              100.0 %\n\
             outside   0.0 %           10.0 Mbit/s              131.0 %  set aside\n\
             ↑ now 80.0 kbit/s, foreseen by ewma, which has seen too little yet to be trusted\n\
             AHEAD         AS LIKELY ABOVE  9 OF 10 BELOW    99 OF 100\n\
             in 1 s            8.00 Mbit/s    12.0 Mbit/s  20.0 Mbit/s\n\
             in 5 s            8.00 Mbit/s    12.0 Mbit/s  20.0 Mbit/s\n\
             in 15 s           8.00 Mbit/s    12.0 Mbit/s  20.0 Mbit/s\n\
             in 60 s           8.00 Mbit/s    12.0 Mbit/s  20.0 Mbit/s\n\
             mean of 15 s                ·    90.0 kbit/s  90.0 kbit/s\n\
             MODEL     SPEAKS  ALONE, 9 OF 10 BELOW  LOSES, EWMA = 100 %\n\
             ewma     100.0 %           10.0 Mbit/s              100.0 %\n\
             outside    0.0 %           10.0 Mbit/s               90.0 %\n"
        );
    }

    #[test]
    fn a_series_is_found_by_what_people_call_it() {
        let view = view();
        let found = |text: &str| find(&view.series, text).map(|one| one.id.clone()).map_err(|error| error.to_string());
        assert_eq!(found("Internet"), Ok("0".to_owned()));
        assert_eq!(found("anna's l"), Ok("a4:5e:60:00:00:01".to_owned()));
        assert_eq!(found("A4:5E:60:00:00:02"), Ok("a4:5e:60:00:00:02".to_owned()));
        assert!(found("anna").unwrap_err().contains("Anna's laptop (a4:5e:60:00:00:01), Anna's phone"));
        assert!(found("toaster").unwrap_err().contains("`toaster`"));
        assert!(found("").is_err());
    }
}
