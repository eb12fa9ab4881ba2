//! `GET /status`.

use crate::convert;
use crate::shared::Shared;
use axum::Json;
use axum::extract::State;

/// How everything is, right now.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "now", operation_id = "status",
    responses(
        (status = 200, description = "How everything is.", body = wire::Status),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(State(shared): State<Shared>) -> Json<wire::Status> {
    Json(convert::status(&shared.snapshot(), &shared.state().version))
}
