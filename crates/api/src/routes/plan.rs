//! `GET /plan`.

use crate::convert;
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
    /// Of which link; the first if absent.
    #[param(maximum = 65535)]
    link: Option<u16>,
}

/// The plan in force (in `suggest`: the one that would be).
#[utoipa::path(
    get, path = "/api/v1/plan", tag = "now", operation_id = "plan",
    params(Which),
    responses(
        (status = 200, description = "Everybody's part.", body = wire::PlanView),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such link, or no plan was made yet.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter cannot be read.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Query(which): Query<Which>,
) -> Result<Json<wire::PlanView>, Problem> {
    let snapshot = shared.snapshot();
    let link = match which.link {
        None => snapshot.links.first(),
        Some(id) => snapshot.links.iter().find(|link| link.link.id.0 == id),
    };
    let link = link.ok_or_else(|| Problem::not_found("There is no such link."))?;
    match &link.plan {
        Some(plan) => Ok(Json(convert::plan(plan))),
        None => Err(Problem::not_found("No plan was made yet.").detail("In `observe` none is made.")),
    }
}
