//! `GET /forecast`, `POST /forecast`.

use crate::convert;
use crate::problem::{Body, Problem};
use crate::shared::{Series, Shared};
use axum::Json;
use axum::extract::State;
use std::time::Duration;
use vocab::{BitRate, Timestamp, TrafficClass, Usage};

/// The largest body, in bytes: all series with all seconds, each as long as a number and a comma can be.
pub(crate) const LARGEST_BODY: usize = MOST_SERIES * MOST_SECONDS * 24;

/// Series of one question.
const MOST_SERIES: usize = 16;

/// Seconds of one series: an hour.
const MOST_SECONDS: usize = 3_600;

/// The largest rate that is taken, bit/s: a thousand times the fastest link there is.
const LARGEST_RATE: f64 = 1e15;

/// The year 2500: later no clock says.
const LATEST: Timestamp = Timestamp::from_unix_secs(16_725_225_600);

/// What is foreseen now, of the links, the classes and the devices, and by whom.
#[utoipa::path(
    get, path = "/api/v1/forecast", tag = "forecast", operation_id = "forecast",
    responses(
        (status = 200, description = "What is foreseen.", body = wire::ForecastView),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(State(shared): State<Shared>) -> Json<wire::ForecastView> {
    Json(convert::forecast_view(&shared.snapshot()))
}

/// What series will do, from what they did. Nothing is kept of them, and what EqualNet has seen itself has no part in
/// it: the same question has the same answer.
#[utoipa::path(
    post, path = "/api/v1/forecast", tag = "forecast", operation_id = "foresee",
    request_body(content = wire::ForecastQuestion,
        example = json!({"class": "streaming", "unit": "Mbit/s", "rates": [0, 0, 11.2, 9.8, null, 0, 0, 12.1]})),
    responses(
        (status = 200, description = "Quantiles for each horizon, in the shape of the question.", body = wire::ForecastAnswer),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The login's second secret is missing.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be read: which.", body = wire::Problem, content_type = "application/problem+json",
         example = json!({"status": 422, "code": "invalid", "title": "`rates[3]`: -5 is outside 0 to 1000000000000000 bit/s."})),
        (status = 503, description = "EqualNet is busy with another such question.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(
    State(shared): State<Shared>,
    Body(question): Body<wire::ForecastQuestion>,
) -> Result<Json<wire::ForecastAnswer>, Problem> {
    let (series, shape) = read(question, shared.now())?;
    let classes: Vec<TrafficClass> = series.iter().map(|one| one.class).collect();
    let foreseen = shared.foresee(series).await?;
    let mut answers = classes.into_iter().zip(&foreseen).map(|(class, one)| convert::series_forecast(class, one));
    Ok(Json(match shape {
        Shape::One => wire::ForecastAnswer::One(answers.next().unwrap_or_default()),
        Shape::Several => wire::ForecastAnswer::Several { series: answers.collect() },
    }))
}

/// How the question was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    One,
    Several,
}

fn read(question: wire::ForecastQuestion, now: Timestamp) -> Result<(Vec<Series>, Shape), Problem> {
    let wire::ForecastQuestion { class, rates, unit, at_ms, series } = question;
    match (rates, series) {
        (Some(rates), None) => {
            Ok((vec![read_series("", wire::SeriesRates { class, rates, unit, at_ms }, now)?], Shape::One))
        }
        (None, Some(several)) => {
            if class.is_some() || unit.is_some() || at_ms.is_some() {
                let wrong = "`class`, `unit` and `at_ms` stand in each of `series`, not beside it.";
                return Err(Problem::invalid(wrong));
            }
            if several.is_empty() || several.len() > MOST_SERIES {
                return Err(Problem::invalid(format!("`series`: {} are not 1 to {MOST_SERIES}.", several.len())));
            }
            let each = several.into_iter().enumerate();
            let each = each.map(|(place, one)| read_series(&format!("series[{place}]."), one, now));
            Ok((each.collect::<Result<_, _>>()?, Shape::Several))
        }
        (None, None) | (Some(_), Some(_)) => {
            Err(Problem::invalid("One of `rates` (one series) and `series` (several) is needed."))
        }
    }
}

/// `place` stands before the fields' names in errors.
fn read_series(place: &str, written: wire::SeriesRates, now: Timestamp) -> Result<Series, Problem> {
    let wire::SeriesRates { class, rates, unit, at_ms } = written;
    let invalid = |field: &str, wrong: String| Problem::invalid(format!("`{place}{field}`: {wrong}"));
    let class = match class {
        None => TrafficClass::Unclassified,
        Some(word) => word.parse().map_err(|_| {
            let known = TrafficClass::ALL.map(TrafficClass::name).join(", ");
            invalid("class", format!("`{}` is no traffic class.", shown(&word))).detail(format!("One of {known}."))
        })?,
    };
    let in_bps = match unit.as_deref() {
        None | Some("bit/s" | "bps") => 1.0,
        Some("kbit/s" | "kbps") => 1e3,
        Some("Mbit/s" | "Mbps") => 1e6,
        Some("Gbit/s" | "Gbps") => 1e9,
        Some("B/s") => 8.0,
        Some(other) => {
            return Err(invalid("unit", format!("`{}` is no unit.", shown(other)))
                .detail("One of bit/s, kbit/s, Mbit/s, Gbit/s, B/s."));
        }
    };
    if rates.is_empty() || rates.len() > MOST_SECONDS {
        return Err(invalid("rates", format!("{} seconds are not 1 to {MOST_SECONDS}.", rates.len())));
    }
    let at = at_ms.map_or(now, Timestamp::from_unix_millis);
    let least = Timestamp::from_unix_secs(MOST_SECONDS as u64);
    if !(least..=LATEST).contains(&at) {
        return Err(invalid("at_ms", "that is no time of these days.".to_owned())
            .detail("Milliseconds since 1970-01-01 UTC at which the last second ended."));
    }
    let second = |(second, rate): (usize, Option<f64>)| {
        let Some(rate) = rate else { return Ok(None) };
        let bps = rate * in_bps;
        if (0.0..=LARGEST_RATE).contains(&bps) {
            Ok(Some(Usage::Free(BitRate::from_bps(bps as u64))))
        } else {
            Err(invalid(&format!("rates[{second}]"), format!("{rate} is outside 0 to {LARGEST_RATE} bit/s.")))
        }
    };
    let seconds = rates.into_iter().enumerate().map(second).collect::<Result<_, _>>()?;
    Ok(Series { class, seconds, at: at.floor(Duration::from_secs(1)) })
}

/// What is told back of what somebody wrote.
fn shown(text: &str) -> String {
    text.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);

    fn number() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (0.0..1e9).prop_map(Value::from),
            Just(json!("1e9")),
        ]
    }

    /// Bodies that look like questions, with any one thing wrong, or several, or none.
    fn body() -> impl Strategy<Value = Value> {
        let any_word = proptest::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter);
        let known = prop_oneof![Just("streaming".to_owned()), Just("bit/s".to_owned()), Just("MB".to_owned())];
        let word = prop_oneof![known, any_word].boxed();
        let fields = (
            proptest::option::of(word.clone()),
            proptest::option::weighted(0.8, proptest::collection::vec(number(), 0..40)),
            proptest::option::of(word),
            proptest::option::of(prop_oneof![any::<u64>(), 0..4_000_000_000_000u64]),
        );
        let one = fields.prop_map(|(class, rates, unit, at_ms)| {
            let mut one = serde_json::Map::new();
            let mut put = |key: &str, value: Option<Value>| value.map(|value| one.insert(key.to_owned(), value));
            put("class", class.map(Value::from));
            put("rates", rates.map(Value::from));
            put("unit", unit.map(Value::from));
            put("at_ms", at_ms.map(Value::from));
            Value::Object(one)
        });
        let one = one.boxed();
        prop_oneof![
            4 => one.clone(),
            2 => proptest::collection::vec(one.clone(), 0..20).prop_map(|series| json!({ "series": series })),
            1 => (one.clone(), one).prop_map(|(mut body, series)| { body["series"] = json!([series]); body }),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_asked_is_refused_or_within_bounds(body in body()) {
            let Ok(question) = serde_json::from_value::<wire::ForecastQuestion>(body) else { return Ok(()) };
            let asked_for = question.series.as_ref().map_or(1, Vec::len);
            match read(question, NOW) {
                Ok((series, shape)) => {
                    prop_assert_eq!(series.len(), asked_for);
                    prop_assert!(shape == Shape::Several || series.len() == 1);
                    for one in series {
                        prop_assert!((1..=MOST_SECONDS).contains(&one.seconds.len()));
                        let rates = one.seconds.iter().flatten().map(|usage| usage.rate().as_bps());
                        prop_assert!(rates.max().unwrap_or(0) <= LARGEST_RATE as u64);
                        prop_assert!(one.at.as_unix_secs() >= one.seconds.len() as u64);
                    }
                }
                Err(problem) => prop_assert!(format!("{problem:?}").contains('`'), "it names the field: {problem:?}"),
            }
        }
    }

    #[test]
    fn units_and_unknown_seconds() {
        let check = |body: Value, expected: &[Option<u64>]| {
            let question = serde_json::from_value(body).unwrap();
            let (series, _) = read(question, NOW).unwrap();
            let rates: Vec<Option<u64>> =
                series[0].seconds.iter().map(|usage| usage.map(|usage| usage.rate().as_bps())).collect();
            assert_eq!(rates, expected);
        };
        check(json!({"rates": [1, null, 2.5]}), &[Some(1), None, Some(2)]);
        check(json!({"rates": [1.5], "unit": "Mbit/s"}), &[Some(1_500_000)]);
        check(json!({"rates": [1000], "unit": "B/s"}), &[Some(8_000)]);
        check(json!({"series": [{"rates": [3], "unit": "kbps", "class": "call"}]}), &[Some(3_000)]);
    }
}
