//! What commands say on standard error: the log and their own words, as text for people or as JSON lines for collectors.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use uuid::Uuid;

use super::json_lines::{JsonLines, said};

/// The form of what is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line, with the id of the run
    Json,
}

/// The id of this run of the command; set where the form is JSON.
static RUN: OnceLock<String> = OnceLock::new();

/// Sends the log to standard error: lines of `level` and above, or those that `PRAGATI_LOG` asks for.
pub fn start(level: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_env("PRAGATI_LOG").unwrap_or_else(|_| EnvFilter::new(format!("pragati={level}")));
    let log = tracing_subscriber::registry().with(filter);
    // Starting the log twice, as tests in one process do, has no effect.
    let _ = match format {
        LogFormat::Text => {
            // The ids of runs and requests, which our spans hold, are for collectors.
            let is_shown = filter_fn(|metadata| !(metadata.is_span() && metadata.target().starts_with("pragati")));
            let lines = tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_writer(io::stderr)
                .with_ansi(io::stderr().is_terminal());
            log.with(lines.with_filter(is_shown)).try_init()
        }
        LogFormat::Json => {
            let run = RUN.get_or_init(|| Uuid::now_v7().to_string());
            let lines = tracing_subscriber::fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(false)
                .fmt_fields(JsonFields::new())
                .event_format(JsonLines::new(run));
            log.with(lines).try_init()
        }
    };
}

/// Says what a command has done, or does.
pub fn say(words: &str) {
    match RUN.get() {
        Some(run) => eprintln!("{}", said("INFO", run, words)),
        None => eprintln!("{words}"),
    }
}

/// Says why a command failed.
pub fn complain(words: &str) {
    match RUN.get() {
        Some(run) => eprintln!("{}", said("ERROR", run, words.trim_start_matches("error: "))),
        None => eprintln!("{words}"),
    }
}
