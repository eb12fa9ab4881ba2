//! The guards before the routes: which names we answer to, and who asks.

use super::Login;
use crate::problem::Problem;
use crate::server::Peer;
use crate::shared::Shared;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// Who asks, once the guards let them pass.
#[derive(Clone)]
pub(crate) enum Caller {
    /// Somebody the file system let open the Unix socket.
    Local,
    /// Somebody with an open login.
    LoggedIn(Login),
}

impl Caller {
    /// The name that stands in decisions.
    pub(crate) fn name(&self) -> &str {
        match self {
            Caller::Local => "root",
            Caller::LoggedIn(login) => &login.user,
        }
    }
}

/// The names we answer to. Against pages that let their own name point to us (DNS rebinding), which needs a
/// name: IP addresses are always answered.
#[derive(Clone, Debug)]
pub(crate) struct HostRules {
    names: Vec<String>,
}

impl HostRules {
    /// `localhost` and `names` (with a port where a page comes from another one).
    pub(crate) fn new(names: &[String]) -> HostRules {
        let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.push("localhost".to_owned());
        HostRules { names }
    }

    /// Whether a request with these headers may be answered: its `Host` is ours, and if a page sent it, the
    /// page is ours.
    fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let said = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = said.and_then(|host| host.parse::<Authority>().ok()).filter(|host| self.is_ours(host));
        let Some(host) = host else {
            return Err(Problem::forbidden("EqualNet does not answer to this name.")
                .detail("Call it by its IP address, or add the name to `api.allowed_hosts`."));
        };
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let page = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")));
        match page {
            Some(page) if page.eq_ignore_ascii_case(host.as_str()) => Ok(()),
            Some(page) if self.names.contains(&page.to_ascii_lowercase()) => Ok(()),
            _ => Err(Problem::forbidden("A page from elsewhere may not ask this.")),
        }
    }

    fn is_ours(&self, host: &Authority) -> bool {
        let name = host.host();
        let literal = name.trim_start_matches('[').trim_end_matches(']');
        literal.parse::<IpAddr>().is_ok()
            || self.names.iter().any(|ours| ours.eq_ignore_ascii_case(name) || ours.eq_ignore_ascii_case(host.as_str()))
    }
}

/// Lets a request pass whose `Host` and `Origin` are ours; the Unix socket is not asked.
pub(crate) async fn check_host(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    if let Peer::Remote(_) = peer
        && let Err(problem) = shared.host_rules().check(request.headers())
    {
        return problem.into_response();
    }
    next.run(request).await
}

/// Lets a request pass from the Unix socket or with an open login; changes must carry its second secret.
/// Leaves a [`Caller`] in the request.
pub(crate) async fn require_login(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match peer {
        Peer::Local => Caller::Local,
        Peer::Remote(_) => {
            let now = shared.now();
            let Some(login) = shared.logins().find(request.headers(), now) else {
                return Problem::unauthenticated("Log in first.")
                    .detail("`POST /api/v1/session` with the password, or use the socket on the machine itself.")
                    .into_response();
            };
            let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
            if !only_reads && !login.is_confirmed_by(request.headers()) {
                return Problem::forbidden("The change does not carry the login's `X-CSRF-Token`.")
                    .detail("`GET /api/v1/session` tells it.")
                    .into_response();
            }
            Caller::LoggedIn(login)
        }
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], host: &str, origin: Option<&str>, passes: bool) {
        let rules = HostRules::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        assert_eq!(rules.check(&headers).is_ok(), passes, "{host} from {origin:?}");
    }

    #[test]
    fn only_our_names_are_answered() {
        check(&[], "localhost:8920", None, true);
        check(&[], "127.0.0.1:8920", None, true);
        check(&[], "[fd00::1]:8920", None, true);
        check(&[], "192.168.1.1", None, true);
        check(&[], "evil.example", None, false);
        check(&[], "localhost.evil.example", None, false);
        check(&[], "127.0.0.1.evil.example", None, false);
        check(&["router.lan"], "Router.LAN:8920", None, true);
        check(&["router.lan:443"], "router.lan:443", None, true);
        check(&["router.lan:443"], "router.lan:80", None, false);
        check(&[], "a b", None, false);
        check(&[], "", None, false);
    }

    #[test]
    fn only_our_pages_may_ask() {
        check(&[], "localhost:8920", Some("http://localhost:8920"), true);
        check(&[], "localhost:8920", Some("https://localhost:8920"), true);
        check(&[], "localhost:8920", Some("http://localhost:5173"), false);
        check(&["localhost:5173"], "localhost:8920", Some("http://localhost:5173"), true);
        check(&[], "localhost:8920", Some("http://evil.example"), false);
        check(&[], "localhost:8920", Some("http://localhost:8920.evil.example"), false);
        check(&[], "localhost:8920", Some("null"), false);
        check(&[], "192.168.1.1:8920", Some("http://192.168.1.2:8920"), false);
    }
}
