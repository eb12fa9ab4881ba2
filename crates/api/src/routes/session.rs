//! `POST`, `GET` and `DELETE /session`: the login.

use crate::auth::{COOKIE, Caller, LONGEST_PASSWORD, Login};
use crate::problem::{Body, Problem};
use crate::server::Peer;
use crate::shared::Shared;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use axum::{Extension, Json};
use std::net::{IpAddr, Ipv4Addr};

/// Logs in: sets the cookie, and tells the second secret that changes must carry.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "login", operation_id = "log_in", security(()),
    request_body(content = wire::Login, example = json!({"user": "admin", "password": "correct horse battery staple"})),
    responses(
        (status = 200, description = "Logged in; the cookie is set.", body = wire::SessionState),
        (status = 401, description = "Not these.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "The body does not say what is needed.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries; `Retry-After` says how long to wait.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Body(login): Body<wire::Login>,
) -> Result<impl IntoResponse, Problem> {
    let wire::Login { user, password } = login;
    if password.len() > LONGEST_PASSWORD || user.len() > LONGEST_PASSWORD {
        return Err(Problem::invalid("That is too long."));
    }
    if shared.state().accounts.is_empty() {
        return Err(Problem::unauthenticated("No password is set.")
            .detail("Set one on the machine itself: `equalnet password`."));
    }
    let from = match peer {
        Peer::Local => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Peer::Remote(address) => address,
    };
    let entered = shared.gate().enter(from, shared.now());
    if let Err(wait) = entered {
        return Err(Problem::too_many("Too many tries.", wait).detail("Wait a little, then try again."));
    }
    if !shared.password_fits(&user, password).await? {
        tracing::warn!("a login was refused");
        tracing::debug!(%from, "that came from");
        return Err(Problem::unauthenticated("User or password is wrong."));
    }
    shared.gate().passed(from);
    let login = shared.logins().open(&user, shared.now());
    tracing::info!(user, "logged in");
    Ok((AppendHeaders([(header::SET_COOKIE, login.cookie())]), Json(state_of(&login))))
}

/// Who is logged in. On the Unix socket: `root`, who needs no login.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "login", operation_id = "login_state",
    responses(
        (status = 200, description = "The open login.", body = wire::SessionState),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(Extension(caller): Extension<Caller>) -> Json<wire::SessionState> {
    match caller {
        Caller::Local => {
            Json(wire::SessionState { user: caller.name().to_owned(), csrf: String::new(), expires_ms: 0 })
        }
        Caller::LoggedIn(login) => Json(state_of(&login)),
    }
}

/// Logs out; live sockets of the login are closed.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "login", operation_id = "log_out",
    responses(
        (status = 204, description = "Logged out."),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The login's second secret is missing.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete(State(shared): State<Shared>, Extension(caller): Extension<Caller>) -> impl IntoResponse {
    match caller {
        Caller::Local => {}
        Caller::LoggedIn(login) => shared.logins().end(&login),
    }
    let forget = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    let forget = HeaderValue::from_str(&forget).expect("the cookie's name is plain ASCII");
    (StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, forget)]))
}

fn state_of(login: &Login) -> wire::SessionState {
    wire::SessionState {
        user: login.user.clone(),
        csrf: login.csrf.clone(),
        expires_ms: login.expires.as_unix_millis(),
    }
}
