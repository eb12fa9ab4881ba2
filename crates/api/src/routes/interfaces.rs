//! `GET /interfaces`.

use crate::problem::Problem;
use crate::shared::Shared;
use axum::Json;
use axum::extract::State;

/// The interfaces of this machine, measured for a second.
#[utoipa::path(
    get, path = "/api/v1/interfaces", tag = "setup", operation_id = "interfaces",
    responses(
        (status = 200, description = "All interfaces.", body = Vec<wire::Interface>),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 500, description = "They could not be listed.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(State(shared): State<Shared>) -> Result<Json<Vec<wire::Interface>>, Problem> {
    shared.interfaces().await.map(Json)
}
