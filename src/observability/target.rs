//! Where traces and metrics are sent: the standard variables `OTEL_…` first, then the settings.

use crate::config::{OpenTelemetryConfig, collector_url};

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    /// Its name in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }

    /// The path below the address of a collector.
    fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
        }
    }

    /// The variable with the whole address for this signal.
    fn endpoint_variable(self) -> &'static str {
        match self {
            Self::Traces => "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            Self::Metrics => "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        }
    }

    /// The variable that names the exporter: `otlp`, or `none`.
    fn exporter_variable(self) -> &'static str {
        match self {
            Self::Traces => "OTEL_TRACES_EXPORTER",
            Self::Metrics => "OTEL_METRICS_EXPORTER",
        }
    }

    fn is_set_on(self, config: &OpenTelemetryConfig) -> bool {
        match self {
            Self::Traces => config.traces,
            Self::Metrics => config.metrics,
        }
    }
}

/// The address that the signal is sent to; none where it is not sent. `variable` looks up the environment.
///
/// # Errors
/// Where the address is one that cannot be sent to: the variable, and what is wrong.
pub fn target(
    signal: Signal,
    config: &OpenTelemetryConfig,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, String> {
    let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let is_off = given("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || given(signal.exporter_variable()).is_some_and(|value| value.eq_ignore_ascii_case("none"));
    if is_off || !signal.is_set_on(config) {
        return Ok(None);
    }
    let below = |address: &str| format!("{}{}", address.trim_end_matches('/'), signal.path());
    let (name, address) = if let Some(address) = given(signal.endpoint_variable()) {
        (signal.endpoint_variable(), address)
    } else if let Some(address) = given("OTEL_EXPORTER_OTLP_ENDPOINT") {
        ("OTEL_EXPORTER_OTLP_ENDPOINT", below(address.trim()))
    } else if let Some(address) = &config.endpoint {
        ("opentelemetry.endpoint", below(address))
    } else {
        return Ok(None);
    };
    let url = collector_url(address.trim()).map_err(|fault| format!("{name}: {fault}"))?;
    Ok(Some(url.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_to(signal: Signal, endpoint: Option<&str>, environment: &[(&str, &str)]) -> Result<Option<String>, String> {
        let config = OpenTelemetryConfig {
            endpoint: endpoint.map(str::to_owned),
            ..OpenTelemetryConfig::default()
        };
        target(signal, &config, |name| {
            let found = environment.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_wins_and_without_an_address_nothing_is_sent() {
        let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b:4318/");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/own");
        let file = Some("http://a:4318");
        for (endpoint, environment, traces, metrics) in [
            (None, vec![], None, None),
            (
                file,
                vec![],
                Some("http://a:4318/v1/traces"),
                Some("http://a:4318/v1/metrics"),
            ),
            (
                file,
                vec![general],
                Some("http://b:4318/v1/traces"),
                Some("http://b:4318/v1/metrics"),
            ),
            (
                None,
                vec![general, own],
                Some("http://c:4318/own"),
                Some("http://b:4318/v1/metrics"),
            ),
            (None, vec![own], Some("http://c:4318/own"), None),
            (
                file,
                vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
                Some("http://a:4318/v1/traces"),
                Some("http://a:4318/v1/metrics"),
            ),
            (file, vec![general, ("OTEL_SDK_DISABLED", "true")], None, None),
            (
                file,
                vec![("OTEL_METRICS_EXPORTER", "none")],
                Some("http://a:4318/v1/traces"),
                None,
            ),
        ] {
            let found = sent_to(Signal::Traces, endpoint, &environment).expect("traces");
            assert_eq!(found.as_deref(), traces, "{environment:?}");
            let found = sent_to(Signal::Metrics, endpoint, &environment).expect("metrics");
            assert_eq!(found.as_deref(), metrics, "{environment:?}");
        }
    }

    #[test]
    fn a_wrong_address_names_its_variable() {
        let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://collector:4317")];
        let fault = sent_to(Signal::Traces, None, &environment).expect_err("no HTTP");
        assert!(fault.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT: "), "{fault}");
    }

    #[test]
    fn each_signal_can_be_switched_off() {
        let config = OpenTelemetryConfig {
            endpoint: Some("http://a:4318".to_owned()),
            traces: false,
            ..OpenTelemetryConfig::default()
        };
        assert_eq!(target(Signal::Traces, &config, |_| None), Ok(None));
        let metrics = target(Signal::Metrics, &config, |_| None);
        assert_eq!(metrics, Ok(Some("http://a:4318/v1/metrics".to_owned())));
    }
}
