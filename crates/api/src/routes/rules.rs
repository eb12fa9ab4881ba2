//! `GET /rules`, `POST /rules`, `PUT /rules/{id}`, `DELETE /rules/{id}`, `POST /flows/{id}/class`.

use crate::auth::Caller;
use crate::convert;
use crate::problem::{Body, Path, Problem};
use crate::request::Request;
use crate::shared::Shared;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use vocab::{RuleHits, RuleId, RuleScope, TrafficClass};

/// All rules, in the order in which they are asked: the first that fits a flow wins.
#[utoipa::path(
    get, path = "/api/v1/rules", tag = "policy", operation_id = "rules",
    responses(
        (status = 200, description = "Those set by hand, the newest first, then those of the configuration; with what each did.", body = Vec<wire::Rule>),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(shared): State<Shared>) -> Json<Vec<wire::Rule>> {
    Json(convert::rules(&shared.snapshot(), &shared.policy()))
}

/// One more rule, before all others. It is saved, and in force when the answer comes, for open flows too.
#[utoipa::path(
    post, path = "/api/v1/rules", tag = "policy", operation_id = "add_rule",
    request_body(content = wire::RuleChange, example = json!({"when": {"name": "netflix.com"}, "class": "streaming"})),
    responses(
        (status = 201, description = "It is in force. One that asked the same gave way to it.", body = wire::Rule),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The login's second secret is missing.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such device is known.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Something stands against it: what.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be read: which.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The control loop is busy.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Body(change): Body<wire::RuleChange>,
) -> Result<(StatusCode, Json<wire::Rule>), Problem> {
    let snapshot = shared.snapshot();
    let rule = Box::new(convert::rule_of(RuleId::ByHand(0), change, &snapshot)?);
    let by = caller.name().to_owned();
    let rule = shared.ask(|reply| Request::AddRule { rule, by, reply }).await?;
    tracing::info!(by = caller.name(), rule = %rule.id(), "a rule was added");
    Ok((StatusCode::CREATED, Json(convert::rule(&rule, RuleHits::default(), &convert::Names::of(&snapshot)))))
}

/// Another text for a rule that was set by hand; it keeps its place.
#[utoipa::path(
    put, path = "/api/v1/rules/{id}", tag = "policy", operation_id = "change_rule",
    params(("id" = String, Path, description = "Its id.", example = "hand-3", max_length = 16)),
    request_body(content = wire::RuleChange, example = json!({"when": {"device": "a4:5e:60:00:00:01"}, "class": "work", "comment": "school tablets"})),
    responses(
        (status = 200, description = "It is in force.", body = wire::Rule),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The login's second secret is missing.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such rule was set by hand, or no such device is known.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Something stands against it: what.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be read: which.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The control loop is busy.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(change): Body<wire::RuleChange>,
) -> Result<Json<wire::Rule>, Problem> {
    let snapshot = shared.snapshot();
    let rule = Box::new(convert::rule_of(read_id(&id)?, change, &snapshot)?);
    let by = caller.name().to_owned();
    let rule = shared.ask(|reply| Request::ReplaceRule { rule, by, reply }).await?;
    tracing::info!(by = caller.name(), rule = %rule.id(), "a rule was changed");
    Ok(Json(convert::rule(&rule, RuleHits::default(), &convert::Names::of(&snapshot))))
}

/// A rule that was set by hand is taken away; open flows are what they were without it.
#[utoipa::path(
    delete, path = "/api/v1/rules/{id}", tag = "policy", operation_id = "remove_rule",
    params(("id" = String, Path, description = "Its id.", example = "hand-3", max_length = 16)),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The login's second secret is missing.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such rule was set by hand.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Something stands against it: what.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The control loop is busy.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let rule = read_id(&id)?;
    let by = caller.name().to_owned();
    shared.ask(|reply| Request::RemoveRule { rule, by, reply }).await?;
    tracing::info!(by = caller.name(), %rule, "a rule was taken away");
    Ok(StatusCode::NO_CONTENT)
}

/// Says what a flow is for. It becomes a rule that takes flows like it: of the same server name; without one, of the
/// same server, port and protocol.
#[utoipa::path(
    post, path = "/api/v1/flows/{id}/class", tag = "policy", operation_id = "reclassify",
    params(("id" = String, Path, description = "Its id, as `GET /flows` has it.", example = "tcp-192.168.1.20-50000-198.51.100.7-443", max_length = 128)),
    request_body(content = wire::Reclassify, example = json!({"class": "call", "scope": "device"})),
    responses(
        (status = 201, description = "The rule that it became.", body = wire::Rule),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The login's second secret is missing.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such flow is shown any more.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Something stands against it: what.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "There is no such class or scope.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The control loop is busy.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn reclassify(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(wanted): Body<wire::Reclassify>,
) -> Result<(StatusCode, Json<wire::Rule>), Problem> {
    let snapshot = shared.snapshot();
    let flow = snapshot.flows.iter().find(|flow| convert::flow_id(flow) == id).ok_or_else(|| {
        Problem::not_found("No such flow is shown any more.")
            .detail("Look again at `GET /api/v1/flows`, or write a rule of your own.")
    })?;
    let flow = Box::new(flow.clone());
    let class = wanted.class.parse::<TrafficClass>().map_err(|error| Problem::invalid(error.to_string()))?;
    let scope = match wanted.scope.as_str() {
        "" | "everybody" => RuleScope::Everybody,
        "device" => RuleScope::Device,
        other => {
            return Err(Problem::invalid(format!("There is no scope `{other}`."))
                .detail("Say `everybody`, or `device` for that of the flow alone."));
        }
    };
    let by = caller.name().to_owned();
    let rule = shared.ask(|reply| Request::Reclassify { flow, class, scope, by, reply }).await?;
    tracing::info!(by = caller.name(), rule = %rule.id(), %class, "a flow was reclassified");
    Ok((StatusCode::CREATED, Json(convert::rule(&rule, RuleHits::default(), &convert::Names::of(&snapshot)))))
}

fn read_id(text: &str) -> Result<RuleId, Problem> {
    text.parse().map_err(|error: vocab::InvalidCondition| Problem::not_found(error.to_string()))
}
