//! The outlook in the wire's words.

use vocab::{Outlook, QuotaOutlook, RunsOut, Season, Timestamp, VolumeBand, WayOutlook};

/// What is foreseen for what people call `name`.
pub(crate) fn outlook(name: String, outlook: &Outlook, utc_offset_s: i32) -> wire::Outlook {
    wire::Outlook {
        name,
        at_ms: outlook.at.as_unix_millis(),
        from_ms: outlook.from.as_unix_millis(),
        utc_offset_s,
        recorded_hours: u32::try_from(outlook.recorded_hours).unwrap_or(u32::MAX),
        download: way(&outlook.ways.download),
        upload: way(&outlook.ways.upload),
        both: way(&outlook.both),
        quota: outlook.quota.as_ref().map(quota),
    }
}

fn way(way: &WayOutlook) -> wire::WayOutlook {
    let season = match way.season {
        Season::Learning => "learning",
        Season::HoursOfDay => "hours_of_day",
        Season::HoursOfWeek => "hours_of_week",
    };
    let stretch = |stretch: &vocab::BusyStretch| wire::BusyStretch {
        from: stretch.from as u16,
        hours: stretch.hours as u16,
        usual: stretch.usual.0,
    };
    wire::WayOutlook {
        season: season.to_owned(),
        hours: way.hours.iter().copied().map(band).collect(),
        day: (way.season != Season::Learning).then(|| band(way.day)),
        busy: wire::Busy {
            usual: way.busy.usual.iter().map(|usual| usual.0).collect(),
            busiest: way.busy.busiest.iter().map(stretch).collect(),
        },
    }
}

fn band(band: VolumeBand) -> wire::VolumeBand {
    wire::VolumeBand { p10: band.low().0, p50: band.likely().0, p90: band.high().0 }
}

fn quota(outlook: &QuotaOutlook) -> wire::QuotaOutlook {
    let (runs_out, earliest, likely, latest) = match outlook.runs_out {
        RunsOut::Learning => ("learning", None, None, None),
        RunsOut::Already => ("already", None, None, None),
        RunsOut::NotInThisPeriod => ("not_in_this_period", None, None, None),
        RunsOut::Expected { earliest, likely, latest } => ("expected", Some(earliest), likely, latest),
    };
    wire::QuotaOutlook {
        volume: outlook.quota.volume.0,
        resets: outlook.quota.resets.day(),
        from_ms: outlook.from.as_unix_millis(),
        to_ms: outlook.to.as_unix_millis(),
        used: outlook.used.0,
        missing_s: outlook.missing.as_secs(),
        at_end: outlook.at_end.map(band),
        runs_out: runs_out.to_owned(),
        earliest_ms: earliest.map(Timestamp::as_unix_millis),
        likely_ms: likely.map(Timestamp::as_unix_millis),
        latest_ms: latest.map(Timestamp::as_unix_millis),
    }
}
