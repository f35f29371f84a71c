//! Work that is traced and measured: each piece is a span, and its time and end are counted.

use std::future::Future;
use std::sync::LazyLock;
use std::time::Instant;

use opentelemetry::metrics::{Gauge, Histogram};
use opentelemetry::trace::Status;
use opentelemetry::{KeyValue, global};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::SCOPE;

/// Bounds of the buckets, in seconds: from a click on a ready mart to a night of a large site.
const SECONDS: [f64; 12] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0];

static DURATIONS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    global::meter(SCOPE)
        .f64_histogram("pragati.work.duration")
        .with_unit("s")
        .with_description("How long pieces of work took, by their kind and whether they succeeded.")
        .with_boundaries(SECONDS.to_vec())
        .build()
});

static REPORTS: LazyLock<Gauge<u64>> = LazyLock::new(|| {
    global::meter(SCOPE)
        .u64_gauge("pragati.nightly.reports")
        .with_unit("{report}")
        .with_description("Reports that the nightly run published.")
        .build()
});

static ROWS: LazyLock<Gauge<u64>> = LazyLock::new(|| {
    global::meter(SCOPE)
        .u64_gauge("pragati.nightly.rows")
        .with_unit("{row}")
        .with_description("Rows of all reports that the nightly run published.")
        .build()
});

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A nightly run, from its first read to what was published.
    Nightly,
    /// One report: of the command `report`, or the file of a request.
    Report,
    /// One mail, with a report or about a failure.
    Mail,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Nightly => "nightly",
            Self::Report => "report",
            Self::Mail => "mail",
        }
    }

    /// A span of the highest level, so that it is made whichever lines are logged.
    fn span(self) -> Span {
        match self {
            Self::Nightly => tracing::error_span!("nightly"),
            Self::Report => tracing::error_span!("report"),
            Self::Mail => tracing::error_span!("mail"),
        }
    }
}

/// Does the work in a span of its own, and counts its time and whether it succeeded. Work that is dropped before its end is
/// not counted.
///
/// # Errors
/// The errors of the work.
pub async fn observed<T, E>(work: Work, doing: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let (start, span) = (Instant::now(), work.span());
    let result = Box::pin(doing).instrument(span.clone()).await;
    if result.is_err() {
        // The words of an error are in the log.
        span.set_status(Status::error(""));
    }
    let outcome = if result.is_ok() { "done" } else { "failed" };
    let attributes = [KeyValue::new("work", work.name()), KeyValue::new("outcome", outcome)];
    DURATIONS.record(start.elapsed().as_secs_f64(), &attributes);
    result
}

/// Adds what a nightly run published to its span.
pub fn nightly_published(reports: u64, rows: u64) {
    REPORTS.record(reports, &[]);
    ROWS.record(rows, &[]);
}
