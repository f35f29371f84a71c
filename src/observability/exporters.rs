//! Starts the exporters of traces and metrics, and ends them when the program ends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Handle;

use super::SCOPE;
use super::client::Client;
use super::in_runtime::InRuntime;
use super::target::{Signal, target};
use crate::config::{ConfigError, OpenTelemetryConfig};

/// How long the end of the program may wait until the last spans are sent.
const TIME_TO_FLUSH: Duration = Duration::from_secs(5);

static EXPORTERS: OnceLock<Exporters> = OnceLock::new();

/// Why nothing is sent.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum ObservabilityError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Target(String),
    #[error("{0}")]
    Exporter(#[from] ExporterBuildError),
    #[error("TLS cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}

/// The providers to shut down at the end.
struct Exporters {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    health: Health,
}

/// Starts what the settings and the environment ask for, once in a process, within a Tokio runtime; `run` is the id of
/// the run. Returns what spans are given to, where traces are sent.
///
/// # Errors
/// Where a setting is wrong; nothing is sent then.
pub fn start(config: &OpenTelemetryConfig, run: &str) -> Result<Option<SdkTracer>, ObservabilityError> {
    let Ok(runtime) = Handle::try_current() else {
        return Ok(None);
    };
    if EXPORTERS.get().is_some() {
        return Ok(None);
    }
    let variable = |name: &str| std::env::var(name).ok();
    let address = |signal| target(signal, config, variable).map_err(ObservabilityError::Target);
    let (traces, metrics) = (address(Signal::Traces)?, address(Signal::Metrics)?);
    if traces.is_none() && metrics.is_none() {
        return Ok(None);
    }
    let headers: HashMap<String, String> = config.headers()?.into_iter().collect();
    let resource = resource(config, run);
    let health = Health::default();
    let traces = match traces {
        None => None,
        Some(address) => {
            let exporter = opentelemetry_otlp::SpanExporter::builder()
                .with_http()
                .with_endpoint(&address)
                .with_http_client(Client::new()?)
                .with_headers(headers.clone())
                .build()?;
            let exporter = Watched::new(exporter, Signal::Traces, address, &runtime, &health);
            let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
            Some(provider.with_resource(resource.clone()).build())
        }
    };
    let metrics = match metrics {
        None => None,
        Some(address) => {
            let exporter = opentelemetry_otlp::MetricExporter::builder()
                .with_http()
                .with_endpoint(&address)
                .with_http_client(Client::new()?)
                .with_headers(headers)
                .build()?;
            let exporter = Watched::new(exporter, Signal::Metrics, address, &runtime, &health);
            let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter);
            let provider = provider.with_resource(resource).build();
            global::set_meter_provider(provider.clone());
            Some(provider)
        }
    };
    let tracer = traces.as_ref().map(|provider| provider.tracer(SCOPE));
    let exporters = Exporters {
        traces,
        metrics,
        health,
    };
    // It is set only here, because the log is started once.
    let _ = EXPORTERS.set(exporters);
    Ok(tracer)
}

/// Sends what is left, and ends the exporters. Must not be called on a thread of the runtime, which sends it.
pub fn stop() {
    let Some(exporters) = EXPORTERS.get() else { return };
    if let Some(traces) = &exporters.traces {
        exporters
            .health
            .ended(Signal::Traces, &traces.shutdown_with_timeout(TIME_TO_FLUSH));
    }
    if let Some(metrics) = &exporters.metrics {
        exporters
            .health
            .ended(Signal::Metrics, &metrics.shutdown_with_timeout(TIME_TO_FLUSH));
    }
}

/// The attributes of all spans and metrics of this process.
fn resource(config: &OpenTelemetryConfig, run: &str) -> Resource {
    let resource = Resource::builder();
    // The builder has read the variables already.
    let is_named = ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"].iter().any(|name| {
        let value = std::env::var(name).unwrap_or_default();
        !value.is_empty() && (*name == "OTEL_SERVICE_NAME" || value.contains("service.name="))
    });
    let resource = if is_named {
        resource
    } else {
        resource.with_service_name(config.service_name.clone())
    };
    resource
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", run.to_owned()),
        ])
        .build()
}

/// Whether something could not be sent, which is logged once.
#[derive(Debug, Clone, Default)]
struct Health {
    is_told: Arc<AtomicBool>,
}

impl Health {
    fn failed(&self, signal: Signal, address: &str, why: &OTelSdkError) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the {} of this program cannot be sent to {address}: {why}; its work goes on without; see that an OpenTelemetry collector \
                 listens there",
                signal.word()
            );
        }
    }

    /// Logs a failed shutdown of an exporter; the exporter itself logged failures to send.
    fn ended(&self, signal: Signal, ended: &OTelSdkResult) {
        if ended.is_err() && !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the last {} of this program were not sent in time; its work is done",
                signal.word()
            );
        }
    }
}

/// An exporter that runs within the runtime, and whose failures are logged.
#[derive(Debug)]
struct Watched<E> {
    exporter: E,
    signal: Signal,
    address: String,
    runtime: Handle,
    health: Health,
}

impl<E> Watched<E> {
    fn new(exporter: E, signal: Signal, address: String, runtime: &Handle, health: &Health) -> Self {
        Self {
            exporter,
            signal,
            address,
            runtime: runtime.clone(),
            health: health.clone(),
        }
    }

    fn watch(&self, sent: OTelSdkResult) -> OTelSdkResult {
        if let Err(error) = &sent {
            self.health.failed(self.signal, &self.address, error);
        }
        sent
    }
}

impl SpanExporter for Watched<opentelemetry_otlp::SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sending = self.exporter.export(batch);
        self.watch(InRuntime::new(self.runtime.clone(), sending).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl PushMetricExporter for Watched<opentelemetry_otlp::MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let sending = self.exporter.export(metrics);
        self.watch(InRuntime::new(self.runtime.clone(), sending).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
