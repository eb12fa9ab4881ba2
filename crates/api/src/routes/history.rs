//! `GET /history`.

use crate::convert;
use crate::problem::{Problem, Query};
use crate::shared::Shared;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::time::Duration;
use store::{Grouping, HistoryQuery, Reader};
use utoipa::IntoParams;
use vocab::{DeviceId, Snapshot, Timestamp};

/// Asked for by default: the last hour.
const HOUR: Duration = Duration::from_secs(3_600);
/// Devices that have a series of their own.
const DEVICES: usize = 20;
/// Fields of one question.
const MOST_FIELDS: usize = 16;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// From this instant on, milliseconds since 1970-01-01 UTC; an hour before `to` if absent.
    #[param(maximum = 9007199254740991_u64, example = 1_800_000_000_000_u64)]
    from: Option<u64>,
    /// Up to this instant, milliseconds since 1970-01-01 UTC; now if absent.
    #[param(maximum = 9007199254740991_u64)]
    to: Option<u64>,
    /// The step wanted, in milliseconds; as fine as 1,200 points allow if absent. It may come coarser.
    #[param(minimum = 1000, maximum = 31536000000_u64)]
    step: Option<u64>,
    /// What: a list, with commas, of `link` (if absent), `classes`, `devices` (the twenty that moved most, and the
    /// `rest`) and `device:<id>`.
    #[param(max_length = 1024, example = "link,classes")]
    fields: Option<String>,
}

/// Rates over time, in columns.
#[utoipa::path(
    get, path = "/api/v1/history", tag = "history", operation_id = "history",
    params(Which),
    responses(
        (status = 200, description = "The columns.", body = wire::History),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter cannot be read.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 500, description = "The history cannot be read.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Query(which): Query<Which>,
) -> Result<Json<wire::History>, Problem> {
    let to = which.to.map_or_else(|| shared.now(), Timestamp::from_unix_millis);
    let from = which.from.map_or(to - HOUR, Timestamp::from_unix_millis);
    if from >= to {
        return Err(Problem::invalid("`from` is not before `to`."));
    }
    let points = match which.step {
        None => Reader::MAX_POINTS,
        Some(step) if step >= 1_000 => {
            let steps = (to.as_unix_millis() - from.as_unix_millis()).div_ceil(step);
            usize::try_from(steps).unwrap_or(usize::MAX).clamp(1, Reader::MAX_POINTS)
        }
        Some(_) => return Err(Problem::invalid("`step` is at least 1000.")),
    };
    let everything = HistoryQuery { points, ..HistoryQuery::total(from, to) };
    let mut queries = Vec::new();
    for field in which.fields.as_deref().unwrap_or("link").split(',') {
        queries.push(match field.trim() {
            "link" => everything,
            "classes" => HistoryQuery { grouping: Grouping::Classes, ..everything },
            "devices" => HistoryQuery { grouping: Grouping::Devices { most: DEVICES }, ..everything },
            other => HistoryQuery { device: Some(one_device(&shared.snapshot(), other)?), ..everything },
        });
    }
    if queries.len() > MOST_FIELDS {
        return Err(Problem::invalid(format!("`fields`: at most {MOST_FIELDS}, please.")));
    }
    let read = move |reader: &Reader| {
        queries.into_iter().map(|query| Ok((query.device, reader.history(&query)?))).collect::<Result<Vec<_>, _>>()
    };
    let found = shared.read_history(read).await?;
    Ok(Json(convert::history(from, found.unwrap_or_default())))
}

fn one_device(snapshot: &Snapshot, field: &str) -> Result<DeviceId, Problem> {
    let Some(text) = field.strip_prefix("device:") else {
        return Err(Problem::invalid(format!("`fields`: `{field}` is none of link, classes, devices, device:<id>.")));
    };
    // Devices that are known no more have a history still.
    match convert::find_by_text(snapshot, text) {
        Ok(device) => Ok(device.device),
        Err(problem) => text.parse().map_err(|_| problem),
    }
}
