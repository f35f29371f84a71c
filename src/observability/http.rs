//! HTTP requests in traces and metrics, with the names of OpenTelemetry's conventions.

use std::sync::LazyLock;
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use opentelemetry::metrics::Histogram;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::Status;
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::SCOPE;

/// The conventions' bounds of the buckets, in seconds.
const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

static DURATIONS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    global::meter(SCOPE)
        .f64_histogram("http.server.request.duration")
        .with_unit("s")
        .with_description("How long HTTP requests took until their answers began.")
        .with_boundaries(SECONDS.to_vec())
        .build()
});

/// A request and its answer: no addresses, parameters or bodies.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// As [`method_name`] has it.
    pub method: &'static str,
    /// The route with its placeholders, not the path.
    pub route: &'a str,
    /// The status code of the answer.
    pub status: u16,
    /// The time from the request to the answer.
    pub time: Duration,
}

impl Answered<'_> {
    /// Adds the answer to the request's span, and counts it.
    pub fn note(self, span: &Span) {
        let status = i64::from(self.status);
        span.set_attribute("http.request.method", self.method);
        span.set_attribute("http.route", self.route.to_owned());
        span.set_attribute("http.response.status_code", status);
        if self.status >= 500 {
            span.set_status(Status::error(""));
        }
        let attributes = [
            KeyValue::new("http.request.method", self.method),
            KeyValue::new("http.route", self.route.to_owned()),
            KeyValue::new("http.response.status_code", status),
        ];
        DURATIONS.record(self.time.as_secs_f64(), &attributes);
    }
}

/// The method, if it is one of HTTP's own: clients may send any word.
pub fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    ];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or("_OTHER")
}

/// Makes the span part of the trace that the client says the request belongs to (`traceparent`), where it says so. The span
/// must not have been entered.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    if !headers.contains_key("traceparent") {
        return;
    }
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    // Without an exporter there is no trace to continue.
    let _ = span.set_parent(parent);
}

/// Headers as the propagator reads them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_method_has_no_name_of_its_own() {
        assert_eq!(method_name(&Method::GET), "GET");
        let made_up = Method::from_bytes(b"ASHA").expect("a method");
        assert_eq!(method_name(&made_up), "_OTHER");
    }
}
