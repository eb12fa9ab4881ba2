//! `GET /flows`.

use crate::convert;
use crate::problem::{Problem, Query};
use crate::shared::Shared;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use vocab::TrafficClass;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Of this device: its id, one of its addresses, or its name.
    #[param(max_length = 128)]
    device: Option<String>,
    /// Of this class.
    #[param(max_length = 16, example = "streaming")]
    class: Option<String>,
    /// At most this many; 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// The busiest open flows and the latest that ended, those that moved most first.
#[utoipa::path(
    get, path = "/api/v1/flows", tag = "now", operation_id = "flows",
    params(Which),
    responses(
        (status = 200, description = "The flows.", body = Vec<wire::Flow>),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such device is known.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter cannot be read.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Query(which): Query<Which>,
) -> Result<Json<Vec<wire::Flow>>, Problem> {
    let snapshot = shared.snapshot();
    let device = match &which.device {
        Some(text) => Some(convert::find_by_text(&snapshot, text)?.device),
        None => None,
    };
    let class = match &which.class {
        Some(word) => Some(word.parse::<TrafficClass>().map_err(|error| Problem::invalid(error.to_string()))?),
        None => None,
    };
    let limit = usize::from(super::at_most(which.limit.unwrap_or(100), 1_000)?);
    let mut flows: Vec<_> = snapshot
        .flows
        .iter()
        .filter(|flow| device.is_none() || flow.device == device)
        .filter(|flow| class.is_none_or(|class| flow.verdict.class == class))
        .collect();
    flows.sort_by_key(|flow| {
        (std::cmp::Reverse(flow.bytes.download + flow.bytes.upload), std::cmp::Reverse(flow.last_seen), flow.key)
    });
    Ok(Json(flows.into_iter().take(limit).map(convert::flow).collect()))
}
