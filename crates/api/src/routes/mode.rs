//! `PUT /mode`.

use crate::auth::Caller;
use crate::problem::{Body, Problem};
use crate::request::Request;
use crate::shared::Shared;
use axum::extract::State;
use axum::{Extension, Json};
use vocab::Mode;

/// What EqualNet does about what it sees: measure only, show its plan, or apply it.
#[utoipa::path(
    put, path = "/api/v1/mode", tag = "policy", operation_id = "set_mode",
    request_body(content = wire::ModeChange, example = json!({"mode": "control"})),
    responses(
        (status = 200, description = "It is in force.", body = wire::ModeChange),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The login's second secret is missing.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Something stands against it: what.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "There is no such mode.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The control loop is busy.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Body(change): Body<wire::ModeChange>,
) -> Result<Json<wire::ModeChange>, Problem> {
    let Some(mode) = Mode::from_name(&change.mode) else {
        return Err(Problem::invalid("There is no such mode.").detail("Say `observe`, `suggest` or `control`."));
    };
    let by = caller.name().to_owned();
    shared.ask(|reply| Request::SetMode { mode, by, reply }).await?;
    tracing::info!(%mode, by = caller.name(), "mode changed");
    Ok(Json(wire::ModeChange { mode: mode.name().to_owned() }))
}
