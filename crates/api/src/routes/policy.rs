//! `GET /policy`, `PUT /policy/devices/{id}`, `POST /policy/devices/{id}/preview`.

use crate::auth::Caller;
use crate::convert::{self, Names};
use crate::problem::{Body, Path, Problem};
use crate::request::Request;
use crate::shared::Shared;
use axum::extract::State;
use axum::{Extension, Json};

/// What the operator wants of everybody.
#[utoipa::path(
    get, path = "/api/v1/policy", tag = "policy", operation_id = "policy",
    responses(
        (status = 200, description = "The policy in force.", body = wire::PolicyView),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(State(shared): State<Shared>) -> Json<wire::PolicyView> {
    Json(convert::policy(&shared.policy()))
}

/// Gives a device another name or share. It is saved, and in force when the answer comes.
#[utoipa::path(
    put, path = "/api/v1/policy/devices/{id}", tag = "policy", operation_id = "change_device",
    params(("id" = String, Path, description = "Its id, one of its addresses, or its name.", example = "a4:5e:60:00:00:01", max_length = 128)),
    request_body(content = wire::DeviceChange, example = json!({"priority": 1, "guarantee": {"download": "4 Mbit/s", "upload": "10 %"}})),
    responses(
        (status = 200, description = "It is in force; whom it gives what.", body = wire::ChangeEffect),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The login's second secret is missing.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such device is known.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Such a policy could not hold: why.", body = wire::Problem, content_type = "application/problem+json",
         example = json!({"status": 409, "code": "refused", "title": "the guarantees for download add up to 110 Mbit/s, but the link has 100 Mbit/s; there is room for 30 Mbit/s more"})),
        (status = 422, description = "A field cannot be read: which.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The control loop is busy.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put_device(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(change): Body<wire::DeviceChange>,
) -> Result<Json<wire::ChangeEffect>, Problem> {
    let snapshot = shared.snapshot();
    let device = convert::find_by_text(&snapshot, &id)?.device;
    let patch = convert::patch(change)?;
    let by = caller.name().to_owned();
    let effect = shared.ask(|reply| Request::ChangeDevice { device, patch, by, reply }).await?;
    tracing::info!(by = caller.name(), devices = effect.devices.len(), "the share of a device changed");
    tracing::debug!(%device, "that was it");
    Ok(Json(convert::effect(effect, &Names::of(&snapshot))))
}

/// What such a change would mean; nothing is changed.
#[utoipa::path(
    post, path = "/api/v1/policy/devices/{id}/preview", tag = "policy", operation_id = "preview_device",
    params(("id" = String, Path, description = "Its id, one of its addresses, or its name.", example = "a4:5e:60:00:00:01", max_length = 128)),
    request_body(content = wire::DeviceChange, example = json!({"priority": 1})),
    responses(
        (status = 200, description = "Whom it would give what, at the demand foreseen now.", body = wire::ChangeEffect),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The login's second secret is missing.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such device is known.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Such a policy could not hold: why.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be read: which.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The control loop is busy.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn preview_device(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(change): Body<wire::DeviceChange>,
) -> Result<Json<wire::ChangeEffect>, Problem> {
    let snapshot = shared.snapshot();
    let device = convert::find_by_text(&snapshot, &id)?.device;
    let patch = convert::patch(change)?;
    let effect = shared.ask(|reply| Request::PreviewDevice { device, patch, reply }).await?;
    Ok(Json(convert::effect(effect, &Names::of(&snapshot))))
}
