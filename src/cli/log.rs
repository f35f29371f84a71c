//! The messages of commands on standard error: the log and their own messages, as text for people or as JSON lines for
//! collectors.

use std::io::{self, IsTerminal};
use std::sync::{LazyLock, OnceLock};

use clap::ValueEnum;
use pragati::config::OpenTelemetryConfig;
use pragati::observability;
use tracing::Metadata;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};
use uuid::Uuid;

use super::json_lines::{JsonLines, said};

/// The form of messages on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line, with the id of the run
    Json,
}

/// The id of this run of the command, for lines of JSON and for traces.
static RUN: LazyLock<String> = LazyLock::new(|| Uuid::now_v7().to_string());

/// The form of messages, once the log has started.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Sends the log to standard error: lines of `level` and above, or those that `PRAGATI_LOG` asks for; and traces and
/// metrics to where `opentelemetry` and the environment say.
pub fn start(level: &str, format: LogFormat, opentelemetry: Option<&OpenTelemetryConfig>) {
    let filter = EnvFilter::try_from_env("PRAGATI_LOG").unwrap_or_else(|_| EnvFilter::new(format!("pragati={level}")));
    let _ = FORMAT.set(format);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => {
            // The ids of runs and requests, which our spans hold, are for collectors.
            let is_shown = filter_fn(|metadata| !is_own_span(metadata)).with_max_level_hint(LevelFilter::TRACE);
            let lines = tracing_subscriber::fmt::layer::<Registry>()
                .with_target(false)
                .with_writer(io::stderr)
                .with_ansi(io::stderr().is_terminal());
            Box::new(lines.with_filter(filter.and(is_shown)))
        }
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer::<Registry>()
                .with_writer(io::stderr)
                .with_ansi(false)
                .fmt_fields(JsonFields::new())
                .event_format(JsonLines::new(RUN.as_str()));
            Box::new(lines.with_filter(filter))
        }
    };
    let started = opentelemetry.map(|config| observability::start(config, RUN.as_str()));
    let (tracer, trouble) = match started {
        None => (None, None),
        Some(Ok(tracer)) => (tracer, None),
        Some(Err(error)) => (None, Some(error)),
    };
    let log = tracing_subscriber::registry().with(lines);
    // Starting the log twice, as tests in one process do, has no effect.
    let _ = match tracer {
        None => log.try_init(),
        Some(tracer) => {
            // Our spans are of the highest level.
            let is_sent = filter_fn(is_own_span).with_max_level_hint(LevelFilter::ERROR);
            let traces = tracing_opentelemetry::layer()
                .with_tracer(tracer)
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_target(false)
                .with_level(false);
            log.with(traces.with_filter(is_sent)).try_init()
        }
    };
    if let Some(error) = trouble {
        tracing::warn!("no traces and metrics are sent: {error}");
    }
}

/// Whether it is a span of this program; fields of libraries' spans may hold anything.
fn is_own_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("pragati")
}

/// Writes a message of the command itself, as opposed to a line of the log.
pub fn say(words: &str) {
    match FORMAT.get() {
        Some(LogFormat::Json) => eprintln!("{}", said("INFO", RUN.as_str(), words)),
        _ => eprintln!("{words}"),
    }
}

/// Writes the error of a command that failed.
pub fn complain(words: &str) {
    match FORMAT.get() {
        Some(LogFormat::Json) => {
            eprintln!("{}", said("ERROR", RUN.as_str(), words.trim_start_matches("error: ")));
        }
        _ => eprintln!("{words}"),
    }
}
