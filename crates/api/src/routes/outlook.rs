//! `GET /outlook`.

use crate::convert;
use crate::problem::{Problem, Query};
use crate::shared::Shared;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::time::Duration;
use store::Reader;
use utoipa::IntoParams;
use vocab::{ByteCount, HourlyVolumes, LinkId, Monthly, Quota, Snapshot};

/// Twelve weeks: a rhythm of a week is seen twelve times, and a quota's period lies inside.
const BACK: Duration = Duration::from_secs(12 * 7 * 86_400);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Of this link, by its name or id; of the first one if neither this nor `device` is there.
    #[param(max_length = 128, example = "internet")]
    link: Option<String>,
    /// Of this device: its id, one of its addresses, or its name.
    #[param(max_length = 128)]
    device: Option<String>,
    /// How much there is in a month, in bytes, both ways together; for a link, what is configured if absent.
    #[param(minimum = 1, maximum = 9007199254740991_u64, example = 500_000_000_000_u64)]
    quota: Option<u64>,
    /// The day of the month on which that is counted from zero again; 1 if absent.
    #[param(minimum = 1, maximum = 31)]
    resets: Option<u8>,
}

/// The next hour and day, when it is busy, and when a quota runs out.
#[utoipa::path(
    get, path = "/api/v1/outlook", tag = "forecast", operation_id = "outlook",
    params(Which),
    responses(
        (status = 200, description = "What is foreseen.", body = wire::Outlook),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such link or device is known.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "More than one device has that name.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter cannot be read.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 500, description = "The history cannot be read.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Query(which): Query<Which>,
) -> Result<Json<wire::Outlook>, Problem> {
    let snapshot = shared.snapshot();
    let (name, link, device) = match (&which.link, &which.device) {
        (Some(_), Some(_)) => return Err(Problem::invalid("Say `link` or `device`, not both.")),
        (None, Some(text)) => {
            let device = convert::find_by_text(&snapshot, text)?;
            let name = if device.name.is_empty() { device.device.to_string() } else { device.name.clone() };
            (name, None, Some(device.device))
        }
        (link, None) => {
            let (id, name) = find_link(&snapshot, link.as_deref())?;
            (name, id, None)
        }
    };
    let state = shared.state();
    let quota = match (which.quota, which.resets) {
        (Some(0), _) => return Err(Problem::invalid("`quota` is at least 1 byte.")),
        (Some(volume), resets) => {
            let resets = Monthly::on(resets.unwrap_or(1));
            let resets = resets.ok_or_else(|| Problem::invalid("`resets` is a day of the month, 1 to 31."))?;
            Some(Quota { volume: ByteCount(volume), resets })
        }
        (None, Some(_)) => return Err(Problem::invalid("`resets` without `quota`: say how much there is.")),
        (None, None) => link.and_then(|link| state.quotas.get(&link).copied()),
    };
    let now = shared.now();
    let (of, local) = (state.outlook, state.local_time.clone());
    let offset = local.offset_at(now);
    let read = {
        let local = local.clone();
        // With what it is computed from, off the runtime's threads: some tens of milliseconds.
        move |reader: &Reader| Ok(of(&reader.hours(now - BACK, now, link, device)?, quota, &local, now))
    };
    let found = shared.read_history(read).await?;
    let outlook = found.unwrap_or_else(|| of(&HourlyVolumes::default(), quota, &local, now));
    Ok(Json(convert::outlook(name, &outlook, offset)))
}

fn find_link(snapshot: &Snapshot, text: Option<&str>) -> Result<(Option<LinkId>, String), Problem> {
    let Some(text) = text else {
        // Before the first snapshot there is none yet.
        return Ok(snapshot
            .links
            .first()
            .map_or((None, String::new()), |link| (Some(link.link.id), link.link.name.clone())));
    };
    let links = || snapshot.links.iter().map(|link| &link.link);
    let by_id = || links().find(|link| link.id.0.to_string() == text);
    let wanted = text.to_lowercase();
    match links().find(|link| link.name.to_lowercase() == wanted).or_else(by_id) {
        Some(link) => Ok((Some(link.id), link.name.clone())),
        None => Err(Problem::not_found(format!("No link `{text}` is known."))
            .detail("`GET /api/v1/status` lists those that are.")),
    }
}
