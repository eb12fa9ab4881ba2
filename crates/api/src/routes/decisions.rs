//! `GET /decisions`.

use crate::convert::{self, Names};
use crate::problem::{Problem, Query};
use crate::shared::Shared;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// At most this many; 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// What was changed, and why; newest first.
#[utoipa::path(
    get, path = "/api/v1/decisions", tag = "now", operation_id = "decisions",
    params(Which),
    responses(
        (status = 200, description = "The decisions.", body = Vec<wire::Decision>),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter cannot be read.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Query(which): Query<Which>,
) -> Result<Json<Vec<wire::Decision>>, Problem> {
    let limit = usize::from(super::at_most(which.limit.unwrap_or(100), 1_000)?);
    let snapshot = shared.snapshot();
    let names = Names::of(&snapshot);
    Ok(Json(snapshot.decisions.iter().rev().take(limit).map(|found| convert::decision(found, &names)).collect()))
}
