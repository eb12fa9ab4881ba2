//! `POST /predict`: a contract that others wrote and other programs speak.

use crate::convert;
use crate::problem::{Body, Problem};
use crate::shared::{Series, Shared};
use axum::Json;
use axum::extract::State;
use std::ops::RangeInclusive;
use vocab::{BitRate, Direction, TrafficClass, Usage};

/// The contract's own words, and the classes they mean here.
const TRAFFIC_TYPES: [(&str, TrafficClass); 6] = [
    ("voice", TrafficClass::Voice),
    ("video", TrafficClass::Streaming),
    ("browsing", TrafficClass::Web),
    ("gaming", TrafficClass::Gaming),
    ("file", TrafficClass::Download),
    ("background", TrafficClass::Backup),
];

/// For so many seconds a series is taken to have run at its `recentThroughput`: after them it is mature, and the
/// longest lag that models look at is known.
const RECENT_SECONDS: usize = 60;

/// The largest packet of IP, in bytes.
const PACKET_SIZES: RangeInclusive<f64> = 0.0..=65_535.0;
/// More packets wait nowhere.
const QUEUE_LENGTHS: RangeInclusive<f64> = 0.0..=1e9;
/// Up to 1 Tbit/s.
const THROUGHPUTS: RangeInclusive<f64> = 0.0..=1e6;

/// The contract's word for `class`; the class's own where the contract has none.
pub fn traffic_type_of(class: TrafficClass) -> &'static str {
    TRAFFIC_TYPES.iter().find(|(_, meant)| *meant == class).map_or(class.name(), |(word, _)| word)
}

fn class_of(traffic_type: &str) -> Result<TrafficClass, Problem> {
    let meant = TRAFFIC_TYPES.iter().find(|(word, _)| *word == traffic_type).map(|(_, class)| *class);
    meant.or_else(|| traffic_type.parse().ok()).ok_or_else(|| {
        let shown: String = traffic_type.chars().take(32).collect();
        let own = TRAFFIC_TYPES.map(|(word, _)| word);
        let classes = TrafficClass::ALL.map(TrafficClass::name).into_iter().filter(|class| !own.contains(class));
        let known: Vec<&str> = own.into_iter().chain(classes).collect();
        Problem::unknown_word(format!("`trafficType`: there is no `{shown}`."))
            .detail(format!("One of {}.", known.join(", ")))
    })
}

/// What traffic of a kind will want in the next 15 s, in the words of a contract that other programs speak.
///
/// Without `recentThroughput`: what the live model foresees for that class of the first link. With it: what a series
/// of that class will do that ran at that rate for the last minute, whoever it is.
#[utoipa::path(
    post, path = "/predict", tag = "forecast", operation_id = "predict",
    request_body(content = wire::PredictQuestion, example = json!({"trafficType": "video", "packetSize": 1200})),
    responses(
        (status = 200, description = "The mean of the next 15 s.", body = wire::Prediction,
         example = json!({"trafficType": "video", "predictedBandwidth": 4.2, "unit": "Mbps", "p50": 3.9, "p90": 4.2, "p99": 6.0})),
        (status = 400, description = "There is no such traffic type: which there are.", body = wire::Problem, content_type = "application/problem+json",
         example = json!({"status": 400, "code": "invalid", "title": "`trafficType`: there is no `film`.", "detail": "One of voice, video, browsing, gaming, file, background, …"})),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The login's second secret is missing.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be read: which.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was seen yet, or EqualNet is busy.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(
    State(shared): State<Shared>,
    Body(question): Body<wire::PredictQuestion>,
) -> Result<Json<wire::Prediction>, Problem> {
    let traffic_type = question.traffic_type.trim().to_ascii_lowercase();
    let class = class_of(&traffic_type)?;
    within("packetSize", question.packet_size, PACKET_SIZES)?;
    let waiting = within("queueLength", question.queue_length, QUEUE_LENGTHS)?;
    let recent = within("recentThroughput", question.recent_throughput, THROUGHPUTS)?;
    let direction = match question.direction.as_deref() {
        None | Some("download") => Direction::Download,
        Some("upload") => Direction::Upload,
        Some(_) => return Err(Problem::invalid("`direction`: `download` or `upload`.")),
    };
    let forecast = match recent {
        Some(mbps) => {
            let rate = BitRate::from_bps((mbps * 1e6) as u64);
            let held_back = waiting.is_some_and(|packets| packets > 0.0);
            let usage = if held_back { Usage::Backlogged(rate) } else { Usage::Free(rate) };
            let series = Series { class, seconds: vec![Some(usage); RECENT_SECONDS], at: shared.now() };
            shared.foresee(vec![series]).await?.into_iter().next()
        }
        None => {
            let snapshot = shared.snapshot();
            let of_class = |link: &vocab::LinkSnapshot| {
                link.classes.iter().find(|known| known.class == class).and_then(|known| known.forecast[direction])
            };
            snapshot.links.first().and_then(of_class)
        }
    };
    let forecast = forecast.ok_or_else(|| Problem::busy("Nothing was seen yet. Try again."))?;
    Ok(Json(convert::prediction(traffic_type, &forecast)))
}

fn within(field: &str, value: Option<f64>, range: RangeInclusive<f64>) -> Result<Option<f64>, Problem> {
    match value {
        Some(value) if !range.contains(&value) => {
            let (least, most) = range.into_inner();
            Err(Problem::invalid(format!("`{field}`: {value} is outside {least} to {most}.")))
        }
        inside => Ok(inside),
    }
}
