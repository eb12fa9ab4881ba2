//! `GET /devices`, `GET /devices/{id}`.

use crate::convert;
use crate::problem::{Path, Problem};
use crate::shared::Shared;
use axum::Json;
use axum::extract::State;

/// All devices known.
#[utoipa::path(
    get, path = "/api/v1/devices", tag = "now", operation_id = "devices",
    responses(
        (status = 200, description = "All devices, in the order of their ids.", body = Vec<wire::Device>),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(shared): State<Shared>) -> Json<Vec<wire::Device>> {
    Json(convert::devices(&shared.snapshot(), &mut shared.numbers()))
}

/// One device.
#[utoipa::path(
    get, path = "/api/v1/devices/{id}", tag = "now", operation_id = "device",
    params(("id" = String, Path, description = "Its id, one of its addresses, or its name.", example = "a4:5e:60:00:00:01", max_length = 128)),
    responses(
        (status = 200, description = "The device.", body = wire::Device),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such device is known.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "More than one device has that name.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<wire::Device>, Problem> {
    let snapshot = shared.snapshot();
    let device = convert::find_by_text(&snapshot, &id)?;
    Ok(Json(convert::device(&snapshot, device, &mut shared.numbers())))
}
