//! `GET /alerts`.

use crate::convert::{self, Names};
use crate::shared::Shared;
use axum::Json;
use axum::extract::State;

/// Alerts that are open, and the latest that ended; newest first.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "now", operation_id = "alerts",
    responses(
        (status = 200, description = "The alerts.", body = Vec<wire::Alert>),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(State(shared): State<Shared>) -> Json<Vec<wire::Alert>> {
    let snapshot = shared.snapshot();
    let names = Names::of(&snapshot);
    Json(snapshot.alerts.iter().rev().map(|found| convert::alert(found, &names)).collect())
}
