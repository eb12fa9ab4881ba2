//! `equalnet status`

use super::device::graded;
use super::{Finding, Talk, View, read};
use crate::paint::{Paint, sign};
use crate::text::{ago, bar, count, devices, plain, rate, volume};
use wire::{CapacitySearch, ForecastCurve, LinkStatus, Status};

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    view: View,
}

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    talk.show(args.view, |client| read::<Status>(client, "status"), text, finding)
}

fn finding(status: &Status) -> Finding {
    match status.state.as_str() {
        "fine" | "busy" => Finding::Fine,
        _ => Finding::Problem,
    }
}

/// Cells of a bar.
const BAR: usize = 30;

fn text(status: &Status, paint: Paint, now_ms: u64) -> String {
    let mut text = String::new();
    let state = status.state.as_str();
    text.push_str(&format!("{} {}\n\n", paint.state(state, sign(state)), plain(&status.sentence)));
    for link in &status.links {
        text.push_str(&link_text(link, paint));
    }
    let hits = match status.hit_permille {
        Some(permille) => format!("below P90: {}.{} % (should be 90)", permille / 10, permille % 10),
        None => "still learning".to_owned(),
    };
    let capture = &status.capture;
    let lost = capture.dropped_kernel + capture.dropped_channel;
    text.push_str(&format!(
        "mode      {}\n\
         devices   {} known, {} active, {} held back\n\
         forecast  {hits}\n\
         seen      {} packets, {}, {} flows by {}; {} packets not counted, {} not understood\n\
         running   EqualNet {}, started {}\n",
        paint.state(&status.mode, &status.mode),
        devices(status.devices_known),
        status.devices_active,
        status.devices_held,
        count(capture.packets),
        volume(capture.bytes),
        count(capture.flows),
        status.source,
        count(lost),
        count(capture.malformed),
        status.version,
        ago(status.started_ms, now_ms),
    ));
    text
}

fn link_text(link: &LinkStatus, paint: Paint) -> String {
    let detail = match (link.shaping.as_str(), link.shaping_detail.as_str()) {
        ("on", leaf) => format!("shaping on ({leaf}), {} plans applied", count(link.plans_applied)),
        ("failed", reason) => format!("shaping failed: {}", plain(reason)),
        _ => "not shaping".to_owned(),
    };
    let line = |word: &str, usage: u64, capacity: u64, forecast: &Option<ForecastCurve>| {
        format!(
            "{word:<8}  {} {:>10} of {:<10}  {}\n",
            bar(usage, capacity, BAR),
            rate(usage),
            rate(capacity),
            foreseen(forecast.as_ref())
        )
    };
    format!(
        "{}  {} ({}), {}\n{}{}{}{}{}",
        paint.head("link    "),
        plain(&link.name),
        link.interfaces.join(", "),
        paint.state(&link.shaping, &detail),
        line("  down", link.usage.download, link.capacity.download, &link.forecast.download),
        searched(link.search.download.as_ref()),
        line("  up", link.usage.upload, link.capacity.upload, &link.forecast.upload),
        searched(link.search.upload.as_ref()),
        delay(link),
    )
}

/// How the search for a capacity stands; nothing where it is stated.
fn searched(search: Option<&CapacitySearch>) -> String {
    search.map_or_else(String::new, |search| format!("{:10}{}\n", "", plain(&search.sentence)))
}

/// What the link adds to round trips; nothing where none are seen.
fn delay(link: &LinkStatus) -> String {
    let now = link.added_ms.map(|ms| format!("{ms:.1} ms more than usual now"));
    let graded = link.grade.as_ref().map(|grade| format!("under load {}", graded(grade)));
    let not_yet = || "under load: not enough traffic yet".to_owned();
    match (now, graded) {
        (None, None) => String::new(),
        (Some(now), graded) => format!("  delay   {now}; {}\n", graded.unwrap_or_else(not_yet)),
        (None, Some(graded)) => format!("  delay   {graded}\n"),
    }
}

/// What is foreseen in 60 s, as people say it.
fn foreseen(forecast: Option<&ForecastCurve>) -> String {
    match forecast {
        None => "no forecast yet".to_owned(),
        Some(curve) if curve.learning => "learning".to_owned(),
        Some(curve) => format!("in 60 s {} likely, at most {}", rate(curve.p50[3]), rate(curve.p90[3])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Directed;

    fn status() -> Status {
        let curve =
            ForecastCurve { p50: [0, 0, 0, 103_000_000], p90: [0, 0, 0, 116_000_000], ..ForecastCurve::default() };
        Status {
            version: "0.1.0".to_owned(),
            started_ms: 0,
            mode: "control".to_owned(),
            source: "ebpf".to_owned(),
            state: "busy".to_owned(),
            sentence: "Busy: 94.0 of 120 Mbit/s down.".to_owned(),
            links: vec![LinkStatus {
                name: "Internet".to_owned(),
                interfaces: vec!["lan0".to_owned(), "wan0".to_owned()],
                capacity: Directed { download: 120_000_000, upload: 20_000_000 },
                usage: Directed { download: 94_000_000, upload: 0 },
                forecast: Directed { download: Some(curve), upload: None },
                shaping: "on".to_owned(),
                shaping_detail: "fq_codel".to_owned(),
                plans_applied: 1_234,
                search: Directed {
                    download: Some(CapacitySearch {
                        sentence: "120 Mbit/s, just below where its delay rises. Sure.".to_owned(),
                        ..CapacitySearch::default()
                    }),
                    upload: None,
                },
                added_ms: Some(3.04),
                grade: Some(wire::Grade { grade: "A".to_owned(), added_ms: 12.4, seconds: 240 }),
                ..LinkStatus::default()
            }],
            devices_known: 3,
            devices_active: 2,
            devices_held: 1,
            hit_permille: Some(912),
            ..Status::default()
        }
    }

    #[test]
    fn the_sentence_comes_first() {
        assert_eq!(
            text(&status(), Paint::Plain, 7_200_000),
            "◆ Busy: 94.0 of 120 Mbit/s down.\n\
             \n\
             link      Internet (lan0, wan0), shaping on (fq_codel), 1 234 plans applied\n  \
             down    ███████████████████████░░░░░░░ 94.0 Mbit/s of 120 Mbit/s  in 60 s 103 Mbit/s likely, at most 116 Mbit/s\n  \
             \x20       120 Mbit/s, just below where its delay rises. Sure.\n  \
             up      ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░    0 bit/s of 20.0 Mbit/s  no forecast yet\n  \
             delay   3.0 ms more than usual now; under load A: 12 ms more in 240 busy seconds\n\
             mode      control\n\
             devices   3 devices known, 2 active, 1 held back\n\
             forecast  below P90: 91.2 % (should be 90)\n\
             seen      0 packets, 0 B, 0 flows by ebpf; 0 packets not counted, 0 not understood\n\
             running   EqualNet 0.1.0, started 2 h ago\n"
        );
        assert!(!text(&status(), Paint::Plain, 0).contains('\u{1b}'));
        assert!(text(&status(), Paint::Colour, 0).contains("\u{1b}[32m"));
    }

    #[test]
    fn the_exit_code_tells_the_state() {
        for (state, expected) in [
            ("fine", Finding::Fine),
            ("busy", Finding::Fine),
            ("strained", Finding::Problem),
            ("down", Finding::Problem),
        ] {
            assert_eq!(finding(&Status { state: state.to_owned(), ..Status::default() }), expected);
        }
    }
}
