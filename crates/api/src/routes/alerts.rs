//! `GET /alerts`.

use crate::convert::{self, Names};
use crate::problem::{Problem, Query};
use crate::shared::Shared;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::IntoParams;
use vocab::{Alert, Timestamp};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// At most this many; 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// Alerts that are open, and the latest that ended; newest first.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "now", operation_id = "alerts",
    params(Which),
    responses(
        (status = 200, description = "The alerts.", body = Vec<wire::Alert>),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter cannot be read.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 500, description = "The history cannot be read.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Query(which): Query<Which>,
) -> Result<Json<Vec<wire::Alert>>, Problem> {
    let limit = usize::from(super::at_most(which.limit.unwrap_or(100), 1_000)?);
    let snapshot = shared.snapshot();
    let mut found: BTreeMap<u64, Alert> = BTreeMap::new();
    if snapshot.alerts.len() < limit {
        let older = shared.read_history(move |reader| reader.alerts(Timestamp::default(), limit)).await?;
        found.extend(older.unwrap_or_default().into_iter().map(|alert| (alert.id, alert)));
    }
    found.extend(snapshot.alerts.iter().map(|alert| (alert.id, alert.clone())));
    let names = Names::of(&snapshot);
    Ok(Json(found.values().rev().take(limit).map(|alert| convert::alert(alert, &names)).collect()))
}
