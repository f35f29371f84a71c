//! Traces and metrics for an OpenTelemetry collector (OTLP over HTTP, protobuf); off unless an endpoint is set.
//!
//! Traces are made of the spans of `tracing` in this program. Neither spans nor metrics hold personal data: ids of runs and
//! requests, routes, kinds of work, counts and times. What cannot be sent is one warning, and no work waits for it.

mod client;
mod exporters;
mod http;
mod in_runtime;
mod target;
mod work;

pub use exporters::{ObservabilityError, start, stop};
pub use http::{Answered, continue_trace, method_name};
pub use work::{Work, nightly_published, observed};

/// The name under which instruments and spans are made.
const SCOPE: &str = "pragati";
