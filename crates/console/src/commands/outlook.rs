//! `equalnet forecast outlook`

use super::{Finding, Talk, View, read};
use crate::paint::Paint;
use crate::table::{Align, Table};
use crate::text::{count, date, hour, plain, volume, weekday};
use anyhow::{Context, bail};
use wire::{Outlook, QuotaOutlook, Status, VolumeBand, WayOutlook};

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Of this device: its name, the beginning of it, its IP or its MAC address; of the link if absent
    #[arg(conflicts_with = "link")]
    device: Option<String>,
    /// Of this link
    #[arg(long, value_name = "NAME")]
    link: Option<String>,
    /// What there is in a month, both ways together, such as 500GB; what is configured if absent
    #[arg(long, value_name = "VOLUME", value_parser = volume_of)]
    quota: Option<u64>,
    /// The day of the month on which that is counted from zero again
    #[arg(long, value_name = "DAY", requires = "quota", value_parser = clap::value_parser!(u8).range(1..=31))]
    resets: Option<u8>,
    #[command(flatten)]
    view: View,
}

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    let mut asked = Vec::new();
    if let Some(text) = &args.device {
        asked.push(format!("device={}", talk.find_device(text)?.id));
    }
    if let Some(name) = &args.link {
        let status: Status = read(&talk.client, "status")?;
        let wanted = name.to_lowercase();
        let Some(link) = status.links.iter().find(|link| link.name.to_lowercase() == wanted) else {
            let known: Vec<&str> = status.links.iter().map(|link| link.name.as_str()).collect();
            bail!("no link is called `{name}`; known are: {}", known.join(", "));
        };
        asked.push(format!("link={}", link.id));
    }
    asked.extend(args.quota.map(|quota| format!("quota={quota}")));
    asked.extend(args.resets.map(|day| format!("resets={day}")));
    let path = format!("outlook?{}", asked.join("&"));
    talk.show(args.view, |client| read::<Outlook>(client, &path), |outlook, paint, _| text(outlook, paint), finding)
}

/// It is a problem when the quota is used up or likely will be.
fn finding(outlook: &Outlook) -> Finding {
    match &outlook.quota {
        Some(quota) if quota.runs_out == "already" || quota.likely_ms.is_some() => Finding::Problem,
        _ => Finding::Fine,
    }
}

/// `500GB`, `1.5 TB`: bytes, decimal units.
fn volume_of(text: &str) -> anyhow::Result<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let factor = match text[end..].trim().to_ascii_lowercase().as_str() {
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        _ => bail!("say a volume and its unit, as in 500GB or 1.5TB"),
    };
    let bytes = text[..end].parse::<f64>().context("say a volume and its unit, as in 500GB")? * factor;
    // Exact integers only: above 2^53 a float has lost some.
    if !(1.0..9.0e15).contains(&bytes) {
        bail!("that is no volume of a month");
    }
    Ok(bytes.round() as u64)
}

/// Cells of the longest bar.
const BAR: usize = 28;

fn text(outlook: &Outlook, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.head(&plain(&outlook.name)));
    if outlook.both.season == "learning" {
        text.push_str(&format!(
            "Learning: {} hours were recorded; after three days the next day can be foreseen, after three weeks the week.\n",
            count(outlook.recorded_hours.into())
        ));
    } else {
        text.push_str(&bands(outlook, paint));
        text.push_str(&format!("busy        {}\n", busiest(&outlook.both)));
    }
    if let Some(quota) = &outlook.quota {
        text.push_str(&quota_text(quota, outlook.utc_offset_s, paint));
    }
    if outlook.both.season != "learning" {
        let rests =
            if outlook.both.season == "hours_of_week" { "each hour of the week" } else { "each hour of the day" };
        let hours = count(outlook.recorded_hours.into());
        text.push_str(&paint.dim(&format!("rests on    {hours} recorded hours, {rests}; at most: nine times in ten")));
        text.push('\n');
    }
    text
}

fn bands(outlook: &Outlook, paint: Paint) -> String {
    let likely = |band: Option<&VolumeBand>| match band {
        None => "learning".to_owned(),
        Some(band) => format!("{}, at most {}", volume(band.p50), volume(band.p90)),
    };
    let line = |word: &str, of: fn(&WayOutlook) -> Option<&VolumeBand>| {
        format!("{word:<12}↓ {}   ↑ {}\n", likely(of(&outlook.download)), likely(of(&outlook.upload)))
    };
    let mut text = line("next hour", |way| way.hours.first());
    text.push_str(&line("next 24 h", |way| way.day.as_ref()));
    text.push('\n');
    let mut table =
        Table::new(&[("HOUR", Align::Left), ("LIKELY", Align::Right), ("AT MOST", Align::Right), ("", Align::Left)]);
    let most = outlook.both.hours.iter().map(|band| band.p90).max().unwrap_or(0);
    for (index, band) in (0..).zip(&outlook.both.hours) {
        let begin = outlook.from_ms + index * 3_600_000;
        table.row(vec![
            hour(begin, outlook.utc_offset_s).into(),
            volume(band.p50).into(),
            volume(band.p90).into(),
            band_bar(band, most).into(),
        ]);
    }
    text.push_str(&table.render(paint));
    text.push('\n');
    text
}

/// What is likely, and what it may be at most.
fn band_bar(band: &VolumeBand, most: u64) -> String {
    let cells = |part: u64| {
        let cells = u128::from(part.min(most)) * BAR as u128 / u128::from(most.max(1));
        cells as usize
    };
    let likely = cells(band.p50);
    format!("{}{}", "█".repeat(likely), "░".repeat(cells(band.p90) - likely))
}

/// `Sat 20:00 to 22:00 (5.10 GB an hour)`.
fn busiest(way: &WayOutlook) -> String {
    let slots = way.busy.usual.len().max(1);
    let stretch = |stretch: &wire::BusyStretch| {
        let from = usize::from(stretch.from);
        let day = if slots > 24 { format!("{} ", weekday(from / 24)) } else { String::new() };
        let to = (from + usize::from(stretch.hours)) % 24;
        format!("{day}{:02}:00 to {to:02}:00 ({} an hour)", from % 24, volume(stretch.usual))
    };
    let all: Vec<String> = way.busy.busiest.iter().map(stretch).collect();
    if all.is_empty() { "no hour stands out".to_owned() } else { all.join(", ") }
}

fn quota_text(quota: &QuotaOutlook, offset_s: i32, paint: Paint) -> String {
    let on = |ms: u64| date(ms, offset_s);
    let missing = match quota.missing_s / 3_600 {
        0 => String::new(),
        hours => format!(" ({hours} h of it not recorded and not counted)"),
    };
    let mut text = format!(
        "quota       {} a month, {} used since {}{missing}\n",
        volume(quota.volume),
        volume(quota.used),
        on(quota.from_ms),
    );
    let end = on(quota.to_ms);
    let (state, sentence) = match quota.runs_out.as_str() {
        "already" => ("critical", format!("It is used up; it begins again on {end}.")),
        "not_in_this_period" => ("fine", format!("It lasts until {end}.")),
        "expected" => {
            let earliest = quota.earliest_ms.map_or_else(String::new, &on);
            match (quota.likely_ms, quota.latest_ms) {
                (None, _) => {
                    ("warning", format!("It may run out, not before {earliest}; likely it lasts until {end}."))
                }
                (Some(likely), latest) => {
                    let latest = latest
                        .map_or_else(|| format!("perhaps not before {end}"), |at| format!("{} at the latest", on(at)));
                    ("held", format!("It runs out about {}: {earliest} at the earliest, {latest}.", on(likely)))
                }
            }
        }
        _ => ("", "Learning: when it runs out can be said after three days.".to_owned()),
    };
    text.push_str(&format!("            {}\n", paint.state(state, &sentence)));
    if let Some(band) = &quota.at_end {
        let (likely, most) = (volume(band.p50), volume(band.p90));
        text.push_str(&format!("            Used on {end}: {likely} likely, {most} at most.\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Busy, BusyStretch};

    /// 2026-11-21 17:00 UTC.
    const FROM_MS: u64 = 1_795_280_400_000;
    const GB: u64 = 1_000_000_000;

    fn band(likely: u64, most: u64) -> VolumeBand {
        VolumeBand { p10: 0, p50: likely * GB, p90: most * GB }
    }

    fn outlook() -> Outlook {
        let way = WayOutlook {
            season: "hours_of_week".to_owned(),
            hours: vec![band(1, 2), band(4, 8), band(0, 0)],
            day: Some(band(80, 100)),
            busy: Busy {
                usual: vec![GB; 168],
                busiest: vec![
                    BusyStretch { from: 5 * 24 + 20, hours: 4, usual: 5 * GB },
                    BusyStretch { from: 8, hours: 2, usual: GB },
                ],
            },
        };
        Outlook {
            name: "internet".to_owned(),
            from_ms: FROM_MS,
            utc_offset_s: 3_600,
            recorded_hours: 1_240,
            download: way.clone(),
            both: way,
            upload: WayOutlook { season: "learning".to_owned(), ..WayOutlook::default() },
            ..Outlook::default()
        }
    }

    #[test]
    fn the_coming_day_is_a_table() {
        assert_eq!(
            text(&outlook(), Paint::Plain),
            "internet\n\
             next hour   ↓ 1.00 GB, at most 2.00 GB   ↑ learning\n\
             next 24 h   ↓ 80.0 GB, at most 100 GB   ↑ learning\n\
             \n\
             HOUR    LIKELY  AT MOST\n\
             18:00  1.00 GB  2.00 GB  ███░░░░\n\
             19:00  4.00 GB  8.00 GB  ██████████████░░░░░░░░░░░░░░\n\
             20:00      0 B      0 B\n\
             \n\
             busy        Sat 20:00 to 00:00 (5.00 GB an hour), Mon 08:00 to 10:00 (1.00 GB an hour)\n\
             rests on    1 240 recorded hours, each hour of the week; at most: nine times in ten\n"
        );
        let learning = Outlook {
            both: WayOutlook { season: "learning".to_owned(), ..WayOutlook::default() },
            recorded_hours: 20,
            ..outlook()
        };
        assert_eq!(
            text(&learning, Paint::Plain),
            "internet\nLearning: 20 hours were recorded; after three days the next day can be foreseen, after three weeks the week.\n"
        );
    }

    #[test]
    fn a_quota_says_when_and_how_sure() {
        let day = 86_400_000;
        let at = |days: u64| Some(FROM_MS + days * day);
        let check = |state: &str, times: [Option<u64>; 3], expected: &str, is_fine: bool| {
            let [earliest_ms, likely_ms, latest_ms] = times;
            let quota = QuotaOutlook {
                volume: 500 * GB,
                resets: 1,
                from_ms: 1_793_487_600_000,
                to_ms: 1_796_079_600_000,
                used: 372 * GB,
                missing_s: 7_300,
                at_end: Some(band(512, 560)),
                runs_out: state.to_owned(),
                earliest_ms,
                likely_ms,
                latest_ms,
            };
            assert_eq!(
                quota_text(&quota, 3_600, Paint::Plain),
                format!(
                    "quota       500 GB a month, 372 GB used since Sun 1 Nov (2 h of it not recorded and not counted)\n            \
                     {expected}\n            Used on Tue 1 Dec: 512 GB likely, 560 GB at most.\n"
                )
            );
            let found = finding(&Outlook { quota: Some(quota), ..Outlook::default() });
            assert_eq!(found == Finding::Fine, is_fine, "{state}");
        };
        check("already", [None; 3], "It is used up; it begins again on Tue 1 Dec.", false);
        check("not_in_this_period", [None; 3], "It lasts until Tue 1 Dec.", true);
        check("learning", [None; 3], "Learning: when it runs out can be said after three days.", true);
        check(
            "expected",
            [at(1), at(3), at(5)],
            "It runs out about Tue 24 Nov: Sun 22 Nov at the earliest, Thu 26 Nov at the latest.",
            false,
        );
        check(
            "expected",
            [at(1), at(3), None],
            "It runs out about Tue 24 Nov: Sun 22 Nov at the earliest, perhaps not before Tue 1 Dec.",
            false,
        );
        check(
            "expected",
            [at(8), None, None],
            "It may run out, not before Sun 29 Nov; likely it lasts until Tue 1 Dec.",
            true,
        );
    }

    #[test]
    fn volumes_have_a_unit() {
        for (text, bytes) in [
            ("500GB", Some(500 * GB)),
            (" 1.5 tb", Some(1_500 * GB)),
            ("0.5MB", Some(500_000)),
            ("500", None),
            ("GB", None),
            ("0GB", None),
            ("99999TB", None),
            ("-1GB", None),
        ] {
            assert_eq!(volume_of(text).ok(), bytes, "{text}");
        }
    }
}
