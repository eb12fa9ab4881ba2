//! The description of all addresses and bodies (OpenAPI 3.1), for people and for programs that write clients.

use crate::routes;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "EqualNet",
        description = "Watch a link, and say how it is divided. Rates are bit/s and volumes bytes, layer 2 (the IP packet with its \
            Ethernet header); times are milliseconds since 1970-01-01 UTC. Errors are `application/problem+json` (RFC 9457).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "The machine EqualNet runs on.")),
    tags(
        (name = "login", description = "Who asks. The Unix socket needs no login."),
        (name = "now", description = "What is."),
        (name = "forecast", description = "What will be."),
        (name = "policy", description = "What the operator wants."),
        (name = "setup", description = "What the machine has."),
        (name = "history", description = "What was."),
        (name = "forecast", description = "What will be."),
    ),
    paths(
        routes::session::post,
        routes::session::get,
        routes::session::delete,
        routes::status::get,
        routes::mode::put,
        routes::interfaces::get,
        routes::devices::list,
        routes::devices::get,
        routes::policy::get,
        routes::policy::put_device,
        routes::policy::preview_device,
        routes::what_if::post,
        routes::plan::get,
        routes::flows::get,
        routes::rules::list,
        routes::rules::post,
        routes::rules::put,
        routes::rules::delete,
        routes::rules::reclassify,
        routes::decisions::get,
        routes::why::get,
        routes::alerts::get,
        routes::history::get,
        routes::forecast::get,
        routes::forecast::post,
        routes::predict::post,
        routes::outlook::get,
        crate::live::get,
        get,
    ),
    components(schemas(wire::live::ServerFrame, wire::live::ClientFrame)),
    modifiers(&Logins),
    security(("login" = [])),
)]
struct Description;

/// The cookie that a login sets.
struct Logins;

impl Modify for Logins {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let cookie = ApiKeyValue::with_description(
            crate::auth::COOKIE,
            "Set by `POST /api/v1/session`. Every change also carries the header `X-CSRF-Token` with what that answered.",
        );
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("login", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// The whole description as JSON: what stands in `docs/openapi.json`.
pub fn openapi_json() -> String {
    Description::openapi().to_pretty_json().expect("a description of plain values is JSON")
}

/// This description.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "setup", operation_id = "openapi", security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object, content_type = "application/json"))
)]
pub(crate) async fn get() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json())
}
