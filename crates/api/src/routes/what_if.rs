//! `POST /what-if`.

use crate::convert;
use crate::problem::{Body, Problem};
use crate::request::{WhatIfAsked, WhatIfRefused};
use crate::shared::Shared;
use axum::Json;
use axum::extract::State;
use vocab::{BitRate, Directed};

/// Changes to so many devices in one question.
const MOST_DEVICES: usize = 256;

/// What was recorded, by another policy, beside the one in force and nobody's. Nothing is changed. One question at a time;
/// it takes a core for some seconds, and gives up after half a minute.
#[utoipa::path(
    post, path = "/api/v1/what-if", tag = "policy", operation_id = "what_if",
    request_body(content = wire::WhatIfQuestion,
        example = json!({"since": "1h", "devices": {"a4:5e:60:00:00:01": {"priority": 1, "guarantee": {"download": "4 Mbit/s", "upload": "10 %"}}}})),
    responses(
        (status = 200, description = "The same seconds, divided in three ways.", body = wire::WhatIf),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The login's second secret is missing.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such device is known, or nothing was recorded in that time.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Such a policy could not hold: why.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be read: which.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 503, description = "Somebody else asks, or it takes too long: ask for less.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(
    State(shared): State<Shared>,
    Body(question): Body<wire::WhatIfQuestion>,
) -> Result<Json<wire::WhatIf>, Problem> {
    if question.devices.len() > MOST_DEVICES {
        return Err(Problem::invalid(format!("`devices`: {MOST_DEVICES} at most.")));
    }
    let snapshot = shared.snapshot();
    let mut devices = Vec::new();
    for (id, change) in question.devices {
        devices.push((convert::find_by_text(&snapshot, &id)?.device, convert::patch(change)?));
    }
    let asked = WhatIfAsked {
        since: question.since,
        in_force: shared.policy(),
        text: question.policy,
        devices,
        capacity: Directed {
            download: rate("download", question.download.as_deref())?,
            upload: rate("upload", question.upload.as_deref())?,
        },
    };
    shared.what_if(asked).await.map(Json)
}

fn rate(field: &str, text: Option<&str>) -> Result<Option<BitRate>, Problem> {
    let read = |text: &str| {
        let rate = text.parse().ok().filter(|rate| *rate >= BitRate::from_kbps(64));
        rate.ok_or_else(|| Problem::invalid(format!("`{field}`: a rate such as `20 Mbit/s`.")))
    };
    text.map(read).transpose()
}

impl From<WhatIfRefused> for Problem {
    fn from(refused: WhatIfRefused) -> Problem {
        match refused {
            WhatIfRefused::Unreadable(_) => Problem::invalid(refused.to_string()),
            WhatIfRefused::CannotHold(_) => Problem::refused(refused.to_string()),
            WhatIfRefused::NothingRecorded => Problem::not_found(refused.to_string()),
            WhatIfRefused::TooLong => Problem::busy(refused.to_string()),
            WhatIfRefused::Failed(_) => Problem::internal(refused.to_string()),
        }
    }
}
