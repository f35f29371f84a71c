//! Lines of the log as JSON objects: the time, the level, the id of the run, those of our spans (the request's id), the
//! message, and the event's other fields.

use std::fmt::{self, Debug};

use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes events of one run. The fields of spans must be formatted as JSON.
pub struct JsonLines {
    run: &'static str,
}

impl JsonLines {
    /// A formatter for the run with this id.
    pub fn new(run: &'static str) -> Self {
        Self { run }
    }
}

/// One line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    time: String,
    level: &'a str,
    run: &'a str,
    /// The fields of our spans.
    #[serde(flatten)]
    spans: Map<String, Value>,
    target: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
}

impl Line<'_> {
    fn text(&self) -> Result<String, fmt::Error> {
        serde_json::to_string(self).map_err(|_| fmt::Error)
    }
}

/// The line for a message of the command itself.
pub fn said(level: &str, run: &str, words: &str) -> String {
    let line = Line {
        time: now(),
        level,
        run,
        spans: Map::new(),
        target: "pragati",
        message: words,
        fields: Map::new(),
    };
    line.text().unwrap_or_default()
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true)
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut found = Fields::default();
        event.record(&mut found);
        let mut spans = Map::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            // Fields of libraries' spans may hold anything.
            if !span.metadata().target().starts_with("pragati") {
                continue;
            }
            let extensions = span.extensions();
            let recorded = extensions.get::<FormattedFields<N>>();
            let recorded = recorded.map_or("", |fields| fields.fields.as_str());
            if let Ok(fields) = serde_json::from_str::<Map<String, Value>>(recorded) {
                // Fields for OpenTelemetry alone are called `otel.…`.
                spans.extend(fields.into_iter().filter(|(name, _)| !name.starts_with("otel.")));
            }
        }
        let metadata = event.metadata();
        let line = Line {
            time: now(),
            level: metadata.level().as_str(),
            run: self.run,
            spans,
            target: found.target.as_deref().unwrap_or(metadata.target()),
            message: &found.message,
            fields: found.others,
        };
        writeln!(writer, "{}", line.text()?)
    }
}

/// The fields of an event.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    /// Fields of an event that a library logged through the crate `log`.
    target: Option<String>,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("log.target", Value::String(text)) => self.target = Some(text),
            (name, _) if name.starts_with("log.") => {}
            (name, value) => {
                self.others.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::String(value.to_owned()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_object_whatever_is_said() {
        let line = said("INFO", "r1", "a \"quoted\"\nword");
        assert_eq!(line.lines().count(), 1, "{line}");
        let object: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(object["message"], "a \"quoted\"\nword");
        assert_eq!(object["run"], "r1");
        assert_eq!(object.get("fields"), None);
    }
}
