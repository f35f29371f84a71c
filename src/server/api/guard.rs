//! The layers around every answer: a request id, a log line, security headers, a time limit, and the answer after a
//! panic.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;
use uuid::Uuid;

use super::problem::{Problem, ProblemKind};
use crate::observability::{Answered, continue_trace, method_name};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps the routes; their answers must begin within `answer_time`.
pub fn around(routes: Router, answer_time: Duration, has_tls: bool) -> Router {
    routes
        .layer(from_fn_with_state(answer_time, in_time))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(from_fn_with_state(has_tls, safe_headers))
        .layer(from_fn(log))
}

/// Gives the request an id, for its answer and the log, and logs the outcome: never parameters or bodies.
async fn log(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let start = Instant::now();
    // A span of level error, so that the id is in all lines whatever the log level.
    let name = method_name(&method);
    let shown_route = route.as_ref().map_or("(no route)", MatchedPath::as_str);
    let span = tracing::error_span!(
        "http",
        request = %id,
        otel.name = %format!("{name} {shown_route}"),
        otel.kind = "server"
    );
    continue_trace(&span, request.headers());
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, time) = (response.status().as_u16(), start.elapsed());
    let answered = Answered {
        method: name,
        route: shown_route,
        status,
        time,
    };
    answered.note(&span);
    let time = time.as_millis();
    span.in_scope(|| tracing::info!("{method} {shown_route} {status} {time} ms {id}"));
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Security headers: browsers may only show or save an answer.
async fn safe_headers(State(has_tls): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [(X_CONTENT_TYPE_OPTIONS, "nosniff"), (X_FRAME_OPTIONS, "DENY")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if has_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Pages set their own policies, under which they can run.
    set_unless_there(headers, REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    set_unless_there(headers, CONTENT_SECURITY_POLICY, policy);
    set_unless_there(headers, CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn set_unless_there(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.entry(name).or_insert(value);
}

/// Answers with a problem where a handler does not answer in time.
async fn in_time(State(time): State<Duration>, request: Request, next: Next) -> Response {
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

/// The answer after a handler panicked, without details.
fn after_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("the answer to a request panicked");
    Problem::internal().into_response()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
    use axum::routing::get;
    use serde_json::Value;
    use tower::ServiceExt;
    use tracing_subscriber::fmt::MakeWriter;

    use super::super::problem::PROBLEM_JSON;
    use super::*;

    /// Collects what is logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("the log").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Log {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    async fn answer(path: &str) -> (Response, String) {
        let routes = Router::new()
            .route("/reports/{id}", get(async || "fine"))
            .route("/panic", get(async || -> &'static str { panic!("asha@example.org") }))
            .route("/slow", get(async || tokio::time::sleep(Duration::from_secs(60)).await));
        let request = Request::builder()
            .uri(path)
            .header(AUTHORIZATION, "Bearer secret")
            .body(Body::empty())
            .expect("a request");
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE)
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let answer = around(routes, Duration::from_millis(50), false).oneshot(request).await;
        drop(guard);
        let log = String::from_utf8(log.0.lock().expect("the log").clone()).expect("UTF-8");
        (answer.expect("an answer"), log)
    }

    #[tokio::test]
    async fn the_log_has_routes_and_no_personal_data() {
        let (response, log) = answer("/reports/asha?email=asha@example.org").await;
        assert_eq!(response.status(), StatusCode::OK);
        let id = response.headers()[REQUEST_ID].to_str().expect("an id");
        assert!(log.contains("GET /reports/{id} 200 ") && log.contains(id), "{log}");
        assert!(!log.contains("asha") && !log.contains("secret"), "{log}");
        let (_, log) = answer("/asha").await;
        assert!(log.contains("(no route) 404") && !log.contains("asha"), "{log}");
    }

    #[tokio::test]
    async fn a_panic_and_a_delay_are_problems_without_details() {
        for (path, status) in [("/panic", 500), ("/slow", 503)] {
            let (response, log) = answer(path).await;
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_JSON);
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
            let body = to_bytes(response.into_body(), 10_000).await.expect("a body");
            let problem: Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(problem["status"], status);
            assert!(!problem.to_string().contains("asha"), "{problem}");
            assert!(!log.contains("asha") && log.contains("ERROR"), "{log}");
        }
    }
}
