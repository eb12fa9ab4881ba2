//! All addresses under `/api/v1`, and the guards before them; everything else is the dashboard.

pub(crate) mod alerts;
pub(crate) mod decisions;
pub(crate) mod devices;
pub(crate) mod flows;
pub(crate) mod forecast;
pub(crate) mod history;
pub(crate) mod interfaces;
pub(crate) mod mode;
pub(crate) mod outlook;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod predict;
pub(crate) mod rules;
pub(crate) mod session;
pub(crate) mod status;
pub(crate) mod what_if;
pub(crate) mod why;

use crate::auth::{check_host, require_login};
use crate::problem::Problem;
use crate::shared::Shared;
use crate::{assets, live, openapi};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post, put};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

/// The largest body of a request, in bytes: a hundred times the largest sensible one.
const LARGEST_BODY: usize = 64 * 1_024;

/// All routes with all guards.
pub(crate) fn router(shared: Shared) -> Router {
    let small_answers_are_not_worth_it = SizeAbove::new(1_024).and(NotForContentType::IMAGES);
    let needs_login = Router::new()
        .route("/status", get(status::get))
        .route("/mode", put(mode::put))
        .route("/interfaces", get(interfaces::get))
        .route("/devices", get(devices::list))
        .route("/devices/{id}", get(devices::get))
        .route("/policy", get(policy::get))
        .route("/policy/devices/{id}", put(policy::put_device))
        .route("/policy/devices/{id}/preview", post(policy::preview_device))
        .route("/what-if", post(what_if::post))
        .route("/plan", get(plan::get))
        .route("/flows", get(flows::get))
        .route("/flows/{id}/class", post(rules::reclassify))
        .route("/rules", get(rules::list).post(rules::post))
        .route("/rules/{id}", put(rules::put).delete(rules::delete))
        .route("/decisions", get(decisions::get))
        .route("/why/{subject}", get(why::get))
        .route("/alerts", get(alerts::get))
        .route("/history", get(history::get))
        .route(
            "/forecast",
            get(forecast::get).post(forecast::post).layer(DefaultBodyLimit::max(forecast::LARGEST_BODY)),
        )
        .route("/outlook", get(outlook::get))
        .layer(CompressionLayer::new().compress_when(small_answers_are_not_worth_it.clone()))
        // What carries secrets is never compressed; the live socket is no body.
        .route("/live", get(live::get))
        .route("/session", get(session::get).delete(session::delete))
        .route_layer(from_fn_with_state(shared.clone(), require_login));
    let open = Router::new().route("/session", post(session::post)).route("/openapi.json", get(openapi::get));
    let api = needs_login
        .merge(open)
        .fallback(async || {
            Problem::not_found("There is no such address.").detail("`GET /api/v1/openapi.json` lists all of them.")
        })
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn(never_kept));
    let dashboard = Router::new()
        .fallback(assets::get)
        .layer(CompressionLayer::new().compress_when(small_answers_are_not_worth_it));
    // Where the contract that others wrote has it.
    let predict = Router::new()
        .route("/predict", post(predict::post))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .route_layer(from_fn_with_state(shared.clone(), require_login))
        .layer(from_fn(never_kept));
    Router::new()
        .nest("/api/v1", api)
        .merge(predict)
        .route("/api", get(no_such_api))
        .route("/api/{*rest}", get(no_such_api))
        .merge(dashboard)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(shared.clone(), check_host))
        .layer(from_fn(with_security_headers))
        .with_state(shared)
}

async fn no_such_api() -> Problem {
    Problem::not_found("There is no such address.").detail("The API is at `/api/v1`.")
}

/// Answers of the API are of this moment and of this person.
async fn never_kept(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Styles may be inline because the dashboard's menus and charts place themselves; scripts never.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

async fn with_security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// `asked`, if it is from 1 to `most`.
fn at_most(asked: u16, most: u16) -> Result<u16, Problem> {
    if (1..=most).contains(&asked) {
        Ok(asked)
    } else {
        Err(Problem::invalid(format!("`limit`: {asked} is outside 1 to {most}.")))
    }
}
