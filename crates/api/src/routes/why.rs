//! `GET /why/{subject}`.

use crate::convert::{self, Names};
use crate::problem::{Path, Problem};
use crate::shared::Shared;
use axum::Json;
use axum::extract::State;
use vocab::TrafficClass;

/// What a device or class gets, and why.
#[utoipa::path(
    get, path = "/api/v1/why/{subject}", tag = "now", operation_id = "why",
    params(("subject" = String, Path, description = "A device (its id, one of its addresses, or its name) or a class.", example = "backup", max_length = 128)),
    responses(
        (status = 200, description = "The grounds.", body = wire::Why),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such device or class is known.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "More than one device has that name.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(State(shared): State<Shared>, Path(subject): Path<String>) -> Result<Json<wire::Why>, Problem> {
    let snapshot = shared.snapshot();
    let names = Names::of(&snapshot);
    if let Ok(class) = subject.parse::<TrafficClass>() {
        return Ok(Json(convert::why_class(&snapshot, class, &names)));
    }
    let device = convert::find_by_text(&snapshot, &subject)?;
    Ok(Json(convert::why_device(&snapshot, device, &names)))
}
