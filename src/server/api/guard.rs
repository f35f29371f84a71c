//! What surrounds every answer: an id and a line in the log, safe headers, a limit of time, and no word about a panic.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::problem::{Problem, ProblemKind};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, which its answer and the log have, and logs what became of it: never what it asked for.
pub async fn log(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let start = Instant::now();
    let mut response = next.run(request).await;
    let route = route.as_ref().map_or("(no route)", MatchedPath::as_str);
    let (status, time) = (response.status().as_u16(), start.elapsed().as_millis());
    tracing::info!("{method} {route} {status} {time} ms {id}");
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Headers that keep browsers from doing more with an answer than showing or saving it.
pub async fn safe_headers(State(has_tls): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if has_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    set_unless_there(headers, CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn set_unless_there(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.entry(name).or_insert(value);
}

/// Gives up on an answer that does not begin in time.
pub async fn in_time(State(time): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("a request was given up after {} seconds", time.as_secs());
            Problem::new(
                ProblemKind::Unavailable,
                "It took too long. Try again in a little while.",
            )
            .retry_after(Duration::from_secs(30))
            .into_response()
        }
    }
}

/// The answer where a handler panicked.
pub fn after_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("the answer to a request panicked");
    Problem::internal().into_response()
}
