//! Errors as the caller sees them (RFC 9457, `application/problem+json`).

use crate::request::Refused;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// An error on its way out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: String,
    detail: String,
    retry_after: Option<Duration>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: impl Into<String>) -> Problem {
        Problem { status, code, title: title.into(), detail: String::new(), retry_after: None }
    }

    /// With what would be right, or what to do.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Problem {
        self.detail = detail.into();
        self
    }

    pub(crate) fn unauthenticated(title: &str) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", title)
    }

    pub(crate) fn forbidden(title: &str) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", title)
    }

    pub(crate) fn not_found(title: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", title)
    }

    pub(crate) fn invalid(title: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title)
    }

    /// A word that is none of those known.
    pub(crate) fn unknown_word(title: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid", title)
    }

    pub(crate) fn refused(title: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, "refused", title)
    }

    /// Ask again after a second.
    pub(crate) fn busy(title: impl Into<String>) -> Problem {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", title);
        Problem { retry_after: Some(Duration::from_secs(1)), ..problem }
    }

    /// Too many tries; ask again after `wait`.
    pub(crate) fn too_many(title: &str, wait: Duration) -> Problem {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", title);
        Problem { retry_after: Some(wait), ..problem }
    }

    pub(crate) fn internal(title: impl Into<String>) -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title)
    }

    pub(crate) fn method_not_allowed() -> Problem {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "invalid", "This address does not know that method.")
            .detail("docs/openapi.json lists what each address knows.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = wire::Problem {
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            title: self.title,
            detail: self.detail,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        match refused {
            Refused::Policy(_) | Refused::Rule(_) | Refused::Other(_) => Problem::refused(refused.to_string()),
            Refused::UnknownDevice(_) => Problem::not_found(refused.to_string()),
            Refused::UnknownRule(_) => Problem::not_found(refused.to_string())
                .detail("Those of the configuration are changed there; `equalnet rules` lists all of them."),
        }
    }
}

/// A JSON body; whatever is wrong with it is a [`Problem`].
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Body(body)),
            Err(rejection) => Err(unreadable(&rejection)),
        }
    }
}

fn unreadable(rejection: &JsonRejection) -> Problem {
    let title = match rejection {
        JsonRejection::JsonDataError(_) => "The body does not say what is needed here.",
        JsonRejection::JsonSyntaxError(_) => "The body is not JSON.",
        JsonRejection::MissingJsonContentType(_) => "The body must be JSON: send `Content-Type: application/json`.",
        _ => "The body cannot be read.",
    };
    Problem::new(rejection.status(), "invalid", title).detail(rejection.body_text())
}

/// Parameters of the query; whatever is wrong with them is a [`Problem`].
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query: Result<axum::extract::Query<T>, QueryRejection> =
            axum::extract::Query::from_request_parts(parts, state).await;
        match query {
            Ok(axum::extract::Query(query)) => Ok(Query(query)),
            Err(rejection) => {
                Err(Problem::invalid("The query does not say what is needed here.").detail(rejection.body_text()))
            }
        }
    }
}

/// A part of the path; whatever is wrong with it is a [`Problem`].
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path: Result<axum::extract::Path<T>, PathRejection> =
            axum::extract::Path::from_request_parts(parts, state).await;
        match path {
            Ok(axum::extract::Path(path)) => Ok(Path(path)),
            Err(rejection) => Err(Problem::not_found("There is no such address.").detail(rejection.body_text())),
        }
    }
}
