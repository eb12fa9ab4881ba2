//! The dashboard: the build of `web/`, embedded in the program.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dashboard;

/// What is shown where the dashboard was not built.
const NOTICE: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">
<title>EqualNet</title>
<body style=\"font-family: sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem\">
<h1>EqualNet is running</h1>
<p>This program was built without its dashboard. Build it with <code>cargo xtask web</code>, then build again.</p>
<p>Meanwhile <code>equalnet status</code> tells how everything is, and <a href=\"/api/v1/openapi.json\">the API</a> works.</p>
</body></html>
";

/// A file of the dashboard; any other address is one of its pages, which it finds by itself.
pub(crate) async fn get(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return Problem::method_not_allowed().into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Dashboard::get(path) {
        return answer(path, file, &headers);
    }
    // Whoever asks for a file wants that file, not a page.
    if path.rsplit('/').next().is_some_and(|name| name.contains('.')) {
        return Problem::not_found("There is no such file.").into_response();
    }
    match Dashboard::get("index.html") {
        Some(index) => answer("index.html", index, &headers),
        None => ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], NOTICE)
            .into_response(),
    }
}

fn answer(path: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        tag.push_str(&format!("{byte:02x}"));
    }
    tag.push('"');
    // Vite puts the hash of its content into the name of each file under assets/.
    let kept = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = file.metadata.mimetype().to_owned();
        let mut response = Response::new(Body::from(file.data));
        if let Ok(kind) = HeaderValue::from_str(&kind) {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        response
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
