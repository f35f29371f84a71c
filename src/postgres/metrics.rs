//! Prometheus metrics of the endpoint: connections, logins, queries and rows.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Bounds of the histogram, in seconds.
const SECONDS: [f64; 11] = [0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0];
const PREFIX: &str = "pragati_postgres";

/// How a query may end.
const OUTCOMES: [&str; 5] = ["answered", "failed", "refused", "cancelled", "timed_out"];
/// How a login may end.
const LOGINS: [&str; 3] = ["accepted", "refused", "too_many_connections"];

/// Counters of this process.
#[derive(Debug)]
pub struct PostgresMetrics {
    registry: Registry,
    /// Clients that are connected now.
    pub connections: Gauge,
    /// Queries that run now.
    pub running: Gauge,
    logins: Family<OutcomeLabel, Counter>,
    queries: Family<OutcomeLabel, Counter>,
    seconds: Histogram,
    rows: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

impl Default for PostgresMetrics {
    /// Counters at zero.
    fn default() -> Self {
        let (connections, running) = (Gauge::default(), Gauge::default());
        let (logins, queries) = (Family::default(), Family::default());
        let (seconds, rows) = (Histogram::new(SECONDS), Counter::default());
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register("connections", "Clients that are connected", connections.clone());
        registry.register("queries_running", "Queries that run", running.clone());
        registry.register("logins", "Logins by outcome", logins.clone());
        registry.register("queries", "Statements that ended, by outcome", queries.clone());
        registry.register_with_unit(
            "query",
            "Time from a query's start to its last row",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register("rows", "Rows that were sent", rows.clone());
        for outcome in LOGINS {
            drop(logins.get_or_create(&OutcomeLabel { outcome }));
        }
        for outcome in OUTCOMES {
            drop(queries.get_or_create(&OutcomeLabel { outcome }));
        }
        Self {
            registry,
            connections,
            running,
            logins,
            queries,
            seconds,
            rows,
        }
    }
}

impl PostgresMetrics {
    /// Counts an attempt to log in, by its outcome.
    pub fn login(&self, outcome: &'static str) {
        self.logins.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Counts a statement that ended.
    pub fn query(&self, outcome: &'static str, rows: u64, took: Duration) {
        self.queries.get_or_create(&OutcomeLabel { outcome }).inc();
        self.seconds.observe(took.as_secs_f64());
        self.rows.inc_by(rows);
    }

    /// In Prometheus' text format, without the mark of its end.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
